"""What notebook 11 says of its experiments holds for other seeds and other learning rates."""

from statistics import mean

import pytest
from cells import run_cells

SLUG = "11_resnet"
TRAINING = ["train-plain-20", "train-plain-56", "train-resnet-20", "train-resnet-56"]
SURGERY = ["surgery", "surgery-picture", "surgery-deep"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_degradation_surgery_and_gradients(seed):
    result = run_cells(
        SLUG,
        ["setup", "learn", *TRAINING, *SURGERY, "gradient-norms", "waterfall"],
        seed=("SEED = 0", f"SEED = {seed}"),
    )
    train = {name: curve[0][-1] for name, curve in result["curves"].items()}
    test = {name: curve[1][-1] for name, curve in result["curves"].items()}
    # Degradation, in training first.
    assert 0.32 <= train.pop("plain-56") <= 0.68  # said: 35 to 65 %
    assert test.pop("plain-56") > 0.3
    assert max(train.values()) <= 0.03 and max(test.values()) < 0.12
    # Surgery: fatal for the plain network; a ResNet needs its first blocks, not its late ones.
    removed, kept, cut = (list(one.values()) for one in result["errors"].values())
    deep = list(result["deep"].values())
    assert min(removed) > 0.6
    assert kept[0] > 0.5 and deep[0] > 0.5
    assert sum(error < 0.35 for error in kept) >= 6  # "most blocks can be missed"
    assert mean(cut) > mean(kept)
    assert max(deep[9:]) < 0.2
    # Gradients: large at the input in the untrained plain network only.
    ratios = {name: float(n[0] / n[-1]) for name, n in result["norms"].items()}
    assert ratios.pop("plain-56, untrained") > 100
    assert all(0.1 < ratio < 10 for ratio in ratios.values())


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.005, 0.2, 0.5])
def test_no_learning_rate_rescues_the_deep_plain_network(rate):
    result = run_cells(
        SLUG,
        ["setup", "learn", "train-plain-56"],
        fast=("epochs=9, lr=0.05", f"epochs=9, lr={rate}"),
        slow=("epochs=3, lr=0.005", f"epochs=3, lr={rate / 10}"),
    )
    assert result["curves"]["plain-56"][0][-1] > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3])  # the slowest and the fastest of five
def test_forty_epochs_do_not_finish_the_deep_plain_network(seed):
    result = run_cells(
        SLUG,
        ["setup", "learn", "train-plain-56"],
        seed=("SEED = 0", f"SEED = {seed}"),
        fast=("epochs=9", "epochs=30"),
        slow=("epochs=3", "epochs=10"),
    )
    assert 0.05 <= result["curves"]["plain-56"][0][-1] <= 0.55  # said: 10 to 50 %


def test_the_networks_of_a_pair_have_the_same_weights():
    result = run_cells(SLUG, ["setup"])
    for depth in (20, 56):
        plain, residual = (
            result["CifarResNet"](depth, residual=kind, in_channels=1, widths=(8, 16, 32))
            for kind in (False, True)
        )
        shapes = [tuple(p.shape) for p in plain.parameters()]
        assert shapes == [tuple(p.shape) for p in residual.parameters()]


def test_table_1_and_the_options_are_counted_as_the_facts_say(capsys):
    result = run_cells(SLUG, ["setup", "options-count", "fig-3", "fig-3-parameters", "table-1"])
    printed = capsys.readouterr().out
    for number in ("21,623,848", "21,797,672", "22,716,840", "25,557,032", "60,192,808"):
        assert number in printed
    assert "5.4 times" in printed
    assert "1,555,456 activations, 1,379,840 in sums, 175,616 where dotted" in printed
    assert result["more"] == result["sums"] + 128 * 28**2 + 256 * 14**2 + 512 * 7**2
    rows = [line.split() for line in printed.splitlines() if line.split()[:1] == line.split()[1:2]]
    assert [row[0] for row in rows] == ["18", "34", "50", "101", "152"]
    for _, _, _, _, macs, paper, later in rows:
        assert float(macs) == pytest.approx(float(paper), rel=0.03)
        assert float(later) >= float(macs)
