"""Check a student's function on many inputs, and say what is wrong in a way that teaches.

    Exercise, WrongIdea     one exercise: the reference solution, its inputs, the known wrong ideas
    Exercise.check          runs a student's function and returns a Report
    show_solution           the source of a reference solution, folded

One module per notebook beside this one holds a tuple `EXERCISES`. It is found through the slug of
the lesson and loaded when it is asked for.

An endless function is stopped after a few seconds: by an interval timer (SIGALRM) in the main
thread of Linux and macOS, elsewhere by an exception raised from outside in a worker thread. Both
act between two steps of Python code. A single call into C that never ends, such as
`sum(itertools.count())`, can be left behind in a worker thread but not stopped.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import ctypes
import html
import importlib
import importlib.util
import inspect
import io
import linecache
import math
import numbers
import random
import re
import reprlib
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter

from course_utils.drawing.style import BAD, FAINT, GOOD, INK, MUTED, PAPER, tint
from course_utils.lessons import LESSONS, Lesson

SECONDS = 3.0
"""How long a check may take altogether before the function counts as endless, in seconds."""

_LONGEST = 160  # characters of a value, an error or a line of code that a report shows
_MOST_PRINTED = 400  # characters of a student's own prints that are kept
_REPEAT = 0.02  # seconds between two attempts to stop a function that swallows the first
_LEAVE_BEHIND = 0.5  # seconds after which a worker thread that does not stop is left to itself


# ---------------------------------------------------------------------------------------------
# Values: compare and show


# Above the rounding of float32, which torch computes in unless told otherwise.
_TOLERANCE = 1e-5


def compare(expected, given):
    """Return `"same"`, `"different"` or `"wrong type"`.

    What is accepted depends on the type of `expected`:

    - int: any integer (NumPy and zero-dimensional tensors too) and a float without a fraction,
      compared exactly; a boolean is the wrong type;
    - float: any real number, within a relative 1e-5 (of 0: within 1e-5);
    - bool, str, None: the same type, compared exactly;
    - tuple or list: a tuple or a list, item by item;
    - NumPy array or torch tensor: either of the two, of the same shape, within 1e-5 of each value
      or of the largest one, whichever is more: sums that cancel round at their terms' size. NaN
      equals NaN.
    """
    if _is_array(expected):
        return _compare_arrays(expected, given)
    given = _plain_scalar(given)
    if isinstance(expected, bool | str | None):
        if type(given) is not type(expected):
            return "wrong type"
        return "same" if given == expected else "different"
    if isinstance(expected, tuple | list):
        if not isinstance(given, tuple | list):
            return "wrong type"
        return _compare_items(expected, given)
    if isinstance(given, bool) or not isinstance(given, numbers.Real):
        return "wrong type"
    if isinstance(expected, numbers.Integral):
        return "same" if given == expected else "different"
    near = math.isclose(given, expected, rel_tol=_TOLERANCE, abs_tol=0 if expected else _TOLERANCE)
    return "same" if near or (given != given and expected != expected) else "different"


def _compare_items(expected, given):
    if len(expected) != len(given):
        return "different"
    verdicts = {compare(e, g) for e, g in zip(expected, given, strict=True)}
    for verdict in ("wrong type", "different"):
        if verdict in verdicts:
            return verdict
    return "same"


def _compare_arrays(expected, given):
    import numpy as np

    if not _is_array(given):
        return "wrong type"
    expected, given = _as_numpy(expected), _as_numpy(given)
    if given.dtype.kind not in "biufc":
        return "wrong type"
    if given.shape != expected.shape:
        return "different"
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    atol = _TOLERANCE * (largest or 1)
    near = np.allclose(given, expected, rtol=_TOLERANCE, atol=atol, equal_nan=True)
    return "same" if near else "different"


def _is_array(value):
    """Whether `value` is a NumPy array or a torch tensor; loads neither library."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    return (numpy is not None and isinstance(value, numpy.ndarray)) or (
        torch is not None and isinstance(value, torch.Tensor)
    )


def _as_numpy(array):
    if not hasattr(array, "detach"):
        return array
    array = array.detach().cpu()
    if str(array.dtype) == "torch.bfloat16":  # NumPy has no such type; float32 holds it exactly
        array = array.float()
    return array.numpy()


def _as_tensor(value):
    """An array as a torch tensor, floats in torch's default dtype; anything else as it is."""
    if not _is_array(value):
        return value
    import torch

    tensor = torch.from_numpy(value.copy())
    return tensor.to(torch.get_default_dtype()) if tensor.is_floating_point() else tensor


def _plain_scalar(value):
    """A NumPy scalar or a zero-dimensional array or tensor as a plain Python number."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return value.item()
    if _is_array(value) and value.ndim == 0:
        return value.item()
    return value


def _is_float(value):
    return isinstance(_plain_scalar(value), float)


def _unchanged(before, after):
    """Whether an argument is still what it was: same types, same lengths, same numbers."""
    if type(before) is not type(after):
        return False
    if _is_array(before):
        before, after = _as_numpy(before), _as_numpy(after)
        return before.shape == after.shape and before.tobytes() == after.tobytes()
    if isinstance(before, tuple | list):
        pairs = zip(before, after, strict=False)
        return len(before) == len(after) and all(_unchanged(b, a) for b, a in pairs)
    return before == after or (before != before and after != after)  # NaN stays NaN


_reader = reprlib.Repr()
_reader.maxlist = _reader.maxtuple = _reader.maxdict = 12
_reader.maxstring = _reader.maxother = _reader.maxlong = _LONGEST


def short(value):
    """`repr(value)` on one line, without memory addresses, cut to a length that fits a report."""
    value = _plain_scalar(value)
    try:
        text = repr(_as_numpy(value)) if _is_array(value) else _reader.repr(value)
    except Exception as error:  # a student's own __repr__, or an integer too long to be written
        text = f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
    return _one_line(text)


def _one_line(text):
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(text.split()))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


# ---------------------------------------------------------------------------------------------
# Running a function that may never return


class _TimeUp(BaseException):
    """Raised inside the student's function. Not an Exception, so `except Exception` lets it by."""


def _run_for(seconds, work):
    """Run `work()` for at most `seconds`.

    Returns `"done"`, `"stopped"` (it was still running, and ended) or `"left behind"` (it was
    still running, and still is, in a thread that ends with the program).
    """
    return (_run_with_timer if _has_timer() else _run_in_thread)(seconds, work)


def _has_timer():
    """Signals reach the main thread only; a handler that C code installed cannot be put back."""
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is not None
    )


def _raise_at_next_line(frame, event, argument):
    """A trace function (see `sys.settrace`). Raising in it also switches it off."""
    if event == "line":
        raise _TimeUp
    return _raise_at_next_line


def _run_with_timer(seconds, work):
    armed, rings, result = True, 0, "done"

    def ring(signum, frame):
        nonlocal rings
        if not armed:
            return
        rings += 1
        if rings > 1:
            # The first one was swallowed, by a bare `except:` for instance. A trace function raises
            # once more at the next line, and that is the first line of the swallowing handler.
            sys.settrace(_raise_at_next_line)
            while frame is not None and frame.f_code is not work.__code__:
                frame.f_trace = _raise_at_next_line
                frame = frame.f_back
        raise _TimeUp

    started = time.monotonic()
    previous_delay, previous_interval = signal.setitimer(signal.ITIMER_REAL, 0)
    previous_handler = signal.signal(signal.SIGALRM, ring)
    previous_trace = sys.gettrace()
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT)
        work()
    except _TimeUp:
        result = "stopped"
    finally:
        armed = False  # first of all: a signal that is still on its way finds nothing to stop
        signal.setitimer(signal.ITIMER_REAL, 0)
        if rings > 1:
            sys.settrace(previous_trace)
        signal.signal(signal.SIGALRM, previous_handler)
        if previous_delay:
            left = max(previous_delay - (time.monotonic() - started), 1e-6)
            signal.setitimer(signal.ITIMER_REAL, left, previous_interval)
    return result


def _run_in_thread(seconds, work):
    ended, problems = threading.Event(), []

    def body():
        try:
            work()
        except _TimeUp:
            pass  # the thread that waits has written it down
        except BaseException as problem:  # handed to the waiting thread, which raises it
            problems.append(problem)
        finally:
            ended.set()

    worker = threading.Thread(target=body, daemon=True, name="exercise")
    worker.start()
    deadline = time.monotonic() + seconds
    try:
        # In short waits, because on Windows an interrupt is noticed only between two of them.
        while not ended.is_set() and (left := deadline - time.monotonic()) > 0:
            ended.wait(min(left, 0.1))
    except KeyboardInterrupt:
        _stop_thread(worker, ended)
        raise
    if not ended.is_set():
        return "stopped" if _stop_thread(worker, ended) else "left behind"
    if problems:
        raise problems[0]
    return "done"


def _stop_thread(worker, ended):
    """Raise _TimeUp in another thread, again and again; True when the thread has ended."""
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    deadline = time.monotonic() + _LEAVE_BEHIND
    while not ended.is_set() and time.monotonic() < deadline:
        raise_in(ctypes.c_ulong(worker.ident), ctypes.py_object(_TimeUp))
        ended.wait(_REPEAT)
    return ended.is_set()


class _Notepad(io.TextIOBase):
    """Takes the student's prints; keeps the beginning only, so that a loop cannot fill memory."""

    def __init__(self):
        self.text = ""

    def writable(self):
        return True

    def write(self, text):
        self.text += text[: max(0, _MOST_PRINTED - len(self.text))]
        return len(text)

    def take(self):
        text, self.text = self.text, ""
        return text.strip()


# ---------------------------------------------------------------------------------------------
# One exercise


@dataclass(frozen=True)
class WrongIdea:
    """A mistake that students are known to make.

    Attributes:
        name: a few words, as in `"forgot the padding"`.
        function: what somebody with this idea would write; same arguments as the solution. It may
            raise on inputs where the idea leads nowhere.
        hint: what the student reads. It teaches and does not give the answer away.
    """

    name: str
    function: Callable
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One coding exercise.

    Attributes:
        id: the number of the notebook, a dot, words joined by hyphens, as in `"01.count-edges"`.
        title: what is to be written, as a phrase.
        solution: the reference solution. `show_solution` prints its source; its results are what
            the student's are compared with; its parameters name the arguments.
        fixed: argument tuples, from the simplest on. The known wrong ideas differ on these.
        random_case: makes one more argument tuple from a `random.Random`. The seed is the id, so
            every check tries the same inputs.
        wrong_ideas: the known mistakes, each with its hint.
        random_count: how many random inputs are tried.
        may_change_arguments: whether a function may change a list or array that it was given.

    Raises:
        ValueError: when the id is malformed, there is no fixed input or two ideas share a name.
    """

    id: str
    title: str
    solution: Callable
    fixed: tuple[tuple, ...]
    random_case: Callable[[random.Random], tuple]
    wrong_ideas: Mapping[str, Callable] | tuple[WrongIdea, ...] = ()
    random_count: int = 30
    may_change_arguments: bool = False

    def __post_init__(self):
        if isinstance(self.wrong_ideas, dict):  # until every room has its ideas as {hint: function}
            ideas = tuple(WrongIdea(h, f, h) for h, f in self.wrong_ideas.items())
            object.__setattr__(self, "wrong_ideas", ideas)
        if not re.fullmatch(r"\d\d\.[a-z0-9]+(-[a-z0-9]+)*", self.id):
            raise ValueError(f"id must look like '01.count-edges', got {self.id!r}")
        if not self.fixed:
            raise ValueError("fixed must hold at least one argument tuple, got none")
        names = [idea.name for idea in self.wrong_ideas]
        if len(set(names)) < len(names):
            raise ValueError(f"wrong_ideas must have names that differ, got {names}")

    @property
    def name(self) -> str:
        """The name of the function to write."""
        return self.solution.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(inspect.signature(self.solution).parameters)

    def cases(self) -> list[tuple]:
        """All argument tuples, the fixed ones first. The same at every call."""
        rng = random.Random(self.id)
        return [*self.fixed, *(self.random_case(rng) for _ in range(self.random_count))]

    def call_text(self, arguments) -> str:
        """One call as text, as in `count_edges(n=5, kernel=3, stride=1, padding=1)`."""
        pairs = zip(self.parameters, arguments, strict=True)
        return f"{self.name}({', '.join(f'{name}={short(value)}' for name, value in pairs)})"

    def check(
        self, student_function, *, seconds: float = SECONDS, _tensors: bool = False
    ) -> Report:
        """Try `student_function` on every case and return the Report.

        Args:
            student_function: called with the arguments by position. Arrays are NumPy's; a function
                that stops with an error on them gets torch tensors, floats in the default dtype.
            seconds: time for all cases together; after that the function counts as endless.

        Raises:
            ValueError: if `seconds` is not a positive finite number. Nothing that the student's
                function does is raised; it is reported.
        """
        real = isinstance(seconds, numbers.Real) and not isinstance(seconds, bool)
        if not real or not 0 < seconds < math.inf:
            raise ValueError(f"seconds must be a finite number > 0, got {seconds!r}")
        refusal = _cannot_be_called(self, student_function)
        if refusal:
            return Report(self.id, self.name, "wrong signature", refusal)
        cases = [_Case.prepare(self, arguments, _tensors) for arguments in self.cases()]
        outcomes, notepad, end = [], _Notepad(), "interrupted"

        def work():
            for case in cases:
                outcomes.append(_try(self, student_function, case, notepad))

        with contextlib.redirect_stdout(notepad), contextlib.suppress(KeyboardInterrupt):
            end = _run_for(seconds, work)
        report = _judge(self, cases, list(outcomes), end, seconds)
        if report.state == "raised" and not _tensors and any(map(_is_array, cases[0].arguments)):
            # Written for tensors, as lessons are that compute with torch: try it with tensors.
            again = self.check(student_function, seconds=seconds, _tensors=True)
            return again if again.state != "raised" else report
        return report


@dataclass(frozen=True)
class _Case:
    """One input with its right result, and what each wrong idea makes of it (None: it raises)."""

    arguments: tuple
    expected: object
    ideas: tuple[tuple[object] | None, ...]

    @classmethod
    def prepare(cls, exercise, arguments, tensors=False):
        ideas = []
        for idea in exercise.wrong_ideas:
            try:
                ideas.append((idea.function(*copy.deepcopy(arguments)),))
            except Exception:  # an idea may lead nowhere on some input (see WrongIdea)
                ideas.append(None)
        expected = exercise.solution(*copy.deepcopy(arguments))
        if tensors:
            arguments = tuple(map(_as_tensor, arguments))
        return cls(arguments, expected, tuple(ideas))


@dataclass(frozen=True)
class _Outcome:
    """What the student's function did with one case, already turned into text."""

    verdict: str  # "same", "different", "wrong type", "nothing" or "raised"
    given: str = ""
    given_type: str = ""
    error: str = ""
    place: str = ""
    printed: str = ""
    changed: str = ""  # name of the argument that was changed in place
    is_float: bool = False
    ideas: frozenset[int] = frozenset()  # numbers of the wrong ideas that give the same result


def _try(exercise, function, case, notepad):
    arguments = copy.deepcopy(case.arguments)
    try:
        given = function(*arguments)
    except (_TimeUp, KeyboardInterrupt):
        raise
    except NotImplementedError as error:
        return _raised("nothing", error, function, notepad)
    except BaseException as error:  # SystemExit as well: it must not end the notebook
        return _raised("raised", error, function, notepad)
    printed = notepad.take()
    if given is None or given is Ellipsis or given is NotImplemented:
        return _Outcome("nothing", given=short(given), printed=printed)
    pairs = zip(exercise.parameters, case.arguments, arguments, strict=True)
    changed = [name for name, before, after in pairs if not _unchanged(before, after)]
    same_ideas = (
        number
        for number, result in enumerate(case.ideas)
        if result is not None and compare(result[0], given) == "same"
    )
    return _Outcome(
        compare(case.expected, given),
        given=_result_text(given),
        given_type=type(given).__name__,
        printed=printed,
        changed=changed[0] if changed else "",
        is_float=_is_float(given),
        ideas=frozenset(same_ideas),
    )


def _raised(verdict, error, function, notepad):
    place = _place(error, function)
    return _Outcome(verdict, error=_describe(error), place=place, printed=notepad.take())


def _result_text(value):
    """A result as the report shows it: an array in rows, with its shape; all else on one line."""
    if not _is_array(value) or not value.ndim:
        return short(value)
    import numpy as np

    rows = np.array2string(_as_numpy(value), threshold=200, edgeitems=4, max_line_width=76)
    return f"shape {tuple(value.shape)}\n{rows}"


def _describe(error):
    """An error on one line, as in `ZeroDivisionError: division by zero`."""
    try:
        text = str(error)
    except Exception:  # an exception class of the student's may break while it is written
        text = "(its text cannot be shown)"
    return _one_line(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _place(error, function):
    """`line 3: return n / 0`: where the student's own code stood when the error arose."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    steps = [
        (frame, number)
        for frame, number in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename != __file__
    ]
    own = [s for s in steps if code and s[0].f_code.co_filename == code.co_filename] or steps
    if not own:
        return ""
    frame, number = own[-1]
    source = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
    return f"line {number}: {_one_line(source)}" if source else f"line {number}"


def _cannot_be_called(exercise, function):
    """Why a function cannot be called with the arguments of an exercise; None when it can."""
    call = f"{exercise.name}({', '.join(exercise.parameters)})"
    if not callable(function):
        return (
            f"The check needs the function itself, and was given {short(function)}. Hand over the "
            f"name without brackets behind it: check_{exercise.name}({exercise.name})."
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none: let the call tell
        return None
    try:
        signature.bind(*exercise.parameters)
    except TypeError as error:
        return (
            f"The check calls {call}. Your function cannot be called so: {_one_line(str(error))}."
        )
    given = [name for name in signature.parameters if name in exercise.parameters]
    if set(given) == set(exercise.parameters) and tuple(given) != exercise.parameters:
        return (
            f"The check calls {call}, by position. Your function takes the same parameters in "
            f"another order: {', '.join(given)}."
        )
    return None


# ---------------------------------------------------------------------------------------------
# From outcomes to a report


def _judge(exercise, cases, outcomes, end, seconds):
    def report(state, message, number=None, **more):
        if number is not None:
            more["call"] = exercise.call_text(cases[number].arguments)
        return Report(exercise.id, exercise.name, state, message, **more)

    if end == "interrupted":
        return report("interrupted", "You stopped the check.", min(len(outcomes), len(cases) - 1))
    if end != "done" and len(outcomes) < len(cases):
        return report("endless", _endless_text(seconds, end), len(outcomes))
    if all(outcome.verdict == "nothing" for outcome in outcomes):
        return _nothing_report(report, outcomes)
    wrong = [number for number, outcome in enumerate(outcomes) if outcome.verdict != "same"]
    if wrong:
        return _wrong_report(exercise, cases, outcomes, wrong[0], report)
    changed = [number for number, outcome in enumerate(outcomes) if outcome.changed]
    if changed and not exercise.may_change_arguments:
        name = outcomes[changed[0]].changed
        message = (
            f"Every result is right, but your function changes the argument `{name}` that it was "
            "given. Whoever calls it would lose the original. Work on a copy, or only read it."
        )
        return report("changed its input", message, changed[0])
    message = f"All {len(cases)} inputs are right: {len(exercise.fixed)} fixed and "
    message += f"{exercise.random_count} random."
    if any(o.is_float for o in outcomes) and _counts(cases[0].expected):
        message += f" Your function returns a float, as in {outcomes[0].given}. That is accepted; "
        message += "a count is better an int, which // gives where / does not."
    return report("passed", message)


def _counts(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _endless_text(seconds, end):
    text = (
        f"Stopped after {seconds:g} s: your function was still at work on this input. "
        "Is there a loop whose condition never becomes false, or a very long wait?"
    )
    if end == "left behind":
        text += " It could not be ended and goes on in the background; restarting the kernel does."
    return text


def _nothing_report(report, outcomes):
    printed = outcomes[0].printed
    if outcomes[0].error or not printed:
        return report("not attempted", "Write the function, then run this cell again.")
    hint = "Printing shows a value to you. `return` hands it to whoever called the function."
    message = "Your function prints, but returns nothing."
    return report("failed", message, 0, given=outcomes[0].given, printed=printed, hint=hint)


def _wrong_report(exercise, cases, outcomes, number, report):
    outcome, expected = outcomes[number], cases[number].expected
    shown = {"expected": _result_text(expected), "given": outcome.given, "printed": outcome.printed}
    if outcome.verdict == "raised" or outcome.error:
        shown = {"error": outcome.error, "place": outcome.place, "printed": outcome.printed}
        return report("raised", _raised_text(outcome.error), number, **shown)
    if outcome.verdict == "nothing":
        hint = "On this input the function reaches its end, or an early exit, without a result."
        return report("failed", "Nothing was returned.", number, hint=hint, **shown)
    if outcome.verdict == "wrong type":
        message = f"Your function returns {_article(outcome.given_type)}, and the result should be "
        message += f"{_article(type(expected).__name__)}."
        return report("wrong type", message, number, **shown)
    right = sum(o.verdict == "same" for o in outcomes)
    message = f"{right} of {len(outcomes)} inputs are right. The first that is not:"
    idea = recognise(exercise, [o.ideas for o in outcomes])
    if idea:
        return report("failed", message, number, hint=idea.hint, idea=idea.name, **shown)
    return report("failed", message, number, **shown)


def recognise(exercise, matches):
    """The wrong idea that gives the student's result on *every* input, or None.

    Every input, those included where the idea happens to be right: one input proves little (5
    inputs and kernel 3 give 15 to two different ideas), all of them together prove the habit.

    Args:
        exercise: its `wrong_ideas` are numbered from 0.
        matches: for each input, the numbers of the ideas whose result equals the student's.
    """
    common = frozenset.intersection(*matches) if matches else frozenset()
    return exercise.wrong_ideas[min(common)] if common else None


def _raised_text(error):
    if error.startswith("SystemExit"):
        return "Your function tries to end the whole program. `return` ends just the function."
    return "Your function stops with an error on this input."


def _article(name):
    names = {"NoneType": "None", "ndarray": "a NumPy array", "Tensor": "a torch tensor"}
    if name in names:
        return names[name]
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


_HEADLINES = {  # state -> (symbol, words, colour of the bar)
    "not attempted": ("○", "not attempted yet", MUTED),
    "passed": ("✓", "passed", GOOD),
    "failed": ("✗", "not right yet", BAD),
    "wrong type": ("✗", "wrong type of result", BAD),
    "changed its input": ("✗", "changes its input", BAD),
    "raised": ("✗", "stops with an error", BAD),
    "endless": ("✗", "did not come to an end", BAD),
    "wrong signature": ("✗", "cannot be called", BAD),
    "interrupted": ("○", "interrupted", MUTED),
}


@dataclass(frozen=True, repr=False)
class Report:
    """What a check found. As the last expression of a cell it is shown as a card.

    Attributes:
        exercise: id of the exercise.
        name: name of the function.
        state: `"not attempted"`, `"passed"`, `"failed"`, `"wrong type"`, `"changed its input"`,
            `"raised"`, `"endless"`, `"wrong signature"` or `"interrupted"`.
        message: what happened, in a sentence or two.
        call: the input it is about, as a call.
        expected, given: the right result and the student's, as text.
        error, place: the last line of the traceback, and the student's own line.
        printed: what the function printed on that input.
        idea, hint: the known wrong idea that was recognised, and the advice.

    Fields that do not apply are empty. `repr` is the same text on every machine and at every run.
    """

    exercise: str
    name: str
    state: str
    message: str
    call: str = ""
    expected: str = ""
    given: str = ""
    error: str = ""
    place: str = ""
    printed: str = ""
    idea: str = ""
    hint: str = ""

    def _rows(self):
        rows = {
            "Input": self.call,
            "Expected": self.expected,
            "Given": self.given,
            "Error": self.error,
            "Your code": self.place,
            "Printed": self.printed,
        }
        return {label: text for label, text in rows.items() if text}

    def __repr__(self):
        symbol, words, _ = _HEADLINES[self.state]
        lines = [f"{symbol} {self.name}: {words}", self.message]
        for label, text in self._rows().items():
            lines.append(f"  {label}: {text}".replace("\n", "\n    "))
        if self.hint:
            lines.append(f"Hint: {self.hint}")
        return "\n".join(lines)

    def _repr_html_(self):
        symbol, words, colour = _HEADLINES[self.state]
        rows = "".join(_html_row(label, text) for label, text in self._rows().items())
        table = f'<table style="{_TABLE}">{rows}</table>' if rows else ""
        hint = (
            f'<p class="cnn-check-hint" style="margin:.6em 0 0"><strong>Hint.</strong> '
            f"{_html_prose(self.hint)}</p>"
            if self.hint
            else ""
        )
        return (
            f'<div class="cnn-check" data-state="{self.state.replace(" ", "-")}" role="status" '
            f'style="{_CARD};border-left-color:{colour};background:{tint(colour, 0.07)}">'
            f'<p class="cnn-check-head" style="margin:0"><span aria-hidden="true">{symbol}</span> '
            f"<strong><code>{html.escape(self.name)}</code>: {words}</strong></p>"
            f'<p style="margin:.3em 0 0">{_html_prose(self.message)}</p>{table}{hint}</div>'
        )


_CARD = (
    f"max-width:44em;margin:.5em 0;padding:.7em 1em;border:1px solid {FAINT};"
    f"border-left-width:.35em;border-radius:.35em;color:{INK};font-size:1em;line-height:1.45"
)
_TABLE = "border-collapse:collapse;margin:.5em 0 0;font-size:1em;background:none"
_LABEL = f"padding:.1em .9em .1em 0;text-align:left;vertical-align:top;color:{MUTED}"
_VALUE = "padding:.1em 0;text-align:left;vertical-align:top;overflow-wrap:anywhere"
_CODE = f"color:{INK};background:none;font-size:.95em;white-space:pre-wrap"


def _html_row(label, text):
    return (
        f'<tr style="background:none"><th scope="row" style="{_LABEL};font-weight:normal">'
        f'{label}</th><td style="{_VALUE}">'
        f'<code style="{_CODE}">{html.escape(text)}</code></td></tr>'
    )


def _html_prose(text):
    """Escaped text in which `code` is set as code."""
    return re.sub(r"`([^`]*)`", rf'<code style="{_CODE}">\1</code>', html.escape(text))


# ---------------------------------------------------------------------------------------------
# Solutions


@dataclass(frozen=True, repr=False)
class Solution:
    """The source of a reference solution, shown folded.

    Attributes:
        exercise: id of the exercise.
        source: the function, from the file that the checks run, below the imports it needs.
    """

    exercise: str
    source: str

    def __repr__(self):
        return f"solution of {self.exercise}, folded: open it on the page"

    def _repr_html_(self):
        return (
            f'<details class="cnn-check cnn-check-solution" style="{_CARD};max-width:66em;'
            f'border-left-color:{MUTED};background:{PAPER}">'
            f'<summary style="cursor:pointer">Solution of {html.escape(self.exercise)} '
            "(try it yourself first)</summary>"
            f'<pre tabindex="0" style="margin:.6em 0 0;overflow-x:auto;color:{INK};background:none;'
            f'white-space:pre;font-size:.95em">{coloured(self.source)}</pre></details>'
        )


def coloured(source: str) -> str:
    """Return Python code as HTML in the colours of JupyterLab's own code cells.

    Four kinds of token, no more: what a release of Pygments calls them finely does not matter.
    """
    from pygments import lex, token
    from pygments.lexers import PythonLexer

    looks = {
        token.Keyword: "color:#008000;font-weight:700",
        token.Operator.Word: "color:#008000;font-weight:700",
        token.String: "color:#BA2121",
        token.Comment: "color:#3D7B7B;font-style:italic",
        token.Number: "color:#006B4E",
    }

    def look(kind) -> str:
        return next((style for parent, style in looks.items() if kind in parent), "")

    tokens = ((look(kind), text) for kind, text in lex(source, PythonLexer(ensurenl=False)))
    page = ""
    for style, run in groupby(tokens, itemgetter(0)):
        text = html.escape("".join(text for _, text in run))
        page += f'<span style="{style}">{text}</span>' if style else text
    return page


# A solution runs as it is shown, pasted into any cell: with what it needs.
_IMPORTS = {"math": "import math", "np": "import numpy as np"}


def find(name: str) -> Exercise:
    """Return the exercise of that id, `"01.count-edges"`, or of that function, `"count_edges"`.

    Raises:
        ValueError: if there is no such exercise. The message lists those there are.
    """
    number = name[:2] if re.match(r"\d\d\.", str(name)) else None
    lessons = [lesson for lesson in LESSONS if number in (None, lesson.number)]
    for exercise in chain.from_iterable(map(exercises_of, lessons)):
        if name in (exercise.id, exercise.name):
            return exercise
    known = ", ".join(repr(e.id) for lesson in LESSONS for e in exercises_of(lesson))
    raise ValueError(f"exercise must be one of {known}, got {name!r}")


def exercises_of(lesson: Lesson) -> list[Exercise]:
    """Return the exercises of one lesson, in the order of its file; none where it has no file."""
    name = f"course_utils.lessons.{lesson.slug[3:]}.exercises"
    if not importlib.util.find_spec(name):
        return []
    found = vars(importlib.import_module(name)).values()
    return [value for value in found if isinstance(value, Exercise)]


def check(student_function, exercise_id: str | None = None, *, seconds: float = SECONDS) -> Report:
    """Check a student's function; the Report, as the last expression of a cell, is its card.

    Args:
        student_function: the function. Arrays are handed over as NumPy's; a function that stops
            with an error on them gets torch tensors, floats in the default dtype.
        exercise_id: as in `"01.count-edges"`; if not given, the exercise is the one that asks for
            a function of this name.
        seconds: time for all inputs together; after that the function counts as endless.

    Raises:
        ValueError: if there is no such exercise, or `seconds` is not a positive finite number.
            Nothing that the student's function does is raised; it is reported.
    """
    name = exercise_id or getattr(student_function, "__name__", None)
    if name is None:
        raise ValueError(
            "check needs the function itself, its name without brackets behind it, as in "
            f"check(count_edges), got {short(student_function)}"
        )
    return find(name).check(student_function, seconds=seconds)


def show_solution(exercise_id: str) -> Solution:
    """Return the source of a reference solution, to be the last expression of a cell.

    Args:
        exercise_id: as in `"01.count-edges"`.

    Raises:
        ValueError: if there is no such exercise. The message lists those there are.
    """
    solution = find(exercise_id).solution
    source = inspect.getsource(solution).rstrip()
    used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    imports = [line for name, line in _IMPORTS.items() if name in used]
    return Solution(exercise_id, "\n\n\n".join(["\n".join(imports), source]).lstrip())
