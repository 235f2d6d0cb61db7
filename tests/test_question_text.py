"""A question in words: what is compared between runs, and shown where no kernel runs."""

import pytest

from course_utils.quiz.questions import Question, Wrong
from course_utils.quiz.text import (
    answer_text,
    markup,
    number_text,
    plain,
    static_html,
    text_form,
)

NUMBER = Question(
    id="01.n",
    kind="number",
    prompt="How *many* `x`,\nin all?",
    answer=60000,
    explanation="So <many>.",
    hints=("One & only.", "Two."),
    wrong=(Wrong((5, 1200), "Too few."),),
    lecture="Q: how many?",
    tolerance=10,
    unit="times",
)
CHOICES = Question(
    id="01.m",
    kind="choices",
    prompt="Which?",
    answer=("c", "a"),
    explanation="So.",
    hints=("Look.",),
    wrong=(Wrong(("b",), "No."), Wrong(("a",), "Look.", missed=True)),
    options=(("a", "A & <A>"), ("b", "B"), ("c", "C")),
)


@pytest.mark.parametrize(
    ("text", "html", "words"),
    [
        ("a `x_1*2*` b", "a <code>x_1*2*</code> b", "a x_1*2* b"),
        ("*how many*?", "<em>how many</em>?", "how many?"),
        ("3*5*2 = 30", "3*5*2 = 30", "3*5*2 = 30"),
        ("3 * 5 * 2", "3 * 5 * 2", "3 * 5 * 2"),
        ("one\nline\n\nnext", "one line<br>next", "one line\nnext"),
        ("a < b & `c > d`", "a &lt; b &amp; <code>c &gt; d</code>", "a < b & c > d"),
        ("<script>*x*</script>", "&lt;script&gt;<em>x</em>&lt;/script&gt;", "<script>x</script>"),
        ('say "x"', "say &quot;x&quot;", 'say "x"'),
    ],
)
def test_markup(text, html, words):
    assert markup(text) == html
    assert plain(text) == words


def test_emphasis_beside_punctuation_and_escapes():
    assert markup("(*a* & *b*)") == "(<em>a</em> &amp; <em>b</em>)"


@pytest.mark.parametrize(
    ("value", "text"), [(25, "25"), (60000.0, "60,000"), (0.5, "0.5"), (-3, "-3")]
)
def test_numbers_as_the_course_prints_them(value, text):
    assert number_text(value) == text


def test_answers_in_words():
    assert answer_text(NUMBER) == "about 60,000 times"
    assert answer_text(NUMBER, " 5 ") == "5"
    assert answer_text(CHOICES) == "A & <A>; C"
    assert answer_text(CHOICES, ["b"]) == "B"


def test_text_form_of_a_number():
    assert text_form(NUMBER) == (
        "Question 01.n (from the lecture: Q: how many?)\n"
        "How many x, in all?\n"
        "Answer it in the widget: run this cell. It has 2 hints."
    )


def test_text_form_of_choices():
    assert text_form(CHOICES) == (
        "Question 01.m\nWhich?\n  [ ] A & <A>\n  [ ] B\n  [ ] C\n"
        "Answer it in the widget: run this cell. It has 1 hint."
    )


def test_static_page_shows_the_question_and_folds_the_rest():
    page = static_html(NUMBER)
    shown, folded = page.split("<details>", 1)
    assert "How <em>many</em> <var>x</var>, in all?" in shown
    assert "60,000" not in shown
    assert "So &lt;many&gt;." not in shown
    assert page.count("<details>") == page.count("</details>") == 3
    assert "<summary>Hint 1 of 2</summary><p>One &amp; only.</p>" in page
    assert "<strong>about 60,000 times</strong>" in folded
    assert "So &lt;many&gt;." in folded
    assert "<strong>5 or 1,200</strong>: Too few." in folded


def test_static_page_of_options_escapes_them_and_names_what_was_left_out():
    page = static_html(CHOICES)
    assert "<li>A &amp; &lt;A&gt;</li>" in page
    assert "<strong>Left out: A &amp; &lt;A&gt;</strong>: Look." in page


def test_static_page_needs_no_stylesheet_or_script():
    assert "<style" not in static_html(NUMBER)
    assert "<script" not in static_html(NUMBER)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("∂`s_i`/∂`x1`", "∂<var>s</var><sub>i</sub>/∂<var>x</var><sub>1</sub>"),
        (
            "`(T x)_i = x_(i−1)`",
            "(<var>T</var> <var>x</var>)<sub>i</sub> = <var>x</var><sub>i−1</sub>",
        ),
        ("`T′`", "<var>T</var>′"),
        (
            "`kernel` `Conv2d` `1 13 13`",
            "<code>kernel</code> <code>Conv2d</code> <code>1 13 13</code>",
        ),
        ("`a < b`", "<code>a &lt; b</code>"),
    ],
)
def test_symbols_are_set_as_mathematics_and_code_as_code(text, shown):
    assert markup(text) == shown
