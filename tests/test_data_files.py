"""The data folder: what the manifest says is what is there, and damage is told with a remedy."""

import json
import shutil
import subprocess
import sys

import pytest

from course_utils.datasets import files as data_files
from course_utils.datasets.files import DataFileError, manifest, read_verified, verify


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the data folder that a test may damage."""
    shutil.copy(data_files.DATA / "manifest.json", tmp_path)
    shutil.copy(data_files.DATA / "digits.npz", tmp_path)
    monkeypatch.setattr(data_files, "DATA", tmp_path)
    return tmp_path


def test_every_file_is_what_the_manifest_says():
    assert "digits.npz" in manifest()
    for name, entry in manifest().items():
        assert verify(name) == entry
        assert (data_files.DATA / name).stat().st_size == entry.bytes
        assert len(read_verified(name)) == entry.bytes


def test_every_file_has_a_source_and_a_licence():
    readme = (data_files.DATA / "README.md").read_text(encoding="utf-8")
    for entry in manifest().values():
        assert entry.title
        assert entry.source
        assert entry.licence in readme
        assert entry.url.startswith("https://")
        assert entry.url in readme
        assert f"## {entry.name}\n" in readme


def test_no_file_is_missing_from_the_manifest():
    there = {path.name for path in data_files.DATA.iterdir() if path.is_file()}
    assert there - {"README.md", "manifest.json"} == set(manifest())


def test_an_unknown_name_is_refused_with_the_names_that_exist():
    for function in (read_verified, verify):
        with pytest.raises(ValueError, match=r"name must be one of digits\.npz, got '\.\./x'"):
            function("../x")


def test_a_missing_file(folder):
    (folder / "digits.npz").unlink()
    with pytest.raises(DataFileError) as caught:
        read_verified("digits.npz")
    message = str(caught.value)
    assert message.startswith("data/digits.npz is missing: there is no ")
    assert message.endswith("git checkout -- data/digits.npz")


def test_one_flipped_bit_is_found(folder):
    content = bytearray((folder / "digits.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "digits.npz").write_bytes(content)
    with pytest.raises(DataFileError) as caught:
        verify("digits.npz")
    message = str(caught.value)
    expected = manifest()["digits.npz"]
    assert f"expected {expected.bytes} bytes with SHA-256 {expected.sha256}" in message
    assert f"found {len(content)} bytes with SHA-256 " in message
    assert "git checkout -- data/digits.npz" in message


def test_a_cut_file_is_found(folder):
    content = (folder / "digits.npz").read_bytes()[:1000]
    (folder / "digits.npz").write_bytes(content)
    with pytest.raises(DataFileError, match="found 1000 bytes"):
        verify("digits.npz")


def test_a_missing_manifest(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(DataFileError, match=r"manifest\.json is missing.*git checkout"):
        manifest()


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "not json", json.dumps({"files": [{"name": "digits.npz"}]})],
)
def test_a_damaged_manifest(folder, content):
    (folder / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataFileError, match=r"manifest\.json cannot be read .*git checkout"):
        read_verified("digits.npz")


def test_importing_data_files_needs_the_standard_library_only():
    code = (
        "import sys; before = set(sys.modules); import course_utils.datasets.files;"
        "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['course_utils']"
