"""Every instruction set and number of threads has its row, and a failure is in the table."""

import subprocess

import pytest

from tools import portable


def test_rows_are_all_sets_with_one_and_two_threads_and_two_runs_of_the_slow_tests():
    seen = [(what, name) for what, name, _, _ in portable.rows([])]
    assert len(set(seen)) == len(seen) == 3 * 2 + 2
    (row,) = portable.rows(["sse4"])
    assert row[2]["ATEN_CPU_CAPABILITY"] == "default" and row[2]["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(
    ("output", "code", "line"),
    [("340 passed in 9.1s", 0, "340 passed, 0 failed"),
     ("2 failed, 338 passed in 9.1s", 1, "338 passed, 2 failed")],
)  # fmt: skip
def test_the_table_adds_up(monkeypatch, capsys, output, code, line):
    done = subprocess.CompletedProcess([], code, stdout=output)
    monkeypatch.setattr(portable.subprocess, "run", lambda *_, **__: done)
    assert portable.main(["avx2", "sse4"]) == code
    shown = capsys.readouterr().out
    doubled = " ".join(str(2 * int(w)) if w.isdigit() else w for w in line.split())
    assert doubled in shown and shown.count("avx2") == 2
    with pytest.raises(SystemExit):
        portable.main(["486"])
