"""The exercises of notebook 10: what a module puts out, what it costs, and a module itself.

    check_output_channels   output_channels(variant, in_maps, filters) -> int
    check_module_macs       module_macs(in_maps, side, filters) -> int
    check_inception         inception(x, pooled, w1, r3, w3, p) -> array

Source: Szegedy et al. (2014), *Going Deeper with Convolutions*, arXiv 1409.4842: fig. 2, Table 1.
The tests hold the reference solutions equal to `course_utils.models.googlenet`.
"""

from __future__ import annotations

import numpy as np

from course_utils.exercises import SECONDS, Exercise, Report, WrongIdea

ROW_3A = (64, 96, 128, 16, 32, 32)
ROW_4E = (256, 160, 320, 32, 128, 128)
ROW_5B = (384, 192, 384, 48, 128, 128)

# ---------------------------------------------------------------------------------------------
# 10.output-channels


def output_channels(variant, in_maps, filters):
    """Count the channels that an Inception module puts out."""
    n1x1, reduce3x3, n3x3, reduce5x5, n5x5, projection = filters
    pooled = in_maps if variant == "naive" else projection  # pooling keeps every map
    return n1x1 + n3x3 + n5x5 + pooled


def _reductions_counted(variant, in_maps, filters):
    return sum(filters) if variant == "reduced" else output_channels(variant, in_maps, filters)


def _no_pooling_branch(variant, in_maps, filters):
    return filters[0] + filters[2] + filters[4]


def _naive_projects(variant, in_maps, filters):
    return output_channels("reduced", in_maps, filters)


def _always_passes_all(variant, in_maps, filters):
    return output_channels("naive", in_maps, filters)


def _widest_branch(variant, in_maps, filters):
    pooled = in_maps if variant == "naive" else filters[5]
    return max(filters[0], filters[2], filters[4], pooled)


def _input_added(variant, in_maps, filters):
    return output_channels("reduced", in_maps, filters) + in_maps


def _variants_swapped(variant, in_maps, filters):
    other = "reduced" if variant == "naive" else "naive"
    return output_channels(other, in_maps, filters)


def _random_filters(rng):
    return tuple(8 * rng.randint(1, 40) for _ in range(6))


def _random_output(rng):
    return rng.choice(("naive", "reduced")), 8 * rng.randint(1, 100), _random_filters(rng)


OUTPUT_CHANNELS = Exercise(
    id="10.output-channels",
    title="Count the channels that a module puts out",
    solution=output_channels,
    fixed=(  # variant, in_maps, filters in the order of Table 1
        ("naive", 192, ROW_3A),
        ("reduced", 192, ROW_3A),
        ("naive", 528, ROW_4E),
        ("reduced", 528, ROW_4E),
        ("reduced", 832, ROW_5B),
    ),
    random_case=_random_output,
    wrong_ideas=(
        WrongIdea(
            "counted the reductions",
            _reductions_counted,
            "You add all six numbers. Do the maps of a reduction leave the module, or does the "
            "next layer of their branch read them?",
        ),
        WrongIdea(
            "forgot the pooling branch",
            _no_pooling_branch,
            "You add three branches. A module has four. What does the pooling branch put out?",
        ),
        WrongIdea(
            "the naive module projects",
            _naive_projects,
            "Your two variants put out the same. In the naive one nothing follows the pooling: how "
            "many maps does it pass on?",
        ),
        WrongIdea(
            "the pooling always passes on everything",
            _always_passes_all,
            "In your reduced module the pooling passes on all maps that come in. What stands "
            "behind it in fig. 2(b)?",
        ),
        WrongIdea(
            "the widest branch",
            _widest_branch,
            "You take the branch with most channels. The four are concatenated: put side by side.",
        ),
        WrongIdea(
            "added the input to the projection",
            _input_added,
            "You count the input and the projection. The pooling branch puts out one or the other, "
            "by the variant.",
        ),
        WrongIdea(
            "swapped the variants",
            _variants_swapped,
            "Each of your counts belongs to the other variant. Which of the two has a 1x1 "
            "convolution behind the pooling?",
        ),
    ),
)


def check_output_channels(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `output_channels(variant, in_maps, filters)`, an int.

    Inputs: variant "naive" or "reduced"; in_maps >= 1; filters, the six numbers of a row of Table 1
    as a tuple. See `Exercise.check` for `seconds`, the Report and the errors.
    """
    return OUTPUT_CHANNELS.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 10.module-macs


def module_macs(in_maps, side, filters):
    """Count the multiply-adds of an Inception module with dimension reduction."""
    n1x1, reduce3x3, n3x3, reduce5x5, n5x5, projection = filters
    per_position = in_maps * n1x1
    per_position += in_maps * reduce3x3 + 3 * 3 * reduce3x3 * n3x3
    per_position += in_maps * reduce5x5 + 5 * 5 * reduce5x5 * n5x5
    per_position += in_maps * projection  # the pooling itself has no weights
    return per_position * side * side  # every layer keeps the size of the maps


def _naive_macs(in_maps, side, filters):
    n1x1, _, n3x3, _, n5x5, _ = filters
    return in_maps * (n1x1 + 9 * n3x3 + 25 * n5x5) * side**2


def _reductions_free(in_maps, side, filters):
    n1x1, r3, n3x3, r5, n5x5, projection = filters
    return (in_maps * (n1x1 + projection) + 9 * r3 * n3x3 + 25 * r5 * n5x5) * side**2


def _large_filters_read_everything(in_maps, side, filters):
    n1x1, r3, n3x3, r5, n5x5, projection = filters
    return in_maps * (n1x1 + r3 + r5 + projection + 9 * n3x3 + 25 * n5x5) * side**2


def _no_projection(in_maps, side, filters):
    return module_macs(in_maps, side, filters) - in_maps * filters[5] * side**2


def _no_1x1_branch(in_maps, side, filters):
    return module_macs(in_maps, side, filters) - in_maps * filters[0] * side**2


def _kernel_not_squared(in_maps, side, filters):
    n1x1, r3, n3x3, r5, n5x5, projection = filters
    inside = in_maps * (n1x1 + r3 + r5 + projection) + 3 * r3 * n3x3 + 5 * r5 * n5x5
    return inside * side**2


def _weights_only(in_maps, side, filters):
    return module_macs(in_maps, 1, filters)


def _one_side(in_maps, side, filters):
    return module_macs(in_maps, 1, filters) * side


def _flops(in_maps, side, filters):
    return 2 * module_macs(in_maps, side, filters)


def _with_biases(in_maps, side, filters):
    return module_macs(in_maps, side, filters) + sum(filters) * side**2


def _pooling_counted(in_maps, side, filters):
    return module_macs(in_maps, side, filters) + 9 * in_maps * side**2


def _no_padding(in_maps, side, filters):
    n1x1, r3, n3x3, r5, n5x5, projection = filters
    total = in_maps * (n1x1 + r3 + r5 + projection) * side**2
    return total + 9 * r3 * n3x3 * (side - 2) ** 2 + 25 * r5 * n5x5 * (side - 4) ** 2


def _random_module(rng):
    return 16 * rng.randint(1, 50), rng.choice((7, 14, 28)), _random_filters(rng)


MODULE_MACS = Exercise(
    id="10.module-macs",
    title="Count the multiply-adds of a module with dimension reduction",
    solution=module_macs,
    fixed=(  # in_maps, side, filters in the order of Table 1
        (192, 28, ROW_3A),
        (528, 14, ROW_4E),
        (832, 7, ROW_5B),
        (4, 7, (1, 2, 3, 4, 5, 6)),
    ),
    random_case=_random_module,
    wrong_ideas=(
        WrongIdea(
            "counted the naive module",
            _naive_macs,
            "This is the naive module. Here 1x1 convolutions stand before the 3x3 and the 5x5 and "
            "behind the pooling.",
        ),
        WrongIdea(
            "reductions for nothing",
            _reductions_free,
            "The large filters are right. The two reductions before them read all maps that come "
            "in: what do they cost?",
        ),
        WrongIdea(
            "the large filters read all maps",
            _large_filters_read_everything,
            "You added the reductions, but your 3x3 and 5x5 filters still read all maps that come "
            "in. How deep are they behind a reduction?",
        ),
        WrongIdea(
            "forgot the projection",
            _no_projection,
            "The pooling has no weights, but a 1x1 convolution follows it: the sixth number.",
        ),
        WrongIdea(
            "forgot the 1x1 branch",
            _no_1x1_branch,
            "One branch is a 1x1 convolution alone: the first number. It costs something as well.",
        ),
        WrongIdea(
            "3 and 5 in place of 9 and 25",
            _kernel_not_squared,
            "A filter of 3x3 has nine positions, one of 5x5 has 25.",
        ),
        WrongIdea(
            "counted the weights",
            _weights_only,
            "These are the weights. Each of them is used once at every position of its map.",
        ),
        WrongIdea(
            "one side only",
            _one_side,
            "A map has `side` rows *and* `side` columns.",
        ),
        WrongIdea(
            "counted products and additions apart",
            _flops,
            "Twice too many: a multiply-add is a product together with its addition.",
        ),
        WrongIdea(
            "counted biases",
            _with_biases,
            "You count one addition more for each number that comes out: the bias. By the "
            "convention of the course biases are not counted.",
        ),
        WrongIdea(
            "counted the pooling",
            _pooling_counted,
            "You count nine operations per position for the pooling. It compares, and has no "
            "weights: no multiply-add.",
        ),
        WrongIdea(
            "shrank the maps",
            _no_padding,
            "Your 3x3 and 5x5 put out smaller maps. All layers of a module are padded so that the "
            "four branches fit together.",
        ),
    ),
)


def check_module_macs(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `module_macs(in_maps, side, filters)`, an int.

    Inputs: in_maps and side >= 1; filters, the six numbers of a row of Table 1 as a tuple. See
    `Exercise.check` for `seconds`, the Report and the errors.
    """
    return MODULE_MACS.check(student_function, seconds=seconds)


# ---------------------------------------------------------------------------------------------
# 10.concat


def inception(x, pooled, w1, r3, w3, p):
    """Run three branches on maps and concatenate them; every layer is followed by a ReLU."""

    def layer(weights, maps):  # a 1x1 convolution: (M, C) and (C, H, W) -> (M, H, W)
        return np.maximum(np.einsum("mc,chw->mhw", weights, maps), 0)

    branches = [layer(w1, x), layer(w3, layer(r3, x)), layer(p, pooled)]
    return np.concatenate(branches, axis=0)  # along channels


def _mix(weights, maps):
    return np.einsum("mc,chw->mhw", weights, maps)


def _layer(weights, maps):
    return np.maximum(_mix(weights, maps), 0)


def _along_rows(x, pooled, w1, r3, w3, p):
    parts = [_layer(w1, x), _layer(w3, _layer(r3, x)), _layer(p, pooled)]
    least = min(len(part) for part in parts)
    return np.concatenate([part[:least] for part in parts], axis=1)


def _along_columns(x, pooled, w1, r3, w3, p):
    parts = [_layer(w1, x), _layer(w3, _layer(r3, x)), _layer(p, pooled)]
    least = min(len(part) for part in parts)
    return np.concatenate([part[:least] for part in parts], axis=2)


def _added(x, pooled, w1, r3, w3, p):
    parts = [_layer(w1, x), _layer(w3, _layer(r3, x)), _layer(p, pooled)]
    least = min(len(part) for part in parts)
    return sum(part[:least] for part in parts)


def _no_relu_at_all(x, pooled, w1, r3, w3, p):
    return np.concatenate([_mix(w1, x), _mix(w3, _mix(r3, x)), _mix(p, pooled)])


def _one_relu_at_the_end(x, pooled, w1, r3, w3, p):
    return np.maximum(_no_relu_at_all(x, pooled, w1, r3, w3, p), 0)


def _relu_inside_only(x, pooled, w1, r3, w3, p):
    return np.concatenate([_mix(w1, x), _mix(w3, _layer(r3, x)), _mix(p, pooled)])


def _projection_of_the_input(x, pooled, w1, r3, w3, p):
    return inception(x, x, w1, r3, w3, p)


def _pooling_not_projected(x, pooled, w1, r3, w3, p):
    return np.concatenate([_layer(w1, x), _layer(w3, _layer(r3, x)), pooled])


def _other_order(x, pooled, w1, r3, w3, p):
    return np.concatenate([_layer(p, pooled), _layer(w3, _layer(r3, x)), _layer(w1, x)])


def _middle_branch_last(x, pooled, w1, r3, w3, p):
    return np.concatenate([_layer(w1, x), _layer(p, pooled), _layer(w3, _layer(r3, x))])


def _everything_pooled(x, pooled, w1, r3, w3, p):
    return inception(pooled, pooled, w1, r3, w3, p)


def _reduction_concatenated(x, pooled, w1, r3, w3, p):
    reduced = _layer(r3, x)
    return np.concatenate([_layer(w1, x), reduced, _layer(w3, reduced), _layer(p, pooled)])


def _random_maps(rng):
    channels, rows, columns = rng.randint(2, 4), rng.randint(2, 3), rng.randint(2, 4)

    def array(*shape):
        flat = [rng.randint(-4, 4) / 2 for _ in range(int(np.prod(shape)))]
        return np.array(flat).reshape(shape)

    x = array(channels, rows, columns)
    pooled = np.maximum(x, np.roll(x, 1, axis=2)) + 0.5
    reduced = rng.randint(1, channels)
    return (
        x,
        pooled,
        array(rng.randint(1, 3), channels),
        array(reduced, channels),
        array(rng.randint(1, 3), reduced),
        array(rng.randint(1, 2), channels),
    )


_X = np.array([[[1.0, -2.0], [3.0, 0.5]], [[-1.0, 2.0], [0.0, 1.5]]])
_POOLED = np.array([[[3.0, 3.5], [3.0, 3.0]], [[2.0, 2.0], [2.5, 2.0]]])

CONCAT = Exercise(
    id="10.concat",
    title="Write the parallel branches of a module",
    solution=inception,
    fixed=(  # x, pooled, w1, r3, w3, p; the numbers keep the known mistakes apart
        (
            _X,
            _POOLED,
            np.array([[1.0, 0.0], [1.0, -1.0]]),
            np.array([[1.0, 1.0], [-1.0, 2.0]]),
            np.array([[1.0, -1.0], [-0.5, 1.0]]),
            np.array([[1.0, -2.0], [0.5, 0.5]]),
        ),
        (
            _X,
            _POOLED,
            np.array([[-1.0, 0.5], [0.0, -1.0], [2.0, 1.0]]),
            np.array([[-1.0, 0.5]]),
            np.array([[1.5], [-1.0]]),
            np.array([[-0.5, 1.0]]),
        ),
    ),
    random_case=_random_maps,
    wrong_ideas=(
        WrongIdea(
            "concatenated along the rows",
            _along_rows,
            "You put the maps below one another. Their height and width must stay: the first axis "
            "of an array (C, H, W) is the channels.",
        ),
        WrongIdea(
            "concatenated along the columns",
            _along_columns,
            "You put the maps beside one another on one sheet. The first axis of an array "
            "(C, H, W) is the channels.",
        ),
        WrongIdea(
            "added the branches",
            _added,
            "You add the branches, as ResNet does. Here every branch keeps its own channels.",
        ),
        WrongIdea(
            "no ReLU",
            _no_relu_at_all,
            "Negative numbers come out of your module. Each of its layers is followed by a ReLU.",
        ),
        WrongIdea(
            "one ReLU at the end",
            _one_relu_at_the_end,
            "There is no ReLU between the reduction and the layer behind it, so that the two are "
            "one linear layer.",
        ),
        WrongIdea(
            "a ReLU inside only",
            _relu_inside_only,
            "The reduction has its ReLU. The layers at the ends of the branches have one as well.",
        ),
        WrongIdea(
            "projected the input",
            _projection_of_the_input,
            "`p` reads the input in your module. In fig. 2(b), what does the last 1x1 read?",
        ),
        WrongIdea(
            "did not project",
            _pooling_not_projected,
            "Your pooling branch passes on all maps, as the naive module does. `p` follows it.",
        ),
        WrongIdea(
            "the other order",
            _other_order,
            "All maps are there, in the opposite order. The 1x1 branch comes first.",
        ),
        WrongIdea(
            "the middle branch last",
            _middle_branch_last,
            "All maps are there, in another order: first `w1`, then `w3`, then `p`.",
        ),
        WrongIdea(
            "everything pooled",
            _everything_pooled,
            "All your branches read the pooled maps. The pooling is one branch of its own; the "
            "others read `x`.",
        ),
        WrongIdea(
            "concatenated the reduction",
            _reduction_concatenated,
            "The reduced maps come out of your module as well. They are only there for `w3`.",
        ),
    ),
)


def check_inception(student_function, *, seconds: float = SECONDS) -> Report:
    """Check `inception(x, pooled, w1, r3, w3, p)`, an array (channels, H, W).

    Inputs: x and pooled (C, H, W); the weights of four 1x1 convolutions as matrices (filters, maps
    read), all NumPy arrays of floats. See `Exercise.check` for `seconds`, the Report, the errors.
    """
    return CONCAT.check(student_function, seconds=seconds)


EXERCISES = (OUTPUT_CHANNELS, MODULE_MACS, CONCAT)
