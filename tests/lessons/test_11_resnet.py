"""Lesson 11: the room counts as the model does; what the notebook says holds for other seeds."""

import itertools
import math
import re
import xml.etree.ElementTree as ET
from statistics import mean

import numpy as np
import pytest
import torch
from cells import run_cells
from matplotlib import pyplot
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_utils.drawing import style
from course_utils.exercises import check
from course_utils.lessons.resnet import exercises, figures
from course_utils.lessons.resnet.explorer import MAPS, SLOPES, ShortcutExplorer, view
from course_utils.models import CifarResNet, ResNet
from course_utils.models.resnet import TABLE_1, BasicBlock, make_shortcut

SLUG = "11_resnet"
TRAINING = ["train-plain-20", "train-plain-56", "train-resnet-20", "train-resnet-56"]
SURGERY = ["surgery", "surgery-picture", "surgery-deep"]
SVG = "{http://www.w3.org/2000/svg}"
KINDS = ("plain", "identity", "A", "B", "C")
GRID = list(itertools.product(KINDS, MAPS.values(), MAPS.values(), (1, 2)))


@pytest.fixture(autouse=True)
def plots():
    """The sizes of a notebook; and figures closed, so that they do not pile up."""
    pyplot.switch_backend("Agg")
    style.study()
    yield
    pyplot.close("all")


def possible(kind, in_maps, out_maps, stride):
    if kind == "identity":
        return in_maps == out_maps and stride == 1
    return kind != "A" or out_maps >= in_maps


def cost(module, x):
    """(parameters, multiply-adds, what comes out), by torch."""
    with FlopCounterMode(display=False) as counter:
        out = module(x)
    return sum(p.numel() for p in module.parameters()), counter.get_total_flops() // 2, out


@pytest.fixture(scope="module")
def oracle():
    """State -> (cost of the model's block, cost of its shortcut), where there can be one."""
    found = {}
    for state in GRID:
        kind, in_maps, out_maps, stride = state
        with torch.device("meta"):
            x = torch.empty(1, in_maps, 56, 56)
            block = BasicBlock(in_maps, out_maps, stride, residual=False)
            if kind == "identity":
                block.shortcut = nn.Identity()
            elif kind != "plain" and possible(*state):
                block.shortcut = make_shortcut(kind, in_maps, out_maps, stride)
        if possible(*state):
            shortcut = (0, 0) if kind == "plain" else cost(block.shortcut, x)[:2]
            found[state] = (cost(block, x), shortcut)
        elif kind == "identity":
            with pytest.raises(RuntimeError):  # torch cannot add the two either
                block(x)
    return found


# ---------------------------------------------------------------------------------------------
# The block and its panel


def test_every_count_said_and_drawn_is_the_models(oracle):
    for state, ((parameters, macs, out), shortcut) in oracle.items():
        kind, in_maps, out_maps, stride = state
        html, says, alt = view(*state, slope=0.9, blocks=3)
        whole = f"{parameters:,} parameters and {macs:,} MACs"
        assert says.startswith(f"The block has {whole}"), state
        assert f"{parameters:,} parameters, {macs:,} multiply-adds" in alt
        assert f"the shortcut holds {shortcut[0]:,} and {shortcut[1]:,} of them" in alt
        products = re.search(r"(\d+) × (\d+) \+ 2 × (\d+) = ([\d,]+) and ([\d,]+) of them", says)
        assert bool(products) == bool(shortcut[0]), state
        if products:
            a, b, c, total, work = (int(x.replace(",", "")) for x in products.groups())
            assert a * b + 2 * c == total and (total, work) == shortcut, state
        elif kind != "plain":
            assert "none of them in the shortcut" in says, state
        shape = "×".join(map(str, out.shape[1:]))
        drawn = " ".join("".join(t.itertext()) for t in ET.fromstring(html).iter(f"{SVG}text"))
        assert shape in says and shape in drawn
        for maps in (in_maps, out_maps):
            weights, area = 9 * maps * out_maps, out.shape[2] ** 2
            assert f"{weights + 2 * out_maps:,} parameters" in drawn
            assert f"{weights * area / 1e6:,.1f} M MACs" in drawn
        dotted = kind == "C" or (kind in "AB" and (in_maps, 1) != (out_maps, stride))
        assert ("stroke-dasharray" in html) == dotted
        assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', html)) >= 13
        assert "gradient times" not in figures.block_diagram(*state[1:], kind).svg


def test_what_is_refused_is_what_does_not_fit(oracle):
    assert len(GRID) - len(oracle) == 45 + 20  # x with changed shapes; A with fewer maps
    for state in set(GRID) - set(oracle):
        words = "cannot be added" if state[0] == "identity" else "append maps of zeros"
        with pytest.raises(ValueError, match=words):
            view(*state, slope=0.25, blocks=27)


def test_why_option_a_has_no_parameters_is_true():
    for in_maps, out_maps, stride in itertools.product(MAPS.values(), MAPS.values(), (1, 2)):
        if out_maps >= in_maps:
            says = view("A", in_maps, out_maps, stride, slope=0.25, blocks=27).says
            assert ("leaving out positions" in says) == (stride == 2)
            assert ("appending zeros" in says) == (out_maps > in_maps)
            assert ("that are kept" in says) == (stride == 2 or out_maps > in_maps)


def test_what_is_said_of_the_gradient_is_true():
    for slope, blocks, kind in itertools.product(SLOPES.values(), (1, 2, 9, 27, 30), KINDS):
        says = view(kind, 64, 64, 1, slope, blocks).says
        assert f"{slope:g}^{blocks} = " in says and f"{blocks} block{'s' * (blocks != 1)} " in says
        assert ("one path only" in says) == (kind == "plain")
        assert ("no longer 1" in says) == (kind == "C")
        adds = kind in ("identity", "A", "B")
        assert (f"(1 + {slope:g})^{blocks} = " in says) == adds
        assert (f"2^{blocks} = {2**blocks:,} paths" in says) == adds


@pytest.mark.parametrize("slope", SLOPES.values())
def test_two_paths_add(slope):
    """The chain rule on a real stack in one dimension; and the sum over all its paths."""
    x = torch.ones((), dtype=torch.float64, requires_grad=True)
    plain, both = x, x
    for _ in range(9):
        plain, both = slope * plain, both + slope * both
    (along_f,), (along_both,) = (torch.autograd.grad(y, x) for y in (plain, both))
    given = figures.path_products(slope, 9, "identity")
    assert given == pytest.approx((along_f.item(), along_both.item()))
    assert figures.path_products(slope, 9, "projection") == (given[0], None)
    paths = [slope ** sum(blocks) for blocks in itertools.product((0, 1), repeat=9)]
    assert max(paths) <= 1 and sum(paths) == pytest.approx(given[1])


def test_numbers_show_their_size():
    written = {1.0: "1", 0.0625: "0.0625", 413.59: "414", 1234.0: "1,234"}
    written |= {0.25**27: "5.6 · 10⁻¹⁷", 2.0**27: "1.3 · 10⁸"}
    assert {value: figures.power_text(value) for value in written} == written


def test_the_marks_of_the_axis_lie_as_their_logarithms():
    for slope, blocks in itertools.product(SLOPES.values(), (1, 9, 27, 30)):
        svg = figures.block_diagram(slope=slope, blocks=blocks).svg
        places = [
            float(re.search(pattern, svg)[1])
            for pattern in (
                r'd="M([\d.]+) \d+l8 8',
                r'd="M([\d.]+) \d+v16',
                r'cx="([\d.]+)" cy="\d+" r="8"',
            )
        ]
        plain, one, both = places
        assert 150 <= plain <= one < both <= 960
        expected = -math.log10(slope) / math.log10(1 + slope) * (both - one)
        assert one - plain == pytest.approx(expected, rel=0.05, abs=0.1)


def test_the_lectures_implication_same_dimension():
    panel = ShortcutExplorer()
    assert "The block has 73,984 parameters and 231,211,008 MACs" in panel.says  # fig. 5, left
    panel.move(stride=2)
    assert panel.refused and "x has 64×56×56 numbers, F(x) has 64×28×28" in panel.says
    panel.move(shortcut="B")
    assert not panel.refused and "64 × 64 + 2 × 64 = 4,224" in panel.says
    panel.move(out_maps=32, shortcut="A")
    assert panel.refused and "x has 64 maps and F(x) only 32" in panel.says


# ---------------------------------------------------------------------------------------------
# The curves


def test_error_curves_show_training_left_and_test_right():
    curves = {"plain-20": ([0.8, 0.2], [0.9, 0.3]), "ResNet-20": ([0.5, 0.1], [0.6, 0.2])}
    axes = figures.draw_errors(curves, guide=2).axes
    assert [ax.get_title("left") for ax in axes] == ["Training error", "Test error"]
    for part, ax in enumerate(axes):
        plain, residual, guide = ax.get_lines()
        assert list(plain.get_ydata()) == pytest.approx([100 * e for e in curves["plain-20"][part]])
        assert list(residual.get_xdata()) == [1, 2]
        assert (plain.get_linestyle(), residual.get_linestyle()) == ("--", "-")
        assert list(guide.get_xdata()) == [2.5, 2.5]
    legend = axes[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == list(curves)
    axes[1].figure.canvas.draw()
    assert legend.get_window_extent().x0 >= axes[1].get_window_extent().x1  # beside every curve


def test_waterfall_draws_each_layer_on_a_logarithmic_scale():
    ax = figures.draw_waterfall({"plain-4": [8.0, 4.0, 2.0], "ResNet-3": [torch.tensor(1.0), 1.0]})
    plain, residual = ax.get_lines()
    assert list(plain.get_ydata()) == [8.0, 4.0, 2.0] and list(plain.get_xdata()) == [1, 2, 3]
    assert list(residual.get_ydata()) == [1.0, 1.0] and ax.get_yscale() == "log"
    assert (plain.get_linestyle(), residual.get_linestyle()) == ("--", "-")


def test_cuts_are_bars_at_their_blocks():
    cut = {1: 0.1, 2: 0.2, 3: 0.3}
    ax = figures.draw_cuts({"removed": {1: 0.9, 3: 0.5}, "cut": cut}, {"whole": 0.05})
    removed, cut = ax.containers
    assert [bar.get_height() for bar in removed] == pytest.approx([90, 50])
    assert [bar.get_height() for bar in cut] == pytest.approx([10, 20, 30])
    assert [bar.get_x() + bar.get_width() / 2 for bar in cut] == pytest.approx([1.2, 2.2, 3.2])
    assert removed[0].get_hatch() != cut[0].get_hatch()  # told apart without colour
    assert list(ax.get_lines()[0].get_ydata()) == [5, 5]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(names) == ["cut", "removed", "whole"]


# ---------------------------------------------------------------------------------------------
# The exercises


@pytest.mark.parametrize("seed", range(3))
def test_the_block_equals_the_networks_block(seed):
    """On 1 x 1 maps only the middle of a 3x3 filter sees an input: a weight matrix."""
    torch.manual_seed(seed)
    block, x = BasicBlock(4, 4).eval().requires_grad_(False), torch.randn(4)
    scales = []
    for norm in (block.bn1, block.bn2):
        norm.weight.uniform_(0.5, 1.5)
        norm.running_var.uniform_(0.5, 1.5)
        scales.append((norm.weight / (norm.running_var + norm.eps).sqrt()).numpy())
    w1, w2 = (c.weight[:, :, 1, 1].numpy() for c in (block.conv1, block.conv2))
    given = exercises.residual_block(x.numpy(), w1, scales[0], w2, scales[1])
    assert np.allclose(given, block(x[None, :, None, None]).flatten().numpy(), atol=1e-5)


def test_shortcuts_equal_those_of_the_networks():
    for option, maps, times, stride in itertools.product("ABC", (8, 64), (1, 2, 4), (1, 2)):
        shortcut = make_shortcut(option, maps, maps * times, stride)
        counted = sum(parameter.numel() for parameter in shortcut.parameters())
        assert exercises.shortcut_parameters(option, maps, maps * times, stride) == counted


@pytest.mark.parametrize("depth", [*TABLE_1, 20, 56, 110])
def test_depths_are_those_of_the_networks(depth):
    """The longest way through a network: its layers with weights, without the projections."""
    kind, blocks = TABLE_1.get(depth, ("basic", 3 * [(depth - 2) // 6]))
    with torch.device("meta"):
        net = ResNet(depth) if depth in TABLE_1 else CifarResNet(depth)
    weighted = [n for n, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert sum("shortcut" not in name for name in weighted) == depth
    assert exercises.count_depth(list(blocks), 2 if kind == "basic" else 3) == depth


def test_students_other_ways_to_write_it_pass():
    def by_loops(x, w1, s1, w2, s2):
        n = range(len(x))
        hidden = [max(0, s1[i] * sum(w1[i][j] * x[j] for j in n)) for i in n]
        return np.array([max(0, s2[i] * sum(w2[i][j] * hidden[j] for j in n) + x[i]) for i in n])

    def by_torch(x, w1, s1, w2, s2):
        x, w1, s1, w2, s2 = map(torch.as_tensor, (x, w1, s1, w2, s2))
        return torch.relu(s2 * (w2 @ torch.relu(s1 * (w1 @ x))) + x)

    def by_cases(option, in_maps, out_maps, stride):
        projects = {"A": False, "B": (in_maps, 1) != (out_maps, stride), "C": True}[option]
        return out_maps * (in_maps + 2) if projects else 0

    for answer in (by_loops, by_torch):
        assert check(answer, "11.residual-block").state == "passed"
    assert check(by_cases, "11.shortcut-parameters").state == "passed"
    assert check(lambda blocks, c: 2 + c * sum(blocks), "11.count-depth").state == "passed"


def test_changing_x_in_place_is_reported():
    def in_place(x, w1, s1, w2, s2):
        x += s2 * (w2 @ np.maximum(s1 * (w1 @ x), 0))
        return np.maximum(x, 0)

    report = check(in_place, "11.residual-block")
    assert report.state == "changed its input" and "`x`" in report.message


# ---------------------------------------------------------------------------------------------
# The notebook


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
