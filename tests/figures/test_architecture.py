"""Networks drawn to scale: bars are the costs of the ledger, shortcuts those of the model."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn

from course_utils.drawing import style
from course_utils.drawing.networks import (
    COSTS,
    NetworkChart,
    main_path,
    networks_to_scale,
    shortcuts,
)
from course_utils.ledger import Ledger, ledger
from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet

SVG = "{http://www.w3.org/2000/svg}"


def counted(build, name, shape=(3, 224, 224)):
    with torch.device("meta"):
        return ledger(build(), shape, name=name)


@pytest.fixture(scope="module")
def three():
    return [
        counted(lambda: VGG("E"), "VGG-19"),
        counted(lambda: ResNet(34, residual=False), "plain-34"),
        counted(lambda: ResNet(34, "A"), "ResNet-34"),
    ]


def bars(diagram):
    """(title, left, top, width, height) of each bar."""
    found = []
    for rect in ET.fromstring(diagram.svg).iter(f"{SVG}rect"):
        title = rect.find(f"{SVG}title")
        if title is not None:
            sizes = [float(rect.get(key)) for key in ("x", "y", "width", "height")]
            found.append((title.text, *sizes))
    return found


def test_main_path_is_the_papers_depth(three):
    assert [len(main_path(one)) for one in three] == [19, 34, 34]
    for depth in (50, 101, 152):
        assert len(main_path(counted(lambda depth=depth: ResNet(depth), "x"))) == depth
    small = counted(lambda: CifarResNet(56), "x", (3, 32, 32))
    assert len(main_path(small)) == 56


def test_kernels_found_from_costs_are_those_of_the_model(three):
    with torch.device("meta"):
        models = [VGG("E"), ResNet(34, residual=False), ResNet(34, "A")]
    for model, one in zip(models, three, strict=True):
        for layer in main_path(one):
            module = model.get_submodule(layer.name)
            if isinstance(module, nn.Conv2d):
                assert (layer.kernel, layer.maps) == (module.kernel_size[0], module.out_channels)
                assert layer.label == f"{layer.kernel}×{layer.kernel}, {layer.maps}"
            else:
                assert (layer.kernel, layer.maps) == (0, module.out_features)
                assert layer.label == f"fc {layer.maps:,}"


@pytest.mark.parametrize(("option", "dotted"), [("A", 3), ("B", 3), ("C", 16)])
def test_dotted_shortcuts_are_those_with_more_than_the_identity(option, dotted):
    found = shortcuts(counted(lambda: ResNet(34, option), "x"))
    assert len(found) == 16
    assert sum(not one.identity for one in found) == dotted
    assert all(one.last - one.first == 1 for one in found)  # around two convolutions
    assert [one.first for one in found] == list(range(1, 33, 2))


def test_bottlenecks_and_networks_without_shortcuts(three):
    found = shortcuts(counted(lambda: ResNet(50), "x"))
    assert [one.identity for one in found].count(False) == 4
    assert all(one.last - one.first == 2 for one in found)
    assert shortcuts(three[0]) == shortcuts(three[1]) == []


@pytest.mark.parametrize("measure", ["macs", "parameters"])
def test_the_area_of_a_bar_is_the_cost_of_its_layer(three, measure):
    layers = [layer for one in three for layer in main_path(one)]
    drawn = bars(networks_to_scale(three, measure=measure))
    assert len(drawn) == len(layers) == 19 + 34 + 34
    unit = {"macs": "multiply-adds", "parameters": "parameters"}[measure]
    scale = 92 / max(getattr(layer, measure) for layer in layers)
    for layer, (title, _, _, _, height) in zip(layers, drawn, strict=True):
        cost = getattr(layer, measure)
        assert title == f"{layer.name}: {layer.label}, {cost:,} {unit}"
        assert height == pytest.approx(max(cost * scale, 0.8), abs=0.006)


def test_equal_widths_so_that_heights_compare(three):
    """But for the rounding of coordinates to a tenth."""
    widths = [width for _, _, _, width, _ in bars(networks_to_scale(three))]
    assert max(widths) - min(widths) < 0.11


def test_bars_do_not_overlap_and_stay_inside(three):
    diagram = networks_to_scale(three)
    height = float(ET.fromstring(diagram.svg).get("viewBox").split()[-1])
    row = []
    for _, left, top, width, tall in bars(diagram):
        row = [] if row and left < row[-1] else row
        assert all(left >= end - 0.15 for end in row)
        row.append(left + width)
        assert left > 140 and left + width < 995
        assert top > 48 and top + tall < height
    # On a slide a picture is 430 of 720 pixels high at most, and 1.2 times as wide as drawn.
    assert height <= 440


def test_alt_text_carries_the_numbers(three):
    diagram = networks_to_scale(three)
    assert "VGG-19: 19 layers with weights, 19,632,062,464 multiply-adds." in diagram.alt
    assert "16 shortcuts, 3 of them dotted, 3,644,493,824 multiply-adds." in diagram.alt
    assert ET.fromstring(diagram.svg).get("aria-label") == diagram.alt == repr(diagram)
    assert networks_to_scale(three).svg == diagram.svg


@pytest.mark.parametrize("mode", [style.study, style.present])
def test_text_is_large_enough_for_a_slide(three, mode):
    mode()
    try:
        svg = networks_to_scale(three).svg
    finally:
        style.study()
    assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', svg)) >= 13


def test_a_single_small_network():
    one = counted(lambda: CifarResNet(20), "ResNet-20", (3, 32, 32))
    diagram = networks_to_scale([one])
    assert len(bars(diagram)) == 20
    assert "9 shortcuts, 2 of them dotted" in diagram.alt


def test_what_cannot_be_drawn_is_refused(three):
    with pytest.raises(ValueError, match="ledgers must hold at least one ledger, got none"):
        networks_to_scale([])
    with pytest.raises(ValueError, match="measure must be 'macs' or 'parameters', got 'time'"):
        networks_to_scale(three, measure="time")
    with pytest.raises(ValueError, match="must hold a convolution or dense layer, got none"):
        main_path(counted(nn.ReLU, "r", (1, 4, 4)))
    grouped = counted(lambda: nn.Sequential(nn.Conv2d(4, 4, 3, groups=2)), "g", (4, 8, 8))
    with pytest.raises(ValueError, match="one path of square maps"):
        main_path(grouped)
    oblong = counted(lambda: nn.Sequential(nn.Conv2d(4, 4, 3)), "o", (4, 8, 9))
    with pytest.raises(ValueError, match="one path of square maps"):
        main_path(oblong)


class HalfUsed(nn.Module):
    """Two layers, of which the forward pass uses the first."""

    def __init__(self, unused):
        super().__init__()
        self.used, self.unused = nn.Conv2d(4, 4, 3), unused

    def forward(self, x):
        return self.used(x)


@pytest.mark.parametrize("unused", [nn.Conv2d(4, 4, 3), nn.Linear(4, 4)])
def test_an_unused_layer_is_on_no_path(unused):
    half = ledger(HalfUsed(unused), (4, 8, 8), name="half")
    for draw in (main_path, shortcuts, lambda one: networks_to_scale([one])):
        with pytest.raises(ValueError, match="uses all its .*, got half, which does not use unuse"):
            draw(half)


def test_totals_are_written_in_words_and_small_ones_exactly():
    small = counted(lambda: nn.Sequential(nn.Conv2d(1, 2, 3)), "small", (1, 8, 8))
    diagram = networks_to_scale([small], measure="parameters")
    assert ">20</text>" in diagram.svg and "0.0 million" not in diagram.svg


# One network, every layer


IMAGENET = {
    "AlexNet": (AlexNet, (3, 227, 227)),
    "VGG-16": (lambda: VGG("D"), (3, 224, 224)),
    "GoogLeNet": (lambda: GoogLeNet(auxiliary=False), (3, 224, 224)),
    "ResNet-34": (lambda: ResNet(34, "A"), (3, 224, 224)),
    "ResNet-50": (lambda: ResNet(50), (3, 224, 224)),
    "ResNet-152": (lambda: ResNet(152), (3, 224, 224)),
    "ResNet-20": (lambda: CifarResNet(20), (3, 32, 32)),
    "LeNet-5": (lambda: LeNet5("modern"), (1, 32, 32)),
}


@pytest.fixture(scope="module")
def charts():
    return {
        name: NetworkChart(counted(build, name, shape)) for name, (build, shape) in IMAGENET.items()
    }


def drawn(diagram):
    """(title, slab, bar or None) of the input and of each layer, boxes as (x, y, width, height)."""
    found = []
    for group in ET.fromstring(diagram.svg).iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        if title is not None:
            boxes = [box(rect) for rect in group.iter(f"{SVG}rect")]
            found.append((title.text, boxes[0], boxes[1] if len(boxes) > 1 else None))
    return found


def box(rect):
    return tuple(float(rect.get(key)) for key in ("x", "y", "width", "height"))


def test_the_sums_of_the_stations_are_the_totals(charts):
    for name, (build, shape) in IMAGENET.items():
        whole, chart = counted(build, name, shape), charts[name]
        for measure in COSTS:
            total = getattr(whole, measure)
            assert sum(getattr(one, measure) for one in chart.stations) == total
            assert chart.totals[measure] == total
        assert chart.stations[-1].output_shape == whole.rows[-1].output_shape


def test_a_station_is_a_layer_with_what_follows_it(charts):
    names = [one.name for one in charts["AlexNet"].stations]
    assert names == [
        "conv1",
        "pool1",
        "conv2",
        "pool2",
        "conv3",
        "conv4",
        "conv5",
        "pool5",
        "fc6",
        "fc7",
        "fc8",
    ]
    assert charts["AlexNet"].stations[0].kinds == ("Conv2d", "ReLU", "LocalResponseNorm")
    assert charts["LeNet-5"].stations[1].kinds == ("MaxPool2d",)
    block = [one for one in charts["ResNet-50"].stations if one.name.startswith("conv2_x.0.")]
    assert [one.kinds[0] for one in block] == ["Conv2d"] * 4 + ["add"]
    assert block[3].kinds == ("Conv2d", "BatchNorm2d")  # the projection and its normalisation
    assert block[4].kinds == ("add", "ReLU") and block[4].joins and not block[3].joins
    plain = [one for one in charts["ResNet-50"].stations if one.name.startswith("conv2_x.1.")]
    assert [one.kinds[0] for one in plain] == ["Conv2d"] * 3 + ["Identity"]
    assert plain[3].kinds == ("Identity", "add", "ReLU") and plain[3].joins
    module = [one for one in charts["GoogLeNet"].stations if one.block == "inception3a"]
    assert len(module) == 8 and module[-1].kinds == ("cat",) and module[-1].joins


def test_as_many_convolutions_and_dense_layers_as_the_papers_count(charts):
    for name, depth in (("VGG-16", 16), ("ResNet-34", 34), ("ResNet-50", 50), ("ResNet-152", 152)):
        weighted = [
            one
            for one in charts[name].stations
            if one.category in ("convolution", "linear") and "shortcut" not in one.name
        ]
        assert len(weighted) == depth


@pytest.mark.parametrize(
    ("network", "layer", "field"),
    [
        ("AlexNet", "conv5", 163),
        ("VGG-16", "block5.conv5_3", 196),
        ("GoogLeNet", "inception5b.cat", 715),
        ("ResNet-34", "conv5_x.2.add", 899),
        ("ResNet-50", "conv5_x.2.add", 483),
        ("LeNet-5", "c5", 32),
    ],
)
def test_receptive_fields_are_those_of_the_literature(charts, network, layer, field):
    chart = charts[network]
    number = [one.name for one in chart.stations].index(layer) + 1
    assert chart.stations[number - 1].receptive_field == field
    diagram = chart.draw(number)
    assert f"A unit sees {field}×{field} inputs." in diagram.alt
    assert f">{field} × {field} pixels<" in diagram.svg


def test_heights_are_the_sides_of_the_maps_and_widths_their_number(charts):
    for name, chart in charts.items():
        slabs = drawn(chart.draw())
        unit = slabs[0][1][3] / chart.input_shape[1]
        assert len(slabs) == 1 + len(chart.stations)
        scales = []
        for one, (title, slab, _) in zip(chart.stations, slabs[1:], strict=True):
            assert title.startswith(f"{one.name}: ")
            assert slab[3] == pytest.approx(max(one.side * unit, 3), abs=0.02), (name, one.name)
            to_scale = one.side > 1 and one.category in ("convolution", "pooling")
            if to_scale and "shortcut" not in one.name and slab[2] > 1.5:
                scales.append(slab[2] / one.maps)
        assert max(scales) - min(scales) < 0.005 * max(scales) + 0.0005, name


def test_bars_are_the_costs_of_the_layers(charts):
    for chart in charts.values():
        for measure, words in COSTS.items():
            tallest = max(getattr(one, measure) for one in chart.stations)
            for one, (title, _, bar) in zip(
                chart.stations, drawn(chart.draw(1, measure))[1:], strict=True
            ):
                cost = getattr(one, measure)
                assert title.endswith(f" {cost:,} {words}")
                assert (bar is None) == (cost == 0)
                if bar:
                    assert bar[3] == pytest.approx(max(38 * cost / tallest, 0.8), abs=0.006)


def test_layers_stand_side_by_side_inside_the_picture(charts):
    for chart in charts.values():
        diagram = chart.draw(len(chart.stations))
        height = float(ET.fromstring(diagram.svg).get("viewBox").split()[-1])
        assert height <= 240  # the table goes below it, on one slide
        end = 215.9
        for _, (left, top, width, tall), bar in drawn(diagram):
            assert left >= end - 0.02 and top > 48 and top + tall < 160
            assert bar is None or bar[1] + bar[3] < height
            end = left + width
        assert end <= 988.5


def test_the_field_is_drawn_to_scale_on_the_input(charts):
    for chart in charts.values():
        for number, one in enumerate(chart.stations, 1):
            root = ET.fromstring(chart.draw(number).svg)
            outlines = [box(r) for r in root.iter(f"{SVG}rect") if r.get("fill") == "none"]
            image, seen = outlines[-2], outlines[-1]
            assert seen[2] / image[2] == pytest.approx(
                one.receptive_field / chart.input_shape[2], rel=0.01
            )
            assert all(
                x >= 14 and x + w <= 190 and y > 24 and y + h < 182 for x, y, w, h in outlines
            )
            assert len(outlines) == (2 if one.side == 1 else 3)
            if one.side > 1:  # the field of the next unit, dashed
                moved = outlines[0][0] - seen[0]
                assert moved * chart.input_shape[2] / image[2] == pytest.approx(
                    one.stride, rel=0.05
                )


def test_only_the_choice_is_drawn_anew(charts):
    chart = charts["ResNet-152"]
    first, second = chart.draw(1), chart.draw(2)
    assert first.svg != second.svg and first.svg == chart.draw(1).svg
    assert first.alt == repr(first) == ET.fromstring(first.svg).get("aria-label")
    assert "ResNet-152 as a strip of 208 layers" in first.alt


def test_text_of_a_chart_is_large_enough_and_grows_to_present(charts):
    study = charts["GoogLeNet"].draw(5).svg
    style.present()
    try:
        present = charts["GoogLeNet"].draw(5).svg
    finally:
        style.study()
    sizes = [
        min(float(size) for size in re.findall(r'font-size="([\d.]+)"', svg))
        for svg in (study, present)
    ]
    assert sizes[0] == 13 and sizes[1] == pytest.approx(15.6)


def test_unused_layers_and_oblong_images():
    heads = NetworkChart(counted(lambda: GoogLeNet(auxiliary=True).eval(), "with heads"))
    unused = [one for one in heads.stations if one.output_shape is None]
    assert unused and all(one.receptive_field is None for one in unused)
    number = heads.stations.index(unused[0]) + 1
    assert "not used" in heads.draw(number).alt
    assert "nothing that has a place" in heads.draw(number).svg
    oblong = NetworkChart(counted(lambda: nn.Conv2d(1, 2, (3, 5)), "oblong", (1, 10, 20)))
    assert "A unit sees 3×5 inputs." in oblong.draw().alt


def test_what_a_chart_refuses(charts):
    chart = charts["LeNet-5"]
    for number in (0, 8, True, 1.0):
        with pytest.raises(ValueError, match="number must be an integer from 1 to 7, got"):
            chart.draw(number)
    with pytest.raises(ValueError, match="measure must be one of 'macs', 'parameters', 'activa"):
        chart.draw(1, "time")
    line = counted(lambda: nn.Conv1d(1, 1, 3), "line", (1, 8))
    with pytest.raises(ValueError, match=r"images \(C, H, W\), got line on \(1, 8\)"):
        NetworkChart(line)
    with pytest.raises(ValueError, match="ledger must hold at least one row, got none"):
        NetworkChart(Ledger("empty", (1, 8, 8), []))
