"""LeNet-5 reads a digit: drawn on a pad or picked from the scans, with every layer's maps.

panel = DigitReader(model)      # draw with mouse, finger, pen or arrow keys, or take a scan
panel.move(pad=Drawing(7))      # as if the slider were moved
panel.move(pad=Drawing(None, "8,6 24,6 14,28"))     # as if a 7 were drawn, in 32nds of the pad
"""

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils import datasets
from course_utils.explorer import Explorer, View
from course_utils.lessons.lenet5.figures import reading
from course_utils.lessons.lenet5.reading import FULL, Drawing, Look, look


def explain(seen: Look, scan: tuple[int, int] | None) -> str:
    """Say what is read, whether it is right, and whether another digit came close.

    scan: its number and what digit it is; None for a drawing.
    """
    best, second = seen.order[:2]
    what = "Your digit is"
    if scan:
        joint = "and" if scan[1] == best else "but"
        what = f"Test scan no. {scan[0]} is a {scan[1]}, {joint} it is"
    how = "its code is the nearest" if seen.distances else "its probability is the highest"
    says = f"{what} read as {best}: {how}."
    first, next_ = seen.outputs[[best, second]]
    if next_ < 1.5 * first if seen.distances else 2 * next_ > first:
        says += f" It was close: {second} comes next."
    return says


@dataclass(frozen=True)
class Pad:
    """A pad to draw on, and a slider that puts one of the scans on it; its value is a `Drawing`."""

    name: str
    label: str
    scans: Sequence[tuple[int, ...]]
    start: Drawing

    def check(self, value: object) -> Drawing:
        """Return the drawing; ValueError if there is no such scan."""
        (scan, _), most = value, len(self.scans) - 1
        if scan is not None and (type(scan) is not int or not 0 <= scan <= most):
            raise ValueError(f"scan must be an integer from 0 to {most}, got {scan!r}")
        return value

    def widget(self):
        """Return the pad as an ipywidget."""
        from course_utils.lessons.lenet5.pad import PadWidget

        return PadWidget(self.scans, self.start)


class DigitReader(Explorer):
    """A trained LeNet-5 reads what is drawn.

    model: a `models.LeNet5` of any variant, trained.
    scan: which of the 450 test scans of `datasets.digits` is on the pad at first.
    margin: empty pixels around the digit; 6 for a network trained on MNIST, see `reading.look`.
    """

    def __init__(self, model, scan: int = 0, *, margin: int = 0) -> None:
        images, self._labels = datasets.digits()[1]
        self._scans = [tuple(row) for row in (images.flatten(1) * FULL).round().int().tolist()]
        self._model, self._margin = model, margin
        self.controls = (Pad("pad", "Pad", self._scans, start=Drawing(scan)),)
        super().__init__()

    def view(self, pad):
        ink, scan = pad.ink(self._scans), pad.scan
        if not any(ink):
            raise ValueError("The pad is empty. Draw a digit, or move the slider to a test scan.")
        untouched = scan is not None and ink == self._scans[scan]
        seen = look(self._model, ink, margin=self._margin)
        says = explain(seen, (scan, int(self._labels[scan])) if untouched else None)
        diagram = reading(seen)
        return View(diagram.svg, says, diagram.alt)

    def arrange(self, controls, reset, picture, sentence):
        """Put what is read beside the pad, where the eyes are, and Reset to its buttons."""
        pad = controls["pad"]
        pad.beside.children += (sentence,)
        pad.buttons.children += (reset,)
        return [pad, picture]
