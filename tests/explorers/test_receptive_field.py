"""Watch the cone grow: every state of the explorer against an independent computation."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from course_utils import geometry
from course_utils.lessons.sparse_connectivity.field_explorer import (
    INPUTS,
    ReceptiveField,
    explain,
    limits,
    refusal,
    stack,
    view,
)

GRID = list(itertools.product(range(1, 6), range(1, 6), range(1, 4), range(6), range(1, 4)))
POSSIBLE = [state for state in GRID if not refusal(*state)]


def seen_by_hand(layers, level, unit):
    """Mark the inputs that reach a unit, by pushing each of them upwards alone."""
    size = INPUTS
    reach = [{k} for k in range(size)]
    for kernel, stride, padding, dilation in layers[:level]:
        size = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        reach = [
            set().union(
                *(
                    reach[place]
                    for tap in range(kernel)
                    if 0 <= (place := out * stride + tap * dilation - padding) < len(reach)
                )
            )
            for out in range(size)
        ]
    return reach[unit - 1]


def field_by_hand(layers, level):
    """The closed form of Araujo et al. (2019): 1 + sum of extents times the strides below."""
    size, jump = 1, 1
    for kernel, stride, _, dilation in layers[:level]:
        size += dilation * (kernel - 1) * jump
        jump *= stride
    return size


def test_the_grid_is_the_whole_grid_of_the_controls():
    panel = ReceptiveField()
    ranges = [
        range(panel.layers.min, panel.layers.max + 1),
        range(panel.kernel.min, panel.kernel.max + 1),
        range(panel.stride.min, panel.stride.max + 1),
        [value for _, value in panel.at.options],
        range(panel.dilation.min, panel.dilation.max + 1),
    ]
    assert list(itertools.product(*ranges)) == GRID
    assert len(POSSIBLE) > 700


def test_every_state_is_built_or_refused_with_its_reason():
    for state in GRID:
        layers, _, _, at, _ = state
        reason = refusal(*state)
        if at > layers:
            assert reason.startswith(f"There is no layer {at} to give a stride to"), state
        elif reason:
            number = int(re.match(r"Layer (\d+) cannot be built", reason)[1])
            here = stack(*state)
            geometry.layer_sizes(INPUTS, here[: number - 1])
            with pytest.raises(ValueError, match=re.escape(f"layers[{number - 1}]: kernel")):
                geometry.layer_sizes(INPUTS, here)
        else:
            assert len(geometry.layer_sizes(INPUTS, stack(*state))) == layers + 1
        if reason:
            with pytest.raises(ValueError, match=re.escape(reason)):
                view(*state, 1, 1)


def test_everything_said_is_true_for_every_unit_of_every_state():
    for state in POSSIBLE:
        layers, _, stride, at, _ = state
        here = stack(*state)
        sizes = geometry.layer_sizes(INPUTS, here)
        for level in range(1, layers + 1):
            for unit in {1, (sizes[level] + 1) // 2, sizes[level]}:
                says = explain(here, stride, at, level, unit)
                size = field_by_hand(here, level)
                sum_, said = re.match(
                    rf"The receptive field in layer {level} is (.+?) = (\d+) inputs?:", says
                ).groups()
                terms = re.findall(r"(\d+) × (\d+)", sum_)
                assert 1 + sum(int(a) * int(b) for a, b in terms) == int(said) == size, state
                seen = seen_by_hand(here, level, unit)
                if not seen:
                    assert f"Unit {unit} sees padding only." in says
                    continue
                numbers = [int(x) for x in re.findall(r"x(\d+)", says)]
                assert {numbers[0], numbers[-1]} == {min(seen) + 1, max(seen) + 1}, state
                skips = re.search(r"skips (\d+) input", says)
                gaps = max(seen) - min(seen) + 1 - len(seen)
                assert (int(skips[1]) if skips else 0) == gaps, state


def test_every_picture_is_well_formed_and_says_the_same_numbers():
    for state in POSSIBLE[::2]:
        layers = state[0]
        sizes = geometry.layer_sizes(INPUTS, stack(*state))
        shown = view(*state, layers, sizes[-1])
        root = ET.fromstring(shown.html)
        assert root.get("aria-label") == shown.alt
        size = field_by_hand(stack(*state), layers)
        assert f"receptive field of {size};" in shown.alt
        assert f"= {size} input" in shown.says
        assert limits(*state, layers, 1) == {"level": layers, "unit": sizes[-1]}


def test_the_lectures_question_does_a_larger_stride_enlarge_the_field():
    """The next layers', yes; its own, no."""
    plain = [geometry.receptive_fields(stack(3, 3, 1, 2, 1))[k].size for k in range(3)]
    strided = [geometry.receptive_fields(stack(3, 3, 2, 2, 1))[k].size for k in range(3)]
    assert (plain, strided) == ([3, 5, 7], [3, 5, 9])
    panel = ReceptiveField(layers=3, kernel=3, stride=2, at=2)
    assert "= 9 inputs" in panel.says
    assert (
        "The stride of layer 2 leaves its own field at 5; every layer above it adds 2 times as "
        "much as without." in panel.says
    )
    panel.at.value = 3
    assert "there is no layer above it that could gain" in panel.says
    panel.at.value = 0
    assert "never enlarges the field of its own layer, only those above" in panel.says


@pytest.mark.parametrize("state", [(3, 3, 2, 1, 1), (4, 2, 1, 0, 1), (2, 3, 1, 0, 2)])
def test_the_units_seen_are_those_with_a_gradient_in_torch(state):
    import torch

    here = stack(*state)
    sizes = geometry.layer_sizes(INPUTS, here)
    x = torch.ones(1, 1, INPUTS, requires_grad=True)
    y = x
    for layer in here:
        weight = torch.ones(1, 1, layer.kernel)
        y = torch.nn.functional.conv1d(y, weight, None, layer.stride, layer.padding, layer.dilation)
    unit = (sizes[-1] + 1) // 2
    y[0, 0, unit - 1].backward()
    seen = (x.grad.flatten().nonzero().flatten() + 1).tolist()
    says = view(*state, len(here), unit).says
    assert f"Unit {unit} sees x{seen[0]}…x{seen[-1]}" in says


def test_layer_and_unit_follow_in_one_redraw():
    panel = ReceptiveField(layers=4, level=4, unit=21)
    panel.layers.value = 2
    assert (panel.level.max, panel.level.value, panel.redraws) == (2, 2, 1)
    panel.stride.value = 2
    assert (panel.unit.max, panel.unit.value, panel.redraws) == (6, 6, 2)
    panel.level.value = 1
    assert (panel.unit.max, panel.redraws) == (11, 3)


def test_a_refusal_is_recovered_from():
    panel = ReceptiveField(layers=3, stride=2)
    panel.at.value = 5
    assert panel.refused and panel.says.startswith("There is no layer 5 to give a stride to")
    panel.layers.value = 5
    assert not panel.refused and panel.redraws == 2


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"layers": 6}, "Layers must be an integer from 1 to 5, got 6"),
        ({"at": 7}, "Stride in must be one of 0, 1, 2, 3, 4, 5, got 7"),
        ({"layers": 2, "level": 3}, "Pick layer must be an integer from 1 to 2, got 3"),
    ],
)
def test_a_first_value_out_of_range_is_refused(first, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ReceptiveField(**first)


def test_it_begins_with_the_middle_unit_of_the_last_layer():
    panel = ReceptiveField()
    assert (panel.level.value, panel.unit.value) == (3, 11)
    assert panel.says.startswith("The receptive field in layer 3 is 1 + 2 × 1 + 2 × 1 + 2 × 1 = 7")
