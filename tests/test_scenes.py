"""Beach scenes: reproducible, in range, moved as said, and not given away by their colours."""

import re

import numpy as np
import pytest

from course_utils.datasets import scenes


def test_the_same_seed_gives_the_same_scenes_and_another_seed_others():
    one, again, other = (scenes.draw(scenes.sample(20, seed=s)) for s in (4, 4, 5))
    assert one.dtype == np.float32 and one.shape == (20, 3, 32, 32)
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert one.min() >= 0 and one.max() <= 1


@pytest.mark.parametrize("size", [24, 128])
def test_any_size_shows_the_same_scene(size):
    beach = scenes.sample(4, seed=1)
    here, there = (scenes.draw(beach, n).mean(axis=(2, 3)) for n in (size, 64))
    assert np.allclose(here, there, atol=0.03)


def test_scenes_do_not_depend_on_those_drawn_with_them():
    beach = scenes.sample(300, seed=2)  # more than one chunk
    together = scenes.draw(beach, 24)
    for k in (0, 127, 128, 299):
        alone = scenes.draw(beach.take(np.array([k])), 24)[0]
        np.testing.assert_allclose(together[k], alone, atol=1e-5)


@pytest.mark.parametrize(("share", "count"), [(0, 0), (1, 40), (0.51, 20), (np.float64(0.3), 12)])
def test_exactly_the_share_asked_for_shows_a_gull(share, count):
    assert scenes.sample(40, seed=3, share=share).present.sum() == count


def test_gulls_keep_their_distance_from_the_edges_and_fill_what_is_left():
    beach = scenes.sample(3000, seed=0)
    for place in (beach.x, beach.y):
        assert place.min() >= 0.2 and place.max() <= 0.8
        assert np.histogram(place, 6, (0.2, 0.8))[0].min() > 400  # 500 each, were they even
    centred = scenes.sample(3000, seed=0, centred=True)
    assert np.abs(np.stack([centred.x, centred.y]) - 0.5).max() <= 0.03


@pytest.mark.parametrize("size", [32, 48])
def test_the_gull_is_where_the_position_says(size):
    """The difference to the same scene without it, weighted by its size, has its middle there."""
    beach = scenes.sample(60, seed=6, share=1.0)
    without = beach._replace(present=np.zeros(60, bool))
    change = np.abs(scenes.draw(beach, size) - scenes.draw(without, size)).sum(axis=1)
    pixels, total = np.arange(size), change.sum(axis=(1, 2))
    x = (change.sum(axis=1) * pixels).sum(axis=1) / total
    y = (change.sum(axis=2) * pixels).sum(axis=1) / total
    off = np.hypot(x - (beach.x * size - 0.5), y - (beach.y * size - 0.5))
    assert np.median(off) < 0.06 * size
    assert off.max() < 0.16 * size  # a gull's pixels lie unevenly around its middle


def test_a_gull_moves_by_pixels_and_by_parts_of_them():
    beach = scenes.sample(1, seed=8, share=1.0)._replace(y=np.array([0.3], np.float32))

    def at(x):
        return scenes.draw(beach._replace(x=np.array([x], np.float32)))[0]

    empty = scenes.draw(beach._replace(present=np.array([False])))[0]
    here, moved = (np.abs(at(x) - empty).sum(axis=0) > 0.02 for x in (0.4, 0.4 + 3 / 32))
    assert np.mean(np.roll(here, 3, axis=1) == moved) > 0.98
    frames = [at(0.4 + k / 320) for k in range(11)]  # edges are anti-aliased: no jumps
    steps = [np.abs(b - a).max() for a, b in zip(frames, frames[1:], strict=False)]
    assert 0 < max(steps) < 0.2


def test_there_is_one_object_more_where_the_gull_is_missing_and_each_stands_where_it_belongs():
    beach = scenes.sample(4000, seed=0)
    objects, present = (beach.kind > 0).sum(axis=1), beach.present
    assert set(objects[present]) == {1, 2} and set(objects[~present]) == {2, 3}
    assert objects[~present].mean() - objects[present].mean() == pytest.approx(1, abs=0.06)
    assert set(np.unique(beach.kind)) == set(range(len(scenes.KINDS)))
    above = beach.object_y < beach.horizon[:, None]
    flying = np.isin(beach.kind, (scenes.KINDS.index("kite"), scenes.KINDS.index("balloon")))
    assert above[flying].all() and not above[(beach.kind > 0) & ~flying].any()


def paint(parts, count=30, size=48):
    """How much of each colour a shape shows, in units of the square of its span."""
    middle, span = np.full(count, 0.5, np.float32), np.full(count, 0.3, np.float32)
    light, amounts = np.ones((count, 3), np.float32), []
    for pot in scenes._POTS:
        with pytest.MonkeyPatch.context() as patch:
            for name in scenes._POTS:
                patch.setitem(scenes._POTS, name, np.full(3, float(name == pot), np.float32))
            images = np.zeros((count, size, size, 3), np.float32)
            scenes._paint_parts(images, np.arange(count), parts, middle, middle, span, light, size)
        amounts.append(images.sum() / 3 / count / (0.3 * size) ** 2)
    return np.array(amounts)


def test_every_object_takes_as_much_of_each_colour_as_a_gull():
    assert list(scenes._POTS) == ["white", "grey", "black", "orange"]
    gull = paint(scenes._gull(scenes.sample(30, seed=0, share=1.0)))
    for kind in scenes.KINDS[1:]:
        parts = list(scenes._placed(kind, np.ones(30, np.float32)))
        amounts = paint(parts) * scenes._SCALES[kind] ** 2
        assert (np.abs(amounts - gull) < [0.04, 0.04, 0.018, 0.004]).all(), kind


def test_the_mean_colour_does_not_tell():
    beach = scenes.sample(2000, seed=0)
    means = scenes.draw(beach).mean(axis=(2, 3))
    difference = means[beach.present].mean(axis=0) - means[~beach.present].mean(axis=0)
    assert np.abs(difference).max() < 0.1 * means.std(axis=0).min()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scenes.sample(0), "count must be an integer >= 1, got 0"),
        (lambda: scenes.sample(2, seed=2**32), "seed must be an integer from 0 to 4294967295"),
        (lambda: scenes.sample(2, share=1.2), "share must be a number from 0 to 1, got 1.2"),
        (lambda: scenes.draw(scenes.sample(1), 129), "size must be an integer from 24 to 128"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
