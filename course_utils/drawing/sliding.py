"""The view of the filter: a window that slides, as a picture that moves.

`sliding_window` slides over a row of inputs; `sliding_filter` slides over a picture and computes.
They move by style rules alone, in an exported page as well, and stop while the pointer is on them.
In print, and for readers who ask for less motion, they stand still at the position in the middle,
with what all the others give around it.
"""

from collections.abc import Sequence

from course_utils.drawing import svg
from course_utils.drawing.style import FAINT, HIGHLIGHT, INPUT, MUTED, OUTPUT, WEIGHT, tint
from course_utils.drawing.svg import (
    MINUS,
    TIMES,
    Diagram,
    circle,
    group,
    path,
    plural,
    rect,
    text,
)
from course_utils.geometry import edges, output_size

_LIT = {"fill": "none", "stroke": HIGHLIGHT, "stroke_width": 3.5}
_ZERO = {"fill": "none", "stroke": FAINT, "stroke_dasharray": "3 4"}  # of the padding
_NAMES = "picture", "filter", "output"


def moving(
    body: str, frames: Sequence[str], *, height: float, alt: str, seconds: float = 1.5
) -> Diagram:
    """Draw `body`, and on top of it one of the `frames` after the other, for `seconds` each.

    The frame in the middle is the one that stands where nothing moves.
    """
    count = len(frames)
    kind = f"cnn-moving-{count}-{1000 * seconds:.0f}"  # its rules reach no picture of another pace
    for place, frame in enumerate(frames):
        delay = f"animation-delay:{(place - count) * seconds:g}s"
        body += group(frame, class_="f on" if place == count // 2 else "f", style=delay)
    css = (
        f".{kind} .f{{opacity:0}}.{kind} .on{{opacity:1}}"
        "@media screen and (prefers-reduced-motion:no-preference){"
        f".{kind} .f{{animation:{kind} {count * seconds:g}s step-end infinite}}"
        f".{kind}:hover .f{{animation-play-state:paused}}"
        f"@keyframes {kind}{{0%{{opacity:1}}{100 / count:.3f}%{{opacity:0}}}}}}"
    )
    return svg.frame(body, height=height, alt=alt, kind=kind, css=css)


def indexed(letter: str, number: int) -> str:
    """Write a letter with its index: x₁."""
    return letter + str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def unit(x: float, y: float, radius: float, name: str, colour: str) -> str:
    """Draw a unit with its name inside; a zero of the padding is dashed."""
    look = {"fill": tint(colour, 0.14), "stroke": colour} if name != "0" else _ZERO
    drawn = circle(x, y, radius, stroke_width=2.2, **look)
    return drawn + text(x, y + 6, name, min(19, 0.8 * radius), anchor="middle")


def sliding_window(n: int = 5, kernel: int = 3, stride: int = 1, padding: int = 1) -> Diagram:
    """Slide a window over n inputs and the zeros of the padding: an output for each position.

    Below the inputs every position has a bar, so that the still shows all of them.
    """
    outputs, pairs = output_size(n, kernel, stride, padding), edges(n, kernel, stride, padding)
    pitch, top, low = min(92, 800 / (n + 2 * padding)), 44, 190
    radius, tall, wide = min(25, 0.4 * pitch), min(25, 130 / outputs), (kernel - 1) * pitch
    places = [560 + (x - (n - 1) / 2) * pitch for x in range(-padding, n + padding)]
    units, frames, said = [], [], []
    for x, place in enumerate(places, 1 - padding):
        units.append(unit(place, low, radius, indexed("x", x) if 0 < x <= n else "0", INPUT))
    for s in range(outputs):
        start, name = places[s * stride], indexed("s", s + 1)
        middle, y = start + wide / 2, low + 52 + s * tall
        read = [x for x, output in pairs if output == s]
        ends = [(places[x + padding], low) for x in read]
        arrows = [svg.arrow(*svg.between(end, (middle, top), radius + 3), 9) for end in ends]
        units.insert(0, path("".join(arrows), stroke=FAINT, stroke_width=1.8))
        units.append(unit(middle, top, radius, name, OUTPUT))
        bar = {"x": start - radius, "y": y, "width": wide + 2 * radius, "height": tall - 4, "rx": 5}
        units.append(rect(**bar, fill=tint(WEIGHT, 0.35)))
        units.append(text(middle, y + tall / 2 + 3, name, 15, anchor="middle"))
        around = {"y": low - radius - 6, "height": 2 * radius + 12}
        around |= {"x": start - radius - 6, "width": wide + 2 * radius + 12}
        lit = [
            rect(**bar, **_LIT),
            rect(**bar | around, **_LIT),
            circle(middle, top, radius, **_LIT),
        ]
        frames.append("".join([*lit, path("".join(arrows), stroke=HIGHLIGHT, stroke_width=3.4)]))
        said.append(f"s{s + 1} reads {', '.join(f'x{x + 1}' for x in read) or 'zeros only'}")
    names = {top: "outputs s", low: "inputs x", low + 70: "positions of", low + 90: "the window"}
    units += [text(20, y + 5, name, 16, fill=MUTED) for y, name in names.items()]
    zeros = f" with {plural(padding, 'zero')} at either end" if padding else ""
    alt = f"A window slides over {plural(n, 'input')}{zeros}: {'; '.join(said)}."
    return moving("".join(units), frames, height=low + 60 + outputs * tall, alt=alt)


def sliding_filter(image, kernel, *, stride: int = 1, padding: int = 0) -> Diagram:
    """Slide a filter over a small picture: each position gives one number of the output.

    image, kernel: arrays (H, W) of small numbers; with its padding the picture has at most 9 rows.
    """
    import numpy as np

    from course_utils.ops import conv2d

    image, kernel = np.asarray(image), np.asarray(kernel)
    out = conv2d(image[None], kernel[None, None], stride=stride, padding=padding)[0]
    padded, (kh, kw) = np.pad(image, padding), kernel.shape
    cell = min(46, 310 / len(padded), 860 / (padded.shape[1] + kw + out.shape[1]))
    gap = (svg.WIDTH - cell * (padded.shape[1] + kw + out.shape[1])) / 4
    lefts = gap, 2 * gap + cell * padded.shape[1], 3 * gap + cell * (padded.shape[1] + kw)
    tops = [44 + (len(padded) - len(one)) / 2 * cell for one in (padded, kernel, out)]
    body, frames = [], []
    for values, left, top, colour, name in zip(
        (padded, kernel, out), lefts, tops, (INPUT, WEIGHT, OUTPUT), _NAMES, strict=True
    ):
        middle = left + values.shape[1] * cell / 2
        body.append(text(middle, top - 14, name, 18, anchor="middle", bold=True))
        for (i, j), value in np.ndenumerate(values):
            edge = min(i, j, len(values) - 1 - i, values.shape[1] - 1 - j)
            inside = colour != INPUT or edge >= padding
            look = {"fill": tint(colour, 0.14), "stroke": colour} if inside else _ZERO
            x, y = left + j * cell, top + i * cell
            body.append(rect(x, y, cell, cell, stroke_width=1.4, **look))
            middle, low = x + cell / 2, y + 0.66 * cell
            body.append(text(middle, low, _number(value), 0.42 * cell, anchor="middle"))
    low = 44 + len(padded) * cell + 34
    for (i, j), value in np.ndenumerate(out):
        x, y = lefts[0] + j * stride * cell, tops[0] + i * stride * cell
        under = padded[i * stride :, j * stride :][:kh, :kw]
        pairs = zip(under.flat, kernel.flat, strict=True)
        sum_ = " + ".join(f"{_number(a)}\u00b7{_number(w, '({})')}" for a, w in pairs)
        if kernel.size > 9:  # too many to be read
            sum_ = f"sum of {kernel.size} products"
        lit = rect(x, y, kw * cell, kh * cell, rx=5, **_LIT)
        lit += rect(lefts[2] + j * cell, tops[2] + i * cell, cell, cell, rx=3, **_LIT)
        said = text(svg.WIDTH / 2, low, f"{sum_} = {_number(value)}", 17, anchor="middle")
        frames.append(lit + said)
    alt = (
        f"A filter of {kh}{TIMES}{kw} slides over a picture of {TIMES.join(map(str, image.shape))}"
        f" with padding {padding}, stride {stride}: {out.size} positions. "
        f"Output, row by row: {'; '.join(' '.join(map(_number, row)) for row in out)}."
    )
    return moving("".join(body), frames, height=low + 16, alt=alt, seconds=1)


def _number(value: float, negative: str = "{}") -> str:
    written = f"{value:g}".replace("-", MINUS)
    return negative.format(written) if value < 0 else written
