"""Gradient norms, activations and path factors against autograd; hooks that always come off."""

import itertools
import math
import re

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from course_utils import probing as signals
from course_utils.models import CifarResNet, LeNet5
from course_utils.probing import activation_statistics, gradient_norms


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Conv2d(6, 4, 3, padding=1),
        nn.Sigmoid(),
        nn.Flatten(),
        nn.Linear(4 * 64, 10),
    )


def batch(n=12, size=8, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 1, size, size, generator=generator), torch.arange(n) % 10


def hooks(model):
    return [
        h
        for m in model.modules()
        for h in (*m._forward_hooks.values(), *m._forward_pre_hooks.values())
    ]


@pytest.mark.parametrize("training", [True, False])
def test_gradients_equal_autograds(training):
    model = small_network().train(training)
    images, labels = batch()
    model[3].p = 0.0  # so that both runs see the same network
    found = gradient_norms(model, images, labels)
    assert [(row.name, row.kind) for row in found] == [
        ("0", "Conv2d"),
        ("4", "Conv2d"),
        ("7", "Linear"),
    ]
    # By hand: every layer's output is a leaf of its own stretch of the graph.
    first = model[0](images)
    second = model[4](model[3](torch.relu(model[1](first))))
    third = model[7](model[6](model[5](second)))
    loss = cross_entropy(third, labels)
    layers = [model[0], model[4], model[7]]
    expected = torch.autograd.grad(loss, [first, second, third, *(m.weight for m in layers)])
    for i, (row, layer) in enumerate(zip(found, layers, strict=True)):
        assert row.outputs == pytest.approx(float(expected[i].norm()), rel=1e-5)
        assert row.weights == pytest.approx(float(expected[3 + i].norm()), rel=1e-5)
        relative = float(expected[3 + i].norm() / layer.weight.detach().norm())
        assert row.relative == pytest.approx(relative, rel=1e-5)


def test_the_last_layers_gradient_is_softmax_minus_one_hot():
    model = small_network().eval()
    images, labels = batch()
    probabilities = model(images).softmax(dim=1).detach()
    expected = (probabilities - nn.functional.one_hot(labels, 10)) / len(labels)
    last = gradient_norms(model, images, labels)[-1]
    assert last.outputs == pytest.approx(float(expected.norm()), rel=1e-5)


@pytest.mark.parametrize(
    "model", [LeNet5("modern"), CifarResNet(20), CifarResNet(20, "B")], ids=str
)
def test_every_layer_of_the_courses_networks_is_found(model):
    size = 32
    images, labels = torch.rand(4, next(model.parameters()).shape[1], size, size), torch.arange(4)
    found = gradient_norms(model, images, labels)
    layers = {n: m for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    assert {row.name for row in found} == set(layers)
    output = model(images)
    model.zero_grad()
    cross_entropy(output, labels).backward()
    for row in found:
        expected = float(layers[row.name].weight.grad.norm())
        assert row.weights == pytest.approx(expected, rel=1e-3)
    model.zero_grad()


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


def test_frozen_and_unreached_weights():
    model = small_network().eval()
    model[0].weight.requires_grad_(False)
    images, labels = batch()
    first, second, _ = gradient_norms(model, images, labels)
    assert math.isnan(first.weights) and first.outputs > 0 and second.weights > 0
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    assert all(row.outputs > 0 for row in gradient_norms(model, images, labels))
    zero = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    nn.init.zeros_(zero[1].weight)
    first, second = gradient_norms(zero, torch.ones(2, 3), torch.tensor([0, 1]))
    assert (first.outputs, first.weights) == (0, 0)
    assert math.isnan(second.relative)  # relative to weights that are all 0


def test_statistics_equal_those_computed_by_hand():
    model = small_network().eval()
    images, _ = batch()
    model[4].weight.data *= 40  # so that some sigmoids saturate
    relu, sigmoid = activation_statistics(model, images)
    before_relu = model[1](model[0](images)).detach()
    before_sigmoid = model[:5](images).detach()
    value = before_relu.relu().double()
    assert (relu.name, relu.kind, relu.units) == ("2", "ReLU", 6)
    assert relu.mean == pytest.approx(float(value.mean()), rel=1e-5)
    assert relu.std == pytest.approx(float(value.std(correction=0)), rel=1e-5)
    assert relu.flat == pytest.approx(float((before_relu <= 0).double().mean()))
    assert relu.dead == int((before_relu <= 0).all(dim=3).all(dim=2).all(dim=0).sum())
    slope = before_sigmoid.sigmoid() * (1 - before_sigmoid.sigmoid())
    assert sigmoid.flat == pytest.approx(float((slope < 0.01).double().mean()), abs=1e-3)
    assert 0.05 < sigmoid.flat < 0.95


def test_a_sigmoid_counts_as_flat_beyond_4_point_6():
    for x, flat in ((4.58, 0.0), (4.60, 1.0), (-4.58, 0.0), (-4.60, 1.0)):
        (row,) = activation_statistics(nn.Sequential(nn.Sigmoid()), torch.full((2, 3), x))
        assert (row.flat, row.units, row.dead) == (flat, 3, 0)


def test_dead_units_are_counted_per_channel_over_all_inputs_and_places():
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU(inplace=True))
    nn.init.ones_(model[0].weight)
    model[0].bias.data = torch.tensor([-2.0, -0.5, 1.0])  # never on, sometimes on, always on
    images = torch.zeros(5, 1, 4, 4)
    images[3, 0, 1, 2] = 1.0
    (row,) = activation_statistics(model, images)
    assert (row.units, row.dead) == (3, 1)
    assert row.flat == pytest.approx((80 + 79) / 240)
    assert row.mean == pytest.approx((0 + 0.5 / 80 + (80 + 1) / 80) / 3)


def test_every_use_of_a_shared_activation_has_a_row_and_own_classes_may_be_named():
    relu = nn.ReLU(inplace=True)
    model = nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu)
    names = [row.name for row in activation_statistics(model, torch.rand(3, 4))]
    assert names == ["1", "1 (2)"]

    class Cube(nn.Module):
        def forward(self, x):
            return x**3

    with pytest.raises(ValueError, match="must use an activation module such as nn.ReLU, got none"):
        activation_statistics(nn.Sequential(Cube()), torch.rand(3, 4))
    (row,) = activation_statistics(nn.Sequential(Cube()), torch.zeros(3, 4), kinds=(Cube,))
    assert (row.kind, row.flat, row.dead) == ("Cube", 1.0, 4)


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("probe", [gradient_norms, activation_statistics], ids=lambda p: p.__name__)
def test_the_model_leaves_as_it_came(probe, gradients):
    model = small_network().train()
    model[4].eval()
    modes = [module.training for module in model.modules()]
    model[0].weight.grad = torch.full_like(model[0].weight, 7.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images, labels = batch()
    kept = images.clone()
    torch.manual_seed(11)
    expected = torch.rand(())
    torch.manual_seed(11)
    with torch.set_grad_enabled(gradients):
        probe(model, images, *([labels] if probe is gradient_norms else []))
    assert torch.rand(()) == expected
    assert [module.training for module in model.modules()] == modes
    assert (model[0].weight.grad == 7).all()
    assert all(p.grad is None for p in list(model.parameters())[1:])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(images, kept) and not images.requires_grad
    assert hooks(model) == []


class Broken(nn.Module):
    def forward(self, x):
        raise RuntimeError("broken on purpose")


@pytest.mark.parametrize("probe", [gradient_norms, activation_statistics], ids=lambda p: p.__name__)
def test_hooks_come_off_and_averages_come_back_after_an_error(probe):
    model = small_network().train()
    model.insert(6, Broken())
    before = model[1].running_mean.clone()
    images, labels = batch()
    with pytest.raises(RuntimeError, match="broken on purpose"):
        probe(model, images, *([labels] if probe is gradient_norms else []))
    assert hooks(model) == []
    assert torch.equal(model[1].running_mean, before)
    assert int(model[1].num_batches_tracked) == 0


def test_hooks_come_off_when_the_loss_fails_and_when_one_cannot_be_registered():
    model = small_network()
    images, labels = batch()
    with pytest.raises((ValueError, RuntimeError)):
        gradient_norms(model, images, labels[:3])
    assert hooks(model) == []

    def refuse(function):
        raise RuntimeError("no more hooks")

    registers = [(model[0].register_forward_hook, print), (refuse, print)]
    with pytest.raises(RuntimeError, match="no more hooks"), signals._probed(model, registers):
        pass
    assert hooks(model) == []


def test_an_interrupt_takes_the_hooks_off_as_well():
    model = small_network()

    def interrupt(outputs, labels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gradient_norms(model, *batch(), loss=interrupt)
    assert hooks(model) == []


# ---------------------------------------------------------------------------------------------
# Paths


def stack(sizes=(3, 4, 2, 3), activation=nn.Sigmoid, last=True):
    torch.manual_seed(2)
    modules = []
    for below, above in itertools.pairwise(sizes):
        modules += [nn.Linear(below, above), activation()]
    return nn.Sequential(*(modules if last else modules[:-1])).double()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gradient_norms(nn.Linear(2, 2), [1.0], None), "inputs must be a tensor with"),
        (
            lambda: gradient_norms(nn.Linear(2, 2), torch.zeros(0, 2), torch.zeros(0)),
            "inputs must be a tensor with at least one item",
        ),
        (
            lambda: gradient_norms(nn.Sequential(), torch.zeros(2, 2), torch.tensor([0, 1])),
            "model must use a convolution or a dense layer, got none",
        ),
        (lambda: activation_statistics(nn.ReLU(), 3.0), "inputs must be a tensor with"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
