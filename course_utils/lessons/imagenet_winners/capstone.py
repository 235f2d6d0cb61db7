"""Design a network under a budget: it is checked, trained on digits and ranked on a local board.

    check_design(model, name="Ada")     check, train, rank; returns the report
    board()                             the designs so far

The recipe is the same for all (`BUDGET`), so what differs is the architecture and its start
weights. On one machine equal start weights give equal scores. A name has one place on the board,
which survives restarts and is shared by several kernels (`course_utils.state`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape

from torch import nn

from course_utils.drawing.style import BAD, FAINT, GOOD, INK, MUTED, PAPER
from course_utils.drawing.svg import plural
from course_utils.exercises.report import card
from course_utils.lessons.imagenet_winners import design_check
from course_utils.lessons.imagenet_winners.design_check import Entry, Refused, measure
from course_utils.state import StateFile

LONGEST_NAME = 40  # characters

_HEADLINES = {  # state -> (symbol, words, colour of the bar)
    "trained": ("✓", "", GOOD),
    "not attempted": ("○", "not attempted yet", MUTED),
    "refused": ("✗", "not accepted", BAD),
    "interrupted": ("○", "interrupted", MUTED),
}


def _percent(entry: Entry | Design) -> str:
    return f"{100 * entry.right / entry.asked:.1f} %"


@dataclass(frozen=True, repr=False)
class Design:
    """What `check_design` found. As the last expression of a cell it is shown as a card."""

    name: str
    state: str  # a key of `_HEADLINES`
    message: str  # what happened
    advice: str = ""  # what to change
    parameters: int | None = None  # None where they could not be counted
    macs: int | None = None
    right: int | None = None  # answers of all trainings on the test part; None unless trained
    asked: int | None = None
    rank: int | None = None  # on the board, from 1; None unless it is there
    places: int | None = None  # how many there are
    notes: tuple[str, ...] = ()  # what else to know, a sentence each

    @property
    def accuracy(self) -> float | None:
        """Share of right answers, from 0 to 1; None unless trained."""
        return None if self.right is None else self.right / self.asked

    def _headline(self) -> tuple[str, str, str]:
        symbol, words, colour = _HEADLINES[self.state]
        if self.state == "trained":
            place = "" if self.rank is None else f", place {self.rank} of {self.places}"
            words = f"{_percent(self)} right{place}"
        return symbol, words, colour

    def _rows(self) -> dict[str, str]:
        most, rows = design_check.BUDGET, {}
        for what, key in {"Parameters": "parameters", "Multiply-adds": "macs"}.items():
            if (number := getattr(self, key)) is not None:
                rows[what] = f"{number:,} of {getattr(most, key):,}"
        return rows

    def __repr__(self) -> str:
        symbol, words, _ = self._headline()
        lines = [f"{symbol} {self.name}: {words}", self.message]
        lines += [f"  {what}: {value}" for what, value in self._rows().items()]
        lines += [f"What to change: {self.advice}"] if self.advice else []
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        name, message, *notes = map(escape, (self.name, self.message, *self.notes))
        change = f"<strong>What to change.</strong> {escape(self.advice)}"
        hints, head = [change, *notes] if self.advice else notes, self._headline()
        return card("cnn-design", self.state, head, name, message, self._rows(), *hints)


def check_design(model: nn.Module | None, name: str = "my design") -> Design:
    """Check a network, train copies of it by the recipe of the budget, and rank it on the board.

    model: takes images `(N, 1, 16, 16)` float32 in [0, 1], any N, and returns scores `(N, 10)`. It
        is left as it was. None and `...`, the result of an untouched stub, are "not attempted yet".
    name: 1 to 40 characters. When it comes again, the better of the two designs stays (the older
        one if they are equal); a design of another recipe or version of torch is replaced.

    No error of the model is raised: the report says what is refused, and the board stays as it was.
    """
    label = " ".join(name.split()) if isinstance(name, str) else ""
    if not (0 < len(label) <= LONGEST_NAME and label.isprintable()):
        allowed = f"a text of 1 to {LONGEST_NAME} printable characters"
        raise ValueError(f"name must be {allowed}, got {name!r:.60}")
    if model is None or model is Ellipsis:
        return Design(label, "not attempted", "Build your network, then run this cell again.")
    try:
        return _ranked(measure(model, label))
    except Refused as refused:
        return Design(label, "refused", str(refused), refused.advice, **refused.counts)
    except KeyboardInterrupt:
        said = "You stopped the training. The board stays as it was."
        return Design(label, "interrupted", said)


def _ranked(entry: Entry) -> Design:
    """Put an entry on the board; report its place."""
    earlier: list[Entry] = []

    def put(content: dict[str, list[Entry]]) -> dict[str, list[Entry]]:
        others = []
        for one in content["designs"]:
            (earlier if one.name == entry.name else others).append(one)
        rivals = [one for one in earlier if one.recipe == entry.recipe]
        best = min([*rivals, entry], key=lambda one: one.key)  # the first, the older, if equal
        return content | {"designs": [*others, best]}

    content, notice = BoardFile().change(put)
    rank, places, notes = None, None, []
    if content is not None:
        names = [one.name for one in Board(content["designs"]).entries]
        rank, places = 1 + names.index(entry.name), len(names)
        notes = [_against(old, entry) for old in earlier]
    notes = [*notes, "Copies were trained; your network is as it was.", *filter(None, [notice])]
    trainings, steps = len(design_check.BUDGET.seeds), design_check.BUDGET.steps
    message = (
        f"{entry.right} of {entry.asked} answers are right: {entry.asked // trainings} scans of "
        f"the test part, {trainings} trainings of {steps} steps."
    )
    counts = (entry.parameters, entry.macs, entry.right, entry.asked)
    return Design(entry.name, "trained", message, "", *counts, rank, places, tuple(notes))


def _against(old: Entry, new: Entry) -> str:
    it = f"It replaces your earlier {new.name}"
    if new.recipe != old.recipe:
        return f"{it}, which was trained by another recipe and cannot be compared."
    what = f"{_percent(old)} with {old.macs:,} multiply-adds"
    if new.key == old.key:
        return f"The same result stood on the board under {new.name}: it counts once."
    if new.key < old.key:
        return f"{it} ({what})."
    return f"Your earlier {new.name} is better ({what}) and keeps the place."


def board() -> Board:
    """Return the board: the designs of `check_design` so far."""
    content, notice = BoardFile().read()
    return Board(content["designs"], notice)


_HEADS = ("Place", "Design", "Right", "Multiply-adds", "Parameters")


class Board:
    """The designs of the present recipe, the best first, as a table. notice: about the file."""

    def __init__(self, designs: Sequence[Entry], notice: str = "") -> None:
        recipe = design_check.BUDGET.recipe
        present = [one for one in designs if one.recipe == recipe]
        self.entries = sorted(present, key=lambda one: (one.key, one.name))
        self.notice, others = notice, len(designs) - len(present)
        count = plural(len(present), "design") if present else "No design yet"
        self.caption = (
            f"{count}. Ranked by right answers, then by fewer multiply-adds, then parameters."
        )
        if others:
            self.caption += f" Trained by another recipe or torch, so not shown: {others}."

    def __len__(self) -> int:
        return len(self.entries)

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (f"{place}", one.name, _percent(one), f"{one.macs:,}", f"{one.parameters:,}")
            for place, one in enumerate(self.entries, 1)
        ]

    def __repr__(self) -> str:
        rows = [_HEADS, *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        form = "  ".join(f"{{:{'<>'[i > 1]}{width}}}" for i, width in enumerate(widths))
        lines = [form.format(*row).rstrip() for row in rows] if rows[1:] else []
        return "\n".join([self.caption, *lines, *filter(None, [self.notice])])

    def _repr_html_(self) -> str:
        look = f"padding:.15em .8em;color:{INK};border-bottom:1px solid {FAINT};text-align:"

        def row(tag: str, texts: Sequence[str]) -> str:
            cells = (
                f'<{tag} style="{look}{"left" if i < 2 else "right"}">{escape(one)}</{tag}>'
                for i, one in enumerate(texts)
            )
            return f"<tr>{''.join(cells)}</tr>"

        rows = "".join(row("td", texts) for texts in self._rows())
        notice = f'<p role="status">{escape(self.notice)}</p>' if self.notice else ""
        return (
            '<div class="cnn-board"><table style="border-collapse:collapse;font-size:1em;'
            f'background:{PAPER}"><caption style="text-align:left;color:{INK}">{self.caption}'
            f"</caption><thead>{row('th', _HEADS)}</thead><tbody>{rows}</tbody></table>"
            f"{notice}</div>"
        )


class BoardFile(StateFile):
    """The file of the board: its designs, each name once."""

    CANNOT_READ = "The board cannot be read: {reason}"
    DAMAGED = "The board could not be read ({reason}). It is kept as {kept}."
    NOT_KEPT = "It is not kept on the board: {reason}"

    def __init__(self) -> None:
        super().__init__("capstone", "board.json")

    def empty(self) -> dict[str, list[Entry]]:
        return {"designs": []}

    def decode(self, data: object) -> dict[str, list[Entry]]:
        if not isinstance(data, dict) or data.get("version") != 2:
            raise ValueError("it is no board of version 2")
        with suppress(KeyError, TypeError):
            designs = [Entry(**one) for one in data["designs"]]
            if all(map(_is_whole, designs)):
                return {"designs": designs}
        raise ValueError("a design is damaged")

    def encode(self, content: dict[str, list[Entry]]) -> dict:
        return {"version": 2, "designs": [one._asdict() for one in content["designs"]]}


def _is_whole(one: Entry) -> bool:
    kinds = [type(value) for value in one] == [str, int, int, int, int, str]
    return kinds and 0 <= one.right <= one.asked > 0
