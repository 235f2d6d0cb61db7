"""CIFAR-10: A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images* (2009).

The "Python version" of the data set is a pickle, and to read a pickle is to run it. This reads the
binary version: 3,073 bytes a picture, its class and 1,024 bytes each of red, green and blue.
"""

from __future__ import annotations

import io
import tarfile

import numpy as np

from course_utils.downloads.fetching import Collection, RemoteFile, read_files

# MD5 as the authors publish it: c32a1d4ab5d03f1284b67883e8d87530. The SHA-256 is the one that
# MLDatasets.jl, GoMLX and others give for the same file.
CIFAR10 = Collection(
    name="CIFAR-10",
    folder="cifar10",
    files=(
        RemoteFile(
            "cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            170_052_171,
        ),
    ),
    mirrors=(
        "https://www.cs.toronto.edu/~kriz/",
        "https://cave.cs.toronto.edu/kriz/",
    ),
    page="https://www.cs.toronto.edu/~kriz/cifar.html",
)

_INSIDE = "cifar-10-batches-bin/"
_TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_TEST = ("test_batch.bin",)
_PICTURE = 3 * 32 * 32
_PER_FILE = 10_000


def cifar10(*, download=False, folder=None, progress=None):
    """CIFAR-10: 50,000 colour pictures of 32 x 32 pixels to train on and 10,000 to test with.

    Classes 0 to 9: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    download: fetch the file (170 MB, once) if it is not there. Never happens unasked.
    folder:   where cifar-10-binary.tar.gz is; None: data/cifar10 of the course.
    progress: see `fetching.read_files`.

    Returns (train, test), each (images (N, 3, 32, 32) float32 in [0, 1], red, green, blue;
    labels (N,) int64). Both together take 737 MB of memory.

    Raises ValueError for an argument out of range or an archive that is not as described;
    DownloadError if the file is missing, damaged or cannot be downloaded, with what to do.
    """
    (archive,) = read_files(CIFAR10, download=download, folder=folder, progress=progress)
    batches = _members(archive, (*_TRAIN, *_TEST), _PER_FILE)
    return _pair(batches[:-1]), _pair(batches[-1:])


def _members(archive: bytes, names: tuple[str, ...], per_file: int) -> list[np.ndarray]:
    """The named files of the archive as (pictures, 3073) arrays; nothing is written to the disk."""
    wanted = {_INSIDE + name: name for name in names}
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for member in tar:
                if member.name in wanted and member.isfile():
                    found[wanted[member.name]] = parse_batch(
                        _content(tar, member, per_file), wanted[member.name], per_file
                    )
    except (tarfile.TarError, EOFError, OSError) as problem:
        raise ValueError(f"the archive of CIFAR-10 must be a tar.gz file: {problem}") from None
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"the archive of CIFAR-10 must hold {', '.join(missing)}")
    return [found[name] for name in names]


def _content(tar, member, per_file: int) -> bytes:
    """At most one byte more than there should be: an archive that lies cannot fill the memory."""
    return tar.extractfile(member).read(per_file * (1 + _PICTURE) + 1)


def parse_batch(content: bytes, name: str, per_file: int = _PER_FILE) -> np.ndarray:
    """Return one file of the binary version as (pictures, 3073) uint8, class first.

    Raises ValueError if it has another length, or a class above 9.
    """
    expected = per_file * (1 + _PICTURE)
    if len(content) != expected:
        more = "more" if len(content) > expected else f"{len(content):,}"
        raise ValueError(f"{name} must have {expected:,} bytes, it has {more}")
    rows = np.frombuffer(content, np.uint8).reshape(per_file, 1 + _PICTURE)
    if rows[:, 0].max() > 9:
        raise ValueError(f"{name} must hold classes from 0 to 9, got {rows[:, 0].max()}")
    return rows


def _pair(batches: list[np.ndarray]):
    import torch

    images = np.concatenate([rows[:, 1:] for rows in batches]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([rows[:, 0] for rows in batches])
    return torch.from_numpy(images).float().div_(255), torch.from_numpy(labels).long()
