"""The pyramid holds exactly the cone, and the map shows exactly the values."""

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from course_utils import geometry
from course_utils.drawing import style
from course_utils.lessons.sparse_connectivity.field_figures import draw_effective_field, pyramid

SVG = "{http://www.w3.org/2000/svg}"
PLAIN = [(3, 1, 1, 1)] * 3
STACKS = [
    [(k, s, d * (k - 1) // 2, d)] * depth
    for depth, k, s, d in itertools.product((1, 3, 5), (1, 2, 3, 5), (1, 2), (1, 2))
    if not (depth == 5 and k == 2 and s == 2)  # its fifth kernel no longer fits
] + [[(3, 2, 1, 1), (3, 1, 0, 2), (2, 2, 0, 1)], [(1, 1, 2, 1), (1, 1, 0, 1)]]


def has(element, name):
    return name in element.get("class", "").split()


def test_the_lit_units_are_the_cone():
    for stack in STACKS:
        sizes = geometry.layer_sizes(21, stack)
        for level in range(1, len(stack) + 1):
            for unit in {1, (sizes[level] + 1) // 2, sizes[level]}:
                root = ET.fromstring(pyramid(21, stack, level=level, unit=unit).svg)
                units = [e for e in root.iter(f"{SVG}g") if has(e, "u")]
                assert len(units) == sum(sizes)
                lit, start = [], 0
                for size in sizes:
                    row = units[start : start + size]
                    lit.append(tuple(k for k, e in enumerate(row) if has(e, "on")))
                    start += size
                cone = geometry.cone(unit - 1, stack, 21, level=level)
                assert lit == cone + [()] * (len(stack) - level), (stack, level, unit)
                (top,) = [e for e in units if has(e, "top")]
                assert has(top, "on")


def test_pointing_at_any_unit_shows_what_it_sees():
    for stack in STACKS:
        root = ET.fromstring(pyramid(21, stack).svg)
        units = [e for e in root.iter(f"{SVG}g") if has(e, "u")]
        sizes = geometry.layer_sizes(21, stack)
        numbered = [(row, k) for row, size in enumerate(sizes) for k in range(size)]
        for (row, k), unit in zip(numbered, units, strict=True):
            inputs = geometry.cone(k, stack, 21, level=row)[0]
            title = unit.find(f"{SVG}title").text
            if not inputs:
                assert title.endswith("sees padding only")
                continue
            numbers = [int(x) for x in re.findall(r"x(\d+)", title)]
            assert (numbers[0], numbers[-1]) == (inputs[0] + 1, inputs[-1] + 1)
            skipping = re.search(r"sees (\d+) of", title)
            seen = int(skipping[1]) if skipping else numbers[-1] - numbers[0] + 1
            assert seen == len(inputs), (stack, row, k)
            assert (unit.find(f"{SVG}g") is not None) == (row > 0)


def test_the_rays_are_the_arrows_inside_the_cone():
    root = ET.fromstring(pyramid(21, PLAIN, unit=11).svg)
    (rays,) = [e for e in root.iter(f"{SVG}path") if has(e, "rays")]
    assert rays.get("d").count("M") == 3 + 9 + 15
    (links,) = [e for e in root.iter(f"{SVG}path") if has(e, "links")]
    assert links.get("d").count("M") == 3 * geometry.edge_count(21, 3, 1, 1)


def test_the_sizes_stand_beside_the_layers_and_in_the_text():
    stack = [(3, 2, 1, 1), (3, 1, 1, 1), (3, 2, 1, 1)]
    diagram = pyramid(21, stack, level=2, unit=4)
    fields = geometry.receptive_fields(stack)
    words = [e.text for e in ET.fromstring(diagram.svg).iter(f"{SVG}text")]
    numbers = [int(word) for word in words if word and word.isdigit()]
    assert numbers[:6] == [x for field in fields for x in (field.size, field.jump)]
    assert words.count("stride 2") == 2
    assert diagram.alt == (
        "Pyramid of 3 layers over 21 inputs. Unit 4 of layer 2 has a receptive field of 7; "
        "sees x4…x10. Receptive fields from layer 1 upwards: 3, 7, 11."
    )


def test_each_unit_stands_above_the_middle_of_what_it_reads():
    stack = [(3, 2, 1, 1), (5, 1, 2, 1)]
    root = ET.fromstring(pyramid(21, stack).svg)
    x = [float(e.get("cx")) for e in root.iter(f"{SVG}circle")]
    sizes = geometry.layer_sizes(21, stack)
    inputs, first, second = x[:21], x[21 : 21 + sizes[1]], x[21 + sizes[1] :]
    for unit in range(1, sizes[1] - 1):
        assert first[unit] == pytest.approx(inputs[2 * unit], abs=0.1)
    assert second == pytest.approx(first, abs=0.1)


@pytest.mark.parametrize("mode", [style.study, style.present])
def test_text_is_never_smaller_than_12_pixels_on_a_slide(mode):
    mode()
    try:
        for stack in STACKS:
            root = ET.fromstring(pyramid(21, stack).svg)
            assert min(float(e.get("font-size")) for e in root.iter(f"{SVG}text")) >= 12
    finally:
        style.study()


def test_the_mode_in_force_decides_the_text_even_for_a_picture_drawn_before():
    first = pyramid(21, PLAIN).svg
    style.present()
    larger = pyramid(21, PLAIN).svg
    style.study()
    assert pyramid(21, PLAIN).svg == first != larger


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": 4}, "level must be an integer from 0 to 3, got 4"),
        ({"unit": 22}, "unit must be an integer from 1 to 21 (the units of layer 3), got 22"),
        ({"layers": [(9, 1, 0, 1)], "n": 5}, "layers[0]: kernel 9 is larger than the padded input"),
    ],
)
def test_what_is_not_there_is_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        pyramid(**({"n": 21, "layers": PLAIN} | arguments))


def test_two_processes_draw_the_same_bytes():
    code = (
        "from course_utils.lessons.sparse_connectivity.field_figures import pyramid; import sys; "
        "sys.stdout.write(pyramid(21, [(3, 2, 1, 1)] * 3, unit=2).svg)"
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
    assert runs[0] == runs[1] == pyramid(21, [(3, 2, 1, 1)] * 3, unit=2).svg.encode()


def test_the_map_shows_the_values_and_the_square_the_theory():
    values = np.linspace(0, 1, 15 * 11).reshape(15, 11)
    ax = draw_effective_field(values, theoretical=(7, 5))
    np.testing.assert_array_equal(ax.images[0].get_array(), values)
    (square,) = ax.patches
    assert square.get_bbox().bounds == (2.5, 3.5, 5, 7)
    assert square.get_label() == "theoretical field, 7 × 5"
    assert ax.images[0].colorbar.ax.get_ylabel() == "mean |gradient|, relative"
    assert ax.images[0].get_cmap().name == style.COLOUR_MAP
    pyplot.close(ax.figure)


def test_the_map_goes_where_it_is_told():
    figure, axes = pyplot.subplots(1, 2)
    assert draw_effective_field(np.eye(4), theoretical=3, centre=(2, 2), ax=axes[1]) is axes[1]
    assert axes[1].patches[0].get_bbox().bounds == (0.5, 0.5, 3, 3)
    assert not axes[0].images
    pyplot.close(figure)


@pytest.mark.parametrize(
    ("values", "theoretical", "message"),
    [
        (np.ones(3), 3, "values must have shape (H, W), got (3,)"),
        (-np.ones((2, 2)), 3, "values must be finite and >= 0, got a range of -1.0 to -1.0"),
        (np.full((2, 2), np.nan), 3, "values must be finite and >= 0"),
        (np.ones((2, 2)), 0, "theoretical must be >= 1 pixel, got 0"),
    ],
)
def test_values_that_are_no_field_are_refused(values, theoretical, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        draw_effective_field(values, theoretical=theoretical)
    pyplot.close("all")
