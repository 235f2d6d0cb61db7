"""Panels of lesson 05: a layer on a real scan, unit by unit; two heads and the input size."""

from __future__ import annotations

from functools import cache

from course_utils.datasets import files
from course_utils.drawing.svg import TIMES
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.geometry import output_size
from course_utils.lessons.convolutional_layer import figures, resolution
from course_utils.lessons.convolutional_layer.resolution import CLASSES, SIZES, cost

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

SIDE = 8  # of a scan


@cache
def _rows(digit: int) -> list[list[int]]:
    return files.scan(files.scan_bytes()[1].index(digit))


def scan(digit: int):
    """Return the first scan of a digit in the data: (8, 8) integers, 0 paper to 16 ink."""
    import numpy as np

    return np.array(_rows(digit))


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
        Choice("stage", "Pick in", {n.capitalize(): n for n in figures.STAGES}, start="pooling"),
        Slider("row", "Row", 1, SIDE, start=_middle),
        Slider("column", "Column", 1, SIDE, start=_middle),
    )

    @staticmethod
    def limits(padding: int, stride: int, pool: int, stage: str, **_: object) -> dict[str, int]:
        side = output_size(SIDE, 3, stride, padding)
        there = side // pool if stage == "pooling" else side
        return {"row": there, "column": there} if there else {}  # refused where there is none

    @staticmethod
    def view(digit: int, filter: str, stage: str, row: int, column: int, **how: int) -> View:
        side, pool = output_size(SIDE, 3, how["stride"], how["padding"]), how["pool"]
        if pool > side:
            raise ValueError(
                f"The convolution leaves a map of {side} {TIMES} {side}, and a pooling window of "
                f"{pool} {TIMES} {pool} does not fit into it. Choose a smaller window, a smaller "
                "stride or more padding."
            )
        layer = figures.Layer(_rows(digit), FILTERS[filter], **how)
        diagram = layer.draw(stage, row, column)
        says, rest = layer.sentence(stage, row, column), side % pool
        if rest:
            lines = f"{rest} rows and the last {rest} columns"
            lines = lines if rest > 1 else "row and the last column"
            says = f"{says[:-1]}; the last {lines} of the detector fill no window and are left out."
        return View(diagram.svg, says, diagram.alt)


# Two heads

BUILT = (32, 64, 128, 224)  # input sizes


class InputResolution(Explorer):
    """The network of notebook 05, with one of two heads; the dense one was built for one size."""

    controls = (
        Slider("size", "Input size", SIZES[0], SIZES[-1], start=32, step=SIZES.step),
        Choice("head", "Head", {"Pooled": "pooled", "Dense": "dense"}, "pooled", buttons=True),
        Choice("built", "Dense for", {f"{n} {TIMES} {n} inputs": n for n in BUILT}, start=32),
    )

    @staticmethod
    def view(size: int, head: str, built: int) -> View:
        here, planned = cost(size, head), cost(built, "dense").features
        side, channels = here.maps[-1]
        count = f"{here.head_parameters:,} parameters"
        if head == "pooled":
            says = f"averaged to {channels} numbers: the head has {count} for any input size."
            says = f"{channels} maps of {side} {TIMES} {side}, {says}"
        elif here.features == planned:
            says = (
                f"{channels} maps of {side} {TIMES} {side} are {planned:,} numbers, and each has "
                f"its own weight to each of the {CLASSES} outputs: {count} in the head."
            )
            if size != built:
                says += f" Built for {built} pixels, it accepts {size} as well: the poolings round "
                says += f"both down to {side}."
        else:
            raise ValueError(
                f"The dense head was built for {built} {TIMES} {built} pixels: it has weights for "
                f"{planned:,} numbers. From {size} {TIMES} {size} pixels it gets {channels} "
                f"{TIMES} {side} {TIMES} {side} = {here.features:,}. PyTorch says: \u201cmat1 and "
                f"mat2 shapes cannot be multiplied (1x{here.features} and "
                f"{planned}x{CLASSES})\u201d. Go back to about {built} pixels, or choose the "
                "pooled head."
            )
        says += f" {here.macs:,} MACs (multiply-adds of convolution and dense weights)"
        if size != 32:
            times, pixels = here.macs / cost(32, head).macs, (size / 32) ** 2
            says += f": {times:.2f} times those of 32 {TIMES} 32, for {pixels:.2f} times the pixels"
        diagram = resolution.resolution_diagram(size, head)
        return View(diagram.svg, f"{says}.", diagram.alt)
