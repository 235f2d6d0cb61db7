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

from course_utils.figures.svg import TIMES, Diagram, font, frame, number, text
from course_utils.style import ACCENT, FAINT, HIGHLIGHT, INK, MUTED, WEIGHT, tint

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
        ValueError: if there is no such layer, or the layers do not form one path of square maps.
    """
    layers: list[Layer] = []
    channels = ledger.input_shape[0]
    for row in ledger.rows:
        if row.category not in ("convolution", "linear") or "shortcut" in row.name:
            continue
        shape = row.output_shape
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
        text(14, base - 2, _billions(getattr(one, measure)), font(15)),
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


def _billions(value: int) -> str:
    return f"{value / 1e9:.2f} billion" if value >= 1e9 else f"{value / 1e6:.1f} million"


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
