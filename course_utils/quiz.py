"""`ask("01.dense-arrows")`: a question to answer, lock in, get hints for and reveal in place.

jupyterquiz shows questions as well, but it neither locks an answer before the reveal nor remembers
one: this does.

Questions come from `data/questions` (`course_utils.questions`), marks from `course_utils.marking`,
stored answers from `course_utils.answers`. Check gives feedback at once. Lock in stores the answer
and says nothing, so that a class can commit itself before the reveal. The widget works by keyboard
alone: Tab moves, Enter in the text field checks, Space and Enter press buttons. Right and wrong
are said in words, never by colour alone.
"""

import html
import time

import ipywidgets as widgets

from course_utils.answers import AnswerFile
from course_utils.marking import Question, mark
from course_utils.question_text import prompt_html, static_html, text_form
from course_utils.questions import find_question, question_files
from course_utils.quiz_card import STYLE, hints_html, keys_html, reveal_html, says, verdict_html

# A browser sends key strokes one at a time and holds the rest back while the kernel is busy, but
# sends a press of Enter or a button at once. So the tail of what was typed may arrive after the
# press; see Quiz._on_typed.
TAIL_SECONDS = 1.0

_FRESH = {"answer": "", "checked": False, "locked": False, "revealed": False, "hints": 0}


def ask(question_id: str) -> "Quiz":
    """Show a question, for example `ask("01.dense-arrows")`, with the earlier answer if any.

    Raises ValueError for an id that no question file holds; the message lists the ids there are.
    """
    return Quiz(find_question(question_id), _answer_file(question_id[:2]))


def forget(notebook: str) -> None:
    """Start over: set the answers of one notebook ("01") aside and print where they are kept.

    Raises ValueError for a notebook without questions, OSError if the file cannot be renamed.
    """
    kept = _answer_file(notebook).set_aside()
    if kept is None:
        print(f"There are no stored answers for notebook {notebook}.")
    else:
        print(f"Your answers are set aside in {kept}.\nRun the question cells again to start over.")


def _answer_file(notebook: str) -> AnswerFile:
    files = question_files()
    if notebook not in files:
        raise ValueError(f"notebook must be one of {', '.join(files)}, got {notebook!r}")
    return AnswerFile(files[notebook].stem)


class Quiz(widgets.VBox):
    """One question as a widget.

    `entry` is the input; `check_button`, `lock_button`, `hint_button` and `reveal_button` are the
    buttons; `answer` is what is entered now (text, option key or list of option keys).
    `hints_area`, `feedback_area` and `notice_area` are the HTML widgets that speak.
    """

    def __init__(self, question: Question, answers: AnswerFile):
        self.question = question
        self._answers = answers
        records, self._notice = answers.read()
        self._record = _FRESH | records.get(question.id, {})
        self._redo, self._acted_at = None, float("-inf")

        prompt = widgets.HTML(value=STYLE + prompt_html(question) + keys_html(question))
        self.entry = _entry(question)
        self.check_button = _button("Check", "Mark my answer now", "primary")
        self.lock_button = _button("Lock in", "Store my answer without feedback")
        self.hint_button = _button("Hint", "Show the next hint")
        self.reveal_button = _button("Reveal", "Show the answer and the explanation")
        buttons = [self.check_button, self.lock_button, self.hint_button, self.reveal_button]
        self.hints_area, self.feedback_area, self.notice_area = (widgets.HTML() for _ in range(3))
        row = widgets.HBox(buttons)
        row.add_class("cnn-quiz-buttons")
        super().__init__(
            [prompt, self.entry, row, self.hints_area, self.feedback_area, self.notice_area]
        )
        self.add_class("cnn-quiz")
        self.add_class(f"cnn-quiz-kind-{question.kind}")

        self._enter(self._record["answer"])
        if self.answer != self._record["answer"]:  # the question has changed since
            self._record |= {"answer": self.answer, "checked": False, "locked": False}
        self._refusal = ""
        self.check_button.on_click(lambda _: self._act(self._check))
        self.lock_button.on_click(
            lambda _: self._unlock() if self._record["locked"] else self._act(self._lock)
        )
        self.hint_button.on_click(lambda _: self._hint())
        self.reveal_button.on_click(
            lambda _: self._hide() if self._record["revealed"] else self._act(self._reveal)
        )
        if isinstance(self.entry, widgets.Text):
            # Not on_submit: it is deprecated, and its successor also fires on leaving the field.
            self.entry.on_msg(self._on_message)
            self.entry.typed = self._on_typed
        self._render()
        self._notify(self._notice)

    # --- the answer in the input ---

    @property
    def answer(self) -> str | list[str]:
        """What is entered now, as it is stored: text, an option key, or a list of option keys."""
        if self.question.kind == "choices":
            boxes = zip(self.question.options, self.entry.children, strict=True)
            return [key for (key, _), box in boxes if box.value]
        return self.entry.value or ""

    def _enter(self, answer: str | list[str]) -> None:
        """Put a stored answer into the input, without keys of options that no longer exist."""
        keys = [key for key, _ in self.question.options]
        if self.question.kind == "choices":
            ticked = answer if isinstance(answer, list) else []
            for key, box in zip(keys, self.entry.children, strict=True):
                box.value = key in ticked
        elif self.question.kind == "choice":
            self.entry.value = answer if answer in keys else None
        else:
            self.entry.value = answer if isinstance(answer, str) else ""

    # --- what the buttons do ---

    def _act(self, action) -> None:
        self._redo, self._acted_at = action, time.monotonic()
        action()

    def _on_message(self, _, content, buffers) -> None:
        if content.get("event") == "submit":
            self._act(self._check)

    def _on_typed(self) -> None:
        """Do the last action again if text arrives right after it: it was typed before."""
        if self._redo and time.monotonic() - self._acted_at < TAIL_SECONDS:
            self._redo()

    def _check(self) -> None:
        if self._record["locked"] or self._record["revealed"]:
            return  # the button is disabled then; a press that was under way changes nothing
        verdict = mark(self.question, self.answer)
        self._refusal = "" if verdict.attempt else verdict.message
        self._keep(answer=self.answer, checked=verdict.attempt)

    def _lock(self) -> None:
        verdict = mark(self.question, self.answer)
        self._refusal = "" if verdict.attempt else verdict.message
        self._keep(answer=self.answer, checked=False, locked=verdict.attempt)

    def _unlock(self) -> None:
        self._redo = None
        self._keep(locked=False)

    def _hint(self) -> None:
        self._keep(hints=min(self._record["hints"] + 1, len(self.question.hints)))

    def _reveal(self) -> None:
        self._keep(answer=self.answer, revealed=True)

    def _hide(self) -> None:
        self._redo = None
        self._keep(revealed=False)

    def _keep(self, **changes) -> None:
        """Change the record, show it, store it."""
        self._record = self._record | changes
        self._render()
        self._notify(self._answers.save(self.question.id, self._record) or self._notice)

    # --- what is shown ---

    def _render(self) -> None:
        """Make buttons, input and texts say what the record says."""
        record, total = self._record, len(self.question.hints)
        locked, revealed = record["locked"], record["revealed"]
        shown = min(record["hints"], total)
        for control in self.entry.children if self.question.kind == "choices" else [self.entry]:
            control.disabled = locked or revealed
        # The button just pressed stays enabled: a disabled one would drop the keyboard focus.
        self.check_button.disabled = locked or revealed
        self.lock_button.disabled = revealed
        self.lock_button.description = "Change my answer" if locked else "Lock in"
        self.hint_button.disabled = revealed
        self.hint_button.description = (
            "All hints shown" if shown == total else f"Hint ({shown + 1} of {total})"
        )
        self.reveal_button.description = "Hide the answer" if revealed else "Reveal"
        self.hints_area.value = hints_html(self.question, shown)
        self.feedback_area.value = self._feedback()

    def _feedback(self) -> str:
        answer = self._record["answer"]  # what was kept, not what is being typed
        verdict = mark(self.question, answer)
        if self._record["revealed"]:
            return reveal_html(self.question, answer, verdict, self._record["locked"])
        if self._record["locked"]:
            return says("<p><strong>Locked in.</strong> Reveal when you are ready.</p>")
        if self._record["checked"]:
            return verdict_html(self.question, answer, verdict)
        return says(f"<p>{html.escape(self._refusal)}</p>") if self._refusal else ""

    def _notify(self, notice: str) -> None:
        self.notice_area.value = says(f"<p>{html.escape(notice)}</p>") if notice else ""

    def __repr__(self) -> str:
        return text_form(self.question)

    def _repr_mimebundle_(self, **kwargs) -> dict:
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle | {
            "text/plain": text_form(self.question),
            "text/html": static_html(self.question),
        }


class _Field(widgets.Text):
    """A text field that tells what the student typed from what a program put in."""

    typed = None

    def set_state(self, sync_data):
        """Take an update of the browser (ipywidgets calls this for nothing else)."""
        super().set_state(sync_data)
        if self.typed and "value" in sync_data:
            self.typed()


def _entry(question: Question) -> widgets.Widget:
    """The input that suits the kind of question."""
    if question.kind == "choice":
        options = [(text, key) for key, text in question.options]
        return widgets.RadioButtons(options=options, value=None, description="Your answer")
    if question.kind == "choices":
        return widgets.VBox(
            [widgets.Checkbox(description=text, indent=False) for _, text in question.options]
        )
    description = f"Your answer ({question.unit})" if question.unit else "Your answer"
    return _Field(description=description)


def _button(description: str, tooltip: str, button_style: str = "") -> widgets.Button:
    return widgets.Button(description=description, tooltip=tooltip, button_style=button_style)
