"""What lesson 12 shows and says: the competition's file, its pictures, panels and exercises.

The networks are counted by the cells of the notebook, and its experiment is run with other seeds.
"""

import itertools
import json
import re
import tomllib
import xml.etree.ElementTree as ET
from html import unescape
from math import prod
from types import SimpleNamespace

import pytest
import torch
from cells import run_cells

from course_utils.datasets.files import DATA
from course_utils.drawing.style import PAPER
from course_utils.drawing.svg import share
from course_utils.exercises import check
from course_utils.ledger import ledger
from course_utils.lessons.imagenet_winners import exercises, figures
from course_utils.lessons.imagenet_winners.budget import BUDGET
from course_utils.lessons.imagenet_winners.capstone import check_design
from course_utils.lessons.imagenet_winners.competition import (
    COUNTED,
    single_models,
    winners,
    with_counts,
)
from course_utils.lessons.imagenet_winners.explorer import ArchitectureBrowser, WinnersChart
from course_utils.lessons.imagenet_winners.network_chart import COSTS, NetworkChart
from course_utils.lessons.imagenet_winners.winners_chart import AXES, title
from course_utils.models import VGG, AlexNet, GoogLeNet, LeNet5, ResNet

SLUG = "12_imagenet_winners"
SVG = "{http://www.w3.org/2000/svg}"
LEDGERS = {
    name: SimpleNamespace(parameters=i * 10**6, macs=i * 10**9)
    for i, name in enumerate(("AlexNet", "VGG-16", "GoogLeNet", "ResNet-152"), start=1)
}
ENTRIES = with_counts(winners(), LEDGERS)

# ---------------------------------------------------------------------------------------------
# The file: each table has the keys that it needs, and each number a source


def is_text(value) -> bool:
    return isinstance(value, str) and bool(value.strip())


def is_source(value) -> bool:
    """Authors or a page, a year, and the place in it."""
    year, place = r"\b(19|20)\d\d\b", r"\b(results page|tables?|sections?)\b"
    return is_text(value) and bool(re.search(year, value) and re.search(place, value))


def is_whole(value) -> bool:
    return type(value) is int and value >= 1


def is_percent(value) -> bool:
    return type(value) in (int, float) and 0 < value < 100


def is_quantity(value) -> bool:
    """A number with its source, why there is none, or that the course counts it."""
    if set(value) == {"value", "source"}:
        return is_whole(value["value"]) and is_source(value["source"])
    return value == {"counted": True} or (set(value) == {"unknown"} and is_text(value["unknown"]))


def are_errors(value) -> bool:
    sizes = [one["value"] for one in value]
    return sizes == sorted(sizes) != [] and not any(mistakes("error", one) for one in value)


TABLES = {  # kind -> key -> what it may be; "?" marks a key that may be missing
    "entry": dict.fromkeys(("depth", "parameters", "macs"), is_quantity)
    | dict.fromkeys(("id", "team", "name", "note", "model?"), is_text)
    | {"place": ("winner", "second", "human").__contains__, "error": are_errors}
    | {"year": is_whole, "network?": lambda value: type(value) is bool},
    "error": {"value": is_percent, "source": is_source, "networks?": is_whole}
    | {"images": ("supplied", "extra", "practice").__contains__},
    "single": {"model": is_text, "error": is_percent, "source": is_source},
}


def mistakes(kind, table) -> list[str]:
    """The keys of a table that are missing, unknown or not what they should be."""
    rules = {key.removesuffix("?"): rule for key, rule in TABLES[kind].items()}
    needed = {key for key in TABLES[kind] if not key.endswith("?")}
    return [
        key
        for key in sorted(needed | set(table))
        if key not in table or key not in rules or not rules[key](table[key])
    ]


def test_every_table_is_whole_and_named_once():
    data = tomllib.loads((DATA / "papers" / "winners.toml").read_text(encoding="utf-8"))
    assert set(data) == {"entry", "single"}
    for kind, tables in data.items():
        names = [table.get("id", table.get("model")) for table in tables]
        assert len(set(names)) == len(names) > 0
        assert dict(zip(names, (mistakes(kind, t) for t in tables), strict=True)) == dict.fromkeys(
            names, []
        )
    for table in data["entry"]:  # what is counted is a network that the course builds
        assert "model" in table or {"counted": True} not in table.values()
        assert "model" not in table or table.get("network", True)
    order = [(entry.place == "human", entry.year) for entry in winners()]
    assert order == sorted(order)


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
    for entry in ENTRIES:
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


# ---------------------------------------------------------------------------------------------
# The pictures


def texts(svg):
    return [one.text for one in ET.fromstring(svg).iter(f"{SVG}text")]


def bars(diagram, pattern):
    """The heights of the bars whose hover text matches."""
    rects = ET.fromstring(diagram.svg).iter(f"{SVG}rect")
    notes = [(rect.findtext(f"{SVG}title", ""), float(rect.get("height"))) for rect in rects]
    return [height for note, height in notes if re.search(pattern, note)]


def test_errors_by_year():
    diagram = figures.errors_by_year(ENTRIES)
    # 3.567 % are six networks and no single ResNet-152.
    assert "2015 ResNets, up to 152 layers, 6 networks: 3.567 %" in diagram.alt
    assert "2012 AlexNet, 8 layers, 7 networks: 15.315 % or 16.422 %" in diagram.alt
    assert "one trained person (A1): 5.1 %" in diagram.alt
    assert {"28.2", "15.3 / 16.4", "2.3", "2012"} <= set(texts(diagram.svg))
    assert "ResNet-152" not in texts(diagram.svg)
    for entry in ENTRIES:
        if entry.place == "winner":  # the whole bar ends where its error does
            height = sum(bars(diagram, re.escape(figures.heading(entry))))
            assert height / (314 - 44) == pytest.approx(entry.errors[-1].value / 28.191, abs=1e-3)


def test_facts_give_a_number_and_its_source_or_a_reason():
    for entry in ENTRIES:
        rows = figures.facts(entry)
        assert len(rows) == len(entry.errors) + (4 if entry.place != "human" else 0)
        assert all(what and value and source for what, value, source in rows)
    alexnet = {what: value for what, value, _ in figures.facts(ENTRIES[2])}
    assert alexnet["top-5 error, 7 networks, with extra images"] == "15.315 %"
    assert alexnet["top-5 error, 5 networks, supplied images only"] == "16.422 %"
    assert (alexnet["one network alone"], alexnet["parameters"]) == ("18.2 %", "1,000,000")


def test_strips_have_a_cell_for_each_layer():
    diagram = figures.layer_strips({"a": ["conv"] * 3 + ["fc"] * 2, "b": ["conv"] * 151 + ["fc"]})
    assert len(bars(diagram, "^a, layer")) == 5 and len(bars(diagram, "^b, layer")) == 152
    assert "a: 3 convolutions and 2 dense, 5 layers; b: 151" in diagram.alt
    assert {"3 conv + 2 fc = 5", "151 conv + 1 fc = 152"} <= set(texts(diagram.svg))


def test_profile_shows_each_layer_on_the_networks_own_scale():
    with torch.device("meta"):
        book = ledger(AlexNet(), (3, 227, 227), name="AlexNet")
    diagram = figures.cost_profile([book])
    rows = [row for row in book.rows if row.category in ("convolution", "linear")]
    most = [max(getattr(row, what) for row in rows) for what in ("macs", "parameters")]
    for row, height in zip(rows, bars(diagram, "multiply-adds"), strict=True):
        expected = 44 * row.macs / most[0] + 40 * row.parameters / most[1]
        assert height == pytest.approx(expected, abs=0.06)
    assert "AlexNet: 724.4 million multiply-adds, 8.1 % of them in dense layers" in diagram.alt
    assert "61.0 million parameters, 96.2 % in dense layers" in diagram.alt


def test_cost_bars_have_one_scale_for_each_cost():
    costs = {"a": {"work": 1.0, "memory": 40}, "b": {"work": 4.0, "memory": 10}}
    diagram = figures.cost_bars(costs, {"work": "{:.1f}", "memory": "{:.0f} MB"})
    rects = ET.fromstring(diagram.svg).iter(f"{SVG}rect")
    widths = [float(rect.get("width")) for rect in rects if rect.get("height") == "30"]
    assert widths[1] == pytest.approx(4 * widths[0], abs=0.3)
    assert widths[2] == pytest.approx(4 * widths[3], abs=0.3)
    assert (
        diagram.alt == "Costs side by side. a: work 1.0, memory 40 MB; b: work 4.0, memory 10 MB."
    )


def test_fronts_fill_what_is_not_beaten():
    errors = {name: one.error for name, one in single_models().items()}
    cost = dict(zip(errors, (0.72, 15.5, 1.58, 3.64, 3.66, 3.86, 7.57, 11.3), strict=True))
    best = figures.front(cost, errors)
    assert best == ["AlexNet", "GoogLeNet", "ResNet-34", "ResNet-50", "ResNet-101", "ResNet-152"]
    for ax in figures.draw_fronts(errors, {"MACs": cost, "same": cost}).axes:
        points = {line.get_xdata()[0]: line for line in ax.lines if line.get_marker() == "o"}
        filled = {name for name in errors if points[cost[name]].get_markerfacecolor() != PAPER}
        assert filled == set(best) and {text.get_text() for text in ax.texts} == set(errors)


# ---------------------------------------------------------------------------------------------
# The winners' chart


@pytest.mark.parametrize("scales", ["none", "x", "y", "both"])
@pytest.mark.parametrize(("x", "y"), itertools.permutations(AXES, 2))
def test_every_pair_of_axes_on_every_scale(x, y, scales):
    panel = WinnersChart(ENTRIES, x=x, y=y, scales=scales)
    if (x == "year" and scales in ("x", "both")) or (y == "year" and scales in ("y", "both")):
        assert panel.refused and "years have no logarithmic axis" in panel.says
        return
    teams = [entry for entry in ENTRIES if entry.place != "human"]
    there = [e for e in teams if None not in (AXES[x].of(e), AXES[y].of(e))]
    missing = [title(e, x, y) for e in teams if e not in there]
    assert panel.says.startswith(f"{len(there)} of 11 entries have both numbers.")
    assert ("Left out" in panel.says) == bool(missing)
    assert all(name in panel.says and name in panel.alt for name in missing)
    root = ET.fromstring(re.search(r"<svg.*</svg>", panel.picture, re.DOTALL)[0])
    drawn = {one.text.splitlines()[0] for one in root.iter(f"{SVG}title")}
    people = {e.name for e in ENTRIES if e.place == "human"} if "error" in (x, y) else set()
    assert drawn == {figures.heading(e) for e in there} | people
    if scales == "none":
        assert_points_lie_where_their_values_are(root, there, x, y)


def assert_points_lie_where_their_values_are(root, entries, x, y):
    spots = {}
    for circle in root.iter(f"{SVG}circle"):
        if circle.get("r") in ("8", "13"):  # a winner, a second place
            place = float(circle.get("cx")), float(circle.get("cy"))
            spots[circle[0].text.splitlines()[0]] = place
    assert len(spots) == len(entries) >= 4
    for axis, key in ((0, x), (1, y)):
        values = [(AXES[key].of(e), spots[figures.heading(e)][axis]) for e in entries]
        (low, start), (high, end) = min(values), max(values)
        assert (end > start) == (axis == 0)  # larger values lie to the right, and further up
        for value, at in values:
            assert at == pytest.approx(
                start + (value - low) / (high - low) * (end - start), abs=0.11
            )


def test_a_winner_and_a_second_place_on_one_spot_are_both_seen():
    """2016: 2.991 and 3.031 %."""
    root = ET.fromstring(re.search(r"<svg.*</svg>", WinnersChart(ENTRIES).picture, re.DOTALL)[0])
    circles = [c for c in root.iter(f"{SVG}circle") if len(c)]
    found = {c[0].text.splitlines()[0]: (i, float(c.get("r"))) for i, c in enumerate(circles)}
    second, ring = found["ResNeXt, 2016 (ResNeXt, second place)"]
    winner, disc = found["Trimps-Soushen, 2016 (Trimps-Soushen, winner)"]
    assert winner > second and ring - disc >= 4  # drawn later, so on top


def test_the_error_of_many_networks_is_not_said_of_one():
    """3.567 % are six networks; 5.71 % are ResNet-152."""
    panel = WinnersChart(ENTRIES, x="depth", entry="resnet-2015")
    assert "ResNets: 152 layers, 3.567 %." in panel.says
    assert panel.says.endswith("the whole entry, layers of one network in it.")
    panel.move(y="single")
    assert panel.says.endswith("ResNet-152: 152 layers, 5.71 %.")


def test_equal_axes_are_refused_and_what_was_not_counted_cannot_be_drawn():
    panel = WinnersChart(ENTRIES)
    panel.move(x="error")
    assert panel.refused and "both axes show the error" in panel.says
    panel.move(y="depth")
    assert not panel.refused
    bare = WinnersChart(winners(), x="macs", y="depth")
    assert bare.refused and bare.says == "entries must hold one with macs and depth, got none"


def test_every_entry_shows_its_facts_with_their_sources_without_a_mouse():
    panel = WinnersChart(ENTRIES, x="macs", y="depth")
    for entry in ENTRIES:
        panel.move(entry=entry.id)
        page = unescape(panel.picture_html())
        assert figures.heading(entry) in page and entry.note in page
        for what, value, source in figures.facts(entry):
            assert f"{what}: {value}" in page and source in page
    panel.move(entry="trimps-2016")  # unknown is said, and never zero
    assert panel.says.endswith("Trimps-Soushen: multiply-adds unknown, layers unknown.")
    panel.move(entry="annotator-a1")
    assert panel.says.endswith("one trained person (A1): 5.1 % errors.")


# ---------------------------------------------------------------------------------------------
# The architecture browser

NETWORKS = {
    "LeNet-5": (lambda: LeNet5("modern"), (1, 32, 32)),
    "AlexNet": (AlexNet, (3, 227, 227)),
    "VGG-16": (lambda: VGG("D"), (3, 224, 224)),
    "GoogLeNet": (lambda: GoogLeNet(auxiliary=False), (3, 224, 224)),
    "ResNet-34": (lambda: ResNet(34, "A"), (3, 224, 224)),
    "ResNet-50": (lambda: ResNet(50), (3, 224, 224)),
    "ResNet-152": (lambda: ResNet(152), (3, 224, 224)),
}


@pytest.fixture(scope="module")
def books():
    with torch.device("meta"):
        return {name: ledger(net(), shape, name=name) for name, (net, shape) in NETWORKS.items()}


@pytest.fixture
def panel(books):
    return ArchitectureBrowser(books.values())


def shown_table(panel):
    """Heads, rows and foot of the table as texts, and the row that is marked."""
    html = panel.picture.partition("</style>")[2].partition("</svg>")[2]
    table = ET.fromstring(html).find("table")
    lines = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    marked = [i for i, row in enumerate(table.iter("tr")) if row.get("aria-current") == "true"]
    return lines[0], lines[1:-1], lines[-1], [lines[i] for i in marked]


def whole(text):
    return int(text.replace(",", ""))


@pytest.mark.parametrize("measure", COSTS)
@pytest.mark.parametrize("network", NETWORKS)
def test_in_every_state_table_and_sentence_are_those_of_the_ledger(panel, books, network, measure):
    book, side = books[network], books[network].input_shape[1]
    rows = {row.label: row for row in book.rows}
    word = "MACs" if measure == "macs" else measure
    panel.move(network=network, measure=measure)
    stations = panel.charts[network].stations
    assert all(sum(getattr(s, cost) for s in stations) == getattr(book, cost) for cost in COSTS)
    for number, station in enumerate(stations, 1):
        panel.move(layer=number)
        row, part = rows[station.name], share(getattr(station, measure), getattr(book, measure))
        field = row.receptive_field
        assert panel.says.startswith(f"{station.name}: ")
        assert f", {part} of the {word}. A unit sees {field:,}×{field:,}" in panel.says
        assert ("more than the image" in panel.says) == (field > side)
        assert ("the whole image" in panel.says) == (field == side)
        assert ("along the longest path" in panel.says) == station.name.endswith((".add", ".cat"))
        assert ("the next unit looks" in panel.says) == (station.side > 1)
        assert f"Chosen: {station.name}, " in panel.alt
        heads, lines, foot, (chosen,) = shown_table(panel)
        for head, cost in (("Parameters", "parameters"), ("MACs", "macs")):
            place = heads.index(head)
            assert sum(whole(line[place]) for line in lines) == getattr(book, cost)
            assert whole(foot[place]) == getattr(book, cost)
        cells = dict(zip(heads, chosen, strict=True))
        assert cells["Layer"] == f"{number}. {station.name}"
        assert prod(map(int, cells["Output"].split("×"))) == prod(row.output_shape)
        # What follows a layer has parameters (normalisation), but no multiply-adds.
        assert whole(cells["MACs"]) == row.macs and whole(cells["Parameters"]) >= row.parameters
        assert cells[f"Share of {word}"] == part and whole(cells["Field"]) == field
        assert ("Activations" in cells) == (measure == "activations")


@pytest.mark.parametrize(
    ("network", "layer", "sees"),
    [
        ("AlexNet", "conv5", "A unit sees 163×163 of the image's 227×227; the next unit looks 16"),
        ("VGG-16", "block5.conv5_3", "A unit sees 196×196 of the image's 224×224"),
        ("GoogLeNet", "inception5b.cat", "715×715, more than the image of 224×224 (the rest is"),
        ("ResNet-34", "conv5_x.2.add", "A unit sees 899×899, more than the image of 224×224"),
        ("ResNet-50", "conv5_x.2.add", "A unit sees 483×483, more than the image"),
        ("LeNet-5", "c5", "A unit sees 32×32: the whole image."),
    ],
)
def test_the_fields_of_the_literature(panel, network, layer, sees):
    panel.move(network=network)
    panel.pick(layer)
    assert sees in panel.says


def test_a_layer_that_does_not_exist_is_refused(panel):
    with pytest.raises(ValueError, match=r"one of LeNet-5's \(c1, s2, .*\), got 'conv9'"):
        panel.pick("conv9")


def test_a_station_is_a_layer_with_what_follows_it(panel):
    kinds = {
        name: {station.name: station.kinds for station in chart.stations}
        for name, chart in panel.charts.items()
    }
    assert list(kinds["AlexNet"]) == [
        *("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"),
        *("fc6", "fc7", "fc8"),
    ]
    assert kinds["AlexNet"]["conv1"] == ("Conv2d", "ReLU", "LocalResponseNorm")
    first = [kind for name, kind in kinds["ResNet-50"].items() if name.startswith("conv2_x.0.")]
    assert [kind[0] for kind in first] == ["Conv2d"] * 4 + ["add"]
    assert first[3:] == [("Conv2d", "BatchNorm2d"), ("add", "ReLU")]  # the projection, the sum
    plain = [kind for name, kind in kinds["ResNet-50"].items() if name.startswith("conv2_x.1.")]
    assert plain[-1] == ("Identity", "add", "ReLU") and len(plain) == 4
    module = [kind for name, kind in kinds["GoogLeNet"].items() if name.startswith("inception3a")]
    assert len(module) == 8 and module[-1] == ("cat",)


def test_the_strip_is_to_scale(panel):
    """Heights are the sides of the maps, widths their number, bars the costs."""
    for name, chart in panel.charts.items():
        svg = chart.draw(1, "parameters").svg
        groups = [
            g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.find(f"{SVG}title") is not None
        ]
        boxes = [
            [tuple(float(r.get(k)) for k in ("x", "width", "height")) for r in g.iter(f"{SVG}rect")]
            for g in groups
        ]
        unit, end = boxes[0][0][2] / chart.input_shape[1], 0
        tallest = max(station.parameters for station in chart.stations)
        scales = []
        for station, (slab, *bar) in zip(chart.stations, boxes[1:], strict=True):
            left, width, height = slab
            assert left > end - 0.02 and height == pytest.approx(
                max(station.side * unit, 3), abs=0.02
            )
            end = left + width
            if station.look in ("convolution", "pooling") and station.side > 1 and width > 1.5:
                scales.append(width / station.maps)
            share_of = station.parameters / tallest
            assert bool(bar) == bool(share_of)
            assert not bar or bar[0][2] == pytest.approx(max(38 * share_of, 0.8), abs=0.006)
        assert end < 988.5 and max(scales) - min(scales) < 0.005 * max(scales) + 5e-4, name


def test_unused_layers_and_oblong_images():
    with torch.device("meta"):
        heads = NetworkChart(ledger(GoogLeNet(auxiliary=True).eval(), (3, 224, 224)))
        oblong = NetworkChart(ledger(torch.nn.Conv2d(1, 2, (3, 5)), (1, 10, 20)))
    number = next(i for i, one in enumerate(heads.stations, 1) if one.output_shape is None)
    assert "not used" in heads.draw(number).alt
    assert "nothing that has a place" in heads.draw(number).svg
    assert "A unit sees 3×5 inputs." in oblong.draw().alt


def test_a_click_on_a_layer_chooses_it(panel):
    """Each button lies over its slab, and is made once."""
    controls, over, *_ = panel.widget().children
    slider = controls.children[2]
    for network in ("AlexNet", "ResNet-152", "AlexNet"):
        panel.move(network=network)
        (grid,), chart = over.children, panel.charts[network]
        names = [f"{i}. {one.name}" for i, one in enumerate(chart.stations, 1)]
        assert [button.tooltip for button in grid.children[1:]] == names
        assert not any(button.tabbable for button in grid.children[1:])  # the keyboard: the slider
        assert slider.max == len(names)
        for number in (3, 7):
            before = panel.redraws
            grid.children[number].click()
            assert panel.state["layer"] == slider.value == number and panel.redraws == before + 1
        columns = grid.layout.grid_template_columns
        widths = [float(width) for width in re.findall(r"calc\(([\d.]+)%", columns)]
        edges = list(itertools.accumulate(widths))
        slabs = re.findall(
            r'<g><title>.*?<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', panel.picture
        )
        for (left, right), (x, width) in zip(itertools.pairwise(edges), slabs[1:], strict=True):
            assert left <= float(x) / 10 + 0.1 and (float(x) + float(width)) / 10 <= right + 0.1
    assert grid is over.children[0]


def test_a_shorter_network_pulls_the_layer_down_in_one_redraw(panel):
    panel.move(network="ResNet-152")
    panel.move(layer=208)
    assert len(panel.picture) < 64_000  # sent while a slider moves
    before = panel.redraws
    panel.move(network="LeNet-5")
    assert (panel.state["layer"], panel.redraws) == (7, before + 1)
    assert panel.says.startswith("output: 10 numbers")


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
