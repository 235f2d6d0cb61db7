"""Marking: what counts as which number or word, and which explanation a wrong answer gets."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from course_utils.quiz.marking import Verdict, mark, normalise, parse_number, reading
from course_utils.quiz.questions import Question, Wrong

BASE = {"prompt": "?", "explanation": "because 5 × 5", "hints": ("h",)}
UNITS, MANY = Wrong((5, 10), "units"), Wrong((1000,), "too many", tolerance=50)
ASKED = BASE | {"nudge": "count again", "unit": "arrows"}
NUMBER = Question("01.n", "number", answer=25, wrong=(UNITS, MANY), integer=True, **ASKED)
SIGHT = BASE | {"nudge": "think of sight", "wrong": (Wrong(("kernel", "filter"), "weights"),)}
TEXT = Question("01.t", "text", answer="receptive field", accept=("RF",), **SIGHT)
OPTIONS = BASE | {"options": dict(zip("abcd", "ABCD", strict=True))}
CHOICE = Question("01.c", "choice", answer="b", wrong=(Wrong(("a", "c", "d"), "no"),), **OPTIONS)
FALSE = (Wrong(("c",), "c is false"), Wrong(("d",), "d is false"))
MISSED = tuple(Wrong((key,), f"{key} is missing", missed=True) for key in "ab")
CHOICES = CHOICE._replace(kind="choices", answer=("a", "b"), wrong=FALSE + MISSED)


READ = {  # value: how people write it
    25: (" 25.0 ", "25.", "25,", "2.5e1", "2.5E+1", "+25", "= 25", "≈25", "5²", "٢٥"),
    25.5: ("２５．５", "2\u200b5.5\ufeff"),
    -3: ("-3", "\u22123", "\u20133", "\u2014 3"),  # minus, en dash, em dash
    0.5: (".5", "0,5"),
    0.25: ("0,25", "0,250", "1/4", "1⁄4", "¼", "25 %"),  # a group of thousands never starts with 0
    2.5: ("2,5000",),
    26.79: ("26,79",),
    267960: ("267,960", "267 960", "267\u202f960", "267'960", "267\u2019960", "267_960"),
    16006144000: ("16,006,144,000",),
    1234.5: ("1,234.5",),
    7: ("007",),
    10**7: ("10⁷",),
    0.001: ("10⁻³",),
    1024: ("2^10",),
    -25: ("-5²",),
    6e7: ("6×10⁷", "6 · 10^7"),
    2.6e-9: ("2.6·10⁻⁹",),
    784: ("28*28", "28x28", "28 × 28"),
    111.5: ("(224 - 7 + 2*3)/2",),
    11: ("1.1*10",),
    -6: ("2*-3",),
    1: ("3 - 2",),
    9: ("6/2*3",),
}


@pytest.mark.parametrize(("value", "written"), [(v, w) for v, forms in READ.items() for w in forms])
def test_numbers_are_read_as_people_write_them(written, value):
    assert parse_number(written) == value


NO_NUMBERS = [
    *("", "x", "five", "x1", "$25", "25, 26", "1 2", "2.5.1", "1.025.000", "12,34,567", "n0"),
    *("1,,000", "1,000,00", "0 250", "1 25", "nan", "inf", "--2", "1 e5", "25)", "(25", "5*"),
    *("5(3)", "2½", "3 1/2", "0·25", "①", "5₂", "5\u20625", "²5", "1/0", "0^-1", "5//2", "7%2"),
    *("1e999", "1e9999", "9**9**9", "((9^99)^99)^99", "2^0.5", "1+" * 60 + "1", "2\u20133"),
    *("n*5", "__import__('os')", "lambda: 3", "1if 1else 2", "[25]", "25=5*5", "1;2", "25!"),
    "25?",
]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("written", NO_NUMBERS)
def test_what_is_no_number_is_refused_with_what_to_write(written, whole):
    with pytest.raises(ValueError, match=r"number") as caught:
        parse_number(written, whole=whole)
    assert str(caught.value).endswith(".")


def test_a_formula_may_have_a_hundred_characters():
    assert parse_number("1+" * 49 + "12") == 61
    with pytest.raises(ValueError, match="cannot be read"):
        parse_number("1+" * 50 + "1")


@pytest.mark.parametrize(
    ("written", "whole", "words"),
    [
        ("4,600", False, "4,600 could be 4600 or 4.6. Write decimals after a decimal point, and"),
        ("86,704", False, "86,704 could be 86704 or 86.704. Write decimals after a decimal point"),
        ("60.000", True, "60.000 could be 60000 or 60. Write thousands as 60000."),
        ("59.733 arrows", True, "59.733 could be 59733 or 59.733."),
        ("2*1,250", False, "1,250 could be 1250 or 1.25."),
    ],
)
def test_a_mark_that_may_separate_thousands_or_decimals_is_asked_about(written, whole, words):
    with pytest.raises(ValueError) as caught:
        parse_number(written, "arrows", whole)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("answer", "integer", "written", "read"),
    [
        (4600, True, "4,600", 4600),
        (59733.3, False, "59,733", 59733),  # thousands are expected, and written with a comma
        (4.6, False, "4.600", 4.6),
        (4.6, False, "4,600", None),
        (0.25, False, "0,250", 0.25),
        (86.704128, False, "86,704,128", 86704128),
        (86.704128, False, "86.704", 86.704),
        (86.704128, False, "86,704", None),
    ],
)
def test_the_expected_answer_says_what_a_comma_may_mean(answer, integer, written, read):
    question = NUMBER._replace(answer=answer, integer=integer)
    if read is None:
        assert not mark(question, written).attempt
    else:
        assert reading(question, written) == read
        assert mark(question, written).attempt


@pytest.mark.parametrize(
    ("unit", "written"),
    [
        (
            "arrows",
            ["25 arrows", "25arrows", "25 Arrow", "25.0 ARROWS", "25 arrows.", "5*5 arrows"],
        ),
        ("entries", ["25 entry", "25 entries"]),
        ("pixels", ["25 px", "25px", "25 pixel"]),
        ("%", ["25 %", "25%", "25 percent", "25 per cent", "25 ％"]),
        ("times", ["25 times", "25x", "25 ×", "25-fold"]),
        ("million MACs", ["25 million", "25 Million MACs", "25 million multiply-adds"]),
    ],
)
def test_the_unit_may_follow(unit, written):
    assert [parse_number(text, unit) for text in written] == [25] * len(written)


@pytest.mark.parametrize(
    ("written", "unit"), [("25 pixels", "arrows"), ("25 %", "arrows"), ("25 MACs", "million MACs")]
)
def test_another_unit_is_refused_and_the_right_one_named(written, unit):
    with pytest.raises(ValueError, match=f"^Write the number alone, or with the unit {unit}\\.$"):
        parse_number(written, unit)
    with pytest.raises(ValueError, match=r"^Write the number alone\.$"):
        parse_number("25 arrows")


@given(st.integers(-(10**12), 10**12))
def test_every_whole_number_is_read_back_from_its_printed_forms(value):
    for written in (str(value), f"{value:,}", f"{value:_}", f"{value}.0", f" {value} arrows"):
        assert parse_number(written, "arrows") == value


@given(st.floats(-1e12, 1e12).filter(lambda value: value == 0 or abs(value) > 1e-250))
def test_every_decimal_number_is_read_as_python_reads_it(value):
    for written in (repr(value), f"{value:.4f}", f"{value:,.4f}", f"{value:.9e}"):
        expected = float(written.replace(",", ""))
        assert parse_number(written, whole=False) == expected
        assert parse_number(written.replace("-", "\u2212"), whole=False) == expected


@given(st.text(st.sampled_from("0123456789.+-*/()e²"), max_size=12), st.booleans())
@example("10²", True)
def test_a_reading_is_never_another_number_than_pythons(written, whole):
    try:
        value = parse_number(written, whole=whole)
    except ValueError:
        return
    python = re.sub("²+", lambda found: "**" + "2" * len(found[0]), written.rstrip("."))
    python = re.sub(r"(?<![\d.])0+(?=\d)", "", python)
    assert value == pytest.approx(eval(python), rel=1e-12)


@given(st.integers(-99, 99), st.integers(-9, 9))
def test_powers_are_computed(base, exponent):
    if base or exponent >= 0:
        raised = str(exponent).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
        for written in (f"({base}){raised}", f"({base})^({exponent})"):
            assert parse_number(written) == pytest.approx(float(base) ** exponent)


@given(st.text())
def test_any_text_gets_a_verdict(text):
    for question in (NUMBER, TEXT):
        verdict = mark(question, text)
        assert verdict.message
        assert not (verdict.correct and not verdict.attempt)


SPELL = "Close: check the spelling, and write the term alone."


@pytest.mark.parametrize(
    ("question", "raw", "message"),
    [
        *((NUMBER, raw, "") for raw in ("25", "25.0", "25 arrows", "2.5e1")),
        *((NUMBER, raw, "units") for raw in ("5", "10.0")),
        *((NUMBER, "1,049", "too many"), (NUMBER, "1,051", "count again")),
        *((TEXT, raw, "") for raw in ("receptive field", " the  Receptive-Field. ", "rf")),
        *((TEXT, "The Kernel", "weights"), (TEXT, "receptive feild", SPELL)),
        *((TEXT, raw, "think of sight") for raw in ("padding", "???")),
        *((CHOICE, "b", ""), (CHOICE, "a", "no")),
        *((CHOICES, ["b", "a"], ""), (CHOICES, ["a"], "b is missing")),
        *((CHOICES, raw, "c is false") for raw in (["a", "b", "c"], ["c"])),  # said first
        (CHOICES, ["c", "d"], "c is false\n\nd is false"),
    ],
)
def test_right_answers_get_the_explanation_and_wrong_ones_their_own(question, raw, message):
    verdict = mark(question, raw)
    assert verdict == Verdict(not message, message or "because 5 × 5")


@pytest.mark.parametrize(
    ("question", "raw", "message"),
    [
        *((NUMBER, raw, "Write an answer first.") for raw in ("", "  ", None)),
        (NUMBER, "12.5", "A whole number is asked for, and this reads as 12.5."),
        (NUMBER, "many", "This cannot be read as a number."),
        (CHOICE, "", "Choose an answer first."),
        (CHOICES, [], "Tick an answer first."),
    ],
)
def test_what_cannot_be_read_is_no_attempt(question, raw, message):
    verdict = mark(question, raw)
    assert (verdict.correct, verdict.attempt) == (False, False)
    assert verdict.message.startswith(message)


def test_an_article_is_only_dropped_as_a_word():
    assert [normalise(text) for text in ("a field", "area", "the")] == ["field", "area", "the"]


@pytest.mark.parametrize("question", [CHOICE, CHOICES])
def test_an_unknown_option_is_an_error_that_names_it(question):
    with pytest.raises(
        ValueError, match=r"raw must hold keys of options \(a, b, c, d\), got \['z'\]"
    ):
        mark(question, "z" if question is CHOICE else ["a", "z"])
