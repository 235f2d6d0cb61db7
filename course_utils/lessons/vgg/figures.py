"""VGG drawn: its configurations, a stack of small filters beside a large one, errors by depth.

After Simonyan and Zisserman (2014), *Very Deep Convolutional Networks for Large-Scale Image
Recognition*, arXiv 1409.1556: Table 1, the argument of Section 2.3, Table 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from course_utils.drawing.style import (
    ACCENT,
    CYCLE,
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
from course_utils.drawing.svg import TIMES, Diagram, font, frame, number, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# ---------------------------------------------------------------------------------------------
# Table 1

_ROW = 58  # from one network to the next
_TOP = 66  # top of the first network
_NAME = 14
_FIRST = 84  # left edge of the first block
_BOX = 37  # width of a layer
_STEP = 41  # from one layer to the next
_HIGH = 38  # height of a layer
_BLOCK_GAP = 13
_DENSE_GAP = 22


def configuration_chart(
    configurations: Mapping[str, Sequence[Sequence[str]]], *, side: int = 224, dense: int = 3
) -> Diagram:
    """Draw networks of Table 1 one below the other, a box for each layer with weights.

    Blocks with equal map sizes stand below each other; a pooling ends each. A 1x1 convolution has
    a dashed frame; a normalisation is a thin bar behind its convolution.

    Args:
        configurations: name -> blocks; a block is a sequence of `"conv3-64"` (kernel, maps) and
            `"LRN"`, as in `course_utils.models.vgg.CONFIGURATIONS`.
        side: of the images in pixels.
        dense: how many dense layers every network ends with.

    Raises:
        ValueError: for no network, networks with unequal numbers of blocks, a network without
            blocks, a block without a convolution, or an item that is neither of the two.
    """
    if not configurations:
        raise ValueError("configurations must hold at least one network, got none")
    parsed = {
        name: [[_item(item) for item in block] for block in blocks]
        for name, blocks in configurations.items()
    }
    counts = {len(blocks) for blocks in parsed.values()}
    if len(counts) > 1:
        raise ValueError(f"networks must have equally many blocks, got {sorted(counts)}")
    for name, blocks in parsed.items():
        if not blocks or not all(any(block) for block in blocks):
            given = [list(block) for block in configurations[name]]
            raise ValueError(
                "configurations must hold blocks with at least one convolution each, got "
                f"{given} for {name}"
            )
    longest = [
        max(sum(item is not None for item in blocks[i]) for blocks in parsed.values())
        for i in range(counts.pop())
    ]
    lefts = [_FIRST]
    for convolutions in longest:
        lefts.append(lefts[-1] + convolutions * _STEP + _BLOCK_GAP)
    lefts[-1] += _DENSE_GAP - _BLOCK_GAP
    parts = _chart_heads(next(iter(parsed.values())), longest, lefts, side, dense)
    for row, (name, blocks) in enumerate(parsed.items()):
        parts.append(_chart_row(name, blocks, lefts, _TOP + row * _ROW, dense))
    alt = (
        "Networks of 3x3 convolutions as rows of boxes, in blocks that a pooling ends. "
        + " ".join(_describe_row(name, blocks, dense) for name, blocks in parsed.items())
    )
    return frame(
        "".join(parts), height=_TOP + len(parsed) * _ROW, alt=alt, kind="cnn-configurations"
    )


def _item(item: str) -> tuple[int, int] | None:
    """Read "conv3-64" as (3, 64) and "LRN" as None."""
    if item == "LRN":
        return None
    kernel, _, maps = item.removeprefix("conv").partition("-")
    if not (item.startswith("conv") and kernel.isdigit() and maps.isdigit()):
        raise ValueError(f"items must look like 'conv3-64' or be 'LRN', got {item!r}")
    return int(kernel), int(maps)


def _chart_heads(blocks, longest, lefts, side, dense) -> list[str]:
    parts = []
    for block, convolutions, left in zip(blocks, longest, lefts, strict=False):
        maps = next(item[1] for item in block if item)
        middle = left + (convolutions * _STEP - (_STEP - _BOX)) / 2
        parts.append(text(middle, 24, f"{maps}", font(15), anchor="middle", bold=True))
        size = f"{side}{TIMES}{side}"
        parts.append(text(middle, 46, size, font(13), anchor="middle", fill=MUTED))
        side //= 2
    middle = lefts[-1] + (dense * _STEP - (_STEP - _BOX)) / 2
    parts.append(text(middle, 24, "dense", font(15), anchor="middle", bold=True))
    parts.append(text(_NAME, 24, "maps", font(13), fill=MUTED))
    parts.append(text(_NAME, 46, "size", font(13), fill=MUTED))
    return parts


def _chart_row(name, blocks, lefts, top, dense) -> str:
    depth = sum(item is not None for block in blocks for item in block) + dense
    middle = top + _HIGH / 2
    end = lefts[-1] + dense * _STEP - (_STEP - _BOX)
    parts = [
        f'<path d="M{_FIRST} {number(middle)}H{number(end)}" stroke="{FAINT}" stroke-width="2"/>',
        text(_NAME, middle + 6, escape(name), font(16), bold=True),
        text(end + 14, middle + 6, f"{depth}", font(16), bold=True),
    ]
    for block, left in zip(blocks, lefts, strict=False):
        x = left
        for item in block:
            if item is None:
                parts.append(_bar(x - 4, top - 4, 5, _HIGH + 8, ACCENT, ACCENT))
                continue
            parts.append(_layer(x, top, item[0]))
            x += _STEP
    for unit in range(dense):
        x = lefts[-1] + unit * _STEP
        parts.append(_bar(x, top, _BOX, _HIGH, tint(OUTPUT, 0.2), OUTPUT))
        parts.append(text(x + _BOX / 2, middle + 5, "fc", font(13), anchor="middle"))
    return "".join(parts)


def _layer(x: float, top: float, kernel: int) -> str:
    small = kernel == 1
    box = _bar(x, top, _BOX, _HIGH, PAPER if small else tint(WEIGHT, 0.3), WEIGHT, dashed=small)
    label = f"{kernel}{TIMES}{kernel}"
    return box + text(x + _BOX / 2, top + _HIGH / 2 + 5, label, font(13), anchor="middle")


def _bar(x, y, width, height, fill, stroke, *, dashed=False) -> str:
    dashes = ' stroke-dasharray="4 3"' if dashed else ""
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" '
        f'rx="3" fill="{fill}" stroke="{stroke}" stroke-width="1.6"{dashes}/>'
    )


def _describe_row(name, blocks, dense) -> str:
    counts = [sum(item is not None for item in block) for block in blocks]
    ones = sum(item is not None and item[0] == 1 for block in blocks for item in block)
    extra = f", {ones} of them 1x1" if ones else ""
    extra += ", with LRN" if any(item is None for block in blocks for item in block) else ""
    per_block = " + ".join(map(str, counts))
    return (
        f"{name}: {sum(counts) + dense} layers with weights, {per_block} convolutions{extra}, "
        f"{dense} dense."
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

    Raises:
        ValueError: for a number below 1 or an even kernel.
    """
    given = dict(kernel=kernel, layers=layers, in_maps=in_maps, maps=maps, side=side)
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, so that it has a middle, got {kernel}")
    weights = kernel * kernel * maps * (in_maps + (layers - 1) * maps)
    area = side * side
    field = 1 + layers * (kernel - 1)
    return Cost(field, weights, weights * area, layers, layers * maps * area)


_CELL = 21
_GRID_LEFT, _GRID_TOP = 26, 44
_BARS = 356  # left edge of the bars
_LONGEST = 360
_GROUP = 62


def stack_diagram(
    layers: int, kernel: int, *, in_maps: int = 64, maps: int = 64, side: int = 56, grid: int = 13
) -> Diagram:
    """Draw what one unit sees through 3x3 layers and through one large kernel, and both costs.

    Left, the pixels around the unit: a square for the field after each 3x3 layer, a thick frame
    for the large kernel. Right, weights, multiply-adds, ReLUs and activations as pairs of bars.

    Args:
        layers: 3x3 layers in the stack. kernel: rows of the one large filter, odd.
        in_maps, maps, side: as for `count_stack`.
        grid: rows of the picture on the left, odd; every field must fit.

    Raises:
        ValueError: as `count_stack`, for a grid that is not odd, and for a field larger than it.
    """
    stack = count_stack(3, layers, in_maps, maps, side)
    single = count_stack(kernel, 1, in_maps, maps, side)
    if isinstance(grid, bool) or not isinstance(grid, int) or grid < 1 or grid % 2 == 0:
        raise ValueError(f"grid must be an odd integer >= 1, got {grid!r}")
    if max(stack.field, single.field) > grid:
        raise ValueError(
            f"fields must fit into the grid of {grid}{TIMES}{grid}, got {stack.field} and "
            f"{single.field}"
        )
    parts = [*_grid(layers, kernel, grid), *_cost_bars(stack, single, layers, kernel)]
    sees = _square(stack.field)
    alt = (
        f"{layers} layers of 3x3 see {sees}, one {kernel}x{kernel} layer sees "
        f"{_square(single.field)}. Weights {stack.weights:,} against {single.weights:,}, "
        f"multiply-adds {stack.macs:,} against {single.macs:,}, ReLUs {stack.relus} against 1, "
        f"activations {stack.kept:,} against {single.kept:,}."
    )
    height = _GRID_TOP + grid * _CELL + 40
    return frame("".join(parts), height=height, alt=alt, kind="cnn-stack")


def _square(side: int) -> str:
    return f"{side}{TIMES}{side}"


def _grid(layers: int, kernel: int, grid: int) -> list[str]:
    """The pixels around the unit, and on them the field after each layer."""
    side = grid * _CELL
    lines = "".join(
        f"M{_GRID_LEFT + i * _CELL} {_GRID_TOP}v{side}M{_GRID_LEFT} {_GRID_TOP + i * _CELL}h{side}"
        for i in range(grid + 1)
    )
    parts = [text(_GRID_LEFT, 28, "what one unit sees of the input", font(15), bold=True)]
    for layer in range(layers, 0, -1):  # the largest field lies at the bottom
        parts.append(_field(2 * layer + 1, grid, tint(INPUT, 0.16 + 0.5 / layer), INPUT, 1.2))
    parts.append(f'<path d="{lines}" stroke="{FAINT}" fill="none"/>')
    parts.append(_field(kernel, grid, "none", HIGHLIGHT, 4))
    parts.append(_field(1, grid, INK, INK, 1))
    bottom = _GRID_TOP + side + 24
    label = f"frame: {_square(kernel)}"
    parts.append(_bar(_GRID_LEFT, bottom - 13, 14, 14, tint(INPUT, 0.5), INPUT))
    parts.append(text(_GRID_LEFT + 22, bottom, f"{layers} {TIMES} (3{TIMES}3)", font(14)))
    parts.append(_bar(_GRID_LEFT + 136, bottom - 13, 14, 14, "none", HIGHLIGHT))
    parts.append(text(_GRID_LEFT + 158, bottom, label, font(14)))
    return parts


def _field(field: int, grid: int, fill: str, stroke: str, width: float) -> str:
    start = (grid - field) / 2 * _CELL
    size = field * _CELL
    return (
        f'<rect x="{number(_GRID_LEFT + start)}" y="{number(_GRID_TOP + start)}" width="{size}" '
        f'height="{size}" fill="{fill}" stroke="{stroke}" stroke-width="{width:g}"/>'
    )


def _cost_bars(stack: Cost, single: Cost, layers: int, kernel: int) -> list[str]:
    rows = (
        ("weights", stack.weights, single.weights),
        ("multiply-adds", stack.macs, single.macs),
        ("ReLUs in a row", stack.relus, single.relus),
        ("activations kept for training", stack.kept, single.kept),
    )
    parts = []
    for place, (name, of_stack, of_single) in enumerate(rows):
        y = 40 + place * (_GROUP + 14)
        longest = max(of_stack, of_single)
        parts.append(text(_BARS, y, name, font(15), bold=True))
        for line, (value, colour, label) in enumerate(
            (
                (of_stack, INPUT, f"{layers} {TIMES} (3{TIMES}3)"),
                (of_single, HIGHLIGHT, _square(kernel)),
            )
        ):
            top = y + 8 + line * 25
            width = max(value / longest * _LONGEST, 2)
            parts.append(text(_BARS + 82, top + 16, label, font(13), anchor="end", fill=MUTED))
            parts.append(_bar(_BARS + 92, top, width, 20, tint(colour, 0.55), colour))
            parts.append(text(_BARS + 100 + width, top + 16, f"{value:,}", font(14)))
    return parts


# ---------------------------------------------------------------------------------------------
# Depth against error or accuracy


def draw_by_depth(
    series: Mapping[str, Mapping[str, float]], *, ylabel: str, ax: Axes | None = None
) -> Axes:
    """Draw one number per network, in the order of depth, a line for each way of training.

    Args:
        series: way of training -> {network: number}. The networks of the first line, then what
            the others add, in that order, share the horizontal axis.
        ylabel: what the numbers are.
        ax: the axes to draw on; new ones if not given.

    Raises:
        ValueError: for no line, an empty one, or a number that is not finite.
    """
    from matplotlib import pyplot as plt

    if not series or not all(series.values()):
        raise ValueError("series must hold at least one line, each with at least one network")
    for name, values in series.items():
        if not all(isfinite(value) for value in values.values()):
            raise ValueError(f"numbers must be finite, got {dict(values)} for {name}")
    networks = list(dict.fromkeys(network for values in series.values() for network in values))
    if ax is None:
        _, ax = plt.subplots(figsize=(8.6, 3.9))
    for place, (name, values) in enumerate(series.items()):
        marker = ("o-", "s--", "D-.", "^:")[place % 4]
        xs = [networks.index(network) for network in values]
        colour = CYCLE[place % len(CYCLE)]
        ax.plot(xs, list(values.values()), marker, color=colour, label=name)
    ax.set_xticks(range(len(networks)), networks)
    ax.set(ylabel=ylabel, xlim=(-0.3, len(networks) - 0.7))
    ax.grid(axis="y")
    ax.legend()
    return ax
