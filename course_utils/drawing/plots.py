"""Plots with matplotlib: lines, bars, feature maps; and from a figure to what a notebook shows.

Plot functions of the course take values and an `Axes` and return the `Axes`; `show` is the one
step that turns the result into what a notebook displays. It closes the figure, so that the
notebook does not show it a second time, and carries a text alternative into every export.

matplotlib is imported when something is drawn.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from course_utils.drawing.style import CYCLE, INK, tint
from course_utils.drawing.svg import Diagram

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def show(figure: Figure | Axes, *, alt: str) -> Diagram:
    """Draw a figure, or the one of these axes, into a picture and close it.

    alt: what the picture shows, with its computed numbers. It is read aloud, stands in for the
    picture where there is none, and is what a test compares.
    """
    from matplotlib import pyplot

    figure, target = figure.figure, io.BytesIO()  # a figure's figure is the figure itself
    dpi = 2 * figure.dpi  # drawn at twice the shown size, for projectors and dense screens
    figure.savefig(target, format="png", dpi=dpi, metadata={"Software": None})
    pyplot.close(figure)
    data = base64.b64encode(target.getvalue()).decode("ascii")
    width = round(figure.get_figwidth() * figure.dpi)
    html = (
        f'<img class="cnn-plot" alt="{escape(alt)}" '
        f'style="width:{width}px;max-width:100%;height:auto" src="data:image/png;base64,{data}">'
    )
    return Diagram(html, alt)


def draw_image(values, *, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw a single-channel picture or feature map (H, W) without ticks.

    Values of one sign are drawn from white (or black) in grey; signed values, as a filter with
    negative weights gives, are drawn with grey for zero, dark for negative, light for positive, so
    that zero looks the same in every picture.
    """
    ax = ax or new_axes()
    low, high = float(values.min()), float(values.max())
    if low < 0 < high:
        high = max(-low, high)
        low = -high
    ax.imshow(values, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    ax.set(xticks=[], yticks=[], title=title)
    return ax


def new_axes(width: float = 7.0, height: float = 3.9) -> Axes:
    """Return the axes of a new figure, sizes in inches."""
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(width, height))[1]


def lines(
    series: Mapping[str, Sequence | tuple], *, xlabel="", ylabel="", ax=None, **properties
) -> Axes:
    """Draw a line with its own colour, dash and marker for each of several series.

    series: label -> values, drawn over 1, 2, 3, ...; or label -> (places, values). A place may be a
    text: a category. A label that begins with `_` stays out of the legend. properties: further
    settings of the axes, as in `yscale="log"`.
    """
    ax = ax or new_axes()
    for place, (label, values) in enumerate(series.items()):
        xs, ys = values if isinstance(values, tuple) else (range(1, len(values) + 1), values)
        look = ("o-", "s--", "D-.", "^:")[place % 4]
        ax.plot(list(xs), list(ys), look, color=CYCLE[place % len(CYCLE)], label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel, **properties)
    ax.grid(axis="y")
    if any(not label.startswith("_") for label in series):
        ax.legend()
    return ax


def bars(
    names, series: Mapping, *, ylabel="", written="{:.0f}".format, ax=None, **properties
) -> Axes:
    """Draw a group of bars for each name, one bar of each series, with its number on top.

    names: what stands below the groups. series: label -> a number for each name; a single series
    has no legend. written: how a number is written on its bar. properties: as in `lines`.
    """
    ax = ax or new_axes()
    width = 0.8 / len(series)
    for place, (label, numbers) in enumerate(series.items()):
        at = [k + (place - (len(series) - 1) / 2) * width for k in range(len(names))]
        look = {"color": tint(CYCLE[place % len(CYCLE)], 0.75), "edgecolor": INK}
        drawn = ax.bar(at, numbers, width, label=label, hatch=("", "//", "..")[place % 3], **look)
        ax.bar_label(drawn, [written(number) for number in numbers])
    ax.set_xticks(range(len(names)), names)
    ax.set(ylabel=ylabel, **properties)
    ax.margins(y=0.15)
    if len(series) > 1:
        ax.legend()
    return ax
