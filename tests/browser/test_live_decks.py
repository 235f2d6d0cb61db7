"""Every lesson in JupyterLab as a lecturer has it: run, then the live deck to its last slide.

In `make test` most lessons run only what is alive on a slide, their questions and panels: all that
they compute was computed and compared by nbval. `make slow` runs all cells of every lesson.
"""

import ast
import contextlib
import json
import re
from collections.abc import Iterator

import nbformat
import pytest
from files import NOTEBOOKS
from playwright.sync_api import TimeoutError, expect

from tools.web import marks

# The state of the slide on the screen: which cells are shown, what sticks out, what is too small.
SLIDE = """() => {
  const frame = document.querySelector('.jp-Deck .jp-WindowedPanel-outer');
  const shown = [...document.querySelectorAll('.jp-Deck .jp-Cell.jp-deck-mod-visible')];
  const small = new Set();
  for (const e of shown.flatMap((cell) => [...cell.querySelectorAll('*')])) {
    const texts = [...e.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
    if (!texts.length || e.closest('style, script, option, mjx-container')) continue;
    const box = e.getBoundingClientRect();
    const seen = e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!box.width || !box.height || !seen) continue;
    const m = e.matches('svg *') ? e.getScreenCTM() : { c: 0, d: 1 };
    const drawn = Math.hypot(m.c, m.d); // turned text, too
    const size = parseFloat(getComputedStyle(e).fontSize) * drawn;
    const words = texts.map((n) => n.data.trim()).join(' ').slice(0, 40);
    if (size < 13.95) small.add(`${size.toFixed(1)} px "${words}"`);
  }
  return {
    number: document.querySelector('.cnn-deck-number').textContent,
    shown: shown.map((cell) => cell.dataset.cell),
    asked: document.querySelectorAll('.jp-deck-mod-visible [data-cnn-asked]').length,
    height: frame.scrollHeight, width: frame.scrollWidth,
    room: [frame.clientHeight, frame.clientWidth], small: [...small],
    code: shown.filter((cell) => cell.querySelector('.jp-Cell-inputWrapper')?.checkVisibility()
      && cell.classList.contains('jp-CodeCell')).map((cell) => cell.dataset.cell),
  };
}"""


FITS = """() => {
  const frame = document.querySelector('.jp-Deck .jp-WindowedPanel-outer');
  return frame.scrollHeight <= frame.clientHeight + 1;
}"""

# A panel as a live widget, not its still.
PANEL = ".jupyter-widgets.cnn-explorer"
ANSWER = ".jp-deck-mod-visible .cnn-quiz-both"
# What a panel shows: the picture and the sentence under it.
SHOWN = """(panel) => ['.cnn-picture', '.cnn-says']
  .map((part) => panel.querySelector(part)?.innerHTML ?? '').join()"""


def changed(panel, before: str) -> bool:
    """Wait until a panel shows something else than before; False if it does not."""
    arguments = [panel.element_handle(), before]
    try:
        panel.page.wait_for_function(
            f"([panel, before]) => ({SHOWN})(panel) !== before", arg=arguments, timeout=3_000
        )
    except TimeoutError:
        return False
    return True


def answers_a_slider(panel) -> bool:
    """Press an arrow key on one slider after the other until the panel shows something else."""
    for handle in panel.locator(".noUi-handle").all():
        at_the_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        before = panel.evaluate(SHOWN)
        handle.press("ArrowLeft" if at_the_end else "ArrowRight")
        if changed(panel, before):
            return True
    return False


def settled(page) -> dict:
    """The state of the slide once the deck has fitted it; after 3 seconds, as it is then."""
    with contextlib.suppress(TimeoutError):  # slide_problems says what sticks out
        page.wait_for_function(FITS, timeout=3_000)
    return page.evaluate(SLIDE)


def slide_problems(slide: dict, with_code: set[str]) -> Iterator[str]:
    """Yield what sticks out of a slide, is too small on it or should not be shown."""
    (height, width), size = slide["room"], (slide["height"], slide["width"])
    if size[0] > height + 1 or size[1] > width + 1:
        yield f"{size[1]} x {size[0]} in {width} x {height}"
    if slide["small"]:
        yield f"text under 14 px: {', '.join(slide['small'][:3])}"
    if set(slide["code"]) - with_code:
        yield f"shows the code of {slide['code']}"


def panel_problems(panel) -> Iterator[str]:
    """Yield what does not answer in a panel that came with this slide."""
    if not answers_a_slider(panel):
        yield "no slider of the panel changes what it shows"


def alive_on_slides(notebook) -> list[str]:
    """The setup, what only imports, the questions, and the panels that need no other cell."""
    names, found = marks.imports(notebook.cells), []
    for cell in notebook.cells:
        alive = {mark.kind for mark in marks.marks(cell, names)} & {"question", "panel"}
        body = ast.parse(cell.source).body if cell.cell_type == "code" else []
        imports = all(isinstance(one, ast.Import | ast.ImportFrom) for one in body)
        takes = re.search(r"[A-Z]\w+\(\w", cell.source)  # MoveTheGull(look)
        if body and (cell.id == "setup" or imports or (alive and not takes)):
            found.append(cell.id)
    return found


WHOLE = ("00", "01", "07", "12")
SLOW = [pytest.param(p, True, marks=pytest.mark.slow, id=f"{p.stem}-whole") for p in NOTEBOOKS]
CASES = [pytest.param(p, p.stem.startswith(WHOLE), id=p.stem) for p in NOTEBOOKS] + SLOW


@pytest.mark.parametrize(("path", "whole"), CASES)
def test_every_slide_of_the_live_deck_fits_the_screen(lab, path, whole):
    lab.open(path.name)
    before, cells = path.read_bytes(), json.loads(path.read_bytes())["cells"]
    if whole:
        lab.run_all()
    else:
        lab.run(*alive_on_slides(nbformat.reads(before.decode(), as_version=4)))
    assert lab.errors() == []
    now = lab.save()
    changed_cells = [cell["id"] for cell in json.loads(now)["cells"] if cell not in cells]
    assert changed_cells == [], "a run changed these cells"
    same = now == before  # two hundred kilobytes: pytest would compare them at length
    assert same, "a run that changed no cell changed the file"
    kinds = {c["id"]: c["metadata"].get("slideshow", {}).get("slide_type") for c in cells}
    expected = [name for name, kind in kinds.items() if kind not in ("skip", "notes")]
    with_code = {c["id"] for c in cells if "show-code" in c["metadata"].get("tags", [])}
    lab.present()
    seen, wrong, moved = [], [], 0
    while True:
        slide = settled(lab.page)
        new = [cell for cell in slide["shown"] if cell not in seen]
        if not new:
            assert slide["asked"], f"slide {slide['number']}: a key press showed nothing new"
            expect(lab.page.locator(ANSWER).first).to_be_visible()
            slide = settled(lab.page)
        seen += new
        found = list(slide_problems(slide, with_code))
        for panel in [lab.cell(cell).locator(PANEL) for cell in new]:
            if panel.locator(".noUi-handle").count():
                moved += 1
                found += panel_problems(panel)
        if lab.page.evaluate(SLIDE)["shown"] != slide["shown"]:
            found.append("using the panel left the slide")
        for hide in lab.page.locator(".jp-deck-mod-visible").get_by_text("Hide the answer").all():
            hide.click()  # answers are kept, and other tests answer anew
        wrong += [f"slide {slide['number']} with {', '.join(slide['shown'])}: {f}" for f in found]
        if expected[-1] in slide["shown"]:
            break
        lab.page.keyboard.press("PageDown")
    assert seen == expected
    number, last = slide["number"].split(" / ")
    assert number == last
    assert moved, "no panel stood on a slide"
    lab.stop_presenting()
    assert not wrong, "these slides are not fit to show:\n" + "\n".join(wrong)
