"""Marking: what counts as which number or word, and which explanation a wrong answer gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.marking import Question, Wrong, mark, normalise, parse_number

NUMBER = Question(
    id="01.n",
    kind="number",
    prompt="?",
    answer=25,
    explanation="because 5 × 5",
    hints=("h",),
    wrong=(Wrong((5, 10), "units"), Wrong((1000,), "too many", tolerance=50)),
    nudge="count again",
    unit="arrows",
    integer=True,
)
TEXT = Question(
    id="01.t",
    kind="text",
    prompt="?",
    answer="receptive field",
    explanation="yes",
    hints=("h",),
    wrong=(Wrong(("kernel", "filter"), "weights"),),
    nudge="think of sight",
    accept=("RF",),
)
CHOICE = Question(
    id="01.c",
    kind="choice",
    prompt="?",
    answer="b",
    explanation="yes",
    hints=("h",),
    wrong=(Wrong(("a", "c"), "no"),),
    options=(("a", "A"), ("b", "B"), ("c", "C")),
)
CHOICES = Question(
    id="01.m",
    kind="choices",
    prompt="?",
    answer=("a", "b"),
    explanation="yes",
    hints=("h",),
    wrong=(
        Wrong(("c",), "c is false"),
        Wrong(("d",), "d is false"),
        Wrong(("a",), "a is missing", missed=True),
        Wrong(("b",), "b is missing", missed=True),
    ),
    options=(("a", "A"), ("b", "B"), ("c", "C"), ("d", "D")),
)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("25", 25),
        (" 25.0 ", 25),
        ("25.", 25),
        ("2.5e1", 25),
        ("2.5E+1", 25),
        ("+25", 25),
        ("-3", -3),
        ("\u22123", -3),
        (".5", 0.5),
        ("267,960", 267960),
        ("267 960", 267960),
        ("267\u202f960", 267960),
        ("267_960", 267960),
        ("16,006,144,000", 16006144000),
        ("1,234.5", 1234.5),
        ("\uff12\uff15", 25),
    ],
)
def test_numbers_are_read_as_people_write_them(written, value):
    assert parse_number(written) == value


@pytest.mark.parametrize(
    "written",
    [
        "",
        "x",
        "five",
        "5x5",
        "5*5",
        "0,5",
        "26,79",
        "2,5000",
        "1,,000",
        "nan",
        "inf",
        "1e999",
        "--2",
    ],
)
def test_what_is_no_number_is_refused(written):
    with pytest.raises(ValueError, match=r"number"):
        parse_number(written)


@pytest.mark.parametrize("written", ["25 arrows", "25arrows", "25 Arrow", "25.0 ARROWS"])
def test_a_unit_may_follow(written):
    assert parse_number(written, "arrows") == 25


def test_another_unit_is_refused_and_the_right_one_named():
    with pytest.raises(ValueError, match="with the unit arrows"):
        parse_number("25 pixels", "arrows")
    with pytest.raises(ValueError, match=r"^Write the number alone\.$"):
        parse_number("25 arrows")


@given(st.integers(-(10**12), 10**12))
def test_every_whole_number_is_read_back_from_its_printed_forms(value):
    for written in (str(value), f"{value:,}", f"{value:_}", f"{value}.0", f" {value} arrows"):
        assert parse_number(written, "arrows") == value


@given(st.text())
def test_any_text_gets_a_verdict(text):
    for question in (NUMBER, TEXT):
        verdict = mark(question, text)
        assert verdict.message
        assert not (verdict.correct and not verdict.attempt)


@pytest.mark.parametrize("raw", ["25", "25.0", "25 arrows", "2.5e1"])
def test_a_right_number(raw):
    verdict = mark(NUMBER, raw)
    assert (verdict.correct, verdict.message, verdict.attempt) == (True, "because 5 × 5", True)


@pytest.mark.parametrize(
    ("raw", "message"),
    [("5", "units"), ("10.0", "units"), ("1,049", "too many"), ("1,051", "count again")],
)
def test_a_wrong_number_gets_its_own_explanation_or_the_nudge(raw, message):
    verdict = mark(NUMBER, raw)
    assert (verdict.correct, verdict.message, verdict.attempt) == (False, message, True)


@pytest.mark.parametrize(
    ("question", "raw", "message"),
    [
        (NUMBER, "", "Write an answer first."),
        (NUMBER, "  ", "Write an answer first."),
        (NUMBER, None, "Write an answer first."),
        (NUMBER, "12.5", "A whole number is asked for."),
        (NUMBER, "many", "This is not a number."),
        (CHOICE, "", "Choose an answer first."),
        (CHOICES, [], "Tick an answer first."),
    ],
)
def test_what_cannot_be_read_is_no_attempt(question, raw, message):
    verdict = mark(question, raw)
    assert not verdict.attempt
    assert not verdict.correct
    assert verdict.message.startswith(message)


@pytest.mark.parametrize(
    "raw", ["receptive field", "Receptive Field", " the  receptive-field. ", "receptivefield", "rf"]
)
def test_a_right_text(raw):
    assert mark(TEXT, raw).correct


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("The Kernel", "weights"),
        ("receptive feild", "Close: check the spelling."),
        ("padding", "think of sight"),
        ("???", "think of sight"),
    ],
)
def test_a_wrong_text(raw, message):
    verdict = mark(TEXT, raw)
    assert (verdict.correct, verdict.message) == (False, message)


def test_an_article_is_only_dropped_as_a_word():
    assert normalise("a field") == "field"
    assert normalise("area") == "area"
    assert normalise("the") == "the"


def test_choice():
    assert mark(CHOICE, "b").correct
    assert mark(CHOICE, "a").message == "no"


@pytest.mark.parametrize("question", [CHOICE, CHOICES])
def test_an_unknown_option_is_an_error_that_names_it(question):
    with pytest.raises(ValueError, match=r"raw must hold keys of options \(a, b, c.*got \['z'\]"):
        mark(question, "z" if question is CHOICE else ["a", "z"])


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (["a"], "b is missing"),
        (["b"], "a is missing"),
        (["a", "b", "c"], "c is false"),
        (["c"], "c is false"),
        (["c", "d"], "c is false\n\nd is false"),
    ],
)
def test_choices_say_first_what_is_ticked_wrongly_then_what_is_missing(raw, message):
    verdict = mark(CHOICES, raw)
    assert (verdict.correct, verdict.message) == (False, message)


def test_choices_in_any_order_are_right():
    assert mark(CHOICES, ["b", "a"]).correct
