"""Shape arithmetic of convolution and pooling, in plain integers.

Everything here is about *which* units are connected, never about their values. One dimension is
enough: a square layer does the same along its height and along its width. Units are numbered from
0. A number out of range, and a kernel that does not fit, is a ValueError that names it.

Sources: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
relationship 6 (output size; dilation as in section 5.1). A. Araujo, W. Norris and J. Sim,
"Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019 (receptive fields).
"""

from typing import NamedTuple

from course_utils.checks import whole


class Layer(NamedTuple):
    """One convolution or pooling layer, in one dimension. A plain tuple of four works as well."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


class ReceptiveField(NamedTuple):
    """What a unit sees of the input, when the input has no borders.

    Unit u sees `size` inputs (gaps of a dilation included) from ``start + u * jump`` on. `jump` is
    the product of the strides; `start` is negative when padding lets unit 0 reach over the border.
    """

    size: int
    jump: int
    start: int


def _layer(name, *sizes):
    named = zip(Layer._fields, sizes, (1, 1, 0, 1), strict=True)
    return Layer(*(whole(f"{name}{field}", size, least) for field, size, least in named))


def output_size(n, kernel, stride=1, padding=0, dilation=1):
    """Number of outputs of a convolution or pooling layer on `n` inputs, `padding` at *each* end.

    floor((n + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1
    """
    n = whole("n", n, 1)
    kernel, stride, padding, dilation = _layer("", kernel, stride, padding, dilation)
    extent, padded = dilation * (kernel - 1) + 1, n + 2 * padding
    if extent > padded:
        dilated = f" with dilation {dilation} covers {extent} units and" if dilation > 1 else ""
        raise ValueError(
            f"kernel {kernel}{dilated} is larger than the padded input: "
            f"{n} + 2 * {padding} = {padded} units; allowed is a kernel that covers <= {padded}"
        )
    return (padded - extent) // stride + 1


def edges(n, kernel, stride=1, padding=0, dilation=1):
    """The arrows of a layer: a list of (input, output) pairs, ordered by output, then input.

    Output o reads the inputs ``o * stride + tap * dilation - padding`` for each tap of the
    kernel; those that fall on padding are no units and have no arrow.
    """
    return [
        (position, output)
        for output in range(output_size(n, kernel, stride, padding, dilation))
        for tap in range(kernel)
        if 0 <= (position := output * stride + tap * dilation - padding) < n
    ]


def edge_count(n, kernel, stride=1, padding=0, dilation=1):
    """``len(edges(...))`` without listing them: the work grows with the kernel, not with n.

    Tap t reads a real input when 0 <= o * stride + t * dilation - padding <= n - 1, which bounds
    the output o on both sides.
    """
    count, outputs = 0, output_size(n, kernel, stride, padding, dilation)
    for shift in (tap * dilation - padding for tap in range(kernel)):
        first = max(0, -(shift // stride))  # -(a // b) is ceil(-a / b)
        last = min(outputs - 1, (n - 1 - shift) // stride)
        count += max(0, last - first + 1)
    return count


def _stack(layers, lengths=(2, 3, 4)):
    """Layers as checked Layer tuples. A row of three has no padding, as receptive fields need."""
    forms = [
        "(kernel, stride)",
        "(kernel, stride, dilation)",
        "(kernel, stride, padding, dilation)",
    ]
    form = " or ".join(forms[length - 2] for length in lengths)
    try:
        rows = [tuple(layer) for layer in layers]
    except TypeError:
        raise ValueError(f"layers must be a list of {form}, got {layers!r}") from None
    for index, row in enumerate(rows):
        if len(row) not in lengths:
            raise ValueError(f"layers[{index}] must be {form}, got {row!r}")
        row = (*row[:2], 0, row[2]) if len(row) == 3 else row
        rows[index] = _layer(f"layers[{index}] ", *Layer(*row))
    return rows


def receptive_fields(layers):
    """The receptive field after each layer of a stack: a list of ReceptiveField, first layer first.

    layers: (kernel, stride), (kernel, stride, dilation) or (kernel, stride, padding, dilation)
    each, from the input upwards. Padding moves `start` only.

    The forward recurrence of Araujo, Norris and Sim (2019). A layer's own stride enters after its
    own size: it enlarges the fields of the layers above it only.
    """
    size, jump, start, fields = 1, 1, 0, []
    for layer in _stack(layers):
        size += layer.dilation * (layer.kernel - 1) * jump
        start -= layer.padding * jump
        jump *= layer.stride
        fields.append(ReceptiveField(size, jump, start))
    return fields


def receptive_field(layers):
    """Size of the receptive field at the last layer of a stack; 1 for an empty stack."""
    return [1, *(field.size for field in receptive_fields(layers))][-1]


def layer_sizes(n, layers):
    """Units on each level of a stack: ``[n, after the first layer, ...]``, so one more than layers.

    layers: Layer or (kernel, stride, padding, dilation) each, from the input upwards.
    """
    sizes = [whole("n", n, 1)]
    for index, layer in enumerate(_stack(layers, (4,))):
        try:
            sizes.append(output_size(sizes[-1], *layer))
        except ValueError as error:
            raise ValueError(f"layers[{index}]: {error}") from None
    return sizes


def cone(unit, layers, n, *, level=None):
    """All units that one unit sees, level by level, down to the input.

    unit, level: the unit's number on its level: 0 is the input, i the output of the i-th layer
    (None: the last). layers: as for `layer_sizes`. n: number of inputs.

    Returns a list of sorted tuples of unit numbers; entry i belongs to level i, so the last entry
    is ``(unit,)`` and entry 0 holds the inputs. The sets are exact: clipped at the borders, with
    the gaps that a stride or a dilation leaves, and empty when a unit sees padding only.
    """
    sizes = layer_sizes(n, layers)
    top = len(sizes) - 1
    level = top if level is None else whole("level", level, 0, top)
    levels = [(whole("unit", unit, 0, sizes[level] - 1),)]
    for below in range(level - 1, -1, -1):
        layer = Layer(*layers[below])
        seen = {
            above * layer.stride + tap * layer.dilation - layer.padding
            for above in levels[0]
            for tap in range(layer.kernel)
        }
        levels.insert(0, tuple(sorted(i for i in seen if 0 <= i < sizes[below])))
    return levels
