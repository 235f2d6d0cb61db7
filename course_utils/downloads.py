"""The full public data sets: fetched when asked for, verified, read without running their content.

Nothing is downloaded unless it is asked for. Pooch writes a file beside its place, compares its
SHA-256 and only then moves it there, so a broken download leaves nothing behind and the next try
starts afresh. What is already on the disk is compared as well, each time it is read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import sys
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from course_utils.checks import one_of

DATA = Path(__file__).resolve().parents[1] / "data"
"""Each data set has a folder of its own in here; git ignores those."""

TIMEOUT = (10.0, 30.0)
"""Seconds to wait for a connection, and for the next bytes."""

_UNPACKED = 1 << 28  # bytes; no file of these data sets holds as much, and memory must not run out


class DownloadError(RuntimeError):
    """A file is missing or damaged, or no mirror sent it; the message says what to do."""


@dataclass(frozen=True)
class Collection:
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


_NAMES = [
    f"{part}-{kind}-ubyte.gz"
    for part in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
]

# Checksums as torchvision, MLDatasets.jl and others publish them.
MNIST_FILES = (
    ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
    ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
    ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
    ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
)
FASHION_FILES = (
    ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
    ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
    ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
    ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
)

MNIST = Collection(
    "MNIST",
    "mnist",
    dict(zip(_NAMES, MNIST_FILES, strict=True)),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    "https://yann.lecun.org/exdb/mnist/",
)
"""Y. LeCun, C. Cortes, C. J. C. Burges: 60,000 and 10,000 digits of 28 x 28 pixels."""

FASHION_MNIST = Collection(
    "Fashion-MNIST",
    "fashion_mnist",
    dict(zip(_NAMES, FASHION_FILES, strict=True)),
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    "https://github.com/zalandoresearch/fashion-mnist",
)
"""Xiao, Rasul and Vollgraf (2017), MIT licence: pictures of clothes in the format of MNIST."""

# The "Python version" of the data set is a pickle, and to read a pickle is to run it. This is the
# binary version: 3,073 bytes a picture, its class and 1,024 bytes each of red, green and blue.
_CIFAR_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
CIFAR10 = Collection(
    "CIFAR-10",
    "cifar10",
    {"cifar-10-binary.tar.gz": (_CIFAR_SHA256, 170_052_171)},
    ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"),
    "https://www.cs.toronto.edu/~kriz/cifar.html",
)
"""A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images* (2009)."""


def read_files(collection: Collection, *, download: bool, folder: Path | str | None) -> list[bytes]:
    """Return the verified content of each file of a data set, as published, in their order.

    download: whether to fetch what is missing or damaged; if not, or if no mirror sends it, that is
    a DownloadError, and files that were there stay as they were. folder: None is the data set's.
    """
    one_of("download", download, (True, False))
    folder = DATA / collection.folder if folder is None else Path(folder)
    found = {name: _problem(folder / name, *entry) for name, entry in collection.files.items()}
    problems = {name: problem for name, problem in found.items() if problem}
    if problems and not download:
        told = "; ".join(f"{name} {problem}" for name, problem in problems.items())
        raise DownloadError(f"{collection.name} is not complete: {told}. {collection.remedy()}")
    for name in problems:
        _fetch(collection, name, folder)
    return [(folder / name).read_bytes() for name in collection.files]


def _problem(path, sha256, size) -> str:
    """What is wrong with a file on the disk; "" if nothing is."""
    if not path.is_file():
        return "is missing"
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() == sha256:
        return ""
    wanted = f", {size:,} were expected" if size != len(content) else ""
    return f"is damaged or another file ({len(content):,} bytes{wanted}; the SHA-256 differs)"


class _Progress:
    """What pooch tells of a download (its progress bar): a line, and an end to what has none."""

    total = 0

    def __init__(self, name: str, size: int):
        self.name, self.size, self.done = name, size, 0
        self.shown = sys.stdout.isatty() or "ipykernel" in sys.modules

    def update(self, count: int) -> None:
        if self.done > self.size:
            raise ValueError(f"sends more than the {self.size:,} bytes of the file")
        self.done += count
        done = min(self.done, self.size) / 1e6
        if self.shown:
            print(f"\r{self.name}: {done:.1f} of {self.size / 1e6:.1f} MB", end="", flush=True)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        if self.shown:
            print()


def _fetch(collection, name, folder) -> None:
    """Put one file in its place from the first mirror that sends it right."""
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")  # it writes to stderr, where a notebook shows red text
    sha256, size = collection.files[name]
    reasons = []
    for mirror in collection.mirrors:
        downloader = pooch.HTTPDownloader(
            progressbar=_Progress(name, size),
            chunk_size=1 << 16,
            timeout=TIMEOUT,
            headers={"Accept-Encoding": "identity"},
        )
        try:
            pooch.retrieve(mirror + name, f"sha256:{sha256}", name, folder, downloader=downloader)
            return
        except requests.exceptions.RequestException as problem:
            reasons.append(f"{mirror}: {_in_words(problem)}{_way(mirror)}")
        except ValueError as problem:  # the checksum, or a file without end
            too_long = str(problem).startswith("sends more")
            reasons.append(f"{mirror}: {problem if too_long else 'sent another file (SHA-256)'}")
        except OSError as problem:
            if problem.errno is not None:
                why = f"{folder} cannot be written: {problem.strerror or problem}"
                raise DownloadError(f"{name} could not be stored. {why}.") from problem
            # Not from the disk: requests found no certificates to trust.
            reasons.append(f"{mirror}: no safe connection: {problem}{_bundle()}")
    raise DownloadError(
        f"{name} of {collection.name} could not be downloaded. {'; '.join(reasons)}. Try again "
        f"later. {collection.remedy()}"
    )


def _in_words(problem) -> str:
    from requests import exceptions

    cause: BaseException = problem  # the innermost error names the fault itself
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    text = " ".join(str(cause).split()) or type(cause).__name__
    if isinstance(problem, exceptions.HTTPError):
        return f"answered {problem.response.status_code} {problem.response.reason}".rstrip()
    if isinstance(problem, exceptions.SSLError):
        fault = text.rpartition("] ")[2].partition(" (_ssl")[0]
        return f"no safe connection: {fault}{_bundle() if 'certificate' in fault else ''}"
    if isinstance(problem, exceptions.Timeout) or "timed out" in repr(problem):
        return f"did not answer, or sent nothing for {TIMEOUT[1]:g} s"
    if isinstance(problem, exceptions.ChunkedEncodingError) or "reset" in text:
        return "broke off"
    if isinstance(problem, exceptions.ProxyError):
        return f"cannot be reached: {text}"
    if isinstance(problem, exceptions.ConnectionError):
        return "cannot be reached; is there a network?"
    return f"failed ({type(problem).__name__})"


def _bundle() -> str:
    """Where the certificates that are trusted come from, or how to name those of a network."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # the order in which requests looks
        if value := os.environ.get(name):
            return f"; trusted is what the environment names, {name}={value}"
    return "; in a network with certificates of its own REQUESTS_CA_BUNDLE must name their file"


def _way(url: str) -> str:
    """Through which proxy an address is reached, without its password; "" if directly."""
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return ""
    shown = proxy.rpartition("@")[2]
    return f"; the environment (http_proxy, https_proxy) says to go through the proxy {shown}"


# ---------------------------------------------------------------------------------------------
# IDX, the format of MNIST: two zero bytes, a byte for the type of the numbers, a byte for the
# number of axes, the length of each axis as a 32-bit integer, and the numbers, all big-endian.

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path):
    """Read an IDX file, plain or packed with gzip, into an array.

    It has the shape and type that the file declares, in the byte order of the machine: MNIST's
    images are (60000, 28, 28) uint8. A file that is no IDX file, or holds more or fewer numbers
    than it declares, is a ValueError, before any memory is set aside.
    """
    return _parse_idx(Path(path).read_bytes(), str(path))


def _parse_idx(content: bytes, name: str):
    import numpy as np

    if content[:2] == b"\x1f\x8b":
        content = _unpack(content, name)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise ValueError(
            f"{name} must be an IDX file, which begins with two zero bytes, a type among "
            f"{', '.join(f'{code:02x}' for code in _TYPES)} and a number of axes; it begins with "
            f"{content[:4].hex(' ') or 'nothing'}"
        )
    kind, axes = np.dtype(_TYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    if not axes or len(content) < start:
        raise ValueError(f"{name} must have a length for each of its {axes} axes, it is cut off")
    shape = tuple(np.frombuffer(content, ">u4", axes, offset=4).tolist())
    declared = math.prod(shape) * kind.itemsize
    if declared != len(content) - start:
        raise ValueError(
            f"{name} must hold what it declares: {' x '.join(map(str, shape))} numbers are "
            f"{declared:,} bytes, it holds {len(content) - start:,}"
        )
    values = np.frombuffer(content, kind, offset=start).reshape(shape)
    return values.astype(kind.newbyteorder("="))


def _unpack(content: bytes, name: str) -> bytes:
    """The content of gzip data, at most 256 MB of it."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            plain = packed.read(_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise ValueError(f"{name} must be complete gzip data: {problem}") from None
    if len(plain) > _UNPACKED:
        raise ValueError(f"{name} must hold at most {_UNPACKED:,} bytes unpacked, it holds more")
    return plain


# ---------------------------------------------------------------------------------------------
# The data sets as tensors


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

    Source: H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747 (2017).
    """
    return _digits(FASHION_MNIST, size, download, folder)


def _digits(collection, size, download, folder):
    import torch

    margin = (one_of("size", size, (28, 32)) - 28) // 2
    contents = read_files(collection, download=download, folder=folder)
    images, labels, test_images, test_labels = (
        torch.from_numpy(_parse_idx(*file)) for file in zip(contents, _NAMES, strict=True)
    )

    def padded(pixels):  # (N, 28, 28) uint8
        return torch.nn.functional.pad(pixels[:, None], [margin] * 4).float().div_(255)

    return (padded(images), labels.long()), (padded(test_images), test_labels.long())


def cifar10(*, download=False, folder=None):
    """CIFAR-10: 50,000 colour pictures of 32 x 32 pixels to train on and 10,000 to test with.

    Classes 0 to 9: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    download: fetch the file (170 MB, once) if it is not there. Never happens unasked.
    folder:   where cifar-10-binary.tar.gz is; None: data/cifar10 of the course.

    Returns (train, test), each (images (N, 3, 32, 32) float32 in [0, 1], red, green, blue;
    labels (N,) int64). Both together take 737 MB of memory. Errors as for `mnist`.
    """
    import numpy as np
    import torch

    (archive,) = read_files(CIFAR10, download=download, folder=folder)
    parts = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    names = [f"cifar-10-batches-bin/{part}.bin" for part in parts]
    found = {}
    try:  # in memory: nothing is written to the disk
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for member in tar:
                if member.name in names and member.isfile():
                    found[member.name] = np.frombuffer(tar.extractfile(member).read(), np.uint8)
    except (tarfile.TarError, EOFError, OSError) as problem:
        raise ValueError(f"the archive of CIFAR-10 must be a tar.gz file: {problem}") from None
    if set(found) != set(names):
        raise ValueError(f"the archive of CIFAR-10 must hold {', '.join(names)}")

    def tensors(batches):
        rows = np.concatenate([found[name] for name in batches]).reshape(-1, 1 + 3 * 32 * 32)
        rows = torch.from_numpy(rows)
        return rows[:, 1:].reshape(-1, 3, 32, 32).float().div_(255), rows[:, 0].long()

    return tensors(names[:-1]), tensors(names[-1:])
