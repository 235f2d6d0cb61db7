"""Exercises of lesson 05: a convolution and a pooling with loops, the cost of a layer."""

from __future__ import annotations

from course_utils.exercises import Exercise
from course_utils.exercises import later_numpy as np


def _integers(rng, *shape):
    return np.reshape([rng.randint(-4, 5) for _ in range(np.prod(shape))], shape)


def _counted(*shape):
    """Small integers in rising order, so that a report is easy to read."""
    return np.arange(1, np.prod(shape) + 1).reshape(shape)


def conv2d(x, w, stride, padding):
    """Convolve x (C, H, W) with the filters w (M, C, k, k), without a bias."""
    channels, height, width = x.shape
    filters, _, k, _ = w.shape
    padded = np.zeros((channels, height + 2 * padding, width + 2 * padding))
    padded[:, padding : padding + height, padding : padding + width] = x
    rows = (height + 2 * padding - k) // stride + 1
    columns = (width + 2 * padding - k) // stride + 1
    y = np.zeros((filters, rows, columns))
    for m in range(filters):
        for i in range(rows):
            for j in range(columns):
                for c in range(channels):  # one sum over all channels
                    for a in range(k):
                        for b in range(k):
                            pixel = padded[c, i * stride + a, j * stride + b]
                            y[m, i, j] += w[m, c, a, b] * pixel
    return y


def _random_convolution(rng):
    k = rng.randint(1, 3)
    x = _integers(rng, rng.randint(1, 3), rng.randint(k, 6), rng.randint(k, 6))
    w = _integers(rng, rng.randint(1, 2), len(x), k, k)
    return x, w, rng.randint(1, 3), rng.randint(0, 3)


def _padded(x, before, behind, **how):
    """Pad the rows and columns of x (C, H, W)."""
    return np.pad(x, ((0, 0), (before, behind), (before, behind)), **how)


def _channels_kept_apart(x, w, s, p):
    return np.concatenate([conv2d(x[[c]], w[:, [c]], s, p) for c in range(len(x))])


def _right_size_without_strides(x, w, s, p):
    _, rows, columns = conv2d(x, w, s, p).shape
    return conv2d(x, w, 1, p)[:, :rows, :columns]


def _fixed_convolutions():
    edge = np.array([[[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]]])
    two = np.array([[[[1, 0], [0, -1]], [[2, 1], [0, 0]]], [[[0, 3], [1, 0]], [[1, 1], [1, 2]]]])
    return (
        (_counted(1, 3, 3), np.ones((1, 1, 2, 2), dtype=int), 1, 0),
        (_counted(1, 3, 4), np.array([[[[1, 0], [0, -2]]]]), 1, 0),
        (_counted(2, 3, 4), two, 1, 0),
        (_counted(1, 5, 4) % 7, edge, 1, 1),
        (_counted(1, 6, 5) % 5, edge, 2, 0),
        (_counted(3, 5, 7) % 4, _counted(2, 3, 3, 3) % 5 - 2, 2, 1),
    )


CONV2D = Exercise(
    id="05.conv2d",
    solution=conv2d,
    fixed=_fixed_convolutions,
    random_case=_random_convolution,
    wrong_ideas={
        "Your filter is turned by 180 degrees. That is the convolution of mathematics; in "
        "this course, as in PyTorch, the upper left weight meets the upper left "
        "pixel.": lambda x, w, s, p: conv2d(x, w[:, :, ::-1, ::-1], s, p),
        "With one channel you are right. A filter has a slice for every channel of the input: what "
        "happens to the products of the others?": lambda x, w, s, p: conv2d(x[:1], w[:, :1], s, p),
        "You return a map for every filter *and* channel. One filter gives one matrix: the "
        "products of all channels go into the same sum.": _channels_kept_apart,
        "Your numbers are too small by a constant factor. Which one, and how does it depend on "
        "the number of channels?": lambda x, w, s, p: conv2d(x, w, s, p) / len(x),
        "Your output has one channel. `w` holds several filters: how many channels does the "
        "output have?": lambda x, w, s, p: conv2d(x, w[:1], s, p),
        "Your output is that of a layer without padding. Put the image into a larger array of "
        "zeros first.": lambda x, w, s, p: conv2d(x, w, s, 0),
        "You have zeros above and to the left. Look at the lower right corner: how far does "
        "the filter reach there?": lambda x, w, s, p: conv2d(_padded(x, p, 0), w, s, 0),
        "You have zeros below and to the right. Look at the upper left corner: where does the "
        "first window begin?": lambda x, w, s, p: conv2d(_padded(x, 0, p), w, s, 0),
        "Around the image you repeat its outermost pixels. Zero padding puts a fixed number "
        "there.": lambda x, w, s, p: conv2d(_padded(x, p, p, mode="edge"), w, s, 0),
        "Your window moves one pixel at a time, whatever `stride` is. Both the number of "
        "outputs and the place of each window depend on it.": lambda x, w, s, p: conv2d(x, w, 1, p),
        "The shape is right. But where does the second window begin, if the stride is "
        "2?": _right_size_without_strides,
        "From row to row your window makes steps of `stride`. And from column to "
        "column?": lambda x, w, s, p: conv2d(x, w, 1, p)[:, ::s, :],
        "From column to column your window makes steps of `stride`. And from row to "
        "row?": lambda x, w, s, p: conv2d(x, w, 1, p)[:, :, ::s],
        "Your output lacks its last row and column. A filter as large as the image cannot move at "
        "all: how many outputs are there then?": lambda x, w, s, p: conv2d(x, w, s, p)[:, :-1, :-1],
        "Rows and columns of your output are exchanged. The picture is a wide one if the image "
        "is.": lambda x, w, s, p: conv2d(x, w, s, p).transpose(0, 2, 1),
    },
)


def max_pool2d(x, kernel, stride):
    """Take the largest value of each kernel x kernel window, in every channel of x (C, H, W)."""
    channels, height, width = x.shape
    rows = (height - kernel) // stride + 1
    columns = (width - kernel) // stride + 1
    y = np.zeros((channels, rows, columns))
    for c in range(channels):  # each channel by itself
        for i in range(rows):
            for j in range(columns):
                top, left = i * stride, j * stride
                largest = x[c, top, left]
                for a in range(kernel):
                    for b in range(kernel):
                        largest = max(largest, x[c, top + a, left + b])
                y[c, i, j] = largest
    return y


def _random_pooling(rng):
    kernel = rng.randint(1, 3)
    shape = rng.randint(1, 3), rng.randint(kernel, 8), rng.randint(kernel, 8)
    return _integers(rng, *shape), kernel, rng.randint(1, kernel)


def _windows(x, k, s):
    """All windows, flat: (C, rows, columns, k * k)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))[:, ::s, ::s]
    return windows.reshape(*windows.shape[:3], k * k)


def _largest_size(x, k, s):
    windows = _windows(x, k, s)
    best = abs(windows).argmax(axis=-1, keepdims=True)
    return np.take_along_axis(windows, best, axis=-1)[..., 0]


MAX_POOL = Exercise(
    id="05.max-pool-2d",
    solution=max_pool2d,
    fixed=lambda: (
        (_counted(1, 4, 4) * 3 % 7, 2, 2),
        (_counted(2, 4, 6) * 5 % 11, 2, 2),
        (_counted(1, 4, 6) * 5 % 7 - 6, 2, 2),  # nothing above zero
        (_counted(1, 5, 7) * 7 % 12 - 5, 2, 2),  # a rest at the border
        (_counted(2, 5, 7) * 7 % 12 - 5, 3, 2),  # windows that overlap
        (_counted(1, 4, 3) * 5 % 7, 2, 1),
    ),
    random_case=_random_pooling,
    wrong_ideas={
        "Your output has lost its channels. Pooling treats every channel by itself: a map for "
        "edges and a map for dots are not "
        "compared.": lambda x, k, s: max_pool2d(x, k, s).max(axis=0),
        "All your channels are the same. Compare values of one channel only with values of "
        "that channel.": lambda x, k, s: max_pool2d(x * 0 + x.max(axis=0), k, s),
        "Your output has one channel. As many channels come out of a pooling as go "
        "in.": lambda x, k, s: max_pool2d(x[:1], k, s),
        "You take the mean of each window: that is average pooling.": lambda x, k, s: _windows(
            x, k, s
        ).mean(axis=-1),
        "You keep the smallest value of each window.": lambda x, k, s: -max_pool2d(-x, k, s),
        "Where all values of a window are negative you return 0. With which value should the "
        "search for the largest begin?": lambda x, k, s: max_pool2d(x, k, s).clip(min=0),
        "You compare sizes without their signs: of −5 and 3 you keep −5.": _largest_size,
        "Your windows lie side by side. With a stride smaller than the kernel they "
        "overlap.": lambda x, k, s: max_pool2d(x, k, k),
        "Your window moves one pixel at a time, whatever `stride` is.": lambda x, k, s: max_pool2d(
            x, k, 1
        ),
        "You also pool windows that hang over the border. A window counts only if all of it "
        "lies on the map.": lambda x, k, s: max_pool2d(_padded(x, 0, s - 1, mode="edge"), k, s),
        "Your output lacks its last row and column. How many outputs has a map that is as "
        "large as the window?": lambda x, k, s: max_pool2d(x, k, s)[:, :-1, :-1],
        "Rows and columns of your output are exchanged. A wide map stays wide.": lambda x, k, s: (
            max_pool2d(x, k, s).transpose(0, 2, 1)
        ),
    },
)


def layer_cost(n, channels, filters, kernel, stride, padding):
    """Return (output size, parameters, MACs) of a square convolution with a bias per filter."""
    size = (n + 2 * padding - kernel) // stride + 1
    weights = filters * channels * kernel * kernel  # a filter is a tensor: kernel x kernel x C
    parameters = weights + filters
    macs = size * size * weights  # every weight is used once at every output position
    return size, parameters, macs


def _random_cost(rng):
    kernel = rng.randint(1, 5)
    n = rng.randint(kernel + 3, 40)
    stride, padding = rng.randint(1, 3), rng.randint(0, kernel // 2)
    return n, rng.randint(1, 16), rng.randint(1, 32), kernel, stride, padding


def _counted_as(three):
    """Return the idea three(n, m, k, o, w): m filters of side k, w weights in all, sides n to o."""

    def idea(n, channels, m, k, stride, padding):
        o, parameters, _ = layer_cost(n, channels, m, k, stride, padding)
        return three(n, m, k, o, parameters - m)

    return idea


LAYER_COST = Exercise(
    id="05.layer-cost",
    solution=layer_cost,
    fixed=(
        *((8, 1, 1, 3, 1, 0), (32, 3, 6, 5, 1, 0), (28, 6, 16, 3, 1, 1)),
        (224, 3, 64, 3, 1, 1),  # the first layer of VGG
        *((31, 8, 12, 5, 2, 2), (14, 16, 4, 1, 1, 0), (33, 4, 10, 3, 3, 0)),
    ),
    random_case=_random_cost,
    wrong_ideas={
        "Size and MACs are right. The layer has a few more parameters: one more number for "
        "each filter.": _counted_as(lambda n, m, k, o, w: (o, w, o**2 * w)),
        "You count one bias. Each filter has its own.": _counted_as(
            lambda n, m, k, o, w: (o, w + 1, o**2 * w)
        ),
        "Your filters are matrices. A filter reads all channels of the input, so it is a tensor: "
        "what is its third dimension?": lambda n, c, m, k, s, p: layer_cost(n, 1, m, k, s, p),
        "This is the cost of a single filter. Every channel of the output has its "
        "own.": lambda n, c, m, k, s, p: layer_cost(n, c, 1, k, s, p),
        "Parameters and size are right. At how many places is the filter applied: as many as "
        "the input has pixels, or as many as there are "
        "outputs?": _counted_as(lambda n, m, k, o, w: (o, w + m, n**2 * w)),
        "Parameters and size are right. The filter moves over rows *and* columns: how many "
        "positions is that?": _counted_as(lambda n, m, k, o, w: (o, w + m, o * w)),
        "Your filter has `kernel` weights per channel. It is a square.": _counted_as(
            lambda n, m, k, o, w: (o, w // k + m, o**2 * w // k)
        ),
        "Your MACs include the biases. The convention of this course counts one multiply-add "
        "for each weight that is used; a bias multiplies "
        "nothing.": _counted_as(lambda n, m, k, o, w: (o, w + m, o**2 * (w + m))),
        "You count each multiplication and each addition: these are FLOPs. A MAC is a "
        "multiplication together with its "
        "addition.": _counted_as(lambda n, m, k, o, w: (o, w + m, 2 * o**2 * w)),
        "Size and MACs are right. The parameters are shared: the same filter is used at every "
        "position, and counted "
        "once.": _counted_as(lambda n, m, k, o, w: (o, o**2 * (w + m), o**2 * w)),
        "Your image grows by `padding` once. Zeros stand on both sides of each "
        "row.": lambda n, c, m, k, s, p: layer_cost(n + p, c, m, k, s, 0),
        "Your layer has no padding. With padding the window stands in more "
        "positions.": lambda n, c, m, k, s, p: layer_cost(n, c, m, k, s, 0),
        "Your window moves one pixel at a time, whatever `stride` is.": lambda n, c, m, k, s, p: (
            layer_cost(n, c, m, k, 1, p)
        ),
        "You are one output short along each side. Think of fence posts: what if the filter is "
        "as large as the image?": lambda n, c, m, k, s, p: layer_cost(n - s, c, m, k, s, p),
    },
)
