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

from course_utils.drawing.style import (
    COLOUR_MAP,
    FAINT,
    HIGHLIGHT,
    INK,
    INPUT,
    MUTED,
    OUTPUT,
    text_scale,
    tint,
)
from course_utils.drawing.svg import ELLIPSIS, WIDTH, Diagram, font, frame, number, text
from course_utils.geometry import Layer, layer_sizes, receptive_fields

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

_HEIGHT = 384
_TOP, _BOTTOM = 92, 306  # heights of the last layer and of the input
_LEFT, _RIGHT = 124, 812  # the units stay between
_FIELD, _JUMP = 898, 980  # right edges of the two columns of numbers


def pyramid(
    n: int,
    layers: Sequence[Sequence[int]],
    *,
    level: int | None = None,
    unit: int | None = None,
) -> Diagram:
    """Draw a stack of layers and the cone of one unit, down to the inputs it sees.

    Pointing at any other unit shows its cone instead, without a kernel.

    Args:
        n: number of inputs.
        layers: (kernel, stride, padding, dilation) each, from the input upwards.
        level: layer of the chosen unit, 1 for the lowest; 0 is the input; None: the last layer.
        unit: its number there, counted from 1 as in the picture; None: the one in the middle.

    Raises:
        ValueError: as `geometry.layer_sizes`; for a level or a unit that is not there.
    """
    stack = [Layer(*layer) for layer in layers]
    sizes = layer_sizes(n, stack)
    level = len(stack) if level is None else level
    if not 0 <= level <= len(stack):
        raise ValueError(f"level must be an integer from 0 to {len(stack)}, got {level!r}")
    unit = (sizes[level] + 1) // 2 if unit is None else unit
    if not 1 <= unit <= sizes[level]:
        raise ValueError(
            f"unit must be an integer from 1 to {sizes[level]} (the units of layer {level}), "
            f"got {unit!r}"
        )
    fields = [(1, 1), *((field.size, field.jump) for field in receptive_fields(stack))]

    rest = _at_rest(n, tuple(stack), text_scale())
    chosen = rest.masks[level][unit - 1]
    parts = [
        _headings(level, unit, fields[level][0]),
        _labels(stack, fields, rest.heights, level),
        rest.links,
        _chosen(chosen, stack, rest.places, rest.heights, rest.radius),
        _units(rest.units, chosen),
    ]
    return frame(
        "".join(parts),
        height=_HEIGHT,
        alt=_describe(sizes, fields, chosen, level, unit),
        kind="cnn-pyramid",
        css=_CSS,
    )


class _Rest(NamedTuple):
    """What of a pyramid does not depend on the chosen unit."""

    heights: list[float]
    places: list[list[float]]
    radius: float
    masks: list[list[list[int]]]
    links: str
    units: list[list[str]]


@lru_cache(maxsize=16)
def _at_rest(n: int, stack: tuple[Layer, ...], scale: float) -> _Rest:
    """Draw what stays while the choice moves. Kept, so that moving it costs next to nothing.

    `scale` is the text scale in force: it is no argument of the drawing, but decides its sizes.
    """
    sizes = layer_sizes(n, stack)
    pitch = (_RIGHT - _LEFT) / n
    radius = min(0.31 * pitch, 14)
    step = (_BOTTOM - _TOP) / max(len(stack), 1)
    heights = [_BOTTOM - row * step for row in range(len(sizes))]
    places = _places(stack, sizes, pitch)
    masks = _masks(stack, sizes)
    links = _links(stack, sizes, places, heights)
    units = _unit_bodies(masks, places, heights, radius)
    return _Rest(heights, places, radius, masks, links, units)


_ROOT = ".cnn-pyramid"
_CHOSEN = f"{_ROOT}:not(:has(.u:hover)) .on"  # the choice steps back while one points elsewhere
_LIT = f"fill:{tint(HIGHLIGHT, 0.3)};stroke:{HIGHLIGHT};stroke-width:2.6px"
_CSS = "".join(
    [
        f"{_ROOT} .u circle{{stroke-width:2px}}",
        f"{_ROOT} .i circle{{fill:{tint(INPUT, 0.12)};stroke:{INPUT}}}",
        f"{_ROOT} .o circle{{fill:{tint(OUTPUT, 0.14)};stroke:{OUTPUT}}}",
        f"{_CHOSEN} circle{{{_LIT}}}",
        f"{_CHOSEN} text{{font-weight:700}}",
        f"{_CHOSEN}.top circle{{fill:{HIGHLIGHT}}}",
        # The cone of the unit under the pointer, which then stands in for the chosen one.
        f"{_ROOT} path.b{{fill:none;stroke:{HIGHLIGHT};stroke-width:2.4px}}",
        f"{_ROOT} text.b{{font-weight:700;text-anchor:middle}}",
        f"{_ROOT} .v{{visibility:hidden;pointer-events:none}}",
        f"{_ROOT} .u:hover .v{{visibility:visible}}",
        f"{_ROOT} .u:hover circle{{fill:{HIGHLIGHT};stroke:{HIGHLIGHT}}}",
        f"{_ROOT} .v .a{{fill:{HIGHLIGHT};fill-opacity:.26;stroke:{HIGHLIGHT};stroke-width:2px}}",
        f"{_ROOT}:has(.u:hover) .p{{visibility:hidden}}",
    ]
)


def _describe(sizes, fields, chosen, level, unit) -> str:
    layers = len(sizes) - 1
    name = f"Unit {unit} of layer {level}" if level else f"Input {unit}"
    return (
        f"Pyramid of {layers} layer{'s' * (layers != 1)} over {sizes[0]} inputs. {name} has a "
        f"receptive field of {fields[level][0]}; {_sees(chosen[0], sizes[0])}. "
        f"Receptive fields from layer 1 upwards: {', '.join(str(f[0]) for f in fields[1:])}."
    )


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


def _places(stack, sizes, pitch) -> list[list[float]]:
    """Horizontal unit centres per level: each unit stands above the middle of what it reads."""
    start, jump, places = 0.0, 1, []
    for row, size in enumerate(sizes):
        if row:
            kernel, stride, padding, dilation = stack[row - 1]
            start += (dilation * (kernel - 1) / 2 - padding) * jump
            jump *= stride
        places.append([_LEFT + (0.5 + start + unit * jump) * pitch for unit in range(size)])
    return places


def _headings(level: int, unit: int, field: int) -> str:
    name = f"Unit {unit} of layer {level}" if level else f"Input {unit}"
    size, small = font(21), font(15)
    return (
        text(20, 36, f"{name}: receptive field {field}", size, bold=True)
        + text(_FIELD, 58, "field", small, anchor="end", fill=MUTED)
        + text(_JUMP, 58, "jump", small, anchor="end", fill=MUTED)
    )


def _labels(stack, fields, heights, level) -> str:
    """Name each layer at the left and give its numbers at the right."""
    size, small, parts = font(15), max(14.0, font(13)), []
    for row, y in enumerate(heights):
        mine = row == level
        fill = INK if mine else MUTED
        name = f"layer {row}" if row else "inputs x"
        stride = stack[row - 1].stride if row else 1
        lift = 3 if stride > 1 else -5
        parts.append(text(20, y - lift, name, size, bold=mine, fill=fill))
        if stride > 1:
            parts.append(text(20, y + small - 1, f"stride {stride}", small, fill=MUTED))
        if row:
            big = font(19)
            for x, value in ((_FIELD, fields[row][0]), (_JUMP, fields[row][1])):
                parts.append(text(x, y + 7, str(value), big, anchor="end", bold=mine, fill=fill))
    return "".join(parts)


def _links(stack, sizes, places, heights) -> str:
    """All connections as one faint path."""
    data = []
    for row, layer in enumerate(stack):
        low, high = heights[row], heights[row + 1]
        for unit, x in enumerate(places[row + 1]):
            first = unit * layer.stride - layer.padding
            for tap in range(layer.kernel):
                below = first + tap * layer.dilation
                if 0 <= below < sizes[row]:
                    data.append(f"M{places[row][below]:.0f} {low:.0f}L{x:.0f} {high:.0f}")
    return (
        f'<path class="links" d="{"".join(data)}" stroke="{FAINT}" stroke-width="1" fill="none"/>'
    )


def _outline(masks, places, heights, margin) -> str:
    """Path of a cone: down its left side from the unit, then up its right side."""
    left, right = [], []
    for mask, row, y in zip(masks, places, heights, strict=False):
        first, last = _span(mask)
        left.append(f"{row[first] - margin:.0f} {y:.0f}")
        right.append(f"{row[last] + margin:.0f} {y:.0f}")
    return "M" + "L".join(left[::-1] + right) + "Z"


def _caption(mask, places, radius) -> str:
    """Bracket the inputs seen, and say which: the line under the pyramid."""
    inputs = places[0]
    content, size = _sees(mask, len(inputs)), font(16)
    half = 0.31 * size * len(content)
    y = _BOTTOM + radius + 27
    if not mask:
        return text(_LEFT, y + size + 6, content, size, bold=True)
    first, last = _span(mask)
    x1, x2 = inputs[first] - radius, inputs[last] + radius
    middle = min(max((x1 + x2) / 2, 20 + half), WIDTH - 20 - half)
    return (
        f'<path class="b" d="M{x1:.0f} {y - 5:.0f}v5H{x2:.0f}v-5"/>'
        f'<text class="b" x="{middle:.0f}" y="{y + size + 6:.0f}" '
        f'font-size="{number(size)}">{content}</text>'
    )


def _chosen(masks, stack, places, heights, radius) -> str:
    """Draw the cone of the chosen unit: a shade, the arrows inside it, and the bracket below."""
    caption = _caption(masks[0], places, radius)
    if not all(masks):  # a unit that sees padding only has no cone down to the input
        return f'<g class="p">{caption}</g>'
    data = []
    for row in range(len(masks) - 1):
        layer = stack[row]
        for unit in _bits(masks[row + 1]):
            for tap in range(layer.kernel):
                below = unit * layer.stride + tap * layer.dilation - layer.padding
                if below >= 0 and masks[row] >> below & 1:
                    data.append(
                        f"M{places[row][below]:.1f} {heights[row]:.1f}"
                        f"L{places[row + 1][unit]:.1f} {heights[row + 1]:.1f}"
                    )
    return (
        f'<g class="p"><path class="shade" d="{_outline(masks, places, heights, radius + 3)}" '
        f'fill="{tint(HIGHLIGHT, 0.14)}"/>'
        f'<path class="rays" d="{"".join(data)}" stroke="{HIGHLIGHT}" stroke-width="2.2" '
        f'fill="none" stroke-linecap="round"/>{caption}</g>'
    )


def _masks(stack, sizes) -> list[list[list[int]]]:
    """masks[level][unit][row]: the units of that row that the unit sees, one bit each.

    Bits instead of sets: every cone of a stack in a fraction of a millisecond.
    """
    masks = [[[1 << unit] for unit in range(sizes[0])]]
    for row, layer in enumerate(stack):
        here = []
        for unit in range(sizes[row + 1]):
            seen = [0] * (row + 1)
            for tap in range(layer.kernel):
                below = unit * layer.stride + tap * layer.dilation - layer.padding
                if 0 <= below < sizes[row]:
                    seen = [a | b for a, b in zip(seen, masks[row][below], strict=True)]
            here.append([*seen, 1 << unit])
        masks.append(here)
    return masks


def _bits(mask: int) -> list[int]:
    return [k for k in range(mask.bit_length()) if mask >> k & 1]


def _unit_bodies(masks, places, heights, radius) -> list[list[str]]:
    """Each unit with the cone that shows while the pointer is on it, but for its class."""
    bodies, n = [], len(masks[0])
    r = number(radius)
    for row, (here, y) in enumerate(zip(masks, heights, strict=True)):
        name = f"layer {row}, unit" if row else "input"
        cy, line = number(y), []
        for unit, x in enumerate(places[row]):
            mask, inside, label = here[unit][0], "", ""
            if row and mask:
                outline = _outline(here[unit], places, heights, radius + 3)
                caption = _caption(mask, places, radius)
                inside = f'<g class="v"><path class="a" d="{outline}"/>{caption}</g>'
            elif not row:
                label = text(x, y + radius + 18, str(unit + 1), 15, anchor="middle")
            line.append(
                f"<title>{name} {unit + 1}: {_sees(mask, n)}</title>{inside}"
                f'<circle cx="{x:.1f}" cy="{cy}" r="{r}"/>{label}</g>'
            )
        bodies.append(line)
    return bodies


def _units(bodies, chosen) -> str:
    parts, top = [], len(chosen) - 1
    for row, line in enumerate(bodies):
        kind = "u o" if row else "u i"
        lit = chosen[row] if row <= top else 0
        for unit, body in enumerate(line):
            on = (" on top" if row == top else " on") if lit >> unit & 1 else ""
            parts.append(f'<g class="{kind}{on}">{body}')
    return "".join(parts)


def draw_effective_field(
    values: np.ndarray,
    *,
    theoretical: int | tuple[int, int] | None = None,
    centre: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how strongly each pixel reaches one unit, with the theoretical field as a square.

    Args:
        values: (H, W), the mean absolute gradient of the unit with respect to the pixel, relative
            to its maximum: 0 to 1. As `probing.effective_receptive_field` returns it.
        theoretical: side of the theoretical receptive field in pixels, or (height, width); None
            draws no square. The part outside the picture is cut off.
        centre: (row, column) of the middle of that square, in pixels; None: of the picture.
        ax: where to draw; None: a new figure.

    Returns:
        The axes, with a labelled colour bar beside them.

    Raises:
        ValueError: for values that are not a finite, non-negative matrix, and for a field side
            below 1.
    """
    import numpy as np
    from matplotlib import pyplot
    from matplotlib.patches import Rectangle
    from matplotlib.transforms import offset_copy

    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"values must have shape (H, W), got {values.shape}")
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError(
            f"values must be finite and >= 0, got a range of {values.min()} to {values.max()}"
        )
    if ax is None:
        tall = pyplot.rcParams["figure.figsize"][1] * 1.15
        _, ax = pyplot.subplots(figsize=(1.3 * tall, tall))  # the map is square, the bar beside it
    height, width = values.shape
    image = ax.imshow(values, cmap=COLOUR_MAP, vmin=0, vmax=max(values.max(), 1e-12))
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.9)
    bar.set_label("mean |gradient|, relative")
    bar.outline.set_visible(False)
    if theoretical is not None:
        tall, wide = (
            (theoretical, theoretical) if isinstance(theoretical, int) else tuple(theoretical)
        )
        if min(tall, wide) < 1:
            raise ValueError(f"theoretical must be >= 1 pixel, got {theoretical!r}")
        row, column = ((height - 1) / 2, (width - 1) / 2) if centre is None else centre
        ax.add_patch(
            Rectangle(
                (column - wide / 2, row - tall / 2),
                wide,
                tall,
                fill=False,
                edgecolor=HIGHLIGHT,
                linewidth=2.5,
                label=f"theoretical field, {tall} \u00d7 {wide}",
            )
        )
        drop = -3.1 * pyplot.rcParams["font.size"]  # below the label of the axis, in points
        below = offset_copy(ax.transAxes, ax.figure, 0, drop, units="points")
        ax.legend(
            loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, borderaxespad=0
        )
    ax.set_xlabel("column")
    ax.set_ylabel("row")
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax
