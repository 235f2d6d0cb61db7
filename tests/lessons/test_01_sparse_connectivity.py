"""What notebook 01 says of its training experiment holds for other seeds as well."""

import pytest
import torch
from cells import run_cells
from torch import nn

from course_utils import datasets, probing

SLUG = "01_sparse_connectivity"
EXPERIMENT = ["setup", "effective-before", "train", "effective-after"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_training_widens_the_effective_field(seed, capsys):
    result = run_cells(SLUG, EXPERIMENT, seed=("manual_seed(0)", f"manual_seed({seed})"))
    before, after = result["size_before"], result["size_after"]
    with capsys.disabled():
        print(f"\nseed {seed}: effective field {before:.1f} -> {after:.1f} of {result['theory']}")
    assert result["theory"] == 17
    assert before < result["theory"] / 2
    assert before + 0.3 < after < result["theory"]


def test_a_change_that_does_not_apply_is_refused():
    with pytest.raises(ValueError, match="must occur once, occurs 0 times"):
        run_cells(SLUG, ["setup"], seed=("manual_seed(99)", ""))
    with pytest.raises(ValueError, match="no-such-cell"):
        run_cells(SLUG, ["no-such-cell"])


@pytest.mark.slow
def test_a_plain_stack_that_starts_wide_can_lose_width():
    torch.manual_seed(0)
    maps = nn.Sequential()
    for channels in (1, *[16] * 7):
        conv = nn.Conv2d(channels, 16, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # a wide start
        maps.extend([conv, nn.ReLU()])
    head = nn.Linear(16, 10)
    (images, labels), _ = datasets.digits(size=16)

    def size():
        field = probing.effective_receptive_field(maps, (1, 25, 25), samples=100)
        return probing.effective_receptive_field_size(field)

    before = size()
    optimizer = torch.optim.Adam([*maps.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(8):
        for batch in torch.randperm(len(labels)).split(64):
            pooled = maps(images[batch]).mean(dim=(2, 3))
            loss = nn.functional.cross_entropy(head(pooled), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert before > 17 / 2
    assert size() < before
