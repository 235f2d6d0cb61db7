"""The coding exercises of notebook 01: arrows of a layer, receptive field of a stack."""

import math

from course_utils.exercises import Exercise
from course_utils.geometry import output_size


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


def _arrows(n, kernel, stride, padding, outputs):
    places = (o * stride - padding + tap for o in range(outputs) for tap in range(kernel))
    return sum(0 <= place < n for place in places)


def _random_layer(rng):
    n = rng.randint(3, 14)
    kernel = rng.randint(1, min(n, 6))
    return n, kernel, rng.randint(1, 3), rng.randint(0, kernel - 1)


COUNT_EDGES = Exercise(
    id="01.count-edges",
    solution=count_edges,
    fixed=(  # n, kernel, stride, padding; the lecture's layer first
        (5, 3, 1, 1),
        (7, 3, 1, 0),
        (4, 1, 1, 0),
        (7, 5, 1, 2),
        (8, 3, 2, 0),
        (9, 5, 2, 2),
        (10, 4, 3, 1),
    ),
    random_case=_random_layer,
    wrong_ideas={
        "You gave every output `kernel` arrows. Draw the first output: does the kernel lie on "
        "inputs only, or does a part of it hang over the border? No arrow "
        "comes from there.": lambda n, k, s, p: k * output_size(n, k, s, p),
        "The −2 of 3 × 5 − 2 belongs to one picture: kernel 3, stride 1, padding 1. Ask where "
        "the two missing arrows are, then how many are missing with a wider kernel, or with no "
        "padding at all.": lambda n, k, s, p: k * output_size(n, k, s, p) - 2,
        "This is the number of output units. Several arrows arrive at each: "
        "count those.": output_size,
        "Your count is that of a layer without padding. Padding lets the kernel start before the "
        "first input and end behind the last one, so it stands "
        "in more positions.": lambda n, k, s, p: count_edges(n, k, s, 0),
        "Your row grows by `padding` places once. Padding is put at both ends: how long is the row "
        "that the "
        "kernel moves along?": lambda n, k, s, p: _arrows(n, k, s, p, outputs=(n + p - k) // s + 1),
        "Your kernel moves one place at a time, whatever `stride` is. How far apart are the "
        "windows of two neighbouring outputs?": lambda n, k, s, p: count_edges(n, k, 1, p),
        "You are one output short. Think of fence posts: a kernel as long as the padded input "
        "cannot move at all, and yet how many "
        "outputs are there?": lambda n, k, s, p: _arrows(n, k, s, p, outputs=(n + 2 * p - k) // s),
        "You joined every input to every output: that is the dense layer. Here an output sees the "
        "inputs under its kernel and no others.": lambda n, k, s, p: n * output_size(n, k, s, p),
        "This is the number of weights in the filter. One weight serves many arrows, one for "
        "each position of the kernel. Count the arrows.": lambda n, k, s, p: k,
    },
)


def receptive_field(layers):
    """Count the inputs that one unit of the last layer sees; layers = [(kernel, stride), ...]."""
    size = 1  # an input sees itself
    jump = 1  # distance between two neighbouring units, measured in inputs
    for kernel, stride in layers:
        size += (kernel - 1) * jump  # kernel - 1 units more, each one jump further on
        jump *= stride  # from here on the units lie further apart
    return size


def _field(layers, jump):
    """The field if `jump`, of the strides up to a layer's own, were the distance of its inputs."""
    strides = [stride for _, stride in layers]
    return 1 + sum((kernel - 1) * jump(strides[: i + 1]) for i, (kernel, _) in enumerate(layers))


RECEPTIVE_FIELD = Exercise(
    id="01.receptive-field",
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
    random_case=lambda rng: (
        [(rng.randint(1, 7), rng.randint(1, 3)) for _ in range(rng.randint(1, 5))],
    ),
    wrong_ideas={
        "You added the kernels. Neighbouring windows overlap: draw two layers with kernel 3 and "
        "stride 1, and count how many new inputs the "
        "second layer brings.": lambda layers: sum(kernel for kernel, _ in layers),
        "A product would be right if neighbouring windows never shared an input. Draw two layers "
        "with kernel 3 and stride 1, and count what the "
        "top unit sees.": lambda layers: math.prod(kernel for kernel, _ in layers),
        "This is right as long as every stride is 1. Above a layer with stride 2, how many inputs "
        "lie between the windows of "
        "two neighbouring units?": lambda layers: _field(layers, lambda strides: 1),
        "A stride moves a window and does not stretch it: a layer's own units see as much with "
        "stride 1 as with stride 2. Which layer is the first to "
        "notice the stride?": lambda layers: _field(layers, math.prod),
        "You use the stride of the layer just below only. Two layers of stride 2, one on the "
        "other: how many inputs apart are "
        "their units then?": lambda layers: _field(layers, lambda strides: [1, *strides][-2]),
        "You add the strides. Two layers of stride 2, one on the other: draw them, and measure how "
        "many inputs lie from one top unit "
        "to the next.": lambda layers: _field(layers, lambda strides: 1 + sum(strides[:-1])),
        "You counted the steps between inputs and not the inputs. What does a unit with kernel "
        "1 see?": lambda layers: receptive_field(layers) - 1,
        "You go through the list from the wrong end. The first pair is the layer that stands "
        "on the input.": lambda layers: receptive_field(layers[::-1]),
        "This is what a unit sees of the layer just below it. Go on: what do those units "
        "see, all the way down to the input?": lambda layers: layers[-1][0],
    },
)
