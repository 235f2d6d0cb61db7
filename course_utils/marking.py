"""Mark an answer to a question: pure functions, no files, no widgets.

A *number* may be written 25, 25.0, 2.5e1, 267,960 or 267 960, with or without the question's unit
("25 arrows"). Anything else is not an attempt: the student is told how to write it and nothing is
marked. A *text* is compared without case, spaces, punctuation and a leading article, so it suits
words, not formulas.
"""

import difflib
import math
import re
import unicodedata
from dataclasses import dataclass

_NUMBER = re.compile(
    r"(?P<number>[+-]?"
    r"(?:(?:[0-9]{1,3}(?:[ ,_][0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)"
    r"(?:e[+-]?[0-9]+)?)"
    r"\s*(?P<unit>[^\d\s].*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Wrong:
    """A foreseen wrong answer and why it is wrong; `missed`: a right option that was left out."""

    values: tuple
    because: str
    tolerance: float = 0
    missed: bool = False


@dataclass(frozen=True)
class Question:
    """One question as its file states it; `course_utils.questions` explains the keys."""

    id: str
    kind: str
    prompt: str
    answer: int | float | str | tuple[str, ...]
    explanation: str
    hints: tuple[str, ...]
    wrong: tuple[Wrong, ...]
    lecture: str = ""
    nudge: str = ""
    tolerance: float = 0
    integer: bool = False
    unit: str = ""
    accept: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What marking says. `attempt` is False if the answer could not be read: nothing is marked."""

    correct: bool
    message: str
    attempt: bool = True


def mark(question: Question, raw: str | list[str] | tuple[str, ...] | None) -> Verdict:
    """Mark `raw`: the text typed (number, text), an option's key (choice), or keys (choices).

    Pure: the same question and answer always give the same Verdict.
    Raises ValueError for an option key that the question does not have.
    """
    if not raw or (isinstance(raw, str) and not raw.strip()):
        verb = {"choice": "Choose", "choices": "Tick"}.get(question.kind, "Write")
        return Verdict(False, f"{verb} an answer first.", attempt=False)
    if question.kind in ("choice", "choices"):
        return _mark_options(question, {raw} if question.kind == "choice" else set(raw))
    value = raw
    if question.kind == "number":
        try:
            value = parse_number(raw, question.unit)
        except ValueError as error:
            return Verdict(False, str(error), attempt=False)
        if question.integer and value != int(value):
            return Verdict(False, "A whole number is asked for.", attempt=False)
    if is_right(question, value):
        return Verdict(True, question.explanation)
    for wrong in question.wrong:
        if any(same(question, value, known, wrong.tolerance) for known in wrong.values):
            return Verdict(False, wrong.because)
    if question.kind == "text" and _is_near(question, value):
        return Verdict(False, "Close: check the spelling.")
    return Verdict(False, question.nudge)


def _mark_options(question: Question, chosen: set[str]) -> Verdict:
    unknown = chosen - {key for key, _ in question.options}
    if unknown:
        allowed = ", ".join(key for key, _ in question.options)
        raise ValueError(f"raw must hold keys of options ({allowed}), got {sorted(unknown)}")
    right = {question.answer} if question.kind == "choice" else set(question.answer)
    if chosen == right:
        return Verdict(True, question.explanation)
    # What was ticked wrongly comes first: what is missing is easier to see once that is cleared up.
    for missed, slips in ((False, chosen - right), (True, right - chosen)):
        reasons = [
            w.because for w in question.wrong if w.missed is missed and slips & set(w.values)
        ]
        if reasons:
            return Verdict(False, "\n\n".join(reasons))
    raise AssertionError(f"{question.id}: the schema lets every slip have its reason")


def parse_number(text: str, unit: str = "") -> float:
    """The number a student wrote: 25, 2.5e1, 267,960, or "25 arrows" if the unit is "arrows".

    Raises ValueError with a sentence for the student if it is no number.
    """
    clean = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()
    match = _NUMBER.fullmatch(clean)
    if not match:
        raise ValueError(
            "This is not a number. Write digits with a decimal point, for example 12, 0.5 or 1,250."
        )
    written = (match["unit"] or "").casefold()
    if written and written not in {unit.casefold(), unit.casefold().removesuffix("s")} - {""}:
        raise ValueError(f"Write the number alone{f', or with the unit {unit}' if unit else ''}.")
    value = float(re.sub("[ ,_]", "", match["number"]))
    if not math.isfinite(value):
        raise ValueError("This number is too large to be read. Write a smaller one.")
    return value


def normalise(text: str) -> str:
    """Letters and digits, case folded, no leading article: "The Field-size" -> "fieldsize"."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return re.sub(r"[\W_]", "", re.sub(r"^(the|an|a)\s+", "", folded))


def same(question: Question, given, known, tolerance: float = 0) -> bool:
    if question.kind == "number":
        return math.isclose(given, known, rel_tol=1e-12, abs_tol=tolerance)
    return normalise(given) == normalise(known)


def is_right(question: Question, value) -> bool:
    accepted = (question.answer, *question.accept)
    return any(same(question, value, known, question.tolerance) for known in accepted)


def _is_near(question: Question, value: str) -> bool:
    accepted = [normalise(known) for known in (question.answer, *question.accept)]
    return bool(difflib.get_close_matches(normalise(value), accepted, n=1, cutoff=0.85))
