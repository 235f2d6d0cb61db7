"""Shift, then apply a layer; apply the layer, then shift: the two paths of lesson 03 and their gap.

A layer f is equivariant to a transformation T of its input when f(T x) = T' f(x) for every x, with
a T' that moves the values of the output to other places, as T does with those of the input. (With
any T' at all every invertible layer would qualify.) With T' = identity it is invariant. After
I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", 2016, section 9.2; T. Cohen and M. Welling,
"Group Equivariant Convolutional Networks", ICML 2016, section 2.

Pictures, kernels and maps here are whole numbers, as a list of rows: sums of them are exact, and
"the two paths agree" means equal to the last bit.
"""

from functools import cache
from itertools import chain, islice, product, repeat
from math import comb, gcd
from operator import mul, sub
from random import Random

from course_utils.datasets.files import scan

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
    exact: whether that leaves no rest. gap: there - here. count: in how many cells it is not zero.
    cells: m * m. error: |there - here| / |mapped|, Euclidean norms.
    """

    def __init__(self, x, layer, kernel, dx, dy):
        self.layer, self.kernel, self.dx, self.dy = layer, kernel, dx, dy
        self.stride = step = LAYERS[layer][1]
        self.moved, self.exact = (dx // step, dy // step), dx % step == dy % step == 0
        self.x, self.shifted = x, shift(x, dx, dy)
        self.mapped, self.there = (apply_layer(z, layer, kernel) for z in (x, self.shifted))
        self.here = shift(self.mapped, *self.moved)
        self.gap = _less(self.there, self.here)
        self.count, self.cells = sum(map(bool, chain(*self.gap))), len(self.gap) ** 2
        self.error = _length(self.gap) / _length(self.mapped)

    def best_error(self):
        """The smallest error that any whole shift of the output gives, over all m * m of them."""
        ways = product(range(len(self.mapped)), repeat=2)
        gaps = (_less(self.there, shift(self.mapped, *way)) for way in ways)
        return min(map(_length, gaps)) / _length(self.mapped)


def shift(x, dx, dy):
    """Shift rows of numbers, dx columns to the right and dy rows down, as on a ring.

    (T x)[row][column] = x[(row - dy) mod H][(column - dx) mod W]
    """

    def turned(ring, by):
        return [*ring[-by % len(ring) :], *ring[: -by % len(ring)]]

    return [turned(row, dx) for row in turned(x, dy)]


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


def _norm(array):
    return float((array**2).sum()) ** 0.5


def _less(there, here):
    """The differences of two maps, cell by cell."""
    return [list(map(sub, *rows)) for rows in zip(there, here, strict=True)]


def _length(rows):
    return sum(value**2 for value in chain(*rows)) ** 0.5


@cache
def picture(name):
    """One of two pictures, 16 rows of 16 whole numbers, as tuples: all get the same.

    "digit": a real scan of a seven, 0 to 16, 0 is paper; a margin of four cells on each side is
    empty, and no turn of it looks like itself. "gull": a drawn scene, 0 to 9, that fills its frame.
    """
    gull = (map(int, line) for line in _GULL.split())
    return tuple(map(tuple, gull if name == "gull" else _framed(scan(27), 4, zeros=True)))


def _framed(x, width, zeros):
    """Put cells around a picture: zeros, or what lies there on a ring."""
    n = len(x)
    inside, reach = range(n), range(-width, n + width)
    return [
        [x[i % n][j % n] * (not zeros or (i in inside and j in inside)) for j in reach]
        for i in reach
    ]


def _windows(x, size, step):
    """Rows of what a window reads, each flat, from place to place."""
    places = range(0, len(x) - size + 1, step)
    return [
        [list(chain(*(row[j : j + size] for row in x[i : i + size]))) for j in places]
        for i in places
    ]


def edge_kernel(size):
    """A kernel of whole numbers that answers to slanting edges, `size` rows; size is odd.

    A binomial smoothing times a difference, across (twice) and down; size 3: of Sobel's kernels.
    """
    smooth = [comb(size - 1, k) for k in range(size)]
    slope = [s * (k - size // 2) for k, s in enumerate(smooth)]
    slope = [s // gcd(*slope) for s in slope]
    pairs = list(zip(smooth, slope, strict=True))
    return [[2 * a * d + b * c for c, d in pairs] for a, b in pairs]


def apply_layer(x, layer, kernel):
    """Apply a layer to a picture of whole numbers: n rows, n even -> m rows, m = n / stride.

    layer: of `LAYERS`; "strided" is circular, too, and "dense" leads from all n * n cells to as
    many, with fixed weights -1, 0 or 1. kernel: size, of the convolutions.
    """
    n, step = len(x), LAYERS[layer][1]
    if layer == "dense":
        values = iter([sum(map(mul, row, chain(*x))) for row in _dense_weights(n * n)])
        return [list(islice(values, n)) for _ in x]
    if layer == "pooled":
        return [[max(window) for window in row] for row in _windows(x, 2, step)]
    windows = _windows(_framed(x, kernel // 2, layer == "zeros"), kernel, step)
    weights = list(chain(*edge_kernel(kernel)))
    return [[sum(map(mul, window, weights)) for window in row] for row in windows]


def rim(shift, kernel):
    """How many columns (or rows) zero padding can spoil: 2r + min(|shift|, 2r), r = kernel // 2.

    r windows at either end reach over the border, and the shifted output carries its own 2r along;
    without a shift both coincide: 0. The input has 2r + |shift| columns or more.
    """
    reach = 2 * (kernel // 2)
    return reach + min(abs(shift), reach) if shift else 0


@cache
def _dense_weights(cells):
    """What NumPy's RandomState(3).randint(-1, 2) draws: two bits of a Mersenne twister, 3 is none.

    Random(3) would begin elsewhere: it makes another state of the same seed.
    """
    state = [3]
    for k in range(1, 624):
        state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + k) % 2**32)
    random = Random()
    random.setstate((3, (*state, 624), None))
    bits = (random.getrandbits(32) & 3 for _ in repeat(None))
    weights = (two - 1 for two in bits if two < 3)
    return [list(islice(weights, cells)) for _ in range(cells)]
