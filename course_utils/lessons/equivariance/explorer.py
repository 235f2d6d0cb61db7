"""Shift it: the two paths, shift then layer and layer then shift, and the gap between them."""

from course_utils.drawing.svg import TIMES
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.equivariance import layers
from course_utils.lessons.equivariance.figures import directions, reading, two_paths

LAYERS = {label: layer for layer, (label, *_) in layers.LAYERS.items()}
KERNELS = {f"{k}{TIMES}{k}": k for k in (3, 5, 7)}


class Equivariance(Explorer):
    """One layer, one shift, both paths."""

    controls = (
        Choice("layer", "Layer", LAYERS, start="circular"),
        Choice("picture", "Picture", {"A digit": "digit", "A gull": "gull"}, "digit", buttons=True),
        Choice("kernel", "Kernel", KERNELS, start=3, buttons=True),
        Slider("dx", "Right", -4, 4, start=3),
        Slider("dy", "Down", -4, 4, start=2),
    )

    @staticmethod
    def view(layer, picture, kernel, dx, dy):
        paths = layers.Paths(layers.picture(picture), layer, kernel, dx, dy)
        diagram, cells, count = two_paths(paths), paths.cells, paths.count
        if dx == dy == 0:
            says = "No shift, so there is nothing to compare: error 0. Move a slider."
        elif count:
            says = f"The paths differ in {count} of {cells} cells: error {reading(paths.error)}. "
            says += _reason(paths)
        else:
            says = f"The paths agree in all {cells} cells: error 0. {_reason(paths)}"
        return View(diagram.svg, says, diagram.alt)


def _reason(paths):
    """Say why the paths agree, or differ."""
    ways = [(d, name) for d, name in ((paths.dx, "columns"), (paths.dy, "rows")) if d]
    move = " and ".join(f"{abs(d) / paths.stride:g} {name}" for d, name in ways)
    wide = " and ".join(f"{layers.rim(d, paths.kernel)} {name}" for d, name in ways)
    if paths.layer == "circular":
        says = "The same kernel stands at every position and there is no border, "
        return says + "so it does not matter where the picture lies."
    if paths.layer == "dense":
        says = "Every output has weights of its own, so a moved picture meets other weights. "
        return says + "Two unrelated maps of equal size are \u221a2 \u2248 1.414 apart."
    if paths.layer == "zeros" and not paths.count:
        says = "The layer pads with zeros, and yet nothing breaks: no window that reaches over the "
        return says + "border meets any ink, before or after the shift."
    if paths.layer == "zeros":
        says = "Windows that reach over the border, before or after the shift, see zeros in place "
        return says + f"of the picture. That spoils {wide} at most; all else agrees."
    if paths.exact:
        says = f"The shift is a multiple of the stride {paths.stride}, so the output moves by whole"
        return f"{says} cells of its own: {' and '.join(directions(*paths.moved))}."
    says = f"The output would have to move by {move}. No whole shift does: the best of all "
    return says + f"{paths.cells} leaves {reading(paths.best_error())}."
