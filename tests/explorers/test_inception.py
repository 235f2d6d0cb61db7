"""Branch out: the panel's counts against the model, its verdicts against every setting there is."""

import itertools
import random
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from course_utils.ledger import ledger
from course_utils.lessons.inception.explorer import (
    FILTERS_3A,
    LEAST_SHARE,
    RANGES,
    TARGETS,
    InceptionExplorer,
    view,
)
from course_utils.models.googlenet import INCEPTION_TABLE, Inception, NaiveInception

VALUES = {name: range(low, high + 1, step) for name, (_, low, high, step) in RANGES.items()}


def state(*filters):
    return dict(zip(RANGES, filters, strict=True))


def oracle(target, variant, filters):
    """(channels, multiply-adds, weights) of the model's own module."""
    goal = TARGETS[target]
    with torch.device("meta"):
        module = (
            NaiveInception(goal.in_maps, filters[0], filters[2], filters[4])
            if variant == "naive"
            else Inception(goal.in_maps, *filters)
        )
    macs = ledger(module, (goal.in_maps, goal.side, goal.side)).macs
    weights = sum(p.numel() for p in module.parameters() if p.ndim > 1)
    return module.out_channels, macs, weights


def said(text):
    """(channels, multiply-adds, weights) as the sentence says them."""
    found = re.search(r"= ([\d,]+) channels.* for ([\d,]+) MACs and ([\d,]+) weights\.", text)
    return tuple(int(number.replace(",", "")) for number in found.groups())


def branch_grids():
    """Every value of each branch, the others at 3a's: a module's cost is a sum over branches."""
    a, b, c, d, e, f = FILTERS_3A
    yield from ((n, b, c, d, e, f) for n in VALUES["n1x1"])
    yield from (
        (a, r, n, d, e, f) for r, n in itertools.product(VALUES["reduce3x3"], VALUES["n3x3"])
    )
    yield from (
        (a, b, c, r, n, f) for r, n in itertools.product(VALUES["reduce5x5"], VALUES["n5x5"])
    )
    yield from ((a, b, c, d, e, n) for n in VALUES["projection"])


def some(count):
    rng = random.Random("10.budget")
    for _ in range(count):
        yield rng.choice(list(TARGETS)), tuple(rng.choice(v) for v in VALUES.values())


def wins(target):
    """Whether each setting of the whole grid meets a target, as an array over all six sliders."""
    goal = TARGETS[target]
    axes = np.meshgrid(*(np.array(v) for v in VALUES.values()), indexing="ij", sparse=True)
    n1, r3, n3, r5, n5, p = axes
    macs = goal.side**2 * (goal.in_maps * (n1 + r3 + r5 + p) + 9 * r3 * n3 + 25 * r5 * n5)
    met = (macs <= goal.budget) & (n1 + n3 + n5 + p >= goal.channels)
    met = met & (n3 >= goal.n3x3) & (n5 >= goal.n5x5) & (r3 < goal.in_maps)
    return met & (LEAST_SHARE * r3 >= n3) & (LEAST_SHARE * r5 >= n5)


def test_every_row_of_table_1_lies_on_the_sliders():
    for filters in INCEPTION_TABLE.values():
        assert all(n in values for n, values in zip(filters, VALUES.values(), strict=True))
        assert LEAST_SHARE * filters[1] >= filters[2] and LEAST_SHARE * filters[3] >= filters[4]
    panel = InceptionExplorer()
    for name, (label, low, high, step) in RANGES.items():
        control = getattr(panel, name)
        assert (control.min, control.max, control.step) == (low, high, step)
        assert control.description == label
    assert list(panel.target.options) == list(TARGETS)
    assert list(panel.variant.options) == ["naive", "reduced"]


def test_every_branch_is_counted_as_in_the_model():
    refused = 0
    for filters in branch_grids():
        if filters[1] >= 192:
            refused += 1
            with pytest.raises(ValueError, match="3×3 reduce = 192 is no reduction"):
                view("3a", "reduced", **state(*filters))
            continue
        shown = said(view("3a", "reduced", **state(*filters)).says)
        assert shown == oracle("3a", "reduced", filters), filters
    assert refused == len(VALUES["n3x3"])


def test_states_from_all_over_the_grid_are_counted_as_in_the_model():
    for target, filters in some(120):
        for variant in ("naive", "reduced"):
            if variant == "reduced" and filters[1] >= TARGETS[target].in_maps:
                continue
            shown = view(target, variant, **state(*filters))
            assert said(shown.says) == oracle(target, variant, filters), (target, filters)
            if variant == "reduced":
                channels, macs, _ = oracle(target, "naive", filters)
                ratio = macs / oracle(target, "reduced", filters)[1]
                twin = f"Naive: {channels:,} channels for {macs:,} MACs, {ratio:.1f} times as many."
                assert shown.says.endswith(twin)
            else:
                assert "their sliders do nothing" in shown.says
            assert ET.fromstring(shown.html).get("aria-label") == shown.alt


def test_the_verdict_is_that_of_the_whole_grid():
    """What wins is known for every setting; the panel agrees on a sample of both kinds."""
    rng = random.Random("10.verdict")
    for target in TARGETS:
        met = wins(target)
        for kind in (True, False):
            places = np.argwhere(met == kind)
            for i in rng.sample(range(len(places)), min(60, len(places))):
                indices = places[i]
                filters = tuple(v[k] for v, k in zip(VALUES.values(), indices, strict=True))
                if filters[1] >= TARGETS[target].in_maps:
                    continue
                says = view(target, "reduced", **state(*filters)).says
                assert ("Target met" in says) == kind, (target, filters)
                assert ("Not met" in says) != kind


def test_how_many_settings_win():
    """Every target can be met; the two that ask for less work are hard. The notes name 49."""
    assert {t: int(wins(t).sum()) for t in TARGETS} == {
        "3a": 12_882,
        "half of 3a": 49,
        "4e": 3_900,
        "5b, a quarter off": 6,
    }
    assert wins("3a").size == 3_538_944


@pytest.mark.parametrize("target", TARGETS)
def test_no_naive_module_meets_a_target(target):
    goal = TARGETS[target]
    filters = (16, 16, goal.n3x3, 8, goal.n5x5, 16)  # the cheapest that has the filters
    says = view(target, "naive", **state(*filters)).says
    assert f"{oracle(target, 'naive', filters)[1] - goal.budget:,} MACs over budget" in says


@pytest.mark.parametrize("row", ["3a", "4e"])
def test_googlenets_own_choice_meets_its_target(row):
    says = view(row, "reduced", **state(*INCEPTION_TABLE[row])).says
    assert "Target met" in says
    macs = oracle(row, "reduced", INCEPTION_TABLE[row])[1]
    left = TARGETS[row].budget - macs
    assert f"with {left:,} of {TARGETS[row].budget:,} MACs left" in says
    assert 0 <= left < 1_000_000


def test_each_shortfall_is_named_with_its_size():
    says = view("3a", "reduced", **state(16, 16, 112, 8, 16, 16)).says
    assert "96 channels short of 256" in says
    assert "16 3×3 filters short of 128" in says
    assert "16 5×5 filters short of 32" in says
    assert "3×3 reduce 16 is under a quarter of its 3×3 filters" in says
    assert "5×5 reduce" not in says and "over budget" not in says
    says = view("half of 3a", "reduced", **state(*FILTERS_3A)).says
    assert "Not met: 63,549,152 MACs over budget." in says


def test_a_game_played():
    panel = InceptionExplorer()
    assert not panel.refused and "Target met" in panel.says
    panel.variant.value = "naive"
    assert "174,464,448 MACs over budget" in panel.says
    before = panel.says
    panel.reduce3x3.value = 32
    assert panel.says == before  # the naive module has no reduction
    panel.variant.value = "reduced"
    panel.reduce3x3.value = 192
    assert panel.refused and "is no reduction: 192 maps come in" in panel.says
    panel.target.value = "4e"  # 528 maps come in: now it is one
    assert not panel.refused
    for name, value in state(*INCEPTION_TABLE["4e"]).items():
        getattr(panel, name).value = value
    assert "Target met, with 3,712 of 170,000,000 MACs left" in panel.says


def test_stored_form_is_the_sentence():
    panel = InceptionExplorer()
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == panel.says == repr(panel)
    assert "<svg" in bundle["text/html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "9z"}, "Target must be one of"),
        ({"variant": "wide"}, "Module must be one of"),
        ({"filters": (64, 96)}, "filters must hold 6 numbers"),
        ({"filters": (8, 96, 128, 16, 32, 32)}, "1×1 must be an integer from 16 to 384"),
        ({"filters": (65, 96, 128, 16, 32, 32)}, "1×1 must be a multiple of 16, got 65"),
    ],
)
def test_a_first_value_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        InceptionExplorer(**arguments)
