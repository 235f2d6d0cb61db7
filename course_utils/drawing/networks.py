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

from course_utils.drawing import svg
from course_utils.drawing.style import ACCENT, FAINT, HIGHLIGHT, INK, MUTED, WEIGHT, tint
from course_utils.drawing.svg import TIMES, Diagram, line, path, rect, text

_MEASURES = {"macs": "multiply-adds", "parameters": "parameters"}
_LEFT, _RIGHT = 150, 990  # the columns stay between
_GAP = 12  # between two columns
_NARROWEST = 58  # a column's width, for its "3x3, 64"
_TALLEST = 92  # height of the costliest bar


class Layer(NamedTuple):
    """One layer with weights on the main path."""

    name: str
    label: str  # kernel and maps as the paper writes them, or `fc` and the number of units
    side: int  # rows of its output map, 1 for a dense layer
    dense: bool
    macs: int
    parameters: int


def main_path(ledger) -> list[Layer]:
    """Return the convolutions and dense layers of a network, without those of its shortcuts.

    Their number is the depth that He et al. (2015) count. The network is one path of square maps
    that never grow, apart from shortcuts whose names hold "shortcut".
    """
    layers: list[Layer] = []
    channels = ledger.input_shape[0]
    for row in ledger.rows:
        if row.category in ("convolution", "linear") and "shortcut" not in row.name:
            maps, side, *_ = *row.output_shape, 1
            dense = row.category == "linear"
            # Multiply-adds are kernel^2 x maps in x numbers put out.
            kernel = isqrt(row.macs // (channels * prod(row.output_shape)))
            label = f"fc {maps:,}" if dense else f"{kernel}{TIMES}{kernel}, {maps}"
            layers.append(Layer(row.name, label, side, dense, row.macs, row.parameters))
            channels = maps
    return layers


def shortcuts(ledger) -> list[tuple[int, int, bool]]:
    """Return the shortcuts of a residual network: its first and last layer, and if it is identity.

    A block is what stands before ".shortcut" in a name, and layers of it that lie on the main path
    are counted from 0. Identity is what hands on its input as it is (`nn.Identity`).
    """
    kinds = {r.name.partition(".shortcut")[0]: r.kind for r in ledger.rows if ".shortcut" in r.name}
    names = [layer.name for layer in main_path(ledger)]
    found = []
    for block, kind in kinds.items():
        inside = [i for i, name in enumerate(names) if name.startswith(f"{block}.")]
        found.append((inside[0], inside[-1], kind == "Identity"))
    return found


def cuboid(x: float, y: float, width: float, height: float, depth: float, colour: str) -> str:
    """Draw a block of numbers: its front with the upper left corner at (x, y), depth to the right.

    `depth`: how far its back lies to the right of the front, and above it.
    """
    look = {"stroke": colour, "stroke_width": 1.2, "stroke_linejoin": "round"}
    top = f"M{x:.1f} {y:.1f}l{depth:.1f} {-depth:.1f}h{width:.1f}l{-depth:.1f} {depth:.1f}z"
    side = (
        f"M{x + width:.1f} {y:.1f}l{depth:.1f} {-depth:.1f}v{height:.1f}l{-depth:.1f} {depth:.1f}z"
    )
    front = rect(x, y, width, height, fill=tint(colour, 0.3), **look)
    faces = [path(d, **look | {"fill": tint(colour, s)}) for d, s in ((top, 0.15), (side, 0.5))]
    return front + "".join(faces)


def networks_to_scale(ledgers: Sequence, *, measure: str = "macs") -> Diagram:
    """Draw networks one below the other; the area of each bar is the cost of the layer.

    Layers of equal output size share a column. Shortcuts are arcs, dotted where they are more than
    the identity. A bar that would be thinner than a line is drawn as a line.

    Args:
        ledgers: see `main_path`. measure: what a bar stands for, `"macs"` or `"parameters"`.
    """
    paths, word = [main_path(one) for one in ledgers], _MEASURES[measure]
    columns = _columns(paths)
    unit = _TALLEST / max(getattr(layer, measure) for path in paths for layer in path)
    parts, said, top = [], [], 62
    for one, layers in zip(ledgers, paths, strict=True):
        arcs, total = shortcuts(one), getattr(one, measure)
        highest = max(getattr(layer, measure) for layer in layers) * unit
        base = top + max(highest, 48)  # there is room for name, total and arcs
        parts.append(text(14, base - 22, escape(one.name), 18, bold=True))
        parts.append(text(14, base - 2, svg.large_number(total), 15))
        parts += _network(layers, arcs, columns, base, measure, unit)
        dotted = sum(not identity for *_, identity in arcs)
        extra = f", {len(arcs)} shortcuts, {dotted} of them dotted" if arcs else ""
        said.append(f"{one.name}: {len(layers)} layers with weights{extra}, {total:,} {word}.")
        top = base + 44
    heads = [text(14, 22, f"Area of a bar: {word}", 13, fill=MUTED)]
    heads.append(text(14, 46, "side of the map:", 13, fill=MUTED))
    lines = []
    for side, (left, _) in columns.items():
        x = left - _GAP / 2
        lines.append(line(x, 30, x, top - 14, stroke=FAINT))
        heads.append(text(left, 46, f"{side}" if side > 1 else "scores", 14, bold=True))
    alt = f"Networks as bars, one per layer, area for {word}. {' '.join(said)}"
    return svg.frame("".join(lines + heads + parts), height=top - 4, alt=alt, kind="cnn-networks")


def _columns(paths: list[list[Layer]]) -> dict[int, tuple[float, float]]:
    """Output side -> (left edge, pitch of the bars), from the largest maps to the scores."""
    sides = sorted({layer.side for path in paths for layer in path}, reverse=True)
    most = {s: max(sum(layer.side == s for layer in path) for path in paths) for s in sides}
    room = _RIGHT - _LEFT - _GAP * (len(sides) - 1)
    # Columns of few bars get what their label needs, the others share the rest by their bars.
    by_bars = sorted(sides, key=most.__getitem__)
    for narrow in range(len(sides)):
        pitch = (room - _NARROWEST * narrow) / sum(most[s] for s in by_bars[narrow:])
        if most[by_bars[narrow]] * pitch >= _NARROWEST:
            break
    columns, left = {}, float(_LEFT)
    for side in sides:
        columns[side] = (left, pitch)  # one pitch for all: areas compare
        left += (_NARROWEST if side in by_bars[:narrow] else most[side] * pitch) + _GAP
    return columns


def _network(layers, arcs, columns, base: float, measure: str, unit: float) -> list[str]:
    """The bars of one network, what they are below the first of each column, and the shortcuts."""
    edges, labels, parts = [], [], [line(_LEFT - 4, base, _RIGHT, base, stroke=FAINT)]
    for side, (left, pitch) in columns.items():
        inside = [layer for layer in layers if layer.side == side]
        for place, layer in enumerate(inside):
            x, width, cost = left + place * pitch, 0.82 * pitch, getattr(layer, measure)
            height, fill = max(cost * unit, 0.8), tint(ACCENT if layer.dense else WEIGHT, 0.75)
            note = f"{layer.name}: {layer.label}, {cost:,} {_MEASURES[measure]}"
            look = {"fill": fill, "stroke": INK, "stroke_width": 0.6, "hover": note}
            parts.append(rect(x, base - height, width, height, **look))
            edges.append((x, x + width))
        if names := {layer.label for layer in inside}:  # layers that differ share a line
            several = f"{len(inside)} dense" if side == 1 else "mixed"
            label = inside[0].label if len(names) == 1 else several
            labels.append(text(left, base + 19, label, 13, fill=MUTED))
    for first, last, identity in arcs:
        # What halves its maps starts in the column before, all else where the block begins.
        before = first and not identity and layers[first - 1].side > layers[first].side
        start = edges[first - 1][1] if before else edges[first][0] - 4
        parts.append(_arc(start, edges[last][1], base - 9, identity))
    return parts + labels


def _arc(start: float, end: float, low: float, identity: bool) -> str:
    a, b, y, top = map(svg.number, (start, end, low, low - 26))
    way = f"M{a} {y}C{a} {top} {b} {top} {b} {y}"
    look = {"stroke": HIGHLIGHT, "stroke_width": 3, "stroke_dasharray": "1 5"}
    if identity:
        look = {"stroke": INK, "stroke_width": 1.6}
    note = f"shortcut: {'identity' if identity else 'dimensions increase'}"
    return svg.path(way, stroke_linecap="round", hover=note, **look)
