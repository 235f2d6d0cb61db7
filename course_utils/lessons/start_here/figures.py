"""The course at a glance: one box per lesson, in the order in which they build on each other."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import wrap

from course_utils.drawing.style import (
    FAINT,
    HIGHLIGHT,
    INK,
    INPUT,
    MUTED,
    OUTPUT,
    WEIGHT,
    text_scale,
    tint,
)
from course_utils.drawing.svg import WIDTH, Diagram, font, frame, number, text
from course_utils.lessons import LESSONS, Lesson

_ROWS = (("Ideas", ("ideas",), INPUT), ("Architectures", ("architectures", "synthesis"), OUTPUT))
_SYNTHESIS = WEIGHT
_BOX, _GAP, _MARGIN = 152, 13, 11.5
_BOX_HEIGHT = 168  # in study mode; larger type needs taller boxes
_HEAD = 58  # room above each row for its label
_LINE = 1.25  # distance of two base lines, in text sizes


def course_map(lessons: Sequence[Lesson] = LESSONS, *, here: str | None = None) -> Diagram:
    """Draw the lessons as two rows of boxes: the ideas, and the architectures built on them.

    Args:
        lessons: in their order; those of the part `"start"` are not drawn.
        here: the number of the lesson to mark as the place where the reader is, as in `"01"`.

    Raises:
        ValueError: if no drawn lesson has the number `here`.
    """
    drawn = [lesson for lesson in lessons if lesson.part != "start"]
    numbers = [lesson.number for lesson in drawn]
    if here is not None and here not in numbers:
        raise ValueError(f"here must be one of {', '.join(numbers)}, got {here!r}")
    box_height = _BOX_HEIGHT * text_scale() ** 2  # taller lines, and more of them
    body = []
    for row, (label, parts, colour) in enumerate(_ROWS):
        top = 40 + row * (box_height + _HEAD)
        members = [lesson for lesson in drawn if lesson.part in parts]
        body.append(text(_MARGIN, top - 14, label, font(20), bold=True, fill=MUTED))
        body.append(_path(len(members), top + box_height / 2))
        for column, lesson in enumerate(members):
            own = _SYNTHESIS if lesson.part == "synthesis" else colour
            left = _MARGIN + column * (_BOX + _GAP)
            body.append(_box(lesson, left, top, box_height, own, marked=lesson.number == here))
    alt = "Map of the course. " + "; ".join(
        f"{label}: "
        + ", ".join(f"{le.number} {le.title} ({le.topic})" for le in drawn if le.part in parts)
        for label, parts, _ in _ROWS
    )
    if here is not None:
        alt += f". You are in lesson {here}"
    height = 40 + len(_ROWS) * (box_height + _HEAD) - _HEAD + 12
    return frame("".join(body), height=height, alt=alt + ".", kind="cnn-course-map")


def _path(boxes: int, y: float) -> str:
    right = min(_MARGIN + boxes * (_BOX + _GAP) - _GAP, WIDTH)
    return (
        f'<path d="M{number(_MARGIN)} {number(y)}H{number(right)}" '
        f'stroke="{FAINT}" stroke-width="5" fill="none"/>'
    )


def _box(
    lesson: Lesson, left: float, top: float, height: float, colour: str, *, marked: bool
) -> str:
    outline, width = (HIGHLIGHT, 5) if marked else (colour, 2)
    parts = [
        f'<rect x="{number(left)}" y="{number(top)}" width="{_BOX}" height="{number(height)}" '
        f'rx="10" fill="{tint(colour, 0.08)}" stroke="{outline}" stroke-width="{width}"/>',
        f'<rect x="{number(left + 10)}" y="{number(top + 10)}" width="34" height="26" rx="6" '
        f'fill="{tint(colour, 0.4)}"/>',
        text(left + 27, top + 29, lesson.number, font(16), anchor="middle", bold=True),
    ]
    y = top + 58
    for content, size, bold, fill in (
        (lesson.title, 15.5, True, INK),
        (lesson.topic, 13, False, MUTED),
        (lesson.gist, 13, False, INK),
    ):
        for line in wrap(
            content, width=round((_BOX - 20) / (font(size) * (0.6 if bold else 0.53)))
        ):
            parts.append(text(left + 10, y, escape(line), font(size), bold=bold, fill=fill))
            y += font(size) * _LINE
        y += 4
    return "".join(parts)
