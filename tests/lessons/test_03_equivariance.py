"""What notebook 03 says of its measurements holds for other seeds as well."""

import re

import pytest
import torch
from cells import run_cells

SLUG = "03_equivariance"
MEASUREMENTS = [
    "setup",
    "meter-see",
    "rim-see",
    "stride-see",
    "rows-define",
    "table",
    "group-see",
]
ZEROS = {  # layer -> the transformations at which the notebook's table shows 0
    "convolution, circular": {"shift 1", "shift 2"},
    "convolution, zero padding": set(),
    "convolution, stride 2": {"shift 2"},
    "dense": set(),
    "ReLU": {"shift 1", "shift 2", "turn 90°", "enlarge ×2"},
    "max-pooling 2×2": {"shift 2", "turn 90°"},
    "global average": {"shift 1", "shift 2", "turn 90°"},
}


@pytest.fixture(autouse=True)
def gradients():
    """The notebook switches gradients off; other tests need them."""
    yield
    torch.set_grad_enabled(True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_meter_reads_as_the_notebook_says(seed, capsys):
    result = run_cells(SLUG, MEASUREMENTS, seed=("manual_seed(0)", f"manual_seed({seed})"))
    said = capsys.readouterr().out
    assert said.count("below 1e-5: True") == 2
    rims = re.findall(r"receptive field (\d): (\d) columns differ, \[([\d, ]+)\]", said)
    assert [(field, count) for field, count, _ in rims] == [(c, c) for c in "3579"]
    for r, (_, _, columns) in enumerate(rims, start=1):
        wrong = sorted([*range(1, r + 2), *range(17 - r, 17)])
        assert [int(c) for c in columns.split(", ")] == wrong
    strided = re.findall(r"shift by (\d): the output moves by \d, error (\S+)", said)
    assert [(n, e == "0") for n, e in strided] == [(str(n), n % 2 == 0) for n in range(1, 7)]
    group = re.findall(r"T' = .*:\s+(\S+)", said)
    assert float(group[0]) > 0.1 and group[1] == "0"

    smallest, dense = 9.0, []
    for name, layer in result["layers"].items():
        for transform, error in zip(result["transforms"], result["errors"](layer), strict=True):
            if transform in ZEROS[name]:
                assert error < 1e-5, (name, transform)
            else:
                assert error > 0.1, (name, transform)
                smallest = min(smallest, error)
            if name == "dense":
                dense.append(error)
    assert set(result["layers"]) == set(ZEROS)
    assert all(1.35 < error < 1.48 for error in dense)
    with capsys.disabled():
        print(
            f"\nseed {seed}: smallest broken reading {smallest:.2f}, dense {min(dense):.2f} to "
            f"{max(dense):.2f}, stride 2 {strided[0][1]}, turn without cycling {group[0]}"
        )
