"""Run the lessons as other processors would, and print a table of what held.

Each row is one set of instructions and a number of threads; the notebooks' outputs are compared
with the stored ones, and the slow tests, which hold the lessons' claims for other seeds, run under
two of the sets. `make portable` runs all rows; with names (`sse4`) only those, without slow tests.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What PyTorch's own kernels, oneDNN and MKL may use; an older processor has no more than that.
SSE4 = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
}
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
INSTRUCTIONS = {"native": {}, "avx2": AVX2, "sse4": SSE4}
SLOW = ("native", "sse4")
NOTEBOOKS = ["-n", "2", "--dist", "loadfile", "notebooks"]
SLOW_TESTS = ["-n", "2", "-m", "slow", "tests"]
TALLY = re.compile(r"\b(\d+) (passed|failed|errors?)\b")


def rows(names: list[str]) -> list[tuple[str, str, str, list[str]]]:
    """Return (what, set, number of threads, arguments of pytest) of each run."""
    found = [
        (f"notebooks, {n} thread{'s' * (n > '1')}", name, n, NOTEBOOKS)
        for name in names or INSTRUCTIONS
        for n in (("1",) if names else ("1", "2"))
    ]
    return found if names else found + [("slow tests", name, "1", SLOW_TESTS) for name in SLOW]


def main(arguments: list[str] | None = None) -> int:
    """Run the rows and print the table; return 1 if anything failed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", help=f"of {', '.join(INSTRUCTIONS)}; all when left out")
    names = parser.parse_args(arguments).sets
    if unknown := [name for name in names if name not in INSTRUCTIONS]:
        parser.error(f"sets must be of {', '.join(INSTRUCTIONS)}, got {unknown[0]!r}")
    table, failed = [], False
    for what, name, threads, options in rows(names):
        started = time.perf_counter()
        limits = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--quiet", *options], cwd=ROOT,
            env={**os.environ, **INSTRUCTIONS[name], **limits}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        minutes = (time.perf_counter() - started) / 60
        tally = {word.rstrip("s"): n for n, word in TALLY.findall(done.stdout[-300:])}
        if done.returncode:
            failed = True
            print(done.stdout)
        counts = [tally.get(word, "0") for word in ("passed", "failed", "error")]
        table.append([what, name, *counts, f"{minutes:.1f}"])
        print(*table[-1], flush=True)
    print(f"\n{'what':24} {'processor':10} {'passed':>7} {'failed':>7} {'errors':>7} {'min':>6}")
    for what, name, *numbers in table:
        print(f"{what:24} {name:10} " + " ".join(f"{n:>7}" for n in numbers))
    total = sum(int(row[2]) for row in table), sum(int(row[3]) + int(row[4]) for row in table)
    print(f"\n{total[0]} passed, {total[1]} failed")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
