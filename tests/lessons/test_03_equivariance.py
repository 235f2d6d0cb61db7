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
from course_utils.lessons.equivariance import exercises, figures
from course_utils.lessons.equivariance.explorer import Equivariance, view
from course_utils.lessons.equivariance.layers import (
    SIZE,
    STRIDES,
    apply_layer,
    best_error,
    both_paths,
    edge_kernel,
    equivariance_error,
    picture,
    rim,
    shift,
)

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
    assert np.array_equal(shift(x, dx, dy), expected)
    assert np.array_equal(exercises.shift(x, dx, dy), expected)
    assert np.array_equal(shift(np.stack([x, 2 * x]), dx, dy)[1], 2 * shift(x, dx, dy))


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


@pytest.mark.parametrize("layer", STRIDES)
@given(x=pictures, kernel=st.sampled_from(KERNELS))
@settings(max_examples=30, deadline=None)
def test_layers_equal_torch(layer, x, kernel):
    assert np.array_equal(apply_layer(x, layer, kernel), in_torch(x, layer, kernel))


def test_no_turn_leaves_the_kernel_or_a_picture_unchanged_to_hide_a_fault():
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    assert np.array_equal(edge_kernel(3), 2 * sobel + sobel.T)
    for array in (*map(edge_kernel, KERNELS), *map(picture, NAMES)):
        assert not any(np.array_equal(array, np.rot90(array, k)) for k in (1, 2, 3))
    for size in KERNELS:
        assert edge_kernel(size).shape == (size, size) and edge_kernel(size).sum() == 0
    digit, gull = map(picture, NAMES)
    assert digit.shape == gull.shape == (SIZE, SIZE) and digit.dtype == gull.dtype == np.int64
    assert digit[4:12, 4:12].sum() == digit.sum() and digit.max() == 16
    assert np.pad(gull[1:-1, 1:-1], 1, constant_values=9).min() >= 0 < gull[[0, -1]].min()
    with pytest.raises(ValueError, match="read-only"):
        digit[0, 0] = 99


# Both paths


@pytest.mark.parametrize("layer", ["circular", "strided", "pooled"])
@given(x=pictures, kernel=st.sampled_from(KERNELS), dx=shifts, dy=shifts)
@settings(max_examples=40, deadline=None)
def test_multiples_of_the_stride_are_followed_exactly_and_nothing_else(layer, x, kernel, dx, dy):
    paths, step = both_paths(x, layer, kernel, dx, dy), STRIDES[layer]
    assert paths.exact == (dx % step == dy % step == 0)
    assert paths.moved == (dx // step, dy // step)
    assert (paths.error == 0) == paths.exact
    assert (best_error(paths) == 0) == paths.exact  # no other shift of the output does it either
    gaps = [
        np.linalg.norm(paths.there - shift(paths.mapped, *way))
        for way in itertools.product(range(len(x) // step), repeat=2)
    ]
    assert best_error(paths) == pytest.approx(min(gaps) / np.linalg.norm(paths.mapped))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("seed", range(2))
def test_zero_padding_spoils_exactly_the_rim(kernel, seed):
    n, r = 24, kernel // 2
    x = np.random.default_rng(seed).integers(1, 100, (n, n))
    ends = {i % n for i in range(-r, r)}
    for amount, axis in itertools.product(range(-8, 9), (0, 1)):
        dx, dy = (amount, 0) if axis == 0 else (0, amount)
        differ = both_paths(x, "zeros", kernel, dx, dy).differ
        wrong = set(np.flatnonzero(differ.any(axis=axis)))
        assert wrong == ((ends | {(i + amount) % n for i in ends}) if amount else set())
        assert len(wrong) == rim(amount, kernel)
    assert rim(1, kernel) == kernel


# The panel


def expected(layer, name, kernel, dx, dy):
    """What both paths give, and the relative error."""
    moved = np.roll(picture(name), (dy, dx), (0, 1))
    there, mapped = in_torch(moved, layer, kernel), in_torch(picture(name), layer, kernel)
    step = SIZE // len(mapped)
    here = np.roll(mapped, (dy // step, dx // step), (0, 1))
    return there, here, np.linalg.norm(there - here) / np.linalg.norm(mapped)


CONVOLUTIONS = itertools.product(("circular", "zeros", "strided"), KERNELS)
STATES = [
    (layer, name, kernel, dx, dy)
    for layer, kernel in [*CONVOLUTIONS, ("pooled", 3), ("dense", 3)]
    for name, dx, dy in itertools.product(NAMES, (-4, -3, -1, 0, 2), (-3, 0, 1, 4))
]


def test_every_number_said_is_right():
    for state in STATES:
        layer, name, kernel, dx, dy = state
        there, here, error = expected(*state)
        differ, shown = there != here, view(*state)
        count, cells = differ.sum(), differ.size
        if dx == dy == 0:
            assert shown.says == "No shift, so there is nothing to compare: error 0. Move a slider."
        elif not count:
            assert shown.says.startswith(f"The paths agree in all {cells} cells: error 0. ")
        else:
            begin = f"The paths differ in {count} of {cells} cells: error {error:.3f}. "
            assert shown.says.startswith(begin), state
            assert f"differ in {count} of {cells} cells, relative error {error:.3f}" in shown.alt
        assert ("They agree in all" in shown.alt) == (not count)
        assert (">=<" in shown.html, ">\u2260<" in shown.html) == (not count, count > 0)
        assert f">error {f'{error:.3f}' if count else 0}<" in shown.html
        if layer == "zeros" and count:  # what is said to be spoilt holds all that differs
            wide, high = rim(dx, kernel), rim(dy, kernel)
            assert count <= SIZE**2 - (SIZE - wide) * (SIZE - high)
            if name == "gull" and 0 in (dx, dy):  # and the gull, which fills its frame, fills it
                assert differ.any(axis=0 if dx else 1).sum() == wide + high
            said = [f"{n} {what}" for n, what in ((wide, "columns"), (high, "rows")) if n]
            assert f"That spoils {' and '.join(said)} at most" in shown.says
        elif layer == "zeros" and (dx or dy):
            assert name == "digit" and "no window that reaches over the border" in shown.says


@pytest.mark.parametrize("layer", ["strided", "pooled"])
def test_a_stride_of_two_says_how_far_the_output_moves_or_would_have_to(layer):
    says = Equivariance(layer=layer, dx=4, dy=-2).says
    assert "a multiple of the stride 2" in says and says.endswith(": 2 right and 1 up.")
    panel = Equivariance(layer=layer, dx=-3, dy=2, picture="gull")
    assert "would have to move by 1.5 columns and 1 rows. No whole shift does" in panel.says
    there, mapped = expected(layer, "gull", 3, -3, 2)[0], in_torch(picture("gull"), layer, 3)
    tried = itertools.product(range(8), repeat=2)
    best = min(np.linalg.norm(there - np.roll(mapped, way, (0, 1))) for way in tried)
    assert f"the best of all 64 leaves {best / np.linalg.norm(mapped):.3f}." in panel.says
    panel.move(dy=0)
    assert "would have to move by 1.5 columns. No" in panel.says


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


@pytest.mark.parametrize("layer", STRIDES)
@pytest.mark.parametrize("name", NAMES)
def test_each_map_shows_its_values(layer, name):
    paths = both_paths(picture(name), layer, 3, 3, -2)
    values = [paths.x, paths.shifted, paths.mapped, paths.there, paths.here]
    *drawn, gap = drawn_maps(figures.two_paths(paths, dx=3, dy=-2, layer=("dense",)))
    for cells, array in zip(drawn, values, strict=True):
        by_size = sorted(cells, key=lambda place: abs(array[place]))
        light = [sum(cells[place]) for place in by_size if array[place] > 0]
        assert light == sorted(light, reverse=True)
        assert all(array[place] != 0 for place in cells)
    for cells, array in zip(drawn[2:], values[2:], strict=True):
        assert all(is_green(colour) == (array[place] > 0) for place, colour in cells.items())
    # In the difference nothing that differs may be too faint to be seen.
    assert set(gap) == {(int(i), int(j)) for i, j in np.argwhere(paths.differ)}
    assert all(sum(colour) < 3 * 255 - 100 for colour in gap.values())


@pytest.mark.parametrize(
    ("layer", "there", "missing"),
    [
        ("strided", ("T\u2032 f(x)", "2 right", "1 down", "8 × 8", "stride 2"), "T f(x)"),
        ("zeros", ("T f(x)", "4 right", "2 down", "16 × 16", "zero padding"), "\u2032"),
    ],
)
def test_the_output_has_a_shift_of_its_own_where_the_stride_is_two(layer, there, missing):
    svg = view(layer, "gull", 3, 4, 2).html
    assert all(f">{text}<" in svg for text in there) and missing not in svg
    assert svg.count('"seam"') == 2  # dashed lines where the border went
    assert view(layer, "gull", 3, 0, 0).html.count('"seam"') == 0


def test_words_for_shifts_and_readings():
    assert figures.directions(3, 2) == ("3 right", "2 down")
    assert figures.directions(-1, -4) == ("1 left", "4 up")
    assert figures.directions(0, 0) == ("by 0",)
    assert [figures.reading(e) for e in (0, 9.9e-6, 1.1e-5, 0.126)] == ["0", "0", "0.000", "0.126"]
    assert [figures.reading(e, 1, spread="0.1") for e in (0, 0.126)] == ["0", "0.1 ± 0.1"]


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
    x = picture("digit")
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
}
BEYOND = {  # layers that the notebook does not try
    "strongest of four turns": FOR_ALL - {"enlarge ×2"},
    "blur": FOR_ALL - {"enlarge ×2"},
}
LAYERS = ["setup", "opening-picture", "meter-see", "rim-see", "stride-see", "whole-network-see"]
LAYERS += ["rows-define", "rows-layers", "table", "group-see", "group-picture"]


@pytest.fixture(autouse=True)
def gradients():
    """The notebook switches gradients off; other tests need them."""
    yield
    torch.set_grad_enabled(True)


@pytest.mark.parametrize("seed", range(5))
def test_the_meter_reads_zero_where_theory_says_so_and_nowhere_else(seed):
    few = ("torch.randn(1000,", "torch.randn(4,")
    cells = run_cells(SLUG, LAYERS, seed=("SEED = 0", f"SEED = {seed}"), few=few)
    lift, turn, x = (cells[name] for name in ("lift", "turn", "x"))
    blur = nn.Conv2d(1, 1, 5, padding=2, padding_mode="circular", bias=False)
    blur.weight.data.fill_(1 / 25)
    w = torch.randn(1, 1, 3, 3)
    layers = cells["layers"] | {
        "strongest of four turns": lambda z: lift(z, w).amax(dim=1, keepdim=True),
        "blur": blur,
    }
    for (name, zeros), (transform, T) in itertools.product(
        (ZEROS | BEYOND).items(), cells["transforms"].items()
    ):
        error = equivariance_error(layers[name], T, x)
        assert error < ZERO if transform in zeros else error > BROKEN, (name, transform, error)
    # The four turns of a kernel: T' turns the maps and cycles them, and nothing less will do.
    wrong = [turn, lambda y: turn(y).roll(-1, dims=1), lambda y: y.roll(1, dims=1), lambda y: y]
    right, *others = (
        equivariance_error(lambda z: lift(z, w), turn, x, T_out)
        for T_out in (cells["turn_and_cycle"], *wrong)
    )
    assert right < ZERO and min(others) > BROKEN


def test_the_meter_gives_the_textbook_numbers_and_refuses_to_broadcast():
    x = np.array([3.0, 4.0])
    assert equivariance_error(lambda z: z, lambda z: z[::-1], x) == 0
    assert equivariance_error(lambda z: z**2, lambda z: -z, x) == 2  # |y - (-y)| / |y|
    assert equivariance_error(lambda z: z**2, lambda z: -z, x, lambda y: y) == 0  # invariant
    apart = equivariance_error(lambda z: z.clip(0), lambda z: z[::-1], np.array([0.0, 1]), abs)
    assert apart == pytest.approx(math.sqrt(2))
    with pytest.raises(ValueError, match=r"must have the same shape, got \(2,\) and \(1,\)"):
        equivariance_error(lambda z: z, lambda z: -z, x, lambda z: z[1:])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_meter_reads_as_the_notebook_says(seed, capsys):
    result = run_cells(SLUG, LAYERS, seed=("SEED = 0", f"SEED = {seed}"))
    said = capsys.readouterr().out
    assert re.findall(r"(?:by hand|meter): +(\S+)", said) == ["0", "0"]
    assert "one layer, shift by 1: columns [1, 2, 16]\n" in said
    rims = re.findall(r"receptive field (\d), shift by 1.*: (\[.*\]) columns", said)
    for r, (field, counts) in enumerate(rims, start=1):
        assert int(field) == 2 * r + 1
        wide = [2 * r + min(pixels, 2 * r) for pixels in range(1, 8)]  # 2r + 1 up to 4r
        assert counts == str(wide)
        assert wide == [rim(pixels, 2 * r + 1) for pixels in range(1, 8)]
    strided = re.findall(r"shift by (\d): the output moves by \d, error (\S+)", said)
    assert [(n, e == "0") for n, e in strided] == [(str(n), n % 2 == 0) for n in range(1, 7)]
    assert "rank of the layer's matrix: 256 of 256\n" in said
    followed = dict(re.findall(r"shift by +(\d+): followed (\w+)", said))
    assert [n for n, how in followed.items() if how == "exactly"] == ["16", "32"]
    assert result["follow"] == 4

    assert set(result["readings"]) == set(ZEROS)
    for name, errors in result["readings"].items():
        for transform, error in zip(result["transforms"], errors, strict=True):
            expected = error < 1e-5 if transform in ZEROS[name] else error > 0.1
            assert expected, (name, transform, error)
    assert all(1.35 < error < 1.48 for error in result["readings"]["dense"])  # √2


def test_with_any_linear_map_behind_it_every_layer_that_loses_nothing_would_be_equivariant():
    """Why the lesson asks that T' moves places: M P M⁺ follows the shift that no shift follows."""
    result = run_cells(SLUG, ["setup", "meter-see", "stride-see"])
    x, T, layer = result["x"][:20], result["shift_by"](1), result["strided"]
    layer.bias.data.zero_()
    M = result["matrix"].double()  # row vectors: f(x) = x M
    P = T(torch.eye(256).view(256, 1, 16, 16)).flatten(1).double()
    any_map = torch.linalg.pinv(M) @ P @ M
    gap = layer(T(x)).flatten(1).double() - layer(x).flatten(1).double() @ any_map
    assert gap.norm() < 1e-5 * layer(x).norm()
    assert result["equivariance_error"](layer, T, x) > 1


# The exercises


def stack_follows(strides, amount, x):
    """Whether any whole shift of a real stack's output follows the shift of its input."""

    def stack(z):
        for stride in strides:
            z = F.pad(z, (1, 1), mode="circular")
            z = F.conv1d(z, torch.tensor([[[1.0, -2.0, 4.0]]], dtype=torch.double), stride=stride)
        return z

    y, there = stack(x), stack(x.roll(amount, dims=-1))
    return any(torch.equal(there, y.roll(k, dims=-1)) for k in range(y.shape[-1]))


@pytest.mark.parametrize("strides", [[1], [2], [3], [2, 2], [2, 3], [3, 2], [4, 1], [1, 4], [2, 4]])
def test_breaks_is_what_a_real_stack_does(strides):
    random = torch.Generator().manual_seed(0)
    x = torch.randint(-9, 10, (1, 1, math.prod(strides) * 6), dtype=torch.double, generator=random)
    for amount in range(-12, 13):
        assert exercises.breaks(strides, amount) == (not stack_follows(strides, amount, x))


@pytest.mark.parametrize("k", range(1, 7))
def test_turned_kernels_equal_rot90(k):
    w = np.random.default_rng(k).normal(size=(k, k))
    assert np.array_equal(exercises.turned_kernels(w), [np.rot90(w, turns) for turns in range(4)])


def test_students_other_ways_to_write_it():
    def step_by_step(strides, amount):
        for stride in strides:
            if amount % stride:
                return True
            amount //= stride
        return False

    def rest(strides, amount):
        return amount % math.prod(strides)

    assert check(lambda x, dx, dy: np.roll(x, (dy, dx), (0, 1)), "03.shift").state == "passed"
    assert check(step_by_step, "03.breaking-shift").state == "passed"
    assert check(lambda *case: np.bool_(rest(*case)), "03.breaking-shift").state == "passed"
    assert check(rest, "03.breaking-shift").state == "wrong type"


def test_random_inputs_hold_both_answers_and_both_signs():
    cases = exercises.BREAKS.cases()[len(exercises.BREAKS.fixed) :]
    answers = [exercises.breaks(*case) for case in cases]
    assert 5 <= sum(answers) <= len(answers) - 5
    assert {amount > 0 for _, amount in cases} == {True, False}
    assert any(len(strides) >= 3 for strides, _ in cases)
    for exercise in (exercises.SHIFT, exercises.BREAKS, exercises.TURNED_KERNELS):
        assert repr(exercise.cases()) == repr(exercise.cases())
