"""The palette, the two modes, and what style must not import."""

import re
import subprocess
import sys

import pytest

from course_utils.drawing import style


@pytest.fixture(autouse=True)
def back_to_study():
    yield
    style.study()


def luminance(colour):
    """Relative luminance of WCAG 2.1 (sRGB)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_palette_is_that_of_okabe_and_ito():
    assert style.PALETTE == {
        "black": "#000000",
        "orange": "#E69F00",
        "sky": "#56B4E9",
        "green": "#009E73",
        "yellow": "#F0E442",
        "blue": "#0072B2",
        "vermillion": "#D55E00",
        "purple": "#CC79A7",
    }


@pytest.mark.parametrize(
    "role", ["INPUT", "OUTPUT", "WEIGHT", "HIGHLIGHT", "ACCENT", "GOOD", "BAD"]
)
def test_every_role_is_a_colour_of_the_palette(role):
    assert getattr(style, role) in style.PALETTE.values()


@pytest.mark.parametrize("colour", [style.INK, style.MUTED])
def test_colours_of_text_are_readable_on_paper(colour):
    assert contrast(colour, style.PAPER) >= 4.5


@pytest.mark.parametrize("colour", [style.INPUT, style.OUTPUT, style.HIGHLIGHT])
def test_colours_of_outlines_stand_out_on_paper(colour):
    assert contrast(colour, style.PAPER) >= 3


def test_presenting_enlarges_text_and_lines_and_keeps_the_colours():
    import matplotlib

    style.study()
    small = {key: matplotlib.rcParams[key] for key in ("font.size", "lines.linewidth")}
    cycle = matplotlib.rcParams["axes.prop_cycle"]
    assert (style.mode(), style.text_scale()) == ("study", 1)
    style.present()
    assert style.mode() == "present" and style.text_scale() > 1
    for key, before in small.items():
        assert matplotlib.rcParams[key] > before
    assert matplotlib.rcParams["axes.prop_cycle"] == cycle


def test_settings_refuse_an_unknown_mode():
    with pytest.raises(ValueError, match="mode must be 'study' or 'present', got 'talk'"):
        style.rc_params("talk")


def test_a_tint_mixes_with_paper():
    assert style.tint("#000000", 0) == "#FFFFFF"
    assert style.tint("#D55E00", 1) == "#D55E00"
    assert style.tint("#000000", 0.5) == "#808080"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("D55E00", 0.5), "colour must look like '#RRGGBB', got 'D55E00'"),
        (("#D55E0G", 0.5), "colour must look like '#RRGGBB', got '#D55E0G'"),
        (("#D55E00", 1.5), "share must lie between 0 and 1, got 1.5"),
    ],
)
def test_a_bad_tint_is_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        style.tint(*arguments)


def test_importing_style_loads_no_library():
    code = (
        "import sys, course_utils.drawing.style; "
        "print([m for m in ('matplotlib', 'numpy', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
