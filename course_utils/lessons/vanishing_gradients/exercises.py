"""The coding exercises of notebook 06: a chain's derivative, the scale of weights, dead units."""

import math
from itertools import accumulate

from course_utils.exercises import Exercise


def chain_gradient(x, weights):
    """Differentiate x_n with respect to x, where x_i = sigmoid(w_i * x_(i-1)) and x_0 = x."""
    gradient = 1.0
    for weight in weights:
        x = 1 / (1 + math.exp(-weight * x))  # the layer's output
        slope = x * (1 - x)  # of the sigmoid, at this layer's own z
        gradient *= weight * slope
    return gradient


def _sigmoid(z):
    return 1 / (1 + math.exp(-z))


def _slope(z):
    return _sigmoid(z) * (1 - _sigmoid(z))


def _values(x, weights):
    """x, x_1, ..., x_n: the input of each layer, and the output of the last."""
    return list(accumulate(weights, lambda x, w: _sigmoid(w * x), initial=x))


def _product(factor, combine=math.prod):
    """The wrong idea that multiplies factor(x, w, z) of all layers, with x a layer's input."""
    return lambda x, ws: combine(
        factor(x, w, w * x) for x, w in zip(_values(x, ws), ws, strict=False)
    )


def _random_chain(rng):
    weights = [round(rng.uniform(-5, 5), 2) for _ in range(rng.randint(1, 5))]
    return round(rng.uniform(-2, 2), 2), weights


PATH_PRODUCT = Exercise(
    id="06.path-product",
    solution=chain_gradient,
    fixed=(
        (0.0, [1.0]),
        (0.5, [2.0, -1.0]),
        (0.0, [1.0, 1.0, 1.0]),
        (1.0, [4.0, 3.0, -2.0, 5.0]),
        (-2.0, [6.0, 6.0]),
    ),
    random_case=_random_chain,
    wrong_ideas={
        "You stop at the first layer's output: that is the derivative with respect to x1. One "
        "layer is left between x1 and x, and it has a "
        "factor, too.": lambda x, ws: chain_gradient(_sigmoid(ws[0] * x), ws[1:]),
        "You multiply the slopes of the sigmoids only. If x grows by a little, by how much "
        "does z = w · x grow?": _product(lambda x, w, z: _slope(z)),
        "You multiply the weights only, as if each layer were linear. What does the sigmoid do "
        "to a small change of z?": _product(lambda x, w, z: w),
        "You take the slope of the sigmoid at the layer's input. What number does the sigmoid "
        "of this layer really get?": _product(lambda x, w, z: w * _slope(x)),
        "You apply the sigmoid once more to its own output before you take the slope. With the "
        "output in hand, the slope needs no further "
        "exponential.": _product(lambda x, w, z: w * _slope(_sigmoid(z))),
        "The slope is s (1 − s), with s = sigmoid(z). You put z itself in the place of "
        "s.": _product(lambda x, w, z: w * z * (1 - z)),
        "You use 0.25 for each slope. That is the largest value it can have, at z = 0. What is "
        "z in each of the layers?": _product(lambda x, w, z: w * 0.25),
        "You add the layers' factors. In a chain each layer scales the change it receives from "
        "the one before: what do two scalings in "
        "a row make?": _product(lambda x, w, z: w * _slope(z), combine=sum),
        "This is the output of the last layer. The question is how strongly it changes with "
        "x.": lambda x, ws: _values(x, ws)[-1],
        "This is the factor of the last layer alone. The change has to travel through every layer "
        "of the chain.": lambda x, ws: chain_gradient(_values(x, ws)[-2], ws[-1:]),
        "Each of your layers reads the input x. The second layer should read what the first "
        "one returns, and so on.": lambda x, ws: math.prod(w * _slope(w * x) for w in ws),
    },
)


def init_std(in_channels, out_channels, kernel, relu):
    """Choose the standard deviation of a convolution's weights that keeps the signal's size."""
    fan_in = in_channels * kernel * kernel  # inputs that one output adds up
    gain = 2 if relu else 1  # a ReLU switches half of the units off
    return math.sqrt(gain / fan_in)


def _random_layer(rng):
    sizes = (1, 3, 6, 16, 32, 64, 128, 256)
    return rng.choice(sizes), rng.choice(sizes), rng.choice((1, 3, 5, 7, 11)), rng.random() < 0.6


INIT_SCALE = Exercise(
    id="06.init-scale",
    solution=init_std,
    fixed=(
        (1, 6, 5, False),  # LeNet-5's first layer, 25 inputs
        (64, 64, 3, True),  # a layer of ResNet-34
        (3, 96, 11, True),  # AlexNet's first layer, 363 inputs
        (256, 64, 1, True),
        (16, 32, 3, False),
    ),
    random_case=_random_layer,
    wrong_ideas={  # 1 + relu is the gain, 2 with a ReLU and 1 without
        "This is the variance of the weights. The standard deviation is asked "
        "for.": lambda i, o, k, relu: (1 + relu) / (i * k**2),
        "You count one input per channel. How many numbers of each channel lie under the "
        "kernel?": lambda i, o, k, relu: math.sqrt((1 + relu) / i),
        "You count `kernel` inputs per channel, a row of them. The kernel is a "
        "square.": lambda i, o, k, relu: math.sqrt((1 + relu) / (i * k)),
        "You count the inputs of one channel. One output adds up those of all "
        "channels.": lambda i, o, k, relu: math.sqrt((1 + relu) / k**2),
        "You use the number of output channels. How many numbers are added up to make *one* "
        "output does not depend on how many outputs there "
        "are.": lambda i, o, k, relu: math.sqrt((1 + relu) / (o * k**2)),
        "This counts all weights of the layer. Only those that belong to one output are added "
        "up with each other.": lambda i, o, k, relu: math.sqrt((1 + relu) / (i * o * k**2)),
        "Right for a layer without a ReLU. A ReLU sets about half of the numbers to 0: how "
        "much of the mean square is left, and how do you make up for "
        "it?": lambda i, o, k, relu: math.sqrt(1 / (i * k**2)),
        "Right for a layer with a ReLU. Without one, nothing is switched off, and there is "
        "nothing to make up for.": lambda i, o, k, relu: math.sqrt(2 / (i * k**2)),
        "You double the standard deviation. It is the variance that a ReLU "
        "halves.": lambda i, o, k, relu: (1 + relu) / math.sqrt(i * k**2),
        "With a ReLU your weights get smaller. The ReLU takes signal away, so should the "
        "weights grow or shrink?": lambda i, o, k, relu: math.sqrt(1 / (1 + relu) / (i * k**2)),
        "This is the limit `a` of a uniform draw from −a to a. Its standard deviation is "
        "smaller than the limit.": lambda i, o, k, relu: math.sqrt(3 * (1 + relu) / (i * k**2)),
    },
)


def count_dead_units(outputs):
    """Count the ReLU units, columns of outputs (N, units), that are 0 for every input."""
    dead = 0
    for unit in zip(*outputs, strict=True):  # a column: one number for each input
        if not any(unit):  # it was never on
            dead += 1
    return dead


def _count(wanted, lines=lambda outputs: zip(*outputs, strict=True)):
    """The wrong idea that counts the columns, or other lines, with wanted(which values are 0)."""
    return lambda outputs: sum(wanted([value == 0 for value in line]) for line in lines(outputs))


def _random_outputs(rng):
    inputs, units = rng.randint(2, 6), rng.randint(3, 8)
    dead = [rng.random() < 0.35 for _ in range(units)]
    rows = [
        [0.0 if off else max(0.0, round(rng.gauss(0.2, 1), 1)) for off in dead]
        for _ in range(inputs)
    ]
    return (rows,)


COUNT_DEAD_UNITS = Exercise(
    id="06.count-dead-units",
    solution=count_dead_units,
    arrays=("outputs",),
    fixed=(
        ([[0.0, 1.2, 0.0], [0.0, 0.0, 0.3]],),
        ([[0.5, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0], [0.0, 0.0, 0.9, 0.0]],),
        ([[1.0, 2.0], [0.4, 0.1], [0.0, 0.7]],),
        ([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],),
        ([[0.0, 3.0, 0.0, 0.0, 1.0], [2.0, 0.0, 0.0, 0.0, 1.0]],),
        ([[0.0, 0.0, 0.6, 0.0], [0.0, 0.0, 0.0, 0.0], [0.2, 0.0, 0.0, 0.0]],),
    ),
    random_case=_random_outputs,
    wrong_ideas={
        "You count every 0 in the table. A ReLU that is off for one input is doing its job; "
        "what must hold for a whole column?": _count(sum),
        "You count the units that are off for *some* input. Such a unit still learns from the "
        "others.": _count(any),
        "You look along the rows: those are inputs that switch no unit on. A unit is a "
        "column.": _count(all, lines=list),
        "These are the units that are on for at least one input: the living ones.": _count(
            lambda off: not all(off)
        ),
        "You look at the first input only. A unit that is off for it may be on for the "
        "next.": _count(lambda off: off[0]),
        "This is the share of dead units. Their number is asked for.": lambda outputs: (
            count_dead_units(outputs) / len(outputs[0])
        ),
        "You count units that are off for most inputs. One input that switches it on is enough for "
        "a unit to receive a gradient.": _count(lambda off: 2 * sum(off) > len(off)),
    },
)
