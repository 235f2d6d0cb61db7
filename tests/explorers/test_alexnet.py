"""The panel of lesson 08: its sides against PyTorch and the model, its refusals, its sentences."""

import itertools
import xml.etree.ElementTree as ET

import pytest
import torch
from torch.nn import functional as F

from course_utils.ledger import ledger
from course_utils.lessons.alexnet import explorer
from course_utils.lessons.alexnet.explorer import FirstConvolution, fc6, trail, view, windows
from course_utils.models import AlexNet
from course_utils.models.alexnet import map_sizes

GRID = list(itertools.product((11, 7, 5), (1, 2, 3, 4), (0, 1, 2, 3, 4)))
SIZES = range(explorer.SMALLEST, explorer.LARGEST + 1)


def torch_windows(n, kernel, stride, padding):
    x = torch.zeros(1, 1, n, 1, device="meta")
    weight = torch.zeros(1, 1, kernel, 1, device="meta")
    return F.conv2d(x, weight, stride=(stride, 1), padding=(padding, 0)).shape[2]


def test_windows_equal_pytorch_rounded_down():
    for (kernel, stride, padding), n in itertools.product(GRID, (32, 33, 60, 224, 227, 255)):
        assert windows(n, kernel, stride, padding) == torch_windows(n, kernel, stride, padding)


def test_rounded_up_equals_the_smallest_larger_image_that_divides():
    for (kernel, stride, padding), n in itertools.product(GRID, (32, 61, 224, 227)):
        larger = n
        while (larger + 2 * padding - kernel) % stride:
            larger += 1
        up = windows(n, kernel, stride, padding, "up")
        assert up == torch_windows(larger, kernel, stride, padding)
    assert windows(5, 11, 4) == 0


def test_trail_equals_the_models_plan():
    for size, padding in itertools.product(range(67, 257), (0, 2)):
        assert dict(trail(size, padding=padding)) == map_sizes(size, padding)


@pytest.mark.parametrize(("size", "padding"), [(227, 0), (224, 2), (224, 0), (99, 0)])
def test_fc6_has_the_parameters_of_the_model(size, padding):
    with torch.device("meta"):
        book = ledger(AlexNet(input_size=size, conv1_padding=padding), (3, size, size))
    row = next(row for row in book.rows if row.name == "fc6")
    inputs, parameters = fc6(trail(size, padding=padding)[-1][1])
    assert parameters == row.parameters
    assert inputs == row.macs // 4096


def test_every_state_is_drawn_or_refused_with_a_reason():
    drawn = refused = 0
    for size in (*SIZES[::7], 224, 227):
        for (kernel, stride, padding), rounding in itertools.product(GRID, ("down", "up")):
            state = dict(size=size, kernel=kernel, stride=stride, padding=padding)
            try:
                sides = trail(rounding=rounding, **state)
            except ValueError as reason:
                with pytest.raises(ValueError, match="needs windows of 3"):
                    view(rounding=rounding, **state)
                assert "Choose a larger image" in str(reason)
                refused += 1
                continue
            if size in (32, 60, 116, 224, 227):
                shown = view(rounding=rounding, **state)
                assert ET.fromstring(shown.html).get("aria-label") == shown.alt
                assert f"= {sides[0][1]}." in shown.says
                assert f"{fc6(sides[-1][1])[0]:,} numbers" in shown.says
            drawn += 1
    assert drawn > 1000 and refused > 100


def test_the_four_ways_of_the_notebook():
    panel = FirstConvolution()
    assert panel.says.startswith("(224 \u2212 11) / 4 = 53.25, rounded down, + 1 = 54.")
    assert "The sides are 54, 26, 12, 5; the paper has 55, 27, 13, 6" in panel.says
    assert "fc6 gets 6,400 numbers" in panel.says
    panel.rounding.value = "up"
    assert "reads 3 past the edge" in panel.alt and "9,216 numbers" in panel.says
    panel.rounding.value = "down"
    panel.padding.value = 2
    assert "(224 + 2\u00b72 \u2212 11) / 4 = 54.25, rounded down, + 1 = 55." in panel.says
    panel.padding.value = 0
    panel.size.value = 227
    assert panel.says.startswith("(227 \u2212 11) / 4 + 1 = 55. The maps have the paper's sides")
    assert "37,752,832 parameters" in panel.says


def test_the_panel_refuses_in_place_and_recovers():
    panel = FirstConvolution()
    panel.size.value = 60
    assert panel.refused
    assert "60 pixels are too few" in panel.says and "pool5 needs windows of 3" in panel.says
    panel.stride.value = 2
    assert not panel.refused
    with pytest.raises(ValueError, match="does not fit into 8 pixels"):
        trail(8)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"size": 300}, "Image must be an integer from 32 to 256, got 300"),
        ({"padding": 5}, "Padding must be an integer from 0 to 4, got 5"),
        ({"rounding": "half"}, "Round must be one of 'down', 'up', got 'half'"),
        ({"kernel": 3}, "Kernel must be one of 11, 7, 5, got 3"),
        ({"stride": 0}, "Stride must be an integer from 1 to 4, got 0"),
    ],
)
def test_a_first_value_out_of_range_is_refused(first, message):
    with pytest.raises(ValueError, match=message):
        FirstConvolution(**first)
