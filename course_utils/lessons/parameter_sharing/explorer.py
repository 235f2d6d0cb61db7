"""Tie the weights: three sliders, and what they move in the arrows and in the matrix.

panel = ParameterSharing()
panel.w2.value = -3              # shared: a whole diagonal of the matrix
panel.layer.value = "not shared" # now each output has weights of its own
panel.says                       # the sentence under the picture
"""

from __future__ import annotations

from course_utils.lessons.parameter_sharing.figures import sharing_diagram, signed
from course_utils.old_explorer import Explorer, View, choice, slider

LAYERS = ("shared", "not shared")
INPUTS = (1, 3, 2, 0, 4, 2, 5, 1, 3)
"""The values of x1, x2, …"""


class ParameterSharing(Explorer):
    """Explorer of a layer of kernel 3 with zero padding, its weights shared or not.

    Args (each the first value of a control):
        n: inputs, 3 to 9. layer: `"shared"` or `"not shared"`.
        w1, w2, w3: the weights on the sliders, whole numbers from -3 to 3.
        unit: where weights are not shared, the output that has those of the sliders; from 1.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        n: int = 5,
        layer: str = "shared",
        w1: int = 2,
        w2: int = -1,
        w3: int = 1,
        unit: int = 3,
    ) -> None:
        super().__init__(
            view,
            {
                "layer": choice(
                    "Weights",
                    layer,
                    [("Shared", LAYERS[0]), ("Not shared", LAYERS[1])],
                    buttons=True,
                ),
                "n": slider("Inputs", n, 3, 9),
                "unit": slider("Output", unit, 1, n),
                "w1": slider("w1", w1, -3, 3),
                "w2": slider("w2", w2, -3, 3),
                "w3": slider("w3", w3, -3, 3),
            },
            limits=lambda n, **_: {"unit": n},
        )


def weights(n: int, layer: str, w1: int, w2: int, w3: int, unit: int) -> list[tuple[int, int, int]]:
    """Return the three weights of every output; where not shared, the others' stay as they are."""
    if layer == LAYERS[0]:
        return [(w1, w2, w3)] * n
    own = [tuple((3 * j + 5 * t + 1) % 7 - 3 for t in range(3)) for j in range(n)]
    own[unit - 1] = (w1, w2, w3)
    return own


def view(n: int, layer: str, w1: int, w2: int, w3: int, unit: int) -> View:
    """Draw one state of the explorer and say how many weights there are and what they move."""
    shared = layer == LAYERS[0]
    rows = weights(n, layer, w1, w2, w3, unit)
    diagram = sharing_diagram(rows, shared=shared, x=INPUTS[:n], unit=None if shared else unit)
    arrows = 3 * n - 2
    if shared:
        says = (
            f"{arrows} arrows, 3 weights: each slider moves a whole diagonal, w1 and w3 in {n - 1} "
            f"cells, w2 in {n}."
        )
    else:
        held = _joined([f"w{t}" for t in (1, 2, 3) if 0 <= unit + t - 2 - 1 < n])
        says = (
            f"{arrows} arrows, {arrows} weights: the sliders hold those of s{unit} alone, and only "
            f"s{unit} changes ({held} have an arrow there)."
        )
    outputs = [
        sum(rows[j][t] * INPUTS[j + t - 1] for t in range(3) if 0 <= j + t - 1 < n)
        for j in range(n)
    ]
    says += f" Dense, these units would need {n * n}. s = ({', '.join(map(signed, outputs))})."
    return View(diagram.svg, says, diagram.alt)


def _joined(words: list[str]) -> str:
    return ", ".join(words[:-1]) + f" and {words[-1]}"
