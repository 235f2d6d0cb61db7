"""The exercises of notebook 08: sides of maps, parameters of groups, the paper's normalisation.

    check_map_side              map_side(n, kernel, stride, padding, round_up) -> int
    check_grouped_parameters    grouped_parameters(in_maps, out_maps, kernel, groups) -> int
    check_normalise             normalise(a, n, k, alpha, beta) -> list of floats

Source: Krizhevsky, Sutskever and Hinton (2012), *ImageNet Classification with Deep Convolutional
Neural Networks*, NIPS 25, sections 3.3 and 3.5. The tests hold the reference solutions equal to
PyTorch and to `course_utils.models.alexnet`.
"""

from __future__ import annotations

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 08.map-side


def map_side(n, kernel, stride, padding, round_up):
    """Count the windows in a row of n pixels, rounded down or up."""
    room = n + 2 * padding - kernel
    steps = room // stride
    if round_up and room % stride:
        steps += 1  # a last window that reads past the edge
    return steps + 1


def _always_down(n, kernel, stride, padding, round_up):
    return (n + 2 * padding - kernel) // stride + 1


def _always_up(n, kernel, stride, padding, round_up):
    return -(-(n + 2 * padding - kernel) // stride) + 1


def _one_more(n, kernel, stride, padding, round_up):
    return (n + 2 * padding - kernel) // stride + 1 + bool(round_up)


def _no_plus_one(n, kernel, stride, padding, round_up):
    return map_side(n, kernel, stride, padding, round_up) - 1


def _padding_once(n, kernel, stride, padding, round_up):
    room = n + padding - kernel
    return (-(-room // stride) if round_up else room // stride) + 1


def _padding_forgotten(n, kernel, stride, padding, round_up):
    return map_side(n, kernel, stride, 0, round_up)


def _kernel_forgotten(n, kernel, stride, padding, round_up):
    room = n + 2 * padding
    return -(-room // stride) if round_up else room // stride


def _not_rounded(n, kernel, stride, padding, round_up):
    return (n + 2 * padding - kernel) / stride + 1


def _plus_one_first(n, kernel, stride, padding, round_up):
    room = n + 2 * padding - kernel + 1
    return -(-room // stride) if round_up else room // stride


def _random_side(rng):
    kernel = rng.choice((1, 2, 3, 5, 7, 11))
    n = rng.randint(kernel, 60)
    return n, kernel, rng.randint(1, 4), rng.randint(0, kernel // 2), rng.random() < 0.5


MAP_SIDE = Exercise(
    id="08.map-side",
    title="Count the windows in a row, rounded down or up",
    solution=map_side,
    fixed=(  # n, kernel, stride, padding, round_up
        (227, 11, 4, 0, False),
        (224, 11, 4, 0, False),
        (224, 11, 4, 0, True),
        (224, 11, 4, 2, False),
        (227, 11, 4, 0, True),
        (55, 3, 2, 0, False),
        (26, 3, 2, 0, True),
        (13, 3, 1, 1, False),
        (12, 5, 3, 2, True),
    ),
    random_case=_random_side,
    wrong_ideas=(
        WrongIdea(
            "always rounded down",
            _always_down,
            "You round down in every case. With `round_up` a part of a window that is left over "
            "makes one more window.",
        ),
        WrongIdea(
            "always rounded up",
            _always_up,
            "You round up in every case. Without `round_up` a window that does not fit completely "
            "is left out.",
        ),
        WrongIdea(
            "one more whenever rounding up",
            _one_more,
            "With `round_up` you add a window in every case. 227 pixels divide evenly: what is "
            "there to round?",
        ),
        WrongIdea(
            "forgot the first window",
            _no_plus_one,
            "You count the steps from one window to the next. How many windows are there if there "
            "is no step at all?",
        ),
        WrongIdea(
            "padding on one side",
            _padding_once,
            "You add the padding once. There are zeros at both ends of the row.",
        ),
        WrongIdea(
            "forgot the padding",
            _padding_forgotten,
            "`padding` has no effect in your function. It makes the row longer before the windows "
            "are laid.",
        ),
        WrongIdea(
            "forgot the kernel",
            _kernel_forgotten,
            "You divide the whole row by the stride. The last window must end inside the row, so "
            "where can it start at the latest?",
        ),
        WrongIdea(
            "did not round",
            _not_rounded,
            "Your count has a fraction: 54.25 windows. What becomes of the quarter depends on "
            "`round_up`.",
        ),
        WrongIdea(
            "added one before dividing",
            _plus_one_first,
            "You add the 1 before you divide. It stands for the first window, which is there "
            "whatever the stride.",
        ),
    ),
)


def check_map_side(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `map_side(n, kernel, stride, padding, round_up)`, an int.

    Inputs: n >= kernel >= 1, stride >= 1, padding >= 0 on each side, round_up a boolean. See
    `Exercise.check` for `seconds`, the Report and the errors.
    """
    return MAP_SIDE.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 08.grouped-parameters


def grouped_parameters(in_maps, out_maps, kernel, groups):
    """Count weights and biases of a convolution whose maps are split into groups."""
    weights_of_a_filter = (in_maps // groups) * kernel * kernel  # it reads its own group only
    return out_maps * (weights_of_a_filter + 1)  # and a bias for each map


def _ungrouped(in_maps, out_maps, kernel, groups):
    return out_maps * (in_maps * kernel**2 + 1)


def _no_biases(in_maps, out_maps, kernel, groups):
    return out_maps * (in_maps // groups) * kernel**2


def _divided_twice(in_maps, out_maps, kernel, groups):
    return (out_maps // groups) * (in_maps // groups) * kernel**2 + out_maps


def _one_group(in_maps, out_maps, kernel, groups):
    return (out_maps // groups) * ((in_maps // groups) * kernel**2 + 1)


def _biases_divided(in_maps, out_maps, kernel, groups):
    return out_maps * (in_maps // groups) * kernel**2 + out_maps // groups


def _biases_per_group(in_maps, out_maps, kernel, groups):
    return out_maps * (in_maps // groups) * kernel**2 + out_maps * groups


def _one_bias(in_maps, out_maps, kernel, groups):
    return out_maps * (in_maps // groups) * kernel**2 + 1


def _kernel_not_squared(in_maps, out_maps, kernel, groups):
    return out_maps * ((in_maps // groups) * kernel + 1)


def _biases_of_inputs(in_maps, out_maps, kernel, groups):
    return out_maps * (in_maps // groups) * (kernel**2 + 1)


def _in_maps_forgotten(in_maps, out_maps, kernel, groups):
    return out_maps * (kernel**2 + 1)


def _random_convolution(rng):
    groups = rng.choice((1, 2, 2, 4))
    return groups * rng.randint(1, 64), groups * rng.randint(1, 64), rng.choice((1, 3, 5)), groups


GROUPED_PARAMETERS = Exercise(
    id="08.grouped-parameters",
    title="Count the parameters of a grouped convolution",
    solution=grouped_parameters,
    fixed=(  # in_maps, out_maps, kernel, groups
        (3, 96, 11, 1),
        (96, 256, 5, 2),
        (256, 384, 3, 1),
        (384, 384, 3, 2),
        (384, 256, 3, 2),
        (32, 64, 3, 4),
    ),
    random_case=_random_convolution,
    wrong_ideas=(
        WrongIdea(
            "every filter reads all maps",
            _ungrouped,
            "In your count every filter reads all maps that come in. With groups, how many of them "
            "does a filter see?",
        ),
        WrongIdea(
            "forgot the biases",
            _no_biases,
            "These are the weights. Each map that comes out has a bias as well.",
        ),
        WrongIdea(
            "weights divided twice",
            _divided_twice,
            "You divide by the groups on both sides. A filter reads fewer maps, but there are as "
            "many filters as before.",
        ),
        WrongIdea(
            "one group only",
            _one_group,
            "That is what one group has. How many groups are there?",
        ),
        WrongIdea(
            "biases divided by the groups",
            _biases_divided,
            "The weights are right. A bias belongs to a map that comes out, and groups do not "
            "change how many come out.",
        ),
        WrongIdea(
            "biases times the groups",
            _biases_per_group,
            "The weights are right. Each map that comes out lies in one group only, so how many "
            "biases has it?",
        ),
        WrongIdea(
            "one bias for the layer",
            _one_bias,
            "The weights are right, and there is one bias for the whole layer. Each map that comes "
            "out has its own.",
        ),
        WrongIdea(
            "a row instead of a square",
            _kernel_not_squared,
            "Your filters have one row. How many weights has a filter of 5 rows and 5 columns for "
            "each map that it reads?",
        ),
        WrongIdea(
            "a bias for each map read",
            _biases_of_inputs,
            "You give a filter a bias for every map that it reads. It adds up what it finds in all "
            "of them first; the bias comes once.",
        ),
        WrongIdea(
            "a filter reads one map",
            _in_maps_forgotten,
            "`in_maps` has no effect in your function. A filter has a slice of weights for every "
            "map that it reads.",
        ),
    ),
)


def check_grouped_parameters(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `grouped_parameters(in_maps, out_maps, kernel, groups)`, an int.

    Inputs: all >= 1; groups divides in_maps and out_maps. See `Exercise.check` for `seconds`, the
    Report and the errors.
    """
    return GROUPED_PARAMETERS.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 08.normalise


def normalise(a, n, k, alpha, beta):
    """Normalise one position: divide each map's value by the strength of its n neighbours."""
    half = n // 2
    result = []
    for i in range(len(a)):
        first, last = max(0, i - half), min(len(a) - 1, i + half)
        strength = 0.0
        for j in range(first, last + 1):  # the map itself is among its neighbours
            strength += a[j] ** 2
        result.append(a[i] / (k + alpha * strength) ** beta)
    return result


def _window(a, i, half):
    return a[max(0, i - half) : i + half + 1]


def _lrn(a, n, k, alpha, beta, strength):
    return [a[i] / (k + alpha * strength(a, i, n // 2)) ** beta for i in range(len(a))]


def _squares(values):
    return sum(v**2 for v in values)


def _alpha_over_n(a, n, k, alpha, beta):
    return normalise(a, n, k, alpha / n, beta)


def _window_mean(a, n, k, alpha, beta):
    return _lrn(
        a, n, k, alpha, beta, lambda a, i, h: _squares(_window(a, i, h)) / len(_window(a, i, h))
    )


def _not_squared(a, n, k, alpha, beta):
    return _lrn(a, n, k, alpha, beta, lambda a, i, h: sum(abs(v) for v in _window(a, i, h)))


def _sum_squared(a, n, k, alpha, beta):
    return _lrn(a, n, k, alpha, beta, lambda a, i, h: sum(_window(a, i, h)) ** 2)


def _without_itself(a, n, k, alpha, beta):
    return _lrn(a, n, k, alpha, beta, lambda a, i, h: _squares(_window(a, i, h)) - a[i] ** 2)


def _n_on_each_side(a, n, k, alpha, beta):
    return normalise(a, 2 * n + 1, k, alpha, beta)


def _wrapped(a, n, k, alpha, beta):
    return _lrn(
        a,
        n,
        k,
        alpha,
        beta,
        lambda a, i, h: _squares(a[j % len(a)] for j in range(i - h, i + h + 1)),
    )


def _no_beta(a, n, k, alpha, beta):
    return normalise(a, n, k, alpha, 1)


def _k_outside(a, n, k, alpha, beta):
    half = n // 2
    return [a[i] / (k + (alpha * _squares(_window(a, i, half))) ** beta) for i in range(len(a))]


def _last_one_missing(a, n, k, alpha, beta):
    return _lrn(a, n, k, alpha, beta, lambda a, i, h: _squares(a[max(0, i - h) : i + h]))


def _k_is_one(a, n, k, alpha, beta):
    return normalise(a, n, 1, alpha, beta)


def _in_place(a, n, k, alpha, beta):
    done = list(a)
    for i in range(len(done)):
        strength = _squares(_window(done, i, n // 2))
        done[i] = done[i] / (k + alpha * strength) ** beta
    return done


def _random_position(rng):
    a = [rng.randint(0, 40) / 2 for _ in range(rng.randint(7, 12))]
    return a, rng.choice((3, 5)), 2.0, rng.choice((0.01, 0.1)), rng.choice((0.5, 0.75))


NORMALISE = Exercise(
    id="08.normalise",
    title="Write local response normalisation as section 3.3 prints it",
    solution=normalise,
    fixed=(  # a, n, k, alpha, beta
        ([0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0], 5, 2.0, 0.1, 0.75),
        ([10.0, 0.0, 0.0, 8.0, 6.0, 0.0, 4.0], 5, 2.0, 0.1, 0.75),
        ([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0], 3, 2.0, 0.05, 0.5),
        ([200.0] * 8, 5, 2.0, 1e-4, 0.75),
    ),
    random_case=_random_position,
    wrong_ideas=(
        WrongIdea(
            "alpha divided by n",
            _alpha_over_n,
            "You divide alpha by n. The authors' code and PyTorch do so, the printed formula does "
            "not, and that is what is asked for here.",
        ),
        WrongIdea(
            "mean instead of sum",
            _window_mean,
            "You take the mean of the squares. The formula has their sum.",
        ),
        WrongIdea(
            "not squared",
            _not_squared,
            "You add up the values of the neighbours. The formula has their squares.",
        ),
        WrongIdea(
            "squared the sum",
            _sum_squared,
            "You add up first and square then. The formula squares each value by itself.",
        ),
        WrongIdea(
            "left out the map itself",
            _without_itself,
            "You leave the map itself out. Look where j runs: is i among the values?",
        ),
        WrongIdea(
            "n on each side",
            _n_on_each_side,
            "You take n neighbours on each side. n is the width of the whole window, with the map "
            "itself in its middle.",
        ),
        WrongIdea(
            "went round at the ends",
            _wrapped,
            "At the first and the last maps you go on at the other end. There the window is cut "
            "off.",
        ),
        WrongIdea(
            "forgot the power",
            _no_beta,
            "`beta` has no effect in your function. It is a power of the whole bracket.",
        ),
        WrongIdea(
            "k outside the power",
            _k_outside,
            "You raise only the strength to the power and add k afterwards. Look where the bracket "
            "closes.",
        ),
        WrongIdea(
            "window one too short",
            _last_one_missing,
            "Your window reaches further to the left than to the right. Where does a Python slice "
            "end?",
        ),
        WrongIdea(
            "k left at 1",
            _k_is_one,
            "`k` has no effect in your function. The paper takes 2, some programs take 1.",
        ),
        WrongIdea(
            "used values already normalised",
            _in_place,
            "You overwrite the values as you go, so that later maps look at neighbours already "
            "made smaller. All of them look at the values that came in.",
        ),
    ),
)


def check_normalise(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `normalise(a, n, k, alpha, beta)`, a list of floats.

    Inputs: a, the values of all maps at one position, a list of floats >= 0; n odd; k, alpha, beta
    floats > 0. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return NORMALISE.check(student_function, seconds=seconds)


EXERCISES = (MAP_SIDE, GROUPED_PARAMETERS, NORMALISE)
