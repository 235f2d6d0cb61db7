"""Browse a network: every layer of every network of the course against its ledger."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from math import prod
from typing import NamedTuple

import pytest
import torch

from course_utils.drawing.svg import share
from course_utils.ledger import ledger
from course_utils.lessons.imagenet_winners.browser import ArchitectureBrowser
from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet

NETWORKS = {
    "LeNet-5": (lambda: LeNet5("modern"), (1, 32, 32)),
    "AlexNet": (AlexNet, (3, 227, 227)),
    "VGG-16": (lambda: VGG("D"), (3, 224, 224)),
    "VGG-19": (lambda: VGG("E"), (3, 224, 224)),
    "GoogLeNet": (lambda: GoogLeNet(auxiliary=False), (3, 224, 224)),
    "ResNet-34": (lambda: ResNet(34, "A"), (3, 224, 224)),
    "ResNet-50": (lambda: ResNet(50), (3, 224, 224)),
    "ResNet-152": (lambda: ResNet(152), (3, 224, 224)),
    "ResNet-20": (lambda: CifarResNet(20), (3, 32, 32)),
}
SVG = "{http://www.w3.org/2000/svg}"
MEASURES = ("macs", "parameters", "activations")


@pytest.fixture(scope="module")
def ledgers():
    with torch.device("meta"):
        return [ledger(build(), shape, name=name) for name, (build, shape) in NETWORKS.items()]


@pytest.fixture
def panel(ledgers):
    return ArchitectureBrowser(ledgers)


def parts(panel):
    """The diagram and the table of what is shown, as elements."""
    html = panel._last.html.partition("</style>")[2]
    cut = html.index("</svg>") + len("</svg>")
    return ET.fromstring(html[:cut]), ET.fromstring(html[cut:]).find("table")


def cells(row):
    return ["".join(cell.itertext()) for cell in row]


def whole(text):
    return int(text.replace(",", ""))


class State(NamedTuple):
    """What the panel showed in one state of its controls."""

    chart: object
    station: object
    number: int
    measure: str
    says: str
    alt: str
    label: str
    heading: str
    rows: list
    heads: list
    chosen: list
    foot: list

    def column(self, head):
        """The cells below a heading: rows, and the total."""
        place = self.heads.index(head)
        return [row[place] for row in self.rows], self.foot[place]


@pytest.fixture(scope="module")
def states(ledgers):
    """The whole grid of the controls, each state once."""
    panel, found = ArchitectureBrowser(ledgers), []
    for network, chart in panel.charts.items():
        panel.network.value = network
        for measure in MEASURES:
            panel.measure.value = measure
            for number, station in enumerate(chart.stations, 1):
                panel.layer.value = number
                assert not panel.refused
                diagram, table = parts(panel)
                rows = list(table.find("tbody"))
                chosen = [cells(row) for row in rows if row.get("aria-current") == "true"]
                found.append(
                    State(
                        chart,
                        station,
                        number,
                        measure,
                        panel.says,
                        panel.alt,
                        diagram.get("aria-label"),
                        diagram.find(f"{SVG}text[@font-weight='700'][@font-size='17']").text,
                        [cells(row) for row in rows],
                        cells(table.find("thead")[0]),
                        chosen,
                        cells(table.find("tfoot")[0]),
                    )
                )
    assert len(found) == 3 * (7 + 11 + 21 + 24 + 81 + 55 + 72 + 208 + 32)
    return found


def test_in_every_state_the_table_adds_up_to_the_ledger(states, ledgers):
    totals = {one.name: one for one in ledgers}
    for state in states:
        whole_net, heads = totals[state.chart.name], {"Parameters", "MACs"}
        heads |= {"Activations"} if state.measure == "activations" else set()
        assert heads == set(state.heads) & {"Parameters", "MACs", "Activations"}
        for head in heads:
            column, total = state.column(head)
            expected = getattr(whole_net, head.lower())
            assert sum(whole(text) for text in column) == expected == whole(total)
        ends = (state.rows[0][0], state.rows[-1][0])
        rest = sum(0 if text.startswith("no") else int(text.split()[0]) for text in ends)
        assert len(state.rows) == 7 and rest + 5 == len(state.chart.stations)
        assert [row[0] for row in state.chosen] == [f"{state.number}. {state.station.name}"]


def test_in_every_state_the_chosen_row_is_that_of_the_ledger(states, ledgers):
    rows = {one.name: {row.label: row for row in one.rows} for one in ledgers}
    for state in states:
        station, row = state.station, rows[state.chart.name][state.station.name]
        # What follows a layer has parameters (normalisation), but no multiply-adds.
        assert station.macs == row.macs and station.parameters >= row.parameters
        shown = dict(zip(state.heads, state.chosen[0], strict=True))
        assert prod(int(n) for n in shown["Output"].split("×")) == prod(row.output_shape)
        assert whole(shown["Parameters"]) == station.parameters
        assert whole(shown["MACs"]) == station.macs
        if state.measure == "activations":
            assert whole(shown["Activations"]) == station.activations
        word = "MACs" if state.measure == "macs" else state.measure
        part = getattr(station, state.measure)
        assert shown[f"Share of {word}"] == share(part, state.chart.totals[state.measure])
        assert whole(shown["Field"]) == row.receptive_field


def test_in_every_state_the_sentence_says_what_is_drawn(states):
    for state in states:
        says, station = state.says, state.station
        field, side = station.receptive_field, state.chart.input_shape[1]
        word = "MACs" if state.measure == "macs" else state.measure
        part = share(getattr(station, state.measure), state.chart.totals[state.measure])
        assert says.startswith(f"{station.name}: ")
        assert f", {part} of the {word}. A unit sees {field:,}×{field:,}" in says
        assert ("more than the image" in says) == (field > side)
        assert ("the whole image" in says) == (field == side)
        assert ("along the longest path" in says) == station.name.endswith((".add", ".cat"))
        assert ("the next unit looks" in says) == (station.side > 1)
        assert state.label == state.alt and f"Chosen: {station.name}, " in state.alt
        place = f"layer {state.number} of {len(state.chart.stations)}: {station.name}"
        assert state.heading == f"{state.chart.name}, {place}"


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
def test_the_fields_of_the_literature(ledgers, network, layer, sees):
    panel = ArchitectureBrowser(ledgers, network, layer)
    assert sees in panel.says
    panel = ArchitectureBrowser(ledgers)
    panel.network.value = network
    panel.pick(layer)
    assert sees in panel.says


def test_a_click_on_a_layer_chooses_it(panel):
    for network in ("AlexNet", "ResNet-152"):
        panel.network.value = network
        names = [f"{i}. {one.name}" for i, one in enumerate(panel.charts[network].stations, 1)]
        assert [button.tooltip for button in panel.buttons] == names
        for number in (3, 7):
            before = panel.redraws
            panel.buttons[number - 1].click()
            assert panel.layer.value == number and panel.redraws == before + 1
            assert f"layer {number} of {len(names)}: {names[number - 1][3:]}" in panel._last.html
    first = panel.buttons
    panel.network.value = "AlexNet"
    panel.network.value = "ResNet-152"
    assert panel.buttons == first  # made once
    assert not any(button.tabbable for button in first)  # the keyboard has the slider


def test_the_buttons_lie_over_the_layers(panel):
    for network, chart in panel.charts.items():
        panel.network.value = network
        columns = panel.children[1].children[0].layout.grid_template_columns
        widths = [float(width) for width in re.findall(r"calc\(([\d.]+)%", columns)]
        assert len(widths) == 1 + len(chart.stations)  # what is left of the first layer, and it
        slabs = [
            (float(group[1].get("x")) / 10, float(group[1].get("width")) / 10)
            for group in parts(panel)[0].iter(f"{SVG}g")
            if group.find(f"{SVG}title") is not None
        ]
        edge = widths[0]
        for width, (left, wide) in zip(widths[1:], slabs[1:], strict=True):
            assert edge <= left + 0.1 and left + wide <= edge + width + 0.1
            edge += width
        assert edge <= 100


def test_a_shorter_network_pulls_the_layer_down_in_one_redraw(panel):
    panel.network.value = "ResNet-152"
    assert panel.layer.max == 208
    panel.layer.value = 208
    before = panel.redraws
    panel.network.value = "LeNet-5"
    assert (panel.layer.max, panel.layer.value, panel.redraws) == (7, 7, before + 1)
    assert panel.says.startswith("output: 10 numbers")


def test_a_deep_network_costs_little_to_send(panel):
    """A strip of 208 layers and the table: a message of this size is drawn while a slider moves."""
    panel.network.value = "ResNet-152"
    panel.layer.value = 120
    assert len(panel._last.html) < 64_000


def test_stored_form_is_the_sentence_and_a_still_picture(panel):
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == panel.says == repr(panel)
    assert "<svg" in bundle["text/html"] and 'scope="col"' in bundle["text/html"]
    assert not re.search(r'font-size="(\d|1[01])(\.\d)?"', bundle["text/html"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ledgers": []}, "ledgers must hold at least one ledger, got none"),
        ({"network": "VGG"}, "Network must be one of 'LeNet-5', 'AlexNet', .*got 'VGG'"),
        ({"measure": "time"}, "Bars must be one of 'macs', 'parameters', .*got 'time'"),
        ({"layer": 8}, "Layer must be an integer from 1 to 7, got 8"),
        ({"layer": 0}, "Layer must be an integer from 1 to 7, got 0"),
        ({"layer": "conv9"}, r"layer must be one of LeNet-5's \(c1, s2, .*\), got 'conv9'"),
    ],
)  # fmt: skip
def test_a_first_value_that_does_not_exist_is_refused(ledgers, arguments, message):
    with pytest.raises(ValueError, match=message):
        ArchitectureBrowser(**({"ledgers": ledgers} | arguments))


def test_names_must_differ_and_picks_exist(ledgers, panel):
    with pytest.raises(ValueError, match="names that differ, got LeNet-5, LeNet-5"):
        ArchitectureBrowser([ledgers[0], ledgers[0]])
    panel.network.value = "ResNet-152"
    with pytest.raises(ValueError, match=r"one of ResNet-152's \(conv1, .*…\), got 'c1'"):
        panel.pick("c1")


def test_the_module_does_not_load_torch():
    module = "course_utils.lessons.imagenet_winners.browser"
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
