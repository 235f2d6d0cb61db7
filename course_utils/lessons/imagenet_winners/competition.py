"""The ImageNet competition, from `data/papers/winners.toml`: no number without a source.

    winners()            the entries of 2010 to 2017 and the human comparison
    single_models()      one network each, all tested in the same way
    with_counts(...)     fills in what the course counts itself: parameters and multiply-adds

The file holds `[[entry]]` tables:

    [[entry]]
    id = "alexnet-2012"            # words joined by hyphens
    year = 2012
    team = "SuperVision"
    name = "AlexNet"
    place = "winner"               # winner | second | human
    model = "AlexNet"              # optional: a network that the course builds
    network = true                 # optional: whether it is a neural network; if not given, it is
    note = "what to know before comparing"
    depth = { value = 8, source = "..." }          # or { unknown = "why" }
    parameters = { counted = true }                # or as depth; counted needs a model
    macs = { unknown = "not published" }
    [[entry.error]]                # one or more, the lowest first
    value = 15.315                 # top-5 error on the test images, percent
    images = "extra"               # "supplied" ones only, "extra" ones too; people: "practice"
    networks = 7                   # optional: how many are averaged
    source = "..."

and `[[single]]` tables with `model`, `error` (top-5, validation images of 2012, ten crops) and
`source`. It is checked by the tests of lesson 12, and trusted here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from course_utils.datasets.files import DATA

COUNTED = "counted by this course, for one network and one image"


class Quantity(NamedTuple):
    """A number and where it comes from, or why nobody knows it.

    source: where it was printed, or `COUNTED`. unknown: why there is no number.
    """

    value: float | None = None
    source: str = ""
    unknown: str = ""


NOT_YET = Quantity(unknown="not counted yet: see with_counts")


class TestError(NamedTuple):
    """One top-5 error on the test images. value: percent. networks: how many, None if unknown."""

    value: float
    images: str
    source: str
    networks: int | None = None

    __test__ = False  # no test of pytest, whatever its name


class Entry(NamedTuple):
    """One entry of the competition, or a person doing the same task.

    errors: the lowest first. depth: layers with weights, as its paper counts them. parameters,
    macs: of one network on one image. single: top-5 error of one network, validation images, ten
    crops, percent. model: its key in `single_models` and in the ledgers; "" if not built here.
    network: whether it is a neural network, and neither features made by hand nor a person.
    """

    id: str
    year: int
    team: str
    name: str
    place: str
    note: str
    errors: tuple[TestError, ...]
    depth: Quantity
    parameters: Quantity
    macs: Quantity
    single: Quantity
    model: str = ""
    network: bool = True

    @property
    def error(self) -> float:
        """The lowest of its errors, in percent."""
        return self.errors[0].value


class Single(NamedTuple):
    """One network, tested on ten crops of each validation image of 2012; error: top-5, percent."""

    model: str
    error: float
    source: str


def _tables(kind: str) -> list[dict]:
    return tomllib.loads((DATA / "papers" / "winners.toml").read_text(encoding="utf-8"))[kind]


def winners() -> tuple[Entry, ...]:
    """Return the entries of the competition by year, and after them the people."""
    singles = single_models()
    entries = []
    for table in _tables("entry"):
        errors = tuple(TestError(**error) for error in table.pop("error"))
        alone = singles.get(table.get("model"))
        table["single"] = Quantity(unknown="no error of one of its networks under this protocol")
        if alone:
            table["single"] = Quantity(alone.error, alone.source)
        for name in ("depth", "parameters", "macs"):
            table[name] = NOT_YET if "counted" in table[name] else Quantity(**table[name])
        entries.append(Entry(**table, errors=errors))
    return tuple(entries)


def single_models() -> dict[str, Single]:
    """Return what one network alone reaches, by model, in the file's order."""
    return {table["model"]: Single(**table) for table in _tables("single")}


def with_counts(entries: Iterable[Entry], ledgers: Mapping[str, object]) -> tuple[Entry, ...]:
    """Return the entries with what the course counts itself filled in.

    Args:
        ledgers: model -> what `course_utils.ledger.ledger` returns, for every model of the entries.
    """
    return tuple(
        entry._replace(
            **{
                name: Quantity(getattr(ledgers[entry.model], name), COUNTED)
                for name in ("parameters", "macs")
                if getattr(entry, name) == NOT_YET
            }
        )
        for entry in entries
    )
