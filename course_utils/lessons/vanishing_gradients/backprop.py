"""What reaches each layer of a deep stack, and through which factors: backpropagation by hand.

NumPy only: quick enough to follow a slider. The tests hold it equal to PyTorch's autograd.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

WIDTH = 64  # units of every layer, and so the fan-in of each
INITS = {  # name -> standard deviation of the weights
    "small": 0.01,  # AlexNet's: Krizhevsky et al. (2012), section 5
    "xavier": math.sqrt(2 / (WIDTH + WIDTH)),  # Glorot and Bengio (AISTATS 2010)
    "he": math.sqrt(2 / WIDTH),  # He et al. (ICCV 2015)
    "large": 0.5,  # nearly three times He's
}


class Backprop(NamedTuple):
    """What was measured. Layer 0 is the input; `depth` layers stand on it. Arrays of float64.

    gradient: (depth + 1,) root mean square of dC/dx_l over samples and units, relative to that of
        the last layer, which is 1. C is a random linear function of the last layer's outputs.
    slopes: (depth,) what multiplying by the activation's slopes does to the gradient's norm.
    weights: (depth,) the same for the weights, with the batch norm if there is one. Without
        a shortcut, gradient[l - 1] / gradient[l] = slopes[l - 1] * weights[l - 1].
    flat: (depth,) share of the slopes below 0.01 in size: saturated, or a ReLU that is off.
    """

    gradient: np.ndarray
    slopes: np.ndarray
    weights: np.ndarray
    flat: np.ndarray


def backprop(
    depth, activation="sigmoid", init="xavier", *, batch_norm=False, skip=False, seed=0
) -> Backprop:
    """Send 32 random inputs up a stack of dense layers, and a random gradient down again.

    Layer l computes z = W x_{l-1} without a bias, normalises z over the batch if asked to, and
    returns x_l = f(z), or x_l = x_{l-1} + f(z) with a shortcut. A seed gives the same draws for
    every setting; a deeper stack begins with the layers of a shallower one.

    depth: layers, 1 to 100. activation: a key of `ACTIVATIONS`. init: a key of `INITS`.
    batch_norm: normalise z over the samples, in training mode (Ioffe and Szegedy 2015).
    """
    x, gradient, weights = draws(seed)
    layers = []
    for matrix in INITS[init] * weights[:depth]:  # (out, in)
        z, deviation = x @ matrix.T, None  # (samples, out)
        if batch_norm:
            deviation = np.sqrt(z.var(axis=0) + 1e-5)
            z = (z - z.mean(axis=0)) / deviation
        value, slope = ACTIVATIONS[activation](z)
        x = x + value if skip else value
        layers.append((matrix, z, deviation, slope))

    sizes = []  # root mean squares: above a layer, below its slopes, below its weights
    for matrix, z, deviation, slope in reversed(layers):
        below = below_slopes = gradient * slope
        if batch_norm:  # its mean and deviation depend on every sample: two terms are taken off
            below = (below - below.mean(axis=0) - z * (below * z).mean(axis=0)) / deviation
        below = below @ matrix
        sizes.append([_rms(gradient), _rms(below_slopes), _rms(below)])
        gradient = gradient + below if skip else below
    above, after_slopes, after_weights = np.array(sizes[::-1]).T
    return Backprop(
        gradient=np.array([_rms(gradient), *above]) / above[-1],
        slopes=after_slopes / above,
        weights=after_weights / after_slopes,
        flat=np.array([np.mean(np.abs(slope) < 0.01) for *_, slope in layers]),
    )


@lru_cache(maxsize=4)
def draws(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standard normal inputs and top gradient (samples, width), weights (layers, width, width)."""
    # RandomState and not default_rng: NumPy promises never to change its stream (NEP 19).
    random = np.random.RandomState(seed)
    inputs, top = random.standard_normal((2, 32, WIDTH))
    return inputs, top, random.standard_normal((100, WIDTH, WIDTH))


def _rms(values):
    return np.sqrt(np.mean(values * values))


def _sigmoid(z):
    value = 0.5 * (1 + np.tanh(0.5 * z))  # overflows nowhere, as exp(-z) would
    return value, value * (1 - value)


def _tanh(z):
    value = np.tanh(z)
    return value, 1 - value * value


def _relu(z):
    return np.maximum(z, 0), np.heaviside(z, 0)  # at 0 the slope is 0, as in PyTorch


# NumPy has no error function: a table of P(Z <= z), exact to 1e-7 between its points.
_GRID = np.linspace(-9, 9, 10_001)
_BELOW = np.array([0.5 * (1 + math.erf(z / math.sqrt(2))) for z in _GRID])


def _gelu(z):
    """z P(Z <= z), with Z a standard normal number (Hendrycks and Gimpel 2016)."""
    below = np.interp(z, _GRID, _BELOW)
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return z * below, below + z * density


ACTIVATIONS = {"sigmoid": _sigmoid, "tanh": _tanh, "relu": _relu, "gelu": _gelu}
"""Name -> function of numbers or arrays z that returns values and slopes, (f(z), f'(z))."""
