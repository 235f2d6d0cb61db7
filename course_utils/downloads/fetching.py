"""Get a file of a public data set: from the disk, or from the first mirror that sends it right.

Nothing is downloaded unless it is asked for. A file is written beside its place, compared with its
SHA-256 and only then moved there, so a broken download leaves nothing behind and the next try
starts afresh. What is already on the disk is compared as well, each time it is read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "data"
"""Each data set has a folder of its own in here; git ignores those."""

TIMEOUT = (10.0, 30.0)
"""Seconds to wait for a connection, and for the next bytes."""

_CHUNK = 1 << 16
_UNPACKED = 1 << 28  # bytes; no file of these data sets holds as much, and memory must not run out

Progress = Callable[[str, int, int], None]


class DownloadError(RuntimeError):
    """A file is missing or damaged, or no mirror sent it; the message says what to do."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set.

    name: as the mirrors and the folder call it. sha256: of the file, in hexadecimal. size: bytes.
    unpacked: SHA-256 of its content without gzip, so that the unpacked file is accepted as well;
    empty where nobody published it; None for an archive, which is read as it is.
    """

    name: str
    sha256: str
    size: int
    unpacked: str | None = None


@dataclass(frozen=True)
class Collection:
    """A data set of one or more files.

    name: for messages. folder: below `DATA`. mirrors: addresses to which a file name is added,
    tried in this order. page: where a person finds the files.
    """

    name: str
    folder: str
    files: tuple[RemoteFile, ...]
    mirrors: tuple[str, ...]
    page: str

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


def read_files(
    collection: Collection,
    *,
    download: bool = False,
    folder: Path | str | None = None,
    progress: Progress | None = None,
    timeout: tuple[float, float] = TIMEOUT,
) -> list[bytes]:
    """Return the verified content of each file of a data set, unpacked, in their order.

    Args:
        download: whether to fetch what is missing or damaged.
        folder: where the files are or will be; None: `DATA / collection.folder`. A file may lie
            there as it is published (`name.gz`) or, where its checksum is known, unpacked (`name`).
        progress: called as `progress(file name, bytes so far, bytes in all)`. None: a bar in a
            notebook, a line in a terminal.
        timeout: seconds for a connection, and for the next bytes.

    Raises:
        ValueError: if `download` is no bool.
        DownloadError: if a file is missing or damaged and is not to be downloaded, or if no mirror
            sent it. Files that were there stay as they were.
    """
    if not isinstance(download, bool):
        raise ValueError(f"download must be True or False, got {download!r}")
    folder = DATA / collection.folder if folder is None else Path(folder)
    contents, problems = [], {}
    for file in collection.files:
        try:
            contents.append(_read(file, folder))
        except _NotThere as problem:
            problems[file] = str(problem)
    if not problems:
        return contents
    if not download:
        found = "; ".join(f"{file.name} {problem}" for file, problem in problems.items())
        raise DownloadError(f"{collection.name} is not complete: {found}. {_remedy(collection)}")
    with _reporting(progress) as report:
        for file in problems:
            _fetch(collection, file, folder, report, timeout)
    return [_read(file, folder) for file in collection.files]


def _remedy(collection: Collection) -> str:
    names = ", ".join(file.name for file in collection.files)
    return (
        f"To fetch it ({collection.size / 1e6:.1f} MB, once), call the same function with "
        f"download=True. Without a network, get these files elsewhere, from {collection.page}, and "
        f"put them into the folder data/{collection.folder}: {names}."
    )


# ---------------------------------------------------------------------------------------------
# What is on the disk


class _NotThere(Exception):
    """A file is not there, or is another one; says which."""


def _read(file: RemoteFile, folder: Path) -> bytes:
    """The content of a file without gzip, from either form, verified."""
    packed = folder / file.name
    plain = folder / file.name.removesuffix(".gz")
    if packed.is_file():
        content = packed.read_bytes()
        _compare(content, file.sha256, file.size)
        return content if file.unpacked is None else unpack(content, file.name)
    if file.unpacked and plain.is_file():
        content = plain.read_bytes()
        _compare(content, file.unpacked, None)
        return content
    raise _NotThere("is missing")


def _compare(content: bytes, sha256: str, size: int | None) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        wanted = f", {size:,} were expected" if size not in (None, len(content)) else ""
        raise _NotThere(
            f"is damaged or another file ({len(content):,} bytes{wanted}; SHA-256 {found[:12]}…, "
            f"expected {sha256[:12]}…)"
        )


def unpack(content: bytes, name: str) -> bytes:
    """Return the content of gzip data, at most 256 MB of it.

    Raises:
        ValueError: if the data is not gzip, is cut off, or holds more than that.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            plain = packed.read(_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise ValueError(f"{name} must be complete gzip data: {problem}") from None
    if len(plain) > _UNPACKED:
        raise ValueError(f"{name} must hold at most {_UNPACKED:,} bytes unpacked, it holds more")
    return plain


# ---------------------------------------------------------------------------------------------
# Mirrors


class _TooLong(Exception):
    """A mirror sends more than the file has."""


def _fetch(collection, file, folder, report, timeout) -> None:
    """Put one file in its place from the first mirror that sends it right."""
    reasons = []
    for mirror in collection.mirrors:
        try:
            _retrieve(mirror + file.name, file, folder, report, timeout)
        except _Refused as refused:
            reasons.append(f"{mirror}: {refused}")
        else:
            return
    raise DownloadError(
        f"{file.name} of {collection.name} could not be downloaded. "
        f"{'; '.join(reasons)}. Try again later. {_remedy(collection)}"
    )


class _Refused(Exception):
    """Why a mirror did not send a file."""


def _retrieve(url, file, folder, report, timeout) -> None:
    import pooch
    import requests

    following = _Following(file, report)

    def downloader(address, path, _):
        web = pooch.HTTPDownloader(
            chunk_size=_CHUNK, timeout=timeout, headers={"Accept-Encoding": "identity"}
        )
        with open(path, "wb") as following.target:
            web(address, following, None)

    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(
                url,
                known_hash=f"sha256:{file.sha256}",
                fname=file.name,
                path=folder,
                downloader=downloader,
            )
    except requests.exceptions.RequestException as problem:
        raise _Refused(_in_words(problem, following, timeout) + _way(url)) from problem
    except _TooLong:
        raise _Refused(f"sends more than the {file.size:,} bytes of the file") from None
    except ValueError as problem:  # the checksum
        raise _Refused(
            f"sent another file than expected ({following.done:,} of {file.size:,} bytes arrived; "
            "the SHA-256 differs)"
        ) from problem
    except OSError as problem:
        if problem.errno is None:  # not from the disk: requests found no certificates to trust
            raise _Refused(f"no safe connection: {problem}{_bundle()}") from problem
        reason = f"{folder} cannot be written: {problem.strerror or problem}"
        raise DownloadError(f"{file.name} could not be stored. {reason}.") from problem


def _in_words(problem, following, timeout) -> str:
    from requests import exceptions

    text = repr(problem)
    so_far = f"after {following.done:,} of {following.file.size:,} bytes"
    if isinstance(problem, exceptions.HTTPError):
        return f"answered {problem.response.status_code} {problem.response.reason}".rstrip()
    if isinstance(problem, exceptions.SSLError):
        cause = _cause(problem).rpartition("] ")[2].partition(" (_ssl")[0]
        hint = _bundle() if "certificate" in cause else ""
        return f"no safe connection: {cause}{hint}"
    if isinstance(problem, exceptions.ProxyError):
        return f"cannot be reached: {_cause(problem)}"
    if isinstance(problem, exceptions.ConnectTimeout):
        return f"did not answer within {timeout[0]:g} s"
    if isinstance(problem, exceptions.Timeout) or "Read timed out" in text:
        return f"sent nothing for {timeout[1]:g} s {so_far}"
    if isinstance(problem, exceptions.ChunkedEncodingError) or following.done:
        return f"broke off {so_far}"
    if isinstance(problem, exceptions.ConnectionError):
        return "cannot be reached; is there a network?"
    return f"failed ({type(problem).__name__})"


def _cause(problem: BaseException) -> str:
    """The innermost error, which names the fault itself, in one line."""
    while (inner := problem.__cause__ or problem.__context__) is not None:
        problem = inner
    return " ".join(str(problem).split()) or type(problem).__name__


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


@contextmanager
def _quiet(logger) -> Iterator[None]:
    """Keep a library from writing to stderr, where a notebook shows red text."""
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)


# ---------------------------------------------------------------------------------------------
# Progress


class _Following:
    """Stands before the file that is written: counts the bytes, and stops a file without end."""

    def __init__(self, file: RemoteFile, report: Progress) -> None:
        self.file, self.report = file, report
        self.target, self.done = None, 0

    def write(self, chunk: bytes) -> None:
        """Pass a chunk on, unless the file would become longer than it should be."""
        if self.done + len(chunk) > self.file.size:
            raise _TooLong
        self.target.write(chunk)
        self.done += len(chunk)
        self.report(self.file.name, self.done, self.file.size)

    def flush(self) -> None:
        """Nothing to do until the file is closed."""


@contextmanager
def _reporting(progress: Progress | None) -> Iterator[Progress]:
    if progress is not None:
        yield progress
    elif hasattr(_shell(), "kernel"):
        yield from _bar()
    else:
        yield from _line()


def _shell():
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


def _bar() -> Iterator[Progress]:
    """A bar of the notebook that goes away at the end."""
    import ipywidgets
    from IPython.display import display

    bar = ipywidgets.IntProgress(layout=ipywidgets.Layout(width="320px"))
    label = ipywidgets.Label()
    box = ipywidgets.HBox([bar, label])
    display(box)

    def report(name: str, done: int, total: int) -> None:
        bar.max, bar.value = total, done
        label.value = f"{name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB"

    try:
        yield report
    finally:
        box.close()


def _line() -> Iterator[Progress]:
    """One line that is overwritten, and only where somebody looks at it."""
    shown = sys.stderr.isatty()

    def report(name: str, done: int, total: int) -> None:
        if shown:
            print(f"\r{name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB", end="", file=sys.stderr)

    try:
        yield report
    finally:
        if shown:
            print(file=sys.stderr)
