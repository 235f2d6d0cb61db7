"""ask(): the widget as a student works it, without a browser, and what it remembers."""

import json
import re
import subprocess
import sys

import pytest

from course_utils.quiz import ask, forget
from course_utils.quiz import widget as quiz_module
from course_utils.quiz.answers import AnswerFile

DENSE, STRIDE, SPARSE, NAME = (
    "01.dense-arrows",
    "01.stride-field",
    "01.what-sparse-means",
    "01.name-the-field",
)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def words(widget):
    """The text of an HTML widget, without tags."""
    return re.sub(r"<[^>]+>", " ", widget.value)


def enter(quiz, answer):
    """Put an answer into the input, of whatever kind it is."""
    if quiz.question.kind == "choices":
        for (key, _), box in zip(quiz.question.options, quiz.entry.children, strict=True):
            box.value = key in answer
    else:
        quiz.entry.value = answer


def stored(state):
    return json.loads((state / "answers" / "01_sparse_connectivity.json").read_text())["answers"]


def type_in_browser(quiz, text):
    """What the browser sends while text is typed."""
    quiz.entry.set_state({"value": text})


def press_enter(quiz):
    """What the browser sends for Enter in the text field."""
    quiz.entry._handle_custom_msg({"event": "submit"}, [])


def test_wrong_then_right():
    quiz = ask(DENSE)
    quiz.entry.value = "5"
    quiz.check_button.click()
    assert "✗ Not right:" in words(quiz.feedback_area)
    assert "the arrows of a single input" in words(quiz.feedback_area)
    quiz.entry.value = "25 arrows"
    quiz.check_button.click()
    assert "✓ Right:" in words(quiz.feedback_area)
    assert "5 × 5 = 25 arrows" in words(quiz.feedback_area)


@pytest.mark.parametrize(
    ("question_id", "wrong", "right"),
    [
        (DENSE, "10", "25"),
        (STRIDE, "own", "later"),
        (SPARSE, ["three"], ["zeros", "thirteen", "depth"]),
        (NAME, "kernel", "Receptive Field"),
    ],
)
def test_every_kind_is_answered_kept_and_shown_again(question_id, wrong, right, state):
    for answer, verdict in ((wrong, "✗ Not right:"), (right, "✓ Right:")):
        quiz = ask(question_id)
        enter(quiz, answer)
        assert quiz.answer == answer
        quiz.check_button.click()
        assert verdict in words(quiz.feedback_area)
        assert stored(state)[question_id]["answer"] == answer
        again = ask(question_id)
        assert again.answer == answer
        assert again.feedback_area.value == quiz.feedback_area.value


def test_enter_checks():
    quiz = ask(DENSE)
    type_in_browser(quiz, "25")
    press_enter(quiz)
    assert "✓ Right:" in words(quiz.feedback_area)


def test_text_that_arrives_just_after_enter_is_marked_as_well():
    """The browser sends Enter at once, but may hold back the last key strokes for a moment."""
    quiz = ask(DENSE)
    type_in_browser(quiz, "2")
    press_enter(quiz)
    assert "✗ Not right:" in words(quiz.feedback_area)
    type_in_browser(quiz, "25")
    assert "✓ Right:" in words(quiz.feedback_area)


def test_text_that_arrives_just_after_lock_in_is_locked_in(state):
    quiz = ask(DENSE)
    type_in_browser(quiz, "2")
    quiz.lock_button.click()
    type_in_browser(quiz, "25")
    assert stored(state)[DENSE]["answer"] == "25"
    assert stored(state)[DENSE]["locked"] is True


def test_later_typing_waits_for_the_next_check(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(quiz_module.time, "monotonic", lambda: now[0])
    quiz = ask(DENSE)
    type_in_browser(quiz, "5")
    press_enter(quiz)
    before = quiz.feedback_area.value
    now[0] += quiz_module.TAIL_SECONDS + 0.1
    type_in_browser(quiz, "25")
    assert quiz.feedback_area.value == before


def test_a_program_that_fills_in_an_answer_does_not_check_it():
    quiz = ask(DENSE)
    quiz.entry.value = "5"
    quiz.check_button.click()
    before = quiz.feedback_area.value
    quiz.entry.value = "25"
    assert quiz.feedback_area.value == before


def test_feedback_stays_with_the_answer_it_was_for():
    quiz = ask(DENSE)
    quiz.entry.value = "5"
    quiz.check_button.click()
    quiz.entry.value = "25"
    quiz.hint_button.click()
    assert "✗ Not right:" in words(quiz.feedback_area)


def test_lock_in_gives_no_feedback_and_makes_the_input_read_only(state):
    quiz = ask(DENSE)
    quiz.entry.value = "10"
    quiz.lock_button.click()
    assert words(quiz.feedback_area).split() == [
        "Locked",
        "in.",
        "Reveal",
        "when",
        "you",
        "are",
        "ready.",
    ]
    assert quiz.entry.disabled
    assert quiz.check_button.disabled
    assert quiz.lock_button.description == "Change my answer"
    assert stored(state)[DENSE]["locked"] is True

    again = ask(DENSE)
    assert again.entry.disabled
    assert again.answer == "10"
    again.lock_button.click()
    assert not again.entry.disabled
    assert not again.check_button.disabled
    assert again.lock_button.description == "Lock in"
    assert stored(state)[DENSE]["locked"] is False


def test_enter_in_a_locked_field_reveals_nothing():
    quiz = ask(DENSE)
    quiz.entry.value = "10"
    quiz.lock_button.click()
    press_enter(quiz)
    assert "Not right" not in words(quiz.feedback_area)


@pytest.mark.parametrize("written", ["", "   ", "many", "2.5"])
def test_what_cannot_be_read_is_neither_marked_nor_locked(written):
    quiz = ask(DENSE)
    for button in (quiz.check_button, quiz.lock_button):
        quiz.entry.value = written
        button.click()
        assert not quiz.entry.disabled
        assert "right" not in words(quiz.feedback_area).lower()
        assert re.search("Write|whole number", words(quiz.feedback_area))


def test_reveal_shows_the_locked_answer_beside_the_right_one():
    quiz = ask(DENSE)
    quiz.entry.value = "10"
    quiz.lock_button.click()
    quiz.reveal_button.click()
    text = " ".join(words(quiz.feedback_area).split())
    assert text.startswith("You locked in 10 ✗ not right The answer 25 arrows")
    assert "the number of units" in text
    assert "5 × 5 = 25" in text
    assert quiz.reveal_button.description == "Hide the answer"
    assert ask(DENSE).feedback_area.value == quiz.feedback_area.value
    quiz.reveal_button.click()
    assert "Locked in." in words(quiz.feedback_area)
    assert quiz.reveal_button.description == "Reveal"


@pytest.mark.parametrize("question_id", [DENSE, STRIDE, SPARSE, NAME])
def test_reveal_without_an_answer(question_id):
    quiz = ask(question_id)
    quiz.reveal_button.click()
    assert "no answer" in words(quiz.feedback_area)
    assert "The answer" in words(quiz.feedback_area)


def test_while_revealed_only_hiding_is_possible():
    quiz = ask(SPARSE)
    quiz.reveal_button.click()
    assert all(box.disabled for box in quiz.entry.children)
    assert quiz.check_button.disabled
    assert quiz.lock_button.disabled
    assert quiz.hint_button.disabled
    assert not quiz.reveal_button.disabled


def test_the_button_that_was_pressed_keeps_the_keyboard_focus():
    """A button that disables itself would throw a keyboard user out of the card."""
    quiz = ask(DENSE)
    quiz.entry.value = "10"
    for button in (quiz.check_button, quiz.hint_button, quiz.hint_button, quiz.hint_button):
        button.click()
        assert not button.disabled
    for button in (quiz.lock_button, quiz.reveal_button, quiz.reveal_button, quiz.lock_button):
        button.click()
        assert not button.disabled


def test_hints_in_steps_and_remembered():
    quiz = ask(DENSE)
    assert quiz.hint_button.description == "Hint (1 of 2)"
    quiz.hint_button.click()
    assert "Hint 1:" in words(quiz.hints_area)
    assert "Hint 2:" not in words(quiz.hints_area)
    assert quiz.hint_button.description == "Hint (2 of 2)"
    again = ask(DENSE)
    assert "Hint 1:" in words(again.hints_area)
    again.hint_button.click()
    again.hint_button.click()
    assert "Hint 2:" in words(again.hints_area)
    assert again.hint_button.description == "All hints shown"


@pytest.mark.parametrize("nasty", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "&lt;"])
def test_student_input_is_escaped(nasty):
    quiz = ask(NAME)
    quiz.entry.value = nasty
    for button in (quiz.check_button, quiz.lock_button, quiz.reveal_button):
        button.click()
        for area in (quiz.feedback_area, quiz.hints_area, quiz.notice_area):
            assert nasty not in area.value
            assert "<script" not in area.value
            assert "<img" not in area.value
    assert "&amp;lt;" in quiz.feedback_area.value or "&lt;" in quiz.feedback_area.value
    assert ask(NAME).answer == nasty


def test_every_control_is_labelled():
    assert ask(DENSE).entry.description == "Your answer (arrows)"
    assert ask(NAME).entry.description == "Your answer"
    assert ask(STRIDE).entry.description == "Your answer"
    assert all(box.description for box in ask(SPARSE).entry.children)
    quiz = ask(DENSE)
    for button in (quiz.check_button, quiz.lock_button, quiz.hint_button, quiz.reveal_button):
        assert button.description
        assert button.tooltip


def test_option_labels_are_text_not_html():
    assert not any(box.description_allow_html for box in ask(SPARSE).entry.children)


def test_an_unwritable_place_is_said_and_the_quiz_works(tmp_path, monkeypatch):
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "blocked"))
    quiz = ask(DENSE)
    quiz.entry.value = "25"
    quiz.check_button.click()
    assert "✓ Right:" in words(quiz.feedback_area)
    assert "Your answers are not kept:" in words(quiz.notice_area)


def test_the_notice_goes_when_answers_are_kept_again(monkeypatch, state):
    quiz = ask(DENSE)
    quiz.entry.value = "25"
    with monkeypatch.context() as patch:
        patch.setattr(
            quiz._answers, "update", lambda *_: (None, "Your answers are not kept: full.")
        )
        quiz.check_button.click()
        assert "not kept" in quiz.notice_area.value
    quiz.hint_button.click()
    assert quiz.notice_area.value == ""
    assert (stored(state)[DENSE]["answer"], stored(state)[DENSE]["checked"]) == ("25", True)


def test_a_corrupt_file_is_set_aside_and_the_student_is_told(state):
    path = state / "answers" / "01_sparse_connectivity.json"
    path.parent.mkdir(parents=True)
    path.write_text("{broken")
    quiz = ask(DENSE)
    kept = path.with_name("01_sparse_connectivity.unreadable-1.json")
    assert str(kept) in words(quiz.notice_area)
    quiz.entry.value = "25"
    quiz.check_button.click()
    assert str(kept) in words(quiz.notice_area)
    assert kept.read_text() == "{broken"


def test_an_answer_that_no_longer_fits_the_question_is_dropped(state):
    quiz = ask(STRIDE)
    quiz.entry.value = "later"
    quiz.lock_button.click()
    path = state / "answers" / "01_sparse_connectivity.json"
    path.write_text(path.read_text().replace('"later"', '"gone"'))
    again = ask(STRIDE)
    assert again.answer == ""
    assert not again.entry.disabled
    assert again.feedback_area.value == ""


def test_two_questions_do_not_overwrite_each_other(state):
    first, second = ask(DENSE), ask(NAME)
    first.entry.value = "25"
    first.check_button.click()
    second.entry.value = "receptive field"
    second.check_button.click()
    assert set(stored(state)) == {DENSE, NAME}


@pytest.fixture(params=["one kernel", "two kernels"])
def press(request, monkeypatch):
    """Press a button of a card; cards of two kernels share nothing but the file."""

    def press(card, button):
        if request.param == "two kernels":
            monkeypatch.setattr(quiz_module, "CARDS", [card])
        getattr(card, f"{button}_button").click()

    press.at_once = request.param == "one kernel"
    return press


@pytest.mark.parametrize("button", ["check", "lock", "hint", "reveal"])
@pytest.mark.parametrize(("question_id", "answer"), [(DENSE, "25"), (SPARSE, ["zeros", "depth"])])
def test_a_stale_card_neither_erases_nor_unlocks(state, press, button, question_id, answer):
    first, second = ask(question_id), ask(question_id)
    enter(first, answer)
    press(first, "hint")
    press(first, "lock")
    assert (second.answer == answer and second.check_button.disabled) is press.at_once
    if not (press.at_once and button == "lock"):  # it would be "Change my answer"
        press(second, button)
    record = stored(state)[question_id]
    assert (record["answer"], record["locked"]) == (answer, True)
    assert record["revealed"] is (button == "reveal")
    assert second.answer == answer and second.check_button.disabled
    assert "Hint 1:" in words(second.hints_area)


@pytest.mark.parametrize("button", ["check", "lock", "reveal"])
def test_what_was_written_beside_a_locked_answer_is_handed_back(state, press, button):
    first, second = ask(DENSE), ask(DENSE)
    enter(first, "25")
    enter(second, "<10>")
    press(first, "lock")
    if not press.at_once:
        press(second, button)
        assert "What you wrote here is not kept: &lt;10&gt;" in second.notice_area.value
    assert second.answer == stored(state)[DENSE]["answer"] == "25"


def test_hints_shown_elsewhere_stay_shown(state, press):
    first, second = ask(DENSE), ask(DENSE)
    press(first, "hint")
    press(first, "hint")
    press(second, "hint")
    assert stored(state)[DENSE]["hints"] == 2
    assert "Hint 2:" in words(second.hints_area)


def test_a_draft_stays_while_another_card_is_used(state, press):
    first, second = ask(DENSE), ask(DENSE)
    enter(second, "10")
    enter(first, "25")
    press(first, "check")
    press(second, "hint")
    assert second.answer == "10" and stored(state)[DENSE]["answer"] == "25"
    press(second, "reveal")
    assert second.answer == stored(state)[DENSE]["answer"] == "25"
    assert "✓ right" in words(second.feedback_area)


def test_an_answer_changed_on_purpose_replaces_the_other_cards(state, press):
    first, second = ask(DENSE), ask(DENSE)
    enter(first, "10")
    press(first, "lock")
    if not press.at_once:
        press(second, "hint")
    press(second, "lock")  # "Change my answer"
    enter(second, "25")
    press(second, "check")
    assert stored(state)[DENSE] == {
        "answer": "25",
        "checked": True,
        "locked": False,
        "revealed": False,
        "hints": 0 if press.at_once else 1,
    }
    assert (first.answer == "25") is press.at_once


def test_what_cannot_be_read_does_not_replace_a_stored_answer(state):
    quiz = ask(DENSE)
    for entered in ("25", "many"):
        enter(quiz, entered)
        quiz.check_button.click()
    assert "cannot be read" in words(quiz.feedback_area) and quiz.answer == "many"
    assert stored(state)[DENSE]["answer"] == ask(DENSE).answer == "25"


@pytest.mark.parametrize("question_id", [DENSE, STRIDE, SPARSE, NAME])
def test_without_a_home_the_quiz_works_and_says_what_is_not_kept(monkeypatch, question_id):
    monkeypatch.setenv("CNN_COURSE_STATE", "~nouser/x")
    quiz = ask(question_id)
    assert "Your earlier answers cannot be read: there is no home" in words(quiz.notice_area)
    right = quiz.question.answer
    enter(quiz, list(right) if isinstance(right, tuple) else str(right))
    quiz.check_button.click()
    assert "✓ Right:" in words(quiz.feedback_area)
    assert "Your answers are not kept: there is no home" in words(quiz.notice_area)
    quiz.hint_button.click()
    assert "✓ Right:" in words(quiz.feedback_area)


def test_forget_without_a_home_says_so(monkeypatch, capsys):
    monkeypatch.setenv("CNN_COURSE_STATE", "~nouser/x")
    forget("01")
    assert capsys.readouterr().out.startswith("Your answers stay as they are: there is no home")


def test_forget_sets_the_answers_aside(state, capsys):
    quiz = ask(DENSE)
    quiz.entry.value = "25"
    quiz.check_button.click()
    forget("01")
    kept = state / "answers" / "01_sparse_connectivity.old-1.json"
    assert str(kept) in capsys.readouterr().out
    assert DENSE in kept.read_text()
    assert quiz.answer == ask(DENSE).answer == quiz.feedback_area.value == ""
    quiz.hint_button.click()
    assert stored(state)[DENSE]["answer"] == ""
    forget("01")
    assert "old-2" in capsys.readouterr().out
    forget("01")
    assert capsys.readouterr().out == "There are no stored answers for notebook 01.\n"


def test_an_unknown_notebook_is_refused_by_name():
    with pytest.raises(ValueError, match=r"notebook must be one of .*01.*, got '99'"):
        forget("99")


def shown(quiz):
    """What nbval compares: every representation but the live widget."""
    bundle = quiz._repr_mimebundle_()
    view = bundle.pop("application/vnd.jupyter.widget-view+json")
    assert view["model_id"]
    return bundle


@pytest.mark.parametrize("question_id", [DENSE, STRIDE, SPARSE, NAME])
def test_the_shown_form_does_not_depend_on_what_was_answered(question_id):
    quiz = ask(question_id)
    before = shown(quiz)
    assert set(before) == {"text/plain", "text/html"}
    quiz.hint_button.click()
    quiz.reveal_button.click()
    assert shown(quiz) == shown(ask(question_id)) == before
    assert repr(quiz) == before["text/plain"]


def test_silent_and_equal_in_a_fresh_process(state):
    """No warning, nothing on stderr, and the same text as here: nbval compares all of it."""
    program = (
        f"from course_utils.quiz import ask\nquiz = ask({DENSE!r})\n"
        "quiz.entry.value = '5'\nquiz.check_button.click()\nquiz.lock_button.click()\n"
        "quiz.reveal_button.click()\nquiz.hint_button.click()\nprint(quiz)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout == repr(ask(DENSE)) + "\n"


# ------------------------------------------------------------------------- the file of answers
# What keeps any such file safe is tested in test_state.py.

RECORD = {"answer": "25", "checked": True, "locked": False, "revealed": False, "hints": 1}
BROKEN = {
    "empty": "",
    "cut short": '{"version": 1, "answers": {',
    "nested too deeply": "[" * 100_000,
    "a list": "[]",
    "no answers": '{"version": 1}',
    "another version": '{"version": 2, "answers": {}}',
    "record is text": '{"version": 1, "answers": {"01.a": "25"}}',
    "record lacks a key": '{"version": 1, "answers": {"01.a": {"answer": "25"}}}',
    "wrong type": json.dumps({"version": 1, "answers": {"01.a": RECORD | {"answer": [1]}}}),
}


def test_records_come_back_and_an_update_starts_from_what_is_stored_now(state):
    file, other = AnswerFile("01_x"), AnswerFile("01_x")
    assert file.read() == ({}, "") and not file.path.parent.exists()
    odd = RECORD | {"answer": ["a", "é<\ud800"]}
    assert file.update("01.a", lambda now: RECORD if now == {} else {}) == (RECORD, "")
    assert file.update("01.b", lambda now: odd)[1] == ""
    assert other.update("01.a", lambda now: now | {"locked": True})[0]["hints"] == 1
    assert file.update("01.a", lambda now: now | {"hints": 2})[0]["locked"] is True
    assert other.read() == ({"01.a": RECORD | {"locked": True, "hints": 2}, "01.b": odd}, "")


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("first", ["read", "update"])
def test_an_unreadable_file_is_set_aside_whole(state, text, first):
    file = AnswerFile("01_x")
    file.path.parent.mkdir(parents=True)
    file.path.write_text(text)
    notice = file.read()[1] if first == "read" else file.update("01.b", lambda _: RECORD)[1]
    kept = file.path.with_name("01_x.unreadable-1.json")
    assert kept.read_text() == text and str(kept) in notice and "could not be read" in notice
    assert file.update("01.c", lambda _: RECORD)[1] == ""
    assert set(file.read()[0]) == ({"01.c"} if first == "read" else {"01.b", "01.c"})
