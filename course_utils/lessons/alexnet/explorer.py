"""227 or 224: the first convolution at the edge of the image, and the maps down to fc6.

panel = FirstConvolution()       # 224 pixels, no padding, rounded down: 54
panel                            # the last columns are never read
panel.rounding.value = "up"      # 55, as in the authors' code
panel.size.value = 60            # refused: nothing is left for pool5
"""

from __future__ import annotations

from course_utils.drawing.svg import TIMES
from course_utils.lessons.alexnet.figures import edge_and_trail
from course_utils.old_explorer import Explorer, View, choice, slider

POOL_KERNEL, POOL_STRIDE = 3, 2
CONV5_MAPS, HIDDEN_UNITS = 256, 4096
KERNELS = (11, 7, 5)
SMALLEST, LARGEST = 32, 256
PAPER_SIDES = (55, 27, 13, 6)
"""Sides after conv1, pool1, pool2 and pool5 in the paper."""


class FirstConvolution(Explorer):
    """Explorer of AlexNet's first convolution and of the sides of all maps behind it.

    Args (each the first value of a control):
        size: side of the image, 32 to 256 pixels. padding: zeros on each side, 0 to 4.
        rounding: `"down"` (PyTorch) or `"up"` (the authors' code), for all four divisions.
        kernel: of the first convolution, 11, 7 or 5. stride: of it, 1 to 4.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        size: int = 224,
        padding: int = 0,
        rounding: str = "down",
        kernel: int = 11,
        stride: int = 4,
    ) -> None:
        controls = {
            "size": slider("Image", size, SMALLEST, LARGEST),
            "padding": slider("Padding", padding, 0, 4),
            "rounding": choice("Round", rounding, [("Down", "down"), ("Up", "up")], buttons=True),
            "kernel": choice("Kernel", kernel, [(f"{k} {TIMES} {k}", k) for k in KERNELS]),
            "stride": slider("Stride", stride, 1, 4),
        }
        super().__init__(view, controls)


def windows(n: int, kernel: int, stride: int, padding: int = 0, rounding: str = "down") -> int:
    """Return how many windows lie in a row of `n`; 0 or less where none fits.

    Rounded up, a last window may read past the padded row (cuda-convnet, the authors' code).
    """
    room = n + 2 * padding - kernel
    if room < 0:
        return 0
    return (room // stride if rounding == "down" else -(-room // stride)) + 1


def trail(
    size: int, kernel: int = 11, stride: int = 4, padding: int = 0, rounding: str = "down"
) -> list[tuple[str, int]]:
    """Return (name, side) of conv1, pool1, pool2 and pool5; conv2 to conv5 keep the size.

    Raises:
        ValueError: where a window does not fit any more; the message says which.
    """
    side = windows(size, kernel, stride, padding, rounding)
    if side < 1:
        raise ValueError(f"A window of {kernel} {TIMES} {kernel} does not fit into {size} pixels.")
    stages = [("conv1", side)]
    for name in ("pool1", "pool2", "pool5"):
        if side < POOL_KERNEL:
            before = stages[-1][0]
            raise ValueError(
                f"{size} pixels are too few: the maps behind {before} are {side} {TIMES} {side}, "
                f"and {name} needs windows of 3 {TIMES} 3. Nothing would be left for the dense "
                "layers. Choose a larger image, a smaller stride or more padding."
            )
        side = windows(side, POOL_KERNEL, POOL_STRIDE, 0, rounding)
        stages.append((name, side))
    return stages


def fc6(side: int) -> tuple[int, int]:
    """Return the inputs of fc6 and its parameters, for pool5 maps of this side."""
    inputs = CONV5_MAPS * side**2
    return inputs, (inputs + 1) * HIDDEN_UNITS


def view(size: int, padding: int, rounding: str, kernel: int, stride: int) -> View:
    """Draw one state of the explorer and write the division out.

    Raises:
        ValueError: where nothing is left for fc6; the message says which window does not fit.
    """
    stages = trail(size, kernel, stride, padding, rounding)
    count = stages[0][1]
    dense = fc6(stages[-1][1])
    diagram = edge_and_trail(size, kernel, stride, padding, count, stages, dense)
    return View(diagram.svg, explain(size, kernel, stride, padding, rounding), diagram.alt)


def explain(size: int, kernel: int, stride: int, padding: int, rounding: str) -> str:
    """Write out the division of conv1 and compare the maps with the paper's."""
    stages = trail(size, kernel, stride, padding, rounding)
    room = size + 2 * padding - kernel
    padded = f"{size} + 2\u00b7{padding}" if padding else f"{size}"
    quotient = room / stride
    rounded = f" = {quotient:g}, rounded {rounding}," if room % stride else ""
    first = f"({padded} \u2212 {kernel}) / {stride}{rounded} + 1 = {stages[0][1]}."
    sides = tuple(side for _, side in stages)
    inputs, parameters = fc6(sides[-1])
    if sides == PAPER_SIDES:
        second = "The maps have the paper's sides, 55, 27, 13 and 6:"
    else:
        second = f"The sides are {', '.join(map(str, sides))}; the paper has 55, 27, 13, 6:"
    return f"{first} {second} fc6 gets {inputs:,} numbers and has {parameters:,} parameters."
