"""The files in ``data/``: where they are, and whether they are what they should be.

``data/manifest.json`` lists each file with its SHA-256, size, source and licence. A file is
checked whenever it is read, so a damaged copy is an error with a remedy and never a wrong result.
Standard library at import: the preflight cell can check the data before anything else works.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "data"


class DataFileError(RuntimeError):
    """A data file is missing or differs from the manifest; the message says how to get it back."""


@dataclass(frozen=True)
class DataFile:
    """One entry of the manifest."""

    name: str
    sha256: str  # of the whole file, in hexadecimal
    bytes: int
    title: str
    source: str  # who made the data
    licence: str
    url: str  # the page of the source


def manifest():
    """The files that belong into ``data/``: a dict from name to DataFile.

    Raises DataFileError when the manifest is missing or cannot be read.
    """
    path = DATA / "manifest.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {row["name"]: DataFile(**row) for row in rows}
    except FileNotFoundError:
        raise DataFileError(_remedy("manifest.json", f"is missing: there is no {path}")) from None
    except (ValueError, KeyError, TypeError) as error:
        problem = f"cannot be read ({type(error).__name__}: {error})"
        raise DataFileError(_remedy("manifest.json", problem)) from error


def _remedy(name, problem):
    return (
        f"data/{name} {problem}. "
        f"To get it back, run in the course folder: git checkout -- data/{name}"
    )


def read_verified(name):
    """The bytes of a data file, after its SHA-256 was compared with the manifest.

    Raises DataFileError when the file is missing or altered, with what was found and how to get it
    back.
    """
    entry = manifest()[name]
    try:
        content = (DATA / name).read_bytes()
    except FileNotFoundError:
        problem = f"is missing: there is no {DATA / name}"
        raise DataFileError(_remedy(name, problem)) from None
    found = hashlib.sha256(content).hexdigest()
    if found != entry.sha256:
        problem = (
            f"is not the file of this course: expected {entry.bytes} bytes with SHA-256 "
            f"{entry.sha256}, found {len(content)} bytes with SHA-256 {found}"
        )
        raise DataFileError(_remedy(name, problem))
    return content


def scans():
    """The scans of ``digits.npz``: images (1797, 8, 8), 0 (paper) to 16, and labels (1797,)."""
    import numpy as np

    with np.load(io.BytesIO(read_verified("digits.npz")), allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]
