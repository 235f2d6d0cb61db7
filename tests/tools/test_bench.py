"""The table of `make bench`: entries are found, goals are judged, misses are reported."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "tools" / "bench"

ENTRY = """
from row import Row

def measure():
    yield Row("quick thing", 1.5, "ms", 20, "median of 3")
    yield Row("slow thing", {slow}, "ms", 20)
    yield Row("for information", 0.25, "s")
    yield Row("absent thing", None, "ms", 50, "no browser here")
"""


@pytest.fixture
def bench(tmp_path):
    """A copy of the runner with one made entry; call it with the slow thing's time and words."""
    for name in ("__main__.py", "row.py"):
        (tmp_path / name).write_text((BENCH / name).read_text(encoding="utf-8"), encoding="utf-8")

    def run(slow: float, *words: str) -> subprocess.CompletedProcess:
        (tmp_path / "bench_made.py").write_text(ENTRY.format(slow=slow))
        command = [sys.executable, str(tmp_path), *words]
        return subprocess.run(command, capture_output=True, text=True)

    return run


def test_goals_met(bench):
    done = bench(19)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[2].split() == [
        "quick",
        "thing",
        "1.5",
        "ms",
        "<=",
        "20",
        "ms",
        "met",
        "median",
        "of",
        "3",
    ]
    assert lines[4].split() == ["for", "information", "0.25", "s"]
    assert "not run" in lines[5] and "no browser here" in lines[5]
    assert "MISSED" not in done.stdout


def test_goal_missed(bench):
    done = bench(20.5)
    assert done.returncode == 1
    (missed,) = [line for line in done.stdout.splitlines() if "MISSED" in line]
    assert missed.startswith("slow thing")


def test_choice_of_entries(bench):
    assert bench(1, "made").returncode == 0
    done = bench(1, "nothing-like-it")
    assert done.returncode == 2
    assert "entry must be one of: made; got 'nothing-like-it'" in done.stderr


def test_columns_are_aligned(bench):
    lines = bench(1).stdout.splitlines()
    column = lines[0].index("note")
    assert lines[2][column:] == "median of 3"
    assert lines[5][column:] == "no browser here"
