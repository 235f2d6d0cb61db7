"""Add a shortcut: one block, its shapes and costs, and what the second path does to a gradient.

panel = ShortcutExplorer()
panel                           # 64 maps in, 64 out: the identity costs nothing
panel.stride.value = 2          # now x and F(x) no longer have the same shape: refused
panel.shortcut.value = "B"      # a projection: 4,224 parameters
"""

from __future__ import annotations

from course_utils.drawing.svg import TIMES
from course_utils.lessons.resnet.figures import (
    Block,
    block_diagram,
    count_block,
    path_products,
    power_text,
    shape_text,
)
from course_utils.old_explorer import Explorer, View, choice, slider

SIDE = 56
"""Rows of the input maps: those of conv2_x in Table 1."""

MAPS = (16, 32, 64, 128, 256)
"""How many maps a block may take in and put out."""

SLOPES = {
    0.01: "0.01, a saturated sigmoid",
    0.25: "0.25, a sigmoid at best",
    0.5: "0.5",
    0.9: "0.9",
    1.0: "1",
}
"""By how much the convolutions of one block scale a gradient, and where such a number occurs."""


class ShortcutExplorer(Explorer):
    """Explorer of one basic block on 56 x 56 maps, and of a stack of such blocks.

    Args (each the first value of a control):
        shortcut: `"plain"`, `"identity"`, `"A"`, `"B"` or `"C"`.
        in_maps, out_maps: 16, 32, 64, 128 or 256. stride: 1 or 2.
        slope: 0.01, 0.25, 0.5, 0.9 or 1. blocks: 1 to 30.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        shortcut: str = "identity",
        in_maps: int = 64,
        out_maps: int = 64,
        stride: int = 1,
        slope: float = 0.25,
        blocks: int = 27,
    ) -> None:
        kinds = [("None", "plain"), ("x", "identity"), ("A", "A"), ("B", "B"), ("C", "C")]
        controls = {
            "shortcut": choice("Shortcut", shortcut, kinds, buttons=True),
            "in_maps": choice("Maps in", in_maps, list(MAPS)),
            "out_maps": choice("Maps out", out_maps, list(MAPS)),
            "stride": slider("Stride", stride, 1, 2),
            "slope": choice("Slope of F", slope, [(name, value) for value, name in SLOPES.items()]),
            "blocks": slider("Blocks", blocks, 1, 30),
        }
        super().__init__(view, controls)


def view(
    shortcut: str, in_maps: int, out_maps: int, stride: int, slope: float, blocks: int
) -> View:
    """Draw one state of the explorer and say what the shortcut costs and what it does.

    Raises:
        ValueError: where x and F(x) cannot be added (see `count_block`).
    """
    diagram = block_diagram(
        in_maps, out_maps, side=SIDE, stride=stride, shortcut=shortcut, slope=slope, blocks=blocks
    )
    block = count_block(in_maps, out_maps, SIDE, stride, shortcut)
    return View(diagram.svg, f"{cost(block)} {gradient(block, slope, blocks)}", diagram.alt)


def cost(block: Block) -> str:
    """Say what the shortcut does and what it costs, beside the whole block."""
    before = shape_text(block.in_maps, block.in_side)
    after = shape_text(block.out_maps, block.out_side)
    whole = f"The block has {block.parameters:,} parameters and {block.macs:,} MACs"
    if block.kind == "none":
        return (
            f"{whole}. Without a shortcut any shapes will do: {before} goes in, {after} comes out."
        )
    if block.kind == "identity":
        return f"{whole}, none of them in the shortcut: x and F(x) are both {after} and are added."
    if block.kind == "zeros":
        return (
            f"{whole}, none of them in the shortcut: it makes {after} of {before} by leaving out "
            "positions and appending zeros."
            if block.in_side != block.out_side and block.in_maps != block.out_maps
            else f"{whole}, none of them in the shortcut: it makes {after} of {before} by "
            + ("leaving out positions." if block.in_side != block.out_side else "appending zeros.")
        )
    parameters, macs = block.shortcut
    return (
        f"{whole}; the projection holds {block.in_maps} {TIMES} {block.out_maps} + 2 {TIMES} "
        f"{block.out_maps} = {parameters:,} and {macs:,} of them, and makes {after} of {before}."
    )


def gradient(block: Block, slope: float, blocks: int) -> str:
    """Say by how much a gradient is multiplied along one path and along two."""
    products = path_products(slope, blocks, block.kind)
    count = "1 block" if blocks == 1 else f"{blocks} blocks"
    plain = f"Through {count} a gradient is multiplied by {slope:g}^{blocks} = "
    plain += power_text(products.plain)
    if block.kind == "none":
        return f"{plain}: there is one path only."
    if block.kind == "projection":
        return f"{plain} along F; the second term is the projection's own weights, no longer 1."
    both = f"(1 + {slope:g})^{blocks} = {power_text(products.with_shortcut)}"
    where = "" if block.kind == "identity" else ", on the maps and positions that are kept"
    paths = f"2^{blocks} = {2**blocks:,} paths"
    return (
        f"{plain} along F alone, and by {both} with the 1 of the shortcut added{where}. Multiplied "
        f"out, that is the sum over {paths}, not one of them above 1."
    )
