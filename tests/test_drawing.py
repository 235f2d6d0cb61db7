"""The palette, the elements that every diagram is made of, and plots with their texts."""

import base64
import io
import itertools
import math
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from course_utils.drawing import plots, style, svg  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


# The palette


def contrast(*colours):
    """WCAG 2.1 contrast ratio of two colours `#RRGGBB`."""
    luminances = []
    for colour in colours:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminances.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def test_text_can_be_read_on_every_ground_and_outlines_stand_out():
    reports = [style.tint(colour, 0.07) for colour in (style.GOOD, style.BAD, style.MUTED)]
    for text, ground in itertools.product((style.INK, style.MUTED), (style.PAPER, *reports)):
        assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast(style.INK, style.tint(style.MUTED, 0.1)) >= 4.5, "code on a quiz card"
    for name in ("INPUT", "OUTPUT", "WEIGHT", "HIGHLIGHT", "BAD", "GOOD"):
        assert contrast(getattr(style, name), style.PAPER) >= 3, name


def test_a_tint_mixes_with_paper():
    mixed = [style.tint(*pair) for pair in (("#000000", 0), ("#D55E00", 1), ("#000000", 0.5))]
    assert mixed == ["#FFFFFF", "#D55E00", "#808080"]


def test_study_gives_matplotlib_the_palette_and_loading_style_loads_no_library():
    style.study()
    cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
    assert set(cycle) == set(style.PALETTE.values()) - {style.PALETTE["yellow"]}
    code = "import sys, course_utils.drawing.style; print({'matplotlib', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Diagrams


def test_a_diagram_is_an_accessible_image_that_scales_and_reads_as_its_text():
    diagram = svg.frame("<g/>", height=300, alt='5 < 6 & "so on"', kind="cnn-test", css=".a{}")
    root = ET.fromstring(diagram._repr_html_())
    assert root.get("role") == "img" and root.get("viewBox") == "0 0 1000 300"
    assert root.get("aria-label") == repr(diagram) == '5 < 6 & "so on"'
    assert "width:100%" in root.get("style")
    assert root.get("class").split() == ["cnn-diagram", "cnn-test"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (svg.rect(1, 2.04, 3.06, -4.5), '<rect x="1" y="2" width="3.1" height="-4.5"/>'),
        (svg.circle(1, 2, 3), '<circle cx="1" cy="2" r="3"/>'),
        (svg.group("a", hover="b < c"), "<g><title>b &lt; c</title>a</g>"),
        (svg.path("M0 0", stroke_width=2), '<path d="M0 0" fill="none" stroke-width="2"/>'),
        (svg.path("M0 0z", fill="red"), '<path d="M0 0z" fill="red"/>'),
        (svg.line(1, 2, 3, 4, stroke=None), '<line x1="1" y1="2" x2="3" y2="4"/>'),
        (svg.group(["<a/>", "<b/>"], class_='"x"'), '<g class="&quot;x&quot;"><a/><b/></g>'),
        (svg.text(3, 4.25, "x", 15), '<text x="3" y="4.2" font-size="15">x</text>'),
    ],
)
def test_elements_are_written_short_and_escaped(made, expected):
    assert made == expected


def test_text_and_box_are_elements_with_a_look():
    look = {"text_anchor": "end", "font_weight": "700", "fill": "#00F", "class_": "k"}
    made = svg.text(0, 0, "x", 9, anchor="end", bold=True, fill="#00F", classes="k")
    assert made == svg.element("text", "x", x=0, y=0, font_size=9, **look)
    look = {"fill": style.tint(style.INPUT, 0.5), "stroke": style.INPUT, "rx": 3, "stroke_width": 4}
    made = svg.box(0, 0, 5, 6, style.INPUT, 0.5, stroke_width=4)
    assert made == svg.rect(0, 0, 5, 6, **look)


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 3, 3), (5, 3)])
def test_a_picture_holds_the_pixels_it_was_given(shape):
    pixels = np.random.RandomState(0).uniform(-0.2, 1.2, shape)
    address = ET.fromstring(svg.picture(0, 0, 10, 10, pixels)).get("href")
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    given = pyplot.imread(io.BytesIO(data))
    np.testing.assert_allclose(given, pixels.clip(0, 1), atol=0.5 / 255 + 1e-6)


def test_an_arrow_ends_at_its_tip_with_two_equal_barbs_and_a_line_stops_before_units():
    points = svg.arrow(0, 0, 30, 40, 10).replace("M", "L").split("L")[1:]
    tail, tip, barb, tip_again, other = [tuple(map(float, point.split())) for point in points]
    assert tail == (0, 0) and tip == tip_again == (30, 40)
    assert math.dist(tip, barb) == pytest.approx(10, abs=0.1)
    assert math.dist(tip, other) == pytest.approx(10, abs=0.1)
    assert math.dist(tail, barb) == pytest.approx(math.dist(tail, other), abs=0.1)
    assert svg.between((0, 0), (30, 40), 5) == (3, 4, 27, 36)


@pytest.mark.parametrize(
    ("value", "words", "three_digits"),
    [
        *((0, "0", "0"), (999_999, "999,999", "999,999"), (10**6, "1.0 million", "1 million")),
        *((102_760_448, "102.8 million", "103 million"), (10**12, "1.00 trillion", "1 trillion")),
        (999_949_999, "999.9 million", "1 billion"),
        (999_950_000, "1.00 billion", "1 billion"),
        (15_470_264_320, "15.47 billion", "15.5 billion"),
        (1_234_560_000_000_000, "1234.56 trillion", "1.23e+03 trillion"),
    ],
)
def test_large_numbers_change_their_word_where_rounding_does(value, words, three_digits):
    assert (svg.large_number(value), svg.large_number(value, 3)) == (words, three_digits)


def test_a_share_never_says_nothing_or_all_of_what_is_only_nearly_that():
    pairs = [(0, 5), (5, 5), (0, 0), (1, 4), (1, 10_000), (9_999, 10_000)]
    shares = ["0 %", "100 %", "0 %", "25.0 %", "< 0.1 %", "99.9 %"]
    assert [svg.share(*pair) for pair in pairs] == shares


def test_a_noun_goes_with_its_count():
    assert [svg.plural(n, "arrow") for n in (0, 1, 2)] == ["0 arrows", "1 arrow", "2 arrows"]


# Plots


def test_a_picture_carries_its_text_at_twice_the_shown_size_and_closes_its_figure():
    figure, ax = pyplot.subplots(figsize=(4, 3), dpi=100)
    picture = plots.show(ax, alt='rising "line" < 2')
    assert repr(picture) == 'rising "line" < 2' and pyplot.get_fignums() == []
    assert 'alt="rising &quot;line&quot; &lt; 2"' in picture._repr_html_()
    assert "width:400px" in picture._repr_html_()
    png = picture._repr_html_().partition("base64,")[2]
    assert struct.unpack(">II", base64.b64decode(png[:32])[16:24]) == (800, 600)
    assert plots.show(figure, alt="line")._repr_html_().endswith(png)


def test_an_image_shows_its_values_with_zero_in_the_middle_of_signed_ones():
    values = np.arange(12.0).reshape(3, 4)
    ax = plots.draw_image(values, title="a map")
    np.testing.assert_array_equal(ax.images[0].get_array(), values)
    assert ax.images[0].get_clim() == (0, 11) and not len(ax.get_xticks())
    assert "a map" in {ax.get_title(loc=place) for place in ("left", "center")}
    signed = plots.draw_image(np.array([[-1.0, 0.0, 3.0]])).images[0]
    assert signed.get_clim() == (-3, 3) and signed.norm(0.0) == 0.5


def test_lines_differ_in_more_than_colour_and_name_themselves():
    series = {"a": [1, 2], "b": ([0, 5], [3, 4]), "_c": (["x", "y"], [1, 1])}
    ax = plots.lines(series, xlabel="epoch", ylabel="error", ylim=(0, 9))
    assert [line.get_xdata().tolist() for line in ax.lines[:2]] == [[1, 2], [0, 5]]
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in ax.lines}
    assert all(len(set(look)) == 3 for look in zip(*looks, strict=True))
    assert [entry.get_text() for entry in ax.get_legend().get_texts()] == ["a", "b"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_ylim()) == ("epoch", "error", (0, 9))
    assert plots.lines({"_": [1]}).get_legend() is None


def test_bars_stand_side_by_side_with_their_numbers_on_top():
    ax = plots.bars(["x", "y"], {"a": [1, 2], "b": [3, 4.5]}, ylabel="%", written="{:g} %".format)
    heights = {round(bar.get_x() + bar.get_width() / 2, 2): bar.get_height() for bar in ax.patches}
    assert heights == {-0.2: 1, 0.8: 2, 0.2: 3, 1.2: 4.5}
    assert [t.get_text() for t in ax.texts] == ["1 %", "2 %", "3 %", "4.5 %"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["x", "y"] and ax.get_legend()
    assert plots.bars(["x"], {"a": [1]}).get_legend() is None
