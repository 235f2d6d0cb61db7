"""What lesson 12 shows and says: the competition's files, its pictures, panels and exercises.

The networks are counted by the cells of the notebook, and its experiment is run with other seeds.
"""

import re
import tomllib
from types import SimpleNamespace

import pytest
import torch
from cells import run_cells

from course_utils.datasets.files import DATA
from course_utils.exercises import check
from course_utils.ledger import ledger
from course_utils.lessons.imagenet_winners import exercises
from course_utils.lessons.imagenet_winners.capstone import BUDGET, check_design
from course_utils.lessons.imagenet_winners.competition import (
    COUNTED,
    later_networks,
    references,
    single_models,
    winners,
    with_counts,
)
from course_utils.models import VGG, AlexNet, LeNet5, ResNet

SLUG = "12_imagenet_winners"

# ---------------------------------------------------------------------------------------------
# The files: each table has the keys that it needs, and each number a source


def is_text(value) -> bool:
    return isinstance(value, str) and bool(value.strip())


def is_source(value) -> bool:
    """Authors or a page, a year, and the place in it."""
    places = r"\b(results page|tables?|sections?)\b"
    return is_text(value) and bool(
        re.search(r"\b(19|20)\d\d\b", value) and re.search(places, value)
    )


def is_whole(value) -> bool:
    return type(value) is int and value >= 1


def is_percent(value) -> bool:
    return type(value) in (int, float) and 0 < value < 100


def is_year(value) -> bool:
    return type(value) is int and 1998 <= value <= 2030


def is_id(value) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value))


def is_link(value) -> bool:
    return is_text(value) and value.startswith("https://")


def is_quantity(value) -> bool:
    """A number with its source, why there is none, or that the course counts it."""
    if set(value) == {"value", "source"}:
        return is_whole(value["value"]) and is_source(value["source"])
    return value == {"counted": True} or (set(value) == {"unknown"} and is_text(value["unknown"]))


def are_errors(value) -> bool:
    sizes = [one["value"] for one in value]
    return (
        bool(sizes) and sizes == sorted(sizes) and not any(mistakes("error", one) for one in value)
    )


TEXTS = {"id": is_id, "name": is_text, "year": is_year}
TABLES = {  # kind -> key -> what it may be; "?" marks a key that may be missing
    "entry": TEXTS
    | dict.fromkeys(("depth", "parameters", "macs"), is_quantity)
    | {"team": is_text, "note": is_text, "place": ("winner", "second", "human").__contains__}
    | {"error": are_errors, "model?": is_text, "network?": lambda value: type(value) is bool},
    "error": {"value": is_percent, "source": is_source, "networks?": is_whole}
    | {"images": ("supplied", "extra", "practice").__contains__},
    "single": {"model": is_text, "error": is_percent, "source": is_source},
    "reference": TEXTS | {"lecture": is_text, "link": is_link, "lesson": is_text, "read?": is_text},
    "later": TEXTS
    | dict.fromkeys(("authors", "title", "venue", "idea"), is_text)
    | {"link": is_link},
}


def mistakes(kind, table) -> list[str]:
    """The keys of a table that are missing, unknown or not what they should be."""
    rules = {key.removesuffix("?"): rule for key, rule in TABLES[kind].items()}
    needed = {key for key in TABLES[kind] if not key.endswith("?")}
    return [
        key
        for key in sorted(needed | set(table))
        if not (key in table and key in rules and rules[key](table[key]))
    ]


@pytest.mark.parametrize("file", ["winners", "references"])
def test_every_table_is_whole_and_named_once(file):
    data = tomllib.loads((DATA / "papers" / f"{file}.toml").read_text(encoding="utf-8"))
    for kind, tables in data.items():
        assert {
            t.get("id", t.get("model")): found for t in tables if (found := mistakes(kind, t))
        } == {}
        names = [table.get("id", table.get("model")) for table in tables]
        assert len(set(names)) == len(names)
    for table in data.get("entry", ()):
        if not table.get("model"):
            assert {"counted": True} not in table.values()
        assert table.get("network", True) or "model" not in table


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"source": "He et al. 2015"}, ["source"]),
        ({"error": 0}, ["error"]),
        ({"error": True}, ["error"]),
        ({"page": 3}, ["page"]),
        ({"model": " "}, ["model"]),
    ],
)
def test_mistakes_in_a_table_are_found(change, found):
    good = {"model": "x", "error": 5.71, "source": "He et al. 2015, table 3"}
    assert mistakes("single", good) == [] and mistakes("single", good | change) == found


def test_years_come_in_order_people_last():
    order = [(entry.place == "human", entry.year) for entry in winners()]
    assert order == sorted(order)
    assert [one.year for one in later_networks()] == sorted(one.year for one in later_networks())


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
            assert entry.parameters == (counted.parameters, COUNTED, "")
            assert entry.macs == (counted.macs, COUNTED, "")
        else:
            assert entry.parameters.value is None


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


# ---------------------------------------------------------------------------------------------
# The exercises


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_error_is_torchs(k):
    generator = torch.Generator().manual_seed(k)
    scores, labels = torch.randn(200, 10, generator=generator), torch.arange(200) % 10
    hits = (scores.topk(k, dim=1).indices == labels[:, None]).any(dim=1)
    given = exercises.top_k_error(scores.tolist(), labels.tolist(), k)
    assert given == pytest.approx(100 - 100 * hits.float().mean().item(), abs=1e-4)


def layers_of(model, shape):
    words = {"convolution": "conv", "linear": "fc", "pooling": "pool", "normalisation": "norm"}
    with torch.device("meta"):
        rows = ledger(model(), shape).rows
    return [
        (words[row.category], "beside" if "shortcut" in row.name else "main")
        for row in rows
        if row.category in words
    ]


@pytest.mark.parametrize(
    ("model", "shape", "paper", "lecture"),
    [
        (lambda: LeNet5("modern"), (1, 32, 32), 5, 4),
        (AlexNet, (3, 227, 227), 8, 5 + 2),  # as the lecture says
        (lambda: VGG("D"), (3, 224, 224), 16, 13 + 2),
        (lambda: ResNet(34), (3, 224, 224), 34, 33),
        (lambda: ResNet(152), (3, 224, 224), 152, 151),
    ],
    ids=["LeNet-5", "AlexNet", "VGG-16", "ResNet-34", "ResNet-152"],
)
def test_layers_are_those_of_the_networks(model, shape, paper, lecture):
    assert exercises.count_layers(layers_of(model, shape)) == (paper, lecture)


def test_students_other_ways_to_write_it_pass():
    def by_sorting(scores, labels, k):
        wrong = 0
        for row, label in zip(scores, labels, strict=True):
            best = sorted(range(len(row)), key=lambda i: -row[i])[:k]
            wrong += label not in best
        return wrong / len(labels) * 100

    def by_torch(scores, labels, k):
        best = torch.tensor(scores).topk(k).indices
        return 100 - 100 * (best == torch.tensor(labels)[:, None]).any(1).double().mean()

    def as_a_list(layers):
        kinds = [k for k, place in layers if place == "main" and k in {"conv", "fc"}]
        return [len(kinds), len(kinds[:-1] if kinds[-1] == "fc" else kinds)]

    def by_sweeping(costs, errors):
        order = sorted(range(len(costs)), key=lambda i: (costs[i], errors[i]))
        best, result, last = float("inf"), [False] * len(costs), None
        for i in order:
            pair = (costs[i], errors[i])
            if errors[i] < best or pair == last:
                result[i], best, last = True, min(best, errors[i]), pair
        return result

    assert check(by_sorting, "12.top-k-error").state == "passed"
    assert check(by_torch, "12.top-k-error").state == "passed"
    assert check(as_a_list, "12.count-layers").state == "passed"
    assert check(by_sweeping, "12.pareto-front").state == "passed"


# ---------------------------------------------------------------------------------------------
# What the notebook counts and measures


@pytest.fixture(autouse=True)
def own_board(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))


@pytest.fixture(scope="module")
def counted():
    cells = ["setup", "opening-picture", "reductions", "ledgers", "layer-strips", "one-ledger"]
    return run_cells(SLUG, cells)


def test_counts_are_those_of_the_facts(counted):
    books = {name: (book.parameters, book.macs) for name, book in counted["books"].items()}
    assert books == {
        "LeNet-5": (61_706, 416_520),
        "AlexNet": (60_965_224, 724_406_816),
        "VGG-16": (138_357_544, 15_470_264_320),
        "GoogLeNet": (6_998_552, 1_582_671_872),
        "plain-34": (21_623_848, 3_644_493_824),
        "ResNet-34": (21_797_672, 3_663_761_408),
        "ResNet-50": (25_557_032, 3_857_973_248),
        "ResNet-101": (44_549_160, 7_570_194_432),
        "ResNet-152": (60_192_808, 11_282_415_616),
    }


def test_depths_are_those_of_the_papers_and_of_the_data_file(counted):
    kinds = {name: counted["layer_kinds"](book) for name, book in counted["books"].items()}
    depths = {name: len(found) for name, found in kinds.items()}
    assert depths == {
        "LeNet-5": 5,
        "AlexNet": 8,
        "VGG-16": 16,
        "GoogLeNet": 22,
        "plain-34": 34,
        "ResNet-34": 34,
        "ResNet-50": 50,
        "ResNet-101": 101,
        "ResNet-152": 152,
    }
    for entry in counted["entries"]:
        if entry.model:
            assert entry.depth.value == depths[entry.model]
            assert entry.macs.value == counted["books"][entry.model].macs
    # The lecture: 5 conv + 2 fc, 13 conv + 2 fc, and all five layers of LeNet-5.
    pairs = {name: (one.count("conv"), one.count("fc")) for name, one in kinds.items()}
    assert pairs["LeNet-5"] == (3, 2)
    assert pairs["AlexNet"] == (5, 2 + 1)
    assert pairs["VGG-16"] == (13, 2 + 1)


def test_what_the_table_of_ideas_says_is_counted(counted):
    shares = {}
    for name, book in counted["books"].items():
        dense = book.groups()["linear"]["parameters"]
        shares[name] = round(100 * (book.parameters - dense) / book.parameters)
    said = {"LeNet-5": 82, "AlexNet": 4, "VGG-16": 11, "GoogLeNet": 85, "ResNet-34": 98}
    assert {name: shares[name] for name in said} == said
    assert (11 * 11 * 3, 227 * 227 * 3) == (363, 154_587)
    # Without sharing each of the 55 x 55 positions of each of the 96 maps has its own filter.
    assert 96 * 55 * 55 * (363 + 1) == 105_705_600


def test_fields_named_in_the_question(counted):
    fields = {
        name: max(row.receptive_field for row in book.rows if row.category == "convolution")
        for name, book in counted["books"].items()
    }
    smaller = {n for n, size in fields.items() if size < counted["books"][n].input_shape[-1]}
    assert smaller == {"AlexNet", "VGG-16"}
    said = {"LeNet-5": 32, "AlexNet": 163, "VGG-16": 196, "GoogLeNet": 715, "ResNet-34": 899}
    assert {name: fields[name] for name in said} == said


def test_what_is_said_of_the_front(counted):
    result = run_cells(SLUG, ["setup", "opening-picture", "ledgers", "fronts"])
    assert result["macs"]["AlexNet"] == 10 * 0.724406816  # the errors are those of ten crops
    front, errors = result["figures"].front, result["errors"]
    assert set(errors) - set(front(result["macs"], errors)) == {"VGG-16", "plain-34"}
    by_parameters = front(result["parameters"], errors)
    assert set(errors) - set(by_parameters) == {"AlexNet", "VGG-16", "plain-34"}
    assert errors["plain-34"] - errors["ResNet-34"] == pytest.approx(2.6, abs=0.05)
    assert errors["ResNet-50"] - errors["ResNet-152"] == pytest.approx(1.0)


def test_the_opening_picture_does_not_answer_the_question_on_people(counted):
    picture = counted["figures"].errors_by_year
    assert "A1" in picture(counted["entries"]).alt and "A1" not in picture(counted["won"]).alt


def test_stub_is_not_attempted_and_the_example_keeps_the_budget():
    result = run_cells(SLUG, ["setup", "my-network"], shown=("display(", "print("))
    assert check_design(result["my_network"]()).state == "not attempted"
    example = run_cells(SLUG, ["setup", "example"])
    for design in (example["plain"], example["normalised"]):
        assert design.state == "trained"
        assert 0.25 < design.parameters / BUDGET.parameters < 0.34  # "a third"
        assert 0.16 < design.macs / BUDGET.macs < 0.17  # "a sixth"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_normalisation_decides_within_88_steps(seed):
    result = run_cells(SLUG, ["setup", "example"], seed=("SEED = 0", f"SEED = {seed}"))
    found = {name: result[name].accuracy for name in ("plain", "normalised")}
    assert found["normalised"] - found["plain"] > 0.03


@pytest.mark.slow
def test_memory_is_as_the_text_says():
    cells = ["setup", "opening-picture", "ledgers", "ask-busiest", "run-networks"]
    result = run_cells(SLUG, cells, shown=("display(", "print("))
    runs = result["runs"]
    assert runs["AlexNet"].weight_bytes == 4 * 60_965_224
    assert runs["AlexNet"].weight_bytes / runs["ResNet-34"].weight_bytes == pytest.approx(
        2.8, abs=0.05
    )
    maps = 4 * 64 * 224 * 224  # bytes of 64 maps
    assert runs["VGG-16"].peak_bytes == 2 * maps + 4 * 3 * 224 * 224
    assert runs["GoogLeNet"].peak_bytes > runs["ResNet-34"].peak_bytes
    assert all(run.kept_bytes > 2 * run.peak_bytes for run in runs.values())
