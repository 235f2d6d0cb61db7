"""The numbers that papers report: every file has the form, every number the place of its print."""

import re
from collections import Counter

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


def problems(tables):
    """What is wrong with a list of `[[result]]` tables."""
    found = [f"id {i} twice" for i, n in Counter(str(t.get("id")) for t in tables).items() if n > 1]
    for table in tables:
        name = table.get("id")
        keys = {"note"} | table.keys()
        if keys != TEXTS.keys() | {"value"}:
            found.append(f"{name}: keys {sorted(keys ^ (TEXTS.keys() | {'value'}))}")
        for key in TEXTS.keys() & table.keys():
            if not (isinstance(table[key], str) and re.fullmatch(TEXTS[key], table[key])):
                found.append(f"{name}: {key} {table[key]!r}")
        value = table.get("value")
        numbers = value if isinstance(value, list) else [value]
        if not numbers or any(type(number) not in (int, float) for number in numbers):
            found.append(f"{name}: value {value!r}")
    return found


@pytest.mark.parametrize("paper", FILES)
def test_every_number_says_where_it_was_printed(paper):
    tables = read_tables(paper)
    assert tables.keys() == {"result"} and tables["result"]
    assert problems(tables["result"]) == []


GOOD = dict(id="lrn", what="gain", value=[1.4, 1.2], unit="points", source="A. 2012, section 3.3")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"id": "LRN"}, "LRN: id 'LRN'"),
        ({"what": " "}, "lrn: what ' '"),
        ({"source": "A. 2012"}, "lrn: source 'A. 2012'"),
        ({"source": "section 3"}, "lrn: source 'section 3'"),
        ({"page": 7}, "lrn: keys ['page']"),
        ({"note": ""}, "lrn: note ''"),
        *(({"value": v}, f"lrn: value {v!r}") for v in ("6", True, None, [], [1, "2"])),
    ],
)
def test_a_mistake_is_noticed(change, problem):
    assert problems([GOOD]) == []
    assert problems([GOOD | change]) == [problem]


def test_a_missing_key_and_a_second_id_are_noticed():
    without = {key: value for key, value in GOOD.items() if key != "unit"}
    assert problems([GOOD, without]) == ["id lrn twice", "lrn: keys ['unit']"]


def test_results_come_by_id_in_the_files_order():
    found = results("alexnet")
    assert [one.id for one in found.values()] == list(found)
    assert list(found)[:3] == ["relu-speed", "two-gpus", "lrn"]
    assert found["lrn"].value == (1.4, 1.2) and found["lrn"].note == ""
    assert found["relu-speed"].value == 6
