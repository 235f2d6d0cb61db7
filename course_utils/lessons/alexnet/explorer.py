"""227 or 224: the first convolution at the edge of the image, and the maps down to fc6."""

from course_utils.drawing.svg import MINUS, TIMES
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.alexnet.exercises import map_side
from course_utils.lessons.alexnet.figures import edge_and_trail


def trail(size, padding, rounding, kernel, stride) -> list[tuple[str, int]]:
    """Return (name, side) of conv1, pool1, pool2 and pool5; conv2 to conv5 keep the size."""
    up = rounding == "up"
    stages = [("conv1", map_side(size, kernel, stride, padding, up))]
    for name in ("pool1", "pool2", "pool5"):
        before, side = stages[-1]
        if side < 3:
            raise ValueError(
                f"{size} pixels are too few: the maps behind {before} are {side} {TIMES} {side}, "
                f"and {name} needs windows of 3 {TIMES} 3. Nothing would be left for the dense "
                "layers. Choose a larger image, a smaller stride or more padding."
            )
        stages.append((name, map_side(side, 3, 2, 0, up)))
    return stages


class FirstConvolution(Explorer):
    """AlexNet's first convolution, and the sides of all maps behind it.

    rounding: "down" as in PyTorch, or "up" as in the authors' code, for all four divisions.
    """

    controls = (
        Slider("size", "Image", 32, 256, start=224),
        Slider("padding", "Padding", 0, 4, start=0),
        Choice("rounding", "Round", {"Down": "down", "Up": "up"}, start="down", buttons=True),
        Choice("kernel", "Kernel", {f"{k} {TIMES} {k}": k for k in (11, 7, 5)}, start=11),
        Slider("stride", "Stride", 1, 4, start=4),
    )

    @staticmethod
    def view(size: int, padding: int, rounding: str, kernel: int, stride: int) -> View:
        stages = trail(size, padding, rounding, kernel, stride)
        sides = [side for _, side in stages]
        inputs = 256 * sides[-1] ** 2  # maps of conv5, times their places
        parameters = (inputs + 1) * 4096
        room = size + 2 * padding - kernel
        padded = f"{size}" + f" + 2\u00b7{padding}" * (padding > 0)
        rounded = f" = {room / stride:g}, rounded {rounding}," * (room % stride > 0)
        compared = f"The sides are {', '.join(map(str, sides))}; the paper has 55, 27, 13, 6:"
        if sides == [55, 27, 13, 6]:
            compared = "The maps have the paper's sides, 55, 27, 13 and 6:"
        says = (
            f"({padded} {MINUS} {kernel}) / {stride}{rounded} + 1 = {sides[0]}. {compared} "
            f"fc6 gets {inputs:,} numbers and has {parameters:,} parameters."
        )
        diagram = edge_and_trail(size, kernel, stride, padding, stages, (inputs, parameters))
        return View(diagram.svg, says, diagram.alt)
