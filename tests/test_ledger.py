"""The ledger: exact counts of every network of the course, and tables that can be read."""

import importlib.util
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from course_utils.ledger import CONVENTION, GROUPS, Ledger, Row, compare, ledger
from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet

MODELS = Path(__file__).parent / "models"
FACTS = json.loads((MODELS / "facts_table.json").read_text())
ROWS = FACTS["variants"]["rows"]


def variants(name):
    """The table of variants of a test of the models: {row of the facts: arguments}."""
    spec = importlib.util.spec_from_file_location(f"variants_of_{name}", MODELS / f"test_{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.VARIANTS


NETWORKS = {row: (LeNet5, {"variant": name}) for row, name in variants("lenet5").items()}
for network, slug in ((AlexNet, "alexnet"), (VGG, "vgg"), (GoogLeNet, "googlenet")):
    NETWORKS |= {row: (network, options) for row, options in variants(slug).items()}
NETWORKS |= variants("resnet")


def on_meta(network, **options):
    with torch.device("meta"):
        return network(**options)


def test_every_row_of_the_facts_is_tested():
    assert set(NETWORKS) == set(ROWS)


@pytest.mark.parametrize("row", NETWORKS)
def test_totals_are_exact(row):
    network, options = NETWORKS[row]
    facts = ROWS[row]
    table = ledger(on_meta(network, **options), facts["input"])
    groups = table.groups()
    assert (table.parameters, table.macs) == (facts["params"], facts["macs"])
    assert groups["convolution"]["macs"] == facts["macs_conv"]
    assert groups["linear"]["macs"] == facts["macs_fc"]
    assert groups["normalisation"]["parameters"] == facts["bn_affine"]
    assert table.notes == ()


def test_the_course_networks_are_counted_without_loading_sympy():
    """Torch's meta kernels load it, which takes half a second; the ledger must not need them."""
    code = (
        "import sys, torch; from course_utils.ledger import ledger; "
        "from course_utils.models import *; torch.set_default_device('meta'); "
        "[ledger(m, s) for m, s in ((LeNet5(), (1, 32, 32)), (LeNet5('modern'), (1, 32, 32)), "
        "(AlexNet(), (3, 227, 227)), (VGG('A-LRN'), (3, 224, 224)), (GoogLeNet(), (3, 224, 224)), "
        "(ResNet(18, 'C'), (3, 64, 64)), (CifarResNet(20, 'A'), (3, 32, 32)))]; "
        "sys.exit('sympy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def row_of(table, name):
    (row,) = (row for row in table.rows if row.name == name)
    return row


def test_alexnet_is_the_table_of_the_paper():
    table = ledger(on_meta(AlexNet), (3, 227, 227))
    for fact in FACTS["alexnet"]["layers"]:
        row = row_of(table, fact["layer"])
        shape = fact["out_shape"] if isinstance(fact["out_shape"], list) else [fact["out_shape"]]
        assert (list(row.output_shape), row.parameters, row.macs) == (
            shape,
            fact["params"],
            fact["macs"],
        )
    assert table.units == 659_272  # the paper's "650,000 neurons"


def test_lenet5_is_the_table_of_the_paper():
    table = ledger(on_meta(LeNet5), (1, 32, 32))
    blocks = {block.name.upper(): block for block in table.blocks()}
    for fact in FACTS["lenet5"]["layers"]:
        if fact["layer"] in blocks:
            block = blocks[fact["layer"]]
            assert block.parameters == fact["trainable_params"]
            assert block.output_shape[0] == fact["maps"]
    assert list(blocks)[:6] == ["C1", "S2", "C3", "S4", "C5", "F6"]
    assert blocks["C3"].macs == 150_000


def test_stages_of_resnet_are_the_facts():
    blocks = {block.name: block for block in ledger(on_meta(ResNet, depth=18)).blocks()}
    for fact in FACTS["resnet"]["stages"]["18_B_v1"][1:]:
        block = blocks[fact["stage"]]
        assert (list(block.output_shape), block.parameters, block.macs) == (
            fact["out"],
            fact["params"],
            fact["macs"],
        )


FIELDS = {
    "LeNet-5 C5": (LeNet5, {}, (1, 32, 32), "c5"),
    "AlexNet conv5": (AlexNet, {}, (3, 227, 227), "conv5"),
    "AlexNet pool5": (AlexNet, {}, (3, 227, 227), "pool5"),
    "GoogLeNet 5b": (GoogLeNet, {"auxiliary": False}, (3, 224, 224), "inception5b"),
}
for letter, last in (("A", "5_2"), ("B", "5_2"), ("C", "5_3"), ("D", "5_3"), ("E", "5_4")):
    vgg = (VGG, {"configuration": letter}, (3, 224, 224))
    FIELDS[f"VGG {letter} last conv"] = (*vgg, f"block5.conv{last}")
    FIELDS[f"VGG {letter} pool5"] = (*vgg, "block5.pool5")
for depth, version, where in (
    (18, "v1", "3x3"),
    (34, "v1", "3x3"),
    *(
        (depth, version, where)
        for depth in (50, 101, 152)
        for version, where in (("v1", "1x1"), ("v1.5", "3x3"))
    ),
):
    options = {"depth": depth, "version": version}
    FIELDS[f"ResNet-{depth} stride on {where}"] = (ResNet, options, (3, 224, 224), "conv5_x")
for depth in (20, 56, 110):
    FIELDS[f"CIFAR ResNet-{depth}"] = (CifarResNet, {"depth": depth}, (3, 32, 32), "stage3")


def test_every_receptive_field_of_the_facts_is_tested():
    assert set(FIELDS) == set(FACTS["receptive_fields"]["rows"])


@pytest.mark.parametrize("row", FIELDS)
def test_receptive_fields_are_those_of_the_facts(row):
    network, options, shape, name = FIELDS[row]
    table = ledger(on_meta(network, **options), shape)
    found = [one.receptive_field for one in (*table.rows, *table.blocks()) if one.name == name]
    assert found[-1] == FACTS["receptive_fields"]["rows"][row]


@pytest.mark.parametrize(
    ("network", "options", "shape", "field"),
    [
        (AlexNet, {}, (3, 227, 227), 355),
        *(
            (VGG, {"configuration": c}, (3, 224, 224), f)
            for c, f in (("A", 342), ("B", 348), ("C", 348), ("D", 404), ("E", 460))
        ),
    ],
)
def test_fc6_is_a_kernel_over_all_of_pool5(network, options, shape, field):
    fc6 = row_of(ledger(on_meta(network, **options), shape), "fc6")
    assert (fc6.receptive_field, fc6.stride) == (field, 32)


# Whose parameters


class Odd(nn.Module):
    """Everything that makes counting hard, in one small network of 4 maps."""

    def __init__(self):
        super().__init__()
        self.twice = nn.Conv2d(4, 4, 3, padding=1)
        self.tied = nn.Conv2d(4, 4, 3, padding=1)
        self.tied.weight = self.twice.weight
        self.unused = nn.Conv2d(4, 4, 1)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))
        self.kernel = nn.Parameter(torch.ones(4, 4, 1, 1))
        self.forgotten = nn.Parameter(torch.ones(7))
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.relu(self.twice(x))
        x = self.relu(self.twice(x)) + x * self.scale
        return self.relu(nn.functional.conv2d(self.tied(x), self.kernel))


def test_every_parameter_is_counted_once_and_in_its_place():
    model = Odd()
    table = ledger(model, (4, 6, 6))
    assert table.parameters == sum(p.numel() for p in model.parameters())
    counts = {row.label: (row.parameters, row.macs) for row in table.rows if row.parameters}
    assert counts == {
        "twice": (148, 36 * 144),
        "mul": (4, 0),
        "tied": (4, 36 * 144),  # its bias; the weight is counted above
        "conv2d": (16, 36 * 16),
        "unused": (20, 0),
        "Odd": (7, 0),
    }
    again = next(row for row in table.rows if row.label == "twice (call 2)")
    assert (again.parameters, again.macs) == (0, 36 * 144)
    assert table.notes == (
        "not used in this forward pass (training mode): Odd, unused; 27 parameters",
        "twice is called 2 times: its parameters count once, its MACs each time",
        "tied.weight is the same tensor as twice.weight: counted once",
    )


def test_auxiliary_heads_count_in_training_only():
    model = on_meta(GoogLeNet, auxiliary=True)
    training, evaluation = ledger(model), ledger(model.eval())
    assert training.parameters == evaluation.parameters == 13_378_280
    assert training.macs == 1_591_044_096
    assert evaluation.macs == 1_582_671_872
    (note,) = evaluation.notes
    assert "evaluation mode" in note
    assert "auxiliary4a.fc1" in note
    assert "6,379,728 parameters" in note
    unused = row_of(evaluation, "auxiliary4a.fc1")
    assert (unused.output_shape, unused.category) == (None, "linear")


def test_products_of_activations_are_counted_and_noted():
    class Attention(nn.Module):
        def forward(self, x):
            return (x @ x.transpose(1, 2)).softmax(-1) @ x

    table = ledger(Attention(), (5, 3))
    assert table.macs == 2 * 5 * 5 * 3
    assert table.notes == ("150 of the MACs are products of two activations, not of a weight",)


def test_activations_are_the_numbers_put_out_and_aliases_are_none():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Identity(), nn.Flatten(), nn.Linear(32, 5)
    )
    table = ledger(model, (1, 6, 6))
    assert [row.activations for row in table.rows] == [32, 0, 0, 0, 5]
    assert (table.activations, table.units) == (37, 37)


def test_blocks_are_children_or_stages_and_add_up():
    model = nn.Sequential()
    model.add_module("stem", nn.Conv2d(3, 4, 3))
    model.add_module("norm", nn.BatchNorm2d(4))
    stages = [nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()) for _ in range(2)]
    model.add_module("stages", nn.Sequential(*stages))
    model.add_module("head", nn.Sequential(nn.Flatten(), nn.Linear(64, 2)))
    table = ledger(model, (3, 10, 10))
    blocks = table.blocks()
    assert [block.name for block in blocks] == ["stem", "stages.0", "stages.1", "head"]
    assert [block.layers for block in blocks] == [2, 2, 2, 2]
    assert sum(block.macs for block in blocks) == table.macs
    assert sum(block.parameters for block in blocks) == table.parameters
    assert sum(block.activations for block in blocks) == table.activations


def test_what_the_models_own_forward_does_belongs_to_the_block_before():
    assert {row.name: row.block for row in ledger(Odd(), (4, 6, 6)).rows}["add"] == "twice"


def test_a_model_that_is_one_layer():
    (row,) = ledger(nn.Linear(3, 4), (3,)).rows
    assert (row.name, row.block, row.parameters, row.macs) == ("Linear", "Linear", 16, 12)
    assert (row.receptive_field, row.stride) == (None, None)


def test_a_model_without_rows():
    table = Ledger("Nothing", (3, 4, 4), ())
    assert (len(table), table.macs, table.blocks()) == (0, 0, ())
    assert "total" in repr(table)
    assert "<tfoot>" in table._repr_html_()


def test_stride_below_one_after_upsampling():
    table = ledger(nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=4)), (1, 8, 8))
    assert [row.stride for row in table.rows] == [2, 0.5]


# Tables


def small():
    return ledger(nn.Sequential(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)), (1, 28, 28))


def test_text_table():
    assert repr(small()) == (
        f"Sequential on 1×28×28 ({CONVENTION})\n"
        "layer  kind         output  parameters     MACs  activations  field  stride\n"
        "---------------------------------------------------------------------------\n"
        "0      Conv2d     20×24×24         520  288,000       11,520      5       1\n"
        "1      ReLU       20×24×24           0        0       11,520      5       1\n"
        "2      MaxPool2d  20×12×12           0        0        2,880      6       2\n"
        "total                              520  288,000       25,920"
    )


class Outline(HTMLParser):
    """Checks that tags are closed in order, and collects the tables."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.cells = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.tags.append((tag, dict(attributes)))
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data


@pytest.mark.parametrize(
    "made",
    [
        small,
        lambda: ledger(on_meta(ResNet, depth=18)),
        lambda: compare([small(), ledger(on_meta(LeNet5), (1, 32, 32))]),
    ],
    ids=["small", "folded", "comparison"],
)
def test_html_is_well_formed_and_has_headings(made):
    shown = made()
    text = shown._repr_html_()
    outline = Outline(text)
    assert text == made()._repr_html_()  # the same each time
    tables = sum(tag == "table" for tag, _ in outline.tags)
    assert sum(tag == "caption" for tag, _ in outline.tags) == tables
    assert CONVENTION in text
    for tag, attributes in outline.tags:
        if tag == "th":
            assert attributes["scope"] in ("col", "row", "colgroup", "rowgroup")
    assert "<script" not in text


def test_html_has_the_numbers_of_the_rows_aligned_right():
    text = small()._repr_html_()
    outline = Outline(text)
    for number in ("520", "288,000", "11,520", "20×24×24"):
        assert number in outline.cells
    assert re.search(r"text-align:right[^>]*>288,000<", text)


def test_html_escapes_names():
    row = Row("a<b>", "K&R", (1,), 1, 1, 1, 1, 1, "a<b>", "other")
    text = Ledger("<model>", (1,), [row, row], ["x < y"])._repr_html_()
    assert "<b>&lt;model&gt;</b>" in text
    assert "a<b>" not in text
    assert "x &lt; y" in text


def test_long_tables_are_folded():
    table = ledger(on_meta(ResNet, depth=18))
    text = table._repr_html_()
    assert f"<details><summary>All {len(table)} layers</summary>" in text
    assert text.index("conv5_x") < text.index("<details>")


def test_rows_as_dictionaries():
    rows = small().to_dicts()
    assert rows[0] == {
        "name": "0",
        "kind": "Conv2d",
        "output_shape": (20, 24, 24),
        "parameters": 520,
        "macs": 288_000,
        "activations": 11_520,
        "receptive_field": 5,
        "stride": 1,
        "block": "0",
        "category": "convolution",
        "call": 1,
    }


def test_comparison():
    vgg = ledger(on_meta(VGG), name="VGG-16")
    resnet = ledger(on_meta(ResNet, depth=50), name="ResNet-50")
    comparison = compare([vgg, resnet])
    first, second = comparison.to_dicts()
    assert (first["name"], second["name"]) == ("VGG-16", "ResNet-50")
    assert first["groups"]["linear"]["parameters"] == 123_642_856
    assert set(first["groups"]) == set(GROUPS)
    assert sum(group["macs"] for group in second["groups"].values()) == resnet.macs
    assert [block["name"] for block in first["blocks"]] == [b.name for b in vgg.blocks()]
    lines = repr(comparison).splitlines()
    assert lines[0].split() == ["network", "VGG-16", "ResNet-50"]
    assert ["params:", "linear", "89.4", "%", "8.0", "%"] in [line.split() for line in lines]
    assert CONVENTION in lines[-1]


def test_shares_never_round_to_nothing_or_to_all():
    table = ledger(nn.Sequential(nn.Conv2d(1, 999, 3), nn.Flatten(), nn.Linear(999, 1)), (1, 3, 3))
    nearly = ledger(
        nn.Sequential(nn.Linear(20_000, 1), nn.Unflatten(1, (1, 1)), nn.Conv1d(1, 1, 1)), (20_000,)
    )
    assert "99.9 %" in repr(compare([nearly]))
    assert "< 0.1 %" in repr(compare([nearly]))
    assert "100.0 %" not in repr(compare([nearly, table]))


# Bad input


@pytest.mark.parametrize(
    "shape", [(), 224, None, "224", (3, 0, 4), (3, -1), (3.0, 4, 4), ("3", 4), (3, None)]
)
def test_wrong_input_shape(shape):
    with pytest.raises(ValueError, match="input_shape must be .* such as .*; got"):
        ledger(nn.ReLU(), shape)


def test_input_shape_may_be_any_sequence_of_integers():
    assert ledger(nn.ReLU(), [3, 4, 4]).input_shape == (3, 4, 4)
    assert ledger(nn.ReLU(), torch.Size([3, 4])).input_shape == (3, 4)


@pytest.mark.parametrize(
    "model", [VGG, "VGG", None, torch.relu], ids=["class", "name", "none", "function"]
)
def test_what_is_no_module(model):
    with pytest.raises(TypeError, match="model must be an nn.Module, got"):
        ledger(model)


def test_lazy_layers_are_refused_until_they_have_a_shape():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d())
    with pytest.raises(ValueError, match="lazy layer: 0.weight"):
        ledger(model, (3, 8, 8))
    model(torch.zeros(1, 3, 8, 8))
    assert ledger(model, (3, 8, 8)).parameters == 112 + 8


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_torchscript_is_refused():
    with pytest.raises(ValueError, match="TorchScript"):
        ledger(nn.Sequential(torch.jit.script(nn.Conv2d(3, 4, 3))), (3, 8, 8))


def test_the_models_own_error_passes_through():
    with pytest.raises(ValueError, match="224") as caught:
        ledger(on_meta(VGG), (3, 200, 200))
    assert "ledger: raised in VGG" in caught.value.__notes__[0]


def test_attention_of_torch_is_counted_as_any_other():
    """One row of its own output, and its products of activations are told from its weights."""
    model = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    for mode in (True, False):
        table = ledger(model.train(mode), (10, 16))
        row = row_of(table, "self_attn")
        products = 2 * 10 * 10 * 16
        assert (row.kind, row.output_shape, row.parameters) == (
            "MultiheadAttention",
            (10, 16),
            1088,
        )
        assert row.macs == 10 * 16 * 16 * 4 + products
        assert f"{products:,} of the MACs are products of two activations" in table.notes[0]
        assert not any("softmax" in note for note in table.notes)


class Applies(nn.Module):
    def __init__(self, forward, **parts):
        super().__init__()
        self.function = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def quantised():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4))
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear})


@pytest.mark.filterwarnings("ignore:.*torch.ao.*", "ignore:.*quantiz.*")
@pytest.mark.parametrize(
    ("build", "shape", "words"),
    [
        (lambda: nn.Conv2d(3, 4, 3), (1, 3, 224, 224),
         r"without the batch axis, got \(1, 3, 224, 224\); the model runs on one image of \(3, 22"),
        (lambda: nn.Conv1d(3, 4, 3), (8, 3, 30), r"without the batch axis, got \(8, 3, 30\)"),
        (lambda: on_meta(LeNet5), (1, 1, 32, 32), "without the batch axis"),
        (quantised, (3, 4), r"got the quantised layer '1' \(Linear\)"),
        (lambda: Applies(lambda net, x: torch.vmap(net.fc)(x), fc=nn.Linear(8, 4)), (5, 8),
         "cannot look into torch.vmap .* call the layers on the whole batch"),
        (lambda: Applies(lambda net, x: torch.func.vmap(torch.relu)(x)), (5, 8), "torch.vmap"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_said(build, shape, words):
    with pytest.raises(ValueError, match=words):
        ledger(build(), shape)


def test_what_a_hook_keeps_stays_as_it_was():
    kept, lines = {"conv": "from the last image"}, []
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    model[0].register_forward_hook(lambda module, inputs, output: kept.update(conv=output))
    model[1].register_forward_pre_hook(lambda module, inputs: lines.append(inputs))
    table = ledger(model, (3, 8, 8))
    assert kept == {"conv": "from the last image"} and lines == []
    assert table.notes == (
        "2 forward hooks of yours did not run: what a hook keeps stays as it was, and what it "
        "computes is not counted",
    )
    model(torch.ones(1, 3, 8, 8))
    assert kept["conv"].shape == (1, 4, 6, 6) and len(lines) == 1
    assert ledger(prune.identity(nn.Linear(3, 4), "weight"), (3,)).notes == ()  # torch's own


def test_what_a_forward_pass_keeps_stays_as_it_was():
    def forward(net, x):
        net.features["last"] = x
        net.seen.append(x)
        net.calls += 1
        net.table[0] = 7
        net.made = nn.Linear(2, 2)
        return net.norms[0](x)

    kept = {"features": {"last": 1}, "seen": [2], "calls": 3}
    model = Applies(forward, table=torch.ones(2), norms=[nn.BatchNorm2d(3)], **kept)
    features, modules = model.features, dict(model._modules)
    ledger(model, (3, 8, 8))
    assert {name: getattr(model, name) for name in kept} == kept and model.features is features
    assert model.table.tolist() == [1, 1] and model.norms[0].num_batches_tracked == 0
    assert model._modules == modules


@pytest.mark.parametrize("wrong", [[], ()])
def test_compare_wants_ledgers(wrong):
    with pytest.raises(ValueError, match="at least one ledger"):
        compare(wrong)
    with pytest.raises(TypeError, match="what ledger\\(...\\) returns"):
        compare([nn.ReLU()])
