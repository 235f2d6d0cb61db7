"""The panel, and what holds for every panel of the course in every state it can be brought to."""

import importlib
import itertools
import random
import re
import xml.etree.ElementTree as ET
from functools import cache
from html import escape
from pathlib import Path
from types import SimpleNamespace

import ipywidgets
import numpy as np
import pytest

from course_utils import lessons
from course_utils.drawing import style
from course_utils.explorer import Choice, Explorer, Line, Slider, View


class Parts(Explorer):
    """Parts of a whole: never more than it has (if it has ten it does not say), never thirteen."""

    controls = (
        Slider("parts", "Parts", 0, 20, start=3, wide=True),
        Slider("whole", "Whole", 1, 20, start=12),
        Slider("grams", "Grams", 3, 93, start=lambda largest: largest - 40, step=10),
        Choice("unit", "Unit", {"An ounce": "oz", "A gram": "g"}, start="g", buttons=True),
        Choice("size", "Size", {"Small": 1, "Large": 2}, start=1),
        Line("note", "Note", start="a & b"),
    )

    @staticmethod
    def limits(parts, whole, **_):
        return {} if whole == 10 else {"parts": whole}

    @staticmethod
    def view(parts, whole, note, **_):
        if parts == 13:
            raise ValueError("13 & more is <too> much. Take less.")
        drawn = f"<svg><style>.a{{}}</style>{parts}/{whole}</svg>"
        return View(drawn, f"{parts} < {whole}.", f"{parts} parts")


def inside(widget):
    """Every widget in a box, however deep."""
    for child in getattr(widget, "children", ()):
        yield child
        yield from inside(child)


def control(panel, label):
    """The shown control with that label."""
    (found,) = [w for w in inside(panel.widget()) if getattr(w, "description", "") == label]
    return found


def shown(panel):
    """What the browser has of a panel: the HTML of picture, sentence and sheets of style."""
    return "".join(w.value for w in inside(panel.widget()) if isinstance(w, ipywidgets.HTML))


@pytest.fixture
def sent(monkeypatch):
    """The messages to the browser from now on: (label or class of the widget, what it gets)."""
    messages = []

    def record(widget, message, buffers=None):
        if message["method"] == "update":
            name = getattr(widget, "description", "") or type(widget).__name__
            messages.append((name, set(message["state"])))

    monkeypatch.setattr(ipywidgets.Widget, "_send", record)
    return messages


PICTURE_AND_SENTENCE = [("HTML", {"value"})] * 2  # and no sheet: the page would be styled anew


def test_it_begins_with_what_is_declared_or_asked_for():
    panel = Parts(whole=np.int64(4), size=2)
    assert list(panel.state.values()) == [3, 4, 53, "g", 2, "a & b"]
    assert type(panel.state["whole"]) is int and panel.largest["parts"] == 4
    assert (panel.says, panel.alt, panel.refused) == (repr(panel), "3 parts", False)
    assert repr(panel) == "3 < 4."


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"whole": 0}, "whole must be an integer from 1 to 20, got 0"),
        ({"whole": 2.5}, "whole must be an integer from 1 to 20, got 2.5"),
        ({"whole": True}, "whole must be an integer from 1 to 20, got True"),
        ({"grams": 20}, "grams must be an integer from 3 to 93 in steps of 10, got 20"),
        ({"unit": "lb"}, "unit must be one of 'oz', 'g', got 'lb'"),
        ({"note": 3}, "note must be a text, got 3"),
        ({"weight": 3}, "Parts has the controls parts, whole, .*, note, got 'weight'"),
    ],
)
def test_a_value_that_no_control_has_is_refused(first, message):
    with pytest.raises(ValueError, match=message):
        Parts(**first)
    panel = Parts()
    with pytest.raises(ValueError, match=message):
        panel.move(**{"parts": 5} | first)
    assert (panel.state["parts"], panel.redraws) == (3, 0), "nothing moves"


def test_a_first_value_lies_in_the_range_that_the_others_leave():
    with pytest.raises(ValueError, match="parts must be an integer from 0 to 5, got 6"):
        Parts(parts=6, whole=5)

    class Open(Parts):
        controls = (
            Slider("whole", "Whole", 1, 20, start=lambda largest: largest - 6),
            Slider("parts", "Parts", 0, 20, start=lambda largest: largest // 2),
            Line("note", "Note", start=""),
        )

    assert Open().state == {"whole": 14, "parts": 7, "note": ""}
    assert Open(whole=4).state["parts"] == 2


def test_a_change_in_the_browser_is_one_redraw_and_one_message_to_each_part(sent):
    panel = Parts()
    panel.widget()
    sent.clear()
    control(panel, "Parts").set_state({"value": 5})
    assert (panel.state["parts"], panel.redraws, sent) == (5, 1, PICTURE_AND_SENTENCE)
    control(panel, "Parts").set_state({"value": 5})
    control(panel, "Size").set_state({"index": 0})
    assert (panel.redraws, sent) == (1, PICTURE_AND_SENTENCE), "the same value is no change"
    control(panel, "Whole").set_state({"value": 4})
    assert (control(panel, "Parts").max, control(panel, "Parts").value) == (4, 4)
    assert (panel.redraws, panel.says) == (2, "4 < 4."), "a range that follows is no other change"
    assert sent == [*PICTURE_AND_SENTENCE * 2, ("Parts", {"max", "value"})]
    page = shown(panel)
    assert "<svg>4/4</svg>" in page and "4 &lt; 4" in page
    assert page.count(".a{}") == page.count(".cnn-dimmed {") == 1, "sheets lie beside the picture"


def test_moving_in_code_moves_what_is_shown():
    panel = Parts()
    panel.widget()
    panel.move(whole=4, parts=20, unit="oz", note="so")
    panel.move(whole=4)
    assert panel.redraws == 1 and "4/4</svg>" in shown(panel)
    at = [control(panel, one.label).value for one in panel.controls]
    assert at == list(panel.state.values()) == [4, 4, 53, "oz", 1, "so"]
    panel.move(whole=10, parts=9)
    assert panel.state["parts"] == control(panel, "Parts").value == 4, "the range stays"


def test_a_number_typed_between_two_steps_goes_to_the_lower():
    panel = Parts()
    control(panel, "Grams").set_state({"value": 78})
    assert panel.state["grams"] == control(panel, "Grams").value == 73
    assert panel.redraws == 1


def test_a_refusal_shows_its_reason_dims_the_picture_and_is_recovered_from():
    panel = Parts(parts=13, whole=20)
    assert panel.refused and panel.picture == "", "there is no last picture"
    control(panel, "Parts").value = 3
    assert not panel.refused and panel.says == "3 < 20." and 'cnn-dimmed"' not in shown(panel)
    control(panel, "Parts").value = 13
    assert panel.refused and panel.says == "13 & more is <too> much. Take less."
    assert panel.alt == f"No picture: {panel.says}"
    page, reason = shown(panel), f'role="alert">{escape(panel.says)}</div>'
    assert page.index(reason) < page.index('cnn-dimmed"') < page.index("3/20</svg>")
    assert 'role="status"' not in page


def test_an_error_that_is_no_refusal_is_not_swallowed():
    class Broken(Parts):
        view = staticmethod(lambda parts, **_: {}[parts])

    with pytest.raises(KeyError):
        Broken()


def test_controls_are_labelled_follow_the_pointer_and_come_before_the_picture():
    panel = Parts()
    row = panel.widget().children[0].children
    kinds = "IntSlider IntSlider IntSlider ToggleButtons Dropdown Text Button"
    assert " ".join(type(one).__name__ for one in row) == kinds
    assert [one.description for one in row] == [*(c.label for c in panel.controls), "Reset"]
    assert all(control(panel, label).continuous_update for label in ("Parts", "Note"))
    assert "cnn-two-columns" in control(panel, "Parts")._dom_classes
    assert "cnn-explorer" in panel.widget()._dom_classes and panel.widget() is panel.widget()
    assert not any(isinstance(w, ipywidgets.Output) for w in inside(panel.widget()))


# ---------------------------------------------------------------------------------------------
# Every panel of the course

SVG = "{http://www.w3.org/2000/svg}"
ROOMS = {
    path: path.read_text(encoding="utf-8") for path in Path(lessons.__file__).parent.glob("*/*.py")
}
PANELS = {
    name: f"course_utils.lessons.{path.parent.name}.{path.stem}"
    for path, source in sorted(ROOMS.items())
    for name in re.findall(r"^class (\w+)\(Explorer\)", source, re.M)
}
CORNERS, RANDOM = 40, 25  # states of each panel that are tried


def lenet():
    from course_utils.models import LeNet5

    return LeNet5("modern")


def networks():
    from course_utils.ledger import ledger
    from course_utils.models import LeNet5, ResNet

    deep = ledger(ResNet(18), (3, 224, 224), name="ResNet-18")
    return [ledger(LeNet5("paper"), (1, 32, 32), name="LeNet-5"), deep]


def look():
    from course_utils.lessons.pooling_invariance.explorer import Look

    maps = [np.random.default_rng(n).random((n, n), np.float32) - 0.5 for n in (32, 16, 8)]
    return lambda image: Look(*maps, float(image.mean() - 0.5), float(image.mean()))


def entries():
    from course_utils.lessons.imagenet_winners import competition

    models = {entry.model for entry in competition.winners() if entry.model}
    counts = {
        model: SimpleNamespace(parameters=10**6 * len(model), macs=10**7 * len(model) ** 2)
        for model in models
    }
    return competition.with_counts(competition.winners(), counts)


# What a panel cannot do without.
NEEDED = {
    "ArchitectureBrowser": cache(networks),
    "DigitReader": cache(lenet),
    "MoveTheGull": cache(look),
    "WinnersChart": cache(entries),
}
WRITTEN = {  # what is tried in a line of text
    "values": ["0.1 1.0 0.2 0.1", "-9", "1 2 3 4 5 6 7 8 9 9", "", "0,5", "ten", "9.5"],
    "incoming": ["0.3 0.2 0.5", "-9 9 -9", "1"],
}


def values_of(one):
    """What is tried of a control in a corner, and what at random."""
    if isinstance(one, Slider):
        return [one.smallest, one.largest], range(one.smallest, one.largest + 1, one.step)
    if isinstance(one, Choice):
        return [list(one.options.values())] * 2
    if isinstance(one, Line):
        return [WRITTEN[one.name]] * 2
    drawing = type(one.start)  # of the pad: a scan, or lines
    drawn = [(449,), (None,), (None, "8,6 24,6 14,28"), (3, "1,1")]
    return [[one.start, *(drawing(*what) for what in drawn)]] * 2


def states(panel):
    """Corner states and random ones, the same in every run."""
    rng = random.Random(type(panel).__name__)
    corners, whole = zip(*map(values_of, panel.controls), strict=True)
    tried = list(itertools.product(*corners))
    tried = rng.sample(tried, min(CORNERS, len(tried)))
    tried += [[rng.choice(values) for values in whole] for _ in range(RANDOM)]
    for values in tried:
        yield dict(zip([one.name for one in panel.controls], values, strict=True))


@pytest.fixture(params=PANELS)
def panel(request):
    kind = getattr(importlib.import_module(PANELS[request.param]), request.param)
    return kind(NEEDED[request.param]()) if request.param in NEEDED else kind()


def test_all_panels_are_found():
    assert sum(source.count("(Explorer):") for source in ROOMS.values()) == 16


def test_every_state_is_drawn_well_or_refused_with_a_remedy(panel):
    for state in states(panel):
        panel.move(**state)
        try:
            check_ranges(panel)
            check_words(panel)
            if not panel.refused:
                check_picture(panel)
        except AssertionError as error:
            raise AssertionError(f"{panel.state}: {error}") from error


def test_reset_brings_every_panel_back_and_its_still_is_picture_and_sentence(panel):
    def now():
        ranges = [getattr(widget, "max", None) for widget in inside(panel.widget())]
        return dict(panel.state), shown(panel), ranges

    first = now()
    *_, moved = states(panel)
    panel.move(**moved)
    assert panel.state != first[0]
    panel.redraws = 0
    control(panel, "Reset").click()
    assert panel.redraws == 1 and now() == first
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == panel.says
    assert panel.picture in bundle["text/html"] and escape(panel.says) in bundle["text/html"]
    assert ".cnn-dimmed {" in bundle["text/html"]
    assert ET.fromstring(bundle["text/html"]).get("class") == "cnn-explorer cnn-static"
    live = bundle["application/vnd.jupyter.widget-view+json"]
    assert live["model_id"] == panel.widget().model_id


def check_ranges(panel):
    for one in panel.controls:
        if isinstance(one, Slider):
            assert one.smallest <= panel.state[one.name] <= panel.largest[one.name] <= one.largest
            assert (panel.state[one.name] - one.smallest) % one.step == 0
    settled = panel.largest | panel.limits(**panel.state)
    assert settled == panel.largest, "a slider that is pulled down moves no other range"


def check_words(panel):
    sentences = re.findall(r"[.?!](?=\s+[\w(\u2212]|$)", panel.says)
    assert 1 <= len(sentences) <= 4 and panel.says[-1] in ".?!", panel.says
    remedy = re.search(r"\b([Cc]hoose|[Dd]raw|[Ww]rite|must hold)\b", panel.says)
    assert remedy or not panel.refused, panel.says


def check_picture(panel):
    view = panel.view(**panel.state)
    assert view == (panel.picture, panel.says, panel.alt), "drawn a second time it is another"
    (picture,) = ET.fromstring(f"<div>{panel.picture}</div>").iter(f"{SVG}svg")
    assert picture.get("role") == "img" and picture.get("aria-label") == panel.alt
    assert len(panel.alt) > 20
    left, top, width, height = map(float, picture.get("viewBox").split())
    check_places(picture, (0, 0, 16, "start"), (left, top, left + width, top + height))
    for one in picture.iter():
        for key, value in one.items():
            if key != "aria-label" and not value.startswith("data:"):
                assert not re.search(r"(?i)\b(nan|inf|none,)", value), (key, value)
        check_colour(one.get("fill", "none"))
        check_colour(one.get("stroke", "none"))
    for colour in re.findall(r"#[0-9A-Fa-f]{6}\b", panel.picture):
        check_colour(colour)


def check_places(one, around, box):
    """Texts and rectangles lie in the box. The width of a text is estimated, rather too narrow."""
    move = re.fullmatch(r"translate\((\S+?)[ ,]+(\S+?)\)", one.get("transform", "translate(0 0)"))
    if not move:
        return  # turned or scaled
    x, y, size, anchor = around
    x, y, anchor = x + float(move[1]), y + float(move[2]), one.get("text-anchor", anchor)
    size = float(one.get("font-size", size))
    at, base = x + float(one.get("x", 0)), y + float(one.get("y", 0))
    words = "".join(one.itertext())
    if one.tag == f"{SVG}text":
        wide = 0.55 * size * len(words)
        at -= {"start": 0, "middle": wide / 2, "end": wide}[anchor]
        check_inside(box, at, base - 0.6 * size, wide, 0.6 * size, words)
    if one.tag == f"{SVG}rect":
        check_inside(box, at, base, float(one.get("width")), float(one.get("height")), words)
    for child in one:
        check_places(child, (x, y, size, anchor), box)


def check_inside(box, left, top, width, height, words):
    assert width >= 0 and height >= 0
    assert box[0] - 2 <= left and left + width <= box[2] + 2, (words, left, left + width)
    assert box[1] - 2 <= top and top + height <= box[3] + 2, (words, top, top + height)


def check_colour(colour):
    """It is none, a grey, or a colour of the palette mixed with paper or with black."""
    if colour in ("none", "transparent"):
        return
    assert re.fullmatch(r"#[0-9A-Fa-f]{6}", colour), colour
    mixed = channels(colour)
    grey = max(mixed) - min(mixed) <= 28
    pures = map(channels, style.PALETTE.values())
    assert grey or any(mixes(mixed, pure, ground) for pure in pures for ground in (255, 0)), colour


def channels(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def mixes(mixed, pure, ground):
    pairs = zip(mixed, pure, strict=True)
    shares = [(m - ground) / (p - ground) for m, p in pairs if p != ground]
    return bool(shares) and max(shares) - min(shares) < 0.05 and max(shares) <= 1.01
