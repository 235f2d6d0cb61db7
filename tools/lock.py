"""Write requirements.lock: the exact versions that `make` installs. Run it with `make lock`.

The pins are those of the virtual environment that runs this script. A package that only some
systems or Python versions need gets an environment marker, found by walking the dependencies of
the course for every system and version in ``ENVIRONMENTS``; one that this machine does not need
(``colorama`` on Linux, say) is looked up with pip.
"""

import argparse
import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

DISTRIBUTION = "cnn-architectures-course"
BUILD_TOOLS = ("flit_core",)  # `make` installs the course with this, without a second download
SYSTEMS = {
    "linux": {"os_name": "posix", "platform_system": "Linux", "platform_machine": "x86_64"},
    "darwin": {"os_name": "posix", "platform_system": "Darwin", "platform_machine": "arm64"},
    "win32": {"os_name": "nt", "platform_system": "Windows", "platform_machine": "AMD64"},
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# What torch needs for NVIDIA GPUs on Linux. Torch fixes these versions itself, and a torch built
# without CUDA does not ask for them, so they are neither followed nor pinned.
TORCH_ONLY = re.compile(r"(nvidia|cuda)-.*|triton")
ENVIRONMENTS = [(system, python) for system in SYSTEMS for python in PYTHONS]

HEADER = """\
# The exact versions that `make` installs: pip reads this file as constraints (`pip install -c`).
# Remake it with `make lock`; the ranges it is chosen from stand in pyproject.toml.
# One file serves Linux, macOS and Windows on Python 3.11 and later. On Linux the ordinary torch
# brings NVIDIA libraries of its own, at versions that torch itself fixes; they are not listed here.
"""


def marker_environment(system: str, python: str) -> dict[str, str]:
    """Return the marker variables of PEP 508 for one of ``SYSTEMS`` and a version like "3.11"."""
    return {
        "sys_platform": system,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
        **SYSTEMS[system],
    }


def installed_requirements(name: str) -> list[str] | None:
    """Return the requirement lines of an installed distribution, or None if it is not installed."""
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return None


def needed(
    roots: Iterable[str],
    environment: dict[str, str],
    requirements: Callable[[str], list[str] | None] = installed_requirements,
) -> set[str]:
    """Return the canonical names of everything that ``roots`` need in one marker environment.

    ``roots`` are requirement strings, extras allowed. ``requirements(name)`` gives the requirement
    lines of a distribution, or None where they are not known; it is named, but not followed.
    ``TORCH_ONLY`` packages are left out.
    """
    found: set[tuple[str, str]] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if TORCH_ONLY.fullmatch(name):
            continue
        for extra in {"", *requirement.extras}:
            if (name, extra) in found:
                continue
            found.add((name, extra))
            for line in requirements(name) or []:
                child = Requirement(line)
                if child.marker is None or child.marker.evaluate({**environment, "extra": extra}):
                    waiting.append(child)
    return {name for name, _ in found}


def marker(places: set[tuple[str, str]]) -> str:
    """Return the marker that holds in exactly these (system, Python) pairs; "" if in all of them.

    Where the pairs are not "these systems and these versions", the marker is the smallest such
    product that contains them: a constraint too many does no harm, one too few would.
    """
    systems = [system for system in SYSTEMS if any(s == system for s, _ in places)]
    pythons = [python for python in PYTHONS if any(p == python for _, p in places)]
    parts = []
    if len(systems) == 1:
        parts.append(f'sys_platform == "{systems[0]}"')
    elif len(systems) < len(SYSTEMS):
        parts += [f'sys_platform != "{s}"' for s in SYSTEMS if s not in systems]
    if pythons[0] != PYTHONS[0]:
        parts.append(f'python_version >= "{pythons[0]}"')
    if pythons[-1] != PYTHONS[-1]:
        parts.append(f'python_version < "{PYTHONS[PYTHONS.index(pythons[-1]) + 1]}"')
    return " and ".join(parts)


def look_up(name: str, system: str) -> str:
    """Ask pip for the newest release of a pure or binary package on another system."""
    platform = {"linux": "manylinux_2_28_x86_64", "darwin": "macosx_12_0_arm64"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        command += ["--no-deps", "--quiet", "--only-binary", ":all:", "--target", folder]
        command += ["--platform", platform.get(system, "win_amd64"), "--python-version", "3.11"]
        done = subprocess.run(
            [*command, "--report", "-", name], check=True, capture_output=True, text=True
        )
    (package,) = json.loads(done.stdout)["install"]
    return package["metadata"]["version"]


def pins() -> list[str]:
    """Return the lines of the lock, sorted by name."""
    roots = [f"{DISTRIBUTION}[dev]", *BUILD_TOOLS]
    places: dict[str, set[tuple[str, str]]] = {}
    for system, python in ENVIRONMENTS:
        for name in needed(roots, marker_environment(system, python)):
            places.setdefault(name, set()).add((system, python))
    del places[canonicalize_name(DISTRIBUTION)]
    lines = []
    for name, where in sorted(places.items()):
        try:
            version = Version(importlib.metadata.version(name)).public  # no local part: 2.13.0+cpu
        except importlib.metadata.PackageNotFoundError:
            version = look_up(name, min(where)[0])
        condition = marker(where)
        lines.append(f"{name}=={version}" + (f" ; {condition}" if condition else ""))
    return lines


def main() -> None:
    """Write the lock to the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lock", type=Path)
    path = parser.parse_args().lock
    lines = pins()
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(f"{path}: {len(lines)} pins")


if __name__ == "__main__":
    main()
