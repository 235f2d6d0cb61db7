"""The files that the repository rules look at: what git would hold, known without git as well."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

# What .gitignore names: made by tools, never stored.
NOT_STORED = {
    *(".git", ".venv", "build", "dist", "node_modules", "__pycache__", ".pytest_cache"),
    *(".ruff_cache", ".hypothesis", ".ipynb_checkpoints", ".virtual_documents", ".jupyter"),
    *(".idea", ".vscode", ".DS_Store", "mnist", "fashion_mnist", "cifar10"),
}


def stored_files(root: Path = ROOT) -> Iterator[Path]:
    """Yield every file of the repository, without what .gitignore names and without links."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names if n not in NOT_STORED and not n.endswith(".egg-info"))
        for name in sorted(files):
            path = Path(folder, name)
            ignored = name in NOT_STORED or path.suffix == ".pyc"
            if not ignored and not path.is_symlink() and path.is_file():
                yield path


def relative(path: Path) -> str:
    """Return a path below the repository's root with forward slashes."""
    return path.relative_to(ROOT).as_posix()
