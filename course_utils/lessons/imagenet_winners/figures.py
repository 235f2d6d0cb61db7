"""The pictures of notebook 12: the competition as a chart, and the networks side by side.

Everything is drawn from values that are handed in: entries of `competition.py`, ledgers,
numbers of bytes. No picture holds a number of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, NamedTuple

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
from course_utils.drawing.svg import WIDTH, Diagram, font, frame, large_number, number, share, text
from course_utils.lessons.imagenet_winners.competition import Entry, Later, Quantity, Reference

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


# -------------------------------------------------------------------------------------------------
# Quantities of an entry


class Axis(NamedTuple):
    """What an axis of the chart can show.

    label: with its unit. of: entry -> its number in that unit, or None. text: number -> as written.
    log: whether a logarithmic axis makes sense.
    """

    label: str
    of: Callable[[Entry], float | None]
    text: Callable[[float], str]
    log: bool = True


def _scaled(name: str, unit: float) -> Callable[[Entry], float | None]:
    def value(entry: Entry) -> float | None:
        found = getattr(entry, name).value
        return None if found is None else found / unit

    return value


AXES: dict[str, Axis] = {
    "year": Axis("year", lambda entry: entry.year, lambda v: f"{v:.0f}", log=False),
    "error": Axis("top-5 error of the entry, %", lambda entry: entry.error, lambda v: f"{v:g} %"),
    "single": Axis("top-5 error of one network, %", _scaled("single", 1), lambda v: f"{v:g} %"),
    "depth": Axis("layers with weights", _scaled("depth", 1), lambda v: f"{v:.0f} layers"),
    "parameters": Axis(
        "parameters, millions", _scaled("parameters", 1e6), lambda v: f"{v:.1f} million parameters"
    ),
    "macs": Axis(
        "multiply-adds, billions", _scaled("macs", 1e9), lambda v: f"{v:.2f} billion MACs"
    ),
}
"""Key -> what it shows. Sizes and costs are of one network, the error of the whole entry."""

PLACES = {"winner": "winner", "second": "second place", "human": "a person"}


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
    rows.append(("one network alone", *_fact(entry.single, lambda v: f"{v:g} %")))
    rows.append(("layers with weights", *_fact(entry.depth, lambda v: f"{v:,}")))
    rows.append(("parameters", *_fact(entry.parameters, lambda v: f"{v:,}")))
    rows.append(("multiply-adds", *_fact(entry.macs, lambda v: f"{v:,}")))
    return rows


def _fact(quantity: Quantity, shown: Callable[[float], str]) -> tuple[str, str]:
    if quantity.value is None:
        return "unknown", quantity.unknown
    return shown(quantity.value), quantity.source


def title(entry: Entry, x: str, y: str) -> str:
    """Return what to call an entry: the network that was built, unless the entry's error is shown.

    Most entries are several networks together, and only their error belongs to all of them.
    """
    return entry.name if "error" in (x, y) or not entry.model else entry.model


def heading(entry: Entry) -> str:
    """Return name, year, team and place of an entry in one line."""
    if entry.place == "human":
        return entry.name
    return f"{entry.name}, {entry.year} ({entry.team}, {PLACES[entry.place]})"


# -------------------------------------------------------------------------------------------------
# The error, year by year


def errors_by_year(entries: Iterable[Entry]) -> Diagram:
    """Draw the winner of each year as a bar, and what two people reached as dashed lines.

    A winner with two values (with and without extra training images) has a hollow part on top; one
    that is no neural network is pale. Below each bar: the name, and where a paper gives them the
    layers and how many networks were averaged.

    Raises:
        ValueError: if there is no winner among the entries.
    """
    entries = list(entries)
    won = [entry for entry in entries if entry.place == "winner"]
    if not won:
        raise ValueError(f"entries must hold a winner, got {len(entries)} entries and none")
    base, top, left = 314, 44, 70
    pitch = (WIDTH - left - 20) / len(won)
    per_percent = (base - top) / max(error.value for entry in won for error in entry.errors)
    caption = "top-5 error on the test images, %"
    parts = [text(WIDTH - 14, 24, caption, font(15), anchor="end", fill=MUTED)]
    for person in (entry for entry in entries if entry.place == "human"):
        y = base - person.error * per_percent
        parts.append(
            f'<path d="M{left} {number(y)}H{WIDTH - 12}" stroke="{HIGHLIGHT}" stroke-width="2" '
            f'stroke-dasharray="7 5"><title>{escape(_hover(person))}</title></path>'
        )
        label = f"{person.name}: {person.error:g} %"
        parts.append(
            text(
                WIDTH - 14, y - 7, escape(label), font(15), anchor="end", fill=HIGHLIGHT, bold=True
            )
        )
    for place, entry in enumerate(won):
        parts.append(_year_bar(entry, left + place * pitch, pitch, base, per_percent))
    parts.append(f'<path d="M{left} {base}H{WIDTH - 12}" stroke="{INK}" stroke-width="1.5"/>')
    return frame("".join(parts), height=base + 98, alt=_say_errors(entries), kind="cnn-winners")


def _year_bar(entry: Entry, left: float, pitch: float, base: float, per_percent: float) -> str:
    width, middle = pitch * 0.62, left + pitch / 2
    colour = tint(INPUT, 0.8) if entry.network else FAINT
    low, high = entry.errors[0].value, entry.errors[-1].value
    hover = escape(_hover(entry))
    parts = []
    if high > low:
        parts.append(
            f'<rect x="{number(middle - width / 2)}" y="{number(base - high * per_percent)}" '
            f'width="{number(width)}" height="{number((high - low) * per_percent)}" '
            f'fill="{PAPER}" stroke="{INPUT}" stroke-width="1.5" stroke-dasharray="4 3">'
            f"<title>{hover}</title></rect>"
        )
    parts.append(
        f'<rect x="{number(middle - width / 2)}" y="{number(base - low * per_percent)}" '
        f'width="{number(width)}" height="{number(low * per_percent)}" fill="{colour}">'
        f"<title>{hover}</title></rect>"
    )
    values = f"{low:.1f}" if high == low else f"{low:.1f} / {high:.1f}"
    y, half = base - high * per_percent - 7, len(values) * font(16) * 0.34
    ground = f'x="{number(middle - half)}" y="{number(y - 15)}" width="{number(2 * half)}"'
    parts.append(f'<rect {ground} height="18" fill="{PAPER}"/>')  # the dashed lines stop here
    parts.append(text(middle, y, values, font(16), anchor="middle", bold=True))
    parts.append(text(middle, base + 21, f"{entry.year}", font(15), anchor="middle", bold=True))
    parts.append(text(middle, base + 43, escape(entry.name), font(14), anchor="middle"))
    for line, words in enumerate(_inside(entry)):
        y = base + 63 + 19 * line
        parts.append(text(middle, y, words, font(14), anchor="middle", fill=MUTED))
    return "".join(parts)


def _inside(entry: Entry) -> list[str]:
    """How deep the networks of an entry are and how many, as far as it is known."""
    mixed = entry.name != entry.model  # networks of several depths: the depth is the largest
    depth = [f"{'up to ' * mixed}{entry.depth.value} layers"] if entry.depth.value else []
    many = entry.errors[0].networks
    return depth + ([f"{many} networks"] if many else [])


def _say_errors(entries: Sequence[Entry]) -> str:
    won = []
    for entry in entries:
        if entry.place != "winner":
            continue
        values = " or ".join(f"{error.value:g} %" for error in entry.errors)
        won.append(f"{entry.year} {', '.join([entry.name, *_inside(entry)])}: {values}")
    people = [f"{e.name}: {e.error:g} %" for e in entries if e.place == "human"]
    return f"Top-5 test error of the winners. {'; '.join([*won, *people])}."


def _hover(entry: Entry) -> str:
    lines = [f"{what}: {value} [{source}]" for what, value, source in facts(entry)]
    return "\n".join([heading(entry), *lines, entry.note])


# -------------------------------------------------------------------------------------------------
# The chart with axes to choose

_BOX = (76, 44, 984, 406)  # left, top, right and bottom of the plot
_HEIGHT = 480
_LETTER = 0.58  # mean width of a letter, in type sizes


def winners_chart(
    entries: Sequence[Entry],
    x: str = "year",
    y: str = "error",
    *,
    x_log: bool = False,
    y_log: bool = False,
    chosen: str = "",
) -> Diagram:
    """Draw the entries as points over two quantities; what is unknown is left out and named.

    Winners are filled, second places wider rings (so that a winner inside one is seen), people
    dashed lines where an error is an axis. The second error of an entry is a small ring, joined to
    the first. Hover shows facts and sources.

    Args:
        entries: with their counts filled in (see `competition.with_counts`).
        x, y: two different keys of `AXES`. x_log, y_log: logarithmic axes.
        chosen: id of the entry to mark; "" for none.

    Raises:
        ValueError: for an unknown or doubled axis, a logarithm of the year, or if no entry has
            both numbers.
    """
    for name, axis, log in (("x", x, x_log), ("y", y, y_log)):
        if axis not in AXES:
            raise ValueError(f"{name} must be one of {', '.join(AXES)}, got {axis!r}")
        if log and not AXES[axis].log:
            raise ValueError(
                "years have no logarithmic axis: there is no year 0 to count factors from. "
                "Choose a linear scale for that axis."
            )
    if x == y:
        raise ValueError(f"both axes show the {x}: choose two different quantities")
    known, unknown = split(entries, x, y)
    if not known:
        raise ValueError(f"entries must hold one with {x} and {y}, got none")
    people = [entry for entry in entries if entry.place == "human"]
    span = _Span(known, people, x, y, x_log, y_log)
    parts = [span.axes(), *(_person(person, span) for person in people if "error" in (x, y))]
    placed: list[tuple[float, float, float, float]] = []
    spots = [(entry, span.place(entry)) for entry in known]
    for entry, (px, py) in spots:
        ends = [(px, py), *span.others(entry)]
        xs, ys = zip(*ends, strict=True)
        room = _radius(entry) + 2
        placed.append((min(xs) - room, min(ys) - room, max(xs) + room, max(ys) + room))
    if "error" in (x, y):
        placed += [box for person in people for box in (span.words(person), span.line(person))]
    for entry, (px, py) in sorted(spots, key=lambda spot: spot[0].place == "winner"):
        parts.append(_point(entry, px, py, span, entry.id == chosen))
    for entry, (px, py) in spots:
        parts.append(_name(title(entry, x, y), px, py, placed, entry.id == chosen))
    alt = _say_chart(known, unknown, x, y)
    return frame("".join(parts), height=_HEIGHT, alt=alt, kind="cnn-winners-chart")


def split(entries: Iterable[Entry], x: str, y: str) -> tuple[list[Entry], list[Entry]]:
    """Return the entries (people left out) that have both numbers, and those that have not."""
    teams = [entry for entry in entries if entry.place != "human"]
    both = [e for e in teams if None not in (AXES[x].of(e), AXES[y].of(e))]
    return both, [e for e in teams if e not in both]


class _Span:
    """The two scales of a chart and where a value lies on them."""

    def __init__(self, known, people, x, y, x_log, y_log):
        self.keys, self.people = {"x": x, "y": y}, people
        self.log = {"x": x_log, "y": y_log}
        self.ends, self.ticks = {}, {}
        for side, key in self.keys.items():
            values = [AXES[key].of(entry) for entry in known]
            if key == "error":
                values += [error.value for entry in known for error in entry.errors]
                values += [person.error for person in people]
            self.ends[side], self.ticks[side] = _scale(values, key, self.log[side])

    def on(self, side: str, value: float) -> float:
        low, high = self.ends[side]
        if self.log[side]:
            low, high, value = log10(low), log10(high), log10(value)
        share = (value - low) / (high - low)
        left, top, right, bottom = _BOX
        return left + share * (right - left) if side == "x" else bottom - share * (bottom - top)

    def place(self, entry: Entry) -> tuple[float, float]:
        return tuple(self.on(side, AXES[key].of(entry)) for side, key in self.keys.items())

    def others(self, entry: Entry) -> list[tuple[float, float]]:
        """Where the further errors of an entry lie, if an axis shows them."""
        px, py = self.place(entry)
        values = [error.value for error in entry.errors[1:]]
        if self.keys["x"] == "error":
            return [(self.on("x", value), py) for value in values]
        if self.keys["y"] == "error":
            return [(px, self.on("y", value)) for value in values]
        return []

    def line(self, person: Entry) -> tuple[float, float, float, float]:
        """The room that a person's line takes: left, top, right, bottom."""
        left, top, right, bottom = _BOX
        if self.keys["y"] == "error":
            at = self.on("y", person.error)
            return (left, at - 3, right, at + 3)
        at = self.on("x", person.error)
        return (at - 3, top, at + 3, bottom)

    def words(self, person: Entry) -> tuple[float, float, float, float]:
        """The room that the words at a person's line take: left, top, right, bottom."""
        left, top, right, bottom = _BOX
        width, high = len(f"{person.name}: {person.error:g} %") * font(20) * _LETTER, 26
        if self.keys["y"] == "error":
            at = self.on("y", person.error)
            return (left + 8, at - high, left + 8 + width, at)
        at = self.on("x", person.error)
        place = [one.id for one in self.people].index(person.id)  # one line of text for each
        start = at + 8 if at + 8 + width < right else at - 8 - width
        return (start, top + place * high, start + width, top + (place + 1) * high)

    def axes(self) -> str:
        left, top, right, bottom = _BOX
        size = font(21)
        parts = []
        for tick in self.ticks["x"]:
            at = self.on("x", tick)
            parts.append(f'<path d="M{number(at)} {top}V{bottom}" stroke="{tint(FAINT, 0.6)}"/>')
            parts.append(text(at, bottom + 26, f"{tick:g}", size, anchor="middle"))
        for tick in self.ticks["y"]:
            at = self.on("y", tick)
            parts.append(f'<path d="M{left} {number(at)}H{right}" stroke="{tint(FAINT, 0.6)}"/>')
            parts.append(text(left - 10, at + 6, f"{tick:g}", size, anchor="end"))
        parts.append(f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{MUTED}"/>')
        names = {
            side: AXES[key].label + (" (log)" if self.log[side] else "")
            for side, key in self.keys.items()
        }
        middle = (left + right) / 2
        parts.append(text(middle, bottom + 58, names["x"], size, anchor="middle", bold=True))
        parts.append(text(14, 26, names["y"], size, bold=True))  # not upright: easier to read
        return "".join(parts)


def _scale(values: list[float], key: str, log: bool) -> tuple[tuple[float, float], list[float]]:
    """Return the ends of an axis, with room around the values, and its round marks."""
    low, high = min(values), max(values)
    if log:
        low, high = low / 1.35, high * 1.35
        powers = range(floor(log10(low)), ceil(log10(high)) + 1)
        marks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    else:
        if key == "year":
            low, high = low - 0.6, high + 0.6
        else:
            low, high = 0.0, high * 1.08
        step = _step(high - low)
        step = max(step, 1.0) if key == "year" else step  # there is no year 2014.5
        marks = [i * step for i in range(floor(low / step), ceil(high / step) + 1)]
    return (low, high), [mark for mark in marks if low <= mark <= high]


def _step(length: float) -> float:
    """Return the round step (1, 2 or 5 times a power of ten) that makes 4 to 9 marks."""
    power = 10.0 ** floor(log10(length / 4))
    return next(digit * power for digit in (5, 2, 1) if length / (digit * power) >= 4)


def _person(entry: Entry, span: _Span) -> str:
    left, top, right, bottom = span.line(entry)
    label = escape(f"{entry.name}: {entry.error:g} %")
    hover = f"<title>{escape(_hover(entry))}</title>"
    across, down = (left + right) / 2, (top + bottom) / 2
    way = f"M{left} {number(down)}H{right}"
    if span.keys["x"] == "error":
        way = f"M{number(across)} {top}V{bottom}"
    line = (
        f'<path d="{way}" stroke="{HIGHLIGHT}" stroke-width="2" stroke-dasharray="7 5">'
        f"{hover}</path>"
    )
    x, _, end, low = span.words(entry)
    if span.keys["x"] == "error" and x < across:  # no room at the right of the line
        return line + text(end, low - 6, label, font(20), anchor="end", fill=HIGHLIGHT)
    return line + text(x, low - 6, label, font(20), fill=HIGHLIGHT)


def _radius(entry: Entry) -> int:
    return 8 if entry.place == "winner" else 13


def _point(entry: Entry, px: float, py: float, span: _Span, chosen: bool) -> str:
    hover = f"<title>{escape(_hover(entry))}</title>"
    parts = []
    for qx, qy in span.others(entry):
        parts.append(
            f'<path d="M{number(px)} {number(py)}L{number(qx)} {number(qy)}" stroke="{INPUT}" '
            f'stroke-width="2"/><circle cx="{number(qx)}" cy="{number(qy)}" r="6" fill="{PAPER}" '
            f'stroke="{INPUT}" stroke-width="2">{hover}</circle>'
        )
    if chosen:
        parts.append(
            f'<circle cx="{number(px)}" cy="{number(py)}" r="16" fill="none" '
            f'stroke="{HIGHLIGHT}" stroke-width="4"/>'
        )
    fill = INPUT if entry.place == "winner" else PAPER
    parts.append(
        f'<circle cx="{number(px)}" cy="{number(py)}" r="{_radius(entry)}" fill="{fill}" '
        f'stroke="{INPUT}" stroke-width="3">{hover}</circle>'
    )
    return "".join(parts)


def _name(name: str, px: float, py: float, placed: list, chosen: bool) -> str:
    """Write the name beside its point where it covers nothing that is there already."""
    size = font(20)
    width, gap = len(name) * size * _LETTER, 17 + 5 * chosen
    spots = [
        (px + gap, py + 6, "start"),
        (px - gap, py + 6, "end"),
        (px, py - gap - 4, "middle"),
        (px, py + gap + 15, "middle"),
        (px + gap, py - gap - 2, "start"),
        (px + gap, py + gap + 12, "start"),
        (px - gap, py - gap - 2, "end"),
        (px - gap, py + gap + 12, "end"),
    ]
    best = None
    for at_x, at_y, anchor in spots:
        left = at_x - {"start": 0, "middle": width / 2, "end": width}[anchor]
        box = (left, at_y - size, left + width, at_y + 4)
        cost = sum(_overlap(box, other) for other in placed) + _outside(box)
        if best is None or cost < best[0] - 1e-9:
            best = (cost, at_x, at_y, anchor, box)
    _, at_x, at_y, anchor, box = best
    placed.append(box)
    return text(at_x, at_y, escape(name), size, anchor=anchor, bold=chosen)


def _overlap(one: tuple, other: tuple) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _outside(box: tuple) -> float:
    left, top, right, bottom = _BOX
    beyond = max(0, left - box[0]) + max(0, box[2] - right)
    return 40 * (beyond + max(0, top - box[1]) + max(0, box[3] - bottom))


def _say_chart(known: Sequence[Entry], unknown: Sequence[Entry], x: str, y: str) -> str:
    points = [
        f"{title(e, x, y)}: {AXES[x].text(AXES[x].of(e))}, {AXES[y].text(AXES[y].of(e))}"
        for e in known
    ]
    said = f"{AXES[y].label} against {AXES[x].label}. {'; '.join(points)}."
    if unknown:
        said += f" Not known, so not drawn: {', '.join(title(e, x, y) for e in unknown)}."
    return said


# -------------------------------------------------------------------------------------------------
# Layers, counted


def layer_strips(networks: Mapping[str, Sequence[str]]) -> Diagram:
    """Draw every network as a strip with a cell for each layer that has weights.

    Args:
        networks: name -> the kinds of its layers in order, each `"conv"` or `"fc"`. The last layer,
            which makes the scores, is the one that the lecture does not count; it is dark.

    Raises:
        ValueError: for no network, a network without layers or an unknown kind.
    """
    if not networks:
        raise ValueError("networks must hold at least one network, got none")
    for name, kinds in networks.items():
        if not kinds or set(kinds) - {"conv", "fc"}:
            raise ValueError(f"{name} must be a list of 'conv' and 'fc', got {list(kinds)!r}")
    left, room, pitch, top = 140, 640, 52, 62
    cell = room / max(map(len, networks.values()))
    colours = {"conv": tint(WEIGHT, 0.75), "fc": ACCENT}
    parts = [_key(14, 24, [("convolution", colours["conv"]), ("dense", ACCENT), ("last", INK)])]
    said = []
    for row, (name, kinds) in enumerate(networks.items()):
        y = top + row * pitch
        parts.append(text(14, y + 23, escape(name), font(17), bold=True))
        for i, kind in enumerate(kinds):
            fill = INK if i == len(kinds) - 1 else colours[kind]
            parts.append(
                f'<rect x="{number(left + i * cell)}" y="{y}" width="{number(max(cell - 1, 2))}" '
                f'height="32" fill="{fill}"><title>{escape(name)}, layer {i + 1}: {kind}</title>'
                "</rect>"
            )
        conv, dense = kinds.count("conv"), kinds.count("fc")
        label = f"{conv} conv + {dense} fc = {len(kinds)}"
        parts.append(text(left + len(kinds) * cell + 10, y + 23, label, font(16)))
        said.append(f"{name}: {conv} convolutions and {dense} dense, {len(kinds)} layers")
    alt = "Layers with weights on the longest path. " + "; ".join(said) + "."
    height = top + pitch * len(networks) - 6
    return frame("".join(parts), height=height, alt=alt, kind="cnn-layer-strips")


def _key(x: float, y: float, items: Sequence[tuple[str, str]]) -> str:
    parts = []
    for name, fill in items:
        parts.append(
            f'<rect x="{number(x)}" y="{number(y - 13)}" width="16" height="16" fill="{fill}"/>'
        )
        parts.append(text(x + 22, y, name, font(15)))
        x += 22 + len(name) * font(15) * _LETTER + 26
    return "".join(parts)


# -------------------------------------------------------------------------------------------------
# Where it sits


def cost_profile(ledgers: Sequence) -> Diagram:
    """Draw for each layer with weights its multiply-adds upwards and its parameters downwards.

    Layers run from the image (left) to the scores. Each network has its own scale in each
    direction: its costliest layer has the longest bar. The totals stand beside it.

    Args:
        ledgers: what `course_utils.ledger.ledger` returns, with the names to show.

    Raises:
        ValueError: for no ledger, or a ledger without a convolution or dense layer.
    """
    ledgers = list(ledgers)
    if not ledgers:
        raise ValueError("ledgers must hold at least one ledger, got none")
    rows = []
    for one in ledgers:
        found = [row for row in one.rows if row.category in ("convolution", "linear")]
        if not found:
            raise ValueError(f"{one.name} must hold a convolution or dense layer, got none")
        rows.append(found)
    left, up, down, pitch, top = 190, 44, 40, 98, 44
    width = (WIDTH - left - 14) / max(map(len, rows))
    convolution, dense = tint(WEIGHT, 0.8), ACCENT
    parts = [
        _key(left, 22, [("convolution", convolution), ("dense", dense)]),
        text(
            left + 290,
            22,
            "up: multiply-adds, down: parameters; each network on its own scale",
            font(15),
            fill=MUTED,
        ),
    ]
    for place, (one, found) in enumerate(zip(ledgers, rows, strict=True)):
        base = top + place * pitch + up
        most_macs = max(row.macs for row in found) or 1  # 0 if the network uses none of them
        most_parameters = max(row.parameters for row in found) or 1
        parts.append(text(14, base - 12, escape(one.name), font(18), bold=True))
        parts.append(text(14, base + 9, f"{large_number(one.macs)} MACs", font(15)))
        parts.append(text(14, base + 29, f"{large_number(one.parameters)} param.", font(15)))
        for i, row in enumerate(found):
            fill = convolution if row.category == "convolution" else dense
            high, deep = row.macs / most_macs * up, row.parameters / most_parameters * down
            parts.append(
                f'<rect x="{left + i * width:.1f}" y="{base - high:.2f}" '
                f'width="{max(width - 1.5, 1):.1f}" height="{high + deep:.2f}" fill="{fill}">'
                f"<title>{escape(row.label)}: {row.macs:,} multiply-adds, "
                f"{row.parameters:,} parameters</title></rect>"
            )
        end = left + len(found) * width
        parts.append(f'<path d="M{left} {number(base)}H{number(end)}" stroke="{INK}"/>')
    alt = _say_profile(ledgers)
    return frame(
        "".join(parts), height=top + pitch * len(ledgers) - 4, alt=alt, kind="cnn-cost-profile"
    )


def _spoken_share(part: float, whole: float) -> str:
    """Write a share for a text that is read aloud."""
    return share(part, whole).replace("<", "below") if part else "none"


def _say_profile(ledgers: Sequence) -> str:
    sentences = []
    for one in ledgers:
        sums = one.groups()
        parameters = _spoken_share(sums["linear"]["parameters"], one.parameters)
        macs = _spoken_share(sums["linear"]["macs"], one.macs)
        sentences.append(
            f"{one.name}: {large_number(one.macs)} multiply-adds, {macs} of them in dense layers; "
            f"{large_number(one.parameters)} parameters, {parameters} in dense layers."
        )
    return "Cost of every layer. " + " ".join(sentences)


def cost_bars(costs: Mapping[str, Mapping[str, float]], units: Mapping[str, str]) -> Diagram:
    """Draw several costs of several networks as bars, a column for each cost, each on its scale.

    Args:
        costs: network -> {cost: value}, the same costs for every network, values >= 0.
        units: cost -> its format, as in `"{:.1f} MB"`. Their order is that of the columns.

    Raises:
        ValueError: for no network, no unit, networks whose costs are not those with a unit, or a
            value that is negative or not finite.
    """
    if not costs:
        raise ValueError("costs must hold at least one network, got none")
    names = list(units)
    if not names:
        raise ValueError("units must hold at least one cost, got none")
    for network, values in costs.items():
        if set(values) != set(names):
            raise ValueError(f"costs of {network} must be {names}, got {list(values)}")
        if not all(isfinite(value) and value >= 0 for value in values.values()):
            raise ValueError(f"costs of {network} must be numbers >= 0, got {dict(values)}")
    left, pitch, top = 140, 46, 52
    column = (WIDTH - left) / len(names)
    colours = (INPUT, OUTPUT, WEIGHT, ACCENT)
    parts, said = [], []
    for j, name in enumerate(names):
        x = left + j * column
        parts.append(text(x, 26, escape(name), font(16), bold=True))
        most = max(values[name] for values in costs.values()) or 1  # if all of them are 0
        for i, values in enumerate(costs.values()):
            y = top + i * pitch
            length = values[name] / most * (column - 118)
            parts.append(
                f'<rect x="{number(x)}" y="{y}" width="{number(max(length, 1))}" height="30" '
                f'fill="{tint(colours[j % len(colours)], 0.7)}"/>'
            )
            parts.append(text(x + length + 8, y + 21, units[name].format(values[name]), font(15)))
    for i, (network, values) in enumerate(costs.items()):
        parts.append(text(14, top + i * pitch + 21, escape(network), font(17), bold=True))
        said.append(
            f"{network}: "
            + ", ".join(f"{name} {units[name].format(values[name])}" for name in names)
        )
    alt = "Costs side by side. " + "; ".join(said) + "."
    height = top + pitch * len(costs)
    return frame("".join(parts), height=height, alt=alt, kind="cnn-cost-bars")


def draw_photograph(pixels: np.ndarray) -> Figure:
    """Draw a colour image of shape (H, W, 3) with values from 0 to 1, small and without axes.

    Raises:
        ValueError: for another shape.
    """
    from matplotlib import pyplot

    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels must have shape (H, W, 3), got {pixels.shape}")
    figure, ax = pyplot.subplots(figsize=(2.2, 2.2))
    ax.imshow(pixels)
    ax.set_axis_off()
    return figure


# -------------------------------------------------------------------------------------------------
# Accuracy against cost


def front(costs: Mapping[str, float], errors: Mapping[str, float]) -> list[str]:
    """Return the names that no other beats in both cost and error, the cheapest first.

    A name is off the front if another costs no more and errs no more, and less in one of the two.

    Raises:
        ValueError: if the two do not hold the same names.
    """
    if set(costs) != set(errors):
        raise ValueError(f"errors must hold the names {sorted(costs)}, got {sorted(errors)}")

    def beaten(name: str) -> bool:
        return any(
            costs[other] <= costs[name]
            and errors[other] <= errors[name]
            and (costs[other], errors[other]) != (costs[name], errors[name])
            for other in costs
        )

    return sorted((name for name in costs if not beaten(name)), key=lambda name: costs[name])


def draw_fronts(errors: Mapping[str, float], costs: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw error against each cost, a panel for each, and the front as a staircase.

    Args:
        errors: network -> error in percent.
        costs: label of the axis -> {network: cost > 0}; one panel for each label, logarithmic.

    Returns:
        The figure: filled points lie on the front, hollow ones behind it.

    Raises:
        ValueError: for no network, no cost, costs that are not of the same networks as the errors,
            a cost that is not above 0, or a number that is not finite.
    """
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    _check_fronts(errors, costs)
    low, high = min(errors.values()), max(errors.values())
    room = max(0.105 * (high - low), 0.5)  # for the names above and below the points
    limits = (round(low - room, 1), round(high + room, 1))

    figure, axes = pyplot.subplots(1, len(costs), sharey=True, squeeze=False)
    wide, high = figure.get_size_inches()
    figure.set_size_inches(wide * 1.35, high * 1.15)
    for ax, (label, cost) in zip(axes[0], costs.items(), strict=True):
        best = front(cost, errors)
        xs, ys = [cost[name] for name in best], [errors[name] for name in best]
        ax.step(xs, ys, where="post", color=OUTPUT)
        for name, error in errors.items():
            on = name in best
            ax.plot(
                cost[name], error, "o", ms=8, color=OUTPUT, mfc=OUTPUT if on else PAPER, mew=1.8
            )
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
        ax.set(xlabel=label, xscale="log", ylim=limits)
        ax.set_xlim(min(cost.values()) / 4, max(cost.values()) * 2.6)
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.xaxis.set_minor_locator(NullLocator())
    axes[0][0].set_ylabel("top-5 error of one network, %")
    return figure


def _check_fronts(errors: Mapping[str, float], costs: Mapping[str, Mapping[str, float]]) -> None:
    if not errors:
        raise ValueError("errors must hold at least one network, got none")
    if not all(map(isfinite, errors.values())):
        raise ValueError(f"errors must be finite numbers, got {dict(errors)}")
    if not costs:
        raise ValueError("costs must hold at least one cost, got none")
    for label, cost in costs.items():
        if set(cost) != set(errors):
            raise ValueError(
                f"costs[{label!r}] must hold the networks {sorted(errors)}, got {sorted(cost)}"
            )
        if not all(isfinite(value) and value > 0 for value in cost.values()):
            raise ValueError(f"costs[{label!r}] must be numbers > 0, got {dict(cost)}")


# -------------------------------------------------------------------------------------------------
# What to read


@dataclass(frozen=True)
class Listing:
    """A list with links for the page, and the same as text."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def reading_list(references: Iterable[Reference]) -> Listing:
    """List the papers of the lecture in its words, with the sections that it asks to read."""
    items, lines = [], []
    for one in references:
        read = f"Read: {one.read}." if one.read else ""
        items.append(
            f'<li style="margin:.5em 0"><b>[{escape(one.name)}]</b> {escape(one.lecture)} '
            f'<a href="{escape(one.link)}">{escape(one.link.removeprefix("https://"))}</a>'
            + (f" <b>{escape(read)}</b>" if read else "")
            + f" (lesson {escape(one.lesson)})</li>"
        )
        lines.append(f"[{one.name}] {one.lecture} {one.link} {read}".rstrip())
    return Listing(f"<ul>{''.join(items)}</ul>", "\n".join(lines))


def later_list(networks: Iterable[Later]) -> Listing:
    """List what came after as a table: year, network and its idea, paper with authors and venue."""
    rows, lines = [], []
    cell = '<td style="text-align:left;vertical-align:top;padding:.25em .7em">'
    for one in networks:
        link = f'<a href="{escape(one.link)}">{escape(one.title)}</a>'
        paper = f"{escape(one.authors)}, {link}, {escape(one.venue)} {one.year}"
        rows.append(
            f"<tr>{cell}{one.year}</td>"
            f'<th scope="row" style="text-align:left;vertical-align:top;padding:.25em .7em">'
            f"{escape(one.name)}</th>{cell}{escape(one.idea)}</td>{cell}{paper}</td></tr>"
        )
        lines.append(
            f"{one.name}: {one.idea} {one.authors}, {one.title}, {one.venue} {one.year}, {one.link}"
        )
    heads = "".join(
        f'<th scope="col" style="text-align:left;padding:.25em .7em">{head}</th>'
        for head in ("Year", "Network", "Its idea", "Paper")
    )
    table = (
        f'<table style="border-collapse:collapse"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    return Listing(table, "\n".join(lines))
