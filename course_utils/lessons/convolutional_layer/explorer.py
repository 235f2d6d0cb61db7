"""Hover an output, see its arithmetic: a convolutional layer on a real scan, stage by stage.

panel = ConvolutionalLayer(digit=3, filter="vertical edge")
panel                       # one unit's sum is written out; point at any other
panel.stride.value = 2      # as if the slider were moved
panel.row.value = 3         # the chosen unit, without a mouse
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np

from course_utils.datasets.files import read_verified
from course_utils.drawing.svg import TIMES
from course_utils.geometry import output_size
from course_utils.lessons.convolutional_layer.figures import (
    STAGES,
    layer_diagram,
    stages,
    unit_sentence,
)
from course_utils.old_explorer import Explorer, View, choice, slider

FILTERS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "vertical edge": ((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)),
    "horizontal edge": ((-1, -1, -1), (0, 0, 0), (1, 1, 1)),
    "diagonal line": ((-1, -1, 2), (-1, 2, -1), (2, -1, -1)),
    "dot": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "sum of all nine": ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    "copy the centre": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
}
"""Name -> 3 x 3 integer filter. The edge filters compare one side with the other (Prewitt)."""

SIDE, KERNEL = 8, 3


@lru_cache(maxsize=10)
def scan(digit: int) -> np.ndarray:
    """Return the first scan of a digit in the data: (8, 8) integers, 0 paper to 16 ink.

    Raises:
        ValueError: if `digit` is no integer from 0 to 9.
    """
    if isinstance(digit, bool) or digit not in range(10):
        raise ValueError(f"digit must be an integer from 0 to 9, got {digit!r}")
    with np.load(io.BytesIO(read_verified("digits.npz")), allow_pickle=False) as arrays:
        first = int(np.argmax(arrays["labels"] == digit))
        image = arrays["images"][first].astype(int)
    image.flags.writeable = False  # one array for all who ask
    return image


class ConvolutionalLayer(Explorer):
    """Explorer of one layer with one 3 x 3 filter on one 8 x 8 scan, in exact integers.

    Args (each the first value of a control):
        digit: 0 to 9, the first scan of it. filter: a name from `FILTERS`.
        bias: added to every sum, -30 to 30. padding: zeros on each side, 0 or 1.
        stride: of the filter, 1 to 3. pool: side of the pooling window, 1 to 4.
        stage: where the chosen unit is, `"convolution"`, `"detector"` or `"pooling"`.
        row, column: its place there, from 1; None: the middle.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        digit: int = 3,
        filter: str = "vertical edge",
        bias: int = 0,
        padding: int = 0,
        stride: int = 1,
        pool: int = 2,
        stage: str = "pooling",
        row: int | None = None,
        column: int | None = None,
    ) -> None:
        there = units(padding, stride, pool, stage) or SIDE
        middle = (there + 1) // 2
        controls = {
            "digit": slider("Digit", digit, 0, 9),
            "filter": choice("Filter", filter, [(n.capitalize(), n) for n in FILTERS]),
            "bias": slider("Bias", bias, -30, 30),
            "padding": slider("Padding", padding, 0, 1),
            "stride": slider("Stride", stride, 1, 3),
            "pool": slider("Pool", pool, 1, 4),
            "stage": choice("Pick in", stage, [(n.capitalize(), n) for n in STAGES]),
            "row": slider("Row", middle if row is None else row, 1, there),
            "column": slider("Column", middle if column is None else column, 1, there),
        }
        super().__init__(view, controls, limits=limits)


def units(padding: int, stride: int, pool: int, stage: str) -> int:
    """Return how many rows a stage has; 0 where the pooling window is larger than its map."""
    side = output_size(SIDE, KERNEL, stride, padding)
    if stage != "pooling":
        return side
    return side // pool


def view(
    digit: int,
    filter: str,
    bias: int,
    padding: int,
    stride: int,
    pool: int,
    stage: str,
    row: int,
    column: int,
) -> View:
    """Draw one state of the explorer and write out the chosen unit.

    Raises:
        ValueError: if the pooling window does not fit, and as `layer_diagram`.
    """
    side = output_size(SIDE, KERNEL, stride, padding)
    if pool > side:
        raise ValueError(
            f"The convolution leaves a map of {side} {TIMES} {side}, and a pooling window of "
            f"{pool} {TIMES} {pool} does not fit into it. Choose a smaller window, a smaller "
            "stride or more padding."
        )
    image, kernel = scan(digit), np.array(FILTERS[filter])
    how = dict(bias=bias, stride=stride, padding=padding, pool=pool)
    diagram = layer_diagram(image, kernel, stage=stage, row=row, column=column, **how)
    maps = stages(image, kernel, **how)
    unit = unit_sentence(maps, kernel, bias, stride, pool, stage, row, column)
    return View(diagram.svg, f"{unit} {_rest(side, pool)}".strip(), diagram.alt)


def limits(digit, filter, bias, padding, stride, pool, stage, row, column) -> dict[str, int]:
    """Return the last row and column of the stage; nothing where it has none."""
    there = units(padding, stride, pool, stage)
    return {"row": there, "column": there} if there else {}


def _rest(side: int, pool: int) -> str:
    """Say what the pooling leaves out at the right and lower border."""
    rest = side % pool
    if not rest:
        return ""
    lines = "row and the last column" if rest == 1 else f"{rest} rows and the last {rest} columns"
    return f"The last {lines} of the detector fill no window: they are left out."
