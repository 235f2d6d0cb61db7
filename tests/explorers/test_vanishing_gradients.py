"""Lose the signal: the explorer over its whole grid, with autograd as the oracle."""

import inspect
import itertools
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.lessons.vanishing_gradients import backprop as engine
from course_utils.lessons.vanishing_gradients.explorer import (
    ACTIVATIONS,
    DEPTHS,
    INITS,
    VanishingGradients,
    view,
)
from course_utils.lessons.vanishing_gradients.figures import scientific, verdict

SETTINGS = list(itertools.product(ACTIVATIONS, INITS, (False, True), (False, True)))
SVG = "{http://www.w3.org/2000/svg}"
TORCH = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": nn.functional.gelu,
}


def autograd(depth, activation, init, batch_norm, skip):
    """Gradient of every layer relative to the last, by PyTorch in double precision."""
    inputs, top, weights = (torch.from_numpy(a) for a in engine._draws(0))
    outputs = [inputs.clone().requires_grad_()]
    for weight in weights[:depth]:
        z = nn.functional.linear(outputs[-1], engine.INITS[init] * weight)
        if batch_norm:
            z = nn.functional.batch_norm(z, None, None, training=True)
        value = TORCH[activation](z)
        outputs.append(outputs[-1] + value if skip else value)
    gradients = torch.autograd.grad((outputs[-1] * top).sum(), outputs)
    rms = [float(g.square().mean().sqrt()) for g in gradients]
    return [value / rms[-1] for value in rms]


def number(words):
    """A number as the sentence writes it, read back."""
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    mantissa, _, power = words.replace(",", "").partition(" × 10")
    return float(mantissa) * 10.0 ** int(power.translate(digits) or 0)


def check(depth, activation, init, batch_norm, skip):
    shown = view(depth, activation, init, batch_norm, skip)
    expected = autograd(depth, activation, init, batch_norm, skip)
    root = ET.fromstring(shown.html)
    titles = [g.find(f"{SVG}title").text for g in root.iter(f"{SVG}g") if g.get("class") == "b"]
    assert len(titles) == depth + 1
    for title, value in zip(titles, expected, strict=True):
        assert number(title.split(": ")[1]) == pytest.approx(value, rel=0.052)
    said = re.match(r"The gradient ([a-z ]+): the input gets (.+?) of what", shown.says)
    assert number(said.group(2)) == pytest.approx(expected[0], rel=0.052)
    left = float(engine.backprop(depth, activation, init, batch_norm=batch_norm, skip=skip)[0][0])
    words = {"vanishing": "vanishes", "alive": "stays alive", "exploding": "explodes"}
    assert said.group(1) == words[verdict(left)]
    slope, weights = map(
        float, re.search(r"slopes ([\d.]+) × .*?([\d.]+)[.)]", shown.says).groups()
    )
    if skip:
        assert "its shortcut adds 1" in shown.says
    else:
        each = float(re.search(r"multiplies it by ([\d.]+):", shown.says).group(1))
        assert each == pytest.approx(expected[0] ** (1 / depth), abs=0.0051)
        assert slope * weights == pytest.approx(each, rel=0.1, abs=0.006)
    assert ("batch norm" in shown.says) == batch_norm
    assert scientific(left) in shown.alt and f"{depth} layers" in shown.alt


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: "-".join(map(str, s)))
def test_every_setting_says_what_autograd_says(setting):
    for depth in (2, 11, 50):
        check(depth, *setting)


@pytest.mark.slow
@pytest.mark.parametrize("depth", range(DEPTHS[0], DEPTHS[1] + 1))
def test_the_whole_grid_says_what_autograd_says(depth):
    for setting in SETTINGS:
        check(depth, *setting)


def test_the_grid_is_the_whole_grid_of_the_controls():
    panel = VanishingGradients()
    assert (panel.depth.min, panel.depth.max) == DEPTHS
    names = ("activation", "init", "batch_norm", "skip")
    values = [[value for _, value in getattr(panel, name).options] for name in names]
    assert list(itertools.product(*values)) == SETTINGS
    assert set(INITS) == set(engine.INITS) and set(ACTIVATIONS) < set(engine.ACTIVATIONS)


def test_the_lesson():
    panel = VanishingGradients()
    assert panel.says.startswith("The gradient vanishes: the input gets 1.9 × 10⁻¹³ of")
    assert "slopes 0.23 × weights 0.99" in panel.says
    panel.init.value = "small"
    off = 0.25**20 / autograd(20, "sigmoid", "small", False, False)[0]
    assert round(math.log10(off)) == 22  # as the notebook says
    panel.batch_norm.value = True
    assert "stays alive" in panel.says
    panel = VanishingGradients(depth=50, activation="relu", init="he")
    assert "stays alive" in panel.says
    panel.skip.value = True
    assert "explodes" in panel.says
    panel.batch_norm.value = True
    assert "stays alive" in panel.says


def test_one_change_is_one_redraw():
    panel = VanishingGradients(depth=50, activation="gelu", batch_norm=True)
    panel.depth.value = 49
    assert panel.redraws == 1
    for depth in range(30, 50):
        panel.depth.value = depth
    assert panel.redraws == 21


@pytest.mark.parametrize("batch_norm", [False, True])
def test_deeper_sigmoid_stacks_get_less(batch_norm):
    first = [
        engine.backprop(n, "sigmoid", "xavier", batch_norm=batch_norm).gradient[0]
        for n in range(*DEPTHS)
    ]
    if batch_norm:
        assert 0.05 < min(first) < max(first) < 5
    else:
        assert (np.diff(first) < 0).all()
        assert all(g <= 0.25**n for n, g in zip(range(*DEPTHS), first, strict=True))


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"depth": 1}, "Depth must be an integer from 2 to 50, got 1"),
        (
            {"activation": "step"},
            "Activation must be one of 'sigmoid', 'tanh', 'relu', 'gelu', got",
        ),
        ({"init": "lecun"}, "Weights must be one of 'small', 'xavier', 'he', 'large', got 'lecun'"),
        ({"skip": "yes"}, "Shortcut must be one of False, True, got 'yes'"),
    ],
)
def test_a_first_value_out_of_range_is_refused(first, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        VanishingGradients(**first)


def test_every_control_is_labelled_and_the_static_form_is_complete():
    panel = VanishingGradients()
    labels = [getattr(panel, name).description for name in inspect.signature(view).parameters]
    assert all(labels) and len(set(labels)) == len(labels)
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == panel.says and "<svg" in bundle["text/html"]


def test_importing_it_loads_neither_torch_nor_matplotlib():
    code = (
        "import sys, course_utils.lessons.vanishing_gradients.explorer; "
        "print([m for m in ('torch', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
