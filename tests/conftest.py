"""What several folders of tests need: a running JupyterLab, and what npm fetches."""

import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tools.slides import assets

START_TIMEOUT = 60  # seconds for JupyterLab to answer


@pytest.fixture(scope="session")
def npm():
    """The scripts of slides and website are there, or can be fetched."""
    try:
        return assets.install()
    except assets.AssetError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def start_lab(tmp_path_factory):
    """Start a course's JupyterLab in a `with`: the address it prints, its base, its token."""

    @contextmanager
    def running(course, environment: dict[str, str], *options: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, str(course / "tools" / "lab.py"), "--no-browser"]
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", *options]
        log = tmp_path_factory.mktemp("server") / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                command, cwd=course, env={**environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        try:
            for _ in range(4 * START_TIMEOUT):
                said = log.read_text()
                found = re.search(r"^ {4}((http://[^/]+)/lab\S*\?token=(\w+))", said, re.MULTILINE)
                if found or process.poll() is not None:
                    break
                time.sleep(0.25)
            assert found, f"JupyterLab did not start:\n{said}"
            yield found.groups()
        finally:
            process.terminate()
            process.wait(timeout=30)

    return running
