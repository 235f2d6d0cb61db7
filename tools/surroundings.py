"""What the tools set right before they start a kernel, so that the computer's habits do not count.

A home that does not exist or cannot be written, a kernel that another Python installed for this
user under the same name, a terminal that ignores Ctrl+C: all of these are somebody's.
"""

import atexit
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import MutableMapping
from pathlib import Path


def set_right(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what kernels inherit: this Python's kernel, and a folder that matplotlib can write.

    Without such a folder matplotlib makes one and says so on stderr, in the lesson's first cell.
    It is removed when this process ends. An ignored SIGINT is heard again: kernels and downloads
    are interrupted by it.
    """
    environment["JUPYTER_PREFER_ENV_PATH"] = "1"
    if not all(map(_can_write, _matplotlib_folders(environment))):
        folder = tempfile.mkdtemp(prefix="cnn-course-matplotlib-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        environment["MPLCONFIGDIR"] = folder
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _matplotlib_folders(environment: MutableMapping[str, str]) -> list[Path | None]:
    """Return where matplotlib keeps its settings and its cache; None where there is no home."""
    if environment.get("MPLCONFIGDIR"):
        return [Path(environment["MPLCONFIGDIR"])]
    try:
        home = Path(environment.get("HOME") or Path("~").expanduser())
    except RuntimeError:
        return [None]
    if not sys.platform.startswith(("linux", "freebsd")):
        return [home / ".matplotlib"]
    return [
        Path(environment.get(name) or home / default) / "matplotlib"
        for name, default in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache"))
    ]


def _can_write(folder: Path | None) -> bool:
    """Say whether a folder can be written, or made."""
    if folder is None:
        return False
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK)
