"""The site's Python: what its folder holds, that it is made once, and the errors of its making."""

import base64
import gzip
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from files import ROOT

from tools.slides import assets
from tools.web import runtime

SMALL = Path(__file__).parent / "small_web"
CACHE = ROOT / "build" / "python-tests"
TRANSFERRED = ("worker.js", "pyodide.packed", "pyodide-lock.json", "python_stdlib.zip")


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The folder python/ of a site whose bridge is a small one."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("Node.js and npm are not installed")
    folder = tmp_path_factory.mktemp("site") / "python"
    runtime.build(folder, web=SMALL, cache=CACHE)
    return folder


@pytest.fixture
def course(python):
    """The zip with the course."""
    with zipfile.ZipFile(python / "course.zip") as archive:
        yield archive


def test_the_course_is_there_with_its_data(course):
    names = set(course.namelist())
    for folder in ("questions", "papers"):
        for path in (ROOT / "data" / folder).glob("*.toml"):
            assert course.read(f"data/{folder}/{path.name}") == path.read_bytes()
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "course_utils").rglob("*.py")}
    shown = {path for path in modules if path.endswith("/exercises.py")}
    assert shown and shown <= names, "solutions are shown as they are written"
    assert {f"{path}c" for path in modules - shown} <= names
    assert {"bridge.pyc", "panel_data.pyc", "left_out.pyc", "data/glossary.toml"} <= names
    assert json.loads(course.read("panel_data.json")) == {"three": 3}


def test_no_date_of_a_file_reaches_the_zips(python):
    for name in ("course.zip", "python_stdlib.zip"):
        with zipfile.ZipFile(python / name) as archive:
            assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert archive.namelist() == sorted(archive.namelist())


def test_the_library_has_what_a_student_may_want_and_no_more(python):
    with zipfile.ZipFile(python / "python_stdlib.zip") as archive:
        names = {name.partition("/")[0].removesuffix(".pyc") for name in archive.namelist()}
    assert {"statistics", "fractions", "random", "dataclasses", "traceback", "encodings"} <= names
    assert not {"multiprocessing", "unittest", "sqlite3", "pydoc", "wsgiref", "xmlrpc"} & names


def test_a_first_panel_takes_no_more_than_seven_megabytes(python):
    files = [(python / name).read_bytes() for name in (*TRANSFERRED, "course.zip")]
    assert sum(len(gzip.compress(file)) for file in files) <= 7e6


def test_the_bundle_holds_what_the_folder_holds(python):
    text = (python / "bundle.js").read_text()
    files = json.loads(re.fullmatch(r"\(window\.cnn \?\?= \{\}\)\.bundle = (.*);\n", text)[1])
    found = {name: gzip.decompress(base64.b64decode(held)) for name, held in files.items()}
    held = content(python)
    held["pyodide.asm.wasm"] = gzip.decompress(held.pop("pyodide.packed"))
    del held["bundle.js"], held["LICENSES.txt"]
    assert found == held


def test_licences_name_the_pinned_release(python):
    text = (python / "LICENSES.txt").read_text(encoding="utf-8")
    version = json.loads((ROOT / "tools/package.json").read_text())["optionalDependencies"]
    assert f"pyodide/tree/{version['pyodide']}" in text and "Mozilla Public License 2.0" in text


def test_a_second_build_copies_the_first(python, tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "_make", None)
    (tmp_path / "old").touch()
    runtime.build(tmp_path, web=SMALL, cache=CACHE)
    assert content(tmp_path) == content(python)


def test_of_a_module_that_cannot_run_only_its_import_is_kept(course):
    assert b"Raised inside" not in course.read("course_utils/exercises/running.pyc")  # docstrings
    assert b"run_for" in course.read("course_utils/exercises/running.pyc")
    code = course.read("course_utils/probing.pyc")
    assert b"numpy" in code and b"def" not in code and len(code) < 250


@pytest.mark.parametrize("changed", ["bridge.py", "panel_data.py"])
def test_what_goes_in_is_built_anew_when_it_changes(tmp_path, monkeypatch, changed):
    def make(scratch, course, web):
        (scratch / "out").mkdir()
        (scratch / "out" / "made").write_bytes(course[changed])

    monkeypatch.setattr(runtime, "_make", make)
    web = shutil.copytree(SMALL, tmp_path / "web")
    for text in ("a = 1", "a = 2"):
        (web / changed).write_text(text)
        runtime.build(tmp_path / "python", web=web, cache=tmp_path / "cache")
        assert (tmp_path / "python" / "made").read_text() == text
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes(python, tmp_path):
    runtime.build(tmp_path / "python", web=SMALL, cache=tmp_path / "cache")
    assert content(tmp_path / "python") == content(python)


def test_without_node_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(assets, "install", lambda group: {"pyodide": tmp_path})
    with pytest.raises(assets.AssetError, match="needs Node.js"):
        runtime.build(tmp_path / "python", web=SMALL, cache=tmp_path / "cache")


def test_what_node_says_is_in_the_error(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr="SyntaxError: too old")
    monkeypatch.setattr(subprocess, "run", lambda *command, **how: failed)
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/node")
    monkeypatch.setattr(assets, "install", lambda group: {"pyodide": tmp_path})
    with pytest.raises(assets.AssetError, match="/bin/node was used.*too old"):
        runtime.build(tmp_path / "python", web=SMALL, cache=tmp_path / "cache")
