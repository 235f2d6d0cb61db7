"""A lesson in JupyterLab as a student studies it: the keyboard, a reload, a stopped kernel."""

import json

import pytest
from playwright.sync_api import expect

SPARSE = "01_sparse_connectivity.ipynb"
FOCUS = """() => {
  const one = document.activeElement;
  return [one.type ?? one.tagName, one.closest('.jp-Cell')?.dataset.cell];
}"""
SAYS = "(node, part) => getComputedStyle(node, part).content"
SIZE = "(node) => [node.getBoundingClientRect().width, getComputedStyle(node).fontSize]"
# What the page shows of a card or a panel before and after a run.
LIVE = ".jupyter-widgets:is(.cnn-quiz, .cnn-explorer)"
STILL = ":is(.cnn-quiz-static, .cnn-static)"


def focus(page) -> tuple[str, str]:
    """Which element has the focus, and in which cell."""
    return tuple(page.evaluate(FOCUS))


@pytest.fixture(scope="module")
def study(lab):
    """Notebook 01 open, its setup, two questions and two panels run; the tests go on with it."""
    lab.open(SPARSE)
    lab.run("setup", "ask-dense-arrows", "ask-filter-stride", "explore", "pyramid")
    expect(lab.cell("pyramid").locator(LIVE)).to_be_visible()
    return lab


def test_the_keyboard_alone_goes_through_a_lesson(study):
    page = study.page
    study.select("ask-dense-arrows")
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("() => document.activeElement.dataset.cell === 'dense-words'")
    card = study.cell("ask-dense-arrows")
    expect(card.locator(f"{LIVE} input")).to_be_visible()
    page.keyboard.press("Tab")
    assert focus(page) == ("text", "ask-dense-arrows"), "into the question just shown"
    card.locator("input[type=text]").fill("")  # what an earlier test answered
    page.keyboard.type("5")
    reached = []
    for key in ["Tab"] * 4 + ["Shift+Tab"] * 3:
        page.keyboard.press(key)
        reached.append(page.evaluate("() => document.activeElement.textContent.split(' (')[0]"))
    assert reached[:4] == ["Check", "Lock in", "Hint", "Reveal"]
    page.keyboard.press("Space")
    expect(card.locator(".cnn-quiz-says").first).to_contain_text("Not right: 5")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Escape")
    assert focus(page) == ("DIV", "ask-dense-arrows"), "left, in command mode"
    page.keyboard.press("Tab")
    assert focus(page) == ("text", "ask-dense-arrows"), "and no toolbar of the cell before it"
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("() => document.activeElement.dataset.cell === 'dense-words'")
    expect(card.locator(".cnn-quiz-says").first).to_contain_text("Not right: 5")
    expect(card.locator("input[type=text]")).to_have_value("5")

    study.select("ask-filter-stride")
    cells = study.count()
    page.keyboard.press("Tab")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "b", "x"):
        page.keyboard.press(key)
    options = study.cell("ask-filter-stride").locator("input[type=radio]")
    assert [option.is_checked() for option in options.all()].index(True) == 1
    assert study.count() == cells, "no key of the control edited the notebook"
    page.keyboard.press("Enter")
    expect(study.cell("ask-filter-stride").locator(".cnn-quiz-says").first).to_be_visible()

    choice = study.cell("pyramid").locator("select").first
    choice.focus()
    page.keyboard.press("ArrowDown")
    assert focus(page) == ("select-one", "pyramid"), "the drop-down keeps its arrows"
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("() => document.activeElement.matches('.jp-Cell')")
    assert focus(page)[1] != "pyramid"

    panel = study.cell("explore").locator(LIVE)
    before = panel.locator(".cnn-says").inner_text()
    panel.locator(".noUi-handle").first.press("ArrowRight")
    expect(panel.locator(".cnn-says")).not_to_have_text(before)
    panel.locator(".cnn-reset").press("Enter")
    expect(panel.locator(".cnn-says")).to_have_text(before)


def test_the_empty_cell_after_the_last_is_not_saved(study):
    page = study.page
    cells = study.count()
    study.select(json.loads(study.save())["cells"][-1]["id"])
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(
        f"() => jupyterapp.shell.currentWidget.content.widgets.length === {cells + 1}"
    )
    assert len(json.loads(study.save())["cells"]) == cells


def test_widgets_live_after_a_reload_or_say_what_to_do(study):
    page = study.page
    study.save()
    study.open(SPARSE)  # the address again: a new page
    card = study.cell("ask-dense-arrows")
    card.locator("input[type=text]").fill("25")
    card.locator("input[type=text]").press("Enter")
    expect(card.locator(".cnn-quiz-good").first).to_be_visible()
    expect(study.cell("explore").locator(LIVE)).to_be_visible()
    others = study.cell("ask-conv-arrows").locator(STILL)
    assert "Run this cell to answer" in others.evaluate(SAYS, "::after")
    assert card.locator(LIVE).evaluate(SIZE) == others.evaluate(SIZE), "one size, live and stored"

    study.restart()
    lost = "Run All Above Selected Cell, then run this cell"
    for cell in ("ask-dense-arrows", "explore"):
        widget = study.cell(cell).locator(f"{LIVE}.jupyter-widgets-disconnected")
        expect(widget).to_be_visible()
        assert lost in widget.evaluate(SAYS, "::before")
    study.run("explore")
    why = "SparseConnectivity is made in a cell above"
    expect(study.cell("explore")).to_contain_text(why)
    expect(study.cell("explore")).to_contain_text("Run All Above Selected Cell")

    study.run("setup", "explore")
    panel = study.cell("explore").locator(LIVE)
    expect(panel).to_be_visible()
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.wait_for_function("() => document.querySelector('.jp-NotebookPanel.cnn-no-kernel')")
    assert lost in panel.evaluate(SAYS, "::before")

    study.save()
    study.open(SPARSE)
    still = study.cell("explore").locator(STILL)
    assert "Run this cell to move it" in still.evaluate(SAYS, "::after")
    expect(page.locator(LIVE)).to_have_count(0)
