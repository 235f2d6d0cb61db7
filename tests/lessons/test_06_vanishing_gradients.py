"""What notebook 06 says of its experiments holds for other seeds as well."""

import math

import pytest
import torch
from cells import run_cells
from torch import nn

from course_utils import datasets, signals
from course_utils.training import fit

SLUG = "06_vanishing_gradients"
SEEDS = range(5)


def reseeded(cells, seed):
    return run_cells(SLUG, cells, seed=("manual_seed(0)", f"manual_seed({seed})"))


@pytest.mark.parametrize("seed", SEEDS)
def test_paths_add_up_with_random_signs(seed):
    result = reseeded(["setup", "path-or-sum"], seed)
    # Typical size of one path: ten weights of standard deviation 1/8, ten slopes of about 0.235.
    path = (0.125 * 0.235) ** 10
    expected = path * math.sqrt(64**9)
    assert float(result["every_path"]) == pytest.approx(expected, rel=0.7)
    assert round(math.log10(path)) == -15 or round(math.log10(path)) == -16


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_of_the_convnets(seed):
    result = reseeded(["setup", "nets", "convnet-waterfall"], seed)
    sigmoid, relu, normed = (result["arriving"](net) for net in result["nets"].values())
    assert 3e-8 < sigmoid[0] < 3e-7  # a ten-millionth
    assert 0.1 < relu[0] < 10 and 0.1 < normed[0] < 10
    images = result["train"][0][:64]
    with torch.no_grad():
        top = result["nets"]["sigmoid"][:-2](images)
    assert float(top.std(dim=0).mean()) < 6e-8  # two digits look alike to the dense layer


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_one_learns_and_its_twin_does_not(seed, capsys):
    cells = ["setup", "nets", "convnet-waterfall", "train"]
    result = reseeded(cells, seed)
    final = {name: past.test_accuracy[-1] for name, past in result["history"].items()}
    with capsys.disabled():
        print(f"\nseed {seed}: {', '.join(f'{n} {a:.3f}' for n, a in final.items())}")
    assert final["sigmoid"] < 0.15
    assert final["ReLU"] > 0.7 and final["sigmoid, batch norm"] > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_hasty_relu_net_dies_and_gets_no_gradient(seed, capsys):
    result = reseeded(["setup", "nets", "convnet-waterfall", "dead-see"], seed)
    last = result["rows"][-1]
    with capsys.disabled():
        print(f"\nseed {seed}: {result['dead']} of {result['maps']} maps dead")
    assert result["dead"] > result["maps"] / 3
    assert last.dead == last.units == 16 and result["largest"] == 0
    calm = result["plain"](nn.ReLU, result["he"])
    fit(calm, result["train"], epochs=1, lr=2e-3)
    rows = signals.activation_statistics(calm, result["test"][0])
    assert sum(row.dead for row in rows) <= 5


@pytest.mark.slow
@pytest.mark.parametrize("lr", [3e-4, 1e-2, 1e-1])
def test_it_is_not_the_learning_rate(lr):
    result = run_cells(SLUG, ["setup", "nets"])
    train, test = datasets.digits()
    net = result["nets"]["sigmoid"]
    assert fit(net, train, test, epochs=5, lr=lr).test_accuracy[-1] < 0.2


class Shortcut(nn.Module):
    """x + f(conv(x)), with f the sigmoid, centred or not."""

    def __init__(self, centre):
        super().__init__()
        self.conv, self.centre = nn.Conv2d(16, 16, 3, padding=1), centre
        nn.init.xavier_normal_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x):
        return x + torch.sigmoid(self.conv(x)) - self.centre


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_gradient_that_arrives_is_not_enough(seed, capsys):
    train, test = datasets.digits()
    final, arrives = {}, {}
    for centre in (0.0, 0.5):
        torch.manual_seed(seed)
        first = nn.Conv2d(1, 16, 3, padding=1)
        nn.init.xavier_normal_(first.weight)
        net = nn.Sequential(first, nn.Sigmoid(), *[Shortcut(centre) for _ in range(11)])
        net.extend([nn.Flatten(), nn.Linear(1024, 10)])
        rows = signals.gradient_norms(net, *train)[:-1]
        arrives[centre] = rows[0].outputs / rows[-1].outputs
        final[centre] = fit(net, train, test, epochs=5, lr=2e-3, seed=seed).test_accuracy[-1]
    with capsys.disabled():
        print(f"\nseed {seed}: arrives {arrives[0.0]:.1f}, accuracy {final}")
    assert arrives[0.0] > 0.5
    assert final[0.0] < 0.3 < 0.8 < final[0.5]
