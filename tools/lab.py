"""Open the course in JupyterLab: `make lab`, or `python tools/lab.py` in a conda environment.

JupyterLab starts at notebooks/00_start_here.ipynb with the course's stylesheet, without its news
banner and without asking the network for anything. Your own JupyterLab settings stay in force;
only what the course needs is set beside them (tools/jupyter, and tools/saving.py: running a lesson
without changing its code leaves its file as it was). Arguments are handed on to JupyterLab:
`python tools/lab.py --no-browser --port=9999`.
"""

import os
import re
import sys
import webbrowser
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.saving import keep_what_agrees, parsed  # noqa: E402  (on the path only now)
from tools.surroundings import settle  # noqa: E402

NOTEBOOKS = ROOT / "notebooks"
CONFIG = ROOT / "tools" / "jupyter"
START = "notebooks/00_start_here.ipynb"
PRESENTING = Path("jupyterlab-slideshow") / "plugin.jupyterlab-settings"


def settings_path(environment: dict[str, str]) -> str:
    """Return JUPYTER_CONFIG_PATH with the course's folder first and the user's own kept."""
    own = environment.get("JUPYTER_CONFIG_PATH")
    return os.pathsep.join([str(CONFIG), own] if own else [str(CONFIG)])


def stop_presenting(user_settings: Path) -> bool:
    """Reset the slide extension's "active" setting; return whether it had been left on.

    The extension stores it when a presentation begins, and a server that is stopped meanwhile would
    reopen every notebook in slides. Other settings and comments in the file are kept.
    """
    path = user_settings / PRESENTING
    if not path.exists():
        return False
    text = path.read_text(encoding="utf-8")
    calm = re.sub(r'("active"\s*:\s*)true', r"\1false", text)
    if calm == text:
        return False
    path.write_text(calm, encoding="utf-8")
    return True


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


def announcement(url: str, browser: bool) -> str:
    """Return what to print once the server answers."""
    if browser:
        return f"\nThe course is open in your browser: {url}\nTo stop it, press Ctrl+C here.\n"
    return (
        f"\nNo browser can be opened from here. Open this address in one:\n\n    {url}\n\n"
        "To stop the course, press Ctrl+C here.\n"
    )


def main(own: Sequence[str]) -> None:
    """Start JupyterLab and stay until it ends."""
    settle()
    os.environ["JUPYTER_CONFIG_PATH"] = settings_path(dict(os.environ))
    from jupyter_server.serverapp import ServerApp
    from jupyterlab.commands import get_user_settings_dir
    from jupyterlab.labapp import LabApp
    from traitlets import default

    class CourseServer(ServerApp):
        """A server that serves the course's custom.css; its place is not configurable otherwise."""

        @default("static_custom_path")
        def _default_static_custom_path(self) -> list[str]:
            return [str(CONFIG / "custom"), *super()._default_static_custom_path()]

    stop_presenting(Path(get_user_settings_dir()))
    trust(sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")))
    is_root = hasattr(os, "getuid") and os.getuid() == 0
    browser = "--no-browser" not in own and has_browser(dict(os.environ))
    LabApp.serverapp_class = CourseServer
    server = LabApp.initialize_server(argv=arguments(browser, is_root, own))
    server.contents_manager.register_pre_save_hook(keep_what_agrees)
    server.io_loop.add_callback(
        lambda: print(announcement(server.display_url.split()[0], browser), flush=True)
    )
    server.start()


if __name__ == "__main__":
    main(sys.argv[1:])
