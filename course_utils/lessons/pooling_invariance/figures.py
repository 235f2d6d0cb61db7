"""Pictures of lesson 04: pooling before and after a shift; beach scenes and what a network sees.

The strip follows fig. 9.8 of Goodfellow, Bengio and Courville, *Deep Learning* (2016): a row of
detector values below, the pooled values above; then the same row, shifted to the right.

In the seagull's picture each map is a PNG of its own few pixels, scaled up by the browser. So it
takes about a millisecond; a plotting library would take thirty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from course_utils.drawing.style import FAINT, GOOD, HIGHLIGHT, INK, INPUT, MUTED, OUTPUT, tint
from course_utils.drawing.svg import (
    MINUS,
    TIMES,
    Diagram,
    circle,
    element,
    frame,
    group,
    path,
    picture,
    rect,
    text,
)

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

# ---------------------------------------------------------------------------------------------
# Pooling in one dimension

_LEFT, _RIGHT = 190, 800  # the units stay between
_GAP = 96  # from the detector row to the pooled row above it
_NEAR = 1e-9  # averages that differ by rounding alone are the same


def windows(n: int, kernel: int, stride: int) -> list[range]:
    """Return the units in each pooling window: centred on units 0, stride, 2 stride, ...

    A window that reaches over an end holds the units that exist. A window of even width reaches
    one unit further to the right than to the left.
    """
    before, behind = (kernel - 1) // 2, kernel // 2
    return [range(max(0, c - before), min(n, c + behind + 1)) for c in range(0, n, stride)]


@dataclass(frozen=True)
class Strip:
    """A row of detector values before and after a shift, and what pooling makes of both.

    values: left to right. incoming: what comes in from the left, the first one first. shift: to
    the right, 0 to len(incoming) places. kernel, stride, pooling ("max" or "average"): of the
    pooling windows.
    """

    values: Sequence[float]
    incoming: Sequence[float]
    shift: int = 1
    kernel: int = 3
    stride: int = 1
    pooling: str = "max"

    @property
    def windows(self) -> list[range]:
        return windows(len(self.values), self.kernel, self.stride)

    @property
    def after(self) -> list[float]:
        """The values after the shift."""
        return [*self.incoming[: self.shift][::-1], *self.values][: len(self.values)]

    def pool(self, values: Sequence[float]) -> list[float]:
        """Return the largest value or the mean of each window."""
        inside = [[values[k] for k in window] for window in self.windows]
        return [max(part) if self.pooling == "max" else sum(part) / len(part) for part in inside]

    @property
    def changed(self) -> int:
        """How many of the detector's values are not what they were at their place."""
        return _differ(self.values, self.after)

    @property
    def pooled_changed(self) -> int:
        """How many of the pooled values are not what they were at their place."""
        return _differ(self.pool(self.values), self.pool(self.after))


def _differ(one: Sequence[float], other: Sequence[float]) -> int:
    return sum(abs(a - b) > _NEAR for a, b in zip(one, other, strict=True))


def pooling_strip(values: Sequence[float], incoming: Sequence[float], **how: object) -> Diagram:
    """Draw the two rows before and after the shift; a thick ring marks what has changed.

    Args as for `Strip`. There is room for ten values.
    """
    return draw_strip(Strip(values, incoming, **how))


def draw_strip(strip: Strip) -> Diagram:
    """Draw a strip, as `pooling_strip`."""
    n = len(strip.values)
    pitch = min((_RIGHT - _LEFT) / n, 108)
    places = [(_LEFT + _RIGHT) / 2 + (k - (n - 1) / 2) * pitch for k in range(n)]
    centres = places[:: strip.stride]
    radius = min(27, 0.42 * pitch)
    parts = [_heading(strip)]
    for title, y, row, old in (
        ("before", 190, strip.values, strip.values),
        (f"shifted by {strip.shift}", 362, strip.after, strip.values),
    ):
        parts += [
            _links(strip, places, centres, y, row, radius),
            _units(places, y, row, old, INPUT, radius),
            _units(centres, y - _GAP, strip.pool(row), strip.pool(old), OUTPUT, radius),
            text(20, y - _GAP / 2 + 5, title, 19, bold=True),
        ]
    label = f"{strip.pooling}, {strip.kernel} wide"
    parts.append(text(20, 190 - _GAP / 2 + 27, label, 16, fill=MUTED))
    return frame("".join(parts), height=412, alt=_describe_strip(strip), kind="cnn-pooling")


def _describe_strip(strip: Strip) -> str:
    before, after, pooled, again = (
        ", ".join(map(shown, row))
        for row in (strip.values, strip.after, strip.pool(strip.values), strip.pool(strip.after))
    )
    return (
        f"Detector values {before}; {strip.pooling} pooling {strip.kernel} wide, stride "
        f"{strip.stride}, gives {pooled}. Shifted by {strip.shift}: {after}, pooled {again}. "
        f"Changed: {strip.changed} of {len(strip.values)} detector values, "
        f"{strip.pooled_changed} of {len(strip.windows)} pooled values."
    )


def shown(value: float) -> str:
    """Write a value with at most two decimals and a real minus sign."""
    content = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if content == "-0" else content.replace("-", MINUS)


def _heading(strip: Strip) -> str:
    parts = [
        text(_LEFT - 34, 40, "pooling stage, above", 17, bold=True, fill=OUTPUT),
        text(_LEFT + 210, 40, "detector stage, below", 17, bold=True, fill=INPUT),
        path("M20 228H980", stroke=FAINT, stroke_width=1),
    ]
    for what, changed, count, colour, y in (
        ("pooled values", strip.pooled_changed, len(strip.windows), OUTPUT, 362 - _GAP),
        ("detector values", strip.changed, len(strip.values), INPUT, 362),
    ):
        parts += [
            text(838, y - 2, f"{changed} of {count}", 24, bold=True, fill=colour),
            text(838, y + 21, what, 16),
            text(838, y + 40, "changed", 16),
        ]
    return "".join(parts)


def _links(strip, places, centres, y, values, radius) -> str:
    """Thin lines from each window to its pooled value; a thick one from the value that wins."""
    thin, thick = [], []
    top, bottom = y - _GAP + radius, y - radius
    for window, centre in zip(strip.windows, centres, strict=True):
        best = max(window, key=lambda k: values[k])
        for k in window:
            wins = strip.pooling == "max" and k == best
            link = f"M{places[k]:.0f} {bottom:.0f}L{centre:.0f} {top:.0f}"
            (thick if wins else thin).append(link)
    return path("".join(thin), stroke=FAINT, stroke_width=1.6) + path(
        "".join(thick), stroke=INK, stroke_width=3
    )


def _units(places, y, values, old, colour, radius) -> str:
    parts = []
    size = min(18, 0.72 * radius)
    for x, value, was in zip(places, values, old, strict=True):
        changed = abs(value - was) > _NEAR
        ring = {"stroke": HIGHLIGHT, "stroke_width": 5} if changed else {"stroke": colour}
        fill = tint(colour, 0.06 + 0.4 * min(max(value, 0), 1))
        note = f"{shown(value)}, was {shown(was)}" if changed else shown(value)
        unit = [
            element("title", note),
            circle(x, y, radius, fill=fill, **({"stroke_width": 1.8} | ring)),
            text(x, y + size * 0.36, shown(value), size, anchor="middle", bold=changed),
        ]
        parts.append(group(unit))
    return "".join(parts)


# ---------------------------------------------------------------------------------------------
# A scene on its way through a small network

_SIDE = 226  # of each of the four pictures
_LEFTS = (12, 262, 512, 762)
_TOP = 46


class Look(NamedTuple):
    """What a network makes of one scene. All arrays are NumPy arrays of finite numbers.

    feature (H, W): one feature map, after the detector stage, >= 0. pooled (h, w): the same map
    after local pooling. evidence (h, w): how much each place speaks for a gull, signed. strongest:
    the value after global pooling. probability: of a gull, 0 to 1.
    """

    feature: np.ndarray
    pooled: np.ndarray
    evidence: np.ndarray
    strongest: float
    probability: float


def ramp(values: np.ndarray, positive: str, negative: str = HIGHLIGHT) -> np.ndarray:
    """Colour a map (H, W): white for 0, `positive` for its largest size, `negative` below zero.

    The colours are `"#RRGGBB"`. Returns (H, W, 3), numbers from 0 to 1; a map of zeros is white.
    """
    import numpy as np

    share = values / max(float(abs(values).max()), 1e-12)
    inks = [
        np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) / 255 for c in (positive, negative)
    ]
    ink = np.where((share >= 0)[..., None], *inks)
    return 1 - abs(share)[..., None] * (1 - ink)


def seagull_diagram(
    image: np.ndarray, look: Look, *, gull: tuple[float, float] | None = None
) -> Diagram:
    """Draw a scene, a feature map, the map after local pooling, the evidence, and the verdict.

    Args:
        image: (3, H, W), 0 to 1.
        look: what the network makes of it.
        gull: (x, y) of the gull in pixels, as `datasets.seagulls` gives it, or None. It is ringed:
            over a cloud or at dusk the eye needs help. The network sees no ring.
    """
    panels = (
        ("the scene", image.transpose(1, 2, 0)),
        ("one feature map", ramp(look.feature, INPUT)),
        ("after local pooling", ramp(look.pooled, INPUT)),
        ("evidence by place", ramp(look.evidence, OUTPUT)),
    )
    parts = []
    for left, (title, pixels) in zip(_LEFTS, panels, strict=True):
        height, width = pixels.shape[:2]
        place = {"x": left, "y": _TOP, "width": _SIDE, "height": _SIDE}
        parts += [
            text(left, 24, title, 16, bold=True),
            picture(**place, values=pixels),
            rect(**place, fill="none", stroke=FAINT, stroke_width=1.5),
            text(left, _TOP + _SIDE + 22, f"{width} {TIMES} {height}", 16, fill=MUTED),
        ]
    if gull is not None:
        parts.append(_ring(gull, image.shape[1:]))
    parts += [_strongest_place(look.evidence), _verdict(look)]
    return frame("".join(parts), height=372, alt=_describe_look(look, gull), kind="cnn-seagull")


def _describe_look(look: Look, gull: tuple[float, float] | None) -> str:
    row, column = strongest_place(look.evidence)
    height, width = look.evidence.shape
    scene = f"A gull at ({gull[0]:.0f}, {gull[1]:.0f})" if gull else "A beach without a gull"
    return (
        f"{scene}. The evidence is strongest in column {column + 1}, row {row + 1} of "
        f"{width} {TIMES} {height}. Global pooling leaves {signed(look.strongest)}: probability "
        f"of a gull {percent(look.probability)}."
    )


def strongest_place(evidence: np.ndarray) -> tuple[int, int]:
    """Return (row, column) of the largest value, both from 0."""
    return divmod(int(evidence.argmax()), evidence.shape[1])


def percent(probability: float) -> str:
    """Write a probability in whole per cent; what is not quite 0 or 1 is not written so."""
    if probability < 0.01:
        return "under 1 %"
    return "over 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def signed(value: float) -> str:
    """Write a score with one decimal and its sign."""
    content = f"{abs(value):.1f}"
    return content if content == "0.0" else (MINUS if value < 0 else "+") + content


def _ring(gull, size) -> str:
    """A ring about the gull, dark on white: seen on any sky. Its note stands under the scene."""
    height, width = size
    x = _LEFTS[0] + (gull[0] + 0.5) * _SIDE / width
    y = _TOP + (gull[1] + 0.5) * _SIDE / height
    dark = {"stroke": INK, "stroke_width": 2, "stroke_dasharray": "7 5"}
    return (
        circle(x, y, 54, fill="none", stroke="#FFFFFF", stroke_width=5, opacity=0.8)
        + circle(x, y, 54, fill="none", **dark)
        + text(_LEFTS[0] + _SIDE, _TOP + _SIDE + 22, "ring: for you only", 15, anchor="end")
    )


def _strongest_place(evidence) -> str:
    row, column = strongest_place(evidence)
    high, wide = _SIDE / evidence.shape[0], _SIDE / evidence.shape[1]
    place = (_LEFTS[3] + column * wide, _TOP + row * high, wide, high)
    return rect(*place, fill="none", stroke=INK, stroke_width=3)


def _verdict(look: Look) -> str:
    y, left, width = 336, 512, 476
    filled = max(look.probability * width, 1)
    yes = look.probability >= 0.5
    label = {"anchor": "end", "fill": "#FFFFFF"} if yes else {"fill": INK}  # never ink on the bar
    end = left + filled + (-12 if yes else 12)
    return "".join(
        [
            text(12, y + 5, "global pooling keeps one number per map;", 16),
            text(12, y + 25, f"weighted and added: {signed(look.strongest)}", 16, bold=True),
            text(502, y + 17, "Gull?", 18, bold=True, anchor="end"),
            rect(left, y - 6, width, 34, rx=4, fill=FAINT, fill_opacity=".45"),
            rect(left, y - 6, filled, 34, rx=4, fill=GOOD if yes else MUTED),
            path(f"M{left + width / 2:g} {y - 10}v42", stroke=INK, stroke_width=1.5),
            text(end, y + 18, percent(look.probability), 19, bold=True, **label),
        ]
    )


# ---------------------------------------------------------------------------------------------
# Plots


def draw_scenes(images: np.ndarray, *, columns: int = 6, titles: Sequence[str] = ()) -> list[Axes]:
    """Draw pictures (N, 3, H, W), 0 to 1, NumPy or torch, row by row; return their N axes."""
    import numpy as np

    axes = _grid(len(images), columns, room=0.32 if titles else 0)
    for ax, image in zip(axes, np.asarray(images), strict=True):
        ax.imshow(image.transpose(1, 2, 0), interpolation="nearest")
    for ax, title in zip(axes, titles, strict=False):
        ax.set_title(title, loc="center")
    return axes


def draw_evidence(images: np.ndarray, evidence: np.ndarray) -> list[Axes]:
    """Draw pictures, and below each of them its class activation map.

    Args:
        images: (N, 3, H, W), 0 to 1. evidence: (N, h, w); both NumPy or torch.

    Returns:
        The 2 N axes: first the pictures, then the maps. All maps share one scale: green speaks for
        the class, orange against it, and the strongest place is framed.
    """
    import numpy as np
    from matplotlib.patches import Rectangle

    images, evidence = np.asarray(images), np.asarray(evidence)
    maps = ramp(evidence.reshape(-1, evidence.shape[2]), OUTPUT).reshape(*evidence.shape, 3)
    axes = _grid(2 * len(images), len(images))
    for ax, pixels in zip(axes, [*images.transpose(0, 2, 3, 1), *maps], strict=True):
        ax.imshow(pixels, interpolation="nearest")
    for ax, one in zip(axes[len(images) :], evidence, strict=True):
        row, column = strongest_place(one)
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec=INK, lw=2.5))
    return axes


def _grid(count: int, columns: int, room: float = 0) -> list[Axes]:
    """Axes without ticks for `count` square pictures; `room`: for a title, of a picture's side."""
    from matplotlib import pyplot

    columns = min(columns, count)
    rows = -(-count // columns)
    side = min(9 / columns, 2.3)
    figure = pyplot.figure(figsize=(side * columns, side * (1 + room / 2) * rows))
    axes = [figure.add_subplot(rows, columns, k + 1, xticks=[], yticks=[]) for k in range(count)]
    for ax in axes:
        ax.spines[:].set_visible(False)
    return axes


def draw_shares(shares: Mapping[str, float], *, chance: float) -> Axes:
    """Draw shares of right answers, 0 to 1, as bars, with a line where guessing would be."""
    from course_utils.drawing.plots import new_axes

    ax = new_axes(7.5, 0.7 * len(shares) + 1.1)
    bars = ax.barh(list(shares), list(shares.values()), color=INPUT, height=0.62)
    ax.bar_label(bars, [f"{100 * share:.0f} %" for share in shares.values()], padding=5)
    ax.axvline(chance, color=HIGHLIGHT, ls="--")
    above = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    ax.annotate(f"guessing: {100 * chance:.0f} %", (chance, 1), (4, 4), color=INK, **above)
    ax.invert_yaxis()
    ax.set(xlim=(0, 1.1), xlabel="right answers on unseen scenes")
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    return ax
