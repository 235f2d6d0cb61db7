"""What may stand in the repository, and what may stand in its files."""

import os
import re
import subprocess

import pytest
from files import NOT_STORED, ROOT, relative, stored_files

TOP = {
    *(".ci", ".gitattributes", ".github", ".gitignore", "LICENSE", "Makefile", "README.md"),
    *("conftest.py", "course_utils", "data", "environment.yml", "notebooks", "pyproject.toml"),
    *("requirements.lock", "tests", "tools"),
}
# Written in pieces, so that this file does not hold what it looks for.
HOSTS = ("pypi" + ".org", "python" + "hosted.org", "registry" + ".npmjs", "npmjs" + ".com")
HOSTS += ("registry" + ".yarnpkg", "download" + ".pytorch", "conda" + ".anaconda")
FOLDERS = ("/" + "work/", "/" + "root/", "../" + "shared")
NEEDLES = re.compile(
    rf"(?<![\w.])(?:{'|'.join(map(re.escape, FOLDERS))})"
    rf"|(?<![\w-])(?:{'|'.join(map(re.escape, HOSTS))})"
)
TEXT = re.compile(
    r"\.(py|ipynb|md|toml|yml|yaml|json|lock|css|js|cfg|txt|svg|html)$|^[^.]+$|^\.\w+$"
)


def test_no_text_names_this_computer_or_a_registry():
    texts = [path for path in stored_files() if TEXT.search(path.name)]
    found = {relative(p): NEEDLES.findall(p.read_text(encoding="utf-8")) for p in texts}
    assert {name: needles for name, needles in found.items() if needles} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("cd /" + "work/main, see ../" + "shared/design", 2),
        ("https://files.python" + "hosted.org/x and https://registry" + ".npmjs.org", 2),
        ("https://download" + ".pytorch.org/whl/cpu", 1),
        ("pytorch.org/get-started, home" + "work/one, net" + "work/", 0),
    ],
)
def test_needles_find_what_they_should(text, count):
    assert len(NEEDLES.findall(text)) == count


def test_top_level_entries():
    there = {path.name for path in ROOT.iterdir()}
    assert {n for n in there - NOT_STORED if not n.endswith(".egg-info")} == TOP


def test_files_are_small_and_ci_can_run():
    assert [relative(p) for p in stored_files() if p.stat().st_size > 2e6] == []
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_stored_files_are_those_of_git():
    """The list in files.py stands in for .gitignore, also where there is no git."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        except FileNotFoundError:
            return None
        return done.stdout if done.returncode == 0 else None

    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert [n for n in NOT_STORED - {".git"} if not {n, f"{n}/"} & set(ignored)] == []
    top = git("rev-parse", "--show-toplevel")
    if top is None or top.strip() != str(ROOT):
        pytest.skip("not a git checkout: an archive of the course")
    listed = git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    assert {relative(p) for p in stored_files()} == {n for n in listed if (ROOT / n).is_file()}
