"""Kernels start alike whatever the home, the user's other kernels and the terminal are."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.surroundings import set_right

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("environment", "moved"),
    [
        ({"HOME": "{tmp}"}, False),
        ({"HOME": "{tmp}/new"}, False),  # can be made
        ({"HOME": "/dev/null/nobody"}, True),
        ({"HOME": "{tmp}", "MPLCONFIGDIR": "/dev/null/x"}, True),
        ({"HOME": "/dev/null/x", "MPLCONFIGDIR": "{tmp}"}, False),
        ({"HOME": "{tmp}", "XDG_CACHE_HOME": "/dev/null/x"}, True),
    ],
)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the folders are Linux's")
def test_matplotlib_gets_a_folder_where_it_has_none(environment, moved, tmp_path):
    environment = {name: text.format(tmp=tmp_path) for name, text in environment.items()}
    before = environment.get("MPLCONFIGDIR")
    set_right(environment)
    assert (environment.get("MPLCONFIGDIR") != before) is moved
    assert not moved or Path(environment["MPLCONFIGDIR"]).is_dir()


CODE = """
import os, sys
sys.path.insert(0, {root!r})
os.environ.update(HOME={home!r}, JUPYTER_DATA_DIR={home!r}, MPLCONFIGDIR="/dev/null/x",
                  JUPYTER_PREFER_ENV_PATH="0")
from tools.surroundings import set_right
set_right()
from jupyter_client.kernelspec import KernelSpecManager
assert KernelSpecManager().get_kernel_spec("python3").argv[0] != "/no/such/python"
import matplotlib.pyplot, signal
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""


def test_a_lessons_first_cell_is_silent_and_its_kernel_is_this_pythons(tmp_path):
    """Without a home matplotlib would speak on stderr; the user's own "python3" does not start."""
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text('{"argv": ["/no/such/python"], "display_name": "Other", "language": "python"}')
    code = CODE.format(root=str(ROOT), home=str(tmp_path))
    command = f"trap '' INT; exec {sys.executable} -c \"$0\""
    done = subprocess.run(["bash", "-c", command, code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
