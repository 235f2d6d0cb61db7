"""What a larger input does to a network: the maps along the way, parameters, multiply-adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from course_utils.drawing import plots, svg
from course_utils.drawing.style import ACCENT, FAINT, HIGHLIGHT, INPUT, MUTED, OUTPUT, WEIGHT
from course_utils.drawing.svg import TIMES, Diagram, arrow, box, circle, frame, path, rect, text

WIDTHS = (1, 8, 16, 32, 64)  # channels of the input and after each 3 x 3 convolution, padding 1
POOLED = 3  # the first three convolutions are followed by a 2 x 2 pooling, the fourth is not
STAGE_PARAMETERS = sum((9 * below + 1) * above for below, above in pairwise(WIDTHS))
CLASSES = 10
SIZES = range(8, 257, 4)  # of the input


class Cost(NamedTuple):
    """One network on one input size.

    maps: (side, channels) of the input and after each stage. features: numbers that reach the
    last layer. macs: one multiply-add of a convolution or linear weight each; nothing else counts.
    """

    maps: list[tuple[int, int]]
    features: int
    head_parameters: int
    macs: int


@cache
def cost(size: int, head: str) -> Cost:
    """Count the network on `size` x `size` pixels, with a dense head built for them or a pooled."""
    side, maps, macs = size, [(size, WIDTHS[0])], 0
    for below, above in pairwise(WIDTHS):
        macs += side**2 * 9 * below * above
        side = side // 2 if len(maps) <= POOLED else side
        maps.append((side, above))
    features = WIDTHS[-1] * (side**2 if head == "dense" else 1)
    return Cost(maps, features, (features + 1) * CLASSES, macs + features * CLASSES)


_MIDDLE = 92  # height of the chain of maps
_PITCH = 800 / (len(WIDTHS) + 1)


def resolution_diagram(size: int, head: str) -> Diagram:
    """Draw the network for one input size, its parameters, and its cost against the input size."""
    here = cost(size, head)
    bars = {f"{kind} head": cost(size, kind).head_parameters for kind in ("pooled", "dense")}
    bars = {"four convolutions": STAGE_PARAMETERS} | bars
    chain = ", ".join(f"{n} {TIMES} {n} {TIMES} {c}" for n, c in here.maps)
    listed = "; ".join(f"{label}: {count:,}" for label, count in bars.items())
    alt = (
        f"{chain}, then the {head} head with {here.features:,} inputs and {CLASSES} outputs. "
        f"Parameters: {listed}. {here.macs:,} MACs."
    )
    body = [*_chain(here.maps), *_head(head, here.features), *_curve(size, head), *_bars(bars)]
    return frame("".join(body), height=376, alt=alt, kind="cnn-resolution")


def _chain(maps: Sequence[tuple[int, int]]) -> list[str]:
    # By the root of the size, for 8 and 256 must both be seen.
    parts, sides = [], [128 * (n / SIZES[-1]) ** 0.5 for n, _ in maps]
    for k, ((n, channels), side) in enumerate(zip(maps, sides, strict=True)):
        x, look = 16 + (k + 0.5) * _PITCH, {"rx": 2, "stroke_width": 1.8}
        left, top, colour = x - side / 2, _MIDDLE - side / 2, OUTPUT if k else INPUT
        for sheet in (8, 4, 0) if k else (0,):
            parts.append(box(left + sheet, top - sheet, side, side, colour, **look))
        label = f"{n}{TIMES}{n}{TIMES}{channels}"
        parts.append(text(x, 182, label, 15, anchor="middle", bold=not k))
        behind, ahead = x + side / 2 + (14 if k else 6), x + _PITCH / 2 + 4  # there is the head
        if k + 1 < len(maps):
            ahead = x + _PITCH - 6 - sides[k + 1] / 2
        if ahead - behind > 8:
            parts.append(_arrow(behind, ahead))
    return parts


def _head(head: str, features: int) -> list[str]:
    left = 30 + len(WIDTHS) * _PITCH
    words = "flatten" if head == "dense" else "average each map"
    return [
        box(left, _MIDDLE - 46, 176, 92, WEIGHT, 0.16, rx=8, stroke_width=2),
        text(left + 88, _MIDDLE - 20, words, 15, anchor="middle"),
        text(left + 88, _MIDDLE + 6, f"{features:,} numbers", 15, anchor="middle", bold=True),
        text(left + 88, _MIDDLE + 32, f"dense layer {TIMES} {CLASSES}", 15, anchor="middle"),
        text(left + 88, 182, f"{head} head", 15, anchor="middle", bold=True),
        _arrow(left + 180, left + 202),
    ]


def _arrow(start: float, end: float) -> str:
    return path(arrow(start, _MIDDLE, end, _MIDDLE, 7), stroke=MUTED, stroke_width=2)


def _curve(size: int, head: str) -> list[str]:
    """Draw the multiply-adds against the size, with a dot at this one."""
    left, right, top, bottom = 70, 466, 222, 344
    here, most = (cost(n, head).macs for n in (size, SIZES[-1]))

    def place(n, macs):
        return left + (right - left) * n / SIZES[-1], bottom - (bottom - top) * macs / most

    corners = " ".join("{:.1f},{:.1f}".format(*place(n, cost(n, head).macs)) for n in SIZES)
    parts = [
        path(f"M{left} {top - 6}V{bottom}H{right}", stroke=FAINT, stroke_width=1.5),
        svg.element("polyline", points=corners, fill="none", stroke=INPUT, stroke_width=2.5),
    ]
    for n in (64, 128, 192, 256):
        x, _ = place(n, 0)
        parts.append(path(f"M{x:.1f} {bottom}v5", stroke=MUTED))
        parts.append(text(x, bottom + 20, str(n), 14, anchor="middle", fill=MUTED))
    for millions in (0, 20, 40, 60):
        _, y = place(0, millions * 1e6)
        parts.append(path(f"M{left} {y:.1f}h-5", stroke=MUTED))
        parts.append(text(left - 9, y + 5, str(millions), 14, anchor="end", fill=MUTED))
    x, y = place(size, here)
    # The number stands left of the dot in the right half, where the curve is steep.
    dx, dy, anchor = (-12, 9, "end") if size > 0.6 * SIZES[-1] else (4, 16, "start")
    return parts + [
        circle(x, y, 6.5, fill=HIGHLIGHT),
        text(x + dx, y - dy, f"{here:,}", 16, anchor=anchor, bold=True),
        text(20, top - 14, "million MACs", 14, fill=MUTED),
        text(right + 26, bottom + 20, "pixels", 14, fill=MUTED),
    ]


def _bars(counts: Mapping[str, int]) -> list[str]:
    left, most = 640, max(counts.values())
    parts = [text(left - 12, 222, "Parameters", 16, anchor="end", bold=True)]
    for k, (label, count) in enumerate(counts.items()):
        y, wide = 246 + 36 * k, max(244 * count / most, 1.5)
        parts += [
            text(left - 12, y + 14, label, 14, anchor="end"),
            rect(left, y, wide, 20, rx=2, fill=(OUTPUT, WEIGHT, ACCENT)[k]),
            text(left + wide + 8, y + 15, f"{count:,}", 14, bold=True),
        ]
    return parts


def draw_accuracy(sizes: Sequence[int], curves: Mapping[str, Sequence[float]]) -> plots.Axes:
    """Draw accuracies, 0 to 1, against the size of the test images: label -> one for each size."""
    percent = {label: (sizes, [100 * v for v in values]) for label, values in curves.items()}
    ax = plots.lines(percent, ax=plots.new_axes(8.4, 2.9), ylim=(0, 103))
    ax.set(xlabel="size of the test images, pixels", ylabel="right answers, %")
    ax.axhline(10, color=MUTED, linewidth=1.2, linestyle=":")
    ax.annotate("guessing", (sizes[-1], 10), (26, -4), textcoords="offset points", color=MUTED)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, map(str, sizes))
    ax.minorticks_off()
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(curves))
    return ax
