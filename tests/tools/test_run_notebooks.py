"""run_notebooks: all or nothing, byte-identical reruns, nothing in the file that differs by run."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import run_notebooks


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


PANEL = """import ipywidgets as w
class Panel(w.HTML):
    def _repr_mimebundle_(self, **kwargs):
        data = super()._repr_mimebundle_(**kwargs)
        return {**data, 'text/html': '<b>13</b>', 'text/plain': '13 arrows'}
Panel(value='<b>13</b>')"""


def test_outputs_are_stored_and_a_rerun_changes_no_byte(write, capsys):
    path = write("import os\nprint('twice', 2 * 21)", "", "6 * 7", PANEL)
    assert run_notebooks.main([str(path)]) == 0
    assert "outputs stored" in capsys.readouterr().out
    first = path.read_bytes()
    cells = stored(path)["cells"]
    assert [c.get("execution_count") for c in cells] == [None, 1, None, 2, 3]
    assert cells[1]["outputs"][0]["text"] == ["twice 42\n"]
    assert cells[3]["outputs"][0]["data"] == {"text/plain": ["42"]}
    assert cells[3]["outputs"][0]["execution_count"] == 2
    (panel,) = cells[4]["outputs"]  # its HTML, and no state of a widget
    assert panel["data"] == {"text/html": ["<b>13</b>"], "text/plain": ["13 arrows"]}
    assert b"widget" not in first.replace(b"ipywidgets", b"")
    assert [c["id"] for c in cells] == ["heading", "cell-0", "cell-1", "cell-2", "cell-3"]

    times = path.stat().st_mtime_ns
    assert run_notebooks.main([str(path)]) == 0
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (first, times)
    assert "unchanged" in capsys.readouterr().out
    assert list(path.parent.iterdir()) == [path]


def test_a_failing_cell_leaves_its_file_untouched_and_the_others_run(write, capsys):
    bad = write("print('before')", "1 / 0", name="01_bad.ipynb")
    good = write("print('ä')", name="02_good.ipynb")
    before, times = bad.read_bytes(), bad.stat().st_mtime_ns
    assert run_notebooks.main([str(bad), str(good)]) == 1
    assert (bad.read_bytes(), bad.stat().st_mtime_ns) == (before, times)
    assert stored(good)["cells"][1]["outputs"][0]["text"] == ["ä\n"]
    error = capsys.readouterr().err
    assert "01_bad.ipynb: FAILED" in error and "ZeroDivisionError" in error
    assert "\x1b[" not in error


def test_endless_cell_is_stopped(write, monkeypatch, capsys):
    path = write("while True:\n    pass")
    execute = run_notebooks.execute
    monkeypatch.setattr(run_notebooks, "execute", lambda path: execute(path, timeout=1))
    assert run_notebooks.main([str(path)]) == 1
    assert "01_made.ipynb: FAILED, file left" in (error := capsys.readouterr().err)
    assert "a cell took longer than" in error


def test_a_kernel_runs_in_the_notebooks_folder_without_the_state_of_the_person(
    write, tmp_path, monkeypatch
):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path / "mine"))
    path = write("import os\nprint(os.environ['CNN_COURSE_STATE'])\nprint(os.getcwd())")
    state, folder = run_notebooks.execute(path).cells[1].outputs[0].text.split()
    assert "cnn-course-state-" in state and folder == str(tmp_path)


def test_metadata_is_normalised():
    kernel = {"name": "mine", "display_name": "Mine"}
    made = notebook("1", kernelspec=kernel, widgets={"state": {}}, title="Kept")
    made.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    kept = {"slideshow": {"slide_type": "slide"}, "tags": ["raises"]}
    made.cells[1].metadata = {"execution": {"iopub": "2026-01-01"}, "scrolled": True, **kept}
    done = run_notebooks.clean(made)
    spec, language = run_notebooks.KERNELSPEC, {"name": "python"}
    assert done.metadata == {"title": "Kept", "kernelspec": spec, "language_info": language}
    assert done.cells[1].metadata == kept
    assert "widgets" in made.metadata  # the argument is left alone


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
