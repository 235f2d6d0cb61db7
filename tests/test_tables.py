"""Files of tables: what is there is read in order, every mistake names its file, table and key."""

import re

import pytest

from course_utils.datasets.tables import check_keys, check_unique, read_id, read_tables, read_text

GOOD = """
[[entry]]
id = "one"
[[entry]]
model = "Two"
[[entry]]
year = 3
[[single]]
id = "four"
"""


@pytest.fixture
def written(tmp_path):
    """Write a file and return its path."""

    def write(text):
        path = tmp_path / "made.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("kind_of_path", [lambda path: path, str])
def test_tables_come_in_order_each_with_what_an_error_calls_it(written, kind_of_path):
    assert read_tables(kind_of_path(written(GOOD)), ["entry", "single"]) == {
        "entry": [
            ({"id": "one"}, "made.toml, entry one"),
            ({"model": "Two"}, "made.toml, entry Two"),
            ({"year": 3}, "made.toml, entry 3"),
        ],
        "single": [({"id": "four"}, "made.toml, single four")],
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[entry]]\nid = 1",
        GOOD + "[[other]]\n",
        "title = 1\n" + GOOD,
        "entry = [1]\nsingle = [3]",
        "entry = [{}, 1]\nsingle = [{}]",
        "entry = []\nsingle = []",
        "[entry]\n[single]",
        "entry = 1\nsingle = 2",
    ],
)
def test_a_file_of_anything_else_is_refused(written, text):
    message = "made.toml: must hold [[entry]] and [[single]] tables and nothing else"
    with pytest.raises(ValueError, match=re.escape(message)):
        read_tables(written(text), ["entry", "single"])


def test_a_file_that_is_no_toml_is_refused(written):
    with pytest.raises(ValueError, match="^made.toml: not valid TOML: Invalid value"):
        read_tables(written("entry ="), ["entry"])


def test_keys_are_those_needed_and_perhaps_the_optional_ones():
    check_keys({"a": 1}, "x", ["a"], ["b"])
    check_keys({"a": 1, "b": 2}, "x", iter(["a"]), iter(["b"]))
    with pytest.raises(ValueError, match="^x: a is missing$"):
        check_keys({"b": 2}, "x", ["a"], ["b"])
    with pytest.raises(ValueError, match="^x: c is not one of a, b$"):
        check_keys({"a": 1, "c": 2}, "x", ["a"], ["b"])
    with pytest.raises(ValueError, match="^x: must be a table, got 5$"):
        check_keys(5, "x", ["a"])


def test_texts_say_something():
    assert read_text({"a": " b "}, "a", "x") == " b "
    for value in ("", " ", 3, ["b"], None):
        with pytest.raises(ValueError, match="^x: a must be a text, got"):
            read_text({"a": value}, "a", "x")


def test_ids_are_words_joined_by_hyphens():
    assert read_id({"id": "alexnet-2012"}, "x") == "alexnet-2012"
    for wrong in ("AlexNet", "a--b", "-a", "a-", "a b", "a_b"):
        with pytest.raises(ValueError, match=f"^x: id must be words .* got '{wrong}'$"):
            read_id({"id": wrong}, "x")
    with pytest.raises(ValueError, match="^x: id must be a text, got 3$"):
        read_id({"id": 3}, "x")


def test_a_name_that_is_used_twice_is_found(tmp_path):
    check_unique(["a", "b"], tmp_path / "made.toml", "id")
    with pytest.raises(ValueError, match="^made.toml: model 'b' is used twice$"):
        check_unique(iter(["b", "a", "b", "c", "c"]), tmp_path / "made.toml", "model")
