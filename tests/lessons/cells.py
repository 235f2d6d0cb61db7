"""Run chosen cells of a lesson's notebook, so that a test repeats its experiment and not a copy."""

from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def run_cells(slug: str, ids: list[str], **replacements: tuple[str, str]) -> dict:
    """Execute code cells of `notebooks/<slug>.ipynb` in the order given; return their variables.

    Args:
        slug: the notebook without its ending.
        ids: ids of code cells.
        replacements: what to change before running: any name = (text, new text), each of which
            must occur in the cells exactly once, as in `seed=("manual_seed(0)", "manual_seed(3)")`.

    Raises:
        ValueError: for an id that is no code cell, or a text that does not occur exactly once.
    """
    notebook = nbformat.read(NOTEBOOKS / f"{slug}.ipynb", as_version=4)
    cells = {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "code"}
    unknown = [name for name in ids if name not in cells]
    if unknown:
        raise ValueError(f"ids must be code cells of {slug}, got {unknown}")
    source = "\n\n".join(cells[name] for name in ids)
    for name, (old, new) in replacements.items():
        if source.count(old) != 1:
            raise ValueError(f"{name}: {old!r} must occur once, occurs {source.count(old)} times")
        source = source.replace(old, new)
    variables = {"__name__": "__main__"}
    exec(compile(source, f"{slug}.ipynb", "exec"), variables)
    return variables
