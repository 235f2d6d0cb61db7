"""The two paths, the meter's table and rows of maps: what is drawn is what was given."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course_utils.drawing import style
from course_utils.lessons.equivariance.figures import (
    directions,
    map_rows,
    meter_table,
    reading,
    two_paths,
)
from course_utils.lessons.equivariance.layers import both_paths, picture

SVG = "{http://www.w3.org/2000/svg}"
CONV = ("conv 3×3", "zero padding")


def drawn_cells(group):
    """Cell by cell, the colour of a drawn map: {(row, column): colour}."""
    cells = {}
    for path in group.iter(f"{SVG}path"):
        for column, row, run in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path.get("d")):
            for step in range(int(run)):
                place = int(row), int(column) + step
                assert place not in cells, "a cell is drawn twice"
                cells[place] = path.get("fill")
    return cells


def maps(diagram):
    root = ET.fromstring(diagram.svg)
    return [drawn_cells(g) for g in root.iter(f"{SVG}g") if g.get("class") == "map"]


def strength(colour):
    return 255 * 3 - sum(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def is_green(colour):
    red, green, _ = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return green > red


@pytest.mark.parametrize("layer", ["circular", "zeros", "strided", "pooled", "dense"])
@pytest.mark.parametrize("name", ["digit", "gull"])
def test_each_map_shows_its_values(layer, name):
    paths = both_paths(picture(name), layer, 3, -2)
    drawn = maps(two_paths(paths, dx=3, dy=-2, layer=CONV))
    values = [paths.x, paths.shifted, paths.mapped, paths.there, paths.here]
    gap = paths.there - paths.here
    assert len(drawn) == 6
    for cells, array in zip(drawn, [*values, gap], strict=True):
        assert all(array[place] != 0 for place in cells)
    for cells, array in zip(drawn[2:5], values[2:], strict=True):
        assert all(is_green(colour) == (array[place] > 0) for place, colour in cells.items())
    for cells, array in zip(drawn[:5], values, strict=True):
        by_size = sorted(cells, key=lambda place: abs(array[place]))
        shades = [strength(cells[place]) for place in by_size if array[place] > 0]
        assert shades == sorted(shades)
    # In the difference nothing that differs may be too faint to be seen.
    assert set(drawn[5]) == {(int(i), int(j)) for i, j in np.argwhere(gap)}
    assert all(strength(colour) > 100 for colour in drawn[5].values())


def test_equal_and_different_paths_are_told_apart_in_words_and_signs():
    same = two_paths(both_paths(picture("gull"), "circular", 3, 2), dx=3, dy=2, layer=CONV)
    assert "agree in all 256 cells, relative error 0." in same.alt
    assert "error 0<" in same.svg and ">=<" in same.svg and "≠" not in same.svg
    paths = both_paths(picture("gull"), "zeros", 3, 2)
    other = two_paths(paths, dx=3, dy=2, layer=CONV)
    assert f"differ in {paths.differ.sum()} of 256 cells" in other.alt
    assert f"error {paths.error:.3f}<" in other.svg and "≠" in other.svg


def test_the_output_has_a_shift_of_its_own_where_the_stride_is_two():
    svg = two_paths(both_paths(picture("gull"), "strided", 4, 2), dx=4, dy=2, layer=CONV).svg
    assert "T\u2032 f(x)" in svg and "2 right" in svg and "1 down" in svg and "8 × 8" in svg
    svg = two_paths(both_paths(picture("gull"), "zeros", 4, 2), dx=4, dy=2, layer=CONV).svg
    assert "T f(x)" in svg and "\u2032" not in svg


def test_dashed_lines_stand_where_the_border_went():
    def seams(dx, dy):
        paths = both_paths(picture("gull"), "circular", dx, dy)
        root = ET.fromstring(two_paths(paths, dx=dx, dy=dy, layer=CONV).svg)
        return [p.get("d") for p in root.iter(f"{SVG}path") if p.get("class") == "seam"]

    assert seams(0, 0) == []
    assert [d.count("M") for d in seams(2, 0)] == [1, 1]
    assert [d.count("M") for d in seams(2, -1)] == [2, 2]
    assert seams(4, 0)[0].startswith("M332.5 ")  # a quarter of 146 from the map's left edge, 296


def test_words_for_shifts_and_readings():
    assert directions(3, 2) == ("3 right", "2 down")
    assert directions(-1, -4) == ("1 left", "4 up")
    assert directions(0, 0) == ("by 0",)
    assert [reading(e) for e in (0, 9.9e-6, 1.1e-5, 0.126)] == ["0", "0", "0.000", "0.126"]
    assert [reading(e, 1, spread="0.1") for e in (0, 0.126)] == ["0", "0.1 ± 0.1"]


def test_the_table_shows_every_reading_and_marks_zeros_not_by_colour_alone():
    rows = {"conv <a>": [0, 3e-7, 1.234], "dense": [1.4142, None, 0.05]}
    diagram = meter_table(["shift 1", "shift 2", "turn"], rows, spread="0.1")
    root = ET.fromstring(diagram.svg)
    texts = [(t.text, t.get("font-weight")) for t in root.iter(f"{SVG}text")]
    assert [t for t, _ in texts[-8:]] == [
        "conv <a>",
        "0",
        "0",
        "1.2 ± 0.1",
        "dense",
        "1.4 ± 0.1",
        "?",
        "0.1 ± 0.1",
    ]
    assert all((weight == "700") == (content == "0") for content, weight in texts[-8:])
    assert diagram.alt == (
        "Relative error of equivariance. conv <a>: shift 1 0, shift 2 0, turn 1.2 ± 0.1; "
        "dense: shift 1 1.4 ± 0.1, shift 2 ?, turn 0.1 ± 0.1."
    )
    fills = [r.get("fill") for r in root.iter(f"{SVG}rect")][1:]
    assert fills[0] == fills[1] != fills[2] == fills[3] == fills[5] != fills[4]


def test_rows_of_maps():
    x = picture("digit")
    stack = np.stack([x, -x, 2 * x])
    diagram = map_rows({"x": (x, stack), "T x": (x.T, stack)}, names=["a", "b", "c"], alt="three")
    drawn = maps(diagram)
    assert len(drawn) == 8 and diagram.alt == "three"
    assert all(is_green(c) for c in drawn[1].values())
    assert not any(is_green(c) for c in drawn[2].values())
    assert sum(map(strength, drawn[3].values())) > sum(map(strength, drawn[1].values()))


def test_a_map_of_zeros_is_paper():
    zeros = np.zeros((4, 4))
    assert maps(map_rows({"x": (zeros, zeros[None])}, names=["a"], alt="none")) == [{}, {}]


PATHS = both_paths(picture("digit"), "circular", 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: two_paths(PATHS, dx=1, dy=0, layer=()), "layer must be one or two lines, got ()"),
        (lambda: two_paths(PATHS, dx=1, dy=0, layer="conv"), "layer must be one or two lines"),
        (lambda: meter_table([], {"a": []}, spread="1"), "got 1 rows, 0 columns"),
        (lambda: meter_table(["s"], {}, spread="1"), "got 0 rows, 1 columns"),
        (
            lambda: meter_table(["s"], {"a": [1, 2]}, spread="1"),
            "row 'a' must have 1 readings, got 2",
        ),
        (lambda: map_rows({}, names=["a"], alt="x"), "at least one picture"),
        (lambda: map_rows({"x": (PATHS.x, [])}, names=["a"], alt="x"), "must have 1 maps, got 0"),
        (
            lambda: map_rows({"x": (PATHS.x, [PATHS.x])}, names=["a"], alt=" "),
            "alt must say what the picture shows, got ' '",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


@pytest.mark.parametrize("mode", [style.study, style.present])
def test_text_is_large_enough_and_inside(mode):
    mode()
    try:
        diagrams = [
            two_paths(both_paths(picture("gull"), "zeros", -4, 4), dx=-4, dy=4, layer=CONV),
            meter_table(
                ["shift 1", "shift 2", "turn 90°", "enlarge ×2"], {"a": [0.7] * 4}, spread="0.1"
            ),
            meter_table(["s"] * 4, {f"row {i}": [1.0] * 4 for i in range(10)}, spread="0.1"),
            map_rows({"x": (PATHS.x, PATHS.x[None])}, names=["a"], alt="x"),
        ]
        for diagram in diagrams:
            root = ET.fromstring(diagram.svg)
            height = float(root.get("viewBox").split()[3])
            for element in root.iter(f"{SVG}text"):
                assert float(element.get("font-size")) >= 12, element.text
                assert 12 <= float(element.get("y")) <= height - 2, element.text
                assert 0 <= float(element.get("x")) <= 1000
    finally:
        style.study()


def test_two_processes_draw_the_same_bytes():
    code = (
        "from course_utils.lessons.equivariance.layers import both_paths, picture; import sys; "
        "from course_utils.lessons.equivariance.figures import two_paths; "
        "paths = both_paths(picture('gull'), 'dense', 3, 1); "
        "sys.stdout.write(two_paths(paths, dx=3, dy=1, layer=('dense',)).svg)"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2")
    }
    here = two_paths(both_paths(picture("gull"), "dense", 3, 1), dx=3, dy=1, layer=("dense",))
    assert runs == {here.svg.encode()}
