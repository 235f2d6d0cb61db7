"""The coding exercises of notebook 04: max pooling with loops, global average pooling.

    check_max_pool                  max_pool(x, kernel, stride) -> array (Ho, Wo)
    check_global_average_pool       global_average_pool(maps) -> array (N, C)

The reference solutions are written to be read: `show_solution` prints their source. The tests hold
them equal to PyTorch's layers.
"""

from __future__ import annotations

import numpy as np

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 04.max-pool


def max_pool(x, kernel, stride):
    """Take the largest value of each window of a matrix; no padding."""
    rows = (x.shape[0] - kernel) // stride + 1
    columns = (x.shape[1] - kernel) // stride + 1
    pooled = np.empty((rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            pooled[i, j] = x[top : top + kernel, left : left + kernel].max()
    return pooled


def _windows(x, kernel, stride, take, rows=None, columns=None):
    rows = (x.shape[0] - kernel) // stride + 1 if rows is None else rows
    columns = (x.shape[1] - kernel) // stride + 1 if columns is None else columns
    return np.array(
        [
            [
                take(x[i * stride : i * stride + kernel, j * stride : j * stride + kernel])
                for j in range(columns)
            ]
            for i in range(rows)
        ]
    )


def _average(x, kernel, stride):
    return _windows(x, kernel, stride, np.mean)


def _smallest(x, kernel, stride):
    return _windows(x, kernel, stride, np.min)


def _began_at_zero(x, kernel, stride):
    return np.maximum(max_pool(x, kernel, stride), 0)


def _largest_size(x, kernel, stride):
    return _windows(x, kernel, stride, lambda window: np.abs(window).max())


def _stride_is_kernel(x, kernel, stride):
    return max_pool(x, kernel, kernel)


def _stride_is_one(x, kernel, stride):
    return max_pool(x, kernel, 1)


def _one_short(x, kernel, stride):
    rows, columns = (x.shape[0] - kernel) // stride, (x.shape[1] - kernel) // stride
    return _windows(x, kernel, stride, np.max, rows, columns).reshape(rows, columns)


def _partial_windows(x, kernel, stride):
    rows, columns = -(-x.shape[0] // stride), -(-x.shape[1] // stride)
    return _windows(x, kernel, stride, np.max, rows, columns)


def _exchanged(x, kernel, stride):
    return max_pool(x, kernel, stride).T


def _in_rows_only(x, kernel, stride):
    columns = (x.shape[1] - kernel) // stride + 1
    parts = [x[:, j * stride : j * stride + kernel].max(axis=1) for j in range(columns)]
    return np.stack(parts, axis=1)


def _corner(x, kernel, stride):
    return _windows(x, kernel, stride, lambda window: window[0, 0])


def _random_matrix(rng):
    height, width = rng.randint(3, 8), rng.randint(3, 8)
    kernel = rng.randint(1, min(height, width, 4))
    values = [[rng.randint(-9, 9) for _ in range(width)] for _ in range(height)]
    return np.array(values, float), kernel, rng.randint(1, 3)


MAX_POOL = Exercise(
    id="04.max-pool",
    title="Write max pooling over a matrix with loops",
    solution=max_pool,
    fixed=(
        (np.array([[1.0, 3.0, 2.0, 0.0], [4.0, 2.0, 1.0, 5.0]]), 2, 2),
        (np.array([[0.1, 1.0, 0.2, 0.1, 0.0]] * 3) - 0.1 * np.arange(3)[:, None], 3, 1),
        (np.array([[-1.0, -3.0], [-4.0, -2.0]]), 2, 2),
        (np.arange(42.0).reshape(6, 7) % 11 - 3, 3, 2),
        (np.arange(20.0).reshape(4, 5) % 7, 2, 3),
        (np.array([[7.0, -8.0, 9.0], [1.0, 2.0, 3.0], [4.0, 6.0, 5.0]]), 1, 1),
    ),
    random_case=_random_matrix,
    wrong_ideas=(
        WrongIdea(
            "the average",
            _average,
            "You take the mean of each window. Max pooling keeps one of the values, the largest, "
            "and forgets the others.",
        ),
        WrongIdea(
            "the smallest",
            _smallest,
            "You keep the smallest value of each window. A detector's large values say that "
            "something was found; those have to survive.",
        ),
        WrongIdea(
            "began the comparison at 0",
            _began_at_zero,
            "Where all values of a window are negative you return 0, and 0 is not among them. "
            "With what do you compare first?",
        ),
        WrongIdea(
            "the largest size",
            _largest_size,
            "You compare sizes without their signs. Which is larger, −8 or 2?",
        ),
        WrongIdea(
            "windows side by side, whatever the stride",
            _stride_is_kernel,
            "Your windows stand side by side. That is right only where the stride equals the "
            "kernel: how far apart do two windows begin?",
        ),
        WrongIdea(
            "ignored the stride",
            _stride_is_one,
            "Your window moves by one place at a time, whatever `stride` is.",
        ),
        WrongIdea(
            "one output too few",
            _one_short,
            "You are one row and one column short. A window as large as the matrix cannot move at "
            "all, and yet how many outputs are there?",
        ),
        WrongIdea(
            "windows that hang over the border",
            _partial_windows,
            "Some of your windows hang over the border and hold fewer values. Without padding only "
            "whole windows count.",
        ),
        WrongIdea(
            "rows and columns exchanged",
            _exchanged,
            "Rows and columns of your result are exchanged. Which index runs over the height?",
        ),
        WrongIdea(
            "pooled along the rows only",
            _in_rows_only,
            "Your windows are one row high. A window covers `kernel` rows as well as `kernel` "
            "columns.",
        ),
        WrongIdea(
            "took the corner",
            _corner,
            "You keep the value in the top left corner of each window: that is leaving out, not "
            "pooling. The largest may be anywhere in the window.",
        ),
    ),
)


def check_max_pool(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `max_pool(x, kernel, stride)`, an array (Ho, Wo).

    Inputs: x (H, W) float64, kernel <= min(H, W), stride >= 1, no padding. See `Exercise.check`
    for `seconds`, the Report and the errors.
    """
    return MAX_POOL.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 04.global-average-pool


def global_average_pool(maps):
    """Replace each feature map by its mean: (N, C, H, W) -> (N, C)."""
    count, channels, height, width = maps.shape
    pooled = np.zeros((count, channels))
    for row in range(height):
        for column in range(width):
            pooled += maps[:, :, row, column]  # one place of every map of every image
    return pooled / (height * width)


def _over_everything(maps):
    return maps.mean(axis=(1, 2, 3))


def _over_the_batch_too(maps):
    return maps.mean(axis=(0, 2, 3))


def _over_channels(maps):
    return maps.mean(axis=1)


def _over_rows_only(maps):
    return maps.mean(axis=2)


def _over_columns_only(maps):
    return maps.mean(axis=3)


def _global_max(maps):
    return maps.max(axis=(2, 3))


def _sum(maps):
    return maps.sum(axis=(2, 3))


def _kept_axes(maps):
    return maps.mean(axis=(2, 3), keepdims=True)


def _divided_by_height_twice(maps):
    return maps.sum(axis=(2, 3)) / maps.shape[2] ** 2


def _flat(maps):
    return maps.reshape(len(maps), -1)


def _random_maps(rng):
    shape = (rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 5))
    values = [rng.randint(-9, 9) for _ in range(int(np.prod(shape)))]
    return (np.array(values, float).reshape(shape),)


GLOBAL_AVERAGE_POOL = Exercise(
    id="04.global-average-pool",
    title="Replace each feature map by its mean",
    solution=global_average_pool,
    fixed=(
        (np.arange(6.0).reshape(1, 1, 2, 3),),
        (np.arange(24.0).reshape(2, 2, 2, 3) ** 1.5,),
        (np.arange(54.0).reshape(3, 2, 3, 3) % 7 - 2,),
        (np.arange(40.0).reshape(1, 2, 4, 5) % 9,),
    ),
    random_case=_random_maps,
    wrong_ideas=(
        WrongIdea(
            "one number per image",
            _over_everything,
            "You average over the channels, too. Every channel looks for something of its own and "
            "keeps its own number.",
        ),
        WrongIdea(
            "averaged over the images",
            _over_the_batch_too,
            "You average over the images of the batch as well. Each image keeps its own row.",
        ),
        WrongIdea(
            "averaged the channels",
            _over_channels,
            "You average over the channels, place by place: the places are left and the channels "
            "are gone. It should be the other way round.",
        ),
        WrongIdea(
            "averaged each column",
            _over_rows_only,
            "You average over the height only, so each column keeps its place. Both axes of a map "
            "have to go.",
        ),
        WrongIdea(
            "averaged each row",
            _over_columns_only,
            "You average over the width only, so each row keeps its place. Both axes of a map have "
            "to go.",
        ),
        WrongIdea(
            "the maximum",
            _global_max,
            "You keep the largest value of each map: that is global max pooling.",
        ),
        WrongIdea(
            "the sum",
            _sum,
            "You add the values of each map up. A picture of twice the size would give four times "
            "as much: what makes the sum a mean?",
        ),
        WrongIdea(
            "kept two axes of length one",
            _kept_axes,
            "The numbers are right. The result has two axes of length 1 too many: (N, C) is asked "
            "for.",
        ),
        WrongIdea(
            "took every map for a square",
            _divided_by_height_twice,
            "You divide by the square of the height. A map may be wider than it is high: how many "
            "places has it?",
        ),
        WrongIdea(
            "flattened the maps",
            _flat,
            "You lay all values side by side, as a dense head does: nothing is pooled, and each "
            "place keeps its own entry.",
        ),
    ),
)


def check_global_average_pool(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `global_average_pool(maps)`, an array (N, C) from maps (N, C, H, W).

    See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return GLOBAL_AVERAGE_POOL.check(student_function, seconds=seconds)


EXERCISES = (MAX_POOL, GLOBAL_AVERAGE_POOL)
