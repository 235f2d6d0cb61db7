"""Panels of lesson 04: pool a row of values that shifts; move a gull before a trained network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from course_utils.drawing.svg import MINUS
from course_utils.explorer import Choice, Explorer, Line, Slider, View
from course_utils.lessons.pooling_invariance import figures
from course_utils.lessons.pooling_invariance.figures import Look

# The strip

SHIFTS = 3  # so many values wait on the left


def numbers(line: str, label: str, fewest: int, most: int) -> list[float]:
    """Read numbers separated by spaces; a comma or semicolon before the space does no harm.

    A comma inside a word is refused: it may be a decimal comma or stand between two numbers.
    """
    words = [word for raw in line.split() if (word := raw.strip(",;"))]
    for word in words:
        if "," in word:
            raise ValueError(
                f"{label}: {word[:12]} may be one number or several. Write a decimal point, and "
                "put spaces between numbers, as in 0.1 1.0."
            )
    if not fewest <= len(words) <= most:
        wanted = f"{fewest} numbers" if fewest == most else f"{fewest} to {most} numbers"
        there = f"There {'is' if len(words) == 1 else 'are'} {len(words)}."
        raise ValueError(f"{label} must hold {wanted}, separated by spaces. {there}")
    return [_number(word, label) for word in words]


def _number(word: str, label: str) -> float:
    with suppress(ValueError):
        if -9 <= (value := float(word.replace(MINUS, "-"))) <= 9:  # false for NaN as well
            return value
    raise ValueError(
        f"{label} must hold numbers from {MINUS}9 to 9 with a decimal point, such as 0.3; "
        f"{word[:12]!r} is none."
    )


class PoolingStrip(Explorer):
    """Pooling over one row of values that is shifted to the right."""

    controls = (
        Line("values", "Values", start="0.1 1.0 0.2 0.1"),
        Line("incoming", "Next in", start="0.3 0.2 0.5"),  # from the left, the first one first
        Choice("pooling", "Pooling", {"Max": "max", "Average": "average"}, "max", buttons=True),
        Slider("shift", "Shift", 0, SHIFTS, start=1),
        Slider("kernel", "Width", 1, 5, start=3),
        Slider("stride", "Stride", 1, 3, start=1),
    )

    @staticmethod
    def view(values: str, incoming: str, **how: object) -> View:
        row = numbers(values, "Values", 1, 10)
        strip = figures.Strip(row, numbers(incoming, "Next in", SHIFTS, SHIFTS), **how)
        diagram, windows, changed = strip.draw(), len(strip.windows), strip.pooled_changed
        says = (
            f"The shift by {strip.shift} changes {strip.changed} of {len(row)} detector values and "
            f"{changed} of {windows} pooled values. "
        )
        if strip.shift == 0:
            says += "Nothing has moved yet: push the shift."
        elif strip.kernel == strip.stride == 1:
            says += "A window of one value is no pooling at all."
        elif strip.pooling == "average":
            says += "A mean moves as soon as a different value enters its window, if only a little."
        elif changed == 0:
            says += "Every window still holds a largest value of the same size."
        elif changed < windows:
            says += "A maximum stays as long as the same largest value is anywhere in its window."
        else:
            says += "In every window the largest value is another one now."
        return View(diagram.svg, says, diagram.alt)


# The beach

SIZE = 32  # side of the scenes in pixels
LIGHTS = ("overcast", "haze", "noon", "evening", "dusk")  # of `scenes.Beach`


def scene(gull: str, x: int, y: int, light: int, objects: int, beach: int):
    """Return a `Beach` with the gull at pixel (x, y), or without it, and so many other objects."""
    import numpy as np

    from course_utils.datasets import scenes

    candidates = scenes.sample(16, seed=beach, share=0.0)
    crowded = (candidates.kind > 0).all(axis=1)  # three objects: as many as can be asked for
    drawn = candidates.take([crowded.argmax()])
    kind = np.where(np.arange(drawn.kind.shape[1]) < objects, drawn.kind, 0)
    values = {"light": light, "x": (x + 0.5) / SIZE, "y": (y + 0.5) / SIZE, "span": 0.23}
    arrays = {name: np.array([value], np.float32) for name, value in values.items()}
    return drawn._replace(kind=kind, present=np.array([gull == "present"]), **arrays)


class MoveTheGull(Explorer):
    """One beach, drawn anew at every change, and a network that looks at it.

    look: called with the scene, a float32 array (3, 32, 32) in [0, 1]; returns a `Look`.
    """

    controls = (
        Choice("gull", "Gull", {"There": "present", "Gone": "absent"}, "present", buttons=True),
        Slider("x", "Gull x", 6, 25, start=16),
        Slider("y", "Gull y", 6, 25, start=13),
        Choice("light", "Light", {name: k for k, name in enumerate(LIGHTS)}, start=2),
        Slider("objects", "Others", 0, 3, start=1),
        Slider("beach", "Beach", 1, 12, start=1),
    )

    def __init__(self, look: Callable[[object], Look], **first: object) -> None:
        self.look = look
        super().__init__(**first)

    def view(self, gull: str, x: int, y: int, **beach: int) -> View:
        from course_utils.datasets import scenes

        image = scenes.draw(scene(gull, x, y, **beach), SIZE)[0]
        seen, there = self.look(image), gull == "present"
        diagram = figures.seagull_diagram(image, seen, gull=(x, y) if there else None)
        says_gull = seen.probability >= 0.5
        verdict = "says there is a gull" if says_gull else "says there is none"
        right = "right" if says_gull == there else "wrong"
        height, width = seen.evidence.shape
        row, column = divmod(int(seen.evidence.argmax()), width)
        across, down = (column + 0.5) * SIZE / width - 0.5, (row + 0.5) * SIZE / height - 0.5
        beside = f", and the gull is at ({x}, {y})" if there else ""
        says = (
            f"The network {verdict} ({figures.percent(seen.probability)}), and is {right}. Before "
            f"global pooling the evidence still has a place: strongest at ({across:.0f}, "
            f"{down:.0f}){beside}. Pooling keeps the largest value of each map, and not its place."
        )
        return View(diagram.svg, says, diagram.alt)
