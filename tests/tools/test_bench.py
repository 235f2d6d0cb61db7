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


@pytest.mark.parametrize(("slow", "judged"), [(20, "met"), (20.5, "MISSED")])
def test_the_table_says_which_goals_are_met(bench, slow, judged):
    done = bench(slow, "made")
    assert done.returncode == (judged == "MISSED")
    head, _, *rows = done.stdout.splitlines()
    assert [" ".join(row.split()) for row in rows] == [
        "quick thing 1.5 ms <= 20 ms met median of 3",
        f"slow thing {slow} ms <= 20 ms {judged}",
        "for information 0.25 s",
        "absent thing not run <= 50 ms no browser here",
    ]
    notes = [row[head.index("note") :] for row in rows]
    assert notes == ["median of 3", "", "", "no browser here"]


def test_an_unknown_entry_is_named_with_those_that_exist(bench):
    done = bench(1, "nothing-like-it")
    assert done.returncode == 2
    assert "entry must be one of: made; got 'nothing-like-it'" in done.stderr
