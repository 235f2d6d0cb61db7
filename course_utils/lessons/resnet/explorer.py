"""Add a shortcut: one block, its shapes and costs, and what the second path does to a gradient.

panel = ShortcutExplorer()
panel                           # 64 maps in, 64 out: the identity costs nothing
panel.move(stride=2)            # now x and F(x) no longer have the same shape: refused
panel.move(shortcut="B")        # a projection: 4,224 parameters
"""

from __future__ import annotations

from course_utils.drawing.svg import TIMES
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.resnet.figures import (
    SIDE,
    Block,
    block_diagram,
    count_block,
    path_products,
    power_text,
)

MAPS = {str(maps): maps for maps in (16, 32, 64, 128, 256)}
"""How many maps a block may take in and put out."""

SLOPES = {
    "0.01, a saturated sigmoid": 0.01,
    "0.25, a sigmoid at best": 0.25,
    "0.5": 0.5,
    "0.9": 0.9,
    "1": 1.0,
}
"""By how much the convolutions of one block scale a gradient, and where such a number occurs."""


def view(
    shortcut: str, in_maps: int, out_maps: int, stride: int, slope: float, blocks: int
) -> View:
    """Draw one state of the explorer and say what the shortcut costs and what it does.

    Raises:
        ValueError: where x and F(x) cannot be added (see `count_block`).
    """
    state = (in_maps, out_maps, stride, shortcut)
    diagram = block_diagram(*state, slope=slope, blocks=blocks)
    block = count_block(*state)
    return View(diagram.svg, f"{cost(block)} {gradient(block, slope, blocks)}", diagram.alt)


def cost(block: Block) -> str:
    """Say what the shortcut does and what it costs, beside the whole block."""
    before, after = block.before, block.after
    whole = f"The block has {block.parameters:,} parameters and {block.macs:,} MACs"
    if block.shortcut == "none":
        return (
            f"{whole}. Without a shortcut any shapes will do: {before} goes in, {after} comes out."
        )
    if block.shortcut == "identity":
        return f"{whole}, none of them in the shortcut: x and F(x) are both {after} and are added."
    if block.shortcut == "zeros":
        how = ["leaving out positions"] * (block.out_side != SIDE)
        how += ["appending zeros"] * (block.out_maps != block.in_maps)
        makes = f"it makes {after} of {before} by {' and '.join(how)}"
        return f"{whole}, none of them in the shortcut: {makes}."
    parameters, macs = block.layers[2]
    return (
        f"{whole}; the projection holds {block.in_maps} {TIMES} {block.out_maps} + 2 {TIMES} "
        f"{block.out_maps} = {parameters:,} and {macs:,} of them, and makes {after} of {before}."
    )


def gradient(block: Block, slope: float, blocks: int) -> str:
    """Say by how much a gradient is multiplied along one path and along two."""
    plain, both = path_products(slope, blocks, block.shortcut)
    count = "1 block" if blocks == 1 else f"{blocks} blocks"
    said = f"Through {count} a gradient is multiplied by {slope:g}^{blocks} = {power_text(plain)}"
    if block.shortcut == "none":
        return f"{said}: there is one path only."
    if block.shortcut == "projection":
        return f"{said} along F; the second term is the projection's own weights, no longer 1."
    where = "" if block.shortcut == "identity" else ", on the maps and positions that are kept"
    return (
        f"{said} along F alone, and by (1 + {slope:g})^{blocks} = {power_text(both)} with the 1 of "
        f"the shortcut added{where}. Multiplied out, that is the sum over 2^{blocks} = "
        f"{2**blocks:,} paths, not one of them above 1."
    )


class ShortcutExplorer(Explorer):
    """One basic block on 56 x 56 maps, and a stack of such blocks."""

    controls = (
        Choice(
            "shortcut",
            "Shortcut",
            {"None": "plain", "x": "identity", "A": "A", "B": "B", "C": "C"},
            start="identity",
            buttons=True,
        ),
        Choice("in_maps", "Maps in", MAPS, start=64),
        Choice("out_maps", "Maps out", MAPS, start=64),
        Slider("stride", "Stride", 1, 2, start=1),
        Choice("slope", "Slope of F", SLOPES, start=0.25),
        Slider("blocks", "Blocks", 1, 30, start=27),
    )
    view = staticmethod(view)
