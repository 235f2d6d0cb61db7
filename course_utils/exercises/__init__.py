"""Check a student's function on many inputs, and say what is wrong in a way that teaches.

    Exercise            a reference solution, its inputs, the known wrong ideas with their hints
    check(f)            tries a student's function and returns a Report
    show_solution(id)   the source of a reference solution, folded

The exercises of a lesson stand in `course_utils/lessons/<slug>/exercises.py`; the lesson's file is
loaded when one of them is asked for.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import inspect
import random
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from course_utils.checks import real
from course_utils.exercises import comparing
from course_utils.exercises.comparing import compare, described, is_array, one_line, short
from course_utils.exercises.report import Report, Solution
from course_utils.exercises.running import Notepad, TimeUp, run_for
from course_utils.lessons import LESSONS, Lesson

SECONDS = 3.0  # that a check may take altogether before the function counts as endless


@dataclass(frozen=True)
class Exercise:
    """One coding exercise.

    id: the number of the notebook, a dot, words joined by hyphens, as in `"01.count-edges"`.
    solution: the reference solution. `show_solution` prints its source; its results are what the
        student's are compared with; its parameters name the arguments.
    fixed: argument tuples, from the simplest on. The known wrong ideas differ on these. A function
        that returns them where they hold arrays: an exercise is found without NumPy.
    arrays: the parameters whose lists are handed over as NumPy arrays of floats, where there is
        NumPy; solution and wrong ideas take both.
    random_case: makes one more argument tuple from a `random.Random`. The seed is the id, so every
        check tries the same `random_count` inputs.
    wrong_ideas: hint -> what somebody with this idea would write. The hint teaches and does not
        give the answer away; the function may raise where the idea leads nowhere.
    """

    id: str
    solution: Callable
    fixed: tuple[tuple, ...] | Callable[[], tuple[tuple, ...]]
    random_case: Callable[[random.Random], tuple]
    wrong_ideas: Mapping[str, Callable] = field(default_factory=dict)
    random_count: int = 30
    arrays: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the function to write."""
        return self.solution.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.solution).parameters)

    def cases(self) -> list[tuple]:
        """All argument tuples, the fixed ones first. The same at every call."""
        rng = random.Random(self.id)
        fixed = self.fixed() if callable(self.fixed) else self.fixed
        cases = [*fixed, *(self.random_case(rng) for _ in range(self.random_count))]
        return [tuple(map(self._handed, self.parameters, case)) for case in cases]

    def _handed(self, name, value):
        return comparing.array_if_numpy(value) if name in self.arrays else value

    def prepare(self, arguments, tensors: bool = False) -> _Case:
        """An input with its right result."""
        handed = tuple(map(comparing.as_tensor, arguments)) if tensors else arguments
        return _Case(handed, self.result(self.solution, arguments), arguments)

    def result(self, function, arguments):
        """What a function of the course, the solution or a wrong idea, makes of an input."""
        return function(*copy.deepcopy(arguments))

    def check(self, function, *, seconds: float = SECONDS, _tensors: bool = False) -> Report:
        """Try `function` on every case; see `check` of this module."""
        real("seconds", seconds, 0.001, 3600)
        if refusal := _cannot_be_called(self, function):
            return Report(self.id, self.name, "wrong signature", refusal)
        cases = [self.prepare(arguments, _tensors) for arguments in self.cases()]
        outcomes, notepad, end = [], Notepad(), "interrupted"

        def work():
            for case in cases:
                outcomes.append(_try(self, function, case, notepad))

        with contextlib.redirect_stdout(notepad), contextlib.suppress(KeyboardInterrupt):
            end = run_for(seconds, work)
        report = _judge(self, cases, list(outcomes), end, seconds)
        if report.state == "raised" and not _tensors and any(map(is_array, cases[0].arguments)):
            # Written for tensors, as lessons are that compute with torch: try it with tensors.
            again = self.check(function, seconds=seconds, _tensors=True)
            return again if again.state != "raised" else report
        return report


class _Case(NamedTuple):
    arguments: tuple  # as they are handed to the student's function
    expected: object
    original: tuple  # as the exercise has them


def check(student_function, exercise_id: str | None = None, *, seconds: float = SECONDS) -> Report:
    """Check a student's function; the Report, as the last expression of a cell, is its card.

    student_function: arrays are handed to it as NumPy's; if it stops with an error on them, it gets
        torch tensors, floats in the default dtype.
    exercise_id: as in `"01.count-edges"`; by default, the exercise that asks for a function of this
        name.
    seconds: time for all inputs together; after that the function counts as endless.

    Nothing that the student's function does is raised; it is reported. What is right is remembered.
    """
    name = exercise_id or getattr(student_function, "__name__", None)
    if name is None:
        raise ValueError(
            "check needs the function itself, its name without brackets behind it, as in "
            f"check(count_edges), got {short(student_function)}"
        )
    report = find(name).check(student_function, seconds=seconds)
    if report.state == "passed":
        with contextlib.suppress(ImportError):  # where nothing can be kept: the website
            from course_utils.exercises.solved import remember

            remember(report.exercise)
    return report


def show_solution(exercise_id: str) -> Solution:
    """Return the source of a reference solution, to be the last expression of a cell."""
    exercise = find(exercise_id)
    return Solution(exercise.id, exercise.solution)


def find(name: str) -> Exercise:
    """Return the exercise of that id, `"01.count-edges"`, or of that function, `"count_edges"`.

    For any other name a ValueError lists the exercises there are.
    """
    number = name[:2] if re.match(r"\d\d\.", str(name)) else None
    lessons = [lesson for lesson in LESSONS if number in (None, lesson.number)]
    for exercise in chain.from_iterable(map(exercises_of, lessons)):
        if name in (exercise.id, exercise.name):
            return exercise
    known = ", ".join(repr(e.id) for lesson in LESSONS for e in exercises_of(lesson))
    raise ValueError(f"exercise must be one of {known}, got {name!r}")


def exercises_of(lesson: Lesson) -> list[Exercise]:
    """The exercises of one lesson, in the order of its file; none where it has no file."""
    name = f"course_utils.lessons.{lesson.slug[3:]}.exercises"
    if not importlib.util.find_spec(name):
        return []
    found = vars(importlib.import_module(name)).values()
    return [value for value in found if isinstance(value, Exercise)]


def _cannot_be_called(exercise, function):
    """Why a function cannot be called with the arguments of an exercise; None when it can."""
    call = f"{exercise.name}({', '.join(exercise.parameters)})"
    if not callable(function):
        return (
            f"The check needs the function itself, and was given {short(function)}. Hand over the "
            f"name without brackets behind it: check({exercise.name})."
        )
    try:
        signature = inspect.signature(function)
        signature.bind(*exercise.parameters)
    except ValueError:  # some built-in functions have no signature: let the call tell
        return None
    except TypeError as error:
        return f"The check calls {call}. Your function cannot be called so: {one_line(str(error))}."
    given = [name for name in signature.parameters if name in exercise.parameters]
    if set(given) == set(exercise.parameters) and tuple(given) != exercise.parameters:
        return (
            f"The check calls {call}, by position. Your function takes the same parameters in "
            f"another order: {', '.join(given)}."
        )
    return None


class _Outcome(NamedTuple):
    """What the student's function did with one case, already turned into text."""

    verdict: str  # "same", "different", "wrong type", "nothing" or "raised"
    shown: dict[str, str]  # rows of the report
    kind: str = ""  # type of what was given
    changed: str = ""  # name of the argument that was changed in place
    given: object = None  # a copy, to hold the wrong ideas against


def _try(exercise, function, case, notepad):
    arguments = copy.deepcopy(case.arguments)
    try:
        given = function(*arguments)
    except (TimeUp, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit as well: it must not end the notebook
        shown = {"Error": described(error), "Your code": _place(error, function)}
        verdict = "nothing" if isinstance(error, NotImplementedError) else "raised"
        return _Outcome(verdict, shown | {"Printed": notepad.take()})
    shown = {"Given": comparing.result_text(given), "Printed": notepad.take()}
    if given is None or given is Ellipsis or given is NotImplemented:
        return _Outcome("nothing", shown)
    pairs = zip(exercise.parameters, case.arguments, arguments, strict=True)
    changed = next((name for name, old, new in pairs if not comparing.unchanged(old, new)), "")
    kind = type(comparing.plain(given)).__name__
    verdict = compare(case.expected, given)
    return _Outcome(verdict, shown, kind, changed, comparing.kept(given))


def _place(error, function):
    """`line 3: return n / 0`: where the student's own code stood when the error arose."""
    code, here = getattr(inspect.unwrap(function), "__code__", None), str(Path(__file__).parent)
    steps = traceback.extract_tb(error.__traceback__)
    steps = [step for step in steps if not step.filename.startswith(here)]
    own = [step for step in steps if code and step.filename == code.co_filename] or steps
    if not own:
        return ""
    return f"line {own[-1].lineno}: {one_line(own[-1].line or '')}".removesuffix(": ")


def _judge(exercise, cases, outcomes, end, seconds):
    """Turn the outcomes into the Report on the first case that is not right."""

    def say(state, message, case=None, rows=(), hint=""):
        if case:  # `count_edges(n=5, kernel=3, stride=1, padding=1)`
            values = zip(exercise.parameters, map(short, case.arguments), strict=True)
            call = f"{exercise.name}({', '.join(map('='.join, values))})"
            rows = [("Input", call), *rows]
        rows = {label: text for label, text in rows if text}
        return Report(exercise.id, exercise.name, state, message, rows, hint)

    last = cases[min(len(outcomes), len(cases) - 1)]  # that was tried
    without_numpy = _without_numpy(exercise, cases[0])
    if end == "interrupted":
        return say("interrupted", "You stopped the check.", last)
    if end != "done" and len(outcomes) < len(cases):
        left = " It could not be ended and goes on in the background; restarting the kernel does."
        message = (
            f"Stopped after {seconds:g} s: your function was still at work on this input. "
            "Is there a loop whose condition never becomes false, or a very long wait?"
        )
        return say("endless", message + left * (end == "left behind"), last)
    first, tried = outcomes[0], list(zip(cases, outcomes, strict=True))
    if all(outcome.verdict == "nothing" for outcome in outcomes):
        if "Error" in first.shown or not first.shown["Printed"]:
            message = f"Write the function, then run this cell again.{without_numpy}"
            return say("not attempted", message)
        hint = "Printing shows a value to you. `return` hands it to whoever called the function."
        message = "Your function prints, but returns nothing."
        return say("failed", message, cases[0], first.shown.items(), hint)
    for case, outcome in tried:
        if outcome.verdict != "same":
            state, message, hint = _wrong(exercise, case.expected, outcome, tried)
            message += without_numpy * (state == "raised")
            right = "" if state == "raised" else comparing.result_text(case.expected)
            rows = [("Expected", right), *outcome.shown.items()]
            return say(state, message, case, rows, hint)
    for case, outcome in tried:
        if outcome.changed:
            message = (
                "Every result is right, but your function changes the argument "
                f"`{outcome.changed}` that it was given. Whoever calls it would lose the "
                "original. Work on a copy, or only read it."
            )
            return say("changed its input", message, case)
    fixed = len(cases) - exercise.random_count
    message = (
        f"All {len(cases)} inputs are right: {fixed} fixed and {exercise.random_count} random."
    )
    if type(cases[0].expected) is int and any(outcome.kind == "float" for outcome in outcomes):
        shown = first.shown["Given"]
        message += f" Your function returns a float, as in {shown}. That is accepted; "
        message += "a count is better an int, which // gives where / does not."
    return say("passed", message)


def _without_numpy(exercise, case):
    """A sentence on the arrays of an exercise, where they are lists; else nothing."""
    said = " and ".join(
        f"`{name}` is a list{' of rows' * isinstance(value[0], list)}"
        for name, value in zip(exercise.parameters, case.arguments, strict=True)
        if name in exercise.arrays and isinstance(value, list)
    )
    return f" There is no NumPy here: {said}." if said else ""


def _wrong(exercise, expected, outcome, tried):
    """State, message and hint of the Report on an outcome that is not right."""
    if "Error" in outcome.shown:
        message = "Your function stops with an error on this input."
        if outcome.shown["Error"].startswith("SystemExit"):
            message = "Your function tries to end the whole program. `return` ends just the "
            message += "function."
        return "raised", message, ""
    if outcome.verdict == "nothing":
        hint = "On this input the function reaches its end, or an early exit, without a result."
        return "failed", "Nothing was returned.", hint
    if outcome.verdict == "wrong type":
        given, right = _article(outcome.kind), _article(type(expected).__name__)
        message = f"Your function returns {given}, and the result should be {right}."
        arrays = ("ndarray", "Tensor")
        kinds = ("tuple", "list", *arrays) if isinstance(expected, tuple | list) else arrays
        if type(expected).__name__ in kinds and outcome.kind in kinds:
            message = f"Your function returns {given}, as it may. What is in it has the wrong type."
        return "wrong type", message, ""
    hint = next((hint for hint in exercise.wrong_ideas if _follows(exercise, hint, tried)), "")
    right = sum(outcome.verdict == "same" for _, outcome in tried)
    return "failed", f"{right} of {len(tried)} inputs are right. The first that is not:", hint


def _follows(exercise, hint, tried):
    """Whether a wrong idea gives the student's result on *every* input.

    Those included where it happens to be right: one input proves little (5 inputs and kernel 3
    give 15 to two different ideas). Where the student is wrong comes first: most ideas end there.
    """
    for case, outcome in sorted(tried, key=lambda pair: pair[1].verdict == "same"):
        if outcome.verdict in ("nothing", "raised"):
            return False
        try:
            result = exercise.result(exercise.wrong_ideas[hint], case.original)
        except Exception:  # an idea may lead nowhere here, and nothing equals that
            return False
        if compare(result, outcome.given) != "same":
            return False
    return True


def _article(name):
    names = {"NoneType": "None", "ndarray": "a NumPy array", "Tensor": "a torch tensor"}
    return names.get(name) or f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
