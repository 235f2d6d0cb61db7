"""preflight: every trouble becomes a line with a remedy, and nothing else differs by computer."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from course_utils import preflight
from course_utils.datasets import files as data_files
from course_utils.preflight import Check, Preflight, advice, names_made

FOUND = re.compile(r"\(found [^()]*\)")


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """Keep the answers of the person who runs the tests out of it."""
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def in_kernel(monkeypatch):
    """Pretend that IPython runs in a kernel."""

    class Shell:
        kernel = object()

    monkeypatch.setattr("IPython.get_ipython", Shell)


def test_this_environment_is_ready(in_kernel):
    report = preflight.preflight()
    widget_line = preflight.check_widgets()
    others = [check for check in report.checks if check.what != widget_line.what]
    assert [str(check) for check in others if not check.ok] == []
    assert len(report.checks) == len(others) + 1


def test_every_requirement_of_the_course_has_a_line():
    names = {check.what.split()[0] for check in preflight.check_packages()}
    lines = importlib.metadata.requires(preflight.DISTRIBUTION)
    assert names == {Requirement(line).name for line in lines if "extra" not in line}
    assert {"torch", "jupyterlab", "ipywidgets"} <= names


@pytest.mark.parametrize(
    ("version", "ok"),
    [
        ("3.11.0", True),
        ("3.14.1", True),
        ("3.15.0rc1", True),
        ("3.10.14", False),
        ("3.8.18", False),
    ],
)
def test_python(version, ok):
    check = preflight.check_python(version)
    assert (check.ok, check.found) == (ok, version)
    assert ok or ("python.org" in check.remedy and "make lab" in check.remedy)


def test_package_of_another_version():
    check = preflight.check_package(Requirement("packaging>=1,<2"))
    assert check.what == "packaging >=1,<2"
    assert check.found == importlib.metadata.version("packaging")
    assert "make lab" in check.remedy or "conda env update" in check.remedy


def test_package_that_is_missing():
    check = preflight.check_package(Requirement("no-such-package>=1"))
    assert (check.found, check.ok) == ("nothing", False)
    assert "no-such-package is missing" in check.remedy


def test_course_that_is_not_installed():
    (check,) = preflight.check_packages("no-such-course")
    assert "not installed" in check.remedy


def test_conda_users_get_conda_instructions(tmp_path, monkeypatch):
    (tmp_path / "conda-meta").mkdir()
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert "conda env update" in preflight.check_package(Requirement("packaging<1")).remedy


def test_device_is_one_that_torch_has():
    check = preflight.check_device()
    assert check.ok
    assert check.found == "CPU" or check.found.startswith(("GPU ", "Apple GPU"))


def test_device_that_fails(monkeypatch):
    import torch

    def broken(*args, **kwargs):
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(torch, "ones", broken)
    assert "no kernel image is available" in preflight.check_device().remedy


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A copy of data/ that a test may damage."""
    folder = tmp_path / "data"
    folder.mkdir()
    for path in data_files.DATA.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(data_files, "DATA", folder)
    return folder


def test_data_is_complete(data):
    checks = preflight.check_data()
    assert len(checks) == len(data_files.manifest()) > 0
    assert all(check.ok for check in checks)


@pytest.mark.parametrize("damage", ["change", "remove"])
def test_damaged_data_file(data, damage):
    name = next(iter(data_files.manifest()))
    if damage == "change":
        path = data / name
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    else:
        (data / name).unlink()
    (bad,) = [check for check in preflight.check_data() if not check.ok]
    assert name in bad.what
    assert "git checkout" in bad.remedy


def test_damaged_manifest(data):
    (data / "manifest.json").write_text("{")
    (check,) = preflight.check_data()
    assert not check.ok


def test_answers_directory_is_made_and_left_empty(state):
    assert preflight.check_answers().ok
    assert list(state.iterdir()) == []


def test_answers_directory_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "file" / "state"))
    check = preflight.check_answers()
    assert f"{tmp_path / 'file' / 'state'} cannot be written (Not a directory)" in check.remedy
    assert "CNN_COURSE_STATE" in check.remedy


def test_no_home_for_the_answers(monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", "~nouser/x")
    remedy = preflight.check_answers().remedy
    assert "(there is no home directory for CNN_COURSE_STATE=~nouser/x)" in remedy


@pytest.mark.parametrize(("free", "ok"), [(0.4, False), (1.0, True), (800.0, True)])
def test_disk_space(free, ok):
    assert preflight.check_disk(free).ok is ok


def test_widgets_outside_a_notebook():
    assert "make lab" in preflight.check_widgets().remedy


def test_button_answers():
    button, answer = Preflight([Check("Python", "3.11")]).widget().children[1].children
    for words in ("press once", "press 2 times"):
        button.click()
        assert words in answer.value


def test_text_and_html_say_the_same_and_need_no_kernel():
    checks = [Check("torch >=2.6", "2.13.0+cpu (odd)"), Check("<data>", remedy="Run `a & b`.")]
    report = Preflight(checks)
    bundle = report._repr_mimebundle_()
    assert bundle["text/plain"] == (
        "OK     torch >=2.6 (found 2.13.0+cpu odd)\n"
        "TO DO  <data>\n       Run `a & b`.\n\nOne thing to do."
    )
    html = bundle["text/html"]
    assert "&lt;data&gt;" in html and "<data>" not in html
    assert "Run `a &amp; b`." in html
    assert preflight.NO_WIDGETS in html
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_only_what_stands_in_found_depends_on_the_computer(in_kernel):
    """Nothing of this machine may get into the stored outputs of notebook 00."""
    text = repr(preflight.preflight())
    rest = FOUND.sub("", text)
    assert str(Path.home()) not in rest and str(data_files.DATA) not in rest
    for version in (importlib.metadata.version("torch"), importlib.metadata.version("numpy")):
        assert version in text and version not in rest


def test_verdict_counts():
    bad = Check("x", remedy="Do y.")
    assert repr(Preflight([Check("x")])).endswith("All is ready.")
    assert repr(Preflight([bad, bad])).endswith("2 things to do.")


# ------------------------------------------------------------------ a lesson begun in the middle

SETUP = "import torch\nfrom course_utils.quiz import ask as put\n\nSEED = 0"
MAKES = "for k in range(3):\n    layer, (a, b) = k, (k, k)\n\ndef grow(n):\n    inside = n"
CELLS = [SETUP, MAKES, "print(layer, late)", "late = 1"]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (SETUP, {"torch", "put", "SEED"}),
        (MAKES, {"k", "layer", "a", "b", "grow"}),
        ("[i for i in x]; f = lambda y: y", {"f"}),
        ("import os.path\nwith open(p) as file:\n    pass", {"os", "file"}),
        ("%timeit x = 3", set()),
    ],
)
def test_names_that_a_cell_makes(source, names):
    assert names_made(source) == names


@pytest.mark.parametrize(
    ("name", "run", "begins"),
    [
        ("layer", [CELLS[2]], "for k in range(3):"),
        ("put", [CELLS[2]], "import torch"),
        ("put", ["put(3)  # the student's own cell"], "import torch"),
        ("late", [CELLS[2]], None),  # made below
        ("inside", [CELLS[2]], None),  # a name of a function's own
        ("layr", [CELLS[2]], None),  # the student's own slip
        ("layer", [MAKES, CELLS[2]], None),  # that cell has been run
        ("layer", [SETUP, CELLS[2] + "\n"], "for k in range(3):"),
    ],
)
def test_advice(name, run, begins):
    said = advice(name, CELLS, run)
    assert bool(said) == (begins is not None)
    if begins:
        assert f"    {begins}\n" in said and "Run All Above Selected Cell" in said


def test_the_traceback_stays_and_the_note_stands_under_it(tmp_path):
    """In a real shell, as the kernel of `make lab` loads it."""
    notebook = tmp_path / "made.ipynb"
    cells = [{"cell_type": "code", "source": source} for source in CELLS]
    notebook.write_text(json.dumps({"cells": cells}))
    program = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell(colors="nocolor")
shell.extension_manager.load_extension("course_utils.preflight")
for source in {[CELLS[2], "own_slip"]!r}:
    shell.run_cell(source, store_history=True)
"""
    environment = os.environ | {"JPY_SESSION_NAME": str(notebook), "IPYTHONDIR": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    first, second = said.split("name 'layer' is not defined")
    assert "----> 1 print(layer, late)" in first
    assert "layer is made in a cell above" in second
    assert second.rstrip().endswith("NameError: name 'own_slip' is not defined")
