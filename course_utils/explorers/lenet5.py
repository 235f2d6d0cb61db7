"""LeNet-5 reads a digit: drawn on a pad or picked from the scans, with every layer's maps.

panel = DigitReader(model)      # a trained models.LeNet5
panel                           # draw with the mouse, or move the slider with the arrow keys
panel.pad.scan.value = 7        # as if the slider were moved
panel.pad.click(0, 2)           # as if a cell were clicked
panel.says                      # the sentence under the picture
"""

from __future__ import annotations

from functools import partial

import ipywidgets
import traitlets

from course_utils import datasets
from course_utils.explorers.panel import Explorer, View, slider
from course_utils.figures.lenet5 import Column, reading
from course_utils.reading import CELLS, FULL, look, stroke
from course_utils.style import HIGHLIGHT, INK, PAPER, tint

EMPTY = (0,) * CELLS**2
_CELL = "26px"

_NOTHING = "\u00a0"  # the page keeps a button's old text when the new one is empty
_HOW = f"""<style>
.cnn-explorer .cnn-pad-panel {{ grid-column: 1 / -1; width: 100%; overflow: visible; }}
.cnn-pad {{ flex: none; gap: 1px; align-content: start; overflow: visible; }}
.cnn-explorer .cnn-pad button.jupyter-button {{ border: 1px solid #C9CED6; padding: 0 !important;
  min-width: 0; font-size: 14px !important; line-height: 22px !important; text-overflow: clip; }}
.cnn-pad button:focus-visible {{ outline: 3px solid {HIGHLIGHT}; outline-offset: -1px; }}
.cnn-pad-beside {{ flex: 1 1 auto; margin-left: 24px; overflow: visible; }}
.cnn-pad-beside .widget-html-content {{ white-space: normal; }}
.cnn-pad-beside button {{ width: auto; padding: 0 16px; font-size: var(--cnn-control-size, 14px); }}
.cnn-pad-beside .widget-slider {{ max-width: 560px; }}
</style><div class="cnn-says">Click where the pen touches down, then where it turns, from the top
row to the bottom row. Or take a scan with the slider, and alter it. In the picture below, dark is a
high value.</div>"""


class Pad(ipywidgets.HBox):
    """A pad of 8 x 8 cells with a pen, and a slider that puts one of the scans on it.

    A click sets the pen down; each further click draws a straight line to there. *Lift the pen*
    begins a new stroke. All of it works from the keyboard: Tab and Space, arrow keys on the slider.

    `value`: the 64 amounts of ink, 0 to 16, row by row; it may be set. `description`: its name.
    """

    value = traitlets.Tuple(default_value=EMPTY)
    description = "Pad"

    def __init__(self, scans: list[tuple[int, ...]], scan: int = 0) -> None:
        if not scans:
            raise ValueError("scans must hold at least one scan, got none")
        self._scans, self.pen = scans, None
        layout = ipywidgets.Layout(width=_CELL, height=_CELL, margin="0")
        self.cells = [
            ipywidgets.Button(
                layout=layout,
                tooltip=f"row {row + 1}, column {column + 1}",
                style={"button_color": PAPER},
            )
            for row in range(CELLS)
            for column in range(CELLS)
        ]
        for index, cell in enumerate(self.cells):
            cell.on_click(partial(self._on_click, index))
        grid = ipywidgets.GridBox(
            self.cells,
            layout=ipywidgets.Layout(
                grid_template_columns=f"repeat({CELLS}, {_CELL})",
                grid_template_rows=f"repeat({CELLS}, {_CELL})",
            ),
        )
        grid.add_class("cnn-pad")
        self.lift_button = ipywidgets.Button(
            description="Lift the pen", tooltip="begin a new stroke"
        )
        self.clear_button = ipywidgets.Button(description="Clear", tooltip="empty the pad")
        self.lift_button.on_click(lambda _: self.lift())
        self.clear_button.on_click(lambda _: self.clear())
        self.scan = slider("Scan", scan, 0, len(scans) - 1)
        self.scan.observe(lambda change: self._show_scan(), names="value")
        self.observe(lambda change: self._paint(), names="value")
        buttons = ipywidgets.HBox([self.lift_button, self.clear_button])
        beside = ipywidgets.VBox([ipywidgets.HTML(_HOW), buttons, self.scan])
        beside.add_class("cnn-pad-beside")
        super().__init__([grid, beside])
        self.add_class("cnn-pad-panel")
        self._show_scan()

    def click(self, row: int, column: int) -> None:
        """Set the pen down on a cell, or draw a line to it. Both count from 0."""
        here = (row, column)
        start = here if self.pen is None else self.pen
        self.pen = here
        ink = stroke(self.value, start, here)
        self._set(ink)

    def lift(self) -> None:
        """Lift the pen: the next click begins a new stroke."""
        self.pen = None
        self._paint()

    def clear(self) -> None:
        """Empty the pad and lift the pen."""
        self.pen = None
        self._set(EMPTY)

    def _on_click(self, index: int, _) -> None:
        self.click(*divmod(index, CELLS))

    def _show_scan(self) -> None:
        self.pen = None
        self._set(self._scans[self.scan.value])

    def _set(self, ink: tuple[int, ...]) -> None:
        if ink == self.value:
            self._paint()  # the pen may have moved
        else:
            self.value = ink

    def _paint(self) -> None:
        pen = None if self.pen is None else self.pen[0] * CELLS + self.pen[1]
        for index, (cell, ink) in enumerate(zip(self.cells, self.value, strict=True)):
            cell.style.button_color = tint(INK, ink / FULL)
            cell.style.text_color = HIGHLIGHT
            cell.description = "\u25cf" if index == pen else _NOTHING


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
        known = dict(zip(inks, labels.tolist(), strict=True))
        pad = Pad(inks, scan)
        super().__init__(partial(view, model, known, margin), {"pad": pad})
        self._first.insert(0, (pad.scan, pad.scan.max, scan))  # Reset sets the slider, too


def view(model, known: dict[tuple[int, ...], int], margin: int, pad: tuple[int, ...]) -> View:
    """Draw what the model makes of the ink on the pad, and say what it reads.

    Args:
        known: what digit a scan is, by its ink.

    Raises:
        ValueError: if the pad is empty.
    """
    if not any(pad):
        raise ValueError(
            "The pad is empty. Click where the pen touches down, then where it turns, from the "
            "top row to the bottom row; or move the slider to put a scan on the pad."
        )
    seen = look(model, pad, margin=margin)
    shape = {"C1": (2, 1.75), "S2": (2, 2.4), "C3": (4, 3.0), "S4": (4, 4.2)}
    shape |= {"C5": (1, 9.0), "F6": (1, 9.0)}
    columns = [Column("input", seen.image[None], 1, 4.0)]
    columns += [Column(name, maps, *shape[name]) for name, maps in seen.layers.items()]
    bars = seen.outputs / seen.outputs.max() if seen.distances else seen.outputs
    title = "distance to code" if seen.distances else "probability"
    diagram = reading(columns, bars, seen.best, title)
    return View(diagram.svg, explain(seen, known.get(pad)), diagram.alt)


def explain(seen, label: int | None) -> str:
    """Say what is read, whether it is right, and whether another digit came close."""
    how = "its code is the nearest" if seen.distances else "its probability is the highest"
    if label is None:
        says = f"Your digit is read as {seen.best}: {how}."
    elif label == seen.best:
        says = f"This scan is a {label}, and it is read as {label}: {how}."
    else:
        says = f"This scan is a {label}, but it is read as {seen.best}: {how}."
    if seen.hesitates:
        says += f" It was close: {seen.second} comes next."
    return says
