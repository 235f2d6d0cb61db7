"""A web server on this machine that misbehaves on request, and small data sets that it serves."""

import gzip
import hashlib
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from course_utils.downloads.fetching import Collection, RemoteFile

STALL = 5.0  # seconds; the tests wait 0.3


class Server:
    """Serves `files`; `behaviour` says how: good, or a fault. Counts the requests per path."""

    def __init__(self):
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
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.http.server_port}/"

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
