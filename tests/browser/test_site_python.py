"""The site's Python in a browser: from a server and from a folder, with the site's own policy."""

import functools
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from inspect import getsource
from pathlib import Path

import pytest
from files import ROOT

from course_utils.exercises import find
from tools.web import runtime

SMALL = ROOT / "tests" / "tools" / "small_web"
CACHE = ROOT / "build" / "python-tests"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:"
)
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Page</title>'
    '<link rel="icon" href="data:,">'
    '<meta http-equiv="Content-Security-Policy" content="{policy}">'
    '<script defer src="{up}assets/python.js"></script><p>A page.</p>'
)
# Asks one of the page's two Pythons; gives the value, or how the promise was rejected.
ASK = """async ([who, how, ...request]) => {
  cnn.checker ??= new cnn.Python();
  try { return { value: await cnn[who][how](...request) }; }
  catch ({ name, message, missing }) { return { name, message, missing }; }
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and writes no log."""

    def log_message(self, *what):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A site of two pages, one of them in a folder as the decks are, that run Python."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("Node.js and npm are not installed")
    folder = tmp_path_factory.mktemp("site")
    for name in ("assets", "slides"):
        (folder / name).mkdir()
    runtime.build(folder / "python", web=SMALL, cache=CACHE)
    shutil.copy(ROOT / "tools" / "web" / "python.js", folder / "assets")
    (folder / "page.html").write_text(PAGE.format(policy=POLICY, up=""))
    (folder / "slides" / "deck.html").write_text(PAGE.format(policy=POLICY, up="../"))
    blocked = POLICY.replace("worker-src 'self' blob:", "worker-src 'none'")
    (folder / "blocked.html").write_text(PAGE.format(policy=blocked, up=""))
    return folder


@pytest.fixture(scope="module")
def served(site) -> Iterator[str]:
    """The address of the site on a server of its own."""
    handler = functools.partial(Quiet, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def silent(page):
    """Fail at the end of the block if the console or an uncaught error said something."""
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield
    assert said == []


@pytest.fixture(scope="module")
def live(new_page, served):
    """One page from the server for several tests: its Pythons are started once."""
    with new_page() as page, silent(page):
        page.goto(f"{served}/page.html")
        yield page


def call(page, method: str, *arguments: str) -> dict:
    """What the Python of panels and questions answers."""
    return page.evaluate(ASK, ["python", "call", method, *arguments])


def value(page, expression: str, imports: str = "") -> dict:
    """What it makes of an expression."""
    return call(page, "value", expression, imports)


def limited(page, seconds: float, expression: str) -> dict:
    """What the Python of exercises makes of it in that time."""
    return page.evaluate(ASK, ["checker", "limited", seconds, "value", expression])


@pytest.mark.parametrize("path", ["page.html", "slides/deck.html"])
@pytest.mark.parametrize("over", ["http", "file"])
def test_python_answers_over_http_and_from_a_folder(page, site, served, over, path):
    with silent(page):
        page.goto(f"{served if over == 'http' else site.as_uri()}/{path}")
        assert value(page, "[6 * 7, 'ä', None]") == {"value": [42, "ä", None]}
        assert page.evaluate("() => cnn.Python.possible()") is True


def test_the_course_and_its_data_are_there(live):
    assert call(live, "data") == {"value": {"three": 3}}
    shown = call(live, "solution", "01.count-edges")
    assert shown == {"value": getsource(find("01.count-edges").solution)}


def test_what_a_student_imports(live):
    source = (ROOT / "tools" / "web" / "slim.py").read_text()
    names = source.split('STUDENTS = """')[1].split('"""')[0].split()
    assert "math" in names and value(live, "None", " ".join(names)) == {"value": None}
    for expression, imports, right in LATE_IMPORTS:
        assert value(live, expression, imports) == {"value": right}, expression


# What Python imports only when it is done.
LATE_IMPORTS = [
    ("str(fractions.Fraction('3/7') + 1)", "fractions", "10/7"),
    ("datetime.datetime.strptime('3 May 2024', '%d %B %Y').year", "datetime", 2024),
    ("(sys.set_int_max_str_digits(0), int(str(7**60000)) == 7**60000)[1]", "sys", True),
    ("str(codecs.lookup('latin-1').name)", "codecs", "iso8859-1"),
    ("statistics.quantiles([1, 2, 3, 4])", "statistics", [1.25, 2.5, 3.75]),
]


def test_errors_say_what_is_wrong_and_which_package_is_missing(live):
    error = {"name": "Error", "missing": None}
    assert value(live, "1 / 0") == error | {"message": "division by zero"}
    absent = {"message": "No module named 'torch'", "missing": "torch"}
    assert value(live, "torch", "torch") == error | absent
    for module, package in (("ledger", "torch"), ("ops", "numpy")):  # their first import says it
        said = value(live, "1", f"course_utils.{module}")
        assert said == error | {"message": f"No module named '{package}'", "missing": package}
    left_out = "the module sqlite3 is not part of the Python of this page"
    assert value(live, "1", "sqlite3") == error | {"message": left_out, "missing": "sqlite3"}


ENDLESS = "sum(iter(int, 1))"  # int() is never 1; a single call into C, which nothing interrupts


def test_an_endless_loop_is_ended_while_others_go_on(live):
    assert limited(live, 60, "1") == {"value": 1}
    ask = f"() => {{ window.ends = ({ASK})(['checker', 'limited', 1, 'value', '{ENDLESS}']); }}"
    live.evaluate(ask)
    assert value(live, "2") == {"value": 2}
    ended = live.evaluate("() => window.ends")
    assert ended["name"] == "TimeUp" and ended["message"] == "not done in 1 s"
    assert limited(live, 60, "3") == {"value": 3}


def test_limited_calls_take_turns(live):
    both = f"""() => Promise.all([[1, '{ENDLESS}'], [9, '4']].map(
      ([seconds, expression]) => ({ASK})(['checker', 'limited', seconds, 'value', expression])))"""
    first, second = live.evaluate(both)
    assert first["name"] == "TimeUp" and second == {"value": 4}


def test_a_python_that_breaks_is_replaced(live):
    assert value(live, "sys.exit(3)", "sys")["message"] == "SystemExit: 3"
    assert value(live, "5") == {"value": 5}


def test_terminate_rejects_what_waits(live):
    said = live.evaluate("""async () => {
      await cnn.python.ready;
      const waits = cnn.python.call("value", "6").catch((error) => error.message);
      await cnn.python.ready;
      cnn.python.terminate();
      return waits;
    }""")
    assert said == "Python was ended"
    assert value(live, "6") == {"value": 6}


@pytest.mark.parametrize(
    "without",
    [
        "delete window.WebAssembly",
        "delete window.Worker",
        "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })",
    ],
)
def test_where_python_cannot_run_nothing_is_fetched(page, served, without):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(without)
    with silent(page):
        page.goto(f"{served}/page.html")
        assert page.evaluate("() => cnn.Python.possible()") is False
        assert value(page, "1")["message"] == "Python does not run here"
    assert f"{served}/assets/python.js" in asked and not [url for url in asked if "/python/" in url]


def test_a_blocked_worker_rejects_and_throws_nothing(page, served):
    errors = []  # the browser itself reports the policy on the console
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{served}/blocked.html")
    assert "message" in value(page, "1") and "message" in value(page, "1")
    assert errors == []


def test_a_folder_without_its_bundle_rejects_with_its_name(page, site, tmp_path):
    shutil.copytree(site / "assets", tmp_path / "assets")
    shutil.copy(site / "page.html", tmp_path)
    page.goto((tmp_path / "page.html").as_uri())
    assert value(page, "1")["message"].endswith("bundle.js was not found")
