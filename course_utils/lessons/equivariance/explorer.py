"""Shift it: the two paths, shift then layer and layer then shift, and the gap between them."""

from __future__ import annotations

from course_utils.drawing.svg import TIMES
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.equivariance.figures import directions, reading, two_paths
from course_utils.lessons.equivariance.layers import (
    STRIDES,
    Paths,
    best_error,
    both_paths,
    rim,
)
from course_utils.lessons.equivariance.layers import picture as picture_of


def view(layer: str, picture: str, kernel: int, dx: int, dy: int) -> View:
    """Draw both paths of one state and say why they agree or differ."""
    paths = both_paths(picture_of(picture), layer, kernel, dx, dy)
    conv = f"conv {kernel}{TIMES}{kernel}"
    name = {
        "circular": (conv, "circular"),
        "zeros": (conv, "zero padding"),
        "strided": (conv, "stride 2"),
        "pooled": (f"max-pool 2{TIMES}2", "stride 2"),
        "dense": ("dense",),
    }[layer]
    diagram = two_paths(paths, dx=dx, dy=dy, layer=name)
    return View(diagram.svg, _explain(paths, layer, kernel, dx, dy), diagram.alt)


class Equivariance(Explorer):
    """One layer, one shift, both paths."""

    controls = (
        Choice(
            "layer",
            "Layer",
            {
                "Convolution, circular": "circular",
                "Convolution, zero padding": "zeros",
                "Convolution, stride 2": "strided",
                f"Max-pooling 2{TIMES}2": "pooled",
                "Dense": "dense",
            },
            start="circular",
        ),
        Choice("picture", "Picture", {"A digit": "digit", "A gull": "gull"}, "digit", buttons=True),
        Choice("kernel", "Kernel", {f"{k}{TIMES}{k}": k for k in (3, 5, 7)}, 3, buttons=True),
        Slider("dx", "Right", -4, 4, start=3),
        Slider("dy", "Down", -4, 4, start=2),
    )
    view = staticmethod(view)


def _explain(paths: Paths, layer: str, kernel: int, dx: int, dy: int) -> str:
    """Say how far the two paths are apart, and the reason."""
    if dx == dy == 0:
        return "No shift, so there is nothing to compare: error 0. Move a slider."
    cells, count = paths.differ.size, int(paths.differ.sum())
    if count:
        gap = f"The paths differ in {count} of {cells} cells: error {reading(paths.error)}."
    else:
        gap = f"The paths agree in all {cells} cells: error 0."
    if layer == "circular":
        reason = (
            "The same kernel stands at every position and there is no border, "
            "so it does not matter where the picture lies."
        )
    elif layer == "zeros":
        reason = _border(kernel, dx, dy, count)
    elif layer == "dense":
        reason = (
            "Every output has weights of its own, so a moved picture meets other weights. "
            "Two unrelated maps of equal size are \u221a2 \u2248 1.414 apart."
        )
    else:
        reason = _steps(paths, STRIDES[layer], dx, dy)
    return f"{gap} {reason}"


def _border(kernel: int, dx: int, dy: int, count: int) -> str:
    if count == 0:
        return (
            "The layer pads with zeros, and yet nothing breaks: no window that reaches over the "
            "border meets any ink, before or after the shift."
        )
    wide = [f"{rim(d, kernel)} {name}" for d, name in ((dx, "columns"), (dy, "rows")) if d]
    return (
        "Windows that reach over the border, before or after the shift, see zeros in place of the "
        f"picture. That spoils {' and '.join(wide)} at most; all else agrees."
    )


def _steps(paths: Paths, stride: int, dx: int, dy: int) -> str:
    if paths.exact:
        return (
            f"The shift is a multiple of the stride {stride}, so the output moves by whole cells "
            f"of its own: {' and '.join(directions(*paths.moved))}."
        )
    move = [f"{abs(d) / stride:g} {name}" for d, name in ((dx, "columns"), (dy, "rows")) if d]
    return (
        f"The output would have to move by {' and '.join(move)}. No whole shift does: the best of "
        f"all {paths.mapped.size} leaves {reading(best_error(paths))}."
    )
