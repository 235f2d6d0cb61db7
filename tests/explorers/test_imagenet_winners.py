"""The winners' chart: every state of its controls, against the entries themselves."""

import itertools
import re
import xml.etree.ElementTree as ET
from html import unescape

import pytest

from course_utils.lessons.imagenet_winners.competition import Quantity, winners, with_counts
from course_utils.lessons.imagenet_winners.explorer import CHOICES, LOGARITHMIC, WinnersChart, view
from course_utils.lessons.imagenet_winners.figures import AXES, facts, heading, title


class Counts:
    """Stands in for a ledger."""

    def __init__(self, parameters, macs):
        self.parameters, self.macs = parameters, macs


BOOKS = {
    "AlexNet": Counts(60_965_224, 724_406_816),
    "VGG-16": Counts(138_357_544, 15_470_264_320),
    "GoogLeNet": Counts(6_998_552, 1_582_671_872),
    "ResNet-152": Counts(60_192_808, 11_282_415_616),
}
ENTRIES = with_counts(winners(), BOOKS)
PAIRS = list(itertools.permutations(CHOICES, 2))


def svg(shown):
    return ET.fromstring(re.search(r"<svg.*</svg>", shown.html, re.DOTALL)[0])


def titles(root):
    return {one.text for one in root.iter("{http://www.w3.org/2000/svg}title")}


def test_the_controls_offer_all_axes_and_all_entries():
    panel = WinnersChart(ENTRIES)
    assert [key for _, key in panel.x.options] == list(CHOICES) == list(AXES)
    assert [key for _, key in panel.scales.options] == list(LOGARITHMIC)
    assert [key for _, key in panel.entry.options] == [entry.id for entry in ENTRIES]
    assert not panel.refused and "11 of 11 entries" in panel.says


@pytest.mark.parametrize(("x", "y"), PAIRS, ids=[f"{x}-{y}" for x, y in PAIRS])
def test_every_pair_of_axes_on_every_scale(x, y):
    teams = [entry for entry in ENTRIES if entry.place != "human"]
    expected = [e for e in teams if None not in (AXES[x].of(e), AXES[y].of(e))]
    missing = [title(e, x, y) for e in teams if e not in expected]
    for log in LOGARITHMIC:
        if (x == "year" and log in ("x", "both")) or (y == "year" and log in ("y", "both")):
            with pytest.raises(ValueError, match="years have no logarithmic axis"):
                view(ENTRIES, x, y, log, "alexnet-2012")
            continue
        shown = view(ENTRIES, x, y, log, "alexnet-2012")
        root = svg(shown)
        assert root.get("aria-label") == shown.alt
        assert shown.says.startswith(f"{len(expected)} of 11 entries have both numbers.")
        drawn = {one.splitlines()[0] for one in titles(root)}
        people = {e.name for e in ENTRIES if e.place == "human"} if "error" in (x, y) else set()
        assert drawn == {heading(e) for e in expected} | people
        for entry in expected:
            assert f"{title(entry, x, y)}: " in shown.alt
        assert ("Left out" in shown.says) == bool(missing)
        assert all(name in shown.says and name in shown.alt for name in missing)


def test_points_lie_where_their_values_are():
    for x, y in PAIRS:
        root = svg(view(ENTRIES, x, y, "none", "alexnet-2012"))
        spots = {}
        for circle in root.iter("{http://www.w3.org/2000/svg}circle"):
            if circle.get("r") in ("8", "13"):  # a winner, a second place
                title = next(iter(circle)).text.splitlines()[0]
                spots[title] = (float(circle.get("cx")), float(circle.get("cy")))
        known = [e for e in ENTRIES if heading(e) in spots]
        assert len(spots) == len(known) >= 4
        for axis, key in ((0, x), (1, y)):
            values = [(AXES[key].of(entry), spots[heading(entry)][axis]) for entry in known]
            (low, start), (high, end) = min(values), max(values)
            assert (end > start) == (axis == 0)  # larger values lie to the right, and further up
            for value, at in values:
                expected = start + (value - low) / (high - low) * (end - start)
                assert at == pytest.approx(expected, abs=0.11)


def test_the_error_of_many_networks_is_not_said_of_one():
    """3.567 % are six networks; 5.71 % are ResNet-152."""
    panel = WinnersChart(ENTRIES, x="depth", entry="resnet-2015")
    assert "ResNets: 152 layers, 3.567 %." in panel.says
    assert panel.says.endswith("the whole entry, layers of one network in it.")
    panel.y.value = "single"
    assert panel.says.endswith("ResNet-152: 152 layers, 5.71 %.")


def test_equal_axes_are_refused_in_place():
    panel = WinnersChart(ENTRIES)
    panel.x.value = "error"
    assert panel.refused and "both axes show the error" in panel.says
    panel.y.value = "depth"
    assert not panel.refused


def test_every_entry_shows_its_facts_with_their_sources_without_a_mouse():
    panel = WinnersChart(ENTRIES)
    for entry in ENTRIES:
        panel.entry.value = entry.id
        page = unescape(panel._repr_mimebundle_()["text/html"])
        assert heading(entry) in page and entry.note in page
        for what, value, source in facts(entry):
            assert f"{what}: {value}" in page
            assert source in page
        assert entry.name in panel.says


def test_unknown_is_said_and_never_zero():
    panel = WinnersChart(ENTRIES, x="macs", y="depth", entry="trimps-2016")
    assert panel.says.endswith("Trimps-Soushen: multiply-adds unknown, layers unknown.")
    assert "parameters: unknown; multiply-adds: unknown" in panel._repr_mimebundle_()["text/html"]


def test_people_are_lines_where_an_error_is_an_axis():
    for x, y, there in (("year", "error", True), ("error", "macs", True), ("macs", "depth", False)):
        shown = view(ENTRIES, x, y, "none", "annotator-a1")
        assert ("stroke-dasharray" in shown.html) == there
        assert "one trained person (A1): 5.1 % errors." in shown.says


def test_what_was_not_counted_cannot_be_drawn():
    with pytest.raises(ValueError, match="entries must hold one with macs and depth, got none"):
        view(winners(), "macs", "depth", "none", "alexnet-2012")
    bare = [e._replace(depth=Quantity(None, unknown="?")) for e in ENTRIES]
    with pytest.raises(ValueError, match="depth"):
        view(bare, "depth", "error", "none", "alexnet-2012")


def test_stored_form_is_the_sentence():
    panel = WinnersChart(ENTRIES)
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == panel.says == repr(panel)
    assert "<svg" in bundle["text/html"] and "Krizhevsky et al. 2012" in bundle["text/html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": "colour"}, "Across must be one of"),
        ({"y": "colour"}, "Up must be one of"),
        ({"scales": "root"}, "Scales must be one of 'none', 'x', 'y', 'both'"),
        ({"entry": "zfnet"}, "Facts of must be one of"),
    ],
)
def test_a_first_value_out_of_range_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        WinnersChart(ENTRIES, **arguments)
    with pytest.raises(ValueError, match="at least one entry"):
        WinnersChart([])
