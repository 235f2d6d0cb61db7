"""Tie the weights: states of the explorer against NumPy, and what each slider moves."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from course_utils import ops
from course_utils.lessons.parameter_sharing.explorer import (
    INPUTS,
    LAYERS,
    ParameterSharing,
    view,
    weights,
)

VALUES = range(-3, 4)


def outputs(says):
    text = re.search(r"s = \((.*)\)\.$", says)[1]
    return [int(v.replace("−", "-")) for v in text.split(", ")]


def counts(says):
    arrows, weights_, dense = re.match(
        r"(\d+) arrows, (\d+) weights: .* would need (\d+)\. s", says
    ).groups()
    return int(arrows), int(weights_), int(dense)


def test_the_grid_is_the_whole_grid_of_the_controls():
    panel = ParameterSharing()
    for name in ("w1", "w2", "w3"):
        control = getattr(panel, name)
        assert range(control.min, control.max + 1) == VALUES
    assert (panel.n.min, panel.n.max, len(INPUTS)) == (3, 9, 9)


def test_shared_outputs_are_the_convolution_in_every_state():
    for n, *w in itertools.product(range(3, 10), VALUES, VALUES, VALUES):
        says = view(n, LAYERS[0], *w, unit=1).says
        assert outputs(says) == np.correlate(INPUTS[:n], w, "same").tolist()
        assert counts(says) == (3 * n - 2, 3, n * n)
        assert f"w1 and w3 in {n - 1} cells, w2 in {n}." in says


def test_unshared_outputs_are_row_by_row_products():
    for n, w2 in itertools.product(range(3, 10), VALUES):
        for unit in range(1, n + 1):
            rows = weights(n, LAYERS[1], 2, w2, 1, unit)
            padded = np.pad(INPUTS[:n], 1)
            expected = [int(np.dot(rows[j], padded[j : j + 3])) for j in range(n)]
            says = view(n, LAYERS[1], 2, w2, 1, unit).says
            assert outputs(says) == expected
            assert counts(says) == (3 * n - 2, 3 * n - 2, n * n)


@pytest.mark.parametrize("slider", ["w1", "w2", "w3"])
def test_one_slider_moves_every_copy_or_one(slider):
    for n in range(3, 10):
        one, other = ParameterSharing(n=n, unit=2), ParameterSharing(n=n, unit=2, **{slider: 3})
        assert outputs(one.says) != outputs(other.says)
        for panel in (one, other):
            panel.layer.value = "not shared"
        pairs = zip(outputs(one.says), outputs(other.says), strict=True)
        moved = [j for j, (a, b) in enumerate(pairs, 1) if a != b]
        assert set(moved) <= {2}  # x4 = 0 hides a change of some products
        a, b = (weights(n, "not shared", *(p.state[k] for k in ("w1", "w2", "w3")), 2)
                for p in (one, other))  # fmt: skip
        assert [x == y for x, y in zip(a, b, strict=True)] == [j != 2 for j in range(1, n + 1)]


def test_the_weights_that_have_an_arrow_are_named():
    assert "(w2 and w3 have an arrow there)" in ParameterSharing(layer="not shared", unit=1).says
    assert "(w1, w2 and w3 have an arrow" in ParameterSharing(layer="not shared", unit=2).says
    assert "(w1 and w2 have an arrow there)" in ParameterSharing(layer="not shared", unit=5).says


def test_not_shared_means_that_the_filters_differ():
    rows = weights(9, "not shared", 2, -1, 1, 3)
    assert len(set(rows)) >= 6 and rows[2] == (2, -1, 1)
    assert weights(4, "shared", 2, -1, 1, 3) == [(2, -1, 1)] * 4


def test_the_lecture():
    panel = ParameterSharing()
    assert panel.says.startswith("13 arrows, 3 weights:")
    assert "would need 25" in panel.says
    panel.layer.value = "not shared"
    assert panel.says.startswith("13 arrows, 13 weights:")
    matrix = ops.toeplitz(np.array([2, -1, 1]), 5, padding=1)
    panel.layer.value = "shared"
    assert outputs(panel.says) == (matrix @ INPUTS[:5]).tolist()


def test_one_redraw_per_change_and_the_unit_follows_the_inputs():
    panel = ParameterSharing(n=9, unit=9, layer="not shared")
    panel.n.value = 4
    assert panel.unit.value == 4 and panel.unit.max == 4 and panel.redraws == 1
    panel.w2.value = 3
    assert panel.redraws == 2 and not panel.refused
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == panel.says and panel.says in bundle["text/html"]
    picture = re.search(r"<svg.*</svg>", bundle["text/html"], re.DOTALL)[0]
    assert ET.fromstring(picture).get("aria-label") == panel.alt


@pytest.mark.parametrize(
    "first", [dict(n=2), dict(n=10), dict(w1=4), dict(w3=-4), dict(unit=6), dict(layer="tied")]
)
def test_first_values_out_of_range_are_refused(first):
    with pytest.raises(ValueError, match="must be"):
        ParameterSharing(**first)
