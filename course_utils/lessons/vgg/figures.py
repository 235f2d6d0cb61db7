"""The pictures of lesson 09: Table 1 as boxes, VGG's volumes, a stack beside one large filter.

After Simonyan and Zisserman (2014), *Very Deep Convolutional Networks for Large-Scale Image
Recognition*, arXiv 1409.1556: Table 1 and the argument of section 2.3.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from html import escape

from course_utils.drawing import style
from course_utils.drawing.networks import cuboid, main_path
from course_utils.drawing.plots import draw_image
from course_utils.drawing.style import ACCENT, FAINT, HIGHLIGHT, INK, INPUT, MUTED, WEIGHT
from course_utils.drawing.svg import TIMES, Diagram, box, frame, line, path, plural, rect, text

Blocks = Sequence[Sequence[str]]

_STEP = 41  # from a layer to the next, 4 of it free
_LOOKS = {  # kind of a layer -> colour, tint, words, dashes of the frame
    "conv3": (WEIGHT, 0.3, f"3{TIMES}3", None),
    "conv1": (WEIGHT, 0, f"1{TIMES}1", "4 3"),
    "fc": (style.OUTPUT, 0.2, "fc", None),
}
_middle = partial(text, anchor="middle")


def configuration_chart(configurations: Mapping[str, Blocks]) -> Diagram:
    """Draw networks of Table 1 one below the other, a box for each layer with weights.

    Blocks with equal map sizes stand below each other; a pooling ends each. A 1x1 convolution has
    a dashed frame; a normalisation is a thin bar behind its convolution.

    configurations: name -> blocks of `"conv3-64"` (kernel, maps) and `"LRN"`, as in
    `course_utils.models.vgg.CONFIGURATIONS`.
    """
    networks = {name: [*blocks, ["fc"] * 3] for name, blocks in configurations.items()}
    parts, lefts, left = [], [], 84
    for k, blocks in enumerate(zip(*networks.values(), strict=True)):
        left += 9 * (k == 5)  # before the dense layers
        width = max(map(_layers, blocks)) * _STEP
        maps, middle, size = blocks[0][0].partition("-")[2], left + width / 2 - 2, 224 >> k
        parts.append(_middle(middle, 24, maps or "dense", 15, bold=True))
        if maps:
            parts.append(_middle(middle, 46, f"{size}{TIMES}{size}", 14, fill=MUTED))
        lefts.append(left)
        left += width + 13
    parts += [text(14, 24, "maps", 14, fill=MUTED), text(14, 46, "size", 14, fill=MUTED)]
    said = ["Networks of 3x3 convolutions as rows of boxes, in blocks that a pooling ends."]
    for row, (name, blocks) in enumerate(networks.items()):
        parts += _network(name, blocks, lefts, 66 + 58 * row)
        counts, items = [*map(_layers, blocks[:-1])], [item for block in blocks for item in block]
        ones = sum(item.startswith("conv1-") for item in items)
        extra = f", {ones} of them 1x1" * (ones > 0) + ", with LRN" * ("LRN" in items)
        layers = f"{sum(counts) + 3} layers with weights, {' + '.join(map(str, counts))}"
        said.append(f"{name}: {layers} convolutions{extra}, 3 dense.")
    height, alt = 66 + 58 * len(networks), " ".join(said)
    return frame("".join(parts), height=height, alt=alt, kind="cnn-configurations")


def _layers(block: Sequence[str]) -> int:
    return sum(item != "LRN" for item in block)


def _network(name: str, blocks: Blocks, lefts: list[int], top: float) -> Iterator[str]:
    middle, end = top + 19, lefts[-1] + 3 * _STEP - 4
    yield line(84, middle, end, middle, stroke=FAINT, stroke_width=2)
    yield text(14, middle + 6, escape(name), 16, bold=True)
    yield text(end + 14, middle + 6, f"{sum(map(_layers, blocks))}", 16, bold=True)
    for block, x in zip(blocks, lefts, strict=True):
        for item in block:
            if item == "LRN":
                yield box(x - 4, top - 4, 5, 46, ACCENT, 1)
                continue
            colour, share, words, dashes = _LOOKS[item.partition("-")[0]]
            yield box(x, top, _STEP - 4, 38, colour, share, stroke_dasharray=dashes)
            yield _middle(x + 18.5, middle + 5, words, 14)
            x += _STEP


# What goes through the network


def volumes(ledger, **rows: Mapping[str, float]) -> Diagram:
    """Draw what the convolutions of a VGG put out as blocks of numbers, and its dense layers.

    All blocks have one scale, but sides and maps have two: 224 pixels are as tall as 1,500 maps are
    wide. rows: what to write below the blocks, as in `weights={"block1": "0.04 M", ...}`.
    """
    stages: dict[int, list] = {}
    for layer in main_path(ledger):
        stages.setdefault(layer.side, []).append(layer)
    *convolutions, dense = stages.values()
    side, x, parts, said = convolutions[0][0].side, 132.0, [], []
    tall, wide = 165 / side, 56 / 512  # of a pixel, of a map
    parts.append(cuboid(36, 226 - side * tall, 3 * wide, side * tall, 0.25 * side * tall, INPUT))
    columns = [(36, "image", f"{side}{TIMES}{side}", f"{TIMES} {ledger.input_shape[0]}")]
    for layers in convolutions:
        side, maps = layers[0].side, int(layers[0].label.split()[1])
        width, height = maps * wide, side * tall
        columns.append(
            (x, layers[0].name.partition(".")[0], f"{side}{TIMES}{side}", f"{TIMES} {maps}")
        )
        for k in range(len(layers)):
            left = x + k * (width + 5)
            parts.append(cuboid(left, 226 - height, width, height, 0.25 * height, style.OUTPUT))
        said.append(f"{plural(len(layers), 'layer')} of {side}{TIMES}{side}{TIMES}{maps}")
        x += max(len(layers) * (width + 5) + 14 + 0.25 * height, 100)
    units = [int(layer.label.split()[1].replace(",", "")) for layer in dense]
    for k, count in enumerate(units):
        parts.append(box(x + 8 + 22 * k, 226 - count / 40, 12, count / 40, ACCENT, 0.5))
    columns.append((x, "dense", f"{units[0]:,},", f"{units[1]:,}, {units[2]:,}"))
    said.append(f"dense layers of {', '.join(f'{n:,}' for n in units)}")
    for x, name, size, maps in columns:
        parts += [text(x, 250, name, 15, bold=True), text(x, 271, size, 15), text(x, 291, maps, 15)]
        for k, values in enumerate(rows.values()):
            parts.append(text(x, 322 + 24 * k, str(values.get(name, "")), 15, bold=True))
    for k, title in enumerate(rows):
        parts.append(text(36, 322 + 24 * k, title, 15, fill=MUTED))
        said.append(f"{title}: " + ", ".join(f"{n} {v}" for n, v in rows[title].items()))
    alt = f"{ledger.name}'s volumes to scale: {', then '.join(said[: len(convolutions) + 1])}."
    alt = ". ".join([alt.rstrip("."), *said[len(convolutions) + 1 :]]) + "."
    return frame("".join(parts), height=304 + 26 * len(rows), alt=alt, kind="cnn-volumes")


# A stack of 3x3 layers beside one large kernel

_CELL, _GRID = 21, 13  # size and number of the cells in a row
_LEFT, _ABOVE = 26, 44  # corner of the grid


def stack_diagram(layers: int, kernel: int, stack: Sequence[int], single: Sequence[int]) -> Diagram:
    """Draw what one unit sees through 3x3 layers and through one large kernel, and both costs.

    Left, the pixels around the unit: a square for the field after each 3x3 layer, a thick frame
    for the large kernel; fields up to 13 rows. Right, the costs as pairs of bars.

    stack, single: weights, multiply-adds, ReLUs in a row and activations kept, of each of the two.
    """
    field, names = 2 * layers + 1, (f"{layers} {TIMES} (3{TIMES}3)", f"{kernel}{TIMES}{kernel}")
    parts = [*_pixels(layers, kernel, names), *_costs(stack, single, names)]
    costs = zip(("Weights", "multiply-adds", "ReLUs", "activations"), stack, single, strict=True)
    alt = (
        f"{layers} layers of 3x3 see {field}{TIMES}{field}, one {kernel}x{kernel} layer sees "
        f"{names[1]}. {', '.join(f'{cost} {a:,} against {b:,}' for cost, a, b in costs)}."
    )
    return frame("".join(parts), height=357, alt=alt, kind="cnn-stack")


def _pixels(layers: int, kernel: int, names: tuple[str, str]) -> Iterator[str]:
    """The pixels around the unit, and on them the field after each layer."""

    def field(rows: int, **look: object) -> str:
        start, side = (_GRID - rows) / 2 * _CELL, rows * _CELL
        return rect(_LEFT + start, _ABOVE + start, side, side, **look)

    side, frame = _GRID * _CELL, {"fill": "none", "stroke": HIGHLIGHT}
    yield text(_LEFT, 28, "what one unit sees of the input", 15, bold=True)
    for layer in range(layers, 0, -1):  # the largest field lies at the bottom
        fill = style.tint(INPUT, 0.16 + 0.5 / layer)
        yield field(2 * layer + 1, fill=fill, stroke=INPUT, stroke_width=1.2)
    steps = range(0, side + 1, _CELL)
    lines = (f"M{_LEFT + i} {_ABOVE}v{side}M{_LEFT} {_ABOVE + i}h{side}" for i in steps)
    yield path("".join(lines), stroke=FAINT)
    yield field(kernel, stroke_width=4, **frame)
    yield field(1, fill=INK, stroke=INK, stroke_width=1)
    below = _ABOVE + side + 24
    yield box(_LEFT, below - 13, 14, 14, INPUT, 0.5)
    yield text(_LEFT + 22, below, names[0], 14)
    yield rect(_LEFT + 136, below - 13, 14, 14, rx=3, stroke_width=1.6, **frame)
    yield text(_LEFT + 158, below, f"frame: {names[1]}", 14)


def _costs(stack: Sequence[int], single: Sequence[int], names: tuple[str, str]) -> Iterator[str]:
    titles = ("weights", "multiply-adds", "ReLUs in a row", "activations kept for training")
    for y, title, *values in zip(range(40, 300, 76), titles, stack, single, strict=True):
        yield text(356, y, title, 15, bold=True)
        for k, (value, name) in enumerate(zip(values, names, strict=True)):
            top, width = y + 8 + k * 25, max(value / max(values) * 360, 2)
            yield text(438, top + 16, name, 13, anchor="end", fill=MUTED)
            yield box(448, top, width, 20, (INPUT, HIGHLIGHT)[k], 0.55)
            yield text(456 + width, top + 16, f"{value:,}", 14)


def draw_examples(images, titles: Sequence[str]):
    """Draw images (n, 1, H, W) in a row, each with its title; return the figure."""
    from matplotlib import pyplot

    figure, places = pyplot.subplots(1, len(titles), figsize=(1.7 * len(titles), 2.1))
    for image, title, ax in zip(images, titles, places, strict=True):
        draw_image(image[0], ax=ax, title=title)
        ax.title.set_size(13)
    return figure
