"""The board of the capstone: designs, their order, and the file in which they survive.

A name has one place on it. The order: more right answers, then fewer multiply-adds, then fewer
parameters. Scores of different recipes cannot be compared: only designs of the present recipe have
places, and the others stand at the end. How the file is kept safe: `course_utils.state`.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from course_utils.drawing.style import FAINT, GOOD, INK, PAPER, tint
from course_utils.lessons.imagenet_winners import design_check
from course_utils.lessons.imagenet_winners.design_check import Entry
from course_utils.state import StateFile

_VERSION = 2
_OTHER = "other recipe"
_HEADS = ("Place", "Design", "Right", "Multiply-adds", "Parameters")


def percent(right: int, asked: int) -> str:
    """Write a share of right answers, as in "97.8 %"."""
    return f"{100 * right / asked:.1f} %"


def _in_order(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda one: (*one.key, one.name))


class Board:
    """The designs so far, the best first. As the last expression of a cell it is shown as a table.

    entries: the designs of the present recipe, in their order; `len` counts these. others: the
    designs of another recipe, by name. references: networks of the course; no places either.
    notice: what to say about the file, empty as a rule.
    """

    def __init__(
        self, designs: Sequence[Entry], references: Sequence[Entry] = (), notice: str = ""
    ) -> None:
        recipe = design_check.BUDGET.recipe
        self.entries = _in_order([one for one in designs if one.recipe == recipe])
        others = [one for one in designs if one.recipe != recipe]
        self.others = sorted(others, key=lambda one: one.name)
        self.references, self.notice = references, notice

    def __len__(self) -> int:
        return len(self.entries)

    def _rows(self) -> list[tuple[str, ...]]:
        """The texts of each row: designs and references in one order, then the other recipes."""
        lines = [(f"{place}", one) for place, one in enumerate(self.entries, 1)]
        lines += [("course", one) for one in _in_order(self.references)]
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
        rows = ""
        for row in self._rows():
            place, name, *numbers = map(html.escape, row)
            ground = "none" if place in ("course", _OTHER) else tint(GOOD, 0.1)
            data = "".join(f'<td style="{right}">{number}</td>' for number in numbers)
            rows += (
                f'<tr style="background:{ground}"><td style="{cell}left">{place}</td>'
                f'<th scope="row" style="{cell}left">{name}</th>{data}</tr>'
            )
        notice = f'<p role="status">{html.escape(self.notice)}</p>' if self.notice else ""
        return (
            '<div class="cnn-board"><table style="border-collapse:collapse;font-size:1em;'
            f'background:{PAPER}"><caption style="text-align:left;color:{INK}">{self._caption()} '
            f"{design_check.BUDGET.sentence}</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{rows}</tbody></table>{notice}</div>"
        )


class BoardFile(StateFile):
    """The file of the board: its designs, each name once, and networks of the course."""

    CANNOT_READ = "The board cannot be read: {reason}"
    DAMAGED = "The board could not be read ({reason}). It is kept as {kept}."
    NOT_KEPT = "It is not kept on the board: {reason}"

    def __init__(self) -> None:
        super().__init__("capstone", "board.json")

    def empty(self) -> dict[str, list[Entry]]:
        return {"designs": [], "references": []}

    def decode(self, data: object) -> dict[str, list[Entry]]:
        if not isinstance(data, dict) or data.get("version") != _VERSION:
            raise ValueError(f"it is no board of version {_VERSION}")
        try:
            content = {key: [Entry(**one) for one in data[key]] for key in self.empty()}
            whole = all(map(_is_whole, sum(content.values(), [])))
        except (KeyError, TypeError):
            whole = False
        if not whole:
            raise ValueError("a design is damaged")
        return content

    def encode(self, content: dict[str, list[Entry]]) -> dict:
        lists = {key: [one._asdict() for one in entries] for key, entries in content.items()}
        return {"version": _VERSION, **lists}


def _is_whole(one: Entry) -> bool:
    kinds = [type(value) for value in one] == [str, int, int, int, int, str]
    return kinds and 0 <= one.right <= one.asked > 0
