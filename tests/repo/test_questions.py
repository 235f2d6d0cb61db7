"""Every question file: each right answer is marked right, each known wrong one explained."""

import re

import pytest

from course_utils.data_files import DATA
from course_utils.geometry import edge_count, receptive_field
from course_utils.marking import mark
from course_utils.question_text import markup, plain, static_html, text_form
from course_utils.questions import load_questions, question_files

FILES = question_files()
QUESTIONS = [q for path in FILES.values() for q in load_questions(path).values()]
EACH = pytest.mark.parametrize("question", QUESTIONS, ids=[q.id for q in QUESTIONS])


def raw(question, value):
    """A value of a question file as the widget hands it to mark()."""
    return str(value) if question.kind in ("number", "text") else value


def known_wrong():
    """(question, raw answer, the explanation it must get), for every foreseen wrong answer."""
    for question in QUESTIONS:
        for wrong in question.wrong:
            for value in wrong.values:
                if question.kind == "choices":
                    right = set(question.answer)
                    yield question, sorted(right ^ {value}), wrong.because
                else:
                    yield question, raw(question, value), wrong.because


# The lecture's own questions, in its order, and where each is asked.
LECTURE = {
    "01.dense-arrows": "how many arrows we have?",
    "01.conv-arrows": "how many arrows we have?",
    "01.filter-and-stride": "filter size and stride?",
    "01.stride-field": "larger stride of convolution filter → increase receptive field?",
    "04.which-pooling": "what is type of pooling? Max or average pooling?",
    "04.seagull-one": "Seagull = 1?",
    "10.two-variants": "difference between those two variants?",
    "10.lower-layers": "why output prediction from lower layers?",
    "06.why-not-deeper": "why they did not develop some architecture with more layers?",
    "09.why-not-deeper": "why they did not develop some architecture with more layers?",
    "11.vgg-flops": "VGG-19 has much more FLOPs than 34-layer plain network and 34-layer ResNet?",
}


@pytest.mark.parametrize("name", LECTURE)
def test_every_question_of_the_lecture_is_asked_in_its_words(name):
    """That its notebook asks it, once, is held by test_lessons.py."""
    (question,) = [q for q in QUESTIONS if q.id == name]
    assert LECTURE[name] in question.lecture


def test_every_file_is_named_as_its_notebook_and_found():
    found = sorted((DATA / "questions").iterdir())
    assert found == list(FILES.values())
    assert len(QUESTIONS) >= 12
    for path in found:
        assert re.fullmatch(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*\.toml", path.name)


@EACH
def test_the_right_answer_is_right(question):
    answer = raw(question, question.answer)
    verdict = mark(question, answer)
    assert verdict.correct
    assert verdict.message == question.explanation


@EACH
def test_every_accepted_form_is_right(question):
    for form in question.accept:
        assert mark(question, form).correct


@pytest.mark.parametrize(
    ("question", "answer", "because"),
    [
        pytest.param(
            *case, id=f"{case[0].id}={'+'.join(case[1]) if isinstance(case[1], list) else case[1]}"
        )
        for case in known_wrong()
    ],
)
def test_a_known_wrong_answer_gets_its_own_explanation(question, answer, because):
    verdict = mark(question, answer)
    assert not verdict.correct
    assert verdict.attempt
    assert verdict.message == because


@EACH
def test_an_unforeseen_wrong_answer_gets_a_useful_reply(question):
    if question.kind in ("choice", "choices"):
        return  # the schema holds that every option is foreseen
    verdict = mark(question, "987654321987" if question.kind == "number" else "quite another word")
    assert verdict.message == question.nudge
    assert len(plain(question.nudge)) > 30


@EACH
def test_explanations_differ_so_that_each_answers_one_idea(question):
    texts = [wrong.because for wrong in question.wrong] + [question.explanation, question.nudge]
    assert len(set(texts)) == len(texts)


@EACH
def test_hints_do_not_give_the_answer_away(question):
    if question.kind == "number":
        answer = f"{question.answer:g}"
        for hint in question.hints:
            assert not re.search(rf"(?<![\d.,]){re.escape(answer)}(?![\d,]|\.\d)", plain(hint))
    elif question.kind == "text":
        for hint in question.hints:
            assert question.answer not in plain(hint).lower()


@EACH
def test_no_markup_is_left_over(question):
    texts = [question.prompt, question.explanation, question.nudge, *question.hints]
    texts += [wrong.because for wrong in question.wrong]
    for text in texts:
        assert not re.search(r"`|\$|(?<!\w)\*|\*(?!\w)", plain(text)), text
        assert not re.search(r"&lt;|</?(?!code|em|br)\w", markup(text)), text
    for _, text in question.options:
        assert not re.search(r"[`*$]", text), text


@EACH
def test_prose_style(question):
    for text in [question.prompt, question.explanation, question.nudge, *question.hints]:
        assert "!" not in text
        assert "  " not in plain(text)
    assert plain(question.prompt).count("\n") <= 3


@EACH
def test_shown_forms_are_the_same_every_time(question):
    assert text_form(question) == text_form(question)
    assert static_html(question) == static_html(question)
    assert question.id in text_form(question)


@pytest.mark.parametrize(
    ("question_id", "computed"),
    [
        ("01.dense-arrows", 5 * 5),
        ("01.conv-arrows", edge_count(5, 3, padding=1)),
        ("01.jacobian-nonzeros", edge_count(5, 3, padding=1)),
        ("01.bigger-kernel", edge_count(5, 5, padding=2)),
        ("01.deeper-field", receptive_field([(3, 1)] * 3)),
        ("01.edge-detector", 2 * (320 * 280) * (319 * 280) / (319 * 280 * 3)),
    ],
)
def test_answers_are_what_the_course_computes(question_id, computed):
    question = {q.id: q for q in QUESTIONS}[question_id]
    assert question.answer == pytest.approx(computed, abs=0.05)
