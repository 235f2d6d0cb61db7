"""The IDX format, and the two data sets that come in it: MNIST and Fashion-MNIST.

An IDX file is two zero bytes, a byte for the type of the numbers, a byte for the number of axes,
the length of each axis as a 32-bit integer, and the numbers. All are big-endian.
"""

from __future__ import annotations

import math
import operator
from pathlib import Path

import numpy as np

from course_utils.downloads.fetching import Collection, Progress, RemoteFile, read_files, unpack

_TYPES = {  # code in the third byte -> type of the numbers
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_MOST_AXES = 8

# SHA-256 of the packed files as torchvision, MLDatasets.jl and others publish them; of the unpacked
# MNIST files as several independent copies list them.
MNIST = Collection(
    name="MNIST",
    folder="mnist",
    files=(
        RemoteFile(
            "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            9_912_422,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        RemoteFile(
            "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            28_881,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        RemoteFile(
            "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            1_648_877,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            4_542,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    page="https://yann.lecun.org/exdb/mnist/",
)
"""Y. LeCun, C. Cortes, C. J. C. Burges: 60,000 and 10,000 digits of 28 x 28 pixels."""

FASHION_MNIST = Collection(
    name="Fashion-MNIST",
    folder="fashion_mnist",
    files=(
        RemoteFile(
            "train-images-idx3-ubyte.gz",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            26_421_880,
            "",
        ),
        RemoteFile(
            "train-labels-idx1-ubyte.gz",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            29_515,
            "",
        ),
        RemoteFile(
            "t10k-images-idx3-ubyte.gz",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            4_422_102,
            "",
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte.gz",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            5_148,
            "",
        ),
    ),
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    page="https://github.com/zalandoresearch/fashion-mnist",
)
"""Xiao, Rasul and Vollgraf (2017), MIT licence: pictures of clothes in the format of MNIST."""

_SIZES = (28, 32)
_COUNTS = (60_000, 10_000)


def read_idx(path):
    """Read an IDX file, plain or packed with gzip, into an array.

    path: of the file. Whether it is packed is read from its first bytes, not from its name.

    Returns an array of the shape and type that the file declares, in the byte order of the machine:
    MNIST's images are (60000, 28, 28) uint8.

    Raises ValueError if the file is no IDX file, declares a type or a number of axes that the
    format does not know, or holds more or fewer numbers than it declares; OSError if it cannot be
    read. The declared size is compared with the file before any memory is set aside.
    """
    content = Path(path).read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = unpack(content, str(path))
    return parse_idx(content, str(path))


def parse_idx(content: bytes, name: str) -> np.ndarray:
    """Return the array in the bytes of an IDX file; `name` is for messages. See `read_idx`."""
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ValueError(
            f"{name} must be an IDX file, which begins with two zero bytes, a type and a number of "
            f"axes; it begins with {content[:4].hex(' ') or 'nothing'}"
        )
    code, axes = content[2], content[3]
    if code not in _TYPES:
        known = ", ".join(f"0x{c:02x}" for c in _TYPES)
        raise ValueError(f"{name} must hold numbers of a type among {known}, got 0x{code:02x}")
    start = 4 + 4 * axes
    if not 1 <= axes <= _MOST_AXES or len(content) < start:
        raise ValueError(
            f"{name} must have 1 to {_MOST_AXES} axes with a length each, got {axes} axes in a "
            f"file of {len(content):,} bytes"
        )
    shape = tuple(np.frombuffer(content, ">u4", axes, offset=4).tolist())
    declared = math.prod(shape) * _TYPES[code].itemsize
    if declared != len(content) - start:
        raise ValueError(
            f"{name} must hold what it declares: {' x '.join(map(str, shape))} numbers are "
            f"{declared:,} bytes, it holds {len(content) - start:,}"
        )
    values = np.frombuffer(content, _TYPES[code], offset=start).reshape(shape)
    return values.astype(_TYPES[code].newbyteorder("="))


def mnist(size=28, *, download=False, folder=None, progress=None):
    """The full MNIST: 60,000 handwritten digits to train on and 10,000 to test with.

    size:     28, as published, or 32: two empty pixels on each side, as LeNet-5 was given them.
    download: fetch the files (11.6 MB, once) if they are not there. Never happens unasked.
    folder:   where the four files are; None: data/mnist of the course. Packed or unpacked.
    progress: see `fetching.read_files`.

    Returns (train, test), each (images (N, 1, size, size) float32 in [0, 1] with 0 = paper,
    labels (N,) int64). The training images take 188 MB of memory at 28, 246 MB at 32.

    Source: LeCun, Bottou, Bengio and Haffner (1998), section III-A.
    Raises ValueError for an argument out of range; DownloadError if a file is missing, damaged or
    cannot be downloaded, with what to do.
    """
    return _load(MNIST, size, download, folder, progress)


def fashion_mnist(size=28, *, download=False, folder=None, progress=None):
    """Fashion-MNIST: ten kinds of clothes in the format and the number of MNIST (30.9 MB).

    Classes 0 to 9: T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle
    boot. Arguments, results and errors as for `mnist`; the folder is data/fashion_mnist, and the
    files are accepted as published only, packed with gzip.

    Source: H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747 (2017).
    """
    return _load(FASHION_MNIST, size, download, folder, progress)


def _load(
    collection: Collection, size, download, folder, progress: Progress | None, counts=_COUNTS
):
    size = _image_size(size)
    contents = read_files(collection, download=download, folder=folder, progress=progress)
    arrays = [
        parse_idx(content, f"{collection.name}, {file.name}")
        for content, file in zip(contents, collection.files, strict=True)
    ]
    return (
        _pair(collection, *arrays[:2], counts[0], size),
        _pair(collection, *arrays[2:], counts[1], size),
    )


def _image_size(size):
    try:
        number = 0 if isinstance(size, bool) else operator.index(size)
    except TypeError:
        number = 0
    if number not in _SIZES:
        raise ValueError(f"size must be 28, or 32 for a margin of 2 pixels, got {size!r}")
    return number


def _pair(collection, images, labels, count, size):
    import torch

    if images.shape != (count, 28, 28) or labels.shape != (count,):
        raise ValueError(
            f"{collection.name} must have {count:,} images of 28 x 28 and as many labels, got "
            f"{images.shape} and {labels.shape}"
        )
    tensor = torch.from_numpy(images).unsqueeze(1)  # (N, 1, 28, 28) uint8
    tensor = torch.nn.functional.pad(tensor, [(size - 28) // 2] * 4)
    return tensor.float().div_(255), torch.from_numpy(labels).long()
