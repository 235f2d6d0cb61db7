"""Lesson 01: arrows and cones against windows slid by hand and torch's gradients."""

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from cells import run_cells
from matplotlib import pyplot

from course_utils import datasets, probing
from course_utils.exercises import check
from course_utils.explorer import Slider
from course_utils.geometry import Layer, cone
from course_utils.lessons.sparse_connectivity import exercises
from course_utils.lessons.sparse_connectivity.explorer import (
    INPUTS,
    ReceptiveField,
    SparseConnectivity,
    stack,
    too_wide,
)
from course_utils.lessons.sparse_connectivity.field_figures import draw_effective_field
from course_utils.lessons.sparse_connectivity.figures import edge_diagram

SLUG = "01_sparse_connectivity"
SVG = "{http://www.w3.org/2000/svg}"
# n, kernel, stride, padding, dilation: all that the panel of arrows can be set to
LAYERS = list(itertools.product(range(3, 13), range(1, 8), range(1, 5), range(4), range(1, 4)))
POSSIBLE = [(n, k, s, p, d) for n, k, s, p, d in LAYERS if d * (k - 1) < n + 2 * p]
# layers, kernel, stride, at, dilation: all that the pyramid can be set to
STACKS = list(itertools.product(range(1, 6), range(1, 6), range(1, 4), range(6), range(1, 4)))


def classes(element):
    return element.get("class", "").split()


@pytest.mark.parametrize(
    ("panel", "states"), [(SparseConnectivity, LAYERS), (ReceptiveField, STACKS)]
)
def test_the_states_tried_here_are_all_that_the_controls_offer(panel, states):
    offered = [
        range(c.smallest, c.largest + 1) if isinstance(c, Slider) else c.options.values()
        for c in panel.controls[:5]
    ]
    assert list(itertools.product(*offered)) == states


def windows(n, kernel, stride, padding, dilation):
    """Slide a window over the padded row: what each output reads, from 1; None is padding."""
    row = [None] * padding + list(range(1, n + 1)) + [None] * padding
    reach = dilation * (kernel - 1) + 1
    return [row[a : a + reach : dilation] for a in range(0, len(row) - reach + 1, stride)]


def drawn(svg):
    """The picture, and the pairs (output, input) drawn as arrows and those filled as cells."""
    root = ET.fromstring(svg)
    pairs = {"e": [], "c": []}
    for element in root.iter():
        for kind in {"e", "c"} & set(classes(element)):
            (name,) = (c[1:] for c in classes(element) if re.fullmatch(r"h\d+-\d+", c))
            pairs[kind].append(tuple(map(int, name.split("-"))))
    return root, sorted(pairs["e"]), sorted(pairs["c"])


# ---------------------------------------------------------------------------------------------
# The arrows of one layer


@pytest.mark.parametrize("layer", ["convolution", "fully connected"])
def test_arrows_cells_and_numbers_are_what_the_windows_read(layer):
    for state in POSSIBLE[:: 5 if layer == "convolution" else 31]:
        read = windows(*state)
        n, m = state[0], len(read)
        expected = [(s, x) for s, window in enumerate(read, 1) for x in window if x]
        sparse = len(expected)
        if layer != "convolution":
            expected = list(itertools.product(range(1, m + 1), range(1, n + 1)))
        shown = SparseConnectivity.view(*state, layer, "outputs", m)
        root, arrows, cells = drawn(shown.html)
        assert arrows == cells == expected, state
        assert len([e for e in root.iter() if "z" in classes(e)]) == n * m - len(expected)
        lost = [e for e in root.iter() if "lost" in classes(e)]
        assert len(lost) == (layer == "convolution") * (state[1] * m - sparse), state
        assert min(float(e.get("font-size")) for e in root.iter(f"{SVG}text")) >= 12
        number = f"{len(expected)} arrow{'s' * (len(expected) != 1)}"
        assert number in shown.alt and f"{n} inputs, {m} output" in shown.alt
        if layer == "convolution":
            sum_ = re.match(rf"(\d+) × (\d+)(?: − (\d+))? = {number}: ", shown.says)
            k, outputs, missing = (int(x or 0) for x in sum_.groups())
            assert (k, outputs, missing) == (state[1], m, len(lost)), state
            share = f"so {100 * sparse / (n * m):.0f} % are left"
            assert f"Dense: {m} × {n} = {n * m}, {share}" in shown.says
            assert_loss(read, padded=state[3] > 0, says=shown.says)
        else:
            assert f"Every output reads all {n} inputs: {m} × {n} = {number}" in shown.says
            assert f"The convolution between the same units has {sparse}." in shown.says
        last = ", ".join(f"x{x}" for s, x in expected if s == m)
        assert shown.says.endswith(f" s{m} reads {last or 'zeros of the padding only'}.")
        limits = SparseConnectivity.limits(*state, layer, "outputs", 1)
        assert limits == {"unit": m}


def assert_loss(read, padded, says):
    """The reason given for lost arrows is true."""
    losses = {f"s{j}": window.count(None) for j, window in enumerate(read, 1) if None in window}
    reason = says.split(": ")[1].split(". ")[0]
    if not losses:
        nothing = "no arrow starts at a zero of the padding"
        assert reason == (nothing if padded else "no output loses one")
        return
    names, amounts = re.fullmatch(r"(.+) loses? (.+?)(?: each)? to the padding", reason).groups()
    numbers = [{"one": 1, "two": 2, "three": 3}.get(a) or int(a) for a in amounts.split(" to ")]
    assert (numbers[0], numbers[-1]) == (min(losses.values()), max(losses.values())), says
    if "outputs" in names:
        assert names == f"{len(losses)} outputs near the ends", says
    else:
        assert re.findall(r"s\d+", names) == list(losses), says


def jacobian(n, kernel, stride, padding, dilation=1):
    """Which output depends on which input, as torch's autograd sees it: booleans (outputs, n)."""
    layer = torch.nn.Conv1d(1, 1, kernel, stride, padding, dilation, bias=False)
    torch.nn.init.ones_(layer.weight)
    found = torch.autograd.functional.jacobian(lambda x: layer(x[None])[0], torch.zeros(n))
    return found != 0


@pytest.mark.parametrize("state", POSSIBLE[::211])
def test_the_arrows_are_the_non_zeros_of_a_torch_layers_jacobian(state):
    _, arrows, _ = drawn(edge_diagram(*state).svg)
    assert arrows == [tuple(pair) for pair in (jacobian(*state).nonzero() + 1).tolist()]


def test_every_impossible_layer_says_why():
    impossible = sorted(set(LAYERS) - set(POSSIBLE))
    assert len(impossible) > 100 and not any(too_wide(n, k, p, d) for n, k, _, p, d in POSSIBLE)
    for n, k, s, p, d in impossible:
        reason = f"spans {d * (k - 1) + 1} places, but there are only {n + 2 * p} "
        with pytest.raises(ValueError, match=re.escape(reason)):
            SparseConnectivity.view(n, k, s, p, d, "convolution", "outputs", 1)


@pytest.mark.parametrize(
    ("picked", "says"), [("s2", "s2 reads x1, x2, x3."), ("x2", "x2 feeds s1, s2, s3.")]
)
def test_the_picked_unit_lights_its_arrows_its_neighbours_and_its_line_of_the_matrix(picked, says):
    diagram = edge_diagram(5, padding=1, picked=picked)
    lit = [e for e in drawn(diagram.svg)[0].iter() if "on" in classes(e)]
    arrows = [e for e in lit if "e" in classes(e)]
    cells = [e for e in lit if e.tag == f"{SVG}rect"]
    units = [e for e in lit if "u" in classes(e)]
    assert (len(arrows), len(units), len(cells)) == (3, 4, 5)
    assert all(f"m{picked}" in classes(e) for e in lit)
    assert diagram.alt.endswith(says)
    assert not any("on" in classes(e) for e in drawn(edge_diagram(5, padding=1).svg)[0].iter())


def test_pointing_works_by_rules_that_name_every_unit_and_arrow():
    root, arrows, _ = drawn(edge_diagram(5, padding=1).svg)
    rules = root.find(f"{SVG}style").text
    names = [f"{letter}{k}" for letter in "sx" for k in range(1, 6)]
    for name in names + [f"{s}-{x}" for s, x in arrows]:
        assert f".cnn-edges:has(.h{name}:hover) .m{name}" in rules
        for kind in "hm":
            assert any(f"{kind}{name}" in classes(e) for e in root.iter()), name


def test_tooltips_say_the_arithmetic():
    titles = [e.text for e in drawn(edge_diagram(5, padding=1).svg)[0].iter(f"{SVG}title")]
    for title in ("s3 = w3,2·x2 + w3,3·x3 + w3,4·x4", "x1 feeds s1, s2", "x2 to s3, weight w3,2"):
        assert title in titles
    assert titles.count("a zero of the padding") == 2
    titles = [e.text for e in drawn(edge_diagram(3, 1, padding=1).svg)[0].iter(f"{SVG}title")]
    assert "s1 = 0 (it reads padding only)" in titles
    assert edge_diagram(5, 1, stride=4, picked="x2").alt.endswith("x2 feeds no output.")


def test_the_panel_of_arrows_begins_with_the_lecture_and_follows_the_layer():
    panel = SparseConnectivity()
    assert panel.says.startswith("3 × 5 − 2 = 13 arrows: s1 and s5 lose one each to the padding.")
    assert panel.says.endswith("13 weights against 25. s3 reads x2, x3, x4.")
    panel = SparseConnectivity(n=12, padding=1, unit=12)
    panel.move(stride=4)
    assert (panel.largest["unit"], panel.state["unit"], panel.redraws) == (3, 3, 1)
    panel.move(side="inputs")
    assert (panel.largest["unit"], panel.redraws) == (12, 2)


def test_an_impossible_layer_is_refused_in_place_and_a_dense_one_has_no_kernel():
    panel = SparseConnectivity(n=5, padding=0, unit=2)
    panel.move(kernel=7)
    assert panel.refused and "only 5 (5 inputs, no padding)" in panel.says
    assert panel.largest["unit"] == 3, "its range waits for the next layer"
    panel.move(layer="fully connected")
    assert panel.says.startswith("Every output reads all 5 inputs: 5 × 5 = 25 arrows, one weight")
    assert "A convolution with these settings does not exist. s2 reads" in panel.says
    assert panel.largest["unit"] == 5
    panel.move(layer="convolution", padding=1)
    assert panel.says.startswith("7 × 1 − 2 = 5 arrows: s1 loses two to the padding.")
    panel = SparseConnectivity(n=3, kernel=7, padding=0)
    assert panel.refused
    panel.move(padding=3)
    assert not panel.refused


# ---------------------------------------------------------------------------------------------
# The pyramid


def cones(state):
    """For each level the inputs, from 1, that each unit sees; None where a layer cannot be built.

    Each unit is made of what it reads, window by window.
    """
    levels = [[{x} for x in range(1, INPUTS + 1)]]
    for layer in stack(*state):
        below = levels[-1]
        read = windows(len(below), *layer)
        if not read:
            return None
        levels.append([set().union(*(below[k - 1] for k in window if k)) for window in read])
    return levels


def size_by_hand(state, level):
    """Closed form of Araujo et al. (2019): 1 + the extents times the strides of all below."""
    layers, kernel, stride, at, dilation = state
    strides = [stride if at in (0, k) else 1 for k in range(1, layers + 1)]
    return 1 + sum(dilation * (kernel - 1) * int(np.prod(strides[:k])) for k in range(level))


def test_every_stack_is_built_or_refused_with_its_reason():
    for state in STACKS[::2]:
        layers, at = state[0], state[3]
        levels = cones(state)
        limits = ReceptiveField.limits(*state, level=5, unit=1)
        if at <= layers and levels:
            assert limits == {"level": layers, "unit": len(levels[layers])}
            continue
        reason = f"There is no layer {at} to give a stride to: the stack has {layers} layer"
        if at <= layers:
            first = next(k for k in range(layers) if not cones((k + 1, *state[1:])))
            reason = f"Layer {first + 1} cannot be built: its kernel spans "
        with pytest.raises(ValueError, match=reason):
            ReceptiveField.view(*state, level=1, unit=1)
        assert limits == {"level": layers}


def test_what_is_said_and_lit_is_the_cone_of_every_unit():
    for state in [s for s in STACKS if s[3] <= s[0] and cones(s)][::17]:
        levels = cones(state)
        for level in range(1, len(levels)):
            last = len(levels[level])
            for unit in {1, (last + 1) // 2, last}:
                shown = ReceptiveField.view(*state, level, unit)
                seen, size = levels[level][unit - 1], size_by_hand(state, level)
                begins = rf"The receptive field in layer {level} is (.+?) = {size} inputs?: "
                terms = re.findall(r"(\d+) × (\d+)", re.match(begins, shown.says)[1])
                assert 1 + sum(int(a) * int(b) for a, b in terms) == size, state
                assert f"has a receptive field of {size};" in shown.alt
                assert_seen(seen, re.search(rf"Unit {unit} sees [^.;]+", shown.says)[0])
                units = [e for e in ET.fromstring(shown.html).iter() if "u" in classes(e)]
                lit = {k for k, e in enumerate(units[:INPUTS], 1) if "on" in classes(e)}
                assert lit == seen, (state, level, unit)
                top = [k for k, e in enumerate(units) if "top" in classes(e)]
                assert top == [sum(map(len, levels[:level])) + unit - 1]


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


def test_each_unit_says_what_it_sees_when_pointed_at():
    for state in [s for s in STACKS if s[3] <= s[0] and cones(s)][::41]:
        root = ET.fromstring(ReceptiveField.view(*state, 1, 1).html)
        units = [e for e in root.iter() if "u" in classes(e)]
        for unit, seen in zip(units, itertools.chain(*cones(state)), strict=True):
            assert_seen(seen, unit.find(f"{SVG}title").text)
            assert (unit.find(f"{SVG}g") is not None) == (bool(seen) and "o" in classes(unit))
        assert min(float(e.get("font-size")) for e in root.iter(f"{SVG}text")) >= 12


def test_each_unit_stands_above_the_middle_of_what_it_reads():
    root = ET.fromstring(ReceptiveField.view(2, 3, 2, 1, 1, level=1, unit=1).html)
    places = [float(e.get("cx")) for e in root.iter(f"{SVG}circle")]
    inputs, first, second = places[:21], places[21:32], places[32:]
    assert first == pytest.approx(inputs[::2], abs=0.1)
    assert second == pytest.approx(first, abs=0.1)


@pytest.mark.parametrize("state", [(3, 3, 2, 1, 1), (4, 2, 1, 0, 1), (2, 3, 1, 0, 2)])
def test_the_inputs_seen_are_those_with_a_gradient_in_torch(state):
    x = torch.ones(1, 1, INPUTS, requires_grad=True)
    y = x
    for kernel, *settings in stack(*state):
        y = torch.nn.functional.conv1d(y, torch.ones(1, 1, kernel), None, *settings)
    unit = (y.shape[2] + 1) // 2
    y[0, 0, unit - 1].backward()
    seen = (x.grad.flatten().nonzero().flatten() + 1).tolist()
    says = ReceptiveField.view(*state, state[0], unit).says
    assert f"Unit {unit} sees x{seen[0]}…x{seen[-1]}" in says


def test_places_beyond_the_ends_are_counted():
    assert "Unit 1 sees x1…x4; 3 of its 7 places lie beyond the ends." in (
        ReceptiveField(unit=1).says
    )
    assert "Unit 21 sees x20…x21; 1 of its 3 places lies beyond the ends." in (
        ReceptiveField(layers=1, unit=21).says
    )


def test_a_larger_stride_enlarges_the_fields_above_and_not_its_own():
    panel = ReceptiveField(stride=2, at=2)
    assert panel.alt.endswith("Receptive fields from layer 1 upwards: 3, 5, 9.")
    for at, words in (
        (2, "The stride of layer 2 leaves its own field at 5; every layer above it adds 2 times"),
        (3, "leaves its own field at 7; there is no layer above it that could gain."),
        (0, "A stride of 2 never enlarges the field of its own layer, only those above."),
    ):
        panel.move(at=at)
        assert words in panel.says
    assert "Its own stride of 3 does not enlarge it" in ReceptiveField(layers=1, stride=3).says
    assert "stride" not in ReceptiveField().says


def test_the_pyramid_begins_in_the_middle_of_the_last_layer_and_follows():
    panel = ReceptiveField()
    assert (panel.state["level"], panel.state["unit"]) == (3, 11)
    assert panel.says.startswith("The receptive field in layer 3 is 1 + 2 × 1 + 2 × 1 + 2 × 1 = 7")
    assert ReceptiveField(stride=2).state["unit"] == 2  # of three
    panel = ReceptiveField(layers=4, level=4, unit=21)
    panel.move(layers=2)
    assert (panel.state["level"], panel.largest["level"], panel.redraws) == (2, 2, 1)
    panel.move(stride=2)
    assert (panel.state["unit"], panel.largest["unit"], panel.redraws) == (6, 6, 2)
    panel.move(at=5)
    assert panel.refused
    panel.move(layers=5)
    assert not panel.refused
    with pytest.raises(ValueError, match="level must be an integer from 1 to 2, got 3"):
        ReceptiveField(layers=2, level=3)


def test_the_map_shows_the_values_and_the_square_the_theory():
    values = np.linspace(0, 1, 15 * 11).reshape(15, 11)
    figure, axes = pyplot.subplots(1, 2)
    assert draw_effective_field(values, theoretical=7, ax=axes[1]) is axes[1]
    np.testing.assert_array_equal(axes[1].images[0].get_array(), values)
    (square,) = axes[1].patches
    assert square.get_bbox().bounds == (1.5, 3.5, 7, 7)
    assert square.get_label() == "theoretical field, 7 × 7" and not axes[0].images
    pyplot.close(figure)


# ---------------------------------------------------------------------------------------------
# The exercises


@pytest.mark.parametrize("layer", exercises.COUNT_EDGES.cases(), ids=str)
def test_arrows_are_counted_as_torchs_jacobian_has_non_zeros(layer):
    n, kernel, stride, padding = layer
    assert n >= kernel >= 1 and stride >= 1 and 0 <= padding < kernel  # as the lesson says
    assert exercises.count_edges(*layer) == int(jacobian(*layer).sum())


@pytest.mark.parametrize("case", [([],), *exercises.RECEPTIVE_FIELD.cases()], ids=str)
def test_the_field_is_as_wide_as_torchs_gradient_reaches(case):
    (layers,) = case
    expected = exercises.receptive_field(layers)
    x = torch.ones(1, 1, expected, dtype=torch.double, requires_grad=True)
    y = x
    for kernel, stride in layers:
        y = torch.conv1d(y, torch.ones(1, 1, kernel, dtype=torch.double), stride=stride)
    y[0, 0, 0].backward()
    reached = x.grad.flatten().nonzero().flatten()
    assert expected == int(reached.max() - reached.min()) + 1 and y.shape[2] == 1


def test_other_ways_to_write_it_pass_and_emptying_the_list_is_reported():
    def closed_form(n, kernel, stride, padding):
        count = 0
        for first in range(-padding, n + padding - kernel + 1, stride):
            count += min(first + kernel, n) - max(first, 0)
        return count

    def backwards(layers):
        size = 1
        for kernel, stride in reversed(layers):
            size = (size - 1) * stride + kernel
        return size

    def emptying(layers):
        size = 1
        while layers:
            kernel, stride = layers.pop()
            size = (size - 1) * stride + kernel
        return size

    assert check(closed_form, "01.count-edges").state == "passed"
    assert check(backwards, "01.receptive-field").state == "passed"
    assert check(emptying, "01.receptive-field").state == "changed its input"


# ---------------------------------------------------------------------------------------------
# What the notebook says of its effective fields holds for other seeds as well


def width(maps):
    field = probing.effective_receptive_field(maps, (1, 25, 25), samples=100)
    return probing.effective_receptive_field_size(field)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_effective_field_grows_like_the_root_of_the_depth_and_training_widens_it(seed):
    cells = ["setup", "effective-before", "shortcuts", "train", "effective-after"]
    result = run_cells(SLUG, cells, seed=("SEED = 0", f"SEED = {seed}"))
    assert result["theory"] == 17
    assert result["size_before"] + 0.3 < result["size_after"] < result["theory"]
    # "narrower still" than a plain stack of as many layers, which begins at about 13
    assert result["size_before"] < width(result["plain"](8)) - 3
    # "twice as many layers ... about √2 times": 65 wide in theory, by 32 layers
    growth = result["size"] / width(result["plain"](8))
    assert 1.8 < growth < 2.3  # four times as many layers


@pytest.mark.slow
def test_a_plain_stack_that_starts_wide_can_lose_width():
    plain = run_cells(SLUG, ["setup", "effective-before"])["plain"]
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


def test_the_first_unit_learns_about_the_fifth_input_in_the_fourth_layer():
    layers = [Layer(3, 1, 1, 1)] * 4
    assert [cone(0, layers, 5, level=level)[0][-1] + 1 for level in (1, 2, 3, 4)] == [2, 3, 4, 5]


def test_a_change_that_does_not_apply_is_refused():
    with pytest.raises(ValueError, match="must occur once, occurs 0 times"):
        run_cells(SLUG, ["setup"], seed=("manual_seed(99)", ""))
    with pytest.raises(ValueError, match="no-such-cell"):
        run_cells(SLUG, ["no-such-cell"])
