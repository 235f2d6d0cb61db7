"""The pictures of lesson 08: two towers, the first convolution at the edge, shares, filters, gains.

After fig. 2, fig. 3 and section 3.5 of Krizhevsky, Sutskever and Hinton (2012), *ImageNet
Classification with Deep Convolutional Neural Networks*, NIPS 25.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from course_utils.drawing.style import (
    ACCENT,
    BAD,
    CYCLE,
    GOOD,
    HIGHLIGHT,
    INK,
    INPUT,
    MUTED,
    OUTPUT,
    PAPER,
    WEIGHT,
    tint,
)
from course_utils.drawing.svg import ELLIPSIS, TIMES, Diagram, font, frame, number, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# ---------------------------------------------------------------------------------------------
# The network of fig. 2

_TOWERS = (104, 250)  # height of the middle of each tower
_LEFT, _RIGHT = 76, 976
_TALLEST, _SHORTEST = 124, 22


def two_towers(layers: Sequence[tuple[str, tuple[int, ...], int]]) -> Diagram:
    """Draw a network on two GPUs, as fig. 2 does: each layer's maps in halves, and who reads whom.

    Args:
        layers: (name, output shape (C, H, W) or (units,), groups) of each layer with weights, in
            order. With groups 2 each half reads its own tower; with 1 it reads both. The first
            layer reads the image.

    The height of a box grows with the root of its map's side.

    Raises:
        ValueError: for no layer, another shape, groups other than 1 and 2, or an odd number of
            maps or units.
    """
    if not layers:
        raise ValueError("layers must hold at least one layer, got none")
    for name, shape, groups in layers:
        if len(shape) not in (1, 3) or min(shape) < 1 or groups not in (1, 2) or shape[0] % 2:
            raise ValueError(
                "layers must be (name, (C, H, W) or (units,), 1 or 2 groups) with an even number "
                f"of maps or units, got {(name, shape, groups)}"
            )
    pitch = (_RIGHT - _LEFT - 60) / len(layers)
    largest = max((shape[1] for _, shape, _ in layers if len(shape) == 3), default=0)
    places = [_LEFT + 60 + (k + 0.5) * pitch for k in range(len(layers))]
    heights = [_box_height(shape, largest) for _, shape, _ in layers]
    parts = [_image()]
    for k, (name, shape, groups) in enumerate(layers):
        parts.append(_arrows(places, heights, k, groups))
        parts.append(_tower_boxes(places[k], heights[k], shape))
        parts.append(_tower_words(places[k], name, shape))
    for middle, label in zip(_TOWERS, ("GPU 1", "GPU 2"), strict=True):
        parts.append(text(12, middle + 5, label, font(15), bold=True, fill=MUTED))
    return frame("".join(parts), height=392, alt=_describe_towers(layers), kind="cnn-alexnet")


def _box_height(shape: tuple[int, ...], largest: int) -> float:
    side = shape[1] if len(shape) == 3 else 1
    return _SHORTEST + (_TALLEST - _SHORTEST) * (side / max(largest, 1)) ** 0.5


def _image() -> str:
    top, bottom = _TOWERS[0] - 40, _TOWERS[1] + 40
    return (
        f'<rect x="{_LEFT}" y="{top}" width="22" height="{bottom - top}" rx="3" '
        f'fill="{tint(INPUT, 0.2)}" stroke="{INPUT}" stroke-width="2"/>'
        + text(_LEFT + 11, 346, "image", font(15), anchor="middle", bold=True)
    )


def _arrows(places, heights, k: int, groups: int) -> str:
    """Lines into layer k: along each tower, and across where it reads both."""
    start = places[k - 1] + 21 if k else _LEFT + 26
    end = places[k] - 25
    lines = []
    for target, at in enumerate(_TOWERS):
        for source, from_ in enumerate(_TOWERS):
            across = source != target
            if k == 0 and across:
                continue
            if across and groups == 2:
                continue
            colour = HIGHLIGHT if across else MUTED
            width = 2.6 if across else 2.0
            lines.append(
                f'<path d="M{number(start)} {from_}L{number(end)} {at}" stroke="{colour}" '
                f'stroke-width="{width}"/>'
            )
            lines.append(f'<circle cx="{number(end)}" cy="{at}" r="3.4" fill="{colour}"/>')
    return "".join(lines)


def _tower_boxes(x: float, height: float, shape) -> str:
    colour = OUTPUT if len(shape) == 3 else ACCENT
    left, width = (x - 21, 36) if len(shape) == 3 else (x - 26, 46)
    parts = []
    for middle in _TOWERS:
        for sheet in (6, 3, 0) if len(shape) == 3 else (0,):
            parts.append(
                f'<rect x="{number(left + sheet)}" y="{number(middle - height / 2 - sheet)}" '
                f'width="{width}" height="{number(height)}" rx="2" fill="{tint(colour, 0.22)}" '
                f'stroke="{colour}" stroke-width="1.6"/>'
            )
        half = f"{shape[0] // 2:,}"
        parts.append(
            text(x - 3, middle + 5, half, font(13 if len(half) < 5 else 12), anchor="middle")
        )
    return "".join(parts)


def _tower_words(x: float, name: str, shape) -> str:
    size = f"{shape[1]}{TIMES}{shape[2]}" if len(shape) == 3 else "units"
    return text(x, 346, escape(name), font(15), anchor="middle", bold=True) + text(
        x, 370, size, font(14), anchor="middle", fill=MUTED
    )


def _describe_towers(layers) -> str:
    parts = []
    for place, (name, shape, groups) in enumerate(layers):
        what = f"{shape[0]:,} units"
        if len(shape) == 3:
            what = f"{shape[0]} maps of {shape[1]} by {shape[2]}"
        reads = "its own tower" if groups == 2 else "both towers"
        parts.append(f"{name} {what}, reads {'the image' if place == 0 else reads}")
    return f"Two towers, one on each GPU: {'; '.join(parts)}."


# ---------------------------------------------------------------------------------------------
# The first convolution at the right edge, and what follows

_STRIP = (96, 968)  # where the pixels are drawn
_PIXELS = 30  # how many at most


def edge_and_trail(
    size: int,
    kernel: int,
    stride: int,
    padding: int,
    windows: int,
    trail: Sequence[tuple[str, int]],
    fc6: tuple[int, int],
) -> Diagram:
    """Draw the last windows of a first convolution, and the sides of the maps that follow.

    Args:
        size: side of the image. kernel, stride, padding: of the convolution.
        windows: how many windows it has in a row; the last one may read past the padded image.
        trail: (name, side of its maps) of the stages, the first convolution first.
        fc6: numbers that reach the first dense layer, and its parameters.

    Raises:
        ValueError: for no window or no stage.
    """
    if windows < 1 or not trail:
        raise ValueError(f"windows and stages must be >= 1, got {windows} and {len(trail)}")
    last = (windows - 1) * stride - padding + kernel - 1  # the last pixel that a window reads
    body = _strip(size, kernel, stride, padding, windows, last) + _trail(size, trail, fc6)
    edge, _ = _edge_words(last - (size + padding - 1), padding)
    sides = ", ".join(f"{name} {side}" for name, side in trail)
    alt = (
        f"{size} pixels, kernel {kernel}, stride {stride}, padding {padding}, {windows} windows: "
        f"{edge}. Sides of the maps: {sides}. The first dense layer has {fc6[0]:,} inputs and "
        f"{fc6[1]:,} parameters."
    )
    return frame(body, height=360, alt=alt, kind="cnn-trail")


def _strip(size, kernel, stride, padding, windows, last) -> str:
    end = max(last, size + padding - 1)
    first = max(end - _PIXELS + 1, -padding)
    count = end - first + 1
    pitch = min((_STRIP[1] - _STRIP[0]) / count, 29)
    y, side = 146, pitch - 3

    def x(pixel: int) -> float:
        return _STRIP[0] + (pixel - first) * pitch

    parts = [text(14, 26, "Right edge of a row of pixels, and the last windows on it", font(15))]
    if first > -padding:
        parts.append(text(_STRIP[0] - 16, y + 17, ELLIPSIS, font(18), anchor="end", fill=MUTED))
    for pixel in range(first, end + 1):
        inside, padded = 0 <= pixel < size, -padding <= pixel < size + padding
        colour = tint(INPUT, 0.45) if inside else PAPER
        line = f'stroke="{INPUT if inside else MUTED if padded else BAD}" stroke-width="1.6"'
        dashed = "" if inside else ' stroke-dasharray="3 3"'
        unread = pixel > last and padded
        colour = tint(ACCENT, 0.7) if unread else colour
        parts.append(
            f'<rect x="{number(x(pixel))}" y="{y}" width="{number(side)}" height="{number(side)}" '
            f'rx="2" fill="{colour}" {line}{dashed}/>'
        )
        parts += _zero(x(pixel) + side / 2, y + side / 2 + 5, inside, padded)
    for back in range(min(3, windows)):
        start = (windows - 1 - back) * stride - padding
        if start + kernel <= first:
            break
        left, right = x(max(start, first)), x(start + kernel - 1) + side
        level = 116 - 26 * back
        over = start + kernel > size + padding
        colour = BAD if over else OUTPUT
        parts.append(
            f'<path d="M{number(left)} {level + 10}V{level}H{number(right)}V{level + 10}" '
            f'fill="none" stroke="{colour}" stroke-width="{3 if back == 0 else 2}"/>'
        )
        label = text(left - 8, level + 8, f"{windows - back}", font(14), anchor="end", bold=True)
        parts.append(label)
    edge = x(size - 1) + pitch - 1.5
    parts.append(
        f'<path d="M{number(edge)} {y - 6}v{number(side + 12)}" stroke="{INK}" stroke-width="3"/>'
    )
    parts.append(text(edge, y + side + 26, f"pixel {size}", font(14), anchor="middle", fill=MUTED))
    words, colour = _edge_words(last - (size + padding - 1), padding)
    parts.append(text(14, y + side + 26, words, font(15), bold=True, fill=colour))
    return "".join(parts)


def _zero(x: float, y: float, inside: bool, padded: bool) -> list[str]:
    if inside:
        return []
    return [text(x, y, "0" if padded else "?", font(14), anchor="middle", fill=MUTED)]


def _edge_words(past: int, padding: int) -> tuple[str, str]:
    """Say how the last window ends, `past` pixels behind the padded image: (words, colour)."""
    if past > 0:
        return f"the last window reads {past} past the edge", BAD
    if past == 0:
        return "the last window ends exactly at the edge", GOOD
    if -past <= padding:
        return "all pixels are read; some padding is not", GOOD
    count = -past - padding
    noun = "column of the image is" if count == 1 else "columns of the image are"
    return f"{count} {noun} never read", HIGHLIGHT


def _trail(size: int, trail, fc6) -> str:
    stages = [("image", size), *trail]
    pitch = 760 / len(stages)
    middle, tallest = 270, 92
    parts = []
    for k, (name, side) in enumerate(stages):
        x = 24 + (k + 0.5) * pitch
        box = max(tallest * (side / max(size, 1)) ** 0.5, 8)
        colour = OUTPUT if k else INPUT
        parts.append(
            f'<rect x="{number(x - box / 2)}" y="{number(middle - box / 2)}" '
            f'width="{number(box)}" height="{number(box)}" rx="2" fill="{tint(colour, 0.25)}" '
            f'stroke="{colour}" stroke-width="1.8"/>'
        )
        parts.append(text(x, 345, f"{name}: {side}", font(15), anchor="middle", bold=True))
        start, end = x + box / 2 + 8, x + pitch - 8
        if k + 1 < len(stages):
            end -= max(tallest * (stages[k + 1][1] / max(size, 1)) ** 0.5, 8) / 2
        if end - start > 6:
            parts.append(
                f'<path d="M{number(start)} {middle}H{number(end)}M{number(end - 6)} '
                f'{middle - 5}L{number(end)} {middle}L{number(end - 6)} {middle + 5}" '
                f'fill="none" stroke="{MUTED}" stroke-width="2"/>'
            )
    parts.append(
        f'<rect x="790" y="{middle - 46}" width="196" height="92" rx="8" '
        f'fill="{tint(WEIGHT, 0.16)}" stroke="{WEIGHT}" stroke-width="2"/>'
    )
    lines = ("fc6 gets", f"{fc6[0]:,} numbers", f"{fc6[1]:,} parameters")
    for k, line in enumerate(lines):
        y = middle - 20 + 26 * k
        parts.append(text(888, y, line, font(14), anchor="middle", bold=k == 1))
    return "".join(parts)


# ---------------------------------------------------------------------------------------------
# Where the cost is


def draw_pairs(
    names: Sequence[str],
    values: Mapping[str, Sequence[float]],
    *,
    ylabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw two quantities side by side for each of several names, with the numbers on the bars.

    Numbers are written without decimals; what is below 1 and not 0, as "<1".

    Args:
        names: what stands below each pair of bars.
        values: two entries, label -> one number >= 0 for each name.
        ylabel: what the numbers are.
        ax: the axes to draw on; new ones if not given.

    Raises:
        ValueError: unless there are two lists of numbers >= 0, as long as `names`.
    """
    from matplotlib import pyplot as plt

    if len(values) != 2:
        raise ValueError(f"values must hold two lists, got {len(values)}")
    for label, numbers in values.items():
        if not len(numbers) == len(names) >= 1 or min(numbers) < 0:
            raise ValueError(
                f"values[{label!r}] must hold {len(names)} numbers >= 0, got {list(numbers)}"
            )
    if ax is None:
        _, ax = plt.subplots(figsize=(9.5, 3.6))
    looks = ((WEIGHT, ""), (OUTPUT, "//"))
    for place, ((label, numbers), (colour, hatch)) in enumerate(
        zip(values.items(), looks, strict=True)
    ):
        at = [k + (place - 0.5) * 0.4 for k in range(len(names))]
        fill = tint(colour, 0.75)
        bars = ax.bar(at, numbers, 0.4, label=label, color=fill, edgecolor=INK, hatch=hatch)
        ax.bar_label(bars, ["<1" if 0 < number < 1 else f"{number:.0f}" for number in numbers])
    ax.set(ylabel=ylabel, ylim=(0, 1.15 * max(max(numbers) for numbers in values.values()) or 1))
    ax.set_xticks(range(len(names)), names)
    ax.legend()
    return ax


# ---------------------------------------------------------------------------------------------
# First-layer filters


def colour_share(filters) -> np.ndarray:
    """Return how much of each filter is colour: 0 for a grey filter, 1 for one that is only colour.

    filters: (M, 3, k, k). The grey part of a filter is the mean of its three channels; the share
    is what is left, in squares. Random independent weights have 2/3 on average.

    Raises:
        ValueError: for another shape.
    """
    filters = _checked_filters(filters)
    grey = filters.mean(axis=1, keepdims=True)
    total = (filters**2).sum(axis=(1, 2, 3))
    rest = ((filters - grey) ** 2).sum(axis=(1, 2, 3))
    return np.divide(rest, total, out=np.zeros_like(rest), where=total > 0)


def _checked_filters(filters) -> np.ndarray:
    filters = np.asarray(filters, dtype=float)
    if filters.ndim != 4 or filters.shape[1] != 3 or filters.size == 0:
        raise ValueError(f"filters must have shape (M, 3, k, k), got {filters.shape}")
    return filters


def draw_filters(groups: Mapping[str, object], *, columns: int = 16) -> Axes:
    """Draw colour filters, one row of pictures for each name.

    Zero is mid-grey; each filter is scaled by its own largest weight, so what is compared is the
    pattern and not the strength.

    Args:
        groups: name -> filters (M, 3, k, k), M at most `columns`.
        columns: places in a row.

    Returns:
        The first of the axes.

    Raises:
        ValueError: for no group, another shape, or more filters than columns.
    """
    from matplotlib import pyplot as plt

    if not groups:
        raise ValueError("groups must hold at least one row of filters, got none")
    rows = {name: _checked_filters(filters) for name, filters in groups.items()}
    longest = max(map(len, rows.values()))
    if longest > columns:
        raise ValueError(f"filters of a row must be at most {columns}, got {longest}")
    figure, grid = plt.subplots(
        len(rows), columns, figsize=(0.95 * columns, 0.95 * len(rows)), squeeze=False
    )
    for line, (name, filters) in zip(grid, rows.items(), strict=True):
        for ax in line:
            ax.axis("off")
        for ax, one in zip(line, filters, strict=False):
            largest = np.abs(one).max() or 1.0
            ax.imshow((0.5 + 0.5 * one / largest).transpose(1, 2, 0), interpolation="nearest")
        line[0].set_title(name, loc="left")
    return grid[0, 0]


# ---------------------------------------------------------------------------------------------
# What the paper gained


def draw_gains(gains: Mapping[str, Sequence[float]], *, ax: Axes | None = None) -> Axes:
    """Draw by how many percentage points each idea lowers the top-1 and the top-5 error.

    Args:
        gains: name -> (top-1, top-5), points >= 0.
        ax: the axes to draw on; new ones if not given.

    Raises:
        ValueError: for no idea, or anything but two numbers >= 0.
    """
    from matplotlib import pyplot as plt

    if not gains:
        raise ValueError("gains must hold at least one idea, got none")
    for name, pair in gains.items():
        if len(pair) != 2 or min(pair) < 0:
            raise ValueError(f"gains[{name!r}] must be two numbers >= 0, got {tuple(pair)}")
    if ax is None:
        _, ax = plt.subplots(figsize=(8.5, 2.7))
    names = list(gains)
    for place, (label, hatch) in enumerate((("top-1", ""), ("top-5", "//"))):
        at = [k + (place - 0.5) * 0.36 for k in range(len(names))]
        values = [gains[name][place] for name in names]
        colour = tint(CYCLE[place], 0.7)
        bars = ax.barh(at, values, 0.36, label=label, color=colour, edgecolor=INK, hatch=hatch)
        ax.bar_label(bars, [f"{value:g}" for value in values], padding=3)
    ax.set(yticks=range(len(names)), xlabel="percentage points fewer errors")
    ax.set_yticklabels(names)
    ax.set_xlim(0, ceil(max(max(pair) for pair in gains.values())) + 0.2)
    ax.invert_yaxis()
    ax.legend()
    return ax
