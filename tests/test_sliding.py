"""Pictures that move: what a window reads is torch's, and a still shows all of it."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_utils.drawing.sliding import moving, sliding_filter, sliding_window

SVG = "{http://www.w3.org/2000/svg}"


def frames(diagram):
    """The groups that show one after the other."""
    groups = ET.fromstring(diagram.svg).iter(f"{SVG}g")
    return [one for one in groups if "f" in one.get("class", "").split()]


@pytest.mark.parametrize("layer", [(5, 3, 1, 1), (7, 3, 2, 0), (9, 4, 3, 2), (4, 1, 1, 0)])
def test_a_window_reads_what_torchs_layer_reads(layer):
    n, kernel, stride, padding = layer
    ones = torch.ones(1, 1, kernel)
    read = F.conv1d(torch.eye(n)[:, None], ones, stride=stride, padding=padding)[:, 0].T
    diagram = sliding_window(*layer)
    said = re.findall(r"s(\d+) reads ([^;.]+)", diagram.alt)
    assert len(frames(diagram)) == len(said) == len(read)
    for row, (_, names) in zip(read, said, strict=True):
        assert [
            int(k) - 1 for k in re.findall(r"x(\d+)", names)
        ] == row.nonzero().flatten().tolist()


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 1), (2, 1)])
def test_a_filter_computes_what_torch_computes(stride, padding):
    generator = np.random.default_rng(0)
    image, kernel = generator.integers(0, 9, (6, 5)), generator.integers(-2, 3, (3, 2))
    pair = [torch.tensor(one)[None, None].double() for one in (image, kernel)]
    out = F.conv2d(*pair, stride=stride, padding=padding)[0, 0].int()
    diagram = sliding_filter(image, kernel, stride=stride, padding=padding)
    rows = [" ".join(map(str, row.tolist())).replace("-", "−") for row in out]
    assert diagram.alt.endswith(f"Output, row by row: {'; '.join(rows)}.")
    sums = [one.find(f"{SVG}text").text for one in frames(diagram)]
    for value, said in zip(out.flatten().tolist(), sums, strict=True):
        terms, total = said.replace("−", "-").replace("·", "*").split(" = ")
        assert eval(terms) == int(total) == value


def test_one_frame_shows_at_a_time_and_the_middle_one_where_nothing_moves():
    drawn = [f"<text>{k}</text>" for k in range(5)]
    diagram = moving("", drawn, height=100, alt="Five.", seconds=1.5)
    shown = frames(diagram)
    assert [one.get("class") for one in shown] == ["f", "f", "f on", "f", "f"]
    delays = [float(re.search(r"(-[\d.]+)s", one.get("style"))[1]) for one in shown]
    # Frame k shows when the 7.5 s of a round have come back to its 1.5 s.
    assert [(k * 1.5 - delay) % 7.5 for k, delay in enumerate(delays)] == [0] * 5
    style = re.search("<style>(.+?)</style>", diagram.svg)[1]
    still, moved = style.split("@media screen and (prefers-reduced-motion:no-preference)")
    assert "animation" not in still and "{opacity:0}20.000%" not in still
    assert "7.5s step-end infinite" in moved and "{opacity:1}20.000%{opacity:0}" in moved
    assert "animation-play-state:paused" in moved


def test_pictures_of_another_pace_do_not_share_their_rules():
    kinds = [re.search(r'class="cnn-diagram (\S+)"', one.svg)[1] for one in (
        sliding_window(5), sliding_window(6), moving("", ["<g/>"] * 5, height=9, alt="x", seconds=1)
    )]  # fmt: skip
    assert len(set(kinds)) == 3


def test_a_sum_too_long_to_read_is_counted():
    diagram = sliding_filter(np.ones((6, 6)), np.ones((5, 5)))
    assert [one.find(f"{SVG}text").text for one in frames(diagram)] == [
        "sum of 25 products = 25"
    ] * 4
