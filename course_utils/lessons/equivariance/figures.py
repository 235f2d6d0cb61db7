"""The two paths of a shift and a layer, the table of the equivariance meter, maps side by side.

A picture goes from paper to ink; a feature map is green where positive, purple where negative,
paper where zero; a difference is vermillion, and dark enough to be seen wherever it is not zero.
"""

from collections import defaultdict
from html import escape
from itertools import chain, groupby

from course_utils.drawing.style import BAD, FAINT, GOOD, INK, MUTED, OUTPUT, PAPER, WEIGHT, tint
from course_utils.drawing.svg import TIMES, WIDTH, arrow, frame, group, number, path, rect, text
from course_utils.lessons.equivariance.layers import LAYERS

ZERO = 1e-5  # below it the meter reads zero: rounding in 32 bits stays well below it

_COLOURS = {"ink": (INK, INK), "signed": (OUTPUT, WEIGHT), "difference": (BAD, BAD)}
_LEVELS = 12  # shades between paper and the full colour
_FAINTEST = 4  # of them, the first one that a difference may have

_SIDE = 146  # of a map
_LEFT, _SHIFTED, _MAPPED, _GAP = 14, 296, 578, 840  # left edges of the four columns
_TOP, _BOTTOM = 36, 224  # upper edges of the two paths
_MIDDLE = (_TOP + _BOTTOM) / 2
_UPPER, _LOWER = _TOP + _SIDE / 2, _BOTTOM + _SIDE / 2  # where their arrows run
_HIGH, _LOW = _MIDDLE + 40, _MIDDLE + _SIDE - 40  # where they leave the picture and end


def two_paths(paths):
    """Draw both paths, a `layers.Paths`, from the picture to the output, and their difference."""
    largest = max(map(abs, chain(*paths.there, *paths.here)))
    moved, moved_out = directions(paths.dx, paths.dy), directions(*paths.moved)
    out = "T" if paths.moved == (paths.dx, paths.dy) else "T\u2032"
    layer = [line.format(paths.kernel) for line in LAYERS[paths.layer][2:]]
    parts = [
        _named("x", paths.x, _LEFT, _MIDDLE, "ink"),
        _named("T x", paths.shifted, _SHIFTED, _TOP, "ink"),
        _seam(_SHIFTED, _TOP, len(paths.x), paths.dx, paths.dy),
        _named("f(x)", paths.mapped, _SHIFTED, _BOTTOM, "signed", largest),
        _named("f(T x)", paths.there, _MAPPED, _TOP, "signed", largest),
        _named(f"{out} f(x)", paths.here, _MAPPED, _BOTTOM, "signed", largest),
        _seam(_MAPPED, _BOTTOM, len(paths.here), *paths.moved),
        _map(paths.gap, _GAP, _MIDDLE, _SIDE, "difference", largest),
        text(_GAP, _MIDDLE - 8, "difference", 17, bold=True),
        _step(_LEFT, _HIGH, _SHIFTED, _UPPER, "shift T", moved),
        _step(_LEFT, _LOW, _SHIFTED, _LOWER, "layer f", layer),
        _step(_SHIFTED, _UPPER, _MAPPED, _UPPER, "layer f", layer),
        _step(_SHIFTED, _LOWER, _MAPPED, _LOWER, f"shift {out}", moved_out),
        _verdict(paths.error),
    ]
    said = f"differ in {paths.count} of" if paths.count else "agree in all"
    alt = (
        f"Two paths through a layer ({', '.join(layer)}): the input shifted {', '.join(moved)} "
        f"and then the layer; the layer and then the output shifted {', '.join(moved_out)}. They "
        f"{said} {paths.cells} cells, relative error {reading(paths.error)}."
    )
    return frame("".join(parts), height=384, alt=alt, kind="cnn-paths")


def directions(dx, dy):
    """Say a shift in words, one per axis that moves: `["3 right", "2 down"]`; `["by 0"]`."""
    ways = (dx, "right"), (-dx, "left"), (dy, "down"), (-dy, "up")
    return [f"{by} {way}" for by, way in ways if by > 0] or ["by 0"]


def reading(error, digits=3, spread=""):
    """Write an error as the meter shows it: `"0"` below `ZERO`, else that many decimals.

    spread: what a measured error may vary by, as in `"0.1"`; it is written behind a ±.
    """
    measured = f"{error:.{digits}f}" + (f" \u00b1 {spread}" if spread else "")
    return "0" if error < ZERO else measured


def _named(name, values, x, y, ramp, largest=None):
    grid = f"{len(values)} {TIMES} {len(values)}"
    drawn = text(x, y - 8, name, 17, bold=True)
    drawn += text(x + _SIDE, y - 8, grid, 14.6, anchor="end", fill=MUTED)
    return drawn + _map(values, x, y, _SIDE, ramp, largest)


def _step(left, y1, right, y2, name, lines):
    """Draw the arrow from a map to the next, with its name and, below, what it does."""
    x1, x2 = left + _SIDE + 8, right - 8
    middle, height, slope = (x1 + x2) / 2, (y1 + y2) / 2, abs(y2 - y1) / 2
    above, below = height - 9 - slope, height + 19 + slope * 0.55
    if y2 > y1:  # slanting down: both stand below, where nothing else is
        above, below = height + 22 + slope, height + 41 + slope
    look = {"stroke": "#76808F", "stroke_width": 2.2, "stroke_linecap": "round"}
    drawn = path(arrow(x1, y1, x2, y2, 9), **look)
    drawn += text(middle, above, name, 15, anchor="middle", bold=True)
    for i, line in enumerate(lines):
        drawn += text(middle, below + i * 18, line, 14.6, anchor="middle", fill=MUTED)
    return drawn


def _verdict(error):
    """Draw = or ≠ between the ends of both paths, and the error."""
    sign, colour = ("\u2260", BAD) if error else ("=", GOOD)
    middle, drawn = (_MAPPED + _SIDE + _GAP) / 2, ""
    for start, end in ((_UPPER, _HIGH), (_LOWER, _LOW)):
        data = f"M{_MAPPED + _SIDE + 6} {start:g}L{middle - 14:g} {end:g}"
        drawn += path(data, stroke=colour, stroke_width=2.2, stroke_linecap="round")
    below, look = _MIDDLE + _SIDE + 28, {"anchor": "middle", "bold": True}
    drawn += text(middle, _MIDDLE + _SIDE / 2 + 13, sign, 40, fill=colour, **look)
    return drawn + text(_GAP + _SIDE / 2, below, f"error {reading(error)}", 19, **look)


def _seam(x, y, n, dx, dy):
    """Draw dashed lines where the border of the unshifted picture has gone."""
    across, down = dx % n, dy % n
    lines = f"M{number(x + across * _SIDE / n)} {number(y)}v{_SIDE}" if across else ""
    lines += f"M{number(x)} {number(y + down * _SIDE / n)}h{_SIDE}" if down else ""
    look = {"stroke": MUTED, "stroke_width": 1.4, "stroke_dasharray": "5 4"}
    return path(lines, class_="seam", **look) if lines else ""


def _map(values, x, y, side, ramp, largest=None):
    """Draw n rows of n numbers as cells; cells of one shade form one path: it stays light."""
    largest = largest or max(map(abs, chain(*values))) or 1
    places = defaultdict(str)  # shade -> path data
    for row, line in enumerate(values):
        shades = [_shade(value, largest, ramp) for value in line]
        for shade, run in groupby(range(len(line)), shades.__getitem__):
            columns = list(run)
            places[shade] += f"M{columns[0]} {row}h{len(columns)}v1h-{len(columns)}z"
    cells = "".join(
        f'<path fill="{tint(_COLOURS[ramp][shade < 0], abs(shade) / _LEVELS)}" d="{data}"/>'
        for shade, data in sorted(places.items())
        if shade
    )
    scale = f"scale({side / len(values):.4f})"
    drawn = group(cells, transform=scale, shape_rendering="crispEdges")
    drawn += rect(0, 0, side, side, fill="none", stroke=MUTED, stroke_width=1.2)
    return group(drawn, class_="map", transform=f"translate({number(x)} {number(y)})")


def _shade(value, largest, ramp):
    """How many of `_LEVELS` steps from paper, below 0 in the second colour; half a step is one."""
    shade = int(abs(value) / largest * _LEVELS + 0.5)
    if ramp == "difference":
        return min(max(shade, _FAINTEST), _LEVELS) if value else 0
    return -shade if ramp == "signed" and value < 0 else shade


def meter_table(columns, rows, *, spread):
    """Draw the readings of the equivariance meter, with one decimal.

    columns: names of the transformations. rows: name of a layer -> its relative errors, one each;
    None, a reading still to come, is drawn as a question mark. spread: as for `reading`.
    """
    left, top, tall = 350, 46, min(44.0, 330 / len(rows))
    wide, size = (WIDTH - 16 - left) / len(columns), min(17, 0.5 * tall)
    parts, said = [text(20, top - 16, "layer \\ transformation", 15, fill=MUTED)], []
    for c, column in enumerate(columns):
        across = left + (c + 0.5) * wide
        parts.append(text(across, top - 16, escape(column), 17, anchor="middle", bold=True))
    for r, (name, errors) in enumerate(rows.items()):
        y, shown = top + r * tall, []
        low = y + tall / 2 + size * 0.35
        parts.append(text(20, low, escape(name), size))
        for c, error in enumerate(errors):
            content, x = "?" if error is None else reading(error, 1, spread), left + c * wide
            fill = {"?": PAPER, "0": tint(GOOD, 0.22)}.get(content, tint(BAD, 0.2))
            look = {"fill": fill, "stroke": FAINT, "stroke_width": int(content == "?"), "rx": 5}
            parts.append(rect(x + 3, y + 3, wide - 6, tall - 6, **look))
            look = {"bold": content == "0", "fill": MUTED if content == "?" else INK}
            parts.append(text(x + wide / 2, low, content, size, anchor="middle", **look))
            shown.append(f"{columns[c]} {content}")
        said.append(f"{name}: {', '.join(shown)}")
    alt = f"Relative error of equivariance. {'; '.join(said)}."
    return frame("".join(parts), height=top + len(rows) * tall + 14, alt=alt, kind="cnn-meter")


def map_rows(rows, *, names, alt):
    """Draw pictures, each with the feature maps that it gives, one picture a row.

    rows: label -> (picture (n, n), maps (k, m, m)), arrays or tensors; all maps share one scale of
    colours. names:
    over the columns of the maps, k of them.
    """
    side = min(150.0, (WIDTH - 130) / (len(names) + 1) - 16)
    left, top, pitch = 116, 44, side + 22
    step = (WIDTH - 14 - left - side) / len(names)
    largest = max(float(abs(maps).max()) for _, maps in rows.values())
    parts = [text(left + side / 2, top - 14, "input", 15, anchor="middle", fill=MUTED)]
    for c, name in enumerate(names, start=1):
        across = left + c * step + side / 2
        parts.append(text(across, top - 14, escape(name), 15, anchor="middle"))
    for r, (label, (picture, maps)) in enumerate(rows.items()):
        y = top + r * pitch
        parts.append(text(14, y + side / 2 + 6, escape(label), 16, bold=True))
        parts.append(_map(picture.tolist(), left, y, side, "ink"))
        for c, values in enumerate(maps.tolist(), start=1):
            parts.append(_map(values, left + c * step, y, side, "signed", largest))
    return frame("".join(parts), height=top + len(rows) * pitch, alt=alt, kind="cnn-maps")
