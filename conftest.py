"""What every test run needs: clean state, honest notebook tests, and browser tests that say so.

- Quiz answers and other state of the person who runs the tests stay out: ``CNN_COURSE_STATE`` is a
  temporary directory, for the notebooks' kernels too.
- nbval passes a code cell that was never run, because it has nothing to compare; here it fails.
- A measured number, `97.9 ± 1.5`, agrees with a new value within its ± (tools/measured.py).
- Tests under ``tests/browser`` are skipped where no Chromium is found, and the summary says how to
  install one. With ``REQUIRE_BROWSER=1`` (as in ``.ci/run``) any skip among them is a failure.
"""

import os
import tempfile
from pathlib import Path

import pytest

from tools.measured import settled
from tools.slides.browser import find_chromium
from tools.surroundings import set_right

ROOT = Path(__file__).parent
BROWSER_TESTS = ROOT / "tests" / "browser"
INSTALL_BROWSER = (
    "install Chromium (Debian, Ubuntu: sudo apt-get install chromium; macOS: brew install --cask "
    "chromium) or name one with CHROMIUM=/path/to/chromium"
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser that the tests in tests/browser drive."""
    path = find_chromium()
    assert path, f"no Chromium found: {INSTALL_BROWSER}"
    return path


def browser_required() -> bool:
    """Say whether a browser test that does not run is a failure."""
    return os.environ.get("REQUIRE_BROWSER", "") not in ("", "0")


def is_browser_test(item: pytest.Item) -> bool:
    """Say whether an item stands under tests/browser or carries the marker."""
    return BROWSER_TESTS in item.path.parents or item.get_closest_marker("browser") is not None


def pytest_configure(config: pytest.Config) -> None:
    """Point the course's state at an empty directory, and nbval at its file of patterns."""
    set_right()
    if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker inherits the variable
        state = tempfile.TemporaryDirectory(prefix="cnn-course-state-")
        os.environ["CNN_COURSE_STATE"] = state.name
        config.add_cleanup(state.cleanup)
    if config.option.nbval and not config.option.nbval_sanitize_with:
        config.option.nbval_sanitize_with = str(ROOT / "tests" / "nbval_sanitize.cfg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the browser tests, so that `-m browser` and `-m "not browser"` select by folder.

    Files that take longest come first: two processes then end at about the same time.
    """
    for item in items:
        if is_browser_test(item):
            item.add_marker("browser")
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Return 0 for a browser test, 1 for a notebook's cell, 2 for any other test."""
    if is_browser_test(item):
        return 0
    return 1 if item.path.suffix == ".ipynb" else 2


def was_never_run(cell) -> bool:
    """Say whether a code cell has something to run, and no execution count to show that it ran."""
    return bool(cell.source.strip()) and cell.get("execution_count") is None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip browser tests where there is no browser."""
    if is_browser_test(item) and find_chromium() is None:
        pytest.skip(f"no Chromium found: {INSTALL_BROWSER}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Fail notebooks' cells that were never run; compare what others measured by its ±."""
    cell = getattr(item, "cell", None)
    if cell is None:
        return
    exactly = item.compare_outputs
    item.compare_outputs = lambda new, stored, *skip: exactly(settled(new, stored), stored, *skip)
    if was_never_run(cell):
        item.raise_cell_error(
            f"code cell {cell.get('id', item.name)!r} was never run, so there is nothing to "
            f"compare; run `make notebooks NB={item.path.stem}`"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Turn a skipped browser test into a failure where REQUIRE_BROWSER asks for it."""
    report = yield
    if report.skipped and is_browser_test(item) and browser_required():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_BROWSER is set, so this test may not be skipped. {reason}"
    return report


def pytest_terminal_summary(terminalreporter) -> None:
    """Say in one line that browser tests were skipped, and how to install what they need."""
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "browser" in r.keywords]
    if skipped:
        reasons = {r.longrepr[2].removeprefix("Skipped: ") for r in skipped}
        terminalreporter.write_line("")
        for reason in sorted(reasons):
            terminalreporter.write_line(
                f"{len(skipped)} browser tests were SKIPPED. {reason}", yellow=True, bold=True
            )
