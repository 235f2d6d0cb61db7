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

from bench_explorers import PANELS
from row import Row

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.slides import browser  # noqa: E402  (the repository is on the path only now)

CONFIG = ROOT / "tools" / "jupyter"  # the server's settings, as `make lab` has them
PRESSES = 40  # on a panel and, four by four in turn, on the bare slider above it
GOAL = 1.5  # times the 95th percentile of the bare slider
TOKEN = "bench"
# A slider that changes one line of text: what the browser, JupyterLab and ipywidgets take anyway.
BARE = """from IPython.display import display
from ipywidgets import HTML, IntSlider, VBox

def bare():
    slider, line = IntSlider(5, 0, 10), HTML('<div class="cnn-picture">5 inputs</div>')
    def show(change):
        line.value = f'<div class="cnn-picture">{change["new"]} inputs</div>'
    slider.observe(show, names="value")
    box = VBox([slider, line])
    box.add_class("cnn-explorer")
    display(box)"""
# The clock starts in the key's event and stops in the frame that shows the picture. The slider is
# the first with three positions, so that two presses to one side and two back all move it.
WATCH = """(number) => {
  const panel = document.querySelectorAll('.jupyter-widgets.cnn-explorer')[number];
  const value = (handle, name) => +handle.getAttribute('aria-' + name);
  const handle = [...panel.querySelectorAll('.noUi-handle')].find(
    (one) => value(one, 'valuemax') - value(one, 'valuemin') >= 2);
  const times = [];
  let since = null;
  handle.addEventListener('keydown', () => { since = performance.now(); }, true);
  new MutationObserver(() => {
    if (since === null) return;
    const begun = since;
    since = null;
    requestAnimationFrame(() => times.push(performance.now() - begun));
  }).observe(panel.querySelector('.cnn-picture').closest('.widget-html'),
    { childList: true, subtree: true, characterData: true });
  handle.scrollIntoView({ block: 'center' });
  (window.watched ??= {})[number] = { handle, times };
  return value(handle, 'valuenow') + 2 <= value(handle, 'valuemax')
    ? ['ArrowRight', 'ArrowLeft'] : ['ArrowLeft', 'ArrowRight'];
}"""
FOCUS = "(number) => window.watched[number].handle.focus({ preventScroll: true })"
TIMES = "(number) => window.watched[number].times"


def measure() -> Iterator[Row]:
    """Yield the 95th percentile of each panel and of the bare slider above it, in turn."""
    chromium = browser.find_chromium()
    if chromium is None:
        yield Row("slider to picture, p95", None, "ms", None, "no Chromium found")
        return
    note = f"{PRESSES} key presses, Chromium, {len(PANELS)} panels on the page"
    for panel, times, bare in _press(chromium):
        least = statistics.quantiles(bare, n=20)[-1]
        slow = statistics.quantiles(times, n=20)[-1]
        yield Row(f"slider to text, above {panel}, p95", least, "ms", None, note)
        yield Row(f"slider to picture, {panel}, median", statistics.median(times), "ms", None, note)
        yield Row(f"slider to picture, {panel}, p95", slow, "ms", round(GOAL * least, 1), note)


@contextlib.contextmanager
def _lab(folder: Path) -> Iterator[str]:
    from nbformat import v4, write

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    sources = [BARE] + [
        f"from course_utils.lessons.{room}.explorer import {panel}\nbare()\n{panel}()"
        for panel, room in PANELS.items()
    ]
    cells = [v4.new_code_cell(source) for source in sources]
    notebook = v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
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


def _press(chromium: str) -> Iterator[tuple[str, list[float], list[float]]]:
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
        page.wait_for_function(
            "(n) => document.querySelectorAll('.jupyter-widgets.cnn-explorer .cnn-picture').length"
            " === n",
            arg=2 * len(PANELS),
        )
        for place, panel in enumerate(PANELS):
            pair = {number: page.evaluate(WATCH, number) for number in (2 * place, 2 * place + 1)}
            for press in range(2 * PRESSES):
                number = 2 * place + press // 4 % 2
                page.evaluate(FOCUS, number)
                before = len(page.evaluate(TIMES, number))
                page.keyboard.press(pair[number][press % 4 // 2])
                page.wait_for_function(f"([n, k]) => ({TIMES})(n).length > k", arg=[number, before])
            yield panel, page.evaluate(TIMES, 2 * place + 1), page.evaluate(TIMES, 2 * place)
        running.close()
