"""Who uses which weight: filters, arrows and matrices by colour; the pictures of the experiment.

Three weights that slide over the inputs have a colour each, and a dash pattern or a name, so that
the copies of one weight are recognised without colour, too. Pointing at an arrow or a cell lights
up every use of that weight; pointing at a row of the large matrix lights up its window in the
picture. Style rules do that alone.
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
WHERE = ("places shown", "one step away", "farther away")
_HEIGHT = 372
_TOP, _BOTTOM = 104, 308
_LEFT, _RIGHT = 140, 610
_MATRIX_LEFT, _MATRIX_RIGHT, _MATRIX_TOP = 690, 982, 82


def sharing_diagram(n, *, shared, rows=None, x=None, s=None, unit=None):
    """Draw a layer of n inputs, 3 to 7, kernel 3 and zero padding, with its matrix.

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
        text(20, _TOP + 5, "outputs s", 16, fill=MUTED),
        text(20, _BOTTOM + 5, "inputs x", 16, fill=MUTED),
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
    return drawn + text(*middle, content, max(size, 16), anchor="middle", **look)


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
            yield text(place, y + below, name, 16, anchor="middle", fill=MUTED)


def _names(n, side):
    """The names of rows and columns."""
    for k in range(n):
        middle = (k + 0.5) * side
        yield text(_MATRIX_LEFT + middle, _MATRIX_TOP - 9, f"x{k + 1}", 16, anchor="middle")
        yield text(_MATRIX_LEFT - 8, _MATRIX_TOP + middle + 5.25, f"s{k + 1}", 16, anchor="end")


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


def filter_diagram():
    """Draw the filters of three outputs of a dense layer, each as long as x, beside one that moves.

    The inputs are x1 to x5; the small filter stands over three of them, one place on in each line.
    """
    parts = [
        text(20, 34, "MLP: each output has its own filter", 20, bold=True),
        text(530, 34, "Convolution: one filter, moved along", 20, bold=True),
        svg.line(500, 14, 500, 330, stroke=FAINT, stroke_width=2),
    ]
    for line, output in enumerate((2, 3, 4)):
        y, own = 54 + 94 * line, [(k, f"w{output},{k + 1}", None) for k in range(5)]
        window = "; ".join(f"x{line + t + 1}" for t in range(3))
        parts += _filter_over_inputs(20, y, 64, own)
        parts.append(text(354, y + 46, f"s{output} = w{output}ᵀ x", 19))
        parts += _filter_over_inputs(530, y, 52, [(line + t, f"w{t + 1}", t) for t in range(3)])
        parts.append(text(800, y + 46, f"s{output} = wᵀ({window})", 19))
    alt = (
        "Left, an MLP: s2, s3 and s4 have five weights of their own each, one for every input. "
        "Right, a convolution: the same three weights w1, w2, w3 stand over x1 to x3 for s2, "
        "over x2 to x4 for s3, over x3 to x5 for s4."
    )
    return svg.frame("".join(parts), height=340, alt=alt, kind="cnn-filters")


def _filter_over_inputs(left, y, pitch, weights):
    """Draw a filter, (place, name, colour) of each weight, over the row of the inputs x1 to x5."""
    width, read = pitch - 4, {place for place, _, _ in weights}
    for place, name, t in weights:
        x = left + place * pitch
        yield svg.box(x, y, width, 34, _LOOKS[t][0], 0.24)
        yield text(x + width / 2, y + 23, name, 17, anchor="middle", bold=t is not None)
    for k in range(5):
        x, colour = left + k * pitch + width / 2, INPUT if k in read else FAINT
        look = {"fill": tint(colour, 0.12), "stroke": colour, "stroke_width": 2.2}
        yield svg.circle(x, y + 57, 18, **look)
        yield text(x, y + 62.6, f"x{k + 1}", 16, anchor="middle", fill=MUTED)


_AT = {"picture": (20, 40, 36), "matrix": (278, 40, 14), "result": (836, 40, 36)}  # left, top, side


def matrix_diagram(x, kernel, *, rows=None):
    """Draw a picture (6, 6), the matrix of its convolution with a kernel (3, 3), and the result.

    Each row of the kernel has a colour. Pointing at a row of the matrix, at an output or at the
    middle of its window lights up all three. rows: how many are filled in; without it, all.
    """
    from course_utils import ops

    matrix, s = ops.toeplitz(kernel[None, None], (1, 6, 6)), ops.conv2d(x[None], kernel[None, None])
    filled, start = rows or 16, 0 if rows else 5
    parts = [*_greys("picture", x, 36), *_greys("result", s[0], filled)]
    for k in range(24):  # the blocks
        parts.append(_outline("matrix", 4 * (k // 6), 6 * (k % 6), 4, 6, stroke=FAINT))
    for j in range(filled):
        row, column = divmod(j, 4)
        window = [_outline("picture", row, column, 3, 3)]
        for t in range(9):
            at = row + t // 3, column + t % 3
            window.append(_tap("picture", *at, t // 3, signed(int(kernel.flat[t]))))
        band = [_tap("matrix", j, i, i // 6 - row) for i in matrix[j].nonzero()[0].tolist()]
        places = ("matrix", j, 0, 1, 36), ("result", row, column), ("picture", row + 1, column + 1)
        rings = [group(_outline(*place), class_=f"o m{j}") for place in places]
        hover = f"row {j + 1} of W: output {j + 1} and its window"
        parts += [group(window, class_=f"o w m{j}"), *band]
        parts.append(group(rings, class_=f"h h{j}", hover=hover))
    captions = {"picture": "x: 6 × 6 pixels", "matrix": "W: 16 rows, 36 columns"}
    for place, said in (captions | {"result": "s: 4 × 4"}).items():
        parts.append(text(_AT[place][0], 24, said, 19, bold=True))
    alt = (
        f"A picture of 6 by 6 pixels, the matrix of 16 rows and 36 columns with {filled} of its "
        f"rows filled in, and the 4 by 4 outputs. Lit: output {start + 1}, its window of 3 by 3 "
        "pixels, and its row of W: three runs of three entries, six columns apart."
    )
    root = f".cnn-rows-{filled}"  # two of these pictures may stand on one page
    lit = ",".join(f"{root}:has(.h{j}:hover) .m{j}" for j in range(filled))
    css = (
        f"{root} .o{{opacity:0}}{root} .w{{pointer-events:none}}{root} .h{{pointer-events:all}}"
        f"{root}:not(:has(.h:hover)) .m{start},{lit}{{opacity:1}}"
    )
    return svg.frame("".join(parts), height=272, alt=alt, kind=root[1:], css=css)


def _greys(place, values, known):
    """Draw an array as grey pixels, dark for its smallest value; white where it is not known."""
    spread = (values - values.min()) / (values.max() - values.min())
    (left, top, side), columns = _AT[place], values.shape[1]
    for k, share in enumerate(spread.flat):
        y, x = divmod(k, columns)
        fill = tint("#000000", 0.85 - 0.7 * float(share)) if k < known else PAPER
        yield svg.rect(left + x * side, top + y * side, side, side, fill=fill, stroke=FAINT)


def _outline(place, row, column, rows=1, columns=1, **look):
    left, top, side = _AT[place]
    look = {"fill": "none", "stroke": "#000000", "stroke_width": 2.5 if not look else 1} | look
    at = left + column * side, top + row * side
    return svg.rect(*at, columns * side, rows * side, **look)


def _tap(place, row, column, kernel_row, value=""):
    """Draw a weight of the large matrix, or with its value over the picture."""
    left, top, side = _AT[place]
    x, y = left + column * side, top + row * side
    drawn = svg.box(x, y, side, side, _LOOKS[kernel_row][0], 0.5, rx=0, stroke_width=1)
    return drawn + (text(x + 18, y + 24, value, 17, anchor="middle", bold=True) if value else "")


def draw_accuracies(results):
    """Draw three bars per network, with their percentages, and a dotted line at guessing.

    results: name of the network -> percent at the places shown, one step away, farther away.
    """
    percent = dict(zip(WHERE, zip(*results.values(), strict=True), strict=True))
    look = {"ylabel": "digits read correctly (%)", "ylim": (0, 112), "yticks": range(0, 101, 20)}
    ax = bars(list(results), percent, ax=new_axes(10, 3.1), **look)
    ax.axhline(10, color=MUTED, linewidth=1, linestyle=":")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)
    return ax


def draw_by_place(accuracy, shown, *, ax, title):
    """Draw the accuracy (rows, columns), 0 to 1, at every place of the canvas.

    shown: (row, column) of the places in the training set; each gets a cross.
    """
    ax.imshow(accuracy, vmin=0, vmax=1, interpolation="nearest")
    rows, columns = zip(*shown, strict=True)
    ax.plot(columns, rows, "x", color=PALETTE["vermillion"], markersize=9, markeredgewidth=2.5)
    ax.set(xticks=[], yticks=[], title=title)
    return ax


def draw_filters(filters):
    """Draw filters (3, 3), title -> numbers, side by side, with zero in grey; return the figure."""
    from matplotlib import pyplot

    fig, axes = pyplot.subplots(1, len(filters), figsize=(11, 2.5))
    for ax, (title, w) in zip(axes, filters.items(), strict=True):
        ax.imshow(w, cmap="gray", vmin=-2, vmax=2)
        ax.set(xticks=[], yticks=[], title=title)
        for place in product(range(3), repeat=2):
            value = round(float(w[place]), 1)
            look = {"color": PAPER if value < -0.5 else "black", "ha": "center", "va": "center"}
            ax.text(*place[::-1], f"{value + 0:.1f}", size=14, **look)  # + 0: no minus before 0.0
    return fig
