"""Stack small filters: 3x3 layers against one large kernel, field and costs side by side."""

from course_utils.drawing.svg import TIMES, plural
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.vgg.figures import stack_diagram


def costs(kernel: int, layers: int, in_maps: int, maps: int, side: int) -> tuple[int, ...]:
    """Return weights without biases, multiply-adds, ReLUs in a row, and numbers put out.

    Of equal convolutions with stride 1, each with a ReLU, on maps of `side` rows.
    """
    weights = kernel**2 * maps * (in_maps + (layers - 1) * maps)
    return weights, weights * side**2, layers, layers * maps * side**2


class KernelStack(Explorer):
    """A stack of 3x3 layers beside one layer with a larger kernel."""

    controls = (
        Slider("layers", f"3{TIMES}3 layers", 1, 6, start=3),
        Choice("kernel", "One kernel", {f"{k}{TIMES}{k}": k for k in range(3, 14, 2)}, start=7),
        Choice("in_maps", "Maps in", {f"{n}": n for n in (3, 16, 64, 128, 256, 512)}, start=64),
        Choice("maps", "Maps out", {f"{n}": n for n in (16, 64, 128, 256, 512)}, start=64),
        Choice("side", "Map size", {f"{n}{TIMES}{n}": n for n in (224, 112, 56, 28, 14)}, start=56),
    )

    @staticmethod
    def view(layers: int, kernel: int, in_maps: int, maps: int, side: int) -> View:
        stack, single = costs(3, layers, in_maps, maps, side), costs(kernel, 1, in_maps, maps, side)
        field = 2 * layers + 1
        says = f"{plural(layers, 'layer')} of 3{TIMES}3 see{'s' * (layers == 1)} "
        says += f"{field}{TIMES}{field}, "
        if field == kernel:
            says += "as much as the one kernel. "
        else:
            says += f"{'less' if field < kernel else 'more'} than the one kernel. "
            says += f"For a fair comparison it takes {(kernel - 1) // 2}. "
        both = f"{TIMES} {in_maps} {TIMES} {maps}"
        deeper = f" + {layers - 1} {TIMES} 9 {TIMES} {maps} {TIMES} {maps}" * (layers > 1)
        says += f"Weights: 9 {both}{deeper} = {stack[0]:,} against {kernel**2} {both} = "
        says += f"{single[0]:,}: {compared(stack[0], single[0])}."
        diagram = stack_diagram(layers, kernel, stack, single)
        return View(diagram.svg, says, diagram.alt)


def compared(stack: int, single: int) -> str:
    """Say which of the two has more weights, and by how much."""
    if stack == single:
        return "the same"
    dear, ratio = ("stack", stack / single) if stack > single else ("one kernel", single / stack)
    by = f"{100 * (ratio - 1):.0f} % more" if ratio < 2 else f"{ratio:.1f} times as many"
    return f"the {dear} has {by}"
