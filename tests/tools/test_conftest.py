"""The hooks of conftest.py and the sanitise file, tried on made notebooks and browser tests.

Each test runs pytest on a made folder, with the project's settings and hooks.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]
BROWSER_TEST = """
import pytest

@pytest.mark.browser
def test_in_browser(chromium):
    assert chromium

@pytest.mark.browser
def test_that_skips():
    pytest.skip("axe-core is missing: npm install")
"""


@pytest.fixture
def run(tmp_path):
    """Run pytest on the made folder; return the exit code and the output."""

    def pytest_run(*arguments: str, **environment: str) -> tuple[int, str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("REQUIRE_BROWSER", "CI")}
        kept = {k: v for k, v in kept.items() if not k.startswith("PYTEST_")}
        kept |= {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", **environment}
        command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider"]
        command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "--color=no"]
        done = subprocess.run(
            [*command, *arguments, str(tmp_path)], env=kept, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr

    return pytest_run


def stream(text: str):
    return new_output("stream", name="stdout", text=text)


@pytest.fixture
def notebook(tmp_path):
    """Write a notebook of (source, execution count, outputs) triples."""

    def made(*cells):
        nb = new_notebook()
        for i, (source, count, outputs) in enumerate(cells):
            one = new_code_cell(source, id=f"cell-{i}", execution_count=count, outputs=outputs)
            nb.cells.append(one)
        nbformat.write(nb, tmp_path / "07_made.ipynb")

    return made


def outcomes(output: str) -> list[str]:
    """What became of each cell, as `pytest -rA` lists it."""
    found = re.findall(r"(PASSED|FAILED) \S*07_made\.ipynb::Cell (\d+)", output)
    return [outcome for outcome, _ in sorted(found, key=lambda pair: int(pair[1]))]


def test_a_cell_passes_only_if_it_was_run_and_agrees(run, notebook):
    notebook(
        ("print(6 * 7)", 1, [stream("42\n")]),
        ("x = 1", 2, []),
        ("", None, []),
        ("print(6 * 7)", 3, [stream("43\n")]),
        ("print(6 * 8)", None, []),
    )
    code, output = run("-rA")
    assert code == 1 and outcomes(output) == ["PASSED"] * 3 + ["FAILED"] * 2
    assert "Cell outputs differ" in output
    assert "code cell 'cell-4' was never run" in output
    assert "make notebooks NB=07_made" in output


def test_nbval_alone_would_pass_it(run, notebook):
    """The reason for the hook: if nbval learns this itself one day, the hook can go."""
    notebook(("6 * 7", None, []))
    code, output = run("-p", "no:conftest")
    assert code == 0 and "1 passed" in output


def test_what_depends_on_the_computer_is_masked_and_nothing_else(run, notebook):
    picture = '<img alt="{}" src="data:image/png;base64,{}">'
    pairs = [
        ("OK  numpy >=2.0 (found 2.4.6)", "OK  numpy >=2.0 (found 2.0.1)", "PASSED"),
        (picture.format(13, "iVBORw0+/="), picture.format(13, "AAAA"), "PASSED"),
        (f"model {'0123456789abcdef' * 2}", f"model {'fedcba9876543210' * 2}", "PASSED"),
        ("right: 97.9 ± 1.5 %", "right: 98.8 ± 1.5 %", "PASSED"),
        ("OK  numpy >=2.0 (found 2.4.6)", "TO DO  numpy >=2.0 (found 1.0)", "FAILED"),
        (picture.format(13, "AA"), picture.format(14, "AA"), "FAILED"),
        ("13 arrows (found by counting) of 25", "13 arrows (found by counting) of 24", "FAILED"),
        ("deadbeef", "beefdead", "FAILED"),
        ("right: 97.9 ± 1.5 %", "right: 95.8 ± 1.5 %", "FAILED"),
        ("right: 97.9 %", "right: 98.0 %", "FAILED"),
    ]
    notebook(*((f"print({new!r})", 1, [stream(f"{stored}\n")]) for stored, new, _ in pairs))
    assert outcomes(run("-rA")[1]) == [outcome for _, _, outcome in pairs]


def test_kernels_get_a_state_directory_of_their_own(run, notebook):
    source = "import os; print('cnn-course-state-' in os.environ['CNN_COURSE_STATE'])"
    notebook((source, 1, [stream("True\n")]))
    code, output = run(CNN_COURSE_STATE="/mine")
    assert code == 0, output


def test_slow_tests_are_left_out_unless_asked_for(run, tmp_path):
    (tmp_path / "test_made.py").write_text(
        "import pytest\n@pytest.mark.slow\ndef test_long(): pass\ndef test_short(): pass\n"
    )
    assert "1 passed, 1 deselected" in run()[1]
    assert "1 passed, 1 deselected" in run("-m", "slow")[1]


@pytest.mark.parametrize("words", [["--quiet"], ["-n", "2", "--dist", "loadfile"]])
def test_without_a_browser_its_tests_are_skipped_aloud(run, notebook, tmp_path, words):
    (tmp_path / "test_made.py").write_text(BROWSER_TEST)
    notebook(("6 * 7", None, []))
    code, output = run(*words, CHROMIUM="no-such-browser")
    assert code == 1 and "1 failed, 2 skipped" in output and "was never run" in output
    (line,) = [line for line in output.splitlines() if "SKIPPED" in line]
    assert "2 browser tests were SKIPPED" in line
    assert "apt-get install chromium" in line and "CHROMIUM=" in line


def test_where_a_browser_is_required_any_skip_of_its_tests_fails(run, tmp_path):
    (tmp_path / "test_made.py").write_text(BROWSER_TEST)
    code, output = run(CHROMIUM="no-such-browser", REQUIRE_BROWSER="1")
    assert code == 1 and "2 errors" in output and "REQUIRE_BROWSER is set" in output
    code, output = run(CHROMIUM=sys.executable, REQUIRE_BROWSER="1")  # any program will do
    assert code == 1 and "1 failed, 1 passed" in output and "axe-core is missing" in output
    assert "1 passed, 1 skipped" in run(CHROMIUM=sys.executable)[1]
