"""Saving a lesson: a run that changed nothing leaves the file alone; all else is kept as it is."""

import copy
import subprocess
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import saving
from tools.saving import (
    WIDGET_VIEW,
    clean_outputs,
    comparable,
    keep_what_agrees,
    parsed,
    patterns,
)

NAME = "notebooks/03_made.ipynb"
PIXELS = '<img alt="{alt}" src="data:image/png;base64,{data}">'


def stream(text):
    return new_output("stream", name="stdout", text=text)


def picture(data, alt="three bars"):
    html = PIXELS.format(alt=alt, data=data)
    return new_output("execute_result", data={"text/plain": alt, "text/html": html})


def lesson():
    """A stored lesson: a heading, an import, a number, a picture, a time that is not compared."""
    cells = [
        new_markdown_cell("# Made", id="title"),
        new_code_cell("import torch", id="setup"),
        new_code_cell("print(13)", id="count", outputs=[stream("13\n")]),
        new_code_cell("show(figure)", id="bars", outputs=[picture("AAAA")]),
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
    new.cells[3].outputs = [picture("BBBB")]
    new.cells[3].outputs[0].data[WIDGET_VIEW] = {"model_id": "5"}
    new.cells[4].outputs = [stream("0.31 s\n")]
    return new


def written(notebook):
    """What the file of a notebook holds: without what only the page needs, such as trust."""
    return nbformat.reads(nbformat.writes(nbformat.from_dict(notebook)), as_version=4)


def git(folder, *arguments):
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def save(tmp_path):
    """Commit a lesson, then save notebooks over it as JupyterLab's server does."""
    path = tmp_path / NAME
    path.parent.mkdir()
    nbformat.write(lesson(), path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "a lesson")

    def saved(notebook, name=NAME):
        model = {"type": "notebook", "content": copy.deepcopy(notebook)}
        keep_what_agrees(
            model=model,
            path=name,
            contents_manager=SimpleNamespace(root_dir=tmp_path, parent=saved.parent),
        )
        done = written(model["content"])
        nbformat.write(done, path)
        return done

    saved.path, saved.parent = path, None
    return saved


def test_a_run_that_changed_nothing_leaves_no_trace(save):
    assert save(run_again(lesson())) == lesson()


def test_a_changed_result_is_saved_and_only_it(save):
    new = run_again(lesson())
    new.cells[2].outputs = [stream("14\n")]
    done = save(new)
    assert done.cells[2].outputs == [stream("14\n")]
    assert done.cells[2].execution_count == 22
    assert done.cells[3].outputs == [picture("AAAA")]


def test_a_measured_number_within_its_spread_leaves_no_trace():
    old, near, far = lesson(), run_again(lesson()), run_again(lesson())
    for notebook, value in ((old, "97.9"), (near, "98.5"), (far, "99.9")):
        notebook.cells[2].outputs = [stream(f"{value} ± 1.5 %\n")]
    for new, kept in ((near, "97.9"), (far, "99.9")):
        saving.settle(new, old, patterns())
        assert new.cells[2].outputs == [stream(f"{kept} ± 1.5 %\n")]


@pytest.mark.parametrize("state", ["busy", "idle"])
def test_saving_in_the_middle_of_a_run_keeps_what_has_not_ended(save, state):
    """JupyterLab saves by itself, also while Run All is on its way down the lesson."""
    kernels = SimpleNamespace(
        list_kernel_ids=lambda: ["one"], get_kernel=lambda _: SimpleNamespace(execution_state=state)
    )
    save.parent = SimpleNamespace(kernel_manager=kernels)
    new = run_again(lesson())
    for cell in new.cells[3:]:  # one is running and has printed something, one waits
        cell.outputs, cell.execution_count = [], None
    new.cells[3].outputs = [stream("epoch 1\n")]
    done = save(new)
    assert done.cells[:4] == lesson().cells[:4]
    assert (done.cells[4] == lesson().cells[4]) is (state == "busy")  # idle: somebody cleared it


def test_from_a_changed_cell_on_everything_is_saved_as_it_is(save):
    new = run_again(lesson())
    new.cells[2].source = "print(6 + 7)"
    done = save(new)
    assert done.cells[2].source == "print(6 + 7)" and done.cells[2].outputs == [stream("13\n")]
    assert 'base64,BBBB"' in done.cells[3].outputs[0].data["text/html"]
    assert WIDGET_VIEW not in done.cells[3].outputs[0].data
    assert done.cells[4].outputs == [stream("0.31 s\n")]
    assert [cell.execution_count for cell in done.cells[2:]] == [22, 23, 24]


def test_new_cells_and_their_outputs_are_saved(save):
    new = run_again(lesson())
    own = new_code_cell("1 + 1", id="own", outputs=[stream("mine\n")], execution_count=30)
    new.cells.insert(2, own)
    done = save(new)
    assert done.cells[2].source == "1 + 1" and done.cells[2].outputs == [stream("mine\n")]
    assert 'base64,BBBB"' in done.cells[4].outputs[0].data["text/html"]


def test_prose_may_change_without_touching_results(save):
    new = run_again(lesson())
    new.cells[0].source = "# Made, and read"
    done = save(new)
    assert done.cells[0].source == "# Made, and read"
    assert done.cells[1:] == lesson().cells[1:]


def test_cleared_outputs_stay_cleared(save):
    new = run_again(lesson())
    for cell in new.cells[1:]:
        cell.outputs, cell.execution_count = [], None
    done = save(new)
    assert [cell.outputs for cell in done.cells[2:]] == [[], [], []]


ERROR = new_output("error", ename="NameError", evalue="seconds", traceback=[])


@pytest.mark.parametrize("cell", [2, 3, 4])
@pytest.mark.parametrize("own", ["", "print('mine')"])
def test_an_error_does_not_take_the_place_of_a_result(save, cell, own):
    """A restart, then a cell in the middle; or the student's own code above it, at fault."""
    new = run_again(lesson())
    new.cells[cell].outputs = [ERROR]
    if own:
        new.cells[1].source = own
    done = save(new)
    assert done.cells[cell] == lesson().cells[cell]
    assert done.cells[1].source == (own or lesson().cells[1].source)


def test_an_error_of_the_student_s_own_code_is_saved(save):
    new = run_again(lesson())
    new.cells[3].source = "show(mine)"
    new.cells[3].outputs = [ERROR]
    new.cells.append(new_code_cell("mine", id="own", outputs=[ERROR]))
    done = save(new)
    assert done.cells[3].outputs == done.cells[-1].outputs == [ERROR]


@pytest.mark.parametrize(
    ("appended", "kept"), [([""], 0), (["", " \n"], 0), (["", "1 + 1", ""], 2)]
)
def test_empty_cells_at_the_end_are_left_out_and_no_others(save, appended, kept):
    """Shift+Enter on the last cell appends one."""
    new = run_again(lesson())
    new.cells += [new_code_cell(source) for source in appended]
    done = save(new)
    assert len(done.cells) == len(lesson().cells) + kept
    assert done.cells[:5] == lesson().cells


def test_a_folded_answer_stays_folded(save):
    shipped = lesson()
    shipped.cells[3].metadata.jupyter = {"outputs_hidden": True}
    nbformat.write(shipped, save.path)
    git(save.path.parent, "commit", "--quiet", "-am", "folded")
    new = run_again(shipped)
    del new.cells[3].metadata["jupyter"]  # as JupyterLab does when the cell is run
    assert save(new) == shipped


@pytest.mark.parametrize(
    "name", ["mine.ipynb", "notebooks/mine.ipynb", "notebooks/sub/03_made.ipynb", "notebooks/x.py"]
)
def test_other_files_are_left_alone(save, name):
    new = run_again(lesson())
    assert save(new, name) == written(new)


def test_code_that_is_saved_before_it_runs_is_changed_code_still(save):
    """JupyterLab saves by itself while a student writes; the results come with a later save."""
    new = run_again(lesson())
    new.cells[4].source = "print(my_seconds)"
    new.cells[4].outputs = lesson().cells[4].outputs  # not run yet
    save(new)
    new.cells[4].outputs = [stream("mine: 0.31 s\n")]
    assert save(new).cells[4].outputs == [stream("mine: 0.31 s\n")]
    new.cells[3].source = "show(my_figure)"
    new.cells[3].outputs = [picture("CCCC")]
    save(new)
    assert save(new).cells[3].outputs == [picture("CCCC")]


@pytest.mark.parametrize("change", ["delete", "swap"])
def test_a_code_cell_that_is_gone_or_moved_is_a_change(save, change):
    new = run_again(lesson())
    if change == "delete":
        del new.cells[1]
    else:
        new.cells[1], new.cells[2] = new.cells[2], new.cells[1]
    done = save(new)
    assert 'base64,BBBB"' in done.cells[-2].outputs[0].data["text/html"]
    assert done.cells[-1].outputs == [stream("0.31 s\n")]


def test_back_at_the_lesson_s_code_its_outputs_are_back(save):
    new = run_again(lesson())
    new.cells[2].source = "print(14)"
    new.cells[2].outputs = [stream("14\n")]
    save(new)
    assert save(run_again(lesson())) == lesson()


def test_a_lesson_that_git_does_not_have_is_saved_as_it_is(save):
    new = run_again(lesson())
    assert save(new, "notebooks/04_other.ipynb") == written(new)


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
    done = clean_outputs(
        [
            stream("a"),
            stream("b\n"),
            new_output("stream", name="stderr", text="c"),
            new_output("display_data", data={WIDGET_VIEW: {"model_id": "0"}}),
            new_output("display_data", data={WIDGET_VIEW: {"model_id": "0"}, "text/plain": "x"}),
        ]
    )
    assert [o.output_type for o in done] == ["stream", "stream", "display_data"]
    assert done[0].text == "ab\n"
    assert done[2].data == {"text/plain": "x"}


def test_pixels_do_not_count_and_what_they_show_does():
    rules = patterns()
    assert comparable([picture("AAAA")], rules) == comparable([picture("BBBB")], rules)
    assert comparable([picture("AAAA")], rules) != comparable([picture("AAAA", "four")], rules)
    bitmap = new_output("display_data", data={"image/png": "AAAA", "text/plain": "x"})
    other = new_output("display_data", data={"image/png": "BBBB", "text/plain": "x"})
    assert comparable([bitmap], rules) == comparable([other], rules)


def test_the_rules_are_those_of_the_notebook_tests():
    assert saving.SANITISE.name == "nbval_sanitize.cfg"
    texts = [replacement for _, replacement in patterns()]
    assert "MODEL-ID" in texts and len(texts) >= 3
