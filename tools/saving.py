"""How notebooks are stored, so that a run that changed nothing leaves no trace in the file.

`clean_outputs` takes out of a cell's outputs what differs from run to run. `keep_what_agrees` is a
hook for JupyterLab's save: as long as the code is that of the committed lesson, outputs that agree
with the committed ones by the rules of the notebook tests are stored as they were committed. So a
student who runs a whole lesson and saves has no change in `git status`; whoever writes code has
exactly that change, and all that follows from it. An error never takes the place of a result whose
code is the lesson's, nor does a cell that is still running or waiting; an answer that ships folded
stays folded, and the empty cell that Shift+Enter appends is left out. Where there is no git,
everything is saved as it is.
"""

import json
import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.validator import isvalid

from tools.measured import settled

ROOT = Path(__file__).resolve().parent.parent
SANITISE = ROOT / "tests" / "nbval_sanitize.cfg"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
NOT_COMPARED = "nbval-ignore-output"  # tag of a cell whose output may differ: seconds, mostly
LESSON = re.compile(r"notebooks/\d\d_\w+\.ipynb")


def clean_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return a cell's outputs without widget views and without outputs that hold nothing else.

    Neighbouring pieces of one stream become one piece: where a stream is cut is a matter of timing.
    """
    kept: list[NotebookNode] = []
    for output in outputs:
        output = nbformat.from_dict(output)
        if output.output_type in ("display_data", "execute_result"):
            output.data.pop(WIDGET_VIEW, None)
            if not output.data:
                continue
        if output.output_type == "stream" and kept and kept[-1].get("name") == output.name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def patterns() -> list[tuple[re.Pattern, str]]:
    """Return what the notebook tests take out of both outputs before they compare them."""
    file = ConfigParser(interpolation=None)
    file.read(SANITISE, encoding="utf-8")
    return [(re.compile(file[name]["regex"]), file[name]["replace"]) for name in file.sections()]


def comparable(outputs: list[NotebookNode], rules: list[tuple[re.Pattern, str]]) -> list[tuple]:
    """Return what counts of cleaned outputs: their texts, sanitised; no pixels, no counts."""
    found = []
    for output in outputs:
        texts = dict(output.get("data", {}))
        texts |= {key: output[key] for key in ("name", "text", "ename", "evalue") if key in output}
        for key, text in texts.items():
            texts[key] = "PICTURE" if key.startswith("image/p") else str(text)
            for pattern, replacement in rules:
                texts[key] = pattern.sub(replacement, texts[key])
        found.append((output.output_type, texts))
    return found


def failed(cell: NotebookNode) -> bool:
    """Say whether a code cell ended in an error."""
    return any(output.output_type == "error" for output in cell.outputs)


def keep_the_shipped(new: NotebookNode, lesson: NotebookNode, busy: bool) -> None:
    """Keep what using a lesson would spoil, in every cell whose code is the lesson's.

    While a kernel is busy, a cell without a count waits for its turn; else somebody cleared it.
    """
    shipped = {cell.id: cell for cell in lesson.cells if cell.cell_type == "code"}
    while (last := new.cells[-1:]) and last[0].cell_type == "code" and last[0].id not in shipped:
        if last[0].source.strip() or last[0].outputs:
            break
        new.cells.pop()
    for cell in new.cells:
        old = shipped.get(cell.id)
        if old is None or old.source != cell.source:
            continue
        unfinished = cell.execution_count is None and (cell.outputs or busy)
        if (failed(cell) and not failed(old)) or unfinished:
            cell.outputs, cell.execution_count = old.outputs, old.execution_count
        if old.metadata.get("jupyter", {}).get("outputs_hidden"):  # a run takes it away
            cell.metadata.jupyter = old.metadata.jupyter
            cell.metadata.pop("collapsed", None)


def settle(new: NotebookNode, lesson: NotebookNode, busy: bool) -> None:
    """Give a notebook that is to be saved the lesson's outputs wherever its own agree with them.

    From the first code cell on that is new, changed, moved or gone, every result is saved as it is:
    what the code below shows may follow from the change even where no compared text tells.
    """
    keep_the_shipped(new, lesson, busy)
    rules = patterns()
    spec = lesson.metadata.get("kernelspec", {})
    if new.metadata.get("kernelspec", {}).get("name") == spec.get("name"):
        for key in ("kernelspec", "language_info"):
            if key in lesson.metadata:
                new.metadata[key] = lesson.metadata[key]
    before = [cell for cell in lesson.cells if cell.cell_type == "code"]
    own = [cell for cell in new.cells if cell.cell_type == "code"]
    for cell in own:
        cell.outputs = clean_outputs(cell.outputs)
    for old, cell in zip(before, own, strict=False):
        if (old.id, old.source) != (cell.get("id"), cell.source):
            return
        free = NOT_COMPARED in cell.metadata.get("tags", []) and cell.outputs
        measured = settled(cell.outputs, old.outputs)
        if free or comparable(measured, rules) == comparable(old.outputs, rules):
            cell.outputs, cell.execution_count = old.outputs, old.execution_count


def keep_what_agrees(model: dict, path: str, contents_manager: object, **others: object) -> None:
    """Settle a lesson just before JupyterLab saves it; any other file is left alone.

    A hook for `ContentsManager.register_pre_save_hook`: it changes `model["content"]`.
    """
    if model.get("type") != "notebook" or not LESSON.fullmatch(path):
        return
    lesson = committed(Path(contents_manager.root_dir), path)
    if lesson is not None:
        new = nbformat.from_dict(model["content"])
        settle(new, lesson, is_busy(contents_manager))
        model["content"] = new


def is_busy(contents_manager: object) -> bool:
    """Say whether any kernel of this server is at work: JupyterLab saves in the middle of a run."""
    kernels = getattr(getattr(contents_manager, "parent", None), "kernel_manager", None)
    return kernels is not None and any(
        getattr(kernels.get_kernel(name), "execution_state", "") == "busy"
        for name in kernels.list_kernel_ids()
    )


def committed(root: Path, path: str) -> NotebookNode | None:
    """Return a notebook as git has it; None without git, and for a file that git does not have."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "show", f"HEAD:./{path}"], capture_output=True
        )
    except OSError:  # git is not installed
        return None
    return parsed(done.stdout.decode("utf-8", "replace")) if done.returncode == 0 else None


def parsed(text: str) -> NotebookNode | None:
    """Return a notebook of format 4; None for a text that is none."""
    try:
        data = json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, dict) or data.get("nbformat") != 4 or not isvalid(data):
        return None
    return nbformat.v4.reads(text)
