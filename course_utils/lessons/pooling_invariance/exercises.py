"""Exercises of lesson 04: max pooling with loops, forwards and backwards; global averages."""

from __future__ import annotations

from course_utils.exercises import Exercise
from course_utils.exercises import later_numpy as np


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


def _random_matrix(rng):
    height, width = rng.randint(3, 8), rng.randint(3, 8)
    kernel = rng.randint(1, min(height, width, 4))
    values = [[rng.randint(-9, 9) for _ in range(width)] for _ in range(height)]
    return np.array(values, float), kernel, rng.randint(1, 3)


def _windows(x, kernel, stride):
    """All windows: (rows, columns, kernel, kernel)."""
    return np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel))[::stride, ::stride]


MAX_POOL = Exercise(
    id="04.max-pool",
    solution=max_pool,
    fixed=lambda: (
        (np.array([[1.0, 3.0, 2.0, 0.0], [4.0, 2.0, 1.0, 5.0]]), 2, 2),
        (np.array([[0.1, 1.0, 0.2, 0.1, 0.0]] * 3) - 0.1 * np.arange(3)[:, None], 3, 1),
        (np.array([[-1.0, -3.0], [-4.0, -2.0]]), 2, 2),
        (np.arange(42.0).reshape(6, 7) % 11 - 3, 3, 2),
        (np.arange(20.0).reshape(4, 5) % 7, 2, 3),
        (np.array([[7.0, -8.0, 9.0], [1.0, 2.0, 3.0], [4.0, 6.0, 5.0]]), 1, 1),
    ),
    random_case=_random_matrix,
    wrong_ideas={
        "You take the mean of each window. Max pooling keeps one of the values, the largest, "
        "and forgets the others.": lambda x, k, s: _windows(x, k, s).mean(axis=(2, 3)),
        "You keep the smallest value of each window. A detector's large values say that "
        "something was found; those have to survive.": lambda x, k, s: -max_pool(-x, k, s),
        "Where all values of a window are negative you return 0, and 0 is not among them. "
        "With what do you compare first?": lambda x, k, s: max_pool(x, k, s).clip(min=0),
        "You compare sizes without their signs. Which is larger, −8 or 2?": lambda x, k, s: (
            max_pool(abs(x), k, s)
        ),
        "Your windows stand side by side. That is right only where the stride equals the "
        "kernel: how far apart do two windows begin?": lambda x, k, s: max_pool(x, k, k),
        "Your window moves by one place at a time, whatever `stride` is.": lambda x, k, s: max_pool(
            x, k, 1
        ),
        "You are one row and one column short. A window as large as the matrix cannot move at "
        "all, and yet how many outputs are there?": lambda x, k, s: max_pool(x, k, s)[:-1, :-1],
        "Some of your windows hang over the border and hold fewer values. Without padding only "
        "whole windows count.": lambda x, k, s: max_pool(np.pad(x, (0, k - 1), "edge"), k, s),
        "Rows and columns of your result are exchanged. Which index runs over the "
        "height?": lambda x, k, s: max_pool(x, k, s).T,
        "Your windows are one row high. A window covers `kernel` rows as well as `kernel` "
        "columns.": lambda x, k, s: np.concatenate([max_pool(np.array([r] * k), k, s) for r in x]),
        "You keep the value in the top left corner of each window: that is leaving out, not "
        "pooling. The largest may be anywhere in the "
        "window.": lambda x, k, s: _windows(x, k, s)[:, :, 0, 0],
    },
)


def max_pool_backward(x, kernel, stride, gradient):
    """Lead the gradient of each window back to the place of its largest value."""
    back = np.zeros_like(x)
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            top, left = i * stride, j * stride
            window = x[top : top + kernel, left : left + kernel]
            row, column = np.unravel_index(window.argmax(), window.shape)
            back[top + row, left + column] += gradient[i, j]  # a place may win several windows
    return back


def _led_back(x, k, s, gradient, share, add=True):
    """Give each window's gradient to its values, times share(window), itself a window."""
    back = np.zeros_like(x)
    for (i, j), value in np.ndenumerate(gradient):
        window = np.s_[i * s : i * s + k, j * s : j * s + k]
        paid = value * share(x[window])
        back[window] = back[window] + paid if add else np.where(paid != 0, paid, back[window])
    return back


def _winner(window):
    return (window == window.max()).astype(float)


def _top_left(window):
    return (np.arange(window.size) == 0).reshape(window.shape).astype(float)


def _backward_case(x, kernel, stride):
    """A case with distinct values and gradients 1, -2, 3, -4, ..."""
    count = _windows(x, kernel, stride).shape[:2]
    signs = np.resize([1.0, -1.0], np.prod(count))
    return x, kernel, stride, (np.arange(1.0, np.prod(count) + 1) * signs).reshape(count)


def _random_backward(rng):
    x, kernel, stride = _random_matrix(rng)
    distinct = rng.sample(range(-40, 41), x.size)  # no ties
    return _backward_case(np.reshape(np.array(distinct, float), x.shape), kernel, stride)


MAX_POOL_BACKWARD = Exercise(
    id="04.max-pool-backward",
    solution=max_pool_backward,
    fixed=lambda: (
        _backward_case(np.array([[1.0, 3.0, 2.0, 0.0], [4.0, 2.5, 1.5, 5.0]]), 2, 2),
        _backward_case(np.array([[1.0, 3.0, 2.0], [4.0, 9.0, 5.0], [0.0, 6.0, 7.0]]), 2, 1),
        _backward_case(np.array([[-1.0, -3.0], [-4.0, -2.0]]), 2, 2),
        _backward_case(np.arange(42.0).reshape(6, 7) * 11 % 43 - 9, 3, 2),
    ),
    random_case=_random_backward,
    wrong_ideas={
        "You spread each gradient evenly over its window. That is the way back of the *mean*; a "
        "maximum depends on one of its values only.": lambda x, k, s, g: _led_back(
            x, k, s, g, lambda w: np.full(w.shape, 1 / w.size)
        ),
        "You give the whole gradient to *every* value of the window. Raise a loser a little: does "
        "the maximum change?": lambda x, k, s, g: _led_back(x, k, s, g, np.ones_like),
        "Where windows overlap, one value may win several of them. Then its gradients *add*; "
        "yours keeps the last one only.": lambda x, k, s, g: _led_back(
            x, k, s, g, _winner, add=False
        ),
        "You give the gradient to the first value of each window, wherever the largest "
        "stands.": lambda x, k, s, g: _led_back(x, k, s, g, _top_left),
        "You give it to the *smallest* value of each window.": lambda x, k, s, g: _led_back(
            -x, k, s, g, _winner
        ),
        "You multiply by the value that won. The derivative of a maximum with respect to its "
        "winner is 1, however large it is.": lambda x, k, s, g: _led_back(
            x, k, s, g, lambda w: w * _winner(w)
        ),
        "You mark the winners with 1. Each has to get the gradient of its "
        "window.": lambda x, k, s, g: _led_back(x, k, s, np.ones_like(g), _winner),
        "Your windows stand side by side; the stride says how far apart two of them "
        "begin.": lambda x, k, s, g: _led_back(x, k, k, g, lambda w: _winner(w) if w.size else w),
        "Only the largest value of the whole matrix gets something. Each *window* has a winner of "
        "its own.": lambda x, k, s, g: g.sum() * _winner(x),
    },
)


def global_average_pool(maps):
    """Replace each feature map by its mean: (N, C, H, W) -> (N, C)."""
    count, channels, height, width = maps.shape
    pooled = np.zeros((count, channels))
    for row in range(height):
        for column in range(width):
            pooled += maps[:, :, row, column]  # one place of every map of every image
    return pooled / (height * width)


def _random_maps(rng):
    shape = (rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 5))
    return (np.reshape([float(rng.randint(-9, 9)) for _ in range(np.prod(shape))], shape),)


GLOBAL_AVERAGE_POOL = Exercise(
    id="04.global-average-pool",
    solution=global_average_pool,
    fixed=lambda: (
        (np.arange(6.0).reshape(1, 1, 2, 3),),
        (np.arange(24.0).reshape(2, 2, 2, 3) ** 1.5,),
        (np.arange(54.0).reshape(3, 2, 3, 3) % 7 - 2,),
        (np.arange(40.0).reshape(1, 2, 4, 5) % 9,),
    ),
    random_case=_random_maps,
    wrong_ideas={
        "You average over the channels, too. Every channel looks for something of its own and "
        "keeps its own number.": lambda maps: maps.mean(axis=(1, 2, 3)),
        "You average over the images of the batch as well. Each image keeps its own "
        "row.": lambda maps: maps.mean(axis=(0, 2, 3)),
        "You average over the channels, place by place: the places are left and the channels "
        "are gone. It should be the other way round.": lambda maps: maps.mean(axis=1),
        "You average over the height only, so each column keeps its place. Both axes of a map "
        "have to go.": lambda maps: maps.mean(axis=2),
        "You average over the width only, so each row keeps its place. Both axes of a map have "
        "to go.": lambda maps: maps.mean(axis=3),
        "You keep the largest value of each map: that is global max pooling.": lambda maps: (
            maps.max(axis=(2, 3))
        ),
        "You add the values of each map up. A picture of twice the size would give four times "
        "as much: what makes the sum a mean?": lambda maps: maps.sum(axis=(2, 3)),
        "The numbers are right. The result has two axes of length 1 too many: (N, C) is asked "
        "for.": lambda maps: maps.mean(axis=(2, 3), keepdims=True),
        "You divide by the square of the height. A map may be wider than it is high: how many "
        "places has it?": lambda maps: maps.sum(axis=(2, 3)) / maps.shape[2] ** 2,
        "You lay all values side by side, as a dense head does: nothing is pooled, and each "
        "place keeps its own entry.": lambda maps: maps.reshape(len(maps), -1),
    },
)
