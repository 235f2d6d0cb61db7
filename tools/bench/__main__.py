"""Measure what has a performance goal and print one table: `make bench`.

Every file ``bench_*.py`` in this folder is an entry. It defines ``measure()``, which yields the
``Row``s (row.py) in the order in which they are to be printed; one without a goal is information.
An entry that cannot run here (no browser, say) yields a row whose value is None and whose note
says why.
`python tools/bench imports` runs the entries whose names contain a word. The exit code is 1 when a
goal is missed.
"""

import argparse
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from row import Row  # noqa: E402  (the folder is on the path only now)


def entries(words: list[str], folder: Path = FOLDER) -> list[Path]:
    """Return the entries whose names contain one of the words; all of them without words.

    Raises ValueError for a word that no entry's name contains.
    """
    paths = sorted(folder.glob("bench_*.py"))
    for word in words:
        if not any(word in path.stem for path in paths):
            known = ", ".join(path.stem.removeprefix("bench_") for path in paths)
            raise ValueError(f"entry must be one of: {known}; got {word!r}")
    return [p for p in paths if not words or any(word in p.stem for word in words)]


def load(path: Path) -> ModuleType:
    """Import an entry from its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(paths: Iterable[Path]) -> Iterator[Row]:
    """Measure each entry in turn."""
    for path in paths:
        print(f"measuring {path.stem.removeprefix('bench_')} ...", file=sys.stderr, flush=True)
        yield from load(path).measure()


def table(measured: Iterable[Row]) -> str:
    """Return the rows as aligned columns: what, value, goal, whether it is met, note."""
    heads = ("what", "value", "goal", "", "note")
    lines = [heads, *(row.cells() for row in measured)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]

    def aligned(line: tuple[str, ...]) -> str:
        what, value, goal, met, note = (
            cell.rjust(width) if i in (1, 2) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return f"{what}  {value}  {goal}  {met}  {note}".rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([aligned(heads), rule, *map(aligned, lines[1:])])


def main(arguments: list[str] | None = None) -> int:
    """Measure the entries named on the command line; return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="parts of entry names; all when left out")
    try:
        measured = list(rows(entries(parser.parse_args(arguments).words)))
    except ValueError as error:
        parser.error(str(error))
    print(table(measured))
    return 1 if any(row.met is False for row in measured) else 0


if __name__ == "__main__":
    sys.exit(main())
