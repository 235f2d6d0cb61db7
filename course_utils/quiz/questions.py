"""Question files: read them and hold them to their schema.

One file per notebook, `data/questions/NN_slug.toml`, a list of `[[question]]` tables:

    [[question]]
    id = "01.dense-arrows"            # the file's number, a dot, words joined by hyphens
    kind = "number"                   # number | choice | choices | text
    lecture = "Q: how many arrows?"   # optional: the lecture's own words
    prompt = "How many *arrows*?"
    answer = 25
    hints = ["First hint.", "Second hint."]
    explanation = "Shown after a right answer and at the reveal."
    nudge = "What a wrong answer gets that nobody foresaw."

    [[question.wrong]]                # every foreseen wrong answer explains itself
    value = [5, 10]
    because = "..."

number:  `answer` is a number; `nudge`; optional `tolerance` (0), `integer` (false), `unit`.
         A wrong answer's `value` is a number or several, with an optional `tolerance`.
choice:  `answer` is a key of `[question.options]`, where key = "text".
         Every other option is the `value` of a wrong answer.
choices: `answer` is a list of keys of `[question.options]`. Every other option is the `value`
         of a wrong answer (ticked wrongly), and every right one is a `missed` (left out).
text:    `answer` is a string; `nudge`; optional `accept`, a list of further accepted forms.
         A wrong answer's `value` is a string or several.

How answers are read and marked: `course_utils.quiz.marking`.

Markup in prompts, hints and explanations: `code`, *emphasis*, and an empty line for a line break.
All else is plain text and is escaped. Options are plain text.
"""

import math
import re
import tomllib
from pathlib import Path

from course_utils.datasets.files import DATA
from course_utils.quiz.marking import Question, Wrong, is_right, normalise, same

FOLDER = DATA / "questions"
KINDS = ("number", "choice", "choices", "text")

_REQUIRED = {
    "id": str,
    "kind": str,
    "prompt": str,
    "explanation": str,
    "hints": list,
    "wrong": list,
}
_KIND_KEYS = {  # kind -> (further required keys, optional keys)
    "number": (
        {"answer": (int, float), "nudge": str},
        {"tolerance": (int, float), "integer": bool, "unit": str},
    ),
    "choice": ({"answer": str, "options": dict}, {}),
    "choices": ({"answer": list, "options": dict}, {}),
    "text": ({"answer": str, "nudge": str}, {"accept": list}),
}
_TYPES = {
    str: "a string",
    list: "a list",
    dict: "a table",
    bool: "true or false",
    (int, float): "a number",
    (int, float, list): "a number or a list of numbers",
    (str, list): "a string or a list of strings",
}
_ID = re.compile(r"\d\d\.[a-z0-9]+(-[a-z0-9]+)*")


def question_files(folder: Path = FOLDER) -> dict[str, Path]:
    """Notebook number ("01") -> question file, in order."""
    return {path.name[:2]: path for path in sorted(folder.glob("[0-9][0-9]_*.toml"))}


def load_questions(path: Path) -> dict[str, Question]:
    """Read one question file: id -> Question, in the file's order.

    Raises ValueError naming file, question and key where the file breaks the schema.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name}: not valid TOML: {error}") from error
    tables = data.pop("question", None)
    if data or not isinstance(tables, list) or not tables:
        extra = f", found also {', '.join(map(repr, data))}" if data else ""
        raise ValueError(f"{path.name}: must hold [[question]] tables and nothing else{extra}")
    questions = {}
    for position, table in enumerate(tables, start=1):
        if not isinstance(table, dict):
            raise ValueError(f"{path.name}, question number {position}: must be a table")
        where = f"{path.name}, question {table.get('id', f'number {position}')}"
        question = _question(table, where)
        if not question.id.startswith(path.name[:2] + "."):
            raise ValueError(f"{where}, key 'id': must begin with {path.name[:2]!r} and a dot")
        if question.id in questions:
            raise ValueError(f"{where}, key 'id': used twice")
        questions[question.id] = question
    return questions


def find_question(question_id: str, folder: Path = FOLDER) -> Question:
    """The question with this id, for example "01.dense-arrows".

    Raises ValueError for an id that no question file holds; the message lists the ids there are.
    """
    files = question_files(folder)
    number = str(question_id)[:2]
    if number not in files:
        raise ValueError(
            "question_id must begin with the number of a notebook with questions"
            f" ({', '.join(files) or 'none'}),"
            f" got {question_id!r}"
        )
    questions = load_questions(files[number])
    if question_id not in questions:
        raise ValueError(f"question_id must be one of {', '.join(questions)}, got {question_id!r}")
    return questions[question_id]


def _question(table: dict, where: str) -> Question:
    """Check one table against the schema and build its Question."""
    kind = table.get("kind")
    if kind not in KINDS:
        raise ValueError(f"{where}, key 'kind': must be one of {', '.join(KINDS)}, got {kind!r}")
    required, optional = _KIND_KEYS[kind]
    _check_keys(table, _REQUIRED | required, optional | {"lecture": str}, where)
    if not _ID.fullmatch(table["id"]):
        raise ValueError(f"{where}, key 'id': must look like 01.dense-arrows, got {table['id']!r}")
    _check_texts(table["hints"], "hints", where)
    fields = dict(table, hints=tuple(table["hints"]))
    fields["wrong"] = tuple(
        _wrong(entry, kind, f"{where}, wrong answer {i}")
        for i, entry in enumerate(table["wrong"], 1)
    )
    if "options" in table:
        _check_texts(table["options"].values(), "options", where)
        fields["options"] = tuple(table["options"].items())
    if kind == "choices":
        _check_texts(table["answer"], "answer", where)
        fields["answer"] = tuple(table["answer"])
    if kind == "text":
        _check_texts(table.get("accept", ()), "accept", where)
        fields["accept"] = tuple(table.get("accept", ()))
    question = Question(**fields)
    _check_answers(question, where)
    return question


def _check_keys(table: dict, required: dict, optional: dict, where: str) -> None:
    for key in table:
        if key not in required and key not in optional:
            known = ", ".join(sorted(required | optional))
            raise ValueError(f"{where}, key {key!r}: unknown; allowed are {known}")
    for key in required:
        if key not in table:
            raise ValueError(f"{where}, key {key!r}: missing")
        if table[key] in ("", [], {}):
            raise ValueError(f"{where}, key {key!r}: must not be empty")
    for key, value in table.items():
        allowed = (required | optional)[key]
        # bool is an int in Python; a number question with answer = true is a slip, not the number 1
        if not isinstance(value, allowed) or (isinstance(value, bool) and allowed is not bool):
            raise ValueError(f"{where}, key {key!r}: must be {_TYPES[allowed]}, got {value!r}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{where}, key {key!r}: must be finite, got {value!r}")


def _check_texts(values, key: str, where: str) -> None:
    for value in values:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{where}, key {key!r}: must hold non-empty strings, got {value!r}")


def _wrong(entry: dict, kind: str, where: str) -> Wrong:
    """Check one [[question.wrong]] table and build its Wrong."""
    if not isinstance(entry, dict):
        raise ValueError(f"{where}: must be a [[question.wrong]] table, got {entry!r}")
    missed = "missed" in entry
    if missed and kind != "choices":
        raise ValueError(f"{where}, key 'missed': only for questions of kind choices")
    value_key = "missed" if missed else "value"
    allowed = (int, float, list) if kind == "number" else (str, list)
    optional = {"tolerance": (int, float)} if kind == "number" else {}
    _check_keys(entry, {value_key: allowed, "because": str}, optional, where)
    value = entry[value_key]
    values = tuple(value) if isinstance(value, list) else (value,)
    single = (int, float) if kind == "number" else str
    for item in values:
        if not isinstance(item, single) or isinstance(item, bool) or item == "":
            raise ValueError(
                f"{where}, key {value_key!r}: must hold {_TYPES[single]}, got {item!r}"
            )
        if isinstance(item, float) and not math.isfinite(item):
            raise ValueError(f"{where}, key {value_key!r}: must be finite, got {item!r}")
    return Wrong(values, entry["because"], entry.get("tolerance", 0), missed)


def _check_answers(question: Question, where: str) -> None:
    """Right and wrong answers must fit the options and never overlap."""
    if question.kind in ("choice", "choices"):
        _check_options(question, where)
        return
    if question.tolerance < 0 or any(wrong.tolerance < 0 for wrong in question.wrong):
        raise ValueError(f"{where}, key 'tolerance': must be >= 0")
    seen = []
    for wrong in question.wrong:
        for value in wrong.values:
            if is_right(question, value):
                raise ValueError(
                    f"{where}, key 'wrong': the right answer is listed as wrong: {value!r}"
                )
            if any(same(question, value, other) for other in seen):
                raise ValueError(f"{where}, key 'wrong': listed twice: {value!r}")
            seen.append(value)
            if question.kind == "number" and question.integer and value != int(value):
                raise ValueError(
                    f"{where}, key 'wrong': must be whole numbers as the answer is, got {value!r}"
                )
    if question.kind == "number" and question.integer and question.answer != int(question.answer):
        raise ValueError(f"{where}, key 'answer': must be a whole number because integer = true")
    for text in (question.answer, *question.accept) if question.kind == "text" else ():
        if not normalise(text):
            raise ValueError(f"{where}, key 'accept': must hold words, got {text!r}")


def _check_options(question: Question, where: str) -> None:
    keys = [key for key, _ in question.options]
    right = {question.answer} if question.kind == "choice" else set(question.answer)
    if len(keys) < 2:
        raise ValueError(f"{where}, key 'options': must hold two options or more")
    if len(set(dict(question.options).values())) < len(keys):
        raise ValueError(f"{where}, key 'options': two options have the same text")
    if not right <= set(keys):
        raise ValueError(f"{where}, key 'answer': must be among the options {', '.join(keys)}")
    picked = [value for wrong in question.wrong if not wrong.missed for value in wrong.values]
    missed = [value for wrong in question.wrong if wrong.missed for value in wrong.values]
    for value in picked:
        if value in right:
            raise ValueError(
                f"{where}, key 'wrong': the right answer is listed as wrong: {value!r}"
            )
    for found, expected in (
        (picked, set(keys) - right),
        (missed, right if question.kind == "choices" else set()),
    ):
        if sorted(found) != sorted(expected):
            raise ValueError(
                f"{where}, key 'wrong': must explain each of"
                f" {', '.join(sorted(expected)) or 'none'} once,"
                f" explains {', '.join(sorted(found)) or 'none'}"
            )
