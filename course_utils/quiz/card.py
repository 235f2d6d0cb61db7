"""How a question reads and looks: in words, as a page without a kernel, and as the live card.

Nothing here depends on stored answers, time or chance, so that outputs can be compared between
runs. Everything a student typed is escaped. Right and wrong are said in words and by a symbol; the
coloured bar only repeats it.
"""

import html
import re
from contextlib import suppress

from course_utils.drawing.style import BAD, FAINT, GOOD, INK, INPUT, MUTED, PAPER, tint
from course_utils.drawing.svg import plural
from course_utils.quiz.marking import mark, reading
from course_utils.quiz.questions import Question, Wrong

# Inline, because JupyterLab drops <style> from the stored outputs of a notebook it does not trust.
_CARD = (
    f"color:{INK}; background:{PAPER}; border:1px solid {FAINT}; border-radius:6px; "
    "padding:0.8em 1em; max-width:46em; line-height:1.5"
)
# Not between word characters, so that 3*5*2 stays a product.
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])")
_CODE = re.compile(r"`([^`]+)`")
# What is not mathematics holds a word or a sign of code; what is holds a letter.
_NO_MATHS = re.compile(r"""[^\W\d_]{2}|[*<>&"']|^[\W\d_]*$""")
# An index, as in s_i, x_(i−1) and x1; or a letter.
_SYMBOL = re.compile(r"_\((.+?)\)|_(\w+)|(?<=[^\W\d_])(\d+)|([^\W\d_])")


def text_form(question: Question) -> str:
    """The question as plain text: prompt, options, and where to answer it."""
    source = f" (from the lecture: {question.lecture})" if question.lecture else ""
    box = "[ ]" if question.kind == "choices" else "( )"
    lines = [f"Question {question.id}{source}", plain(question.prompt)]
    options = zip("ABCDEFGH", question.options.values(), strict=False)
    lines += [f"  {letter} {box} {text}" for letter, text in options]
    hints = plural(len(question.hints), "hint")
    return "\n".join([*lines, f"Answer it in the widget: run this cell. It has {hints}."])


def static_html(question: Question) -> str:
    """The question as HTML that needs no kernel: hints, answer and known slips are folded away."""
    options = "".join(f"<li>{html.escape(text)}</li>" for text in question.options.values())
    options = f'<ol class="cnn-quiz-options" type="A">{options}</ol>' if options else ""
    total = len(question.hints)
    folds = {f"Hint {i} of {total}": f"<p>{markup(h)}</p>" for i, h in enumerate(question.hints, 1)}
    slips = "".join(
        f"<li><strong>{html.escape(_slip(question, wrong))}</strong>: {markup(wrong.because)}</li>"
        for wrong in question.wrong
    )
    folds["Answer and explanation"] = (
        f"<p><strong>{html.escape(answer_text(question))}</strong></p>"
        f"<p>{markup(question.explanation)}</p>"
        f"<p>And if you said something else:</p><ul>{slips}</ul>"
    )
    folded = "".join(f"<details><summary>{s}</summary>{f}</details>" for s, f in folds.items())
    return (
        f'<div class="cnn-quiz cnn-quiz-static" style="{_CARD}">'
        f"{prompt_html(question)}{options}{folded}</div>"
    )


def prompt_html(question: Question) -> str:
    """The line that says what this is, and the prompt."""
    kind = "Question from the lecture" if question.lecture else "Question"
    return (
        f'<p class="cnn-quiz-kind" style="margin:0; color:{MUTED}; font-size:0.9em">{kind}</p>'
        f'<p class="cnn-quiz-prompt" style="margin:0.2em 0 0.6em">{markup(question.prompt)}</p>'
    )


def _slip(question: Question, wrong: Wrong) -> str:
    """The wrong answers of one entry as a heading: "5 or 10"."""
    word = number_text if question.kind == "number" else lambda value: answer_text(question, value)
    return ("Left out: " if wrong.missed else "") + " or ".join(map(word, wrong.values))


def answer_text(question: Question, answer: str | list[str] | None = None) -> str:
    """An answer in words: the right one, or `answer` as it is stored (text, key, list of keys)."""
    if answer is None and question.kind == "number":
        about = "about " if question.tolerance else ""
        return f"{about}{number_text(question.answer)} {question.unit}".strip()
    answer = question.answer if answer is None else answer
    if not question.options:
        return answer.strip()
    keys = {answer} if isinstance(answer, str) else set(answer)
    return "; ".join(text for key, text in question.options.items() if key in keys)


def number_text(value: float) -> str:
    """A number as the course prints it: 25, 60,000, 0.5."""
    return f"{value:,.12g}"


def plain(text: str) -> str:
    """The text without its markup, line breaks kept."""
    return "\n".join(_EMPHASIS.sub(r"\1", _CODE.sub(r"\1", part)) for part in _paragraphs(text))


def markup(text: str) -> str:
    """The text as HTML: all escaped, `code` and *emphasis* marked up, empty line = line break.

    What stands between backticks and holds no word, only letters, is mathematics: `x1`, `s_i`.
    """
    return "<br>".join(map(_inline, _paragraphs(text)))


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]


def _inline(text: str) -> str:
    pieces = _CODE.split(text)  # odd pieces are code
    pieces[::2] = [_EMPHASIS.sub(r"<em>\1</em>", html.escape(piece)) for piece in pieces[::2]]
    pieces[1::2] = [
        f"<code>{html.escape(code)}</code>" if _NO_MATHS.search(code) else _SYMBOL.sub(_set, code)
        for code in pieces[1::2]
    ]
    return "".join(pieces)


def _set(found: re.Match) -> str:
    index = found[1] or found[2] or found[3]
    return f"<sub>{index}</sub>" if index else f"<var>{found[4]}</var>"


# A live card is as wide as a stored one: 46em and, since widgets count it in, padding and border.
# Sizes are in em of the page's own type, as in a stored card, so that a slide can scale the card by
# one font size. The --jp variables keep the card readable in a dark theme: it stays dark on light
# there, as the diagrams do.
_SHADE = tint(MUTED, 0.1)
STYLE = f"""<style>
.cnn-quiz {{ color-scheme: light; font-size: var(--jp-content-font-size1, 1em); color: {INK};
  background: {PAPER}; border: 1px solid {FAINT}; border-radius: 6px; padding: 0.8em 1em;
  max-width: calc(48em + 2px); line-height: 1.5; overflow: visible; --jp-widgets-font-size: 1em;
  --jp-widgets-inline-height: 2.2em; --jp-widgets-margin: 0.15em; --jp-widgets-color: {INK};
  --jp-widgets-label-color: {INK}; --jp-widgets-input-color: {INK};
  --jp-widgets-input-background-color: {PAPER}; --jp-widgets-input-border-color: {MUTED};
  --jp-ui-font-color1: {INK}; --jp-content-font-color1: {INK}; }}
.cnn-quiz :is(.widget-html, .widget-html-content) {{ font-size: 1em; line-height: 1.5; height: auto;
  min-height: 0; margin: 0; width: 100%; overflow: visible; }}
.cnn-quiz p {{ margin: 0 0 0.5em; line-height: 1.5; }}
.cnn-quiz code {{ font-size: 0.95em; color: {INK}; background: {_SHADE}; padding: 0 0.25em;
  border-radius: 3px; }}
.cnn-quiz .widget-text {{ width: auto; max-width: 100%; }}
.cnn-quiz .widget-text input {{ font-size: 1em; flex: 0 1 10em; border-radius: 4px;
  padding: 0 0.5em; }}
.cnn-quiz.cnn-quiz-kind-text .widget-text input {{ flex-basis: 20em; }}
.cnn-quiz .widget-text .widget-label {{ width: auto; margin-right: 0.6em; }}
.cnn-quiz :is(.widget-radio, .widget-checkbox) {{ width: 100%; height: auto; }}
.cnn-quiz .widget-radio > .widget-label {{ display: none; }}
.cnn-quiz .widget-radio-box {{ margin: 0; width: 100%; max-width: none; }}
.cnn-quiz :is(.widget-radio-box, .widget-checkbox) label {{ display: flex; align-items: baseline;
  gap: 0.6em; height: auto; width: 100%; max-width: none; margin: 0; padding: 0.2em 0;
  line-height: 1.4; font-size: 1em; white-space: normal; overflow: visible; color: {INK}; }}
.cnn-quiz .widget-radio-box label {{ flex-direction: row-reverse; justify-content: flex-end; }}
.cnn-quiz .widget-radio-box label:has(input:checked) {{ font-weight: 600; }}
.cnn-quiz {{ counter-reset: option; }}
.cnn-quiz .widget-checkbox, .cnn-quiz .widget-radio-box label {{ counter-increment: option; }}
.cnn-quiz .widget-checkbox label::before, .cnn-quiz .widget-radio-box label::after {{
  content: counter(option, upper-alpha) / ""; color: {MUTED}; font-weight: 600; width: 0.8em; }}
.cnn-quiz .widget-text input:disabled {{ opacity: 1; color: {INK}; background: {_SHADE}; }}
.cnn-quiz :is(.widget-radio-box, .widget-checkbox) input {{ font-size: 1em; width: 0.9em;
  height: 0.9em; flex: none; position: relative; top: 0.12em; margin: 0; }}
.cnn-quiz .widget-checkbox input {{ top: -0.02em; }}
.cnn-quiz .jupyter-button {{ font-size: 1em; width: auto; height: auto; padding: 0.25em 0.9em;
  line-height: 1.5; color: {INK}; background: {_SHADE}; border: 1px solid {MUTED};
  border-radius: 4px; margin: 0 0.4em 0.3em 0; box-shadow: none; overflow: visible; }}
.cnn-quiz .jupyter-button.mod-primary {{ color: {PAPER}; background: {INK}; }}
.cnn-quiz :is(.jupyter-button, input):focus-visible {{ outline: 3px solid {INPUT};
  outline-offset: 2px; }}
.cnn-quiz .jupyter-button:disabled {{ opacity: 0.55; }}
.cnn-quiz .cnn-quiz-keys {{ display: none; color: {MUTED}; font-size: 0.9em; }}
.cnn-quiz:has(input[type=radio]:focus-visible, input[type=checkbox]:focus-visible) .cnn-quiz-keys {{
  display: block; }}
.cnn-quiz .cnn-quiz-buttons {{ flex-flow: row wrap; margin: 0.4em 0 0; overflow: visible; }}
.cnn-quiz .cnn-quiz-says {{ border-left: 0.35em solid {MUTED}; padding: 0.1em 0 0.1em 0.8em;
  margin: 0.5em 0 0; }}
.cnn-quiz .cnn-quiz-good {{ border-left-color: {GOOD}; }}
.cnn-quiz .cnn-quiz-bad {{ border-left-color: {BAD}; }}
.cnn-quiz .cnn-quiz-says p:last-child {{ margin-bottom: 0; }}
.cnn-quiz table.cnn-quiz-both {{ border-collapse: collapse; margin: 0 0 0.5em; font-size: 1em;
  color: {INK}; }}
.cnn-quiz table.cnn-quiz-both :is(th, td) {{ text-align: left; padding: 0.1em 0; }}
.cnn-quiz table.cnn-quiz-both th {{ font-weight: 600; padding-right: 1.2em; vertical-align: top;
  white-space: nowrap; }}
</style>"""

# Shown while an option has the keyboard focus. Arrow keys belong to JupyterLab there: they move to
# another cell.
KEYS = '<p class="cnn-quiz-keys">Tab moves between the options, Space chooses.</p>'


def says(*paragraphs: str, tone: str = "", above: str = "") -> str:
    """Paragraphs that a screen reader announces; "" for none. `tone` is "good", "bad" or ""."""
    content = above + "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs if paragraph)
    extra = f" cnn-quiz-{tone}" if tone else ""
    said = f'<div class="cnn-quiz-says{extra}" role="status" aria-live="polite">{content}</div>'
    return said if content else ""


def hints_html(question: Question, shown: int) -> str:
    """The first `shown` hints; "" for none."""
    hints = enumerate(question.hints[:shown], 1)
    return says(*(f"<strong>Hint {i}:</strong> {markup(hint)}" for i, hint in hints))


def feedback_html(question: Question, record: dict, refusal: str = "") -> str:
    """What is said to the answer that was kept: `record` is that of `quiz.record`.

    After a check the mark in a word and a symbol, the answer it is for, and why; at the reveal the
    student's answer beside the right one, then the explanation. refusal: of what was typed last.
    """
    answer = record["answer"]
    verdict, given = mark(question, answer), _given(question, answer)
    tone = "good" if verdict.correct else "bad" if verdict.attempt else ""
    if record["revealed"]:
        whose = "You locked in" if record["locked"] else "Your answer"
        word = {"good": "<strong>✓ right</strong>", "bad": "<strong>✗ not right</strong>"}
        yours = f"{given} {word.get(tone, '(not marked)')}" if answer else "no answer"
        table = (
            f"<table class='cnn-quiz-both'><tr><th scope='row'>{whose}</th><td>{yours}</td></tr>"
            "<tr><th scope='row'>The answer</th>"
            f"<td><strong>{html.escape(answer_text(question))}</strong></td></tr></table>"
        )
        slip = markup(verdict.message) if tone == "bad" else ""
        return says(slip, markup(question.explanation), tone=tone, above=table)
    if record["locked"]:
        return says("<strong>Locked in.</strong> Reveal when you are ready.")
    if refusal or not record["checked"]:
        return says(html.escape(refusal))
    word = "✓ Right:" if verdict.correct else "✗ Not right:"
    return says(f"<strong>{word}</strong> {given}", markup(verdict.message), tone=tone)


def _given(question: Question, answer: str | list[str]) -> str:
    """The student's own answer, escaped, and the number it was read as unless that is plain."""
    tag, value = "span" if question.options else "code", ""
    if question.kind == "number":
        with suppress(ValueError):  # what cannot be read was answered with how to write it
            as_is = re.fullmatch(r"\s*(-?[\d,]*\.?\d*)\D*", answer)
            read = reading(question, answer)
            if not as_is or float(as_is[1].replace(",", "")) != read:
                value = f" = {number_text(read)}"
    given = html.escape(answer_text(question, answer))
    return f'<{tag} class="cnn-quiz-given">{given}</{tag}>{value}'
