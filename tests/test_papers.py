"""The numbers that papers report: every file has the form, every number the place of its print."""

import re

import pytest

from course_utils.datasets.papers import FOLDER, read_tables, results

# The winners have tables of their own: tests/lessons/test_12_imagenet_winners.py.
FILES = sorted(p.stem for p in FOLDER.glob("*.toml") if p.stem != "winners")

TEXTS = {  # key -> what its text must look like
    "id": r"[a-z0-9]+(-[a-z0-9]+)*",
    "what": r".*\S.*",
    "unit": r".*\S.*",
    # A year, and a table, a figure, a section, a page: where the reader can look it up.
    "source": r"(?i)(?=.*\b(19|20)\d\d\b).*\b(tables?|figs?|figures?|sections?|abstract|page)\b.*",
    "note": r".*\S.*",
}


def problems(table):
    """Which keys of a `[[result]]` table are missing, unknown or not in their form."""
    for key in sorted(table.keys() ^ (TEXTS.keys() | {"value"}) - ({"note"} - table.keys())):
        yield f"{key} is missing or unknown"
    for key in TEXTS.keys() & table.keys():
        if not (isinstance(table[key], str) and re.fullmatch(TEXTS[key], table[key])):
            yield f"{key} is {table[key]!r}"
    value = table.get("value")
    numbers = value if isinstance(value, list) else [value]
    if not numbers or any(type(number) not in (int, float) for number in numbers):
        yield f"value is {value!r}"


@pytest.mark.parametrize("paper", FILES)
def test_every_number_says_where_it_was_printed(paper):
    tables = read_tables(paper)
    assert tables.keys() == {"result"} and tables["result"]
    found = {table["id"]: list(problems(table)) for table in tables["result"]}
    assert {name: said for name, said in found.items() if said} == {}
    assert len(found) == len(tables["result"]), "an id stands there twice"


def test_results_come_by_id_in_the_files_order():
    found = results("alexnet")
    assert [one.id for one in found.values()] == list(found)
    assert list(found)[:3] == ["relu-speed", "two-gpus", "lrn"]
    assert found["lrn"].value == (1.4, 1.2) and found["lrn"].note == ""
    assert found["relu-speed"].value == 6
