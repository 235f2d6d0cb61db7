"""Add a shortcut: every state of the explorer against the model's own block."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
import torch

from course_utils.ledger import ledger
from course_utils.lessons.resnet.explorer import MAPS, SIDE, SLOPES, ShortcutExplorer, view
from course_utils.lessons.resnet.figures import path_products
from course_utils.models.resnet import BasicBlock

KINDS = ("plain", "identity", "A", "B", "C")
GRID = list(itertools.product(KINDS, MAPS, MAPS, (1, 2)))


def built(shortcut, in_maps, out_maps, stride):
    """The model's block in this state, or None where it cannot be built or run."""
    options = {"residual": False} if shortcut == "plain" else {"shortcut": shortcut}
    with torch.device("meta"):
        if shortcut == "identity":
            block = BasicBlock(in_maps, out_maps, stride, residual=False)
            block.shortcut = torch.nn.Identity()
            try:
                block(torch.empty(1, in_maps, SIDE, SIDE))
            except RuntimeError:  # the shapes do not fit
                return None
            return block
        try:
            return BasicBlock(in_maps, out_maps, stride, **options)
        except ValueError:  # option A cannot take maps away
            return None


@pytest.fixture(scope="module")
def oracle():
    """State -> its ledger, or None where it is refused."""
    blocks = {state: built(*state) for state in GRID}
    return {
        state: block and ledger(block, (state[1], SIDE, SIDE)) for state, block in blocks.items()
    }


def test_the_grid_is_the_whole_grid_of_the_controls():
    panel = ShortcutExplorer()
    assert tuple(value for _, value in panel.shortcut.options) == KINDS
    assert tuple(panel.in_maps.options) == tuple(panel.out_maps.options) == MAPS
    assert (panel.stride.min, panel.stride.max) == (1, 2)
    assert [value for _, value in panel.slope.options] == list(SLOPES)
    assert (panel.blocks.min, panel.blocks.max) == (1, 30)


def test_what_is_refused_is_what_the_model_cannot_do(oracle):
    refused = 0
    for state, counted in oracle.items():
        if counted is None:
            refused += 1
            with pytest.raises(ValueError, match="cannot be added|append maps of zeros"):
                view(*state, 0.25, 27)
        else:
            view(*state, 0.25, 27)
    assert refused == 45 + 20  # x with changed shapes; A with fewer maps


def test_every_count_said_is_the_models(oracle):
    for state, counted in oracle.items():
        if counted is None:
            continue
        shortcut, in_maps, out_maps, stride = state
        says = view(*state, 0.25, 27).says
        whole = f"{counted.parameters:,} parameters and {counted.macs:,} MACs"
        assert says.startswith(f"The block has {whole}"), state
        rows = [row for row in counted.rows if row.name.startswith("shortcut")]
        parameters = sum(row.parameters for row in rows)
        macs = sum(row.macs for row in rows)
        if parameters:
            sum_ = re.search(r"(\d+) × (\d+) \+ 2 × (\d+) = ([\d,]+) and ([\d,]+) of them", says)
            a, b, c, total, work = (int(x.replace(",", "")) for x in sum_.groups())
            assert a * b + 2 * c == total == parameters and work == macs, state
        elif shortcut != "plain":
            assert "none of them in the shortcut" in says, state
        side = counted.rows[-1].output_shape[-1]
        assert f"{out_maps}×{side}×{side}" in says, state


def test_why_a_shortcut_has_no_parameters_is_true():
    """What option A is said to leave out and to append."""
    for in_maps, out_maps, stride in itertools.product(MAPS, MAPS, (1, 2)):
        if out_maps < in_maps:
            continue
        says = view("A", in_maps, out_maps, stride, 0.25, 27).says
        assert ("leaving out positions" in says) == (stride == 2)
        assert ("appending zeros" in says) == (out_maps > in_maps)
        assert ("that are kept" in says) == (stride == 2 or out_maps > in_maps)


def test_what_is_said_of_the_gradient_is_true():
    for slope, blocks in itertools.product(SLOPES, (1, 2, 9, 27, 30)):
        for shortcut in KINDS:
            says = view(shortcut, 64, 64, 1, slope, blocks).says
            assert f"{slope:g}^{blocks} = " in says
            assert f"{blocks} block{'s' * (blocks != 1)} " in says
            assert ("one path only" in says) == (shortcut == "plain")
            assert ("no longer 1" in says) == (shortcut == "C")
            sums = shortcut in ("identity", "A", "B")
            assert (f"(1 + {slope:g})^{blocks} = " in says) == sums
            assert (f"2^{blocks} = {2**blocks:,} paths" in says) == sums


def test_the_growth_is_a_sum_of_paths_none_of_them_above_1():
    for slope in SLOPES:
        paths = [slope ** sum(blocks) for blocks in itertools.product((0, 1), repeat=9)]
        assert len(paths) == 2**9 and max(paths) <= 1
        assert sum(paths) == pytest.approx(path_products(slope, 9).with_shortcut)


def test_every_picture_is_well_formed(oracle):
    for state, counted in oracle.items():
        if counted is None:
            continue
        shown = view(*state, 0.9, 3)
        assert ET.fromstring(shown.html).get("aria-label") == shown.alt
        assert f"{counted.parameters:,} parameters" in shown.alt


def test_the_lectures_implication_same_dimension():
    panel = ShortcutExplorer()
    assert not panel.refused
    panel.stride.value = 2
    assert panel.refused
    assert "x has 64×56×56 numbers, F(x) has 64×28×28" in panel.says
    panel.shortcut.value = "B"
    assert not panel.refused
    assert "64 × 64 + 2 × 64 = 4,224" in panel.says
    panel.out_maps.value = 32
    panel.shortcut.value = "A"
    assert panel.refused
    assert "x has 64 maps and F(x) only 32" in panel.says


def test_stored_form_is_the_sentence():
    panel = ShortcutExplorer()
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == panel.says == repr(panel)
    assert "<svg" in bundle["text/html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shortcut": "D"}, "Shortcut must be one of"),
        ({"in_maps": 3}, "Maps in must be one of"),
        ({"stride": 3}, "Stride must be an integer from 1 to 2"),
        ({"slope": 0.3}, "Slope of F must be one of"),
        ({"blocks": 0}, "Blocks must be an integer from 1 to 30"),
    ],
)
def test_a_first_value_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ShortcutExplorer(**arguments)
