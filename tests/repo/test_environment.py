"""pyproject.toml, environment.yml and requirements.lock say the same."""

import ast
import re
import sys
import tomllib

import yaml
from files import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

CONDA_NAMES = {"torch": "pytorch", "playwright": "playwright-python"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


LINES = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
REQUIREMENTS = [Requirement(line) for line in LINES]  # of the course and its tests


def pins() -> dict[str, list[Version]]:
    """Return name -> its pins; a package may have another for another Python or system."""
    found: dict[str, list[Version]] = {}
    for line in LOCK.splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            (pin,) = requirement.specifier
            assert pin.operator == "==", line
            found.setdefault(canonicalize_name(requirement.name), []).append(Version(pin.version))
    return found


def test_conda_has_the_same_ranges_and_installs_the_course_itself():
    lines = [line for line in CONDA["dependencies"] if isinstance(line, str)]
    pattern = re.compile(r"([a-z0-9_-]+) ?([<>=!0-9.,]*)(?: (\S+))?")
    packages = {name: parts for name, *parts in (pattern.fullmatch(x).groups("") for x in lines)}
    assert len(packages) == len(lines), "a package occurs twice"
    assert packages["pytorch"][1] == "cpu_*"  # the small build
    expected = {CONDA_NAMES.get(r.name, r.name): r.specifier for r in REQUIREMENTS}
    expected["python"] = SpecifierSet(PROJECT["requires-python"])
    packages.pop("pip")
    assert {name: SpecifierSet(bounds) for name, (bounds, _) in packages.items()} == expected
    assert CONDA["channels"] == ["conda-forge", "nodefaults"]
    assert [d for d in CONDA["dependencies"] if isinstance(d, dict)] == [{"pip": ["-e ."]}]


def test_every_range_has_a_lower_bound():
    for requirement in REQUIREMENTS:
        assert any(s.operator == ">=" for s in requirement.specifier), str(requirement)


def test_the_lock_pins_everything_within_its_range():
    """What else is needed on each system and Python version is uv's work (`make lock`)."""
    assert "make lock" in LOCK.splitlines()[1]
    pinned = pins()
    for requirement in [*REQUIREMENTS, Requirement("flit_core")]:
        for pin in pinned[canonicalize_name(requirement.name)]:
            assert requirement.specifier.contains(pin), f"{requirement}, pinned {pin}"
    assert not [pin for same in pinned.values() for pin in same if pin.is_prerelease or pin.local]
    (chosen,) = re.findall(r"^TORCH +\?= (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned["torch"] == [Version(chosen)]


def test_workflows_run_what_make_runs():
    workflows = (ROOT / ".github" / "workflows").glob("*.yml")
    read = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in workflows}
    jobs = read["ci"]["jobs"]
    steps = {name: " ".join(str(s) for s in job["steps"]) for name, job in jobs.items()}
    assert ".ci/run" in steps["linux"]
    assert "environment.yml" in steps["conda"]
    assert set(jobs["conda"]["strategy"]["matrix"]["os"]) == {"macos-latest", "windows-latest"}
    floor = PROJECT["requires-python"].removeprefix(">=")
    assert floor in jobs["linux"]["strategy"]["matrix"]["python"]
    publish = read["site"]["jobs"]["publish"]["steps"]
    runs = [step.get("run") or step.get("with", {}).get("path") for step in publish]
    assert [run for run in runs if run] == ["make slides", "make site", "build/site"]


def test_every_import_is_a_declared_dependency():
    """An import that works only because another package happens to need it would break one day."""
    declared = {canonicalize_name(Requirement(d).name) for d in PROJECT["dependencies"]}
    declared |= {"ipython", "course-utils"}  # ipykernel is IPython in a notebook
    missing = set()
    for path in sorted((ROOT / "course_utils").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for top in {name.split(".")[0] for name in names} - sys.stdlib_module_names:
                if canonicalize_name(top) not in declared:
                    missing.add(f"{path.name}: {top}")
    assert missing == set()
