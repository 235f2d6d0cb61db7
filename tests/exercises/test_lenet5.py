"""The exercises of notebook 07: solutions against the models and torch, stubs, wrong ideas."""

import itertools

import numpy as np
import pytest
import torch

from course_utils.exercises import lenet5 as module
from course_utils.exercises.checking import _Case, compare
from course_utils.models.lenet5 import C3_TABLE, PartialConv2d

CHECKS = {
    "07.c3-parameters": module.check_table_parameters,
    "07.confusion-matrix": module.check_confusion_matrix,
}
IDEAS = [(exercise, idea) for exercise in module.EXERCISES for idea in exercise.wrong_ideas]
every_exercise = pytest.mark.parametrize("exercise", module.EXERCISES, ids=lambda e: e.id)


def test_the_table_is_the_papers():
    assert tuple(map(tuple, module.C3_TABLE)) == C3_TABLE
    assert module.table_parameters(module.C3_TABLE, 5) == 1516
    assert module.table_parameters([[0, 1, 2, 3, 4, 5]] * 16, 5) == 2416


def test_parameters_equal_those_of_the_layer():
    for table, kernel in module.C3_PARAMETERS.cases():
        layer = PartialConv2d(tuple(map(tuple, table)), kernel)
        counted = sum(p.numel() for p in layer.parameters())
        assert module.table_parameters(table, kernel) == counted


def test_confusion_matrix_equals_a_histogram():
    for labels, readings, classes in module.CONFUSION_MATRIX.cases():
        expected = np.histogram2d(labels, readings, bins=[np.arange(classes + 1) - 0.5] * 2)[0]
        found = module.confusion_matrix(labels, readings, classes)
        assert np.array_equal(found, expected)
        assert found.sum() == len(labels)


@every_exercise
def test_solution_passes_and_stub_is_neutral(exercise):
    check = CHECKS[exercise.id]
    assert check(exercise.solution).state == "passed"
    assert check(lambda *arguments: None).state == "not attempted"
    assert check(lambda *arguments: ...).state == "not attempted"


@every_exercise
def test_error_and_endless_loop(exercise):
    def endless(*arguments):
        while True:
            pass

    check = CHECKS[exercise.id]
    assert check(lambda *arguments: 1 // 0).state == "raised"
    assert check(endless, seconds=0.1).state == "endless"


@pytest.mark.parametrize(("exercise", "idea"), IDEAS, ids=[f"{e.id}: {i.name}" for e, i in IDEAS])
def test_each_wrong_idea_gets_its_own_hint(exercise, idea):
    report = CHECKS[exercise.id](idea.function)
    assert (report.state, report.idea, report.hint) == ("failed", idea.name, idea.hint)
    assert idea.hint in repr(report)


@every_exercise
def test_hints_differ_and_are_short(exercise):
    hints = [idea.hint for idea in exercise.wrong_ideas]
    assert len(set(hints)) == len(hints)
    for hint in hints:
        assert hint.endswith((".", "?"))
        assert len(hint) < 260
        assert "+= 1" not in hint and "len(" not in hint and "** 2" not in hint


@every_exercise
def test_ideas_are_told_apart_on_the_fixed_inputs_alone(exercise):
    cases = [_Case.prepare(exercise, arguments) for arguments in exercise.fixed]
    results = [[case.expected for case in cases]]
    results += [[case.ideas[i][0] for case in cases] for i in range(len(exercise.wrong_ideas))]
    for one, other in itertools.combinations(results, 2):
        assert any(compare(a, b) != "same" for a, b in zip(one, other, strict=True))


@every_exercise
def test_a_mixture_of_two_ideas_gets_no_hint(exercise):
    first, second = exercise.wrong_ideas[0].function, exercise.wrong_ideas[-1].function

    def mixture(*arguments):
        mixture.calls += 1
        return (first if mixture.calls % 2 else second)(*arguments)

    mixture.calls = 0
    assert CHECKS[exercise.id](mixture).idea == ""


def test_students_other_ways_to_write_it_pass():
    def closed(table, kernel):
        return sum(map(len, table)) * kernel**2 + len(table)

    def in_torch(labels, predictions, classes):
        counts = torch.zeros(classes, classes)
        counts.index_put_(
            (torch.tensor(labels), torch.tensor(predictions)), torch.ones(1), accumulate=True
        )
        return counts

    assert module.check_table_parameters(closed).state == "passed"
    assert module.check_confusion_matrix(in_torch).state == "passed"
