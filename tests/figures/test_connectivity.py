"""The arrows of a layer and its matrix: the picture holds exactly what the layer does."""

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from course_utils import geometry
from course_utils.drawing import style
from course_utils.lessons.sparse_connectivity.figures import connections, edge_diagram, neighbours

SVG = "{http://www.w3.org/2000/svg}"
GRID = [
    {"n": n, "kernel": k, "stride": s, "padding": p, "dilation": d}
    for n, k, s, p, d in itertools.product(
        (3, 5, 8, 12), (1, 2, 3, 5, 7), (1, 2, 4), (0, 1, 3), (1, 2, 3)
    )
    if d * (k - 1) + 1 <= n + 2 * p
]


def has(element, name):
    return name in element.get("class", "").split()


def drawn(diagram):
    """The pairs (input, output) drawn as arrows and those filled in the matrix."""
    root = ET.fromstring(diagram.svg)

    def pairs(elements):
        found = []
        for element in elements:
            (name,) = re.findall(r"\bh(\d+-\d+)\b", element.get("class"))
            output, unit = name.split("-")
            found.append((int(unit) - 1, int(output) - 1))
        return sorted(found)

    arrows = pairs(e for e in root.iter(f"{SVG}g") if has(e, "e"))
    cells = pairs(e for e in root.iter(f"{SVG}rect") if has(e, "c"))
    return root, arrows, cells


def test_arrows_and_matrix_hold_the_edges_and_nothing_else():
    for arguments in GRID:
        expected = sorted(geometry.edges(**arguments))
        diagram = edge_diagram(**arguments)
        root, arrows, cells = drawn(diagram)
        assert arrows == cells == expected, arguments
        n, m = arguments["n"], geometry.output_size(**arguments)
        zeros = [e for e in root.iter(f"{SVG}rect") if has(e, "z")]
        assert len(zeros) == n * m - len(expected), arguments
        assert f"{len(expected)} arrow" in diagram.alt
        assert f"{n} inputs" in diagram.alt


def test_dense_draws_every_arrow_between_the_same_units():
    for arguments in GRID[::7]:
        diagram = edge_diagram(**arguments, dense=True)
        root, arrows, cells = drawn(diagram)
        n, m = arguments["n"], geometry.output_size(**arguments)
        assert arrows == cells == sorted(itertools.product(range(n), range(m)))
        assert not any(has(e, "lost") for e in root.iter())


def test_the_lecture_counts():
    assert len(connections(5, 3, padding=1).pairs) == 13
    assert len(connections(5, 3, padding=1, dense=True).pairs) == 25


def test_arrows_and_lost_arrows_are_all_that_the_kernel_reaches():
    for arguments in GRID:
        wiring = connections(**arguments)
        m = geometry.output_size(**arguments)
        assert len(wiring.pairs) + len(wiring.lost) == arguments["kernel"] * m
        assert all(not 0 <= position < arguments["n"] for position, _ in wiring.lost)


@pytest.mark.parametrize("side", ["outputs", "inputs"])
def test_the_chosen_unit_lights_its_arrows_its_neighbours_and_its_line_of_the_matrix(side):
    diagram = edge_diagram(5, 3, padding=1, side=side, unit=2)
    root, _, _ = drawn(diagram)
    lit = [e for e in root.iter() if has(e, "on")]
    arrows = [e for e in lit if has(e, "e")]
    units = [e for e in lit if has(e, "u")]
    cells = [e for e in lit if e.tag == f"{SVG}rect"]
    assert (len(arrows), len(units), len(cells)) == (3, 4, 5)
    mine = "ms2" if side == "outputs" else "mx2"
    assert all(has(e, mine) for e in arrows + cells)
    expected = "s2 reads x1, x2, x3." if side == "outputs" else "x2 feeds s1, s2, s3."
    assert diagram.alt.endswith(expected)


def test_pointing_works_by_rules_that_name_every_unit_and_arrow():
    diagram = edge_diagram(5, 3, padding=1)
    root = ET.fromstring(diagram.svg)
    rules = root.find(f"{SVG}style").text
    for name in [f"s{j}" for j in range(1, 6)] + [f"x{i}" for i in range(1, 6)]:
        assert f".cnn-edges:has(.h{name}:hover) .m{name}" in rules
        assert any(has(e, f"h{name}") for e in root.iter())
        assert any(has(e, f"m{name}") for e in root.iter())
    for i, j in geometry.edges(5, 3, padding=1):
        assert f".cnn-edges:has(.h{j + 1}-{i + 1}:hover) .m{j + 1}-{i + 1}" in rules
    # Every rule is scoped to one picture, and there is no id to clash with another one.
    assert all(".cnn-edges" in rule for rule in rules.split("}") if rule)
    assert not any(e.get("id") for e in root.iter())


def test_tooltips_say_the_arithmetic():
    diagram = edge_diagram(5, 3, padding=1)
    titles = [e.text for e in ET.fromstring(diagram.svg).iter(f"{SVG}title")]
    assert "s3 = w3,2\u00b7x2 + w3,3\u00b7x3 + w3,4\u00b7x4" in titles
    assert "x1 feeds s1, s2" in titles
    assert "x2 to s3, weight w3,2" in titles
    assert titles.count("a zero of the padding") == 2


def test_a_unit_that_reads_zeros_only_is_said_to():
    wiring = connections(3, 1, padding=1)
    assert neighbours(wiring, "s", 0) == "s1 reads zeros of the padding only."
    assert neighbours(connections(5, 1, stride=4), "x", 1) == "x2 feeds no output."


@pytest.mark.parametrize("mode", [style.study, style.present])
def test_text_is_never_smaller_than_12_pixels_on_a_slide(mode):
    """A slide of 1280 x 720 shows the 1000 units of the view box 1000 pixels wide or more."""
    mode()
    try:
        for arguments in GRID:
            root = ET.fromstring(edge_diagram(**arguments).svg)
            sizes = [float(e.get("font-size")) for e in root.iter() if e.get("font-size")]
            assert min(sizes) >= 12, arguments
    finally:
        style.study()


def test_everything_stays_inside_the_picture():
    for arguments in GRID:
        root = ET.fromstring(edge_diagram(**arguments).svg)
        for circle in root.iter(f"{SVG}circle"):
            x, r = float(circle.get("cx")), float(circle.get("r"))
            assert x - r > 90 and x + r < 660, arguments  # right of the labels, left of the matrix
        for rect in list(root.iter(f"{SVG}rect"))[1:]:
            assert float(rect.get("x")) + float(rect.get("width")) <= 1000
            assert float(rect.get("y")) + float(rect.get("height")) <= 372


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 5, "side": "middle"}, "side must be 'outputs' or 'inputs', got 'middle'"),
        ({"n": 5, "unit": 4}, "unit must be an integer from 1 to 3 (the outputs), got 4"),
        ({"n": 5, "unit": 0}, "unit must be an integer from 1 to 3 (the outputs), got 0"),
        ({"n": 5, "side": "inputs", "unit": 6}, "from 1 to 5 (the inputs), got 6"),
        ({"n": 3, "kernel": 4}, "kernel 4 is larger than the padded input"),
    ],
)
def test_what_is_not_there_is_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        edge_diagram(**arguments)


def test_two_processes_draw_the_same_bytes():
    code = (
        "from course_utils.lessons.sparse_connectivity.figures import edge_diagram; import sys; "
        "sys.stdout.write(edge_diagram(7, 3, padding=1, unit=2).svg)"
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
    assert runs[0] == runs[1] == edge_diagram(7, 3, padding=1, unit=2).svg.encode()
