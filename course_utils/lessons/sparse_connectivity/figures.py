"""Which input feeds which output: the arrows of one layer beside the matrix of its weights.

The arrows follow fig. 9.2 of Goodfellow, Bengio and Courville, *Deep Learning* (2016): inputs x at
the bottom, outputs s at the top. The matrix holds one row per output and one column per input; a
filled cell is an arrow. Pointing at a unit, an arrow or a cell lights up the same connections in
both, by style rules alone: it works in an exported page, where no kernel runs.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from course_utils.drawing import svg
from course_utils.drawing.style import HIGHLIGHT, INK, INPUT, MUTED, OUTPUT, PAPER, tint
from course_utils.drawing.svg import Diagram, circle, element, frame, group, plural, rect, text
from course_utils.geometry import edges, output_size

_HEIGHT = 372
_TOP, _BOTTOM = 104, 316  # heights of the two rows of unit centres
_LEFT, _RIGHT = 118, 626  # the arrows stay between
_MATRIX_LEFT, _MATRIX_RIGHT = 664, 982
_MATRIX_TOP, _MATRIX_BOTTOM = 82, _HEIGHT - 20
_ARROW = "#76808F"
_LOST = "#AEB5C0"  # arrows and zeros that do not count
_DEEP = "#8A3A00"  # the one arrow under the pointer, darker than its highlighted row
_SUBSCRIPT = 0.85  # of the letter: large enough to be read from afar


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

    def of(self, unit: str) -> list[tuple[int, int]]:
        """Return the arrows of one unit, `"s3"` or `"x2"`."""
        side, number = "xs".index(unit[0]), int(unit[1:]) - 1
        return [pair for pair in self.pairs if pair[side] == number]

    def neighbours(self, unit: str) -> str:
        """Say what a unit is joined to: `"s3 reads x2, x3, x4."` or `"x2 feeds s1, s2, s3."`"""
        if unit[0] == "s":
            joined = [f"x{i + 1}" for i, _ in self.of(unit)]
            return f"{unit} reads {', '.join(joined) or 'zeros of the padding only'}."
        return f"{unit} feeds {', '.join(f's{j + 1}' for _, j in self.of(unit)) or 'no output'}."


def connections(
    n: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1, dense: bool = False
) -> Connections:
    """Return units and arrows of a one-dimensional layer.

    With `dense=True` every input feeds every output; the outputs are then as many as those of the
    convolution that the other arguments describe, so that the two can be compared.
    """
    m = output_size(n, kernel, stride, padding, dilation)
    if dense:
        return Connections(n, m, [(i, j) for j in range(m) for i in range(n)], [])
    reach = [(j * stride - padding + t * dilation, j) for j in range(m) for t in range(kernel)]
    lost = [(position, j) for position, j in reach if not 0 <= position < n]
    return Connections(n, m, edges(n, kernel, stride, padding, dilation), lost)


def edge_diagram(
    n: int,
    kernel: int = 3,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    dense: bool = False,
    picked: str = "",
) -> Diagram:
    """Draw the arrows of a layer and its weight matrix, side by side.

    Args:
        n: number of inputs.
        kernel, stride, padding, dilation: of the convolution; units, zeros per end.
        dense: draw a fully connected layer between the same units.
        picked: the unit to highlight, `"s3"` or `"x2"`, counted from 1.
    """
    wiring = connections(n, kernel, stride, padding, dilation, dense)
    m, count, zeros = wiring.outputs, len(wiring.pairs), 0 if dense else padding
    pitch = min((_RIGHT - _LEFT) / (n + 2 * padding), 92)
    radius = min(23, 0.4 * pitch) if pitch >= 46 else min(12, 0.34 * pitch)
    x1 = (_LEFT + _RIGHT - (n - 1) * pitch) / 2
    s1 = x1 + (dilation * (kernel - 1) / 2 - padding) * pitch  # above the middle of what it reads
    places = {f"x{i + 1}": (x1 + i * pitch, _BOTTOM) for i in range(-zeros, n + zeros)}
    places |= {f"s{j + 1}": (s1 + j * stride * pitch, _TOP) for j in range(m)}

    alt = (
        f"{'Fully connected layer' if dense else 'Convolution'}: {plural(n, 'input')}, "
        f"{plural(m, 'output')}, {plural(count, 'arrow')} out of {n * m} possible; "
        f"the matrix has {m} rows, {n} columns and {count} filled cells."
    )
    if picked:
        alt += " " + wiring.neighbours(picked)
    name = "Fully connected" if dense else "Convolution"
    body = [
        text(20, 36, f"{name}: {plural(count, 'arrow')}", 21, bold=True),
        text(_MATRIX_LEFT, 36, f"{count} of {n * m} weights", 21, bold=True),
        text(20, _TOP + 5, "outputs s", 15, fill=MUTED),
        text(20, _BOTTOM + 5, "inputs x", 15, fill=MUTED),
        *_arrows(wiring, places, radius + 3, picked),
        *(_unit(name, places[name], radius, wiring) for name in places),
        *_matrix(wiring),
    ]
    body = group(body, class_="picked" if picked else "open")
    if picked:  # by a class: the rules of one picture reach all others on the page
        body = re.sub(rf'\bm{picked}(?=[ "])', r"\g<0> on", body)
    return frame(body, height=_HEIGHT, alt=alt, kind="cnn-edges", css=_css(wiring))


def _css(wiring: Connections) -> str:
    """Style rules: a highlighted element gets variables, and draws itself with them.

    `.hs3` marks what lights up row 3 when pointed at, `.ms3` what then lights up; `.hx2`, `.mx2`
    do the same for input 2, and `.h3-2`, `.m3-2` for one arrow.
    """
    root, line = ".cnn-edges", 1.8 if len(wiring.pairs) <= 80 else 1.2
    lit = f"--c:{HIGHLIGHT};--w:3.4px;--o:1;--f:{tint(HIGHLIGHT, 0.2)};--g:{HIGHLIGHT};--b:700"
    exact = f"--c:{_DEEP};--w:4.6px;--o:1;--f:{tint(HIGHLIGHT, 0.38)};--g:{_DEEP};--b:700"
    units = [f"s{j + 1}" for j in range(wiring.outputs)]
    units += [f"x{i + 1}" for i in range(wiring.inputs)]
    pairs = [f"{j + 1}-{i + 1}" for i, j in wiring.pairs]

    def pointed_at(names: list[str], look: str) -> str:
        rules = ",".join(f"{root}:has(.h{name}:hover) .m{name}" for name in names)
        return f"{rules}{{{look}}}" if names else ""

    rules = {
        ".e path": "fill:none;stroke-linecap:round",
        ".e .l": f"stroke:var(--c,{_ARROW});stroke-width:var(--w,{line}px);"
        "opacity:var(--o,1);transition:opacity .12s",
        ".e .t": "stroke:transparent;stroke-width:11px",
        ".lost": f"fill:none;stroke:var(--c,{_LOST});stroke-width:1.8px;"
        "stroke-dasharray:2 6;stroke-linecap:round;opacity:var(--o,1)",
        ".u circle": "stroke-width:var(--w,2.2px)",
        ".x circle": f"fill:var(--f,{tint(INPUT, 0.12)});stroke:var(--c,{INPUT})",
        ".s circle": f"fill:var(--f,{tint(OUTPUT, 0.14)});stroke:var(--c,{OUTPUT})",
        f".u text,{root} .k": "font-weight:var(--b,400)",
        ".c": f"fill:var(--g,{_ARROW});stroke:{PAPER};stroke-width:1.5px",
        ".z": f"fill:var(--f,#EEF0F3);stroke:{PAPER};stroke-width:1.5px",
        ".h": "cursor:default",
        ".picked .e": "--o:.6",
    }
    css = "".join(f"{root} {what}{{{look}}}" for what, look in rules.items())
    css += f"{root}:not(:has(.h:hover)) .on{{{lit}}}"  # it steps back while one points elsewhere
    css += f"{root}:has(.h:hover) .e,{root}:has(.h:hover) .lost{{--o:.4}}"
    return css + pointed_at(units, lit) + pointed_at(pairs, exact)


def _arrows(wiring: Connections, places: dict, gap: float, picked: str) -> list[str]:
    """Draw the arrows, those of the picked unit last: what is drawn last lies on top."""
    head = max(6.0, min(10.0, (gap - 3) * 0.5))
    lost, behind, front = [], [], []
    for i, j in wiring.lost + wiring.pairs:
        a, b = j + 1, i + 1
        x1, y1, x2, y2 = svg.between(places[f"x{b}"], places[f"s{a}"], gap)
        straight = f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"
        if not 1 <= b <= wiring.inputs:
            lost.append(element("path", class_=f"lost ms{a}", d=straight))
            continue
        (front if picked in (f"s{a}", f"x{b}") else behind).append(
            f'<g class="e h hs{a} h{a}-{b} ms{a} mx{b} m{a}-{b}">'
            f'<title>x{b} to s{a}, weight w{a},{b}</title><path class="t" d="{straight}"/>'
            f'<path class="l" d="{svg.arrow(x1, y1, x2, y2, head)}"/></g>'
        )
    return lost + behind + front


def _unit(name: str, place: tuple[float, float], radius: float, wiring: Connections) -> str:
    """Draw a unit, or a zero of the padding: an input whose number lies outside 1 to n."""
    (x, y), letter, k = place, name[0], int(name[1:])
    size = 15  # x12 does not fit beside x11: the bare number, the row says which letter
    low, label = y - radius - 9 if letter == "s" else y + radius + size + 3, str(k)
    if inside := radius > 15:
        widest = _indexed_width(max(wiring.inputs, wiring.outputs), 17)
        size = 17 * min(1.0, (2 * radius - 6) / widest)
        low, label = y + size * 0.3, _indexed(letter, k, size)
    if letter == "x" and not 1 <= k <= wiring.inputs:
        look = {"fill": PAPER, "stroke": _LOST, "stroke_width": 1.8, "stroke_dasharray": "3 4"}
        low += size * 0.06 * inside
        drawn = circle(x, y, radius, **look)
        drawn += text(x, low, "0", size * 0.9, anchor="middle", fill=MUTED)
        return group(element("title", "a zero of the padding") + drawn)
    tip, lit_by = wiring.neighbours(name)[:-1], f"m{name}"
    if letter == "s":
        terms = " + ".join(f"w{k},{i + 1}\u00b7x{i + 1}" for i, _ in wiring.of(name))
        tip = f"{name} = {terms or '0 (it reads padding only)'}"
    for i, j in wiring.of(name):
        lit_by += f" m{j + 1}-{i + 1} " + (f"mx{i + 1}" if letter == "s" else f"ms{j + 1}")
    drawn = circle(x, y, radius) + text(x, low, label, size, anchor="middle")
    return group(element("title", tip) + drawn, class_=f"u {letter} h h{name} {lit_by}")


def _matrix(wiring: Connections) -> list[str]:
    n, m, filled = wiring.inputs, wiring.outputs, set(wiring.pairs)
    left, top = _MATRIX_LEFT + 44, _MATRIX_TOP
    room = (_MATRIX_RIGHT - left) / n
    tall = min(room, (_MATRIX_BOTTOM - top) / m, 54)
    wide = min(room, max(tall, 21))  # square, unless the number above the column needs more
    # Too narrow for x12 in every column: the bare numbers, and the letters once, in the corner.
    full = min(wide, tall) >= 29
    size = 16 if full else 14

    def label(letter, k, x, y, anchor):
        content = _indexed(letter, k + 1, size) if full else str(k + 1)
        name = f"{letter}{k + 1}"
        return text(x, y, content, size, anchor=anchor, classes=f"k h h{name} m{name}")

    parts = [label("x", i, left + (i + 0.5) * wide, top - 11, "middle") for i in range(n)]
    for j in range(m):
        parts.append(label("s", j, left - 10, top + (j + 0.5) * tall + size * 0.34, "end"))
    if not full:
        parts.append(text(left - 10, top - 11, "s \\ x", size, anchor="end", fill=MUTED))
    for j in range(m):
        for i in range(n):
            a, b = j + 1, i + 1
            kind, tip = f"z h hs{a}", f"0: no arrow from x{b} to s{a}"
            if (i, j) in filled:
                kind, tip = f"c h hs{a} h{a}-{b} m{a}-{b}", f"w{a},{b}: x{b} to s{a}"
            parts.append(
                f'<rect class="{kind} ms{a} mx{b}" x="{left + i * wide:.1f}" '
                f'y="{top + j * tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" rx="3">'
                f"<title>{tip}</title></rect>"
            )
    look = {"fill": "none", "stroke": INK, "stroke_opacity": ".35", "stroke_width": 1.2}
    look |= {"rx": 4, "pointer_events": "none"}
    return [*parts, rect(left - 1, top - 1, n * wide + 2, m * tall + 2, **look)]


def _indexed(letter: str, index: int, size: float) -> str:
    """Return a letter with a subscript, for the inside of a `<text>` of that size."""
    return letter + element("tspan", str(index), dy=size * 0.25, font_size=size * _SUBSCRIPT)


def _indexed_width(index: int, size: float) -> float:
    """Estimate how wide one letter with this subscript is drawn."""
    return size * (0.6 + 0.64 * _SUBSCRIPT * len(str(index)))
