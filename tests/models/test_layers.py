"""The layers that the papers describe, against torch's own or against the formula."""

import itertools
import math

import pytest
import torch
from networks import FACTS, on_meta
from torch import nn
from torch.nn.functional import conv2d, cross_entropy, max_pool2d, relu

from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet
from course_utils.models.alexnet import LocalResponseNorm
from course_utils.models.googlenet import GoogLeNetOutput, Inception, NaiveInception, training_loss
from course_utils.models.layers import Linear, draw_as_he, draw_as_torch, layers_to_draw
from course_utils.models.lenet5 import (
    C3_TABLE,
    FULL_TABLE,
    PartialConv2d,
    ScaledTanh,
    Subsampling,
    digit_codes,
    map_loss,
    mse_loss,
    to_paper_range,
)
from course_utils.models.resnet import BasicBlock, BottleneckBlock, ZeroPadShortcut, make_shortcut


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


# ---------------------------------------------------------------------------------------------
# What all share


def test_draw_as_torch_equals_the_default_of_pytorch():
    torch.manual_seed(3)
    expected = nn.Sequential(nn.Conv2d(2, 3, 5), nn.Linear(7, 4))
    drawn = nn.Sequential(nn.Conv2d(2, 3, 5), Linear(7, 4))
    torch.manual_seed(3)
    draw_as_torch(drawn)
    for key, value in expected.state_dict().items():
        assert torch.equal(drawn.state_dict()[key], value)


def test_draw_as_he():
    network = nn.Sequential(nn.Conv2d(20, 30, 5), nn.Conv2d(20, 30, 5, bias=False))
    draw_as_he(network)
    for layer in network:
        assert layer.weight.std().item() == pytest.approx((2 / (25 * 20)) ** 0.5, rel=0.03)
    assert (network[0].bias == 0).all()


def test_layers_on_the_meta_device_are_not_drawn():
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Linear(1, 1))
    assert [name for name, _ in layers_to_draw(network)] == ["0", "2"]
    assert list(layers_to_draw(network.to("meta"))) == []


# ---------------------------------------------------------------------------------------------
# LeNet-5


def dense_weight(c3):
    """All weights of a PartialConv2d as (output maps, input maps, k, k), 0 where not connected."""
    dense = torch.zeros(len(c3.table), 6, 5, 5)
    for output, (maps, convolution) in enumerate(zip(c3.table, c3.convolutions, strict=True)):
        dense[output, list(maps)] = convolution.weight[0].detach()
    return dense


def test_c3_equals_a_dense_convolution_with_zeros_where_table_1_has_none():
    c3, x = PartialConv2d(C3_TABLE), torch.randn(2, 6, 14, 14)
    bias = torch.cat([convolution.bias for convolution in c3.convolutions])
    torch.testing.assert_close(c3(x), conv2d(x, dense_weight(c3), bias), rtol=1e-4, atol=1e-5)
    connected = (dense_weight(c3) != 0).all(dim=(2, 3))
    assert [row.nonzero().flatten().tolist() for row in connected] == FACTS["lenet5"]["C3_table"]
    for table, expected in ((C3_TABLE, 1_516), (FULL_TABLE, 2_416)):
        assert sum(p.numel() for p in PartialConv2d(table).parameters()) == expected


def test_connections_and_codes_do_not_change_in_training():
    model = LeNet5("paper")
    before, codes = dense_weight(model.c3), model.output.codes.clone()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.01)
    images, labels = torch.rand(8, 1, 32, 32), torch.arange(8)
    for _ in range(3):
        optimiser.zero_grad()
        map_loss(model(images), labels).backward()
        optimiser.step()
    after = dense_weight(model.c3)
    assert torch.equal(after != 0, before != 0)
    assert torch.equal((after != before).any(dim=(2, 3)), (before != 0).any(dim=(2, 3)))
    assert torch.equal(model.output.codes, codes)
    assert "output.codes" in model.state_dict()
    assert "output.codes" not in dict(model.named_parameters())


def test_scaled_tanh_has_the_constants_of_appendix_a():
    a = torch.tensor([0.0, 1.0, -1.0, 100.0], dtype=torch.double, requires_grad=True)
    f = ScaledTanh()(a)
    f.sum().backward()
    facts = FACTS["lenet5"]["scaled_tanh"]
    assert f.tolist() == pytest.approx([0, facts["f1"], -facts["f1"], facts["A"]])
    slopes = [facts["fprime0"], facts["fprime1"], facts["fprime1"], 0]
    assert a.grad.tolist() == pytest.approx(slopes)


def test_subsampling_adds_four_inputs():
    layer, x = Subsampling(2), torch.rand(1, 2, 4, 6)
    with torch.no_grad():
        layer.coefficient.copy_(torch.tensor([0.5, -2.0]))
        layer.bias.copy_(torch.tensor([1.0, 3.0]))
    sums = x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]
    expected = torch.stack([0.5 * sums[:, 0] + 1, -2 * sums[:, 1] + 3], dim=1)
    torch.testing.assert_close(layer(x), expected)


def test_the_output_is_the_squared_distance_to_ten_different_drawings():
    model, codes = LeNet5("paper"), digit_codes()
    assert codes.shape == (10, 84) and set(codes.unique().tolist()) == {-1.0, 1.0}
    distances = model.output(codes)
    torch.testing.assert_close(distances, torch.cdist(codes, codes).square(), rtol=1e-4, atol=1e-3)
    assert distances[~torch.eye(10, dtype=torch.bool)].min() >= 4 * 4  # 4 pixels or more
    images = torch.rand(2, 1, 32, 32)
    scoring = LeNet5("paper", scores=True)
    scoring.load_state_dict(model.state_dict())
    assert (model(images) >= 0).all() and torch.equal(scoring(images), -model(images))


def test_losses_are_equations_8_and_9():
    distances = torch.tensor([[1.0, 4.0, 2.5], [3.0, 0.5, 7.0]])
    labels = torch.tensor([0, 2])
    assert mse_loss(distances, labels).item() == pytest.approx((1 + 7) / 2)
    first = 1 + math.log(math.exp(-2) + math.exp(-1) + math.exp(-4) + math.exp(-2.5))
    second = 7 + math.log(math.exp(-2) + math.exp(-3) + math.exp(-0.5) + math.exp(-7))
    assert map_loss(distances, labels, j=2).item() == pytest.approx((first + second) / 2)
    without_rubbish = cross_entropy(-distances, labels).item()
    assert map_loss(distances, labels, j=1000).item() == pytest.approx(without_rubbish)
    huge = torch.full((1, 10), 1e4)
    assert map_loss(huge, torch.tensor([3])).item() == pytest.approx(1e4 - 1)


def test_paper_range():
    images = torch.tensor([0.0, 0.5, 1.0])
    torch.testing.assert_close(to_paper_range(images), torch.tensor([-0.1, 0.5375, 1.175]))


# ---------------------------------------------------------------------------------------------
# AlexNet and VGG


@pytest.mark.parametrize("name", ["conv2", "conv4", "conv5"])
def test_a_grouped_convolution_is_two_half_convolutions(name):
    grouped = getattr(AlexNet(input_size=67), name)
    x = torch.randn(2, grouped.in_channels, 7, 7)
    halves = [
        conv2d(maps, weight, bias, padding=grouped.padding)
        for maps, weight, bias in zip(
            x.chunk(2, dim=1), grouped.weight.chunk(2), grouped.bias.chunk(2), strict=True
        )
    ]
    torch.testing.assert_close(grouped(x), torch.cat(halves, dim=1))


def response_norm_by_hand(x):
    """Section 3.3 as printed, one map at a time: k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    out = torch.empty_like(x)
    for i in range(x.shape[1]):
        neighbours = x[:, max(0, i - 2) : i + 3]
        out[:, i] = x[:, i] / (2 + 1e-4 * neighbours.square().sum(dim=1)) ** 0.75
    return out


def test_the_normalisation_is_the_printed_formula_within_a_tower():
    x = 100 * torch.rand(2, 12, 3, 3)  # large, so that alpha matters
    whole = response_norm_by_hand(x)
    torch.testing.assert_close(LocalResponseNorm(1)(x), whole)
    with_lrn = VGG("A-LRN", 10, input_size=32).block1.norm1_2
    torch.testing.assert_close(with_lrn(x), whole)
    torch.testing.assert_close(GoogLeNet(False, width=1 / 8).norm1(x), whole)
    towers = [response_norm_by_hand(half) for half in x.chunk(2, dim=1)]
    torch.testing.assert_close(LocalResponseNorm(2)(x), torch.cat(towers, dim=1))
    assert not torch.allclose(LocalResponseNorm(2)(x), whole, rtol=0.01)
    with torch.device("meta"):
        norms = [AlexNet(variant).norm2.towers for variant in ("paper", "single_tower")]
    assert norms == [2, 1]


# ---------------------------------------------------------------------------------------------
# GoogLeNet


def test_modules_stack_their_branches():
    x = torch.rand(2, 6, 9, 9)
    naive, reduced = NaiveInception(6, 2, 3, 4), Inception(6, 2, 3, 4, 1, 2, 5)
    assert (naive.out_channels, reduced.out_channels) == (15, 13)
    branches = [naive.conv1x1(x), naive.conv3x3(x), naive.conv5x5(x), max_pool2d(x, 3, 1, 1)]
    assert torch.equal(naive(x), torch.cat(branches, dim=1))
    branches = [
        reduced.conv1x1(x),
        reduced.conv3x3(reduced.reduce3x3(x)),
        reduced.conv5x5(reduced.reduce5x5(x)),
        reduced.projection(max_pool2d(x, 3, 1, 1)),
    ]
    assert torch.equal(reduced(x), torch.cat(branches, dim=1))


def test_auxiliary_heads_act_in_training_only_and_reach_the_early_layers():
    small = {"num_classes": 10, "input_size": 80, "width": 1 / 8}
    model, images = GoogLeNet(**small).train(), torch.rand(2, 3, 80, 80)
    output = model(images)
    assert [scores.shape for scores in output] == [(2, 10)] * 3
    for scores, reached in zip(output, ("5b", "4a", "4d"), strict=True):
        model.zero_grad()
        scores.square().sum().backward(retain_graph=True)
        touched = {n for n, p in model.named_parameters() if p.grad is not None}
        modules = {name.split(".")[0] for name in touched if name.startswith("inception")}
        assert max(modules) == f"inception{reached}" and "conv1.conv.weight" in touched
    scores = model.eval()(images)
    without = GoogLeNet(False, **small)
    own = {k: v for k, v in model.state_dict().items() if not k.startswith("auxiliary")}
    without.load_state_dict(own)
    torch.testing.assert_close(without.eval()(images), scores)
    assert isinstance(without.train()(images), torch.Tensor)


def test_the_training_loss_adds_the_heads_with_weight_0_3():
    output, labels = GoogLeNetOutput(*torch.randn(3, 4, 10)), torch.tensor([1, 2, 3, 4])
    main, first, second = (cross_entropy(scores, labels) for scores in output)
    torch.testing.assert_close(training_loss(output, labels), main + 0.3 * first + 0.3 * second)
    torch.testing.assert_close(training_loss(output, labels, 0), main)


# ---------------------------------------------------------------------------------------------
# ResNet


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_blocks_add_before_the_last_relu(shortcut):
    x = torch.randn(2, 4, 6, 6)
    basic = BasicBlock(4, 8, 2, shortcut=shortcut).eval()
    branch = basic.bn2(basic.conv2(relu(basic.bn1(basic.conv1(x)))))
    assert torch.equal(basic(x), relu(branch + basic.shortcut(x)))
    neck = BottleneckBlock(4, 8, 2, shortcut=shortcut).eval()
    branch = relu(neck.bn2(neck.conv2(relu(neck.bn1(neck.conv1(x))))))
    assert torch.equal(neck(x), relu(neck.bn3(neck.conv3(branch)) + neck.shortcut(x)))


def blocks_of(model):
    return [m for m in model.modules() if isinstance(m, (BasicBlock, BottleneckBlock))]


def test_a_block_without_its_branch_is_the_identity():
    x = torch.rand(2, 8, 5, 5)  # not negative, as every block's input: the ReLU changes nothing
    for block in (BasicBlock(8, 8), BottleneckBlock(8, 2), BottleneckBlock(8, 2, version="v1.5")):
        nn.init.zeros_(block.last_bn.weight)
        assert torch.equal(block(x), x)


@pytest.mark.parametrize("network", [ResNet, CifarResNet])
def test_a_network_without_its_branches_is_the_identity_path(network):
    model = network(18 if network is ResNet else 20, "A").eval()
    for block in blocks_of(model):
        nn.init.zeros_(block.last_bn.weight)
    images = torch.rand(2, 3, 32, 32)
    x = model.relu1(model.bn1(model.conv1(images)))
    x, step = (model.pool1(x), 8) if network is ResNet else (x, 4)
    features, maps = model.features(images), x.shape[1]
    assert torch.equal(features[:, :maps], x[:, :, ::step, ::step])
    assert (features[:, maps:] == 0).all()


@pytest.mark.parametrize("zero", [True, False])
def test_zero_last_gamma_starts_as_the_identity_path(zero):
    model = CifarResNet(20, zero_last_gamma=zero)
    assert len(blocks_of(model)) == 9
    assert all((block.last_bn.weight == 1 - zero).all() for block in blocks_of(model))


@pytest.mark.parametrize(("network", "depth"), [(ResNet, 18), (ResNet, 50), (CifarResNet, 20)])
def test_plain_is_the_resnet_without_additions(network, depth):
    residual, plain = network(depth, "A").eval(), network(depth, residual=False).eval()
    plain.load_state_dict(residual.state_dict())  # option A has no parameters: the same keys
    images = torch.rand(1, 3, 64, 64)
    assert not torch.allclose(residual(images), plain(images))
    for block in blocks_of(residual):
        block.shortcut = None
    torch.testing.assert_close(residual(images), plain(images))


def test_option_a_is_free_of_parameters_and_pads_with_zeros():
    shortcut, x = make_shortcut("A", 4, 6, 2), torch.rand(2, 4, 5, 6)
    assert isinstance(shortcut, ZeroPadShortcut) and not list(shortcut.parameters())
    out = shortcut(x)
    assert out.shape == (2, 6, 3, 3)
    assert torch.equal(out[:, :4], x[:, :, ::2, ::2]) and (out[:, 4:] == 0).all()


def test_options_b_and_c_project():
    for option, channels, stride in itertools.product("ABC", (4, 6), (1, 2)):
        shortcut = make_shortcut(option, 4, channels, stride)
        same = (channels, stride) == (4, 1)
        if option == "C" or (option == "B" and not same):
            assert (shortcut.conv.kernel_size, shortcut.conv.bias) == ((1, 1), None)
        else:
            assert isinstance(shortcut, nn.Identity if same else ZeroPadShortcut)
        assert shortcut(torch.rand(2, 4, 6, 6)).shape == (2, channels, 6 // stride, 6 // stride)
    projections = {
        option: [
            isinstance(block.shortcut, nn.Sequential)
            for block in blocks_of(on_meta(lambda option=option: ResNet(34, option)))
        ].count(True)
        for option in "ABC"
    }
    assert projections == {"A": 0, "B": 3, "C": 16}
