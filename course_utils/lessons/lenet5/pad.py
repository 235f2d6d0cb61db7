"""The pad of `explorer.DigitReader` as an ipywidget; pad.js is the page's part of it."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import ipywidgets
import numpy as np
import traitlets

from course_utils.drawing.style import FAINT, HIGHLIGHT, INK, PAPER
from course_utils.drawing.svg import picture
from course_utils.lessons.lenet5.reading import CELLS, FULL, SIDE, Drawing

_SCRIPT = (Path(__file__).parent / "pad.js").read_text(encoding="utf-8")
_LINE = 'fill="none" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"'
_STYLE = f"""
.cnn-explorer .cnn-pad-panel {{ width: 100%; overflow: visible;
  --cnn-pad: calc(15 * var(--cnn-control-size, 14px)); }}
.cnn-pad {{ position: relative; flex: none; width: var(--cnn-pad); height: var(--cnn-pad);
  margin: 4px; overflow: visible; }}
.cnn-pad > .widget-html {{ position: absolute; inset: 0; margin: 0; height: auto; width: auto; }}
.cnn-pad svg {{ display: block; width: var(--cnn-pad) !important;
  height: var(--cnn-pad) !important; max-height: none !important; }}
.cnn-pad-surface {{ position: relative; touch-action: none; cursor: crosshair; }}
.cnn-pad-surface:focus-visible {{ outline: 3px solid {HIGHLIGHT}; outline-offset: 2px; }}
.cnn-pad-surface:not(:focus-visible) circle {{ display: none; }}
.cnn-pad-surface circle {{ fill: none; stroke: {HIGHLIGHT}; stroke-width: .6; }}
.cnn-pad-surface .cnn-down {{ fill: {HIGHLIGHT}; }}
.cnn-pad-beside {{ flex: 1 1 auto; margin-left: 24px; overflow: visible; }}
.cnn-pad-beside .widget-html-content {{ white-space: normal; }}
.cnn-explorer .cnn-pad-beside button {{ width: auto; padding: 0 16px;
  font-size: var(--cnn-control-size, 14px); }}
.cnn-pad-beside .widget-slider {{ max-width: 560px; }}
"""
# The page runs no <script> that a widget brings, but it does tell a style sheet that it is loaded.
_SURFACE = (
    f'<svg viewBox="0 0 {SIDE} {SIDE}" class="cnn-pad-surface" tabindex="0" role="application" '
    f'data-lm-suppress-shortcuts="true" aria-label="Pad. Draw a digit with mouse, finger or pen. '
    f'From the keyboard: the arrow keys move the pen, Space sets it down and lifts it.">'
    f'<path {_LINE} stroke="{INK}"/><circle cx="16" cy="16" r="1.6"/></svg>'
    f'<style onload="({escape(_SCRIPT)})(this.previousElementSibling)">{_STYLE}</style>'
)
_HOW = (
    '<div class="cnn-says"><b>Draw a digit</b> on the pad. Or take a test scan with the slider, '
    "and add to it with the pen.</div>"
)


class PadWidget(ipywidgets.HBox):
    """The pad, its buttons and its slider. beside, buttons: boxes beside it, to put more into."""

    value = traitlets.Instance(Drawing)

    def __init__(self, scans: Sequence[tuple[int, ...]], value: Drawing) -> None:
        self._scans = scans
        self._ink = ipywidgets.HTML()
        self._strokes = ipywidgets.Text(layout={"display": "none"}).add_class("cnn-pad-strokes")
        look = {"style": {"description_width": "7.2em"}, "layout": {"width": "auto"}}
        self._slider = ipywidgets.IntSlider(max=len(scans) - 1, description="Test scan no.", **look)
        pad = ipywidgets.Box([self._ink, ipywidgets.HTML(_SURFACE), self._strokes])
        undo = ipywidgets.Button(description="Undo", tooltip="take back the last stroke")
        undo.add_class("cnn-pad-undo")  # the page takes the stroke away, see pad.js
        clear = ipywidgets.Button(description="Clear", tooltip="empty the pad")
        clear.add_class("cnn-pad-clear")
        self.buttons = ipywidgets.HBox([undo, clear])
        self.beside = ipywidgets.VBox([ipywidgets.HTML(_HOW), self.buttons, self._slider])
        self.beside.add_class("cnn-pad-beside")
        super().__init__([pad.add_class("cnn-pad"), self.beside])
        self.add_class("cnn-pad-panel")
        self.observe(lambda change: self._show(), names="value")
        self.value = value
        self._strokes.observe(self._draw, names="value")
        self._slider.observe(self._put_scan, names="value")
        clear.on_click(lambda _: setattr(self, "value", Drawing(None)))

    def _draw(self, change) -> None:
        self.value = self.value._replace(written=change.new)

    def _put_scan(self, change) -> None:
        if change.new != self.value.scan:  # else the slider has only followed the value
            self.value = Drawing(change.new)

    def _show(self) -> None:
        scan, written = self.value
        self._strokes.value = written
        if scan is not None:
            self._slider.value = scan
        below = (0,) * CELLS**2 if scan is None else self._scans[scan]
        paper = 1 - np.reshape(below, (CELLS, CELLS)) / FULL
        lines = "".join(
            f'<polyline points="{" ".join(f"{x:g},{y:g}" for x, y in [stroke[0], *stroke])}"/>'
            for stroke in self.value.strokes
        )
        self._ink.value = (
            f'<svg viewBox="0 0 {SIDE} {SIDE}" aria-hidden="true" '
            f'style="background:{PAPER};outline:1px solid {FAINT}">'
            f"{picture(0, 0, SIDE, SIDE, paper)}"
            f'<g {_LINE} stroke="{INK}">{lines}</g></svg>'
        )
