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
    plain = counted(lambda: ResNet(34, residual=False), "plain-34")
    return [counted(lambda: VGG("E"), "VGG-19"), plain, counted(lambda: ResNet(34, "A"), "R-34")]


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
        assert layer.dense == isinstance(module, nn.Linear)
        if layer.dense:
            assert layer.label == f"fc {module.out_features:,}"
        else:
            kernel = module.kernel_size[0]
            assert layer.label == f"{kernel}×{kernel}, {module.out_channels}"


@pytest.mark.parametrize(
    ("depth", "option", "count", "dotted", "around"),
    [(34, "A", 16, 3, 2), (34, "B", 16, 3, 2), (34, "C", 16, 16, 2), (50, "B", 16, 4, 3)],
)
def test_dotted_shortcuts_are_those_with_more_than_the_identity(
    depth, option, count, dotted, around
):
    found = shortcuts(counted(lambda: ResNet(depth, option)))
    firsts = range(1, 1 + around * count, around)
    assert [one[:2] for one in found] == [(first, first + around - 1) for first in firsts]
    assert sum(not identity for *_, identity in found) == dotted


@pytest.mark.parametrize(("measure", "unit"), [("macs", "multiply-adds"), ("parameters",) * 2])
def test_the_area_of_a_bar_is_the_cost_of_its_layer(three, measure, unit):
    layers = [layer for one in three for layer in main_path(one)]
    diagram = networks_to_scale(three, measure=measure)
    rects = [r for r in ET.fromstring(diagram.svg).iter(f"{SVG}rect") if len(r)]
    drawn = [(r[0].text, *(float(r.get(k)) for k in ("x", "width", "height"))) for r in rects]
    tallest = max(getattr(layer, measure) for layer in layers)
    end = 0
    for layer, (title, left, width, height) in zip(layers, drawn, strict=True):
        cost = getattr(layer, measure)
        assert title == f"{layer.name}: {layer.label}, {cost:,} {unit}"
        assert height == pytest.approx(max(92 * cost / tallest, 0.8), abs=0.06)
        assert width == pytest.approx(drawn[0][2], abs=0.11)  # equal widths: heights compare
        assert left >= end - 0.15 or left < 300  # side by side, or the next network
        end = left + width
    # On a slide a picture is 430 of 720 pixels high at most, and 1.2 times as wide as drawn.
    assert float(ET.fromstring(diagram.svg).get("viewBox").split()[-1]) <= 440


def test_numbers_are_said_and_small_ones_written_exactly(three):
    alt = networks_to_scale(three).alt
    assert "VGG-19: 19 layers with weights, 19,632,062,464 multiply-adds." in alt
    assert "16 shortcuts, 3 of them dotted, 3,644,493,824 multiply-adds." in alt
    small = counted(lambda: nn.Sequential(nn.Conv2d(1, 2, 3)), "small", (1, 8, 8))
    assert ">20</text>" in networks_to_scale([small], measure="parameters").svg
