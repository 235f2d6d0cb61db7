"""One palette and one set of sizes for every picture of the course, SVG and matplotlib alike.

The colours are those of Okabe and Ito, *Color Universal Design* (2008): eight colours that people
with any common colour vision deficiency tell apart. Nothing is imported here but the standard
library; `study()` loads matplotlib when it is called, and only its settings.

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

INPUT = PALETTE["blue"]  # inputs, pixels, the bottom of a diagram
OUTPUT = PALETTE["green"]  # outputs, feature maps, the top of a diagram
WEIGHT = PALETTE["purple"]  # weights, filters, kernels
HIGHLIGHT = PALETTE["vermillion"]  # what is chosen or pointed at
ACCENT = PALETTE["orange"]  # a second thing to point at, beside the highlight
GOOD = PALETTE["green"]  # right answers, gradients that survive
BAD = PALETTE["vermillion"]  # wrong answers, refusals, gradients that vanish

INK = "#1F2430"  # text and outlines: 15.5 : 1 on PAPER
MUTED = "#5B6472"  # secondary text, lines at rest: 6 : 1 on PAPER, so small text can be read
FAINT = "#C9CED6"  # grid lines, padding, what exists but does not count; never for text
PAPER = "#FFFFFF"  # the ground of every picture: it looks the same in a dark notebook theme

CYCLE: tuple[str, ...] = tuple(
    PALETTE[name] for name in ("blue", "vermillion", "green", "orange", "purple", "sky", "black")
)
"""The order of colours for lines and bars. Yellow is left out: it vanishes on white."""

COLOUR_MAP = "cividis"
"""Perceptually uniform, and made for colour vision deficiency (Nunez et al. 2018)."""

SVG_FONT = "'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif"
"""The fonts an SVG asks for. All are fonts of the system: nothing is downloaded."""

_SIZE = 11.0  # points


def tint(colour: str, share: float) -> str:
    """Mix a colour, `"#RRGGBB"`, with white paper; 1 leaves the colour, 0 the paper."""
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (c - 255) * share):02X}" for c in channels)


def study() -> None:
    """Give matplotlib the course's sizes and colours; a notebook's setup cell calls this once."""
    import matplotlib

    matplotlib.rcParams.update(
        {
            "figure.figsize": (7.0, 3.9),
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "figure.facecolor": PAPER,
            "axes.facecolor": PAPER,
            "figure.constrained_layout.use": True,
            "font.family": "DejaVu Sans",  # ships with matplotlib: one picture on every machine
            "font.size": _SIZE,
            "axes.titlesize": _SIZE * 1.1,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": _SIZE,
            "xtick.labelsize": _SIZE * 0.92,
            "ytick.labelsize": _SIZE * 0.92,
            "legend.fontsize": _SIZE * 0.92,
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
            "lines.linewidth": 1.8,
            "axes.prop_cycle": matplotlib.cycler(color=CYCLE),
            "image.cmap": COLOUR_MAP,
            "svg.hashsalt": "cnn-architectures",  # matplotlib's SVG ids are random without it
        }
    )
