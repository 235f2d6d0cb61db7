"""The whole website as it is served: Pyodide's Python against this one, and a reader's walk."""

import json
import random
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from files import NOTEBOOKS
from playwright.sync_api import expect

from course_utils.explorer import Choice, Slider
from course_utils.lessons import LESSONS
from course_utils.lessons.start_here.overview import progress_of
from course_utils.quiz import find_question
from tests.browser.test_site_pages import OVERHANG, VIOLATIONS
from tests.headless import panels
from tests.test_headless import EXERCISES, NEED_NUMPY, NEED_TORCH, PANELS
from tools import build_site, export_slides
from tools.slides import assets
from tools.slides import browser as slides_browser
from tools.web import bridge, panel_data

pytestmark = pytest.mark.browser

CALL = """async (requests) => {
  cnn.python ??= new cnn.Python();
  const answers = [];
  for (const [method, ...args] of requests)
    answers.push(await cnn.python.call(method, ...args).catch(({ message }) => message));
  return answers;
}"""

STATES = [5, pytest.param(50, marks=pytest.mark.slow)]
LIVE = ".live[data-state=live]"


class Handler(SimpleHTTPRequestHandler):
    """Serves files as any host does, and says nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory, npm):
    """The whole site with one deck: its folder, and the address at which it is served."""
    folder = tmp_path_factory.mktemp("www") / "site"
    decks = folder.parent / "slides"
    export_slides.write_decks(NOTEBOOKS[1:2], decks)
    (decks / "index.html").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_slides, "TARGET", decks)
        build_site.build(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield SimpleNamespace(folder=folder, base=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def python(site, new_page):
    """Ask the page's Python: a list of requests, each `[method, *arguments]`."""
    with new_page() as page:
        page.goto(f"{site.base}/01_sparse_connectivity.html")
        yield lambda *requests: page.evaluate(CALL, list(requests))


@pytest.fixture
def visit(site, page):
    """Open a page and wait until so many of its elements are alive; no error may be said."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)

    def go(name, base=site.base):
        page.goto(f"{base}/{name}.html")
        marked = page.locator(".live:not([data-progress])")
        page.wait_for_function(
            "(all) => document.querySelectorAll('.live[data-state=live], .live[data-state=still]')"
            ".length === all",
            arg=marked.count(),
            timeout=120_000,
        )
        return page

    yield go
    assert errors == []


# --- panels ---


def moves(panel, count):
    """Random settings of a panel, as a page sends them."""
    rng = random.Random(type(panel).__name__)

    def sent(control):
        if isinstance(control, Slider):
            return rng.randrange(control.smallest, control.largest + 1, control.step)
        if isinstance(control, Choice):
            return rng.randrange(len(control.options))
        return " ".join(f"{rng.randint(-20, 20) / 10:g}" for _ in range(rng.choice((3, 5, 6))))

    return [{control.name: sent(control) for control in panel.controls} for _ in range(count)]


def shown(panel):
    return json.loads(json.dumps(bridge._shown(panel)))


@pytest.fixture(scope="module")
def data(site):
    """The data of the panels that the site was built with."""

    with zipfile.ZipFile(site.folder / "python" / "course.zip") as course:
        return json.loads(course.read("panel_data.json"))


@pytest.mark.parametrize("count", STATES)
@pytest.mark.parametrize("name", PANELS)
def test_a_panel_shows_what_the_notebook_shows(name, count, python, data):
    kind = panels()[name]
    panel = kind(*panel_data.arguments(name, data))
    where, key = f"{kind.__module__}:{name}", f"{name}-{count}"
    expected, requests = [shown(panel)], [["panel_open", key, where, {}]]
    for values in moves(panel, count):
        named = {control.name: control for control in panel.controls}
        panel.move(**{n: bridge._value(named[n], v) for n, v in values.items()})
        expected.append(shown(panel))
        requests.append(["panel_move", key, values])
    opened, *moved = python(*requests)
    assert [opened["shown"], *moved] == expected


# --- questions and exercises ---


def test_every_question_knows_its_answer_and_every_slip(python):
    requests, expected = [], []
    for name in (name for row in progress_of({}, []) for name in row.questions):
        question = find_question(name)
        wrong = [value for one in question.wrong for value in one.values if not one.missed]
        for value in (question.answer, *wrong):
            entered = value if isinstance(value, list) else str(value)
            entered = [entered] if question.kind == "choices" and value in wrong else entered
            entered = list(entered) if question.kind == "choices" else entered
            requests.append(["question_act", name, {}, "check", entered])
            expected.append(json.loads(bridge.answer("question_act", json.dumps(requests[-1][1:]))))
    assert len(requests) > 500
    assert python(*requests) == expected


ALIVE = sorted(set(EXERCISES) - NEED_NUMPY - NEED_TORCH)


@pytest.mark.parametrize("name", ALIVE)
def test_an_exercise_knows_stub_solution_and_wrong_ideas(name, python):
    one = EXERCISES[name]
    found = f'from course_utils.exercises import find\none = find("{name}")\n{one.name} = '
    ideas = [f"list(one.wrong_ideas.values())[{i}]" for i in range(len(one.wrong_ideas))]
    stub = f"lambda {', '.join(one.parameters)}: ..."
    asked = [["exercise_check", name, found + code] for code in (stub, "one.solution", *ideas)]
    untouched, solved, *wrong = python(*asked)
    assert (untouched["state"], solved["state"]) == ("not attempted", "passed")
    for hint, report in zip(one.wrong_ideas, wrong, strict=True):
        assert report["state"] != "passed" and "Hint." in report["html"], hint


def test_an_endless_loop_is_ended_and_the_next_check_works(visit):
    page = visit("01_sparse_connectivity")
    root = page.locator('[data-exercise="01.count-edges"]')
    editor, run = (
        root.get_by_label("Your code for count_edges"),
        root.get_by_role("button", name="Run"),
    )
    editor.fill("def count_edges(n, kernel, stride, padding):\n    while True: pass\n")
    run.click()
    panel = page.locator("[data-panel]").first  # it goes on while the other Python is at work
    before = panel.locator(".cnn-says").inner_text()
    panel.locator("input[type=range]").first.press("ArrowRight")
    expect(panel.locator(".cnn-says")).not_to_have_text(before)
    expect(root.locator(".cnn-check[data-state=endless]")).to_be_visible(timeout=30_000)
    editor.fill("def count_edges(n, kernel, stride, padding):\n    return (\n")
    run.click()
    expect(root.locator(".cnn-check[data-state=raised]")).to_contain_text("SyntaxError")


# --- pages ---


SAMPLE = ("01", "06", "12")
OTHERS = [p.stem for p in NOTEBOOKS if not p.stem.startswith(SAMPLE)]


@pytest.mark.parametrize(
    "name",
    [p.stem for p in NOTEBOOKS if p.stem.startswith(SAMPLE)]
    + [pytest.param(name, marks=pytest.mark.slow) for name in OTHERS],
)
def test_everything_on_a_page_is_alive_or_says_why(name, visit):
    page = visit(name)
    for root in page.locator(".live[data-state=still]").all():
        assert root.locator(".live-note").inner_text().startswith("Alive in JupyterLab: it needs ")
    questions = page.locator("[data-question]").count()
    assert page.locator("[data-question][data-state=live]").count() == questions
    still = page.locator(".live[data-state=still]")
    named = {
        (root.get_attribute("data-exercise") or root.get_attribute("data-panel").split(":")[1])
        for root in still.all()
    }
    assert named <= NEED_NUMPY | NEED_TORCH | {"MoveTheGull", "DigitReader"}
    axe = assets.install("devDependencies")["axe-core"] / "axe.min.js"
    page.evaluate(axe.read_text(encoding="utf-8"))
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert page.evaluate(VIOLATIONS) == []
    for width in (320, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(OVERHANG) <= 0


@pytest.mark.parametrize("lesson", LESSONS[1:3], ids=lambda lesson: lesson.slug)
def test_the_folder_works_without_a_server(lesson, site, visit):
    page = visit(lesson.slug, base=site.folder.as_uri())
    panel = page.locator("[data-panel]").first
    before = panel.locator(".cnn-says").inner_text()
    panel.locator("input[type=range]").first.press("ArrowRight")
    expect(panel.locator(".cnn-says")).not_to_have_text(before)


def test_a_finger_moves_a_slider_and_chooses(site, chrome):
    context = chrome.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{site.base}/01_sparse_connectivity.html")
    panel = page.locator("[data-panel][data-state=live]").first
    panel.wait_for(timeout=60_000)
    says = panel.locator(".cnn-says")
    for control in (panel.get_by_label("Kernel"), panel.get_by_label("Dense")):
        before = says.inner_text()
        control.scroll_into_view_if_needed()
        box = control.bounding_box()
        page.touchscreen.tap(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
        expect(says).not_to_have_text(before)
    context.close()


def test_the_panels_on_the_slides_are_alive_and_fit(visit):
    page = visit("slides/01_sparse_connectivity")
    page.wait_for_function("() => document.documentElement.dataset.deck === 'ready'")
    for place, panel in enumerate(page.locator("[data-panel]").all()):
        tall = page.evaluate(
            """(place) => {
              const slide = document.querySelectorAll('[data-panel]')[place].closest('section');
              const { h, v } = Reveal.getIndices(slide);
              Reveal.slide(h, v);
              return slide.scrollHeight;
            }""",
            place,
        )
        assert tall <= slides_browser.SCREEN["height"]
        at, before = page.url, panel.locator(".cnn-says").inner_text()
        panel.get_by_label("Kernel").press("ArrowRight")
        expect(panel.locator(".cnn-says")).not_to_have_text(before)
        assert page.url == at, "the key left the slide"
        expect(panel.locator(".cnn-kernel-note")).to_be_hidden()


BROKEN = {
    "no WebAssembly": "delete window.WebAssembly",
    "no worker": "window.Worker = class { constructor() { throw new Error('blocked'); } }",
    "saves data": "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })",
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_without_python_the_stills_stay(script, visit, page):
    page.add_init_script(script)
    visit("01_sparse_connectivity")
    assert page.locator(LIVE).count() == 0
    panel = page.locator("[data-panel]").first
    expect(panel.locator("svg").first).to_be_visible()
    assert panel.locator(".live-note").count() == 1
    page.locator("[data-question] summary").last.click()
    expect(page.locator("[data-question] details[open]")).to_be_visible()
