"""The pages of the website in a browser: narrow and wide, light and dark, search, progress."""

import json
import shutil
from types import SimpleNamespace

import pytest
from files import NOTEBOOKS
from playwright.sync_api import expect

from tools import build_site
from tools.slides import assets

NAMES = ["index", "glossary", *(path.stem for path in NOTEBOOKS)]
SAMPLE = ["index", "01_sparse_connectivity", "12_imagenet_winners"]
OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in NAMES if name not in SAMPLE]
VIOLATIONS = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .map(({ id, nodes }) => [id, nodes.map((one) => [one.target.join(' '), one.failureSummary])])"""
OPEN = "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
# The height in pixels of the smallest letters of each drawing, by its class.
LETTERS = """() => {
  const size = (text) => {
    const { c, d } = text.getScreenCTM();  // d alone is 0 for a text on its side
    return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(c, d);
  };
  const texts = (svg) => [...svg.querySelectorAll('text')].filter((one) => one.textContent.trim());
  return [...document.querySelectorAll('main svg.cnn-diagram')]
    .filter((svg) => svg.checkVisibility())
    .map((svg) => [svg.classList[1], Math.min(...texts(svg).map(size))]);
}"""
OVERHANG = "() => document.documentElement.scrollWidth - innerWidth"
# What scrolls sideways and cannot be reached from the keyboard.
UNREACHED = """() => [...document.querySelectorAll('main *')]
  .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth && one.tabIndex < 0
    && ['auto', 'scroll'].includes(getComputedStyle(one).overflowX)
    && !one.querySelector('[tabindex="0"]'))
  .map((one) => one.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of a site without Python: pages as they are where nothing comes alive."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip(assets.NO_NPM)
    folder = tmp_path_factory.mktemp("www") / "site"
    build_site.build(folder, python=False)
    return folder


@pytest.fixture
def visit(page, site):
    """Open a page of the site from its folder; `visit.errors` is what the browser complained of."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.emulate_media(reduced_motion="reduce")

    def go(name: str) -> None:
        page.goto((site / f"{name}.html").as_uri())

    yield SimpleNamespace(page=page, go=go)
    assert errors == []


@pytest.mark.browser
@pytest.mark.parametrize("name", [*SAMPLE, *OTHERS])
def test_a_page_on_a_phone(visit, name):
    for width in (320, 390):
        visit.page.set_viewport_size({"width": width, "height": 800})
        visit.go(name)
        visit.page.evaluate(
            "() => document.querySelectorAll('details').forEach((d) => d.open = true)"
        )
        assert visit.page.evaluate(OVERHANG) <= 0
        visit.page.wait_for_function(f"() => ({UNREACHED})().length === 0")
    small = [(kind, size) for kind, size in visit.page.evaluate(LETTERS) if size < 10]
    assert small == []


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", [*SAMPLE, *OTHERS])
def test_nothing_that_an_accessibility_checker_finds(page, site, name, theme):
    page.emulate_media(color_scheme=theme)
    page.goto((site / f"{name}.html").as_uri())
    axe = assets.install("devDependencies")["axe-core"] / "axe.min.js"
    page.evaluate(axe.read_text(encoding="utf-8"))
    page.evaluate(OPEN)
    assert page.evaluate(VIOLATIONS) == []


@pytest.mark.browser
def test_search_from_the_keyboard(visit, site):
    script = (site / "assets" / "search-index.js").read_text(encoding="utf-8")
    rows = [f"{row[3]} {row[4]}".lower() for row in json.loads(script[len("cnn.index = ") : -2])]
    hits = sum("receptive" in row and "stride" in row for row in rows)
    page = visit.page
    visit.go("01_sparse_connectivity")
    query, found = page.get_by_role("searchbox"), page.locator("#found")
    query.press_sequentially("receptive STRIDE")
    expect(found.get_by_role("status")).to_have_text(f"{hits} found")
    expect(found.get_by_role("link")).to_have_count(hits)
    expect(found.locator("mark").first).to_be_visible()
    query.press("ArrowDown")
    expect(found.get_by_role("link").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    expect(found).to_be_hidden()
    expect(query).to_be_focused()
    query.fill("(c++ [")
    expect(found.get_by_role("status")).to_have_text("Nothing found.")
    query.fill("softmax")
    query.press("Enter")
    page.wait_for_url("**/*#*")
    expect(page.locator(":target")).to_be_in_viewport()


@pytest.mark.browser
def test_the_theme_is_remembered_and_does_not_flash(visit):
    page, ground = visit.page, "() => getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="dark")
    visit.go("index")
    dark, button = page.evaluate(ground), page.get_by_role("button", name="Dark")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert page.evaluate(ground) == "rgb(255, 255, 255)" != dark
    page.add_init_script(
        "new MutationObserver(() => { if (document.body) window.first ??= "
        "getComputedStyle(document.body).backgroundColor; })"
        ".observe(document, { childList: true, subtree: true })"
    )
    visit.go("glossary")
    assert page.evaluate("() => window.first") == page.evaluate(ground) == "rgb(255, 255, 255)"


@pytest.mark.browser
def test_progress_is_what_questions_and_exercises_keep(visit):
    page, total = visit.page, "of 169 questions answered, {} of 33 exercises solved."
    visit.go("index")
    expect(page.locator("#total")).to_have_text("0 " + total.format(0))
    records = {"a": {"checked": True}, "b": {"locked": True}, "c": {"revealed": True}, "d": {}}
    keep = "([key, value]) => localStorage.setItem(`cnn-course/${key}`, value)"
    answers = json.dumps({"version": 1, "answers": records})
    page.evaluate(keep, ["answers/01_sparse_connectivity", answers])
    page.evaluate(keep, ["exercises", '["01.count-edges", "05.conv2d"]'])
    page.evaluate("() => dispatchEvent(new Event('cnn-answers'))")
    expect(page.locator("#total")).to_have_text("3 " + total.format(2))
    card = page.locator('[data-of="01_sparse_connectivity"]')
    expect(card).to_have_text("◐ 3 of 14 questions, 1 of 2 exercises")
    visit.go("00_start_here")
    live = page.locator("[data-progress]")
    expect(live).to_contain_text("3 " + total.format(2))
    expect(live.locator("li").nth(5)).to_have_text(
        "◐ 05 Assemble a layer 0 of 12 questions, 1 of 3 exercises"
    )
    expect(live.get_by_role("link", name="05 Assemble a layer")).to_be_visible()


@pytest.mark.browser
def test_the_menu_of_a_narrow_page(visit):
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 800})
    visit.go("01_sparse_connectivity")
    lessons, menu = page.locator("#lessons"), page.get_by_role("button", name="Lessons")
    expect(lessons).to_be_hidden()
    menu.click()
    expect(lessons.get_by_role("link", name="Design your own")).to_be_visible()
    page.keyboard.press("Escape")
    expect(lessons).to_be_hidden()
    menu.click()
    lessons.get_by_role("link", name="3 · Drive it yourself").click()
    expect(lessons).to_be_hidden()
    expect(page.locator("[id='3-drive-it-yourself']")).to_be_in_viewport()


@pytest.mark.browser
def test_without_script_the_page_is_there(chrome, site):
    context = chrome.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((site / "01_sparse_connectivity.html").as_uri())
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text("Count the arrows: sparse connectivity")
    expect(page.locator("[data-panel] svg").first).to_be_visible()
    page.locator("summary", has_text="Answer and explanation").first.click()
    expect(page.get_by_text("25 arrows", exact=True).first).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_hidden()
    page.get_by_role("link", name="Share the weights").first.click()
    expect(title).to_contain_text("Share the weights")
    context.close()
