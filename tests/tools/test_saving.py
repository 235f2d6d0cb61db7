"""Saving a lesson: a run that changed nothing leaves the file alone; all else is kept as it is."""

import copy
import subprocess
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.saving import WIDGET_VIEW, clean_outputs, keep_what_agrees, parsed

NAME = "notebooks/03_made.ipynb"
ERROR = new_output("error", ename="NameError", evalue="seconds", traceback=[])


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def picture(data, alt="three bars"):
    html = f'<img alt="{alt}" src="data:image/png;base64,{data}">'
    return new_output("execute_result", data={"text/plain": alt, "text/html": html})


def bitmap(data):
    return new_output("display_data", data={"image/png": data, "text/plain": "x"})


def lesson():
    """A stored lesson: a heading, an import, a number, a picture, a time that is not compared."""
    cells = [
        new_markdown_cell("# Made", id="title"),
        new_code_cell("import torch", id="setup"),
        new_code_cell("print(13)", id="count", outputs=[stream("13\n")]),
        new_code_cell("show(figure)", id="bars", outputs=[picture("AAAA"), bitmap("AAAA")]),
        new_code_cell("print(seconds)", id="time", outputs=[stream("0.12 s\n")]),
    ]
    cells[-1].metadata.tags = ["nbval-ignore-output"]
    for count, cell in enumerate(cells[1:], start=1):
        cell.execution_count = count
    spec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return new_notebook(
        cells=cells, metadata={"kernelspec": spec, "language_info": {"name": "python"}}
    )


def run_again(notebook):
    """The same lesson as JupyterLab holds it after another run in another kernel."""
    new = copy.deepcopy(notebook)
    new.metadata["language_info"] = {"name": "python", "version": "3.13.0", "mimetype": "text/x"}
    new.metadata["kernelspec"]["display_name"] = "Python 3"
    for cell in new.cells[1:]:
        cell.execution_count += 20
        cell.metadata["trusted"] = True
    new.cells[2].outputs = [stream("1"), stream("3\n")]
    new.cells[3].outputs = [picture("BBBB"), bitmap("BBBB")]
    new.cells[3].outputs[0].data[WIDGET_VIEW] = {"model_id": "5"}
    new.cells[4].outputs = [stream("0.31 s\n")]
    return new


def written(notebook):
    """What the file of a notebook holds: without what only the page needs, such as trust."""
    return nbformat.reads(nbformat.writes(nbformat.from_dict(notebook)), as_version=4)


def whose(done, new):
    """A letter for each saved cell: l, it is the lesson's to the last count; o, the own run's."""
    shipped, own = {cell.id: cell for cell in lesson().cells}, written(new)
    for cell in own.cells:
        if cell.cell_type == "code":
            cell.outputs = clean_outputs(cell.outputs)
    return "".join(
        "l" if cell == shipped.get(cell.id) else "o" if cell in own.cells else "?"
        for cell in done.cells
    )


def commit(path, notebook):
    nbformat.write(notebook, path)
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "-m", "lesson"]):
        subprocess.run(["git", *words], cwd=path.parents[1], check=True, capture_output=True)


@pytest.fixture
def save(tmp_path):
    """Commit a lesson, then save notebooks over it as JupyterLab's server does."""
    path = tmp_path / NAME
    path.parent.mkdir()
    commit(path, lesson())

    def saved(notebook, name=NAME, server=None):
        model = {"type": "notebook", "content": copy.deepcopy(notebook)}
        manager = SimpleNamespace(root_dir=tmp_path, parent=server)
        keep_what_agrees(model=model, path=name, contents_manager=manager)
        done = written(model["content"])
        nbformat.write(done, path)
        return done

    saved.path = path
    return saved


def test_a_run_that_changed_nothing_leaves_no_trace(save):
    assert save(run_again(lesson())) == lesson()


def change(place, **fields):
    return lambda cells: cells[place].update(**fields)


def add(*sources):
    return lambda cells: cells.extend(new_code_cell(source) for source in sources)


def swap(cells):
    cells[1], cells[2] = cells[2], cells[1]


CHANGES = {  # whose each cell is in the file, and what is done to the cells of a second run
    "another result": ("lloll", change(2, outputs=[stream("14\n")])),
    "another alternative text": ("lllol", change(3, outputs=[picture("B", "four"), bitmap("A")])),
    "other code": ("llooo", change(2, source="print(6 + 7)")),
    "a new cell": ("lloooo", lambda cells: cells.insert(2, new_code_cell("1 + 1"))),
    "other prose": ("ollll", change(0, source="# Made, and read")),
    "cleared": ("lllol", change(1, execution_count=None), change(3, outputs=[])),
    "a cleared time": ("llllo", change(4, outputs=[], execution_count=None)),
    "a cell is gone": ("looo", lambda cells: cells.pop(1)),
    "two cells swapped": ("loooo", swap),
    # A restart, then a cell in the middle; or the student's own code above it, at fault.
    **{f"an error in cell {n}": ("lllll", change(n, outputs=[ERROR])) for n in (2, 3, 4)},
    "own code, error in 2": ("loloo", change(1, source="mine"), change(2, outputs=[ERROR])),
    "own code, error in 4": ("loool", change(1, source="mine"), change(4, outputs=[ERROR])),
    "an error of own code": ("lllooo", change(3, source="?", outputs=[ERROR]), add("mine")),
    "of an own cell": ("lllllo", add("mine"), change(5, outputs=[ERROR])),
    # Shift+Enter on the last cell appends one.
    "an empty cell at the end": ("lllll", add("")),
    "two": ("lllll", add("", " \n")),
    "own code among them": ("llllloo", add("", "1 + 1", "")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_cell_is_kept_as_shipped_or_saved_as_it_is(save, name):
    expected, *changes = CHANGES[name]
    new = run_again(lesson())
    for one in changes:
        one(new.cells)
    assert whose(save(new), new) == expected


@pytest.mark.parametrize(("value", "kept"), [("98.5", "97.9"), ("99.9", "99.9")])
def test_a_measured_number_within_its_spread_leaves_no_trace(save, value, kept):
    old, new = lesson(), run_again(lesson())
    for notebook, number in ((old, "97.9"), (new, value)):
        notebook.cells[2].outputs = [stream(f"{number} ± 1.5 %\n")]
    commit(save.path, old)
    assert save(new).cells[2].outputs == [stream(f"{kept} ± 1.5 %\n")]


@pytest.mark.parametrize(("state", "expected"), [("busy", "lllll"), ("idle", "llllo")])
def test_saving_in_the_middle_of_a_run_keeps_what_has_not_ended(save, state, expected):
    """JupyterLab saves by itself, also while Run All is on its way down the lesson."""
    kernels = SimpleNamespace(
        list_kernel_ids=lambda: ["one"], get_kernel=lambda _: SimpleNamespace(execution_state=state)
    )
    new = run_again(lesson())
    for cell in new.cells[3:]:  # one is running and has printed something, one waits
        cell.outputs, cell.execution_count = [], None
    new.cells[3].outputs = [stream("epoch 1\n")]
    done = save(new, server=SimpleNamespace(kernel_manager=kernels))
    assert whose(done, new) == expected  # idle: somebody cleared it


def test_a_folded_answer_stays_folded(save):
    shipped = lesson()
    shipped.cells[3].metadata.jupyter = {"outputs_hidden": True}
    commit(save.path, shipped)
    new = run_again(shipped)
    del new.cells[3].metadata["jupyter"]  # as JupyterLab does when the cell is run
    assert save(new) == shipped


def test_code_that_is_saved_before_it_runs_is_changed_code_still(save):
    """JupyterLab saves by itself while a student writes; the results come with a later save."""
    new = run_again(lesson())
    new.cells[3].update(source="show(mine)", outputs=lesson().cells[3].outputs)  # not run yet
    save(new)
    new.cells[3].outputs = [picture("CCCC")]
    assert whose(save(new), new) == "llloo"
    assert save(run_again(lesson())) == lesson()  # back at the lesson's code, its outputs are back


@pytest.mark.parametrize(
    "name",
    ["mine.ipynb", "notebooks/mine.ipynb", "notebooks/sub/03_made.ipynb", "notebooks/04_new.ipynb"],
)
def test_a_file_that_is_no_committed_lesson_is_saved_as_it_is(save, name):
    new = run_again(lesson())
    assert save(new, name) == written(new)


def test_without_git_a_lesson_is_saved_as_it_is(save, monkeypatch):
    monkeypatch.setenv("PATH", "")
    new = run_again(lesson())
    assert save(new) == written(new)


@pytest.mark.parametrize("text", ["", "{", '{"cells": 3}', "<<<<<<< HEAD\n", "[]"])
def test_what_is_no_notebook_is_told_from_one(text):
    assert parsed(text) is None
    assert parsed(nbformat.writes(lesson())) == lesson()


def test_another_kernel_keeps_its_name(save):
    new = run_again(lesson())
    new.metadata["kernelspec"] = {"name": "mine", "display_name": "Mine", "language": "python"}
    assert save(new).metadata["kernelspec"]["name"] == "mine"


def test_outputs_are_cleaned():
    view = {WIDGET_VIEW: {"model_id": "0"}}
    alone, beside = (
        new_output("display_data", data={**view, **more}) for more in ({}, {"a/b": "x"})
    )
    done = clean_outputs([stream("a"), stream("b\n"), stream("c", "stderr"), alone, beside])
    assert done == [stream("ab\n"), stream("c", "stderr"), new_output("display_data", {"a/b": "x"})]
