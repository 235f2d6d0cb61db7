"""The board: its order, its table, and what its file may hold."""

import json
import xml.etree.ElementTree as ET

import pytest

from course_utils.board import Board, BoardContent, BoardFile, Entry, in_order, percent


def entry(name="x", right=800, macs=1000, parameters=100):
    return Entry(name, parameters, macs, right, 900)


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


def test_names_are_text_and_no_markup():
    page = ET.fromstring(Board([entry("<b>Ada")])._repr_html_())
    assert "<b>Ada" in "".join(page.itertext())


def test_what_is_kept_comes_back(file):
    content = BoardContent([entry("Ada"), entry("Bob", 7)], [entry("LeNet")], "recipe 1")
    assert file.change(lambda empty: content) == (content, "")
    assert BoardFile().read() == (content, "")
    assert file.path.parent.name == "capstone" and file.path.name == "board.json"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "it is no board of version 1"),
        ({"designs": 3}, "it holds no list of designs"),
        ({"designs": [{"name": "x"}]}, "a design is damaged"),
        ({"designs": [entry()._asdict() | {"right": 901}]}, "a design is damaged"),
        ({"designs": [entry()._asdict() | {"asked": 0, "right": 0}]}, "a design is damaged"),
        ({"designs": [entry()._asdict() | {"macs": True}]}, "a design is damaged"),
        ({"designs": [entry()._asdict() | {"name": 3}]}, "a design is damaged"),
        ({"designs": [entry()._asdict()] * 2}, "a name stands there twice"),
        ({"references": []}, "its references are damaged"),
    ],
)
def test_a_damaged_file_says_what_is_wrong_and_is_kept(file, change, words):
    good = {"version": 1, "designs": [], "references": {"recipe": "", "entries": []}}
    file.path.parent.mkdir(parents=True)
    file.path.write_text(json.dumps(good | change))
    content, notice = file.read()
    assert content == file.empty()
    kept = file.path.with_name("board.unreadable-1.json")
    assert notice == f"The board could not be read ({words}). It is kept as {kept}."
    assert json.loads(kept.read_text()) == good | change
