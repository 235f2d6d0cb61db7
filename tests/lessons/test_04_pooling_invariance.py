"""Lesson 04: what its cells measure holds for other seeds; pictures and panels say true numbers."""

import itertools
import random
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from cells import run_cells
from matplotlib import pyplot as plt
from torch.nn import functional as F

from course_utils.datasets import scenes
from course_utils.drawing.svg import picture
from course_utils.lessons.pooling_invariance import exercises, figures, probes
from course_utils.lessons.pooling_invariance.explorer import (
    LIGHTS,
    MoveTheGull,
    PoolingStrip,
    scene,
)
from course_utils.models import LeNet5

# The notebook's experiments

SLUG = "04_pooling_invariance"
WHETHER = ["setup", "colours-see", "net-code", "train", "look-code", "light-see", "probe-see"]
SMOOTH = ["cam", "cam-numbers", "steps-see", "blur", "wobble", "wobble-numbers"]
PLACE = ["height-see", "roll-see", "borders-see"]


def seeded(ids, seed):
    return run_cells(SLUG, ids, seed=("SEED = 0", f"SEED = {seed}"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_what_is_lost_of_the_place_what_still_tells_it_and_how_steadily(seed):
    got = seeded(WHETHER + SMOOTH + PLACE, seed)
    for shift in range(1, 9):
        change = got["change"](got["net"], shift)
        assert change < 1e-5 if shift % 4 == 0 else change > 0.02
    each = {name: change.mean() for name, change in got["each"].items()}
    assert each["blurred"] < 0.8 * each["max pooling"]
    assert got["calmer"] > 65  # of 100 gulls
    # Dusk fools it most; the evidence stays near the gull, and seldom below it.
    *others, dusk = got["by_light"]
    assert dusk < sum(others) / 4 and min(others) > 90
    assert got["near"] > 0.9 and got["across"] < 2.2 and got["above"] > -1
    # Left or right: lost, in the largest values and in the means. Up or down: the context tells.
    guess = 1 / 3
    tops = probes.place(got["maps"], (got["train"], got["test"]), axis=1)
    assert got["where_before"] > 0.8 and tops > 0.8
    assert max(abs(got[name] - guess) for name in ("where_after", "circle")) < 0.09
    assert min(got["high"], got["high_mean"]) > guess + 0.2
    # The invariance is one of shifts of the whole picture, and of circular padding.
    assert got["same"] and abs(got["lost"] - guess) < 0.06
    assert got["border"] > got["circle"] + 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_only_the_pooled_head_finds_gulls_away_from_the_centre(seed):
    recall = seeded(["setup", "net-code", "centred-train", "centred"], seed)["recall"]
    pooled, dense = recall["global pooling"], recall["dense head"]
    assert pooled[0] > 0.9 and dense[0] > 0.9
    assert pooled[-1] > dense[-1] + 0.5


def test_lenet5_learns_as_many_numbers_in_its_pooling_stages_as_the_lesson_says():
    net = LeNet5("paper")
    assert sum(p.numel() for stage in (net.s2, net.s4) for p in stage.parameters()) == 44


def test_a_probe_reads_what_is_linear_and_guesses_elsewhere():
    x, y = torch.randn(2, 600, 3, generator=torch.Generator().manual_seed(0))
    there, absent = (x[:, 0] > 0).long(), (y[:, 0] > 0).long()
    assert probes.probe(x[:300], there[:300], x[300:], there[300:]) > 0.9
    assert abs(probes.probe(x[:300], absent[:300], x[300:], absent[300:]) - 0.5) < 0.12
    counts = probes.colour_counts(torch.tensor([0.0, 0.3, 1.0]).view(1, 3, 1, 1).expand(2, 3, 4, 4))
    assert counts.shape == (2, 64) and counts[0].nonzero().tolist() == [[7]] and counts[0, 7] == 4
    assert probes.third(torch.tensor([7.0, 15.5, 25.0])).tolist() == [0, 1, 2]


# Exercises


def test_the_solutions_equal_torch_on_inputs_in_range():
    for x, kernel, stride in exercises.MAX_POOL.cases():
        theirs = F.max_pool2d(torch.from_numpy(x)[None], kernel, stride)[0]
        np.testing.assert_array_equal(exercises.max_pool(x, kernel, stride), theirs)
    assert len({case[1:] for case in exercises.MAX_POOL.cases()}) >= 6
    for x, kernel, stride, gradient in exercises.MAX_POOL_BACKWARD.cases():
        leaf = torch.from_numpy(x)[None].requires_grad_()
        F.max_pool2d(leaf, kernel, stride).backward(torch.from_numpy(gradient)[None])
        back = exercises.max_pool_backward(x, kernel, stride, gradient)
        np.testing.assert_array_equal(back, leaf.grad[0])
    for (maps,) in exercises.GLOBAL_AVERAGE_POOL.cases():
        theirs = F.adaptive_avg_pool2d(torch.from_numpy(maps), 1)[:, :, 0, 0]
        np.testing.assert_allclose(exercises.global_average_pool(maps), theirs, atol=1e-12)


# The strip


def by_torch(row, kernel, stride, pooling):
    """Pool a row whose windows reach one unit further to the right where their width is even."""
    ends, row = ((kernel - 1) // 2, kernel // 2), torch.tensor([row], dtype=torch.float64)
    if pooling == "max":
        return F.max_pool1d(F.pad(row, ends, value=-torch.inf), kernel, stride)[0]
    return F.pad(row, ends, value=torch.nan).unfold(1, kernel, stride).nanmean(dim=2)[0]


@pytest.mark.parametrize("line", ["0.1 1.0 0.2 0.1", "0 0 1 0 0 0 1 0", "-1 2 2 -3 0.25 9 9 0 0 1"])
def test_the_counts_said_are_true_in_every_state(line):
    row, panel = [float(word) for word in line.split()], PoolingStrip(values=line)
    grid = itertools.product(("max", "average"), range(4), range(1, 6), range(1, 4))
    for pooling, shift, kernel, stride in grid:
        panel.move(shift=shift, kernel=kernel, stride=stride, pooling=pooling)
        after = ([0.5, 0.2, 0.3][3 - shift :] + row)[: len(row)]
        old, new = (by_torch(r, kernel, stride, pooling) for r in (row, after))
        changed = sum(a != b for a, b in zip(row, after, strict=True))
        there = int(((old - new).abs() > 1e-9).sum())
        counts = f"{changed} of {len(row)} detector values", f"{there} of {len(old)} pooled values"
        assert panel.says.startswith(f"The shift by {shift} changes {' and '.join(counts)}. ")
        assert panel.alt.endswith(f"Changed: {', '.join(counts)}.")
        pooled = re.search(r"pooled ([^a-z]+)\. Changed", panel.alt)[1].replace("\u2212", "-")
        np.testing.assert_allclose(list(map(float, pooled.split(", "))), new, atol=0.0051)
        assert panel.picture.count('stroke-width="5"') == changed + there


def test_it_begins_with_the_books_figure_and_each_ending_has_its_reason():
    panel = PoolingStrip()  # fig. 9.8 of Goodfellow et al.
    assert "gives 1, 1, 1, 0.2. Shifted by 1: 0.3, 0.1, 1, 0.2, pooled 0.3, 1, 1, 1." in panel.alt
    assert figures.pooling_strip([0.1, 1.0, 0.2, 0.1], incoming=[0.3]).alt == panel.alt
    for state, reason in (
        ({}, "A maximum stays as long"),
        ({"pooling": "average"}, "A mean moves"),
        ({"kernel": 1}, "A window of one value is no pooling"),
        ({"shift": 0}, "Nothing has moved yet"),
        ({"pooling": "max", "kernel": 3, "shift": 1, "values": "1 1 1"}, "Every window still"),
        # The task of the notebook: all pooled values of a row of eight shall change.
        ({"values": "0 1 0 0 0 1 0 0", "kernel": 2, "stride": 2}, "In every window the largest"),
    ):
        panel.move(**state)
        assert f" pooled values. {reason}" in panel.says


UNREADABLE = {
    **{"0.1 x": "'x' is none", "nan": "'nan' is none", "1e9": "'1e9' is none"},
    **{"": "There are 0", "1 " * 11: "There are 11"},
    "0,1 1,0": "0,1 may be one number or several. Write a decimal point",
    "1,2,3": "1,2,3 may be one number or several",
}


@pytest.mark.parametrize(("line", "reason"), UNREADABLE.items())
def test_a_line_that_cannot_be_read_is_refused_in_place_and_recovered_from(line, reason):
    panel = PoolingStrip()
    panel.move(values=line)
    assert panel.refused and reason in panel.says
    panel.move(values="0.1, -0.001; 0.9", incoming="1")
    assert panel.refused and "Next in must hold 3 numbers" in panel.says
    panel.move(incoming="\u22121 -2, 3")  # minus signs of either kind
    assert panel.alt.startswith("Detector values 0.1, 0, 0.9; ")
    assert "Shifted by 1: \u22121, 0.1, 0, pooled" in panel.alt


def test_the_strip_needs_no_numpy():
    code = (
        "import sys; from course_utils.lessons.pooling_invariance import explorer; "
        "explorer.PoolingStrip().move(shift=2); "
        "assert not {'numpy', 'torch', 'matplotlib', 'ipywidgets'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# The gull


def look(image):
    """A stand-in for the network: it finds the brightest 4 x 4 block."""
    assert image.shape == (3, 32, 32) and image.dtype == np.float32
    grey = image.mean(axis=0)
    evidence = grey.reshape(8, 4, 8, 4).mean(axis=(1, 3)) - 0.5
    pooled = grey.reshape(16, 2, 16, 2).max(axis=(1, 3))
    probability = min(1.0, float(2 * evidence.max()) - 0.17)  # dim scenes show no gull
    return figures.Look(grey, pooled, evidence, float(evidence.max()), probability)


def test_a_ramp_is_white_at_zero_and_coloured_by_sign():
    colours = figures.ramp(np.array([[0.0, 2.0, -2.0, 1.0]]), "#0000FF", "#FF0000")
    np.testing.assert_allclose(colours[0], [[1, 1, 1], [0, 0, 1], [1, 0, 0], [0.5, 0.5, 1]])
    assert (figures.ramp(np.zeros((2, 2)), "#0000FF") == 1).all()


@pytest.mark.parametrize("beach", range(1, 13))
def test_every_beach_shows_as_many_objects_as_asked_for_and_the_gull_where_the_sliders_say(beach):
    x, y, light = 6 + beach, 26 - beach, beach % len(LIGHTS)
    for objects in range(4):
        there, gone = (scene(gull, x, y, light, objects, beach) for gull in ("present", "absent"))
        assert (gone.kind > 0).sum() == objects and there.light == light
    there, gone = (scenes.draw(scene(g, x, y, 2, 0, beach))[0] for g in ("present", "absent"))
    change = np.abs(there - gone).sum(axis=0)
    rows, columns = np.indices(change.shape)
    middle = (change * columns).sum() / change.sum(), (change * rows).sum() / change.sum()
    assert np.hypot(middle[0] - x, middle[1] - y) < 4 and change.sum() > 10


@pytest.mark.parametrize("gull", ["present", "absent"])
def test_states_are_drawn_and_said_truly(gull):
    panel = MoveTheGull(look, gull=gull)
    states = list(itertools.product((6, 25), (6, 25), range(5), (0, 3), (1, 12)))
    verdicts = set()
    for x, y, light, objects, beach in random.Random(0).sample(states, 25):
        panel.move(x=x, y=y, light=light, objects=objects, beach=beach)
        image = scenes.draw(scene(gull, x, y, light, objects, beach))[0]
        seen = look(image)
        pixels = re.search('href="[^"]+"', picture(0, 0, 1, 1, image.transpose(1, 2, 0)))[0]
        assert pixels in panel.picture  # with no ring in it
        says_gull = seen.probability >= 0.5
        verdicts.add(says_gull)
        assert ("says there is a gull" in panel.says) == says_gull
        assert ("and is right" in panel.says) == (says_gull == (gull == "present"))
        row, column = np.unravel_index(seen.evidence.argmax(), (8, 8))
        assert f"strongest at ({4 * column + 1.5:.0f}, {4 * row + 1.5:.0f})" in panel.says
        assert (f"the gull is at ({x}, {y})" in panel.says) == (gull == "present")
    assert verdicts == {True, False}


def test_the_alternative_text_says_place_and_verdict():
    evidence = np.zeros((8, 8))
    evidence[2, 5], evidence[6, 1] = 3.0, -1.5
    seen = figures.Look(np.eye(32), np.eye(16), evidence, 2.25, 0.8)
    image = np.ones((3, 32, 32))
    assert figures.seagull_diagram(image, seen, gull=(12, 20)).alt == (
        "A gull at (12, 20). The evidence is strongest in column 6, row 3 of 8 × 8. Global pooling "
        "leaves +2.2: probability of a gull 80 %."
    )
    for strongest, score, probability, chance in (
        (1.04, "+1.0", 0.002, "under 1 %"),
        (-2.5, "\u22122.5", 0.5, "50 %"),
        (0.01, "0.0", 0.996, "over 99 %"),
    ):
        seen = seen._replace(strongest=strongest, probability=probability)
        diagram = figures.seagull_diagram(image, seen)
        assert diagram.alt.startswith("A beach without a gull. ") and chance in diagram.svg
        assert diagram.alt.endswith(f"leaves {score}: probability of a gull {chance}.")


def test_plots_show_what_they_were_given():
    images = scenes.draw(scenes.sample(5, seed=1))
    axes = figures.draw_scenes(torch.from_numpy(images), columns=3, titles=list("ABCDE"))
    assert [ax.get_title(loc="center") for ax in axes] == list("ABCDE")
    assert axes[0].figure.axes == axes
    np.testing.assert_allclose(axes[4].images[0].get_array(), images[4].transpose(1, 2, 0))
    evidence = torch.zeros(2, 8, 8)
    evidence[0, 1, 6], evidence[1, 7, 0] = 2, 1
    axes = figures.draw_evidence(images[:2], evidence)
    assert [ax.patches[0].get_xy() for ax in axes[2:]] == [(5.5, 0.5), (-0.5, 6.5)]
    colours = [ax.images[0].get_array() for ax in axes[2:]]
    assert colours[0][1, 6].sum() < colours[1][7, 0].sum() < 3  # one scale for both
    axes = figures.draw_maps({"a": np.eye(4), "b": np.full((2, 2), 0.5)})  # one scale for both
    assert [float(ax.images[0].get_array()[0, 0, 0]) for ax in axes] == [0, 0.5]
    scores = torch.tensor([[1.0, 2, 0], [1, 3, 4], [2, 2, 0]])
    each = {name: scores.diff(dim=0).abs().mean(0) * by for name, by in (("a", 1), ("b", 0.5))}
    axes = figures.draw_wavering({"a": scores, "b": scores}, each)
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), scores[:, 1] / scores.mean())
    np.testing.assert_allclose(axes[1].lines[1].get_xdata(), [50, 100, 400])
    np.testing.assert_allclose(axes[1].lines[1].get_ydata(), [25, 50, 200])
    ax = figures.draw_shares({"one": 0.9, "two": 0.35}, chance=1 / 3)
    assert [bar.get_width() for bar in ax.patches] == [0.9, 0.35]
    assert {"90 %", "35 %", "guessing: 33 %"} <= {text.get_text() for text in ax.texts}
    plt.close("all")
