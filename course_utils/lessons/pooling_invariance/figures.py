"""Pictures of lesson 04: pooling before and after a shift; beach scenes and what a network sees.

The strip follows fig. 9.8 of Goodfellow, Bengio and Courville, *Deep Learning* (2016): a row of
detector values below, the pooled values above; then the same row, shifted to the right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from course_utils.drawing import plots, svg
from course_utils.drawing.style import FAINT, GOOD, HIGHLIGHT, INK, INPUT, MUTED, OUTPUT, tint
from course_utils.drawing.svg import TIMES, Diagram, circle, frame, group, path, rect, text

if TYPE_CHECKING:
    import numpy as np

# Pooling in one dimension

_LEFT, _RIGHT = 190, 800  # the units stay between
_GAP = 96  # from the detector row to the pooled row above it


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > 1e-9  # averages that differ by rounding alone are the same


class Strip:
    """A row of detector values, shifted to the right, and what pooling makes of it.

    values: left to right. incoming: what comes in from the left, the first one first. shift: 0 to
    len(incoming) places. pooling: "max" or "average".

    detector, pooled: the values before and after the shift. changed, pooled_changed: how many are
    not what they were at their place. windows: the units in each, centred on units 0, stride,
    2 stride, ...; one of even width reaches one unit further to the right than to the left.
    """

    def __init__(self, values, incoming, shift=1, kernel=3, stride=1, pooling="max") -> None:
        self.shift, self.kernel, self.stride, self.pooling = shift, kernel, stride, pooling
        n, before, behind = len(values), (kernel - 1) // 2, kernel // 2
        ends = [(c - before, c + behind + 1) for c in range(0, n, stride)]
        self.windows = [range(max(0, start), min(n, end)) for start, end in ends]
        self.detector = values, [*incoming[:shift][::-1], *values][:n]
        pool = max if pooling == "max" else fmean
        self.pooled = [[pool(row[k] for k in w) for w in self.windows] for row in self.detector]
        self.changed = sum(map(_differ, *self.detector))
        self.pooled_changed = sum(map(_differ, *self.pooled))

    def draw(self) -> Diagram:
        """Draw the two rows before and after the shift; a thick ring marks what has changed."""
        n, m = len(self.detector[0]), len(self.pooled[0])
        pitch = min((_RIGHT - _LEFT) / n, 108)
        radius = min(27, 0.42 * pitch)
        places = [(_LEFT + _RIGHT) / 2 + (k - (n - 1) / 2) * pitch for k in range(n)]
        centres = places[:: self.stride]
        parts = [
            text(_LEFT - 34, 40, "pooling stage, above", 17, bold=True, fill=OUTPUT),
            text(_LEFT + 210, 40, "detector stage, below", 17, bold=True, fill=INPUT),
            path("M20 228H980", stroke=FAINT, stroke_width=1),
        ]
        for name, count, colour, y in (
            ("pooled values", f"{self.pooled_changed} of {m}", OUTPUT, 362 - _GAP),
            ("detector values", f"{self.changed} of {n}", INPUT, 362),
        ):
            parts += [
                text(838, y - 2, count, 24, bold=True, fill=colour),
                text(838, y + 21, name, 16),
                text(838, y + 40, "changed", 16),
            ]
        for k, (title, y) in enumerate((("before", 190), (f"shifted by {self.shift}", 362))):
            parts += [
                *self._links(places, centres, y, self.detector[k], radius),
                *_units(places, y, self.detector[k], self.detector[0], INPUT, radius),
                *_units(centres, y - _GAP, self.pooled[k], self.pooled[0], OUTPUT, radius),
                text(20, y - _GAP / 2 + 5, title, 19, bold=True),
            ]
        label = f"{self.pooling}, {self.kernel} wide"
        parts.append(text(20, 190 - _GAP / 2 + 27, label, 16, fill=MUTED))
        rows = *self.detector, *self.pooled
        before, after, gives, again = (", ".join(map(shown, row)) for row in rows)
        alt = (
            f"Detector values {before}; {self.pooling} pooling {self.kernel} wide, stride "
            f"{self.stride}, gives {gives}. Shifted by {self.shift}: {after}, pooled {again}. "
            f"Changed: {self.changed} of {n} detector values, {self.pooled_changed} of {m} pooled "
            "values."
        )
        return frame("".join(parts), height=412, alt=alt, kind="cnn-pooling")

    def _links(self, places, centres, y, values, radius) -> list[str]:
        """Thin lines from each window to its pooled value; a thick one from the value that wins."""
        lines, top = ["", ""], y - _GAP + radius
        for window, centre in zip(self.windows, centres, strict=True):
            best = max(window, key=lambda k: values[k]) if self.pooling == "max" else None
            for k in window:
                lines[k == best] += f"M{places[k]:.0f} {y - radius:.0f}L{centre:.0f} {top:.0f}"
        looks = {"stroke": FAINT, "stroke_width": 1.6}, {"stroke": INK, "stroke_width": 3}
        return [path(line, **look) for line, look in zip(lines, looks, strict=True)]


def pooling_strip(values: Sequence[float], incoming: Sequence[float], **how: object) -> Diagram:
    """Draw a `Strip`, which these are for. There is room for ten values."""
    return Strip(values, incoming, **how).draw()


def shown(value: float) -> str:
    """Write a value with at most two decimals and a real minus sign."""
    return f"{round(value, 2) + 0:g}".replace("-", svg.MINUS)  # + 0: never a minus before 0


def _units(places, y, values, before, colour, radius) -> list[str]:
    parts, size = [], min(18, 0.72 * radius)
    for x, value, was in zip(places, values, before, strict=True):
        changed, note = _differ(value, was), shown(value)
        ring, thick = (HIGHLIGHT, 5) if changed else (colour, 1.8)
        fill = tint(colour, 0.06 + 0.4 * min(max(value, 0), 1))
        unit = [
            circle(x, y, radius, fill=fill, stroke=ring, stroke_width=thick),
            text(x, y + size * 0.36, note, size, anchor="middle", bold=changed),
        ]
        parts.append(group(unit, hover=f"{note}, was {shown(was)}" if changed else note))
    return parts


# A scene on its way through a small network

_SIDE, _TOP = 226, 46  # of each of the four pictures
_LEFTS = (12, 262, 512, 762)


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
    """Colour a map, (H, W) -> (H, W, 3) from 0 to 1: white for 0, a full colour where largest."""
    import numpy as np

    share = (values / max(float(abs(values).max()), 1e-12))[..., None]
    inks = [np.array(list(bytes.fromhex(colour[1:]))) / 255 for colour in (positive, negative)]
    return 1 - abs(share) * (1 - np.where(share >= 0, *inks))


def seagull_diagram(image: np.ndarray, look: Look, *, gull=None) -> Diagram:
    """Draw a scene, a feature map, the map after local pooling, the evidence, and the verdict.

    image: (3, H, W), 0 to 1; look: what the network makes of it. gull: (x, y) in pixels, or None;
    it is ringed, for over a cloud or at dusk the eye needs help.
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
        parts += [
            text(left, 24, title, 16, bold=True),
            svg.picture(left, _TOP, _SIDE, _SIDE, pixels),
            rect(left, _TOP, _SIDE, _SIDE, fill="none", stroke=FAINT, stroke_width=1.5),
            text(left, _TOP + _SIDE + 22, f"{width} {TIMES} {height}", 16, fill=MUTED),
        ]
    scene = "A beach without a gull"
    if gull:
        scene = f"A gull at ({gull[0]}, {gull[1]})"
        pixel = _SIDE / image.shape[2]
        at = _LEFTS[0] + (gull[0] + 0.5) * pixel, _TOP + (gull[1] + 0.5) * pixel, 54
        parts += [  # dark on white: seen on any sky
            circle(*at, fill="none", stroke="#FFFFFF", stroke_width=5, opacity=0.8),
            circle(*at, fill="none", stroke=INK, stroke_width=2, stroke_dasharray="7 5"),
            text(_LEFTS[0] + _SIDE, _TOP + _SIDE + 22, "ring: for you only", 15, anchor="end"),
        ]
    row, column = divmod(int(look.evidence.argmax()), width)
    high, wide = _SIDE / height, _SIDE / width  # of a cell of the last map
    place = (_LEFTS[3] + column * wide, _TOP + row * high, wide, high)
    parts += [rect(*place, fill="none", stroke=INK, stroke_width=3), *_verdict(look)]
    alt = (
        f"{scene}. The evidence is strongest in column {column + 1}, row {row + 1} of "
        f"{width} {TIMES} {height}. Global pooling leaves {signed(look.strongest)}: probability "
        f"of a gull {percent(look.probability)}."
    )
    return frame("".join(parts), height=372, alt=alt, kind="cnn-seagull")


def _verdict(look: Look) -> list[str]:
    y, left, width = 336, 512, 476
    filled, yes = max(look.probability * width, 1), look.probability >= 0.5
    beside, anchor, ink = (-12, "end", "#FFFFFF") if yes else (12, "start", INK)
    label = {"bold": True, "anchor": anchor, "fill": ink}  # never ink on the bar
    return [
        text(12, y + 5, "global pooling keeps one number per map;", 16),
        text(12, y + 25, f"weighted and added: {signed(look.strongest)}", 16, bold=True),
        text(502, y + 17, "Gull?", 18, bold=True, anchor="end"),
        rect(left, y - 6, width, 34, rx=4, fill=FAINT, fill_opacity=".45"),
        rect(left, y - 6, filled, 34, rx=4, fill=GOOD if yes else MUTED),
        path(f"M{left + width / 2:g} {y - 10}v42", stroke=INK, stroke_width=1.5),
        text(left + filled + beside, y + 18, percent(look.probability), 19, **label),
    ]


def percent(probability: float) -> str:
    """Write a probability in whole per cent; what is not quite 0 or 1 is not written so."""
    if probability < 0.01:
        return "under 1 %"
    return "over 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def signed(value: float) -> str:
    """Write a score with one decimal and its sign."""
    content = f"{value:+.1f}".replace("-", svg.MINUS)
    return "0.0" if content[1:] == "0.0" else content


# Plots


def draw_scenes(images, *, columns=6, titles: Sequence[str] = ()) -> list[plots.Axes]:
    """Draw pictures (N, 3, H, W), 0 to 1, NumPy or torch, row by row; return their N axes."""
    import numpy as np

    axes = _draw_pictures(np.asarray(images).transpose(0, 2, 3, 1), columns, 1.16 if titles else 1)
    for ax, title in zip(axes, titles, strict=False):
        ax.set_title(title, loc="center")
    return axes


def draw_evidence(images: np.ndarray, evidence: np.ndarray) -> list[plots.Axes]:
    """Draw pictures, and below each its class activation map; return first their axes, then its.

    images: (N, 3, H, W), 0 to 1; evidence: (N, h, w); both NumPy or torch. All maps share one
    scale: green speaks for the class, orange against it, and the strongest place is framed.
    """
    import numpy as np
    from matplotlib.patches import Rectangle

    images, evidence = np.asarray(images), np.asarray(evidence)
    maps = ramp(evidence.reshape(-1, evidence.shape[2]), OUTPUT).reshape(*evidence.shape, 3)
    axes = _draw_pictures([*images.transpose(0, 2, 3, 1), *maps], len(images))
    for ax, one in zip(axes[len(images) :], evidence, strict=True):
        row, column = divmod(int(one.argmax()), one.shape[1])
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec=INK, lw=2.5))
    return axes


def _draw_pictures(pictures: Sequence, columns: int, high: float = 1) -> list[plots.Axes]:
    """Draw square pictures row by row, without ticks; `high`: of a row, of a picture's side."""
    from matplotlib import pyplot

    rows, side = -(-len(pictures) // columns), min(9 / columns, 3)
    figure = pyplot.figure(figsize=(side * columns, side * high * rows))
    for k, pixels in enumerate(pictures):
        ax = figure.add_subplot(rows, columns, k + 1, xticks=[], yticks=[])
        ax.imshow(pixels, interpolation="nearest")
        ax.spines[:].set_visible(False)
    return figure.axes


def draw_shares(shares: Mapping[str, float], *, chance: float) -> plots.Axes:
    """Draw shares of right answers, 0 to 1, as bars, with a line where guessing would be."""
    ax = plots.new_axes(7.5, 0.7 * len(shares) + 1.1)
    bars = ax.barh(list(shares), list(shares.values()), color=INPUT, height=0.62)
    ax.bar_label(bars, [f"{100 * share:.0f} %" for share in shares.values()], padding=5)
    ax.axvline(chance, color=HIGHLIGHT, ls="--")
    above = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    ax.annotate(f"guessing: {100 * chance:.0f} %", (chance, 1), (4, 4), color=INK, **above)
    ax.invert_yaxis()
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    ax.set(xlim=(0, 1.1), xlabel="right answers on unseen scenes")
    return ax


def draw_maps(maps: Mapping[str, np.ndarray]) -> list[plots.Axes]:
    """Draw maps (H, W), >= 0, side by side on one scale, 0 is white; return their axes."""
    import numpy as np

    values = [np.asarray(one) for one in maps.values()]
    largest = max(one.max() for one in values)
    greys = [np.repeat(1 - one[..., None] / largest, 3, axis=2) for one in values]
    axes = _draw_pictures(greys, len(greys), 1.12)
    for ax, title in zip(axes, maps, strict=True):
        ax.set_title(title, loc="center")
        ax.spines[:].set(visible=True, color=FAINT)
    return axes


def draw_wavering(curves: Mapping, each: Mapping) -> list[plots.Axes]:
    """Draw how the score of moved gulls wavers in two networks: one gull, and all of them.

    curves: name -> scores (steps, N); each: name -> how much each gull's score changes from step
    to step, (N,), as a share. The one gull is the middle one in the first network.
    """
    from matplotlib import pyplot

    (first, second), names = each.values(), list(each)
    one = int(first.argsort()[len(first) // 2])
    _, axes = pyplot.subplots(1, 2, figsize=(9.6, 3.7), width_ratios=(1.3, 1))
    drawn = {name: (range(len(c)), (c[:, one] / c.mean()).tolist()) for name, c in curves.items()}
    plots.lines(drawn, xlabel="pixels to the right", ylabel="score / mean score", ax=axes[0])
    axes[0].set_title("the gull in the middle of 100")
    edge = 100 * 1.05 * float(max(first.max(), second.max()))
    axes[1].plot([0, edge], [0, edge], color=MUTED, lw=1.2)
    axes[1].plot(100 * first, 100 * second, "o", ms=4.5, alpha=0.65, color=INPUT)
    axes[1].set(xlim=(0, edge), ylim=(0, edge), xlabel=f"{names[0]}, %", ylabel=f"{names[1]}, %")
    axes[1].set_title("change from pixel to pixel")
    return list(axes)
