"""The checks of arguments that the networks share, and what `course_utils.models` offers."""

import pytest
import torch
from torch import nn

import course_utils.models
from course_utils.models.layers import (
    Linear,
    check_choice,
    check_fixed_size,
    check_images,
    check_integer,
    draw_as_he,
    draw_as_torch,
    layers_to_draw,
)


def test_models_offers_the_networks():
    names = {"AlexNet", "CifarResNet", "GoogLeNet", "LeNet5", "ResNet", "VGG"}
    assert set(course_utils.models.__all__) == names
    for name in names:
        assert issubclass(getattr(course_utils.models, name), nn.Module)


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True, None])
def test_check_integer_names_argument_value_and_limit(value):
    with pytest.raises(ValueError, match=r"^kernel must be an integer >= 1, got "):
        check_integer("kernel", value)


def test_check_integer_accepts_the_limit():
    check_integer("padding", 0, smallest=0)


def test_check_choice_names_what_is_allowed():
    with pytest.raises(ValueError, match=r"^variant must be one of 'a', 'b', got 'c'$"):
        check_choice("variant", "c", ("a", "b"))


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 1, 8, 8), (1, 3, 8)])
def test_check_images_names_the_shape(shape):
    with pytest.raises(ValueError, match=r"images must have shape \(N, 3, height, width\), got \("):
        check_images(torch.zeros(shape), 3)


def test_check_images_names_the_smallest_size():
    with pytest.raises(ValueError, match="at least 32 x 32 pixels, got 40 x 31"):
        check_images(torch.zeros(1, 3, 40, 31), 3, smallest=32)
    check_images(torch.zeros(1, 3, 40, 32), 3, smallest=32)


def test_check_fixed_size_says_why():
    with pytest.raises(ValueError, match="must be 32 x 32 pixels, got 32 x 33: because"):
        check_fixed_size(torch.zeros(1, 3, 32, 33), 32, "because")
    check_fixed_size(torch.zeros(1, 3, 32, 32), 32, "because")


def test_draw_as_torch_equals_the_default_of_pytorch():
    torch.manual_seed(3)
    expected = nn.Sequential(nn.Conv2d(2, 3, 5), nn.Linear(7, 4))
    drawn = nn.Sequential(nn.Conv2d(2, 3, 5), Linear(7, 4))
    torch.manual_seed(3)
    draw_as_torch(drawn)
    for key, value in expected.state_dict().items():
        assert torch.equal(drawn.state_dict()[key], value)


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 25 * 20), ("fan_out", 25 * 30)])
def test_draw_as_he(mode, fan):
    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(20, 30, 5), nn.Conv2d(20, 30, 5, bias=False))
    draw_as_he(network, mode)
    for layer in network:
        assert layer.weight.std().item() == pytest.approx((2 / fan) ** 0.5, rel=0.03)
    assert (network[0].bias == 0).all()


def test_layers_on_the_meta_device_are_not_drawn():
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Linear(1, 1))
    assert [name for name, _ in layers_to_draw(network)] == ["0", "2"]
    assert list(layers_to_draw(network.to("meta"))) == []
