"""The coding exercises of notebook 09: weights of a stack, parameters of a configuration.

    check_stack_weights       stack_weights(kernel, layers, in_maps, maps) -> int
    check_count_parameters    count_parameters(blocks, side, hidden, classes) -> int

Source: Simonyan and Zisserman (2014), *Very Deep Convolutional Networks for Large-Scale Image
Recognition*, arXiv 1409.1556: Section 2.3, Tables 1 and 2. The tests hold the reference solutions
equal to torch's layers and to `course_utils.models.vgg`.
"""

from __future__ import annotations

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 09.stack-weights


def stack_weights(kernel, layers, in_maps, maps):
    """Count the weights, without biases, of a stack of equal convolutions."""
    weights = 0
    inputs = in_maps
    for _ in range(layers):
        weights += kernel * kernel * inputs * maps
        inputs = maps  # from the second layer on the stack reads its own maps
    return weights


def _all_read_the_input(kernel, layers, in_maps, maps):
    return layers * kernel * kernel * in_maps * maps


def _all_read_their_own(kernel, layers, in_maps, maps):
    return layers * kernel * kernel * maps * maps


def _single_kernel(kernel, layers, in_maps, maps):
    field = 1 + layers * (kernel - 1)
    return field * field * in_maps * maps


def _one_layer(kernel, layers, in_maps, maps):
    return kernel * kernel * in_maps * maps


def _kernel_not_squared(kernel, layers, in_maps, maps):
    return stack_weights(kernel, layers, in_maps, maps) // kernel


def _with_biases(kernel, layers, in_maps, maps):
    return stack_weights(kernel, layers, in_maps, maps) + layers * maps


def _no_maps_in(kernel, layers, in_maps, maps):
    return layers * kernel * kernel * maps


def _multiplied_kernels(kernel, layers, in_maps, maps):
    return (kernel * kernel) ** layers * in_maps * maps


def _one_too_few(kernel, layers, in_maps, maps):
    return (layers - 1) * kernel * kernel * maps * maps


def _random_stack(rng):
    return rng.choice((1, 3, 5, 7)), rng.randint(1, 6), rng.randint(1, 64), rng.randint(1, 64)


STACK_WEIGHTS = Exercise(
    id="09.stack-weights",
    title="Count the weights of a stack of convolutions",
    solution=stack_weights,
    fixed=(  # kernel, layers, in_maps, maps
        (3, 3, 64, 64),
        (7, 1, 64, 64),
        (3, 2, 3, 64),  # the first block of VGG-16
        (3, 3, 128, 256),  # its third
        (5, 2, 8, 4),
    ),
    random_case=_random_stack,
    wrong_ideas=(
        WrongIdea(
            "every layer reads the input",
            _all_read_the_input,
            "You let every layer read the maps that go into the stack. What does the second layer "
            "read?",
        ),
        WrongIdea(
            "the first layer reads its own maps",
            _all_read_their_own,
            "Right where as many maps go in as come out. The first layer of VGG reads an image: "
            "how many maps has it?",
        ),
        WrongIdea(
            "one kernel as large as the field",
            _single_kernel,
            "You count one layer with a kernel as large as the field of the stack. The stack sees "
            "as much, but with small filters, one after the other.",
        ),
        WrongIdea(
            "one layer only",
            _one_layer,
            "That is the first layer. The argument `layers` says how many there are.",
        ),
        WrongIdea(
            "a filter with one row",
            _kernel_not_squared,
            "Your filters have `kernel` numbers. A 3x3 filter is a square.",
        ),
        WrongIdea(
            "counted the biases",
            _with_biases,
            "You count a bias for each map. Here only the weights are wanted, as in section 2.3 "
            "of the paper.",
        ),
        WrongIdea(
            "one filter slice per map",
            _no_maps_in,
            "Your filters look at one map. A filter is a tensor: it has a slice for each map that "
            "goes in.",
        ),
        WrongIdea(
            "multiplied the layers",
            _multiplied_kernels,
            "You multiply the layers' counts. Each layer has weights of its own, beside those of "
            "the others.",
        ),
        WrongIdea(
            "left out the first layer",
            _one_too_few,
            "The first layer is missing. It reads `in_maps` maps.",
        ),
    ),
)


def check_stack_weights(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `stack_weights(kernel, layers, in_maps, maps)`, an int.

    Inputs: an odd kernel, layers >= 1, maps that go into the stack and maps that each layer puts
    out, all at least 1. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return STACK_WEIGHTS.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 09.count-parameters


def count_parameters(blocks, side, hidden, classes):
    """Count the parameters of a VGG from its column in Table 1."""
    parameters = 0
    inputs = 3  # red, green, blue
    for block in blocks:
        for kernel, maps in block:
            parameters += kernel * kernel * inputs * maps + maps  # weights and biases
            inputs = maps
        side //= 2  # a pooling ends the block
    inputs = inputs * side * side  # the dense layers read every number of every map
    for outputs in (hidden, hidden, classes):
        parameters += inputs * outputs + outputs
        inputs = outputs
    return parameters


def _count(blocks, side, hidden, classes, *, colours=3, biases=1, pooled=1, kernel_of=None):
    total, inputs = 0, colours
    for block in blocks:
        for kernel, maps in block:
            k = kernel_of or kernel
            total += k * k * inputs * maps + biases * maps
            inputs = maps
        side = side // 2 if pooled else side
    return total, inputs, side


def _dense(inputs, sizes, biases=1):
    total = 0
    for outputs in sizes:
        total += inputs * outputs + biases * outputs
        inputs = outputs
    return total


def _head(total, inputs, side, hidden, classes, biases=1):
    return total + _dense(inputs * side * side, (hidden, hidden, classes), biases)


def _no_biases(blocks, side, hidden, classes):
    return _head(*_count(blocks, side, hidden, classes, biases=0), hidden, classes, biases=0)


def _grey(blocks, side, hidden, classes):
    return _head(*_count(blocks, side, hidden, classes, colours=1), hidden, classes)


def _always_three(blocks, side, hidden, classes):
    return _head(*_count(blocks, side, hidden, classes, kernel_of=3), hidden, classes)


def _never_pooled(blocks, side, hidden, classes):
    return _head(*_count(blocks, side, hidden, classes, pooled=0), hidden, classes)


def _maps_only(blocks, side, hidden, classes):
    total, inputs, _ = _count(blocks, side, hidden, classes)
    return total + _dense(inputs, (hidden, hidden, classes))


def _side_not_squared(blocks, side, hidden, classes):
    total, inputs, side = _count(blocks, side, hidden, classes)
    return total + _dense(inputs * side, (hidden, hidden, classes))


def _two_dense(blocks, side, hidden, classes):
    total, inputs, side = _count(blocks, side, hidden, classes)
    return total + _dense(inputs * side * side, (hidden, hidden))


def _one_hidden(blocks, side, hidden, classes):
    total, inputs, side = _count(blocks, side, hidden, classes)
    return total + _dense(inputs * side * side, (hidden, classes))


def _convolutions_only(blocks, side, hidden, classes):
    return _count(blocks, side, hidden, classes)[0]


def _same_maps_in_and_out(blocks, side, hidden, classes):
    total = sum(kernel * kernel * maps * maps + maps for block in blocks for kernel, maps in block)
    _, inputs, side = _count(blocks, side, hidden, classes)
    return _head(total, inputs, side, hidden, classes)


def _random_configuration(rng):
    blocks = [
        [(rng.choice((1, 3, 3)), rng.choice((8, 16, 32))) for _ in range(rng.randint(1, 4))]
        for _ in range(rng.randint(1, 4))
    ]
    return blocks, rng.choice((32, 64, 96)), rng.randint(4, 40), rng.randint(2, 12)


_A = [[(3, 64)], [(3, 128)], [(3, 256)] * 2, [(3, 512)] * 2, [(3, 512)] * 2]
_C = [
    [(3, 64)] * 2,
    [(3, 128)] * 2,
    [(3, 256), (3, 256), (1, 256)],
    [(3, 512), (3, 512), (1, 512)],
    [(3, 512), (3, 512), (1, 512)],
]
_D = [[(3, 64)] * 2, [(3, 128)] * 2, [(3, 256)] * 3, [(3, 512)] * 3, [(3, 512)] * 3]

COUNT_PARAMETERS = Exercise(
    id="09.count-parameters",
    title="Count the parameters of a VGG from its configuration",
    solution=count_parameters,
    fixed=(  # blocks of (kernel, maps), side of the image, hidden units, classes
        (_A, 224, 4096, 1000),
        (_C, 224, 4096, 1000),
        (_D, 224, 4096, 1000),
        ([[(3, 8)], [(3, 16), (1, 16)]], 32, 10, 5),
    ),
    random_case=_random_configuration,
    wrong_ideas=(
        WrongIdea(
            "no biases",
            _no_biases,
            "You count the weights only. Every map and every unit of a dense layer has a bias as "
            "well.",
        ),
        WrongIdea(
            "a grey image",
            _grey,
            "Your first convolution reads one map. The networks of Table 1 read a colour image.",
        ),
        WrongIdea(
            "every kernel is 3x3",
            _always_three,
            "You take 3x3 for every convolution. The first number of each pair is its kernel: "
            "configuration C has some of 1x1.",
        ),
        WrongIdea(
            "no pooling",
            _never_pooled,
            "Your first dense layer reads maps as large as the image. What ends each block?",
        ),
        WrongIdea(
            "one number per map",
            _maps_only,
            "Your first dense layer reads one number from each map. That is global average "
            "pooling, and came later. How many numbers has a map behind the last block?",
        ),
        WrongIdea(
            "a row of each map",
            _side_not_squared,
            "Your first dense layer reads `side` numbers from each map. A map is a square.",
        ),
        WrongIdea(
            "two dense layers",
            _two_dense,
            "You count two dense layers, as the lecture's 13 conv + 2 fc. Which layer gives the "
            "scores of the classes?",
        ),
        WrongIdea(
            "one hidden layer",
            _one_hidden,
            "You count one hidden dense layer and the classifier. In Table 1 there are two with "
            "4,096 units.",
        ),
        WrongIdea(
            "convolutions only",
            _convolutions_only,
            "These are the convolutions. The dense layers behind them hold most of the parameters.",
        ),
        WrongIdea(
            "as many maps in as out",
            _same_maps_in_and_out,
            "You let every convolution read as many maps as it puts out. The first one of a block "
            "reads the maps of the block before.",
        ),
    ),
)


def check_count_parameters(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `count_parameters(blocks, side, hidden, classes)`, an int.

    Inputs: blocks, a list of lists of (kernel, maps); side of the square colour image, which can
    be halved once per block; hidden units of two dense layers; classes of a third. Convolutions
    keep the map size; a 2x2 pooling ends each block. See `Exercise.check` for `seconds`, the
    Report and the errors.
    """
    return COUNT_PARAMETERS.check(student_function, seconds=seconds)


EXERCISES = (STACK_WEIGHTS, COUNT_PARAMETERS)
