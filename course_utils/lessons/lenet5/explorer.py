"""LeNet-5 reads a digit: drawn on a pad or picked from the scans, with every layer's maps.

panel = DigitReader(model)      # a trained models.LeNet5
panel                           # draw with mouse, finger, pen or arrow keys, or move the slider
panel.pad.scan.value = 7        # as if the slider were moved
panel.pad.draw([(8, 6), (24, 6), (14, 28)])     # as if a 7 were drawn, in 32nds of the pad
panel.says                      # the sentence beside the pad
"""

from __future__ import annotations

from functools import partial
from html import escape
from pathlib import Path

import ipywidgets
import numpy as np
import traitlets

from course_utils import datasets
from course_utils.drawing.style import FAINT, HIGHLIGHT, INK, PAPER
from course_utils.lessons.lenet5.figures import Column, picture, reading
from course_utils.lessons.lenet5.reading import (
    CELLS,
    FULL,
    SIDE,
    Stroke,
    as_a_scan,
    bitmap,
    ink,
    look,
)
from course_utils.old_explorer import Explorer, View, slider

EMPTY = (0,) * CELLS**2

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


class Pad(ipywidgets.HBox):
    """A pad to draw on, and a slider that puts one of the scans on it.

    Strokes are drawn with the pointer, or with the arrow keys and Space (see pad.js). On an empty
    pad they become what a scan is: moved, scaled and counted (`reading.as_a_scan`). On a scan they
    are added where they are drawn.

    `value`: the 64 amounts of ink, 0 to 16, row by row; it may be set. `description`: its name.
    """

    value = traitlets.Tuple(default_value=EMPTY)
    description = "Pad"

    def __init__(self, scans: list[tuple[int, ...]], scan: int = 0) -> None:
        if not scans:
            raise ValueError("scans must hold at least one scan, got none")
        self._scans, self._below = scans, EMPTY  # what lies below the strokes
        self._ink = ipywidgets.HTML()
        self._strokes = ipywidgets.Text(layout=ipywidgets.Layout(display="none"))
        self._strokes.add_class("cnn-pad-strokes")
        self._strokes.observe(lambda change: self._show(), names="value")
        pad = ipywidgets.Box([self._ink, ipywidgets.HTML(_SURFACE), self._strokes])
        pad.add_class("cnn-pad")
        self.undo_button = ipywidgets.Button(
            description="Undo", tooltip="take back the last stroke"
        )
        self.clear_button = ipywidgets.Button(description="Clear", tooltip="empty the pad")
        self.undo_button.on_click(lambda _: self.undo())
        self.clear_button.on_click(lambda _: self._put(EMPTY))
        self.scan = slider("Test scan no.", scan, 0, len(scans) - 1)
        self.scan.style.description_width = "7.2em"
        self.scan.observe(lambda change: self._put(scans[change.new]), names="value")
        self.buttons = ipywidgets.HBox([self.undo_button, self.clear_button])
        self.beside = ipywidgets.VBox([ipywidgets.HTML(_HOW), self.buttons, self.scan])
        self.beside.add_class("cnn-pad-beside")
        super().__init__([pad, self.beside])
        self.add_class("cnn-pad-panel")
        self._put(scans[scan])
        self.observe(self._on_value, names="value")

    @property
    def strokes(self) -> list[Stroke]:
        """The strokes drawn so far, each a list of points (x, y) in 32nds of the pad."""
        lines = filter(None, self._strokes.value.split(";"))
        return [[tuple(map(float, point.split(","))) for point in line.split()] for line in lines]

    def draw(self, stroke: Stroke) -> None:
        """Draw a stroke, as the pointer does."""
        line = " ".join(f"{x},{y}" for x, y in stroke)
        self._strokes.value = ";".join(filter(None, [self._strokes.value, line]))

    def undo(self) -> None:
        """Take the last stroke away."""
        self._strokes.value = self._strokes.value.rpartition(";")[0]

    def _put(self, below: tuple[int, ...]) -> None:
        """Put a scan on the pad, or nothing, in place of what is there."""
        self._below = below
        self._strokes.value = ""
        self._show()

    def _show(self) -> None:
        strokes = self.strokes
        if self._below == EMPTY:
            value = ink(as_a_scan(strokes)) if strokes else EMPTY
        else:
            value = tuple(map(max, self._below, ink(bitmap(strokes))))
        cells = np.reshape(self._below, (CELLS, CELLS)) / FULL
        lines = "".join(
            f'<polyline points="{" ".join(f"{x:g},{y:g}" for x, y in [stroke[0], *stroke])}"/>'
            for stroke in strokes
        )
        self._ink.value = (
            f'<svg viewBox="0 0 {SIDE} {SIDE}" aria-hidden="true" '
            f'style="background:{PAPER};outline:1px solid {FAINT}">'
            f"{picture(cells, 0, 0, SIDE / CELLS)}"
            f'<g {_LINE} stroke="{INK}">{lines}</g></svg>'
        )
        self._shown = self.value = value

    def _on_value(self, change) -> None:
        if change.new != self._shown:  # set from outside
            if change.new in self._scans:
                self.scan.value = self._scans.index(change.new)
            self._put(change.new)


class DigitReader(Explorer):
    """Explorer of a trained LeNet-5.

    Args:
        model: a `models.LeNet5` of any variant, trained.
        scan: which of the scans is on the pad at first.
        margin: empty pixels around the digit; 6 for a network trained on MNIST, see `reading.look`.
        scans: `(images (N, 1, 8, 8) in [0, 1], labels (N,))`; None: the test part of
            `datasets.digits()`.

    `panel.pad` is the pad: see `Pad`.

    Raises:
        ValueError: for an argument out of range.
    """

    def __init__(self, model, scan: int = 0, *, margin: int = 0, scans=None) -> None:
        images, labels = datasets.digits()[1] if scans is None else scans
        inks = [tuple(row) for row in (images.flatten(1) * FULL).round().int().tolist()]
        known = dict(zip(inks, enumerate(labels.tolist()), strict=True))
        pad = Pad(inks, scan)
        super().__init__(partial(view, model, known, margin), {"pad": pad})
        # What is read stands beside the pad, where the eyes are, and so does Reset.
        pad.beside.children += (self._sentence,)
        pad.buttons.children += (self.reset_button,)
        self.children = [pad, self._picture]


def view(model, known: dict[tuple, tuple[int, int]], margin: int, pad: tuple[int, ...]) -> View:
    """Draw what the model makes of the ink on the pad, and say what it reads.

    Args:
        known: number of a scan, and what digit it is, by its ink.

    Raises:
        ValueError: if the pad is empty.
    """
    if not any(pad):
        raise ValueError("The pad is empty. Draw a digit, or move the slider to a test scan.")
    seen = look(model, pad, margin=margin)
    shape = {"C1": (2, 1.75), "S2": (2, 2.4), "C3": (4, 3.0), "S4": (4, 4.2)}
    shape |= {"C5": (1, 9.0), "F6": (1, 9.0)}
    cells = np.reshape(pad, (1, CELLS, CELLS)) / FULL
    columns = [Column("8\u00d78", cells, 1, 10.0), Column("input", seen.image[None], 1, 4.0)]
    columns += [Column(name, maps, *shape[name]) for name, maps in seen.layers.items()]
    bars = seen.outputs / seen.outputs.max() if seen.distances else seen.outputs
    title = "distance to code" if seen.distances else "probability"
    note = "Dark is a high value."
    if not seen.distances:
        note += " White is 0: ReLU lets nothing below pass, and a map may be white all over."
    diagram = reading(columns, bars, seen.best, title, note)
    return View(diagram.svg, explain(seen, known.get(pad)), diagram.alt)


def explain(seen, scan: tuple[int, int] | None) -> str:
    """Say what is read, whether it is right, and whether another digit came close.

    Args:
        scan: its number and what digit it is; None for a drawing.
    """
    how = "its code is the nearest" if seen.distances else "its probability is the highest"
    if scan is None:
        says = f"Your digit is read as {seen.best}: {how}."
    else:
        number, label = scan
        joint = "and it is" if label == seen.best else "but it is"
        says = f"Test scan no. {number} is a {label}, {joint} read as {seen.best}: {how}."
    if seen.hesitates:
        says += f" It was close: {seen.second} comes next."
    return says
