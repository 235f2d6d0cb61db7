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

from course_utils.drawing.style import BAD, GOOD, MUTED
from course_utils.exercises.report import card
from course_utils.lessons.imagenet_winners import design_check
from course_utils.lessons.imagenet_winners.board import Board, BoardFile, percent
from course_utils.lessons.imagenet_winners.design_check import Entry, Refused, measure
from course_utils.models import CifarResNet

LONGEST_NAME = 40  # characters


def _lenet(activation: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), activation(), nn.MaxPool2d(2)),  # (N, 6, 8, 8)
        *(nn.Conv2d(6, 16, 5), activation(), nn.MaxPool2d(2)),  # (N, 16, 2, 2)
        *(nn.Flatten(), nn.Linear(64, 120), activation()),
        *(nn.Linear(120, 84), activation(), nn.Linear(84, 10)),
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


_HEADLINES = {  # state -> (symbol, words, colour of the bar)
    "trained": ("✓", "", GOOD),
    "not attempted": ("○", "not attempted yet", MUTED),
    "refused": ("✗", "not accepted", BAD),
    "interrupted": ("○", "interrupted", MUTED),
}


@dataclass(frozen=True, repr=False)
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
        symbol, words, colour = _HEADLINES[self.state]
        if self.state == "trained":
            place = "" if self.rank is None else f", place {self.rank} of {self.places}"
            words = f"{percent(self.right, self.asked)} right{place}"
        return symbol, words, colour

    def _rows(self) -> dict[str, str]:
        counts = {
            "Parameters": (self.parameters, design_check.BUDGET.parameters),
            "Multiply-adds": (self.macs, design_check.BUDGET.macs),
        }
        return {k: f"{n:,} of {most:,}" for k, (n, most) in counts.items() if n is not None}

    def __repr__(self) -> str:
        symbol, words, _ = self._headline()
        lines = [f"{symbol} {self.name}: {words}", self.message]
        lines += [f"  {what}: {value}" for what, value in self._rows().items()]
        lines += [f"What to change: {self.advice}"] if self.advice else []
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        name, message, advice, *notes = map(
            html.escape, (self.name, self.message, self.advice, *self.notes)
        )
        hints = [f"<strong>What to change.</strong> {advice}"] if advice else []
        head = self._headline()
        return card("cnn-design", self.state, head, name, message, self._rows(), *hints, *notes)


def check_design(model: nn.Module | None, name: str = "my design") -> Design:
    """Check a network, train copies of it by the recipe of the budget, and rank it on the board.

    model: takes images `(N, 1, 16, 16)` float32 in [0, 1], any N, and returns scores `(N, 10)`. It
        is left as it was. None and `...`, the result of an untouched stub, are reported as "not
        attempted yet".
    name: what the board calls it, 1 to 40 characters. When it comes again, the better of the two
        designs stays (the older one if they are equal). A design of another recipe, or of another
        version of torch, is not compared: the new one replaces it.

    No error of the model is raised. Refused are: what is no network, does not run or does not
    put out `(N, 10)` finite scores; what is over budget; scores of an image that depend on the
    other images, on chance or on stored numbers; weights that no gradient reaches; and products
    with weights that the ledger cannot count, such as a dense layer written as `(x * w).sum(1)`.
    Refused or interrupted, the board stays as it was.

    A learned scale or position code is charged with one multiply-add per output of its layer. On
    one core a LeNet-5 takes 1 s, 20 layers at the limit of the budget about 5 s.
    """
    label = " ".join(name.split()) if isinstance(name, str) else ""
    if not (0 < len(label) <= LONGEST_NAME and label.isprintable()):
        allowed = f"a text of 1 to {LONGEST_NAME} printable characters"
        raise ValueError(f"name must be {allowed}, got {name!r:.60}")
    if model is None or model is Ellipsis:
        return Design(label, "not attempted", "Build your network, then run this cell again.")
    try:
        return _ranked(*measure(model, label))
    except Refused as refused:
        return Design(label, "refused", str(refused), refused.advice, **refused.counts)
    except KeyboardInterrupt:
        said = "You stopped the training. The board stays as it was."
        return Design(label, "interrupted", said)


def _ranked(entry: Entry, notes: list[str]) -> Design:
    """Put an entry on the board; report its place."""
    earlier: list[Entry] = []

    def put(content: dict[str, list[Entry]]) -> dict[str, list[Entry]]:
        others = [one for one in content["designs"] if one.name != entry.name]
        earlier.extend(one for one in content["designs"] if one.name == entry.name)
        rivals = [one for one in earlier if one.recipe == entry.recipe]
        best = min([*rivals, entry], key=lambda one: one.key)  # the first, the older, if equal
        return content | {"designs": [*others, best]}

    content, notice = BoardFile().change(put)
    rank = places = None
    if content is not None:
        names = [one.name for one in Board(content["designs"]).entries]
        rank, places = 1 + names.index(entry.name), len(names)
        notes = [*notes, *(_against(old, entry) for old in earlier)]
    notes = [*notes, "Copies were trained; your network is as it was.", *filter(None, [notice])]
    trainings = len(design_check.BUDGET.seeds)
    message = (
        f"{entry.right} of {entry.asked} answers are right: {entry.asked // trainings} scans of "
        f"the test part, {trainings} trainings of {design_check.BUDGET.steps} steps."
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

    The networks (`REFERENCES`) are trained here, once, by the recipe of the budget, which takes
    some seconds the first time; then they are kept in the file of the board. An interrupt meanwhile
    gives the board without them, with a notice.
    """
    file = BoardFile()
    content, notice = file.read()
    found = content["references"] if references else []
    wanted = {(name, design_check.BUDGET.recipe) for name in REFERENCES}
    if references and {(one.name, one.recipe) for one in found} != wanted:
        try:
            found = [_reference(name) for name in REFERENCES]
            problem = file.change(lambda stored: stored | {"references": found})[1]
        except KeyboardInterrupt:
            found, problem = [], "The networks of the course were not trained to the end."
        notice = f"{notice} {problem}".strip()
    return Board(content["designs"], found, notice)


def _reference(name: str) -> Entry:
    with design_check.one_thread():  # the start weights are drawn in it
        return measure(REFERENCES[name](), name)[0]
