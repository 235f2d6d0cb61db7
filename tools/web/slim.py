"""Compile the course and as much of the standard library as a page can use. Runs in Pyodide.

/build/course        in: what the page's Python finds, course_utils among it
/build/course.zip    out: the same, compiled for this Python; exercises.py stay source, and of a
                    module that imports what no page has (torch) there is only that import
/build/python_stdlib.zip     out: modules of the standard library, compiled

Kept of the standard library is what Pyodide has loaded by now, what the course imports, what a
student may want, and all that these import in turn, inside of functions too.
"""

import ast
import sys
import zipfile
from _imp import is_frozen
from importlib._bootstrap_external import _code_to_hash_pyc
from pathlib import Path

WORK, COURSE = Path("/build"), Path("/build/course")
LIBRARY = "/lib/python314.zip"
STUDENTS = """
    abc array ast bisect calendar cmath collections contextlib copy csv dataclasses datetime
    decimal enum fractions functools graphlib heapq inspect io itertools json linecache math
    numbers operator os pathlib pprint queue random re secrets statistics string string.templatelib
    struct sys textwrap time timeit tomllib traceback types typing unicodedata uuid warnings weakref
"""
# Found by Python without an import statement: by name, or from C.
BY_NAME = """
    _pylong _strptime encodings.ascii encodings.latin_1 encodings.unicode_escape encodings.utf_16
    encodings.utf_8_sig
"""
# Not followed from one module of the library to the next: a page has no processes, no terminal, no
# network, no manual, no Windows; and some modules are there in C.
NO_USE = """
    _pydatetime _pyrepl argparse asyncio.windows_events concurrent.futures.process
    concurrent.interpreters doctest email ftplib http importlib._bootstrap
    importlib._bootstrap_external multiprocessing pdb pydoc site tarfile unittest urllib
"""
NOT_FOLLOWED = tuple(f"{name}." for name in NO_USE.split())
SHOWN = "/exercises.py"  # a solution is shown as it is written


def names(tree: ast.AST, package: str) -> set[str]:
    """Return all that a module may import; `a.b` from `from a import b`, whatever b is."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def kept(library: dict[str, tuple[str, bytes]], wanted: set[str]) -> set[str]:
    """Return the modules of the library that are wanted, and those that they import in turn.

    library: module -> (path, source).
    """
    found, open_ = set(), set(wanted)
    while open_:
        name = open_.pop()
        parents = {name[:dot] for dot, sign in enumerate(name) if sign == "."}
        open_ |= parents - found
        if name not in library or name in found:
            continue
        found.add(name)
        path, source = library[name]
        package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
        follows = names(ast.parse(source), package)
        open_ |= {one for one in follows if not f"{one}.".startswith(NOT_FOLLOWED)} - found
    return found


def possible(source: bytes, course: set[str]) -> bytes:
    """Return the source of a module, or only its first import of a package that no page has.

    course: the packages and modules beside the library.
    """
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            packages = {name.split(".")[0] for name in names(node, "")}
            if packages - sys.stdlib_module_names - course:
                return ast.unparse(node).encode()
    return source


def module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def write(target: Path, files: dict[str, bytes], place: str) -> None:
    """Write a zip, its modules compiled without docstrings. place: what tracebacks say."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, content in sorted(files.items()):
            if path.endswith(".py") and not path.endswith(SHOWN):
                code = compile(content, place + path, "exec", dont_inherit=True, optimize=2)
                path, content = path + "c", _code_to_hash_pyc(code, bytes(8), False)
            archive.writestr(zipfile.ZipInfo(path), content, archive.compression)


def main() -> None:
    with zipfile.ZipFile(LIBRARY) as archive:
        paths = [path for path in archive.namelist() if path.endswith(".py")]
        library = {module(path): (path, archive.read(path)) for path in paths}
    library = {name: one for name, one in library.items() if not is_frozen(name)}
    loaded = {name for name in sys.modules if name in library}
    course = {str(p.relative_to(COURSE)): p.read_bytes() for p in COURSE.rglob("*") if p.is_file()}
    wanted = loaded | {*STUDENTS.split(), *BY_NAME.split()}
    own = {path.split("/")[0].removesuffix(".py") for path in course}
    for path, source in course.items():
        if path.endswith(".py"):
            course[path] = possible(source, own)
            wanted |= names(ast.parse(course[path]), module(path))
    modules = kept(library, wanted)
    chosen = dict(library[name] for name in modules)
    write(WORK / "python_stdlib.zip", chosen, f"{LIBRARY}/")
    write(WORK / "course.zip", course, "/course/")


main()
