"""lab: the course's settings and stylesheet are in force, the user's stay, nothing asks the net."""

import json
import os
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import nbformat
import pytest
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_notebook

from tools import lab

ROOT = Path(__file__).resolve().parents[2]
OVERRIDES = json.loads((lab.CONFIG / "labconfig" / "default_setting_overrides.json").read_text())


@pytest.mark.parametrize("variable", ["JUPYTER_CONFIG_PATH", "JUPYTER_PATH"])
def test_course_settings_come_beside_the_users(variable):
    assert lab.settings_path({}, variable) == str(lab.CONFIG)
    both = os.pathsep.join([str(lab.CONFIG), "mine"])
    assert lab.settings_path({variable: "mine"}, variable) == both


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "made.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1", id="one")]), path)
    return path


def test_trust_signs_once(made, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    before = made.read_bytes()
    assert (lab.trust([made]), lab.trust([made])) == (1, 0)
    assert made.read_bytes() == before
    made.write_bytes(before.replace(b'"1"', b'"2"'))
    assert lab.trust([made]) == 1


def no_home(home, monkeypatch):
    expand = os.path.expanduser
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda p: expand(p) if "HOME" in os.environ else p)


def read_only_signatures(home, monkeypatch):
    """As sqlite answers for a file of another user; root, who may run this, can write any file."""
    (home / "data").mkdir()
    database = NotebookNotary(data_dir=str(home / "data")).store.db
    refuse = "BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
    database.execute(f"CREATE TRIGGER no BEFORE INSERT ON nbsignatures {refuse}")
    database.close()


def in_the_way(name):
    """A file where Jupyter wants a folder or, with a slash at the end, the other way round."""

    def make(home, monkeypatch):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).mkdir() if name.endswith("/") else (home / name).touch()

    return make


TRUST = "which notebooks you trust"


@pytest.mark.parametrize(
    ("trouble", "what"),
    [
        (no_home, "your answers and all you set (Could not determine home directory)."),
        (in_the_way("config"), "your settings of JupyterLab ([Errno 17] File exists: "),
        (in_the_way("data/notebook_secret/"), f"{TRUST} ([Errno 21] Is a directory: "),
        (read_only_signatures, f"{TRUST} (attempt to write a readonly database)."),
        (in_the_way("data/runtime"), "which servers are running ([Errno 17] File exists: "),
        (lambda *_: None, None),
    ],
)
def test_what_jupyter_cannot_keep_is_said_and_works(made, tmp_path, monkeypatch, trouble, what):
    for name in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "")
    monkeypatch.delenv("JUPYTER_RUNTIME_DIR")
    trouble(tmp_path, monkeypatch)
    said = lab.prepare([made])
    assert len(said) == bool(what)
    assert all(line.startswith(f"Not kept after this session: {what}") for line in said)
    assert lab.trust([made]) == 0  # it is signed, where this session looks for it
    assert lab.prepare([made]) == []


@pytest.mark.parametrize(
    ("environment", "platform", "opens"),
    [({}, "linux", False), ({"DISPLAY": ":0"}, "linux", True), ({}, "darwin", True),
     ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True), ({}, "win32", True)],
)  # fmt: skip
def test_browser_needs_a_display_on_linux(monkeypatch, environment, platform, opens):
    def none():
        raise lab.webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(lab.webbrowser, "get", lambda: object())
    assert lab.has_browser(environment, platform) is opens
    monkeypatch.setattr(lab.webbrowser, "get", none)
    assert not lab.has_browser(environment, platform)


@pytest.mark.parametrize("browser", [True, False])
@pytest.mark.parametrize("is_root", [True, False])
def test_arguments(browser, is_root):
    made = lab.arguments(browser, is_root, ["--port=1"])
    assert ("--allow-root" in made, "--no-browser" in made) == (is_root, not browser)
    assert made[-1] == "--port=1"


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
        served.append((own, lecture, store, [path.name for path in store.iterdir()]))
        if lecture:
            (store / "asked.json").write_text("{}")
        said = lab.announcement("http://x", browser=True, lecture=lecture)
        assert ("not kept" in said) == lecture

    monkeypatch.setattr(lab, "serve", serve)
    lab.main(["--port=1"])
    assert served.pop() == (["--port=1"], False, tmp_path, ["mine.json"])
    lab.main(["--port=1", "--lecture"])
    lab.main(["--lecture"])
    (first, again) = served
    assert first[:2] == (["--port=1"], True)
    assert first[2] not in (tmp_path, again[2])
    assert first[3] == again[3] == []
    assert not first[2].exists()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"]


def test_overrides_name_settings_that_this_jupyterlab_has():
    """A misspelt setting would be ignored in silence."""
    schemas = Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"
    for plugin, settings in OVERRIDES.items():
        package, name = plugin.split(":")
        properties = json.loads((schemas / package / f"{name}.json").read_text())["properties"]
        for key, value in settings.items():
            assert key in properties, f"{plugin} has no setting {key}"
            jsonschema.validate(value, properties[key])


@pytest.fixture(scope="module")
def server(tmp_path_factory, start_lab):
    """Fetch a path from JupyterLab as `make lab` starts it; `server.address` is what it printed."""
    home = tmp_path_factory.mktemp("home")
    (home / "data" / "notebook_secret").mkdir(parents=True)  # so that nothing can be signed there
    keep = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "LANG")
    environment = {key: os.environ[key] for key in keep if key in os.environ}
    environment |= {name: str(home) for name in ("HOME", "USERPROFILE", "JUPYTER_CONFIG_DIR")}
    environment |= {"JUPYTER_DATA_DIR": str(home / "data"), "JUPYTER_PLATFORM_DIRS": "0"}
    with start_lab(ROOT, environment) as (address, base, token):

        def fetch(path: str) -> str:
            headers = {"Authorization": f"token {token}"}
            request = urllib.request.Request(base + path, headers=headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read().decode()

        fetch.address = address
        yield fetch


def test_server_opens_the_first_notebook_though_no_signature_can_be_kept_as_trusted(server):
    assert f"/lab/tree/{lab.START}?" in server.address
    assert "jupyter-config-data" in server(f"/lab/tree/{lab.START}")
    cells = json.loads(server(f"/api/contents/{lab.START}"))["content"]["cells"]
    trusted = [c["metadata"]["trusted"] for c in cells if c["cell_type"] == "code"]
    assert trusted and all(trusted)


def test_server_gives_the_stylesheet_and_the_kernel_of_the_course(server):
    """Not a kernel that the user registered under the same name, which may be another Python's."""
    assert "/custom/custom.css" in server("/lab")
    own = (lab.CONFIG / "custom" / "custom.css").read_text(encoding="utf-8")
    assert server("/custom/custom.css") == own
    spec = json.loads(server("/api/kernelspecs"))["kernelspecs"]["python3"]["spec"]
    own = json.loads((lab.CONFIG / "kernels" / "python3" / "kernel.json").read_text())
    assert spec["argv"][1:] == own["argv"][1:]


def test_server_has_the_overrides_as_defaults(server):
    for plugin, settings in OVERRIDES.items():
        properties = json.loads(server(f"/lab/api/settings/{plugin}"))["schema"]["properties"]
        assert {key: properties[key]["default"] for key in settings} == settings


def test_server_asks_the_network_for_nothing(server):
    assert json.loads(server("/lab/api/news")) == {"news": []}
    assert json.loads(server("/lab/api/update")) == {"notification": None}
    page = server("/lab")
    assert '"extensionManager": {"name": "read-only"' in page or '"can_install": false' in page


def test_the_server_sends_each_message_to_the_browser_at_once(monkeypatch):
    from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader("jupyter_server_config.py", path=str(lab.CONFIG)).load_config()
    made = config.ServerApp.kernel_websocket_connection_class
    assert issubclass(made, ZMQChannelsWebsocketConnection)

    done = []
    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "connect", lambda _: done.append("connect"))
    handler = SimpleNamespace(set_nodelay=lambda on: done.append(("nodelay", on)))
    monkeypatch.setattr(made, "websocket_handler", handler, raising=False)
    made.connect(made.__new__(made))
    assert done == [("nodelay", True), "connect"]
