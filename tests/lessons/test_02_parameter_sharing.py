"""Lesson 02: the diagram and its panel, the exercises, what the notebook says of its experiment."""

import re
import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np
import pytest
import torch
from cells import run_cells
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from torch import nn

from course_utils import geometry, ops
from course_utils.exercises import check
from course_utils.lessons.parameter_sharing import exercises, experiment, figures
from course_utils.lessons.parameter_sharing.explorer import INPUTS, ParameterSharing, weights
from course_utils.lessons.parameter_sharing.figures import sharing_diagram, signed

SLUG = "02_parameter_sharing"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(svg):
    """Its matrix {(row, column): text}, and its arrows as (title, class, path)."""
    cells, arrows = {}, []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        title = group.find(f"{SVG}title").text
        if group.get("class").startswith("c "):
            row, column, said = re.fullmatch(r"row s(\d), column x(\d): (.*)", title).groups()
            cells[int(row) - 1, int(column) - 1] = group.find(f"{SVG}text").text
            assert said.endswith(cells[int(row) - 1, int(column) - 1])
        else:
            arrows.append((title, group.get("class"), group.findall(f"{SVG}path")[1]))
    return cells, arrows


STATES = [(n, *w) for n in range(3, 8) for w in ((2, -1, 1), (0, 3, -3), (-2, 0, 1))]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_shared_weights_are_the_toeplitz_matrix_and_its_product_a_convolution(state):
    n, *w = state
    shown = ParameterSharing.view(n, "shared", *w, unit=1)
    cells, arrows = drawn(shown.html)
    matrix = ops.toeplitz(np.array(w), n, padding=1)
    band = {(o, i): signed(int(matrix[o, i])) for i, o in geometry.edges(n, 3, padding=1)}
    assert cells == band
    assert sorted(title for title, _, _ in arrows) == sorted(
        f"w{i - o + 2} = {value}" for (o, i), value in band.items()
    )
    s = ", ".join(signed(int(v)) for v in np.correlate(INPUTS[:n], w, "same"))
    assert shown.says == (
        f"{3 * n - 2} arrows, 3 weights: each slider moves a whole diagonal, w1 and w3 in {n - 1} "
        f"cells, w2 in {n}. Dense, these units would need {n * n}. s = ({s})."
    )
    assert shown.alt == (
        f"{n} inputs, {n} outputs, {3 * n - 2} arrows, 3 weights, each along one diagonal of the "
        f"matrix: {', '.join(f'w{t} = {signed(v)}' for t, v in enumerate(w, 1))}; outputs {s}."
    )


@pytest.mark.parametrize("n", range(3, 8))
def test_unshared_outputs_are_row_by_row_products_and_the_sliders_move_one(n):
    panel, padded = ParameterSharing(n=n, layer="not shared", unit=1), np.pad(INPUTS[:n], 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 3)
    for unit in range(1, n + 1):
        panel.move(unit=unit, w2=unit % 7 - 3)
        rows = weights(**panel.state)
        s = ", ".join(map(signed, (windows * rows).sum(axis=1).tolist()))
        held = {1: "w2 and w3", n: "w1 and w2"}.get(unit, "w1, w2 and w3")
        assert panel.says == (
            f"{3 * n - 2} arrows, {3 * n - 2} weights: the sliders hold those of s{unit} alone, "
            f"and only s{unit} changes ({held} have an arrow there). "
            f"Dense, these units would need {n * n}. s = ({s})."
        )
        others = weights(**panel.state | {"w1": 9, "w2": 9, "w3": 9})
        assert [j for j in range(n) if rows[j] != others[j]] == [unit - 1]
    assert len(set(rows)) > n // 2  # the filters really differ
    panel.move(n=3)
    assert panel.state["unit"] == 3


@pytest.mark.parametrize(("shared", "uses"), [(True, [4, 4, 5]), (False, [1] * 13)])
def test_names_follow_row_and_column_and_the_copies_of_a_weight_light_up_together(shared, uses):
    diagram = sharing_diagram(5, shared=shared)
    cells, arrows = drawn(diagram.svg)
    assert cells == {
        (o, i): f"w{i - o + 2}" if shared else f"w{o + 1},{i + 1}"
        for i, o in geometry.edges(5, 3, padding=1)
    }
    keys = [classes.split()[1][1:] for _, classes, _ in arrows]
    assert sorted(map(keys.count, set(keys))) == uses
    assert all(f".cnn-sharing:has(.h{key}:hover) .m{key}" in diagram.svg for key in keys)
    assert f"13 arrows, {len(uses)} weights" in diagram.alt


def test_copies_look_alike_and_weights_are_told_apart_without_colour():
    def looks(shared, unit=None):
        svg = sharing_diagram(5, shared=shared, rows=[(1, 2, -3)] * 5, unit=unit).svg
        names = ("stroke-width", "stroke-dasharray", "stroke")
        return Counter(tuple(map(path.get, names)) for _, _, path in drawn(svg)[1])

    tied = sorted(looks(True).items())
    assert [count for _, count in tied] == [4, 5, 4]  # w1, w2, w3: the larger, the thicker
    assert len({dash for (_, dash, _), _ in tied}) == 3
    # Nothing shared: only the weights of the chosen output are coloured.
    own = looks(False)
    assert len({colour for _, _, colour in own}) == 1
    for unit, coloured in ((1, 2), (3, 3)):
        assert (looks(False, unit) - own).total() == coloured


def test_the_same_three_weights_stand_over_three_places_and_the_dense_ones_are_all_different():
    drawn = ET.fromstring(figures.filter_diagram().svg)
    texts = [(t.text, float(t.get("x")), float(t.get("y"))) for t in drawn.iter(f"{SVG}text")]
    names = Counter(name for name, _, _ in texts)
    assert [names[f"w{t}"] for t in (1, 2, 3)] == [3, 3, 3]
    assert all(names[f"w{s},{k}"] == 1 for s in (2, 3, 4) for k in range(1, 6))
    for line, output in enumerate((2, 3, 4)):
        (y,) = {y for name, _, y in texts if name == f"w{output},1"}
        weights = {name: x for name, x, at in texts if at == y and "," not in name}
        inputs = {x: name for name, x, at in texts if y < at < y + 50 and name[0] == "x"}
        read = [inputs[weights[f"w{t}"]] for t in (1, 2, 3)]
        assert read == [f"x{line + t}" for t in (1, 2, 3)]
        assert names[f"s{output} = wᵀ({'; '.join(read)})"] == 1


@pytest.mark.parametrize("rows", [None, 1])
def test_the_large_matrix_is_the_convolution_and_each_row_lights_up_with_its_window(rows):
    kernel, x = np.arange(1.0, 10).reshape(3, 3), np.arange(36.0).reshape(6, 6) ** 2
    diagram = figures.matrix_diagram(x, kernel, rows=rows)
    root, matrix = ET.fromstring(diagram.svg), ops.toeplitz(kernel[None, None], (1, 6, 6))

    def places(elements, place):
        left, top, side = figures._AT[place]
        at = [
            ((float(e.get("y")) - top) / side, (float(e.get("x")) - left) / side) for e in elements
        ]
        return sorted((round(row), round(column)) for row, column in at)

    entries = [e for e in root.findall(f"{SVG}rect") if e.get("width") == "14"]
    wanted = np.argwhere(matrix[: rows or 16])
    assert places(entries, "matrix") == sorted(map(tuple, wanted.tolist()))
    groups = {g.get("class"): g for g in root.iter(f"{SVG}g")}
    for j in range(rows or 16):
        window = groups[f"o w m{j}"]
        assert [t.text for t in window.iter(f"{SVG}text")] == [f"{v:.0f}" for v in kernel.flat]
        read = places([e for e in window.iter(f"{SVG}rect") if e.get("width") == "36"], "picture")
        assert [6 * r + c for r, c in read] == np.flatnonzero(matrix[j]).tolist()
        assert f":has(.h{j}:hover) .m{j}" in diagram.svg
        rings = groups[f"h h{j}"].findall(f"{SVG}g/{SVG}rect")
        assert places(rings[:1], "matrix") == [(j, 0)]
        assert places(rings[1:2], "result") == [divmod(j, 4)]
    assert f"{rows or 16} of its rows" in diagram.alt


def test_bars_maps_and_filters_show_their_numbers():
    ax = figures.draw_accuracies({"dense": (95, 30, 8), "conv": (97, 92.6, 90)})
    heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
    np.testing.assert_allclose(heights, [[95, 97], [30, 92.6], [8, 90]])
    values, places = np.linspace(0, 1, 12).reshape(3, 4), [(0, 3), (2, 1)]
    ax = figures.draw_by_place(values, places, ax=plt.subplots()[1], title="dense")
    np.testing.assert_array_equal(ax.images[0].get_array(), values)
    assert ax.images[0].get_clim() == (0, 1)
    assert list(zip(ax.lines[0].get_ydata(), ax.lines[0].get_xdata(), strict=True)) == places
    w = np.array([[-1, -0.01, 1]] * 3)
    ax, _ = figures.draw_filters({"grown": w, "more": w}).axes
    assert [t.get_text() for t in ax.texts] == ["-1.0", "0.0", "1.0"] * 3


def test_accuracies_are_averaged_by_their_distance_from_the_places_shown():
    table, places = np.full((9, 9), 0.1), [(1, 1), (1, 6), (6, 1), (6, 6)]
    for row, column in places:
        table[row - 1 : row + 2, column - 1 : column + 2] = 0.3
    for place in places:
        table[place] = 0.9
    found = experiment.percent(table, places)
    assert found == pytest.approx((90, 30, 10))
    assert experiment.in_words({"a": found}, {"a": (1, 2, 3)}) == (
        "a:                 places shown 90 ± 1 %, one step away 30 ± 2 %, farther away 10 ± 3 %"
    )


def test_a_digit_lies_where_it_was_laid():
    digits = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    canvases = experiment.lay_at_random(digits, [(1, 6), (8, 0)], seed=0)
    first = (canvases[:, :, 1:9, 6:14] == digits).flatten(1).all(dim=1)
    second = (canvases[:, :, 8:, :8] == digits).flatten(1).all(dim=1)
    assert bool((first ^ second).all()) and 10 < int(first.sum()) < 40
    torch.testing.assert_close(canvases.sum(), digits.sum())


whole = st.integers(-9, 9).map(float)


@given(st.lists(whole, min_size=1, max_size=7), st.integers(1, 16), st.integers(1, 4), st.data())
@settings(max_examples=200, deadline=None)
def test_the_matrix_multiplies_as_torch_convolves(w, n, stride, data):
    w, padding = np.array(w), data.draw(st.integers(max(0, -((n - len(w)) // 2)), 8))
    matrix = exercises.toeplitz_matrix(w, n, stride, padding)
    unit_vectors, kernel = torch.eye(n).double()[:, None], torch.from_numpy(w)[None, None]
    convolved = torch.conv1d(unit_vectors, kernel, stride=stride, padding=padding)
    np.testing.assert_array_equal(matrix, convolved[:, 0].T)


@given(st.lists(whole, min_size=1, max_size=12), st.integers(1, 6), st.data())
@settings(max_examples=200, deadline=None)
def test_the_gradient_is_that_of_autograd(x, kernel, data):
    padding = data.draw(st.integers(max(0, -((len(x) - kernel) // 2)), 6))
    outputs = len(x) + 2 * padding - kernel + 1
    g = np.array(data.draw(st.lists(whole, min_size=outputs, max_size=outputs)))
    w = torch.zeros(1, 1, kernel, dtype=torch.float64, requires_grad=True)
    s = torch.conv1d(torch.tensor(x).double()[None, None], w, padding=padding)
    s.backward(torch.from_numpy(g)[None, None])
    found = exercises.shared_gradient(np.array(x), g, kernel, padding)
    np.testing.assert_allclose(found, w.grad[0, 0])


def test_inputs_are_as_the_notebook_says():
    for w, n, stride, padding in exercises.TOEPLITZ_MATRIX.cases():
        assert n >= len(w) == len(set(w)) and 0 not in w  # each weight is recognised
        assert stride >= 1 and 0 <= padding < len(w)
    for x, g, kernel, padding in exercises.SHARED_GRADIENT.cases():
        assert 0 <= padding < kernel <= len(x) and len(g) == len(x) + 2 * padding - kernel + 1


def test_students_other_ways_to_write_it_pass():
    def columns(w, n, stride, padding):
        kernel = torch.tensor(w, dtype=torch.float32)[None, None]
        return torch.conv1d(torch.eye(n)[:, None], kernel, stride=stride, padding=padding)[:, 0].T

    def dot_products(x, g, kernel, padding):
        padded = np.pad(x, padding)
        return np.array([g @ padded[tap : tap + len(g)] for tap in range(kernel)])

    assert check(columns, "02.toeplitz-matrix").state == "passed"
    assert check(dot_products, "02.shared-gradient").state == "passed"


LEARN = ["setup", "first-row", "edges", "learn-filter"]


def test_a_short_loop_recovers_the_edge_filter_from_one_photograph():
    cells = run_cells(SLUG, LEARN)
    learnt, edge_filter = cells["learnt_filter"], cells["edge_filter"][0, 0].numpy()
    assert abs(learnt(400) - edge_filter).max() < 0.02  # "-1 0 1, -2 0 2, -1 0 1"
    after_20 = learnt(20)
    assert abs(after_20[:, 0] + 1.3).max() < 0.1 and abs(after_20[:, 2] - 1.3).max() < 0.1


@pytest.mark.slow
def test_what_else_the_loop_learns_is_as_the_lesson_says():
    cells = run_cells(SLUG, LEARN)
    learnt, edge_filter = cells["learnt_filter"], cells["edge_filter"][0, 0].numpy()
    conv2d, image = torch.nn.functional.conv2d, cells["image"]
    edges, whole = cells["edges"], learnt.__globals__
    whole["edges"] = conv2d(image, cells["edge_filter"].flip(2, 3))
    assert abs(learnt(400) + edge_filter).max() < 0.02  # flipped
    for seed in range(5):
        noise = torch.randn(edges.shape, generator=torch.Generator().manual_seed(seed))
        whole["edges"] = edges + 0.1 * noise
        assert abs(learnt(400) - edge_filter).max() < 0.06  # noise averages out
    whole["image"] = image[..., 60:64, 60:64]
    whole["edges"] = conv2d(whole["image"], cells["edge_filter"])
    few = learnt(400)  # four windows leave the filter open
    assert abs(few - edge_filter).max() > 1
    again = conv2d(whole["image"], torch.from_numpy(few)[None, None])
    assert (again - whole["edges"]).abs().max() < 0.05


EXPERIMENT = ["setup", "data", "local-layer", "networks", "train", "bars", "dense-head"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_only_shared_weights_read_digits_at_new_places(seed):
    ids = [*EXPERIMENT, "first-row", "shuffled", "shuffle-see"]
    cells = run_cells(SLUG, ids, seed=("SEED = 0", f"SEED = {seed}"))
    results, changed, shuffled = cells["results"], cells["changed"], cells["shuffled"]
    for name, (shown, _, _) in {**results, **changed}.items():
        assert shown > 90, name  # all read new digits where they were taught
    for name in ("dense", "locally connected"):
        _, near, far = results[name]
        assert 25 < near < 35 and far < 10, name  # "about three in ten", "no better than guessing"
    assert changed["20 hidden units"][1] < 30 and changed["20 hidden units"][2] < 10
    assert changed["dense head"][1] < 50 and changed["dense head"][2] < 12
    assert min(results["convolutional"]) > 80
    # Shuffled: the dense net as before, the ConvNet behind it, and lost at new places.
    assert abs(shuffled["dense, shuffled"][0] - results["dense"][0]) < 4
    assert shuffled["conv., shuffled"][0] < shuffled["dense, shuffled"][0] - 2
    assert shuffled["conv., shuffled"][1] < 30 and shuffled["conv., shuffled"][2] < 12


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_places_that_are_all_even_leave_a_convnet_with_pooling_uncertain_at_odd_ones(seed):
    places = "[(r, c) for r in (0, 4, 8) for c in (0, 4, 8)]"
    cells = run_cells(
        SLUG,
        EXPERIMENT[: EXPERIMENT.index("bars")],
        seed=("SEED = 0", f"SEED = {seed}"),
        places=("[(1, 1), (1, 6), (6, 1), (6, 6)]", places),
        quick=('"locally connected": locally_connected, ', ""),
    )
    found = {name: experiment.percent(a, eval(places)) for name, a in cells["accuracy"].items()}
    assert found["dense"][0] > 90 and 20 < found["dense"][1] < 30  # "about a quarter"
    shown, odd, even = found["convolutional"]
    assert shown > 95 and 60 < odd < 80 and even > 85  # "about seven in ten", "nine in ten"


def test_the_networks_have_the_sizes_that_the_text_gives():
    cells = run_cells(SLUG, ["setup", "local-layer", "networks"])
    nets = [cells[name]() for name in ("dense", "locally_connected", "convolutional")]
    sizes = [sum(p.numel() for p in net.parameters()) for net in [*nets, cells["dense"](20)]]
    assert sizes == [362_062, 362_234, 5_282, 5_350]
    assert 66 < sizes[1] / sizes[2] < 74  # "a 70th"


def test_the_locally_connected_layer_is_a_convolution_once_its_weights_agree():
    layer = run_cells(SLUG, ["setup", "local-layer"])["LocallyConnected"](2, 3, 5, 6)
    conv = nn.Conv2d(2, 3, 5, padding=2)
    layer.weight.data = conv.weight.data.view(3, 50).T.expand(36, 50, 3)
    layer.bias.data = conv.bias.data.expand(36, 1, 3)
    x = torch.rand(4, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(x), conv(x))
    # And every output pixel has weights of its own: changing one changes that pixel alone.
    before = layer(x)
    layer.weight.data = layer.weight.data.clone()
    layer.weight.data[7, :, 1] += 1
    changed = (layer(x) - before).abs().amax(dim=0) > 1e-6  # (3, 6, 6)
    assert changed.nonzero().tolist() == [[1, 1, 1]]
