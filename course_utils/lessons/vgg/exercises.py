"""The exercises of lesson 09: weights of a stack, parameters of a configuration.

Source: Simonyan and Zisserman (2014), *Very Deep Convolutional Networks for Large-Scale Image
Recognition*, arXiv 1409.1556: section 2.3, Tables 1 and 2.
"""

from course_utils.exercises import Exercise


def stack_weights(kernel, layers, in_maps, maps):
    """Count the weights, without biases, of a stack of equal convolutions."""
    weights = 0
    inputs = in_maps
    for _ in range(layers):
        weights += kernel * kernel * inputs * maps
        inputs = maps  # from the second layer on the stack reads its own maps
    return weights


def random_stack(rng):
    return rng.choice((1, 3, 5, 7)), rng.randint(1, 6), rng.randint(1, 64), rng.randint(1, 64)


STACK_WEIGHTS = Exercise(
    id="09.stack-weights",
    solution=stack_weights,
    fixed=(  # kernel, layers, in_maps, maps
        (3, 3, 64, 64),
        (7, 1, 64, 64),
        (3, 2, 3, 64),  # the first block of VGG-16
        (3, 3, 128, 256),  # its third
        (5, 2, 8, 4),
    ),
    random_case=random_stack,
    wrong_ideas={
        "You let every layer read the maps that go into the stack. What does the second layer "
        "read?": lambda k, n, c, m: n * k * k * c * m,
        "Right where as many maps go in as come out. The first layer of VGG reads an image: "
        "how many maps has it?": lambda k, n, c, m: n * k * k * m * m,
        "You count one layer with a kernel as large as the "
        "field of the stack. The stack sees as much, but with "
        "small filters, one after the other.": lambda k, n, c, m: (1 + n * (k - 1)) ** 2 * c * m,
        "That is the first "
        "layer. The argument `layers` says how many there are.": lambda k, n, c, m: k * k * c * m,
        "Your filters have `kernel` numbers. A 3x3 filter is a square.": lambda k, n, c, m: (
            stack_weights(k, n, c, m) // k
        ),
        "You count a bias for each map. Here only the weights are wanted, as in section 2.3 "
        "of the paper.": lambda k, n, c, m: stack_weights(k, n, c, m) + n * m,
        "Your filters look at one map. A filter is a tensor: it has a slice for each map that "
        "goes in.": lambda k, n, c, m: n * k * k * m,
        "You multiply the layers' counts. Each layer has weights of its own, beside those of "
        "the others.": lambda k, n, c, m: (k * k) ** n * c * m,
        "The first layer is missing. It reads `in_maps` maps.": lambda k, n, c, m: (
            (n - 1) * k * k * m * m
        ),
    },
)


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


def with_a_row_of_each_map(blocks, side, hidden, classes):
    last = side // 2 ** len(blocks)
    unread = blocks[-1][-1][1] * (last * last - last)
    return count_parameters(blocks, side, hidden, classes) - unread * hidden


def random_configuration(rng):
    blocks = [
        [(rng.choice((1, 3, 3)), rng.choice((8, 16, 32))) for _ in range(rng.randint(1, 4))]
        for _ in range(rng.randint(1, 4))
    ]
    return blocks, rng.choice((32, 64, 96)), rng.randint(4, 40), rng.randint(2, 12)


A = [[(3, 64)], [(3, 128)], [(3, 256)] * 2, [(3, 512)] * 2, [(3, 512)] * 2]
C = [[(3, 64)] * 2, [(3, 128)] * 2, *([(3, m), (3, m), (1, m)] for m in (256, 512, 512))]
D = [[(3, 64)] * 2, [(3, 128)] * 2, [(3, 256)] * 3, [(3, 512)] * 3, [(3, 512)] * 3]

COUNT_PARAMETERS = Exercise(
    id="09.count-parameters",
    solution=count_parameters,
    fixed=(  # blocks of (kernel, maps), side of the image, hidden units, classes
        (A, 224, 4096, 1000),
        (C, 224, 4096, 1000),
        (D, 224, 4096, 1000),
        ([[(3, 8)], [(3, 16), (1, 16)]], 32, 10, 5),
    ),
    random_case=random_configuration,
    wrong_ideas={
        "You count the weights only. Every map and every unit of a dense layer has a bias as "
        "well.": lambda b, s, h, c: (
            count_parameters(b, s, h, c) - sum(m for block in b for _, m in block) - 2 * h - c
        ),
        "Your first convolution reads one map. The networks of Table 1 read a colour image.": (
            lambda b, s, h, c: count_parameters(b, s, h, c) - 2 * b[0][0][0] ** 2 * b[0][0][1]
        ),
        "You take 3x3 for every convolution. The first number of each pair is its kernel: "
        "configuration C has some of 1x1.": (
            lambda b, s, h, c: count_parameters([[(3, m) for _, m in one] for one in b], s, h, c)
        ),
        "Your first dense layer reads maps as large as the image. "
        "What ends each block?": lambda b, s, h, c: count_parameters(b, s * 2 ** len(b), h, c),
        "Your first dense layer reads one number from each map. That is "
        "global average pooling, and came later. How many numbers has "
        "a map behind the last block?": lambda b, s, h, c: count_parameters(b, 2 ** len(b), h, c),
        "Your first dense "
        "layer reads `side` numbers from each map. A map is a square.": with_a_row_of_each_map,
        "You count two dense layers, as the lecture's 13 conv + 2 fc. Which layer gives the "
        "scores of the classes?": (lambda b, s, h, c: count_parameters(b, s, h, c) - (h * c + c)),
        "You count one hidden dense layer and the classifier. In Table 1 there are two with "
        "4,096 units.": lambda b, s, h, c: count_parameters(b, s, h, c) - (h * h + h),
        "These are the convolutions. The dense layers "
        "behind them hold most of the parameters.": lambda b, s, h, c: count_parameters(b, s, 0, 0),
        "You let every convolution read as many maps as it puts out. The first one of a block "
        "reads the maps of the block before.": lambda b, s, h, c: (
            sum(k * k * m * m + m for block in b for k, m in block)
            + count_parameters(b, s, h, c)
            - count_parameters(b, s, 0, 0)
        ),
    },
)
