"""Open the course in JupyterLab: `make lab`, or `python tools/lab.py` in a conda environment.

JupyterLab starts at notebooks/00_start_here.ipynb with the course's stylesheet, without its news
banner and without asking the network for anything. Your own JupyterLab settings stay in force;
only what the course needs is set beside them (tools/jupyter, and tools/saving.py: running a lesson
without changing its code leaves its file as it was). Arguments are handed on to JupyterLab:
`python tools/lab.py --no-browser --port=9999`. With `--lecture` (`make lecture`) no question shows
what was answered or revealed at a rehearsal, and what the class answers is not kept.
"""

import atexit
import os
import shutil
import sqlite3
import sys
import tempfile
import webbrowser
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.saving import keep_what_agrees, parsed  # noqa: E402  (on the path only now)
from tools.surroundings import set_right  # noqa: E402

NOTEBOOKS = ROOT / "notebooks"
CONFIG = ROOT / "tools" / "jupyter"
START = "notebooks/00_start_here.ipynb"
LECTURE = "--lecture"


def settings_path(environment: dict[str, str], variable: str = "JUPYTER_CONFIG_PATH") -> str:
    """Return JUPYTER_CONFIG_PATH or JUPYTER_PATH, the course's folder first, the user's own kept.

    The first finds settings; the second the kernel of the lessons and what JupyterLab loads.
    """
    own = environment.get(variable)
    return os.pathsep.join([str(CONFIG), own] if own else [str(CONFIG)])


def trust(paths: Iterable[Path]) -> int:
    """Sign notebooks as `jupyter trust` does: stored pictures then show before the first run.

    Returns how many were signed now; one that is trusted already costs no more than its reading.
    A file that is no notebook is left to JupyterLab, which says so when it is opened.
    """
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    signed = 0
    for path in paths:
        notebook = parsed(path.read_text(encoding="utf-8", errors="replace"))
        if notebook is not None and not notary.check_signature(notebook):
            notary.sign(notebook)
            signed += 1
    return signed


def prepare(notebooks: Sequence[Path]) -> list[str]:
    """Sign the notebooks; where Jupyter cannot write, give it a folder of this session alone.

    Returns what is not kept for that reason, a line each. Without it the server would not start
    for a user without a home, or with files of an earlier `sudo jupyter`.
    """
    from jupyter_core import paths

    def settings() -> None:
        Path(paths.jupyter_config_dir()).mkdir(parents=True, exist_ok=True)

    def running() -> None:
        folder = Path(paths.jupyter_runtime_dir())
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()

    not_kept = []
    for variable, what, attempt in (
        ("HOME", "your answers and all you set", Path("~").expanduser),
        ("JUPYTER_CONFIG_DIR", "your settings of JupyterLab", settings),
        ("JUPYTER_DATA_DIR", "which notebooks you trust", lambda: trust(notebooks)),
        ("JUPYTER_RUNTIME_DIR", "which servers are running", running),
    ):
        try:
            attempt()
        except (OSError, RuntimeError, sqlite3.Error) as error:
            os.environ[variable] = folder = tempfile.mkdtemp(prefix="cnn-lab-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            reason = str(error).rstrip(".")
            not_kept.append(f"Not kept after this session: {what} ({reason}).")
            attempt()
    return not_kept


def has_browser(environment: dict[str, str], platform: str = sys.platform) -> bool:
    """Say whether a browser window can be opened from here."""
    if platform.startswith("linux") and not (
        environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    ):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def arguments(browser: bool, is_root: bool, own: Sequence[str] = ()) -> list[str]:
    """Return JupyterLab's command line; ``own`` arguments come last, so that they prevail."""
    options = [
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{START}",
        "--custom-css",
        # These ask no one: no news, no newer versions, no list of extensions.
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",
        # The messages of a start without trouble are for developers; ours is one line.
        "--log-level=WARN",
    ]
    if not browser:
        options.append("--no-browser")
    if is_root:
        options.append("--allow-root")
    return [*options, *own]


def announcement(url: str, browser: bool, lecture: bool = False) -> str:
    """Return what to print once the server answers."""
    opened = (
        f"\nThe course is open in your browser: {url}\n"
        if browser
        else f"\nNo browser can be opened from here. Open this address in one:\n\n    {url}\n\n"
    )
    store = (
        "This is a lecture: every question begins unanswered, and the answers of this session are\n"
        "not kept. Your own earlier answers are untouched.\n"
    )
    return f"{opened}{store if lecture else ''}To stop the course, press Ctrl+C here.\n"


def main(own: Sequence[str]) -> None:
    """Start JupyterLab and stay until it ends; a lecture has an answer store of its own."""
    own, lecture = [word for word in own if word != LECTURE], LECTURE in own
    with tempfile.TemporaryDirectory(prefix="cnn-lecture-") if lecture else nullcontext() as store:
        if lecture:
            os.environ["CNN_COURSE_STATE"] = store
        serve(own, lecture)


def serve(own: Sequence[str], lecture: bool) -> None:
    """Start JupyterLab and stay until it ends."""
    set_right()
    for variable in ("JUPYTER_CONFIG_PATH", "JUPYTER_PATH"):
        os.environ[variable] = settings_path(dict(os.environ), variable)
    for line in prepare(sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))):
        print(line, flush=True)
    from jupyter_server.serverapp import ServerApp
    from jupyterlab.labapp import LabApp
    from traitlets import default

    class CourseServer(ServerApp):
        """A server that serves the course's custom.css; its place is not configurable otherwise."""

        @default("static_custom_path")
        def _default_static_custom_path(self) -> list[str]:
            return [str(CONFIG / "custom"), *super()._default_static_custom_path()]

    is_root = hasattr(os, "getuid") and os.getuid() == 0
    browser = "--no-browser" not in own and has_browser(dict(os.environ))
    LabApp.serverapp_class = CourseServer
    server = LabApp.initialize_server(argv=arguments(browser, is_root, own))
    server.contents_manager.register_pre_save_hook(keep_what_agrees)
    server.io_loop.add_callback(
        lambda: print(announcement(server.display_url.split()[0], browser, lecture), flush=True)
    )
    server.start()


if __name__ == "__main__":
    main(sys.argv[1:])
