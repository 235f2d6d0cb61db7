"""data/: the manifest names every file, with its checksum; README.md names source and licence."""

import hashlib
import json
import re

from files import NOT_STORED, ROOT

DATA = ROOT / "data"
# Described by themselves; and what is downloaded on request, which git ignores.
NO_ITEMS = {"README.md", "manifest.json", "glossary.toml", "questions", "papers"} | NOT_STORED


def test_data_is_as_its_manifest_says():
    rows = json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))["files"]
    there = [path.relative_to(DATA) for path in DATA.rglob("*") if path.is_file()]
    items = sorted(path.as_posix() for path in there if path.parts[0] not in NO_ITEMS)
    assert sorted(row["name"] for row in rows) == items
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    parts = re.split(r"^## +", readme, flags=re.MULTILINE)
    sections = {part.splitlines()[0].strip(" `"): part for part in parts if part}
    for row in rows:
        content = (DATA / row["name"]).read_bytes()
        assert (row["sha256"], row["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
        section = sections[row["name"]]
        assert row["licence"] and row["licence"] in section and "source" in section.lower()
