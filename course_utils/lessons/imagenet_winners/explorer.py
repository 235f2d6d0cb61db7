"""The two panels of lesson 12: the competition as a chart, and networks layer by layer."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from course_utils.drawing.svg import TIMES, share
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.imagenet_winners import figures
from course_utils.lessons.imagenet_winners.competition import Entry, facts, heading
from course_utils.lessons.imagenet_winners.figures import AXES, number, title, written
from course_utils.lessons.imagenet_winners.network_chart import COSTS, NetworkChart, Station


class WinnersChart(Explorer):
    """Explorer of the ImageNet competition: `entries` of `winners()`, with their counts."""

    def __init__(self, entries: Iterable[Entry], **first: object) -> None:
        self.entries = tuple(entries)
        errors = "error", "single"
        across = {axis.name: key for key, axis in AXES.items() if key not in errors}
        up = {axis.name: key for key, axis in AXES.items() if key != "year"}
        listed = {f"{e.year} " * (e.place != "human") + e.name: e.id for e in self.entries}
        self.controls = (
            Choice("x", "Across", across, start="year"),
            Choice("y", "Up", up, start="error"),
            Choice("logarithmic", "Scales", {"linear": False, "logarithmic": True}, start=False),
            Choice("entry", "Facts of", listed, start="alexnet-2012"),
        )
        super().__init__(**first)

    def view(self, x: str, y: str, logarithmic: bool, entry: str) -> View:
        """Draw one state of the chart, with the facts of the chosen entry beside it."""
        if x == y:
            what = AXES[x].name
            raise ValueError(f"Both axes show the {what}. Choose two different quantities.")
        people = [e for e in self.entries if e.place == "human"]
        teams = [e for e in self.entries if e.place != "human"]
        known = [e for e in teams if number(e, x) and number(e, y)]
        if not known:
            raise ValueError(f"entries must hold one with {x} and {y}, got none")
        unknown = [title(e, y) for e in teams if e not in known]
        chosen = next(e for e in self.entries if e.id == entry)
        diagram = figures.winners_chart(known, people, unknown, chosen, x, y, logarithmic)
        html = f'{_FACTS_STYLE}<div class="cnn-facts-beside">{diagram.svg}{_facts(chosen)}</div>'
        said = f"{len(known)} of {len(teams)} entries have both numbers."
        said += f" Left out: {', '.join(unknown)}." if unknown else ""
        return View(html, f"{said} {_says_of_entry(chosen, x, y)}", diagram.alt)


def _says_of_entry(entry: Entry, x: str, y: str) -> str:
    if entry.place == "human":
        return f"{entry.name}: {written(entry, 'error')} errors."
    said = f"{title(entry, y)}: {written(entry, x)}, {written(entry, y)}."
    if y == "error" and x != "year":
        said += f" The error is that of the whole entry, {AXES[x].name} of one network in it."
    return said


def _facts(entry: Entry) -> str:
    """The facts of one entry as a list; numbers with the same source share a line."""
    by_source: dict[str, str] = {}
    for what, value, source in facts(entry):
        before = f"{by_source[source]}; " if source in by_source else ""
        by_source[source] = f"{before}{what}: {value}"
    rows = (f"<li><b>{escape(v)}</b><span>{escape(s)}</span></li>" for s, v in by_source.items())
    head, note = f"<b>{escape(heading(entry))}</b>", f"<div>{escape(entry.note)}</div>"
    return f'<div class="cnn-facts">{head}<ul>{"".join(rows)}</ul>{note}</div>'


# JupyterLab floats the parts of a <dl>, so the facts are a plain list.
_FACTS_STYLE = """<style>
.cnn-facts-beside { display: grid; grid-template-columns: minmax(0, 62fr) minmax(0, 38fr);
  gap: 14px; align-items: start; }
.cnn-facts { font-size: max(14px, calc(0.7 * var(--cnn-says-size, 16px))); line-height: 1.3;
  color: var(--jp-content-font-color1, #1F2430); }
.cnn-facts ul { list-style: none; margin: .2em 0; padding: 0; font-size: 1em; }
.cnn-facts li { margin: .3em 0 0; padding: 0; font-size: 1em; }
.cnn-facts span { display: block; font-size: 1em; opacity: .85; }
</style>"""


class ArchitectureBrowser(Explorer):
    """Explorer of whole networks, layer by layer, from their ledgers, whose names differ."""

    def __init__(self, ledgers: Iterable, **first: object) -> None:
        self.charts = {one.name: NetworkChart(one) for one in ledgers}
        names = {name: name for name in self.charts}
        measures = {name: measure for measure, name in COSTS.items()}
        most = max(len(chart.stations) for chart in self.charts.values())
        self.controls = (
            Choice("network", "Network", names, start=next(iter(names))),
            Choice("measure", "Bars", measures, start="macs"),
            Slider("layer", "Layer", 1, most, start=1, wide=True),
        )
        super().__init__(**first)

    def limits(self, network: str, **_: object) -> dict[str, int]:
        """Return the number of layers of the network shown."""
        return {"layer": len(self.charts[network].stations)}

    def view(self, network: str, measure: str, layer: int) -> View:
        """Draw one layer of one network among the others, and say what it costs and sees."""
        chart = self.charts[network]
        diagram, one = chart.draw(layer, measure), chart.stations[layer - 1]
        costs = [
            f"{cost:,} {word} ({share(cost, chart.totals[key])})"
            for key, word in COSTS.items()
            if (cost := getattr(one, key)) or key == measure
        ]
        says = f"{one.name} ({one.kinds}): {_puts_out(one)}. {', '.join(costs)}. "
        return View(diagram.svg, says + _sees(one, chart.side), diagram.alt)


def _puts_out(one: Station) -> str:
    return (
        f"{one.maps:,} maps of {one.side}{TIMES}{one.side}"
        if one.side > 1
        else f"{one.maps:,} numbers"
    )


def _sees(one: Station, side: int) -> str:
    where = f" of the image's {side}{TIMES}{side}"
    if one.field > side:
        where = f", more than the image of {side}{TIMES}{side} (the rest is padding)"
    elif one.field == side:
        where = ": the whole image"
    path = ", along the longest path" if one.joins else ""
    near = f"; the next unit looks {one.step} further" if one.side > 1 else ""
    return f"A unit sees {one.field:,}{TIMES}{one.field:,}{where}{path}{near}."
