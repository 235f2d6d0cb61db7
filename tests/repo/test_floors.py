"""Imports in course_utils only go down; `import course_utils` loads nothing."""

import subprocess
import sys
from pathlib import Path

import floors
import pytest

COURSE = Path(__file__).resolve().parents[2] / "course_utils"


def test_imports_only_go_down():
    assert floors.problems(COURSE) == []


def test_every_module_has_a_test_file():
    tests = COURSE.parent / "tests"
    missing = []
    for name, path in floors.modules(COURSE).items():
        if path.name != "__init__.py":
            parts = name.split(".")
            mirror = tests.joinpath(*parts[:-1], f"test_{parts[-1]}.py")
            if not mirror.exists():
                missing.append(mirror.relative_to(COURSE.parent).as_posix())
    assert missing == []


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_import_of_the_course_loads_nothing():
    extra = loaded_by("course_utils") - loaded_by("os")
    assert extra == {"course_utils"}


@pytest.mark.parametrize("module", ["quiz", "explorers", "figures", "preflight"])
def test_torch_is_not_loaded_with(module):
    """Not by its imports' imports, either: a quiz must not wait a second for torch."""
    names = [n for n in floors.modules(COURSE) if n.split(".")[0] == module]
    assert names
    for name in names:
        assert "torch" not in loaded_by(f"course_utils.{name}"), name


# The check itself, on made packages


@pytest.fixture
def package(tmp_path):
    """Write a package of the given modules ({"figures/svg": "import os"}); return its folder."""

    def made(files: dict[str, str]) -> Path:
        folder = tmp_path / "course_utils"
        for name, source in {"__init__": "", **files}.items():
            path = folder / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return folder

    return made


GOOD = {
    "geometry": "import math",
    "style": "",
    "models/__init__": "from course_utils.models.vgg import VGG",
    "models/vgg": "import torch\nfrom .layers import Unit",
    "models/layers": "",
    "ledger": "from course_utils.models import VGG\nfrom course_utils import geometry",
    "figures/__init__": "",
    "figures/svg": "from course_utils.drawing.style import INK",
    "figures/edges": "from course_utils.drawing.svg import Diagram\nimport course_utils.geometry",
    "explorers/__init__": "",
    "explorers/panel": "import ipywidgets",
    "explorers/sparse": "from . import panel\nfrom ..figures import edges",
}


def test_good_package_passes(package):
    assert floors.problems(package(GOOD)) == []


@pytest.mark.parametrize(
    ("module", "source", "words"),
    [
        ("geometry", "from course_utils.ledger import ledger", "upward"),
        ("geometry", "def f():\n    from course_utils import ledger", "upward"),
        ("geometry", "import course_utils.drawing.svg as s", "upward"),
        ("figures/svg", "from ..explorers import panel", "upward"),
        ("geometry", "from course_utils import style", "sideways"),
        ("figures/edges", "from course_utils.figures.other import x", "sibling"),
        ("figures/edges", "from . import other", "sibling"),
        ("figures/svg", "from .edges import draw", "sibling"),
        ("figures/edges", "from course_utils import figures", "round"),
        ("models/vgg", "from course_utils.models.lenet5 import LeNet5", "sibling"),
        ("__init__", "from course_utils import geometry", "may import nothing"),
        ("__init__", "import numpy", "may import nothing"),
        ("figures/__init__", "from course_utils.drawing.svg import Diagram", "may import nothing"),
        ("figures/__init__", "import numpy", "may import nothing"),
        ("figures/edges", "import course_utils", "name the module"),
        ("explorers/sparse", "import torch.nn", "imports torch"),
        ("helpers", "", "has no floor"),
        ("figures/edges", "from course_utils.helpers import x", "has no floor"),
    ],
)
def test_bad_import_is_found(package, module, source, words):
    extra = {"figures/other": "", "models/lenet5": ""}
    if "helpers" in source:
        extra["helpers"] = ""
    found = floors.problems(package({**GOOD, **extra, module: source}))
    assert any(words in line for line in found), found


def test_circle_is_found(package):
    folder = package(
        {**GOOD, "geometry": "import course_utils.drawing.style", "style": "from . import geometry"}
    )
    (circle,) = floors.circles(folder)
    assert set(circle) == {"geometry", "style"} and circle[0] == circle[-1]
    assert any("go round" in line for line in floors.problems(folder))
    assert floors.circles(package(GOOD)) == []
