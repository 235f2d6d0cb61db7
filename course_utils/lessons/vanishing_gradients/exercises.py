"""The coding exercises of notebook 06: a chain's derivative, the scale of weights, dead units.

    check_chain_gradient        chain_gradient(x, weights) -> float
    check_init_std              init_std(in_channels, out_channels, kernel, relu) -> float
    check_count_dead_units      count_dead_units(outputs) -> int

The reference solutions are written to be read: `show_solution` prints their source. The tests hold
them equal to autograd, to torch.nn.init and to course_utils.probing.
"""

from __future__ import annotations

import math

import numpy as np

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 06.path-product


def chain_gradient(x, weights):
    """Differentiate x_n by x, where x_i = sigmoid(w_i * x_(i-1)) and x_0 = x."""
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


def _steps(x, weights):
    """(input, weight, z, output) of every layer."""
    for weight in weights:
        z = weight * x
        yield x, weight, z, _sigmoid(z)
        x = _sigmoid(z)


def _product(x, weights, factor):
    return math.prod(factor(*step) for step in _steps(x, weights))


def _without_the_first_layer(x, weights):
    return _product(_sigmoid(weights[0] * x), weights[1:], lambda x, w, z, y: w * _slope(z))


def _slopes_only(x, weights):
    return _product(x, weights, lambda x, w, z, y: _slope(z))


def _weights_only(x, weights):
    return math.prod(weights)


def _slope_at_the_input(x, weights):
    return _product(x, weights, lambda x, w, z, y: w * _slope(x))


def _slope_at_the_output(x, weights):
    return _product(x, weights, lambda x, w, z, y: w * _slope(y))


def _z_for_sigmoid(x, weights):
    return _product(x, weights, lambda x, w, z, y: w * z * (1 - z))


def _always_a_quarter(x, weights):
    return _product(x, weights, lambda x, w, z, y: w * 0.25)


def _sum_of_factors(x, weights):
    return sum(w * _slope(z) for _, w, z, _ in _steps(x, weights))


def _forward_only(x, weights):
    return list(_steps(x, weights))[-1][3]


def _last_factor_only(x, weights):
    _, weight, z, _ = list(_steps(x, weights))[-1]
    return weight * _slope(z)


def _input_never_moves(x, weights):
    return math.prod(weight * _slope(weight * x) for weight in weights)


def _random_chain(rng):
    weights = [round(rng.uniform(-5, 5), 2) for _ in range(rng.randint(1, 5))]
    return round(rng.uniform(-2, 2), 2), weights


PATH_PRODUCT = Exercise(
    id="06.path-product",
    title="Differentiate a chain of sigmoid layers",
    solution=chain_gradient,
    fixed=(
        (0.0, [1.0]),
        (0.5, [2.0, -1.0]),
        (0.0, [1.0, 1.0, 1.0]),
        (1.0, [4.0, 3.0, -2.0, 5.0]),
        (-2.0, [6.0, 6.0]),
    ),
    random_case=_random_chain,
    wrong_ideas=(
        WrongIdea(
            "stopped one layer short",
            _without_the_first_layer,
            "You stop at the first layer's output: that is the derivative by x1. One layer is left "
            "between x1 and x, and it has a factor, too.",
        ),
        WrongIdea(
            "slopes without weights",
            _slopes_only,
            "You multiply the slopes of the sigmoids only. If x grows by a little, by how much "
            "does z = w · x grow?",
        ),
        WrongIdea(
            "weights without slopes",
            _weights_only,
            "You multiply the weights only, as if each layer were linear. What does the sigmoid do "
            "to a small change of z?",
        ),
        WrongIdea(
            "slope at the layer's input",
            _slope_at_the_input,
            "You take the slope of the sigmoid at the layer's input. What number does the sigmoid "
            "of this layer really get?",
        ),
        WrongIdea(
            "slope at the layer's output",
            _slope_at_the_output,
            "You apply the sigmoid once more to its own output before you take the slope. With the "
            "output in hand, the slope needs no further exponential.",
        ),
        WrongIdea(
            "z in place of sigmoid(z)",
            _z_for_sigmoid,
            "The slope is s (1 − s), with s = sigmoid(z). You put z itself in the place of s.",
        ),
        WrongIdea(
            "always a quarter",
            _always_a_quarter,
            "You use 0.25 for each slope. That is the largest value it can have, at z = 0. What is "
            "z in each of the layers?",
        ),
        WrongIdea(
            "added the factors",
            _sum_of_factors,
            "You add the layers' factors. In a chain each layer scales the change it receives from "
            "the one before: what do two scalings in a row make?",
        ),
        WrongIdea(
            "returned the output",
            _forward_only,
            "This is the output of the last layer. The question is how strongly it changes with x.",
        ),
        WrongIdea(
            "the last layer only",
            _last_factor_only,
            "This is the factor of the last layer alone. The change has to travel through every "
            "layer of the chain.",
        ),
        WrongIdea(
            "every layer reads x",
            _input_never_moves,
            "Each of your layers reads the input x. The second layer should read what the first "
            "one returns, and so on.",
        ),
    ),
)


def check_chain_gradient(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `chain_gradient(x, weights)`, the derivative of a chain of sigmoid layers by its input.

    Inputs: a float and a list of 1 to 5 floats, first layer first.
    See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return PATH_PRODUCT.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 06.init-scale


def init_std(in_channels, out_channels, kernel, relu):
    """Choose the standard deviation of a convolution's weights that keeps the signal's size."""
    fan_in = in_channels * kernel * kernel  # inputs that one output adds up
    gain = 2 if relu else 1  # a ReLU switches half of the units off
    return math.sqrt(gain / fan_in)


def _variance(in_channels, out_channels, kernel, relu):
    return (2 if relu else 1) / (in_channels * kernel**2)


def _fan_in_without_kernel(in_channels, out_channels, kernel, relu):
    return math.sqrt((2 if relu else 1) / in_channels)


def _kernel_not_squared(in_channels, out_channels, kernel, relu):
    return math.sqrt((2 if relu else 1) / (in_channels * kernel))


def _one_channel(in_channels, out_channels, kernel, relu):
    return math.sqrt((2 if relu else 1) / kernel**2)


def _fan_out(in_channels, out_channels, kernel, relu):
    return math.sqrt((2 if relu else 1) / (out_channels * kernel**2))


def _number_of_weights(in_channels, out_channels, kernel, relu):
    return math.sqrt((2 if relu else 1) / (in_channels * out_channels * kernel**2))


def _never_doubled(in_channels, out_channels, kernel, relu):
    return math.sqrt(1 / (in_channels * kernel**2))


def _always_doubled(in_channels, out_channels, kernel, relu):
    return math.sqrt(2 / (in_channels * kernel**2))


def _doubled_the_std(in_channels, out_channels, kernel, relu):
    return (2 if relu else 1) / math.sqrt(in_channels * kernel**2)


def _halved(in_channels, out_channels, kernel, relu):
    return math.sqrt((0.5 if relu else 1) / (in_channels * kernel**2))


def _uniform_limit(in_channels, out_channels, kernel, relu):
    return math.sqrt(3 * (2 if relu else 1) / (in_channels * kernel**2))


def _random_layer(rng):
    sizes = (1, 3, 6, 16, 32, 64, 128, 256)
    return rng.choice(sizes), rng.choice(sizes), rng.choice((1, 3, 5, 7, 11)), rng.random() < 0.6


INIT_SCALE = Exercise(
    id="06.init-scale",
    title="Choose the scale of the weights that keeps the signal's size",
    solution=init_std,
    fixed=(
        (1, 6, 5, False),  # LeNet-5's first layer, 25 inputs
        (64, 64, 3, True),  # a layer of ResNet-34
        (3, 96, 11, True),  # AlexNet's first layer, 363 inputs
        (256, 64, 1, True),
        (16, 32, 3, False),
    ),
    random_case=_random_layer,
    wrong_ideas=(
        WrongIdea(
            "the variance",
            _variance,
            "This is the variance of the weights. The standard deviation is asked for.",
        ),
        WrongIdea(
            "channels without the kernel",
            _fan_in_without_kernel,
            "You count one input per channel. How many numbers of each channel lie under the "
            "kernel?",
        ),
        WrongIdea(
            "a kernel of one dimension",
            _kernel_not_squared,
            "You count `kernel` inputs per channel, a row of them. The kernel is a square.",
        ),
        WrongIdea(
            "one channel",
            _one_channel,
            "You count the inputs of one channel. One output adds up those of all channels.",
        ),
        WrongIdea(
            "counted the outputs",
            _fan_out,
            "You use the number of output channels. How many numbers are added up to make *one* "
            "output does not depend on how many outputs there are.",
        ),
        WrongIdea(
            "counted all weights",
            _number_of_weights,
            "This counts all weights of the layer. Only those that belong to one output are added "
            "up with each other.",
        ),
        WrongIdea(
            "nothing made up for the ReLU",
            _never_doubled,
            "Right for a layer without a ReLU. A ReLU sets about half of the numbers to 0: how "
            "much of the mean square is left, and how do you make up for it?",
        ),
        WrongIdea(
            "the ReLU's factor everywhere",
            _always_doubled,
            "Right for a layer with a ReLU. Without one, nothing is switched off, and there is "
            "nothing to make up for.",
        ),
        WrongIdea(
            "doubled the deviation",
            _doubled_the_std,
            "You double the standard deviation. It is the variance that a ReLU halves.",
        ),
        WrongIdea(
            "the wrong way round",
            _halved,
            "With a ReLU your weights get smaller. The ReLU takes signal away, so should the "
            "weights grow or shrink?",
        ),
        WrongIdea(
            "the limit of a uniform draw",
            _uniform_limit,
            "This is the limit `a` of a uniform draw from −a to a. Its standard deviation is "
            "smaller than the limit.",
        ),
    ),
)


def check_init_std(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `init_std(in_channels, out_channels, kernel, relu)`, a standard deviation.

    Inputs: three integers >= 1 and a boolean, whether a ReLU follows the convolution.
    See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return INIT_SCALE.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 06.count-dead-units


def count_dead_units(outputs):
    """Count the ReLU units, columns of outputs (N, units), that are 0 for every input."""
    ever_on = (outputs > 0).any(axis=0)  # (units,)
    return int((~ever_on).sum())


def _zeros(outputs):
    return int((outputs == 0).sum())


def _off_at_least_once(outputs):
    return int((outputs == 0).any(axis=0).sum())


def _inputs_without_a_response(outputs):
    return int((outputs == 0).all(axis=1).sum())


def _alive_units(outputs):
    return int((outputs > 0).any(axis=0).sum())


def _off_for_the_first_input(outputs):
    return int((outputs[0] == 0).sum())


def _share_of_dead_units(outputs):
    return float((outputs == 0).all(axis=0).mean())


def _mostly_off(outputs):
    return int(((outputs == 0).mean(axis=0) > 0.5).sum())


def _relu_outputs(rows):
    return (np.array(rows, dtype=float),)


def _random_outputs(rng):
    inputs, units = rng.randint(2, 6), rng.randint(3, 8)
    dead = [rng.random() < 0.35 for _ in range(units)]
    return _relu_outputs(
        [
            [0.0 if off else max(0.0, round(rng.gauss(0.2, 1), 1)) for off in dead]
            for _ in range(inputs)
        ]
    )


COUNT_DEAD_UNITS = Exercise(
    id="06.count-dead-units",
    title="Count the dead units of a ReLU layer",
    solution=count_dead_units,
    fixed=(
        _relu_outputs([[0.0, 1.2, 0.0], [0.0, 0.0, 0.3]]),
        _relu_outputs([[0.5, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0], [0.0, 0.0, 0.9, 0.0]]),
        _relu_outputs([[1.0, 2.0], [0.4, 0.1], [0.0, 0.7]]),
        _relu_outputs([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]),
        _relu_outputs([[0.0, 3.0, 0.0, 0.0, 1.0], [2.0, 0.0, 0.0, 0.0, 1.0]]),
        _relu_outputs([[0.0, 0.0, 0.6, 0.0], [0.0, 0.0, 0.0, 0.0], [0.2, 0.0, 0.0, 0.0]]),
    ),
    random_case=_random_outputs,
    wrong_ideas=(
        WrongIdea(
            "counted the zeros",
            _zeros,
            "You count every 0 in the table. A ReLU that is off for one input is doing its job; "
            "what must hold for a whole column?",
        ),
        WrongIdea(
            "off at least once",
            _off_at_least_once,
            "You count the units that are off for *some* input. Such a unit still learns from the "
            "others.",
        ),
        WrongIdea(
            "rows and columns exchanged",
            _inputs_without_a_response,
            "You look along the rows: those are inputs that switch no unit on. A unit is a column.",
        ),
        WrongIdea(
            "counted the living",
            _alive_units,
            "These are the units that are on for at least one input: the living ones.",
        ),
        WrongIdea(
            "one input only",
            _off_for_the_first_input,
            "You look at the first input only. A unit that is off for it may be on for the next.",
        ),
        WrongIdea(
            "a share, not a number",
            _share_of_dead_units,
            "This is the share of dead units. Their number is asked for.",
        ),
        WrongIdea(
            "mostly off",
            _mostly_off,
            "You count units that are off for most inputs. One input that switches it on is enough "
            "for a unit to receive a gradient.",
        ),
    ),
)


def check_count_dead_units(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `count_dead_units(outputs)`, the number of columns that are 0 in every row.

    Inputs: a NumPy array (N, units) of outputs of a ReLU, none negative, N >= 2.
    See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return COUNT_DEAD_UNITS.check(student_function, seconds=seconds)


EXERCISES = (PATH_PRODUCT, INIT_SCALE, COUNT_DEAD_UNITS)
