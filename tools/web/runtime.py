"""The Python of the website: Pyodide, a slim standard library and the course, as one folder.

    worker.js             Pyodide's two scripts and ours, one script for a worker
    pyodide.packed        Pyodide's interpreter, gzipped: not every host compresses what it sends
    pyodide-lock.json     that it has no packages
    python_stdlib.zip     what a page can use of the standard library, compiled
    course.zip            course_utils, data/, bridge.py, panel_data.py and its JSON, compiled
    bundle.js             all of that for pages opened from a folder, where nothing can be fetched
    LICENSES.txt

Made by Pyodide itself under Node (slim.mjs, slim.py), kept in build/python under the digest of all
that goes in: the same input gives the same bytes, and a second build copies them.
"""

import base64
import gzip
import hashlib
import json
import runpy
import shutil
import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

from tools.slides import assets

ROOT = Path(__file__).resolve().parents[2]
WEB = Path(__file__).parent
CACHE = ROOT / "build" / "python"
DATA = ("*.toml", "*.json", "questions/*.toml", "papers/*.toml", "*.npz")
OWN = ("LICENSES.txt", "left_out.py", "runtime.py", "slim.mjs", "slim.py", "worker.js")
MEASURED = ROOT / "notebooks" / "12_imagenet_winners.ipynb"  # panel_data.py runs cells of it
NO_NODE = (
    "node was not found; the website needs Node.js 20.6 or later, to compile its Python. Install "
    "it (Debian, Ubuntu: sudo apt-get install nodejs npm; macOS: brew install node; "
    "conda: conda install -c conda-forge nodejs) and run this again."
)
NODE_TIMEOUT = 600  # seconds; it takes about 10


def build(target: Path, web: Path = WEB, cache: Path = CACHE) -> None:
    """Write the folder ``target``; what it held before is gone.

    web: where bridge.py is, and panel_data.py where panels need data that is made now: its
        function `make` returns what JSON can hold.

    Raises:
        assets.AssetError: without npm or Node.js, or if Pyodide cannot be fetched or does not run.
    """
    course = course_files(web)
    made = cache / _digest(course)
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "lock"):
        if not made.is_dir():
            for old in filter(Path.is_dir, cache.iterdir()):
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                _make(Path(scratch), course, web)
                (Path(scratch) / "out").rename(made)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)


def course_files(web: Path = WEB) -> dict[str, bytes]:
    """Return what the page's Python finds in its folder, without panel_data.json: path -> bytes."""
    course = ROOT / "course_utils"
    paths = [path for path in course.rglob("*") if path.suffix in (".py", ".js")]
    paths += [path for pattern in DATA for path in (ROOT / "data").glob(pattern)]
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in sorted(paths)}
    own = [web / "bridge.py", web / "panel_data.py", WEB / "left_out.py"]
    return files | {path.name: path.read_bytes() for path in own if path.is_file()}


def _digest(course: dict[str, bytes]) -> str:
    """Name what is built by all that goes in: the course, these tools and Pyodide."""
    pinned = json.loads(assets.MANIFEST.read_text(encoding="utf-8"))["assets"]["pyodide"]
    tools = {f"tools/{name}": (WEB / name).read_bytes() for name in OWN}
    tools[MEASURED.name] = MEASURED.read_bytes()
    digest = hashlib.sha256(json.dumps(pinned).encode())
    for path, content in sorted((course | tools).items()):
        digest.update(f"\n{path} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _make(scratch: Path, course: dict[str, bytes], web: Path) -> None:
    """Write the folder ``scratch/out``."""
    pyodide = assets.install("optionalDependencies")["pyodide"]
    out = scratch / "out"
    out.mkdir()
    if "panel_data.py" in course:
        data = runpy.run_path(str(web / "panel_data.py"))["make"]()
        course["panel_data.json"] = json.dumps(data, separators=(",", ":")).encode()
    for path, content in course.items():
        place = scratch / "course" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    _run_node(pyodide, scratch)
    for name in ("course.zip", "python_stdlib.zip"):  # Pyodide's own may be written by anyone
        (out / name).write_bytes((scratch / name).read_bytes())
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    (out / "pyodide-lock.json").write_text(json.dumps({"info": lock["info"], "packages": {}}))
    shutil.copy(pyodide / "pyodide.asm.wasm", out)
    (out / "worker.js").write_text(_worker(pyodide), encoding="utf-8")
    _bundle(out)
    wasm = out / "pyodide.asm.wasm"
    (out / "pyodide.packed").write_bytes(gzip.compress(wasm.read_bytes(), mtime=0))
    wasm.unlink()
    licences = (WEB / "LICENSES.txt").read_text(encoding="utf-8")
    version = assets.packages("optionalDependencies")["pyodide"]
    (out / "LICENSES.txt").write_text(licences.format(version=version), encoding="utf-8")


def _worker(pyodide: Path) -> str:
    """Return one classic script: a page from a folder can start no worker that is a module.

    Pyodide's own script looks for importScripts, and refuses to run in a classic worker, because
    it would import the other one there; here that stands beside it.
    """
    first, second = (
        (pyodide / name).read_text(encoding="utf-8") for name in ("pyodide.js", "pyodide.asm.mjs")
    )
    export = "export default _createPyodideModule;"
    assert second.count(export) == 1 and "import.meta.url" in second
    second = second.replace(export, "").replace("import.meta.url", "self.location.href")
    own = (WEB / "worker.js").read_text(encoding="utf-8")
    return "\n".join(('"use strict"; self.importScripts = null;', first, second, own))


def _run_node(pyodide: Path, scratch: Path) -> None:
    node = shutil.which("node")
    if node is None:
        raise assets.AssetError(NO_NODE)
    command = [node, str(WEB / "slim.mjs"), str(pyodide), str(scratch)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=NODE_TIMEOUT)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise assets.AssetError(
            f"Pyodide did not run under Node.js (20.6 or later is needed, {node} was used): {said}"
        )


def _bundle(out: Path) -> None:
    """Write bundle.js: name -> base64 of the gzipped file, as `cnn.bundle`."""
    files = {
        path.name: base64.b64encode(gzip.compress(path.read_bytes(), mtime=0)).decode()
        for path in sorted(out.iterdir())
    }
    (out / "bundle.js").write_text(f"(window.cnn ??= {{}}).bundle = {json.dumps(files)};\n")
