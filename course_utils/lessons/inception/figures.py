"""The pictures of lesson 10: the Inception module with its costs, gradients per block, test crops.

Source: Szegedy et al. (2014), *Going Deeper with Convolutions*, arXiv 1409.4842; `module_diagram`
follows fig. 2, `draw_crops` shows Table 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Integral
from typing import TYPE_CHECKING, NamedTuple

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
from course_utils.drawing.svg import TIMES, Diagram, font, frame, number, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VARIANTS = ("naive", "reduced")
"""Fig. 2(a), and fig. 2(b) "with dimension reduction"."""

FILTERS = ("1x1", "3x3 reduce", "3x3", "5x5 reduce", "5x5", "pool projection")
"""The six numbers of a module, as the columns of Table 1 name them."""


class Branch(NamedTuple):
    """One of the four branches of a module, counted by hand.

    kernel: rows of its filter, 3 for the pooling. first, second: (filters, multiply-adds, weights)
    of the layers that lie one behind the other, None where there is none; the pooling itself has no
    weights and is no layer here. channels: what the branch puts out.
    """

    kernel: int
    pooling: bool
    first: tuple[int, int, int] | None
    second: tuple[int, int, int] | None
    channels: int

    @property
    def macs(self) -> int:
        """Multiply-adds of the branch."""
        return sum(layer[1] for layer in (self.first, self.second) if layer)

    @property
    def weights(self) -> int:
        """Weights of the branch, without biases."""
        return sum(layer[2] for layer in (self.first, self.second) if layer)


class Module(NamedTuple):
    """A module: its variant, its input (in_maps x side x side), its four branches."""

    variant: str
    in_maps: int
    side: int
    branches: tuple[Branch, Branch, Branch, Branch]

    @property
    def macs(self) -> int:
        """Multiply-adds of one image: one per weight and position."""
        return sum(branch.macs for branch in self.branches)

    @property
    def weights(self) -> int:
        """Weights without biases."""
        return sum(branch.weights for branch in self.branches)

    @property
    def out_maps(self) -> int:
        """Channels after the concatenation."""
        return sum(branch.channels for branch in self.branches)


def count_module(in_maps: int, side: int, filters: Sequence[int], variant: str) -> Module:
    """Count a module on maps of side x side pixels; all its layers keep that size.

    Args:
        in_maps, side: of the input, each an integer of at least 1.
        filters: the six numbers of a row of Table 1, in the order of `FILTERS`. The naive module
            has neither reductions nor projection and does not use theirs.
        variant: "naive" or "reduced".

    Raises:
        ValueError: for an unknown variant and for numbers that are no integers >= 1.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of 'naive', 'reduced', got {variant!r}")
    if len(filters) != len(FILTERS):
        raise ValueError(f"filters must hold {len(FILTERS)} numbers, got {list(filters)}")
    names = ("in_maps", "side", *FILTERS)
    for name, value in zip(names, (in_maps, side, *filters), strict=True):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be an integer >= 1, got {value!r}")

    def layer(inputs: int, outputs: int, kernel: int) -> tuple[int, int, int]:
        weights = kernel**2 * inputs * outputs
        return outputs, weights * side**2, weights

    n1x1, reduce3x3, n3x3, reduce5x5, n5x5, projection = filters
    one = Branch(1, False, None, layer(in_maps, n1x1, 1), n1x1)
    if variant == "naive":
        return Module(
            variant,
            in_maps,
            side,
            (
                one,
                Branch(3, False, None, layer(in_maps, n3x3, 3), n3x3),
                Branch(5, False, None, layer(in_maps, n5x5, 5), n5x5),
                Branch(3, True, None, None, in_maps),
            ),
        )
    three = Branch(3, False, layer(in_maps, reduce3x3, 1), layer(reduce3x3, n3x3, 3), n3x3)
    five = Branch(5, False, layer(in_maps, reduce5x5, 1), layer(reduce5x5, n5x5, 5), n5x5)
    pool = Branch(3, True, None, layer(in_maps, projection, 1), projection)
    return Module(variant, in_maps, side, (one, three, five, pool))


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
_BOX = (190, 50)
_BAR = 26, 264  # top and bottom of the output


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

    Raises:
        ValueError: as `count_module`, and for a budget below 1.
    """
    module = count_module(in_maps, side, filters, variant)
    parts = [_input(module), _output(module, costs)]
    for row, branch, colour in zip(_ROWS, module.branches, _COLOURS, strict=True):
        parts.append(_branch(row, branch, colour, variant, costs))
    # Without costs two of them stand on one slide, and on one page of its PDF.
    height, alt = _HEIGHT if costs else _HEIGHT - 8, _describe(module, costs)
    if budget is not None:
        if budget < 1:
            raise ValueError(f"budget must be a number of multiply-adds >= 1, got {budget!r}")
        naive = count_module(in_maps, side, filters, "naive")
        parts.append(_budget_bars(module, naive, budget))
        height += 104
        alt += f" The budget is {budget:,} multiply-adds; naive: {naive.macs:,}."
    return frame("".join(parts), height=height, alt=alt, kind="cnn-inception")


def _shape(maps: int, side: int) -> str:
    return f"{maps:,}{TIMES}{side}{TIMES}{side}"


def _input(module: Module) -> str:
    middle = sum(_BAR) / 2
    return (
        f'<rect x="{_IN - 26}" y="{_BAR[0] + 40}" width="52" height="{_BAR[1] - _BAR[0] - 80}" '
        f'rx="6" fill="{tint(INPUT, 0.16)}" stroke="{INPUT}" stroke-width="2"/>'
        + text(_IN, _BAR[1] - 14, "in", font(15), anchor="middle", bold=True, fill=INPUT)
        + text(_IN, _BAR[1] + 8, _shape(module.in_maps, module.side), font(15), anchor="middle")
        + "".join(
            f'<path d="M{_IN + 26} {number(middle)}C{_IN + 70} {number(middle)} {_IN + 70} {row} '
            f"{_FIRST - _BOX[0] / 2 - 4 if _has_first(module, i) else _SECOND - _BOX[0] / 2 - 4} "
            f'{row}" fill="none" stroke="{MUTED}" stroke-width="1.8"/>'
            for i, row in enumerate(_ROWS)
        )
    )


def _has_first(module: Module, index: int) -> bool:
    branch = module.branches[index]
    return bool(branch.first) or (branch.pooling and bool(branch.second))


def _branch(row: int, branch: Branch, colour: str, variant: str, costs: bool) -> str:
    parts = []
    size = f"{branch.kernel}{TIMES}{branch.kernel}"
    if branch.pooling:
        at = _FIRST if branch.second else _SECOND
        parts.append(_box(at, row, f"{size} max-pooling", "no weights", MUTED, costs))
        if branch.second:
            parts.append(_link(row))
            label = _label(f"1{TIMES}1", branch.second, costs)
            parts.append(_box(_SECOND, row, *label, colour, costs, dashed=True))
        return "".join(parts)
    if branch.first:
        parts.append(
            _box(
                _FIRST,
                row,
                *_label(f"1{TIMES}1", branch.first, costs),
                colour,
                costs,
                dashed=True,
            )
        )
        parts.append(_link(row))
    parts.append(_box(_SECOND, row, *_label(size, branch.second, costs), colour, costs))
    return "".join(parts)


def _label(size: str, layer: tuple[int, int, int], costs: bool) -> tuple[str, str]:
    filters, macs, _ = layer
    return (f"{size}, {filters}" if costs else size, f"{millions(macs)} MACs")


def _box(
    x: float, y: float, label: str, cost: str, colour: str, costs: bool, *, dashed: bool = False
) -> str:
    width, height = _BOX
    dashes = ' stroke-dasharray="7 4"' if dashed else ""
    lines = text(x, y + (-3 if costs else 6), label, font(16), anchor="middle", bold=True)
    if costs:
        lines += text(x, y + 17, cost, font(15), anchor="middle")
    return (
        f'<rect x="{number(x - width / 2)}" y="{number(y - height / 2)}" width="{width}" '
        f'height="{height}" rx="8" fill="{tint(colour, 0.16)}" stroke="{colour}" '
        f'stroke-width="2.4"{dashes}/>{lines}'
    )


def _link(row: int) -> str:
    start, end = _FIRST + _BOX[0] / 2, _SECOND - _BOX[0] / 2
    return (
        f'<path d="M{number(start + 2)} {row}H{number(end - 4)}" fill="none" stroke="{MUTED}" '
        'stroke-width="1.8"/>'
    )


def _output(module: Module, costs: bool) -> str:
    """The stacked channels: one segment per branch, as tall as its share."""
    top, bottom = _BAR
    parts, y = [], float(top)
    shares = [branch.channels for branch in module.branches]
    if not costs:
        shares = [1, 1, 1, 1]
    for row, share, branch, colour in zip(_ROWS, shares, module.branches, _COLOURS, strict=True):
        tall = (bottom - top) * share / sum(shares)
        parts.append(
            f'<path d="M{_SECOND + _BOX[0] / 2 + 2} {row}C{_OUT - 90} {row} {_OUT - 90} '
            f'{number(y + tall / 2)} {_OUT - 34} {number(y + tall / 2)}" fill="none" '
            f'stroke="{MUTED}" stroke-width="1.8"/>'
            f'<rect x="{_OUT - 30}" y="{number(y)}" width="60" height="{number(tall)}" '
            f'fill="{tint(colour, 0.55)}" stroke="{INK}" stroke-width="1"/>'
        )
        if costs and tall >= 15:
            parts.append(
                text(_OUT, y + tall / 2 + 5, f"{branch.channels}", font(15), anchor="middle")
            )
        y += tall
    size = font(16)
    middle = (top + bottom) / 2
    parts.append(text(_OUT + 44, middle - 8, "concatenated", font(15), fill=MUTED))
    if costs:
        out = _shape(module.out_maps, module.side)
        parts.append(text(_OUT + 44, middle + 16, out, size, bold=True, fill=OUTPUT))
        parts.append(text(_OUT + 44, middle + 40, f"{millions(module.macs)} MACs", font(15)))
    else:
        parts.append(text(_OUT + 44, middle + 16, "along channels", size, bold=True, fill=OUTPUT))
    return "".join(parts)


def _budget_bars(module: Module, naive: Module, budget: int) -> str:
    left, right = 150.0, 880.0
    scale = (right - left) / max(module.macs, naive.macs, budget)
    size = font(15)
    y, tall = _HEIGHT + 22, 24
    rows = [("this module", module)]
    if module.variant != "naive":
        rows.append(("naive", naive))
    parts = []
    for name, one in rows:
        parts.append(text(left - 10, y + 17, name, size, anchor="end", bold=True))
        x = left
        for branch, colour in zip(one.branches, _COLOURS, strict=True):
            wide = branch.macs * scale
            if branch.macs:
                parts.append(
                    f'<rect x="{number(x)}" y="{y}" width="{number(wide)}" height="{tall}" '
                    f'fill="{tint(colour, 0.55)}" stroke="{INK}" stroke-width="1"/>'
                )
            kind = "pool" if branch.pooling else f"{branch.kernel}{TIMES}{branch.kernel}"
            if wide > 44:
                parts.append(text(x + wide / 2, y + 17, kind, font(15), anchor="middle"))
            x += wide
        parts.append(text(x + 8, y + 17, millions(one.macs), size))
        y += 34
    x = left + budget * scale
    over = module.macs > budget
    colour = BAD if over else GOOD
    label = f"budget {millions(budget)}" + (": over" if over else "")
    anchor = "end" if x > 700 else "start"
    parts.append(
        f'<path d="M{number(x)} {_HEIGHT + 6}V{_HEIGHT + 84}" stroke="{colour}" '
        'stroke-width="3"/>'
        + f'<rect x="{number(x - 176 if anchor == "end" else x + 4)}" y="{_HEIGHT - 2}" '
        f'width="172" height="19" fill="{PAPER}"/>'
        + text(
            x + (-8 if anchor == "end" else 8),
            _HEIGHT + 13,
            label,
            size,
            anchor=anchor,
            bold=True,
            fill=colour,
        )
    )
    return "".join(parts)


def _describe(module: Module, costs: bool) -> str:
    names = {
        "naive": "Naive module: four branches side by side, 1x1, 3x3, 5x5 and 3x3 max-pooling",
        "reduced": "Module with dimension reduction: 1x1 convolutions stand before the 3x3 and the "
        "5x5 and behind the max-pooling; a fourth branch is 1x1 alone",
    }
    if not costs:
        return f"{names[module.variant]}; their outputs are concatenated along channels."
    each = " + ".join(f"{branch.channels}" for branch in module.branches)
    return (
        f"{names[module.variant]}. {_shape(module.in_maps, module.side)} in, {each} = "
        f"{module.out_maps:,} channels out, {module.macs:,} multiply-adds, "
        f"{module.weights:,} weights."
    )


# ---------------------------------------------------------------------------------------------
# The network and its heads

_BASE, _TALL = 214, 96  # the line that the blocks stand on; the tallest block


def heads_diagram(macs: Mapping[str, int], heads: Mapping[str, str], *, last: str) -> Diagram:
    """Draw a network block by block, its auxiliary heads, and the ways that a gradient takes.

    Args:
        macs: block -> multiply-adds, input first; the height of a block is its share.
        heads: block -> what the head on it is called.
        last: what the loss at the end is called.

    Raises:
        ValueError: for no blocks, multiply-adds below 1, or a head on a block that is not there.
    """
    if not macs or min(macs.values()) < 1:
        raise ValueError(f"macs must hold blocks with multiply-adds >= 1, got {dict(macs)}")
    unknown = [block for block in heads if block not in macs]
    if unknown:
        raise ValueError(f"heads must sit on blocks among {list(macs)}, got {unknown}")
    step = 880 / len(macs)
    wide = step - 12
    centres = {name: 30 + step * (i + 0.5) for i, name in enumerate(macs)}
    most = max(macs.values())
    size = font(15)
    parts = [f'<path d="M24 {_BASE}H900" stroke="{INK}" stroke-width="2"/>']
    for name, cost in macs.items():
        x, tall = centres[name], max(4.0, _TALL * cost / most)
        parts.append(
            f'<rect x="{number(x - wide / 2)}" y="{number(_BASE - tall)}" width="{number(wide)}" '
            f'height="{number(tall)}" rx="3" fill="{tint(INPUT, 0.25)}" stroke="{INPUT}" '
            'stroke-width="1.6"/>'
            + text(x, _BASE + 20, name, size, anchor="middle", bold=True)
            + text(x, _BASE + 39, millions(cost), font(15), anchor="middle", fill=MUTED)
        )
    ends = [
        (centres[name], label, CYCLE[3 - 2 * (i % 2)])
        for i, (name, label) in enumerate(heads.items())
    ]
    ends.append((940.0, last, OUTPUT))
    for place, (x, label, colour) in enumerate(ends):
        y = _BASE + 62 + 21 * (len(ends) - 1 - place)
        parts.append(_way(x, y, centres[next(iter(macs))], label, colour, head=x < 930))
    alt = (
        f"{len(macs)} blocks from {next(iter(macs))} to {list(macs)[-1]}, their heights the "
        f"multiply-adds, {sum(macs.values()):,} together; "
        + " and ".join(f"{label} on {name}" for name, label in heads.items())
        + f"; {last}. From each loss a gradient goes back to {next(iter(macs))}."
    )
    height = _BASE + 62 + 21 * len(ends)
    return frame("".join(parts), height=height, alt=alt, kind="cnn-heads")


def _way(x: float, y: float, first: float, label: str, colour: str, *, head: bool) -> str:
    """A loss above its block, and the way of its gradient below the line, back to the first."""
    top = 62
    box = (
        f'<rect x="{number(x - 57)}" y="{top - 44}" width="114" height="44" rx="8" '
        f'fill="{tint(colour, 0.16)}" stroke="{colour}" stroke-width="2.2"'
        + (' stroke-dasharray="7 4"' if head else "")
        + "/>"
        + text(x, top - 16, label, font(15), anchor="middle", bold=True)
    )
    if head:
        box += f'<path d="M{number(x)} {top}V{_BASE - 4}" stroke="{colour}" stroke-width="2" '
        box += 'stroke-dasharray="2 5"/>'
    else:
        box += f'<path d="M900 {_BASE}H{number(x)}V{top}" fill="none" stroke="{INK}" '
        box += 'stroke-width="2"/>'
    tip = f"M{number(first + 9)} {number(y - 5)}L{number(first)} {number(y)}"
    tip += f"L{number(first + 9)} {number(y + 5)}"
    return (
        box + f'<path d="M{number(x)} {number(y)}H{number(first)}{tip}" fill="none" '
        f'stroke="{colour}" stroke-width="2.6"/>'
        f'<circle cx="{number(x)}" cy="{number(y)}" r="4.5" fill="{colour}"/>'
    )


# ---------------------------------------------------------------------------------------------
# Plots


def draw_block_gradients(
    norms: Mapping[str, Sequence[float]],
    blocks: Sequence[str],
    *,
    heads: Sequence[str] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw a gradient norm for each block of a network, on a logarithmic axis.

    Args:
        norms: name of a line -> one positive number per block. Lines come in pairs (without and
            with heads): the second of a pair is drawn dashed in the colour of the first.
        blocks: their names, input first.
        heads: blocks on which an auxiliary head sits, each marked by a thin line.
        ax: the axes to draw on; new ones if not given.

    Raises:
        ValueError: for no line, a line of another length, or a number that is not above 0.
    """
    from matplotlib import pyplot as plt

    if not norms:
        raise ValueError("norms must hold at least one line, got none")
    for name, values in norms.items():
        if len(values) != len(blocks) or not all(isfinite(v) and v > 0 for v in values):
            raise ValueError(
                f"norms must hold {len(blocks)} numbers above 0 for {name}, got {list(values)}"
            )
    unknown = [head for head in heads if head not in blocks]
    if unknown:
        raise ValueError(f"heads must be among the blocks {list(blocks)}, got {unknown}")
    if ax is None:
        _, ax = plt.subplots(figsize=(9.5, 4.1))
    for place, (name, values) in enumerate(norms.items()):
        style, marker = (("-", "o"), ("--", "s"))[place % 2]
        colour = CYCLE[place // 2 % len(CYCLE)]
        ax.semilogy(range(len(blocks)), values, style, marker=marker, color=colour, label=name)
    for head in heads:
        ax.axvline(blocks.index(head), color=FAINT, linewidth=5, zorder=0)
    ax.set_xticks(range(len(blocks)), blocks)
    ax.set(xlabel="block, from the input (left) to the scores", ylabel="gradient norm")
    ax.grid(axis="y")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def draw_crops(
    models: Sequence[int], crops: Sequence[int], errors: Sequence[float], *, ax: Axes | None = None
) -> Axes:
    """Draw top-5 error against how often networks run on one image, a line per number of networks.

    Args:
        models, crops: of each test, integers >= 1. errors: in percent.
        ax: the axes to draw on; new ones if not given.

    Raises:
        ValueError: for lists of unequal length or numbers out of range.
    """
    from matplotlib import pyplot as plt

    if not len(models) == len(crops) == len(errors) > 0:
        raise ValueError(
            "models, crops and errors must have the same length of at least 1, got "
            f"{len(models)}, {len(crops)} and {len(errors)}"
        )
    if min(*models, *crops) < 1 or not all(0 <= error <= 100 for error in errors):
        raise ValueError(
            f"models and crops must be >= 1 and errors from 0 to 100, got {list(models)}, "
            f"{list(crops)} and {list(errors)}"
        )
    if ax is None:
        _, ax = plt.subplots(figsize=(9, 4))
    rows = sorted(zip(models, crops, errors, strict=True))
    for place, count in enumerate(sorted(set(models))):
        line = [(m * c, e, c) for m, c, e in rows if m == count]
        label = "1 network" if count == 1 else f"{count} networks"
        mark = ("o-", "s--", "D-.")[place % 3]
        ax.semilogx(*zip(*[(x, e) for x, e, _ in line], strict=True), mark, label=label)
        for x, error, crop in line:
            below = place % 2  # every second line: below and to the left, where it does not run
            ax.annotate(
                f"{error:g} %, {crop} crop{'s' * (crop != 1)}",
                (x, error),
                xytext=(-5, -18) if below else (7, 9),
                textcoords="offset points",
                ha="right" if below else "left",
            )
    low, high = min(errors), max(errors)
    ax.set(xlabel="networks × crops run for one image", ylabel="top-5 error, %")
    ax.set(xlim=(0.8, 8 * max(m * c for m, c in zip(models, crops, strict=True))))
    ax.set(ylim=(low - 0.9, high + 0.7))
    ax.legend(loc="upper right")
    return ax
