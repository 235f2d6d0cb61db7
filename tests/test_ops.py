"""The reference operations against PyTorch, errors included."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.geometry import edges, output_size
from course_utils.ops import avg_pool2d, conv1d, conv2d, max_pool2d, toeplitz

SEED = st.integers(0, 2**32 - 1)
STEPS = {
    "stride": st.integers(1, 4),
    "padding": st.integers(0, 4),
    "dilation": st.integers(1, 3),
}


def cases(number):
    return settings(max_examples=number, derandomize=True, deadline=None)


def integers(seed, *shape):
    """Small integers: sums in float64 are exact, so results must be equal, not just close."""
    return np.random.default_rng(seed).integers(-9, 10, shape)


def torch_or_none(function, *arguments, **options):
    """PyTorch's result as an array, or None where PyTorch refuses the sizes."""
    tensors = [torch.from_numpy(a).double() if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        return function(*tensors, **options).numpy()
    except RuntimeError as error:
        known = (
            "Kernel size can't be greater than actual input size",
            "Output size is too small",
            "pad should be at most half of effective kernel size",
        )
        assert any(text in str(error) for text in known), error
        return None


def check(ours, expected):
    """`ours()` equals torch's result; it raises ValueError where torch refused."""
    if expected is None:
        with pytest.raises(ValueError, match=r"padded input|padding must be"):
            ours()
        return
    result = ours()
    assert result.shape == expected.shape
    np.testing.assert_array_equal(result, expected)


@cases(2000)
@given(n=st.integers(1, 16), k=st.integers(1, 6), seed=SEED, **STEPS)
def test_conv1d_and_its_matrix_equal_torch(n, k, seed, stride, padding, dilation):
    x, w = integers(seed, n), integers(seed + 1, k)
    steps = {"stride": stride, "padding": padding, "dilation": dilation}
    expected = torch_or_none(F.conv1d, x[None, None], w[None, None], **steps)
    expected = None if expected is None else expected[0, 0]
    check(lambda: conv1d(x, w, **steps), expected)
    check(lambda: toeplitz(w, n, **steps) @ x, expected)


@cases(1200)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 8), st.integers(1, 8)),
    filters=st.integers(1, 3),
    kh=st.integers(1, 4),
    kw=st.integers(1, 4),
    seed=SEED,
    **STEPS,
)
def test_conv2d_and_its_matrix_equal_torch(shape, filters, kh, kw, seed, stride, padding, dilation):
    x, w = integers(seed, *shape), integers(seed + 1, filters, shape[0], kh, kw)
    steps = {"stride": stride, "padding": padding, "dilation": dilation}
    expected = torch_or_none(F.conv2d, x[None], w, **steps)
    expected = None if expected is None else expected[0]
    check(lambda: conv2d(x, w, **steps), expected)
    flat = None if expected is None else expected.ravel()
    check(lambda: toeplitz(w, shape, **steps) @ x.ravel(), flat)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(max_pool2d, F.max_pool2d), (avg_pool2d, F.avg_pool2d)]
)
@cases(1000)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    kernel=st.integers(1, 5),
    stride=st.none() | st.integers(1, 4),
    padding=st.integers(0, 3),
    seed=SEED,
)
def test_pooling_equals_torch(ours, theirs, shape, kernel, stride, padding, seed):
    x = integers(seed, *shape)
    expected = torch_or_none(theirs, x[None], kernel, stride=stride, padding=padding)
    if expected is None:
        check(lambda: ours(x, kernel, stride=stride, padding=padding), None)
    else:  # a mean is one division of an exact sum: equal up to its rounding
        result = ours(x, kernel, stride=stride, padding=padding)
        np.testing.assert_allclose(result, expected[0], rtol=1e-15, atol=0)


def test_floats_are_close_and_keep_their_type():
    random = np.random.default_rng(0)
    x, w = random.normal(size=(3, 9, 8)), random.normal(size=(4, 3, 3, 3))
    expected = F.conv2d(torch.from_numpy(x)[None], torch.from_numpy(w), padding=1)[0]
    np.testing.assert_allclose(conv2d(x, w, padding=1), expected, rtol=1e-12, atol=1e-12)
    single = x.astype(np.float32)
    assert conv2d(single, w.astype(np.float32)).dtype == np.float32
    assert max_pool2d(single, 2).dtype == avg_pool2d(single, 2).dtype == np.float32


def test_eight_bit_images_do_not_overflow():
    image = np.full((1, 2, 2), 200, np.uint8)
    assert conv2d(image, np.ones((1, 1, 2, 2), np.uint8)).tolist() == [[[800]]]
    assert conv1d(image[0, 0], np.array([-1, 1], np.int8)).tolist() == [0]
    assert avg_pool2d(image, 2).tolist() == [[[200.0]]]


def test_padding_never_wins_a_maximum():
    assert max_pool2d(-np.ones((1, 2, 2), int), 3, stride=1, padding=1).max() == -1


def test_nan_is_not_hidden_by_a_maximum():
    x = np.array([[[1.0, np.nan], [2.0, 3.0]]])
    assert np.isnan(max_pool2d(x, 2)).all()
    assert np.isnan(F.max_pool2d(torch.from_numpy(x), 2).numpy()).all()


def test_the_kernel_is_not_flipped():
    assert conv1d([1, 2, 3, 4], [-1, 1]).tolist() == [1, 1, 1]


def test_the_banded_matrix_of_the_lecture():
    assert toeplitz([1, 2, 3], 5, padding=1).tolist() == [
        [2, 3, 0, 0, 0],
        [1, 2, 3, 0, 0],
        [0, 1, 2, 3, 0],
        [0, 0, 1, 2, 3],
        [0, 0, 0, 1, 2],
    ]
    assert np.count_nonzero(toeplitz([1, 2, 3], (5,), padding=1)) == 13


def test_the_matrix_has_its_nonzeros_where_the_arrows_are():
    matrix = toeplitz(np.ones(3), 11, stride=2, padding=3, dilation=2)
    assert [(i, o) for o, i in np.argwhere(matrix).tolist()] == edges(11, 3, 2, 3, 2)
    assert matrix.shape == (output_size(11, 3, 2, 3, 2), 11)


def test_the_matrix_of_an_image_is_doubly_blocked():
    w = np.arange(1, 10).reshape(1, 1, 3, 3)
    blocks = toeplitz(w, (1, 5, 6)).reshape(3, 4, 5, 6)  # output row, column; input row, column
    for row in range(3):
        for height in range(5):
            inside = 0 <= height - row < 3
            expected = toeplitz(w[0, 0, height - row], 6) if inside else np.zeros((4, 6))
            np.testing.assert_array_equal(blocks[row, :, height, :], expected)


X, W = np.ones((2, 5, 5)), np.ones((3, 2, 3, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv1d([[1, 2]], [1]), "x must have shape (n,), none of them 0, got (1, 2)"),
        (lambda: conv1d([], [1]), "x must have shape (n,), none of them 0, got (0,)"),
        (lambda: conv1d([1, 2], []), "w must have shape (k,), none of them 0, got (0,)"),
        (lambda: conv1d(["a"], [1]), "x must hold real numbers, got dtype <U1"),
        (lambda: conv1d([[1], [2, 3]], [1]), "x must hold real numbers in a full grid: "),
        (lambda: conv1d([True], [1]), "x must hold real numbers, got dtype bool"),
        (lambda: conv1d([1, 2], [1j]), "w must hold real numbers, got dtype complex128"),
        (lambda: conv1d([1, 2], [1], stride=0), "stride must be an integer >= 1, got 0"),
        (lambda: conv1d([1, 2], [1], stride=1.0), "stride must be an integer >= 1, got 1.0"),
        (lambda: conv1d([1, 2], [1], padding=-1), "padding must be an integer >= 0, got -1"),
        (lambda: conv1d([1, 2], [1], dilation=True), "dilation must be an integer >= 1, got True"),
        (
            lambda: conv1d([1, 2], [1, 1], dilation=4, padding=1),
            "kernel 2 with dilation 4 covers 5 units and is larger than the padded input: "
            "2 + 2 * 1 = 4 units; allowed is a kernel that covers <= 4",
        ),
        (lambda: conv2d(X[0], W), "x must have shape (C, H, W), none of them 0, got (5, 5)"),
        (lambda: conv2d(X, W[0]), "w must have shape (M, C, kh, kw), none of them 0, got"),
        (lambda: conv2d(X[:1], W), "w must have 1 channels as x has, got 2"),
        (lambda: conv2d(X, np.ones((1, 2, 6, 1))), "kernel 6 is larger than the padded input"),
        (lambda: max_pool2d(X[0], 2), "x must have shape (C, H, W)"),
        (lambda: max_pool2d(X, 0), "kernel must be an integer >= 1, got 0"),
        (lambda: max_pool2d(X, (2, 2)), "kernel must be an integer >= 1, got (2, 2)"),
        (lambda: max_pool2d(X, 6), "larger than the padded input: 5 + 2 * 0 = 5"),
        (lambda: max_pool2d(X, 3, padding=2), "padding must be an integer from 0 to 1, got 2"),
        (lambda: avg_pool2d(X, 2, stride=0), "stride must be an integer >= 1, got 0"),
        (lambda: toeplitz(W[0], 5), "input_shape must be n for w (k,), else (C, H, W), got 5"),
        (
            lambda: toeplitz([1, 1], (2, 5)),
            "input_shape must be n for w (k,), else",
        ),
        (lambda: toeplitz([1, 1], 0), "n must be an integer >= 1, got 0"),
        (lambda: toeplitz([1, 1], 2.5), "n must be an integer >= 1, got 2.5"),
        (lambda: toeplitz([1, 1, 1], 2), "larger than the padded input: 2 + 2 * 0 = 2"),
        (lambda: toeplitz(W, 5), "input_shape must be n for w (k,), else (C, H, W), got 5"),
        (lambda: toeplitz(W, (1, 5, 5)), "w must have 1 channels as x has, got 2"),
        (lambda: toeplitz(W, (2, 5, 0)), "n must be an integer >= 1, got 0"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
