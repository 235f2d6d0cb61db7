"""What a panel shows in many states, for one process to compare with another: run it as a script.

python tests/headless.py DATA     prints what the panels and exercises do without the modules
                                  of `MISSING`, as JSON. DATA: what `panel_data.make` returned.
"""

import hashlib
import json
import random
import sys
from importlib import import_module
from pathlib import Path

from course_utils.explorer import Choice, Explorer, Slider
from course_utils.lessons import LESSONS

ROOT = Path(__file__).parents[1]
# What Python has in a browser is its standard library.
MISSING = {"IPython", "filelock", "ipywidgets", "matplotlib", "numpy", "platformdirs", "pooch"}
MISSING |= {"pygments", "requests", "torch", "traitlets"}


def panels() -> dict[str, type[Explorer]]:
    """The panels of the lessons, by the name of their class."""
    rooms = [f"course_utils.lessons.{lesson.slug[3:]}.explorer" for lesson in LESSONS[1:]]
    found = [one for room in rooms for one in vars(import_module(room)).values()]
    kinds = [one for one in found if isinstance(one, type) and issubclass(one, Explorer)]
    return {kind.__name__: kind for kind in kinds if kind is not Explorer}


def pictures(panel: Explorer, count: int) -> list[str]:
    """Digests of picture and sentence: of the first state, and of `count` others from a seed."""
    rng, digests = random.Random(type(panel).__name__), []

    def value(control):
        if isinstance(control, Slider):
            return rng.randrange(control.smallest, control.largest + 1, control.step)
        if isinstance(control, Choice):
            return rng.choice(list(control.options.values()))
        return " ".join(f"{rng.randint(-20, 20) / 10:g}" for _ in range(rng.randint(2, 6)))

    for turn in range(count + 1):
        if turn:
            panel.move(**{control.name: value(control) for control in panel.controls})
        shown = panel.picture_html() + panel.sentence_html()
        digests.append(hashlib.sha256(shown.encode()).hexdigest()[:16])
    return digests
