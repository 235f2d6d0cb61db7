"""The pictures of lesson 12: the winners year by year, and the networks side by side.

Everything is drawn from values that are handed in: entries of `competition.py`, ledgers,
numbers of bytes. No picture holds a number of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from course_utils.drawing import style
from course_utils.drawing.style import tint
from course_utils.drawing.svg import WIDTH, Diagram, frame, large_number, line, rect, share, text
from course_utils.lessons.imagenet_winners.competition import Entry, hover
from course_utils.lessons.imagenet_winners.exercises import pareto_front

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


def errors_by_year(entries: Iterable[Entry]) -> Diagram:
    """Draw the winner of each year as a bar, and what two people reached as dashed lines.

    A winner with two values (with and without extra training images) has a hollow part on top; one
    that is no neural network is pale. Below each bar: the name, and where a paper gives them the
    layers and how many networks were averaged.
    """
    entries = list(entries)
    won = [entry for entry in entries if entry.place == "winner"]
    base, left, right = 314, 70, WIDTH - 12
    pitch = (WIDTH - left - 20) / len(won)
    unit = 270 / max(error.value for entry in won for error in entry.errors)
    caption = "top-5 error on the test images, %"
    parts = [text(WIDTH - 14, 24, caption, 15, anchor="end", fill=style.MUTED)]
    people, said = [], []
    red = {"stroke": style.HIGHLIGHT, "stroke_width": 2, "stroke_dasharray": "7 5"}
    for person in (entry for entry in entries if entry.place == "human"):
        y, label = base - person.error * unit, f"{person.name}: {person.error:g} %"
        bold = {"anchor": "end", "fill": style.HIGHLIGHT, "bold": True}
        parts.append(line(left, y, right, y, hover=hover(person), **red))
        parts.append(text(WIDTH - 14, y - 7, escape(label), 15, **bold))
        people.append(label)
    for place, entry in enumerate(won):
        inside = _inside(entry)
        parts += _year_bar(entry, inside, left + (place + 0.5) * pitch, 0.62 * pitch, base, unit)
        values = " or ".join(f"{error.value:g} %" for error in entry.errors)
        said.append(f"{entry.year} {', '.join([entry.name, *inside])}: {values}")
    parts.append(line(left, base, right, base, stroke=style.INK, stroke_width=1.5))
    alt = f"Top-5 test error of the winners. {'; '.join(said + people)}."
    return frame("".join(parts), height=base + 98, alt=alt, kind="cnn-winners")


def _inside(entry: Entry) -> list[str]:
    """How deep the networks of an entry are and how many, as far as it is known."""
    mixed = entry.name != entry.model  # networks of several depths: the depth is the largest
    depth = [f"{'up to ' * mixed}{entry.depth.value} layers"] if entry.depth.value else []
    many = entry.errors[0].networks
    return depth + ([f"{many} networks"] if many else [])


def _year_bar(
    entry: Entry, inside: list[str], middle: float, width: float, base: float, unit: float
) -> list[str]:
    low, high = entry.errors[0].value, entry.errors[-1].value
    left, top, note = middle - width / 2, base - high * unit, hover(entry)
    values = f"{low:.1f}" if high == low else f"{low:.1f} / {high:.1f}"
    half = len(values) * 16 * 0.34
    fill = tint(style.INPUT, 0.8) if entry.network else style.FAINT
    hollow = {"fill": style.PAPER, "stroke": style.INPUT, "stroke_dasharray": "4 3"}
    words = [  # y, what, size, look
        (top - 7, values, 16, {"bold": True}),
        (base + 21, f"{entry.year}", 15, {"bold": True}),
        (base + 43, escape(entry.name), 14, {}),
        *((base + 63 + 19 * row, one, 14, {"fill": style.MUTED}) for row, one in enumerate(inside)),
    ]
    extra = rect(left, top, width, (high - low) * unit, stroke_width=1.5, hover=note, **hollow)
    return [
        extra if high > low else "",
        rect(left, base - low * unit, width, low * unit, fill=fill, hover=note),
        rect(middle - half, top - 22, 2 * half, 18, fill=style.PAPER),  # dashed lines stop here
        *(text(middle, y, what, size, anchor="middle", **look) for y, what, size, look in words),
    ]


def layer_strips(networks: Mapping[str, Sequence[str]]) -> Diagram:
    """Draw every network as a strip with a cell for each layer that has weights.

    Args:
        networks: name -> the kinds of its layers in order, each `"conv"` or `"fc"`. The last layer,
            which makes the scores, is the one that the lecture does not count; it is dark.
    """
    left, pitch, top = 140, 52, 62
    cell = 640 / max(map(len, networks.values()))
    colours = {"conv": tint(style.WEIGHT, 0.75), "fc": style.ACCENT}
    key = {"convolution": colours["conv"], "dense": style.ACCENT, "last": style.INK}
    parts, said = [_key(14, 24, key)], []
    for row, (name, kinds) in enumerate(networks.items()):
        y, count = top + row * pitch, len(kinds)
        parts.append(text(14, y + 23, escape(name), 17, bold=True))
        for i, kind in enumerate(kinds, 1):
            note, fill = f"{name}, layer {i}: {kind}", style.INK if i == count else colours[kind]
            bar = (left + (i - 1) * cell, y, max(cell - 1, 2), 32)
            parts.append(rect(*bar, fill=fill, hover=note))
        conv, dense = kinds.count("conv"), kinds.count("fc")
        total = f"{conv} conv + {dense} fc = {count}"
        parts.append(text(left + count * cell + 10, y + 23, total, 16))
        said.append(f"{name}: {conv} convolutions and {dense} dense, {count} layers")
    alt = f"Layers with weights on the longest path. {'; '.join(said)}."
    height = top + pitch * len(networks) - 6
    return frame("".join(parts), height=height, alt=alt, kind="cnn-layer-strips")


def _key(x: float, y: float, colours: Mapping[str, str]) -> str:
    """What the colours of a picture mean, in a line at its top."""
    parts = []
    for name, fill in colours.items():
        parts.append(rect(x, y - 13, 16, 16, fill=fill) + text(x + 22, y, name, 15))
        x += 48 + len(name) * 15 * 0.58
    return "".join(parts)


def cost_profile(ledgers: Sequence) -> Diagram:
    """Draw for each layer with weights its multiply-adds upwards and its parameters downwards.

    Layers run from the image (left) to the scores. Each network has its own scale in each
    direction: its costliest layer has the longest bar. The totals stand beside it.
    """
    paths = [[r for r in one.rows if r.category in ("convolution", "linear")] for one in ledgers]
    left, up, down, pitch = 190, 44, 40, 98
    width = (WIDTH - left - 14) / max(map(len, paths))
    colours = {"convolution": tint(style.WEIGHT, 0.8), "linear": style.ACCENT}
    rule = "up: multiply-adds, down: parameters; each network on its own scale"
    key = {"convolution": colours["convolution"], "dense": style.ACCENT}
    parts, said = [_key(left, 22, key), text(left + 290, 22, rule, 15, fill=style.MUTED)], []
    for place, (one, path) in enumerate(zip(ledgers, paths, strict=True)):
        base = 88 + place * pitch
        macs, parameters = large_number(one.macs), large_number(one.parameters)
        parts.append(text(14, base - 12, escape(one.name), 18, bold=True))
        parts.append(text(14, base + 9, f"{macs} MACs", 15))
        parts.append(text(14, base + 29, f"{parameters} param.", 15))
        most, heaviest = max(row.macs for row in path), max(row.parameters for row in path)
        for i, row in enumerate(path):
            high, deep = row.macs / most * up, row.parameters / heaviest * down
            note = f"{row.label}: {row.macs:,} multiply-adds, {row.parameters:,} parameters"
            bar = (left + i * width, base - high, max(width - 1.5, 1), high + deep)
            parts.append(rect(*bar, fill=colours[row.category], hover=note))
        parts.append(line(left, base, left + len(path) * width, base, stroke=style.INK))
        dense = one.groups()["linear"]
        of_macs = share(dense["macs"], one.macs).replace("<", "below")
        of_parameters = share(dense["parameters"], one.parameters).replace("<", "below")
        said.append(
            f"{one.name}: {macs} multiply-adds, {of_macs} of them in dense layers; "
            f"{parameters} parameters, {of_parameters} in dense layers."
        )
    alt = f"Cost of every layer. {' '.join(said)}"
    return frame("".join(parts), height=40 + pitch * len(paths), alt=alt, kind="cnn-cost-profile")


def cost_bars(costs: Mapping[str, Mapping[str, float]], units: Mapping[str, str]) -> Diagram:
    """Draw several costs of several networks as bars, a column for each cost, each on its scale.

    Args:
        costs: network -> {cost: value}, the same costs for every network.
        units: cost -> its format, as in `"{:.1f} MB"`. Their order is that of the columns.
    """
    left, pitch, top = 140, 46, 52
    column = (WIDTH - left) / len(units)
    most = {name: max(values[name] for values in costs.values()) for name in units}
    parts, said = [], []
    for j, name in enumerate(units):
        parts.append(text(left + j * column, 26, escape(name), 16, bold=True))
    for i, (network, values) in enumerate(costs.items()):
        y, written = top + i * pitch, []
        parts.append(text(14, y + 21, escape(network), 17, bold=True))
        for j, (name, unit) in enumerate(units.items()):
            x, length = left + j * column, values[name] / most[name] * (column - 118)
            fill = tint((style.INPUT, style.OUTPUT, style.WEIGHT)[j], 0.7)
            parts.append(rect(x, y, max(length, 1), 30, fill=fill))
            parts.append(text(x + length + 8, y + 21, unit.format(values[name]), 15))
            written.append(f"{name} {unit.format(values[name])}")
        said.append(f"{network}: {', '.join(written)}")
    alt = f"Costs side by side. {'; '.join(said)}."
    return frame("".join(parts), height=top + pitch * len(costs), alt=alt, kind="cnn-cost-bars")


def draw_photograph(pixels: np.ndarray) -> Figure:
    """Draw a colour image of shape (H, W, 3) with values from 0 to 1, small and without axes."""
    from matplotlib import pyplot

    figure, ax = pyplot.subplots(figsize=(2.2, 2.2))
    ax.imshow(pixels)
    ax.set_axis_off()
    return figure


def front(costs: Mapping[str, float], errors: Mapping[str, float]) -> list[str]:
    """Return the names that no other beats in both cost and error, the cheapest first."""
    names = sorted(costs, key=costs.__getitem__)
    on = pareto_front([costs[name] for name in names], [errors[name] for name in names])
    return [name for name, best in zip(names, on, strict=True) if best]


def draw_fronts(errors: Mapping[str, float], costs: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw error against each cost, with the front as a staircase; what lies behind it is hollow.

    Args:
        errors: network -> error in percent.
        costs: label of the axis -> {network: cost > 0}; one panel for each label, logarithmic.
    """
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    low, high = min(errors.values()), max(errors.values())
    room = 0.105 * (high - low)  # for the names above and below the points
    wide, tall = pyplot.rcParams["figure.figsize"]
    figure, axes = pyplot.subplots(1, len(costs), sharey=True, figsize=(wide * 1.35, tall * 1.15))
    for ax, (label, cost) in zip(axes, costs.items(), strict=True):
        best = front(cost, errors)
        steps = [cost[name] for name in best], [errors[name] for name in best]
        ax.step(*steps, where="post", color=style.OUTPUT)
        for name, error in errors.items():
            on = name in best
            inside = style.OUTPUT if on else style.PAPER
            ax.plot(cost[name], error, "o", ms=8, color=style.OUTPUT, mfc=inside, mew=1.8)
            # Below the staircase there is nothing; behind it there is room above.
            left = on and name != best[-1]
            place = {
                "xytext": (-8 if left else 8, -13 if on else 6),
                "ha": "right" if left else "left",
            }
            look = {"textcoords": "offset points", "color": style.INK if on else style.MUTED}
            ax.annotate(name, (cost[name], error), **place, **look)
        ax.set(xlabel=label, xscale="log", ylim=(round(low - room, 1), round(high + room, 1)))
        ax.set_xlim(min(cost.values()) / 4, max(cost.values()) * 2.6)
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
    axes[0].set_ylabel("top-5 error of one network, %")
    return figure
