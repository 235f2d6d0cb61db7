"""VGG against Tables 1 and 2 and Section 3.1 of Simonyan and Zisserman (2014)."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.models import VGG
from course_utils.models.vgg import CONFIGURATIONS

FACTS = json.loads((Path(__file__).parent / "facts_table.json").read_text())
ROWS = FACTS["variants"]["rows"]
PAPER = FACTS["vgg"]
VARIANTS = {f"vgg_{name}": {"configuration": name} for name in CONFIGURATIONS}
VARIANTS |= {
    f"vgg_{name}_bn": {"configuration": name, "batch_norm": True} for name in ("A", "B", "D", "E")
}
SMALL = {"num_classes": 10, "input_size": 32, "width": 1 / 8}


@pytest.mark.parametrize("row", VARIANTS)
def test_parameters_and_macs_are_exact(row, count):
    facts = ROWS[row]
    with torch.device("meta"):
        model = VGG(**VARIANTS[row])
    kinds = [type(module).__name__ for module in model.modules()]
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    counted = count(lambda: VGG(**VARIANTS[row]), facts["input"])
    assert (counted.params, counted.macs) == (facts["params"], facts["macs"])
    assert kinds.count("Conv2d") == facts["conv_layers"]
    assert kinds.count("Linear") == facts["fc_layers"] == 3
    assert kinds.count("LocalResponseNorm") == (1 if "LRN" in row else 0)
    assert sum(p.numel() for norm in norms for p in norm.parameters()) == facts["bn_affine"]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_weight_layers_and_parameters_are_tables_1_and_2(name):
    with torch.device("meta"):
        model = VGG(name)
    weighted = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(weighted) == PAPER["weight_layers"][name.removesuffix("-LRN")]
    params = sum(p.numel() for p in model.parameters())
    assert round(params / 1e6) == PAPER["table2_params_M"][name]
    convolutions = sum(p.numel() for m in weighted[:-3] for p in m.parameters())
    assert convolutions == PAPER["conv_params"][name.removesuffix("-LRN")]


def test_c_has_1x1_where_d_has_3x3():
    with torch.device("meta"):
        c, d = (
            [m.kernel_size[0] for m in VGG(name).modules() if isinstance(m, nn.Conv2d)]
            for name in "CD"
        )
    assert d == [3] * 13
    assert c == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]


def test_each_layer_of_d_is_the_papers(count):
    layers = count(lambda: VGG("D"), [3, 224, 224]).layers
    with torch.device("meta"):
        modules = dict(VGG("D").named_modules())
    found = [
        (type(modules[name]).__name__, *layer)
        for name, layer in layers.items()
        if isinstance(modules[name], (nn.Conv2d, nn.Linear, nn.MaxPool2d))
    ]
    expected = [(row["type"], row["out"], row["params"], row["macs"]) for row in PAPER["layers_D"]]
    assert found == [(kind, s if isinstance(s, list) else [s], p, m) for kind, s, p, m in expected]


@pytest.mark.parametrize("name", [name for name in CONFIGURATIONS if name != "A-LRN"])
@pytest.mark.parametrize("layer", ["last conv", "pool5"])
def test_receptive_field(name, layer, receptive_field):
    def features(model, image):
        if layer == "last conv":
            model.block5.pool5 = nn.Identity()
        return model.features(image)

    seen = receptive_field(lambda: VGG(name), features, (3, 32, 352))
    assert seen == FACTS["receptive_fields"]["rows"][f"VGG {name} {layer}"]


def test_a_lrn_normalises_as_alexnet():
    x = 100 * torch.rand(1, 8, 2, 2)
    norm = VGG("A-LRN", **SMALL).block1.norm1_2
    expected = torch.stack(
        [
            x[0, i] / (2 + 1e-4 * x[0, max(0, i - 2) : i + 3].square().sum(dim=0)) ** 0.75
            for i in range(8)
        ]
    )
    torch.testing.assert_close(norm(x)[0], expected)


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    model = VGG("A", **SMALL)
    image = torch.rand(1, 3, 32, 32)
    assert not torch.equal(model.train()(image), model.train()(image))
    assert torch.equal(model.eval()(image), model.eval()(image))
    assert (model.dropout6.p, model.dropout7.p) == (0.5, 0.5)


@pytest.mark.parametrize(("init", "std"), [("printed", 0.1), ("small", 0.01)])
def test_initialisation_by_a_normal_distribution(init, std):
    torch.manual_seed(0)
    model = VGG("A", init=init, **SMALL)
    weighted = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for layer in weighted:
        assert layer.weight.std().item() == pytest.approx(std, rel=0.15)
        assert (layer.bias == 0).all()


def test_initialisation_of_glorot_and_of_pytorch():
    torch.manual_seed(0)
    layer = VGG("A", **SMALL).block5.conv5_1
    assert layer.weight.abs().max().item() == pytest.approx((6 / (2 * 9 * 64)) ** 0.5, rel=0.01)
    assert (layer.bias == 0).all()
    layer = VGG("A", init="torch", **SMALL).block5.conv5_1
    assert layer.weight.abs().max().item() == pytest.approx((9 * 64) ** -0.5, rel=0.01)
    assert (layer.bias != 0).all()


def test_initialisation_of_he():
    torch.manual_seed(0)
    layer = VGG("A", init="he", **SMALL).fc7
    assert layer.weight.std().item() == pytest.approx((2 / 512) ** 0.5, rel=0.02)
    assert (layer.bias == 0).all()


DIGESTS = {
    # seed 0: mean, standard deviation and argmax of the scores
    "A": (-6.18508e-06, 0.01061, 19),
    "A-LRN": (-3.67804e-06, 0.006308, 19),
    "B": (-6.57872e-05, 0.004636, 84),
    "C": (9.28473e-05, 0.001301, 988),
    "D": (-1.78411e-05, 0.001316, 798),
    "E": (-2.82386e-05, 0.0006377, 837),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_forward_backward_and_digest(name, digest):
    found = digest(lambda: VGG(name), [3, 224, 224], training=False)
    assert found.equals(DIGESTS[name]), found


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_one_step_lowers_the_loss(name, one_step):
    def loss(model, images):
        return nn.functional.cross_entropy(model(images), torch.arange(len(images)))

    torch.manual_seed(0)
    before, after = one_step(VGG(name, **SMALL), torch.rand(10, 3, 32, 32), loss, lr=0.01)
    assert after < before


def test_other_sizes_channels_and_classes():
    model = VGG("B", 7, in_channels=1, input_size=70, width=1 / 4, batch_norm=True)
    assert model(torch.zeros(2, 1, 70, 70)).shape == (2, 7)
    assert model.pool5_shape == (128, 2, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"configuration": "16"},
            "configuration must be one of 'A', 'A-LRN', 'B', 'C', 'D', 'E', got '16'",
        ),
        ({"num_classes": 0}, "num_classes must be an integer >= 1, got 0"),
        ({"in_channels": 0}, "in_channels must be an integer >= 1, got 0"),
        ({"input_size": 31}, "input_size must be an integer >= 32, got 31"),
        ({"width": 2}, "width must be one of 1, 0.5, 0.25, 0.125, got 2"),
        (
            {"init": "xavier"},
            "init must be one of 'glorot', 'printed', 'small', 'he', 'torch', got ",
        ),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        VGG(**options)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (1, 3, 256, 256),
            "images must be 224 x 224 pixels, got 256 x 256: fc6 is dense, it has one weight for "
            "each of the 512 x 7 x 7 values of pool5",
        ),
        ((1, 3, 16, 16), "images must be 224 x 224 pixels, got 16 x 16"),
        ((1, 4, 224, 224), r"images must have shape \(N, 3, height, width\), got \(1, 4, 224, 224"),
    ],
)
def test_bad_images(shape, message):
    with torch.device("meta"):
        model = VGG()
        with pytest.raises(ValueError, match=message):
            model(torch.zeros(shape))
