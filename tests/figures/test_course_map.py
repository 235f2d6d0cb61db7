"""The map draws every lesson once and marks the one asked for."""

import xml.etree.ElementTree as ET

import pytest

from course_utils.drawing import style
from course_utils.lessons import LESSONS
from course_utils.lessons.start_here.figures import course_map

SVG = "{http://www.w3.org/2000/svg}"


def boxes(diagram):
    """The outlined boxes as (left, top, right, bottom, stroke)."""
    found = []
    for rect in ET.fromstring(diagram.svg).iter(f"{SVG}rect"):
        if rect.get("stroke"):
            x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
            found.append((x, y, x + w, y + h, rect.get("stroke")))
    return found


def test_every_lesson_but_the_start_has_a_box_and_is_named():
    diagram = course_map()
    assert len(boxes(diagram)) == len(LESSONS) - 1
    for lesson in LESSONS[1:]:
        assert f"{lesson.number} {lesson.title} ({lesson.topic})" in diagram.alt


@pytest.mark.parametrize("lesson", LESSONS[1:], ids=lambda lesson: lesson.slug)
def test_here_marks_exactly_one_box(lesson):
    diagram = course_map(here=lesson.number)
    strokes = [stroke for *_, stroke in boxes(diagram)]
    assert strokes.count(style.HIGHLIGHT) == 1
    assert strokes.index(style.HIGHLIGHT) == int(lesson.number) - 1
    assert f"You are in lesson {lesson.number}" in diagram.alt


@pytest.mark.parametrize("mode", [style.study, style.present])
def test_text_stays_in_its_box(mode):
    mode()
    try:
        diagram = course_map()
        frames = boxes(diagram)
        for text in ET.fromstring(diagram.svg).iter(f"{SVG}text"):
            x, y, size = (float(text.get(key)) for key in ("x", "y", "font-size"))
            inside = [b for b in frames if b[0] <= x <= b[2] and b[1] <= y <= b[3]]
            if not inside:  # the two row labels stand above the boxes
                assert text.text in ("Ideas", "Architectures")
                continue
            left, _, right, bottom, _ = inside[0]
            if text.get("text-anchor") != "middle":
                # DejaVu Sans is on average 0.53 em wide, 0.6 em in bold.
                width = len(text.text) * size * (0.6 if text.get("font-weight") else 0.53)
                assert x + width <= right
            assert y + 0.25 * size <= bottom
    finally:
        style.study()


@pytest.mark.parametrize("here", ["00", "13", "1", ""])
def test_unknown_place_is_refused(here):
    with pytest.raises(ValueError, match=r"here must be one of 01, 02, .*got '" + here + "'"):
        course_map(here=here)
