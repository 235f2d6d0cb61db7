"""The pictures of lesson 11: the residual block, curves of training, gradients by layer,
damaged networks.

Source: He, Zhang, Ren and Sun (2015), *Deep Residual Learning for Image Recognition*, arXiv
1512.03385; `block_diagram` follows fig. 2, `draw_errors` fig. 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple

from course_utils.drawing.plots import new_axes
from course_utils.drawing.style import (
    BAD,
    CYCLE,
    FAINT,
    GOOD,
    HIGHLIGHT,
    INK,
    INPUT,
    MUTED,
    OUTPUT,
    PAPER,
    WEIGHT,
    tint,
)
from course_utils.drawing.svg import TIMES, Diagram, box, circle, frame, path, rect, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 56
"""Rows of the input maps: those of conv2_x in Table 1."""


class Block(NamedTuple):
    """The shapes and costs of a basic block (two 3x3 convolutions), counted by hand.

    in_maps, out_maps, out_side: of x and of F(x); x has `SIDE` rows. layers: the two convolutions
    with their normalisations and the shortcut, each as (parameters, multiply-adds). shortcut:
    "none", "identity", "zeros" or "projection".
    """

    in_maps: int
    out_maps: int
    out_side: int
    layers: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    shortcut: str

    @property
    def parameters(self) -> int:
        """Of the whole block, normalisation included."""
        return sum(parameters for parameters, _ in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-adds of the whole block: one per convolution weight and position."""
        return sum(macs for _, macs in self.layers)

    @property
    def before(self) -> str:
        """Shape of x, maps first."""
        return f"{self.in_maps}{TIMES}{SIDE}{TIMES}{SIDE}"

    @property
    def after(self) -> str:
        """Shape of F(x) and of the block's output, maps first."""
        return f"{self.out_maps}{TIMES}{self.out_side}{TIMES}{self.out_side}"


def count_block(in_maps: int, out_maps: int, stride: int, option: str) -> Block:
    """Count a basic block: two 3x3 convolutions without biases, each with its normalisation.

    Args:
        in_maps, out_maps: of the block. stride: of the first convolution and of the shortcut.
        option: of the shortcut: "plain" (none), "identity" (equation 1), "A", "B" or "C"
            (Section 4.1).

    Raises:
        ValueError: where x and F(x) cannot be added: "identity" with shapes that differ, "A" with
            fewer maps than before.
    """
    out_side = SIDE // stride
    same = in_maps == out_maps and stride == 1
    projects = option == "C" or (option == "B" and not same)
    shortcut = "projection" if projects else "identity" if same else "zeros"

    def layer(kernel: int, maps: int) -> tuple[int, int]:
        weights = kernel**2 * maps * out_maps
        return weights + 2 * out_maps, weights * out_side**2

    last = layer(1, in_maps) if projects else (0, 0)
    layers = (layer(3, in_maps), layer(3, out_maps), last)
    block = Block(in_maps, out_maps, out_side, layers, "none" if option == "plain" else shortcut)
    if option == "identity" and not same:
        raise ValueError(
            f"x and F(x) cannot be added: x has {block.before} numbers, F(x) has {block.after}. "
            "Keep the number of maps and stride 1, or choose option A, B or C."
        )
    if option == "A" and out_maps < in_maps:
        raise ValueError(
            f"Option A can append maps of zeros, but x has {in_maps} maps and F(x) only "
            f"{out_maps}. Choose at least {in_maps} maps out, or a projection (B or C)."
        )
    return block


# ---------------------------------------------------------------------------------------------
# The block

_HEIGHT = 196
_MAIN, _OVER = 122, 44  # heights of the two paths
_X, _CONV1, _CONV2, _PLUS, _RELU, _Y = 54, 236, 500, 708, 816, 950  # centres
_BETWEEN = (_CONV1 + _CONV2) / 2
_WIDE = 168  # a convolution


def block_diagram(
    in_maps: int = 64,
    out_maps: int = 64,
    stride: int = 1,
    option: str = "identity",
    *,
    slope: float | None = None,
    blocks: int = 27,
) -> Diagram:
    """Draw a block with its shapes and costs, and below it what reaches x of the gradient.

    Args:
        in_maps, out_maps, stride, option: as for `count_block`.
        slope: if given, an axis is drawn below: by how much `blocks` blocks in a row scale a
            gradient when the two convolutions of each scale it by `slope`, with and without
            shortcuts (see `path_products`).

    Raises:
        ValueError: as `count_block`.
    """
    block = count_block(in_maps, out_maps, stride, option)
    parts = [_shortcut(block), *_main_path(block, stride)]
    alt, height = _describe(block), _HEIGHT
    if slope is not None:
        plain, both = path_products(slope, blocks, block.shortcut)
        parts += _product_axis(plain, both, blocks)
        count = "one block" if blocks == 1 else f"{blocks} blocks"
        alt += f" Through {count} a gradient is multiplied by {power_text(plain)}"
        alt += (
            " along the convolutions."
            if both is None
            else f" without shortcuts and by {power_text(both)} with them."
        )
        height += 82
    return frame("".join(parts), height=height, alt=alt, kind="cnn-block")


def _main_path(block: Block, stride: int) -> list[str]:
    """From x to y."""
    half, added = _WIDE / 2, block.shortcut != "none"
    stops = [(_X, 16, 16), (_CONV1, half, half), (_CONV2, half, half), (_RELU, 40, 40), (_Y, 18, 0)]
    if added:
        stops.insert(3, (_PLUS, 19, 19))
    parts = []
    for (start, _, right), (end, left, _) in zip(stops, stops[1:], strict=False):
        tip = end - left - 2
        head = f"M{tip - 8} {_MAIN - 5}L{tip} {_MAIN}L{tip - 8} {_MAIN + 5}"
        shaft = f"M{start + right} {_MAIN}H{tip - 1}{head}"
        parts.append(path(shaft, stroke=INK, stroke_width=2))
    parts += [
        text(_X, _MAIN + 8, "x", 24, anchor="middle", bold=True, fill=INPUT),
        text(_Y, _MAIN + 8, "y", 24, anchor="middle", bold=True, fill=OUTPUT),
        text(_X, _MAIN + 38, block.before, 14, anchor="middle"),
        text(_BETWEEN, _MAIN - 10, "ReLU", 14, anchor="middle", fill=MUTED),
        text(_BETWEEN, _MAIN + 38, block.after, 14, anchor="middle"),
        text((_CONV2 + half + _PLUS) / 2 - 8, _MAIN - 10, "F(x)", 14, anchor="middle", bold=True),
        text(_Y - 4, _MAIN + 38, block.after, 14, anchor="middle"),
        _rounded(_RELU, _MAIN, 80, 40, INK),
        text(_RELU, _MAIN + 6, "ReLU", 15, anchor="middle"),
    ]
    for x, step, (parameters, macs) in zip(
        (_CONV1, _CONV2), (stride, 1), block.layers, strict=False
    ):
        label = f"3{TIMES}3, {block.out_maps}, stride {step}"
        parts += [
            _rounded(x, _MAIN, _WIDE, 54, WEIGHT),
            text(x, _MAIN - 3, label, 14, anchor="middle", bold=True),
            text(x, _MAIN + 17, "and batch norm", 13, anchor="middle", fill=MUTED),
            text(x, _MAIN + 48, f"{parameters:,} parameters", 13, anchor="middle"),
            text(x, _MAIN + 66, f"{_short(macs)} MACs", 13, anchor="middle"),
        ]
    if added:
        plus = f"M{_PLUS - 9} {_MAIN}h18M{_PLUS} {_MAIN - 9}v18"
        parts.append(circle(_PLUS, _MAIN, 18, fill=PAPER, stroke=INK, stroke_width=2.4))
        parts.append(path(plus, stroke=INK, stroke_width=2.4))
    return parts


def _rounded(x: float, y: float, width: float, height: float, colour: str) -> str:
    place = (x - width / 2, y - height / 2, width, height)
    return box(*place, colour, 0.14, rx=8, stroke_width=2)


def _shortcut(block: Block) -> str:
    """The way above the main path: dotted where the shape changes, as in fig. 3."""
    if block.shortcut == "none":
        return text(_CONV1 - 75, _OVER, "no shortcut: y is ReLU(F(x))", 15, fill=MUTED)
    left, right = _X + 34, _PLUS
    way = f"M{left} {_MAIN}V{_OVER + 14}Q{left} {_OVER} {left + 14} {_OVER}H{right - 14}"
    way += f"Q{right} {_OVER} {right} {_OVER + 14}V{_MAIN - 22}"
    look, colour = {"stroke_width": 2.4}, INK
    if block.shortcut != "identity":
        look = {"stroke_width": 3.4, "stroke_dasharray": "1 7", "stroke_linecap": "round"}
        colour = HIGHLIGHT
    tip = f"M{right - 6} {_MAIN - 30}L{right} {_MAIN - 20}L{right + 6} {_MAIN - 30}"
    drawn = path(way, stroke=colour, **look) + path(tip, stroke=colour, stroke_width=2.4)
    if block.shortcut != "projection":
        label = "identity: x, no parameters"
        if block.shortcut == "zeros":
            what = ["every second position"] * (block.out_side != SIDE)
            new = block.out_maps - block.in_maps
            what += [f"{new} maps of zeros appended"] * (new > 0)
            label = f"{', '.join(what)}: no parameters"
        return drawn + text(_BETWEEN, _OVER - 12, label, 15, anchor="middle", bold=True)
    parameters, macs = block.layers[2]
    label = f"projection: 1{TIMES}1, {block.out_maps}, and batch norm"
    cost = f"{parameters:,} parameters, {_short(macs)} MACs"
    return (
        drawn
        + rect(_BETWEEN - 170, _OVER - 26, 340, 52, rx=8, fill=PAPER)
        + _rounded(_BETWEEN, _OVER, 340, 52, WEIGHT)
        + text(_BETWEEN, _OVER - 4, label, 14, anchor="middle", bold=True)
        + text(_BETWEEN, _OVER + 16, cost, 13, anchor="middle")
    )


def _short(macs: int) -> str:
    return f"{macs / 1e6:,.1f} M" if macs >= 1e6 else f"{macs:,}"


def _describe(block: Block) -> str:
    ways = {
        "none": "no shortcut",
        "identity": "an identity shortcut",
        "zeros": "a shortcut that appends zeros",
        "projection": "a shortcut with a 1x1 projection",
    }
    parameters, macs = block.layers[2]
    return (
        f"Basic block with {ways[block.shortcut]}: x {block.before}, y {block.after}, "
        f"{block.parameters:,} parameters, {block.macs:,} multiply-adds; the shortcut holds "
        f"{parameters:,} and {macs:,} of them."
    )


# ---------------------------------------------------------------------------------------------
# Two paths add


def path_products(slope: float, blocks: int, shortcut: str) -> tuple[float, float | None]:
    """Return slope^blocks, and (1 + slope)^blocks, or None where no identity leads past F.

    A model in one dimension: each block's two convolutions scale a gradient by `slope`, a shortcut
    adds 1. It leaves out ReLU and normalisation.
    """
    return slope**blocks, (1 + slope) ** blocks if shortcut in ("identity", "zeros") else None


def power_text(value: float) -> str:
    """Write a product so that its size is seen: `0.0625`, `1.5`, `413`, or `5.6 · 10⁻¹⁷`."""
    if 0.01 <= value < 10_000:
        return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    digits = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return f"{mantissa} · 10{str(int(exponent)).translate(digits)}"


def _product_axis(plain: float, both: float | None, blocks: int) -> list[str]:
    """A logarithmic axis below the block, with a mark for each product."""
    low = min(-4, 2 * floor(log10(plain) / 2))
    high = max(2, 2 * ceil(log10(both or 1) / 2))
    left, right, y = 150.0, 960.0, _HEIGHT + 46

    def place(value: float) -> float:
        return left + (log10(value) - low) / (high - low) * (right - left)

    one, x = place(1.0), place(plain)  # x is never right of the 1: its label ends there at latest
    anchor, start = ("start", x - 8) if x < left + 180 else ("end", x - 6)
    label = f"plain {power_text(plain)}"
    parts = [
        text(14, y - 8, f"{blocks} block{'s' * (blocks != 1)}:", 13, bold=True),
        text(14, y + 10, "gradient times", 13, fill=MUTED),
        path(f"M{left} {y}H{right}", stroke=FAINT, stroke_width=2),
        path(f"M{one:.1f} {y - 8}v16", stroke=MUTED, stroke_width=2),
        text(one, y + 24, "1", 13, anchor="middle", fill=MUTED),
        path(f"M{x:.1f} {y - 8}l8 8l-8 8l-8 -8z", fill=BAD),
        text(start, y + 25, label, 14, anchor=anchor, bold=True, fill=BAD),
    ]
    if both is not None:
        x = place(both)
        anchor = "end" if x > right - 200 else "start"
        label = f"with shortcuts {power_text(both)}"
        parts.append(circle(x, y, 8, fill=GOOD))
        parts.append(text(x, y - 14, label, 14, anchor=anchor, bold=True, fill=GOOD))
    return parts


# ---------------------------------------------------------------------------------------------
# Curves


def _draw_lines(series: Mapping[str, Sequence[float]], ax: Axes) -> None:
    """A line for each name over 1, 2, 3, ...; dashed where the name begins with "plain"."""
    for colour, (name, values) in zip(CYCLE, series.items(), strict=False):
        dashes = "--" if name.startswith("plain") else "-"
        ax.plot(range(1, len(values) + 1), values, dashes, color=colour, label=name)
    ax.grid(axis="y")


def draw_errors(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, guide: int
) -> Figure:
    """Draw training errors on the left and test errors on the right, as fig. 1 does.

    Args:
        curves: name -> (training errors, test errors), shares from 0 to 1, one per epoch.
        guide: an epoch after which to draw a thin line, where the learning rate changed.
    """
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.1), sharey=True)
    for part, title in enumerate(("Training error", "Test error")):
        percent = {name: [100 * e for e in errors[part]] for name, errors in curves.items()}
        _draw_lines(percent, axes[part])
        axes[part].axvline(guide + 0.5, color=FAINT, linewidth=1)
        axes[part].set(title=title, xlabel="epoch", ylim=(-3, 100))
    axes[0].set_ylabel("wrong answers, %")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))  # beside: a curve may lie anywhere
    return figure


def draw_waterfall(norms: Mapping[str, Sequence[float]]) -> Axes:
    """Draw gradient norms on a logarithmic scale.

    Args:
        norms: name -> one number above 0 per convolution, the one next to the input first.
    """
    ax = new_axes(8.5, 3.9)
    _draw_lines(norms, ax)
    ax.set(xlabel="convolution, from the input (left) to the scores", ylabel="gradient norm")
    ax.set_yscale("log")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def draw_cuts(errors: Mapping[str, Mapping[int, float]], whole: Mapping[str, float]) -> Axes:
    """Draw the error of a network after one block at a time was damaged, as bars.

    Args:
        errors: kind of damage -> {number of the block, from 1: error from 0 to 1}. A block that
            cannot be damaged that way is left out, and gets no bar.
        whole: name -> error of the undamaged network, drawn as one thin line across.
    """
    ax = new_axes(9.5, 3.9)
    width = 0.8 / len(errors)
    for place, (name, values) in enumerate(errors.items()):
        at = [block + (place - (len(errors) - 1) / 2) * width for block in values]
        look = {"color": tint(CYCLE[place], 0.75), "edgecolor": INK}
        percent = [100 * error for error in values.values()]
        ax.bar(at, percent, width, label=name, hatch=("", "//", "..")[place], **look)
    for dashes, (name, error) in zip((":", "-."), whole.items(), strict=False):
        ax.axhline(100 * error, color=INK, linewidth=1.2, linestyle=dashes, label=name)
    last = max(max(values) for values in errors.values())
    ax.set(xlabel="block", ylabel="test error, %", ylim=(0, 125), xlim=(0.4, last + 0.6))
    ax.set(xticks=range(1, last + 1), yticks=range(0, 101, 20))
    ax.legend(loc="upper center", ncols=3, fontsize="small")
    return ax
