"""The ledger against torch (its flop counter, shapes, gradients), the facts and closed forms."""

import copy
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from course_utils.geometry import receptive_fields
from course_utils.ledger import CONVENTION, GROUPS, Ledger, Row, ledger
from course_utils.lessons.imagenet_winners.capstone import check_design
from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet
from course_utils.training import fit

FACTS = json.loads((Path(__file__).parent / "models" / "facts_table.json").read_text())
ROWS, FIELDS = FACTS["variants"]["rows"], FACTS["receptive_fields"]["rows"]
NETWORKS = {
    "lenet5_paper_1998": lambda: LeNet5("paper"),
    "lenet5_full_C3_rbf": lambda: LeNet5("full_c3"),
    "lenet5_modern_softmax": lambda: LeNet5("modern"),
    "alexnet_2012_grouped_227": AlexNet,
    "alexnet_2012_grouped_224pad2": lambda: AlexNet(input_size=224, conv1_padding=2),
    "alexnet_single_tower_227": lambda: AlexNet("single_tower"),
    "googlenet_paper_noaux": lambda: GoogLeNet(auxiliary=False),
    "googlenet_paper_with_aux": lambda: GoogLeNet(auxiliary=True),
    "googlenet_paper_noaux_sepstem": lambda: GoogLeNet(auxiliary=False, stem="separable"),
    "googlenet_BN_5x5_noaux": lambda: GoogLeNet(auxiliary=False, batch_norm=True),
}
for name in ("A", "A-LRN", "B", "C", "D", "E"):
    NETWORKS[f"vgg_{name}"] = lambda name=name: VGG(name)
    NETWORKS[f"vgg_{name}_bn"] = lambda name=name: VGG(name, batch_norm=True)
for depth in (18, 34, 50, 101, 152):
    v1 = "_v1" if depth > 34 else ""
    NETWORKS[f"plain{depth}"] = lambda depth=depth: ResNet(depth, residual=False)
    NETWORKS[f"resnet{depth}_B_v1.5"] = lambda depth=depth: ResNet(depth, version="v1.5")
    for option in "ABC":
        NETWORKS[f"resnet{depth}_{option}{v1}"] = lambda d=depth, o=option: ResNet(d, o)
for depth in (20, 32, 44, 56, 110, 1202):
    for option in "AB":
        NETWORKS[f"cifar_resnet{depth}_{option}"] = lambda d=depth, o=option: CifarResNet(d, o)


def counted(row):
    with torch.device("meta"):
        return ledger(NETWORKS[row](), ROWS[row]["input"])


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


@pytest.mark.parametrize("row", ROWS)
def test_totals_are_exact(row):
    facts, table = ROWS[row], counted(row)
    groups = table.groups()
    assert (table.parameters, table.macs) == (facts["params"], facts["macs"])
    assert groups["convolution"]["macs"] == facts["macs_conv"]
    assert groups["linear"]["macs"] == facts["macs_fc"]
    assert groups["normalisation"]["parameters"] == facts["bn_affine"]
    assert table.notes == ()
    for cost in ("parameters", "macs", "activations"):
        assert sum(getattr(block, cost) for block in table.blocks()) == getattr(table, cost)


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


def test_layers_and_stages_are_those_of_the_papers():
    table = counted("alexnet_2012_grouped_227")
    for fact in FACTS["alexnet"]["layers"]:
        row, shape = row_of(table, fact["layer"]), fact["out_shape"]
        shape = tuple(shape) if isinstance(shape, list) else (shape,)
        facts = (shape, fact["params"], fact["macs"])
        assert (row.output_shape, row.parameters, row.macs) == facts
    assert table.units == 659_272  # the paper's "650,000 neurons"
    blocks = {block.name.upper(): block for block in counted("lenet5_paper_1998").blocks()}
    for fact in FACTS["lenet5"]["layers"]:
        if block := blocks.get(fact["layer"]):
            facts = (fact["trainable_params"], fact["maps"])
            assert (block.parameters, block.output_shape[0]) == facts


LAST = {
    "LeNet-5 C5": ("lenet5_paper_1998", "c5"),
    "GoogLeNet 5b": ("googlenet_paper_noaux", "inception5b"),
}
for name in ("conv5", "pool5"):
    LAST[f"AlexNet {name}"] = ("alexnet_2012_grouped_227", name)
for letter, last in zip("ABCDE", (2, 2, 3, 3, 4), strict=True):
    LAST[f"VGG {letter} last conv"] = (f"vgg_{letter}", f"block5.conv5_{last}")
    LAST[f"VGG {letter} pool5"] = (f"vgg_{letter}", "block5.pool5")
for depth in (18, 34, 50, 101, 152):
    LAST[f"ResNet-{depth} stride on 3x3"] = (f"resnet{depth}_B" + "_v1.5" * (depth > 34), "conv5_x")
    LAST[f"ResNet-{depth} stride on 1x1"] = (f"resnet{depth}_B_v1", "conv5_x")
for depth in (20, 56, 110):
    LAST[f"CIFAR ResNet-{depth}"] = (f"cifar_resnet{depth}_A", "stage3")


FC6 = {"AlexNet": 355, "VGG A": 342, "VGG B": 348, "VGG C": 348, "VGG D": 404, "VGG E": 460}
LAST |= {name: (LAST[f"{name} pool5"][0], "fc6") for name in FC6}  # a kernel over all of pool5


@pytest.mark.parametrize("row", [*FIELDS, *FC6])
def test_receptive_fields_are_those_of_the_facts(row):
    network, name = LAST[row]
    table = counted(network)
    found = [one for one in (*table.rows, *table.blocks()) if one.name == name]
    assert found[-1].receptive_field == (FIELDS | FC6)[row]
    assert row not in FC6 or found[-1].stride == 32


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
        return self.relu(F.conv2d(self.tied(x), self.kernel))


def test_every_parameter_is_counted_once_and_in_its_place():
    table = ledger(Odd(), (4, 6, 6))
    counts = [(row.label, row.parameters, row.macs) for row in table.rows]
    assert [count for count in counts if any(count[1:])] == [
        ("twice", 148, 36 * 144),
        ("twice (call 2)", 0, 36 * 144),
        ("mul", 4, 0),
        ("tied", 4, 36 * 144),  # its bias; the weight is counted above
        ("conv2d", 16, 36 * 16),
        ("Odd", 7, 0),
        ("unused", 20, 0),
    ]
    assert row_of(table, "add").block == "twice"  # what a forward does: of the block before
    assert table.notes == (
        "not used in this forward pass (training mode): Odd, unused; 27 parameters",
        "twice is called 2 times: its parameters count once, its MACs each time",
        "tied.weight is the same tensor as twice.weight: counted once",
    )


def test_auxiliary_heads_count_in_training_only():
    with torch.device("meta"):
        table = ledger(GoogLeNet(auxiliary=True).eval())
    facts = ROWS["googlenet_paper_noaux"]["macs"], ROWS["googlenet_paper_with_aux"]["params"]
    assert (table.macs, table.parameters) == facts
    (note,) = table.notes
    for words in ("evaluation mode", "auxiliary4a.fc1", "6,379,728 parameters"):
        assert words in note
    unused = row_of(table, "auxiliary4a.fc1")
    assert (unused.output_shape, unused.category) == (None, "linear")


def test_activations_are_the_numbers_put_out_and_aliases_are_none():
    parts = nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Dropout(), nn.Identity(), nn.Flatten()
    table = ledger(nn.Sequential(*parts, nn.Linear(32, 5)), (1, 6, 6))
    assert [row.activations for row in table.rows] == [32, 0, 32, 0, 0, 5]
    assert (table.activations, table.units) == (69, 37)


def test_blocks_are_children_or_stages():
    model = nn.Sequential()
    model.add_module("stem", nn.Conv2d(3, 4, 3))
    model.add_module("norm", nn.BatchNorm2d(4))
    stages = [nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()) for _ in range(2)]
    model.add_module("stages", nn.Sequential(*stages))
    model.add_module("head", nn.Sequential(nn.Flatten(), nn.Linear(64, 2)))
    table = ledger(model, (3, 10, 10))
    names = ["stem", "stages.0", "stages.1", "head"]
    assert [(block.name, block.layers) for block in table.blocks()] == [(name, 2) for name in names]
    assert set(table.groups()) == set(GROUPS)
    (row,) = ledger(nn.Linear(3, 4), (3,)).rows
    assert (row.name, row.block, row.parameters, row.macs) == ("Linear", "Linear", 16, 12)
    assert (row.receptive_field, row.stride) == (None, None)


# Networks of any kind, against a real pass and torch's counter; parts take and put out C maps

C = 8


def branches(kernels=(1, 3)):
    convolutions = nn.ModuleList(nn.Conv2d(C, C, k, padding=k // 2) for k in kernels)
    return Net(
        lambda net, x: torch.cat([F.relu(layer(x)) for layer in net.convolutions], 1)[:, :C] + x,
        convolutions=convolutions,
    )


def squeeze_excite():
    def forward(net, x):
        scale = torch.sigmoid(net.up(F.relu(net.down(x.mean(dim=(2, 3))))))
        return x * scale[:, :, None, None]

    return Net(forward, down=nn.Linear(C, 2), up=nn.Linear(2, C))


def on_tokens(function, **parts):
    """Applies `function(net, tokens)` to the pixels of x as tokens (N, H*W, C)."""

    def forward(net, x):
        return function(net, x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape)

    return Net(forward, **parts)


def attention():
    def forward(net, tokens):
        q, k, v = net.qkv(tokens).chunk(3, dim=-1)
        return tokens + (q @ k.transpose(1, 2) / C**0.5).softmax(dim=-1) @ v

    return on_tokens(forward, qkv=nn.Linear(C, 3 * C))


def fused_attention():
    attend = F.scaled_dot_product_attention
    return on_tokens(lambda net, t: net.out(attend(t, t, t)), out=nn.Linear(C, C))


def multihead():
    inner = nn.MultiheadAttention(C, 2, batch_first=True)
    return on_tokens(lambda net, t: net.inner(t, t, t, need_weights=False)[0], inner=inner)


def shuffle():
    return Net(lambda net, x: x.view(1, 2, C // 2, *x.shape[2:]).transpose(1, 2).reshape(x.shape))


def functional():
    def forward(net, x):
        x = F.conv2d(x, net.kernel, padding=1, groups=2)
        x = torch.einsum("nchw,cd->ndhw", x, net.mix)
        return (net.mix @ x.flatten(2)).view(x.shape)

    kernel = nn.Parameter(torch.randn(C, C // 2, 3, 3))
    return Net(forward, kernel=kernel, mix=nn.Parameter(torch.randn(C, C)))


def twice():
    return Net(lambda net, x: net.inner(net.inner(x)), inner=nn.Conv2d(C, C, 3, padding=1))


def subsampled():
    return Net(lambda net, x: F.pad(x[:, ::2, ::2], (0, 0, 0, 0, 0, C - C // 2)))


PARTS = [
    *(branches, squeeze_excite, attention, fused_attention, multihead, shuffle, functional, twice),
    *(subsampled, nn.GELU, nn.PReLU, nn.Dropout),
    *(
        partial(nn.Conv2d, C, C, **options)
        for options in (
            {"kernel_size": 3, "stride": 2, "padding": 2, "dilation": 2, "groups": 2},
            {"kernel_size": 4, "padding": "same", "bias": False, "groups": C},
            {"kernel_size": 3, "padding": 1, "padding_mode": "circular"},
            {"kernel_size": (1, 3), "padding": (0, 1), "padding_mode": "reflect", "stride": (3, 1)},
        )
    ),
    *(partial(nn.ConvTranspose2d, C, C, 3, 2, *more) for more in ((0, 1), (1, 0, 4, True, 2))),
    *(
        partial(pool, k, s, p, ceil_mode=ceil)
        for pool in (nn.MaxPool2d, nn.AvgPool2d)
        for k, s, p, ceil in ((3, 2, 1, True), (2, 3, 0, False), (2, 2, 1, True))
    ),
    *(partial(nn.Upsample, scale_factor=2, mode=mode) for mode in ("nearest", "bilinear")),
    *(partial(nn.GroupNorm, 2, C), partial(nn.BatchNorm2d, C), partial(nn.InstanceNorm2d, C)),
    *(partial(nn.LocalResponseNorm, 3), partial(nn.ZeroPad2d, (0, 1, 2, 0))),
    *(partial(nn.ReLU, inplace=True), partial(nn.Softmax, dim=1)),
]
HEADS = [[nn.AdaptiveAvgPool2d(size), nn.Flatten(), nn.Linear(C * size**2, 5)] for size in (1, 3)]


def compare_with_torch(net, shape):
    """Output shapes of every call of a leaf, parameters, and multiply-adds by torch's counter.

    With plain attention: fused attention is not in the table of torch's counter for CPUs.
    """
    table, found, calls = ledger(net, shape), {}, {}
    for path, module in net.named_modules():
        leaf = not list(module.children()) or isinstance(module, nn.MultiheadAttention)
        if "parametrizations" in path or not (leaf or parametrize.is_parametrized(module)):
            continue

        def hook(module, inputs, output, path=path):
            name = path or type(net).__name__
            calls[name] = calls.get(name, 0) + 1
            first = output[0] if isinstance(output, tuple) else output
            found[name, calls[name]] = tuple(first.shape[1:])

        module.register_forward_hook(hook)
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        net(torch.zeros(1, *shape, dtype=next((p.dtype for p in net.parameters()), None)))
    rows = {(r.name, r.call): r.output_shape for r in table.rows if r.name in calls}
    assert (rows, table.macs) == (found, counter.get_total_flops() // 2)
    assert table.parameters == sum(p.numel() for p in net.parameters())


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.lists(st.sampled_from(PARTS), max_size=5),
    st.tuples(st.just(3), st.integers(10, 24), st.integers(10, 24)),
    st.sampled_from([[], *HEADS]),
)
def test_random_networks_have_the_shapes_and_macs_of_a_real_pass(parts, shape, head):
    first = nn.Conv2d(3, C, 3, padding=1), nn.ReLU()
    net = nn.Sequential(*first, *(part() for part in parts), *head).eval()
    try:
        net(torch.zeros(1, *shape))
    except (RuntimeError, ValueError):
        assume(False)  # too small an image for these layers
    compare_with_torch(net, shape)


OTHERS = {
    "Conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), (4, 17)),
    "Conv3d": (nn.Conv3d(2, 6, 3, dilation=(1, 2, 1), padding="same"), (2, 5, 6, 7)),
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 6, 4, stride=3, groups=2), (4, 9)),
    "ConvTranspose3d": (nn.ConvTranspose3d(2, 4, 3, stride=2, output_padding=1), (2, 3, 4, 5)),
    "depthwise": (nn.Conv2d(6, 12, 3, groups=6), (6, 9, 9)),
    "one image of it": (Net(lambda m, x: m.c(x[0])[None], c=nn.Conv2d(3, 4, 3)), (3, 5, 5)),
    "Linear on tokens": (nn.Linear(5, 7), (3, 5)),
    "Bilinear upsampling to a size": (nn.Upsample((7, 9), mode="bilinear"), (3, 4, 5)),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d((3, None)), (3, 10, 5)),
    "PixelShuffle": (nn.PixelShuffle(2), (8, 3, 4)),
    "AvgPool1d": (nn.AvgPool1d(3, 2, 1, ceil_mode=True), (3, 10)),
    "MaxPool3d": (nn.MaxPool3d(2, ceil_mode=True), (3, 5, 4, 7)),
    "padded along one axis": (nn.MaxPool2d((3, 1), 1, (1, 0)), (3, 9, 9)),
    "LPPool2d": (nn.LPPool2d(2, 3), (3, 9, 9)),
    "Unfold": (nn.Unfold(3), (2, 6, 6)),
    "scalar arithmetic": (Net(lambda m, x: 1 - 2 * x / 3 + x**2), (3, 4, 4)),
    "causal": (
        Net(lambda m, x: (x @ x).masked_fill(torch.ones(4, 4).triu(1) > 0, 0)), (3, 4, 4)),
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
    "transformer": (nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (10, 16)),
    "half": (nn.Sequential(nn.Conv2d(3, C, 3), nn.GELU(), fused_attention()).half(), (3, 6, 6)),
    "bfloat16": (nn.Sequential(nn.Conv2d(3, C, 3), attention()).bfloat16(), (3, 6, 6)),
    "float64": (nn.Sequential(nn.Conv2d(3, C, 3), attention()).double(), (3, 6, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_layers_have_the_shapes_and_macs_of_a_real_pass(name):
    model, shape = OTHERS[name]
    compare_with_torch(model.eval(), shape)


def transformer():
    return nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)


@pytest.mark.parametrize(
    ("model", "shape", "products"),
    [
        (Net(lambda m, x: (x @ x.transpose(1, 2)).softmax(-1) @ x), (5, 3), 2 * 5 * 5 * 3),
        (attention(), (C, 3, 3), 2 * 9 * 9 * C),
        (Net(lambda m, x: torch.zeros(1, 3, 3).baddbmm_(x, x.transpose(1, 2))), (3, 5), 3 * 3 * 5),
        (transformer().train(), (10, 16), 2 * 10 * 10 * 16),
        (transformer().eval(), (10, 16), 2 * 10 * 10 * 16),
    ],
)
def test_products_of_activations_are_told_from_products_with_weights(model, shape, products):
    table = ledger(model, shape)
    note = f"{products:,} of the MACs are products of two activations, not of a weight"
    assert note in table.notes
    if isinstance(model, nn.TransformerEncoderLayer):  # one row of attention, as any other layer
        row = row_of(table, "self_attn")
        assert (row.kind, row.output_shape) == ("MultiheadAttention", (10, 16))
        assert (row.parameters, row.macs) == (1088, 10 * 16 * 16 * 4 + products)


def test_a_recurrent_layer_counts_though_torch_hides_it_in_one_operation():
    table = ledger(Net(lambda m, x: m.inner(x)[0], inner=nn.LSTM(5, 4, batch_first=True)), (3, 5))
    assert table.macs == 3 * (4 * 4) * (5 + 4)  # three steps, four gates of four units
    assert (table.rows[0].output_shape, table.rows[0].parameters) == ((3, 4), table.parameters)


def test_functions_outside_of_leaf_modules_are_rows_of_their_own():
    rows = [row.label for row in ledger(branches(), (C, 6, 6)).rows]
    assert rows == ["convolutions.0", "relu", "convolutions.1", "relu (call 2)", "cat", "add"]


def test_an_operation_without_a_formula_is_named():
    for model in (
        Net(lambda m, x: torch.cdist(x, x)),
        Net(lambda m, x: m.b(x, x), b=nn.Bilinear(4, 4, 2)),
    ):
        assert any("multiply-adds are not counted" in note for note in ledger(model, (5, 4)).notes)


# Receptive fields: the closed form, the support of a gradient, and what is not followed


@given(st.lists(st.tuples(*(st.integers(1, n) for n in (5, 3, 3))), min_size=1, max_size=6))
def test_a_stack_is_the_closed_form(layers):
    model = nn.Sequential(*(nn.Conv1d(1, 1, k, s, dilation=d) for k, s, d in layers))
    found = [(row.receptive_field, row.stride) for row in ledger(model, (1, 20_000)).rows]
    assert found == [(one.size, one.jump) for one in receptive_fields(layers)]


@st.composite
def parts_1d(draw):
    kind = draw(st.sampled_from(["conv", "pool", "sum", "cat", "slice", "tokens"]))
    k, s, p, d = (draw(st.integers(*ends)) for ends in ((1, 4), (1, 3), (0, 3), (1, 2)))
    if kind == "conv":
        return nn.Conv1d(2, 2, k, s, p, d, bias=False)
    if kind == "pool":
        return nn.AvgPool1d(k, s, min(p, k // 2))
    if kind == "sum":
        conv = nn.Conv1d(2, 2, 2 * k + 1, padding=k * d, dilation=d, bias=False)
        pads, shifted = (k - 1, 0)[:: 2 * (p % 2) - 1], nn.Conv1d(2, 2, k, bias=False)
        return Net(lambda m, x: x + m.a(x) + m.b(F.pad(x, pads)), a=conv, b=shifted)
    if kind == "cat":
        large = nn.Conv1d(2, 1, 2 * k - 1, padding=k - 1, bias=False)
        return Net(lambda m, x: torch.cat([x[:, :1], m.a(x)], 1), a=large)
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


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(parts_1d(), min_size=1, max_size=5))
def test_receptive_field_is_the_support_of_the_gradient(parts):
    model, length = nn.Sequential(*parts), 500
    try:
        table = ledger(model, (2, length))
    except RuntimeError:
        assume(False)  # strides ate the whole input
    measured = measured_field(model, length)
    assume(measured is not None and measured == measured_field(model, 2 * length))  # not clipped
    assert (table.rows[-1].receptive_field, table.notes) == (measured, ())


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x


def in_place(m, x):
    y = x * 1
    y += m.conv(x)
    y.relu_()
    return y.mul(2)


def written_into(m, x):
    y = torch.zeros(1, 2, 10)
    y[:, :, :] = m.conv(x)
    return y * 1


def patches(m, x):
    return m.dense(x.reshape(1, 3, 2, 4, 2, 4).permute(0, 2, 4, 1, 3, 5).reshape(1, 4, 48))


def paths(pads):
    long, short = nn.Conv1d(2, 2, 5, padding=2), nn.Conv1d(2, 2, 3)
    return Net(lambda m, x: m.long(x) + m.short(F.pad(x, pads)), long=long, short=short)


CONV5 = {"conv": nn.Conv1d(2, 2, 5, padding=2)}
STRIDED, EVERYTHING = nn.Conv2d(1, 2, 3, 2), ((9, 7), 1)
SEEN = {  # (model, input shape, (field, stride) of the last row)
    "rows and columns": (
        nn.Sequential(nn.Conv2d(1, 1, (3, 5), stride=(1, 2)), nn.Conv2d(1, 1, 2)),
        (1, 20, 20), ((4, 7), (1, 2))),
    "dense": (nn.Sequential(STRIDED, nn.Flatten(), nn.Linear(50, 4)), (1, 11, 11), (11, 2)),
    "before dense": (nn.Sequential(STRIDED, nn.Flatten()), (1, 11, 11), (3, 2)),
    "adaptive": (nn.AdaptiveAvgPool2d(1), (C, 9, 7), EVERYTHING),
    "mean": (Net(lambda m, x: x.mean(dim=(2, 3))), (C, 9, 7), EVERYTHING),
    "attention": (attention(), (C, 9, 7), EVERYTHING),
    "fused attention": (fused_attention(), (C, 9, 7), EVERYTHING),
    "multi-head attention": (multihead(), (C, 9, 7), EVERYTHING),
    "strides around it": (
        nn.Sequential(nn.Conv2d(C, C, 3, 2), squeeze_excite(), nn.Conv2d(C, C, 3, 2)),
        (C, 17, 17), (17, 4)),
    "adaptive to a divisor": (
        nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(4)), (1, 14, 14), (5, 3)),
    "checkpoint, own gradient": (
        Net(lambda m, x: Double.apply(checkpoint(m.conv, Double.apply(x), use_reentrant=False)),
            **CONV5), (2, 10), (5, 1)),
    "in place": (Net(in_place, **CONV5), (2, 10), (5, 1)),
    **{f"paths {pads}": (paths(pads), (2, 50), (size, 1))
       for pads, size in (((1, 1), 5), ((0, 2), 5), ((4, -2), 7), ((-2, 4), 7))},
    "channels last": (
        Net(lambda m, x: m.b(m.a(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
            a=nn.Linear(3, 4), b=nn.Conv2d(4, 2, 3)), (3, 9, 7), (3, 1)),
    "hardswish": (Net(lambda m, x: F.hardswish(m.conv(x)), **CONV5), (2, 10), (5, 1)),
    "a row": (
        Net(lambda m, x: m.c(x[:, :, 3]), c=nn.Conv1d(2, 2, 3)), (2, 8, 9), ((1, 3), 1)),
    "shuffled": (nn.Sequential(shuffle(), nn.Conv2d(C, C, 3)), (C, 9, 9), (3, 1)),
    "padding with what is there": (
        nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular"), (3, 9, 9), (3, 1)),
}  # fmt: skip
NOT_FOLLOWED = {  # (model, input shape, layer from which fields are not given)
    "upsampling": (nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=4)), (1, 8, 8), "1"),
    "transposed": (nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(1, 1, 2, 2)), (1, 8, 8), "1"),
    "pixel shuffle": (nn.PixelShuffle(2), (8, 3, 4), "PixelShuffle"),
    "uneven adaptive pooling": (nn.AdaptiveAvgPool2d(3), (1, 8, 8), "AdaptiveAvgPool2d"),
    "flip": (Net(lambda m, x: x.flip(2)), (3, 8, 8), "Net"),
    "patches by a reshape": (Net(patches, dense=nn.Linear(48, 5)), (3, 8, 8), "reshape"),
    "windows over merged axes": (
        Net(lambda m, x: m.c(x.flatten(2)), c=nn.Conv1d(3, 2, 3)), (3, 6, 4), "c"),
    "part of a merged axis": (
        Net(lambda m, x: m.c(x.flatten(2)[:, :, 3:6]), c=nn.Linear(3, 2)), (3, 6, 4), "slice"),
    "written into": (Net(written_into, **CONV5), (2, 10), "copy"),
}  # fmt: skip


@pytest.mark.parametrize("name", [*SEEN, *NOT_FOLLOWED])
def test_what_a_unit_sees_is_right_or_left_out_and_said(name):
    model, shape, expected = SEEN.get(name) or NOT_FOLLOWED[name]
    table = ledger(model, shape)
    notes = [note for note in table.notes if "receptive field" in note]
    if name in NOT_FOLLOWED:
        notes.remove(f"no receptive field from {expected} on: what its units see is not followed")
        expected = (None, None)
    assert ((table.rows[-1].receptive_field, table.rows[-1].stride), notes) == (expected, [])


# Weights that a forward pass uses and the model does not own: noted, refused, never silent

SHAPE, OWN, HIDDEN = (1, 16, 16), 256 * 10 + 10, 10 * 10 + 10
DATA = torch.rand(8, *SHAPE), torch.arange(8)
GLOBAL = nn.Linear(10, 10)


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))


def dense(hidden, kind=Net, **parts):
    """A dense layer of its own, and `hidden(net, scores)` after it."""
    return kind(lambda net, x: hidden(net, net.fc(x.flatten(1))), fc=nn.Linear(256, 10), **parts)


class Hider(Net):
    """Owns the layer, and says otherwise."""

    def named_parameters(self, *args, **kwargs):
        return self.fc.named_parameters("fc")


class HidesModules(Net):
    def named_modules(self, *args, **kwargs):
        return [("", self), ("fc", self.fc)]


def listed():
    return {"layers": [nn.Linear(10, 10)]}


def no_parameter():
    w, b = torch.randn(10, 10, requires_grad=True), torch.zeros(10, requires_grad=True)
    return dense(lambda net, s: s @ net.w[0] + net.w[1], w=(w, b))


UNOWNED = {
    "list": lambda: dense(lambda net, s: net.layers[0](s), **listed()),
    "global": lambda: dense(lambda net, s: GLOBAL(s)),
    "view": lambda: dense(lambda net, s: s @ GLOBAL.weight.T + GLOBAL.bias),
    "parameters": lambda: dense(lambda net, s: torch.addmm(GLOBAL.bias, s, GLOBAL.weight)),
    "no nn.Parameter": no_parameter,
    "checkpoint": lambda: dense(lambda n, s: checkpoint(GLOBAL, s, use_reentrant=False)),
    "in a Sequential": lambda: nn.Sequential(UNOWNED["list"]()),
    "hidden by the design": lambda: dense(lambda n, s: n.more(s), Hider, more=nn.Linear(10, 10)),
    "module hidden": lambda: dense(lambda n, s: n.more(s), HidesModules, more=nn.Linear(10, 10)),
}


@pytest.mark.parametrize("name", UNOWNED)
def test_weights_that_are_not_the_models_are_noted_and_refused(name, state):
    model = UNOWNED[name]()
    table = ledger(model, SHAPE)
    assert table.parameters == OWN
    (note,) = (note for note in table.notes if "does not have" in note)
    assert f"uses {HIDDEN} weights that model.parameters() does not have (of shape 10" in note
    assert not any("two activations" in note for note in table.notes)
    assert "neither counted nor trained. Keep layers in attributes" in note
    report = check_design(model)
    assert (report.state, report.parameters) == ("refused", None)
    assert f"does not own all its weights: its forward pass uses {HIDDEN} weights" in report.message
    assert "nn.ModuleList" in report.advice
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=f"model must own the weights .* uses {HIDDEN} weights"):
        fit(model, DATA, epochs=1, lr=0.1)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def shared():
    net = dense(lambda net, s: net.layers[0](s), **listed())
    net.more = net.layers[0]
    return net


OWNED = {
    "in a list and registered": (shared, OWN + HIDDEN),
    "in a list and not used": (lambda: dense(lambda net, s: s, **listed()), OWN),
    "only its shape is used": (lambda: dense(lambda net, s: s * GLOBAL.weight.shape[0]), OWN),
    "LSTM": (
        lambda: dense(lambda net, s: net.lstm(s[:, None])[0][:, 0], lstm=nn.LSTM(10, 10)),
        OWN + 880,
    ),
}


@pytest.mark.parametrize("name", OWNED)
def test_weights_that_are_the_models_are_not_spoken_of(name):
    build, parameters = OWNED[name]
    table = ledger(build(), SHAPE)
    assert (table.parameters, table.unowned) == (parameters, "")
    fit(build(), DATA, epochs=1, lr=0.1)


def test_a_frozen_trunk_or_what_the_optimiser_has_may_stand_outside():
    trunk = nn.Linear(10, 10).requires_grad_(False)
    model = dense(lambda net, s: trunk(s))
    assert len(fit(model, DATA, epochs=1, lr=0.1)) == 1
    assert f"uses {HIDDEN} weights" in ledger(model, SHAPE).notes[0]
    layer = nn.Linear(10, 10)
    before = layer.weight.clone()
    both = lambda own, lr: torch.optim.SGD([*own, *layer.parameters()], lr=lr)  # noqa: E731
    fit(dense(lambda net, s: layer(s)), DATA, epochs=1, lr=0.1, optimizer=both)
    assert not torch.equal(layer.weight, before)


def test_a_model_all_of_whose_layers_are_in_a_list_hears_of_it(state):
    model = Net(
        lambda net, x: net.parts[1](net.parts[0](x)), parts=[nn.Flatten(), nn.Linear(256, 10)]
    )
    assert f"uses {OWN:,} weights" in ledger(model, SHAPE).notes[0]
    assert "nn.ModuleList" in check_design(model).advice
    with pytest.raises(ValueError, match="need a gradient, got none. Keep layers in .*ModuleList"):
        fit(model, DATA, epochs=1, lr=0.1)


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
    tensors = model.state_dict(keep_vars=True)
    numbers = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    return parts, numbers, str({name: t.grad for name, t in tensors.items()})


@pytest.mark.filterwarnings("ignore:.*weight_norm.*")
@pytest.mark.parametrize("size", [8, 9], ids=["a pass that works", "a pass that fails"])
def test_the_model_is_left_as_it_was(size):
    model = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Dropout()),
        torch.nn.utils.weight_norm(nn.Conv2d(4, 4, 3)),
        parametrizations.spectral_norm(nn.Conv2d(4, 4, 1)),
        *(nn.Flatten(), nn.Linear(64, 2)),
    )
    model[1].eval()
    model[0].bias.requires_grad_(False)
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    called = []
    model.register_forward_hook(lambda *_: called.append(True))
    (parts, numbers, gradients), random_state = snapshot(model), torch.get_rng_state()
    if size == 8:
        ledger(model, (3, size, size))
    else:
        with pytest.raises(RuntimeError):
            ledger(model, (3, size, size))
    after, numbers_after, gradients_after = snapshot(model)
    assert (after, called, gradients_after) == (parts, [], gradients) and torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), random_state)
    torch.testing.assert_close(numbers_after, numbers, rtol=0, atol=0)
    assert model(torch.randn(2, 3, 8, 8)).shape == (2, 2) and called == [True]


def test_what_hooks_and_forward_passes_keep_stays_as_it_was():
    def forward(net, x):
        net.features["last"] = x
        net.seen.append(x)
        net.calls += 1
        net.table[0] = 7
        net.made = nn.Linear(2, 2)
        return net.norms[0](x)

    kept = {"features": {"last": 1}, "seen": [2], "calls": 3}
    model = Net(forward, table=torch.ones(2), norms=[nn.BatchNorm2d(3)], **copy.deepcopy(kept))
    model.register_forward_hook(lambda module, inputs, output: module.seen.append(output))
    model.register_forward_pre_hook(lambda module, inputs: module.seen.append(inputs))
    features, modules = model.features, dict(model._modules)
    table = ledger(model, (3, 8, 8))
    assert {name: getattr(model, name) for name in kept} == kept and model.features is features
    assert model.table.tolist() == [1, 1] and model.norms[0].num_batches_tracked == 0
    assert model._modules == modules
    assert (
        "2 forward hooks of yours did not run: what a hook keeps stays as it was, and what it "
        "computes is not counted"
    ) in table.notes
    model(torch.ones(1, 3, 8, 8))
    assert len(model.seen) == 4
    assert ledger(prune.identity(nn.Linear(3, 4), "weight"), (3,)).notes == ()  # torch's own


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
    table = Ledger("Nothing", (3, 4, 4), ())
    assert (len(table), table.macs, table.blocks()) == (0, 0, ())
    assert "total" in repr(table) and "<tfoot>" in table._repr_html_()


@pytest.mark.parametrize("folded", [False, True])
def test_html_is_well_formed_and_has_headings_and_numbers(folded):
    table = counted("resnet18_B") if folded else small()
    text = table._repr_html_()
    tree = ET.fromstring(text)
    assert len(tree.findall(".//table/caption")) == len(tree.findall(".//table")) == 1 + folded
    assert {th.get("scope") for th in tree.iter("th")} <= {"col", "row", "rowgroup"}
    assert CONVENTION in text and not tree.findall(".//script")
    assert {f"{table.macs:,}", f"{table.rows[0].macs:,}"} <= {td.text for td in tree.iter("td")}
    assert (f"<details><summary>All {len(table)} layers</summary>" in text) == folded


def test_html_escapes_names_and_never_rounds_to_nothing_or_to_all():
    row = Row("a<b>", "K&R", (1,), 1, 1, 1, 1, 1, "a<b>", "other")
    text = Ledger("<model>", (1,), [row, row], ["x < y"])._repr_html_()
    assert "<b>&lt;model&gt;</b>" in text and "x &lt; y" in text and "a<b>" not in text
    stages = nn.Linear(20_000, 1), nn.ReLU(), nn.Linear(1, 1, bias=False), nn.ReLU()
    text = ledger(nn.Sequential(*stages), (20_000,))._repr_html_()
    assert "99.9 % of the MACs" in text and "&lt; 0.1 % of the MACs" in text
    assert "100.0 %" not in text


# Bad input


@pytest.mark.parametrize("shape", [(), 224, None, "224", (3, 0, 4), (3, -1), (3.0, 4), (3, None)])
def test_wrong_input_shape(shape):
    with pytest.raises(ValueError, match="input_shape must be .* such as .*; got"):
        ledger(nn.ReLU(), shape)
    assert ledger(nn.ReLU(), torch.Size([3, 4])).input_shape == (3, 4)


@pytest.mark.parametrize("model", [VGG, "VGG", None, torch.relu])
def test_what_is_no_module(model):
    with pytest.raises(TypeError, match="model must be an nn.Module, got"):
        ledger(model)


def quantised():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4))
    return torch.ao.quantization.quantize_dynamic(model, {nn.Linear})


@pytest.mark.filterwarnings("ignore:.*torch.ao.*", "ignore:.*quantiz.*", "ignore:.*torch.jit.*")
def test_what_cannot_be_followed_is_said():
    lazy = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d())
    scripted = nn.Sequential(torch.jit.script(nn.ReLU()))
    for model, words in ((lazy, "lazy layer at '0'"), (quantised(), "quantised layer at '1'"),
                         (scripted, "TorchScript module at '0'")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            ledger(model, (3, 8, 8))
    lazy(torch.zeros(1, 3, 8, 8))
    assert ledger(lazy, (3, 8, 8)).parameters == 112 + 8
    looks = Net(lambda m, x: x if x.sum() > 0 else -x)
    with pytest.raises((RuntimeError, NotImplementedError)) as caught:
        ledger(looks, (3, 4, 4))
    assert any("runs on shapes alone" in note for note in caught.value.__notes__)


REFUSED = {
    "linear": (nn.Linear(7, 3), (3, 8)),
    "conv": (nn.Conv2d(3, 4, 9), (3, 8, 8)),
    "pool": (nn.MaxPool2d(9), (3, 8, 8)),
    "transposed": (nn.ConvTranspose2d(4, 4, 3), (3, 8, 8)),
    "bias": (Net(lambda m, x: F.conv2d(x, torch.ones(4, 3, 1, 1), torch.ones(5))), (3, 8, 8)),
    "norm": (nn.BatchNorm2d(4), (3, 8, 8)),
    "layer norm": (nn.LayerNorm(7), (3, 8)),
    "group norm": (nn.GroupNorm(2, 4), (6, 8, 8)),
    "add": (Net(lambda m, x: x + torch.ones(5)), (3, 8, 8)),
    "cat": (Net(lambda m, x: torch.cat([x, x[:, :, 1:]], 1)), (3, 8, 8)),
    "stack": (Net(lambda m, x: torch.stack([x, x[:, :, 1:]], 1)), (3, 8, 8)),
    "view": (Net(lambda m, x: x.view(7, -1)), (3, 8, 8)),
    "matmul": (Net(lambda m, x: x @ x[:, :, 1:]), (3, 8, 8)),
    "a batch of one": (nn.Conv2d(3, 4, 3), (1, 3, 224, 224)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_torch_refuses_is_refused_with_the_layer_named(name):
    layer, shape = REFUSED[name]
    with pytest.raises((RuntimeError, ValueError)):
        layer.eval()(torch.zeros(1, *shape))
    with pytest.raises((RuntimeError, ValueError), match=r"\d") as caught:
        ledger(nn.Sequential(nn.Sequential(layer)), shape)
    (note,) = caught.value.__notes__
    assert f"raised in layer '0.0' ({type(layer).__name__})" in note and f"{(1, *shape)}" in note
    assert "input_shape comes without" in note


def test_a_wrong_number_of_maps_is_told_in_torchs_own_words():
    with pytest.raises(RuntimeError, match="expected input.*to have 9 channels"):
        ledger(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(9, 4, 3)), (3, 8, 8))
