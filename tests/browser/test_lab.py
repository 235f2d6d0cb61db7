"""The notebooks in JupyterLab: panels, questions, saving, and the keys of the live deck."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import expect

from course_utils.geometry import edge_count
from course_utils.quiz import find_question

SPARSE = "01_sparse_connectivity.ipynb"


@pytest.fixture
def sparse(lab):
    """Notebook 01, with a panel and a question run."""
    if lab.name != SPARSE:
        lab.open(SPARSE)
        lab.run("setup", "explore", "ask-dense-arrows")
    return lab


def test_a_folded_reveal_shows_nothing_until_it_is_clicked(lab):
    lab.open("12_imagenet_winners.ipynb")
    reveal = lab.cell("reductions")
    folded = reveal.locator(".jp-Placeholder-contentContainer")
    expect(folded).to_be_visible()
    assert "gone" not in reveal.locator(".jp-Cell-outputWrapper").inner_text()
    folded.click()
    expect(reveal.locator(".jp-OutputArea-output")).to_contain_text("41% gone")


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


def test_the_panel_says_what_its_sliders_say(sparse):
    panel = sparse.cell("explore").locator(".jupyter-widgets.cnn-explorer")
    rows = panel.locator(".widget-slider")

    def readouts() -> dict[str, int]:
        labels, values = rows.locator(".widget-label"), rows.locator(".widget-readout")
        numbers = map(int, values.all_inner_texts())
        return dict(zip(map(str.lower, labels.all_inner_texts()), numbers, strict=True))

    for label, action in (("Kernel", "ArrowLeft"), ("Inputs", "ArrowRight"), ("Inputs", drag_left)):
        before, picture = readouts(), panel.locator(".cnn-picture").inner_html()
        row = rows.filter(has=sparse.page.locator(".widget-label", has_text=label))
        row.scroll_into_view_if_needed()
        handle = row.locator(".noUi-handle")
        handle.press(action) if isinstance(action, str) else action(handle)
        expect(row.locator(".widget-readout")).not_to_have_text(str(before[label.lower()]))
        now = readouts()
        parts = {name: now[name] for name in ("kernel", "stride", "padding", "dilation")}
        count = edge_count(now["inputs"], **parts)
        expect(panel.locator(".cnn-says")).to_contain_text(f"{count} arrows")
        assert panel.locator(".cnn-picture").inner_html() != picture, "the picture stayed the same"


def test_a_wrong_answer_is_explained_and_a_right_one_is_kept(sparse):
    question = sparse.cell("ask-dense-arrows")
    entry, says = question.locator("input[type=text]"), question.locator(".cnn-quiz-says")
    wrong = find_question("01.dense-arrows").wrong[0]
    entry.fill(str(wrong.values[0]))
    question.get_by_role("button", name="Check").click()
    expect(question.locator(".cnn-quiz-bad").first).to_be_visible()
    # Up to the first word that the page shows as code.
    expect(says.last).to_contain_text(wrong.because[:25])

    entry.fill("25")
    entry.press("Enter")
    expect(question.locator(".cnn-quiz-good").first).to_be_visible()

    sparse.restart()
    sparse.open(SPARSE)
    sparse.run("setup", "ask-dense-arrows")
    again = sparse.cell("ask-dense-arrows")
    expect(again.locator("input[type=text]")).to_have_value("25")
    expect(again.locator(".cnn-quiz-good").first).to_be_visible()


def test_new_code_and_what_it_shows_are_saved(sparse):
    """Saved once before it runs, as JupyterLab does by itself, and once after."""
    sparse.select("setup")
    source = "jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel"
    sparse.page.evaluate(f"""() => {source}.setSource('print("mine", 6 * 7)')""")
    assert b'mine\\", 6 * 7' in sparse.save()
    sparse.run("setup")
    expect(sparse.cell("setup")).to_contain_text("mine 42")
    assert b"mine 42" in sparse.save()


# A deck of three slides with all that a lecture meets, quick to run.
CONTROLS = """import ipywidgets as w

w.VBox([
    w.RadioButtons(options=["one", "two"]), w.Checkbox(), w.Text(), w.IntSlider(value=50),
    w.Dropdown(options=["one", "two"]), w.Button(description="Hint"),
])"""
TEXT, CODE = new_markdown_cell, new_code_cell
DECK = (
    ("title", "slide", TEXT, "# A title"),
    ("hidden", "skip", CODE, "1"),
    ("question", "slide", TEXT, "## Which?"),
    ("controls", None, CODE, CONTROLS),
    ("reveal", "fragment", TEXT, "This one."),
    ("for-me", "notes", TEXT, "What I say"),
    ("live", "subslide", CODE, "1 * 19"),
    ("exercise", "skip", CODE, "1"),
    ("last", "skip", CODE, "1"),
)
SHOWN_CELLS = """() => [document.querySelector('.cnn-deck-number').textContent,
  ...[...document.querySelectorAll('.jp-Deck .jp-Cell')].filter((cell) => cell.checkVisibility(
    { visibilityProperty: true })).map((cell) => cell.dataset.cell)].join(' ')"""
TITLE, ASKED = "1 / 3 title", "2 / 3 question controls"
REVEALED, LIVE = f"{ASKED} reveal", "3 / 3 live"
CONTENT = "() => JSON.stringify(jupyterapp.shell.currentWidget.content.model.toJSON().cells)"


@pytest.fixture(scope="module")
def deck_file(lab_server):
    """The name of a small notebook beside the course's."""
    cells = [
        make(source, id=name, metadata={"slideshow": {"slide_type": kind}} if kind else {})
        for name, kind, make, source in DECK
    ]
    cells[6].metadata["tags"] = ["show-code", "run-live"]
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


def press(lab, *keys: str, to: str = "") -> None:
    """Press keys, one after the other; they lead `to` that slide."""
    for key in keys:
        lab.page.keyboard.press(key)
    if to:
        shows(lab, to)


def is_left(lab) -> None:
    """Expect JupyterLab, and not the deck."""
    lab.page.wait_for_function("() => !document.body.dataset.jpDeckMode")
    expect(lab.page.locator(".cnn-deck-number")).not_to_be_visible()


@pytest.mark.parametrize(
    ("active", "slide"),
    [("last", LIVE), ("for-me", REVEALED), ("hidden", TITLE), ("controls", ASKED)],
)
def test_the_deck_begins_at_the_nearest_slide_and_escape_leaves_it(ran, deck_file, active, slide):
    lab = ran(deck_file)
    lab.present(active)
    expect(lab.page.locator(".cnn-deck-number")).to_be_visible()
    shows(lab, slide)
    lab.page.evaluate("() => document.activeElement.blur()")
    press(lab, "Escape")
    is_left(lab)


@pytest.mark.parametrize(
    ("on", "back"),
    [("PageDown", "PageUp"), ("ArrowRight", "ArrowLeft"), ("ArrowDown", "ArrowUp"),
     ("Space", "Shift+Space")],
)  # fmt: skip
def test_every_key_that_moves_on_shows_the_next_step(deck, on, back):
    for expected in (ASKED, REVEALED, LIVE, LIVE):
        press(deck, on, to=expected)
    for expected in (REVEALED, ASKED, TITLE, TITLE):
        press(deck, back, to=expected)
    press(deck, "End", to=LIVE)
    press(deck, "Home", to=TITLE)


def test_moving_on_from_a_question_shows_its_answer_first(deck):
    press(deck, "PageDown")
    card = "<div class=cnn-quiz><button onclick='this.textContent = 42'>Reveal</button></div>"
    controls = deck.cell("controls")
    controls.evaluate("(cell, card) => cell.insertAdjacentHTML('beforeend', card)", card)
    press(deck, "PageDown", to=ASKED)
    expect(controls.locator(".cnn-quiz")).to_have_text("42")
    press(deck, "PageDown", to=REVEALED)
    press(deck, "PageUp", to=ASKED)
    press(deck, "PageDown", to=REVEALED)


def test_editing_keys_are_off(deck):
    press(deck, "PageDown")
    before = deck.page.evaluate(CONTENT)
    press(deck, *"abcdxvzymrDD1JK", "d", "d", "Enter", "Backspace", "Delete", "Shift+M")
    press(deck, "Control+Shift+ArrowUp", "Control+Shift+M", "Shift+A", "Alt+Enter", "Control+x")
    assert deck.page.evaluate(CONTENT) == before
    deck.page.locator(".jp-Deck h2").dblclick()
    assert deck.cell("question").locator(".cm-content:visible").count() == 0
    press(deck, "PageUp", to=TITLE)


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
        press(deck, key)
        assert deck.page.evaluate(black)
        press(deck, back, to=TITLE)
        assert deck.page.evaluate(black) == (back == "x")
    deck.page.mouse.click(640, 300)
    assert not deck.page.evaluate(black)
    press(deck, key, "Escape")
    is_left(deck)
    assert not deck.page.evaluate(black)


VALUES = """() => [...document.querySelectorAll('.jp-Deck .jupyter-widgets :is(input, select)')]
  .map((e) => /radio|checkbox/.test(e.type) ? e.checked : e.value).concat(
    document.querySelector('.jp-Deck .noUi-handle').ariaValueNow ?? '').join()"""


@pytest.mark.parametrize(
    ("control", "keys"),
    [("input[type=radio] >> nth=0", ["ArrowDown"]), ("input[type=radio] >> nth=0", ["ArrowUp"]),
     ("input[type=checkbox]", ["Space"]), ("select", ["ArrowDown"]),
     (".noUi-target", ["ArrowRight", "ArrowLeft", "End", "Home"]),
     (".noUi-handle", ["ArrowUp", "ArrowDown"])],
)  # fmt: skip
def test_a_control_keeps_its_keys(deck, control, keys):
    press(deck, "PageDown", "PageDown")
    control = deck.cell("controls").locator(control)
    if control.evaluate("(e) => e.matches('select')"):
        control.focus()  # a click would open the list, which is the browser's own
    else:
        control.click(position={"x": 9, "y": 3})
    for key in keys:
        before = deck.page.evaluate(VALUES)
        press(deck, key)
        deck.page.wait_for_function(f"(before) => ({VALUES})() !== before", arg=before)
        shows(deck, REVEALED)  # what was revealed stays, too
    press(deck, "PageDown", to=LIVE)


def test_a_text_box_keeps_its_keys(deck):
    press(deck, "PageDown")
    box = deck.cell("controls").locator("input[type=text]")
    box.click()
    press(deck, "b", ".", "Space", "ArrowLeft", "x", "End", "d", "Home", "d")
    expect(box).to_have_value("db.x d")
    shows(deck, ASKED)


def test_a_button_keeps_its_keys_and_a_dragged_slider_too(deck):
    press(deck, "PageDown")
    pressed = "() => { window.pressed = 0; document.querySelector('.jp-Deck .jupyter-button')"
    deck.page.evaluate(pressed + ".addEventListener('click', () => { window.pressed += 1; }); }")
    deck.cell("controls").get_by_role("button", name="Hint").click()
    press(deck, "Space", "ArrowRight", "Enter")
    assert deck.page.evaluate("() => window.pressed") == 3
    shows(deck, ASKED)
    handle = deck.cell("controls").locator(".noUi-handle")
    drag_left(handle)
    expect(handle).to_be_focused()
    value = float(handle.get_attribute("aria-valuenow"))
    assert value < 50
    press(deck, "ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", f"{value + 1}")
    press(deck, "Escape")
    is_left(deck)


def test_a_live_cell_runs_in_its_place(deck):
    press(deck, "End")
    before = deck.count()
    for number, key in enumerate(("Shift+Enter", "Alt+Enter", "Control+Enter")):
        deck.cell("live").locator(".cm-content").click()
        press(deck, "End", "Backspace", str(number), key)
        expect(deck.cell("live").locator(".jp-OutputArea-output")).to_have_text(f"{10 + number}")
        shows(deck, LIVE)
    deck.cell("live").locator(".cm-content").click()
    press(deck, "End", "Backspace", "7")
    deck.page.get_by_role("button", name="▶ Run").click()
    expect(deck.cell("live").locator(".jp-OutputArea-output")).to_have_text("17")
    assert deck.count() == before
    deck.page.locator(".cnn-deck-number").evaluate("() => document.activeElement.blur()")
    press(deck, "PageUp", to=REVEALED)
    expect(deck.page.locator(".cnn-deck-run")).not_to_be_visible()


def test_a_reload_returns_to_the_slide_and_a_new_tab_does_not_present(deck):
    page = deck.page
    page.on("dialog", lambda dialog: dialog.accept())  # the browser's: "leave this page?"
    press(deck, "PageDown", "PageDown")
    deck.save()
    page.reload()
    expect(page.locator(".cnn-deck-number")).to_be_visible(timeout=60_000)
    page.wait_for_function("() => jupyterapp.shell.currentWidget?.content?.widgets?.length > 0")
    deck.name_cells()
    shows(deck, REVEALED)
    press(deck, "PageDown", to=LIVE)

    left_on = "fetch('/lab/api/settings/jupyterlab-slideshow:plugin').then((got) => got.text())"
    assert '\\"active\\": true' in page.evaluate(left_on)
    tab = page.context.new_page()
    tab.goto(f"{deck.url}?token={deck.token}&reset")
    tab.wait_for_function("() => window.jupyterapp?.shell.currentWidget", timeout=60_000)
    tab.wait_for_timeout(1_000)
    assert tab.evaluate("() => document.body.dataset.jpDeckMode ?? ''") == ""
    tab.close()
    shows(deck, LIVE)


def test_closing_the_notebook_leaves_the_deck(deck):
    deck.save()  # else JupyterLab asks whether to
    deck.page.evaluate("() => jupyterapp.shell.currentWidget.close()")
    is_left(deck)
    deck.name = ""
