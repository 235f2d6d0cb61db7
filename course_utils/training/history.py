"""What is kept of a training, and how it is shown: numbers, curves, a view that follows."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from operator import mul
from statistics import fmean

from course_utils.drawing.style import FAINT, HIGHLIGHT, INK, INPUT, MUTED, PAPER, SVG_FONT
from course_utils.drawing.svg import element, path, plural, rect, text

_PERIOD = 0.3  # seconds between two pictures of the live view


@dataclass(repr=False)
class History:
    """What happened in a training. Lists hold one number per complete epoch.

    epochs: how many were asked for; `len(history)` is how many were completed.
    steps: weight updates in an epoch.
    step_loss: the loss of every step of the complete epochs, before that step's update.
    train_loss: mean of these over the examples of an epoch.
    train_accuracy: share of right answers, counted as the batches went by: with the weights of that
        moment and with dropout at work, so it may lie below the test's. NaN where labels are no
        class numbers.
    test_loss, test_accuracy: measured after the epoch, see `evaluate`; empty without a test.
    interrupted: where the training was stopped; empty if it was not. name: see `fit`.

    Displayed in a notebook it draws its curves. The digits of a training can differ between
    processors: a lesson prints what is stable, not the history itself.
    """

    epochs: int
    steps: int
    step_loss: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    interrupted: str = ""
    name: str = ""

    @property
    def train_error(self) -> list[float]:
        """Share of wrong answers in training, per epoch."""
        return [1 - accuracy for accuracy in self.train_accuracy]

    @property
    def test_error(self) -> list[float]:
        """Share of wrong answers in the test, per epoch."""
        return [1 - accuracy for accuracy in self.test_accuracy]

    def __len__(self) -> int:
        return len(self.train_loss)

    def add(self, losses: list[float], sizes: list[int], accuracy: float, test=None) -> None:
        """Write down a complete epoch: the loss and the size of each batch, what was right."""
        self.step_loss += losses
        self.train_loss.append(sum(map(mul, losses, sizes)) / sum(sizes))
        self.train_accuracy.append(accuracy)
        if test is not None:
            self.test_loss.append(test.loss)
            self.test_accuracy.append(test.accuracy)

    def __repr__(self) -> str:
        said = f"{self.name}. " if self.name else ""
        said += f"Interrupted {self.interrupted}. " if self.interrupted else ""
        if not len(self):
            return f"{said}No epoch was completed."
        parts = [f"training loss {self.train_loss[-1]:.3f}"]
        if not math.isnan(self.train_accuracy[-1]):
            parts.append(f"training error {100 * self.train_error[-1]:.1f} %")
        if self.test_loss and math.isnan(self.test_accuracy[-1]):
            parts.append(f"test loss {self.test_loss[-1]:.3f}")
        elif self.test_loss:
            parts.append(f"test error {100 * self.test_error[-1]:.1f} %")
        epochs = plural(len(self), "epoch")
        return f"{said}After {epochs} of {self.steps} steps: {', '.join(parts)}."

    def _repr_html_(self) -> str:
        return curves(self, self.step_loss) + _line(repr(self))


# ---------------------------------------------------------------------------------------------
# The live view


@contextmanager
def live_view(history: History, live: bool | None) -> Iterator[Callable]:
    """Give a function that shows the epoch under way: a bar, a line of numbers and the curves.

    At the end the line is left. Only widgets change: what a notebook stores is never stale.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    attached = hasattr(shell, "kernel")  # a notebook, not IPython in a terminal
    if not (attached if live is None else live):
        yield lambda losses: None
        return
    import ipywidgets as widgets

    line, picture = widgets.HTML(), widgets.HTML()
    bar = widgets.IntProgress(max=history.epochs * history.steps, layout={"width": "640px"})
    box = widgets.VBox([line, bar, picture])
    title, which = (f"{history.name}. ", f" of {history.name}") if history.name else ("", "")
    said = f"Training{which}: {plural(history.epochs, 'epoch')} of {history.steps} steps."
    if attached:
        from IPython.display import display

        bundle = {**box._repr_mimebundle_(), "text/plain": said, "text/html": _line(said)}
        display(bundle, raw=True)
    due = time.monotonic() + _PERIOD

    def follow(losses) -> None:
        nonlocal due
        if (now := time.monotonic()) < due:
            return
        due = now + _PERIOD
        numbers = losses.read()
        bar.value = len(history) * history.steps + len(numbers)
        where = f"{title}Epoch {losses.epoch} of {history.epochs}"
        line.value = _line(f"{where}, loss {numbers[-1]:.3f}", "status")
        picture.value = curves(history, history.step_loss + numbers)

    try:
        yield follow
    finally:
        line.value = _line(repr(history), "status")
        bar.close()
        picture.close()
        box.children = (line,)


def _line(words: str, role: str | None = None) -> str:
    style = "font-size:var(--cnn-says-size,15px);line-height:1.5;margin:2px"
    return element("div", escape(words), role=role, style=style)


# ---------------------------------------------------------------------------------------------
# The curves

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 300, 150, 52, 28, 28  # of one curve's frame, in pixels
_POINTS = 120


def curves(history: History, step_loss: list[float]) -> str:
    """Draw the loss against the steps, and the errors against the epochs, as one inline SVG."""
    per_point = max(1, math.ceil(len(step_loss) / _POINTS))
    first = (per_point - 1) / 2 + 1  # the middle step of the first point
    loss = [
        (first + start, fmean(step_loss[start : start + per_point]))
        for start in range(0, len(step_loss), per_point)
    ]
    steps = history.epochs * history.steps
    body = _axes(0, "training loss", f"step {steps}", steps, {"training": loss}, "")
    errors = {
        name: [(epoch, 100 * error) for epoch, error in enumerate(line, 1)]
        for name, line in (("training", history.train_error), ("test", history.test_error))
        if line and not math.isnan(line[0])
    }
    if errors:
        body += _axes(370, "error", f"epoch {history.epochs}", history.epochs, errors, " %")
    width, height = 740, _TOP + _HEIGHT + _BOTTOM
    return element(
        "svg",
        rect(0, 0, width, height, rx=4, fill=PAPER) + body,
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        aria_label=f"Curves. {history!r}",
        viewBox=f"0 0 {width} {height}",
        width=width,
        style="max-width:100%;display:block",
        font_family=SVG_FONT,
        fill=INK,
    )


def _axes(left, title, end, last, lines, sign) -> str:
    """One pair of axes, both from zero, and its lines {name: [(x, y), ...]}."""
    x0, x1, y0 = left + _LEFT, left + _LEFT + _WIDTH, _TOP + _HEIGHT
    top = max((y for line in lines.values() for _, y in line), default=0) or 1
    parts = [
        text(x0, 18, title, 13, bold=True),
        path(f"M{x0} {_TOP}V{y0}H{x1}", stroke=MUTED),
        path(f"M{x0} {_TOP}H{x1}", stroke=FAINT),
        text(x0 - 6, _TOP + 5, f"{top:.3g}{sign}", 13, anchor="end"),
        text(x0 - 6, y0, "0", 13, anchor="end"),
        text(x1, y0 + 18, end, 13, anchor="end"),
    ]
    for number, (name, line) in enumerate(lines.items()):
        look = {"stroke": INPUT, "stroke_width": 2.5}
        if name == "test":
            look |= {"stroke": HIGHLIGHT, "stroke_dasharray": "6 4"}
        if len(lines) > 1:
            x, y = x1 - 90, _TOP + 16 + 18 * number
            parts += [path(f"M{x} {y - 4}h24", **look), text(x + 30, y, name, 13)]
        if line:
            wide, high = _WIDTH / last, _HEIGHT / top
            points = "L".join(f"{x0 + x * wide:.1f} {y0 - max(y, 0) * high:.1f}" for x, y in line)
            look |= {"stroke_linejoin": "round", "stroke_linecap": "round"}
            parts.append(path(f"M{points}", **look))
    return "".join(parts)
