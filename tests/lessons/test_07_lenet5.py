"""Lesson 07: LeNet-5 drawn and looked into, the pad and its panel, the exercises.

What the notebook says of its trainings, and of digits drawn on its pad, has to hold for other
seeds as well.
"""

import base64
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
from cells import run_cells
from matplotlib import pyplot as plt
from PIL import Image
from torch import nn
from torch.nn import functional as F

from course_utils import datasets
from course_utils.exercises import check
from course_utils.ledger import ledger
from course_utils.lessons.lenet5 import exercises, figures
from course_utils.lessons.lenet5.explorer import DigitReader, explain
from course_utils.lessons.lenet5.reading import Drawing, Look, as_a_scan, distances, ink, look
from course_utils.models import LeNet5, lenet5

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = (Path(__file__).parent / "drawn_digits.txt").read_text(encoding="utf-8").splitlines()
ONE, DOT = "16,4 16,28", "9,9"
SEVEN = [(8, 5), (25, 5), (19, 15), (14, 28)]
both_kinds = pytest.mark.parametrize("variant", ["paper", "modern"])


@pytest.fixture(scope="module")
def models():
    """A network of each kind, untrained: no oracle is needed, only outputs that differ."""
    torch.manual_seed(0)
    kinds = {"modern": LeNet5("modern"), "full_c3": LeNet5("full_c3", init="torch")}
    return kinds | {"paper": LeNet5("paper", init="torch")}


@pytest.fixture(scope="module")
def scans():
    """The 450 test scans: 64 amounts of ink of each, and the images that the network gets."""
    small, large = datasets.digits()[1], datasets.digits(32)[1]
    inks = (small[0] * 16).round().int().flatten(1).tolist()
    return list(map(tuple, inks)), large[0], large[1]


def found_by(model, variant, images):
    """What the network itself says of images: (N, 10) distances or probabilities."""
    with torch.no_grad():
        if variant == "modern":
            return model(images).softmax(1)
        return model(lenet5.to_paper_range(images))


def elements(diagram, tag):
    return list(ET.fromstring(diagram.svg).iter(SVG + tag))


def images(diagram):
    """The pictures in a diagram, as arrays of grey from 0 (white) to 1 (black)."""
    data = [base64.b64decode(e.get("href").split(",")[1]) for e in elements(diagram, "image")]
    return [1 - np.asarray(Image.open(io.BytesIO(png)), dtype=float) / 255 for png in data]


def texts(diagram):
    return ["".join(e.itertext()) for e in elements(diagram, "text")]


@both_kinds
def test_every_map_is_drawn_once_and_to_scale(variant):
    diagram = figures.network_to_scale(ledger(LeNet5(variant), (1, 32, 32)).blocks())
    drawn = elements(diagram, "rect")[1:]  # the first one is the ground
    assert len(drawn) == 1 + 6 + 6 + 16 + 16 + 3
    sizes = np.array([[float(e.get(side)) for side in ("width", "height")] for e in drawn])
    maps = [32] + [28] * 6 + [14] * 6 + [10] * 16 + [5] * 16
    scale = sizes[0, 0] / 32
    np.testing.assert_allclose(sizes[: len(maps)] / scale, np.array([maps, maps]).T, atol=0.05)
    bars = sizes[len(maps) :, 1]  # C5, F6 and the output
    np.testing.assert_allclose(bars / bars[-1], [12, 8.4, 1], atol=0.01)


def test_captions_and_alt_text_hold_the_papers_numbers_or_keep_them_for_the_questions():
    blocks = ledger(LeNet5("paper"), (1, 32, 32)).blocks()
    diagram = figures.network_to_scale(blocks)
    assert {"C1", "6 @ 28×28", "156", "16 @ 5×5", "48,120", "10,164", "0"} <= set(texts(diagram))
    assert diagram.alt.endswith("60,000 in all.")
    assert "S2 6 @ 14 by 14, 12 trainable parameters" in diagram.alt
    words = " ".join(texts(diagram))
    assert words.count("Convolutions") == words.count("Subsampling") == 2
    assert "Gaussian connections" in words
    assert figures.paper_figure() == diagram
    silent = figures.network_to_scale(blocks, image=np.eye(32), counts=False)
    np.testing.assert_array_equal(images(silent)[0], np.eye(32))
    assert "Gaussian" not in "".join(
        texts(figures.network_to_scale(ledger(LeNet5("modern"), (1, 32, 32)).blocks()))
    )
    for secret in ("156", "1,516", "60,000", "trained"):
        assert secret not in silent.alt + " ".join(texts(silent))


def test_the_table_has_a_mark_for_each_pair():
    diagram = figures.connection_table(lenet5.C3_TABLE)
    assert len(elements(diagram, "circle")) == 60
    assert texts(diagram).count("10") == 6 + 1  # each map of S2 is read ten times; and map 10
    assert diagram.alt.startswith("60 of 96 pairs of maps are connected. Output map 0 reads 0, 1,")
    assert "15 reads 0, 1, 2, 3, 4, 5." in diagram.alt


def test_the_bitmaps_are_the_codes():
    codes = lenet5.digit_codes().numpy()
    diagram = figures.bitmaps(codes)
    np.testing.assert_array_equal(images(diagram), codes.reshape(10, 12, 7) > 0)
    assert f"pixels of ink: {int((codes[0] > 0).sum())}, " in diagram.alt


def seen(outputs, distances=False):
    """A look with one map of the input and five of C1."""
    maps = np.random.RandomState(0).rand(6, 28, 28)
    return Look({"input": maps[:1], "C1": maps[1:]}, np.array(outputs), distances)


def test_a_reading_shows_layers_and_bars():
    outputs = np.linspace(0, 1, 10)
    likely, far = seen(outputs), figures.reading(seen(200 * outputs, distances=True))
    diagram = figures.reading(likely)
    image, sheet, *bars = images(diagram)
    np.testing.assert_allclose(image, likely.layers["input"][0], atol=1 / 255)
    assert sheet.shape == (3 * 28 + 2, 2 * 28 + 1)  # a white pixel between the maps
    np.testing.assert_allclose(sheet[58:, :28], likely.layers["C1"][4], atol=1 / 255)
    assert not sheet[28].any() and not sheet[:, 28].any() and not sheet[58:, 28:].any()
    for drawn in (bars, images(far)[2:]):
        np.testing.assert_allclose([bar.mean() for bar in drawn], outputs, atol=0.011)
    assert diagram.alt.endswith("The network reads 9.") and far.alt.endswith("reads 0.")
    assert "probability" in texts(diagram) and "all over" in texts(diagram)[-1]
    assert "distance to code" in texts(far) and texts(far)[-1] == "Dark is a high value."


def test_outside_the_images_a_reading_depends_on_the_choice_alone():
    outputs = np.linspace(0, 1, 10)
    drawn = [figures.reading(seen(one)).svg for one in (outputs, outputs / 2 + 0.2, outputs[::-1])]
    one, other, second = (re.sub(r"base64,[^\"]*", "", svg) for svg in drawn)
    assert one == other != second


def test_confusion_writes_every_count():
    counts = np.diag([5, 0, 7])
    counts[0, 2] = 3
    ax = figures.draw_confusion(counts)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "5", (2, 2): "7", (2, 0): "3"}  # x: as it was read
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # digit 0 on top
    plt.close(ax.figure)


@pytest.mark.filterwarnings("error")  # a student would read them
def test_gallery_shows_each_image_with_its_title():
    figure = figures.draw_gallery(torch.arange(9.0)[:, None, None].expand(9, 4, 4), "abcdefghi")
    assert [ax.get_title() for ax in figure.axes] == [*"abcdefghi", *[""] * 7]
    assert [ax.images[0].get_array()[0, 0] for ax in figure.axes[:9]] == [*range(9)]
    assert not any(ax.images for ax in figure.axes[9:])
    plt.close(figure)


def test_pixels_know_how_far_the_nearest_stroke_is():
    line, dot = distances([[(4, 16), (28, 16)]]), distances([[(4, 4)]])
    assert line[[13, 16, 20], 10].tolist() == [2.5, 0.5, 4.5] and line[16, 31] > 3.5
    assert np.array_equal(line.T, distances([[(16, 4), (16, 28)]]))
    assert (dot <= 2).sum() == 12
    assert np.array_equal(distances([[(4, 16), (28, 16)], [(4, 4)]]), np.minimum(line, dot))


def test_ink_counts_blocks_of_4_by_4():
    pixels = np.zeros((32, 32), dtype=bool)
    pixels[4:8, 8:12] = pixels[31, 28:] = True
    counts = np.zeros((8, 8), dtype=int)
    counts[1, 2], counts[7, 7] = 16, 4
    assert ink(pixels) == tuple(counts.ravel())


def test_the_scans_are_what_drawings_are_brought_to():
    """The numbers of `as_a_scan`, from all 1,797 scans: box, slant, weight."""
    (train, labels), (test, more) = datasets.digits()
    cells = torch.cat([train, test])[:, 0].mul(16).numpy()
    assert (cells.any(axis=2)[:, [0, 7]]).all(), "32 high: ink in the first and the last row"
    held = cells.any(axis=1).mean(axis=0)  # 20 wide: columns 1.5 to 6.5 of 8
    assert held[[0, 7]].max() < 0.2 and held[2:6].min() > 0.95

    def edges(counts):  # left end of the ink in rows of 8 cells, to a pixel or so
        first = (counts > 0).argmax(axis=-1)
        return 4 * (first + 1) - np.take_along_axis(counts, first[:, None], 1)[:, 0] / 4

    lean = edges(cells[:, 0]) - edges(cells[:, 7])
    assert abs(lean.mean()) < 0.1 and lean.std() < 1
    black = cells.sum(axis=(1, 2))
    assert black.mean() == pytest.approx(313, abs=1)
    means = [black[torch.cat([labels, more]) == digit].mean() for digit in range(10)]
    assert min(means) > 300 and max(means) < 332


@pytest.mark.parametrize(
    "stroke",
    [
        SEVEN,
        [(x / 3 + 20, y / 3 + 1) for x, y in SEVEN],  # small, in a corner
        [(x - y / 3 + 5, y) for x, y in SEVEN],  # leaning
        [(16, 4), (16, 28)],  # a 1
        [(5, 5), (27, 5), (27, 27), (5, 27), (5, 5)],  # broad
    ],
)
def test_a_drawing_gets_the_place_size_slant_and_weight_of_a_scan(stroke):
    inked = as_a_scan([stroke])
    rows, columns = inked.any(axis=1).nonzero()[0], inked.any(axis=0).nonzero()[0]
    assert rows[0] <= 1 and rows[-1] >= 30
    assert columns[0] + columns[-1] == pytest.approx(31, abs=1.5)
    assert 9 <= columns[-1] - columns[0] + 1 <= 21
    assert inked.sum() == pytest.approx(313, abs=45)
    assert abs(inked[rows[0]].argmax() - inked[rows[-1]].argmax()) <= 2


def test_place_size_and_slant_of_a_drawing_do_not_matter():
    moved = [(x / 2 - y / 8 + 3, y / 2 + 9) for x, y in SEVEN]
    assert (as_a_scan([moved]) ^ as_a_scan([SEVEN])).sum() < 30


@pytest.mark.parametrize("strokes", [[[(3, 3)]], [[(0, 5), (32, 5)]], [[(1, 1)], [(30, 30)]]])
def test_what_is_no_digit_is_drawn_all_the_same(strokes):
    assert 250 < as_a_scan(strokes).sum() < 350


def test_what_is_on_the_pad():
    scan, drawing = tuple(range(16)) * 4, Drawing(None, f"{ONE};{DOT}")
    assert drawing.strokes == [[(16, 4), (16, 28)], [(9, 9)]]
    assert drawing.ink([scan]) == ink(as_a_scan(drawing.strokes)), "as a scan on an empty pad"
    line = ink(distances([[(16, 4), (16, 28)]]) <= 2.4)
    assert Drawing(0, ONE).ink([scan]) == tuple(map(max, scan, line)), "as it is on a scan"
    assert Drawing(0).ink([scan]) == scan and Drawing(None).ink([scan]) == (0,) * 64


@pytest.mark.parametrize("variant", ["paper", "full_c3", "modern"])
def test_the_look_is_what_the_network_computes(models, scans, variant):
    model, caught, a = models[variant].train(), [], lenet5.AMPLITUDE
    hooks = [
        getattr(model, f"act{n}").register_forward_hook(lambda m, i, out: caught.append(out[0]))
        for n in range(1, 7)
    ]
    expected = found_by(model, variant, scans[1][7:8])[0]
    for hook in hooks:
        hook.remove()
    found = look(model, scans[0][7])
    drawn, image, *layers = found.layers.values()
    np.testing.assert_array_equal(drawn.ravel() * 16, scans[0][7])
    np.testing.assert_allclose(image[0], scans[1][7, 0], atol=1e-6)
    for raw, maps in zip(caught, layers, strict=True):
        scaled = (raw + a) / (2 * a) if found.distances else raw / raw.max()
        np.testing.assert_allclose(maps.ravel(), scaled.ravel(), atol=1e-5)
    shapes = [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (1, 15, 8), (1, 12, 7)]
    assert [maps.shape for maps in layers] == shapes
    np.testing.assert_allclose(found.outputs, expected, rtol=1e-4)
    assert found.distances == (variant != "modern")
    assert model.training and all(p.grad is None for p in model.parameters())


def test_a_margin_keeps_the_digit_in_the_middle(models, scans):
    image = look(models["modern"], scans[0][3], margin=6).layers["input"][0]
    assert image.shape == (32, 32) and image[6:26, 6:26].max() > 0.8
    image[6:26, 6:26] = 0
    assert not image.any()


NEAREST = (True, "its code is the nearest", 10, 14, 16)
HIGHEST = (False, "its probability is the highest", 0.6, 0.35, 0.25)


@pytest.mark.parametrize(("distances", "how", "first", "near", "farther"), [NEAREST, HIGHEST])
def test_a_close_call_is_said(distances, how, first, near, farther):
    outputs = [100.0 if distances else 0.0] * 10
    outputs[4], outputs[9] = first, near
    read, close = f"read as 4: {how}.", " It was close: 9 comes next."
    assert explain(seen(outputs, distances), None) == f"Your digit is {read}{close}"
    says = explain(seen(outputs, distances), (42, 9))
    assert says == f"Test scan no. 42 is a 9, but it is {read}{close}"
    outputs[9] = farther
    says = explain(seen(outputs, distances), (7, 4))
    assert says == f"Test scan no. 7 is a 4, and it is {read}"


@both_kinds
def test_scans_are_read_as_the_network_reads_them(models, scans, variant):
    outputs = found_by(models[variant], variant, scans[1])
    expected = outputs.argmin(1) if variant == "paper" else outputs.argmax(1)
    panel = DigitReader(models[variant])
    for scan in range(0, 450, 9):
        panel.move(pad=Drawing(scan))
        label = scans[2][scan]
        joint = "and it is" if label == expected[scan] else "but it is"
        assert f"Test scan no. {scan} is a {label}, {joint} read as {expected[scan]}:" in panel.says
        assert panel.alt.endswith(f"The network reads {expected[scan]}.")
    with pytest.raises(ValueError, match="scan must be an integer from 0 to 449, got 450"):
        DigitReader(models[variant], scan=450)


def test_the_widget_follows_the_panel_and_the_panel_the_widget(models):
    panel = DigitReader(models["modern"], scan=7)
    first = panel.says
    (pad, *_) = panel.widget().children
    how, buttons, slider, sentence = pad.beside.children
    undo, clear, reset = buttons.children
    drawn, _, strokes = pad.children[0].children
    assert "Draw a digit" in how.value and first in sentence.value
    assert (slider.min, slider.max, slider.value) == (0, 449, 7)
    assert [b.description for b in (undo, clear, reset)] == ["Undo", "Clear", "Reset"]
    strokes.value = f"{ONE};{DOT}"  # as pad.js does
    assert panel.state == {"pad": Drawing(7, f"{ONE};{DOT}")} and panel.redraws == 1
    assert drawn.value.count("<polyline") == 2
    assert 'points="9,9 9,9"' in drawn.value, "a dot is a line, too, or it would not be drawn"
    strokes.value = ONE  # Undo is the page's: tests/browser/test_pad.py
    assert panel.state == {"pad": Drawing(7, ONE)} and drawn.value.count("<polyline") == 1
    slider.value = 9
    assert panel.state == {"pad": Drawing(9)} and strokes.value == ""
    assert "Test scan no. 9 is a" in sentence.value and panel.redraws == 3
    clear.click()
    assert panel.refused and panel.says.startswith("The pad is empty. Draw a digit")
    panel.move(pad=Drawing(None, ONE))
    assert panel.says.startswith("Your digit is read as ") and "<polyline" in drawn.value
    panel.move(pad=Drawing(3, ONE))
    assert (slider.value, strokes.value) == (3, ONE)
    reset.click()
    assert (panel.says, slider.value, strokes.value) == (first, 7, "")


def test_parameters_equal_those_of_the_layer():
    assert tuple(map(tuple, exercises.C3_TABLE)) == lenet5.C3_TABLE
    assert exercises.table_parameters(exercises.C3_TABLE, 5) == 1516

    def counted(table, kernel):
        layer = lenet5.PartialConv2d(tuple(map(tuple, table)), kernel)
        return sum(p.numel() for p in layer.parameters())

    assert check(counted, "07.c3-parameters").state == "passed"


def test_confusion_matrix_equals_a_histogram():
    def histogram(labels, readings, classes):
        return np.histogram2d(labels, readings, bins=[np.arange(classes + 1) - 0.5] * 2)[0]

    assert check(histogram, "07.confusion-matrix").state == "passed"


def test_a_network_written_as_a_class_passes_and_what_is_no_network_is_told():
    class Own(nn.Module):
        def __init__(self, channels, classes):
            super().__init__()
            self.c1, self.c3 = nn.Conv2d(channels, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
            self.c5, self.f6 = nn.Linear(400, 120), nn.Linear(120, 84)  # C5 as a dense layer
            self.output = nn.Linear(84, classes)

        def forward(self, x):
            for layer in (self.c1, self.c3):
                x = F.max_pool2d(layer(x), 2).relu()
            return self.output(self.f6(self.c5(x.flatten(1)).relu()).relu())

    assert check(Own, "07.modern-network").state == "passed"
    small = check(lambda channels, classes: nn.Linear(2, 2), "07.modern-network")
    assert small.state == "failed" and small.rows["Given"].startswith("(6, ")
    assert check(lambda channels, classes: nn.ReLU, "07.modern-network").state == "wrong type"
    unpadded = exercises._with(lambda nn, layers: [nn.Conv2d(1, 6, 5), *layers[1:]])
    assert check(unpadded, "07.modern-network").state != "passed"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_two_networks_are_about_equal_and_read_what_is_drawn(seed, capsys):
    cells = ["setup", "modern-code", "course-class", "training-recipe"]
    cells += ["train-modern", "train-paper"]
    lesson = run_cells("07_lenet5", cells, seed=("SEED = 0", f"SEED = {seed}"))
    errors = {name: history[-1] for name, history in lesson["histories"].items()}
    assert abs(errors["modern"] - errors["paper"]) < 0.02, "question 07.who-wins"
    # Fifty drawings, of which none was ever used for training.
    drawn = [line.split(" ", 1) for line in DRAWN if not line.startswith("#")]
    assert sorted(int(digit) for digit, _ in drawn) == sorted([*range(10)] * 5)
    for name in errors:
        read = [look(lesson[name], Drawing(None, lines).ink([])).order[0] for _, lines in drawn]
        right = sum(best == int(digit) for best, (digit, _) in zip(read, drawn, strict=True))
        with capsys.disabled():
            print(f"\n{name}, seed {seed}: {right} of 50 drawn digits are read right")
        assert right >= 45
