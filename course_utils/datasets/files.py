"""The files in ``data/``: where they are, and whether they are what they should be.

``data/manifest.json`` lists each file with its SHA-256, size, source and licence. A file is
checked whenever it is read, so a damaged copy is an error with a remedy and never a wrong result.
Standard library at import: the preflight cell can check the data before anything else works.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "data"


class DataFileError(RuntimeError):
    """A data file is missing or differs from the manifest; the message says how to get it back."""

    def __init__(self, name: str, problem: str) -> None:
        remedy = f"To get it back, run in the course folder: git checkout -- data/{name}"
        super().__init__(f"data/{name} {problem}. {remedy}")


def manifest() -> dict[str, tuple[str, int]]:
    """The files that belong into ``data/``: name -> (SHA-256 in hexadecimal, bytes)."""
    try:
        rows = json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))["files"]
        return {row["name"]: (row["sha256"], row["bytes"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"cannot be read ({type(error).__name__}: {error})"
        raise DataFileError("manifest.json", problem) from None


def read_verified(name: str) -> bytes:
    """The content of a data file, after its SHA-256 was compared with the manifest."""
    sha256, size = manifest()[name]
    try:
        content = (DATA / name).read_bytes()
    except FileNotFoundError:
        raise DataFileError(name, f"is missing: there is no {DATA / name}") from None
    found = hashlib.sha256(content).hexdigest()
    if found == sha256:
        return content
    raise DataFileError(
        name,
        f"is not the file of this course: expected {size} bytes with SHA-256 {sha256}, "
        f"found {len(content)} bytes with SHA-256 {found}",
    )


def scan_bytes() -> tuple[bytes, bytes]:
    """The scans without NumPy: 64 pixels of each, row by row, 0 (paper) to 16; their labels."""
    with zipfile.ZipFile(io.BytesIO(read_verified("digits.npz"))) as arrays:
        return arrays.read("images.npy")[128:], arrays.read("labels.npy")[128:]  # after a header


def scans():
    """The scans of ``digits.npz``: images (1797, 8, 8), 0 (paper) to 16, and labels (1797,)."""
    import numpy as np

    pixels, labels = (np.frombuffer(bytearray(one), np.uint8) for one in scan_bytes())
    return pixels.reshape(-1, 8, 8), labels


def scan(place: int) -> list[list[int]]:
    """The scan at that place of the file, counted from 0: rows of pixels, without NumPy."""
    pixels = scan_bytes()[0][64 * place : 64 * place + 64]
    return [list(pixels[k : k + 8]) for k in range(0, 64, 8)]
