"""The exercises of notebook 05: solutions against torch, stubs, known wrong ideas."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from course_utils import ops
from course_utils.exercises import _unchanged
from course_utils.lessons.convolutional_layer import exercises as module

every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


@st.composite
def convolutions(draw):
    k, channels = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-9, 10, (channels, draw(st.integers(k, 7)), draw(st.integers(k, 7))))
    w = rng.integers(-9, 10, (draw(st.integers(1, 3)), channels, k, k))
    return x, w, draw(st.integers(1, 3)), draw(st.integers(0, 2))


@given(convolutions())
@settings(max_examples=100, deadline=None)
def test_conv2d_equals_torch_and_ops(case):
    x, w, stride, padding = case
    ours = module.conv2d(x, w, stride, padding)
    torchs = torch.conv2d(
        torch.tensor(x).double(), torch.tensor(w).double(), stride=stride, padding=padding
    )
    assert np.array_equal(ours, torchs.numpy())
    assert np.array_equal(ours, ops.conv2d(x, w, stride=stride, padding=padding))


@given(convolutions(), st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_max_pool_equals_torch_and_ops(case, stride):
    x, w, _, _ = case
    kernel = w.shape[-1]
    torchs = torch.nn.functional.max_pool2d(torch.tensor(x).double(), kernel, stride)
    ours = module.max_pool2d(x, kernel, stride)
    assert np.array_equal(ours, torchs.numpy())
    assert np.array_equal(ours, ops.max_pool2d(x, kernel, stride=stride))


@pytest.mark.parametrize("case", module.LAYER_COST.cases(), ids=str)
def test_layer_cost_equals_torch(case):
    n, channels, filters, kernel, stride, padding = case
    layer = torch.nn.Conv2d(channels, filters, kernel, stride, padding)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        y = layer(torch.zeros(1, channels, n, n))
    parameters = sum(p.numel() for p in layer.parameters())
    expected = (y.shape[-1], parameters, counter.get_total_flops() // 2)
    assert module.layer_cost(*case) == expected
    assert y.shape[1:] == (filters, y.shape[-1], y.shape[-1])


def test_known_numbers():
    assert module.layer_cost(224, 3, 64, 3, 1, 1) == (224, 1792, 86_704_128)  # VGG, first layer
    assert module.layer_cost(32, 1, 6, 5, 1, 0) == (28, 156, 117_600)  # LeNet-5, C1


@every_exercise
def test_inputs_are_the_same_at_every_check_and_in_range(exercise):
    cases = exercise.cases()
    assert len(cases) == len(exercise.fixed) + exercise.random_count
    assert all(_unchanged(a, b) for a, b in zip(cases, exercise.cases(), strict=True))
    for case in cases:
        if exercise is module.CONV2D:
            x, w, stride, padding = case
            assert x.shape[0] == w.shape[1] and min(x.shape[1:]) >= w.shape[2] == w.shape[3]
            assert stride in (1, 2, 3) and padding in (0, 1, 2, 3)
        elif exercise is module.MAX_POOL:
            x, kernel, stride = case
            assert min(x.shape[1:]) >= kernel >= stride >= 1
        else:
            n, channels, filters, kernel, stride, padding = case
            assert n > kernel >= 1 and stride >= 1 and 0 <= padding <= kernel // 2
            assert channels >= 1 and filters >= 1


def test_students_other_ways_to_write_it_pass():
    def patches(x, w, stride, padding):
        padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
        k = w.shape[-1]
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))
        return np.einsum("cijab,mcab->mij", windows[:, ::stride, ::stride], w)

    def with_torch(x, w, stride, padding):
        x, w = torch.tensor(x).float(), torch.tensor(w).float()
        return torch.nn.functional.conv2d(x, w, stride=stride, padding=padding)

    def pooled(x, kernel, stride):
        return torch.nn.functional.max_pool2d(torch.tensor(x).float(), kernel, stride)

    def listed(*layer):
        return list(module.layer_cost(*layer))

    assert module.check_conv2d(patches).state == "passed"
    assert module.check_conv2d(with_torch).state == "passed"
    assert module.check_max_pool2d(pooled).state == "passed"
    assert module.check_layer_cost(listed).state == "passed"


def test_padding_the_image_in_place_is_reported():
    def doubling(x, kernel, stride):
        result = module.max_pool2d(x, kernel, stride)
        x += 1
        return result

    report = module.check_max_pool2d(doubling)
    assert report.state == "changed its input"
    assert "`x`" in report.message


def test_nested_lists_are_told_to_become_an_array():
    report = module.check_conv2d(lambda *case: module.conv2d(*case).tolist())
    assert report.state == "wrong type"
