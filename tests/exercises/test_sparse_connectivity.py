"""The exercises of notebook 01: solutions against geometry and torch, stubs, known wrong ideas."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import geometry
from course_utils.lessons.sparse_connectivity import exercises as module

every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


@st.composite
def layers_in_range(draw):
    kernel = draw(st.integers(1, 8))
    n = draw(st.integers(1, 20))
    padding = draw(st.integers(max(0, -((n - kernel) // 2)), 9))
    return n, kernel, draw(st.integers(1, 5)), padding


@given(layers_in_range())
@settings(max_examples=400, deadline=None)
def test_arrows_equal_geometry(layer):
    pairs = geometry.edges(*layer)
    assert module.count_edges(*layer) == len(pairs) == geometry.edge_count(*layer)


@given(st.lists(st.tuples(st.integers(1, 11), st.integers(1, 4)), min_size=1, max_size=8))
@settings(max_examples=400, deadline=None)
def test_receptive_field_equals_geometry(layers):
    assert module.receptive_field(layers) == geometry.receptive_field(layers)


@pytest.mark.parametrize("layer", module.COUNT_EDGES.cases()[:20], ids=str)
def test_arrows_equal_the_jacobian_of_torch(layer):
    n, kernel, stride, padding = layer
    ones = torch.ones(1, 1, kernel)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: torch.conv1d(x[None, None], ones, stride=stride, padding=padding)[0, 0],
        torch.zeros(n),
    )
    assert module.count_edges(*layer) == int(jacobian.count_nonzero())


@pytest.mark.parametrize(
    ("solution", "arguments", "result"),
    [
        (module.count_edges, (5, 3, 1, 1), 13),  # the lecture: 3 * 5 - 2
        (module.receptive_field, ([(5, 1), (2, 2), (5, 1), (2, 2)],), 16),  # LeNet-5 after S4
        (module.receptive_field, ([(3, 1)] * 3,), 7),  # VGG: three 3x3 see what one 7x7 does
    ],
)
def test_known_numbers(solution, arguments, result):
    assert solution(*arguments) == result


@every_exercise
def test_inputs_are_the_same_at_every_check_and_in_range(exercise):
    assert exercise.cases() == exercise.cases()
    assert len(exercise.cases()) == len(exercise.fixed) + exercise.random_count
    for arguments in exercise.cases():
        if exercise is module.RECEPTIVE_FIELD:
            assert arguments[0] and all(k >= 1 and s >= 1 for k, s in arguments[0])
        else:
            n, kernel, stride, padding = arguments
            assert n >= kernel >= 1 and stride >= 1 and 0 <= padding < kernel


def test_the_random_inputs_use_every_argument():
    cases = module.COUNT_EDGES.cases()
    for position, at_least in ((0, 6), (1, 4), (2, 3), (3, 3)):
        assert len({case[position] for case in cases}) >= at_least


def test_students_other_ways_to_write_it_pass():
    def closed_form(n, kernel, stride, padding):
        count = 0
        for first in range(-padding, n + padding - kernel + 1, stride):
            count += min(first + kernel, n) - max(first, 0)
        return count

    def backwards(layers):
        size = 1
        for kernel, stride in reversed(layers):
            size = (size - 1) * stride + kernel
        return size

    assert module.check_count_edges(closed_form).state == "passed"
    assert module.check_receptive_field(backwards).state == "passed"


def test_emptying_the_list_of_layers_is_reported():
    def emptying(layers):
        size = 1
        while layers:
            kernel, stride = layers.pop()
            size = (size - 1) * stride + kernel
        return size

    report = module.check_receptive_field(emptying)
    assert report.state == "changed its input"
    assert "`layers`" in report.message


def test_a_division_that_gives_a_float_is_accepted_and_mentioned():
    report = module.check_count_edges(lambda *layer: float(module.count_edges(*layer)))
    assert report.state == "passed"
    assert "13.0" in report.message
