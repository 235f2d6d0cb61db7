"""Backpropagation by hand against PyTorch's autograd, over every setting; what theory promises."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_utils.lessons.vanishing_gradients import backprop as module
from course_utils.lessons.vanishing_gradients.backprop import ACTIVATIONS, INITS, WIDTH, backprop

TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": nn.functional.gelu,
    "linear": lambda z: z,
}
SETTINGS = list(itertools.product(ACTIVATIONS, INITS, (False, True), (False, True)))


def autograd(depth, activation, init, batch_norm, skip, seed=0):
    """The same stack in PyTorch, double precision: relative gradient and signal of each layer."""
    inputs, top, weights = (torch.from_numpy(a) for a in module._draws(seed))
    x = inputs.clone().requires_grad_()
    outputs = [x]
    for layer in range(depth):
        z = nn.functional.linear(outputs[-1], INITS[init] * weights[layer])
        if batch_norm:
            z = nn.functional.batch_norm(z, None, None, training=True)
        value = TORCH[activation](z)
        outputs.append(outputs[-1] + value if skip else value)
    gradients = torch.autograd.grad((outputs[-1] * top).sum(), outputs)
    rms = [float(g.square().mean().sqrt()) for g in gradients]
    signal = [float(x.detach().square().mean().sqrt()) for x in outputs]
    return np.array(rms) / rms[-1], np.array(signal)


@pytest.mark.parametrize(("activation", "init", "batch_norm", "skip"), SETTINGS)
def test_every_setting_equals_autograd(activation, init, batch_norm, skip):
    for depth in (1, 7):
        expected, signal = autograd(depth, activation, init, batch_norm, skip)
        measured = backprop(depth, activation, init, batch_norm=batch_norm, skip=skip)
        np.testing.assert_allclose(measured.gradient, expected, rtol=1e-4)
        np.testing.assert_allclose(measured.signal, signal, rtol=1e-4)


@pytest.mark.parametrize(("activation", "init", "batch_norm", "skip"), SETTINGS)
def test_the_gradient_is_the_product_of_the_factors(activation, init, batch_norm, skip):
    measured = backprop(12, activation, init, batch_norm=batch_norm, skip=skip)
    for values in measured:
        assert np.isfinite(values).all()
    assert measured.gradient[-1] == 1
    assert ((measured.flat >= 0) & (measured.flat <= 1)).all()
    if not skip:
        products = np.cumprod((measured.slopes * measured.weights)[::-1])[::-1]
        np.testing.assert_allclose(measured.gradient[:-1], products, rtol=1e-9)


def test_the_slopes_factor_never_exceeds_the_largest_slope():
    largest = {"sigmoid": 0.25, "tanh": 1, "relu": 1, "gelu": 1.13, "linear": 1}
    for activation, init, batch_norm, skip in SETTINGS:
        slopes = backprop(20, activation, init, batch_norm=batch_norm, skip=skip).slopes
        assert slopes.max() <= largest[activation] + 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_a_relu_stack_scales_with_its_weights_exactly(seed):
    """ReLU(c z) = c ReLU(z): without bias and norm, weights c times as large give c^depth."""
    he = backprop(30, "relu", "he", seed=seed)
    for init in INITS:
        other = backprop(30, "relu", init, seed=seed)
        scale = (INITS[init] / INITS["he"]) ** np.arange(30, -1, -1)
        np.testing.assert_allclose(other.gradient, he.gradient * scale, rtol=1e-9)


def test_larger_weights_let_more_gradient_through_a_relu_stack():
    for depth in (2, 10, 50):
        first = [backprop(depth, "relu", init).gradient[0] for init in INITS]
        assert first == sorted(first) and len(set(first)) == 4


def test_batch_norm_takes_the_scale_of_the_weights_out():
    for activation in ("sigmoid", "relu", "tanh"):
        first = [
            backprop(10, activation, init, batch_norm=True).gradient
            for init in ("xavier", "he", "large")
        ]
        for other in first[1:]:
            np.testing.assert_allclose(other, first[0], rtol=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_what_the_lesson_says_of_the_initialisations(seed):
    """Mean field theory: sigmoid vanishes; ReLU keeps its size with He, not with Xavier."""
    depth = 50
    sigmoid = backprop(depth, "sigmoid", "xavier", seed=seed)
    assert 0.2 < sigmoid.gradient[0] ** (1 / depth) < 0.25
    he = backprop(depth, "relu", "he", seed=seed)
    assert 0.02 < he.gradient[0] < 50
    xavier = backprop(depth, "relu", "xavier", seed=seed)
    assert xavier.gradient[0] == pytest.approx(he.gradient[0] / math.sqrt(2) ** depth, rel=1e-6)
    assert backprop(depth, "relu", "large", seed=seed).gradient[0] > 1e15
    normed = backprop(depth, "sigmoid", "small", batch_norm=True, seed=seed)
    assert 1e-2 < normed.gradient[0] < 1e2
    for init in ("small", "xavier", "he"):
        short = backprop(depth, "sigmoid", init, skip=True, seed=seed)
        assert short.gradient.min() > 0.9


def test_a_deeper_stack_begins_with_the_layers_of_a_shallower_one():
    shallow, deep = backprop(5, "tanh", "he"), backprop(9, "tanh", "he")
    np.testing.assert_array_equal(shallow.signal, deep.signal[:6])


@given(st.floats(-40, 40))
def test_activations_and_slopes_equal_torchs(z):
    for name, function in ACTIVATIONS.items():
        x = torch.tensor(z, dtype=torch.float64, requires_grad=True)
        y = TORCH[name](x)
        y.backward()
        value, slope = function(z)
        assert value == pytest.approx(y.item(), abs=2e-6)
        assert slope == pytest.approx(x.grad.item(), abs=2e-6)


def test_the_facts_of_the_sigmoid():
    z = np.linspace(-10, 10, 20_001)
    _, slope = module.sigmoid(z)
    assert slope.max() == slope[10_000] == 0.25
    assert module.sigmoid(4.595)[1] == pytest.approx(0.01, abs=1e-4)
    assert module.sigmoid(1e6)[1] == 0 == module.sigmoid(-1e6)[1]


def test_the_scales_are_those_of_the_papers():
    assert INITS["xavier"] == math.sqrt(2 / (WIDTH + WIDTH))
    assert INITS["he"] == math.sqrt(2 / WIDTH)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 0}, "depth must be an integer from 1 to 100, got 0"),
        ({"depth": 101}, "depth must be an integer from 1 to 100, got 101"),
        ({"depth": 2.0}, "depth must be an integer from 1 to 100, got 2.0"),
        ({"depth": True}, "depth must be an integer from 1 to 100, got True"),
        ({"depth": 2, "seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"depth": 2, "activation": "step"}, "activation must be one of 'sigmoid', 'tanh',"),
        ({"depth": 2, "init": "lecun"}, "init must be one of 'small', 'xavier', 'he', 'large', "),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        backprop(**arguments)
