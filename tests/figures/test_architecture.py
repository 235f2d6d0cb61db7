"""Networks drawn to scale: bars are the costs of the ledger, shortcuts those of the model."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn

from course_utils import style
from course_utils.figures.architecture import main_path, networks_to_scale, shortcuts
from course_utils.ledger import ledger
from course_utils.models import VGG, CifarResNet, ResNet

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
