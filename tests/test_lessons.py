"""The list of lessons agrees with the notebooks that exist."""

import json
import re
from pathlib import Path

import pytest

from course_utils.lessons import LESSONS

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def test_numbers_count_up_from_zero_and_slugs_are_words():
    assert [lesson.number for lesson in LESSONS] == [f"{i:02}" for i in range(13)]
    assert all(re.fullmatch(r"\d\d(_[a-z0-9]+)+", lesson.slug) for lesson in LESSONS)
    assert len({lesson.title for lesson in LESSONS}) == len(LESSONS)


def test_parts_come_in_order():
    order = ["start", "ideas", "architectures", "synthesis"]
    assert sorted(LESSONS, key=lambda le: order.index(le.part)) == list(LESSONS)


def test_every_notebook_is_a_lesson():
    slugs = {lesson.slug for lesson in LESSONS}
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} <= slugs


WRITTEN = [lesson for lesson in LESSONS if (NOTEBOOKS / f"{lesson.slug}.ipynb").exists()]


@pytest.mark.parametrize("lesson", WRITTEN, ids=lambda lesson: lesson.slug)
def test_heading_of_the_notebook_is_title_and_topic(lesson):
    text = (NOTEBOOKS / f"{lesson.slug}.ipynb").read_text(encoding="utf-8")
    first = "".join(json.loads(text)["cells"][0]["source"])
    assert first.splitlines()[0] == f"# {lesson.title}: {lesson.topic}"
