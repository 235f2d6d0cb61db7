"""The question files: their schema; each right answer is right, each known slip explained."""

import html
import math
import re
import subprocess
import sys
import tomllib
from fractions import Fraction
from itertools import combinations

import pytest

from course_utils.datasets.files import DATA
from course_utils.geometry import edge_count, receptive_field
from course_utils.quiz.card import answer_text, markup, number_text, plain, static_html, text_form
from course_utils.quiz.marking import Verdict, is_right, mark, same
from course_utils.quiz.questions import find_question, load_questions, question_files

FILES = question_files()
QUESTIONS = [q for path in FILES.values() for q in load_questions(path).values()]


def each(*kinds):
    """Parametrize over the questions of these kinds; over all without any."""
    chosen = [q for q in QUESTIONS if not kinds or q.kind in kinds]
    return pytest.mark.parametrize("question", chosen, ids=[q.id for q in chosen])


EACH = each()


def raw(question, value):
    """A value of a question file as the widget hands it to mark()."""
    return str(value) if question.kind in ("number", "text") else value


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


def test_every_question_of_the_lecture_is_asked_in_its_words():
    """That its notebook asks it, once, is held by test_lessons.py."""
    asked = {question.id: question.lecture for question in QUESTIONS}
    assert {name: words for name, words in LECTURE.items() if words not in asked[name]} == {}


# key -> type, of each kind of question
REQUIRED = {"id": str, "kind": str, "prompt": str, "explanation": str, "hints": list, "wrong": list}
NUMBER = int | float
OF_KIND = {
    "number": ({"answer": NUMBER, "nudge": str}, {"tolerance": NUMBER, "integer": bool}),
    "choice": ({"answer": str, "options": dict}, {}),
    "choices": ({"answer": list, "options": dict}, {}),
    "text": ({"answer": str, "nudge": str}, {"accept": list}),
}


def keys_problems(table, required, optional):
    """Yield what is missing, unknown, empty or of another type in a table."""
    yield from (f"{key} is missing" for key in required if key not in table)
    for key, value in table.items():
        kind = (required | optional).get(key)
        if kind is None:
            yield f"{key} is unknown"
            continue
        odd = not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)
        if odd or value in ("", [], {}) or value != value:
            yield f"{key} is {value!r}"


def schema_problems(table):
    """Yield what breaks the schema that course_utils/quiz/questions.py explains."""
    kind = table.get("kind")
    if kind not in OF_KIND:
        yield f"kind is {kind!r}"
        return
    required, optional = OF_KIND[kind]
    optional = optional | {"lecture": str} | ({"unit": str} if kind == "number" else {})
    yield from keys_problems(table, REQUIRED | required, optional)
    texts = [*table["hints"], *table.get("accept", []), *table.get("options", {}).values()]
    yield from (f"{text!r} is no text" for text in texts if not str(text).strip())
    single = NUMBER if kind == "number" else str
    more = {"tolerance": NUMBER} if kind == "number" else {}
    for wrong in table["wrong"]:
        key = "missed" if "missed" in wrong and kind == "choices" else "value"
        yield from keys_problems(wrong, {key: single | list, "because": str}, more)


def tables():
    for path in FILES.values():
        yield from tomllib.loads(path.read_text(encoding="utf-8"))["question"]


def test_every_file_is_named_as_its_notebook_and_keeps_to_the_schema():
    assert sorted((DATA / "questions").iterdir()) == list(FILES.values())
    found = {table.get("id"): list(schema_problems(table)) for table in tables()}
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert len(found) == len(QUESTIONS) == len(list(tables())), "an id is used twice"
    for path in FILES.values():
        for name in load_questions(path):
            assert re.fullmatch(rf"{path.name[:2]}\.[a-z0-9]+(-[a-z0-9]+)*", name)


MISTAKES = [
    *(({"toleranc": 1}, "toleranc is unknown"), ({"prompt": ""}, "prompt is ''")),
    *(({"answer": "25"}, "answer is '25'"), ({"answer": True}, "answer is True")),
    *(({"tolerance": math.nan}, "tolerance is nan"), ({"kind": "essay"}, "kind is 'essay'")),
    *(({"hints": [" "]}, "' ' is no text"), ({"wrong": [{"value": 3}]}, "because is missing")),
    ({"wrong": [{"missed": 3, "because": "No."}]}, "missed is unknown"),
]


@pytest.mark.parametrize(("change", "problem"), MISTAKES)
def test_what_breaks_the_schema_is_found(change, problem):
    good = next(table for table in tables() if table["kind"] == "number")
    assert list(schema_problems(good)) == []
    assert problem in list(schema_problems(good | change))


@each("number", "text")
def test_right_and_wrong_never_overlap(question):
    wrong = [value for wrong in question.wrong for value in wrong.values]
    assert not [value for value in wrong if is_right(question, value)]
    assert not [(a, b) for a, b in combinations(wrong, 2) if same(question, a, b)]
    if question.integer:
        assert all(value == int(value) for value in (question.answer, *wrong))


@each("choice", "choices")
def test_every_option_is_explained_once(question):
    keys = set(question.options)
    right = {question.answer} if question.kind == "choice" else set(question.answer)
    picked = [value for wrong in question.wrong if not wrong.missed for value in wrong.values]
    missed = [value for wrong in question.wrong if wrong.missed for value in wrong.values]
    assert len(set(question.options.values())) == len(keys) >= 2 and right <= keys
    assert sorted(picked) == sorted(keys - right)
    assert sorted(missed) == sorted(right if question.kind == "choices" else set())


def test_an_unknown_id_lists_what_there_is():
    with pytest.raises(ValueError, match=r"question_id must be one of '01\.dense-.*'01\.x'"):
        find_question("01.x")
    for unknown in ("99.x", "", 7):
        with pytest.raises(ValueError, match=r"must begin with the number of a notebook \(00, "):
            find_question(unknown)


@EACH
def test_the_right_answer_and_each_foreseen_slip_get_their_own_words(question):
    verdict = mark(question, raw(question, question.answer))
    assert verdict == Verdict(True, question.explanation)
    for wrong in question.wrong:
        for value in wrong.values:
            answer = raw(question, value)
            if question.kind == "choices":  # the right ones, with this one ticked or left out
                answer = sorted({*question.answer} ^ {value})
            assert mark(question, answer) == Verdict(False, wrong.because), value
    texts = [wrong.because for wrong in question.wrong] + [question.explanation, question.nudge]
    assert len(set(texts)) == len(texts)


@each("text")
def test_every_accepted_form_is_right(question):
    assert question.accept
    for form in (question.answer, *question.accept):
        for written in (form, form.upper(), f" the  {form}.", f"\u200b{form.replace(' ', '-')}"):
            assert mark(question, written).correct, written


def superscript(number):
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def unusual(value, unit):
    """Forms in which a student may write a number; each is this number and no other."""
    exact = Fraction(str(value))
    yield from (f"{value} {unit}.", f"= {value}{unit}", f"\u200b{value}\ufeff", f"  {value}  ")
    yield from (f"({value})", f"{value} * 1", f"{value}×1", f"{exact * 3}/3", f"≈{value}")
    yield str(value).translate(str.maketrans("0123456789.-", "０１２３４５６７８９．−"))
    yield f"{exact * 100} / 10{superscript(2)}"
    yield f"{Fraction(value) / 1000 if exact.denominator == 1 else exact / 1000} · 10³"
    if exact.denominator == 1:
        yield from (f"{value:,}".replace(",", by) for by in (",", " ", "\u202f", "'", "_"))
        yield f"{value},0"
    elif len(str(value).split(".")[1]) != 3:
        yield str(value).replace(".", ",")


@each("number")
def test_numbers_in_unusual_forms_are_known(question):
    for written in unusual(question.answer, question.unit):
        assert mark(question, written).correct, written
    for wrong in question.wrong:
        for value in wrong.values:
            for written in unusual(value, question.unit):
                assert mark(question, written).message == wrong.because, written


@each("number", "text")
def test_an_unforeseen_wrong_answer_gets_a_useful_reply(question):
    verdict = mark(question, "987654321987" if question.kind == "number" else "quite another word")
    assert verdict.message == question.nudge
    assert len(plain(question.nudge)) > 30


@each("choice", "choices")
def test_whatever_is_ticked_gets_a_reply_of_its_own(question):
    single = question.kind == "choice"
    right = {question.answer} if single else set(question.answer)
    for size in [1] if single else range(1, len(question.options) + 1):
        for ticked in map(set, combinations(question.options, size)):
            verdict = mark(question, min(ticked) if single else sorted(ticked))
            assert verdict.attempt and verdict.correct is (ticked == right)
            left = verdict.message
            for wrong in question.wrong:
                if set(wrong.values) & (right - ticked if wrong.missed else ticked):
                    left = left.replace(wrong.because, "")
            assert verdict.correct or left.strip() == "" != verdict.message


@each("number", "text")
def test_hints_do_not_give_the_answer_away(question):
    answers = {str(question.answer)}
    if question.kind == "number":
        answers |= {number_text(question.answer), f"{question.answer:g}"}
    for answer in answers:
        told = re.compile(rf"(?<![\w.,]){re.escape(answer)}(?![\w,]|\.\d)", re.I)
        assert [hint for hint in question.hints if told.search(plain(hint))] == []


@EACH
def test_texts_are_in_the_style_of_the_course_and_no_markup_is_left_over(question):
    slips = [wrong.because for wrong in question.wrong]
    for text in [question.prompt, question.explanation, question.nudge, *question.hints, *slips]:
        assert not re.search(r"`|\$|(?<!\w)\*|\*(?!\w)", plain(text)), text
        assert not re.search(r"&lt;|</?(?!code|em|br|su[bp]|var)\w", markup(text)), text
        assert not re.search("!|  ", plain(text)), text
    assert not [text for text in question.options.values() if re.search(r"[`*$]", text)]
    assert plain(question.prompt).count("\n") <= 3


@EACH
def test_what_is_shown_without_a_kernel_is_the_whole_question(question):
    text, page = text_form(question), static_html(question)
    assert question.id in text and plain(question.prompt) in text
    assert all(words in text and html.escape(words) in page for words in question.options.values())
    shown = [question.prompt, *question.hints, question.explanation]
    shown += [wrong.because for wrong in question.wrong]
    assert [words for words in shown if markup(words) not in page] == []
    assert page.index("<summary>") > page.index(markup(question.prompt))
    assert html.escape(answer_text(question)) in page[page.index("Answer and explanation") :]


def test_what_is_shown_is_the_same_in_another_process():
    """nbval compares it; sets, for one, come in another order there."""
    program = (
        "from course_utils.quiz.questions import load_questions, question_files\n"
        "from course_utils.quiz.card import static_html, text_form\n"
        "for path in question_files().values():\n"
        "    for q in load_questions(path).values():\n"
        "        print(text_form(q) + static_html(q), end='')\n"
    )
    command = [sys.executable, "-X", "utf8", "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    assert done.stdout == "".join(text_form(q) + static_html(q) for q in QUESTIONS)


def test_answers_are_what_the_course_computes():
    computed = {
        "01.dense-arrows": 5 * 5,
        "01.conv-arrows": edge_count(5, 3, padding=1),
        "01.jacobian-nonzeros": edge_count(5, 3, padding=1),
        "01.bigger-kernel": edge_count(5, 5, padding=2),
        "01.deeper-field": receptive_field([(3, 1)] * 3),
        "01.edge-detector": 2 * (320 * 280) * (319 * 280) / (319 * 280 * 3),
    }
    answers = {question.id: question.answer for question in QUESTIONS}
    assert {name: answers[name] for name in computed} == pytest.approx(computed, abs=0.05)
