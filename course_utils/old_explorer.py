"""The ground of every explorer: controls, a picture, and the sentence under it.

An explorer is a set of named controls and one pure function `view(**state) -> View`. The panel
calls the function once per change. When the function raises `ValueError`, the combination is
refused in place: the reason appears under the controls, the last picture stays, dimmed, and the
controls go on working. *Reset* goes back to where the panel began. Nothing is printed, so there is
no `Output` widget, and tests can read what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from html import escape
from numbers import Integral
from typing import NamedTuple

import ipywidgets

from course_utils.drawing.style import BAD, INPUT, PAPER, tint


class View(NamedTuple):
    """One state of an explorer, drawn.

    html: the picture. says: one to four sentences with the numbers, plain text. alt: what the
    picture shows, for who cannot see it.
    """

    html: str
    says: str
    alt: str


_LABEL = "5.2em"  # of the label's own type size: it grows on a slide

_COLUMNS = "repeat(auto-fill, minmax(calc(18.7 * var(--cnn-control-size, 14px)), 1fr))"

# Scoped to the panel, and sent with it: an exported page has no other stylesheet of ours. The
# sizes of type are two properties that a slide's stylesheet may set: --cnn-control-size and
# --cnn-says-size.
_STYLE = f"""<style>
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


class Explorer(ipywidgets.VBox):
    """A panel of labelled controls over one picture and its sentence.

    Each control is an attribute of its name: `panel.kernel.value = 5` is the same as moving the
    slider. `panel.says` is the sentence, or the reason of a refusal; `panel.refused` tells which.

    Args:
        view: pure function of the state, `view(kernel=3, stride=1, ...) -> View`. It raises
            `ValueError` with a reason a student understands where the state is impossible.
        controls: name -> widget with a `value`, in the order in which they are shown. Slider,
            drop-down and toggle descriptions are their labels.
        limits: called with the state before each redraw; returns name -> new `max` for those
            sliders whose range follows the others (no entry: the range stays).
    """

    def __init__(
        self,
        view: Callable[..., View],
        controls: Mapping[str, ipywidgets.ValueWidget],
        *,
        limits: Callable[..., Mapping[str, int]] | None = None,
    ) -> None:
        self._view, self._limits = view, limits
        self._controls = dict(controls)
        self._changing = True  # until the panel stands: nothing moves it but itself
        self._last = View("", "", "")
        self.says, self.alt, self.refused, self.redraws = "", "", False, 0
        self._picture = ipywidgets.HTML()
        self._sentence = ipywidgets.HTML()
        for name, control in self._controls.items():
            setattr(self, name, control)
            control.observe(self._on_change, names="value")
        self._draw()
        self._first = [
            (control, getattr(control, "max", None), control.value)
            for control in self._controls.values()
        ]
        self.reset_button = ipywidgets.Button(
            description="Reset", tooltip="Back to the first settings"
        )
        self.reset_button.add_class("cnn-reset")
        self.reset_button.on_click(lambda _: self.reset())
        box = ipywidgets.Box(
            [*self._controls.values(), self.reset_button],
            layout=ipywidgets.Layout(
                display="grid",
                grid_template_columns=_COLUMNS,
                width="100%",
                margin="0 0 6px 0",
            ),
        )
        box.add_class("cnn-controls")
        super().__init__([box, self._picture, self._sentence])
        self.add_class("cnn-explorer")
        self.redraws = 0
        self._changing = False

    @property
    def state(self) -> dict[str, object]:
        """The value of every control, by name."""
        return {name: control.value for name, control in self._controls.items()}

    def reset(self) -> None:
        """Go back to the settings with which the panel began."""
        with self._one_change():
            for control, largest, value in self._first:
                if largest is not None:
                    control.max = largest
                control.value = value

    def _on_change(self, change) -> None:
        # A slider whose range shrinks moves by itself; that is part of the change under way.
        if not self._changing:
            with self._one_change():
                pass

    @contextmanager
    def _one_change(self) -> Iterator[None]:
        """Draw once after what happens inside, and send all of it to the browser together."""
        self._changing = True
        try:
            with ExitStack() as held:
                for part in (*self._controls.values(), self._picture, self._sentence):
                    held.enter_context(part.hold_sync())
                yield
                self._draw()
        finally:
            self._changing = False

    def _draw(self) -> None:
        self.redraws += 1
        try:
            self._follow_limits()
            self._last = self._view(**self.state)
        except ValueError as reason:
            self.refused, self.says = True, str(reason)
            self.alt = f"No picture: {reason}"
        else:
            self.refused, self.says, self.alt = False, self._last.says, self._last.alt
        self._picture.value = _STYLE + self._picture_html()
        self._sentence.value = self._sentence_html()

    def _follow_limits(self) -> None:
        if self._limits is None:
            return
        for name, largest in self._limits(**self.state).items():
            control = self._controls[name]
            if control.max != largest:
                control.max = largest  # the widget itself pulls a larger value down

    def _picture_html(self) -> str:
        if not self.refused:
            return f'<div class="cnn-picture">{self._last.html}</div>'
        return (
            f'<div class="cnn-refusal" role="alert">{escape(self.says)}</div>'
            f'<div class="cnn-picture cnn-dimmed" aria-hidden="true">{self._last.html}</div>'
        )

    def _sentence_html(self) -> str:
        if self.refused:
            return ""
        return f'<div class="cnn-says" role="status">{escape(self.says)}</div>'

    def __repr__(self) -> str:
        return self.says

    def _repr_mimebundle_(self, **options):
        """What a notebook stores: the sentence, a still picture, and the live panel."""
        bundle = super()._repr_mimebundle_(**options)
        bundle["text/plain"] = self.says
        bundle["text/html"] = (
            f'<div class="cnn-explorer cnn-static">{_STYLE}{self._picture_html()}'
            f"{self._sentence_html()}</div>"
        )
        return bundle


def slider(label: str, value: int, smallest: int, largest: int) -> ipywidgets.IntSlider:
    """Return a labelled whole-number slider that redraws while it moves.

    Raises:
        ValueError: if the value lies outside the range.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)  # NumPy's are, too
    if not whole or not smallest <= value <= largest:
        raise ValueError(f"{label} must be an integer from {smallest} to {largest}, got {value!r}")
    return ipywidgets.IntSlider(
        value=int(value),
        min=smallest,
        max=largest,
        description=label,
        continuous_update=True,
        style={"description_width": _LABEL},
        layout=ipywidgets.Layout(width="auto"),
    )


def choice(
    label: str, value: object, options: list, *, buttons: bool = False
) -> ipywidgets.ToggleButtons | ipywidgets.Dropdown:
    """Return a labelled choice: a row of buttons, or a drop-down list.

    Args:
        options: values, or (text, value) pairs.

    Raises:
        ValueError: if the value is not among the options.
    """
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    if value not in values:
        allowed = ", ".join(repr(item) for item in values)
        raise ValueError(f"{label} must be one of {allowed}, got {value!r}")
    kind = ipywidgets.ToggleButtons if buttons else ipywidgets.Dropdown
    style = {"description_width": _LABEL}
    if buttons:
        style["button_width"] = "auto"
    return kind(
        options=options,
        value=value,
        description=label,
        style=style,
        layout=ipywidgets.Layout(width="auto"),
    )
