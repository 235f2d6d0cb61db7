"""Receptive fields against the closed form, and against a plain enumeration of what is seen."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.fields import (
    LONGEST_PERIOD,
    Field,
    Track,
    join,
    through_layer,
    through_view,
)
from course_utils.geometry import receptive_fields


def taps(kernel, stride=1, padding=0, dilation=1):
    first = -padding
    return lambda u: range(u * stride + first, u * stride + first + dilation * kernel, dilation)


def track(axis=2, units=64, field=None):
    return Track(field or Field(), frozenset([axis]), units)


LAYERS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=6
)


@given(LAYERS)
def test_a_stack_is_the_closed_form(layers):
    field = Field()
    for kernel, stride, dilation in layers:
        field = field.through(taps(kernel, stride, 0, dilation), advance=stride)
    expected = receptive_fields(layers)[-1]
    assert (field.size, field.jump, field.low[0]) == (
        expected.size,
        expected.jump,
        expected.start,
    )


@st.composite
def maps(draw):
    """Layers that look at `sources(u)`, with the pattern that `Field.through` wants."""
    kind = draw(st.sampled_from(["window", "repeat", "spread"]))
    n = draw(st.integers(1, 4))
    if kind == "window":
        kernel, padding = draw(st.integers(1, 4)), draw(st.integers(0, 3))
        return taps(kernel, n, padding), 1, n
    if kind == "repeat":
        return (lambda u: [u // n]), n, 1
    kernel = draw(st.integers(n, n + 3))
    return (lambda u: [(u - t) // n for t in range(kernel) if (u - t) % n == 0]), n, 1


@given(st.lists(maps(), min_size=1, max_size=4))
def test_upsampling_and_windows_in_any_order_are_what_an_enumeration_finds(layers):
    field = Field()
    for sources, outputs, advance in layers:
        field = field.through(sources, outputs, advance)

    def inputs(unit, below):
        if below < 0:
            return {unit}
        return set().union(*(inputs(u, below - 1) for u in layers[below][0](unit)))

    for unit in range(-3, 2 * len(field.low) + 3):
        found = inputs(unit, len(layers) - 1)
        assert field.at(unit) == (min(found), max(found))
    assert field.jump * len(field.low) == field.shift


def test_a_pattern_that_grows_too_long_is_given_up():
    assert Field().through(lambda u: [u], outputs=LONGEST_PERIOD + 1) is None


def test_paths_of_unequal_size_join_to_the_larger_and_shifted_ones_to_their_hull():
    short, long = Field(), Field().through(taps(5, padding=2))
    assert short.joined(long) == long
    left, right = Field().through(taps(2, padding=1)), Field().through(taps(2))
    assert (left.size, right.size, left.joined(right).size) == (2, 2, 3)


def test_a_squeezed_path_makes_every_unit_see_all():
    pooled = track(units=8).whole()
    (seen,) = join((track(units=8),), (pooled,))
    assert seen.field.size == 8
    assert seen.axes == {2}
    assert seen.field.jump == 1


def test_tracks_in_different_places_join_to_one_that_sees_all():
    (seen,) = join((track(axis=1, units=5),), (track(axis=2, units=7),))
    assert (seen.axes, seen.field.size) == (frozenset(), 7)


def test_a_layer_passes_its_axis_and_leaves_others():
    rows, columns = track(axis=2), track(axis=3)
    passed = through_layer(
        (rows, columns), {2: (31, lambda field: field.through(taps(3, 2), advance=2))}
    )
    assert (passed[0].field.size, passed[0].units) == (3, 31)
    assert passed[1] == columns
    assert through_layer((rows, columns), {}, mixed=[3])[1].field.size == 64
    assert through_layer(None, {}) is None


def viewed(shape, tracks, view):
    return through_view(tracks, shape, view.shape, view.stride(), view.storage_offset())


SHAPE = (1, 3, 8, 10)
VIEWS = {
    "permute": (lambda x: x.permute(0, 2, 3, 1), {1}, 8, 1, 1),
    "every second row": (lambda x: x[:, :, ::2], {2}, 4, 1, 2),
    "rows from 3": (lambda x: x[:, :, 3:], {2}, 5, 1, 1),
    "channels split in two axes": (lambda x: x.view(1, 1, 3, 8, 10), {3}, 8, 1, 1),
    "a row": (lambda x: x[:, :, 3], set(), 1, 1, 1),
    "a new axis": (lambda x: x[:, None], {3}, 8, 1, 1),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_that_keep_the_rows(name):
    view, axes, units, size, jump = VIEWS[name]
    (seen,) = viewed(SHAPE, (track(axis=2, units=8),), view(torch.empty(SHAPE)))
    assert (seen.axes, seen.units, seen.clean) == (axes, units, True)
    assert (seen.field.size, seen.field.jump) == (size, jump)


def test_a_slice_moves_the_start():
    (seen,) = viewed(SHAPE, (track(axis=2, units=8),), torch.empty(SHAPE)[:, :, 3::2])
    assert [seen.field.at(u) for u in range(3)] == [(3, 3), (5, 5), (7, 7)]


@pytest.mark.parametrize(
    ("reshape", "axes"),
    [
        (lambda x: x.flatten(1), {1}),
        (lambda x: x.flatten(2), {2}),
        (lambda x: x.view(1, 3, 4, 2, 10), {2, 3}),
        (lambda x: x.unfold(2, 3, 1), {2, 4}),
    ],
    ids=["flatten all", "flatten rows and columns", "split the rows", "windows"],
)
def test_views_that_mix_the_rows_keep_the_size_until_something_looks_along_them(reshape, axes):
    (seen,) = viewed(SHAPE, (track(axis=2, units=8),), reshape(torch.empty(SHAPE)))
    assert (seen.axes, seen.clean, seen.field.size) == (axes, False, 1)
    (dense,) = through_layer((seen,), {}, mixed=[min(axes)])
    assert dense.field.size == 8


def test_hull_of_an_upsampled_axis():
    field = Field().through(lambda u: [u // 2], outputs=2)
    assert field.hull(10) == Field((0,), (4,), 0, Fraction(1, 2))
