"""What reaches each layer of a deep stack, and through which factors: backpropagation by hand.

    measured = backprop(depth=20, activation="sigmoid", init="xavier")
    measured.gradient           # 21 numbers, from the input (0) to the last layer (20), which is 1
    measured.slopes, .weights   # the two factors of every layer

NumPy only: quick enough to follow a slider. The tests hold it equal to PyTorch's autograd.

Sources: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
networks", AISTATS 2010 (Xavier); K. He et al., "Delving deep into rectifiers", ICCV 2015 (He);
S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

WIDTH = 64
"""Units of every layer, and so the fan-in of each."""

SAMPLES = 32
"""Inputs that are averaged over; also the batch of the batch norm."""

DEEPEST = 100

INITS: dict[str, float] = {
    "small": 0.01,
    "xavier": math.sqrt(1 / WIDTH),
    "he": math.sqrt(2 / WIDTH),
    "large": 0.5,
}
"""Name -> standard deviation of the weights of a layer with fan-in 64 (and fan-out 64).

`small` is that of AlexNet (Krizhevsky et al. 2012, section 5), `xavier` is Glorot's
sqrt(2 / (fan-in + fan-out)), `he` is sqrt(2 / fan-in), `large` is nearly three times He's.
"""

_EPSILON = 1e-5  # of batch norm, PyTorch's default


class Backprop(NamedTuple):
    """What was measured. Layer 0 is the input; `depth` layers stand on it.

    gradient: (depth + 1,) root mean square of dC/dx_l over samples and units, relative to that of
        the last layer, which is 1. C is a random linear function of the last layer's outputs.
    slopes: (depth,) what multiplying by the activation's slopes does to the gradient's norm.
    weights: (depth,) the same for the weights, with the batch norm if there is one. Without
        a shortcut, gradient[l - 1] / gradient[l] = slopes[l - 1] * weights[l - 1].
    flat: (depth,) share of the slopes that are below 0.01 in size: saturated, or a ReLU that is
        off. All arrays are float64.
    """

    gradient: np.ndarray
    slopes: np.ndarray
    weights: np.ndarray
    flat: np.ndarray


def backprop(
    depth: int,
    activation: str = "sigmoid",
    init: str = "xavier",
    *,
    batch_norm: bool = False,
    skip: bool = False,
    seed: int = 0,
) -> Backprop:
    """Send 32 random inputs up a stack of dense layers, and a random gradient down again.

    Layer l computes z = W x_{l-1} without a bias, normalises z over the batch if asked to, and
    returns x_l = f(z), or x_l = x_{l-1} + f(z) with a shortcut. Inputs, weights (times the scale
    of `init`) and the gradient at the top are standard normal numbers drawn from `seed`; the
    same seed gives the same draws for every setting, and a deeper stack begins with the layers of
    a shallower one.

    Args:
        depth: layers, 1 to 100.
        activation: a key of `ACTIVATIONS`.
        init: a key of `INITS`.
        batch_norm: normalise z over the 32 samples, in training mode, before the activation.
        skip: add the layer's input to its output.
    """
    inputs, top, weights = draws(seed)
    x, layers = inputs, []
    for matrix in INITS[init] * weights[:depth]:  # (out, in)
        z, deviation = x @ matrix.T, None  # (samples, out)
        if batch_norm:
            deviation = np.sqrt(z.var(axis=0) + _EPSILON)
            z = (z - z.mean(axis=0)) / deviation
        value, slope = ACTIVATIONS[activation](z)
        x = x + value if skip else value
        layers.append((matrix, z, deviation, slope))

    gradient, norms = top, [_rms(top)]
    by_slope, by_weight = [], []
    for matrix, z, deviation, slope in reversed(layers):
        after_slope = gradient * slope
        below = _through_norm(after_slope, z, deviation) @ matrix
        by_slope.append(_ratio(_rms(after_slope), norms[-1]))
        by_weight.append(_ratio(_rms(below), _rms(after_slope)))
        gradient = gradient + below if skip else below
        norms.append(_rms(gradient))
    return Backprop(
        gradient=np.array(norms[::-1]) / norms[0],
        slopes=np.array(by_slope[::-1]),
        weights=np.array(by_weight[::-1]),
        flat=np.array([np.mean(np.abs(slope) < 0.01) for *_, slope in layers]),
    )


@lru_cache(maxsize=4)
def draws(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs and top gradient (samples, width) and the weights (layers, width, width)."""
    # RandomState and not default_rng: NumPy promises never to change its stream (NEP 19).
    random = np.random.RandomState(seed)
    inputs, top = random.standard_normal((2, SAMPLES, WIDTH))
    return inputs, top, random.standard_normal((DEEPEST, WIDTH, WIDTH))


def _through_norm(gradient, z, deviation):
    """The gradient below a batch norm whose output is z; nothing changes where there is none."""
    if deviation is None:
        return gradient
    # Mean and deviation of the batch depend on every sample: two terms are taken off.
    straight = gradient - gradient.mean(axis=0) - z * (gradient * z).mean(axis=0)
    return straight / deviation


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values * values)))


def _ratio(after: float, before: float) -> float:
    return after / before if before else 0.0


# ---------------------------------------------------------------------------------------------
# Activations: numbers or arrays z -> (f(z), f'(z))


def sigmoid(z):
    """1 / (1 + exp(-z)); its slope is at most 1/4."""
    value = 0.5 * (1 + np.tanh(0.5 * np.asarray(z, dtype=float)))  # overflows nowhere
    return value, value * (1 - value)


def tanh(z):
    """The slope is at most 1."""
    value = np.tanh(np.asarray(z, dtype=float))
    return value, 1 - value * value


def relu(z):
    """The slope is 1 above 0, and 0 elsewhere, as in PyTorch."""
    on = np.asarray(z, dtype=float) > 0
    return z * on, on.astype(float)


# NumPy has no error function: a table of P(Z <= z), exact to 1e-7 between its points.
_GRID = np.linspace(-9, 9, 10_001)
_BELOW = np.array([0.5 * (1 + math.erf(z / math.sqrt(2))) for z in _GRID])


def gelu(z):
    """z P(Z <= z), with Z a standard normal number (Hendrycks and Gimpel 2016)."""
    z = np.asarray(z, dtype=float)
    below = np.interp(z, _GRID, _BELOW)
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return z * below, below + z * density


ACTIVATIONS = {"sigmoid": sigmoid, "tanh": tanh, "relu": relu, "gelu": gelu}
"""Name -> function that returns values and slopes."""
