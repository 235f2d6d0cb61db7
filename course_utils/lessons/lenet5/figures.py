"""LeNet-5 drawn: the network to scale, the table of C3, the codes of the output, one reading.

After Fig. 2, Table I and Fig. 3 of LeCun, Bottou, Bengio and Haffner (1998), *Gradient-Based
Learning Applied to Document Recognition*, Proceedings of the IEEE 86(11).
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from course_utils.drawing import style
from course_utils.drawing.plots import new_axes
from course_utils.drawing.style import tint
from course_utils.drawing.svg import (
    TIMES,
    Diagram,
    circle,
    frame,
    line,
    path,
    picture,
    rect,
    text,
)
from course_utils.lessons.lenet5.reading import Look

_centred = partial(text, anchor="middle")


_STEPS = {"C": ("Convolutions", 5), "S": ("Subsampling", 2), "F": ("Full connection", 0)}


def network_to_scale(blocks: Sequence, *, image: np.ndarray | None = None, counts=True) -> Diagram:
    """Draw the layers as the paper's Fig. 2 does, here with every map to the same scale.

    blocks: objects with `name`, `output_shape` ((maps, height, width) or (units,)) and
        `parameters`, in the order of the forward pass; those of `Ledger.blocks()`.
    image: (32, 32), 0 paper to 1 ink, shown as the input.
    counts: whether to write how many parameters each layer trains.

    A window on a map leads to the unit that reads it. Layers of 1 x 1 maps are bars whose length
    is their number of units, on a scale of its own.
    """
    layers = [("INPUT", (1, 32, 32), "trained:")]
    layers += [(b.name.upper(), tuple(b.output_shape), f"{b.parameters:,}") for b in blocks]
    stacks = [_stack(shape) for _, shape, _ in layers]
    widths = [max(-2 * stack[0][0], 90) for stack in stacks]
    gap = max((984 - sum(widths)) / (len(layers) - 1), 0)
    body, said, x, fronts = [], [], 8.0, []
    for (name, shape, trained), stack, width in zip(layers, stacks, widths, strict=True):
        colour = style.OUTPUT if body else style.INPUT
        look = {"fill": tint(colour, 0.25), "stroke": colour, "stroke_width": 1.2}
        middle, size = x + width / 2, f"{shape[0]}"
        if len(shape) > 1:
            size += f" @ {shape[1]}{TIMES}{shape[2]}"
        boxes = [(middle + left, 176 + top, *sides) for left, top, *sides in stack]
        body += [rect(*box, **look) for box in boxes]
        fronts.append(boxes[-1])
        if name == "INPUT" and image is not None:
            body += [picture(*boxes[0], 1 - image), rect(*boxes[0], fill="none", stroke=colour)]
        body += [_centred(middle, 26, name, 17, bold=True), _centred(middle, 48, size, 15)]
        said.append(f"{name} {size.replace(TIMES, ' by ')}")
        if counts:
            body.append(_centred(middle, 70, trained, 15, fill=style.MUTED))
            said[-1] += f", {trained} trainable parameters" if name != "INPUT" else ""
        x += width + gap
    for i, (name, *_, trained) in enumerate(layers[1:]):
        fixed = name == "OUTPUT" and trained == "0"
        words, window = ("Gaussian", 0) if fixed else _STEPS.get(name[0], _STEPS["F"])
        words = "Full connection" if name == "C5" else words  # so in Fig. 2, if not in the text
        body += _reads(fronts[i], fronts[i + 1], 3.4 * window)
        between = (fronts[i][0] + fronts[i][2] + fronts[i + 1][0]) / 2
        first, _, second = words.partition(" ")
        second = "connections" if fixed else second
        body.append(_centred(between, 296, first, 14, fill=style.MUTED))
        body.append(_centred(between, 314, second, 14, fill=style.MUTED) if second else "")
    alt = f"The network with its maps to scale: {'; '.join(said)}."
    if counts:
        alt += f" {sum(block.parameters for block in blocks):,} in all."
    return frame("".join(body), height=326, alt=alt, kind="cnn-lenet5")


def paper_figure(*, image: np.ndarray | None = None, counts=True) -> Diagram:
    """Draw the paper's network from the model; see `network_to_scale`."""
    from course_utils.ledger import ledger
    from course_utils.models import LeNet5

    return network_to_scale(
        ledger(LeNet5("paper"), (1, 32, 32)).blocks(), image=image, counts=counts
    )


def _stack(shape):
    """(x, y, width, height) of a layer's maps round the middle, the last in front; or of a bar."""
    if len(shape) == 1 or shape[1:] == (1, 1):
        return [(-8, -0.75 * shape[0], 16, 1.5 * shape[0])]
    maps, height, width = shape[0], 3.4 * shape[1], 3.4 * shape[2]
    shifts = [(i - (maps - 1) / 2) * (7 if maps <= 8 else 3.5) for i in range(maps)]
    return [(shift - width / 2, shift - height / 2, width, height) for shift in shifts]


def _reads(below, above, window):
    """A window on the map below, and lines from it to the unit above; from end to end of bars."""
    x, y, width, height = below
    left, top, side = x + 0.55 * (width - window), y + 0.25 * (height - window), window
    to_x, to_y = above[0] + 0.4 * above[2], above[1] + 0.3 * above[3]
    look = {"stroke": style.INK, "stroke_width": 1}
    if not window:  # dense: all with all
        ends = [(y, above[1]), (y + height, above[1] + above[3])]
        return [line(x + width, a, above[0], b, **look) for a, b in ends]
    ends = [(left + side, top), (left + side, top + side)]
    drawn = [line(*end, to_x, to_y, **look) for end in ends]
    return [*drawn, path(f"M{left:.1f} {top:.1f}h{side:.1f}v{side:.1f}h-{side:.1f}z", **look)]


def connection_table(table: Sequence[Sequence[int]]) -> Diagram:
    """Draw which of the 6 maps of S2 each map of C3 reads: a row per input, a column per output.

    table: for every output map the numbers of the input maps that it reads, from 0.
    """
    inputs, cell, left, top, high = 6, min(48.0, 800 / len(table)), 130, 64, 26
    right, bottom = left + len(table) * cell, top + inputs * high
    body = [
        text(left, 26, "map of C3", 16, bold=True, fill=style.OUTPUT),
        text(12, (top + bottom) / 2, "map of S2", 16, bold=True, fill=style.INPUT),
        text(left - 12, bottom + 24, "reads", 15, anchor="end"),
    ]
    for o, row in enumerate(table):
        x = left + o * cell
        body.append(_centred(x + cell / 2, top - 12, f"{o}", 15))
        body.append(_centred(x + cell / 2, bottom + 24, f"{len(row)}", 15, bold=True))
        for i in range(inputs):
            y = top + i * high
            fill = tint(style.WEIGHT, 0.75) if i in row else style.PAPER
            body.append(rect(x, y, cell, high, fill=fill, stroke=style.FAINT, stroke_width=1.2))
            if i in row:
                body.append(circle(x + cell / 2, y + high / 2, 6, fill=style.INK))
    for i in range(inputs):
        y, read = top + (i + 0.5) * high + 5, sum(i in row for row in table)
        body.append(text(left - 12, y, f"{i}", 15, anchor="end"))
        body.append(text(right + 14, y, f"{read}", 15, bold=True))
    pairs = f"{sum(map(len, table))} of {inputs * len(table)} pairs of maps are connected."
    each = "; ".join(f"{o} reads {', '.join(map(str, row))}" for o, row in enumerate(table))
    alt = f"{pairs} Output map {each}."
    return frame("".join(body), height=bottom + 40, alt=alt, kind="cnn-c3-table")


def bitmaps(codes: np.ndarray) -> Diagram:
    """Draw ten codes (10, 84) of +1 and -1 as small pictures 7 wide and 12 high, ink for +1."""
    body = []
    for digit, code in enumerate(codes):
        middle = 59 + 98 * digit
        body.append(picture(middle - 31.5, 8, 63, 108, code.reshape(12, 7) < 0))
        body.append(_centred(middle, 130, f"{digit}", 16))
    ink = ", ".join(f"{(code > 0).sum()}" for code in codes)
    alt = "10 bitmaps, 7 pixels wide and 12 high, one for each digit from 0; pixels of ink: "
    return frame("".join(body), height=140, alt=f"{alt}{ink}.", kind="cnn-codes")


# The size of a pixel of each layer's maps, and how many stand side by side where it is not one.
_PIXEL = {"8×8": 10, "input": 4, "C1": 1.75, "S2": 2.4, "C3": 3, "S4": 4.2, "C5": 9, "F6": 9}
_ACROSS = {"C1": 2, "S2": 2, "C3": 4, "S4": 4}


def reading(seen: Look) -> Diagram:
    """Draw what a network makes of one image, from left to right, and its ten outputs.

    Lengths and grey levels stand in images, so that the text of the diagram depends on the choice
    alone: two computers that differ in the last digits make the same text.
    """
    sheets = {name: montage(maps, _ACROSS.get(name, 1)) for name, maps in seen.layers.items()}
    taken = sum(sheet.shape[1] * _PIXEL[name] for name, sheet in sheets.items())
    body, x = [], 8.0
    for name, sheet in sheets.items():
        height, width = (side * _PIXEL[name] for side in sheet.shape)
        place = x, 152 - height / 2, width, height
        body.append(_centred(x + width / 2, 24, name, 15, bold=True))
        body.append(picture(*place, 1 - sheet))
        body.append(rect(*place, fill="none", stroke=style.FAINT, stroke_width=1))
        x += width + (984 - 150 - taken) / len(sheets)  # the bars take 150
    note = "Dark is a high value."
    if not seen.distances:
        note += " White is 0: ReLU lets nothing below pass, and a map may be white all over."
    body += [*_bars(x, seen), text(8, 280, note, 15, fill=style.MUTED)]
    alt = f"{', '.join(seen.layers)} and the outputs of the ten digits for one image. "
    alt += f"The network reads {seen.order[0]}."
    return frame("".join(body), height=290, alt=alt, kind="cnn-reading")


def _bars(x, seen):
    yield text(x, 24, "distance to code" if seen.distances else "probability", 15, bold=True)
    bars = seen.outputs / seen.outputs.max() if seen.distances else seen.outputs
    for digit, value in enumerate(bars):
        y, chosen = 40 + digit * 24.4, digit == seen.order[0]
        colour = style.HIGHLIGHT if chosen else style.INK
        yield text(x, y + 15, f"{digit}", 16, bold=chosen, fill=colour)
        yield picture(x + 18, y + 1, 100, 17, np.linspace(0, 1, 100)[None] >= value)
        if chosen:
            yield rect(x + 16, y - 1, 104, 21, fill="none", stroke=colour, stroke_width=2)


def montage(maps: np.ndarray, across: int) -> np.ndarray:
    """Lay maps (count, H, W) side by side, `across` in a row, a white pixel between them."""
    sheet = np.pad(maps.astype(float), ((0, -len(maps) % across), (0, 1), (0, 1)))
    rows = sheet.reshape(-1, across, *sheet.shape[1:]).swapaxes(1, 2)  # (rows, height, across, ...)
    return rows.reshape(-1, across * sheet.shape[2])[:-1, :-1]


def draw_confusion(counts: np.ndarray):
    """Draw a confusion matrix (classes, classes): a row per digit, a column per reading of it.

    Right answers lie on the diagonal; every number that is not zero is written. Returns the axes.
    """
    from matplotlib.patches import Rectangle

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
