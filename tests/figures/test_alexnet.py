"""The pictures of lesson 08 draw the values they are given, and say them in words."""

import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from course_utils.drawing import style
from course_utils.drawing.plots import show
from course_utils.lessons.alexnet import figures as alexnet

LAYERS = [
    ("conv1", (96, 55, 55), 1),
    ("conv2", (256, 27, 27), 2),
    ("conv3", (384, 13, 13), 1),
    ("fc6", (4096,), 1),
]
RED = style.HIGHLIGHT


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


def words(diagram):
    root = ET.fromstring(diagram.svg)
    assert root.get("aria-label") == diagram.alt
    return ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]


def test_towers_cross_exactly_where_a_layer_reads_both():
    diagram = alexnet.two_towers(LAYERS)
    written = words(diagram)
    for half in ("48", "128", "192", "2,048"):
        assert written.count(half) == 2
    for name in ("conv1", "conv2", "conv3", "fc6"):
        assert written.count(name) == 1
    assert diagram.svg.count(f'stroke="{RED}"') == 2 * 2  # two lines each into conv3 and fc6
    assert "conv2 256 maps of 27 by 27, reads its own tower" in diagram.alt
    assert "conv3 384 maps of 13 by 13, reads both towers" in diagram.alt
    assert "conv1 96 maps of 55 by 55, reads the image" in diagram.alt


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [("conv1", (96, 55), 1)],
        [("conv1", (96, 55, 55), 3)],
        [("conv1", (95, 55, 55), 1)],
        [("conv1", (96, 0, 55), 1)],
        [("fc6", (0,), 1)],
    ],
)
def test_towers_refuse_what_they_cannot_draw(layers):
    with pytest.raises(ValueError, match="layers must"):
        alexnet.two_towers(layers)


def test_towers_of_dense_layers_only():
    diagram = alexnet.two_towers([("fc6", (4096,), 1), ("fc7", (1000,), 2)])
    assert words(diagram).count("2,048") == 2 and words(diagram).count("500") == 2
    assert "fc7 1,000 units, reads its own tower" in diagram.alt


@pytest.mark.parametrize(
    ("size", "padding", "windows", "sentence", "outside"),
    [
        (224, 0, 54, "1 column of the image is never read", (0, 0)),
        (224, 0, 55, "the last window reads 3 past the edge", (0, 3)),
        (224, 2, 55, "all pixels are read; some padding is not", (2, 0)),
        (227, 0, 55, "the last window ends exactly at the edge", (0, 0)),
        (20, 1, 3, "2 columns of the image are never read", (2, 0)),
    ],
)
def test_the_edge_is_drawn_as_it_is(size, padding, windows, sentence, outside):
    trail = [("conv1", windows), ("pool1", 27)]
    diagram = alexnet.edge_and_trail(size, 11, 4, padding, windows, trail, (9216, 37_752_832))
    written = words(diagram)
    zeros, unknown = outside
    assert (written.count("0"), written.count("?")) == (zeros, unknown)
    assert f"padding {padding}, {windows} windows: {sentence}. Sides" in diagram.alt
    assert sentence in written  # the picture and its text say the same
    assert f"conv1: {windows}" in written and "9,216 numbers" in written
    assert f"pixel {size}" in written and f"{windows}" in written


def test_the_edge_tells_pixels_from_padding():
    def said(*arguments):
        return " ".join(words(alexnet.edge_and_trail(*arguments, [("conv1", 9)], (1, 1))))

    assert "1 column of the image is never read" in said(224, 11, 4, 0, 54)
    assert "2 columns of the image are never read" in said(225, 11, 4, 0, 54)
    assert "all pixels are read; some padding is not" in said(224, 11, 4, 2, 55)
    with pytest.raises(ValueError, match="windows and stages must be >= 1, got 0 and 1"):
        said(224, 11, 4, 0, 0)


def test_pairs_have_the_heights_they_are_given():
    values = {"parameters": [0.2, 60.0, 39.8], "multiply-adds": [70.0, 0.0, 10.0]}
    ax = alexnet.draw_pairs(["a", "b", "c"], values, ylabel="share, %")
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == [*values["parameters"], *values["multiply-adds"]]
    assert [t.get_text() for t in ax.texts] == ["<1", "60", "40", "70", "0", "10"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]
    assert ax.get_ylim()[1] > 70 and ax.get_ylabel() == "share, %"


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        (["a"], {"x": [1]}, "values must hold two lists, got 1"),
        (["a"], {"x": [1], "y": [1, 2]}, "values['y'] must hold 1 numbers >= 0, got [1, 2]"),
        (["a"], {"x": [-1], "y": [1]}, "values['x'] must hold 1 numbers >= 0, got [-1]"),
        ([], {"x": [], "y": []}, "values['x'] must hold 0 numbers"),
    ],
)
def test_pairs_refuse_what_does_not_fit(names, values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        alexnet.draw_pairs(names, values, ylabel="")


def test_colour_share_of_known_filters():
    grey = np.ones((1, 3, 5, 5))
    red = np.zeros((1, 3, 5, 5))
    red[0, 0] = 1
    opponent = np.zeros((1, 3, 5, 5))
    opponent[0, 0], opponent[0, 2] = 1, -1
    dead = np.zeros((1, 3, 5, 5))
    shares = alexnet.colour_share(np.concatenate([grey, red, opponent, dead]))
    assert shares == pytest.approx([0, 2 / 3, 1, 0])
    noise = np.random.default_rng(0).normal(size=(400, 3, 7, 7))
    assert alexnet.colour_share(noise).mean() == pytest.approx(2 / 3, abs=0.01)
    with pytest.raises(ValueError, match="filters must have shape"):
        alexnet.colour_share(np.ones((4, 1, 5, 5)))


def test_filters_are_drawn_with_zero_in_the_middle():
    weights = np.zeros((2, 3, 5, 5))
    weights[0, 0, 0, 0] = -4.0
    first = alexnet.draw_filters({"one": weights, "two": weights[:1]}, columns=3)
    assert first.get_title(loc="left") == "one"
    grid = first.figure.axes
    images = [ax.images[0].get_array() if ax.images else None for ax in grid]
    assert [image is not None for image in images] == [True, True, False, True, False, False]
    assert images[0][0, 0].tolist() == [0.0, 0.5, 0.5]
    assert (images[1] == 0.5).all()
    with pytest.raises(ValueError, match="at most 1, got 2"):
        alexnet.draw_filters({"one": weights}, columns=1)
    with pytest.raises(ValueError, match="at least one row"):
        alexnet.draw_filters({})


def test_gains_have_the_lengths_they_are_given():
    gains = {"two GPUs": (1.7, 1.2), "LRN": (1.4, 1.2), "pooling": (0.4, 0.3)}
    ax = alexnet.draw_gains(gains)
    assert [bar.get_width() for bar in ax.patches] == [1.7, 1.4, 0.4, 1.2, 1.2, 0.3]
    assert [t.get_text() for t in ax.texts] == ["1.7", "1.4", "0.4", "1.2", "1.2", "0.3"]
    assert [t.get_text() for t in ax.get_yticklabels()] == list(gains)
    assert show(ax, alt="gains").alt == "gains"
    with pytest.raises(ValueError, match="at least one idea"):
        alexnet.draw_gains({})
    with pytest.raises(ValueError, match="two numbers >= 0"):
        alexnet.draw_gains({"LRN": (1.4,)})
