"""The answer file: nothing a student wrote is ever lost, whatever happens to the disk."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

from course_utils import answers
from course_utils.answers import AnswerFile, state_dir

RECORD = {"answer": "25", "checked": True, "locked": False, "revealed": False, "hints": 1}


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "state"))
    return AnswerFile("01_x")


def put(file, text):
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_the_state_directory_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))
    assert state_dir() == tmp_path
    assert AnswerFile("01_x").path == tmp_path / "answers" / "01_x.json"


@pytest.mark.parametrize("empty", [True, False])
def test_the_usual_state_directory(monkeypatch, empty):
    monkeypatch.delenv("CNN_COURSE_STATE", raising=False)
    if empty:
        monkeypatch.setenv("CNN_COURSE_STATE", "")
    assert state_dir() == Path(platformdirs.user_state_dir("cnn-architectures"))


def test_reading_before_anything_is_stored_creates_nothing(file):
    assert file.read() == ({}, "")
    assert not file.path.parent.exists()


def test_records_come_back(file):
    assert file.save("01.a", RECORD) == ""
    assert file.save("01.b", RECORD | {"answer": ["a", "é<\ud800"]}) == ""
    assert file.save("01.a", RECORD | {"hints": 2}) == ""
    assert AnswerFile("01_x").read() == (
        {"01.a": RECORD | {"hints": 2}, "01.b": RECORD | {"answer": ["a", "é<\ud800"]}},
        "",
    )
    assert sorted(p.name for p in file.path.parent.iterdir()) == ["01_x.json", "01_x.json.lock"]


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
    notice = file.read()[1] if first == "read" else file.save("01.b", RECORD)
    kept = file.path.with_name("01_x.unreadable-1.json")
    assert kept.read_bytes() == before
    assert str(kept) in notice
    assert "could not be read" in notice
    assert file.save("01.c", RECORD) == ""
    expected = {"01.c": RECORD} if first == "read" else {"01.b": RECORD, "01.c": RECORD}
    assert file.read() == (expected, "")


def test_files_set_aside_never_overwrite_each_other(file):
    for number in (1, 2, 3):
        put(file, f"broken {number}")
        file.read()
    for number in (1, 2, 3):
        kept = file.path.with_name(f"01_x.unreadable-{number}.json")
        assert kept.read_text() == f"broken {number}"


def test_set_aside_on_request(file):
    assert file.set_aside() is None
    file.save("01.a", RECORD)
    kept = file.set_aside()
    assert kept.name == "01_x.old-1.json"
    assert "01.a" in kept.read_text()
    assert file.read() == ({}, "")


def test_an_unwritable_place_is_a_notice_with_the_reason(tmp_path, monkeypatch):
    (tmp_path / "blocked").write_text("a file where a folder should be")
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "blocked"))
    file = AnswerFile("01_x")
    notice = file.save("01.a", RECORD)
    assert notice.startswith("Your answers are not kept: [Errno ")
    assert "blocked" in notice
    assert notice.endswith("The quiz works all the same.")


def test_a_full_disk_keeps_the_old_file_and_leaves_no_litter(file, monkeypatch):
    file.save("01.a", RECORD)
    before = file.path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(answers.os, "fsync", full)
    assert "not kept: [Errno 28] No space left on device." in file.save("01.b", RECORD)
    assert file.path.read_bytes() == before
    assert sorted(p.name for p in file.path.parent.iterdir()) == ["01_x.json", "01_x.json.lock"]


def test_the_file_is_replaced_only_after_it_is_on_the_disk(file, monkeypatch):
    steps = []
    real_sync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(answers.os, "fsync", lambda fd: (steps.append("sync"), real_sync(fd)))
    monkeypatch.setattr(
        answers.os,
        "replace",
        lambda a, b: (
            steps.append(("replace", Path(a).parent == Path(b).parent)),
            real_replace(a, b),
        ),
    )
    file.save("01.a", RECORD)
    assert steps == ["sync", ("replace", True)]


def test_a_lock_held_elsewhere_is_a_notice_not_a_hang(file, monkeypatch):
    file.save("01.a", RECORD)
    monkeypatch.setattr(answers, "LOCK_SECONDS", 0.1)
    with FileLock(str(file.path) + ".lock"):
        notice = file.save("01.b", RECORD)
    assert notice.startswith("Your answers are not kept:")
    assert file.read() == ({"01.a": RECORD}, "")


def test_an_unreadable_file_that_cannot_be_set_aside_stays(file, monkeypatch):
    put(file, "broken")

    def refuse(source, target):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(answers.os, "replace", refuse)
    assert "Permission denied" in file.read()[1]
    assert "Permission denied" in file.save("01.a", RECORD)
    assert file.path.read_text() == "broken"


def test_kernels_that_write_at_once_lose_nothing(file):
    """Three processes store 20 answers each in the same file."""
    program = (
        "import sys\n"
        "from course_utils.answers import AnswerFile\n"
        f"record = {RECORD!r}\n"
        "for i in range(20):\n"
        "    notice = AnswerFile('01_x').save(f'01.{sys.argv[1]}-{i}', record)\n"
        "    assert notice == '', notice\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(w)]) for w in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    records, notice = file.read()
    assert notice == ""
    assert set(records) == {f"01.{w}-{i}" for w in range(3) for i in range(20)}
