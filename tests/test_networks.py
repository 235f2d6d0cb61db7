"""Networks drawn to scale: bars are the costs of the ledger, shortcuts those of the model."""

import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn

from course_utils.drawing.networks import main_path, networks_to_scale, shortcuts
from course_utils.ledger import ledger
from course_utils.models import VGG, CifarResNet, ResNet

SVG = "{http://www.w3.org/2000/svg}"


def counted(build, name="x", shape=(3, 224, 224)):
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
        if (title := rect.findtext(f"{SVG}title")) is not None:
            found.append((title, *(float(rect.get(k)) for k in ("x", "y", "width", "height"))))
    return found


def test_main_path_is_the_papers_depth_and_its_kernels_the_models():
    for depth in (34, 50, 101, 152):
        assert len(main_path(counted(lambda depth=depth: ResNet(depth)))) == depth
    assert len(main_path(counted(lambda: CifarResNet(56), shape=(3, 32, 32)))) == 56
    with torch.device("meta"):
        model = VGG("E")
    layers = main_path(ledger(model))
    assert len(layers) == 19
    for layer in layers:
        module = model.get_submodule(layer.name)
        if isinstance(module, nn.Conv2d):
            assert (layer.kernel, layer.maps) == (module.kernel_size[0], module.out_channels)
            assert layer.label == f"{layer.kernel}×{layer.kernel}, {layer.maps}"
        else:
            assert (layer.kernel, layer.maps) == (0, module.out_features)
            assert layer.label == f"fc {layer.maps:,}"


@pytest.mark.parametrize(
    ("depth", "option", "count", "dotted", "around"),
    [(34, "A", 16, 3, 2), (34, "B", 16, 3, 2), (34, "C", 16, 16, 2), (50, "B", 16, 4, 3)],
)
def test_dotted_shortcuts_are_those_with_more_than_the_identity(
    depth, option, count, dotted, around
):
    found = shortcuts(counted(lambda: ResNet(depth, option)))
    assert len(found) == count and sum(not one.identity for one in found) == dotted
    assert [one.first for one in found] == list(range(1, 1 + around * count, around))
    assert all(one.last - one.first == around - 1 for one in found)


@pytest.mark.parametrize(("measure", "unit"), [("macs", "multiply-adds"), ("parameters",) * 2])
def test_the_area_of_a_bar_is_the_cost_of_its_layer(three, measure, unit):
    layers = [layer for one in three for layer in main_path(one)]
    diagram = networks_to_scale(three, measure=measure)
    drawn = bars(diagram)
    tallest = max(getattr(layer, measure) for layer in layers)
    for layer, (title, _, _, width, height) in zip(layers, drawn, strict=True):
        cost = getattr(layer, measure)
        assert title == f"{layer.name}: {layer.label}, {cost:,} {unit}"
        assert height == pytest.approx(max(92 * cost / tallest, 0.8), abs=0.06)
        assert width == pytest.approx(drawn[0][3], abs=0.11)  # equal widths: heights compare
    for (_, left, _, width, _), (_, after, *_) in zip(drawn, drawn[1:], strict=False):
        assert after >= left + width - 0.15 or after < 300  # side by side, or the next network
    # On a slide a picture is 430 of 720 pixels high at most, and 1.2 times as wide as drawn.
    assert float(ET.fromstring(diagram.svg).get("viewBox").split()[-1]) <= 440


def test_alt_text_carries_the_numbers(three):
    alt = networks_to_scale(three).alt
    assert "VGG-19: 19 layers with weights, 19,632,062,464 multiply-adds." in alt
    assert "16 shortcuts, 3 of them dotted, 3,644,493,824 multiply-adds." in alt


def test_totals_are_written_in_words_and_small_ones_exactly():
    small = counted(lambda: nn.Sequential(nn.Conv2d(1, 2, 3)), "small", (1, 8, 8))
    svg = networks_to_scale([small], measure="parameters").svg
    assert ">20</text>" in svg and "0.0 million" not in svg
