"""What the panels of the website are given that a browser's Python cannot compute.

make()                          runs where the site is built, with torch and NumPy: JSON data
arguments("WinnersChart", data) runs in the browser: what that panel takes before its settings
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Iterable
from itertools import count, product
from math import prod
from pathlib import Path
from statistics import fmean

from course_utils.explorer import View
from course_utils.lessons.imagenet_winners.competition import winners, with_counts
from course_utils.lessons.vanishing_gradients.explorer import VanishingGradients

# What panels read of a `ledger.Ledger`, of its rows, and of what `backprop` returns.
_ROW = "name label kind category block output_shape parameters macs activations receptive_field"
Row = namedtuple("Row", f"{_ROW} stride")
Book = namedtuple("Book", "name input_shape parameters macs activations rows")
Measured = namedtuple("Measured", "gradient slopes weights flat")

_DEPTH, *_SETTINGS = VanishingGradients.controls
DEPTHS = range(_DEPTH.smallest, _DEPTH.largest + 1)


def make(depths: Iterable[int] = DEPTHS) -> dict:
    """Return the data of all panels: JSON can hold it. It takes about 15 seconds.

    ledgers: a `Book` for each network of notebook 12. gradients: settings -> depth -> `Measured`,
    for all depths of the panel, or those asked for.
    """
    return {"ledgers": list(map(_book, _ledgers())), "gradients": _gradients(depths)}


def arguments(name: str, data: dict) -> tuple:
    """Return the positional arguments of the panel of that class; none where it needs no data."""
    if name == "VanishingGradients":

        def measure(depth, *settings, **switches):
            return Measured(*data["gradients"][_key(*settings, **switches)][str(depth)])

        return (measure,)
    if name not in ("ArchitectureBrowser", "WinnersChart"):
        return ()
    books = [Book(*head, [Row(*row) for row in rows]) for *head, rows in data["ledgers"]]
    if name == "ArchitectureBrowser":
        return (books,)
    return (with_counts(winners(), {book.name: book for book in books}),)


def _ledgers() -> list:
    """The ledgers of notebook 12, by the cells that make them there."""
    file = Path(__file__).parents[2] / "notebooks" / "12_imagenet_winners.ipynb"
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    sources = {cell["id"]: "".join(cell["source"]) for cell in cells}
    made = {}
    for cell in ("setup", "opening-picture", "ledgers"):
        exec(sources[cell], made)
    return list(made["books"].values())


def _book(ledger) -> Book:
    rows = [Row(*(getattr(row, field) for field in Row._fields)) for row in ledger.rows]
    return Book(*(getattr(ledger, field) for field in Book._fields[:-1]), rows)


def _gradients(depths: Iterable[int]) -> dict[str, dict[str, Measured]]:
    panel, table = VanishingGradients(), {}
    for chosen in product(*(control.options.values() for control in _SETTINGS)):
        settings = dict(zip((control.name for control in _SETTINGS), chosen, strict=True))
        table[_key(**settings)] = {
            str(layers): _rounded(panel, layers, settings) for layers in depths
        }
    return table


def _key(activation: str, init: str, *, batch_norm: bool, skip: bool) -> str:
    return f"{activation} {init}" + " norm" * batch_norm + " skip" * skip


def _rounded(panel: VanishingGradients, depth: int, settings: dict) -> Measured:
    """What `backprop` measures, with the fewest digits for which the panel shows the same.

    Of slopes, weights and flat units the panel shows product and mean: they are one number each.
    """
    from course_utils.lessons.vanishing_gradients.backprop import backprop

    def shown(measured: Measured) -> View:
        panel.measure = lambda *_, **__: measured
        return panel.view(depth, **settings)

    gradient, slopes, weights, flat = backprop(depth, **settings)
    exact = Measured(gradient, [prod(slopes)], [prod(weights)], [fmean(flat)])
    wanted = shown(exact)
    for digits in count(4):
        fewer = Measured(*([float(f"{n:.{digits}g}") for n in numbers] for numbers in exact))
        if shown(fewer) == wanted:
            return fewer
