"""Shift, then apply a layer; apply the layer, then shift: the two paths of lesson 03 and their gap.

A layer f is equivariant to a transformation T of its input when f(T x) = T' f(x) for every x, with
a T' that moves the values of the output to other places, as T does with those of the input. (With
any T' at all every invertible layer would qualify.) With T' = identity it is invariant. After
I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", 2016, section 9.2; T. Cohen and M. Welling,
"Group Equivariant Convolutional Networks", ICML 2016, section 2.

NumPy only, so that a panel need not wait for torch. Pictures and kernels here are whole numbers:
sums of them are exact, and "the two paths agree" means equal to the last bit.
"""

from functools import cache
from math import comb

import numpy as np

from course_utils.datasets.files import scans
from course_utils.ops import max_pool2d

LAYERS = {
    "circular": ("Convolution, circular", 1, "conv {0}\u00d7{0}", "circular"),
    "zeros": ("Convolution, zero padding", 1, "conv {0}\u00d7{0}", "zero padding"),
    "strided": ("Convolution, stride 2", 2, "conv {0}\u00d7{0}", "stride 2"),
    "pooled": ("Max-pooling 2\u00d72", 2, "max-pool 2\u00d72", "stride 2"),
    "dense": ("Dense", 1, "dense"),
}
"""Layer -> its name in the panel, its stride, one or two lines for its arrow ({0}: the kernel)."""

# Sky, a cloud, the sun, a gull over the sea, a boat; 0 is white, 9 nearly black.
_GULL = """
2222222222221122
2222222222111112
2200222222222222
2000022222222222
2000022222222222
2200222229922222
2222222299222222
2999222992222222
2229999222222222
2222999222222222
4444444444444444
5555555555588555
5656565655888565
6565658888888886
5656565888888656
6767676767676767
"""


class Paths:
    """Both paths of a picture x (n, n) through one layer, of `LAYERS`, and one shift.

    shifted: T x. mapped: f(x), (m, m). there: f(T x), shift first. here: T' f(x), layer first.
    moved: by how many (columns, rows) T' moves, the shift divided by the stride and rounded down;
    exact: whether that leaves no rest. differ: where the two paths differ, booleans (m, m).
    error: |there - here| / |mapped|, Euclidean norms.
    """

    def __init__(self, x, layer, kernel, dx, dy):
        self.layer, self.kernel, self.dx, self.dy = layer, kernel, dx, dy
        self.stride = step = LAYERS[layer][1]
        self.moved, self.exact = (dx // step, dy // step), dx % step == dy % step == 0
        self.x, self.shifted = x, shift(x, dx, dy)
        self.mapped, self.there = (apply_layer(z, layer, kernel) for z in (x, self.shifted))
        self.here = shift(self.mapped, *self.moved)
        self.differ = self.there != self.here
        self.error = _norm(self.there - self.here) / _norm(self.mapped)

    def best_error(self):
        """The smallest error that any whole shift of the output gives, over all m * m of them."""
        m = len(self.mapped)
        rows, columns = np.indices((m, m)).reshape(2, -1)
        back = (rows - rows[:, None]) % m, (columns - columns[:, None]) % m
        gaps = self.there.ravel() - self.mapped[back]  # (m * m shifts, m * m cells)
        return float(np.sqrt((gaps**2).sum(axis=1).min())) / _norm(self.mapped)


def shift(x, dx, dy):
    """Shift the last two axes, dx columns to the right and dy rows down, as on a ring.

    (T x)[row, column] = x[(row - dy) mod H, (column - dx) mod W]
    """
    return np.roll(x, (dy, dx), axis=(-2, -1))


def equivariance_error(f, transform, x, output_transform=None):
    """Relative error of equivariance: |f(T x) - T' f(x)| / |f(x)|, Euclidean norms.

    f, transform (T), output_transform (T'; None: the same as T) take and return NumPy arrays or
    torch tensors. 0: the paths agree; two unrelated outputs of equal size are sqrt(2) apart. Paths
    of different shapes are a ValueError: broadcast, they would give a number all the same.
    """
    mapped = f(x)
    there, here = f(transform(x)), (output_transform or transform)(mapped)
    if there.shape != here.shape:
        shapes = f"{tuple(there.shape)} and {tuple(here.shape)}"
        raise ValueError(f"f(T x) and T' f(x) must have the same shape, got {shapes}")
    return _norm(there - here) / _norm(mapped)


@cache
def picture(name):
    """One of two pictures, (16, 16) int64, read-only.

    "digit": a real scan of a seven, 0 to 16, 0 is paper; a margin of four cells on each side is
    empty, and no turn of it looks like itself. "gull": a drawn scene, 0 to 9, that fills its frame.
    """
    drawn = np.array([list(map(int, line)) for line in _GULL.split()])
    cells = drawn if name == "gull" else np.pad(scans()[0][27].astype(np.int64), 4)
    cells.setflags(write=False)  # the same array is given to all
    return cells


def edge_kernel(size):
    """A kernel of whole numbers that answers to slanting edges, (size, size) int64, size odd.

    A binomial smoothing times a difference, across (twice) and down; size 3: of Sobel's kernels.
    """
    smooth = np.array([comb(size - 1, k) for k in range(size)])
    slope = smooth * (np.arange(size) - size // 2)
    slope //= np.gcd.reduce(slope)
    return 2 * np.outer(smooth, slope) + np.outer(slope, smooth)


def apply_layer(x, layer, kernel):
    """Apply a layer to a picture of whole numbers: x (n, n) with n even -> (m, m), m = n / stride.

    layer: of `LAYERS`; "strided" is circular, too, and "dense" leads from all n * n cells to as
    many, with fixed weights -1, 0 or 1. kernel: size, of the convolutions.
    """
    if layer == "pooled":
        return max_pool2d(x[None], 2)[0]
    if layer == "dense":
        return (_dense_weights(x.size) @ x.ravel()).reshape(x.shape)
    padded = np.pad(x, kernel // 2, mode="constant" if layer == "zeros" else "wrap")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel))
    step = LAYERS[layer][1]
    return np.einsum("ijtu,tu->ij", windows[::step, ::step], edge_kernel(kernel))


def rim(shift, kernel):
    """How many columns (or rows) zero padding can spoil: 2r + min(|shift|, 2r), r = kernel // 2.

    r windows at either end reach over the border, and the shifted output carries its own 2r along;
    without a shift both coincide: 0. The input has 2r + |shift| columns or more.
    """
    reach = 2 * (kernel // 2)
    return reach + min(abs(shift), reach) if shift else 0


def _norm(values):
    return float((values**2).sum()) ** 0.5


@cache
def _dense_weights(cells):
    # RandomState and not default_rng: NumPy promises never to change its stream (NEP 19).
    return np.random.RandomState(3).randint(-1, 2, (cells, cells))
