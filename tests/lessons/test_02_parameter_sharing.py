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
from course_utils.lessons.parameter_sharing import exercises, figures
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


STATES = [(n, *w) for n in range(3, 10) for w in ((2, -1, 1), (0, 3, -3), (-2, 0, 1))]


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


@pytest.mark.parametrize("n", range(3, 10))
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


def test_the_matrix_is_drawn_with_its_blocks():
    matrix = ops.toeplitz(np.arange(1.0, 10).reshape(1, 1, 3, 3), (1, 6, 6))
    ax = figures.draw_matrix(matrix, blocks=(4, 6))
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array().filled(0), matrix)
    assert image.get_array().mask.sum() == 576 - 144
    edges = [[*set(li.get_ydata()), *set(li.get_xdata())] for li in ax.lines]
    assert [edge[0] for edge in edges[:3]] == [3.5, 7.5, 11.5]
    assert [edge[-1] for edge in edges[3:]] == [5.5, 11.5, 17.5, 23.5, 29.5]


def test_bars_and_maps_show_the_accuracies():
    ax = figures.draw_accuracies({"dense": (0.95, 0.15), "conv": (0.97, 0.926)})
    heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
    np.testing.assert_allclose(heights, [[95, 97], [15, 92.6]])
    values, places = np.linspace(0, 1, 12).reshape(3, 4), [(0, 3), (2, 1)]
    ax = figures.draw_by_place(values, places, ax=plt.subplots()[1], title="dense")
    np.testing.assert_array_equal(ax.images[0].get_array(), values)
    assert ax.images[0].get_clim() == (0, 1)
    assert list(zip(ax.lines[0].get_ydata(), ax.lines[0].get_xdata(), strict=True)) == places


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


EXPERIMENT = ["setup", "data", "local-layer", "networks", "train-define", "train", "bars", "maps"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_only_shared_weights_read_digits_at_new_places(seed):
    cells = run_cells(
        SLUG, [*EXPERIMENT, "dense-head", "shuffle-see"], seed=("SEED = 0", f"SEED = {seed}")
    )
    known, step, accuracy = cells["known"], cells["step"], cells["accuracy"]
    assert int(known.sum()) == 4 and int(step.sum()) == 36 and known.shape == (9, 9)
    for name, by_row in {**accuracy, "dense head": cells["head"]}.items():
        assert by_row[known].mean() > 0.9, name  # all read new digits where they were taught
    for name in ("dense", "locally connected"):
        assert 0.25 < accuracy[name][step & ~known].mean() < 0.35, name  # "about three in ten"
        assert accuracy[name][~step].mean() < 0.1, name  # "no better than guessing"
    assert accuracy["convolutional"][~known].mean() > 0.8
    assert cells["head"][~known].mean() < 0.3
    # Shuffled: the dense net as before, the ConvNet behind it, and lost at new places.
    results = cells["results"]
    dense, conv = results["dense,\nshuffled"], results["convolutional,\nshuffled"]
    assert abs(dense[0] - results["dense"][0]) < 0.04
    assert conv[0] < dense[0] - 0.02
    assert conv[1] < 0.25


def test_the_networks_have_the_sizes_that_the_text_gives(capsys):
    networks = run_cells(SLUG, ["setup", "data", "local-layer", "networks"])["networks"]
    sizes = [sum(p.numel() for p in net.parameters()) for net in networks.values()]
    assert sizes == [362_062, 362_234, 5_282]
    assert 66 < sizes[1] / sizes[2] < 74  # "a 70th"


def test_the_locally_connected_layer_is_a_convolution_once_its_weights_agree():
    layer = run_cells(SLUG, ["setup", "local-layer"])["LocallyConnected"](2, 3, 5, 6)
    conv = nn.Conv2d(2, 3, 5, padding=2)
    layer.weight.data = conv.weight.data.view(3, 50, 1).expand(3, 50, 36)
    layer.bias.data = conv.bias.data[:, None].expand(3, 36)
    x = torch.rand(4, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(x), conv(x))
    # And every output pixel has weights of its own: changing one changes that pixel alone.
    before = layer(x)
    layer.weight.data = layer.weight.data.clone()
    layer.weight.data[1, :, 7] += 1
    changed = (layer(x) - before).abs().amax(dim=0) > 1e-6  # (3, 6, 6)
    assert changed.nonzero().tolist() == [[1, 1, 1]]
