"""The pictures of lesson 10: the Inception module with its costs, gradients per block, test crops.

Source: Szegedy et al. (2014), *Going Deeper with Convolutions*, arXiv 1409.4842; `module_diagram`
follows fig. 2, `draw_crops` shows Table 3.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from course_utils.drawing import style
from course_utils.drawing.networks import cuboid
from course_utils.drawing.plots import lines, new_axes
from course_utils.drawing.svg import Diagram, arrow, box, frame, path, plural, rect, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VARIANTS = ("naive", "reduced")
"""Fig. 2(a), and fig. 2(b) "with dimension reduction"."""

Layer = namedtuple("Layer", "kernel maps macs")
"""Of a branch; the 3x3 max-pooling has the kernel 0, as it has no weights."""


class Module:
    """A module counted by hand, on maps of side x side pixels; all its layers keep that size.

    filters: the six numbers of a row of Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj.
    The naive module has neither reductions nor projection and does not use theirs. channels: what
    each of the four branches puts out. weights: without biases. macs: one per weight and position.
    """

    def __init__(self, in_maps: int, side: int, filters: Sequence[int], variant: str) -> None:
        n1x1, reduce3x3, n3x3, reduce5x5, n5x5, projection = filters

        def layer(kernel: int, inputs: int, maps: int) -> Layer:
            return Layer(kernel, maps, kernel**2 * inputs * maps * side**2)

        one, pool = layer(1, in_maps, n1x1), layer(0, in_maps, in_maps)
        three, five, last = [layer(3, in_maps, n3x3)], [layer(5, in_maps, n5x5)], []
        if variant == "reduced":
            three = [layer(1, in_maps, reduce3x3), layer(3, reduce3x3, n3x3)]
            five = [layer(1, in_maps, reduce5x5), layer(5, reduce5x5, n5x5)]
            last = [layer(1, in_maps, projection)]
        self.branches = [one], three, five, [pool, *last]
        self.channels = [branch[-1].maps for branch in self.branches]
        self.macs = sum(layer.macs for branch in self.branches for layer in branch)
        self.weights = self.macs // side**2
        shape = f"×{side}×{side}"
        self.shape_in, self.shape_out = f"{in_maps:,}{shape}", f"{sum(self.channels):,}{shape}"


def millions(macs: int) -> str:
    """Write multiply-adds in millions: `"0.40 M"`, `"2.4 M"`, `"128 M"`."""
    value = macs / 1e6
    # Rounding decides, so that what is nearly 100 is written as 100 is.
    digits = 2 if round(value, 2) < 1 else 1 if round(value, 1) < 100 else 0
    return f"{value:,.{digits}f} M"


# The module

_COLOURS = [style.PALETTE[name] for name in ("sky", "green", "orange", "purple")]
_ROWS = (46, 112, 178, 244)  # middles of the four branches
_HEIGHT, _TOP, _TALL, _MIDDLE = 290, 26, 238, 145  # of the picture; of the stacked output
_PLACES = (282, 540)  # middles of the layers of a branch; a layer is 190 wide and 50 tall
_LINE = {"stroke": style.MUTED, "stroke_width": 1.8}
_ALTS = {
    "naive": "Naive module: four branches side by side, 1x1, 3x3, 5x5 and 3x3 max-pooling",
    "reduced": "Module with dimension reduction: 1x1 convolutions stand before the 3x3 and the "
    "5x5 and behind the max-pooling; a fourth branch is 1x1 alone",
}
_ROW_3A = (64, 96, 128, 16, 32, 32)
_middle = partial(text, anchor="middle")


def module_diagram(
    in_maps=192, side=28, filters=_ROW_3A, *, variant="reduced", costs=True, budget=None
) -> Diagram:
    """Draw a module, input on the left: four branches, and what they put out, stacked.

    in_maps, side, filters, variant: as for `Module`; 3a of GoogLeNet if not given. costs: whether
    numbers of filters and multiply-adds are written in. budget: if given, the module is drawn below
    as a bar of multiply-adds beside its naive twin and this limit.
    """
    module, naive = (Module(in_maps, side, filters, v) for v in (variant, "naive"))
    parts = [
        box(40, _TOP + 40, 52, _TALL - 80, style.INPUT, 0.16, rx=6, stroke_width=2),
        _middle(66, 250, "in", 15, bold=True, fill=style.INPUT),
        text(844, 137, "concatenated", 15, fill=style.MUTED),
    ]
    shares, out, y = [1, 1, 1, 1], "along channels", float(_TOP)
    height = _HEIGHT - 19  # two without costs stand on one slide
    alt = f"{_ALTS[variant]}; their outputs are concatenated along channels."
    if costs:
        shares, out, height = module.channels, module.shape_out, _HEIGHT
        alt = (
            f"{_ALTS[variant]}. {module.shape_in} in, {' + '.join(map(str, shares))} = "
            f"{sum(shares):,} channels out, {module.macs:,} multiply-adds, "
            f"{module.weights:,} weights."
        )
        parts.append(_middle(66, 272, module.shape_in, 15))
        parts.append(text(844, 185, f"{millions(module.macs)} MACs", 15))
    parts.append(text(844, 161, out, 16, bold=True, fill=style.OUTPUT))
    for row, branch, colour, share in zip(_ROWS, module.branches, _COLOURS, shares, strict=True):
        tall = _TALL * share / sum(shares)
        parts += _branch(row, branch, colour, costs)
        parts.append(_wire(_PLACES[1] + 97, row, 710, y + tall / 2, 766))
        parts.append(_segment(770, y, 60, tall, colour, str(share) * (costs and tall >= 15)))
        y += tall
    if budget is not None:
        twin = {"naive": naive} if variant == "reduced" else {}
        parts += _bars({"this module": module} | twin, budget)
        height += 104
        alt += f" The budget is {budget:,} multiply-adds; naive: {naive.macs:,}."
    return frame("".join(parts), height=height, alt=alt, kind="cnn-inception")


def _wire(x1: float, y1: float, bend: float, y2: float, x2: float) -> str:
    """A line from (x1, y1) to (x2, y2) that leaves the first height at `bend`."""
    return path(f"M{x1} {y1}C{bend} {y1} {bend} {y2:.1f} {x2} {y2:.1f}", **_LINE)


def _segment(x: float, y: float, wide: float, tall: float, colour: str, words: str) -> str:
    """A part of the stacked output or of a bar, and what is written on it."""
    look = {"fill": style.tint(colour, 0.55), "stroke": style.INK, "stroke_width": 1}
    written = _middle(x + wide / 2, y + tall / 2 + 5, words, 15) if words else ""
    return rect(x, y, wide, tall, **look) + written


def _branch(row: int, branch: Sequence[Layer], colour: str, costs: bool) -> Iterator[str]:
    """The layers of a branch, the last in the second place, and the wires up to there."""
    places = _PLACES[-len(branch) :]
    yield _wire(92, _MIDDLE, 136, row, places[0] - 99)
    if len(branch) == 2:
        yield path(f"M379 {row}H441", **_LINE)
    for x, (kernel, maps, macs) in zip(places, branch, strict=True):
        label, cost = f"{kernel}×{kernel}" + f", {maps}" * costs, f"{millions(macs)} MACs"
        if not kernel:
            label, cost = "3×3 max-pooling", "no weights"
        added = len(branch) == 2 and kernel == 1  # a reduction or a projection
        look = {"rx": 8, "stroke_width": 2.4, "stroke_dasharray": "7 4" if added else None}
        yield box(x - 95, row - 25, 190, 50, colour if kernel else style.MUTED, 0.16, **look)
        yield _middle(x, row + (-3 if costs else 6), label, 16, bold=True)
        if costs:
            yield _middle(x, row + 17, cost, 15)


def _bars(modules: Mapping[str, Module], budget: int) -> Iterator[str]:
    """A bar of multiply-adds for each of several modules, and the budget as a line across."""
    scale, y = 730 / max(budget, *(module.macs for module in modules.values())), _HEIGHT + 22
    for name, module in modules.items():
        yield text(140, y + 17, name, 15, anchor="end", bold=True)
        x = 150.0
        for branch, colour in zip(module.branches, _COLOURS, strict=True):
            kernel, wide = branch[-1].kernel, scale * sum(layer.macs for layer in branch)
            kind = f"{kernel}×{kernel}" if branch[0].kernel else "pool"
            if wide:  # all but a pooling alone
                yield _segment(x, y, wide, 24, colour, kind * (wide > 44))
            x += wide
        yield text(x + 8, y + 17, millions(module.macs), 15)
        y += 34
    x = 150 + scale * budget
    colour, label = style.GOOD, f"budget {millions(budget)}"
    if modules["this module"].macs > budget:
        colour, label = style.BAD, f"{label}: over"
    anchor, ground, start = ("end", x - 176, x - 8) if x > 700 else ("start", x + 4, x + 8)
    yield path(f"M{x:.1f} {_HEIGHT + 6}v78", stroke=colour, stroke_width=3)
    yield rect(ground, _HEIGHT - 2, 172, 19, fill=style.PAPER)
    yield text(start, _HEIGHT + 13, label, 15, anchor=anchor, bold=True, fill=colour)


# From a filter to a matrix


def filters_to_channels(maps: int, filters: int, side: int = 3) -> Diagram:
    """Draw the lecture's figures: a tensor in, filters as deep as it, a matrix from each.

    maps: channels of the input. filters: how many; each is `side` x `side` x `maps`.
    """
    deep, parts, step = 6.0 * maps, [], min(66, 225 / filters)
    parts.append(cuboid(60, 110, 150, 110, deep, style.INPUT))
    parts.append(_middle(145, 252, f"input, d₁×d₂×{maps}", 16, bold=True))
    parts.append(_middle(145, 276, f"a tensor: {plural(maps, 'map')}", 15, fill=style.MUTED))
    for k in range(filters):
        y = 165 + (k - (filters - 1) / 2) * step
        parts.append(cuboid(425, y - 8, 26, 26, deep, style.WEIGHT))
        parts.append(path(arrow(270, 160, 405, y, 9), stroke=style.MUTED, stroke_width=1.6))
        parts.append(path(arrow(490, y, 660, y, 9), stroke=style.MUTED, stroke_width=1.6))
        parts.append(_middle(575, y - 9, "one sum", 15, fill=style.MUTED))
        parts.append(
            rect(
                690,
                y - step / 2 + 5,
                1.4 * (step - 10),
                step - 10,
                fill=style.tint(style.OUTPUT, 0.3),
                stroke=style.OUTPUT,
            )
        )
    size = f"{side}×{side}×{maps}"
    count = plural(filters, "filter")
    for x, first, second in (
        (450, f"{count}, {size}", "as deep as the input"),
        (
            728,
            f"{filters} matri{'x' if filters == 1 else 'ces'}",
            f"(d₁−{side - 1})×(d₂−{side - 1}) each",
        ),
    ):
        parts.append(_middle(x, 300, first, 16, bold=True))
        parts.append(_middle(x, 324, second, 15, fill=style.MUTED))
    parts.append(
        text(800, 160, f"= {plural(filters, 'channel')}", 18, bold=True, fill=style.OUTPUT)
    )
    parts.append(text(800, 184, "of the output", 15, fill=style.MUTED))
    alt = (
        f"{count} of {size} on an input of d1×d2×{maps}: each runs over all {maps} maps, sums, and "
        f"gives one matrix of (d1-{side - 1})×(d2-{side - 1}); {filters} together are the channels "
        "of the output."
    )
    return frame("".join(parts), height=336, alt=alt, kind="cnn-filters")


# The network


def googlenet_graph(model, *, heads: bool = True) -> Diagram:
    """Draw GoogLeNet as fig. 3 of its paper: stem, nine modules, poolings, and the heads' insides.

    model: with its auxiliary heads. heads: whether they are drawn.
    """
    look = {"Inception": 62, "MaxPool2d": 15, "AdaptiveAvgPool2d": 50, "Linear": 50, "ConvReLU": 44}
    blocks = [(n, m) for n, m in model.named_children() if type(m).__name__ in look]
    gap = (968 - sum(look[type(m).__name__] for _, m in blocks)) / (len(blocks) - 1)
    parts, x, middles, side = [path("M8 272H992", **_LINE)], 16.0, {}, 112
    for name, module in blocks:
        kind = type(module).__name__
        wide, middle = look[kind], x + look[kind] / 2
        if kind == "Inception":
            middles[name.removeprefix("inception")] = middle
            parts += _glyph(x, wide)
            parts.append(_middle(middle, 346, name.removeprefix("inception"), 16, bold=True))
            parts.append(_middle(middle, 368, str(module.out_channels), 14, fill=style.MUTED))
        elif kind == "MaxPool2d":
            side //= 2
            parts.append(box(x, 232, wide, 80, style.BAD, 0.25))
            parts.append(_middle(middle, 392, str(side), 15, bold=True, fill=style.BAD))
        else:
            kernel = (
                f"{module.conv.kernel_size[0]}×{module.conv.kernel_size[0]}"
                if kind == "ConvReLU"
                else ""
            )
            label = kernel or {"Linear": "fc", "AdaptiveAvgPool2d": "mean"}[kind]
            maps = module.conv.out_channels if kernel else getattr(module, "out_features", "")
            colour = style.INPUT if kernel else style.OUTPUT
            parts.append(box(x, 240, wide, 64, colour, 0.2))
            parts.append(_middle(middle, 277, label, 14, bold=True))
            parts.append(_middle(middle, 368, str(maps), 14, fill=style.MUTED))
        x += wide + gap
    parts.append(text(8, 392, "side", 14, fill=style.MUTED))
    said = []
    for row, (name, head) in enumerate(_heads(model) if heads else ()):
        parts += _head(middles[name], 34 + 84 * row, name, head)
        said.append(f"head on {name}: {', '.join(head)}")
    if heads:
        parts.append(_middle(940, 207, "loss", 15, bold=True, fill=style.OUTPUT))
        parts.append(path(arrow(967, 240, 967, 214, 7), stroke=style.OUTPUT, stroke_width=2))
    alt = (
        f"GoogLeNet from the image to the scores: 7x7, 1x1 and 3x3 convolutions, "
        f"{len(middles)} Inception modules from 3a to 5b, four max-poolings between them, an "
        f"average, one dense layer. {'; '.join(said)}".strip()
    )
    parts = parts if heads else [f'<g transform="translate(0 -190)">{"".join(parts)}</g>']
    return frame("".join(parts), height=402 if heads else 212, alt=alt, kind="cnn-googlenet")


def _glyph(x: float, wide: float) -> Iterator[str]:
    """A module as four branches, small: 1x1; 1x1 and 3x3; 1x1 and 5x5; pooling and 1x1."""
    yield rect(x, 214, wide, 116, rx=5, fill=style.PAPER, stroke=style.INK, stroke_width=1.4)
    half, reduction = (wide - 16) / 2, style.tint(_COLOURS[0], 0.55)
    for k, colour in enumerate(_COLOURS):
        y, strong = 221 + 27 * k, style.tint(colour, 0.75)
        fills = (
            [(x + 6, wide - 12, strong)]
            if k == 0
            else [(x + 6, half, reduction), (x + 10 + half, half, strong)]
        )
        if k == 3:
            fills = [(x + 6, half, strong), (x + 10 + half, half, reduction)]
        for left, width, fill in fills:
            yield rect(left, y, width, 21, rx=3, fill=fill, stroke=style.INK, stroke_width=0.7)


def _heads(model) -> list[tuple[str, list[str]]]:
    """(block, what is inside) of each auxiliary head, in words."""
    found = []
    for name, head in model.named_children():
        if name.startswith("auxiliary"):
            pool, conv = head.pool, head.conv.conv
            inside = [f"mean {pool.kernel_size}×{pool.kernel_size}"]
            inside.append(f"{conv.kernel_size[0]}×{conv.kernel_size[0]}, {conv.out_channels}")
            inside += [f"fc {layer.out_features:,}" for layer in (head.fc1, head.fc2)]
            found.append((name.removeprefix("auxiliary"), inside))
    return found


def _head(x: float, y: float, name: str, inside: Sequence[str]) -> Iterator[str]:
    """A head above its module at x: its layers in a row at height y, and its loss behind them."""
    step, left = 82, min(x - 30, 992 - 4 * 82 - 84)
    yield path(f"M{x:.1f} 214V{y + 38}", stroke=style.BAD, stroke_width=2.4)
    for k, words in enumerate(inside):
        yield box(left + k * step, y, step - 6, 38, style.BAD, 0.14, rx=5)
        yield _middle(left + k * step + 38, y + 24, words, 14)
    end = left + 4 * step
    yield path(arrow(end - 4, y + 19, end + 14, y + 19, 7), stroke=style.BAD, stroke_width=2)
    yield text(end + 18, y + 24, "0.3 loss", 15, bold=True, fill=style.BAD)
    yield text(left, y - 8, f"auxiliary head on {name}", 15, bold=True)


def draw_crops(models: Sequence[int], crops: Sequence[int], errors: Sequence[float]) -> Axes:
    """Draw top-5 error in percent against runs for one image, a line per number of networks."""
    tests, series = sorted(zip(models, crops, errors, strict=True)), {}
    for m, c, error in tests:
        runs, found = series.setdefault(plural(m, "network"), ([], []))
        runs.append(m * c)
        found.append(error)
    look = {"xlabel": "networks × crops run for one image", "ylabel": "top-5 error, %"}
    look |= {"xscale": "log", "xlim": (0.8, 8 * max(m * c for m, c, _ in tests))}
    ax = lines(series, ax=new_axes(9, 4), ylim=(min(errors) - 0.9, max(errors) + 0.7), **look)
    for m, c, error in tests:
        # Below and to the left, where the other line does not run.
        at = {"xytext": (-5, -18), "ha": "right"} if m > 1 else {"xytext": (7, 9), "ha": "left"}
        label = f"{error:g} %, {plural(c, 'crop')}"
        ax.annotate(label, (m * c, error), textcoords="offset points", **at)
    return ax
