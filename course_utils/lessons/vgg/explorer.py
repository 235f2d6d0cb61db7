"""Stack small filters: 3x3 layers against one large kernel, field and costs side by side.

panel = KernelStack()
panel                       # three 3x3 layers see as much as one 7x7, with 55 % of its weights
panel.move(kernel=11)       # how many small layers does it take now?
panel.move(in_maps=3)       # next to the image the stack is the dearer one
"""

from __future__ import annotations

from course_utils.drawing.svg import TIMES, plural
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.vgg.figures import stack_diagram


def costs(kernel: int, layers: int, in_maps: int, maps: int, side: int) -> tuple[int, ...]:
    """Return weights without biases, multiply-adds, ReLUs in a row, and numbers put out.

    Of equal convolutions with stride 1, each with a ReLU, on maps of `side` rows.
    """
    weights = kernel**2 * maps * (in_maps + (layers - 1) * maps)
    return weights, weights * side**2, layers, layers * maps * side**2


def view(layers: int, kernel: int, in_maps: int, maps: int, side: int) -> View:
    """Draw both, and say which of the two is cheaper, and by how much."""
    stack, single = costs(3, layers, in_maps, maps, side), costs(kernel, 1, in_maps, maps, side)
    diagram = stack_diagram(layers, kernel, stack, single)
    says = f"{fields(layers, kernel)} {weights(layers, kernel, in_maps, maps, stack[0], single[0])}"
    return View(diagram.svg, says, diagram.alt)


def fields(layers: int, kernel: int) -> str:
    """Say who sees more, and how many 3x3 layers would see as much as the large kernel."""
    field, sees = 2 * layers + 1, "see" if layers > 1 else "sees"
    says = f"{plural(layers, 'layer')} of 3{TIMES}3 {sees} {field}{TIMES}{field}"
    if field == kernel:
        return f"{says}, as much as the one kernel."
    says += f", {'less' if field < kernel else 'more'} than the one kernel."
    return f"{says} For a fair comparison it takes {(kernel - 1) // 2}."


def weights(layers: int, kernel: int, in_maps: int, maps: int, stack: int, single: int) -> str:
    """Write both counts out and compare them."""
    both = f"{TIMES} {in_maps} {TIMES} {maps}"
    deeper = f" + {layers - 1} {TIMES} 9 {TIMES} {maps} {TIMES} {maps}" * (layers > 1)
    says = f"Weights: 9 {both}{deeper} = {stack:,} against {kernel**2} {both} = {single:,}"
    if stack == single:
        return f"{says}: the same."
    dear, ratio = "one kernel", single / stack
    if stack > single:
        dear, ratio = "stack", stack / single
    by = f"{100 * (ratio - 1):.0f} % more" if ratio < 2 else f"{ratio:.1f} times as many"
    return f"{says}: the {dear} has {by}."


class KernelStack(Explorer):
    """A stack of 3x3 layers beside one layer with a larger kernel."""

    controls = (
        Slider("layers", f"3{TIMES}3 layers", 1, 6, start=3),
        Choice("kernel", "One kernel", {f"{k}{TIMES}{k}": k for k in range(3, 14, 2)}, start=7),
        Choice("in_maps", "Maps in", {f"{n}": n for n in (3, 16, 64, 128, 256, 512)}, start=64),
        Choice("maps", "Maps out", {f"{n}": n for n in (16, 64, 128, 256, 512)}, start=64),
        Choice(
            "side", "Map size", {f"{224 >> k}{TIMES}{224 >> k}": 224 >> k for k in range(5)}, 56
        ),
    )
    view = staticmethod(view)
