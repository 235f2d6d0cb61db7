"""LeNet-5 against Section II-B, Table I and Appendix A of LeCun et al. (1998)."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.models import LeNet5
from course_utils.models.lenet5 import (
    C3_TABLE,
    FULL_TABLE,
    PartialConv2d,
    ScaledTanh,
    Subsampling,
    class_scores,
    digit_codes,
    layer_table,
    map_loss,
    mse_loss,
    to_paper_range,
)

FACTS = json.loads((Path(__file__).parent / "facts_table.json").read_text())
ROWS = FACTS["variants"]["rows"]
PAPER = FACTS["lenet5"]
VARIANTS = {
    "lenet5_paper_1998": "paper",
    "lenet5_full_C3_rbf": "full_c3",
    "lenet5_modern_softmax": "modern",
}


@pytest.mark.parametrize("row", VARIANTS)
def test_parameters_and_macs_are_exact(row, count):
    counted = count(lambda: LeNet5(VARIANTS[row]), ROWS[row]["input"])
    assert (counted.params, counted.macs) == (ROWS[row]["params"], ROWS[row]["macs"])


def test_layer_table_is_the_papers():
    rows = layer_table()
    assert [(r.layer, r.maps, r.size, r.parameters, r.connections) for r in rows] == [
        (r["layer"], r["maps"], r["size"], r["trainable_params"], r["connections"])
        for r in PAPER["layers"]
    ]
    assert sum(r.parameters for r in rows) == PAPER["total_params"] == 60_000
    assert sum(r.connections for r in rows) == PAPER["total_connections"] == 340_908
    assert {r.layer: r.maps * r.size**2 for r in rows[:-1]} == {
        layer: units for layer, units in PAPER["neurons"].items() if layer not in ("out", "total")
    }


def test_each_layer_of_the_model_is_its_row(count):
    layers = count(lambda: LeNet5("paper"), [1, 32, 32]).layers
    for row in layer_table():
        layer = layers[row.layer.lower()]
        assert layer.params == row.parameters
        assert math.prod(layer.shape) == row.maps * row.size**2
        if row.kind in ("convolution", "full"):  # a connection without its bias is a multiply-add
            assert layer.macs == row.connections - row.maps * row.size**2
        else:
            assert layer.macs == 0


def test_c3_table_is_table_1():
    assert [list(maps) for maps in C3_TABLE] == PAPER["C3_table"]
    assert sum(len(maps) for maps in C3_TABLE) == PAPER["C3_pairs"] == 60
    assert all(sum(s2 in maps for maps in C3_TABLE) == 10 for s2 in range(6))
    assert len(set(C3_TABLE)) == 16


def c3_connections(c3: PartialConv2d) -> torch.Tensor:
    """Return (16, 6): whether each map of C3 depends on each map of S2, by gradients."""
    x = torch.rand(1, 6, 5, 5, requires_grad=True)
    maps = c3(x)[0, :, 0, 0]
    gradients = [torch.autograd.grad(value, x, retain_graph=True)[0] for value in maps]
    return torch.stack([g[0].abs().sum(dim=(1, 2)) > 0 for g in gradients])


def dense_weight(c3):
    """All weights of a PartialConv2d as (output maps, input maps, k, k), 0 where not connected."""
    dense = torch.zeros(len(c3.table), 6, 5, 5)
    for output, (maps, convolution) in enumerate(zip(c3.table, c3.convolutions, strict=True)):
        dense[output, list(maps)] = convolution.weight[0].detach()
    return dense


def test_c3_connections_do_not_change_in_training():
    torch.manual_seed(0)
    model = LeNet5("paper")
    expected = torch.tensor([[s2 in maps for s2 in range(6)] for maps in C3_TABLE])
    assert torch.equal(c3_connections(model.c3), expected)
    before = dense_weight(model.c3)
    codes = model.output.codes.clone()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.01)
    images, labels = torch.rand(8, 1, 32, 32), torch.arange(8)
    for _ in range(3):
        optimiser.zero_grad()
        map_loss(model(images), labels).backward()
        optimiser.step()
    after = dense_weight(model.c3)
    assert torch.equal(c3_connections(model.c3), expected)
    assert torch.equal(after != 0, expected[:, :, None, None].expand_as(after))
    assert (after != before).any(dim=(2, 3)).equal(expected)
    assert torch.equal(model.output.codes, codes)


def test_partial_convolution_equals_a_dense_one_with_zeros():
    torch.manual_seed(0)
    c3 = PartialConv2d(C3_TABLE)
    x = torch.randn(2, 6, 14, 14)
    bias = torch.cat([convolution.bias for convolution in c3.convolutions])
    dense = nn.functional.conv2d(x, dense_weight(c3), bias)
    torch.testing.assert_close(c3(x), dense, rtol=1e-4, atol=1e-5)
    assert sum(p.numel() for p in c3.parameters()) == 1_516
    assert sum(p.numel() for p in PartialConv2d(FULL_TABLE).parameters()) == 2_416


def test_scaled_tanh_has_the_constants_of_appendix_a():
    a = torch.tensor([0.0, 1.0, -1.0, 100.0], dtype=torch.double, requires_grad=True)
    f = ScaledTanh()(a)
    f.sum().backward()
    facts = PAPER["scaled_tanh"]
    assert f.tolist() == pytest.approx([0, facts["f1"], -facts["f1"], facts["A"]])
    slopes = [facts["fprime0"], facts["fprime1"], facts["fprime1"], 0]
    assert a.grad.tolist() == pytest.approx(slopes)


def test_subsampling_adds_four_inputs():
    layer = Subsampling(2)
    with torch.no_grad():
        layer.coefficient.copy_(torch.tensor([0.5, -2.0]))
        layer.bias.copy_(torch.tensor([1.0, 3.0]))
    x = torch.arange(16.0).reshape(1, 2, 2, 4)
    expected = [[0 + 1 + 4 + 5, 2 + 3 + 6 + 7], [8 + 9 + 12 + 13, 10 + 11 + 14 + 15]]
    expected = torch.tensor(expected) * torch.tensor([[0.5], [-2.0]]) + torch.tensor([[1.0], [3.0]])
    torch.testing.assert_close(layer(x), expected.reshape(1, 2, 1, 2))


def test_codes_are_ten_different_drawings():
    codes = digit_codes()
    assert codes.shape == (10, 84)
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    different = (codes[:, None] != codes[None]).sum(dim=2)
    assert different[~torch.eye(10, dtype=torch.bool)].min() >= 4
    assert "codes" not in dict(LeNet5("paper").output.named_parameters())
    assert "output.codes" in LeNet5("paper").state_dict()


def test_output_is_the_squared_distance_to_the_codes():
    model = LeNet5("paper")
    codes = digit_codes()
    distances = model.output(codes)
    torch.testing.assert_close(distances, torch.cdist(codes, codes).square(), rtol=1e-4, atol=1e-3)
    assert distances.argmin(dim=1).tolist() == list(range(10))
    assert class_scores(distances).argmax(dim=1).tolist() == list(range(10))


def test_scores_are_negative_distances():
    torch.manual_seed(0)
    model = LeNet5("paper")
    images = torch.rand(2, 1, 32, 32)
    distances = model(images)
    assert (distances >= 0).all()
    model.scores = True
    assert torch.equal(model(images), -distances)
    scoring = LeNet5("paper", scores=True)
    scoring.load_state_dict(model.state_dict())
    assert torch.equal(scoring(images), -distances)


def test_losses_are_equations_8_and_9():
    distances = torch.tensor([[1.0, 4.0, 2.5], [3.0, 0.5, 7.0]])
    labels = torch.tensor([0, 2])
    assert mse_loss(distances, labels).item() == pytest.approx((1 + 7) / 2)
    first = 1 + math.log(math.exp(-2) + math.exp(-1) + math.exp(-4) + math.exp(-2.5))
    second = 7 + math.log(math.exp(-2) + math.exp(-3) + math.exp(-0.5) + math.exp(-7))
    assert map_loss(distances, labels, j=2).item() == pytest.approx((first + second) / 2)
    cross_entropy = nn.functional.cross_entropy(class_scores(distances), labels).item()
    assert map_loss(distances, labels, j=1000).item() == pytest.approx(cross_entropy)
    huge = torch.full((1, 10), 1e4)
    assert map_loss(huge, torch.tensor([3])).item() == pytest.approx(1e4 - 1)


def test_map_loss_refuses_a_rubbish_class_without_distance():
    with pytest.raises(ValueError, match=r"j must be a number > 0, got 0"):
        map_loss(torch.zeros(1, 10), torch.zeros(1, dtype=torch.long), j=0)


def test_paper_range():
    images = torch.tensor([0.0, 0.5, 1.0])
    torch.testing.assert_close(to_paper_range(images), torch.tensor([-0.1, 0.5375, 1.175]))


def test_initialisation_of_appendix_a():
    torch.manual_seed(0)
    model = LeNet5("paper")
    fan_in = {"c1": 25, "s2": 4, "s4": 4, "c5": 400, "f6": 120}
    layers = {name: getattr(model, name) for name in fan_in}
    for index, maps in enumerate(C3_TABLE):
        fan_in[f"c3.{index}"] = 25 * len(maps)
        layers[f"c3.{index}"] = model.c3.convolutions[index]
    for name, layer in layers.items():
        values = torch.cat([p.detach().flatten() for p in layer.parameters()])
        bound = 2.4 / fan_in[name]
        assert values.abs().max() <= bound
        if len(values) > 50:
            assert values.abs().max() > 0.9 * bound
            assert values.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.2)


def test_initialisation_of_pytorch():
    torch.manual_seed(0)
    model = LeNet5("paper", init="torch")
    assert model.c5.weight.abs().max().item() == pytest.approx(1 / 20, rel=0.01)
    x = torch.rand(1, 6, 4, 4)
    torch.testing.assert_close(model.s2(x), nn.functional.avg_pool2d(x, 2))
    modern = LeNet5("modern")
    assert modern.c5.weight.abs().max().item() == pytest.approx(1 / 20, rel=0.01)
    modern = LeNet5("modern", init="paper")
    assert modern.c5.weight.abs().max().item() == pytest.approx(2.4 / 400, rel=0.01)


@pytest.mark.parametrize("variant", VARIANTS.values())
def test_receptive_field_of_c5_is_the_image(variant, receptive_field):
    seen = receptive_field(lambda: LeNet5(variant), LeNet5.features, (1, 32, 32))
    assert seen == FACTS["receptive_fields"]["rows"]["LeNet-5 C5"] == 32
    seen = receptive_field(lambda: LeNet5(variant), LeNet5.features, (1, 32, 48))
    assert seen == 32


DIGESTS = {
    # seed 0: mean, standard deviation and argmax of the scores
    "paper": (84.231, 0.2808, 1),
    "full_c3": (83.9046, 0.2186, 2),
    "modern": (-0.0194299, 0.0721, 3),
}


@pytest.mark.parametrize("variant", VARIANTS.values())
def test_forward_backward_and_digest(variant, digest):
    found = digest(lambda: LeNet5(variant), [1, 32, 32])
    assert found.equals(DIGESTS[variant]), found


def paper_loss(model, images):
    return mse_loss(model(images), torch.arange(len(images)))


def paper_map_loss(model, images):
    return map_loss(model(images), torch.arange(len(images)))


def cross_entropy(model, images):
    return nn.functional.cross_entropy(model(images), torch.arange(len(images)))


@pytest.mark.parametrize(
    ("variant", "loss"),
    [
        ("paper", paper_loss),
        ("paper", paper_map_loss),
        ("full_c3", paper_loss),
        ("modern", cross_entropy),
    ],
)
def test_one_step_lowers_the_loss(variant, loss, one_step):
    torch.manual_seed(0)
    before, after = one_step(LeNet5(variant), torch.rand(10, 1, 32, 32), loss, lr=0.001)
    assert after < before


def test_other_channels_and_classes():
    assert LeNet5("paper", in_channels=3)(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert LeNet5("modern", 7, in_channels=2)(torch.zeros(2, 2, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "classic"}, "variant must be one of 'paper', 'full_c3', 'modern', got 'class"),
        ({"init": "he"}, "init must be one of 'paper', 'torch', None, got 'he'"),
        ({"num_classes": 26}, "num_classes must be 10 for variant 'paper', got 26"),
        ({"variant": "modern", "num_classes": 0}, "num_classes must be an integer >= 1, got 0"),
        ({"in_channels": 0}, "in_channels must be an integer >= 1, got 0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        LeNet5(**options)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1, 28, 28), "images must be 32 x 32 pixels, got 28 x 28: F6 is dense"),
        ((1, 1, 36, 36), "images must be 32 x 32 pixels, got 36 x 36: F6 is dense"),
        ((1, 3, 32, 32), r"images must have shape \(N, 1, height, width\), got \(1, 3, 32, 32\)"),
        ((1, 32, 32), r"images must have shape \(N, 1, height, width\), got \(1, 32, 32\)"),
    ],
)
def test_bad_images(shape, message):
    with pytest.raises(ValueError, match=message):
        LeNet5()(torch.zeros(shape))
