"""The card: messages escape what a student wrote, and every text can be read."""

import re

import pytest

from course_utils.drawing import style
from course_utils.quiz import card as quiz_card
from course_utils.quiz.card import STYLE, hints_html, reveal_html, says, verdict_html
from course_utils.quiz.marking import Verdict
from course_utils.quiz.questions import Question, Wrong

QUESTION = Question(
    id="01.n",
    kind="number",
    prompt="?",
    answer=25,
    explanation="5 × 5",
    hints=("First <one>.", "Second."),
    wrong=(Wrong((5,), "Only one input."),),
    nudge="Again.",
    unit="arrows",
)
NASTY = "<script>alert('x')</script>&\""
RIGHT, NOT_RIGHT = Verdict(True, "5 × 5"), Verdict(False, "Only one input.")
UNREAD = Verdict(False, "Not a number.", attempt=False)


def luminance(colour):
    """Relative luminance of #RRGGBB, 0 to 1 (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("ink", "ground", "least"),
    [
        (style.INK, style.PAPER, 4.5),
        (style.MUTED, style.PAPER, 4.5),
        (style.INK, quiz_card._SHADE, 4.5),
        (style.PAPER, style.INK, 4.5),
        (style.GOOD, style.PAPER, 3),  # bars and outlines, not text
        (style.BAD, style.PAPER, 3),
        (style.INPUT, style.PAPER, 3),
    ],
)
def test_contrast(ink, ground, least):
    assert contrast(ink, ground) >= least


def test_good_and_bad_colour_bars_only_never_text():
    for colour in (style.GOOD, style.BAD):
        rules = re.findall(rf"([\w-]+):\s*{colour}", STYLE)
        assert rules == ["border-left-color"]


def test_sizes_scale_with_the_slide():
    """Type, inner spaces and fields are in em; px is for hairlines only."""
    sizes = re.findall(r"font-size:\s*([^;}]+)", STYLE)
    assert sizes
    assert sizes.pop(0) == "var(--jp-content-font-size1, 1em)", "that of a stored card"
    assert all(size.strip().endswith("em") for size in sizes)
    assert {int(px) for px in re.findall(r"(\d+)px", STYLE)} <= {1, 2, 3, 4, 6}


@pytest.mark.parametrize("verdict", [RIGHT, NOT_RIGHT, UNREAD])
@pytest.mark.parametrize("locked", [True, False])
def test_what_a_student_wrote_is_escaped(verdict, locked):
    for page in (
        verdict_html(QUESTION, NASTY, verdict),
        reveal_html(QUESTION, NASTY, verdict, locked),
    ):
        assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;" in page
        assert "<script" not in page


def test_right_and_wrong_are_words_and_symbols():
    assert "✓ Right:" in verdict_html(QUESTION, "25", RIGHT)
    assert "✗ Not right:" in verdict_html(QUESTION, "5", NOT_RIGHT)
    assert "<strong>✓ right</strong>" in reveal_html(QUESTION, "25", RIGHT, False)
    assert "<strong>✗ not right</strong>" in reveal_html(QUESTION, "5", NOT_RIGHT, False)


def test_the_reveal_shows_both_answers_the_slip_and_the_explanation():
    page = reveal_html(QUESTION, "5", NOT_RIGHT, locked=True)
    order = ["You locked in", ">5<", "The answer", "25 arrows", "Only one input.", "5 × 5"]
    places = [page.index(part) for part in order]
    assert places == sorted(places)
    assert "Your answer" in reveal_html(QUESTION, "5", NOT_RIGHT, locked=False)


def test_the_reveal_says_the_explanation_once():
    assert reveal_html(QUESTION, "25", RIGHT, True).count("5 × 5") == 1


def test_the_reveal_without_a_readable_answer():
    assert "<td>no answer</td>" in reveal_html(QUESTION, "", UNREAD, False)
    page = reveal_html(QUESTION, "many", UNREAD, False)
    assert "(not marked)" in page
    assert "✗" not in page


def test_hints_in_steps():
    assert hints_html(QUESTION, 0) == ""
    assert "First &lt;one&gt;." in hints_html(QUESTION, 1)
    assert "Second." not in hints_html(QUESTION, 1)
    assert "<strong>Hint 2:</strong> Second." in hints_html(QUESTION, 2)


def test_every_message_is_announced():
    for page in (says("x"), verdict_html(QUESTION, "5", NOT_RIGHT), hints_html(QUESTION, 1)):
        assert 'role="status" aria-live="polite"' in page


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("25", ""),
        (" 25.0 arrows.", ""),
        ("-3", ""),
        ("1,250", ""),
        ("5*5", " = 25"),
        ("0,25", " = 0.25"),
        ("5²", " = 25"),
        ("6·10⁷", " = 60,000,000"),
        ("1/3", " = 0.333333333333"),
        ("267 960", " = 267,960"),
        ("many", ""),
    ],
)
def test_a_number_that_was_worked_out_is_shown(written, shown):
    page = verdict_html(QUESTION, written, NOT_RIGHT)
    assert f'<code class="cnn-quiz-given">{written.strip()}</code>{shown}</p>' in page
    assert f"{written.strip()}</code>{shown} (not marked)" in reveal_html(
        QUESTION, written, UNREAD, locked=False
    )
