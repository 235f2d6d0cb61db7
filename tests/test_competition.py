"""The competition: every number has a source, the course counts its own, mistakes are named."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from course_utils.lessons import LESSONS
from course_utils.lessons.imagenet_winners import competition
from course_utils.lessons.imagenet_winners.competition import (
    COUNTED,
    REFERENCES,
    WINNERS,
    Quantity,
    later_networks,
    references,
    single_models,
    winners,
    with_counts,
)

LEDGERS = {
    name: SimpleNamespace(parameters=i * 10**6, macs=i * 10**9)
    for i, name in enumerate(("AlexNet", "VGG-16", "GoogLeNet", "ResNet-152"), start=1)
}


def test_winners_are_those_of_the_results_pages():
    won = {
        e.year: (e.team, [one.value for one in e.errors]) for e in winners() if e.place == "winner"
    }
    assert won == {
        2010: ("NEC-UIUC", [28.191]),
        2011: ("XRCE", [25.77]),
        2012: ("SuperVision", [15.315, 16.422]),
        2013: ("Clarifai", [11.197, 11.743]),
        2014: ("GoogLeNet", [6.656]),
        2015: ("MSRA", [3.567]),
        2016: ("Trimps-Soushen", [2.991]),
        2017: ("WMW", [2.251]),
    }
    others = {e.id: e.error for e in winners() if e.place != "winner"}
    assert others == {
        "isi-2012": 26.172,
        "vgg-2014": 7.325,
        "resnext-2016": 3.031,
        "annotator-a1": 5.1,
        "annotator-a2": 12.0,
    }


def test_two_values_are_told_apart_by_their_images():
    for entry in winners():
        if len(entry.errors) == 2:
            assert [one.images for one in entry.errors] == ["extra", "supplied"]
        elif entry.place == "human":
            assert entry.errors[0].images == "practice"
        else:
            assert entry.errors[0].images == "supplied"


def test_every_number_has_a_source_with_year_and_place_and_every_gap_a_reason():
    sources = [one.source for entry in winners() for one in entry.errors]
    sources += [one.source for one in single_models().values()]
    for entry in with_counts(winners(), LEDGERS):
        for quantity in (entry.depth, entry.parameters, entry.macs, entry.single):
            assert (quantity.value is None) == bool(quantity.unknown)
            assert (quantity.value is None) == (not quantity.source)
            if quantity.source and not quantity.counted:
                sources.append(quantity.source)
    assert len(sources) > 25
    for source in sources:
        assert re.search(r"\b(19|20)\d\d\b", source), source
        assert re.search(r"\b(results page|tables?|sections?)\b", source), source


def test_what_nobody_published_is_unknown():
    for entry in winners():
        known = entry.id in ("alexnet-2012", "googlenet-2014", "vgg-2014", "resnet-2015")
        assert (entry.depth.value is not None) == known == bool(entry.model)
        assert entry.parameters.value is None and entry.macs.value is None  # never in the file


def test_what_is_no_network_says_so():
    without = {"nec-2010", "xrce-2011", "isi-2012", "annotator-a1", "annotator-a2"}
    assert {entry.id for entry in winners() if not entry.network} == without


def test_counts_are_filled_in_where_the_course_builds_the_network():
    for entry in with_counts(winners(), LEDGERS):
        if entry.model:
            counted = LEDGERS[entry.model]
            assert entry.parameters == Quantity(counted.parameters, COUNTED, counted=True)
            assert entry.macs.value == counted.macs
        else:
            assert entry.parameters.value is None
    with pytest.raises(
        ValueError, match="ledgers must hold 'AlexNet' .for alexnet-2012., got none"
    ):
        with_counts(winners(), {})


def test_single_networks_share_one_protocol_and_are_those_of_the_papers():
    found = {name: one.error for name, one in single_models().items()}
    assert found == {
        "AlexNet": 18.2,
        "VGG-16": 9.33,
        "GoogLeNet": 9.15,
        "plain-34": 10.02,
        "ResNet-34": 7.46,
        "ResNet-50": 6.71,
        "ResNet-101": 6.05,
        "ResNet-152": 5.71,
    }
    of_entries = {e.model: e.single.value for e in winners() if e.model}
    assert all(found[model] == value for model, value in of_entries.items())


def test_the_lectures_references_in_its_order_with_the_sections_it_names():
    found = references()
    assert [one.name for one in found] == ["LeNet-5", "AlexNet", "VGG", "Inception", "ResNet"]
    assert [one.read for one in found] == [
        "",
        "",
        "",
        "Section 4 and 5",
        "Section 3.1, 3.2 and 3.3",
    ]
    assert [one.lesson for one in found] == ["07", "08", "09", "10", "11"]
    assert {one.lesson for one in found} <= {lesson.number for lesson in LESSONS}
    for one in found:
        assert str(one.year) in one.lecture and one.lecture.endswith(".")
    assert "pp. 770-778. 2016." in found[-1].lecture


def test_what_came_after_has_authors_venue_year_and_link():
    found = later_networks()
    assert [one.name for one in found] == [
        *("BN-Inception", "Inception-v3", "Inception-v4", "ResNeXt", "DenseNet", "MobileNet"),
        *("SENet", "EfficientNet", "ViT", "ConvNeXt"),
    ]
    for one in found:
        arxiv = re.fullmatch(r"https://arxiv\.org/abs/(\d\d)(\d\d)\.\d{4,5}", one.link)
        assert 0 <= one.year - (2000 + int(arxiv[1])) <= 2  # first on arXiv, then at the venue
        assert len(one.idea) < 120 and one.idea.endswith(".")


# The schema, on made files


@pytest.fixture
def written(tmp_path):
    """Write a changed copy of a data file and return its path."""

    def write(source: Path, old: str, new: str) -> Path:
        text = source.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / source.name
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return path

    return write


WHOLE = WINNERS.read_text(encoding="utf-8")
A1 = "[[entry.error]]\nvalue = 28.191"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("value = 28.191", 'value = "28"', "nec-2010, error 1: value must be a number between"),
        ("value = 28.191", "value = true", "got True"),
        ("value = 28.191", "value = 281", "got 281"),
        ('source = "ILSVRC 2010 results page"\n', "", "nec-2010, error 1: source is missing"),
        ('source = "ILSVRC 2010 results page"', 'source = " "', "source must be a text, got ' '"),
        ('images = "supplied"', 'images = "all"', "images must be one of supplied, extra"),
        ("networks = 7", "networks = 0", "networks must be an integer >= 1, got 0"),
        ("value = 15.315", "value = 17", "must begin with the lowest value"),
        (A1, "[[entry.wrong]]\nvalue = 28.191", "error is missing"),
        ('id = "nec-2010"', 'id = "NEC 2010"', "id must be words joined by hyphens"),
        ('id = "nec-2010"', 'id = "xrce-2011"', "id 'xrce-2011' is used twice"),
        ("year = 2010", "year = 2009", "year must be an integer >= 2010, got 2009"),
        ('place = "winner"', 'place = "third"', "place must be one of winner, second, human"),
        ('team = "NEC-UIUC"', 'town = "Princeton"', "nec-2010: team is missing"),
        ('team = "NEC-UIUC"', 'team = ""', "team must be a text"),
        ('name = "AlexNet"', 'name = "AlexNet"\ngpu = "GTX"', "gpu is not one of id, year"),
        ("depth = { value = 8, source", "depth = { value = 8, from", "source is missing"),
        (
            "depth = { value = 8,",
            "depth = { value = 8.5,",
            "value must be an integer >= 1, got 8.5",
        ),
        ('parameters = { unknown = "not published" }', "parameters = 5", "must be a table with a"),
        ('parameters = { unknown = "not published" }', "parameters = { counted = true }", "model"),
        ('unknown = "not published"', 'unknown = ""', "unknown must be a text"),
        ("error = 9.15", "error = 0", "single GoogLeNet: error must be a number between 0 and 100"),
        ('model = "plain-34"', 'model = "VGG-16"', "model 'VGG-16' is used twice"),
        ("[[single]]", "[[double]]", "must hold [[entry]] and [[single]] tables"),
        ("value = 28.191", "value = ", "winners.toml: not valid TOML"),
        (WHOLE, "entry = [1]\nsingle = [3]", "winners.toml: must hold [[entry]] and [[single]]"),
        (WHOLE, "entry = []\nsingle = []", "winners.toml: must hold [[entry]] and [[single]]"),
        (f'{A1}\nimages = "supplied"\nsource = "ILSVRC 2010 results page"', "error = [5]", "table"),
        ("network = false", 'network = "no"', "nec-2010: network must be true or false, got 'no'"),
        ('model = "AlexNet"', 'model = "AlexNet"\nnetwork = false', "network must be true, as the"),
        ("year = 2012", "year = 2016", "in the order of their years, people last"),
        ('place = "human"', 'place = "second"', "in the order of their years, people last"),
    ],
)
def test_a_mistake_in_the_winners_is_named(written, old, new, words):
    path = written(WINNERS, old, new)
    with pytest.raises(ValueError, match=re.escape(words)):
        winners(path)


PAPERS = REFERENCES.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("https://doi.org", "doi.org", "reference lenet5: link must begin with https://"),
        ("year = 1998", 'year = "1998"', "year must be an integer >= 1900"),
        ('lesson = "07"', "", "lenet5: lesson is missing"),
        ('lesson = "07"', 'lesson = "07"\npage = 3', "page is not one of id, name"),
        ('id = "alexnet"', 'id = "lenet5"', "id 'lenet5' is used twice"),
        (PAPERS, "reference = [1]\nlater = [2]", "must hold [[reference]] and [[later]] tables"),
    ],
)
def test_a_mistake_in_the_references_is_named(written, old, new, words):
    path = written(REFERENCES, old, new)
    with pytest.raises(ValueError, match=re.escape(words)):
        references(path)


def test_later_networks_must_come_in_the_order_of_years(written):
    path = written(REFERENCES, 'venue = "ICML"\nyear = 2015', 'venue = "ICML"\nyear = 2025')
    with pytest.raises(ValueError, match="in the order of their years"):
        later_networks(path)


def test_nothing_but_the_standard_library_is_needed():
    source = Path(competition.__file__).read_text(encoding="utf-8")
    assert not re.search(r"^\s*(import|from) (torch|numpy|matplotlib)", source, re.MULTILINE)
    assert json.dumps(winners())  # plain values, all of them
