"""Scripts of the exported slides and of the website: fetched through npm once, checked, pruned.

tools/package.json names the packages with exact versions, the SHA-512 of each, and the few files
that are kept. `npm pack` downloads a package alone; its dependencies are already in the bundles.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "tools" / "package.json"
CACHE = ROOT / "build" / "npm"
NPM_TIMEOUT = 300  # seconds for one package
NO_NPM = (
    "npm was not found; it is needed once, to fetch reveal.js, MathJax and Pyodide. Install "
    "Node.js (Debian, Ubuntu: sudo apt-get install npm; macOS: brew install node; "
    "conda: conda install -c conda-forge nodejs) and run this again."
)


class AssetError(RuntimeError):
    """An asset cannot be had; the message says which, why, and what to do."""


def packages(group: str = "dependencies") -> dict[str, str]:
    """Return package name -> exact version, of one of the manifest's groups."""
    return json.loads(MANIFEST.read_text(encoding="utf-8"))[group]


def install(group: str = "dependencies", cache: Path = CACHE) -> dict[str, Path]:
    """Return package name -> folder with its kept files; only what is missing is fetched.

    Raises:
        AssetError: without npm, without an answer from the registry, or if a digest differs.
    """
    recipe = json.loads(MANIFEST.read_text(encoding="utf-8"))["assets"]
    folders = {}
    for name, version in packages(group).items():
        folder = cache / f"{name.replace('/', '-').lstrip('@')}-{version}"
        if not all((folder / kept).is_file() for kept in recipe[name]["files"].values()):
            _fetch(name, version, recipe[name], folder)
        folders[name] = folder
    return folders


def _fetch(name: str, version: str, recipe: dict, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise AssetError(NO_NPM)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        command = [npm, "pack", "--ignore-scripts", "--silent", f"{name}@{version}"]
        try:
            subprocess.run(
                command, cwd=scratch, check=True, capture_output=True, text=True,
                timeout=NPM_TIMEOUT,
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            raise AssetError(
                f"npm could not fetch {name} {version}: {error.stderr.strip()}"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise AssetError(
                f"npm did not fetch {name} {version} within {NPM_TIMEOUT} seconds: is there a "
                "network?"
            ) from error
        (archive,) = Path(scratch).glob("*.tgz")
        found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != recipe["integrity"]:
            raise AssetError(
                f"{name} {version}: the digest of what npm fetched is {found}, but "
                f"tools/package.json expects {recipe['integrity']}"
            )
        kept = Path(scratch) / "kept"
        with tarfile.open(archive) as package:
            for source, target in recipe["files"].items():
                place = kept / target
                place.parent.mkdir(parents=True, exist_ok=True)
                member = package.extractfile(f"package/{source}")
                place.write_bytes(member.read())
        shutil.rmtree(folder, ignore_errors=True)
        kept.rename(folder)


def copy(folders: dict[str, Path], target: Path) -> None:
    """Copy the kept files of every package into ``target``, save those that Node needs here."""
    for folder in folders.values():
        only_here = shutil.ignore_patterns("node")
        shutil.copytree(folder, target, dirs_exist_ok=True, ignore=only_here)
