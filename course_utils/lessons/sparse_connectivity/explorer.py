"""Count the arrows: a layer as arrows and as a matrix, dense or sparse, driven by sliders.

panel = SparseConnectivity(n=5, kernel=3, padding=1)
panel                       # 13 arrows
panel.stride.value = 2      # as if the slider were moved
panel.says                  # the sentence under the picture
"""

from __future__ import annotations

from collections import Counter

from course_utils.drawing.svg import MINUS, TIMES
from course_utils.geometry import edge_count, output_size
from course_utils.lessons.sparse_connectivity.figures import connections, edge_diagram, neighbours
from course_utils.old_explorer import Explorer, View, choice, slider

LAYERS = ("convolution", "fully connected")
SIDES = ("outputs", "inputs")


class SparseConnectivity(Explorer):
    """Explorer of one layer in one dimension.

    Args (each the first value of a control):
        n: inputs, 3 to 12. kernel: 1 to 7. stride: 1 to 4. padding: zeros per end, 0 to 3.
        dilation: 1 to 3.
        layer: `"convolution"` or `"fully connected"`: all arrows between the same units.
        side: where the highlighted unit is, `"outputs"` or `"inputs"`.
        unit: its number, from 1; None: the one in the middle.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        n: int = 5,
        kernel: int = 3,
        stride: int = 1,
        padding: int = 1,
        dilation: int = 1,
        layer: str = "convolution",
        side: str = "outputs",
        unit: int | None = None,
    ) -> None:
        controls = {
            "n": slider("Inputs", n, 3, 12),
            "kernel": slider("Kernel", kernel, 1, 7),
            "stride": slider("Stride", stride, 1, 4),
            "padding": slider("Padding", padding, 0, 3),
            "dilation": slider("Dilation", dilation, 1, 3),
            "layer": choice(
                "Layer", layer, [("Convolution", LAYERS[0]), ("Dense", LAYERS[1])], buttons=True
            ),
            "side": choice(
                "Highlight", side, [("An output", SIDES[0]), ("An input", SIDES[1])], buttons=True
            ),
        }
        there = _units(n, kernel, stride, padding, dilation, side)
        if there is None:  # refused as soon as it is drawn; any range will do until then
            there = max(unit or 1, n)
        unit = (there + 1) // 2 if unit is None else unit
        controls["unit"] = slider("Unit", unit, 1, there)
        super().__init__(view, controls, limits=limits)


def view(
    n: int,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int,
    layer: str,
    side: str,
    unit: int,
) -> View:
    """Draw one state of the explorer and say how its count comes about.

    Raises:
        ValueError: if the dilated kernel of a convolution is larger than the padded input, and as
            `edge_diagram`.
    """
    reason = refusal(n, kernel, padding, dilation)
    dense = layer == LAYERS[1]
    if reason and not dense:
        raise ValueError(reason)
    if reason:  # a dense layer has no kernel: draw one of n outputs
        kernel, stride, padding, dilation = 1, 1, 0, 1
    diagram = edge_diagram(
        n,
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        dense=dense,
        side=side,
        unit=unit,
    )
    says = explain(n, kernel, stride, padding, dilation, dense)
    if reason:
        says = f"{says.partition('. ')[0]}. A convolution with these settings does not exist."
    wiring = connections(n, kernel, stride=stride, padding=padding, dilation=dilation, dense=dense)
    chosen = neighbours(wiring, "s" if side == SIDES[0] else "x", unit - 1)
    return View(diagram.svg, f"{says} {chosen}", diagram.alt)


def limits(n, kernel, stride, padding, dilation, layer, side, unit) -> dict[str, int]:
    """Return the largest unit number there is; nothing where the layer is impossible."""
    there = _units(n, kernel, stride, padding, dilation, side)
    if there is None and layer == LAYERS[1]:
        there = n  # as `view` draws it
    return {} if there is None else {"unit": there}


def _units(n, kernel, stride, padding, dilation, side) -> int | None:
    if side == SIDES[1]:
        return n
    if refusal(n, kernel, padding, dilation):
        return None
    return output_size(n, kernel, stride, padding, dilation)


def refusal(n: int, kernel: int, padding: int, dilation: int) -> str:
    """Say why no output exists, or return an empty string where at least one does."""
    reach, room = dilation * (kernel - 1) + 1, n + 2 * padding
    if reach <= room:
        return ""
    spread = f" with dilation {dilation}" if dilation > 1 else ""
    zeros = f"{2 * padding} zeros of padding" if padding else "no padding"
    smaller = " a smaller dilation," if dilation > 1 else ""
    return (
        f"A kernel of {kernel}{spread} spans {_plural(reach, 'place')}, but there are only {room} "
        f"({n} inputs, {zeros}). Choose a smaller kernel,{smaller} more padding or more inputs."
    )


def explain(n: int, kernel: int, stride: int, padding: int, dilation: int, dense: bool) -> str:
    """Say how many arrows there are, how the number comes about, and what share of dense it is.

    Raises:
        ValueError: as `geometry.output_size`.
    """
    m = output_size(n, kernel, stride, padding, dilation)
    count = edge_count(n, kernel, stride, padding, dilation)
    full = n * m
    if dense:
        return (
            f"Every output reads all {n} inputs: "
            f"{m} {TIMES} {n} = {_plural(full, 'arrow')}, one weight each. "
            f"The convolution between the same units has {count}."
        )
    wiring = connections(n, kernel, stride=stride, padding=padding, dilation=dilation)
    lost = len(wiring.lost)
    if lost:
        sum_ = f"{kernel} {TIMES} {m} {MINUS} {lost} = {_plural(count, 'arrow')}"
        reason = _losses(wiring.lost)
    else:
        sum_ = f"{kernel} {TIMES} {m} = {_plural(count, 'arrow')}"
        reason = "no arrow starts at a zero of the padding" if padding else "no output loses one"
    share = f"{100 * count / full:.0f} %"
    return (
        f"{sum_}: {reason}. Dense: {m} {TIMES} {n} = {full}, so {share} are left. "
        f"One weight per arrow, none shared: {_plural(count, 'weight')} against {full}."
    )


def _losses(lost: list[tuple[int, int]]) -> str:
    """Say which outputs reach into the padding, and how many arrows that costs each of them."""
    per_output = Counter(j for _, j in lost)
    counts = sorted(set(per_output.values()))
    if len(per_output) == 1:
        ((unit, missing),) = per_output.items()
        return f"s{unit + 1} loses {_word(missing)} to the padding"
    each = (
        f"{_word(counts[0])} each"
        if len(counts) == 1
        else f"{_word(counts[0])} to {_word(counts[-1])} each"
    )
    if len(per_output) <= 4:
        names = [f"s{j + 1}" for j in sorted(per_output)]
        who = ", ".join(names[:-1]) + f" and {names[-1]}"
    else:
        who = f"{len(per_output)} outputs near the ends"
    return f"{who} lose {each} to the padding"


def _word(count: int) -> str:
    return {1: "one", 2: "two", 3: "three"}.get(count, str(count))


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
