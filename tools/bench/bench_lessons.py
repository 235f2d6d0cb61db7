"""How long the experiments of the lessons take: the notebooks' own cells, one after the other."""

import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from row import Row

ROOT = Path(__file__).resolve().parents[2]
DEGRADATION = ("train-plain-20", "train-plain-56", "train-resnet-20", "train-resnet-56")


def measure() -> Iterator[Row]:
    """Yield the time LeNet-5 needs to read 97 % of new digits, and that of the four deep nets."""
    sys.path.insert(0, str(ROOT / "tests" / "lessons"))
    from cells import run_cells

    def seconds(slug: str, ids: list[str]) -> float:
        begin = time.perf_counter()
        with redirect_stdout(StringIO()):  # what the cells print is not the result here
            run_cells(slug, ids)
        return time.perf_counter() - begin

    setup = seconds("07_lenet5", ["setup"])
    trained = seconds("07_lenet5", ["setup", "train-modern"])
    note = "notebook 07's cells, imports taken off; its output says that 97 % were reached"
    yield Row("LeNet-5 (modern) to 97 % of unseen digits", trained - setup, "s", 15, note)

    setup = seconds("11_resnet", ["setup", "learn"])
    four = seconds("11_resnet", ["setup", "learn", *DEGRADATION])
    note = "notebook 11's cells: plain-20, plain-56, ResNet-20, ResNet-56"
    yield Row("degradation, four trainings", four - setup, "s", 60, note)
