"""What lesson 12 shows and says: the competition's file, its pictures, panels and exercises.

The networks are counted by the cells of the notebook, and its experiment is run with other seeds.
"""

import itertools
import json
import re
import xml.etree.ElementTree as ET
from html import unescape
from math import log
from statistics import fmean
from types import SimpleNamespace as NS

import pytest
import torch
from cells import run_cells
from torch import nn

from course_utils.datasets.files import DATA
from course_utils.drawing.style import PAPER
from course_utils.drawing.svg import share
from course_utils.lessons.imagenet_winners import competition, exercises, figures
from course_utils.lessons.imagenet_winners.capstone import check_design
from course_utils.lessons.imagenet_winners.competition import heading, single_models, winners
from course_utils.lessons.imagenet_winners.design_check import BUDGET
from course_utils.lessons.imagenet_winners.explorer import ArchitectureBrowser, WinnersChart
from course_utils.lessons.imagenet_winners.figures import AXES, number, title
from course_utils.lessons.imagenet_winners.network_chart import COSTS

SLUG = "12_imagenet_winners"
SVG = "{http://www.w3.org/2000/svg}"
NETWORKS = ("LeNet-5", "AlexNet", "VGG-16", "GoogLeNet", "plain-34", "ResNet-50", "ResNet-152")


@pytest.fixture(scope="module")
def counted():
    cells = ["opening-picture", "reductions", "ledgers", "layer-strips", "one-ledger", "fronts"]
    return run_cells(SLUG, ["setup", *cells])


@pytest.fixture(scope="module")
def books(counted):
    return counted["books"]


@pytest.fixture(scope="module")
def entries(counted):
    return counted["entries"]


@pytest.fixture(autouse=True)
def own_board(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))


def is_source(text):
    """Authors or a page, a year, and the place in it."""
    return re.search(r"\b(19|20)\d\d\b.*\b(results page|tables?|sections?)\b", text)


def test_every_number_has_a_source_and_what_is_missing_a_reason():
    for entry in winners():
        sizes = [error.value for error in entry.errors]
        assert sizes == sorted(sizes) and sizes[0] > 0 and sizes[-1] < 100
        assert all(is_source(error.source) for error in entry.errors)
        assert all(error.networks is None or error.networks >= 1 for error in entry.errors)
        images = {2: ["extra", "supplied"], 1: ["supplied"]}[len(sizes)]
        images = ["practice"] if entry.place == "human" else images
        assert [error.images for error in entry.errors] == images
        assert entry.place in ("winner", "second", "human") and entry.note.strip()
        for fact in (entry.depth, entry.parameters, entry.macs, entry.single):
            assert is_source(fact.source) if fact.value else fact.unknown.strip()
        # What is counted, and whose depth is known, is a network that the course builds.
        known = entry.id in ("alexnet-2012", "googlenet-2014", "vgg-2014", "resnet-2015")
        assert (entry.depth.value is not None) == known == bool(entry.model)
        for fact in (entry.parameters, entry.macs):
            assert fact.value is None and (fact == competition.NOT_YET) == known
    order = [(entry.place == "human", entry.year) for entry in winners()]
    assert order == sorted(order) and len({entry.id for entry in winners()}) == len(order)
    without = {"nec-2010", "xrce-2011", "isi-2012", "annotator-a1", "annotator-a2"}
    assert {entry.id for entry in winners() if not entry.network} == without


def test_winners_are_those_of_the_results_pages():
    found = {e.id: (e.team, *(error.value for error in e.errors)) for e in winners()}
    assert found == {
        "nec-2010": ("NEC-UIUC", 28.191),
        "xrce-2011": ("XRCE", 25.77),
        "alexnet-2012": ("SuperVision", 15.315, 16.422),
        "isi-2012": ("ISI", 26.172),
        "clarifai-2013": ("Clarifai", 11.197, 11.743),
        "googlenet-2014": ("GoogLeNet", 6.656),
        "vgg-2014": ("VGG", 7.325),
        "resnet-2015": ("MSRA", 3.567),
        "trimps-2016": ("Trimps-Soushen", 2.991),
        "resnext-2016": ("ResNeXt", 3.031),
        "senet-2017": ("WMW", 2.251),
        "annotator-a1": ("A1", 5.1),
        "annotator-a2": ("A2", 12.0),
    }
    second = {entry.id for entry in winners() if entry.place == "second"}
    assert second == {"isi-2012", "vgg-2014", "resnext-2016"}


def test_single_networks_share_one_protocol_and_are_those_of_the_papers():
    singles = single_models()
    assert all(is_source(one.source) for one in singles.values())
    assert {name: one.value for name, one in singles.items()} == {
        "AlexNet": 18.2,
        "VGG-16": 9.33,
        "GoogLeNet": 9.15,
        "plain-34": 10.02,
        "ResNet-34": 7.46,
        "ResNet-50": 6.71,
        "ResNet-101": 6.05,
        "ResNet-152": 5.71,
    }
    assert all(e.single == singles[e.model] for e in winners() if e.model)


def test_facts_give_a_number_and_its_source_or_a_reason(entries):
    for entry in entries:
        rows = competition.facts(entry)
        assert len(rows) == len(entry.errors) + (4 if entry.place != "human" else 0)
        assert all(what and value and source for what, value, source in rows)
    alexnet = {what: value for what, value, _ in competition.facts(entries[2])}
    assert alexnet["top-5 error, 7 networks, with extra images"] == "15.315 %"
    assert alexnet["top-5 error, 5 networks, supplied images only"] == "16.422 %"
    assert (alexnet["one network alone"], alexnet["parameters"]) == ("18.2 %", "60,965,224")


def texts(diagram):
    return {one.text for one in ET.fromstring(diagram.svg).iter(f"{SVG}text")}


def bars(diagram, pattern):
    """The heights of the bars whose hover text matches."""
    rects = ET.fromstring(diagram.svg).iter(f"{SVG}rect")
    notes = [(rect.findtext(f"{SVG}title", ""), float(rect.get("height"))) for rect in rects]
    return [height for note, height in notes if re.search(pattern, note)]


def test_errors_by_year(counted, entries):
    diagram = figures.errors_by_year(entries)
    # 3.567 % are six networks and no single ResNet-152.
    assert "2015 ResNets, up to 152 layers, 6 networks: 3.567 %" in diagram.alt
    assert "2012 AlexNet, 8 layers, 7 networks: 15.315 % or 16.422 %" in diagram.alt
    assert "one trained person (A1): 5.1 %" in diagram.alt
    assert {"28.2", "15.3 / 16.4", "2.3", "2012"} <= texts(diagram)
    assert "ResNet-152" not in texts(diagram)
    for entry in counted["won"]:  # the whole bar ends where its error does
        height = sum(bars(diagram, re.escape(heading(entry))))
        assert height / 270 == pytest.approx(entry.errors[-1].value / 28.191, abs=1e-3)
    # The opening picture does not answer the question on people.
    assert "A1" not in figures.errors_by_year(counted["won"]).alt


def test_strips_have_a_cell_for_each_layer():
    diagram = figures.layer_strips({"a": ["conv"] * 3 + ["fc"] * 2, "b": ["conv"] * 151 + ["fc"]})
    assert len(bars(diagram, "^a, layer")) == 5 and len(bars(diagram, "^b, layer")) == 152
    assert "a: 3 convolutions and 2 dense, 5 layers; b: 151" in diagram.alt
    assert {"3 conv + 2 fc = 5", "151 conv + 1 fc = 152"} <= texts(diagram)


def test_profile_shows_each_layer_on_the_networks_own_scale(books):
    diagram = figures.cost_profile([books["AlexNet"]])
    rows = [row for row in books["AlexNet"].rows if row.category in ("convolution", "linear")]
    most = [max(getattr(row, what) for row in rows) for what in ("macs", "parameters")]
    for row, height in zip(rows, bars(diagram, "multiply-adds"), strict=True):
        expected = 38 * row.macs / most[0] + 34 * row.parameters / most[1]
        assert height == pytest.approx(expected, abs=0.06)
    assert "AlexNet: 724.4 million multiply-adds, 8.1 % of them in dense layers" in diagram.alt
    assert "61.0 million parameters, 96.2 % in dense layers" in diagram.alt


def test_cost_bars_have_one_scale_for_each_cost():
    runs = {"a": NS(weight_bytes=40e6, peak_bytes=3e6), "b": NS(weight_bytes=10e6, peak_bytes=6e6)}
    diagram = figures.cost_bars(runs, {"a": NS(macs=1e9), "b": NS(macs=4e9)})
    rects = ET.fromstring(diagram.svg).iter(f"{SVG}rect")
    a1, b1, a2, b2, *_ = (float(r.get("width")) for r in rects if r.get("height") == "30")
    assert b1 / a1 == pytest.approx(4, abs=0.01) and a2 / b2 == pytest.approx(4, abs=0.01)
    assert "b: multiply-adds 4.00 billion, weights 10 MB, maps at once 6.0 MB." in diagram.alt


def test_what_is_said_of_the_front_and_what_is_filled_in_the_picture(counted):
    errors, front = counted["errors"], figures.front
    assert counted["macs"]["AlexNet"] == 10 * 0.724406816  # the errors are those of ten crops
    beaten = {"macs": {"VGG-16", "plain-34"}, "parameters": {"AlexNet", "VGG-16", "plain-34"}}
    costs = {name: counted[name] for name in beaten}
    axes = figures.draw_fronts(errors, costs).axes
    for ax, (name, cost) in zip(axes, costs.items(), strict=True):
        assert set(errors) - set(front(cost, errors)) == beaten[name]
        points = {line.get_xdata()[0]: line for line in ax.lines if line.get_marker() == "o"}
        hollow = {one for one in errors if points[cost[one]].get_markerfacecolor() == PAPER}
        assert hollow == beaten[name] and {text.get_text() for text in ax.texts} == set(errors)
    assert errors["plain-34"] - errors["ResNet-34"] == pytest.approx(2.6, abs=0.05)
    assert errors["ResNet-50"] - errors["ResNet-152"] == pytest.approx(1.0)


def drawn(panel):
    """(first line of the hover text, element) of all that tells something, in drawing order."""
    root = ET.fromstring(re.search(r"<svg.*</svg>", panel.picture, re.DOTALL)[0])
    noted = [one for one in root.iter() if one.find(f"{SVG}title") is not None]
    return [(one[0].text.splitlines()[0], one) for one in noted]


PAIRS = itertools.product(("year", "depth", "parameters", "macs"), set(AXES) - {"year"})


@pytest.mark.parametrize(("x", "y"), sorted((x, y) for x, y in PAIRS if x != y))
def test_every_pair_of_axes_on_every_scale(entries, x, y):
    teams = [e for e in entries if e.place != "human"]
    there = [e for e in teams if number(e, x) and number(e, y)]
    missing = [title(e, y) for e in teams if e not in there]
    people = {e.name for e in entries if e.place == "human"} if y == "error" else set()
    panel = WinnersChart(entries, x=x, y=y)
    for logarithmic in (False, True):
        panel.move(logarithmic=logarithmic)
        bent = {key: log if logarithmic and key != "year" else float for key in (x, y)}
        assert_points_lie_where_their_values_are(panel, there, bent)
        assert ("(log)" in panel.picture) == logarithmic
        assert panel.says.startswith(f"{len(there)} of 11 entries have both numbers.")
        assert ("Left out" in panel.says) == bool(missing)
        assert all(name in panel.says and name in panel.alt for name in missing)
        assert {name for name, _ in drawn(panel)} == {heading(e) for e in there} | people


def assert_points_lie_where_their_values_are(panel, entries, bent):
    points = {name: e for name, e in drawn(panel) if e.get("r") in ("8", "13")}  # first, second
    assert len(points) == len(entries) >= 4
    for (key, scale), axis in zip(bent.items(), ("cx", "cy"), strict=True):
        values = [(scale(number(e, key)), float(points[heading(e)].get(axis))) for e in entries]
        (low, start), (high, end) = min(values), max(values)
        assert (end > start) == (axis == "cx")  # larger values lie to the right, and further up
        for value, at in values:
            expected = start + (value - low) / (high - low) * (end - start)
            assert at == pytest.approx(expected, abs=0.11)


def test_a_winner_and_a_second_place_on_one_spot_are_both_seen(entries):
    """2016: 2.991 and 3.031 %."""
    found = {name: (i, e.get("r")) for i, (name, e) in enumerate(drawn(WinnersChart(entries)))}
    second, ring = found["ResNeXt, 2016 (ResNeXt, second place)"]
    winner, disc = found["Trimps-Soushen, 2016 (Trimps-Soushen, winner)"]
    assert winner > second and float(ring) - float(disc) >= 4  # drawn later, so on top


def test_the_error_of_many_networks_is_not_said_of_one(entries):
    """3.567 % are six networks; 5.71 % are ResNet-152."""
    panel = WinnersChart(entries, x="depth", entry="resnet-2015")
    assert "ResNets: 152 layers, 3.567 %." in panel.says
    assert panel.says.endswith("the whole entry, layers of one network in it.")
    panel.move(y="single")
    assert panel.says.endswith("ResNet-152: 152 layers, 5.71 %.")


def test_equal_axes_are_refused_and_what_was_not_counted_cannot_be_drawn(entries):
    panel = WinnersChart(entries, x="depth", y="depth")
    assert panel.refused and "Both axes show the layers." in panel.says
    bare = WinnersChart(winners(), x="macs", y="depth")
    assert bare.refused and bare.says == "entries must hold one with macs and depth, got none"


def test_every_entry_shows_its_facts_with_their_sources_without_a_mouse(entries):
    panel = WinnersChart(entries, x="macs", y="depth")
    for entry in entries:
        panel.move(entry=entry.id)
        page = unescape(panel.picture_html())
        assert heading(entry) in page and entry.note in page
        for what, value, source in competition.facts(entry):
            assert f"{what}: {value}" in page and source in page
    assert panel.says.endswith("another person (A2): 12 % errors.")
    panel.move(entry="trimps-2016")  # unknown is said, and never zero
    assert panel.says.endswith("Trimps-Soushen: multiply-adds unknown, layers unknown.")


@pytest.fixture
def panel(books):
    return ArchitectureBrowser(books.values())


@pytest.mark.parametrize("network", NETWORKS)
def test_the_sentence_of_every_layer_is_that_of_the_ledger(panel, books, network):
    book, side = books[network], books[network].input_shape[1]
    rows = {row.label: row for row in book.rows}
    panel.move(network=network)
    stations = panel.charts[network].stations
    for measure in COSTS:
        assert sum(getattr(one, measure) for one in stations) == getattr(book, measure)
    for layer, station in enumerate(stations, 1):
        measure = list(COSTS)[layer % 3]
        panel.move(layer=layer, measure=measure)
        row, cost = rows[station.name], getattr(station, measure)
        field = row.receptive_field
        assert panel.says.startswith(f"{station.name} ({row.kind}")
        assert f"{cost:,} {COSTS[measure]} ({share(cost, getattr(book, measure))})" in panel.says
        assert station.macs == row.macs and station.parameters >= row.parameters
        assert f"A unit sees {field:,}×{field:,}" in panel.says
        assert ("more than the image" in panel.says) == (field > side)
        assert ("the whole image" in panel.says) == (field == side)
        assert ("along the longest path" in panel.says) == station.name.endswith((".add", ".cat"))
        near = f"; the next unit looks {row.stride} further."
        assert (near in panel.says) == (station.side > 1)
        assert f"Chosen: {station.name}, " in panel.alt
        assert len(panel.picture) < 64_000  # sent while a slider moves


def test_a_station_is_a_layer_with_what_follows_it(panel):
    def kinds(network, block=""):
        stations = panel.charts[network].stations
        return {one.name: one.kinds for one in stations if one.name.startswith(block)}

    alexnet = kinds("AlexNet")
    assert " ".join(alexnet) == ("conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5 fc6 fc7 fc8")
    assert alexnet["conv1"] == "Conv2d + ReLU + LocalResponseNorm"
    *three, projection, last = kinds("ResNet-50", "conv2_x.0.").values()
    assert (len(three), projection, last) == (3, "Conv2d + BatchNorm2d", "add + ReLU")
    *three, last = kinds("ResNet-50", "conv2_x.1.").values()
    assert (len(three), last) == (3, "add + ReLU")  # the identity is no layer
    *module, last = kinds("GoogLeNet", "inception3a").values()
    assert (len(module), last) == (7, "cat")


@pytest.mark.parametrize("network", NETWORKS)
def test_the_strip_is_to_scale(panel, network):
    """Heights are the sides of the maps, widths their number, bars the costs."""
    chart = panel.charts[network]
    root = ET.fromstring(chart.draw(len(chart.stations), "parameters").svg)
    groups = [group for group in root.iter(f"{SVG}g") if group.find(f"{SVG}title") is not None]
    sizes = [[[float(r.get(k)) for k in ("x", "width", "height")] for r in g[1:]] for g in groups]
    unit, end, scales = sizes[0][0][2] / chart.side, 0, []
    heaviest = max(station.parameters for station in chart.stations)
    for station, ((left, width, height), *bar) in zip(chart.stations, sizes[1:], strict=True):
        assert left > end - 0.02
        assert height == pytest.approx(max(station.side * unit, 3), abs=0.02)
        end = left + width
        if station.look in ("convolution", "pooling") and station.side > 1 and width > 1.5:
            scales.append(width / station.maps)
        assert bool(bar) == bool(station.parameters)
        part = 74 * station.parameters / heaviest
        assert not bar or bar[0][2] == pytest.approx(max(part, 0.8), abs=0.006)
    assert end < 988.5 and max(scales) - min(scales) < 0.005 * max(scales) + 5e-4


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_error_is_torchs(k):
    generator = torch.Generator().manual_seed(k)
    scores, labels = torch.randn(200, 10, generator=generator), torch.arange(200) % 10
    hits = (scores.topk(k, dim=1).indices == labels[:, None]).any(dim=1)
    given = exercises.top_k_error(scores.tolist(), labels.tolist(), k)
    assert given == pytest.approx(100 - 100 * hits.float().mean().item(), abs=1e-4)


def test_pareto_front_is_what_the_definition_says_of_matrices():
    costs, errors = torch.randint(9, (2, 40), generator=torch.Generator().manual_seed(0))
    no_worse = (costs[:, None] <= costs) & (errors[:, None] <= errors)
    better = (costs[:, None] < costs) | (errors[:, None] < errors)
    on = ~(no_worse & better).any(dim=0)
    assert exercises.pareto_front(costs.tolist(), errors.tolist()) == on.tolist()


def test_counts_and_depths_are_those_of_the_papers(counted, books):
    kinds = {name: figures.layer_kinds(book) for name, book in books.items()}
    found = {name: (book.parameters, book.macs, len(kinds[name])) for name, book in books.items()}
    assert found == {
        "LeNet-5": (61_706, 416_520, 5),
        "AlexNet": (60_965_224, 724_406_816, 8),
        "VGG-16": (138_357_544, 15_470_264_320, 16),
        "GoogLeNet": (6_998_552, 1_582_671_872, 22),
        "plain-34": (21_623_848, 3_644_493_824, 34),
        "ResNet-34": (21_797_672, 3_663_761_408, 34),
        "ResNet-50": (25_557_032, 3_857_973_248, 50),
        "ResNet-101": (44_549_160, 7_570_194_432, 101),
        "ResNet-152": (60_192_808, 11_282_415_616, 152),
    }
    for entry in counted["entries"]:
        if entry.model:
            numbers = (entry.parameters, entry.macs, entry.depth)
            assert tuple(one.value for one in numbers) == found[entry.model]
            assert entry.macs.source == competition.COUNTED
    # The lecture: 5 conv + 2 fc, 13 conv + 2 fc, and all five layers of LeNet-5.
    for name, conv, dense in (("LeNet-5", 3, 2), ("AlexNet", 5, 2 + 1), ("VGG-16", 13, 2 + 1)):
        assert (kinds[name].count("conv"), kinds[name].count("fc")) == (conv, dense)
    words = {"convolution": "conv", "linear": "fc", "pooling": "pool", "normalisation": "norm"}
    for name in set(books) - {"GoogLeNet"}:  # its branches are neither main path nor beside it
        rows = [row for row in books[name].rows if row.category in words]
        places = ("beside" if "shortcut" in row.name else "main" for row in rows)
        layers = list(zip((words[row.category] for row in rows), places, strict=True))
        depth = found[name][2]
        assert exercises.count_layers(layers) == (depth, depth - 1)


def test_what_the_table_of_ideas_and_the_question_on_fields_say_is_counted(books):
    shares, fields = {}, {}
    for name, book in books.items():
        dense = book.groups()["linear"]["parameters"]
        shares[name] = round(100 * (book.parameters - dense) / book.parameters)
        rows = (row for row in book.rows if row.category == "convolution")
        fields[name] = max(row.receptive_field for row in rows)
    said = {"LeNet-5": 82, "AlexNet": 4, "VGG-16": 11, "GoogLeNet": 85, "ResNet-34": 98}
    assert {name: shares[name] for name in said} == said
    said = {"LeNet-5": 32, "AlexNet": 163, "VGG-16": 196, "GoogLeNet": 715, "ResNet-34": 899}
    assert {name: fields[name] for name in said} == said
    smaller = {name for name, size in fields.items() if size < books[name].input_shape[-1]}
    assert smaller == {"AlexNet", "VGG-16"}


def test_the_lectures_references_in_its_order_with_the_sections_it_names():
    notebook = json.loads((DATA.parent / "notebooks" / f"{SLUG}.ipynb").read_text(encoding="utf-8"))
    (cell,) = [cell for cell in notebook["cells"] if cell["id"] == "references"]
    listed = re.findall(r"^- \*\*\[(.*?)\]\*\*.*\(lesson (\d\d)\)$", "".join(cell["source"]), re.M)
    names = ("LeNet-5", "AlexNet", "VGG", "Inception", "ResNet")
    assert listed == list(zip(names, ("07", "08", "09", "10", "11"), strict=True))
    asked = re.findall(r"\*\*Read: (.*?)\.\*\*", "".join(cell["source"]))
    assert asked == ["Section 4 and 5", "Section 3.1, 3.2 and 3.3"]


def test_stub_is_not_attempted_and_the_example_keeps_the_budget():
    result = run_cells(SLUG, ["setup", "my-network"], shown=("display(", "print("))
    assert check_design(result["my_network"]()).state == "not attempted"
    example = run_cells(SLUG, ["setup", "example-network", "example"])
    for design in (example["plain"], example["normalised"]):
        assert design.state == "trained"
        assert 0.25 < design.parameters / BUDGET.parameters < 0.34  # "a third"
        assert 0.16 < design.macs / BUDGET.macs < 0.17  # "a sixth"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_normalisation_decides_within_88_steps(seed):
    cells = ["setup", "example-network", "example"]
    result = run_cells(SLUG, cells, seed=("SEED = 0", f"SEED = {seed}"))
    found = {name: result[name].accuracy for name in ("plain", "normalised")}
    assert found["normalised"] - found["plain"] > 0.03


def changed(normalise, twice=False, mean=False):
    """The example with one of the changes that the lesson proposes."""
    layers, maps = [], 1
    for out in (8, 16, 32):
        for into in (maps, out)[: 1 + twice]:
            layers += [nn.Conv2d(into, out, 3, padding=1)]
            layers += [nn.BatchNorm2d(out)] if normalise else []
            layers += [nn.ReLU()]
        layers, maps = [*layers, nn.MaxPool2d(2)], out
    layers += [nn.AdaptiveAvgPool2d(1)] if mean else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 if mean else 128, 10))


@pytest.mark.slow
def test_what_each_change_of_the_example_does():
    def scores(**change):
        found = []
        for seed in range(5):
            torch.manual_seed(seed)
            found.append(check_design(changed(**change)).accuracy)
        return found

    example, plain = scores(normalise=True), scores(normalise=False)
    twice, mean = scores(normalise=True, twice=True), scores(normalise=True, mean=True)
    deep = scores(normalise=False, twice=True)
    assert min(twice) > 0.97 and fmean(twice) > fmean(example) + 0.005
    assert fmean(mean) < fmean(example) - 0.01
    assert fmean(deep) < fmean(plain) - 0.015 < min(example)


@pytest.mark.slow
def test_memory_is_as_the_text_says():
    result = run_cells(SLUG, ["setup", "opening-picture", "ledgers", "run-networks"])
    runs = result["runs"]
    assert runs["AlexNet"].weight_bytes == 4 * 60_965_224
    ratio = runs["AlexNet"].weight_bytes / runs["ResNet-34"].weight_bytes
    assert ratio == pytest.approx(2.8, abs=0.05)
    maps = 4 * 64 * 224 * 224  # bytes of 64 maps
    assert runs["VGG-16"].peak_bytes == 2 * maps + 4 * 3 * 224 * 224
    assert runs["GoogLeNet"].peak_bytes > runs["ResNet-34"].peak_bytes
    assert all(run.kept_bytes > 2 * run.peak_bytes for run in runs.values())
