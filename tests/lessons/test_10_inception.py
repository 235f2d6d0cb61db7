"""What notebook 10 says of its experiments holds for other seeds; its counts are the papers'."""

import pytest
import torch
from cells import run_cells

from course_utils.datasets import digits
from course_utils.datasets.papers import results
from course_utils.models import GoogLeNet
from course_utils.models.googlenet import training_loss
from course_utils.training import fit

SLUG = "10_inception"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_heads_matter_where_the_gradient_vanishes(seed):
    """The table of the text: factors at conv1 with each kind of weights at the start."""
    block_gradients = run_cells(SLUG, ["setup", "gradients"])["block_gradients"]
    gain, norms = {}, {}
    for init in ("torch", "caffe", "he"):
        norms[init], heads = (block_gradients(init, heads, seed) for heads in (False, True))
        gain[init] = heads[0] / norms[init][0]
        if init != "caffe":  # above 4d the heads add nothing
            assert heads[-3:] == pytest.approx(norms[init][-3:], rel=1e-4)
    assert 27 < gain["torch"] < 150
    assert 1.5 < gain["caffe"] < 12
    assert 1.1 < gain["he"] < 2.3
    assert norms["torch"][0] < 1e-4 * norms["torch"][-1]  # it vanishes
    assert 0.05 < norms["he"][0] / norms["he"][-1] < 20  # it does not


def trained(init, heads, seed, epochs):
    """Return the last training accuracy of a small GoogLeNet on 512 digits."""
    images, labels = digits(size=80)[0]
    torch.manual_seed(seed)
    net = GoogLeNet(True, 10, in_channels=1, input_size=80, width=1 / 8, init=init)

    def loss(scores, labels):
        main = torch.nn.functional.cross_entropy(scores.main, labels)
        return training_loss(scores, labels) if heads else main

    recipe = {"epochs": epochs, "lr": 2e-3, "batch_size": 32, "seed": seed, "live": False}
    return fit(net, (images[:512], labels[:512]), loss=loss, **recipe).train_accuracy[-1]


@pytest.mark.slow
def test_heads_do_not_speed_up_the_learning(capsys):
    """Single runs may be faster with them, on some processors; the mean of five is not."""
    ends = torch.tensor(
        [[trained("he", heads, seed, epochs=10) for heads in (False, True)] for seed in range(5)]
    )
    with capsys.disabled():
        print("\nright in training without heads, with:", ends.tolist())
    assert ends[:, 0].min() > 0.7
    gain = ends[:, 1] - ends[:, 0]
    assert gain.max() < 0.1 and gain.mean() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_with_the_default_weights_neither_learns(seed):
    assert max(trained("torch", heads, seed, epochs=6) for heads in (False, True)) < 0.2


def test_the_counts_are_those_of_the_facts(capsys):
    cells = ["setup", "module-cost", "stack", "table-1", "table-repairs", "two-paths-see"]
    result = run_cells(SLUG, cells)
    printed = capsys.readouterr().out
    for number in (
        "120,422,400 MACs; through 16 maps 12,443,648, 9.7 times",
        "303,464,448 MACs, 387,072 weights, 416 channels",
        "128,049,152 MACs, 163,328 weights, 256 channels",
        "6,998,552 parameters with biases, 1,582,671,872 MACs",
        "linear   1000.0 K    1000K",
        "8.7 times as many; the paper says 12 times",
        "row 1, separable: 2,712 weights, 34.0 M",
    ):
        assert number in printed
    assert result["maps"] == {"naive": 4944, "reduced": 1024}
    assert result["total"]["naive"] / result["total"]["reduced"] == pytest.approx(11, abs=0.3)
    rows = {
        line.split()[0]: line for line in printed.splitlines() if line.count("≠") or " K " in line
    }
    odd_ops = [name for name, line in rows.items() if line.rstrip().endswith("≠")]
    assert odd_ops[:2] == ["conv1", "5a"]
    odd_weights = [name for name, line in rows.items() if "K ≠" in line]
    assert odd_weights == ["conv1", "4a", "4c", "4d", "4e", "5a", "5b"]
    assert "12 layers    9e-25" in printed and "12 and 8     3e-17" in printed


def test_one_photograph_goes_through_the_whole_network(capsys):
    result = run_cells(SLUG, ["setup", "table-1", "photo"])
    printed = capsys.readouterr().out
    shapes = "3×224×224 → 64×56×56 → 192×28×28 → 480×14×14 → 832×7×7 → 1024×7×7 → 1024 → 1000"
    assert shapes in printed
    assert result["run"].output.shape == (1, 1000)
    assert result["run"].weight_bytes == 4 * 6_998_552
    assert "weights 28.0 MB, maps at once 11.0 MB" in printed


def test_the_heads_are_dropped_after_training():
    """Same scores without them, and 6,379,728 parameters less."""
    torch.manual_seed(0)
    small = {"in_channels": 1, "width": 1 / 8}
    heads = GoogLeNet(True, 10, input_size=80, init="he", **small).eval()
    none = GoogLeNet(False, 10, **small).eval()
    none.load_state_dict(heads.state_dict(), strict=False)
    images = torch.rand(4, 1, 80, 80)
    with torch.no_grad():
        assert torch.equal(heads(images), none(images))
    with torch.device("meta"):
        counts = [sum(p.numel() for p in GoogLeNet(h).parameters()) for h in (True, False)]
    assert counts == [13_378_280, 6_998_552] and counts[0] - counts[1] == 6_379_728


def test_the_shortest_ways_have_the_layers_that_the_text_says():
    """Twelve layers from conv1's output to the scores, eight to those of the head on 4a."""
    with torch.device("meta"):
        net = GoogLeNet()
    modules = [name for name, _ in net.named_children() if name.startswith("inception")]
    assert len(modules) == 9 and modules[2] == "inception4a"
    conv2, linear, one_each = 2, 1, 1
    assert conv2 + 9 * one_each + linear == 12
    weighted = [m for m in net.auxiliary4a.modules() if hasattr(m, "weight")]
    assert conv2 + 3 * one_each + len(weighted) == 8
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 57 + 2  # the heads have one each


def test_table_3_is_complete():
    paper = results("inception")
    models, crops, errors = (paper[f"table-3-{x}"].value for x in ("models", "crops", "errors"))
    assert list(zip(models, crops, errors, strict=True)) == [
        (1, 1, 10.07), (1, 10, 9.15), (1, 144, 7.89), (7, 1, 8.09), (7, 10, 7.62), (7, 144, 6.67),
    ]  # fmt: skip
    assert len(paper["table-1-params"].value) == len(paper["table-1-ops"].value) == 12
    assert sum(paper["table-1-ops"].value) == 1502
    assert sum(paper["table-1-params"].value) == pytest.approx(6797.7)
