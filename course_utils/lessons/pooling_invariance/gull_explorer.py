"""Move a gull over the beach and watch what a trained network makes of it.

panel = MoveTheGull(look)     # look(image (3, 32, 32)) -> figures.seagull.Look
panel.x.value = 8             # pixel by pixel
panel.says
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from course_utils.datasets import scenes
from course_utils.lessons.pooling_invariance.gull_figures import (
    Look,
    percent,
    seagull_diagram,
    strongest_place,
)
from course_utils.old_explorer import Explorer, View, choice, slider

SIZE = 32
"""Side of the scenes in pixels."""

FIRST, LAST = 6, 25
"""Pixels between which the gull moves, along either axis."""

BEACHES = 12
"""Beaches to choose from."""


class MoveTheGull(Explorer):
    """Explorer of one beach, drawn anew at every change, and of a network that looks at it.

    Args:
        look: called with the scene, a float32 array (3, 32, 32) in [0, 1]; returns a `Look`.
        gull: `"present"` or `"absent"`. x, y: its centre in pixels, 6 to 25.
        light: 0 to 4, see `scenes.LIGHTS`. objects: how many others there are, 0 to 3.
        beach: which beach, 1 to 12.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        look: Callable[[np.ndarray], Look],
        gull: str = "present",
        x: int = 16,
        y: int = 13,
        light: int = 2,
        objects: int = 1,
        beach: int = 1,
    ) -> None:
        controls = {
            "gull": choice("Gull", gull, [("There", "present"), ("Gone", "absent")], buttons=True),
            "x": slider("Gull x", x, FIRST, LAST),
            "y": slider("Gull y", y, FIRST, LAST),
            "light": choice("Light", light, [(name, k) for k, name in enumerate(scenes.LIGHTS)]),
            "objects": slider("Others", objects, 0, 3),
            "beach": slider("Beach", beach, 1, BEACHES),
        }
        super().__init__(partial(view, look), controls)


def scene(gull: str, x: int, y: int, light: int, objects: int, beach: int) -> scenes.Beach:
    """Return one beach with the gull at pixel (x, y), or without it, and so many other objects."""
    candidates = scenes.sample(16, seed=beach, share=0.0)
    crowded = (candidates.kind > 0).all(axis=1)  # three objects: as many as can be asked for
    drawn = candidates.take(np.flatnonzero(crowded)[:1])
    place = np.array([[x, y]], np.float32) / SIZE + 0.5 / SIZE
    kind = np.where(np.arange(drawn.kind.shape[1]) < objects, drawn.kind, 0)
    return drawn._replace(
        kind=kind,
        light=np.array([light], np.float32),
        present=np.array([gull == "present"]),
        x=place[:, 0],
        y=place[:, 1],
        span=np.array([0.23], np.float32),
    )


def view(
    look: Callable[[np.ndarray], Look],
    gull: str,
    x: int,
    y: int,
    light: int,
    objects: int,
    beach: int,
) -> View:
    """Draw one state of the explorer and say what the network knows of the gull."""
    image = scenes.draw(scene(gull, x, y, light, objects, beach), SIZE)[0]
    seen = look(image)
    there = gull == "present"
    diagram = seagull_diagram(image, seen, gull=(x, y) if there else None)
    return View(diagram.svg, explain(seen, (x, y) if there else None), diagram.alt)


def explain(seen: Look, gull: tuple[int, int] | None) -> str:
    """Say whether the network is right, and where its evidence is strongest."""
    verdict = "says there is a gull" if seen.probability >= 0.5 else "says there is none"
    right = (seen.probability >= 0.5) == (gull is not None)
    height, width = seen.evidence.shape
    row, column = strongest_place(seen.evidence)
    middle = (column + 0.5) * SIZE / width - 0.5, (row + 0.5) * SIZE / height - 0.5
    where = (
        f" Before global pooling the evidence still has a place: strongest at "
        f"({middle[0]:.0f}, {middle[1]:.0f})"
    )
    if gull is not None:
        where += f", and the gull is at ({gull[0]}, {gull[1]})"
    return (
        f"The network {verdict} ({percent(seen.probability)}), and is "
        f"{'right' if right else 'wrong'}.{where}. Pooling keeps the largest value of each map, "
        "and not its place."
    )
