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
from course_utils.ledger import ledger
from course_utils.lessons.imagenet_winners import competition
from course_utils.lessons.pooling_invariance.figures import Look
from course_utils.models import LeNet5, ResNet


class Parts(Explorer):
    """Parts of a whole: never more than it has, and thirteen are refused."""

    controls = (
        Slider("parts", "Parts", 0, 20, start=3, wide=True),
        Slider("whole", "Whole", 1, 20, start=10),
        Slider("grams", "Grams", 10, 100, start=lambda largest: largest // 2, step=10),
        Choice("unit", "Unit", {"An ounce": "oz", "A gram": "g"}, start="g", buttons=True),
        Choice("size", "Size", {"Small": 1, "Large": 2}, start=1),
        Line("note", "Note", start="a & b"),
    )

    @staticmethod
    def limits(parts, whole, **_):
        return {"parts": whole}

    @staticmethod
    def view(parts, whole, note, **_):
        if parts == 13:
            raise ValueError("13 & more is <too> much. Take less.")
        look = "<style>.a{}</style>"
        return View(f"<svg>{look}{parts}/{whole}</svg>", f"{parts} < {whole}.", f"{parts} parts")


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
    """What the browser has of a panel: the HTML of picture and sentence, one after the other."""
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


PICTURE, SENTENCE = ("HTML", {"value"}), ("HTML", {"value"})


def test_it_begins_with_what_is_declared_or_asked_for():
    panel = Parts(whole=np.int64(4), size=2)
    assert panel.state == {
        "parts": 3, "whole": 4, "grams": 50, "unit": "g", "size": 2, "note": "a & b"
    }  # fmt: skip
    assert type(panel.state["whole"]) is int and panel.largest["parts"] == 4
    assert (panel.says, panel.alt, panel.refused) == ("3 < 4.", "3 parts", False)
    assert repr(panel) == "3 < 4."


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"whole": 0}, "whole must be an integer from 1 to 20, got 0"),
        ({"whole": 2.5}, "whole must be an integer from 1 to 20, got 2.5"),
        ({"whole": True}, "whole must be an integer from 1 to 20, got True"),
        ({"whole": "3"}, "whole must be an integer from 1 to 20, got '3'"),
        ({"parts": 6, "whole": 5}, "parts must be an integer from 0 to 5, got 6"),
        ({"grams": 15}, "grams must be an integer from 10 to 100 in steps of 10, got 15"),
        ({"unit": "lb"}, "unit must be one of 'oz', 'g', got 'lb'"),
        ({"note": 3}, "note must be a text, got 3"),
        ({"weight": 3}, "Parts has the controls parts, whole, .*, note, got 'weight'"),
    ],
)
def test_a_value_that_no_control_has_is_refused(first, message):
    with pytest.raises(ValueError, match=message):
        Parts(**first)
    panel = Parts()
    before = dict(panel.state)
    if "parts" not in first:  # a slider past its range is pulled down
        with pytest.raises(ValueError, match=message):
            panel.move(**first)
        assert (panel.state, panel.redraws) == (before, 0)


def test_open_first_values_follow_one_another():
    class Middle(Parts):
        controls = (
            Slider("whole", "Whole", 1, 20, start=lambda largest: largest - 6),
            Slider("parts", "Parts", 0, 20, start=lambda largest: largest // 2),
            Line("note", "Note", start=""),
        )

    assert Middle().state == {"whole": 14, "parts": 7, "note": ""}
    assert Middle(whole=4).state["parts"] == 2


def test_a_change_in_the_browser_is_one_redraw_and_one_message_to_each_part(sent):
    panel = Parts()
    panel.widget()
    sent.clear()
    control(panel, "Parts").set_state({"value": 5})
    assert panel.state["parts"] == 5 and panel.redraws == 1
    assert sent == [SENTENCE, PICTURE], "and no sheet of style: the page would be styled anew"
    control(panel, "Parts").set_state({"value": 5})
    control(panel, "Size").set_state({"index": 0})
    assert panel.redraws == 1 and len(sent) == 2, "the same value is no change"
    assert "<svg>5/10</svg>" in shown(panel) and "5 &lt; 10" in shown(panel)
    assert ".a{}" in shown(panel)


def test_a_range_follows_and_that_too_is_one_redraw(sent):
    panel = Parts(parts=9)
    panel.widget()
    sent.clear()
    control(panel, "Whole").set_state({"value": 4})
    assert (control(panel, "Parts").max, control(panel, "Parts").value) == (4, 4)
    assert panel.redraws == 1 and panel.says == "4 < 4."
    assert sent == [SENTENCE, PICTURE, ("Parts", {"max", "value"})]


def test_moving_in_code_moves_what_is_shown():
    panel = Parts()
    panel.widget()
    panel.move(whole=4, parts=20, unit="oz", note="so")
    assert panel.redraws == 1
    shown_state = [control(panel, c.label).value for c in panel.controls]
    assert shown_state == list(panel.state.values()) == [4, 4, 50, "oz", 1, "so"]
    assert "<svg>4/4</svg>" in shown(panel)
    panel.move(whole=4)
    assert panel.redraws == 1


def test_a_number_typed_between_two_steps_goes_to_the_lower():
    panel = Parts()
    control(panel, "Grams").set_state({"value": 78})
    assert panel.state["grams"] == control(panel, "Grams").value == 70
    assert panel.redraws == 1


def test_a_refusal_shows_its_reason_dims_the_picture_and_is_recovered_from():
    panel = Parts(whole=20)
    control(panel, "Parts").value = 13
    assert panel.refused and panel.says == "13 & more is <too> much. Take less."
    reason = 'role="alert">13 &amp; more is &lt;too&gt; much. Take less.</div>'
    page = shown(panel)
    assert page.index(reason) < page.index('cnn-dimmed"'), "over the picture"
    assert "<svg>3/20</svg>" in page and 'role="status"' not in page, "the last picture stays"
    assert panel.alt == "No picture: 13 & more is <too> much. Take less."
    control(panel, "Parts").value = 14
    assert not panel.refused and panel.says == "14 < 20."
    assert 'cnn-dimmed"' not in shown(panel)


def test_it_can_begin_refused_and_an_error_that_is_no_refusal_is_not_swallowed():
    panel = Parts(parts=13, whole=20)
    assert panel.refused and panel.picture == ""
    panel.move(parts=2)
    assert not panel.refused

    class Broken(Parts):
        view = staticmethod(lambda parts, **_: {}[parts])

    with pytest.raises(KeyError):
        Broken()


def test_reset_brings_ranges_back_as_well_in_one_redraw():
    class Open(Parts):
        limits = staticmethod(lambda whole, **_: {} if whole == 10 else {"parts": whole})

    panel = Open(parts=7)
    first = shown(panel)
    panel.move(whole=3, unit="oz", note="")
    assert control(panel, "Parts").max == 3
    panel.redraws = 0
    control(panel, "Reset").click()
    assert panel.redraws == 1 and shown(panel) == first
    assert control(panel, "Parts").max == 20 and panel.state["parts"] == 7
    assert control(panel, "Reset") in panel.widget().children[0].children, "for Tab"


def test_a_range_that_stays_holds_for_code_too():
    class Open(Parts):
        limits = staticmethod(lambda whole, **_: {} if whole == 10 else {"parts": whole})

    panel = Open()
    panel.move(whole=2)
    panel.move(whole=10, parts=9)
    assert panel.state["parts"] == control(panel, "Parts").value == 2


def test_controls_are_labelled_and_follow_the_pointer():
    kinds = {"Parts": "IntSlider", "Unit": "ToggleButtons", "Size": "Dropdown", "Note": "Text"}
    panel = Parts()
    for label, kind in kinds.items():
        assert type(control(panel, label)).__name__ == kind
    assert all(control(panel, label).continuous_update for label in ("Parts", "Note"))
    assert "cnn-two-columns" in control(panel, "Parts")._dom_classes
    assert "cnn-explorer" in panel.widget()._dom_classes
    assert not any(isinstance(w, ipywidgets.Output) for w in inside(panel.widget()))
    assert panel.widget() is panel.widget()


def test_the_notebook_stores_sentence_still_and_widget():
    panel = Parts()
    panel.move(parts=6)
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == "6 < 10."
    assert "6/10</svg>" in bundle["text/html"] and "6 &lt; 10" in bundle["text/html"]
    assert bundle["text/html"] == Parts(parts=6)._repr_mimebundle_()["text/html"]
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.widget().model_id


# ---------------------------------------------------------------------------------------------
# Every panel of the course

SVG = "{http://www.w3.org/2000/svg}"
ROOMS = Path(lessons.__file__).parent
PANELS = [
    (".".join(("course_utils.lessons", path.parent.name, path.stem)), name)
    for path in sorted(ROOMS.glob("*/*.py"))
    for name in re.findall(r"^class (\w+)\(Explorer\)", path.read_text(encoding="utf-8"), re.M)
]
NEW = [
    (module, name)
    for module, name in PANELS
    if "course_utils.old_explorer" not in Path(*module.split(".")).with_suffix(".py").read_text()
]
RANDOM, CORNERS = 25, 40  # states of each panel


@cache
def lenet():
    return LeNet5("modern")


@cache
def networks():
    deep = ledger(ResNet(18), (3, 224, 224), name="ResNet-18")
    return [ledger(LeNet5("paper"), (1, 32, 32), name="LeNet-5"), deep]


@cache
def look():
    maps = [np.random.default_rng(n).random((n, n), np.float32) - 0.5 for n in (32, 16, 8)]
    return lambda image: Look(*maps, float(image.mean() - 0.5), float(image.mean()))


@cache
def entries():
    models = {entry.model for entry in competition.winners()}
    sizes = {m: (len(m) * 1_000_003, len(m) * 50_000_017) for m in filter(None, models)}
    counts = {m: SimpleNamespace(parameters=p, macs=c) for m, (p, c) in sizes.items()}
    return competition.with_counts(competition.winners(), counts)


NEEDED = {  # what a panel cannot do without
    "ArchitectureBrowser": networks,
    "DigitReader": lenet,
    "MoveTheGull": look,
    "WinnersChart": entries,
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
        return list(one.options.values()), list(one.options.values())
    if isinstance(one, Line):
        return WRITTEN[one.name], WRITTEN[one.name]
    drawing = type(one.start)  # the pad
    tried = [
        one.start,
        drawing(449),
        drawing(None, "8,6 24,6 14,28"),
        drawing(None),
        drawing(3, "1,1"),
    ]
    return tried, tried


def states(panel):
    """Corner states and random ones, the same in every run."""
    rng = random.Random(type(panel).__name__)
    corners, whole = zip(*map(values_of, panel.controls), strict=True)
    chosen = list(itertools.product(*corners))
    chosen = rng.sample(chosen, CORNERS) if len(chosen) > CORNERS else chosen
    chosen += [[rng.choice(values) for values in whole] for _ in range(RANDOM)]
    for values in chosen:
        yield dict(zip([one.name for one in panel.controls], values, strict=True))


@pytest.fixture(params=NEW, ids=lambda pair: pair[1])
def panel(request):
    module, name = request.param
    made = getattr(importlib.import_module(module), name)
    return made(NEEDED[name]()) if name in NEEDED else made()


def test_the_panels_are_found():
    assert len(PANELS) == 16


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


def check_ranges(panel):
    for one in panel.controls:
        if isinstance(one, Slider):
            assert one.smallest <= panel.state[one.name] <= panel.largest[one.name] <= one.largest
            assert (panel.state[one.name] - one.smallest) % one.step == 0
    settled = panel.largest | panel.limits(**panel.state)
    assert settled == panel.largest, "a slider pulled down changes no other range"


REMEDY = re.compile(r"\b([Cc]hoose|[Dd]raw|[Mm]ove|[Ww]rite|must hold)\b")


def check_words(panel):
    sentences = re.findall(r"[.?!](?=\s+[\w(\u2212]|$)", panel.says)
    assert 1 <= len(sentences) <= 5, panel.says
    assert panel.says.endswith((".", "?", "!")), panel.says
    assert not panel.refused or REMEDY.search(panel.says), panel.says


def check_picture(panel):
    view = panel.view(**panel.state)
    assert view == panel.view(**panel.state) == (panel.picture, panel.says, panel.alt)
    root = ET.fromstring(f"<div>{panel.picture}</div>")
    (picture,) = root.iter(f"{SVG}svg")
    assert picture.get("role") == "img" and picture.get("aria-label") == panel.alt
    assert len(panel.alt) > 20
    left, top, width, height = map(float, picture.get("viewBox").split())
    check_places(picture, 0, 0, 16, "start", (left, top, left + width, top + height))
    for one in picture.iter():
        drawn = " ".join(
            value for key, value in one.items() if key != "aria-label" and "data:" not in value
        )
        assert not re.search(r"(?i)(?<![a-z])(nan|inf|none[,)])", drawn), drawn
        for key in ("fill", "stroke"):
            check_colour(one.get(key, "none"))
    for colour in re.findall(r"#[0-9A-Fa-f]{6}\b", panel.picture):
        check_colour(colour)


def check_places(one, x, y, size, anchor, box):
    """Texts and rectangles lie in the box. Widths of texts are estimated, on the low side."""
    move = re.fullmatch(r"translate\((\S+?)[ ,]+(\S+?)\)", one.get("transform", "translate(0 0)"))
    if not move:
        return  # turned or scaled
    x, y = x + float(move[1]), y + float(move[2])
    size = float(one.get("font-size", size).__str__().removesuffix("px"))
    anchor = one.get("text-anchor", anchor)
    if one.tag == f"{SVG}text":
        wide = 0.55 * size * len("".join(one.itertext()))
        at = x + float(one.get("x", 0)) - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
        base = y + float(one.get("y", 0))
        inside_box(box, at, base - 0.6 * size, at + wide, base, "".join(one.itertext()))
    if one.tag == f"{SVG}rect":
        at, base = x + float(one.get("x", 0)), y + float(one.get("y", 0))
        assert float(one.get("width")) >= 0 and float(one.get("height")) >= 0
        inside_box(box, at, base, at + float(one.get("width")), base + float(one.get("height")), "")
    for child in one:
        check_places(child, x, y, size, anchor, box)


def inside_box(box, left, top, right, bottom, what):
    assert left >= box[0] - 2 and top >= box[1] - 2, (what, left, top)
    assert right <= box[2] + 2 and bottom <= box[3] + 2, (what, right, bottom)


def channels(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def check_colour(colour):
    """It is none, a grey, or a colour of the palette mixed with paper or with black."""
    if colour in ("none", "transparent", "currentColor"):
        return
    assert re.fullmatch(r"#[0-9A-Fa-f]{6}", colour), colour
    mixed = channels(colour)
    if max(mixed) - min(mixed) <= 28:
        return
    for pure in map(channels, style.PALETTE.values()):
        for ground in (255, 0):
            shares = [
                (m - ground) / (p - ground) for m, p in zip(mixed, pure, strict=True) if p != ground
            ]
            if shares and max(shares) - min(shares) < 0.05 and max(shares) <= 1.01:
                return
    raise AssertionError(f"{colour} is not of the palette")


def test_reset_brings_every_panel_back_in_one_redraw(panel):
    first = dict(panel.state), shown(panel)
    moved = list(states(panel))[-1]
    panel.move(**moved)
    assert panel.state != first[0]
    panel.redraws = 0
    control(panel, "Reset").click()
    assert panel.redraws == 1 and (panel.state, shown(panel)) == first


def test_every_still_is_the_picture_and_its_sentence(panel):
    bundle = panel._repr_mimebundle_()
    still = bundle["text/html"]
    assert bundle["text/plain"] == panel.says
    assert panel.picture in still and escape(panel.says) in still
    ET.fromstring(still)
