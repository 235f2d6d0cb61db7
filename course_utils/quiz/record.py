"""The record of one question: what is kept of it, and what a button changes in it.

Pure functions without widgets and without a disk: the card of the notebook and the website's live
by them. A file of answers holds `{"version": 1, "answers": {question id: record}}`.
"""

from course_utils.quiz.marking import mark
from course_utils.quiz.questions import Question

VERSION = 1  # of the files of answers
ELSEWHERE = "Another card of this question holds your answer. What you wrote here is not kept: {}"
# The answer may be a list of option keys, `hints` is how many are open.
FRESH = {"answer": "", "checked": False, "locked": False, "revealed": False, "hints": 0}


def decode(data: object) -> dict[str, dict]:
    """Return the records in what JSON gave; ValueError says what is wrong with it."""
    if not isinstance(data, dict) or not isinstance(data.get("answers"), dict):
        raise ValueError("it holds no answers")
    if (found := data.get("version")) != VERSION:
        raise ValueError(f"it is of version {found!r}, this course reads version {VERSION}")
    for question_id, record in data["answers"].items():
        if not is_record(record):
            raise ValueError(f"the answer to {question_id} is damaged")
    return data["answers"]


def encode(records: dict[str, dict]) -> dict:
    return {"version": VERSION, "answers": records}


def is_record(record: object) -> bool:
    if not isinstance(record, dict) or record.keys() != FRESH.keys():
        return False
    kinds = {key: type(value) for key, value in FRESH.items()} | {"answer": str | list}
    whole = all(isinstance(record[key], kind) for key, kind in kinds.items())
    return whole and all(isinstance(item, str) for item in record["answer"])


def fitting(question: Question, stored: dict) -> dict:
    """A stored record made whole, without an answer that the question no longer allows."""
    record = FRESH | stored
    answer, keys = record["answer"], list(question.options)
    if question.kind == "choices":
        fits = [key for key in keys if isinstance(answer, list) and key in answer]
    else:
        fits = answer if answer in (keys or [str(answer)]) else ""
    record |= {"answer": fits, "hints": min(record["hints"], len(question.hints))}
    return record if len(fits) == len(answer) else record | {"checked": False, "locked": False}


def changes(
    question: Question, action: str, now: dict, seen: dict, entered: str | list[str], mine: bool
) -> tuple[dict, str | None]:
    """What an action changes in `now`, the record as it is stored at this moment.

    action: check, lock, unlock, hint, reveal or hide. seen: the record as the card shows it;
    another card of the question, perhaps in another kernel, may have changed it since, so a button
    that was enabled a moment ago may be pressed too late. entered: the answer in the input. mine:
    whether what is stored is what the input held before anything was written.

    Also returns the refusal, "" for an answer that was marked; None where nothing was to mark.
    """
    if action == "hint":
        return {"hints": min(max(now["hints"], seen["hints"] + 1), len(question.hints))}, None
    if action == "reveal":
        kept = entered if entered and not now["locked"] and mine else now["answer"]
        return {"answer": kept, "revealed": True}, None
    if action == "hide":
        return {"revealed": False}, None
    if now["revealed"]:
        return {}, None
    if action == "unlock":
        return {"locked": False}, None
    if now["locked"] and (action == "check" or not seen["locked"]):
        return {}, None
    verdict = mark(question, entered)
    if not verdict.attempt:
        return {"locked": False}, verdict.message  # locked if text has arrived after the press
    return {"answer": entered, "checked": action == "check", "locked": action == "lock"}, ""


def buttons(question: Question, record: dict) -> list[tuple[str, str, bool]]:
    """The four buttons below a question: what each does, its words, whether it is disabled.

    The one just pressed stays enabled: a disabled one would drop the keyboard focus.
    """
    total, shown, revealed = len(question.hints), record["hints"], record["revealed"]
    hint = "All hints shown" if shown == total else f"Hint ({shown + 1} of {total})"
    lock = ("unlock", "Change my answer") if record["locked"] else ("lock", "Lock in")
    return [
        ("check", "Check", record["locked"] or revealed),
        (*lock, revealed),
        ("hint", hint, revealed),
        (*(("hide", "Hide the answer") if revealed else ("reveal", "Reveal")), False),
    ]
