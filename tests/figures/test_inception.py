"""The module's numbers are those of the model, and the plots draw what they are given."""

import itertools
import math
import re
import xml.etree.ElementTree as ET

import matplotlib
import pytest
import torch

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from course_utils.drawing import style
from course_utils.drawing.plots import show
from course_utils.ledger import ledger
from course_utils.lessons.inception import figures as inception
from course_utils.models.googlenet import INCEPTION_TABLE, Inception, NaiveInception

SVG = "{http://www.w3.org/2000/svg}"
INPUTS = dict(zip(INCEPTION_TABLE, (192, 256, 480, 512, 512, 512, 528, 832, 832), strict=True))


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


def side_of(name):
    return {"3": 28, "4": 14, "5": 7}[name[0]]


def real_module(in_maps, filters, variant):
    with torch.device("meta"):
        if variant == "naive":
            return NaiveInception(in_maps, filters[0], filters[2], filters[4])
        return Inception(in_maps, *filters)


def weights(module):
    return sum(p.numel() for p in module.parameters() if p.ndim > 1)


@pytest.mark.parametrize("variant", inception.VARIANTS)
@pytest.mark.parametrize("name", INCEPTION_TABLE)
def test_counts_are_those_of_the_model(name, variant):
    in_maps, side, filters = INPUTS[name], side_of(name), INCEPTION_TABLE[name]
    module = real_module(in_maps, filters, variant)
    counted = inception.count_module(in_maps, side, filters, variant)
    real = ledger(module, (in_maps, side, side))
    assert (counted.macs, counted.weights) == (real.macs, weights(module))
    assert counted.out_maps == module.out_channels
    # Branch by branch, in the model's own order.
    kinds = ("conv1x1", "3x3", "5x5", "projection")
    for branch, kind in zip(counted.branches, kinds, strict=True):
        assert branch.macs == sum(row.macs for row in real.rows if kind in row.name)


def test_the_facts_of_3a():
    naive, reduced = (
        inception.count_module(192, 28, INCEPTION_TABLE["3a"], variant)
        for variant in inception.VARIANTS
    )
    assert (naive.macs, naive.weights, naive.out_maps) == (303_464_448, 387_072, 416)
    assert (reduced.macs, reduced.weights, reduced.out_maps) == (128_049_152, 163_328, 256)
    assert naive.branches[2].macs == 120_422_400
    assert reduced.branches[2].macs == 12_443_648


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((192, 28, INCEPTION_TABLE["3a"], "wide"), "variant must be one of .* got 'wide'"),
        ((192, 28, (1, 2, 3), "naive"), r"filters must hold 6 numbers, got \[1, 2, 3\]"),
        ((0, 28, INCEPTION_TABLE["3a"], "naive"), "in_maps must be an integer >= 1, got 0"),
        ((192, 2.5, INCEPTION_TABLE["3a"], "naive"), "side must be an integer >= 1, got 2.5"),
        ((192, 28, (64, 0, 128, 16, 32, 32), "reduced"), "3x3 reduce must be .* got 0"),
        ((192, 28, (True, 1, 1, 1, 1, 1), "reduced"), "1x1 must be .* got True"),
    ],
)
def test_what_cannot_be_counted_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        inception.count_module(*arguments)


def texts(diagram):
    return ["".join(node.itertext()) for node in ET.fromstring(diagram.svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("mode", ["study", "present"])
@pytest.mark.parametrize("variant", inception.VARIANTS)
def test_a_module_shows_its_numbers(variant, mode):
    getattr(style, mode)()
    try:
        for name, filters in INCEPTION_TABLE.items():
            module = inception.count_module(INPUTS[name], side_of(name), filters, variant)
            diagram = inception.module_diagram(
                INPUTS[name], side_of(name), filters, variant=variant, budget=module.macs
            )
            root = ET.fromstring(diagram.svg)
            assert root.get("role") == "img" and root.get("aria-label") == diagram.alt
            assert f"{module.macs:,} multiply-adds" in diagram.alt
            shown = texts(diagram)
            wanted = [f"1×1, {filters[0]}", f"3×3, {filters[2]}", f"5×5, {filters[4]}"]
            if variant == "reduced":
                wanted += [f"1×1, {filters[i]}" for i in (1, 3, 5)]
            assert set(wanted) <= set(shown)
            assert "no weights" in shown
            sizes = [float(node.get("font-size")) for node in root.iter(f"{SVG}text")]
            assert min(sizes) >= 15  # 12 pixels on a slide
    finally:
        style.study()


def test_without_costs_the_two_variants_differ_by_three_boxes():
    naive, reduced = (
        texts(inception.module_diagram(variant=variant, costs=False))
        for variant in inception.VARIANTS
    )
    assert naive.count("1×1") == 1 and reduced.count("1×1") == 4
    assert sorted([*naive, "1×1", "1×1", "1×1"]) == sorted(reduced)
    assert not any("MACs" in line for line in naive + reduced)


def test_the_output_is_stacked_to_scale():
    diagram = inception.module_diagram()
    bars = [
        float(node.get("height"))
        for node in ET.fromstring(diagram.svg).iter(f"{SVG}rect")
        if node.get("width") == "60"
    ]
    assert len(bars) == 4
    for tall, channels in zip(bars, (64, 128, 32, 32), strict=True):
        assert tall / sum(bars) == pytest.approx(channels / 256, abs=0.002)


@pytest.mark.parametrize(("budget", "over"), [(128_049_152, False), (128_049_151, True)])
def test_the_budget_says_when_it_is_passed(budget, over):
    shown = texts(inception.module_diagram(budget=budget))
    assert any(line.startswith("budget") and line.endswith(": over") for line in shown) == over
    assert "naive" in shown
    assert "naive" not in texts(inception.module_diagram(variant="naive", budget=budget))
    with pytest.raises(ValueError, match="budget must be .* got 0"):
        inception.module_diagram(budget=0)


@pytest.mark.parametrize(
    ("macs", "text"),
    [
        (40_000, "0.04 M"),
        (994_999, "0.99 M"),
        (999_999, "1.0 M"),
        (2_408_448, "2.4 M"),
        (99_850_240, "99.9 M"),
        (99_949_999, "99.9 M"),
        (99_999_999, "100 M"),
        (128_049_152, "128 M"),
        (1_582_671_872, "1,583 M"),
    ],
)
def test_millions(macs, text):
    assert inception.millions(macs) == text


BLOCKS = {"conv1": 118, "conv2": 360, "3a": 128, "4a": 74, "4d": 119, "linear": 1}


def test_heads_diagram_draws_a_way_from_every_loss():
    diagram = inception.heads_diagram(BLOCKS, {"4a": "head A", "4d": "head B"}, last="loss")
    root = ET.fromstring(diagram.svg)
    assert root.get("aria-label") == diagram.alt
    assert {*BLOCKS, "head A", "head B", "loss"} <= set(texts(diagram))
    assert len(list(root.iter(f"{SVG}circle"))) == 3
    heights = [
        float(node.get("height"))
        for node in root.iter(f"{SVG}rect")
        if node.get("stroke") == style.INPUT
    ]
    assert len(heights) == len(BLOCKS)
    assert heights[1] == max(heights)
    assert heights[0] / heights[1] == pytest.approx(118 / 360, abs=0.01)
    assert f"{sum(BLOCKS.values())} together" in diagram.alt


@pytest.mark.parametrize(
    ("macs", "heads", "message"),
    [
        ({}, {}, "macs must hold blocks"),
        ({"a": 0}, {}, "macs must hold blocks"),
        ({"a": 1}, {"b": "head"}, r"heads must sit on blocks among \['a'\], got \['b'\]"),
    ],
)
def test_heads_diagram_refuses(macs, heads, message):
    with pytest.raises(ValueError, match=message):
        inception.heads_diagram(macs, heads, last="loss")


def test_gradients_are_drawn_in_pairs():
    norms = {"a": [1, 10, 100], "a, with": [2, 10, 100], "b": [3, 3, 3], "b, with": [4, 3, 3]}
    ax = inception.draw_block_gradients(norms, ["x", "y", "z"], heads=["y"])
    lines = ax.get_lines()
    assert [list(line.get_ydata()) for line in lines[:4]] == list(norms.values())
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    assert [line.get_linestyle() for line in lines[:4]] == ["-", "--", "-", "--"]
    assert lines[4].get_xdata()[0] == 1
    assert ax.get_yscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["x", "y", "z"]
    assert show(ax, alt="four lines").alt == "four lines"


@pytest.mark.parametrize(
    ("norms", "heads", "message"),
    [
        ({}, (), "at least one line"),
        ({"a": [1]}, (), "norms must hold 2 numbers above 0 for a"),
        ({"a": [1, 0]}, (), "above 0 for a"),
        ({"a": [1, math.nan]}, (), "above 0 for a"),
        ({"a": [1, 2]}, ("q",), r"heads must be among the blocks \['x', 'y'\], got \['q'\]"),
    ],
)
def test_gradients_refuse(norms, heads, message):
    with pytest.raises(ValueError, match=message):
        inception.draw_block_gradients(norms, ["x", "y"], heads=heads)


def test_crops_are_drawn_by_number_of_networks():
    ax = inception.draw_crops((7, 1, 1, 7), (10, 144, 1, 1), (7.62, 7.89, 10.07, 8.09))
    one, seven = ax.get_lines()
    assert list(one.get_xdata()) == [1, 144] and list(one.get_ydata()) == [10.07, 7.89]
    assert list(seven.get_xdata()) == [7, 70] and list(seven.get_ydata()) == [8.09, 7.62]
    written = " | ".join(label.get_text() for label in ax.texts)
    assert re.search(r"10\.07 %, 1 crop( |$)", written) and "7.89 %, 144 crops" in written
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["1 network", "7 networks"]


@pytest.mark.parametrize(
    "arguments", [((), (), ()), ((1,), (1, 2), (3,)), ((0,), (1,), (3,)), ((1,), (1,), (101,))]
)
def test_crops_refuse(arguments):
    with pytest.raises(ValueError, match="models"):
        inception.draw_crops(*arguments)


def test_the_same_arguments_give_the_same_string():
    for variant, budget in itertools.product(inception.VARIANTS, (None, 10**8)):
        first, second = (inception.module_diagram(variant=variant, budget=budget) for _ in range(2))
        assert first.svg == second.svg
