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


class Words(StateFile):
    """A file that holds a list of words."""

    CANNOT_READ = "cannot be read: {reason}"
    DAMAGED = "could not be read ({reason}), kept as {kept}"
    NOT_KEPT = "not kept: {reason}"
    empty = list

    def __init__(self):
        super().__init__("made", "words.json")

    def decode(self, data):
        if not isinstance(data, list):
            raise ValueError("it is no list")
        return data

    def encode(self, content):
        return content

    def add(self, word):
        return self.change(lambda words: [*words, word])[1]

    def put(self, text):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(text)

    def names(self):
        """The files of the folder, without locks: Windows removes those."""
        return sorted(p.name for p in self.path.parent.iterdir() if p.suffix != ".lock")


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "state"))
    return Words()


def refuse(error):
    """A function of the operating system that fails."""

    def fails(*_, **__):
        raise error

    return fails


READ_ONLY = OSError(errno.EROFS, "Read-only file system")
FULL = OSError(errno.ENOSPC, "No space left on device")
DENIED = PermissionError(errno.EACCES, "Access is denied")


def test_the_state_directory_is_the_chosen_one_or_the_usual_one(monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))
    assert Words().path == tmp_path / "made" / "words.json"
    monkeypatch.setenv("CNN_COURSE_STATE", "")
    usual = Path(platformdirs.user_state_dir("cnn-architectures"))
    assert state_dir() == usual
    monkeypatch.delenv("CNN_COURSE_STATE")
    assert state_dir() == usual


@pytest.mark.parametrize("chosen", ["", "~nouser/x"])
def test_without_a_home_it_is_said_and_nothing_is_raised(monkeypatch, chosen):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for an unknown user
    monkeypatch.setenv("CNN_COURSE_STATE", chosen)
    monkeypatch.setattr(platformdirs, "user_state_dir", lambda name: f"~/.local/state/{name}")
    who = f"CNN_COURSE_STATE={chosen}" if chosen else "this user"
    reason = f"there is no home directory for {who}."
    assert Words().read() == ([], f"cannot be read: {reason}")
    assert Words().add("a") == f"not kept: {reason}"


def test_what_is_changed_is_there_again(file):
    assert file.read() == ([], "")
    assert not file.path.parent.exists()
    assert file.change(lambda words: [*words, "a"]) == (["a"], "")
    assert file.add("é<\ud800") == ""
    with pytest.raises(ZeroDivisionError):
        file.change(lambda words: 1 / 0)
    assert Words().read() == (["a", "é<\ud800"], "")
    assert file.names() == ["words.json"]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[" * 100_000], ids=str.__len__)
@pytest.mark.parametrize("first", ["read", "change"])
def test_an_unreadable_file_is_set_aside_whole(file, text, first):
    file.put("an older one")
    file.read()
    file.put(text)
    notice = file.read()[1] if first == "read" else file.add("b")
    older, kept = (file.path.with_name(f"words.unreadable-{n}.json") for n in (1, 2))
    assert (older.read_text(), kept.read_text()) == ("an older one", text)
    assert notice.startswith("could not be read (") and notice.endswith(f"kept as {kept}")
    assert file.read() == ([] if first == "read" else ["b"], "")


@pytest.mark.parametrize(
    ("owner", "name", "error"),
    [
        (state.tempfile, "mkstemp", READ_ONLY),
        (FileLock, "acquire", READ_ONLY),
        (FileLock, "acquire", NotImplementedError("no locks here")),
        (os, "fsync", FULL),
        (os, "replace", DENIED),
    ],
)
def test_trouble_with_the_disk_keeps_the_old_file_and_leaves_no_litter(
    file, monkeypatch, owner, name, error
):
    file.add("a")
    monkeypatch.setattr(owner, name, refuse(error))
    assert file.change(lambda words: [*words, "b"]) == (None, f"not kept: {error}.")
    assert file.read() == (["a"], "") and file.names() == ["words.json"]


def test_a_lock_held_elsewhere_is_a_notice_not_a_hang(file, monkeypatch):
    file.add("a")
    monkeypatch.setattr(state, "LOCK_SECONDS", 0.1)
    with FileLock(str(file.path) + ".lock"):
        assert file.add("b").startswith("not kept:")
    assert file.read() == (["a"], "")


def test_a_file_that_cannot_be_set_aside_stays(file, monkeypatch):
    file.put("broken")
    monkeypatch.setattr(Path, "rename", refuse(DENIED))
    assert file.read() == ([], f"cannot be read: {DENIED}.")
    assert file.add("a") == f"not kept: {DENIED}."
    assert file.path.read_text() == "broken" and file.names() == ["words.json"]


def test_the_file_is_replaced_when_it_is_on_the_disk_and_a_refused_rename_is_tried_again(
    file, monkeypatch
):
    """Windows refuses for a moment while another kernel reads the file."""
    steps, sync, replace = [], os.fsync, os.replace

    def hesitant(source, target):
        steps.append(("replace", Path(source).parent == Path(target).parent))
        if len(steps) < 4:
            raise DENIED
        replace(source, target)

    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("sync"), sync(handle)))
    monkeypatch.setattr(os, "replace", hesitant)
    assert file.add("a") == "" and file.read() == (["a"], "")
    assert steps == ["sync", *[("replace", True)] * 3]


def test_processes_that_write_at_once_lose_nothing(file):
    """Three processes add 20 words each to the same file."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[2]); from test_state import Words\n"
        "assert [Words().add(f'{sys.argv[1]} {i}') for i in range(20)] == [''] * 20"
    )
    command = [sys.executable, "-c", program]
    writers = [subprocess.Popen([*command, str(n), Path(__file__).parent]) for n in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    words, notice = file.read()
    assert notice == "" and sorted(words) == sorted(f"{n} {i}" for n in range(3) for i in range(20))
