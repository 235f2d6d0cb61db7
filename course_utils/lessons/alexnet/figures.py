"""The pictures of lesson 08: two towers, the first convolution at the edge, filters.

After fig. 2, fig. 3 and section 3.5 of Krizhevsky, Sutskever and Hinton (2012), *ImageNet
Classification with Deep Convolutional Neural Networks*, NIPS 25.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from course_utils.drawing.style import (
    ACCENT,
    BAD,
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
from course_utils.drawing.svg import (
    ELLIPSIS,
    TIMES,
    Diagram,
    box,
    circle,
    frame,
    line,
    number,
    path,
    rect,
    text,
)

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

# ---------------------------------------------------------------------------------------------
# The network of fig. 2

_TOWERS = (104, 250)  # height of the middle of each tower
_LEFT, _RIGHT = 76, 976
_TALLEST, _SHORTEST = 124, 22


def two_towers(layers: Sequence[tuple[str, tuple[int, ...], int]]) -> Diagram:
    """Draw a network on two GPUs, as fig. 2 does: each layer's maps in halves, and who reads whom.

    The height of a box grows with the root of its map's side.

    Args:
        layers: (name, output shape (C, H, W) or (units,), groups) of each layer with weights, in
            order. With groups 2 each half reads its own tower; with 1 it reads both. The first
            layer reads the image.
    """
    pitch = (_RIGHT - _LEFT - 60) / len(layers)
    largest = max(shape[1] for _, shape, _ in layers if len(shape) == 3)
    top, bottom = _TOWERS[0] - 40, _TOWERS[1] + 40
    parts = [box(_LEFT, top, 22, bottom - top, INPUT, stroke_width=2)]
    parts.append(text(_LEFT + 11, 346, "image", 15, anchor="middle", bold=True))
    start = _LEFT + 26
    for k, (name, shape, groups) in enumerate(layers):
        x = _LEFT + 60 + (k + 0.5) * pitch
        side = shape[1] if len(shape) == 3 else 1
        height = _SHORTEST + (_TALLEST - _SHORTEST) * (side / largest) ** 0.5
        parts += _reading(start, x - 25, both=k > 0 and groups == 1)
        parts += _halves(x, height, shape)
        size = f"{side}{TIMES}{side}" if len(shape) == 3 else "units"
        parts.append(text(x, 346, escape(name), 15, anchor="middle", bold=True))
        parts.append(text(x, 370, size, 14, anchor="middle", fill=MUTED))
        start = x + 21
    for middle, label in zip(_TOWERS, ("GPU 1", "GPU 2"), strict=True):
        parts.append(text(12, middle + 5, label, 15, bold=True, fill=MUTED))
    return frame("".join(parts), height=392, alt=_describe_towers(layers), kind="cnn-alexnet")


def _reading(start: float, end: float, *, both: bool) -> list[str]:
    """Lines into a layer: along each tower, and across where it reads both."""
    parts = []
    for target in _TOWERS:
        for source in _TOWERS:
            across = source != target
            if across and not both:
                continue
            colour = HIGHLIGHT if across else MUTED
            width = 2.6 if across else 2.0
            parts.append(line(start, source, end, target, stroke=colour, stroke_width=width))
            parts.append(circle(end, target, 3.4, fill=colour))
    return parts


def _halves(x: float, height: float, shape: tuple[int, ...]) -> list[str]:
    colour, left, width, sheets = ACCENT, x - 26, 46, (0,)
    if len(shape) == 3:
        colour, left, width, sheets = OUTPUT, x - 21, 36, (6, 3, 0)
    half = f"{shape[0] // 2:,}"
    parts = []
    for middle in _TOWERS:
        for back in sheets:
            y = middle - height / 2 - back
            parts.append(box(left + back, y, width, height, colour, 0.22, rx=2))
        size = 13 if len(half) < 5 else 12
        parts.append(text(x - 3, middle + 5, half, size, anchor="middle"))
    return parts


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
_TOP = 146  # their upper edge


def edge_and_trail(
    size: int,
    kernel: int,
    stride: int,
    padding: int,
    trail: Sequence[tuple[str, int]],
    fc6: tuple[int, int],
) -> Diagram:
    """Draw the last windows of a first convolution, and the sides of the maps that follow.

    Args:
        size: side of the image. kernel, stride, padding: of the convolution.
        trail: (name, side of its maps) of the stages. The first is the convolution: its side is
            how many windows lie in a row, and the last one may read past the padded image.
        fc6: numbers that reach the first dense layer, and its parameters.
    """
    windows = trail[0][1]
    last = (windows - 1) * stride - padding + kernel - 1  # the last pixel that a window reads
    past = last - (size + padding - 1)
    edge, colour = _edge_words(past, padding)
    end = max(last, size + padding - 1)
    first = max(end - _PIXELS + 1, -padding)
    pitch = min((_STRIP[1] - _STRIP[0]) / (end - first + 1), 29)
    xs = {pixel: _STRIP[0] + (pixel - first) * pitch for pixel in range(first, end + 1)}
    under, border = _TOP + pitch + 23, xs[size - 1] + pitch - 1.5
    parts = [text(14, 26, "Right edge of a row of pixels, and the last windows on it", 15)]
    if first > -padding:
        parts.append(text(_STRIP[0] - 16, _TOP + 17, ELLIPSIS, 18, anchor="end", fill=MUTED))
    parts += _pixels(xs, pitch - 3, size, padding, last)
    for back in range(min(3, windows)):
        left, right = xs[last - kernel + 1 - back * stride], xs[last - back * stride] + pitch - 3
        parts += _window(left, right, back, windows - back, over=past > back * stride)
    parts.append(line(border, _TOP - 6, border, _TOP + pitch + 3, stroke=INK, stroke_width=3))
    parts.append(text(border, under, f"pixel {size}", 14, anchor="middle", fill=MUTED))
    parts.append(text(14, under, edge, 15, bold=True, fill=colour))
    parts += _trail([("image", size), *trail], fc6)
    sides = ", ".join(f"{name} {side}" for name, side in trail)
    alt = (
        f"{size} pixels, kernel {kernel}, stride {stride}, padding {padding}, {windows} windows: "
        f"{edge}. Sides of the maps: {sides}. The first dense layer has {fc6[0]:,} inputs and "
        f"{fc6[1]:,} parameters."
    )
    return frame("".join(parts), height=360, alt=alt, kind="cnn-trail")


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


def _pixels(xs: Mapping[int, float], side: float, size: int, padding: int, last: int) -> list[str]:
    """The pixels of the image, the zeros of the padding, and places that nobody filled."""
    parts = []
    for pixel, x in xs.items():
        inside, padded = 0 <= pixel < size, -padding <= pixel < size + padding
        fill = tint(INPUT, 0.45) if inside else PAPER
        if pixel > last and padded:  # never read
            fill = tint(ACCENT, 0.7)
        stroke = INPUT if inside else MUTED if padded else BAD
        dashes = None if inside else "3 3"
        look = dict(rx=2, fill=fill, stroke=stroke, stroke_width=1.6, stroke_dasharray=dashes)
        parts.append(rect(x, _TOP, side, side, **look))
        if not inside:
            middle, sign = (x + side / 2, _TOP + side / 2 + 5), "0" if padded else "?"
            parts.append(text(*middle, sign, 14, anchor="middle", fill=MUTED))
    return parts


def _window(left: float, right: float, back: int, place: int, *, over: bool) -> list[str]:
    """A bracket over the pixels of one of the last windows, `back` before the very last."""
    y = 116 - 26 * back
    data = f"M{number(left)} {y + 10}V{y}H{number(right)}V{y + 10}"
    colour, width = BAD if over else OUTPUT, 2 if back else 3
    return [
        path(data, stroke=colour, stroke_width=width),
        text(left - 8, y + 8, f"{place}", 14, anchor="end", bold=True),
    ]


def _trail(stages: Sequence[tuple[str, int]], fc6: tuple[int, int]) -> list[str]:
    """A square for the maps of each stage, its area as their side, and what fc6 gets."""
    pitch, middle, size = 760 / len(stages), 270, stages[0][1]
    widths = [max(92 * (side / size) ** 0.5, 8) for _, side in stages]
    parts = []
    for k, ((name, side), width) in enumerate(zip(stages, widths, strict=True)):
        x = 24 + (k + 0.5) * pitch
        left, colour = x - width / 2, OUTPUT if k else INPUT
        look = dict(rx=2, stroke_width=1.8)
        parts.append(box(left, middle - width / 2, width, width, colour, 0.25, **look))
        parts.append(text(x, 345, f"{name}: {side}", 15, anchor="middle", bold=True))
        start, end = x + width / 2 + 8, x + pitch - 8
        if k + 1 < len(stages):
            end -= widths[k + 1] / 2
        shaft = f"M{number(start)} {middle}H{number(end)}m-6 -5l6 5l-6 5"
        parts.append(path(shaft, stroke=MUTED, stroke_width=2))
    parts.append(box(790, middle - 46, 196, 92, WEIGHT, 0.16, rx=8, stroke_width=2))
    for k, words in enumerate(("fc6 gets", f"{fc6[0]:,} numbers", f"{fc6[1]:,} parameters")):
        parts.append(text(888, middle - 20 + 26 * k, words, 14, anchor="middle", bold=k == 1))
    return parts


# ---------------------------------------------------------------------------------------------
# First-layer filters


def colour_share(filters) -> np.ndarray:
    """Return how much of each filter is colour: 0 for a grey filter, 1 for one that is only colour.

    filters: (M, 3, k, k). The grey part of a filter is the mean of its three channels; the share
    is what is left, in squares. Random independent weights have 2/3 on average.
    """
    import numpy as np

    filters = np.asarray(filters, dtype=float)
    grey = filters.mean(axis=1, keepdims=True)
    total = (filters**2).sum(axis=(1, 2, 3))
    rest = ((filters - grey) ** 2).sum(axis=(1, 2, 3))
    return np.divide(rest, total, out=np.zeros_like(rest), where=total > 0)


def draw_filters(groups: Mapping[str, object]) -> Axes:
    """Draw colour filters, one row of pictures for each name; return the first of the axes.

    Zero is mid-grey; each filter is scaled by its own largest weight, so what is compared is the
    pattern and not the strength.

    Args:
        groups: name -> filters (M, 3, k, k), equally many for each.
    """
    import numpy as np
    from matplotlib import pyplot as plt

    columns = max(map(len, groups.values()))
    size = (0.95 * columns, 0.95 * len(groups))
    _, grid = plt.subplots(len(groups), columns, figsize=size, squeeze=False)
    for row, (name, filters) in zip(grid, groups.items(), strict=True):
        row[0].set_title(name, loc="left")
        for ax, weights in zip(row, np.asarray(filters, dtype=float), strict=True):
            ax.axis("off")
            scaled = 0.5 + 0.5 * weights / np.abs(weights).max()
            ax.imshow(scaled.transpose(1, 2, 0), interpolation="nearest")
    return grid[0, 0]
