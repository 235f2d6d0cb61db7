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
from typing import NamedTuple

import numpy as np

from course_utils.drawing import style
from course_utils.drawing.style import tint
from course_utils.drawing.svg import TIMES, Diagram, circle, element, frame, rect, text

# ---------------------------------------------------------------------------------------------
# The network to scale

_PIXEL = 3.4  # length of one unit of a map
_UNIT = 1.5  # length of one unit of a layer without maps
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
    """
    layers = [("INPUT", (1, 32, 32), "trained:")]
    layers += [(b.name.upper(), tuple(b.output_shape), f"{b.parameters:,}") for b in blocks]
    widths = [max(_stack_width(shape), _COLUMN) for _, shape, _ in layers]
    gap = max((980 - sum(widths)) / (len(layers) - 1), 0)
    body, x = [], 10.0
    for (name, shape, trained), width in zip(layers, widths, strict=True):
        colour = style.OUTPUT if body else style.INPUT
        body += _stack(x + (width - _stack_width(shape)) / 2, shape, colour)
        middle = x + width / 2
        body.append(text(middle, _CAPTION, name, 17, anchor="middle", bold=True))
        body.append(text(middle, _CAPTION + 24, _size(shape), 15, anchor="middle"))
        if counts:
            y = _CAPTION + 48
            body.append(text(middle, y, trained, 15, anchor="middle", fill=style.MUTED))
        x += width + gap
    said = [
        f"{name} {_size(shape).replace(TIMES, ' by ')}"
        + (f", {trained} trainable parameters" if counts and name != "INPUT" else "")
        for name, shape, trained in layers
    ]
    alt = f"The network with its maps to scale: {'; '.join(said)}."
    if counts:
        alt += f" {sum(block.parameters for block in blocks):,} in all."
    height = _CAPTION + (80 if counts else 56)
    return frame("".join(body), height=height, alt=alt, kind="cnn-lenet5")


def _is_bar(shape: tuple[int, ...]) -> bool:
    return len(shape) == 1 or shape[1:] == (1, 1)


def _shift(maps: int) -> float:
    """From one map of a stack to the next."""
    return 7.0 if maps <= 8 else 3.5


def _stack_width(shape: tuple[int, ...]) -> float:
    return _BAR if _is_bar(shape) else shape[2] * _PIXEL + (shape[0] - 1) * _shift(shape[0])


def _stack(x: float, shape: tuple[int, ...], colour: str) -> list[str]:
    """The maps of one layer, the last one in front; or the bar of its units."""
    look = {"fill": tint(colour, 0.25), "stroke": colour, "stroke_width": 1.2}
    if _is_bar(shape):
        length = shape[0] * _UNIT
        return [rect(x, _MIDDLE - length / 2, _BAR, length, **look)]
    maps, height, width = shape[0], shape[1] * _PIXEL, shape[2] * _PIXEL
    step = _shift(maps)
    top = _MIDDLE - (height + (maps - 1) * step) / 2
    return [rect(x + i * step, top + i * step, width, height, **look) for i in range(maps)]


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}" if len(shape) == 1 else f"{shape[0]} @ {shape[1]}{TIMES}{shape[2]}"


# ---------------------------------------------------------------------------------------------
# Table I


def connection_table(table: Sequence[Sequence[int]]) -> Diagram:
    """Draw which of the 6 maps of S2 each map of C3 reads: a row per input, a column per output.

    Args:
        table: for every output map the numbers of the input maps that it reads, from 0.
    """
    inputs, cell, left, top = 6, min(44.0, 800 / len(table)), 130, 70
    right, bottom = left + len(table) * cell, top + inputs * cell
    body = [
        text(left, 26, "map of C3", 16, bold=True, fill=style.OUTPUT),
        text(12, (top + bottom) / 2, "map of S2", 16, bold=True, fill=style.INPUT),
        text(left - 12, bottom + 24, "reads", 15, anchor="end"),
    ]
    for o, row in enumerate(table):
        x = left + o * cell
        body.append(text(x + cell / 2, top - 12, f"{o}", 15, anchor="middle"))
        body.append(text(x + cell / 2, bottom + 24, f"{len(row)}", 15, anchor="middle", bold=True))
        for i in range(inputs):
            y = top + i * cell
            fill = tint(style.WEIGHT, 0.75) if i in row else style.PAPER
            body.append(rect(x, y, cell, cell, fill=fill, stroke=style.FAINT, stroke_width=1.2))
            if i in row:
                body.append(circle(x + cell / 2, y + cell / 2, 6, fill=style.INK))
    for i in range(inputs):
        y = top + (i + 0.5) * cell + 5
        read = sum(i in row for row in table)
        body.append(text(left - 12, y, f"{i}", 15, anchor="end"))
        body.append(text(right + 14, y, f"{read}", 15, bold=True))
    pairs = sum(map(len, table))
    each = "; ".join(f"{o} reads {', '.join(map(str, row))}" for o, row in enumerate(table))
    alt = f"{pairs} of {inputs * len(table)} pairs of maps are connected. Output map {each}."
    return frame("".join(body), height=bottom + 40, alt=alt, kind="cnn-c3-table")


# ---------------------------------------------------------------------------------------------
# The codes of the output


def bitmaps(codes: np.ndarray) -> Diagram:
    """Draw ten codes (10, 84) of +1 and -1 as small pictures 7 wide and 12 high, ink for +1."""
    cell, step = 11.0, 980 / len(codes)
    body = []
    for i, code in enumerate(codes):
        x = 10 + i * step + (step - 7 * cell) / 2
        body.append(picture(code.reshape(12, 7) > 0, x, 12, cell))
        body.append(text(x + 7 * cell / 2, 34 + 12 * cell, f"{i}", 16, anchor="middle"))
    ink = ", ".join(f"{int((code > 0).sum())}" for code in codes)
    alt = (
        f"{len(codes)} bitmaps, 7 pixels wide and 12 high, one for each digit from 0; "
        f"pixels of ink: {ink}."
    )
    return frame("".join(body), height=48 + 12 * cell, alt=alt, kind="cnn-codes")


def picture(
    values: np.ndarray, x: float, y: float, cell: float, height: float | None = None
) -> str:
    """Return an `<image>` of an array (H, W), 0 white to 1 black, `cell` units a pixel.

    height: of the image, where its pixels are not square.
    """
    rows, columns = np.shape(values)
    data = base64.b64encode(png(values)).decode("ascii")
    return element(
        "image",
        x=x,
        y=y,
        width=columns * cell,
        height=height or rows * cell,
        preserveAspectRatio="none",
        style="image-rendering:pixelated",
        href=f"data:image/png;base64,{data}",
    )


def png(values: np.ndarray) -> bytes:
    """Return the PNG file of an array (H, W), 0 white to 1 black in 256 steps; clips the rest."""
    grey = np.round(255 * (1 - np.clip(np.asarray(values, dtype=float), 0, 1))).astype(np.uint8)
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
    """
    sheets = [montage(column.maps, column.across) for column in columns]
    widths = [sheet.shape[1] * column.cell for sheet, column in zip(sheets, columns, strict=True)]
    gap = (984 - 150 - sum(widths)) / len(columns)  # the bars take 150
    body, x = [], 8.0
    for column, sheet, width in zip(columns, sheets, widths, strict=True):
        height = sheet.shape[0] * column.cell
        y = _READING_MIDDLE - height / 2
        body.append(text(x + width / 2, 24, column.name, 15, anchor="middle", bold=True))
        body.append(picture(sheet, x, y, column.cell))
        body.append(_outline(x, y, width, height, style.FAINT, 1))
        x += width + gap
    body.append(_bars(x, bars, best, title))
    body.append(text(8, _READING_HEIGHT - 10, note, 15, fill=style.MUTED))
    names = ", ".join(column.name for column in columns)
    alt = f"{names} and the outputs of the ten digits for one image. The network reads {best}."
    return frame("".join(body), height=_READING_HEIGHT, alt=alt, kind="cnn-reading")


def _bars(x: float, bars: Sequence[float], best: int, title: str) -> str:
    body = [text(x, 24, title, 15, bold=True)]
    for i, value in enumerate(bars):
        y, chosen = 40 + i * 24.4, i == best
        colour = style.HIGHLIGHT if chosen else style.INK
        body.append(text(x, y + 15, f"{i}", 16, bold=chosen, fill=colour))
        body.append(picture(np.linspace(0, 1, 100)[None] < value, x + 18, y + 1, 1.0, height=17))
        if chosen:
            body.append(_outline(x + 16, y - 1, 104, 21, style.HIGHLIGHT, 2))
    return "".join(body)


def _outline(x: float, y: float, width: float, height: float, colour: str, line: float) -> str:
    return rect(x, y, width, height, fill="none", stroke=colour, stroke_width=line)


def montage(maps: np.ndarray, across: int) -> np.ndarray:
    """Lay maps (count, H, W) side by side, `across` in a row, a white pixel between them."""
    count, height, width = maps.shape
    rows = -(-count // across)
    sheet = np.zeros((rows * (height + 1) - 1, min(across, count) * (width + 1) - 1))
    for i, one in enumerate(maps):
        top, left = (i // across) * (height + 1), (i % across) * (width + 1)
        sheet[top : top + height, left : left + width] = one
    return sheet


# ---------------------------------------------------------------------------------------------
# What it gets wrong


def draw_confusion(counts: np.ndarray):
    """Draw a confusion matrix (classes, classes): a row per digit, a column per reading of it.

    Right answers lie on the diagonal; every number that is not zero is written. Returns the axes.
    """
    from matplotlib.patches import Rectangle

    from course_utils.drawing.plots import new_axes

    ax = new_axes(5.6, 5.0)
    for row, column in np.argwhere(counts):
        colour = tint(style.OUTPUT, 0.35) if row == column else tint(style.HIGHLIGHT, 0.45)
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour))
        ax.text(column, row, f"{counts[row, column]}", ha="center", va="center")
    classes, end = range(len(counts)), len(counts) - 0.5
    ax.set(xticks=classes, yticks=classes, xlim=(-0.5, end), ylim=(end, -0.5), aspect="equal")
    ax.set(xlabel="read as", ylabel="the digit is")
    ax.tick_params(length=0)
    return ax


def draw_gallery(images: Sequence, titles: Sequence[str]):
    """Draw images (H, W), dark on light, 8 in a row, each with its title; return the figure."""
    from matplotlib import pyplot as plt

    rows = -(-len(images) // 8)
    figure, axes = plt.subplots(rows, 8, figsize=(9.6, 1.55 * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        ax.imshow(np.asarray(image), cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(title, loc="center", fontweight="normal")
    return figure
