"""The two panels of lesson 12: the competition as a chart, and networks layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape

from course_utils.drawing.style import FAINT, HIGHLIGHT, INK, MUTED, PAPER, tint
from course_utils.drawing.svg import ELLIPSIS, TIMES, share
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.imagenet_winners import figures, network_chart
from course_utils.lessons.imagenet_winners.competition import Entry, facts, heading
from course_utils.lessons.imagenet_winners.figures import AXES, numbers, title, written
from course_utils.lessons.imagenet_winners.network_chart import NetworkChart, Station


class WinnersChart(Explorer):
    """Explorer of the ImageNet competition: `entries` of `winners()`, with their counts."""

    def __init__(self, entries: Iterable[Entry], **first: object) -> None:
        self.entries = tuple(entries)
        axes = {axis.name: key for key, axis in AXES.items()}
        scales = {"both linear": "none", "log across": "x", "log up": "y", "both log": "both"}
        listed = {f"{e.year} " * (e.place != "human") + e.name: e.id for e in self.entries}
        self.controls = (
            Choice("x", "Across", axes, start="year"),
            Choice("y", "Up", axes, start="error"),
            Choice("scales", "Scales", scales, start="none"),
            Choice("entry", "Facts of", listed, start="alexnet-2012"),
        )
        super().__init__(**first)

    def view(self, x: str, y: str, scales: str, entry: str) -> View:
        """Draw one state of the chart, with the facts of the chosen entry beside it."""
        logarithmic = {"none": (), "x": (x,), "y": (y,), "both": (x, y)}[scales]
        if "year" in logarithmic:
            raise ValueError(
                "Years have no logarithmic axis: there is no year 0 to count factors from. "
                "Choose a linear scale for that axis."
            )
        if x == y:
            what = AXES[x].name
            raise ValueError(f"Both axes show the {what}. Choose two different quantities.")
        people = [e for e in self.entries if e.place == "human"]
        teams = [e for e in self.entries if e.place != "human"]
        known = [e for e in teams if numbers(e, x) and numbers(e, y)]
        if not known:
            raise ValueError(f"entries must hold one with {x} and {y}, got none")
        unknown = [title(e, x, y) for e in teams if e not in known]
        chosen = next(e for e in self.entries if e.id == entry)
        diagram = figures.winners_chart(known, people, unknown, chosen, x, y, logarithmic)
        html = f'{_FACTS_STYLE}<div class="cnn-facts-beside">{diagram.svg}{_facts(chosen)}</div>'
        said = f"{len(known)} of {len(teams)} entries have both numbers."
        said += f" Left out: {', '.join(unknown)}." if unknown else ""
        return View(html, f"{said} {_says_of_entry(chosen, x, y)}", diagram.alt)


def _says_of_entry(entry: Entry, x: str, y: str) -> str:
    if entry.place == "human":
        return f"{entry.name}: {written(entry, 'error')} errors."
    said = f"{title(entry, x, y)}: {written(entry, x)}, {written(entry, y)}."
    of_one = [AXES[key].name for key in (x, y) if key not in ("year", "error")]
    if "error" in (x, y) and of_one:
        said += f" The error is that of the whole entry, {of_one[0]} of one network in it."
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
.cnn-facts span { display: block; font-size: 0.92em; opacity: .85; }
</style>"""


class ArchitectureBrowser(Explorer):
    """Explorer of whole networks, one at a time, from their ledgers, whose names differ.

    A click chooses a layer, because a transparent button lies over each slab: an SVG in an
    `ipywidgets.HTML` cannot tell the kernel of a click. The keyboard has the slider, so the buttons
    are no tab stops. Hovering names a layer, on pages without a kernel as well.
    """

    def __init__(self, ledgers: Iterable, **first: object) -> None:
        self.charts = {one.name: NetworkChart(one) for one in ledgers}
        names = {name: name for name in self.charts}
        measures = {name: measure for measure, name in MEASURES.items()}
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

    def pick(self, name: str) -> None:
        """Choose a layer of the network shown by its name; ValueError if it has none of it."""
        network = self.state["network"]
        names = [one.name for one in self.charts[network].stations]
        if name not in names:
            shown = ", ".join(names[:12]) + f", {ELLIPSIS}" * (len(names) > 12)
            raise ValueError(f"layer must be one of {network}'s ({shown}), got {name!r}")
        self.move(layer=names.index(name) + 1)

    def view(self, network: str, measure: str, layer: int) -> View:
        """Draw one layer of one network among the others, and say what it costs and sees."""
        chart = self.charts[network]
        diagram, one = chart.draw(layer, measure), chart.stations[layer - 1]
        word = "MACs" if measure == "macs" else measure
        part = f"{share(getattr(one, measure), chart.totals[measure])} of the {word}"
        html = _STRIP_STYLE + diagram.svg + table(chart, layer, measure, f"Share of {word}")
        says = f"{one.name}: {_puts_out(one)}, {part}. {_sees(one, chart.input_shape)}"
        return View(html, says, diagram.alt)

    def arrange(self, controls, reset, picture, sentence) -> list:
        """Lay the buttons of the network shown over its picture; they are made once."""
        import ipywidgets

        over = ipywidgets.Box()
        over.add_class("cnn-strip")
        made = cache(self._strip)

        def lay(_=None) -> None:
            over.children = (made(controls["network"].value),)

        lay()
        controls["network"].observe(lay, names="value")
        box, *rest = super().arrange(controls, reset, picture, sentence)
        return [box, over, *rest]

    def _strip(self, network: str):
        """Return transparent buttons in the places of the layers; a click chooses one."""
        import ipywidgets

        chart = self.charts[network]
        plain = ipywidgets.Layout(width="auto", height="auto", margin="0")
        look = ipywidgets.Button().style  # one for all: a deep network has hundreds
        parts = [ipywidgets.Box()]  # before the first layer
        for number, one in enumerate(chart.stations, 1):
            note = {"tooltip": f"{number}. {one.name}", "tabbable": False}
            parts.append(ipywidgets.Button(layout=plain, style=look, **note))
            parts[-1].on_click(lambda _, number=number: self.move(layer=number))
        # Browsers round each column down to 1/64 pixel: half of that comes back, on average.
        columns = " ".join(f"calc({width:.3f}% + {1 / 128}px)" for width in chart.columns())
        top, bottom = network_chart.SLOTS
        rows = f"{top}fr {bottom - top}fr {network_chart.HEIGHT - bottom}fr"
        layout = {"grid_template_columns": columns, "grid_template_rows": rows}
        grid = ipywidgets.GridBox(parts, layout=layout)
        grid.add_class("cnn-strip-grid")
        return grid


MEASURES = {"macs": "MACs", "parameters": "Parameters", "activations": "Activations"}


def _puts_out(one: Station) -> str:
    if one.side > 1:
        return f"{one.maps:,} maps of {one.output_shape[1]}{TIMES}{one.output_shape[2]}"
    return f"{one.maps:,} numbers" if one.side else "not used in this forward pass"


def _sees(one: Station, input_shape: tuple[int, int, int]) -> str:
    if not one.field:
        return "It has no receptive field."
    (rows, columns), (high, wide) = one.field, input_shape[1:]
    where = f" of the image's {high}{TIMES}{wide}"
    if rows > high or columns > wide:
        where = f", more than the image of {high}{TIMES}{wide} (the rest is padding)"
    elif (rows, columns) == (high, wide):
        where = ": the whole image"
    path = ", along the longest path" if one.joins else ""
    near = f"; the next unit looks {one.step:g} further" if one.side != 1 else ""
    return f"A unit sees {rows:,}{TIMES}{columns:,}{where}{path}{near}."


AROUND = 2  # rows of the table before the chosen layer, and after it; the others are summed up


def table(chart: NetworkChart, layer: int, measure: str, share_of: str) -> str:
    """Return the rows around a layer as an HTML table whose numbers add up to the totals."""
    layers, totals = chart.stations, chart.totals
    first = max(0, min(layer - 1 - AROUND, len(layers) - 2 * AROUND - 1))
    last = first + 2 * AROUND + 1
    counted = ["parameters", "macs"] + ["activations"] * (measure == "activations")
    thin = f"border-top:1px solid {FAINT}"

    def row(name: str, some, look: str, weight=400, kinds="", shape="", field="") -> str:
        sums = {key: sum(getattr(one, key) for one in some) for key in counted}
        numbers = [f"{n:,}" for n in sums.values()] + [share(sums[measure], totals[measure])]
        head = f'<th scope="row" style="{_CELL}left;font-weight:{weight}">{escape(name)}</th>'
        return f"<tr{look}>{head}{_cells('td', [kinds, shape, *numbers, field])}</tr>"

    def rest(some: Sequence[Station], where: str) -> str:
        name = f"{len(some) or 'no'} layer{'s' * (len(some) > 1)} {where}"
        return row(name, some, f' style="background:none;color:{MUTED};{thin}"')

    def shown(number: int, one: Station) -> str:
        chosen = number == layer
        ground = f"{tint(HIGHLIGHT, 0.16)};font-weight:700" if chosen else "none"
        look = ' aria-current="true"' * chosen + f' style="background:{ground};{thin}"'
        kinds = " + ".join(kind.removesuffix("2d") for kind in one.kinds)
        field = TIMES.join(f"{n:,}" for n in dict.fromkeys(one.field)) if one.field else "–"
        weight = 700 if chosen else 400
        return row(f"{number}. {one.name}", [one], look, weight, kinds, one.shape, field)

    near = (shown(number, one) for number, one in enumerate(layers[first:last], first + 1))
    rows = "".join([rest(layers[:first], "before"), *near, rest(layers[last:], "after")])
    heads = ["Layer", "Kind", "Output", *(MEASURES[key] for key in counted), share_of, "Field"]
    foot = row(chart.name, layers, f' style="border-top:1px solid {MUTED}"', 700)
    return (
        # A page narrower than the table shrinks its type, and at last scrolls it alone.
        '<div style="container-type:inline-size;overflow-x:auto"><table class="cnn-ledger" '
        f'aria-label="Layers around {escape(layers[layer - 1].name)}" '
        'style="border-collapse:collapse;width:100%;margin:0;'
        f"background:{PAPER};color:{INK};font-size:clamp(12px,1.5cqw,15px);"
        f'font-variant-numeric:tabular-nums"><thead><tr>{_cells("th", heads)}</tr></thead>'
        f"<tbody>{rows}</tbody><tfoot>{foot}</tfoot></table></div>"
    )


_CELL = "padding:0 6px;white-space:nowrap;line-height:1.3;text-align:"


def _cells(tag: str, texts: Sequence[str]) -> str:
    """Cells of a row, words on the left and numbers on the right."""
    words, scope = (2, ' scope="col"') if tag == "th" else (1, "")
    return "".join(
        f'<{tag}{scope} style="{_CELL}{"left" if i < words else "right"}">{escape(text)}</{tag}>'
        for i, text in enumerate(texts)
    )


# JupyterLab does not pass `layout.grid_column` on; 208 layers need more than one column to drag in.
_STRIP_STYLE = f"""<style>
.cnn-explorer .cnn-two-columns {{ grid-column: span 2; }}
.cnn-explorer .cnn-strip {{ position: relative; height: 0; margin: 0; width: 100%; z-index: 1;
  overflow: visible; flex: none; }}
.cnn-explorer .cnn-strip-grid {{ position: absolute; top: var(--jp-widgets-margin, 2px);
  left: var(--jp-widgets-margin, 2px); right: var(--jp-widgets-margin, 2px); margin: 0;
  max-width: 1280px; aspect-ratio: 1000 / {network_chart.HEIGHT}; gap: 0; overflow: visible; }}
.cnn-explorer .cnn-strip-grid > * {{ grid-row: 2; min-width: 0; }}
.cnn-explorer .cnn-strip-grid > button.jupyter-button {{ border: 0;
  padding: 0 !important; background: transparent; box-shadow: none; cursor: pointer; }}
.cnn-explorer .cnn-strip-grid > button.jupyter-button:hover {{ background: {HIGHLIGHT}33;
  box-shadow: none; }}
</style>"""
