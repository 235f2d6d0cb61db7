"""Design a network under a budget: it is checked, trained on digits and ranked on a local board.

    check_design(model, name="Ada")     check, train, rank; returns the report
    board()                             the designs so far, beside networks of the course

The recipe is the same for all (`BUDGET`), so what differs is the architecture and its
start weights. Copies of the model are trained, the model itself is left as it was. On one machine
equal start weights give equal scores; between processors a few answers may differ, so a lesson that
compares its outputs says what is stable and not the score.

The board (`board.py`) survives restarts, and several kernels may share it.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from course_utils.drawing.style import BAD, FAINT, GOOD, INK, MUTED, tint
from course_utils.lessons.imagenet_winners.board import (
    Board,
    BoardContent,
    BoardFile,
    Entry,
    in_order,
    percent,
)
from course_utils.lessons.imagenet_winners.budget import BUDGET, Refused
from course_utils.lessons.imagenet_winners.design_check import measure, one_thread
from course_utils.models import CifarResNet

LONGEST_NAME = 40
"""Characters of a design's name."""


def _lenet(activation: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),  # (N, 6, 16, 16)
        activation(),
        nn.MaxPool2d(2),  # (N, 6, 8, 8)
        nn.Conv2d(6, 16, 5),  # (N, 16, 4, 4)
        activation(),
        nn.MaxPool2d(2),  # (N, 16, 2, 2)
        nn.Flatten(),
        nn.Linear(64, 120),
        activation(),
        nn.Linear(120, 84),
        activation(),
        nn.Linear(84, 10),
    )


REFERENCES: dict[str, Callable[[], nn.Module]] = {
    "one dense layer": lambda: nn.Sequential(nn.Flatten(), nn.Linear(256, 10)),
    "two dense layers": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(256, 90), nn.ReLU(), nn.Linear(90, 10)
    ),
    "LeNet-5 for 16×16, tanh": lambda: _lenet(nn.Tanh),
    "LeNet-5 for 16×16, ReLU": lambda: _lenet(nn.ReLU),
    "ResNet-8": lambda: CifarResNet(8, in_channels=1, widths=(8, 16, 32)),
}
"""Name -> function that builds it. `board` trains them once, by the same recipe, from seed 0."""


@dataclass(frozen=True)
class Design:
    """What `check_design` found. As the last expression of a cell it is shown as a card.

    state: "not attempted", "refused", "interrupted" or "trained". message: what happened. advice:
    what to change. parameters, macs: None where they could not be counted. right, asked: answers of
    all trainings on the test part; None unless trained. rank, places: place on the board, from 1,
    and how many there are; None unless it is there. notes: what else to know, a sentence each.
    """

    name: str
    state: str
    message: str
    advice: str = ""
    parameters: int | None = None
    macs: int | None = None
    right: int | None = None
    asked: int | None = None
    rank: int | None = None
    places: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float | None:
        """Share of right answers, from 0 to 1; None unless trained."""
        return None if self.right is None else self.right / self.asked

    def _headline(self) -> tuple[str, str, str]:
        """Symbol, words, colour of the bar."""
        if self.state == "trained":
            place = "" if self.rank is None else f", place {self.rank} of {self.places}"
            return "✓", f"{percent(self.right, self.asked)} right{place}", GOOD
        return {
            "not attempted": ("○", "not attempted yet", MUTED),
            "refused": ("✗", "not accepted", BAD),
            "interrupted": ("○", "interrupted", MUTED),
        }[self.state]

    def _rows(self) -> list[tuple[str, str]]:
        counts = (
            ("Parameters", self.parameters, BUDGET.parameters),
            ("Multiply-adds", self.macs, BUDGET.macs),
        )
        return [
            (what, f"{count:,} of {most:,}") for what, count, most in counts if count is not None
        ]

    def __repr__(self) -> str:
        symbol, words, _ = self._headline()
        lines = [f"{symbol} {self.name}: {words}", self.message]
        lines += [f"  {what}: {value}" for what, value in self._rows()]
        if self.advice:
            lines.append(f"What to change: {self.advice}")
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        symbol, words, colour = self._headline()
        cell = f"padding:.1em .9em .1em 0;text-align:left;color:{INK}"
        rows = "".join(
            f'<tr style="background:none"><th scope="row" style="{cell};font-weight:normal">'
            f'{what}</th><td style="{cell};font-variant-numeric:tabular-nums">{value}</td></tr>'
            for what, value in self._rows()
        )
        table = f'<table style="border-collapse:collapse;font-size:1em">{rows}</table>'
        advice = f"<strong>What to change.</strong> {html.escape(self.advice)}"
        more = [advice] * bool(self.advice) + [html.escape(note) for note in self.notes]
        return (
            f'<div class="cnn-design" data-state="{self.state.replace(" ", "-")}" role="status" '
            'style="max-width:46em;margin:.5em 0;padding:.7em 1em;'
            f"border:1px solid {FAINT};border-left-width:.35em;border-radius:.35em;color:{INK};"
            f"font-size:1em;line-height:1.45;border-left-color:{colour};"
            f'background:{tint(colour, 0.07)}">'
            f'<p style="margin:0"><span aria-hidden="true">{symbol}</span> '
            f"<strong>{html.escape(self.name)}: {words}</strong></p>"
            f'<p style="margin:.3em 0 0">{html.escape(self.message)}</p>{table if rows else ""}'
            + "".join(f'<p style="margin:.4em 0 0">{line}</p>' for line in more)
            + "</div>"
        )


def check_design(model: nn.Module | None, name: str = "my design") -> Design:
    """Check a network, train copies of it by the recipe of the budget, and rank it on the board.

    Args:
        model: takes images `(N, 1, 16, 16)` float32 in [0, 1], any N, and returns scores
            `(N, 10)`. It is left as it was. None and `...`, the result of an untouched stub, are
            reported as "not attempted yet".
        name: what the board calls it, 1 to 40 characters. When it comes again, the better of the
            two designs stays (the older one if they are equal). A design of another recipe, or of
            another version of torch, is not compared: the new one replaces it.

    Returns:
        The `Design`. Nothing that the model does is raised. Refused are: what is no network, does
        not run or does not put out `(N, 10)` finite scores; what is over budget; scores of an image
        that depend on the other images, on chance or on stored numbers; weights that no gradient
        reaches; and products with weights that the ledger cannot count, such as a dense layer
        written as `(x * w).sum(1)`. Refused or interrupted, the board stays as it was.

    A learned scale or position code is charged with one multiply-add per output of its layer. On
    one core a LeNet-5 takes 1 s, 20 layers at the limit of the budget about 5 s.

    Raises:
        ValueError: if `name` is not such a text.
    """
    name = _checked_name(name)
    if model is None or model is Ellipsis or model is NotImplemented:
        return Design(name, "not attempted", "Build your network, then run this cell again.")
    try:
        return _ranked(*measure(model, name))
    except Refused as refused:
        return Design(name, "refused", str(refused), refused.advice, **refused.counts)
    except KeyboardInterrupt:
        said = "You stopped the training. The board stays as it was."
        return Design(name, "interrupted", said)


def _checked_name(name: object) -> str:
    allowed = f"a text of 1 to {LONGEST_NAME} printable characters"
    if not isinstance(name, str):
        raise ValueError(f"name must be {allowed}, got {name!r:.60}")
    text = " ".join(name.split())
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise ValueError(f"name must be {allowed}, got {name!r:.60} ({len(text)} characters)")
    return text


def _ranked(entry: Entry, notes: list[str]) -> Design:
    """Put an entry on the board; report its place."""
    earlier: list[Entry] = []

    def put(content: BoardContent) -> BoardContent:
        others = [one for one in content.designs if one.name != entry.name]
        earlier.extend(one for one in content.designs if one.name == entry.name)
        rivals = [one for one in earlier if one.recipe == entry.recipe]
        best = min([*rivals, entry], key=lambda one: one.key)  # the first, the older, if equal
        return content._replace(designs=[*others, best])

    content, notice = BoardFile().change(put)
    rank = places = None
    if content is not None:
        order = in_order([one for one in content.designs if one.recipe == entry.recipe])
        rank, places = 1 + [one.name for one in order].index(entry.name), len(order)
        notes = [*notes, *(_against(old, entry) for old in earlier)]
    notes = [*notes, "Copies were trained; your network is as it was.", *filter(None, [notice])]
    trainings = len(BUDGET.seeds)
    message = (
        f"{entry.right} of {entry.asked} answers are right: {entry.asked // trainings} scans of "
        f"the test part, {trainings} trainings of {BUDGET.steps} steps."
    )
    counts = (entry.parameters, entry.macs, entry.right, entry.asked)
    return Design(entry.name, "trained", message, "", *counts, rank, places, tuple(notes))


def _against(old: Entry, new: Entry) -> str:
    if new.recipe != old.recipe:
        return (
            f"It replaces your earlier {new.name}, which was trained by another recipe and cannot "
            "be compared."
        )
    what = f"{percent(old.right, old.asked)} with {old.macs:,} multiply-adds"
    if new.key == old.key:
        return f"The same result stood on the board under {new.name}: it counts once."
    if new.key < old.key:
        return f"It replaces your earlier {new.name} ({what})."
    return f"Your earlier {new.name} is better ({what}) and keeps the place."


def board(*, references: bool = True) -> Board:
    """Return the board: the designs of `check_design`, and networks of the course beside them.

    Args:
        references: whether the networks of `REFERENCES` are shown. They are trained here, once, by
            the recipe of the budget, which takes some seconds the first time; then they are kept in
            the file of the board.

    Only designs of the present recipe have a place: scores of another budget, or of another version
    of torch, cannot be compared with theirs. They stand at the end.

    An interrupt while they are trained gives the board without them, with a notice.
    """
    file, recipe = BoardFile(), BUDGET.recipe
    content, notice = file.read()
    found = content.references if references else []
    wanted = {(name, recipe) for name in REFERENCES}
    if references and {(one.name, one.recipe) for one in found} != wanted:
        try:
            found = [_reference(name) for name in REFERENCES]
        except KeyboardInterrupt:
            found, problem = [], "The networks of the course were not trained to the end."
        else:
            _, problem = file.change(lambda stored: stored._replace(references=found))
        notice = f"{notice} {problem}".strip()
    return Board(content.designs, found, notice, BUDGET.sentence, recipe)


def _reference(name: str) -> Entry:
    with one_thread():  # the start weights are drawn in it
        return measure(REFERENCES[name](), name)[0]
