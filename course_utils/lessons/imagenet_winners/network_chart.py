"""One network as a strip of its layers, with one of them chosen: maps to scale, costs, field."""

from __future__ import annotations

from html import escape
from itertools import accumulate, pairwise
from math import prod

from course_utils.drawing import style, svg
from course_utils.drawing.style import HIGHLIGHT, INK, MUTED, tint
from course_utils.drawing.svg import TIMES, Diagram, group, line, rect, text

COSTS = {"macs": "multiply-adds", "parameters": "parameters", "activations": "activations"}
JOINS = {"add", "cat"}  # operations where paths meet, by the name that the ledger gives them
HEIGHT = 240  # of the picture, which is 1000 wide
SLOTS = (50, 236)  # from where to where in it the layers reach

_LEFT, _RIGHT = 216, 988  # the strip of layers stays between
_MIDDLE = 106  # height on which the maps are centred
_SIDE = 104  # height of the input map
_MOST_PER_MAP = 6.0  # widest drawing of one map
_NO_MAP = 14  # width of a layer that puts out single numbers
_LINE = 1.4  # width of a join, and the least of a slab
_BARS, _LOW = 38, 234  # the costs are at most so high, and stand there
_COLOURS = {
    "convolution": style.WEIGHT,
    "pooling": style.OUTPUT,
    "dense": style.ACCENT,
    "paths meet": INK,
    "shortcut, other": MUTED,
}


class Station:
    """A layer as a reader counts them: what has weights, pools or joins, with what follows it.

    Normalisation, activation, dropout and what only hands on its input are counted with the layer
    before; a shortcut that only hands on, with the addition after it.
    """

    def __init__(self, rows) -> None:
        # What counts gives its name: the row with weights, or the one after the rows that hand on.
        main = max(rows, key=lambda r: (r.parameters > 0, r.activations > 0, -rows.index(r)))
        last, kinds = rows[-1], [row.kind for row in rows]
        self.name, self.block = main.label, main.block
        for cost in COSTS:
            setattr(self, cost, sum(getattr(row, cost) for row in rows))
        self.joins = not JOINS.isdisjoint(kinds)  # the field is then that of the longest path
        if not self.joins and set(kinds) != {"Identity"}:  # in a join, it is the shortcut
            kinds = [kind for kind in kinds if kind != "Identity"]
        self.kinds = tuple(kinds)
        self.output_shape = shape = last.output_shape  # None if not used
        self.shape = TIMES.join(map(str, shape)) if shape else "not used"
        self.maps = shape[0] if shape else 0
        self.side = (shape[-2] if len(shape) == 3 else 1) if shape else 0  # 1: single numbers
        # (rows, columns), None where it has none; and how far to the right the next unit looks.
        self.field = None if last.receptive_field is None else _pair(last.receptive_field)
        self.step = _pair(last.stride)[1]
        look = "dense" if main.category == "linear" else main.category
        plain = look in _COLOURS and "shortcut" not in self.name
        self.look = "paths meet" if self.joins else look if plain else "shortcut, other"


def _pair(value) -> tuple:
    return value if isinstance(value, tuple) else (value, value)


def stations(ledger) -> list[Station]:
    """Return the rows of a ledger as `Station`s; their sums are the totals of the ledger."""
    groups, waiting = [], []  # waiting: shortcuts that only hand on, until the addition
    for row in ledger.rows:
        if groups and not waiting and _belongs(row, groups[-1][-1]):
            groups[-1].append(row)
            continue
        waiting.append(row)
        if row.output_shape is None or row.activations or row.parameters or row.macs:
            groups.append(waiting)
            waiting = []
    return [Station(rows) for rows in groups]


def _belongs(row, before) -> bool:
    """Whether a row only works on the numbers that the row before put out."""
    if row.output_shape is None or before.output_shape is None or "shortcut" in row.name:
        return "shortcut" in row.name and row.category == "normalisation"
    same = prod(row.output_shape) == prod(before.output_shape)
    if row.category in ("normalisation", "activation"):
        return same
    at_rest = row.category == "other" and not row.parameters and row.kind not in JOINS
    return at_rest and same and row.receptive_field == before.receptive_field


class NetworkChart:
    """One network as a strip of its layers, with one of them chosen.

    The strip: a slab per layer, its height the side of the maps, its width their number, both to
    scale; a layer that puts out single numbers has a fixed width, a join is a line. Below it, the
    cost of each layer. On the left, the receptive field of the chosen layer on the input.
    """

    def __init__(self, ledger) -> None:
        self.name, self.input_shape = ledger.name, ledger.input_shape
        self.stations = stations(ledger)
        self.totals = {cost: getattr(ledger, cost) for cost in COSTS}
        self._most = {cost: max(getattr(one, cost) for one in self.stations) for cost in COSTS}
        self._unit = _SIDE / max(self.input_shape[1:])
        self._edges = _slab_edges(self.stations, self.input_shape[0])
        # The strip of a deep network is long; only what follows the choice is drawn anew.
        self._strips = {cost: "".join(self._strip(cost)) for cost in COSTS}

    def draw(self, number: int = 1, measure: str = "macs") -> Diagram:
        """Draw it with layer `number`, from 1, chosen, and bars of `measure`, a key of `COSTS`."""
        one, costs = self.stations[number - 1], COSTS[measure]
        body = self._strips[measure] + self._choice(number, measure) + self._field(one)
        alt = (
            f"{self.name} as a strip of {len(self.stations)} layers, heights and widths to scale, "
            f"bars for {costs}. Chosen: {one.name}, {one.shape}, {getattr(one, measure):,} {costs}."
        )
        if one.field:
            alt += f" A unit sees {one.field[0]:,}{TIMES}{one.field[1]:,} inputs."
        return svg.frame(body, height=HEIGHT, alt=alt, kind="cnn-network")

    def columns(self) -> list[float]:
        """Widths, in percent of the picture, of the room before the layers and of that of each."""
        ends = [(left + width + after) / 2 for (left, width), (after, _) in pairwise(self._edges)]
        return [(b - a) / 10 for a, b in pairwise([0, *ends, sum(self._edges[-1]) + 4])]

    def _heights(self, one: Station, measure: str) -> tuple[float, float]:
        """The heights of the slab of a layer, and of its bar."""
        cost = getattr(one, measure)
        bar = max(cost / self._most[measure] * _BARS, 0.8) if cost else 0
        return max(one.side * self._unit, 3), bar

    def _strip(self, measure: str) -> list[str]:
        (left, width), side = self._edges[0], self.input_shape[1] * self._unit
        slab = _rect(left, _MIDDLE, width, side, fill=tint(style.INPUT, 0.75))
        parts = [group(slab, hover=f"input: {TIMES.join(map(str, self.input_shape))}")]
        for one, (left, width) in zip(self.stations, self._edges[1:], strict=True):
            height, bar = self._heights(one, measure)
            look = {"stroke": INK, "stroke_width": 0.6} if width > 3 else {}
            look = {"fill": tint(_COLOURS[one.look], 0.75), **look}
            rects = _rect(left, _MIDDLE, width, height, **look)
            rects += _rect(left, _LOW - bar / 2, width, bar, **look) if bar else ""
            note = f"{one.name}: {one.shape}, {getattr(one, measure):,} {COSTS[measure]}"
            parts.append(group(rects, hover=note))
        parts.append(line(_LEFT, _LOW, _RIGHT, _LOW, stroke=MUTED))
        return parts + self._legend() + self._names()

    def _legend(self) -> list[str]:
        """What the colours are, of those that occur, and how the slabs are to be read."""
        used, x, parts = {one.look for one in self.stations}, float(_LEFT), []
        for name in (key for key in _COLOURS if key in used):
            parts.append(rect(x, 32, 11, 11, fill=tint(_COLOURS[name], 0.75)))
            parts.append(text(x + 15, 43, name, 13, fill=MUTED))
            x += 28 + 13 * 0.58 * len(name)
        # The maps become small, so the upper right is free; where they do not, a halo helps.
        rule = "Height: side of the maps. Width: their number."
        halo = {"style": "paint-order:stroke", "stroke": style.PAPER, "stroke_width": 4}
        return [*parts, group(text(_RIGHT, 66, rule, 13, anchor="end", fill=MUTED), **halo)]

    def _names(self) -> list[str]:
        """Sides of the maps, and blocks, below the first slab of each, where there is room."""
        (start, _), *slabs = self._edges
        used = [(one, x) for one, (x, _) in zip(self.stations, slabs, strict=True) if one.side]
        sides = [(f"{self.input_shape[1]}", start), *((f"{one.side}", x) for one, x in used)]
        parts = []
        for y, words, fill in (172, sides, INK), (188, [(o.block, x) for o, x in used], MUTED):
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
        """What a unit of the layer sees of the image, and how far on its neighbour looks."""
        head = text(14, 22, "What one unit sees", 15, bold=True)
        if not one.field:
            return head + text(14, 106, "nothing that has a place", 13, fill=MUTED)
        image, seen = self.input_shape[1:], one.field  # rows, columns
        step = one.step if one.side != 1 else 0
        unit = 134 / (max(*image, *seen) + step)

        def area(size: tuple, fill: str = "none", right: float = 0, **look) -> str:
            high, wide = (side * unit for side in size)
            x = 102 + (right - step / 2) * unit
            return _rect(x - wide / 2, 106, wide, high, fill=fill, **look)

        areas = [area(image, tint(style.INPUT, 0.25)), area(seen, tint(HIGHLIGHT, 0.25))]
        if prod(seen) >= prod(image):
            areas.reverse()  # the smaller one on top
        dashed = {"stroke": MUTED, "stroke_width": 1.5, "stroke_dasharray": "4 3"}
        areas.append(area(seen, right=step, **dashed) if step else "")
        near = f"the next unit: {step:g} further" if step else "there is no unit beside it"
        areas.append(area(image, stroke=style.INPUT, stroke_width=1.5))
        areas.append(area(seen, stroke=HIGHLIGHT, stroke_width=2.5))
        of, sees = f"{image[0]} {TIMES} {image[1]}", f"{seen[0]:,} {TIMES} {seen[1]:,}"
        areas.append(text(14, 196, f"{sees} pixels", 13, fill=HIGHLIGHT))
        areas.append(text(14, 213, f"image: {of}", 13, fill=style.INPUT))
        return "".join([head, *areas, text(14, 230, near, 13, fill=MUTED)])


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
        if one.look in ("paths meet", "shortcut, other") or not one.side:
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
