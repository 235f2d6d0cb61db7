"""Parameters, multiply-adds, shapes, depth and receptive fields against the papers' tables."""

import math

import pytest
from networks import FACTS, FIELDS, NETWORKS, ROWS, build, count, field_of, on_meta, parameters
from torch import nn

from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet
from course_utils.models.googlenet import INCEPTION_TABLE, ConvReLU, Inception, NaiveInception
from course_utils.models.lenet5 import C3_TABLE, layer_table
from course_utils.models.resnet import TABLE_1, BasicBlock, BottleneckBlock


def modules(model, *kinds):
    return [module for module in model.modules() if isinstance(module, kinds)]


def test_every_row_of_the_facts_is_tested():
    assert set(NETWORKS) == set(ROWS) and len(ROWS) == 52


@pytest.mark.parametrize("row", NETWORKS)
def test_every_variant_has_the_counted_size(row):
    facts, model = ROWS[row], on_meta(lambda: build(row))
    total = count(model, facts["input"])[""]
    assert (total.params, total.macs) == (facts["params"], facts["macs"])
    if row != "lenet5_full_C3_rbf":  # whose C3 is counted as one layer, and built as sixteen
        assert len(modules(model, nn.Conv2d)) == facts["conv_layers"]
        assert len(modules(model, nn.Linear)) == facts["fc_layers"]
    assert sum(map(parameters, modules(model, nn.BatchNorm2d))) == facts["bn_affine"]
    assert len(modules(model, nn.LocalResponseNorm)) == {
        AlexNet: 2, GoogLeNet: 2 * ("BN" not in row), VGG: 1 * ("LRN" in row)
    }.get(type(model), 0)  # fmt: skip


# ---------------------------------------------------------------------------------------------
# Layer by layer


def test_lenet_is_section_2b():
    facts, rows = FACTS["lenet5"], layer_table()
    layers = count(on_meta(LeNet5), [1, 32, 32])
    for row, fact in zip(rows, facts["layers"], strict=True):
        assert (row.layer, row.maps, row.size) == (fact["layer"], fact["maps"], fact["size"])
        assert (row.parameters, row.connections) == (fact["trainable_params"], fact["connections"])
        layer, units = layers[row.layer.lower()], row.maps * row.size**2
        assert layer.params == row.parameters
        assert math.prod(layer.shape) == units
        # A connection without its bias is a multiply-add.
        dense = row.kind in ("convolution", "full")
        assert layer.macs == (row.connections - units if dense else 0)
        assert units == facts["neurons"]["out" if row.kind == "rbf" else row.layer]
    assert sum(r.parameters for r in rows) == facts["total_params"] == 60_000
    assert sum(r.connections for r in rows) == facts["total_connections"] == 340_908
    assert [list(maps) for maps in C3_TABLE] == facts["C3_table"]
    assert sum(map(len, C3_TABLE)) == facts["C3_pairs"] == 60
    assert all(sum(s2 in maps for maps in C3_TABLE) == 10 for s2 in range(6))


def test_alexnet_is_section_3():
    model = on_meta(AlexNet)
    layers = count(model, [3, 227, 227])
    for row in FACTS["alexnet"]["layers"]:
        assert layers[row["layer"]] == (row["out_shape"], row["params"], row["macs"])
    found = [[type(module).__name__, layers[name].shape] for name, module in model.named_children()]
    assert found[:15] == FACTS["alexnet"]["module_shapes_227"]
    for pool in modules(model, nn.MaxPool2d):
        assert (pool.kernel_size, pool.stride) == (3, 2)  # they overlap


@pytest.mark.parametrize(
    ("row", "size", "padding"),
    [
        ("224,pad0,floor (naive PyTorch)", 224, 0),
        ("224,pad2,floor (torchvision)", 224, 2),
        ("227,pad0,floor (Caffe)", 227, 0),
    ],
)
def test_geometry_of_alexnets_first_layer(row, size, padding):
    facts = FACTS["alexnet"]["geometry"][row]
    model = on_meta(lambda: AlexNet(input_size=size, conv1_padding=padding))
    layers = count(model, [3, size, size])
    for name in ("conv1", "pool1", "pool2", "pool5"):
        assert layers[name].shape[1:] == [facts[name]] * 2
    assert model.fc6.in_features == facts["fc6_inputs"]


@pytest.mark.parametrize("name", ["A", "A-LRN", "B", "C", "D", "E"])
def test_vgg_is_tables_1_and_2(name):
    facts, model = FACTS["vgg"], on_meta(lambda: VGG(name))
    weighted = modules(model, nn.Conv2d, nn.Linear)
    assert len(weighted) == facts["weight_layers"][name.removesuffix("-LRN")]
    assert round(parameters(model) / 1e6) == facts["table2_params_M"][name]
    assert sum(map(parameters, weighted[:-3])) == facts["conv_params"][name.removesuffix("-LRN")]
    kernels = "".join(str(layer.kernel_size[0]) for layer in weighted[:-3])
    assert kernels == ("3333331331331" if name == "C" else "3" * len(kernels))


def test_each_layer_of_vgg_16_is_the_papers():
    model = on_meta(VGG)
    layers = count(model, [3, 224, 224])
    found = [
        (type(module).__name__, *layers[name])
        for name, module in model.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear, nn.MaxPool2d))
    ]
    rows = FACTS["vgg"]["layers_D"]
    shapes = [row["out"] if isinstance(row["out"], list) else [row["out"]] for row in rows]
    assert found == [
        (row["type"], shape, row["params"], row["macs"])
        for row, shape in zip(rows, shapes, strict=True)
    ]


def test_googlenet_is_table_1():
    facts, model = FACTS["googlenet"], on_meta(lambda: GoogLeNet(False))
    layers = count(model, [3, 224, 224])
    for row in facts["rows"]:
        names = {"conv2+3": ["conv2_reduce", "conv2"]}.get(row["row"], [row["row"]])
        found = [layers[f"inception{n}" if n in INCEPTION_TABLE else n] for n in names]
        assert sum(layer.params for layer in found) == row["params"]
        assert sum(layer.macs for layer in found) == row["macs"]
        assert found[-1].shape[0] == row["out_channels"]
        # Table 1 prints the operations in whole millions; see the docstring about conv1 and 5a.
        if row["row"] not in ("conv1", "5a"):
            assert row["macs"] / 1e6 == pytest.approx(float(row["paper_ops"][:-1]), abs=1)
    inputs = 192
    for name, filters in INCEPTION_TABLE.items():
        assert [inputs, *filters] == facts["inception_table"][name]
        inputs = filters[0] + filters[2] + filters[4] + filters[5]
    assert 1 + 2 + 2 * len(modules(model, Inception)) + 1 == facts["depth"] == 22


def test_the_heads_and_the_separable_stem_of_googlenet():
    facts, layers = FACTS["googlenet"], count(on_meta(GoogLeNet), [3, 224, 224])
    names = {"aux1 pool": "auxiliary4a.pool", "aux2 pool": "auxiliary4d.pool"}
    for name, shape in facts["shapes_224"].items():
        place = f"inception{name}" if name in INCEPTION_TABLE else names.get(name, name)
        assert layers[place].shape == shape
    assert layers["pool5"].shape == [1024, 1, 1]
    assert layers["auxiliary4a"].params == facts["aux"]["aux1_params"]
    assert layers["auxiliary4d"].params == facts["aux"]["aux2_params"]
    stem = count(on_meta(lambda: GoogLeNet(False, stem="separable")), [3, 224, 224])["conv1"]
    biases = 64
    weights, macs = facts["sep_stem"]["weights"], facts["sep_stem"]["macs"]
    assert stem == ([64, 112, 112], weights + biases, macs)


def test_a_reduced_module_against_a_naive_one():
    facts, worked = FACTS["googlenet"]["naive_3a"], FACTS["googlenet"]["worked_example_5x5"]

    def counted(build):
        return count(on_meta(build), [192, 28, 28])[""]

    naive = counted(lambda: NaiveInception(192, 64, 128, 32))
    filters = INCEPTION_TABLE["3a"]
    reduced = counted(lambda: Inception(192, *filters))
    assert naive.shape == [facts["out_channels"], 28, 28]
    assert reduced.shape == [facts["reduced_out"], 28, 28]
    assert (naive.macs, reduced.macs) == (facts["macs"], facts["reduced_macs"])
    assert naive.params == facts["weights"] + 64 + 128 + 32
    assert reduced.params == facts["reduced_weights"] + sum(filters)
    assert counted(lambda: ConvReLU(192, 32, 5)).macs == worked["naive_macs"] == 120_422_400
    branch = counted(lambda: nn.Sequential(ConvReLU(192, 16, 1), ConvReLU(16, 32, 5)))
    assert branch.macs == worked["reduced_total"] == 12_443_648


@pytest.mark.parametrize("setting", FACTS["resnet"]["stages"])
def test_the_stages_of_resnet_are_table_1(setting):
    depth, shortcut, version = setting.split("_")
    model = on_meta(lambda: ResNet(int(depth), shortcut, version=version))
    layers = count(model, [3, 224, 224])
    for stage in FACTS["resnet"]["stages"][setting]:
        if stage["stage"] == "conv1(+pool)":
            assert layers["conv1"].shape == [64, 112, 112]
            found = layers["conv1"].params + layers["bn1"].params, layers["conv1"].macs
            assert (layers["pool1"].shape, *found) == (stage["out"], stage["params"], stage["macs"])
        else:
            assert layers[stage["stage"]] == (stage["out"], stage["params"], stage["macs"])


@pytest.mark.parametrize("depth", TABLE_1)
def test_depth_counts_the_main_path(depth):
    model = on_meta(lambda: ResNet(depth, residual=False))
    assert len(modules(model, nn.Conv2d, nn.Linear)) == depth
    macs = ROWS[f"resnet{depth}_A" if depth < 50 else f"resnet{depth}_B_v1"]["macs"]
    assert macs / 1e9 == pytest.approx(FACTS["resnet"]["table1_flops_e9"][str(depth)], rel=0.03)


@pytest.mark.parametrize(
    ("name", "channels", "block"),
    [
        ("basic 64-d", 64, lambda: BasicBlock(64, 64)),
        ("bottleneck 256-d identity", 256, lambda: BottleneckBlock(256, 64)),
        ("bottleneck 256-d with projection", 256, lambda: BottleneckBlock(256, 64, shortcut="C")),
    ],
)
def test_blocks_of_figure_5(name, channels, block):
    facts = FACTS["resnet"]["fig5_blocks_56x56"][name]
    shape = [channels, 56, 56]
    assert count(on_meta(block), shape)[""] == (shape, facts["params"], facts["macs"])


def test_shapes_of_the_networks_for_small_images():
    layers = count(on_meta(CifarResNet), [3, 32, 32])
    shapes = [layers[name].shape for name in ("conv1", "stage1", "stage2", "stage3", "fc")]
    assert shapes == [[16, 32, 32], [16, 32, 32], [32, 16, 16], [64, 8, 8], [10]]


@pytest.mark.parametrize(("version", "halving"), [("v1", (2, 1)), ("v1.5", (1, 2))])
def test_where_the_stride_of_a_bottleneck_is(version, halving):
    blocks = modules(on_meta(lambda: ResNet(50, version=version)), BottleneckBlock)
    strides = [(b.conv1.stride[0], b.conv2.stride[0]) for b in blocks]
    assert [i for i, s in enumerate(strides) if s == halving] == [3, 7, 13]
    assert strides.count((1, 1)) == 13


# ---------------------------------------------------------------------------------------------
# Receptive fields


def without(path):
    """Features of a model one of whose layers is taken out."""

    def features(model, image):
        model.set_submodule(path, nn.Identity())
        return model.features(image)

    return features


def branch_1x1(model, image):
    return model.features(image)[:, :384]


def features(model, image):
    return model.features(image)


CASES = [
    ("LeNet-5 C5", LeNet5, features, (1, 32, 32)),
    ("LeNet-5 C5", LeNet5, features, (1, 32, 48)),
    ("LeNet-5 C5", lambda: LeNet5("modern"), features, (1, 32, 48)),
    ("AlexNet conv5", AlexNet, without("pool5"), (3, 67, 387)),
    ("AlexNet pool5", AlexNet, features, (3, 67, 387)),
    ("GoogLeNet 5b", lambda: GoogLeNet(False), features, (3, 32, 832)),
    (587, lambda: GoogLeNet(False), branch_1x1, (3, 32, 832)),  # it sees less
    *((f"CIFAR ResNet-{n}", lambda n=n: CifarResNet(n), features, None) for n in (20, 56, 110)),
]
for name in "ABCDE":
    CASES += [
        (f"VGG {name} last conv", lambda n=name: VGG(n), without("block5.pool5"), (3, 32, 352)),
        (f"VGG {name} pool5", lambda n=name: VGG(n), features, (3, 32, 352)),
    ]
for depth in (18, 34):
    row = f"ResNet-{depth} stride on 3x3"
    CASES.append((row, lambda n=depth: ResNet(n), features, None))
for depth in (50, 101, 152):
    for place, version in (("1x1", "v1"), ("3x3", "v1.5")):
        row = f"ResNet-{depth} stride on {place}"
        CASES.append((row, lambda n=depth, v=version: ResNet(n, version=v), features, None))


@pytest.mark.parametrize(("row", "build", "features", "shape"), CASES)
def test_receptive_field(row, build, features, shape):
    expected = FIELDS.get(row, row)
    # Where every layer pads, one row of pixels is enough; the width is one of whole steps.
    shape = shape or (3, 1, 64 * (expected // 64 + 2))
    assert field_of(on_meta(build), features, shape) == expected


def test_every_receptive_field_of_the_facts_is_tested():
    assert set(FIELDS) <= {row for row, *_ in CASES}
