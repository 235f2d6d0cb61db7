"""The ImageNet competition, from `data/papers/winners.toml`: no number without a source.

The tables of that file have the fields of the tuples below: `[[entry]]` those of `Entry`, with
its errors as `[[entry.error]]`; `[[single]]` is for `single_models`. A quantity is
`{ value = 8, source = "..." }`, `{ unknown = "why" }`, or `{ counted = true }`: `with_counts` fills
that in. The tests of lesson 12 check the file; here it is trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from course_utils.datasets.papers import read_tables

COUNTED = "counted by this course, for one network and one image"


class Quantity(NamedTuple):
    """A number and where it comes from, or why nobody knows it."""

    value: float | None = None
    source: str = ""  # where it was printed, or `COUNTED`
    unknown: str = ""


NOT_YET = Quantity(unknown="not counted yet: see with_counts")


class ErrorRate(NamedTuple):
    """One top-5 error on the test images, in percent."""

    value: float
    images: str  # "supplied" ones only, "extra" ones too; people: "practice"
    source: str
    networks: int | None = None  # how many are averaged, None if unknown


class Entry(NamedTuple):
    """One entry of the competition, or a person doing the same task."""

    id: str  # words joined by hyphens
    year: int
    team: str
    name: str
    place: str  # "winner", "second" or "human"
    note: str  # what to know before comparing
    errors: tuple[ErrorRate, ...]  # the lowest first
    depth: Quantity  # layers with weights, as its paper counts them
    parameters: Quantity  # of one network, as the multiply-adds
    macs: Quantity  # on one image
    single: Quantity  # the error of one of its networks, see `single_models`
    model: str = ""  # its key in `single_models` and in the ledgers; "" if not built here
    network: bool = True  # and neither features made by hand nor a person

    @property
    def error(self) -> float:
        """The lowest of its errors, in percent."""
        return self.errors[0].value


def winners() -> tuple[Entry, ...]:
    """Return the entries of 2010 to 2017 by year, and after them the people."""
    singles, entries = single_models(), []
    nothing = Quantity(unknown="no error of one of its networks under this protocol")
    for table in read_tables("winners")["entry"]:
        errors = tuple(ErrorRate(**error) for error in table.pop("error"))
        single = singles.get(table.get("model"), nothing)
        for name in ("depth", "parameters", "macs"):
            table[name] = NOT_YET if "counted" in table[name] else Quantity(**table[name])
        entries.append(Entry(**table, errors=errors, single=single))
    return tuple(entries)


def single_models() -> dict[str, Quantity]:
    """Return the top-5 error, %, of one network on ten crops of each validation image of 2012."""
    tables = read_tables("winners")["single"]
    return {table["model"]: Quantity(table["error"], table["source"]) for table in tables}


def with_counts(entries: Iterable[Entry], ledgers: Mapping[str, object]) -> tuple[Entry, ...]:
    """Return the entries with what the course counts itself: ledgers holds one for every model."""

    def counted(entry: Entry) -> Entry:
        book = ledgers[entry.model]
        parameters, macs = Quantity(book.parameters, COUNTED), Quantity(book.macs, COUNTED)
        return entry._replace(parameters=parameters, macs=macs)

    return tuple(counted(entry) if entry.model else entry for entry in entries)


def facts(entry: Entry) -> list[tuple[str, str, str]]:
    """Return (what, number or "unknown", source or reason) for all that is known of an entry."""
    images = {"extra": ", with extra images", "supplied": ", supplied images only"}
    rows = []
    for value, which, source, networks in entry.errors:
        many = f", {networks} networks" if networks else ""
        trained = images[which] if len(entry.errors) > 1 else ""
        rows.append((f"top-5 error{many}{trained}", f"{value:g} %", source))
    of_one = {
        "one network alone": (entry.single, "{:g} %"),
        "layers with weights": (entry.depth, "{:,}"),
        "parameters": (entry.parameters, "{:,}"),
        "multiply-adds": (entry.macs, "{:,}"),
    }
    for what, ((value, source, unknown), form) in of_one.items() if entry.place != "human" else ():
        rows.append((what, "unknown" if unknown else form.format(value), source or unknown))
    return rows


def heading(entry: Entry) -> str:
    """Return name, year, team and place of an entry in one line."""
    place = {"winner": "winner", "second": "second place"}.get(entry.place)
    return f"{entry.name}, {entry.year} ({entry.team}, {place})" if place else entry.name


def hover(entry: Entry) -> str:
    """Return all that is known of an entry, a line for each fact."""
    lines = [f"{what}: {value} [{source}]" for what, value, source in facts(entry)]
    return "\n".join([heading(entry), *lines, entry.note])
