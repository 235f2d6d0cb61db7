"""The Python side of a live page, as the page asks it: every panel, question and exercise."""

import json
import re
from html import escape, unescape

import pytest

from course_utils.exercises import exercises_of, show_solution
from course_utils.explorer import Explorer
from course_utils.lessons import LESSONS
from course_utils.lessons.sparse_connectivity.explorer import ReceptiveField, SparseConnectivity
from course_utils.quiz.card import feedback_html, markup
from course_utils.quiz.questions import load_questions, question_files
from tools.web import bridge

QUESTIONS = [q for path in question_files().values() for q in load_questions(path).values()]
EXERCISES = [exercise for lesson in LESSONS for exercise in exercises_of(lesson)]
# The first idea of each exercise; all the others take a minute.
IDEAS = [
    pytest.param(one, place, id=f"{one.id} {place}", marks=[pytest.mark.slow] if place else [])
    for one in EXERCISES
    for place in range(len(one.wrong_ideas))
]
ARROWS = "01.dense-arrows"


def ask(method, *arguments):
    """Send a request as the page does, and return what it gets."""
    return json.loads(bridge.answer(method, json.dumps(arguments)))


def where(panel) -> str:
    return f"{panel.__module__}:{panel.__qualname__}"


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


# ---------------------------------------------------------------------------------------- panels


def test_a_panel_opens_moves_and_goes_back_as_in_the_notebook():
    made = ask("panel_open", "a", where(SparseConnectivity), {"n": 6, "layer": "convolution"})
    twin = SparseConnectivity(n=6)
    first = made["shown"]
    assert (first["picture"], first["sentence"]) == (twin.picture_html(), twin.sentence_html())
    slider, layer = made["controls"][0], made["controls"][5]
    ends = {"kind": "slider", "smallest": 3, "largest": 12, "step": 1, "wide": False}
    assert slider == ends | {"name": "n", "label": "Inputs"}
    assert (layer["kind"], layer["options"], layer["buttons"]) == (
        "choice",
        ["Convolution", "Dense"],
        True,
    )
    assert first["state"]["layer"] == 0 and first["largest"]["unit"] == 6
    moved = ask("panel_move", "a", {"n": 3, "padding": 0, "kernel": 7})
    twin.move(n=3, padding=0, kernel=7)
    assert moved["refused"] and moved["picture"] == twin.picture_html() and not moved["sentence"]
    moved = ask("panel_move", "a", {"layer": 1})
    twin.move(layer="fully connected")
    assert not moved["refused"] and moved["says"] == twin.says and moved["state"]["layer"] == 1
    assert ask("panel_reset", "a") == first


def test_two_panels_of_one_kind_do_not_meet():
    for key, layers in (("one", 2), ("two", 4)):
        ask("panel_open", key, where(ReceptiveField), {"layers": layers})
    ask("panel_move", "two", {"unit": 1})
    assert ask("panel_move", "one", {"at": 1})["state"]["unit"] == ReceptiveField().state["unit"]


def test_a_panel_of_data_gets_what_was_made_for_the_page(tmp_path, monkeypatch):
    class Shows(Explorer):
        controls = ()

        def __init__(self, things):
            self.things = things
            super().__init__()

        def view(self):
            return str(self.things), "There it is.", ""

    monkeypatch.setattr(bridge, "Shows", Shows, raising=False)
    assert "missing" in ask("panel_open", "d", "tools.web.bridge:Shows", {})
    source = 'NAMES = ["Shows"]\ndef arguments(name, data):\n    return tuple(data.values())\n'
    (tmp_path / "panel_data.py").write_text(source)
    (tmp_path / "panel_data.json").write_text('{"Shows": [1, 2]}')
    monkeypatch.syspath_prepend(tmp_path)
    made = ask("panel_open", "d", "tools.web.bridge:Shows", {})
    assert made["shown"]["picture"] == '<div class="cnn-picture">[1, 2]</div>'
    assert ask("panel_open", "e", where(SparseConnectivity), {})["controls"]


@pytest.mark.parametrize(
    ("room", "missing"), [("numpy.nowhere:X", "numpy"), ("json:Nothing", None)]
)
def test_what_a_panel_needs_and_lacks_is_named(room, missing):
    answer = ask("panel_open", "x", room, {})
    assert answer.keys() == {"error", "missing"} and answer["missing"] == missing
    assert room.partition(":")[0].partition(".")[0] in answer["error"]


# ------------------------------------------------------------------------------------- questions


def typed(question, value):
    """An answer as the page sends it."""
    if question.kind == "choices":
        return value if isinstance(value, list) else [value]
    return value if isinstance(value, str) else repr(value)


def wrong_answers(question):
    """Each foreseen wrong answer and what is said to it; for boxes the right ones are ticked."""
    for wrong in question.wrong:
        for value in wrong.values:
            entered = typed(question, value)
            if question.kind == "choices":
                right = set(question.answer)
                entered = sorted(right - {value} if wrong.missed else right | {value})
            yield entered, wrong.because


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.id)
def test_every_question_is_answered_refused_hinted_locked_and_revealed(question):
    opened = ask("question_open", question.id, {})
    record = opened["record"]
    assert opened["options"] == dict(question.options) and opened["correct"] is None
    assert list(opened["options"]) == list(question.options), "A to D stay in their order"
    assert markup(question.prompt) in opened["prompt"] and not opened["feedback_html"]

    def act(action, entered, now=record):
        return ask("question_act", question.id, now, action, entered)

    unreadable = [""] if question.kind != "number" else ["", "twelve or so"]
    for entered in [[]] if question.kind == "choices" else unreadable:
        refused = act("check", entered)
        assert refused["refusal"] and refused["record"] == record and refused["correct"] is None
        assert escape(refused["refusal"]) in refused["feedback_html"]
    for entered, because in wrong_answers(question):
        checked = act("check", entered)
        assert checked["correct"] is False and checked["record"]["answer"] == entered
        assert markup(because) in checked["feedback_html"] and "✗ Not right:" in str(checked)
    right = typed(question, question.answer)
    checked = act("check", right)
    assert checked["correct"] is True and not checked["refusal"]
    assert words(feedback_html(question, checked["record"])) == words(checked["feedback_html"])
    hinted = checked
    for number in range(1, len(question.hints) + 2):
        hinted = act("hint", None, hinted["record"])
        assert hinted["record"]["hints"] == min(number, len(question.hints))
    assert all(markup(hint) in hinted["hints_html"] for hint in question.hints)
    locked = act("lock", right)
    assert locked["correct"] is None and words(locked["feedback_html"]).startswith("Locked in.")
    revealed = act("reveal", None, locked["record"])
    assert revealed["correct"] is True and markup(question.explanation) in revealed["feedback_html"]
    assert act("hide", None, revealed["record"])["record"] == locked["record"]
    assert ask("question_open", question.id, revealed["record"])["record"] == revealed["record"]


def test_a_press_that_comes_too_late_changes_nothing_and_says_so():
    locked = ask("question_act", ARROWS, {}, "lock", "25")["record"]
    late = ask("question_act", ARROWS, locked, "check", "10")
    assert late["record"] == locked
    assert late["notice"].endswith("What you wrote here is not kept: 10")
    revealed = ask("question_act", ARROWS, locked | {"locked": False}, "reveal", "10", False)
    assert revealed["record"]["answer"] == "25" and "not kept: 10" in revealed["notice"]


@pytest.mark.parametrize("record", [{"hints": "many"}, {"answer": "25"}, []])
def test_a_record_that_is_none_counts_as_not_answered(record):
    fresh = ask("question_open", ARROWS, {})["record"]
    assert ask("question_open", ARROWS, record)["record"] == fresh


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rubbish", "it is no file of answers"),
        ('{"version": 1}', "it holds no answers"),
        ('{"version": 2, "answers": {}}', "it is of version 2"),
        ('{"version": 1, "answers": {"01.a": {}}}', "the answer to 01.a is damaged"),
        ('{"version": 1, "answers": {"02.a": RECORD}}', "it holds answers of lesson 02"),
    ],
)
def test_only_a_file_of_answers_of_that_lesson_is_taken(text, reason):
    record = ask("question_act", ARROWS, {}, "check", "25")["record"]
    name = ask("answers_name", ARROWS)
    assert name == "01_sparse_connectivity"
    assert reason in ask("answers_read", name, text.replace("RECORD", json.dumps(record)))["error"]
    good = json.dumps({"version": 1, "answers": {ARROWS: record}})
    assert ask("answers_read", name, good) == {ARROWS: record}


# ------------------------------------------------------------------------------------- exercises


def checked(exercise, source):
    return ask("exercise_check", exercise.id, source)


def head(exercise) -> str:
    return f"def {exercise.name}({', '.join(exercise.parameters)}):\n"


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.id)
def test_every_exercise_knows_its_stub_and_its_solution(exercise):
    stub = checked(exercise, head(exercise) + "    ...  # your code here\n")
    assert stub["state"] == "not attempted" and "then press Run." in stub["html"]
    assert ask("exercise_open", exercise.id) is None
    assert checked(exercise, show_solution(exercise.id).source)["state"] == "passed"


@pytest.mark.parametrize(("exercise", "place"), IDEAS)
def test_every_wrong_idea_gets_its_hint(exercise, place):
    call = f"{exercise.name}({', '.join(exercise.parameters)})"
    source = (
        f"from course_utils.exercises import find\n"
        f"_idea = list(find({exercise.id!r}).wrong_ideas.values())[{place}]\n"
        f"def {call}:\n    return _idea({', '.join(exercise.parameters)})\n"
    )
    report, hint = checked(exercise, source), list(exercise.wrong_ideas)[place]
    said = re.sub(r"\s|`", "", hint)
    assert report["state"] == "failed" and said in re.sub(r"\s", "", words(report["html"]))


def test_the_report_names_the_line_of_what_went_wrong():
    def said(source):
        report = ask("exercise_check", "01.count-edges", source)
        return report["state"], words(report["html"])

    define = "def count_edges(n, kernel, stride, padding):\n"
    for source, state, *parts in (
        ("x = 1\ndef count_edges(n:\n", "raised", "cannot read this code", "line 2: def count"),
        ("\nprint('so far')\n1 / 0\n", "raised", "ZeroDivisionError", "line 3: 1 / 0", "so far"),
        ("import nothing_like_it\n", "raised", "No module named", "line 1: import nothing"),
        ("raise SystemExit\n", "raised", "SystemExit", "line 1"),
        (f"{define}    m = n\n    return m / 0\n", "raised", "line 3: return m / 0"),
        ("def count(n):\n    return n\n", "wrong signature", "name count_edges . There is none"),
        (f"{define}    return math.floor(n)\n", "failed", "Given"),
    ):
        found, page = said(source)
        assert found == state, source
        assert all(part in page for part in parts), page
    assert ask("exercise_endless", "01.count-edges", 5)["state"] == "endless"


def test_what_a_loop_prints_is_cut():
    report = ask("exercise_check", "01.count-edges", "for i in range(9999):\n    print(i)\n1 / 0")
    assert len(report["html"]) < 4000
