"""Lose the signal: how much gradient each layer of a deep stack gets, driven by five knobs.

panel = VanishingGradients()
panel                              # 20 sigmoid layers: next to nothing arrives
panel.activation.value = "relu"    # as if the button were pressed
panel.says                         # the sentence under the picture
"""

from __future__ import annotations

from course_utils.drawing.svg import TIMES
from course_utils.lessons.vanishing_gradients.backprop import Backprop, backprop
from course_utils.lessons.vanishing_gradients.figures import scientific, verdict, waterfall
from course_utils.old_explorer import Explorer, View, choice, slider

DEPTHS = (2, 50)
ACTIVATIONS = {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "ReLU", "gelu": "GELU"}
INITS = {"small": "Small", "xavier": "Xavier", "he": "He", "large": "Large"}


class VanishingGradients(Explorer):
    """Explorer of the gradient in a stack of dense layers with 64 units, before any training.

    Args (each the first value of a control):
        depth: layers, 2 to 50.
        activation: `"sigmoid"`, `"tanh"`, `"relu"` or `"gelu"`.
        init: standard deviation of the weights, see `backprop.INITS`: `"small"`, `"xavier"`,
            `"he"` or `"large"`.
        batch_norm, skip: whether each layer has a batch norm, a shortcut around it.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        depth: int = 20,
        activation: str = "sigmoid",
        init: str = "xavier",
        batch_norm: bool = False,
        skip: bool = False,
    ) -> None:
        controls = {
            "depth": slider("Depth", depth, *DEPTHS),
            "activation": choice("Activation", activation, _options(ACTIVATIONS)),
            "init": choice("Weights", init, _options(INITS)),
            "batch_norm": choice(
                "Norm", batch_norm, [("None", False), ("Batch", True)], buttons=True
            ),
            "skip": choice("Shortcut", skip, [("Off", False), ("On", True)], buttons=True),
        }
        super().__init__(view, controls)


def _options(names: dict[str, str]) -> list[tuple[str, str]]:
    return [(text, value) for value, text in names.items()]


def view(depth: int, activation: str, init: str, batch_norm: bool, skip: bool) -> View:
    """Measure one stack, draw its waterfall and say how the number at the input comes about.

    Raises:
        ValueError: as `backprop`.
    """
    measured = backprop(depth, activation, init, batch_norm=batch_norm, skip=skip)
    extras = [name for name, on in (("batch norm", batch_norm), ("shortcuts", skip)) if on]
    with_extras = f" with {' and '.join(extras)}" if extras else ""
    title = f"{depth} {ACTIVATIONS[activation]} layers{with_extras}, {INITS[init]} weights"
    diagram = waterfall({title: measured.gradient}, references=(0.25, 0.01))
    return View(diagram.svg, explain(measured, batch_norm, skip), diagram.alt)


def explain(measured: Backprop, batch_norm: bool, skip: bool) -> str:
    """Say what arrives, which factors make it, and how many units pass next to nothing on."""
    depth = len(measured.slopes)
    left = float(measured.gradient[0])
    what = {"vanishing": "vanishes", "alive": "stays alive", "exploding": "explodes"}[verdict(left)]
    per_layer, slope = _mean_factor(measured.gradient[:1], depth), _mean_factor(measured.slopes)
    weights = _mean_factor(measured.weights)
    first = f"The gradient {what}: the input gets {scientific(left)} of what the last layer gets."
    name = "weights and batch norm" if batch_norm else "weights"
    split = f"slopes {slope:.2f} {TIMES} {name} {weights:.2f}"
    if skip:
        branch = f"Through its branch a layer passes on {slope * weights:.2f} ({split})"
        second = f"{branch}; its shortcut adds 1. Together they make {per_layer:.2f} per layer."
    else:
        second = f"On average a layer multiplies it by {per_layer:.2f}: {split}."
    flat = f"{100 * float(measured.flat.mean()):.0f} % of all slopes are below 0.01."
    return f"{first} {second} {flat}"


def _mean_factor(factors, count: int | None = None) -> float:
    """The geometric mean: the one factor that, used for every layer, gives the same product."""
    product = 1.0
    count = len(factors) if count is None else count
    for factor in factors:
        product *= float(factor) ** (1 / count)
    return product
