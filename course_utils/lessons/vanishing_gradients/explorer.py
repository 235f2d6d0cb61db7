"""How much gradient each layer of a deep stack gets, driven by five knobs."""

from __future__ import annotations

from course_utils.drawing.svg import TIMES
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.vanishing_gradients.backprop import Backprop, backprop
from course_utils.lessons.vanishing_gradients.figures import scientific, verdict, waterfall

ACTIVATIONS = {"sigmoid": "sigmoid", "tanh": "tanh", "ReLU": "relu", "GELU": "gelu"}
INITS = {"Small": "small", "Xavier": "xavier", "He": "he", "Large": "large"}


def view(depth: int, activation: str, init: str, batch_norm: bool, skip: bool) -> View:
    """Measure one stack, draw its waterfall and say how the number at the input comes about."""
    measured = backprop(depth, activation, init, batch_norm=batch_norm, skip=skip)
    extras = [name for name, on in (("batch norm", batch_norm), ("shortcuts", skip)) if on]
    with_extras = f" with {' and '.join(extras)}" if extras else ""
    (activation,) = [text for text, value in ACTIVATIONS.items() if value == activation]
    title = f"{depth} {activation} layers{with_extras}, {init.capitalize()} weights"
    diagram = waterfall({title: measured.gradient}, references=(0.25, 0.01))
    return View(diagram.svg, explain(measured, batch_norm, skip), diagram.alt)


def explain(measured: Backprop, batch_norm: bool, skip: bool) -> str:
    """Say what arrives, which factors make it, and how many units pass next to nothing on."""
    depth = len(measured.slopes)
    left = float(measured.gradient[0])
    what = {"vanishing": "vanishes", "alive": "stays alive", "exploding": "explodes"}[verdict(left)]
    per_layer = left ** (1 / depth)
    slope, weights = _mean_factor(measured.slopes), _mean_factor(measured.weights)
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


def _mean_factor(factors) -> float:
    """The geometric mean: the one factor that, used for every layer, gives the same product."""
    product = 1.0
    for factor in factors:
        product *= float(factor) ** (1 / len(factors))
    return product


class VanishingGradients(Explorer):
    """The gradient in a stack of dense layers with 64 units, before any training.

    The weights are a standard deviation, see `backprop.INITS`.
    """

    controls = (
        Slider("depth", "Depth", 2, 50, start=20),
        Choice("activation", "Activation", ACTIVATIONS, start="sigmoid"),
        Choice("init", "Weights", INITS, start="xavier"),
        Choice("batch_norm", "Norm", {"None": False, "Batch": True}, start=False, buttons=True),
        Choice("skip", "Shortcut", {"Off": False, "On": True}, start=False, buttons=True),
    )
    view = staticmethod(view)
