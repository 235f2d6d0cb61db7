"""The two panels of lesson 01: the arrows of one layer, and the receptive field of a stack."""

from __future__ import annotations

from collections import Counter

from course_utils import geometry
from course_utils.drawing.svg import ELLIPSIS, MINUS, TIMES, plural
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.sparse_connectivity.field_figures import pyramid
from course_utils.lessons.sparse_connectivity.figures import Connections, connections, edge_diagram

DENSE = "fully connected"
LAYERS = {"Convolution": "convolution", "Dense": DENSE}
SIDES = {"An output": "outputs", "An input": "inputs"}
INPUTS = 21
"""Units at the bottom of the pyramid: odd, so that one stands in the middle."""
EVERY_LAYER = 0
"""The value of the control `at` that gives every layer the stride."""
STRIDED = {"Every layer": EVERY_LAYER} | {f"Layer {k} only": k for k in range(1, 6)}


def middle(count: int) -> int:
    """Return the unit in the middle of a row, counted from 1."""
    return (count + 1) // 2


class SparseConnectivity(Explorer):
    """Count the arrows: one layer as arrows and as a matrix, dense or sparse."""

    controls = (
        Slider("n", "Inputs", 3, 12, start=5),
        Slider("kernel", "Kernel", 1, 7, start=3),
        Slider("stride", "Stride", 1, 4, start=1),
        Slider("padding", "Padding", 0, 3, start=1),
        Slider("dilation", "Dilation", 1, 3, start=1),
        Choice("layer", "Layer", LAYERS, start="convolution", buttons=True),
        Choice("side", "Highlight", SIDES, start="outputs", buttons=True),
        Slider("unit", "Unit", 1, 18, start=middle),
    )

    @staticmethod
    def limits(n, kernel, stride, padding, dilation, layer, side, unit) -> dict[str, int]:
        """Return how many units there are on that side; nothing where the layer is impossible."""
        if side == "inputs":
            return {"unit": n}
        if not too_wide(n, kernel, padding, dilation):
            return {"unit": geometry.output_size(n, kernel, stride, padding, dilation)}
        return {"unit": n} if layer == DENSE else {}

    @staticmethod
    def view(n, kernel, stride, padding, dilation, layer, side, unit) -> View:
        """Draw the layer and say how its count comes about."""
        reason, dense = too_wide(n, kernel, padding, dilation), layer == DENSE
        if reason and not dense:
            raise ValueError(reason)
        if reason:  # a dense layer has no kernel: draw one of n outputs
            kernel, stride, padding, dilation = 1, 1, 0, 1
        shape = n, kernel, stride, padding, dilation
        picked = f"{'s' if side == 'outputs' else 'x'}{unit}"
        diagram = edge_diagram(*shape, dense, picked)
        sparse = connections(*shape)
        m, count = sparse.outputs, len(sparse.pairs)
        if dense:
            says = f"Every output reads all {n} inputs: {m} {TIMES} {n} = "
            says += f"{plural(m * n, 'arrow')}, one weight each. "
            says += (
                "A convolution with these settings does not exist."
                if reason
                else f"The convolution between the same units has {count}."
            )
        else:
            says = count_arrows(sparse, kernel, padding)
        says += " " + connections(*shape, dense).neighbours(picked)
        return View(diagram.svg, says, diagram.alt)


def too_wide(n: int, kernel: int, padding: int, dilation: int) -> str:
    """Say why no output exists, or return an empty string where at least one does."""
    reach, room = dilation * (kernel - 1) + 1, n + 2 * padding
    if reach <= room:
        return ""
    spread = f" with dilation {dilation}" if dilation > 1 else ""
    zeros = f"{2 * padding} zeros of padding" if padding else "no padding"
    smaller = " a smaller dilation," if dilation > 1 else ""
    return (
        f"A kernel of {kernel}{spread} spans {plural(reach, 'place')}, but there are only {room} "
        f"({n} inputs, {zeros}). Choose a smaller kernel,{smaller} more padding or more inputs."
    )


def count_arrows(wiring: Connections, kernel: int, padding: int) -> str:
    """Say how many arrows there are, how the number comes about, and what share of dense it is."""
    n, m, count = wiring.inputs, wiring.outputs, len(wiring.pairs)
    product = f"{kernel} {TIMES} {m}"
    if wiring.lost:
        product += f" {MINUS} {len(wiring.lost)}"
        reason = _losses(wiring.lost)
    else:
        reason = "no arrow starts at a zero of the padding" if padding else "no output loses one"
    return (
        f"{product} = {plural(count, 'arrow')}: {reason}. "
        f"Dense: {m} {TIMES} {n} = {n * m}, so {100 * count / (n * m):.0f} % are left. "
        f"One weight per arrow, none shared: {plural(count, 'weight')} against {n * m}."
    )


def _losses(lost: list[tuple[int, int]]) -> str:
    """Say which outputs reach into the padding, and how many arrows that costs each of them."""
    per_output = Counter(j for _, j in lost)
    few, most = min(per_output.values()), max(per_output.values())
    words = {1: "one", 2: "two", 3: "three"}
    amount = words.get(few, str(few))
    if few < most:
        amount += f" to {words.get(most, str(most))}"
    names = [f"s{j + 1}" for j in sorted(per_output)]
    if len(names) == 1:
        return f"{names[0]} loses {amount} to the padding"
    who = f"{', '.join(names[:-1])} and {names[-1]}"
    if len(names) > 4:
        who = f"{len(names)} outputs near the ends"
    return f"{who} lose {amount} each to the padding"


class ReceptiveField(Explorer):
    """Stack equal layers over 21 inputs and watch the cone grow.

    Each layer is padded with `dilation * (kernel - 1) // 2` zeros per end, which keeps the number
    of units where the stride is 1 and the kernel is odd.
    """

    controls = (
        Slider("layers", "Layers", 1, 5, start=3),
        Slider("kernel", "Kernel", 1, 5, start=3),
        Slider("stride", "Stride", 1, 3, start=1),
        Choice("at", "Stride in", STRIDED, start=EVERY_LAYER),
        Slider("dilation", "Dilation", 1, 3, start=1),
        Slider("level", "Pick layer", 1, 5, start=lambda last: last),
        Slider("unit", "Pick unit", 1, INPUTS, start=middle),
    )

    @staticmethod
    def limits(layers, kernel, stride, at, dilation, level, unit) -> dict[str, int]:
        """Return how many layers and units there are to choose from."""
        here = stack(layers, kernel, stride, at, dilation)
        if at > layers or does_not_fit(here):
            return {"level": layers}
        sizes = geometry.layer_sizes(INPUTS, here)
        return {"level": layers, "unit": sizes[min(level, layers)]}

    @staticmethod
    def view(layers, kernel, stride, at, dilation, level, unit) -> View:
        """Draw the stack and say what the chosen unit sees."""
        if at > layers:
            raise ValueError(
                f"There is no layer {at} to give a stride to: the stack has "
                f"{plural(layers, 'layer')}. Choose a lower layer for the stride, or add layers."
            )
        here = stack(layers, kernel, stride, at, dilation)
        if reason := does_not_fit(here):
            raise ValueError(reason)
        diagram = pyramid(INPUTS, here, level, unit)
        says = f"{_growth(here, level)} {_seen(here, level, unit)}"
        if stride > 1:
            says += f" {_effect_of_stride(here, stride, at)}"
        return View(diagram.svg, says, diagram.alt)


def stack(layers: int, kernel: int, stride: int, at: int, dilation: int) -> list[geometry.Layer]:
    """Return the layers of a state, from the input upwards; `at` 0 strides all of them."""
    padding = dilation * (kernel - 1) // 2
    return [
        geometry.Layer(kernel, stride if at in (EVERY_LAYER, number) else 1, padding, dilation)
        for number in range(1, layers + 1)
    ]


def does_not_fit(here: list[geometry.Layer]) -> str:
    """Say which layer of a stack cannot be built; nothing where all can."""
    size = INPUTS
    for number, layer in enumerate(here, start=1):
        reach, room = layer.dilation * (layer.kernel - 1) + 1, size + 2 * layer.padding
        if reach > room:
            return (
                f"Layer {number} cannot be built: its kernel spans {reach} places, and below it "
                f"there are only {room} ({plural(size, 'unit')}, {2 * layer.padding} zeros of "
                "padding). Choose fewer layers, a smaller kernel or a smaller stride."
            )
        size = geometry.output_size(size, *layer)
    return ""


def _growth(here: list[geometry.Layer], level: int) -> str:
    """Say how large the field is and how that comes about."""
    fields = geometry.receptive_fields(here[:level])
    jumps = [1, *(field.jump for field in fields[:-1])]
    terms = [
        f"{layer.dilation * (layer.kernel - 1)} {TIMES} {jump}"
        for layer, jump in zip(here, jumps, strict=False)
    ]
    return (
        f"The receptive field in layer {level} is 1 + {' + '.join(terms)} = "
        f"{plural(fields[-1].size, 'input')}: each layer adds (kernel {MINUS} 1) {TIMES} dilation "
        "steps, each as long as the jump below."
    )


def _seen(here: list[geometry.Layer], level: int, unit: int) -> str:
    inputs = geometry.cone(unit - 1, here, INPUTS, level=level)[0]
    if not inputs:
        return f"Unit {unit} sees padding only."
    first, last = inputs[0] + 1, inputs[-1] + 1
    says = f"Unit {unit} sees x{first}" + (f"{ELLIPSIS}x{last}" if last > first else "")
    if gaps := last - first + 1 - len(inputs):
        says += f", but skips {plural(gaps, 'input')} between"
    size, jump, start = geometry.receptive_fields(here)[level - 1]
    left = start + (unit - 1) * jump
    if outside := max(0, -left) + max(0, left + size - INPUTS):
        verb = "lies" if outside == 1 else "lie"
        says += f"; {outside} of its {size} places {verb} beyond the ends"
    return says + "."


def _effect_of_stride(here: list[geometry.Layer], stride: int, at: int) -> str:
    """Answer the lecture's question with the numbers of this stack."""
    if at == EVERY_LAYER:
        if len(here) == 1:
            return f"Its own stride of {stride} does not enlarge it: only layers above would gain."
        return f"A stride of {stride} never enlarges the field of its own layer, only those above."
    own = geometry.receptive_field(here[:at])
    says = f"The stride of layer {at} leaves its own field at {own}"
    if at == len(here):
        return f"{says}; there is no layer above it that could gain."
    return f"{says}; every layer above it adds {stride} times as much as without."
