"""How much gradient each layer of a deep stack gets, driven by five knobs."""

from math import prod
from statistics import fmean

from course_utils.drawing.svg import TIMES
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.vanishing_gradients.figures import scientific, verdict, waterfall

ACTIVATIONS = {"sigmoid": "sigmoid", "tanh": "tanh", "ReLU": "relu", "GELU": "gelu"}
INITS = {"Small": "small", "Xavier": "xavier", "He": "he", "Large": "large"}


class VanishingGradients(Explorer):
    """The gradient in a stack of dense layers with 64 units, before any training.

    measure: returns what `backprop` does, which is the default; the website looks it up.
    """

    controls = (
        Slider("depth", "Depth", 2, 50, start=20),
        Choice("activation", "Activation", ACTIVATIONS, start="sigmoid"),
        Choice("init", "Weights", INITS, start="xavier"),
        Choice("batch_norm", "Norm", {"None": False, "Batch": True}, start=False, buttons=True),
        Choice("skip", "Shortcut", {"Off": False, "On": True}, start=False, buttons=True),
    )

    def __init__(self, measure=None, **first):
        if not measure:
            from course_utils.lessons.vanishing_gradients.backprop import backprop as measure
        self.measure = measure
        super().__init__(**first)

    def view(self, depth, activation, init, batch_norm, skip):
        measured = self.measure(depth, activation, init, batch_norm=batch_norm, skip=skip)
        extras = " and ".join(["batch norm"] * batch_norm + ["shortcuts"] * skip)
        (name,) = [name for name, value in ACTIVATIONS.items() if value == activation]
        title = f"{depth} {name} layers{extras and f' with {extras}'}, {init.capitalize()} weights"
        diagram, left = waterfall({title: measured.gradient}), measured.gradient[0]
        # The geometric mean: the one factor that, used for every layer, gives the same product.
        products = left, prod(measured.slopes), prod(measured.weights)
        per_layer, slope, weights = (product ** (1 / depth) for product in products)
        split = f"slopes {slope:.2f} {TIMES} weights {'and batch norm ' * batch_norm}{weights:.2f}"
        how = f"On average a layer multiplies it by {per_layer:.2f}: {split}."
        if skip:
            how = f"Through its branch a layer passes on {slope * weights:.2f} ({split}); its "
            how += f"shortcut adds 1. Together they make {per_layer:.2f} per layer."
        what = {"vanishing": "vanishes", "alive": "stays alive", "exploding": "explodes"}
        flat = f"{100 * fmean(measured.flat):.0f} % of all slopes are below 0.01."
        says = f"The gradient {what[verdict(left)]}: the input gets {scientific(left)} of what the "
        says += f"last layer gets. {how} {flat}"
        return View(diagram.svg, says, diagram.alt)
