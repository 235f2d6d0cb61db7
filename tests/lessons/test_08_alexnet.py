"""Lesson 08: its pictures, panel and exercises against PyTorch and the paper; its experiments."""

import itertools
import re

import numpy as np
import pytest
import torch
from cells import run_cells
from matplotlib import pyplot
from torch import nn
from torch.nn import functional as F

from course_utils.datasets import digits, photograph
from course_utils.datasets.papers import results
from course_utils.drawing.style import ACCENT, HIGHLIGHT, tint
from course_utils.exercises import check
from course_utils.lessons.alexnet import exercises, figures, trials
from course_utils.lessons.alexnet.explorer import FirstConvolution
from course_utils.models.alexnet import CONVOLUTIONS, AlexNet
from course_utils.training import evaluate

SLUG = "08_alexnet"
TABLE = ["setup", "network", "network-check", "table-see"]
EXPERIMENTS = ["setup", "race", "gradients-see", "fields-see", "overlap", "dropout"]
EXPERIMENTS += ["augment", "augment-see", "filters-code", "filters-see"]
view = FirstConvolution.view


def words(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


# The notebook


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_experiments_hold_for_other_seeds(seed):
    result = run_cells(SLUG, EXPERIMENTS, seed=("SEED = 0", f"SEED = {seed}"))
    assert max(result["soon"]) <= 3 and result["stuck"] > 83  # epochs; percent, 90 is guessing
    adam = result["race"](nn.Sigmoid, 0.01, optimizer=torch.optim.Adam)
    assert adam[3] > 60 and adam[-1] < 25  # a plateau first
    first = result["first"]
    assert first["sigmoid"] < 0.014 and 0.6 < first["tanh"] < 0.9 < first["ReLU"] < 1.6
    ordinary, overlapping = result["found"].values()
    assert max(ordinary[0], overlapping[0]) < 4  # both read what they trained on
    assert overlapping[1] < 0.85 * ordinary[1] and overlapping[2] < 0.85 * ordinary[2]
    without, with_dropout = result["curves"].values()
    assert min(without[:15]) < 5.5 and with_dropout[-1] < 5.5
    assert without[-1] > max(min(without) + 3, with_dropout[-1] + 3)  # it got worse again
    by_heart, honest = (100 * evaluate(net, result["noisy"]).error for net in result["nets"])
    wrong = 100 * (result["noisy"][1] != result["train"][1]).float().mean()
    assert by_heart < wrong - 4 and honest > wrong - 3
    as_is, moved = result["errors"].values()
    assert moved[1] < 0.5 * moved[0] and as_is[2] > as_is[0] + 1  # plain, crops, mirrors
    grey, coloured = (result["colour"] < 0.2).sum(), (result["colour"] > 0.4).sum()
    assert 22 <= grey <= 31 and 15 <= coloured <= 24 and not result["centres"].isnan().any()


def test_tables_are_counted_as_the_facts_say(capsys):
    result = run_cells(SLUG, [*TABLE, "shares", "groups-see", "four-ways"])
    printed = capsys.readouterr().out
    for number in ("62,378,344", "1,135,256,096", "307,456"):
        assert number in printed
    assert printed.count("60,965,224 parameters, 724,406,816 multiply-adds") == 3
    assert "neurons in all 659,272; caption: 622,312" in printed
    assert printed.count("but fig. 2 says") == 1 and "but fig. 2 says 253,440" in printed
    ways = re.findall(r"conv1 (\d+)  fc6 gets ([\d,]+)", printed)
    assert ways == [("54", "6,400"), *[("55", "9,216")] * 2]
    filters = result["paper"]["filters"].value  # count, rows, columns, maps read
    for place, name in enumerate(CONVOLUTIONS):
        count, height, width, maps = filters[4 * place : 4 * place + 4]
        weight = result["alexnet"].get_submodule(name).weight
        assert weight.shape == (count, maps, height, width)
    shares = [sum(values[5:]) for values in result["shares"].values()]
    assert shares == pytest.approx([96.2, 8.1], abs=0.1)


def test_the_network_on_one_screen_is_the_courses(capsys):
    result = run_cells(SLUG, ["setup", "network", "grouped-see"])
    assert "(256, 48, 5, 5), largest difference 0.000" in capsys.readouterr().out
    with torch.device("meta"):
        model = AlexNet()
    shapes = [weight.shape for weight in model.parameters()]
    assert [weight.shape for weight in result["written"].parameters()] == shapes
    written = [type(layer).__name__ for layer in result["written"] if type(layer) is not nn.Flatten]
    named = [type(layer).__name__ for layer in model.children()]
    assert written == named


def test_the_papers_numbers_are_those_of_the_facts():
    paper = {name: result.value for name, result in results("alexnet").items()}
    facts = {"relu-speed": 6, "second-place": 26.2, "two-gpus": (1.7, 1.2), "lrn": (1.4, 1.2)}
    facts |= {"overlapping-pooling": (0.4, 0.3), "one-net": (40.7, 18.2)}
    facts |= {"five-nets": (38.1, 16.4, 16.4), "seven-nets": (36.7, 15.4, 15.3)}
    assert facts.items() <= paper.items()
    assert sum(paper["neurons-by-layer"]) == 622_312


def test_normalisation_has_its_peak_where_the_notebook_says(capsys):
    run_cells(SLUG, ["setup", "lrn-see"])
    assert "a =  200: b =  52.17; with alpha/n  92.40" in capsys.readouterr().out
    loud = torch.arange(1, 1001, dtype=torch.float64)
    a = torch.zeros(1000, 11, 1, 1, dtype=torch.float64)
    a[:, 5, 0, 0] = loud
    for alpha, peak in ((5e-4, 200), (1e-4, 447)):
        b = nn.LocalResponseNorm(5, alpha=alpha, k=2)(a)[:, 5, 0, 0]
        assert loud[b.argmax()] == peak


# The pictures


def test_towers_cross_exactly_where_a_layer_reads_both():
    diagram = figures.two_towers()
    written = words(diagram.svg)
    assert [written.count(half) for half in ("48", "128", "192", "2,048", "500")] == [2, 4, 4, 4, 2]
    assert written.count("LRN, pool") == 2 and {"11×11 / 4", "5×5", "227×227"} <= set(written)
    lines = re.findall(rf'<line x1="[^"]+" y1="[^"]+" x2="([\d.]+)"[^>]+{HIGHLIGHT}', diagram.svg)
    crossing = {124 + 112 * k + 10 * (k > 4) for k in (2, 5, 6, 7)}  # conv3, fc6, fc7, fc8
    assert {float(x) for x in lines} == crossing and len(lines) == 16  # two lines from each tower
    assert diagram.alt.startswith(
        "Two towers, one on each GPU: conv1 11 by 11 / 4, 96 maps of 55 by 55, reads the image, "
        "then LRN and pool; conv2 5 by 5, 256 maps of 27 by 27, reads its own tower, then LRN and "
        "pool; conv3 3 by 3, 384 maps of 13 by 13, reads both towers; "
    )
    assert diagram.alt.endswith("fc8 dense, 1,000 units, reads both towers.")


def test_towers_are_drawn_from_the_model():
    assert figures.two_towers("single_tower").alt.count("reads both towers") == 7


@pytest.mark.parametrize(
    ("size", "padding", "rounding", "sentence", "zeros", "unknown", "unread"),
    [
        (224, 0, "down", "1 column of the image is never read", 0, 0, 1),
        (225, 0, "down", "2 columns of the image are never read", 0, 0, 2),
        (224, 0, "up", "the last window reads 3 past the edge", 0, 3, 0),
        (224, 2, "down", "all pixels are read; some padding is not", 2, 0, 1),
        (226, 1, "down", "all pixels are read; some padding is not", 1, 0, 1),
        (227, 0, "down", "the last window ends exactly at the edge", 0, 0, 0),
    ],
)
def test_the_edge_is_drawn_as_it_is(size, padding, rounding, sentence, zeros, unknown, unread):
    shown = view(size, padding, rounding, 11, 4)
    written = words(shown.html)
    assert (written.count("0"), written.count("?")) == (zeros, unknown)
    assert shown.html.count(f'fill="{tint(ACCENT, 0.7)}"') == unread
    windows = int(re.search(rf"padding {padding}, (\d+) windows: {sentence}. S", shown.alt)[1])
    assert {sentence, f"conv1: {windows}", f"pixel {size}"} <= set(written)
    assert {f"{windows - back}" for back in range(3)} <= set(written)


def test_colour_share_of_known_filters():
    known = np.zeros((3, 3, 5, 5))
    known[0], known[1, 0], known[2, 0], known[2, 2] = 1, 1, 1, -1  # grey, red, red against blue
    assert figures.colour_share(known) == pytest.approx([0, 2 / 3, 1])
    noise = np.random.default_rng(0).normal(size=(400, 3, 7, 7))
    assert figures.colour_share(noise).mean() == pytest.approx(2 / 3, abs=0.01)


def test_filters_are_drawn_with_zero_in_the_middle():
    weights = np.zeros((3, 3, 5, 5))
    weights[0, 0, 0, 0], weights[1] = -4.0, 1.0
    weights[2] = weights[0]
    first = figures.draw_filters(torch.tensor(weights), columns=2)
    images = [ax.images[0].get_array() for ax in first.figure.axes if ax.images]
    assert len(first.figure.axes) == 4 and len(images) == 3
    assert images[0][0, 0].tolist() == [0.0, 0.5, 0.5] == images[2][0, 0].tolist()
    assert (images[1] == 1).all()
    pyplot.close(first.figure)


def test_rows_of_pictures():
    first = figures.draw_row(torch.rand(4, 1, 8, 8))
    assert len(first.figure.axes) == 4
    pyplot.close(first.figure)
    first = figures.draw_squares(photograph(224)[0])
    frames = [frame.get_xy() for frame in first.patches]
    shown = [ax.images[0].get_array() for ax in first.figure.axes[1:]]
    for (left, top), pixels in zip(frames, shown, strict=True):
        assert (pixels == first.images[0].get_array()[top : top + 7, left : left + 7]).all()
    pyplot.close(first.figure)


# What the experiments are made of


def test_a_placed_scan_lies_whole_on_its_field():
    scans = torch.ones(40, 1, 8, 8), torch.arange(40)
    fields, labels = trials.placed(scans, seed=3)
    assert fields.shape == (40, 1, 16, 16) and labels is scans[1] and abs(fields.mean()) < 1e-6
    bright = fields > fields.max() - 0.5
    assert (bright.sum((1, 2, 3)) == 64).all()  # 1 stands out from noise up to 0.3
    corners = {tuple(field[0].nonzero()[0].tolist()) for field in bright}
    assert len(corners) > 25 and max(map(max, corners)) <= 8
    again, _ = trials.placed(scans, seed=3)
    assert torch.equal(fields, again)


def test_labels_drawn_anew_are_wrong_nine_times_in_ten():
    labels = torch.arange(10_000) % 10
    wrong = (trials.noisy(labels, 0.3, seed=1) != labels).float().mean()
    assert wrong == pytest.approx(0.27, abs=0.015)
    assert torch.equal(trials.noisy(labels, 0.0, seed=1), labels)


def test_the_small_networks_differ_in_nothing_but_what_is_tested():
    nets = [trials.three_convolutions(nn.MaxPool2d(k, 2, padding=k // 3), seed=2) for k in (2, 3)]
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(one, other)
    x = torch.rand(2, 1, 16, 16)
    assert [net[:-2](x).shape for net in nets] == [(2, 16, 4, 4)] * 2
    assert trials.four_layers(nn.Tanh)(torch.rand(2, 1, 8, 8)).shape == (2, 10)
    still = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    nn.init.zeros_(still[1].weight)
    assert trials.changed_answers(still, x) == 0.0


def test_ten_scans_of_each_digit():
    images, labels = trials.ten_of_each(digits()[0], seed=4)
    assert images.shape == (100, 1, 8, 8) and (labels.bincount() == 10).all()


def test_patches_are_as_long_as_each_other_and_whitened():
    patches = trials.patches_of(photograph(224), count=5000)
    assert patches.shape == (5000, 147)
    torch.testing.assert_close(patches.norm(dim=1), torch.ones(5000))
    strength = torch.linalg.eigvalsh(patches.T @ patches / 5000)
    assert strength[-1] < 0.12  # of 1 in all; of pixels as they are, one direction has most


# The panel


def torch_sides(size, padding, rounding, kernel, stride):
    """The sides that PyTorch gives a row of pixels; those that fit, if it is too short."""
    up = rounding == "up"
    x = F.pad(torch.empty(1, 1, size, device="meta"), (padding, padding + (stride - 1) * up))
    x = F.conv1d(x, torch.empty(1, 1, kernel, device="meta"), stride=stride)
    sides = [x.shape[2]]
    while sides[-1] >= 3 and len(sides) < 4:
        x = nn.MaxPool1d(3, 2, ceil_mode=up)(x)
        sides.append(x.shape[2])
    return sides


def test_every_state_has_pytorchs_sides_or_is_refused_where_nothing_fits():
    stages = ("conv1", "pool1", "pool2", "pool5")
    refused, sizes = 0, (32, 33, 60, 99, 116, 224, 227)
    for state in itertools.product(sizes, (0, 1, 4), ("down", "up"), (11, 5), (1, 3, 4)):
        sides = torch_sides(*state)
        if len(sides) == 4:
            shown = view(*state)
            assert f" + 1 = {sides[0]}. The " in shown.says and f"{sides[0]} windows" in shown.alt
            assert ", ".join(map("{} {}".format, stages, sides)) in shown.alt
            continue
        before, stage = stages[len(sides) - 1 :][:2]
        reason = f"behind {before} are {sides[-1]} × {sides[-1]}, and {stage} needs windows of 3"
        with pytest.raises(ValueError, match=f"^{state[0]} pixels are too few: .* {reason}"):
            view(*state)
        refused += 1
    assert 20 < refused < 100


@pytest.mark.parametrize(("size", "padding"), [(227, 0), (224, 2), (224, 0), (99, 0)])
def test_fc6_has_the_parameters_of_the_model(size, padding):
    with torch.device("meta"):
        fc6 = AlexNet(input_size=size, conv1_padding=padding).fc6
    parameters = fc6.weight.numel() + fc6.bias.numel()
    said = f"fc6 gets {fc6.in_features:,} numbers and has {parameters:,} parameters."
    assert FirstConvolution(size=size, padding=padding).says.endswith(said)


def test_the_four_ways_of_the_notebook():
    panel = FirstConvolution()
    for change, said in (
        ({}, "(224 − 11) / 4 = 53.25, rounded down, + 1 = 54. The sides are 54, 26, 12, 5; the "),
        (dict(rounding="up"), "(224 − 11) / 4 = 53.25, rounded up, + 1 = 55. The maps have the "),
        (dict(rounding="down", padding=2), "(224 + 2·2 − 11) / 4 = 54.25, rounded down, + 1 = 55"),
        (dict(padding=0, size=227), "(227 − 11) / 4 + 1 = 55. The maps have the paper's sides"),
    ):
        panel.move(**change)
        assert panel.says.startswith(said)


# The exercises


def test_solutions_agree_with_pytorch_as_students_may_use_it():
    def map_side(n, kernel, stride, padding, round_up):
        row = torch.zeros(n + 2 * padding + (stride - 1) * round_up)
        return row.unfold(0, kernel, stride).shape[0]

    def normalise(a, n, k, alpha, beta):
        assert min(a) >= 0 and n % 2 == 1
        x = torch.tensor(a, dtype=torch.float64).view(1, -1, 1, 1)
        return nn.LocalResponseNorm(n, n * alpha, beta, k)(x).flatten().tolist()

    def grouped_conv(x, weight, bias, groups):
        return F.conv2d(x, weight, bias, groups=groups)

    for function in (map_side, grouped_conv, normalise):
        assert check(function).state == "passed"


def test_the_reference_convolves_as_the_courses_conv2_does():
    torch.manual_seed(0)
    conv2 = AlexNet(input_size=67).conv2
    x = torch.randn(2, 96, 7, 7)
    expected = nn.functional.conv2d(x, conv2.weight, conv2.bias, groups=2)
    found = exercises.grouped_conv(x, conv2.weight.detach(), conv2.bias.detach(), 2)
    torch.testing.assert_close(found, expected.detach(), atol=1e-5, rtol=1e-4)
    padded = exercises.grouped_conv(
        F.pad(x, (2, 2, 2, 2)), conv2.weight.detach(), conv2.bias.detach(), 2
    )
    torch.testing.assert_close(padded, conv2(x).detach(), atol=1e-5, rtol=1e-4)
