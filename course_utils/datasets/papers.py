"""Numbers that the papers report: read from `data/papers/`, each with the place it was printed.

What this course can compute, it computes. What it cannot (an error rate on ImageNet after weeks of
training) stands in a file, one per paper, as a list of `[[result]]` tables:

    [[result]]
    id = "relu-speed"            # words joined by hyphens, once per file
    what = "how many times fewer epochs ReLU needs"
    value = 6                    # a number, or a list of numbers
    unit = "times"
    source = "Krizhevsky et al. 2012, section 3.1, fig. 1"
    note = "optional: what to know before comparing"

Floor 1, standard library only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from course_utils.datasets.files import DATA
from course_utils.datasets.tables import check_keys, check_unique, read_id, read_tables, read_text

FOLDER = DATA / "papers"

_REQUIRED = ("id", "what", "value", "unit", "source")
_TABLE = re.compile(r"^\[\[result\]\]", re.MULTILINE)


class Result(NamedTuple):
    """One published number.

    Attributes:
        id: its name within the file.
        what: what was measured.
        value: the number as printed, or a tuple of numbers.
        unit: "%" for a share of images, "times", "millions", ...
        source: authors, year, and the table, figure or section.
        note: what to know before comparing; "" if nothing.
    """

    id: str
    what: str
    value: float | tuple[float, ...]
    unit: str
    source: str
    note: str = ""


def results(paper: str, folder: Path = FOLDER) -> dict[str, Result]:
    """Read the published numbers of one paper, in the order of its file.

    Args:
        paper: the file's name without its ending, as in `"alexnet"`.
        folder: where the files are.

    Raises:
        ValueError: for a paper without a file, and naming file, entry and key where a file breaks
            the schema.
    """
    path = Path(folder) / f"{paper}.toml"
    if not isinstance(paper, str) or not path.is_file():
        there = ", ".join(_papers(Path(folder))) or "none"
        raise ValueError(f"paper must be one of {there}, got {paper!r}")
    found = [_result(table, where) for table, where in read_tables(path, ["result"])["result"]]
    check_unique([result.id for result in found], path, "id")
    return {result.id: result for result in found}


def _papers(folder: Path) -> list[str]:
    """Return the papers with results; other files of the folder hold tables of another kind."""
    files = sorted(folder.glob("*.toml"))
    return [path.stem for path in files if _TABLE.search(path.read_text(encoding="utf-8"))]


def _result(table: dict, where: str) -> Result:
    check_keys(table, where, _REQUIRED, ["note"])
    texts = {key: read_text(table, key, where) for key in table if key != "value"}
    read_id(table, where)
    return Result(value=_numbers(table["value"], where), **texts)


def _numbers(value: object, where: str) -> float | tuple[float, ...]:
    """Return a number as it is and a list of numbers as a tuple."""
    several = value if isinstance(value, list) else [value]
    if not several or any(isinstance(n, bool) or not isinstance(n, int | float) for n in several):
        raise ValueError(f"{where}: value must be a number or a list of numbers, got {value!r}")
    return tuple(several) if isinstance(value, list) else value
