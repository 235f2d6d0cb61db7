"""Lesson 05: what its cells measure holds for other seeds; every number drawn is PyTorch's."""

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from cells import run_cells
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from course_utils import datasets
from course_utils.lessons.convolutional_layer import exercises, explorer, figures, resolution
from course_utils.lessons.convolutional_layer.explorer import ConvolutionalLayer, InputResolution
from course_utils.lessons.convolutional_layer.resolution import SIZES, WIDTHS, cost

# The notebook's experiments

SLUG = "05_convolutional_layer"


def test_the_quick_cells_say_what_the_prose_says(capsys):
    cells = ["setup", "opening-picture", "one-unit-see", "photo-filters", "photo-see"]
    run_cells(SLUG, [*cells, "stage-helper", "dense-see", "dense-conv-see"])
    said = capsys.readouterr().out
    assert "convolution: -7  detector: 0" in said
    assert "filters (5, 3, 3, 3)  output (1, 5, 138, 158)" in said
    assert "one output by hand: agrees" in said
    assert "the scores are equal" in said and "scores (1, 10, 5, 5)" in said
    assert "(1x4096 and 1024x10)" in said


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_pooled_network_runs_at_any_size_and_knows_those_of_its_training(seed):
    cells = ["setup", "stage-helper", "dense-see", "pooled-see", "train", "accuracy"]
    cells += ["test", "mixed"]
    result = run_cells(SLUG, cells, seed=("SEED = 0", f"SEED = {seed}"))
    one = dict(zip(result["sizes"], result["one_size"], strict=True))
    many = dict(zip(result["sizes"], result["many_sizes"], strict=True))
    assert one[32] - one[40] > 0.03 and one[32] - one[24] > 0.1
    assert one[40] - one[64] > 0.4 and max(one[64], one[96], one[128]) < 0.35
    seen = [many[n] for n in (16, 24, 32, 40, 48, 64)]
    assert min(seen) - max(one[16], one[64]) > 0.4
    assert many[8] < 0.25 and many[64] > many[96] > many[128]
    assert one[32] > many[32]


# Exercises


def test_the_solutions_equal_torch():
    for x, w, stride, padding in exercises.CONV2D.cases():
        image, filters = torch.tensor(x).double(), torch.tensor(w).double()
        theirs = F.conv2d(image, filters, None, stride, padding)
        assert np.array_equal(exercises.conv2d(x, w, stride, padding), theirs)
    for x, kernel, stride in exercises.MAX_POOL.cases():
        theirs = F.max_pool2d(torch.tensor(x).double(), kernel, stride)
        assert np.array_equal(exercises.max_pool2d(x, kernel, stride), theirs)


def counted(layer, *shape):
    """Run a module in torch: its output, and its parameters and MACs."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        y = layer(torch.zeros(1, *shape))
    return y, sum(p.numel() for p in layer.parameters()), counter.get_total_flops() // 2


@pytest.mark.parametrize("case", exercises.LAYER_COST.cases(), ids=str)
def test_layer_cost_equals_torch(case):
    n, channels, filters, kernel, stride, padding = case
    y, *counts = counted(nn.Conv2d(channels, filters, kernel, stride, padding), channels, n, n)
    assert exercises.layer_cost(*case) == (y.shape[-1], *counts)


# One layer

SVG = "{http://www.w3.org/2000/svg}"
IMAGE = np.arange(64).reshape(8, 8) * 7 % 17
KERNEL = np.array([[-1, 0, 2], [-3, 1, 0], [1, -1, 2]])
GRID = itertools.product((-5, 9), (1, 2, 3), (0, 1), (1, 2, 3, 4))
POSSIBLE = [(b, s, p, k) for b, s, p, k in GRID if (8 + 2 * p - 3) // s + 1 >= k]


def by_torch(image, kernel, bias, stride, padding, pool):
    x, w = (torch.tensor(np.array(a))[None, None].double() for a in (image, kernel))
    z = F.conv2d(x, w, stride=stride, padding=padding) + bias
    maps = (z, z.relu(), F.max_pool2d(z.relu(), pool))
    return [m[0, 0].int().numpy() for m in maps]


def written(element, name=""):
    """The texts inside an element, those of one class alone if it is given."""
    found = [e for e in element.iter(f"{SVG}text") if e.get("class", "") == name or not name]
    return ["".join(e.itertext()).replace("\u2212", "-") for e in found]


@pytest.mark.parametrize("case", POSSIBLE, ids=str)
def test_every_unit_shows_its_number_and_writes_out_its_own_sum(case):
    bias, stride, padding, pool = case
    how = dict(bias=bias, stride=stride, padding=padding, pool=pool)
    z, a, pooled = by_torch(IMAGE, KERNEL, *case)
    root = ET.fromstring(figures.layer_diagram(IMAGE, KERNEL, **how).svg)
    units = [g for g in root.iter(f"{SVG}g") if "u" in g.get("class", "").split()]
    assert len(units) == z.size + pooled.size
    padded = np.pad(IMAGE, padding)
    for (i, j), unit in zip(np.ndindex(z.shape), units, strict=False):
        assert written(unit, "g") == [str(z[i, j]), str(a[i, j])]
        patch = padded[i * stride : i * stride + 3, j * stride : j * stride + 3]
        rows = [[int(v) for v in row.split()] for row in written(unit, "n")]
        assert np.array_equal(rows, np.hstack([patch, patch * KERNEL]))
        words = " ".join(written(unit))
        assert f"sum of the products = {z[i, j] - bias} " in words
        assert words.endswith(f"(bias) = {z[i, j]} ReLU: max(0, {z[i, j]}) = {a[i, j]}")
    for (i, j), unit in zip(np.ndindex(pooled.shape), units[z.size :], strict=True):
        assert written(unit, "g") == [str(pooled[i, j])]
        window = a[i * pool : (i + 1) * pool, j * pool : (j + 1) * pool].ravel()
        said = f"pooling: max({', '.join(map(str, window))}) = {pooled[i, j]}"
        words = " ".join(written(unit))
        assert said in words and words.endswith(f"= {pooled[i, j]}")


@pytest.mark.parametrize("stage", figures.STAGES)
def test_one_unit_is_chosen_and_its_sentence_adds_up(stage):
    maps = dict(zip(figures.STAGES, by_torch(IMAGE, KERNEL, -5, 1, 0, 2), strict=True))
    for i, j in np.ndindex(maps[stage].shape):
        where = dict(stage=stage, row=i + 1, column=j + 1)
        diagram = figures.layer_diagram(IMAGE, KERNEL, bias=-5, **where)
        chosen = re.findall('class="(u [^"]*on[^"]*)"', diagram.svg)
        spoken = {"convolution": "u on", "detector": "u on more", "pooling": "u p on more"}[stage]
        assert chosen == [spoken]
        says = diagram.alt.replace("\u2212", "-")
        assert "input 8 × 8, convolution 6 × 6, detector 6 × 6, pooling 3 × 3. " in says
        assert f"{stage.capitalize()} unit (row {i + 1}, column {j + 1})" in says
        terms = re.findall(r"(\d+)×\(?(-?\d+)\)?", says.partition(": ")[2].partition(": ")[2])
        total = sum(int(x) * int(w) for x, w in terms)
        assert f" = {total}, - 5 (bias) = {total - 5}." in says
        reached = total - 5 if stage == "convolution" else max(0, total - 5)
        assert reached == maps[stage][i, j]


def test_pointing_works_by_rules_that_are_scoped_to_one_picture():
    rules = ET.fromstring(figures.layer_diagram(IMAGE, KERNEL).svg).find(f"{SVG}style").text
    selectors = re.sub(r"/\*.*?\*/|{.*?}", "|", rules, flags=re.S).replace(",", "|").split("|")
    assert all(one.strip().startswith(".cnn-layer") for one in selectors if one.strip())
    assert ".u:hover .v" in rules and ".d:hover~.r" in rules


def test_scans_are_the_data_itself():
    (images, labels), (others, other_labels) = datasets.digits()
    everything = torch.cat([images, others])[:, 0] * 16
    for digit in range(10):
        explorer.scan(digit)[:] = 0  # whoever writes into a scan has a copy
        same = (everything == torch.tensor(explorer.scan(digit))).all(dim=(1, 2))
        assert set(torch.cat([labels, other_labels])[same].tolist()) == {digit}


@pytest.mark.parametrize("name", explorer.FILTERS)
def test_the_panel_says_what_torch_computes(name):
    panel = ConvolutionalLayer(filter=name, padding=1)
    for digit, bias in ((0, -30), (4, 0), (9, 30)):
        panel.move(digit=digit, bias=bias)
        maps = by_torch(explorer.scan(digit), explorer.FILTERS[name], bias, 1, 1, 2)
        places = zip(figures.STAGES, maps, ((4, 5), (8, 1), (2, 3)), strict=True)
        for stage, values, (row, column) in places:
            panel.move(stage=stage)  # first the stage: the range of row and column follows it
            panel.move(row=row, column=column)
            value = values[row - 1, column - 1]
            end = f"(bias) = {value}." if stage == "convolution" else f") = {value}."
            assert panel.says.replace("\u2212", "-").endswith(end)


def test_row_and_column_follow_the_stage_and_begin_in_the_middle():
    panel = ConvolutionalLayer(stage="detector", row=6, column=6)
    panel.move(stage="pooling")
    assert (panel.largest["row"], panel.state["row"], panel.state["column"]) == (3, 3, 3)
    assert panel.redraws == 1
    assert [ConvolutionalLayer(stage=s).state["row"] for s in figures.STAGES] == [3, 3, 2]


def test_what_pooling_leaves_out_is_said_and_what_does_not_fit_is_refused():
    assert "left out" not in ConvolutionalLayer(pool=2).says
    says = ConvolutionalLayer(pool=4).says
    assert "; the last 2 rows and the last 2 columns of the detector" in says
    assert "; the last row and the last column" in ConvolutionalLayer(stride=2, pool=2).says
    panel = ConvolutionalLayer(stride=3, pool=4)
    assert panel.refused and "leaves a map of 2 × 2, and a pooling window of 4 × 4" in panel.says
    panel.move(stride=1)
    assert not panel.refused


# Sketches, and the input size


def test_the_sketches_say_what_the_layers_do():
    words = " ".join(written(ET.fromstring(figures.two_vocabularies().svg)))
    for step, module in (("Convolution", "Conv2d"), ("Detector", "ReLU"), ("Pooling", "MaxPool2d")):
        assert f"{step} stage" in words and f"{step} layer" in words and f"nn.{module}" in words
    assert figures.filter_diagram(32, channels=4, filters=5).alt == (
        "5 filters of 3 × 3 × 4 on an input of 32 × 32 × 4: each filter gives one matrix of "
        "30 × 30, so the output has 5 channels."
    )


def network(head, features):
    layers = []
    for k, (below, above) in enumerate(itertools.pairwise(WIDTHS)):
        layers += [nn.Conv2d(below, above, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if k < 3 else []
    layers += [nn.AdaptiveAvgPool2d(1)] if head == "pooled" else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 10))


@pytest.mark.parametrize("head", ["dense", "pooled"])
@pytest.mark.parametrize("size", [8, 36, 100, 256])
def test_the_cost_of_the_network_equals_torch_and_is_shown(head, size):
    here = cost(size, head)
    _, *counts = counted(network(head, here.features), 1, size, size)
    assert [resolution.STAGE_PARAMETERS + here.head_parameters, here.macs] == counts
    panel = InputResolution(size=size, head=head, built=32)
    assert panel.refused == (head == "dense" and size != 36)
    if not panel.refused:
        shown = written(ET.fromstring(panel.picture))
        for text in (f"{here.features:,} numbers", f"{here.head_parameters:,}", f"{here.macs:,}"):
            assert text in shown
        assert f"{here.macs:,} MACs" in panel.says and f"{here.macs:,} MACs." in panel.alt
        assert {f"{side}×{side}×{c}" for side, c in here.maps} <= set(shown)


@pytest.mark.parametrize("built", [32, 64, 128, 224])
def test_the_dense_head_refuses_exactly_what_torch_refuses_and_quotes_it(built):
    dense = nn.Linear(cost(built, "dense").features, 10)
    panel = InputResolution(head="dense", size=built, built=built)
    for size in SIZES:
        panel.move(size=size)
        try:
            dense(torch.zeros(1, cost(size, "dense").features))
        except RuntimeError as error:
            assert panel.refused and str(error) in panel.says
        else:
            assert not panel.refused
            assert ("accepts" in panel.says) == (size != built)
    panel.move(size=36 if built == 32 else built, head="pooled")
    assert not panel.refused


def test_the_pooled_head_costs_the_same_at_any_size_and_the_stages_more():
    panel = InputResolution()
    assert "averaged to 64 numbers: the head has 650 parameters" in panel.says
    panel.move(size=256)
    assert "the head has 650 parameters" in panel.says
    assert "64.00 times the pixels" in panel.says and ": 63.96 times those of 32" in panel.says
    with pytest.raises(ValueError, match="in steps of 4"):
        InputResolution(size=33)


def test_accuracies_are_drawn_in_percent():
    curves = {"a": [0.1, 0.5, 1.0], "b": [0.2, 0.2, 0.2]}
    ax = resolution.draw_accuracy([8, 16, 32], curves)
    assert list(ax.lines[0].get_ydata()) == [10, 50, 100]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["8", "16", "32"]
    plt.close(ax.figure)


def test_the_panel_of_two_heads_needs_no_numpy():
    code = (
        "import sys; from course_utils.lessons.convolutional_layer import explorer; "
        "explorer.InputResolution().move(size=64); "
        "assert not {'numpy', 'torch', 'matplotlib', 'ipywidgets'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
