"""Reference operations of a ConvNet, written to be read: loops that show the arithmetic.

They are slow on purpose and equal to PyTorch's. As there, "convolution" is cross-correlation: the
kernel is not flipped (Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 9.1).

Arrays have no batch axis: a signal is (n,), an image or a stack of feature maps is (C, H, W).
Integers are computed as int64, so that 8-bit images cannot overflow; floats keep their type.
"""

import numpy as np

from course_utils.checks import whole
from course_utils.geometry import edges, output_size


def _numbers(name, values, *shape):
    """`values` as an array of real numbers with the axes that `shape` names, none empty."""
    try:
        array = np.asarray(values.detach() if hasattr(values, "detach") else values)
    except (ValueError, TypeError) as problem:  # rows of unequal length, a type unknown to NumPy
        raise ValueError(f"{name} must hold real numbers in a full grid: {problem}") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim != len(shape) or array.size == 0:
        wanted = f"({', '.join(shape)}{',' if len(shape) == 1 else ''})"
        raise ValueError(f"{name} must have shape {wanted}, none of them 0, got {array.shape}")
    return array if array.dtype.kind == "f" else array.astype(np.int64)


def _filters(w, channels):
    w = _numbers("w", w, "M", "C", "kh", "kw")
    if w.shape[1] != channels:
        raise ValueError(f"w must have {channels} channels as x has, got {w.shape[1]}")
    return w


def conv1d(x, w, *, stride=1, padding=0, dilation=1):
    """Slide the kernel `w` over the signal `x`: y[o] = sum over t of w[t] * x[o*s + t*d - p].

    x (n,), w (k,) -> (n_out,) with n_out = floor((n + 2p - d(k - 1) - 1) / s) + 1.
    `padding` zeros stand at each end. Equals torch.nn.functional.conv1d with one channel.
    """
    x, w = _numbers("x", x, "n"), _numbers("w", w, "k")
    y = np.zeros(output_size(len(x), len(w), stride, padding, dilation), np.result_type(x, w))
    padded = np.pad(x, padding)
    for o in range(len(y)):
        for t in range(len(w)):
            y[o] += w[t] * padded[o * stride + t * dilation]
    return y


def conv2d(x, w, *, stride=1, padding=0, dilation=1):
    """Convolve an image with M filters; each filter sees all channels and gives one matrix.

    x (C, H, W), w (M, C, kh, kw) -> (M, Ho, Wo); stride, padding and dilation hold for both axes.
    Each output is the sum of one patch times one filter, entry by entry, over channels, rows and
    columns. Equals torch.nn.functional.conv2d without a bias.
    """
    x = _numbers("x", x, "C", "H", "W")
    w = _filters(w, x.shape[0])
    filters, _, kh, kw = w.shape
    rows = output_size(x.shape[1], kh, stride, padding, dilation)
    columns = output_size(x.shape[2], kw, stride, padding, dilation)
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    y = np.zeros((filters, rows, columns), np.result_type(x, w))
    for m, i, j in np.ndindex(y.shape):
        patch = padded[:, i * stride :: dilation, j * stride :: dilation][:, :kh, :kw]
        y[m, i, j] = np.sum(patch * w[m])  # (C, kh, kw) each
    return y


def _pooled(x, kernel, stride, padding, pool):
    x = _numbers("x", x, "C", "H", "W")
    kernel = whole("kernel", kernel, 1)
    stride = kernel if stride is None else stride
    padding = whole("padding", padding, 0, kernel // 2)
    sizes = (output_size(n, kernel, stride, padding) for n in x.shape[1:])
    y = np.empty((len(x), *sizes), pool(x[:, :1, :1]).dtype)
    for c, i, j in np.ndindex(y.shape):
        top, left = i * stride - padding, j * stride - padding
        y[c, i, j] = pool(x[c, max(top, 0) : top + kernel, max(left, 0) : left + kernel])
    return y


def max_pool2d(x, kernel, *, stride=None, padding=0):
    """The largest value of each window. x (C, H, W) -> (C, Ho, Wo), each channel by itself.

    kernel: side of the square window; stride: None means windows side by side (stride = kernel);
    padding: at most kernel // 2. Padding never wins: a window that reaches over the border takes
    the largest of the values that exist. Equals torch.nn.functional.max_pool2d.
    """
    return _pooled(x, kernel, stride, padding, np.max)


def avg_pool2d(x, kernel, *, stride=None, padding=0):
    """The mean of each window. x (C, H, W) -> (C, Ho, Wo), each channel by itself; a float array.

    Arguments as for `max_pool2d`. Padded zeros count as values: each sum is divided by
    kernel * kernel. Equals torch.nn.functional.avg_pool2d with its default settings.
    """
    return _pooled(x, kernel, stride, padding, lambda window: window.sum() / kernel**2)


def toeplitz(w, input_shape, *, stride=1, padding=0, dilation=1):
    """The matrix of a convolution: ``toeplitz(w, x.shape) @ x.ravel()`` is the convolution of x.

    w (k,), input_shape n or (n,)            -> (n_out, n), each row the kernel, one stride on
    w (M, C, kh, kw), input_shape (C, H, W)  -> (M*Ho*Wo, C*H*W), doubly blocked: a matrix of
        Toeplitz blocks, itself laid out as a Toeplitz matrix, for each filter and channel

    For stride 1 the entries are constant along every diagonal, which is what "Toeplitz" means.
    Padding adds no columns: its zeros would add nothing.
    """
    shape = (input_shape,) if np.ndim(input_shape) == 0 else tuple(input_shape)
    if np.ndim(w) == 1 and len(shape) == 1:
        return _bands(_numbers("w", w, "k"), shape[0], stride, padding, dilation)
    if len(shape) != 3:
        raise ValueError(f"input_shape must be n for w (k,), else (C, H, W), got {input_shape!r}")
    channels, height, width = shape
    bands = _bands(_filters(w, channels), width, stride, padding, dilation)  # (M, C, kh, Wo, W)
    blocks = _bands(np.moveaxis(bands, 2, -1), height, stride, padding, dilation)
    blocks = blocks.transpose(0, 4, 2, 1, 5, 3)  # (M, C, Wo, W, Ho, H) -> (M, Ho, Wo, C, H, W)
    return blocks.reshape(-1, channels * height * width)


def _bands(w, n, stride, padding, dilation):
    """The last axis of `w`, a kernel (..., k), laid out along a matrix: (..., n_out, n)."""
    k = w.shape[-1]
    matrix = np.zeros((*w.shape[:-1], output_size(n, k, stride, padding, dilation), n), w.dtype)
    for i, o in edges(n, k, stride, padding, dilation):
        matrix[..., o, i] = w[..., (i - o * stride + padding) // dilation]
    return matrix
