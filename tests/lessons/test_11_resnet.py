"""What notebook 11 says of its experiments holds for other seeds and other learning rates."""

from statistics import median

import pytest
from cells import run_cells

SLUG = "11_resnet"
TRAINING = ["train-plain-20", "train-plain-56", "train-resnet-20", "train-resnet-56"]
EXPERIMENT = ["setup", "learn", *TRAINING, "surgery", "surgery-picture", "waterfall"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_degradation_surgery_and_gradients(seed, capsys):
    result = run_cells(
        SLUG,
        EXPERIMENT,
        training=("residual, seed=0)", f"residual, seed={seed})"),
        start=("torch.manual_seed(0)", f"torch.manual_seed({seed})"),
    )
    printed = capsys.readouterr().out
    curves, errors = result["curves"], result["errors"]
    train = {name: curve[0][-1] for name, curve in curves.items()}
    test = {name: curve[1][-1] for name, curve in curves.items()}
    removed, kept, cut = (list(one.values()) for one in errors.values())
    deep = list(result["deep_errors"])
    ratios = {name: float(n[0] / n[-1]) for name, n in result["norms"].items()}
    with capsys.disabled():
        print(f"\nseed {seed}: training error", {k: f"{100 * v:.1f} %" for k, v in train.items()})
        print("        test error", {k: f"{100 * v:.1f} %" for k, v in test.items()})
        print(
            f"        surgery: plain-20 at least {min(removed):.2f}, ResNet-20 median "
            f"{median(kept):.2f}, shortcut cut {median(cut):.2f}, ResNet-56 {median(deep):.2f}"
        )
        print("        first gradient / last", {k: f"{v:.2g}" for k, v in ratios.items()})
    # Degradation, in training first: the claims that the notebook prints, and its prose.
    assert train["plain-56"] > 0.3
    assert train["plain-20"] <= 0.03
    assert train["ResNet-20"] <= 0.01
    assert train["ResNet-56"] <= 0.01
    assert test["plain-56"] > 0.3
    assert max(test[name] for name in ("plain-20", "ResNet-20", "ResNet-56")) < 0.12
    # Surgery.
    assert min(removed) > 0.6
    assert median(kept) <= 0.35 < 0.6
    assert median(cut) > median(kept)
    assert median(deep) <= 0.15
    # Gradients: large at the input in the untrained plain network only.
    assert ratios.pop("plain-56, untrained") > 50
    assert all(0.1 < ratio < 10 for ratio in ratios.values())
    # What is stored in the notebook is what was printed here.
    assert printed.count("True") == 9 and printed.count("False") == 3


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
    run_cells(SLUG, ["setup", "options-count", "fig-3", "table-1"])
    printed = capsys.readouterr().out
    for number in ("21,623,848", "21,797,672", "22,716,840", "25,557,032", "60,192,808"):
        assert number in printed
    assert "5.4 times" in printed
    rows = [line.split() for line in printed.splitlines() if line.split()[:1] == line.split()[1:2]]
    assert [row[0] for row in rows] == ["18", "34", "50", "101", "152"]
    for _, _, _, _, macs, paper, later in rows:
        assert float(macs) == pytest.approx(float(paper), rel=0.03)
        assert float(later) >= float(macs)
