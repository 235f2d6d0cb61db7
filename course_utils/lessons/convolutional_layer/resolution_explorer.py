"""Change the input size: two heads on the same stages, what they cost, and where one refuses.

panel = InputResolution(size=32, head="pooled")
panel                       # 64 averages reach the last layer
panel.size.value = 256      # still 64 averages
panel.head.value = "dense"  # refused: the dense head was built for 32 x 32
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from course_utils.drawing.svg import TIMES
from course_utils.geometry import output_size
from course_utils.lessons.convolutional_layer.resolution_figures import HEADS, resolution_diagram
from course_utils.old_explorer import Explorer, View, choice, slider

WIDTHS = (1, 8, 16, 32, 64)
"""Channels of the input and after each of four convolutions of 3 x 3, padding 1."""

POOLED = 3
"""The first three convolutions are followed by a 2 x 2 pooling, the fourth is not."""

CLASSES = 10
SMALLEST, LARGEST, STEP = 8, 256, 4
BUILT_FOR = (32, 64, 128, 224)


class Cost(NamedTuple):
    """One network on one input size.

    maps: (side, channels) of the input and after each stage. features: numbers that reach the
    last layer. stage_parameters: weights and biases of the convolutions. head_parameters: weights
    and biases of the last layer. macs: one multiply-add of a convolution or linear weight each;
    nothing else is counted.
    """

    maps: list[tuple[int, int]]
    features: int
    stage_parameters: int
    head_parameters: int
    macs: int


class InputResolution(Explorer):
    """Explorer of the network of notebook 05: four 3 x 3 convolutions and one of two heads.

    Args (each the first value of a control):
        size: side of the input, 8 to 256 pixels in steps of 4.
        head: `"dense"` (flatten, then a dense layer) or `"pooled"` (average each map first).
        built: input size that the dense head was built for, one of `BUILT_FOR`.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(self, size: int = 32, head: str = "pooled", built: int = 32) -> None:
        controls = {
            "size": slider("Input size", size, SMALLEST, LARGEST),
            "head": choice("Head", head, [("Pooled", HEADS[1]), ("Dense", HEADS[0])], buttons=True),
            "built": choice(
                "Dense for", built, [(f"{n} {TIMES} {n} inputs", n) for n in BUILT_FOR]
            ),
        }
        if size % STEP:
            raise ValueError(f"Input size must be a multiple of {STEP}, got {size}")
        controls["size"].step = STEP
        super().__init__(view, controls)


def cost(size: int, head: str) -> Cost:
    """Count the network on `size` x `size` pixels, the dense head built for that size.

    Raises:
        ValueError: for an unknown head, and for a size whose maps vanish.
    """
    if head not in HEADS:
        raise ValueError(f"head must be 'dense' or 'pooled', got {head!r}")
    side, maps, parameters, macs = size, [(size, WIDTHS[0])], 0, 0
    for number, (below, above) in enumerate(zip(WIDTHS, WIDTHS[1:], strict=False), start=1):
        side = output_size(side, 3, padding=1)
        parameters += 9 * below * above + above
        macs += side**2 * 9 * below * above
        if number <= POOLED:
            side = output_size(side, 2, stride=2)
        maps.append((side, above))
    features = WIDTHS[-1] * (side**2 if head == "dense" else 1)
    return Cost(maps, features, parameters, (features + 1) * CLASSES, macs + features * CLASSES)


def view(size: int, head: str, built: int) -> View:
    """Draw one state of the explorer and say what the size changes.

    Raises:
        ValueError: if the dense head was built for maps of another size.
    """
    here = cost(size, head)
    reason = refusal(size, head, built)
    if reason:
        raise ValueError(reason)
    bars = [
        ("four convolutions", here.stage_parameters),
        ("pooled head", cost(size, "pooled").head_parameters),
        ("dense head", cost(size, "dense").head_parameters),
    ]
    diagram = resolution_diagram(here.maps, head, here.features, bars, curve(head), classes=CLASSES)
    return View(diagram.svg, explain(size, head, built), diagram.alt)


@lru_cache(maxsize=2)
def curve(head: str) -> tuple[tuple[int, int], ...]:
    """Return (input size, MACs) for every size of the slider."""
    return tuple((n, cost(n, head).macs) for n in range(SMALLEST, LARGEST + 1, STEP))


def refusal(size: int, head: str, built: int) -> str:
    """Say why the dense head cannot take this size, or return an empty string where it can."""
    if head == "pooled":
        return ""
    here, planned = cost(size, head), cost(built, head)
    if here.features == planned.features:
        return ""
    side, channels = here.maps[-1]
    message = (
        f"mat1 and mat2 shapes cannot be multiplied "
        f"(1x{here.features} and {planned.features}x{CLASSES})"
    )
    return (
        f"The dense head was built for {built} {TIMES} {built} pixels: it has weights for "
        f"{planned.features:,} numbers. From {size} {TIMES} {size} pixels it gets "
        f"{channels} {TIMES} {side} {TIMES} {side} = {here.features:,}. PyTorch says: \u201c"
        f"{message}\u201d. Go back to about {built} pixels, or choose the pooled head."
    )


def explain(size: int, head: str, built: int) -> str:
    """Say what reaches the last layer, what it costs, and how that compares with 32 pixels."""
    here, reference = cost(size, head), cost(32, head)
    side, channels = here.maps[-1]
    maps = f"{channels} maps of {side} {TIMES} {side}"
    if head == "pooled":
        first = (
            f"{maps}, averaged to {channels} numbers: the head has {here.head_parameters:,} "
            "parameters for any input size."
        )
    else:
        first = (
            f"{maps} are {here.features:,} numbers, and each has its own weight to each of the "
            f"{CLASSES} outputs: {here.head_parameters:,} parameters in the head."
        )
        if size != built:
            first += (
                f" Built for {built} pixels, it accepts {size} as well: the poolings round "
                f"both down to {side}."
            )
    times = here.macs / reference.macs
    second = f"{here.macs:,} MACs (multiply-adds of convolution and dense weights)"
    if size != 32:
        pixels = (size / 32) ** 2
        second += f": {times:.2f} times those of 32 {TIMES} 32, for {pixels:.2f} times the pixels"
    return f"{first} {second}."
