"""Gradients on their way down: the waterfall, one path with its factors, slopes of activations."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from typing import NamedTuple

from course_utils.drawing import style, svg
from course_utils.drawing.plots import new_axes
from course_utils.drawing.style import CYCLE, GOOD, INK, MUTED, tint
from course_utils.drawing.svg import MINUS, TIMES, Diagram

_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 968, 76, 346
_FLOORS = (-6, -12, -20, -40, -60, -100, -150, -330)  # decades at which the axis may end
_CEILINGS = (1, 3, 6, 12, 20, 30, 60, 330)
_centred = partial(svg.text, anchor="middle")


def scientific(value: float) -> str:
    """Write two digits for people: `0.034`, `12`, or `4.3 × 10⁻⁷` beyond 0.001 to 10,000; `0`."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    exponent = int(exponent)
    written = f"{mantissa} {TIMES} {_power(exponent)}"
    if -3 <= exponent < 4:
        written = f"{float(f'{value:.1e}'):,.{max(0, 1 - exponent)}f}"
    return written.replace("-", MINUS)


def _power(exponent):
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def verdict(value: float) -> str:
    """Return `"vanishing"`, `"alive"` or `"exploding"` for a gradient relative to the last layer's.

    The limits, 1/1000 and 1000, are this course's; there is no sharp border.
    """
    return "vanishing" if value < 1e-3 else "exploding" if value > 1e3 else "alive"


def _decades(value):
    return math.log10(value) if value else -math.inf


def waterfall(series: Mapping[str, Sequence[float]], *, title="", first=0) -> Diagram:
    """Draw how much gradient is left at each layer, on a logarithmic scale.

    The gradient travels from left to right: from the last layer, where it counts as 1, down to the
    input. One series hangs as bars from the line at 1 (or stands on it, where the gradient
    grows), beside the powers of 0.25 and 0.01; two or three are lines with marks of their own.

    series: name -> gradient of the layers, from the input (index 0) to the last layer, each
        relative to that of the last layer; as `backprop.Backprop.gradient`. All of the same
        length, none negative.
    title: stands above the picture; empty: the name of the only series, or nothing.
    first: number of the lowest layer that the series hold; 0 is the input x.
    """
    (name, values), *others = series.items()
    depth, lowest = len(values) - 1, f"layer {first}" if first else "the input"
    decades = [_decades(value) for values in series.values() for value in values if value]
    if not others:
        decades.append(depth * _decades(0.25))
    low = next(floor for floor in _FLOORS if floor <= min(decades))
    high = next(ceiling for ceiling in _CEILINGS if ceiling >= max(decades))
    plot = _Plot(depth, first, low, high)
    if others:
        drawn = _lines(plot, series)
        # In words, which hold for every draw of the weights.
        words = [f"{name} {verdict(values[0])}" for name, values in series.items()]
        said = "; ".join(f"{word} at {lowest}" for word in words)
    else:
        arrives, what = f"{scientific(values[0])} at {lowest}", verdict(values[0])
        label = svg.text(_RIGHT, 32, f"{arrives}: {what}", 20, anchor="end", bold=True)
        drawn, title = [*_bars(plot, values), label, *_references(plot)], title or name
        said = f"{name}: {arrives} ({what})"
    return svg.frame(
        "".join([*_axes(plot), *drawn, svg.text(20, 32, escape(title), 20)]),
        height=400,
        alt=f"Gradient through {svg.plural(depth, 'layer')}, 1 at the last. {said}.",
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

    def y(self, decades: float) -> float:
        share = (self.high - min(max(decades, self.low), self.high)) / (self.high - self.low)
        return _TOP + share * (_BOTTOM - _TOP)

    def level(self, decade: float, **look) -> str:
        return svg.path(f"M{_LEFT} {self.y(decade):.1f}H{_RIGHT}", **look)

    def name(self, layer: int) -> str:
        return f"layer {layer + self.first}" if layer + self.first else "input x"


def _axes(plot):
    """A line for each power of ten, numbers under the layers, and the direction of travel."""
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if (plot.high - plot.low) / s <= 8)
    for decade in range(math.ceil(plot.low / step) * step, plot.high + 1, step):
        colour, width, label = (style.FAINT, 1, _power(decade)) if decade else (INK, 1.6, "1")
        yield plot.level(decade, stroke=colour, stroke_width=width)
        yield svg.text(_LEFT - 10, plot.y(decade) + 5, label, 15, anchor="end", fill=MUTED)
    smallest = math.log10(1.4e-45)
    if plot.low < smallest:
        colour, words = style.HIGHLIGHT, "float32 holds nothing smaller"
        yield plot.level(smallest, stroke=colour, stroke_width=1.4, stroke_dasharray="2 4")
        yield svg.text(_LEFT + 8, plot.y(smallest) + 18, words, 14, fill=colour)

    step = next(s for s in (1, 2, 5, 10, 25, 50) if (plot.depth + 1) / s <= 16)
    shown = list(range(0, plot.depth + 1, step))
    if plot.depth - shown[-1] >= 0.6 * step:
        shown.append(plot.depth)
    for layer in shown:
        yield _centred(plot.x(layer), _BOTTOM + 20, f"{layer + plot.first or 'x'}", 15)
    words = "the gradient travels from layer to layer, down to the input \u2192"
    yield svg.text(_LEFT, 388, "last layer", 15, fill=MUTED)
    yield _centred((_LEFT + _RIGHT) / 2, 388, words, 15, fill=MUTED)
    yield svg.text(_RIGHT, 388, plot.name(0), 15, anchor="end", fill=MUTED)


def _bars(plot, values):
    width, line = max(0.72 * (_RIGHT - _LEFT) / len(values), 4), plot.y(0)
    for layer, value in enumerate(values):
        at = plot.y(_decades(value))
        colour = GOOD if verdict(value) == "alive" else style.BAD
        place = plot.x(layer) - width / 2, min(at, line), width, max(abs(at - line), 3)
        bar = svg.rect(*place, fill=tint(colour, 0.55), stroke=colour)
        yield svg.group(bar, class_="b", hover=f"{plot.name(layer)}: {scientific(value)}")


def _references(plot):
    """The powers of both factors, as far down as the picture goes, and their names above it."""
    for at, factor, dashes in ((20, 0.25, "9 5"), (130, 0.01, "3 4")):
        look = {"stroke": INK, "stroke_width": 2, "stroke_dasharray": dashes}
        each = math.log10(factor)
        last = min(plot.depth, plot.low / each)  # layers passed where the line leaves the picture
        end = f"{plot.x(plot.depth - last):.1f} {plot.y(last * each):.1f}"
        yield svg.path(f"M{plot.x(plot.depth):.1f} {plot.y(0):.1f}L{end}", class_="r", **look)
        yield svg.path(f"M{at} 54h40", **look)
        yield svg.text(at + 46, 59, f"{factor:g}\u207f", 16, bold=True)


def _lines(plot, series):
    """The lines, and their names above the plot, from the right."""
    for index, (name, values) in enumerate(series.items()):
        points = [(plot.x(layer), plot.y(_decades(value))) for layer, value in enumerate(values)]
        data = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        yield svg.path(data, class_="s", stroke=CYCLE[index], stroke_width=2.6)
        for layer, (point, value) in enumerate(zip(points, values, strict=True)):
            hover = f"{name}, {plot.name(layer)}: {scientific(value)}"
            yield svg.group(_mark(index, *point), class_="m", hover=hover)
    at = _RIGHT
    for index, name in reversed(list(enumerate(series))):
        at -= 0.6 * 17 * len(name)
        yield svg.text(at, 32, escape(name), 17, bold=True) + _mark(index, at - 16, 26)
        at -= 42


def _mark(index, x, y):
    """A circle, a square or a diamond."""
    if index == 0:
        return svg.circle(x, y, 5, fill=CYCLE[index])
    turn = f"rotate(45 {x:.1f} {y:.1f})" if index == 2 else None
    return svg.rect(x - 4.5, y - 4.5, 9, 9, fill=CYCLE[index], transform=turn)


def path_chain(factors: Sequence[tuple[float, float]], *, names: Sequence[str]) -> Diagram:
    """Draw one path as a chain of units, with the weight and the slope of every step.

    factors: (weight, slope) of each layer, first layer first; up to 10 of them.
    names: of the units, one more than factors, as `["x", "x1", ...]`.
    """

    def unit(x, name, colour):
        disc = svg.circle(x, 84, 21, fill=colour, stroke=GOOD, stroke_width=2)
        return disc + _centred(x, 90, escape(name), 16)

    parts = [svg.text(20, 130, "slope", 16, fill=MUTED), svg.text(20, 50, "weight", 16, fill=MUTED)]
    parts += [svg.text(20, 176, "product", 16, bold=True), unit(130, names[0], style.PAPER)]
    pitch, product, x = 800 / len(factors), 1.0, 130.0
    for (weight, slope), name in zip(factors, names[1:], strict=True):
        product *= weight * slope
        shaft = f"M{x + 21:.1f} 84H{x + pitch - 27:.1f}m-7 -5l7 5l-7 5"
        parts.append(svg.path(shaft, stroke=style.WEIGHT, stroke_width=2.4))
        parts.append(_centred(x + pitch / 2, 50, f"{TIMES}{_signed(weight)}", 16))
        x += pitch
        parts.append(_centred(x, 130, f"{TIMES}{_signed(slope)}", 16))
        parts.append(_centred(x, 176, scientific(product).replace(" ", ""), 15, bold=True))
        parts.append(unit(x, name, tint(GOOD, 0.16)))
    steps = ", ".join(f"weight {_signed(w)} and slope {_signed(s)}" for w, s in factors)
    written = scientific(product).replace(MINUS, "minus ")
    alt = f"One path through {len(factors)} layers. {steps}. Their product: {written}."
    return svg.frame("".join(parts), height=196, alt=alt, kind="cnn-path")


def _signed(value):
    """Two decimals, or one significant digit where these would hide how small it is."""
    digits = ".2f" if abs(value) >= 0.005 or not value else ".1g"
    return f"{value:{digits}}".replace("-", MINUS)


def sigmoid_picture(*, slope: bool = True) -> Diagram:
    """Draw the sigmoid; below it, if asked for, its slope, with the two flat tails marked.

    The tails begin where the slope falls below 0.01, at |z| = 4.585.
    """
    tail, top, low = 4.585, 40, 170

    def x(z):
        return 90 + (z + 8) * 110 / 2

    def curve(values, base, height, **look):
        points = (f"{x(i / 10):.1f} {base - height * v:.1f}" for i, v in values)
        return svg.path("M" + "L".join(points), stroke_width=4, **look)

    sigmoid = [(i, 1 / (1 + math.exp(-i / 10))) for i in range(-80, 81)]
    bottom = 362 if slope else 200
    parts = [svg.text(14, top + 12, "1", 18), svg.text(14, low + 4, "0", 18)]
    if slope:
        for left, right in ((-8, -tail), (tail, 8)):
            place = x(left), 24, x(right) - x(left), bottom - 54
            parts.append(svg.rect(*place, fill=tint(style.BAD, 0.14)))
            for y, words in ((low - 60, "flat"), (bottom - 66, "below 0.01")):
                parts.append(_centred((x(left) + x(right)) / 2, y, words, 18))
        slopes, base = [(i, s * (1 - s)) for i, s in sigmoid], bottom - 30
        parts.append(svg.line(x(-8), base, x(8), base, stroke=MUTED))
        parts.append(curve(slopes, base, 440, stroke=style.WEIGHT))
        words = f"slope s(1 {MINUS} s)"
        parts.append(svg.text(x(1.3), base - 88, words, 18, fill=INK, bold=True))
        parts.append(svg.text(x(-0.18), base - 116, "0.25", 18, anchor="end", bold=True))
        parts.append(svg.text(14, base + 4, "0", 18))
    for y in (top + 6, low):
        parts.append(svg.line(x(-8), y, x(8), y, stroke=style.FAINT))
    parts.append(curve(sigmoid, low, low - top - 6, stroke=style.INPUT))
    parts.append(svg.text(x(0.5), low - 36, "sigmoid s(z)", 18, bold=True))
    for z in range(-8, 9, 2):
        parts.append(_centred(x(z), bottom - 4, f"{z}".replace("-", MINUS), 16, fill=MUTED))
    parts.append(_centred(x(-7), bottom - 4, "z", 16, fill=MUTED))
    alt = "The sigmoid rises from 0 to 1 as z goes from minus 8 to 8; it is 0.5 at z = 0."
    if slope:
        alt += " Its slope, drawn below, is 0.25 at z = 0 and under 0.01 beyond 4.6 on both sides."
    return svg.frame("".join(parts), height=bottom + 8, alt=alt, kind="cnn-sigmoid")


def draw_sizes(measured: Mapping[str, Sequence[float]], gains: Mapping[str, float]):
    """Draw the mean square of the signal behind each layer, and the rule's gain^layer as lines."""
    ax = new_axes(8.4, 3.6)
    for index, (name, values) in enumerate(measured.items()):
        at, look = range(1, len(values) + 1), {"color": CYCLE[index]}
        ax.plot(at, [gains[name] ** layer for layer in at], "-", alpha=0.6, **look)
        ax.plot(at, values, "os^"[index], label=name, **look)
    ax.set(yscale="log", xlabel="layer", ylabel="mean square of its outputs", xlim=(0, None))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), title="variance of the weights")
    return ax


def draw_slopes(z, slopes: Mapping[str, Sequence[float]]):
    """Draw the slopes of up to four activations, name -> (n,), over their input z (n,)."""
    ax = new_axes()
    for index, (name, values) in enumerate(slopes.items()):
        ax.plot(z, values, ("-", "--", "-.", ":")[index], label=name, color=CYCLE[index])
    ax.axhline(0, color=MUTED, linewidth=0.8, zorder=0)
    ax.axhline(0.25, color=MUTED, linewidth=1, linestyle=":", zorder=0)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    ax.set(xlabel="input z of the activation", ylabel="slope", xlim=(z[0], z[-1]), yticks=ticks)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
