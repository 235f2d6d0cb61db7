"""The pictures of notebook 12 draw and say the numbers that they are given, and no others."""

import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from course_utils.drawing import style
from course_utils.ledger import ledger
from course_utils.lessons.imagenet_winners import figures
from course_utils.lessons.imagenet_winners.competition import (
    Quantity,
    later_networks,
    references,
    single_models,
    winners,
    with_counts,
)
from course_utils.models import AlexNet, LeNet5, ResNet

SVG = "{http://www.w3.org/2000/svg}"
COUNTS = SimpleNamespace(parameters=2_000_000, macs=3_000_000_000)
ENTRIES = with_counts(
    winners(), dict.fromkeys(("AlexNet", "VGG-16", "GoogLeNet", "ResNet-152"), COUNTS)
)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def books():
    with torch.device("meta"):
        return [
            ledger(LeNet5("modern"), (1, 32, 32), name="LeNet-5"),
            ledger(AlexNet(), (3, 227, 227), name="AlexNet"),
            ledger(ResNet(34), name="ResNet-34"),
        ]


def texts(diagram):
    return [one.text for one in ET.fromstring(diagram.svg).iter(f"{SVG}text")]


def bars(diagram, title):
    """(height of the bar, its title) of those whose title matches."""
    found = []
    for rect in ET.fromstring(diagram.svg).iter(f"{SVG}rect"):
        note = rect.find(f"{SVG}title")
        if note is not None and re.search(title, note.text):
            found.append((float(rect.get("height")), note.text))
    return found


def test_errors_by_year_are_bars_of_their_height():
    diagram = figures.errors_by_year(ENTRIES)
    root = ET.fromstring(diagram.svg)
    assert root.get("aria-label") == diagram.alt == repr(diagram)
    solid = {}
    for height, title in bars(diagram, "winner"):
        solid.setdefault(title.splitlines()[0], []).append(height)
    won = [entry for entry in ENTRIES if entry.place == "winner"]
    assert len(solid) == 8
    scale = {entry.id: solid[figures.heading(entry)][-1] / entry.error for entry in won}
    assert max(scale.values()) - min(scale.values()) < 0.045  # one scale, to a tenth of a pixel
    for entry in won:
        drawn = solid[figures.heading(entry)]
        assert len(drawn) == len(entry.errors)
        if len(drawn) == 2:  # the hollow part on top of the solid one
            assert sum(drawn) / drawn[-1] == pytest.approx(
                entry.errors[1].value / entry.errors[0].value, abs=0.01
            )
        assert f"{entry.errors[0].value:g} %" in diagram.alt
    assert "15.315 % or 16.422 %" in diagram.alt
    assert {"28.2", "15.3 / 16.4", "2.3", "2012", "up to 152 layers"} <= set(texts(diagram))
    # 3.567 % are six networks and no single ResNet-152.
    assert "2015 ResNets, up to 152 layers, 6 networks: 3.567 %" in diagram.alt
    assert "2012 AlexNet, 8 layers, 7 networks: 15.315 %" in diagram.alt
    assert "ResNet-152" not in texts(diagram)
    assert diagram.svg.count('stroke-dasharray="7 5"') == 2  # the two people


def test_winners_without_a_network_are_pale():
    diagram = figures.errors_by_year(ENTRIES)
    pale = {
        rect.find(f"{SVG}title").text.splitlines()[0]
        for rect in ET.fromstring(diagram.svg).iter(f"{SVG}rect")
        if rect.get("fill") == style.FAINT
    }
    won = {figures.heading(entry): entry.year for entry in ENTRIES if entry.place == "winner"}
    assert sorted(won[name] for name in pale) == [2010, 2011]
    # The colour does not hang on the words.
    worded = [
        entry._replace(network=True, depth=Quantity(None, unknown="no network"))
        for entry in ENTRIES
    ]
    assert f'fill="{style.FAINT}"' not in figures.errors_by_year(worded).svg


def test_errors_need_a_winner():
    with pytest.raises(ValueError, match="entries must hold a winner, got 2 entries"):
        figures.errors_by_year([entry for entry in ENTRIES if entry.place == "human"])


def test_facts_give_a_number_and_its_source_or_a_reason():
    for entry in ENTRIES:
        rows = figures.facts(entry)
        assert len(rows) == len(entry.errors) + (4 if entry.place != "human" else 0)
        assert all(what and value and source for what, value, source in rows)
    alexnet = {what: value for what, value, _ in figures.facts(ENTRIES[2])}
    assert alexnet["top-5 error, 7 networks, with extra images"] == "15.315 %"
    assert alexnet["top-5 error, 5 networks, supplied images only"] == "16.422 %"
    assert (alexnet["one network alone"], alexnet["parameters"]) == ("18.2 %", "2,000,000")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": "colour"}, "x must be one of year, error, single, depth, parameters, macs, got 'co"),
        ({"y": "colour"}, "y must be one of"),
        ({"x": "depth", "y": "depth"}, "both axes show the depth: choose two different"),
        ({"x_log": True}, "years have no logarithmic axis"),
    ],
)
def test_charts_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        figures.winners_chart(ENTRIES, **arguments)


@pytest.mark.parametrize(
    ("years", "marks"),
    [
        ((2014,), ["2014"]),
        ((2014, 2015), ["2014", "2015"]),
        (range(2010, 2014), ["2010", "2011", "2012", "2013"]),
    ],
)
def test_marks_of_an_axis_of_years_are_whole_years(years, marks):
    some = [entry for entry in ENTRIES if entry.year in years and entry.place == "winner"]
    drawn = texts(figures.winners_chart(some, "year", "error"))
    assert [word for word in drawn if re.fullmatch(r"20\d\d(\.\d+)?", word)] == marks


def test_names_in_the_chart_stay_inside_and_off_the_points():
    for x, y in (("year", "error"), ("depth", "single"), ("error", "depth"), ("year", "depth")):
        svg = figures.winners_chart(ENTRIES, x, y).svg
        root = ET.fromstring(svg)
        spots = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")]
        words = {figures.title(entry, x, y) for entry in ENTRIES}
        names = [t for t in root.iter(f"{SVG}text") if t.text in words]
        assert names
        lines = re.findall(r'd="M76 ([\d.]+)H984" stroke="[^"]*" stroke-width="2"', svg)
        assert len(lines) == 2 * (y == "error")
        for name in names:
            width = len(name.text) * 11
            left = float(name.get("x"))
            left -= {"middle": width / 2, "end": width}.get(name.get("text-anchor"), 0)
            low = float(name.get("y"))
            assert left > 60 and left + width * 0.8 < 1000
            inside = [
                (px, py)
                for px, py in spots
                if left + 4 < px < left + width * 0.75 and low - 14 < py < low
            ]
            assert inside == [], (x, y, name.text)
            assert not any(low - 16 < float(line) < low + 2 for line in lines), name.text


def test_a_winner_and_a_second_place_on_one_spot_are_both_seen():
    """2016: 2.991 and 3.031 %."""
    circles = list(ET.fromstring(figures.winners_chart(ENTRIES).svg).iter(f"{SVG}circle"))
    found = {c[0].text.splitlines()[0]: (i, float(c.get("r"))) for i, c in enumerate(circles)}
    second, ring = found["ResNeXt, 2016 (ResNeXt, second place)"]
    winner, disc = found["Trimps-Soushen, 2016 (Trimps-Soushen, winner)"]
    assert winner > second  # drawn later, so on top
    assert ring - disc >= 4


def test_strips_have_a_cell_for_each_layer():
    networks = {"a": ["conv"] * 3 + ["fc"] * 2, "b": ["conv"] * 151 + ["fc"]}
    diagram = figures.layer_strips(networks)
    for name, kinds in networks.items():
        assert len(bars(diagram, rf"^{name}, layer")) == len(kinds)
    assert "a: 3 convolutions and 2 dense, 5 layers; b: 151" in diagram.alt
    assert {"3 conv + 2 fc = 5", "151 conv + 1 fc = 152"} <= set(texts(diagram))
    with pytest.raises(ValueError, match="at least one network"):
        figures.layer_strips({})
    with pytest.raises(
        ValueError, match=re.escape("a must be a list of 'conv' and 'fc', got ['x']")
    ):
        figures.layer_strips({"a": ["x"]})


def test_profile_shows_each_layer_on_the_networks_own_scale(books):
    diagram = figures.cost_profile(books)
    rows = [r for one in books for r in one.rows if r.category in ("convolution", "linear")]
    drawn = bars(diagram, "multiply-adds")
    assert len(drawn) == len(rows)
    for (height, title), row in zip(drawn, rows, strict=True):
        assert f"{row.macs:,} multiply-adds, {row.parameters:,} parameters" in title
        book = next(one for one in books if row in one.rows)
        own = [r for r in book.rows if r.category in ("convolution", "linear")]
        up = row.macs / max(r.macs for r in own)
        down = row.parameters / max(r.parameters for r in own)
        assert height == pytest.approx(44 * up + 40 * down, abs=0.02)
    assert "AlexNet: 724.4 million multiply-adds, 8.1 % of them in dense layers" in diagram.alt
    assert "61.0 million parameters, 96.2 % in dense layers" in diagram.alt
    assert "below 0.1 % of them" in diagram.alt  # ResNet-34
    with pytest.raises(ValueError, match="at least one ledger"):
        figures.cost_profile([])
    with pytest.raises(ValueError, match="ReLU must hold a convolution or dense layer"):
        figures.cost_profile([ledger(torch.nn.ReLU(), (3, 8, 8))])


def test_a_profile_of_a_network_that_uses_no_layer_has_bars_without_length():
    net = torch.nn.Sequential(torch.nn.ReLU())
    net.add_module("unused", torch.nn.Conv2d(3, 4, 3))
    net.forward = lambda x: net[0](x)
    diagram = figures.cost_profile([ledger(net, (3, 8, 8), name="idle")])
    ((height, _),) = bars(diagram, "0 multiply-adds, 112 parameters")
    assert height == 40  # downwards only
    assert (
        "idle: 0 multiply-adds, none of them in dense layers; 112 parameters, none" in diagram.alt
    )


def test_cost_bars_have_one_scale_for_each_cost():
    units = {"work": "{:.1f}", "memory": "{:.0f} MB"}
    costs = {"a": {"work": 1.0, "memory": 40}, "b": {"work": 4.0, "memory": 10}}
    diagram = figures.cost_bars(costs, units)
    root = ET.fromstring(diagram.svg)
    widths = [float(r.get("width")) for r in root.iter(f"{SVG}rect") if r.get("height") == "30"]
    assert widths[1] == pytest.approx(4 * widths[0], abs=0.3)
    assert widths[2] == pytest.approx(4 * widths[3], abs=0.3)
    assert (
        diagram.alt == "Costs side by side. a: work 1.0, memory 40 MB; b: work 4.0, memory 10 MB."
    )
    assert {"1.0", "40 MB", "work", "memory"} <= set(texts(diagram))
    turned = {name: dict(reversed(values.items())) for name, values in costs.items()}
    assert figures.cost_bars(turned, units).svg == diagram.svg


def test_costs_of_nothing_are_bars_without_length():
    diagram = figures.cost_bars({"a": {"work": 0}, "b": {"work": 0.0}}, {"work": "{:.0f}"})
    root = ET.fromstring(diagram.svg)
    widths = [r.get("width") for r in root.iter(f"{SVG}rect") if r.get("height") == "30"]
    assert widths == ["1", "1"] and texts(diagram).count("0") == 2


@pytest.mark.parametrize(
    ("costs", "units", "message"),
    [
        ({}, {"x": "{}"}, "costs must hold at least one network, got none"),
        ({"a": {}}, {}, "units must hold at least one cost, got none"),
        ({"a": {"x": 1}}, {"x": "{}", "y": "{}"}, "costs of a must be ['x', 'y'], got ['x']"),
        ({"a": {"x": -1}}, {"x": "{}"}, "costs of a must be numbers >= 0, got {'x': -1}"),
        ({"a": {"x": float("nan")}}, {"x": "{}"}, "must be numbers >= 0, got {'x': nan}"),
    ],
)
def test_costs_that_are_none_are_refused(costs, units, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        figures.cost_bars(costs, units)


def test_the_photograph_is_drawn_as_it_is():
    pixels = np.random.default_rng(0).random((5, 4, 3))
    (ax,) = figures.draw_photograph(pixels).axes
    assert np.array_equal(ax.images[0].get_array(), pixels) and not ax.axison
    with pytest.raises(ValueError, match=re.escape("pixels must have shape (H, W, 3), got (5, 4)")):
        figures.draw_photograph(pixels[..., 0])


def test_the_front():
    errors = {"a": 9, "b": 5, "c": 6, "d": 2, "e": 5}
    assert figures.front({"a": 1, "b": 2, "c": 3, "d": 4, "e": 2}, errors) == ["a", "b", "e", "d"]
    assert figures.front({"a": 1, "b": 2, "c": 3, "d": 4, "e": 3}, errors) == ["a", "b", "d"]
    with pytest.raises(ValueError, match="errors must hold the names"):
        figures.front({"a": 1}, errors)


def test_fronts_fill_what_is_not_beaten():
    errors = {name: one.error for name, one in single_models().items()}
    cost = dict(zip(errors, (0.72, 15.5, 1.58, 3.64, 3.66, 3.86, 7.57, 11.3), strict=True))
    figure = figures.draw_fronts(errors, {"MACs": cost, "same": cost})
    assert [ax.get_xlabel() for ax in figure.axes] == ["MACs", "same"]
    for ax in figure.axes:
        points = {
            (line.get_xdata()[0], line.get_ydata()[0]): line.get_markerfacecolor()
            for line in ax.lines
            if line.get_marker() == "o"
        }
        best = figures.front(cost, errors)
        assert len(points) == len(errors) and set(errors) - set(best) == {"VGG-16", "plain-34"}
        for name, error in errors.items():
            filled = points[cost[name], error] != style.PAPER
            assert filled == (name in best)
        assert {text.get_text() for text in ax.texts} == set(errors)


@pytest.mark.parametrize("errors", [{"a": 25, "b": 3}, {"a": 5.01, "b": 5.02}, {"a": 7.0}])
def test_every_error_lies_inside_the_fronts(errors):
    (ax,) = figures.draw_fronts(errors, {"MACs": dict.fromkeys(errors, 1.5)}).axes
    low, high = ax.get_ylim()
    assert low < min(errors.values()) - 0.4 and max(errors.values()) + 0.4 < high


def test_the_fronts_of_the_lesson_keep_their_axis():
    errors = {name: one.error for name, one in single_models().items()}
    (ax,) = figures.draw_fronts(errors, {"MACs": dict.fromkeys(errors, 1.5)}).axes
    assert ax.get_ylim() == (4.4, 19.5)


@pytest.mark.parametrize(
    ("errors", "costs", "message"),
    [
        ({}, {"MACs": {}}, "errors must hold at least one network, got none"),
        ({"a": float("nan")}, {"MACs": {"a": 1}}, "errors must be finite numbers, got {'a': nan}"),
        ({"a": 5}, {}, "costs must hold at least one cost, got none"),
        ({"a": 5}, {"MACs": {}}, "costs['MACs'] must hold the networks ['a'], got []"),
        ({"a": 5}, {"MACs": {"a": 1, "b": 2}}, "must hold the networks ['a'], got ['a', 'b']"),
        ({"a": 5}, {"MACs": {"a": 0}}, "costs['MACs'] must be numbers > 0, got {'a': 0}"),
        ({"a": 5}, {"MACs": {"a": -1}}, "costs['MACs'] must be numbers > 0, got {'a': -1}"),
        ({"a": 5}, {"MACs": {"a": float("inf")}}, "must be numbers > 0, got {'a': inf}"),
    ],
)
def test_fronts_that_cannot_be_drawn_are_refused(errors, costs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        figures.draw_fronts(errors, costs)
    assert not pyplot.get_fignums()


def test_reading_lists_hold_every_paper_as_a_link():
    listing = figures.reading_list(references())
    for one in references():
        assert one.lecture in listing.text and f'href="{one.link}"' in listing.html
    assert "Read: Section 3.1, 3.2 and 3.3." in repr(listing)
    listing = figures.later_list(later_networks())
    assert listing.html.count("<tr>") == 11
    for one in later_networks():
        assert one.idea in listing.text and f'href="{one.link}"' in listing.html
    ET.fromstring(listing.html)


@pytest.mark.parametrize("mode", [style.study, style.present])
def test_diagrams_are_well_formed_fit_a_slide_and_can_be_read(mode, books):
    mode()
    try:
        diagrams = [
            figures.errors_by_year(ENTRIES),
            figures.layer_strips({"a": ["conv", "fc"]}),
            figures.cost_profile([*books, *books[:2]]),
            figures.cost_bars({"a": {"x": 1.0}}, {"x": "{:.1f}"}),
        ]
    finally:
        style.study()
    for diagram in diagrams:
        root = ET.fromstring(diagram.svg)
        assert float(root.get("viewBox").split()[-1]) <= 540
        assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', diagram.svg)) >= 14
    # The chart stands beside its facts, at 62 % of the width of a page or a slide.
    chart = figures.winners_chart(ENTRIES).svg
    assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', chart)) * 0.62 >= 11.5
