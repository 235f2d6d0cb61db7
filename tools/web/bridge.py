"""Python's side of a live page: what panels, questions and exercises ask of the course.

`answer` takes one request of the page, the name of a public function below and its arguments; all
of them take and return what JSON can hold. It runs in Pyodide and in CPython, and imports nothing
but `course_utils`: a panel or an exercise that needs more says so when it is opened.
"""

import contextlib
import importlib
import importlib.util
import json
import linecache
import math
import traceback
from pathlib import Path

from course_utils.exercises import find
from course_utils.exercises.comparing import described, one_line
from course_utils.exercises.report import Report
from course_utils.exercises.running import Notepad
from course_utils.explorer import Choice, Explorer
from course_utils.quiz import find_question, mark, question_files
from course_utils.quiz.card import answer_text, feedback_html, hints_html, prompt_html
from course_utils.quiz.record import ELSEWHERE, buttons, changes, decode, fitting, is_record

_panels: dict[str, Explorer] = {}  # of this page
_refusals: dict[str, str] = {}  # question id -> why what was entered last cannot be marked
_CODE = "<your code>"  # what tracebacks call the editor
_HOUR = 3600  # seconds: it is the page that ends a check, with the worker


def answer(method: str, arguments: str) -> str:
    """Answer one request. arguments: a JSON list. Returns JSON.

    What the request raises comes back as {"error": its text, "missing": package or None}.
    """
    try:
        return json.dumps(globals()[method](*json.loads(arguments)))
    except Exception as error:
        name = error.name if isinstance(error, ImportError) else None
        missing = name and name.partition(".")[0]
        return json.dumps({"error": str(error) or type(error).__name__, "missing": missing})


# --- panels ---


def panel_open(key: str, where: str, settings: dict) -> dict:
    """Make a panel; `key` is the page's name for it. where: as in "package.module:Class"."""
    module, name = where.split(":")
    data = _data_of(name)
    made = getattr(importlib.import_module(module), name)
    panel = _panels[key] = made(*data, **settings)
    return {"controls": [_control(one) for one in panel.controls], "shown": _shown(panel)}


def panel_move(key: str, values: dict) -> dict:
    """Set controls by name: to a number, a text, or the index of an option."""
    panel = _panels[key]
    named = {control.name: control for control in panel.controls}
    panel.move(**{name: _value(named[name], value) for name, value in values.items()})
    return _shown(panel)


def panel_reset(key: str) -> dict:
    _panels[key].reset()
    return _shown(_panels[key])


def _data_of(name: str) -> tuple:
    """What a panel is made of that the page has as data, made when the site was built."""
    if not importlib.util.find_spec("panel_data"):
        return ()
    panel_data = importlib.import_module("panel_data")
    kept = Path(panel_data.__file__).with_suffix(".json")
    data = json.loads(kept.read_text("utf-8")) if name in panel_data.NAMES else {}
    return panel_data.arguments(name, data)


def _control(control) -> dict:
    said = control._asdict()
    said["kind"] = type(control).__name__.lower()
    if isinstance(control, Choice):
        said["options"] = list(control.options)
    return {name: value for name, value in said.items() if name != "start"}


def _value(control, sent):
    return list(control.options.values())[sent] if isinstance(control, Choice) else sent


def _shown(panel: Explorer) -> dict:
    state = dict(panel.state)
    for control in panel.controls:
        if isinstance(control, Choice):
            state[control.name] = list(control.options.values()).index(state[control.name])
    return {
        "picture": panel.picture_html(),
        "sentence": panel.sentence_html(),
        "says": panel.says,
        "refused": panel.refused,
        "state": state,
        "largest": panel.largest,
    }


# --- questions ---


def question_open(id: str, record: dict) -> dict:
    """Return all that a card shows. record: as it is kept; {} for none."""
    question = find_question(id)
    return {
        "prompt": prompt_html(question),
        "kind": question.kind,
        "options": question.options,
        "unit": question.unit,
        "hints": len(question.hints),
        **_said(question, _whole(question, record)),
    }


def question_act(
    id: str, record: dict, action: str, entered: str | list[str] | None, mine: bool = True
) -> dict:
    """Do what a button does: check, lock, unlock, hint, reveal or hide.

    record: as it is kept now. entered: what was written and is not kept yet; None for nothing.
    mine: whether what is kept is what the input held before.
    """
    question = find_question(id)
    now = _whole(question, record)
    written, entered = entered, now["answer"] if entered is None else entered
    seen = now | {"locked": False}  # "Lock in" is pressed where a card shows that it is open
    new, refusal = changes(question, action, now, seen, entered, mine)
    if refusal is not None:
        _refusals[id] = refusal
    said, now = _said(question, now | new), now | new
    if written and (now["locked"] or now["revealed"]) and now["answer"] != written:
        said["notice"] = ELSEWHERE.format(answer_text(question, written))
    return said


def answers_name(id: str) -> str:
    """Return under what name the answers of a question's lesson are kept."""
    return question_files()[id[:2]].stem


def answers_read(name: str, text: str) -> dict:
    """Return the records in a file of answers; ValueError where it is none of that lesson."""
    try:
        data = json.loads(text)
    except ValueError:
        raise ValueError("it is no file of answers") from None
    records = decode(data)
    if strangers := sorted({id[:2] for id in records} - {name[:2]}):
        raise ValueError(f"it holds answers of lesson {', '.join(strangers)}")
    return records


def _silent(page: str) -> str:
    """HTML for an area of the page that a screen reader follows anyway."""
    return page.replace(' role="status"', "", 1).replace(' aria-live="polite"', "", 1)


def _whole(question, record: dict) -> dict:
    return fitting(question, record if is_record(record) else {})


def _said(question, record: dict) -> dict:
    refusal, verdict = _refusals.get(question.id, ""), mark(question, record["answer"])
    marked = verdict.attempt and (record["revealed"] or record["checked"])
    return {
        "record": record,
        "refusal": refusal,
        "buttons": buttons(question, record),
        "hints_html": _silent(hints_html(question, record["hints"])),
        "feedback_html": _silent(feedback_html(question, record, refusal)),
        "correct": verdict.correct if marked else None,
    }


# --- exercises ---


def exercise_check(id: str, source: str) -> dict:
    """Run the code of the editor, and check the function that it defines.

    The code sees what a cell of a lesson has without an import of its own: `math`.
    """
    exercise, space, notepad = find(id), {"__name__": "__main__", "math": math}, Notepad()
    linecache.cache[_CODE] = len(source), None, source.splitlines(keepends=True), _CODE
    try:
        with contextlib.redirect_stdout(notepad):
            exec(compile(source, _CODE, "exec"), space)
    except (Exception, SystemExit) as error:
        said, message = described(error), "Your code stops with an error before the check begins."
        if isinstance(error, SyntaxError) and error.filename == _CODE:
            said, message = f"SyntaxError: {error.msg}", "Python cannot read this code."
        rows = {"Error": said, "Your code": _line(error), "Printed": notepad.take()}
        rows = {label: text for label, text in rows.items() if text}
        return _result(Report(exercise.id, exercise.name, "raised", message, rows))
    if exercise.name not in space:
        message = f"The check looks for a function of the name `{exercise.name}`. There is none."
        return _result(Report(exercise.id, exercise.name, "wrong signature", message))
    return _result(exercise.check(space[exercise.name], seconds=_HOUR))


def exercise_endless(id: str, seconds: float) -> dict:
    """Return the report on code that the page has ended after so many seconds."""
    exercise = find(id)
    message = (
        f"Stopped after {seconds:g} s: your code was still at work. "
        "Is there a loop whose condition never becomes false, or a very long wait?"
    )
    return _result(Report(exercise.id, exercise.name, "endless", message))


def exercise_open(id: str) -> None:
    """Raise an ImportError where the exercise cannot be checked here."""
    exercise = find(id)
    exercise.prepare(exercise.cases()[0])


def _line(error: BaseException) -> str:
    """`line 3: return n / 0`: where in the editor an error arose."""
    if isinstance(error, SyntaxError) and error.filename == _CODE:
        return f"line {error.lineno}: {one_line(error.text or '')}".removesuffix(": ")
    steps = traceback.extract_tb(error.__traceback__)
    own = [step for step in steps if step.filename == _CODE]
    return f"line {own[-1].lineno}: {one_line(own[-1].line or '')}" if own else ""


def _result(found: Report) -> dict:
    page = _silent(found._repr_html_()).replace("run this cell again", "press Run")
    return {"state": found.state, "html": page}
