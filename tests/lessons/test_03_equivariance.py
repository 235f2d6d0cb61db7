"""Lesson 03: layers and meter against torch and theory, the panel, the exercises, the notebook."""

import itertools
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from cells import run_cells
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import check
from course_utils.lessons.equivariance import exercises, figures, layers
from course_utils.lessons.equivariance.explorer import Equivariance
from course_utils.lessons.equivariance.layers import LAYERS, Paths, edge_kernel, picture, rim
from course_utils.lessons.equivariance.layers import equivariance_error as meter

SLUG = "03_equivariance"
SVG = "{http://www.w3.org/2000/svg}"
ZERO, BROKEN = 1e-5, 0.05
NAMES, KERNELS = ("digit", "gull"), (3, 5, 7)


def random_picture(side, seed):
    return np.random.default_rng(seed).integers(-99, 100, (side, side))


pictures = st.builds(random_picture, st.sampled_from((8, 10, 14, 18)), st.integers(0, 2**32 - 1))
shifts = st.integers(-40, 40)

# Layers, shifts and pictures


@given(pictures, shifts, shifts)
@settings(max_examples=60, deadline=None)
def test_a_shift_asks_each_place_where_its_value_comes_from(x, dx, dy):
    n = len(x)
    expected = [[x[(row - dy) % n, (column - dx) % n] for column in range(n)] for row in range(n)]
    assert np.array_equal(layers.shift(x, dx, dy), expected)
    assert np.array_equal(exercises.shift(x, dx, dy), expected)


def in_torch(x, layer, kernel):
    x, w = (torch.tensor(z, dtype=torch.float64)[None, None] for z in (x, edge_kernel(kernel)))
    if layer == "pooled":
        return F.max_pool2d(x, 2)[0, 0].numpy()
    if layer == "dense":
        weights = np.random.RandomState(3).randint(-1, 2, (x.numel(), x.numel()))
        return (torch.tensor(weights).double() @ x.flatten()).view(x.shape)[0, 0].numpy()
    mode = "constant" if layer == "zeros" else "circular"
    padded = F.pad(x, (kernel // 2,) * 4, mode=mode)
    return F.conv2d(padded, w, stride=2 if layer == "strided" else 1)[0, 0].numpy()


@pytest.mark.parametrize("layer", LAYERS)
@given(x=pictures, kernel=st.sampled_from(KERNELS))
@settings(max_examples=30, deadline=None)
def test_layers_equal_torch(layer, x, kernel):
    assert np.array_equal(layers.apply_layer(x, layer, kernel), in_torch(x, layer, kernel))


def test_no_turn_leaves_the_kernel_or_a_picture_unchanged_to_hide_a_fault():
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    assert np.array_equal(edge_kernel(3), 2 * sobel + sobel.T)
    for array in map(np.array, (*map(edge_kernel, KERNELS), *map(picture, NAMES))):
        assert not any(np.array_equal(array, np.rot90(array, k)) for k in (1, 2, 3))
    for size in KERNELS:
        kernel = np.array(edge_kernel(size))
        assert kernel.shape == (size, size) and kernel.sum() == 0
    digit, gull = (np.array(picture(name)) for name in NAMES)
    assert digit.shape == gull.shape == (16, 16) and digit.dtype == gull.dtype == np.int64
    assert digit[4:12, 4:12].sum() == digit.sum() and digit.max() == 16
    assert np.pad(gull[1:-1, 1:-1], 1, constant_values=9).min() >= 0 < gull[[0, -1]].min()
    with pytest.raises(TypeError, match="assignment"):  # all get the same
        picture("digit")[0][0] = 99


# Both paths and what the panel says of them


def in_two_ways(x, layer, kernel, dx, dy):
    """Both paths in torch, the relative error, and the least that any shift of the output gives."""
    there, mapped = (in_torch(z, layer, kernel) for z in (np.roll(x, (dy, dx), (0, 1)), x))
    step = len(x) // len(mapped)
    here = np.roll(mapped, (dy // step, dx // step), (0, 1))
    ways = itertools.product(range(len(mapped)), repeat=2)
    gaps = [there - here, *(there - np.roll(mapped, way, (0, 1)) for way in ways)]
    error, *errors = (np.linalg.norm(gap) / np.linalg.norm(mapped) for gap in gaps)
    return there, here, error, min(errors)


@pytest.mark.parametrize("layer", ["circular", "strided", "pooled"])
@given(x=pictures, kernel=st.sampled_from(KERNELS), dx=shifts, dy=shifts)
@settings(max_examples=40, deadline=None)
def test_multiples_of_the_stride_are_followed_exactly_and_nothing_else(layer, x, kernel, dx, dy):
    paths, step = Paths(x, layer, kernel, dx, dy), LAYERS[layer][1]
    there, here, error, best = in_two_ways(x, layer, kernel, dx, dy)
    assert np.array_equal(paths.there, there) and np.array_equal(paths.here, here)
    assert paths.exact == (dx % step == dy % step == 0) == (paths.error == 0)
    assert (paths.error, paths.best_error()) == pytest.approx((error, best))
    assert (best == 0) == paths.exact  # no other shift of the output does it either


@pytest.mark.parametrize("kernel", KERNELS)
def test_zero_padding_spoils_exactly_the_rim(kernel):
    n, r = 24, kernel // 2
    x = np.random.default_rng(kernel).integers(1, 100, (n, n))
    ends = {i % n for i in range(-r, r)}
    for amount, axis in itertools.product(range(-8, 9), (0, 1)):
        dx, dy = (amount, 0) if axis == 0 else (0, amount)
        differ = np.array(Paths(x, "zeros", kernel, dx, dy).gap) != 0
        wrong = set(np.flatnonzero(differ.any(axis=axis)))
        assert wrong == ((ends | {(i + amount) % n for i in ends}) if amount else set())
        assert len(wrong) == rim(amount, kernel)
    assert rim(1, kernel) == kernel


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", NAMES)
def test_every_number_said_is_right(layer, name):
    for kernel, dx, dy in itertools.product(KERNELS[::2], (-4, -3, 0, 2), (-3, 0, 4)):
        there, here, error, best = in_two_ways(picture(name), layer, kernel, dx, dy)
        differ, shown = there != here, Equivariance.view(layer, name, kernel, dx, dy)
        count, cells = differ.sum(), differ.size
        said = f"The paths agree in all {cells} cells: error 0. "
        if dx == dy == 0:
            said = "No shift, so there is nothing to compare: error 0. Move a slider."
        elif count:
            said = f"The paths differ in {count} of {cells} cells: error {error:.3f}. "
            assert f"differ in {count} of {cells} cells, relative error {error:.3f}" in shown.alt
        assert shown.says.startswith(said)
        assert ("They agree in all" in shown.alt) == (not count)
        assert (">=<" in shown.html, ">\u2260<" in shown.html) == (not count, count > 0)
        assert f">error {f'{error:.3f}' if count else 0}<" in shown.html
        ways = [(d, what) for d, what in ((dx, "columns"), (dy, "rows")) if d]
        if layer == "zeros" and count:  # what is said to be spoilt holds all that differs
            wide, high = rim(dx, kernel), rim(dy, kernel)
            assert count <= 16**2 - (16 - wide) * (16 - high)
            if name == "gull" and 0 in (dx, dy):  # and the gull, which fills its frame, fills it
                assert differ.any(axis=0 if dx else 1).sum() == wide + high
            said = " and ".join(f"{rim(d, kernel)} {what}" for d, what in ways)
            assert f"That spoils {said} at most" in shown.says
        elif layer == "zeros" and ways:
            assert name == "digit" and "no window that reaches over the border" in shown.says
        elif LAYERS[layer][1] == 2 and count:
            said = " and ".join(f"{abs(d) / 2:g} {what}" for d, what in ways)
            assert f"would have to move by {said}. No whole shift does: the best of" in shown.says
            assert shown.says.endswith(f" all 64 leaves {best:.3f}.")


def test_a_shift_of_the_output_is_said_in_words():
    says = Equivariance(layer="strided", dx=4, dy=-2).says
    assert "a multiple of the stride 2" in says and says.endswith(": 2 right and 1 up.")
    said = [["3 right", "2 down"], ["1 left", "4 up"], ["by 0"]]
    assert [figures.directions(*way) for way in ((3, 2), (-1, -4), (0, 0))] == said


# The figures


def drawn_maps(diagram):
    """Each drawn map, cell by cell: {(row, column): (red, green, blue)}."""
    for group in ET.fromstring(diagram.svg).iter(f"{SVG}g"):
        if group.get("class") == "map":
            yield {
                (int(row), int(column) + step): tuple(bytes.fromhex(path.get("fill")[1:]))
                for path in group.iter(f"{SVG}path")
                for column, row, run in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path.get("d"))
                for step in range(int(run))
            }


def is_green(colour):
    return colour[1] > colour[0]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", NAMES)
def test_each_map_shows_its_values(layer, name):
    paths = Paths(picture(name), layer, 3, 3, -2)
    values = [paths.x, paths.shifted, paths.mapped, paths.there, paths.here]
    *drawn, gap = drawn_maps(figures.two_paths(paths))
    for k, (cells, array) in enumerate(zip(drawn, map(np.array, values), strict=True)):
        by_size = sorted(cells, key=lambda place: abs(array[place]))
        light = [sum(cells[place]) for place in by_size if array[place] > 0]
        assert light == sorted(light, reverse=True)
        for place, colour in cells.items():
            assert array[place] != 0 and (k < 2 or is_green(colour) == (array[place] > 0))
    # In the difference nothing that differs may be too faint to be seen.
    assert set(gap) == {(int(i), int(j)) for i, j in np.argwhere(paths.gap)}
    assert all(sum(colour) < 3 * 255 - 100 for colour in gap.values())


@pytest.mark.parametrize(
    ("layer", "there", "missing"),
    [
        ("strided", ("T\u2032 f(x)", "2 right", "1 down", "8 × 8", "stride 2"), "T f(x)"),
        ("zeros", ("T f(x)", "4 right", "2 down", "16 × 16", "zero padding"), "\u2032"),
    ],
)
def test_the_output_has_a_shift_of_its_own_where_the_stride_is_two(layer, there, missing):
    svg = Equivariance.view(layer, "gull", 3, 4, 2).html
    assert all(f">{text}<" in svg for text in there) and missing not in svg
    assert svg.count('"seam"') == 2  # dashed lines where the border went
    assert Equivariance.view(layer, "gull", 3, 0, 0).html.count('"seam"') == 0


def test_the_table_shows_every_reading_and_marks_zeros_not_by_colour_alone():
    rows = {"conv <a>": [0, 3e-7, 1.234], "dense": [1.4142, None, 0.05]}
    diagram = figures.meter_table(["shift 1", "shift 2", "turn"], rows, spread="0.1")
    root = ET.fromstring(diagram.svg)
    texts = [(t.text, t.get("font-weight")) for t in root.iter(f"{SVG}text")][-8:]
    shown = ["conv <a>", "0", "0", "1.2 ± 0.1", "dense", "1.4 ± 0.1", "?", "0.1 ± 0.1"]
    assert texts == [(text, "700" if text == "0" else None) for text in shown]
    assert diagram.alt == (
        "Relative error of equivariance. conv <a>: shift 1 0, shift 2 0, turn 1.2 ± 0.1; "
        "dense: shift 1 1.4 ± 0.1, shift 2 ?, turn 0.1 ± 0.1."
    )
    fills = [r.get("fill") for r in root.iter(f"{SVG}rect")][1:]
    assert fills[0] == fills[1] != fills[2] == fills[3] == fills[5] != fills[4]


def test_rows_of_maps_share_one_scale_and_zeros_are_paper():
    x = np.array(picture("digit"))
    stack = torch.tensor(np.stack([x, -x, 2 * x, 0 * x]))
    rows = {"x": (x, stack), "T x": (x.T, stack)}
    drawn = list(drawn_maps(figures.map_rows(rows, names="abcd", alt="two rows")))
    assert len(drawn) == 10 and drawn[4] == drawn[9] == {}
    assert all(map(is_green, drawn[1].values())) and not any(map(is_green, drawn[2].values()))
    assert all(sum(drawn[3][place]) <= sum(drawn[1][place]) for place in drawn[1])
    assert set(drawn[5]) == {(column, row) for row, column in drawn[0]}  # T x


# The meter and the notebook

FOR_ALL = {"shift 1", "shift 2", "turn 90°", "enlarge ×2"}
ZEROS = {  # layer -> the transformations at which theory, and the notebook's table, says 0
    "convolution, circular": {"shift 1", "shift 2"},
    "convolution, zero padding": set(),
    "convolution, stride 2": {"shift 2"},
    "dense": set(),
    "ReLU": FOR_ALL,
    "max-pooling 2×2": {"shift 2", "turn 90°"},
    "global average": FOR_ALL - {"enlarge ×2"},
    # Two that the notebook does not try.
    "strongest of four turns": FOR_ALL - {"enlarge ×2"},
    "blur": FOR_ALL - {"enlarge ×2"},
}
CELLS = ["setup", "meter-prepare", "meter-see", "rim-see", "stride-see", "whole-network-see"]
CELLS += ["rows-define", "rows-layers", "table", "group-see", "group-picture", "second-see"]


@pytest.fixture(autouse=True)
def gradients():
    """The notebook switches gradients off; other tests need them."""
    yield
    torch.set_grad_enabled(True)


@pytest.mark.parametrize("seed", range(5))
def test_the_meter_reads_zero_where_theory_says_so_and_nowhere_else(seed):
    few = ("torch.randn(1000,", "torch.randn(4,")
    cells = run_cells(SLUG, CELLS, seed=("SEED = 0", f"SEED = {seed}"), few=few)
    lift, turn, x = (cells[name] for name in ("lift", "turn", "x"))
    blur = nn.Conv2d(1, 1, 5, padding=2, padding_mode="circular", bias=False)
    blur.weight.data.fill_(1 / 25)
    w = torch.randn(1, 1, 3, 3)
    tried = cells["layers"] | {"blur": blur}
    tried["strongest of four turns"] = lambda z: lift(z, w).amax(dim=1, keepdim=True)
    for (name, zeros), (transform, T) in itertools.product(
        ZEROS.items(), cells["transforms"].items()
    ):
        error = meter(tried[name], T, x)
        assert error < ZERO if transform in zeros else error > BROKEN, (name, transform, error)
    # The four turns of a kernel: T' turns the maps and cycles them, and nothing less will do.
    wrong = [turn, lambda y: turn(y).roll(-1, dims=1), lambda y: y.roll(1, dims=1), lambda y: y]
    right, *others = (
        meter(lambda z: lift(z, w), turn, x, T_out) for T_out in (cells["turn_and_cycle"], *wrong)
    )
    assert right < ZERO and min(others) > BROKEN


def test_the_meter_gives_the_textbook_numbers_and_refuses_to_broadcast():
    x = np.array([3.0, 4.0])
    assert meter(lambda z: z, lambda z: z[::-1], x) == 0
    assert meter(lambda z: z**2, lambda z: -z, x) == 2  # |y - (-y)| / |y|
    assert meter(lambda z: z**2, lambda z: -z, x, lambda y: y) == 0  # invariant
    apart = meter(lambda z: z.clip(0), lambda z: z[::-1], np.array([0.0, 1]), abs)
    assert apart == pytest.approx(math.sqrt(2))
    with pytest.raises(ValueError, match=r"must have the same shape, got \(2,\) and \(1,\)"):
        meter(lambda z: z, lambda z: -z, x, lambda z: z[1:])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_meter_reads_as_the_notebook_says(seed, capsys):
    result = run_cells(SLUG, CELLS, seed=("SEED = 0", f"SEED = {seed}"))
    said = capsys.readouterr().out
    assert re.findall(r"(?:by hand|meter): +(\S+)", said) == ["0", "0"]
    assert "one layer, shift by 1: columns [1, 2, 16]\n" in said
    rims = re.findall(r"receptive field (\d), shift by 1.*: (\[.*\]) columns", said)
    for r, (field, counts) in enumerate(rims, start=1):
        assert int(field) == 2 * r + 1
        wide = [2 * r + min(pixels, 2 * r) for pixels in range(1, 8)]  # 2r + 1 up to 4r
        assert counts == str(wide) == str([rim(pixels, 2 * r + 1) for pixels in range(1, 8)])
    strided = re.findall(r"shift by (\d): the output moves by \d, error (\S+)", said)
    assert [(n, e == "0") for n, e in strided] == [(str(n), n % 2 == 0) for n in range(1, 7)]
    assert "rank of the layer's matrix: 256 of 256\n" in said
    followed = dict(re.findall(r"shift by +(\d+): followed (\w+)", said))
    assert [n for n, how in followed.items() if how == "exactly"] == ["16", "32"]
    assert result["follow"] == 4
    slices = dict(re.findall(r"slices ([a-z ]+): (\S+)", said))
    assert slices.pop("turned and cycled") == "0" and float(slices["turned"]) > 0.5
    for name, errors in result["readings"].items():
        for transform, error in zip(result["transforms"], errors, strict=True):
            assert error < ZERO if transform in ZEROS[name] else error > 0.1, (name, transform)
    assert all(1.35 < error < 1.48 for error in result["readings"]["dense"])  # √2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_four_directions_recognise_turned_digits_as_well_as_upright_ones(seed):
    ids = ["setup", "turn-conv", "turn-train", "payoff-see", "price-see"]
    cells = run_cells(SLUG, ids, seed=("SEED = 0", f"SEED = {seed}"))
    scores = cells["scores"]
    ordinary, turns = scores["ordinary"], scores["four directions"]
    assert max(turns) - min(turns) < 0.5 and turns[0] > 88  # nothing but rounding may differ
    assert ordinary[0] > 93 and max(ordinary[1], ordinary[3]) < 20 and ordinary[2] < 55
    assert ordinary[0] > turns[0] - 1  # which end in four times as few numbers
    assert cells["mixed"].sum() < 0.25 * cells["wrong"].sum()


def test_with_any_linear_map_behind_it_every_layer_that_loses_nothing_would_be_equivariant():
    """Why the lesson asks that T' moves places: M P M⁺ follows the shift that no shift follows."""
    result = run_cells(SLUG, ["setup", "meter-prepare", "stride-see"])
    x, T, layer = result["x"][:20], result["shift_by"](1), result["strided"]
    layer.bias.data.zero_()
    M = result["matrix"].double()  # row vectors: f(x) = x M
    P = T(torch.eye(256).view(256, 1, 16, 16)).flatten(1).double()
    any_map = torch.linalg.pinv(M) @ P @ M
    gap = layer(T(x)).flatten(1).double() - layer(x).flatten(1).double() @ any_map
    assert gap.norm() < 1e-5 * layer(x).norm()
    assert meter(layer, T, x) > 1


# The exercises


@pytest.mark.parametrize("strides", [[1], [2], [3], [2, 2], [2, 3], [3, 2], [4, 1], [1, 4], [2, 4]])
def test_breaks_is_what_a_real_stack_does(strides):
    def stack(z):
        for stride in strides:
            z = F.conv1d(F.pad(z, (1, 1), mode="circular"), kernel, stride=stride)
        return z

    kernel = torch.tensor([[[1.0, -2.0, 4.0]]], dtype=torch.double)
    x = torch.tensor(random_picture(math.prod(strides) * 6, 0)[:1, None], dtype=torch.double)
    for amount in range(-12, 13):
        y, there = stack(x), stack(x.roll(amount, dims=-1))
        follows = any(torch.equal(there, y.roll(k, dims=-1)) for k in range(y.shape[-1]))
        assert exercises.breaks(strides, amount) == (not follows)


def test_students_other_ways_to_write_it():
    def step_by_step(strides, amount):
        for stride in strides:
            if amount % stride:
                return True
            amount //= stride
        return False

    def rest(strides, amount):
        return amount % math.prod(strides)

    for function, exercise, state in (
        (lambda x, dx, dy: np.roll(x, (dy, dx), (0, 1)), "shift", "passed"),
        (lambda w: np.array([np.rot90(w, k) for k in range(4)]), "turned-kernels", "passed"),
        (step_by_step, "breaking-shift", "passed"),
        (lambda *case: np.bool_(rest(*case)), "breaking-shift", "passed"),
        (rest, "breaking-shift", "wrong type"),
    ):
        assert check(function, f"03.{exercise}").state == state


def test_random_inputs_hold_both_answers_and_both_signs():
    cases = exercises.BREAKS.cases()[len(exercises.BREAKS.fixed) :]
    answers = [exercises.breaks(*case) for case in cases]
    assert 5 <= sum(answers) <= len(answers) - 5
    assert {amount > 0 for _, amount in cases} == {True, False}
    assert any(len(strides) >= 3 for strides, _ in cases)
