"""One convolutional layer, stage by stage: the picture with its arithmetic, and three sketches.

    stages            convolution, detector and pooling of a small image as integers (no drawing)
    layer_diagram     the four maps of a layer; point at a unit and its sum is written out
    two_vocabularies  one complex layer, or three simple ones (Goodfellow et al. 2016, fig. 9.7)
    filter_diagram    m filters on a stack of C channels: m matrices

Pointing works by style rules alone, so it works in an exported page, where no kernel runs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from course_utils import ops
from course_utils.drawing.style import (
    ACCENT,
    FAINT,
    HIGHLIGHT,
    INK,
    INPUT,
    MUTED,
    OUTPUT,
    PAPER,
    WEIGHT,
    tint,
)
from course_utils.drawing.svg import MINUS, TIMES, WIDTH, Diagram, arrow, font, frame, number, text

STAGES = ("convolution", "detector", "pooling")

# ---------------------------------------------------------------------------------------------
# The layer and its arithmetic

_HEIGHT = 372
_MAP_TOP, _MAP_SIDE, _GAP = 38, 206, 47  # the four maps stand side by side
_MAP_LEFT = (WIDTH - 4 * _MAP_SIDE - 3 * _GAP) / 2
_LARGEST_CELL = 40
_LARGEST_PRODUCT = 999
_STRIP = 260  # top of the written-out arithmetic
_GRIDS = (22, 174, 326)  # left edges of patch, filter, products
_GRID_CELL = (38, 28)
_NARROW = "Helvetica,Arial,'Liberation Sans',sans-serif"
_PLACE = _GRID_CELL[0] / 4  # width of one character in a cell
_LINES = 470  # left edge of the sums
_ROOT = ".cnn-layer"


class Stages(NamedTuple):
    """The maps of one layer on one image, all integers.

    image: (H, W). padded: the image with its ring of zeros. convolution: the sums with the bias.
    detector: the same after ReLU. pooled: the largest of each window.
    """

    image: np.ndarray
    padded: np.ndarray
    convolution: np.ndarray
    detector: np.ndarray
    pooled: np.ndarray


def stages(
    image: np.ndarray,
    kernel: np.ndarray,
    *,
    bias: int = 0,
    stride: int = 1,
    padding: int = 0,
    pool: int = 2,
) -> Stages:
    """Compute the three stages of a layer with one filter on one channel.

    Args:
        image: (H, W) integers. kernel: (k, k) integers. bias: added to every sum.
        stride: of the filter. padding: zeros on each side. pool: side of the pooling window, which
            moves by its own side; a rest at the right or lower border is left out.

    Raises:
        ValueError: for other shapes or types; for a filter or a window that does not fit.
    """
    image, kernel = np.asarray(image), np.asarray(kernel)
    for name, array in (("image", image), ("kernel", kernel)):
        if array.ndim != 2 or array.dtype.kind not in "iu":
            raise ValueError(
                f"{name} must be a matrix of integers, got shape {array.shape} of {array.dtype}"
            )
    sums = ops.conv2d(image[None], kernel[None, None], stride=stride, padding=padding)[0] + bias
    detector = np.maximum(sums, 0)
    if pool > min(detector.shape):
        raise ValueError(
            f"pool must be an integer from 1 to {min(detector.shape)}, the smaller side of the "
            f"{_by(detector)} map, got {pool}"
        )
    pooled = ops.max_pool2d(detector[None], pool)[0]
    return Stages(image, np.pad(image, padding), sums, detector, pooled)


def layer_diagram(
    image: np.ndarray,
    kernel: np.ndarray,
    *,
    bias: int = 0,
    stride: int = 1,
    padding: int = 0,
    pool: int = 2,
    stage: str = "pooling",
    row: int = 1,
    column: int = 1,
) -> Diagram:
    """Draw input, convolution, detector and pooling, and write out the sum of one unit.

    Pointing at any other unit writes out its sum instead, without a kernel.

    Args:
        image, kernel, bias, stride, padding, pool: as for `stages`; a kernel of 3 x 3.
        stage: where the chosen unit is, one of `STAGES`.
        row, column: its place there, counted from 1.

    Raises:
        ValueError: as `stages`; for a kernel of another size, negative pixels, products beyond
            999, an unknown stage, a unit that is not there.
    """
    maps = stages(image, kernel, bias=bias, stride=stride, padding=padding, pool=pool)
    kernel = np.asarray(kernel)
    if kernel.shape != (3, 3):
        raise ValueError(f"kernel must have shape (3, 3), got {kernel.shape}")
    if maps.image.min() < 0:
        raise ValueError(f"image must hold no negative numbers, got {int(maps.image.min())}")
    largest = int(maps.image.max()) * int(np.abs(kernel).max())
    if largest > _LARGEST_PRODUCT:
        raise ValueError(
            f"image and kernel must give products up to {_LARGEST_PRODUCT}, which the picture has "
            f"room for, got {largest}"
        )
    if stage not in STAGES:
        raise ValueError(f"stage must be one of {', '.join(STAGES)}, got {stage!r}")
    there = maps.pooled.shape if stage == "pooling" else maps.detector.shape
    for name, value, most in (("row", row, there[0]), ("column", column, there[1])):
        if not 1 <= value <= most:
            raise ValueError(f"{name} must be an integer from 1 to {most}, got {value!r}")
    draw = _Layer(maps, kernel, bias, stride, padding, pool)
    chosen = (stage, row - 1, column - 1)
    body = draw.headings() + draw.still() + draw.units(chosen)
    return frame(body, height=_HEIGHT, alt=draw.alt(chosen), kind="cnn-layer", css=_CSS)


def unit_sentence(maps: Stages, kernel, bias, stride, pool, stage, row, column) -> str:
    """Write out one unit: `"(3×1 + 0×0 + …) = 23, + bias 2 = 25"`, and what follows from it.

    row, column: counted from 1, on the map of `stage`.
    """
    i, j = row - 1, column - 1
    if stage == "pooling":
        values = _window(maps, pool, i, j)
        i, j = _winner(maps, pool, i, j)
        head = (
            f"pooling unit (row {row}, column {column}) = max({_listed(values)}) = {max(values)}. "
            f"The largest is detector unit (row {i + 1}, column {j + 1}). There: "
        )
    else:
        head = f"{stage} unit (row {row}, column {column}): "
    patch = maps.padded[i * stride : i * stride + 3, j * stride : j * stride + 3]
    pairs = zip(patch.ravel(), np.asarray(kernel).ravel(), strict=True)
    terms = [f"{x}{TIMES}{_in_brackets(w)}" for x, w in pairs if w]
    total = maps.convolution[i, j] - bias
    words = f"{head}{' + '.join(terms) or '0'} = {_signed(total)}"
    words += f", {_plus(bias)} (bias) = {_signed(maps.convolution[i, j])}."
    if stage != "convolution":
        words += f" ReLU: max(0, {_signed(maps.convolution[i, j])}) = {maps.detector[i, j]}."
    return words[0].upper() + words[1:]


def _by(array) -> str:
    return f"{array.shape[0]} {TIMES} {array.shape[1]}"


def _signed(value: int) -> str:
    return f"{MINUS}{-value}" if value < 0 else str(value)


def _in_brackets(value: int) -> str:
    return f"({MINUS}{-value})" if value < 0 else str(value)


def _plus(value: int) -> str:
    return f"{MINUS} {-value}" if value < 0 else f"+ {value}"


def _listed(values) -> str:
    return ", ".join(_signed(v) for v in values)


def _window(maps: Stages, pool: int, i: int, j: int) -> list[int]:
    return maps.detector[i * pool : (i + 1) * pool, j * pool : (j + 1) * pool].ravel().tolist()


def _winner(maps: Stages, pool: int, i: int, j: int) -> tuple[int, int]:
    """Return row and column of the first largest unit of a pooling window."""
    values = _window(maps, pool, i, j)
    place = values.index(max(values))
    return i * pool + place // pool, j * pool + place % pool


_CSS = "".join(
    [
        f"{_ROOT} text{{pointer-events:none}}",
        # Not laid out while it is hidden: there are a hundred of these.
        f"{_ROOT} .v,{_ROOT} .r{{display:none;pointer-events:none}}",
        # A unit under the pointer shows its sum; a unit of the detector its ReLU as well.
        f"{_ROOT} .u:hover .v,{_ROOT} .d:hover~.r,{_ROOT} .p:hover .r{{display:inline}}",
        # The chosen unit speaks while nothing is pointed at.
        f"{_ROOT}:not(:has(.u:hover)) .on .v{{display:inline}}",
        f"{_ROOT}:not(:has(.u:hover)) .more .r{{display:inline}}",
        f"{_ROOT} .m{{fill:none;stroke:{HIGHLIGHT};stroke-width:3px}}",
        f"{_ROOT} .w{{fill:none;stroke:{HIGHLIGHT};stroke-width:2.4px;stroke-dasharray:5 4}}",
        # Arial is narrow: three places must fit into the cell of an 8 x 8 map.
        f"{_ROOT} .g{{text-anchor:middle;font:13.8px {_NARROW}}}",
        f"{_ROOT} .n{{white-space:pre;font:15.5px 'DejaVu Sans Mono',Menlo,Consolas,monospace}}",
        f"{_ROOT} .u rect{{cursor:default}}",
    ]
)


class _Layer:
    """The drawing of one layer: where the cells are, and what is written for a unit."""

    def __init__(self, maps: Stages, kernel, bias, stride, padding, pool) -> None:
        self.maps, self.kernel, self.bias = maps, kernel, bias
        self.weights = kernel.tolist()
        self.stride, self.padding, self.pool = stride, padding, pool
        grids = (maps.padded, maps.convolution, maps.detector, maps.pooled)
        self.grids = [grid.tolist() for grid in grids]  # plain integers are written faster
        self.cells, self.origins = [], []
        for k, grid in enumerate(grids):
            cell = min(_MAP_SIDE / max(grid.shape), _LARGEST_CELL)
            left = _MAP_LEFT + k * (_MAP_SIDE + _GAP) + (_MAP_SIDE - cell * grid.shape[1]) / 2
            top = _MAP_TOP + (_MAP_SIDE - cell * grid.shape[0]) / 2
            self.cells.append(cell)
            self.origins.append((left, top))
        self.sum_size = font(17) if font(17) < 18 else 19

    def box(self, k: int, i: int, j: int, rows: int = 1, columns: int = 1, inset: float = 0) -> str:
        """Return place and size of a block of cells of map `k`, as attributes of a `<rect>`."""
        cell, (left, top) = self.cells[k], self.origins[k]
        return (
            f'x="{left + j * cell + inset:.1f}" y="{top + i * cell + inset:.1f}" '
            f'width="{columns * cell - 2 * inset:.1f}" height="{rows * cell - 2 * inset:.1f}"'
        )

    def headings(self) -> str:
        names = [
            f"input {_by(self.maps.image)}" + (" + zeros" if self.padding else ""),
            f"convolution {_by(self.maps.convolution)}",
            f"detector {_by(self.maps.detector)}",
            f"pooling {_by(self.maps.pooled)}",
        ]
        parts = []
        for k, name in enumerate(names):
            x = _MAP_LEFT + k * (_MAP_SIDE + _GAP) + _MAP_SIDE / 2
            parts.append(text(x, 25, name, font(16), anchor="middle", bold=True))
        y = _MAP_TOP + _MAP_SIDE / 2
        for k, label in enumerate(("filter", "ReLU", "max")):
            x = _MAP_LEFT + (k + 1) * _MAP_SIDE + k * _GAP + _GAP / 2
            path = arrow(x - 15, y, x + 15, y, 8)
            parts.append(f'<path d="{path}" fill="none" stroke="{MUTED}" stroke-width="2"/>')
            parts.append(text(x, y - 11, label, 14, anchor="middle", fill=MUTED))
        return "".join(parts)

    def still(self) -> str:
        """Draw the input, the filter, and the signs between the three grids of the strip."""
        p, parts = self.padding, []
        dark = max(int(self.maps.image.max()), 1)
        rows, columns = self.maps.padded.shape
        for i in range(rows):
            for j in range(columns):
                value = self.grids[0][i][j]
                inside = p <= i < rows - p and p <= j < columns - p
                grey = 255 - round(200 * value / dark)
                fill = f"#{grey:02X}{grey:02X}{grey:02X}" if inside else PAPER
                edge = FAINT if inside else tint(FAINT, 0.7)
                ink = MUTED if not inside else (PAPER if grey < 140 else INK)
                dash = "" if inside else ' stroke-dasharray="2 2"'
                parts.append(
                    f'<rect {self.box(0, i, j)} fill="{fill}" stroke="{edge}"{dash}/>'
                    + self.figure(0, i, j, value, ink)
                )
        left, top = _GRIDS[1], _STRIP + 24
        parts.append(text(left + 57, _STRIP + 14, "filter", 14, anchor="middle", fill=MUTED))
        parts.append(_grid(left, WEIGHT, 0.16))
        parts.append(_rows(left, self.weights))
        for x, sign in ((_GRIDS[1] - 19, TIMES), (_GRIDS[2] - 19, "=")):
            parts.append(text(x, top + 49, sign, 20, anchor="middle", fill=MUTED))
        for left, name, colour in ((_GRIDS[0], "patch", INPUT), (_GRIDS[2], "products", OUTPUT)):
            parts.append(text(left + 57, _STRIP + 14, name, 14, anchor="middle", fill=MUTED))
            parts.append(_grid(left, colour, 0.1))
        return "".join(parts)

    def figure(self, k: int, i: int, j: int, value: int, ink: str) -> str:
        cell, (left, top) = self.cells[k], self.origins[k]
        return (
            f'<text class="g" x="{left + (j + 0.5) * cell:.1f}" '
            f'y="{top + (i + 0.5) * cell + 5:.1f}" '
            f'fill="{ink}">{_signed(value)}</text>'
        )

    def unit_cell(self, k: int, i: int, j: int, kind: str, most: int) -> str:
        value = self.grids[k][i][j]
        fill = _shade(value > 0, round(20 * abs(value) / most)) if value else "#F3F4F6"
        return (
            f'<rect class="{kind}" {self.box(k, i, j)} fill="{fill}" stroke="{PAPER}"/>'
            + self.figure(k, i, j, value, INK)
        )

    def units(self, chosen: tuple[str, int, int]) -> str:
        """Draw every unit of the three stages, each with what shows when it is pointed at."""
        maps, parts = self.maps, []
        most = max(int(np.abs(maps.convolution).max()), 1)
        stage, row, column = chosen
        for i, j in np.ndindex(maps.convolution.shape):
            on = ""
            if (row, column) == (i, j) and stage != "pooling":
                on = " on more" if stage == "detector" else " on"
            parts.append(
                f'<g class="u{on}">'
                + self.unit_cell(1, i, j, "c", most)
                + self.unit_cell(2, i, j, "d", most)
                + f'<g class="v">{self.sum_of(i, j)}</g><g class="r">{self.relu_of(i, j)}</g></g>'
            )
        for i, j in np.ndindex(maps.pooled.shape):
            on = " on more" if chosen == ("pooling", i, j) else ""
            a, b = _winner(maps, self.pool, i, j)
            parts.append(
                f'<g class="u p{on}">'
                + self.unit_cell(3, i, j, "q", most)
                + f'<g class="v">{self.sum_of(a, b)}{self.pool_of(i, j)}</g>'
                f'<g class="r">{self.relu_of(a, b)}</g></g>'
            )
        return "".join(parts)

    def sum_of(self, i: int, j: int) -> str:
        """Outline unit (i, j) and its patch; write patch, products, sum and bias."""
        s, image, weights = self.stride, self.grids[0], self.weights
        patch = [row[j * s : j * s + 3] for row in image[i * s : i * s + 3]]
        products = [
            [x * w for x, w in zip(*rows, strict=True)] for rows in zip(patch, weights, strict=True)
        ]
        z = self.grids[1][i][j]
        total = f"sum of the products = {_signed(z - self.bias)}"
        biased = f"{_plus(self.bias)} (bias) = {_signed(z)}"
        return (
            f'<rect class="m" {self.box(0, i * s, j * s, 3, 3)}/>'
            f'<rect class="m" {self.box(1, i, j, inset=1.5)}/>'
            + _rows(_GRIDS[0], patch, products)
            + text(_LINES, _STRIP + 32, total, self.sum_size)
            + text(_LINES, _STRIP + 56, biased, self.sum_size)
        )

    def relu_of(self, i: int, j: int) -> str:
        z, a = self.grids[1][i][j], self.grids[2][i][j]
        line = f"ReLU: max(0, {_signed(z)}) = {a}"
        return f'<rect class="m" {self.box(2, i, j, inset=1.5)}/>' + text(
            _LINES, _STRIP + 80, line, self.sum_size
        )

    def pool_of(self, i: int, j: int) -> str:
        """Outline a pooling unit, its window, and all of the input that reaches it."""
        k, s = self.pool, self.stride
        values = [v for row in self.grids[2][i * k : (i + 1) * k] for v in row[j * k : (j + 1) * k]]
        line = f"pooling: max({_listed(values)}) = {max(values)}"
        size = min(self.sum_size, (WIDTH - _LINES - 16) / (0.6 * len(line)))
        reach = (k - 1) * s + 3
        return (
            f'<rect class="m" {self.box(3, i, j, inset=1.5)}/>'
            f'<rect class="w" {self.box(2, i * k, j * k, k, k)}/>'
            f'<rect class="w" {self.box(1, i * k, j * k, k, k)}/>'
            f'<rect class="w" {self.box(0, i * k * s, j * k * s, reach, reach)}/>'
            + text(_LINES, _STRIP + 104, line, size)
        )

    def alt(self, chosen: tuple[str, int, int]) -> str:
        stage, i, j = chosen
        maps = self.maps
        one = unit_sentence(
            maps, self.kernel, self.bias, self.stride, self.pool, stage, i + 1, j + 1
        )
        ring = f" with {self.padding} ring of zeros" if self.padding else ""
        return (
            f"A layer in three stages: input {_by(maps.image)}{ring}, convolution "
            f"{_by(maps.convolution)}, detector {_by(maps.detector)}, pooling {_by(maps.pooled)}. "
            + one
        )


def _grid(left: float, colour: str, share: float) -> str:
    """Draw the empty 3 x 3 cells of the strip."""
    wide, tall = _GRID_CELL
    return "".join(
        f'<rect x="{left + b * wide}" y="{_STRIP + 24 + a * tall}" width="{wide}" '
        f'height="{tall}" fill="{tint(colour, share)}" stroke="{tint(colour, 0.5)}"/>'
        for a in range(3)
        for b in range(3)
    )


def _rows(left: float, values: list[list[int]], more: list[list[int]] | None = None) -> str:
    """Write nine numbers into the cells of a grid of the strip, `more` two grids further right.

    A number takes four places of a fixed width, and a row is one element: there are hundreds of
    rows in a picture, and it is drawn anew with every move of a slider.
    """
    lines = _texts(values)
    if more is not None:
        apart = " " * round((_GRIDS[2] - _GRIDS[0]) / _PLACE - 12)
        lines = [a + apart + b for a, b in zip(lines, _texts(more), strict=True)]
    return "".join(
        f'<text class="n" x="{left}" y="{_STRIP + 43 + a * _GRID_CELL[1]}" '
        f'textLength="{len(line) * _PLACE:g}">{line}</text>'
        for a, line in enumerate(lines)
    )


def _texts(values: list[list[int]]) -> list[str]:
    return ["".join(f"{_signed(v):>3} "[:4] for v in row) for row in values]


@lru_cache(maxsize=64)
def _shade(positive: bool, strength: int) -> str:
    """Return the colour of a unit, in 20 steps: green above zero, orange below."""
    return tint(OUTPUT if positive else ACCENT, 0.08 + 0.031 * strength)


# ---------------------------------------------------------------------------------------------
# Two vocabularies


def two_vocabularies() -> Diagram:
    """Draw the three stages twice: boxed as one complex layer, and as three simple layers.

    After fig. 9.7 of Goodfellow, Bengio and Courville, *Deep Learning* (2016).
    """
    height, parts = 292, []
    steps = (
        ("Convolution", "weighted sums", "nn.Conv2d", INPUT),
        ("Detector", "ReLU, unit by unit", "nn.ReLU", OUTPUT),
        ("Pooling", "a summary of each window", "nn.MaxPool2d", WEIGHT),
    )
    lefts, wide, tall = (216, 452, 688), 212, 74
    rows = ((58, "Complex layers", "in many papers"), (202, "Simple layers", "in PyTorch"))
    for y, name, where in rows:
        parts.append(text(20, y + 32, name, font(18), bold=True))
        parts.append(text(20, y + 56, where, font(15), fill=MUTED))
    top = rows[0][0]
    parts.append(
        f'<rect x="{lefts[0] - 18}" y="{top - 44}" width="{lefts[2] + wide - lefts[0] + 36}" '
        f'height="{tall + 60}" rx="12" fill="{tint(ACCENT, 0.12)}" stroke="{ACCENT}" '
        'stroke-width="2.5"/>'
    )
    parts.append(text(lefts[0], top - 16, "one convolutional layer, three stages", font(17)))
    for row, (y, _, _) in enumerate(rows):
        for left, (name, does, module, colour) in zip(lefts, steps, strict=True):
            middle = left + wide / 2
            parts.append(
                f'<rect x="{left}" y="{y}" width="{wide}" height="{tall}" rx="8" '
                f'fill="{tint(colour, 0.14)}" stroke="{colour}" stroke-width="2"/>'
            )
            title = f"{name} stage" if row == 0 else f"{name} layer"
            below = does if row == 0 else module
            parts.append(text(middle, y + 32, title, font(16), anchor="middle", bold=True))
            parts.append(text(middle, y + 56, below, font(14), anchor="middle", fill=MUTED))
        ends = ((lefts[0] + wide, lefts[1]), (lefts[1] + wide, lefts[2]))
        for start, end in (*ends, (lefts[2] + wide + (18 if row == 0 else 0), 984)):
            path = arrow(start + 3, y + tall / 2, end - 3, y + tall / 2, 8)
            parts.append(f'<path d="{path}" fill="none" stroke="{MUTED}" stroke-width="2.2"/>')
    alt = (
        "Two ways to count the same thing. Complex layers: convolution stage, detector stage and "
        "pooling stage are one convolutional layer. Simple layers: they are three layers, "
        "in PyTorch nn.Conv2d, nn.ReLU and nn.MaxPool2d."
    )
    return frame("".join(parts), height=height, alt=alt, kind="cnn-stages")


# ---------------------------------------------------------------------------------------------
# Filters are tensors


def filter_diagram(
    height: int, width: int, channels: int = 3, *, kernel: int = 3, filters: int = 2
) -> Diagram:
    """Draw m filters of kernel x kernel x C sliding over C channels: m matrices.

    Args:
        height, width: of the input, at least `kernel`; the output is `kernel - 1` smaller.
        channels: C, 1 to 6. filters: m, 1 to 4.

    Raises:
        ValueError: for a number out of range.
    """
    for name, value, low, high in (
        ("channels", channels, 1, 6),
        ("filters", filters, 1, 4),
        ("kernel", kernel, 1, min(height, width)),
    ):
        if not low <= value <= high:
            raise ValueError(f"{name} must be an integer from {low} to {high}, got {value!r}")
    tall = 312
    out = (height - kernel + 1, width - kernel + 1)
    unit = 118 / max(height, width)
    middle = tall / 2 - 20
    step = 96 if filters <= 2 else 60 if filters == 4 else 78
    slots = [middle + (f - (filters - 1) / 2) * step for f in range(filters)]
    parts = [
        _stack(
            40,
            middle,
            width * unit,
            height * unit,
            channels,
            INPUT,
            step=min(14, 60 / channels),
        )
    ]
    parts.append(
        _caption(
            130,
            tall,
            f"input {height} {TIMES} {width} {TIMES} {channels}",
            f"a tensor: {_plural(channels, 'channel')}",
        )
    )
    side = 46 if filters <= 2 else 32
    for y in slots:
        parts.append(_stack(400, y, side, side, channels, WEIGHT, step=min(8, 20 / channels)))
        out_w, out_h = out[1] * unit * 0.62, out[0] * unit * 0.62
        if filters > 2:
            out_w, out_h = out_w * 0.66, out_h * 0.66
        parts.append(_stack(740, y, out_w, out_h, 1, OUTPUT, step=0))
        for x1, x2 in ((300, 372), (520, 706)):
            path = arrow(x1, y if x1 > 400 else middle, x2, y, 8)
            parts.append(f'<path d="{path}" fill="none" stroke="{MUTED}" stroke-width="2"/>')
        label = "sum over all channels" if filters == 1 else "sum"
        parts.append(text(613, y - 10, label, 14, anchor="middle", fill=MUTED))
    size = f"{kernel} {TIMES} {kernel} {TIMES} {channels}"
    many = "a filter" if filters == 1 else f"{filters} filters"
    parts.append(
        _caption(
            450,
            tall,
            f"{many}, {size} each" if filters > 1 else f"{many}, {size}",
            "a filter is a tensor, too" if filters == 1 else "each sums over all channels",
        )
    )
    parts.append(
        _caption(
            810,
            tall,
            f"{_plural(filters, 'matrix', 'matrices')} {out[0]} {TIMES} {out[1]}",
            f"a tensor: {_plural(filters, 'channel')}",
        )
    )
    alt = (
        f"{many[0].upper()}{many[1:]} of {size} on an input of "
        f"{height} {TIMES} {width} {TIMES} {channels}: each filter gives one matrix of {out[0]} "
        f"{TIMES} {out[1]}, so the output has {_plural(filters, 'channel')}."
    )
    return frame("".join(parts), height=tall, alt=alt, kind="cnn-filters")


def _stack(x, y, width, height, sheets, colour, step) -> str:
    """Draw sheets one behind the other, the first in front; `y` is the height of their middle."""
    y += (sheets - 1) * step / 2 - height / 2
    return "".join(
        f'<rect x="{number(x + k * step)}" y="{number(y - k * step)}" width="{number(width)}" '
        f'height="{number(height)}" rx="2" fill="{tint(colour, 0.2)}" stroke="{colour}" '
        'stroke-width="2"/>'
        for k in reversed(range(sheets))
    )


def _caption(x, tall, first, second) -> str:
    return text(x, tall - 34, first, font(16), anchor="middle", bold=True) + text(
        x, tall - 12, second, font(15), anchor="middle", fill=MUTED
    )


def _plural(count: int, word: str, words: str = "") -> str:
    return f"{count} {word}" if count == 1 else f"{count} {words or word + 's'}"
