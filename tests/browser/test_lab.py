"""The notebooks in JupyterLab: Run All, panels, questions, and the live deck to its last slide."""

import json
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError, expect

from course_utils.geometry import edge_count

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SPARSE = "01_sparse_connectivity.ipynb"
# Last, since the tests after it go on with it; first of its tests, since answers make slides grow.
BY_USE = sorted(NOTEBOOKS, key=lambda path: path.name == SPARSE)
QUESTIONS = tomllib.loads(
    (ROOT / "data" / "questions" / "01_sparse_connectivity.toml").read_text(encoding="utf-8")
)

# The state of the slide on the screen: which cell is active, what sticks out, what is too small.
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
    const drawn = e.matches('svg *') ? e.getScreenCTM().d : 1;
    const size = parseFloat(getComputedStyle(e).fontSize) * drawn;
    const words = texts.map((n) => n.data.trim()).join(' ').slice(0, 40);
    if (size < 11.95) small.add(`${size.toFixed(1)} px "${words}"`);
  }
  const book = jupyterapp.shell.currentWidget.content;
  return {
    active: book.activeCell.model.id,
    shown: shown.map((cell) => cell.dataset.cell),
    height: frame.scrollHeight, width: frame.scrollWidth,
    room: [frame.clientHeight, frame.clientWidth], small: [...small],
    code: shown.filter((cell) => cell.querySelector('.jp-Cell-inputWrapper')?.checkVisibility()
      && cell.classList.contains('jp-CodeCell')).map((cell) => cell.dataset.cell),
  };
}"""


# A panel as a live widget, not its still.
LIVE_PANEL = ".jupyter-widgets.cnn-explorer"
# What is clicked in a panel: a cell of the pad for digits, a layer of a network.
CLICKED = ".cnn-pad button, .cnn-strip button"
WITH_CLICKS = ("00", "07", "12")
# What a panel shows: the picture and the sentence under it.
SHOWN = """(panel) => ['.cnn-picture', '.cnn-says']
  .map((part) => panel.querySelector(part)?.innerHTML ?? '').join()"""


@pytest.fixture
def sparse(ran):
    """Notebook 01, every cell run."""
    return ran(SPARSE)


def live_panel(lab):
    """Return the panel of notebook 01's explorer, once its sliders stand."""
    panel = lab.cell("explore").locator(".jupyter-widgets.cnn-explorer")
    expect(panel.locator(".widget-slider .noUi-handle").first).to_be_visible()
    return panel


def shown_state(panel) -> dict[str, int]:
    """Return what the panel's sliders say, by label."""
    rows = panel.locator(".widget-slider")
    return {
        row.locator(".widget-label").inner_text(): int(row.locator(".widget-readout").inner_text())
        for row in rows.all()
    }


def expect_count(panel) -> None:
    """Expect the sentence to give the number of arrows of the state that the sliders show."""
    state = shown_state(panel)
    count = edge_count(
        state["Inputs"],
        state["Kernel"],
        stride=state["Stride"],
        padding=state["Padding"],
        dilation=state["Dilation"],
    )
    expect(panel.locator(".cnn-says")).to_contain_text(f"{count} arrows")


def slider(panel, label: str):
    """Return the handle of the slider with this label."""
    row = panel.locator(".widget-slider").filter(
        has=panel.page.locator(".widget-label", has_text=label)
    )
    return row.locator(".noUi-handle")


def move(panel, label: str, action) -> None:
    """Move a slider by `action(handle)` and expect readout, sentence and picture to follow."""
    before, picture = shown_state(panel)[label], panel.locator(".cnn-picture").inner_html()
    handle = slider(panel, label)
    handle.scroll_into_view_if_needed()
    action(handle)
    readout = panel.locator(".widget-slider").filter(
        has=panel.page.locator(".widget-label", has_text=label)
    )
    expect(readout.locator(".widget-readout")).not_to_have_text(str(before))
    expect_count(panel)
    assert panel.locator(".cnn-picture").inner_html() != picture, "the picture stayed the same"


def drag_left(handle) -> None:
    """Drag a slider's handle with the mouse, a good way to the left."""
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse = handle.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x - 30, y, steps=4)
    mouse.move(x - 90, y, steps=4)
    mouse.up()


def press_right(handle) -> None:
    """Press the right arrow key with the handle focused."""
    handle.focus()
    handle.press("ArrowRight")


def press_left(handle) -> None:
    """Press the left arrow key with the handle focused."""
    handle.focus()
    handle.press("ArrowLeft")


def changed(panel, before: str) -> bool:
    """Wait until a panel shows something else than before; False if it does not."""
    try:
        panel.page.wait_for_function(
            f"([panel, before]) => ({SHOWN})(panel) !== before",
            arg=[panel.element_handle(), before],
            timeout=3_000,
        )
    except TimeoutError:
        return False
    return True


def answers_a_slider(panel) -> bool:
    """Press an arrow key on one slider after the other until the panel shows something else."""
    handles = panel.locator(".noUi-handle")
    for number in range(handles.count()):
        handle = handles.nth(number)
        at_the_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        before = panel.evaluate(SHOWN)
        handle.scroll_into_view_if_needed()
        (press_left if at_the_end else press_right)(handle)
        if changed(panel, before):
            return True
    return False


def answers_a_click(panel) -> bool:
    """Click on a cell of a pad or on a layer, and say whether the panel shows something else."""
    places = panel.locator(CLICKED)
    before = panel.evaluate(SHOWN)
    places.nth(places.count() - 2).click()
    return changed(panel, before)


def slide_cells(path: Path) -> list[str]:
    """Return the ids of the cells that a deck shows, in order."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    kinds = [(c, c["metadata"].get("slideshow", {}).get("slide_type")) for c in cells]
    return [cell["id"] for cell, kind in kinds if kind not in ("skip", "notes")]


def tagged(path: Path, tag: str) -> set[str]:
    """Return the ids of the cells with a tag."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {cell["id"] for cell in cells if tag in cell["metadata"].get("tags", [])}


@pytest.mark.parametrize("path", BY_USE, ids=lambda path: path.stem)
def test_every_slide_of_the_live_deck_fits_the_screen(ran, path):
    lab = ran(path.name)
    page = lab.page
    assert lab.errors() == []
    assert lab.save() == path.read_bytes(), "a run that changed nothing changed the file"
    lab.present()
    visited, wrong, expected = [], [], slide_cells(path)
    panels_moved = panels_clicked = 0
    while True:
        slide = page.evaluate(SLIDE)
        visited.append(slide["active"])
        name = f"slide with {', '.join(slide['shown'])}"
        room_height, room_width = slide["room"]
        if slide["height"] > room_height + 1 or slide["width"] > room_width + 1:
            wrong.append(
                f"{name}: {slide['width']} x {slide['height']} in {room_width} x {room_height}"
            )
        if slide["small"]:
            wrong.append(f"{name}: text under 12 px: {', '.join(slide['small'][:3])}")
        if set(slide["code"]) - tagged(path, "show-code"):
            wrong.append(f"{name}: shows the code of {slide['code']}")
        panel = lab.cell(slide["active"]).locator(LIVE_PANEL)
        if panel.locator(".noUi-handle").count():
            panels_moved += 1
            if not answers_a_slider(panel):
                wrong.append(f"{name}: no slider of the panel changes what it shows")
            clicked = panel.locator(CLICKED).count() > 0
            panels_clicked += clicked
            if clicked and not answers_a_click(panel):
                wrong.append(f"{name}: a click on the picture changes nothing")
            if page.evaluate(SLIDE)["active"] != slide["active"]:
                wrong.append(f"{name}: using the panel left the slide")
        if slide["active"] == expected[-1] or len(visited) > len(expected) + 5:
            break
        page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCell.node.focus()")
        page.keyboard.press("Space")
        page.wait_for_function(
            "(before) => jupyterapp.shell.currentWidget.content.activeCell.model.id !== before",
            arg=slide["active"],
        )
    assert visited == [cell for cell in visited if cell in expected], "a hidden cell was shown"
    assert set(visited) == set(expected)
    assert panels_moved, "no panel stood on a slide"
    assert panels_clicked == (path.stem[:2] in WITH_CLICKS)
    assert not wrong, "these slides are not fit to show:\n" + "\n".join(dict.fromkeys(wrong))


def test_run_all_without_error_and_the_panel_moves(sparse):
    assert sparse.errors() == []
    panel = live_panel(sparse)
    expect_count(panel)
    move(panel, "Kernel", press_left)
    move(panel, "Inputs", press_right)
    move(panel, "Inputs", drag_left)


def test_a_wrong_answer_is_explained_and_a_right_one_is_kept(sparse):
    question = sparse.cell("ask-dense-arrows")
    entry, says = question.locator("input[type=text]"), question.locator(".cnn-quiz-says")
    known = next(q for q in QUESTIONS["question"] if q["id"] == "01.dense-arrows")
    wrong = known["wrong"][0]
    entry.fill(str(wrong["value"]))
    question.get_by_role("button", name="Check").click()
    expect(question.locator(".cnn-quiz-bad").first).to_be_visible()
    # Up to the first word that the page shows as code.
    expect(says.last).to_contain_text(" ".join(wrong["because"].split())[:25])

    entry.fill("25")
    entry.press("Enter")
    expect(question.locator(".cnn-quiz-good").first).to_be_visible()

    sparse.restart()
    sparse.open(SPARSE)
    sparse.run_all()
    again = sparse.cell("ask-dense-arrows")
    expect(again.locator("input[type=text]")).to_have_value("25")
    expect(again.locator(".cnn-quiz-good").first).to_be_visible()


def test_a_question_is_answered_with_the_keyboard_only(sparse):
    page = sparse.page
    question = sparse.cell("ask-conv-arrows")
    question.locator("input[type=text]").focus()
    page.keyboard.type("15")
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.textContent.trim()"))
    assert [name.split(" (")[0] for name in reached] == ["Check", "Lock in", "Hint", "Reveal"]
    for _ in range(3):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect(question.locator(".cnn-quiz-says").first).to_be_visible()


def test_new_code_and_what_it_shows_are_saved(sparse):
    """Saved once before it runs, as JupyterLab does by itself, and once after."""
    page = sparse.page
    page.evaluate(
        """() => {
          const book = jupyterapp.shell.currentWidget.content;
          const cell = book.widgets.find((one) => one.model.id === 'setup');
          book.activeCellIndex = book.widgets.indexOf(cell);
          cell.model.sharedModel.setSource('print("mine", 6 * 7)');
        }"""
    )
    assert b'mine\\", 6 * 7' in sparse.save()
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-cell')")
    expect(sparse.cell("setup")).to_contain_text("mine 42")
    assert b"mine 42" in sparse.save()


def test_arrow_keys_move_and_escape_leaves_the_deck(sparse):
    page = sparse.page
    sparse.present()
    active = "() => jupyterapp.shell.currentWidget.content.activeCell.model.id"
    page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCell.node.focus()")
    first = page.evaluate(active)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"(before) => ({active})() !== before", arg=first)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"(before) => ({active})() === before", arg=first)
    page.keyboard.press("Escape")
    page.wait_for_function("() => !document.body.dataset.jpDeckMode")
