"""The block's numbers are those of the model, and the curves draw what they are given."""

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
from course_utils.lessons.resnet import figures as resnet
from course_utils.models.resnet import BasicBlock

SVG = "{http://www.w3.org/2000/svg}"
GRID = list(itertools.product((16, 64, 256), (16, 64, 256), (1, 2), resnet.SHORTCUTS))


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


def possible(in_maps, out_maps, stride, shortcut):
    if shortcut == "identity":
        return in_maps == out_maps and stride == 1
    return shortcut != "A" or out_maps >= in_maps


def real_block(in_maps, out_maps, stride, shortcut):
    options = {"residual": False} if shortcut == "plain" else {"shortcut": shortcut}
    if shortcut == "identity":
        options = {"shortcut": "A"}  # the identity where shapes agree
    with torch.device("meta"):
        return BasicBlock(in_maps, out_maps, stride, **options)


@pytest.mark.parametrize("side", [56, 7])
def test_counts_are_those_of_the_networks_block(side):
    for state in GRID:
        in_maps, out_maps, stride, shortcut = state
        if not possible(*state):
            continue
        block = resnet.count_block(in_maps, out_maps, side, stride, shortcut)
        counted = ledger(real_block(*state), (in_maps, side, side))
        assert (block.parameters, block.macs) == (counted.parameters, counted.macs), state
        of_shortcut = [row for row in counted.rows if row.name.startswith("shortcut")]
        assert block.shortcut == (
            sum(row.parameters for row in of_shortcut),
            sum(row.macs for row in of_shortcut),
        )
        shape = (block.out_maps, block.out_side, block.out_side)
        assert counted.rows[-1].output_shape == shape


def test_fig_5_and_the_dotted_block():
    assert resnet.count_block(64, 64, 56, 1, "identity").macs == 231_211_008
    assert resnet.count_block(64, 128, 56, 2, "B").shortcut == (8448, 6_422_528)


def test_what_does_not_fit_is_refused():
    for state in GRID:
        if not possible(*state):
            in_maps, out_maps, stride, shortcut = state
            words = "cannot be added" if shortcut == "identity" else "append maps of zeros"
            with pytest.raises(ValueError, match=words):
                resnet.block_diagram(in_maps, out_maps, stride=stride, shortcut=shortcut)
    with pytest.raises(ValueError, match="shortcut must be one of 'plain', .*, got 'D'"):
        resnet.count_block(64, 64, 56, 1, "D")


def test_every_diagram_is_well_formed_and_carries_its_numbers():
    for state in GRID:
        if not possible(*state):
            continue
        in_maps, out_maps, stride, shortcut = state
        for slope in (None, 0.25):
            diagram = resnet.block_diagram(
                in_maps, out_maps, stride=stride, shortcut=shortcut, slope=slope
            )
            root = ET.fromstring(diagram.svg)
            block = resnet.count_block(in_maps, out_maps, 56, stride, shortcut)
            assert root.get("aria-label") == diagram.alt
            assert f"{block.parameters:,} parameters, {block.macs:,} multiply-adds" in diagram.alt
            drawn = " ".join(text.text for text in root.iter(f"{SVG}text"))
            for parameters, _ in block.path:
                assert f"{parameters:,} parameters" in drawn
            assert f"{out_maps}×{block.out_side}×{block.out_side}" in drawn
            assert ("stroke-dasharray" in diagram.svg) == (block.kind in ("zeros", "projection"))
            assert ("projection" in drawn) == (block.kind == "projection")
            assert ("gradient times" in drawn) == (slope is not None)


def test_two_paths_add():
    plain, both = resnet.path_products(0.25, 27)
    assert plain == pytest.approx(0.25**27) and both == pytest.approx(1.25**27)
    assert resnet.path_products(1.0, 3, "none") == (1.0, None)
    assert resnet.path_products(0.5, 2, "projection").with_shortcut is None
    # The chain rule on a real stack, in one dimension.
    x = torch.ones((), requires_grad=True)
    y = x
    for _ in range(5):
        y = y + 0.5 * y
    y.backward()
    assert x.grad.item() == pytest.approx(resnet.path_products(0.5, 5).with_shortcut)


@pytest.mark.parametrize(
    ("slope", "blocks", "message"),
    [
        (0, 3, "slope must be a number above 0 and at most 1, got 0"),
        (1.5, 3, "got 1.5"),
        (True, 3, "got True"),
        (0.5, 0, "blocks must be an integer >= 1, got 0"),
        (0.5, 2.0, "got 2.0"),
    ],
)
def test_products_out_of_range(slope, blocks, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        resnet.path_products(slope, blocks)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.0625, "0.0625"),
        (413.59, "414"),
        (1234.0, "1,234"),
        (0.25**27, "5.6 · 10⁻¹⁷"),
        (2.0**27, "1.3 · 10⁸"),
    ],
)
def test_numbers_show_their_size(value, text):
    assert resnet.power_text(value) == text


def test_the_marks_of_the_axis_lie_where_their_values_are():
    for slope, blocks in itertools.product((0.01, 0.25, 0.9, 1.0), (1, 9, 27, 30)):
        svg = resnet.block_diagram(slope=slope, blocks=blocks).svg
        (one,) = re.findall(r'd="M([\d.]+) [\d.]+v16"', svg)
        (plain,) = re.findall(r'd="M([\d.]+) [\d.]+l8 8', svg)
        (both,) = re.findall(r'<circle cx="([\d.]+)" cy="[\d.]+" r="8"', svg)
        one, plain, both = float(one), float(plain), float(both)
        assert 150 <= plain <= one < both <= 960
        # Distances from 1 are as the logarithms.
        expected = math.log10(1 + slope) / abs(math.log10(slope)) if slope < 1 else None
        if expected:
            assert (both - one) / (one - plain) == pytest.approx(expected, rel=0.05, abs=0.1)


@pytest.mark.parametrize("mode", [style.study, style.present])
def test_text_is_never_smaller_than_12_pixels_on_a_slide(mode):
    mode()
    try:
        svg = resnet.block_diagram(64, 128, stride=2, shortcut="B", slope=0.25).svg
    finally:
        style.study()
    assert min(float(size) for size in re.findall(r'font-size="([\d.]+)"', svg)) >= 13
    # A panel's picture is 330 of 720 pixels high at most, and 1.2 times as wide as drawn.
    assert float(ET.fromstring(svg).get("viewBox").split()[-1]) <= 280


CURVES = {
    "plain-20": ([0.8, 0.2, 0.1], [0.9, 0.3, 0.2]),
    "ResNet-20": ([0.5, 0.1, 0.0], [0.6, 0.2, 0.1]),
}


def test_error_curves_show_training_left_and_test_right():
    axes = resnet.draw_error_curves(CURVES, guide=2)
    assert [ax.get_title("left") for ax in axes] == ["Training error", "Test error"]
    for part, ax in enumerate(axes):
        plain, residual, guide = ax.get_lines()
        assert list(plain.get_ydata()) == pytest.approx([100 * e for e in CURVES["plain-20"][part]])
        assert list(residual.get_xdata()) == [1, 2, 3]
        assert (plain.get_linestyle(), residual.get_linestyle()) == ("--", "-")
        assert list(guide.get_xdata()) == [2.5, 2.5]
    assert [text.get_text() for text in axes[1].get_legend().get_texts()] == list(CURVES)
    legend = axes[1].get_legend()
    axes[1].figure.canvas.draw()
    assert legend.get_window_extent().x0 >= axes[1].get_window_extent().x1  # beside every curve
    assert show(axes[0], alt="Curves.").png.startswith(b"\x89PNG")


def test_waterfall_draws_each_layer_on_a_logarithmic_scale():
    ax = resnet.draw_waterfall({"plain-4": [8.0, 4.0, 2.0], "ResNet-3": [1.0, 1.0]})
    assert ax.get_yscale() == "log"
    first, second = ax.get_lines()
    assert list(first.get_ydata()) == [8.0, 4.0, 2.0] and list(first.get_xdata()) == [1, 2, 3]
    assert list(second.get_ydata()) == [1.0, 1.0]


def test_waterfall_takes_tensors():
    ax = resnet.draw_waterfall({"a": [torch.tensor(2.0), torch.tensor(1.0)]})
    assert [float(y) for y in ax.get_lines()[0].get_ydata()] == [2.0, 1.0]


def test_cuts_are_bars_at_their_blocks():
    ax = resnet.draw_cuts(
        {"removed": {1: 0.9, 3: 0.5}, "cut": {1: 0.1, 2: 0.2, 3: 0.3}}, {"whole": 0.05}
    )
    removed, cut = ax.containers
    assert [bar.get_height() for bar in removed] == pytest.approx([90, 50])
    assert [bar.get_height() for bar in cut] == pytest.approx([10, 20, 30])
    assert [round(bar.get_x() + bar.get_width() / 2, 6) for bar in cut] == [1.2, 2.2, 3.2]
    assert removed[0].get_hatch() != cut[0].get_hatch()  # told apart without colour
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert set(names) == {"removed", "cut", "whole"}


@pytest.mark.parametrize(
    ("draw", "arguments", "message"),
    [
        (resnet.draw_error_curves, ({},), "curves must hold at least one network"),
        (resnet.draw_error_curves, ({"a": ([1.2], [0.1])},), "errors must lie between 0 and 1"),
        (resnet.draw_error_curves, ({"a": ([], [0.1])},), "errors must lie between 0 and 1"),
        (resnet.draw_cuts, ({"a": {}}, {}), "errors must name blocks from 1 on, got []"),
        (resnet.draw_cuts, ({"a": {0: 0.1}}, {}), "from 1 on, got [0]"),
        (resnet.draw_cuts, ({"a": {1: 1.1}}, {}), "errors must lie between 0 and 1"),
        (resnet.draw_cuts, ({"a": {1: 0.1}}, {"w": -1}), "errors must lie between 0 and 1"),
    ],
)
def test_bad_values_are_refused(draw, arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        draw(*arguments)
