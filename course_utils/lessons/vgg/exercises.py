"""The exercises of lesson 09: a configuration as layers, and its parameters.

Source: Simonyan and Zisserman (2014), *Very Deep Convolutional Networks for Large-Scale Image
Recognition*, arXiv 1409.1556: Section 2, Tables 1 and 2.
"""

from course_utils.exercises import Exercise
from course_utils.exercises.networks import NetworkExercise


def vgg_layers(blocks):
    """Turn the blocks of a VGG into its layers up to the last pooling."""
    from torch import nn

    layers, inputs = [], 3  # red, green, blue
    for block in blocks:
        for kernel, maps in block:
            layers.append(nn.Conv2d(inputs, maps, kernel, padding=kernel // 2))
            layers.append(nn.ReLU())
            inputs = maps  # the next convolution reads these
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def _changed(change):
    """The idea of building the right layers and then `change`: list of layers -> list of layers."""

    def idea(blocks):
        from torch import nn

        return nn.Sequential(*change(list(vgg_layers(blocks)), nn))

    return idea


def _padded_by(padding):
    def change(layers, nn):
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                layer.padding = padding, padding
        return layers

    return _changed(change)


def _spread(kind, before=None, behind=None):
    """The idea of taking all layers of one kind out, and putting them elsewhere."""

    def change(layers, nn):
        result = []
        for layer in layers:
            if before and isinstance(layer, getattr(nn, before)):
                result.append(getattr(nn, kind[0])(*kind[1:]))
            if not isinstance(layer, getattr(nn, kind[0])):
                result.append(layer)
            if behind and isinstance(layer, getattr(nn, behind)):
                result.append(getattr(nn, kind[0])(*kind[1:]))
        return result

    return _changed(change)


def random_blocks(rng):
    return (
        [
            [(rng.choice((1, 3)), rng.choice((4, 6, 8))) for _ in range(rng.randint(1, 2))]
            for _ in range(rng.randint(1, 2))
        ],
    )


VGG_LAYERS = NetworkExercise(
    id="09.vgg-layers",
    solution=vgg_layers,
    fixed=(  # blocks of (kernel, maps)
        ([[(3, 4), (3, 4)], [(3, 8), (3, 8)]],),
        ([[(3, 4)], [(3, 8), (1, 8)]],),
        ([[(3, 6), (3, 4)], [(3, 4)], [(1, 8), (3, 8)]],),
    ),
    random_case=random_blocks,
    random_count=6,
    wrong_ideas={
        "Your convolutions have no padding, so each makes the maps smaller. In VGG only the "
        "poolings do.": _padded_by(0),
        "You pad every convolution by 1. That keeps the size for 3x3; what does it do to a 1x1?": (
            _padded_by(1)
        ),
        "There is no ReLU in your network. Convolutions in a row, with nothing between them, are "
        "no more than one convolution.": _changed(
            lambda layers, nn: [a for a in layers if not isinstance(a, nn.ReLU)]
        ),
        "You have one ReLU for each block. In VGG every convolution is followed by its own.": (
            _spread(("ReLU",), before="MaxPool2d")
        ),
        "Nothing makes your maps smaller. What ends each block?": _changed(
            lambda layers, nn: [a for a in layers if not isinstance(a, nn.MaxPool2d)]
        ),
        "You pool after every convolution. A pooling ends a block, and a block may have several "
        "convolutions.": _spread(("MaxPool2d", 2), behind="ReLU"),
        "You pool by the mean. VGG keeps the largest of the four.": _changed(
            lambda layers, nn: [
                nn.AvgPool2d(2) if isinstance(a, nn.MaxPool2d) else a for a in layers
            ]
        ),
        "Your last pooling is missing: the last block ends with one as well.": _changed(
            lambda layers, nn: layers[:-1]
        ),
        "All your filters are 3x3. The first number of each pair is the kernel.": lambda blocks: (
            vgg_layers([[(3, maps) for _, maps in block] for block in blocks])
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
