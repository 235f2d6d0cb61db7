"""From a matplotlib figure to a picture with its text beside it.

Plot functions of the course take values and an `Axes` and return the `Axes`; `show` is the one
step that turns the result into what a notebook displays. It closes the figure, so that the
notebook does not show it a second time, and carries a text alternative into every export.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PIXEL_RATIO = 2  # drawn at twice the shown size, for projectors and dense screens


@dataclass(frozen=True)
class Picture:
    """A picture of pixels, and the sentence that says the same.

    png: the bytes of the image. width: shown width in CSS pixels. alt: what it shows; also the
    text form of the picture.
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
    """Draw a figure into a `Picture` and close it.

    Args:
        figure: a figure, or any of its axes.
        alt: what the picture shows, with its computed numbers. It is read aloud, stands in for
            the picture where there is none, and is what a test compares.

    Raises:
        ValueError: if `alt` is empty.
    """
    from matplotlib import pyplot

    if not alt.strip():
        raise ValueError(f"alt must say what the picture shows, got {alt!r}")
    figure = figure.figure  # a figure is its own
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=figure.dpi * _PIXEL_RATIO, metadata={"Software": None})
    width = round(figure.get_figwidth() * figure.dpi)
    pyplot.close(figure)
    return Picture(target.getvalue(), width, alt)
