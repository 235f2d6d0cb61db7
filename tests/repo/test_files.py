"""What may stand in the repository, and what may stand in its files."""

import os
import re
import subprocess

import pytest
from files import NOT_STORED, ROOT, relative, stored_files

TOP = {
    ".ci",
    ".gitattributes",
    ".github",
    ".gitignore",
    "LICENSE",
    "Makefile",
    "README.md",
    "conftest.py",
    "course_utils",
    "data",
    "environment.yml",
    "notebooks",
    "pyproject.toml",
    "requirements.lock",
    "tests",
    "tools",
}
UNCLEAR_NAMES = {"utils.py", "helpers.py", "misc.py", "common.py"}

# Written in pieces, so that this file does not hold what it looks for.
NEEDLES = {
    "a folder of one computer": re.compile(
        "(?<![\\w.])(" + "|".join(["/" + "work/", "/" + "root/", r"\.\./" + "shared"]) + ")"
    ),
    "the address of a package registry": re.compile(
        r"(?<![\w-])("
        + "|".join(
            [
                "pypi" + r"\.org",
                "python" + "hosted" + r"\.org",
                "registry" + r"\.npmjs",
                "npmjs" + r"\.com",
                "registry" + r"\.yarnpkg",
                "download" + r"\.pytorch",
                "conda" + r"\.anaconda",
            ]
        )
        + ")"
    ),
}
TEXT = re.compile(
    r"\.(py|ipynb|md|toml|yml|yaml|json|lock|css|js|cfg|txt|svg|html)$|^[^.]+$|^\.\w+$"
)


def found_in(text: str) -> list[str]:
    """Return what a text must not hold."""
    return [f"{what}: {m.group()}" for what, rx in NEEDLES.items() for m in rx.finditer(text)]


def test_no_text_names_this_computer_or_a_registry():
    found = {}
    for path in stored_files():
        if TEXT.search(path.name):
            lines = found_in(path.read_text(encoding="utf-8"))
            if lines:
                found[relative(path)] = lines
    assert found == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("cd /" + "work/main", 1),
        ("see ../" + "shared/design", 1),
        ("https://pypi" + ".org/simple", 1),
        ("https://files.python" + "hosted.org/x and https://registry" + ".npmjs.org", 2),
        ("https://download" + ".pytorch.org/whl/cpu", 1),
        ("pytorch.org/get-started, home" + "work/one, net" + "work/", 0),
    ],
)
def test_needles_find_what_they_should(text, count):
    assert len(found_in(text)) == count


def test_top_level_entries():
    there = {path.name for path in ROOT.iterdir()}
    there = {name for name in there - NOT_STORED if not name.endswith(".egg-info")}
    assert there - TOP == set()
    assert TOP - there == set()


def test_module_names_say_what_they_hold():
    assert [relative(p) for p in stored_files() if p.name in UNCLEAR_NAMES] == []


def test_files_are_small():
    big = {relative(p): p.stat().st_size for p in stored_files() if p.stat().st_size > 2e6}
    assert big == {}


def test_ci_script_can_be_executed():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_not_stored_is_what_git_ignores():
    """The list in files.py stands in for .gitignore, also where there is no git."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    for name in NOT_STORED - {".git"}:
        assert name in ignored or f"{name}/" in ignored, name


def test_stored_files_are_those_of_git():
    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        except FileNotFoundError:
            return None
        return done.stdout if done.returncode == 0 else None

    top = git("rev-parse", "--show-toplevel")
    if top is None or top.strip() != str(ROOT):
        pytest.skip("not a git checkout: an archive of the course")
    listed = git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    there = {name for name in listed if (ROOT / name).is_file()}
    assert {relative(path) for path in stored_files()} == there
