"""AlexNet against Sections 3 to 5 of Krizhevsky et al. (2012)."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.models import AlexNet
from course_utils.models.alexnet import LocalResponseNorm, map_sizes

FACTS = json.loads((Path(__file__).parent / "facts_table.json").read_text())
ROWS = FACTS["variants"]["rows"]
PAPER = FACTS["alexnet"]
VARIANTS = {
    "alexnet_2012_grouped_227": {"variant": "paper"},
    "alexnet_2012_grouped_224pad2": {"variant": "paper", "input_size": 224, "conv1_padding": 2},
    "alexnet_single_tower_227": {"variant": "single_tower"},
}
SMALL = {"num_classes": 10, "input_size": 67, "width": 1 / 8}


@pytest.mark.parametrize("row", VARIANTS)
def test_parameters_and_macs_are_exact(row, count):
    counted = count(lambda: AlexNet(**VARIANTS[row]), ROWS[row]["input"])
    assert (counted.params, counted.macs) == (ROWS[row]["params"], ROWS[row]["macs"])


def test_each_layer_is_the_papers(count):
    layers = count(AlexNet, [3, 227, 227]).layers
    for row in PAPER["layers"]:
        shape = row["out_shape"] if isinstance(row["out_shape"], list) else [row["out_shape"]]
        assert layers[row["layer"]] == (shape, row["params"], row["macs"])


def test_order_and_shapes_up_to_pool5(count):
    layers = count(AlexNet, [3, 227, 227]).layers
    with torch.device("meta"):
        modules = dict(AlexNet().named_children())
    found = [[type(module).__name__, layers[name].shape] for name, module in modules.items()]
    assert found[:15] == PAPER["module_shapes_227"]


@pytest.mark.parametrize(
    ("row", "size", "padding"),
    [
        ("224,pad0,floor (naive PyTorch)", 224, 0),
        ("224,pad2,floor (torchvision)", 224, 2),
        ("227,pad0,floor (Caffe)", 227, 0),
    ],
)
def test_geometry_of_the_first_layer(row, size, padding):
    facts = PAPER["geometry"][row]
    sizes = map_sizes(size, padding)
    assert sizes == {name: facts[name] for name in ("conv1", "pool1", "pool2", "pool5")}
    with torch.device("meta"):
        model = AlexNet(input_size=size, conv1_padding=padding)
        maps = model.features(torch.empty(1, 3, size, size))
    assert maps.shape[2:] == (sizes["pool5"], sizes["pool5"])
    assert model.fc6.in_features == facts["fc6_inputs"]


@pytest.mark.parametrize(("layer", "size"), [("conv5", 163), ("pool5", 195)])
def test_receptive_field(layer, size, receptive_field):
    def features(model, image):
        if layer == "conv5":
            model.pool5 = nn.Identity()
        return model.features(image)

    seen = receptive_field(AlexNet, features, (3, 67, 387))
    assert seen == FACTS["receptive_fields"]["rows"][f"AlexNet {layer}"] == size


@pytest.mark.parametrize("name", ["conv2", "conv4", "conv5"])
def test_grouped_convolution_is_two_half_convolutions(name):
    torch.manual_seed(0)
    grouped = getattr(AlexNet(**SMALL), name)
    half = grouped.in_channels // 2
    x = torch.randn(2, 2 * half, 7, 7)
    weights, biases = grouped.weight.chunk(2), grouped.bias.chunk(2)
    halves = [
        nn.functional.conv2d(maps, weight, bias, padding=grouped.padding)
        for maps, weight, bias in zip(x.chunk(2, dim=1), weights, biases, strict=True)
    ]
    assert weights[0].shape[1] == half
    torch.testing.assert_close(grouped(x), torch.cat(halves, dim=1))


def response_norm_by_hand(x, alpha):
    """Section 3.3 as printed, one map at a time: k = 2, n = 5, beta = 0.75."""
    maps = x.shape[1]
    out = torch.empty_like(x)
    for i in range(maps):
        neighbours = x[:, max(0, i - 2) : min(maps - 1, i + 2) + 1]
        out[:, i] = x[:, i] / (2 + alpha * neighbours.square().sum(dim=1)) ** 0.75
    return out


@pytest.mark.parametrize(("reading", "alpha"), [("formula", 1e-4), ("code", 1e-4 / 5)])
def test_local_response_norm_in_both_readings(reading, alpha):
    torch.manual_seed(0)
    x = 100 * torch.rand(2, 12, 3, 3)  # large, so that alpha matters
    single = AlexNet("single_tower", lrn_alpha=reading, **SMALL)
    torch.testing.assert_close(single.norm1(x), response_norm_by_hand(x, alpha))
    torch.testing.assert_close(
        single.norm1(x), nn.LocalResponseNorm(5, alpha=5 * alpha, beta=0.75, k=2.0)(x)
    )
    towers = AlexNet("paper", lrn_alpha=reading, **SMALL)
    expected = [response_norm_by_hand(half, alpha) for half in x.chunk(2, dim=1)]
    torch.testing.assert_close(towers.norm1(x), torch.cat(expected, dim=1))


def test_the_two_readings_and_the_towers_differ():
    x = 100 * torch.rand(1, 12, 3, 3)
    formula, code = (LocalResponseNorm(1, alpha)(x) for alpha in (5e-4, 1e-4))
    assert not torch.allclose(formula, code, rtol=0.01)
    towers = LocalResponseNorm(2, 5e-4)(x)
    changed = (towers - formula).abs().amax(dim=(0, 2, 3)) > 1e-4
    assert changed.tolist() == [False] * 4 + [True] * 4 + [False] * 4  # at the tower's edge only


def test_pooling_overlaps():
    model = AlexNet(**SMALL)
    for pool in (model.pool1, model.pool2, model.pool5):
        assert (pool.kernel_size, pool.stride) == (3, 2)


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    model = AlexNet(**SMALL)
    image = torch.rand(1, 3, 67, 67)
    assert not torch.equal(model.train()(image), model.train()(image))
    assert torch.equal(model.eval()(image), model.eval()(image))
    dropped = (model.train().dropout6(torch.ones(10_000)) == 0).float().mean().item()
    assert dropped == pytest.approx(0.5, abs=0.03)
    assert (model.dropout6.p, model.dropout7.p) == (0.5, 0.5)


def test_initialisation_of_section_5():
    torch.manual_seed(0)
    model = AlexNet(input_size=67, width=1 / 4)
    layers = {name: m for name, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    assert len(layers) == 8
    for layer in layers.values():
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.05)
        assert abs(layer.weight.mean().item()) < 0.0005
    ones = {name for name, layer in layers.items() if (layer.bias == 1).all()}
    zeros = {name for name, layer in layers.items() if (layer.bias == 0).all()}
    assert ones == {"conv2", "conv4", "conv5", "fc6", "fc7"}
    assert zeros == {"conv1", "conv3", "fc8"}


def test_initialisation_of_pytorch():
    torch.manual_seed(0)
    model = AlexNet(init="torch", **SMALL)
    assert model.fc7.weight.abs().max().item() == pytest.approx(512**-0.5, rel=0.01)
    assert model.fc7.bias.abs().max().item() == pytest.approx(512**-0.5, rel=0.05)


def test_initialisation_of_he():
    torch.manual_seed(0)
    layer = AlexNet(init="he", **SMALL).fc7
    assert layer.weight.std().item() == pytest.approx((2 / 512) ** 0.5, rel=0.02)
    assert (layer.bias == 0).all()


DIGESTS = {
    # seed 0: mean, standard deviation and argmax of the scores
    "alexnet_2012_grouped_227": (0.0066723, 0.8751, 937),
    "alexnet_2012_grouped_224pad2": (0.00667297, 0.8751, 937),
    "alexnet_single_tower_227": (0.020516, 0.8748, 324),
}


@pytest.mark.parametrize("row", VARIANTS)
def test_forward_backward_and_digest(row, digest):
    found = digest(lambda: AlexNet(**VARIANTS[row]), ROWS[row]["input"], training=False)
    assert found.equals(DIGESTS[row]), found


@pytest.mark.parametrize("variant", ["paper", "single_tower"])
def test_one_step_lowers_the_loss(variant, one_step):
    def loss(model, images):
        return nn.functional.cross_entropy(model(images), torch.arange(len(images)))

    torch.manual_seed(0)
    before, after = one_step(AlexNet(variant, **SMALL), torch.rand(10, 3, 67, 67), loss, lr=0.01)
    assert after < before


def test_other_sizes_channels_and_classes():
    model = AlexNet(num_classes=7, in_channels=1, input_size=99, width=1 / 8)
    assert model(torch.zeros(2, 1, 99, 99)).shape == (2, 7)
    model = AlexNet(num_classes=7, input_size=63, conv1_padding=2, width=1 / 8)
    assert model(torch.zeros(2, 3, 63, 63)).shape == (2, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "owt"}, "variant must be one of 'paper', 'single_tower', got 'owt'"),
        ({"num_classes": 0}, "num_classes must be an integer >= 1, got 0"),
        ({"in_channels": 1.0}, "in_channels must be an integer >= 1, got 1.0"),
        ({"input_size": 66}, "input_size must be an integer >= 67, got 66"),
        ({"input_size": 62, "conv1_padding": 2}, "input_size must be an integer >= 63, got 62"),
        ({"conv1_padding": -1}, "conv1_padding must be an integer >= 0, got -1"),
        ({"width": 0.3}, "width must be one of 1, 0.5, 0.25, 0.125, got 0.3"),
        ({"lrn_alpha": "caffe"}, "lrn_alpha must be one of 'formula', 'code', got 'caffe'"),
        ({"init": "zero"}, "init must be one of 'paper', 'he', 'torch', got 'zero'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        AlexNet(**options)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (1, 3, 224, 224),
            "images must be 227 x 227 pixels, got 224 x 224: fc6 is dense, it has one weight for "
            "each of the 256 x 6 x 6 values of pool5",
        ),
        ((1, 3, 32, 32), "images must be 227 x 227 pixels, got 32 x 32"),
        ((1, 1, 227, 227), r"images must have shape \(N, 3, height, width\), got \(1, 1, 227, 227"),
    ],
)
def test_bad_images(shape, message):
    with torch.device("meta"):
        model = AlexNet()
        with pytest.raises(ValueError, match=message):
            model(torch.zeros(shape))
