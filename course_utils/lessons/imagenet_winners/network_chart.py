"""One network as a strip of its layers, with one of them chosen: maps to scale, costs, field."""

from __future__ import annotations

from html import escape
from itertools import accumulate, pairwise

from course_utils.drawing import style, svg
from course_utils.drawing.style import HIGHLIGHT, INK, MUTED, tint
from course_utils.drawing.svg import TIMES, Diagram, group, line, rect, text

COSTS = {"macs": "multiply-adds", "parameters": "parameters", "activations": "activations"}
JOINS = ("add", "cat")  # operations where paths meet, by the name that the ledger gives them

_LEFT, _RIGHT = 216, 988  # the strip of layers stays between
_MIDDLE = 106  # height on which the maps are centred
_SIDE = 104  # height of the input map
_MOST_PER_MAP = 6.0  # widest drawing of one map
_NO_MAP = 14  # width of a layer that puts out single numbers
_LINE = 1.4  # width of a join, and the least of a slab
_BARS, _LOW = 74, 274  # the costs are at most so high, and stand there
_COLOURS = {
    "convolution": style.WEIGHT,
    "pooling": style.OUTPUT,
    "dense": style.ACCENT,
    "paths meet": INK,
    "shortcut": MUTED,
}


class Station:
    """A layer as a reader counts them: what has weights, pools or joins, with what follows it."""

    def __init__(self, rows) -> None:
        first = rows[0]
        self.name, self.block, shape = first.label, first.block, first.output_shape
        self.kinds = " + ".join(row.kind for row in rows if row.kind not in ("Identity", "Flatten"))
        for cost in COSTS:
            setattr(self, cost, sum(getattr(row, cost) for row in rows))
        self.joins = first.kind in JOINS  # the field is then that of the longest path
        self.shape = TIMES.join(map(str, shape))
        self.maps, self.side = shape[0], shape[-1] if len(shape) == 3 else 1  # 1: single numbers
        self.field, self.step = first.receptive_field, first.stride  # the next unit looks so far on
        look = "dense" if first.category == "linear" else first.category
        look = "shortcut" if "shortcut" in first.name else look
        self.look = "paths meet" if self.joins else look


def stations(ledger) -> list[Station]:
    """Return the rows of a ledger as `Station`s; their sums are the totals of the ledger."""
    groups = []
    for row in ledger.rows:
        begins = row.category in ("convolution", "linear", "pooling") or row.kind in JOINS
        if begins or not groups:
            groups.append([])
        groups[-1].append(row)
    return [Station(rows) for rows in groups]


class NetworkChart:
    """One network as a strip of its layers, with one of them chosen.

    The strip: a slab per layer, its height the side of the maps, its width their number, both to
    scale; a layer that puts out single numbers has a fixed width, a join is a line. Below it, the
    cost of each layer. On the left, the receptive field of the chosen layer on the input.
    """

    def __init__(self, ledger) -> None:
        self.name, (self.channels, self.side, _) = ledger.name, ledger.input_shape
        self.stations = stations(ledger)
        self.totals = {cost: getattr(ledger, cost) for cost in COSTS}
        self._most = {cost: max(getattr(one, cost) for one in self.stations) for cost in COSTS}
        self._edges = _slab_edges(self.stations, self.channels)

    def draw(self, number: int = 1, measure: str = "macs") -> Diagram:
        """Draw it with layer `number`, from 1, chosen, and bars of `measure`, a key of `COSTS`."""
        one, costs = self.stations[number - 1], COSTS[measure]
        head = f"{self.name}, layer {number} of {len(self.stations)}: {one.name}"
        bars = f"Bars: {costs}, up to {svg.large_number(self._most[measure], 3)}"
        parts = [
            text(_LEFT, 22, escape(head), 17, bold=True),
            text(_RIGHT, 43, bars, 13, anchor="end", fill=MUTED),
            line(_LEFT, _LOW, _RIGHT, _LOW, stroke=MUTED),
        ]
        parts += [*self._strip(number, measure), *self._legend(), *self._names(), self._field(one)]
        alt = (
            f"{self.name} as a strip of {len(self.stations)} layers, heights and widths to scale, "
            f"bars for {costs}. Chosen: {one.name}, {one.shape}, {getattr(one, measure):,} {costs}."
            f" A unit sees {one.field:,}{TIMES}{one.field:,} inputs."
        )
        return svg.frame("".join(parts), height=280, alt=alt, kind="cnn-network")

    def _strip(self, chosen: int, measure: str) -> list[str]:
        left, width = self._edges[0]
        slab = _rect(left, _MIDDLE, width, _SIDE, fill=tint(style.INPUT, 0.75))
        note = f"input: {self.channels}{TIMES}{self.side}{TIMES}{self.side}"
        parts, last = [group(slab, hover=note)], ""
        for number, (one, (left, width)) in enumerate(
            zip(self.stations, self._edges[1:], strict=True), 1
        ):
            cost, height = getattr(one, measure), max(one.side * _SIDE / self.side, 3)
            look = {"fill": tint(_COLOURS[one.look], 0.75)}
            look |= {"stroke": INK, "stroke_width": 0.6} if width > 3 else {}
            if number == chosen:
                look, left, width = {"fill": HIGHLIGHT}, left + min(width - 4, 0) / 2, max(width, 4)
                tip = f"M{left + width / 2 - 6:.1f} {_MIDDLE + height / 2 + 12:.1f}h12l-6 -10z"
                last = svg.path(tip, fill=HIGHLIGHT)
            rects = _rect(left, _MIDDLE, width, height, **look)
            if cost:
                bar = max(cost / self._most[measure] * _BARS, 0.8)
                rects += _rect(left, _LOW - bar / 2, width, bar, **look)
            parts.append(group(rects, hover=f"{one.name}: {one.shape}, {cost:,} {COSTS[measure]}"))
            if number == chosen:
                last = parts.pop() + last  # on top of its neighbours
        return [*parts, last]

    def _legend(self) -> list[str]:
        """What the colours are, of those that occur, and how the slabs are to be read."""
        used, x, parts = {one.look for one in self.stations}, float(_LEFT), []
        for name in (key for key in _COLOURS if key in used):
            parts.append(rect(x, 32, 11, 11, fill=tint(_COLOURS[name], 0.75)))
            parts.append(text(x + 15, 43, name, 13, fill=MUTED))
            x += 28 + 13 * 0.58 * len(name)
        rule = "Height: side of the maps. Width: their number."
        return [*parts, text(_RIGHT, 66, rule, 13, anchor="end", fill=MUTED)]

    def _names(self) -> list[str]:
        """Sides of the maps, and blocks, below the first slab of each, where there is room."""
        (start, _), *slabs = self._edges
        sides, blocks, parts = [(f"{self.side}", start)], [], []
        for one, (x, _) in zip(self.stations, slabs, strict=True):
            sides.append((f"{one.side}", x))
            blocks.append((one.block, x))
        for y, words, fill in (172, sides, INK), (188, blocks, MUTED):
            free, last = -1.0, None
            for word, x in words:
                if word != last and x >= free:
                    last, end = word, x + 13 * 0.62 * len(word)
                    if end <= _RIGHT + 8:
                        parts.append(text(x, y, escape(word), 13, fill=fill))
                        free = end + 7
        return parts

    def _choice(self, number: int, measure: str) -> str:
        one, (left, width) = self.stations[number - 1], self._edges[number]
        wide, (height, bar) = max(width, 4), self._heights(one, measure)
        middle = left + width / 2
        head = f"{escape(self.name)}, layer {number} of {len(self.stations)}: {escape(one.name)}"
        bars = f"Bars: {COSTS[measure]}, up to {svg.large_number(self._most[measure], 3)}"
        tip = f"M{middle - 6:.1f} {_MIDDLE + height / 2 + 12:.1f}h12l-6 -10z"
        return (
            text(_LEFT, 22, head, 17, bold=True)
            + text(_RIGHT, 43, bars, 13, anchor="end", fill=MUTED)
            + _rect(middle - wide / 2, _MIDDLE, wide, height, fill=tint(HIGHLIGHT, 0.85))
            + svg.path(tip, fill=HIGHLIGHT)
            + _rect(middle - wide / 2, _LOW - bar / 2, wide, bar, fill=HIGHLIGHT)
        )

    def _field(self, one: Station) -> str:
        """What a unit of the layer sees of the image."""
        unit = 134 / max(self.side, one.field)
        squares = {style.INPUT: self.side, HIGHLIGHT: one.field}
        parts = [text(14, 22, "What one unit sees", 15, bold=True)]
        for share in (0.25, 0):  # the smaller one lies on top, and both have their outline
            for colour in sorted(squares, key=squares.get, reverse=True):
                size, look = squares[colour] * unit, {"stroke": colour, "stroke_width": 2}
                look["fill"] = tint(colour, share) if share else "none"
                parts.append(_rect(102 - size / 2, 106, size, size, **look))
        for y, (colour, side) in zip((196, 214), squares.items(), strict=True):
            words = "image" if colour == style.INPUT else "field"
            words = f"{words}: {side:,} {TIMES} {side:,} pixels"
            parts.append(text(14, y, words, 13, fill=colour))
        return "".join(parts)


def _rect(left: float, middle: float, width: float, height: float, **look: object) -> str:
    """A rectangle centred in height; to a hundredth, as deep networks have gaps of half a unit."""
    places = (left, middle - height / 2, width, height)
    return rect(*(f"{place:.2f}" for place in places), **look)


def _slab_edges(layers: list[Station], channels: int) -> list[tuple[float, float]]:
    """(left, width) of the input and of each layer, filling the strip."""
    count = len(layers)
    within = 0.5 if count > 120 else 1.2 if count > 40 else 4
    gaps = [8.0 if count > 40 else 12.0]
    gaps += [within + 4 * (before.block != one.block) for before, one in pairwise(layers)]

    def width(one: Station, scale: float) -> float:
        if one.look in ("paths meet", "shortcut"):
            return _LINE
        return _NO_MAP if one.side == 1 else max(one.maps * scale, _LINE)

    def widths(scale: float) -> list[float]:
        return [max(channels * scale, _LINE), *(width(one, scale) for one in layers)]

    room = _RIGHT - _LEFT - sum(gaps)
    low, high = 0.0, _MOST_PER_MAP
    for _ in range(40):  # halving: the widths grow with the scale
        scale = (low + high) / 2
        low, high = (scale, high) if sum(widths(scale)) <= room else (low, scale)
    spare = max((room - sum(widths(low))) / len(gaps), 0.0)
    steps = (wide + gap + spare for wide, gap in zip(widths(low), gaps, strict=False))
    return list(zip(accumulate(steps, initial=float(_LEFT)), widths(low), strict=True))
