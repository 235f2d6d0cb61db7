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

from course_utils.drawing.style import ACCENT, FAINT, HIGHLIGHT, INK, MUTED, WEIGHT, tint
from course_utils.drawing.svg import (
    TIMES,
    Diagram,
    frame,
    large_number,
    line,
    number,
    path,
    rect,
    text,
)

_MEASURES = {"macs": "multiply-adds", "parameters": "parameters"}
_LEFT, _RIGHT = 150, 990  # the columns stay between
_GAP = 12  # between two columns
_NARROWEST = 58  # a column's width, for its "3x3, 64"
_TALLEST = 92  # height of the costliest bar
_ARC = 26  # height of a shortcut above the line that the bars stand on
_FIRST = 62  # where the first network begins


class Layer(NamedTuple):
    """One layer with weights on the main path.

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

    Their number is the depth that He et al. (2015) count. The network is one path of square maps
    that never grow, apart from shortcuts whose names hold "shortcut".
    """
    layers: list[Layer] = []
    channels = ledger.input_shape[0]
    for row in ledger.rows:
        if row.category in ("convolution", "linear") and "shortcut" not in row.name:
            maps, *sides = row.output_shape
            # Multiply-adds are kernel^2 x maps in x numbers put out.
            kernel = isqrt(row.macs // (channels * prod(row.output_shape))) if sides else 0
            side = sides[0] if sides else 1
            layers.append(Layer(row.name, side, maps, kernel, row.macs, row.parameters))
            channels = maps
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
    """
    paths = [main_path(one) for one in ledgers]
    columns = _columns(paths)
    unit = _TALLEST / max(getattr(layer, measure) for path in paths for layer in path)
    parts, said, top = [_headings(columns, measure)], [], _FIRST
    for one, layers in zip(ledgers, paths, strict=True):
        arcs, total = shortcuts(one), getattr(one, measure)
        highest = max(getattr(layer, measure) for layer in layers) * unit
        base = top + max(highest, 48, 22 + _ARC if arcs else 0)
        parts.append(text(14, base - 22, escape(one.name), 18, bold=True))
        parts.append(text(14, base - 2, large_number(total), 15))
        parts.append(_network(layers, arcs, columns, base, measure, unit))
        dotted = sum(not arc.identity for arc in arcs)
        extra = f", {len(arcs)} shortcuts, {dotted} of them dotted" if arcs else ""
        counts = f"{len(layers)} layers with weights{extra}, {total:,} {_MEASURES[measure]}"
        said.append(f"{one.name}: {counts}.")
        top = base + 44
    borders = [left - _GAP / 2 for left, _ in columns.values()]
    lines = "".join(line(x, 30, x, top - 14, stroke=FAINT) for x in borders)
    alt = f"Networks as bars, one per layer, area for {_MEASURES[measure]}. {' '.join(said)}"
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
    parts = [
        text(14, 22, f"Area of a bar: {_MEASURES[measure]}", 13, fill=MUTED),
        text(14, 46, "side of the map:", 13, fill=MUTED),
    ]
    for side, (left, _) in columns.items():
        parts.append(text(left, 46, f"{side}" if side > 1 else "scores", 14, bold=True))
    return "".join(parts)


def _network(layers, arcs, columns, base: float, measure: str, unit: float) -> str:
    """The bars of one network, what they are below the first of each column, and the shortcuts."""
    edges, labels, parts = [], [], [line(_LEFT - 4, base, _RIGHT, base, stroke=FAINT)]
    for side, (left, pitch) in columns.items():
        inside = [layer for layer in layers if layer.side == side]
        for place, layer in enumerate(inside):
            edges.append((left + place * pitch, left + (place + 0.82) * pitch))
            parts.append(_bar(layer, edges[-1], base, measure, unit))
        names = list(dict.fromkeys(layer.label for layer in inside))
        if names:  # layers that differ share a line
            label = f"{len(inside)} dense" if side == 1 else "mixed"
            label = names[0] if len(names) == 1 else label
            labels.append(text(left, base + 19, label, 13, fill=MUTED))
    for first, last, identity in arcs:
        # What halves its maps starts in the column before, all else where the block begins.
        before = first and not identity and layers[first - 1].side > layers[first].side
        start = edges[first - 1][1] if before else edges[first][0] - 4
        parts.append(_arc(start, edges[last][1], base - 9, identity))
    return "".join(parts + labels)


def _bar(layer: Layer, edges, base: float, measure: str, unit: float) -> str:
    cost = getattr(layer, measure)
    height = max(cost * unit, 0.8)
    colour = tint(WEIGHT if layer.kernel else ACCENT, 0.75)
    note = f"{layer.name}: {layer.label}, {cost:,} {_MEASURES[measure]}"
    look = {"fill": colour, "stroke": INK, "stroke_width": 0.6, "hover": note}
    return rect(edges[0], base - height, edges[1] - edges[0], height, **look)


def _arc(x1: float, x2: float, low: float, identity: bool) -> str:
    start, end, high = number(x1), number(x2), number(low - _ARC)
    way = f"M{start} {number(low)}C{start} {high} {end} {high} {end} {number(low)}"
    look = {"stroke": INK, "stroke_width": 1.6}
    if not identity:
        look = {"stroke": HIGHLIGHT, "stroke_width": 3, "stroke_dasharray": "1 5"}
    note = f"shortcut: {'identity' if identity else 'dimensions increase'}"
    return path(way, stroke_linecap="round", hover=note, **look)
