"""What notebook 03 says of its measurements holds for other seeds as well."""

import re

import pytest
import torch
from cells import run_cells

from course_utils.lessons.equivariance.layers import rim

SLUG = "03_equivariance"
MEASUREMENTS = ["setup", "opening-picture", "meter-see", "rim-see", "stride-see"]
MEASUREMENTS += ["whole-network-see", "rows-define", "rows-layers", "table"]
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
    cells = [*MEASUREMENTS, "group-see", "group-picture"]
    result = run_cells(SLUG, cells, seed=("SEED = 0", f"SEED = {seed}"))
    said = capsys.readouterr().out
    assert re.findall(r"(?:by hand|meter): +(\S+)", said) == ["0", "0"]
    assert "one layer, shift by 1: columns [1, 2, 16]\n" in said
    rims = re.findall(r"receptive field (\d), shift by 1.*: (\[.*\]) columns", said)
    for r, (field, counts) in enumerate(rims, start=1):
        assert int(field) == 2 * r + 1
        wide = [2 * r + min(pixels, 2 * r) for pixels in range(1, 8)]  # 2r + 1 up to 4r
        assert counts == str(wide)
        assert wide == [rim(pixels, 2 * r + 1) for pixels in range(1, 8)]
    strided = re.findall(r"shift by (\d): the output moves by \d, error (\S+)", said)
    assert [(n, e == "0") for n, e in strided] == [(str(n), n % 2 == 0) for n in range(1, 7)]
    assert "rank of the layer's matrix: 256 of 256\n" in said
    followed = dict(re.findall(r"shift by +(\d+): followed (\w+)", said))
    assert [n for n, how in followed.items() if how == "exactly"] == ["16", "32"]
    assert result["follow"] == 4

    assert set(result["readings"]) == set(ZEROS)
    for name, errors in result["readings"].items():
        for transform, error in zip(result["transforms"], errors, strict=True):
            expected = error < 1e-5 if transform in ZEROS[name] else error > 0.1
            assert expected, (name, transform, error)
    assert all(1.35 < error < 1.48 for error in result["readings"]["dense"])  # √2


def test_with_any_linear_map_behind_it_every_layer_that_loses_nothing_would_be_equivariant():
    """Why the lesson asks that T' moves places: M P M⁺ follows the shift that no shift follows."""
    result = run_cells(SLUG, ["setup", "meter-see", "stride-see"])
    x, T, layer = result["x"][:20], result["shift_by"](1), result["strided"]
    layer.bias.data.zero_()
    M = result["matrix"].double()  # row vectors: f(x) = x M
    P = T(torch.eye(256).view(256, 1, 16, 16)).flatten(1).double()
    any_map = torch.linalg.pinv(M) @ P @ M
    gap = layer(T(x)).flatten(1).double() - layer(x).flatten(1).double() @ any_map
    assert gap.norm() < 1e-5 * layer(x).norm()
    assert result["equivariance_error"](layer, T, x) > 1
