"""A layer in three stages: every number in the picture is the one that PyTorch computes."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from course_utils.drawing import style
from course_utils.lessons.convolutional_layer.figures import (
    STAGES,
    filter_diagram,
    layer_diagram,
    stages,
    two_vocabularies,
    unit_sentence,
)

SVG = "{http://www.w3.org/2000/svg}"
IMAGE = np.arange(64).reshape(8, 8) * 7 % 17
KERNEL = np.array([[-1, 0, 2], [-3, 1, 0], [1, -1, 2]])
GRID = list(itertools.product((-5, 0, 9), (1, 2, 3), (0, 1), (1, 2, 3)))  # bias, stride, pad, pool
POSSIBLE = [c for c in GRID if (8 + 2 * c[2] - 3) // c[1] + 1 >= c[3]]


def by_torch(bias, stride, padding, pool):
    x = torch.tensor(IMAGE)[None, None].double()
    w, b = torch.tensor(KERNEL)[None, None].double(), torch.tensor([float(bias)]).double()
    z = torch.conv2d(x, w, b, stride=stride, padding=padding)
    a = z.relu()
    return [t[0, 0].numpy() for t in (z, a, torch.nn.functional.max_pool2d(a, pool))]


def how(case):
    return dict(zip(("bias", "stride", "padding", "pool"), case, strict=True))


def has(element, name):
    return name in element.get("class", "").split()


def values(text):
    return [int(v) for v in text.replace("\u2212", "-").split()]


@pytest.mark.parametrize("case", POSSIBLE, ids=str)
def test_stages_equal_torch(case):
    maps = stages(IMAGE, KERNEL, **how(case))
    for ours, torchs in zip(maps[2:], by_torch(*case), strict=True):
        assert np.array_equal(ours, torchs)


@pytest.mark.parametrize("case", POSSIBLE, ids=str)
def test_every_unit_writes_out_its_own_sum(case):
    bias, stride, _, pool = case
    maps = stages(IMAGE, KERNEL, **how(case))
    root = ET.fromstring(layer_diagram(IMAGE, KERNEL, **how(case)).svg)
    units = [g for g in root.iter(f"{SVG}g") if has(g, "u")]
    single = [g for g in units if not has(g, "p")]
    pooled = [g for g in units if has(g, "p")]
    assert (len(single), len(pooled)) == (maps.convolution.size, maps.pooled.size)
    for (i, j), unit in zip(np.ndindex(maps.convolution.shape), single, strict=True):
        written = [values(e.text) for e in unit.iter(f"{SVG}text") if has(e, "n")]
        patch = maps.padded[i * stride : i * stride + 3, j * stride : j * stride + 3]
        assert np.array_equal(written, np.hstack([patch, patch * KERNEL]))
        words = " ".join("".join(e.itertext()) for e in unit.iter(f"{SVG}text"))
        z = (patch * KERNEL).sum() + bias
        words = words.replace("\u2212", "-")
        assert f"sum of the products = {z - bias} " in words
        assert f"(bias) = {z}" in words
        assert words.endswith(f"ReLU: max(0, {z}) = {max(z, 0)}")
    for (i, j), unit in zip(np.ndindex(maps.pooled.shape), pooled, strict=True):
        words = " ".join("".join(e.itertext()) for e in unit.iter(f"{SVG}text"))
        window = maps.detector[i * pool : (i + 1) * pool, j * pool : (j + 1) * pool].ravel()
        assert f"max({', '.join(map(str, window))}) = {window.max()}" in words
        assert f"= {maps.pooled[i, j]} ReLU" in words or f"= {maps.pooled[i, j]}" in words


@pytest.mark.parametrize("case", POSSIBLE[::3], ids=str)
def test_the_maps_show_every_number(case):
    maps = stages(IMAGE, KERNEL, **how(case))
    root = ET.fromstring(layer_diagram(IMAGE, KERNEL, **how(case)).svg)
    shown = {}
    for kind in "cdq":
        shown[kind] = []
    for unit in (g for g in root.iter(f"{SVG}g") if has(g, "u")):
        children = list(unit)
        for cell, number in itertools.pairwise(children):
            for kind in "cdq":
                if has(cell, kind):
                    shown[kind] += values(number.text)
    for kind, grid in zip("cdq", maps[2:], strict=True):
        assert shown[kind] == grid.ravel().tolist()


def boxes(element, name):
    return [
        tuple(float(e.get(k)) for k in ("x", "y", "width", "height"))
        for e in element.iter(f"{SVG}rect")
        if has(e, name)
    ]


def test_the_outline_on_the_input_is_the_patch():
    root = ET.fromstring(layer_diagram(IMAGE, KERNEL, stride=2, padding=1).svg)
    units = [g for g in root.iter(f"{SVG}g") if has(g, "u") and not has(g, "p")]
    first, second = boxes(units[0], "m")[0], boxes(units[1], "m")[0]
    cell = first[2] / 3
    assert first[3] == pytest.approx(3 * cell, abs=0.2)
    assert second[0] - first[0] == pytest.approx(2 * cell, abs=0.2)


@pytest.mark.parametrize("stage", STAGES)
def test_one_unit_is_chosen_and_the_alternative_text_says_its_sum(stage):
    diagram = layer_diagram(IMAGE, KERNEL, bias=-5, stage=stage, row=2, column=3)
    root = ET.fromstring(diagram.svg)
    chosen = [g for g in root.iter(f"{SVG}g") if has(g, "on")]
    assert len(chosen) == 1
    assert has(chosen[0], "p") == (stage == "pooling")
    assert has(chosen[0], "more") == (stage != "convolution")
    maps = stages(IMAGE, KERNEL, bias=-5)
    says = unit_sentence(maps, KERNEL, -5, 1, 2, stage, 2, 3)
    assert diagram.alt.endswith(says)
    assert root.get("aria-label") == diagram.alt
    assert "input 8 × 8, convolution 6 × 6, detector 6 × 6, pooling 3 × 3" in diagram.alt


def test_the_sentence_adds_up():
    maps = stages(IMAGE, KERNEL, bias=-5)
    for row, column in np.ndindex(6, 6):
        says = unit_sentence(maps, KERNEL, -5, 1, 2, "detector", row + 1, column + 1)
        says = says.replace("\u2212", "-")
        terms = re.findall(r"(\d+)×\(?(-?\d+)\)?", says)
        total = int(re.search(r" = (-?\d+), ", says)[1])
        assert sum(int(x) * int(w) for x, w in terms) == total
        assert f"= {total - 5}. ReLU: max(0, {total - 5}) = {max(0, total - 5)}." in says


def test_pointing_works_by_rules_that_are_scoped_to_one_picture():
    root = ET.fromstring(layer_diagram(IMAGE, KERNEL).svg)
    rules = root.find(f"{SVG}style").text
    assert all(".cnn-layer" in rule for rule in rules.split("}") if rule)
    assert ".u:hover .v" in rules and ".d:hover~.r" in rules
    assert not any(e.get("id") for e in root.iter())


def test_the_same_arguments_give_the_same_bytes():
    assert layer_diagram(IMAGE, KERNEL).svg == layer_diagram(IMAGE, KERNEL).svg


def test_the_sizes_of_type_follow_the_mode():
    study = layer_diagram(IMAGE, KERNEL).svg
    style.present()
    try:
        assert layer_diagram(IMAGE, KERNEL).svg != study
    finally:
        style.study()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": IMAGE[0]}, "image must be a matrix of integers, got shape (8,)"),
        ({"kernel": KERNEL / 2}, "kernel must be a matrix of integers"),
        ({"kernel": KERNEL[:2, :2]}, "kernel must have shape (3, 3), got (2, 2)"),
        ({"image": IMAGE - 3}, "image must hold no negative numbers, got -3"),
        ({"kernel": KERNEL * 100}, "must give products up to 999"),
        ({"pool": 7}, "pool must be an integer from 1 to 6"),
        ({"stage": "relu"}, "stage must be one of convolution, detector, pooling, got 'relu'"),
        ({"row": 4}, "row must be an integer from 1 to 3, got 4"),
        ({"stage": "detector", "column": 0}, "column must be an integer from 1 to 6, got 0"),
        ({"stride": 0}, "stride must be an integer >= 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        layer_diagram(**({"image": IMAGE, "kernel": KERNEL} | change))


def test_two_vocabularies_name_stages_layers_and_modules():
    diagram = two_vocabularies()
    words = " ".join("".join(e.itertext()) for e in ET.fromstring(diagram.svg).iter(f"{SVG}text"))
    for name in ("Convolution", "Detector", "Pooling"):
        assert f"{name} stage" in words and f"{name} layer" in words
    for module in ("nn.Conv2d", "nn.ReLU", "nn.MaxPool2d"):
        assert module in words and module in diagram.alt


@pytest.mark.parametrize("filters", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_filters_give_a_matrix_each(filters, channels):
    diagram = filter_diagram(9, 12, channels, kernel=3, filters=filters)
    root = ET.fromstring(diagram.svg)
    sheets = [e for e in root.iter(f"{SVG}rect") if e.get("stroke")]
    assert len(sheets) == channels + filters * channels + filters
    assert f"one matrix of 7 × 10, so the output has {filters} channel" in diagram.alt
    conv = torch.nn.Conv2d(channels, filters, 3)
    assert conv(torch.zeros(1, channels, 9, 12)).shape == (1, filters, 7, 10)
    for sheet in sheets:
        x, y, w, h = (float(sheet.get(k)) for k in ("x", "y", "width", "height"))
        assert x >= 0 and x + w <= 1000 and y >= 0 and y + h < 270


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 7}, "channels must be an integer from 1 to 6, got 7"),
        ({"filters": 0}, "filters must be an integer from 1 to 4, got 0"),
        ({"kernel": 9}, "kernel must be an integer from 1 to 8, got 9"),
    ],
)
def test_a_filter_diagram_out_of_range_is_refused(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        filter_diagram(**({"height": 8, "width": 10} | change))
