"""Pictures of lesson 05: a layer with its arithmetic, its two names, filters.

In `layer_diagram` pointing at a unit writes out its sum, by style rules alone: no kernel need run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain, product
from operator import mul

from course_utils.drawing import style, svg
from course_utils.drawing.style import FAINT, INK, INPUT, MUTED, OUTPUT, PAPER, WEIGHT, tint
from course_utils.drawing.svg import TIMES, WIDTH, Diagram, arrow, box, frame, path, rect, text
from course_utils.geometry import output_size

STAGES = ("convolution", "detector", "pooling")

# The layer and its arithmetic

_MAP_TOP, _MAP_SIDE, _GAP = 38, 206, 47  # the four maps stand side by side
_MAP_LEFTS = [17.5 + k * (_MAP_SIDE + _GAP) for k in range(4)]
_STRIP = 260  # top of the written-out arithmetic
_GRIDS = (22, 174, 326)  # left edges of patch, filter, products; a cell of them is 38 x 28
_LINES = 470  # left edge of the sums
_MARK, _WINDOW = 'class="m"', 'class="w"'
# What is hidden is not laid out: there are a hundred such groups. A unit under the pointer shows
# its sum, one of the detector its ReLU as well; the chosen unit speaks while nothing is pointed at.
# Arial is narrow: three places must fit into the cell of an 8 x 8 map. The fonts of the strip have
# places of 0.6 of their size: four of them fill a cell.
_CSS = f"""
.cnn-layer text {{pointer-events:none}}
.cnn-layer .v,.cnn-layer .r {{display:none;pointer-events:none}}
.cnn-layer .u:hover .v,.cnn-layer .d:hover~.r,.cnn-layer .p:hover .r {{display:inline}}
.cnn-layer:not(:has(.u:hover)) .on .v {{display:inline}}
.cnn-layer:not(:has(.u:hover)) .more .r {{display:inline}}
.cnn-layer .m {{fill:none;stroke:{style.HIGHLIGHT};stroke-width:3px}}
.cnn-layer .w {{fill:none;stroke:{style.HIGHLIGHT};stroke-width:2.4px;stroke-dasharray:5 4}}
.cnn-layer .g {{text-anchor:middle;font:13.8px Helvetica,Arial,'Liberation Sans',sans-serif}}
.cnn-layer .n {{white-space:pre;
  font:15.8px 'DejaVu Sans Mono',Menlo,'Lucida Console','Courier New',monospace}}
.cnn-layer .u rect {{cursor:default}}
"""


def layer_diagram(image, kernel, *, stage="pooling", row=1, column=1, **how) -> Diagram:
    """Draw input, convolution, detector and pooling, and write out the sum of one unit.

    image, kernel, how: as for `Layer`; there is room for products of three digits. stage: of
    `STAGES`; row, column: of the unit on its map, counted from 1.
    """
    return Layer(image, kernel, **how).draw(stage, row, column)


class Layer:
    """One 3 x 3 filter on one channel, in three stages; all numbers are integers.

    image: (n, n) pixels >= 0. kernel: (3, 3). bias: added to every sum. stride: of the filter.
    padding: zeros on each side. pool: side of the pooling window, which moves by its own side; a
    rest at the right or lower border is left out.

    maps: the padded image, convolution, detector, pooling, as rows. Units count from 0.
    """

    def __init__(self, image, kernel, bias=0, stride=1, padding=0, pool=2) -> None:
        self.bias, self.stride, self.padding, self.pool = bias, stride, padding, pool
        x, self.kernel = ([[int(v) for v in row] for row in grid] for grid in (image, kernel))
        beside, beyond = [0] * padding, [[0] * (len(x) + 2 * padding)] * padding
        self.maps = [[*beyond, *(beside + row + beside for row in x), *beyond]]
        side = range(output_size(len(x), 3, stride, padding))
        sums = [[sum(chain(*self.products(i, j))) for j in side] for i in side]
        z = [[v + bias for v in row] for row in sums]
        self.maps += [z, [[max(0, v) for v in row] for row in z]]
        side = range(output_size(len(z), pool, pool))
        self.maps.append([[max(self.window(i, j)) for j in side] for i in side])
        self.most = max(1, *map(abs, chain(*z)))
        self.places = []  # of each map: its left and upper edge, the side of a cell
        for left, n in zip(_MAP_LEFTS, map(len, self.maps), strict=True):
            cell = min(_MAP_SIDE / n, 40)
            edge = (_MAP_SIDE - cell * n) / 2
            self.places.append((left + edge, _MAP_TOP + edge, cell))

    def patch(self, i: int, j: int) -> list[list[int]]:
        """Return what lies under the filter at unit (i, j)."""
        s = self.stride
        return [row[j * s : j * s + 3] for row in self.maps[0][i * s : i * s + 3]]

    def products(self, i: int, j: int) -> list[list[int]]:
        """Return the products of the filter with what lies under it at unit (i, j)."""
        return [list(map(mul, *rows)) for rows in zip(self.patch(i, j), self.kernel, strict=True)]

    def window(self, i: int, j: int) -> list[int]:
        """Return what pooling reads for its unit (i, j), row by row."""
        k = self.pool
        rows = self.maps[2][i * k : (i + 1) * k]
        return [value for row in rows for value in row[j * k : (j + 1) * k]]

    def largest(self, i: int, j: int) -> tuple[str, int, int]:
        """Write what pooling makes of the window (i, j), and return the first unit that wins it."""
        values = self.window(i, j)
        a, b = divmod(values.index(max(values)), self.pool)
        said = f"max({', '.join(map(str, values))}) = {max(values)}"
        return said, i * self.pool + a, j * self.pool + b

    def biased(self, z: int) -> str:
        """Write the last step to the sum `z`."""
        return f"{svg.MINUS if self.bias < 0 else '+'} {abs(self.bias)} (bias) = {_signed(z)}"

    def sentence(self, stage: str, row: int, column: int) -> str:
        """Write out one unit, as in `"3×1 + 0×2 = 3, + 2 (bias) = 5."`, and what led to it."""
        i, j = row - 1, column - 1
        says = f"{stage.capitalize()} unit (row {row}, column {column})"
        if stage == "pooling":
            words, i, j = self.largest(i, j)
            says += f" = {words}. The largest is detector unit (row {i + 1}, column {j + 1}). There"
        pairs = zip(chain(*self.patch(i, j)), chain(*self.kernel), strict=True)
        terms = [f"{x}{TIMES}{f'({_signed(w)})' if w < 0 else w}" for x, w in pairs if w]
        z = self.maps[1][i][j]
        says += f": {' + '.join(terms)} = {_signed(z - self.bias)}, {self.biased(z)}."
        return says if stage == "convolution" else f"{says} {_relu(z)}."

    # The elements are written as strings: there are a thousand, drawn anew with every slider move.

    def draw(self, stage: str, row: int, column: int) -> Diagram:
        """Draw the layer with one unit chosen, as `layer_diagram`."""
        p, chosen = self.padding, (stage == "pooling", row - 1, column - 1)
        speaks = " on" if stage == "convolution" else " on more"
        padded, *sides = map(len, self.maps)
        names = zip(("input", *STAGES), (padded - 2 * p, *sides), strict=True)
        image, *sizes = [f"{name} {n} {TIMES} {n}" for name, n in names]
        body = [*_headings([image + (" + zeros" if p else ""), *sizes]), *self.input()]
        body += _arithmetic(self.kernel)
        for pools, draw in enumerate((self.single, self.pooling)):
            for i, j in product(range(sides[2 * pools]), repeat=2):
                body.append(draw(i, j, speaks if (pools, i, j) == chosen else ""))
        ring = f" with {p} ring of zeros" if p else ""
        alt = f"A layer in three stages: {image}{ring}, {', '.join(sizes)}. "
        alt += self.sentence(stage, row, column)
        return frame("".join(body), height=372, alt=alt, kind="cnn-layer", css=_CSS)

    def block(self, k: int, i: int, j: int, look: str, side: int = 1, inset: float = 0) -> str:
        """Draw a block of cells of map `k`; `look` are further attributes."""
        left, top, cell = self.places[k]
        x, y, size = left + j * cell + inset, top + i * cell + inset, side * cell - 2 * inset
        place = f'x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}"'
        return f"<rect {place} {look}/>"

    def cell(self, k: int, i: int, j: int, look: str, ink: str = INK) -> str:
        left, top, cell = self.places[k]
        x, y = left + (j + 0.5) * cell, top + (i + 0.5) * cell + 5
        value = _signed(self.maps[k][i][j])
        label = f'<text class="g" x="{x:.1f}" y="{y:.1f}" fill="{ink}">{value}</text>'
        return self.block(k, i, j, look) + label

    def input(self) -> list[str]:
        grid, p, parts = self.maps[0], self.padding, []
        dark, inside = max(1, *chain(*grid)), range(p, len(grid) - p)
        zero = f'fill="{PAPER}" stroke="{tint(FAINT, 0.7)}" stroke-dasharray="2 2"'
        for i, j in product(range(len(grid)), repeat=2):
            grey = 255 - round(200 * grid[i][j] / dark)
            pixel = f'fill="#{f"{grey:02X}" * 3}" stroke="{FAINT}"', PAPER if grey < 140 else INK
            drawn = pixel if i in inside and j in inside else (zero, MUTED)
            parts.append(self.cell(0, i, j, *drawn))
        return parts

    def unit(self, k: int, i: int, j: int) -> str:
        value = self.maps[k][i][j]
        fill = _shade(value > 0, round(20 * abs(value) / self.most)) if value else "#F3F4F6"
        return self.cell(k, i, j, f'class="{" cdq"[k]}" fill="{fill}" stroke="{PAPER}"')

    def single(self, i: int, j: int, on: str) -> str:
        """Draw a unit of the convolution and that of the detector, which share a sum."""
        return self.sums(f"u{on}", self.unit(1, i, j) + self.unit(2, i, j), i, j)

    def pooling(self, i: int, j: int, on: str) -> str:
        """Draw a pooling unit; outline its window, and all of the input that reaches it."""
        k, s, (words, *winner) = self.pool, self.stride, self.largest(i, j)
        said = f"pooling: {words}"
        size = min(17, (WIDTH - _LINES - 16) / (0.6 * len(said)))
        shown = (
            self.block(3, i, j, _MARK, inset=1.5)
            + self.block(2, i * k, j * k, _WINDOW, k)
            + self.block(1, i * k, j * k, _WINDOW, k)
            + self.block(0, i * k * s, j * k * s, _WINDOW, (k - 1) * s + 3)
            + text(_LINES, _STRIP + 104, said, size)
        )
        return self.sums(f"u p{on}", self.unit(3, i, j), *winner, shown)

    def sums(self, look: str, cells: str, i: int, j: int, pooling: str = "") -> str:
        """Draw cells with the arithmetic of the detector unit (i, j), and outline what it reads."""
        s, z, patch = self.stride, self.maps[1][i][j], self.patch(i, j)
        pairs = zip(_written(patch), _written(self.products(i, j)), strict=True)
        return (
            f'<g class="{look}">{cells}<g class="v">'
            + self.block(0, i * s, j * s, _MARK, 3)
            + self.block(1, i, j, _MARK, inset=1.5)
            + _rows(_GRIDS[0], [(" " * 20).join(pair) for pair in pairs])
            + text(_LINES, _STRIP + 32, f"sum of the products = {_signed(z - self.bias)}", 17)
            + text(_LINES, _STRIP + 56, self.biased(z), 17)
            + f'{pooling}</g><g class="r">'
            + self.block(2, i, j, _MARK, inset=1.5)
            + text(_LINES, _STRIP + 80, _relu(z), 17)
            + "</g></g>"
        )


def _relu(z: int) -> str:
    return f"ReLU: max(0, {_signed(z)}) = {max(0, z)}"


def _signed(value: int) -> str:
    return f"{svg.MINUS}{-value}" if value < 0 else str(value)


def _written(values) -> list[str]:
    """Write each number in four places of a fixed width, a line for each row."""
    return ["".join(f"{_signed(v):>3} "[:4] for v in row) for row in values]


def _rows(left: float, lines: Sequence[str]) -> str:
    """Write three rows of the strip: one element each, for there are hundreds in a picture."""
    return "".join(
        f'<text class="n" x="{left}" y="{_STRIP + 43 + 28 * a}">{line}</text>'
        for a, line in enumerate(lines)
    )


@cache
def _shade(positive: bool, strength: int) -> str:
    """Return the colour of a unit, in 20 steps: green above zero, orange below."""
    return tint(OUTPUT if positive else style.ACCENT, 0.08 + 0.031 * strength)


def _headings(names: Sequence[str]) -> list[str]:
    parts = []
    for left, name, step in zip(_MAP_LEFTS, names, ("", "filter", "ReLU", "max"), strict=True):
        parts.append(text(left + _MAP_SIDE / 2, 25, name, 16, anchor="middle", bold=True))
        if step:
            x, y = left - _GAP / 2, _MAP_TOP + _MAP_SIDE / 2
            parts.append(path(arrow(x - 15, y, x + 15, y, 8), stroke=MUTED, stroke_width=2))
            parts.append(text(x, y - 11, step, 14, anchor="middle", fill=MUTED))
    return parts


def _arithmetic(kernel) -> list[str]:
    """Draw the three empty grids of the strip, the signs between them, and the filter."""
    parts = []
    columns = (("patch", INPUT, 0.1), ("filter", WEIGHT, 0.16), ("products", OUTPUT, 0.1))
    for left, (name, colour, share) in zip(_GRIDS, columns, strict=True):
        parts.append(text(left + 57, _STRIP + 14, name, 14, anchor="middle", fill=MUTED))
        look = {"fill": tint(colour, share), "stroke": tint(colour, 0.5)}
        cells = [(left + b * 38, _STRIP + 24 + a * 28) for a in range(3) for b in range(3)]
        parts += [rect(x, y, 38, 28, **look) for x, y in cells]
    parts.append(_rows(_GRIDS[1], _written(kernel)))
    for left, sign in zip(_GRIDS[1:], (TIMES, "="), strict=True):
        parts.append(text(left - 19, _STRIP + 73, sign, 20, anchor="middle", fill=MUTED))
    return parts


# Two vocabularies, and filters


def two_vocabularies() -> Diagram:
    """Draw the three stages twice: boxed as one complex layer, and as three simple layers.

    After fig. 9.7 of Goodfellow, Bengio and Courville, *Deep Learning* (2016).
    """
    steps = (
        (216, "Convolution", "weighted sums", "nn.Conv2d", INPUT),
        (452, "Detector", "ReLU, unit by unit", "nn.ReLU", OUTPUT),
        (688, "Pooling", "a summary of each window", "nn.MaxPool2d", WEIGHT),
    )
    parts = [
        box(198, 14, 720, 134, style.ACCENT, 0.12, rx=12, stroke_width=2.5),
        text(216, 42, "one convolutional layer, three stages", 17),
    ]
    for y, name, where, kind, end in (
        (58, "Complex layers", "in many papers", "stage", 918),
        (202, "Simple layers", "in PyTorch", "layer", 900),
    ):
        parts.append(text(20, y + 32, name, 18, bold=True))
        parts.append(text(20, y + 56, where, 15, fill=MUTED))
        for left, step, does, module, colour in steps:
            below = does if kind == "stage" else module
            parts += [
                box(left, y, 212, 74, colour, 0.14, rx=8, stroke_width=2),
                text(left + 106, y + 32, f"{step} {kind}", 16, anchor="middle", bold=True),
                text(left + 106, y + 56, below, 14, anchor="middle", fill=MUTED),
            ]
        for start, stop in ((431, 449), (667, 685), (end + 3, 981)):
            shaft = arrow(start, y + 37, stop, y + 37, 8)
            parts.append(path(shaft, stroke=MUTED, stroke_width=2.2))
    alt = (
        "Two ways to count the same thing. Complex layers: convolution stage, detector stage and "
        "pooling stage are one convolutional layer. Simple layers: they are three layers, "
        "in PyTorch nn.Conv2d, nn.ReLU and nn.MaxPool2d."
    )
    return frame("".join(parts), height=292, alt=alt, kind="cnn-stages")


def filter_diagram(side: int, channels: int, filters: int) -> Diagram:
    """Draw `filters` filters of 3 x 3 x C that slide over C channels: as many matrices.

    side: of the input; the output is 2 smaller. There is room for 4 channels and 5 filters.
    """
    out, middle, muted = side - 2, 136, {"anchor": "middle", "fill": MUTED}
    parts = [_sheets(40, middle, 118, channels, INPUT, step=14)]
    gap = min(78, 270 / filters)
    for k in range(filters):
        y = middle + (k - (filters - 1) / 2) * gap
        parts += [
            _sheets(400, y, 0.41 * gap, channels, WEIGHT, step=gap / 12),
            _sheets(740, y, 0.58 * gap, 1, OUTPUT, step=0),
            path(arrow(300, middle, 372, y, 8), stroke=MUTED, stroke_width=2),
            path(arrow(520, y, 706, y, 8), stroke=MUTED, stroke_width=2),
            text(613, y - 6, "sum", 15, **muted),
        ]
    size, whole = f"3 {TIMES} 3 {TIMES} {channels}", f"{side} {TIMES} {side} {TIMES} {channels}"
    for x, first, second in (
        (130, f"input {whole}", f"a tensor: {channels} channels"),
        (450, f"{filters} filters, {size} each", "each sums over all channels"),
        (810, f"{filters} matrices {out} {TIMES} {out}", f"a tensor: {filters} channels"),
    ):
        parts.append(text(x, 278, first, 16, anchor="middle", bold=True))
        parts.append(text(x, 300, second, 15, **muted))
    alt = (
        f"{filters} filters of {size} on an input of {whole}: each filter gives one matrix of "
        f"{out} {TIMES} {out}, so the output has {filters} channels."
    )
    return frame("".join(parts), height=312, alt=alt, kind="cnn-filters")


def photo_maps(photo, maps: Mapping) -> Diagram:
    """Draw a colour photograph (H, W, 3) beside the maps (H', W') that filters make of it."""
    from matplotlib import pyplot

    from course_utils.drawing.plots import draw_image, show

    figure, axes = pyplot.subplots(2, 3, figsize=(9.6, 5.8), layout="constrained")
    axes.flat[0].imshow(photo)
    axes.flat[0].set(title="the photograph", xticks=[], yticks=[])
    for ax, (name, values) in zip(axes.flat[1:], maps.items(), strict=True):
        draw_image(values, ax=ax, title=name)
    rows, columns = next(iter(maps.values())).shape
    alt = f"A photograph and its maps of {rows} {TIMES} {columns} by the filters {', '.join(maps)}."
    return show(figure, alt=alt)


def _sheets(x, y, side, count, colour, step) -> str:
    """Draw sheets one behind the other, the first in front; `y` is the height of their middle."""
    y += (count - 1) * step / 2 - side / 2
    return "".join(
        box(x + k * step, y - k * step, side, side, colour, rx=2, stroke_width=2)
        for k in reversed(range(count))
    )
