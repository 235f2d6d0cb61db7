"""Which input feeds which output: the arrows of one layer beside the matrix of its weights.

The arrows follow fig. 9.2 of Goodfellow, Bengio and Courville, *Deep Learning* (2016): inputs x at
the bottom, outputs s at the top. The matrix holds one row per output and one column per input; a
filled cell is an arrow. Pointing at a unit, an arrow or a cell lights up the same connections in
both, by style rules alone: it works in an exported page, where no kernel runs.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from course_utils.drawing.style import HIGHLIGHT, INK, INPUT, MUTED, OUTPUT, PAPER, tint
from course_utils.drawing.svg import (
    Diagram,
    arrow,
    between,
    font,
    frame,
    indexed,
    indexed_width,
    number,
    text,
)
from course_utils.geometry import edges, output_size

SIDES = ("outputs", "inputs")

_HEIGHT = 372
_TOP, _BOTTOM = 104, 316  # heights of the two rows of unit centres
_LEFT, _RIGHT = 118, 626  # the arrows stay between
_MATRIX_LEFT, _MATRIX_RIGHT = 664, 982
_HEADER = 36
_ARROW = "#76808F"
_LOST = "#AEB5C0"  # arrows and zeros that do not count
_DEEP = "#8A3A00"  # the one arrow under the pointer, darker than its highlighted row


class Connections(NamedTuple):
    """The numbers behind the picture. Units are counted from 0 here and from 1 in the picture.

    inputs, outputs: how many units. pairs: the arrows, (input, output), ordered by output, then
    input. lost: the (position, output) pairs that would start at a zero of the padding; position
    is negative or at least `inputs`. They are no arrows: that zero is no unit.
    """

    inputs: int
    outputs: int
    pairs: list[tuple[int, int]]
    lost: list[tuple[int, int]]


def connections(
    n: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    dense: bool = False,
) -> Connections:
    """Return units and arrows of a one-dimensional layer.

    With `dense=True` every input feeds every output; the outputs are then as many as those of the
    convolution that the other arguments describe, so that the two can be compared.

    Raises:
        ValueError: as `geometry.output_size`.
    """
    m = output_size(n, kernel, stride, padding, dilation)
    if dense:
        return Connections(n, m, [(i, j) for j in range(m) for i in range(n)], [])
    lost = [
        (position, j)
        for j in range(m)
        for position in range(
            j * stride - padding, j * stride - padding + kernel * dilation, dilation
        )
        if not 0 <= position < n
    ]
    return Connections(n, m, edges(n, kernel, stride, padding, dilation), lost)


def edge_diagram(
    n: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    dense: bool = False,
    side: str = "outputs",
    unit: int | None = None,
) -> Diagram:
    """Draw the arrows of a layer and its weight matrix, side by side.

    Args:
        n: number of inputs.
        kernel, stride, padding, dilation: of the convolution; units, zeros per end.
        dense: draw a fully connected layer between the same units.
        side: `"outputs"` or `"inputs"`: on which side `unit` is.
        unit: number of a unit to highlight, counted from 1 as in the picture; None for no one.

    Raises:
        ValueError: as `geometry.output_size`; for an unknown side; for a unit that is not there.
    """
    wiring = connections(n, kernel, stride=stride, padding=padding, dilation=dilation, dense=dense)
    if side not in SIDES:
        raise ValueError(f"side must be 'outputs' or 'inputs', got {side!r}")
    there = wiring.outputs if side == "outputs" else n
    if unit is not None and not 1 <= unit <= there:
        raise ValueError(f"unit must be an integer from 1 to {there} (the {side}), got {unit!r}")

    reads: dict[int, list[int]] = defaultdict(list)
    feeds: dict[int, list[int]] = defaultdict(list)
    for i, j in wiring.pairs:
        reads[j].append(i)
        feeds[i].append(j)
    picked = None if unit is None else ("s" if side == "outputs" else "x", unit - 1)

    zeros = 0 if dense else padding
    pitch = min((_RIGHT - _LEFT) / (n + 2 * padding), 92)
    centre = (_LEFT + _RIGHT) / 2
    x_in = [centre + (i - (n - 1) / 2) * pitch for i in range(-zeros, n + zeros)]
    reach = dilation * (kernel - 1)
    x_out = [
        centre + (j * stride - padding + reach / 2 - (n - 1) / 2) * pitch
        for j in range(wiring.outputs)
    ]
    radius = min(23, 0.4 * pitch) if pitch >= 46 else min(12, 0.34 * pitch)

    parts = [_headings(wiring, dense)]
    parts += _arrows(wiring, x_in, x_out, zeros, radius, picked)
    parts += _units(wiring, x_in, x_out, zeros, radius, reads, feeds, picked)
    parts += _matrix(wiring, set(wiring.pairs), picked)
    alt = _describe(wiring, dense, reads, feeds, picked)
    body = f'<g class="{"picked" if picked else "open"}">{"".join(parts)}</g>'
    return frame(body, height=_HEIGHT, alt=alt, kind="cnn-edges", css=_css(wiring))


def _describe(wiring, dense, reads, feeds, picked) -> str:
    n, m, count = wiring.inputs, wiring.outputs, len(wiring.pairs)
    layer = "Fully connected layer" if dense else "Convolution"
    sentence = (
        f"{layer}: {_plural(n, 'input')}, {_plural(m, 'output')}, {_plural(count, 'arrow')} "
        f"out of {n * m} possible; the matrix has {m} rows, {n} columns and {count} filled cells."
    )
    if picked:
        sentence += " " + neighbours(wiring, *picked)
    return sentence


def neighbours(wiring: Connections, letter: str, unit: int) -> str:
    """Say what one unit is joined to: `"s3 reads x2, x3, x4."` or `"x2 feeds s1, s2, s3."`

    Args:
        wiring: from `connections`.
        letter: `"s"` for an output, `"x"` for an input.
        unit: its number, counted from 0.
    """
    if letter == "s":
        joined, verb, other = [i for i, j in wiring.pairs if j == unit], "reads", "x"
        none = "reads zeros of the padding only"
    else:
        joined, verb, other = [j for i, j in wiring.pairs if i == unit], "feeds", "s"
        none = "feeds no output"
    if not joined:
        return f"{letter}{unit + 1} {none}."
    return f"{letter}{unit + 1} {verb} {', '.join(f'{other}{k + 1}' for k in joined)}."


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _css(wiring: Connections) -> str:
    """Style rules: a highlighted element gets variables, and draws itself with them.

    `.hs3` marks what lights up row 3 when pointed at, `.ms3` what then lights up; `.hx2`, `.mx2`
    do the same for input 2, and `.h3-2`, `.m3-2` for one arrow.
    """
    root, line = ".cnn-edges", 1.8 if len(wiring.pairs) <= 80 else 1.2
    lit = f"--c:{HIGHLIGHT};--w:3.4px;--o:1;--f:{tint(HIGHLIGHT, 0.2)};--g:{HIGHLIGHT};--b:700"
    exact = f"--c:{_DEEP};--w:4.6px;--o:1;--f:{tint(HIGHLIGHT, 0.38)};--g:{_DEEP};--b:700"
    names = [f"s{j + 1}" for j in range(wiring.outputs)]
    names += [f"x{i + 1}" for i in range(wiring.inputs)]
    rows = ",".join(f"{root}:has(.h{name}:hover) .m{name}" for name in names)
    ones = ",".join(
        f"{root}:has(.h{j + 1}-{i + 1}:hover) .m{j + 1}-{i + 1}" for i, j in wiring.pairs
    )
    rules = [
        f"{root} .e path{{fill:none;stroke-linecap:round}}",
        f"{root} .e .l{{stroke:var(--c,{_ARROW});stroke-width:var(--w,{line}px);"
        "opacity:var(--o,1);transition:opacity .12s}",
        f"{root} .e .t{{stroke:transparent;stroke-width:11px}}",
        f"{root} .lost{{fill:none;stroke:var(--c,{_LOST});stroke-width:1.8px;"
        "stroke-dasharray:2 6;stroke-linecap:round;opacity:var(--o,1)}",
        f"{root} .u circle{{stroke-width:var(--w,2.2px)}}",
        f"{root} .x circle{{fill:var(--f,{tint(INPUT, 0.12)});stroke:var(--c,{INPUT})}}",
        f"{root} .s circle{{fill:var(--f,{tint(OUTPUT, 0.14)});stroke:var(--c,{OUTPUT})}}",
        f"{root} .u text,{root} .k{{font-weight:var(--b,400)}}",
        f"{root} .c{{fill:var(--g,{_ARROW});stroke:{PAPER};stroke-width:1.5px}}",
        f"{root} .z{{fill:var(--f,#EEF0F3);stroke:{PAPER};stroke-width:1.5px}}",
        f"{root} .h{{cursor:default}}",
        f"{root} .picked .e{{--o:.6}}",
        f"{root}:not(:has(.h:hover)) .on{{{lit}}}",
        f"{root}:has(.h:hover) .e,{root}:has(.h:hover) .lost{{--o:.4}}",
        f"{rows}{{{lit}}}",
    ]
    if ones:
        rules.append(f"{ones}{{{exact}}}")
    return "".join(rules)


def _on(picked, *names) -> str:
    """Class of what belongs to the chosen unit: `names` are the (letter, number) it belongs to."""
    return " on" if picked is not None and picked in names else ""


def _headings(wiring: Connections, dense: bool) -> str:
    n, m, count = wiring.inputs, wiring.outputs, len(wiring.pairs)
    size = font(21)
    name = "Fully connected" if dense else "Convolution"
    side = font(15)
    left, matrix = 20, _MATRIX_LEFT
    return (
        text(left, _HEADER, f"{name}: {_plural(count, 'arrow')}", size, bold=True)
        + text(matrix, _HEADER, f"{count} of {n * m} weights", size, bold=True)
        + text(left, _TOP + 5, "outputs s", side, fill=MUTED)
        + text(left, _BOTTOM + 5, "inputs x", side, fill=MUTED)
    )


def _arrows(wiring, x_in, x_out, zeros, radius, picked) -> list[str]:
    """Draw the arrows, those of the chosen unit last: what is drawn last lies on top."""
    head = max(6.0, min(10.0, radius * 0.5))
    behind, front = [], []
    for position, j in wiring.lost:
        line = between((x_in[position + zeros], _BOTTOM), (x_out[j], _TOP), radius + 3)
        x1, y1, x2, y2 = line
        on = _on(picked, ("s", j))
        behind.append(
            f'<path class="lost ms{j + 1}{on}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'
        )
    for i, j in wiring.pairs:
        x1, y1, x2, y2 = between((x_in[i + zeros], _BOTTOM), (x_out[j], _TOP), radius + 3)
        a, b = j + 1, i + 1
        on = _on(picked, ("s", j), ("x", i))
        (front if on else behind).append(
            f'<g class="e h hs{a} h{a}-{b} ms{a} mx{b} m{a}-{b}{on}">'
            f"<title>x{b} to s{a}, weight w{a},{b}</title>"
            f'<path class="t" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'
            f'<path class="l" d="{arrow(x1, y1, x2, y2, head)}"/></g>'
        )
    return behind + front


def _units(wiring, x_in, x_out, zeros, radius, reads, feeds, picked) -> list[str]:
    inside = radius > 15
    size, limit = font(17), max(wiring.inputs, wiring.outputs)
    if inside:
        size *= min(1.0, (2 * radius - 6) / indexed_width(limit, size))
    else:
        size = 15  # x12 does not fit beside x11: the bare number, the row says which letter

    def unit(letter, k, x, y, joined, title):
        label = indexed(letter, k + 1, size) if inside else str(k + 1)
        if inside:
            low = y + size * 0.3
        else:
            low = y - radius - 9 if letter == "s" else y + radius + size + 3
        other = "x" if letter == "s" else "s"
        members = "".join(f" m{other}{i + 1}" for i in joined)
        if letter == "s":
            members += "".join(f" m{k + 1}-{i + 1}" for i in joined)
        else:
            members += "".join(f" m{j + 1}-{k + 1}" for j in joined)
        on = _on(picked, (letter, k), *((other, i) for i in joined))
        return (
            f'<g class="u {letter} h h{letter}{k + 1} m{letter}{k + 1}{members}{on}">'
            f"<title>{title}</title>"
            f'<circle cx="{number(x)}" cy="{y}" r="{number(radius)}"/>'
            f"{text(x, low, label, size, anchor='middle')}</g>"
        )

    parts = []
    for place, x in enumerate(x_in):
        i = place - zeros
        if 0 <= i < wiring.inputs:
            parts.append(unit("x", i, x, _BOTTOM, feeds[i], neighbours(wiring, "x", i)[:-1]))
        else:
            parts.append(
                f'<g><title>a zero of the padding</title><circle cx="{number(x)}" cy="{_BOTTOM}" '
                f'r="{number(radius)}" fill="{PAPER}" stroke="{_LOST}" stroke-width="1.8" '
                f'stroke-dasharray="3 4"/>'
                + text(
                    x,
                    _BOTTOM + size * 0.36 if inside else _BOTTOM + radius + size + 3,
                    "0",
                    size * 0.9,
                    anchor="middle",
                    fill=MUTED,
                )
                + "</g>"
            )
    for j, x in enumerate(x_out):
        terms = " + ".join(f"w{j + 1},{i + 1}\u00b7x{i + 1}" for i in reads[j])
        parts.append(
            unit("s", j, x, _TOP, reads[j], f"s{j + 1} = {terms or '0 (it reads padding only)'}")
        )
    return parts


def _matrix(wiring, filled, picked) -> list[str]:
    n, m = wiring.inputs, wiring.outputs
    gutter, top, bottom = 44, 82, _HEIGHT - 20
    left = _MATRIX_LEFT + gutter
    room = (_MATRIX_RIGHT - left) / n
    tall = min(room, (bottom - top) / m, 54)
    wide = min(room, max(tall, 21))  # square, unless the number above the column needs more
    # Too narrow for x12 in every column: the bare numbers, and the letters once, in the corner.
    full = min(wide, tall) >= 29
    size = min(font(16), 18) if full else 14
    parts = []

    def label(letter, k, x, y, anchor):
        content = indexed(letter, k + 1, size) if full else str(k + 1)
        on = _on(picked, (letter, k))
        name = f"{letter}{k + 1}"
        return text(x, y, content, size, anchor=anchor, classes=f"k h h{name} m{name}{on}")

    for i in range(n):
        parts.append(label("x", i, left + (i + 0.5) * wide, top - 11, "middle"))
    for j in range(m):
        parts.append(label("s", j, left - 10, top + (j + 0.5) * tall + size * 0.34, "end"))
    if not full:
        parts.append(text(left - 10, top - 11, "s \\ x", size, anchor="end", fill=MUTED))
    box = f'width="{number(wide)}" height="{number(tall)}"'
    for j in range(m):
        y, a = number(top + j * tall), j + 1
        for i in range(n):
            b = i + 1
            on = _on(picked, ("s", j), ("x", i))
            if (i, j) in filled:
                classes = f"c h hs{a} h{a}-{b} ms{a} mx{b} m{a}-{b}{on}"
                title = f"w{a},{b}: x{b} to s{a}"
            else:
                classes = f"z h hs{a} ms{a} mx{b}{on}"
                title = f"0: no arrow from x{b} to s{a}"
            parts.append(
                f'<rect class="{classes}" x="{number(left + i * wide)}" y="{y}" {box} rx="3">'
                f"<title>{title}</title></rect>"
            )
    parts.append(
        f'<rect x="{number(left - 1)}" y="{top - 1}" width="{number(n * wide + 2)}" '
        f'height="{number(m * tall + 2)}" rx="4" fill="none" stroke="{INK}" stroke-opacity=".35" '
        'stroke-width="1.2" pointer-events="none"/>'
    )
    return parts
