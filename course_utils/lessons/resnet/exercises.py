"""The exercises of lesson 11: the residual block, the cost of its shortcut, the depth of a net.

Source: He, Zhang, Ren and Sun (2015), *Deep Residual Learning for Image Recognition*, arXiv
1512.03385: fig. 2, Section 4.1 and Table 1.
"""

from functools import partial
from math import prod

import numpy as np

from course_utils.exercises import Exercise

_relu = partial(np.maximum, 0)


def residual_block(x, w1, s1, w2, s2):
    """Send x through a residual block: layer, normalisation, ReLU, layer, normalisation, + x."""
    hidden = np.maximum(s1 * (w1 @ x), 0)
    residual = s2 * (w2 @ hidden)  # F(x): no ReLU yet
    return np.maximum(residual + x, 0)


def _hidden(x, w1, s1, *_):
    return _relu(s1 * (w1 @ x))


def _residual(x, w1, s1, w2, s2):
    return s2 * (w2 @ _hidden(x, w1, s1))


def _block(*values):
    return tuple(np.array(value, float) for value in values)


def _random_block(rng):
    n = rng.randint(1, 4)

    def draw(low, high, *shape):
        return np.reshape([rng.randint(low, high) / 2 for _ in range(prod(shape))], shape)

    return draw(-6, 6, n), draw(-4, 4, n, n), draw(1, 5, n), draw(-4, 4, n, n), draw(1, 5, n)


RESIDUAL_BLOCK = Exercise(
    id="11.residual-block",
    solution=residual_block,
    fixed=(  # x, w1, s1, w2, s2; the numbers keep the known mistakes apart
        _block([1, 2], [[1, -1], [1, 1]], [1, 2], [[1, -1], [0.5, 0.5]], [3, 1]),
        _block([-1, 3], [[2, 0], [-1, 1]], [0.5, 1], [[1, 0.5], [1, -0.25]], [1, 2]),
        _block(
            [2, -2, 1],
            [[1, 0, 1], [0, 1, 1], [-1, 1, 0]],
            [1, 3, 2],
            [[0.5, 1, 1], [-1, 0.5, 1], [-0.5, 1, 2]],
            [1, 0.5, 2],
        ),
        _block([3, 1], np.zeros((2, 2)), [1, 1], np.zeros((2, 2)), [1, 1]),
    ),
    random_case=_random_block,
    wrong_ideas={
        "The sum is right, and it comes out as it is. In fig. 2 one more ReLU follows: can "
        "your block put out a negative number?": lambda x, *w: _residual(x, *w) + x,
        "You apply the second ReLU to F(x) and then add. Then F(x) can only make x larger. In fig. "
        "2, which comes first after the second layer?": lambda x, *w: _relu(_residual(x, *w)) + x,
        "There is one ReLU too many. If F(x) is cut off at 0 before the sum, the block can "
        "never correct a value downwards.": lambda x, *w: _relu(_relu(_residual(x, *w)) + x),
        "Between your two layers there is no non-linearity, "
        "so that they are one linear layer. What stands "
        "between them in fig. 2?": lambda x, w1, s1, w2, s2: _relu(s2 * (w2 @ (s1 * (w1 @ x))) + x),
        "You add x and normalise afterwards, so x gets scaled "
        "as well. The shortcut must lead past everything: "
        "where does it join?": lambda x, w1, s1, w2, s2: _relu(s2 * (w2 @ _hidden(x, w1, s1) + x)),
        "`s1` and `s2` have no effect in your block. Each layer is followed by its normalisation, "
        "here a factor per unit.": lambda x, w1, s1, w2, s2: residual_block(x, w1, 1, w2, 1),
        "This is the plain block: with all weights 0 it puts out 0. What should a residual "
        "block put out then?": lambda x, *w: _relu(_residual(x, *w)),
        "Your output is twice as long as x. GoogLeNet and DenseNet "
        "concatenate; a residual block keeps the shape. What does the sign "
        "in the circle of fig. 2 say?": lambda x, *w: _relu(np.concatenate([_residual(x, *w), x])),
        "You add what comes out of the first layer. The shortcut begins before it: with all "
        "weights 0 your block puts out 0.": lambda x, *w: _relu(_residual(x, *w) + _hidden(x, *w)),
        "Your shortcut joins again after the first layer, and the "
        "second has no way around it. With `w2` all 0, what comes "
        "out of your block?": lambda x, w1, s1, w2, s2: _relu(s2 * (w2 @ _relu(s1 * (w1 @ x) + x))),
        "You subtract x. F(x) is *learnt* as the difference to x, but what is the block's "
        "output, then, in terms of F(x) and x?": lambda x, *w: _relu(_residual(x, *w) - x),
        "You apply the ReLU to x and leave the sum as it is. The shortcut does nothing to x: "
        "the ReLU comes after the two paths have met.": lambda x, *w: _residual(x, *w) + _relu(x),
    },
)


def shortcut_parameters(option, in_maps, out_maps, stride):
    """Count the parameters of the shortcut of one block, normalisation included."""
    same_shape = in_maps == out_maps and stride == 1
    if option == "A" or (option == "B" and same_shape):
        return 0  # x itself, or x with zeros appended
    weights = in_maps * out_maps  # a 1x1 convolution without biases
    return weights + 2 * out_maps  # and a scale and a shift per map


def _projected(parameters):
    """Return an idea: a shortcut has parameters(n, m, s) where it is a projection."""
    return lambda o, n, m, s: (o == "C" or (o == "B" and (n, 1) != (m, s))) * parameters(n, m, s)


def _random_shortcut(rng):
    in_maps = rng.choice((8, 16, 32, 64, 128, 256))
    return rng.choice("ABC"), in_maps, in_maps * rng.choice((1, 1, 2, 4)), rng.randint(1, 2)


SHORTCUT_PARAMETERS = Exercise(
    id="11.shortcut-parameters",
    solution=shortcut_parameters,
    fixed=(  # option, in_maps, out_maps, stride; below: o, n, m, s
        *((option, 64, *shape) for shape in ((64, 1), (128, 2)) for option in "ABC"),
        ("B", 64, 256, 1),  # the first bottleneck of ResNet-50
        ("B", 32, 32, 2),
        ("A", 32, 32, 2),
        ("C", 256, 512, 2),
    ),
    random_case=_random_shortcut,
    wrong_ideas={
        "The weights of the convolution are right. What follows every convolution of "
        "the paper, and how many numbers does it learn per map?": _projected(lambda n, m, s: n * m),
        "You count one number per map beside the weights, a bias. There is none: the normalisation "
        "follows, and it learns a scale as well as a shift.": _projected(lambda n, m, s: n * m + m),
        "You count a 3x3 filter. The projection need not look at neighbours: it only mixes maps. "
        "How large is its filter in Section 3.3?": _projected(lambda n, m, s: 9 * n * m + 2 * m),
        "Your B is C. In option B, a block that keeps the shape has an identity. What does "
        "that cost?": lambda o, n, m, s: (o != "A") * (n * m + 2 * m),
        "Your B projects where the number of maps changes. Can x and F(x) be added when only "
        "the stride is 2?": lambda o, n, m, s: shortcut_parameters(o, n, m, 1),
        "Your B projects where the stride is 2. The first bottleneck of "
        "ResNet-50 has stride 1, takes 64 maps and puts out 256: do the "
        "shapes agree?": lambda o, n, m, s: (o == "C" or (o == "B" and s == 2)) * (n * m + 2 * m),
        "Your C is B. In option C *every* shortcut is a projection, also where the identity "
        "would do.": lambda o, n, m, s: shortcut_parameters("B" if o == "C" else o, n, m, s),
        "The maps of zeros in option A are not learnt: they are "
        "zero before training and after it. Which parameters "
        "are left?": lambda o, n, m, s: m - n if o == "A" else shortcut_parameters(o, n, m, s),
        "Your A learns weights. Option A appends maps of zeros "
        "where the number of maps grows, and is the identity "
        "elsewhere.": lambda o, n, m, s: shortcut_parameters("B" if o == "A" else o, n, m, s),
        "A stride leaves out positions. Do the weights "
        "at the positions that are left out disappear, "
        "or is it one filter for all positions?": _projected(lambda n, m, s: n * m // s**2 + 2 * m),
        "You give weights to the added maps only. The projection computes *all* maps that "
        "it puts out, each from all that come in.": _projected(lambda n, m, s: n * (m - n) + 2 * m),
    },
)


def count_depth(blocks, convolutions):
    """Count the layers of a ResNet as the paper does: with weights, on the main path."""
    depth = 1  # the 7x7 convolution
    for count in blocks:  # one number per stage
        depth += count * convolutions
    return depth + 1  # the dense layer


COUNT_DEPTH = Exercise(
    id="11.count-depth",
    solution=count_depth,
    fixed=(  # blocks of each stage, convolutions of a block
        ([2, 2, 2, 2], 2),
        ([3, 4, 6, 3], 2),
        ([3, 4, 6, 3], 3),
        ([3, 4, 23, 3], 3),
        ([3, 8, 36, 3], 3),
        ([9, 9, 9], 2),  # ResNet-56 of Section 4.2
    ),
    random_case=lambda rng: (
        [rng.randint(1, 12) for _ in range(rng.randint(2, 5))],
        rng.randint(2, 4),
    ),
    wrong_ideas={
        "You count a projection in each stage. It lies "
        "on the shortcut: does it make the longest path "
        "from image to scores any longer?": lambda blocks, c: sum(blocks) * c + 2 + len(blocks),
        "You count one more layer in each block, for its shortcut. An identity has no weights, "
        "and a projection lies beside the main path.": lambda blocks, c: sum(blocks) * (c + 1) + 2,
        "These are the layers inside the blocks. What stands before the first block and behind "
        "the last, and has weights?": lambda blocks, c: sum(blocks) * c,
        "You are one short. There is a convolution before the blocks *and* a layer with "
        "weights behind them.": lambda blocks, c: sum(blocks) * c + 1,
        "You count the two poolings. "
        "The paper counts layers that learn weights.": lambda blocks, c: sum(blocks) * c + 4,
        "You count a block as one layer. How many convolutions does it hold?": lambda blocks, c: (
            sum(blocks) + 2
        ),
        "You take two convolutions per block. That is the basic block; a bottleneck has "
        "another number, which is an argument here.": lambda blocks, c: sum(blocks) * 2 + 2,
        "You count each normalisation as a layer of its own. The paper counts it with its "
        "convolution.": lambda blocks, c: 2 * sum(blocks) * c + 3,
        "You count the addition at the end of each block. It has no weights.": lambda blocks, c: (
            sum(blocks) * (c + 1) + 3
        ),
    },
)
