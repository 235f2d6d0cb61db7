"""Edit a row of values, shift it, pool it: which pooled values move?

panel = PoolingStrip()          # fig. 9.8 of Goodfellow et al.: 4 of 4 change, and 2 of 4 pooled
panel.pooling.value = "average"
panel.values.value = "0.2 0.9 0.9 0.1"
"""

from __future__ import annotations

import math

import ipywidgets

from course_utils.lessons.pooling_invariance.figures import (
    LARGEST,
    POOLINGS,
    Shifted,
    pooling_strip,
    shifted,
)
from course_utils.old_explorer import Explorer, View, choice, slider

SHIFTS = 3
"""Largest shift: so many values wait on the left."""


class PoolingStrip(Explorer):
    """Explorer of pooling over one row of values that is shifted to the right.

    Args (each the first value of a control):
        values: the detector's values, 1 to 10 numbers from -9 to 9, separated by spaces.
        incoming: the three values that come in from the left, the first one first.
        shift: 0 to 3 places. kernel: width of the pooling windows, 1 to 5. stride: 1 to 3.
        pooling: `"max"` or `"average"`.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        values: str = "0.1 1.0 0.2 0.1",
        incoming: str = "0.3 0.2 0.5",
        shift: int = 1,
        kernel: int = 3,
        stride: int = 1,
        pooling: str = "max",
    ) -> None:
        controls = {
            "values": _line("Values", values),
            "incoming": _line("Next in", incoming),
            "pooling": choice(
                "Pooling", pooling, [(name.capitalize(), name) for name in POOLINGS], buttons=True
            ),
            "shift": slider("Shift", shift, 0, SHIFTS),
            "kernel": slider("Width", kernel, 1, 5),
            "stride": slider("Stride", stride, 1, 3),
        }
        numbers(values, "Values", 1, LARGEST)
        numbers(incoming, "Next in", SHIFTS, SHIFTS)
        super().__init__(view, controls)


def _line(label: str, value: str) -> ipywidgets.Text:
    return ipywidgets.Text(
        value=value,
        description=label,
        continuous_update=True,
        style={"description_width": "5.2em"},
        layout=ipywidgets.Layout(width="auto"),
    )


def numbers(line: str, label: str, fewest: int, most: int) -> list[float]:
    """Read numbers separated by spaces; a comma or semicolon before the space does no harm.

    Raises:
        ValueError: for a word that is no number from -9 to 9, for a comma inside one, which may
            be a decimal comma or stand between two numbers, and for too few or too many.
    """
    if not isinstance(line, str):
        raise ValueError(f"{label} must be a line of numbers, got {line!r}")
    words = [word for raw in line.split() if (word := raw.strip(",;"))]
    for word in words:
        if "," in word:
            raise ValueError(
                f"{label}: {word[:12]} may be one number or several. Write a decimal point, and "
                "put spaces between numbers, as in 0.1 1.0."
            )
    if not fewest <= len(words) <= most:
        wanted = f"{fewest} numbers" if fewest == most else f"{fewest} to {most} numbers"
        raise ValueError(
            f"{label} must hold {wanted}, separated by spaces. There "
            f"{'is' if len(words) == 1 else 'are'} {len(words)}."
        )
    found = []
    for word in words:
        try:
            value = float(word.replace("\u2212", "-"))
        except ValueError:
            value = math.nan
        if not -9 <= value <= 9:  # false for NaN as well
            raise ValueError(
                f"{label} must hold numbers from \u22129 to 9 with a decimal point, such as 0.3; "
                f"{word[:12]!r} is none."
            )
        found.append(value)
    return found


def view(values: str, incoming: str, pooling: str, shift: int, kernel: int, stride: int) -> View:
    """Draw one state of the explorer and say what changes and why.

    Raises:
        ValueError: for a line that is not read as numbers (see `numbers`), and as `pooling_strip`.
    """
    row = numbers(values, "Values", 1, LARGEST)
    waiting = numbers(incoming, "Next in", SHIFTS, SHIFTS)
    settings = dict(shift=shift, kernel=kernel, stride=stride, pooling=pooling)
    diagram = pooling_strip(row, waiting, **settings)
    return View(diagram.svg, explain(shifted(row, waiting, **settings), **settings), diagram.alt)


def explain(rows: Shifted, shift: int, kernel: int, stride: int, pooling: str) -> str:
    """Say how many values change, before and after pooling, and why."""
    n, m = len(rows.before), len(rows.pooled_before)
    counts = (
        f"The shift by {shift} changes {rows.changed} of {n} detector values and "
        f"{rows.pooled_changed} of {m} pooled values."
    )
    if shift == 0:
        return f"{counts} Nothing has moved yet: push the shift."
    if kernel == 1 and stride == 1:
        return f"{counts} A window of one value is no pooling at all."
    if pooling == "average":
        return (
            f"{counts} A mean moves as soon as a different value enters its window, if only a "
            "little."
        )
    if rows.pooled_changed == 0:
        return f"{counts} Every window still holds a largest value of the same size."
    if rows.pooled_changed < m:
        return (
            f"{counts} A maximum stays as long as the same largest value is anywhere in its window."
        )
    return f"{counts} In every window the largest value is another one now."
