"""The reference operations against PyTorch, errors included."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.ops import avg_pool2d, conv1d, conv2d, max_pool2d, toeplitz

SEED = st.integers(0, 2**32 - 1)
STEPS = st.fixed_dictionaries(
    {"stride": st.integers(1, 4), "padding": st.integers(0, 4), "dilation": st.integers(1, 3)}
)


def examples(number):
    return settings(max_examples=number, derandomize=True, deadline=None)


def integers(seed, *shape):
    """Small integers: sums in float64 are exact, so results must be equal, not just close."""
    return np.random.default_rng(seed).integers(-9, 10, shape)


def check(ours, theirs, *arguments, **options):
    """`ours()` equals torch's result without its first axis; it refuses what torch refuses."""
    tensors = [torch.from_numpy(a).double() if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        expected = theirs(*tensors, **options)[0].numpy()
    except RuntimeError as error:
        assert re.search("Kernel size can't be|Output size is too|pad should be at", str(error))
        with pytest.raises(ValueError, match=r"padded input|padding must be"):
            ours()
    else:  # a mean is one division of an exact sum: equal up to its rounding
        result = ours()
        assert result.shape == expected.shape
        np.testing.assert_allclose(result, expected, rtol=1e-15, atol=0)


@examples(1000)
@given(n=st.integers(1, 16), k=st.integers(1, 6), seed=SEED, steps=STEPS)
def test_conv1d_and_its_matrix_equal_torch(n, k, seed, steps):
    x, w = integers(seed, n), integers(seed + 1, k)
    arguments = (lambda *xw, **steps: F.conv1d(*xw, **steps)[0], x[None, None], w[None, None])
    check(lambda: conv1d(x, w, **steps), *arguments, **steps)
    check(lambda: toeplitz(w, n, **steps) @ x, *arguments, **steps)


@examples(800)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 8), st.integers(1, 8)),
    filters=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    seed=SEED,
    steps=STEPS,
)
def test_conv2d_and_its_matrix_equal_torch(shape, filters, seed, steps):
    x, w = integers(seed, *shape), integers(seed + 1, filters[0], shape[0], *filters[1:])
    check(lambda: conv2d(x, w, **steps), F.conv2d, x[None], w, **steps)
    matrix = lambda: toeplitz(w, shape, **steps) @ x.ravel()  # noqa: E731
    check(matrix, lambda *xw, **steps: F.conv2d(*xw, **steps).flatten(1), x[None], w, **steps)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(max_pool2d, F.max_pool2d), (avg_pool2d, F.avg_pool2d)]
)
@examples(1000)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    kernel=st.integers(1, 5),
    stride=st.none() | st.integers(1, 4),
    padding=st.integers(0, 3),
    seed=SEED,
)
def test_pooling_equals_torch(ours, theirs, shape, kernel, stride, padding, seed):
    x, steps = integers(seed, *shape), {"stride": stride, "padding": padding}
    check(lambda: ours(x, kernel, **steps), theirs, x[None], kernel, **steps)


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


def test_nan_is_not_hidden_by_a_maximum():
    assert np.isnan(max_pool2d(np.array([[[1.0, np.nan], [2.0, 3.0]]]), 2)).all()


def test_the_banded_matrix_of_the_lecture():
    assert toeplitz([1, 2, 3], (5,), padding=1).tolist() == [
        [2, 3, 0, 0, 0],
        [1, 2, 3, 0, 0],
        [0, 1, 2, 3, 0],
        [0, 0, 1, 2, 3],
        [0, 0, 0, 1, 2],
    ]


X, W = np.ones((2, 5, 5)), np.ones((3, 2, 3, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv1d([[1, 2]], [1]), "x must have shape (n,), none of them 0, got (1, 2)"),
        (lambda: conv1d([1, 2], []), "w must have shape (k,), none of them 0, got (0,)"),
        (lambda: conv1d(["a"], [1]), "x must hold real numbers, got dtype <U1"),
        (lambda: conv1d([[1], [2, 3]], [1]), "x must hold real numbers in a full grid: "),
        (lambda: conv1d([True], [1]), "x must hold real numbers, got dtype bool"),
        (lambda: conv1d([1, 2], [1], stride=0), "stride must be an integer >= 1, got 0"),
        (lambda: conv2d(X[0], W), "x must have shape (C, H, W), none of them 0, got (5, 5)"),
        (lambda: conv2d(X, W[0]), "w must have shape (M, C, kh, kw), none of them 0, got"),
        (lambda: conv2d(X[:1], W), "w must have 1 channels as x has, got 2"),
        (lambda: max_pool2d(X[0], 2), "x must have shape (C, H, W)"),
        (lambda: max_pool2d(X, (2, 2)), "kernel must be an integer >= 1, got (2, 2)"),
        (lambda: max_pool2d(X, 3, padding=2), "padding must be an integer from 0 to 1, got 2"),
        (lambda: avg_pool2d(X[0], 2), "x must have shape (C, H, W)"),
        (lambda: toeplitz([1, 1], (2, 5)), "input_shape must be n for w (k,), else (C, H, W), got"),
        (lambda: toeplitz(W, 5), "input_shape must be n for w (k,), else (C, H, W), got 5"),
        (lambda: toeplitz([1, 1], 2.5), "n must be an integer >= 1, got 2.5"),
        (lambda: toeplitz(W, (1, 5, 5)), "w must have 1 channels as x has, got 2"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
