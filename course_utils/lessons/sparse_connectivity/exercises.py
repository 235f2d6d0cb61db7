"""The coding exercises of notebook 01: arrows of a layer, receptive field of a stack.

    check_count_edges       count_edges(n, kernel, stride, padding) -> int
    check_receptive_field   receptive_field(layers) -> int

The reference solutions are written to be read: `show_solution` prints their source. The tests hold
them equal to `course_utils.geometry`.
"""

from __future__ import annotations

import math

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 01.count-edges


def count_edges(n, kernel, stride, padding):
    """Count the arrows from n inputs to the outputs of a convolution."""
    outputs = (n + 2 * padding - kernel) // stride + 1
    arrows = 0
    for output in range(outputs):
        first = output * stride - padding  # the leftmost place under the kernel
        for place in range(first, first + kernel):
            if 0 <= place < n:  # a place outside is padding, and no arrow comes from there
                arrows += 1
    return arrows


def _outputs(n, kernel, stride, padding):
    return (n + 2 * padding - kernel) // stride + 1


def _arrows(n, kernel, stride, padding, outputs):
    places = (o * stride - padding + tap for o in range(outputs) for tap in range(kernel))
    return sum(0 <= place < n for place in places)


def _full_windows(n, kernel, stride, padding):
    return kernel * _outputs(n, kernel, stride, padding)


def _two_arrows_fewer(n, kernel, stride, padding):
    return kernel * _outputs(n, kernel, stride, padding) - 2


def _edges_without_padding(n, kernel, stride, padding):
    return count_edges(n, kernel, stride, 0)


def _edges_padded_at_one_end(n, kernel, stride, padding):
    outputs = (n + padding - kernel) // stride + 1
    return _arrows(n, kernel, stride, padding, outputs)


def _edges_with_stride_one(n, kernel, stride, padding):
    return count_edges(n, kernel, 1, padding)


def _edges_one_output_short(n, kernel, stride, padding):
    outputs = (n + 2 * padding - kernel) // stride
    return _arrows(n, kernel, stride, padding, outputs)


def _dense_edges(n, kernel, stride, padding):
    return n * _outputs(n, kernel, stride, padding)


def _weights(n, kernel, stride, padding):
    return kernel


def _random_layer(rng):
    n = rng.randint(3, 14)
    kernel = rng.randint(1, min(n, 6))
    return n, kernel, rng.randint(1, 3), rng.randint(0, kernel - 1)


_LAYERS = (  # n, kernel, stride, padding; the lecture's layer first
    (5, 3, 1, 1),
    (7, 3, 1, 0),
    (4, 1, 1, 0),
    (7, 5, 1, 2),
    (8, 3, 2, 0),
    (9, 5, 2, 2),
    (10, 4, 3, 1),
)

COUNT_EDGES = Exercise(
    id="01.count-edges",
    title="Count the arrows of any one-dimensional convolution",
    solution=count_edges,
    fixed=_LAYERS,
    random_case=_random_layer,
    wrong_ideas=(
        WrongIdea(
            "a full window for every output",
            _full_windows,
            "You gave every output `kernel` arrows. Draw the first output: does the kernel lie on "
            "inputs only, or does a part of it hang over the border? No arrow comes from there.",
        ),
        WrongIdea(
            "always two arrows fewer",
            _two_arrows_fewer,
            "The −2 of 3 × 5 − 2 belongs to one picture: kernel 3, stride 1, padding 1. Ask where "
            "the two missing arrows are, then how many are missing with a wider kernel, or with no "
            "padding at all.",
        ),
        WrongIdea(
            "counted the outputs",
            _outputs,
            "This is the number of output units. Several arrows arrive at each: count those.",
        ),
        WrongIdea(
            "forgot the padding",
            _edges_without_padding,
            "Your count is that of a layer without padding. Padding lets the kernel start before "
            "the first input and end behind the last one, so it stands in more positions.",
        ),
        WrongIdea(
            "padded one end only",
            _edges_padded_at_one_end,
            "Your row grows by `padding` places once. Padding is put at both ends: how long is the "
            "row that the kernel moves along?",
        ),
        WrongIdea(
            "ignored the stride",
            _edges_with_stride_one,
            "Your kernel moves one place at a time, whatever `stride` is. How far apart are the "
            "windows of two neighbouring outputs?",
        ),
        WrongIdea(
            "one output too few",
            _edges_one_output_short,
            "You are one output short. Think of fence posts: a kernel as long as the padded input "
            "cannot move at all, and yet how many outputs are there?",
        ),
        WrongIdea(
            "counted the dense layer",
            _dense_edges,
            "You joined every input to every output: that is the dense layer. Here an output sees "
            "the inputs under its kernel and no others.",
        ),
        WrongIdea(
            "counted the weights",
            _weights,
            "This is the number of weights in the filter. One weight serves many arrows, one for "
            "each position of the kernel. Count the arrows.",
        ),
    ),
)


def check_count_edges(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `count_edges(n, kernel, stride, padding)`, the number of arrows of a convolution.

    Inputs: n >= kernel >= 1 units, stride >= 1, 0 <= padding < kernel places at each end.
    See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return COUNT_EDGES.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 01.receptive-field


def receptive_field(layers):
    """Count the inputs that one unit of the last layer sees; layers = [(kernel, stride), ...]."""
    size = 1  # an input sees itself
    jump = 1  # distance between two neighbouring units, measured in inputs
    for kernel, stride in layers:
        size += (kernel - 1) * jump  # kernel - 1 units more, each one jump further on
        jump *= stride  # from here on the units lie further apart
    return size


def _summed_kernels(layers):
    return sum(kernel for kernel, _ in layers)


def _multiplied_kernels(layers):
    return math.prod(kernel for kernel, _ in layers)


def _field_without_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def _own_stride_too_early(layers):
    size = jump = 1
    for kernel, stride in layers:
        jump *= stride
        size += (kernel - 1) * jump
    return size


def _last_stride_only(layers):
    size = jump = 1
    for kernel, stride in layers:
        size += (kernel - 1) * jump
        jump = stride
    return size


def _added_strides(layers):
    size = jump = 1
    for kernel, stride in layers:
        size += (kernel - 1) * jump
        jump += stride
    return size


def _forgot_the_unit_itself(layers):
    return receptive_field(layers) - 1


def _from_the_wrong_end(layers):
    return receptive_field(layers[::-1])


def _last_kernel(layers):
    return layers[-1][0]


def _random_stack(rng):
    layers = [(rng.randint(1, 7), rng.randint(1, 3)) for _ in range(rng.randint(1, 5))]
    return (layers,)


RECEPTIVE_FIELD = Exercise(
    id="01.receptive-field",
    title="Compute the receptive field of a stack of layers",
    solution=receptive_field,
    fixed=(
        ([(3, 1)],),
        ([(3, 1), (3, 1)],),
        ([(3, 1), (3, 2)],),
        ([(3, 2), (3, 1)],),
        ([(3, 2), (3, 2), (3, 2)],),
        ([(5, 1), (2, 2), (5, 1), (2, 2)],),  # the convolutions and pools of LeNet-5
        ([(7, 2), (3, 2), (3, 1), (3, 1)],),  # how ResNet begins
    ),
    random_case=_random_stack,
    wrong_ideas=(
        WrongIdea(
            "added the kernels",
            _summed_kernels,
            "You added the kernels. Neighbouring windows overlap: draw two layers with kernel 3 "
            "and stride 1, and count how many new inputs the second layer brings.",
        ),
        WrongIdea(
            "multiplied the kernels",
            _multiplied_kernels,
            "A product would be right if neighbouring windows never shared an input. Draw two "
            "layers with kernel 3 and stride 1, and count what the top unit sees.",
        ),
        WrongIdea(
            "forgot the strides",
            _field_without_strides,
            "This is right as long as every stride is 1. Above a layer with stride 2, how many "
            "inputs lie between the windows of two neighbouring units?",
        ),
        WrongIdea(
            "a stride enlarges its own layer",
            _own_stride_too_early,
            "A stride moves a window and does not stretch it: a layer's own units see as much with "
            "stride 1 as with stride 2. Which layer is the first to notice the stride?",
        ),
        WrongIdea(
            "used only the stride just below",
            _last_stride_only,
            "You use the stride of the layer just below only. Two layers of stride 2, one on the "
            "other: how many inputs apart are their units then?",
        ),
        WrongIdea(
            "added the strides",
            _added_strides,
            "You add the strides. Two layers of stride 2, one on the other: draw them, and measure "
            "how many inputs lie from one top unit to the next.",
        ),
        WrongIdea(
            "forgot the unit itself",
            _forgot_the_unit_itself,
            "You counted the steps between inputs and not the inputs. What does a unit with kernel "
            "1 see?",
        ),
        WrongIdea(
            "began at the wrong end",
            _from_the_wrong_end,
            "You go through the list from the wrong end. The first pair is the layer that stands "
            "on the input.",
        ),
        WrongIdea(
            "looked at the last layer only",
            _last_kernel,
            "This is what a unit sees of the layer just below it. Go on: what do those units "
            "see, all the way down to the input?",
        ),
    ),
)


def check_receptive_field(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `receptive_field(layers)`, in inputs, of a unit of the last layer.

    Inputs: layers is a list of (kernel, stride), the one next to the input first; at least one
    layer, all numbers >= 1. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return RECEPTIVE_FIELD.check(student_function, seconds=seconds)


EXERCISES = (COUNT_EDGES, RECEPTIVE_FIELD)
