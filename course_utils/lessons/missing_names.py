"""Say which cell to run first, when a lesson is begun in the middle.

After a restart a cell further down ends in `NameError: name 'ask' is not defined`. The kernels that
`make lab` starts load this module as an IPython extension (tools/jupyter/kernels): the traceback
stays, and under it stands which cell makes the name. A name that no cell above makes is the
student's own affair, and nothing is added.
"""

import dis
import json
import os
from pathlib import Path


def load_ipython_extension(shell) -> None:
    """Add the line to every NameError of this kernel; IPython calls this as the kernel starts."""
    shell.set_custom_exc((NameError,), _show)


def _show(shell, kind, error, trace, tb_offset=None) -> None:
    # Jupyter's server puts the notebook's path there.
    path = Path(os.environ.get("JPY_SESSION_NAME", ""))
    if kind is NameError and path.suffix == ".ipynb" and path.is_file():
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        note = advice(error.name, sources, shell.history_manager.input_hist_raw)
        if note:
            error.add_note(note)
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def advice(name: str, sources: list[str], run: list[str]) -> str:
    """Return what to do about a missing name, or "" if no cell above makes it and waits to be run.

    sources: the code cells of the notebook, in order. run: what was run since the kernel started,
    the cell that failed last. Where that one is none of `sources`, all count as above it.
    """
    *before, current = [source.strip() for source in run]
    cells = [source.strip() for source in sources]
    for cell in cells[: cells.index(current)] if current in cells else cells:
        if name in names_made(cell) and cell not in before:
            return (
                f"\n{name} is made in a cell above that has not been run since Python started. "
                f"It begins with:\n    {cell.splitlines()[0]}\n"
                "In the menu, choose Run, then Run All Above Selected Cell. Then run this cell "
                "again."
            )
    return ""


def names_made(source: str) -> set[str]:
    """Return the names that a cell binds at its top level; none for what is not plain Python."""
    try:
        code = compile(source, "cell", "exec")
    except SyntaxError:
        return set()
    return {step.argval for step in dis.get_instructions(code) if step.opname == "STORE_NAME"}
