"""Who uses which weight: arrows and matrix coloured by weight, and the pictures of the experiment.

In the diagram three weights slide over the inputs. Each has a colour and a dash pattern of its own,
so that the copies of one weight are recognised without colour, too. Pointing at an arrow or a cell
lights up every use of that weight, by style rules alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from course_utils.drawing.style import FAINT, INK, INPUT, MUTED, OUTPUT, PALETTE, PAPER, tint
from course_utils.drawing.svg import MINUS, Diagram, arrow, between, font, frame, number, text

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

TAPS = (PALETTE["vermillion"], PALETTE["blue"], PALETTE["purple"])
"""The colours of w1, w2 and w3."""
DASHES = ("9 5", "", "2 6")

_HEIGHT = 372
_TOP, _BOTTOM = 104, 308
_LEFT, _RIGHT = 140, 610
_MATRIX_LEFT, _MATRIX_RIGHT, _MATRIX_TOP = 690, 982, 82
_OWN = "#76808F"  # weights that nobody shares


def sharing_diagram(
    weights: Sequence[Sequence[int]] | int,
    *,
    shared: bool,
    x: Sequence[int] | None = None,
    unit: int | None = None,
) -> Diagram:
    """Draw a layer of kernel 3 and zero padding, with its matrix.

    Args:
        weights: one row `(w1, w2, w3)` of whole numbers per output, as many outputs as inputs; or
            the number of inputs, 3 to 9: then the weights have names and no values.
        shared: whether the weights of all rows are the same three.
        x: the values of the inputs; they and the outputs stand in the circles. Needs values in
            `weights`.
        unit: where weights are not shared, the output, from 1, whose weights are coloured.

    Raises:
        ValueError: if shared rows differ, a row has not three weights, a length does not fit, a
            unit is not there.
    """
    named = isinstance(weights, int)
    n = weights if named else len(weights)
    if not 3 <= n <= 9:
        raise ValueError(f"weights must be given for 3 to 9 units, got {n}")
    rows = None if named else [tuple(row) for row in weights]
    if rows and any(len(row) != 3 for row in rows):
        raise ValueError(f"weights must hold three numbers per output, got {weights!r}")
    if rows and shared and len(set(rows)) > 1:
        raise ValueError(f"weights must be the same at every output when shared, got {weights!r}")
    if x is not None and (named or len(x) != n):
        raise ValueError(f"x must hold {n} values beside as many rows of weights, got {x!r}")
    if unit is not None and not 1 <= unit <= n:
        raise ValueError(f"unit must be an integer from 1 to {n}, got {unit!r}")

    arrows = [(j + t - 1, j, t) for j in range(n) for t in range(3) if 0 <= j + t - 1 < n]
    s = [sum(rows[j][t] * x[i] for i, k, t in arrows if k == j) for j in range(n)] if x else None
    pitch = (_RIGHT - _LEFT) / max(n - 1, 1) if n > 6 else min((_RIGHT - _LEFT) / (n - 1), 96)
    centre = (_LEFT + _RIGHT) / 2
    places = [centre + (i - (n - 1) / 2) * pitch for i in range(n)]
    radius = min(24, 0.4 * pitch)
    lit = [shared or j + 1 == unit for j in range(n)]
    count = 3 if shared else len(arrows)

    parts = [
        text(
            20, 36, f"{'Shared' if shared else 'Not shared'}: {count} weights", font(21), bold=True
        )
    ]
    parts.append(text(_MATRIX_LEFT, 36, f"{len(arrows)} filled cells", font(21), bold=True))
    parts.append(text(20, _TOP + 5, "outputs s", font(15), fill=MUTED))
    parts.append(text(20, _BOTTOM + 5, "inputs x", font(15), fill=MUTED))
    for i, j, t in arrows:
        value = rows[j][t] if rows else None
        parts.append(_arrow((places[i], places[j]), radius, j, t, value, shared, lit[j]))
    parts += _units(places, radius, x, s)
    parts += _cells(n, arrows, rows, shared, lit)
    alt = _describe(n, len(arrows), count, shared, rows, s)
    css = _css({_key(j, t, shared) for _, j, t in arrows})
    return frame("".join(parts), height=_HEIGHT, alt=alt, kind="cnn-sharing", css=css)


def _key(j: int, t: int, shared: bool) -> str:
    """One weight, one key: all arrows of a tap when shared, a single arrow when not."""
    return f"t{t + 1}" if shared else f"t{j + 1}-{t + 1}"


def _name(j: int, t: int, shared: bool) -> str:
    """`w2`, or `w3,4`: the weight with which s3 reads x4."""
    return f"w{t + 1}" if shared else f"w{j + 1},{j + t}"


def signed(value: int) -> str:
    """Write a whole number with a real minus sign."""
    return f"{MINUS}{-value}" if value < 0 else str(value)


def _arrow(across, radius, j, t, value, shared, lit) -> str:
    x1, y1, x2, y2 = between((across[0], _BOTTOM), (across[1], _TOP), radius + 3)
    colour = TAPS[t] if lit else _OWN
    dash = f' stroke-dasharray="{DASHES[t]}"' if lit and DASHES[t] else ""
    width = 3.2 if value is None else 1.2 + 1.1 * abs(value)
    if value == 0:
        colour, dash, width = FAINT, "", 1.2
    key = _key(j, t, shared)
    title = _name(j, t, shared) + ("" if value is None else f" = {signed(value)}")
    return (
        f'<g class="e h{key} m{key}"><title>{title}</title>'
        f'<path class="reach" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'
        f'<path class="l" d="{arrow(x1, y1, x2, y2, 9)}" stroke="{colour}" '
        f'stroke-width="{number(width)}"{dash}/></g>'
    )


def _units(places, radius, x, s) -> list[str]:
    parts = []
    for letter, y, colour, values in (("x", _BOTTOM, INPUT, x), ("s", _TOP, OUTPUT, s)):
        for k, place in enumerate(places):
            name = f"{letter}{k + 1}"
            parts.append(
                f'<circle cx="{number(place)}" cy="{y}" r="{number(radius)}" '
                f'fill="{tint(colour, 0.12)}" stroke="{colour}" stroke-width="2.2"/>'
            )
            size = min(font(17), 0.8 * radius)
            inside = name if values is None else signed(values[k])
            parts.append(text(place, y + size * 0.36, inside, max(size, 13), anchor="middle"))
            if values is not None:
                low = y + radius + 19 if letter == "x" else y - radius - 8
                parts.append(text(place, low, name, font(14), anchor="middle", fill=MUTED))
    return parts


def _cells(n, arrows, rows, shared, lit) -> list[str]:
    side = min((_MATRIX_RIGHT - _MATRIX_LEFT) / n, (_HEIGHT - 20 - _MATRIX_TOP) / n, 54)
    filled = {(j, i): t for i, j, t in arrows}
    parts, label = [], min(font(15), 17)
    for k in range(n):
        middle = (k + 0.5) * side
        parts.append(
            text(_MATRIX_LEFT + middle, _MATRIX_TOP - 9, f"x{k + 1}", label, anchor="middle")
        )
        y = _MATRIX_TOP + middle + label * 0.35
        parts.append(text(_MATRIX_LEFT - 8, y, f"s{k + 1}", label, anchor="end"))
    for j in range(n):
        for i in range(n):
            x, y = _MATRIX_LEFT + i * side, _MATRIX_TOP + j * side
            box = f'x="{number(x)}" y="{number(y)}" width="{number(side)}" height="{number(side)}"'
            if (j, i) not in filled:
                parts.append(f'<rect class="z" {box} rx="3"><title>no arrow: 0</title></rect>')
                continue
            t = filled[j, i]
            key, name = _key(j, t, shared), _name(j, t, shared)
            colour = TAPS[t] if lit[j] else _OWN
            inside = signed(rows[j][t]) if rows else name
            size = 0.42 * side if len(inside) < 3 else 0.31 * side
            parts.append(
                f'<g class="c h{key} m{key}"><title>row s{j + 1}, column x{i + 1}: '
                f"{name}{f' = {inside}' if rows else ''}</title>"
                f'<rect {box} rx="3" fill="{tint(colour, 0.24)}" stroke="{colour}" '
                'stroke-width="1.5"/>'
                + text(
                    x + side / 2,
                    y + side / 2 + size * 0.36,
                    inside,
                    max(size, 12.5),
                    anchor="middle",
                    bold=lit[j],
                )
                + "</g>"
            )
    return parts


def _css(keys: set[str]) -> str:
    root = ".cnn-sharing"
    lit = ",".join(f"{root}:has(.h{key}:hover) .m{key}" for key in sorted(keys))
    return (
        f"{root} .e path{{fill:none;stroke-linecap:round}}"
        f"{root} .reach{{stroke:transparent;stroke-width:13px}}"
        f"{root} .z{{fill:#EEF0F3;stroke:{PAPER};stroke-width:1.5px}}"
        f"{root}:has(.e:hover) .e,{root}:has(.c:hover) .e{{opacity:.25}}"
        f"{root}:has(.e:hover) .c,{root}:has(.c:hover) .c{{opacity:.4}}"
        f"{lit}{{opacity:1!important}}"
    )


def _describe(n, arrows, count, shared, rows, s) -> str:
    words = f"{n} inputs, {n} outputs, {arrows} arrows, "
    if shared:
        words += "3 weights, each along one diagonal of the matrix"
        if rows:
            words += ": " + ", ".join(f"w{t + 1} = {signed(v)}" for t, v in enumerate(rows[0]))
    else:
        words += f"{count} weights, every arrow with one of its own"
    if s is not None:
        words += f"; outputs {', '.join(signed(v) for v in s)}"
    return words + "."


# ---------------------------------------------------------------------------------------------
# Pictures of the experiment


def draw_matrix(
    matrix: np.ndarray, *, blocks: tuple[int, int] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a matrix as coloured cells: one colour per value, white for zero.

    Args:
        matrix: `(rows, columns)`, finite numbers.
        blocks: height and width of the blocks between which lines are drawn, or None.
        ax: the axes to draw on; new ones if not given.

    Raises:
        ValueError: if the matrix is not two-dimensional or the blocks do not divide its sides.
    """
    import numpy as np
    from matplotlib import pyplot as plt

    matrix = np.asarray(matrix, dtype=float)
    if matrix.ndim != 2:
        raise ValueError(f"matrix must have shape (rows, columns), got {matrix.shape}")
    blocks = matrix.shape if blocks is None else blocks
    if any(b < 1 or side % b for side, b in zip(matrix.shape, blocks, strict=True)):
        raise ValueError(f"blocks must divide the sides {matrix.shape} of matrix, got {blocks!r}")
    if ax is None:
        _, ax = plt.subplots(figsize=(4.4, 4.4 * len(matrix) / matrix.shape[1] + 0.3))
    largest = np.abs(matrix).max() or 1
    hidden = np.ma.masked_equal(matrix, 0)
    ax.imshow(hidden, cmap="viridis", vmin=-largest, vmax=largest, interpolation="nearest")
    for line, side, block in zip((ax.axhline, ax.axvline), matrix.shape, blocks, strict=True):
        for place in range(block, side, block):
            line(place - 0.5, color=MUTED, linewidth=0.8)
    ax.set(xticks=[], yticks=[], xlabel="inputs (pixels)", ylabel="outputs (pixels)")
    ax.spines[:].set_visible(True)
    return ax


def draw_accuracies(
    results: Mapping[str, tuple[float, float]],
    *,
    groups: tuple[str, str] = ("at the places shown", "at all other places"),
    ax: Axes | None = None,
) -> Axes:
    """Draw two bars per network, with their percentages.

    Args:
        results: name of the network -> two accuracies from 0 to 1.
        groups: what the two are; hatched for the second, so that the picture needs no colour.
        ax: the axes to draw on; new ones if not given.

    Raises:
        ValueError: if there is no network or an accuracy lies outside 0 to 1.
    """
    from matplotlib import pyplot as plt

    if not results or any(not 0 <= v <= 1 for pair in results.values() for v in pair):
        raise ValueError(f"results must hold pairs of accuracies from 0 to 1, got {dict(results)}")
    if ax is None:
        _, ax = plt.subplots()
    for k, (group, colour, hatch) in enumerate(
        zip(groups, (tint(INPUT, 0.45), OUTPUT), ("//", ""), strict=True)
    ):
        heights = [100 * pair[k] for pair in results.values()]
        places = [place + 0.4 * k - 0.2 for place in range(len(results))]
        bars = ax.bar(
            places, heights, 0.36, color=colour, hatch=hatch, edgecolor=PAPER, label=group
        )
        ax.bar_label(bars, [f"{height:.0f}" for height in heights], padding=2, color=INK)
    ax.axhline(10, color=MUTED, linewidth=1, linestyle=":")
    ax.set(ylim=(0, 112), yticks=range(0, 101, 20), ylabel="digits read correctly (%)")
    ax.set_xticks(range(len(results)), list(results))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
    return ax


def draw_by_place(
    accuracy: np.ndarray,
    shown: Sequence[tuple[int, int]],
    *,
    ax: Axes | None = None,
    title: str = "",
) -> Axes:
    """Draw the accuracy at every place of the canvas, with the places of the training marked.

    Args:
        accuracy: `(rows, columns)`, from 0 to 1.
        shown: (row, column) of the places in the training set; each gets a cross.
        ax: the axes to draw on; new ones if not given.

    Raises:
        ValueError: if accuracy is not such an array or a place lies outside it.
    """
    import numpy as np
    from matplotlib import pyplot as plt

    accuracy = np.asarray(accuracy, dtype=float)
    if accuracy.ndim != 2 or not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise ValueError("accuracy must have shape (rows, columns) and values from 0 to 1")
    for row, column in shown:
        if not (0 <= row < accuracy.shape[0] and 0 <= column < accuracy.shape[1]):
            raise ValueError(f"shown must lie within {accuracy.shape}, got {(row, column)}")
    if ax is None:
        _, ax = plt.subplots()
    ax.imshow(accuracy, vmin=0, vmax=1, interpolation="nearest")
    rows, columns = zip(*shown, strict=True) if shown else ((), ())
    ax.plot(columns, rows, "x", color=PALETTE["vermillion"], markersize=9, markeredgewidth=2.5)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title)
    return ax
