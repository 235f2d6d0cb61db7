"""The picture of a network and its cost: numbers, curve and refusals."""

import re
import xml.etree.ElementTree as ET

import pytest
from matplotlib import pyplot as plt

from course_utils.lessons.convolutional_layer.resolution_figures import (
    draw_accuracy,
    resolution_diagram,
)

SVG = "{http://www.w3.org/2000/svg}"
CALL = dict(
    maps=[(32, 1), (16, 8), (8, 16)],
    head="pooled",
    head_inputs=16,
    parameters=[("convolutions", 1248), ("pooled head", 170)],
    curve=[(16, 1000), (32, 4000), (64, 16000)],
)


def test_the_numbers_are_in_the_picture_and_in_its_text():
    diagram = resolution_diagram(**CALL)
    words = [e.text for e in ET.fromstring(diagram.svg).iter(f"{SVG}text")]
    for text in ("32×32×1", "16×16×8", "8×8×16", "16 numbers", "1,248", "170", "4,000"):
        assert text in words
    for text in ("32 × 32 × 1", "8 × 8 × 16", "convolutions: 1,248", "4,000 MACs"):
        assert text in diagram.alt


def test_the_dot_lies_on_the_curve_at_the_input_size():
    for size in (16, 32, 64):
        root = ET.fromstring(resolution_diagram(**CALL | {"maps": [(size, 1)]}).svg)
        dot = root.find(f".//{SVG}circle")
        points = root.find(f".//{SVG}polyline").get("points").split()
        assert f"{dot.get('cx')},{dot.get('cy')}" in points


def test_the_cost_axis_has_ticks_at_their_heights():
    curve = [(32, 10_000_000), (64, 40_000_000)]
    root = ET.fromstring(resolution_diagram(**CALL | {"curve": curve}).svg)
    words = {e.text: float(e.get("y")) for e in root.iter(f"{SVG}text")}
    dot = float(root.find(f".//{SVG}circle").get("cy"))  # at 10 million
    assert "million MACs" in words
    assert (words["0"] + words["20"]) / 2 - 5 == pytest.approx(dot, abs=0.2)
    assert words["40"] < words["20"] < words["0"]


def test_bars_are_as_long_as_their_numbers():
    root = ET.fromstring(resolution_diagram(**CALL).svg)
    bars = [float(e.get("width")) for e in root.iter(f"{SVG}rect") if e.get("height") == "20"]
    assert bars[0] / bars[1] == pytest.approx(1248 / 170, rel=0.02)


@pytest.mark.parametrize("size", [16, 64])
@pytest.mark.parametrize("head", ["dense", "pooled"])
def test_nothing_leaves_the_picture(size, head):
    root = ET.fromstring(resolution_diagram(**CALL | {"maps": [(size, 1)] * 5, "head": head}).svg)
    for e in root.iter(f"{SVG}rect"):
        x, width = float(e.get("x", 0)), float(e.get("width"))
        assert x >= 0 and x + width <= 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": "wide"}, "head must be 'dense' or 'pooled', got 'wide'"),
        ({"maps": []}, "maps must hold at least the input, got none"),
        ({"maps": [(40, 1)]}, "curve must hold the input size 40, got [16, 32, 64]"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        resolution_diagram(**CALL | change)


def test_accuracies_are_drawn_in_percent():
    ax = draw_accuracy([8, 16, 32], {"a": [0.1, 0.5, 1.0], "b": [0.2, 0.2, 0.2]})
    assert list(ax.lines[0].get_ydata()) == [10, 50, 100]
    assert list(ax.lines[1].get_xdata()) == [8, 16, 32]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["8", "16", "32"]
    plt.close(ax.figure)


@pytest.mark.parametrize("curves", [{}, {"a": [0.1]}, {"a": [0.1, 0.2, 1.2]}])
def test_bad_accuracies_are_refused(curves):
    with pytest.raises(ValueError, match="curves"):
        draw_accuracy([8, 16, 32], curves)
