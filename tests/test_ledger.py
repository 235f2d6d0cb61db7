"""The ledger against torch (its flop counter, shapes, gradients), the facts and closed forms."""

import copy
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from networks import FACTS, NETWORKS, ROWS
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from course_utils.geometry import receptive_fields
from course_utils.ledger import CONVENTION, GROUPS, Ledger, Row, ledger
from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet


def on_meta(network, **options):
    with torch.device("meta"):
        return network(**options)


class Net(nn.Module):
    """A module that applies `function(self, x)`, with children and parameters as needed."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def row_of(table, name):
    (row,) = (row for row in table.rows if row.name == name)
    return row


# The networks of the course, against the table of facts


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


def test_alexnet_is_the_table_of_the_paper():
    table = ledger(on_meta(AlexNet), (3, 227, 227))
    for fact in FACTS["alexnet"]["layers"]:
        row = row_of(table, fact["layer"])
        shape = fact["out_shape"] if isinstance(fact["out_shape"], list) else [fact["out_shape"]]
        assert (list(row.output_shape), row.parameters) == (shape, fact["params"])
        assert row.macs == fact["macs"]
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
        assert (list(block.output_shape), block.parameters) == (fact["out"], fact["params"])
        assert block.macs == fact["macs"]


IMAGE = (3, 224, 224)
FIELDS = {
    "LeNet-5 C5": (LeNet5, {}, (1, 32, 32), "c5"),
    "AlexNet conv5": (AlexNet, {}, (3, 227, 227), "conv5"),
    "AlexNet pool5": (AlexNet, {}, (3, 227, 227), "pool5"),
    "GoogLeNet 5b": (GoogLeNet, {"auxiliary": False}, IMAGE, "inception5b"),
}
FC6 = {("AlexNet", "paper"): (AlexNet, {}, (3, 227, 227), 355)}
for letter, last, fc6 in zip("ABCDE", (2, 2, 3, 3, 4), (342, 348, 348, 404, 460), strict=True):
    vgg = (VGG, {"configuration": letter}, IMAGE)
    FIELDS[f"VGG {letter} last conv"] = (*vgg, f"block5.conv5_{last}")
    FIELDS[f"VGG {letter} pool5"] = (*vgg, "block5.pool5")
    FC6["VGG", letter] = (*vgg, fc6)
for depth in (18, 34, 50, 101, 152):
    for version, where in (("v1", "1x1"), ("v1.5", "3x3")) if depth > 34 else (("v1", "3x3"),):
        options = {"depth": depth, "version": version}
        FIELDS[f"ResNet-{depth} stride on {where}"] = (ResNet, options, IMAGE, "conv5_x")
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


@pytest.mark.parametrize("name", FC6, ids=" ".join)
def test_fc6_is_a_kernel_over_all_of_pool5(name):
    network, options, shape, field = FC6[name]
    fc6 = row_of(ledger(on_meta(network, **options), shape), "fc6")
    assert (fc6.receptive_field, fc6.stride) == (field, 32)


# What belongs to what


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
    assert row_of(table, "add").block == "twice"  # what a forward does: of the block before
    assert table.notes == (
        "not used in this forward pass (training mode): Odd, unused; 27 parameters",
        "twice is called 2 times: its parameters count once, its MACs each time",
        "tied.weight is the same tensor as twice.weight: counted once",
    )


def test_auxiliary_heads_count_in_training_only():
    model = on_meta(GoogLeNet, auxiliary=True)
    training, evaluation = ledger(model), ledger(model.eval())
    assert training.parameters == evaluation.parameters == 13_378_280
    assert (training.macs, evaluation.macs) == (1_591_044_096, 1_582_671_872)
    (note,) = evaluation.notes
    for words in ("evaluation mode", "auxiliary4a.fc1", "6,379,728 parameters"):
        assert words in note
    unused = row_of(evaluation, "auxiliary4a.fc1")
    assert (unused.output_shape, unused.category) == (None, "linear")


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
    for cost in ("parameters", "macs", "activations"):
        assert sum(getattr(block, cost) for block in blocks) == getattr(table, cost)
        if cost != "activations":
            assert sum(group[cost] for group in table.groups().values()) == getattr(table, cost)
    assert set(table.groups()) == set(GROUPS)


def test_one_layer_and_none():
    (row,) = ledger(nn.Linear(3, 4), (3,)).rows
    assert (row.name, row.block, row.parameters, row.macs) == ("Linear", "Linear", 16, 12)
    assert (row.receptive_field, row.stride) == (None, None)
    table = Ledger("Nothing", (3, 4, 4), ())
    assert (len(table), table.macs, table.blocks()) == (0, 0, ())
    assert "total" in repr(table) and "<tfoot>" in table._repr_html_()


# Networks of any kind, against torch. Every part takes C maps and puts out C maps.

C = 8


def branches(kernels, form):
    convolutions = nn.ModuleList(nn.Conv2d(C, C, k, padding=k // 2) for k in kernels)
    project = nn.Conv2d(C * len(kernels), C, 1)

    def forward(self, x):
        outs = [F.relu(convolution(x)) for convolution in self.convolutions]
        return x + sum(outs) if form == "sum" else self.project(torch.cat(outs, dim=1))

    return Net(forward, convolutions=convolutions, project=project)


def squeeze_excite():
    def forward(self, x):
        scale = torch.sigmoid(self.up(F.relu(self.down(x.mean(dim=(2, 3))))))
        return x * scale[:, :, None, None]

    return Net(forward, down=nn.Linear(C, 2), up=nn.Linear(2, C))


def attention():
    def forward(self, x):
        q, k, v = self.qkv(x.flatten(2).transpose(1, 2)).chunk(3, dim=-1)
        weights = (q @ k.transpose(1, 2) / C**0.5).softmax(dim=-1)
        return x + (weights @ v).transpose(1, 2).reshape(x.shape)

    return Net(forward, qkv=nn.Linear(C, 3 * C))


def fused_attention():
    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        out = F.scaled_dot_product_attention(tokens, tokens, tokens)
        return self.out(out).transpose(1, 2).view_as(x)

    return Net(forward, out=nn.Linear(C, C))


def multihead():
    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        return self.inner(tokens, tokens, tokens, need_weights=False)[0].transpose(1, 2).view_as(x)

    return Net(forward, inner=nn.MultiheadAttention(C, 2, batch_first=True))


def shuffle():
    def forward(self, x):
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)

    return Net(forward)


def functional():
    def forward(self, x):
        x = F.conv2d(x, self.kernel, padding=1, groups=2)
        x = torch.einsum("nchw,cd->ndhw", x, self.mix)
        return (self.mix @ x.flatten(2)).view(x.shape)

    kernel = nn.Parameter(torch.randn(C, C // 2, 3, 3))
    return Net(forward, kernel=kernel, mix=nn.Parameter(torch.randn(C, C)))


def twice():
    return Net(lambda self, x: self.inner(self.inner(x)), inner=nn.Conv2d(C, C, 3, padding=1))


def subsampled():
    return Net(lambda self, x: F.pad(x[:, ::2, ::2], (0, 0, 0, 0, 0, C - C // 2)))


@st.composite
def convolutions(draw):
    stride, same = draw(st.integers(1, 3)), draw(st.booleans())
    return nn.Conv2d(
        C,
        C,
        draw(st.integers(1, 4)),
        stride=1 if same else stride,
        padding=draw(st.sampled_from(["same", "valid"])) if same else draw(st.integers(0, 2)),
        dilation=draw(st.integers(1, 2)),
        groups=draw(st.sampled_from([1, 2, C])),
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(["zeros", "circular", "replicate", "reflect"])),
    )


@st.composite
def pools(draw):
    kernel, stride, ceil = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.booleans())
    kind = draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]))
    return kind(kernel, stride, draw(st.integers(0, kernel // 2)), ceil_mode=ceil)


@st.composite
def transposed(draw):
    stride, extra = draw(st.integers(1, 3)), {"groups": draw(st.sampled_from([1, 4]))}
    extra |= {"output_padding": draw(st.integers(0, stride - 1))}
    kernel, padding, dilation = (draw(st.integers(*ends)) for ends in ((1, 4), (0, 1), (1, 2)))
    return nn.ConvTranspose2d(C, C, kernel, stride, padding, dilation=dilation, **extra)


PARTS = st.one_of(
    convolutions(),
    pools(),
    transposed(),
    st.builds(
        branches,
        st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=3),
        st.sampled_from(["sum", "cat"]),
    ),
    st.sampled_from(
        [squeeze_excite, attention, fused_attention, multihead, shuffle, functional, twice]
        + [subsampled]
    ).map(lambda make: make()),
    st.sampled_from(
        [
            nn.BatchNorm2d(C),
            nn.GroupNorm(2, C),
            nn.LocalResponseNorm(3),
            nn.InstanceNorm2d(C),
            nn.ReLU(inplace=True),
            nn.GELU(),
            nn.PReLU(),
            nn.Softmax(dim=1),
            nn.Dropout(),
            nn.Upsample(scale_factor=2),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.ZeroPad2d((0, 1, 2, 0)),
        ]
    ),
)


@st.composite
def networks(draw):
    """A random network that a real image passes, and the shape of that image."""
    shape = (3, draw(st.integers(10, 24)), draw(st.integers(10, 24)))
    parts = [nn.Conv2d(3, C, 3, padding=1), nn.ReLU(), *draw(st.lists(PARTS, max_size=5))]
    head = draw(st.sampled_from([None, 1, 3, "dense"]))
    if head:
        parts += [nn.AdaptiveAvgPool2d(head)] if head != "dense" else []
        parts += [nn.Flatten(), nn.LazyLinear(5)]
    net = nn.Sequential(*parts).eval()
    try:
        with torch.no_grad():
            net(torch.zeros(1, *shape))
    except (RuntimeError, ValueError):
        assume(False)  # too small an image for these layers
    return net, shape


def leaves(model):
    """The modules that are rows: {path: module}, by the name of its class for the model itself."""
    return {
        path or type(model).__name__: module
        for path, module in model.named_modules()
        if "parametrizations" not in path
        and (
            not list(module.children())
            or isinstance(module, nn.MultiheadAttention)
            or parametrize.is_parametrized(module)
        )
    }


def real_pass(model, shape):
    """Output shapes of {(leaf module, call): without the batch}, and multiply-adds by torch.

    With plain attention: fused attention is not in the table of torch's counter for CPUs.
    """
    shapes, calls, handles = {}, {}, []
    for path, module in leaves(model).items():

        def hook(module, inputs, output, name=path):
            calls[name] = calls.get(name, 0) + 1
            first = output[0] if isinstance(output, tuple) else output
            shapes[name, calls[name]] = tuple(first.shape[1:])

        handles.append(module.register_forward_hook(hook))
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        dtype = next((p.dtype for p in model.parameters()), None)
        model(torch.zeros(1, *shape, dtype=dtype))
    for handle in handles:
        handle.remove()
    return shapes, counter.get_total_flops() // 2


def compare_with_torch(net, shape):
    table, paths = ledger(net, shape), leaves(net)
    used = [row for row in table.rows if row.name in paths and row.output_shape is not None]
    found = {(row.name, row.call): row.output_shape for row in used}
    assert (found, table.macs) == real_pass(net, shape)
    assert table.parameters == sum(p.numel() for p in net.parameters())
    return table


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(networks())
def test_random_networks_have_the_shapes_and_macs_of_a_real_pass(case):
    compare_with_torch(*case)


def lstm():
    return Net(lambda self, x: self.inner(x)[0], inner=nn.LSTM(5, 4, batch_first=True))


OTHERS = {
    "Conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), (4, 17)),
    "Conv3d": (nn.Conv3d(2, 6, 3, dilation=(1, 2, 1), padding="same"), (2, 5, 6, 7)),
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 6, 4, stride=3, groups=2), (4, 9)),
    "ConvTranspose3d": (nn.ConvTranspose3d(2, 4, 3, stride=2, output_padding=1), (2, 3, 4, 5)),
    "depthwise": (nn.Conv2d(6, 12, 3, groups=6), (6, 9, 9)),
    "one image of it": (Net(lambda m, x: m.c(x[0])[None], c=nn.Conv2d(3, 4, 3)), (3, 5, 5)),
    "Linear on tokens": (nn.Linear(5, 7), (3, 5)),
    "Bilinear upsampling to a size": (nn.Upsample((7, 9), mode="bilinear"), (3, 4, 5)),
    "Upsampling by a fraction": (nn.Upsample(scale_factor=1.5), (3, 4, 6)),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d((3, None)), (3, 10, 5)),
    "PixelShuffle": (nn.PixelShuffle(2), (8, 3, 4)),
    "PixelUnshuffle": (nn.PixelUnshuffle(2), (3, 4, 6)),
    "AvgPool1d": (nn.AvgPool1d(3, 2, 1, ceil_mode=True), (3, 10)),
    "MaxPool3d": (nn.MaxPool3d(2, ceil_mode=True), (3, 5, 4, 7)),
    "LPPool2d": (nn.LPPool2d(2, 3), (3, 9, 9)),
    "Fold": (nn.Unfold(3), (2, 6, 6)),
    "scalar arithmetic": (Net(lambda m, x: 1 - 2 * x / 3 + x**2), (3, 4, 4)),
    "stack and max": (Net(lambda m, x: torch.stack([x, x], 1).max(dim=1)[0]), (3, 4, 4)),
    "permuted": (Net(lambda m, x: x.permute(0, 2, 3, 1).contiguous()), (3, 4, 5)),
    "split": (Net(lambda m, x: torch.cat(x.split(2, dim=1)[::-1], 1)), (4, 4, 5)),
    "chosen maps": (Net(lambda m, x: x[:, [0, 2]]), (4, 4, 5)),
    "indices of a pool": (Net(lambda m, x: F.max_pool2d(x, 2, return_indices=True)[1]), (2, 6, 6)),
    "in inference mode": (
        Net(torch.inference_mode()(lambda m, x: m.b(m.a(x).flatten(1))),
            a=nn.Conv2d(3, 2, 3, padding=1), b=nn.Linear(32, 2)), (3, 4, 4)),
    "an operation by its name": (
        Net(lambda m, x: torch.ops.aten.mm(x[0], m.weight), weight=nn.Parameter(torch.ones(4, 5))),
        (3, 4)),
    "mv": (Net(lambda m, x: x[0] @ torch.ones(5)), (4, 5)),
    "GRU": (Net(lambda m, x: m.g(x)[0], g=nn.GRU(5, 4, 2, True, True, 0, True)), (3, 5)),
    "weight_norm": (parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), (3, 6, 6)),
    "a leaf of many products": (functional(), (C, 6, 6)),
    "transformer": (nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (10, 16)),
    "half": (nn.Sequential(nn.Conv2d(3, C, 3), nn.GELU(), fused_attention()).half(), (3, 6, 6)),
    "bfloat16": (nn.Sequential(nn.Conv2d(3, C, 3), attention()).bfloat16(), (3, 6, 6)),
    "float64": (nn.Sequential(nn.Conv2d(3, C, 3), attention()).double(), (3, 6, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_layers_have_the_shapes_and_macs_of_a_real_pass(name):
    model, shape = OTHERS[name]
    compare_with_torch(model.eval(), shape)


def test_an_lstm_counts_though_torch_hides_it_in_one_operation():
    table = ledger(lstm(), (3, 5))
    assert table.macs == 3 * (4 * 4) * (5 + 4)  # three steps, four gates of four units
    assert (table.rows[0].output_shape, table.rows[0].parameters) == ((3, 4), table.parameters)


def test_functions_outside_of_leaf_modules_are_rows_of_their_own():
    table = ledger(branches([1, 3], "sum"), (C, 6, 6))
    rows = [(row.label, row.kind) for row in table.rows if row.output_shape]
    assert rows == [
        ("convolutions.0", "Conv2d"),
        ("relu", "relu"),
        ("convolutions.1", "Conv2d"),
        ("relu (call 2)", "relu"),
        ("add", "add"),
        ("add (call 2)", "add"),
        ("add (call 3)", "add"),
    ]


@pytest.mark.parametrize(
    ("model", "shape", "products"),
    [
        (Net(lambda m, x: (x @ x.transpose(1, 2)).softmax(-1) @ x), (5, 3), 2 * 5 * 5 * 3),
        (attention(), (C, 3, 3), 2 * 9 * 9 * C),
        (nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).train(), (10, 16), 3200),
        (nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval(), (10, 16), 3200),
    ],
)
def test_products_of_activations_are_told_from_products_with_weights(model, shape, products):
    table = ledger(model, shape)
    note = f"{products:,} of the MACs are products of two activations, not of a weight"
    assert table.notes == (note,)
    if isinstance(model, nn.TransformerEncoderLayer):  # one row of attention, as any other layer
        row = row_of(table, "self_attn")
        assert (row.kind, row.output_shape) == ("MultiheadAttention", (10, 16))
        assert (row.parameters, row.macs) == (1088, 10 * 16 * 16 * 4 + products)


def test_the_mode_of_the_model_is_the_mode_of_the_pass():
    model = Net(lambda m, x: m.extra(x) if m.training else x * 1, extra=nn.Conv2d(3, 3, 1))
    assert ledger(model.train(), (3, 4, 4)).macs == 144
    assert ledger(model.eval(), (3, 4, 4)).macs == 0


# Receptive fields: the closed form, the support of a gradient, and what is not followed


@given(st.lists(st.tuples(*(st.integers(1, n) for n in (5, 3, 3))), min_size=1, max_size=6))
def test_a_stack_is_the_closed_form(layers):
    model = nn.Sequential(*(nn.Conv1d(1, 1, k, s, dilation=d) for k, s, d in layers))
    found = [(row.receptive_field, row.stride) for row in ledger(model, (1, 20_000)).rows]
    assert found == [(one.size, one.jump) for one in receptive_fields(layers)]


@st.composite
def parts_1d(draw):
    kinds = ["conv", "pool", "sum", "cat", "slice", "tokens"]
    kind = draw(st.sampled_from(kinds))
    k, s = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    p, d = draw(st.integers(0, 3)), draw(st.integers(1, 2))
    if kind == "conv":
        return nn.Conv1d(2, 2, k, s, p, d, bias=False)
    if kind == "pool":
        return nn.AvgPool1d(k, s, min(p, k // 2))
    if kind == "sum":
        conv = nn.Conv1d(2, 2, 2 * k + 1, padding=k * d, dilation=d, bias=False)
        shifted = nn.Conv1d(2, 2, k, bias=False)
        pads = (k - 1, 0) if draw(st.booleans()) else (0, k - 1)
        return Net(lambda m, x: x + m.a(x) + m.b(F.pad(x, pads)), a=conv, b=shifted)
    if kind == "cat":
        small = nn.Conv1d(2, 1, 1, bias=False)
        large = nn.Conv1d(2, 1, 2 * k - 1, padding=k - 1, bias=False)
        return Net(lambda m, x: torch.cat([m.a(x), m.b(x)], 1), a=small, b=large)
    if kind == "slice":
        return Net(lambda m, x: x[:, :, p::s])
    dense = nn.Linear(2, 2, bias=False)
    return Net(lambda m, x: m.dense(x.transpose(1, 2)).transpose(1, 2), dense=dense)


def measured_field(model, length):
    """The extent of the gradient of a unit in the middle; None if it meets a border."""
    for parameter in model.double().parameters():
        nn.init.constant_(parameter, 1.0)  # positive: no path cancels another
    image = torch.ones(1, 2, length, dtype=torch.double, requires_grad=True)
    out = model(image).sum(dim=(0, 1))
    (gradient,) = torch.autograd.grad(out[out.numel() // 2], image)
    seen = gradient.abs().sum(dim=(0, 1)).nonzero().flatten()
    ends = seen[0] == 0 or seen[-1] == length - 1
    return None if ends else int(seen[-1] - seen[0]) + 1


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(parts_1d(), min_size=1, max_size=5))
def test_receptive_field_is_the_support_of_the_gradient(parts):
    model, length = nn.Sequential(*parts), 500
    try:
        table = ledger(model, (2, length))
    except RuntimeError:
        assume(False)  # strides ate the whole input
    measured = measured_field(model, length)
    assume(measured is not None)
    assert (table.rows[-1].receptive_field, table.notes) == (measured, ())


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


def checkpointed():
    def forward(m, x):
        return Double.apply(checkpoint(m.conv, Double.apply(x), use_reentrant=False))

    return Net(forward, conv=nn.Conv1d(2, 2, 5))


def in_place(m, x):
    y = x * 1
    y += m.conv(x)
    y.relu_()
    return y.mul(2)


def written_into(m, x):
    y = torch.zeros(1, 2, 9)
    y[:, :, 1:] = m.conv(x)
    return y * 1


def paths(pads):
    long, short = nn.Conv1d(2, 2, 5, padding=2), nn.Conv1d(2, 2, 3)
    return Net(lambda m, x: m.long(x) + m.short(F.pad(x, pads)), long=long, short=short)


def patches(m, x):
    x = x.reshape(1, 3, 2, 4, 2, 4).permute(0, 2, 4, 1, 3, 5).reshape(1, 4, 48)
    return m.dense(x)


EVERYTHING = ((9, 7), 1)
CONV5 = {"conv": nn.Conv1d(2, 2, 5, padding=2)}
SEEN = {  # (model, input shape, (field, stride) of the last row)
    "rows and columns": (
        nn.Sequential(nn.Conv2d(1, 1, (3, 5), stride=(1, 2)), nn.Conv2d(1, 1, 2)),
        (1, 20, 20), ((4, 7), (1, 2))),
    "dense after flatten": (
        nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.Flatten(), nn.Linear(50, 4)), (1, 11, 11), (11, 2)),
    "before dense": (nn.Sequential(nn.Conv2d(1, 2, 3, 2), nn.Flatten()), (1, 11, 11), (3, 2)),
    "adaptive": (nn.AdaptiveAvgPool2d(1), (C, 9, 7), EVERYTHING),
    "mean": (Net(lambda m, x: x.mean(dim=(2, 3))), (C, 9, 7), EVERYTHING),
    "amax": (Net(lambda m, x: x.amax(-1).amax(-1)), (C, 9, 7), EVERYTHING),
    "attention": (attention(), (C, 9, 7), EVERYTHING),
    "fused attention": (fused_attention(), (C, 9, 7), EVERYTHING),
    "multi-head attention": (multihead(), (C, 9, 7), EVERYTHING),
    "squeeze and excite": (squeeze_excite(), (C, 9, 7), EVERYTHING),
    "strides around it": (
        nn.Sequential(nn.Conv2d(C, C, 3, 2), squeeze_excite(), nn.Conv2d(C, C, 3, 2)),
        (C, 17, 17), (17, 4)),
    "stride behind a mean": (
        nn.Sequential(nn.Conv2d(1, 1, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Conv2d(1, 1, 1, 2)),
        (1, 9, 9), (9, 4)),
    "adaptive to a divisor": (
        nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(4)), (1, 14, 14), (5, 3)),
    "stacked": (
        Net(lambda m, x: torch.stack([x, m.conv(x)], 2).sum(2) + torch.zeros_like(x), **CONV5),
        (2, 10), (5, 1)),
    "checkpoint, own gradient": (checkpointed(), (2, 10), (5, 1)),
    "in place": (Net(in_place, **CONV5), (2, 10), (5, 1)),
    **{f"paths {pads}": (paths(pads), (2, 50), (size, 1))
       for pads, size in (((1, 1), 5), ((2, 0), 5), ((0, 2), 5), ((4, -2), 7), ((-2, 4), 7))},
    "a leaf of many products": (functional(), (C, 9, 9), (3, 1)),
    "channels last": (
        Net(lambda m, x: m.b(m.a(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
            a=nn.Linear(3, 4), b=nn.Conv2d(4, 2, 3)), (3, 9, 7), (3, 1)),
    "a row": (Net(lambda m, x: m.conv(x[:, :, 3]), conv=nn.Conv1d(2, 2, 3)), (2, 8, 9),
              ((1, 3), 1)),
    "shuffled": (nn.Sequential(shuffle(), nn.Conv2d(C, C, 3)), (C, 9, 9), (3, 1)),
    "where": (Net(lambda m, x: torch.where(x > 0, x, torch.zeros(()))), (3, 4, 4), (1, 1)),
    "padding with what is there": (
        nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular"), (3, 9, 9), (3, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", SEEN)
def test_what_a_unit_sees(name):
    model, shape, expected = SEEN[name]
    table = ledger(model, shape)
    row = table.rows[-1]
    assert (row.receptive_field, row.stride) == expected
    assert not any("receptive field" in note for note in table.notes)


NOT_FOLLOWED = {  # (model, input shape, layer from which fields are not given)
    "upsampling": (nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=4)), (1, 8, 8), "1"),
    "transposed": (nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(1, 1, 2, 2)), (1, 8, 8), "1"),
    "pixel shuffle": (nn.PixelShuffle(2), (8, 3, 4), "PixelShuffle"),
    "uneven adaptive pooling": (nn.AdaptiveAvgPool2d(3), (1, 8, 8), "AdaptiveAvgPool2d"),
    "flip": (Net(lambda m, x: x.flip(2)), (3, 8, 8), "Net"),
    "patches by a reshape": (Net(patches, dense=nn.Linear(48, 5)), (3, 8, 8), "dense"),
    "windows over merged axes": (
        Net(lambda m, x: m.c(x.flatten(2)), c=nn.Conv1d(3, 2, 3)), (3, 6, 4), "c"),
    "written into": (Net(written_into, conv=nn.Conv1d(2, 2, 3)), (2, 10), "setitem"),
    "recurrent": (lstm(), (3, 5), "inner"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_FOLLOWED)
def test_what_is_not_followed_is_left_out_and_said(name):
    model, shape, layer = NOT_FOLLOWED[name]
    table = ledger(model, shape)
    assert (table.rows[-1].receptive_field, table.rows[-1].stride) == (None, None)
    assert f"no receptive field from {layer} on: what its units see is not followed" in table.notes


def test_an_operation_without_a_formula_is_named():
    notes = ledger(Net(lambda m, x: torch.cdist(x, x)), (5, 4)).notes
    assert any("cdist" in note and "multiply-adds are not counted" in note for note in notes)


# Nothing is computed, nothing is changed


class Allocations(TorchDispatchMode):
    """Notes the largest tensor with memory that any operation returns, in bytes."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(tensor, torch.Tensor) and not tensor.is_meta:
                self.largest = max(self.largest, tensor.numel() * tensor.element_size())
        return out


def test_no_memory_for_weights_or_activations():
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.Flatten(), nn.Linear(64 * 222 * 222, 10))
    with Allocations() as allocations:
        ledger(model)  # it has weights with memory, 126 MB: none of it is touched
    assert allocations.largest < 10_000  # the state of the random generator, 5 kB


def snapshot(model):
    """What a model is made of, by identity; its numbers and gradients."""
    parts = [
        (name, module.training, [(key, id(value)) for key, value in vars(module).items()])
        + tuple({k: id(t) for k, t in d.items()} for d in (module._parameters, module._buffers))
        for name, module in model.named_modules()
    ]
    tensors = {**model.state_dict(keep_vars=True)}
    numbers = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    return parts, numbers, {name: copy.deepcopy(t.grad) for name, t in tensors.items()}


def busy_model():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Dropout(),
        torch.nn.utils.weight_norm(nn.Conv2d(4, 4, 3)),
        parametrizations.spectral_norm(nn.Conv2d(4, 4, 1)),
        nn.Flatten(),
        nn.Linear(64, 2),
    )
    model[1].eval()
    model[0].bias.requires_grad_(False)
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    return model


@pytest.mark.filterwarnings("ignore:.*weight_norm.*")
@pytest.mark.parametrize("size", [8, 9], ids=["a pass that works", "a pass that fails"])
def test_the_model_is_left_as_it_was(size):
    model, called = busy_model(), []
    model.register_forward_hook(lambda *_: called.append(True))
    parts, numbers, gradients = snapshot(model)
    random_state = torch.get_rng_state()
    if size == 8:
        ledger(model, (3, size, size))
    else:
        with pytest.raises(RuntimeError):
            ledger(model, (3, size, size))
    after, numbers_after, gradients_after = snapshot(model)
    assert after == parts and called == [] and torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), random_state)
    torch.testing.assert_close(numbers_after, numbers, rtol=0, atol=0)
    assert str(gradients_after) == str(gradients)
    assert model(torch.randn(2, 3, 8, 8)).shape == (2, 2) and called == [True]


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
    model = Net(forward, table=torch.ones(2), norms=[nn.BatchNorm2d(3)], **kept)
    features, modules = model.features, dict(model._modules)
    ledger(model, (3, 8, 8))
    assert {name: getattr(model, name) for name in kept} == kept and model.features is features
    assert model.table.tolist() == [1, 1] and model.norms[0].num_batches_tracked == 0
    assert model._modules == modules


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


@pytest.mark.parametrize("folded", [False, True])
def test_html_is_well_formed_and_has_headings_and_numbers(folded):
    table = ledger(on_meta(ResNet, depth=18)) if folded else small()
    text = table._repr_html_()
    tree = ET.fromstring(text)
    assert len(tree.findall(".//table/caption")) == len(tree.findall(".//table")) == 1 + folded
    assert {th.get("scope") for th in tree.iter("th")} <= {"col", "row", "rowgroup"}
    assert CONVENTION in text and not tree.findall(".//script")
    assert f"{table.macs:,}" in {td.text for td in tree.iter("td")}
    assert re.search(rf"text-align:right[^>]*>{table.rows[0].macs:,}<", text)
    if folded:
        assert f"<details><summary>All {len(table)} layers</summary>" in text
        assert text.index("conv5_x") < text.index("<details>")


def test_html_escapes_names():
    row = Row("a<b>", "K&R", (1,), 1, 1, 1, 1, 1, "a<b>", "other")
    text = Ledger("<model>", (1,), [row, row], ["x < y"])._repr_html_()
    assert "<b>&lt;model&gt;</b>" in text
    assert "a<b>" not in text
    assert "x &lt; y" in text


def test_shares_never_round_to_nothing_or_to_all():
    stages = nn.Linear(20_000, 1), nn.ReLU(), nn.Linear(1, 1, bias=False), nn.ReLU()
    text = ledger(nn.Sequential(*stages), (20_000,))._repr_html_()
    assert "99.9 % of the MACs" in text and "&lt; 0.1 % of the MACs" in text
    assert "100.0 %" not in text


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


def quantised():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4))
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear})


@pytest.mark.filterwarnings("ignore:.*torch.ao.*", "ignore:.*quantiz.*", "ignore:.*torch.jit.*")
@pytest.mark.parametrize(
    ("build", "shape", "words"),
    [
        (lambda: nn.Conv2d(3, 4, 3), (1, 3, 224, 224),
         r"without the batch axis, got \(1, 3, 224, 224\); the model runs on one image of \(3, 22"),
        (lambda: nn.Conv1d(3, 4, 3), (8, 3, 30), r"without the batch axis, got \(8, 3, 30\)"),
        (lambda: on_meta(LeNet5), (1, 1, 32, 32), "without the batch axis"),
        (quantised, (3, 4), r"got the quantised layer '1' \(Linear\)"),
        (lambda: nn.Sequential(torch.jit.script(nn.ReLU())), (3, 8), "TorchScript module at '0'"),
        (lambda: Net(lambda net, x: torch.vmap(net.fc)(x), fc=nn.Linear(8, 4)), (5, 8),
         "cannot look into torch.vmap .* call the layers on the whole batch"),
        (lambda: Net(lambda net, x: torch.func.vmap(torch.relu)(x)), (5, 8), "torch.vmap"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_said(build, shape, words):
    with pytest.raises(ValueError, match=words):
        ledger(build(), shape)


REFUSED = {
    "linear": (nn.Linear(7, 3), (3, 8)),
    "conv": (nn.Conv2d(3, 4, 9), (3, 8, 8)),
    "pool": (nn.MaxPool2d(9), (3, 8, 8)),
    "transposed": (nn.ConvTranspose2d(4, 4, 3), (3, 8, 8)),
    "norm": (nn.BatchNorm2d(4), (3, 8, 8)),
    "layer norm": (nn.LayerNorm(7), (3, 8)),
    "group norm": (nn.GroupNorm(2, 4), (6, 8, 8)),
    "add": (Net(lambda m, x: x + torch.ones(5)), (3, 8, 8)),
    "cat": (Net(lambda m, x: torch.cat([x, x[:, :, 1:]], 1)), (3, 8, 8)),
    "stack": (Net(lambda m, x: torch.stack([x, x[:, :, 1:]], 1)), (3, 8, 8)),
    "view": (Net(lambda m, x: x.view(7, -1)), (3, 8, 8)),
    "matmul": (Net(lambda m, x: x @ x[:, :, 1:]), (3, 8, 8)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_torch_refuses_is_refused(name):
    layer, shape = REFUSED[name]
    with pytest.raises((RuntimeError, ValueError)):
        layer.eval()(torch.zeros(1, *shape))
    with pytest.raises((RuntimeError, ValueError), match=r"\d"):
        ledger(layer, shape)


def test_the_models_own_error_passes_with_the_layer_named():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(9, 4, 3)))
    with pytest.raises(RuntimeError, match="expected input.*to have 9 channels") as caught:
        ledger(model, (3, 8, 8))
    (note,) = caught.value.__notes__
    assert "layer '1.1' (Conv2d)" in note and "(1, 8, 6, 6)" in note
    with pytest.raises(ValueError, match="224") as caught:
        ledger(on_meta(VGG), (3, 200, 200))
    assert "ledger: raised in VGG" in caught.value.__notes__[0]


def test_a_model_that_looks_at_numbers_is_told_why_it_cannot_be_followed():
    model = Net(lambda m, x: x if x.sum() > 0 else -x)
    with pytest.raises((RuntimeError, NotImplementedError)) as caught:
        ledger(model, (3, 4, 4))
    assert any("runs on shapes alone" in note for note in caught.value.__notes__)
