"""The competition as a chart: entries as points over any two quantities."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import NamedTuple

from course_utils.drawing.style import FAINT, HIGHLIGHT, INPUT, MUTED, PAPER, tint
from course_utils.drawing.svg import Diagram, circle, frame, line, path, text
from course_utils.lessons.imagenet_winners.competition import Entry, hover


class Axis(NamedTuple):
    """What an axis can show. name: in the lists of the panel. written: format of a number."""

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


def numbers(entry: Entry, key: str) -> list[float]:
    """Return what an axis shows of an entry, in its unit: some have two errors; [] if unknown."""
    if key == "error":
        return [error.value for error in entry.errors]
    found = entry.year if key == "year" else getattr(entry, key).value
    return [] if found is None else [found / AXES[key].unit]


def written(entry: Entry, key: str) -> str:
    """Return the (first) number of an entry as it is said, or that it is unknown."""
    values = numbers(entry, key)
    return AXES[key].written.format(values[0]) if values else f"{AXES[key].name} unknown"


def title(entry: Entry, x: str, y: str) -> str:
    """Return what to call an entry: the network that was built, unless the entry's error is shown.

    Most entries are several networks together, and only their error belongs to all of them.
    """
    return entry.name if "error" in (x, y) or not entry.model else entry.model


_LEFT, _TOP, _RIGHT, _BOTTOM = 76, 44, 984, 406  # of the plot
_LETTER = 20 * 0.58  # mean width of a letter

Box = tuple[float, float, float, float]  # left, top, right, bottom


def draw_chart(teams, people, unknown, chosen, x: str, y: str, logarithmic) -> Diagram:
    """Draw entries as points over two quantities.

    Winners are filled, second places wider rings (so that a winner inside one is seen), people
    dashed lines where an error is an axis. The second error of an entry is a small ring.

    Args:
        teams: entries with both numbers. unknown: what the others are called. chosen: is marked.
        x, y: two different keys of `AXES`, of which some may be `logarithmic`.
    """
    people = people if "error" in (x, y) else ()
    across = _Scale(x, x in logarithmic, (_LEFT, _RIGHT), [*teams, *people])
    up = _Scale(y, y in logarithmic, (_BOTTOM, _TOP), [*teams, *people])
    parts, taken, spots = _axes(across, up), [], {}
    for entry in teams:
        spots[entry] = [(across(a), up(b)) for a in numbers(entry, x) for b in numbers(entry, y)]
        xs, ys = zip(*spots[entry], strict=True)
        room = _radius(entry) + 2
        taken.append((min(xs) - room, min(ys) - room, max(xs) + room, max(ys) + room))
    for place, person in enumerate(people):
        drawn, boxes = _person(person, across if x == "error" else up, x == "error", place)
        parts.append(drawn)
        taken += boxes
    for entry in sorted(teams, key=lambda entry: entry.place == "winner"):
        parts += _point(entry, spots[entry], entry is chosen)
    for entry in teams:
        parts.append(_name(title(entry, x, y), *spots[entry][0], taken, entry is chosen))

    points = [f"{title(e, x, y)}: {written(e, x)}, {written(e, y)}" for e in teams]
    alt = f"{AXES[y].label} against {AXES[x].label}. {'; '.join(points)}."
    if unknown:
        alt += f" Not known, so not drawn: {', '.join(unknown)}."
    return frame("".join(parts), height=480, alt=alt, kind="cnn-winners-chart")


class _Scale:
    """One axis: where a value lies on it, and its round marks. room: where it begins and ends."""

    def __init__(self, key: str, log: bool, room, entries: Sequence[Entry]) -> None:
        self.log, self.room = log, room
        self.label = AXES[key].label + (" (log)" if log else "")
        values = [value for entry in entries for value in numbers(entry, key)]
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
        low, high, value = (log10(n) if self.log else n for n in (*self.ends, value))
        start, end = self.room
        return start + (value - low) / (high - low) * (end - start)


def _axes(across: _Scale, up: _Scale) -> list[str]:
    parts, grid = [], tint(FAINT, 0.6)
    for mark in across.marks:
        x = across(mark)
        parts.append(line(x, _TOP, x, _BOTTOM, stroke=grid))
        parts.append(text(x, _BOTTOM + 26, f"{mark:g}", 21, anchor="middle"))
    for mark in up.marks:
        y = up(mark)
        parts.append(line(_LEFT, y, _RIGHT, y, stroke=grid))
        parts.append(text(_LEFT - 10, y + 6, f"{mark:g}", 21, anchor="end"))
    middle = (_LEFT + _RIGHT) / 2
    parts.append(path(f"M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}", stroke=MUTED))
    parts.append(text(middle, _BOTTOM + 58, across.label, 21, anchor="middle", bold=True))
    return [*parts, text(14, 26, up.label, 21, bold=True)]  # not upright: easier to read


def _person(entry: Entry, scale: _Scale, upright: bool, place: int) -> tuple[str, list[Box]]:
    """A dashed line with its words, and the room that these two take."""
    words, at, high = f"{entry.name}: {entry.error:g} %", scale(entry.error), 26
    width, anchor = len(words) * _LETTER, "start"
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


def _point(entry: Entry, ends: list[tuple[float, float]], chosen: bool) -> list[str]:
    (x, y), *others = ends
    look, parts = {"stroke": INPUT, "hover": hover(entry)}, []
    for other in others:
        parts.append(line(x, y, *other, stroke=INPUT, stroke_width=2))
        parts.append(circle(*other, 6, fill=PAPER, stroke_width=2, **look))
    if chosen:
        parts.append(circle(x, y, 16, fill="none", stroke=HIGHLIGHT, stroke_width=4))
    fill = INPUT if entry.place == "winner" else PAPER
    return [*parts, circle(x, y, _radius(entry), fill=fill, stroke_width=3, **look)]


def _name(name: str, x: float, y: float, taken: list[Box], chosen: bool) -> str:
    """Write the name beside its point where it covers least of what is there already."""
    gap, width = 17 + 5 * chosen, len(name) * _LETTER
    beside = [(gap, 6), (-gap, 6), (0, -gap - 4), (0, gap + 15)]
    aslant = [(side, dy) for side in (gap, -gap) for dy in (-gap - 2, gap + 12)]

    def covers(spot: tuple[float, float]) -> Box:
        left = x + spot[0] - width * (0.5 if not spot[0] else spot[0] < 0)
        return left, y + spot[1] - 20, left + width, y + spot[1] + 4

    def cost(spot: tuple[float, float]) -> float:
        left, top, right, bottom = box = covers(spot)
        beyond = (_LEFT - left, _TOP - top, right - _RIGHT, bottom - _BOTTOM)
        outside = sum(max(0, by) for by in beyond)
        return round(sum(_overlap(box, other) for other in taken) + 40 * outside, 6)

    dx, dy = best = min(beside + aslant, key=cost)
    taken.append(covers(best))
    anchor = "start" if dx > 0 else "end" if dx < 0 else "middle"
    return text(x + dx, y + dy, escape(name), 20, anchor=anchor, bold=chosen)


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0) * max(high, 0)
