"""Run notebooks and store their outputs in place, so that a second run changes no byte.

``make notebooks`` runs them all; ``make notebooks NB=01_sparse_connectivity`` runs one. A file is
written only when every cell of it succeeded, and then in one step. What differs from run to run is
taken out: times, the state and ids of widgets, and what the kernel says about itself. A fresh
JupyterLab then shows each widget's ``text/html`` instead, until the student runs the cell.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.saving import clean_outputs  # noqa: E402  (the repository is on the path only now)
from tools.surroundings import set_right  # noqa: E402

NOTEBOOKS = ROOT / "notebooks"
CELL_TIMEOUT = 120  # seconds, as in the tests: for a machine that has other work, too
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
SLIDE_METADATA = ("jupyterlab-slideshow", "@deathbeds/jupyterlab-fonts")
NOTEBOOK_METADATA = ("title", "authors", *SLIDE_METADATA)
CELL_METADATA = ("slideshow", "tags", "editable", "deletable", "jupyter", *SLIDE_METADATA)
SEED_LINE = re.compile(r"^SEED = 0\b", re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def clean(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of an executed notebook that holds nothing that differs from run to run."""
    notebook = nbformat.from_dict(notebook)
    kept = {k: v for k, v in notebook.metadata.items() if k in NOTEBOOK_METADATA}
    notebook.metadata = nbformat.from_dict(
        {**kept, "kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
    )
    count = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {k: v for k, v in cell.metadata.items() if k in CELL_METADATA}
        )
        if cell.cell_type != "code":
            continue
        cell.outputs = clean_outputs(cell.outputs)
        ran = bool(cell.source.strip())
        count += ran
        cell.execution_count = count if ran else None
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
    return notebook


def as_text(notebook: NotebookNode) -> str:
    """Return the notebook's JSON, one space of indent, as JupyterLab saves it."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def execute(path: Path, timeout: float = CELL_TIMEOUT, seed: int = 0) -> NotebookNode:
    """Run every cell of a notebook in a fresh kernel in its own folder; return it, cleaned.

    Quiz answers and other state go to a directory that is thrown away. A ``seed`` other than 0
    takes the place of 0 in the lesson's line ``SEED = 0``. Raises nbclient's
    ``CellExecutionError`` for a cell that fails and ``CellTimeoutError`` for one that does not end
    within ``timeout`` seconds, and ValueError where a lesson to be reseeded lacks that line.
    """
    notebook = nbformat.read(path, as_version=4)
    if seed:
        cells = [c for c in notebook.cells if SEED_LINE.search(c.source)]
        if len(cells) != 1:
            raise ValueError(f"{path.name} must have SEED = 0 in one cell, has {len(cells)}")
        cells[0].source = SEED_LINE.sub(f"SEED = {seed}", cells[0].source)
    with tempfile.TemporaryDirectory(prefix="cnn-course-state-") as state:
        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,
        )
        client.execute(env={**os.environ, "CNN_COURSE_STATE": state})
    return clean(notebook)


def write(path: Path, text: str) -> bool:
    """Replace a file's content in one step; return False, touching nothing, if it is the same."""
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        return False
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)
    return True


def find(names: list[str], folder: Path = NOTEBOOKS) -> list[Path]:
    """Return the notebooks named by path, file name or the name's beginning ("01").

    All of the course's if no name is given. Raises ValueError for a name that no notebook, or more
    than one, answers to.
    """
    everything = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not names:
        return everything
    chosen = []
    for name in names:
        direct = Path(name)
        matches = [direct] if direct.suffix == ".ipynb" and direct.is_file() else []
        matches = matches or [p for p in everything if name in (p.name, p.stem)]
        matches = matches or [p for p in everything if p.name.startswith(name)]
        if len(matches) != 1:
            known = ", ".join(p.stem for p in everything) or "none"
            raise ValueError(f"notebook must name one of: {known}; got {name!r}")
        chosen += matches
    return chosen


def explain(error: Exception) -> str:
    """Return what went wrong in a notebook, without the colours of a terminal."""
    if isinstance(error, CellTimeoutError):
        return f"a cell took longer than {CELL_TIMEOUT} seconds\n{error}"
    return COLOURS.sub("", str(error))


def main(arguments: list[str] | None = None) -> int:
    """Run the notebooks named on the command line; return 1 if one of them failed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help="name, path or number; all when left out")
    try:
        paths = find(parser.parse_args(arguments).notebooks)
    except ValueError as error:
        parser.error(str(error))
    set_right()
    failed = 0
    for path in paths:
        started = time.perf_counter()
        try:
            changed = write(path, as_text(execute(path)))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            failed += 1
            print(f"{path.name}: FAILED, file left as it was\n{explain(error)}", file=sys.stderr)
            continue
        outcome = "outputs stored" if changed else "unchanged"
        print(f"{path.name}: {outcome} ({time.perf_counter() - started:.1f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
