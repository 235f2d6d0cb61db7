"""What a network shows of itself, against closed forms and autograd; and that it is left alone."""

import contextlib
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_utils.geometry import cone, receptive_field
from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet
from course_utils.probing import (
    activation_statistics,
    effective_receptive_field,
    effective_receptive_field_size,
    forward_pass,
    gradient_norms,
    modes_kept,
)


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
    first = nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Dropout(0.5)
    second = nn.Conv2d(6, 4, 3, padding=1), nn.Sigmoid(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*first, *second, nn.Linear(4, 10))


class Applies(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.forward = function


def batch(n=12, size=9, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 2, size, size, generator=generator), torch.arange(n) % 10


# The model leaves as it came

PROBES = {
    "field": lambda model, x, y: effective_receptive_field(model, x.shape[1:], samples=4),
    "gradients": gradient_norms,
    "activations": lambda model, x, y: activation_statistics(model, x),
    "pass": lambda model, x, y: forward_pass(model, x),
}


def hooks(model):
    return [h for m in model.modules() for h in (*m._forward_hooks, *m._forward_pre_hooks)]


def stops(error):
    def forward(x):
        raise error

    return Applies(forward)


@pytest.mark.parametrize("error", [None, RuntimeError(), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("probe", PROBES)
def test_the_model_leaves_as_it_came(probe, gradients, error):
    model = small_network().train()
    if error is not None:
        model.append(stops(error))
    model[4].eval()  # a mixture of modes must survive
    modes = [module.training for module in model.modules()]
    model[0].weight.grad = torch.full_like(model[0].weight, 7.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images, labels = batch()
    kept = images.clone()
    random = torch.get_rng_state()
    expected = contextlib.nullcontext() if error is None else pytest.raises(type(error))
    with torch.set_grad_enabled(gradients), expected:
        PROBES[probe](model, images, labels)
    assert torch.equal(torch.get_rng_state(), random)
    assert [module.training for module in model.modules()] == modes
    assert (model[0].weight.grad == 7).all()
    assert all(p.grad is None for p in list(model.parameters())[1:])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(images, kept) and not images.requires_grad
    assert hooks(model) == []


def test_modes_are_kept_whatever_is_done_meanwhile():
    model = small_network()
    model[4].eval()
    modes = [module.training for module in model.modules()]
    for training in (True, False):
        with pytest.raises(ZeroDivisionError), modes_kept(model):
            model.train(training)
            raise ZeroDivisionError
        assert [module.training for module in model.modules()] == modes


@pytest.mark.parametrize(
    ("probe", "model", "message"),
    [
        ("field", nn.Sequential(nn.Flatten()), "model must have a feature map"),
        ("gradients", nn.Flatten(), "model must use a convolution or a dense layer"),
        ("activations", nn.Conv2d(2, 2, 1), "model must use an activation module such as nn.ReLU"),
    ],
)
def test_a_model_without_what_is_probed_is_refused(probe, model, message):
    with pytest.raises(ValueError, match=message):
        PROBES[probe](model, *batch())


# Effective receptive fields


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
@pytest.mark.parametrize("side", [40, 10])  # 10: the border clips it
def test_the_support_is_the_theoretical_field_with_its_gaps(kernel, stride, dilation, side):
    model = ones_stack(2, kernel, stride, dilation)
    layers = [(kernel, stride, dilation * (kernel - 1) // 2, dilation)] * 2
    outputs = model(torch.zeros(1, 1, side, side)).shape[-1]
    field = effective_receptive_field(model, (1, side, side), samples=1)
    seen = cone(outputs // 2, layers, side)[0]
    expected = np.zeros((side, side), bool)
    expected[np.ix_(seen, seen)] = True
    np.testing.assert_array_equal(field > 0, expected)


def test_the_average_equals_one_gradient_at_a_time_of_the_last_map():
    model = small_network().eval()
    images = torch.randn(40, 2, 9, 11, generator=torch.Generator().manual_seed(3))
    expected = np.zeros((9, 11))
    for image in images:  # more than one batch
        x = image[None].clone().requires_grad_()
        model[:6](x)[0, :, 4, 5].sum().backward()  # the pooling and the head are passed over
        expected += x.grad.abs().sum(dim=(0, 1)).numpy()
    model.zero_grad()
    field = effective_receptive_field(model, (2, 9, 11), samples=40, seed=3)
    np.testing.assert_allclose(field, expected / expected.max(), rtol=1e-4, atol=1e-7)
    assert field.max() == 1


def test_models_of_double_precision_are_probed_in_double_precision():
    field = effective_receptive_field(ones_stack(2).double(), (1, 9, 9), samples=1)
    assert field[2, 4] == 1 / 3  # 1 * 3 over 3 * 3


@pytest.mark.parametrize(("weight", "most"), [(0, "0"), (math.inf, "nan")])
def test_a_field_of_nothing_is_refused(weight, most):
    model = ones_stack(1)
    nn.init.constant_(model[0].weight, weight)
    with pytest.raises(ValueError, match=f"must be finite and not 0 .* got {most} at most"):
        effective_receptive_field(model, (1, 9, 9), samples=1)


def test_the_size_is_the_side_of_a_square_of_the_same_area():
    field = np.zeros((9, 9))
    field[2:6, 1:5] = 0.5
    field[3, 3] = 1
    assert effective_receptive_field_size(field) == 4
    assert effective_receptive_field_size(5 * field) == 4  # relative to the largest value
    field[8, 8] = 0.0455
    assert effective_receptive_field_size(field) == 4  # "exceeds": the threshold itself is out
    field[8, 8] = 0.0456
    assert effective_receptive_field_size(field) == math.sqrt(17)


# Gradients and activations


@pytest.mark.parametrize("training", [True, False])
def test_gradients_equal_autograds(training):
    model = small_network().train(training)
    images, labels = batch()
    model[3].p = 0.0  # so that both runs see the same network
    found = gradient_norms(model, images, labels)
    # By hand: every layer's output is a leaf of its own stretch of the graph.
    first = model[0](images)
    second = model[4](model[3](torch.relu(model[1](first))))
    third = model[8](model[7](model[6](model[5](second))))
    loss = cross_entropy(third, labels)
    weights = [model[i].weight for i in (0, 4, 8)]
    gradients = torch.autograd.grad(loss, [first, second, third, *weights])
    expected = [float(gradient.norm()) for gradient in gradients]
    assert [row.name for row in found] == ["0", "4", "8"]
    assert [row.outputs for row in found] == pytest.approx(expected[:3], rel=1e-4)
    assert [row.weights for row in found] == pytest.approx(expected[3:], rel=1e-4)


@pytest.mark.parametrize("model", [LeNet5("modern"), CifarResNet(20), CifarResNet(20, "B")])
def test_every_layer_of_the_courses_networks_is_found(model):
    model.eval()
    images = torch.rand(4, next(model.parameters()).shape[1], 32, 32)
    labels = torch.arange(4)
    found = gradient_norms(model, images, labels)
    output = model(images)
    cross_entropy(output, labels).backward()
    layers = {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    used = {n: m.weight.grad for n, m in layers.items() if m.weight.grad is not None}
    expected = {name: float(gradient.norm()) for name, gradient in used.items()}
    assert {row.name: row.weights for row in found} == pytest.approx(expected, rel=1e-3)


def test_a_layer_used_twice_has_one_entry_with_both_uses():
    torch.manual_seed(0)
    shared = nn.Linear(5, 5)
    model = nn.Sequential(shared, nn.Tanh(), shared, nn.Tanh(), nn.Linear(5, 3))
    x, y = torch.rand(4, 5), torch.tensor([0, 1, 2, 0])
    (both, last) = gradient_norms(model, x, y)
    one = shared(x)
    two = shared(one.tanh())
    loss = cross_entropy(model[4](two.tanh()), y)
    g1, g2, gw = torch.autograd.grad(loss, [one, two, shared.weight])
    assert both.outputs == pytest.approx(math.hypot(float(g1.norm()), float(g2.norm())), rel=1e-5)
    assert both.weights == pytest.approx(float(gw.norm()), rel=1e-5)
    assert last.name == "4"


def test_frozen_tied_and_unreached_weights():
    model = small_network().eval()
    model[0].weight.requires_grad_(False)
    first, second, _ = gradient_norms(model, *batch())
    assert math.isnan(first.weights) and first.outputs > 0 and second.weights > 0
    model.requires_grad_(False)
    assert all(row.outputs > 0 for row in gradient_norms(model, *batch()))
    zero = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    nn.init.zeros_(zero[1].weight)
    first, second = gradient_norms(zero, torch.ones(2, 3), torch.tensor([0, 1]))
    assert (first.outputs, first.weights) == (0, 0) and second.weights > 0
    zero[0].weight = zero[1].weight = nn.Parameter(torch.eye(3))
    first, second = gradient_norms(zero, torch.ones(2, 3), torch.tensor([0, 1]))
    assert first.weights == second.weights > 0
    unused = nn.Sequential(nn.Linear(3, 3), Applies(torch.ones_like), nn.Linear(3, 3))
    first, second = gradient_norms(unused, torch.ones(2, 3), torch.tensor([0, 1]))
    assert first[1:] == (0, 0) and second.weights > 0


def test_slopes_equal_those_computed_by_hand():
    model = small_network().eval()
    images, _ = batch()
    model[4].weight.data *= 40  # so that some sigmoids saturate
    relu, sigmoid = activation_statistics(model, images)
    before_relu = model[1](model[0](images)).detach()
    before_sigmoid = model[:5](images).detach()
    assert (relu.name, relu.units) == ("2", 6)
    assert relu.flat == pytest.approx(float((before_relu <= 0).double().mean()))
    assert relu.dead == int((before_relu <= 0).all(dim=3).all(dim=2).all(dim=0).sum())
    slope = before_sigmoid.sigmoid() * (1 - before_sigmoid.sigmoid())
    assert sigmoid.flat == pytest.approx(float((slope < 0.01).double().mean()), abs=1e-3)
    assert 0.05 < sigmoid.flat < 0.95


@pytest.mark.parametrize(("x", "flat"), [(4.58, 0), (4.60, 1), (-4.58, 0), (-4.60, 1)])
def test_a_sigmoid_counts_as_flat_beyond_4_point_6(x, flat):
    assert activation_statistics(nn.Sigmoid(), torch.full((2, 3), x)) == [("", flat, 3, 0)]


def test_dead_units_are_counted_per_channel_over_all_inputs_and_places():
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU(inplace=True))
    nn.init.ones_(model[0].weight)
    model[0].bias.data = torch.tensor([-2.0, -0.5, 1.0])  # never on, sometimes on, always on
    images = torch.zeros(5, 1, 4, 4)
    images[3, 0, 1, 2] = 1.0
    (row,) = activation_statistics(model, images)
    assert row[1:] == (pytest.approx((80 + 79) / 240), 3, 1)


def test_every_use_of_a_shared_activation_has_a_row():
    relu = nn.ReLU(inplace=True)
    model = nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu)
    assert [row.name for row in activation_statistics(model, torch.rand(3, 4))] == ["1", "1 (2)"]


# Time and memory of one pass

FLOAT = 4  # bytes


@pytest.mark.parametrize(
    ("model", "peak", "kept"),
    [
        # In a chain only a layer's input and output are alive; in all, every map counts.
        (
            nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.Sigmoid(), nn.Conv2d(8, 2, 3)),
            (2 + 2 * 8) * 64,
            (2 + 2 * 8) * 64 + 2 * 36,
        ),
        # Work in place and views take none.
        (nn.Sequential(nn.ReLU(), nn.ReLU(inplace=True), nn.Flatten()), 4 * 64, 4 * 64),
        (Applies(lambda x: (x + 1).sigmoid().sigmoid()), 6 * 64, 8 * 64),
        # A shortcut keeps its input alive.
        (Applies(lambda x: (y := x + 1) + y.sigmoid().sigmoid()), 8 * 64, 10 * 64),
    ],
    ids=["chain", "in place", "plain", "shortcut"],
)
def test_memory_is_that_of_the_maps_alive(model, peak, kept):
    many = torch.ones(100, 2, 8, 8)
    run = forward_pass(model, many[:1])  # a slice counts alone
    assert (run.peak_bytes, run.kept_bytes) == (FLOAT * peak, FLOAT * kept)


def test_shared_weights_and_tuples_count_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 5)
            self.same = self.layer
            self.register_buffer("count", torch.zeros(7, dtype=torch.int64))

        def forward(self, x):
            return self.same(self.layer(x)), "extra"

    run = forward_pass(Twice(), torch.zeros(1, 5))
    assert run.weight_bytes == FLOAT * 30 + 8 * 7
    assert torch.is_tensor(run.output) and run.output.shape == (1, 5)


def test_vgg_16_needs_the_paper_s_memory():
    """Largest pair of neighbours: conv1_1 and conv1_2, 64 maps of 224 x 224 each, and the image."""
    run = forward_pass(VGG("D"), torch.zeros(1, 3, 224, 224))
    assert run.weight_bytes == FLOAT * 138_357_544
    assert run.peak_bytes == FLOAT * (3 + 2 * 64) * 224**2
    assert run.seconds > 0


@pytest.mark.parametrize(
    ("build", "parameters", "buffers"),
    [
        (AlexNet, 60_965_224, 0),
        (lambda: GoogLeNet(auxiliary=False), 6_998_552, 0),
        (lambda: ResNet(34), 21_797_672, FLOAT * 2 * 8_512 + 8 * 36),  # averages, and 36 counters
    ],
    ids=["AlexNet", "GoogLeNet", "ResNet-34"],
)
def test_full_size_networks(build, parameters, buffers):
    run = forward_pass(build(), torch.zeros(1, 3, 227, 227))
    assert run.output.shape == (1, 1000) and not run.output.requires_grad
    assert run.weight_bytes == FLOAT * parameters + buffers
    assert run.peak_bytes < run.kept_bytes
