"""What a student reads: the report of a check, and a solution, folded."""

from __future__ import annotations

import ast
import html
import inspect
import re
from dataclasses import dataclass, field
from itertools import groupby

from course_utils.drawing.style import BAD, FAINT, GOOD, INK, MUTED, PAPER, tint

_HEADLINES = {  # state -> (symbol, words, colour of the bar)
    "not attempted": ("○", "not attempted yet", MUTED),
    "passed": ("✓", "passed", GOOD),
    "failed": ("✗", "not right yet", BAD),
    "wrong type": ("✗", "wrong type of result", BAD),
    "changed its input": ("✗", "changes its input", BAD),
    "raised": ("✗", "stops with an error", BAD),
    "endless": ("✗", "did not come to an end", BAD),
    "wrong signature": ("✗", "cannot be called", BAD),
    "interrupted": ("○", "interrupted", MUTED),
}


@dataclass(frozen=True, repr=False)
class Report:
    """What a check found. As the last expression of a cell it is shown as a card.

    exercise: its id. name: of the function. state: those of `_HEADLINES`. message: what happened.
    rows: label -> text; the input it is about as a call, the result expected and given, the error
    and the student's own line, what was printed; those are left out that do not apply. hint: the
    advice for the wrong idea that was recognised. `repr` is the same on every machine.
    """

    exercise: str
    name: str
    state: str
    message: str
    rows: dict[str, str] = field(default_factory=dict)
    hint: str = ""

    def __repr__(self):
        symbol, words, _ = _HEADLINES[self.state]
        lines = [f"{symbol} {self.name}: {words}", self.message]
        for label, text in self.rows.items():
            lines.append(f"  {label}: {text}".replace("\n", "\n    "))
        return "\n".join([*lines, f"Hint: {self.hint}"] if self.hint else lines)

    def _repr_html_(self):
        code = f'<code style="{_CODE}">'
        cells = {label: f"{code}{html.escape(text)}</code>" for label, text in self.rows.items()}
        hint = [f"<strong>Hint.</strong> {_html_prose(self.hint)}"] if self.hint else []
        title, said = f"<code>{html.escape(self.name)}</code>", _html_prose(self.message)
        return card("cnn-check", self.state, _HEADLINES[self.state], title, said, cells, *hint)


def card(kind, state, headline, title, message, cells, *hints) -> str:
    """Return a card with a coloured bar. headline: symbol, words, colour; the rest is HTML: `cells`
    are the rows of a table, by their label.
    """
    symbol, words, colour = headline
    rows = "".join(
        f'<tr style="background:none"><th scope="row" style="{_LABEL};font-weight:normal">'
        f'{label}</th><td style="{_VALUE}">{cell}</td></tr>'
        for label, cell in cells.items()
    )
    table = f'<table style="{_TABLE}">{rows}</table>' if rows else ""
    below = "".join(f'<p class="{kind}-hint" style="margin:.6em 0 0">{hint}</p>' for hint in hints)
    return (
        f'<div class="{kind}" data-state="{state.replace(" ", "-")}" role="status" '
        f'style="{_CARD};border-left-color:{colour};background:{tint(colour, 0.07)}">'
        f'<p class="{kind}-head" style="margin:0"><span aria-hidden="true">{symbol}</span> '
        f"<strong>{title}: {words}</strong></p>"
        f'<p style="margin:.3em 0 0">{message}</p>{table}{below}</div>'
    )


_CARD = (
    f"max-width:44em;margin:.5em 0;padding:.7em 1em;border:1px solid {FAINT};"
    f"border-left-width:.35em;border-radius:.35em;color:{INK};font-size:1em;line-height:1.45"
)
_TABLE = "border-collapse:collapse;margin:.5em 0 0;font-size:1em;background:none"
_LABEL = f"padding:.1em .9em .1em 0;text-align:left;vertical-align:top;color:{MUTED}"
_VALUE = "padding:.1em 0;text-align:left;vertical-align:top;overflow-wrap:anywhere"
_CODE = f"color:{INK};background:none;font-size:.95em;white-space:pre-wrap"


def _html_prose(text):
    """Escaped text in which `code` is set as code."""
    return re.sub(r"`([^`]*)`", rf'<code style="{_CODE}">\1</code>', html.escape(text))


class Solution:
    """The source of a reference solution, shown folded: the function that the checks run.

    source: below the imports that it needs where it is pasted.
    """

    def __init__(self, exercise_id: str, function) -> None:
        source = inspect.getsource(function).rstrip()
        used = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        known = {"math": "import math", "np": "import numpy as np"}
        imports = "\n".join(line for name, line in known.items() if name in used)
        self.exercise, self.source = exercise_id, f"{imports}\n\n\n{source}".lstrip()

    def __repr__(self):
        return f"solution of {self.exercise}, folded: open it on the page"

    def _repr_html_(self):
        return (
            f'<details class="cnn-check cnn-check-solution" style="{_CARD};max-width:66em;'
            f'border-left-color:{MUTED};background:{PAPER}">'
            f'<summary style="cursor:pointer">Solution of {html.escape(self.exercise)} '
            "(try it yourself first)</summary>"
            f'<pre tabindex="0" style="margin:.6em 0 0;overflow-x:auto;color:{INK};background:none;'
            f'white-space:pre;font-size:.95em">{coloured(self.source)}</pre></details>'
        )


def coloured(source: str) -> str:
    """Return Python code as HTML in the colours of JupyterLab's own code cells.

    Without colours where there is no Pygments.
    """
    try:
        from pygments import lex, token
        from pygments.lexers import PythonLexer
    except ImportError:
        return html.escape(source)

    word = "color:#008000;font-weight:700"
    looks = {token.Keyword: word, token.Operator.Word: word, token.String: "color:#BA2121"}
    looks |= {token.Comment: "color:#3D7B7B;font-style:italic", token.Number: "color:#006B4E"}

    def look(one) -> str:  # no finer: what a release of Pygments calls the rest does not matter
        return next((style for parent, style in looks.items() if one[0] in parent), "")

    page = ""
    for style, run in groupby(lex(source, PythonLexer(ensurenl=False)), look):
        text = html.escape("".join(text for _, text in run))
        page += f'<span style="{style}">{text}</span>' if style else text
    return page
