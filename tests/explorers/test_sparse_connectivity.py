"""Count the arrows: every state of the explorer against an independent count."""

import inspect
import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from course_utils import geometry
from course_utils.lessons.sparse_connectivity.explorer import (
    SparseConnectivity,
    explain,
    limits,
    refusal,
    view,
)

GRID = list(itertools.product(range(3, 13), range(1, 8), range(1, 5), range(4), range(1, 4)))
POSSIBLE = [(n, k, s, p, d) for n, k, s, p, d in GRID if d * (k - 1) < n + 2 * p]


def count_by_hand(n, kernel, stride, padding, dilation):
    """Slide a window over the padded input and count the real units under it."""
    row = [False] * padding + [True] * n + [False] * padding
    reach = dilation * (kernel - 1) + 1
    starts = range(0, len(row) - reach + 1, stride)
    return len(starts), [sum(row[a : a + reach : dilation]) for a in starts]


def test_the_grid_is_the_whole_grid_of_the_controls():
    panel = SparseConnectivity()
    names = ("n", "kernel", "stride", "padding", "dilation")
    ranges = [range(getattr(panel, x).min, getattr(panel, x).max + 1) for x in names]
    assert list(itertools.product(*ranges)) == GRID


def test_every_count_said_is_right_and_its_sum_is_true():
    for state in POSSIBLE:
        m, per_output = count_by_hand(*state)
        n, kernel = state[:2]
        says = explain(*state, dense=False)
        sum_ = re.match(r"(\d+) × (\d+)(?: − (\d+))? = (\d+) arrows?: ", says)
        k, outputs, lost, count = (int(x or 0) for x in sum_.groups())
        assert (k, outputs, count) == (kernel, m, sum(per_output)), state
        assert k * outputs - lost == count == geometry.edge_count(*state), state
        assert f"Dense: {m} × {n} = {n * m}, so {100 * count / (n * m):.0f} % are left" in says
        assert says.endswith(f"{count} weight{'s' * (count != 1)} against {n * m}."), state


def test_every_reason_given_for_a_loss_is_true():
    words = {"one": 1, "two": 2, "three": 3}

    def value(word):
        return words.get(word) or int(word)

    for state in POSSIBLE:
        _, per_output = count_by_hand(*state)
        losses = {f"s{j}": state[1] - c for j, c in enumerate(per_output, 1) if c < state[1]}
        reason = explain(*state, dense=False).split(": ")[1].split(". ")[0]
        if not losses:
            padded = state[3] > 0
            expected = "no arrow starts at a zero of the padding"
            assert reason == (expected if padded else "no output loses one"), state
            continue
        names, amounts = re.fullmatch(
            r"(.+) loses? (.+?)(?: each)? to the padding", reason
        ).groups()
        numbers = [value(word) for word in amounts.split(" to ")]
        assert (numbers[0], numbers[-1]) == (min(losses.values()), max(losses.values())), state
        if "outputs" in names:
            assert names == f"{len(losses)} outputs near the ends", state
        else:
            assert re.findall(r"s\d+", names) == list(losses), state


def test_the_dense_count_is_right_everywhere():
    for state in POSSIBLE:
        m, _ = count_by_hand(*state)
        says = explain(*state, dense=True)
        count = m * state[0]
        assert f"{m} × {state[0]} = {count} arrow{'s' * (count != 1)}" in says


def test_the_lecture():
    says = SparseConnectivity(n=5, kernel=3, padding=1).says
    assert says.startswith("3 × 5 − 2 = 13 arrows: s1 and s5 lose one each to the padding.")
    assert "Dense: 5 × 5 = 25, so 52 % are left." in says
    assert "13 weights against 25" in says
    panel = SparseConnectivity(n=5, kernel=3, padding=1, layer="fully connected")
    assert "5 × 5 = 25 arrows" in panel.says


def test_every_impossible_state_says_why():
    impossible = set(GRID) - set(POSSIBLE)
    assert len(impossible) > 100
    for n, kernel, stride, padding, dilation in impossible:
        reach = dilation * (kernel - 1) + 1
        reason = f"spans {reach} places, but there are only {n + 2 * padding} "
        with pytest.raises(ValueError, match=re.escape(reason)):
            view(n, kernel, stride, padding, dilation, "convolution", "outputs", 1)
        with pytest.raises(ValueError):
            geometry.output_size(n, kernel, stride, padding, dilation)
        for side, there in (("outputs", {}), ("inputs", {"unit": n})):
            assert limits(n, kernel, stride, padding, dilation, "convolution", side, 1) == there
    assert all(not refusal(n, k, p, d) for n, k, s, p, d in POSSIBLE)


@pytest.mark.parametrize("layer", ["convolution", "fully connected"])
@pytest.mark.parametrize("side", ["outputs", "inputs"])
def test_every_picture_is_well_formed_and_holds_the_count(layer, side):
    for state in POSSIBLE[:: 5 if layer == "convolution" else 23]:
        m, per_output = count_by_hand(*state)
        count = sum(per_output) if layer == "convolution" else m * state[0]
        last = m if side == "outputs" else state[0]
        for unit in {1, last}:
            shown = view(*state, layer, side, unit)
            root = ET.fromstring(shown.html)
            arrows = [e for e in root.iter() if "e" in e.get("class", "").split()]
            assert len(arrows) == count, state
            assert root.get("aria-label") == shown.alt
            assert f"{count} arrow" in shown.alt and f"{count} arrow" in shown.says
            assert limits(*state, layer, side, unit)["unit"] == last


@pytest.mark.parametrize("state", POSSIBLE[::211])
def test_the_arrows_are_the_non_zeros_of_a_torch_layers_jacobian(state):
    import torch

    n, kernel, stride, padding, dilation = state
    layer = torch.nn.Conv1d(1, 1, kernel, stride, padding, dilation, bias=False)
    torch.nn.init.ones_(layer.weight)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: layer(x.view(1, 1, n)).flatten(), torch.ones(n)
    )
    count = int(jacobian.count_nonzero())
    assert f" = {count} arrow" in explain(*state, dense=False)


def test_the_unit_follows_the_layer_in_one_redraw():
    panel = SparseConnectivity(n=12, padding=1, unit=12)
    panel.stride.value = 4
    assert (panel.unit.max, panel.unit.value, panel.redraws) == (3, 3, 1)
    panel.side.value = "inputs"
    assert (panel.unit.max, panel.redraws) == (12, 2)


def test_a_refusal_is_recovered_from_and_keeps_the_unit():
    panel = SparseConnectivity(n=5, kernel=3, padding=0, unit=2)
    panel.kernel.value = 7
    assert (
        panel.refused
        and "spans 7 places, but there are only 5 (5 inputs, no padding)" in panel.says
    )
    panel.padding.value = 1
    assert not panel.refused and panel.says.startswith("7 × 1 − 2 = 5 arrows")
    assert panel.unit.value == panel.unit.max == 1


def test_a_dense_layer_is_not_refused_for_a_kernel_that_it_does_not_have():
    panel = SparseConnectivity(n=5, kernel=7, padding=0)
    assert panel.refused
    panel.layer.value = "fully connected"
    assert not panel.refused and panel.says.startswith("Every output reads all 5 inputs: 5 × 5 =")
    assert "25 arrows, one weight each. A convolution with these settings does not" in panel.says
    assert panel.unit.max == 5
    panel.layer.value = "convolution"
    assert panel.refused


def test_it_may_begin_impossible():
    panel = SparseConnectivity(n=3, kernel=7, padding=0)
    assert panel.refused
    panel.padding.value = 3
    assert not panel.refused


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"n": 2}, "Inputs must be an integer from 3 to 12, got 2"),
        ({"kernel": 0}, "Kernel must be an integer from 1 to 7, got 0"),
        ({"layer": "sparse"}, "Layer must be one of 'convolution', 'fully connected', got"),
        ({"unit": 9}, "Unit must be an integer from 1 to 5, got 9"),
    ],
)
def test_a_first_value_out_of_range_is_refused(first, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SparseConnectivity(**first)


def test_every_control_is_labelled():
    panel = SparseConnectivity()
    labels = [getattr(panel, name).description for name in inspect.signature(view).parameters]
    assert all(labels) and len(set(labels)) == len(labels)


def test_importing_it_loads_neither_torch_nor_matplotlib():
    code = (
        "import sys, course_utils.lessons.sparse_connectivity.explorer, "
        "course_utils.lessons.sparse_connectivity.field_explorer; "
        "print([m for m in ('torch', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
