"""What a unit deep in a stack of layers sees of the input: its cone, and its gradient.

The gradient is drawn as in Luo et al. (2016), *Understanding the effective receptive field in deep
convolutional neural networks*.
"""

from course_utils.drawing import style, svg
from course_utils.drawing.plots import new_axes
from course_utils.drawing.style import HIGHLIGHT, INPUT, MUTED, OUTPUT, tint
from course_utils.drawing.svg import ELLIPSIS, WIDTH, group, path, plural, text
from course_utils.geometry import ReceptiveField, edges, layer_sizes, receptive_fields

_TOP, _BOTTOM = 86, 272  # heights of the last layer and of the input
_LEFT, _RIGHT = 124, 812  # the units stay between
_FIELD, _JUMP = 898, 980  # right edges of the two columns of numbers

_CHOSEN = ":not(:has(.u:hover)) .on"  # the choice steps back while one points elsewhere
_CSS = {
    " .u circle": "stroke-width:2px",
    " .i circle": f"fill:{tint(INPUT, 0.12)};stroke:{INPUT}",
    " .o circle": f"fill:{tint(OUTPUT, 0.14)};stroke:{OUTPUT}",
    f"{_CHOSEN} circle": f"fill:{tint(HIGHLIGHT, 0.3)};stroke:{HIGHLIGHT};stroke-width:2.6px",
    f"{_CHOSEN} text": "font-weight:700",
    f"{_CHOSEN}.top circle": f"fill:{HIGHLIGHT}",
    # The cone of the unit under the pointer, which then stands in for the chosen one.
    " path.b": f"fill:none;stroke:{HIGHLIGHT};stroke-width:2.4px",
    " text.b": "font-weight:700;text-anchor:middle",
    " .v": "visibility:hidden;pointer-events:none",
    " .u:hover .v": "visibility:visible",
    " .u:hover circle": f"fill:{HIGHLIGHT};stroke:{HIGHLIGHT}",
    " .v .a": f"fill:{HIGHLIGHT};fill-opacity:.26;stroke:{HIGHLIGHT};stroke-width:2px",
    ":has(.u:hover) .p": "visibility:hidden",
}


class Pyramid:
    """A stack of layers as rows of units, n inputs below, and what each unit sees.

    fields[row]: the receptive field in that row, 0 is the input. cones[row][unit]: a set of units
    for each row from the input up to the unit's own. Units count from 0, in the picture from 1.
    """

    def __init__(self, n, layers):
        self.layers, self.sizes = layers, layer_sizes(n, layers)
        self.fields = [ReceptiveField(1, 1, 0), *receptive_fields(layers)]
        self.cones = [[[{unit}] for unit in range(n)]]
        self.links = []  # (row below, unit there, unit above)
        for row, layer in enumerate(layers):
            seen = [[set() for _ in range(row + 1)] for _ in range(self.sizes[row + 1])]
            for below, unit in edges(self.sizes[row], *layer):
                self.links.append((row, below, unit))
                for mine, its in zip(seen[unit], self.cones[row][below], strict=True):
                    mine |= its
            self.cones.append([[*cone, {unit}] for unit, cone in enumerate(seen)])
        pitch, step = (_RIGHT - _LEFT) / n, (_BOTTOM - _TOP) / len(layers)
        self.radius = min(0.31 * pitch, 14)
        self.heights = [_BOTTOM - row * step for row in range(len(self.sizes))]
        self.places = [  # each unit stands above the middle of what it reads
            [_LEFT + (start + unit * jump + size / 2) * pitch for unit in range(count)]
            for (size, jump, start), count in zip(self.fields, self.sizes, strict=True)
        ]

    def draw(self, level, unit):
        """Draw the stack and the cone of one unit; pointing at another one shows that one's.

        level: its layer, 1 for the lowest. unit: its number there, from 1.
        """
        cone, sizes = self.cones[level][unit - 1], [field.size for field in self.fields]
        name = f"Unit {unit} of layer {level}"
        body = [
            text(20, 36, f"{name}: receptive field {sizes[level]}", 21, bold=True),
            text(_FIELD, 58, "field", 15, anchor="end", fill=MUTED),
            text(_JUMP, 58, "jump", 15, anchor="end", fill=MUTED),
            *(self._label(row, mine=row == level) for row in range(len(sizes))),
            path(self._lines(self.links), class_="links", stroke=style.FAINT, stroke_width=1),
            self._chosen(cone),
        ]
        for row, count in enumerate(self.sizes):
            for k in range(count):
                lit = (" top on" if row == level else " on") * (row <= level and k in cone[row])
                body.append(f'<g class="u {"o" if row else "i"}{lit}">{self._unit(row, k)}</g>')
        alt = (
            f"Pyramid of {plural(len(self.layers), 'layer')} over {self.sizes[0]} inputs. {name} "
            f"has a receptive field of {sizes[level]}; {self.sees(cone[0])}. "
            f"Receptive fields from layer 1 upwards: {', '.join(map(str, sizes[1:]))}."
        )
        css = "".join(f".cnn-pyramid{what}{{{look}}}" for what, look in _CSS.items())
        return svg.frame("".join(body), height=346, alt=alt, kind="cnn-pyramid", css=css)

    def sees(self, inputs):
        """Say which inputs a set holds."""
        if not inputs:
            return "sees padding only"
        count, skipping = len(inputs), len(inputs) <= max(inputs) - min(inputs)
        everything = ", all of the input" * (count == self.sizes[0])
        return f"sees {f'{count} of ' * skipping}{span(inputs)}{everything}"

    def _label(self, row, mine):
        """Name a row at the left and give its numbers at the right."""
        y, look = self.heights[row], {"bold": mine, "fill": style.INK if mine else MUTED}
        if not row:
            return text(20, y + 5, "inputs x", 15, **look)
        stride, name = self.layers[row - 1].stride, f"layer {row}"
        label = text(20, y - 3 if stride > 1 else y + 5, name, 15, **look)
        if stride > 1:
            label += text(20, y + 13, f"stride {stride}", 15, fill=MUTED)
        for x, value in ((_FIELD, self.fields[row].size), (_JUMP, self.fields[row].jump)):
            label += text(x, y + 7, str(value), 19, anchor="end", **look)
        return label

    def _lines(self, links):
        return "".join(
            f"M{self.places[row][below]:.0f} {self.heights[row]:.0f}"
            f"L{self.places[row + 1][unit]:.0f} {self.heights[row + 1]:.0f}"
            for row, below, unit in links
        )

    def _chosen(self, cone):
        """Draw the cone of the chosen unit: a shade, the arrows inside it, the bracket below."""
        caption = self._caption(cone[0])
        if not cone[0]:  # a unit that sees padding only has no cone down to the input
            return group(caption, class_="p")
        mine = [link for link in self.links if link[0] + 1 < len(cone)]
        inside = [(r, b, u) for r, b, u in mine if b in cone[r] and u in cone[r + 1]]
        shade = path(self._outline(cone), class_="shade", fill=tint(HIGHLIGHT, 0.14))
        look = {"stroke": HIGHLIGHT, "stroke_width": 2.2, "stroke_linecap": "round"}
        return group([shade, path(self._lines(inside), class_="rays", **look), caption], class_="p")

    def _unit(self, row, k):
        """Draw a unit with the cone that shows while the pointer is on it."""
        x, y, cone = self.places[row][k], self.heights[row], self.cones[row][k]
        name = f"layer {row}, unit" if row else "input"
        drawn = f"<title>{name} {k + 1}: {self.sees(cone[0])}</title>"
        if row and cone[0]:
            outline = f'<path class="a" d="{self._outline(cone)}"/>'
            drawn += f'<g class="v">{outline}{self._caption(cone[0])}</g>'
        drawn += svg.circle(x, y, self.radius)
        if not row:
            drawn += text(x, y + self.radius + 18, str(k + 1), 15, anchor="middle")
        return drawn

    def _outline(self, cone):
        """Path of a cone: down its left side from the unit, then up its right side."""
        margin, rows = self.radius + 3, list(zip(cone, self.places, self.heights, strict=False))
        left = [f"{row[min(units)] - margin:.0f} {y:.0f}" for units, row, y in reversed(rows)]
        right = [f"{row[max(units)] + margin:.0f} {y:.0f}" for units, row, y in rows]
        return "M" + "L".join(left + right) + "Z"

    def _caption(self, inputs):
        """Bracket the inputs seen, and say which: the line under the pyramid."""
        row, radius, y, size = self.places[0], self.radius, _BOTTOM + self.radius + 27, 16
        content = self.sees(inputs)
        if not inputs:
            return text(_LEFT, y + size + 6, content, size, bold=True)
        x1, x2 = row[min(inputs)] - radius, row[max(inputs)] + radius
        half = 0.31 * size * len(content)
        middle = min(max((x1 + x2) / 2, 20 + half), WIDTH - 20 - half)
        bracket = f'<path class="b" d="M{x1:.0f} {y - 5:.0f}v5H{x2:.0f}v-5"/>'
        return bracket + text(round(middle), round(y + size + 6), content, size, classes="b")


def span(inputs):
    """The first and the last of some inputs, as "x3…x7"; a single one as "x3"."""
    first, last = min(inputs) + 1, max(inputs) + 1
    return f"x{first}" if first == last else f"x{first}{ELLIPSIS}x{last}"


def draw_effective_field(values, *, theoretical, ax=None):
    """Draw how strongly each pixel reaches one unit, with the theoretical field as a square.

    values: (H, W), 0 to 1, as `probing.effective_receptive_field` returns it. theoretical: side
    of the theoretical field in pixels; its square stands in the middle of the picture.
    """
    from matplotlib.patches import Rectangle
    from matplotlib.transforms import offset_copy

    ax = ax or new_axes(5.8305, 4.485)  # the map is square, the bar beside it
    image = ax.imshow(values, cmap=style.COLOUR_MAP, vmin=0, vmax=values.max())
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.9)
    bar.set_label("mean |gradient|, relative")
    bar.outline.set_visible(False)
    corner = [(side - 1 - theoretical) / 2 for side in reversed(values.shape)]
    look = {"fill": False, "edgecolor": HIGHLIGHT, "linewidth": 2.5}
    look["label"] = f"theoretical field, {theoretical} \u00d7 {theoretical}"
    ax.add_patch(Rectangle(corner, theoretical, theoretical, **look))
    below = offset_copy(ax.transAxes, ax.figure, 0, -34.1, units="points")  # the axis' own label
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, borderaxespad=0)
    ax.set(xlabel="column", ylabel="row")
    ax.spines[:].set_visible(False)
    return ax
