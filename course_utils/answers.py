"""The student's answers, one JSON file per notebook in the user's state directory.

The folder is `answers/` in `platformdirs.user_state_dir("cnn-architectures")`; the environment
variable CNN_COURSE_STATE names another state directory. A file is replaced as a whole (written
beside it, synced, renamed) and every write reads the file again under a lock, so two kernels do
not lose each other's answers. A file that cannot be read is set aside under a new name, never
overwritten.
"""

import json
import os
import tempfile
from pathlib import Path

import platformdirs
from filelock import FileLock

VERSION = 1
LOCK_SECONDS = 3
_RECORD = {"answer": (str, list), "checked": bool, "locked": bool, "revealed": bool, "hints": int}


def state_dir() -> Path:
    """Where the course keeps state: CNN_COURSE_STATE if set, else the platform's usual place."""
    chosen = os.environ.get("CNN_COURSE_STATE")
    return (
        Path(chosen).expanduser()
        if chosen
        else Path(platformdirs.user_state_dir("cnn-architectures"))
    )


class AnswerFile:
    """The stored answers of one notebook; `stem` is its name, for example "01_sparse_connectivity".

    A record is a dict: answer (str or list of str), checked, locked, revealed (bool), hints (int,
    how many are open). Trouble with the disk is no reason to stop a lesson: `read` and `save`
    return a notice for the student instead of raising OSError.
    """

    def __init__(self, stem: str):
        self.path = state_dir() / "answers" / f"{stem}.json"

    def read(self) -> tuple[dict[str, dict], str]:
        """All records by question id, and a notice ("" when there is nothing to say)."""
        try:
            if not self.path.exists():
                return {}, ""
            try:
                return self._parse(), ""
            except ValueError:
                with self._lock():
                    return self._parse_or_set_aside()
        except (OSError, NotImplementedError) as error:
            return {}, f"Your earlier answers cannot be read: {_reason(error)}"

    def save(self, question_id: str, record: dict) -> str:
        """Store one record, keeping all others. Returns a notice, "" when the answer is kept."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock():
                records, notice = self._parse_or_set_aside()
                records[question_id] = record
                self._write(records)
        except (OSError, NotImplementedError) as error:
            return f"Your answers are not kept: {_reason(error)} The quiz works all the same."
        return notice

    def set_aside(self, why: str = "old") -> Path | None:
        """Rename the file to NAME.why-1.json (the first free number). None if there is no file.

        Raises OSError if the file cannot be renamed.
        """
        if not self.path.exists():
            return None
        counter = 1
        while True:
            target = self.path.with_name(f"{self.path.stem}.{why}-{counter}.json")
            try:
                target.touch(
                    exist_ok=False
                )  # claims the name, so that no other file is overwritten
            except FileExistsError:
                counter += 1
            else:
                os.replace(self.path, target)
                return target

    def _lock(self) -> FileLock:
        # Timeout is an OSError: a lock that is never free ends in a notice as well.
        return FileLock(self.path.with_name(self.path.name + ".lock"), timeout=LOCK_SECONDS)

    def _parse(self) -> dict[str, dict]:
        """Records of the file; ValueError says what is wrong with it."""
        try:
            data = json.loads(self.path.read_bytes().decode("utf-8"))
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        if not isinstance(data, dict) or not isinstance(data.get("answers"), dict):
            raise ValueError("it holds no answers")
        if data.get("version") != VERSION:
            raise ValueError(
                f"it is of version {data.get('version')!r}, this course reads version {VERSION}"
            )
        for question_id, record in data["answers"].items():
            if not _is_record(record):
                raise ValueError(f"the answer to {question_id} is damaged")
        return data["answers"]

    def _parse_or_set_aside(self) -> tuple[dict[str, dict], str]:
        if not self.path.exists():
            return {}, ""
        try:
            return self._parse(), ""
        except ValueError as error:
            kept = self.set_aside("unreadable")
            return (
                {},
                f"Your earlier answers could not be read ({error}). The file is kept as {kept}.",
            )

    def _write(self, records: dict[str, dict]) -> None:
        text = json.dumps({"version": VERSION, "answers": records}, indent=1)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.stem, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:
            os.unlink(name)
            raise


def _is_record(record) -> bool:
    return (
        isinstance(record, dict)
        and record.keys() == _RECORD.keys()
        and all(isinstance(record[key], kind) for key, kind in _RECORD.items())
        and (
            isinstance(record["answer"], str)
            or all(isinstance(item, str) for item in record["answer"])
        )
    )


def _reason(error: Exception) -> str:
    return f"{error}".rstrip(".") + "."
