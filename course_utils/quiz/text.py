"""A question in words and as static HTML: what `ask` shows where no kernel runs.

Nothing here depends on stored answers, time or chance, so the output can be compared between runs.
"""

import html
import re

from course_utils.drawing.style import FAINT, INK, MUTED, PAPER
from course_utils.drawing.svg import plural
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
    lines += [f"  {box} {text}" for _, text in question.options]
    hints = plural(len(question.hints), "hint")
    return "\n".join([*lines, f"Answer it in the widget: run this cell. It has {hints}."])


def static_html(question: Question) -> str:
    """The question as HTML that needs no kernel: hints, answer and known slips are folded away."""
    options = "".join(f"<li>{html.escape(text)}</li>" for _, text in question.options)
    options = f'<ul class="cnn-quiz-options">{options}</ul>' if options else ""
    count = len(question.hints)
    folds = {f"Hint {i} of {count}": f"<p>{markup(h)}</p>" for i, h in enumerate(question.hints, 1)}
    slips = "".join(
        f"<li><strong>{html.escape(_slip(question, wrong))}</strong>: {markup(wrong.because)}</li>"
        for wrong in question.wrong
    )
    folds["Answer and explanation"] = (
        f"<p><strong>{html.escape(answer_text(question))}</strong></p>"
        f"<p>{markup(question.explanation)}</p>"
        f"<p>And if you said something else:</p><ul>{slips}</ul>"
    )
    folded = "".join(
        f"<details><summary>{summary}</summary>{content}</details>"
        for summary, content in folds.items()
    )
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
    return f"{'Left out: ' if wrong.missed else ''}{' or '.join(map(word, wrong.values))}"


def answer_text(question: Question, answer: str | list[str] | None = None) -> str:
    """An answer in words: the right one, or `answer` as it is stored (text, key, list of keys)."""
    if answer is None and question.kind == "number":
        about = "about " if question.tolerance else ""
        return f"{about}{number_text(question.answer)} {question.unit}".strip()
    answer = question.answer if answer is None else answer
    if not question.options:
        return answer.strip()
    keys = {answer} if isinstance(answer, str) else set(answer)
    return "; ".join(text for key, text in question.options if key in keys)


def number_text(value: float) -> str:
    """A number as the course prints it: 25, 60,000, 0.5."""
    return f"{int(value):,}" if value == int(value) else f"{value:,}"


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
