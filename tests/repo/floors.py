"""The floors of course_utils and the check of its imports: they only go down."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "course_utils"

# Floor of each module; a package's floor is that of everything in it.
FLOORS = {
    "explorers": 5,
    "quiz": 5,
    "exercises": 5,
    "preflight": 5,
    # Trains what a student designs, and ranks it.
    "capstone": 5,
    "figures": 4,
    "training": 3,
    "probing": 3,
    "reading": 3,
    # Both paths of a shift and a layer, in NumPy: a panel shows them, so torch stays out.
    "equivariance": 3,
    "signals": 3,
    "forward": 3,
    "ledger": 2,
    "models": 1,
    "datasets": 1,
    # What quiz.py is built on: how a question looks, its files and its words, its marks, answers.
    "quiz_card": 3,
    "questions": 2,
    "question_text": 2,
    "marking": 1,
    # Numbers that papers printed.
    "papers": 1,
    "competition": 1,
    "answers": 1,
    # What they and the board are kept in.
    "state": 0,
    "board": 1,
    "geometry": 0,
    "ops": 0,
    "backprop": 0,
    "scenes": 0,
    "style": 0,
    "data_files": 0,
    # What datasets.py offers of the full public data sets.
    "downloads": 0,
    "lessons": 0,
    # What kernels load beside a lesson.
    "missing_names": 0,
    # What training, forward and probing do to a model, and undo.
    "modes": 0,
    # Files of tables in TOML, for papers.py and competition.py.
    "tables": 0,
}

# In each package one module is the ground: its siblings may import it, it imports none of them.
GROUND = {
    "explorers": "panel",
    "figures": "svg",
    "exercises": "checking",
    "models": "layers",
    "downloads": "fetching",
}

# These show text and drive widgets, and must not cost the second that torch takes to load.
WITHOUT_TORCH = (
    "quiz",
    "quiz_card",
    "explorers",
    "figures",
    "geometry",
    "ops",
    "style",
    "backprop",
)


def modules(folder: Path) -> dict[str, Path]:
    """Return every module of a package folder by its dotted name below the package ("" its own)."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        if "__pycache__" not in path.parts:
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(source: str, module: str, is_package: bool, names: set[str]) -> Iterator[str]:
    """Yield the modules that a source imports, below the package without its name, others with it.

    Imports inside functions count: they are dependencies, too. ``names`` are the known modules, so
    that ``from course_utils import geometry`` is read as an import of ``geometry``.
    """
    here = [PACKAGE, *(module.split(".") if module else [])]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = here[: len(here) - node.level + is_package]
                base = ".".join([*above, *filter(None, [base])])
            targets = []
            for alias in node.names:
                full = f"{base}.{alias.name}"
                below = full.removeprefix(f"{PACKAGE}.")
                targets.append(full if below != full and below in names else base)
        else:
            continue
        for target in targets:
            if target == PACKAGE:
                yield ""
            else:
                yield target.removeprefix(f"{PACKAGE}.")


def package_of(module: str) -> str:
    """Return the first part of a dotted name."""
    return module.split(".")[0]


def problem(module: str, target: str) -> str | None:
    """Say what is wrong with an import of one course module by another; None if nothing is."""
    mine, theirs = package_of(module), package_of(target)
    for name in (mine, theirs):
        if name and name not in FLOORS:
            return f"{name} has no floor: give it one in tests/repo/floors.py"
    if not module:
        return f"course_utils/__init__.py imports {target or 'itself'}; it may import nothing"
    if not target:
        return f"{module} imports course_utils itself; name the module it needs"
    if mine == theirs:
        return _problem_in_package(module, target)
    up = FLOORS[theirs] - FLOORS[mine]
    if up > 0:
        return f"{module} (floor {FLOORS[mine]}) imports {target} (floor {FLOORS[theirs]}): upward"
    if up == 0:
        return f"{module} imports {target} on its own floor, {FLOORS[mine]}: sideways"
    return None


def _problem_in_package(module: str, target: str) -> str | None:
    package = package_of(module)
    if package == "models" and module == package:
        return None  # models/__init__.py re-exports the networks
    if module == package:
        return f"{package}/__init__.py imports {target}; it may import nothing"
    if target == package:
        return f"{module} imports its own package {package}: round"
    ground = f"{package}.{GROUND[package]}" if package in GROUND else None
    if target != ground or module == target:
        return f"{module} imports its sibling {target}; only {ground} may be shared: sideways"
    return None


def problems(folder: Path) -> list[str]:
    """Return what is wrong with the imports of the package in a folder, one line per import."""
    known = modules(folder)
    names = set(known)
    found = []
    for module, path in known.items():
        is_package = path.name == "__init__.py"
        if module and package_of(module) not in FLOORS:
            found.append(f"{package_of(module)} has no floor: give it one in tests/repo/floors.py")
        for target in imports(path.read_text(encoding="utf-8"), module, is_package, names):
            if not target or target in names:
                trouble = problem(module, target)
            elif not module:
                trouble = f"course_utils/__init__.py imports {target}; it may import nothing"
            elif is_package and module != "models":
                trouble = f"{module}/__init__.py imports {target}; it may import nothing"
            elif package_of(target) == "torch" and package_of(module) in WITHOUT_TORCH:
                trouble = f"{module} imports torch, which takes a second to load"
            else:
                trouble = None
            if trouble:
                found.append(trouble)
    return sorted(set(found)) + [f"imports go round: {' -> '.join(c)}" for c in circles(folder)]


def circles(folder: Path) -> list[list[str]]:
    """Return the circular imports of the package in a folder, each as the modules along it."""
    known = modules(folder)
    graph = {
        module: sorted(
            set(
                imports(path.read_text(encoding="utf-8"), module, path.name[0] == "_", set(known))
            ).intersection(known)
        )
        for module, path in known.items()
    }
    found, done = [], set()

    def walk(module: str, trail: list[str]) -> None:
        if module in trail:
            found.append([*trail[trail.index(module) :], module])
        elif module not in done:
            for target in graph[module]:
                walk(target, [*trail, module])
            done.add(module)

    for module in graph:
        walk(module, [])
    return found
