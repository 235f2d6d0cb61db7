"""What the panels of the website are given that a browser's Python cannot compute.

    make()                          runs where the site is built, with torch and NumPy: JSON data
    arguments("WinnersChart", data) runs in the browser: what that panel takes before its settings

Standard library at import: whoever shows a panel that is not among `NAMES` need not wait for data.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Iterable, Iterator
from itertools import count, product
from math import prod
from pathlib import Path
from statistics import fmean

NAMES = ("ArchitectureBrowser", "VanishingGradients", "WinnersChart")  # of panels with data
TRAINED = ("DigitReader", "MoveTheGull")  # these hold trained networks

# What panels read of a `ledger.Ledger`, of its rows, and of what `backprop` returns.
_COSTS = "parameters macs activations"
Row = namedtuple(
    "Row", f"name label kind category block output_shape {_COSTS} receptive_field stride"
)
Book = namedtuple("Book", f"name input_shape {_COSTS} rows")
Measured = namedtuple("Measured", "gradient slopes weights flat")


def make(depths: Iterable[int] | None = None) -> dict:
    """Return the data of all panels: JSON can hold it. It takes about 15 seconds.

    ledgers: a `Book` for each network of notebook 12. gradients: settings and depth -> `Measured`,
    for all depths of the panel, or those asked for.
    """
    return {"ledgers": list(map(_book, _ledgers())), "gradients": dict(_gradients(depths))}


def arguments(name: str, data: dict) -> tuple:
    """Return the positional arguments of the panel of that class; none where it needs no data.

    ImportError for a panel that holds a trained network.
    """
    if name in TRAINED:
        raise ImportError("this panel shows a trained network, which needs PyTorch", name="torch")
    if name not in NAMES:
        return ()
    if name == "VanishingGradients":
        gradients = data["gradients"]
        return (lambda *state, **switches: Measured(*gradients[_key(*state, **switches)]),)
    books = [Book(*head, [Row(*row) for row in rows]) for *head, rows in data["ledgers"]]
    if name == "ArchitectureBrowser":
        return (books,)
    from course_utils.lessons.imagenet_winners.competition import winners, with_counts

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


def _key(depth: int, activation: str, init: str, batch_norm: bool, skip: bool) -> str:
    return f"{depth} {activation} {init}" + " norm" * batch_norm + " skip" * skip


def _gradients(depths: Iterable[int] | None) -> Iterator[tuple[str, Measured]]:
    """What `backprop` measures, with the fewest digits for which the panel shows the same.

    Of slopes, weights and flat units the panel shows product and mean: they are one number each.
    """
    from course_utils.lessons.vanishing_gradients.backprop import backprop
    from course_utils.lessons.vanishing_gradients.explorer import VanishingGradients

    panel, (depth, *switches) = VanishingGradients(), VanishingGradients.controls
    depths = depths or range(depth.smallest, depth.largest + 1)

    def shown(measured, *state):
        panel.measure = lambda *_, **__: measured
        return panel.view(*state)

    for state in product(depths, *(switch.options.values() for switch in switches)):
        *setting, batch_norm, skip = state
        gradient, slopes, weights, flat = backprop(*setting, batch_norm=batch_norm, skip=skip)
        exact = Measured(gradient, [prod(slopes)], [prod(weights)], [fmean(flat)])
        wanted = shown(exact, *state)
        rounded = (
            Measured(*([float(f"{n:.{digits}g}") for n in numbers] for numbers in exact))
            for digits in count(4)
        )
        yield _key(*state), next(fewer for fewer in rounded if shown(fewer, *state) == wanted)
