"""The pictures of lesson 11: blocks and networks, curves of training, gradients, cut networks.

Source: He, Zhang, Ren and Sun (2015), *Deep Residual Learning for Image Recognition*, arXiv
1512.03385; `block_diagram` follows fig. 2, `draw_errors` fig. 1, `draw_networks` fig. 3 and
`draw_fig_5` fig. 5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from course_utils.drawing import style
from course_utils.drawing.networks import main_path, shortcuts
from course_utils.drawing.plots import new_axes
from course_utils.drawing.svg import Diagram, box, circle, frame, group, path, plural, rect, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 56  # rows of the input maps: those of conv2_x in Table 1


class Block:
    """A basic block counted by hand: two 3x3 convolutions without biases, each with its batch norm.

    stride: of the first convolution and of the shortcut. option: of the shortcut: "plain" (none),
    "identity" (equation 1), "A", "B" or "C" (Section 4.1). shortcut: what it comes to: "none",
    "identity", "zeros" or "projection". before, after: the shapes of x and of F(x). layers:
    (parameters, multiply-adds) of the two convolutions and of the shortcut. ValueError where x and
    F(x) cannot be added.
    """

    def __init__(self, in_maps: int, out_maps: int, stride: int, option: str) -> None:
        self.in_maps, self.out_maps, self.stride = in_maps, out_maps, stride
        side, same = SIDE // stride, in_maps == out_maps and stride == 1
        projects = option == "C" or (option == "B" and not same)
        self.shortcut = "projection" if projects else "identity" if same else "zeros"
        if option == "plain":
            self.shortcut = "none"
        self.adds_x = self.shortcut in ("identity", "zeros")
        self.before, self.after = f"{in_maps}×{SIDE}×{SIDE}", f"{out_maps}×{side}×{side}"
        if option == "identity" and not same:
            raise ValueError(
                f"x and F(x) cannot be added: x has {self.before} numbers, F(x) has {self.after}. "
                "Keep the number of maps and stride 1, or choose option A, B or C."
            )
        if option == "A" and out_maps < in_maps:
            raise ValueError(
                f"Option A can append maps of zeros, but x has {in_maps} maps and F(x) only "
                f"{out_maps}. Choose at least {in_maps} maps out, or a projection (B or C)."
            )

        def layer(kernel: int, maps: int) -> tuple[int, int]:
            weights = kernel**2 * maps * out_maps
            return weights + 2 * out_maps, weights * side**2

        last = layer(1, in_maps) if projects else (0, 0)
        self.layers = layer(3, in_maps), layer(3, out_maps), last
        self.parameters, self.macs = map(sum, zip(*self.layers, strict=True))


def power_text(value: float) -> str:
    """Write a product so that its size is seen: `0.0625`, `1.5`, `413`, or `5.6 · 10⁻¹⁷`."""
    if 0.01 <= value < 10_000:
        return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    digits = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return f"{mantissa} · 10{str(int(exponent)).translate(digits)}"


# The block

_HEIGHT, _MAIN, _OVER = 196, 122, 44  # of the picture; of the two paths
_ALTS = {
    "none": "no shortcut",
    "identity": "an identity shortcut",
    "zeros": "a shortcut that appends zeros",
    "projection": "a shortcut with a 1x1 projection",
}
_middle = partial(text, anchor="middle")


def block_diagram(
    in_maps, out_maps, stride=1, option="identity", *, slope: float | None = None, blocks: int = 1
) -> Diagram:
    """Draw a block with its shapes and costs, and below it what reaches x of the gradient.

    in_maps, out_maps, stride, option: as for `Block`, which may refuse them. slope: if given, an
    axis is drawn below: by how much `blocks` blocks in a row scale a gradient when the two
    convolutions of each scale it by `slope` and a shortcut adds 1. This model in one dimension
    leaves out ReLU and normalisation.
    """
    block = Block(in_maps, out_maps, stride, option)
    parts, height = [*_shortcut(block), *_main_path(block)], _HEIGHT
    parameters, macs = block.layers[2]
    alt = (
        f"Basic block with {_ALTS[block.shortcut]}: x {block.before}, y {block.after}, "
        f"{block.parameters:,} parameters, {block.macs:,} multiply-adds; the shortcut holds "
        f"{parameters:,} and {macs:,} of them."
    )
    if slope is not None:
        plain, both = slope**blocks, (1 + slope) ** blocks if block.adds_x else None
        parts += _product_axis(plain, both, plural(blocks, "block"))
        count = "one block" if blocks == 1 else f"{blocks} blocks"
        alt += f" Through {count} a gradient is multiplied by {power_text(plain)} "
        along = "along the convolutions."
        alt += f"without shortcuts and by {power_text(both)} with them." if both else along
        height += 82
    return frame("".join(parts), height=height, alt=alt, kind="cnn-block")


def _main_path(block: Block) -> Iterator[str]:
    """From x to y."""
    arrows, ink = [(70, 150), (320, 414), (584, 774), (856, 930)], {"stroke": style.INK}
    if block.shortcut != "none":
        arrows[2:3] = [(584, 687), (727, 774)]
    yield _middle(54, _MAIN + 8, "x", 24, bold=True, fill=style.INPUT)
    yield _middle(950, _MAIN + 8, "y", 24, bold=True, fill=style.OUTPUT)
    yield _middle(54, _MAIN + 38, block.before, 14)
    yield _middle(368, _MAIN - 10, "ReLU", 14, fill=style.MUTED)
    yield _middle(368, _MAIN + 38, block.after, 14)
    yield _middle(638, _MAIN - 10, "F(x)", 14, bold=True)
    yield _middle(946, _MAIN + 38, block.after, 14)
    yield _rounded(816, _MAIN, 80, 40, style.INK)
    yield _middle(816, _MAIN + 6, "ReLU", 15)
    for start, tip in arrows:
        head = f"M{tip - 8} {_MAIN - 5}L{tip} {_MAIN}L{tip - 8} {_MAIN + 5}"
        yield path(f"M{start} {_MAIN}H{tip - 1}{head}", **ink, stroke_width=2)
    layers = zip((236, 500), (block.stride, 1), block.layers, strict=False)
    for x, stride, (parameters, macs) in layers:
        yield _rounded(x, _MAIN, 168, 54, style.WEIGHT)
        yield _middle(x, _MAIN - 3, f"3×3, {block.out_maps}, stride {stride}", 14, bold=True)
        yield _middle(x, _MAIN + 17, "and batch norm", 13, fill=style.MUTED)
        yield _middle(x, _MAIN + 48, f"{parameters:,} parameters", 13)
        yield _middle(x, _MAIN + 66, f"{macs / 1e6:,.1f} M MACs", 13)
    if block.shortcut != "none":
        yield circle(708, _MAIN, 18, fill=style.PAPER, **ink, stroke_width=2.4)
        yield path(f"M699 {_MAIN}h18M708 {_MAIN - 9}v18", **ink, stroke_width=2.4)


def _rounded(x: float, y: float, width: float, height: float, colour: str) -> str:
    place = (x - width / 2, y - height / 2, width, height)
    return box(*place, colour, 0.14, rx=8, stroke_width=2)


def _shortcut(block: Block) -> Iterator[str]:
    """The way above the main path: dotted where the shape changes, as in fig. 3."""
    if block.shortcut == "none":
        yield text(161, _OVER, "no shortcut: y is ReLU(F(x))", 15, fill=style.MUTED)
        return
    look, colour = {"stroke_width": 2.4}, style.INK
    if block.shortcut != "identity":
        look = {"stroke_width": 3.4, "stroke_dasharray": "1 7", "stroke_linecap": "round"}
        colour = style.HIGHLIGHT
    yield path("M88 122V58Q88 44 102 44H694Q708 44 708 58V100", stroke=colour, **look)
    yield path("M702 92L708 102L714 92", stroke=colour, stroke_width=2.4)
    label, new = "identity: x, no parameters", block.out_maps - block.in_maps
    if block.shortcut == "zeros":
        what = ["every second position"] * (block.stride == 2)
        what += [f"{new} maps of zeros appended"] * (new > 0)
        label = f"{', '.join(what)}: no parameters"
    if block.shortcut != "projection":
        yield _middle(368, _OVER - 12, label, 15, bold=True)
        return
    parameters, macs = block.layers[2]
    yield rect(198, _OVER - 26, 340, 52, rx=8, fill=style.PAPER)
    yield _rounded(368, _OVER, 340, 52, style.WEIGHT)
    label = f"projection: 1×1, {block.out_maps}, and batch norm"
    yield _middle(368, _OVER - 4, label, 14, bold=True)
    work = f"{macs / 1e6:,.1f} M" if macs >= 1e6 else f"{macs:,}"
    yield _middle(368, _OVER + 16, f"{parameters:,} parameters, {work} MACs", 13)


def _product_axis(plain: float, both: float | None, count: str) -> Iterator[str]:
    """A logarithmic axis below the block, with a mark for each product."""
    low = min(-4, 2 * floor(log10(plain) / 2))
    high = max(2, 2 * ceil(log10(both or 1) / 2))
    left, right, y = 150, 960, _HEIGHT + 46

    def place(value: float) -> float:
        return left + (log10(value) - low) / (high - low) * (right - left)

    one, x = place(1), place(plain)  # x is never right of the 1: its label ends there at latest
    anchor, start = ("start", x - 8) if x < left + 180 else ("end", x - 6)
    label = {"size": 14, "bold": True}
    yield text(14, y - 8, f"{count}:", 13, bold=True)
    yield text(14, y + 10, "gradient times", 13, fill=style.MUTED)
    yield path(f"M{left} {y}H{right}", stroke=style.FAINT, stroke_width=2)
    yield path(f"M{one:.1f} {y - 8}v16", stroke=style.MUTED, stroke_width=2)
    yield _middle(one, y + 24, "1", 13, fill=style.MUTED)
    yield path(f"M{x:.1f} {y - 8}l8 8l-8 8l-8 -8z", fill=style.BAD)
    yield text(start, y + 25, f"plain {power_text(plain)}", anchor=anchor, fill=style.BAD, **label)
    if both:
        x, words = place(both), f"with shortcuts {power_text(both)}"
        anchor = "end" if x > right - 200 else "start"
        yield circle(x, y, 8, fill=style.GOOD)
        yield text(x, y - 14, words, anchor=anchor, fill=style.GOOD, **label)


# Fig. 5 and fig. 3


def draw_fig_5() -> Diagram:
    """Draw a basic block of 64 maps beside a bottleneck of 256, on 56 x 56 positions.

    Beside each layer stand its weights and multiply-adds, without those of a normalisation.
    """
    blocks = {
        "Basic block: 64 maps": ((3, 64, 64), (3, 64, 64)),
        "Bottleneck: 256 maps": ((1, 256, 64), (3, 64, 64), (1, 64, 256)),
    }
    parts, said = [], []
    for left, (title, layers) in zip((60, 560), blocks.items(), strict=True):
        middle, maps, total = left + 90, layers[0][1], [0, 0]
        parts.append(text(left - 30, 26, title, 18, bold=True))
        parts.append(_middle(middle, 58, f"x: {maps} maps", 14))
        parts.append(path(f"M{middle} 66V286", stroke=style.INK, stroke_width=2))
        way = f"M{middle} 72H{middle + 118}Q{middle + 130} 72 {middle + 130} 84V288"
        way += f"Q{middle + 130} 300 {middle + 118} 300H{middle + 16}"
        parts.append(path(way, stroke=style.INK, stroke_width=2))
        for place, (kernel, inputs, outputs) in enumerate(layers):
            y, weights = 72 + 220 * (place + 0.5) / len(layers), kernel**2 * inputs * outputs
            total = [total[0] + weights, total[1] + weights * SIDE**2]
            parts.append(rect(middle - 90, y - 23, 180, 46, rx=8, fill=style.PAPER))
            parts.append(_rounded(middle, y, 180, 46, style.WEIGHT))
            parts.append(_middle(middle, y + 6, f"{kernel}×{kernel}, {outputs}", 17, bold=True))
            parts.append(text(middle + 142, y - 3, f"{weights:,} weights", 14))
            parts.append(text(middle + 142, y + 16, f"{weights * SIDE**2 / 1e6:.1f} M MACs", 14))
        parts.append(circle(middle, 300, 15, fill=style.PAPER, stroke=style.INK, stroke_width=2.4))
        cross = f"M{middle - 8} 300h16M{middle} 292v16"
        parts.append(path(cross, stroke=style.INK, stroke_width=2.4))
        parts.append(text(middle + 22, 320, "then ReLU", 14))
        counted = f"{total[0]:,} weights, {total[1] / 1e6:.1f} M MACs"
        parts.append(text(left - 30, 348, counted, 17, bold=True))
        shapes = ", ".join(f"{k}x{k} with {m}" for k, _, m in layers)
        said.append(f"{title}: {shapes}; {total[0]:,} weights, {total[1]:,} multiply-adds.")
    return frame("".join(parts), height=362, alt=" ".join(said), kind="cnn-fig5")


def draw_networks(ledgers: Sequence) -> Diagram:
    """Draw networks as fig. 3 does, turned on its side: a box for each layer with weights.

    Layers whose maps have the same side share a column. A shortcut is an arc, dotted where it is
    more than the identity. ledgers: as for `networks_to_scale`, which draws what a layer costs.
    """
    paths = [main_path(one) for one in ledgers]
    counts = [Counter(layer.side for layer in layers) for layers in paths]
    sides = sorted({side for count in counts for side in count}, reverse=True)
    most = {side: max(count[side] for count in counts) for side in sides}
    pitch = (880 - 12 * len(sides)) / sum(most.values())
    parts, starts, x = [text(10, 22, "side of maps:", 14, fill=style.MUTED)], {}, 122.0
    for side in sides:
        parts.append(text(x, 22, f"{side}" if side > 1 else "scores", 14, bold=True))
        starts[side], x = x, x + most[side] * pitch + 12
    said = []
    for row, (one, layers) in enumerate(zip(ledgers, paths, strict=True)):
        top, places, seen = 56 + 112 * row, [], Counter()
        parts.append(text(10, top + 46, one.name, 16, bold=True))
        for layer in layers:
            places.append(starts[layer.side] + pitch * seen[layer.side])
            seen[layer.side] += 1
            colour = style.ACCENT if layer.dense else style.CYCLE[sides.index(layer.side) % 5]
            parts.append(box(places[-1], top, 0.88 * pitch, 84, colour, hover=layer.name))
            turned = f"translate({places[-1] + 0.44 * pitch + 4.5:.1f} {top + 42}) rotate(-90)"
            parts.append(group(_middle(0, 0, layer.label, 13), transform=turned))
        for first, last, identity in (arcs := shortcuts(one)):
            start, end = places[first] - 4, places[last] + 0.6 * pitch
            look = {"stroke": style.HIGHLIGHT, "stroke_width": 3, "stroke_dasharray": "1 5"}
            look = {"stroke": style.INK, "stroke_width": 1.6} if identity else look
            way = f"M{start:.1f} {top - 3}C{start:.1f} {top - 26} {end:.1f} {top - 26} "
            parts.append(path(f"{way}{end:.1f} {top - 3}", stroke_linecap="round", **look))
        dotted = sum(not identity for *_, identity in arcs)
        extra = f", {len(arcs)} shortcuts, {dotted} of them dotted" if arcs else ""
        said.append(f"{one.name}: {len(layers)} layers with weights{extra}.")
    height = 56 + 112 * len(paths) - 18
    return frame("".join(parts), height=height, alt=" ".join(said), kind="cnn-fig3")


# What was measured


def _draw_lines(series: Mapping[str, Sequence[float]], ax: Axes) -> None:
    """A line for each name over 1, 2, 3, ...; dashed where the name begins with "plain"."""
    for colour, (name, values) in zip(style.CYCLE, series.items(), strict=False):
        dashes = "--" if name.startswith("plain") else "-"
        ax.plot(range(1, len(values) + 1), values, dashes, color=colour, label=name)
    ax.grid(axis="y")


def draw_errors(curves: Mapping[str, Sequence[Sequence[float]]], *, guide: int) -> Figure:
    """Draw training errors on the left and test errors on the right, as fig. 1 does.

    curves: name -> (training errors, test errors), shares from 0 to 1, one per epoch. guide: an
    epoch after which a thin line stands, where the learning rate changed.
    """
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.1), sharey=True)
    for part, title in enumerate(("Training error", "Test error")):
        percent = {name: [100 * e for e in errors[part]] for name, errors in curves.items()}
        _draw_lines(percent, axes[part])
        axes[part].axvline(guide + 0.5, color=style.FAINT, linewidth=1)
        axes[part].set(title=title, xlabel="epoch", ylim=(-3, 100))
    axes[0].set_ylabel("wrong answers, %")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))  # beside: a curve may lie anywhere
    return figure


def draw_waterfall(norms: Mapping[str, Sequence[float]]) -> Axes:
    """Draw gradient norms, one per convolution from the input on, on a logarithmic scale."""
    ax = new_axes(8.5, 3.9)
    _draw_lines(norms, ax)
    ax.set(xlabel="convolution, from the input (left) to the scores", ylabel="gradient norm")
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter("{x:g}")  # an exponent would be too small for the last row
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def draw_cuts(errors: Mapping[str, Mapping[int, float]], whole: Mapping[str, float]) -> Axes:
    """Draw the error of a network after one block at a time was damaged, as bars.

    errors: kind of damage -> {number of the block, from 1: error from 0 to 1}; a block that cannot
    be damaged that way is left out. whole: name -> error of the undamaged network, a thin line.
    """
    ax, width = new_axes(9.5, 3.9), 0.8 / len(errors)
    for place, (name, values) in enumerate(errors.items()):
        at = [block + (place - (len(errors) - 1) / 2) * width for block in values]
        look = {"color": style.tint(style.CYCLE[place], 0.75), "edgecolor": style.INK}
        percent = [100 * error for error in values.values()]
        ax.bar(at, percent, width, label=name, hatch=("", "//", "..")[place], **look)
    for dashes, (name, error) in zip((":", "-."), whole.items(), strict=False):
        ax.axhline(100 * error, color=style.INK, linewidth=1.2, linestyle=dashes, label=name)
    last = max(max(values) for values in errors.values())
    ax.set(xlabel="block", ylabel="test error, %", ylim=(0, 125), xlim=(0.4, last + 0.6))
    ax.set(xticks=range(1, last + 1), yticks=range(0, 101, 20))
    ax.legend(loc="upper center", ncols=3, fontsize="small")
    return ax
