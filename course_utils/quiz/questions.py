"""Questions and the files they stand in.

One file per notebook, `data/questions/NN_slug.toml`, a list of `[[question]]` tables:

    [[question]]
    id = "01.dense-arrows"            # the file's number, a dot, words joined by hyphens
    kind = "number"                   # number | choice | choices | text
    lecture = "Q: how many arrows?"   # optional: the lecture's own words
    prompt = "How many *arrows*?"
    answer = 25
    hints = ["First hint.", "Second hint."]
    explanation = "Shown after a right answer and at the reveal."
    nudge = "What a wrong answer gets that nobody foresaw."

    [[question.wrong]]                # every foreseen wrong answer explains itself
    value = [5, 10]
    because = "..."

number:  `answer` is a number; `nudge`; optional `tolerance` (0), `integer` (false), `unit`.
         A wrong answer's `value` is a number or several, with an optional `tolerance`.
choice:  `answer` is a key of `[question.options]`, where key = "text".
         Every other option is the `value` of a wrong answer.
choices: `answer` is a list of keys of `[question.options]`. Every other option is the `value`
         of a wrong answer (ticked wrongly), and every right one is a `missed` (left out).
text:    `answer` is a string; `nudge`; optional `accept`, a list of further accepted forms.
         A wrong answer's `value` is a string or several.

Markup in prompts, hints and explanations: `code`, *emphasis*, and an empty line for a line break.
All else is plain text and is escaped. `tests/test_questions.py` holds the files to this; here they
are trusted.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from course_utils.checks import one_of
from course_utils.datasets.files import DATA


class Wrong(NamedTuple):
    """A foreseen wrong answer and why it is wrong; `missed`: a right option that was left out."""

    values: Sequence
    because: str
    tolerance: float = 0
    missed: bool = False

    @classmethod
    def read(cls, because, value=None, missed=None, tolerance=0) -> "Wrong":
        values = value if missed is None else missed
        values = values if isinstance(values, list) else [values]
        return cls(values, because, tolerance, missed is not None)


class Question(NamedTuple):
    """One question as its file states it."""

    id: str
    kind: str
    prompt: str
    answer: float | str | Sequence[str]
    explanation: str
    hints: Sequence[str]
    wrong: Sequence[Wrong]
    lecture: str = ""
    nudge: str = ""
    tolerance: float = 0
    integer: bool = False
    unit: str = ""
    accept: Sequence[str] = ()
    options: Mapping[str, str] = {}


def question_files() -> dict[str, Path]:
    """Notebook number ("01") -> question file, in order."""
    return {path.name[:2]: path for path in sorted((DATA / "questions").glob("[0-9][0-9]_*.toml"))}


def load_questions(path: Path) -> dict[str, Question]:
    """Read one question file: id -> Question, in the file's order."""
    questions = {}
    for table in tomllib.loads(path.read_text(encoding="utf-8"))["question"]:
        table["wrong"] = [Wrong.read(**wrong) for wrong in table["wrong"]]
        questions[table["id"]] = Question(**table)
    return questions


def find_question(question_id: str) -> Question:
    """The question with this id, for example "01.dense-arrows".

    Raises ValueError for an id that no question file holds; the message lists the ids there are.
    """
    files, number = question_files(), str(question_id)[:2]
    if number not in files:
        allowed = f"begin with the number of a notebook ({', '.join(files)})"
        raise ValueError(f"question_id must {allowed}, got {question_id!r}")
    questions = load_questions(files[number])
    return questions[one_of("question_id", question_id, questions)]
