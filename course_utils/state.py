"""What the course keeps between sessions: JSON files in one folder of the user's.

The folder is `platformdirs.user_state_dir("cnn-architectures")`; the environment variable
CNN_COURSE_STATE names another. A file is replaced as a whole (written beside it, synced, renamed),
and every change reads the file again under a lock, so two kernels do not lose each other's work. A
file that cannot be read is set aside under a new name, never overwritten.

Floor 0. `answers` and `board` say what their files hold.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import platformdirs
from filelock import FileLock

LOCK_SECONDS = 3
_ATTEMPTS, _PAUSE = 20, 0.02  # of a rename that another process stands in the way of; seconds

Content = TypeVar("Content")


def state_dir() -> Path:
    """Where the course keeps state: CNN_COURSE_STATE if set, else the platform's usual place.

    Raises OSError where there is no such place: without a home directory.
    """
    chosen = os.environ.get("CNN_COURSE_STATE")
    try:
        if chosen:
            return Path(chosen).expanduser()
        usual = Path(platformdirs.user_state_dir("cnn-architectures"))
        if usual.is_absolute():  # older platformdirs answer "~/..." where others raise
            return usual
        raise RuntimeError
    except RuntimeError:
        what = f"CNN_COURSE_STATE={chosen}" if chosen else "this user"
        raise OSError(f"there is no home directory for {what}") from None


class StateFile(Generic[Content]):
    """One JSON file of the state folder, read and changed as a whole.

    Trouble with the disk is no reason to stop a lesson: `read` and `change` return a notice for the
    student instead of raising OSError.

    A subclass says what the file holds (`empty`, `decode`, `encode`), and how to tell of trouble:

    Attributes:
        CANNOT_READ: with `{reason}`: the disk does not give the file.
        DAMAGED: with `{reason}` and `{kept}`: it was read, made no sense and was set aside.
        NOT_KEPT: with `{reason}`: the disk does not take the change.
    """

    CANNOT_READ = "{reason}"
    DAMAGED = "{reason} {kept}"
    NOT_KEPT = "{reason}"

    def __init__(self, *parts: str) -> None:
        """`parts` lead from the state folder to the file, as in `("answers", "01_x.json")`."""
        self._parts = parts

    @property
    def path(self) -> Path:
        """Return where the file is. Raises OSError where the course can keep nothing."""
        return state_dir().joinpath(*self._parts)

    def empty(self) -> Content:
        """Return the content where there is no file yet."""
        raise NotImplementedError

    def decode(self, data: object) -> Content:
        """Return the content of what the file held; ValueError says what is wrong with it."""
        raise NotImplementedError

    def encode(self, content: Content) -> object:
        """Return the content as JSON can hold it."""
        raise NotImplementedError

    def read(self) -> tuple[Content, str]:
        """Return the content, and a notice ("" when there is nothing to say)."""
        try:
            if not self.path.exists():
                return self.empty(), ""
            try:
                return self._parse(), ""
            except ValueError:
                with self.lock():
                    return self._parse_or_set_aside()
        except (OSError, NotImplementedError) as error:
            return self.empty(), self.CANNOT_READ.format(reason=_reason(error))

    def change(self, function: Callable[[Content], Content]) -> tuple[Content | None, str]:
        """Replace the content by `function(content)`; (None, notice) if it cannot be kept."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.lock():
                content, notice = self._parse_or_set_aside()
                content = function(content)
                self._write(content)
        except (OSError, NotImplementedError) as error:
            return None, self.NOT_KEPT.format(reason=_reason(error))
        return content, notice

    def set_aside(self, why: str = "old") -> Path | None:
        """Rename the file to NAME.why-1.json (the first free number). None if there is no file.

        Raises OSError if the file cannot be renamed. Take the lock around it.
        """
        if not self.path.exists():
            return None
        counter = 1
        while True:
            target = self.path.with_name(f"{self.path.stem}.{why}-{counter}.json")
            try:
                target.touch(exist_ok=False)  # claims the name: no other file is overwritten
            except FileExistsError:
                counter += 1
            else:
                try:
                    os.replace(self.path, target)
                except BaseException:
                    target.unlink(missing_ok=True)  # an empty file would look like lost work
                    raise
                return target

    def lock(self) -> FileLock:
        """Return the lock that every change takes; it waits `LOCK_SECONDS` at most."""
        # Timeout is an OSError: a lock that is never free ends in a notice as well.
        return FileLock(self.path.with_name(self.path.name + ".lock"), timeout=LOCK_SECONDS)

    def _parse(self) -> Content:
        try:
            data = json.loads(self.path.read_bytes().decode("utf-8"))
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        return self.decode(data)

    def _parse_or_set_aside(self) -> tuple[Content, str]:
        if not self.path.exists():
            return self.empty(), ""
        try:
            return self._parse(), ""
        except ValueError as error:
            kept = self.set_aside("unreadable")
            return self.empty(), self.DAMAGED.format(reason=error, kept=kept)

    def _write(self, content: Content) -> None:
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
