"""Chromium, for what only a browser can do: measure the slides and print them as PDF."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FIXED = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
)
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
MEASURE = Path(__file__).with_name("measure.js")
HANDOUT = Path(__file__).with_name("handout.js")
SCREEN = {"width": 1280, "height": 720}
SMALLEST_TEXT = 14  # pixels on a 1280 x 720 screen


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome, or None. The variable CHROMIUM names one."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    found = [shutil.which(name) for name in NAMES] + [p for p in FIXED if Path(p).exists()]
    return next((path for path in found if path), None)


@contextmanager
def offline_page(executable: str) -> Iterator:
    """Open a 1280 x 720 page without network; yields a playwright Page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            context = browser.new_context(viewport=SCREEN, offline=True)
            yield context.new_page()
        finally:
            browser.close()


def open_deck(page, deck: Path, query: str = "") -> None:
    """Open an exported deck and wait until maths and reveal.js have settled."""
    page.goto(deck.resolve().as_uri() + query)
    page.wait_for_function("() => document.documentElement.dataset.deck === 'ready'")


def problems(page, deck: Path) -> list[str]:
    """Walk through a deck and return what is wrong with its slides, one line each.

    A slide must fit 1280 x 720, no visible text may be under 14 px, every picture needs its text.
    """
    open_deck(page, deck)
    lines = []
    for slide in page.evaluate(MEASURE.read_text(encoding="utf-8")):
        name = f"{deck.stem}, slide {slide['number']} ({slide['title']})"
        if slide["height"] > SCREEN["height"] or slide["width"] > SCREEN["width"]:
            lines.append(
                f"{name}: {slide['width']} x {slide['height']} does not fit 1280 x 720"
                f" (it is {slide['culprit']} that sticks out)"
            )
        if slide["small"]:
            shown = ", ".join(slide["small"][:3]) + (", ..." if len(slide["small"]) > 3 else "")
            lines.append(f"{name}: text under {SMALLEST_TEXT} px: {shown}")
        for text in slide["unnamed"]:
            lines.append(f"{name}: picture without alternative text: {text}")
    return lines


def print_pdf(page, deck: Path, target: Path) -> int:
    """Print a deck, one page a slide with every fragment shown; return the number of pages.

    Beside it a handout, `<name>-handout.pdf`: A4, three slides a page, the answers at the end.
    Raises RuntimeError if the file has more or fewer pages than there are slides.
    """
    open_deck(page, deck, "?print-pdf&pdfSeparateFragments=false")
    page.wait_for_selector(".pdf-page", state="attached")
    slides = page.locator(".pdf-page").count()
    printed = page.pdf(path=str(target), prefer_css_page_size=True, print_background=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    if pages != slides:
        raise RuntimeError(f"{target.name} must have {slides} pages, one a slide, got {pages}")
    page.evaluate(HANDOUT.read_text(encoding="utf-8"))
    margin = dict.fromkeys(("top", "right", "bottom", "left"), "12mm")
    page.pdf(path=str(handout(target)), format="A4", margin=margin, print_background=True)
    return pages


def handout(pdf: Path) -> Path:
    """Return where the handout of a deck lies, given its PDF."""
    return pdf.with_name(f"{pdf.stem}-handout.pdf")
