"""Lesson 01: arrows and cones against what reaches a unit in torch, the panels, the experiment."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from cells import run_cells
from matplotlib import pyplot
from torch.nn import functional as F

from course_utils import datasets, probing
from course_utils.exercises import check
from course_utils.lessons.sparse_connectivity import exercises
from course_utils.lessons.sparse_connectivity.explorer import ReceptiveField, SparseConnectivity
from course_utils.lessons.sparse_connectivity.field_experiment import plain
from course_utils.lessons.sparse_connectivity.field_figures import draw_effective_field
from course_utils.lessons.sparse_connectivity.figures import (
    arrows_into_s3,
    edge_diagram,
    sparse_beside_dense,
    weights_row_by_row,
)

SLUG = "01_sparse_connectivity"
SVG = "{http://www.w3.org/2000/svg}"
INPUTS, DENSE = 21, "fully connected"


def levels_seen(n, layers):
    """The inputs, from 1, that each unit of each level depends on in torch, until none fits."""
    levels, y = [], torch.eye(n)[:, None]  # (n, 1, units): what each input alone gives
    for kernel, stride, padding, dilation in [(1, 1, 0, 1), *layers]:
        try:
            y = F.conv1d(y, torch.ones(1, 1, kernel), None, stride, padding, dilation)
        except RuntimeError:  # the kernel is larger than the padded input
            break
        levels.append([set((unit.nonzero() + 1).flatten().tolist()) for unit in y[:, 0].T])
    return levels


def classes(element):
    return element.get("class", "").split()


def marked(svg, kind):
    """The elements of a drawing that have this class."""
    return [element for element in ET.fromstring(svg).iter() if kind in classes(element)]


def titles(svg):
    return [element.text for element in ET.fromstring(svg).iter(f"{SVG}title")]


def pairs(svg, kind):
    """The pairs (output, input) drawn as arrows, kind "e", or as filled cells, "c"."""
    names = (c[1:] for one in marked(svg, kind) for c in classes(one) if re.match(r"h\d+-", c))
    return sorted(tuple(map(int, name.split("-"))) for name in names)


STATES = itertools.product(range(3, 13), range(1, 8), range(1, 5), range(4), range(1, 4))
LAYERS = list(STATES)[::23]
POSSIBLE = [(n, *layer) for n, *layer in LAYERS if len(levels_seen(n, [layer])) == 2]


@pytest.mark.parametrize("state", POSSIBLE, ids=str)
def test_arrows_cells_and_numbers_are_those_of_torchs_layer(state):
    n, kernel, _, padding, _ = state
    read = levels_seen(n, [state[1:]])[1]
    m, expected = len(read), [(s, x) for s, seen in enumerate(read, 1) for x in sorted(seen)]
    count, lost = len(expected), kernel * m - len(expected)
    number = f"{count} arrow{'s' * (count != 1)}"
    shown = SparseConnectivity.view(*state, "convolution", "outputs", m)
    assert pairs(shown.html, "e") == pairs(shown.html, "c") == expected
    assert (len(marked(shown.html, "z")), len(marked(shown.html, "lost"))) == (n * m - count, lost)
    assert number in shown.alt and f"{n} inputs, {m} output" in shown.alt
    minus = f" − {lost}" if lost else ""
    assert shown.says.startswith(f"{kernel} × {m}{minus} = {number}: ")
    assert f"Dense: {m} × {n} = {n * m}, so {100 * count / (n * m):.0f} % are left" in shown.says
    losses = {f"s{s}": kernel - len(seen) for s, seen in enumerate(read, 1) if len(seen) < kernel}
    assert_loss(losses, padding, shown.says.split(": ")[1].split(". ")[0])
    last = ", ".join(f"x{x}" for s, x in expected if s == m) or "zeros of the padding only"
    assert shown.says.endswith(f" s{m} reads {last}.")
    assert SparseConnectivity.limits(*state, "convolution", "outputs", 1) == {"unit": m}

    shown = SparseConnectivity.view(*state, DENSE, "inputs", n)
    assert pairs(shown.html, "e") == [(s + 1, x + 1) for s, x in np.ndindex(m, n)]
    assert f"Every output reads all {n} inputs: {m} × {n} = {m * n} arrow" in shown.says
    assert f"The convolution between the same units has {count}." in shown.says
    assert shown.says.endswith(f" x{n} feeds {', '.join(f's{s}' for s in range(1, m + 1))}.")


def assert_loss(losses, padding, reason):
    """The reason given for lost arrows is true. losses: output -> how many it loses."""
    if not losses:
        nothing = "no arrow starts at a zero of the padding"
        assert reason == (nothing if padding else "no output loses one")
        return
    names, amounts = re.fullmatch(r"(.+) loses? (.+?)(?: each)? to the padding", reason).groups()
    numbers = [{"one": 1, "two": 2, "three": 3}.get(a) or int(a) for a in amounts.split(" to ")]
    assert (numbers[0], numbers[-1]) == (min(losses.values()), max(losses.values()))
    if names != f"{len(losses)} outputs near the ends":
        assert re.findall(r"s\d+", names) == list(losses)


def test_what_is_impossible_is_refused_with_its_reason():
    for state in set(LAYERS) - set(POSSIBLE):
        with pytest.raises(ValueError, match="places, but there are only"):
            SparseConnectivity.view(*state, "convolution", "outputs", 1)
    assert SparseConnectivity(n=5, padding=0, kernel=7, unit=1).says == (
        "A kernel of 7 spans 7 places, but there are only 5 (5 inputs, no padding). "
        "Choose a smaller kernel, more padding or more inputs."
    )
    assert SparseConnectivity(n=3, dilation=3, unit=1).says == (
        "A kernel of 3 with dilation 3 spans 7 places, but there are only 5 (3 inputs, 2 zeros of "
        "padding). Choose a smaller kernel, a smaller dilation, more padding or more inputs."
    )


@pytest.mark.parametrize("says", ["s2 reads x1, x2, x3.", "x2 feeds s1, s2, s3."])
def test_the_picked_unit_lights_its_arrows_its_neighbours_and_its_line_of_the_matrix(says):
    picked = says[:2]
    diagram = edge_diagram(5, padding=1, picked=picked)
    lit = marked(diagram.svg, "on")
    assert all(f"m{picked}" in classes(one) for one in lit) and diagram.alt.endswith(says)
    assert sum("e" in classes(one) for one in lit) == 3
    assert sum("u" in classes(one) for one in lit) == 4
    assert sum(one.tag == f"{SVG}rect" for one in lit) == 5
    assert not marked(edge_diagram(5, padding=1).svg, "on")


def test_pointing_works_by_rules_that_name_every_unit_and_arrow_and_tooltips_say_the_sum():
    svg = edge_diagram(5, padding=1).svg
    names = [f"{letter}{k}" for letter in "sx" for k in range(1, 6)]
    for name in names + [f"{s}-{x}" for s, x in pairs(svg, "e")]:
        assert f".cnn-edges:has(.h{name}:hover) .m{name}" in svg
        assert marked(svg, f"h{name}") and marked(svg, f"m{name}")
    for said in ("s3 = w3,2·x2 + w3,3·x3 + w3,4·x4", "x1 feeds s1, s2", "x2 to s3, weight w3,2"):
        assert said in titles(svg)
    assert titles(svg).count("a zero of the padding") == 2
    assert "s1 = 0 (it reads padding only)" in titles(edge_diagram(3, 1, padding=1).svg)
    assert edge_diagram(5, 1, stride=4, picked="x2").alt.endswith("x2 feeds no output.")


def arrowheads(svg):
    """How many arrows a drawing has: each is a path of a shaft and two barbs."""
    return sum(one.get("d", "").count("M") == 2 for one in ET.fromstring(svg).iter(f"{SVG}path"))


def test_the_arrows_into_one_output_and_the_two_layers_beside_each_other():
    assert [arrowheads(arrows_into_s3(kind).svg) for kind in ("Sparse", "Dense")] == [3, 5]
    assert "s3 reads x2, x3, x4. No other" in arrows_into_s3("Sparse").alt
    both = sparse_beside_dense()
    assert arrowheads(both.svg) == 13 + 25
    said = [one.text for one in ET.fromstring(both.svg).iter(f"{SVG}text")]
    assert "Weights: 13 numbers" in said and "Weights: 25 numbers" in said


def test_w_is_built_row_by_row_from_five_sums():
    diagram = weights_row_by_row()
    frames = [one for one in marked(diagram.svg, "f") if one.tag == f"{SVG}g"]
    sums = [frame.findall(f"{SVG}text")[-1].text.replace("\u200a", "") for frame in frames]
    assert sums[1] == "s₂ = x′w₂ = x₁w₂₁ + x₂w₂₂ + x₃w₂₃ + x₄w₂₄ + x₅w₂₅" and len(sums) == 5
    assert arrowheads(diagram.svg) == 25 + 25  # all of them, and those of each frame


def test_the_panel_begins_with_the_lecture_and_a_dense_layer_has_no_kernel():
    panel = SparseConnectivity()
    assert panel.says.startswith("3 × 5 − 2 = 13 arrows: s1 and s5 lose one each to the padding.")
    assert panel.says.endswith("13 weights against 25. s3 reads x2, x3, x4.")
    panel.move(padding=0, unit=2)
    panel.move(kernel=7)
    assert panel.refused and panel.largest["unit"] == 3, "its range waits for the next layer"
    panel.move(layer=DENSE)
    assert panel.says.startswith("Every output reads all 5 inputs: 5 × 5 = 25 arrows, one weight")
    assert "A convolution with these settings does not exist. s2 reads" in panel.says
    assert panel.largest["unit"] == 5
    panel.move(layer="convolution", padding=1)
    assert panel.says.startswith("7 × 1 − 2 = 5 arrows: s1 loses two to the padding.")


STACKS = list(itertools.product(range(1, 6), range(1, 6), range(1, 4), range(6), range(1, 4)))[::13]


def cones(layers, kernel, stride, at, dilation):
    padding, numbers = dilation * (kernel - 1) // 2, range(1, layers + 1)
    strides = [stride if at in (0, number) else 1 for number in numbers]
    return levels_seen(INPUTS, [(kernel, step, padding, dilation) for step in strides])


BUILT = [state for state in STACKS if state[3] <= state[0] < len(cones(*state))]


@pytest.mark.parametrize("state", sorted(set(STACKS) - set(BUILT)), ids=str)
def test_what_cannot_be_built_is_refused_with_its_reason(state):
    layers, at = state[0], state[3]
    reason = f"There is no layer {at} to give a stride to: the stack has {layers} layer"
    if at <= layers:
        reason = f"Layer {len(cones(*state))} cannot be built: its kernel spans "
    with pytest.raises(ValueError, match=reason):
        ReceptiveField.view(*state, level=1, unit=1)
    assert ReceptiveField.limits(*state, level=5, unit=1) == {"level": layers}


@pytest.mark.parametrize("state", BUILT, ids=str)
def test_what_is_said_and_lit_is_the_cone_of_the_unit_and_each_says_its_own(state):
    levels, (layers, kernel, stride, at, dilation) = cones(*state), state
    limits = ReceptiveField.limits(*state, level=5, unit=1)
    assert limits == {"level": layers, "unit": len(levels[-1])}
    for level, unit in ((1, 1), (layers, (len(levels[-1]) + 1) // 2), (layers, 1)):
        seen, shown = levels[level][unit - 1], ReceptiveField.view(*state, level, unit)
        # Araujo et al. (2019): 1 + the extents times the strides of all below.
        jumps = np.cumprod([1, *(stride if at in (0, k) else 1 for k in range(1, level))])
        size = 1 + dilation * (kernel - 1) * sum(jumps)
        sum_ = " + ".join(f"{dilation * (kernel - 1)} × {jump}" for jump in jumps)
        says = f"The receptive field in layer {level} is 1 + {sum_} = {size} input"
        assert shown.says.startswith(says) and f"has a receptive field of {size};" in shown.alt
        assert_seen(seen, re.search(rf"Unit {unit} sees [^.;]+", shown.says)[0])
        units = marked(shown.html, "u")
        assert {k for k, one in enumerate(units[:INPUTS], 1) if "on" in classes(one)} == seen
        top = [k for k, one in enumerate(units) if "top" in classes(one)]
        assert top == [sum(map(len, levels[:level])) + unit - 1]
        for one, seen in zip(units, itertools.chain(*levels), strict=True):
            assert_seen(seen, one.find(f"{SVG}title").text)
            assert (one.find(f"{SVG}g") is not None) == (bool(seen) and "o" in classes(one))


def assert_seen(seen, words):
    """What is said of a set of inputs is true."""
    if not seen:
        assert words.endswith("sees padding only")
        return
    named = [int(x) for x in re.findall(r"x(\d+)", words)]
    assert (named[0], named[-1]) == (min(seen), max(seen)), words
    span = max(seen) - min(seen) + 1
    count, skips = re.search(r"sees (\d+) of", words), re.search(r"skips (\d+) input", words)
    assert (int(count[1]) if count else span - int(skips[1]) if skips else span) == len(seen), words


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ({}, "The receptive field in layer 3 is 1 + 2 × 1 + 2 × 1 + 2 × 1 = 7 inputs"),
        ({"unit": 1}, "Unit 1 sees x1…x4; 3 of its 7 places lie beyond the ends."),
        ({"layers": 1, "unit": 21}, "x20…x21; 1 of its 3 places lies beyond the ends."),
        ({"stride": 2, "at": 2}, "layer 2 leaves its own field at 5; every layer above it adds 2"),
        ({"stride": 2, "at": 3}, "its own field at 7; there is no layer above it that could gain."),
        ({"stride": 2}, "A stride of 2 never enlarges the field of its own layer, only those"),
        ({"stride": 3, "layers": 1}, "Its own stride of 3 does not enlarge it"),
    ],
)
def test_what_the_pyramid_says(first, words):
    assert words in ReceptiveField(**first).says
    assert ("stride" in words) <= ("stride" in first) and "stride" not in ReceptiveField().says


def test_the_pyramid_begins_in_the_middle_of_the_last_layer_and_its_ranges_follow():
    panel = ReceptiveField()
    assert (panel.state["level"], panel.state["unit"]) == (3, 11)
    assert ReceptiveField(stride=2).state["unit"] == 2  # of three
    panel.move(unit=21)
    panel.move(layers=2, stride=2)
    assert (panel.state["level"], panel.state["unit"], panel.largest["unit"]) == (2, 6, 6)


def test_the_map_shows_the_values_and_the_square_the_theory():
    values = np.linspace(0, 1, 15 * 11).reshape(15, 11)
    figure, axes = pyplot.subplots(1, 2)
    assert draw_effective_field(values, theoretical=7, ax=axes[1]) is axes[1]
    np.testing.assert_array_equal(axes[1].images[0].get_array(), values)
    (square,) = axes[1].patches
    assert square.get_bbox().bounds == (1.5, 3.5, 7, 7)
    assert square.get_label() == "theoretical field, 7 × 7" and not axes[0].images
    pyplot.close(figure)


@pytest.mark.parametrize("case", exercises.COUNT_EDGES.cases(), ids=str)
def test_arrows_are_counted_as_in_torchs_layer(case):
    n, kernel, stride, padding = case
    assert n >= kernel >= 1 and stride >= 1 and 0 <= padding < kernel  # as the lesson says
    seen = levels_seen(n, [(kernel, stride, padding, 1)])[1]
    assert exercises.count_edges(*case) == sum(map(len, seen))


@pytest.mark.parametrize("case", [([],), *exercises.RECEPTIVE_FIELD.cases()], ids=str)
def test_the_field_is_as_wide_as_what_reaches_torchs_unit(case):
    size = exercises.receptive_field(*case)
    (seen,) = levels_seen(size, [(kernel, stride, 0, 1) for kernel, stride in case[0]])[-1]
    assert (min(seen), max(seen)) == (1, size)


def test_other_ways_to_write_it_pass():
    def closed_form(n, kernel, stride, padding):
        starts = range(-padding, n + padding - kernel + 1, stride)
        return sum(min(first + kernel, n) - max(first, 0) for first in starts)

    def backwards(layers):
        size = 1
        for kernel, stride in reversed(layers):
            size = (size - 1) * stride + kernel
        return size

    assert check(closed_form, "01.count-edges").state == "passed"
    assert check(backwards, "01.receptive-field").state == "passed"


def width(maps):
    field = probing.effective_receptive_field(maps, (1, 25, 25), samples=100)
    return probing.effective_receptive_field_size(field)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_effective_field_grows_like_the_root_of_the_depth_and_training_widens_it(seed):
    cells = ["setup", "effective-before", "effective-after"]
    result = run_cells(SLUG, cells, seed=("SEED = 0", f"SEED = {seed}"))
    before, after = result["sizes"]
    assert before + 1 < after < result["theory"] == 17
    # "the field starts narrow": a plain stack of as many layers begins at about 13
    assert before < width(plain(8)) - 3
    # "twice as many layers ... about √2 times": 65 wide in theory, by 32 layers
    assert 1.8 < result["size"] / width(plain(8)) < 2.3  # four times as many layers


@pytest.mark.slow
def test_a_plain_stack_that_starts_wide_can_lose_width():
    torch.manual_seed(0)
    maps, head = plain(8), torch.nn.Linear(16, 10)
    (images, labels), _ = datasets.digits(size=16)
    before = width(maps)
    optimizer = torch.optim.Adam([*maps.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(8):
        for batch in torch.randperm(len(labels)).split(64):
            pooled = maps(images[batch]).mean(dim=(2, 3))
            loss = torch.nn.functional.cross_entropy(head(pooled), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert before > 17 / 2
    assert width(maps) < before


def test_a_change_that_does_not_apply_is_refused():
    with pytest.raises(ValueError, match="must occur once, occurs 0 times"):
        run_cells(SLUG, ["setup"], seed=("manual_seed(99)", ""))
    with pytest.raises(ValueError, match="no-such-cell"):
        run_cells(SLUG, ["no-such-cell"])


def test_the_answers_in_the_folds_are_those_of_the_panels():
    for padding, nothing in ((0, 0), (1, 0), (2, 0), (3, 2)):
        read = levels_seen(5, [(3, 1, padding, 1)])[1]
        assert sum(not seen for seen in read) == nothing
    strided = levels_seen(5, [(3, 2, 1, 1)])[1]
    assert [sum(x in seen for seen in strided) for x in range(1, 6)] == [1, 2, 1, 2, 1]
    assert [len(seen) for seen in levels_seen(5, [(3, 1, 1, 2)])[1]] == [2, 3, 2]
    assert [len(seen) for seen in levels_seen(5, [(3, 1, 2, 2)])[1]] == [2, 2, 3, 2, 2]
    fields = {at: ReceptiveField(stride=2, at=at).says for at in (1, 3)}
    assert "= 11 inputs" in fields[1] and "= 7 inputs" in fields[3]
