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

_VERSION = 2
_OTHER = "other recipe"
_HEADS = ("Place", "Design", "Right", "Multiply-adds", "Parameters")


def percent(right: int, asked: int) -> str:
    """Write a share of right answers, as in "97.8 %"."""
    return f"{100 * right / asked:.1f} %"


class Entry(NamedTuple):
    """A design on the board.

    right, asked: answers of all its trainings on the test part. recipe: how it was trained, as a
    text that is equal for designs that can be compared.
    """

    name: str
    parameters: int
    macs: int
    right: int
    asked: int
    recipe: str = ""

    @property
    def key(self) -> tuple:
        """What the board is ordered by: more right answers, then fewer MACs, then parameters."""
        return (-self.right / self.asked, self.macs, self.parameters)


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries, the best first; equal ones by name."""
    return sorted(entries, key=lambda one: (*one.key, one.name))


class Board:
    """The designs so far, the best first. As the last expression of a cell it is shown as a table.

    entries: the designs of the board's recipe, in their order; `len` counts these. others: the
    designs of another recipe, by name; they have no place. references: networks of the course, by
    the board's recipe; they have no place either. notice: what to say about the file, empty as a
    rule. trained: how the designs were trained, in a sentence for the caption.
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

    def _rows(self) -> list[tuple[str, ...]]:
        """The texts of each row: designs and references in one order, then the other recipes."""
        lines = [(f"{place}", one) for place, one in enumerate(self.entries, 1)]
        lines += [("course", one) for one in self.references]
        lines.sort(key=lambda line: line[1].key)
        lines += [(_OTHER, one) for one in self.others]
        return [
            (place, e.name, percent(e.right, e.asked), f"{e.macs:,}", f"{e.parameters:,}")
            for place, e in lines
        ]

    def _caption(self) -> str:
        count = {0: "No design yet", 1: "1 design"}.get(len(self), f"{len(self)} designs")
        ranked = f"{count}. Ranked by right answers, then by fewer multiply-adds, then parameters."
        if not self.others:
            return ranked
        more = {1: "1 more was"}.get(len(self.others), f"{len(self.others)} more were")
        return f"{ranked} {more} trained by another recipe: not comparable, so without a place."

    def __repr__(self) -> str:
        rows = [_HEADS, *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows if rows[1:] else ():
            cells = [f"{cell:{'<>'[i > 1]}{widths[i]}}" for i, cell in enumerate(row)]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([self._caption(), *lines, *filter(None, [self.notice])])

    def _repr_html_(self) -> str:
        cell = f"padding:.15em .8em;color:{INK};border-bottom:1px solid {FAINT};text-align:"
        right = f"{cell}right;font-variant-numeric:tabular-nums"
        heads = "".join(
            f'<th scope="col" style="{cell}{"left" if i < 2 else "right"}">{head}</th>'
            for i, head in enumerate(_HEADS)
        )
        rows = []
        for row in self._rows():
            place, name, *numbers = map(html.escape, row)
            ground = "none" if place in ("course", _OTHER) else tint(GOOD, 0.1)
            data = "".join(f'<td style="{right}">{number}</td>' for number in numbers)
            rows.append(
                f'<tr style="background:{ground}"><td style="{cell}left">{place}</td>'
                f'<th scope="row" style="{cell}left">{name}</th>{data}</tr>'
            )
        notice = f'<p role="status">{html.escape(self.notice)}</p>' if self.notice else ""
        return (
            '<div class="cnn-board"><table style="border-collapse:collapse;font-size:1em;'
            f'background:{PAPER}"><caption style="text-align:left;color:{INK}">{self._caption()} '
            f"{html.escape(self.trained)}</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>{notice}</div>"
        )


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
        """Return what the file holds; ValueError says what is wrong with it."""
        if not isinstance(data, dict) or data.get("version") != _VERSION:
            raise ValueError(f"it is no board of version {_VERSION}")
        content = BoardContent(_entries(data.get("designs")), _entries(data.get("references")))
        if len({one.name for one in content.designs}) < len(content.designs):
            raise ValueError("a name stands there twice")
        return content

    def encode(self, content: BoardContent) -> dict:
        """Return version, designs and references."""
        lists = {key: [one._asdict() for one in value] for key, value in content._asdict().items()}
        return {"version": _VERSION, **lists}


def _entries(records: object) -> list[Entry]:
    if not isinstance(records, list):
        raise ValueError("it holds no list of designs")
    found = []
    for record in records:
        if not isinstance(record, dict) or record.keys() != set(Entry._fields):
            raise ValueError("a design is damaged")
        one = Entry(**record)
        numbers = (one.parameters, one.macs, one.right, one.asked)
        whole = all(type(number) is int and number >= 0 for number in numbers)
        texts = isinstance(one.name, str) and isinstance(one.recipe, str)
        if not (whole and texts and one.right <= one.asked > 0):
            raise ValueError("a design is damaged")
        found.append(one)
    return found
