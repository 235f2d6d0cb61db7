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
import tomllib
from pathlib import Path
from typing import NamedTuple

from course_utils.data_files import DATA

FOLDER = DATA / "papers"

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_REQUIRED = ("id", "what", "value", "unit", "source")


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
        there = ", ".join(sorted(p.stem for p in Path(folder).glob("*.toml"))) or "none"
        raise ValueError(f"paper must be one of {there}, got {paper!r}")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: not valid TOML: {error}") from error
    tables = data.pop("result", None)
    if data or not isinstance(tables, list) or not tables:
        raise ValueError(f"{path.name}: must hold [[result]] tables and nothing else")
    found: dict[str, Result] = {}
    for position, table in enumerate(tables, start=1):
        result = _result(table, f"{path.name}, result {table.get('id', position)}")
        if result.id in found:
            raise ValueError(f"{path.name}, result {result.id}: id is used twice")
        found[result.id] = result
    return found


def _result(table: dict, where: str) -> Result:
    for key in _REQUIRED:
        if key not in table:
            raise ValueError(f"{where}: {key} is missing")
    for key, value in table.items():
        if key == "value":
            table = table | {"value": _numbers(value, where)}
        elif key not in Result._fields:
            raise ValueError(f"{where}: {key} is not one of {', '.join(Result._fields)}")
        elif not isinstance(value, str) or not value.strip():
            raise ValueError(f"{where}: {key} must be a text, got {value!r}")
    if not _ID.fullmatch(table["id"]):
        raise ValueError(f"{where}: id must be words joined by hyphens, got {table['id']!r}")
    return Result(**table)


def _numbers(value: object, where: str) -> float | tuple[float, ...]:
    """Return a number as it is and a list of numbers as a tuple."""
    several = value if isinstance(value, list) else [value]
    if not several or any(isinstance(n, bool) or not isinstance(n, int | float) for n in several):
        raise ValueError(f"{where}: value must be a number or a list of numbers, got {value!r}")
    return tuple(several) if isinstance(value, list) else value
