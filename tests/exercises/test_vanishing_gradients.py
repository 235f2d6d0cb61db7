"""The exercises of notebook 06: solutions against torch, stubs, known wrong ideas."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.lessons.vanishing_gradients import exercises as module
from course_utils.probing import activation_statistics

every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


@given(st.floats(-3, 3), st.lists(st.floats(-6, 6), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_the_chain_equals_autograd(x, weights):
    start = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = start
    for weight in weights:
        value = torch.sigmoid(weight * value)
    value.backward()
    expected = start.grad.item()
    assert module.chain_gradient(x, weights) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("layer", module.INIT_SCALE.cases(), ids=str)
def test_the_scale_is_torchs(layer):
    in_channels, out_channels, kernel, relu = layer
    shape = (1, in_channels, kernel, kernel)  # torch derives the fan-in from the shape
    name = "relu" if relu else "linear"
    torch.manual_seed(0)
    fan_in, _ = nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    expected = nn.init.calculate_gain(name) / fan_in**0.5
    assert module.init_std(*layer) == pytest.approx(expected)
    drawn = nn.init.kaiming_normal_(torch.empty(400, *shape[1:]), nonlinearity=name).std()
    assert module.init_std(*layer) == pytest.approx(float(drawn), rel=0.15)


@pytest.mark.parametrize("relu", [False, True])
def test_the_scale_keeps_the_mean_square_of_the_signal(relu):
    torch.manual_seed(0)
    x = torch.randn(4, 16, 10, 10)
    x = x.relu() * 2**0.5 if relu else x  # mean square 1, as behind the layer before
    squares = []
    for _ in range(60):  # one draw scatters: the mean over the weights is what is kept
        weight = torch.randn(16, 16, 3, 3) * module.init_std(16, 16, 3, relu)
        y = torch.conv2d(x, weight)
        squares.append(float((y.relu() if relu else y).square().mean()))
    assert np.mean(squares) == pytest.approx(1, rel=0.1)


def test_dead_units_are_those_that_the_probe_counts():
    for (outputs,) in module.COUNT_DEAD_UNITS.cases():
        z = torch.from_numpy(np.where(outputs > 0, outputs, -1.0))
        (row,) = activation_statistics(nn.Sequential(nn.ReLU()), z)
        assert module.count_dead_units(outputs) == row.dead


@every_exercise
def test_inputs_are_the_same_at_every_check(exercise):
    first, second = exercise.cases(), exercise.cases()
    assert len(first) == len(exercise.fixed) + exercise.random_count
    for a, b in zip(first, second, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_inputs_are_in_range():
    for x, weights in module.PATH_PRODUCT.cases():
        assert isinstance(x, float) and 1 <= len(weights) <= 5
    for in_channels, out_channels, kernel, relu in module.INIT_SCALE.cases():
        assert min(in_channels, out_channels, kernel) >= 1 and isinstance(relu, bool)
    assert {case[3] for case in module.INIT_SCALE.cases()[5:]} == {True, False}
    counts = [module.count_dead_units(outputs) for (outputs,) in module.COUNT_DEAD_UNITS.cases()]
    assert len(set(counts)) >= 4
    for (outputs,) in module.COUNT_DEAD_UNITS.cases():
        assert outputs.ndim == 2 and len(outputs) >= 2 and (outputs >= 0).all()


def test_students_other_ways_to_write_it_pass():
    def with_numpy(x, weights):
        values = [x]
        for w in weights:
            values.append(1 / (1 + np.exp(-w * values[-1])))
        slopes = [v * (1 - v) for v in values[1:]]
        return np.prod(weights) * np.prod(slopes)

    def with_torch(x, weights):
        start = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        value = start
        for w in weights:
            value = torch.sigmoid(w * value)
        return torch.autograd.grad(value, start)[0]

    def loops(outputs):
        count = 0
        for unit in range(outputs.shape[1]):
            if max(outputs[:, unit]) == 0:
                count += 1
        return count

    assert module.check_chain_gradient(with_numpy).state == "passed"
    assert module.check_chain_gradient(with_torch).state == "passed"
    assert module.check_count_dead_units(loops).state == "passed"
    assert module.check_count_dead_units(lambda o: (o.sum(axis=0) == 0).sum()).state == "passed"
    assert module.check_init_std(lambda i, o, k, r: ((1 + r) / i) ** 0.5 / k).state == "passed"
