"""Pictures of lesson 05: a layer with its arithmetic, its two names, filters.

In `layer_diagram` pointing at a unit writes out its sum. That works by style rules alone, so it
works in an exported page, where no kernel runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

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
from course_utils.drawing.svg import (
    MINUS,
    TIMES,
    WIDTH,
    Diagram,
    arrow,
    box,
    frame,
    path,
    rect,
    text,
)
from course_utils.geometry import output_size

STAGES = ("convolution", "detector", "pooling")
Grid = Sequence[Sequence[int]]

# ---------------------------------------------------------------------------------------------
# The layer and its arithmetic


class Layer:
    """One 3 x 3 filter on one channel, in three stages; all numbers are integers.

    image: (H, W) pixels >= 0. kernel: (3, 3). bias: added to every sum. stride: of the filter.
    padding: zeros on each side. pool: side of the pooling window, which moves by its own side; a
    rest at the right or lower border is left out.

    padded, convolution, detector, pooled: the maps, as lists of rows.
    """

    def __init__(
        self,
        image: Grid,
        kernel: Grid,
        bias: int = 0,
        stride: int = 1,
        padding: int = 0,
        pool: int = 2,
    ) -> None:
        self.bias, self.stride, self.padding, self.pool = bias, stride, padding, pool
        image, self.kernel = ([[int(v) for v in row] for row in grid] for grid in (image, kernel))
        side, ring = [0] * padding, [[0] * (len(image[0]) + 2 * padding)] * padding
        self.padded = [*ring, *([*side, *row, *side] for row in image), *ring]
        rows, columns = (output_size(n, 3, stride, padding) for n in (len(image), len(image[0])))
        self.convolution = [
            [bias + sum(map(sum, self.products(i, j))) for j in range(columns)] for i in range(rows)
        ]
        self.detector = [[max(0, z) for z in row] for row in self.convolution]
        self.pooled = [
            [max(self.window(i, j)) for j in range(columns // pool)] for i in range(rows // pool)
        ]

    def patch(self, i: int, j: int) -> list[list[int]]:
        """Return what lies under the filter at unit (i, j), counted from 0."""
        s = self.stride
        return [row[j * s : j * s + 3] for row in self.padded[i * s : i * s + 3]]

    def products(self, i: int, j: int) -> list[list[int]]:
        """Return the patch times the filter, place by place."""
        rows = zip(self.patch(i, j), self.kernel, strict=True)
        return [[x * w for x, w in zip(*row, strict=True)] for row in rows]

    def window(self, i: int, j: int) -> list[int]:
        """Return what the pooling unit (i, j) looks at."""
        k = self.pool
        return [v for row in self.detector[i * k : i * k + k] for v in row[j * k : j * k + k]]

    def winner(self, i: int, j: int) -> tuple[int, int]:
        """Return the detector unit that is the first largest of a window."""
        values = self.window(i, j)
        a, b = divmod(values.index(max(values)), self.pool)
        return i * self.pool + a, j * self.pool + b

    def sentence(self, stage: str, row: int, column: int) -> str:
        """Write out one unit: `"(3×1 + 0×0 + …) = 23, + bias 2 = 25"`, and what follows from it.

        row, column: counted from 1, on the map of `stage`.
        """
        i, j = row - 1, column - 1
        head = f"{stage.capitalize()} unit (row {row}, column {column})"
        if stage == "pooling":
            values = self.window(i, j)
            i, j = self.winner(i, j)
            head += (
                f" = max({_listed(values)}) = {max(values)}. The largest is detector unit "
                f"(row {i + 1}, column {j + 1}). There"
            )
        pairs = zip(sum(self.patch(i, j), []), sum(self.kernel, []), strict=True)
        terms = [f"{x}{TIMES}{f'({_signed(w)})' if w < 0 else w}" for x, w in pairs if w]
        z = self.convolution[i][j]
        words = f"{head}: {' + '.join(terms)} = {_signed(z - self.bias)}, {self.biased(z)}."
        if stage != "convolution":
            words += f" {_relu(z)}."
        return words

    def biased(self, z: int) -> str:
        """Write the last step to the sum `z`."""
        sign = MINUS if self.bias < 0 else "+"
        return f"{sign} {abs(self.bias)} (bias) = {_signed(z)}"


def _relu(z: int) -> str:
    return f"ReLU: max(0, {_signed(z)}) = {max(0, z)}"


def _signed(value: int) -> str:
    return f"{MINUS}{-value}" if value < 0 else str(value)


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(_signed, values))


def _by(grid: Grid) -> str:
    return f"{len(grid)} {TIMES} {len(grid[0])}"


_MAP_TOP, _MAP_SIDE, _GAP = 38, 206, 47  # the four maps stand side by side
_MAP_LEFT = (WIDTH - 4 * _MAP_SIDE - 3 * _GAP) / 2
_STRIP = 260  # top of the written-out arithmetic
_GRIDS = (22, 174, 326)  # left edges of patch, filter, products
_GRID_CELL = (38, 28)
_PLACE = _GRID_CELL[0] / 4  # width of one character in a cell
_LINES = 470  # left edge of the sums
_NARROW = "Helvetica,Arial,'Liberation Sans',sans-serif"
_ROOT = ".cnn-layer"
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


def layer_diagram(
    image: Grid, kernel: Grid, *, stage: str = "pooling", row: int = 1, column: int = 1, **how: int
) -> Diagram:
    """Draw input, convolution, detector and pooling, and write out the sum of one unit.

    Pointing at any other unit writes out its sum instead, without a kernel. There is room for
    products of three digits.

    Args:
        image, kernel, how: as for `Layer`.
        stage: where the chosen unit is, one of `STAGES`.
        row, column: its place there, counted from 1.
    """
    return draw_layer(Layer(image, kernel, **how), stage, row, column)


def draw_layer(layer: Layer, stage: str, row: int, column: int) -> Diagram:
    """Draw a layer, as `layer_diagram`."""
    draw, p = _LayerPicture(layer), layer.padding
    image = f"{len(layer.padded) - 2 * p} {TIMES} {len(layer.padded[0]) - 2 * p}"
    maps = [layer.convolution, layer.detector, layer.pooled]
    sizes = [f"{name} {_by(grid)}" for name, grid in zip(STAGES, maps, strict=True)]
    body = [
        _headings([f"input {image}" + (" + zeros" if p else ""), *sizes]),
        *draw.input(),
        _arithmetic(layer),
        *draw.single_units(stage, row - 1, column - 1),
        *draw.pooling_units(stage, row - 1, column - 1),
    ]
    ring = f" with {p} ring of zeros" if p else ""
    alt = (
        f"A layer in three stages: input {image}{ring}, {', '.join(sizes)}. "
        f"{layer.sentence(stage, row, column)}"
    )
    return frame("".join(body), height=372, alt=alt, kind="cnn-layer", css=_CSS)


def _headings(names: Sequence[str]) -> str:
    parts = []
    for k, name in enumerate(names):
        left = _MAP_LEFT + k * (_MAP_SIDE + _GAP)
        parts.append(text(left + _MAP_SIDE / 2, 25, name, 16, anchor="middle", bold=True))
        if k:
            x, y = left - _GAP / 2, _MAP_TOP + _MAP_SIDE / 2
            step = ("filter", "ReLU", "max")[k - 1]
            parts.append(path(arrow(x - 15, y, x + 15, y, 8), stroke=MUTED, stroke_width=2))
            parts.append(text(x, y - 11, step, 14, anchor="middle", fill=MUTED))
    return "".join(parts)


def _arithmetic(layer: Layer) -> str:
    """Draw the three empty grids of the strip, the signs between them, and the filter."""
    wide, tall = _GRID_CELL
    parts = []
    columns = (("patch", INPUT, 0.1), ("filter", WEIGHT, 0.16), ("products", OUTPUT, 0.1))
    for left, (name, colour, share) in zip(_GRIDS, columns, strict=True):
        parts.append(text(left + 57, _STRIP + 14, name, 14, anchor="middle", fill=MUTED))
        look = {"fill": tint(colour, share), "stroke": tint(colour, 0.5)}
        cells = [(left + b * wide, _STRIP + 24 + a * tall) for a in range(3) for b in range(3)]
        parts += [rect(x, y, wide, tall, **look) for x, y in cells]
    parts += _rows(_GRIDS[1], _texts(layer.kernel))
    for left, sign in zip(_GRIDS[1:], (TIMES, "="), strict=True):
        parts.append(text(left - 19, _STRIP + 73, sign, 20, anchor="middle", fill=MUTED))
    return "".join(parts)


def _texts(values: Grid) -> list[str]:
    """Four places of a fixed width for every number."""
    return ["".join(f"{_signed(v):>3} "[:4] for v in row) for row in values]


def _rows(left: float, lines: Sequence[str]) -> list[str]:
    """Write three rows of the strip: one element each, for there are hundreds in a picture."""
    return [
        f'<text class="n" x="{left}" y="{_STRIP + 43 + a * _GRID_CELL[1]}" '
        f'textLength="{len(line) * _PLACE:g}">{line}</text>'
        for a, line in enumerate(lines)
    ]


@lru_cache(maxsize=64)
def _shade(positive: bool, strength: int) -> str:
    """Return the colour of a unit, in 20 steps: green above zero, orange below."""
    return tint(OUTPUT if positive else ACCENT, 0.08 + 0.031 * strength)


class _LayerPicture:
    """Where the cells of the four maps are, and what is drawn there and written for a unit.

    The elements are written as strings: there are a thousand, drawn anew with every slider move.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.grids = (layer.padded, layer.convolution, layer.detector, layer.pooled)
        self.most = max(1, *(abs(z) for row in layer.convolution for z in row))
        self.places = []  # of each map: its left and upper edge, the side of a cell
        for k, grid in enumerate(self.grids):
            rows, columns = len(grid), len(grid[0])
            cell = min(_MAP_SIDE / max(rows, columns), 40)
            left = _MAP_LEFT + k * (_MAP_SIDE + _GAP) + (_MAP_SIDE - cell * columns) / 2
            self.places.append((left, _MAP_TOP + (_MAP_SIDE - cell * rows) / 2, cell))

    def block(self, k: int, i: int, j: int, side: int = 1, inset: float = 0) -> str:
        """Return place and size of a block of cells of map `k`, as attributes of a `<rect>`."""
        left, top, cell = self.places[k]
        size = f"{side * cell - 2 * inset:.1f}"
        return (
            f'x="{left + j * cell + inset:.1f}" y="{top + i * cell + inset:.1f}" '
            f'width="{size}" height="{size}"'
        )

    def value(self, k: int, i: int, j: int, ink: str) -> str:
        left, top, cell = self.places[k]
        x, y = left + (j + 0.5) * cell, top + (i + 0.5) * cell + 5
        written = _signed(self.grids[k][i][j])
        return f'<text class="g" x="{x:.1f}" y="{y:.1f}" fill="{ink}">{written}</text>'

    def input(self) -> list[str]:
        p, grid, parts = self.layer.padding, self.layer.padded, []
        dark = max(1, *(v for row in grid for v in row))
        for i, row in enumerate(grid):
            for j, value in enumerate(row):
                inside = p <= i < len(grid) - p and p <= j < len(row) - p
                grey = 255 - round(200 * value / dark)
                fill = f"#{grey:02X}{grey:02X}{grey:02X}" if inside else PAPER
                edge = f'"{FAINT}"' if inside else f'"{tint(FAINT, 0.7)}" stroke-dasharray="2 2"'
                ink = (PAPER if grey < 140 else INK) if inside else MUTED
                parts.append(f'<rect {self.block(0, i, j)} fill="{fill}" stroke={edge}/>')
                parts.append(self.value(0, i, j, ink))
        return parts

    def unit(self, k: int, i: int, j: int) -> str:
        value = self.grids[k][i][j]
        fill = _shade(value > 0, round(20 * abs(value) / self.most)) if value else "#F3F4F6"
        return (
            f'<rect class="{" cdq"[k]}" {self.block(k, i, j)} fill="{fill}" stroke="{PAPER}"/>'
            + self.value(k, i, j, INK)
        )

    def single_units(self, stage: str, row: int, column: int) -> list[str]:
        """Draw the units of convolution and detector, with what shows when one is pointed at."""
        on = {"convolution": " on", "detector": " on more", "pooling": ""}[stage]
        return [
            f'<g class="u{on if (i, j) == (row, column) else ""}">{self.unit(1, i, j)}'
            f'{self.unit(2, i, j)}<g class="v">{self.sum_of(i, j)}</g>'
            f'<g class="r">{self.relu_of(i, j)}</g></g>'
            for i, values in enumerate(self.layer.convolution)
            for j in range(len(values))
        ]

    def pooling_units(self, stage: str, row: int, column: int) -> list[str]:
        parts = []
        for i, values in enumerate(self.layer.pooled):
            for j in range(len(values)):
                on = " on more" if (stage, i, j) == ("pooling", row, column) else ""
                best = self.layer.winner(i, j)
                parts.append(
                    f'<g class="u p{on}">{self.unit(3, i, j)}'
                    f'<g class="v">{self.sum_of(*best)}{self.pool_of(i, j)}</g>'
                    f'<g class="r">{self.relu_of(*best)}</g></g>'
                )
        return parts

    def sum_of(self, i: int, j: int) -> str:
        """Outline unit (i, j) and its patch; write patch, products, sum and bias."""
        layer = self.layer
        z = layer.convolution[i][j]
        apart = " " * round((_GRIDS[2] - _GRIDS[0]) / _PLACE - 12)
        pairs = zip(_texts(layer.patch(i, j)), _texts(layer.products(i, j)), strict=True)
        return (
            f'<rect class="m" {self.block(0, i * layer.stride, j * layer.stride, 3)}/>'
            f'<rect class="m" {self.block(1, i, j, inset=1.5)}/>'
            + "".join(_rows(_GRIDS[0], [apart.join(pair) for pair in pairs]))
            + text(_LINES, _STRIP + 32, f"sum of the products = {_signed(z - layer.bias)}", 17)
            + text(_LINES, _STRIP + 56, layer.biased(z), 17)
        )

    def relu_of(self, i: int, j: int) -> str:
        words = text(_LINES, _STRIP + 80, _relu(self.layer.convolution[i][j]), 17)
        return f'<rect class="m" {self.block(2, i, j, inset=1.5)}/>{words}'

    def pool_of(self, i: int, j: int) -> str:
        """Outline a pooling unit, its window, and all of the input that reaches it."""
        k, s = self.layer.pool, self.layer.stride
        values = self.layer.window(i, j)
        words = f"pooling: max({_listed(values)}) = {max(values)}"
        size = min(17, (WIDTH - _LINES - 16) / (0.6 * len(words)))
        return (
            f'<rect class="m" {self.block(3, i, j, inset=1.5)}/>'
            f'<rect class="w" {self.block(2, i * k, j * k, k)}/>'
            f'<rect class="w" {self.block(1, i * k, j * k, k)}/>'
            f'<rect class="w" {self.block(0, i * k * s, j * k * s, (k - 1) * s + 3)}/>'
            + text(_LINES, _STRIP + 104, words, size)
        )


# ---------------------------------------------------------------------------------------------
# Two vocabularies, and filters


def two_vocabularies() -> Diagram:
    """Draw the three stages twice: boxed as one complex layer, and as three simple layers.

    After fig. 9.7 of Goodfellow, Bengio and Courville, *Deep Learning* (2016).
    """
    steps = (
        ("Convolution", "weighted sums", "nn.Conv2d", INPUT),
        ("Detector", "ReLU, unit by unit", "nn.ReLU", OUTPUT),
        ("Pooling", "a summary of each window", "nn.MaxPool2d", WEIGHT),
    )
    lefts, wide, tall = (216, 452, 688), 212, 74
    parts = [
        box(198, 14, 720, 134, ACCENT, 0.12, rx=12, stroke_width=2.5),
        text(lefts[0], 42, "one convolutional layer, three stages", 17),
    ]
    for y, name, where, kind, end in (
        (58, "Complex layers", "in many papers", "stage", 918),
        (202, "Simple layers", "in PyTorch", "layer", 900),
    ):
        parts.append(text(20, y + 32, name, 18, bold=True))
        parts.append(text(20, y + 56, where, 15, fill=MUTED))
        for left, (step, does, module, colour) in zip(lefts, steps, strict=True):
            middle, below = left + wide / 2, does if kind == "stage" else module
            parts += [
                box(left, y, wide, tall, colour, 0.14, rx=8, stroke_width=2),
                text(middle, y + 32, f"{step} {kind}", 16, anchor="middle", bold=True),
                text(middle, y + 56, below, 14, anchor="middle", fill=MUTED),
            ]
        for start, stop in ((428, 452), (664, 688), (end, 984)):
            shaft = arrow(start + 3, y + tall / 2, stop - 3, y + tall / 2, 8)
            parts.append(path(shaft, stroke=MUTED, stroke_width=2.2))
    alt = (
        "Two ways to count the same thing. Complex layers: convolution stage, detector stage and "
        "pooling stage are one convolutional layer. Simple layers: they are three layers, "
        "in PyTorch nn.Conv2d, nn.ReLU and nn.MaxPool2d."
    )
    return frame("".join(parts), height=292, alt=alt, kind="cnn-stages")


def filter_diagram(side: int, channels: int, filters: int) -> Diagram:
    """Draw `filters` filters of 3 x 3 x C that slide over C channels: as many matrices.

    side: of the input; the output is 2 smaller. There is room for 6 channels and 4 filters.
    """
    out, shrunk = side - 2, 118 / side * 0.4092
    middle = 136
    parts = [_sheets(40, middle, 118, channels, INPUT, step=min(14, 60 / channels))]
    for k in range(filters):
        y = middle + (k - (filters - 1) / 2) * 234 / max(filters, 3)
        parts += [
            _sheets(400, y, 32, channels, WEIGHT, step=min(8, 20 / channels)),
            _sheets(740, y, out * shrunk, 1, OUTPUT, step=0),
            path(arrow(300, middle, 372, y, 8), stroke=MUTED, stroke_width=2),
            path(arrow(520, y, 706, y, 8), stroke=MUTED, stroke_width=2),
            text(613, y - 10, "sum", 14, anchor="middle", fill=MUTED),
        ]
    size = f"3 {TIMES} 3 {TIMES} {channels}"
    for x, first, second in (
        (130, f"input {side} {TIMES} {side} {TIMES} {channels}", f"a tensor: {channels} channels"),
        (450, f"{filters} filters, {size} each", "each sums over all channels"),
        (810, f"{filters} matrices {out} {TIMES} {out}", f"a tensor: {filters} channels"),
    ):
        parts.append(text(x, 278, first, 16, anchor="middle", bold=True))
        parts.append(text(x, 300, second, 15, anchor="middle", fill=MUTED))
    alt = (
        f"{filters} filters of {size} on an input of {side} {TIMES} {side} {TIMES} {channels}: "
        f"each filter gives one matrix of {out} {TIMES} {out}, so the output has {filters} "
        "channels."
    )
    return frame("".join(parts), height=312, alt=alt, kind="cnn-filters")


def _sheets(x, y, side, count, colour, step) -> str:
    """Draw sheets one behind the other, the first in front; `y` is the height of their middle."""
    y += (count - 1) * step / 2 - side / 2
    return "".join(
        box(x + k * step, y - k * step, side, side, colour, rx=2, stroke_width=2)
        for k in reversed(range(count))
    )
