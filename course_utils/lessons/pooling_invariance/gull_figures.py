"""Beach scenes: in a grid, on their way through a small network, and what comes of it.

In `seagull_diagram` each map is a PNG of its own few pixels, scaled up by the browser. So the
picture takes about a millisecond; a plotting library would take thirty.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from course_utils.drawing.style import FAINT, GOOD, HIGHLIGHT, INK, INPUT, MUTED, OUTPUT
from course_utils.drawing.svg import MINUS, TIMES, Diagram, font, frame, number, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIDE = 226  # of each of the four pictures
_LEFTS = (12, 262, 512, 762)
_TOP = 46
_HEIGHT = 372


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


def png(pixels: np.ndarray) -> str:
    """Return an image as a `data:` address of a PNG.

    Args:
        pixels: (H, W, 3), numbers from 0 to 1; what lies outside is clipped.

    Raises:
        ValueError: for another shape, or a number that is not finite.
    """
    pixels = np.asarray(pixels, dtype=float)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"pixels must have shape (H, W, 3) with H, W >= 1, got {pixels.shape}")
    if not np.isfinite(pixels).all():
        raise ValueError("pixels must be finite, got at least one NaN or infinity")
    height, width, _ = pixels.shape
    bytes_ = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8).reshape(height, 3 * width)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), bytes_], axis=1)  # filter 0 each
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def ramp(values: np.ndarray, positive: str, negative: str = HIGHLIGHT) -> np.ndarray:
    """Colour a map: white for 0, `positive` for its largest size, `negative` for the other sign.

    Args:
        values: (H, W). positive, negative: `"#RRGGBB"`.

    Returns:
        (H, W, 3) numbers from 0 to 1. A map of zeros is white.
    """
    values = np.asarray(values, dtype=float)
    share = values / max(float(np.abs(values).max()), 1e-12)
    inks = [
        np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) / 255 for c in (positive, negative)
    ]
    ink = np.where((share >= 0)[..., None], *inks)
    return 1 - np.abs(share)[..., None] * (1 - ink)


def seagull_diagram(
    image: np.ndarray, look: Look, *, gull: tuple[float, float] | None = None
) -> Diagram:
    """Draw a scene, a feature map, the map after local pooling, the evidence, and the verdict.

    Args:
        image: (3, H, W), 0 to 1.
        look: what the network makes of it.
        gull: (x, y) of the gull in pixels, as `datasets.seagulls` gives it, or None. It is ringed:
            over a cloud or at dusk the eye needs help. The network sees no ring.

    Raises:
        ValueError: for arrays of another shape, and for a probability outside [0, 1].
    """
    image = np.asarray(image, dtype=float)
    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"image must have shape (3, H, W), got {image.shape}")
    if not 0 <= look.probability <= 1:
        raise ValueError(f"probability must lie between 0 and 1, got {look.probability!r}")
    panels = (
        ("the scene", image.transpose(1, 2, 0)),
        ("one feature map", ramp(look.feature, INPUT)),
        ("after local pooling", ramp(look.pooled, INPUT)),
        ("evidence by place", ramp(look.evidence, OUTPUT)),
    )
    parts = []
    for left, (title, pixels) in zip(_LEFTS, panels, strict=True):
        height, width = pixels.shape[:2]
        parts.append(text(left, 24, title, font(16), bold=True))
        parts.append(
            f'<image x="{left}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" '
            f'preserveAspectRatio="none" style="image-rendering:pixelated" href="{png(pixels)}"/>'
            f'<rect x="{left}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" '
            f'stroke="{FAINT}" stroke-width="1.5"/>'
        )
        size = f"{width} {TIMES} {height}"
        parts.append(text(left, _TOP + _SIDE + 22, size, font(16), fill=MUTED))
    if gull is not None:
        parts.append(_ring(gull, image.shape[1:]))
    parts += [_strongest_place(look.evidence), _verdict(look)]
    return frame("".join(parts), height=_HEIGHT, alt=describe(look, gull), kind="cnn-seagull")


def describe(look: Look, gull: tuple[float, float] | None) -> str:
    """Say the scene and what the network makes of it in words and numbers."""
    row, column = strongest_place(look.evidence)
    scene = (
        "A beach without a gull" if gull is None else f"A gull at ({gull[0]:.0f}, {gull[1]:.0f})"
    )
    return (
        f"{scene}. The evidence is strongest in column {column + 1}, row {row + 1} of "
        f"{look.evidence.shape[1]} {TIMES} {look.evidence.shape[0]}. Global pooling leaves "
        f"{signed(look.strongest)}: probability of a gull {percent(look.probability)}."
    )


def strongest_place(evidence: np.ndarray) -> tuple[int, int]:
    """Return (row, column) of the largest value, both from 0."""
    row, column = np.unravel_index(int(np.argmax(evidence)), np.shape(evidence))
    return int(row), int(column)


def percent(probability: float) -> str:
    """Write a probability in whole per cent; what is not quite 0 or 1 is not written so."""
    if probability < 0.01:
        return "under 1 %"
    if probability > 0.99:
        return "over 99 %"
    return f"{100 * probability:.0f} %"


def signed(value: float) -> str:
    """Write a score with one decimal and its sign."""
    content = f"{abs(value):.1f}"
    return content if content == "0.0" else (MINUS if value < 0 else "+") + content


def _ring(gull, size) -> str:
    """A ring about the gull, dark on white: seen on any sky. Its note stands under the scene."""
    x, y = (
        corner + (place + 0.5) * _SIDE / side
        for corner, place, side in zip((_LEFTS[0], _TOP), gull, size[::-1], strict=True)
    )
    circle = f'<circle cx="{number(x)}" cy="{number(y)}" r="54" fill="none"'
    note = text(_LEFTS[0] + _SIDE, _TOP + _SIDE + 22, "ring: for you only", font(15), anchor="end")
    return (
        f'{circle} stroke="#FFFFFF" stroke-width="5" opacity=".8"/>'
        f'{circle} class="gull" stroke="{INK}" stroke-width="2" stroke-dasharray="7 5"/>{note}'
    )


def _strongest_place(evidence) -> str:
    row, column = strongest_place(evidence)
    high, wide = _SIDE / evidence.shape[0], _SIDE / evidence.shape[1]
    return (
        f'<rect class="place" x="{number(_LEFTS[3] + column * wide)}" '
        f'y="{number(_TOP + row * high)}" width="{number(wide)}" height="{number(high)}" '
        f'fill="none" stroke="{INK}" stroke-width="3"/>'
    )


def _verdict(look: Look) -> str:
    y, left, width = 336, 512, 476
    filled = max(look.probability * width, 1)
    yes = look.probability >= 0.5
    label = {"anchor": "end", "fill": "#FFFFFF"} if yes else {"fill": INK}  # never ink on the bar
    return (
        text(12, y + 5, "global pooling keeps one number per map;", font(16))
        + text(12, y + 25, f"weighted and added: {signed(look.strongest)}", font(16), bold=True)
        + text(502, y + 17, "Gull?", font(18), bold=True, anchor="end")
        + f'<rect x="{left}" y="{y - 6}" width="{width}" height="34" rx="4" fill="{FAINT}" '
        f'fill-opacity=".45"/><rect class="bar" x="{left}" y="{y - 6}" width="{number(filled)}" '
        f'height="34" rx="4" fill="{GOOD if yes else MUTED}"/>'
        f'<path d="M{left + width / 2} {y - 10}v42" stroke="{INK}" stroke-width="1.5"/>'
        + text(
            left + filled + (-12 if yes else 12),
            y + 18,
            percent(look.probability),
            font(19),
            bold=True,
            **label,
        )
    )


# ---------------------------------------------------------------------------------------------
# Plots


def draw_scenes(
    images: np.ndarray, *, columns: int = 6, titles: Sequence[str] | None = None
) -> list[Axes]:
    """Draw pictures side by side, row by row.

    Args:
        images: (N, 3, H, W), 0 to 1; NumPy or torch.
        columns: how many stand in a row, >= 1.
        titles: one for each picture, or none at all.

    Returns:
        The axes of the N pictures, in order.

    Raises:
        ValueError: for another shape, and for a number of titles that is not N.
    """
    images = np.asarray(images, dtype=float)
    if images.ndim != 4 or images.shape[1] != 3 or len(images) == 0:
        raise ValueError(f"images must have shape (N, 3, H, W) with N >= 1, got {images.shape}")
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"titles must hold {len(images)} strings, got {len(titles)}")
    axes = _grid(len(images), columns, room=0.32 if titles else 0)
    for k, (ax, image) in enumerate(zip(axes, images, strict=True)):
        ax.imshow(image.transpose(1, 2, 0).clip(0, 1), interpolation="nearest")
        if titles is not None:
            ax.set_title(titles[k], loc="center")
    return axes


def draw_evidence(
    images: np.ndarray, evidence: np.ndarray, *, titles: Sequence[str] | None = None
) -> list[Axes]:
    """Draw pictures, and below each of them its class activation map.

    Args:
        images: (N, 3, H, W), 0 to 1. evidence: (N, h, w), any finite numbers; both NumPy or torch.
        titles: one for each picture, or none at all.

    Returns:
        The 2 N axes: first the pictures, then the maps. All maps share one scale: green speaks for
        the class, orange against it, and the strongest place is framed.

    Raises:
        ValueError: for other shapes or lengths.
    """
    images, evidence = np.asarray(images, dtype=float), np.asarray(evidence, dtype=float)
    if evidence.ndim != 3 or len(evidence) != len(images):
        raise ValueError(
            f"evidence must have shape (N, h, w) with N = {len(images)}, got {evidence.shape}"
        )
    captions = [*(titles or [""] * len(images)), *[""] * len(images)]
    colours = ramp(evidence.reshape(-1, evidence.shape[2]), OUTPUT)
    maps = colours.reshape(*evidence.shape, 3)
    axes = _grid(2 * len(images), len(images), room=0.3 if titles else 0)
    for ax, caption, picture in zip(
        axes, captions, [*images.transpose(0, 2, 3, 1), *maps], strict=True
    ):
        ax.imshow(picture.clip(0, 1), interpolation="nearest")
        ax.set_title(caption, loc="center")
    from matplotlib.patches import Rectangle

    for ax, one in zip(axes[len(images) :], evidence, strict=True):
        row, column = strongest_place(one)
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, ec=INK, lw=2.5))
    return axes


def draw_shares(shares: Mapping[str, float], *, chance: float, ax: Axes | None = None) -> Axes:
    """Draw shares of right answers as bars, with a line where guessing would be.

    Args:
        shares: what was measured -> share from 0 to 1.
        chance: the share of right guesses, 0 to 1.
        ax: where to draw; None: a new figure.

    Raises:
        ValueError: for a share outside [0, 1].
    """
    from matplotlib import pyplot as plt

    for name, share in {**shares, "chance": chance}.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} must be a share from 0 to 1, got {share!r}")
    if ax is None:
        _, ax = plt.subplots(figsize=(7.5, 0.7 * len(shares) + 1.1))
    bars = ax.barh(list(shares), list(shares.values()), color=INPUT, height=0.62)
    ax.bar_label(bars, [f"{100 * share:.0f} %" for share in shares.values()], padding=5)
    ax.axvline(chance, color=HIGHLIGHT, ls="--")
    ax.annotate(
        f"guessing: {100 * chance:.0f} %",
        (chance, 1),
        (4, 4),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color=INK,
    )
    ax.invert_yaxis()
    ax.set(xlim=(0, 1.1), xticks=[0, 0.25, 0.5, 0.75, 1])
    ax.set_xticklabels(["0", "25 %", "50 %", "75 %", "100 %"])
    ax.set_xlabel("right answers on unseen scenes")
    return ax


def draw_shifts(
    shifts: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    *,
    ylabel: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw what becomes of some numbers while the gull moves, one line each.

    Args:
        shifts: in pixels. curves: name -> one value for each shift.
        ylabel: what the values are.
        ax: where to draw; None: a new figure.

    Raises:
        ValueError: for a curve of another length.
    """
    from matplotlib import pyplot as plt

    for name, values in curves.items():
        if len(values) != len(shifts):
            raise ValueError(f"{name} must hold {len(shifts)} values, got {len(values)}")
    if ax is None:
        _, ax = plt.subplots()
    for (name, values), marker in zip(curves.items(), "osD^v" * len(curves), strict=False):
        ax.plot(shifts, values, marker=marker, label=name)
    ax.set(xlabel="gull moved to the right by ... pixels", ylabel=ylabel)
    ax.grid(axis="y")
    ax.legend()
    return ax


def _grid(count: int, columns: int, room: float) -> list[Axes]:
    """Axes without ticks for `count` square pictures; `room`: for a title, of a picture's side."""
    from matplotlib import pyplot as plt

    if isinstance(columns, bool) or not isinstance(columns, int) or columns < 1:
        raise ValueError(f"columns must be an integer >= 1, got {columns!r}")
    columns = min(columns, count)
    rows = -(-count // columns)
    side = min(9 / columns, 2.3)
    _, axes = plt.subplots(rows, columns, figsize=(side * columns, side * (1 + room / 2) * rows))
    axes = list(np.ravel(axes))
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.set_visible(False)
    for ax in axes[:count]:
        ax.set_visible(True)
        for spine in ax.spines.values():
            spine.set_visible(False)
    return axes[:count]
