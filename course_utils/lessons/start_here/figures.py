"""The course at a glance: one box per lesson, in the order in which they build on each other."""

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
    "05": "Three stages, any size.",
    "06": "Why depth was out of reach.",
    "07": "60,000 weights read cheques.",
    "08": "Eight layers on two GPUs.",
    "09": "Nothing but 3×3, up to 19 layers.",
    "10": "Many filter sizes, few operations.",
    "11": "152 layers that train.",
    "12": "All side by side; your turn.",
}  # each lesson in one short sentence
ROWS = {"Ideas": ("ideas",), "Architectures": ("architectures", "synthesis")}
COLOURS = {"ideas": INPUT, "architectures": OUTPUT, "synthesis": WEIGHT}
_BOX, _STEP, _HEIGHT, _MARGIN = 152, 165, 158, 11.5  # _STEP: from a box to the next


def course_map() -> Diagram:
    """Draw the lessons as two rows of boxes: the ideas, and the architectures built on them."""
    body, said, top = [], [], 40
    for label, of_row in ROWS.items():
        lessons = [lesson for lesson in LESSONS if lesson.part in of_row]
        right = min(_MARGIN + len(lessons) * _STEP - 13, WIDTH)
        body.append(text(_MARGIN, top - 14, label, 20, bold=True, fill=MUTED))
        body.append(path(f"M{_MARGIN} {top + 84}H{right}", stroke=FAINT, stroke_width=5))
        for column, lesson in enumerate(lessons):
            body += _lesson(lesson, _MARGIN + column * _STEP, top)
        named = (f"{one.number} {one.title} ({one.topic})" for one in lessons)
        said.append(f"{label}: {', '.join(named)}")
        top += _HEIGHT + 50  # there is room for the label of the next row
    alt = f"Map of the course. {'; '.join(said)}."
    return frame("".join(body), height=top - 46, alt=alt, kind="cnn-course-map")


def _lesson(lesson: Lesson, left: float, top: float):
    colour, y = COLOURS[lesson.part], top + 26
    yield box(left, top, _BOX, _HEIGHT, colour, 0.08, rx=10, stroke_width=2)
    yield rect(left + 8, top + 12, 34, 28, rx=6, fill=tint(colour, 0.4))
    yield text(left + 25, top + 32, lesson.number, 16, anchor="middle", bold=True)
    for line in wrap(lesson.title, 11):  # letters that fit beside the number, on average
        yield text(left + 47, y, escape(line), 14, bold=True)
        y += 18
    y = top + 72
    for content, fill in ((lesson.topic, MUTED), (GISTS[lesson.number], INK)):
        for line in wrap(content, 16):
            yield text(left + 10, y, escape(line), 14.5, fill=fill)
            y += 18
        y += 4
