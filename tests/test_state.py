"""Files that survive: whole or not at all; trouble with the disk is told and not raised."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

from course_utils import state
from course_utils.state import StateFile, state_dir


class Words(StateFile[list[str]]):
    """A file that holds a list of words."""

    CANNOT_READ = "cannot be read: {reason}"
    DAMAGED = "could not be read ({reason}), kept as {kept}"
    NOT_KEPT = "not kept: {reason}"

    def __init__(self):
        super().__init__("made", "words.json")

    def empty(self):
        return []

    def decode(self, data):
        if not isinstance(data, list):
            raise ValueError("it is no list")
        return data

    def encode(self, content):
        return content

    def add(self, word):
        return self.change(lambda words: [*words, word])[1]


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "state"))
    return Words()


def names(file):
    """The files of the folder, without locks: Windows removes those."""
    found = {path.name for path in file.path.parent.iterdir()}
    return sorted(name for name in found if not name.endswith(".lock"))


def put(file, text):
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_text(text)


def test_the_state_directory_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))
    assert state_dir() == tmp_path
    assert Words().path == tmp_path / "made" / "words.json"


@pytest.mark.parametrize("empty", [True, False])
def test_the_usual_state_directory(monkeypatch, empty):
    monkeypatch.delenv("CNN_COURSE_STATE", raising=False)
    if empty:
        monkeypatch.setenv("CNN_COURSE_STATE", "")
    assert state_dir() == Path(platformdirs.user_state_dir("cnn-architectures"))


@pytest.mark.parametrize("chosen", ["", "~nouser/x"])
def test_without_a_home_it_is_said_and_nothing_is_raised(monkeypatch, chosen):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for an unknown user
    monkeypatch.setenv("CNN_COURSE_STATE", chosen)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(platformdirs, "user_state_dir", lambda name: f"~/.local/state/{name}")
    file, what = Words(), f"CNN_COURSE_STATE={chosen}" if chosen else "this user"
    reason = f"there is no home directory for {what}."
    assert file.read() == ([], f"cannot be read: {reason}")
    assert file.add("a") == f"not kept: {reason}"


def test_a_folder_that_can_only_be_read_gives_what_it_holds(file, monkeypatch):
    file.add("a")

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(state.tempfile, "mkstemp", refuse)
    assert file.read() == (["a"], "")
    assert file.add("b") == "not kept: [Errno 30] Read-only file system."
    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert file.read() == (["a"], "")
    assert file.add("b") == "not kept: [Errno 30] Read-only file system."


def test_what_is_changed_is_there_again(file):
    assert file.read() == ([], "")
    assert not file.path.parent.exists()
    assert file.change(lambda words: [*words, "a"]) == (["a"], "")
    assert file.add("é<\ud800") == ""
    assert Words().read() == (["a", "é<\ud800"], "")
    assert names(file) == ["words.json"]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[" * 100_000], ids=str.__len__)
@pytest.mark.parametrize("first", ["read", "change"])
def test_an_unreadable_file_is_set_aside_whole(file, text, first):
    put(file, text)
    notice = file.read()[1] if first == "read" else file.add("b")
    kept = file.path.with_name("words.unreadable-1.json")
    assert kept.read_text() == text
    assert notice.startswith("could not be read (") and notice.endswith(f"kept as {kept}")
    assert file.read() == ([] if first == "read" else ["b"], "")


def test_files_set_aside_never_overwrite_each_other(file):
    for number in (1, 2, 3):
        put(file, f"broken {number}")
        file.read()
    for number in (1, 2, 3):
        kept = file.path.with_name(f"words.unreadable-{number}.json")
        assert kept.read_text() == f"broken {number}"


def test_set_aside_on_request(file):
    assert file.set_aside() is None
    file.add("a")
    kept = file.set_aside()
    assert kept.name == "words.old-1.json"
    assert '"a"' in kept.read_text()
    assert file.read() == ([], "")


def test_a_full_disk_keeps_the_old_file_and_leaves_no_litter(file, monkeypatch):
    file.add("a")
    before = file.path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state.os, "fsync", full)
    content, notice = file.change(lambda words: [*words, "b"])
    assert content is None
    assert notice == "not kept: [Errno 28] No space left on device."
    assert file.path.read_bytes() == before
    assert names(file) == ["words.json"]


def test_the_file_is_replaced_only_after_it_is_on_the_disk(file, monkeypatch):
    steps = []
    real_sync, real_replace = os.fsync, os.replace

    def replace(a, b):
        steps.append(("replace", Path(a).parent == Path(b).parent))
        real_replace(a, b)

    monkeypatch.setattr(state.os, "fsync", lambda fd: (steps.append("sync"), real_sync(fd)))
    monkeypatch.setattr(state.os, "replace", replace)
    file.add("a")
    assert steps == ["sync", ("replace", True)]


def test_a_lock_held_elsewhere_is_a_notice_not_a_hang(file, monkeypatch):
    file.add("a")
    monkeypatch.setattr(state, "LOCK_SECONDS", 0.1)
    with FileLock(str(file.path) + ".lock"):
        assert file.add("b").startswith("not kept:")
    assert file.read() == (["a"], "")


def test_a_file_that_cannot_be_set_aside_stays(file, monkeypatch):
    put(file, "broken")

    def refuse(source, target):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(state.os, "replace", refuse)
    assert file.read() == ([], "cannot be read: [Errno 13] Permission denied.")
    assert "Permission denied" in file.add("a")
    assert file.path.read_text() == "broken"
    assert names(file) == ["words.json"]


def test_a_rename_that_is_refused_for_a_moment_is_tried_again(file, monkeypatch):
    """As on Windows, while another kernel reads the file."""
    file.add("a")
    refused, real = [], os.replace

    def replace(source, target):
        if len(refused) < 3:
            refused.append(target)
            raise PermissionError(errno.EACCES, "Access is denied")
        real(source, target)

    monkeypatch.setattr(state.os, "replace", replace)
    assert file.add("b") == ""
    assert len(refused) == 3 and file.read() == (["a", "b"], "")


def test_a_rename_that_is_refused_for_good_is_told(file, monkeypatch):
    def refuse(source, target):
        raise PermissionError(errno.EACCES, "Access is denied")

    file.add("a")
    monkeypatch.setattr(state.os, "replace", refuse)
    assert file.add("b") == "not kept: [Errno 13] Access is denied."
    assert file.read() == (["a"], "") and names(file) == ["words.json"]


def test_an_error_in_the_change_itself_is_raised_and_changes_nothing(file):
    file.add("a")
    with pytest.raises(ZeroDivisionError):
        file.change(lambda words: 1 / 0)
    assert file.read() == (["a"], "")


def test_processes_that_write_at_once_lose_nothing(file, tmp_path):
    """Three processes add 20 words each to the same file."""
    program = (
        "import sys\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_state import Words\n"
        "for i in range(20):\n"
        "    assert Words().add(f'{sys.argv[1]} {i}') == ''\n"
    )
    folder = str(Path(__file__).parent)
    command = [sys.executable, "-c", program]
    writers = [subprocess.Popen([*command, str(n), folder]) for n in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    words, notice = file.read()
    assert notice == ""
    assert sorted(words) == sorted(f"{n} {i}" for n in range(3) for i in range(20))
