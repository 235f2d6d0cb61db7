"""A web server on this machine that misbehaves on request, and small data sets that it serves."""

import gzip
import hashlib
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from course_utils.downloads.fetching import Collection, RemoteFile

# Signed by itself, for 127.0.0.1, until 2126. It protects nothing.
SELF_SIGNED = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQao4+ej74zEYrLHj
bJs93mZpfVNZZSSLSAURGYTOiVWhRANCAAR2CcimmNDx10ae4ZJZmHRZdciHXJvn
pnY544R7Dg7xHPGXQyfpZ0oAs5JUxlrnPuLeQ2U31JeqHDdrw3PoZuTO
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBkTCCATagAwIBAgIUNBhedypwWXmBv5V69xd69OXW/u4wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyODAwMDcwNVoYDzIxMjYxMTA0
MDAwNzA1WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR2CcimmNDx10ae4ZJZmHRZdciHXJvnpnY544R7Dg7xHPGXQyfpZ0oA
s5JUxlrnPuLeQ2U31JeqHDdrw3PoZuTOo2QwYjAdBgNVHQ4EFgQU4S4vgwoKRwrn
cBe4ecC4OhgNjOEwHwYDVR0jBBgwFoAU4S4vgwoKRwrncBe4ecC4OhgNjOEwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0kAMEYC
IQCq8LXVkj2/3GbFT0JSKAKYZrr8uPEHKBJUcTwgoig10wIhAJpKJuh17ehcVyc3
P1M6hPSBrUtvmOg33i1YI/kixBwV
-----END CERTIFICATE-----
"""

STALL = 5.0  # seconds; the tests wait 0.3


class Server:
    """Serves `files`; `behaviour` says how: good, or a fault. Counts the requests per path."""

    def __init__(self, certificate=None):
        self.files, self.behaviour, self.requests = {}, "good", []
        self.release = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(self.path)
                outer.answer(self)

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
            self.scheme = "https"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def address(self):
        return f"{self.scheme}://127.0.0.1:{self.http.server_port}/"

    def answer(self, handler):
        how = self.behaviour
        content = self.files.get(handler.path.lstrip("/"))
        if content is None:
            how = "404"
        if how in ("404", "503"):
            handler.send_error(int(how))
            return
        sent = content
        if how == "corrupts":
            sent = content[:-1] + bytes([content[-1] ^ 1])
        if how == "longer":
            sent = content + b"x"
        if how == "shorter":  # truncated, and the header says so: only the checksum can tell
            sent = content[:-7]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(sent)))
        handler.end_headers()
        if how == "truncates":  # the header promises more than is sent
            handler.wfile.write(sent[: len(sent) // 3])
        elif how == "stalls":
            handler.wfile.write(sent[: len(sent) // 2])
            handler.wfile.flush()
            self.release.wait(STALL)
        elif how == "dies":  # the connection is reset, as when a machine goes down
            handler.wfile.write(sent[: len(sent) // 2])
            handler.wfile.flush()
            time.sleep(0.05)
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
            handler.wfile = handler.rfile  # nothing is left to flush
        else:
            handler.wfile.write(sent)

    def close(self):
        self.release.set()
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture(autouse=True)
def _direct(monkeypatch):
    """No proxy and no certificates of the machine on which the tests run."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)


@pytest.fixture
def certificate(tmp_path_factory):
    """A file with a certificate that nobody trusts, and its key."""
    path = tmp_path_factory.mktemp("tls") / "self_signed.pem"
    path.write_text(SELF_SIGNED)
    return path


@pytest.fixture
def safe_server(certificate):
    made = Server(certificate)
    yield made
    made.close()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


@pytest.fixture
def second_server():
    made = Server()
    yield made
    made.close()


def idx_bytes(values: np.ndarray, code: int = 0x08) -> bytes:
    """The IDX file of an array, as its specification has it."""
    lengths = b"".join(struct.pack(">I", n) for n in values.shape)
    return bytes([0, 0, code, values.ndim]) + lengths + values.tobytes()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


@pytest.fixture
def small_set():
    """Contents {name: bytes} of a data set like MNIST, 60 and 20 images, and its collection."""
    random = np.random.RandomState(0)
    arrays = {
        "train-images-idx3-ubyte.gz": random.randint(0, 256, (60, 28, 28)).astype(np.uint8),
        "train-labels-idx1-ubyte.gz": random.randint(0, 10, 60).astype(np.uint8),
        "t10k-images-idx3-ubyte.gz": random.randint(0, 256, (20, 28, 28)).astype(np.uint8),
        "t10k-labels-idx1-ubyte.gz": random.randint(0, 10, 20).astype(np.uint8),
    }
    files = {name: packed(idx_bytes(array)) for name, array in arrays.items()}
    remote = tuple(
        RemoteFile(
            name,
            hashlib.sha256(content).hexdigest(),
            len(content),
            hashlib.sha256(idx_bytes(arrays[name])).hexdigest(),
        )
        for name, content in files.items()
    )

    def collection(*mirrors):
        return Collection("Small MNIST", "small", remote, mirrors, "https://example.org/small")

    return arrays, files, collection
