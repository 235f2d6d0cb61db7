"""The card of a question as a widget: answer, check, lock in, hints, reveal; and what it keeps.

Check gives feedback at once. Lock in stores the answer and says nothing, so that a class can commit
itself before the reveal. The widget works by keyboard alone: Tab moves, Enter in the text field
checks, Space and Enter press buttons.
"""

import html
import time
from weakref import WeakSet

import ipywidgets as widgets

from course_utils.quiz import card as cards
from course_utils.quiz.questions import Question
from course_utils.quiz.record import ELSEWHERE, buttons, changes, decode, encode, fitting
from course_utils.state import StateFile

# A browser sends key strokes one at a time and holds the rest back while the kernel is busy, but
# sends a press of Enter or a button at once. So the tail of what was typed may arrive after the
# press; see Quiz._on_typed.
TAIL_SECONDS = 1.0
CARDS: WeakSet["Quiz"] = WeakSet()  # of this kernel: a cell run twice shows one question twice


class AnswerFile(StateFile):
    """The answers of one notebook, as in "01_sparse_connectivity": question id -> record."""

    CANNOT_READ = "Your earlier answers cannot be read: {reason}"
    DAMAGED = "Your earlier answers could not be read ({reason}). The file is kept as {kept}."
    NOT_KEPT = "Your answers are not kept: {reason} The quiz works all the same."
    empty = dict

    def __init__(self, stem: str):
        super().__init__("answers", f"{stem}.json")

    decode, encode = staticmethod(decode), staticmethod(encode)


class Quiz(widgets.VBox):
    """One question as a widget.

    `entry` is the input; `check_button`, `lock_button`, `hint_button` and `reveal_button` are the
    buttons; `answer` is what is entered now (text, option key or list of option keys).
    `hints_area`, `feedback_area` and `notice_area` are the HTML widgets that speak.
    """

    def __init__(self, question: Question, answers: AnswerFile):
        self.question, self._answers = question, answers
        self._boxes = {}  # of a question with several right options
        if question.kind == "choices":
            for key, text in question.options.items():
                self._boxes[key] = widgets.Checkbox(description=text, indent=False)
        records, self._notice = answers.read()
        self._record = fitting(question, records.get(question.id, {}))
        self._unkept = False  # whether the record holds what could not be stored
        self._redo, self._acted_at, self._refusal = None, 0.0, ""

        keys = cards.KEYS if question.options else ""
        prompt = widgets.HTML(cards.STYLE + cards.prompt_html(question) + keys)
        self.entry = widgets.VBox([*self._boxes.values()]) if self._boxes else _entry(question)
        self.check_button = widgets.Button(tooltip="Mark my answer now", button_style="primary")
        self.lock_button = widgets.Button(tooltip="Store my answer without feedback")
        self.hint_button = widgets.Button(tooltip="Show the next hint")
        self.reveal_button = widgets.Button(tooltip="Show the answer and the explanation")
        pressed = self.check_button, self.lock_button, self.hint_button, self.reveal_button
        self._buttons, row = pressed, widgets.HBox(pressed).add_class("cnn-quiz-buttons")
        areas = [widgets.HTML() for _ in range(3)]
        self.hints_area, self.feedback_area, self.notice_area = areas
        super().__init__([prompt, self.entry, row, *areas])
        self.add_class("cnn-quiz").add_class(f"cnn-quiz-kind-{question.kind}")

        self._enter(self._record["answer"])
        for button in pressed:
            button.on_click(lambda button: self._act(button.action))
        if isinstance(self.entry, widgets.Text):
            # Not on_submit: it is deprecated, and its successor also fires on leaving the field.
            self.entry.on_msg(self._on_message)
            self.entry.typed = self._on_typed
        self._render()
        self._notify(self._notice)
        CARDS.add(self)

    # --- the answer in the input ---

    @property
    def answer(self) -> str | list[str]:
        """What is entered now, as it is stored: text, an option key, or a list of option keys."""
        if self._boxes:
            return [key for key, box in self._boxes.items() if box.value]
        return self.entry.value or ""

    def _enter(self, answer: str | list[str]) -> None:
        """Put an answer into the input; what differs from it later was written here."""
        self._entered = answer
        for key, box in self._boxes.items():
            box.value = key in answer
        if not self._boxes:
            self.entry.value = answer or (None if self.question.options else "")

    # --- what the buttons do ---

    def _act(self, action: str) -> None:
        if action != "hint":
            self._redo, self._acted_at = action, time.monotonic()
        self._keep(action)

    def _on_message(self, _, content, buffers) -> None:
        if content.get("event") == "submit":
            self._act("check")

    def _on_typed(self) -> None:
        """Do the last action again if text arrives right after it: it was typed before."""
        if self._redo and time.monotonic() - self._acted_at < TAIL_SECONDS:
            self._keep(self._redo)

    def _keep(self, action: str) -> None:
        """Do one action to the stored record, and show the outcome on each card of the question."""
        question, typed, before = self.question, self.answer, self._record
        name = question.id
        touched = typed != self._entered

        def changed(records: dict) -> dict:
            now = before if self._unkept else fitting(question, records.get(name, {}))
            entered, mine = typed if touched else now["answer"], now["answer"] == self._entered
            new, said = changes(question, action, now, before, entered, mine)
            self._refusal = self._refusal if said is None else said
            return records | {name: now | new}

        records, notice = self._answers.change(changed)
        unkept = records is None
        record = (changed({name: before}) if unkept else records)[name]
        for card in CARDS:
            if card.question.id == name:
                card._show(record, unkept)
        if touched and typed and self.answer != typed:
            notice = ELSEWHERE.format(cards.answer_text(self.question, typed))
        self._notify(notice or self._notice)

    def begin_again(self) -> None:
        """Empty the card, as if the question had never been answered."""
        fresh = fitting(self.question, {})
        self._enter(fresh["answer"])
        self._refusal, self._notice, self._redo = "", "", None
        self._show(fresh, unkept=False)
        self._notify("")

    # --- what is shown ---

    def _show(self, record: dict, unkept: bool) -> None:
        """Show a record. What is being written here stays, unless the card is closed now."""
        draft = self.answer != self._entered
        self._record, self._unkept = record, unkept
        answer, closed = record["answer"], record["locked"] or record["revealed"]
        if not draft or closed or self.answer == answer:
            self._enter(answer)
        self._render()

    def _render(self) -> None:
        """Make buttons, input and texts say what the record says."""
        closed = self._record["locked"] or self._record["revealed"]
        for control in self._boxes.values() or [self.entry]:
            control.disabled = closed
        said = buttons(self.question, self._record)
        for button, (action, words, disabled) in zip(self._buttons, said, strict=True):
            button.action, button.description, button.disabled = action, words, disabled
        self.hints_area.value = cards.hints_html(self.question, self._record["hints"])
        self.feedback_area.value = cards.feedback_html(self.question, self._record, self._refusal)

    def _notify(self, notice: str) -> None:
        self.notice_area.value = cards.says(html.escape(notice))

    def __repr__(self) -> str:
        return cards.text_form(self.question)

    def _repr_mimebundle_(self, **kwargs) -> dict:
        bundle = super()._repr_mimebundle_(**kwargs)
        return bundle | {"text/plain": repr(self), "text/html": cards.static_html(self.question)}


class _Field(widgets.Text):
    """A text field that tells what the student typed from what a program put in."""

    typed = None

    def set_state(self, sync_data):
        """Take an update of the browser (ipywidgets calls this for nothing else)."""
        super().set_state(sync_data)
        if self.typed and "value" in sync_data:
            self.typed()


def _entry(question: Question) -> widgets.Widget:
    """The input for a text, a number or one option."""
    if question.options:
        options = [(text, key) for key, text in question.options.items()]
        return widgets.RadioButtons(options=options, value=None, description="Your answer")
    return _Field(description=f"Your answer{f' ({question.unit})' if question.unit else ''}")
