"""A JupyterLab for each file of tests, on a copy of the notebooks, and pages that stay offline."""

import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from files import NOTEBOOKS, ROOT

from tools.slides import browser as slides_browser

playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
playwright_api.expect.set_options(timeout=20_000)  # milliseconds, as a page's: machines differ

RUN_TIMEOUT = 300_000  # milliseconds for all cells of a notebook, on a machine with other work

_SELECT = """(id) => {
  const book = jupyterapp.shell.currentWidget.content;
  book.activeCellIndex = id ? book.widgets.findIndex((cell) => cell.model.id === id) : 0;
  book.mode = 'command';
  book.activeCell.node.focus();
}"""
_RUN = "() => jupyterapp.commands.execute('notebook:run-cell')"
# Names every cell in the page by its id, which JupyterLab itself does not write there.
_NAME_CELLS = """() => {
  for (const cell of jupyterapp.shell.currentWidget.content.widgets) {
    cell.node.dataset.cell = cell.model.id;
  }
}"""
_KERNEL_IDLE = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.sessionContext?.isReady
    && panel.sessionContext.session?.kernel?.status === 'idle'
    && panel.content.widgets.length > 0;
}"""
# Settled when every cell has its reply *and* all that it shows: the two come on different ways.
_RUN_ALL = """() => {
  window.allRan = false;
  void jupyterapp.commands.execute('notebook:run-all-cells')
    .finally(() => { window.allRan = true; });
}"""
_ERRORS = """() => jupyterapp.shell.currentWidget.content.widgets
  .filter((c) => c.model.type === 'code')
  .flatMap((c) => c.model.outputs.toJSON()
    .filter((o) => o.output_type === 'error' || o.name === 'stderr')
    .map((o) => `${c.model.id}: ${o.evalue ?? o.text}`))"""


def is_local(url: str) -> bool:
    """Say whether a request stays on this machine."""
    parts = urlsplit(url)
    here = parts.hostname in ("127.0.0.1", "localhost")
    return here or parts.scheme in ("file", "data", "blob", "about")


@pytest.fixture(scope="session")
def chrome(chromium):
    """A headless Chromium for the whole session."""
    with playwright_api.sync_playwright() as playwright:
        flags = list(slides_browser.FLAGS)
        running = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield running
        running.close()


@contextmanager
def guarded_page(chrome):
    """A page of 1280 x 720 in a context of its own; a request that leaves the machine fails."""
    context = chrome.new_context(viewport=slides_browser.SCREEN)
    strangers: list[str] = []

    def guard(route):
        if is_local(route.request.url):
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    tab = context.new_page()
    tab.on("websocket", lambda one: None if is_local(one.url) else strangers.append(one.url))
    tab.set_default_timeout(20_000)
    try:
        yield tab
    finally:
        context.close()
    assert not strangers, f"requests left the machine: {strangers}"


@pytest.fixture(scope="session")
def new_page(chrome):
    """Call it in a `with`: a page that stays on this machine, for as long as the block lasts."""
    return partial(guarded_page, chrome)


@pytest.fixture
def page(chrome):
    """A page that stays on this machine, for one test."""
    with guarded_page(chrome) as tab:
        yield tab


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep a picture of the page of a failed test, and say where it is."""
    report = yield
    arguments = getattr(item, "funcargs", {})
    tab = arguments.get("page") or getattr(arguments.get("lab"), "page", None)
    if report.when == "call" and report.failed and tab is not None:
        folder = item.config._tmp_path_factory.mktemp("screenshots", numbered=True)
        picture = folder / (re.sub(r"\W+", "-", item.name) + ".png")
        try:
            tab.screenshot(path=str(picture))
        except playwright_api.Error as error:  # a page that crashed
            picture = f"none: {error}"
        report.sections.append(("Screenshot", str(picture)))
    return report


@pytest.fixture(scope="module")
def lab_server(tmp_path_factory, start_lab):
    """Address and token of a JupyterLab on a copy of the course, and the copy's notebooks.

    For one module: what its tests answered and saved is no other's.
    """
    course = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "tools" / "jupyter", course / "tools" / "jupyter")
    tools = (ROOT / "tools").glob("*.py")
    for path in (*tools, ROOT / "tests" / "nbval_sanitize.cfg", *NOTEBOOKS):
        (course / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        shutil.copy(path, course / path.relative_to(ROOT))
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for step in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "the course"]):
        subprocess.run(["git", "-C", course, *who, *step], check=True)
    own = tmp_path_factory.mktemp("jupyter")
    names = ["CNN_COURSE_STATE", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"]
    names += ["JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"]
    environment = {**os.environ, **{name: str(own / name) for name in names}}
    environment["OMP_NUM_THREADS"] = "1"
    options = "--ServerApp.ip=127.0.0.1", "--LabApp.expose_app_in_browser=True"
    with start_lab(course, environment, *options) as (_, base, token):
        yield f"{base}/lab", token, course / "notebooks"


class Lab:
    """A notebook open in JupyterLab, as a person with a browser has it before them."""

    def __init__(self, page, url: str, token: str, folder: Path):
        self.page, self.url, self.token, self.folder, self.name = page, url, token, folder, ""

    def open(self, name: str) -> None:
        """Open a notebook in a fresh layout and wait for its kernel."""
        self.page.goto(f"{self.url}/tree/notebooks/{name}?token={self.token}&reset")
        self.page.wait_for_function(_KERNEL_IDLE, timeout=60_000)
        self.name_cells()
        self.name = name

    def name_cells(self) -> None:
        """Write the id of every cell into the page, for `cell`."""
        self.page.evaluate(_NAME_CELLS)

    def select(self, cell_id: str = "") -> None:
        """Make a cell the active one, in command mode: the first where no id is given."""
        self.page.evaluate(_SELECT, cell_id)

    def run(self, *cell_ids: str) -> None:
        """Run cells one after the other."""
        for cell_id in cell_ids:
            self.select(cell_id)
            self.page.evaluate(_RUN)

    def run_all(self) -> None:
        """Run All Cells, and wait until the last cell is done."""
        self.page.evaluate(_RUN_ALL)
        self.page.wait_for_function("() => window.allRan", timeout=RUN_TIMEOUT)

    def count(self) -> int:
        """Return the number of cells."""
        return self.page.evaluate("() => jupyterapp.shell.currentWidget.content.widgets.length")

    def save(self) -> bytes:
        """Save the notebook, make sure that it was written, and return what its file holds now."""
        file = self.folder / self.name
        before = file.stat().st_mtime_ns
        self.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
        assert file.stat().st_mtime_ns != before, "nothing was saved"
        return file.read_bytes()

    def restart(self) -> None:
        """Restart the kernel; outputs stay."""
        self.page.evaluate(
            "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )
        self.page.wait_for_function(_KERNEL_IDLE, timeout=60_000)

    def errors(self) -> list[str]:
        """Return the errors and warnings among the outputs, each with its cell."""
        return self.page.evaluate(_ERRORS)

    def cell(self, cell_id: str):
        """Return the locator of a cell."""
        return self.page.locator(f'.jp-Cell[data-cell="{cell_id}"]')

    def present(self, cell_id: str = "") -> None:
        """Present from a cell, with the button in the toolbar."""
        self.select(cell_id)
        self.page.locator('[data-command="deck:toggle"]').first.click()
        self.page.wait_for_function(
            "() => document.querySelectorAll('.jp-Deck .jp-deck-mod-onscreen').length > 0"
        )

    def stop_presenting(self) -> None:
        """Leave the deck, if one is shown, and wait until the extension has stored that."""
        if self.page.evaluate("() => document.body.dataset.jpDeckMode === 'presenting'"):
            with self.page.expect_response(
                lambda answer: "jupyterlab-slideshow" in answer.url and answer.ok
            ):
                self.page.evaluate("() => { void jupyterapp.commands.execute('deck:stop'); }")


@pytest.fixture(scope="module")
def lab(chrome, lab_server):
    """JupyterLab in one page for a module's tests; open a notebook with `lab.open(name)`."""
    with guarded_page(chrome) as tab:
        yield Lab(tab, *lab_server)


@pytest.fixture
def ran(lab):
    """Call with a notebook's name: it stands open in `lab`, every cell run, no deck shown."""

    def opened(name: str) -> Lab:
        if lab.name != name:
            lab.open(name)
            lab.run_all()
        return lab

    yield opened
    lab.stop_presenting()
