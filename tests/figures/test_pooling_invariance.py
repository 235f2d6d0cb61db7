"""The pooling strip: counts against brute force, the book's numbers, a well-formed picture."""

import itertools
import random
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from course_utils.lessons.pooling_invariance.figures import (
    POOLINGS,
    describe,
    pool,
    pooling_strip,
    shifted,
    shown,
    windows,
)

GRID = list(itertools.product(range(1, 11), range(1, 6), range(1, 4), range(4), POOLINGS))


def by_brute_force(row, kernel, stride, pooling):
    """Slide a mask over the row, place by place."""
    out = []
    for centre in range(0, len(row), stride):
        seen = [v for k, v in enumerate(row) if -((kernel - 1) // 2) <= k - centre <= kernel // 2]
        out.append(max(seen) if pooling == "max" else np.mean(seen))
    return out


def test_the_counts_of_changed_values_equal_brute_force_on_the_whole_grid():
    rng = random.Random(0)
    for n, kernel, stride, shift, pooling in GRID:
        values = [rng.randint(-9, 9) / 10 for _ in range(n)]
        incoming = [rng.randint(-9, 9) / 10 for _ in range(3)]
        rows = shifted(values, incoming, shift=shift, kernel=kernel, stride=stride, pooling=pooling)
        world = [*reversed(incoming), *values]  # what stands left of the row waits there
        after = world[3 - shift : 3 - shift + n]
        assert rows.after == after
        old, new = (by_brute_force(row, kernel, stride, pooling) for row in (values, after))
        np.testing.assert_allclose(rows.pooled_after, new, atol=1e-12)
        assert rows.changed == sum(a != b for a, b in zip(values, after, strict=True))
        assert rows.pooled_changed == int((~np.isclose(old, new, atol=1e-9)).sum())


def test_the_books_figure():
    rows = shifted([0.1, 1.0, 0.2, 0.1], [0.3])
    assert rows.pooled_before == [1.0, 1.0, 1.0, 0.2]
    assert rows.pooled_after == [0.3, 1.0, 1.0, 1.0]
    assert (rows.changed, rows.pooled_changed) == (4, 2)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_odd_windows_equal_torch(kernel, stride):
    row = torch.randn(9, generator=torch.Generator().manual_seed(1)).double()
    padding = kernel // 2
    largest = torch.nn.functional.max_pool1d(row[None], kernel, stride, padding)[0]
    mean = torch.nn.functional.avg_pool1d(
        row[None], kernel, stride, padding, count_include_pad=False
    )[0]
    np.testing.assert_allclose(pool(row.tolist(), kernel, stride), largest)
    np.testing.assert_allclose(pool(row.tolist(), kernel, stride, "average"), mean)


def test_windows_at_the_ends_hold_what_exists():
    assert [list(w) for w in windows(4, 3)] == [[0, 1], [0, 1, 2], [1, 2, 3], [2, 3]]
    assert [list(w) for w in windows(4, 2, 2)] == [[0, 1], [2, 3]]


def test_every_picture_is_well_formed_and_shows_its_values():
    for n, kernel, stride, shift, pooling in GRID[::7]:
        values, incoming = [k / 10 for k in range(n)], [-0.5, 0.75, 2.0]
        settings = dict(shift=shift, kernel=kernel, stride=stride, pooling=pooling)
        diagram = pooling_strip(values, incoming, **settings)
        rows = shifted(values, incoming, **settings)
        root = ET.fromstring(diagram.svg)
        space = "{http://www.w3.org/2000/svg}"
        assert root.get("aria-label") == diagram.alt == describe(rows, *settings.values())
        circles = root.findall(f".//{space}circle")
        assert len(circles) == 2 * n + 2 * len(rows.pooled_before)
        thick = sum(float(c.get("stroke-width")) == 5 for c in circles)
        assert thick == rows.changed + rows.pooled_changed
        said = [text.text for text in root.iter(f"{space}text")]
        drawn = [shown(v) for v in [*rows.before, *rows.after, *rows.pooled_after]]
        assert set(drawn) <= set(said)
        assert f"{rows.changed} of {n}" in said


def test_the_same_arguments_give_the_same_bytes():
    assert pooling_strip([0.1, 0.5], [1.0]) == pooling_strip([0.1, 0.5], [1.0])


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (0.25, "0.25"), (-0.001, "0"), (-0.5, "−0.5"), (100, "100")]
)
def test_values_are_written_short(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pooling_strip([], [1.0]), "values must hold 1 to 10 numbers, got 0"),
        (lambda: pooling_strip([0.0] * 11, [1.0]), "values must hold 1 to 10 numbers, got 11"),
        (lambda: shifted([1.0], [1.0], shift=2), "shift must be an integer from 0 to 1"),
        (lambda: pool([1.0], 0), "kernel must be an integer >= 1, got 0"),
        (lambda: pool([1.0], 3, 1.5), "stride must be an integer >= 1, got 1.5"),
        (lambda: pool([1.0], 3, 1, "median"), "pooling must be 'max' or 'average', got 'median'"),
        (lambda: pool([], 3), "n must be an integer >= 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
