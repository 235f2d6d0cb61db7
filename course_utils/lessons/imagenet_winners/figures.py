"""The pictures of lesson 12: the winners year by year, and the networks side by side.

Everything is drawn from values that are handed in: entries of `competition.py`, ledgers,
numbers of bytes. No picture holds a number of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from course_utils.drawing.style import (
    ACCENT,
    FAINT,
    HIGHLIGHT,
    INK,
    INPUT,
    MUTED,
    OUTPUT,
    PAPER,
    WEIGHT,
    tint,
)
from course_utils.drawing.svg import (
    WIDTH,
    Diagram,
    frame,
    large_number,
    line,
    rect,
    share,
    text,
)
from course_utils.lessons.imagenet_winners.competition import Entry
from course_utils.lessons.imagenet_winners.exercises import pareto_front

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

LETTER = 0.58  # mean width of a letter, in type sizes

# -------------------------------------------------------------------------------------------------
# One entry in words


def facts(entry: Entry) -> list[tuple[str, str, str]]:
    """Return (what, number or "unknown", source or reason) for all that is known of an entry."""
    rows = []
    for error in entry.errors:
        many = f", {error.networks} networks" if error.networks else ""
        images = {"extra": ", with extra images", "supplied": "", "practice": ""}[error.images]
        if error.images == "supplied" and len(entry.errors) > 1:
            images = ", supplied images only"
        rows.append((f"top-5 error{many}{images}", f"{error.value:g} %", error.source))
    if entry.place == "human":
        return rows
    for what, (value, source, unknown), written in (
        ("one network alone", entry.single, "{:g} %"),
        ("layers with weights", entry.depth, "{:,}"),
        ("parameters", entry.parameters, "{:,}"),
        ("multiply-adds", entry.macs, "{:,}"),
    ):
        shown = ("unknown", unknown) if value is None else (written.format(value), source)
        rows.append((what, *shown))
    return rows


def heading(entry: Entry) -> str:
    """Return name, year, team and place of an entry in one line."""
    if entry.place == "human":
        return entry.name
    place = {"winner": "winner", "second": "second place"}[entry.place]
    return f"{entry.name}, {entry.year} ({entry.team}, {place})"


def hover(entry: Entry) -> str:
    """Return all that is known of an entry, a line for each fact."""
    lines = [f"{what}: {value} [{source}]" for what, value, source in facts(entry)]
    return "\n".join([heading(entry), *lines, entry.note])


# -------------------------------------------------------------------------------------------------
# The error, year by year


def errors_by_year(entries: Iterable[Entry]) -> Diagram:
    """Draw the winner of each year as a bar, and what two people reached as dashed lines.

    A winner with two values (with and without extra training images) has a hollow part on top; one
    that is no neural network is pale. Below each bar: the name, and where a paper gives them the
    layers and how many networks were averaged.
    """
    entries = list(entries)
    won = [entry for entry in entries if entry.place == "winner"]
    people = [entry for entry in entries if entry.place == "human"]
    base, top, left, right = 314, 44, 70, WIDTH - 12
    pitch = (WIDTH - left - 20) / len(won)
    unit = (base - top) / max(error.value for entry in won for error in entry.errors)
    caption = "top-5 error on the test images, %"
    parts = [text(WIDTH - 14, 24, caption, 15, anchor="end", fill=MUTED)]
    look = {"stroke": HIGHLIGHT, "stroke_width": 2, "stroke_dasharray": "7 5"}
    bold = {"anchor": "end", "fill": HIGHLIGHT, "bold": True}
    for person in people:
        y, label = base - person.error * unit, f"{person.name}: {person.error:g} %"
        parts.append(line(left, y, right, y, hover=hover(person), **look))
        parts.append(text(WIDTH - 14, y - 7, escape(label), 15, **bold))
    for place, entry in enumerate(won):
        parts.append(_year_bar(entry, left + (place + 0.5) * pitch, 0.62 * pitch, base, unit))
    parts.append(line(left, base, right, base, stroke=INK, stroke_width=1.5))

    said = []
    for entry in won:
        values = " or ".join(f"{error.value:g} %" for error in entry.errors)
        said.append(f"{entry.year} {', '.join([entry.name, *_inside(entry)])}: {values}")
    said += [f"{person.name}: {person.error:g} %" for person in people]
    alt = f"Top-5 test error of the winners. {'; '.join(said)}."
    return frame("".join(parts), height=base + 98, alt=alt, kind="cnn-winners")


def _year_bar(entry: Entry, middle: float, width: float, base: float, unit: float) -> str:
    low, high = entry.errors[0].value, entry.errors[-1].value
    left, top = middle - width / 2, base - high * unit
    note, colour = hover(entry), tint(INPUT, 0.8) if entry.network else FAINT
    parts = []
    if high > low:
        hollow = {"fill": PAPER, "stroke": INPUT, "stroke_width": 1.5, "stroke_dasharray": "4 3"}
        parts.append(rect(left, top, width, (high - low) * unit, hover=note, **hollow))
    parts.append(rect(left, base - low * unit, width, low * unit, fill=colour, hover=note))
    values = f"{low:.1f}" if high == low else f"{low:.1f} / {high:.1f}"
    half = len(values) * 16 * 0.34
    parts.append(rect(middle - half, top - 22, 2 * half, 18, fill=PAPER))  # dashed lines stop here
    parts.append(text(middle, top - 7, values, 16, anchor="middle", bold=True))
    parts.append(text(middle, base + 21, f"{entry.year}", 15, anchor="middle", bold=True))
    parts.append(text(middle, base + 43, escape(entry.name), 14, anchor="middle"))
    for row, words in enumerate(_inside(entry)):
        parts.append(text(middle, base + 63 + 19 * row, words, 14, anchor="middle", fill=MUTED))
    return "".join(parts)


def _inside(entry: Entry) -> list[str]:
    """How deep the networks of an entry are and how many, as far as it is known."""
    mixed = entry.name != entry.model  # networks of several depths: the depth is the largest
    depth = [f"{'up to ' * mixed}{entry.depth.value} layers"] if entry.depth.value else []
    many = entry.errors[0].networks
    return depth + ([f"{many} networks"] if many else [])


# -------------------------------------------------------------------------------------------------
# Layers, counted


def layer_strips(networks: Mapping[str, Sequence[str]]) -> Diagram:
    """Draw every network as a strip with a cell for each layer that has weights.

    Args:
        networks: name -> the kinds of its layers in order, each `"conv"` or `"fc"`. The last layer,
            which makes the scores, is the one that the lecture does not count; it is dark.
    """
    left, room, pitch, top = 140, 640, 52, 62
    cell = room / max(map(len, networks.values()))
    colours = {"conv": tint(WEIGHT, 0.75), "fc": ACCENT}
    parts = [_key(14, 24, {"convolution": colours["conv"], "dense": ACCENT, "last": INK})]
    said = []
    for row, (name, kinds) in enumerate(networks.items()):
        y, count = top + row * pitch, len(kinds)
        parts.append(text(14, y + 23, escape(name), 17, bold=True))
        for i, kind in enumerate(kinds, 1):
            note, fill = f"{name}, layer {i}: {kind}", INK if i == count else colours[kind]
            x = left + (i - 1) * cell
            parts.append(rect(x, y, max(cell - 1, 2), 32, fill=fill, hover=note))
        conv, dense = kinds.count("conv"), kinds.count("fc")
        parts.append(
            text(left + count * cell + 10, y + 23, f"{conv} conv + {dense} fc = {count}", 16)
        )
        said.append(f"{name}: {conv} convolutions and {dense} dense, {count} layers")
    alt = "Layers with weights on the longest path. " + "; ".join(said) + "."
    height = top + pitch * len(networks) - 6
    return frame("".join(parts), height=height, alt=alt, kind="cnn-layer-strips")


def _key(x: float, y: float, colours: Mapping[str, str]) -> str:
    """What the colours of a picture mean, in a line."""
    parts = []
    for name, fill in colours.items():
        parts.append(rect(x, y - 13, 16, 16, fill=fill) + text(x + 22, y, name, 15))
        x += 48 + len(name) * 15 * LETTER
    return "".join(parts)


# -------------------------------------------------------------------------------------------------
# Where it sits, and what it takes to run


def cost_profile(ledgers: Sequence) -> Diagram:
    """Draw for each layer with weights its multiply-adds upwards and its parameters downwards.

    Layers run from the image (left) to the scores. Each network has its own scale in each
    direction: its costliest layer has the longest bar. The totals stand beside it.

    Args:
        ledgers: what `course_utils.ledger.ledger` returns, with the names to show.
    """
    paths = [[r for r in one.rows if r.category in ("convolution", "linear")] for one in ledgers]
    left, up, down, pitch, top = 190, 44, 40, 98, 44
    width = (WIDTH - left - 14) / max(map(len, paths))
    colours = {"convolution": tint(WEIGHT, 0.8), "dense": ACCENT}
    rule = "up: multiply-adds, down: parameters; each network on its own scale"
    parts = [_key(left, 22, colours), text(left + 290, 22, rule, 15, fill=MUTED)]
    said = []
    for place, (one, path) in enumerate(zip(ledgers, paths, strict=True)):
        base = top + place * pitch + up
        macs, parameters = large_number(one.macs), large_number(one.parameters)
        parts.append(text(14, base - 12, escape(one.name), 18, bold=True))
        parts.append(text(14, base + 9, f"{macs} MACs", 15))
        parts.append(text(14, base + 29, f"{parameters} param.", 15))
        most = [max(getattr(row, what) for row in path) for what in ("macs", "parameters")]
        for i, row in enumerate(path):
            high, deep = row.macs / most[0] * up, row.parameters / most[1] * down
            fill = colours["convolution" if row.category == "convolution" else "dense"]
            note = f"{row.label}: {row.macs:,} multiply-adds, {row.parameters:,} parameters"
            bar = (left + i * width, base - high, max(width - 1.5, 1), high + deep)
            parts.append(rect(*bar, fill=fill, hover=note))
        parts.append(line(left, base, left + len(path) * width, base, stroke=INK))
        dense = one.groups()["linear"]
        said.append(
            f"{one.name}: {macs} multiply-adds, {_spoken(dense['macs'], one.macs)} of them in "
            f"dense layers; {parameters} parameters, "
            f"{_spoken(dense['parameters'], one.parameters)} in dense layers."
        )
    alt = "Cost of every layer. " + " ".join(said)
    height = top + pitch * len(paths) - 4
    return frame("".join(parts), height=height, alt=alt, kind="cnn-cost-profile")


def _spoken(part: float, whole: float) -> str:
    """Write a share for a text that is read aloud."""
    return share(part, whole).replace("<", "below") if part else "none"


def cost_bars(costs: Mapping[str, Mapping[str, float]], units: Mapping[str, str]) -> Diagram:
    """Draw several costs of several networks as bars, a column for each cost, each on its scale.

    Args:
        costs: network -> {cost: value}, the same costs for every network.
        units: cost -> its format, as in `"{:.1f} MB"`. Their order is that of the columns.
    """
    left, pitch, top = 140, 46, 52
    column = (WIDTH - left) / len(units)
    parts = []
    for j, (name, unit) in enumerate(units.items()):
        x, fill = left + j * column, tint((INPUT, OUTPUT, WEIGHT)[j], 0.7)
        parts.append(text(x, 26, escape(name), 16, bold=True))
        most = max(values[name] for values in costs.values())
        for i, values in enumerate(costs.values()):
            y, length = top + i * pitch, values[name] / most * (column - 118)
            parts.append(rect(x, y, max(length, 1), 30, fill=fill))
            parts.append(text(x + length + 8, y + 21, unit.format(values[name]), 15))
    said = []
    for i, (network, values) in enumerate(costs.items()):
        parts.append(text(14, top + i * pitch + 21, escape(network), 17, bold=True))
        written = [f"{name} {unit.format(values[name])}" for name, unit in units.items()]
        said.append(f"{network}: {', '.join(written)}")
    alt = "Costs side by side. " + "; ".join(said) + "."
    return frame("".join(parts), height=top + pitch * len(costs), alt=alt, kind="cnn-cost-bars")


def draw_photograph(pixels: np.ndarray) -> Figure:
    """Draw a colour image of shape (H, W, 3) with values from 0 to 1, small and without axes."""
    from matplotlib import pyplot

    figure, ax = pyplot.subplots(figsize=(2.2, 2.2))
    ax.imshow(pixels)
    ax.set_axis_off()
    return figure


# -------------------------------------------------------------------------------------------------
# Accuracy against cost


def front(costs: Mapping[str, float], errors: Mapping[str, float]) -> list[str]:
    """Return the names that no other beats in both cost and error, the cheapest first."""
    names = sorted(costs, key=costs.__getitem__)
    on = pareto_front([costs[name] for name in names], [errors[name] for name in names])
    return [name for name, best in zip(names, on, strict=True) if best]


def draw_fronts(errors: Mapping[str, float], costs: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw error against each cost, a panel for each, and the front as a staircase.

    Args:
        errors: network -> error in percent.
        costs: label of the axis -> {network: cost > 0}; one panel for each label, logarithmic.

    Returns:
        The figure: filled points lie on the front, hollow ones behind it.
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
        ax.step(*steps, where="post", color=OUTPUT)
        for name, error in errors.items():
            on = name in best
            inside = OUTPUT if on else PAPER
            ax.plot(cost[name], error, "o", ms=8, color=OUTPUT, mfc=inside, mew=1.8)
            # Below the staircase there is nothing; behind it there is room above.
            left = on and name != best[-1]
            ax.annotate(
                name,
                (cost[name], error),
                xytext=(-8 if left else 8, -13 if on else 6),
                textcoords="offset points",
                ha="right" if left else "left",
                color=INK if on else MUTED,
            )
        ax.set(xlabel=label, xscale="log", ylim=(round(low - room, 1), round(high + room, 1)))
        ax.set_xlim(min(cost.values()) / 4, max(cost.values()) * 2.6)
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
    axes[0].set_ylabel("top-5 error of one network, %")
    return figure
