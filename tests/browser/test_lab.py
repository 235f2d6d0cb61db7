"""The notebooks in JupyterLab: Run All, panels, questions, and the live deck to its last slide."""

import json
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
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
    const drawn = e.matches('svg *') ? e.getScreenCTM().d : 1;
    const size = parseFloat(getComputedStyle(e).fontSize) * drawn;
    const words = texts.map((n) => n.data.trim()).join(' ').slice(0, 40);
    if (size < 11.95) small.add(`${size.toFixed(1)} px "${words}"`);
  }
  return {
    number: document.querySelector('.cnn-deck-number').textContent,
    shown: shown.map((cell) => cell.dataset.cell),
    height: frame.scrollHeight, width: frame.scrollWidth,
    room: [frame.clientHeight, frame.clientWidth], small: [...small],
    code: shown.filter((cell) => cell.querySelector('.jp-Cell-inputWrapper')?.checkVisibility()
      && cell.classList.contains('jp-CodeCell')).map((cell) => cell.dataset.cell),
  };
}"""


# A panel as a live widget, not its still.
LIVE_PANEL = ".jupyter-widgets.cnn-explorer"
# What is clicked in a panel: a layer of a network.
CLICKED = ".cnn-strip button"
WITH_CLICKS = ("12",)
# What a panel shows: the picture and the sentence under it.
SHOWN = """(panel) => ['.cnn-picture', '.cnn-says']
  .map((part) => panel.querySelector(part)?.innerHTML ?? '').join()"""


@pytest.fixture
def sparse(ran):
    """Notebook 01, every cell run."""
    return ran(SPARSE)


def test_a_folded_reveal_shows_nothing_until_it_is_clicked(lab):
    lab.open("12_imagenet_winners.ipynb")
    reveal = lab.cell("reductions")
    expect(reveal.locator(".jp-Placeholder-contentContainer")).to_be_visible()
    assert "gone" not in reveal.locator(".jp-Cell-outputWrapper").inner_text()
    reveal.locator(".jp-Placeholder-contentContainer").click()
    expect(reveal.locator(".jp-OutputArea-output")).to_contain_text("41% gone")


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
    seen, wrong, expected = [], [], slide_cells(path)
    panels_moved = panels_clicked = 0
    while True:
        slide = page.evaluate(SLIDE)
        name = f"slide {slide['number']} with {', '.join(slide['shown'])}"
        new = [cell for cell in slide["shown"] if cell not in seen]
        assert new, f"{name}: a key press showed nothing new"
        seen += new
        room_height, room_width = slide["room"]
        if slide["height"] > room_height + 1 or slide["width"] > room_width + 1:
            wrong.append(
                f"{name}: {slide['width']} x {slide['height']} in {room_width} x {room_height}"
            )
        if slide["small"]:
            wrong.append(f"{name}: text under 12 px: {', '.join(slide['small'][:3])}")
        if set(slide["code"]) - tagged(path, "show-code"):
            wrong.append(f"{name}: shows the code of {slide['code']}")
        for panel in [lab.cell(cell).locator(LIVE_PANEL) for cell in new]:
            if not panel.locator(".noUi-handle").count():
                continue
            panels_moved += 1
            if not answers_a_slider(panel):
                wrong.append(f"{name}: no slider of the panel changes what it shows")
            clicked = panel.locator(CLICKED).count() > 0
            panels_clicked += clicked
            if clicked and not answers_a_click(panel):
                wrong.append(f"{name}: a click on the picture changes nothing")
            if page.evaluate(SLIDE)["shown"] != slide["shown"]:
                wrong.append(f"{name}: using the panel left the slide")
        if expected[-1] in slide["shown"]:
            break
        page.keyboard.press("PageDown")
    assert seen == expected
    number, last = slide["number"].split(" / ")
    assert number == last
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


# A deck of three slides with all that a lecture meets, quick to run.
CONTROLS = """import ipywidgets as w

w.VBox([
    w.RadioButtons(options=["one", "two"]), w.Checkbox(), w.Text(), w.IntSlider(value=50),
    w.Dropdown(options=["one", "two"]), w.Button(description="Hint"),
])"""
DECK = (
    ("title", "slide", "# A title"),
    ("hidden", "skip", None),
    ("question", "slide", "## Which?"),
    ("controls", None, CONTROLS),
    ("reveal", "fragment", "This one."),
    ("for-me", "notes", "What I say"),
    ("live", "subslide", "1 * 19"),
    ("exercise", "skip", None),
    ("last", "skip", None),
)
SHOWN_CELLS = """() => [document.querySelector('.cnn-deck-number').textContent,
  ...[...document.querySelectorAll('.jp-Deck .jp-Cell')].filter((cell) => cell.checkVisibility(
    { visibilityProperty: true })).map((cell) => cell.dataset.cell)].join(' ')"""
TITLE, ASKED, REVEALED, LIVE = (
    "1 / 3 title",
    "2 / 3 question controls",
    "2 / 3 question controls reveal",
    "3 / 3 live",
)
CONTENT = "() => JSON.stringify(jupyterapp.shell.currentWidget.content.model.toJSON().cells)"
ACTIVATE = """(id) => { const book = jupyterapp.shell.currentWidget.content;
  book.activeCellIndex = book.widgets.findIndex((cell) => cell.model.id === id); }"""


@pytest.fixture(scope="module")
def deck_file(lab_server):
    """The name of a small notebook beside the course's."""
    kinds = {"#": new_markdown_cell, "T": new_markdown_cell, "W": new_markdown_cell}
    cells = [
        kinds.get((source or "")[:1], new_code_cell)(
            source or "1", id=name, metadata={"slideshow": {"slide_type": kind}} if kind else {}
        )
        for name, kind, source in DECK
    ]
    cells[6].metadata["tags"] = ["show-code"]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, lab_server[-1] / "deck.ipynb")
    return "deck.ipynb"


@pytest.fixture
def deck(ran, deck_file):
    """The small notebook, every cell run, presented from its title on."""
    lab = ran(deck_file)
    lab.present()
    return lab


def shows(lab, expected: str) -> None:
    """Expect the number of the slide and its cells."""
    assert lab.page.evaluate(SHOWN_CELLS) == expected


def presses(lab, *keys: str) -> None:
    """Press keys, one after the other."""
    for key in keys:
        lab.page.keyboard.press(key)


def is_left(lab) -> None:
    """Expect JupyterLab, and not the deck."""
    lab.page.wait_for_function("() => !document.body.dataset.jpDeckMode")
    expect(lab.page.locator(".cnn-deck-number")).not_to_be_visible()


@pytest.mark.parametrize(
    ("active", "expected"),
    [("last", LIVE), ("for-me", REVEALED), ("hidden", TITLE), ("controls", ASKED)],
)
def test_the_deck_begins_at_the_nearest_slide_and_escape_leaves_it(
    ran, deck_file, active, expected
):
    lab = ran(deck_file)
    lab.page.evaluate(ACTIVATE, active)
    lab.page.locator('[data-command="deck:toggle"]').first.click()
    expect(lab.page.locator(".cnn-deck-number")).to_be_visible()
    shows(lab, expected)
    lab.page.evaluate("() => document.activeElement.blur()")
    presses(lab, "Escape")
    is_left(lab)


@pytest.mark.parametrize("on", ["PageDown", "ArrowRight", "ArrowDown", "Space"])
def test_every_key_that_moves_on_shows_the_next_step(deck, on):
    back = {"PageDown": "PageUp", "ArrowRight": "ArrowLeft", "ArrowDown": "ArrowUp"}
    for expected in (ASKED, REVEALED, LIVE, LIVE):
        presses(deck, on)
        shows(deck, expected)
    for expected in (REVEALED, ASKED, TITLE, TITLE):
        presses(deck, back.get(on, "Shift+Space"))
        shows(deck, expected)


def test_home_and_end_lead_to_the_first_and_the_last_slide(deck):
    presses(deck, "End")
    shows(deck, LIVE)
    presses(deck, "Home")
    shows(deck, TITLE)


def test_editing_keys_are_off(deck):
    presses(deck, "PageDown")
    before = deck.page.evaluate(CONTENT)
    presses(deck, *"abcdxvzymrDD1JK", "d", "d", "Enter", "Backspace", "Delete", "Shift+M")
    presses(deck, "Control+Shift+ArrowUp", "Control+Shift+M", "Shift+A", "Alt+Enter", "Control+x")
    assert deck.page.evaluate(CONTENT) == before
    deck.page.locator(".jp-Deck h2").dblclick()
    assert deck.cell("question").locator(".cm-content:visible").count() == 0
    presses(deck, "PageUp")
    shows(deck, TITLE)


def test_the_mouse_has_arrows(deck):
    for direction, expected in (("forward", ASKED), ("forward", REVEALED), ("back", ASKED)):
        deck.page.locator(f".jp-Deck-Remote .jp-deck-mod-direction-{direction}").click()
        shows(deck, expected)
    deck.page.locator(".jp-Deck-Remote .jp-deck-mod-stop").click()
    is_left(deck)


@pytest.mark.parametrize("key", ["b", "."])
def test_the_screen_goes_black_and_comes_back(deck, key):
    black = """() => { const cover = getComputedStyle(document.body, '::after');
      return cover.content !== 'none' && cover.backgroundColor === 'rgb(0, 0, 0)'; }"""
    for back in (key, "PageDown", "x"):
        presses(deck, key)
        assert deck.page.evaluate(black)
        presses(deck, back)
        assert deck.page.evaluate(black) == (back == "x")
        shows(deck, TITLE)
    deck.page.mouse.click(640, 300)
    assert not deck.page.evaluate(black)
    presses(deck, key, "Escape")
    is_left(deck)
    assert not deck.page.evaluate(black)


VALUES = """() => [...document.querySelectorAll('.jp-Deck .jupyter-widgets :is(input, select)')]
  .map((e) => /radio|checkbox/.test(e.type) ? e.checked : e.value).concat(
    document.querySelector('.jp-Deck .noUi-handle').ariaValueNow ?? '').join()"""


@pytest.mark.parametrize(
    ("control", "keys"),
    [
        ("input[type=radio] >> nth=0", ["ArrowDown"]),
        ("input[type=radio] >> nth=0", ["ArrowUp"]),
        ("input[type=checkbox]", ["Space"]),
        ("select", ["ArrowDown"]),
        (".noUi-target", ["ArrowRight", "ArrowLeft", "End", "Home"]),
        (".noUi-handle", ["ArrowUp", "ArrowDown"]),
    ],
)
def test_a_control_keeps_its_keys(deck, control, keys):
    presses(deck, "PageDown", "PageDown")
    control = deck.cell("controls").locator(control)
    if control.evaluate("(e) => e.matches('select')"):
        control.focus()  # a click would open the list, which is the browser's own
    else:
        control.click(position={"x": 9, "y": 3})
    for key in keys:
        before = deck.page.evaluate(VALUES)
        presses(deck, key)
        deck.page.wait_for_function(f"(before) => ({VALUES})() !== before", arg=before)
        shows(deck, REVEALED)  # what was revealed stays, too
    presses(deck, "PageDown")
    shows(deck, LIVE)


def test_a_text_box_keeps_its_keys(deck):
    presses(deck, "PageDown")
    box = deck.cell("controls").locator("input[type=text]")
    box.click()
    presses(deck, "b", ".", "Space", "ArrowLeft", "x", "End", "d", "Home", "d")
    expect(box).to_have_value("db.x d")
    shows(deck, ASKED)


def test_a_button_keeps_its_keys_and_a_dragged_slider_too(deck):
    presses(deck, "PageDown")
    pressed = "() => { window.pressed = 0; document.querySelector('.jp-Deck .jupyter-button')"
    deck.page.evaluate(pressed + ".addEventListener('click', () => { window.pressed += 1; }); }")
    deck.cell("controls").get_by_role("button", name="Hint").click()
    presses(deck, "Space", "ArrowRight", "Enter")
    assert deck.page.evaluate("() => window.pressed") == 3
    shows(deck, ASKED)
    handle = deck.cell("controls").locator(".noUi-handle")
    drag_left(handle)
    expect(handle).to_be_focused()
    value = float(handle.get_attribute("aria-valuenow"))
    assert value < 50
    presses(deck, "ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", f"{value + 1}")
    presses(deck, "Escape")
    is_left(deck)


def test_a_live_cell_runs_in_its_place(deck):
    presses(deck, "End")
    before = deck.page.evaluate("() => jupyterapp.shell.currentWidget.content.widgets.length")
    for number, key in enumerate(("Shift+Enter", "Alt+Enter", "Control+Enter")):
        deck.cell("live").locator(".cm-content").click()
        presses(deck, "End", "Backspace", str(number), key)
        expect(deck.cell("live").locator(".jp-OutputArea-output")).to_have_text(f"{10 + number}")
        shows(deck, LIVE)
    after = deck.page.evaluate("() => jupyterapp.shell.currentWidget.content.widgets.length")
    assert after == before
    presses(deck, "PageUp")
    shows(deck, REVEALED)


def test_a_reload_returns_to_the_slide_and_a_new_tab_does_not_present(deck):
    page = deck.page
    page.on("dialog", lambda dialog: dialog.accept())  # the browser's: "leave this page?"
    presses(deck, "PageDown", "PageDown")
    deck.save()
    page.reload()
    expect(page.locator(".cnn-deck-number")).to_be_visible(timeout=60_000)
    page.wait_for_function("() => jupyterapp.shell.currentWidget?.content?.widgets?.length > 0")
    deck.name_cells()
    shows(deck, REVEALED)
    presses(deck, "PageDown")
    shows(deck, LIVE)

    left_on = (
        """async () => (await fetch('/lab/api/settings/jupyterlab-slideshow:plugin')).text()"""
    )
    assert '\\"active\\": true' in page.evaluate(left_on)
    tab = page.context.new_page()
    tab.goto(f"{deck.url}?token={deck.token}&reset")
    tab.wait_for_function("() => window.jupyterapp?.shell.currentWidget", timeout=60_000)
    tab.wait_for_timeout(1_000)
    assert tab.evaluate("() => document.body.dataset.jpDeckMode ?? ''") == ""
    tab.close()
    shows(deck, LIVE)


def test_closing_the_notebook_leaves_the_deck(deck):
    deck.page.evaluate("() => jupyterapp.shell.currentWidget.close()")
    is_left(deck)
    deck.name = ""
