"""The coding exercises of notebook 03: shift a picture, break a strided stack, turn a kernel.

    check_shift             shift(x, dx, dy) -> array of the same shape
    check_breaks            breaks(strides, shift) -> bool
    check_turned_kernels    turned_kernels(w) -> array (4, k, k)

The reference solutions are written to be read: `show_solution` prints their source. The tests hold
them equal to NumPy and torch.
"""

from __future__ import annotations

import math

import numpy as np

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 03.shift


def shift(x, dx, dy):
    """Shift a picture by dx columns to the right and dy rows down; it comes in again opposite."""
    height, width = x.shape
    shifted = np.zeros_like(x)
    for row in range(height):
        for column in range(width):
            # Ask the output where its value comes from: dy rows up, dx columns to the left.
            shifted[row, column] = x[(row - dy) % height, (column - dx) % width]
    return shifted


def _the_other_way(x, dx, dy):
    return shift(x, -dx, -dy)


def _rows_for_columns(x, dx, dy):
    return shift(x, dy, dx)


def _columns_only(x, dx, dy):
    return shift(x, dx, 0)


def _rows_only(x, dx, dy):
    return shift(x, 0, dy)


def _added(x, dx, dy):
    return x + dx + dy


def _zeros_come_in(x, dx, dy):
    height, width = x.shape
    shifted = np.zeros_like(x)
    for row in range(height):
        for column in range(width):
            if 0 <= row - dy < height and 0 <= column - dx < width:
                shifted[row, column] = x[row - dy, column - dx]
    return shifted


def _border_repeated(x, dx, dy):
    height, width = x.shape
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    return x[rows][:, columns]


def _rolled_flat(x, dx, dy):
    return np.roll(x, dx + dy * x.shape[1])


def _unchanged_picture(x, dx, dy):
    return x.copy()


def _random_picture(rng):
    height, width = rng.randint(2, 5), rng.randint(2, 6)
    x = np.array([[rng.randint(0, 9) for _ in range(width)] for _ in range(height)])
    return x, rng.randint(-width, width), rng.randint(-height, height)


SHIFT = Exercise(
    id="03.shift",
    title="Shift a picture by its indices, with what leaves at one side coming in at the other",
    solution=shift,
    fixed=(
        (np.array([[3, 1, 4, 1, 5]]), 1, 0),
        (np.array([[3, 1, 4], [1, 5, 9], [2, 6, 5]]), 1, 0),
        (np.array([[3, 1, 4], [1, 5, 9], [2, 6, 5]]), 0, 1),
        (np.array([[3, 1, 4, 1], [5, 9, 2, 6], [5, 3, 5, 8]]), 1, 2),
        (np.array([[3, 1, 4, 1], [5, 9, 2, 6], [5, 3, 5, 8]]), -1, 0),
        (np.array([[3, 1, 4, 1], [5, 9, 2, 6]]), 5, 1),
    ),
    random_case=_random_picture,
    wrong_ideas=(
        WrongIdea(
            "added the shift to the values",
            _added,
            "Your picture becomes brighter and stays where it is. A shift changes indices, not "
            "values: every number of `x` must turn up again, at another place.",
        ),
        WrongIdea(
            "shifted the other way",
            _the_other_way,
            "Your picture moves the other way. To move it to the right, where must an output look "
            "for its value: further right, or further left?",
        ),
        WrongIdea(
            "exchanged rows and columns",
            _rows_for_columns,
            "`dx` moves your picture down and `dy` to the right. The first index of an array "
            "counts rows: which of the two belongs to it?",
        ),
        WrongIdea(
            "shifted columns only",
            _columns_only,
            "The columns are right, and the rows stay where they are. What does `dy` do?",
        ),
        WrongIdea(
            "shifted rows only",
            _rows_only,
            "The rows are right, and the columns stay where they are. What does `dx` do?",
        ),
        WrongIdea(
            "zeros came in",
            _zeros_come_in,
            "What leaves your picture is lost, and zeros come in. Here the picture is a ring: what "
            "leaves at the right comes in at the left. Which operator takes an index round a ring?",
        ),
        WrongIdea(
            "repeated the border",
            _border_repeated,
            "Your border is drawn out over the places that became free. Here the picture is a "
            "ring: what leaves at one side comes in at the opposite one.",
        ),
        WrongIdea(
            "shifted the flattened picture",
            _rolled_flat,
            "What leaves a row at the right comes in one row further down: the picture was shifted "
            "as one long line. `numpy.roll` does so unless it is told the axes.",
        ),
        WrongIdea(
            "gave the picture back",
            _unchanged_picture,
            "This is `x` as it was. Each output takes its value from another place.",
        ),
    ),
)


def check_shift(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `shift(x, dx, dy)`, the circular shift of a picture x (H, W), an array like x.

    Inputs: x of whole numbers; dx columns to the right and dy rows down, of either sign, up to
    once around and beyond. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return SHIFT.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 03.breaking-shift


def breaks(strides, shift):
    """Say whether a shift breaks a stack of circular layers with these strides."""
    step = math.prod(strides)  # how far apart two neighbouring outputs are, in input pixels
    return shift % step != 0  # the output would have to move by shift / step: is that whole?


def _the_opposite(strides, shift):
    return not breaks(strides, shift)


def _odd_shifts(strides, shift):
    return shift % 2 != 0


def _any_shift(strides, shift):
    return shift != 0


def _shorter_than_the_stride(strides, shift):
    return 0 < abs(shift) < math.prod(strides)


def _longer_than_the_stride(strides, shift):
    return abs(shift) > math.prod(strides)


def _last_stride(strides, shift):
    return shift % strides[-1] != 0


def _first_stride(strides, shift):
    return shift % strides[0] != 0


def _largest_stride(strides, shift):
    return shift % max(strides) != 0


def _sum_of_strides(strides, shift):
    return shift % sum(strides) != 0


def _any_stride_above_one(strides, shift):
    return any(stride > 1 for stride in strides)


def _random_strides(rng):
    strides = [rng.choice((1, 1, 2, 2, 3, 4)) for _ in range(rng.randint(1, 4))]
    step = math.prod(strides)
    on_purpose = rng.random() < 0.4  # else hardly any shift would be a multiple
    return strides, step * rng.randint(-3, 3) if on_purpose else rng.randint(-12, 12)


BREAKS = Exercise(
    id="03.breaking-shift",
    title="Find the shifts that break a stack of strided layers",
    solution=breaks,
    fixed=(
        ([2], 1),
        ([2], 2),
        ([1], 1),
        ([2], 3),
        ([2], 4),
        ([3], 3),
        ([3], 2),
        ([2], 0),
        ([2, 2], 2),
        ([2, 2], 4),
        ([2, 3], 6),
        ([2, 3], 3),
        ([3, 2], 5),
        ([4, 1], 2),
        ([1, 4], 2),
        ([2, 3], 5),
        ([2, 2], -6),
        ([2, 4], 4),
    ),
    random_case=_random_strides,
    wrong_ideas=(
        WrongIdea(
            "said where it holds",
            _the_opposite,
            "Your answer is right the other way round: `True` stands for a shift that breaks the "
            "layer. Does a shift by 0 break anything?",
        ),
        WrongIdea(
            "odd shifts break",
            _odd_shifts,
            "That odd shifts break and even ones do not is the story of one stride. What do "
            "strides of 1 and of 3 make of it?",
        ),
        WrongIdea(
            "every shift breaks",
            _any_shift,
            "You call every shift harmful. With a stride of 2, shift the input by 2: the same "
            "windows are read, one output later.",
        ),
        WrongIdea(
            "only shifts below the stride break",
            _shorter_than_the_stride,
            "Long shifts can break as well. With a stride of 2 and a shift of 3, by how many "
            "places would the output have to move?",
        ),
        WrongIdea(
            "only long shifts break",
            _longer_than_the_stride,
            "It is not a matter of how long the shift is. With a stride of 2, compare shifts by 1 "
            "and by 4: which one can the output follow in whole steps?",
        ),
        WrongIdea(
            "looked at the last stride only",
            _last_stride,
            "You go by the last stride alone. A layer below it may already have met a shift that "
            "it could not follow.",
        ),
        WrongIdea(
            "looked at the first stride only",
            _first_stride,
            "You go by the first stride alone. Shift the input of two layers of stride 2 by 2: by "
            "how much does the input of the second layer move?",
        ),
        WrongIdea(
            "looked at the largest stride only",
            _largest_stride,
            "You go by the largest stride alone. Follow the shift upwards: each layer passes on "
            "only a part of it to the next.",
        ),
        WrongIdea(
            "added the strides",
            _sum_of_strides,
            "You add the strides. Two layers of stride 3, one on the other: how many inputs lie "
            "between two neighbouring units at the top?",
        ),
        WrongIdea(
            "every stride above one breaks",
            _any_stride_above_one,
            "You do not look at the shift. Some shifts pass a strided layer unharmed: which?",
        ),
    ),
)


def check_breaks(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `breaks(strides, shift)`: True where no whole shift of the output follows the input's.

    Inputs: strides is a list of at least one whole number >= 1, first layer first; shift is a
    whole number of either sign. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return BREAKS.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 03.turned-kernels


def turned_kernels(w):
    """Return a kernel (k, k) in its four turns by 90 degrees to the left: (4, k, k)."""
    k = len(w)
    turns = [w]
    for _ in range(3):
        before, turned = turns[-1], np.zeros_like(w)
        for row in range(k):
            for column in range(k):
                # The rightmost column becomes the top row.
                turned[row, column] = before[column, k - 1 - row]
        turns.append(turned)
    return np.stack(turns)


def _clockwise(w):
    return np.stack([np.rot90(w, -turns) for turns in range(4)])


def _one_turn_too_many(w):
    return np.stack([np.rot90(w, turns + 1) for turns in range(4)])


def _the_same_four_times(w):
    return np.stack([w] * 4)


def _mirrored(w):
    return np.stack([w, w[:, ::-1], w[::-1, ::-1], w[::-1]])


def _transposed(w):
    return np.stack([w, w.T, w, w.T])


def _turned_once(w):
    return np.stack([w] + [np.rot90(w)] * 3)


def _half_turns(w):
    return np.stack([np.rot90(w, 2 * turns) for turns in range(4)])


def _first_turn_only(w):
    return np.rot90(w)


def _random_kernel(rng):
    k = rng.choice((2, 3, 3, 4, 5))
    return (np.array([[rng.randint(-5, 9) for _ in range(k)] for _ in range(k)]),)


TURNED_KERNELS = Exercise(
    id="03.turned-kernels",
    title="Turn a kernel by 0, 90, 180 and 270 degrees",
    solution=turned_kernels,
    fixed=(
        (np.array([[1, 2], [3, 4]]),),
        (np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]]),),
        (np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]),),
    ),
    random_case=_random_kernel,
    random_count=20,
    wrong_ideas=(
        WrongIdea(
            "turned to the right",
            _clockwise,
            "Your kernels turn to the right. Turning to the left, where does the upper right "
            "corner go first?",
        ),
        WrongIdea(
            "began with the first turn",
            _one_turn_too_many,
            "Your first kernel is turned already. Begin with `w` as it is, the turn by 0.",
        ),
        WrongIdea(
            "did not turn",
            _the_same_four_times,
            "These are four copies of `w`. Each must be turned by a quarter more than the one "
            "before.",
        ),
        WrongIdea(
            "mirrored",
            _mirrored,
            "You mirror the kernel in two of the four. A mirror image is no turn: write the "
            "letter R on paper and turn the sheet.",
        ),
        WrongIdea(
            "transposed",
            _transposed,
            "Exchanging rows and columns mirrors the kernel at its diagonal. That is no turn: do "
            "it twice and you are back where you began, after two quarter turns you are not.",
        ),
        WrongIdea(
            "the same turn three times",
            _turned_once,
            "You turn `w` itself each time, by the same quarter. Turn the kernel that you made "
            "last.",
        ),
        WrongIdea(
            "half turns",
            _half_turns,
            "From kernel to kernel you turn by half a circle, so only two different ones come out. "
            "A quarter is wanted.",
        ),
        WrongIdea(
            "one kernel only",
            _first_turn_only,
            "One turned kernel is there. Wanted are all four in one array, the untouched `w` "
            "first.",
        ),
    ),
)


def check_turned_kernels(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `turned_kernels(w)`, the array (4, k, k) of w (k, k) turned by 0, 90, 180, 270 degrees.

    The turns go to the left (counter-clockwise), as `numpy.rot90` does. NumPy or torch is
    accepted. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return TURNED_KERNELS.check(student_function, seconds=seconds)


EXERCISES = (SHIFT, BREAKS, TURNED_KERNELS)
