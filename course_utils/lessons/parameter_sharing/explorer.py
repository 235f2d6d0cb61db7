"""Tie the weights: three sliders, and what they move in the arrows and in the matrix."""

from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.parameter_sharing.figures import sharing_diagram, signed

INPUTS = (1, 3, 2, 0, 4, 2, 5)  # the values of x1, x2, …
LAYERS = {"Shared": "shared", "Not shared": "not shared"}


def weights(n, layer, w1, w2, w3, unit):
    """The three weights of every output; where not shared, the others' stay as they are."""
    if layer == "shared":
        return [(w1, w2, w3)] * n
    own = [tuple((3 * j + 5 * t + 1) % 7 - 3 for t in range(3)) for j in range(n)]
    own[unit - 1] = (w1, w2, w3)
    return own


class ParameterSharing(Explorer):
    """A layer of kernel 3 with zero padding, its weights shared or not."""

    controls = (
        Choice("layer", "Weights", LAYERS, start="shared", buttons=True),
        Slider("n", "Inputs", 3, 7, start=5),
        Slider("unit", "Output", 1, 7, start=3),  # has the weights of the sliders, if not shared
        Slider("w1", "w1", -3, 3, start=2),
        Slider("w2", "w2", -3, 3, start=-1),
        Slider("w3", "w3", -3, 3, start=1),
    )

    @staticmethod
    def limits(n, **_):
        return {"unit": n}

    @staticmethod
    def view(n, layer, w1, w2, w3, unit):
        shared, x, arrows = layer == "shared", INPUTS[:n], 3 * n - 2
        rows, padded = weights(n, layer, w1, w2, w3, unit), (0, *x, 0)
        s = [sum(w * padded[j + t] for t, w in enumerate(row)) for j, row in enumerate(rows)]
        diagram = sharing_diagram(n, shared=shared, rows=rows, x=x, s=s, unit=unit)
        held = {1: "w2 and w3", n: "w1 and w2"}.get(unit, "w1, w2 and w3")
        says = f"{arrows} arrows, {arrows} weights: the sliders hold those of s{unit} alone, and "
        says += f"only s{unit} changes ({held} have an arrow there)."
        if shared:
            says = f"{arrows} arrows, 3 weights: each slider moves a whole diagonal, w1 and w3 in "
            says += f"{n - 1} cells, w2 in {n}."
        says += f" Dense, these units would need {n * n}. s = ({', '.join(map(signed, s))})."
        return View(diagram.svg, says, diagram.alt)
