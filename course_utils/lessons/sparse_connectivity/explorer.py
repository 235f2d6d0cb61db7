"""The two panels of lesson 01: the arrows of one layer, and the receptive field of a stack."""

from collections import Counter

from course_utils.drawing.svg import MINUS, TIMES, plural
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.geometry import Layer, layer_sizes, output_size
from course_utils.lessons.sparse_connectivity.field_figures import Pyramid, span
from course_utils.lessons.sparse_connectivity.figures import Wiring, edge_diagram

DENSE = "fully connected"
LAYERS = {"Convolution": "convolution", "Dense": DENSE}
SIDES = {"An output": "outputs", "An input": "inputs"}
INPUTS = 21  # units at the bottom of the pyramid: odd, so that one stands in the middle
EVERY_LAYER = 0  # the value of the control `at` that gives every layer the stride
STRIDED = {"Every layer": EVERY_LAYER} | {f"Layer {k} only": k for k in range(1, 6)}


def middle(count):
    """The unit in the middle of a row, counted from 1."""
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
    def limits(n, kernel, stride, padding, dilation, layer, side, unit):
        reason = too_wide(n, kernel, padding, dilation)
        if side == "inputs" or (reason and layer == DENSE):
            return {"unit": n}
        return {} if reason else {"unit": output_size(n, kernel, stride, padding, dilation)}

    @staticmethod
    def view(n, kernel, stride, padding, dilation, layer, side, unit):
        reason, dense = too_wide(n, kernel, padding, dilation), layer == DENSE
        if reason and not dense:
            raise ValueError(reason)
        # A dense layer has no kernel: where no convolution exists, draw one of n outputs.
        shape = (n, 1, 1, 0, 1) if reason else (n, kernel, stride, padding, dilation)
        picked = f"{'s' if side == 'outputs' else 'x'}{unit}"
        diagram, sparse = edge_diagram(*shape, dense, picked), Wiring(*shape)
        says = count_arrows(sparse, kernel, padding)
        if dense:
            count = f"{sparse.m} {TIMES} {n} = {plural(sparse.m * n, 'arrow')}"
            beside = f"The convolution between the same units has {len(sparse.pairs)}."
            if reason:
                beside = "A convolution with these settings does not exist."
            says = f"Every output reads all {n} inputs: {count}, one weight each. {beside}"
        return View(diagram.svg, f"{says} {Wiring(*shape, dense).neighbours(picked)}", diagram.alt)


def too_wide(n, kernel, padding, dilation):
    """Say why no output exists, or return an empty string where at least one does."""
    reach, room = dilation * (kernel - 1) + 1, n + 2 * padding
    if reach <= room:
        return ""
    spread, smaller = "", ""
    if dilation > 1:
        spread, smaller = f" with dilation {dilation}", " a smaller dilation,"
    zeros = f"{2 * padding} zeros of padding" if padding else "no padding"
    return (
        f"A kernel of {kernel}{spread} spans {plural(reach, 'place')}, but there are only {room} "
        f"({n} inputs, {zeros}). Choose a smaller kernel,{smaller} more padding or more inputs."
    )


def count_arrows(wiring, kernel, padding):
    """Say how many arrows there are, how the number comes about, and what share of dense it is."""
    count, m, all_ = len(wiring.pairs), wiring.m, wiring.m * wiring.n
    product, lost = f"{kernel} {TIMES} {m}", Counter(s for s, _ in wiring.lost)
    reason = "no arrow starts at a zero of the padding" if padding else "no output loses one"
    if lost:
        product += f" {MINUS} {len(wiring.lost)}"
        words, counts = {1: "one", 2: "two", 3: "three"}, sorted(lost.values())
        amount = " to ".join(f"{words.get(k, k)}" for k in sorted({counts[0], counts[-1]}))
        *names, last = (f"s{s}" for s in lost)
        who = f"{', '.join(names)} and {last}"
        if len(lost) > 4:
            who = f"{len(lost)} outputs near the ends"
        losing = f"{who} lose {amount} each" if names else f"{last} loses {amount}"
        reason = f"{losing} to the padding"
    return (
        f"{product} = {plural(count, 'arrow')}: {reason}. "
        f"Dense: {m} {TIMES} {wiring.n} = {all_}, so {100 * count / all_:.0f} % are left. "
        f"One weight per arrow, none shared: {plural(count, 'weight')} against {all_}."
    )


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
    def limits(layers, kernel, stride, at, dilation, level, unit):
        try:
            sizes = layer_sizes(INPUTS, stack(layers, kernel, stride, at, dilation))
        except ValueError:
            return {"level": layers}
        return {"level": layers, "unit": sizes[min(level, layers)]}

    @staticmethod
    def view(layers, kernel, stride, at, dilation, level, unit):
        pyramid = Pyramid(INPUTS, stack(layers, kernel, stride, at, dilation))
        diagram = pyramid.draw(level, unit)
        says = f"{_growth(pyramid, level)} {_seen(pyramid, level, unit)}"
        if stride > 1:
            says += f" {_effect_of_stride(pyramid, stride, at)}"
        return View(diagram.svg, says, diagram.alt)


def stack(layers, kernel, stride, at, dilation):
    """The layers of a state, from the input upwards; ValueError says why one is impossible."""
    if at > layers:
        raise ValueError(
            f"There is no layer {at} to give a stride to: the stack has "
            f"{plural(layers, 'layer')}. Choose a lower layer for the stride, or add layers."
        )
    built, size, padding = [], INPUTS, dilation * (kernel - 1) // 2
    for number in range(1, layers + 1):
        reach, room = dilation * (kernel - 1) + 1, size + 2 * padding
        if reach > room:
            raise ValueError(
                f"Layer {number} cannot be built: its kernel spans {reach} places, and below it "
                f"there are only {room} ({plural(size, 'unit')}, {2 * padding} zeros of "
                "padding). Choose fewer layers, a smaller kernel or a smaller stride."
            )
        built.append(Layer(kernel, stride if at in (EVERY_LAYER, number) else 1, padding, dilation))
        size = output_size(size, *built[-1])
    return built


def _growth(pyramid, level):
    """Say how large the field is and how that comes about."""
    terms = " + ".join(
        f"{layer.dilation * (layer.kernel - 1)} {TIMES} {below.jump}"
        for layer, below in zip(pyramid.layers[:level], pyramid.fields, strict=False)
    )
    return (
        f"The receptive field in layer {level} is 1 + {terms} = "
        f"{plural(pyramid.fields[level].size, 'input')}: each layer adds (kernel {MINUS} 1) "
        f"{TIMES} dilation steps, each as long as the jump below."
    )


def _seen(pyramid, level, unit):
    inputs, (size, jump, start) = pyramid.cones[level][unit - 1][0], pyramid.fields[level]
    if not inputs:
        return f"Unit {unit} sees padding only."
    says = f"Unit {unit} sees {span(inputs)}"
    if gaps := max(inputs) - min(inputs) + 1 - len(inputs):
        says += f", but skips {plural(gaps, 'input')} between"
    left = start + (unit - 1) * jump
    if outside := max(0, -left) + max(0, left + size - INPUTS):
        lie = "lies" if outside == 1 else "lie"
        says += f"; {outside} of its {size} places {lie} beyond the ends"
    return says + "."


def _effect_of_stride(pyramid, stride, at):
    """Answer the lecture's question with the numbers of this stack."""
    layers = len(pyramid.layers)
    if at == EVERY_LAYER and layers == 1:
        return f"Its own stride of {stride} does not enlarge it: only layers above would gain."
    if at == EVERY_LAYER:
        return f"A stride of {stride} never enlarges the field of its own layer, only those above."
    above = f"every layer above it adds {stride} times as much as without."
    if at == layers:
        above = "there is no layer above it that could gain."
    return f"The stride of layer {at} leaves its own field at {pyramid.fields[at].size}; {above}"
