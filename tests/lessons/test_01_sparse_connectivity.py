"""What notebook 01 says of its effective fields holds for other seeds as well."""

import pytest
import torch
from cells import run_cells

from course_utils import datasets, probing

SLUG = "01_sparse_connectivity"


def width(maps):
    field = probing.effective_receptive_field(maps, (1, 25, 25), samples=100)
    return probing.effective_receptive_field_size(field)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_effective_field_grows_like_the_root_of_the_depth_and_training_widens_it(seed):
    cells = ["setup", "effective-before", "shortcuts", "train", "effective-after"]
    result = run_cells(SLUG, cells, seed=("SEED = 0", f"SEED = {seed}"))
    assert result["theory"] == 17
    assert result["size_before"] + 0.3 < result["size_after"] < result["theory"]
    # "narrower still" than a plain stack of as many layers, which begins at about 13
    assert result["size_before"] < width(result["plain"](8)) - 3
    # "twice as many layers ... about √2 times": 65 wide in theory, by 32 layers
    growth = result["size"] / width(result["plain"](8))
    assert 1.8 < growth < 2.3  # four times as many layers


@pytest.mark.slow
def test_a_plain_stack_that_starts_wide_can_lose_width():
    plain = run_cells(SLUG, ["setup", "effective-before"])["plain"]
    torch.manual_seed(0)
    maps, head = plain(8), torch.nn.Linear(16, 10)
    (images, labels), _ = datasets.digits(size=16)
    before = width(maps)
    optimizer = torch.optim.Adam([*maps.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(8):
        for batch in torch.randperm(len(labels)).split(64):
            pooled = maps(images[batch]).mean(dim=(2, 3))
            loss = torch.nn.functional.cross_entropy(head(pooled), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert before > 17 / 2
    assert width(maps) < before


def test_a_change_that_does_not_apply_is_refused():
    with pytest.raises(ValueError, match="must occur once, occurs 0 times"):
        run_cells(SLUG, ["setup"], seed=("manual_seed(99)", ""))
    with pytest.raises(ValueError, match="no-such-cell"):
        run_cells(SLUG, ["no-such-cell"])


def test_the_first_unit_learns_about_the_fifth_input_in_the_fourth_layer():
    from course_utils.geometry import Layer, cone

    layers = [Layer(3, 1, 1, 1)] * 4
    assert [cone(0, layers, 5, level=level)[0][-1] + 1 for level in (1, 2, 3, 4)] == [2, 3, 4, 5]
