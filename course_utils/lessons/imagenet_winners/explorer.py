"""The winners' chart: any two quantities of the competition, and every number with its source.

chart = WinnersChart(entries)      # entries with their counts, see competition.py
chart                              # error against year; hover a point for its facts
chart.x.value = "macs"             # what did the errors cost?
chart.entry.value = "vgg-2014"     # the facts of one entry, without a mouse
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

from course_utils.lessons.imagenet_winners.competition import Entry
from course_utils.lessons.imagenet_winners.figures import (
    AXES,
    facts,
    heading,
    split,
    title,
    winners_chart,
)
from course_utils.old_explorer import Explorer, View, choice

CHOICES = {
    "year": "year",
    "error": "error of the entry",
    "single": "error of one network",
    "depth": "layers",
    "parameters": "parameters",
    "macs": "multiply-adds",
}
"""Axis -> its name in the two lists."""

LOGARITHMIC = {
    "none": "both linear",
    "x": "log across",
    "y": "log up",
    "both": "both log",
}
"""Which axes are logarithmic -> its name in the list."""

# JupyterLab floats the parts of a <dl>, so the facts are a plain list.
_STYLE = """<style>
.cnn-facts-beside { display: grid; grid-template-columns: minmax(0, 62fr) minmax(0, 38fr);
  gap: 14px; align-items: start; }
.cnn-facts { font-size: max(14px, calc(0.7 * var(--cnn-says-size, 16px))); line-height: 1.3;
  color: var(--jp-content-font-color1, #1F2430); }
.cnn-facts ul { list-style: none; margin: .2em 0; padding: 0; font-size: 1em; }
.cnn-facts li { margin: .3em 0 0; padding: 0; font-size: 1em; }
.cnn-facts span { display: block; font-size: 0.92em; opacity: .85; }
</style>"""


class WinnersChart(Explorer):
    """Explorer of the ImageNet competition.

    Args:
        entries: of `competition.winners()`, with their counts filled in.
        x, y: year, error, single, depth, parameters or macs.
        scales: which axes are logarithmic: `"none"`, `"x"`, `"y"` or `"both"`.
        entry: id of the entry whose facts are listed.

    Raises:
        ValueError: for a first value outside its range, or no entries.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        x: str = "year",
        y: str = "error",
        scales: str = "none",
        entry: str = "alexnet-2012",
    ) -> None:
        entries = tuple(entries)
        if not entries:
            raise ValueError("entries must hold at least one entry, got none")
        names = [(label, key) for key, label in CHOICES.items()]
        listed = [
            (one.name if one.place == "human" else f"{one.year} {one.name}", one.id)
            for one in entries
        ]
        kinds = [(label, key) for key, label in LOGARITHMIC.items()]
        controls = {
            "x": choice("Across", x, names),
            "y": choice("Up", y, names),
            "scales": choice("Scales", scales, kinds),
            "entry": choice("Facts of", entry, listed),
        }
        super().__init__(partial(view, entries), controls)


def view(entries: Sequence[Entry], x: str, y: str, scales: str, entry: str) -> View:
    """Draw one state of the chart, with the facts of the chosen entry beside it.

    Raises:
        ValueError: for two equal axes or a logarithm of the year (see `winners_chart`).
    """
    chosen = next(one for one in entries if one.id == entry)
    diagram = winners_chart(
        entries, x, y, x_log=scales in ("x", "both"), y_log=scales in ("y", "both"), chosen=entry
    )
    html = f'{_STYLE}<div class="cnn-facts-beside">{diagram.svg}{_facts(chosen)}</div>'
    return View(html, says(entries, x, y, chosen), diagram.alt)


def says(entries: Sequence[Entry], x: str, y: str, chosen: Entry) -> str:
    """Say how many entries the chart shows, which are left out, and the numbers of the chosen."""
    known, unknown = split(entries, x, y)
    teams = len(known) + len(unknown)
    said = f"{len(known)} of {teams} entries have both numbers."
    if unknown:
        said += f" Left out: {', '.join(title(one, x, y) for one in unknown)}."
    if chosen.place == "human":
        return f"{said} {chosen.name}: {AXES['error'].text(chosen.error)} errors."
    pair = [(key, AXES[key].of(chosen)) for key in (x, y)]
    numbers = [
        AXES[key].text(value) if value is not None else f"{CHOICES[key]} unknown"
        for key, value in pair
    ]
    said += f" {title(chosen, x, y)}: {', '.join(numbers)}."
    of_one = [CHOICES[key] for key in (x, y) if key in ("single", "depth", "parameters", "macs")]
    if "error" in (x, y) and of_one:
        said += f" The error is that of the whole entry, {of_one[0]} of one network in it."
    return said


def _facts(entry: Entry) -> str:
    """The facts of one entry as a list; numbers with the same source share a line."""
    by_source: dict[str, list[str]] = {}
    for what, value, source in facts(entry):
        by_source.setdefault(source, []).append(f"{what}: {value}")
    rows = "".join(
        f"<li><b>{escape('; '.join(numbers))}</b><span>{escape(source)}</span></li>"
        for source, numbers in by_source.items()
    )
    return (
        f'<div class="cnn-facts"><b>{escape(heading(entry))}</b><ul>{rows}</ul>'
        f"<div>{escape(entry.note)}</div></div>"
    )
