"""The ImageNet competition and the references, from `data/papers/`: no number without a source.

    winners()            the entries of 2010 to 2017 and the human comparison
    single_models()      one network each, all tested in the same way
    with_counts(...)     fills in what the course counts itself: parameters and multiply-adds
    references()         what the lecture asks to read; later_networks(): what came after

`winners.toml` holds `[[entry]]` tables:

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
`source`. `references.toml` holds `[[reference]]` and `[[later]]` tables with the keys of
`Reference` and `Later`.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from course_utils.datasets.files import DATA
from course_utils.datasets.tables import check_keys, check_unique, read_id, read_tables, read_text

WINNERS = DATA / "papers" / "winners.toml"
REFERENCES = DATA / "papers" / "references.toml"

PLACES = ("winner", "second", "human")
IMAGES = ("supplied", "extra", "practice")
COUNTED = "counted by this course, for one network and one image"

_QUANTITIES = ("depth", "parameters", "macs")


class Quantity(NamedTuple):
    """A number and where it comes from, or why nobody knows it.

    value: the number, or None. source: where it was printed, or `COUNTED`; "" if unknown.
    unknown: why there is no number; "" if there is one. counted: whether the course counts it.
    """

    value: float | None
    source: str = ""
    unknown: str = ""
    counted: bool = False


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


class Reference(NamedTuple):
    """A paper that the lecture lists. lecture: in its words. read: the sections it asks to read."""

    id: str
    name: str
    lecture: str
    year: int
    link: str
    lesson: str
    read: str = ""


class Later(NamedTuple):
    """A network that came after, and its idea in one line."""

    id: str
    name: str
    authors: str
    title: str
    venue: str
    year: int
    link: str
    idea: str


def winners(path: Path = WINNERS) -> tuple[Entry, ...]:
    """Return the entries of the competition by year, and after them the people.

    Raises:
        ValueError: naming file, entry and key where the file breaks the schema, and where an entry
            stands out of this order.
    """
    tables = read_tables(path, ("entry", "single"))
    singles = {one.model: one for one in _singles(tables["single"], path)}
    entries = tuple(_entry(table, where, singles) for table, where in tables["entry"])
    check_unique([entry.id for entry in entries], path, "id")
    order = [(entry.place == "human", entry.year) for entry in entries]
    if order != sorted(order):
        raise ValueError(
            f"{path.name}: [[entry]] tables must be in the order of their years, people last"
        )
    return entries


def single_models(path: Path = WINNERS) -> dict[str, Single]:
    """Return what one network alone reaches, by model, in the file's order.

    Raises:
        ValueError: as `winners`.
    """
    tables = read_tables(path, ("entry", "single"))["single"]
    return {one.model: one for one in _singles(tables, path)}


def with_counts(entries: Iterable[Entry], ledgers: Mapping[str, object]) -> tuple[Entry, ...]:
    """Return the entries with what the course counts itself filled in.

    Args:
        entries: what `winners()` returns.
        ledgers: model -> what `course_utils.ledger.ledger` returns: anything with `parameters` and
            `macs`. Further models do no harm.

    Raises:
        ValueError: for an entry whose model has no ledger.
    """
    filled = []
    for entry in entries:
        counted = [name for name in ("parameters", "macs") if getattr(entry, name).counted]
        if counted and entry.model not in ledgers:
            there = ", ".join(ledgers) or "none"
            raise ValueError(f"ledgers must hold {entry.model!r} (for {entry.id}), got {there}")
        numbers = {
            name: Quantity(getattr(ledgers[entry.model], name), COUNTED, counted=True)
            for name in counted
        }
        filled.append(entry._replace(**numbers))
    return tuple(filled)


def references(path: Path = REFERENCES) -> tuple[Reference, ...]:
    """Return what the lecture asks to read, in its order.

    Raises:
        ValueError: naming file, reference and key where the file breaks the schema.
    """
    return _papers(path, "reference", Reference, optional=("read",))


def later_networks(path: Path = REFERENCES) -> tuple[Later, ...]:
    """Return what came after, by year.

    Raises:
        ValueError: as `references`, and where a year is smaller than the one before.
    """
    found = _papers(path, "later", Later)
    if [one.year for one in found] != sorted(one.year for one in found):
        raise ValueError(f"{path.name}: [[later]] tables must be in the order of their years")
    return found


# -------------------------------------------------------------------------------------------------
# The schema


def _one_of(table: dict, key: str, where: str, allowed: tuple[str, ...]) -> str:
    if table[key] not in allowed:
        raise ValueError(f"{where}: {key} must be one of {', '.join(allowed)}, got {table[key]!r}")
    return table[key]


def _percent(table: dict, key: str, where: str) -> float:
    value = table[key]
    real = isinstance(value, int | float) and not isinstance(value, bool)
    if not real or not 0 < value < 100:
        raise ValueError(f"{where}: {key} must be a number between 0 and 100, got {value!r}")
    return float(value)


def _whole(table: dict, key: str, where: str, smallest: int = 1) -> int:
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
        raise ValueError(f"{where}: {key} must be an integer >= {smallest}, got {value!r}")
    return value


def _entry(table: dict, where: str, singles: dict[str, Single]) -> Entry:
    needed = ("id", "year", "team", "name", "place", "note", *_QUANTITIES, "error")
    check_keys(table, where, needed, ("model", "network"))
    model = read_text(table, "model", where) if "model" in table else ""
    network = table.get("network", True)
    if not isinstance(network, bool):
        raise ValueError(f"{where}: network must be true or false, got {network!r}")
    if model and not network:
        raise ValueError(f"{where}: network must be true, as the entry names its model")
    errors = table["error"]
    if not isinstance(errors, list) or not errors:
        raise ValueError(f"{where}: error must be one or more [[entry.error]] tables")
    found = tuple(_error(one, f"{where}, error {i}") for i, one in enumerate(errors, start=1))
    if [one.value for one in found] != sorted(one.value for one in found):
        raise ValueError(f"{where}: error tables must begin with the lowest value")
    numbers = {name: _quantity(table[name], f"{where}, {name}", model) for name in _QUANTITIES}
    single = Quantity(None, unknown="no error of one of its networks under this protocol")
    if model in singles:
        single = Quantity(singles[model].error, singles[model].source)
    return Entry(
        id=read_id(table, where),
        year=_whole(table, "year", where, smallest=2010),
        team=read_text(table, "team", where),
        name=read_text(table, "name", where),
        place=_one_of(table, "place", where, PLACES),
        note=read_text(table, "note", where),
        errors=found,
        single=single,
        model=model,
        network=network,
        **numbers,
    )


def _error(table: dict, where: str) -> TestError:
    check_keys(table, where, ("value", "images", "source"), ("networks",))
    return TestError(
        value=_percent(table, "value", where),
        images=_one_of(table, "images", where, IMAGES),
        source=read_text(table, "source", where),
        networks=_whole(table, "networks", where) if "networks" in table else None,
    )


def _quantity(table: object, where: str, model: str) -> Quantity:
    if not isinstance(table, dict):
        raise ValueError(f"{where}: must be a table with a source, got {table!r}")
    if "counted" in table:
        check_keys(table, where, ("counted",))
        if table["counted"] is not True or not model:
            raise ValueError(f"{where}: counted must be true, and the entry must name its model")
        return Quantity(None, unknown="not counted yet: see with_counts", counted=True)
    if "unknown" in table:
        check_keys(table, where, ("unknown",))
        return Quantity(None, unknown=read_text(table, "unknown", where))
    check_keys(table, where, ("value", "source"))
    return Quantity(_whole(table, "value", where), read_text(table, "source", where))


def _singles(tables: list[tuple[dict, str]], path: Path) -> list[Single]:
    found = []
    for table, where in tables:
        check_keys(table, where, Single._fields)
        error = _percent(table, "error", where)
        found.append(
            Single(read_text(table, "model", where), error, read_text(table, "source", where))
        )
    check_unique([one.model for one in found], path, "model")
    return found


def _papers(path: Path, which: str, kind: type, optional: tuple[str, ...] = ()) -> tuple:
    found = []
    for table, where in read_tables(path, ("reference", "later"))[which]:
        needed = [name for name in kind._fields if name not in optional]
        check_keys(table, where, needed, optional)
        for key in table:
            if key != "year":
                read_text(table, key, where)
        read_id(table, where)
        _whole(table, "year", where, smallest=1900)
        if not table["link"].startswith("https://"):
            raise ValueError(f"{where}: link must begin with https://, got {table['link']!r}")
        found.append(kind(**table))
    check_unique([one.id for one in found], path, "id")
    return tuple(found)
