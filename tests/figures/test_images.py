"""`draw_image` shows the values it was given, with zero in the same grey for signed values."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from course_utils.drawing.plots import draw_image


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_draws_the_values_on_the_given_axes():
    values = np.arange(12.0).reshape(3, 4)
    _, ax = plt.subplots()
    assert draw_image(values, ax=ax, title="a map") is ax
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), values)
    assert image.get_clim() == (0.0, 11.0)
    # Where a title stands depends on the style in force.
    assert "a map" in {ax.get_title(loc=place) for place in ("left", "center", "right")}
    assert len(ax.get_xticks()) == len(ax.get_yticks()) == 0


def test_signed_values_put_zero_in_the_middle():
    (image,) = draw_image(np.array([[-1.0, 0.0, 3.0]])).images
    assert image.get_clim() == (-3.0, 3.0)
    assert image.norm(0.0) == 0.5


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((2, 2, 3)), np.zeros((0, 4))])
def test_wrong_shape_is_refused(values):
    with pytest.raises(ValueError, match=r"values must have shape \(H, W\)"):
        draw_image(values)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match="values must be finite"):
        draw_image(np.array([[0.0, bad]]))
