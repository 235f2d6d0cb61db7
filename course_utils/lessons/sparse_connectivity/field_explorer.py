"""Stack layers and watch the cone grow: the receptive field of any unit in a pyramid.

panel = ReceptiveField(layers=3, kernel=3)
panel                       # a unit of layer 3 sees 7 inputs
panel.stride.value = 2      # now the lecture's question: whose field grows?
panel.at.value = 1
"""

from __future__ import annotations

from course_utils import geometry
from course_utils.drawing.svg import ELLIPSIS, TIMES
from course_utils.lessons.sparse_connectivity.field_figures import pyramid
from course_utils.old_explorer import Explorer, View, choice, slider

INPUTS = 21
"""Units at the bottom of the pyramid: odd, so that one stands in the middle."""

ALL = 0
"""The value of the control `at` that gives every layer the stride."""


class ReceptiveField(Explorer):
    """Explorer of a stack of equal convolutions over 21 inputs, in one dimension.

    Each layer is padded with `dilation * (kernel - 1) // 2` zeros per end, which keeps the number
    of units where the stride is 1 and the kernel is odd.

    Args (each the first value of a control):
        layers: 1 to 5. kernel: 1 to 5, of every layer. stride: 1 to 3.
        at: the one layer that has this stride, 1 to 5; 0: every layer has it.
        dilation: 1 to 3, of every layer.
        level: layer of the chosen unit; None: the last. unit: its number there, from 1; None: the
            one in the middle.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        layers: int = 3,
        kernel: int = 3,
        stride: int = 1,
        at: int = ALL,
        dilation: int = 1,
        level: int | None = None,
        unit: int | None = None,
    ) -> None:
        places = [("Every layer", ALL), *((f"Layer {k} only", k) for k in range(1, 6))]
        controls = {
            "layers": slider("Layers", layers, 1, 5),
            "kernel": slider("Kernel", kernel, 1, 5),
            "stride": slider("Stride", stride, 1, 3),
            "at": choice("Stride in", at, places),
            "dilation": slider("Dilation", dilation, 1, 3),
            "level": slider("Pick layer", layers if level is None else level, 1, layers),
        }
        there = INPUTS
        if not refusal(layers, kernel, stride, at, dilation):
            sizes = geometry.layer_sizes(INPUTS, stack(layers, kernel, stride, at, dilation))
            there = sizes[controls["level"].value]
        unit = (there + 1) // 2 if unit is None else unit
        controls["unit"] = slider("Pick unit", unit, 1, there)
        super().__init__(view, controls, limits=limits)


def stack(layers: int, kernel: int, stride: int, at: int, dilation: int) -> list[geometry.Layer]:
    """Return the layers of a state, from the input upwards; `at` 0 strides all of them."""
    padding = dilation * (kernel - 1) // 2
    return [
        geometry.Layer(kernel, stride if at in (ALL, number) else 1, padding, dilation)
        for number in range(1, layers + 1)
    ]


def view(
    layers: int, kernel: int, stride: int, at: int, dilation: int, level: int, unit: int
) -> View:
    """Draw one state of the explorer and say what the chosen unit sees.

    Raises:
        ValueError: if the strided layer does not exist, if a kernel no longer fits its input, and
            as `pyramid`.
    """
    reason = refusal(layers, kernel, stride, at, dilation)
    if reason:
        raise ValueError(reason)
    here = stack(layers, kernel, stride, at, dilation)
    diagram = pyramid(INPUTS, here, level=level, unit=unit)
    return View(diagram.svg, explain(here, stride, at, level, unit), diagram.alt)


def limits(layers, kernel, stride, at, dilation, level, unit) -> dict[str, int]:
    """Return how many layers and units there are to choose from."""
    if refusal(layers, kernel, stride, at, dilation):
        return {"level": layers}
    sizes = geometry.layer_sizes(INPUTS, stack(layers, kernel, stride, at, dilation))
    return {"level": layers, "unit": sizes[min(level, layers)]}


def refusal(layers: int, kernel: int, stride: int, at: int, dilation: int) -> str:
    """Say why the stack cannot be built, or return an empty string where it can."""
    if at > layers:
        count = "1 layer" if layers == 1 else f"{layers} layers"
        return (
            f"There is no layer {at} to give a stride to: the stack has {count}. "
            "Choose a lower layer for the stride, or add layers."
        )
    size = INPUTS
    for number, layer in enumerate(stack(layers, kernel, stride, at, dilation), start=1):
        reach = layer.dilation * (layer.kernel - 1) + 1
        room = size + 2 * layer.padding
        if reach > room:
            return (
                f"Layer {number} cannot be built: its kernel spans {reach} places, and below it "
                f"there are only {room} ({_plural(size, 'unit')}, {2 * layer.padding} zeros of "
                "padding). Choose fewer layers, a smaller kernel or a smaller stride."
            )
        size = geometry.output_size(size, *layer)
    return ""


def explain(here: list[geometry.Layer], stride: int, at: int, level: int, unit: int) -> str:
    """Say how large the field is, how that comes about, what is seen, and what the stride does.

    Args:
        here: the layers, from the input upwards.
        stride, at: as the controls of those names.
        level, unit: the chosen unit, counted from 1.
    """
    fields = geometry.receptive_fields(here)
    field = fields[level - 1]
    jumps = [1, *(f.jump for f in fields)]
    steps = [layer.dilation * (layer.kernel - 1) for layer in here]
    terms = [f"{step} {TIMES} {jump}" for step, jump in zip(steps[:level], jumps, strict=False)]
    sentences = [
        f"The receptive field in layer {level} is 1 + {' + '.join(terms)} = "
        f"{_plural(field.size, 'input')}: each layer adds (kernel \u2212 1) {TIMES} dilation "
        "steps, each as long as the jump below.",
        _seen(here, field, level, unit),
    ]
    if stride > 1:
        sentences.append(_effect_of_stride(fields, stride, at))
    return " ".join(sentences)


def _seen(here, field, level, unit) -> str:
    inputs = geometry.cone(unit - 1, here, INPUTS, level=level)[0]
    if not inputs:
        return f"Unit {unit} sees padding only."
    first, last = inputs[0] + 1, inputs[-1] + 1
    span = f"x{first}" if first == last else f"x{first}{ELLIPSIS}x{last}"
    gaps = last - first + 1 - len(inputs)
    text = f"Unit {unit} sees {span}"
    if gaps:
        text += f", but skips {_plural(gaps, 'input')} between"
    left = field.start + (unit - 1) * field.jump
    outside = max(0, -left) + max(0, left + field.size - INPUTS)
    if outside:
        verb = "lies" if outside == 1 else "lie"
        text += f"; {outside} of its {field.size} places {verb} beyond the ends"
    return text + "."


def _effect_of_stride(fields, stride, at) -> str:
    """Answer the lecture's question with the numbers of this stack."""
    if at == ALL:
        if len(fields) == 1:
            return f"Its own stride of {stride} does not enlarge it: only layers above would gain."
        return f"A stride of {stride} never enlarges the field of its own layer, only those above."
    own = fields[at - 1].size
    text = f"The stride of layer {at} leaves its own field at {own}"
    if at == len(fields):
        return f"{text}; there is no layer above it that could gain."
    return f"{text}; every layer above it adds {stride} times as much as without."


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
