"""The coding exercises of notebook 02: matrix of a convolution, gradient of its weights.

    check_toeplitz_matrix   toeplitz_matrix(w, n, stride, padding) -> array
    check_shared_gradient   shared_gradient(x, g, kernel, padding) -> array

The reference solutions are written to be read: `show_solution` prints their source. The tests hold
them equal to `course_utils.ops`, to torch's convolution and to autograd.
"""

from __future__ import annotations

import numpy as np

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 02.toeplitz-matrix


def toeplitz_matrix(w, n, stride, padding):
    """Write a convolution as a matrix: one row per output, one column per input."""
    kernel = len(w)
    outputs = (n + 2 * padding - kernel) // stride + 1
    matrix = np.zeros((outputs, n))
    for output in range(outputs):
        first = output * stride - padding  # the leftmost place under the kernel
        for tap in range(kernel):
            if 0 <= first + tap < n:  # a place outside is padding, and has no column
                matrix[output, first + tap] = w[tap]
    return matrix


def _outputs(w, n, stride, padding):
    return (n + 2 * padding - len(w)) // stride + 1


def _ones(w, n, stride, padding):
    return toeplitz_matrix(np.ones(len(w)), n, stride, padding)


def _flipped(w, n, stride, padding):
    return toeplitz_matrix(w[::-1], n, stride, padding)


def _transposed(w, n, stride, padding):
    return toeplitz_matrix(w, n, stride, padding).T


def _without_padding(w, n, stride, padding):
    return toeplitz_matrix(w, n, stride, 0)


def _with_stride_one(w, n, stride, padding):
    return toeplitz_matrix(w, n, 1, padding)


def _from_the_first_input(w, n, stride, padding):
    matrix = np.zeros((_outputs(w, n, stride, padding), n))
    for output in range(len(matrix)):
        for tap in range(len(w)):
            if output * stride + tap < n:
                matrix[output, output * stride + tap] = w[tap]
    return matrix


def _wrapped_around(w, n, stride, padding):
    matrix = np.zeros((_outputs(w, n, stride, padding), n))
    for output in range(len(matrix)):
        for tap in range(len(w)):
            matrix[output, (output * stride - padding + tap) % n] = w[tap]
    return matrix


def _columns_for_padding(w, n, stride, padding):
    return toeplitz_matrix(w, n + 2 * padding, stride, 0)


def _weights_begin_in_every_row(w, n, stride, padding):
    """Each row takes weights from the first on, so the border rows lose the wrong end."""
    matrix = toeplitz_matrix(w, n, stride, padding)
    for row in matrix:
        places = np.flatnonzero(row)
        row[places] = w[: len(places)]
    return matrix


def _random_layer(rng):
    n = rng.randint(3, 10)
    kernel = rng.randint(1, min(n, 5))
    # Distinct and not zero: each weight can be recognised, and none looks like an empty place.
    w = rng.sample([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5], kernel)
    return np.array(w, dtype=float), n, rng.randint(1, 3), rng.randint(0, kernel - 1)


def _w(*weights):
    return np.array(weights, dtype=float)


TOEPLITZ_MATRIX = Exercise(
    id="02.toeplitz-matrix",
    title="Write any one-dimensional convolution as a matrix",
    solution=toeplitz_matrix,
    fixed=(  # w, n, stride, padding; the lecture's layer first
        (_w(1, 2, 3), 5, 1, 1),
        (_w(1, 2, 3), 7, 1, 0),
        (_w(4), 4, 1, 0),
        (_w(1, -2, 3, -4, 5), 7, 1, 2),
        (_w(1, 2, 3), 8, 2, 0),
        (_w(5, 4, 3, 2, 1), 9, 2, 2),
        (_w(1, 2, 3, 4), 10, 3, 1),
    ),
    random_case=_random_layer,
    wrong_ideas=(
        WrongIdea(
            "ones in place of the weights",
            _ones,
            "The pattern is right: you marked every arrow. Now put each arrow's weight there; the "
            "weight under tap `t` is `w[t]`.",
        ),
        WrongIdea(
            "flipped the kernel",
            _flipped,
            "The weights stand in reverse order. That is a convolution as mathematicians write it. "
            "Neural networks slide the kernel as it is: `w[0]` meets the leftmost input.",
        ),
        WrongIdea(
            "rows and columns exchanged",
            _transposed,
            "Rows and columns are exchanged. Each row belongs to one output and says with which "
            "weight that output reads each input.",
        ),
        WrongIdea(
            "forgot the padding",
            _without_padding,
            "Your matrix is that of a layer without padding. Padding lets the kernel start before "
            "the first input, so there are more rows.",
        ),
        WrongIdea(
            "the first window starts at the first input",
            _from_the_first_input,
            "The number of rows is right. Look at the first row: with padding, the kernel of the "
            "first output begins before the first input.",
        ),
        WrongIdea(
            "border rows begin with the first weight",
            _weights_begin_in_every_row,
            "The band is in the right place. At the left border the kernel hangs over the edge: "
            "which of its weights have no input under them, the first ones or the last ones?",
        ),
        WrongIdea(
            "ignored the stride",
            _with_stride_one,
            "From row to row your window moves by one column, whatever `stride` is.",
        ),
        WrongIdea(
            "wrapped around the border",
            _wrapped_around,
            "Your window leaves at one end and comes back in at the other. In Python "
            "`matrix[0, -1]` is the last column: leave out the places that are no inputs.",
        ),
        WrongIdea(
            "columns for the padding",
            _columns_for_padding,
            "Your matrix has columns for the padding. A padded zero adds nothing to any sum: keep "
            "one column for each real input.",
        ),
    ),
)


def check_toeplitz_matrix(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `toeplitz_matrix(w, n, stride, padding)`, an array (outputs, n).

    Inputs: w, an array of 1 to 5 weights; n >= len(w) inputs; stride >= 1; 0 <= padding < len(w)
    places at each end. The result may be a NumPy array or a torch tensor of any numeric type.
    See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return TOEPLITZ_MATRIX.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 02.shared-gradient


def shared_gradient(x, g, kernel, padding):
    """Add up, for each weight of the kernel, what every one of its uses contributes."""
    gradient = np.zeros(kernel)
    for output in range(len(g)):
        for tap in range(kernel):
            place = output - padding + tap  # the input that this weight meets here
            if 0 <= place < len(x):
                gradient[tap] += g[output] * x[place]
    return gradient


def _uses(x, g, kernel, padding):
    """For each weight, the contributions of its uses in the order of the outputs."""
    uses = [[] for _ in range(kernel)]
    for output in range(len(g)):
        for tap in range(kernel):
            place = output - padding + tap
            if 0 <= place < len(x):
                uses[tap].append(g[output] * x[place])
    return uses


def _mean_over_uses(x, g, kernel, padding):
    return np.array([sum(uses) / len(uses) for uses in _uses(x, g, kernel, padding)])


def _last_use_only(x, g, kernel, padding):
    return np.array([uses[-1] for uses in _uses(x, g, kernel, padding)])


def _first_use_only(x, g, kernel, padding):
    return np.array([uses[0] for uses in _uses(x, g, kernel, padding)])


def _without_g(x, g, kernel, padding):
    return shared_gradient(x, np.ones(len(g)), kernel, padding)


def _without_x(x, g, kernel, padding):
    return shared_gradient(np.ones(len(x)), g, kernel, padding)


def _gradient_flipped(x, g, kernel, padding):
    return shared_gradient(x, g, kernel, padding)[::-1]


def _gradient_without_padding(x, g, kernel, padding):
    gradient = np.zeros(kernel)
    for output in range(len(g)):
        for tap in range(kernel):
            if output + tap < len(x):
                gradient[tap] += g[output] * x[output + tap]
    return gradient


def _gradient_wrapped(x, g, kernel, padding):
    gradient = np.zeros(kernel)
    for output in range(len(g)):
        for tap in range(kernel):
            gradient[tap] += g[output] * x[(output - padding + tap) % len(x)]
    return gradient


def _one_sum_for_all(x, g, kernel, padding):
    return np.full(kernel, shared_gradient(x, g, kernel, padding).sum())


def _random_signals(rng):
    n = rng.randint(3, 9)
    kernel = rng.randint(1, min(n, 4))
    padding = rng.randint(0, kernel - 1)
    outputs = n + 2 * padding - kernel + 1

    def signal(length):
        return np.array([rng.randint(-4, 4) for _ in range(length)], dtype=float)

    return signal(n), signal(outputs), kernel, padding


SHARED_GRADIENT = Exercise(
    id="02.shared-gradient",
    title="Compute the gradient of the weights of a convolution",
    solution=shared_gradient,
    fixed=(
        (_w(1, 2, 3, 4, 5), _w(1, 1, 1, 1, 1), 3, 1),
        (_w(1, 2, 3, 4, 5), _w(1, 0, 0, 0, 0), 3, 1),
        (_w(2, -1, 3, 5), _w(1, 2), 3, 0),
        (_w(2, -1, 3), _w(4, 1, -2), 1, 0),
        (_w(1, 4, 2, 8, 5, 7), _w(3, -1, 2, 4, 1, 2), 5, 2),
    ),
    random_case=_random_signals,
    wrong_ideas=(
        WrongIdea(
            "the mean over the uses",
            _mean_over_uses,
            "You divide by the number of uses. The loss feels every use in full: add the "
            "contributions and do not average them.",
        ),
        WrongIdea(
            "kept the last use only",
            _last_use_only,
            "Only the last use of each weight is left. Does your loop overwrite what the earlier "
            "outputs had contributed?",
        ),
        WrongIdea(
            "took the first use only",
            _first_use_only,
            "Only the first use of each weight counts in your result. The same weight works at "
            "other outputs as well.",
        ),
        WrongIdea(
            "left out the gradient from above",
            _without_g,
            "This would be right if every `g[i]` were 1. A use at an output that hardly moves the "
            "loss must count little: where does `g` enter the chain rule?",
        ),
        WrongIdea(
            "left out the input",
            _without_x,
            "You add up `g` alone. In s = … + w·x + … the derivative of s with respect to w is "
            "the input that w multiplies.",
        ),
        WrongIdea(
            "in reverse order",
            _gradient_flipped,
            "The numbers are right and their order is reversed. Weight 0 meets the leftmost input "
            "of every window.",
        ),
        WrongIdea(
            "forgot the padding",
            _gradient_without_padding,
            "Your windows begin at the first input. With padding, which input does weight 0 meet "
            "at output 0?",
        ),
        WrongIdea(
            "wrapped around the border",
            _gradient_wrapped,
            "A place before the first input becomes the last input in your sum: `x[-1]` is legal "
            "Python. A weight on the padding contributes nothing.",
        ),
        WrongIdea(
            "one sum for all weights",
            _one_sum_for_all,
            "All weights get the same number. Uses of *different* weights do not belong in one "
            "sum: keep a sum of its own for each weight.",
        ),
    ),
)


def check_shared_gradient(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `shared_gradient(x, g, kernel, padding)`, an array (kernel,).

    Inputs: x, the n inputs; g, the derivatives of the loss with respect to the outputs of a
    convolution of stride 1; kernel >= 1; 0 <= padding < kernel. The result may be a NumPy array or
    a torch tensor. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return SHARED_GRADIENT.check(student_function, seconds=seconds)


EXERCISES = (TOEPLITZ_MATRIX, SHARED_GRADIENT)
