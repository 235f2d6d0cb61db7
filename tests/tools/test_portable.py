"""Every instruction set and number of threads has its row, and a failure is in the table."""

import subprocess

import pytest

from tools import portable


def test_rows_are_all_sets_with_one_and_two_threads_and_two_runs_of_the_slow_tests():
    seen = [(what, name) for what, name, _, _ in portable.rows([])]
    assert len(set(seen)) == len(seen) == 3 * 2 + 2


@pytest.mark.parametrize(
    ("output", "code", "line"),
    [("340 passed in 9.1s", 0, "680 passed, 0 failed"),
     ("2 failed, 338 passed in 9.1s", 1, "676 passed, 4 failed"),
     ("1 error in 9.1s", 1, "0 passed, 2 failed")],
)  # fmt: skip
def test_the_table_adds_up(monkeypatch, capsys, output, code, line):
    seen = []

    def run(command, *, env, **others):
        seen.append((env["ATEN_CPU_CAPABILITY"], env["OMP_NUM_THREADS"], env["MKL_NUM_THREADS"]))
        return subprocess.CompletedProcess(command, code, stdout=output)

    monkeypatch.setattr(portable.subprocess, "run", run)
    assert portable.main(["avx2", "sse4"]) == code
    assert seen == [("avx2", "1", "1"), ("default", "1", "1")]
    shown = capsys.readouterr().out
    assert line in shown and shown.count("avx2") == 2
    with pytest.raises(SystemExit):
        portable.main(["486"])
