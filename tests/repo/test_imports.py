"""Imports in course_utils never go round; lessons never import each other; the rest stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from files import ROOT

COURSE = ROOT / "course_utils"
GROUND = {"geometry", "ops", "checks", "state", "drawing", "lessons"}
# A student's panel, question or exercise must not wait a second for torch, and the website has none
# of these at all.
HEAVY = {"torch", "IPython", "ipywidgets", "matplotlib"}


def modules(folder: Path = COURSE) -> dict[str, Path]:
    """Return every module by its dotted name, `course_utils.lessons.vgg.figures`."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(source: str, known: set[str]) -> Iterator[str]:
    """Yield the modules of the course that a source imports, inside functions as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the module from the top"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield from (name for name in (full, node.module) if name in known)


def problems(folder: Path = COURSE) -> list[str]:
    """Return what is wrong with the imports of the package in a folder."""
    known = modules(folder)
    graph = {
        module: set(imports(path.read_text(encoding="utf-8"), set(known))) - {module}
        for module, path in known.items()
    }
    found = []
    for module, targets in graph.items():
        room = module.split(".")[1:3]
        for target in sorted(targets):
            other = target.split(".")[1:3]
            if other[:1] == ["lessons"] and len(other) == 2 and other != room:
                found.append(f"{module} imports {target}, of a lesson")
            ground = room[:1] and room[0] in ("geometry", "ops", "checks", "state")
            if ground and other and other[0] not in GROUND:
                found.append(f"{module} imports {target}: the ground stands on nothing else")
    try:
        # A package that hands on the names of its modules is no circle.
        tidy = {m: {t for t in ts if not m.startswith(f"{t}.")} for m, ts in graph.items()}
        TopologicalSorter(tidy).prepare()
    except CycleError as error:
        found.append(f"imports go round: {' -> '.join(error.args[1])}")
    return found


def test_imports_go_down():
    assert problems() == []


@pytest.mark.parametrize(
    ("module", "source", "words"),
    [
        ("lessons/vgg/figures", "from course_utils.lessons.resnet.figures import x", "of a lesson"),
        ("ledger", "def f():\n    from course_utils.lessons.vgg import figures", "of a lesson"),
        ("geometry", "from course_utils.ledger import ledger", "stands on nothing else"),
        ("ledger", "import course_utils.training", "go round"),
    ],
)
def test_a_bad_import_is_found(tmp_path, module, source, words):
    empty = ("__init__", "geometry", "lessons/__init__", "lessons/vgg/figures")
    made = dict.fromkeys((*empty, "lessons/resnet/figures"), "")
    made["ledger"] = "from course_utils import geometry"
    made["training"] = "from course_utils.ledger import ledger"
    for name, text in (made | {module: source}).items():
        path = tmp_path / "course_utils" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert any(words in line for line in problems(tmp_path / "course_utils"))


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that are loaded after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_the_course_itself_costs_nothing():
    assert loaded_by("import course_utils") - loaded_by("import os") == {"course_utils"}


def test_panels_questions_and_exercises_are_light():
    rooms = [m for m in modules() if m.startswith("course_utils.lessons.")]
    light = [m for m in rooms if m.endswith((".explorer", ".exercises"))]
    assert len(light) >= 24
    small = [f"course_utils.{name}" for name in ("quiz", "exercises", "explorer")]
    assert not HEAVY & loaded_by(f"import {', '.join(light + small)}")
    assert "numpy" not in loaded_by(f"import {', '.join(small)}")
