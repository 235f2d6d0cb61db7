"""Stack small filters: 3x3 layers against one large kernel, field and costs side by side.

panel = KernelStack()
panel                       # three 3x3 layers see as much as one 7x7, with 55 % of its weights
panel.kernel.value = 11     # how many small layers does it take now?
panel.in_maps.value = 3     # next to the image the stack is the dearer one
"""

from __future__ import annotations

from course_utils.drawing.svg import TIMES
from course_utils.lessons.vgg.figures import Cost, count_stack, stack_diagram
from course_utils.old_explorer import Explorer, View, choice, slider

MAPS = (3, 16, 64, 128, 256, 512)
"""How many maps may go in or come out: 3 is a colour image."""

KERNELS = (3, 5, 7, 9, 11, 13)
"""Rows of the one large filter."""

SIDES = (224, 112, 56, 28, 14)
"""Rows of the maps in the five blocks of VGG."""


class KernelStack(Explorer):
    """Explorer of a stack of 3x3 layers beside one layer with a larger kernel.

    Args (each the first value of a control):
        layers: 3x3 layers in the stack, 1 to 6. kernel: 3, 5, 7, 9, 11 or 13.
        in_maps: maps that go in, one of `MAPS`. maps: maps that each layer puts out, one of `MAPS`
        but 3. side: rows of the maps, one of `SIDES`.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self, layers: int = 3, kernel: int = 7, in_maps: int = 64, maps: int = 64, side: int = 56
    ) -> None:
        kernels = [(f"{k}{TIMES}{k}", k) for k in KERNELS]
        controls = {
            "layers": slider(f"3{TIMES}3 layers", layers, 1, 6),
            "kernel": choice("One kernel", kernel, kernels),
            "in_maps": choice("Maps in", in_maps, list(MAPS)),
            "maps": choice("Maps out", maps, list(MAPS[1:])),
            "side": choice("Map size", side, [(f"{s}{TIMES}{s}", s) for s in SIDES]),
        }
        super().__init__(view, controls)


def view(layers: int, kernel: int, in_maps: int, maps: int, side: int) -> View:
    """Draw one state of the explorer and say which of the two is cheaper, and by how much.

    Raises:
        ValueError: as `stack_diagram`.
    """
    diagram = stack_diagram(layers, kernel, in_maps=in_maps, maps=maps, side=side)
    stack = count_stack(3, layers, in_maps, maps, side)
    single = count_stack(kernel, 1, in_maps, maps, side)
    says = f"{fields(stack, single, kernel)} {weights(stack, single, kernel, in_maps, maps)}"
    return View(diagram.svg, says, diagram.alt)


def fields(stack: Cost, single: Cost, kernel: int) -> str:
    """Say who sees more, and how many 3x3 layers would see as much as the large kernel."""
    layers = f"{stack.relus} layer{'s' * (stack.relus > 1)} of 3{TIMES}3"
    verb = "see" if stack.relus > 1 else "sees"
    if stack.field == single.field:
        return f"{layers} {verb} {kernel}{TIMES}{kernel}, as much as the one kernel."
    needed = (kernel - 1) // 2
    less = "less" if stack.field < single.field else "more"
    return (
        f"{layers} {verb} {stack.field}{TIMES}{stack.field}, {less} than the one kernel. For a "
        f"fair comparison it takes {needed}."
    )


def weights(stack: Cost, single: Cost, kernel: int, in_maps: int, maps: int) -> str:
    """Write both counts out and compare them."""
    first = f"9 {TIMES} {in_maps} {TIMES} {maps}"
    if stack.relus > 1:
        first += f" + {stack.relus - 1} {TIMES} 9 {TIMES} {maps} {TIMES} {maps}"
    one = f"{kernel * kernel} {TIMES} {in_maps} {TIMES} {maps}"
    counts = f"Weights: {first} = {stack.weights:,} against {one} = {single.weights:,}"
    if stack.weights == single.weights:
        return f"{counts}: the same."
    fewer, more = sorted((stack.weights, single.weights))
    dear = "one kernel" if single.weights > stack.weights else "stack"
    if more < 2 * fewer:
        return f"{counts}: the {dear} has {100 * (more / fewer - 1):.0f} % more."
    return f"{counts}: the {dear} has {more / fewer:.1f} times as many."
