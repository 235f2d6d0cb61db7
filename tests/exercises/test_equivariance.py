"""The exercises of notebook 03: solutions against NumPy and torch, stubs, known wrong ideas."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_utils.lessons.equivariance import exercises as module
from course_utils.lessons.equivariance import layers as equivariance

every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


@given(
    st.integers(1, 7), st.integers(1, 7), st.integers(-20, 20), st.integers(-20, 20), st.integers(0)
)
@settings(max_examples=200, deadline=None)
def test_shift_equals_roll(height, width, dx, dy, seed):
    x = np.random.default_rng(seed).integers(0, 100, (height, width))
    expected = np.roll(x, (dy, dx), axis=(0, 1))
    assert np.array_equal(module.shift(x, dx, dy), expected)
    assert np.array_equal(equivariance.shift(x, dx, dy), expected)


def stack_follows(strides, shift, x):
    """Whether any whole shift of a real stack's output follows the shift of its input."""

    def stack(z):
        for stride in strides:
            z = F.pad(z, (1, 1), mode="circular")
            z = F.conv1d(z, torch.tensor([[[1.0, -2.0, 4.0]]], dtype=torch.double), stride=stride)
        return z

    y, there = stack(x), stack(x.roll(shift, dims=-1))
    return any(torch.equal(there, y.roll(k, dims=-1)) for k in range(y.shape[-1]))


@pytest.mark.parametrize("strides", [[1], [2], [3], [2, 2], [2, 3], [3, 2], [4, 1], [1, 4], [2, 4]])
def test_breaks_is_what_a_real_stack_does(strides):
    x = torch.randint(-9, 10, (1, 1, math.prod(strides) * 6), dtype=torch.double)
    assert len(set(x.flatten().tolist())) > 1
    for shift in range(-12, 13):
        assert module.breaks(strides, shift) == (not stack_follows(strides, shift, x))


@given(st.integers(1, 6), st.integers(0))
@settings(max_examples=60, deadline=None)
def test_turned_kernels_equal_rot90(k, seed):
    w = np.random.default_rng(seed).normal(size=(k, k))
    assert np.array_equal(module.turned_kernels(w), [np.rot90(w, turns) for turns in range(4)])


def test_students_other_ways_to_write_it_pass():
    def with_roll(x, dx, dy):
        return np.roll(np.roll(x, dx, axis=1), dy, axis=0)

    def with_comprehension(x, dx, dy):
        h, w = x.shape
        return np.array([[x[(r - dy) % h][(c - dx) % w] for c in range(w)] for r in range(h)])

    def step_by_step(strides, shift):
        for stride in strides:
            if shift % stride:
                return True
            shift //= stride
        return False

    def in_torch(w):
        return torch.stack([torch.rot90(torch.tensor(w), k) for k in range(4)])

    assert module.check_shift(with_roll).state == "passed"
    assert module.check_shift(with_comprehension).state == "passed"
    assert module.check_breaks(step_by_step).state == "passed"
    assert module.check_breaks(lambda s, a: np.bool_(a % math.prod(s) != 0)).state == "passed"
    assert module.check_turned_kernels(in_torch).state == "passed"


def test_a_number_in_place_of_true_or_false_is_no_answer():
    report = module.check_breaks(lambda strides, shift: shift % math.prod(strides))
    assert report.state == "wrong type"


def test_shifting_in_place_is_reported():
    def in_place(x, dx, dy):
        x[:] = np.roll(x, (dy, dx), axis=(0, 1))
        return x

    report = module.check_shift(in_place)
    assert report.state == "changed its input" and "`x`" in report.message


@every_exercise
def test_inputs_are_the_same_at_every_check(exercise):
    first, second = exercise.cases(), exercise.cases()
    assert len(first) == len(second) == len(exercise.fixed) + exercise.random_count
    for one, other in zip(first, second, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_random_inputs_hold_both_answers_and_both_signs():
    cases = module.BREAKS.cases()[len(module.BREAKS.fixed) :]
    answers = [module.breaks(*case) for case in cases]
    assert 5 <= sum(answers) <= len(answers) - 5
    assert any(shift < 0 for _, shift in cases) and any(shift > 0 for _, shift in cases)
    assert any(len(strides) >= 3 for strides, _ in cases)
