"""Kernel time of one explorer update: from a control's new value to the new picture."""

import statistics
import time
from collections.abc import Callable, Iterator

from row import Row

GOAL = 2  # ms
UPDATES = 200


def update_times(change: Callable[[int], None], updates: int = UPDATES) -> list[float]:
    """Return the CPU time in ms of each of several updates; `change` gets their number.

    CPU time of this process, not the clock's: whatever else the computer does is left out.
    """
    for number in range(5):
        change(number)
    times = []
    for number in range(updates):
        begin = time.process_time_ns()
        change(number)
        times.append((time.process_time_ns() - begin) / 1e6)
    return times


def measure() -> Iterator[Row]:
    """Yield median and p95 of an update for each explorer, at first sizes and at the largest."""
    from course_utils.lessons.sparse_connectivity.explorer import (
        ReceptiveField,
        SparseConnectivity,
    )
    from course_utils.lessons.sparse_connectivity.field_figures import _at_rest

    arrows = SparseConnectivity()
    crowded = SparseConnectivity(n=12, kernel=1, padding=3, layer="fully connected")
    cone = ReceptiveField()
    tall = ReceptiveField(layers=5, kernel=5)

    def move(panel, name, *values):
        panel.widget()  # it is part of what an update costs

        def change(number):
            panel.move(**{name: values[number % len(values)]})

        return change

    def restack(number):
        _at_rest.cache_clear()  # every new stack is drawn afresh, as when its slider moves on
        cone.move(kernel=(3, 5)[number % 2])

    cases = [
        ("sparse connectivity, kernel slider", move(arrows, "kernel", 3, 5), GOAL, ""),
        ("sparse connectivity, unit slider", move(arrows, "unit", 1, 2), GOAL, ""),
        ("sparse connectivity, 216 arrows", move(crowded, "unit", 3, 9), None, "largest picture"),
        ("receptive field, kernel slider", restack, GOAL, "nothing kept from before"),
        ("receptive field, unit slider", move(cone, "unit", 5, 9), GOAL, ""),
        ("receptive field, 5 layers", move(tall, "unit", 5, 9), None, "largest picture"),
    ]
    for name, change, goal, note in cases:
        times = update_times(change)
        note = "; ".join(filter(None, (f"{UPDATES} updates, CPU time", note)))
        yield Row(f"{name}, median", statistics.median(times), "ms", goal, note)
        yield Row(f"{name}, p95", statistics.quantiles(times, n=20)[-1], "ms", None, note)
