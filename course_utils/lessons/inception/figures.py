"""The pictures of lesson 10: the Inception module with its costs, gradients per block, test crops.

Source: Szegedy et al. (2014), *Going Deeper with Convolutions*, arXiv 1409.4842; `module_diagram`
follows fig. 2, `draw_crops` shows Table 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from course_utils.drawing.plots import lines, new_axes
from course_utils.drawing.style import (
    BAD,
    CYCLE,
    FAINT,
    GOOD,
    INK,
    INPUT,
    MUTED,
    OUTPUT,
    PALETTE,
    PAPER,
    tint,
)
from course_utils.drawing.svg import TIMES, Diagram, box, circle, frame, number, path, rect, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VARIANTS = ("naive", "reduced")
"""Fig. 2(a), and fig. 2(b) "with dimension reduction"."""


class Layer(NamedTuple):
    """A layer of a branch; one without weights is the max-pooling.

    kernel: rows of its filter. maps: what it puts out. weights: without biases.
    """

    kernel: int
    maps: int
    weights: int


class Module(NamedTuple):
    """A module counted by hand: its input (in_maps x side x side), its four branches.

    branches: 1x1, 3x3, 5x5, pooling; each one layer, or two of which the second reads the first.
    """

    in_maps: int
    side: int
    branches: tuple[tuple[Layer, ...], ...]

    @property
    def weights(self) -> int:
        """Weights without biases."""
        return sum(layer.weights for branch in self.branches for layer in branch)

    @property
    def macs(self) -> int:
        """Multiply-adds of one image: one per weight and position."""
        return self.weights * self.side**2

    @property
    def channels(self) -> list[int]:
        """What each branch puts out."""
        return [branch[-1].maps for branch in self.branches]


def count_module(in_maps: int, side: int, filters: Sequence[int], variant: str) -> Module:
    """Count a module on maps of side x side pixels; all its layers keep that size.

    Args:
        filters: the six numbers of a row of Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool
            proj. The naive module has neither reductions nor projection and does not use theirs.
        variant: "naive" or "reduced".
    """
    n1x1, reduce3x3, n3x3, reduce5x5, n5x5, projection = filters

    def convolution(kernel: int, inputs: int, maps: int) -> Layer:
        return Layer(kernel, maps, kernel**2 * inputs * maps)

    one, pool = convolution(1, in_maps, n1x1), Layer(3, in_maps, 0)
    if variant == "naive":
        three, five = convolution(3, in_maps, n3x3), convolution(5, in_maps, n5x5)
        return Module(in_maps, side, ((one,), (three,), (five,), (pool,)))
    three = convolution(1, in_maps, reduce3x3), convolution(3, reduce3x3, n3x3)
    five = convolution(1, in_maps, reduce5x5), convolution(5, reduce5x5, n5x5)
    return Module(in_maps, side, ((one,), three, five, (pool, convolution(1, in_maps, projection))))


def millions(macs: int) -> str:
    """Write multiply-adds in millions: `"0.40 M"`, `"2.4 M"`, `"128 M"`."""
    value = macs / 1e6
    # Rounding decides, so that what is nearly 100 is written as 100 is.
    if round(value, 2) < 1:
        return f"{value:.2f} M"
    return f"{value:.1f} M" if round(value, 1) < 100 else f"{value:,.0f} M"


# ---------------------------------------------------------------------------------------------
# The module

_COLOURS = (PALETTE["sky"], PALETTE["green"], PALETTE["orange"], PALETTE["purple"])
_ROWS = (46, 112, 178, 244)  # middles of the four branches
_HEIGHT = 290
_IN, _FIRST, _SECOND, _OUT = 66, 282, 540, 800  # centres
_WIDE, _TALL = 190, 50  # a layer
_TOP, _BOTTOM = 26, 264  # of the stacked output
_WIRE = {"stroke": MUTED, "stroke_width": 1.8}


def module_diagram(
    in_maps: int = 192,
    side: int = 28,
    filters: Sequence[int] = (64, 96, 128, 16, 32, 32),
    *,
    variant: str = "reduced",
    costs: bool = True,
    budget: int | None = None,
) -> Diagram:
    """Draw a module, input on the left: four branches, and what they put out, stacked.

    Args:
        in_maps, side, filters, variant: as for `count_module`; 3a of GoogLeNet if not given.
        costs: whether numbers of filters and multiply-adds are written in.
        budget: multiply-adds. If given, the module is drawn below as a bar of multiply-adds beside
            its naive twin and this limit.
    """
    module = count_module(in_maps, side, filters, variant)
    parts = [_input(module), _output(module, costs)]
    for row, branch, colour in zip(_ROWS, module.branches, _COLOURS, strict=True):
        parts.append(_branch(row, branch, colour, side, costs))
    # Without costs two of them stand on one slide, and on one page of its PDF.
    height, alt = _HEIGHT if costs else _HEIGHT - 8, _describe(module, variant, costs)
    if budget is not None:
        naive = count_module(in_maps, side, filters, "naive")
        bars = {"this module": module} | ({"naive": naive} if variant != "naive" else {})
        scale = 730 / max(budget, *(one.macs for one in bars.values()))
        parts += [_budget_bars(bars, scale), _budget_line(budget, scale, module.macs > budget)]
        height += 104
        alt += f" The budget is {budget:,} multiply-adds; naive: {naive.macs:,}."
    return frame("".join(parts), height=height, alt=alt, kind="cnn-inception")


def _shape(maps: int, side: int) -> str:
    return f"{maps:,}{TIMES}{side}{TIMES}{side}"


def _input(module: Module) -> str:
    middle = (_TOP + _BOTTOM) / 2
    parts = [
        box(_IN - 26, _TOP + 40, 52, _BOTTOM - _TOP - 80, INPUT, 0.16, rx=6, stroke_width=2),
        text(_IN, _BOTTOM - 14, "in", 15, anchor="middle", bold=True, fill=INPUT),
        text(_IN, _BOTTOM + 8, _shape(module.in_maps, module.side), 15, anchor="middle"),
    ]
    for row, branch in zip(_ROWS, module.branches, strict=True):
        end = (_FIRST if len(branch) == 2 else _SECOND) - _WIDE / 2 - 4
        bend = f"C{_IN + 70} {middle} {_IN + 70} {row} {end} {row}"
        parts.append(path(f"M{_IN + 26} {middle}{bend}", **_WIRE))
    return "".join(parts)


def _branch(row: int, branch: tuple[Layer, ...], colour: str, side: int, costs: bool) -> str:
    parts = []
    for x, layer in zip((_FIRST, _SECOND)[-len(branch) :], branch, strict=True):
        pooling = not layer.weights
        label = f"{layer.kernel}{TIMES}{layer.kernel}" + " max-pooling" * pooling
        label += f", {layer.maps}" * (costs and not pooling)
        added = len(branch) == 2 and layer.kernel == 1  # a reduction or a projection
        look = {"rx": 8, "stroke_width": 2.4, "stroke_dasharray": "7 4" if added else None}
        place = (x - _WIDE / 2, row - _TALL / 2, _WIDE, _TALL)
        parts.append(box(*place, MUTED if pooling else colour, 0.16, **look))
        parts.append(text(x, row + (-3 if costs else 6), label, 16, anchor="middle", bold=True))
        if costs:
            cost = "no weights" if pooling else f"{millions(layer.weights * side**2)} MACs"
            parts.append(text(x, row + 17, cost, 15, anchor="middle"))
    if len(branch) == 2:
        parts.append(path(f"M{_FIRST + _WIDE / 2 + 2} {row}H{_SECOND - _WIDE / 2 - 4}", **_WIRE))
    return "".join(parts)


def _output(module: Module, costs: bool) -> str:
    """The stacked channels: one segment per branch, as tall as its share."""
    parts, y = [], float(_TOP)
    shares, look = module.channels if costs else [1, 1, 1, 1], {"stroke": INK, "stroke_width": 1}
    start, end = _SECOND + _WIDE / 2 + 2, _OUT - 34
    for row, share, colour in zip(_ROWS, shares, _COLOURS, strict=True):
        tall = (_BOTTOM - _TOP) * share / sum(shares)
        at = number(y + tall / 2)
        parts.append(path(f"M{start} {row}C{_OUT - 90} {row} {_OUT - 90} {at} {end} {at}", **_WIRE))
        parts.append(rect(_OUT - 30, y, 60, tall, fill=tint(colour, 0.55), **look))
        if costs and tall >= 15:
            parts.append(text(_OUT, y + tall / 2 + 5, f"{share}", 15, anchor="middle"))
        y += tall
    middle, left = (_TOP + _BOTTOM) / 2, _OUT + 44
    out = _shape(sum(module.channels), module.side) if costs else "along channels"
    parts.append(text(left, middle - 8, "concatenated", 15, fill=MUTED))
    parts.append(text(left, middle + 16, out, 16, bold=True, fill=OUTPUT))
    if costs:
        parts.append(text(left, middle + 40, f"{millions(module.macs)} MACs", 15))
    return "".join(parts)


def _budget_bars(bars: Mapping[str, Module], scale: float) -> str:
    """Below the module: a bar of multiply-adds for each name, `scale` units for each."""
    parts, y = [], _HEIGHT + 22
    for name, module in bars.items():
        parts.append(text(140, y + 17, name, 15, anchor="end", bold=True))
        x = 150.0
        for branch, colour in zip(module.branches, _COLOURS, strict=True):
            wide = sum(layer.weights for layer in branch) * module.side**2 * scale
            if wide:
                look = {"fill": tint(colour, 0.55), "stroke": INK, "stroke_width": 1}
                parts.append(rect(x, y, wide, 24, **look))
            if wide > 44:
                kernel, pooling = max(layer.kernel for layer in branch), not branch[0].weights
                kind = "pool" if pooling else f"{kernel}{TIMES}{kernel}"
                parts.append(text(x + wide / 2, y + 17, kind, 15, anchor="middle"))
            x += wide
        parts.append(text(x + 8, y + 17, millions(module.macs), 15))
        y += 34
    return "".join(parts)


def _budget_line(budget: int, scale: float, over: bool) -> str:
    x = 150 + budget * scale
    colour = BAD if over else GOOD
    label = f"budget {millions(budget)}" + ": over" * over
    anchor, ground, start = ("end", x - 176, x - 8) if x > 700 else ("start", x + 4, x + 8)
    return (
        path(f"M{number(x)} {_HEIGHT + 6}V{_HEIGHT + 84}", stroke=colour, stroke_width=3)
        + rect(ground, _HEIGHT - 2, 172, 19, fill=PAPER)
        + text(start, _HEIGHT + 13, label, 15, anchor=anchor, bold=True, fill=colour)
    )


def _describe(module: Module, variant: str, costs: bool) -> str:
    names = {
        "naive": "Naive module: four branches side by side, 1x1, 3x3, 5x5 and 3x3 max-pooling",
        "reduced": "Module with dimension reduction: 1x1 convolutions stand before the 3x3 and the "
        "5x5 and behind the max-pooling; a fourth branch is 1x1 alone",
    }
    if not costs:
        return f"{names[variant]}; their outputs are concatenated along channels."
    each = " + ".join(map(str, module.channels))
    return (
        f"{names[variant]}. {_shape(module.in_maps, module.side)} in, {each} = "
        f"{sum(module.channels):,} channels out, {module.macs:,} multiply-adds, "
        f"{module.weights:,} weights."
    )


# ---------------------------------------------------------------------------------------------
# The network and its heads

_BASE = 214  # the line that the blocks stand on


def heads_diagram(macs: Mapping[str, int], heads: Mapping[str, str], *, last: str) -> Diagram:
    """Draw a network block by block, its auxiliary heads, and the ways that a gradient takes.

    Args:
        macs: block -> multiply-adds, input first; the height of a block is its share.
        heads: block -> what the head on it is called.
        last: what the loss at the end is called.
    """
    step = 880 / len(macs)
    centres = {name: 30 + step * (i + 0.5) for i, name in enumerate(macs)}
    parts = [path(f"M24 {_BASE}H900", stroke=INK, stroke_width=2)]
    for name, cost in macs.items():
        x, tall = centres[name], max(4.0, 96 * cost / max(macs.values()))
        parts += [
            box(x - step / 2 + 6, _BASE - tall, step - 12, tall, INPUT, 0.25),
            text(x, _BASE + 20, name, 15, anchor="middle", bold=True),
            text(x, _BASE + 39, millions(cost), 15, anchor="middle", fill=MUTED),
        ]
    first = next(iter(macs))
    ends = [
        (centres[name], label, CYCLE[3 - 2 * (i % 2)], True)
        for i, (name, label) in enumerate(heads.items())
    ]
    ends.append((940.0, last, OUTPUT, False))
    height = _BASE + 62 + 21 * len(ends)
    for place, end in enumerate(ends):
        parts.append(_way(height - 21 * (place + 1), centres[first], *end))
    alt = (
        f"{len(macs)} blocks from {first} to {list(macs)[-1]}, their heights the "
        f"multiply-adds, {sum(macs.values()):,} together; "
        + " and ".join(f"{label} on {name}" for name, label in heads.items())
        + f"; {last}. From each loss a gradient goes back to {first}."
    )
    return frame("".join(parts), height=height, alt=alt, kind="cnn-heads")


def _way(y: float, first: float, x: float, label: str, colour: str, head: bool) -> str:
    """A loss above its block at x, and the way of its gradient at height y, back to the first."""
    dashes = "7 4" if head else None
    look = {"stroke": colour, "stroke_dasharray": "2 5"} if head else {"stroke": INK}
    up = f"M{x:.1f} 62V{_BASE - 4}" if head else f"M900 {_BASE}H{x:.1f}V62"
    tip = f"M{first + 9:.1f} {y - 5}L{first:.1f} {y}L{first + 9:.1f} {y + 5}"
    return (
        box(x - 57, 18, 114, 44, colour, 0.16, rx=8, stroke_width=2.2, stroke_dasharray=dashes)
        + text(x, 46, label, 15, anchor="middle", bold=True)
        + path(up, stroke_width=2, **look)
        + path(f"M{x:.1f} {y}H{first:.1f}{tip}", stroke=colour, stroke_width=2.6)
        + circle(x, y, 4.5, fill=colour)
    )


# ---------------------------------------------------------------------------------------------
# Plots


def draw_block_gradients(
    norms: Mapping[str, Sequence[float]], blocks: Sequence[str], *, heads: Sequence[str] = ()
) -> Axes:
    """Draw a gradient norm for each block of a network, on a logarithmic axis.

    Args:
        norms: name of a line -> one positive number per block. Lines come in pairs (without and
            with heads): the second of a pair is drawn dashed in the colour of the first.
        blocks: their names, input first.
        heads: blocks on which an auxiliary head sits, each marked by a thin line.
    """
    ax = new_axes(9.5, 4.1)
    for place, (name, values) in enumerate(norms.items()):
        look = ("o-", "s--")[place % 2]
        ax.semilogy(range(len(blocks)), values, look, color=CYCLE[place // 2], label=name)
    for head in heads:
        ax.axvline(blocks.index(head), color=FAINT, linewidth=5, zorder=0)
    ax.set_xticks(range(len(blocks)), blocks)
    ax.set(xlabel="block, from the input (left) to the scores", ylabel="gradient norm")
    ax.grid(axis="y")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def draw_crops(models: Sequence[int], crops: Sequence[int], errors: Sequence[float]) -> Axes:
    """Draw top-5 error against how often networks run on one image, a line per number of networks.

    Args:
        models, crops: of each test. errors: in percent.
    """
    tests = sorted(zip(models, crops, errors, strict=True))
    runs = [m * c for m, c, _ in tests]
    series = {}
    for count in sorted(set(models)):
        points = [(m * c, error) for m, c, error in tests if m == count]
        series["1 network" if count == 1 else f"{count} networks"] = tuple(
            zip(*points, strict=True)
        )
    ax = lines(
        series,
        xlabel="networks × crops run for one image",
        ylabel="top-5 error, %",
        ax=new_axes(9, 4),
        xscale="log",
        xlim=(0.8, 8 * max(runs)),
        ylim=(min(errors) - 0.9, max(errors) + 0.7),
    )
    for m, c, error in tests:
        below = m > 1  # below and to the left, where the other line does not run
        ax.annotate(
            f"{error:g} %, {c} crop{'s' * (c != 1)}",
            (m * c, error),
            xytext=(-5, -18) if below else (7, 9),
            textcoords="offset points",
            ha="right" if below else "left",
        )
    return ax
