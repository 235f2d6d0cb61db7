"""How a question reads and how its card looks: what is escaped, folded, announced, and said."""

import re

import pytest

from course_utils.drawing import style
from course_utils.quiz import card
from course_utils.quiz.card import answer_text, hints_html, markup, number_text, static_html
from course_utils.quiz.questions import Question, Wrong

HINTS = ["One & only.", "Two."]
ASKED = {"prompt": "How *many* `x`,\nin all?", "lecture": "Q: how many?", "hints": HINTS}
SLIPS = {"wrong": [Wrong((5, 1200), "Too few.")], "explanation": "So <many>."}
NUMBER = Question("01.n", "number", answer=60000, tolerance=10, unit="times", **ASKED, **SLIPS)
TICKED = [Wrong(("b",), "No."), Wrong(("a",), "Look.", missed=True)]
OPTIONS = {"a": "A & <A>", "b": "B", "c": "C"}
WHICH = ("Which?", ["c", "a"], "So.", ["Look."], TICKED)
CHOICES = Question("01.m", "choices", *WHICH, options=OPTIONS)
TEXT = NUMBER._replace(kind="text", answer="field", unit="", tolerance=0, wrong=())
NASTY = "<script>alert('x')</script>&\""


def said(answer, question=NUMBER, **record):
    """The feedback to an answer that was checked, or revealed, or locked in."""
    asked = {"checked": True, "locked": False, "revealed": False, "hints": 0}
    return card.feedback_html(question, asked | {"answer": answer} | record)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a `x_1*2*` b", "a <code>x_1*2*</code> b"),
        ("*how many*?", "<em>how many</em>?"),
        ("3*5*2 = 3 * 5 * 2", "3*5*2 = 3 * 5 * 2"),
        ("one\nline\n\nnext", "one line<br>next"),
        ("a < b & `c > d`", "a &lt; b &amp; <code>c &gt; d</code>"),
        ('<script>*x*</script> "y"', "&lt;script&gt;<em>x</em>&lt;/script&gt; &quot;y&quot;"),
        ("(*a* & *b*)", "(<em>a</em> &amp; <em>b</em>)"),
        ("∂`s_i`/∂`x1`", "∂<var>s</var><sub>i</sub>/∂<var>x</var><sub>1</sub>"),
        ("`T x_(i−1)′`", "<var>T</var> <var>x</var><sub>i−1</sub>′"),
        ("`Conv2d` `1 13 13`", "<code>Conv2d</code> <code>1 13 13</code>"),
    ],
)
def test_markup(text, html):
    assert markup(text) == html


def test_plain_text_is_without_markup_and_keeps_breaks():
    assert card.plain("one *line*\nof `x_1*2*`\n\n3*5*2 < 7") == "one line of x_1*2*\n3*5*2 < 7"


@pytest.mark.parametrize(
    ("value", "text"), [(25, "25"), (60000.0, "60,000"), (0.5, "0.5"), (-3, "-3")]
)
def test_numbers_as_the_course_prints_them(value, text):
    assert number_text(value) == text


def test_answers_in_words():
    assert answer_text(NUMBER) == "about 60,000 times"
    assert answer_text(NUMBER._replace(tolerance=0)) == "60,000 times"
    assert answer_text(NUMBER, " 5 ") == "5"
    assert answer_text(CHOICES) == "A & <A>; C"
    assert answer_text(CHOICES, ["b"]) == "B"


def test_text_forms():
    assert card.text_form(NUMBER) == (
        "Question 01.n (from the lecture: Q: how many?)\n"
        "How many x, in all?\n"
        "Answer it in the widget: run this cell. It has 2 hints."
    )
    assert card.text_form(CHOICES) == (
        "Question 01.m\nWhich?\n  A [ ] A & <A>\n  B [ ] B\n  C [ ] C\n"
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


def test_colour_is_for_bars_only_and_sizes_scale_with_the_slide():
    for colour in (style.GOOD, style.BAD):
        assert re.findall(rf"([\w-]+):\s*{colour}", card.STYLE) == ["border-left-color"]
    first, *sizes = re.findall(r"font-size:\s*([^;}]+)", card.STYLE)
    assert first == "var(--jp-content-font-size1, 1em)", "that of a stored card"
    assert sizes and all(size.strip().endswith("em") for size in sizes)


@pytest.mark.parametrize("question", [NUMBER, TEXT], ids=["unreadable", "wrong"])
@pytest.mark.parametrize("locked", [True, False])
def test_what_a_student_wrote_is_escaped(question, locked):
    for page in (said(NASTY, question), said(NASTY, question, revealed=True, locked=locked)):
        assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;" in page
        assert "<script" not in page and 'role="status" aria-live="polite"' in page


def test_right_and_wrong_are_words_and_symbols():
    assert "✓ Right:" in said("60000") and "✗ Not right:" in said("5")


def test_the_reveal_shows_both_answers_the_slip_and_the_explanation():
    page = said("5", revealed=True, locked=True)
    order = ["You locked in", ">5<", "✗ not right", "The answer", "about 60,000 times", "Too few."]
    places = [page.index(part) for part in (*order, "So &lt;many&gt;.")]
    assert places == sorted(places)
    right = said("60000", revealed=True)
    assert "Your answer" in right and "<strong>✓ right</strong>" in right
    assert right.count("So &lt;many&gt;.") == 1
    assert "<td>no answer</td>" in said("", revealed=True)
    assert "✗" not in said("many", revealed=True)


def test_hints_in_steps():
    assert hints_html(NUMBER, 0) == ""
    assert "One &amp; only." in hints_html(NUMBER, 1) and "Two." not in hints_html(NUMBER, 1)
    assert "<strong>Hint 2:</strong> Two." in hints_html(NUMBER, 2)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        *((plainly, "") for plainly in ("25", " 25.0 times.", "-3", "1,250", "many")),
        *(("0,25", " = 0.25"), ("6·10⁷", " = 60,000,000"), ("1/3", " = 0.333333333333")),
    ],
)
def test_a_number_that_was_worked_out_is_shown(written, shown):
    given = f'<code class="cnn-quiz-given">{written.strip()}</code>{shown}'
    assert f"{given}</p>" in said(written)
    mark = "(not marked)" if written == "many" else "<strong>✗ not right</strong>"
    assert f"<td>{given} {mark}</td>" in said(written, revealed=True)
