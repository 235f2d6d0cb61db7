"""How a question reads and how its card looks: what is escaped, folded, announced, and said."""

import re

import pytest

from course_utils.drawing import style
from course_utils.quiz import card
from course_utils.quiz.card import STYLE, hints_html, reveal_html, verdict_html
from course_utils.quiz.marking import Verdict
from course_utils.quiz.questions import Question, Wrong
from course_utils.quiz.text import answer_text, markup, number_text, plain, static_html, text_form

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
NASTY = "<script>alert('x')</script>&\""
RIGHT, NOT_RIGHT = Verdict(True, "So <many>."), Verdict(False, "Too few.")
UNREAD = Verdict(False, "Not a number.", attempt=False)


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
        ("(*a* & *b*)", "(<em>a</em> &amp; <em>b</em>)", "(a & b)"),
        ('say "x"', "say &quot;x&quot;", 'say "x"'),
    ],
)
def test_markup(text, html, words):
    assert markup(text) == html
    assert plain(text) == words


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


def test_text_forms():
    assert text_form(NUMBER) == (
        "Question 01.n (from the lecture: Q: how many?)\n"
        "How many x, in all?\n"
        "Answer it in the widget: run this cell. It has 2 hints."
    )
    assert text_form(CHOICES) == (
        "Question 01.m\nWhich?\n  [ ] A & <A>\n  [ ] B\n  [ ] C\n"
        "Answer it in the widget: run this cell. It has 1 hint."
    )


def test_the_static_page_shows_the_question_and_folds_the_rest():
    page = static_html(NUMBER)
    shown, folded = page.split("<details>", 1)
    assert "How <em>many</em> <var>x</var>, in all?" in shown
    assert "60,000" not in shown and "So &lt;many&gt;." not in shown
    assert page.count("<details>") == page.count("</details>") == 3
    assert "<summary>Hint 1 of 2</summary><p>One &amp; only.</p>" in page
    for words in ("<strong>about 60,000 times</strong>", "So &lt;many&gt;.", "5 or 1,200</strong>"):
        assert words in folded
    options = static_html(CHOICES)
    assert "<li>A &amp; &lt;A&gt;</li>" in options
    assert "<strong>Left out: A &amp; &lt;A&gt;</strong>: Look." in options
    assert "<style" not in page + options and "<script" not in page + options


def contrast(a, b):
    """WCAG 2.2 contrast ratio of two colours `#RRGGBB`."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        (style.INK, style.PAPER, 4.5),
        (style.MUTED, style.PAPER, 4.5),
        (style.INK, card._SHADE, 4.5),
        (style.GOOD, style.PAPER, 3),  # bars and outlines, not text
        (style.BAD, style.PAPER, 3),
        (style.INPUT, style.PAPER, 3),
    ],
)
def test_contrast(ink, ground, least):
    assert contrast(ink, ground) >= least


def test_colour_is_for_bars_only_and_sizes_scale_with_the_slide():
    for colour in (style.GOOD, style.BAD):
        assert re.findall(rf"([\w-]+):\s*{colour}", STYLE) == ["border-left-color"]
    first, *sizes = re.findall(r"font-size:\s*([^;}]+)", STYLE)
    assert first == "var(--jp-content-font-size1, 1em)", "that of a stored card"
    assert sizes and all(size.strip().endswith("em") for size in sizes)


@pytest.mark.parametrize("verdict", [RIGHT, NOT_RIGHT, UNREAD])
def test_what_a_student_wrote_is_escaped(verdict):
    pages = [reveal_html(NUMBER, NASTY, verdict, locked) for locked in (True, False)]
    for page in (verdict_html(NUMBER, NASTY, verdict), *pages):
        assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;" in page
        assert "<script" not in page and 'role="status" aria-live="polite"' in page


def test_right_and_wrong_are_words_and_symbols():
    assert "✓ Right:" in verdict_html(NUMBER, "60000", RIGHT)
    assert "✗ Not right:" in verdict_html(NUMBER, "5", NOT_RIGHT)
    assert "<strong>✓ right</strong>" in reveal_html(NUMBER, "60000", RIGHT, False)


def test_the_reveal_shows_both_answers_the_slip_and_the_explanation():
    page = reveal_html(NUMBER, "5", NOT_RIGHT, locked=True)
    order = ["You locked in", ">5<", "✗ not right", "The answer", "about 60,000 times", "Too few."]
    places = [page.index(part) for part in (*order, "So &lt;many&gt;.")]
    assert places == sorted(places)
    assert "Your answer" in reveal_html(NUMBER, "5", NOT_RIGHT, locked=False)
    assert reveal_html(NUMBER, "60000", RIGHT, True).count("So &lt;many&gt;.") == 1
    assert "<td>no answer</td>" in reveal_html(NUMBER, "", UNREAD, False)
    unread = reveal_html(NUMBER, "many", UNREAD, False)
    assert "(not marked)" in unread and "✗" not in unread


def test_hints_in_steps():
    assert hints_html(NUMBER, 0) == ""
    assert "One &amp; only." in hints_html(NUMBER, 1) and "Two." not in hints_html(NUMBER, 1)
    assert "<strong>Hint 2:</strong> Two." in hints_html(NUMBER, 2)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        *((plainly, "") for plainly in ("25", " 25.0 times.", "-3", "1,250", "many")),
        ("5*5", " = 25"),
        ("0,25", " = 0.25"),
        ("5²", " = 25"),
        ("6·10⁷", " = 60,000,000"),
        ("1/3", " = 0.333333333333"),
        ("267 960", " = 267,960"),
    ],
)
def test_a_number_that_was_worked_out_is_shown(written, shown):
    page = verdict_html(NUMBER, written, NOT_RIGHT)
    assert f'<code class="cnn-quiz-given">{written.strip()}</code>{shown}</p>' in page
    unread = reveal_html(NUMBER, written, UNREAD, locked=False)
    assert f"{written.strip()}</code>{shown} (not marked)" in unread
