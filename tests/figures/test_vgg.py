"""The configurations are drawn as they are, stacks counted as torch counts them, lines as given."""

import itertools
import re
import xml.etree.ElementTree as ET

import matplotlib
import pytest
from torch import nn

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from course_utils.drawing import style
from course_utils.ledger import ledger
from course_utils.lessons.vgg import figures as vgg
from course_utils.models.vgg import CONFIGURATIONS

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


def words(diagram):
    return [element.text for element in ET.fromstring(diagram.svg).iter(f"{SVG}text")]


def test_every_layer_of_table_1_is_a_box():
    chart = vgg.configuration_chart(CONFIGURATIONS)
    drawn = words(chart)
    items = [item for blocks in CONFIGURATIONS.values() for block in blocks for item in block]
    assert drawn.count("3×3") == sum(item.startswith("conv3") for item in items) == 65
    assert drawn.count("1×1") == sum(item.startswith("conv1") for item in items) == 3
    assert drawn.count("fc") == 3 * len(CONFIGURATIONS)
    assert [word for word in drawn if word in CONFIGURATIONS] == list(CONFIGURATIONS)
    assert {"224×224", "112×112", "56×56", "28×28", "14×14"} <= set(drawn)
    for name, depth in (("A", 11), ("B", 13), ("C", 16), ("D", 16), ("E", 19)):
        assert f"{name}: {depth} layers with weights" in chart.alt
    assert "3 of them 1x1" in chart.alt and chart.alt.count("with LRN") == 1


def test_chart_is_well_formed_says_its_alt_and_stays_inside():
    for mode in (style.study, style.present):
        mode()
        try:
            chart = vgg.configuration_chart(CONFIGURATIONS)
            root = ET.fromstring(chart.svg)
            right = [
                float(box.get("x", 0)) + float(box.get("width")) for box in root.iter(f"{SVG}rect")
            ]
            assert max(right) <= 1000
            assert root.get("aria-label") == chart.alt == repr(chart)
        finally:
            style.study()


def test_bad_configurations_are_refused():
    with pytest.raises(ValueError, match="at least one network"):
        vgg.configuration_chart({})
    with pytest.raises(ValueError, match="must look like 'conv3-64' or be 'LRN', got 'pool'"):
        vgg.configuration_chart({"A": [["pool"]]})
    with pytest.raises(ValueError, match=r"equally many blocks, got \[1, 2\]"):
        vgg.configuration_chart({"A": [["conv3-64"]], "B": [["conv3-64"], ["conv3-64"]]})
    for blocks in ([], [[]], [["LRN"]], [["conv3-64"], ["LRN"]]):
        for networks in ({"A": blocks}, {"B": [["conv3-64"]] * len(blocks), "A": blocks}):
            with pytest.raises(ValueError, match="configurations must hold blocks with at least"):
                vgg.configuration_chart(networks)
    with pytest.raises(ValueError, match=re.escape("each, got [['LRN']] for A")):
        vgg.configuration_chart({"A": [["LRN"]]})


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_stacks_cost_what_torch_layers_cost(kernel):
    for layers, in_maps, maps, side in itertools.product((1, 2, 3), (3, 8), (4, 8), (5, 6)):
        net, inputs = nn.Sequential(), in_maps
        for _ in range(layers):
            net.append(nn.Conv2d(inputs, maps, kernel, padding=kernel // 2, bias=False))
            net.append(nn.ReLU())
            inputs = maps
        counted = ledger(net, (in_maps, side, side))
        cost = vgg.count_stack(kernel, layers, in_maps, maps, side)
        assert (cost.weights, cost.macs) == (counted.parameters, counted.macs)
        assert cost.field == counted.rows[-1].receptive_field
        assert cost.kept == counted.units
        assert cost.relus == sum(row.category == "activation" for row in counted.rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel": 4}, "kernel must be odd, so that it has a middle, got 4"),
        ({"layers": 0}, "layers must be an integer >= 1, got 0"),
        ({"maps": 2.0}, "maps must be an integer >= 1, got 2.0"),
        ({"side": True}, "side must be an integer >= 1, got True"),
    ],
)
def test_bad_stacks_are_refused(change, message):
    good = dict(kernel=3, layers=2, in_maps=3, maps=8, side=5)
    with pytest.raises(ValueError, match=message):
        vgg.count_stack(**good | change)


def test_stack_diagram_draws_both_fields_to_scale():
    for layers, kernel in itertools.product(range(1, 7), (3, 5, 7, 9, 11, 13)):
        diagram = vgg.stack_diagram(layers, kernel)
        root = ET.fromstring(diagram.svg)
        sides = {
            float(box.get("width"))
            for box in root.iter(f"{SVG}rect")
            if box.get("width") == box.get("height")
        }
        cell = vgg._CELL
        for field in (1, kernel, *(2 * layer + 1 for layer in range(1, layers + 1))):
            assert field * cell in sides
        assert f"see {2 * layers + 1}×{2 * layers + 1}, one {kernel}x{kernel}" in diagram.alt
        assert root.get("aria-label") == diagram.alt
    with pytest.raises(ValueError, match="must fit into the grid of 13×13, got 3 and 15"):
        vgg.stack_diagram(1, 15)
    for grid in (4, 0, -3, 5.0, True):
        with pytest.raises(ValueError, match=f"grid must be an odd integer >= 1, got {grid}"):
            vgg.stack_diagram(1, 3, grid=grid)


def test_bars_are_as_long_as_the_costs():
    drawn = words(vgg.stack_diagram(3, 7))
    for number in ("110,592", "200,704", "346,816,512", "629,407,744", "602,112"):
        assert number in drawn


def test_lines_by_depth_are_those_given():
    lines = {"one": {"A": 3.0, "B": 2.0, "C": 1.0}, "two": {"B": 5.0, "C": 4.0}}
    ax = vgg.draw_by_depth(lines, ylabel="error, %")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["A", "B", "C"]
    drawn = {line.get_label(): line for line in ax.get_lines()}
    assert list(drawn["one"].get_ydata()) == [3, 2, 1]
    assert list(drawn["two"].get_xdata()) == [1, 2]
    assert ax.get_ylabel() == "error, %"
    other = pyplot.subplots()[1]
    assert vgg.draw_by_depth(lines, ylabel="x", ax=other) is other


def test_bad_lines_are_refused():
    for series in ({}, {"one": {}}):
        with pytest.raises(ValueError, match="at least one line"):
            vgg.draw_by_depth(series, ylabel="error")
    with pytest.raises(ValueError, match="finite, got {'A': nan} for one"):
        vgg.draw_by_depth({"one": {"A": float("nan")}}, ylabel="error")
