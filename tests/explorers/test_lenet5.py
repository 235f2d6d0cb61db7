"""LeNet-5 reads a digit: every scan, the pen, undo and clear, and a refusal."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
import torch

from course_utils import datasets
from course_utils.lessons.lenet5.explorer import EMPTY, DigitReader, Pad, explain, view
from course_utils.lessons.lenet5.reading import as_a_scan, bitmap, ink, look
from course_utils.models import LeNet5
from course_utils.models.lenet5 import to_paper_range

ONE, BAR = [(16, 4), (16, 28)], [(10, 27), (22, 27.5)]


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
        assert f"Test scan no. {scan} is a {labels[scan]}, " in panel.says
        assert f"read as {expected[scan]}: " in panel.says
        assert panel.alt.endswith(f"The network reads {expected[scan]}.")
        right = labels[scan] == expected[scan]
        assert (", and it is read" in panel.says) == right
        assert (", but it is read" in panel.says) != right


def test_one_redraw_for_one_change(models):
    panel = DigitReader(models["modern"])
    panel.pad.scan.value = 3
    assert panel.redraws == 1
    panel.pad.draw(ONE)
    assert panel.redraws == 2


def test_on_an_empty_pad_strokes_become_a_scan():
    pad = Pad([(3,) * 64])
    pad.clear_button.click()
    assert pad.value == EMPTY and pad.strokes == []
    pad.draw(ONE)
    assert pad.strokes == [ONE] and pad.value == ink(as_a_scan([ONE]))
    pad.draw(BAR)
    assert pad.strokes == [ONE, BAR] and pad.value == ink(as_a_scan([ONE, BAR]))
    pad.undo_button.click()
    assert pad.strokes == [ONE] and pad.value == ink(as_a_scan([ONE]))
    pad.undo_button.click()
    pad.undo_button.click()  # nothing is left to take back
    assert pad.value == EMPTY


def test_on_a_scan_strokes_are_added_where_they_are_drawn():
    scan = tuple(range(16)) * 4
    pad = Pad([scan, EMPTY])
    pad.draw(ONE)
    assert pad.value == tuple(map(max, scan, ink(bitmap([ONE]))))
    pad.undo()
    assert pad.value == scan
    pad.draw(ONE)
    pad.scan.value = 1
    assert pad.strokes == [] and pad.value == EMPTY
    pad.value = scan  # as Reset does
    assert pad.value == scan and pad.scan.value == 0 and pad.strokes == []


def test_the_pad_shows_its_strokes_and_the_page_can_send_them():
    pad = Pad([EMPTY])
    pad._strokes.value = "1.0,2.0 3.5,4.0;9.0,9.0"  # as pad.js does
    assert pad.strokes == [[(1, 2), (3.5, 4)], [(9, 9)]]
    assert pad._ink.value.count("<polyline") == 2
    assert 'points="9,9 9,9"' in pad._ink.value, "a dot is a line, too, or it would not be drawn"


def test_an_empty_pad_is_refused_and_recovered_from(models):
    panel = DigitReader(models["paper"])
    panel.pad.clear_button.click()
    assert panel.refused and panel.says.startswith("The pad is empty. Draw a digit")
    panel.pad.draw(ONE)
    assert not panel.refused and panel.says.startswith("Your digit is read as ")


def test_verdict_and_reset_stand_beside_the_pad(models):
    panel = DigitReader(models["modern"], scan=7)
    assert panel._sentence in panel.pad.beside.children
    assert panel._sentence not in panel.children
    assert panel.reset_button in panel.pad.buttons.children
    first = panel.says
    panel.pad.draw(ONE)
    panel.pad.scan.value = 9
    panel.reset_button.click()
    assert (panel.says, panel.pad.scan.value) == (first, 7)


@pytest.mark.parametrize("variant", ["modern", "paper"])
@pytest.mark.parametrize("margin", [0, 6])
def test_pictures_are_well_formed(models, variant, margin):
    shown = view(models[variant], {}, margin, ink(as_a_scan([ONE])))
    root = ET.fromstring(shown.html)
    assert root.get("aria-label") == shown.alt
    names = ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert names[:8] == ["8×8", "input", "C1", "S2", "C3", "S4", "C5", "F6"]
    assert ("distance to code" in names) == (variant == "paper")
    assert any("a map may be white all over" in name for name in names) == (variant == "modern")
    for element in root.iter("{http://www.w3.org/2000/svg}image"):
        right = float(element.get("x")) + float(element.get("width"))
        assert float(element.get("x")) >= 0 and right <= 1000
        assert float(element.get("y")) + float(element.get("height")) <= 290


def test_a_close_call_is_said(models):
    seen = look(models["modern"], ink(as_a_scan([ONE])))
    outputs = torch.zeros(10).numpy()
    outputs[[4, 9]] = 0.55, 0.45
    close = seen._replace(outputs=outputs, best=4)
    assert explain(close, (42, 9)) == (
        "Test scan no. 42 is a 9, but it is read as 4: its probability is the highest. "
        "It was close: 9 comes next."
    )
    outputs[[4, 9]] = 0.9, 0.1
    assert "close" not in explain(close, (7, 4))


def test_other_scans_and_bad_ones(models):
    with pytest.raises(ValueError, match="Test scan no. must be an integer from 0 to 449, got 450"):
        DigitReader(models["modern"], scan=450)
    with pytest.raises(ValueError, match="scans must hold at least one scan, got none"):
        Pad([])
    images, labels = datasets.digits()[0]
    panel = DigitReader(models["modern"], scans=(images[:4], labels[:4]))
    assert panel.pad.scan.max == 3 and f"Test scan no. 0 is a {labels[0]}" in panel.says


def test_importing_it_loads_neither_torch_nor_matplotlib():
    code = (
        "import sys, course_utils.lessons.lenet5.explorer; "
        "print([m for m in ('torch', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
