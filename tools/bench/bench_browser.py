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
SLOWER = {"VanishingGradients": 100}  # draws the gradients of 50 layers; the goal of a plot
PANELS = {  # class -> (module, how to make one); each stands on a page with all the others
    "SparseConnectivity": ("sparse_connectivity", "SparseConnectivity()"),
    "ReceptiveField": ("receptive_field", "ReceptiveField()"),
    "ParameterSharing": ("parameter_sharing", "ParameterSharing()"),
    "Equivariance": ("equivariance", "Equivariance()"),
    "PoolingStrip": ("pooling_invariance", "PoolingStrip()"),
    "ConvolutionalLayer": ("convolutional_layer", "ConvolutionalLayer()"),
    "InputResolution": ("input_resolution", "InputResolution()"),
    "VanishingGradients": ("vanishing_gradients", "VanishingGradients()"),
    "KernelStack": ("vgg", "KernelStack()"),
    "InceptionExplorer": ("inception", "InceptionExplorer()"),
    "ShortcutExplorer": ("resnet", 'ShortcutExplorer(shortcut="B", blocks=10)'),
}

# The clock starts in the key's event and stops in the frame that shows the picture. The slider is
# the first with three positions, so that two presses to one side and two back all move it.
WATCH = """(number) => {
  window.times = [];
  const panel = document.querySelectorAll('.jupyter-widgets.cnn-explorer')[number];
  const value = (handle, name) => +handle.getAttribute('aria-' + name);
  const handle = [...panel.querySelectorAll('.noUi-handle')].find(
    (one) => value(one, 'valuemax') - value(one, 'valuemin') >= 2);
  handle.addEventListener('keydown', () => { window.since = performance.now(); }, true);
  new MutationObserver(() => {
    const since = window.since;
    if (since === null) return;
    window.since = null;
    const done = () => window.times.push(performance.now() - since);
    requestAnimationFrame(done);
  }).observe(panel.children[1], { childList: true, subtree: true, characterData: true });
  handle.scrollIntoView({ block: 'center' });
  handle.focus();
  return value(handle, 'valuenow') + 2 <= value(handle, 'valuemax')
    ? ['ArrowRight', 'ArrowLeft'] : ['ArrowLeft', 'ArrowRight'];
}"""


def measure() -> Iterator[Row]:
    """Yield median and 95th percentile over PRESSES key presses on a slider of each panel."""
    chromium = browser.find_chromium()
    if chromium is None:
        yield Row("slider to picture, p95", None, "ms", GOAL, "no Chromium found")
        return
    for panel, times in _press(chromium):
        note = f"{len(times)} key presses, Chromium, {len(PANELS)} panels on the page"
        median, slow = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        yield Row(f"slider to picture, {panel}, median", median, "ms", None, note)
        yield Row(f"slider to picture, {panel}, p95", slow, "ms", SLOWER.get(panel, GOAL), note)


@contextlib.contextmanager
def _lab(folder: Path) -> Iterator[str]:
    from nbformat import v4, write

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [
        v4.new_code_cell(f"from course_utils.explorers.{module} import {panel}\n{made}")
        for panel, (module, made) in PANELS.items()
    ]
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


def _press(chromium: str) -> Iterator[tuple[str, list[float]]]:
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
            arg=len(PANELS),
        )
        for number, panel in enumerate(PANELS):
            there, back = page.evaluate(WATCH, number)
            for press in range(PRESSES):
                page.keyboard.press(there if press % 4 < 2 else back)
                page.wait_for_function("(n) => window.times.length === n", arg=press + 1)
            yield panel, page.evaluate("() => window.times")
        running.close()
