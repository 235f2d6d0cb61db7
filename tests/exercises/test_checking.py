"""The framework of the exercises: states, recognition, endless functions, display."""

import html
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils import exercises as checking
from course_utils.drawing.style import PAPER, tint
from course_utils.exercises import Exercise, WrongIdea, compare, find, show_solution
from course_utils.lessons import LESSONS

QUICK = 0.15  # seconds; enough for the honest functions below, which need microseconds

HAS_TIMER = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timers here")


def double(n):
    return 2 * n


def _plus_two(n):
    return n + 2


def _same(n):
    return n


DOUBLE = Exercise(
    id="99.double",
    title="Double a number",
    solution=double,
    fixed=((2,), (5,), (0,)),
    random_case=lambda rng: (rng.randint(1, 100),),
    wrong_ideas=(
        WrongIdea("added two", _plus_two, "Twice, not two more."),
        WrongIdea("left it", _same, "Nothing happened to `n`."),
    ),
    random_count=20,
)


def total(values):
    return sum(values)


TOTAL = Exercise(
    id="99.total",
    title="Add up a list",
    solution=total,
    fixed=(([1, 2],), ([3],)),
    random_case=lambda rng: ([rng.randint(0, 9) for _ in range(4)],),
)


def in_thread(function):
    """Run `function` in another thread, where no signal arrives, and return its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(20)
    assert results, "the thread did not come back"
    return results[0]


def here(function):
    return function()


both_ways = pytest.mark.parametrize("way", [here, in_thread], ids=["main thread", "other thread"])


# ---------------------------------------------------------------------------------- states


@both_ways
def test_solution_passes_and_says_how_many_inputs(way):
    report = way(lambda: DOUBLE.check(double))
    assert report.state == "passed"
    assert "23 inputs" in report.message and "3 fixed and 20 random" in report.message


def _returns_ellipsis(n):
    return ...


def _returns_nothing(n):
    pass


def _not_implemented(n):
    raise NotImplementedError


def _not_implemented_with_print(n):
    print("todo")
    raise NotImplementedError("todo")


@pytest.mark.parametrize(
    "stub", [_returns_ellipsis, _returns_nothing, _not_implemented, _not_implemented_with_print]
)
@both_ways
def test_stub_is_neutral(stub, way):
    report = way(lambda: DOUBLE.check(stub))
    assert report.state == "not attempted"
    assert "not attempted yet" in repr(report)
    assert "✗" not in repr(report)


def test_a_printed_result_is_not_a_returned_one():
    report = DOUBLE.check(lambda n: print(2 * n))
    assert report.state == "failed"
    assert report.printed == "4"
    assert "return" in report.hint


def test_a_branch_without_return():
    report = DOUBLE.check(lambda n: 2 * n if n < 5 else None)
    assert (report.state, report.call, report.given) == ("failed", "double(n=5)", "None")
    assert "Nothing was returned" in report.message


def test_first_failing_input_is_shown():
    report = DOUBLE.check(lambda n: 2 * n if n != 5 else 11)
    assert report.state == "failed"
    assert (report.call, report.expected, report.given) == ("double(n=5)", "10", "11")
    assert report.idea == report.hint == ""
    right = sum(case != (5,) for case in DOUBLE.cases())
    assert report.message.startswith(f"{right} of 23 inputs are right")


@both_ways
def test_an_error_names_the_students_line(way):
    def careless(n):
        half = n // 2
        return half / (n - n)

    report = way(lambda: DOUBLE.check(careless))
    line = careless.__code__.co_firstlineno + 2
    assert report.state == "raised"
    assert report.error == "ZeroDivisionError: division by zero"
    assert report.place == f"line {line}: return half / (n - n)"
    assert "Traceback" not in repr(report) and "checking.py" not in repr(report)


def test_an_error_below_a_library_call_names_the_students_line():
    def careless(n):
        return np.linalg.inv(np.zeros((n, n)))

    report = DOUBLE.check(careless)
    assert report.error.startswith("LinAlgError")
    assert report.place.endswith("return np.linalg.inv(np.zeros((n, n)))")


def test_endless_recursion_is_an_error_like_any_other():
    def again(n):
        return again(n + 1)

    report = DOUBLE.check(again)
    assert report.error.startswith("RecursionError")
    assert report.place.endswith("return again(n + 1)")


def test_an_error_that_cannot_be_written():
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    def careless(n):
        raise Odd

    assert DOUBLE.check(careless).error == "Odd: (its text cannot be shown)"


def test_addresses_are_left_out_of_errors():
    def careless(n):
        raise ValueError(f"bad {object()!r}")

    assert DOUBLE.check(careless).error == "ValueError: bad <object object>"


@both_ways
def test_system_exit_does_not_end_the_notebook(way):
    report = way(lambda: DOUBLE.check(lambda n: sys.exit(3)))
    assert report.state == "raised"
    assert "`return` ends just the function" in report.message


@both_ways
def test_an_interrupt_stops_the_check(way):
    seen = []

    def interrupted(n):
        seen.append(n)
        raise KeyboardInterrupt

    report = way(lambda: DOUBLE.check(interrupted))
    assert report.state == "interrupted"
    assert seen == [2]
    assert report.call == "double(n=2)"


@HAS_TIMER
@pytest.mark.parametrize("timer", [True, False], ids=["timer", "worker thread"])
def test_a_real_interrupt_from_the_keyboard(timer, monkeypatch):
    monkeypatch.setattr(checking, "_has_timer", lambda: timer)
    interrupt = threading.Timer(0.1, lambda: signal.raise_signal(signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupt.start()
        report = DOUBLE.check(_busy, seconds=10)
    finally:
        signal.signal(signal.SIGINT, before)
        interrupt.join()
    assert report.state == "interrupted"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([4], "a list, and the result should be an int"),
        ("4", "a str"),
        (True, "a bool"),
        (4 + 0j, "a complex"),
        (np.array([4, 4]), "a NumPy array"),
        (torch.ones(2), "a torch tensor"),
    ],
)
def test_wrong_type(value, words):
    report = DOUBLE.check(lambda n: value)
    assert report.state == "wrong type"
    assert words in report.message
    assert report.given


@pytest.mark.parametrize("kind", [float, np.float32, torch.tensor, np.int64, np.array])
def test_other_whole_numbers_pass(kind):
    report = DOUBLE.check(lambda n: kind(2 * n))
    assert report.state == "passed"
    assert ("returns a float" in report.message) == (kind in (float, np.float32))


def test_a_float_with_a_fraction_is_a_wrong_value():
    report = DOUBLE.check(lambda n: 2 * n + 0.5)
    assert (report.state, report.given) == ("failed", "4.5")


def _no_arguments():
    return 4


def _two_arguments(n, m):
    return 4


def _three_in_another_order(c, a, b):
    return a


@pytest.mark.parametrize("function", [_no_arguments, _two_arguments])
def test_wrong_signature(function):
    report = DOUBLE.check(function)
    assert report.state == "wrong signature"
    assert "The check calls double(n)" in report.message


def test_parameters_in_another_order():
    def three(a, b, c):
        return a + b * c

    exercise = Exercise("99.three", "Three", three, ((1, 2, 3),), lambda rng: (1, 1, 1))
    report = exercise.check(_three_in_another_order)
    assert report.state == "wrong signature"
    assert "another order: c, a, b" in report.message


@pytest.mark.parametrize("value", [4, None, "double"])
def test_a_called_function_instead_of_the_function(value):
    report = DOUBLE.check(value)
    assert report.state == "wrong signature"
    assert "check_double(double)" in report.message


def test_a_type_error_inside_is_not_a_wrong_signature():
    report = DOUBLE.check(lambda n: n + "1")
    assert report.state == "raised"
    assert report.error.startswith("TypeError")


@pytest.mark.parametrize("function", [lambda *all: 2 * all[0], lambda n, times=2: times * n])
def test_other_signatures_that_work(function):
    assert DOUBLE.check(function).state == "passed"


def test_callable_objects_and_builtins_work():
    class Doubler:
        def __call__(self, n):
            return n * 2

    assert DOUBLE.check(Doubler()).state == "passed"
    assert DOUBLE.check(abs).idea == "left it"  # every case is >= 0, so abs(n) is n


# ------------------------------------------------------------------------------- arguments


def test_changing_an_argument_is_reported():
    def draining(values):
        result = 0
        while values:
            result += values.pop()
        return result

    report = TOTAL.check(draining)
    assert report.state == "changed its input"
    assert "`values`" in report.message
    assert report.call == "total(values=[1, 2])"
    assert TOTAL.fixed == (([1, 2],), ([3],))


def test_changing_an_argument_can_be_allowed():
    def draining(values):
        values.append(0)
        return sum(values)

    lenient = Exercise(
        "99.total", "t", total, TOTAL.fixed, TOTAL.random_case, may_change_arguments=True
    )
    assert lenient.check(draining).state == "passed"


@pytest.mark.parametrize("make", [np.array, torch.tensor], ids=["numpy", "torch"])
def test_arrays_and_tensors(make):
    def half(x):
        return x / 2

    exercise = Exercise(
        "99.half",
        "Halve",
        half,
        ((make([2.0, 4.0]),), (make([float("nan")]),)),
        lambda rng: (make([rng.random() for _ in range(3)]),),
    )
    assert exercise.check(lambda x: x * 0.5).state == "passed"
    assert exercise.check(lambda x: np.asarray(x) * 0.5 + 1e-9).state == "passed"
    wrong = exercise.check(lambda x: x * 0.5001)
    assert (wrong.state, wrong.expected.split("\n")[0]) == ("failed", "shape (2,)")
    assert exercise.check(lambda x: [1.0, 2.0]).state == "wrong type"
    assert exercise.check(lambda x: (x * 0.5)[None]).given.startswith("shape (1, 2)")

    def in_place(x):
        x /= 2
        return x

    assert exercise.check(in_place).state == "changed its input"


# ---------------------------------------------------------------------------------- prints


@both_ways
def test_prints_do_not_reach_the_page(way, capsys):
    def chatty(n):
        print("n is", n)
        return 2 * n

    assert way(lambda: DOUBLE.check(chatty)).state == "passed"
    assert capsys.readouterr().out == ""
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def test_prints_of_the_failing_input_are_shown_and_cut():
    def chatty(n):
        print("n is", n)
        if n == 5:
            print("x" * 10_000)
        return 2 * n - (n == 5)

    report = DOUBLE.check(chatty)
    assert report.printed.startswith("n is 5\nxxx")
    assert len(report.printed) <= 400


def test_endless_printing_is_stopped():
    def chatty(n):
        while True:
            print(n)

    started = time.monotonic()
    assert DOUBLE.check(chatty, seconds=QUICK).state == "endless"
    assert time.monotonic() - started < 3


# --------------------------------------------------------------------------------- endless


def _busy(n):
    while True:
        n += 1


def _swallows_exception(n):
    while True:
        try:  # noqa: SIM105
            n += 1
        except Exception:
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
    time.sleep(2)


@pytest.mark.parametrize(
    "function",
    [_busy, _swallows_exception, _swallows_everything, _sleeps_and_swallows_everything, _sleeps],
)
@both_ways
def test_an_endless_function_is_stopped(function, way):
    started = time.monotonic()
    report = way(lambda: DOUBLE.check(function, seconds=QUICK))
    assert time.monotonic() - started < QUICK + 1.4
    assert report.state == "endless"
    assert report.message.startswith("Stopped after 0.15 s")
    assert report.call == "double(n=2)"
    left_behind = way is in_thread and function in (_sleeps, _sleeps_and_swallows_everything)
    assert ("goes on in the background" in report.message) == left_behind


def test_endless_on_a_later_input():
    def sometimes(n):
        while n == 5:
            pass
        return 2 * n

    report = DOUBLE.check(sometimes, seconds=QUICK)
    assert (report.state, report.call) == ("endless", "double(n=5)")


def test_a_stopped_worker_thread_is_gone():
    before = threading.active_count()
    assert in_thread(lambda: DOUBLE.check(_busy, seconds=QUICK)).state == "endless"
    deadline = time.monotonic() + 2
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() == before


@HAS_TIMER
@pytest.mark.parametrize("function", [double, _busy, _not_implemented, lambda n: 1 / 0])
def test_signal_handler_and_timer_are_put_back(function):
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    mine = signal.getsignal(signal.SIGALRM)
    try:
        signal.setitimer(signal.ITIMER_REAL, 30, 7)
        DOUBLE.check(function, seconds=QUICK)
        assert signal.getsignal(signal.SIGALRM) is mine
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 25 < left < 30 and interval == 7
        assert not rung
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@HAS_TIMER
def test_a_timer_that_fell_due_meanwhile_rings_afterwards():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    try:
        signal.setitimer(signal.ITIMER_REAL, QUICK / 3)
        assert DOUBLE.check(_busy, seconds=QUICK).state == "endless"
        time.sleep(0.02)
        assert rung == [True]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@HAS_TIMER
def test_a_trace_function_is_put_back():
    def mine(frame, event, argument):
        return None

    before = sys.gettrace()
    sys.settrace(mine)
    try:
        state = DOUBLE.check(_sleeps_and_swallows_everything, seconds=QUICK).state
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert state == "endless"
    assert after is mine


@HAS_TIMER
def test_no_timer_is_left_running():
    DOUBLE.check(_busy, seconds=QUICK)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "3", None, True])
def test_seconds_must_be_positive(seconds):
    with pytest.raises(ValueError, match=r"seconds must be a finite number > 0, got"):
        DOUBLE.check(double, seconds=seconds)


def test_in_the_kernel_of_a_notebook():
    """In a real kernel: the timer works there, and lines are counted from the top of the cell."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    cells = [
        """
        from course_utils.exercises.sparse_connectivity import check_count_edges
        def count_edges(n, kernel, stride, padding):
            while True:
                try:
                    n += 1
                except Exception:
                    pass
        check_count_edges(count_edges, seconds=0.2)
        """,
        """
        def count_edges(n, kernel, stride, padding):
            windows = 0
            return n / windows
        check_count_edges(count_edges)
        """,
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell).strip()) for cell in cells]
    )
    nbclient.NotebookClient(notebook, timeout=30, kernel_name="python3").execute()
    texts = [cell.outputs[-1].data for cell in notebook.cells]
    assert "did not come to an end" in texts[0]["text/plain"]
    assert "line 3: return n / windows" in texts[1]["text/plain"]
    assert all('class="cnn-check"' in data["text/html"] for data in texts)


# ----------------------------------------------------------------------------- recognition


@both_ways
def test_each_idea_gets_its_hint(way):
    report = way(lambda: DOUBLE.check(_plus_two))
    assert (report.idea, report.hint) == ("added two", "Twice, not two more.")
    assert report.call == "double(n=5)"  # 2 + 2 is 4, so the first input is right
    assert DOUBLE.check(_same).idea == "left it"


def test_an_idea_on_some_inputs_only_is_not_recognised():
    report = DOUBLE.check(lambda n: n + 2 if n < 6 else 3 * n)
    assert report.state == "failed"
    assert report.idea == report.hint == ""


def test_an_idea_that_raises_never_matches_where_it_does():
    def fragile(n):
        return 1 // n

    exercise = Exercise(
        "99.double",
        "t",
        double,
        ((0,), (1,), (2,)),
        lambda rng: (3,),
        (WrongIdea("inverted", fragile, "No."),),
    )
    assert exercise.check(lambda n: 0 if n == 0 else 1 // n).idea == ""


@given(st.integers(-3, 3), st.integers(-3, 3))
@settings(max_examples=49, deadline=None)
def test_only_the_right_line_passes(slope, offset):
    report = DOUBLE.check(lambda n: slope * n + offset)
    ideas = {(2, 0): "", (1, 2): "added two", (1, 0): "left it"}
    assert (report.state == "passed") == ((slope, offset) == (2, 0))
    assert report.idea == ideas.get((slope, offset), "")


# ----------------------------------------------------------------------------- comparison


@pytest.mark.parametrize(
    ("expected", "given", "verdict"),
    [
        (13, 13.0, "same"),
        (13, 13.0000001, "different"),
        (2**60, float(2**60), "same"),
        (2**60 + 1, float(2**60), "different"),
        (13, float("inf"), "different"),
        (13, None, "wrong type"),
        (0.1, 0.1 + 1e-9, "same"),
        (0.1, 0.11, "different"),
        (0.5, np.float32(0.5), "same"),
        (1e-9, np.float32(1e-9), "same"),
        (1e-9, 1.001e-9, "different"),  # a small product is compared by its own size
        (1e-9, 0.0, "different"),
        (0.0, 1e-6, "same"),
        (np.array([1e3, 1e-4]), np.array([1e3, 0.0]), "same"),  # float32 rounds at 1e3's size
        (np.array([1e-9, 1e-12]), np.array([1e-9, 1e-11]), "different"),
        (float("nan"), float("nan"), "same"),
        ((1, 2), [1, 2], "same"),
        ((1, 2), (1, 2, 3), "different"),
        ((1, 2), (1, "2"), "wrong type"),
        ((1, 2), 1, "wrong type"),
        ([(1, 2), (3, 4)], [[1, 2], [3, 5]], "different"),
        (True, True, "same"),
        (True, 1, "wrong type"),
        ("same", "same", "same"),
        (None, 0, "wrong type"),
        (np.eye(2), torch.eye(2), "same"),
        (torch.eye(2), np.eye(2, dtype=bool), "same"),
        (torch.eye(2), torch.eye(2, dtype=torch.bfloat16, requires_grad=True), "same"),
        (np.eye(2), np.eye(3), "different"),
        (np.eye(2), np.array([["a", "b"], ["c", "d"]]), "wrong type"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "same"),
    ],
)
def test_compare(expected, given, verdict):
    assert compare(expected, given) == verdict


@given(st.recursive(st.integers() | st.booleans() | st.text(), st.lists, max_leaves=8))
@settings(max_examples=60, deadline=None)
def test_a_value_equals_itself(value):
    assert compare(value, value) == "same"


def test_the_framework_loads_no_heavy_library():
    code = (
        "import sys, course_utils.exercises as c; c.compare(1, 2); c.short([1])\n"
        "heavy = {'torch', 'numpy', 'matplotlib', 'ipywidgets'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# --------------------------------------------------------------------------------- display


@given(st.lists(st.integers()) | st.text() | st.dictionaries(st.text(), st.text()))
@settings(max_examples=60, deadline=None)
def test_shown_values_are_short(value):
    text = checking.short(value)
    assert len(text) <= 160 and "\n" not in text


def test_values_that_are_hard_to_show():
    class Odd:
        def __repr__(self):
            raise RuntimeError

    assert "cannot be shown" in checking.short(10**5000)
    assert "Odd" in checking.short(Odd())
    assert len(checking.short(list(range(10**6)))) < 160
    assert checking.short(object()) == "<object object>"
    assert checking.short(torch.tensor(3)) == "3"


def test_what_a_student_returns_is_escaped():
    def nasty(n):
        print("<b>printed</b>")
        return "<script>alert(1)</script>"

    page = DOUBLE.check(nasty)._repr_html_()
    assert "<script" not in page and "<b>" not in page
    assert "&lt;script&gt;" in page and "&lt;b&gt;printed" in page


def test_an_error_text_is_escaped():
    def nasty(n):
        raise ValueError("<img src=x>")

    page = DOUBLE.check(nasty)._repr_html_()
    assert "<img" not in page and "&lt;img" in page


def test_names_given_by_a_student_are_escaped():
    page = DOUBLE.check("<i>")._repr_html_()
    assert "<i>" not in page and "&lt;i&gt;" in page


def _appends(values):
    values.append(0)
    return sum(values)


def _interrupts(n):
    raise KeyboardInterrupt


EVERY_STATE = {
    "not attempted": (DOUBLE, _returns_nothing),
    "passed": (DOUBLE, double),
    "failed": (DOUBLE, _plus_two),
    "wrong type": (DOUBLE, str),
    "changed its input": (TOTAL, _appends),
    "raised": (DOUBLE, lambda n: n // 0),
    "endless": (DOUBLE, _busy),
    "wrong signature": (DOUBLE, _no_arguments),
    "interrupted": (DOUBLE, _interrupts),
}


@pytest.mark.parametrize("state", EVERY_STATE)
def test_every_state_is_the_same_each_time_and_readable(state):
    exercise, function = EVERY_STATE[state]
    first, second = (exercise.check(function, seconds=QUICK) for _ in range(2))
    assert first.state == state
    assert repr(first) == repr(second)
    page = first._repr_html_()
    assert page == second._repr_html_()
    assert 'class="cnn-check"' in page and 'role="status"' in page
    assert "0x" not in repr(first)
    symbol, words, _ = checking._HEADLINES[state]
    assert symbol in page and words in page and words in repr(first)
    assert not re.search(r"font-size:[\d.]+(?!em|[\d.])", page)
    assert page.count("<div") == page.count("</div>") == 1
    assert page.count("<tr") == page.count("</tr>")


def test_every_state_is_tested():
    assert set(EVERY_STATE) == set(checking._HEADLINES)


def _contrast(one, other):
    """WCAG 2.1 contrast ratio of two colours `#RRGGBB`."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("state", checking._HEADLINES)
def test_text_has_contrast(state):
    ground = tint(checking._HEADLINES[state][2], 0.07)
    assert ground in EVERY_STATE[state][0].check(EVERY_STATE[state][1], seconds=QUICK)._repr_html_()
    for text in (checking.INK, checking.MUTED):
        assert _contrast(text, ground) >= 4.5
        assert _contrast(text, PAPER) >= 4.5


# ------------------------------------------------------------------------------- solutions


def test_show_solution_is_the_source_that_is_checked():
    solution = show_solution("01.count-edges")
    assert repr(solution) == "solution of 01.count-edges, folded: open it on the page"
    assert solution.source.startswith("def count_edges(n, kernel, stride, padding):")
    scope = {}
    exec(solution.source, scope)
    assert find("01.count-edges").check(scope["count_edges"]).state == "passed"
    page = solution._repr_html_()
    assert page.startswith("<details") and "<details open" not in page
    code = html.unescape(re.sub(r"<[^>]+>", "", page.partition("<pre")[2].partition(">")[2]))
    assert code == solution.source, "colours change no character"
    assert '<span style="color:#008000;font-weight:700">def</span>' in page
    assert "white-space:pre;" in page, "no break in mid-word"


@pytest.mark.parametrize("wrong", ["01.count-arrows", "77.count-edges", "", None, 1, "count-edges"])
def test_an_unknown_id_lists_those_there_are(wrong):
    with pytest.raises(ValueError, match=r"exercise must be one of .*'01\.count-edges'.*, got"):
        show_solution(wrong)


def test_only_the_module_asked_for_is_loaded():
    code = (
        "import sys; from course_utils.exercises import checking\n"
        "name = 'course_utils.lessons.sparse_connectivity.exercises'\n"
        "assert name not in sys.modules; checking.find('01.count-edges')\n"
        "assert name in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_module_belongs_to_a_lesson_and_every_id_to_its_module():
    from pathlib import Path

    folder = Path(checking.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "checking"}
    numbers = {lesson.slug[3:]: lesson.number for lesson in LESSONS}
    assert modules and modules <= set(numbers)
    for module in modules:
        exercises = checking._exercises(numbers[module])
        assert exercises
        assert all(exercise.id.startswith(numbers[module] + ".") for exercise in exercises)
        assert len({exercise.id for exercise in exercises}) == len(exercises)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "double"}, "id must look like '01.count-edges', got 'double'"),
        ({"fixed": ()}, "fixed must hold at least one"),
        ({"wrong_ideas": (DOUBLE.wrong_ideas[0],) * 2}, "wrong_ideas must have names that differ"),
    ],
)
def test_a_malformed_exercise_is_refused(change, message):
    fields = {f: getattr(DOUBLE, f) for f in DOUBLE.__dataclass_fields__}
    with pytest.raises(ValueError, match=message):
        Exercise(**{**fields, **change})
