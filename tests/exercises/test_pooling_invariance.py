"""The exercises of notebook 04: solutions against torch and ops, stubs, known wrong ideas."""

import itertools

import numpy as np
import pytest
import torch

from course_utils import ops
from course_utils.lessons.pooling_invariance import exercises as module

every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


@pytest.mark.parametrize("case", module.MAX_POOL.cases(), ids=lambda c: f"{c[0].shape} {c[1:]}")
def test_max_pool_equals_torch_and_ops(case):
    x, kernel, stride = case
    ours = module.max_pool(x, kernel, stride)
    theirs = torch.nn.functional.max_pool2d(torch.from_numpy(x)[None], kernel, stride)[0]
    np.testing.assert_array_equal(ours, theirs.numpy())
    np.testing.assert_array_equal(ours, ops.max_pool2d(x[None], kernel, stride=stride)[0])


@pytest.mark.parametrize("case", module.GLOBAL_AVERAGE_POOL.cases(), ids=lambda c: str(c[0].shape))
def test_global_average_pool_equals_torch(case):
    theirs = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(case[0]), 1)[:, :, 0, 0]
    np.testing.assert_allclose(module.global_average_pool(*case), theirs.numpy(), atol=1e-12)


@every_exercise
def test_inputs_are_the_same_at_every_check_and_in_range(exercise):
    first, again = exercise.cases(), exercise.cases()
    assert len(first) == len(exercise.fixed) + exercise.random_count
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1:] == other[1:]
    if exercise is module.MAX_POOL:
        assert all(k <= min(x.shape) and s >= 1 for x, k, s in first)
        assert len({(k, s) for _, k, s in first}) >= 6


def test_students_other_ways_to_write_it_pass():
    def with_torch(x, kernel, stride):
        return torch.nn.functional.max_pool2d(torch.from_numpy(x)[None], kernel, stride)[0]

    def four_loops(x, kernel, stride):
        found = []
        for i in range(0, x.shape[0] - kernel + 1, stride):
            row = []
            for j in range(0, x.shape[1] - kernel + 1, stride):
                best = x[i, j]
                for a, b in itertools.product(range(kernel), repeat=2):
                    best = max(best, x[i + a, j + b])
                row.append(best)
            found.append(row)
        return np.array(found)

    assert module.check_max_pool(with_torch).state == "passed"
    assert module.check_max_pool(four_loops).state == "passed"
    assert module.check_global_average_pool(lambda m: m.mean(axis=(2, 3))).state == "passed"


def test_changing_the_matrix_is_reported():
    def in_place(x, kernel, stride):
        result = module.max_pool(x, kernel, stride)
        x[0, 0] += 1
        return result

    assert module.check_max_pool(in_place).state == "changed its input"
