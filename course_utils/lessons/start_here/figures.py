"""The course at a glance: one box per lesson, in the order in which they build on each other."""

from __future__ import annotations

from html import escape
from textwrap import wrap

from course_utils.drawing.style import FAINT, INK, INPUT, MUTED, OUTPUT, WEIGHT, tint
from course_utils.drawing.svg import WIDTH, Diagram, box, frame, path, rect, text
from course_utils.lessons import LESSONS, Lesson

GISTS = {
    "01": "A unit sees a few neighbours.",
    "02": "One filter serves every position.",
    "03": "Shift the input, the output follows.",
    "04": "Is it there? And where?",
    "05": "Three stages, and any input size.",
    "06": "Why depth was out of reach.",
    "07": "60,000 weights read cheques.",
    "08": "Eight layers on two GPUs.",
    "09": "Nothing but 3×3, up to 19 layers.",
    "10": "Many filter sizes, few operations.",
    "11": "152 layers that train.",
    "12": "All side by side; your turn.",
}
"""Each lesson in one short sentence."""

_COLOURS = {"ideas": INPUT, "architectures": OUTPUT, "synthesis": WEIGHT}
_BOX, _HEIGHT, _GAP, _MARGIN = 152, 168, 13, 11.5
_HEAD = 58  # room above each row for its label


def course_map() -> Diagram:
    """Draw the lessons as two rows of boxes: the ideas, and the architectures built on them."""
    rows = {
        "Ideas": [lesson for lesson in LESSONS if lesson.part == "ideas"],
        "Architectures": [le for le in LESSONS if le.part in ("architectures", "synthesis")],
    }
    body, top = [], 40
    for label, lessons in rows.items():
        right = min(_MARGIN + len(lessons) * (_BOX + _GAP) - _GAP, WIDTH)
        way = f"M{_MARGIN} {top + _HEIGHT / 2}H{right}"
        body.append(text(_MARGIN, top - 14, label, 20, bold=True, fill=MUTED))
        body.append(path(way, stroke=FAINT, stroke_width=5))
        for column, lesson in enumerate(lessons):
            body.append(_lesson(lesson, _MARGIN + column * (_BOX + _GAP), top))
        top += _HEIGHT + _HEAD
    named = (
        f"{label}: " + ", ".join(f"{le.number} {le.title} ({le.topic})" for le in lessons)
        for label, lessons in rows.items()
    )
    alt = f"Map of the course. {'; '.join(named)}."
    return frame("".join(body), height=top - _HEAD + 12, alt=alt, kind="cnn-course-map")


def _lesson(lesson: Lesson, left: float, top: float) -> str:
    colour = _COLOURS[lesson.part]
    parts = [
        box(left, top, _BOX, _HEIGHT, colour, 0.08, rx=10, stroke_width=2),
        rect(left + 10, top + 10, 34, 26, rx=6, fill=tint(colour, 0.4)),
        text(left + 27, top + 29, lesson.number, 16, anchor="middle", bold=True),
    ]
    y = top + 58
    for content, size, bold, fill in (
        (lesson.title, 15.5, True, INK),
        (lesson.topic, 13, False, MUTED),
        (GISTS[lesson.number], 13, False, INK),
    ):
        letter = size * (0.6 if bold else 0.53)  # an average one of DejaVu Sans
        for line in wrap(content, width=round((_BOX - 20) / letter)):
            parts.append(text(left + 10, y, escape(line), size, bold=bold, fill=fill))
            y += size * 1.25
        y += 4
    return "".join(parts)
