"""Kernel time of one update of each panel: from a control's new value to the new picture."""

import random
import statistics
import time
from collections.abc import Iterator
from importlib import import_module

from row import Row

GOAL = 2  # ms
UPDATES = 200
PANELS = {  # class -> room; those that need nothing but themselves
    "SparseConnectivity": "sparse_connectivity",
    "ReceptiveField": "sparse_connectivity",
    "ParameterSharing": "parameter_sharing",
    "Equivariance": "equivariance",
    "PoolingStrip": "pooling_invariance",
    "ConvolutionalLayer": "convolutional_layer",
    "InputResolution": "convolutional_layer",
    "VanishingGradients": "vanishing_gradients",
    "FirstConvolution": "alexnet",
    "KernelStack": "vgg",
    "InceptionExplorer": "inception",
    "ShortcutExplorer": "resnet",
}


def update_times(panel) -> list[float]:
    """Return the CPU time in ms of each of UPDATES moves of one control, any value it has.

    CPU time of this process, not the clock's: whatever else the computer does is left out.
    """
    from course_utils.explorer import Choice, Slider

    panel.widget()  # what it takes to tell the browser is part of an update
    values = {
        one.name: range(one.smallest, one.largest + 1, one.step)
        if isinstance(one, Slider)
        else list(one.options.values())
        for one in panel.controls
        if isinstance(one, Slider | Choice)
    }
    rng, times = random.Random(0), []
    while len(times) < UPDATES:
        name = rng.choice(list(values))
        drawn, begin = panel.redraws, time.process_time_ns()
        panel.move(**{name: rng.choice(values[name])})
        took = (time.process_time_ns() - begin) / 1e6
        if panel.redraws > drawn:
            times.append(took)
    return times


def measure() -> Iterator[Row]:
    """Yield median and 95th percentile of an update for each panel, from state to state."""
    note = f"{UPDATES} updates, CPU time"
    for panel, room in PANELS.items():
        made = getattr(import_module(f"course_utils.lessons.{room}.explorer"), panel)
        times = update_times(made())
        yield Row(f"kernel, {panel}, median", statistics.median(times), "ms", GOAL, note)
        slow = statistics.quantiles(times, n=20)[-1]
        yield Row(f"kernel, {panel}, p95", slow, "ms", None, note)
