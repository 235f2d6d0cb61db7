"""What every SVG diagram of the course shares: the frame, elements, text, numbers, arrows.

A diagram is one string. The same arguments give the same string, byte for byte, in every process:
there are no ids, so nothing has to be made unique, and several diagrams live on one page. Rules of
style are scoped by the class of the `<svg>` and by `:has()`, which looks only inside one `<svg>`.

Sizes are in units of the view box. The diagrams are 1000 wide, about the width of a notebook's
output, and are scaled to the width they get.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from math import dist

from course_utils.drawing.style import INK, PAPER, SVG_FONT, tint

WIDTH = 1000  # of the view box of every diagram
TIMES, MINUS, ELLIPSIS = "\u00d7", "\u2212", "\u2026"


@dataclass(frozen=True)
class Diagram:
    """A picture as SVG, or as an `<img>` of pixels, and the sentence that says the same."""

    svg: str
    alt: str

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return self.alt


def frame(body: str, *, height: float, alt: str, kind: str, css: str = "") -> Diagram:
    """Close a drawing, `body`, into an `<svg>` that scales to the width it gets.

    height: of the view box. alt: what the picture shows, in words and numbers; screen readers speak
    it. kind: class of the `<svg>`, by which the style rules in `css` are scoped.
    """
    style = f"<style>{css}</style>" if css else ""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cnn-diagram {kind}" role="img" '
        f'aria-label="{escape(alt)}" viewBox="0 0 {WIDTH} {number(height)}" '
        f'font-family="{SVG_FONT}" fill="{INK}" '
        f'style="width:100%;height:auto;max-width:1280px;display:block">{style}'
        f'<rect width="{WIDTH}" height="{number(height)}" rx="6" fill="{PAPER}"/>{body}</svg>'
    )
    return Diagram(svg, alt)


# Elements


def element(
    tag: str, inside: str | Iterable[str] = "", /, *, hover: str = "", **attributes: object
) -> str:
    """Return one SVG element: `element("rect", x=1, stroke_width=2)`.

    Numbers are written with at most one decimal, texts are escaped, attributes that are None are
    left out; `_` in a name stands for `-`, and one at its end goes (`class_`). `inside` is SVG, one
    piece or several; `hover` is what a resting pointer shows, plain text.
    """
    written = ""
    for key, value in attributes.items():
        if value is not None:
            shown = number(value) if isinstance(value, int | float) else escape(str(value))
            written += f' {key.rstrip("_").replace("_", "-")}="{shown}"'
    inside = inside if isinstance(inside, str) else "".join(inside)
    if hover:
        inside = f"<title>{escape(hover)}</title>{inside}"
    return f"<{tag}{written}>{inside}</{tag}>" if inside else f"<{tag}{written}/>"


def rect(x: float, y: float, width: float, height: float, **look: object) -> str:
    """Return a rectangle; `look` are further attributes, as in `fill=INPUT, hover="a pixel"`."""
    return element("rect", x=x, y=y, width=width, height=height, **look)


def box(
    x: float, y: float, width: float, height: float, colour: str, share: float = 0.2, **look: object
) -> str:
    """Return a rectangle filled with a tint of the colour that also outlines it."""
    look = {"rx": 3, "stroke_width": 1.6} | look
    return rect(x, y, width, height, fill=tint(colour, share), stroke=colour, **look)


def circle(x: float, y: float, radius: float, **look: object) -> str:
    """Return a circle round (x, y)."""
    return element("circle", cx=x, cy=y, r=radius, **look)


def path(data: str, **look: object) -> str:
    """Return a path; without a fill unless `fill` says so."""
    return element("path", d=data, **({"fill": "none"} | look))


def line(x1: float, y1: float, x2: float, y2: float, **look: object) -> str:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **look)


def picture(x: float, y: float, width: float, height: float, values) -> str:
    """Return an array as an image: (H, W) greys or (H, W, 3) colours, 0 black to 1.

    A PNG of a few hundred bytes; thousands of rectangles would be too slow to follow a slider.
    """
    pixels = (values.astype(float).clip(0, 1) * 255).round().astype("uint8")
    rows, columns, *colours = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2 if colours else 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))  # 0: no filter
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
        for kind, part in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )
    href = f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
    look = {"preserveAspectRatio": "none", "style": "image-rendering:pixelated", "href": href}
    return element("image", x=x, y=y, width=width, height=height, **look)


def group(inside: str | Iterable[str], **look: object) -> str:
    """Return a group of elements; `look` holds for all of them."""
    return element("g", inside, **look)


def text(
    x: float,
    y: float,
    content: str,
    size: float,
    *,
    anchor="start",
    bold=False,
    fill="",
    classes="",
) -> str:
    """Write one line with its baseline at (x, y). `content` is SVG: escape what is not yours."""
    extra = f' text-anchor="{anchor}"' if anchor != "start" else ""  # by hand: a picture has 400
    extra += ' font-weight="700"' if bold else ""
    extra += f' fill="{fill}"' if fill else ""
    extra += f' class="{classes}"' if classes else ""
    at = f'x="{number(x)}" y="{number(y)}" font-size="{number(size)}"'
    return f"<text {at}{extra}>{content}</text>"


# Path data


def arrow(x1: float, y1: float, x2: float, y2: float, head: float) -> str:
    """Return the path data of a straight arrow with an open head of that length."""
    length = dist((x1, y1), (x2, y2))
    ux, uy = (x2 - x1) / length * head, (y2 - y1) / length * head
    # The barbs lie 25 degrees off the shaft.
    ax, ay = x2 - ux * 0.906 + uy * 0.423, y2 - uy * 0.906 - ux * 0.423
    bx, by = x2 - ux * 0.906 - uy * 0.423, y2 - uy * 0.906 + ux * 0.423
    tip = f"L{x2:.1f} {y2:.1f}"
    return f"M{x1:.1f} {y1:.1f}{tip}M{ax:.1f} {ay:.1f}{tip}L{bx:.1f} {by:.1f}"


def between(start: tuple[float, float], end: tuple[float, float], gap: float) -> tuple[float, ...]:
    """Shorten a line between two unit centres by `gap` at each end: (x1, y1, x2, y2)."""
    (x1, y1), (x2, y2) = start, end
    length = dist(start, end)
    dx, dy = (x2 - x1) / length * gap, (y2 - y1) / length * gap
    return x1 + dx, y1 + dy, x2 - dx, y2 - dy


# Numbers in words


def number(value: float) -> str:
    """Write a coordinate with at most one decimal, and none that is zero."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def large_number(value: float, digits: int | None = None) -> str:
    """Write a number >= 0 in words: 724.4 million, 15.47 billion. Below a million: 999,999.

    digits: significant ones; if not given, one decimal of millions and two of what is more.
    """
    if value < 1e6:
        return f"{value:,.0f}"
    words = ""
    for size, name, decimals in ((1e6, "million", 1), (1e9, "billion", 2), (1e12, "trillion", 2)):
        written = f"{value / size:.{digits}g}" if digits else f"{value / size:.{decimals}f}"
        words = f"{written} {name}"
        if float(written) < 1000:  # 999,999,999 is 1.00 billion, and not 1000.0 million
            break
    return words


def share(part: float, total: float) -> str:
    """Return a share in percent; 0 and 100 stand for nothing and all, never for nearly that."""
    if not part or part == total:
        return "100 %" if part else "0 %"
    percent = 100 * part / total
    return "< 0.1 %" if percent < 0.1 else f"{min(percent, 99.9):.1f} %"


def plural(count: int, word: str) -> str:
    """Return a count with its noun: 1 arrow, 13 arrows."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
