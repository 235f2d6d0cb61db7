"""Lesson 11: the room counts as the model does; what the notebook says holds for other seeds."""

import contextlib
import io
import itertools
import math
import re
import tarfile
import xml.etree.ElementTree as ET
from statistics import mean

import nbformat
import numpy as np
import pytest
import torch
from cells import NOTEBOOKS, run_cells
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_utils import downloads
from course_utils.drawing import style
from course_utils.ledger import ledger
from course_utils.lessons.resnet import exercises, figures
from course_utils.lessons.resnet.crops import Crops
from course_utils.lessons.resnet.explorer import MAPS, SLOPES, ShortcutExplorer
from course_utils.models import VGG, ResNet
from course_utils.models.resnet import TABLE_1, BasicBlock, BottleneckBlock, make_shortcut

view = ShortcutExplorer.view
SLUG = "11_resnet"
TRAINING = ["train-plain-20", "train-plain-56", "train-resnet-20", "train-resnet-56"]
SURGERY = ["growth-helpers", "surgery", "surgery-run", "surgery-picture", "surgery-deep"]
SVG = "{http://www.w3.org/2000/svg}"
KINDS = ("plain", "identity", "A", "B", "C")
GRID = list(itertools.product(KINDS, MAPS.values(), MAPS.values(), (1, 2)))


def cost(module, x):
    """(parameters, multiply-adds, shape of what comes out), by torch."""
    with FlopCounterMode(display=False) as counter:
        out = module(x)
    parameters = sum(p.numel() for p in module.parameters())
    return parameters, counter.get_total_flops() // 2, out.shape[1:]


@pytest.fixture(scope="module")
def oracle():
    """State -> (cost of the model's block, cost of its shortcut), where torch can run it."""
    found = {}
    for state in GRID:
        kind, in_maps, out_maps, stride = state
        with torch.device("meta"), contextlib.suppress(RuntimeError, ValueError):
            x = torch.empty(1, in_maps, 56, 56)
            block = BasicBlock(in_maps, out_maps, stride, residual=False)
            if kind != "plain":
                identity = kind == "identity"
                block.shortcut = nn.Identity() if identity else make_shortcut(*state)
            found[state] = cost(block, x), cost(block.shortcut or nn.Identity(), x)[:2]
    return found


# The block and its panel


def test_every_count_said_and_drawn_is_the_models(oracle):
    for state, ((parameters, macs, shape), shortcut) in oracle.items():
        kind, in_maps, out_maps, stride = state
        html, says, alt = view(*state, slope=0.9, blocks=3)
        assert says.startswith(f"The block has {parameters:,} parameters and {macs:,} MACs"), state
        assert f"{parameters:,} parameters, {macs:,} multiply-adds" in alt
        assert f"the shortcut holds {shortcut[0]:,} and {shortcut[1]:,} of them" in alt
        products = re.search(r"(\d+) × (\d+) \+ 2 × (\d+) = ([\d,]+) and ([\d,]+) of them", says)
        assert bool(products) == bool(shortcut[0]), state
        if products:
            a, b, c, total, work = (int(x.replace(",", "")) for x in products.groups())
            assert a * b + 2 * c == total and (total, work) == shortcut, state
        assert ("none of them in the shortcut" in says) == (not products and kind != "plain"), state
        drawn = " ".join("".join(t.itertext()) for t in ET.fromstring(html).iter(f"{SVG}text"))
        assert "×".join(map(str, shape)) in says and "×".join(map(str, shape)) in drawn
        for maps in (in_maps, out_maps):
            weights = 9 * maps * out_maps
            assert f"{weights + 2 * out_maps:,} parameters" in drawn
            assert f"{weights * shape[1] ** 2 / 1e6:,.1f} M MACs" in drawn
        dotted = kind == "C" or (kind in "AB" and (in_maps, 1) != (out_maps, stride))
        assert ("stroke-dasharray" in html) == dotted


def test_what_is_refused_is_what_does_not_fit(oracle):
    refused = set(GRID) - set(oracle)
    assert len(refused) == 45 + 20  # x with changed shapes; A with fewer maps
    for state in refused:
        words = "cannot be added" if state[0] == "identity" else "append maps of zeros"
        with pytest.raises(ValueError, match=words):
            view(*state, slope=0.25, blocks=27)


def test_why_option_a_has_no_parameters_is_true(oracle):
    for kind, in_maps, out_maps, stride in oracle:
        if kind == "A":
            says = view(kind, in_maps, out_maps, stride, slope=0.25, blocks=27).says
            assert ("leaving out positions" in says) == (stride == 2)
            assert ("appending zeros" in says) == (out_maps > in_maps)
            assert ("that are kept" in says) == (stride == 2 or out_maps > in_maps)


def test_what_is_said_of_the_gradient_is_true():
    for slope, blocks, kind in itertools.product(SLOPES.values(), (1, 27), KINDS):
        says = view(kind, 64, 64, 1, slope, blocks).says
        assert f"{slope:g}^{blocks} = {figures.power_text(slope**blocks)}" in says
        assert f"{blocks} block{'s' * (blocks != 1)} " in says
        assert ("one path only" in says) == (kind == "plain")
        assert ("no longer 1" in says) == (kind == "C")
        assert (f"2^{blocks} = {2**blocks:,} paths" in says) == (kind in ("identity", "A", "B"))


@pytest.mark.parametrize("slope", SLOPES.values())
def test_two_paths_add(slope):
    """The chain rule on a real stack in one dimension; and the sum over all its paths."""
    x = torch.ones((), dtype=torch.float64, requires_grad=True)
    plain, both = x, x
    for _ in range(9):
        plain, both = slope * plain, both + slope * both
    along_f, along_both = (torch.autograd.grad(y, x)[0].item() for y in (plain, both))
    says = view("identity", 64, 64, 1, slope, 9).says
    assert f"{slope:g}^9 = {figures.power_text(along_f)} along F alone" in says
    assert f"(1 + {slope:g})^9 = {figures.power_text(along_both)} with" in says
    paths = [slope ** sum(blocks) for blocks in itertools.product((0, 1), repeat=9)]
    assert max(paths) <= 1 and len(paths) == 2**9 and sum(paths) == pytest.approx(along_both)


def test_numbers_show_their_size():
    written = {1.0: "1", 0.0625: "0.0625", 413.59: "414", 1234.0: "1,234"}
    written |= {0.25**27: "5.6 · 10⁻¹⁷", 2.0**27: "1.3 · 10⁸"}
    assert {value: figures.power_text(value) for value in written} == written


def test_the_marks_of_the_axis_lie_as_their_logarithms():
    marks = (r'd="M([\d.]+) \d+l8 8', r'd="M([\d.]+) \d+v16', r'cx="([\d.]+)" cy="\d+" r="8"')
    for slope, blocks in itertools.product(SLOPES.values(), (1, 9, 27, 30)):
        svg = figures.block_diagram(64, 64, slope=slope, blocks=blocks).svg
        plain, one, both = (float(re.search(mark, svg)[1]) for mark in marks)
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


# Fig. 5 and fig. 3


def test_fig_5_counts_as_the_models_blocks():
    diagram = figures.draw_fig_5()
    with torch.device("meta"):
        for block, maps in ((BasicBlock(64, 64), 64), (BottleneckBlock(256, 64), 256)):
            parameters, macs, _ = cost(block, torch.empty(1, maps, 56, 56))
            norms = [m for m in block.modules() if isinstance(m, nn.BatchNorm2d)]
            weights = parameters - sum(2 * norm.num_features for norm in norms)
            assert f"{weights:,} weights, {macs:,} multiply-adds" in diagram.alt
            assert f"{weights:,} weights, {macs / 1e6:.1f} M MACs" in diagram.svg


def test_fig_3_has_a_box_for_each_layer_and_an_arc_for_each_shortcut():
    with torch.device("meta"):
        nets = [ledger(VGG("E")), ledger(ResNet(34, residual=False)), ledger(ResNet(34, "A"))]
    svg = figures.draw_networks(nets).svg
    labels = re.findall(r">(\d×\d, \d+|fc [\d,]+)<", svg)
    assert len(labels) == 19 + 34 + 34 and labels.count("3×3, 256") == 4 + 12 + 12
    assert labels.count("fc 4,096") == 2 and labels.count("7×7, 64") == 2
    assert svg.count("<path") == 16 and svg.count("stroke-dasharray") == 3
    assert float(re.search(r'viewBox="0 0 1000 ([\d.]+)"', svg)[1]) <= 379  # 430 of 1134 wide


def test_the_stage_table_is_that_of_the_models():
    notebook = nbformat.read(NOTEBOOKS / f"{SLUG}.ipynb", as_version=4)
    text = next(cell.source for cell in notebook.cells if cell.id == "table-1-slide")
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    table = {row[0]: row[1:] for row in rows}
    for number, stage in enumerate(("conv2_x", "conv3_x", "conv4_x", "conv5_x")):
        side, basic, bottleneck, *counts = table[stage]
        assert [int(n) for n in counts] == [blocks[number] for _, blocks in TABLE_1.values()]
        with torch.device("meta"):
            for depth, said in ((34, basic), (101, bottleneck)):
                block = getattr(ResNet(depth), stage)[-1]
                convs = [m for name, m in block.named_children() if name.startswith("conv")]
                assert said == ", ".join(str(conv.out_channels) for conv in convs)
                assert int(side) == 56 // 2**number
    assert [int(n) for n in table["stage"][3:]] == list(TABLE_1)


# The larger experiment, on files of a few images


def test_crops_are_windows_of_the_padded_image():
    x = torch.arange(1.0, 2 * 3 * 8 * 8 + 1).reshape(2, 3, 8, 8)
    padded, crops = nn.functional.pad(x, [4] * 4), Crops()
    assert torch.equal(crops.eval()(x), x)
    torch.manual_seed(0)
    found = [out for _ in range(12) for out in zip(crops.train()(x), padded, strict=True)]
    places = list(itertools.product(range(9), range(9)))
    for out, whole in found:
        windows = [whole[:, r : r + 8, c : c + 8] for r, c in places]
        assert any(torch.equal(out, w) or torch.equal(out, w.flip(-1)) for w in windows)
    assert len({tuple(out.flatten().tolist()) for out, _ in found}) > 12
    rows = torch.arange(1.0, 9.0).expand(1, 1, 8, 8)  # digits are not mirrored
    assert all((crops(rows)[0, 0, 4].diff()[1:-1] >= 0).sum() >= 4 for _ in range(20))


def small_cifar(folder):
    """Write an archive as CIFAR-10's, six pictures a batch, and read it."""
    random = np.random.RandomState(0)
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    with tarfile.open(folder / "cifar-10-binary.tar.gz", mode="w:gz") as tar:
        for name in names:
            content = random.randint(0, 256, (6, 3073))
            content[:, 0] %= 10
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = content.size
            tar.addfile(entry, io.BytesIO(content.astype(np.uint8).tobytes()))


def test_the_larger_experiment_runs(tmp_path, monkeypatch):
    small_cifar(tmp_path)
    archive = tmp_path / "cifar-10-binary.tar.gz"
    monkeypatch.setattr(downloads, "verified", lambda *args, **options: [archive])
    style.study()
    changes = {"name": ('LARGER = ""', 'LARGER = "cifar10"'), "deep": ("56, True", "14, True")}
    changes |= {"epochs": ("(82, 41, 41)", "(2, 1, 1)"), "depth": ("56, False", "8, False")}
    changes |= {"show": ("display(show(", "(show(")}
    result = run_cells(SLUG, ["setup", "larger-recipe", "larger-run"], **changes)
    assert list(result["larger"]) == ["plain-20", "plain-56", "ResNet-20", "ResNet-56"]
    for training, new in result["larger"].values():
        assert len(training) == len(new) == 4 and all(0 <= e <= 1 for e in training + new)


# The curves


def test_error_curves_show_training_left_and_test_right():
    style.study()
    curves = {"plain-20": ([0.8, 0.2], [0.9, 0.3]), "ResNet-20": ([0.5, 0.1], [0.6, 0.2])}
    axes = figures.draw_errors(curves, guide=2).axes
    for part, (ax, title) in enumerate(zip(axes, ("Training error", "Test error"), strict=True)):
        plain, residual, guide = ax.get_lines()
        assert ax.get_title("left") == title
        assert list(plain.get_ydata()) == pytest.approx([100 * e for e in curves["plain-20"][part]])
        assert list(residual.get_xdata()) == [1, 2] and list(guide.get_xdata()) == [2.5, 2.5]
        assert (plain.get_linestyle(), residual.get_linestyle()) == ("--", "-")
    legend = axes[1].get_legend()
    axes[1].figure.canvas.draw()
    assert legend.get_window_extent().x0 >= axes[1].get_window_extent().x1  # beside every curve


def test_waterfall_draws_each_layer_on_a_logarithmic_scale():
    norms = {"plain-4": [8.0, 4.0, 2.0], "ResNet-3": [torch.tensor(1.0), 1.0]}
    ax = figures.draw_waterfall(norms)
    assert {one.get_label(): list(one.get_ydata()) for one in ax.get_lines()} == norms
    assert list(ax.get_lines()[0].get_xdata()) == [1, 2, 3] and ax.get_yscale() == "log"


def test_cuts_are_bars_at_their_blocks():
    cut = {1: 0.1, 2: 0.2, 3: 0.3}
    ax = figures.draw_cuts({"removed": {1: 0.9, 3: 0.5}, "cut": cut}, {"whole": 0.05})
    removed, cut = ax.containers
    assert [bar.get_height() for bar in removed] == pytest.approx([90, 50])
    assert [bar.get_height() for bar in cut] == pytest.approx([10, 20, 30])
    assert [bar.get_x() + bar.get_width() / 2 for bar in cut] == pytest.approx([1.2, 2.2, 3.2])
    assert removed[0].get_hatch() != cut[0].get_hatch()  # told apart without colour
    assert list(ax.get_lines()[0].get_ydata()) == [5, 5]


# The exercises


def test_the_block_is_judged_by_the_networks_block():
    case = (4, 8, 2)
    right = exercises.dotted_block(*case)
    course = exercises.outcome(lambda *args: BasicBlock(*args), *case)
    assert right[:2] == course[:2] == (944, "2×8×3×3") and np.allclose(right[2], course[2])
    weights = exercises.outcome(lambda *args: BasicBlock(*args, shortcut="A"), *case)
    assert weights[0] == 944 - 48 and not np.allclose(weights[2], right[2])
    report = exercises.DOTTED_BLOCK.check(lambda *args: exercises.outcome(nn.Conv2d, *args))
    assert report.state == "failed" and "2×8×5×5" in report.rows["Given"]


def test_shortcuts_equal_those_of_the_networks():
    for option, maps, times, stride in itertools.product("ABC", (8, 64), (1, 2, 4), (1, 2)):
        shortcut = make_shortcut(option, maps, maps * times, stride)
        counted = sum(parameter.numel() for parameter in shortcut.parameters())
        assert exercises.shortcut_parameters(option, maps, maps * times, stride) == counted


def test_depths_are_those_that_the_paper_names_its_networks_by():
    rows = TABLE_1 | {6 * n + 2: ("basic", [n] * 3) for n in (3, 9, 18)}
    for depth, (kind, blocks) in rows.items():
        assert exercises.count_depth(list(blocks), 2 if kind == "basic" else 3) == depth


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
@pytest.mark.parametrize("seed", range(5))
def test_growth_and_its_reason_and_what_adam_does_not_repair(seed):
    ids = ["setup", "learn", "growth-helpers", "growth-picture", "gradient-norms"]
    result = run_cells(
        SLUG,
        [*ids, "why-it-grows", "agreement", "train-adam"],
        seed=("SEED = 0", f"SEED = {seed}"),
    )
    assert 2 < result["kept"] < 4 and 50 < result["free"] < 10_000
    assert 0.19 < result["s"] < 0.45
    growth = (result["first"] / result["last"]).log10()
    assert abs(result["product"] - growth) < 0.5 and growth > 1.5  # powers of ten
    assert result["training"][-1] > 0.5  # plain-56 with Adam
    _, shallow = result["learn"](20, residual=False, optimizer=torch.optim.Adam, lr=0.003)
    assert shallow[0][-1] < 0.02
    agreement, untrained = result["agreement"], result["untrained"]
    for depth in (20, 56):
        assert abs(agreement(untrained(depth, False))) < 0.2 < agreement(untrained(depth, True))


def error_of_plain_56(**changes):
    """In training, at the end."""
    result = run_cells(SLUG, ["setup", "learn", "train-plain-56"], **changes)
    return result["curves"]["plain-56"][0][-1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_between_20_and_56_layers_plain_networks_end_too_high(seed):
    learn = run_cells(SLUG, ["setup", "learn"])["learn"]
    errors = [learn(depth, residual=False, seed=seed)[1][0][-1] for depth in (20, 32, 44)]
    assert errors[0] < 0.02 and 0.03 <= errors[1] <= 0.08 and 0.1 < errors[2] < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.005, 0.2, 0.5])
def test_no_learning_rate_rescues_the_deep_plain_network(rate):
    assert error_of_plain_56(rate=("lr=0.05", f"lr={rate}")) > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3])  # the slowest and the fastest of five
def test_forty_epochs_do_not_finish_the_deep_plain_network(seed):
    # In this order: "epochs=30" holds "epochs=3".
    epochs = {"slow": ("epochs=3", "epochs=10"), "fast": ("epochs=9", "epochs=30")}
    error = error_of_plain_56(seed=("SEED = 0", f"SEED = {seed}"), **epochs)
    assert 0.05 <= error <= 0.55  # said: 10 to 50 %
