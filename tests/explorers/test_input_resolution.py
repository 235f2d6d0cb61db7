"""Two heads and one slider: counts, and the refusal, against PyTorch and the ledger."""

import inspect
import re
import xml.etree.ElementTree as ET

import pytest
import torch
from torch import nn

from course_utils.ledger import ledger
from course_utils.lessons.convolutional_layer.resolution_explorer import (
    BUILT_FOR,
    LARGEST,
    SMALLEST,
    STEP,
    WIDTHS,
    InputResolution,
    cost,
    explain,
    refusal,
    view,
)

SIZES = range(SMALLEST, LARGEST + 1, STEP)


def network(head, features):
    layers = []
    for number, (below, above) in enumerate(zip(WIDTHS, WIDTHS[1:], strict=False)):
        layers += [nn.Conv2d(below, above, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if number < 3 else []
    layers += [nn.AdaptiveAvgPool2d(1)] if head == "pooled" else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 10))


@pytest.mark.parametrize("head", ["dense", "pooled"])
@pytest.mark.parametrize("size", [8, 20, 32, 36, 100, 256])
def test_counts_equal_the_ledger_of_a_real_network(head, size):
    here = cost(size, head)
    table = ledger(network(head, here.features), (1, size, size))
    assert table.parameters == here.stage_parameters + here.head_parameters
    assert table.macs == here.macs
    shapes = [row.output_shape for row in table.rows if len(row.output_shape) == 3]
    pooled = [shapes[2], shapes[5], shapes[8], shapes[10]]
    assert [(side, c) for c, side, _ in pooled] == here.maps[1:]


@pytest.mark.parametrize("built", BUILT_FOR)
def test_the_dense_head_refuses_exactly_what_torch_refuses_and_quotes_it(built):
    head = nn.Linear(cost(built, "dense").features, 10)
    for size in SIZES:
        reason = refusal(size, "dense", built)
        try:
            head(torch.zeros(1, cost(size, "dense").features))
        except RuntimeError as error:
            assert str(error) in reason, size
            with pytest.raises(ValueError, match=re.escape(str(error))):
                view(size, "dense", built)
        else:
            assert reason == "", size


def test_the_convolutions_accept_every_size_of_the_slider():
    net = network("pooled", WIDTHS[-1])
    with torch.no_grad():
        for size in (8, 12, 36, 100, 252, 256):
            assert net(torch.zeros(1, 1, size, size)).shape == (1, 10)
            assert not refusal(size, "pooled", 32)


def test_cost_grows_with_the_area():
    assert cost(256, "pooled").macs / cost(32, "pooled").macs == pytest.approx(64, rel=0.001)
    assert cost(256, "pooled").head_parameters == cost(32, "pooled").head_parameters == 650
    assert cost(256, "dense").head_parameters > 60 * cost(32, "dense").head_parameters


def test_every_state_of_the_pooled_head_is_drawn():
    for size in SIZES:
        shown = view(size, "pooled", 32)
        root = ET.fromstring(shown.html)
        assert root.get("aria-label") == shown.alt
        assert f"{cost(size, 'pooled').macs:,} MACs" in shown.alt
        assert f"{cost(size, 'pooled').macs:,} MACs" in shown.says


def test_sizes_that_round_down_to_the_same_maps_are_explained():
    assert "it accepts 36 as well: the poolings round both down to 4" in explain(36, "dense", 32)
    assert "as well" not in explain(32, "dense", 32)


def test_the_panel_refuses_and_recovers():
    panel = InputResolution(size=64, head="pooled")
    panel.head.value = "dense"
    assert panel.refused
    assert "(1x4096 and 1024x10)" in panel.says
    panel.built.value = 64
    assert not panel.refused
    panel.size.value = 256
    assert panel.refused
    panel.head.value = "pooled"
    assert not panel.refused and "650 parameters for any input size" in panel.says


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"size": 300}, "Input size must be an integer from 8 to 256, got 300"),
        ({"size": 33}, "Input size must be a multiple of 4, got 33"),
        ({"head": "wide"}, "Head must be one of 'pooled', 'dense', got 'wide'"),
        ({"built": 50}, "Dense for must be one of 32, 64, 128, 224, got 50"),
    ],
)
def test_a_first_value_out_of_range_is_refused(first, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        InputResolution(**first)


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match="head must be 'dense' or 'pooled', got 'wide'"):
        cost(32, "wide")


def test_every_control_is_labelled():
    panel = InputResolution()
    labels = [getattr(panel, name).description for name in inspect.signature(view).parameters]
    assert all(labels) and len(set(labels)) == len(labels)
