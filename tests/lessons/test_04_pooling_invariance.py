"""What notebook 04 says of its experiments holds for other seeds as well: its own cells are run."""

import pytest
from cells import run_cells

SLUG = "04_pooling_invariance"
WHETHER = ["setup", "colours-see", "net-code", "train", "look-code", "probe-see", "cam"]
SMOOTH = ["steps-see", "blur", "wobble"]


def seeded(ids, seed):
    return run_cells(SLUG, ids, seed=("SEED = 0", f"SEED = {seed}"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_whether_not_where_and_how_steadily(seed, capsys):
    got = seeded(WHETHER + SMOOTH, seed)
    shifts = [got["change"](got["net"], shift) for shift in range(1, 9)]
    wobble = got["wobble"]
    with capsys.disabled():
        print(
            f"\nseed {seed}: colours {got['colours']:.3f}, accuracy {got['accuracy']:.4f}, "
            f"third before {got['where_before']:.3f} after {got['where_after']:.3f}, "
            f"map off by {float(got['distance']):.2f} px, blurred {got['smooth_accuracy']:.4f}, "
            f"wobble {wobble['max pooling']:.3f} -> {wobble['blurred']:.3f}"
        )
    assert got["colours"] < 0.65
    assert got["accuracy"] >= 0.95 and got["smooth_accuracy"] >= 0.95
    assert got["where_before"] > 0.8
    assert abs(got["where_after"] - 1 / 3) < 0.12
    assert got["distance"] < 3
    for shift, change in enumerate(shifts, start=1):
        assert change < 1e-5 if shift % 4 == 0 else change > 0.02
    assert wobble["blurred"] < 0.8 * wobble["max pooling"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_only_the_pooled_head_finds_gulls_away_from_the_centre(seed, capsys):
    recall = seeded(["setup", "net-code", "centred"], seed)["recall"]
    ends = [f"{name} {values[0]:.2f} to {values[-1]:.2f}" for name, values in recall.items()]
    with capsys.disabled():
        print(f"\nseed {seed}: found, centred to 10 pixels off: {', '.join(ends)}")
    pooled, dense = recall["global pooling"], recall["dense head"]
    assert pooled[0] > 0.9 and dense[0] > 0.9
    assert pooled[-1] > 0.75
    assert dense[-1] < 0.25
