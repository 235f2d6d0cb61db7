"""Lesson 00: the list of lessons, the map, the words of the course, and what is done of it."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from cells import run_cells

from course_utils.exercises import check
from course_utils.exercises.solved import SolvedFile
from course_utils.lessons import LESSONS
from course_utils.lessons.start_here.figures import GISTS, course_map
from course_utils.lessons.start_here.overview import (
    DONE,
    OPEN,
    TRIED,
    glossary,
    progress,
    progress_of,
    words,
)
from course_utils.quiz import find_question
from course_utils.quiz.widget import AnswerFile

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


def text_of(lesson):
    """What a lesson says, in lower case."""
    notebook = json.loads((ROOT / "notebooks" / f"{lesson.slug}.ipynb").read_text("utf-8"))
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"]).casefold()


def test_each_word_of_the_glossary_stands_in_the_lesson_that_introduces_it():
    found, texts = words(), {lesson.number: text_of(lesson) for lesson in LESSONS}
    terms = [word["term"] for word in found]
    assert terms == sorted(set(terms), key=str.casefold) and 30 <= len(terms) <= 60
    for word in found:
        assert set(word) - {"also"} == {"term", "lesson", "means"} and word["means"].endswith(".")
        forms = [word["term"], *word.get("also", [])]
        assert any(form.casefold() in texts[word["lesson"]] for form in forms), word["term"]
    shown = glossary()
    assert shown.html.count("<tr>") == 1 + len(terms) and f"{len(terms)} words" in repr(shown)
    for number, lesson in zip(texts, LESSONS, strict=True):
        links = shown.html.count(f'href="{lesson.slug}.ipynb"')
        assert links == sum(word["lesson"] == number for word in found)


def record(answer, **more):
    return {"answer": answer, "checked": True, "locked": False, "revealed": False} | more


def test_what_is_done_is_read_from_the_answers_and_the_solved_exercises():
    answers = {
        "01_sparse_connectivity": {
            "01.dense-arrows": record("25"),
            "01.conv-arrows": record("15"),
            "01.edge-detector": record("7", checked=False),
            "01.stride-field": record("no-such-option"),
            "01.name-the-field": record("", checked=False, revealed=True),
            "01.no-longer-asked": record("1"),
        }
    }
    rows = progress_of(answers, {"01.count-edges"})
    assert [row.lesson for row in rows] == list(LESSONS)
    done = {name: state for name, state in rows[1].questions.items() if state != OPEN}
    assert done == {
        "01.dense-arrows": DONE,
        "01.conv-arrows": TRIED,
        "01.stride-field": TRIED,
        "01.name-the-field": TRIED,
    }
    assert rows[1].exercises == {"01.count-edges": DONE, "01.receptive-field": OPEN}
    assert {*rows[0].questions.values(), *rows[2].exercises.values()} == {OPEN}


def edges(n, kernel, stride, padding):
    starts = range(-padding, n + padding - kernel + 1, stride)
    return sum(0 <= place < n for first in starts for place in range(first, first + kernel))


def test_progress_shows_what_this_student_has_done(monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))
    total = re.fullmatch(r"0 of (\d+) questions and exercises done\.", repr(progress()))[1]
    answer = record("784", hints=0)
    AnswerFile("00_start_here").change(lambda records: records | {"00.warm-up": answer})
    assert check(lambda n, kernel, stride, padding: 0, "01.count-edges").state == "failed"
    assert SolvedFile().read() == ([], "")
    for _ in range(2):
        assert check(edges, "01.count-edges").state == "passed"
    assert SolvedFile().read() == (["01.count-edges"], "")
    shown = progress()
    assert repr(shown) == f"2 of {total} questions and exercises done."
    assert shown.html.count(f">{DONE}</span>") == 2
    assert find_question("00.warm-up").id in shown.html


@pytest.mark.parametrize("content", ["{", "{}", "[1]"])
def test_a_damaged_file_of_solved_exercises_stops_nothing(monkeypatch, tmp_path, content):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))
    (tmp_path / "exercises.json").write_text(content)
    assert check(edges, "01.count-edges").state == "passed"
    assert SolvedFile().read()[0] == ["01.count-edges"]


def test_where_nothing_can_be_kept_a_check_works_all_the_same(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "file" / "state"))
    assert check(edges, "01.count-edges").state == "passed"
    assert repr(progress()).startswith("0 of ")


@pytest.mark.parametrize("rate", ["0.1", "0.001", "10"])
def test_the_ten_lines_find_weight_and_bias_and_the_learning_rate_counts(rate, capsys):
    for seed in range(5):
        result = run_cells(
            "00_start_here",
            ["ten-lines"],
            start=("x = torch", f"import torch\ntorch.manual_seed({seed})\nx = torch"),
            rate=("lr=0.1", f"lr={rate}"),
            first=(
                "    optimizer.zero_grad()",
                "    top = max(loss.item(), locals().get('top', 0))\n    optimizer.zero_grad()",
            ),
        )
        arrived = capsys.readouterr().out == "weight 2.00, bias 1.00\n"
        assert arrived == (rate != "0.001")
        assert (result["top"] > 500) == (rate == "10")
