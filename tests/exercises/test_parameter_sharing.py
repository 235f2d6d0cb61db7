"""The exercises of notebook 02: solutions against ops, torch and autograd, stubs, wrong ideas."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import ops
from course_utils.exercises import find
from course_utils.lessons.parameter_sharing import exercises as module

every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)

whole = st.integers(-9, 9).map(float)


@st.composite
def layers(draw):
    w = np.array(draw(st.lists(whole, min_size=1, max_size=7)))
    n = draw(st.integers(1, 16))
    padding = draw(st.integers(max(0, -((n - len(w)) // 2)), 8))
    return w, n, draw(st.integers(1, 4)), padding


@given(layers())
@settings(max_examples=300, deadline=None)
def test_the_matrix_is_that_of_ops_and_multiplies_as_torch_convolves(layer):
    w, n, stride, padding = layer
    matrix = module.toeplitz_matrix(*layer)
    np.testing.assert_array_equal(matrix, ops.toeplitz(w, n, stride=stride, padding=padding))
    x = torch.arange(1.0, n + 1).double()
    options = dict(stride=stride, padding=padding)
    convolved = torch.conv1d(x[None, None], torch.from_numpy(w)[None, None], **options)
    np.testing.assert_allclose(matrix @ x.numpy(), convolved[0, 0].numpy())


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_the_gradient_is_that_of_autograd(data):
    x = np.array(data.draw(st.lists(whole, min_size=1, max_size=12)))
    kernel = data.draw(st.integers(1, 6))
    padding = data.draw(st.integers(max(0, -((len(x) - kernel) // 2)), 6))
    outputs = len(x) + 2 * padding - kernel + 1
    g = np.array(data.draw(st.lists(whole, min_size=outputs, max_size=outputs)))
    w = torch.zeros(1, 1, kernel, dtype=torch.float64, requires_grad=True)
    s = torch.conv1d(torch.from_numpy(x)[None, None], w, padding=padding)
    s.backward(torch.from_numpy(g)[None, None])
    np.testing.assert_allclose(module.shared_gradient(x, g, kernel, padding), w.grad[0, 0])


def test_the_lecture():
    matrix = module.toeplitz_matrix(np.array([1, 2, 3]), 5, 1, 1)
    assert np.count_nonzero(matrix) == 13 and set(matrix.ravel()) == {0, 1, 2, 3}
    assert module.shared_gradient(np.arange(1, 6), np.ones(5), 3, 1).tolist() == [10, 15, 14]


def test_they_are_found_by_their_ids():
    assert all(find(exercise.id) is exercise for exercise in module.EXERCISES)


def in_range(exercise, arguments):
    if exercise is module.TOEPLITZ_MATRIX:
        w, n, stride, padding = arguments
        distinct = len(set(w)) == len(w) and 0 not in w
        return distinct and n >= len(w) >= 1 and stride >= 1 and 0 <= padding < len(w)
    x, g, kernel, padding = arguments
    return 0 <= padding < kernel <= len(x) and len(g) == len(x) + 2 * padding - kernel + 1


@every_exercise
def test_inputs_are_the_same_at_every_check_and_in_range(exercise):
    cases, again = exercise.cases(), exercise.cases()
    assert len(cases) == len(exercise.fixed) + exercise.random_count
    for arguments, same in zip(cases, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(arguments, same, strict=True))
        assert in_range(exercise, arguments), arguments


def test_the_random_inputs_use_every_argument():
    for exercise in module.EXERCISES:
        for position in range(4):
            values = {str(case[position]) for case in exercise.cases()}
            assert len(values) >= 3, (exercise.id, position)


def test_students_other_ways_to_write_it_pass():
    def columns(w, n, stride, padding):
        kernel = torch.tensor(w, dtype=torch.float32)[None, None]
        unit_vectors = torch.eye(n)[:, None]  # (n, 1, n)
        return torch.conv1d(unit_vectors, kernel, stride=stride, padding=padding)[:, 0].T

    def dot_products(x, g, kernel, padding):
        padded = np.pad(x, padding)
        return np.array([g @ padded[tap : tap + len(g)] for tap in range(kernel)])

    assert module.check_toeplitz_matrix(columns).state == "passed"
    assert module.check_shared_gradient(dot_products).state == "passed"


def test_writing_into_the_input_is_reported():
    def greedy(x, g, kernel, padding):
        result = module.shared_gradient(x, g, kernel, padding)
        x *= 0
        return result

    report = module.check_shared_gradient(greedy)
    assert report.state == "changed its input" and "`x`" in report.message
