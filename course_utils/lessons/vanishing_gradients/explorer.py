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
    extras = " and ".join(["batch norm"] * batch_norm + ["shortcuts"] * skip)
    (name,) = [name for name, value in ACTIVATIONS.items() if value == activation]
    title = f"{depth} {name} layers{extras and f' with {extras}'}, {init.capitalize()} weights"
    diagram = waterfall({title: measured.gradient})
    return View(diagram.svg, explain(measured, batch_norm, skip), diagram.alt)


def explain(measured: Backprop, batch_norm: bool, skip: bool) -> str:
    """Say what arrives, which factors make it, and how many units pass next to nothing on."""
    left = measured.gradient[0]
    what = {"vanishing": "vanishes", "alive": "stays alive", "exploding": "explodes"}[verdict(left)]
    # The geometric mean: the one factor that, used for every layer, gives the same product.
    per_layer, slope, weights = (
        product ** (1 / len(measured.slopes))
        for product in (left, measured.slopes.prod(), measured.weights.prod())
    )
    split = f"slopes {slope:.2f} {TIMES} weights {'and batch norm ' * batch_norm}{weights:.2f}"
    second = f"On average a layer multiplies it by {per_layer:.2f}: {split}."
    if skip:
        second = (
            f"Through its branch a layer passes on {slope * weights:.2f} ({split}); its shortcut "
            f"adds 1. Together they make {per_layer:.2f} per layer."
        )
    return (
        f"The gradient {what}: the input gets {scientific(left)} of what the last layer gets. "
        f"{second} {100 * measured.flat.mean():.0f} % of all slopes are below 0.01."
    )


class VanishingGradients(Explorer):
    """The gradient in a stack of dense layers with 64 units, before any training."""

    controls = (
        Slider("depth", "Depth", 2, 50, start=20),
        Choice("activation", "Activation", ACTIVATIONS, start="sigmoid"),
        Choice("init", "Weights", INITS, start="xavier"),
        Choice("batch_norm", "Norm", {"None": False, "Batch": True}, start=False, buttons=True),
        Choice("skip", "Shortcut", {"Off": False, "On": True}, start=False, buttons=True),
    )
    view = staticmethod(view)
