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
from course_utils.drawing.plots import lines, new_axes
from course_utils.drawing.svg import Diagram, box, circle, frame, path, plural, rect, text

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
        _middle(66, 272, module.shape_in, 15),
        text(844, 137, "concatenated", 15, fill=style.MUTED),
    ]
    shares, out, y = [1, 1, 1, 1], "along channels", float(_TOP)
    height = _HEIGHT - 8  # without costs two of them stand on one slide, and on one page of its PDF
    alt = f"{_ALTS[variant]}; their outputs are concatenated along channels."
    if costs:
        shares, out, height = module.channels, module.shape_out, _HEIGHT
        alt = (
            f"{_ALTS[variant]}. {module.shape_in} in, {' + '.join(map(str, shares))} = "
            f"{sum(shares):,} channels out, {module.macs:,} multiply-adds, "
            f"{module.weights:,} weights."
        )
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


def heads_diagram(macs: Mapping[str, int], heads: Mapping[str, str], *, last: str) -> Diagram:
    """Draw a network block by block, its auxiliary heads, and the ways that a gradient takes.

    macs: block -> multiply-adds, input first; the height of a block is its share. heads: block ->
    what the head on it is called, for two of them. last: what the loss at the end is called.
    """
    step, first, most = 880 / len(macs), next(iter(macs)), max(macs.values())
    centres = {name: 30 + step * (i + 0.5) for i, name in enumerate(macs)}
    parts = [path("M24 214H900", stroke=style.INK, stroke_width=2)]
    for name, x in centres.items():
        tall = max(4.0, 96 * macs[name] / most)
        parts.append(box(x - step / 2 + 6, 214 - tall, step - 12, tall, style.INPUT, 0.25))
        parts.append(_middle(x, 234, name, 15, bold=True))
        parts.append(_middle(x, 253, millions(macs[name]), 15, fill=style.MUTED))
    ends = [(centres[name], label) for name, label in heads.items()] + [(940.0, last)]
    height = 276 + 21 * len(ends)
    for place, (x, label) in enumerate(ends):
        colour = (style.ACCENT, style.BAD, style.OUTPUT)[place]
        parts += _loss(x, label, height - 21 * (place + 1), centres[first], colour)
    alt = (
        f"{len(macs)} blocks from {first} to {name}, their heights the multiply-adds, "
        f"{sum(macs.values()):,} together; "
        f"{' and '.join(f'{label} on {block}' for block, label in heads.items())}; {last}. "
        f"From each loss a gradient goes back to {first}."
    )
    return frame("".join(parts), height=height, alt=alt, kind="cnn-heads")


def _loss(x: float, label: str, y: float, first: float, colour: str) -> Iterator[str]:
    """A loss above its block at x, and the way of its gradient at height y, back to the first."""
    up, dashes = f"M{x:.1f} 62V210", "7 4"
    look = {"stroke": colour, "stroke_dasharray": "2 5"}
    if x > 900:  # the last, beside the blocks
        up, dashes, look = f"M900 214H{x:.1f}V62", None, {"stroke": style.INK}
    tip = f"M{first + 9:.1f} {y - 5}L{first:.1f} {y}L{first + 9:.1f} {y + 5}"
    yield box(x - 57, 18, 114, 44, colour, 0.16, rx=8, stroke_width=2.2, stroke_dasharray=dashes)
    yield _middle(x, 46, label, 15, bold=True)
    yield path(up, stroke_width=2, **look)
    yield path(f"M{x:.1f} {y}H{first:.1f}{tip}", stroke=colour, stroke_width=2.6)
    yield circle(x, y, 4.5, fill=colour)


def draw_block_gradients(norms: Mapping, blocks: Sequence[str], *, heads: Sequence[str]) -> Axes:
    """Draw a gradient norm for each block, input first, and a thin line where a head sits.

    norms: label -> one number per block. Labels come in pairs (without and with heads): the second
    of a pair is drawn dashed in the colour of the first.
    """
    ax = new_axes(9.5, 4.1)
    for place, (name, values) in enumerate(norms.items()):
        look, colour = ("o-", "s--")[place % 2], style.CYCLE[place // 2]
        ax.semilogy(blocks, values, look, color=colour, label=name)
    for head in heads:
        ax.axvline(blocks.index(head), color=style.FAINT, linewidth=5, zorder=0)
    ax.set(xlabel="block, from the input (left) to the scores", ylabel="gradient norm")
    ax.grid(axis="y")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


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
