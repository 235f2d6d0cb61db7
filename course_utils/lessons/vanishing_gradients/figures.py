"""Gradients on their way down: the waterfall, one path with its factors, slopes of activations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from course_utils.drawing.style import (
    BAD,
    CYCLE,
    FAINT,
    GOOD,
    HIGHLIGHT,
    INK,
    MUTED,
    PAPER,
    WEIGHT,
    tint,
)
from course_utils.drawing.svg import MINUS, TIMES, Diagram, font, frame, number, text

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

LOST, BURST = 1e-3, 1e3
"""Outside this range a gradient is drawn, and spoken of, as vanishing or exploding."""

_HEIGHT = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 968, 76, 346
_FLOORS = (-6, -12, -20, -40, -60, -100, -150)  # decades at which the axis may end
_CEILINGS = (1, 3, 6, 12, 20, 30, 60)
_SMALLEST = math.log10(1.4e-45)  # the smallest number that float32 can hold
_MARKS = ("circle", "square", "diamond")
_DASHES = ("9 5", "3 4")


def scientific(value: float) -> str:
    """Write a positive number for people: `0.034`, `12`, or `4.3 × 10⁻⁷` beyond 0.001 to 10,000.

    Two significant digits. Zero is `0`.

    Raises:
        ValueError: for a negative number or one that is not finite.
    """
    if not 0 <= value < math.inf:
        raise ValueError(f"value must be finite and >= 0, got {value!r}")
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    if -3 <= int(exponent) < 4:
        return f"{float(f'{value:.1e}'):,.{max(0, 1 - int(exponent))}f}"
    return f"{mantissa} {TIMES} {_power(int(exponent))}"


def _power(exponent: int) -> str:
    """10 with a superscript exponent."""
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def verdict(value: float) -> str:
    """Return `"vanishing"`, `"alive"` or `"exploding"` for a gradient relative to the last layer's.

    The limits, 1/1000 and 1000, are this course's; there is no sharp border.
    """
    return "vanishing" if value < LOST else "exploding" if value > BURST else "alive"


def waterfall(
    series: Mapping[str, Sequence[float]],
    *,
    references: Sequence[float] = (),
    title: str = "",
    first: int = 0,
) -> Diagram:
    """Draw how much gradient is left at each layer, on a logarithmic scale.

    The gradient travels from left to right: from the last layer, where it counts as 1, down to the
    input. One series hangs as bars from the line at 1 (or stands on it, where the gradient
    grows); up to three series are lines with marks of their own.

    Args:
        series: name -> gradient of the layers, from the input (index 0) to the last layer, each
            relative to that of the last layer; as `backprop.Backprop.gradient`. All of the same
            length, 2 or more, none negative.
        references: at most two factors r whose powers rⁿ, for n layers passed, are drawn as dashed
            lines, named below the title.
        title: stands above the picture; empty: the name of the only series, or nothing.
        first: number of the lowest layer that the series hold; 0 is the input x.

    Raises:
        ValueError: for no or too many series, lengths that differ, and numbers out of range.
    """
    lines = {name: [float(v) for v in values] for name, values in series.items()}
    _check(lines, references)
    depth = len(next(iter(lines.values()))) - 1
    low, high = _range(lines.values(), references, depth)

    def x(layer: float) -> float:
        return _LEFT + (depth - layer + 0.5) * (_RIGHT - _LEFT) / (depth + 1)

    def y(value: float) -> float:
        decades = math.log10(value) if value else low
        share = (high - min(max(decades, low), high)) / (high - low)
        return _TOP + share * (_BOTTOM - _TOP)

    single = len(lines) == 1
    parts = [_grid(low, high, y), _layers(depth, first, x)]
    if single:
        parts.append(_bars(next(iter(lines.values())), first, x, y))
    parts += [
        _reference(factor, index, depth, low, x, y) for index, factor in enumerate(references)
    ]
    if not single:
        parts += [
            _line(name, values, index, first, x, y)
            for index, (name, values) in enumerate(lines.items())
        ]
        parts.append(_legend(list(lines)))
    parts.append(text(20, 32, escape(title or (next(iter(lines)) if single else "")), font(20)))
    return frame(
        "".join(parts),
        height=_HEIGHT,
        alt=_describe(lines, depth, first),
        kind="cnn-waterfall",
        css=".cnn-waterfall .b:hover rect{stroke:#1F2430;stroke-width:2px}",
    )


def _check(lines, references) -> None:
    if not 1 <= len(lines) <= len(_MARKS):
        raise ValueError(f"series must hold 1 to {len(_MARKS)} series, got {len(lines)}")
    lengths = {len(values) for values in lines.values()}
    if len(lengths) > 1 or min(lengths) < 2:
        raise ValueError(f"series must all have one length of 2 or more, got {sorted(lengths)}")
    for name, values in lines.items():
        if not all(0 <= value < math.inf for value in values):
            raise ValueError(f"series must hold finite numbers >= 0, got others in {name!r}")
    if len(references) > len(_DASHES):
        raise ValueError(f"references must be at most {len(_DASHES)}, got {len(references)}")
    for factor in references:
        if not 0 < factor < 1:
            raise ValueError(f"references must lie between 0 and 1, got {factor!r}")


def _range(lines, references, depth) -> tuple[int, int]:
    """The decades of the axis: all that was measured, and the first reference as far as it goes."""
    decades = [math.log10(v) for values in lines for v in values if v]
    decades += [depth * math.log10(factor) for factor in references[:1]]
    low = next((d for d in _FLOORS if d <= min(decades)), math.floor(min(decades)))
    high = next((d for d in _CEILINGS if d >= max(decades)), math.ceil(max(decades)))
    return low, high


def _grid(low, high, y) -> str:
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if (high - low) / s <= 8)
    size, parts = font(15), []
    for decade in range(math.ceil(low / step) * step, high + 1, step):
        at = y(10.0**decade)
        colour, width = (INK, 1.6) if decade == 0 else (FAINT, 1)
        parts.append(
            f'<path d="M{_LEFT} {at:.1f}H{_RIGHT}" stroke="{colour}" stroke-width="{width}"/>'
        )
        label = "1" if decade == 0 else _power(decade)
        parts.append(text(_LEFT - 10, at + 5, label, size, anchor="end", fill=MUTED))
    if low < _SMALLEST:
        at = y(10.0**_SMALLEST)
        parts.append(
            f'<path d="M{_LEFT} {at:.1f}H{_RIGHT}" stroke="{HIGHLIGHT}" stroke-width="1.4" '
            'stroke-dasharray="2 4"/>'
        )
        words = "float32 holds nothing smaller"
        parts.append(text(_LEFT + 8, at + 18, words, font(14), fill=HIGHLIGHT))
    return "".join(parts)


def _layers(depth, first, x) -> str:
    """Numbers under the layers, as many as fit, and the direction of travel."""
    size = font(15)
    step = next(s for s in (1, 2, 5, 10, 25, 50) if (depth + 1) / s <= 16)
    shown = [0, *range(step, depth + 1, step)]
    if depth - shown[-1] and depth - shown[-1] >= 0.6 * step:
        shown.append(depth)
    parts = [
        text(x(n), _BOTTOM + 20, str(n + first) if n + first else "x", size, anchor="middle")
        for n in shown
    ]
    parts.append(text(_LEFT, _HEIGHT - 12, "last layer", size, fill=MUTED))
    words = "the gradient travels from layer to layer, down to the input \u2192"
    parts.append(text((_LEFT + _RIGHT) / 2, _HEIGHT - 12, words, size, anchor="middle", fill=MUTED))
    parts.append(text(_RIGHT, _HEIGHT - 12, _name(first), size, anchor="end", fill=MUTED))
    return "".join(parts)


def _name(layer) -> str:
    return f"layer {layer}" if layer else "input x"


def _where(layer) -> str:
    return f"layer {layer}" if layer else "the input"


def _bars(values, first, x, y) -> str:
    pitch = (_RIGHT - _LEFT) / len(values)
    width, line, parts = max(0.72 * pitch, 4), y(1.0), []
    for layer, value in enumerate(values):
        at = y(value)
        colour = GOOD if verdict(value) == "alive" else BAD
        name = _name(layer + first)
        height = max(abs(at - line), 3)
        parts.append(
            f'<g class="b"><title>{name}: {scientific(value)}</title>'
            f'<rect x="{x(layer) - width / 2:.1f}" y="{min(at, line):.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="{tint(colour, 0.55)}" stroke="{colour}"/></g>'
        )
    label = f"{scientific(values[0])} at {_where(first)}: {verdict(values[0])}"
    parts.append(text(_RIGHT, 32, label, font(20), anchor="end", bold=True))
    return "".join(parts)


def _reference(factor, index, depth, low, x, y) -> str:
    """The powers of one factor, as far down as the picture goes, and their name above the plot."""
    last = min(depth, low / math.log10(factor))  # layers passed where the line leaves the picture
    end = f"{x(depth - last):.1f} {y(10.0 ** (last * math.log10(factor))):.1f}"
    look = f'stroke="{INK}" stroke-width="2" stroke-dasharray="{_DASHES[index]}" fill="none"'
    at = 20 + 110 * index  # a name beside its line would lie over bars or over the other line
    return (
        f'<path class="r" d="M{x(depth):.1f} {y(1.0):.1f}L{end}" {look}/>'
        f'<path d="M{at} 54h40" {look}/>'
        + text(at + 46, 59, f"{factor:g}\u207f", font(16), bold=True)
    )


def _line(name, values, index, first, x, y) -> str:
    colour = CYCLE[index]
    points = [(x(layer), y(value)) for layer, value in enumerate(values)]
    data = "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
    parts = [f'<path class="s" d="M{data}" stroke="{colour}" stroke-width="2.6" fill="none"/>']
    for layer, ((a, b), value) in enumerate(zip(points, values, strict=True)):
        title = f"<title>{escape(name)}, {_name(layer + first)}: {scientific(value)}</title>"
        parts.append(f'<g class="m">{title}{_mark(_MARKS[index], a, b, colour)}</g>')
    return "".join(parts)


def _mark(kind, a, b, colour) -> str:
    if kind == "circle":
        return f'<circle cx="{a:.1f}" cy="{b:.1f}" r="5" fill="{colour}"/>'
    turn = f' transform="rotate(45 {a:.1f} {b:.1f})"' if kind == "diamond" else ""
    return f'<rect x="{a - 4.5:.1f}" y="{b - 4.5:.1f}" width="9" height="9" fill="{colour}"{turn}/>'


def _legend(names) -> str:
    size, at, parts = font(17), _RIGHT, []
    for index in reversed(range(len(names))):
        at -= 0.6 * size * len(names[index])
        parts.append(text(at, 32, escape(names[index]), size, bold=True))
        at -= 16
        parts.append(_mark(_MARKS[index], at, 26, CYCLE[index]))
        at -= 26
    return "".join(parts)


def _describe(lines, depth, first) -> str:
    """What arrives; of several series in words, which hold for every draw of the weights."""
    layers = f"{depth} layer{'s' * (depth != 1)}"
    if len(lines) == 1:
        ((name, values),) = lines.items()
        parts = [f"{name}: {scientific(values[0])} at {_where(first)} ({verdict(values[0])})"]
    else:
        where = _where(first)
        parts = [f"{name} {verdict(values[0])} at {where}" for name, values in lines.items()]
    return f"Gradient through {layers}, 1 at the last. {'; '.join(parts)}."


# ---------------------------------------------------------------------------------------------
# One path


def path_chain(factors: Sequence[tuple[float, float]], *, names: Sequence[str] = ()) -> Diagram:
    """Draw one path as a chain of units, with the weight and the slope of every step.

    Args:
        factors: (weight, slope) of each layer, first layer first; 1 to 10 of them, all finite.
        names: of the units, one more than factors, as `["x", "x1", ...]`; empty: x, 1, 2, ….

    Raises:
        ValueError: for another number of factors or names, and for numbers that are not finite.
    """
    factors = [(float(weight), float(slope)) for weight, slope in factors]
    if not 1 <= len(factors) <= 10:
        raise ValueError(f"factors must hold 1 to 10 layers, got {len(factors)}")
    if not all(math.isfinite(v) for pair in factors for v in pair):
        raise ValueError("factors must be finite, got at least one that is not")
    names = list(names) or ["x", *map(str, range(1, len(factors) + 1))]
    if len(names) != len(factors) + 1:
        raise ValueError(f"names must hold {len(factors) + 1} names, got {len(names)}")
    pitch = (930 - 130) / len(factors)
    radius, y, size = 21, 84, font(16)
    parts = [
        text(20, y + 46 + 0, "slope", size, fill=MUTED),
        text(20, y - 34, "weight", size, fill=MUTED),
        text(20, y + 92, "product", size, bold=True),
    ]
    product = 1.0
    for index in range(len(names)):
        cx = 130 + index * pitch
        if index:
            weight, slope = factors[index - 1]
            product *= weight * slope
            parts.append(
                f'<path d="M{cx - pitch + radius:.1f} {y}H{cx - radius - 6:.1f}m-7 -5l7 5l-7 5" '
                f'stroke="{WEIGHT}" stroke-width="2.4" fill="none"/>'
            )
            middle = cx - pitch / 2
            parts.append(text(middle, y - 34, f"{TIMES}{_signed(weight)}", size, anchor="middle"))
            parts.append(text(cx, y + 46, f"{TIMES}{_signed(slope)}", size, anchor="middle"))
            shown = ("" if product >= 0 else MINUS) + scientific(abs(product)).replace(" ", "")
            parts.append(text(cx, y + 92, shown, font(15), anchor="middle", bold=True))
        colour = tint(GOOD, 0.16) if index else PAPER
        parts.append(
            f'<circle cx="{number(cx)}" cy="{y}" r="{radius}" fill="{colour}" stroke="{GOOD}" '
            'stroke-width="2"/>'
        )
        parts.append(text(cx, y + 6, escape(names[index]), size, anchor="middle"))
    sign = "" if product >= 0 else "minus "
    alt = (
        f"One path through {len(factors)} layers. "
        + ", ".join(f"weight {_signed(w)} and slope {_signed(s)}" for w, s in factors)
        + f". Their product: {sign}{scientific(abs(product))}."
    )
    return frame("".join(parts), height=y + 112, alt=alt, kind="cnn-path")


def _signed(value: float) -> str:
    """Two decimals, or one significant digit where these would hide how small it is."""
    digits = ".2f" if abs(value) >= 0.005 or not value else ".1g"
    return f"{value:{digits}}".replace("-", MINUS)


# ---------------------------------------------------------------------------------------------
# Activations


def draw_slopes(z: np.ndarray, slopes: Mapping[str, np.ndarray], *, ax: Axes | None = None) -> Axes:
    """Draw the slopes of activations over their input.

    Args:
        z: (n,) inputs, rising.
        slopes: name -> (n,) slope at each input; drawn in this order.
        ax: where to draw; None: a new figure.

    Raises:
        ValueError: for shapes that do not fit or numbers that are not finite.
    """
    import numpy as np
    from matplotlib import pyplot

    z = np.asarray(z, dtype=float)
    if z.ndim != 1 or len(z) < 2 or not slopes:
        raise ValueError(f"z must have shape (n,) with n >= 2 and a slope, got {z.shape}")
    if ax is None:
        _, ax = pyplot.subplots()
    styles = ("-", "--", "-.", ":")
    for index, (name, values) in enumerate(slopes.items()):
        values = np.asarray(values, dtype=float)
        if values.shape != z.shape or not np.isfinite(values).all():
            raise ValueError(f"slopes must be finite with shape {z.shape}, got others in {name!r}")
        ax.plot(z, values, label=name, color=CYCLE[index], linestyle=styles[index % 4])
    ax.axhline(0, color=MUTED, linewidth=0.8, zorder=0)
    ax.axhline(0.25, color=MUTED, linewidth=1, linestyle=":", zorder=0)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.set_xlabel("input z of the activation")
    ax.set_ylabel("slope")
    ax.set_xlim(z[0], z[-1])
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
