"""The student's answers, one JSON file per notebook: `answers/NN_slug.json` in the state folder.

How such a file is kept safe: `course_utils.state`.
"""

from collections.abc import Callable

from course_utils.state import StateFile

VERSION = 1
_RECORD = {"answer": (str, list), "checked": bool, "locked": bool, "revealed": bool, "hints": int}


class AnswerFile(StateFile):
    """The stored answers of one notebook; `stem` is its name, for example "01_sparse_connectivity".

    A record is a dict: answer (str or list of str), checked, locked, revealed (bool), hints (int,
    how many are open). `read` returns all records by question id, and a notice.
    """

    CANNOT_READ = "Your earlier answers cannot be read: {reason}"
    DAMAGED = "Your earlier answers could not be read ({reason}). The file is kept as {kept}."
    NOT_KEPT = "Your answers are not kept: {reason} The quiz works all the same."

    def __init__(self, stem: str):
        super().__init__("answers", f"{stem}.json")

    def update(self, question_id: str, function: Callable[[dict], dict]) -> tuple[dict | None, str]:
        """Replace one record by `function(record)`, from what is stored now ({} if nothing is).

        Returns the new record, None if it cannot be kept, and a notice ("" when all is well).
        """
        records, notice = self.change(
            lambda records: records | {question_id: function(records.get(question_id, {}))}
        )
        return (records[question_id] if records else None), notice

    def empty(self) -> dict[str, dict]:
        return {}

    def decode(self, data: object) -> dict[str, dict]:
        if not isinstance(data, dict) or not isinstance(data.get("answers"), dict):
            raise ValueError("it holds no answers")
        if (found := data.get("version")) != VERSION:
            raise ValueError(f"it is of version {found!r}, this course reads version {VERSION}")
        for question_id, record in data["answers"].items():
            if not _is_record(record):
                raise ValueError(f"the answer to {question_id} is damaged")
        return data["answers"]

    def encode(self, content: dict[str, dict]) -> dict:
        return {"version": VERSION, "answers": content}


def _is_record(record: object) -> bool:
    return (
        isinstance(record, dict)
        and record.keys() == _RECORD.keys()
        and all(isinstance(record[key], kind) for key, kind in _RECORD.items())
        and all(isinstance(item, str) for item in record["answer"])  # those of a str are
    )
