"""The frame and the small parts that every diagram is made of."""

import math
import xml.etree.ElementTree as ET

import pytest

from course_utils.drawing import svg


def test_a_frame_is_an_accessible_image_that_scales():
    diagram = svg.frame("<g/>", height=300, alt='5 < 6 & "so on"', kind="cnn-test", css=".a{}")
    root = ET.fromstring(diagram.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == '5 < 6 & "so on"'
    assert root.get("viewBox") == "0 0 1000 300"
    assert "width:100%" in root.get("style")
    assert root.get("class").split() == ["cnn-diagram", "cnn-test"]


def test_a_diagram_shows_its_picture_and_reads_as_its_text():
    diagram = svg.Diagram("<svg/>", "13 arrows")
    assert diagram._repr_html_() == "<svg/>"
    assert repr(diagram) == "13 arrows"


@pytest.mark.parametrize(
    ("value", "text"), [(3, "3"), (3.0, "3"), (3.04, "3"), (3.06, "3.1"), (-2.5, "-2.5")]
)
def test_coordinates_are_short(value, text):
    assert svg.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (5_000, "5,000"),
        (999_999, "999,999"),
        (1_000_000, "1.0 million"),
        (724_400_000, "724.4 million"),
        (999_949_999, "999.9 million"),
        (999_950_000, "1.00 billion"),
        (999_999_999, "1.00 billion"),
        (1_000_000_000, "1.00 billion"),
        (15_470_264_320, "15.47 billion"),
        (999_994_000_000, "999.99 billion"),
        (999_999_000_000, "1.00 trillion"),
        (1_234_560_000_000_000, "1234.56 trillion"),
    ],
)
def test_large_numbers_change_their_word_where_rounding_does(value, text):
    assert svg.large_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999_999, "999,999"),
        (1_000_000, "1 million"),
        (102_760_448, "103 million"),
        (999_499_999, "999 million"),
        (999_500_001, "1 billion"),
        (1_849_688_064, "1.85 billion"),
        (999_600_000_000, "1 trillion"),
    ],
)
def test_large_numbers_with_three_digits(value, text):
    assert svg.large_number(value, 3) == text


@pytest.mark.parametrize(
    ("part", "total", "text"),
    [(0, 5, "0 %"), (5, 5, "100 %"), (1, 10_000, "< 0.1 %"), (9_999, 10_000, "99.9 %"),
     (1, 4, "25.0 %"), (0, 0, "0 %")],
)  # fmt: skip
def test_a_share_never_says_nothing_or_all_of_what_is_only_nearly_that(part, total, text):
    assert svg.share(part, total) == text


def test_text_is_placed_and_styled():
    element = ET.fromstring(
        svg.text(3, 4.25, "x", 15, anchor="end", bold=True, fill="#000000", classes="k")
    )
    assert element.attrib == {
        "x": "3",
        "y": "4.2",
        "font-size": "15",
        "text-anchor": "end",
        "font-weight": "700",
        "fill": "#000000",
        "class": "k",
    }


def test_a_subscript_stays_legible():
    element = ET.fromstring(svg.text(0, 0, svg.indexed("x", 12, 16), 16))
    assert element.text == "x" and element[0].text == "12"
    assert float(element[0].get("font-size")) >= 0.85 * 16


def test_an_arrow_ends_at_its_tip_with_two_equal_barbs():
    path = svg.arrow(0, 0, 30, 40, 10)
    points = [
        tuple(map(float, point.split())) for point in path.replace("M", "L").split("L") if point
    ]
    tail, tip, barb, tip_again, other = points
    assert tail == (0, 0) and tip == tip_again == (30, 40)
    assert math.dist(tip, barb) == pytest.approx(10, abs=0.1)
    assert math.dist(tip, other) == pytest.approx(10, abs=0.1)


def test_a_line_between_units_stops_before_them():
    assert svg.between((0, 0), (0, 10), 2) == (0, 2, 0, 8)
