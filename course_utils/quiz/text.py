"""A question in words and as static HTML: what `ask` shows where no kernel runs.

Nothing here depends on stored answers, time or chance, so the output can be compared between runs.
"""

import html
import re

from course_utils.drawing.style import FAINT, INK, MUTED, PAPER
from course_utils.quiz.questions import Question, Wrong

# Inline, because JupyterLab drops <style> from the stored outputs of a notebook it does not trust.
_CARD = (
    f"color:{INK}; background:{PAPER}; border:1px solid {FAINT}; border-radius:6px; "
    "padding:0.8em 1em; max-width:46em; line-height:1.5"
)


def text_form(question: Question) -> str:
    """The question as plain text: prompt, options, and where to answer it."""
    source = f" (from the lecture: {question.lecture})" if question.lecture else ""
    box = "[ ]" if question.kind == "choices" else "( )"
    lines = [f"Question {question.id}{source}", plain(question.prompt)]
    lines += [f"  {box} {text}" for _, text in question.options]
    count = len(question.hints)
    hints = f"{count} hint{'s' if count > 1 else ''}"
    return "\n".join([*lines, f"Answer it in the widget: run this cell. It has {hints}."])


def static_html(question: Question) -> str:
    """The question as HTML that needs no kernel: hints, answer and known slips are folded away."""
    hints = [
        _fold(f"Hint {i} of {len(question.hints)}", f"<p>{markup(hint)}</p>")
        for i, hint in enumerate(question.hints, 1)
    ]
    slips = "".join(
        f"<li><strong>{html.escape(_slip(question, wrong))}</strong>: {markup(wrong.because)}</li>"
        for wrong in question.wrong
    )
    answer = (
        f"<p><strong>{html.escape(answer_text(question))}</strong></p>"
        f"<p>{markup(question.explanation)}</p>"
        f"<p>And if you said something else:</p><ul>{slips}</ul>"
    )
    return (
        f'<div class="cnn-quiz cnn-quiz-static" style="{_CARD}">{prompt_html(question)}'
        f"{_option_list(question)}{''.join(hints)}{_fold('Answer and explanation', answer)}</div>"
    )


def prompt_html(question: Question) -> str:
    """The line that says what this is, and the prompt."""
    kind = "Question from the lecture" if question.lecture else "Question"
    return (
        f'<p class="cnn-quiz-kind" style="margin:0; color:{MUTED}; font-size:0.9em">{kind}</p>'
        f'<p class="cnn-quiz-prompt" style="margin:0.2em 0 0.6em">{markup(question.prompt)}</p>'
    )


def _option_list(question: Question) -> str:
    items = "".join(f"<li>{html.escape(text)}</li>" for _, text in question.options)
    return f'<ul class="cnn-quiz-options">{items}</ul>' if items else ""


def _fold(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>{content}</details>"


def _slip(question: Question, wrong: Wrong) -> str:
    """The wrong answers of one entry as a heading: "5 or 10"."""
    if question.kind == "number":
        values = [number_text(value) for value in wrong.values]
    elif question.options:
        values = [answer_text(question, [value]) for value in wrong.values]
    else:
        values = list(wrong.values)
    return f"{'Left out: ' if wrong.missed else ''}{' or '.join(values)}"


def answer_text(question: Question, answer=None) -> str:
    """An answer in words: the right one, or `answer` as it is stored (text, key, list of keys)."""
    if question.kind in ("choice", "choices"):
        keys = question.answer if answer is None else answer
        keys = {keys} if isinstance(keys, str) else set(keys)
        return "; ".join(text for key, text in question.options if key in keys)
    if answer is not None or question.kind == "text":
        return str(question.answer if answer is None else answer).strip()
    about = "about " if question.tolerance else ""
    return f"{about}{number_text(question.answer)} {question.unit}".strip()


def number_text(value: float) -> str:
    """A number as the course prints it: 25, 60,000, 0.5."""
    return f"{int(value):,}" if value == int(value) else f"{value:,}"


def plain(text: str) -> str:
    """The text without its markup, line breaks kept."""
    return "\n".join(
        re.sub(_EMPHASIS, r"\1", re.sub(r"`([^`]+)`", r"\1", _one_line(part)))
        for part in _paragraphs(text)
    )


def markup(text: str) -> str:
    """The text as HTML: all escaped, `code` and *emphasis* marked up, empty line = line break.

    What stands between backticks and holds no word, only letters, is mathematics: `x1`, `s_i`.
    """
    return "<br>".join(_inline(_one_line(part)) for part in _paragraphs(text))


# Not between word characters, so that 3*5*2 stays a product.
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])")


def _inline(text: str) -> str:
    pieces = re.split(r"`([^`]+)`", text)  # odd pieces are code
    return "".join(
        (_maths(piece) if _is_maths(piece) else f"<code>{html.escape(piece)}</code>")
        if i % 2
        else _EMPHASIS.sub(r"<em>\1</em>", html.escape(piece))
        for i, piece in enumerate(pieces)
    )


_WORDS = re.compile(r"[^\W\d_]+")
# An index, as in s_i, x_(i−1) and x1; or a letter.
_SYMBOL = re.compile(r"_\((.+?)\)|_(\w+)|(?<=[^\W\d_])(\d+)|([^\W\d_])")


def _is_maths(piece: str) -> bool:
    words = _WORDS.findall(piece)
    return bool(words) and max(map(len, words)) == 1 and not set("*<>&\"'") & set(piece)


def _maths(piece: str) -> str:
    def symbol(found: re.Match) -> str:
        index = found[1] or found[2] or found[3]
        return f"<sub>{index}</sub>" if index else f"<var>{found[4]}</var>"

    return _SYMBOL.sub(symbol, piece)


def _paragraphs(text: str) -> list[str]:
    return re.split(r"\n\s*\n", text.strip())


def _one_line(text: str) -> str:
    return " ".join(text.split())
