"""Gradients on their way down: the waterfall, one path with its factors, slopes of activations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

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
from course_utils.drawing.svg import (
    MINUS,
    TIMES,
    Diagram,
    circle,
    element,
    frame,
    group,
    path,
    rect,
    text,
)

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
_DASHES = ("9 5", "3 4")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def scientific(value: float) -> str:
    """Write a number >= 0 for people: `0.034`, `12`, or `4.3 × 10⁻⁷` beyond 0.001 to 10,000.

    Two significant digits. Zero is `0`.
    """
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    exponent = int(exponent)
    if -3 <= exponent < 4:
        return f"{float(f'{value:.1e}'):,.{max(0, 1 - exponent)}f}"
    return f"{mantissa} {TIMES} {_power(exponent)}"


def _power(exponent: int) -> str:
    """10 with a superscript exponent."""
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def verdict(value: float) -> str:
    """Return `"vanishing"`, `"alive"` or `"exploding"` for a gradient relative to the last layer's.

    The limits, 1/1000 and 1000, are this course's; there is no sharp border.
    """
    return "vanishing" if value < LOST else "exploding" if value > BURST else "alive"


# ---------------------------------------------------------------------------------------------
# The waterfall


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
            length, none negative.
        references: at most two factors r < 1 whose powers rⁿ, for n layers passed, are drawn as
            dashed lines, named below the title.
        title: stands above the picture; empty: the name of the only series, or nothing.
        first: number of the lowest layer that the series hold; 0 is the input x.
    """
    depth = len(next(iter(series.values()))) - 1
    plot = _Plot(depth, first, *_range(series.values(), references, depth))
    parts = [_grid(plot), _layers(plot)]
    dashed = [_reference(plot, index, factor) for index, factor in enumerate(references)]
    if len(series) == 1:
        ((name, values),) = series.items()
        title = title or name
        parts += [_bars(plot, values), *dashed]
        said = f"{name}: {scientific(values[0])} at {plot.lowest} ({verdict(values[0])})"
    else:
        parts += dashed
        parts += [_line(plot, index, *one) for index, one in enumerate(series.items())]
        parts.append(_legend(list(series)))
        # In words, which hold for every draw of the weights.
        words = [f"{name} {verdict(values[0])}" for name, values in series.items()]
        said = "; ".join(f"{word} at {plot.lowest}" for word in words)
    parts.append(text(20, 32, escape(title), 20))
    return frame(
        "".join(parts),
        height=_HEIGHT,
        alt=f"Gradient through {depth} layer{'s' * (depth != 1)}, 1 at the last. {said}.",
        kind="cnn-waterfall",
        css=".cnn-waterfall .b:hover rect{stroke:#1F2430;stroke-width:2px}",
    )


class _Plot(NamedTuple):
    """Where a layer and a gradient stand: `depth` layers are passed, `low` to `high` in decades."""

    depth: int
    first: int
    low: int
    high: int

    def x(self, layer: float) -> float:
        return _LEFT + (self.depth - layer + 0.5) * (_RIGHT - _LEFT) / (self.depth + 1)

    def y(self, value: float) -> float:
        decades = math.log10(value) if value else self.low
        share = (self.high - min(max(decades, self.low), self.high)) / (self.high - self.low)
        return _TOP + share * (_BOTTOM - _TOP)

    def name(self, layer: int) -> str:
        return f"layer {layer + self.first}" if layer + self.first else "input x"

    @property
    def lowest(self) -> str:
        """The name of the lowest layer within a sentence."""
        return f"layer {self.first}" if self.first else "the input"


def _range(series, references, depth) -> tuple[int, int]:
    """The decades of the axis: all that was measured, and the first reference as far as it goes."""
    decades = [math.log10(v) for values in series for v in values if v]
    decades += [depth * math.log10(factor) for factor in references[:1]]
    low = next((d for d in _FLOORS if d <= min(decades)), math.floor(min(decades)))
    high = next((d for d in _CEILINGS if d >= max(decades)), math.ceil(max(decades)))
    return low, high


def _grid(plot: _Plot) -> str:
    span = plot.high - plot.low
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if span / s <= 8)
    parts = []
    for decade in range(math.ceil(plot.low / step) * step, plot.high + 1, step):
        at = plot.y(10.0**decade)
        colour, width = (INK, 1.6) if decade == 0 else (FAINT, 1)
        parts.append(path(f"M{_LEFT} {at:.1f}H{_RIGHT}", stroke=colour, stroke_width=width))
        label = "1" if decade == 0 else _power(decade)
        parts.append(text(_LEFT - 10, at + 5, label, 15, anchor="end", fill=MUTED))
    if plot.low < _SMALLEST:
        at = plot.y(10.0**_SMALLEST)
        look = {"stroke": HIGHLIGHT, "stroke_width": 1.4, "stroke_dasharray": "2 4"}
        parts.append(path(f"M{_LEFT} {at:.1f}H{_RIGHT}", **look))
        words = "float32 holds nothing smaller"
        parts.append(text(_LEFT + 8, at + 18, words, 14, fill=HIGHLIGHT))
    return "".join(parts)


def _layers(plot: _Plot) -> str:
    """Numbers under the layers, as many as fit, and the direction of travel."""
    depth, first = plot.depth, plot.first
    step = next(s for s in (1, 2, 5, 10, 25, 50) if (depth + 1) / s <= 16)
    shown = [0, *range(step, depth + 1, step)]
    if depth - shown[-1] and depth - shown[-1] >= 0.6 * step:
        shown.append(depth)
    parts = [
        text(plot.x(n), _BOTTOM + 20, str(n + first) if n + first else "x", 15, anchor="middle")
        for n in shown
    ]
    words = "the gradient travels from layer to layer, down to the input \u2192"
    middle = (_LEFT + _RIGHT) / 2
    for x, word, anchor in (
        (_LEFT, "last layer", "start"),
        (middle, words, "middle"),
        (_RIGHT, plot.name(0), "end"),
    ):
        parts.append(text(x, _HEIGHT - 12, word, 15, anchor=anchor, fill=MUTED))
    return "".join(parts)


def _bars(plot: _Plot, values) -> str:
    width = max(0.72 * (_RIGHT - _LEFT) / len(values), 4)
    line, parts = plot.y(1.0), []
    for layer, value in enumerate(values):
        at = plot.y(value)
        colour = GOOD if verdict(value) == "alive" else BAD
        x, height = plot.x(layer) - width / 2, max(abs(at - line), 3)
        bar = rect(x, min(at, line), width, height, fill=tint(colour, 0.55), stroke=colour)
        title = element("title", f"{plot.name(layer)}: {scientific(value)}")
        parts.append(group(title + bar, class_="b"))
    label = f"{scientific(values[0])} at {plot.lowest}: {verdict(values[0])}"
    return "".join(parts) + text(_RIGHT, 32, label, 20, anchor="end", bold=True)


def _reference(plot: _Plot, index: int, factor: float) -> str:
    """The powers of one factor, as far down as the picture goes, and their name above the plot."""
    decades = math.log10(factor)
    last = min(plot.depth, plot.low / decades)  # layers passed where the line leaves the picture
    end = f"{plot.x(plot.depth - last):.1f} {plot.y(10.0 ** (last * decades)):.1f}"
    look = {"stroke": INK, "stroke_width": 2, "stroke_dasharray": _DASHES[index]}
    at = 20 + 110 * index  # a name beside its line would lie over bars or over the other line
    return (
        path(f"M{plot.x(plot.depth):.1f} {plot.y(1.0):.1f}L{end}", class_="r", **look)
        + path(f"M{at} 54h40", **look)
        + text(at + 46, 59, f"{factor:g}\u207f", 16, bold=True)
    )


def _line(plot: _Plot, index: int, name: str, values) -> str:
    points = [(plot.x(layer), plot.y(value)) for layer, value in enumerate(values)]
    data = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
    parts = [path(data, class_="s", stroke=CYCLE[index], stroke_width=2.6)]
    for layer, ((a, b), value) in enumerate(zip(points, values, strict=True)):
        title = element("title", f"{escape(name)}, {plot.name(layer)}: {scientific(value)}")
        parts.append(group(title + _mark(index, a, b), class_="m"))
    return "".join(parts)


def _mark(index: int, a: float, b: float) -> str:
    """A circle, a square or a diamond."""
    if index == 0:
        return circle(a, b, 5, fill=CYCLE[index])
    turn = f"rotate(45 {a:.1f} {b:.1f})" if index == 2 else None
    return rect(a - 4.5, b - 4.5, 9, 9, fill=CYCLE[index], transform=turn)


def _legend(names: list[str]) -> str:
    at, parts = _RIGHT, []
    for index in reversed(range(len(names))):
        at -= 0.6 * 17 * len(names[index])
        parts.append(text(at, 32, escape(names[index]), 17, bold=True))
        parts.append(_mark(index, at - 16, 26))
        at -= 42
    return "".join(parts)


# ---------------------------------------------------------------------------------------------
# One path


def path_chain(factors: Sequence[tuple[float, float]], *, names: Sequence[str]) -> Diagram:
    """Draw one path as a chain of units, with the weight and the slope of every step.

    Args:
        factors: (weight, slope) of each layer, first layer first; up to 10 of them.
        names: of the units, one more than factors, as `["x", "x1", ...]`.
    """
    pitch, radius, y = 800 / len(factors), 21, 84
    parts = [
        text(20, y + 46, "slope", 16, fill=MUTED),
        text(20, y - 34, "weight", 16, fill=MUTED),
        text(20, y + 92, "product", 16, bold=True),
        _unit(130, y, radius, names[0], PAPER),
    ]
    product, cx = 1.0, 130.0
    for (weight, slope), name in zip(factors, names[1:], strict=True):
        product *= weight * slope
        shaft = f"M{cx + radius:.1f} {y}H{cx + pitch - radius - 6:.1f}m-7 -5l7 5l-7 5"
        times = f"{TIMES}{_signed(weight)}"
        parts.append(path(shaft, stroke=WEIGHT, stroke_width=2.4))
        parts.append(text(cx + pitch / 2, y - 34, times, 16, anchor="middle"))
        cx += pitch
        parts.append(text(cx, y + 46, f"{TIMES}{_signed(slope)}", 16, anchor="middle"))
        shown = ("" if product >= 0 else MINUS) + scientific(abs(product)).replace(" ", "")
        parts.append(text(cx, y + 92, shown, 15, anchor="middle", bold=True))
        parts.append(_unit(cx, y, radius, name, tint(GOOD, 0.16)))
    steps = ", ".join(f"weight {_signed(w)} and slope {_signed(s)}" for w, s in factors)
    sign = "" if product >= 0 else "minus "
    alt = (
        f"One path through {len(factors)} layers. {steps}. "
        f"Their product: {sign}{scientific(abs(product))}."
    )
    return frame("".join(parts), height=y + 112, alt=alt, kind="cnn-path")


def _unit(x: float, y: float, radius: float, name: str, colour: str) -> str:
    disc = circle(x, y, radius, fill=colour, stroke=GOOD, stroke_width=2)
    return disc + text(x, y + 6, escape(name), 16, anchor="middle")


def _signed(value: float) -> str:
    """Two decimals, or one significant digit where these would hide how small it is."""
    digits = ".2f" if abs(value) >= 0.005 or not value else ".1g"
    return f"{value:{digits}}".replace("-", MINUS)


# ---------------------------------------------------------------------------------------------
# Activations


def draw_slopes(z: np.ndarray, slopes: Mapping[str, np.ndarray], *, ax: Axes | None = None) -> Axes:
    """Draw the slopes of activations, name -> (n,), over their input z (n,), which rises."""
    from course_utils.drawing.plots import new_axes

    ax = ax or new_axes()
    for index, (name, values) in enumerate(slopes.items()):
        ax.plot(z, values, ("-", "--", "-.", ":")[index % 4], label=name, color=CYCLE[index])
    ax.axhline(0, color=MUTED, linewidth=0.8, zorder=0)
    ax.axhline(0.25, color=MUTED, linewidth=1, linestyle=":", zorder=0)
    ax.set(xlabel="input z of the activation", ylabel="slope", xlim=(z[0], z[-1]))
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
