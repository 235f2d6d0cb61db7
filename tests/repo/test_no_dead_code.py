"""No dead helper: what course_utils defines is reached from a notebook or a tool.

Names are followed, not objects: what a notebook or a tool writes is reached, and so is what a
reached definition writes. A dead definition may hide behind a live one of the same name; one whose
name nobody writes cannot.
"""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from files import NOTEBOOKS, ROOT, stored_files

COURSE = ROOT / "course_utils"
# Methods that Python, torch, IPython or ipywidgets call by their names.
BY_NAME = {"forward", "extra_repr", "reset_parameters", "set_state", "writable", "view"}
BY_NAME |= {"_should_skip_dynamo"}

# Nothing in the course calls these: they are there for its readers, and something says so.
OFFERED = {
    "cifar10": "data/README.md: full data sets on request",
    "fashion_mnist": "data/README.md: full data sets on request",
    "read_idx": "reads any file of that format, beside mnist and fashion_mnist",
    "load_ipython_extension": "IPython calls it: tools/jupyter/kernels/python3/kernel.json",
}


def words(tree: ast.AST) -> set[str]:
    """Return every name that a piece of code writes: variables, attributes, imports, lookups."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.update(node.name.split("."))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # getattr(model, "features"), a key that names a function
    return found


def definitions(source: str) -> tuple[dict[str, list[ast.AST]], set[str]]:
    """Return what a module defines, name -> code, and the words of its other statements.

    Functions and constants have their name, a method is `Class.method`; imports do not count.
    """
    found: dict[str, list[ast.AST]] = {}
    rest: set[str] = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = [node]
        elif isinstance(node, ast.ClassDef):
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            others = [part for part in node.body if part not in methods]
            found[node.name] = [*others, *node.bases, *node.decorator_list]
            found |= {f"{node.name}.{method.name}": [method] for method in methods}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            found |= {name: [node.value] for name in names if node.value is not None}
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            rest |= words(node)
    return found, rest


def is_reached(name: str, reached: set[str]) -> bool:
    """Say whether a definition is reached, given the words that are."""
    owner, _, own = name.rpartition(".")
    if not owner:
        return own in reached
    special = own.startswith(("__", "_repr_")) or own in BY_NAME
    return owner in reached and (special or own in reached)


def dead(modules: dict[str, str], used: set[str]) -> list[str]:
    """Return "module: name" of what is never reached.

    modules: name -> source. used: the words of what uses them.
    """
    waiting: dict[tuple[str, str], list[ast.AST]] = {}
    reached = set(used)
    for module, source in modules.items():
        found, rest = definitions(source)
        waiting |= {(module, name): code for name, code in found.items()}
        reached |= rest
    while now := [key for key in waiting if is_reached(key[1], reached)]:
        for key in now:
            for node in waiting.pop(key):
                reached |= words(node)
    return [f"{module}: {name}" for module, name in waiting if name not in ("__all__",)]


def notebook_words(path: Path) -> set[str]:
    """Return the names in a notebook's code, and those that its text names as code."""
    cells = nbformat.read(path, as_version=4).cells
    found: set[str] = set()
    for cell in cells:
        if cell.cell_type == "code":
            found |= words(ast.parse(cell.source))
        else:
            found.update(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", cell.source))))
    return found


def test_every_helper_is_used_by_a_notebook_or_a_tool():
    modules = {
        path.relative_to(COURSE).as_posix(): path.read_text(encoding="utf-8")
        for path in stored_files(COURSE)
        if path.suffix == ".py"
    }
    used: set[str] = set()
    for path in NOTEBOOKS:
        used |= notebook_words(path)
    for path in stored_files(ROOT / "tools"):
        if path.suffix == ".py":
            used |= words(ast.parse(path.read_text(encoding="utf-8")))
    not_reached = {line.partition(": ")[2] for line in dead(modules, used)}
    assert set(OFFERED) <= not_reached, "the list of what is offered holds what is used, or gone"
    offered = {name.rpartition(".")[2] for name in OFFERED}
    assert dead(modules, used | offered) == []


MADE = """
LIVE = 3
DEAD = 4

class Panel(Base):
    size = LIVE

    def __init__(self):
        self.called()

    def called(self):
        return helper()

    def never(self):
        return 1

def helper():
    return inner()

def inner():
    return 2

def unused():
    return inner()
"""


def test_dead_code_is_found_and_live_code_is_not():
    found = dead({"made.py": MADE}, {"Panel"})
    assert sorted(found) == ["made.py: DEAD", "made.py: Panel.never", "made.py: unused"]


@pytest.mark.parametrize("user", ["helper()", "x.helper", "getattr(x, 'helper')"])
def test_a_word_of_a_user_keeps_what_it_needs(user):
    found = dead({"made.py": MADE}, words(ast.parse(user)))
    assert "made.py: helper" not in found and "made.py: inner" not in found
    assert "made.py: unused" in found
