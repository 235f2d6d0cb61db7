"""lock: which package is needed where, and the marker that says so."""

import pytest

from tools import lock

EVERYWHERE = set(lock.ENVIRONMENTS)
GRAPH = {
    "course": ["shell>=1", "browser ; extra == 'dev'"],
    "shell": ["pexpect ; sys_platform != 'win32'", "colorama ; sys_platform == 'win32'", "shell"],
    "pexpect": ["ptyprocess", "backport ; python_version < '3.12'"],
    "ptyprocess": [],
    "browser": ["Green_Let[fast]"],
    "green-let": ["c-code ; extra == 'fast'", "docs ; extra == 'docs'"],
    "backport": [],
    "c-code": [],
}


def needed(root: str, system: str, python: str) -> set[str]:
    return lock.needed([root], lock.marker_environment(system, python), GRAPH.get)


@pytest.mark.parametrize(
    ("root", "system", "python", "names"),
    [
        ("course", "linux", "3.13", {"course", "shell", "pexpect", "ptyprocess"}),
        ("course", "darwin", "3.11", {"course", "shell", "pexpect", "ptyprocess", "backport"}),
        ("course", "win32", "3.11", {"course", "shell", "colorama"}),
        ("course[dev]", "win32", "3.13", {"course", "shell", "colorama", "browser", "green-let"}),
    ],
)
def test_needed(root, system, python, names):
    extra = {"c-code"} if "dev" in root else set()  # green-let[fast], which the extra asks for
    assert needed(root, system, python) == names | extra


def test_gpu_libraries_of_torch_are_left_out():
    """Torch with CUDA asks for them, torch without does not: one lock has to suit both."""
    graph = {
        "torch": ["sympy", "nvidia-cublas==13", "cuda-toolkit[nvcc]", "triton==3.9", "tritone"]
    }
    environment = lock.marker_environment("linux", "3.11")
    assert lock.needed(["torch"], environment, graph.get) == {"torch", "sympy", "tritone"}


@pytest.mark.parametrize(
    ("where", "marker"),
    [
        (EVERYWHERE, ""),
        ({p for p in EVERYWHERE if p[0] == "win32"}, 'sys_platform == "win32"'),
        ({p for p in EVERYWHERE if p[0] != "win32"}, 'sys_platform != "win32"'),
        ({p for p in EVERYWHERE if p[1] == "3.11"}, 'python_version < "3.12"'),
        ({p for p in EVERYWHERE if p[1] != "3.11"}, 'python_version >= "3.12"'),
        ({("linux", "3.11")}, 'sys_platform == "linux" and python_version < "3.12"'),
        # No product of systems and versions: the smallest product that holds them all.
        (
            {("linux", "3.11"), ("darwin", "3.12")},
            'sys_platform != "win32" and python_version < "3.13"',
        ),
    ],
)
def test_marker(where, marker):
    assert lock.marker(where) == marker


def test_pins_of_this_environment(monkeypatch):
    monkeypatch.setattr(lock, "look_up", lambda name, system: "1.0")  # would ask the network
    lines = lock.pins()
    names = [line.split("==")[0] for line in lines]
    assert names == sorted(names)
    assert len(set(names)) == len(names) > 100
    assert "+" not in "".join(lines), "a local version such as 2.13.0+cpu is on no index"
    assert {"torch", "flit-core", "nbval", "jupyterlab-slideshow"} <= set(names)
