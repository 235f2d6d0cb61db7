"""The pictures of lesson 08: two towers, the first convolution at the edge, filters.

After fig. 2, fig. 3 and section 3.5 of Krizhevsky, Sutskever and Hinton (2012), *ImageNet
Classification with Deep Convolutional Neural Networks*, NIPS 25.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from html import escape
from itertools import product
from typing import TYPE_CHECKING

from course_utils.drawing import style, svg
from course_utils.drawing.style import ACCENT, BAD, GOOD, HIGHLIGHT, INPUT, MUTED, OUTPUT, tint
from course_utils.drawing.svg import TIMES, Diagram, box, circle, line, number, path, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOWERS = {"GPU 1": 104, "GPU 2": 250}  # height of the middle of each
_middle = partial(text, anchor="middle")


def two_towers(layers: Sequence[tuple[str, tuple[int, ...], int]]) -> Diagram:
    """Draw a network on two GPUs, as fig. 2 does: each layer's maps in halves, and who reads whom.

    The height of a box grows with the root of its map's side.

    layers: (name, output shape (C, H, W) or (units,), groups) of each layer with weights, in order.
    With groups 2 each half reads its own tower; with 1 it reads both. The first reads the image.
    """
    parts = [box(76, 64, 22, 226, INPUT, stroke_width=2), _middle(87, 346, "image", 15, bold=True)]
    largest, start, said = layers[0][1][1], 102, []
    for k, (name, (count, *sides), groups) in enumerate(layers):
        x = 136 + (k + 0.5) * 840 / len(layers)
        both = k > 0 and groups == 1
        parts += [*_reading(start, x - 25, both), *_halves(x, count, sides, largest)]
        size, what = "units", f"{count:,} units"
        if sides:
            size, what = TIMES.join(map(str, sides)), f"{count} maps of {sides[0]} by {sides[1]}"
        parts.append(_middle(x, 346, escape(name), 15, bold=True))
        parts.append(_middle(x, 370, size, 14, fill=MUTED))
        reads = "the image" if k == 0 else "both towers" if both else "its own tower"
        said.append(f"{name} {what}, reads {reads}")
        start = x + 21
    parts += [text(12, y + 5, label, 15, bold=True, fill=MUTED) for label, y in TOWERS.items()]
    alt = f"Two towers, one on each GPU: {'; '.join(said)}."
    return svg.frame("".join(parts), height=392, alt=alt, kind="cnn-alexnet")


def _reading(start: float, end: float, both: bool) -> Iterator[str]:
    """Lines into a layer: along each tower, and across where it reads both."""
    for target, source in product(TOWERS.values(), repeat=2):
        if both or source == target:
            colour, width = (MUTED, 2.0) if source == target else (HIGHLIGHT, 2.6)
            yield line(start, source, end, target, stroke=colour, stroke_width=width)
            yield circle(end, target, 3.4, fill=colour)


def _halves(x: float, count: int, sides: Sequence[int], largest: int) -> Iterator[str]:
    colour, left, width, sheets, side = ACCENT, x - 26, 46, (0,), 1
    if sides:
        colour, left, width, sheets, side = OUTPUT, x - 21, 36, (6, 3, 0), sides[0]
    height, half = 22 + 102 * (side / largest) ** 0.5, f"{count // 2:,}"
    for middle in TOWERS.values():
        for back in sheets:
            top = middle - height / 2 - back
            yield box(left + back, top, width, height, colour, 0.22, rx=2)
        yield _middle(x - 3, middle + 5, half, 13 if len(half) < 5 else 12)


# The first convolution at the right edge, and what follows

_LEFT, _TOP = 96, 146  # upper left corner of the row of pixels


def edge_and_trail(size, kernel, stride, padding, trail, fc6) -> Diagram:
    """Draw the last windows of a first convolution, and the sides of the maps that follow.

    trail: (name, side of its maps) of the stages. The first is the convolution: its side is how
    many windows lie in a row, and the last one may read past the padded image. fc6: numbers that
    reach the first dense layer, and its parameters.
    """
    windows = trail[0][1]
    last = (windows - 1) * stride - padding + kernel - 1  # the last pixel that a window reads
    past = last - (size + padding - 1)
    edge, colour = _edge_words(past, padding)
    end = max(last, last - past)
    first = max(end - 29, -padding)  # 30 pixels at most
    pitch = min(872 / (end - first + 1), 29)
    xs = {pixel: _LEFT + (pixel - first) * pitch for pixel in range(first, end + 1)}
    low, border = _TOP + pitch, xs[size - 1] + pitch - 1.5
    parts = [text(14, 26, "Right edge of a row of pixels, and the last windows on it", 15)]
    if first > -padding:
        parts.append(text(_LEFT - 16, _TOP + 17, svg.ELLIPSIS, 18, anchor="end", fill=MUTED))
    parts += _pixels(xs, pitch - 3, size, padding, last)
    for back in range(min(3, windows)):  # a bracket over the pixels of each of the last windows
        left, right = xs[last - kernel + 1 - back * stride], xs[last - back * stride] + pitch - 3
        y, look = 116 - 26 * back, BAD if past > back * stride else OUTPUT
        data = f"M{number(left)} {y + 10}V{y}H{number(right)}V{y + 10}"
        parts.append(path(data, stroke=look, stroke_width=2 if back else 3))
        parts.append(text(left - 8, y + 8, f"{windows - back}", 14, anchor="end", bold=True))
    parts += [
        line(border, _TOP - 6, border, low + 3, stroke=style.INK, stroke_width=3),
        _middle(border, low + 23, f"pixel {size}", 14, fill=MUTED),
        text(14, low + 23, edge, 15, bold=True, fill=colour),
        *_trail([("image", size), *trail], fc6),
    ]
    sides = ", ".join(f"{name} {side}" for name, side in trail)
    alt = (
        f"{size} pixels, kernel {kernel}, stride {stride}, padding {padding}, {windows} windows: "
        f"{edge}. Sides of the maps: {sides}. The first dense layer has {fc6[0]:,} inputs and "
        f"{fc6[1]:,} parameters."
    )
    return svg.frame("".join(parts), height=360, alt=alt, kind="cnn-trail")


def _edge_words(past: int, padding: int) -> tuple[str, str]:
    """Say how the last window ends, `past` pixels behind the padded image: (words, colour)."""
    if past > 0:
        return f"the last window reads {past} past the edge", BAD
    if past == 0:
        return "the last window ends exactly at the edge", GOOD
    if -past <= padding:
        return "all pixels are read; some padding is not", GOOD
    columns = "column of the image is" if -past - padding == 1 else "columns of the image are"
    return f"{-past - padding} {columns} never read", HIGHLIGHT


def _pixels(xs: Mapping[int, float], side: float, size: int, padding: int, last: int):
    """Yield the pixels of the image, the zeros of the padding, and places that nobody filled."""
    for pixel, x in xs.items():
        padded = -padding <= pixel < size + padding
        sign, stroke, fill, dashes = ("0", MUTED, 0, "3 3") if padded else ("?", BAD, 0, "3 3")
        if 0 <= pixel < size:
            sign, stroke, fill, dashes = "", INPUT, 0.45, None
        ground = tint(ACCENT, 0.7) if padded and pixel > last else tint(INPUT, fill)  # never read
        look = dict(rx=2, stroke=stroke, stroke_width=1.6, stroke_dasharray=dashes)
        yield svg.rect(x, _TOP, side, side, fill=ground, **look)
        if sign:
            yield _middle(x + side / 2, _TOP + side / 2 + 5, sign, 14, fill=MUTED)


def _trail(stages: Sequence[tuple[str, int]], fc6: tuple[int, int]) -> Iterator[str]:
    """A square for the maps of each stage, its area as their side, and what fc6 gets."""
    pitch, y, size = 760 / len(stages), 270, stages[0][1]
    halves = [max(46 * (side / size) ** 0.5, 4) for _, side in stages]
    for k, ((name, side), half) in enumerate(zip(stages, halves, strict=True)):
        x, colour = 24 + (k + 0.5) * pitch, OUTPUT if k else INPUT
        yield box(x - half, y - half, 2 * half, 2 * half, colour, 0.25, rx=2, stroke_width=1.8)
        yield _middle(x, 345, f"{name}: {side}", 15, bold=True)
        end = x + pitch - 8 - sum(halves[k + 1 : k + 2])
        shaft = f"M{number(x + half + 8)} {y}H{number(end)}m-6 -5l6 5l-6 5"
        yield path(shaft, stroke=MUTED, stroke_width=2)
    yield box(790, y - 46, 196, 92, style.WEIGHT, 0.16, rx=8, stroke_width=2)
    for k, words in enumerate(("fc6 gets", f"{fc6[0]:,} numbers", f"{fc6[1]:,} parameters")):
        yield _middle(888, y - 20 + 26 * k, words, 14, bold=k == 1)


def colour_share(filters):
    """Return how much of each filter (M, 3, k, k) is colour: 0 grey, 1 nothing but colour.

    The grey part of a filter is the mean of its three channels; the share is what is left, in
    squares. Random independent weights have 2/3 on average.
    """
    rest = filters - filters.mean(axis=1, keepdims=True)
    return (rest**2).sum(axis=(1, 2, 3)) / (filters**2).sum(axis=(1, 2, 3))


def draw_filters(groups: Mapping[str, object]) -> Axes:
    """Draw colour filters, one row of pictures for each name; return the first of the axes.

    Zero is mid-grey; each filter is scaled by its own largest weight, so what is compared is the
    pattern and not the strength. groups: name -> filters (M, 3, k, k), equally many for each.
    """
    import numpy as np
    from matplotlib import pyplot

    rows, columns = len(groups), max(map(len, groups.values()))
    size = (0.95 * columns, 0.95 * rows)
    _, grid = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    for row, (name, filters) in zip(grid, groups.items(), strict=True):
        row[0].set_title(name, loc="left")
        for ax, weights in zip(row, np.asarray(filters, dtype=float), strict=True):
            ax.axis("off")
            scaled = 0.5 + 0.5 * weights / np.abs(weights).max()
            ax.imshow(scaled.transpose(1, 2, 0), interpolation="nearest")
    return grid[0, 0]
