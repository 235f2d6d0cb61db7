"""LeNet-5 drawn: to scale, with the numbers it is given, and well-formed."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from course_utils.ledger import ledger
from course_utils.lessons.lenet5 import figures
from course_utils.lessons.lenet5.figures import Column
from course_utils.models import LeNet5
from course_utils.models.lenet5 import C3_TABLE, digit_codes

SVG = "{http://www.w3.org/2000/svg}"


def blocks(variant="paper"):
    return ledger(LeNet5(variant), (1, 32, 32)).blocks()


def images(diagram):
    """The pictures in a diagram, as arrays of grey from 0 (white) to 1 (black)."""
    found = []
    for element in ET.fromstring(diagram.svg).iter(f"{SVG}image"):
        data = base64.b64decode(element.get("href").split(",")[1])
        found.append(1 - np.asarray(Image.open(io.BytesIO(data)), dtype=float) / 255)
    return found


def texts(diagram):
    return ["".join(e.itertext()) for e in ET.fromstring(diagram.svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("variant", ["paper", "modern"])
def test_every_map_is_drawn_once_and_to_scale(variant):
    rows = blocks(variant)
    root = ET.fromstring(figures.network_to_scale(rows).svg)
    rectangles = list(root.iter(f"{SVG}rect"))[1:]  # the first one is the ground
    sizes = [(float(e.get("width")), float(e.get("height"))) for e in rectangles]
    expected = [(32, 32)]
    for row in rows:
        maps, height, width = (*row.output_shape, 1, 1)[:3]
        if height > 1:
            expected += [(width, height)] * maps
    pixel = sizes[0][0] / 32
    found = [(w / pixel, h / pixel) for w, h in sizes[: len(expected)]]
    assert np.allclose(found[: 1 + 6 + 6 + 16 + 16], expected, atol=0.05)
    bars = [h for w, h in sizes[len(expected) :]]
    assert np.allclose([b / bars[-1] for b in bars], [12, 8.4, 1], atol=0.01)


def test_the_captions_are_the_papers_and_all_lies_inside():
    diagram = figures.network_to_scale(blocks())
    words = texts(diagram)
    for caption in ("C1", "6 @ 28×28", "156", "16 @ 5×5", "48,120", "10,164", "OUTPUT", "0"):
        assert caption in words
    assert diagram.alt.endswith("60,000 in all.")
    assert "S2 6 @ 14 by 14, 12 trainable parameters" in diagram.alt
    silent = figures.network_to_scale(blocks(), counts=False)
    for secret in ("156", "1,516", "60,000", "trained"):  # questions of the lesson
        assert secret not in silent.alt + " ".join(texts(silent))
    assert "6 @ 28×28" in texts(silent)
    for element in ET.fromstring(diagram.svg).iter(f"{SVG}rect"):
        left, width = float(element.get("x", 0)), float(element.get("width"))
        assert left >= 0 and left + width <= 1000


@pytest.mark.parametrize("shape", [(3, 4), (1, 2, 3, 4)])
def test_other_shapes_are_refused(shape):
    class Block:
        name, output_shape, parameters = "odd", shape, 1

    with pytest.raises(ValueError, match=r"output_shape must be .*, odd has"):
        figures.network_to_scale([Block()])
    with pytest.raises(ValueError, match="at least one layer, got none"):
        figures.network_to_scale([])


def test_the_table_has_a_mark_for_each_pair():
    diagram = figures.connection_table(C3_TABLE)
    root = ET.fromstring(diagram.svg)
    assert len(list(root.iter(f"{SVG}circle"))) == 60
    words = texts(diagram)
    assert words.count("10") == 6 + 1  # each map of S2 is read ten times; and map 10
    assert diagram.alt.startswith(
        "60 of 96 pairs of maps are connected. Output map 0 reads 0, 1, 2;"
    )
    assert "15 reads 0, 1, 2, 3, 4, 5." in diagram.alt


@pytest.mark.parametrize("table", [[], [[0, 6]], [[-1]]])
def test_a_table_with_other_maps_is_refused(table):
    with pytest.raises(ValueError, match="table must hold maps from 0 to 5, got"):
        figures.connection_table(table)


def test_the_bitmaps_are_the_codes():
    codes = digit_codes().numpy()
    diagram = figures.bitmaps(codes)
    drawn = images(diagram)
    assert len(drawn) == 10
    for code, picture in zip(codes, drawn, strict=True):
        assert np.array_equal(picture, code.reshape(12, 7) > 0)
    assert f"pixels of ink: {int((codes[0] > 0).sum())}, " in diagram.alt
    with pytest.raises(ValueError, match=r"codes must have shape \(classes, a multiple of 5\)"):
        figures.bitmaps(codes, width=5)


def test_png_holds_the_values_rounded_and_clipped():
    values = np.array([[0.0, 0.25, 1.0], [-3.0, 0.5, 9.0]])
    picture = np.asarray(Image.open(io.BytesIO(figures.png(values))))
    assert picture.tolist() == [[255, 191, 0], [255, 128, 0]]


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 3)), np.array([[np.nan]])])
def test_png_of_something_else_is_refused(values):
    with pytest.raises(ValueError, match="values must be finite and"):
        figures.png(values)


def test_montage_places_every_map():
    maps = np.arange(1, 6)[:, None, None] * np.ones((5, 2, 3))
    sheet = figures.montage(maps, across=2)
    assert sheet.shape == (3 * 3 - 1, 2 * 4 - 1)
    assert sheet[0, 0] == 1 and sheet[0, 4] == 2 and sheet[3, 0] == 3 and sheet[6, 0] == 5
    assert (sheet[:, 3] == 0).all() and (sheet[2] == 0).all() and (sheet[6:, 4:] == 0).all()


def reading(bars, best=3):
    random = np.random.RandomState(0)
    columns = [
        Column("input", random.rand(1, 32, 32), 1, 4.0),
        Column("C1", random.rand(6, 28, 28), 2, 1.75),
    ]
    return columns, figures.reading(columns, bars, best, "probability", "Dark is high.")


def test_a_reading_shows_layers_and_bars():
    bars = np.linspace(0, 1, 10)
    columns, diagram = reading(bars)
    drawn = images(diagram)
    assert np.allclose(drawn[0], columns[0].maps[0], atol=1 / 255)
    assert np.allclose(drawn[1], figures.montage(columns[1].maps, 2), atol=1 / 255)
    assert np.allclose([picture.mean() for picture in drawn[2:]], bars, atol=0.011)
    assert diagram.alt.endswith("The network reads 3.")
    bold = [
        "".join(e.itertext())
        for e in ET.fromstring(diagram.svg).iter(f"{SVG}text")
        if e.get("font-weight") and "".join(e.itertext()).isdigit()
    ]
    assert bold == ["3"]


def test_outside_the_images_a_reading_depends_on_the_choice_alone():
    def without_images(diagram):
        return re.sub(r"base64,[^\"]*", "", diagram.svg)

    one, other = reading(np.linspace(0, 1, 10))[1], reading(np.linspace(0.2, 0.9, 10))[1]
    assert without_images(one) == without_images(other)
    assert without_images(one) != without_images(reading(np.linspace(0, 1, 10), best=4)[1])
    with pytest.raises(ValueError, match="best must be a class from 0 to 9, got 10"):
        reading(np.linspace(0, 1, 10), best=10)


def test_confusion_writes_every_count():
    counts = np.diag([5, 0, 7])
    counts[0, 2] = 3
    ax = figures.draw_confusion(counts)
    written = {t.get_position(): t.get_text() for t in ax.texts}
    assert written == {(0, 0): "5", (2, 2): "7", (2, 0): "3"}
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # digit 0 on top
    assert figures.draw_confusion(counts, ax=ax) is ax
    plt.close(ax.figure)
    with pytest.raises(ValueError, match=r"counts must have shape \(classes, classes\)"):
        figures.draw_confusion(np.zeros((2, 3)))


def test_gallery_shows_each_image_with_its_title():
    shown = [np.full((4, 4), i / 10) for i in range(5)]
    figure = figures.draw_gallery(shown, [f"t{i}" for i in range(5)], across=3)
    assert len(figure.axes) == 6
    assert [ax.get_title() for ax in figure.axes] == ["t0", "t1", "t2", "t3", "t4", ""]
    assert figure.axes[4].images[0].get_array()[0, 0] == pytest.approx(0.4)
    assert not figure.axes[5].images
    plt.close(figure)
    for images_, titles in (([], []), (shown, ["one"])):
        with pytest.raises(ValueError, match="images must be at least one, with a title each"):
            figures.draw_gallery(images_, titles)
