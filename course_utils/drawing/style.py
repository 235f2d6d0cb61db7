"""One palette and one set of sizes for every picture of the course, SVG and matplotlib alike.

The colours are those of Okabe and Ito, *Color Universal Design* (2008): eight colours that people
with any common colour vision deficiency tell apart. Nothing is imported here but the standard
library; `study()` loads matplotlib when it is called, and only its settings.

A picture never speaks through colour alone: line width, fill and labels say the same thing.
"""

from __future__ import annotations

PALETTE = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
}

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

# The order of colours for lines and bars. Yellow is left out: it vanishes on white.
CYCLE = tuple(
    PALETTE[name] for name in ("blue", "vermillion", "green", "orange", "purple", "sky", "black")
)
# Perceptually uniform, and made for colour vision deficiency (Nunez et al. 2018).
COLOUR_MAP = "cividis"
# The fonts an SVG asks for. All are fonts of the system: nothing is downloaded.
SVG_FONT = "'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif"
_SIZE = 11.0  # points


def tint(colour: str, share: float) -> str:
    """Mix a colour, `"#RRGGBB"`, with white paper; 1 leaves the colour, 0 the paper."""
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (c - 255) * share):02X}" for c in channels)


def study() -> None:
    """Give matplotlib the course's sizes and colours; a notebook's setup cell calls this once."""
    import matplotlib

    rc, small = matplotlib.rc, _SIZE * 0.92
    rc("figure", figsize=(7.0, 3.9), dpi=110, facecolor=PAPER)
    rc("figure.constrained_layout", use=True)
    rc("savefig", dpi=110)
    rc("font", family="DejaVu Sans", size=_SIZE)  # ships with matplotlib: the same everywhere
    rc("text", color=INK)
    rc("axes", facecolor=PAPER, edgecolor=MUTED, labelcolor=INK, titlecolor=INK, axisbelow=True)
    rc("axes", labelsize=_SIZE, titlesize=_SIZE * 1.1, titleweight="bold", titlelocation="left")
    rc("axes", prop_cycle=matplotlib.cycler(color=CYCLE))
    rc("axes.spines", top=False, right=False)
    rc(("xtick", "ytick"), labelsize=small, color=MUTED, labelcolor=INK)
    rc("legend", fontsize=small, frameon=False)
    rc("grid", color=tint(FAINT, 0.6))
    rc("lines", linewidth=1.8)
    rc("image", cmap=COLOUR_MAP)
    rc("svg", hashsalt="cnn-architectures")  # matplotlib's SVG ids are random without it
