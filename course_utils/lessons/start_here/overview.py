"""What lesson 00 shows of the whole course: its words, and how far a student has come."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from course_utils.datasets.files import DATA
from course_utils.drawing.style import FAINT, GOOD, MUTED
from course_utils.exercises import exercises_of
from course_utils.lessons import LESSONS, Lesson
from course_utils.quiz import mark
from course_utils.quiz.questions import load_questions, question_files

OPEN, TRIED, DONE = "○", "◐", "●"
_CELL = f'style="text-align:left;vertical-align:top;border-bottom:1px solid {FAINT}"'


@dataclass(frozen=True)
class Overview:
    """A table as HTML, and the sentence that says the same."""

    html: str
    alt: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.alt


def words() -> list[dict]:
    """The glossary: `term`, `lesson` (its number), `means`, in alphabetical order."""
    return tomllib.loads((DATA / "glossary.toml").read_text(encoding="utf-8"))["word"]


def glossary() -> Overview:
    """Show the words of the course, folded; each links to the lesson that introduces it."""
    slugs = {lesson.number: lesson for lesson in LESSONS}
    rows = [[escape(w["term"]), escape(w["means"]), _link(slugs[w["lesson"]])] for w in words()]
    title = f"{len(rows)} words, each with the lesson that introduces it"
    table = _table(["Word", "Meaning", "Lesson"], rows)
    return Overview(f"<details><summary>{title}</summary>{table}</details>", f"Glossary: {title}.")


class Progress(NamedTuple):
    """What is done of a lesson: a state for each question and exercise, by its id."""

    lesson: Lesson
    questions: dict[str, str]  # OPEN, TRIED or DONE
    exercises: dict[str, str]  # OPEN or DONE


def progress_of(answers: Mapping[str, Mapping], solved: Collection[str]) -> list[Progress]:
    """Return what is done of each lesson that has questions or exercises.

    answers: slug of a lesson -> the records of its questions, as `quiz.widget.AnswerFile` reads
    them. solved: ids of exercises.
    """
    rows = []
    for lesson in LESSONS:
        questions = load_questions(question_files()[lesson.number])
        records = answers.get(lesson.slug, {})
        states = {name: _state(question, records.get(name)) for name, question in questions.items()}
        ids = [exercise.id for exercise in exercises_of(lesson)]
        rows.append(Progress(lesson, states, {i: DONE if i in solved else OPEN for i in ids}))
    return rows


def _state(question, record) -> str:
    if not record or not (record["checked"] or record["locked"] or record["revealed"]):
        return OPEN
    try:
        return DONE if mark(question, record["answer"]).correct else TRIED
    except ValueError:  # an option that the question no longer has
        return TRIED


def progress() -> Overview:
    """Show which questions and exercises of the course this student has done."""
    from course_utils.exercises.solved import SolvedFile
    from course_utils.quiz.widget import AnswerFile

    answers = {lesson.slug: AnswerFile(lesson.slug).read()[0] for lesson in LESSONS}
    rows = progress_of(answers, SolvedFile().read()[0])
    cells = [[_link(row.lesson), _marks(row.questions), _marks(row.exercises)] for row in rows]
    states = [s for row in rows for s in (*row.questions.values(), *row.exercises.values())]
    alt = f"{len(states) - states.count(OPEN)} of {len(states)} questions and exercises done."
    key = f"{DONE} right, {TRIED} answered, {OPEN} open. Point at a mark to see its name."
    table = _table(["Lesson", "Questions", "Exercises"], cells)
    return Overview(f'<p>{alt} <span style="color:{MUTED}">{key}</span></p>{table}', alt)


def _marks(states: Mapping[str, str]) -> str:
    marks = "".join(
        f'<span title="{name}" style="color:{GOOD if state == DONE else MUTED}">{state}</span>'
        for name, state in states.items()
    )
    done = len(states) - list(states.values()).count(OPEN)
    return f"{marks} {done} of {len(states)}" if states else ""


def _link(lesson: Lesson) -> str:
    return f'<a href="{lesson.slug}.ipynb">{lesson.number} {escape(lesson.title)}</a>'


def _table(heads, rows) -> str:
    head = "".join(f'<th scope="col" {_CELL}>{name}</th>' for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td {_CELL}>{cell}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
