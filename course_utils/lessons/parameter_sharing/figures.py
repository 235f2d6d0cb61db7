"""Who uses which weight: arrows and matrix coloured by weight, and the pictures of the experiment.

In the diagram three weights slide over the inputs. Each has a colour and a dash pattern of its own,
so that the copies of one weight are recognised without colour, too. Pointing at an arrow or a cell
lights up every use of that weight, by style rules alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from course_utils.drawing.plots import bars, new_axes
from course_utils.drawing.style import FAINT, INPUT, MUTED, OUTPUT, PALETTE, PAPER, tint
from course_utils.drawing.svg import (
    MINUS,
    Diagram,
    arrow,
    between,
    box,
    circle,
    element,
    frame,
    group,
    text,
)

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

_COLOURS = (PALETTE["vermillion"], PALETTE["blue"], PALETTE["purple"])  # of w1, w2 and w3
_DASHES = ("9 5", None, "2 6")
_OWN = "#76808F"  # weights that nobody shares

_HEIGHT = 372
_TOP, _BOTTOM = 104, 308
_LEFT, _RIGHT = 140, 610
_MATRIX_LEFT, _MATRIX_RIGHT, _MATRIX_TOP = 690, 982, 82


class _Use(NamedTuple):
    """Output j reads input i with weight t, all from 0: one arrow, one cell of the matrix."""

    j: int
    i: int
    t: int
    key: str  # one for each weight: t2 for w2, or t3-2 for the one with which s3 reads x3
    name: str
    value: int | None
    colour: str | None  # None: none of the coloured weights


def sharing_diagram(
    n: int,
    *,
    shared: bool,
    rows: Sequence[Sequence[int]] | None = None,
    x: Sequence[int] | None = None,
    unit: int | None = None,
) -> Diagram:
    """Draw a layer of n inputs, 3 to 9, kernel 3 and zero padding, with its matrix.

    Args:
        shared: whether the weights of all rows are the same three.
        rows: `(w1, w2, w3)` of each output, whole numbers; without them weights have names only.
        x: the values of the inputs. They and the outputs then stand in the circles.
        unit: where weights are not shared, the output, from 1, whose weights are coloured.
    """
    uses = _uses(n, shared, rows, unit)
    s = outputs(rows, x) if rows else None
    count = 3 if shared else len(uses)
    pitch = min((_RIGHT - _LEFT) / (n - 1), 96)
    places = [(_LEFT + _RIGHT) / 2 + (i - (n - 1) / 2) * pitch for i in range(n)]
    radius = min(24, 0.4 * pitch)
    parts = [
        text(20, 36, f"{'Shared' if shared else 'Not shared'}: {count} weights", 21, bold=True),
        text(_MATRIX_LEFT, 36, f"{len(uses)} filled cells", 21, bold=True),
        text(20, _TOP + 5, "outputs s", 15, fill=MUTED),
        text(20, _BOTTOM + 5, "inputs x", 15, fill=MUTED),
        *(_arrow(use, places[use.i], places[use.j], radius) for use in uses),
        *_units("x", places, _BOTTOM, radius, INPUT, x),
        *_units("s", places, _TOP, radius, OUTPUT, s),
        *_matrix(n, uses),
    ]
    words = f"{n} inputs, {n} outputs, {len(uses)} arrows, "
    if not shared:
        words += f"{count} weights, every arrow with one of its own"
    else:
        words += "3 weights, each along one diagonal of the matrix"
        if rows:
            words += ": " + ", ".join(f"w{t} = {signed(v)}" for t, v in enumerate(rows[0], 1))
    if s:
        words += f"; outputs {', '.join(map(signed, s))}"
    css = _css(sorted({use.key for use in uses}))
    return frame("".join(parts), height=_HEIGHT, alt=words + ".", kind="cnn-sharing", css=css)


def _uses(n, shared, rows, unit) -> list[_Use]:
    uses = []
    for j in range(n):
        for t in range(3):
            i = j + t - 1
            if 0 <= i < n:
                key, name = f"t{j + 1}-{t + 1}", f"w{j + 1},{i + 1}"
                if shared:
                    key, name = f"t{t + 1}", f"w{t + 1}"
                colour = _COLOURS[t] if shared or j + 1 == unit else None
                uses.append(_Use(j, i, t, key, name, rows[j][t] if rows else None, colour))
    return uses


def outputs(rows: Sequence[Sequence[int]], x: Sequence[int]) -> list[int]:
    """Return what each output computes: its row of weights times the three inputs under it."""
    padded = [0, *x, 0]
    return [sum(w * padded[j + t] for t, w in enumerate(row)) for j, row in enumerate(rows)]


def signed(value: int) -> str:
    """Write a whole number with a real minus sign."""
    return f"{MINUS}{-value}" if value < 0 else str(value)


def _arrow(use: _Use, start: float, end: float, radius: float) -> str:
    x1, y1, x2, y2 = between((start, _BOTTOM), (end, _TOP), radius + 3)
    value, dash = use.value, _DASHES[use.t] if use.colour else None
    look = {"stroke": use.colour or _OWN, "stroke_dasharray": dash, "stroke_width": 3.2}
    if value is not None:
        look["stroke_width"] = 1.2 + 1.1 * abs(value)
    if value == 0:
        look |= {"stroke": FAINT, "stroke_dasharray": None}
    parts = (
        element("title", use.name if value is None else f"{use.name} = {signed(value)}"),
        element("path", d=f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}", class_="reach"),
        element("path", d=arrow(x1, y1, x2, y2, 9), class_="l", **look),
    )
    return group(parts, class_=f"e h{use.key} m{use.key}")


def _units(letter, places, y, radius, colour, values) -> list[str]:
    size = min(17, 0.8 * radius)
    below = radius + 19 if letter == "x" else -radius - 8
    look = {"fill": tint(colour, 0.12), "stroke": colour, "stroke_width": 2.2}
    parts = []
    for k, place in enumerate(places):
        name = f"{letter}{k + 1}"
        inside = name if values is None else signed(values[k])
        parts.append(circle(place, y, radius, **look))
        parts.append(text(place, y + size * 0.36, inside, max(size, 13), anchor="middle"))
        if values is not None:
            parts.append(text(place, y + below, name, 14, anchor="middle", fill=MUTED))
    return parts


def _matrix(n: int, uses: Sequence[_Use]) -> list[str]:
    side = min((_MATRIX_RIGHT - _MATRIX_LEFT) / n, (_HEIGHT - 20 - _MATRIX_TOP) / n, 54)
    filled = {(use.j, use.i): use for use in uses}
    parts = []
    for k in range(n):
        middle = (k + 0.5) * side
        across, down = _MATRIX_LEFT + middle, _MATRIX_TOP + middle + 15 * 0.35
        parts.append(text(across, _MATRIX_TOP - 9, f"x{k + 1}", 15, anchor="middle"))
        parts.append(text(_MATRIX_LEFT - 8, down, f"s{k + 1}", 15, anchor="end"))
    for j in range(n):
        for i in range(n):
            x, y = _MATRIX_LEFT + i * side, _MATRIX_TOP + j * side
            parts.append(_cell(filled.get((j, i)), x, y, side))
    return parts


def _cell(use: _Use | None, x: float, y: float, side: float) -> str:
    if use is None:
        nothing = element("title", "no arrow: 0")
        return element("rect", nothing, class_="z", x=x, y=y, width=side, height=side, rx=3)
    inside = use.name if use.value is None else signed(use.value)
    size = 0.42 * side if len(inside) < 3 else 0.31 * side
    middle = x + side / 2, y + side / 2 + size * 0.36
    said = use.name if use.value is None else f"{use.name} = {inside}"
    parts = (
        element("title", f"row s{use.j + 1}, column x{use.i + 1}: {said}"),
        box(x, y, side, side, use.colour or _OWN, 0.24, stroke_width=1.5),
        text(*middle, inside, max(size, 12.5), anchor="middle", bold=use.colour is not None),
    )
    return group(parts, class_=f"c h{use.key} m{use.key}")


def _css(keys: Sequence[str]) -> str:
    root = ".cnn-sharing"
    lit = ",".join(f"{root}:has(.h{key}:hover) .m{key}" for key in keys)
    return (
        f"{root} .e path{{fill:none;stroke-linecap:round}}"
        f"{root} .reach{{stroke:transparent;stroke-width:13px}}"
        f"{root} .z{{fill:#EEF0F3;stroke:{PAPER};stroke-width:1.5px}}"
        f"{root}:has(.e:hover) .e,{root}:has(.c:hover) .e{{opacity:.25}}"
        f"{root}:has(.e:hover) .c,{root}:has(.c:hover) .c{{opacity:.4}}"
        f"{lit}{{opacity:1!important}}"
    )


def draw_matrix(matrix: np.ndarray, *, blocks: tuple[int, int]) -> Axes:
    """Draw a matrix as coloured cells: one colour per value, white for zero.

    Args:
        matrix: `(rows, columns)`.
        blocks: height and width of the blocks between which lines are drawn.
    """
    import numpy as np

    height, width = matrix.shape
    ax = new_axes(4.4, 4.4 * height / width + 0.3)
    largest = np.abs(matrix).max()
    look = {"cmap": "viridis", "vmin": -largest, "vmax": largest, "interpolation": "nearest"}
    ax.imshow(np.ma.masked_equal(matrix, 0), **look)
    for line, side, block in zip((ax.axhline, ax.axvline), matrix.shape, blocks, strict=True):
        for place in range(block, side, block):
            line(place - 0.5, color=MUTED, linewidth=0.8)
    ax.set(xticks=[], yticks=[], xlabel="inputs (pixels)", ylabel="outputs (pixels)")
    ax.spines[:].set_visible(True)
    return ax


def draw_accuracies(results: Mapping[str, tuple[float, float]], *, ax: Axes | None = None) -> Axes:
    """Draw two bars per network, with their percentages, and a dotted line at guessing.

    Args:
        results: name of the network -> accuracy, 0 to 1, at the places shown and at all others.
    """
    shown, others = zip(*results.values(), strict=True)
    percent = {
        "at the places shown": [100 * accuracy for accuracy in shown],
        "at all other places": [100 * accuracy for accuracy in others],
    }
    limits = {"ylim": (0, 112), "yticks": range(0, 101, 20)}
    ax = bars(list(results), percent, ylabel="digits read correctly (%)", ax=ax, **limits)
    ax.axhline(10, color=MUTED, linewidth=1, linestyle=":")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
    return ax


def draw_by_place(
    accuracy: np.ndarray, shown: Sequence[tuple[int, int]], *, ax: Axes, title: str
) -> Axes:
    """Draw the accuracy at every place of the canvas, with the places of the training marked.

    Args:
        accuracy: `(rows, columns)`, from 0 to 1.
        shown: (row, column) of the places in the training set; each gets a cross.
    """
    import numpy as np

    ax.imshow(np.asarray(accuracy), vmin=0, vmax=1, interpolation="nearest")
    rows, columns = zip(*shown, strict=True)
    ax.plot(columns, rows, "x", color=PALETTE["vermillion"], markersize=9, markeredgewidth=2.5)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title)
    return ax
