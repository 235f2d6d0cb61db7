"""The exported decks: offline, every slide fits, nothing an accessibility checker calls serious."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.slides import assets, browser

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
AXE = ROOT / "build" / "npm"


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """The folder that `make slides` would write, as a draft: the tests below judge it."""
    if shutil.which("npm") is None and not AXE.exists():
        pytest.skip(assets.NO_NPM)
    folder = tmp_path_factory.mktemp("export") / "slides"
    made = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "export_slides.py"), "--draft", "--to", str(folder)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.fixture
def asked(page) -> list[str]:
    """Every address the page asks for, as it asks."""
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.context.set_offline(True)
    return requests


def decks(function):
    """Run a test once for each notebook."""
    return pytest.mark.parametrize("name", [p.stem for p in NOTEBOOKS])(function)


@decks
def test_a_deck_works_offline(exported, page, asked, name):
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(f"{request.url[:100]} failed"))
    browser.open_deck(page, exported / f"{name}.html")
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []
    views = page.locator('script[type="application/vnd.jupyter.widget-view+json"]').count()
    assert page.locator(".cnn-kernel-note").count() == views
    assert page.locator(".jupyter-widgets .widget-container").count() >= views
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    shown = [c for c in cells if c["metadata"].get("slideshow", {}).get("slide_type") != "skip"]
    maths = any("$" in "".join(c["source"]) for c in shown if c["cell_type"] == "markdown")
    assert (page.locator("mjx-container").count() > 0) == maths
    assert page.locator("[data-mml-node=merror]").count() == 0


@decks
def test_every_slide_fits_the_screen_and_can_be_read(exported, page, name):
    found = browser.problems(page, exported / f"{name}.html")
    assert not found, "these slides are not fit to show:\n" + "\n".join(found)


@decks
def test_no_serious_accessibility_violation(exported, page, name):
    browser.open_deck(page, exported / f"{name}.html")
    page.evaluate("() => Reveal.configure({ controls: true })")
    axe = assets.install("devDependencies")["axe-core"] / "axe.min.js"
    page.evaluate(axe.read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for number in range(page.evaluate("() => Reveal.getTotalSlides()")):
        page.evaluate(
            "(n) => { const { h, v } = Reveal.getIndices(Reveal.getSlides()[n]);"
            " Reveal.slide(h, v, 1000); }",
            number,
        )
        report = page.evaluate(
            # The whole page once; after that, what changes: the slide.
            "(n) => axe.run(n ? '.slides > .present > .present' : document,"
            " { resultTypes: ['violations'] })",
            number,
        )
        for violation in report["violations"]:
            if violation["impact"] in ("serious", "critical"):
                for node in violation["nodes"]:
                    where = f"{violation['id']}: {node['html'][:120]}"
                    found.setdefault(where, f"slide {number + 1}: {node['failureSummary']}")
    assert not found, "\n".join(f"{where}\n  {why}" for where, why in found.items())


@decks
def test_questions_are_folded_text_and_notes_do_not_show(exported, page, name):
    browser.open_deck(page, exported / f"{name}.html")
    assert page.locator(".cnn-quiz input, .cnn-quiz button").count() == 0
    for quiz in page.locator(".cnn-quiz").all():
        assert quiz.locator("details").count() > 0
        assert quiz.locator("details[open]").count() == 0
    for notes in page.locator("aside.notes").all():
        assert not notes.is_visible()


@decks
def test_a_deck_names_its_language_and_title_and_has_a_pdf(exported, page, name):
    browser.open_deck(page, exported / f"{name}.html")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() == page.locator("h1").first.inner_text()
    assert (exported / f"{name}.pdf").read_bytes()[:5] == b"%PDF-"


def test_the_index_leads_to_every_deck(exported, page, asked):
    page.goto((exported / "index.html").as_uri())
    links = page.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))")
    assert links == [f"{p.stem}.{kind}" for p in NOTEBOOKS for kind in ("html", "pdf")]
    assert all((exported / link).is_file() for link in links)
    assert all(url.startswith("file:") for url in asked)
    axe = assets.install("devDependencies")["axe-core"] / "axe.min.js"
    page.evaluate(axe.read_text(encoding="utf-8"))
    report = page.evaluate("() => axe.run()")
    assert [v["id"] for v in report["violations"]] == []
