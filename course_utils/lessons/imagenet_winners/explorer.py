"""The two panels of lesson 12: the competition as a chart, and networks layer by layer.

chart = WinnersChart(entries)          # entries with their counts, see competition.py
chart.move(x="macs")                   # what did the errors cost?
chart.move(entry="vgg-2014")           # the facts of one entry, without a mouse

panel = ArchitectureBrowser(ledgers)   # a list of what `ledger(...)` returns
panel.move(network="VGG-16")
panel.pick("block5.conv5_3")           # a layer by its name, as in the table
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from html import escape
from itertools import pairwise

from course_utils.drawing.style import FAINT, HIGHLIGHT, INK, MUTED, PAPER, tint
from course_utils.drawing.svg import ELLIPSIS, TIMES, share
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.imagenet_winners.competition import Entry
from course_utils.lessons.imagenet_winners.figures import facts, heading
from course_utils.lessons.imagenet_winners.network_chart import (
    COSTS,
    HEIGHT,
    SLOTS,
    NetworkChart,
    Station,
    pair,
)
from course_utils.lessons.imagenet_winners.winners_chart import (
    AXES,
    draw_chart,
    split,
    title,
    written,
)

# ---------------------------------------------------------------------------------------------
# The winners

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


class WinnersChart(Explorer):
    """Explorer of the ImageNet competition: `entries` of `winners()`, with their counts."""

    def __init__(self, entries: Iterable[Entry], **first: object) -> None:
        entries = tuple(entries)
        axes = {axis.name: key for key, axis in AXES.items()}
        scales = {"both linear": "none", "log across": "x", "log up": "y", "both log": "both"}
        listed = {
            one.name if one.place == "human" else f"{one.year} {one.name}": one.id
            for one in entries
        }
        self.controls = (
            Choice("x", "Across", axes, start="year"),
            Choice("y", "Up", axes, start="error"),
            Choice("scales", "Scales", scales, start="none"),
            Choice("entry", "Facts of", listed, start="alexnet-2012"),
        )
        self.view = partial(view_winners, entries)
        super().__init__(**first)


def view_winners(entries: Sequence[Entry], x: str, y: str, scales: str, entry: str) -> View:
    """Draw one state of the chart, with the facts of the chosen entry beside it."""
    if ("year", True) in ((x, scales in ("x", "both")), (y, scales in ("y", "both"))):
        raise ValueError(
            "years have no logarithmic axis: there is no year 0 to count factors from. "
            "Choose a linear scale for that axis."
        )
    if x == y:
        raise ValueError(f"both axes show the {x}: choose two different quantities")
    chosen = next(one for one in entries if one.id == entry)
    known, unknown = split(entries, x, y)
    if not known:
        raise ValueError(f"entries must hold one with {x} and {y}, got none")
    diagram = draw_chart(entries, x, y, scales, chosen)
    html = f'{_FACTS_STYLE}<div class="cnn-facts-beside">{diagram.svg}{_facts(chosen)}</div>'
    said = f"{len(known)} of {len(known) + len(unknown)} entries have both numbers."
    if unknown:
        said += f" Left out: {', '.join(title(one, x, y) for one in unknown)}."
    return View(html, f"{said} {_numbers(chosen, x, y)}", diagram.alt)


def _numbers(chosen: Entry, x: str, y: str) -> str:
    """The two numbers of the chosen entry, in one or two sentences."""
    if chosen.place == "human":
        return f"{chosen.name}: {written(chosen, 'error')} errors."
    said = f"{title(chosen, x, y)}: {written(chosen, x)}, {written(chosen, y)}."
    of_one = [AXES[key].name for key in (x, y) if key not in ("year", "error")]
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


# ---------------------------------------------------------------------------------------------
# The browser

AROUND = 2
"""Rows of the table before the chosen layer, and after it; the others are summed up."""


class ArchitectureBrowser(Explorer):
    """Explorer of whole networks, one at a time.

    A click chooses a layer, because a transparent button lies over each slab: an SVG in an
    `ipywidgets.HTML` cannot tell the kernel of a click. The keyboard has the slider, so the buttons
    are no tab stops. Hovering names a layer, on pages without a kernel as well.

    The layers are those of `network_chart.stations`: normalisation and activation are counted with
    the layer before them.

    Args:
        ledgers: what `course_utils.ledger.ledger` returns for networks on images `(C, H, W)`, with
            the names to show; names must differ.
        first: network, a name; layer, its number from 1; measure, a key of `COSTS`: what the bars
            and the shares are of.
    """

    def __init__(self, ledgers: Iterable, **first: object) -> None:
        self.charts = {one.name: NetworkChart(one) for one in ledgers}
        names = {name: name for name in self.charts}
        measures = {"MACs": "macs", "Parameters": "parameters", "Activations": "activations"}
        most = max(len(chart.stations) for chart in self.charts.values())
        self.controls = (
            Choice("network", "Network", names, start=next(iter(names))),
            Choice("measure", "Bars", measures, start="macs"),
            Slider("layer", "Layer", 1, most, start=1, wide=True),
        )
        self.view = partial(view_network, self.charts)
        super().__init__(**first)

    def limits(self, network: str, **_: object) -> dict[str, int]:
        """Return the number of layers of the network shown."""
        return {"layer": len(self.charts[network].stations)}

    def pick(self, name: str) -> None:
        """Choose a layer of the network shown by its name.

        Raises:
            ValueError: if it has no such layer. The message lists some of those there are.
        """
        names = [one.name for one in self.charts[self.state["network"]].stations]
        if name not in names:
            shown = ", ".join(names[:12]) + (f", {ELLIPSIS}" if len(names) > 12 else "")
            raise ValueError(
                f"layer must be one of {self.state['network']}'s ({shown}), got {name!r}"
            )
        self.move(layer=names.index(name) + 1)

    def arrange(self, controls, reset, picture, sentence) -> list:
        """Lay the buttons of the network shown over its picture; they are made once."""
        import ipywidgets

        strips, over = {}, ipywidgets.Box()
        over.add_class("cnn-strip")

        def lay(_=None) -> None:
            name = controls["network"].value
            if name not in strips:
                strips[name] = strip(self.charts[name], lambda layer: self.move(layer=layer))
            over.children = (strips[name],)

        lay()
        controls["network"].observe(lay, names="value")
        box, *rest = super().arrange(controls, reset, picture, sentence)
        return [box, over, *rest]


def strip(chart: NetworkChart, choose):
    """Return transparent buttons in the places of the layers; a click calls `choose(number)`."""
    import ipywidgets

    slots = chart.slots()
    widths = [slots[0], *(right - left for left, right in pairwise(slots))]
    plain = ipywidgets.Layout(width="auto", height="auto", margin="0")
    look = ipywidgets.Button().style  # one for all: a deep network has hundreds
    buttons = []
    for number, station in enumerate(chart.stations, 1):
        button = ipywidgets.Button(
            tooltip=f"{number}. {station.name}", layout=plain, style=look, tabbable=False
        )
        button.on_click(lambda _, number=number: choose(number))
        buttons.append(button)
    top, bottom = SLOTS
    grid = ipywidgets.GridBox(
        [ipywidgets.Box(), *buttons],  # the box stands before the first layer
        layout=ipywidgets.Layout(
            # Browsers round each column down to 1/64 pixel: half of that comes back, on average.
            grid_template_columns=" ".join(f"calc({width:.3f}% + {1 / 128}px)" for width in widths),
            grid_template_rows=f"{top}fr {bottom - top}fr {HEIGHT - bottom}fr",
        ),
    )
    grid.add_class("cnn-strip-grid")
    return grid


def view_network(charts: dict[str, NetworkChart], network: str, measure: str, layer: int) -> View:
    """Draw one layer of one network among the others, and say what it costs and sees.

    Args:
        charts: name -> chart. The other arguments are the controls of those names.
    """
    chart = charts[network]
    diagram, one = chart.draw(layer, measure), chart.stations[layer - 1]
    part = share(getattr(one, measure), chart.totals[measure])
    says = f"{_puts_out(one)}, {part} of the {_word(measure)}. {_sees(chart, one)}"
    return View(_STRIP_STYLE + diagram.svg + table(chart, layer, measure), says, diagram.alt)


def _word(measure: str) -> str:
    return "MACs" if measure == "macs" else measure


def _puts_out(one: Station) -> str:
    if one.output_shape is None:
        return f"{one.name}: not used in this forward pass"
    if one.side == 1:
        return f"{one.name}: {one.maps:,} numbers"
    return f"{one.name}: {one.maps:,} maps of {one.output_shape[1]}{TIMES}{one.output_shape[2]}"


def _sees(chart: NetworkChart, one: Station) -> str:
    if one.receptive_field is None:
        return "It has no receptive field."
    (rows, columns), (high, wide) = pair(one.receptive_field), chart.input_shape[1:]
    text = f"A unit sees {rows:,}{TIMES}{columns:,}"
    if rows > high or columns > wide:
        text += f", more than the image of {high}{TIMES}{wide} (the rest is padding)"
    elif (rows, columns) == (high, wide):
        text += ": the whole image"
    else:
        text += f" of the image's {high}{TIMES}{wide}"
    if one.joins:
        text += ", along the longest path"
    if one.side == 1:
        return f"{text}."
    return f"{text}; the next unit looks {pair(one.stride)[1]:g} further."


_CELL = "padding:0 6px;white-space:nowrap;line-height:1.3;text-align:"


def table(chart: NetworkChart, layer: int, measure: str) -> str:
    """Return the rows around a layer as an HTML table whose numbers add up to the totals.

    It has columns for parameters and MACs, and one for activations where the bars stand for them.
    """
    layers, total = chart.stations, chart.totals[measure]
    first = max(0, min(layer - 1 - AROUND, len(layers) - 2 * AROUND - 1))
    last = min(len(layers), first + 2 * AROUND + 1)
    heads = {"parameters": "Parameters", "macs": "MACs", "activations": "Activations"}
    if measure != "activations":
        del heads["activations"]

    def row(name: str, some: Sequence[Station], look: str, one=("", "", ""), mark="") -> str:
        """The sums over some layers; `one`: kinds, output and field where they are a single one."""
        sums = {key: sum(getattr(each, key) for each in some) for key in COSTS}
        cells = [
            *one[:2],
            *(f"{sums[key]:,}" for key in heads),
            share(sums[measure], total),
            one[2],
        ]
        weight = "" if mark is None else f";font-weight:{700 if mark else 400}"
        return (
            f'<tr{mark or ""} style="{look}"><th scope="row" style="{_CELL}left{weight}">'
            f"{escape(name)}</th>{_cells('td', cells)}</tr>"
        )

    def rest(some: Sequence[Station], where: str) -> str:
        count = len(some)
        words = {0: f"no layer {where}", 1: f"1 layer {where}"}
        look = f"background:none;color:{MUTED};border-top:1px solid {FAINT}"
        return row(words.get(count, f"{count} layers {where}"), some, look)

    rows = [rest(layers[:first], "before")]
    for number, one in enumerate(layers[first:last], first + 1):
        chosen = number == layer
        look = (
            f"background:{tint(HIGHLIGHT, 0.16)};font-weight:700" if chosen else "background:none"
        )
        kinds = " + ".join(kind.removesuffix("2d") for kind in one.kinds)
        mark = ' aria-current="true"' if chosen else ""
        look, about = f"{look};border-top:1px solid {FAINT}", (kinds, one.shape, _field(one))
        rows.append(row(f"{number}. {one.name}", [one], look, about, mark))
    rows.append(rest(layers[last:], "after"))
    head = ["Layer", "Kind", "Output", *heads.values(), f"Share of {_word(measure)}", "Field"]
    foot = row(chart.name, layers, f"border-top:1px solid {MUTED}", mark=None)
    return _framed(f"Layers around {layers[layer - 1].name}", _cells("th", head), rows, foot)


def _framed(label: str, head: str, rows: Sequence[str], foot: str) -> str:
    return (
        # A page narrower than the table shrinks its type, and at last scrolls it alone.
        '<div style="container-type:inline-size;overflow-x:auto">'
        f'<table class="cnn-ledger" aria-label="{escape(label)}" '
        'style="border-collapse:collapse;width:100%;margin:0;'
        f"background:{PAPER};color:{INK};font-size:clamp(12px,1.5cqw,15px);"
        f'font-variant-numeric:tabular-nums"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody><tfoot>{foot}</tfoot></table></div>"
    )


def _cells(tag: str, texts: Sequence[str]) -> str:
    """Cells of a row, words on the left and numbers on the right."""
    words, scope = (2, ' scope="col"') if tag == "th" else (1, "")
    return "".join(
        f'<{tag}{scope} style="{_CELL}{"left" if i < words else "right"}">{escape(text)}</{tag}>'
        for i, text in enumerate(texts)
    )


def _field(one: Station) -> str:
    if one.receptive_field is None:
        return "–"
    rows, columns = pair(one.receptive_field)
    return f"{rows:,}" if rows == columns else f"{rows:,}{TIMES}{columns:,}"


# JupyterLab does not pass `layout.grid_column` on; 208 layers need more than one column to drag in.
_STRIP_STYLE = f"""<style>
.cnn-explorer .cnn-two-columns {{ grid-column: span 2; }}
.cnn-explorer .cnn-strip {{ position: relative; height: 0; margin: 0; width: 100%; z-index: 1;
  overflow: visible; flex: none; }}
.cnn-explorer .cnn-strip-grid {{ position: absolute; top: var(--jp-widgets-margin, 2px);
  left: var(--jp-widgets-margin, 2px); right: var(--jp-widgets-margin, 2px); margin: 0;
  max-width: 1280px; aspect-ratio: 1000 / {HEIGHT}; gap: 0; overflow: visible; }}
.cnn-explorer .cnn-strip-grid > * {{ grid-row: 2; min-width: 0; }}
.cnn-explorer .cnn-strip-grid > button.jupyter-button {{ border: 0;
  padding: 0 !important; background: transparent; box-shadow: none; cursor: pointer; }}
.cnn-explorer .cnn-strip-grid > button.jupyter-button:hover {{ background: {HIGHLIGHT}33;
  box-shadow: none; }}
</style>"""
