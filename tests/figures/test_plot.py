"""From a figure to a picture with its text."""

import struct

import matplotlib
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

from course_utils.drawing.plots import show


def figure():
    made, ax = pyplot.subplots(figsize=(4, 3), dpi=100)
    ax.plot([0, 1], [0, 1])
    return made


def test_a_picture_carries_its_text_and_closes_its_figure():
    picture = show(figure(), alt='rising "line" < 2')
    assert repr(picture) == 'rising "line" < 2'
    assert 'alt="rising &quot;line&quot; &lt; 2"' in picture._repr_html_()
    assert "data:image/png;base64,iVBOR" in picture._repr_html_()
    assert pyplot.get_fignums() == []


def test_axes_will_do():
    assert show(figure().axes[0], alt="line").png == show(figure(), alt="line").png


def test_it_is_drawn_at_twice_the_shown_size():
    picture = show(figure(), alt="line")
    width, height = struct.unpack(">II", picture.png[16:24])
    assert (picture.width, width, height) == (400, 800, 600)


def test_a_picture_without_text_is_refused():
    made = figure()
    with pytest.raises(ValueError, match="alt must say what the picture shows, got ' '"):
        show(made, alt=" ")
    pyplot.close(made)
