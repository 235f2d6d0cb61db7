"""ResNet against Table 1, Fig. 5 and Section 4 of He et al. (2015)."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.models import CifarResNet, ResNet
from course_utils.models.resnet import (
    TABLE_1,
    BasicBlock,
    BottleneckBlock,
    ZeroPadShortcut,
    make_shortcut,
)

FACTS = json.loads((Path(__file__).parent / "facts_table.json").read_text())
ROWS = FACTS["variants"]["rows"]
PAPER = FACTS["resnet"]

VARIANTS = {}
for depth in (18, 34):
    VARIANTS[f"plain{depth}"] = (ResNet, {"depth": depth, "residual": False})
    for option in "ABC":
        VARIANTS[f"resnet{depth}_{option}"] = (ResNet, {"depth": depth, "shortcut": option})
for depth in (50, 101, 152):
    for option in "ABC":
        VARIANTS[f"resnet{depth}_{option}_v1"] = (ResNet, {"depth": depth, "shortcut": option})
    VARIANTS[f"resnet{depth}_B_v1.5"] = (ResNet, {"depth": depth, "version": "v1.5"})
for depth in (20, 32, 44, 56, 110, 1202):
    for option in "AB":
        VARIANTS[f"cifar_resnet{depth}_{option}"] = (
            CifarResNet,
            {"depth": depth, "shortcut": option},
        )


def build(row):
    network, options = VARIANTS[row]
    return network(**options)


@pytest.mark.parametrize("row", VARIANTS)
def test_parameters_and_macs_are_exact(row, count):
    facts = ROWS[row]
    with torch.device("meta"):
        modules = list(build(row).modules())
    norms = [module for module in modules if isinstance(module, nn.BatchNorm2d)]
    counted = count(lambda: build(row), facts["input"])
    assert (counted.params, counted.macs) == (facts["params"], facts["macs"])
    assert sum(isinstance(module, nn.Conv2d) for module in modules) == facts["conv_layers"]
    assert sum(p.numel() for norm in norms for p in norm.parameters()) == facts["bn_affine"]


def test_every_row_of_the_facts_is_tested():
    rows = {row for row in ROWS if row.startswith(("plain", "resnet", "cifar"))}
    assert rows == set(VARIANTS)


@pytest.mark.parametrize("setting", PAPER["stages"])
def test_stages_are_table_1(setting, count):
    depth, shortcut, version = setting.split("_")
    counted = count(lambda: ResNet(int(depth), shortcut, version=version), [3, 224, 224])
    layers = counted.layers
    for stage in PAPER["stages"][setting]:
        name = stage["stage"]
        if name == "conv1(+pool)":
            assert layers["conv1"].shape == [64, 112, 112]
            assert layers["pool1"].shape == stage["out"]
            assert layers["conv1"].params + layers["bn1"].params == stage["params"]
            assert layers["conv1"].macs == stage["macs"]
        else:
            assert layers[name] == (stage["out"], stage["params"], stage["macs"])


@pytest.mark.parametrize("depth", TABLE_1)
def test_depth_counts_the_main_path(depth):
    with torch.device("meta"):
        modules = list(ResNet(depth, residual=False).modules())
    assert sum(isinstance(module, (nn.Conv2d, nn.Linear)) for module in modules) == depth
    option = "A" if depth < 50 else "B"
    macs = ROWS[f"resnet{depth}_{option}" + ("" if depth < 50 else "_v1")]["macs"]
    assert macs / 1e9 == pytest.approx(PAPER["table1_flops_e9"][str(depth)], rel=0.03)


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("basic 64-d", lambda: BasicBlock(64, 64)),
        ("bottleneck 256-d identity", lambda: BottleneckBlock(256, 64)),
        ("bottleneck 256-d with projection", lambda: BottleneckBlock(256, 64, shortcut="C")),
    ],
)
def test_blocks_of_figure_5(name, block, count):
    facts = PAPER["fig5_blocks_56x56"][name]
    channels = 64 if name.startswith("basic") else 256
    counted = count(lambda: nn.Sequential(block()), [channels, 56, 56])
    assert (counted.params, counted.macs) == (facts["params"], facts["macs"])
    assert counted.layers["0"].shape == [channels, 56, 56]


def test_cifar_shapes(count):
    layers = count(CifarResNet, [3, 32, 32]).layers
    shapes = [layers[name].shape for name in ("conv1", "stage1", "stage2", "stage3", "fc")]
    assert shapes == [[16, 32, 32], [16, 32, 32], [32, 16, 16], [64, 8, 8], [10]]


RECEPTIVE_FIELDS = {
    "ResNet-18 stride on 3x3": (18, "v1"),
    "ResNet-34 stride on 3x3": (34, "v1"),
    "ResNet-50 stride on 1x1": (50, "v1"),
    "ResNet-50 stride on 3x3": (50, "v1.5"),
    "ResNet-101 stride on 1x1": (101, "v1"),
    "ResNet-101 stride on 3x3": (101, "v1.5"),
    "ResNet-152 stride on 1x1": (152, "v1"),
    "ResNet-152 stride on 3x3": (152, "v1.5"),
}


@pytest.mark.parametrize("row", RECEPTIVE_FIELDS)
def test_receptive_field(row, receptive_field):
    expected = FACTS["receptive_fields"]["rows"][row]
    depth, version = RECEPTIVE_FIELDS[row]
    width = 64 * (expected // 64 + 2)  # one row of pixels is enough: every layer pads
    seen = receptive_field(lambda: ResNet(depth, version=version), ResNet.features, (3, 1, width))
    assert seen == expected


@pytest.mark.parametrize("depth", [20, 56, 110])
def test_receptive_field_of_cifar_networks(depth, receptive_field):
    expected = FACTS["receptive_fields"]["rows"][f"CIFAR ResNet-{depth}"]
    width = 8 * (expected // 8 + 2)
    seen = receptive_field(lambda: CifarResNet(depth), CifarResNet.features, (3, 1, width))
    assert seen == expected


@pytest.mark.parametrize("version", ["v1", "v1.5"])
def test_where_the_stride_is(version):
    with torch.device("meta"):
        blocks = [
            m for m in ResNet(50, version=version).modules() if isinstance(m, BottleneckBlock)
        ]
    strides = [(b.conv1.stride[0], b.conv2.stride[0]) for b in blocks]
    halving = (2, 1) if version == "v1" else (1, 2)
    assert [i for i, s in enumerate(strides) if s == halving] == [3, 7, 13]
    assert strides.count((1, 1)) == 13


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_blocks_add_before_the_last_relu(shortcut):
    torch.manual_seed(0)
    relu = nn.functional.relu
    x = torch.randn(2, 4, 6, 6)
    basic = BasicBlock(4, 8, 2, shortcut=shortcut).eval()
    branch = basic.bn2(basic.conv2(relu(basic.bn1(basic.conv1(x)))))
    assert torch.equal(basic(x), relu(branch + basic.shortcut(x)))
    neck = BottleneckBlock(4, 8, 2, shortcut=shortcut).eval()
    branch = relu(neck.bn2(neck.conv2(relu(neck.bn1(neck.conv1(x))))))
    assert torch.equal(neck(x), relu(neck.bn3(neck.conv3(branch)) + neck.shortcut(x)))


def zero_residual_branches(model):
    for block in model.modules():
        if isinstance(block, (BasicBlock, BottleneckBlock)):
            nn.init.zeros_(block.last_bn.weight)
            nn.init.zeros_(block.last_bn.bias)


@pytest.mark.parametrize(
    "block", [BasicBlock(8, 8), BottleneckBlock(8, 2), BottleneckBlock(8, 2, version="v1.5")]
)
def test_a_block_without_its_branch_is_the_identity(block):
    torch.manual_seed(0)
    zero_residual_branches(block)
    x = torch.rand(2, 8, 5, 5)  # not negative, as every block's input: the ReLU changes nothing
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("network", [ResNet, CifarResNet])
def test_a_network_without_its_branches_is_the_identity_path(network):
    torch.manual_seed(0)
    model = (ResNet(18, "A") if network is ResNet else CifarResNet(20, "A")).eval()
    zero_residual_branches(model)
    images = torch.rand(2, 3, 32, 32)
    x = model.relu1(model.bn1(model.conv1(images)))
    if network is ResNet:
        x = model.pool1(x)
    first_maps = x.shape[1]
    features = model.features(images)
    halvings = {ResNet: 8, CifarResNet: 4}[network]
    assert torch.equal(features[:, :first_maps], x[:, :, ::halvings, ::halvings])
    assert (features[:, first_maps:] == 0).all()


def test_zero_last_gamma_starts_as_the_identity_path():
    images = torch.rand(2, 3, 32, 32)
    model = CifarResNet(20, zero_last_gamma=True).train()
    x = model.relu1(model.bn1(model.conv1(images)))
    assert torch.equal(model.stage1(x), x)
    modules = ResNet(50, zero_last_gamma=True).modules()
    gammas = [m.last_bn.weight for m in modules if isinstance(m, BottleneckBlock)]
    assert len(gammas) == 16
    assert all((gamma == 0).all() for gamma in gammas)
    ordinary = [m.last_bn.weight for m in CifarResNet(20).modules() if isinstance(m, BasicBlock)]
    assert all((gamma == 1).all() for gamma in ordinary)


@pytest.mark.parametrize(("network", "depth"), [(ResNet, 18), (ResNet, 50), (CifarResNet, 20)])
def test_plain_is_the_resnet_without_additions(network, depth):
    torch.manual_seed(0)
    residual = network(depth, "A").eval()
    plain = network(depth, residual=False).eval()
    plain.load_state_dict(residual.state_dict())  # option A has no parameters: the same keys
    images = torch.rand(1, 3, 64, 64)
    assert not torch.allclose(residual(images), plain(images))
    for block in residual.modules():
        if isinstance(block, (BasicBlock, BottleneckBlock)):
            block.shortcut = None
    torch.testing.assert_close(residual(images), plain(images))


def test_option_a_is_free_of_parameters_and_pads_with_zeros():
    shortcut = make_shortcut("A", 4, 6, 2)
    assert isinstance(shortcut, ZeroPadShortcut)
    assert list(shortcut.parameters()) == []
    x = torch.rand(2, 4, 5, 6)
    out = shortcut(x)
    assert out.shape == (2, 6, 3, 3)
    assert torch.equal(out[:, :4], x[:, :, ::2, ::2])
    assert (out[:, 4:] == 0).all()


def test_options_b_and_c_project():
    assert isinstance(make_shortcut("A", 4, 4, 1), nn.Identity)
    assert isinstance(make_shortcut("B", 4, 4, 1), nn.Identity)
    for option, channels, stride in [("B", 6, 2), ("B", 6, 1), ("C", 4, 1), ("C", 6, 2)]:
        shortcut = make_shortcut(option, 4, channels, stride)
        assert shortcut.conv.kernel_size == (1, 1)
        assert shortcut.conv.bias is None
        assert shortcut(torch.rand(2, 4, 6, 6)).shape == (2, channels, 6 // stride, 6 // stride)
    with torch.device("meta"):
        networks = {option: ResNet(34, option) for option in "ABC"}
    projections = {
        option: sum(isinstance(getattr(m, "shortcut", None), nn.Sequential) for m in net.modules())
        for option, net in networks.items()
    }
    assert projections == {"A": 0, "B": 3, "C": 16}


def test_initialisation_of_he():
    torch.manual_seed(0)
    for init, fan in [("paper", 9 * 16), ("fan_out", 9 * 32)]:
        convolution = CifarResNet(20, init=init).stage2[0].conv1  # 16 -> 32 maps
        assert convolution.weight.std().item() == pytest.approx((2 / fan) ** 0.5, rel=0.05)
    model = CifarResNet(20)
    assert model.fc.weight.std().item() == pytest.approx((2 / 64) ** 0.5, rel=0.1)
    assert (model.fc.bias == 0).all()
    model = CifarResNet(20, init="torch")
    bound = (9 * 16) ** -0.5
    assert model.stage2[0].conv1.weight.abs().max().item() == pytest.approx(bound, rel=0.01)


DIGESTS = {
    # seed 0: mean, standard deviation and argmax of the scores
    "plain18": (0.00330313, 0.1943, 605),
    "resnet18_A": (0.24023, 6.792, 906),
    "resnet18_B": (0.0509608, 12.96, 532),
    "resnet18_C": (0.0318771, 4.836, 861),
    "plain34": (0.00130247, 0.03962, 220),
    "resnet34_B": (3.17663, 225.5, 269),
    "resnet50_B_v1": (0.926357, 258.8, 607),
    "resnet50_B_v1.5": (0.780259, 270, 981),
    "resnet101_B_v1": (821.775, 1.621e04, 391),
    "resnet152_B_v1": (9372.01, 1.003e06, 517),
    "cifar_resnet20_A": (-0.999078, 6.472, 8),
    "cifar_resnet20_B": (1.75304, 10.99, 3),
    "cifar_resnet56_A": (-33.0054, 1051, 7),
    "cifar_resnet110_A": (24542.3, 8.2e05, 3),
}


@pytest.mark.parametrize("row", DIGESTS)
def test_forward_backward_and_digest(row, digest):
    found = digest(lambda: build(row), ROWS[row]["input"])
    assert found.equals(DIGESTS[row]), found


@pytest.mark.parametrize(
    "model",
    [
        lambda: ResNet(18, "A", num_classes=10),
        lambda: ResNet(18, "C", num_classes=10),
        lambda: ResNet(18, residual=False, num_classes=10),
        lambda: ResNet(50, num_classes=10),
        lambda: ResNet(50, num_classes=10, version="v1.5"),
        lambda: CifarResNet(20),
        lambda: CifarResNet(20, "B"),
        lambda: CifarResNet(20, residual=False),
    ],
)
def test_one_step_lowers_the_loss(model, one_step):
    def loss(network, images):
        return nn.functional.cross_entropy(network(images), torch.arange(len(images)))

    torch.manual_seed(0)
    before, after = one_step(model().train(), torch.rand(10, 3, 64, 64), loss, lr=0.001)
    assert after < before


def test_other_sizes_channels_classes_and_widths():
    assert ResNet(18, num_classes=7, in_channels=1)(torch.zeros(2, 1, 32, 40)).shape == (2, 7)
    model = CifarResNet(8, "A", True, 7, in_channels=1, widths=(4, 4, 6))
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 7)
    assert model(torch.zeros(2, 1, 33, 47)).shape == (2, 7)
    assert model.features(torch.zeros(2, 1, 8, 8)).shape == (2, 6, 2, 2)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (ResNet, {"depth": 20}, "depth must be one of 18, 34, 50, 101, 152, got 20"),
        (ResNet, {"shortcut": "D"}, "shortcut must be one of 'A', 'B', 'C', got 'D'"),
        (ResNet, {"version": "v2"}, "version must be one of 'v1', 'v1.5', got 'v2'"),
        (ResNet, {"residual": 2}, "residual must be one of True, False, got 2"),
        (ResNet, {"init": "he"}, "init must be one of 'paper', 'fan_out', 'torch', got 'he'"),
        (ResNet, {"num_classes": 0}, "num_classes must be an integer >= 1, got 0"),
        (ResNet, {"in_channels": 0}, "in_channels must be an integer >= 1, got 0"),
        (
            ResNet,
            {"residual": False, "zero_last_gamma": True},
            "zero_last_gamma must be False for residual=False, got True",
        ),
        (CifarResNet, {"depth": 18}, r"depth must be 6n \+ 2 \(8, 14, 20, 26, ...\), got 18"),
        (CifarResNet, {"depth": 2}, "depth must be an integer >= 8, got 2"),
        (CifarResNet, {"shortcut": "C"}, "shortcut must be one of 'A', 'B', got 'C'"),
        (CifarResNet, {"widths": (16, 32)}, r"widths must be three integers, .*got \(16, 32\)"),
        (CifarResNet, {"widths": (32, 16, 64)}, r"widths must be three .*got \(32, 16, 64\)"),
        (CifarResNet, {"widths": (0, 16, 64)}, "widths must be an integer >= 1, got 0"),
    ],
)
def test_bad_arguments(network, options, message):
    with pytest.raises(ValueError, match=message):
        network(**options)


def test_blocks_refuse_what_they_cannot_build():
    with pytest.raises(ValueError, match="maps must be an integer >= 1, got 0"):
        BasicBlock(8, 0)
    with pytest.raises(ValueError, match="stride must be an integer >= 1, got 0"):
        BottleneckBlock(8, 2, 0)
    with pytest.raises(ValueError, match="out_channels must be an integer >= 8, got 4"):
        BasicBlock(8, 4, shortcut="A")


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (ResNet, (1, 3, 31, 64), "images must be at least 32 x 32 pixels, got 31 x 64"),
        (ResNet, (1, 1, 32, 32), r"images must have shape \(N, 3, height, width\), got \(1, 1, 32"),
        (CifarResNet, (1, 3, 8, 3), "images must be at least 4 x 4 pixels, got 8 x 3"),
        (CifarResNet, (3, 32, 32), r"images must have shape \(N, 3, height, width\), got \(3, 32"),
    ],
)
def test_bad_images(network, shape, message):
    with torch.device("meta"):
        model = network()
        with pytest.raises(ValueError, match=message):
            model(torch.zeros(shape))
