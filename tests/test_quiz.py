"""ask(): the widget as a student works it, without a browser, and what it remembers."""

import json
import re
import subprocess
import sys
from html import escape

import pytest

from course_utils.quiz import ask, forget, mark
from course_utils.quiz import widget as quiz_module
from course_utils.quiz.card import markup
from course_utils.quiz.widget import AnswerFile

DENSE, STRIDE = "01.dense-arrows", "01.stride-field"
SPARSE, NAME = "01.what-sparse-means", "01.name-the-field"
EVERY_KIND = [DENSE, STRIDE, SPARSE, NAME]
RECORD = {"answer": "25", "checked": True, "locked": False, "revealed": False, "hints": 0}


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def words(widget):
    """The text of an HTML widget, without tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", widget.value).split())


def enter(quiz, answer):
    """Put an answer into the input, of whatever kind it is."""
    if quiz.question.kind == "choices":
        for key, box in zip(quiz.question.options, quiz.entry.children, strict=True):
            box.value = key in answer
    else:
        quiz.entry.value = answer


def click(quiz, *buttons):
    for button in buttons:
        getattr(quiz, f"{button}_button").click()


def answered(question_id, answer, *buttons):
    """A card with an answer, after these buttons were pressed."""
    quiz = ask(question_id)
    enter(quiz, answer)
    click(quiz, *buttons)
    return quiz


def stored(state):
    return json.loads((state / "answers" / "01_sparse_connectivity.json").read_text())["answers"]


def type_in_browser(quiz, text):
    """What the browser sends while text is typed."""
    quiz.entry.set_state({"value": text})


def press_enter(quiz):
    """What the browser sends for Enter in the text field."""
    quiz.entry._handle_custom_msg({"event": "submit"}, [])


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
        quiz = answered(question_id, answer, "check")
        assert quiz.answer == stored(state)[question_id]["answer"] == answer
        assert verdict in words(quiz.feedback_area)
        assert markup(mark(quiz.question, answer).message) in quiz.feedback_area.value
        again = ask(question_id)
        assert again.answer == answer
        assert again.feedback_area.value == quiz.feedback_area.value


def test_text_that_arrives_just_after_enter_or_lock_in_counts_as_well(state):
    """The browser sends a press at once, but may hold back the last key strokes for a moment."""
    quiz = ask(DENSE)
    type_in_browser(quiz, "2")
    press_enter(quiz)
    assert "✗ Not right:" in words(quiz.feedback_area)
    type_in_browser(quiz, "25")
    assert "✓ Right:" in words(quiz.feedback_area)
    type_in_browser(quiz, "1")
    click(quiz, "lock")
    type_in_browser(quiz, "10")
    assert (stored(state)[DENSE]["answer"], stored(state)[DENSE]["locked"]) == ("10", True)


def test_later_typing_waits_for_the_next_check(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(quiz_module.time, "monotonic", lambda: now[0])
    quiz = answered(DENSE, "5", "check")
    before = quiz.feedback_area.value
    quiz.entry.value = "25"
    assert quiz.feedback_area.value == before, "a program filled it in"
    now[0] += quiz_module.TAIL_SECONDS + 0.1
    type_in_browser(quiz, "25")
    click(quiz, "hint")
    assert quiz.feedback_area.value == before, "feedback stays with the answer it was for"


def test_lock_in_gives_no_feedback_and_makes_the_input_read_only(state):
    quiz = answered(DENSE, "10", "lock")
    press_enter(quiz)
    assert words(quiz.feedback_area) == "Locked in. Reveal when you are ready."
    assert quiz.entry.disabled and quiz.check_button.disabled
    assert quiz.lock_button.description == "Change my answer"
    assert stored(state)[DENSE]["locked"] is True
    again = ask(DENSE)
    assert again.entry.disabled and again.answer == "10"
    click(again, "lock")
    assert not again.entry.disabled and not again.check_button.disabled
    assert again.lock_button.description == "Lock in"
    assert stored(state)[DENSE]["locked"] is False


@pytest.mark.parametrize("written", ["   ", "many", "2.5"])
def test_what_cannot_be_read_is_neither_marked_nor_locked_nor_kept(written, state):
    quiz = answered(DENSE, "25", "check")
    for button in ("check", "lock"):
        enter(quiz, written)
        click(quiz, button)
        assert not quiz.entry.disabled and "right" not in words(quiz.feedback_area).lower()
        assert re.search("Write|whole number", words(quiz.feedback_area))
        assert quiz.answer == written
    assert stored(state)[DENSE]["answer"] == ask(DENSE).answer == "25"


def test_reveal_shows_the_locked_answer_beside_the_right_one():
    quiz = answered(DENSE, "10", "lock", "reveal")
    text = words(quiz.feedback_area)
    assert text.startswith("You locked in 10 ✗ not right The answer 25 arrows")
    assert "the number of units" in text and "5 × 5 = 25" in text
    assert quiz.reveal_button.description == "Hide the answer"
    assert ask(DENSE).feedback_area.value == quiz.feedback_area.value
    click(quiz, "reveal")
    assert "Locked in." in words(quiz.feedback_area)
    assert quiz.reveal_button.description == "Reveal"


@pytest.mark.parametrize("question_id", EVERY_KIND)
def test_while_revealed_without_an_answer_only_hiding_is_possible(question_id):
    quiz = ask(question_id)
    click(quiz, "reveal")
    assert "Your answer no answer The answer" in words(quiz.feedback_area)
    inputs = getattr(quiz.entry, "children", None) or [quiz.entry]
    buttons = [quiz.check_button, quiz.lock_button, quiz.hint_button]
    assert all(control.disabled for control in [*inputs, *buttons])
    assert not quiz.reveal_button.disabled


def test_the_button_that_was_pressed_keeps_the_keyboard_focus():
    """A button that disables itself would throw a keyboard user out of the card."""
    quiz = answered(DENSE, "10")
    for button in ["check", "hint", "hint", "hint", "lock", "reveal", "reveal", "lock"]:
        click(quiz, button)
        assert not getattr(quiz, f"{button}_button").disabled


def test_hints_in_steps_and_remembered():
    quiz = ask(DENSE)
    assert quiz.hint_button.description == "Hint (1 of 2)"
    click(quiz, "hint")
    assert "Hint 1:" in words(quiz.hints_area) and "Hint 2:" not in words(quiz.hints_area)
    assert quiz.hint_button.description == "Hint (2 of 2)"
    again = ask(DENSE)
    assert "Hint 1:" in words(again.hints_area)
    click(again, "hint", "hint")
    assert "Hint 2:" in words(again.hints_area)
    assert again.hint_button.description == "All hints shown"


def test_what_a_student_wrote_is_escaped_wherever_it_is_shown():
    nasty = '<script>alert(1)</script>"><img src=x>&lt;'
    quiz = answered(NAME, nasty)
    for button, again in (("check", True), ("lock", False), ("reveal", True)):
        click(quiz, button)
        assert (escape(nasty) in quiz.feedback_area.value) is again
        for area in (quiz.feedback_area, quiz.hints_area, quiz.notice_area):
            assert "<script" not in area.value and "<img" not in area.value
    assert ask(NAME).answer == nasty


def test_every_control_is_labelled_in_text_that_is_no_html():
    assert ask(DENSE).entry.description == "Your answer (arrows)"
    assert ask(NAME).entry.description == ask(STRIDE).entry.description == "Your answer"
    quiz = ask(SPARSE)
    for box in quiz.entry.children:
        assert box.description and not box.description_allow_html
    for button in (quiz.check_button, quiz.lock_button, quiz.hint_button, quiz.reveal_button):
        assert button.description and button.tooltip


def test_an_unwritable_place_is_said_and_the_quiz_works(tmp_path, monkeypatch):
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "blocked"))
    quiz = answered(DENSE, "25", "check")
    assert "✓ Right:" in words(quiz.feedback_area)
    assert "Your answers are not kept:" in words(quiz.notice_area)


def test_the_notice_goes_when_answers_are_kept_again(monkeypatch, state):
    quiz = answered(DENSE, "25")
    with monkeypatch.context() as patch:
        patch.setattr(quiz._answers, "change", lambda _: (None, "They are not kept: full."))
        click(quiz, "check")
        assert "not kept" in quiz.notice_area.value
    click(quiz, "hint")
    assert quiz.notice_area.value == ""
    assert (stored(state)[DENSE]["answer"], stored(state)[DENSE]["checked"]) == ("25", True)


def test_a_corrupt_file_is_set_aside_and_the_student_is_told(state):
    path = state / "answers" / "01_sparse_connectivity.json"
    path.parent.mkdir(parents=True)
    path.write_text("{broken")
    quiz = ask(DENSE)
    kept = path.with_name("01_sparse_connectivity.unreadable-1.json")
    assert str(kept) in words(quiz.notice_area) and kept.read_text() == "{broken"
    enter(quiz, "25")
    click(quiz, "check")
    assert str(kept) in words(quiz.notice_area)


def test_an_answer_that_no_longer_fits_the_question_is_dropped(state):
    answered(STRIDE, "later", "lock")
    path = state / "answers" / "01_sparse_connectivity.json"
    path.write_text(path.read_text().replace('"later"', '"gone"'))
    again = ask(STRIDE)
    assert again.answer == again.feedback_area.value == "" and not again.entry.disabled


@pytest.fixture(params=["one kernel", "two kernels"])
def press(request, monkeypatch):
    """Press buttons of a card; cards of two kernels share nothing but the file."""

    def press(card, *buttons):
        if request.param == "two kernels":
            monkeypatch.setattr(quiz_module, "CARDS", [card])
        click(card, *buttons)

    press.at_once = request.param == "one kernel"
    return press


@pytest.mark.parametrize("button", ["check", "lock", "hint", "reveal"])
@pytest.mark.parametrize(("question_id", "answer"), [(DENSE, "25"), (SPARSE, ["zeros", "depth"])])
def test_a_stale_card_neither_erases_nor_unlocks(state, press, button, question_id, answer):
    first, second = ask(question_id), ask(question_id)
    enter(first, answer)
    press(first, "hint", "hint", "lock")
    assert (second.answer == answer and second.check_button.disabled) is press.at_once
    if not (press.at_once and button == "lock"):  # it would be "Change my answer"
        press(second, button)
    record = stored(state)[question_id]
    assert (record["answer"], record["locked"], record["hints"]) == (answer, True, 2)
    assert record["revealed"] is (button == "reveal")
    assert second.answer == answer and second.check_button.disabled
    assert "Hint 2:" in words(second.hints_area)


@pytest.mark.parametrize("button", ["check", "lock", "reveal"])
def test_what_was_written_beside_a_locked_answer_is_handed_back(state, press, button):
    first, second = answered(DENSE, "25"), answered(DENSE, "<10>")
    press(first, "lock")
    if not press.at_once:
        press(second, button)
        assert "What you wrote here is not kept: &lt;10&gt;" in second.notice_area.value
    assert second.answer == stored(state)[DENSE]["answer"] == "25"


def test_a_draft_stays_while_another_card_is_used(state, press):
    first, second = answered(DENSE, "25"), answered(DENSE, "10")
    press(first, "check")
    press(second, "hint")
    assert second.answer == "10" and stored(state)[DENSE]["answer"] == "25"
    press(second, "reveal")
    assert second.answer == stored(state)[DENSE]["answer"] == "25"
    assert "✓ right" in words(second.feedback_area)


def test_an_answer_changed_on_purpose_replaces_the_other_cards(state, press):
    first, second = answered(DENSE, "10"), ask(DENSE)
    press(first, "lock")
    if not press.at_once:
        press(second, "hint")
    press(second, "lock")  # "Change my answer"
    enter(second, "25")
    press(second, "check")
    assert stored(state)[DENSE] == RECORD | {"hints": 0 if press.at_once else 1}
    assert (first.answer == "25") is press.at_once


def test_two_questions_do_not_overwrite_each_other(state):
    for question_id, answer in ((DENSE, "25"), (NAME, "receptive field")):
        answered(question_id, answer, "check")
    assert set(stored(state)) == {DENSE, NAME}


@pytest.mark.parametrize(("question_id", "right"), [(DENSE, "25"), (STRIDE, "later")])
def test_without_a_home_the_quiz_works_and_says_what_is_not_kept(monkeypatch, question_id, right):
    monkeypatch.setenv("CNN_COURSE_STATE", "~nouser/x")
    quiz = ask(question_id)
    assert "Your earlier answers cannot be read: there is no home" in words(quiz.notice_area)
    enter(quiz, right)
    click(quiz, "check")
    assert "✓ Right:" in words(quiz.feedback_area)
    assert "Your answers are not kept: there is no home" in words(quiz.notice_area)
    click(quiz, "hint")
    assert "✓ Right:" in words(quiz.feedback_area)


def test_forget_sets_the_answers_aside(state, monkeypatch, capsys):
    quiz = answered(DENSE, "25", "check")
    forget("01")
    kept = state / "answers" / "01_sparse_connectivity.old-1.json"
    assert str(kept) in capsys.readouterr().out and DENSE in kept.read_text()
    assert quiz.answer == ask(DENSE).answer == quiz.feedback_area.value == ""
    click(quiz, "hint")
    assert stored(state)[DENSE]["answer"] == ""
    forget("01")
    assert "old-2" in capsys.readouterr().out
    forget("01")
    assert capsys.readouterr().out == "There are no stored answers for notebook 01.\n"
    monkeypatch.setenv("CNN_COURSE_STATE", "~nouser/x")
    forget("01")
    assert capsys.readouterr().out.startswith("Your answers stay as they are: there is no home")
    with pytest.raises(ValueError, match=r"notebook must be one of .*01.*, got '99'"):
        forget("99")


@pytest.mark.parametrize("question_id", EVERY_KIND)
def test_the_shown_form_does_not_depend_on_what_was_answered(question_id):
    """nbval compares every representation but the live widget."""
    quiz, bundles = ask(question_id), []
    for card in (quiz, quiz, ask(question_id)):
        bundles.append(card._repr_mimebundle_())
        assert bundles[-1].pop("application/vnd.jupyter.widget-view+json")["model_id"]
        click(quiz, "hint", "reveal")
    assert bundles[0] == bundles[1] == bundles[2] and set(bundles[0]) == {"text/plain", "text/html"}
    assert repr(quiz) == bundles[0]["text/plain"]


def test_silent_and_equal_in_a_fresh_process():
    """No warning, nothing on stderr, and the same text as here: nbval compares all of it."""
    program = (
        f"from course_utils.quiz import ask\nquiz = ask({DENSE!r})\n"
        "quiz.entry.value = '5'\nquiz.check_button.click()\nquiz.lock_button.click()\n"
        "quiz.reveal_button.click()\nquiz.hint_button.click()\nprint(quiz)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{ask(DENSE)!r}\n", "")


# ------------------------------------------------------------------------- the file of answers
# What keeps any such file safe is tested in test_state.py.


def test_records_come_back_and_a_change_starts_from_what_is_stored_now():
    file, other = AnswerFile("01_x"), AnswerFile("01_x")
    assert file.read() == ({}, "") and not file.path.parent.exists()
    odd = RECORD | {"answer": ["a", "é<\ud800"]}
    assert file.change(lambda now: now | {"01.a": RECORD}) == ({"01.a": RECORD}, "")
    assert other.change(lambda now: now | {"01.b": odd}) == ({"01.a": RECORD, "01.b": odd}, "")
    assert file.read() == other.read() == ({"01.a": RECORD, "01.b": odd}, "")


@pytest.mark.parametrize(
    "content",
    [
        *("[]", '{"version": 1}', '{"version": 2, "answers": {}}'),
        '{"version": 1, "answers": {"01.a": "25"}}',
        '{"version": 1, "answers": {"01.a": {"answer": "25"}}}',
        json.dumps({"version": 1, "answers": {"01.a": RECORD | {"answer": [1]}}}),
        json.dumps({"version": 1, "answers": {"01.a": RECORD | {"answer": 5}}}),
        json.dumps({"version": 1, "answers": {"01.a": RECORD | {"checked": "yes"}}}),
    ],
)
def test_an_unreadable_file_is_set_aside_whole(content):
    file = AnswerFile("01_x")
    file.path.parent.mkdir(parents=True)
    file.path.write_text(content)
    notice = file.read()[1]
    kept = file.path.with_name("01_x.unreadable-1.json")
    assert kept.read_text() == content and str(kept) in notice and "could not be read" in notice
    assert file.change(lambda now: now | {"01.c": RECORD}) == ({"01.c": RECORD}, "")
