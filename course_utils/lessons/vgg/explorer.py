"""Stack small filters: 3x3 layers against one large kernel, field and costs side by side.

panel = KernelStack()
panel                       # three 3x3 layers see as much as one 7x7, with 55 % of its weights
panel.move(kernel=11)       # how many small layers does it take now?
panel.move(in_maps=3)       # next to the image the stack is the dearer one
"""

from __future__ import annotations

from course_utils.drawing.svg import TIMES
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.vgg.figures import Cost, count_stack, stack_diagram

MAPS = (3, 16, 64, 128, 256, 512)
"""How many maps may go in: 3 is a colour image. All but 3 may come out."""

KERNELS = (3, 5, 7, 9, 11, 13)
"""Rows of the one large filter."""

SIDES = (224, 112, 56, 28, 14)
"""Rows of the maps in the five blocks of VGG."""


def view(layers: int, kernel: int, in_maps: int, maps: int, side: int) -> View:
    """Draw both, and say which of the two is cheaper, and by how much."""
    stack = count_stack(3, layers, in_maps, maps, side)
    single = count_stack(kernel, 1, in_maps, maps, side)
    diagram = stack_diagram(stack, single)
    says = f"{fields(stack, single)} {weights(stack, single, in_maps, maps)}"
    return View(diagram.svg, says, diagram.alt)


def fields(stack: Cost, single: Cost) -> str:
    """Say who sees more, and how many 3x3 layers would see as much as the large kernel."""
    kernel = single.field
    layers = f"{stack.relus} layer{'s' * (stack.relus > 1)} of 3{TIMES}3"
    verb = "see" if stack.relus > 1 else "sees"
    if stack.field == kernel:
        return f"{layers} {verb} {kernel}{TIMES}{kernel}, as much as the one kernel."
    needed = (kernel - 1) // 2
    less = "less" if stack.field < kernel else "more"
    return (
        f"{layers} {verb} {stack.field}{TIMES}{stack.field}, {less} than the one kernel. For a "
        f"fair comparison it takes {needed}."
    )


def weights(stack: Cost, single: Cost, in_maps: int, maps: int) -> str:
    """Write both counts out and compare them."""
    first = f"9 {TIMES} {in_maps} {TIMES} {maps}"
    if stack.relus > 1:
        first += f" + {stack.relus - 1} {TIMES} 9 {TIMES} {maps} {TIMES} {maps}"
    one = f"{single.field**2} {TIMES} {in_maps} {TIMES} {maps}"
    counts = f"Weights: {first} = {stack.weights:,} against {one} = {single.weights:,}"
    if stack.weights == single.weights:
        return f"{counts}: the same."
    fewer, more = sorted((stack.weights, single.weights))
    dear = "one kernel" if single.weights > stack.weights else "stack"
    if more < 2 * fewer:
        return f"{counts}: the {dear} has {100 * (more / fewer - 1):.0f} % more."
    return f"{counts}: the {dear} has {more / fewer:.1f} times as many."


class KernelStack(Explorer):
    """A stack of 3x3 layers beside one layer with a larger kernel."""

    controls = (
        Slider("layers", f"3{TIMES}3 layers", 1, 6, start=3),
        Choice("kernel", "One kernel", {f"{k}{TIMES}{k}": k for k in KERNELS}, start=7),
        Choice("in_maps", "Maps in", {f"{n}": n for n in MAPS}, start=64),
        Choice("maps", "Maps out", {f"{n}": n for n in MAPS[1:]}, start=64),
        Choice("side", "Map size", {f"{s}{TIMES}{s}": s for s in SIDES}, start=56),
    )
    view = staticmethod(view)
