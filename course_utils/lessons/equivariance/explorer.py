"""Shift it: the two paths, shift then layer and layer then shift, and the gap between them.

panel = Equivariance(layer="circular", dx=3, dy=2)
panel                        # the paths agree, error 0
panel.layer.value = "zeros"
panel.says                   # the sentence under the picture
"""

from __future__ import annotations

from course_utils.drawing.svg import TIMES
from course_utils.lessons.equivariance.figures import directions, reading, two_paths
from course_utils.lessons.equivariance.layers import (
    KERNELS,
    LAYERS,
    PICTURES,
    Paths,
    best_error,
    both_paths,
    picture,
    rim,
)
from course_utils.old_explorer import Explorer, View, choice, slider

FARTHEST = 4
"""Cells that a slider shifts, to either side."""

_LAYER_NAMES = {
    "circular": "Convolution, circular",
    "zeros": "Convolution, zero padding",
    "strided": "Convolution, stride 2",
    "pooled": "Max-pooling 2\u00d72",
    "dense": "Dense",
}
_PICTURE_NAMES = {"digit": "A digit", "gull": "A gull"}


class Equivariance(Explorer):
    """Explorer of one layer, one shift, both paths.

    Args (each the first value of a control):
        layer: `"circular"`, `"zeros"`, `"strided"`, `"pooled"` or `"dense"`.
        picture: `"digit"`, with an empty margin, or `"gull"`, which fills its frame.
        kernel: of the convolutions: 3, 5 or 7.
        dx, dy: shift in cells, to the right and down, -4 to 4.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        layer: str = "circular",
        picture: str = "digit",
        kernel: int = 3,
        dx: int = 3,
        dy: int = 2,
    ) -> None:
        controls = {
            "layer": choice("Layer", layer, [(_LAYER_NAMES[key], key) for key in LAYERS]),
            "picture": choice(
                "Picture", picture, [(_PICTURE_NAMES[key], key) for key in PICTURES], buttons=True
            ),
            "kernel": choice(
                "Kernel", kernel, [(f"{k}{TIMES}{k}", k) for k in KERNELS], buttons=True
            ),
            "dx": slider("Right", dx, -FARTHEST, FARTHEST),
            "dy": slider("Down", dy, -FARTHEST, FARTHEST),
        }
        super().__init__(view, controls)


def view(layer: str, picture: str, kernel: int, dx: int, dy: int) -> View:
    """Draw both paths of one state and say why they agree or differ.

    Raises:
        ValueError: as `equivariance.both_paths`.
    """
    paths = both_paths(_picture(picture), layer, dx, dy, kernel=kernel)
    diagram = two_paths(paths, dx=dx, dy=dy, layer=_short_name(layer, kernel))
    return View(diagram.svg, explain(paths, layer, kernel, dx, dy), diagram.alt)


_picture = picture  # the function; `picture` is the name of a control


def _short_name(layer: str, kernel: int) -> tuple[str, ...]:
    conv = f"conv {kernel}{TIMES}{kernel}"
    return {
        "circular": (conv, "circular"),
        "zeros": (conv, "zero padding"),
        "strided": (conv, "stride 2"),
        "pooled": (f"max-pool 2{TIMES}2", "stride 2"),
        "dense": ("dense",),
    }[layer]


def explain(paths: Paths, layer: str, kernel: int, dx: int, dy: int) -> str:
    """Say how far the two paths are apart, and the reason."""
    if dx == dy == 0:
        return "No shift, so there is nothing to compare: error 0. Move a slider."
    cells = paths.differ.size
    count = int(paths.differ.sum())
    gap = (
        f"The paths agree in all {cells} cells: error 0."
        if count == 0
        else f"The paths differ in {count} of {cells} cells: error {reading(paths.error, 3)}."
    )
    return f"{gap} {_reason(paths, layer, kernel, dx, dy, count)}"


def _reason(paths, layer, kernel, dx, dy, count) -> str:
    if layer == "circular":
        return (
            "The same kernel stands at every position and there is no border, "
            "so it does not matter where the picture lies."
        )
    if layer == "zeros":
        return _reason_of_the_border(kernel, dx, dy, count)
    if layer == "dense":
        return (
            "Every output has weights of its own, so a moved picture meets other weights. "
            "Two unrelated maps of equal size are \u221a2 \u2248 1.414 apart."
        )
    step = LAYERS[layer]
    if paths.exact:
        moved = " and ".join(directions(*paths.moved))
        return (
            f"The shift is a multiple of the stride {step}, so the output moves by whole cells of "
            f"its own: {moved}."
        )
    axes = " and ".join(
        f"{abs(d) / step:g} {'rows' if down else 'columns'}"
        for d, down in ((dx, False), (dy, True))
        if d
    )
    whole = len(paths.mapped) ** 2
    return (
        f"The output would have to move by {axes}. No whole shift does: the best of all {whole} "
        f"leaves {reading(best_error(paths), 3)}."
    )


def _reason_of_the_border(kernel, dx, dy, count) -> str:
    if count == 0:
        return (
            "The layer pads with zeros, and yet nothing breaks: no window that reaches over the "
            "border meets any ink, before or after the shift."
        )
    wide = [
        f"{rim(d, kernel)} {name}" for d, name in ((dx, "columns"), (dy, "rows")) if rim(d, kernel)
    ]
    return (
        "Windows that reach over the border, before or after the shift, see zeros in place of the "
        f"picture. That spoils {' and '.join(wide)} at most; all else agrees."
    )
