"""Browse a network layer by layer: its shapes to scale, its costs, and what a unit sees.

panel = ArchitectureBrowser(ledgers)        # a list of what `ledger(...)` returns
panel                                       # click on a layer, or move the slider
panel.network.value = "VGG-16"
panel.pick("block5.conv5_3")                  # a layer by its name, as in the table
panel.says                                  # the sentence under the picture

A click chooses a layer, because a transparent button lies over each slab: an SVG in an
`ipywidgets.HTML` cannot tell the kernel of a click. The keyboard has the slider, so the buttons are
no tab stops. Hovering names a layer, on pages without a kernel as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from itertools import pairwise

import ipywidgets

from course_utils.drawing.networks import CHART, COSTS, SLOTS, NetworkChart, Station
from course_utils.drawing.style import FAINT, HIGHLIGHT, INK, MUTED, PAPER, tint
from course_utils.drawing.svg import ELLIPSIS, TIMES, share
from course_utils.old_explorer import Explorer, View, choice, slider

AROUND = 2
"""Rows of the table before the chosen layer, and after it; the others are summed up."""

_MEASURES = [("MACs", "macs"), ("Parameters", "parameters"), ("Activations", "activations")]


class ArchitectureBrowser(Explorer):
    """Explorer of whole networks, one at a time.

    Args:
        ledgers: what `course_utils.ledger.ledger` returns for networks on images `(C, H, W)`, with
            the names to show; names must differ.
        network: the name of the first one to show; None: the first of the list.
        layer: of that network, its number from 1 or its name.
        measure: `"macs"`, `"parameters"` or `"activations"`: what the bars and the shares are of.

    The layers are those of `figures.architecture.stations`: normalisation and activation are
    counted with the layer before them.

    Raises:
        ValueError: for no ledger, equal names, an input that is no image, or a first value that
            does not exist.
    """

    def __init__(
        self,
        ledgers: Sequence,
        network: str | None = None,
        layer: int | str = 1,
        measure: str = "macs",
    ) -> None:
        ledgers = list(ledgers)
        if not ledgers:
            raise ValueError("ledgers must hold at least one ledger, got none")
        names = [one.name for one in ledgers]
        if len(set(names)) < len(names):
            raise ValueError(f"ledgers must have names that differ, got {', '.join(names)}")
        self.charts = {one.name: NetworkChart(one) for one in ledgers}
        network = names[0] if network is None else network
        chosen = choice("Network", network, names)
        chart = self.charts[network]
        number = layer_number(chart, layer) if isinstance(layer, str) else layer
        control = slider("Layer", number, 1, len(chart.stations))
        control.add_class("cnn-two-columns")
        super().__init__(
            partial(view, self.charts),
            {
                "network": chosen,
                "measure": choice("Bars", measure, _MEASURES),
                "layer": control,
            },
            limits=lambda network, **_: {"layer": len(self.charts[network].stations)},
        )

        self._strips: dict[str, ipywidgets.Box] = {}
        chosen.observe(lambda change: self._show_strip(), names="value")
        self._show_strip()

    def _show_strip(self) -> None:
        """Lay the buttons of the network shown over its picture; they are made once."""
        name = self.network.value
        if name not in self._strips:
            self._strips[name] = strip(self.charts[name], self._choose)
        controls, *_, picture, sentence = self.children
        self.children = (controls, self._strips[name], picture, sentence)

    def _choose(self, number: int, _) -> None:
        self.layer.value = number

    @property
    def buttons(self) -> tuple[ipywidgets.Button, ...]:
        """What lies over the layers of the network shown: `panel.buttons[2].click()` is a click."""
        return self.children[1].children[0].children[1:]

    def pick(self, name: str) -> None:
        """Choose a layer of the network shown by its name.

        Raises:
            ValueError: if it has no such layer.
        """
        self.layer.value = layer_number(self.charts[self.network.value], name)


def strip(chart: NetworkChart, choose: Callable[[int, object], None]) -> ipywidgets.Box:
    """Return transparent buttons in the places of the layers; a click calls `choose(number, _)`."""
    slots = chart.slots()
    widths = [slots[0], *(right - left for left, right in pairwise(slots))]
    plain = ipywidgets.Layout(width="auto", height="auto", margin="0")
    look = ipywidgets.Button().style  # one for all: a deep network has hundreds
    buttons = []
    for number, station in enumerate(chart.stations, 1):
        button = ipywidgets.Button(
            tooltip=f"{number}. {station.name}", layout=plain, style=look, tabbable=False
        )
        button.on_click(partial(choose, number))
        buttons.append(button)
    top, bottom = SLOTS
    grid = ipywidgets.GridBox(
        [ipywidgets.Box(), *buttons],  # the box stands before the first layer
        layout=ipywidgets.Layout(
            # Browsers round each column down to 1/64 pixel: half of that comes back, on average.
            grid_template_columns=" ".join(f"calc({width:.3f}% + {1 / 128}px)" for width in widths),
            grid_template_rows=f"{top}fr {bottom - top}fr {CHART - bottom}fr",
        ),
    )
    grid.add_class("cnn-strip-grid")
    over = ipywidgets.Box([grid])
    over.add_class("cnn-strip")
    return over


def layer_number(chart: NetworkChart, name: str) -> int:
    """Return the number, from 1, of the layer of that name.

    Raises:
        ValueError: if there is none. The message lists some of those there are.
    """
    names = [one.name for one in chart.stations]
    if name not in names:
        shown = ", ".join(names[:12]) + (f", {ELLIPSIS}" if len(names) > 12 else "")
        raise ValueError(f"layer must be one of {chart.name}'s ({shown}), got {name!r}")
    return names.index(name) + 1


def view(charts: dict[str, NetworkChart], network: str, measure: str, layer: int) -> View:
    """Draw one layer of one network among the others, and say what it costs and sees.

    Args:
        charts: name -> chart. The other arguments are the controls of those names.

    Raises:
        ValueError: as `NetworkChart.draw`.
    """
    chart = charts[network]
    diagram = chart.draw(layer, measure)
    return View(
        _STYLE + diagram.svg + table(chart, layer, measure),
        explain(chart, layer, measure),
        diagram.alt,
    )


# ---------------------------------------------------------------------------------------------
# The sentence


def explain(chart: NetworkChart, layer: int, measure: str) -> str:
    """Say what the layer puts out, what it costs and what one of its units sees."""
    one = chart.stations[layer - 1]
    part = share(getattr(one, measure), chart.totals[measure])
    return f"{_puts_out(one)}, {part} of the {_word(measure)}. {_sees(chart, one)}"


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
    rows, columns = _pair(one.receptive_field)
    image = f"{chart.input_shape[1]}{TIMES}{chart.input_shape[2]}"
    text = f"A unit sees {rows:,}{TIMES}{columns:,}"
    if rows > chart.input_shape[1] or columns > chart.input_shape[2]:
        text += f", more than the image of {image} (the rest is padding)"
    elif (rows, columns) == tuple(chart.input_shape[1:]):
        text += ": the whole image"
    else:
        text += f" of the image's {image}"
    if one.joins:
        text += ", along the longest path"
    if one.side == 1:
        return f"{text}."
    return f"{text}; the next unit looks {_pair(one.stride)[1]:g} further."


def _pair(value) -> tuple:
    return value if isinstance(value, tuple) else (value, value)


# ---------------------------------------------------------------------------------------------
# The table

# JupyterLab does not pass `layout.grid_column` on; 208 layers need more than one column to drag in.
_STYLE = f"""<style>
.cnn-explorer .cnn-two-columns {{ grid-column: span 2; }}
.cnn-explorer .cnn-strip {{ position: relative; height: 0; margin: 0; width: 100%; z-index: 1;
  overflow: visible; flex: none; }}
.cnn-explorer .cnn-strip-grid {{ position: absolute; top: var(--jp-widgets-margin, 2px);
  left: var(--jp-widgets-margin, 2px); right: var(--jp-widgets-margin, 2px); margin: 0;
  max-width: 1280px; aspect-ratio: 1000 / {CHART}; gap: 0; overflow: visible; }}
.cnn-explorer .cnn-strip-grid > * {{ grid-row: 2; min-width: 0; }}
.cnn-explorer .cnn-strip-grid > button.jupyter-button {{ border: 0;
  padding: 0 !important; background: transparent; box-shadow: none; cursor: pointer; }}
.cnn-explorer .cnn-strip-grid > button.jupyter-button:hover {{ background: {HIGHLIGHT}33;
  box-shadow: none; }}
</style>"""
_CELL = "padding:0 6px;white-space:nowrap;line-height:1.3;text-align:"


def table(chart: NetworkChart, layer: int, measure: str) -> str:
    """Return the rows around a layer as an HTML table whose numbers add up to the totals.

    It has columns for parameters and MACs, and one for activations where the bars stand for them.
    """
    first = max(0, min(layer - 1 - AROUND, len(chart.stations) - 2 * AROUND - 1))
    last = min(len(chart.stations), first + 2 * AROUND + 1)
    rows = [_rest(chart, 0, first, "before", measure)]
    rows += [_row(chart, number, measure, number == layer) for number in range(first + 1, last + 1)]
    rows.append(_rest(chart, last, len(chart.stations), "after", measure))
    counts = [head for head, key in _columns(measure)]
    heads = ["Layer", "Kind", "Output", *counts, f"Share of {_word(measure)}", "Field"]
    cells = "".join(
        f'<th scope="col" style="{_CELL}{"left" if i < 2 else "right"}">{head}</th>'
        for i, head in enumerate(heads)
    )
    chosen = chart.stations[layer - 1].name
    totals = [f"{chart.totals[key]:,}" for _, key in _columns(measure)]
    foot = _cells(["", "", *totals, share(1, 1), ""])
    return (
        # A page narrower than the table shrinks its type, and at last scrolls it alone.
        '<div style="container-type:inline-size;overflow-x:auto">'
        f'<table class="cnn-ledger" aria-label="Layers around {escape(chosen)}" '
        'style="border-collapse:collapse;width:100%;margin:0;'
        f"background:{PAPER};color:{INK};font-size:clamp(12px,1.5cqw,15px);"
        f'font-variant-numeric:tabular-nums"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody>"
        f'<tfoot><tr style="border-top:1px solid {MUTED}">'
        f'<th scope="row" style="{_CELL}left">{escape(chart.name)}</th>{foot}</tr></tfoot>'
        "</table></div>"
    )


def _columns(measure: str) -> list[tuple[str, str]]:
    """(heading, attribute) of the columns with counts."""
    some = [("Parameters", "parameters"), ("MACs", "macs")]
    return [*some, ("Activations", "activations")] if measure == "activations" else some


def _row(chart: NetworkChart, number: int, measure: str, chosen: bool) -> str:
    one = chart.stations[number - 1]
    shape = "not used" if one.output_shape is None else TIMES.join(f"{n}" for n in one.output_shape)
    field = "–" if one.receptive_field is None else _field(one)
    part = share(getattr(one, measure), chart.totals[measure])
    counts = [f"{getattr(one, key):,}" for _, key in _columns(measure)]
    kinds = " + ".join(kind.removesuffix("2d") for kind in one.kinds)
    cells = _cells([kinds, shape, *counts, part, field])
    look = f"background:{tint(HIGHLIGHT, 0.16)};font-weight:700" if chosen else "background:none"
    mark = ' aria-current="true"' if chosen else ""
    weight = "700" if chosen else "400"
    name = f"{number}. {one.name}"
    return (
        f'<tr{mark} style="{look};border-top:1px solid {FAINT}"><th scope="row" '
        f'style="{_CELL}left;font-weight:{weight}">{escape(name)}</th>{cells}</tr>'
    )


def _field(one: Station) -> str:
    rows, columns = _pair(one.receptive_field)
    return f"{rows:,}" if rows == columns else f"{rows:,}{TIMES}{columns:,}"


def _rest(chart: NetworkChart, first: int, last: int, where: str, measure: str) -> str:
    """One row for all layers from `first` to before `last`, counted from 0."""
    some = chart.stations[first:last]
    count = len(some)
    sums = {key: sum(getattr(one, key) for one in some) for key in COSTS}
    words = {0: f"no layer {where}", 1: f"1 layer {where}"}.get(count, f"{count} layers {where}")
    counts = [f"{sums[key]:,}" for _, key in _columns(measure)]
    cells = _cells(["", "", *counts, share(sums[measure], chart.totals[measure]), ""])
    return (
        f'<tr style="background:none;color:{MUTED};border-top:1px solid {FAINT}">'
        f'<th scope="row" style="{_CELL}left;font-weight:400">{words}</th>{cells}</tr>'
    )


def _cells(texts: Sequence[str]) -> str:
    return "".join(
        f'<td style="{_CELL}{"left" if i == 0 else "right"}">{escape(text)}</td>'
        for i, text in enumerate(texts)
    )
