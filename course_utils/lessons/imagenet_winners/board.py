"""The board of the capstone: designs, their order, and the file in which they survive.

A name has one place on it. The order: more right answers, then fewer multiply-adds, then fewer
parameters. Scores of different recipes cannot be compared: only designs of one recipe have places,
and the others stand at the end. The file is `capstone/board.json` in the state folder; how it is
kept safe: `course_utils.state`.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

from course_utils.drawing.style import FAINT, GOOD, INK, PAPER, tint
from course_utils.state import StateFile

_VERSION = 2  # version 1 had no recipes: its designs come back with the recipe ""
_OTHER = "other recipe"
_HEADS = ["Place", "Design", "Right", "Multiply-adds", "Parameters"]


def percent(right: int, asked: int) -> str:
    """Write a share of right answers, as in "97.8 %"."""
    return f"{100 * right / asked:.1f} %"


class Entry(NamedTuple):
    """A design on the board.

    right, asked: answers of all its trainings on the test part. recipe: how it was trained, as a
    text that is equal for designs that can be compared; empty if that is not known.
    """

    name: str
    parameters: int
    macs: int
    right: int
    asked: int
    recipe: str = ""

    @property
    def accuracy(self) -> float:
        """Share of right answers, from 0 to 1."""
        return self.right / self.asked

    @property
    def key(self) -> tuple:
        """What the board is ordered by: more right answers, then fewer MACs, then parameters."""
        return (-self.accuracy, self.macs, self.parameters)


class Board:
    """The designs so far, the best first. As the last expression of a cell it is shown as a table.

    Attributes:
        entries: the designs of the board's recipe, in their order. `len` counts these.
        others: the designs of another recipe, by name; they have no place.
        references: networks of the course, by the board's recipe; they have no place either.
        notice: what to say about the file; empty as a rule.
        trained: how the designs were trained, in a sentence for the caption.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        references: Sequence[Entry] = (),
        notice: str = "",
        trained: str = "",
        recipe: str = "",
    ) -> None:
        """`recipe`: that of the designs which are ranked, as in `Entry.recipe`."""
        self.entries = tuple(in_order([one for one in entries if one.recipe == recipe]))
        others = [one for one in entries if one.recipe != recipe]
        self.others = tuple(sorted(others, key=lambda one: one.name))
        self.references = tuple(in_order(references))
        self.notice, self.trained = notice, trained

    def __len__(self) -> int:
        return len(self.entries)

    def _lines(self) -> list[tuple[str, Entry]]:
        """(place, entry): designs and references in one order, then those of another recipe."""
        places = [(f"{i}", one) for i, one in enumerate(self.entries, 1)]
        both = places + [("course", one) for one in self.references]
        ranked = sorted(both, key=lambda line: line[1].key)
        return ranked + [(_OTHER, one) for one in self.others]

    def _caption(self) -> str:
        count = {0: "No design yet", 1: "1 design"}.get(len(self), f"{len(self)} designs")
        ranked = f"{count}. Ranked by right answers, then by fewer multiply-adds, then parameters."
        if not self.others:
            return ranked
        more = {1: "1 more was"}.get(len(self.others), f"{len(self.others)} more were")
        return f"{ranked} {more} trained by another recipe: not comparable, so without a place."

    def __repr__(self) -> str:
        cells = [_HEADS, *(_cells(place, one) for place, one in self._lines())]
        widths = [max(len(row[i]) for row in cells) for i in range(len(_HEADS))]
        lines = [
            "  ".join(
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        ]
        return "\n".join(
            [self._caption(), *(lines if cells[1:] else []), *filter(None, [self.notice])]
        )

    def _repr_html_(self) -> str:
        cell = f"padding:.15em .8em;color:{INK};border-bottom:1px solid {FAINT};text-align:"
        heads = "".join(
            f'<th scope="col" style="{cell}{"left" if i < 2 else "right"}">{head}</th>'
            for i, head in enumerate(_HEADS)
        )
        rows = []
        for place, one in self._lines():
            ground = "none" if place in ("course", _OTHER) else tint(GOOD, 0.1)
            texts = [html.escape(text) for text in _cells(place, one)]
            data = "".join(
                f'<td style="{cell}right;font-variant-numeric:tabular-nums">{text}</td>'
                for text in texts[2:]
            )
            rows.append(
                f'<tr style="background:{ground}"><td style="{cell}left">{texts[0]}</td>'
                f'<th scope="row" style="{cell}left">{texts[1]}</th>{data}</tr>'
            )
        notice = f'<p role="status">{html.escape(self.notice)}</p>' if self.notice else ""
        return (
            '<div class="cnn-board"><table style="border-collapse:collapse;font-size:1em;'
            f'background:{PAPER}"><caption style="text-align:left;color:{INK}">{self._caption()} '
            f"{html.escape(self.trained)}</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>{notice}</div>"
        )


def _cells(place: str, one: Entry) -> list[str]:
    return [
        place,
        one.name,
        percent(one.right, one.asked),
        f"{one.macs:,}",
        f"{one.parameters:,}",
    ]


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries, the best first; equal ones by name."""
    return sorted(entries, key=lambda one: (*one.key, one.name))


class BoardContent(NamedTuple):
    """What the file holds: designs, each name once, and networks of the course."""

    designs: list[Entry]
    references: list[Entry]


class BoardFile(StateFile[BoardContent]):
    """The file of the board."""

    CANNOT_READ = "The board cannot be read: {reason}"
    DAMAGED = "The board could not be read ({reason}). It is kept as {kept}."
    NOT_KEPT = "It is not kept on the board: {reason}"

    def __init__(self) -> None:
        super().__init__("capstone", "board.json")

    def empty(self) -> BoardContent:
        """Neither designs nor references."""
        return BoardContent([], [])

    def decode(self, data: object) -> BoardContent:
        """Return what the file holds; ValueError says what is wrong with it.

        Of version 1 the designs come back with the recipe "". Its references are left out: they
        are trained anew.
        """
        version = data.get("version") if isinstance(data, dict) else None
        if version not in (1, _VERSION):
            raise ValueError(f"it is no board of version {_VERSION}")
        fields = Entry._fields if version == _VERSION else Entry._fields[:-1]
        designs = _entries(data.get("designs"), fields)
        if len({one.name for one in designs}) < len(designs):
            raise ValueError("a name stands there twice")
        found = _entries(data.get("references"), fields) if version == _VERSION else []
        return BoardContent(designs, found)

    def encode(self, content: BoardContent) -> dict:
        """Return version, designs and references."""
        return {
            "version": _VERSION,
            "designs": [one._asdict() for one in content.designs],
            "references": [one._asdict() for one in content.references],
        }


def _entries(records: object, fields: Sequence[str]) -> list[Entry]:
    if not isinstance(records, list):
        raise ValueError("it holds no list of designs")
    found = []
    for record in records:
        if not isinstance(record, dict) or record.keys() != set(fields):
            raise ValueError("a design is damaged")
        one = Entry(**record)
        numbers = (one.parameters, one.macs, one.right, one.asked)
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers)
        if (
            not isinstance(one.name, str)
            or not isinstance(one.recipe, str)
            or not whole
            or not one.right <= one.asked
            or not one.asked
        ):
            raise ValueError("a design is damaged")
        found.append(one)
    return found
