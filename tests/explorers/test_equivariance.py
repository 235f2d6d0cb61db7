"""Shift it: every state of the explorer against paths worked out by other means."""

import inspect
import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import cache

import numpy as np
import pytest

from course_utils.lessons.equivariance import layers as equivariance
from course_utils.lessons.equivariance.explorer import FARTHEST, Equivariance, view

N = equivariance.SIZE
AMOUNTS = range(-FARTHEST, FARTHEST + 1)
GRID = list(
    itertools.product(
        equivariance.LAYERS, equivariance.PICTURES, equivariance.KERNELS, AMOUNTS, AMOUNTS
    )
)
DENSE = np.random.RandomState(3).randint(-1, 2, (N * N, N * N))


def moved(x, dx, dy):
    """Shift by index arithmetic, without np.roll."""
    n = len(x)
    return x[np.ix_((np.arange(n) - dy) % n, (np.arange(n) - dx) % n)]


def layer_by_sums(x, layer, kernel):
    """A convolution as a sum of shifted pictures, one for each weight; pooling by reshaping."""
    if layer == "dense":
        return (DENSE @ x.reshape(-1)).reshape(N, N)
    if layer == "pooled":
        return x.reshape(N // 2, 2, N // 2, 2).max(axis=(1, 3))
    r = kernel // 2
    w = equivariance.edge_kernel(kernel)
    # On a larger ring, whose added cells are zero, nothing that leaves can come in again.
    ring = np.pad(x, r) if layer == "zeros" else x
    total = sum(w[t, u] * moved(ring, r - u, r - t) for t in range(kernel) for u in range(kernel))
    if layer == "zeros":
        total = total[r:-r, r:-r]
    return total[::2, ::2] if layer == "strided" else total


@cache
def unmoved(layer, picture, kernel):
    """The output for the picture where it is."""
    return layer_by_sums(equivariance.picture(picture), layer, kernel)


@cache
def expected(layer, picture, kernel, dx, dy):
    """Both outputs and the relative error."""
    there = layer_by_sums(moved(equivariance.picture(picture), dx, dy), layer, kernel)
    mapped = unmoved(layer, picture, kernel)
    step = N // len(mapped)
    here = moved(mapped, dx // step, dy // step)
    return there, here, np.linalg.norm(there - here) / np.linalg.norm(mapped)


seen = cache(view)


def test_the_grid_is_the_whole_grid_of_the_controls():
    panel = Equivariance()
    values = [[value for _, value in panel.layer.options]]
    values += [[value for _, value in getattr(panel, x).options] for x in ("picture", "kernel")]
    values += [range(getattr(panel, x).min, getattr(panel, x).max + 1) for x in ("dx", "dy")]
    assert list(itertools.product(*values)) == GRID


def test_every_number_said_is_right():
    for state in GRID:
        layer, _, _, dx, dy = state
        there, here, error = expected(*state)
        differ = int((there != here).sum())
        shown = seen(*state)
        if dx == dy == 0:
            assert shown.says.startswith("No shift, so there is nothing to compare: error 0.")
            assert differ == 0
            continue
        if differ == 0:
            assert shown.says.startswith(f"The paths agree in all {there.size} cells: error 0. ")
        else:
            begin = f"The paths differ in {differ} of {there.size} cells: error {error:.3f}. "
            assert shown.says.startswith(begin), state
        if layer == "circular":
            assert differ == 0
        elif layer == "dense":
            assert error > 1
        elif layer in ("strided", "pooled"):
            assert (differ == 0) == (dx % 2 == dy % 2 == 0), state


def test_the_rim_said_holds_what_differs_and_the_gull_fills_it():
    for state in GRID:
        layer, picture, kernel, dx, dy = state
        if layer != "zeros" or dx == dy == 0:
            continue
        there, here, _ = expected(*state)
        differ, says = there != here, seen(*state).says
        if not differ.any():
            assert picture == "digit" and "no window that reaches over the border" in says
            continue
        lines = []
        for amount, name in ((dx, "columns"), (dy, "rows")):
            wide = 2 * (kernel // 2) + min(abs(amount), 2 * (kernel // 2)) if amount else 0
            lines.append(wide)
            assert (f"{wide} {name}" in says) == (wide > 0), state
        inside = (N - lines[0]) * (N - lines[1])
        assert differ.sum() <= N * N - inside
        if picture == "gull" and dy == 0:
            assert differ.any(axis=0).sum() == lines[0]


def test_the_best_whole_shift_is_said():
    for state in GRID:
        layer, _, kernel, dx, dy = state
        if layer not in ("strided", "pooled") or (layer == "pooled" and kernel != 3):
            continue
        says = seen(*state).says
        found = re.search(r"the best of all 64 leaves (\d\.\d{3})\.", says)
        assert (found is not None) == bool(dx % 2 or dy % 2), state
        if found and abs(dx) + abs(dy) < 4:
            there, _, _ = expected(*state)
            mapped = unmoved(*state[:3])
            tried = [
                np.linalg.norm(there - moved(mapped, a, b))
                for a, b in itertools.product(range(8), repeat=2)
            ]
            assert float(found[1]) == pytest.approx(min(tried) / np.linalg.norm(mapped), abs=6e-4)
            assert float(found[1]) > 0.01


def test_every_picture_is_well_formed_and_says_what_the_sentence_says():
    for state in GRID[::17]:
        shown = seen(*state)
        root = ET.fromstring(shown.html)
        assert root.get("aria-label") == shown.alt
        there, here, error = expected(*state)
        if (there == here).all():
            assert "They agree in all" in shown.alt and "error 0" in shown.html
        else:
            assert f"relative error {error:.3f}" in shown.alt
            assert f"error {error:.3f}" in shown.html


def test_a_multiple_of_the_stride_says_by_how_much_the_output_moves():
    says = Equivariance(layer="strided", dx=4, dy=-2).says
    assert "a multiple of the stride 2" in says and "2 right and 1 up" in says
    says = Equivariance(layer="pooled", dx=-3, dy=2).says
    assert "would have to move by 1.5 columns and 1 rows" in says


def test_it_redraws_once_per_change():
    panel = Equivariance()
    assert panel.says.startswith("The paths agree in all 256 cells")
    panel.layer.value = "zeros"
    panel.picture.value = "gull"
    assert panel.says.startswith("The paths differ") and panel.redraws == 2
    panel.dx.value = panel.dy.value = 0
    assert panel.says.startswith("No shift") and panel.redraws == 4
    assert not panel.refused


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"layer": "relu"}, "Layer must be one of 'circular', 'zeros', 'strided', 'pooled'"),
        ({"picture": "cat"}, "Picture must be one of 'digit', 'gull', got 'cat'"),
        ({"kernel": 4}, "Kernel must be one of 3, 5, 7, got 4"),
        ({"dx": 5}, "Right must be an integer from -4 to 4, got 5"),
        ({"dy": -5}, "Down must be an integer from -4 to 4, got -5"),
    ],
)
def test_a_first_value_out_of_range_is_refused(first, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Equivariance(**first)


def test_every_control_is_labelled():
    panel = Equivariance()
    labels = [getattr(panel, name).description for name in inspect.signature(view).parameters]
    assert all(labels) and len(set(labels)) == len(labels)


def test_importing_it_loads_neither_torch_nor_matplotlib():
    code = (
        "import sys, course_utils.lessons.equivariance.explorer; "
        "print([m for m in ('torch', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
