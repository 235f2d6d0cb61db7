"""The coding exercises of notebook 02: matrix of a convolution, gradient of its weights."""

from course_utils.exercises import Exercise


def toeplitz_matrix(w, n, stride, padding):
    """Write a convolution as a matrix: one row per output, one column per input."""
    kernel = len(w)
    outputs = (n + 2 * padding - kernel) // stride + 1
    matrix = [[0.0] * n for _ in range(outputs)]
    for output in range(outputs):
        first = output * stride - padding  # the leftmost place under the kernel
        for tap in range(kernel):
            if 0 <= first + tap < n:  # a place outside is padding, and has no column
                matrix[output][first + tap] = w[tap]
    return matrix


def _first_weights_at_the_border(w, *how):
    """Each row takes weights from the first on, so the border rows lose the wrong end."""
    rows = [(row, iter(w)) for row in toeplitz_matrix(w, *how)]
    return [[next(weights) if place else 0.0 for place in row] for row, weights in rows]


def _columns(*layer):
    return [list(column) for column in zip(*toeplitz_matrix(*layer), strict=True)]


def _wrapped_around(w, n, stride, padding):
    row = [*w] + [0.0] * (n - len(w))
    outputs = (n + 2 * padding - len(w)) // stride + 1
    firsts = [output * stride - padding for output in range(outputs)]
    return [[row[(place - first) % n] for place in range(n)] for first in firsts]


def _one_row_for_all(*layer):
    """Each output writes its weights over those of the outputs before."""
    written = ([weight for weight in column if weight] for column in _columns(*layer))
    row = [weights[-1] if weights else 0.0 for weights in written]
    return [row] * len(toeplitz_matrix(*layer))


def _random_layer(rng):
    n = rng.randint(3, 10)
    kernel = rng.randint(1, min(n, 5))
    # Distinct and not zero: each weight can be recognised, and none looks like an empty place.
    w = rng.sample([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5], kernel)
    return w, n, rng.randint(1, 3), rng.randint(0, kernel - 1)


TOEPLITZ_MATRIX = Exercise(
    id="02.toeplitz-matrix",
    solution=toeplitz_matrix,
    arrays=("w",),
    fixed=(  # w, n, stride, padding; the lecture's layer first
        ([1, 2, 3], 5, 1, 1),
        ([1, 2, 3], 7, 1, 0),
        ([4], 4, 1, 0),
        ([1, -2, 3, -4, 5], 7, 1, 2),
        ([1, 2, 3], 8, 2, 0),
        ([5, 4, 3, 2, 1], 9, 2, 2),
        ([1, 2, 3, 4], 10, 3, 1),
    ),
    random_case=_random_layer,  # as many inputs as weights or more, less padding than weights
    wrong_ideas={
        "The pattern is right: you marked every arrow. Now put each arrow's weight there; the "
        "weight under tap `t` is `w[t]`.": lambda w, n, s, p: toeplitz_matrix(
            [1] * len(w), n, s, p
        ),
        "The weights stand in reverse order. That is a convolution as mathematicians write it. "
        "Neural networks slide the kernel as it is: `w[0]` meets "
        "the leftmost input.": lambda w, n, s, p: toeplitz_matrix(w[::-1], n, s, p),
        "Rows and columns are exchanged. Each row belongs to one output and says with which "
        "weight that output reads each input.": _columns,
        "Your matrix is that of a layer without padding. Padding lets the kernel start before "
        "the first input, so there are more rows.": lambda w, n, s, p: toeplitz_matrix(w, n, s, 0),
        "The number of rows is right. Look at the first row: with padding, the kernel of the first "
        "output begins before the first input.": lambda w, n, s, p: [
            row[:n] for row in toeplitz_matrix(w, n + 2 * p, s, 0)
        ],
        "The band is in the right place. At the left border the kernel hangs over the edge: which "
        "of its weights have no input under them, the first ones or "
        "the last ones?": _first_weights_at_the_border,
        "From row to row your window moves by one column, "
        "whatever `stride` is.": lambda w, n, s, p: toeplitz_matrix(w, n, 1, p),
        "Your window leaves at one end and comes back in at the other. In Python the index −1 is "
        "the last column: leave out the places that are no inputs.": _wrapped_around,
        "All your rows are the same. `[row] * m` holds one list m times: what is written into one "
        "of them is written into all.": _one_row_for_all,
        "Your matrix has columns for the padding. A padded zero adds nothing to any sum: keep "
        "one column for each real input.": lambda w, n, s, p: toeplitz_matrix(w, n + 2 * p, s, 0),
    },
)


def shared_gradient(x, g, kernel, padding):
    """Add up, for each weight of the kernel, what every one of its uses contributes."""
    gradient = [0.0] * kernel
    for output in range(len(g)):
        for tap in range(kernel):
            place = output - padding + tap  # the input that this weight meets here
            if 0 <= place < len(x):
                gradient[tap] += g[output] * x[place]
    return gradient


def _uses(x, g, kernel, padding):
    """For each weight, the contributions of its uses in the order of the outputs."""
    padded = [None] * padding + [*x] + [None] * padding  # a weight on the padding has no use
    met = [zip(g, padded[tap:], strict=False) for tap in range(kernel)]
    return [[slope * value for slope, value in pairs if value is not None] for pairs in met]


def _wrapped_at_the_left(x, g, kernel, padding):
    around = [*x[len(x) - padding :], *x, *x[:padding]]
    return shared_gradient(around, g, kernel, 0)


def _random_signals(rng):
    n = rng.randint(3, 9)
    kernel = rng.randint(1, min(n, 4))
    padding = rng.randint(0, kernel - 1)
    x = [rng.randint(-4, 4) for _ in range(n)]
    g = [rng.randint(-4, 4) for _ in range(n + 2 * padding - kernel + 1)]
    return x, g, kernel, padding


SHARED_GRADIENT = Exercise(
    id="02.shared-gradient",
    solution=shared_gradient,
    arrays=("x", "g"),
    fixed=(  # x, g, kernel, padding
        ([1, 2, 3, 4, 5], [1, 1, 1, 1, 1], 3, 1),
        ([1, 2, 3, 4, 5], [1, 0, 0, 0, 0], 3, 1),
        ([2, -1, 3, 5], [1, 2], 3, 0),
        ([2, -1, 3], [4, 1, -2], 1, 0),
        ([1, 4, 2, 8, 5, 7], [3, -1, 2, 4, 1, 2], 5, 2),
    ),
    random_case=_random_signals,
    wrong_ideas={
        "You divide by the number of uses. The loss feels every use in full: add the contributions "
        "and do not average them.": lambda *case: [sum(uses) / len(uses) for uses in _uses(*case)],
        "Only the last use of each weight is left. Does your loop overwrite what the earlier "
        "outputs had contributed?": lambda *case: [uses[-1] for uses in _uses(*case)],
        "Only the first use of each weight counts in your result. The same weight works at "
        "other outputs as well.": lambda *case: [uses[0] for uses in _uses(*case)],
        "This would be right if every `g[i]` were 1. A use at an output that hardly moves the loss "
        "must count little: where does `g` enter "
        "the chain rule?": lambda x, g, k, p: shared_gradient(x, [1] * len(g), k, p),
        "You add up `g` alone. In s = … + w·x + … the derivative of s with respect to w is "
        "the input that w multiplies.": lambda x, g, k, p: shared_gradient([1] * len(x), g, k, p),
        "The numbers are right and their order is reversed. Weight 0 meets the leftmost input "
        "of every window.": lambda *case: shared_gradient(*case)[::-1],
        "Your windows begin at the first input. With padding, which input does weight 0 meet "
        "at output 0?": lambda x, g, k, p: shared_gradient(x, g, k, 0),
        "A place before the first input becomes the last input in your sum: `x[-1]` is legal "
        "Python. A weight on the padding contributes nothing.": _wrapped_at_the_left,
        "All weights get the same number. Uses of *different* weights do not belong in one sum: "
        "keep a sum of its own "
        "for each weight.": lambda x, g, k, p: [sum(shared_gradient(x, g, k, p))] * k,
    },
)
