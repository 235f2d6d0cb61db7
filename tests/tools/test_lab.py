"""lab: the course's settings and stylesheet are in force, the user's stay, nothing asks the net."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import jsonschema
import nbformat
import pytest
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_notebook

from tools import lab

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("variable", ["JUPYTER_CONFIG_PATH", "JUPYTER_PATH"])
def test_course_settings_come_beside_the_users(variable):
    assert lab.settings_path({}, variable) == str(lab.CONFIG)
    both = os.pathsep.join([str(lab.CONFIG), "mine"])
    assert lab.settings_path({variable: "mine"}, variable) == both


def test_trust_signs_once(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    path = tmp_path / "made.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1", id="one")]), path)
    before = path.read_bytes()
    assert lab.trust([path]) == 1
    assert lab.trust([path]) == 0
    assert path.read_bytes() == before
    nbformat.write(new_notebook(cells=[new_code_cell("2", id="one")]), path)
    assert lab.trust([path]) == 1


def no_home(home, monkeypatch):
    expanduser = os.path.expanduser
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(
        os.path, "expanduser", lambda p: expanduser(p) if "HOME" in os.environ else p
    )


def settings_in_the_way(home, monkeypatch):
    (home / "config").write_text("a file where a folder should be")


def secret_in_the_way(home, monkeypatch):
    (home / "data" / "notebook_secret").mkdir(parents=True)


def read_only_signatures(home, monkeypatch):
    """As sqlite answers for a file of another user; root, who may run this, can write any file."""
    (home / "data").mkdir()
    database = NotebookNotary(data_dir=str(home / "data")).store.db
    refuse = "BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
    database.execute(f"CREATE TRIGGER no BEFORE INSERT ON nbsignatures {refuse}")
    database.close()


def runtime_in_the_way(home, monkeypatch):
    (home / "data").mkdir()
    (home / "data" / "runtime").write_text("a file where a folder should be")


@pytest.mark.parametrize(
    ("trouble", "what"),
    [
        (no_home, ["your answers and all you set (Could not determine home directory)."]),
        (settings_in_the_way, ["your settings of JupyterLab ([Errno 17] File exists: "]),
        (secret_in_the_way, ["which notebooks you trust ([Errno 21] Is a directory: "]),
        (
            read_only_signatures,
            ["which notebooks you trust (attempt to write a readonly database)."],
        ),
        (runtime_in_the_way, ["which servers are running ([Errno 17] File exists: "]),
        (lambda *_: None, []),
    ],
)
def test_what_jupyter_cannot_keep_is_said_and_works(tmp_path, monkeypatch, trouble, what):
    for name in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "")
    monkeypatch.delenv("JUPYTER_RUNTIME_DIR")
    trouble(tmp_path, monkeypatch)
    path = tmp_path / "made.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1", id="one")]), path)
    said = [line.removeprefix("Not kept after this session: ") for line in lab.prepare([path])]
    assert len(said) == len(what)
    assert all(line.startswith(begin) for line, begin in zip(said, what, strict=True))
    assert lab.trust([path]) == 0  # it is signed, where this session looks for it
    assert lab.prepare([path]) == []


def test_browser_needs_a_display_on_linux(monkeypatch):
    monkeypatch.setattr(lab.webbrowser, "get", lambda: object())
    assert not lab.has_browser({}, "linux")
    assert lab.has_browser({"DISPLAY": ":0"}, "linux")
    assert lab.has_browser({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert lab.has_browser({}, "darwin") and lab.has_browser({}, "win32")


def test_no_browser_installed(monkeypatch):
    def none():
        raise lab.webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(lab.webbrowser, "get", none)
    assert not lab.has_browser({"DISPLAY": ":0"}, "linux")


def test_arguments():
    assert "--allow-root" not in lab.arguments(browser=True, is_root=False)
    assert "--allow-root" in lab.arguments(browser=True, is_root=True)
    assert "--no-browser" not in lab.arguments(browser=True, is_root=False)
    assert "--no-browser" in lab.arguments(browser=False, is_root=False)
    assert lab.arguments(True, False, ["--port=1"])[-1] == "--port=1"


def test_url_stands_on_a_line_of_its_own_without_a_browser():
    text = lab.announcement("http://localhost:1/lab?token=x", browser=False)
    assert "No browser can be opened from here" in text
    assert "    http://localhost:1/lab?token=x" in text.splitlines()
    assert "open in your browser" in lab.announcement("http://x", browser=True)


def test_a_lecture_has_an_answer_store_of_its_own(monkeypatch, tmp_path):
    """Empty at first and gone at the end; that of the lecturer is not touched."""
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))
    (tmp_path / "mine.json").write_text("{}")
    served = []

    def serve(own, lecture):
        store = Path(os.environ["CNN_COURSE_STATE"])
        served.append((own, lecture, store, list(store.iterdir())))
        (store / "asked.json").write_text("{}")

    monkeypatch.setattr(lab, "serve", serve)
    lab.main(["--port=1", "--lecture"])
    lab.main(["--lecture"])
    (first, again) = served
    assert first[:2] == (["--port=1"], True)
    assert first[2] not in (tmp_path, again[2])
    assert first[3] == again[3] == []
    assert not first[2].exists()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]
    assert "not kept" in lab.announcement("http://x", browser=True, lecture=True)


def test_no_lecture_keeps_the_answers(monkeypatch, tmp_path):
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))
    monkeypatch.setattr(lab, "serve", lambda own, lecture: None)
    lab.main(["--port=1"])
    assert os.environ["CNN_COURSE_STATE"] == str(tmp_path)
    assert "not kept" not in lab.announcement("http://x", browser=True)


def test_overrides_name_settings_that_this_jupyterlab_has():
    """A misspelt setting would be ignored in silence."""
    schemas = Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"
    path = lab.CONFIG / "labconfig" / "default_setting_overrides.json"
    for plugin, settings in json.loads(path.read_text(encoding="utf-8")).items():
        package, name = plugin.split(":")
        properties = json.loads((schemas / package / f"{name}.json").read_text())["properties"]
        for key, value in settings.items():
            assert key in properties, f"{plugin} has no setting {key}"
            jsonschema.validate(value, properties[key])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of JupyterLab as `make lab` starts it."""
    home = tmp_path_factory.mktemp("home")
    keep = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "LANG")
    environment = {key: os.environ[key] for key in keep if key in os.environ}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "PYTHONUNBUFFERED": "1"}
    environment |= {"JUPYTER_CONFIG_DIR": str(home / ".jupyter"), "JUPYTER_PLATFORM_DIRS": "0"}
    environment["JUPYTER_DATA_DIR"] = str(home / "data")
    (home / "data" / "notebook_secret").mkdir(parents=True)  # so that nothing can be signed there
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = home / "log"
    with log.open("w") as output:
        command = [sys.executable, str(ROOT / "tools" / "lab.py"), f"--port={port}"]
        process = subprocess.Popen(
            [*command, "--no-browser"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(240):
            found = re.search(r"^ {4}(http://\S+)$", log.read_text(), re.MULTILINE)
            if found or process.poll() is not None:
                break
            time.sleep(0.25)
        assert found, f"no address was printed:\n{log.read_text()}"
        yield found.group(1)
    finally:
        process.terminate()
        process.wait(timeout=30)


def fetch(address: str, path: str) -> str:
    base, token = re.fullmatch(r"(http://[^/]+)/.*[?&]token=(\w+)", address).groups()
    request = urllib.request.Request(base + path, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def setting(address: str, plugin: str) -> dict:
    return json.loads(fetch(address, f"/lab/api/settings/{plugin}"))


def test_server_opens_the_first_notebook(server):
    assert f"/lab/tree/{lab.START}?" in server
    assert "jupyter-config-data" in fetch(server, f"/lab/tree/{lab.START}")


def test_server_trusts_the_notebooks_though_no_signature_can_be_kept(server):
    cells = json.loads(fetch(server, f"/api/contents/{lab.START}"))["content"]["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and all(cell["metadata"]["trusted"] for cell in code)


def test_server_gives_the_stylesheet_of_the_course(server):
    assert "/custom/custom.css" in fetch(server, "/lab")
    own = (lab.CONFIG / "custom" / "custom.css").read_text(encoding="utf-8")
    assert fetch(server, "/custom/custom.css") == own


def test_server_starts_the_kernel_of_the_course(server):
    """Not one that the user registered under the same name, which may be another Python's."""
    spec = json.loads(fetch(server, "/api/kernelspecs"))["kernelspecs"]["python3"]["spec"]
    own = json.loads((lab.CONFIG / "kernels" / "python3" / "kernel.json").read_text())
    assert spec["argv"][1:] == own["argv"][1:]


def test_server_has_the_overrides_as_defaults(server):
    path = lab.CONFIG / "labconfig" / "default_setting_overrides.json"
    for plugin, settings in json.loads(path.read_text(encoding="utf-8")).items():
        properties = setting(server, plugin)["schema"]["properties"]
        assert {key: properties[key]["default"] for key in settings} == settings


def test_server_asks_the_network_for_nothing(server):
    assert json.loads(fetch(server, "/lab/api/news")) == {"news": []}
    assert json.loads(fetch(server, "/lab/api/update")) == {"notification": None}
    page = fetch(server, "/lab")
    assert '"extensionManager": {"name": "read-only"' in page or '"can_install": false' in page


def test_the_server_sends_each_message_to_the_browser_at_once(monkeypatch):
    from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader("jupyter_server_config.py", path=str(lab.CONFIG)).load_config()
    made = config.ServerApp.kernel_websocket_connection_class
    assert issubclass(made, ZMQChannelsWebsocketConnection)

    done = []

    class Handler:
        def set_nodelay(self, on):
            done.append(("nodelay", on))

    monkeypatch.setattr(
        ZMQChannelsWebsocketConnection, "connect", lambda self: done.append("connected")
    )
    connection = made.__new__(made)
    monkeypatch.setattr(made, "websocket_handler", Handler(), raising=False)
    made.connect(connection)
    assert done == [("nodelay", True), "connected"]
