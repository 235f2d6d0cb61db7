"""The exercises of notebook 11: the residual block, the cost of its shortcut, the depth of a net.

    check_residual_block        residual_block(x, w1, s1, w2, s2) -> array
    check_shortcut_parameters   shortcut_parameters(option, in_maps, out_maps, stride) -> int
    check_count_depth           count_depth(blocks, convolutions) -> int

Source: He, Zhang, Ren and Sun (2015), *Deep Residual Learning for Image Recognition*, arXiv
1512.03385: fig. 2, Section 4.1 and Table 1. The tests hold the reference solutions equal to
`course_utils.models.resnet`.
"""

from __future__ import annotations

import numpy as np

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

# ---------------------------------------------------------------------------------------------
# 11.residual-block


def residual_block(x, w1, s1, w2, s2):
    """Send x through a residual block: layer, normalisation, ReLU, layer, normalisation, + x."""
    hidden = np.maximum(s1 * (w1 @ x), 0)
    residual = s2 * (w2 @ hidden)  # F(x): no ReLU yet
    return np.maximum(residual + x, 0)


def _relu(values):
    return np.maximum(values, 0)


def _residual(x, w1, s1, w2, s2):
    return s2 * (w2 @ _relu(s1 * (w1 @ x)))


def _no_last_relu(x, w1, s1, w2, s2):
    return _residual(x, w1, s1, w2, s2) + x


def _relu_before_the_addition(x, w1, s1, w2, s2):
    return _relu(_residual(x, w1, s1, w2, s2)) + x


def _relu_before_and_after(x, w1, s1, w2, s2):
    return _relu(_relu(_residual(x, w1, s1, w2, s2)) + x)


def _no_inner_relu(x, w1, s1, w2, s2):
    return _relu(s2 * (w2 @ (s1 * (w1 @ x))) + x)


def _added_before_the_normalisation(x, w1, s1, w2, s2):
    return _relu(s2 * (w2 @ _relu(s1 * (w1 @ x)) + x))


def _no_normalisation(x, w1, s1, w2, s2):
    return _relu(w2 @ _relu(w1 @ x) + x)


def _plain_block(x, w1, s1, w2, s2):
    return _relu(_residual(x, w1, s1, w2, s2))


def _concatenated(x, w1, s1, w2, s2):
    return _relu(np.concatenate([_residual(x, w1, s1, w2, s2), x]))


def _added_the_hidden_layer(x, w1, s1, w2, s2):
    return _relu(_residual(x, w1, s1, w2, s2) + _relu(s1 * (w1 @ x)))


def _shortcut_around_the_first_layer(x, w1, s1, w2, s2):
    return _relu(s2 * (w2 @ _relu(s1 * (w1 @ x) + x)))


def _subtracted(x, w1, s1, w2, s2):
    return _relu(_residual(x, w1, s1, w2, s2) - x)


def _relu_after_the_last_addition_only_on_x(x, w1, s1, w2, s2):
    return _residual(x, w1, s1, w2, s2) + _relu(x)


def _array(*values):
    return np.array(values, dtype=float)


def _random_block(rng):
    n = rng.randint(1, 4)

    def matrix():
        return np.array([[rng.randint(-4, 4) / 2 for _ in range(n)] for _ in range(n)])

    def vector(low, high):
        return np.array([rng.randint(low, high) / 2 for _ in range(n)])

    return vector(-6, 6), matrix(), vector(1, 5), matrix(), vector(1, 5)


RESIDUAL_BLOCK = Exercise(
    id="11.residual-block",
    title="Write the forward pass of a residual block",
    solution=residual_block,
    fixed=(  # x, w1, s1, w2, s2; the numbers keep the known mistakes apart
        (
            _array(1, 2),
            np.array([[1.0, -1.0], [1.0, 1.0]]),
            _array(1, 2),
            np.array([[1.0, -1.0], [0.5, 0.5]]),
            _array(3, 1),
        ),
        (
            _array(-1, 3),
            np.array([[2.0, 0.0], [-1.0, 1.0]]),
            _array(0.5, 1),
            np.array([[1.0, 0.5], [1.0, -0.25]]),
            _array(1, 2),
        ),
        (
            _array(2, -2, 1),
            np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [-1.0, 1.0, 0.0]]),
            _array(1, 3, 2),
            np.array([[0.5, 1.0, 1.0], [-1.0, 0.5, 1.0], [-0.5, 1.0, 2.0]]),
            _array(1, 0.5, 2),
        ),
        (_array(3, 1), np.zeros((2, 2)), _array(1, 1), np.zeros((2, 2)), _array(1, 1)),
    ),
    random_case=_random_block,
    wrong_ideas=(
        WrongIdea(
            "no ReLU after the addition",
            _no_last_relu,
            "The sum is right, and it comes out as it is. In fig. 2 one more ReLU follows: can "
            "your block put out a negative number?",
        ),
        WrongIdea(
            "ReLU before the addition",
            _relu_before_the_addition,
            "You apply the second ReLU to F(x) and then add. Then F(x) can only make x larger. In "
            "fig. 2, which comes first after the second layer?",
        ),
        WrongIdea(
            "ReLU before and after the addition",
            _relu_before_and_after,
            "There is one ReLU too many. If F(x) is cut off at 0 before the sum, the block can "
            "never correct a value downwards.",
        ),
        WrongIdea(
            "no ReLU between the two layers",
            _no_inner_relu,
            "Between your two layers there is no non-linearity, so that they are one linear layer. "
            "What stands between them in fig. 2?",
        ),
        WrongIdea(
            "added before the normalisation",
            _added_before_the_normalisation,
            "You add x and normalise afterwards, so x gets scaled as well. The shortcut must lead "
            "past everything: where does it join?",
        ),
        WrongIdea(
            "left out the normalisation",
            _no_normalisation,
            "`s1` and `s2` have no effect in your block. Each layer is followed by its "
            "normalisation, here a factor per unit.",
        ),
        WrongIdea(
            "forgot the shortcut",
            _plain_block,
            "This is the plain block: with all weights 0 it puts out 0. What should a residual "
            "block put out then?",
        ),
        WrongIdea(
            "concatenated",
            _concatenated,
            "Your output is twice as long as x. GoogLeNet and DenseNet concatenate; a residual "
            "block keeps the shape. What does the sign in the circle of fig. 2 say?",
        ),
        WrongIdea(
            "added the hidden layer",
            _added_the_hidden_layer,
            "You add what comes out of the first layer. The shortcut begins before it: with all "
            "weights 0 your block puts out 0.",
        ),
        WrongIdea(
            "shortcut around the first layer only",
            _shortcut_around_the_first_layer,
            "Your shortcut joins again after the first layer, and the second has no way around it. "
            "With `w2` all 0, what comes out of your block?",
        ),
        WrongIdea(
            "subtracted",
            _subtracted,
            "You subtract x. F(x) is *learnt* as the difference to x, but what is the block's "
            "output, then, in terms of F(x) and x?",
        ),
        WrongIdea(
            "ReLU on x instead of on the sum",
            _relu_after_the_last_addition_only_on_x,
            "You apply the ReLU to x and leave the sum as it is. The shortcut does nothing to x: "
            "the ReLU comes after the two paths have met.",
        ),
    ),
)


def check_residual_block(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `residual_block(x, w1, s1, w2, s2)`, an array of the shape of x.

    Inputs: x (n,), weight matrices w1 and w2 (n, n), scales s1 and s2 (n,) of the normalisations,
    all NumPy arrays of floats. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return RESIDUAL_BLOCK.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 11.shortcut-parameters


def shortcut_parameters(option, in_maps, out_maps, stride):
    """Count the parameters of the shortcut of one block, normalisation included."""
    same_shape = in_maps == out_maps and stride == 1
    if option == "A" or (option == "B" and same_shape):
        return 0  # x itself, or x with zeros appended
    weights = in_maps * out_maps  # a 1x1 convolution without biases
    return weights + 2 * out_maps  # and a scale and a shift per map


def _changes(in_maps, out_maps, stride):
    return in_maps != out_maps or stride != 1


def _projects(option, in_maps, out_maps, stride):
    return option == "C" or (option == "B" and _changes(in_maps, out_maps, stride))


def _without_normalisation(option, in_maps, out_maps, stride):
    return in_maps * out_maps * _projects(option, in_maps, out_maps, stride)


def _with_a_bias(option, in_maps, out_maps, stride):
    return (in_maps * out_maps + out_maps) * _projects(option, in_maps, out_maps, stride)


def _three_by_three(option, in_maps, out_maps, stride):
    projects = _projects(option, in_maps, out_maps, stride)
    return (9 * in_maps * out_maps + 2 * out_maps) * projects


def _b_everywhere(option, in_maps, out_maps, stride):
    return 0 if option == "A" else in_maps * out_maps + 2 * out_maps


def _b_for_maps_only(option, in_maps, out_maps, stride):
    if option == "A" or (option == "B" and in_maps == out_maps):
        return 0
    return in_maps * out_maps + 2 * out_maps


def _b_for_strides_only(option, in_maps, out_maps, stride):
    if option == "A" or (option == "B" and stride == 1):
        return 0
    return in_maps * out_maps + 2 * out_maps


def _c_as_b(option, in_maps, out_maps, stride):
    if option == "A" or not _changes(in_maps, out_maps, stride):
        return 0
    return in_maps * out_maps + 2 * out_maps


def _zeros_counted(option, in_maps, out_maps, stride):
    if option == "A":
        return out_maps - in_maps
    return shortcut_parameters(option, in_maps, out_maps, stride)


def _a_as_b(option, in_maps, out_maps, stride):
    return (in_maps * out_maps + 2 * out_maps) * (
        option == "C" or _changes(in_maps, out_maps, stride)
    )


def _divided_by_the_stride(option, in_maps, out_maps, stride):
    projects = _projects(option, in_maps, out_maps, stride)
    return (in_maps * out_maps // stride**2 + 2 * out_maps) * projects


def _new_maps_only(option, in_maps, out_maps, stride):
    projects = _projects(option, in_maps, out_maps, stride)
    return (in_maps * (out_maps - in_maps) + 2 * out_maps) * projects


def _random_shortcut(rng):
    in_maps = rng.choice((8, 16, 32, 64, 128, 256))
    return rng.choice("ABC"), in_maps, in_maps * rng.choice((1, 1, 2, 4)), rng.randint(1, 2)


SHORTCUT_PARAMETERS = Exercise(
    id="11.shortcut-parameters",
    title="Count the parameters of a shortcut by options A, B and C",
    solution=shortcut_parameters,
    fixed=(  # option, in_maps, out_maps, stride
        ("A", 64, 64, 1),
        ("B", 64, 64, 1),
        ("C", 64, 64, 1),
        ("A", 64, 128, 2),
        ("B", 64, 128, 2),
        ("C", 64, 128, 2),
        ("B", 64, 256, 1),  # the first bottleneck of ResNet-50
        ("B", 32, 32, 2),
        ("A", 32, 32, 2),
        ("C", 256, 512, 2),
    ),
    random_case=_random_shortcut,
    wrong_ideas=(
        WrongIdea(
            "forgot the normalisation",
            _without_normalisation,
            "The weights of the convolution are right. What follows every convolution of the "
            "paper, and how many numbers does it learn per map?",
        ),
        WrongIdea(
            "a bias in place of the normalisation",
            _with_a_bias,
            "You count one number per map beside the weights, a bias. There is none: the "
            "normalisation follows, and it learns a scale as well as a shift.",
        ),
        WrongIdea(
            "a 3x3 projection",
            _three_by_three,
            "You count a 3x3 filter. The projection need not look at neighbours: it only mixes "
            "maps. How large is its filter in Section 3.3?",
        ),
        WrongIdea(
            "option B projects everywhere",
            _b_everywhere,
            "Your B is C. In option B, a block that keeps the shape has an identity. What does "
            "that cost?",
        ),
        WrongIdea(
            "option B looks at the maps only",
            _b_for_maps_only,
            "Your B projects where the number of maps changes. Can x and F(x) be added when only "
            "the stride is 2?",
        ),
        WrongIdea(
            "option B looks at the stride only",
            _b_for_strides_only,
            "Your B projects where the stride is 2. The first bottleneck of ResNet-50 has "
            "stride 1, takes 64 maps and puts out 256: do the shapes agree?",
        ),
        WrongIdea(
            "option C projects only where the shape changes",
            _c_as_b,
            "Your C is B. In option C *every* shortcut is a projection, also where the identity "
            "would do.",
        ),
        WrongIdea(
            "counted the zeros",
            _zeros_counted,
            "The maps of zeros in option A are not learnt: they are zero before training and after "
            "it. Which parameters are left?",
        ),
        WrongIdea(
            "option A projects",
            _a_as_b,
            "Your A learns weights. Option A appends maps of zeros where the number of maps grows, "
            "and is the identity elsewhere.",
        ),
        WrongIdea(
            "divided by the stride",
            _divided_by_the_stride,
            "A stride leaves out positions. Do the weights at the positions that are left out "
            "disappear, or is it one filter for all positions?",
        ),
        WrongIdea(
            "projected the new maps only",
            _new_maps_only,
            "You give weights to the added maps only. The projection computes *all* maps that it "
            "puts out, each from all that come in.",
        ),
    ),
)


def check_shortcut_parameters(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `shortcut_parameters(option, in_maps, out_maps, stride)`, an int.

    Inputs: option "A", "B" or "C"; out_maps >= in_maps >= 1; stride 1 or 2. A projection is a 1x1
    convolution without biases and its normalisation. See `Exercise.check` for `seconds`, the
    Report and the errors.
    """
    return SHORTCUT_PARAMETERS.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 11.count-depth


def count_depth(blocks, convolutions):
    """Count the layers of a ResNet as the paper does: with weights, on the main path."""
    depth = 1  # the 7x7 convolution
    for count in blocks:  # one number per stage
        depth += count * convolutions
    return depth + 1  # the dense layer


def _projections_counted(blocks, convolutions):
    return count_depth(blocks, convolutions) + len(blocks)


def _projections_of_all_blocks(blocks, convolutions):
    return count_depth(blocks, convolutions) + sum(blocks)


def _convolutions_of_blocks_only(blocks, convolutions):
    return sum(blocks) * convolutions


def _one_end_only(blocks, convolutions):
    return sum(blocks) * convolutions + 1


def _pools_counted(blocks, convolutions):
    return count_depth(blocks, convolutions) + 2


def _blocks_as_layers(blocks, convolutions):
    return sum(blocks) + 2


def _always_two(blocks, convolutions):
    return count_depth(blocks, 2)


def _normalisations_counted(blocks, convolutions):
    return 2 * sum(blocks) * convolutions + 3


def _additions_counted(blocks, convolutions):
    return sum(blocks) * (convolutions + 1) + 3


def _random_network(rng):
    return [rng.randint(1, 12) for _ in range(rng.randint(2, 5))], rng.randint(2, 4)


COUNT_DEPTH = Exercise(
    id="11.count-depth",
    title="Count the depth of a ResNet from its row in Table 1",
    solution=count_depth,
    fixed=(  # blocks of each stage, convolutions of a block
        ([2, 2, 2, 2], 2),
        ([3, 4, 6, 3], 2),
        ([3, 4, 6, 3], 3),
        ([3, 4, 23, 3], 3),
        ([3, 8, 36, 3], 3),
        ([9, 9, 9], 2),  # ResNet-56 of Section 4.2
    ),
    random_case=_random_network,
    wrong_ideas=(
        WrongIdea(
            "counted a projection per stage",
            _projections_counted,
            "You count a projection in each stage. It lies on the shortcut: does it make the "
            "longest path from image to scores any longer?",
        ),
        WrongIdea(
            "counted a shortcut per block",
            _projections_of_all_blocks,
            "You count one more layer in each block, for its shortcut. An identity has no weights, "
            "and a projection lies beside the main path.",
        ),
        WrongIdea(
            "the blocks only",
            _convolutions_of_blocks_only,
            "These are the layers inside the blocks. What stands before the first block and behind "
            "the last, and has weights?",
        ),
        WrongIdea(
            "one end only",
            _one_end_only,
            "You are one short. There is a convolution before the blocks *and* a layer with "
            "weights behind them.",
        ),
        WrongIdea(
            "counted the poolings",
            _pools_counted,
            "You count the two poolings. The paper counts layers that learn weights.",
        ),
        WrongIdea(
            "counted blocks",
            _blocks_as_layers,
            "You count a block as one layer. How many convolutions does it hold?",
        ),
        WrongIdea(
            "two convolutions in every block",
            _always_two,
            "You take two convolutions per block. That is the basic block; a bottleneck has "
            "another number, which is an argument here.",
        ),
        WrongIdea(
            "counted the normalisations",
            _normalisations_counted,
            "You count each normalisation as a layer of its own. The paper counts it with its "
            "convolution.",
        ),
        WrongIdea(
            "counted the additions",
            _additions_counted,
            "You count the addition at the end of each block. It has no weights.",
        ),
    ),
)


def check_count_depth(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `count_depth(blocks, convolutions)`, an int.

    Inputs: blocks, a list with the number of blocks of each stage; convolutions of one block, 2 or
    more. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return COUNT_DEPTH.check(student_function, seconds=seconds)


EXERCISES = (RESIDUAL_BLOCK, SHORTCUT_PARAMETERS, COUNT_DEPTH)
