"""The board: its order, its table, and what its file may hold."""

import json
import xml.etree.ElementTree as ET

import pytest

from course_utils.lessons.imagenet_winners.board import (
    Board,
    BoardContent,
    BoardFile,
    Entry,
    in_order,
    percent,
)


def entry(name="x", right=800, macs=1000, parameters=100, recipe=""):
    return Entry(name, parameters, macs, right, 900, recipe)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))
    return BoardFile()


def test_ranking_more_right_answers_then_fewer_macs_then_parameters():
    shown = Board(
        [
            entry("d", 800, 1000, 101),
            entry("c", 800, 1000, 100),
            entry("a", 801, 9000, 900),
            entry("b", 800, 999, 900),
        ]
    )
    assert [one.name for one in shown.entries] == ["a", "b", "c", "d"]
    assert len(shown) == 4


def test_equal_designs_are_ordered_by_name():
    assert [one.name for one in in_order([entry("b"), entry("a")])] == ["a", "b"]


def test_shares_have_one_decimal():
    assert (percent(880, 900), percent(0, 900), percent(900, 900)) == ("97.8 %", "0.0 %", "100.0 %")


def test_the_table_of_the_board():
    shown = Board(
        [entry("Ada", 900, 2_000), entry("Bob", 450)],
        [entry("a course net", 800)],
        "Hm.",
        "Trained so.",
    )
    assert repr(shown).splitlines() == [
        "2 designs. Ranked by right answers, then by fewer multiply-adds, then parameters.",
        "Place   Design          Right  Multiply-adds  Parameters",
        "1       Ada           100.0 %          2,000         100",
        "course  a course net   88.9 %          1,000         100",
        "2       Bob            50.0 %          1,000         100",
        "Hm.",
    ]
    page = ET.fromstring(shown._repr_html_())
    assert len(page.findall(".//th[@scope='row']")) == 3
    assert len(page.findall(".//th[@scope='col']")) == 5
    assert "Trained so." in "".join(page.itertext())
    assert "Hm." in "".join(page.itertext())
    assert repr(Board([])).startswith("No design yet. Ranked by")


def test_designs_of_another_recipe_stand_at_the_end_and_have_no_place():
    shown = Board(
        [
            entry("Zoe", 900, recipe="old"),
            entry("Ada", 450, recipe="new"),
            entry("Bob", 899, recipe=""),
            entry("Cem", 460, recipe="new"),
        ],
        [entry("a course net", 455, recipe="new")],
        "",
        "Trained so.",
        "new",
    )
    assert len(shown) == 2
    assert [one.name for one in shown.entries] == ["Cem", "Ada"]
    assert [one.name for one in shown.others] == ["Bob", "Zoe"]  # by name: nothing is ranked
    assert repr(shown).splitlines() == [
        "2 designs. Ranked by right answers, then by fewer multiply-adds, then parameters. "
        "2 more were trained by another recipe: not comparable, so without a place.",
        "Place         Design          Right  Multiply-adds  Parameters",
        "1             Cem            51.1 %          1,000         100",
        "course        a course net   50.6 %          1,000         100",
        "2             Ada            50.0 %          1,000         100",
        "other recipe  Bob            99.9 %          1,000         100",
        "other recipe  Zoe           100.0 %          1,000         100",
    ]
    rows = ET.fromstring(shown._repr_html_()).findall(".//tbody/tr")
    ranked = ["background:none" not in row.get("style") for row in rows]
    assert ranked == [True, False, True, False, False]
    assert [row.find("td").text for row in rows][3:] == ["other recipe"] * 2
    alone = repr(Board([entry(recipe="old")], recipe="new"))
    assert alone.startswith("No design yet.") and "1 more was trained by another recipe" in alone


def test_names_are_text_and_no_markup():
    page = ET.fromstring(Board([entry("<b>Ada")])._repr_html_())
    assert "<b>Ada" in "".join(page.itertext())


def test_what_is_kept_comes_back(file):
    designs = [entry("Ada", recipe="recipe 1"), entry("Bob", 7)]
    content = BoardContent(designs, [entry("LeNet", recipe="recipe 1")])
    assert file.change(lambda empty: content) == (content, "")
    assert BoardFile().read() == (content, "")
    assert file.path.parent.name == "capstone" and file.path.name == "board.json"


def test_a_file_of_version_1_is_taken_over(file):
    old = entry("Ada")._asdict()
    del old["recipe"]
    references = {"recipe": "some", "entries": [old | {"name": "LeNet"}]}
    file.path.parent.mkdir(parents=True)
    file.path.write_text(
        json.dumps(
            {"version": 1, "designs": [old, old | {"name": "Bob"}], "references": references}
        )
    )
    content = BoardContent([entry("Ada", recipe=""), entry("Bob", recipe="")], [])
    assert file.read() == (content, "")
    assert Board(content.designs, recipe="new").entries == ()
    added = content._replace(designs=[*content.designs, entry("Cem", recipe="new")])
    assert file.change(lambda found: added) == (added, "")
    assert json.loads(file.path.read_text())["version"] == 2
    assert BoardFile().read() == (added, "")
    assert not list(file.path.parent.glob("*unreadable*"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 3}, "it is no board of version 2"),
        ({"version": 1, "designs": [entry()._asdict()]}, "a design is damaged"),
        ({"designs": 3}, "it holds no list of designs"),
        ({"designs": [{"name": "x"}]}, "a design is damaged"),
        ({"designs": [entry()._asdict() | {"right": 901}]}, "a design is damaged"),
        ({"designs": [entry()._asdict() | {"asked": 0, "right": 0}]}, "a design is damaged"),
        ({"designs": [entry()._asdict() | {"macs": True}]}, "a design is damaged"),
        ({"designs": [entry()._asdict() | {"name": 3}]}, "a design is damaged"),
        ({"designs": [entry()._asdict()] * 2}, "a name stands there twice"),
        ({"designs": [entry()._asdict() | {"recipe": 3}]}, "a design is damaged"),
        ({"references": {}}, "it holds no list of designs"),
    ],
)
def test_a_damaged_file_says_what_is_wrong_and_is_kept(file, change, words):
    good = {"version": 2, "designs": [], "references": []}
    file.path.parent.mkdir(parents=True)
    file.path.write_text(json.dumps(good | change))
    content, notice = file.read()
    assert content == file.empty()
    kept = file.path.with_name("board.unreadable-1.json")
    assert notice == f"The board could not be read ({words}). It is kept as {kept}."
    assert json.loads(kept.read_text()) == good | change
