"""What the course keeps between sessions: JSON files in one folder of the user's.

The folder is `platformdirs.user_state_dir("cnn-architectures")`; the environment variable
CNN_COURSE_STATE names another. A file is replaced as a whole (written beside it, synced, renamed),
and every change reads the file again under a lock, so two kernels do not lose each other's work. A
file that cannot be read is set aside under a new name, never overwritten.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

LOCK_SECONDS = 3
_ATTEMPTS, _PAUSE = 20, 0.02  # of a rename that another process stands in the way of; seconds
_TROUBLE = (OSError, NotImplementedError)  # the second: a file system that knows no locks
_DAMAGE = (ValueError, RecursionError)  # the second: JSON that is nested too deeply


def state_dir() -> Path:
    """Where the course keeps state. Raises OSError where there is no home directory for it."""
    chosen = os.environ.get("CNN_COURSE_STATE")
    try:  # older platformdirs answer "~/..." where there is no home
        return Path(chosen or platformdirs.user_state_dir("cnn-architectures")).expanduser()
    except RuntimeError:
        who = f"CNN_COURSE_STATE={chosen}" if chosen else "this user"
        raise OSError(f"there is no home directory for {who}") from None


class StateFile:
    """One JSON file of the state folder; `parts` lead to it, as in `("answers", "01_x.json")`.

    Trouble with the disk is no reason to stop a lesson: `read` and `change` return a notice for the
    student instead of raising OSError.

    A subclass says what the file holds: `empty()` is the content where there is no file yet,
    `decode(data)` the content of what JSON gave (ValueError says what is wrong with it),
    `encode(content)` what JSON can hold. And it says what to tell of trouble: CANNOT_READ and
    NOT_KEPT, with `{reason}`, when the disk does not give or take the file; DAMAGED, with
    `{reason}` and `{kept}`, when what was read made no sense and was set aside.
    """

    def __init__(self, *parts: str) -> None:
        self._parts = parts

    @property
    def path(self) -> Path:
        """Where the file is. Raises OSError where the course can keep nothing."""
        return state_dir().joinpath(*self._parts)

    def read(self) -> tuple[Any, str]:
        """Return the content, and a notice ("" when there is nothing to say)."""
        try:
            try:
                return self._load()
            except _DAMAGE:
                with self.lock():  # not before: a folder may be there to be read only
                    return self._load(locked=True)
        except _TROUBLE as error:
            return self.empty(), self.CANNOT_READ.format(reason=_reason(error))

    def change(self, function: Callable[[Any], Any]) -> tuple[Any, str]:
        """Replace the content by `function(content)`; (None, notice) if it cannot be kept."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.lock():
                content, notice = self._load(locked=True)
                content = function(content)
                self._write(content)
        except _TROUBLE as error:
            return None, self.NOT_KEPT.format(reason=_reason(error))
        return content, notice

    def set_aside(self, why: str = "old") -> Path | None:
        """Rename the file to NAME.why-1.json (the first free number), under a lock of the caller.

        None if there is no file. Raises OSError if the file cannot be renamed.
        """
        if not self.path.exists():
            return None
        names = (self.path.with_name(f"{self.path.stem}.{why}-{n}.json") for n in count(1))
        return self.path.rename(next(name for name in names if not name.exists()))

    def lock(self) -> FileLock:
        """Return the lock that every change takes; it waits `LOCK_SECONDS` at most."""
        # Timeout is an OSError: a lock that is never free ends in a notice as well.
        return FileLock(self.path.with_name(self.path.name + ".lock"), timeout=LOCK_SECONDS)

    def _load(self, locked: bool = False) -> tuple[Any, str]:
        """Return content and notice; a damaged file is set aside only under the lock."""
        try:
            return self.decode(json.loads(self.path.read_text("utf-8"))), ""
        except FileNotFoundError:
            return self.empty(), ""
        except _DAMAGE as error:
            if not locked:
                raise
            kept = self.set_aside("unreadable")
            return self.empty(), self.DAMAGED.format(reason=error, kept=kept)

    def _write(self, content: Any) -> None:
        text = json.dumps(self.encode(content), indent=1)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.stem, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _replace(name, self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _replace(source: str, target: Path) -> None:
    """Rename a file over another. Windows refuses while another kernel reads that: try again."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return os.replace(source, target)
        except PermissionError:
            if attempt == _ATTEMPTS:
                raise
            time.sleep(_PAUSE)


def _reason(error: Exception) -> str:
    return f"{error}".rstrip(".") + "."
