"""Shape arithmetic of convolution and pooling, in plain integers.

Everything here is about *which* units are connected, never about their values. One dimension is
enough: a square layer does the same along its height and along its width. Output units and input
units are numbered from 0.

    output_size, edges, edge_count          one layer
    receptive_fields, receptive_field       a stack of layers, no borders
    layer_sizes, cone                       a stack of layers on n inputs, borders included

Sources: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
relationship 6 (output size; dilation as in section 5.1). A. Araujo, W. Norris and J. Sim,
"Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019 (receptive fields).
"""

import operator
from typing import NamedTuple


class Layer(NamedTuple):
    """One convolution or pooling layer, in one dimension. A plain tuple of four works as well."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


class ReceptiveField(NamedTuple):
    """What a unit sees of the input, when the input has no borders.

    size:  inputs from the first to the last one that reach a unit (gaps of a dilation included).
    jump:  distance between the fields of two neighbouring units (the product of the strides).
    start: first input seen by unit 0; negative when padding lets it reach over the border.

    Unit u sees the inputs from ``start + u * jump`` to ``start + u * jump + size - 1``.
    """

    size: int
    jump: int
    start: int


def _integer(name, value, minimum):
    """`value` as an int, or ValueError. Floats and booleans are refused: 3.0 hides a mistake."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {value!r}") from None
    if number < minimum:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {number}")
    return number


def _checked(n, kernel, stride, padding, dilation):
    n = _integer("n", n, 1)
    kernel = _integer("kernel", kernel, 1)
    stride = _integer("stride", stride, 1)
    padding = _integer("padding", padding, 0)
    dilation = _integer("dilation", dilation, 1)
    extent = dilation * (kernel - 1) + 1
    padded = n + 2 * padding
    if extent > padded:
        dilated = f" with dilation {dilation} covers {extent} units and" if dilation > 1 else ""
        raise ValueError(
            f"kernel {kernel}{dilated} is larger than the padded input: "
            f"{n} + 2 * {padding} = {padded} units; allowed is a kernel that covers <= {padded}"
        )
    return n, kernel, stride, padding, dilation


def output_size(n, kernel, stride=1, padding=0, dilation=1):
    """Number of outputs of a convolution or pooling layer on `n` inputs.

    floor((n + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1

    `padding` zeros are added at *each* end. Raises ValueError for an argument that is not an
    integer in its range and for a (dilated) kernel larger than the padded input.
    """
    n, kernel, stride, padding, dilation = _checked(n, kernel, stride, padding, dilation)
    return (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def edges(n, kernel, stride=1, padding=0, dilation=1):
    """The arrows of a layer: a list of (input, output) pairs, ordered by output, then input.

    Output o reads the inputs ``o * stride + tap * dilation - padding`` for each tap of the
    kernel; those that fall on padding are no units and have no arrow. Raises ValueError as
    `output_size` does.
    """
    n, kernel, stride, padding, dilation = _checked(n, kernel, stride, padding, dilation)
    pairs = []
    for output in range(output_size(n, kernel, stride, padding, dilation)):
        for tap in range(kernel):
            position = output * stride + tap * dilation - padding
            if 0 <= position < n:
                pairs.append((position, output))
    return pairs


def edge_count(n, kernel, stride=1, padding=0, dilation=1):
    """``len(edges(...))`` without listing them: for each tap, the outputs whose input exists.

    Tap t reads a real input when 0 <= o * stride + t * dilation - padding <= n - 1, which bounds
    the output o on both sides. The work grows with the kernel, not with n. Raises ValueError as
    `output_size` does.
    """
    n, kernel, stride, padding, dilation = _checked(n, kernel, stride, padding, dilation)
    outputs = output_size(n, kernel, stride, padding, dilation)
    count = 0
    for tap in range(kernel):
        shift = tap * dilation - padding
        first = max(0, -(shift // stride))  # -(a // b) is ceil(-a / b)
        last = min(outputs - 1, (n - 1 - shift) // stride)
        count += max(0, last - first + 1)
    return count


def _stack(layers, lengths, form):
    """`layers` as Layer tuples, each argument checked; `lengths` are the tuple lengths allowed."""
    try:
        rows = [tuple(layer) for layer in layers]
    except TypeError:
        raise ValueError(f"layers must be a list of {form}, got {layers!r}") from None
    stack = []
    for index, row in enumerate(rows):
        if len(row) not in lengths:
            raise ValueError(f"layers[{index}] must be {form}, got {row!r}")
        if len(row) == 3:
            kernel, stride, dilation = row
            row = (kernel, stride, 0, dilation)
        layer = Layer(*row)
        stack.append(
            Layer(
                _integer(f"layers[{index}] kernel", layer.kernel, 1),
                _integer(f"layers[{index}] stride", layer.stride, 1),
                _integer(f"layers[{index}] padding", layer.padding, 0),
                _integer(f"layers[{index}] dilation", layer.dilation, 1),
            )
        )
    return stack


def receptive_fields(layers):
    """The receptive field after each layer of a stack: a list of ReceptiveField, first layer first.

    layers: (kernel, stride), (kernel, stride, dilation) or (kernel, stride, padding, dilation)
    each, from the input upwards. Padding moves `start` only.

    Forward recurrence (Araujo, Norris and Sim 2019), from size = jump = 1 and start = 0:
        size  += dilation * (kernel - 1) * jump
        start -= padding * jump
        jump  *= stride
    A layer's own stride enters after its own size: it enlarges the fields of the layers above it
    only. Raises ValueError for a layer of another length or a number out of range.
    """
    form = "(kernel, stride), (kernel, stride, dilation) or (kernel, stride, padding, dilation)"
    size, jump, start = 1, 1, 0
    fields = []
    for layer in _stack(layers, (2, 3, 4), form):
        size += layer.dilation * (layer.kernel - 1) * jump
        start -= layer.padding * jump
        jump *= layer.stride
        fields.append(ReceptiveField(size, jump, start))
    return fields


def receptive_field(layers):
    """Size of the receptive field at the last layer of a stack; 1 for an empty stack.

    The same as ``receptive_fields(layers)[-1].size``; arguments and errors as there.
    """
    fields = receptive_fields(layers)
    return fields[-1].size if fields else 1


def layer_sizes(n, layers):
    """Units on each level of a stack: ``[n, after the first layer, ...]``, so one more than layers.

    layers: Layer or (kernel, stride, padding, dilation) each, from the input upwards. Raises
    ValueError for a bad number, and names the layer whose kernel no longer fits.
    """
    sizes = [_integer("n", n, 1)]
    stack = _stack(layers, (4,), "(kernel, stride, padding, dilation)")
    for index, layer in enumerate(stack):
        try:
            sizes.append(output_size(sizes[-1], *layer))
        except ValueError as error:
            raise ValueError(f"layers[{index}]: {error}") from None
    return sizes


def cone(unit, layers, n, *, level=None):
    """All units that one unit sees, level by level, down to the input.

    unit:   number of the unit on its level.
    layers: Layer or (kernel, stride, padding, dilation) each, from the input upwards.
    n:      number of inputs.
    level:  level of the unit: 0 is the input, i the output of the i-th layer (None: the last).

    Returns a list of sorted tuples of unit numbers; entry i belongs to level i, so the last entry
    is ``(unit,)`` and entry 0 holds the inputs. The sets are exact: clipped at the borders, and
    with the gaps that a stride or a dilation leaves. An entry is empty when a unit sees padding
    only. The interval of an entry is its first and last number.

    Raises ValueError for a unit or level that does not exist, and as `layer_sizes` does.
    """
    sizes = layer_sizes(n, layers)
    level = len(sizes) - 1 if level is None else _integer("level", level, 0)
    if level >= len(sizes):
        raise ValueError(f"level must be an integer from 0 to {len(sizes) - 1}, got {level}")
    unit = _integer("unit", unit, 0)
    if unit >= sizes[level]:
        raise ValueError(f"unit must be an integer from 0 to {sizes[level] - 1}, got {unit}")

    stack = [Layer(*layer) for layer in layers]
    levels = [(unit,)]
    for below in range(level - 1, -1, -1):
        layer = stack[below]
        seen = {
            above * layer.stride + tap * layer.dilation - layer.padding
            for above in levels[0]
            for tap in range(layer.kernel)
        }
        levels.insert(0, tuple(sorted(i for i in seen if 0 <= i < sizes[below])))
    return levels
