"""The full public data sets: fetched when asked for, verified, read without running their content.

Nothing is downloaded unless it is asked for. Pooch writes a file beside its place, compares its
SHA-256 and only then moves it there, so a broken download leaves nothing behind and the next try
starts afresh. What is already on the disk is compared as well, each time it is read.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import sys
import tarfile
import zlib
from functools import partial
from pathlib import Path
from typing import NamedTuple

from course_utils.checks import one_of

DATA = Path(__file__).resolve().parents[1] / "data"
"""Each data set has a folder of its own in here; git ignores those."""

TIMEOUT = (10.0, 30.0)
"""Seconds to wait for a connection, and for the next bytes."""

_UNPACKED = 1 << 28  # bytes; no file of these data sets holds as much, and memory must not run out


class DownloadError(RuntimeError):
    """A file is missing or damaged, or no mirror sent it; the message says what to do."""


class Collection(NamedTuple):
    """A data set: where it is, and what its files must be.

    folder: below `DATA`. files: name -> (SHA-256 in hexadecimal, bytes). mirrors: addresses to
    which a file name is added, tried in this order. page: where a person finds the files.
    """

    name: str
    folder: str
    files: dict[str, tuple[str, int]]
    mirrors: tuple[str, ...]
    page: str

    def remedy(self) -> str:
        """How to get the files, with and without a network."""
        size = sum(bytes_ for _, bytes_ in self.files.values())
        return (
            f"To fetch it ({size / 1e6:.1f} MB, once), call the same function with download=True. "
            f"Without a network, get these files elsewhere, from {self.page}, and put them into "
            f"the folder data/{self.folder}: {', '.join(self.files)}."
        )


_NAMES = [f"{a}-{b}-ubyte.gz" for a in ("train", "t10k") for b in ("images-idx3", "labels-idx1")]

# Checksums as torchvision, MLDatasets.jl and others publish them.
_MNIST = [
    ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
    ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
    ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
    ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
]
_FASHION = [
    ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
    ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
    ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
    ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
]
# The "Python version" of CIFAR-10 is a pickle, and to read a pickle is to run it. This is the
# binary version: 3,073 bytes a picture, its class and 1,024 bytes each of red, green and blue.
_CIFAR = ("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", 170_052_171)

MNIST = Collection(
    "MNIST",
    "mnist",
    dict(zip(_NAMES, _MNIST, strict=True)),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    "https://yann.lecun.org/exdb/mnist/",
)
FASHION_MNIST = Collection(
    "Fashion-MNIST",
    "fashion_mnist",
    dict(zip(_NAMES, _FASHION, strict=True)),
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    "https://github.com/zalandoresearch/fashion-mnist",
)
CIFAR10 = Collection(
    "CIFAR-10",
    "cifar10",
    {"cifar-10-binary.tar.gz": _CIFAR},
    ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"),
    "https://www.cs.toronto.edu/~kriz/cifar.html",
)


def verified(collection: Collection, *, download: bool, folder: Path | str | None) -> list[Path]:
    """Return where the files of a data set are, in their order, after each was compared.

    download: whether to fetch what is missing or damaged; if not, or if no mirror sends it, that is
    a DownloadError, and files that were there stay as they were. folder: None is the data set's.
    """
    one_of("download", download, (True, False))
    folder = DATA / collection.folder if folder is None else Path(folder)
    problems = {}
    for name, (sha256, size) in collection.files.items():
        content = (folder / name).read_bytes() if (folder / name).is_file() else None
        if content is None:
            problems[name] = "is missing"
        elif hashlib.sha256(content).hexdigest() != sha256:
            counts = f"{len(content):,} bytes, {size:,} were expected"
            problems[name] = f"is damaged or another file ({counts}; the SHA-256 differs)"
    if problems and not download:
        told = "; ".join(f"{name} {problem}" for name, problem in problems.items())
        raise DownloadError(f"{collection.name} is not complete: {told}. {collection.remedy()}")
    for name in problems:
        _fetch(collection, name, folder)
    return [folder / name for name in collection.files]


def _fetch(collection, name, folder) -> None:
    """Put one file in its place from the first mirror that sends it right."""
    import pooch

    pooch.get_logger().setLevel("ERROR")  # it writes to stderr, where a notebook shows red text
    sha256, size = collection.files[name]
    reasons = []
    for mirror in collection.mirrors:
        save = partial(_save, name=name, size=size)
        try:
            pooch.retrieve(mirror + name, f"sha256:{sha256}", name, folder, downloader=save)
            return
        except (OSError, ValueError) as problem:  # the errors of requests are OSErrors
            if isinstance(problem, PermissionError) or getattr(problem, "errno", None):
                why = f"{folder} cannot be written: {problem.strerror or problem}"
                raise DownloadError(f"{name} could not be stored. {why}.") from problem
            reasons.append(f"{mirror}: {_why(problem, mirror)}")
    raise DownloadError(
        f"{name} of {collection.name} could not be downloaded. {'; '.join(reasons)}. Try again "
        f"later. {collection.remedy()}"
    )


def _save(url, target, _, *, name, size) -> None:
    """Write what an address sends to a file; where somebody looks, a line says how far it is."""
    import requests

    shown = sys.stdout.isatty() or "ipykernel" in sys.modules
    how = dict(stream=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"})
    with requests.get(url, **how) as answer, open(target, "wb") as file:
        answer.raise_for_status()
        for chunk in answer.iter_content(1 << 16):
            file.write(chunk)
            if shown:
                done = min(file.tell(), size) / 1e6
                print(f"\r{name}: {done:.1f} of {size / 1e6:.1f} MB", end="", flush=True)
            if file.tell() > size:  # no end is in sight; its checksum will be another
                break
    if shown:
        print()


def _why(problem, mirror) -> str:
    """Why a mirror did not send the file, and which settings of this computer matter to it."""
    from requests import exceptions as known
    from requests.utils import get_environ_proxies, select_proxy

    cause = problem  # the innermost error names the fault itself
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    text = " ".join(str(cause).split()) or type(cause).__name__
    trusted = "in a network with certificates of its own REQUESTS_CA_BUNDLE must name their file"
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):  # requests takes the second first
        if value := os.environ.get(name):
            trusted = f"trusted is what the environment names, {name}={value}"
    proxy = select_proxy(mirror, get_environ_proxies(mirror))
    if not isinstance(problem, OSError):
        said = "sent another file (SHA-256)"
    elif isinstance(problem, known.HTTPError):
        said = f"answered {problem.response.status_code} {problem.response.reason}"
    elif isinstance(problem, known.SSLError) or not isinstance(problem, known.RequestException):
        said = f"no safe connection: {text.rpartition('] ')[2].partition(' (_ssl')[0]}; {trusted}"
    elif isinstance(problem, known.Timeout) or "timed out" in repr(problem):
        said = f"did not answer, or sent nothing for {TIMEOUT[1]:g} s"
    elif isinstance(problem, known.ChunkedEncodingError) or "reset" in text:
        said = "broke off"
    else:
        said = f"cannot be reached ({text})" + ("" if proxy else "; is there a network?")
    if proxy:
        shown = proxy.rpartition("@")[2]  # without its password
        said += f"; the environment (http_proxy, https_proxy) says to go through the proxy {shown}"
    return said


# IDX, the format of MNIST: two zero bytes, a byte for the type of the numbers, a byte for the
# number of axes, the length of each axis as a 32-bit integer, and the numbers, all big-endian.
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path):
    """Read an IDX file, plain or packed with gzip, into an array.

    It has the shape and type that the file declares, in the byte order of the machine: MNIST's
    images are (60000, 28, 28) uint8. A file that is no IDX file, or holds more or fewer numbers
    than it declares, is a ValueError, before any memory is set aside.
    """
    import numpy as np

    content = Path(path).read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as packed:
                content = packed.read(_UNPACKED + 1)
        except (OSError, EOFError, zlib.error) as problem:
            raise ValueError(f"{path} must be complete gzip data: {problem}") from None
        if len(content) > _UNPACKED:
            raise ValueError(f"{path} must hold at most {_UNPACKED:,} bytes unpacked")
    code, axes = content[2:4].ljust(2, b"\0")
    start = 4 + 4 * axes
    if content[:2] != b"\0\0" or code not in _TYPES or not axes or len(content) < start:
        raise ValueError(
            f"{path} must be an IDX file, which begins with two zero bytes, a type among "
            f"{', '.join(f'{code:02x}' for code in _TYPES)}, a number of axes >= 1 and the length "
            f"of each; it holds {len(content):,} bytes, first {content[:4].hex(' ') or 'nothing'}"
        )
    shape = tuple(np.frombuffer(content, ">u4", axes, offset=4).tolist())
    kind = np.dtype(_TYPES[code])
    declared, held = math.prod(shape) * kind.itemsize, len(content) - start
    if declared != held:
        raise ValueError(
            f"{path} must hold what it declares: {' x '.join(map(str, shape))} numbers are "
            f"{declared:,} bytes, it holds {held:,}"
        )
    values = np.frombuffer(content, kind, offset=start).reshape(shape)
    return values.astype(kind.newbyteorder("="))


def mnist(size=28, *, download=False, folder=None):
    """The full MNIST: 60,000 handwritten digits to train on and 10,000 to test with.

    size:     28, as published, or 32: two empty pixels on each side, as LeNet-5 was given them.
    download: fetch the files (11.6 MB, once) if they are not there. Never happens unasked.
    folder:   where the four files are; None: data/mnist of the course.

    Returns (train, test), each (images (N, 1, size, size) float32 in [0, 1] with 0 = paper,
    labels (N,) int64). The training images take 188 MB of memory at 28, 246 MB at 32.

    Source: LeCun, Bottou, Bengio and Haffner (1998), section III-A.
    A file that is missing, damaged or not to be had is a DownloadError that says what to do.
    """
    return _digits(MNIST, size, download, folder)


def fashion_mnist(size=28, *, download=False, folder=None):
    """Fashion-MNIST: ten kinds of clothes in the format and the number of MNIST (30.9 MB).

    Classes 0 to 9: T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle
    boot. Arguments, results and errors as for `mnist`; the folder is data/fashion_mnist.

    Source: H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747 (2017), MIT licence.
    """
    return _digits(FASHION_MNIST, size, download, folder)


def _digits(collection, size, download, folder):
    import torch

    margin = (one_of("size", size, (28, 32)) - 28) // 2
    paths = verified(collection, download=download, folder=folder)
    images, labels, *test = (torch.from_numpy(read_idx(path)) for path in paths)

    def padded(pixels):  # (N, 28, 28) uint8
        return torch.nn.functional.pad(pixels[:, None], [margin] * 4).float().div_(255)

    return (padded(images), labels.long()), (padded(test[0]), test[1].long())


def cifar10(*, download=False, folder=None):
    """CIFAR-10: 50,000 colour pictures of 32 x 32 pixels to train on and 10,000 to test with.

    Classes 0 to 9: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    download: fetch the file (170 MB, once) if it is not there. Never happens unasked.
    folder:   where cifar-10-binary.tar.gz is; None: data/cifar10 of the course.

    Returns (train, test), each (images (N, 3, 32, 32) float32 in [0, 1], red, green, blue;
    labels (N,) int64). Both together take 737 MB of memory. Errors as for `mnist`.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).
    """
    import torch

    (archive,) = verified(CIFAR10, download=download, folder=folder)
    parts = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    names = [f"cifar-10-batches-bin/{part}.bin" for part in parts]
    with tarfile.open(archive, "r:gz") as tar:  # in memory: nothing is written to the disk
        found = {entry.name: tar.extractfile(entry).read() for entry in tar if entry.name in names}
    batches = bytearray(b"".join(found[name] for name in names))
    rows = torch.frombuffer(batches, dtype=torch.uint8).view(-1, 1 + 3 * 32 * 32)

    def tensors(rows):
        return rows[:, 1:].reshape(-1, 3, 32, 32).float().div_(255), rows[:, 0].long()

    train, test = rows.tensor_split([len(rows) // 6 * 5])
    return tensors(train), tensors(test)
