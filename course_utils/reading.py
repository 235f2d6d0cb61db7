"""How a digit gets into LeNet-5 and what each layer makes of it: a pen, and a look inside.

The pen draws as the scans of `datasets.digits` were made: on a bitmap of 32 x 32, of which each
4 x 4 block is counted, so that 8 x 8 cells hold 0 to 16. Drawings and scans then go the same way.

PyTorch is imported inside `look`: the panel that draws should not have to wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CELLS = 8
"""Cells along a side of the pad."""
FULL = 16
"""Ink of a cell that is quite black."""

_FINE = 32
_RADIUS = 2.4  # of the pen, in pixels of the fine bitmap: the strokes of the scans are about 5 wide


def stroke(ink: Sequence[int], start: tuple[int, int], end: tuple[int, int]) -> tuple[int, ...]:
    """Draw a straight line from the middle of one cell to the middle of another.

    Args:
        ink: 64 numbers from 0 to 16, row by row.
        start, end: (row, column), each from 0 to 7; equal ones make a dot.

    Returns:
        The 64 numbers afterwards. Ink only grows.

    Raises:
        ValueError: for ink or a cell out of range.
    """
    ink = checked(ink)
    for name, cell in (("start", start), ("end", end)):
        if len(cell) != 2 or not all(0 <= number < CELLS for number in cell):
            raise ValueError(f"{name} must be a row and a column from 0 to 7, got {cell!r}")
    block = _FINE // CELLS
    a, b = ((np.array(cell) + 0.5) * block - 0.5 for cell in (start, end))
    pixels = np.stack(np.mgrid[:_FINE, :_FINE], axis=-1).astype(float)  # (32, 32, 2)
    along = ((pixels - a) @ (b - a)) / max(float((b - a) @ (b - a)), 1e-9)
    nearest = a + along.clip(0, 1)[..., None] * (b - a)
    bitmap = np.linalg.norm(pixels - nearest, axis=-1) <= _RADIUS
    counts = bitmap.reshape(CELLS, block, CELLS, block).sum(axis=(1, 3))
    return tuple(np.maximum(ink, counts.ravel()).tolist())


def checked(ink: Sequence[int]) -> np.ndarray:
    """Return the 64 numbers as an array; ValueError if they are not 64 from 0 to 16."""
    array = np.asarray(ink)
    if array.shape != (CELLS**2,) or array.dtype.kind not in "iu":
        raise ValueError(f"ink must be 64 integers, got {array.shape} of {array.dtype}")
    if array.min() < 0 or array.max() > FULL:
        raise ValueError(f"ink must lie from 0 to 16, got {array.min()} to {array.max()}")
    return array


class Look(NamedTuple):
    """What a LeNet-5 makes of one image.

    image (32, 32): as the network gets it, 0 paper to 1 ink. layers: name -> maps (count, H, W),
    each from 0 (the lowest value that the layer can have) to 1; C5 as one map of 15 x 8 units, F6
    as one of 12 x 7, which is how the codes are drawn. outputs (10,): distances to the codes, or
    probabilities. distances: which of the two. best: the class that is chosen.
    """

    image: np.ndarray
    layers: dict[str, np.ndarray]
    outputs: np.ndarray
    distances: bool
    best: int

    @property
    def hesitates(self) -> bool:
        """Whether another class comes close: half as likely, or less than 1.5 times as far."""
        low, high = sorted(self.outputs)[:2], sorted(self.outputs)[-2:]
        return bool(low[1] < 1.5 * low[0] if self.distances else 2 * high[0] > high[1])

    @property
    def second(self) -> int:
        """The class that would be chosen next."""
        order = np.argsort(self.outputs if self.distances else -self.outputs)
        return int(order[1])


def look(model, ink: Sequence[int], *, margin: int = 0) -> Look:
    """Show a LeNet-5 one image and keep what every layer puts out.

    Args:
        model: a `models.LeNet5` of any variant with ten classes. Its mode and weights stay.
        ink: 64 numbers from 0 to 16.
        margin: empty pixels around the digit, 0 to 12: `datasets.digits(32)` has none, MNIST's
            digits lie 20 x 20 in the middle, which is a margin of 6.

    Raises:
        ValueError: for an argument out of range.
    """
    import torch

    from course_utils.models.lenet5 import AMPLITUDE, to_paper_range

    if isinstance(margin, bool) or not isinstance(margin, int) or not 0 <= margin <= 12:
        raise ValueError(f"margin must be an integer from 0 to 12, got {margin!r}")
    cells = torch.tensor(checked(ink).reshape(1, 1, CELLS, CELLS) / FULL, dtype=torch.float32)
    side = _FINE - 2 * margin
    image = torch.nn.functional.interpolate(cells, size=(side, side), mode="bilinear")
    image = torch.nn.functional.pad(image, [margin] * 4)  # (1, 1, 32, 32)
    paper = model.variant != "modern"
    layers = {}
    with torch.no_grad():
        x = to_paper_range(image) if paper else image
        for number, name in enumerate(("c1", "s2", "c3", "s4", "c5", "f6"), 1):
            x = x.flatten(1) if name == "f6" else x
            x = getattr(model, f"act{number}")(getattr(model, name)(x))
            layers[name.upper()] = _scaled(x[0], AMPLITUDE if paper else None)
        outputs = model.output(x)[0]
        outputs = outputs if paper else outputs.softmax(dim=0)
    best = int(outputs.argmin() if paper else outputs.argmax())
    return Look(image[0, 0].numpy(), layers, outputs.numpy(), paper, best)


def _scaled(values, amplitude: float | None) -> np.ndarray:
    """The activations of one image as maps from 0 to 1."""
    array = values.numpy().astype(float)
    if amplitude is None:
        array = array / max(float(array.max()), 1e-9)  # a ReLU: from 0
    else:
        array = (array + amplitude) / (2 * amplitude)
    shapes = {120: (1, 15, 8), 84: (1, 12, 7)}
    return array.reshape(shapes.get(array.size, array.shape))
