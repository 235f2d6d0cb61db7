"""The ledger as text and as HTML, with headings for screen readers; a bar is a number's share."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from course_utils.drawing.svg import share

if TYPE_CHECKING:
    from course_utils.ledger import Ledger, Row

CONVENTION = (
    "MAC = one multiply-add of a convolution or linear weight; biases, normalisation, pooling and "
    "activations are not counted"
)
FOLD_ROWS = 48  # a longer table is folded behind the table by block
_HEADS = ["layer", "kind", "output", "parameters", "MACs", "activations", "field", "stride"]
_HTML_HEADS = ["Kind", "Output (C×H×W)", "Parameters", "MACs", "Activations", "Receptive field"]
_CELL = "padding:.15em .6em;white-space:nowrap;text-align:"


def _shape(shape: tuple[int, ...] | None) -> str:
    return "not used" if shape is None else "×".join(map(str, shape)) or "1"


def _extent(value: int | tuple[int, ...] | None) -> str:
    values = value if isinstance(value, tuple) else (value,)
    return "–" if value is None else "×".join(f"{n:,}" for n in values)


def _costs(one: Row | Ledger) -> list[str]:
    return [f"{number:,}" for number in (one.parameters, one.macs, one.activations)]


def _cells(row: Row) -> list[str]:
    extents = _extent(row.receptive_field), _extent(row.stride)
    return [row.label, row.kind, _shape(row.output_shape), *_costs(row), *extents]


def as_text(one: Ledger) -> str:
    rows = [_HEADS, *map(_cells, one.rows), ["total", "", "", *_costs(one), "", ""]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = "  ".join(f"{{:{'<' if i < 2 else '>'}{width}}}" for i, width in enumerate(widths))
    heads, *lines = (form.format(*row).rstrip() for row in rows)
    title = f"{one.name} on {_shape(one.input_shape)} ({CONVENTION})"
    rule = "-" * max(map(len, [heads, *lines]))
    return "\n".join([title, heads, rule, *lines, *(f"note: {note}" for note in one.notes)])


def _th(text: str, scope: str, align: str = "left", span: str = "") -> str:
    return f'<th scope="{scope}"{span} style="{_CELL}{align}">{html.escape(text)}</th>'


def _tr(cells: Sequence[str], shares: Sequence[float] = (0, 0), kind: str = "left") -> str:
    """A row of a table; `shares` of parameters and MACs from 0 to 1 draw a bar under the number."""
    data = ""
    for cell, part, align in zip(
        cells[1:], (0, 0, *shares, 0, 0, 0), [kind] + ["right"] * 6, strict=True
    ):
        style, width = (
            _CELL + align,
            max(1, round(100 * part)),
        )  # in whole percent: equal on every machine
        if part:
            style += f";background:linear-gradient(to left,#56B4E955 {width}%,transparent {width}%)"
        data += f'<td style="{style}">{html.escape(cell)}</td>'
    return f"<tr>{_th(cells[0], 'row')}{data}</tr>"


def _body(rows: Sequence[Row], one: Ledger, heading: str = "") -> str:
    shares = ((row.parameters / (one.parameters or 1), row.macs / (one.macs or 1)) for row in rows)
    return f"<tbody>{heading}{''.join(map(_tr, map(_cells, rows), shares))}</tbody>"


def _table(heads: list[str], bodies: list[str], one: Ledger) -> str:
    top = (_th(head, "col", "left" if i < 2 else "right") for i, head in enumerate(heads))
    foot = _tr(["Total", "", "", *_costs(one), "", ""], kind="right")
    caption = f"<b>{html.escape(one.name)}</b> on {_shape(one.input_shape)}. {CONVENTION}."
    return (
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">'
        f'<caption style="text-align:left">{caption}</caption>'
        f"<thead><tr>{''.join(top)}</tr></thead>{''.join(bodies)}<tfoot>{foot}</tfoot></table>"
    )


def _heading(block: Row, one: Ledger) -> str:
    parameters, macs = share(block.parameters, one.parameters), share(block.macs, one.macs)
    sums = f"{block.name}: {parameters} of the parameters, {macs} of the MACs"
    cell = _th(sums, "rowgroup", span=' colspan="8"')
    return f'<tr style="border-top:1px solid #C9CED6">{cell}</tr>' if block.layers > 1 else ""


def as_html(one: Ledger) -> str:
    blocks = one.blocks()
    bodies = [
        _body([row for row in one.rows if row.block == block.name], one, _heading(block, one))
        for block in blocks
    ]
    shown = _table(["Layer", *_HTML_HEADS, "Stride"], bodies, one)
    if len(one) > FOLD_ROWS:
        short = _table(["Block", "Layers", *_HTML_HEADS[1:], "Stride"], [_body(blocks, one)], one)
        shown = f"{short}<details><summary>All {len(one)} layers</summary>{shown}</details>"
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in one.notes)
    return f"<div>{shown}{f'<ul>{notes}</ul>' if notes else ''}</div>"
