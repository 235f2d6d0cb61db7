"""Full data sets: from a server that fails in every way; files that lie are refused."""

import contextlib
import gzip
import hashlib
import io
import re
import socket
import ssl
import struct
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course_utils import downloads
from course_utils.downloads import CIFAR10, FASHION_MNIST, MNIST, DownloadError, read_idx

# Signed by itself, for 127.0.0.1, until 2126. It protects nothing.
SELF_SIGNED = Path(__file__).parent / "self_signed.pem"
NOBODY = "http://127.0.0.1:9"  # nothing listens there


class Handler(BaseHTTPRequestHandler):
    """Sends FILES, well or with the fault that its server has at the moment."""

    def do_GET(self):
        server, name = self.server, self.path.lstrip("/")
        sent, fault = FILES[name], server.fault
        server.requests.append(name)
        if fault.isdigit():
            self.send_error(int(fault))
            return
        if fault == "corrupts":
            sent = sent[:-1] + bytes([sent[-1] ^ 1])
        elif fault == "shorter":  # and the header says so: only the checksum can tell
            sent = sent[:-7]
        self.send_response(200)
        self.send_header("Content-Length", str(10**15 if fault == "endless" else len(sent)))
        self.end_headers()
        # The header of these promises more than is sent.
        self.wfile.write(
            sent[: len(sent) // 2] if fault in ("truncates", "stalls", "dies") else sent
        )
        self.wfile.flush()
        if fault == "stalls":
            server.release.wait(5.0)  # seconds; the tests wait 0.3
        elif fault == "endless":
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(bytes(1 << 16))
        elif fault == "dies":  # the connection is reset, as when a machine goes down
            time.sleep(0.05)
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.wfile = self.rfile  # nothing is left to flush

    def log_message(self, *arguments):
        pass


@pytest.fixture(autouse=True)
def _direct(monkeypatch):
    """No proxy and no certificates of the machine on which the tests run; short waits."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for name in (*proxies, *map(str.upper, proxies), "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(downloads, "TIMEOUT", (0.3, 0.3))


@pytest.fixture
def serve():
    """Start servers; they are closed at the end."""
    made = []

    def start(fault="", safe=False):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.fault, server.requests, server.release = fault, [], threading.Event()
        if safe:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(SELF_SIGNED)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.address = f"http{'s' * safe}://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        made.append(server)
        return server

    yield start
    for server in made:
        server.release.set()
        server.shutdown()
        server.server_close()


def idx_bytes(values, code=0x08):
    """The IDX file of an array, as its specification has it."""
    lengths = np.array(values.shape, ">u4").tobytes()
    return bytes([0, 0, code, values.ndim]) + lengths + values.tobytes()


RANDOM = np.random.RandomState(0)
SIZES = [(256, (60, 28, 28)), (10, 60), (256, (20, 28, 28)), (10, 20)]
ARRAYS = [RANDOM.randint(0, below, shape).astype(np.uint8) for below, shape in SIZES]
FILES = {
    name: gzip.compress(idx_bytes(array), mtime=0)
    for name, array in zip(downloads._NAMES, ARRAYS, strict=True)
}


def digest(content):
    return (hashlib.sha256(content).hexdigest(), len(content))


def small(*mirrors):
    """A data set like MNIST, with 60 and 20 images."""
    files = {name: digest(content) for name, content in FILES.items()}
    page = "https://example.org/small"
    return MNIST._replace(name="Small", folder="small", files=files, mirrors=mirrors, page=page)


def get(folder, *servers, download=True):
    mirrors = [server if isinstance(server, str) else server.address for server in servers]
    paths = downloads.verified(small(*mirrors), download=download, folder=folder)
    return [path.read_bytes() for path in paths]


FAULTS = {
    "truncates": "broke off|sent another file",
    "shorter": "sent another file",
    "corrupts": "sent another file",
    "endless": "sent another file",
    "404": "answered 404 Not Found",
    "503": "answered 503 Service Unavailable",
    "stalls": "did not answer, or sent nothing for 0.3 s",
    "dies": "broke off",
}


def test_a_good_server(serve, tmp_path, capfd):
    folder = tmp_path / "new" / "folder"
    assert get(folder, serve()) == list(FILES.values())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_clear_error_and_another_mirror_or_try_works(serve, tmp_path, fault):
    server = serve(fault)
    with pytest.raises(DownloadError, match=FAULTS[fault]) as caught:
        get(tmp_path, server)
    for words in (server.address, "download=True", "data/small", "https://example.org/s", *FILES):
        assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "nothing partial is left behind"
    assert len(get(tmp_path / "two", server, serve())) == 4
    server.release.set()
    server.fault = ""
    assert len(get(tmp_path, server)) == 4


BUNDLE = "trusted is what the environment names, "
CAUSES = [
    ({}, "no safe connection: certificate verify failed: self-signed certificate; in a network "),
    ({}, "with certificates of its own REQUESTS_CA_BUNDLE must name their file"),
    ({"REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"}, f"{BUNDLE}REQUESTS_CA_BUNDLE=/nowhere/"),
    ({"CURL_CA_BUNDLE": __file__}, f"{BUNDLE}CURL_CA_BUNDLE="),
    (
        {"https_proxy": NOBODY},
        "(http_proxy, https_proxy) says to go through the proxy http://127.0",
    ),
    ({"all_proxy": "http://me:secret@127.0.0.1:9"}, "through the proxy 127.0.0.1:9. Try"),
]


@pytest.mark.parametrize(("environment", "words"), CAUSES)
def test_the_cause_is_named_and_not_the_network(serve, tmp_path, monkeypatch, environment, words):
    server = serve(safe=True)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DownloadError) as caught:
        get(tmp_path, server)
    message = str(caught.value)
    assert f"{server.address}: " in message and words in message, message
    assert not any(w in message for w in ("is there a network", "cannot be written", "secret"))
    assert server.requests == [] and list(tmp_path.iterdir()) == []


def test_no_network_no_folder_and_no_permission_to_download(serve, tmp_path, monkeypatch):
    with pytest.raises(DownloadError, match="is there a network") as caught:
        get(tmp_path, f"{NOBODY}/", "http://127.0.0.1:10/")
    assert str(caught.value).count("cannot be reached") == 2
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="could not be stored.*taken"):
        get(tmp_path / "taken", serve())
    with monkeypatch.context() as patch, pytest.raises(DownloadError, match="stored.*read only"):
        patch.setattr("pooch.retrieve", Mock(side_effect=PermissionError("read only")))
        get(tmp_path, NOBODY)
    with pytest.raises(DownloadError, match="is not complete: train-images.* is missing"):
        get(tmp_path, download=False)
    with pytest.raises(ValueError, match="download must be one of True, False, got 'yes'"):
        get(tmp_path, download="yes")


def test_what_is_there_is_kept_compared_and_replaced_only_by_the_right_file(serve, tmp_path):
    server, name = serve(), downloads._NAMES[0]
    get(tmp_path, server)
    assert get(tmp_path, download=False) == get(tmp_path, server) == list(FILES.values())
    assert server.requests == list(FILES), "what is there is not fetched again"
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(DownloadError, match=rf"{name} is damaged or another file \(4 bytes, "):
        get(tmp_path, download=False)
    server.fault = "503"
    with pytest.raises(DownloadError, match="answered 503"):
        get(tmp_path, server)
    assert (tmp_path / name).read_bytes() == b"mine"
    server.fault = ""
    assert get(tmp_path, server) == list(FILES.values())


def test_an_interrupt_leaves_nothing_behind(serve, tmp_path, monkeypatch):
    def stop(answer, size):
        yield answer.raw.read(9)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("requests.Response.iter_content", stop)
        get(tmp_path, serve())
    assert list(tmp_path.iterdir()) == []
    assert len(get(tmp_path, serve())) == 4


def test_progress_is_one_line_where_somebody_looks(serve, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    get(tmp_path, serve())
    assert "\rtrain-images-idx3-ubyte.gz: 0.0 of 0.0 MB\n" in capsys.readouterr().out


def test_importing_it_loads_nothing_large():
    code = (
        "import sys, course_utils.datasets; print([m for m in "
        "('torch', 'numpy', 'pooch', 'requests', 'ipywidgets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -------------------------------------------------------------------------------------- IDX

CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


@given(kind=st.sampled_from(list(CODES)), data=st.data(), pack=st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(tmp_path_factory, kind, data, pack):
    shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
    values = data.draw(hnp.arrays(np.dtype(kind), shapes))
    content = idx_bytes(values, CODES[kind])
    path = tmp_path_factory.mktemp("idx") / "any name"
    path.write_bytes(gzip.compress(content) if pack else content)
    found = read_idx(path)
    assert found.dtype == np.dtype(kind).newbyteorder("=") and found.flags.writeable
    assert np.array_equal(found, values, equal_nan=np.dtype(kind).kind == "f")


GOOD = idx_bytes(np.zeros((2, 3), np.uint8))
HUGE = bytes([0, 0, 8, 3]) + b"\xff" * 12 + bytes(6)
LIES = [
    (b"", "begins with two zero bytes.*it holds 0 bytes, first nothing"),
    (b"<html>not found</html>", "it holds 22 bytes, first 3c 68 74 6d"),
    (GOOD[:2] + b"\x0a" + GOOD[3:], "a type among 08, 09"),
    (bytes([0, 0, 8, 0]), "axes >= 1 .* first 00 00 08 00"),
    (GOOD[:9], "and the length of each; it holds 9 bytes"),
    (GOOD[:-1], "2 x 3 numbers are 6 bytes, it holds 5"),
    (GOOD + b"\0", "2 x 3 numbers are 6 bytes, it holds 7"),
    (HUGE, "4294967295 x 4294967295 x 4294967295 numbers are"),
    (GOOD[:2] + b"\x0d" + GOOD[3:], "are 24 bytes, it holds 6"),
    (gzip.compress(RANDOM.bytes(200))[:-20], "be complete gzip data"),
]


@pytest.mark.parametrize(("content", "message"), LIES)
def test_an_idx_file_that_lies_is_refused(tmp_path, content, message):
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(ValueError, match=f"/bad must.*{message}"):
        read_idx(tmp_path / "bad")


def test_gzip_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "_UNPACKED", 1000)
    (tmp_path / "big").write_bytes(gzip.compress(bytes(1001)))
    with pytest.raises(ValueError, match="must hold at most 1,000 bytes unpacked"):
        read_idx(tmp_path / "big")


# ------------------------------------------------------------------------------- the data sets


@pytest.mark.parametrize("size", [28, 32])
def test_digits_as_tensors(tmp_path, monkeypatch, size):
    monkeypatch.setattr(downloads, "MNIST", small())
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    parts = downloads.mnist(size, folder=tmp_path)
    for (images, labels), (pixels, classes) in zip(parts, (ARRAYS[:2], ARRAYS[2:]), strict=True):
        assert images.dtype == torch.float32 and labels.dtype == torch.int64
        assert images.shape == (len(pixels), 1, size, size)
        margin = (size - 28) // 2
        inner = images[:, 0, margin : size - margin, margin : size - margin]
        assert np.array_equal((inner * 255).round().numpy(), pixels)
        assert images.sum() == pytest.approx(inner.sum()) and labels.tolist() == classes.tolist()


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (downloads.mnist, ("11.6 MB", "data/mnist", "train-images-idx3-ubyte.gz")),
        (downloads.fashion_mnist, ("30.9 MB", "data/fashion_mnist", "t10k-labels")),
        (downloads.cifar10, ("170.1 MB", "data/cifar10", "cifar-10-binary.tar.gz")),
    ],
)
def test_without_the_files_the_message_says_what_to_do(tmp_path, load, words):
    with pytest.raises(DownloadError) as caught:
        load(folder=tmp_path)
    assert all(word in str(caught.value) for word in (*words, "download=True"))
    if load is not downloads.cifar10:
        with pytest.raises(ValueError, match="size must be one of 28, 32, got 27"):
            load(27)


ROWS = RANDOM.randint(0, 256, (6, 6, 3073)).astype(np.uint8)  # batch, picture, class and pixels
ROWS[:, :, 0] %= 10
NAMES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
CIFAR = {name: rows.tobytes() for name, rows in zip(NAMES, ROWS, strict=True)}


def archive(batches):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, content in {"../../evil.bin": b"x", **batches}.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def test_cifar_as_tensors_in_the_order_of_names(tmp_path, monkeypatch):
    content = archive(dict(reversed(CIFAR.items())))
    files = {"cifar-10-binary.tar.gz": digest(content)}
    monkeypatch.setattr(downloads, "CIFAR10", CIFAR10._replace(files=files))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
    (images, labels), (tests, test_labels) = downloads.cifar10(folder=tmp_path)
    assert images.dtype == torch.float32 and labels.dtype == torch.int64
    rows, shape = ROWS[:5].reshape(30, 3073), (-1, 3, 32, 32)  # red, green, blue; row by row
    assert np.array_equal((images * 255).round().numpy(), rows[:, 1:].reshape(shape))
    assert np.array_equal((tests * 255).round().numpy(), ROWS[5, :, 1:].reshape(shape))
    assert labels.tolist() == rows[:, 0].tolist() and test_labels.tolist() == ROWS[5, :, 0].tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-10-binary.tar.gz"]


def test_the_addresses_and_checksums_are_whole():
    for collection in (MNIST, FASHION_MNIST, CIFAR10):
        assert len(collection.mirrors) >= 2
        assert all(re.fullmatch(r"https?://\S+/", mirror) for mirror in collection.mirrors)
        for sha256, size in collection.files.values():
            assert re.fullmatch("[0-9a-f]{64}", sha256) and size > 0
