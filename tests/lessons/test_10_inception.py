"""Lesson 10: the room counts as the model does; what the notebook says holds for other seeds."""

import random
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from cells import run_cells
from torch.utils.flop_counter import FlopCounterMode

from course_utils.drawing import style
from course_utils.exercises import check
from course_utils.lessons.inception import exercises, figures
from course_utils.lessons.inception.explorer import LEAST_SHARE, TARGETS, InceptionExplorer
from course_utils.models import GoogLeNet
from course_utils.models.googlenet import INCEPTION_TABLE, Inception, NaiveInception

SLUG = "10_inception"
SVG = "{http://www.w3.org/2000/svg}"
SLIDERS = {c.name: c for c in InceptionExplorer.controls if hasattr(c, "largest")}
VALUES = [range(c.smallest, c.largest + 1, c.step) for c in SLIDERS.values()]
MAPS_IN = dict(zip(INCEPTION_TABLE, (192, 256, 480, 512, 512, 512, 528, 832, 832), strict=True))
ROWS = [  # in_maps, side, filters
    (MAPS_IN[name], {"3": 28, "4": 14, "5": 7}[name[0]], filters)
    for name, filters in INCEPTION_TABLE.items()
]


def counted(variant, in_maps, side, filters):
    """(channels, multiply-adds, weights) of the model's own module, by torch."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        naive = variant == "naive"
        module = NaiveInception(in_maps, *filters[:5:2]) if naive else Inception(in_maps, *filters)
        out = module(torch.empty(1, in_maps, side, side))
    weights = sum(p.numel() for p in module.parameters() if p.ndim > 1)
    return out.shape[1], counter.get_total_flops() // 2, weights


def texts(diagram):
    return ["".join(node.itertext()) for node in ET.fromstring(diagram.svg).iter(f"{SVG}text")]


def rects(diagram, **attributes):
    """The numbers (x, y, width, height) of the rectangles that have these attributes."""
    found = [
        [float(node.get(key, 0)) for key in ("x", "y", "width", "height")]
        for node in ET.fromstring(diagram.svg).iter(f"{SVG}rect")
        if all(node.get(key) == value for key, value in attributes.items())
    ]
    return np.array(found).T


# The pictures


@pytest.mark.parametrize("variant", figures.VARIANTS)
@pytest.mark.parametrize("row", ROWS, ids=INCEPTION_TABLE)
def test_a_module_is_counted_and_shown_as_in_the_model(row, variant):
    channels, macs, weights = counted(variant, *row)
    module = figures.Module(*row, variant)
    assert (sum(module.channels), module.macs, module.weights) == (channels, macs, weights)
    shown = figures.module_diagram(*row, variant=variant, budget=macs)
    assert f"{channels} channels out" in shown.alt.replace(",", "")
    assert f"{macs:,} multiply-adds, {weights:,} weights" in shown.alt
    a, b, c, d, e, f = row[2]
    wanted = {f"1×1, {a}", f"3×3, {c}", f"5×5, {e}", "no weights", f"{figures.millions(macs)} MACs"}
    if variant == "reduced":
        wanted |= {f"1×1, {b}", f"1×1, {d}", f"1×1, {f}", "naive"}
    assert wanted <= set(texts(shown)) and ("naive" in texts(shown)) == (variant == "reduced")


def test_without_costs_the_two_variants_differ_by_three_boxes():
    naive, reduced = (
        texts(figures.module_diagram(variant=variant, costs=False)) for variant in figures.VARIANTS
    )
    assert naive.count("1×1") == 1 and sorted([*naive, *3 * ["1×1"]]) == sorted(reduced)
    assert not any("MACs" in line for line in naive + reduced)


def test_output_and_budget_are_drawn_to_scale():
    own = 128_049_152  # what the module costs
    shown = figures.module_diagram(budget=own)
    stacked = rects(shown, width="60")[3]
    assert stacked / sum(stacked) == pytest.approx([1 / 4, 1 / 2, 1 / 8, 1 / 8], abs=2e-3)
    x, _, width, _ = rects(shown, height="24")  # four branches, and four of the naive module
    limit = float(re.search(r'd="M([\d.]+) \d+v78"', shown.svg)[1])
    assert (x + width)[3] == pytest.approx(limit, abs=0.2)
    assert ((x + width)[-1] - x[0]) / (limit - x[0]) == pytest.approx(303_464_448 / own, abs=1e-2)
    assert "budget 128 M" in texts(shown)
    assert "budget 128 M: over" in texts(figures.module_diagram(budget=own - 1))


def test_millions():
    written = {40_000: "0.04 M", 994_999: "0.99 M", 999_999: "1.0 M", 2_408_448: "2.4 M"}
    written |= {99_949_999: "99.9 M", 99_999_999: "100 M", 1_582_671_872: "1,583 M"}
    assert {macs: figures.millions(macs) for macs in written} == written


@pytest.mark.parametrize("heads", [True, False])
def test_the_graph_shows_the_model(heads):
    with torch.device("meta"):
        drawn = figures.googlenet_graph(GoogLeNet(), heads=heads)
    written = texts(drawn)
    assert [w for w in written if w in INCEPTION_TABLE] == list(INCEPTION_TABLE)
    channels = [str(sum(f[i] for i in (0, 2, 4, 5))) for f in INCEPTION_TABLE.values()]
    assert [w for w in written if w.isdigit() and int(w) > 200 and w != "1000"] == channels
    assert [w for w in written if w in ("56", "28", "14", "7")] == ["56", "28", "14", "7"]
    inside = ["mean 5×5", "1×1, 128", "fc 1,024", "fc 1,000"]
    assert [w for w in written if w in inside] == 2 * inside * heads
    assert ("head on 4d: mean 5×5, 1×1, 128" in drawn.alt) == heads


def test_m_filters_give_m_matrices():
    drawn = figures.filters_to_channels(maps=3, filters=5)
    assert len(rects(drawn, stroke=style.OUTPUT)[0]) == texts(drawn).count("one sum") == 5
    assert {"5 filters, 3×3×3", "(d₁−2)×(d₂−2) each", "= 5 channels"} <= set(texts(drawn))


def test_crops_are_drawn_by_number_of_networks():
    ax = figures.draw_crops((7, 1, 1, 7), (10, 144, 1, 1), (7.62, 7.89, 10.07, 8.09))
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.get_lines()}
    assert drawn["1 network"] == [[1, 10.07], [144, 7.89]]
    assert drawn["7 networks"] == [[7, 8.09], [70, 7.62]]
    assert {"10.07 %, 1 crop", "7.89 %, 144 crops"} <= {label.get_text() for label in ax.texts}


# The panel


def shown(target, variant, *filters):
    return InceptionExplorer.view(target, variant, **dict(zip(SLIDERS, filters, strict=True)))


def wins(target):
    """Whether each setting of the whole grid meets a target, as an array over all six sliders."""
    goal = TARGETS[target]
    n1, r3, n3, r5, n5, p = np.meshgrid(*map(np.array, VALUES), indexing="ij", sparse=True)
    macs = goal.side**2 * (goal.in_maps * (n1 + r3 + r5 + p) + 9 * r3 * n3 + 25 * r5 * n5)
    met = (macs <= goal.budget) & (n1 + n3 + n5 + p >= goal.channels)
    met = met & (n3 >= goal.n3x3) & (n5 >= goal.n5x5) & (r3 < goal.in_maps)
    return met & (LEAST_SHARE * r3 >= n3) & (LEAST_SHARE * r5 >= n5)


@pytest.mark.parametrize("filters", INCEPTION_TABLE.values(), ids=INCEPTION_TABLE)
def test_every_row_of_table_1_can_be_set_and_is_counted_as_in_the_model(filters):
    panel = InceptionExplorer(target="4e", **dict(zip(SLIDERS, filters, strict=True)))
    assert not panel.refused and "under a quarter" not in panel.says
    naive, reduced = (counted(variant, 528, 14, filters) for variant in figures.VARIANTS)
    twin = f"Naive: {naive[0]:,} channels for {naive[1]:,} MACs, "
    assert panel.says.endswith(f"{twin}{naive[1] / reduced[1]:.1f} times as many.")
    for variant, (channels, macs, weights) in (("reduced", reduced), ("naive", naive)):
        panel.move(variant=variant)
        assert f" = {channels:,} channels" in panel.says
        assert f" for {macs:,} MACs and {weights:,} weights." in panel.says
    assert panel.says.endswith("their sliders do nothing.")


def test_the_verdict_is_that_of_the_whole_grid():
    """Every target can be met; the two that ask for less work are hard. The notes name 49."""
    count = {"3a": 12_882, "half of 3a": 49, "4e": 3_900, "5b, a quarter off": 6}
    rng = random.Random("10.verdict")
    for target in TARGETS:
        met = wins(target)
        assert met.size == 3_538_944 and met.sum() == count[target]
        for kind in (True, False):
            places = np.argwhere(met == kind)
            for i in rng.sample(range(len(places)), min(30, len(places))):
                filters = [v[k] for v, k in zip(VALUES, places[i], strict=True)]
                if filters[1] < TARGETS[target].in_maps:
                    says = shown(target, "reduced", *filters).says
                    assert ("Target met" in says, "Not met" in says) == (kind, not kind)


@pytest.mark.parametrize("target", TARGETS)
def test_no_naive_module_meets_a_target(target):
    goal = TARGETS[target]
    filters = (16, 16, goal.n3x3, 8, goal.n5x5, 16)  # the cheapest that has the filters
    over = counted("naive", goal.in_maps, goal.side, filters)[1] - goal.budget
    assert f"{over:,} MACs over budget" in shown(target, "naive", *filters).says


def test_a_game_played_and_each_shortfall_named_with_its_size():
    panel = InceptionExplorer()
    assert "Target met, with 950,848 of 129,000,000 MACs left" in panel.says
    panel.move(target="half of 3a")
    assert "Not met: 63,549,152 MACs over budget." in panel.says
    panel.move(variant="naive")
    before = panel.says
    panel.move(reduce3x3=192)
    assert panel.says == before  # the naive module has no reduction
    panel.move(variant="reduced")
    assert panel.refused and "is no reduction: 192 maps come in" in panel.says
    panel.move(target="4e")  # 528 maps come in: now it is one
    assert not panel.refused
    panel.move(target="3a", **dict(zip(SLIDERS, (16, 16, 112, 8, 16, 16), strict=True)))
    assert panel.says.split("Not met: ")[1].split(". Naive")[0] == (
        "96 channels short of 256; 16 3×3 filters short of 128; 16 5×5 filters short of 32; "
        "3×3 reduce 16 is under a quarter of its 3×3 filters"
    )


# The exercises


def test_solutions_count_as_the_networks_do():
    for variant, in_maps, filters in exercises.OUTPUT_CHANNELS.cases():
        channels = counted(variant, in_maps, 7, filters)[0]
        assert exercises.output_channels(variant, in_maps, filters) == channels
    for in_maps, side, filters in exercises.MODULE_MACS.cases():
        macs = counted("reduced", in_maps, side, filters)[1]
        assert exercises.module_macs(in_maps, side, filters) == macs
    rows = (exercises.ROW_3A, exercises.ROW_4E, exercises.ROW_5B)
    assert rows == tuple(INCEPTION_TABLE[name] for name in ("3a", "4e", "5b"))


def test_the_courses_module_passes_and_another_style_of_writing_it():
    assert (
        check(lambda in_maps, filters: Inception(in_maps, *filters), "10.module").state == "passed"
    )
    report = check(lambda in_maps, filters: Inception(in_maps, *filters).conv1x1, "10.module")
    assert report.state == "failed" and "parameters" not in report.hint
    assert check(lambda in_maps, filters: ..., "10.module").state == "not attempted"


# The notebook


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


HEADS = ["setup", "deep-net", "heads-learn-see"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_deep_plain_net_learns_only_with_heads(seed):
    found = run_cells(SLUG, HEADS, seed=("SEED = 0", f"SEED = {seed}"))
    late = {name: sum(errors[-3:]) / 3 for name, errors in found["curves"].items()}
    assert late["two heads"] < 50 < 80 < late["no heads"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_with_hes_weights_it_learns_without_heads(seed):
    start = "from course_utils.models.layers import draw_as_he; "
    change = ("    net = DeepNet(heads)", f"    net = DeepNet(heads); {start}draw_as_he(net)")
    found = run_cells(SLUG, HEADS, seed=("SEED = 0", f"SEED = {seed}"), start=change)
    assert max(errors[-1] for errors in found["curves"].values()) < 12


def test_both_variants_in_twelve_lines_are_the_courses_modules(capsys):
    run_cells(SLUG, ["setup", "written", "module-compare"])
    printed = capsys.readouterr().out
    assert printed.count(" 0 apart from the course's class") == 2
    assert "303,464,448 MACs, 387,072 weights, 416 channels" in printed
    assert "128,049,152 MACs, 163,328 weights, 256 channels" in printed


def test_one_photograph_goes_through_the_whole_network(capsys):
    result = run_cells(SLUG, ["setup", "table-1", "photo"])
    printed = capsys.readouterr().out
    shapes = "3×224×224 → 64×56×56 → 192×28×28 → 480×14×14 → 832×7×7 → 1024×7×7 → 1024 → 1000"
    assert shapes in printed
    assert result["run"].output.shape == (1, 1000)
    assert "weights 28.0 MB, maps at once 11.0 MB" in printed


def test_the_shortest_ways_have_the_layers_that_the_text_says():
    """From conv1's output: conv2, a layer a module, and the linear one; or the head on 4a."""
    with torch.device("meta"):
        net = GoogLeNet()
    modules = [name for name, _ in net.named_children() if name.startswith("inception")]
    assert 2 + len(modules) + 1 == 12
    weighted = [layer for layer in net.auxiliary4a.modules() if hasattr(layer, "weight")]
    assert 2 + modules.index("inception4a") + 1 + len(weighted) == 8
