"""What a larger input does to a network: the maps along the way, parameters, multiply-adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from course_utils.drawing.style import ACCENT, FAINT, HIGHLIGHT, INPUT, MUTED, OUTPUT, WEIGHT, tint
from course_utils.drawing.svg import TIMES, Diagram, arrow, font, frame, number, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADS = ("dense", "pooled")

_HEIGHT = 376
_MIDDLE = 92  # height of the chain of maps
_CHART = (70, 466, 222, 344)  # left, right, top, bottom of the curve
_BARS = (640, 980)
_LARGEST_MAP = 128


def resolution_diagram(
    maps: Sequence[tuple[int, int]],
    head: str,
    head_inputs: int,
    parameters: Sequence[tuple[str, int]],
    curve: Sequence[tuple[int, int]],
    *,
    classes: int = 10,
) -> Diagram:
    """Draw a network for one input size, its parameters, and its cost against the input size.

    Args:
        maps: (side, channels) of the input and after every stage.
        head: `"dense"` or `"pooled"`. head_inputs: numbers that reach the last layer.
        parameters: (label, count), one bar each.
        curve: (input size, MACs) in rising order; the first of `maps` must be on it.
        classes: outputs of the head.

    Raises:
        ValueError: for an unknown head, no maps, or an input size that is not on the curve.
    """
    if head not in HEADS:
        raise ValueError(f"head must be 'dense' or 'pooled', got {head!r}")
    if not maps:
        raise ValueError("maps must hold at least the input, got none")
    macs = dict(curve).get(maps[0][0])
    if macs is None:
        raise ValueError(
            f"curve must hold the input size {maps[0][0]}, got {[n for n, _ in curve]}"
        )
    largest = max(n for n, _ in curve)
    body = (
        _chain(maps, head, head_inputs, classes, largest)
        + _curve(curve, maps[0][0], macs)
        + _parameter_bars(parameters)
    )
    chain = ", ".join(f"{n} {TIMES} {n} {TIMES} {c}" for n, c in maps)
    bars = "; ".join(f"{label}: {count:,}" for label, count in parameters)
    alt = (
        f"{chain}, then the {head} head with {head_inputs:,} inputs and {classes} outputs. "
        f"Parameters: {bars}. {macs:,} MACs."
    )
    return frame(body, height=_HEIGHT, alt=alt, kind="cnn-resolution")


def _chain(maps, head, head_inputs, classes, largest) -> str:
    """Draw the maps, each as large as its size says (by its root: 8 and 256 must both be seen)."""
    parts, size = [], font(15)
    pitch = 800 / (len(maps) + 1)
    for k, (n, channels) in enumerate(maps):
        side = _LARGEST_MAP * (n / largest) ** 0.5
        x = 16 + (k + 0.5) * pitch
        colour = INPUT if k == 0 else OUTPUT
        for sheet in (8, 4, 0) if channels > 1 else (0,):
            parts.append(
                f'<rect x="{number(x - side / 2 + sheet)}" '
                f'y="{number(_MIDDLE - side / 2 - sheet)}" width="{number(side)}" '
                f'height="{number(side)}" rx="2" fill="{tint(colour, 0.2)}" stroke="{colour}" '
                'stroke-width="1.8"/>'
            )
        label = f"{n}{TIMES}{n}{TIMES}{channels}"
        parts.append(text(x, 182, label, size, anchor="middle", bold=k == 0))
        ahead = x + pitch - 6
        if k + 1 < len(maps):
            ahead -= _LARGEST_MAP * (maps[k + 1][0] / largest) ** 0.5 / 2
        else:
            ahead = 16 + (k + 1) * pitch + 4
        behind = x + side / 2 + (14 if channels > 1 else 6)
        if ahead - behind > 8:
            parts.append(_arrow(behind, ahead))
    left = 16 + len(maps) * pitch + 14
    name = "flatten" if head == "dense" else "average each map"
    right = left + 176
    parts.append(
        f'<rect x="{number(left)}" y="{_MIDDLE - 46}" width="176" height="92" rx="8" '
        f'fill="{tint(WEIGHT, 0.16)}" stroke="{WEIGHT}" stroke-width="2"/>'
    )
    middle = left + 88
    parts.append(text(middle, _MIDDLE - 20, name, font(15), anchor="middle"))
    parts.append(
        text(middle, _MIDDLE + 6, f"{head_inputs:,} numbers", font(15), anchor="middle", bold=True)
    )
    last = f"dense layer {TIMES} {classes}"
    parts.append(text(middle, _MIDDLE + 32, last, font(15), anchor="middle"))
    parts.append(text(middle, 182, f"{head} head", size, anchor="middle", bold=True))
    parts.append(_arrow(right + 4, min(right + 26, 992)))
    return "".join(parts)


def _arrow(start: float, end: float) -> str:
    path = arrow(start, _MIDDLE, end, _MIDDLE, 7)
    return f'<path d="{path}" fill="none" stroke="{MUTED}" stroke-width="2"/>'


def _curve(curve, size, macs) -> str:
    left, right, top, bottom = _CHART
    largest, most = curve[-1][0], max(m for _, m in curve)

    def place(n, m):
        return left + (right - left) * n / largest, bottom - (bottom - top) * m / most

    points = " ".join(f"{number(x)},{number(y)}" for x, y in (place(n, m) for n, m in curve))
    x, y = place(size, macs)
    ticks = "".join(
        f'<path d="M{number(place(n, 0)[0])} {bottom}v5" stroke="{MUTED}"/>'
        + text(place(n, 0)[0], bottom + 20, str(n), 14, anchor="middle", fill=MUTED)
        for n in range(64, largest + 1, 64)
    ) + "".join(
        f'<path d="M{left} {number(place(0, m)[1])}h-5" stroke="{MUTED}"/>'
        + text(left - 9, place(0, m)[1] + 5, f"{m / 1e6:g}", 14, anchor="end", fill=MUTED)
        for m in range(0, most + 1, 2 * 10 ** (len(str(most)) - 1))
    )
    # The number stands left of the dot in the right half, where the curve is steep.
    label = {"x": x - 12, "anchor": "end"} if size > 0.6 * largest else {"x": x + 4}
    lift = 9 if size > 0.6 * largest else 16
    return (
        f'<path d="M{left} {top - 6}V{bottom}H{right}" fill="none" stroke="{FAINT}" '
        'stroke-width="1.5"/>'
        f'<polyline points="{points}" fill="none" stroke="{INPUT}" stroke-width="2.5"/>'
        + ticks
        + f'<circle cx="{number(x)}" cy="{number(y)}" r="6.5" fill="{HIGHLIGHT}"/>'
        + text(
            label["x"],
            y - lift,
            f"{macs:,}",
            font(16),
            anchor=label.get("anchor", "start"),
            bold=True,
        )
        + text(20, top - 14, "million MACs", 14, fill=MUTED)
        + text(right + 26, bottom + 20, "pixels", 14, fill=MUTED)
    )


def _parameter_bars(parameters) -> str:
    left, right = _BARS
    top, room = 246, 36
    most = max(count for _, count in parameters)
    parts = [text(left - 12, 222, "Parameters", font(16), anchor="end", bold=True)]
    for k, (label, count) in enumerate(parameters):
        y = top + k * room
        wide = max((right - left - 96) * count / most, 1.5)
        parts.append(text(left - 12, y + 14, label, font(14), anchor="end"))
        parts.append(
            f'<rect x="{left}" y="{y}" width="{number(wide)}" height="20" rx="2" '
            f'fill="{(OUTPUT, WEIGHT, ACCENT)[k % 3]}"/>'
        )
        parts.append(text(left + wide + 8, y + 15, f"{count:,}", font(14), bold=True))
    return "".join(parts)


def draw_accuracy(
    sizes: Sequence[int], curves: Mapping[str, Sequence[float]], *, ax: Axes | None = None
) -> Axes:
    """Draw the share of right answers against the size of the test images, a line per network.

    Args:
        sizes: sides of the images in pixels, rising.
        curves: label -> accuracies from 0 to 1, one for each size.
        ax: the axes to draw on; new ones if not given.

    Raises:
        ValueError: for no curve, a curve of another length, or an accuracy outside 0 to 1.
    """
    from matplotlib import pyplot as plt

    if not curves:
        raise ValueError("curves must hold at least one network, got none")
    for label, values in curves.items():
        if len(values) != len(sizes) or not all(0 <= v <= 1 for v in values):
            raise ValueError(
                f"curves[{label!r}] must hold {len(sizes)} numbers from 0 to 1, got {values!r}"
            )
    if ax is None:
        _, ax = plt.subplots(figsize=(8.4, 2.9))
    for (label, values), marker in zip(curves.items(), "osD^v", strict=False):
        ax.plot(sizes, [100 * v for v in values], marker=marker, label=label)
    ax.axhline(10, color=MUTED, linewidth=1.2, linestyle=":")
    ax.annotate("guessing", (sizes[-1], 10), (26, -4), textcoords="offset points", color=MUTED)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.minorticks_off()
    ax.set(xlabel="size of the test images, pixels", ylabel="right answers, %", ylim=(0, 103))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(curves))
    return ax
