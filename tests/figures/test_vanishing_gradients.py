"""Waterfall, path and slopes: what is drawn is what was given."""

import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot

from course_utils.drawing import style
from course_utils.lessons.vanishing_gradients.figures import (
    draw_slopes,
    path_chain,
    scientific,
    verdict,
    waterfall,
)

SVG = "{http://www.w3.org/2000/svg}"
FALL = [4e-7 ** (1 - layer / 10) for layer in range(11)]


def bars(diagram):
    root = ET.fromstring(diagram.svg)
    groups = [g for g in root.iter(f"{SVG}g") if g.get("class") == "b"]
    return [(g.find(f"{SVG}title").text, g.find(f"{SVG}rect")) for g in groups]


def ticks(diagram):
    """Decade -> height of its grid line, read off the labels of the axis."""
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    found = {}
    for label in ET.fromstring(diagram.svg).iter(f"{SVG}text"):
        if label.get("text-anchor") == "end" and re.fullmatch(r"10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|1", label.text):
            decade = 0 if label.text == "1" else int(label.text[2:].translate(digits))
            found[decade] = float(label.get("y")) - 5
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (1, "1.0"),
        (0.034, "0.034"),
        (0.0012, "0.0012"),
        (0.00098, "9.8 × 10⁻⁴"),
        (12.3, "12"),
        (9_900, "9,900"),
        (12_345, "1.2 × 10⁴"),
        (4.31e-7, "4.3 × 10⁻⁷"),
        (9.96e-8, "1.0 × 10⁻⁷"),
        (2.2e22, "2.2 × 10²²"),
    ],
)
def test_numbers_for_people(value, expected):
    assert scientific(value) == expected


@given(st.floats(1e-200, 1e200))
def test_what_is_written_is_within_5_percent(value):
    written = scientific(value).replace(",", "")
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    number = re.sub(r" × 10(.+)", lambda m: "e" + m.group(1).translate(digits), written)
    assert float(number) == pytest.approx(value, rel=0.051)


@pytest.mark.parametrize("value", [-1, math.inf, math.nan])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(ValueError, match="value must be finite and >= 0, got"):
        scientific(value)


def test_the_verdict_has_two_limits():
    words = [verdict(v) for v in (0, 9e-4, 1e-3, 1, 1e3, 1.1e3)]
    assert words == ["vanishing"] * 2 + ["alive"] * 3 + ["exploding"]


@pytest.mark.parametrize(
    "values",
    [FALL, [1 / v for v in FALL], [0.5, 0.9, 1.0], [1e-80, 1e-40, 1.0], [3e22, 1e10, 1.0]],
    ids=["vanishing", "exploding", "alive", "tiny", "huge"],
)
def test_each_bar_ends_at_its_value_on_the_axis(values):
    diagram = waterfall({"net": values})
    scale = ticks(diagram)
    (d0, y0), (d1, y1) = min(scale.items()), max(scale.items())
    drawn = bars(diagram)
    assert len(drawn) == len(values)
    places = [float(rect.get("x")) for _, rect in drawn]
    assert places == sorted(places, reverse=True)  # the input stands at the right
    for layer, ((title, rect), value) in enumerate(zip(drawn, values, strict=True)):
        where = f"layer {layer}" if layer else "input x"
        assert title == f"{where}: {scientific(value)}"
        top, height = float(rect.get("y")), float(rect.get("height"))
        end = top + height if value < 1 else top
        expected = y0 + (math.log10(value) - d0) * (y1 - y0) / (d1 - d0)
        assert end == pytest.approx(expected, abs=3.2)  # a bar of no height is 3 high
        fine = style.GOOD if verdict(value) == "alive" else style.BAD
        assert rect.get("stroke") == fine
    assert f"{scientific(values[0])} at the input ({verdict(values[0])})" in diagram.alt
    assert f"Gradient through {len(values) - 1} layers" in diagram.alt


def test_references_are_powers_of_their_factor():
    diagram = waterfall({"net": FALL}, references=(0.25, 0.01))
    scale = ticks(diagram)
    (d0, y0), (d1, y1) = min(scale.items()), max(scale.items())
    root = ET.fromstring(diagram.svg)
    lines = [p.get("d") for p in root.iter(f"{SVG}path") if p.get("class") == "r"]
    columns = [float(r.get("x")) + float(r.get("width")) / 2 for _, r in bars(diagram)]
    for factor, data in zip((0.25, 0.01), lines, strict=True):
        x1, start, x2, end = map(float, re.findall(r"[\d.]+", data))
        passed = (x2 - x1) / (columns[0] - columns[-1]) * (len(FALL) - 1)
        decades = d0 + (end - y0) * (d1 - d0) / (y1 - y0)
        assert decades == pytest.approx(passed * math.log10(factor), abs=0.06)
        assert start == pytest.approx(scale[0], abs=0.1)
    names = [t for t in root.iter(f"{SVG}text") if (t.text or "").endswith("\u207f")]
    assert [t.text for t in names] == ["0.25\u207f", "0.01\u207f"]
    # Above the plot, where neither a bar nor a line can lie under them.
    highest = min(float(rect.get("y")) for _, rect in bars(waterfall({"net": [1e60, 1.0]})))
    assert all(float(t.get("y")) < highest for t in names)
    assert "\u207f" not in waterfall({"net": FALL}).svg  # only where they are asked for


def test_zero_is_drawn_at_the_floor_and_named():
    ((title, rect), *_) = bars(waterfall({"net": [0.0, 0.1, 1.0]}))
    assert title == "input x: 0"
    assert float(rect.get("y")) + float(rect.get("height")) == pytest.approx(346, abs=0.2)


def test_several_series_are_lines_with_marks_and_names():
    rising = [1 / v for v in FALL]
    diagram = waterfall({"a <b>": FALL, "steady": [1.0] * 11, "up": rising}, first=1)
    root = ET.fromstring(diagram.svg)
    marks = [g.find(f"{SVG}title").text for g in root.iter(f"{SVG}g") if g.get("class") == "m"]
    assert len(marks) == 33
    assert marks[0] == "a <b>, layer 1: 4.0 × 10⁻⁷" and marks[10] == "a <b>, layer 11: 1.0"
    assert len([p for p in root.iter(f"{SVG}path") if p.get("class") == "s"]) == 3
    words = ("a <b> vanishing at layer 1", "steady alive at layer 1", "up exploding at layer 1")
    assert all(part in diagram.alt for part in words)
    assert not re.search(r"\d\.\d", diagram.alt)  # numbers differ from draw to draw


def test_the_limit_of_float32_is_marked_where_it_lies_in_the_picture():
    words = "float32 holds nothing smaller"
    assert words in waterfall({"net": [1e-80, 1e-40, 1.0]}).svg
    assert words not in waterfall({"net": FALL}).svg


@pytest.mark.parametrize("mode", [style.study, style.present])
def test_type_is_large_enough_and_everything_stays_inside(mode):
    mode()
    try:
        for values in (FALL, [1e-80, 1e-40, 1.0], [10.0**n for n in range(50, -1, -1)]):
            for diagram in (waterfall({"net": values}), path_chain([(-0.5, 0.25)] * 10)):
                root = ET.fromstring(diagram.svg)
                height = float(root.get("viewBox").split()[3])
                sizes = [float(e.get("font-size")) for e in root.iter() if e.get("font-size")]
                assert min(sizes) >= 12
                for element in root.iter():
                    if element.get("y") and element.get("x"):
                        assert 0 <= float(element.get("x")) <= 1000
                        assert 0 <= float(element.get("y")) <= height
    finally:
        style.study()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: waterfall({}), "series must hold 1 to 3 series, got 0"),
        (lambda: waterfall(dict.fromkeys("abcd", [1, 1])), "must hold 1 to 3 series, got 4"),
        (lambda: waterfall({"a": [1]}), "one length of 2 or more, got [1]"),
        (lambda: waterfall({"a": [1, 1], "b": [1, 1, 1]}), "2 or more, got [2, 3]"),
        (lambda: waterfall({"a": [-1, 1]}), "finite numbers >= 0, got others in 'a'"),
        (lambda: waterfall({"a": [math.nan, 1]}), "finite numbers >= 0, got others in 'a'"),
        (lambda: waterfall({"a": [1, 1]}, references=(1.0,)), "between 0 and 1, got 1.0"),
        (lambda: waterfall({"a": [1, 1]}, references=(0.1,) * 3), "must be at most 2, got 3"),
        (lambda: path_chain([]), "factors must hold 1 to 10 layers, got 0"),
        (lambda: path_chain([(1, 1)] * 11), "factors must hold 1 to 10 layers, got 11"),
        (lambda: path_chain([(math.inf, 1)]), "factors must be finite"),
        (lambda: path_chain([(1, 1)], names=["x"]), "names must hold 2 names, got 1"),
        (lambda: draw_slopes(np.zeros((2, 2)), {"a": np.zeros(2)}), "z must have shape (n,)"),
        (lambda: draw_slopes(np.zeros(3), {}), "with n >= 2 and a slope"),
        (lambda: draw_slopes(np.zeros(3), {"a": np.zeros(2)}), "with shape (3,), got others in"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
    pyplot.close("all")


def test_the_path_shows_every_factor_and_the_running_product():
    factors = [(2.0, 0.25), (-1.5, 0.2), (0.1, 0.001)]
    diagram = path_chain(factors, names=["x", "a", "b", "c"])
    words = [t.text for t in ET.fromstring(diagram.svg).iter(f"{SVG}text")]
    for expected in ("×2.00", "×−1.50", "×0.10", "×0.25", "×0.20", "×0.001", "x", "a", "b", "c"):
        assert expected in words
    assert [w for w in words if w in ("0.50", "−0.15", "−1.5×10⁻⁵")] == [
        "0.50",
        "−0.15",
        "−1.5×10⁻⁵",
    ]
    assert diagram.alt.endswith("Their product: minus 1.5 × 10⁻⁵.")
    assert "weight −1.50 and slope 0.20" in diagram.alt


def test_slopes_are_drawn_as_given():
    z = np.linspace(-2, 2, 5)
    ax = draw_slopes(z, {"one": np.ones(5), "half": np.full(5, 0.5)})
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(lines["one"].get_ydata(), np.ones(5))
    np.testing.assert_array_equal(lines["half"].get_xdata(), z)
    assert lines["one"].get_linestyle() != lines["half"].get_linestyle()
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["one", "half"]
    pyplot.close(ax.figure)


def test_two_processes_draw_the_same_bytes():
    code = (
        "from course_utils.lessons.vanishing_gradients.figures import waterfall; import sys; "
        "sys.stdout.write(waterfall({'a': [1e-9, 0.5, 1], 'b': [1, 1, 1]}).svg)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] and b"<svg" in runs[0]
