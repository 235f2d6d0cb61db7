"""The competition as a chart: entries as points over any two quantities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

from course_utils.drawing.style import FAINT, HIGHLIGHT, INPUT, MUTED, PAPER, tint
from course_utils.drawing.svg import Diagram, circle, frame, line, path, text
from course_utils.lessons.imagenet_winners.competition import Entry
from course_utils.lessons.imagenet_winners.figures import LETTER, hover


class Axis(NamedTuple):
    """What an axis of the chart can show.

    name: in the lists of the panel. label: at the axis, with its unit. of: entry -> its number in
    that unit, or None. written: format of such a number.
    """

    name: str
    label: str
    of: Callable[[Entry], float | None]
    written: str


def _scaled(name: str, unit: float = 1) -> Callable[[Entry], float | None]:
    def value(entry: Entry) -> float | None:
        found = getattr(entry, name).value
        return None if found is None else found / unit

    return value


AXES = {
    "year": Axis("year", "year", lambda entry: entry.year, "{:.0f}"),
    "error": Axis(
        "error of the entry", "top-5 error of the entry, %", lambda entry: entry.error, "{:g} %"
    ),
    "single": Axis(
        "error of one network", "top-5 error of one network, %", _scaled("single"), "{:g} %"
    ),
    "depth": Axis("layers", "layers with weights", _scaled("depth"), "{:.0f} layers"),
    "parameters": Axis(
        "parameters",
        "parameters, millions",
        _scaled("parameters", 1e6),
        "{:.1f} million parameters",
    ),
    "macs": Axis(
        "multiply-adds", "multiply-adds, billions", _scaled("macs", 1e9), "{:.2f} billion MACs"
    ),
}
"""Key -> what it shows. Sizes and costs are of one network, the error of the whole entry."""


def written(entry: Entry, key: str) -> str:
    """Return one number of an entry as it is said, or that it is unknown."""
    value = AXES[key].of(entry)
    return f"{AXES[key].name} unknown" if value is None else AXES[key].written.format(value)


def split(entries: Iterable[Entry], x: str, y: str) -> tuple[list[Entry], list[Entry]]:
    """Return the entries (people left out) that have both numbers, and those that have not."""
    teams = [entry for entry in entries if entry.place != "human"]
    both = [e for e in teams if None not in (AXES[x].of(e), AXES[y].of(e))]
    return both, [e for e in teams if e not in both]


def title(entry: Entry, x: str, y: str) -> str:
    """Return what to call an entry: the network that was built, unless the entry's error is shown.

    Most entries are several networks together, and only their error belongs to all of them.
    """
    return entry.name if "error" in (x, y) or not entry.model else entry.model


_LEFT, _TOP, _RIGHT, _BOTTOM = 76, 44, 984, 406  # of the plot

Box = tuple[float, float, float, float]  # left, top, right, bottom


def draw_chart(entries: Sequence[Entry], x: str, y: str, scales: str, chosen: Entry) -> Diagram:
    """Draw the entries as points over two quantities; what is unknown is left out and named.

    Winners are filled, second places wider rings (so that a winner inside one is seen), people
    dashed lines where an error is an axis. The second error of an entry is a small ring.

    Args:
        entries: with their counts filled in. x, y: two different keys of `AXES`. chosen: is marked.
        scales: which axes are logarithmic, "none", "x", "y" or "both".
    """
    known, unknown = split(entries, x, y)
    people = [entry for entry in entries if entry.place == "human"]
    across = _Scale(x, scales in ("x", "both"), (_LEFT, _RIGHT), known, people)
    up = _Scale(y, scales in ("y", "both"), (_BOTTOM, _TOP), known, people)
    parts, taken = [_axes(across, up)], []
    spots = [(entry, _ends(entry, across, up)) for entry in known]
    for entry, ends in spots:
        xs, ys = zip(*ends, strict=True)
        room = _radius(entry) + 2
        taken.append((min(xs) - room, min(ys) - room, max(xs) + room, max(ys) + room))
    for place, person in enumerate(people if "error" in (x, y) else ()):
        drawn, boxes = _person(person, across if x == "error" else up, x == "error", place)
        parts.append(drawn)
        taken += boxes
    for entry, ends in sorted(spots, key=lambda spot: spot[0].place == "winner"):
        parts.append(_point(entry, ends, entry is chosen))
    for entry, ends in spots:
        parts.append(_name(title(entry, x, y), *ends[0], taken, entry is chosen))

    points = [f"{title(e, x, y)}: {written(e, x)}, {written(e, y)}" for e in known]
    alt = f"{AXES[y].label} against {AXES[x].label}. {'; '.join(points)}."
    if unknown:
        alt += f" Not known, so not drawn: {', '.join(title(e, x, y) for e in unknown)}."
    return frame("".join(parts), height=480, alt=alt, kind="cnn-winners-chart")


class _Scale:
    """One axis: where a value lies on it, and its round marks. room: where it begins and ends."""

    def __init__(self, key: str, log: bool, room, known, people) -> None:
        self.key, self.log, self.room = key, log, room
        values = [AXES[key].of(entry) for entry in known]
        if key == "error":
            values += [error.value for entry in [*known, *people] for error in entry.errors]
        low, high = min(values), max(values)
        if log:
            low, high = low / 1.35, high * 1.35
            powers = range(floor(log10(low)), ceil(log10(high)) + 1)
            marks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
        else:
            low, high = (low - 0.6, high + 0.6) if key == "year" else (0.0, high * 1.08)
            # The round step (1, 2 or 5 times a power of ten) that makes 4 to 9 marks.
            power = 10.0 ** floor(log10((high - low) / 4))
            step = next(d * power for d in (5, 2, 1) if (high - low) / (d * power) >= 4)
            step = max(step, 1.0) if key == "year" else step  # there is no year 2014.5
            marks = [i * step for i in range(floor(low / step), ceil(high / step) + 1)]
        self.ends = low, high
        self.marks = [mark for mark in marks if low <= mark <= high]

    def __call__(self, value: float) -> float:
        low, high = self.ends
        if self.log:
            low, high, value = log10(low), log10(high), log10(value)
        start, end = self.room
        return start + (value - low) / (high - low) * (end - start)

    @property
    def label(self) -> str:
        return AXES[self.key].label + (" (log)" if self.log else "")


def _axes(across: _Scale, up: _Scale) -> str:
    parts, grid = [], tint(FAINT, 0.6)
    for mark in across.marks:
        parts.append(line(across(mark), _TOP, across(mark), _BOTTOM, stroke=grid))
        parts.append(text(across(mark), _BOTTOM + 26, f"{mark:g}", 21, anchor="middle"))
    for mark in up.marks:
        parts.append(line(_LEFT, up(mark), _RIGHT, up(mark), stroke=grid))
        parts.append(text(_LEFT - 10, up(mark) + 6, f"{mark:g}", 21, anchor="end"))
    parts.append(path(f"M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}", stroke=MUTED))
    middle = (_LEFT + _RIGHT) / 2
    parts.append(text(middle, _BOTTOM + 58, across.label, 21, anchor="middle", bold=True))
    parts.append(text(14, 26, up.label, 21, bold=True))  # not upright: easier to read
    return "".join(parts)


def _ends(entry: Entry, across: _Scale, up: _Scale) -> list[tuple[float, float]]:
    """Where an entry lies, and where its further errors lie, if an axis shows them."""
    x, y = across(AXES[across.key].of(entry)), up(AXES[up.key].of(entry))
    more = [error.value for error in entry.errors[1:]]
    if across.key == "error":
        return [(x, y), *((across(value), y) for value in more)]
    return [(x, y), *((x, up(value)) for value in more if up.key == "error")]


def _person(entry: Entry, scale: _Scale, upright: bool, place: int) -> tuple[str, list[Box]]:
    """A dashed line with its words, and the room that these two take."""
    words, at, high = f"{entry.name}: {entry.error:g} %", scale(entry.error), 26
    width, anchor = len(words) * 20 * LETTER, "start"
    x, low = _LEFT + 8, at
    ends, room = (_LEFT, at, _RIGHT, at), (_LEFT, at - 3, _RIGHT, at + 3)
    if upright:  # one line of text for each person, on the left where the right has no room
        ends, room = (at, _TOP, at, _BOTTOM), (at - 3, _TOP, at + 3, _BOTTOM)
        x, low = at + 8, _TOP + (place + 1) * high
        if x + width >= _RIGHT:
            x, anchor = at - 8, "end"
    left = x - width if anchor == "end" else x
    look = {"stroke": HIGHLIGHT, "stroke_width": 2, "stroke_dasharray": "7 5"}
    drawn = line(*ends, hover=hover(entry), **look)
    drawn += text(x, low - 6, escape(words), 20, anchor=anchor, fill=HIGHLIGHT)
    return drawn, [(left, low - high, left + width, low), room]


def _radius(entry: Entry) -> int:
    return 8 if entry.place == "winner" else 13


def _point(entry: Entry, ends: list[tuple[float, float]], chosen: bool) -> str:
    (x, y), *others = ends
    note, parts = hover(entry), []
    for other in others:
        ring = {"fill": PAPER, "stroke": INPUT, "stroke_width": 2, "hover": note}
        parts.append(line(x, y, *other, stroke=INPUT, stroke_width=2) + circle(*other, 6, **ring))
    if chosen:
        parts.append(circle(x, y, 16, fill="none", stroke=HIGHLIGHT, stroke_width=4))
    fill = INPUT if entry.place == "winner" else PAPER
    look = {"fill": fill, "stroke": INPUT, "stroke_width": 3, "hover": note}
    return "".join([*parts, circle(x, y, _radius(entry), **look)])


def _name(name: str, x: float, y: float, taken: list[Box], chosen: bool) -> str:
    """Write the name beside its point where it covers least of what is there already."""
    size, gap = 20, 17 + 5 * chosen
    width = len(name) * size * LETTER
    spots = [
        (x + gap, y + 6, "start"),
        (x - gap, y + 6, "end"),
        (x, y - gap - 4, "middle"),
        (x, y + gap + 15, "middle"),
        (x + gap, y - gap - 2, "start"),
        (x + gap, y + gap + 12, "start"),
        (x - gap, y - gap - 2, "end"),
        (x - gap, y + gap + 12, "end"),
    ]

    def covers(spot) -> Box:
        left = spot[0] - {"start": 0, "middle": width / 2, "end": width}[spot[2]]
        return left, spot[1] - size, left + width, spot[1] + 4

    def cost(spot) -> float:
        box = covers(spot)
        beyond = max(0, _LEFT - box[0]) + max(0, box[2] - _RIGHT)
        beyond += max(0, _TOP - box[1]) + max(0, box[3] - _BOTTOM)
        return round(sum(_overlap(box, other) for other in taken) + 40 * beyond, 6)

    best = min(spots, key=cost)
    taken.append(covers(best))
    return text(best[0], best[1], escape(name), size, anchor=best[2], bold=chosen)


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0.0
