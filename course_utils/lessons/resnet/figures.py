"""The pictures of lesson 11: the residual block, curves of training, gradients layer by layer.

Source: He, Zhang, Ren and Sun (2015), *Deep Residual Learning for Image Recognition*, arXiv
1512.03385; `block_diagram` follows fig. 2, `draw_error_curves` fig. 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple

# draw_waterfall: until notebook 09 takes it from where it is
from course_utils.drawing.plots import draw_waterfall as draw_waterfall
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
from course_utils.drawing.svg import TIMES, Diagram, font, frame, number, text
from course_utils.geometry import output_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHORTCUTS = {
    "plain": "no shortcut",
    "identity": "the input as it is",
    "A": "the input, and zeros for the new maps",
    "B": "a projection where the shape changes, the input elsewhere",
    "C": "a projection in every block",
}
"""What a shortcut may be (Section 4.1); "identity" is equation (1), where shapes must agree."""


class Block(NamedTuple):
    """The shapes and costs of a basic block (two 3x3 convolutions), counted by hand.

    in_maps, out_maps, in_side, out_side: the maps and their sides. path: the two convolutions with
    their normalisations, as ((parameters, macs), (parameters, macs)). kind: what the shortcut is,
    "none", "identity", "zeros" or "projection". shortcut: its (parameters, macs).
    """

    in_maps: int
    out_maps: int
    in_side: int
    out_side: int
    path: tuple[tuple[int, int], tuple[int, int]]
    kind: str
    shortcut: tuple[int, int]

    @property
    def parameters(self) -> int:
        """Of the whole block, normalisation included."""
        return sum(cost[0] for cost in (*self.path, self.shortcut))

    @property
    def macs(self) -> int:
        """Multiply-adds of the whole block: one per convolution weight and position."""
        return sum(cost[1] for cost in (*self.path, self.shortcut))


def count_block(in_maps: int, out_maps: int, side: int, stride: int, shortcut: str) -> Block:
    """Count a basic block: two 3x3 convolutions without biases, each with its normalisation.

    Args:
        in_maps, out_maps: of the block. side: rows of its square input maps. stride: of the first
            convolution and of the shortcut.
        shortcut: a key of `SHORTCUTS`.

    Raises:
        ValueError: for an unknown shortcut, and where x and F(x) cannot be added: "identity" with
            shapes that differ, "A" with fewer maps than before.
    """
    if shortcut not in SHORTCUTS:
        allowed = ", ".join(map(repr, SHORTCUTS))
        raise ValueError(f"shortcut must be one of {allowed}, got {shortcut!r}")
    out_side = output_size(side, 3, stride, 1)
    same = in_maps == out_maps and stride == 1
    before, after = shape_text(in_maps, side), shape_text(out_maps, out_side)
    if shortcut == "identity" and not same:
        raise ValueError(
            f"x and F(x) cannot be added: x has {before} numbers, F(x) has {after}. Keep the "
            "number of maps and stride 1, or choose option A, B or C."
        )
    if shortcut == "A" and out_maps < in_maps:
        raise ValueError(
            f"Option A can append maps of zeros, but x has {in_maps} maps and F(x) only "
            f"{out_maps}. Choose at least {in_maps} maps out, or a projection (B or C)."
        )
    area = out_side**2
    path = tuple(
        (9 * maps * out_maps + 2 * out_maps, 9 * maps * out_maps * area)
        for maps in (in_maps, out_maps)
    )
    kind, cost = "zeros", (0, 0)
    if shortcut == "plain":
        kind = "none"
    elif shortcut == "C" or (shortcut == "B" and not same):
        kind = "projection"
        cost = (in_maps * out_maps + 2 * out_maps, in_maps * out_maps * area)
    elif same:
        kind = "identity"
    return Block(in_maps, out_maps, side, out_side, path, kind, cost)


def shape_text(maps: int, side: int) -> str:
    """Write a shape as the course does, maps first: `"64×56×56"`."""
    return f"{maps}{TIMES}{side}{TIMES}{side}"


# ---------------------------------------------------------------------------------------------
# The block

_HEIGHT = 196
_MAIN, _OVER = 122, 44  # heights of the two paths
_X, _CONV1, _CONV2, _PLUS, _RELU, _Y = 54, 236, 500, 708, 816, 950  # centres
_BOX = (168, 54)


def block_diagram(
    in_maps: int = 64,
    out_maps: int = 64,
    *,
    side: int = 56,
    stride: int = 1,
    shortcut: str = "identity",
    slope: float | None = None,
    blocks: int = 27,
) -> Diagram:
    """Draw a block with its shapes and costs, and below it what reaches x of the gradient.

    Args:
        in_maps, out_maps, side, stride, shortcut: as for `count_block`.
        slope: if given, an axis is drawn below: by how much `blocks` blocks in a row scale a
            gradient when the two convolutions of each scale it by `slope`, with and without
            shortcuts (see `path_products`).
        blocks: how many, at least 1.

    Raises:
        ValueError: as `count_block` and `path_products`.
    """
    block = count_block(in_maps, out_maps, side, stride, shortcut)
    parts = [_over(block), *_line(block, stride)]
    alt = _describe(block)
    height = _HEIGHT
    if slope is not None:
        products = path_products(slope, blocks, block.kind)
        parts.append(_product_axis(products, blocks))
        alt += " " + _describe_products(products, blocks)
        height += 82
    return frame("".join(parts), height=height, alt=alt, kind="cnn-block")


def _line(block: Block, stride: int) -> list[str]:
    """The main path from x to y."""
    half = _BOX[0] / 2
    ends = [_X + 16, _CONV1 - half, _CONV1 + half, _CONV2 - half, _CONV2 + half, _PLUS - 19]
    if block.kind == "none":
        ends[-1] = _RELU - 40
    else:
        ends += [_PLUS + 19, _RELU - 40]
    ends += [_RELU + 40, _Y - 18]
    arrows = "".join(_arrow(a, b, _MAIN) for a, b in zip(ends[::2], ends[1::2], strict=True))
    size = font(14)
    middle = shape_text(block.out_maps, block.out_side)
    parts = [
        arrows,
        text(_X, _MAIN + 8, "x", font(24), anchor="middle", bold=True, fill=INPUT),
        text(_Y, _MAIN + 8, "y", font(24), anchor="middle", bold=True, fill=OUTPUT),
        text(_X, _MAIN + 38, shape_text(block.in_maps, block.in_side), size, anchor="middle"),
        text((_CONV1 + _CONV2) / 2, _MAIN - 10, "ReLU", size, anchor="middle", fill=MUTED),
        text((_CONV1 + _CONV2) / 2, _MAIN + 38, middle, size, anchor="middle"),
        text((_CONV2 + half + _PLUS) / 2 - 8, _MAIN - 10, "F(x)", size, anchor="middle", bold=True),
        text(_Y - 4, _MAIN + 38, middle, size, anchor="middle"),
        _rounded(_RELU, _MAIN, 80, 40, INK),
        text(_RELU, _MAIN + 6, "ReLU", font(15), anchor="middle"),
    ]
    for centre, step, cost in ((_CONV1, stride, block.path[0]), (_CONV2, 1, block.path[1])):
        parts += _box(centre, _MAIN, f"3{TIMES}3, {block.out_maps}, stride {step}", cost)
    if block.kind != "none":
        parts.append(
            f'<circle cx="{_PLUS}" cy="{_MAIN}" r="18" fill="{PAPER}" stroke="{INK}" '
            f'stroke-width="2.4"/><path d="M{_PLUS - 9} {_MAIN}h18M{_PLUS} {_MAIN - 9}v18" '
            f'stroke="{INK}" stroke-width="2.4"/>'
        )
    return parts


def _box(centre: float, middle: float, label: str, cost: tuple[int, int]) -> list[str]:
    return [
        _rounded(centre, middle, *_BOX, WEIGHT),
        text(centre, middle - 3, label, font(14), anchor="middle", bold=True),
        text(centre, middle + 17, "and batch norm", font(13), anchor="middle", fill=MUTED),
        text(centre, middle + 48, f"{cost[0]:,} parameters", font(13), anchor="middle"),
        text(centre, middle + 66, f"{_short(cost[1])} MACs", font(13), anchor="middle"),
    ]


def _rounded(x: float, y: float, width: float, height: float, colour: str) -> str:
    return (
        f'<rect x="{number(x - width / 2)}" y="{number(y - height / 2)}" width="{width}" '
        f'height="{height}" rx="8" fill="{tint(colour, 0.14)}" stroke="{colour}" '
        'stroke-width="2"/>'
    )


def _over(block: Block) -> str:
    """The shortcut, above the main path."""
    if block.kind == "none":
        return text(_CONV1 - 75, _OVER, "no shortcut: y is ReLU(F(x))", font(15), fill=MUTED)
    left, right = _X + 34, _PLUS
    dotted = block.kind != "identity"
    look = (
        f'stroke="{HIGHLIGHT}" stroke-width="3.4" stroke-dasharray="1 7" stroke-linecap="round"'
        if dotted
        else f'stroke="{INK}" stroke-width="2.4"'
    )
    path = f"M{left} {_MAIN}V{_OVER + 14}Q{left} {_OVER} {left + 14} {_OVER}H{right - 14}"
    path += f"Q{right} {_OVER} {right} {_OVER + 14}V{_MAIN - 22}"
    tip = f"M{right - 6} {_MAIN - 30}L{right} {_MAIN - 20}L{right + 6} {_MAIN - 30}"
    parts = [
        f'<path d="{path}" fill="none" {look}/>',
        f'<path d="{tip}" fill="none" stroke="{HIGHLIGHT if dotted else INK}" stroke-width="2.4"/>',
    ]
    middle = (_CONV1 + _CONV2) / 2
    if block.kind == "projection":
        parts += [
            f'<rect x="{middle - 170}" y="{_OVER - 26}" width="340" height="52" rx="8" '
            f'fill="{PAPER}"/>',
            _rounded(middle, _OVER, 340, 52, WEIGHT),
            text(
                middle,
                _OVER - 4,
                f"projection: 1{TIMES}1, {block.out_maps}, and batch norm",
                font(14),
                anchor="middle",
                bold=True,
            ),
            text(
                middle,
                _OVER + 16,
                f"{block.shortcut[0]:,} parameters, {_short(block.shortcut[1])} MACs",
                font(13),
                anchor="middle",
            ),
        ]
    else:
        label = "identity: x, no parameters"
        if block.kind == "zeros":
            new = block.out_maps - block.in_maps
            what = [f"{new} maps of zeros appended"] if new else []
            if block.in_side != block.out_side:
                what.insert(0, "every second position")
            label = f"{', '.join(what)}: no parameters"
        parts.append(text(middle, _OVER - 12, label, font(15), anchor="middle", bold=True))
    return "".join(parts)


def _arrow(x1: float, x2: float, y: float) -> str:
    return (
        f'<path d="M{number(x1)} {y}H{number(x2 - 3)}M{number(x2 - 10)} {y - 5}L{number(x2 - 2)} '
        f'{y}L{number(x2 - 10)} {y + 5}" fill="none" stroke="{INK}" stroke-width="2"/>'
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
    return (
        f"Basic block with {ways[block.kind]}: x {shape_text(block.in_maps, block.in_side)}, "
        f"y {shape_text(block.out_maps, block.out_side)}, {block.parameters:,} parameters, "
        f"{block.macs:,} multiply-adds; the shortcut holds {block.shortcut[0]:,} and "
        f"{block.shortcut[1]:,} of them."
    )


# ---------------------------------------------------------------------------------------------
# Two paths add


class Products(NamedTuple):
    """What a number of blocks multiply a gradient by: without shortcuts, and with identities.

    with_shortcut: None where no identity leads past the convolutions.
    """

    plain: float
    with_shortcut: float | None


def path_products(slope: float, blocks: int, kind: str = "identity") -> Products:
    """Return slope^blocks, and (1 + slope)^blocks where the shortcut is an identity.

    A model in one dimension: each block's two convolutions scale a gradient by `slope`, a shortcut
    adds 1. It leaves out ReLU and normalisation.

    Raises:
        ValueError: unless 0 < slope <= 1 and blocks is an integer >= 1.
    """
    if isinstance(slope, bool) or not isinstance(slope, int | float) or not 0 < slope <= 1:
        raise ValueError(f"slope must be a number above 0 and at most 1, got {slope!r}")
    if isinstance(blocks, bool) or not isinstance(blocks, int) or blocks < 1:
        raise ValueError(f"blocks must be an integer >= 1, got {blocks!r}")
    shortcut = (1 + slope) ** blocks if kind in ("identity", "zeros") else None
    return Products(slope**blocks, shortcut)


def power_text(value: float) -> str:
    """Write a product so that its size is seen: `0.0625`, `1.5`, `413`, or `5.6 · 10⁻¹⁷`."""
    if 0.01 <= value < 10_000:
        return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    digits = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return f"{mantissa} · 10{str(int(exponent)).translate(digits)}"


def _describe_products(products: Products, blocks: int) -> str:
    count = "one block" if blocks == 1 else f"{blocks} blocks"
    sentence = f"Through {count} a gradient is multiplied by {power_text(products.plain)}"
    if products.with_shortcut is None:
        return f"{sentence} along the convolutions."
    return f"{sentence} without shortcuts and by {power_text(products.with_shortcut)} with them."


def _product_axis(products: Products, blocks: int) -> str:
    """A logarithmic axis below the block, with a mark for each product."""
    values = [products.plain, products.with_shortcut or 1.0, 1.0]
    low = min(-4, 2 * floor(log10(min(values)) / 2))
    high = max(2, 2 * ceil(log10(max(values)) / 2))
    left, right, y = 150.0, 960.0, _HEIGHT + 46

    def place(value: float) -> float:
        return left + (log10(value) - low) / (high - low) * (right - left)

    size = font(13)
    parts = [
        text(14, y - 8, f"{blocks} block{'s' * (blocks != 1)}:", size, bold=True),
        text(14, y + 10, "gradient times", size, fill=MUTED),
        f'<path d="M{left} {y}H{right}" stroke="{FAINT}" stroke-width="2"/>',
        f'<path d="M{number(place(1.0))} {y - 8}v16" stroke="{MUTED}" stroke-width="2"/>',
        text(place(1.0), y + 24, "1", size, anchor="middle", fill=MUTED),
    ]
    x = place(products.plain)  # never right of the 1, so its label ends there at the latest
    anchor, start = ("start", x - 8) if x < left + 180 else ("end", x - 6)
    label = f"plain {power_text(products.plain)}"
    parts += [
        f'<path d="M{number(x)} {y - 8}l8 8l-8 8l-8 -8z" fill="{BAD}"/>',
        text(start, y + 25, label, font(14), anchor=anchor, bold=True, fill=BAD),
    ]
    if products.with_shortcut is not None:
        x = place(products.with_shortcut)
        anchor = "end" if x > right - 200 else "start"
        label = f"with shortcuts {power_text(products.with_shortcut)}"
        parts += [
            f'<circle cx="{number(x)}" cy="{y}" r="8" fill="{GOOD}"/>',
            text(x, y - 14, label, font(14), anchor=anchor, bold=True, fill=GOOD),
        ]
    return "".join(parts)


# ---------------------------------------------------------------------------------------------
# Curves


def draw_error_curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    guide: float | None = None,
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw training errors on the left and test errors on the right, as fig. 1 does.

    A name that begins with "plain" is drawn dashed, any other solid.

    Args:
        curves: name -> (training errors, test errors), shares from 0 to 1, one per epoch.
        guide: an epoch after which to draw a thin line, where the learning rate changed.
        axes: two to draw on; new ones if not given.

    Raises:
        ValueError: for no curve, or errors outside [0, 1].
    """
    from matplotlib import pyplot as plt

    if not curves:
        raise ValueError("curves must hold at least one network, got none")
    for name, pair in curves.items():
        for errors in pair:
            if not len(errors) or not all(0 <= error <= 1 for error in errors):
                raise ValueError(f"errors must lie between 0 and 1, got {list(errors)} for {name}")
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(11, 4.1), sharey=True)
    for ax, part, title in zip(axes, (0, 1), ("Training error", "Test error"), strict=True):
        for number_, (name, pair) in enumerate(curves.items()):
            percent = [100 * error for error in pair[part]]
            epochs = range(1, len(percent) + 1)
            dashes = "--" if name.startswith("plain") else "-"
            ax.plot(epochs, percent, dashes, color=CYCLE[number_ % len(CYCLE)], label=name)
        if guide is not None:
            ax.axvline(guide + 0.5, color=FAINT, linewidth=1)
        ax.set(title=title, xlabel="epoch", ylim=(-3, 100))
        ax.grid(axis="y")
    axes[0].set_ylabel("wrong answers, %")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))  # beside: a curve may lie anywhere
    return list(axes)


def draw_cuts(
    errors: Mapping[str, Mapping[int, float]],
    whole: Mapping[str, float],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the error of a network after one block at a time was damaged, as bars.

    Args:
        errors: kind of damage -> {number of the block, from 1: error from 0 to 1}. A block that
            cannot be damaged that way is left out, and gets no bar.
        whole: name -> error of the undamaged network, drawn as one thin line across.
        ax: the axes to draw on; new ones if not given.

    Raises:
        ValueError: for no damage at all, a block number below 1, or an error outside [0, 1].
    """
    from matplotlib import pyplot as plt

    numbers = {block for values in errors.values() for block in values}
    if not numbers or min(numbers) < 1:
        raise ValueError(f"errors must name blocks from 1 on, got {sorted(numbers)}")
    for name, values in (*errors.items(), ("whole", whole)):
        if not all(0 <= error <= 1 for error in values.values()):
            raise ValueError(f"errors must lie between 0 and 1, got {dict(values)} for {name}")
    if ax is None:
        _, ax = plt.subplots(figsize=(9.5, 3.9))
    width = 0.8 / len(errors)
    hatches = ("", "//", "..", "xx")
    for place, (name, values) in enumerate(errors.items()):
        ax.bar(
            [block + (place - (len(errors) - 1) / 2) * width for block in values],
            [100 * error for error in values.values()],
            width,
            label=name,
            color=tint(CYCLE[place % len(CYCLE)], 0.75),
            edgecolor=INK,
            hatch=hatches[place % len(hatches)],
        )
    for place, (name, error) in enumerate(whole.items()):
        ax.axhline(100 * error, color=INK, linewidth=1.2, linestyle=(":", "-.")[place % 2])
        ax.plot([], [], color=INK, linewidth=1.2, linestyle=(":", "-.")[place % 2], label=name)
    last = max(numbers)
    ax.set(xlabel="block", ylabel="test error, %", ylim=(0, 125), xlim=(0.4, last + 0.6))
    ax.set(xticks=range(1, last + 1), yticks=range(0, 101, 20))
    ax.legend(loc="upper center", ncols=3, fontsize="small")
    return ax
