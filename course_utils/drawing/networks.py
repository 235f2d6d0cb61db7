"""Whole networks drawn to scale: a bar for each weight layer, in columns of equal output size.

After fig. 3 of He et al. (2015), *Deep Residual Learning for Image Recognition*, arXiv 1512.03385,
turned on its side: input on the left, scores on the right, one network below the other. The paper
draws all layers alike; here the area of a bar is what the layer costs, on one scale for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isqrt, prod
from typing import NamedTuple

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
from course_utils.drawing.svg import TIMES, Diagram, font, frame, large_number, number, text

MEASURES = {"macs": "multiply-adds", "parameters": "parameters"}

_LEFT, _RIGHT = 150, 990  # the columns stay between
_GAP = 12  # between two columns
_NARROWEST = 58  # a column's width, for its "3x3, 64"
_TALLEST = 92  # height of the costliest bar
_ARC = 26  # height of a shortcut above the line that the bars stand on
_FIRST = 62  # where the first network begins


class Layer(NamedTuple):
    """One layer with weights on the main path, as the picture needs it.

    name: dotted path in the model. side: rows of its output map, 1 for a dense layer. maps: maps or
    units it puts out. kernel: rows of its filter, 0 for a dense layer. macs, parameters: its cost.
    """

    name: str
    side: int
    maps: int
    kernel: int
    macs: int
    parameters: int

    @property
    def label(self) -> str:
        """Kernel and maps as the paper writes them, or `fc` and the number of units."""
        if not self.kernel:
            return f"fc {self.maps:,}"
        return f"{self.kernel}{TIMES}{self.kernel}, {self.maps}"


class Shortcut(NamedTuple):
    """A shortcut around the layers `first` to `last`, counted from 0; `identity`: drawn solid."""

    first: int
    last: int
    identity: bool


def main_path(ledger) -> list[Layer]:
    """Return the convolutions and dense layers of a network, without those of its shortcuts.

    Their number is the depth that He et al. (2015) count. `ledger`: what
    `course_utils.ledger.ledger` returns for a network that is one path of square maps, apart from
    shortcuts whose names hold "shortcut".

    Raises:
        ValueError: if there is no such layer, one is not used in the forward pass, or the layers
            do not form one path of square maps.
    """
    layers: list[Layer] = []
    channels = ledger.input_shape[0]
    for row in ledger.rows:
        if row.category not in ("convolution", "linear") or "shortcut" in row.name:
            continue
        shape = row.output_shape
        if shape is None:
            raise ValueError(
                "ledger must be of a network that uses all its convolutions and dense layers, got "
                f"{ledger.name}, which does not use {row.name}"
            )
        kernel, side = 0, 1
        if row.category == "convolution":
            side = shape[-1]
            # Multiply-adds are kernel^2 x maps in x numbers put out.
            kernel = isqrt(row.macs // (channels * prod(shape)))
            if shape[-2] != side or kernel**2 * channels * prod(shape) != row.macs:
                raise ValueError(
                    "ledger must be of a network with one path of square maps, got "
                    f"{ledger.name} with {row.name} putting out {shape}"
                )
        layers.append(Layer(row.name, side, shape[0], kernel, row.macs, row.parameters))
        channels = shape[0]
    if not layers:
        raise ValueError(f"ledger must hold a convolution or dense layer, got none ({ledger.name})")
    return layers


def shortcuts(ledger) -> list[Shortcut]:
    """Return the shortcuts of a residual network, from the names in its ledger.

    A block is what stands before ".shortcut" in a name. Solid in the picture are those that hand on
    their input as it is (`nn.Identity`).
    """
    names = [layer.name for layer in main_path(ledger)]
    kinds: dict[str, str] = {}
    for row in ledger.rows:
        block, found, _ = row.name.partition(".shortcut")
        if found:
            kinds.setdefault(block, row.kind)
    found = []
    for block, kind in kinds.items():
        inside = [i for i, name in enumerate(names) if name.startswith(f"{block}.")]
        found.append(Shortcut(inside[0], inside[-1], kind == "Identity"))
    return found


def networks_to_scale(ledgers: Sequence, *, measure: str = "macs") -> Diagram:
    """Draw networks one below the other; the area of each bar is the cost of the layer.

    Layers of equal output size share a column. Shortcuts are arcs, dotted where they are more than
    the identity. A bar that would be thinner than a line is drawn as a line.

    Args:
        ledgers: what `course_utils.ledger.ledger` returns, with the names to show. See `main_path`.
        measure: `"macs"` or `"parameters"`: what a bar stands for, on one scale for all networks.

    Raises:
        ValueError: for no ledger, an unknown measure, and as `main_path`.
    """
    ledgers = list(ledgers)
    if not ledgers:
        raise ValueError("ledgers must hold at least one ledger, got none")
    if measure not in MEASURES:
        raise ValueError(f"measure must be 'macs' or 'parameters', got {measure!r}")
    paths = [main_path(one) for one in ledgers]
    columns = _columns(paths)
    tallest = max(getattr(layer, measure) for path in paths for layer in path)
    parts = [_headings(columns, measure)]
    top = _FIRST
    for one, path in zip(ledgers, paths, strict=True):
        arcs = shortcuts(one)
        highest = max(getattr(layer, measure) for layer in path) / tallest * _TALLEST
        base = top + max(highest, 48, 22 + _ARC if arcs else 0)
        parts.append(_network(one, path, arcs, columns, base, measure, tallest))
        top = base + 44
    lines = "".join(
        f'<path d="M{number(left - _GAP / 2)} 30V{number(top - 14)}" stroke="{FAINT}"/>'
        for left, _ in columns.values()
    )
    alt = _describe(ledgers, paths, measure)
    return frame(lines + "".join(parts), height=top - 4, alt=alt, kind="cnn-networks")


def _columns(paths: list[list[Layer]]) -> dict[int, tuple[float, float]]:
    """Output side -> (left edge, pitch of the bars), from the largest maps to the scores."""
    sides = sorted({layer.side for path in paths for layer in path}, reverse=True)
    most = {s: max(sum(layer.side == s for layer in path) for path in paths) for s in sides}
    room = _RIGHT - _LEFT - _GAP * (len(sides) - 1)
    # Narrow columns get what their label needs, the others share the rest by their bars.
    narrow: set[int] = set()
    while True:
        wide = [s for s in sides if s not in narrow]
        pitch = (room - _NARROWEST * len(narrow)) / sum(most[s] for s in wide)
        too_narrow = {s for s in wide if most[s] * pitch < _NARROWEST}
        if not too_narrow or too_narrow == set(wide):
            break
        narrow |= too_narrow
    columns, left = {}, float(_LEFT)
    for side in sides:
        columns[side] = (left, pitch)  # one pitch for all: areas compare
        left += (_NARROWEST if side in narrow else most[side] * pitch) + _GAP
    return columns


def _headings(columns, measure: str) -> str:
    size = font(13)
    parts = [
        text(14, 22, f"Area of a bar: {MEASURES[measure]}", size, fill=MUTED),
        text(14, 46, "side of the map:", size, fill=MUTED),
    ]
    for side, (left, _) in columns.items():
        name = f"{side}" if side > 1 else "scores"
        parts.append(text(left, 46, name, font(14), bold=True))
    return "".join(parts)


def _network(one, path, arcs, columns, base, measure, tallest) -> str:
    edges = _bar_edges(path, columns)
    parts = [
        text(14, base - 22, escape(one.name), font(18), bold=True),
        text(14, base - 2, large_number(getattr(one, measure)), font(15)),
        f'<path d="M{_LEFT - 4} {number(base)}H{_RIGHT}" stroke="{FAINT}"/>',
    ]
    for layer, (left, right) in zip(path, edges, strict=True):
        cost = getattr(layer, measure)
        height = max(cost / tallest * _TALLEST, 0.8)
        colour = WEIGHT if layer.kernel else ACCENT
        note = f"{layer.name}: {layer.label}, {cost:,} {MEASURES[measure]}"
        parts.append(
            f'<rect x="{number(left)}" y="{base - height:.2f}" width="{number(right - left)}" '
            f'height="{height:.2f}" fill="{tint(colour, 0.75)}" stroke="{INK}" '
            f'stroke-width="0.6"><title>{escape(note)}</title></rect>'
        )
    for first, last, identity in arcs:
        # What halves its maps starts in the column before, all else where the block begins.
        before = first and not identity and path[first - 1].side > path[first].side
        start = edges[first - 1][1] if before else edges[first][0] - 4
        parts.append(_arc(start, edges[last][1], base, identity))
    parts.append(_labels(path, edges, base))
    return "".join(parts)


def _bar_edges(path: list[Layer], columns) -> list[tuple[float, float]]:
    taken: dict[int, int] = {}
    edges = []
    for layer in path:
        left, pitch = columns[layer.side]
        place = taken.setdefault(layer.side, 0)
        taken[layer.side] += 1
        edges.append((left + place * pitch, left + (place + 0.82) * pitch))
    return edges


def _arc(x1: float, x2: float, base: float, identity: bool) -> str:
    low, high = base - 9, base - 9 - _ARC
    look = (
        f'stroke="{INK}" stroke-width="1.6"'
        if identity
        else f'stroke="{HIGHLIGHT}" stroke-width="3" stroke-dasharray="1 5"'
    )
    kind = "identity" if identity else "dimensions increase"
    return (
        f'<path d="M{number(x1)} {number(low)}C{number(x1)} {number(high)} {number(x2)} '
        f'{number(high)} {number(x2)} {number(low)}" fill="none" stroke-linecap="round" {look}>'
        f"<title>shortcut: {kind}</title></path>"
    )


def _labels(path: list[Layer], edges, base: float) -> str:
    """What the layers of each column are, below its first bar; layers that differ share a line."""
    parts = []
    for side in dict.fromkeys(layer.side for layer in path):
        inside = [i for i, layer in enumerate(path) if layer.side == side]
        names = list(dict.fromkeys(path[i].label for i in inside))
        label = names[0] if len(names) == 1 else f"{len(inside)} dense" if side == 1 else "mixed"
        parts.append(text(edges[inside[0]][0], base + 19, label, font(13), fill=MUTED))
    return "".join(parts)


def _describe(ledgers, paths, measure: str) -> str:
    sentences = []
    for one, path in zip(ledgers, paths, strict=True):
        arcs = shortcuts(one)
        dotted = sum(not arc.identity for arc in arcs)
        extra = f", {len(arcs)} shortcuts, {dotted} of them dotted" if arcs else ""
        sentences.append(
            f"{one.name}: {len(path)} layers with weights{extra}, {getattr(one, measure):,} "
            f"{MEASURES[measure]}."
        )
    return f"Networks as bars, one per layer, area for {MEASURES[measure]}. " + " ".join(sentences)


# --------------------------------------------------------------------------------------------------
# One network, every layer: the maps to scale, the cost of each layer, what a unit of one layer sees

COSTS = {"macs": "multiply-adds", "parameters": "parameters", "activations": "activations"}
JOINS = ("add", "cat")
"""Operations where paths meet, by the name that the ledger gives them."""

_STRIP = (216, 988)  # the strip of layers stays between
_MIDDLE = 106  # height on which the maps are centred
_SIDE = 104  # height of the input map
_MOST_PER_MAP = 6.0  # widest drawing of one map
_NO_MAP = 14  # width of a layer that puts out single numbers
_LINE = 1.4  # width of a join, and the least of a slab
_BARS = (196, 234)  # the costs stand between
SLOTS = (50, 236)
"""From where to where the layers of a `NetworkChart` reach, of its height `CHART`."""
CHART = 240
"""Height of a `NetworkChart`, which is 1000 wide."""
_SQUARE = (102, 106, 134)  # centre and size of the picture of the field


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


def stations(ledger) -> list[Station]:
    """Return the rows of a ledger as `Station`s; their sums are the totals of the ledger.

    Args:
        ledger: what `course_utils.ledger.ledger` returns for a network on images `(C, H, W)`.

    Raises:
        ValueError: if the input is no `(C, H, W)` or the ledger has no rows.
    """
    if len(ledger.input_shape) != 3:
        raise ValueError(
            f"ledger must be of a network on images (C, H, W), got {ledger.name} on "
            f"{ledger.input_shape}"
        )
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
    if waiting:
        groups.append(waiting)
    if not groups:
        raise ValueError(f"ledger must hold at least one row, got none ({ledger.name})")
    return [_station(rows) for rows in groups]


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
    last = rows[-1]
    return Station(
        main.label,
        _kinds(rows),
        main.category,
        last.output_shape,
        sum(row.parameters for row in rows),
        sum(row.macs for row in rows),
        sum(row.activations for row in rows),
        last.receptive_field,
        last.stride,
        main.block,
    )


def _kinds(rows) -> tuple[str, ...]:
    """Class names; the identity is named only where it is the shortcut of an addition."""
    kinds = tuple(row.kind for row in rows)
    if any(kind in JOINS for kind in kinds) or set(kinds) == {"Identity"}:
        return kinds
    return tuple(kind for kind in kinds if kind != "Identity")


class NetworkChart:
    """One network as a strip of its layers, with one of them chosen.

    The strip: a slab per layer, its height the side of the maps, its width their number, both to
    scale; a layer that puts out single numbers has a fixed width, a join is a line. Below it, the
    cost of each layer. On the left, the receptive field of the chosen layer on the input.

    Args:
        ledger: see `stations`.

    Attributes:
        stations: the layers, in the order of the forward pass. name, input_shape: of the ledger.

    Raises:
        ValueError: as `stations`.
    """

    def __init__(self, ledger) -> None:
        self.name, self.input_shape = ledger.name, ledger.input_shape
        self.stations = stations(ledger)
        self.totals = {measure: getattr(ledger, measure) for measure in COSTS}
        self._edges = _slab_edges(self.stations, self.input_shape)
        self._at_rest: dict[tuple, str] = {}

    def draw(self, number: int = 1, measure: str = "macs") -> Diagram:
        """Draw the network with layer `number`, counted from 1, chosen.

        Args:
            measure: what the bars stand for, one of `COSTS`.

        Raises:
            ValueError: for a layer that does not exist or an unknown measure.
        """
        if measure not in COSTS:
            allowed = ", ".join(repr(one) for one in COSTS)
            raise ValueError(f"measure must be one of {allowed}, got {measure!r}")
        if (
            isinstance(number, bool)
            or not isinstance(number, int)
            or not (1 <= number <= len(self.stations))
        ):
            raise ValueError(
                f"number must be an integer from 1 to {len(self.stations)}, got {number!r}"
            )
        # The strip of a deep network is long; only what follows the choice is drawn anew.
        key = (measure, font(1))
        if key not in self._at_rest:
            self._at_rest[key] = self._strip(measure)
        body = self._at_rest[key] + self._choice(number, measure) + self._field(number)
        return frame(body, height=CHART, alt=self._alt(number, measure), kind="cnn-network")

    def slots(self) -> list[float]:
        """Where each layer stands, in percent of the picture's width: n + 1 borders for n layers.

        A border lies halfway between two slabs. In height the slots reach over `SLOTS`.
        """
        edges = self._edges
        borders = [
            (left + width + following) / 2
            for (left, width), (following, _) in zip(edges, edges[1:], strict=False)
        ]
        return [border / 10 for border in [*borders, sum(edges[-1]) + 4]]

    def _strip(self, measure: str) -> str:
        unit = _SIDE / max(self.input_shape[1:])
        tallest = max(getattr(one, measure) for one in self.stations) or 1
        parts = [self._input(unit)]
        for one, (left, width) in zip(self.stations, self._edges[1:], strict=True):
            height = max((one.side or 0) * unit, 3)
            cost = getattr(one, measure)
            bar = cost / tallest * (_BARS[1] - _BARS[0])
            note = f"{one.name}: {_shape_text(one)}, {cost:,} {COSTS[measure]}"
            colour = tint(_colour(one), 0.75)
            line = f' stroke="{INK}" stroke-width="0.6"' if width > 3 else ""
            rects = _rect(left, _MIDDLE - height / 2, width, height, colour, line)
            if bar:
                bar = max(bar, 0.8)
                rects += _rect(left, _BARS[1] - bar, max(width, _LINE), bar, colour, line)
            parts.append(f"<g><title>{escape(note)}</title>{rects}</g>")
        left, right = _STRIP
        parts.append(f'<path d="M{left} {_BARS[1]}H{right}" stroke="{MUTED}"/>')
        return "".join(parts) + self._legend() + self._names()

    def _legend(self) -> str:
        """What the colours are, of the categories that occur."""
        used = dict.fromkeys(_category(one) for one in self.stations)
        x, parts = float(_STRIP[0]), []
        for name in (key for key in _CATEGORY_COLOURS if key in used):
            parts.append(_rect(x, 32, 11, 11, tint(_CATEGORY_COLOURS[name], 0.75)))
            parts.append(text(x + 15, 43, name, font(13), fill=MUTED))
            x += 28 + font(13) * 0.58 * len(name)
        # The maps become small, so the upper right is free; where they do not, a halo helps.
        rule = "Height: side of the maps. Width: their number."
        halo = f'<g style="paint-order:stroke" stroke="{PAPER}" stroke-width="4">'
        parts.append(f"{halo}{text(_STRIP[1], 66, rule, font(13), anchor='end', fill=MUTED)}</g>")
        return "".join(parts)

    def _input(self, unit: float) -> str:
        (left, width), side = self._edges[0], self.input_shape[1] * unit
        note = f"input: {'×'.join(f'{n}' for n in self.input_shape)}"
        slab = _rect(left, _MIDDLE - side / 2, width, side, tint(INPUT, 0.75))
        return f"<g><title>{note}</title>{slab}</g>"

    def _names(self) -> str:
        """Sides of the maps, and blocks, below the first slab of each, where there is room."""
        parts = []
        starts = [("input", self.input_shape[1], self._edges[0][0])]
        starts += [
            (one.block, one.side, left)
            for one, (left, _) in zip(self.stations, self._edges[1:], strict=True)
            if one.side is not None
        ]
        for y, column in ((172, 1), (188, 0)):
            free, last = -1.0, None
            for start in starts:
                word, left = f"{start[column]}", start[2]
                wide = font(13) * 0.62 * len(word)
                if word not in (last, "input") and left >= free:
                    last = word
                    if left + wide <= _STRIP[1] + 8:
                        fill = MUTED if column == 0 else INK
                        parts.append(text(left, y, escape(word), font(13), fill=fill))
                        free = left + wide + 7
        return "".join(parts)

    def _choice(self, number: int, measure: str) -> str:
        one, (left, width) = self.stations[number - 1], self._edges[number]
        unit = _SIDE / max(self.input_shape[1:])
        height = max((one.side or 0) * unit, 3)
        middle, low = left + width / 2, _MIDDLE + height / 2
        tallest = max(getattr(each, measure) for each in self.stations) or 1
        share = getattr(one, measure) / tallest
        bar = max(share * (_BARS[1] - _BARS[0]), 0.8) if share else 0
        wide = max(width, 4)
        slab = _rect(middle - wide / 2, _MIDDLE - height / 2, wide, height, tint(HIGHLIGHT, 0.85))
        pointer = f'<path d="M{middle - 6:.1f} {low + 12:.1f}h12l-6 -10z" fill="{HIGHLIGHT}"/>'
        cost = _rect(middle - wide / 2, _BARS[1] - bar, wide, bar, HIGHLIGHT)
        head = f"{escape(self.name)}, layer {number} of {len(self.stations)}: {escape(one.name)}"
        bars = f"Bars: {COSTS[measure]}, up to {large_number(tallest, 3)}"
        return (
            text(_STRIP[0], 22, head, font(17), bold=True)
            + text(_STRIP[1], 43, bars, font(13), anchor="end", fill=MUTED)
            + slab
            + pointer
            + cost
        )

    def _field(self, number: int) -> str:
        one = self.stations[number - 1]
        x, y, room = _SQUARE
        parts = [text(14, 22, "What one unit sees", font(15), bold=True)]
        rows, columns = self.input_shape[1:]
        if one.receptive_field is None:
            return parts[0] + text(14, y, "nothing that has a place", font(13), fill=MUTED)
        field, jump = _pair(one.receptive_field), _pair(one.stride)
        moves = jump[1] if one.side != 1 else 0
        unit = room / (max(rows, columns, *field) + moves)
        x -= moves * unit / 2
        seen = [field[1] * unit, field[0] * unit]
        image = [columns * unit, rows * unit]
        areas = [
            (seen, f'fill="{tint(HIGHLIGHT, 0.25)}"'),
            (image, f'fill="{tint(INPUT, 0.25)}"'),
        ]
        # The smaller one on top: the field in the image, or the image in a field that exceeds it.
        for area, look in sorted(areas, key=lambda item: -prod(item[0])):
            parts.append(_around(x, y, area, look))
        if moves:
            dashes = f'fill="none" stroke="{MUTED}" stroke-width="1.5" stroke-dasharray="4 3"'
            parts.append(_around(x + moves * unit, y, seen, dashes))
        line = 'fill="none" stroke-width='
        parts.append(_around(x, y, image, f'{line}"1.5" stroke="{INPUT}"'))
        parts.append(_around(x, y, seen, f'{line}"2.5" stroke="{HIGHLIGHT}"'))
        size = f"{field[0]:,} {TIMES} {field[1]:,} pixels"
        of = f"image: {rows} {TIMES} {columns}"
        step = f"the next unit: {jump[1]:g} further" if moves else "there is no unit beside it"
        lines = ((196, size, HIGHLIGHT), (213, of, INPUT), (230, step, MUTED))
        parts += [text(14, at, line, font(13), fill=ink) for at, line, ink in lines]
        return "".join(parts)

    def _alt(self, number: int, measure: str) -> str:
        one = self.stations[number - 1]
        field = one.receptive_field
        sees = "" if field is None else f" A unit sees {_extent(field)} inputs."
        return (
            f"{self.name} as a strip of {len(self.stations)} layers, heights and widths to scale, "
            f"bars for {COSTS[measure]}. Chosen: {one.name}, {_shape_text(one)}, "
            f"{getattr(one, measure):,} {COSTS[measure]}.{sees}"
        )


_CATEGORY_COLOURS = {
    "convolution": WEIGHT,
    "pooling": OUTPUT,
    "dense": ACCENT,
    "paths meet": INK,
    "shortcut, other": MUTED,
}


def _category(one: Station) -> str:
    if one.joins:
        return "paths meet"
    if "shortcut" in one.name:
        return "shortcut, other"
    name = "dense" if one.category == "linear" else one.category
    return name if name in _CATEGORY_COLOURS else "shortcut, other"


def _colour(one: Station) -> str:
    return _CATEGORY_COLOURS[_category(one)]


def _slab_edges(layers: list[Station], input_shape) -> list[tuple[float, float]]:
    """(left, width) of the input and of each layer, filling the strip."""
    count = len(layers)
    within = 0.5 if count > 120 else 1.2 if count > 40 else 4
    gaps = [8.0 if count > 40 else 12.0]
    for before, one in zip(layers, layers[1:], strict=False):
        gaps.append(within if before.block == one.block else within + 4)
    by_maps: list[float | None] = [float(input_shape[0])]
    fixed = [0.0]
    for one in layers:
        line = _category(one) in ("paths meet", "shortcut, other") or one.side is None
        fixed.append(_LINE if line else _NO_MAP if one.side == 1 else 0.0)
        by_maps.append(None if fixed[-1] else float(one.maps))
    room = _STRIP[1] - _STRIP[0] - sum(gaps) - sum(fixed)
    drawn = [maps for maps in by_maps if maps is not None]
    low, high = 0.0, _MOST_PER_MAP
    for _ in range(40):  # halving: the widths grow with the scale
        scale = (low + high) / 2
        low, high = (
            (scale, high) if sum(max(m * scale, _LINE) for m in drawn) <= room else (low, scale)
        )
    widths = [width or max(maps * low, _LINE) for maps, width in zip(by_maps, fixed, strict=True)]
    spare = (_STRIP[1] - _STRIP[0] - sum(widths) - sum(gaps)) / len(gaps)
    edges, left = [], float(_STRIP[0])
    for width, gap in zip(widths, [*gaps, 0.0], strict=True):
        edges.append((left, width))
        left += width + gap + max(spare, 0.0)
    return edges


def _rect(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" '
        f'fill="{fill}"{more}/>'
    )


def _around(x: float, y: float, size: list[float], look: str) -> str:
    width, height = size
    return (
        f'<rect x="{x - width / 2:.2f}" y="{y - height / 2:.2f}" width="{width:.2f}" '
        f'height="{height:.2f}" {look}/>'
    )


def _pair(value) -> tuple:
    return value if isinstance(value, tuple) else (value, value)


def _extent(value) -> str:
    rows, columns = _pair(value)
    return f"{rows:,}{TIMES}{columns:,}"


def _shape_text(one: Station) -> str:
    return "not used" if one.output_shape is None else TIMES.join(f"{n}" for n in one.output_shape)
