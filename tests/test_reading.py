"""The pen draws what it should, and the look inside shows what the network computes."""

import numpy as np
import pytest
import torch

from course_utils import datasets
from course_utils.models import LeNet5
from course_utils.models.lenet5 import AMPLITUDE, to_paper_range
from course_utils.reading import CELLS, FULL, checked, look, stroke

EMPTY = (0,) * 64


def grid(ink):
    return np.array(ink).reshape(CELLS, CELLS)


def test_a_dot_lies_in_its_cell():
    dot = grid(stroke(EMPTY, (2, 5), (2, 5)))
    assert dot.argmax() == 2 * CELLS + 5
    assert dot[2, 5] >= 12
    assert dot.sum() - dot[1:4, 4:7].sum() == 0


def test_a_line_joins_both_ends_and_nothing_else():
    line = grid(stroke(EMPTY, (1, 1), (1, 6)))
    assert (line[1, 1:7] >= 12).all()
    assert line[3:].sum() == 0
    assert np.array_equal(line, grid(stroke(EMPTY, (1, 6), (1, 1))))
    assert np.array_equal(line.T, grid(stroke(EMPTY, (1, 1), (6, 1))))
    assert np.array_equal(line[:, ::-1], grid(stroke(EMPTY, (1, 6), (1, 1)))[:, ::-1])


def test_ink_only_grows_and_a_stroke_twice_changes_nothing():
    first = stroke(EMPTY, (0, 0), (7, 7))
    both = stroke(first, (0, 7), (7, 0))
    assert (grid(both) >= grid(first)).all()
    assert stroke(both, (0, 0), (7, 7)) == both
    assert max(both) <= FULL and all(isinstance(number, int) for number in both)


def test_a_pen_is_about_as_broad_as_in_the_scans():
    (images, _), _ = datasets.digits()
    inked = (images > 0).sum(dim=(1, 2, 3)).float().mean()
    line = grid(stroke(stroke(EMPTY, (0, 1), (0, 6)), (0, 6), (7, 3)))  # a 7
    assert 0.6 < (line > 0).sum() / inked < 1.2


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


@pytest.mark.parametrize("cell", [(8, 0), (0, -1), (1,)])
def test_a_cell_outside_the_pad_is_named(cell):
    with pytest.raises(ValueError, match="start must be a row and a column from 0 to 7, got"):
        stroke(EMPTY, cell, (0, 0))
    with pytest.raises(ValueError, match="end must be a row and a column from 0 to 7, got"):
        stroke(EMPTY, (0, 0), cell)


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
