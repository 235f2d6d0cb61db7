"""run_notebooks: all or nothing, byte-identical reruns, nothing in the file that differs by run."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import run_notebooks, saving

WIDGET = saving.WIDGET_VIEW


def notebook(*sources: str, **metadata):
    """A notebook with one code cell per source, after a heading."""
    cells = [new_markdown_cell("# Made", id="heading")]
    cells += [new_code_cell(s, id=f"cell-{i}") for i, s in enumerate(sources)]
    return new_notebook(cells=cells, metadata=metadata)


@pytest.fixture
def write(tmp_path):
    """Write a notebook of the given sources into a folder and return its path."""

    def made(*sources: str, name: str = "01_made.ipynb"):
        path = tmp_path / name
        nbformat.write(notebook(*sources), path)
        return path

    return made


def stored(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_outputs_are_stored_and_a_rerun_changes_no_byte(write, capsys):
    path = write(
        "import os\nprint('twice', 2 * 21)", "", "6 * 7", "import sys; sys.version_info > (3,)"
    )
    assert run_notebooks.main([str(path)]) == 0
    first = path.read_bytes()
    cells = stored(path)["cells"]
    assert [c.get("execution_count") for c in cells] == [None, 1, None, 2, 3]
    assert cells[1]["outputs"][0]["text"] == ["twice 42\n"]
    assert cells[3]["outputs"][0]["data"] == {"text/plain": ["42"]}
    assert cells[3]["outputs"][0]["execution_count"] == 2
    assert [c["id"] for c in cells] == ["heading", "cell-0", "cell-1", "cell-2", "cell-3"]
    assert "outputs stored" in capsys.readouterr().out

    assert run_notebooks.main([str(path)]) == 0
    assert path.read_bytes() == first
    assert "unchanged" in capsys.readouterr().out
    assert list(path.parent.iterdir()) == [path]


def test_failing_cell_leaves_the_file_untouched(write, capsys):
    path = write("print('before')", "1 / 0", "print('after')")
    before, times = path.read_bytes(), path.stat().st_mtime_ns
    assert run_notebooks.main([str(path)]) == 1
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, times)
    error = capsys.readouterr().err
    assert "01_made.ipynb: FAILED" in error and "ZeroDivisionError" in error
    assert "\x1b[" not in error


def test_the_other_notebooks_are_run_when_one_fails(write):
    bad, good = write("1 / 0", name="01_bad.ipynb"), write("1 + 1", name="02_good.ipynb")
    assert run_notebooks.main([str(bad), str(good)]) == 1
    assert stored(good)["cells"][1]["outputs"]


def test_endless_cell_is_stopped(write):
    path = write("while True:\n    pass")
    with pytest.raises(run_notebooks.CellTimeoutError):
        run_notebooks.execute(path, timeout=1)


def test_state_of_the_person_stays_out(write, tmp_path, monkeypatch):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "mine"))
    path = write("import os\nprint(os.environ['CNN_COURSE_STATE'])")
    done = run_notebooks.execute(path)
    assert "cnn-course-state-" in done.cells[1].outputs[0].text


def test_kernel_runs_in_the_notebooks_folder(write, tmp_path):
    done = run_notebooks.execute(write("from pathlib import Path\nprint(Path.cwd())"))
    assert done.cells[1].outputs[0].text.strip() == str(tmp_path)


def test_widgets_leave_their_html_and_no_state(write):
    path = write(
        "import ipywidgets as w\n"
        "class Panel(w.HTML):\n"
        "    def _repr_mimebundle_(self, **kwargs):\n"
        "        data = super()._repr_mimebundle_(**kwargs)\n"
        "        return {**data, 'text/html': '<b>13</b>', 'text/plain': '13 arrows'}\n"
        "Panel(value='<b>13</b>')",
    )
    assert run_notebooks.main([str(path)]) == 0
    first = path.read_bytes()
    (output,) = stored(path)["cells"][1]["outputs"]
    assert output["data"] == {"text/html": ["<b>13</b>"], "text/plain": ["13 arrows"]}
    assert b"widget" not in first.replace(b"ipywidgets", b"")
    assert run_notebooks.main([str(path)]) == 0
    assert path.read_bytes() == first


def test_metadata_is_normalised():
    made = notebook(
        "1",
        kernelspec={"name": "mine", "display_name": "Mine"},
        widgets={"state": {}},
        title="Kept",
    )
    made.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    made.cells[1].metadata = {
        "execution": {"iopub.execute_input": "2026-01-01"},
        "slideshow": {"slide_type": "slide"},
        "tags": ["raises"],
        "scrolled": True,
    }
    done = run_notebooks.clean(made)
    assert done.metadata == {
        "title": "Kept",
        "kernelspec": run_notebooks.KERNELSPEC,
        "language_info": {"name": "python"},
    }
    assert done.cells[1].metadata == {"slideshow": {"slide_type": "slide"}, "tags": ["raises"]}


def test_cleaning_leaves_its_argument_alone():
    made = notebook("1", widgets={"state": {}})
    run_notebooks.clean(made)
    assert "widgets" in made.metadata


def test_find(tmp_path):
    for name in ("00_start.ipynb", "01_sparse.ipynb", "01_sparser.ipynb", "notes.txt"):
        (tmp_path / name).touch()

    def names(*wanted):
        return [path.name for path in run_notebooks.find(list(wanted), tmp_path)]

    assert names() == ["00_start.ipynb", "01_sparse.ipynb", "01_sparser.ipynb"]
    assert names("00") == names("00_start") == names("00_start.ipynb") == ["00_start.ipynb"]
    assert names(str(tmp_path / "01_sparse.ipynb")) == names("01_sparse") == ["01_sparse.ipynb"]
    for wrong in ("01", "07_lenet5", "notes.txt"):
        with pytest.raises(ValueError, match="notebook must name one of: 00_start, 01_sparse"):
            names(wrong)


def test_unknown_name_on_the_command_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        run_notebooks.main(["99_nothing"])
    assert "got '99_nothing'" in capsys.readouterr().err


def test_write_replaces_or_leaves(tmp_path):
    path = tmp_path / "x.ipynb"
    assert run_notebooks.write(path, "ä\n") is True
    times = path.stat().st_mtime_ns
    assert run_notebooks.write(path, "ä\n") is False
    assert path.stat().st_mtime_ns == times
    assert path.read_bytes() == "ä\n".encode()
