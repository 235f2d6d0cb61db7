"""Plots with matplotlib: lines, bars, feature maps; and from a figure to what a notebook shows.

Plot functions of the course take values and an `Axes` and return the `Axes`; `show` is the one
step that turns the result into what a notebook displays. It closes the figure, so that the
notebook does not show it a second time, and carries a text alternative into every export.

matplotlib is imported when something is drawn.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from course_utils.drawing.style import CYCLE, INK, tint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PIXEL_RATIO = 2  # drawn at twice the shown size, for projectors and dense screens


@dataclass(frozen=True)
class Picture:
    """A picture of pixels, and the sentence that says the same.

    png: the bytes of the image. width: as shown, in CSS pixels. alt: also its text form.
    """

    png: bytes
    width: int
    alt: str

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode("ascii")
        return (
            f'<img class="cnn-plot" alt="{escape(self.alt)}" '
            f'style="width:{self.width}px;max-width:100%;height:auto" '
            f'src="data:image/png;base64,{data}">'
        )

    def __repr__(self) -> str:
        return self.alt


def show(figure: Figure | Axes, *, alt: str) -> Picture:
    """Draw a figure, or the one of these axes, into a `Picture` and close it.

    alt: what the picture shows, with its computed numbers. It is read aloud, stands in for the
    picture where there is none, and is what a test compares.
    """
    from matplotlib import pyplot

    figure = figure.figure  # a figure is its own
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=figure.dpi * _PIXEL_RATIO, metadata={"Software": None})
    width = round(figure.get_figwidth() * figure.dpi)
    pyplot.close(figure)
    return Picture(target.getvalue(), width, alt)


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
    ax.set(xticks=[], yticks=[])
    ax.set_title(title)
    return ax


def new_axes(width: float = 7.0, height: float = 3.9) -> Axes:
    """Return the axes of a new figure, sizes in inches."""
    from matplotlib import pyplot

    return pyplot.subplots(figsize=(width, height))[1]


def lines(
    series: Mapping[str, Sequence[float] | tuple[Sequence, Sequence[float]]],
    *,
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
    **properties: object,
) -> Axes:
    """Draw a line with its own colour, dash and marker for each of several series.

    Args:
        series: label -> values, drawn over 1, 2, 3, ...; or label -> (places, values). A place may
            be a text: a category. A label that begins with `_` stays out of the legend.
        properties: further settings of the axes, as in `yscale="log"`.
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
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    ylabel: str = "",
    written: Callable[[float], str] = "{:.0f}".format,
    ax: Axes | None = None,
    **properties: object,
) -> Axes:
    """Draw a group of bars for each name, one bar of each series, with its number on top.

    Args:
        names: what stands below the groups.
        series: label -> a number for each name. A single series has no legend.
        written: how a number is written on its bar.
        properties: further settings of the axes, as in `ylim=(0, 100)`.
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
