"""Reference operations of a ConvNet, written to be read: loops that show the arithmetic.

They are slow on purpose and equal to PyTorch's operations, which the tests hold. As in PyTorch,
"convolution" is cross-correlation: the kernel is not flipped (Goodfellow, Bengio and Courville,
"Deep Learning", 2016, section 9.1).

Arrays have no batch axis: a signal is (n,), an image or a stack of feature maps is (C, H, W).
Integers are computed as int64, so that 8-bit images cannot overflow; floats keep their type.
"""

import operator

import numpy as np


def _numbers(name, values, shape):
    """`values` as an array of real numbers whose axes are those that `shape` names, none empty."""
    try:
        array = np.asarray(values.detach() if hasattr(values, "detach") else values)
    except (ValueError, TypeError) as problem:  # rows of unequal length, a type unknown to NumPy
        raise ValueError(f"{name} must hold real numbers in a full grid: {problem}") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim != len(shape) or array.size == 0:
        wanted = "(" + ", ".join(shape) + ("," if len(shape) == 1 else "") + ")"
        raise ValueError(f"{name} must have shape {wanted}, none of them 0, got {array.shape}")
    return array if array.dtype.kind == "f" else array.astype(np.int64)


def _integer(name, value, minimum):
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {value!r}") from None
    if number < minimum:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {number}")
    return number


def _steps(stride, padding, dilation=1):
    return (
        _integer("stride", stride, 1),
        _integer("padding", padding, 0),
        _integer("dilation", dilation, 1),
    )


def _outputs(n, kernel, stride, padding, dilation=1):
    """floor((n + 2p - d(k - 1) - 1) / s) + 1; ValueError if the kernel does not fit."""
    extent = dilation * (kernel - 1) + 1
    padded = n + 2 * padding
    if extent > padded:
        raise ValueError(
            f"kernel covers {extent} units ({kernel} taps, dilation {dilation}), larger than the "
            f"padded input: {n} + 2 * {padding} = {padded}; allowed is <= {padded}"
        )
    return (padded - extent) // stride + 1


def conv1d(x, w, *, stride=1, padding=0, dilation=1):
    """Slide the kernel `w` over the signal `x`: y[o] = sum over t of w[t] * x[o*s + t*d - p].

    x (n,), w (k,) -> (n_out,) with n_out = floor((n + 2p - d(k - 1) - 1) / s) + 1.
    `padding` zeros stand at each end. Equals torch.nn.functional.conv1d with one channel.
    Raises ValueError for a wrong shape, a number out of range, a kernel that does not fit.
    """
    x = _numbers("x", x, ("n",))
    w = _numbers("w", w, ("k",))
    stride, padding, dilation = _steps(stride, padding, dilation)
    padded = np.pad(x, padding)

    y = np.zeros(_outputs(len(x), len(w), stride, padding, dilation), np.result_type(x, w))
    for o in range(len(y)):
        for t in range(len(w)):
            y[o] += w[t] * padded[o * stride + t * dilation]
    return y


def conv2d(x, w, *, stride=1, padding=0, dilation=1):
    """Convolve an image with M filters; each filter sees all channels and gives one matrix.

    x (C, H, W), w (M, C, kh, kw) -> (M, Ho, Wo); `stride`, `padding` and `dilation` hold for both
    axes. Each output is the sum of one patch times one filter, entry by entry, over channels,
    rows and columns. Equals torch.nn.functional.conv2d without a bias. Raises ValueError for a
    wrong shape, channels that differ, a number out of range, a kernel that does not fit.
    """
    x = _numbers("x", x, ("C", "H", "W"))
    w = _numbers("w", w, ("M", "C", "kh", "kw"))
    stride, padding, dilation = _steps(stride, padding, dilation)
    filters, channels, kh, kw = w.shape
    if channels != x.shape[0]:
        raise ValueError(f"w must have {x.shape[0]} channels as x has, got {channels}")
    rows = _outputs(x.shape[1], kh, stride, padding, dilation)
    columns = _outputs(x.shape[2], kw, stride, padding, dilation)
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))

    y = np.zeros((filters, rows, columns), np.result_type(x, w))
    for m in range(filters):
        for i in range(rows):
            for j in range(columns):
                top, left = i * stride, j * stride
                bottom = top + dilation * (kh - 1) + 1
                right = left + dilation * (kw - 1) + 1
                patch = padded[:, top:bottom:dilation, left:right:dilation]  # (C, kh, kw)
                y[m, i, j] = np.sum(patch * w[m])
    return y


def _pooling(x, kernel, stride, padding):
    """Checked arguments of a pooling layer and its number of output rows and columns."""
    x = _numbers("x", x, ("C", "H", "W"))
    kernel = _integer("kernel", kernel, 1)
    stride, padding, _ = _steps(kernel if stride is None else stride, padding)
    if padding > kernel // 2:
        raise ValueError(
            f"padding must be an integer from 0 to {kernel // 2}, at most half the kernel "
            f"{kernel}, got {padding}"
        )
    rows = _outputs(x.shape[1], kernel, stride, padding)
    columns = _outputs(x.shape[2], kernel, stride, padding)
    return x, kernel, stride, padding, rows, columns


def max_pool2d(x, kernel, *, stride=None, padding=0):
    """The largest value of each window. x (C, H, W) -> (C, Ho, Wo), each channel by itself.

    kernel: side of the square window; stride: None means windows side by side (stride = kernel);
    padding: at most kernel // 2. Padding never wins: a window that reaches over the border takes
    the largest of the values that exist. Equals torch.nn.functional.max_pool2d. Raises ValueError
    for a wrong shape, a number out of range, a window that does not fit.
    """
    x, kernel, stride, padding, rows, columns = _pooling(x, kernel, stride, padding)
    y = np.empty((x.shape[0], rows, columns), x.dtype)
    for c in range(x.shape[0]):
        for i in range(rows):
            for j in range(columns):
                top, left = i * stride - padding, j * stride - padding
                window = x[c, max(top, 0) : top + kernel, max(left, 0) : left + kernel]
                y[c, i, j] = window.max()
    return y


def avg_pool2d(x, kernel, *, stride=None, padding=0):
    """The mean of each window. x (C, H, W) -> (C, Ho, Wo), each channel by itself; a float array.

    Arguments and errors as for `max_pool2d`. Padded zeros count as values: each sum is divided by
    kernel * kernel. Equals torch.nn.functional.avg_pool2d with its default settings.
    """
    x, kernel, stride, padding, rows, columns = _pooling(x, kernel, stride, padding)
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    y = np.empty((x.shape[0], rows, columns), x.dtype if x.dtype.kind == "f" else np.float64)
    for c in range(x.shape[0]):
        for i in range(rows):
            for j in range(columns):
                top, left = i * stride, j * stride
                y[c, i, j] = padded[c, top : top + kernel, left : left + kernel].mean()
    return y


def toeplitz(w, input_shape, *, stride=1, padding=0, dilation=1):
    """The matrix of a convolution: ``toeplitz(w, x.shape) @ x.ravel()`` is the convolution of x.

    w (k,), input_shape n or (n,)            -> (n_out, n), each row the kernel, one stride on
    w (M, C, kh, kw), input_shape (C, H, W)  -> (M*Ho*Wo, C*H*W), doubly blocked: a matrix of
        Toeplitz blocks, itself laid out as a Toeplitz matrix, for each filter and channel

    For stride 1 the entries are constant along every diagonal, which is what "Toeplitz" means
    (Goodfellow, Bengio and Courville 2016, section 9.1). Padding adds no columns: its zeros would
    add nothing. Raises ValueError for a wrong shape, channels that differ, a number out of range,
    a kernel that does not fit.
    """
    w = np.asarray(w)
    stride, padding, dilation = _steps(stride, padding, dilation)
    if w.ndim == 1:
        return _toeplitz1d(_numbers("w", w, ("k",)), input_shape, stride, padding, dilation)
    if w.ndim == 4:
        w = _numbers("w", w, ("M", "C", "kh", "kw"))
        return _toeplitz2d(w, input_shape, stride, padding, dilation)
    raise ValueError(f"w must have shape (k,) or (M, C, kh, kw), got {w.shape}")


def _input_shape(input_shape, names):
    """`input_shape` as a tuple of sizes; for a signal a single number will do."""
    form = "(" + ", ".join(names) + ("," if len(names) == 1 else "") + ")"
    shape = (input_shape,) if np.ndim(input_shape) == 0 else tuple(input_shape)
    if len(shape) != len(names):
        raise ValueError(f"input_shape must be {form}, got {input_shape!r}")
    return [
        _integer(f"input_shape {name}", size, 1) for name, size in zip(names, shape, strict=True)
    ]


def _toeplitz1d(w, input_shape, stride, padding, dilation):
    (n,) = _input_shape(input_shape, ("n",))
    matrix = np.zeros((_outputs(n, len(w), stride, padding, dilation), n), w.dtype)
    for o in range(len(matrix)):
        for t in range(len(w)):
            column = o * stride + t * dilation - padding
            if 0 <= column < n:
                matrix[o, column] = w[t]
    return matrix


def _toeplitz2d(w, input_shape, stride, padding, dilation):
    filters, channels, kh, kw = w.shape
    maps, height, width = _input_shape(input_shape, ("C", "H", "W"))
    if channels != maps:
        raise ValueError(f"w must have {maps} channels as input_shape has, got {channels}")
    rows = _outputs(height, kh, stride, padding, dilation)
    columns = _outputs(width, kw, stride, padding, dilation)

    # (filter, output row, output column, channel, input row, input column)
    blocks = np.zeros((filters, rows, columns, channels, height, width), w.dtype)
    for m in range(filters):
        for c in range(channels):
            for t in range(kh):
                block = _toeplitz1d(w[m, c, t], width, stride, padding, dilation)
                for i in range(rows):
                    h = i * stride + t * dilation - padding
                    if 0 <= h < height:
                        blocks[m, i, :, c, h, :] = block
    return blocks.reshape(filters * rows * columns, channels * height * width)
