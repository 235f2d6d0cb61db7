"""What every exercise of the course must do, whichever lesson it belongs to."""

import importlib
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from course_utils.exercises import _Case, compare, show_solution
from course_utils.lessons import LESSONS

FOLDER = Path(__file__).resolve().parents[2] / "course_utils" / "exercises"
MODULES = [
    importlib.import_module(f"course_utils.exercises.{lesson.slug[3:]}")
    for lesson in LESSONS
    if (FOLDER / f"{lesson.slug[3:]}.py").exists()
]
CHECKS = {  # the id -> the function that the notebook calls
    exercise.id: getattr(module, f"check_{exercise.solution.__name__}")
    for module in MODULES
    for exercise in module.EXERCISES
}
EXERCISES = [exercise for module in MODULES for exercise in module.EXERCISES]
IDEAS = [(exercise, idea) for exercise in EXERCISES for idea in exercise.wrong_ideas]
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
# Pieces of the solutions: a hint that holds one gives the answer away.
GIVEN_AWAY = (
    *("// stride", "2 * padding", "i * stride", "stride - padding", "row - dy", "2 * out"),
    *("any(", "sum(", "len(", ".max()", "axis=", "+= 1", "*=", "** 2"),
)
GIVEN_AWAY_IN = {  # words that are harmless elsewhere
    "01": ("jump",),
    "03": ("prod", "k - 1"),
    "06": ("sqrt",),
    "11": ("+ x",),
}


def test_there_are_exercises_and_none_is_left_out():
    found = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "checking"}
    assert {module.__name__.rpartition(".")[2] for module in MODULES} == found
    assert len(CHECKS) == len(EXERCISES) >= 2 * len(MODULES)


@every_exercise
def test_solution_passes_and_stub_is_neutral(exercise):
    check = CHECKS[exercise.id]
    assert check(exercise.solution).state == "passed"
    assert check(lambda *arguments: None).state == "not attempted"
    assert check(lambda *arguments: ...).state == "not attempted"


@every_exercise
def test_solution_runs_as_it_is_shown_pasted_into_an_empty_notebook(exercise):
    pasted = {}
    exec(show_solution(exercise.id).source, pasted)
    assert CHECKS[exercise.id](pasted[exercise.name]).state == "passed"


def as_float32(value):
    """What a student's torch code has: 0-dimensional tensors and tensors of the default dtype."""
    if isinstance(value, np.ndarray):
        return (
            torch.as_tensor(value, dtype=torch.float32).numpy() if value.dtype == float else value
        )
    return float(np.float32(value)) if isinstance(value, float) else value


@every_exercise
def test_solution_in_float32_passes(exercise):
    def single(*arguments):
        result = exercise.solution(*map(as_float32, arguments))
        if isinstance(result, tuple | list):
            return type(result)(map(as_float32, result))
        return as_float32(result)

    assert CHECKS[exercise.id](single).state == "passed"


@every_exercise
def test_a_function_for_tensors_is_given_tensors(exercise):
    """In a lesson that computes with torch its answer is written with torch."""
    if not any(isinstance(argument, np.ndarray) for argument in exercise.fixed[0]):
        return

    def with_tensors(*arguments):
        for argument in arguments:
            assert not isinstance(argument, np.ndarray), "as `tensor.amax` would"
        arrays = [a.double().numpy() if torch.is_tensor(a) else a for a in arguments]
        result = exercise.solution(*arrays)
        return torch.as_tensor(result).float() if isinstance(result, np.ndarray) else result

    assert CHECKS[exercise.id](with_tensors).state == "passed"


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
def test_hints_differ_are_short_and_do_not_give_the_answer_away(exercise):
    hints = [idea.hint for idea in exercise.wrong_ideas]
    assert len(set(hints)) == len(hints)
    for hint in hints:
        assert hint.endswith((".", "?"))
        assert len(hint) < 400
        for text in (*GIVEN_AWAY, *GIVEN_AWAY_IN.get(exercise.id[:2], ())):
            assert text not in hint


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
