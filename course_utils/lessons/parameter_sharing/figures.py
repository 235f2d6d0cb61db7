"""Who uses which weight: arrows and matrix coloured by weight, and the pictures of the experiment.

In the diagram three weights slide over the inputs. Each has a colour and a dash pattern of its own,
so that the copies of one weight are recognised without colour, too. Pointing at an arrow or a cell
lights up every use of that weight, by style rules alone.
"""

from itertools import product

from course_utils.drawing import svg
from course_utils.drawing.plots import bars, new_axes
from course_utils.drawing.style import FAINT, INPUT, MUTED, OUTPUT, PALETTE, PAPER, tint
from course_utils.drawing.svg import element, group, text

_LOOKS = {  # colour and dashes of w1, w2 and w3, and of weights that nobody shares
    0: (PALETTE["vermillion"], "9 5"),
    1: (PALETTE["blue"], None),
    2: (PALETTE["purple"], "2 6"),
    None: ("#76808F", None),
}
_HEIGHT = 372
_TOP, _BOTTOM = 104, 308
_LEFT, _RIGHT = 140, 610
_MATRIX_LEFT, _MATRIX_RIGHT, _MATRIX_TOP = 690, 982, 82


def sharing_diagram(n, *, shared, rows=None, x=None, s=None, unit=None):
    """Draw a layer of n inputs, 3 to 9, kernel 3 and zero padding, with its matrix.

    shared: whether the weights of all rows are the same three. rows: (w1, w2, w3) of each output,
    whole numbers, x and s: what inputs and outputs hold; without them there are names only.
    unit: where weights are not shared, the output, from 1, whose weights are coloured.
    """
    pitch = min((_RIGHT - _LEFT) / (n - 1), 96)
    radius = min(24, 0.4 * pitch)
    side = min((_MATRIX_RIGHT - _MATRIX_LEFT) / n, (_HEIGHT - 20 - _MATRIX_TOP) / n, 54)
    places = [(_LEFT + _RIGHT) / 2 + (k - (n - 1) / 2) * pitch for k in range(n)]
    arrows, cells, keys = [], [], set()
    for j, i in product(range(n), repeat=2):
        corner, t = (_MATRIX_LEFT + i * side, _MATRIX_TOP + j * side), i - j + 1
        if not 0 <= t <= 2:
            cells.append(svg.rect(*corner, side, side, class_="z", rx=3, hover="no arrow: 0"))
            continue
        name, key = f"w{j + 1},{i + 1}", f"t{j + 1}-{t + 1}"
        if shared:
            name, key = f"w{t + 1}", f"t{t + 1}"
        keys.add(key)
        value, mine = rows and rows[j][t], t if shared or j + 1 == unit else None
        written = name if value is None else signed(value)
        said = name if value is None else f"{name} = {written}"
        drawn = _arrow(places[i], places[j], radius, value, mine)
        arrows.append(group(drawn, class_=f"e h{key} m{key}", hover=said))
        drawn, said = _cell(*corner, side, written, mine), f"row s{j + 1}, column x{i + 1}: {said}"
        cells.append(group(drawn, class_=f"c h{key} m{key}", hover=said))
    count, uses = len(keys), len(arrows)
    parts = [
        text(20, 36, f"{'Shared' if shared else 'Not shared'}: {count} weights", 21, bold=True),
        text(_MATRIX_LEFT, 36, f"{uses} filled cells", 21, bold=True),
        text(20, _TOP + 5, "outputs s", 15, fill=MUTED),
        text(20, _BOTTOM + 5, "inputs x", 15, fill=MUTED),
        *arrows,
        *_units("x", places, _BOTTOM, radius, INPUT, x),
        *_units("s", places, _TOP, radius, OUTPUT, s),
        *_names(n, side),
        *cells,
    ]
    alt = f"{n} inputs, {n} outputs, {uses} arrows, {count} weights, "
    alt += "each along one diagonal of the matrix" if shared else "every arrow with one of its own"
    if shared and rows:
        alt += ": " + ", ".join(f"w{t} = {signed(w)}" for t, w in enumerate(rows[0], 1))
    if s:
        alt += f"; outputs {', '.join(map(signed, s))}"
    body = "".join(parts)
    return svg.frame(body, height=_HEIGHT, alt=f"{alt}.", kind="cnn-sharing", css=_css(keys))


def signed(value):
    """Write a whole number with a real minus sign."""
    return f"{svg.MINUS}{-value}" if value < 0 else str(value)


def _arrow(start, end, radius, value, t):
    """Draw an arrow. t: which of the coloured weights it uses, from 0; None: it uses another."""
    x1, y1, x2, y2 = svg.between((start, _BOTTOM), (end, _TOP), radius + 3)
    colour, dashes = (FAINT, None) if value == 0 else _LOOKS[t]
    width = 3.2 if value is None else 1.2 + 1.1 * abs(value)
    look = {"class_": "l", "stroke": colour, "stroke_width": width, "stroke_dasharray": dashes}
    reach = element("path", d=f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}", class_="reach")
    return reach + element("path", d=svg.arrow(x1, y1, x2, y2, 9), **look)


def _cell(x, y, side, content, t):
    size = 0.42 * side if len(content) < 3 else 0.31 * side
    middle, look = (x + side / 2, y + side / 2 + size * 0.36), {"bold": t is not None}
    drawn = svg.box(x, y, side, side, _LOOKS[t][0], 0.24, stroke_width=1.5)
    return drawn + text(*middle, content, max(size, 12.5), anchor="middle", **look)


def _units(letter, places, y, radius, colour, values):
    size = min(17, 0.8 * radius)
    below = radius + 19 if letter == "x" else -radius - 8
    look = {"fill": tint(colour, 0.12), "stroke": colour, "stroke_width": 2.2}
    for k, place in enumerate(places):
        name = f"{letter}{k + 1}"
        inside = name if values is None else signed(values[k])
        yield svg.circle(place, y, radius, **look)
        yield text(place, y + size * 0.36, inside, max(size, 13), anchor="middle")
        if values is not None:
            yield text(place, y + below, name, 14, anchor="middle", fill=MUTED)


def _names(n, side):
    """The names of rows and columns."""
    for k in range(n):
        middle = (k + 0.5) * side
        yield text(_MATRIX_LEFT + middle, _MATRIX_TOP - 9, f"x{k + 1}", 15, anchor="middle")
        yield text(_MATRIX_LEFT - 8, _MATRIX_TOP + middle + 5.25, f"s{k + 1}", 15, anchor="end")


def _css(keys):
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


def draw_matrix(matrix, *, blocks):
    """Draw a matrix (rows, columns) as coloured cells: one colour per value, white for zero.

    blocks: height and width of the blocks between which lines are drawn.
    """
    import numpy as np

    (height, width), largest = matrix.shape, np.abs(matrix).max()
    ax = new_axes(4.4, 4.4 * height / width + 0.3)
    look = {"cmap": "viridis", "vmin": -largest, "vmax": largest, "interpolation": "nearest"}
    ax.imshow(np.ma.masked_equal(matrix, 0), **look)
    for line, side, block in zip((ax.axhline, ax.axvline), matrix.shape, blocks, strict=True):
        for place in range(block, side, block):
            line(place - 0.5, color=MUTED, linewidth=0.8)
    ax.set(xticks=[], yticks=[], xlabel="inputs (pixels)", ylabel="outputs (pixels)")
    ax.spines[:].set_visible(True)
    return ax


def draw_accuracies(results, *, ax=None):
    """Draw two bars per network, with their percentages, and a dotted line at guessing.

    results: name of the network -> accuracy, 0 to 1, at the places shown and at all others.
    """
    shown, others = ([100 * share for share in two] for two in zip(*results.values(), strict=True))
    percent = {"at the places shown": shown, "at all other places": others}
    look = {"ylabel": "digits read correctly (%)", "ylim": (0, 112), "yticks": range(0, 101, 20)}
    ax = bars(list(results), percent, ax=ax, **look)
    ax.axhline(10, color=MUTED, linewidth=1, linestyle=":")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
    return ax


def draw_by_place(accuracy, shown, *, ax, title):
    """Draw the accuracy (rows, columns), 0 to 1, at every place of the canvas.

    shown: (row, column) of the places in the training set; each gets a cross.
    """
    import numpy as np

    ax.imshow(np.asarray(accuracy), vmin=0, vmax=1, interpolation="nearest")  # of a tensor it warns
    rows, columns = zip(*shown, strict=True)
    ax.plot(columns, rows, "x", color=PALETTE["vermillion"], markersize=9, markeredgewidth=2.5)
    ax.set(xticks=[], yticks=[], title=title)
    return ax
