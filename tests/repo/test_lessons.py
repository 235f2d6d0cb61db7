"""What lies ready for a lesson is used in it: every question is asked, every exercise checked."""

import ast
import importlib
from pathlib import Path

import nbformat
import pytest
from files import NOTEBOOKS, ROOT

from course_utils.lessons import LESSONS
from course_utils.quiz.questions import load_questions, question_files


def code(path: Path) -> str:
    """Return the code of a notebook, cell after cell."""
    notebook = nbformat.read(path, as_version=4)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def prose(path: Path) -> str:
    """Return the text of a notebook, cell after cell."""
    notebook = nbformat.read(path, as_version=4)
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def calls(source: str) -> list[tuple[str, list]]:
    """Return (name of the function, its literal arguments) of every call, in the order of lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            arguments = [a.value for a in node.args if isinstance(a, ast.Constant)]
            found.append((node.lineno, name, arguments))
    return [(name, arguments) for _, name, arguments in sorted(found, key=lambda call: call[0])]


def asked(source: str) -> list[str]:
    """Return the ids that a source hands to `ask`."""
    return [arguments[0] for name, arguments in calls(source) if name == "ask"]


def test_calls_are_read_in_order():
    source = "ask('01.b')\nshow(ask('01.a'))\nother('01.c')"
    assert asked(source) == ["01.b", "01.a"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_question_of_the_lesson_is_asked_once(path):
    own = question_files().get(path.stem[:2])
    assert own is not None and own.stem == path.stem, f"{path.stem} has no question file"
    assert sorted(asked(code(path))) == sorted(load_questions(own))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_exercise_of_the_lesson_is_checked_and_has_its_solution(path):
    if not (ROOT / "course_utils" / "exercises" / f"{path.stem[3:]}.py").exists():
        assert path.stem.startswith("00"), f"{path.stem} has no exercises"
        return
    module = importlib.import_module(f"course_utils.exercises.{path.stem[3:]}")
    source = code(path)
    called = [name for name, _ in calls(source)]
    shown = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    checks = [name for name in called if name.startswith("check_") and name != "check_design"]
    assert "show_solution" in called
    assert {exercise.id for exercise in module.EXERCISES} <= shown
    assert sorted(checks) == sorted(name for name in vars(module) if name.startswith("check_"))
    assert len(module.EXERCISES) >= 2


def test_every_lesson_has_its_notebook_and_the_start_links_it():
    assert [path.stem for path in NOTEBOOKS] == [lesson.slug for lesson in LESSONS]
    start = prose(NOTEBOOKS[0])
    for lesson in LESSONS[1:]:
        assert f"[{lesson.number} {lesson.title}]({lesson.slug}.ipynb)" in start


@pytest.mark.parametrize("path", NOTEBOOKS[1:], ids=lambda path: path.stem)
def test_a_lesson_says_where_it_stands(path):
    """Its heading is that of the list; it names the lesson before, links the one after."""
    number = next(i for i, lesson in enumerate(LESSONS) if lesson.slug == path.stem)
    before, lesson = LESSONS[number - 1], LESSONS[number]
    text = prose(path)
    assert text.startswith(f"# {lesson.title}: {lesson.topic}\n")
    place = (
        f"**Lesson {number} of {len(LESSONS) - 1}**, after [{before.title}]({before.slug}.ipynb)."
    )
    assert place in text
    after = LESSONS[(number + 1) % len(LESSONS)]  # the last leads back to the start
    ending = text[text.index("**Next:**") :]
    assert f"({after.slug}.ipynb)" in ending
