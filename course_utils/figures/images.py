"""Pictures and feature maps as pictures: arrays in, Axes out."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes


def draw_image(values: np.ndarray, *, ax: Axes | None = None, title: str = "") -> Axes:
    """Draw a single-channel picture or feature map.

    Values of one sign are drawn from white (or black) in grey; signed values, as a filter with
    negative weights gives, are drawn with grey for zero, dark for negative, light for positive, so
    that zero looks the same in every picture.

    Args:
        values: `(H, W)`, any finite numbers.
        ax: the axes to draw on; new ones if not given.
        title: stands above the picture.

    Returns:
        The axes, without ticks.

    Raises:
        ValueError: if `values` is not two-dimensional, is empty or holds a number that is not
            finite.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"values must have shape (H, W) with H, W >= 1, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite, got at least one NaN or infinity")
    if ax is None:
        _, ax = plt.subplots()
    low, high = float(values.min()), float(values.max())
    if low < 0 < high:
        high = max(-low, high)
        low = -high
    ax.imshow(values, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.set_title(title)
    return ax
