"""The exercises of notebook 06: solutions against torch, stubs, known wrong ideas."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_utils.exercises import vanishing_gradients as module
from course_utils.exercises.checking import _Case, compare, find, show_solution
from course_utils.signals import activation_statistics, path_factors

CHECKS = {
    "06.path-product": module.check_chain_gradient,
    "06.init-scale": module.check_init_std,
    "06.count-dead-units": module.check_count_dead_units,
}
IDEAS = [(exercise, idea) for exercise in module.EXERCISES for idea in exercise.wrong_ideas]
every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


@given(st.floats(-3, 3), st.lists(st.floats(-6, 6), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_the_chain_equals_autograd_and_the_path_factors(x, weights):
    start = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = start
    for weight in weights:
        value = torch.sigmoid(weight * value)
    value.backward()
    expected = start.grad.item()
    assert module.chain_gradient(x, weights) == pytest.approx(expected, rel=1e-9, abs=1e-15)

    stack = nn.Sequential()
    for weight in weights:
        layer = nn.Linear(1, 1, bias=False)
        nn.init.constant_(layer.weight, weight)
        stack.extend([layer, nn.Sigmoid()])
    point = torch.tensor([x], dtype=torch.float64)
    factors = path_factors(stack.double(), point, [0] * (len(weights) + 1))
    product = np.prod([f.weight * f.slope for f in factors])
    assert product == pytest.approx(expected, rel=1e-5, abs=1e-12)  # weights began as float32


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
def test_the_solution_passes_the_stub_is_neutral_and_the_source_is_shown(exercise):
    check = CHECKS[exercise.id]
    assert check(exercise.solution).state == "passed"
    assert find(exercise.id) is exercise
    assert show_solution(exercise.id).source.startswith(f"def {exercise.name}(")

    def stub(*arguments): ...

    assert check(stub).state == "not attempted"


@every_exercise
def test_raising_and_endless_functions_are_reported(exercise):
    def raising(*arguments):
        return arguments[0] / 0 if exercise is not module.COUNT_DEAD_UNITS else {}["no"]

    def endless(*arguments):
        while True:
            pass

    assert CHECKS[exercise.id](raising).state == "raised"
    assert CHECKS[exercise.id](endless, seconds=0.2).state == "endless"


@pytest.mark.parametrize(("exercise", "idea"), IDEAS, ids=[f"{e.id}: {i.name}" for e, i in IDEAS])
def test_each_wrong_idea_gets_its_own_hint(exercise, idea):
    report = CHECKS[exercise.id](idea.function)
    assert (report.state, report.idea, report.hint) == ("failed", idea.name, idea.hint)


@every_exercise
def test_hints_differ_and_do_not_give_the_answer_away(exercise):
    hints = [idea.hint for idea in exercise.wrong_ideas]
    assert len(set(hints)) == len(hints)
    for hint in hints:
        assert hint.endswith((".", "?"))
        assert len(hint) < 260
        assert "sqrt" not in hint and "any(" not in hint and "*=" not in hint


@every_exercise
def test_ideas_are_told_apart_on_the_fixed_inputs_alone(exercise):
    cases = [_Case.prepare(exercise, arguments) for arguments in exercise.fixed]
    results = [[case.expected for case in cases]]
    results += [[case.ideas[i][0] for case in cases] for i in range(len(exercise.wrong_ideas))]
    for one, other in itertools.combinations(results, 2):
        pairs = zip(one, other, strict=True)
        assert any(compare(a, b, exercise.tolerance) != "same" for a, b in pairs)


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
