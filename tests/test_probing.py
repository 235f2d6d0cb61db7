"""Effective receptive fields against closed forms, and the manners of the probe."""

import math
import re

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.geometry import cone, receptive_field
from course_utils.probing import effective_receptive_field, effective_receptive_field_size


def ones_stack(depth, kernel=3, stride=1, dilation=1):
    """All-ones convolutions of one channel, padded so that stride 1 keeps the size."""
    padding = dilation * (kernel - 1) // 2
    options = {"stride": stride, "padding": padding, "dilation": dilation, "bias": False}
    model = nn.Sequential(*[nn.Conv2d(1, 1, kernel, **options) for _ in range(depth)])
    for layer in model:
        nn.init.ones_(layer.weight)
    return model


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Conv2d(6, 4, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_stack_of_boxes_is_the_box_convolved_with_itself(depth, kernel):
    taps = np.ones(1)
    for _ in range(depth):
        taps = np.convolve(taps, np.ones(kernel))  # trinomial coefficients for kernel 3
    side = 25
    profile = np.zeros(side)
    first = side // 2 - len(taps) // 2
    profile[first : first + len(taps)] = taps
    expected = np.outer(profile, profile)
    expected /= expected.max()
    field = effective_receptive_field(ones_stack(depth, kernel), (1, side, side), samples=3)
    np.testing.assert_allclose(field, expected, rtol=1e-6, atol=1e-12)
    assert np.count_nonzero(field) == receptive_field([(kernel, 1)] * depth) ** 2


def test_the_field_of_a_deep_stack_is_nearly_gaussian():
    depth, side = 24, 65
    field = effective_receptive_field(ones_stack(depth), (1, side, side), samples=1)
    variance = depth * 2 / 3  # of `depth` steps of -1, 0 or 1, all alike
    offset = np.arange(side) - side // 2
    gaussian = np.exp(-(offset**2) / (2 * variance))
    np.testing.assert_allclose(field, np.outer(gaussian, gaussian), atol=0.01)
    # Its size grows with the root of the depth, far below the theoretical 2 * depth + 1.
    expected = math.sqrt(2 * math.pi * variance * math.log(1 / 0.0455))
    assert effective_receptive_field_size(field) == pytest.approx(expected, rel=0.03)
    assert expected < 0.4 * receptive_field([(3, 1)] * depth)


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 2, 1), (3, 1, 2), (5, 3, 1)])
def test_the_support_is_the_theoretical_field_with_its_gaps(kernel, stride, dilation):
    side, depth = 40, 2
    model = ones_stack(depth, kernel, stride, dilation)
    field = effective_receptive_field(model, (1, side, side), samples=1)
    layers = [(kernel, stride, dilation * (kernel - 1) // 2, dilation)] * depth
    outputs = model(torch.zeros(1, 1, side, side)).shape[-1]
    seen = cone(outputs // 2, layers, side)[0]
    expected = np.zeros((side, side), bool)
    expected[np.ix_(seen, seen)] = True
    np.testing.assert_array_equal(field > 0, expected)


def test_the_border_clips_the_field():
    field = effective_receptive_field(ones_stack(4), (1, 5, 7), samples=1)
    assert field.shape == (5, 7)
    assert (field > 0).all()


def test_the_average_equals_one_gradient_at_a_time():
    model = small_network().eval()
    images = torch.randn(70, 2, 9, 9, generator=torch.Generator().manual_seed(3))
    expected = np.zeros((9, 9))
    for image in images[:40]:  # more than one batch
        x = image[None].clone().requires_grad_()
        model[:6](x)[0, :, 4, 4].sum().backward()
        expected += x.grad.abs().sum(dim=(0, 1)).numpy()
    model.zero_grad()
    field = effective_receptive_field(model, (2, 9, 9), samples=40, images=images)
    np.testing.assert_allclose(field, expected / expected.max(), rtol=1e-4, atol=1e-7)
    assert field.max() == 1


def test_head_and_global_pooling_are_passed_over():
    field = effective_receptive_field(small_network(), (2, 11, 11), samples=8)
    rows, columns = field.nonzero()
    assert {(r.min(), r.max()) for r in (rows, columns)} == {(3, 7)}  # 5 x 5, not 11 x 11


def test_another_layer_may_be_probed_even_before_an_in_place_relu():
    model = small_network()
    field = effective_receptive_field(model, (2, 11, 11), samples=8, layer=model[0])
    assert np.count_nonzero(field) == 9
    # The convolution itself, not what the ReLU behind it writes over its output.
    convolution = effective_receptive_field(model, (2, 11, 11), samples=8, layer=model[4])
    alone = effective_receptive_field(model[:5], (2, 11, 11), samples=8)
    rectified = effective_receptive_field(model, (2, 11, 11), samples=8)
    np.testing.assert_array_equal(convolution, alone)
    assert not np.allclose(convolution, rectified)
    pooled = effective_receptive_field(model, (2, 11, 11), samples=8, layer=model[6])
    assert np.count_nonzero(pooled) == 121  # a global pooling sees everything


def test_the_seed_decides():
    model = small_network()
    first = effective_receptive_field(model, (2, 9, 9), samples=4)
    np.testing.assert_array_equal(first, effective_receptive_field(model, (2, 9, 9), samples=4))
    other = effective_receptive_field(model, (2, 9, 9), samples=4, seed=1)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("gradients", [True, False])
def test_the_model_leaves_as_it_came(gradients):
    model = small_network().train()
    model[4].eval()  # a mixture of modes must survive
    modes = [module.training for module in model.modules()]
    model[0].weight.grad = torch.full_like(model[0].weight, 7.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(11)
    expected = torch.rand(())
    torch.manual_seed(11)
    with torch.set_grad_enabled(gradients):
        effective_receptive_field(model, (2, 9, 9), samples=4)
    assert torch.rand(()) == expected  # the global random state, too
    assert [module.training for module in model.modules()] == modes
    assert (model[0].weight.grad == 7).all()
    assert all(p.grad is None for p in list(model.parameters())[1:])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(not module._forward_hooks for module in model.modules())


def test_the_model_is_restored_after_an_error():
    model = small_network().train()
    with pytest.raises(RuntimeError, match="to have 2 channels, but got 3"):
        effective_receptive_field(model, (3, 9, 9), samples=2)
    assert all(module.training and not module._forward_hooks for module in model.modules())


def test_given_images_are_not_changed():
    images = torch.rand(3, 2, 9, 9)
    before = images.clone()
    effective_receptive_field(small_network(), (2, 9, 9), samples=3, images=images)
    assert torch.equal(images, before)
    assert images.grad is None
    assert not images.requires_grad


def test_models_of_double_precision_are_probed_in_double_precision():
    field = effective_receptive_field(ones_stack(2).double(), (1, 9, 9), samples=1)
    assert field[2, 4] == 1 / 3  # 1 * 3 over 3 * 3


def dead_network():
    model = ones_stack(1)
    nn.init.zeros_(model[0].weight)
    return model


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: effective_receptive_field(ones_stack(1), (9, 9)),
            "input_shape must be (C, H, W), got (9, 9)",
        ),
        (
            lambda: effective_receptive_field(ones_stack(1), (1, 9, 0)),
            "each side of input_shape must be an integer >= 1, got 0",
        ),
        (
            lambda: effective_receptive_field(ones_stack(1), (1, 9, 9), samples=0),
            "samples must be an integer >= 1, got 0",
        ),
        (
            lambda: effective_receptive_field(ones_stack(1), (1, 9, 9), samples=2.0),
            "samples must be an integer >= 1, got 2.0",
        ),
        (
            lambda: effective_receptive_field(ones_stack(1), (1, 9, 9), seed=-1),
            "seed must be an integer >= 0, got -1",
        ),
        (
            lambda: effective_receptive_field(ones_stack(1), (1, 9, 9), seed=2**70),
            "seed must be an integer < 2**63, got 1180591620717411303424",
        ),
        (
            lambda: effective_receptive_field(
                ones_stack(1), (1, 9, 9), samples=5, images=torch.zeros(4, 1, 9, 9)
            ),
            "images must have shape (N, 1, 9, 9) with N >= samples = 5, got (4, 1, 9, 9)",
        ),
        (
            lambda: effective_receptive_field(
                ones_stack(1), (1, 9, 9), samples=1, images=torch.zeros(4, 1, 9, 8)
            ),
            "images must have shape (N, 1, 9, 9) with N >= samples = 1, got (4, 1, 9, 8)",
        ),
        (
            lambda: effective_receptive_field(nn.Sequential(nn.Flatten()), (1, 3, 3)),
            "model must have a feature map",
        ),
        (
            lambda: effective_receptive_field(ones_stack(1), (1, 9, 9), layer=nn.ReLU()),
            "layer must be a sub-module of the model, got ReLU()",
        ),
        (
            lambda: effective_receptive_field(dead_network(), (1, 9, 9)),
            "the gradient of the centre unit must not vanish, got 0 for every input pixel",
        ),
        (
            lambda: effective_receptive_field(
                ones_stack(1), (1, 9, 9), samples=1, images=np.zeros((1, 1, 9, 9))
            ),
            "images must be a torch tensor, got ndarray",
        ),
        (
            lambda: effective_receptive_field_size(np.zeros((3, 3))),
            "field must hold finite values >= 0 and one above 0",
        ),
        (
            lambda: effective_receptive_field_size(np.array([[1.0, np.nan]])),
            "field must hold finite values >= 0 and one above 0",
        ),
        (
            lambda: effective_receptive_field_size(np.ones(3)),
            "field must have shape (H, W), got (3,)",
        ),
        (
            lambda: effective_receptive_field_size(np.ones((3, 3)), threshold=1),
            "threshold must be a number from 0 to below 1, got 1",
        ),
        (
            lambda: effective_receptive_field_size(np.ones((3, 3)), threshold="5 %"),
            "threshold must be a number from 0 to below 1, got '5 %'",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_a_gradient_that_is_not_finite_is_refused():
    model = ones_stack(1)
    nn.init.constant_(model[0].weight, math.inf)
    with pytest.raises(ValueError, match="must be finite, got inf or nan"):
        effective_receptive_field(model, (1, 9, 9), samples=1)


def test_the_size_is_the_side_of_a_square_of_the_same_area():
    field = np.zeros((9, 9))
    field[2:6, 1:5] = 0.5
    field[3, 3] = 1
    assert effective_receptive_field_size(field) == 4
    assert effective_receptive_field_size(field, threshold=np.float32(0.5)) == 1
    assert effective_receptive_field_size(5 * field) == 4  # relative to the largest value
    field[8, 8] = 0.0455
    assert effective_receptive_field_size(field) == 4  # "exceeds": the threshold itself is out
    field[8, 8] = 0.0456
    assert effective_receptive_field_size(field) == math.sqrt(17)
