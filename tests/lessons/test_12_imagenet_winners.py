"""What notebook 12 says of its networks is counted; its experiment holds for other seeds."""

import pytest
from cells import run_cells

from course_utils.lessons.imagenet_winners.capstone import BUDGET, check_design

SLUG = "12_imagenet_winners"


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
