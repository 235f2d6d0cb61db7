"""What notebook 06 says of its experiments holds for other seeds as well."""

import functools
import math

import pytest
import torch
from cells import run_cells
from torch import nn

from course_utils import datasets
from course_utils import probing as signals
from course_utils.lessons.vanishing_gradients.backprop import backprop
from course_utils.training import fit

SLUG = "06_vanishing_gradients"
SEEDS = range(5)
CONVNETS = ["setup", "nets", "convnet-waterfall"]


def reseeded(cells, seed):
    return run_cells(SLUG, cells, seed=("SEED = 0", f"SEED = {seed}"))


def test_the_slope_of_the_sigmoid_where_the_question_puts_it():
    z = math.log((1 + math.sqrt(0.96)) / (1 - math.sqrt(0.96)))  # s (1 - s) = 0.01
    assert z == pytest.approx(4.585, abs=5e-4)
    assert math.log(0.99 / 0.01) == pytest.approx(4.595, abs=5e-4)  # where s itself is 0.99


def test_no_weight_makes_a_factor_larger_than_the_bound():
    result = run_cells(SLUG, ["setup", "path-see", "path-bound"])
    u = torch.linspace(-60, 60, 120_001, dtype=torch.float64)
    factor = u * torch.sigmoid(u) * torch.sigmoid(-u)
    assert float(factor.abs().max()) == pytest.approx(0.224, abs=5e-4)
    assert float(u[factor.argmax()]) == pytest.approx(1.54, abs=5e-3)
    rows = zip(result["inputs"], result["factors"], strict=True)
    bounds = [(abs(w * slope), float(result["most"]) / x) for x, (w, slope) in rows]
    assert all(factor <= bound for factor, bound in bounds)
    third, fifth = bounds[2], bounds[4]
    assert third == pytest.approx((0.894, 0.894), abs=1e-3)
    assert fifth[1] == pytest.approx(0.32, abs=0.005)


@pytest.mark.parametrize("seed", SEEDS)
def test_paths_add_up_with_random_signs(seed):
    result = reseeded(["setup", "path-or-sum"], seed)
    assert float(result["one_path"]) == pytest.approx((0.125 * 0.235) ** 10, rel=0.2)
    grows = float(result["every_path"] / result["one_path"])
    assert grows == pytest.approx(math.sqrt(64**9), rel=0.2)


def test_the_sums_of_two_paths(capsys):
    run_cells(SLUG, ["setup", "two-paths-see"])
    printed = [line.rsplit(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()]
    assert printed == ["1e-13", "3e-13", "0.2", "1", "1", "0"]
    # Neither is the long path's help special to one unit: twenty sigmoid layers of 64 beside
    # twenty ReLU layers.
    sigmoids, relus = (backprop(20, *net).gradient[0] for net in (("sigmoid",), ("relu", "he")))
    assert sigmoids < 1e-12 and 0.1 < relus < 10


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_of_the_convnets(seed):
    result = reseeded([*CONVNETS, "convnet-up"], seed)
    sigmoid, relu, normed = (result["arriving"](net)[0] for net in result["nets"].values())
    assert 3e-8 < sigmoid < 3e-7  # a ten-millionth
    assert 0.1 < relu < 10 and 0.1 < normed < 10
    step = torch.finfo(torch.float32).eps / 2
    assert 1e-9 < result["apart"] < step / 10  # a tenth of what float32 can tell apart
    for gain, (low, high) in {4: (0.002, 0.03), 10: (0.2, 5), 20: (20, 200)}.items():
        init = functools.partial(nn.init.xavier_normal_, gain=gain)
        assert low < result["arriving"](result["plain"](nn.Sigmoid, init))[0] < high


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_what_brings_a_dead_layer_back(seed):
    result = reseeded([*CONVNETS, "train", "dead-see"], seed)
    assert result["dead"] == 16 and set(result["gradient"][:8]) == {0}
    train, test = result["train"], result["test"]

    def learns(net, lr=2e-3):
        return fit(net, train, test, epochs=3, lr=lr, seed=seed).test_accuracy[-1]

    assert learns(result["killed"](), lr=2e-4) < 0.12
    leaky = result["killed"]()
    leaky[20] = nn.LeakyReLU(0.01)
    assert min(row.weights for row in signals.gradient_norms(leaky, *train)) > 0
    assert learns(leaky) > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("lr", [3e-4, 1e-2, 1e-1])
def test_it_is_not_the_learning_rate(lr):
    result = run_cells(SLUG, ["setup", "nets"])
    train, test = datasets.digits()
    net = result["nets"]["sigmoid"]
    assert fit(net, train, test, epochs=5, lr=lr).test_accuracy[-1] < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_at_four_times_xavier_nothing_is_learnt(seed):
    result = reseeded(CONVNETS, seed)
    net = result["plain"](nn.Sigmoid, functools.partial(nn.init.xavier_normal_, gain=4))
    past = fit(net, result["train"], result["test"], epochs=5, lr=2e-3, seed=seed)
    assert past.test_accuracy[-1] < 0.15
