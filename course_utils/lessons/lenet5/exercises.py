"""The coding exercises of notebook 07: parameters of C3, confusion matrix.

    check_table_parameters      table_parameters(table, kernel) -> int
    check_confusion_matrix      confusion_matrix(labels, predictions, classes) -> array

The reference solutions are written to be read: `show_solution` prints their source. The tests hold
them equal to `course_utils.models.lenet5` and to NumPy's histogram.
"""

from __future__ import annotations

import numpy as np

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 07.c3-parameters


def table_parameters(table, kernel):
    """Count the trainable parameters of a convolution whose maps read only some of the maps."""
    parameters = 0
    for inputs in table:  # one output map; `inputs` are the maps that it reads
        parameters += len(inputs) * kernel * kernel  # one small filter for each of them
        parameters += 1  # one bias for the map
    return parameters


def _without_bias(table, kernel):
    return table_parameters(table, kernel) - len(table)


def _bias_per_filter(table, kernel):
    return sum(len(inputs) * (kernel * kernel + 1) for inputs in table)


def _one_bias(table, kernel):
    return _without_bias(table, kernel) + 1


def _full(table, kernel):
    inputs = 1 + max(max(row) for row in table)
    return len(table) * (inputs * kernel * kernel + 1)


def _one_filter_per_map(table, kernel):
    return len(table) * (kernel * kernel + 1)


def _kernel_not_squared(table, kernel):
    return sum(len(inputs) * kernel + 1 for inputs in table)


def _added_numbers(table, kernel):
    return sum(sum(inputs) * kernel * kernel + 1 for inputs in table)


def _pairs(table, kernel):
    return sum(len(inputs) for inputs in table)


C3_TABLE = (
    [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [0, 4, 5], [0, 1, 5]]
    + [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [0, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 5]]
    + [[0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 2, 3, 4, 5]]
)


def _random_table(rng):
    inputs = rng.randint(2, 6)
    rows = [
        sorted(rng.sample(range(inputs), rng.randint(1, inputs))) for _ in range(rng.randint(1, 8))
    ]
    return rows, rng.randint(1, 5)


C3_PARAMETERS = Exercise(
    id="07.c3-parameters",
    title="Count the parameters of a convolution from its connection table",
    solution=table_parameters,
    fixed=(
        ([[0]], 5),
        ([[0], [1]], 3),
        ([[0, 1], [1, 2]], 3),
        ([[0, 1, 2], [2, 3], [0, 1, 2, 3]], 5),
        (C3_TABLE, 5),
        ([[0, 1, 2, 3, 4, 5]] * 16, 5),
    ),
    random_case=_random_table,
    wrong_ideas=(
        WrongIdea(
            "forgot the biases",
            _without_bias,
            "You are short by one for every output map. What is added to a weighted sum before it "
            "is squashed?",
        ),
        WrongIdea(
            "a bias for every small filter",
            _bias_per_filter,
            "You gave every pair of maps a bias. An output map adds up what its filters find, and "
            "then adds a bias: how often?",
        ),
        WrongIdea(
            "one bias for the layer",
            _one_bias,
            "You added one bias in all. The output maps look for different things: do they share "
            "one threshold?",
        ),
        WrongIdea(
            "connected every map to every map",
            _full,
            "This is the count of a layer without a table, where each output map reads all input "
            "maps. Here a row of the table says which ones it reads.",
        ),
        WrongIdea(
            "one filter for each output map",
            _one_filter_per_map,
            "You gave every output map one small filter. A map that reads three maps looks at each "
            "of them through a filter of its own.",
        ),
        WrongIdea(
            "forgot that a filter is square",
            _kernel_not_squared,
            "A kernel of 5 covers five rows and five columns. How many taps are that?",
        ),
        WrongIdea(
            "added the numbers of the maps",
            _added_numbers,
            "A row such as [2, 3] names the maps 2 and 3. How many maps does it read? Their "
            "numbers do not matter.",
        ),
        WrongIdea(
            "counted the pairs of maps",
            _pairs,
            "This is the number of crosses in the table. Behind each cross stands a whole filter.",
        ),
    ),
)


def check_table_parameters(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `table_parameters(table, kernel)`, the trainable parameters, biases included.

    Inputs: table is a list with one list of input maps (from 0, at least one) per output map;
    kernel >= 1 is the side of the square filter. See `Exercise.check` for `seconds`, the Report
    and the errors.
    """
    return C3_PARAMETERS.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 07.confusion-matrix


def confusion_matrix(labels, predictions, classes):
    """Count how often each class was read as each class: a row per label, a column per reading."""
    counts = np.zeros((classes, classes), dtype=int)
    for label, prediction in zip(labels, predictions, strict=True):
        counts[label, prediction] += 1
    return counts


def _transposed(labels, predictions, classes):
    return confusion_matrix(predictions, labels, classes)


def _marked_only(labels, predictions, classes):
    return (confusion_matrix(labels, predictions, classes) > 0).astype(int)


def _errors_only(labels, predictions, classes):
    counts = confusion_matrix(labels, predictions, classes)
    np.fill_diagonal(counts, 0)
    return counts


def _right_only(labels, predictions, classes):
    return np.diag(np.diag(confusion_matrix(labels, predictions, classes)))


def _shares(labels, predictions, classes):
    counts = confusion_matrix(labels, predictions, classes)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _classes_that_occur(labels, predictions, classes):
    size = 1 + max(max(labels), max(predictions))
    return confusion_matrix(labels, predictions, size)


def _random_readings(rng):
    classes = rng.randint(2, 6)
    count = rng.randint(1, 25)
    labels = [rng.randrange(classes) for _ in range(count)]
    readings = [a if rng.random() < 0.5 else rng.randrange(classes) for a in labels]
    return labels, readings, classes


CONFUSION_MATRIX = Exercise(
    id="07.confusion-matrix",
    title="Count which digit is read as which",
    solution=confusion_matrix,
    fixed=(
        ([0, 1, 1], [0, 1, 0], 2),
        ([0, 0, 1, 2, 2, 2], [0, 2, 1, 1, 2, 2], 4),
        ([3, 3, 3, 0], [3, 3, 0, 0], 4),
        ([2, 2, 2], [1, 1, 0], 3),
    ),
    random_case=_random_readings,
    wrong_ideas=(
        WrongIdea(
            "rows and columns exchanged",
            _transposed,
            "Rows and columns are exchanged. Each row belongs to the digit as it is, each column "
            "to the digit as it was read.",
        ),
        WrongIdea(
            "marked and did not count",
            _marked_only,
            "Your entries are 0 or 1. When the same mistake happens twice, what should stand "
            "there? An assignment `= 1` forgets the first time.",
        ),
        WrongIdea(
            "left out the right answers",
            _errors_only,
            "Your diagonal is empty. Right answers are counted, too: the rows have to add up to "
            "the number of digits of each kind.",
        ),
        WrongIdea(
            "left out the mistakes",
            _right_only,
            "Only your diagonal is filled. The mistakes are what the matrix is made for.",
        ),
        WrongIdea(
            "took shares",
            _shares,
            "These are shares of a row. Wanted are whole numbers, the counts.",
        ),
        WrongIdea(
            "left out classes that do not occur",
            _classes_that_occur,
            "Your matrix is too small when the last class does not occur. Its size is `classes`, "
            "whatever the data holds.",
        ),
    ),
)


def check_confusion_matrix(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `confusion_matrix(labels, predictions, classes)`, whole numbers (classes, classes).

    Inputs: labels and predictions are lists of integers from 0 to classes - 1, equally long and not
    empty. Any numeric dtype is accepted, NumPy or torch. See `Exercise.check` for `seconds`, the
    Report and the errors.
    """
    return CONFUSION_MATRIX.check(student_function, seconds=seconds)


EXERCISES = (C3_PARAMETERS, CONFUSION_MATRIX)
