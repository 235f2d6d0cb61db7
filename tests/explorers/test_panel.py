"""The ground of the explorers: one redraw per change, refusals in place."""

import importlib
import pkgutil

import ipywidgets
import numpy as np
import pytest
import torch

from course_utils import lessons as explorers
from course_utils.ledger import ledger
from course_utils.lessons.imagenet_winners import competition
from course_utils.lessons.pooling_invariance.figures import Look
from course_utils.models import LeNet5
from course_utils.old_explorer import Explorer, View, choice, slider

WIDGET = "application/vnd.jupyter.widget-view+json"


def share(parts, whole):
    if parts == 13:
        raise ValueError("13 & more is <too> much")
    return View(f"<svg>{parts}/{whole}</svg>", f"{parts} < {whole}", f"picture of {parts}")


def panel(**first):
    """Parts of a whole; there are never more parts than the whole has."""
    state = {"parts": 3, "whole": 10} | first
    return Explorer(
        share,
        {
            "parts": slider("Parts", state["parts"], 0, state["whole"]),
            "whole": slider("Whole", state["whole"], 1, 20),
        },
        limits=lambda parts, whole: {"parts": whole},
    )


def messages(explorer):
    """Record which traits of which control change, from now on."""
    seen = []
    explorer._picture.observe(lambda change: seen.append(change["new"]), names="value")
    return seen


def test_controls_are_attributes_and_the_sentence_is_shown():
    explorer = panel()
    assert explorer.parts.value == 3 and explorer.state == {"parts": 3, "whole": 10}
    assert (explorer.says, explorer.alt, explorer.refused) == ("3 < 10", "picture of 3", False)
    assert "<svg>3/10</svg>" in explorer._picture.value
    assert "3 &lt; 10" in explorer._sentence.value


def test_each_change_redraws_once():
    explorer = panel()
    shown = messages(explorer)
    explorer.parts.value = 5
    assert explorer.redraws == len(shown) == 1
    explorer.parts.value = 5
    assert explorer.redraws == 1, "the same value is no change"
    explorer.whole.value = 12
    assert explorer.redraws == len(shown) == 2


def test_a_range_follows_and_that_too_is_one_redraw():
    explorer = panel(parts=9)
    shown = messages(explorer)
    explorer.whole.value = 4
    assert (explorer.parts.max, explorer.parts.value) == (4, 4)
    assert explorer.redraws == len(shown) == 1
    assert explorer.says == "4 < 4"


def test_a_refusal_shows_its_reason_dims_the_picture_and_is_recovered_from():
    explorer = panel(whole=20)
    explorer.parts.value = 13
    assert explorer.refused and explorer.says == "13 & more is <too> much"
    shown = explorer._picture.value.split("</style>")[1]
    reason = 'role="alert">13 &amp; more is &lt;too&gt; much</div>'
    assert shown.index(reason) < shown.index("cnn-dimmed"), "under the controls, over the picture"
    assert explorer._sentence.value == ""
    assert "<svg>3/20</svg>" in explorer._picture.value, "the last picture stays"
    assert explorer.alt == "No picture: 13 & more is <too> much"
    explorer.parts.value = 14
    assert not explorer.refused and explorer.says == "14 < 20"
    assert "cnn-dimmed" not in explorer._picture.value.split("</style>")[1]


def test_an_error_that_is_no_refusal_is_not_swallowed():
    def broken(parts):
        return {}[parts]

    with pytest.raises(KeyError):
        Explorer(broken, {"parts": slider("Parts", 1, 0, 3)})


def test_it_can_begin_refused():
    explorer = panel(parts=13, whole=20)
    assert explorer.refused
    explorer.parts.value = 2
    assert not explorer.refused


def test_the_notebook_stores_text_picture_and_widget():
    bundle = panel()._repr_mimebundle_()
    assert bundle["text/plain"] == "3 < 10" == repr(panel())
    assert "<svg>3/10</svg>" in bundle["text/html"] and "3 &lt; 10" in bundle["text/html"]
    assert WIDGET in bundle
    again = panel()._repr_mimebundle_()
    assert (again["text/plain"], again["text/html"]) == (bundle["text/plain"], bundle["text/html"])


def test_the_stored_forms_follow_the_state():
    explorer = panel()
    explorer.parts.value = 6
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == "6 < 10" and "<svg>6/10</svg>" in bundle["text/html"]


def test_nothing_is_printed_into_an_output_widget():
    def inside(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from inside(child)

    assert not any(isinstance(widget, ipywidgets.Output) for widget in inside(panel()))
    assert "cnn-explorer" in panel()._dom_classes


@pytest.mark.parametrize("value", [0, 8, 2.5, True, "3"])
def test_a_slider_refuses_a_first_value_out_of_range(value):
    with pytest.raises(ValueError, match=f"Kernel must be an integer from 1 to 7, got {value!r}"):
        slider("Kernel", value, 1, 7)


def test_a_slider_is_labelled_and_moves_continuously():
    made = slider("Kernel", np.int64(3), 1, 7)
    assert type(made.value) is int
    made.value = np.int64(5)
    assert type(made.value) is int
    assert made.description == "Kernel" and made.continuous_update and made.step == 1


def test_a_choice_is_labelled_and_refuses_what_it_does_not_offer():
    made = choice("Side", "b", [("An a", "a"), ("A b", "b")], buttons=True)
    assert (made.description, made.value) == ("Side", "b")
    assert isinstance(made, ipywidgets.ToggleButtons)
    assert isinstance(choice("Side", "a", ["a", "b"]), ipywidgets.Dropdown)
    with pytest.raises(ValueError, match="Side must be one of 'a', 'b', got 'c'"):
        choice("Side", "c", ["a", "b"])


# Every explorer of the course

MODULES = [name for _, name, _ in pkgutil.iter_modules(explorers.__path__) if name != "panel"]


def needed(kind: str) -> tuple:
    """What an explorer cannot do without: a network, its ledger, a look at a scene."""
    if kind == "ArchitectureBrowser":
        with torch.device("meta"):
            nets = {name: LeNet5(variant) for name, variant in (("a", "paper"), ("b", "modern"))}
            return ([ledger(net, (1, 32, 32), name=name) for name, net in nets.items()],)
    if kind == "MoveTheGull":
        maps = (np.zeros((n, n), np.float32) for n in (32, 16, 8))
        return (lambda image, maps=tuple(maps): Look(*maps, 0.0, 0.5),)
    return {"DigitReader": (LeNet5("modern"),), "WinnersChart": (competition.winners(),)}.get(
        kind, ()
    )


def explorer_of(module: str) -> Explorer:
    """The explorer of a module, as a notebook first shows it."""
    there = vars(importlib.import_module(f"course_utils.explorers.{module}")).values()
    (kind,) = (
        one
        for one in there
        if isinstance(one, type) and issubclass(one, Explorer) and one is not Explorer
    )
    return kind(*needed(kind.__name__))


def another(control) -> object:
    """A value that a control does not have now."""
    if hasattr(control, "max"):
        return control.min if control.value == control.max else control.max
    if hasattr(control, "options"):
        values = [value for _, value in control._options_full]
        return next(value for value in reversed(values) if value != control.value)
    return "" if isinstance(control.value, str) else tuple(reversed(control.value))


def inside(widget):
    """Every widget in a box, however deep."""
    for child in getattr(widget, "children", ()):
        yield child
        yield from inside(child)


@pytest.mark.parametrize("module", MODULES)
def test_reset_brings_the_first_state_back_in_one_redraw(module):
    explorer = explorer_of(module)
    first = (explorer.state, explorer.says, explorer._picture.value, explorer._sentence.value)
    for control in explorer._controls.values():
        control.value = another(control)
    assert explorer.state != first[0]
    explorer.redraws = 0
    explorer.reset_button.click()
    assert explorer.redraws == 1
    assert first == (
        explorer.state, explorer.says, explorer._picture.value, explorer._sentence.value
    )  # fmt: skip
    if module == "lenet5":
        explorer.pad.scan.value = 3
        explorer.reset_button.click()
        assert explorer.pad.scan.value == 0 and explorer.state == first[0]
    assert explorer.reset_button in inside(explorer.children[0]), "among the controls, for Tab"
