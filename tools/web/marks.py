"""What in a notebook comes alive on a page: its panels, questions and exercises.

They are recognised in the syntax tree of a cell, names resolved through the notebook's imports:
`ask("01.dense-arrows")`, `explorer.InputResolution(n=5)`, `check(count_edges)`, also within another
call. A mark is an element around the stored still; the scripts of a page find it by its attributes.
"""

import ast
import html
import json
import re
from collections.abc import Iterable
from typing import NamedTuple

from nbformat import NotebookNode

from course_utils.exercises import find

PANEL = re.compile(r"(course_utils\.lessons\.\w+\.explorer)\.([A-Z]\w*)")
CALLS = {
    "course_utils.quiz.ask": "question",
    "course_utils.exercises.check": "exercise",
    "course_utils.lessons.start_here.overview.progress": "progress",
}
# How the stored output of each begins.
STILLS = {
    "panel": '<div class="cnn-explorer',
    "question": '<div class="cnn-quiz',
    "exercise": '<div class="cnn-check"',
    "progress": "<p>",
}
# Calls that only show something: the code of a cell with no others says nothing to a reader.
SHOWING = re.compile(
    r"display|course_utils\.exercises\.show_solution"
    r"|course_utils\.lessons\.\w+\.(?:figures|overview)\.\w+"
)


class Mark(NamedTuple):
    """kind: panel, question, exercise or progress. name: which. extra: its other attributes."""

    kind: str
    name: str
    extra: dict[str, str]

    def wrap(self, still: str) -> str:
        """Return the still within the element that comes alive."""
        data = {f"data-{self.kind}": self.name} | {f"data-{k}": v for k, v in self.extra.items()}
        said = "".join(f' {key}="{html.escape(value)}"' for key, value in data.items())
        return f'<div class="live"{said}>{still}</div>'


def imports(cells: Iterable[NotebookNode]) -> dict[str, str]:
    """Return name -> what it stands for, dotted, for all that code cells import."""
    names = {}
    for cell in cells:
        for node in ast.walk(_tree(cell)):
            if isinstance(node, ast.Import):
                names |= {alias.asname or alias.name: alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return names


def marks(cell: NotebookNode, names: dict[str, str]) -> list[Mark]:
    """Return what comes alive in a code cell, in its order."""
    calls = [node for node in ast.walk(_tree(cell)) if isinstance(node, ast.Call)]
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return [mark for call in calls if (mark := _mark(call, cell, names))]


def pairs(cell: NotebookNode, names: dict[str, str]) -> list[tuple[NotebookNode, Mark | None]]:
    """Return each output of a code cell with its mark, None for one that stays as it is."""
    waiting, found = marks(cell, names), []
    for output in cell.outputs:
        stored = output.get("data", {}).get("text/html", "")
        fits = (m for m in waiting if stored.startswith(STILLS[m.kind]))
        mark = next(fits, None)
        if mark:
            waiting.remove(mark)
        found.append((output, mark))
    return found


def only_shows(cell: NotebookNode, names: dict[str, str]) -> bool:
    """Say whether the code of a cell does nothing but make what is shown below it."""
    calls = {c: _mark(c, cell, names) for c in ast.walk(_tree(cell)) if isinstance(c, ast.Call)}
    found = [call for call, mark in calls.items() if mark]
    given = {part for call in found for part in ast.walk(call) if part is not call}
    told = [_shows(call, mark, names) for call, mark in calls.items() if call not in given]
    return bool(told) and all(told)


def _shows(call: ast.Call, mark: Mark | None, names: dict[str, str]) -> bool:
    if mark:
        return mark.kind != "exercise"
    name = _name(call.func, names)
    # A picture that is given values of the lesson does more: its code says which.
    plain = "lessons" not in name or all(isinstance(node, ast.Constant) for node in call.args)
    return bool(SHOWING.fullmatch(name) and plain)


def _tree(cell: NotebookNode) -> ast.Module:
    # A line that begins with % or ! is no Python.
    code = re.sub(r"^\s*[%!].*$", "pass", cell.source, flags=re.MULTILINE)
    return ast.parse(code if cell.cell_type == "code" else "")


def _name(function: ast.expr, names: dict[str, str]) -> str:
    """Return the dotted name of what is called; "" if it is no name."""
    if isinstance(function, ast.Attribute):
        return f"{_name(function.value, names)}.{function.attr}"
    return names.get(function.id, function.id) if isinstance(function, ast.Name) else ""


def _mark(call: ast.Call, cell: NotebookNode, names: dict[str, str]) -> Mark | None:
    name = _name(call.func, names)
    if panel := PANEL.fullmatch(name):
        given = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
        return Mark("panel", f"{panel[1]}:{panel[2]}", {"settings": json.dumps(given)})
    kind, given = CALLS.get(name), call.args[0] if call.args else None
    if kind == "question" and isinstance(given, ast.Constant):
        return Mark(kind, given.value, {})
    if kind == "exercise" and isinstance(given, ast.Name):
        return Mark(kind, find(given.id).id, {"stub": _stub(given.id, cell)})
    return Mark(kind, "", {}) if kind == "progress" else None


def _stub(function: str, cell: NotebookNode) -> str:
    """Return a function as its cell has it, below those things of the cell that it names."""
    there = {}
    for node in _tree(cell).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            there[node.name] = node
        elif isinstance(node, ast.ImportFrom):
            there |= dict.fromkeys((alias.asname or alias.name for alias in node.names), node)
    used = {node.id for node in ast.walk(there[function]) if isinstance(node, ast.Name)}
    needed = {node: None for name, node in there.items() if name in used | {function}}
    lines = cell.source.splitlines()  # whole: the comment behind the last is no part of a node
    return "\n\n\n".join("\n".join(lines[n.lineno - 1 : n.end_lineno]) for n in needed)
