"""One network as a strip of its layers, with one of them chosen: maps to scale, costs, field.

chart = NetworkChart(ledger)       # what `course_utils.ledger.ledger` returns for an image
chart.stations[2].receptive_field
chart.draw(3, "parameters")        # a Diagram
"""

from __future__ import annotations

from html import escape
from itertools import pairwise
from math import prod
from typing import NamedTuple

from course_utils.drawing.style import (
    ACCENT,
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
    TIMES,
    Diagram,
    frame,
    group,
    large_number,
    line,
    path,
    rect,
    text,
)

COSTS = {"macs": "multiply-adds", "parameters": "parameters", "activations": "activations"}
JOINS = ("add", "cat")  # operations where paths meet, by the name that the ledger gives them
HEIGHT = 240  # of the picture, which is 1000 wide
SLOTS = (50, 236)  # from where to where in it the layers reach

_LEFT, _RIGHT = 216, 988  # the strip of layers stays between
_MIDDLE = 106  # height on which the maps are centred
_SIDE = 104  # height of the input map
_MOST_PER_MAP = 6.0  # widest drawing of one map
_NO_MAP = 14  # width of a layer that puts out single numbers
_LINE = 1.4  # width of a join, and the least of a slab
_HIGH, _LOW = 196, 234  # the costs stand between
_FIELD = (102, 106, 134)  # centre and size of the picture of the field
_COLOURS = {
    "convolution": WEIGHT,
    "pooling": OUTPUT,
    "dense": ACCENT,
    "paths meet": INK,
    "shortcut, other": MUTED,
}


class Station(NamedTuple):
    """A layer as a reader counts them: what has weights, pools or joins, with what follows it.

    Normalisation, activation, dropout and what only hands on its input are counted with the layer
    before; a shortcut that only hands on, with the addition after it.

    name: dotted path of the layer. kinds: class names, in the order of the pass. category: as in
    the ledger. output_shape: of the last of them, None if not used. parameters, macs, activations:
    sums. receptive_field, stride: as in the ledger. block: the part of the network.
    """

    name: str
    kinds: tuple[str, ...]
    category: str
    output_shape: tuple[int, ...] | None
    parameters: int
    macs: int
    activations: int
    receptive_field: int | tuple[int, ...] | None
    stride: int | float | tuple[int | float, ...] | None
    block: str

    @property
    def joins(self) -> bool:
        """Whether several paths meet here, so that the field is the largest of theirs."""
        return any(kind in JOINS for kind in self.kinds)

    @property
    def side(self) -> int | None:
        """Rows of the output map; 1 where single numbers are put out, None if not used."""
        if self.output_shape is None:
            return None
        return self.output_shape[-2] if len(self.output_shape) == 3 else 1

    @property
    def maps(self) -> int:
        """Maps or units put out."""
        return self.output_shape[0] if self.output_shape else 0

    @property
    def shape(self) -> str:
        """The shape of the output as text."""
        return TIMES.join(map(str, self.output_shape)) if self.output_shape else "not used"

    @property
    def look(self) -> str:
        """The key of its colour."""
        if self.joins:
            return "paths meet"
        name = "dense" if self.category == "linear" else self.category
        return name if name in _COLOURS and "shortcut" not in self.name else "shortcut, other"


def stations(ledger) -> list[Station]:
    """Return the rows of a ledger as `Station`s; their sums are the totals of the ledger."""
    groups: list[list] = []
    waiting: list = []  # shortcuts that only hand on, until the addition
    for row in ledger.rows:
        if groups and not waiting and _belongs(row, groups[-1][-1]):
            groups[-1].append(row)
        elif row.output_shape is not None and not (row.activations or row.parameters or row.macs):
            waiting.append(row)
        else:
            groups.append([*waiting, row])
            waiting = []
    return [_station(rows) for rows in [*groups, *([waiting] if waiting else [])]]


def _belongs(row, before) -> bool:
    """Whether a row only works on the numbers that the row before put out."""
    if row.output_shape is None or before.output_shape is None or "shortcut" in row.name:
        return "shortcut" in row.name and row.category == "normalisation"
    same = prod(row.output_shape) == prod(before.output_shape)
    if row.category in ("normalisation", "activation"):
        return same
    at_rest = row.category == "other" and not row.parameters and row.kind not in JOINS
    return at_rest and same and row.receptive_field == before.receptive_field


def _station(rows) -> Station:
    # What counts gives its name: the row with weights, or the one after the rows that hand on.
    main = max(rows, key=lambda row: (row.parameters > 0, row.activations > 0, -rows.index(row)))
    last, kinds = rows[-1], tuple(row.kind for row in rows)
    if not set(kinds) & set(JOINS) and set(kinds) != {"Identity"}:  # there it is the shortcut
        kinds = tuple(kind for kind in kinds if kind != "Identity")
    sums = (
        sum(getattr(row, cost) for row in rows) for cost in ("parameters", "macs", "activations")
    )
    after = (last.receptive_field, last.stride, main.block)
    return Station(main.label, kinds, main.category, last.output_shape, *sums, *after)


class NetworkChart:
    """One network as a strip of its layers, with one of them chosen.

    The strip: a slab per layer, its height the side of the maps, its width their number, both to
    scale; a layer that puts out single numbers has a fixed width, a join is a line. Below it, the
    cost of each layer. On the left, the receptive field of the chosen layer on the input.

    stations: the layers, in the order of the forward pass. name, input_shape: of the ledger.
    """

    def __init__(self, ledger) -> None:
        self.name, self.input_shape = ledger.name, ledger.input_shape
        self.stations = stations(ledger)
        self.totals = {measure: getattr(ledger, measure) for measure in COSTS}
        self._unit = _SIDE / max(self.input_shape[1:])
        self._edges = _slab_edges(self.stations, self.input_shape)
        self._at_rest: dict[str, str] = {}

    def draw(self, number: int = 1, measure: str = "macs") -> Diagram:
        """Draw it with layer `number`, from 1, chosen, and bars of `measure`, a key of `COSTS`."""
        # The strip of a deep network is long; only what follows the choice is drawn anew.
        if measure not in self._at_rest:
            self._at_rest[measure] = self._strip(measure)
        one, costs = self.stations[number - 1], COSTS[measure]
        body = self._at_rest[measure] + self._choice(number, measure) + self._field(one)
        sees = ""
        if one.receptive_field is not None:
            rows, columns = pair(one.receptive_field)
            sees = f" A unit sees {rows:,}{TIMES}{columns:,} inputs."
        alt = (
            f"{self.name} as a strip of {len(self.stations)} layers, heights and widths to scale, "
            f"bars for {costs}. Chosen: {one.name}, {one.shape}, "
            f"{getattr(one, measure):,} {costs}.{sees}"
        )
        return frame(body, height=HEIGHT, alt=alt, kind="cnn-network")

    def slots(self) -> list[float]:
        """Where each layer stands, in percent of the picture's width: n + 1 borders for n layers.

        A border lies halfway between two slabs. In height the slots reach over `SLOTS`.
        """
        borders = [
            (left + width + after) / 2 for (left, width), (after, _) in pairwise(self._edges)
        ]
        return [border / 10 for border in [*borders, sum(self._edges[-1]) + 4]]

    def _tallest(self, measure: str) -> int:
        return max(getattr(one, measure) for one in self.stations) or 1

    def _cost(self, one: Station, measure: str) -> float:
        """The height of the bar of a layer."""
        share = getattr(one, measure) / self._tallest(measure)
        return max(share * (_LOW - _HIGH), 0.8) if share else 0

    def _strip(self, measure: str) -> str:
        (left, width), side = self._edges[0], self.input_shape[1] * self._unit
        slab = _rect(left, _MIDDLE, width, side, fill=tint(INPUT, 0.75))
        parts = [group(slab, hover=f"input: {TIMES.join(map(str, self.input_shape))}")]
        for one, (left, width) in zip(self.stations, self._edges[1:], strict=True):
            height, bar = max((one.side or 0) * self._unit, 3), self._cost(one, measure)
            look: dict = {"fill": tint(_COLOURS[one.look], 0.75)}
            look |= {"stroke": INK, "stroke_width": 0.6} if width > 3 else {}
            rects = _rect(left, _MIDDLE, width, height, **look)
            if bar:
                rects += _rect(left, _LOW - bar / 2, max(width, _LINE), bar, **look)
            note = f"{one.name}: {one.shape}, {getattr(one, measure):,} {COSTS[measure]}"
            parts.append(group(rects, hover=note))
        parts.append(line(_LEFT, _LOW, _RIGHT, _LOW, stroke=MUTED))
        return "".join(parts) + self._legend() + self._names()

    def _legend(self) -> str:
        """What the colours are, of those that occur, and how the slabs are to be read."""
        used, x, parts = {one.look for one in self.stations}, float(_LEFT), []
        for name in (key for key in _COLOURS if key in used):
            parts.append(rect(x, 32, 11, 11, fill=tint(_COLOURS[name], 0.75)))
            parts.append(text(x + 15, 43, name, 13, fill=MUTED))
            x += 28 + 13 * 0.58 * len(name)
        # The maps become small, so the upper right is free; where they do not, a halo helps.
        rule = text(
            _RIGHT,
            66,
            "Height: side of the maps. Width: their number.",
            13,
            anchor="end",
            fill=MUTED,
        )
        halo = {"style": "paint-order:stroke", "stroke": PAPER, "stroke_width": 4}
        return "".join(parts) + group(rule, **halo)

    def _names(self) -> str:
        """Sides of the maps, and blocks, below the first slab of each, where there is room."""
        starts = [("input", self.input_shape[1], self._edges[0][0])]
        for one, (left, _) in zip(self.stations, self._edges[1:], strict=True):
            if one.side is not None:
                starts.append((one.block, one.side, left))
        parts = []
        for y, column, fill in ((172, 1, INK), (188, 0, MUTED)):
            free, last = -1.0, None
            for start in starts:
                word, left = f"{start[column]}", start[2]
                wide = 13 * 0.62 * len(word)
                if word not in (last, "input") and left >= free:
                    last = word
                    if left + wide <= _RIGHT + 8:
                        parts.append(text(left, y, escape(word), 13, fill=fill))
                        free = left + wide + 7
        return "".join(parts)

    def _choice(self, number: int, measure: str) -> str:
        one, (left, width) = self.stations[number - 1], self._edges[number]
        middle, wide = left + width / 2, max(width, 4)
        height, bar = max((one.side or 0) * self._unit, 3), self._cost(one, measure)
        head = f"{escape(self.name)}, layer {number} of {len(self.stations)}: {escape(one.name)}"
        bars = f"Bars: {COSTS[measure]}, up to {large_number(self._tallest(measure), 3)}"
        tip = f"M{middle - 6:.1f} {_MIDDLE + height / 2 + 12:.1f}h12l-6 -10z"
        return (
            text(_LEFT, 22, head, 17, bold=True)
            + text(_RIGHT, 43, bars, 13, anchor="end", fill=MUTED)
            + _rect(middle - wide / 2, _MIDDLE, wide, height, fill=tint(HIGHLIGHT, 0.85))
            + path(tip, fill=HIGHLIGHT)
            + _rect(middle - wide / 2, _LOW - bar / 2, wide, bar, fill=HIGHLIGHT)
        )

    def _field(self, one: Station) -> str:
        """What a unit of the layer sees of the image, and how far on its neighbour looks."""
        x, y, room = _FIELD
        head = text(14, 22, "What one unit sees", 15, bold=True)
        if one.receptive_field is None:
            return head + text(14, y, "nothing that has a place", 13, fill=MUTED)
        rows, columns = self.input_shape[1:]
        high, wide = pair(one.receptive_field)
        step = pair(one.stride)[1] if one.side != 1 else 0
        unit = room / (max(rows, columns, high, wide) + step)
        x -= step * unit / 2

        def area(high: float, wide: float, right: float = 0, **look) -> str:
            return _rect(x + (right - wide / 2) * unit, y, wide * unit, high * unit, **look)

        seen = area(high, wide, fill=tint(HIGHLIGHT, 0.25))
        image = area(rows, columns, fill=tint(INPUT, 0.25))
        # The smaller one on top: the field in the image, or the image in a field that exceeds it.
        parts = [head, image + seen if high * wide < rows * columns else seen + image]
        look = {"fill": "none", "stroke": MUTED, "stroke_width": 1.5, "stroke_dasharray": "4 3"}
        parts.append(area(high, wide, step, **look) if step else "")
        parts.append(area(rows, columns, fill="none", stroke=INPUT, stroke_width=1.5))
        parts.append(area(high, wide, fill="none", stroke=HIGHLIGHT, stroke_width=2.5))
        near = f"the next unit: {step:g} further" if step else "there is no unit beside it"
        for at, words, ink in (
            (196, f"{high:,} {TIMES} {wide:,} pixels", HIGHLIGHT),
            (213, f"image: {rows} {TIMES} {columns}", INPUT),
            (230, near, MUTED),
        ):
            parts.append(text(14, at, words, 13, fill=ink))
        return "".join(parts)


def pair(value) -> tuple:
    """Return (rows, columns) of a receptive field or a stride that may be one number for both."""
    return value if isinstance(value, tuple) else (value, value)


def _rect(left: float, middle: float, width: float, height: float, **look: object) -> str:
    """A rectangle centred in height; to a hundredth, as deep networks have gaps of half a unit."""
    places = (left, middle - height / 2, width, height)
    return rect(*(f"{place:.2f}" for place in places), **look)


def _slab_edges(layers: list[Station], input_shape) -> list[tuple[float, float]]:
    """(left, width) of the input and of each layer, filling the strip."""
    count = len(layers)
    within = 0.5 if count > 120 else 1.2 if count > 40 else 4
    gaps = [8.0 if count > 40 else 12.0]
    gaps += [within + 4 * (before.block != one.block) for before, one in pairwise(layers)]
    maps: list[int] = [input_shape[0]]  # of those drawn to scale, else 0
    fixed = [0.0]
    for one in layers:
        a_line = one.look in ("paths meet", "shortcut, other") or one.side is None
        fixed.append(_LINE if a_line else _NO_MAP if one.side == 1 else 0.0)
        maps.append(0 if fixed[-1] else one.maps)
    room = _RIGHT - _LEFT - sum(gaps)
    low, high = 0.0, _MOST_PER_MAP
    for _ in range(40):  # halving: the widths grow with the scale
        scale = (low + high) / 2
        fits = sum(_widths(maps, fixed, scale)) <= room
        low, high = (scale, high) if fits else (low, scale)
    widths = _widths(maps, fixed, low)
    spare = max((room - sum(widths)) / len(gaps), 0.0)
    edges, left = [], float(_LEFT)
    for width, gap in zip(widths, [*gaps, 0.0], strict=True):
        edges.append((left, width))
        left += width + gap + spare
    return edges


def _widths(maps: list[int], fixed: list[float], scale: float) -> list[float]:
    return [own or max(count * scale, _LINE) for count, own in zip(maps, fixed, strict=True)]
