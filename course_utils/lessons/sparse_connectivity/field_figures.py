"""What a unit deep in a stack of layers sees of the input: its cone, and its gradient.

`pyramid` draws a one-dimensional stack as rows of units, the input at the bottom, and lights up
the cone of one unit. `draw_effective_field` draws the measured counterpart: how strongly each
pixel reaches a unit, with the theoretical field around it (Luo et al. 2016, *Understanding the
effective receptive field in deep convolutional neural networks*).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from course_utils.drawing.plots import new_axes
from course_utils.drawing.style import COLOUR_MAP, FAINT, HIGHLIGHT, INK, INPUT, MUTED, OUTPUT, tint
from course_utils.drawing.svg import ELLIPSIS, WIDTH, Diagram, frame, group, number, path, text
from course_utils.geometry import Layer, ReceptiveField, edges, layer_sizes, receptive_fields

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

_HEIGHT = 384
_TOP, _BOTTOM = 92, 306  # heights of the last layer and of the input
_LEFT, _RIGHT = 124, 812  # the units stay between
_FIELD, _JUMP = 898, 980  # right edges of the two columns of numbers

_CHOSEN = ":not(:has(.u:hover)) .on"  # the choice steps back while one points elsewhere
_CSS = {
    " .u circle": "stroke-width:2px",
    " .i circle": f"fill:{tint(INPUT, 0.12)};stroke:{INPUT}",
    " .o circle": f"fill:{tint(OUTPUT, 0.14)};stroke:{OUTPUT}",
    f"{_CHOSEN} circle": f"fill:{tint(HIGHLIGHT, 0.3)};stroke:{HIGHLIGHT};stroke-width:2.6px",
    f"{_CHOSEN} text": "font-weight:700",
    f"{_CHOSEN}.top circle": f"fill:{HIGHLIGHT}",
    # The cone of the unit under the pointer, which then stands in for the chosen one.
    " path.b": f"fill:none;stroke:{HIGHLIGHT};stroke-width:2.4px",
    " text.b": "font-weight:700;text-anchor:middle",
    " .v": "visibility:hidden;pointer-events:none",
    " .u:hover .v": "visibility:visible",
    " .u:hover circle": f"fill:{HIGHLIGHT};stroke:{HIGHLIGHT}",
    " .v .a": f"fill:{HIGHLIGHT};fill-opacity:.26;stroke:{HIGHLIGHT};stroke-width:2px",
    ":has(.u:hover) .p": "visibility:hidden",
}


def pyramid(n: int, layers: Sequence[Layer], level: int, unit: int) -> Diagram:
    """Draw a stack of layers and the cone of one unit, down to the inputs it sees.

    Pointing at any other unit shows its cone instead, without a kernel.

    Args:
        n: number of inputs.
        layers: from the input upwards.
        level: layer of the chosen unit, 1 for the lowest; 0 is the input.
        unit: its number there, counted from 1 as in the picture.
    """
    fields = [ReceptiveField(1, 1, 0), *receptive_fields(layers)]
    rest = _at_rest(n, tuple(layers))
    cone = rest.cones[level][unit - 1]
    name = f"Unit {unit} of layer {level}" if level else f"Input {unit}"
    body = [
        text(20, 36, f"{name}: receptive field {fields[level].size}", 21, bold=True),
        text(_FIELD, 58, "field", 15, anchor="end", fill=MUTED),
        text(_JUMP, 58, "jump", 15, anchor="end", fill=MUTED),
    ]
    strides = [1, *(layer.stride for layer in layers)]
    for row, (y, field, stride) in enumerate(zip(rest.heights, fields, strides, strict=True)):
        body.append(_label(row, y, field, stride, mine=row == level))
    links = "".join(segment for *_, segment in rest.segments)
    body.append(path(links, class_="links", stroke=FAINT, stroke_width=1))
    body.append(_chosen(cone, rest))
    for (row, k), drawn in rest.units.items():
        on = row <= level and cone[row] >> k & 1
        lit = (" on top" if row == level else " on") if on else ""
        body.append(f'<g class="u {"o" if row else "i"}{lit}">{drawn}</g>')
    alt = (
        f"Pyramid of {len(layers)} layer{'s' * (len(layers) != 1)} over {n} inputs. {name} has a "
        f"receptive field of {fields[level].size}; {_sees(cone[0], n)}. "
        f"Receptive fields from layer 1 upwards: {', '.join(str(f.size) for f in fields[1:])}."
    )
    css = "".join(f".cnn-pyramid{what}{{{look}}}" for what, look in _CSS.items())
    return frame("".join(body), height=_HEIGHT, alt=alt, kind="cnn-pyramid", css=css)


class _Rest(NamedTuple):
    """What of a pyramid does not depend on the chosen unit.

    cones: cones[level][unit][row] are the units of that row that the unit sees, one bit each.
    segments: (row below, unit there, unit above, path data) of each connection.
    units: (row, unit) -> its drawing.
    """

    heights: list[float]
    places: list[list[float]]
    radius: float
    cones: list[list[list[int]]]
    segments: list[tuple[int, int, int, str]]
    units: dict[tuple[int, int], str]


@lru_cache(maxsize=16)
def _at_rest(n: int, layers: tuple[Layer, ...]) -> _Rest:
    """Draw what stays while the choice moves. Kept, so that moving it costs next to nothing."""
    sizes = layer_sizes(n, layers)
    pitch = (_RIGHT - _LEFT) / n
    step = (_BOTTOM - _TOP) / len(layers)
    heights = [_BOTTOM - row * step for row in range(len(sizes))]
    places = [  # each unit stands above the middle of what it reads
        [_LEFT + (start + unit * jump + size / 2) * pitch for unit in range(count)]
        for (size, jump, start), count in zip(
            [(1, 1, 0), *receptive_fields(layers)], sizes, strict=True
        )
    ]
    cones, segments = [[[1 << unit] for unit in range(n)]], []
    for row, layer in enumerate(layers):
        seen = [[0] * (row + 1) for _ in range(sizes[row + 1])]
        ends = f" {heights[row]:.0f}L", f" {heights[row + 1]:.0f}"
        for below, unit in edges(sizes[row], *layer):
            seen[unit] = [a | b for a, b in zip(seen[unit], cones[row][below], strict=True)]
            data = f"M{places[row][below]:.0f}{ends[0]}{places[row + 1][unit]:.0f}{ends[1]}"
            segments.append((row, below, unit, data))
        cones.append([[*rows, 1 << unit] for unit, rows in enumerate(seen)])
    rest = _Rest(heights, places, min(0.31 * pitch, 14), cones, segments, {})
    for row, size in enumerate(sizes):
        rest.units.update({(row, k): _unit(row, k, rest) for k in range(size)})
    return rest


def _unit(row: int, k: int, rest: _Rest) -> str:
    """Draw a unit with the cone that shows while the pointer is on it."""
    x, y, cone = rest.places[row][k], rest.heights[row], rest.cones[row][k]
    name = f"layer {row}, unit" if row else "input"
    drawn = f"<title>{name} {k + 1}: {_sees(cone[0], len(rest.places[0]))}</title>"
    if row and cone[0]:
        outline = f'<path class="a" d="{_outline(cone, rest)}"/>'
        drawn += f'<g class="v">{outline}{_caption(cone[0], rest)}</g>'
    drawn += f'<circle cx="{x:.1f}" cy="{number(y)}" r="{number(rest.radius)}"/>'
    if not row:
        drawn += text(x, y + rest.radius + 18, str(k + 1), 15, anchor="middle")
    return drawn


def _span(mask: int) -> tuple[int, int]:
    """First and last unit of a set of units, one bit each."""
    return (mask & -mask).bit_length() - 1, mask.bit_length() - 1


def _sees(mask: int, n: int) -> str:
    """Say which of the n inputs a set holds, one bit each."""
    if not mask:
        return "sees padding only"
    first, last = _span(mask)
    count = mask.bit_count()
    if count == 1:
        return f"sees x{first + 1}"
    if count == n:
        return f"sees x1{ELLIPSIS}x{n}, all of the input"
    skipping = "" if count == last - first + 1 else f"{count} of "
    return f"sees {skipping}x{first + 1}{ELLIPSIS}x{last + 1}"


def _label(row: int, y: float, field: ReceptiveField, stride: int, mine: bool) -> str:
    """Name a layer at the left and give its numbers at the right."""
    fill = INK if mine else MUTED
    name = f"layer {row}" if row else "inputs x"
    label = text(20, y - 3 if stride > 1 else y + 5, name, 15, bold=mine, fill=fill)
    if stride > 1:
        label += text(20, y + 13, f"stride {stride}", 14, fill=MUTED)
    if row:
        for x, value in ((_FIELD, field.size), (_JUMP, field.jump)):
            label += text(x, y + 7, str(value), 19, anchor="end", bold=mine, fill=fill)
    return label


def _outline(cone: list[int], rest: _Rest) -> str:
    """Path of a cone: down its left side from the unit, then up its right side."""
    left, right, margin = [], [], rest.radius + 3
    for mask, row, y in zip(cone, rest.places, rest.heights, strict=False):
        first, last = _span(mask)
        left.append(f"{row[first] - margin:.0f} {y:.0f}")
        right.append(f"{row[last] + margin:.0f} {y:.0f}")
    return "M" + "L".join(left[::-1] + right) + "Z"


def _caption(mask: int, rest: _Rest) -> str:
    """Bracket the inputs seen, and say which: the line under the pyramid."""
    inputs, radius = rest.places[0], rest.radius
    content, size = _sees(mask, len(inputs)), 16
    y = _BOTTOM + radius + 27
    if not mask:
        return text(_LEFT, y + size + 6, content, size, bold=True)
    first, last = _span(mask)
    x1, x2 = inputs[first] - radius, inputs[last] + radius
    half = 0.31 * size * len(content)
    middle = min(max((x1 + x2) / 2, 20 + half), WIDTH - 20 - half)
    return (
        f'<path class="b" d="M{x1:.0f} {y - 5:.0f}v5H{x2:.0f}v-5"/>'
        f'<text class="b" x="{middle:.0f}" y="{y + size + 6:.0f}" font-size="{size}">'
        f"{content}</text>"
    )


def _chosen(cone: list[int], rest: _Rest) -> str:
    """Draw the cone of the chosen unit: a shade, the arrows inside it, and the bracket below."""
    caption = _caption(cone[0], rest)
    if not all(cone):  # a unit that sees padding only has no cone down to the input
        return group(caption, class_="p")
    rays = [
        segment
        for row, below, unit, segment in rest.segments
        if row + 1 < len(cone) and cone[row] >> below & cone[row + 1] >> unit & 1
    ]
    shade = path(_outline(cone, rest), class_="shade", fill=tint(HIGHLIGHT, 0.14))
    look = {"stroke": HIGHLIGHT, "stroke_width": 2.2, "stroke_linecap": "round"}
    return group([shade, path("".join(rays), class_="rays", **look), caption], class_="p")


def draw_effective_field(values: np.ndarray, *, theoretical: int, ax: Axes | None = None) -> Axes:
    """Draw how strongly each pixel reaches one unit, with the theoretical field as a square.

    Args:
        values: (H, W), the mean absolute gradient of the unit with respect to the pixel, relative
            to its maximum: 0 to 1. As `probing.effective_receptive_field` returns it.
        theoretical: side of the theoretical receptive field in pixels. Its square stands in the
            middle of the picture; what lies outside is cut off.
    """
    from matplotlib.patches import Rectangle
    from matplotlib.transforms import offset_copy

    ax = ax or new_axes(5.8305, 4.485)  # the map is square, the bar beside it
    image = ax.imshow(values, cmap=COLOUR_MAP, vmin=0, vmax=values.max())
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.9)
    bar.set_label("mean |gradient|, relative")
    bar.outline.set_visible(False)
    corner = [(side - 1 - theoretical) / 2 for side in reversed(values.shape)]
    label = f"theoretical field, {theoretical} \u00d7 {theoretical}"
    look = {"fill": False, "edgecolor": HIGHLIGHT, "linewidth": 2.5}
    ax.add_patch(Rectangle(corner, theoretical, theoretical, label=label, **look))
    below = offset_copy(ax.transAxes, ax.figure, 0, -34.1, units="points")  # the axis' own label
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, borderaxespad=0)
    ax.set(xlabel="column", ylabel="row")
    ax.spines[:].set_visible(False)
    return ax
