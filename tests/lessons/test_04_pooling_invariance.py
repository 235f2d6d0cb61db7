"""What notebook 04 says of its experiments holds for other seeds as well: its own cells are run."""

import pytest
from cells import run_cells

SLUG = "04_pooling_invariance"
WHETHER = ["setup", "colours-see", "net-code", "train", "look-code", "probe-code", "probe-see"]
SMOOTH = ["cam", "steps-see", "blur", "wobble"]
PLACE = ["height-see", "roll-see", "borders-see"]


def seeded(ids, seed):
    return run_cells(SLUG, ids, seed=("SEED = 0", f"SEED = {seed}"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_what_is_lost_of_the_place_what_still_tells_it_and_how_steadily(seed):
    got = seeded(WHETHER + SMOOTH + PLACE, seed)
    for shift in range(1, 9):
        change = got["change"](got["net"], shift)
        assert change < 1e-5 if shift % 4 == 0 else change > 0.02
    each = {name: change.mean() for name, change in got["each"].items()}
    assert each["blurred"] < 0.8 * each["max pooling"]
    # Left or right: lost, in the largest values and in the means. Up or down: the context tells.
    guess = 1 / 3
    assert got["where_before"] > 0.8 and got["tops"] > 0.8
    assert max(abs(got[name] - guess) for name in ("where_after", "circle")) < 0.09
    assert min(got["high"], got["high_mean"]) > guess + 0.2
    # The invariance is one of shifts of the whole picture, and of circular padding.
    assert got["same"] and abs(got["lost"] - guess) < 0.06
    assert got["border"] > got["circle"] + 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_only_the_pooled_head_finds_gulls_away_from_the_centre(seed):
    recall = seeded(["setup", "net-code", "centred-train", "centred"], seed)["recall"]
    pooled, dense = recall["global pooling"], recall["dense head"]
    assert pooled[0] > 0.9 and dense[0] > 0.9
    assert pooled[-1] > dense[-1] + 0.5


def test_lenet5_learns_as_many_numbers_in_its_pooling_stages_as_the_lesson_says():
    from course_utils.models.lenet5 import LeNet5

    net = LeNet5("paper")
    assert sum(p.numel() for stage in (net.s2, net.s4) for p in stage.parameters()) == 44
