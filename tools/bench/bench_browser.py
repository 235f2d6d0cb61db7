"""From a key press on a slider to the new picture on the screen, in Chromium and JupyterLab."""

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from row import Row

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.slides import browser  # noqa: E402  (the repository is on the path only now)

CONFIG = ROOT / "tools" / "jupyter"  # the server's settings, as `make lab` has them
PRESSES = 40
GOAL = 50  # ms, 95th percentile
TOKEN = "bench"
SOURCE = (
    "from course_utils.explorers.sparse_connectivity import SparseConnectivity\n"
    "SparseConnectivity()"
)

# The clock starts in the key's event and stops in the frame that shows the picture.
WATCH = """() => {
  window.times = [];
  const handle = document.querySelector('.noUi-handle');
  const picture = document.querySelector('.cnn-picture').closest('.jupyter-widgets.cnn-explorer');
  handle.addEventListener('keydown', () => { window.since = performance.now(); }, true);
  new MutationObserver(() => {
    const since = window.since;
    if (since === null) return;
    window.since = null;
    const done = () => window.times.push(performance.now() - since);
    requestAnimationFrame(done);
  }).observe(picture.children[1], { childList: true, subtree: true, characterData: true });
  handle.focus();
}"""


def measure() -> Iterator[Row]:
    """Yield median and 95th percentile over PRESSES key presses."""
    names = ("slider to picture, median", "slider to picture, p95")
    goals = (None, GOAL)
    chromium = browser.find_chromium()
    if chromium is None:
        for name, goal in zip(names, goals, strict=True):
            yield Row(name, None, "ms", goal, "no Chromium found")
        return
    times = _press(chromium)
    note = f"{len(times)} key presses, Chromium, edge diagram"
    yield Row(names[0], statistics.median(times), "ms", None, note)
    yield Row(names[1], statistics.quantiles(times, n=20)[-1], "ms", GOAL, note)


@contextlib.contextmanager
def _lab(folder: Path) -> Iterator[str]:
    from nbformat import v4, write

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = v4.new_notebook(cells=[v4.new_code_cell(SOURCE)], metadata={"kernelspec": kernel})
    write(notebook, folder / "bench.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        name: str(folder / name.lower())
        for name in ("CNN_COURSE_STATE", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR",
                     "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}",
        "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    server = subprocess.Popen(
        command, env={**os.environ, **own, "JUPYTER_CONFIG_PATH": str(CONFIG)}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        for line in server.stderr:
            if "is running at" in line:
                break
        else:
            raise RuntimeError("JupyterLab did not start")
        yield f"http://127.0.0.1:{port}/lab/tree/bench.ipynb?token={TOKEN}&reset"
    finally:
        server.terminate()
        server.communicate(timeout=20)


def _press(chromium: str) -> list[float]:
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as folder,
        _lab(Path(folder)) as url,
        sync_playwright() as playwright,
    ):
        running = playwright.chromium.launch(executable_path=chromium, args=list(browser.FLAGS))
        page = running.new_page(viewport=browser.SCREEN)
        page.goto(url)
        page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
            " === 'idle'"
        )
        page.evaluate("() => { void jupyterapp.commands.execute('notebook:run-all-cells'); }")
        page.locator(".jupyter-widgets.cnn-explorer .noUi-handle").first.wait_for()
        page.locator(".jupyter-widgets.cnn-explorer .cnn-picture").wait_for()
        page.evaluate(WATCH)
        for press in range(PRESSES):
            page.keyboard.press("ArrowRight" if press % 4 < 2 else "ArrowLeft")
            page.wait_for_function("(n) => window.times.length === n", arg=press + 1)
        times = page.evaluate("() => window.times")
        running.close()
    return times
