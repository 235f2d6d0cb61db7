"""A lesson begun in the middle: a missing name is followed by the cell that makes it."""

import json
import os
import subprocess
import sys

import pytest

from course_utils.missing_names import advice, names_made

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
shell.extension_manager.load_extension("course_utils.missing_names")
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
