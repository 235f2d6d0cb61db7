"""data/: the manifest names every file, with its checksum; README.md names source and licence."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from files import NOT_STORED, ROOT

DATA = ROOT / "data"
# Described by themselves; and what is downloaded on request, which git ignores.
NO_ITEMS = {"README.md", "manifest.json", "questions", "papers"} | NOT_STORED


def section(readme: str, name: str) -> str:
    """Return the part of the README under the heading that is a file's name; "" if none is."""
    parts = re.split(r"^## +", readme, flags=re.MULTILINE)
    return next((part for part in parts if part.splitlines()[0].strip(" `") == name), "")


def problems(data: Path) -> list[str]:
    """Return what is wrong with a data folder, one line each."""
    rows = json.loads((data / "manifest.json").read_text(encoding="utf-8"))["files"]
    readme = (data / "README.md").read_text(encoding="utf-8")
    listed = [row["name"] for row in rows]
    there = {
        path.relative_to(data).as_posix()
        for path in data.rglob("*")
        if path.is_file() and path.relative_to(data).parts[0] not in NO_ITEMS
    }
    found = [f"{name} is not in the manifest" for name in sorted(there - set(listed))]
    found += [
        f"{name} is in the manifest twice" for name in sorted(set(listed)) if listed.count(name) > 1
    ]
    for row in rows:
        name = row["name"]
        if name not in there:
            found.append(f"{name} is in the manifest and not in the folder")
            continue
        content = (data / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != row["sha256"]:
            found.append(f"{name} has another SHA-256 than the manifest says")
        if len(content) != row["bytes"]:
            found.append(f"{name} has {len(content)} bytes, the manifest says {row['bytes']}")
        text = section(readme, name)
        if not row["licence"] or row["licence"] not in text:
            found.append(f"README.md does not name the licence of {name}: {row['licence']!r}")
        if "source" not in text.lower():
            found.append(f"README.md does not name the source of {name}")
    return found


def test_data_is_as_its_manifest_says():
    assert problems(DATA) == []


README = "# Data\n\n## a.npz\n\n**Source.** Here.\n\n**Licence.** CC BY 4.0\n"


@pytest.fixture
def data(tmp_path):
    """A made data folder that breaks no rule, and its manifest's row."""
    (tmp_path / "a.npz").write_bytes(b"abc")
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions" / "01.toml").write_text("")
    row = {"name": "a.npz", "sha256": hashlib.sha256(b"abc").hexdigest(), "bytes": 3}
    return tmp_path, {**row, "licence": "CC BY 4.0"}


def write(folder: Path, *rows: dict) -> Path:
    (folder / "manifest.json").write_text(json.dumps({"files": rows}))
    return folder


def test_good_data_passes(data):
    folder, row = data
    assert problems(write(folder, row)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sha256": "0" * 64}, "another SHA-256"),
        ({"bytes": 4}, "has 3 bytes, the manifest says 4"),
        ({"licence": "CC0"}, "does not name the licence"),
        ({"licence": ""}, "does not name the licence"),
        ({"name": "b.npz"}, "a.npz is not in the manifest"),
        ({"name": "b.npz"}, "b.npz is in the manifest and not in the folder"),
    ],
)
def test_bad_entry_is_found(data, change, words):
    folder, row = data
    assert any(words in line for line in problems(write(folder, {**row, **change})))


def test_entry_that_occurs_twice_is_found(data):
    folder, row = data
    assert problems(write(folder, row, row)) == ["a.npz is in the manifest twice"]


def test_readme_without_source_is_found(data):
    folder, row = data
    (folder / "README.md").write_text(README.replace("Source", "Origin"))
    assert problems(write(folder, row)) == ["README.md does not name the source of a.npz"]
