"""The pictures of lesson 12: the winners year by year, their chart, networks side by side.

Everything is drawn from values that are handed in: no picture holds a number of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import count
from math import ceil, log10
from typing import TYPE_CHECKING, NamedTuple

from course_utils.drawing import style, svg
from course_utils.drawing.style import tint
from course_utils.drawing.svg import WIDTH, Diagram, circle, frame, line, path, rect, text
from course_utils.lessons.imagenet_winners.competition import Entry, Quantity, hover
from course_utils.lessons.imagenet_winners.exercises import pareto_front

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DASHED = {"stroke": style.HIGHLIGHT, "stroke_width": 2, "stroke_dasharray": "7 5"}  # people


def errors_by_year(entries: Iterable[Entry]) -> Diagram:
    """Draw the winner of each year as a bar, and what two people reached as dashed lines.

    Two values, with and without extra training images, give a hollow part on top; what is no
    network is pale. Below: layers and networks averaged, where a paper gives them.
    """
    entries, base, left = list(entries), 314, 70
    won = [entry for entry in entries if entry.place == "winner"]
    pitch = (WIDTH - left - 20) / len(won)
    unit = 270 / max(error.value for entry in won for error in entry.errors)
    caption, red = "top-5 error on the test images, %", {"fill": style.HIGHLIGHT, "bold": True}
    parts = [text(WIDTH - 14, 24, caption, 15, anchor="end", fill=style.MUTED)]
    people, said = [], []
    for person in (entry for entry in entries if entry.place == "human"):
        y, label = base - person.error * unit, f"{person.name}: {person.error:g} %"
        parts.append(line(left, y, WIDTH - 12, y, hover=hover(person), **_DASHED))
        parts.append(text(WIDTH - 14, y - 7, escape(label), 15, anchor="end", **red))
        people.append(label)
    for place, entry in enumerate(won):
        depth, many = entry.depth.value, entry.errors[0].networks
        up_to = "up to " * (entry.name != entry.model)  # networks of several depths
        inside = [f"{up_to}{depth} layers"] * bool(depth) + [f"{many} networks"] * bool(many)
        parts += _year_bar(entry, inside, left + (place + 0.5) * pitch, 0.62 * pitch, base, unit)
        values = " or ".join(f"{error.value:g} %" for error in entry.errors)
        said.append(f"{entry.year} {', '.join([entry.name, *inside])}: {values}")
    parts.append(line(left, base, WIDTH - 12, base, stroke=style.INK, stroke_width=1.5))
    alt = f"Top-5 test error of the winners. {'; '.join(said + people)}."
    return frame("".join(parts), height=base + 98, alt=alt, kind="cnn-winners")


def _year_bar(entry: Entry, inside: list[str], middle, width, base, unit) -> list[str]:
    low, high = entry.errors[0].value, entry.errors[-1].value
    left, top, note = middle - width / 2, base - high * unit, hover(entry)
    values = f"{low:.1f}" if high == low else f"{low:.1f} / {high:.1f}"
    half, fill = len(values) * 16 * 0.34, tint(style.INPUT, 0.8) if entry.network else style.FAINT
    hollow = {"fill": style.PAPER, "stroke": style.INPUT, "stroke_dasharray": "4 3"}
    extra = rect(left, top, width, (high - low) * unit, stroke_width=1.5, hover=note, **hollow)
    below = {"anchor": "middle", "fill": style.MUTED}
    return [
        extra if high > low else "",
        rect(left, base - low * unit, width, low * unit, fill=fill, hover=note),
        rect(middle - half, top - 22, 2 * half, 18, fill=style.PAPER),  # dashed lines stop here
        text(middle, top - 7, values, 16, anchor="middle", bold=True),
        text(middle, base + 21, f"{entry.year}", 15, anchor="middle", bold=True),
        text(middle, base + 43, escape(entry.name), 14, anchor="middle"),
        *(text(middle, base + 63 + 19 * row, one, 14, **below) for row, one in enumerate(inside)),
    ]


def layer_kinds(ledger) -> list[str]:
    """Return the kinds of the layers with weights on the longest path, `"conv"` or `"fc"`."""
    words = {"convolution": "conv", "linear": "fc"}
    rows = [row for row in ledger.rows if row.category in words and "shortcut" not in row.name]
    # Of the branches of an Inception module, one of the two longest.
    path = [row for row in rows if "3x3" in row.name or not row.name.startswith("inception")]
    return [words[row.category] for row in path]


def layer_strips(networks: Mapping[str, Sequence[str]]) -> Diagram:
    """Draw every network as a strip with a cell for each layer that has weights.

    networks: name -> the kinds of its layers in order, each `"conv"` or `"fc"`. The last layer,
    which makes the scores, is the one that the lecture does not count; it is dark.
    """
    left, pitch, top = 140, 52, 62
    cell = 640 / max(map(len, networks.values()))
    colours = {"conv": tint(style.WEIGHT, 0.75), "fc": style.ACCENT}
    key = {"convolution": colours["conv"], "dense": style.ACCENT, "last": style.INK}
    parts, said = [_key(14, 24, key)], []
    for y, (name, kinds) in zip(count(top, pitch), networks.items(), strict=False):
        parts.append(text(14, y + 23, escape(name), 17, bold=True))
        for i, fill in enumerate([*(colours[kind] for kind in kinds[:-1]), style.INK]):
            bar = (left + i * cell, y, max(cell - 1, 2), 32)
            parts.append(rect(*bar, fill=fill, hover=f"{name}, layer {i + 1}: {kinds[i]}"))
        conv, dense, layers = kinds.count("conv"), kinds.count("fc"), len(kinds)
        total = f"{conv} conv + {dense} fc = {layers}"
        parts.append(text(left + layers * cell + 10, y + 23, total, 16))
        said.append(f"{name}: {conv} convolutions and {dense} dense, {layers} layers")
    alt = f"Layers with weights on the longest path. {'; '.join(said)}."
    height = top + pitch * len(networks) - 6
    return frame("".join(parts), height=height, alt=alt, kind="cnn-layer-strips")


def _key(x: float, y: float, colours: Mapping[str, str]) -> str:
    """What the colours of a picture mean, in a line at its top."""
    parts = ""
    for name, fill in colours.items():
        parts += rect(x, y - 13, 16, 16, fill=fill) + text(x + 22, y, name, 15)
        x += 48 + len(name) * 15 * 0.58
    return parts


def cost_profile(ledgers: Sequence) -> Diagram:
    """Draw for each layer with weights its multiply-adds upwards and its parameters downwards.

    Layers run from the image (left) to the scores. Each network has its own scale in each
    direction: its costliest layer has the longest bar. The totals stand beside it.
    """
    left, pitch, kinds = 190, 82, ("convolution", "linear")
    weighted = [[row for row in one.rows if row.category in kinds] for one in ledgers]
    width = (WIDTH - left - 14) / max(map(len, weighted))
    colours = {"convolution": tint(style.WEIGHT, 0.8), "linear": style.ACCENT}
    rule = "up: multiply-adds, down: parameters; each network on its own scale"
    key = {"convolution": colours["convolution"], "dense": style.ACCENT}
    parts, said = [_key(left, 22, key), text(left + 290, 22, rule, 15, fill=style.MUTED)], []
    for base, one, rows in zip(count(78, pitch), ledgers, weighted, strict=False):
        macs, parameters = svg.large_number(one.macs), svg.large_number(one.parameters)
        parts.append(text(14, base - 12, escape(one.name), 18, bold=True))
        parts.append(text(14, base + 9, f"{macs} MACs", 15))
        parts.append(text(14, base + 29, f"{parameters} param.", 15))
        most, heaviest = max(row.macs for row in rows), max(row.parameters for row in rows)
        for i, row in enumerate(rows):
            up, down = row.macs / most * 38, row.parameters / heaviest * 34
            note = f"{row.label}: {row.macs:,} multiply-adds, {row.parameters:,} parameters"
            bar = (left + i * width, base - up, max(width - 1.5, 1), up + down)
            parts.append(rect(*bar, fill=colours[row.category], hover=note))
        parts.append(line(left, base, left + len(rows) * width, base, stroke=style.INK))
        dense = one.groups()["linear"]
        of_macs = f"{svg.share(dense['macs'], one.macs)} of them in dense layers"
        of_parameters = f"{svg.share(dense['parameters'], one.parameters)} in dense layers"
        words = f"{macs} multiply-adds, {of_macs}; {parameters} parameters, {of_parameters}."
        said.append(f"{one.name}: {words.replace('<', 'below')}")
    alt = f"Cost of every layer. {' '.join(said)}"
    height = 40 + pitch * len(weighted)
    return frame("".join(parts), height=height, alt=alt, kind="cnn-cost-profile")


def cost_bars(runs: Mapping[str, object], ledgers: Mapping[str, object]) -> Diagram:
    """Draw what each network computes, stores and holds at once, a column for each, to scale.

    runs: network -> the `ForwardPass` of one image.
    """
    columns = {
        "multiply-adds": ({name: ledgers[name].macs / 1e9 for name in runs}, "{:.2f} billion"),
        "weights": ({name: run.weight_bytes / 1e6 for name, run in runs.items()}, "{:.0f} MB"),
        "maps at once": ({name: run.peak_bytes / 1e6 for name, run in runs.items()}, "{:.1f} MB"),
    }
    left, pitch, top, said = 140, 46, 52, {name: [] for name in runs}
    parts, width = [], (WIDTH - left) / len(columns)
    for y, name in zip(count(top, pitch), runs, strict=False):
        parts.append(text(14, y + 21, escape(name), 17, bold=True))
    colours = (style.INPUT, style.OUTPUT, style.WEIGHT)
    for x, fill, (what, (values, form)) in zip(
        count(left, width), colours, columns.items(), strict=False
    ):
        parts.append(text(x, 26, what, 16, bold=True))
        for y, (name, value) in zip(count(top, pitch), values.items(), strict=False):
            length = value / max(values.values()) * (width - 118)
            parts.append(rect(x, y, max(length, 1), 30, fill=tint(fill, 0.7)))
            parts.append(text(x + length + 8, y + 21, form.format(value), 15))
            said[name].append(f"{what} {form.format(value)}")
    alt = "; ".join(f"{name}: {', '.join(words)}" for name, words in said.items())
    height = top + pitch * len(runs)
    return frame("".join(parts), height=height, alt=f"Costs side by side. {alt}.", kind="cnn-costs")


def front(costs: Mapping[str, float], errors: Mapping[str, float]) -> list[str]:
    """Return the names that no other beats in both cost and error, the cheapest first."""
    names = sorted(costs, key=costs.__getitem__)
    on = pareto_front([costs[name] for name in names], [errors[name] for name in names])
    return [name for name, best in zip(names, on, strict=True) if best]


def draw_fronts(errors: Mapping[str, float], costs: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw error (%) against each cost, the front as a staircase; what lies behind it is hollow.

    costs: label of the axis -> {network: cost > 0}; one panel for each label, logarithmic.
    """
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    low, high = min(errors.values()), max(errors.values())
    room = 0.105 * (high - low)  # for the names above and below the points
    wide, tall = pyplot.rcParams["figure.figsize"]
    figure, axes = pyplot.subplots(1, len(costs), sharey=True, figsize=(wide * 1.35, tall))
    for ax, (label, cost) in zip(axes, costs.items(), strict=True):
        best = front(cost, errors)
        steps = [cost[name] for name in best], [errors[name] for name in best]
        ax.step(*steps, where="post", color=style.OUTPUT)
        for name, error in errors.items():
            on, last = name in best, name == best[-1]
            inside, ink = (style.OUTPUT, style.INK) if on else (style.PAPER, style.MUTED)
            ax.plot(cost[name], error, "o", ms=8, color=style.OUTPUT, mfc=inside, mew=1.8)
            # Below the staircase there is nothing; behind it there is room above.
            dx, side = (-8, "right") if on and not last else (8, "left")
            place = {"xytext": (dx, -13 if on else 6), "textcoords": "offset points", "ha": side}
            ax.annotate(name, (cost[name], error), color=ink, **place)
        ax.set(xlabel=label, xscale="log", ylim=(round(low - room, 1), round(high + room, 1)))
        ax.set_xlim(min(cost.values()) / 4, max(cost.values()) * 2.6)
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
    axes[0].set_ylabel("top-5 error of one network, %")
    return figure


class Axis(NamedTuple):
    """What an axis of the winners' chart shows. name: in the panel. written: format of a number."""

    name: str
    label: str
    written: str
    unit: float = 1


AXES = {
    "year": Axis("year", "year", "{:.0f}"),
    "error": Axis("error of the entry", "top-5 error of the entry, %", "{:g} %"),
    "single": Axis("error of one network", "top-5 error of one network, %", "{:g} %"),
    "depth": Axis("layers", "layers with weights", "{:.0f} layers"),
    "parameters": Axis("parameters", "parameters, millions", "{:.1f} million parameters", 1e6),
    "macs": Axis("multiply-adds", "multiply-adds, billions", "{:.2f} billion MACs", 1e9),
}
"""Field of an entry -> what it shows. Sizes are of one network, the error of the whole entry."""


def number(entry: Entry, key: str) -> float | None:
    """Return what an axis shows of an entry, in its unit; None if nobody knows it."""
    found = getattr(entry, key)
    value = found.value if isinstance(found, Quantity) else found
    return value and value / AXES[key].unit


def written(entry: Entry, key: str) -> str:
    """Return the number of an entry as it is said, or that it is unknown."""
    axis, value = AXES[key], number(entry, key)
    return axis.written.format(value) if value else f"{axis.name} unknown"


def title(entry: Entry, y: str) -> str:
    """Return what to call an entry: the network, or the entry where an axis has its error."""
    return entry.name if y == "error" or not entry.model else entry.model


_LEFT, _TOP, _RIGHT, _BOTTOM = 76, 44, 984, 380  # of the plot
_LETTER = 21 * 0.58  # mean width of a letter
_RADIUS = {"winner": 8, "second": 13}  # of the point

Box = tuple[float, float, float, float]  # left, top, right, bottom


def winners_chart(teams, people, unknown, chosen, x: str, y: str, logarithmic: bool) -> Diagram:
    """Draw entries as points over two quantities, `x` and `y` of `AXES`; years are never log.

    Winners are filled, second places wider rings (so that a winner inside one is seen), people
    dashed lines where an error is an axis.

    teams: entries with both numbers. unknown: what the others are called. chosen: is marked.
    """
    people = people if y == "error" else ()
    log = {key: logarithmic and key != "year" for key in (x, y)}
    across, columns = _scale(x, log[x], _LEFT, _RIGHT, [*teams, *people])
    up, rows = _scale(y, log[y], _BOTTOM, _TOP, [*teams, *people])
    labels = [AXES[key].label + " (log)" * log[key] for key in (x, y)]
    parts, taken = _axes(columns, rows, *labels), []
    spots = {entry: (across(number(entry, x)), up(number(entry, y))) for entry in teams}
    for entry, (left, top) in spots.items():
        room = _RADIUS[entry.place] + 2
        taken.append((left - room, top - room, left + room, top + room))
    for person in people:
        words, at = f"{person.name}: {person.error:g} %", up(person.error)
        parts.append(line(_LEFT, at, _RIGHT, at, hover=hover(person), **_DASHED))
        parts.append(text(_LEFT + 8, at - 6, escape(words), 21, fill=style.HIGHLIGHT))
        taken.append((_LEFT + 8, at - 26, _LEFT + 8 + len(words) * _LETTER, at))
        taken.append((_LEFT, at - 3, _RIGHT, at + 3))
    for entry in sorted(teams, key=lambda entry: entry.place == "winner"):
        look = {"stroke": style.INPUT, "stroke_width": 3, "hover": hover(entry)}
        fill = style.INPUT if entry.place == "winner" else style.PAPER
        if entry is chosen:
            ring = {"stroke": style.HIGHLIGHT, "stroke_width": 4}
            parts.append(circle(*spots[entry], 16, fill="none", **ring))
        parts.append(circle(*spots[entry], _RADIUS[entry.place], fill=fill, **look))
    for entry, spot in spots.items():
        parts.append(_name(title(entry, y), *spot, taken, entry is chosen))

    points = [f"{title(e, y)}: {written(e, x)}, {written(e, y)}" for e in teams]
    alt = f"{AXES[y].label} against {AXES[x].label}. {'; '.join(points)}."
    alt += f" Not known, so not drawn: {', '.join(unknown)}." if unknown else ""
    return frame("".join(parts), height=_BOTTOM + 70, alt=alt, kind="cnn-winners-chart")


def _scale(key: str, log: bool, start: float, end: float, entries: Sequence[Entry]):
    """Return where a value lies between start and end of an axis, and mark -> place."""
    values = [value for entry in entries if (value := number(entry, key))]
    low, high, bent = min(values), max(values), log10 if log else float
    if log:
        low, high = low / 1.35, high * 1.35
    else:
        low, high = (low - 0.6, high + 0.9) if key == "year" else (0.0, high * 1.08)
    step = next(step for step in (50, 20, 10, 5, 2, 1) if (high - low) / step >= 4 or step == 1)
    marks = (1, 2, 5, 10, 20, 50, 100, 200) if log else range(0, ceil(high), step)

    def place(value: float) -> float:
        return start + (bent(value) - bent(low)) / (bent(high) - bent(low)) * (end - start)

    return place, {mark: place(mark) for mark in marks if low <= mark <= high}


def _axes(columns: dict[int, float], rows: dict[int, float], below: str, above: str) -> list[str]:
    parts, grid = [], {"stroke": tint(style.FAINT, 0.6)}
    for mark, x in columns.items():
        parts.append(line(x, _TOP, x, _BOTTOM, **grid))
        parts.append(text(x, _BOTTOM + 26, f"{mark}", 21, anchor="middle"))
    for mark, y in rows.items():
        parts.append(line(_LEFT, y, _RIGHT, y, **grid))
        parts.append(text(_LEFT - 10, y + 6, f"{mark}", 21, anchor="end"))
    middle = (_LEFT + _RIGHT) / 2
    parts.append(path(f"M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}", stroke=style.MUTED))
    parts.append(text(middle, _BOTTOM + 58, below, 21, anchor="middle", bold=True))
    return [*parts, text(14, 26, above, 21, bold=True)]  # not upright: easier to read


def _name(name: str, x: float, y: float, taken: list[Box], chosen: bool) -> str:
    """Write the name beside its point: right, left, below or above, where there is room."""
    gap, width = 17 + 5 * chosen, len(name) * _LETTER
    sides = ("start", gap, 6), ("end", -gap, 6), ("middle", 0, gap + 19), ("middle", 0, -gap - 5)

    def box(anchor: str, dx: float, dy: float) -> Box:
        left = x + dx - width * ("start", "middle", "end").index(anchor) / 2
        return left, y + dy - 18, left + width, y + dy + 3

    def free(side: tuple[str, float, float]) -> bool:
        left, top, right, bottom = box(*side)
        apart = (x2 < left or x1 > right or y2 < top or y1 > bottom for x1, y1, x2, y2 in taken)
        return left > _LEFT and right < _RIGHT and all(apart)

    anchor, dx, dy = best = next(filter(free, sides), sides[0])
    taken.append(box(*best))
    return text(x + dx, y + dy, escape(name), 21, anchor=anchor, bold=chosen)
