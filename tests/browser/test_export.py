"""The exported decks: offline, every slide fits, nothing an accessibility checker calls serious."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from files import NOTEBOOKS, ROOT
from playwright.sync_api import expect

from course_utils.quiz import find_question
from tools import export_slides
from tools.slides import assets, browser

AXE = ROOT / "build" / "npm"


# The whole page once, with the first slide; after that, what changes: the slide, alone in the page,
# because axe reads the whole document for each run.
CHECK_SLIDE = """async (number) => {
  const slide = Reveal.getSlides()[number];
  const { h, v } = Reveal.getIndices(slide);
  Reveal.slide(h, v, 1000);
  if (number === 0) return axe.run(document, { resultTypes: ['violations'] });
  const others = [...document.querySelectorAll('.slides section')]
    .filter((one) => !one.contains(slide)).map((one) => [one, document.createComment('')]);
  others.forEach(([one, mark]) => one.replaceWith(mark));
  try {
    return await axe.run('.slides > .present > .present', { resultTypes: ['violations'] });
  } finally {
    others.reverse().forEach(([one, mark]) => mark.replaceWith(one));
  }
}"""


# How many slips are told under each lead in the notes, for each slide with questions.
SLIPS_TOLD = """() => Reveal.getSlides().filter((slide) => slide.querySelector('.cnn-quiz'))
  .map((slide) => [...slide.querySelectorAll('aside.notes p')]
    .filter((lead) => lead.textContent.startsWith('If somebody says something else'))
    .map((lead) => lead.nextElementSibling.querySelectorAll(':scope > li').length))"""


class Export(NamedTuple):
    """The folder that was written, and what the exporter said."""

    folder: Path
    report: list[str]


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Export:
    """What `make slides` would write, as a draft: the tests below judge it."""
    if shutil.which("npm") is None and not AXE.exists():
        pytest.skip(assets.NO_NPM)
    folder = tmp_path_factory.mktemp("export") / "slides"
    command = [sys.executable, str(ROOT / "tools" / "export_slides.py"), "--draft", "--to", folder]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return Export(folder, made.stdout.splitlines())


class Deck:
    """An exported deck, open in a page without network, and what the page asked for meanwhile.

    cells: those of its notebook that are not skipped; notes: its lecturer's notes among them;
    slips: for each slide with questions, how many known slips each of them has.
    """

    def __init__(self, page, file: Path):
        self.page, self.file = page, file
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("requestfailed", lambda request: self.errors.append(f"{request.url[:100]} failed"))
        page.context.set_offline(True)
        browser.open_deck(page, file)
        notebook = nbformat.read(ROOT / "notebooks" / f"{file.stem}.ipynb", as_version=4)
        kinds = [c.metadata.get("slideshow", {}).get("slide_type") for c in notebook.cells]
        pairs = list(zip(kinds, notebook.cells, strict=True))
        self.cells = [cell for kind, cell in pairs if kind != "skip"]
        self.notes = [cell for kind, cell in pairs if kind == "notes"]
        slides = ["\n".join(c.source for c in slide) for slide in export_slides.slides(notebook)]
        asked = [re.findall(r'ask\("([^"]+)"\)', source) for source in slides]
        self.slips = [
            [len(find_question(name).wrong) for name in names] for names in asked if names
        ]

    def count(self, selector: str) -> int:
        """Return how many elements of the page a selector finds."""
        return self.page.locator(selector).count()


@pytest.fixture(scope="module", params=[p.stem for p in NOTEBOOKS])
def deck(exported, new_page, request):
    """Each deck in turn, opened once for all tests that ask for it."""
    with new_page() as tab:
        yield Deck(tab, exported.folder / f"{request.param}.html")


def add_axe(page) -> None:
    """Load the accessibility checker into a page."""
    axe = assets.install("devDependencies")["axe-core"] / "axe.min.js"
    page.evaluate(axe.read_text(encoding="utf-8"))


def hrefs(page) -> list[str]:
    """Return where the links of a page lead."""
    return page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")


def test_a_deck_works_offline(deck):
    remote = [url for url in deck.requests if not url.startswith(("file:", "data:", "blob:"))]
    assert remote == deck.errors == []
    panels = deck.count(".cnn-explorer")  # and "a still of the panel" under each
    assert deck.count(":has(> .cnn-explorer) + .cnn-kernel-note") == panels
    assert deck.count(".cnn-kernel-note") == panels
    maths = any("$" in cell.source for cell in deck.cells if cell.cell_type == "markdown")
    assert (deck.count("mjx-container") > 0) == maths
    assert deck.count("[data-mml-node=merror]") == 0
    inside = [link.split("#")[0] for link in hrefs(deck.page) if not link.startswith(("#", "http"))]
    assert [link for link in inside if not (deck.file.parent / link).is_file()] == []


@pytest.mark.parametrize("name", [p.stem for p in NOTEBOOKS])
def test_every_slide_fits_the_screen_and_can_be_read(exported, name):
    """The exporter measures every slide, each of its answers opened as well: height, width,
    smallest text, pictures without text."""
    found = [line for line in exported.report if line.startswith(f"NOT FIT TO SHOW: {name},")]
    assert not found, "\n".join(found)
    assert any(re.fullmatch(rf"{name}\.pdf: [1-9]\d* pages", line) for line in exported.report)


def test_no_serious_accessibility_violation(deck):
    page = deck.page
    page.evaluate("() => Reveal.configure({ controls: true })")
    add_axe(page)
    found: dict[str, str] = {}
    for number in range(page.evaluate("() => Reveal.getTotalSlides()")):
        report = page.evaluate(CHECK_SLIDE, number)
        for violation in report["violations"]:
            if violation["impact"] in ("serious", "critical"):
                for node in violation["nodes"]:
                    where = f"{violation['id']}: {node['html'][:120]}"
                    found.setdefault(where, f"slide {number + 1}: {node['failureSummary']}")
    assert not found, "\n".join(f"{where}\n  {why}" for where, why in found.items())


def test_questions_are_folded_text_and_notes_do_not_show(deck):
    asked = sum(c.source.count('ask("') for c in deck.cells if c not in deck.notes)
    answers = deck.count(".cnn-quiz > details.fragment")  # hints are in the notes
    assert deck.count(".cnn-quiz") == deck.count(".cnn-quiz details") == answers == asked > 0
    assert deck.count(".cnn-quiz :is(input, button)") == 0
    assert deck.count("aside.notes") >= len(deck.notes) > 0
    assert deck.count("aside.notes:visible") == 0
    # Each question with known slips, and no other, has them in the notes of its own slide.
    told = deck.page.evaluate(SLIPS_TOLD)
    assert [[slips for slips in slide if slips] for slide in deck.slips] == told
    assert sum(map(len, told)) > 0


def test_a_clicker_opens_the_answer_before_it_moves_on(deck):
    page = deck.page
    where = page.evaluate("""() => {
      const slide = document.querySelector('.cnn-quiz details').closest('section');
      const { h, v } = Reveal.getIndices(slide);
      Reveal.slide(h, v, -1);
      return [h, v];
    }""")
    answer = page.locator(".present .present .cnn-quiz > details").last
    for _ in range(9):  # a slide may have other steps before its answer
        if answer.get_attribute("open") is not None:
            break
        page.keyboard.press("PageDown")
    expect(answer.locator("p").first).to_be_visible()
    assert page.evaluate("() => Object.values(Reveal.getIndices()).slice(0, 2)") == where
    page.keyboard.press("PageUp")
    expect(answer.locator("p").first).not_to_be_visible()
    page.evaluate("() => Reveal.slide(0, 0)")


def test_a_deck_names_its_language_and_title_and_has_a_pdf(deck):
    page = deck.page
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() == page.locator("h1").first.inner_text()
    assert deck.file.with_suffix(".pdf").read_bytes()[:5] == b"%PDF-"


def test_the_index_leads_to_every_deck(exported, page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((exported.folder / "index.html").as_uri())
    links = hrefs(page)
    endings = (".html", ".pdf", "-handout.pdf")
    assert links == [p.stem + ending for p in NOTEBOOKS for ending in endings]
    assert all((exported.folder / link).is_file() for link in links)
    assert all(url.startswith("file:") for url in asked)
    add_axe(page)
    assert page.evaluate("() => axe.run()")["violations"] == []
