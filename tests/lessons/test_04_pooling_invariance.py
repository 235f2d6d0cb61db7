"""Lesson 04: what its cells measure holds for other seeds; pictures and panels say true numbers."""

import base64
import io
import itertools
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from cells import run_cells
from matplotlib import pyplot as plt
from PIL import Image
from torch.nn import functional as F

from course_utils.datasets import scenes
from course_utils.drawing.svg import picture
from course_utils.exercises import check
from course_utils.lessons.pooling_invariance import exercises, figures
from course_utils.lessons.pooling_invariance.explorer import (
    LIGHTS,
    MoveTheGull,
    PoolingStrip,
    numbers,
    scene,
)
from course_utils.models import LeNet5

# ---------------------------------------------------------------------------------------------
# The notebook's experiments

SLUG = "04_pooling_invariance"
WHETHER = ["setup", "colours-see", "net-code", "train", "look-code", "probe-code", "probe-see"]
SMOOTH = ["cam", "steps-see", "blur", "wobble"]
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
    # Left or right: lost, in the largest values and in the means. Up or down: the context tells.
    guess = 1 / 3
    assert got["where_before"] > 0.8 and got["tops"] > 0.8
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


# ---------------------------------------------------------------------------------------------
# Exercises


def test_the_solutions_equal_torch_on_inputs_in_range():
    for x, kernel, stride in exercises.MAX_POOL.cases():
        assert stride >= 1 and kernel <= min(x.shape)
        theirs = F.max_pool2d(torch.from_numpy(x)[None], kernel, stride)[0]
        np.testing.assert_array_equal(exercises.max_pool(x, kernel, stride), theirs)
    assert len({case[1:] for case in exercises.MAX_POOL.cases()}) >= 6
    for (maps,) in exercises.GLOBAL_AVERAGE_POOL.cases():
        theirs = F.adaptive_avg_pool2d(torch.from_numpy(maps), 1)[:, :, 0, 0]
        np.testing.assert_allclose(exercises.global_average_pool(maps), theirs, atol=1e-12)


def test_students_other_ways_to_write_it_pass():
    def with_torch(x, kernel, stride):
        return F.max_pool2d(torch.from_numpy(x)[None], kernel, stride)[0]

    def four_loops(x, kernel, stride):
        found = []
        for i in range(0, x.shape[0] - kernel + 1, stride):
            found.append([])
            for j in range(0, x.shape[1] - kernel + 1, stride):
                best = x[i, j]
                for a, b in itertools.product(range(kernel), repeat=2):
                    best = max(best, x[i + a, j + b])
                found[-1].append(best)
        return np.array(found)

    assert check(with_torch, "04.max-pool").state == "passed"
    assert check(four_loops, "04.max-pool").state == "passed"
    assert check(lambda m: m.mean(axis=(2, 3)), "04.global-average-pool").state == "passed"


# ---------------------------------------------------------------------------------------------
# The strip

ROWS = ["0.1 1.0 0.2 0.1", "0 0 1 0 0 0 1 0", "0.5", "-1 2 2 -3 0.25 9 9 0 0 1"]


def pooled_by_hand(row, kernel, stride, pooling):
    """Slide a mask over the row, place by place."""
    out = []
    for centre in range(0, len(row), stride):
        seen = [v for k, v in enumerate(row) if -((kernel - 1) // 2) <= k - centre <= kernel // 2]
        out.append(max(seen) if pooling == "max" else np.mean(seen))
    return out


@pytest.mark.parametrize("line", ROWS)
def test_the_counts_said_are_true_in_every_state(line):
    row = [float(word) for word in line.split()]
    grid = itertools.product(("max", "average"), range(4), range(1, 6), range(1, 4))
    for pooling, shift, kernel, stride in grid:
        how = dict(shift=shift, kernel=kernel, stride=stride, pooling=pooling)
        panel = PoolingStrip(values=line, **how)
        after = ([0.5, 0.2, 0.3][3 - shift :] + row)[: len(row)]
        old, new = (pooled_by_hand(r, kernel, stride, pooling) for r in (row, after))
        changed = sum(a != b for a, b in zip(row, after, strict=True))
        there = sum(abs(a - b) > 1e-9 for a, b in zip(old, new, strict=True))
        counts = f"{changed} of {len(row)} detector values", f"{there} of {len(old)} pooled values"
        assert panel.says.startswith(f"The shift by {shift} changes {' and '.join(counts)}. ")
        assert panel.alt.endswith(f"Changed: {', '.join(counts)}.")
        assert f"pooled {', '.join(map(figures.shown, new))}." in panel.alt
        assert panel.picture.count('stroke-width="5"') == changed + there


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_odd_windows_equal_torch(kernel, stride):
    row = torch.randn(9, generator=torch.Generator().manual_seed(1)).double()
    how = dict(kernel_size=kernel, stride=stride, padding=kernel // 2)
    for pooling, theirs in (
        ("max", F.max_pool1d(row[None], **how)),
        ("average", F.avg_pool1d(row[None], **how, count_include_pad=False)),
    ):
        strip = figures.Strip(row.tolist(), [], 0, kernel, stride, pooling)
        np.testing.assert_allclose(strip.pool(strip.values), theirs[0])


def test_it_begins_with_the_books_figure_and_each_ending_has_its_reason():
    panel = PoolingStrip()  # fig. 9.8 of Goodfellow et al.
    assert "gives 1, 1, 1, 0.2. Shifted by 1: 0.3, 0.1, 1, 0.2, pooled 0.3, 1, 1, 1." in panel.alt
    assert figures.pooling_strip([0.1, 1.0, 0.2, 0.1], incoming=[0.3]).alt == panel.alt
    assert "changes 4 of 4 detector values and 2 of 4 pooled values. A maximum stays" in panel.says
    panel.move(pooling="average")
    assert "3 of 4 pooled values. A mean moves" in panel.says
    panel.move(shift=0)
    assert panel.says.endswith("Nothing has moved yet: push the shift.")
    panel.move(shift=1, pooling="max", values="0 1 0 0 0 1 0 0", kernel=2, stride=2)  # the task
    assert panel.says.endswith(
        "4 of 4 pooled values. In every window the largest value is another one now."
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0.1 x", "'x' is none"),
        ("", "There are 0"),
        ("1 " * 11, "There are 11"),
        ("nan", "'nan' is none"),
        ("1e9", "'1e9' is none"),
        ("0,1 1,0", "0,1 may be one number or several. Write a decimal point"),
        ("1,2,3", "1,2,3 may be one number or several"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_in_place_and_recovered_from(line, reason):
    panel = PoolingStrip()
    panel.move(values=line)
    assert panel.refused and reason in panel.says
    panel.move(values="0.1, 1; 0.9", incoming="1")
    assert panel.refused and "Next in must hold 3 numbers" in panel.says
    panel.move(incoming="\u22121 -2, 3")  # minus signs of either kind
    assert not panel.refused and "of 3 detector values" in panel.says


def test_values_are_read_and_written():
    assert numbers("\u22121 -2, 3; 0.25", "Values", 1, 9) == [-1.0, -2.0, 3.0, 0.25]
    for value, text in ((1.0, "1"), (0.25, "0.25"), (-0.001, "0"), (-0.5, "−0.5"), (100, "100")):
        assert figures.shown(value) == text


def test_the_strip_needs_no_numpy():
    code = (
        "import sys\n"
        "from course_utils.lessons.pooling_invariance.explorer import PoolingStrip\n"
        "PoolingStrip().move(shift=2)\n"
        "assert not {'numpy', 'torch', 'matplotlib', 'ipywidgets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# ---------------------------------------------------------------------------------------------
# The gull


def look(image):
    """A stand-in for the network: it finds the brightest 4 x 4 block."""
    assert image.shape == (3, 32, 32) and image.dtype == np.float32
    grey = image.mean(axis=0)
    evidence = grey.reshape(8, 4, 8, 4).mean(axis=(1, 3)) - 0.5
    pooled = grey.reshape(16, 2, 16, 2).max(axis=(1, 3))
    return figures.Look(grey, pooled, evidence, float(evidence.max()), float(evidence.max() + 0.5))


def decoded(address):
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) / 255


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 3, 3), (5, 3)])
def test_a_picture_holds_the_pixels_it_was_given(shape):
    pixels = np.random.RandomState(0).uniform(-0.2, 1.2, shape)
    address = re.search('href="(.*?)"', picture(0, 0, 10, 10, pixels))[1]
    rgb = np.broadcast_to(pixels.clip(0, 1).reshape(*shape[:2], -1), (*shape[:2], 3))
    np.testing.assert_allclose(decoded(address), rgb, atol=0.5 / 255 + 1e-6)


def test_a_ramp_is_white_at_zero_and_coloured_by_sign():
    colours = figures.ramp(np.array([[0.0, 2.0, -2.0, 1.0]]), "#0000FF", "#FF0000")
    np.testing.assert_allclose(colours[0], [[1, 1, 1], [0, 0, 1], [1, 0, 0], [0.5, 0.5, 1]])
    assert (figures.ramp(np.zeros((2, 2)), "#0000FF") == 1).all()


def test_every_beach_has_three_objects_to_show_or_hide_and_every_light_a_name():
    for beach, objects in itertools.product(range(1, 13), range(4)):
        shown = scene("absent", 10, 10, 2, objects, beach)
        assert (shown.kind > 0).sum() == objects and not shown.present[0]
    assert len(LIGHTS) == len(scenes._PALETTES)


def test_the_gull_is_where_the_sliders_say():
    for x, y in itertools.product((6, 13, 25), (6, 20, 25)):
        there, gone = (scenes.draw(scene(g, x, y, 2, 0, 3))[0] for g in ("present", "absent"))
        change = np.abs(there - gone).sum(axis=0)
        rows, columns = np.indices(change.shape)
        middle = (change * columns).sum() / change.sum(), (change * rows).sum() / change.sum()
        assert np.hypot(middle[0] - x, middle[1] - y) < 4 and change.sum() > 10


@pytest.mark.parametrize("gull", ["present", "absent"])
def test_every_state_is_drawn_and_said_truly(gull):
    panel = MoveTheGull(look, gull=gull)
    states = itertools.product((6, 25), (6, 25), range(5), (0, 3), (1, 12))
    for x, y, light, objects, beach in states:
        panel.move(x=x, y=y, light=light, objects=objects, beach=beach)
        image = scenes.draw(scene(gull, x, y, light, objects, beach))[0]
        seen = look(image)
        shown = [decoded(address) for address in re.findall('href="(data:[^"]+)"', panel.picture)]
        assert [p.shape for p in shown] == [(32, 32, 3), (32, 32, 3), (16, 16, 3), (8, 8, 3)]
        np.testing.assert_allclose(shown[0], image.transpose(1, 2, 0), atol=0.003)  # no ring in it
        says_gull = seen.probability >= 0.5
        assert ("says there is a gull" in panel.says) == says_gull
        assert ("and is right" in panel.says) == (says_gull == (gull == "present"))
        row, column = np.unravel_index(seen.evidence.argmax(), (8, 8))
        assert f"strongest at ({4 * column + 1.5:.0f}, {4 * row + 1.5:.0f})" in panel.says
        assert (f"the gull is at ({x}, {y})" in panel.says) == (gull == "present")


def test_the_alternative_text_says_place_and_verdict():
    evidence = np.zeros((8, 8))
    evidence[2, 5], evidence[6, 1] = 3.0, -1.5
    seen = figures.Look(np.eye(32), np.eye(16), evidence, 2.25, 0.8)
    assert figures.seagull_diagram(np.zeros((3, 32, 32)), seen, gull=(12, 20)).alt == (
        "A gull at (12, 20). The evidence is strongest in column 6, row 3 of 8 × 8. Global pooling "
        "leaves +2.2: probability of a gull 80 %."
    )
    for probability, text in ((0.002, "under 1 %"), (0.5, "50 %"), (0.996, "over 99 %")):
        diagram = figures.seagull_diagram(
            np.ones((3, 9, 9)), seen._replace(probability=probability)
        )
        assert diagram.alt.startswith("A beach without a gull") and text in diagram.alt
        assert text in diagram.svg
    for value, text in ((1.04, "+1.0"), (-2.5, "−2.5"), (0.01, "0.0")):
        assert figures.signed(value) == text


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
    ax = figures.draw_shares({"one": 0.9, "two": 0.35}, chance=1 / 3)
    assert [bar.get_width() for bar in ax.patches] == [0.9, 0.35]
    assert {"90 %", "35 %", "guessing: 33 %"} <= {text.get_text() for text in ax.texts}
    plt.close("all")
