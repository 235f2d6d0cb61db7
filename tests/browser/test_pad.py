"""The pad for digits in JupyterLab: mouse, finger and keys draw, undo and clear take away."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

CELL = """from course_utils.lessons.lenet5.explorer import DigitReader
from course_utils.models import LeNet5

DigitReader(LeNet5("modern"), scan=42)"""
SEVEN = [(8, 6), (24, 6), (18, 16), (14, 27)]


# The kernel has drawn all that the page has sent (and the first point of each stroke twice).
DRAWN = """() => {
  const pairs = (text) => text.split(/[ ;]/).filter(Boolean).length;
  const lines = [...document.querySelectorAll('.cnn-pad polyline')];
  const sent = pairs(document.querySelector('.cnn-pad-strokes input').value) + lines.length;
  return sent === pairs(lines.map((line) => line.getAttribute('points')).join(' '));
}"""


class Hand:
    """A hand over the pad; places are in 32nds of the pad."""

    def __init__(self, page):
        self.page, self.surface = page, page.locator(".cnn-pad-surface")
        self.ink = page.locator(".cnn-pad polyline")

    def at(self, x, y):
        box = self.surface.bounding_box()
        return box["x"] + x / 32 * box["width"], box["y"] + y / 32 * box["height"]

    def mouse(self, stroke):
        self.page.mouse.move(*self.at(*stroke[0]))
        self.page.mouse.down()
        for point in stroke[1:]:
            self.page.mouse.move(*self.at(*point), steps=3)
        self.page.mouse.up()

    def finger(self, stroke):
        session = self.page.context.new_cdp_session(self.page)
        for kind, *points in [("Start", stroke[0]), *[("Move", p) for p in stroke[1:]], ("End",)]:
            touched = [dict(zip("xy", self.at(*point), strict=True)) for point in points]
            event = {"type": f"touch{kind}", "touchPoints": touched}
            session.send("Input.dispatchTouchEvent", event)

    def keys(self, *names):
        for name in names:
            self.page.keyboard.press(name)

    def press(self, button):
        self.page.get_by_role("button", name=button).click()

    def points(self, number):
        """The points of a stroke that the kernel has drawn."""
        self.page.wait_for_function(DRAWN)
        pairs = self.ink.nth(number).get_attribute("points").split()
        return [tuple(float(part) for part in pair.split(",")) for pair in pairs]


@pytest.fixture(scope="module")
def hand(lab):
    """The pad, live in a notebook of its own."""
    cells = [new_code_cell(CELL, id="pad")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), lab.folder / "pad.ipynb")
    lab.open("pad.ipynb")
    lab.run_all()
    return Hand(lab.page)


@pytest.fixture(autouse=True)
def empty(hand):
    hand.press("Clear")
    expect(hand.page.locator(".cnn-refusal")).to_contain_text("The pad is empty")
    expect(hand.ink).to_have_count(0)


@pytest.mark.parametrize("how", ["mouse", "finger"])
def test_a_dragged_stroke_is_ink_and_is_read(hand, how):
    getattr(hand, how)(SEVEN)
    verdict = hand.page.locator(".cnn-says").filter(has_text="Your digit is read as")
    expect(verdict).to_be_in_viewport()
    pad, says = hand.surface.bounding_box(), verdict.bounding_box()
    assert says["x"] >= pad["x"] + pad["width"], "the verdict stands beside the pad"
    assert pad["y"] < says["y"] < pad["y"] + pad["height"]
    expect(hand.ink).to_have_count(1)
    drawn = hand.points(0)
    for x, y in SEVEN:
        assert min(abs(x - a) + abs(y - b) for a, b in drawn) < 0.5
    getattr(hand, how)([(11, 16), (20, 16)])
    expect(hand.ink).to_have_count(2)
    hand.press("Undo")
    expect(hand.ink).to_have_count(1)
    assert hand.points(0) == drawn
    expect(hand.surface).not_to_be_focused()  # Space still goes to the next slide


def test_the_keys_draw_and_stay_on_the_pad(hand, lab):
    hand.keys("Shift+Tab", "Shift+Tab")  # from Clear past Undo
    expect(hand.surface).to_be_focused()
    hand.surface.evaluate("(surface) => surface.scrollIntoView()")
    hand.keys("Space", *["ArrowDown"] * 3, "ArrowRight", "Space", "ArrowRight")
    expect(hand.ink).to_have_count(1)
    (x, y), *_, last = hand.points(0)
    assert last == (x + 2, y + 6)
    hand.keys("Space", "ArrowUp", "Tab")  # leaving the pad lifts the pen
    expect(hand.ink).to_have_count(2)
    assert hand.points(1)[-1] == (x + 4, y + 4)
    assert lab.count() == 1
    hand.surface.focus()
    hand.keys("Escape")
    expect(hand.surface).not_to_be_focused()


def test_on_a_slide_a_focused_pad_keeps_its_keys(hand, lab):
    lab.present()
    hand.surface.focus()
    hand.keys("Space", "ArrowRight", "Space")
    expect(hand.ink).to_have_count(1)
    expect(hand.surface).to_be_focused()
    lab.stop_presenting()
