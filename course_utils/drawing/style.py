"""One palette and one set of sizes for every picture of the course, SVG and matplotlib alike.

The colours are those of Okabe and Ito, *Color Universal Design* (2008): eight colours that people
with any common colour vision deficiency tell apart. Nothing is imported here but the standard
library; `study()` and `present()` load matplotlib when they are called, and only its settings.

A picture never speaks through colour alone: line width, fill and labels say the same thing.
"""

from __future__ import annotations

PALETTE: dict[str, str] = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
}
"""Name -> hex colour, the eight colours of Okabe and Ito."""

INPUT = PALETTE["blue"]
"""Inputs, pixels, the bottom of a diagram."""
OUTPUT = PALETTE["green"]
"""Outputs, feature maps, the top of a diagram."""
WEIGHT = PALETTE["purple"]
"""Weights, filters, kernels."""
HIGHLIGHT = PALETTE["vermillion"]
"""What is chosen or pointed at."""
ACCENT = PALETTE["orange"]
"""A second thing to point at, beside the highlight."""
GOOD = PALETTE["green"]
"""Right answers, gradients that survive."""
BAD = PALETTE["vermillion"]
"""Wrong answers, refusals, gradients that vanish."""

INK = "#1F2430"
"""Text and outlines. 15.5 : 1 on PAPER."""
MUTED = "#5B6472"
"""Secondary text and lines at rest. 6 : 1 on PAPER, so small text in it is still readable."""
FAINT = "#C9CED6"
"""Grid lines, padding, what exists but does not count. Never for text."""
PAPER = "#FFFFFF"
"""The ground of every picture, so that it looks the same in a dark notebook theme."""

CYCLE: tuple[str, ...] = (
    PALETTE["blue"],
    PALETTE["vermillion"],
    PALETTE["green"],
    PALETTE["orange"],
    PALETTE["purple"],
    PALETTE["sky"],
    PALETTE["black"],
)
"""The order of colours for lines and bars. Yellow is left out: it vanishes on white."""

COLOUR_MAP = "cividis"
"""Perceptually uniform, and made for colour vision deficiency (Nunez et al. 2018)."""

SVG_FONT = "'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif"
"""The fonts an SVG asks for. All are fonts of the system: nothing is downloaded."""

_TEXT_SCALE = {"study": 1.0, "present": 1.2}
_FONT_SIZE = {"study": 11.0, "present": 17.0}
_LINE_WIDTH = {"study": 1.8, "present": 3.0}
_FIGURE_SIZE = {"study": (7.0, 3.9), "present": (10.0, 5.0)}
_mode = "study"


def study() -> None:
    """Set the sizes for reading at a desk. This is also the state before any call."""
    _use("study")


def present() -> None:
    """Set the sizes for a lecture hall: larger type and thicker lines, on the same palette."""
    _use("present")


def mode() -> str:
    """Return `"study"` or `"present"`, whichever is in force."""
    return _mode


def text_scale() -> float:
    """Return the factor on the text sizes of SVG diagrams: 1 to study, more to present."""
    return _TEXT_SCALE[_mode]


def tint(colour: str, share: float) -> str:
    """Mix a colour with white paper.

    Args:
        colour: `"#RRGGBB"`.
        share: how much of the colour is left, from 0 (paper) to 1 (the colour itself).

    Returns:
        The mixture as `"#RRGGBB"`.

    Raises:
        ValueError: if the colour is not six hexadecimal digits or the share lies outside [0, 1].
    """
    if len(colour) != 7 or colour[0] != "#":
        raise ValueError(f"colour must look like '#RRGGBB', got {colour!r}")
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie between 0 and 1, got {share!r}")
    try:
        channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    except ValueError:
        raise ValueError(f"colour must look like '#RRGGBB', got {colour!r}") from None
    return "#" + "".join(f"{round(255 + (c - 255) * share):02X}" for c in channels)


def rc_params(mode: str) -> dict[str, object]:
    """Return the matplotlib settings of one mode, `"study"` or `"present"`.

    Raises:
        ValueError: for any other mode.
    """
    from matplotlib import cycler

    if mode not in _TEXT_SCALE:
        raise ValueError(f"mode must be 'study' or 'present', got {mode!r}")
    size = _FONT_SIZE[mode]
    return {
        "figure.figsize": _FIGURE_SIZE[mode],
        "figure.dpi": 110,
        "savefig.dpi": 110,
        "figure.facecolor": PAPER,
        "axes.facecolor": PAPER,
        "figure.constrained_layout.use": True,
        "font.family": "DejaVu Sans",  # ships with matplotlib: the same picture on every machine
        "font.size": size,
        "axes.titlesize": size * 1.1,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": size,
        "xtick.labelsize": size * 0.92,
        "ytick.labelsize": size * 0.92,
        "legend.fontsize": size * 0.92,
        "legend.frameon": False,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.edgecolor": MUTED,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": tint(FAINT, 0.6),
        "lines.linewidth": _LINE_WIDTH[mode],
        "axes.prop_cycle": cycler(color=list(CYCLE)),
        "image.cmap": COLOUR_MAP,
        "svg.hashsalt": "cnn-architectures",  # matplotlib's SVG ids are random without it
    }


def _use(name: str) -> None:
    import matplotlib

    global _mode
    matplotlib.rcParams.update(rc_params(name))
    _mode = name
