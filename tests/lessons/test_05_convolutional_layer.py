"""What notebook 05 says of its experiments holds for other seeds as well."""

import pytest
from cells import run_cells

SLUG = "05_convolutional_layer"
ONE_SIZE = ["setup", "dense-see", "pooled-see", "train", "test"]


def test_the_quick_cells_say_what_the_prose_says(capsys):
    run_cells(SLUG, ["setup", "opening-picture", "one-unit-see", "tensor-see", "dense-see"])
    said = capsys.readouterr().out
    assert "convolution: -7  detector: 0" in said
    assert "16 filters (16, 3, 3, 3)  output (1, 16, 30, 30)" in said
    assert "one output by hand: agrees" in said
    assert "(1x4096 and 1024x10)" in said


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_pooled_network_runs_at_any_size_and_knows_those_of_its_training(seed):
    result = run_cells(
        SLUG,
        ["setup", "dense-see", "pooled-see", "train", "test", "mixed"],
        seed=("SEED = 0", f"SEED = {seed}"),
    )
    one = dict(zip(result["sizes"], result["one_size"], strict=True))
    many = dict(zip(result["sizes"], result["many_sizes"], strict=True))
    assert one[32] - one[40] > 0.03 and one[32] - one[24] > 0.1
    assert one[40] - one[64] > 0.4 and max(one[64], one[96], one[128]) < 0.35
    seen = [many[n] for n in (16, 24, 32, 40, 48, 64)]
    assert min(seen) - max(one[16], one[64]) > 0.4
    assert many[8] < 0.25 and many[64] > many[96] > many[128]
    assert one[32] > many[32]
