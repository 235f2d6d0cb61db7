"""Lesson 00: the list of lessons agrees with the notebooks, and the map draws each of them once."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

from course_utils.lessons import LESSONS
from course_utils.lessons.start_here.figures import GISTS, course_map

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def test_lessons_are_the_notebooks_in_their_order_with_their_headings():
    slugs = [lesson.slug for lesson in LESSONS]
    assert slugs == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert list(dict.fromkeys(lesson.part for lesson in LESSONS)) == [
        *("start", "ideas", "architectures", "synthesis")
    ]
    for number, lesson in enumerate(LESSONS):
        assert lesson.number == f"{number:02}" and re.fullmatch(r"\d\d(_[a-z0-9]+)+", lesson.slug)
        assert (ROOT / "course_utils" / "lessons" / lesson.slug[3:]).is_dir()
        text = (ROOT / "notebooks" / f"{lesson.slug}.ipynb").read_text(encoding="utf-8")
        first = "".join(json.loads(text)["cells"][0]["source"])
        assert first.splitlines()[0] == f"# {lesson.title}: {lesson.topic}"


def test_the_map_holds_every_lesson_once_in_a_box_of_its_own():
    diagram = course_map()
    root, words = ET.fromstring(diagram.svg), {}
    for rect in root.iter(f"{SVG}rect"):
        if rect.get("stroke"):
            x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
            words[x, y, x + w, y + h] = []
    for text in root.iter(f"{SVG}text"):
        x, y, size = (float(text.get(key)) for key in ("x", "y", "font-size"))
        inside = [b for b in words if b[0] <= x <= b[2] and b[1] <= y + 0.25 * size <= b[3]]
        if not inside:
            assert text.text in ("Ideas", "Architectures")  # they stand above the boxes
            continue
        # DejaVu Sans is on average 0.53 em wide, 0.6 em in bold.
        width = len(text.text) * size * (0.6 if text.get("font-weight") else 0.53)
        assert text.get("text-anchor") == "middle" or x + width <= inside[0][2], text.text
        words[inside[0]].append(text.text)
    assert [" ".join(lines) for lines in words.values()] == [
        f"{one.number} {one.title} {one.topic} {GISTS[one.number]}" for one in LESSONS[1:]
    ]
    for lesson in LESSONS[1:]:
        assert f"{lesson.number} {lesson.title} ({lesson.topic})" in diagram.alt
