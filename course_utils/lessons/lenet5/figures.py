"""LeNet-5 drawn: the network to scale, the table of C3, the codes of the output, one reading.

After Fig. 2, Table I and Fig. 3 of LeCun, Bottou, Bengio and Haffner (1998), *Gradient-Based
Learning Applied to Document Recognition*, Proceedings of the IEEE 86(11).

Pictures of numbers stand in the SVG as small PNG images: a few hundred bytes for what would take
thousands of rectangles, so that a reading is redrawn while a digit is being drawn.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from course_utils.drawing.style import (
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

# ---------------------------------------------------------------------------------------------
# The network to scale

_PIXEL = 3.4  # length of one unit of a map
_UNIT = 1.5  # length of one unit of a layer without maps
_SHIFT = 7.0  # from one map of a stack to the next
_BAR = 16  # width of a layer without maps
_COLUMN = 84  # room for the words below a layer
_MIDDLE = 168
_CAPTION = 292


def network_to_scale(blocks: Sequence, *, counts: bool = True) -> Diagram:
    """Draw the layers as stacks of maps, every map to the same scale, as in the paper's Fig. 2.

    Args:
        blocks: objects with `name`, `output_shape` ((maps, height, width) or (units,)) and
            `parameters`, in the order of the forward pass; those of `Ledger.blocks()`.
        counts: whether to write how many parameters each layer trains.

    Layers of 1 x 1 maps are bars whose length is their number of units, on a scale of its own.

    Raises:
        ValueError: if there is no block, or an output is neither of the two shapes.
    """
    if not blocks:
        raise ValueError("blocks must hold at least one layer, got none")
    layers = [("input", (1, 32, 32), "trained:")]
    layers += [(b.name, tuple(b.output_shape), f"{b.parameters:,}") for b in blocks]
    for name, shape, _ in layers:
        if len(shape) not in (1, 3):
            raise ValueError(f"output_shape must be (C, H, W) or (units,), {name} has {shape}")
    widths = [max(_stack_width(shape), _COLUMN) for _, shape, _ in layers]
    gap = max((980 - sum(widths)) / max(len(layers) - 1, 1), 0)
    body, x = [], 10.0
    for (name, shape, trained), width in zip(layers, widths, strict=True):
        left = x + (width - _stack_width(shape)) / 2
        body += _stack(left, shape, OUTPUT if body else INPUT)
        body += _caption(x + width / 2, [name.upper(), _size(shape), trained][: 2 + counts])
        x += width + gap
    alt = _describe_network(layers, counts)
    if counts:
        alt += f" {sum(block.parameters for block in blocks):,} in all."
    height = _CAPTION + (80 if counts else 56)
    return frame("".join(body), height=height, alt=alt, kind="cnn-lenet5")


def _is_bar(shape: tuple[int, ...]) -> bool:
    return len(shape) == 1 or shape[1:] == (1, 1)


def _stack_width(shape: tuple[int, ...]) -> float:
    return _BAR if _is_bar(shape) else shape[2] * _PIXEL + (shape[0] - 1) * _shift(shape)


def _shift(shape: tuple[int, ...]) -> float:
    return _SHIFT if shape[0] <= 8 else _SHIFT / 2


def _stack(x: float, shape: tuple[int, ...], colour: str) -> list[str]:
    """The maps of one layer, the last one in front; or the bar of its units."""
    if _is_bar(shape):
        length = shape[0] * _UNIT
        return [_rectangle(x, _MIDDLE - length / 2, _BAR, length, tint(colour, 0.25), colour)]
    width, height = shape[2] * _PIXEL, shape[1] * _PIXEL
    step = _shift(shape)
    top = _MIDDLE - (height + (shape[0] - 1) * step) / 2
    return [
        _rectangle(x + i * step, top + i * step, width, height, tint(colour, 0.25), colour)
        for i in range(shape[0])
    ]


def _rectangle(x, y, width, height, fill, stroke, line=1.2) -> str:
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" '
        f'fill="{fill}" stroke="{stroke}" stroke-width="{line}"/>'
    )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}" if len(shape) == 1 else f"{shape[0]} @ {shape[1]}{TIMES}{shape[2]}"


def _caption(x: float, lines: Sequence[str]) -> list[str]:
    """The words below a layer: its name, its size, and what it trains."""
    looks = (dict(size=font(17), bold=True), dict(size=font(15)), dict(size=font(15), fill=MUTED))
    return [
        text(x, _CAPTION + 24 * i, escape(line), anchor="middle", **look)
        for i, (line, look) in enumerate(zip(lines, looks, strict=False))
    ]


def _describe_network(layers, counts: bool) -> str:
    parts = [f"{name.upper()} {_size(shape).replace(TIMES, ' by ')}" for name, shape, _ in layers]
    if counts:
        trained = [f", {count} trainable parameters" for _, _, count in layers[1:]]
        parts = map("".join, zip(parts, ["", *trained], strict=True))
    return f"The network with its maps to scale: {'; '.join(parts)}."


# ---------------------------------------------------------------------------------------------
# Table I


def connection_table(table: Sequence[Sequence[int]], inputs: int = 6) -> Diagram:
    """Draw which input maps each output map looks at: a row per input, a column per output.

    Args:
        table: for every output map the numbers of the input maps that it reads, from 0.
        inputs: how many input maps there are.

    Raises:
        ValueError: if there is no output map, or an entry is no input map.
    """
    if not table or any(not 0 <= i < inputs for row in table for i in row):
        raise ValueError(f"table must hold maps from 0 to {inputs - 1}, got {list(table)!r}")
    cell = min(44.0, 800 / len(table))
    left, top = 130, 70
    body = [
        text(left, 26, "map of C3", font(16), bold=True, fill=OUTPUT),
        text(12, top + inputs * cell / 2, "map of S2", font(16), bold=True, fill=INPUT),
    ]
    for o, row in enumerate(table):
        x = left + o * cell
        body.append(text(x + cell / 2, top - 12, f"{o}", font(15), anchor="middle"))
        for i in range(inputs):
            fill = tint(WEIGHT, 0.75) if i in row else PAPER
            body.append(_rectangle(x, top + i * cell, cell, cell, fill, FAINT))
            if i in row:
                middle = (x + cell / 2, top + (i + 0.5) * cell)
                body.append(
                    f'<circle cx="{number(middle[0])}" cy="{number(middle[1])}" r="6" '
                    f'fill="{INK}"/>'
                )
        foot = top + inputs * cell + 24
        body.append(text(x + cell / 2, foot, f"{len(row)}", font(15), anchor="middle", bold=True))
    for i in range(inputs):
        y = top + (i + 0.5) * cell + 5
        body.append(text(left - 12, y, f"{i}", font(15), anchor="end"))
        reads = sum(i in row for row in table)
        x = left + len(table) * cell + 14
        body.append(text(x, y, f"{reads}", font(15), bold=True))
    body.append(text(left - 12, top + inputs * cell + 24, "reads", font(15), anchor="end"))
    pairs = sum(map(len, table))
    each = "; ".join(f"{o} reads {', '.join(map(str, row))}" for o, row in enumerate(table))
    alt = f"{pairs} of {inputs * len(table)} pairs of maps are connected. Output map {each}."
    return frame("".join(body), height=top + inputs * cell + 40, alt=alt, kind="cnn-c3-table")


# ---------------------------------------------------------------------------------------------
# The codes of the output


def bitmaps(codes: np.ndarray, width: int = 7) -> Diagram:
    """Draw codes of +1 and -1 as small pictures side by side, ink for +1.

    Args:
        codes: (classes, pixels), pixels a multiple of `width`.

    Raises:
        ValueError: if the codes are not two-dimensional or do not fill whole rows of `width`.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] % width:
        raise ValueError(
            f"codes must have shape (classes, a multiple of {width}), got {codes.shape}"
        )
    height = codes.shape[1] // width
    cell = min(11.0, 900 / len(codes) / width)
    step = 980 / len(codes)
    body = []
    for i, code in enumerate(codes):
        x = 10 + i * step + (step - width * cell) / 2
        body.append(picture(code.reshape(height, width) > 0, x, 12, cell))
        label = text(x + width * cell / 2, 34 + height * cell, f"{i}", font(16), anchor="middle")
        body.append(label)
    ink = ", ".join(f"{int((code > 0).sum())}" for code in codes)
    alt = (
        f"{len(codes)} bitmaps, {width} pixels wide and {height} high, one for each digit from 0; "
        f"pixels of ink: {ink}."
    )
    return frame("".join(body), height=48 + height * cell, alt=alt, kind="cnn-codes")


def picture(values: np.ndarray, x: float, y: float, cell: float) -> str:
    """Return an `<image>` of an array (H, W), 0 white to 1 black, `cell` units a pixel."""
    height, width = np.shape(values)
    data = base64.b64encode(png(values)).decode("ascii")
    return (
        f'<image x="{number(x)}" y="{number(y)}" width="{number(width * cell)}" '
        f'height="{number(height * cell)}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


def png(values: np.ndarray) -> bytes:
    """Return the PNG file of an array (H, W), 0 white to 1 black, 8 bits of grey; clips the rest.

    Raises:
        ValueError: if the array is not two-dimensional, is empty or holds what is no number.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"values must be finite and (H, W), got an array of {values.shape}")
    grey = np.round(255 * (1 - values.clip(0, 1))).astype(np.uint8)
    height, width = grey.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), grey], axis=1)  # filter 0 in each row

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 6)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


# ---------------------------------------------------------------------------------------------
# One reading, layer by layer


class Column(NamedTuple):
    """One layer of a reading.

    name: shown above. maps: (count, H, W), 0 white to 1 black. across: maps side by side.
    cell: size of a pixel.
    """

    name: str
    maps: np.ndarray
    across: int
    cell: float


_READING_HEIGHT = 290
_READING_MIDDLE = 152


def reading(
    columns: Sequence[Column], bars: Sequence[float], best: int, title: str, note: str
) -> Diagram:
    """Draw what a network makes of one image, from left to right, and its ten outputs.

    Args:
        columns: the image and the layers.
        bars: length of the bar of each class, 0 to 1.
        best: the class that the network chooses.
        title: above the bars.
        note: below the layers.

    Lengths and grey levels stand in images, so that the text of the diagram depends on the choice
    alone: two computers that differ in the last digits make the same text.

    Raises:
        ValueError: if `best` is no class.
    """
    if not 0 <= best < len(bars):
        raise ValueError(f"best must be a class from 0 to {len(bars) - 1}, got {best!r}")
    sheets = [montage(column.maps, column.across) for column in columns]
    widths = [sheet.shape[1] * column.cell for sheet, column in zip(sheets, columns, strict=True)]
    outputs = 150
    gap = (984 - outputs - sum(widths)) / len(columns)
    body, x = [], 8.0
    for column, sheet, width in zip(columns, sheets, widths, strict=True):
        y = _READING_MIDDLE - sheet.shape[0] * column.cell / 2
        label = text(x + width / 2, 24, escape(column.name), font(15), anchor="middle", bold=True)
        height = sheet.shape[0] * column.cell
        body += [label, picture(sheet, x, y, column.cell)]
        body.append(_rectangle(x, y, width, height, "none", FAINT, 1))
        x += width + gap
    body.append(_bars(x, bars, best, title))
    body.append(text(8, _READING_HEIGHT - 10, escape(note), font(15), fill=MUTED))
    count = ", ".join(column.name for column in columns)
    alt = f"{count} and the outputs of the ten digits for one image. The network reads {best}."
    return frame("".join(body), height=_READING_HEIGHT, alt=alt, kind="cnn-reading")


def _bars(x: float, bars: Sequence[float], best: int, title: str) -> str:
    body = [text(x, 24, escape(title), font(15), bold=True)]
    for i, value in enumerate(bars):
        y = 40 + i * 24.4
        chosen = i == best
        colour = HIGHLIGHT if chosen else INK
        body.append(text(x, y + 15, f"{i}", font(16), bold=chosen, fill=colour))
        body.append(picture(np.linspace(0, 1, 100)[None] < value, x + 18, y + 1, 1.0))
        body[-1] = body[-1].replace('height="1"', 'height="17"')
        if chosen:
            body.append(_rectangle(x + 16, y - 1, 104, 21, "none", HIGHLIGHT, 2))
    return "".join(body)


def montage(maps: np.ndarray, across: int) -> np.ndarray:
    """Lay maps (count, H, W) side by side, `across` in a row, a white pixel between them."""
    count, height, width = maps.shape
    rows = -(-count // across)
    gap = 0 if height == width == 1 else 1
    sheet = np.zeros((rows * (height + gap) - gap, min(across, count) * (width + gap) - gap))
    for i, one in enumerate(maps):
        top, left = (i // across) * (height + gap), (i % across) * (width + gap)
        sheet[top : top + height, left : left + width] = one
    return sheet


# ---------------------------------------------------------------------------------------------
# What it gets wrong


def draw_confusion(counts: np.ndarray, *, ax=None):
    """Draw a confusion matrix: a row per digit as it is, a column per digit as it was read.

    Args:
        counts: (classes, classes), whole numbers >= 0.
        ax: the axes to draw on; new ones if not given.

    Returns:
        The axes. Right answers lie on the diagonal; every number that is not zero is written.

    Raises:
        ValueError: if `counts` is not square.
    """
    from matplotlib import pyplot as plt

    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"counts must have shape (classes, classes), got {counts.shape}")
    if ax is None:
        _, ax = plt.subplots(figsize=(5.6, 5.0))
    classes = range(len(counts))
    for row in classes:
        for column in classes:
            count = counts[row, column]
            if not count:
                continue
            colour = tint(OUTPUT, 0.35) if row == column else tint(HIGHLIGHT, 0.45)
            ax.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour))
            ax.text(column, row, f"{count}", ha="center", va="center")
    ax.set(xticks=classes, yticks=classes, xlim=(-0.5, len(counts) - 0.5))
    ax.set(ylim=(len(counts) - 0.5, -0.5), aspect="equal")
    ax.set(xlabel="read as", ylabel="the digit is")
    ax.tick_params(length=0)
    return ax


def draw_gallery(images: Sequence, titles: Sequence[str], *, across: int = 8):
    """Draw images (H, W), dark on light, each with its title; returns the figure.

    Raises:
        ValueError: if there is no image, or not a title for each.
    """
    from matplotlib import pyplot as plt

    if not len(images) or len(images) != len(titles):
        raise ValueError(
            f"images must be at least one, with a title each, got {len(images)} images and "
            f"{len(titles)} titles"
        )
    rows = -(-len(images) // across)
    figure, axes = plt.subplots(rows, across, figsize=(1.2 * across, 1.55 * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        ax.imshow(np.asarray(image), cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(title, loc="center", fontweight="normal")
    return figure
