"""What lies ready for a lesson is used in it: every question is asked, every exercise checked."""

import ast
from pathlib import Path

import nbformat
import pytest
from files import NOTEBOOKS

from course_utils.exercises import exercises_of
from course_utils.lessons import LESSONS
from course_utils.quiz.questions import load_questions, question_files


def text_of(path: Path, kind: str) -> str:
    """Return the code or the markdown of a notebook, cell after cell."""
    notebook = nbformat.read(path, as_version=4)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == kind)


def first_arguments(source: str, function: str) -> list[str]:
    """Return the first argument of every call of a function: a constant or a name."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    calls = [c.args[0] for c in calls if isinstance(c.func, ast.Name) and c.func.id == function]
    return [getattr(a, "value", getattr(a, "id", None)) for a in calls]


every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.slug)
PATHS = {path.stem: path for path in NOTEBOOKS}


def test_every_lesson_has_its_notebook_and_the_start_links_it():
    assert list(PATHS) == [lesson.slug for lesson in LESSONS]
    start = text_of(NOTEBOOKS[0], "markdown")
    for lesson in LESSONS[1:]:
        assert f"[{lesson.number} {lesson.title}]({lesson.slug}.ipynb)" in start


@every_lesson
def test_every_question_of_the_lesson_is_asked_once(lesson):
    own = question_files()[lesson.number]
    assert own.stem == lesson.slug
    asked = first_arguments(text_of(PATHS[lesson.slug], "code"), "ask")
    assert sorted(asked) == sorted(load_questions(own))


@every_lesson
def test_every_exercise_of_the_lesson_is_checked_and_has_its_solution(lesson):
    source = text_of(PATHS[lesson.slug], "code")
    exercises = exercises_of(lesson)
    assert len(exercises) >= 2 or lesson.number == "00"
    assert sorted(first_arguments(source, "check")) == sorted(e.name for e in exercises)
    words = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert {exercise.id for exercise in exercises} <= words
    assert not exercises or "show_solution(" in source


@pytest.mark.parametrize("number", range(1, len(LESSONS)))
def test_a_lesson_says_where_it_stands(number):
    """Its heading is that of the list; it names the lesson before, links the one after."""
    before, lesson = LESSONS[number - 1], LESSONS[number]
    after = LESSONS[(number + 1) % len(LESSONS)]  # the last leads back to the start
    text = text_of(PATHS[lesson.slug], "markdown")
    assert text.startswith(f"# {lesson.title}: {lesson.topic}\n")
    place = f"**Lesson {number} of {len(LESSONS) - 1}**, after [{before.title}]({before.slug}"
    assert place in text
    assert f"({after.slug}.ipynb)" in text[text.index("**Next:**") :]
