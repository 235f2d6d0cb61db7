"""The answers of a notebook: what is stored comes back, what is damaged is told.

What keeps any such file safe is tested in test_state.py.
"""

import json

import pytest

from course_utils.quiz.answers import AnswerFile

RECORD = {"answer": "25", "checked": True, "locked": False, "revealed": False, "hints": 1}


def save(file, question_id, record):
    """Store a record whatever is there; return the notice."""
    return file.update(question_id, lambda _: record)[1]


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "state"))
    return AnswerFile("01_x")


def put(file, text):
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_reading_before_anything_is_stored_creates_nothing(file):
    assert file.read() == ({}, "")
    assert not file.path.parent.exists()


def test_records_come_back(file):
    assert save(file, "01.a", RECORD) == ""
    assert save(file, "01.b", RECORD | {"answer": ["a", "é<\ud800"]}) == ""
    assert save(file, "01.a", RECORD | {"hints": 2}) == ""
    assert AnswerFile("01_x").read() == (
        {"01.a": RECORD | {"hints": 2}, "01.b": RECORD | {"answer": ["a", "é<\ud800"]}},
        "",
    )
    assert file.path.name == "01_x.json"
    assert file.path.parent.name == "answers"


def test_an_update_starts_from_what_is_stored_now(file):
    save(file, "01.a", RECORD)
    other = AnswerFile("01_x")
    assert other.update("01.a", lambda now: now | {"locked": True}) == (
        RECORD | {"locked": True},
        "",
    )
    assert file.update("01.a", lambda now: now | {"hints": 2})[0]["locked"] is True
    assert file.update("01.b", lambda now: RECORD if now == {} else {})[0] == RECORD
    assert set(file.read()[0]) == {"01.a", "01.b"}


BROKEN = {
    "empty": "",
    "cut short": '{"version": 1, "answers": {',
    "not utf-8": b"\xff\xfe\x00",
    "nested too deeply": "[" * 100_000,
    "a list": "[]",
    "no answers": '{"version": 1}',
    "another version": '{"version": 2, "answers": {}}',
    "record is text": '{"version": 1, "answers": {"01.a": "25"}}',
    "record lacks a key": '{"version": 1, "answers": {"01.a": {"answer": "25"}}}',
    "record of a wrong type": json.dumps(
        {"version": 1, "answers": {"01.a": RECORD | {"answer": [1]}}}
    ),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("first", ["read", "save"])
def test_an_unreadable_file_is_set_aside_whole(file, text, first):
    put(file, text)
    before = file.path.read_bytes()
    notice = file.read()[1] if first == "read" else save(file, "01.b", RECORD)
    kept = file.path.with_name("01_x.unreadable-1.json")
    assert kept.read_bytes() == before
    assert str(kept) in notice
    assert "could not be read" in notice
    assert save(file, "01.c", RECORD) == ""
    expected = {"01.c": RECORD} if first == "read" else {"01.b": RECORD, "01.c": RECORD}
    assert file.read() == (expected, "")


def test_an_unwritable_place_is_a_notice_with_the_reason(tmp_path, monkeypatch):
    (tmp_path / "blocked").write_text("a file where a folder should be")
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "blocked"))
    file = AnswerFile("01_x")
    notice = save(file, "01.a", RECORD)
    assert notice.startswith("Your answers are not kept: [Errno ")
    assert "blocked" in notice
    assert notice.endswith("The quiz works all the same.")
