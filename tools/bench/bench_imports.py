"""How long importing the course takes, in fresh interpreters, beyond Python's own start."""

import subprocess
import sys
import time
from collections.abc import Iterator

from row import Row

REPEATS = 21
GOAL = 20  # ms

MODULES = ("course_utils", "course_utils.geometry", "course_utils.drawing.style")
HEAVY = ("datasets", "ops", "drawing.svg", "quiz", "exercises", "explorer")


def start(code: str) -> float:
    """Return the wall time in ms of one fresh interpreter that runs ``code``."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return (time.perf_counter() - begin) * 1000


def beyond_start(module: str, repeats: int = REPEATS) -> float:
    """Return the time in ms that ``import module`` adds to a bare interpreter's start.

    The best of several runs of each: whatever else the computer does only ever adds time. Bare and
    importing runs alternate, so that a busy minute touches both alike.
    """
    start(f"import {module}")  # fills the file cache and writes the byte code
    pairs = [(start(f"import {module}"), start("pass")) for _ in range(repeats)]
    importing, bare = (min(times) for times in zip(*pairs, strict=True))
    return importing - bare


def measure() -> Iterator[Row]:
    """Yield a row for the course's light modules, with the goal, and for the heavier ones."""
    note = f"best of {REPEATS}, beyond a bare interpreter"
    for module in MODULES:
        yield Row(f"import {module}", beyond_start(module), "ms", GOAL, note)
    for module in HEAVY:
        name = f"course_utils.{module}"
        yield Row(f"import {name}", beyond_start(name, 5), "ms", None, "best of 5, no goal")
