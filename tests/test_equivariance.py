"""Both paths against loops and torch; the meter reads zero where theory says so, else it does not.

Filters and inputs are generated; a pass means the reading of every layer under every transformation
falls on the side of 1e-5 where theory puts it.
"""

import itertools
import math
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils.lessons.equivariance.layers import (
    KERNELS,
    LAYERS,
    PICTURES,
    SIZE,
    apply_layer,
    best_error,
    both_paths,
    edge_kernel,
    equivariance_error,
    picture,
    rim,
    shift,
)

ZERO, BROKEN = 1e-5, 0.05
pictures = st.integers(4, 9).flatmap(
    lambda half: st.integers(0, 2**32 - 1).map(
        lambda seed: np.random.default_rng(seed).integers(-99, 100, (2 * half, 2 * half))
    )
)
shifts = st.integers(-40, 40)


# Shift


@given(pictures, shifts, shifts)
@settings(max_examples=60, deadline=None)
def test_a_shift_asks_each_place_where_its_value_comes_from(x, dx, dy):
    n = len(x)
    expected = [[x[(row - dy) % n, (column - dx) % n] for column in range(n)] for row in range(n)]
    assert np.array_equal(shift(x, dx, dy), expected)
    assert np.array_equal(shift(shift(x, dx, dy), -dx, -dy), x)
    assert sorted(shift(x, dx, dy).ravel()) == sorted(x.ravel())  # none is changed


def test_a_shift_acts_on_the_last_two_axes():
    x = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(shift(x, 1, -1), torch.tensor(x).roll((-1, 1), (1, 2)).numpy())


# Layers against torch


def in_torch(x, layer, kernel):
    x = torch.tensor(x, dtype=torch.float64)[None, None]
    w = torch.tensor(edge_kernel(kernel), dtype=torch.float64)[None, None]
    r = kernel // 2
    if layer == "pooled":
        return F.max_pool2d(x, 2)[0, 0].numpy()
    mode = {"zeros": "constant"}.get(layer, "circular")
    padded = F.pad(x, (r, r, r, r), mode=mode)
    return F.conv2d(padded, w, stride=LAYERS[layer])[0, 0].numpy()


@pytest.mark.parametrize("layer", [name for name in LAYERS if name != "dense"])
@given(x=pictures, kernel=st.sampled_from(KERNELS))
@settings(max_examples=30, deadline=None)
def test_layers_equal_torch(layer, x, kernel):
    assert np.array_equal(apply_layer(x, layer, kernel), in_torch(x, layer, kernel))


@given(pictures, pictures)
@settings(max_examples=20, deadline=None)
def test_the_dense_layer_is_linear_and_the_same_every_time(x, z):
    z = np.resize(z, x.shape)
    together = apply_layer(x + 3 * z, "dense")
    assert np.array_equal(together, apply_layer(x, "dense") + 3 * apply_layer(z, "dense"))
    corner = np.zeros((8, 8), int)
    corner[0, 0] = 1
    assert set(apply_layer(corner, "dense").ravel()) == {-1, 0, 1}


def test_the_edge_kernel_is_sobels_and_no_turn_leaves_it_unchanged():
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    assert np.array_equal(edge_kernel(3), 2 * sobel + sobel.T)
    for size in KERNELS:
        kernel = edge_kernel(size)
        assert kernel.shape == (size, size) and kernel.sum() == 0
        assert not any(np.array_equal(kernel, np.rot90(kernel, k)) for k in (1, 2, 3))
        assert not np.array_equal(kernel, kernel[:, ::-1])


def test_pictures_are_what_they_are_said_to_be():
    for name in PICTURES:
        assert picture(name).shape == (SIZE, SIZE) and picture(name).dtype == np.int64
        picture(name)[0, 0] = 99
        assert picture(name)[0, 0] != 99  # a copy: nobody can spoil it for others
    digit = picture("digit")
    assert digit[4:12, 4:12].sum() == digit.sum() and digit.max() == 16
    border = np.concatenate([picture("gull")[[0, -1]].ravel(), picture("gull")[:, [0, -1]].ravel()])
    assert border.min() > 0
    for name in PICTURES:  # a symmetric picture would hide a broken turn or shift
        turns = [np.rot90(picture(name), k) for k in range(4)]
        assert not any(np.array_equal(turns[0], turn) for turn in turns[1:])


# Both paths


@given(pictures, st.sampled_from(KERNELS), shifts, shifts)
@settings(max_examples=60, deadline=None)
def test_a_circular_convolution_follows_every_shift_exactly(x, kernel, dx, dy):
    paths = both_paths(x, "circular", dx, dy, kernel=kernel)
    assert paths.exact and paths.moved == (dx, dy)
    assert paths.error == 0 and not paths.differ.any()


@pytest.mark.parametrize("layer", ["strided", "pooled"])
@given(x=pictures, dx=shifts, dy=shifts)
@settings(max_examples=60, deadline=None)
def test_stride_two_follows_even_shifts_and_only_those(layer, x, dx, dy):
    paths = both_paths(x, layer, dx, dy)
    assert paths.exact == (dx % 2 == dy % 2 == 0)
    assert paths.moved == (dx // 2, dy // 2)
    assert (paths.error == 0) == paths.exact
    assert (best_error(paths) == 0) == paths.exact  # no other shift of the output does it either


@given(pictures, st.integers(1, 7), st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_a_dense_layer_follows_no_shift(x, dx, dy):
    assert both_paths(x, "dense", dx, dy).error > 1


@given(pictures, shifts, shifts)
@settings(max_examples=20, deadline=None)
def test_the_best_error_is_that_of_trying_every_shift(x, dx, dy):
    paths = both_paths(x, "strided", dx, dy)
    m = len(paths.mapped)
    tried = [
        np.linalg.norm(paths.there - shift(paths.mapped, a, b))
        for a, b in itertools.product(range(m), repeat=2)
    ]
    assert best_error(paths) == pytest.approx(min(tried) / np.linalg.norm(paths.mapped))
    assert best_error(paths) <= paths.error + 1e-12


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("seed", range(3))
def test_zero_padding_spoils_exactly_the_rim(kernel, seed):
    n, r = 24, kernel // 2
    x = np.random.default_rng(seed).integers(1, 100, (n, n))
    for amount in range(-8, 9):
        for dx, dy in ((amount, 0), (0, amount)):
            differ = both_paths(x, "zeros", dx, dy, kernel=kernel).differ
            lines = differ.any(axis=0 if dx else 1)
            wrong = set(np.flatnonzero(lines))
            ends = {i % n for i in range(-r, r)}
            assert wrong == ((ends | {(i + amount) % n for i in ends}) if amount else set())
            assert len(wrong) == rim(amount, kernel)
    assert rim(1, kernel) == kernel


@given(pictures, shifts, shifts, st.sampled_from(list(LAYERS)))
@settings(max_examples=60, deadline=None)
def test_both_paths_hang_together(x, dx, dy, layer):
    paths = both_paths(x, layer, dx, dy)
    assert np.array_equal(paths.shifted, shift(x, dx, dy))
    assert np.array_equal(paths.there, apply_layer(paths.shifted, layer))
    assert np.array_equal(paths.here, shift(apply_layer(x, layer), *paths.moved))
    gap = np.linalg.norm(paths.there - paths.here) / np.linalg.norm(paths.mapped)
    assert paths.error == pytest.approx(gap)
    assert bool(paths.differ.any()) == (paths.error > 0)


# The meter on torch layers: theory's table, for generated filters and inputs


def shift_by(pixels):
    return lambda z: z.roll(pixels * z.shape[-1] // 16, dims=-1)


def turn(z):
    return z.rot90(1, (-2, -1))


def enlarge(z):
    i = (torch.arange(z.shape[-1]) + z.shape[-1] // 2) // 2
    return z[..., i, :][..., i]


TRANSFORMS = {"shift 1": shift_by(1), "shift 2": shift_by(2), "turn": turn, "enlarge": enlarge}
# Layer -> where theory says zero.
THEORY = {
    "circular": {"shift 1", "shift 2"},
    "zeros": set(),
    "strided": {"shift 2"},
    "dense": set(),
    "relu": {"shift 1", "shift 2", "turn", "enlarge"},
    "max-pooling": {"shift 2", "turn"},
    "average-pooling": {"shift 2", "turn"},
    "global average": {"shift 1", "shift 2", "turn"},
    "strongest of four turns": {"shift 1", "shift 2", "turn"},
    "blur": {"shift 1", "shift 2", "turn"},
}


def lift(z, w):
    turned = torch.cat([w.rot90(k, (-2, -1)) for k in range(4)])
    r = w.shape[-1] // 2
    return F.conv2d(F.pad(z, (r, r, r, r), mode="circular"), turned)


def made_layers(seed):
    torch.manual_seed(seed)
    kernel = (3, 5)[seed % 2]
    conv = dict(kernel_size=kernel, padding=kernel // 2)
    w = torch.randn(1, 1, kernel, kernel)
    blur = nn.Conv2d(1, 1, **conv, padding_mode="circular", bias=False)
    blur.weight.data.fill_(1 / kernel**2)
    return {
        "circular": nn.Conv2d(1, 3, **conv, padding_mode="circular"),
        "zeros": nn.Conv2d(1, 3, **conv),
        "strided": nn.Conv2d(1, 3, **conv, stride=2, padding_mode="circular"),
        "dense": nn.Sequential(nn.Flatten(), nn.Linear(256, 256), nn.Unflatten(1, (1, 16, 16))),
        "relu": nn.ReLU(),
        "max-pooling": nn.MaxPool2d(2),
        "average-pooling": nn.AvgPool2d(2),
        "global average": nn.AdaptiveAvgPool2d(1),
        "strongest of four turns": lambda z: lift(z, w).amax(dim=1, keepdim=True),
        "blur": blur,
    }


@pytest.mark.parametrize("seed", range(10))
def test_the_meter_reads_zero_where_theory_says_so_and_nowhere_else(seed):
    layers = made_layers(seed)
    assert set(layers) == set(THEORY)
    x = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(1000 + seed))
    with torch.no_grad():
        for name, layer in layers.items():
            for transform, T in TRANSFORMS.items():
                error = equivariance_error(layer, T, x)
                if transform in THEORY[name]:
                    assert error < ZERO, (name, transform, error)
                else:
                    assert error > BROKEN, (name, transform, error)


@pytest.mark.parametrize("seed", range(10))
def test_the_lifting_layer_needs_its_own_action_on_the_output(seed):
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 1, 16, 16, generator=random)
    w = torch.randn(1, 1, 3, 3, generator=random)

    def f(z):
        return lift(z, w)

    def turn_and_cycle(y):
        return turn(y).roll(1, dims=1)

    def turn_and_cycle_back(y):
        return turn(y).roll(-1, dims=1)

    assert equivariance_error(f, turn, x, turn_and_cycle) < ZERO
    for wrong in (turn, turn_and_cycle_back, lambda y: y.roll(1, dims=1), lambda y: y):
        assert equivariance_error(f, turn, x, wrong) > BROKEN
    for T in (shift_by(1), shift_by(2)):
        assert equivariance_error(f, T, x) < ZERO
    # Four quarter turns are none: the action comes back to the identity.
    y = f(x)
    back = y
    for _ in range(4):
        back = turn_and_cycle(back)
    assert torch.equal(back, y)


def test_the_meter_works_on_arrays_and_gives_the_textbook_number():
    x = np.array([3.0, 4.0])
    assert equivariance_error(lambda z: z, lambda z: z[::-1], x) == 0
    assert equivariance_error(lambda z: z**2, lambda z: -z, x) == 2  # |y - (-y)| / |y|
    assert equivariance_error(lambda z: z**2, lambda z: -z, x, lambda y: y) == 0  # invariant
    apart = equivariance_error(
        lambda z: np.array([1.0, 0.0]) if z[0] > 0 else np.array([0.0, 1.0]),
        lambda z: -z,
        x,
        lambda y: y,
    )
    assert apart == pytest.approx(math.sqrt(2))


# Refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shift([1, 2], 1), "x must have shape (..., H, W), got (2,)"),
        (lambda: shift(np.eye(3), 1.5), "dx must be a whole number, got 1.5"),
        (lambda: shift(np.eye(3), 1, True), "dy must be a whole number, got True"),
        (lambda: picture("cat"), "picture must be one of 'digit', 'gull', got 'cat'"),
        (lambda: edge_kernel(4), "kernel must be one of 3, 5, 7, got 4"),
        (lambda: apply_layer(np.eye(8), "relu"), "layer must be one of 'circular', 'zeros',"),
        (lambda: apply_layer(np.eye(9), "zeros"), "x must have shape (n, n), n even and >= 8"),
        (lambda: apply_layer(np.ones((8, 10)), "zeros"), "got (8, 10)"),
        (lambda: both_paths(np.eye(8), "zeros", 1, kernel=2), "kernel must be one of 3, 5, 7"),
        (lambda: rim(0.5, 3), "shift must be a whole number, got 0.5"),
        (
            lambda: equivariance_error(np.sum, np.sum, np.zeros(3)),
            "f(x) must not be zero everywhere",
        ),
        (
            lambda: equivariance_error(lambda z: z, lambda z: z[1:], np.ones(3), lambda z: z),
            "must have the same shape, got (2,) and (3,)",
        ),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_importing_it_does_not_load_torch():
    code = "import sys, course_utils.lessons.equivariance.layers; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
