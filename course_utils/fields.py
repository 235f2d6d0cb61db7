"""What the units of a network see of its input: receptive fields through any graph of layers.

`Field` is the arithmetic along one axis, `Track` says where in a tensor that axis is. Layers,
views and sums turn tracks into tracks. Nothing here knows a layer by name, or torch.

Source: A. Araujo, W. Norris and J. Sim, "Computing Receptive Fields of Convolutional Neural
Networks", Distill, 2019; here with unequal paths, upsampling and views as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple

LONGEST_PERIOD = 4096  # beyond this, a field is taken as everything its layer sees


class Field(NamedTuple):
    """The inputs that each unit of a row of units sees, first to last, as if there were no border.

    Unit `u` sees the inputs `low[r] + q * shift` to `high[r] + q * shift`, where `q, r` are
    quotient and remainder of `u / len(low)`. One entry describes convolution and pooling. More
    entries are needed after upsampling, where neighbouring units see windows of unequal size.
    `jump` is the distance, in inputs, of neighbouring units: the product of the strides.
    """

    low: tuple[int, ...] = (0,)
    high: tuple[int, ...] = (0,)
    shift: int = 1
    jump: Fraction = Fraction(1)

    @property
    def size(self) -> int:
        """Inputs from the first to the last that one unit sees; the largest over the units."""
        return max(high - low + 1 for low, high in zip(self.low, self.high, strict=True))

    def at(self, unit: int) -> tuple[int, int]:
        """Return the first and the last input that `unit` sees."""
        q, r = divmod(unit, len(self.low))
        return self.low[r] + q * self.shift, self.high[r] + q * self.shift

    def through(
        self,
        sources: Callable[[int], Iterable[int]],
        outputs: int = 1,
        advance: int = 1,
        jump: Fraction | None = None,
    ) -> Field | None:
        """Return the field behind a layer whose unit `u` looks at the units `sources(u)`.

        The pattern repeats: `sources(u + outputs)` is `sources(u)` moved on by `advance`. None if
        the repeating pattern becomes longer than `LONGEST_PERIOD`.
        """
        period = len(self.low)
        repeats = period // math.gcd(period, advance) if advance else 1
        if outputs * repeats > LONGEST_PERIOD:
            return None
        seen = [[self.at(i) for i in sources(unit)] for unit in range(outputs * repeats)]
        return Field(
            tuple(min(low for low, _ in windows) for windows in seen),
            tuple(max(high for _, high in windows) for windows in seen),
            advance * repeats // period * self.shift,
            self.jump * Fraction(advance, outputs) if jump is None else jump,
        )

    def hull(self, units: int) -> Field:
        """Return the field of one unit that sees all that the first `units` units see."""
        if self.shift == 0:
            return Field((min(self.low),), (max(self.high),), 0, self.jump)
        ends = {u for u in range(units) if u < len(self.low) or u >= units - len(self.low)}
        seen = [self.at(u) for u in ends]
        return Field((min(s[0] for s in seen),), (max(s[1] for s in seen),), 0, self.jump)

    def joined(self, other: Field) -> Field:
        """Return the field of units that see what the same units of both fields see together."""
        period = math.lcm(len(self.low), len(other.low))
        both = [(self.at(u), other.at(u)) for u in range(period)]
        return Field(
            tuple(min(a[0], b[0]) for a, b in both),
            tuple(max(a[1], b[1]) for a, b in both),
            period // len(self.low) * self.shift,
            max(self.jump, other.jump),
        )


class Track(NamedTuple):
    """Where one spatial axis of the input is found in a tensor.

    `axes` are the axes of the tensor along which the field moves (none: all units see the same),
    `units` the number of units along the axis. `clean` is False after a reshape that merged or
    split the axis: then the field of a single unit is known, its position in the tensor is not.
    """

    field: Field
    axes: frozenset[int]
    units: int
    clean: bool = True

    def whole(self) -> Track:
        """Return the track of units that see all that any unit of this track sees."""
        return Track(self.field.hull(self.units), frozenset(), 1)

    def moved(self, axis_map: Callable[[int], int]) -> Track:
        """Return the same track with its axes renumbered."""
        return self._replace(axes=frozenset(map(axis_map, self.axes)))


Tracks = tuple[Track, ...]


def join(a: Tracks, b: Tracks) -> Tracks:
    """Return what a unit sees that is computed from the same unit of two tensors: all of both."""
    return tuple(_join_one(one, other) for one, other in zip(a, b, strict=True))


def _join_one(a: Track, b: Track) -> Track:
    same_place = (a.axes, a.units, a.clean) == (b.axes, b.units, b.clean)
    same_pace = a.field.shift * len(b.field.low) == b.field.shift * len(a.field.low)
    if same_place and same_pace:
        return a._replace(field=a.field.joined(b.field))
    # One of them sees the same everywhere (a squeezed map, a token of all positions) or the places
    # differ: then the largest extent over all units is what can be said.
    everything = a.field.hull(a.units).joined(b.field.hull(b.units))
    if a.axes == b.axes or not a.axes or not b.axes:
        place = a if len(a.axes) >= len(b.axes) else b
        return place._replace(field=everything._replace(jump=place.field.jump))
    return Track(everything, frozenset(), 1)


def through_layer(tracks: Tracks | None, windows: dict, mixed: Iterable[int] = ()) -> Tracks | None:
    """Pass tracks through a layer.

    `windows` maps an axis to (units after, a function from Field to Field or None). A layer looks
    at everything along the `mixed` axes.
    """
    if tracks is None:
        return None
    mixed = set(mixed)
    passed = []
    for track in tracks:
        on = track.axes & windows.keys()
        if track.axes & mixed or (on and not track.clean):
            track = track.whole()
        elif on:
            (axis,) = on
            units, through = windows[axis]
            moved = through(track.field)
            track = track.whole() if moved is None else Track(moved, track.axes, units)
        passed.append(track)
    return tuple(passed)


def through_view(
    tracks: Tracks,
    shape: Iterable[int],
    view_shape: Iterable[int],
    view_strides: Iterable[int],
    offset: int,
) -> Tracks:
    """Pass tracks through a view (its sizes, strides and offset) of a contiguous tensor of `shape`.

    An axis of the view with stride q steps through the memory of the tensor, so its strides say
    which axes of the tensor it runs along. This covers permutations, slices, reshapes and windows
    alike.
    """
    shape = tuple(shape)
    strides = [math.prod(shape[a + 1 :]) for a in range(len(shape))]
    axes = list(zip(view_shape, view_strides, strict=True))

    def runs_along(m: int, q: int, a: int) -> bool:
        return (m - 1) * q >= strides[a] and q % (strides[a] * shape[a]) != 0

    moved = []
    for track in tracks:
        now = {b for b, (m, q) in enumerate(axes) for a in track.axes if runs_along(m, q, a)}
        if not track.axes:
            moved.append(track)
        elif not track.clean or len(now) > 1:
            moved.append(track._replace(axes=frozenset(now), clean=False) if now else track.whole())
        else:
            moved.append(_sampled(track, shape, strides, axes, now, offset))
    return tuple(moved)


def _sampled(track: Track, shape, strides, axes, now: set[int], offset: int) -> Track:
    """The track of a view that runs along a clean axis of the tensor once, or not at all."""
    (a,) = track.axes
    start = offset // strides[a] % shape[a]
    if not now:
        low, high = track.field.at(start)
        return Track(Field((low,), (high,), 0, track.field.jump), frozenset(), 1)
    (b,) = now
    m, q = axes[b]
    step = q // strides[a]
    if q % strides[a] or (m - 1) * step >= shape[a]:  # merged with other axes
        return track._replace(axes=frozenset(now), clean=False)
    moved = track.field.through(lambda unit: [start + unit * step], advance=step)
    return track.whole() if moved is None else Track(moved, frozenset(now), m)
