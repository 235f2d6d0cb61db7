"""The sharing diagram shows its weights; the pictures of the experiment show their numbers."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib import pyplot as plt

from course_utils import geometry, ops
from course_utils.lessons.parameter_sharing.figures import (
    draw_accuracies,
    draw_by_place,
    draw_matrix,
    sharing_diagram,
    signed,
)

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(diagram):
    """The root of the drawing, its matrix {(row, column): text}, its arrows as (x1, x2, title)."""
    root = ET.fromstring(diagram.svg)
    cells, arrows = {}, []
    for group in root.iter(f"{SVG}g"):
        title = group.find(f"{SVG}title").text
        if group.get("class").startswith("c "):
            row, column = re.match(r"row s(\d+), column x(\d+)", title).groups()
            cells[int(row) - 1, int(column) - 1] = group.find(f"{SVG}text").text
        else:
            path = group.find(f"{SVG}path").get("d")
            x1, x2 = re.fullmatch(r"M(\S+) \S+L(\S+) \S+", path).groups()
            arrows.append((float(x1), float(x2), title, group.get("class")))
    return root, cells, arrows


@pytest.mark.parametrize("n", range(3, 10))
@pytest.mark.parametrize("w", [(2, -1, 1), (0, 3, -3)])
def test_the_shared_matrix_is_the_toeplitz_matrix(n, w):
    diagram = sharing_diagram([w] * n, shared=True, x=range(n))
    _, cells, arrows = drawn(diagram)
    matrix = ops.toeplitz(np.array(w), n, padding=1)
    pairs = {(o, i) for i, o in geometry.edges(n, 3, padding=1)}
    assert set(cells) == pairs
    assert {place: text.replace("−", "-") for place, text in cells.items()} == {
        (o, i): str(matrix[o, i]) for o, i in pairs
    }
    assert len(arrows) == len(pairs) == 3 * n - 2
    outputs = ", ".join(signed(int(v)) for v in matrix @ np.arange(n))
    assert diagram.alt.endswith(f"; outputs {outputs}.")
    assert f"{n} inputs, {n} outputs, {3 * n - 2} arrows, 3 weights" in diagram.alt


def test_the_copies_of_a_weight_light_up_together():
    def groups(shared):
        diagram = sharing_diagram(5, shared=shared)
        keys = [c.split()[1] for _, _, _, c in drawn(diagram)[2]]
        return {key: keys.count(key) for key in keys}, diagram.svg

    shared, svg = groups(True)
    assert shared == {"ht1": 4, "ht2": 5, "ht3": 4}
    for key in shared:
        assert f".cnn-sharing:has(.{key}:hover) .m{key[1:]}" in svg
    own, _ = groups(False)
    assert len(own) == 13 and set(own.values()) == {1}


def test_names_follow_row_and_column():
    _, cells, _ = drawn(sharing_diagram(5, shared=False))
    assert cells == {(o, i): f"w{o + 1},{i + 1}" for i, o in geometry.edges(5, 3, padding=1)}
    _, cells, _ = drawn(sharing_diagram(5, shared=True))
    assert cells == {(o, i): f"w{i - o + 2}" for i, o in geometry.edges(5, 3, padding=1)}


def test_copies_have_one_colour_and_one_dash_pattern():
    svg = sharing_diagram([(1, 2, 3)] * 5, shared=True).svg
    styles = re.findall(r'class="l" d="[^"]*" (stroke="[^"]*" stroke-width="[^"]*"[^/]*)/>', svg)
    assert len(styles) == 13
    assert sorted(styles.count(s) for s in set(styles)) == [4, 4, 5]
    dashes = {re.sub(r".*?(stroke-dasharray.*|$)", r"\1", s) for s in styles}
    assert len(dashes) == 3  # told apart without colour
    assert {re.search(r'width="([^"]*)"', s)[1] for s in styles} == {"2.3", "3.4", "4.5"}


def test_only_the_chosen_output_is_coloured_when_nothing_is_shared():
    rows = [(1, 2, 3)] * 5
    svg = sharing_diagram(rows, shared=False, unit=3).svg
    assert svg.count("stroke-dasharray") == 2
    assert sharing_diagram(rows, shared=False).svg.count("stroke-dasharray") == 0


def test_well_formed_readable_and_the_same_every_time():
    for n, shared, unit in itertools.product((3, 5, 9), (True, False), (None, 1, 3)):
        rows = [(2, -3, 1)] * n
        diagram = sharing_diagram(rows, shared=shared, x=[9] * n, unit=unit)
        assert diagram == sharing_diagram(rows, shared=shared, x=[9] * n, unit=unit)
        root = ET.fromstring(diagram.svg)
        assert root.get("role") == "img" and root.get("aria-label") == diagram.alt
        sizes = [float(t.get("font-size")) for t in root.iter(f"{SVG}text")]
        assert min(sizes) >= 12
        for circle in root.iter(f"{SVG}circle"):
            x, r = float(circle.get("cx")), float(circle.get("r"))
            assert x - r > 20 and x + r < 660


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(weights=2, shared=True), "3 to 9 units, got 2"),
        (dict(weights=[(1, 2, 3)] * 10, shared=True), "3 to 9 units, got 10"),
        (dict(weights=[(1, 2)] * 4, shared=True), "three numbers per output"),
        (dict(weights=[(1, 2, 3)] * 3 + [(1, 2, 4)], shared=True), "the same at every output"),
        (dict(weights=4, shared=True, x=[1, 2, 3, 4]), "x must hold 4 values"),
        (dict(weights=[(1, 2, 3)] * 4, shared=True, x=[1]), "x must hold 4 values"),
        (dict(weights=4, shared=False, unit=5), "unit must be an integer from 1 to 4, got 5"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        sharing_diagram(**arguments)


def test_signed():
    assert [signed(v) for v in (-2, 0, 3)] == ["−2", "0", "3"]


# The pictures of the experiment


def test_the_matrix_is_drawn_with_its_blocks():
    matrix = ops.toeplitz(np.arange(1.0, 10).reshape(1, 1, 3, 3), (1, 6, 6))
    ax = draw_matrix(matrix, blocks=(4, 6))
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array().filled(0), matrix)
    assert image.get_array().mask.sum() == 576 - 144
    places = [(tuple(set(li.get_xdata())), tuple(set(li.get_ydata()))) for li in ax.lines]
    rows = [y[0] for x, y in places if len(y) == 1]
    columns = [x[0] for x, y in places if len(x) == 1]
    assert rows == [3.5, 7.5, 11.5] and columns == [5.5, 11.5, 17.5, 23.5, 29.5]
    assert not draw_matrix(matrix).lines
    with pytest.raises(ValueError, match=r"blocks must divide the sides \(16, 36\)"):
        draw_matrix(matrix, blocks=(5, 6))
    with pytest.raises(ValueError, match=r"matrix must have shape \(rows, columns\), got \(3,\)"):
        draw_matrix(np.ones(3))


def test_the_bars_are_the_accuracies():
    results = {"dense": (0.95, 0.15), "conv": (0.97, 0.926)}
    ax = draw_accuracies(results)
    first, second = (container for container in ax.containers)
    assert [b.get_height() for b in first] == pytest.approx([95, 97])
    assert [b.get_height() for b in second] == pytest.approx([15, 92.6])
    assert [t.get_text() for t in ax.texts] == ["95", "97", "15", "93"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["dense", "conv"]
    assert [b.get_hatch() for b in (first[0], second[0])] == ["//", ""]
    for bad in ({}, {"dense": (1.2, 0.5)}):
        with pytest.raises(ValueError, match="results must hold pairs of accuracies from 0 to 1"):
            draw_accuracies(bad)


def test_the_map_marks_the_places_shown():
    values = np.linspace(0, 1, 12).reshape(3, 4)
    ax = draw_by_place(values, [(0, 3), (2, 1)], title="dense")
    np.testing.assert_array_equal(ax.images[0].get_array(), values)
    assert ax.images[0].get_clim() == (0, 1)
    (crosses,) = ax.lines
    assert list(zip(crosses.get_ydata(), crosses.get_xdata(), strict=True)) == [(0, 3), (2, 1)]
    draw_by_place(values, [])
    with pytest.raises(ValueError, match=r"shown must lie within \(3, 4\), got \(3, 0\)"):
        draw_by_place(values, [(3, 0)])
    with pytest.raises(ValueError, match="values from 0 to 1"):
        draw_by_place(values * 2, [])
