"""Hover an output: every state of the explorer against PyTorch."""

import inspect
import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from course_utils import datasets
from course_utils.lessons.convolutional_layer.explorer import (
    FILTERS,
    ConvolutionalLayer,
    limits,
    scan,
    units,
    view,
)
from course_utils.lessons.convolutional_layer.figures import STAGES

SHAPES = list(itertools.product((0, 1), (1, 2, 3), (1, 2, 3, 4)))  # padding, stride, pool


def by_torch(digit, name, bias, padding, stride, pool):
    x = torch.tensor(scan(digit))[None, None].double()
    w = torch.tensor(FILTERS[name])[None, None].double()
    z = torch.conv2d(x, w, stride=stride, padding=padding) + bias
    a = z.relu()
    if pool > a.shape[-1]:
        return None
    maps = (z, a, torch.nn.functional.max_pool2d(a, pool))
    return dict(zip(STAGES, (m[0, 0].int().numpy() for m in maps), strict=True))


def last_number(says, stage):
    """The value of the unit that the sentence ends in."""
    says = says.replace("\u2212", "-")
    if stage == "convolution":
        return int(re.search(r"\(bias\) = (-?\d+)\.", says)[1])
    if stage == "detector":
        return int(re.search(r"ReLU: max\(0, -?\d+\) = (\d+)\.", says)[1])
    return int(re.search(r"= max\([^)]*\) = (\d+)\.", says)[1])


def test_scans_are_the_data_itself():
    (images, labels), (others, other_labels) = datasets.digits()
    everything = torch.cat([images, others])[:, 0] * 16
    for digit in range(10):
        same = (everything == torch.tensor(scan(digit))).all(dim=(1, 2))
        assert set(torch.cat([labels, other_labels])[same].tolist()) == {digit}
        assert not scan(digit).flags.writeable


@pytest.mark.parametrize("digit", [-1, 10, True, 2.5])
def test_a_digit_that_is_none_is_refused(digit):
    with pytest.raises(ValueError, match="digit must be an integer from 0 to 9, got"):
        scan(digit)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_unit_of_every_shape_says_what_torch_computes(shape):
    padding, stride, pool = shape
    maps = by_torch(3, "vertical edge", -4, *shape)
    if maps is None:
        side = (8 + 2 * padding - 3) // stride + 1
        with pytest.raises(ValueError, match=f"leaves a map of {side} × {side}, and"):
            view(3, "vertical edge", -4, *shape, "detector", 1, 1)
        assert limits(3, "", 0, *shape, "pooling", 1, 1) == {}
        return
    for stage, values in maps.items():
        there = units(*shape, stage)
        assert values.shape == (there, there)
        assert limits(3, "", 0, *shape, stage, 1, 1) == {"row": there, "column": there}
        for i, j in np.ndindex(values.shape):
            if (i + j) % 3 == 0:
                shown = view(3, "vertical edge", -4, *shape, stage, i + 1, j + 1)
                assert last_number(shown.says, stage) == values[i, j]
                assert f"(row {i + 1}, column {j + 1})" in shown.says


@pytest.mark.parametrize("name", FILTERS)
def test_every_digit_filter_and_bias(name):
    for digit, bias in itertools.product(range(10), (-30, 0, 30)):
        maps = by_torch(digit, name, bias, 1, 1, 2)
        for stage, place in zip(STAGES, ((4, 5), (8, 1), (2, 3)), strict=True):
            shown = view(digit, name, bias, 1, 1, 2, stage, *place)
            assert last_number(shown.says, stage) == maps[stage][place[0] - 1, place[1] - 1]


def test_the_picture_is_well_formed_and_has_all_units():
    shown = view(3, "dot", 0, 1, 1, 2, "pooling", 1, 1)
    root = ET.fromstring(shown.html)
    assert root.get("aria-label") == shown.alt
    for kind, count in (("c", 64), ("d", 64), ("q", 16)):
        assert sum(kind == e.get("class") for e in root.iter()) == count


def test_what_pooling_leaves_out_is_said():
    assert "left out" not in ConvolutionalLayer(pool=2).says
    assert "The last 2 rows and the last 2 columns of the detector" in (
        ConvolutionalLayer(pool=4).says
    )
    assert "The last row and the last column" in ConvolutionalLayer(stride=2, pool=2).says


def test_row_and_column_follow_the_stage_in_one_redraw():
    panel = ConvolutionalLayer(stage="detector", row=6, column=6)
    panel.stage.value = "pooling"
    assert (panel.row.max, panel.row.value, panel.column.value, panel.redraws) == (3, 3, 3, 1)


def test_a_refusal_is_recovered_from():
    panel = ConvolutionalLayer(stride=3)
    panel.pool.value = 4
    assert panel.refused and "a pooling window of 4 × 4 does not fit" in panel.says
    panel.stride.value = 1
    assert not panel.refused


def test_it_may_begin_impossible():
    assert ConvolutionalLayer(stride=3, pool=4).refused


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"digit": 10}, "Digit must be an integer from 0 to 9, got 10"),
        ({"filter": "cat"}, "Filter must be one of 'vertical edge'"),
        ({"stage": "output"}, "Pick in must be one of 'convolution', 'detector', 'pooling'"),
        ({"row": 4}, "Row must be an integer from 1 to 3, got 4"),
    ],
)
def test_a_first_value_out_of_range_is_refused(first, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ConvolutionalLayer(**first)


def test_every_control_is_labelled():
    panel = ConvolutionalLayer()
    labels = [getattr(panel, name).description for name in inspect.signature(view).parameters]
    assert all(labels) and len(set(labels)) == len(labels)


def test_importing_it_loads_neither_torch_nor_matplotlib():
    code = (
        "import sys, course_utils.lessons.convolutional_layer.explorer, "
        "course_utils.lessons.convolutional_layer.resolution_explorer; "
        "print([m for m in ('torch', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
