"""Move the gull: the scene is the one asked for, and what is said is what the network gave."""

import itertools
import re

import numpy as np
import pytest

from course_utils.datasets import scenes
from course_utils.lessons.pooling_invariance.gull_explorer import (
    BEACHES,
    FIRST,
    LAST,
    SIZE,
    MoveTheGull,
    scene,
    view,
)
from course_utils.lessons.pooling_invariance.gull_figures import Look


def look(image):
    """A stand-in that finds the brightest 4 x 4 block."""
    assert image.shape == (3, SIZE, SIZE) and image.dtype == np.float32
    grey = image.mean(axis=0)
    evidence = grey.reshape(8, 4, 8, 4).mean(axis=(1, 3)) - 0.5
    pooled = grey.reshape(16, 2, 16, 2).max(axis=(1, 3))
    return Look(grey, pooled, evidence, float(evidence.max()), float(evidence.max() + 0.5))


def test_every_beach_has_three_objects_to_show_or_hide():
    for beach, objects in itertools.product(range(1, BEACHES + 1), range(4)):
        shown = scene("absent", 10, 10, 2, objects, beach)
        assert (shown.kind > 0).sum() == objects and not shown.present[0]


def test_the_gull_is_where_the_sliders_say():
    for x, y in itertools.product((FIRST, 13, LAST), (FIRST, 20, LAST)):
        there, gone = (scenes.draw(scene(g, x, y, 2, 0, 3))[0] for g in ("present", "absent"))
        change = np.abs(there - gone).sum(axis=0)
        rows, columns = np.indices(change.shape)
        middle = (change * columns).sum() / change.sum(), (change * rows).sum() / change.sum()
        assert np.hypot(middle[0] - x, middle[1] - y) < 4
        assert change.sum() > 10


@pytest.mark.parametrize("gull", ["present", "absent"])
def test_every_state_is_drawn_and_said_truly(gull):
    states = itertools.product((6, 25), (6, 25), range(5), (0, 3), (1, 12))
    for x, y, light, objects, beach in states:
        shown = view(look, gull, x, y, light, objects, beach)
        image = scenes.draw(scene(gull, x, y, light, objects, beach))[0]
        seen = look(image)
        says_gull = seen.probability >= 0.5
        assert ("says there is a gull" in shown.says) == says_gull
        assert ("and is right" in shown.says) == (says_gull == (gull == "present"))
        row, column = np.unravel_index(seen.evidence.argmax(), (8, 8))
        place = f"strongest at ({4 * column + 1.5:.0f}, {4 * row + 1.5:.0f})"
        assert place in shown.says and "no place is left" not in shown.says
        assert (f"the gull is at ({x}, {y})" in shown.says) == (gull == "present")


def test_each_control_changes_the_scene_in_one_redraw():
    panel = MoveTheGull(look)
    pictures = [panel._picture.value]
    for name, value in [("x", 8), ("y", 8), ("light", 4), ("objects", 3), ("beach", 2)]:
        getattr(panel, name).value = value
        pictures.append(panel._picture.value)
    panel.gull.value = "absent"
    pictures.append(panel._picture.value)
    assert len(set(pictures)) == len(pictures) == panel.redraws + 1
    assert "A beach without a gull" in panel.alt


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"x": 3}, "Gull x must be an integer from 6 to 25, got 3"),
        ({"beach": 13}, "Beach must be an integer from 1 to 12, got 13"),
        ({"gull": "maybe"}, "Gull must be one of 'present', 'absent', got 'maybe'"),
    ],
)
def test_a_first_value_out_of_range_is_refused(first, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        MoveTheGull(look, **first)
