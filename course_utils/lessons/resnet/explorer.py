"""Add a shortcut: one block, its shapes and costs, and what the second path does to a gradient."""

from course_utils.drawing.svg import plural
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.resnet.figures import Block, block_diagram, power_text

MAPS = {str(maps): maps for maps in (16, 32, 64, 128, 256)}
SHORTCUTS = {"None": "plain", "x": "identity", "A": "A", "B": "B", "C": "C"}
SLOPES = {"0.01, a saturated sigmoid": 0.01, "0.25, a sigmoid at best": 0.25}
SLOPES |= {"0.5": 0.5, "0.9": 0.9, "1": 1.0}
"""By how much the convolutions of one block scale a gradient, and where such a number occurs."""


class ShortcutExplorer(Explorer):
    """One basic block on 56 x 56 maps, and a stack of such blocks."""

    controls = (
        Choice("shortcut", "Shortcut", SHORTCUTS, start="identity", buttons=True),
        Choice("in_maps", "Maps in", MAPS, start=64),
        Choice("out_maps", "Maps out", MAPS, start=64),
        Slider("stride", "Stride", 1, 2, start=1),
        Choice("slope", "Slope of F", SLOPES, start=0.25),
        Slider("blocks", "Blocks", 1, 30, start=27),
    )

    @staticmethod
    def view(shortcut, in_maps, out_maps, stride, slope, blocks) -> View:
        """Say what the shortcut costs and does; refused as by `Block`."""
        state = (in_maps, out_maps, stride, shortcut)
        block, diagram = Block(*state), block_diagram(*state, slope=slope, blocks=blocks)
        return View(diagram.svg, f"{cost(block)} {gradient(block, slope, blocks)}", diagram.alt)


def cost(block: Block) -> str:
    """Say what the shortcut does and what it costs, beside the whole block."""
    before, after, maps = block.before, block.after, block.out_maps
    parameters, macs = block.layers[2]
    how = ["leaving out positions"] * (block.stride == 2)
    how += ["appending zeros"] * (maps != block.in_maps)
    free = ", none of them in the shortcut"
    ends = {
        "none": f". Without a shortcut any shapes will do: {before} goes in, {after} comes out.",
        "identity": f"{free}: x and F(x) are both {after} and are added.",
        "zeros": f"{free}: it makes {after} of {before} by {' and '.join(how)}.",
        "projection": f"; the projection holds {block.in_maps} × {maps} + 2 × {maps} = "
        f"{parameters:,} and {macs:,} of them, and makes {after} of {before}.",
    }
    whole = f"The block has {block.parameters:,} parameters and {block.macs:,} MACs"
    return whole + ends[block.shortcut]


def gradient(block: Block, slope: float, blocks: int) -> str:
    """Say by how much a gradient is multiplied along one path and along two."""
    plain, both = power_text(slope**blocks), power_text((1 + slope) ** blocks)
    kept = ", on the maps and positions that are kept" * (block.shortcut == "zeros")
    ends = {
        "none": ": there is one path only.",
        "projection": " along F; the second term is the projection's own weights, no longer 1.",
    }
    adds = (
        f" along F alone, and by (1 + {slope:g})^{blocks} = {both} with the 1 of the shortcut "
        f"added{kept}. Multiplied out, that is the sum over 2^{blocks} = {2**blocks:,} paths, not "
        "one of them above 1."
    )
    said = f"Through {plural(blocks, 'block')} a gradient is multiplied by {slope:g}^{blocks}"
    return f"{said} = {plain}{ends.get(block.shortcut, adds)}"
