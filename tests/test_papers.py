"""The published numbers: each file is read, each number has a source, each mistake is named."""

import re

import pytest

from course_utils.datasets.papers import FOLDER, Result, results

# These two have tables of their own, which course_utils.lessons.imagenet_winners.competition reads.
FILES = sorted(p.stem for p in FOLDER.glob("*.toml") if p.stem not in ("winners", "references"))

GOOD = """
[[result]]
id = "relu-speed"
what = "fewer epochs"
value = 6
unit = "times"
source = "section 3.1"

[[result]]
id = "top-errors"
what = "top-1 and top-5 error"
value = [40.7, 18.2]
unit = "%"
source = "Table 2"
note = "one network"
"""


@pytest.fixture
def written(tmp_path):
    """Write a file of results and return its folder."""

    def write(text):
        (tmp_path / "made.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_results_come_in_the_files_order(written):
    found = results("made", written(GOOD))
    assert list(found) == ["relu-speed", "top-errors"]
    assert found["relu-speed"] == Result("relu-speed", "fewer epochs", 6, "times", "section 3.1")
    assert found["top-errors"].value == (40.7, 18.2)
    assert found["top-errors"].note == "one network"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('source = "Table 2"', "", "top-errors: source is missing"),
        ('source = "Table 2"', 'source = " "', "source must be a text, got ' '"),
        ("value = 6", 'value = "6"', "relu-speed: value must be a number or a list of numbers"),
        ("value = 6", "value = true", "got True"),
        ("value = 6", "value = []", "got []"),
        ("value = 6", 'value = [1, "2"]', "got [1, '2']"),
        ('id = "relu-speed"', 'id = "ReLU"', "id must be words joined by hyphens, got 'ReLU'"),
        ('id = "relu-speed"', 'id = "top-errors"', "made.toml: id 'top-errors' is used twice"),
        ('note = "one network"', "page = 7", "page is not one of id, what, value"),
        ("[[result]]\nid", "[[wrong]]\nid", "must hold [[result]] tables and nothing else"),
        ("value = 6", "value = ", "made.toml: not valid TOML"),
        ('id = "relu-speed"', "id = 3", "id must be a text, got 3"),
        (GOOD, "result = [1]", "made.toml: must hold [[result]] tables and nothing else"),
        (GOOD, "result = 1", "made.toml: must hold [[result]] tables and nothing else"),
        (GOOD, "result = []", "made.toml: must hold [[result]] tables and nothing else"),
        (GOOD, "", "made.toml: must hold [[result]] tables and nothing else"),
    ],
)
def test_a_mistake_is_named(written, old, new, words):
    assert old in GOOD
    with pytest.raises(ValueError, match=re.escape(words)):
        results("made", written(GOOD.replace(old, new, 1)))


@pytest.mark.parametrize("paper", ["nonsense", "", 3, None])
def test_an_unknown_paper_is_refused_with_those_there_are(written, paper):
    folder = written(GOOD)
    with pytest.raises(ValueError, match=f"paper must be one of made, got {paper!r}"):
        results(paper, folder)


def test_only_papers_that_can_be_read_are_offered(written):
    with pytest.raises(ValueError, match="one of none, got 'no'"):
        results("no", written("[[entry]]\n"))
    with pytest.raises(ValueError, match="paper must be one of (.*), got 'nonsense'") as found:
        results("nonsense")
    offered = re.search("one of (.*), got", str(found.value))[1].split(", ")
    assert offered == FILES
    assert all(results(paper) for paper in offered)


@pytest.mark.parametrize("paper", FILES)
def test_every_number_of_the_course_says_where_it_was_printed(paper):
    for result in results(paper).values():
        # A table, a figure, a section, a page: a place where the reader can look it up.
        assert re.search(
            r"(?i)\b(tables?|figs?\.?|figures?|sections?|abstract|page)\b", result.source
        )
        assert re.search(r"\b(19|20)\d\d\b", result.source), f"{result.id}: no year in its source"
