"""Panels of lesson 05: a layer on a real scan, unit by unit; two heads and the input size."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

from course_utils.drawing.svg import TIMES
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.geometry import output_size
from course_utils.lessons.convolutional_layer.figures import STAGES, Layer, draw_layer
from course_utils.lessons.convolutional_layer.resolution import (
    CLASSES,
    SIZES,
    cost,
    resolution_diagram,
)

if TYPE_CHECKING:
    import numpy as np

# ---------------------------------------------------------------------------------------------
# One layer

FILTERS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "vertical edge": ((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)),
    "horizontal edge": ((-1, -1, -1), (0, 0, 0), (1, 1, 1)),
    "diagonal line": ((-1, -1, 2), (-1, 2, -1), (2, -1, -1)),
    "dot": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "sum of all nine": ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    "copy the centre": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
}
"""Name -> 3 x 3 integer filter. The edge filters compare one side with the other (Prewitt)."""

SIDE = 8


@lru_cache(maxsize=10)
def scan(digit: int) -> np.ndarray:
    """Return the first scan of a digit in the data: (8, 8) integers, 0 paper to 16 ink."""
    import numpy as np

    from course_utils.datasets.files import read_verified

    with np.load(io.BytesIO(read_verified("digits.npz")), allow_pickle=False) as arrays:
        image = arrays["images"][np.argmax(arrays["labels"] == digit)].astype(int)
    image.flags.writeable = False  # one array for all who ask
    return image


def units(padding: int, stride: int, pool: int, stage: str) -> int:
    """Return how many rows a stage has; 0 where the pooling window is larger than its map."""
    side = output_size(SIDE, 3, stride, padding)
    return side // pool if stage == "pooling" else side


def _middle(largest: int) -> int:
    return (largest + 1) // 2


class ConvolutionalLayer(Explorer):
    """One layer with one 3 x 3 filter on one 8 x 8 scan, in exact integers."""

    controls = (
        Slider("digit", "Digit", 0, 9, start=3),
        Choice("filter", "Filter", {n.capitalize(): n for n in FILTERS}, start="vertical edge"),
        Slider("bias", "Bias", -30, 30, start=0),
        Slider("padding", "Padding", 0, 1, start=0),
        Slider("stride", "Stride", 1, 3, start=1),
        Slider("pool", "Pool", 1, 4, start=2),
        Choice("stage", "Pick in", {n.capitalize(): n for n in STAGES}, start="pooling"),
        Slider("row", "Row", 1, SIDE, start=_middle),
        Slider("column", "Column", 1, SIDE, start=_middle),
    )

    @staticmethod
    def limits(padding: int, stride: int, pool: int, stage: str, **_: object) -> dict[str, int]:
        """Return the last row and column of the stage; nothing where it has none."""
        there = units(padding, stride, pool, stage)
        return {"row": there, "column": there} if there else {}

    @staticmethod
    def view(digit: int, filter: str, stage: str, row: int, column: int, **how: int) -> View:
        """Draw one state and write out the chosen unit."""
        side, pool = output_size(SIDE, 3, how["stride"], how["padding"]), how["pool"]
        if pool > side:
            raise ValueError(
                f"The convolution leaves a map of {side} {TIMES} {side}, and a pooling window of "
                f"{pool} {TIMES} {pool} does not fit into it. Choose a smaller window, a smaller "
                "stride or more padding."
            )
        layer = Layer(scan(digit), FILTERS[filter], **how)
        diagram = draw_layer(layer, stage, row, column)
        says = f"{layer.sentence(stage, row, column)} {_left_out(side % pool)}".strip()
        return View(diagram.svg, says, diagram.alt)


def _left_out(rest: int) -> str:
    """Say what the pooling leaves out at the right and lower border."""
    if not rest:
        return ""
    lines = "row and the last column" if rest == 1 else f"{rest} rows and the last {rest} columns"
    return f"The last {lines} of the detector fill no window: they are left out."


# ---------------------------------------------------------------------------------------------
# Two heads


class InputResolution(Explorer):
    """The network of notebook 05: four 3 x 3 convolutions and one of two heads.

    built: the input size that the dense head was built for.
    """

    controls = (
        Slider("size", "Input size", SIZES[0], SIZES[-1], start=32, step=SIZES.step),
        Choice("head", "Head", {"Pooled": "pooled", "Dense": "dense"}, "pooled", buttons=True),
        Choice(
            "built",
            "Dense for",
            {f"{n} {TIMES} {n} inputs": n for n in (32, 64, 128, 224)},
            start=32,
        ),
    )

    @staticmethod
    def view(size: int, head: str, built: int) -> View:
        """Draw one state and say what the size changes."""
        if head == "dense" and cost(size, head).features != cost(built, head).features:
            raise ValueError(refusal(size, built))
        diagram = resolution_diagram(size, head)
        return View(diagram.svg, explain(size, head, built), diagram.alt)


def refusal(size: int, built: int) -> str:
    """Say why a dense head that was built for another size cannot take this one."""
    here, planned = cost(size, "dense"), cost(built, "dense").features
    side, channels = here.maps[-1]
    return (
        f"The dense head was built for {built} {TIMES} {built} pixels: it has weights for "
        f"{planned:,} numbers. From {size} {TIMES} {size} pixels it gets "
        f"{channels} {TIMES} {side} {TIMES} {side} = {here.features:,}. PyTorch says: \u201cmat1 "
        f"and mat2 shapes cannot be multiplied (1x{here.features} and {planned}x{CLASSES})\u201d. "
        f"Go back to about {built} pixels, or choose the pooled head."
    )


def explain(size: int, head: str, built: int) -> str:
    """Say what reaches the last layer, what it costs, and how that compares with 32 pixels."""
    here, reference = cost(size, head), cost(32, head)
    side, channels = here.maps[-1]
    maps, count = f"{channels} maps of {side} {TIMES} {side}", f"{here.head_parameters:,}"
    if head == "pooled":
        says = (
            f"{maps}, averaged to {channels} numbers: the head has {count} parameters for any "
            "input size."
        )
    else:
        says = (
            f"{maps} are {here.features:,} numbers, and each has its own weight to each of the "
            f"{CLASSES} outputs: {count} parameters in the head."
        )
        if size != built:
            says += (
                f" Built for {built} pixels, it accepts {size} as well: the poolings round "
                f"both down to {side}."
            )
    says += f" {here.macs:,} MACs (multiply-adds of convolution and dense weights)"
    if size != 32:
        times, pixels = here.macs / reference.macs, (size / 32) ** 2
        says += f": {times:.2f} times those of 32 {TIMES} 32, for {pixels:.2f} times the pixels"
    return f"{says}."
