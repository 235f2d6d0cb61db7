"""Stack small filters: every state of the explorer against its own arithmetic and torch's field."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from course_utils.geometry import receptive_field
from course_utils.lessons.vgg.explorer import KERNELS, MAPS, SIDES, KernelStack, view

GRID = list(itertools.product(range(1, 7), KERNELS, MAPS, MAPS[1:]))


def test_the_grid_is_the_whole_grid_of_the_controls():
    panel = KernelStack()
    assert (panel.layers.min, panel.layers.max) == (1, 6)
    assert tuple(value for _, value in panel.kernel.options) == KERNELS
    assert tuple(panel.in_maps.options) == MAPS
    assert tuple(panel.maps.options) == MAPS[1:]
    assert tuple(value for _, value in panel.side.options) == SIDES
    assert not panel.refused


def evaluated(sum_):
    """The value of a written sum of products, as in "9 × 3 × 64 + 2 × 9 × 64 × 64"."""
    total = 0
    for term in sum_.split(" + "):
        product = 1
        for factor in term.split(" × "):
            product *= int(factor)
        total += product
    return total


def test_what_is_said_is_true():
    for state in GRID:
        layers, kernel, in_maps, maps = state
        says = view(*state, 56).says
        field = receptive_field([(3, 1)] * layers)
        assert f"{field}×{field}" in says
        assert ("as much as the one kernel" in says) == (field == kernel), state
        if field != kernel:
            needed = int(re.search(r"it takes (\d+)\.", says)[1])
            assert receptive_field([(3, 1)] * needed) == kernel
            assert ("less than" in says) == (field < kernel)
        left, stack, right, single = re.search(
            r"Weights: (.+) = ([\d,]+) against (.+) = ([\d,]+): ", says
        ).groups()
        stack, single = (int(number.replace(",", "")) for number in (stack, single))
        assert evaluated(left) == stack
        assert stack == 9 * maps * (in_maps + (layers - 1) * maps)
        assert evaluated(right) == single == kernel**2 * in_maps * maps
        verdict = says[says.rindex(": ") + 2 :]
        assert ("the stack" in verdict) == (stack > single), state
        assert ("the one kernel" in verdict) == (single > stack), state
        ratio = max(stack, single) / min(stack, single)
        if percent := re.search(r"(\d+) % more", verdict):
            assert abs(100 * (ratio - 1) - int(percent[1])) <= 0.51 and ratio < 2
        elif times := re.search(r"([\d.]+) times", verdict):
            assert abs(ratio - float(times[1])) <= 0.051
        else:
            assert verdict == "the same." and ratio == 1


def test_every_picture_is_well_formed_and_has_the_work_in_it():
    for layers, kernel, side in itertools.product(range(1, 7), KERNELS, SIDES):
        shown = view(layers, kernel, 64, 128, side)
        assert ET.fromstring(shown.html).get("aria-label") == shown.alt
        work = 9 * 128 * (64 + (layers - 1) * 128) * side**2
        assert f"multiply-adds {work:,} against" in shown.alt


def test_the_papers_argument_and_its_limit():
    panel = KernelStack()
    assert "the one kernel has 81 % more" in panel.says
    panel.layers.value, panel.kernel.value = 2, 5
    assert "the one kernel has 39 % more" in panel.says
    panel.layers.value, panel.kernel.value, panel.in_maps.value = 3, 7, 3
    assert "the stack has 8.0 times as many" in panel.says
    panel.layers.value, panel.kernel.value = 2, 5
    panel.in_maps.value, panel.maps.value = 64, 128
    assert "the stack has 8 % more" in panel.says


def test_stored_form_is_the_sentence():
    panel = KernelStack()
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == panel.says == repr(panel)
    assert "<svg" in bundle["text/html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": 7}, "3×3 layers must be an integer from 1 to 6"),
        ({"kernel": 4}, "One kernel must be one of"),
        ({"in_maps": 4}, "Maps in must be one of"),
        ({"maps": 3}, "Maps out must be one of"),
        ({"side": 8}, "Map size must be one of"),
    ],
)
def test_a_first_value_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        KernelStack(**arguments)
