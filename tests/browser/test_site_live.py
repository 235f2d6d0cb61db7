"""Panels, questions and exercises alive on a page: the scripts, in Chromium, over the real bridge.

The page's Python is a stand-in that asks the bridge in this process; what it was asked is kept.
"""

import json
import re
from html import escape
from types import SimpleNamespace

import pytest
from files import ROOT
from playwright.sync_api import expect

from course_utils.exercises import find, show_solution
from course_utils.lessons.lenet5.explorer import DigitReader
from course_utils.lessons.pooling_invariance.explorer import PoolingStrip
from course_utils.lessons.sparse_connectivity.explorer import ReceptiveField, SparseConnectivity
from course_utils.quiz import find_question
from course_utils.quiz.card import static_html
from tools.web import bridge

pytestmark = pytest.mark.browser

WEB = ROOT / "tools" / "web"
HOST = "http://127.0.0.1:1"
SCRIPTS = ("panel.js", "quiz.js", "exercise.js", "stand-in.js", "live.js")
STAND_IN = """window.cnn ??= {};
cnn.Python = class {
  get ready() { return window.noPython ? Promise.reject(new Error('none')) : Promise.resolve(); }
  async call(method, ...args) {
    const answer = JSON.parse(await window.answer(method, JSON.stringify(args)));
    if (answer?.error !== undefined) throw Object.assign(new Error(answer.error), answer);
    return answer;
  }
  limited(seconds, method, ...args) {
    if (!args[1].includes("while True")) return this.call(method, ...args);
    const late = Object.assign(new Error("late"), { name: "TimeUp" });
    return new Promise((_, reject) => setTimeout(() => reject(late), 50));
  }
};"""
BLOCKED = """Object.defineProperty(window, 'localStorage', {
  get() { throw new DOMException('no', 'SecurityError'); } });"""
PARSED = """(html) => {
  const made = Object.assign(document.createElement('template'), { innerHTML: html });
  return made.innerHTML;
}"""
SHIFTS = """() => new Promise((resolve) => new PerformanceObserver((list) => resolve(
  list.getEntries().reduce((sum, one) => sum + (one.value ?? 0), 0)
)).observe({ type: 'layout-shift', buffered: true }) ?? setTimeout(() => resolve(0), 500))"""
DENSE, STRIDE = "01.dense-arrows", "01.stride-field"
SPARSE, NAME = "01.what-sparse-means", "01.name-the-field"
KEPT = "cnn-course/answers/01_sparse_connectivity"


def panel(kind, **settings) -> str:
    """A panel as the generator of the site writes it, with its still."""
    still = kind(**settings)
    page = f"<style></style>{still.picture_html()}{still.sentence_html()}"
    return (
        f'<div class="live" data-panel="{kind.__module__}:{kind.__name__}" '
        f"data-settings='{json.dumps(settings)}'>"
        f'<div class="cnn-explorer cnn-static">{page}</div></div>'
    )


def question(*ids) -> str:
    card = '<div class="live" data-question="{}">{}</div>'
    return "".join(card.format(id, static_html(find_question(id))) for id in ids)


def exercise(id="01.count-edges") -> str:
    one = find(id)
    stub = f'def {one.name}({", ".join(one.parameters)}):\n    """Say."""\n    ...\n'
    return (
        f'<div class="live" data-exercise="{id}" data-stub="{escape(stub)}">'
        '<div class="cnn-check">not attempted yet</div></div>'
    )


ANSWERS = '<div class="live" data-answers="01_sparse_connectivity"></div>'


@pytest.fixture
def site(page):
    """Show pages: `site.open(body)`; `site.asked` holds every request to Python, in order."""
    asked, problems = [], []

    def answer(method, arguments):
        asked.append((method, *json.loads(arguments)))
        refused = site.refuse.get(method)
        return json.dumps(refused) if refused else bridge.answer(method, arguments)

    def serve(route):
        name = route.request.url.rpartition("/")[2]
        kind = {"js": "text/javascript", "css": "text/css"}.get(name.rpartition(".")[2])
        if name == "stand-in.js":
            route.fulfill(body=STAND_IN, content_type=kind)
        elif kind:
            route.fulfill(path=WEB / name, content_type=kind)
        else:
            route.fulfill(body=site.body, content_type="text/html")

    def watch(tab):
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("console", lambda one: problems.append(one.text) if one.type == "error" else None)

    def open(body, tab=page):
        scripts = "".join(f'<script defer src="{name}"></script>' for name in SCRIPTS)
        site.body = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title>'
        site.body += f'<link rel="stylesheet" href="live.css">{scripts}<main>{body}</main>'
        tab.goto(f"{HOST}/page.html")
        return tab

    page.context.expose_function("answer", answer)
    page.context.route(f"{HOST}/**", serve)
    page.context.on("page", watch)
    watch(page)
    site = SimpleNamespace(open=open, asked=asked, refuse={}, page=page)
    yield site
    assert not problems


def alive(page, count=1):
    """Wait until so many elements are alive."""
    expect(page.locator(".live[data-state=live]")).to_have_count(count)


def stored(page, key=KEPT):
    return json.loads(page.evaluate("(key) => localStorage.getItem(key)", key))


# ---------------------------------------------------------------------------------------- panels


def test_the_first_live_picture_is_the_still_and_nothing_jumps(site):
    twin = SparseConnectivity(n=6)
    page = site.open(panel(SparseConnectivity, n=6) + "<p>Text below.</p>")
    alive(page)
    box = page.locator(".cnn-explorer")
    for part, html in (("picture", twin.picture_html()), ("says", twin.sentence_html())):
        shown = box.locator(f".cnn-{part}").evaluate("(one) => one.outerHTML")
        assert shown == page.evaluate(PARSED, html)
    assert page.evaluate(SHIFTS) < 0.05
    expect(page.get_by_role("slider", name="Inputs", exact=True)).to_have_value("6")
    assert page.get_by_role("slider").count() == 6 and box.locator("style").count() >= 1


def test_every_control_is_found_by_its_name_and_works_by_keyboard(site):
    page = site.open(panel(SparseConnectivity) + panel(ReceptiveField) + panel(PoolingStrip))
    alive(page, 3)
    sparse, field, strip = (page.locator(".live").nth(i) for i in range(3))
    twin = SparseConnectivity()
    slider = sparse.get_by_label("Inputs", exact=True)
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("8")
    expect(sparse.locator("output").first).to_have_text("8")
    twin.move(n=8)
    expect(sparse.locator(".cnn-says")).to_have_text(twin.says)
    dense = sparse.get_by_role("group", name="Layer").get_by_role("radio", name="Dense")
    sparse.get_by_label("Convolution", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(dense).to_be_checked()
    twin.move(layer="fully connected")
    expect(sparse.locator(".cnn-says")).to_have_text(twin.says)
    stacked = ReceptiveField()
    field.get_by_label("Stride in", exact=True).select_option("Layer 2 only")
    field.get_by_role("slider", name="Stride").fill("2")
    stacked.move(at=2, stride=2)
    expect(field.locator(".cnn-says")).to_have_text(stacked.says)
    pooled = PoolingStrip()
    line = next(one for one in pooled.controls if type(one).__name__ == "Line")
    text = strip.get_by_label(line.label, exact=True)
    text.press("End")
    text.press_sequentially(" 3")
    pooled.move(**{line.name: line.start + " 3"})
    expect(text).to_have_value(line.start + " 3")
    expect(strip.locator(".cnn-says")).to_have_text(pooled.says)


def test_limits_refusal_and_reset_as_in_the_notebook(site):
    page, twin = site.open(panel(SparseConnectivity)), SparseConnectivity()
    alive(page)
    first = page.locator(".cnn-says").inner_text()
    page.get_by_label("Unit", exact=True).fill("5")
    twin.move(unit=5)
    expect(page.locator(".cnn-says")).to_have_text(twin.says)
    page.get_by_label("Inputs", exact=True).fill("3")
    twin.move(n=3)
    expect(page.get_by_label("Unit", exact=True)).to_have_value(str(twin.state["unit"]))
    expect(page.get_by_label("Unit", exact=True)).to_have_attribute(
        "max", str(twin.largest["unit"])
    )
    page.get_by_label("Kernel", exact=True).fill("7")
    twin.move(kernel=7)
    assert twin.refused
    expect(page.get_by_role("alert")).to_have_text(twin.says)
    expect(page.locator(".cnn-dimmed svg")).to_be_visible()
    expect(page.locator(".cnn-says")).to_be_empty()
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".cnn-says")).to_have_text(first)
    expect(page.get_by_label("Kernel", exact=True)).to_have_value("3")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_behind_a_slider_that_is_dragged_no_queue_grows(site):
    page, twin = site.open(panel(SparseConnectivity)), SparseConnectivity()
    twin.move(n=12)
    alive(page)
    page.get_by_label("Inputs", exact=True).evaluate(
        "(one) => { for (const n of [6, 7, 8, 9, 10, 11, 12]) {"
        " one.value = n; one.dispatchEvent(new Event('input', { bubbles: true })); } }"
    )
    expect(page.locator(".cnn-says")).to_have_text(twin.says)
    moves = [request[2] for request in site.asked if request[0] == "panel_move"]
    assert moves == [{"n": 6}, {"n": 12}]


def test_what_cannot_be_alive_keeps_its_still_and_says_why(site):
    site.refuse["exercise_open"] = {"error": "No module named numpy", "missing": "numpy"}
    broken = f'<div class="live" data-panel="{DigitReader.__module__}:DigitReader">A digit.</div>'
    page = site.open(broken + exercise("02.toeplitz-matrix"))
    notes = page.locator(".live-note")
    expect(notes.first).to_have_text("Alive in JupyterLab: it needs a trained network.")
    expect(notes.last).to_have_text("Alive in JupyterLab: it needs NumPy.")
    expect(page.get_by_text("A digit.")).to_be_visible()
    expect(page.get_by_text("not attempted yet")).to_be_visible()


def test_where_python_has_ended_the_page_says_so(site):
    page = site.open(panel(SparseConnectivity) + question(DENSE))
    alive(page, 2)
    site.refuse = dict.fromkeys(("panel_move", "question_act"), {"error": "ended", "missing": None})
    page.get_by_role("slider", name="Inputs").fill("7")
    expect(page.locator(".cnn-says")).to_have_text(
        "This panel has stopped: ended. Load the page again."
    )
    answer_it(page.locator("[data-question]"), "25")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Nothing was done: ended.")).to_be_visible()
    site.refuse = {}
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("✓ Right: 25")).to_be_visible()
    expect(page.get_by_text("Nothing was done")).to_have_count(0)


def test_on_a_phone_the_picture_scrolls_and_stays_where_it_is_when_it_is_redrawn(site):
    site.page.set_viewport_size({"width": 390, "height": 800})
    page = site.open(
        f"<style>.cnn-diagram {{ min-width: 770px; }}</style>{panel(SparseConnectivity)}"
    )
    alive(page)
    box = page.locator(".scroll")
    box.evaluate("(one) => { one.scrollLeft = 120; }")
    page.get_by_role("slider", name="Inputs").fill("9")
    expect(page.locator("svg").first).to_have_attribute("aria-label", re.compile("9 inputs"))
    assert box.evaluate("(one) => one.scrollLeft") == 120
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390


def test_without_python_everything_stays_as_it_was(site):
    site.page.add_init_script("window.noPython = true")
    page = site.open(panel(SparseConnectivity) + question(DENSE) + exercise() + ANSWERS)
    expect(page.locator("[data-state=still]")).to_have_count(4)
    expect(page.locator(".cnn-static svg")).to_be_visible()
    expect(page.locator("summary", has_text="Hint 1 of")).to_be_visible()
    lines = page.locator(".live-note").all_inner_texts()
    assert lines == ["Alive in JupyterLab: it needs Python, which does not run here."] * 2
    assert not site.asked


# ------------------------------------------------------------------------------------- questions


def answer_it(card, value):
    """Write or choose an answer, by the names of the controls."""
    options = find_question(card.get_attribute("data-question")).options
    if not options:
        return card.get_by_label("Your answer").fill(value)
    for key in [value] if isinstance(value, str) else value:
        card.get_by_label(options[key], exact=True).check()


@pytest.mark.parametrize(
    ("id", "nothing", "wrong", "right"),
    [
        (DENSE, "twelve", "10", "25"),
        (STRIDE, [], "own", "later"),
        (SPARSE, [], ["three"], ["zeros", "thirteen", "depth"]),
        (NAME, "", "kernel", "receptive field"),
    ],
)
def test_every_kind_is_answered_kept_and_shown_again(site, id, nothing, wrong, right):
    page = site.open(question(id))
    alive(page)
    card, says = page.locator(".live"), page.locator(".cnn-quiz-says")
    check = card.get_by_role("button", name="Check")
    answer_it(card, nothing)
    check.click()
    expect(says).to_have_count(1)
    assert "Right" not in says.inner_text() and not stored(page)["answers"][id]["checked"]
    answer_it(card, wrong)
    check.click()
    expect(says).to_contain_text("✗ Not right:")
    for box in card.get_by_role("checkbox").all():
        box.uncheck()
    answer_it(card, right)
    check.click()
    expect(says).to_contain_text("✓ Right:")
    kept = stored(page)
    fresh = {"checked": True, "locked": False, "revealed": False, "hints": 0}
    assert kept == {
        "version": 1,
        "answers": {id: fresh | {"answer": kept["answers"][id]["answer"]}},
    }
    assert set(kept["answers"][id]["answer"]) == set(right)
    page.reload()
    alive(page)
    expect(says).to_contain_text("✓ Right:")
    if find_question(id).options:
        keys = page.locator("input:checked").evaluate_all("(all) => all.map((one) => one.value)")
        assert keys == [key for key in find_question(id).options if key in ([right] + [*right])]
    else:
        expect(card.get_by_label("Your answer")).to_have_value(right)


def test_lock_hint_and_reveal_by_keyboard(site):
    page, asked = site.open(question(DENSE)), find_question(DENSE)
    alive(page)
    field, total = page.get_by_label("Your answer (arrows)"), len(asked.hints)

    def press(name):
        page.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")

    field.fill("10")
    page.keyboard.press("Enter")
    expect(page.locator(".cnn-quiz-bad")).to_contain_text("✗ Not right: 10")
    for number in range(1, total + 1):
        press(f"Hint ({number} of {total})")
    expect(page.get_by_role("button", name="All hints shown")).to_be_focused()
    expect(page.get_by_text(f"Hint {total}:")).to_be_visible()
    press("Lock in")
    expect(page.get_by_text("Locked in. Reveal when you are ready.")).to_be_visible()
    expect(field).to_be_disabled()
    expect(page.get_by_role("button", name="Check")).to_be_disabled()
    expect(page.get_by_role("button", name="Change my answer")).to_be_focused()
    press("Reveal")
    expect(page.get_by_role("row", name="You locked in 10 ✗ not right")).to_be_visible()
    expect(page.get_by_text("Hint", exact=False).get_by_role("button")).to_have_count(0)
    press("Hide the answer")
    press("Change my answer")
    expect(field).to_be_enabled()
    assert stored(page)["answers"][DENSE] == {
        "answer": "10", "checked": False, "locked": False, "revealed": False, "hints": total,
    }  # fmt: skip


def test_two_cards_and_two_pages_agree_and_a_draft_stays(site):
    page = site.open(question(DENSE, DENSE))
    other = site.open(question(DENSE), page.context.new_page())
    alive(page, 2)
    alive(other)
    cards = [*page.locator(".live").all(), other.locator(".live")]
    answer_it(cards[1], "7")
    answer_it(cards[0], "25")
    cards[0].get_by_role("button", name="Check").click()
    for card in (cards[0], cards[2]):
        expect(card.locator(".cnn-quiz-good")).to_contain_text("✓ Right: 25")
        expect(card.get_by_label("Your answer")).to_have_value("25")
    expect(cards[1].get_by_label("Your answer")).to_have_value("7")
    answer_it(cards[2], "10")
    cards[2].get_by_role("button", name="Lock in").click()
    for card in cards:
        expect(card.get_by_label("Your answer")).to_be_disabled()
        expect(card.get_by_label("Your answer")).to_have_value("10")


def test_presses_in_a_row_all_count(site):
    page = site.open(question(DENSE, NAME))
    alive(page, 2)
    answer_it(page.locator(".live").first, "25")
    answer_it(page.locator(".live").last, "kernel")
    page.evaluate(
        "() => document.querySelectorAll('button').forEach((one) =>"
        " /Check|Hint/.test(one.textContent) && one.click())"
    )
    expect(page.get_by_text("Hint 1:")).to_have_count(2)
    kept = stored(page)["answers"]
    assert {id: (one["answer"], one["checked"], one["hints"]) for id, one in kept.items()} == {
        DENSE: ("25", True, 1),
        NAME: ("kernel", True, 1),
    }


def test_answers_go_into_a_file_of_the_notebooks_and_come_back(site, tmp_path, monkeypatch):
    page = site.open(question(DENSE, NAME) + ANSWERS)
    alive(page, 3)
    dense, name = page.locator("[data-question]").all()
    answer_it(dense, "25")
    dense.get_by_role("button", name="Check").click()
    expect(dense.get_by_text("✓ Right:")).to_be_visible()
    with page.expect_download() as got:
        page.get_by_role("button", name="Save my answers").click()
    assert got.value.suggested_filename == "01_sparse_connectivity.json"
    saved = tmp_path / "answers" / "01_sparse_connectivity.json"
    got.value.save_as(saved)
    monkeypatch.setenv("CNN_COURSE_STATE", str(tmp_path))
    from course_utils.quiz.widget import AnswerFile

    assert AnswerFile("01_sparse_connectivity").read() == (stored(page)["answers"], "")

    answer_it(dense, "10")
    dense.get_by_role("button", name="Check").click()
    answer_it(name, "kernel")
    name.get_by_role("button", name="Check").click()
    expect(page.get_by_text("✗ Not right:")).to_have_count(2)
    before = stored(page)
    page.get_by_label("Open saved answers").set_input_files(saved)
    expect(page.get_by_text("Answers taken from 01_sparse_connectivity.json.")).to_be_visible()
    expect(dense.get_by_text("✓ Right:")).to_be_visible()
    expect(name.get_by_text("✗ Not right:")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(dense.get_by_text("✗ Not right:")).to_be_visible()
    assert stored(page) == before
    page.get_by_label("Open saved answers").set_input_files(
        {"name": "<b>.json", "mimeType": "application/json", "buffer": b"[1]"}
    )
    expect(page.get_by_text("<b>.json is not taken: it holds no answers.")).to_be_visible()
    assert stored(page) == before


def test_where_the_browser_keeps_nothing_everything_works_and_says_so(site):
    site.page.add_init_script(BLOCKED)
    page = site.open(question(DENSE, DENSE) + exercise() + ANSWERS)
    alive(page, 4)
    expect(page.get_by_text("Your answers are not kept: this browser")).to_have_count(2)
    first, second = page.locator("[data-question]").all()
    answer_it(first, "25")
    first.get_by_role("button", name="Check").click()
    expect(second.get_by_text("✓ Right: 25")).to_be_visible()
    page.get_by_label("Your code for count_edges").fill("def f(")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Python cannot read this code.")).to_be_visible()
    expect(page.get_by_text("Your code is not kept: this browser")).to_be_visible()


# ------------------------------------------------------------------------------------- exercises

DEFINE = "def count_edges(n, kernel, stride, padding):\n"


def test_the_editor_indents_and_can_be_left_by_keyboard(site):
    page = site.open(exercise())
    alive(page)
    editor = page.get_by_label("Your code for count_edges")
    editor.fill("")
    keys = page.keyboard
    editor.press_sequentially("for i in x:")
    keys.press("Enter")
    keys.type("a")
    keys.press("Enter")
    keys.type("b")
    assert editor.input_value() == "for i in x:\n    a\n    b"
    keys.press("Shift+Tab")
    assert editor.input_value() == "for i in x:\n    a\nb"
    keys.press("Tab")
    assert editor.input_value() == "for i in x:\n    a\nb    "
    keys.press("Control+A")
    keys.press("Tab")
    assert editor.input_value() == "    for i in x:\n        a\n    b    "
    keys.press("Shift+Tab")
    keys.press("Control+Z")
    assert editor.input_value() == "    for i in x:\n        a\n    b    "
    keys.press("Escape")
    keys.press("Tab")
    expect(page.get_by_role("button", name="Run")).to_be_focused()
    keys.press("Shift+Tab")
    expect(editor).to_be_focused()
    keys.press("Escape")
    keys.press("Shift+Tab")
    expect(editor).not_to_be_focused()


def test_code_is_checked_from_the_stub_to_the_solution(site):
    page = site.open(exercise())
    alive(page)
    editor = page.get_by_label("Your code for count_edges")
    run = page.get_by_role("button", name="Run")
    result = page.locator("[data-exercise] [role=status]")
    run.click()
    expect(result).to_contain_text("Write the function, then press Run.")
    for code, said in (
        (f"{DEFINE}    return (", "Python cannot read this code."),
        (f"{DEFINE}    return n / 0\n", "ZeroDivisionError: division by zero"),
        (f"{DEFINE}    while True:\n        pass\n", "Stopped after 5 s: your code was still"),
        (f"{DEFINE}    return n * n\n", "The first that is not:"),
        (show_solution("01.count-edges").source, "inputs are right: "),
    ):
        editor.fill(code)
        page.keyboard.press("Control+Enter")
        expect(result).to_contain_text(said)
        expect(run).to_have_text("Run")
    expect(page.get_by_text("✓ solved")).to_be_visible()
    assert stored(page, "cnn-course/exercises") == ["01.count-edges"]
    page.reload()
    alive(page)
    expect(editor).to_have_value(show_solution("01.count-edges").source)
    expect(page.get_by_text("✓ solved")).to_be_visible()


def test_reset_asks_first_code_is_downloaded(site):
    page = site.open(exercise())
    alive(page)
    editor = page.get_by_label("Your code for count_edges")
    stub = editor.input_value()
    editor.fill("x = 1")
    reset, asked = page.get_by_role("button", name="Reset"), []
    page.once("dialog", lambda one: asked.append(one.message) or one.dismiss())
    reset.click()
    assert asked and editor.input_value() == "x = 1"
    with page.expect_download() as got:
        page.get_by_role("button", name="Download").click()
    assert got.value.suggested_filename == "count_edges.py"
    assert got.value.path().read_text() == "x = 1"
    page.once("dialog", lambda one: one.accept())
    reset.click()
    expect(editor).to_have_value(stub)
