"""How a digit gets into LeNet-5 and what each layer makes of it: a pen, and a look inside.

What is drawn goes the way of the scans of `datasets.digits`: onto a bitmap of 32 x 32 pixels, of
which each 4 x 4 block is counted, so that 8 x 8 cells hold 0 to 16. Before that it is brought to
their size, slant and weight, because the network has seen no others. Measured on all 1,797 scans:
they fill a box 20 wide and 32 high in the middle; they are sheared so that the first ink of the
lowest row lies straight below the first ink of the highest (0.0 on average, standard deviation 0.9
pixels, in every digit); and 313 of the 1,024 pixels are black (303 to 330 from digit to digit).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CELLS = 8  # along a side of the pad
FULL = 16  # ink of a cell that is quite black
SIDE = 32  # pixels along a side of the bitmap; strokes are in pixels, from the top left corner
PEN = 2.4  # radius in pixels of a pen that alters a scan: the strokes of the scans are about 5 wide


class Drawing(NamedTuple):
    """What is on the pad.

    scan: the number of the scan that lies below the strokes; None: the pad was empty.
    written: the strokes as the page sends them (see pad.js): points "x,y" with a space between
        them, strokes with a semicolon.
    """

    scan: int | None
    written: str = ""

    @property
    def strokes(self) -> list[list[tuple[float, float]]]:
        """Lists of points (x, y), joined by straight lines; a single point is a dot."""
        lines = filter(None, self.written.split(";"))
        return [[tuple(map(float, point.split(","))) for point in line.split()] for line in lines]

    def ink(self, scans: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return the 64 amounts of ink, 0 to 16, row by row.

        On an empty pad the strokes become what a scan is: moved, scaled and counted. On a scan
        they are added where they are drawn.
        """
        if self.scan is None:
            return ink(as_a_scan(self.strokes)) if self.written else (0,) * CELLS**2
        return tuple(map(max, scans[self.scan], ink(distances(self.strokes) <= PEN)))


def distances(strokes: Sequence) -> np.ndarray:
    """Return the distance (32, 32) of the middle of each pixel from the nearest stroke."""
    pixels = np.stack(np.meshgrid(*[np.arange(SIDE) + 0.5] * 2), axis=-1)  # (32, 32, 2): x, y
    nearest = np.full((SIDE, SIDE), np.inf)
    for stroke in strokes:
        points = np.asarray(stroke, dtype=float)
        for a, b in zip(points, points[1:] if len(points) > 1 else points, strict=False):
            along = ((pixels - a) @ (b - a)) / max(float((b - a) @ (b - a)), 1e-9)
            on_line = a + along.clip(0, 1)[..., None] * (b - a)
            nearest = np.minimum(nearest, np.linalg.norm(pixels - on_line, axis=-1))
    return nearest


def as_a_scan(strokes: Sequence) -> np.ndarray:
    """Draw strokes in the place, size, slant and weight of a scan; return the (32, 32) pixels.

    A broad digit is squeezed to the width of a scan; a thin one keeps its proportions.
    """
    radius, shear = PEN, 0.0
    for step in range(8):  # a broader pen leaves less room for the strokes, and so on
        upright = [np.array(stroke) @ [[1, 0], [shear, 1]] for stroke in strokes]
        low, high = np.min(np.concatenate(upright), 0), np.max(np.concatenate(upright), 0)
        scale = (np.array([20.0, 32.0]) - 2 * radius) / np.maximum(high - low, 1e-3)
        scale = np.minimum(scale, [scale[1], 3 * scale[0]])  # a 1 stays thin, a dash flat
        away = distances([(points - (low + high) / 2) * scale + SIDE / 2 for points in upright])
        radius = np.sort(away, axis=None)[313]  # so many pixels are nearer
        inked = away < radius
        if step == 1:  # once the size is about right
            rows = inked.any(axis=1).nonzero()[0]
            lean = inked[rows[0]].argmax() - inked[rows[-1]].argmax()
            shear = lean / (rows[-1] - rows[0]) * scale[1] / scale[0]
    return inked


def ink(inked: np.ndarray) -> tuple[int, ...]:
    """Count the ink of a (32, 32) bitmap in blocks of 4 x 4: 64 numbers from 0 to 16."""
    block = SIDE // CELLS
    counts = inked.reshape(CELLS, block, CELLS, block).sum(axis=(1, 3))
    return tuple(counts.ravel().tolist())


class Look(NamedTuple):
    """What a LeNet-5 makes of one image.

    layers: name -> maps (count, H, W), each from 0 (paper; the lowest value that the layer can
        have) to 1; "8×8" is the ink, "input" the image that the network gets, C5 one map of 15 x 8
        units, F6 one of 12 x 7, which is how the codes are drawn.
    outputs: (10,), distances to the codes, or probabilities. distances: which of the two.
    """

    layers: dict[str, np.ndarray]
    outputs: np.ndarray
    distances: bool

    @property
    def order(self) -> list[int]:
        """The ten classes, from the one that is chosen to the least likely."""
        return np.argsort(self.outputs if self.distances else -self.outputs).tolist()


def look(model, ink: Sequence[int], *, margin: int = 0) -> Look:
    """Show a LeNet-5 one image and keep what every layer puts out.

    model: a `models.LeNet5` of any variant with ten classes. Its mode and weights stay.
    ink: 64 numbers from 0 to 16.
    margin: empty pixels around the digit: `datasets.digits(32)` has none, MNIST's digits lie
        20 x 20 in the middle, which is a margin of 6.
    """
    import torch  # the panel that draws does not have to wait for it

    from course_utils.models.lenet5 import AMPLITUDE, to_paper_range

    cells = torch.tensor(ink, dtype=torch.float32).view(1, 1, CELLS, CELLS) / FULL
    side = SIDE - 2 * margin
    image = torch.nn.functional.interpolate(cells, size=(side, side), mode="bilinear")
    image = torch.nn.functional.pad(image, [margin] * 4)  # (1, 1, 32, 32)
    paper = model.variant != "modern"
    layers = {"8\u00d78": cells[0].numpy(), "input": image[0].numpy()}
    with torch.no_grad():
        x = to_paper_range(image) if paper else image
        for number, name in enumerate(("c1", "s2", "c3", "s4", "c5", "f6"), 1):
            x = x.flatten(1) if name == "f6" else x
            x = getattr(model, f"act{number}")(getattr(model, name)(x))
            shape = {"c5": (1, 15, 8), "f6": (1, 12, 7)}.get(name, x.shape[1:])
            maps = x[0].reshape(shape).double()  # from 0: where a ReLU, or 1.7159 tanh, ends
            maps = (maps + AMPLITUDE) / (2 * AMPLITUDE) if paper else maps / maps.max().clamp(1e-9)
            layers[name.upper()] = maps.numpy()
        outputs = model.output(x)[0]
    return Look(layers, (outputs if paper else outputs.softmax(0)).numpy(), paper)
