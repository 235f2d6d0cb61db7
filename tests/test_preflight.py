"""preflight: every trouble becomes a line with a remedy, and nothing else differs by computer."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from course_utils import preflight
from course_utils.datasets import files as data_files
from course_utils.lessons.missing_names import advice, names_made
from course_utils.preflight import Check, Preflight


@pytest.fixture
def report(monkeypatch):
    """The report of this environment, as if IPython ran in a kernel."""
    shell = type("Shell", (), {"kernel": object()})
    monkeypatch.setattr("IPython.get_ipython", shell)
    return preflight.preflight()


def test_this_environment_is_ready(report):
    """Whether a channel to a browser opens differs: there is no kernel here."""
    remedies = [check.remedy for check in report.checks if check.remedy]
    assert [said for said in remedies if not said.startswith("No channel was opened.")] == []


def test_only_what_stands_in_found_depends_on_the_computer(report):
    """Nothing of this machine may get into the stored outputs of notebook 00."""
    rest = re.sub(r"\(found [^()]*\)", "", repr(report))
    assert str(Path.home()) not in rest and str(data_files.DATA) not in rest
    for name in ("torch", "numpy"):
        version = importlib.metadata.version(name)
        assert version in repr(report) and version not in rest


def test_every_requirement_of_the_course_has_a_line():
    names = {check.what.split()[0] for check in preflight.check_packages()}
    lines = importlib.metadata.requires(preflight.DISTRIBUTION)
    assert names == {Requirement(line).name for line in lines if "extra" not in line}
    assert {"torch", "jupyterlab", "ipywidgets"} <= names


@pytest.mark.parametrize(
    ("version", "ok"), [("3.11.0", True), ("3.15.0rc1", True), ("3.10.14", False), ("3.8", False)]
)
def test_python(version, ok):
    check = preflight.check_python(version)
    assert (not check.remedy, check.found) == (ok, version)
    assert ok or ("python.org" in check.remedy and "make lab" in check.remedy)


def test_packages_that_are_missing_or_of_another_version(tmp_path, monkeypatch):
    old = preflight.check_package(Requirement("packaging<2,>=1"))
    assert old.what == "packaging >=1,<2" and "make lab" in old.remedy
    assert old.found == importlib.metadata.version("packaging")
    missing = preflight.check_package(Requirement("no-such-package>=1"))
    assert missing.found == "nothing" and "no-such-package is missing" in missing.remedy
    (course,) = preflight.check_packages("no-such-course")
    assert "not installed" in course.remedy
    (tmp_path / "conda-meta").mkdir()
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert "conda env update" in preflight.check_package(Requirement("packaging<1")).remedy


def test_the_device_is_one_that_torch_has_and_its_failure_is_told(monkeypatch):
    import torch

    def broken(*args, **kwargs):
        raise RuntimeError("no kernel image is available")

    check = preflight.check_device()
    assert not check.remedy and re.match("CPU$|GPU |Apple GPU", check.found)
    monkeypatch.setattr(torch, "ones", broken)
    assert "no kernel image is available" in preflight.check_device().remedy
    monkeypatch.setattr(torch, "ones", torch.zeros)
    assert "multiplies wrongly" in preflight.check_device().remedy


def test_data_files_are_checked_one_by_one(tmp_path, monkeypatch):
    for name in ("manifest.json", *data_files.manifest()):
        shutil.copy(data_files.DATA / name, tmp_path / name)
    monkeypatch.setattr(data_files, "DATA", tmp_path)
    checks, name = preflight.check_data(), min(data_files.manifest())
    assert len(checks) == len(data_files.manifest()) > 0
    assert not any(check.remedy for check in checks)
    (tmp_path / name).unlink()
    (bad,) = [check for check in preflight.check_data() if check.remedy]
    assert name in bad.what and "git checkout" in bad.remedy
    (tmp_path / "manifest.json").write_text("{")
    (check,) = preflight.check_data()
    assert check.remedy


def test_the_folder_of_answers_is_made_and_left_empty(tmp_path, monkeypatch):
    folder = tmp_path / "new" / "state"
    monkeypatch.setenv("CNN_COURSE_STATE", str(folder))
    assert not preflight.check_answers().remedy and list(folder.iterdir()) == []
    assert not preflight.check_answers().remedy, "a second time"
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "file" / "state"))
    remedy = preflight.check_answers().remedy
    assert f"{tmp_path / 'file' / 'state'} cannot be written (Not a directory)" in remedy
    assert "variable CNN_COURSE_STATE" in remedy
    monkeypatch.setenv("CNN_COURSE_STATE", "~nouser/x")
    remedy = preflight.check_answers().remedy
    assert "(there is no home directory for CNN_COURSE_STATE=~nouser/x)" in remedy


@pytest.mark.parametrize(("free", "ok"), [(0.4, False), (1.0, True), (800.0, True)])
def test_disk_space(free, ok):
    assert bool(preflight.check_disk(free).remedy) is not ok


def test_widgets_outside_a_notebook():
    assert "make lab" in preflight.check_widgets().remedy


def test_button_answers():
    button, answer = Preflight([Check("Python", "3.11")]).widget().children[1].children
    for words in ("press once", "press 2 times"):
        button.click()
        assert words in answer.value


def test_text_and_html_say_the_same_and_need_no_kernel():
    checks = [Check("torch >=2.6", "2.13.0+cpu (odd)"), Check("<data>", remedy="Run `a & b`.")]
    bundle = Preflight(checks)._repr_mimebundle_()
    assert bundle["text/plain"] == (
        "OK     torch >=2.6 (found 2.13.0+cpu odd)\n"
        "TO DO  <data>\n       Run `a & b`.\n\nOne thing to do."
    )
    html = bundle["text/html"]
    assert "&lt;data&gt;" in html and "<data>" not in html and "Run `a &amp; b`." in html
    assert "(found 2.13.0+cpu odd)" in html and preflight.NO_WIDGETS in html
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert repr(Preflight(checks[:1])).endswith("All is ready.")
    assert repr(Preflight(checks[1:] * 2)).endswith("2 things to do.")


# ------------------------------------------------------------------ a lesson begun in the middle

SETUP = "import torch\nfrom course_utils.quiz import ask as put\n\nSEED = 0"
MAKES = "for k in range(3):\n    layer, (a, b) = k, (k, k)\n\ndef grow(n):\n    inside = n"
FAILS = "print(layer, late)"
CELLS = [SETUP, MAKES, FAILS, "late = 1"]


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
        ("layer", [FAILS], "for k in range(3):"),
        ("put", ["put(3)  # the student's own cell"], "import torch"),
        ("late", [FAILS], None),  # made below
        ("inside", [FAILS], None),  # a name of a function's own
        ("layr", [FAILS], None),  # the student's own slip
        ("layer", [MAKES, FAILS], None),  # that cell has been run
        ("layer", [SETUP, FAILS + "\n"], "for k in range(3):"),
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
shell.extension_manager.load_extension("course_utils.lessons.missing_names")
for source in {[FAILS, "own_slip"]!r}:
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
