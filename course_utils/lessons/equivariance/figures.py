"""The two paths of a shift and a layer, the table of the equivariance meter, maps side by side.

Maps are drawn cell by cell. A picture goes from paper to ink; a feature map is green where it is
positive and purple where it is negative, paper where it is zero; a difference is vermillion, and
whatever is not zero in it is dark enough to be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from course_utils.drawing.style import BAD, FAINT, GOOD, INK, MUTED, OUTPUT, PAPER, WEIGHT, tint
from course_utils.drawing.svg import TIMES, WIDTH, Diagram, arrow, font, frame, number, text
from course_utils.lessons.equivariance.layers import Paths

ZERO = 1e-5
"""Below this relative error the meter reads zero: rounding in 32 bits stays well below it."""

_LEVELS = 12  # shades between paper and the full colour
_FAINTEST = 4  # of them, the first one that a difference may have
_ARROW = "#76808F"

_SIDE = 146  # of a map
_HEIGHT = 384
_LEFT, _SHIFTED, _MAPPED, _GAP = 14, 296, 578, 840  # left edges of the four columns
_TOP, _BOTTOM = 36, 224  # upper edges of the two paths
_MIDDLE = (_TOP + _BOTTOM) / 2


def two_paths(paths: Paths, *, dx: int, dy: int, layer: Sequence[str]) -> Diagram:
    """Draw both paths from the picture to the output, and their difference.

    Args:
        paths: from `equivariance.both_paths`.
        dx, dy: the shift in columns to the right and rows down, as given to it.
        layer: one or two short lines that name the layer, as in `("conv 3×3", "zero padding")`.

    Raises:
        ValueError: if `layer` has no line or more than two.
    """
    if isinstance(layer, str) or not 1 <= len(layer) <= 2:
        raise ValueError(f"layer must be one or two lines, got {layer!r}")
    largest = max(np.abs(paths.there).max(), np.abs(paths.here).max())
    output_shift = "T" if paths.moved == (dx, dy) else "T\u2032"
    agree = not paths.differ.any()
    moved, moved_out = directions(dx, dy), directions(*paths.moved)

    maps = [
        _map(paths.x, _LEFT, _MIDDLE, _SIDE, "ink"),
        _map(paths.shifted, _SHIFTED, _TOP, _SIDE, "ink"),
        _seam(_SHIFTED, _TOP, len(paths.x), dx, dy),
        _map(paths.mapped, _SHIFTED, _BOTTOM, _SIDE, "signed", largest),
        _map(paths.there, _MAPPED, _TOP, _SIDE, "signed", largest),
        _map(paths.here, _MAPPED, _BOTTOM, _SIDE, "signed", largest),
        _seam(_MAPPED, _BOTTOM, len(paths.here), *paths.moved),
        _map(paths.there - paths.here, _GAP, _MIDDLE, _SIDE, "difference", largest),
    ]
    names = [
        _name(_LEFT, _MIDDLE, "x", len(paths.x)),
        _name(_SHIFTED, _TOP, "T x", len(paths.shifted)),
        _name(_SHIFTED, _BOTTOM, "f(x)", len(paths.mapped)),
        _name(_MAPPED, _TOP, "f(T x)", len(paths.there)),
        _name(_MAPPED, _BOTTOM, f"{output_shift} f(x)", len(paths.here)),
        _name(_GAP, _MIDDLE, "difference", None),
    ]
    upper, lower = _TOP + _SIDE / 2, _BOTTOM + _SIDE / 2
    steps = [
        _step(_LEFT + _SIDE, _MIDDLE + 40, _SHIFTED, upper, "shift T", moved, above=True),
        _step(_LEFT + _SIDE, _MIDDLE + _SIDE - 40, _SHIFTED, lower, "layer f", layer, above=False),
        _step(_SHIFTED + _SIDE, upper, _MAPPED, upper, "layer f", layer, above=True),
        _step(
            _SHIFTED + _SIDE, lower, _MAPPED, lower, f"shift {output_shift}", moved_out, above=True
        ),
    ]
    colour = GOOD if agree else BAD
    middle = (_MAPPED + _SIDE + _GAP) / 2
    verdict = [
        _line(_MAPPED + _SIDE + 6, upper, middle - 14, _MIDDLE + 40, colour),
        _line(_MAPPED + _SIDE + 6, lower, middle - 14, _MIDDLE + _SIDE - 40, colour),
        text(
            middle,
            _MIDDLE + _SIDE / 2 + 13,
            "=" if agree else "\u2260",
            font(40),
            anchor="middle",
            bold=True,
            fill=colour,
        ),
        text(
            _GAP + _SIDE / 2,
            _MIDDLE + _SIDE + 28,
            f"error {reading(paths.error, 3)}",
            font(19),
            anchor="middle",
            bold=True,
        ),
    ]
    cells = paths.differ.size
    gap = (
        f"agree in all {cells} cells, relative error 0"
        if agree
        else f"differ in {int(paths.differ.sum())} of {cells} cells, "
        f"relative error {paths.error:.3f}"
    )
    alt = (
        f"Two paths through a layer ({', '.join(layer)}): the input shifted {', '.join(moved)} "
        f"and then the layer; the layer and then the output shifted {', '.join(moved_out)}. "
        f"They {gap}."
    )
    body = "".join(maps + names + steps + verdict)
    return frame(body, height=_HEIGHT, alt=alt, kind="cnn-paths")


def directions(dx: int, dy: int) -> tuple[str, ...]:
    """Say a shift in words, one per axis that moves: `("3 right", "2 down")`; `("by 0",)`."""
    across = [f"{abs(dx)} {'right' if dx > 0 else 'left'}"] if dx else []
    down = [f"{abs(dy)} {'down' if dy > 0 else 'up'}"] if dy else []
    return tuple(across + down) or ("by 0",)


def reading(error: float, digits: int = 3, spread: str | None = None) -> str:
    """Write an error as the meter shows it: `"0"` below `ZERO`, else that many decimals.

    `spread` is what a measured error may vary by, as in `"0.1"`: it is written behind a ±.
    """
    if error < ZERO:
        return "0"
    return f"{error:.{digits}f}" + (f" \u00b1 {spread}" if spread else "")


def meter_table(
    columns: Sequence[str],
    rows: Mapping[str, Sequence[float | None]],
    *,
    spread: str,
) -> Diagram:
    """Draw the readings of the equivariance meter, with one decimal.

    Args:
        columns: names of the transformations.
        rows: name of a layer -> its relative errors, one per transformation; None is drawn as a
            question mark, a reading that is still to come.
        spread: what every reading but the zeros may vary by, as in `"0.1"`.

    Raises:
        ValueError: for no row or column, and for a row with more or fewer readings than columns.
    """
    if not rows or not columns:
        raise ValueError(
            f"the table needs rows and columns, got {len(rows)} rows, {len(columns)} columns"
        )
    for name, errors in rows.items():
        if len(errors) != len(columns):
            raise ValueError(f"row {name!r} must have {len(columns)} readings, got {len(errors)}")
    left, top = 350, 46
    wide, tall = (WIDTH - 16 - left) / len(columns), min(44.0, 330 / len(rows))
    size = min(font(17), 0.5 * tall)

    def content(error):
        return "?" if error is None else reading(error, 1, spread)

    parts = [text(20, top - 16, "layer \\ transformation", font(15), fill=MUTED)]
    for c, column in enumerate(columns):
        x = left + (c + 0.5) * wide
        parts.append(
            text(x, top - 16, escape(column), min(font(17), 19), anchor="middle", bold=True)
        )
    for r, (name, errors) in enumerate(rows.items()):
        y = top + r * tall
        parts.append(text(20, y + tall / 2 + size * 0.35, escape(name), size))
        for c, error in enumerate(errors):
            parts.append(_reading_cell(left + c * wide, y, wide, tall, content(error), size))
    said = [
        f"{name}: "
        + ", ".join(
            f"{column} {content(error)}" for column, error in zip(columns, errors, strict=True)
        )
        for name, errors in rows.items()
    ]
    alt = "Relative error of equivariance. " + "; ".join(said) + "."
    return frame("".join(parts), height=top + len(rows) * tall + 14, alt=alt, kind="cnn-meter")


def _reading_cell(x, y, wide, tall, content, size) -> str:
    fill, ink = {"?": (PAPER, MUTED), "0": (tint(GOOD, 0.22), INK)}.get(
        content, (tint(BAD, 0.2), INK)
    )
    return (
        f'<rect x="{number(x + 3)}" y="{number(y + 3)}" width="{number(wide - 6)}" '
        f'height="{number(tall - 6)}" rx="5" fill="{fill}" stroke="{FAINT}" '
        f'stroke-width="{int(content == "?")}"/>'
        + text(
            x + wide / 2,
            y + tall / 2 + size * 0.35,
            content,
            size,
            anchor="middle",
            bold=content == "0",
            fill=ink,
        )
    )


def map_rows(
    rows: Mapping[str, tuple[np.ndarray, np.ndarray]], *, names: Sequence[str], alt: str
) -> Diagram:
    """Draw pictures, each with the feature maps that it gives, one picture a row.

    Args:
        rows: label -> (picture (n, n), maps (k, m, m)). All maps share one scale of colours.
        names: over the columns, k of them, the maps'.
        alt: what the drawing shows, with its numbers.

    Raises:
        ValueError: for no row, another number of maps than names, or an empty `alt`.
    """
    if not rows:
        raise ValueError("rows must hold at least one picture, got none")
    if not alt.strip():
        raise ValueError(f"alt must say what the picture shows, got {alt!r}")
    for label, (_, maps) in rows.items():
        if len(maps) != len(names):
            raise ValueError(f"row {label!r} must have {len(names)} maps, got {len(maps)}")
    count = len(names) + 1
    side = min(150.0, (WIDTH - 130) / count - 16)
    left, top, pitch = 116, 44, side + 22
    step = (WIDTH - 14 - left - side) / (count - 1)
    largest = max(np.abs(np.asarray(maps)).max() for _, maps in rows.values())
    parts = [text(left + side / 2, top - 14, "input", font(15), anchor="middle", fill=MUTED)]
    for c, name in enumerate(names, start=1):
        parts.append(
            text(left + c * step + side / 2, top - 14, escape(name), font(15), anchor="middle")
        )
    for r, (label, (picture, maps)) in enumerate(rows.items()):
        y = top + r * pitch
        parts.append(text(14, y + side / 2 + 6, escape(label), font(16), bold=True))
        parts.append(_map(picture, left, y, side, "ink"))
        for c, values in enumerate(maps, start=1):
            parts.append(_map(values, left + c * step, y, side, "signed", largest))
    return frame("".join(parts), height=top + len(rows) * pitch, alt=alt, kind="cnn-maps")


def _map(values, x, y, side, ramp, largest=None) -> str:
    """Draw an array (n, n) as cells; cells of one shade form one path, so that it stays light."""
    values = np.asarray(values)
    n = len(values)
    largest = np.abs(values).max() if largest is None else largest
    shades = np.zeros(values.shape, int)
    if largest:
        # From the middle of a step on, the next shade; half steps go away from zero.
        share = np.abs(values) / largest
        shades = np.minimum(np.floor(share * _LEVELS + 0.5), _LEVELS).astype(int)
        if ramp == "difference":
            shades[values != 0] = np.maximum(shades[values != 0], _FAINTEST)
        elif ramp == "signed":
            shades = np.where(values < 0, -shades, shades)
    places: dict[int, list[str]] = {}
    for row, line in enumerate(shades.tolist()):
        start = 0
        for column in range(1, n + 1):
            if column == n or line[column] != line[start]:
                if line[start]:
                    run = column - start
                    places.setdefault(line[start], []).append(f"M{start} {row}h{run}v1h-{run}z")
                start = column
    colours = {"ink": (INK, INK), "signed": (OUTPUT, WEIGHT), "difference": (BAD, BAD)}[ramp]
    cells = "".join(
        f'<path fill="{tint(colours[shade < 0], abs(shade) / _LEVELS)}" d="{"".join(runs)}"/>'
        for shade, runs in sorted(places.items())
    )
    return (
        f'<g class="map" transform="translate({number(x)} {number(y)})">'
        f'<g transform="scale({side / n:.4f})" shape-rendering="crispEdges">{cells}</g>'
        f'<rect width="{number(side)}" height="{number(side)}" fill="none" stroke="{MUTED}" '
        'stroke-width="1.2"/></g>'
    )


def _seam(x, y, n, dx, dy) -> str:
    """Dashed lines where the border of the unshifted picture has gone."""
    across, down = dx % n, dy % n
    lines = f"M{number(x + across * _SIDE / n)} {number(y)}v{_SIDE}" if across else ""
    lines += f"M{number(x)} {number(y + down * _SIDE / n)}h{_SIDE}" if down else ""
    if not lines:
        return ""
    return (
        f'<path class="seam" d="{lines}" fill="none" stroke="{MUTED}" stroke-width="1.4" '
        'stroke-dasharray="5 4"/>'
    )


def _name(x, y, name, cells) -> str:
    size = font(17)
    label = text(x, y - 8, name, size, bold=True)
    if cells is None:
        return label
    grid = f"{cells} {TIMES} {cells}"
    return label + text(x + _SIDE, y - 8, grid, font(14), anchor="end", fill=MUTED)


def _step(x1, y1, x2, y2, head, lines, *, above) -> str:
    """Draw an arrow between two maps with its name on it and what it does on the other side."""
    size, gap = font(14), 8
    x1, x2 = x1 + gap, x2 - gap
    middle, height = (x1 + x2) / 2, (y1 + y2) / 2
    path = (
        f'<path d="{arrow(x1, y1, x2, y2, 9)}" fill="none" stroke="{_ARROW}" stroke-width="2.2" '
        'stroke-linecap="round"/>'
    )
    slope = abs(y2 - y1) / 2  # a slanting arrow needs its words further off
    name = text(middle, height - 9 - slope, head, size + 1, anchor="middle", bold=True)
    if above:
        below = height + size + 5 + (slope * 0.55 if slope else 0)
    else:
        name = text(middle, height + size + 8 + slope, head, size + 1, anchor="middle", bold=True)
        below = height + 2 * size + 13 + slope
    rest = "".join(
        text(middle, below + i * (size + 4), escape(line), size, anchor="middle", fill=MUTED)
        for i, line in enumerate(lines)
    )
    return path + name + rest


def _line(x1, y1, x2, y2, colour) -> str:
    return (
        f'<path d="M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}" stroke="{colour}" '
        'stroke-width="2.2" stroke-linecap="round"/>'
    )
