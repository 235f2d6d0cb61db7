"""The exercises: what a check reports, endless functions, and what holds for each of the course."""

import html
import itertools
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.exercises import Exercise, check, exercises_of, find, show_solution
from course_utils.exercises.comparing import compare, short
from course_utils.exercises.report import _HEADLINES
from course_utils.lessons import LESSONS

QUICK = 0.15  # seconds; enough for the honest functions below, which need microseconds


def double(n):
    return 2 * n


def total(values):
    return sum(values)


def three(a, b, c):
    return a + b * c


TWO_MORE, LEFT = "Twice, not two more.", "Nothing happened to `n`."
DOUBLE = Exercise(
    id="99.double",
    solution=double,
    fixed=((2,), (5,), (0,)),
    random_case=lambda rng: (rng.randint(1, 100),),
    wrong_ideas={TWO_MORE: lambda n: n + 2, LEFT: lambda n: n},
    random_count=20,
)
LISTS = (([1, 2],), ([3],))
TOTAL = Exercise("99.total", total, LISTS, lambda rng: ([rng.random()] * 4,))
THREE = Exercise("99.three", three, ((1, 2, 3),), lambda rng: (1, 1, 1))


# ---------------------------------------------------------------- functions students may write


def _fail(error):
    raise error


def _careless(n):
    half = n // 2
    return half / (n - n)


def _again(n):
    return _again(n + 1)


class _Odd(Exception):
    def __str__(self):
        raise RuntimeError


def _drains(values):
    result = 0
    while values:
        result += values.pop()
    return result


def _busy(*arguments):
    while True:
        pass


def _swallows_everything(n):
    while True:
        try:
            n += abs(n)
            n = n % 7
        except:  # noqa: E722
            pass


def _sleeps_and_swallows_everything(n):
    end = time.monotonic() + 10  # in a worker thread nothing else would end it
    while time.monotonic() < end:
        try:  # noqa: SIM105
            time.sleep(0.05)
        except BaseException:
            pass


def _sleeps(n):
    time.sleep(10)


def _prints_for_ever(n):
    while True:
        print(n)


# ------------------------------------------------------------------------------------ reports

NOT_HERE = {"message": "The check calls double(n)"}
REPORTS = [  # function, state, what the fields of the report hold
    (double, "passed", {"message": "All 23 inputs are right: 3 fixed and 20 random."}),
    (lambda n: ..., "not attempted", {"message": "Write the function"}),
    (lambda n: None, "not attempted", {"hint": ""}),
    (lambda n: print("todo") or _fail(NotImplementedError("todo")), "not attempted", {}),
    (lambda n: print(2 * n), "failed", {"Printed": "4", "hint": "`return` hands it"}),
    (lambda n: 2 * n if n < 5 else None, "failed", {"message": "Nothing was returned."}),
    (lambda n: 2 * n if n != 5 else 11, "failed", {"Expected": "10", "Given": "11", "hint": ""}),
    (lambda n: 2 * n + 0.5, "failed", {"Given": "4.5", "Input": "double(n=2)"}),
    (lambda n: n + 2, "failed", {"hint": TWO_MORE, "Input": "double(n=5)"}),  # 2 + 2 is right
    (abs, "failed", {"hint": LEFT}),  # no case is below 0
    (lambda n: n + 2 if n < 6 else 3 * n, "failed", {"hint": ""}),
    (lambda *all: 2 * all[0], "passed", {}),
    (lambda n, times=2: times * n, "passed", {}),
    (lambda n: float(2 * n), "passed", {"message": "returns a float, as in 4.0"}),
    (lambda n: np.float32(2 * n), "passed", {"message": "returns a float"}),
    (lambda n: torch.tensor(2 * n), "passed", {}),
    (_careless, "raised", {"message": "with an error", "Error": "ZeroDivisionError: division"}),
    (
        lambda n: np.linalg.inv(np.zeros((n, n))),
        "raised",
        {"Your code": "lambda n: np.linalg.inv("},
    ),
    (_again, "raised", {"Error": "RecursionError", "Your code": "return _again(n + 1)"}),
    (lambda n: _fail(_Odd()), "raised", {"Error": "_Odd: (its text cannot be shown)"}),
    (lambda n: _fail(ValueError(object())), "raised", {"Error": "ValueError: <object object>"}),
    (lambda n: sys.exit(3), "raised", {"message": "`return` ends just the function"}),
    (lambda n: _fail(KeyboardInterrupt()), "interrupted", {"Input": "double(n=2)"}),
    (lambda n: [4], "wrong type", {"message": "a list, and the result should be an int"}),
    (str, "wrong type", {"message": "a str", "Given": "'2'"}),  # it has no signature
    (lambda n: np.array([4, 4]), "wrong type", {"message": "a NumPy array"}),
    (lambda n: torch.ones(2), "wrong type", {"message": "a torch tensor"}),
    (lambda: 4, "wrong signature", NOT_HERE),
    (lambda n, m: 4, "wrong signature", NOT_HERE),
    (4, "wrong signature", {"message": "check(double)"}),
]


@pytest.mark.parametrize(("function", "state", "fields"), REPORTS)
def test_reports(function, state, fields):
    report = DOUBLE.check(function)
    assert report.state == state and report == DOUBLE.check(function)
    for name, text in fields.items():
        said = (vars(report) | report.rows)[name]
        assert (text in said) if text else said == ""
    assert "Traceback" not in repr(report) and "0x" not in repr(report)
    assert_readable(report)


def assert_readable(report):
    symbol, words, _ = _HEADLINES[report.state]
    assert repr(report).startswith(f"{symbol} {report.name}: {words}\n")
    page = html.unescape(re.sub("<[^>]+>", "", report._repr_html_()))
    shown = (words, *report.rows, *report.rows.values(), report.hint.replace("`", ""))
    assert symbol in page and all(text in page for text in shown)
    assert 'role="status"' in report._repr_html_()


def test_how_many_are_right_and_where_the_error_arose():
    right = sum(case != (5,) for case in DOUBLE.cases())
    report = DOUBLE.check(lambda n: 2 * n if n != 5 else 11)
    assert report.message.startswith(f"{right} of 23 inputs are right")
    line = _careless.__code__.co_firstlineno + 2
    assert DOUBLE.check(_careless).rows["Your code"] == f"line {line}: return half / (n - n)"
    assert "another order: c, a, b" in THREE.check(lambda c, a, b: a).message


def test_changing_an_argument_is_reported():
    report = TOTAL.check(_drains)
    assert report.state == "changed its input" and "`values`" in report.message
    assert_readable(report)
    assert report.rows == {"Input": "total(values=[1, 2])"} and TOTAL.fixed == (([1, 2],), ([3],))


@pytest.mark.parametrize("make", [np.array, torch.tensor], ids=["numpy", "torch"])
def test_arrays_and_tensors(make):
    def in_place(x):
        x /= 2
        return x

    fixed = ((make([2.0, 4.0]),), (make([float("nan")]),))
    random = lambda rng: (make([rng.random()]),)  # noqa: E731
    exercise = Exercise("99.half", lambda x: x / 2, fixed, random)
    assert exercise.check(lambda x: np.asarray(x) * 0.5 + 1e-9).state == "passed"
    wrong = exercise.check(lambda x: x * 0.5001)
    assert (wrong.state, wrong.rows["Expected"].split("\n")[0]) == ("failed", "shape (2,)")
    assert exercise.check(lambda x: [1.0, 2.0]).state == "wrong type"
    assert "shape (1, 2)\n" in exercise.check(lambda x: (x * 0.5)[None]).rows["Given"]
    assert exercise.check(in_place).state == "changed its input"


def test_an_idea_that_raises_never_matches_where_it_does():
    ideas = {"No.": lambda n: 1 // n}
    exercise = replace(DOUBLE, fixed=((0,), (1,), (2,)), wrong_ideas=ideas)
    assert exercise.check(lambda n: 0 if n == 0 else 1 // n).hint == ""


@given(st.integers(-3, 3), st.integers(-3, 3))
@settings(max_examples=49, deadline=None)
def test_only_the_right_line_passes(slope, offset):
    report = DOUBLE.check(lambda n: slope * n + offset)
    assert (report.state == "passed") == ((slope, offset) == (2, 0))
    assert report.hint == {(1, 2): TWO_MORE, (1, 0): LEFT}.get((slope, offset), "")


def test_prints_do_not_reach_the_page_and_those_of_the_failing_input_are_cut(capsys):
    report = DOUBLE.check(lambda n: print("n is", n, "x" * 10_000 * (n == 5)) or 2 * n - (n == 5))
    assert report.rows["Printed"].startswith("n is 5 xxx") and len(report.rows["Printed"]) <= 400
    assert capsys.readouterr().out == ""
    print("still here")
    assert capsys.readouterr().out == "still here\n"


# ------------------------------------------------------------------------------------ endless

LEFT_BEHIND = (_sleeps, _sleeps_and_swallows_everything)


@pytest.mark.parametrize("function", [_busy, _swallows_everything, _prints_for_ever, *LEFT_BEHIND])
def test_an_endless_function_is_stopped(function):
    report = DOUBLE.check(function, seconds=QUICK)
    assert (report.state, report.rows) == ("endless", {"Input": "double(n=2)"})
    assert report.message.startswith("Stopped after 0.15 s")
    assert ("goes on in the background" in report.message) == (function in LEFT_BEHIND)
    assert_readable(report)


def test_a_thread_stopped_on_a_later_input_is_gone():
    before = set(threading.enumerate())
    report = DOUBLE.check(lambda n: _busy() if n == 5 else 2 * n, seconds=QUICK)
    assert (report.state, report.rows) == ("endless", {"Input": "double(n=5)"})
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert set(threading.enumerate()) <= before


def test_a_real_interrupt_from_the_keyboard():
    interrupt = threading.Timer(0.1, lambda: signal.raise_signal(signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupt.start()
        report = DOUBLE.check(_busy, seconds=10)
    finally:
        signal.signal(signal.SIGINT, before)
        interrupt.join()
    assert report.state == "interrupted"


@pytest.mark.parametrize("seconds", [0, float("nan"), float("inf"), "3", True])
def test_seconds_must_be_positive(seconds):
    with pytest.raises(ValueError, match=r"seconds must be a number from 0.001 to 3600, got"):
        DOUBLE.check(double, seconds=seconds)


def test_in_the_kernel_of_a_notebook():
    """In a real kernel: the timer works there, and lines are counted from the top of the cell."""
    import nbclient
    import nbformat

    cells = [
        """
        from course_utils.exercises import check
        def count_edges(n, kernel, stride, padding):
            while True:
                n += 1
        check(count_edges, seconds=0.2)
        """,
        """
        def count_edges(n, kernel, stride, padding):
            windows = 0
            return n / windows
        check(count_edges)
        """,
    ]
    code = [nbformat.v4.new_code_cell(textwrap.dedent(cell).strip()) for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=code)
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    texts = [cell.outputs[-1].data for cell in notebook.cells]
    assert "did not come to an end" in texts[0]["text/plain"]
    assert "line 3: return n / windows" in texts[1]["text/plain"]
    assert all('class="cnn-check"' in data["text/html"] for data in texts)


# --------------------------------------------------------------------------- values and pages


def test_a_list_of_rows_may_be_an_array_and_is_written_in_rows():
    rows = Exercise(
        "99.rows", lambda n: [[n, 0], [0, n]], ((1,), (2,)), lambda rng: (rng.random(),)
    )
    for right in (lambda n: n * np.eye(2), lambda n: n * torch.eye(2), lambda n: ((n, 0), (0, n))):
        assert rows.check(right).state == "passed"
    wrong = rows.check(lambda n: [[np.float64(2 * n), 0], [0, 0]])
    assert (wrong.rows["Expected"], wrong.rows["Given"]) == (
        "[[1, 0],\n [0, 1]]",
        "[[2.0, 0],\n [0, 0]]",
    )
    assert_readable(wrong)
    one_type, another = (
        (lambda n: n, "an int, and the result should be a list"),
        "a list, as it may",
    )
    for function, said in (
        one_type,
        (lambda n: [n, n], another),
        (lambda n: LETTERS, "NumPy array, as"),
    ):
        report = rows.check(function)
        assert report.state == "wrong type" and said in report.message


@pytest.mark.parametrize("numpy_is_there", [True, False])
def test_arrays_are_lists_where_there_is_no_numpy_and_the_report_says_so(
    numpy_is_there, monkeypatch
):
    if not numpy_is_there:
        monkeypatch.setitem(sys.modules, "numpy", None)  # as the import system says "not found"
    halves = Exercise(
        *("99.halves", lambda x, rows: [v / 2 for v in x], (([1, 2], [[3], [4]]),)),
        *(lambda rng: ([rng.random()], [[5]]), {}, 5, ("x", "rows")),
    )
    assert halves.check(halves.solution).state == "passed"
    assert halves.check(lambda x, rows: x).state == "failed"
    said = "There is no NumPy here: `x` is a list and `rows` is a list of rows."
    of_arrays = halves.check(lambda x, rows: x / 2)
    assert of_arrays.state == ("passed" if numpy_is_there else "raised")
    for report in (of_arrays, halves.check(lambda x, rows: ...), halves.check(lambda *x: 1 // 0)):
        assert (said in report.message) != numpy_is_there
    assert said not in DOUBLE.check(lambda n: 1 // 0).message


NAN, LARGE, EYE, LETTERS = float("nan"), 2**60, torch.eye(2), np.array([["a", "b"], ["c", "d"]])
COMPARED = {  # verdict: pairs of what is expected and what is given
    "same": [
        *((13, 13.0), (LARGE, float(LARGE)), (0.1, 0.1 + 1e-9), (0.5, np.float32(0.5))),
        *((1e-9, np.float32(1e-9)), (0.0, 1e-6), (NAN, NAN), ((1, 2), [1, 2]), (True, True)),
        *(("a", "a"), (np.eye(2), EYE), (EYE, np.eye(2, dtype=bool)), (np.zeros(0), np.zeros(0))),
        (EYE, torch.eye(2, dtype=torch.bfloat16, requires_grad=True)),
        *(([[1, 0], [0, 1]], one) for one in (np.eye(2), EYE, [np.array([1, 0]), np.arange(2)])),
        *(((1.0, NAN), np.array([1.0, NAN])), ([1, 0.1], [np.int8(1), torch.tensor(0.1)])),
        (np.array([1e3, 1e-4]), np.array([1e3, 0.0])),  # float32 rounds at 1e3's size
    ],
    "different": [
        *((13, 13.0000001), (LARGE + 1, float(LARGE)), (13, float("inf")), (0.1, 0.11)),
        *((1e-9, 1.001e-9), (1e-9, 0.0)),  # a small product is compared by its own size
        (np.array([1e-9, 1e-12]), np.array([1e-9, 1e-11])),
        *(([[1, 0], [0, 1]], np.eye(3)), ([1, 2], np.array([1.5, 2]))),
        *(((1, 2), (1, 2, 3)), ([(1, 2), (3, 4)], [[1, 2], [3, 5]]), (np.eye(2), np.eye(3))),
    ],
    "wrong type": [
        *((13, None), ((1, 2), (1, "2")), ((1, 2), 1), (True, 1), (1, True), (None, 0), (1, 1j)),
        *((np.eye(2), LETTERS), ([["a"]], np.eye(1)), ([1, 1], np.eye(2)), ([1], np.array(1))),
        *(([1, 0], np.array([True, False])), (np.eye(2), [[1, 0], [0, 1]])),
    ],
}
PAIRS = [(verdict, *pair) for verdict, pairs in COMPARED.items() for pair in pairs]


@pytest.mark.parametrize(("verdict", "expected", "given"), PAIRS)
def test_compare(verdict, expected, given):
    assert compare(expected, given) == verdict


@given(st.recursive(st.integers() | st.booleans() | st.text(), st.lists, max_leaves=8))
@settings(max_examples=60, deadline=None)
def test_a_value_equals_itself_and_is_shown_on_one_short_line(value):
    assert compare(value, value) == "same"
    assert len(short(value)) <= 160 and "\n" not in short(value)


def test_values_that_are_hard_to_show():
    class Odd:
        def __repr__(self):
            raise RuntimeError

    assert "cannot be shown" in short(10**5000)
    assert "Odd" in short(Odd())
    assert len(short(list(range(10**6)))) < 160
    assert (short(object()), short(torch.tensor(3))) == ("<object object>", "3")


def test_what_a_student_returns_prints_or_raises_is_escaped():
    returned = DOUBLE.check(lambda n: print("<b>x</b>") or "<script>1</script>")
    raised = DOUBLE.check(lambda n: _fail(ValueError("<img src=x>")))
    pages = "".join(one._repr_html_() for one in (returned, raised, DOUBLE.check("<i>")))
    assert not re.search("<(script|b|img|i)[ >]", pages)
    assert all(text in pages for text in ("&lt;script&gt;", "&lt;b&gt;x", "&lt;img", "&lt;i&gt;"))


# ------------------------------------------------------------------ the exercises of the course

EXERCISES = [exercise for lesson in LESSONS for exercise in exercises_of(lesson)]
IDEAS = [(exercise, hint) for exercise in EXERCISES for hint in exercise.wrong_ideas]
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.id)
# Pieces of the solutions: a hint that holds one gives the answer away.
GIVEN_AWAY = (
    *("// stride", "2 * padding", "i * stride", "stride - padding", "row - dy", "2 * out"),
    *("any(", "sum(", "len(", ".max()", "axis=", "+= 1", "*=", "** 2"),
)
GIVEN_AWAY_IN = {"01": ("jump",), "03": ("prod", "k - 1"), "06": ("sqrt",), "11": ("+ x",)}


def test_every_lesson_has_exercises_of_its_number_and_names_find_them():
    assert [lesson.number for lesson in LESSONS if not exercises_of(lesson)] == ["00"]
    for lesson in LESSONS:
        assert all(e.id.startswith(f"{lesson.number}.") for e in exercises_of(lesson))
    assert len({exercise.id for exercise in EXERCISES}) == len(EXERCISES) >= 31
    assert len({exercise.name for exercise in EXERCISES}) == len(EXERCISES)
    assert len(IDEAS) >= 304
    assert find("count_edges") is find("01.count-edges")


@every_exercise
def test_the_solution_passes_also_pasted_into_an_empty_notebook(exercise):
    pasted = {}
    exec(show_solution(exercise.id).source, pasted)
    assert check(pasted[exercise.name]).state == "passed"
    assert exercise.check(lambda *arguments: ...).state == "not attempted"
    assert exercise.check(lambda *arguments: 1 // 0).state == "raised"
    assert exercise.check(_busy, seconds=0.1).state == "endless"


@every_exercise
def test_the_solution_passes_in_float32_and_on_tensors(exercise):
    def rounded(value):
        """What a student's torch code has: numbers and arrays of the default dtype."""
        if isinstance(value, tuple | list):
            return type(value)(map(rounded, value))
        floats = isinstance(value, float) or str(getattr(value, "dtype", "")) == "float64"
        return np.asarray(value, np.float32)[()] if floats else value

    def with_tensors(*arguments):
        for argument in arguments:
            assert not isinstance(argument, np.ndarray), "as `tensor.amax` would"
        arrays = [a.double().numpy() if torch.is_tensor(a) else a for a in arguments]
        result = exercise.solution(*arrays)
        return torch.as_tensor(result).float() if isinstance(result, np.ndarray) else result

    def single(*arguments):
        return rounded(exercise.solution(*map(rounded, arguments)))

    assert exercise.check(single).state == "passed"
    assert exercise.check(with_tensors).state == "passed"


@pytest.mark.parametrize(("exercise", "hint"), IDEAS, ids=[f"{e.id} {h[:40]}" for e, h in IDEAS])
def test_each_wrong_idea_gets_its_own_hint(exercise, hint):
    report = exercise.check(exercise.wrong_ideas[hint])
    assert (report.state, report.hint) == ("failed", hint)
    assert hint in repr(report) and hint.endswith((".", "?")) and len(hint) < 400
    given_away = (*GIVEN_AWAY, *GIVEN_AWAY_IN.get(exercise.id[:2], ()))
    assert not [text for text in given_away if text in hint]


@every_exercise
def test_ideas_are_told_apart_on_the_fixed_inputs_and_a_mixture_gets_no_hint(exercise):
    fixed = exercise.cases()[: -exercise.random_count]
    cases = [exercise.prepare(arguments) for arguments in fixed]
    results = [[case.expected for case in cases]]
    for idea in exercise.wrong_ideas.values():
        results.append([exercise.result(idea, case.original) for case in cases])
    for one, other in itertools.combinations(results, 2):
        assert any(compare(a, b) != "same" for a, b in zip(one, other, strict=True))
    ideas = list(exercise.wrong_ideas.values())
    turns = itertools.cycle((ideas[0], ideas[-1]))
    assert exercise.check(lambda *arguments: next(turns)(*arguments)).hint == ""


def test_show_solution_is_folded_and_its_colours_change_no_character():
    solution = show_solution("01.count-edges")
    assert repr(solution) == "solution of 01.count-edges, folded: open it on the page"
    assert solution.source.startswith("def count_edges(n, kernel, stride, padding):")
    page = solution._repr_html_()
    assert page.startswith("<details") and "<details open" not in page
    code = html.unescape(re.sub(r"<[^>]+>", "", page.partition("<pre")[2].partition(">")[2]))
    assert code == solution.source
    assert '<span style="color:#008000;font-weight:700">def</span>' in page


@pytest.mark.parametrize("wrong", ["01.count-arrows", "77.count-edges", "", None, "count-edges"])
def test_an_unknown_exercise_lists_those_there_are(wrong):
    with pytest.raises(ValueError, match=r"exercise must be one of .*'01\.count-edges'.*, got"):
        show_solution(wrong)


def test_check_takes_the_function_and_not_its_result():
    assert check(double, "01.count-edges").state == "wrong signature"
    with pytest.raises(ValueError, match=r"as in check\(count_edges\), got 13"):
        check(13)


def test_nothing_heavy_is_loaded_and_only_the_lesson_asked_for():
    code = (
        "import sys; from course_utils.exercises import find\n"
        "room = 'course_utils.lessons.sparse_connectivity.exercises'\n"
        "assert room not in sys.modules; find('01.count-edges'); assert room in sys.modules\n"
        "assert not [name for name in sys.modules if name.startswith('course_utils.lessons.a')]\n"
        "assert not {'torch', 'numpy', 'matplotlib', 'ipywidgets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
