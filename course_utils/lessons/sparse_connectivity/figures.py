"""Which input feeds which output: the arrows of one layer beside the matrix of its weights.

The arrows follow fig. 9.2 of Goodfellow, Bengio and Courville, *Deep Learning* (2016). The matrix
holds one row per output and one column per input; a filled cell is an arrow. Pointing at a unit,
an arrow or a cell lights up the same connections in both, by style rules alone: it works in an
exported page, where no kernel runs.
"""

import re
from itertools import product

from course_utils.drawing import svg
from course_utils.drawing.sliding import indexed, moving, unit
from course_utils.drawing.style import HIGHLIGHT, INK, INPUT, MUTED, OUTPUT, PAPER, WEIGHT, tint
from course_utils.drawing.svg import Diagram, circle, element, group, path, plural, rect, text
from course_utils.geometry import output_size

_HEIGHT = 336
_TOP, _BOTTOM = 92, 284  # heights of the two rows of unit centres
_LEFT, _RIGHT = 118, 626  # the arrows stay between
_MATRIX_LEFT, _MATRIX_RIGHT, _MATRIX_TOP = 664, 982, 74
_ARROW = "#76808F"
_LOST = "#AEB5C0"  # arrows and zeros that do not count
_DEEP = "#8A3A00"  # the one arrow under the pointer, darker than its highlighted row
_SUBSCRIPT = 0.85  # of the letter: large enough to be read from afar


class Wiring:
    """Units and arrows of a one-dimensional layer, counted from 1 as in the picture.

    n, m: how many inputs and outputs. pairs: the arrows, (output, input). lost: the pairs whose
    input, below 1 or above n, is a zero of the padding; they are no arrows, that zero is no unit.
    dense: every input feeds every output of the convolution that the other arguments describe.
    """

    def __init__(self, n, kernel, stride, padding, dilation, dense=False):
        self.n, self.m = n, output_size(n, kernel, stride, padding, dilation)
        self.pairs, self.lost = [], []
        for s, tap in product(range(self.m), range(kernel)):
            x = s * stride - padding + tap * dilation
            (self.pairs if 0 <= x < n else self.lost).append((s + 1, x + 1))
        if dense:
            self.pairs, self.lost = list(product(range(1, self.m + 1), range(1, n + 1))), []

    def of(self, unit):
        """The arrows of one unit, "s3" or "x2"."""
        side, number = "sx".index(unit[0]), int(unit[1:])
        return [pair for pair in self.pairs if pair[side] == number]

    def neighbours(self, unit):
        """Say what a unit is joined to: "s3 reads x2, x3, x4." or "x2 feeds s1, s2, s3."."""
        if unit[0] == "s":
            joined = ", ".join(f"x{x}" for _, x in self.of(unit))
            return f"{unit} reads {joined or 'zeros of the padding only'}."
        return f"{unit} feeds {', '.join(f's{s}' for s, _ in self.of(unit)) or 'no output'}."


LAYERS = {"Sparse": Wiring(5, 3, 1, 1, 1), "Dense": Wiring(5, 3, 1, 1, 1, dense=True)}


def _layer(wiring, first, pitch, top, low, only=0):
    """Draw a layer, x1 at the place `first`; only: no arrows but those into this output."""
    ends = range(0, wiring.n + 2) if wiring.lost else range(1, wiring.n + 1)
    for s, x in wiring.pairs:
        if only in (0, s):
            start, end = (first + (x - 1) * pitch, low), (first + (s - 1) * pitch, top)
            look = {"stroke": HIGHLIGHT if only else _ARROW, "stroke_width": 3 if only else 1.8}
            yield path(svg.arrow(*svg.between(start, end, 25), 9), **look)
    for k in ends:
        name = indexed("x", k) if 0 < k <= wiring.n else "0"
        yield unit(first + (k - 1) * pitch, low, 22, name, INPUT)
    for k in range(1, wiring.m + 1):
        yield unit(first + (k - 1) * pitch, top, 22, indexed("s", k), OUTPUT)


def arrows_into_s3(kind) -> Diagram:
    """Draw five inputs and outputs and the arrows into the middle one only, to count the rest."""
    wiring = LAYERS[kind]
    body = "".join(_layer(wiring, 316, 92, 30, 150, only=3))
    alt = (
        f"Five inputs below, five outputs above. {wiring.neighbours('s3')} No other arrow is drawn."
    )
    return svg.frame(body, height=180, alt=alt, kind="cnn-into-s3")


def sparse_beside_dense() -> Diagram:
    """Draw the two layers beside each other, with what they have to learn."""
    body, said = [], []
    for left, (name, wiring) in zip((20, 540), LAYERS.items(), strict=True):
        count = len(wiring.pairs)
        body.append(text(left, 34, f"{name} connection", 21, bold=True))
        body += _layer(wiring, left + 88, 66, 92, 240)
        body.append(text(left, 310, f"Weights: {count} numbers", 21, fill=_DEEP, bold=True))
        said.append(f"{name} connection: {count} arrows, so {count} weights.")
    return svg.frame("".join(body), height=330, alt=" ".join(said), kind="cnn-beside")


def weights_row_by_row() -> Diagram:
    """Build W: each output is x'w with its own w, and its w is a row of the matrix."""
    wiring, body, frames = LAYERS["Dense"], [], []
    body += _layer(wiring, 50, 76, 70, 250)
    body += [
        text(450, 26, "five sums", 19, bold=True),
        text(676, 26, "W, 5 \u00d7 5", 19, bold=True),
    ]
    for s in range(1, 6):
        y, (row, line) = 46 + (s - 1) * 46, (f"{indexed('s', s)} = x\u2032{indexed('w', s)}", [])
        body.append(text(450, y + 30, row, 20))
        for x in range(1, 6):
            body.append(rect(676 + (x - 1) * 58, y, 58, 42, fill=tint(WEIGHT, 0.3), stroke=PAPER))
            name = f"{indexed('w', s)}\u200a{indexed('', x)}"
            body.append(text(705 + (x - 1) * 58, y + 28, name, 17, anchor="middle"))
            line.append(f"{indexed('x', x)}{name}")
        lit = [*_layer(wiring, 50, 76, 70, 250, only=s)]
        lit.append(rect(438, y - 2, 530, 46, rx=5, fill="none", stroke=HIGHLIGHT, stroke_width=3))
        lit.append(text(500, 316, f"{row} = {' + '.join(line)}", 20, anchor="middle"))
        frames.append("".join(lit))
    alt = (
        "A dense layer, one output at a time: s1 = x'w1, s2 = x'w2, to s5 = x'w5. The five weights "
        "of w1 are the first row of the matrix W, those of w5 the fifth: 25 numbers."
    )
    return moving("".join(body), frames, height=334, alt=alt, seconds=2)


def edge_diagram(n, kernel=3, stride=1, padding=0, dilation=1, dense=False, picked=""):
    """Draw the arrows of a layer and its weight matrix, side by side.

    dense: a fully connected layer between the units of the convolution that the numbers describe.
    picked: the unit to highlight, "s3" or "x2", counted from 1.
    """
    wiring = Wiring(n, kernel, stride, padding, dilation, dense)
    m, count, zeros = wiring.m, len(wiring.pairs), 0 if dense else padding
    pitch = min((_RIGHT - _LEFT) / (n + 2 * padding), 92)
    radius = min(23, 0.4 * pitch) if pitch >= 46 else min(12, 0.34 * pitch)
    x1 = (_LEFT + _RIGHT - (n - 1) * pitch) / 2
    s1 = x1 + (dilation * (kernel - 1) / 2 - padding) * pitch  # above the middle of what it reads
    places = {f"x{i + 1}": (x1 + i * pitch, _BOTTOM) for i in range(-zeros, n + zeros)}
    places |= {f"s{j + 1}": (s1 + j * stride * pitch, _TOP) for j in range(m)}
    name, arrows = "Fully connected" if dense else "Convolution", plural(count, "arrow")
    body = [
        text(20, 36, f"{name}: {arrows}", 21, bold=True),
        text(_MATRIX_LEFT, 36, f"{count} of {n * m} weights", 21, bold=True),
        text(20, _TOP + 5, "outputs s", 15, fill=MUTED),
        text(20, _BOTTOM + 5, "inputs x", 15, fill=MUTED),
        *_arrows(wiring, places, radius + 3, picked),
        *(_unit(name, place, radius, wiring) for name, place in places.items()),
        *_matrix(wiring),
    ]
    body = group(body, class_="picked" if picked else "open")
    alt = (
        f"{name}{' layer' * dense}: {plural(n, 'input')}, {plural(m, 'output')}, {arrows} out of "
        f"{n * m} possible; the matrix has {m} rows, {n} columns and {count} filled cells."
    )
    if picked:  # by a class: the rules of one picture reach all others on the page
        alt += " " + wiring.neighbours(picked)
        body = re.sub(rf'\bm{picked}(?=[ "])', r"\g<0> on", body)
    return svg.frame(body, height=_HEIGHT, alt=alt, kind="cnn-edges", css=_css(wiring))


def _css(wiring):
    """Style rules: a highlighted element gets variables, and draws itself with them.

    `.hs3` marks what lights up row 3 when pointed at, `.ms3` what then lights up; `.hx2`, `.mx2`
    do the same for input 2, and `.h3-2`, `.m3-2` for one arrow. `.on` is lit until one points.
    """
    root, line = ".cnn-edges", 1.8 if len(wiring.pairs) <= 80 else 1.2
    lit = f"--c:{HIGHLIGHT};--w:3.4px;--o:1;--f:{tint(HIGHLIGHT, 0.2)};--g:{HIGHLIGHT};--b:700"
    exact = f"--c:{_DEEP};--w:4.6px;--o:1;--f:{tint(HIGHLIGHT, 0.38)};--g:{_DEEP};--b:700"
    rules = {
        " .e path": "fill:none;stroke-linecap:round",
        " .e .l": f"stroke:var(--c,{_ARROW});stroke-width:var(--w,{line}px);"
        "opacity:var(--o,1);transition:opacity .12s",
        " .e .t": "stroke:transparent;stroke-width:11px",
        " .lost": f"fill:none;stroke:var(--c,{_LOST});stroke-width:1.8px;"
        "stroke-dasharray:2 6;stroke-linecap:round;opacity:var(--o,1)",
        " .u circle": "stroke-width:var(--w,2.2px)",
        " .x circle": f"fill:var(--f,{tint(INPUT, 0.12)});stroke:var(--c,{INPUT})",
        " .s circle": f"fill:var(--f,{tint(OUTPUT, 0.14)});stroke:var(--c,{OUTPUT})",
        f" .u text,{root} .k": "font-weight:var(--b,400)",
        " .c": f"fill:var(--g,{_ARROW});stroke:{PAPER};stroke-width:1.5px",
        " .z": f"fill:var(--f,#EEF0F3);stroke:{PAPER};stroke-width:1.5px",
        " .h": "cursor:default",
        " .picked .e": "--o:.6",
        ":not(:has(.h:hover)) .on": lit,
        f":has(.h:hover) .e,{root}:has(.h:hover) .lost": "--o:.4",
    }
    units = [f"s{s + 1}" for s in range(wiring.m)] + [f"x{x + 1}" for x in range(wiring.n)]
    for names, look in ((units, lit), ([f"{s}-{x}" for s, x in wiring.pairs], exact)):
        rules[f",{root}".join(f":has(.h{name}:hover) .m{name}" for name in names)] = look
    return "".join(f"{root}{what}{{{look}}}" for what, look in rules.items() if what)


def _arrows(wiring, places, gap, picked):
    """Draw the arrows, those of the picked unit last: what is drawn last lies on top."""
    head = max(6.0, min(10.0, (gap - 3) * 0.5))
    pairs = sorted(wiring.pairs, key=lambda pair: picked in (f"s{pair[0]}", f"x{pair[1]}"))
    for s, x in wiring.lost + pairs:
        ends = svg.between(places[f"x{x}"], places[f"s{s}"], gap)
        straight = "M{:.1f} {:.1f}L{:.1f} {:.1f}".format(*ends)
        if 1 <= x <= wiring.n:
            yield (
                f'<g class="e h hs{s} h{s}-{x} ms{s} mx{x} m{s}-{x}">'
                f'<title>x{x} to s{s}, weight w{s},{x}</title><path class="t" d="{straight}"/>'
                f'<path class="l" d="{svg.arrow(*ends, head)}"/></g>'
            )
        else:
            yield element("path", class_=f"lost ms{s}", d=straight)


def _unit(name, place, radius, wiring):
    """Draw a unit, or a zero of the padding: an input whose number lies outside 1 to n."""
    (x, y), letter, k = place, name[0], int(name[1:])
    size = 15  # x12 does not fit beside x11: the bare number, the row says which letter
    low, label = y - radius - 9 if letter == "s" else y + radius + size + 3, str(k)
    if inside := radius > 15:
        widest = 17 * (0.6 + 0.64 * _SUBSCRIPT * len(str(max(wiring.n, wiring.m))))
        size = 17 * min(1.0, (2 * radius - 6) / widest)
        low, label = y + size * 0.3, _indexed(letter, k, size)
    if letter == "x" and not 1 <= k <= wiring.n:
        look = {"fill": PAPER, "stroke": _LOST, "stroke_width": 1.8, "stroke_dasharray": "3 4"}
        zero = text(x, low + size * 0.06 * inside, "0", size * 0.9, anchor="middle", fill=MUTED)
        return group(circle(x, y, radius, **look) + zero, hover="a zero of the padding")
    tip, lit_by = wiring.neighbours(name)[:-1], f"m{name}"
    if letter == "s":
        terms = " + ".join(f"w{k},{i}\u00b7x{i}" for _, i in wiring.of(name))
        tip = f"{name} = {terms or '0 (it reads padding only)'}"
    for j, i in wiring.of(name):
        lit_by += f" m{j}-{i} " + (f"mx{i}" if letter == "s" else f"ms{j}")
    drawn = circle(x, y, radius) + text(x, low, label, size, anchor="middle")
    return group(drawn, class_=f"u {letter} h h{name} {lit_by}", hover=tip)


def _indexed(letter, k, size):
    return letter + element("tspan", str(k), dy=size * 0.25, font_size=size * _SUBSCRIPT)


def _matrix(wiring):
    n, m, left, top = wiring.n, wiring.m, _MATRIX_LEFT + 44, _MATRIX_TOP
    room = (_MATRIX_RIGHT - left) / n
    tall = min(room, (_HEIGHT - 20 - top) / m, 54)
    wide = min(room, max(tall, 21))  # square, unless the number above the column needs more
    # Too narrow for x12 in every column: the bare numbers, and the letters once, in the corner.
    full = min(wide, tall) >= 29
    size = 17 if full else 15

    def label(letter, k, x, y, anchor):
        content, name = _indexed(letter, k, size) if full else str(k), f"{letter}{k}"
        return text(x, y, content, size, anchor=anchor, classes=f"k h h{name} m{name}")

    for k in range(n):
        yield label("x", k + 1, left + k * wide + wide / 2, top - 11, "middle")
    for k in range(m):
        yield label("s", k + 1, left - 10, top + k * tall + tall / 2 + size * 0.34, "end")
    if not full:
        yield text(left - 10, top - 11, "s \\ x", size, anchor="end", fill=MUTED)
    for s, x in product(range(1, m + 1), range(1, n + 1)):
        kind, tip = f"z h hs{s}", f"0: no arrow from x{x} to s{s}"
        if (s, x) in wiring.pairs:
            kind, tip = f"c h hs{s} h{s}-{x} m{s}-{x}", f"w{s},{x}: x{x} to s{s}"
        yield (
            f'<rect class="{kind} ms{s} mx{x}" x="{left + (x - 1) * wide:.1f}" '
            f'y="{top + (s - 1) * tall:.1f}" width="{wide:.1f}" height="{tall:.1f}" rx="3">'
            f"<title>{tip}</title></rect>"
        )
    look = {"fill": "none", "stroke": INK, "stroke_opacity": ".35", "stroke_width": 1.2}
    look |= {"rx": 4, "pointer_events": "none"}
    yield svg.rect(left - 1, top - 1, n * wide + 2, m * tall + 2, **look)
