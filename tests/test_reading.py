"""The pen draws what a scan would hold, and the look inside shows what the network computes."""

import numpy as np
import pytest
import torch

from course_utils import datasets
from course_utils.lessons.lenet5.reading import FULL, as_a_scan, bitmap, checked, ink, look
from course_utils.models import LeNet5
from course_utils.models.lenet5 import AMPLITUDE, to_paper_range

EMPTY = (0,) * 64


SEVEN = [[(8, 5), (25, 5), (19, 15), (14, 28)]]


def test_a_stroke_is_inked_to_the_width_of_the_pen():
    line = bitmap([[(4, 16), (28, 16)]], radius=2)
    assert line[14:18, 4:28].all() and line.sum() == line[14:18, 2:30].sum()
    assert np.array_equal(line.T, bitmap([[(16, 4), (16, 28)]], radius=2))
    both = bitmap([[(4, 16), (28, 16)], [(4, 4)]], radius=2)
    assert (both & ~line).sum() == bitmap([[(4, 4)]], radius=2).sum() == 12


def test_ink_counts_blocks_of_4_by_4():
    pixels = np.zeros((32, 32), dtype=bool)
    pixels[4:8, 8:12] = pixels[31, 28:] = True
    counts = np.zeros((8, 8), dtype=int)
    counts[1, 2], counts[7, 7] = FULL, 4
    assert ink(pixels) == tuple(counts.ravel()) and type(ink(pixels)[0]) is int


def edges(counts):
    """Left end of the ink in a row of 8 cells, to a pixel or so; NaN where there is none."""
    first = (counts > 0).argmax(axis=-1)
    return 4 * (first + 1) - np.take_along_axis(counts, first[:, None], 1)[:, 0] / 4


def test_the_scans_are_what_drawings_are_brought_to():
    """The numbers of `as_a_scan`, from all 1,797 scans: box, slant, weight."""
    (train, labels), (test, more) = datasets.digits()
    cells = torch.cat([train, test])[:, 0].mul(FULL).numpy()
    assert (cells.any(axis=2)[:, [0, 7]]).all(), "32 high: ink in the first and the last row"
    held = cells.any(axis=1).mean(axis=0)  # 20 wide: columns 1.5 to 6.5 of 8
    assert held[[0, 7]].max() < 0.2 and held[2:6].min() > 0.95
    lean = edges(cells[:, 0]) - edges(cells[:, 7])
    assert abs(lean.mean()) < 0.1 and lean.std() < 1
    black = cells.sum(axis=(1, 2))
    assert black.mean() == pytest.approx(313, abs=1)
    means = [black[torch.cat([labels, more]) == digit].mean() for digit in range(10)]
    assert min(means) > 300 and max(means) < 332


@pytest.mark.parametrize(
    "strokes",
    [
        SEVEN,
        [[(x / 3 + 20, y / 3 + 1) for x, y in SEVEN[0]]],  # small, in a corner
        [[(x - y / 3 + 5, y) for x, y in SEVEN[0]]],  # leaning
        [[(16, 4), (16, 28)]],  # a 1
        [[(5, 5), (27, 5), (27, 27), (5, 27), (5, 5)]],  # broad
    ],
)
def test_a_drawing_gets_the_place_size_slant_and_weight_of_a_scan(strokes):
    inked = as_a_scan(strokes)
    rows, columns = inked.any(axis=1).nonzero()[0], inked.any(axis=0).nonzero()[0]
    assert rows[0] <= 1 and rows[-1] >= 30
    assert columns[0] + columns[-1] == pytest.approx(31, abs=1.5)
    assert 9 <= columns[-1] - columns[0] + 1 <= 21
    assert inked.sum() == pytest.approx(313, abs=45)
    assert abs(inked[rows[0]].argmax() - inked[rows[-1]].argmax()) <= 2


def test_place_size_and_slant_of_a_drawing_do_not_matter():
    moved = [[(x / 2 - y / 8 + 3, y / 2 + 9) for x, y in SEVEN[0]]]
    assert (as_a_scan(moved) ^ as_a_scan(SEVEN)).sum() < 30


@pytest.mark.parametrize("strokes", [[[(3, 3)]], [[(0, 5), (32, 5)]], [[(1, 1)], [(30, 30)]]])
def test_what_is_no_digit_is_drawn_all_the_same(strokes):
    assert 250 < as_a_scan(strokes).sum() < 350


@pytest.mark.parametrize(
    ("ink", "words"),
    [
        ((0,) * 63, r"ink must be 64 integers, got \(63,\)"),
        ((0.5,) * 64, "got .* of float64"),
        ((17,) + EMPTY[1:], "from 0 to 16, got 0 to 17"),
        ((-1,) + EMPTY[1:], "got -1 to 0"),
    ],
)
def test_bad_ink_is_named(ink, words):
    with pytest.raises(ValueError, match=words):
        checked(ink)


@pytest.fixture(scope="module")
def scans():
    small, large = datasets.digits()[1], datasets.digits(32)[1]
    return (small[0] * FULL).round().int().flatten(1), large[0]


@pytest.mark.parametrize("variant", ["paper", "full_c3", "modern"])
def test_the_look_is_what_the_network_computes(scans, variant):
    torch.manual_seed(1)
    model = LeNet5(variant, init="torch")
    caught = {}
    for number in range(1, 7):
        act = getattr(model, f"act{number}")
        act.register_forward_hook(lambda m, i, out, n=number: caught.update({n: out[0].detach()}))
    for number in (0, 7, 42):
        ink, image = tuple(scans[0][number].tolist()), scans[1][number]
        seen = look(model, ink)
        assert np.allclose(seen.image, image[0], atol=1e-6)
        with torch.no_grad():
            outputs = model((to_paper_range(image) if variant != "modern" else image)[None])[0]
        best = outputs.argmax() if variant == "modern" else outputs.argmin()
        assert seen.best == int(best)
        assert seen.distances == (variant != "modern")
        expected = outputs.softmax(0) if variant == "modern" else outputs
        assert np.allclose(seen.outputs, expected, rtol=1e-4)
        for number_, (name, maps) in enumerate(seen.layers.items(), 1):
            raw = caught[number_].flatten().numpy()
            if variant == "modern":
                scaled = raw / max(raw.max(), 1e-9)
            else:
                scaled = (raw + AMPLITUDE) / (2 * AMPLITUDE)
            assert np.allclose(maps.ravel(), scaled, atol=1e-5), name
            assert maps.min() >= -1e-6 and maps.max() <= 1 + 1e-6


def test_shapes_of_the_layers(scans):
    seen = look(LeNet5("paper"), tuple(scans[0][0].tolist()))
    assert {name: maps.shape for name, maps in seen.layers.items()} == {
        "C1": (6, 28, 28),
        "S2": (6, 14, 14),
        "C3": (16, 10, 10),
        "S4": (16, 5, 5),
        "C5": (1, 15, 8),
        "F6": (1, 12, 7),
    }


def test_a_margin_keeps_the_digit_in_the_middle(scans):
    ink = tuple(scans[0][3].tolist())
    image = look(LeNet5("modern"), ink, margin=6).image
    assert image.shape == (32, 32)
    assert image[:6].sum() == image[-6:].sum() == image[:, :6].sum() == image[:, -6:].sum() == 0
    assert image[6:26, 6:26].max() > 0.8


@pytest.mark.parametrize("margin", [-1, 13, 2.0, True, None])
def test_a_bad_margin_is_named(margin):
    with pytest.raises(ValueError, match="margin must be an integer from 0 to 12, got"):
        look(LeNet5("modern"), EMPTY, margin=margin)


def test_weights_mode_and_gradients_stay(scans):
    model = LeNet5("paper").train()
    before = [p.clone() for p in model.parameters()]
    look(model, tuple(scans[0][0].tolist()))
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


def test_close_calls(scans):
    seen = look(LeNet5("paper"), tuple(scans[0][0].tolist()))
    far = np.full(10, 100.0)
    far[[3, 8]] = 10, 14
    close = seen._replace(outputs=far, best=3)
    assert close.hesitates and close.second == 8
    far[8] = 16
    assert not seen._replace(outputs=far, best=3).hesitates
    likely = np.zeros(10)
    likely[[2, 7]] = 0.64, 0.36
    sure = seen._replace(outputs=likely, best=2, distances=False)
    assert sure.hesitates and sure.second == 7
    likely[[2, 7]] = 0.9, 0.1
    assert not seen._replace(outputs=likely, best=2, distances=False).hesitates
