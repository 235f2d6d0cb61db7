"""The pictures of lesson 09: Table 1 as boxes, and a stack of small filters beside a large one.

After Simonyan and Zisserman (2014), *Very Deep Convolutional Networks for Large-Scale Image
Recognition*, arXiv 1409.1556: Table 1 and the argument of section 2.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from course_utils.drawing.style import (
    ACCENT,
    FAINT,
    HIGHLIGHT,
    INK,
    INPUT,
    MUTED,
    OUTPUT,
    WEIGHT,
    tint,
)
from course_utils.drawing.svg import TIMES, Diagram, box, frame, line, path, rect, text

# ---------------------------------------------------------------------------------------------
# Table 1

_ROW = 58  # from one network to the next
_TOP = 66  # top of the first network
_NAME, _FIRST = 14, 84  # left edges of the names and of the first block
_BOX, _STEP, _HIGH = 37, 41, 38  # width of a layer, from one to the next, height
_BLOCK_GAP, _DENSE_GAP = 13, 22
_DENSE = 3  # dense layers at the end of every network

Blocks = Sequence[Sequence[str]]


def configuration_chart(configurations: Mapping[str, Blocks]) -> Diagram:
    """Draw networks of Table 1 one below the other, a box for each layer with weights.

    Blocks with equal map sizes stand below each other; a pooling ends each. A 1x1 convolution has
    a dashed frame; a normalisation is a thin bar behind its convolution.

    Args:
        configurations: name -> blocks; a block is a sequence of `"conv3-64"` (kernel, maps) and
            `"LRN"`, as in `course_utils.models.vgg.CONFIGURATIONS`.
    """
    longest = [
        max(map(_convolutions, blocks)) for blocks in zip(*configurations.values(), strict=True)
    ]
    lefts = [_FIRST]
    for convolutions in longest:
        lefts.append(lefts[-1] + convolutions * _STEP + _BLOCK_GAP)
    lefts[-1] += _DENSE_GAP - _BLOCK_GAP
    parts = _heads(next(iter(configurations.values())), longest, lefts)
    for row, (name, blocks) in enumerate(configurations.items()):
        parts += _network(name, blocks, lefts, _TOP + row * _ROW)
    alt = (
        "Networks of 3x3 convolutions as rows of boxes, in blocks that a pooling ends. "
        + " ".join(_describe(name, blocks) for name, blocks in configurations.items())
    )
    height = _TOP + len(configurations) * _ROW
    return frame("".join(parts), height=height, alt=alt, kind="cnn-configurations")


def _convolutions(block: Sequence[str]) -> int:
    return sum(item != "LRN" for item in block)


def _heads(blocks: Blocks, longest: list[int], lefts: list[int]) -> list[str]:
    heads = [
        (block[0].partition("-")[2], f"{224 >> k}{TIMES}{224 >> k}")
        for k, block in enumerate(blocks)
    ]
    parts = []
    for (maps, size), layers, left in zip(
        [*heads, ("dense", "")], [*longest, _DENSE], lefts, strict=True
    ):
        middle = left + (layers * _STEP - (_STEP - _BOX)) / 2
        parts.append(text(middle, 24, maps, 15, anchor="middle", bold=True))
        if size:
            parts.append(text(middle, 46, size, 13, anchor="middle", fill=MUTED))
    parts.append(text(_NAME, 24, "maps", 13, fill=MUTED))
    parts.append(text(_NAME, 46, "size", 13, fill=MUTED))
    return parts


def _network(name: str, blocks: Blocks, lefts: list[int], top: int) -> list[str]:
    middle, end = top + _HIGH / 2, lefts[-1] + _DENSE * _STEP - (_STEP - _BOX)
    depth = sum(map(_convolutions, blocks)) + _DENSE
    parts = [
        line(_FIRST, middle, end, middle, stroke=FAINT, stroke_width=2),
        text(_NAME, middle + 6, escape(name), 16, bold=True),
        text(end + 14, middle + 6, f"{depth}", 16, bold=True),
    ]
    for block, x in zip([*blocks, ["fc"] * _DENSE], lefts, strict=True):
        for item in block:
            if item == "LRN":
                parts.append(box(x - 4, top - 4, 5, _HIGH + 8, ACCENT, 1))
                continue
            parts += _layer(item, x, top)
            x += _STEP
    return parts


def _layer(item: str, x: float, top: float) -> list[str]:
    colour, share, words, dashes = OUTPUT, 0.2, item, None
    if item != "fc":
        kernel = item.removeprefix("conv").partition("-")[0]
        colour, share, words = WEIGHT, 0.3, f"{kernel}{TIMES}{kernel}"
        if kernel == "1":
            share, dashes = 0, "4 3"
    return [
        box(x, top, _BOX, _HIGH, colour, share, stroke_dasharray=dashes),
        text(x + _BOX / 2, top + _HIGH / 2 + 5, words, 13, anchor="middle"),
    ]


def _describe(name: str, blocks: Blocks) -> str:
    counts = [_convolutions(block) for block in blocks]
    items = [item for block in blocks for item in block]
    ones = sum(item.startswith("conv1-") for item in items)
    extra = f", {ones} of them 1x1" if ones else ""
    extra += ", with LRN" if "LRN" in items else ""
    per_block = " + ".join(map(str, counts))
    return (
        f"{name}: {sum(counts) + _DENSE} layers with weights, {per_block} convolutions{extra}, "
        f"{_DENSE} dense."
    )


# ---------------------------------------------------------------------------------------------
# A stack of 3x3 layers beside one large kernel


class Cost(NamedTuple):
    """What one or several convolutions with stride 1 and unchanged map size cost.

    field: side of the receptive field. weights: without biases. macs: multiply-adds. relus: how
    many non-linearities the signal passes. kept: numbers put out, which training keeps.
    """

    field: int
    weights: int
    macs: int
    relus: int
    kept: int


def count_stack(kernel: int, layers: int, in_maps: int, maps: int, side: int) -> Cost:
    """Count a stack of equal convolutions, each followed by a ReLU.

    Args:
        kernel: rows of each filter, odd. layers: how many. in_maps: maps that go into the first.
        maps: that each puts out. side: rows of every map.
    """
    weights = kernel * kernel * maps * (in_maps + (layers - 1) * maps)
    area = side * side
    field = 1 + layers * (kernel - 1)
    return Cost(field, weights, weights * area, layers, layers * maps * area)


_CELL, _GRID = 21, 13  # size and number of the cells in a row
_LEFT, _ABOVE = 26, 44  # corner of the grid
_BARS, _LONGEST = 356, 360  # left edge of the bars and how long the longest is


def stack_diagram(stack: Cost, single: Cost) -> Diagram:
    """Draw what one unit sees through 3x3 layers and through one large kernel, and both costs.

    Left, the pixels around the unit: a square for the field after each 3x3 layer, a thick frame
    for the large kernel; fields up to 13 rows. Right, the costs as pairs of bars.
    """
    layers, kernel = stack.relus, single.field
    names = f"{layers} {TIMES} (3{TIMES}3)", f"{kernel}{TIMES}{kernel}"
    parts = _pixels(layers, kernel, names) + _costs(stack, single, names)
    alt = (
        f"{layers} layers of 3x3 see {stack.field}{TIMES}{stack.field}, one {kernel}x{kernel} "
        f"layer sees {names[1]}. Weights {stack.weights:,} against {single.weights:,}, "
        f"multiply-adds {stack.macs:,} against {single.macs:,}, ReLUs {stack.relus} against 1, "
        f"activations {stack.kept:,} against {single.kept:,}."
    )
    height = _ABOVE + _GRID * _CELL + 40
    return frame("".join(parts), height=height, alt=alt, kind="cnn-stack")


def _pixels(layers: int, kernel: int, names: tuple[str, str]) -> list[str]:
    """The pixels around the unit, and on them the field after each layer."""

    def field(rows: int, **look: object) -> str:
        start, side = (_GRID - rows) / 2 * _CELL, rows * _CELL
        return rect(_LEFT + start, _ABOVE + start, side, side, **look)

    side = _GRID * _CELL
    parts = [text(_LEFT, 28, "what one unit sees of the input", 15, bold=True)]
    for layer in range(layers, 0, -1):  # the largest field lies at the bottom
        fill = tint(INPUT, 0.16 + 0.5 / layer)
        parts.append(field(2 * layer + 1, fill=fill, stroke=INPUT, stroke_width=1.2))
    steps = range(0, side + 1, _CELL)
    lines = (f"M{_LEFT + i} {_ABOVE}v{side}M{_LEFT} {_ABOVE + i}h{side}" for i in steps)
    parts.append(path("".join(lines), stroke=FAINT))
    parts.append(field(kernel, fill="none", stroke=HIGHLIGHT, stroke_width=4))
    parts.append(field(1, fill=INK, stroke=INK, stroke_width=1))
    below = _ABOVE + side + 24
    parts.append(box(_LEFT, below - 13, 14, 14, INPUT, 0.5))
    parts.append(text(_LEFT + 22, below, names[0], 14))
    look = dict(rx=3, fill="none", stroke=HIGHLIGHT, stroke_width=1.6)
    parts.append(rect(_LEFT + 136, below - 13, 14, 14, **look))
    parts.append(text(_LEFT + 158, below, f"frame: {names[1]}", 14))
    return parts


def _costs(stack: Cost, single: Cost, names: tuple[str, str]) -> list[str]:
    rows = (
        ("weights", stack.weights, single.weights),
        ("multiply-adds", stack.macs, single.macs),
        ("ReLUs in a row", stack.relus, single.relus),
        ("activations kept for training", stack.kept, single.kept),
    )
    parts = []
    for place, (title, *values) in enumerate(rows):
        y = 40 + place * 76
        parts.append(text(_BARS, y, title, 15, bold=True))
        for k, (value, name) in enumerate(zip(values, names, strict=True)):
            top, width = y + 8 + k * 25, max(value / max(values) * _LONGEST, 2)
            parts.append(text(_BARS + 82, top + 16, name, 13, anchor="end", fill=MUTED))
            parts.append(box(_BARS + 92, top, width, 20, (INPUT, HIGHLIGHT)[k], 0.55))
            parts.append(text(_BARS + 100 + width, top + 16, f"{value:,}", 14))
    return parts
