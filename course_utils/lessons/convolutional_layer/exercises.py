"""The coding exercises of notebook 05: a convolution and a pooling with loops, the cost of a layer.

    check_conv2d         conv2d(x, w, stride, padding) -> array (M, rows, columns)
    check_max_pool2d     max_pool2d(x, kernel, stride) -> array (C, rows, columns)
    check_layer_cost     layer_cost(n, channels, filters, kernel, stride, padding) -> three counts

The reference solutions are written to be read: `show_solution` prints their source. The tests hold
them equal to PyTorch.
"""

from __future__ import annotations

import numpy as np

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 05.conv2d


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


def _flipped(x, w, stride, padding):
    return conv2d(x, w[:, :, ::-1, ::-1], stride, padding)


def _first_channel_only(x, w, stride, padding):
    return conv2d(x[:1], w[:, :1], stride, padding)


def _channels_kept_apart(x, w, stride, padding):
    maps = [conv2d(x[c : c + 1], w[:, c : c + 1], stride, padding) for c in range(len(x))]
    return np.concatenate(maps)


def _channels_averaged(x, w, stride, padding):
    return conv2d(x, w, stride, padding) / len(x)


def _first_filter_only(x, w, stride, padding):
    return conv2d(x, w[:1], stride, padding)


def _no_padding(x, w, stride, padding):
    return conv2d(x, w, stride, 0)


def _padded_top_left(x, w, stride, padding):
    return conv2d(np.pad(x, ((0, 0), (padding, 0), (padding, 0))), w, stride, 0)


def _padded_bottom_right(x, w, stride, padding):
    return conv2d(np.pad(x, ((0, 0), (0, padding), (0, padding))), w, stride, 0)


def _padded_with_the_border(x, w, stride, padding):
    wide = ((0, 0), (padding, padding), (padding, padding))
    return conv2d(np.pad(x, wide, mode="edge"), w, stride, 0)


def _no_stride(x, w, stride, padding):
    return conv2d(x, w, 1, padding)


def _stride_in_rows_only(x, w, stride, padding):
    return conv2d(x, w, 1, padding)[:, ::stride, :]


def _stride_in_columns_only(x, w, stride, padding):
    return conv2d(x, w, 1, padding)[:, :, ::stride]


def _right_size_without_strides(x, w, stride, padding):
    y = conv2d(x, w, stride, padding)
    return conv2d(x, w, 1, padding)[:, : y.shape[1], : y.shape[2]]


def _one_output_short(x, w, stride, padding):
    return conv2d(x, w, stride, padding)[:, :-1, :-1]


def _rows_and_columns_exchanged(x, w, stride, padding):
    return conv2d(x, w, stride, padding).transpose(0, 2, 1)


def _random_convolution(rng):
    k = rng.randint(1, 3)
    x = _integers(rng, rng.randint(1, 3), rng.randint(k, 6), rng.randint(k, 6))
    w = _integers(rng, rng.randint(1, 2), len(x), k, k)
    return x, w, rng.randint(1, 3), rng.randint(0, 3)


def _integers(rng, *shape):
    values = [rng.randint(-4, 5) for _ in range(int(np.prod(shape)))]
    return np.array(values).reshape(shape)


def _counted(*shape):
    """Small integers in rising order, so that a report is easy to read."""
    return np.arange(1, np.prod(shape) + 1).reshape(shape)


_EDGE = np.array([[[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]]])
_TWO_FILTERS = np.array(
    [[[[1, 0], [0, -1]], [[2, 1], [0, 0]]], [[[0, 3], [1, 0]], [[1, 1], [1, 2]]]]
)

CONV2D = Exercise(
    id="05.conv2d",
    title="Write a convolution with loops",
    solution=conv2d,
    fixed=(
        (_counted(1, 3, 3), np.ones((1, 1, 2, 2), dtype=int), 1, 0),
        (_counted(1, 3, 4), np.array([[[[1, 0], [0, -2]]]]), 1, 0),
        (_counted(2, 3, 4), _TWO_FILTERS, 1, 0),
        (_counted(1, 5, 4) % 7, _EDGE, 1, 1),
        (_counted(1, 6, 5) % 5, _EDGE, 2, 0),
        (_counted(3, 5, 7) % 4, _counted(2, 3, 3, 3) % 5 - 2, 2, 1),
    ),
    random_case=_random_convolution,
    wrong_ideas=(
        WrongIdea(
            "flipped the filter",
            _flipped,
            "Your filter is turned by 180 degrees. That is the convolution of mathematics; in "
            "this course, as in PyTorch, the upper left weight meets the upper left pixel.",
        ),
        WrongIdea(
            "used the first channel only",
            _first_channel_only,
            "With one channel you are right. A filter has a slice for every channel of the input: "
            "what happens to the products of the others?",
        ),
        WrongIdea(
            "kept the channels apart",
            _channels_kept_apart,
            "You return a map for every filter *and* channel. One filter gives one matrix: the "
            "products of all channels go into the same sum.",
        ),
        WrongIdea(
            "averaged over the channels",
            _channels_averaged,
            "Your numbers are too small by a constant factor. Which one, and how does it depend on "
            "the number of channels?",
        ),
        WrongIdea(
            "used the first filter only",
            _first_filter_only,
            "Your output has one channel. `w` holds several filters: how many channels does the "
            "output have?",
        ),
        WrongIdea(
            "forgot the padding",
            _no_padding,
            "Your output is that of a layer without padding. Put the image into a larger array of "
            "zeros first.",
        ),
        WrongIdea(
            "padded above and left only",
            _padded_top_left,
            "You have zeros above and to the left. Look at the lower right corner: how far does "
            "the filter reach there?",
        ),
        WrongIdea(
            "padded below and right only",
            _padded_bottom_right,
            "You have zeros below and to the right. Look at the upper left corner: where does the "
            "first window begin?",
        ),
        WrongIdea(
            "repeated the border",
            _padded_with_the_border,
            "Around the image you repeat its outermost pixels. Zero padding puts a fixed number "
            "there.",
        ),
        WrongIdea(
            "ignored the stride",
            _no_stride,
            "Your window moves one pixel at a time, whatever `stride` is. Both the number of "
            "outputs and the place of each window depend on it.",
        ),
        WrongIdea(
            "right size, windows too close",
            _right_size_without_strides,
            "The shape is right. But where does the second window begin, if the stride is 2?",
        ),
        WrongIdea(
            "stride for rows only",
            _stride_in_rows_only,
            "From row to row your window makes steps of `stride`. And from column to column?",
        ),
        WrongIdea(
            "stride for columns only",
            _stride_in_columns_only,
            "From column to column your window makes steps of `stride`. And from row to row?",
        ),
        WrongIdea(
            "one output too few",
            _one_output_short,
            "Your output lacks its last row and column. A filter as large as the image cannot move "
            "at all: how many outputs are there then?",
        ),
        WrongIdea(
            "rows and columns exchanged",
            _rows_and_columns_exchanged,
            "Rows and columns of your output are exchanged. The picture is a wide one if the image "
            "is.",
        ),
    ),
)


def check_conv2d(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `conv2d(x, w, stride, padding)`: x (C, H, W), w (M, C, k, k) -> (M, rows, columns).

    Inputs: integer NumPy arrays, k <= H, W, stride 1 or 2, padding 0 or 1 zeros on every side.
    The result may be a NumPy array or a torch tensor of any numeric type. See `Exercise.check`
    for `seconds`, the Report and the errors.
    """
    return CONV2D.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 05.max-pool-2d


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


def _windows(x, kernel, stride, summary):
    c, rows, columns = max_pool2d(x, kernel, stride).shape
    y = np.zeros((c, rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            y[:, i, j] = summary(x[:, top : top + kernel, left : left + kernel])
    return y


def _over_channels(x, kernel, stride):
    return max_pool2d(x, kernel, stride).max(axis=0)


def _over_channels_repeated(x, kernel, stride):
    y = max_pool2d(x, kernel, stride)
    return np.broadcast_to(y.max(axis=0), y.shape).copy()


def _average(x, kernel, stride):
    return _windows(x, kernel, stride, lambda window: window.mean(axis=(1, 2)))


def _minimum(x, kernel, stride):
    return _windows(x, kernel, stride, lambda window: window.min(axis=(1, 2)))


def _starts_at_zero(x, kernel, stride):
    return np.maximum(max_pool2d(x, kernel, stride), 0)


def _largest_size(x, kernel, stride):
    def by_size(window):
        flat = window.reshape(len(window), -1)
        return flat[np.arange(len(flat)), np.abs(flat).argmax(axis=1)]

    return _windows(x, kernel, stride, by_size)


def _stride_is_the_kernel(x, kernel, stride):
    return max_pool2d(x, kernel, kernel)


def _stride_is_one(x, kernel, stride):
    return max_pool2d(x, kernel, 1)


def _first_channel_pooled(x, kernel, stride):
    return max_pool2d(x[:1], kernel, stride)


def _partial_windows(x, kernel, stride):
    _, height, width = x.shape
    rows = -(-(height - kernel) // stride) + 1
    columns = -(-(width - kernel) // stride) + 1
    y = np.zeros((len(x), rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = x[:, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            y[:, i, j] = window.max(axis=(1, 2))
    return y


def _one_window_short(x, kernel, stride):
    return max_pool2d(x, kernel, stride)[:, :-1, :-1]


def _pooled_transposed(x, kernel, stride):
    return max_pool2d(x, kernel, stride).transpose(0, 2, 1)


def _random_pooling(rng):
    kernel = rng.randint(1, 3)
    shape = rng.randint(1, 3), rng.randint(kernel, 8), rng.randint(kernel, 8)
    return _integers(rng, *shape), kernel, rng.randint(1, kernel)


MAX_POOL = Exercise(
    id="05.max-pool-2d",
    title="Write max pooling with loops",
    solution=max_pool2d,
    fixed=(
        (_counted(1, 4, 4) * 3 % 7, 2, 2),
        (_counted(2, 4, 6) * 5 % 11, 2, 2),
        (_counted(1, 4, 6) * 5 % 7 - 6, 2, 2),  # nothing above zero
        (_counted(1, 5, 7) * 7 % 12 - 5, 2, 2),  # a rest at the border
        (_counted(2, 5, 7) * 7 % 12 - 5, 3, 2),  # windows that overlap
        (_counted(1, 4, 3) * 5 % 7, 2, 1),
    ),
    random_case=_random_pooling,
    wrong_ideas=(
        WrongIdea(
            "pooled over the channels",
            _over_channels,
            "Your output has lost its channels. Pooling treats every channel by itself: a map "
            "for edges and a map for dots are not compared.",
        ),
        WrongIdea(
            "one maximum for all channels",
            _over_channels_repeated,
            "All your channels are the same. Compare values of one channel only with values of "
            "that channel.",
        ),
        WrongIdea(
            "pooled the first channel only",
            _first_channel_pooled,
            "Your output has one channel. As many channels come out of a pooling as go in.",
        ),
        WrongIdea(
            "took the mean",
            _average,
            "You take the mean of each window: that is average pooling.",
        ),
        WrongIdea(
            "took the minimum",
            _minimum,
            "You keep the smallest value of each window.",
        ),
        WrongIdea(
            "began with zero",
            _starts_at_zero,
            "Where all values of a window are negative you return 0. With which value should the "
            "search for the largest begin?",
        ),
        WrongIdea(
            "largest by size",
            _largest_size,
            "You compare sizes without their signs: of −5 and 3 you keep −5.",
        ),
        WrongIdea(
            "stride fixed to the kernel",
            _stride_is_the_kernel,
            "Your windows lie side by side. With a stride smaller than the kernel they overlap.",
        ),
        WrongIdea(
            "stride fixed to 1",
            _stride_is_one,
            "Your window moves one pixel at a time, whatever `stride` is.",
        ),
        WrongIdea(
            "kept incomplete windows",
            _partial_windows,
            "You also pool windows that hang over the border. A window counts only if all of it "
            "lies on the map.",
        ),
        WrongIdea(
            "one window too few",
            _one_window_short,
            "Your output lacks its last row and column. How many outputs has a map that is as "
            "large as the window?",
        ),
        WrongIdea(
            "rows and columns exchanged",
            _pooled_transposed,
            "Rows and columns of your output are exchanged. A wide map stays wide.",
        ),
    ),
)


def check_max_pool2d(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `max_pool2d(x, kernel, stride)`: x (C, H, W) -> (C, rows, columns).

    Inputs: integer NumPy arrays with negative values, kernel <= H, W, stride <= kernel, no
    padding, incomplete windows left out. The result may be a NumPy array or a torch tensor. See
    `Exercise.check` for `seconds`, the Report and the errors.
    """
    return MAX_POOL.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 05.layer-cost


def layer_cost(n, channels, filters, kernel, stride, padding):
    """Return (output size, parameters, MACs) of a square convolution with a bias per filter."""
    size = (n + 2 * padding - kernel) // stride + 1
    weights = filters * channels * kernel * kernel  # a filter is a tensor: kernel x kernel x C
    parameters = weights + filters
    macs = size * size * weights  # every weight is used once at every output position
    return size, parameters, macs


def _cost_without_bias(n, channels, filters, kernel, stride, padding):
    size, parameters, macs = layer_cost(n, channels, filters, kernel, stride, padding)
    return size, parameters - filters, macs


def _cost_one_bias(n, channels, filters, kernel, stride, padding):
    size, parameters, macs = layer_cost(n, channels, filters, kernel, stride, padding)
    return size, parameters - filters + 1, macs


def _cost_of_flat_filters(n, channels, filters, kernel, stride, padding):
    return layer_cost(n, 1, filters, kernel, stride, padding)


def _cost_of_one_filter(n, channels, filters, kernel, stride, padding):
    return layer_cost(n, channels, 1, kernel, stride, padding)


def _cost_at_the_input(n, channels, filters, kernel, stride, padding):
    size, parameters, _ = layer_cost(n, channels, filters, kernel, stride, padding)
    return size, parameters, n * n * filters * channels * kernel * kernel


def _cost_along_one_axis(n, channels, filters, kernel, stride, padding):
    size, parameters, macs = layer_cost(n, channels, filters, kernel, stride, padding)
    return size, parameters, macs // size


def _cost_of_a_line(n, channels, filters, kernel, stride, padding):
    size, _, _ = layer_cost(n, channels, filters, kernel, stride, padding)
    weights = filters * channels * kernel
    return size, weights + filters, size * size * weights


def _cost_with_biases(n, channels, filters, kernel, stride, padding):
    size, parameters, _ = layer_cost(n, channels, filters, kernel, stride, padding)
    return size, parameters, size * size * parameters


def _cost_in_flops(n, channels, filters, kernel, stride, padding):
    size, parameters, macs = layer_cost(n, channels, filters, kernel, stride, padding)
    return size, parameters, 2 * macs


def _cost_unshared(n, channels, filters, kernel, stride, padding):
    size, parameters, macs = layer_cost(n, channels, filters, kernel, stride, padding)
    return size, size * size * parameters, macs


def _cost_padded_once(n, channels, filters, kernel, stride, padding):
    return layer_cost(n + padding, channels, filters, kernel, stride, 0)


def _cost_without_padding(n, channels, filters, kernel, stride, padding):
    return layer_cost(n, channels, filters, kernel, stride, 0)


def _cost_with_stride_one(n, channels, filters, kernel, stride, padding):
    return layer_cost(n, channels, filters, kernel, 1, padding)


def _cost_one_short(n, channels, filters, kernel, stride, padding):
    return layer_cost(n - stride, channels, filters, kernel, stride, padding)


def _random_cost(rng):
    kernel = rng.randint(1, 5)
    n = rng.randint(kernel + 3, 40)
    stride, padding = rng.randint(1, 3), rng.randint(0, kernel // 2)
    return n, rng.randint(1, 16), rng.randint(1, 32), kernel, stride, padding


LAYER_COST = Exercise(
    id="05.layer-cost",
    title="Compute output size, parameters and multiply-adds of a layer",
    solution=layer_cost,
    fixed=(
        (8, 1, 1, 3, 1, 0),
        (32, 3, 6, 5, 1, 0),
        (28, 6, 16, 3, 1, 1),
        (224, 3, 64, 3, 1, 1),  # the first layer of VGG
        (31, 8, 12, 5, 2, 2),
        (14, 16, 4, 1, 1, 0),
        (33, 4, 10, 3, 3, 0),
    ),
    random_case=_random_cost,
    wrong_ideas=(
        WrongIdea(
            "forgot the biases",
            _cost_without_bias,
            "Size and MACs are right. The layer has a few more parameters: one more number for "
            "each filter.",
        ),
        WrongIdea(
            "one bias for the layer",
            _cost_one_bias,
            "You count one bias. Each filter has its own.",
        ),
        WrongIdea(
            "flat filters",
            _cost_of_flat_filters,
            "Your filters are matrices. A filter reads all channels of the input, so it is a "
            "tensor: what is its third dimension?",
        ),
        WrongIdea(
            "one filter",
            _cost_of_one_filter,
            "This is the cost of a single filter. Every channel of the output has its own.",
        ),
        WrongIdea(
            "counted positions on the input",
            _cost_at_the_input,
            "Parameters and size are right. At how many places is the filter applied: as many as "
            "the input has pixels, or as many as there are outputs?",
        ),
        WrongIdea(
            "positions along one axis",
            _cost_along_one_axis,
            "Parameters and size are right. The filter moves over rows *and* columns: how many "
            "positions is that?",
        ),
        WrongIdea(
            "filters of one row",
            _cost_of_a_line,
            "Your filter has `kernel` weights per channel. It is a square.",
        ),
        WrongIdea(
            "multiply-adds for the biases",
            _cost_with_biases,
            "Your MACs include the biases. The convention of this course counts one multiply-add "
            "for each weight that is used; a bias multiplies nothing.",
        ),
        WrongIdea(
            "counted FLOPs",
            _cost_in_flops,
            "You count each multiplication and each addition: these are FLOPs. A MAC is a "
            "multiplication together with its addition.",
        ),
        WrongIdea(
            "weights of their own at every position",
            _cost_unshared,
            "Size and MACs are right. The parameters are shared: the same filter is used at every "
            "position, and counted once.",
        ),
        WrongIdea(
            "padded one end only",
            _cost_padded_once,
            "Your image grows by `padding` once. Zeros stand on both sides of each row.",
        ),
        WrongIdea(
            "forgot the padding",
            _cost_without_padding,
            "Your layer has no padding. With padding the window stands in more positions.",
        ),
        WrongIdea(
            "ignored the stride",
            _cost_with_stride_one,
            "Your window moves one pixel at a time, whatever `stride` is.",
        ),
        WrongIdea(
            "one output too few",
            _cost_one_short,
            "You are one output short along each side. Think of fence posts: what if the filter is "
            "as large as the image?",
        ),
    ),
)


def check_layer_cost(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `layer_cost(n, channels, filters, kernel, stride, padding)`, a tuple of three integers.

    The three are the side of the output, the parameters (weights and one bias per filter) and the
    MACs (one multiply-add per weight and output position; biases not counted). Inputs: a square
    image of n x n pixels, n > kernel >= 1, stride >= 1, 0 <= padding <= kernel // 2. See
    `Exercise.check` for `seconds`, the Report and the errors.
    """
    return LAYER_COST.check(student_function, seconds=seconds)


EXERCISES = (CONV2D, MAX_POOL, LAYER_COST)
