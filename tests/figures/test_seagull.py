"""Scenes, maps and curves: what is drawn is what was given."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib import pyplot as plt

from course_utils.datasets import scenes
from course_utils.drawing.plots import show
from course_utils.lessons.pooling_invariance import gull_figures as seagull

SPACE = "{http://www.w3.org/2000/svg}"
LINK = f"{SPACE}image"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def made_look(probability=0.8):
    evidence = np.zeros((8, 8))
    evidence[2, 5], evidence[6, 1] = 3.0, -1.5
    return seagull.Look(np.eye(32), np.eye(16), evidence, 2.25, probability)


def decoded(address):
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return plt.imread(io.BytesIO(data))[..., :3]


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 3, 3), (32, 32, 3)])
def test_a_png_holds_the_pixels_it_was_given(shape):
    pixels = np.random.RandomState(0).uniform(-0.2, 1.2, shape)
    back = decoded(seagull.png(pixels))
    np.testing.assert_allclose(back, pixels.clip(0, 1), atol=0.5 / 255 + 1e-6)


def test_a_ramp_is_white_at_zero_and_coloured_by_sign():
    colours = seagull.ramp(np.array([[0.0, 2.0, -2.0, 1.0]]), "#0000FF", "#FF0000")
    np.testing.assert_allclose(colours[0], [[1, 1, 1], [0, 0, 1], [1, 0, 0], [0.5, 0.5, 1]])
    assert (seagull.ramp(np.zeros((2, 2)), "#0000FF") == 1).all()


def test_the_diagram_shows_scene_maps_and_verdict():
    image = scenes.draw(scenes.sample(1, seed=1))[0]
    diagram = seagull.seagull_diagram(image, made_look(), gull=(12, 20))
    root = ET.fromstring(diagram.svg)
    pictures = [decoded(node.get("href")) for node in root.iter(LINK)]
    assert [p.shape for p in pictures] == [(32, 32, 3), (32, 32, 3), (16, 16, 3), (8, 8, 3)]
    np.testing.assert_allclose(pictures[0], image.transpose(1, 2, 0), atol=0.003)
    assert pictures[3][2, 5, 0] < 0.2 and (pictures[3][0] == 1).all()
    (place,) = [r for r in root.iter(f"{SPACE}rect") if r.get("class") == "place"]
    assert float(place.get("x")) == pytest.approx(762 + 5 * 226 / 8, abs=0.1)
    (bar,) = [r for r in root.iter(f"{SPACE}rect") if r.get("class") == "bar"]
    assert float(bar.get("width")) == pytest.approx(0.8 * 476, abs=0.1)
    assert diagram.alt == (
        "A gull at (12, 20). The evidence is strongest in column 6, row 3 of 8 × 8. Global pooling "
        "leaves +2.2: probability of a gull 80 %."
    )
    assert root.get("aria-label") == diagram.alt


@pytest.mark.parametrize(
    ("probability", "text"), [(0.002, "under 1 %"), (0.5, "50 %"), (0.996, "over 99 %")]
)
def test_no_probability_is_written_as_certain(probability, text):
    assert seagull.percent(probability) == text
    diagram = seagull.seagull_diagram(np.zeros((3, 32, 32)), made_look(probability))
    assert text in diagram.alt and text in diagram.svg
    assert diagram.alt.startswith("A beach without a gull")


@pytest.mark.parametrize("probability", [0.02, 0.32, 0.49])
def test_a_dark_percentage_stands_beside_its_dark_bar(probability):
    root = ET.fromstring(seagull.seagull_diagram(np.zeros((3, 32, 32)), made_look(probability)).svg)
    (bar,) = [r for r in root.iter(f"{SPACE}rect") if r.get("class") == "bar"]
    (label,) = [t for t in root.iter(f"{SPACE}text") if (t.text or "").endswith(" %")]
    assert float(label.get("x")) > float(bar.get("x")) + float(bar.get("width"))


@pytest.mark.parametrize("gull", [(6, 25), (16, 13), None])
def test_a_ring_shows_where_the_gull_is_and_is_not_in_the_scene(gull):
    root = ET.fromstring(seagull.seagull_diagram(np.zeros((3, 32, 32)), made_look(), gull=gull).svg)
    rings = [c for c in root.iter(f"{SPACE}circle") if c.get("class") == "gull"]
    centres = [(float(c.get("cx")), float(c.get("cy"))) for c in rings]
    places = (
        [] if gull is None else [(12 + (gull[0] + 0.5) * 226 / 32, 46 + (gull[1] + 0.5) * 226 / 32)]
    )
    np.testing.assert_allclose(centres, places, atol=0.1)
    assert (decoded(next(root.iter(LINK)).get("href")) == 0).all()


@pytest.mark.parametrize(("value", "text"), [(1.04, "+1.0"), (-2.5, "−2.5"), (0.01, "0.0")])
def test_scores_carry_their_sign(value, text):
    assert seagull.signed(value) == text


def test_scenes_stand_in_a_grid():
    images = scenes.draw(scenes.sample(5, seed=1))
    axes = seagull.draw_scenes(images, columns=3, titles=list("ABCDE"))
    assert [ax.get_title(loc="center") for ax in axes] == list("ABCDE")
    np.testing.assert_allclose(axes[4].images[0].get_array(), images[4].transpose(1, 2, 0))
    visible = [ax for ax in axes[0].figure.axes if ax.get_visible()]
    assert visible == axes
    assert show(axes[0], alt="five scenes").alt == "five scenes"


def test_evidence_stands_below_its_scene_with_its_strongest_place_framed():
    images = scenes.draw(scenes.sample(2, seed=1))
    evidence = np.zeros((2, 8, 8))
    evidence[0, 1, 6], evidence[1, 7, 0] = 2, 1
    axes = seagull.draw_evidence(images, evidence)
    assert len(axes) == 4
    frames = [ax.patches[0].get_xy() for ax in axes[2:]]
    assert frames == [(5.5, 0.5), (-0.5, 6.5)]
    colours = [ax.images[0].get_array() for ax in axes[2:]]
    assert colours[0][1, 6].sum() < colours[1][7, 0].sum() < 3  # one scale for both


def test_shares_and_curves_are_drawn_as_given():
    ax = seagull.draw_shares({"one": 0.9, "two": 0.35}, chance=1 / 3)
    assert [bar.get_width() for bar in ax.patches] == [0.9, 0.35]
    assert {"90 %", "35 %", "guessing: 33 %"} <= {text.get_text() for text in ax.texts}
    ax = seagull.draw_shifts([0, 1, 2], {"a": [1, 2, 3], "b": [3, 2, 1]}, ylabel="score")
    assert [list(line.get_ydata()) for line in ax.lines] == [[1, 2, 3], [3, 2, 1]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: seagull.png(np.zeros((2, 2))), "pixels must have shape (H, W, 3)"),
        (lambda: seagull.png(np.full((1, 1, 3), np.nan)), "pixels must be finite"),
        (
            lambda: seagull.seagull_diagram(np.zeros((32, 32)), made_look()),
            "image must have shape (3, H, W), got (32, 32)",
        ),
        (
            lambda: seagull.seagull_diagram(np.zeros((3, 8, 8)), made_look(1.2)),
            "probability must lie between 0 and 1, got 1.2",
        ),
        (lambda: seagull.draw_scenes(np.zeros((3, 8, 8))), "images must have shape (N, 3, H, W)"),
        (
            lambda: seagull.draw_scenes(np.zeros((2, 3, 8, 8)), titles=["one"]),
            "titles must hold 2 strings, got 1",
        ),
        (
            lambda: seagull.draw_scenes(np.zeros((2, 3, 8, 8)), columns=0),
            "columns must be an integer >= 1, got 0",
        ),
        (
            lambda: seagull.draw_evidence(np.zeros((2, 3, 8, 8)), np.zeros((3, 8, 8))),
            "evidence must have shape (N, h, w) with N = 2",
        ),
        (lambda: seagull.draw_shares({"a": 1.5}, chance=0.5), "a must be a share from 0 to 1"),
        (
            lambda: seagull.draw_shifts([0, 1], {"a": [1]}, ylabel="y"),
            "a must hold 2 values, got 1",
        ),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
