"""A panel: controls declared as data, one pure `view`, and the widget, made when it is shown.

    class Halves(Explorer):
        controls = (Slider("n", "Inputs", 1, 9, start=5),)

        @staticmethod
        def view(n):
            return View(html=f"<svg>…</svg>", says=f"{n} / 2 = {n / 2:g}.", alt=f"{n} inputs")

    panel = Halves(n=4)     # a keyword names the first value of a control
    panel.move(n=6)         # what moving the slider does
    panel.says, panel.refused, panel.state

Where `view` raises `ValueError` the combination is refused in place: the reason stands under the
controls, the last picture stays, dimmed, and the controls go on working. ipywidgets is loaded by
`widget()` only: whoever shows a panel elsewhere reads `controls`, `largest` and `state`, calls
`move`, and shows `picture_html()` and `sentence_html()`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from html import escape
from typing import NamedTuple

from course_utils.checks import one_of, whole
from course_utils.drawing.style import BAD, INPUT, PAPER, tint


class View(NamedTuple):
    """One state of an explorer, drawn.

    says: one to four sentences with the numbers, plain text. alt: what the picture shows, in words.
    """

    html: str
    says: str
    alt: str


class Slider(NamedTuple):
    """A whole number from `smallest` to `largest`, in steps.

    start: the first value, or a function of the largest there is at first. wide: two columns wide.
    """

    name: str
    label: str
    smallest: int
    largest: int
    start: int | Callable[[int], int]
    wide: bool = False
    step: int = 1

    def check(self, value: object) -> int:
        """Return the value as an int; ValueError if the slider cannot stand there."""
        number = whole(self.name, value, self.smallest, self.largest)
        if (number - self.smallest) % self.step:
            allowed = f"from {self.smallest} to {self.largest} in steps of {self.step}"
            raise ValueError(f"{self.name} must be an integer {allowed}, got {value!r}")
        return number

    def widget(self):
        def to_a_step(_) -> None:  # from a number typed between two of them
            made.value -= (made.value - self.smallest) % self.step

        ends = {"min": self.smallest, "max": self.largest, "step": self.step}
        made = _labelled("IntSlider", self.label, **ends)
        made.observe(to_a_step, names="value")
        if self.wide:
            made.add_class("cnn-two-columns")
        return made


class Choice(NamedTuple):
    """One of several values: a drop-down list, or a row of buttons. options: text -> value."""

    name: str
    label: str
    options: Mapping[str, object]
    start: object
    buttons: bool = False

    def check(self, value: object) -> object:
        """Return the option with this value; ValueError if there is none."""
        one_of(self.name, value, self.options.values())
        return next(option for option in self.options.values() if option == value)

    def widget(self):
        kind = "ToggleButtons" if self.buttons else "Dropdown"
        made = _labelled(kind, self.label, options=list(self.options.items()))
        if self.buttons:
            made.style.button_width = "auto"
        return made


class Line(NamedTuple):
    """A line of text."""

    name: str
    label: str
    start: str

    def check(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"{self.name} must be a text, got {value!r}")
        return value

    def widget(self):
        return _labelled("Text", self.label)


def _labelled(kind: str, label: str, **settings: object):
    """Return an ipywidget of that kind, for the grid of controls."""
    import ipywidgets

    style = {"description_width": "5.2em"}  # of the label's own type size: it grows on a slide
    look = {"description": label, "style": style, "layout": {"width": "auto"}}
    return getattr(ipywidgets, kind)(**look, **settings)


class Explorer:
    """Controls over one picture and its sentence: declare `controls` and `view` in a subclass.

    controls: in the order shown. A control of another kind has the fields and methods of `Line`.
    view: pure function of the state. It raises `ValueError` with a reason a student understands
        where the state is impossible; `says` is then that reason, and `refused` is True.
    limits: of the state, returns name -> largest value for those sliders whose range follows the
        others (no entry: the range stays).

    A first value outside its range, or of a control that does not exist, is a ValueError.
    """

    controls: tuple[Slider | Choice | Line, ...]
    view: Callable[..., View]

    def __init__(self, **first: object) -> None:
        self._named = {control.name: control for control in self.controls}
        self.largest = {c.name: c.largest for c in self.controls if isinstance(c, Slider)}
        self.picture = ""  # of the last state that was not refused
        self._widget, self._refresh, self.redraws = None, lambda: None, -1  # the first is none
        given = {name: control.start for name, control in self._named.items()} | first
        later = [name for name, value in given.items() if callable(value)]
        self.state = self._check(**given | {name: self._named[name].smallest for name in later})
        for name in later:  # in the order shown: the range of one may depend on the one before
            self.largest |= self.limits(**self.state)
            self.state[name] = given[name](self.largest[name])
        asked = dict(self.state)
        self._follow_limits()
        for name, largest in self.largest.items():
            self._named[name]._replace(largest=largest).check(asked[name])
        self._first = dict(self.state), dict(self.largest)
        self._draw()

    @staticmethod
    def limits(**state: object) -> Mapping[str, int]:
        return {}

    def move(self, **values: object) -> None:
        """Set controls as a student does, and draw once; a slider past its range is pulled down.

        A value that its control does not have is a ValueError, and nothing moves.
        """
        new = self.state | self._check(**values)
        if new != self.state:
            self.state = new
            self._follow_limits()
            self._draw()

    def reset(self) -> None:
        """Go back to the settings with which the panel began."""
        self.state, self.largest = map(dict, self._first)
        self._draw()

    def _check(self, **values: object) -> dict[str, object]:
        for name in values:
            if name not in self._named:
                known = ", ".join(self._named)
                raise ValueError(f"{type(self).__name__} has the controls {known}, got {name!r}")
        return {name: self._named[name].check(value) for name, value in values.items()}

    def _follow_limits(self) -> None:
        self.largest |= self.limits(**self.state)
        for name, largest in self.largest.items():
            self.state[name] = min(self.state[name], largest)

    def _draw(self) -> None:
        try:
            self.picture, self.says, self.alt = self.view(**self.state)
            self.refused = False
        except ValueError as reason:
            self.refused, self.says, self.alt = True, str(reason), f"No picture: {reason}"
        self.redraws += 1
        self._refresh()

    def picture_html(self) -> str:
        """Return the picture, below the reason where the state is refused."""
        if not self.refused:
            return f'<div class="cnn-picture">{self.picture}</div>'
        return (
            f'<div class="cnn-refusal" role="alert">{escape(self.says)}</div>'
            f'<div class="cnn-picture cnn-dimmed" aria-hidden="true">{self.picture}</div>'
        )

    def sentence_html(self) -> str:
        """Return the sentence; nothing where the state is refused."""
        said = f'<div class="cnn-says" role="status">{escape(self.says)}</div>'
        return "" if self.refused else said

    def __repr__(self) -> str:
        return self.says

    def _repr_mimebundle_(self, **options):
        """What a notebook stores: the sentence, a still picture, and the live panel."""
        still = f"{STYLE}{self.picture_html()}{self.sentence_html()}"
        page = f'<div class="cnn-explorer cnn-static">{still}</div>'
        live = self.widget()._repr_mimebundle_(**options)
        return live | {"text/plain": self.says, "text/html": page}

    def arrange(self, controls: Mapping[str, object], reset, picture, sentence) -> list:
        """Return the parts of the widget from top to bottom; a subclass may lay them elsewhere."""
        import ipywidgets

        columns = "repeat(auto-fill, minmax(calc(18.7 * var(--cnn-control-size, 14px)), 1fr))"
        grid = {"display": "grid", "grid_template_columns": columns}
        grid |= {"width": "100%", "margin": "0 0 6px 0"}
        box = ipywidgets.Box([*controls.values(), reset], layout=grid)
        return [box.add_class("cnn-controls"), picture, sentence]

    def widget(self):
        """Return the panel as an ipywidget; it is made once, and moves as the panel does."""
        import ipywidgets

        if self._widget:
            return self._widget
        controls = {control.name: control.widget() for control in self.controls}
        picture, sentence = ipywidgets.HTML(), ipywidgets.HTML()
        sheets = ipywidgets.HTML(layout={"display": "none"})
        parts = (*controls.values(), picture, sentence, sheets)
        showing = []  # holds something while the state is being shown

        def refresh() -> None:
            """Show the state, and send all of it to the browser together."""
            showing.append(True)
            with ExitStack() as held:
                held.callback(showing.clear)
                for part in parts:
                    held.enter_context(part.hold_sync())
                for name, largest in self.largest.items():
                    controls[name].max = largest
                for name, value in self.state.items():
                    controls[name].value = value
                drawn = self.picture_html()
                picture.value, sentence.value = _SHEET.sub("", drawn), self.sentence_html()
                # A sheet that goes and comes makes the browser style the whole page anew.
                sheets.value = STYLE + "".join(_SHEET.findall(drawn))

        def follow(change) -> None:
            if not showing:  # a slider whose range shrinks moves by itself: no new change
                self.move(**{name: control.value for name, control in controls.items()})

        refresh()
        self._refresh = refresh
        for control in controls.values():
            control.observe(follow, names="value")
        reset = ipywidgets.Button(description="Reset", tooltip="Back to the first settings")
        reset.add_class("cnn-reset").on_click(lambda _: self.reset())
        panel = ipywidgets.VBox([*self.arrange(controls, reset, picture, sentence), sheets])
        self._widget = panel.add_class("cnn-explorer")
        return panel


_SHEET = re.compile("<style>.*?</style>", re.DOTALL)

# Sent with the panel: an exported page has no other stylesheet of ours. That of a slide may set
# --cnn-control-size and --cnn-says-size.
STYLE = f"""<style>
.cnn-explorer .cnn-controls {{ gap: 2px 12px; align-items: center; }}
.cnn-explorer .widget-toggle-buttons {{ display: flex; align-items: center; }}
.cnn-explorer .widget-toggle-buttons > .widget-label {{ text-align: right; flex: none;
  margin-right: 8px; }}
.cnn-explorer .widget-toggle-buttons > div {{ white-space: nowrap; }}
.cnn-explorer .widget-toggle-button.mod-active {{ background: {INPUT}; color: {PAPER}; }}
.cnn-explorer .widget-label, .cnn-explorer .widget-readout {{
  font-size: var(--cnn-control-size, 14px); overflow: visible; }}
.cnn-explorer .widget-toggle-buttons .widget-toggle-button {{
  font-size: var(--cnn-control-size, 14px); }}
.cnn-says {{ font-size: var(--cnn-says-size, 16px); line-height: 1.5; max-width: 78em;
  color: var(--jp-content-font-color1, #1F2430); margin: 6px 2px 2px; }}
.cnn-refusal {{ font-size: var(--cnn-says-size, 16px); line-height: 1.5; margin: 6px 2px 2px;
  padding: 8px 14px; color: #1F2430; background: {tint(BAD, 0.14)};
  border-left: 5px solid {BAD}; border-radius: 3px; }}
.cnn-picture {{ transition: opacity .12s; }}
.cnn-dimmed {{ opacity: .3; }}
</style>"""
