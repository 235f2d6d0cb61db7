"""Pooling in one dimension, before and after a shift: which values change?

The picture follows fig. 9.8 of Goodfellow, Bengio and Courville, *Deep Learning* (2016): a row of
detector values below, the pooled values above; then the same row, shifted to the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from course_utils.drawing.style import FAINT, HIGHLIGHT, INK, INPUT, MUTED, OUTPUT, tint
from course_utils.drawing.svg import MINUS, Diagram, font, frame, number, text

POOLINGS = ("max", "average")
LARGEST = 10
"""Most values in a row that the picture has room for."""

_LEFT, _RIGHT = 190, 800  # the units stay between
_HEIGHT = 412
_GAP = 96  # from the detector row to the pooled row above it
_NEAR = 1e-9  # averages that differ by rounding alone are the same


class Shifted(NamedTuple):
    """A row of values before and after a shift, and what pooling makes of both.

    before, after: the detector's values. pooled_before, pooled_after: after pooling.
    """

    before: list[float]
    after: list[float]
    pooled_before: list[float]
    pooled_after: list[float]

    @property
    def changed(self) -> int:
        """How many of the detector's values are not what they were at their place."""
        return _differ(self.before, self.after)

    @property
    def pooled_changed(self) -> int:
        """How many of the pooled values are not what they were at their place."""
        return _differ(self.pooled_before, self.pooled_after)


def windows(n: int, kernel: int, stride: int = 1) -> list[range]:
    """Return the units in each pooling window: centred on units 0, stride, 2 stride, ...

    A window that reaches over an end holds the units that exist. A window of even width reaches
    one unit further to the right than to the left.

    Raises:
        ValueError: if an argument is not an integer >= 1.
    """
    for name, value in (("n", n), ("kernel", kernel), ("stride", stride)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
    before, behind = (kernel - 1) // 2, kernel // 2
    return [range(max(0, c - before), min(n, c + behind + 1)) for c in range(0, n, stride)]


def pool(
    values: Sequence[float], kernel: int, stride: int = 1, pooling: str = "max"
) -> list[float]:
    """Pool a row of values: the largest or the mean of each window (see `windows`).

    Raises:
        ValueError: for an empty row, an unknown pooling, and as `windows`.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be 'max' or 'average', got {pooling!r}")
    inside = [[values[k] for k in window] for window in windows(len(values), kernel, stride)]
    if pooling == "max":
        return [max(part) for part in inside]
    return [sum(part) / len(part) for part in inside]


def shifted(
    values: Sequence[float],
    incoming: Sequence[float],
    *,
    shift: int = 1,
    kernel: int = 3,
    stride: int = 1,
    pooling: str = "max",
) -> Shifted:
    """Shift a row to the right and pool it before and after.

    Args:
        values: the detector's values, left to right.
        incoming: what comes in from the left, the first one first.
        shift: by how many places, 0 to len(incoming).
        kernel, stride, pooling: of the pooling windows.

    Raises:
        ValueError: for a shift out of range, and as `pool`.
    """
    if isinstance(shift, bool) or not isinstance(shift, int) or not 0 <= shift <= len(incoming):
        raise ValueError(
            f"shift must be an integer from 0 to {len(incoming)}, the number of values that wait "
            f"on the left, got {shift!r}"
        )
    before = [float(v) for v in values]
    entering = [float(v) for v in incoming[:shift]][::-1]
    after = [*entering, *before][: len(before)]
    pooled = [pool(row, kernel, stride, pooling) for row in (before, after)]
    return Shifted(before, after, *pooled)


def pooling_strip(
    values: Sequence[float],
    incoming: Sequence[float],
    *,
    shift: int = 1,
    kernel: int = 3,
    stride: int = 1,
    pooling: str = "max",
) -> Diagram:
    """Draw the two rows before and after the shift, with what has changed marked by a thick ring.

    Args as for `shifted`; the row may hold up to `LARGEST` values.

    Raises:
        ValueError: for a longer row, and as `shifted`.
    """
    if not 1 <= len(values) <= LARGEST:
        raise ValueError(f"values must hold 1 to {LARGEST} numbers, got {len(values)}")
    rows = shifted(values, incoming, shift=shift, kernel=kernel, stride=stride, pooling=pooling)
    n = len(values)
    pitch = min((_RIGHT - _LEFT) / n, 108)
    places = [(_LEFT + _RIGHT) / 2 + (k - (n - 1) / 2) * pitch for k in range(n)]
    seen = windows(n, kernel, stride)
    centres = [places[k * stride] for k in range(len(seen))]
    radius = min(27, 0.42 * pitch)
    label = f"{pooling}, {kernel} wide"
    parts = [_heading(shift, rows)]
    for title, y, detector, pooled, old, old_pooled in (
        ("before", 190, rows.before, rows.pooled_before, None, None),
        (
            f"shifted by {shift}",
            362,
            rows.after,
            rows.pooled_after,
            rows.before,
            rows.pooled_before,
        ),
    ):
        parts.append(_links(seen, places, centres, y, detector, pooling, radius))
        parts.append(_units(places, y, detector, old, INPUT, radius))
        parts.append(_units(centres, y - _GAP, pooled, old_pooled, OUTPUT, radius))
        parts.append(text(20, y - _GAP / 2 + 5, title, font(19), bold=True))
        parts.append(
            text(20, y - _GAP / 2 + 27, label if old is None else "", font(16), fill=MUTED)
        )
    return frame(
        "".join(parts),
        height=_HEIGHT,
        alt=describe(rows, shift, kernel, stride, pooling),
        kind="cnn-pooling",
    )


def describe(rows: Shifted, shift: int, kernel: int, stride: int, pooling: str) -> str:
    """Say the four rows in words and numbers."""
    lists = [", ".join(shown(v) for v in row) for row in rows]
    return (
        f"Detector values {lists[0]}; {pooling} pooling {kernel} wide, stride {stride}, gives "
        f"{lists[2]}. Shifted by {shift}: {lists[1]}, pooled {lists[3]}. Changed: "
        f"{rows.changed} of {len(rows.before)} detector values, "
        f"{rows.pooled_changed} of {len(rows.pooled_before)} pooled values."
    )


def shown(value: float) -> str:
    """Write a value with at most two decimals and a real minus sign."""
    content = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if content in ("-0", "") else content.replace("-", MINUS)


def _differ(one: list[float], other: list[float]) -> int:
    return sum(abs(a - b) > _NEAR for a, b in zip(one, other, strict=True))


def _heading(shift: int, rows: Shifted) -> str:
    size = font(17)
    counts = [
        ("pooled values changed", rows.pooled_changed, len(rows.pooled_before), OUTPUT, 362 - _GAP),
        ("detector values changed", rows.changed, len(rows.before), INPUT, 362),
    ]
    parts = [
        text(_LEFT - 34, 40, "pooling stage, above", size, bold=True, fill=OUTPUT),
        text(_LEFT + 210, 40, "detector stage, below", size, bold=True, fill=INPUT),
        f'<path d="M20 {228} H980" stroke="{FAINT}" stroke-width="1"/>',
    ]
    for words, changed, all_, colour, y in counts:
        first, second = words.split(" ", 1)
        parts.append(text(838, y - 2, f"{changed} of {all_}", font(24), bold=True, fill=colour))
        parts.append(text(838, y + 21, f"{first} {second}".replace(" changed", ""), font(16)))
        parts.append(text(838, y + 40, "changed", font(16)))
    return "".join(parts)


def _links(seen, places, centres, y, values, pooling, radius) -> str:
    """Thin lines from each window to its pooled value; a thick one from the value that wins."""
    thin, thick = [], []
    top, bottom = y - _GAP + radius, y - radius
    for window, centre in zip(seen, centres, strict=True):
        best = max(window, key=lambda k: values[k])
        for k in window:
            line = f"M{places[k]:.0f} {bottom:.0f}L{centre:.0f} {top:.0f}"
            (thick if pooling == "max" and k == best else thin).append(line)
    return (
        f'<path d="{"".join(thin)}" stroke="{FAINT}" stroke-width="1.6" fill="none"/>'
        f'<path d="{"".join(thick)}" stroke="{INK}" stroke-width="3" fill="none"/>'
    )


def _units(places, y, values, old, colour, radius) -> str:
    parts = []
    size = min(font(18), 0.72 * radius)
    for k, (x, value) in enumerate(zip(places, values, strict=True)):
        changed = old is not None and abs(value - old[k]) > _NEAR
        ring = (
            f'stroke="{HIGHLIGHT}" stroke-width="5"'
            if changed
            else (f'stroke="{colour}" stroke-width="1.8"')
        )
        fill = tint(colour, 0.06 + 0.4 * min(max(value, 0), 1))
        was = f", was {shown(old[k])}" if changed else ""
        parts.append(
            f"<g><title>{shown(value)}{was}</title>"
            f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{fill}" {ring}/>'
            + text(x, y + size * 0.36, shown(value), size, anchor="middle", bold=changed)
            + "</g>"
        )
    return "".join(parts)
