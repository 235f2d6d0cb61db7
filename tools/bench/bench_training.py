"""What `fit` costs beyond the bare loop: the same steps on the same batches, in one process."""

import statistics
import time
from collections.abc import Callable, Iterator

from row import Row

GOAL = 1.05
PAIRS = 15


def paired(first: Callable[[], None], second: Callable[[], None], pairs: int = PAIRS) -> float:
    """Return how many times as long the first takes as the second, in CPU time: the median pair.

    The two run one after the other, in turns first and second, so that whatever else the computer
    does touches both alike.
    """

    def seconds(work):
        begin = time.process_time()
        work()
        return time.process_time() - begin

    first(), second()  # the first run of each finds nothing warm
    ratios = []
    for number in range(pairs):
        if number % 2:
            b, a = seconds(second), seconds(first)
        else:
            a, b = seconds(first), seconds(second)
        ratios.append(a / b)
    return statistics.median(ratios)


def measure() -> Iterator[Row]:
    """Yield the ratio for a network of the course's usual size, for a tiny one, and live."""
    import torch
    from torch import nn

    from course_utils.datasets import digits
    from course_utils.models import CifarResNet, LeNet5
    from course_utils.training import fit

    def bare(model, data):
        images, labels = data
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        for batch in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def ratio(model, data, **options):
        model.train()
        return paired(
            lambda: fit(model, data, epochs=1, lr=1e-3, **options), lambda: bare(model, data)
        )

    large, _ = digits(32)
    small, _ = digits(8)
    tiny = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    note = f"median of {PAIRS} pairs, CPU time, an epoch of 1,347 digits"
    yield Row("fit against the bare loop, LeNet-5", ratio(LeNet5("modern"), large), "x", GOAL, note)
    shown = ratio(LeNet5("modern"), large, live=True)
    yield Row("fit with its live view, LeNet-5", shown, "x", GOAL, f"{note}, no browser")
    yield Row("fit, a tiny dense network", ratio(tiny, small), "x", None, f"{note}; 0.2 ms a step")
    deep = CifarResNet(56, in_channels=1, widths=(8, 16, 32))
    few = (small[0][:300], small[1][:300])  # five steps: an epoch of 56 layers takes its time
    note = f"median of {PAIRS} pairs, CPU time, 300 digits"
    yield Row("fit against the bare loop, ResNet-56", ratio(deep, few), "x", GOAL, note)
