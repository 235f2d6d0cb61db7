"""The pictures of lesson 08: two towers, the first convolution at the edge, functions, filters.

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

TOWERS = {"GPU 1": 112, "GPU 2": 280}  # height of the middle of each
_middle = partial(text, anchor="middle")


def two_towers(variant: str = "paper") -> Diagram:
    """Draw AlexNet as fig. 2 does: each layer's maps as a block, halved where there are two GPUs.

    A block is as long as it has maps and as high as the root of their side; on its end lies the
    window of the next layer, to scale with the maps that it slides over, and what it reads leads to
    the next block. All of it is read off the model, see `AlexNet` for its variants.
    """
    import torch

    from course_utils.ledger import ledger
    from course_utils.models.alexnet import AlexNet

    with torch.device("meta"):
        model = AlexNet(variant)
    rows = ledger(model, (3, 227, 227)).rows
    weighted = [k for k, row in enumerate(rows) if row.parameters]
    parts, said, before = _plane(14, 196, 128), [], [(32.0, 196.0, 128.0, 36.0)]
    side, largest = model.input_size, rows[0].output_shape[1]
    parts += [_middle(38, 368, "image", 16, bold=True), _middle(38, 410, _square(side), 15)]
    for place, k in enumerate(weighted):
        row, layer, x = rows[k], model.get_submodule(rows[k].name), 124 + 112 * place
        behind = rows[k + 1 : [*weighted, len(rows)][place + 1]]
        also = [NAMES[r.kind] for r in behind if r.kind in NAMES]
        kernel, groups = getattr(layer, "kernel_size", (0,))[0], getattr(layer, "groups", 1)
        both = place > 0 and groups == 1
        parts += _reading(before, x, kernel / side, both)
        count, *sides = row.output_shape
        drawn = [_block(x, y, count // 2, sides, largest) for y in TOWERS.values()]
        parts += [part for block, _ in drawn for part in block]
        before = [end for _, end in drawn]
        window = "dense"
        if sides:
            stride = f" / {layer.stride[0]}" if layer.stride[0] > 1 else ""
            window, side = _square(kernel) + stride, behind[-1].output_shape[-1]
        size = _square(sides[0]) if sides else f"{count:,}"
        middle = x + 24
        parts.append(_middle(middle, 368, escape(row.name), 16, bold=True))
        for below, words in enumerate((window, size, ", ".join(also))):
            parts.append(_middle(middle, 389 + 21 * below, words, 15, fill=MUTED))
        reads = "both towers" if both else "its own tower" if place else "the image"
        what = f"{count} maps of {sides[0]} by {sides[0]}" if sides else f"{count:,} units"
        also = f", then {' and '.join(also)}" if also else ""
        said.append(f"{row.name} {window.replace(TIMES, ' by ')}, {what}, reads {reads}{also}")
    for label, y in zip(TOWERS, (62, 318), strict=True):
        parts.append(text(6, y, label, 15, bold=True, fill=MUTED))
    alt = f"Two towers, one on each GPU: {'; '.join(said)}."
    return svg.frame("".join(parts), height=440, alt=alt, kind="cnn-alexnet")


NAMES = {"LocalResponseNorm": "LRN", "MaxPool2d": "pool", "Dropout": "dropout"}


def _square(side: int) -> str:
    return f"{side}{TIMES}{side}"


def _plane(x: float, y: float, height: float, colour: str = INPUT, share: float = 0.25):
    """A map seen from the side, its left edge at x, its middle at y."""
    width, rise = 0.28 * height, 0.14 * height
    top = y - height / 2 + rise / 2
    data = f"M{number(x)} {number(top)}l{number(width)} {number(-rise)}v{number(height)}"
    data += f"l{number(-width)} {number(rise)}z"
    return [path(data, fill=tint(colour, share), stroke=colour, stroke_width=1.6)]


def _block(x: float, y: float, count: int, sides: Sequence[int], largest: int):
    """A tower's half of a layer, and its end: (parts, (x, y, height, width) of the last map)."""
    if not sides:
        parts = [box(x + 10, y - 62, 28, 124, ACCENT, 0.3)]
        parts.append(_middle(x + 24, y - 70, f"{count:,}", 15))
        return parts, (x + 38, y, 124.0, 0.0)
    height = 116 * (sides[0] / largest) ** 0.5
    length, width, rise = 30 + count / 12, 0.28 * height, 0.14 * height
    top = y - height / 2 + rise / 2
    lid = f"M{number(x)} {number(top)}l{number(width)} {number(-rise)}h{number(length)}"
    lid += f"l{number(-width)} {number(rise)}z"
    parts = [box(x, top, length, height, OUTPUT, 0.22, rx=0)]
    parts.append(path(lid, fill=tint(OUTPUT, 0.1), stroke=OUTPUT, stroke_width=1.6))
    parts += _plane(x + length, y, height, OUTPUT, 0.35)
    parts.append(_middle(x + length / 2, y + 5 + rise / 2, f"{count}", 15, bold=True))
    return parts, (x + length + width / 2, y, height, width)


def _reading(ends, x: float, window: float, both: bool) -> Iterator[str]:
    """The window on the end of each block, and lines from it to what it makes in the next."""
    for (end, y, height, width), target in product(ends, TOWERS.values()):
        own = len(ends) == 1 or y == target
        if not (own or both):
            continue
        colour, thick = (MUTED, 1.6) if own else (HIGHLIGHT, 2.4)
        share = max(window, 0.16) if window else 0.75  # a dense layer reads all of it
        goal = x + 10 * (not window)
        for edge in (-share * height / 2, share * height / 2):
            yield line(end, y + edge, goal, target, stroke=colour, stroke_width=thick)
        if window and own:
            yield from _plane(end - width * share / 2, y, share * height, style.WEIGHT, 0.7)
        yield circle(goal, target, 3.4, fill=colour)


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


def draw_filters(filters, columns: int = 12) -> Axes:
    """Draw colour filters (M, 3, k, k), row by row; return the first of the axes.

    Zero is mid-grey; each filter is scaled by its own largest weight, so what is compared is the
    pattern and not the strength.
    """
    import numpy as np
    from matplotlib import pyplot

    weights = np.asarray(filters, dtype=float)
    rows = -(-len(weights) // columns)
    size = (0.68 * columns, 0.68 * rows)
    _, grid = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    for ax in grid.flat:
        ax.axis("off")
    for ax, one in zip(grid.flat, weights, strict=False):
        scaled = 0.5 + 0.5 * one / (np.abs(one).max() or 1)
        ax.imshow(scaled.transpose(1, 2, 0), interpolation="nearest")
    return grid[0, 0]


def draw_squares(photograph, side: int = 7) -> Axes:
    """Draw a photograph (3, H, W), and eight squares of it enlarged, where they are framed."""
    from matplotlib import pyplot

    pixels = photograph.permute(1, 2, 0).numpy()
    tops, lefts = (22, 76, 94, 76, 42, 171, 138, 212), (116, 38, 108, 91, 163, 121, 65, 182)
    _, row = pyplot.subplots(1, 9, figsize=(9.5, 1.3), width_ratios=[1.4] + [1] * 8)
    row[0].imshow(pixels)
    for ax, top, left in zip(row[1:], tops, lefts, strict=True):
        frame = pyplot.Rectangle((left, top), side, side, fill=False, color=HIGHLIGHT)
        row[0].add_patch(frame)
        ax.imshow(pixels[top : top + side, left : left + side], interpolation="nearest")
    for ax in row:
        ax.axis("off")
    return row[0]


def draw_row(images, size: float = 1.15) -> Axes:
    """Draw pictures (N, 1, H, W) in a row; return the first of the axes."""
    from matplotlib import pyplot

    from course_utils.drawing.plots import draw_image

    _, row = pyplot.subplots(1, len(images), figsize=(size * len(images), size), squeeze=False)
    for ax, image in zip(row[0], images.numpy(), strict=True):
        draw_image(image[0], ax=ax)
    return row[0, 0]
