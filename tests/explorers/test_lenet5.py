"""LeNet-5 reads a digit: every scan, the pen, the keyboard's way, and a refusal."""

import subprocess
import sys
import time
import xml.etree.ElementTree as ET

import pytest
import torch

from course_utils import datasets
from course_utils.explorers.lenet5 import EMPTY, DigitReader, Pad, explain, view
from course_utils.models import LeNet5
from course_utils.models.lenet5 import to_paper_range
from course_utils.reading import FULL, look, stroke


@pytest.fixture(scope="module")
def models():
    """A briefly trained network of each kind: no oracle is needed, only outputs that differ."""
    torch.manual_seed(0)
    return {"modern": LeNet5("modern"), "paper": LeNet5("paper", init="torch")}


@pytest.mark.parametrize("variant", ["modern", "paper"])
def test_every_scan_is_read_as_the_network_reads_it(models, variant):
    model = models[variant]
    images, labels = datasets.digits(32)[1]
    with torch.no_grad():
        outputs = model(to_paper_range(images) if variant == "paper" else images)
    expected = outputs.argmin(1) if variant == "paper" else outputs.argmax(1)
    panel = DigitReader(model)
    assert (panel.pad.scan.min, panel.pad.scan.max) == (0, len(labels) - 1)
    for scan in range(0, len(labels), 9):
        panel.pad.scan.value = scan
        assert f"This scan is a {labels[scan]}, " in panel.says
        assert f"read as {expected[scan]}: " in panel.says
        assert panel.alt.endswith(f"The network reads {expected[scan]}.")
        right = labels[scan] == expected[scan]
        assert (", and it is read" in panel.says) == right
        assert (", but it is read" in panel.says) != right


def test_one_redraw_for_one_change(models):
    panel = DigitReader(models["modern"])
    panel.pad.scan.value = 3
    assert panel.redraws == 1
    panel.pad.click(0, 0)
    assert panel.redraws == 2
    panel.pad.lift()
    assert panel.redraws == 2  # nothing was drawn


def test_the_pen_draws_lines_from_click_to_click():
    pad = Pad([(3,) * 64])
    pad.clear()
    assert pad.value == EMPTY and pad.pen is None
    pad.click(0, 1)
    assert pad.value == stroke(EMPTY, (0, 1), (0, 1))
    pad.click(0, 6)
    line = stroke(pad.value, (0, 1), (0, 6))
    assert pad.value == line
    pad.lift()
    pad.click(7, 3)
    assert pad.value == stroke(line, (7, 3), (7, 3)), "no line from the stroke before"


def test_the_buttons_do_what_the_methods_do():
    pad = Pad([(3,) * 64])
    pad.clear_button.click()
    assert pad.value == EMPTY
    pad.cells[8 * 2 + 5].click()
    assert pad.pen == (2, 5) and pad.value == stroke(EMPTY, (2, 5), (2, 5))
    pad.lift_button.click()
    assert pad.pen is None


def test_the_cells_show_the_ink_and_where_the_pen_is():
    pad = Pad([(0,) * 64])
    pad.click(4, 4)
    pad.click(4, 6)
    colours = [cell.style.button_color for cell in pad.cells]
    for ink, colour in zip(pad.value, colours, strict=True):
        assert (colour == "#FFFFFF") == (ink == 0)
    darkest = pad.value.index(max(pad.value))
    assert colours[darkest] == min(colours)
    assert [i for i, cell in enumerate(pad.cells) if cell.description.strip()] == [4 * 8 + 6]
    assert {cell.tooltip for cell in pad.cells} == {
        f"row {r}, column {c}" for r in range(1, 9) for c in range(1, 9)
    }


def test_a_scan_can_be_altered_and_comes_back():
    images, _ = datasets.digits()[1]
    scans = [tuple(row) for row in (images.flatten(1) * FULL).round().int().tolist()]
    pad = Pad(scans, scan=7)
    assert pad.value == scans[7]
    pad.click(0, 0)
    assert pad.value == stroke(scans[7], (0, 0), (0, 0)) != scans[7]
    pad.scan.value = 8
    pad.scan.value = 7
    assert pad.value == scans[7] and pad.pen is None


def test_an_empty_pad_is_refused_and_recovered_from(models):
    panel = DigitReader(models["paper"])
    panel.pad.clear()
    assert panel.refused and panel.says.startswith("The pad is empty. Click where the pen touches")
    panel.pad.click(3, 3)
    assert not panel.refused and panel.says.startswith("Your digit is read as ")


@pytest.mark.parametrize("variant", ["modern", "paper"])
@pytest.mark.parametrize("margin", [0, 6])
def test_pictures_are_well_formed(models, variant, margin):
    ink = stroke(EMPTY, (0, 4), (7, 4))
    shown = view(models[variant], {}, margin, ink)
    root = ET.fromstring(shown.html)
    assert root.get("aria-label") == shown.alt
    names = ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert names[:7] == ["input", "C1", "S2", "C3", "S4", "C5", "F6"]
    assert ("distance to code" in names) == (variant == "paper")
    for element in root.iter("{http://www.w3.org/2000/svg}image"):
        right = float(element.get("x")) + float(element.get("width"))
        assert float(element.get("x")) >= 0 and right <= 1000
        assert float(element.get("y")) + float(element.get("height")) <= 290


def test_a_close_call_is_said(models):
    seen = look(models["modern"], stroke(EMPTY, (0, 4), (7, 4)))
    outputs = torch.zeros(10).numpy()
    outputs[[4, 9]] = 0.55, 0.45
    close = seen._replace(outputs=outputs, best=4)
    assert explain(close, 9) == (
        "This scan is a 9, but it is read as 4: its probability is the highest. "
        "It was close: 9 comes next."
    )
    outputs[[4, 9]] = 0.9, 0.1
    assert "close" not in explain(close, 4)


def test_other_scans_and_bad_ones(models):
    with pytest.raises(ValueError, match="Scan must be an integer from 0 to 449, got 450"):
        DigitReader(models["modern"], scan=450)
    with pytest.raises(ValueError, match="scans must hold at least one scan, got none"):
        Pad([])
    images, labels = datasets.digits()[0]
    panel = DigitReader(models["modern"], scans=(images[:4], labels[:4]))
    assert panel.pad.scan.max == 3 and f"This scan is a {labels[0]}" in panel.says


def test_it_redraws_fast_enough_to_follow_a_pen(models):
    panel = DigitReader(models["paper"])
    took = []
    for scan in range(1, 12):
        began = time.process_time()
        panel.pad.scan.value = scan
        took.append(time.process_time() - began)
    assert sorted(took)[len(took) // 2] < 0.1


def test_importing_it_loads_neither_torch_nor_matplotlib():
    code = (
        "import sys, course_utils.explorers.lenet5; "
        "print([m for m in ('torch', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
