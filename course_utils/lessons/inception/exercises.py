"""The exercises of lesson 10: what a module puts out, what it costs, and a module itself.

Source: Szegedy et al. (2014), *Going Deeper with Convolutions*, arXiv 1409.4842: fig. 2, Table 1.
`filters`, or `f`, are the six numbers of a row of Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5,
pool proj.
"""

from math import prod

import numpy as np

from course_utils.exercises import Exercise

ROW_3A = (64, 96, 128, 16, 32, 32)
ROW_4E = (256, 160, 320, 32, 128, 128)
ROW_5B = (384, 192, 384, 48, 128, 128)
_OTHER = {"naive": "reduced", "reduced": "naive"}


def _filters(rng):
    return tuple(8 * rng.randint(1, 40) for _ in range(6))


def output_channels(variant, in_maps, filters):
    """Count the channels that an Inception module puts out."""
    n1x1, reduce3x3, n3x3, reduce5x5, n5x5, projection = filters
    pooled = in_maps if variant == "naive" else projection  # pooling keeps every map
    return n1x1 + n3x3 + n5x5 + pooled


OUTPUT_CHANNELS = Exercise(
    id="10.output-channels",
    solution=output_channels,
    fixed=(  # variant, in_maps, filters
        *((v, *module) for module in ((192, ROW_3A), (528, ROW_4E)) for v in _OTHER),
        ("reduced", 832, ROW_5B),
    ),
    random_case=lambda rng: (rng.choice(tuple(_OTHER)), 8 * rng.randint(1, 100), _filters(rng)),
    wrong_ideas={
        "You add all six numbers. Do the maps of a reduction "
        "leave the module, or does the next layer of their "
        "branch read them?": lambda v, n, f: sum(f) if v == "reduced" else output_channels(v, n, f),
        "You add three branches. A module has four. "
        "What does the pooling branch put out?": lambda v, n, f: f[0] + f[2] + f[4],
        "Your two variants put out the same. In the naive one nothing follows the pooling: how "
        "many maps does it pass on?": lambda v, n, f: output_channels("reduced", n, f),
        "In your reduced module the pooling passes on all maps that come in. What stands "
        "behind it in fig. 2(b)?": lambda v, n, f: output_channels("naive", n, f),
        "You take the branch with most channels. The four are concatenated: "
        "put side by side.": lambda v, n, f: max(f[0], f[2], f[4], n if v == "naive" else f[5]),
        "You count the input and the projection. The pooling branch puts out one or the other, "
        "by the variant.": lambda v, n, f: output_channels("reduced", n, f) + n,
        "Each of your counts belongs to the other variant. Which of the two has a 1x1 "
        "convolution behind the pooling?": lambda v, n, f: output_channels(_OTHER[v], n, f),
    },
)


def module_macs(in_maps, side, filters):
    """Count the multiply-adds of an Inception module with dimension reduction."""
    n1x1, reduce3x3, n3x3, reduce5x5, n5x5, projection = filters
    per_position = in_maps * n1x1
    per_position += in_maps * reduce3x3 + 3 * 3 * reduce3x3 * n3x3
    per_position += in_maps * reduce5x5 + 5 * 5 * reduce5x5 * n5x5
    per_position += in_maps * projection  # the pooling itself has no weights
    return per_position * side * side  # every layer keeps the size of the maps


MODULE_MACS = Exercise(
    id="10.module-macs",
    solution=module_macs,
    fixed=(  # in_maps, side, filters; below: n, s, f
        (192, 28, ROW_3A),
        (528, 14, ROW_4E),
        (832, 7, ROW_5B),
        (4, 7, (1, 2, 3, 4, 5, 6)),
    ),
    random_case=lambda rng: (16 * rng.randint(1, 50), rng.choice((7, 14, 28)), _filters(rng)),
    wrong_ideas={
        "This is the naive module. Here 1x1 convolutions stand before the 3x3 and the 5x5 and "
        "behind the pooling.": lambda n, s, f: n * (f[0] + 9 * f[2] + 25 * f[4]) * s**2,
        "The large filters are right. The two reductions "
        "before them read all maps that come in: what do they "
        "cost?": lambda n, s, f: (n * (f[0] + f[5]) + 9 * f[1] * f[2] + 25 * f[3] * f[4]) * s**2,
        "You added the reductions, but your 3x3 and 5x5 filters still "
        "read all maps that come in. How deep are they behind a "
        "reduction?": lambda n, s, f: n * (f[0] + f[1] + f[3] + f[5] + 9 * f[2] + 25 * f[4]) * s**2,
        "The pooling has no weights, but a 1x1 convolution follows it: "
        "the sixth number.": lambda n, s, f: module_macs(n, s, (*f[:5], 0)),
        "One branch is a 1x1 convolution alone: the first number. "
        "It costs something as well.": lambda n, s, f: module_macs(n, s, (0, *f[1:])),
        "A filter of 3x3 has nine positions, one of 5x5 has 25.": lambda n, s, f: (
            (n * (f[0] + f[1] + f[3] + f[5]) + 3 * f[1] * f[2] + 5 * f[3] * f[4]) * s**2
        ),
        "These are the weights. Each of them is used once at every "
        "position of its map.": lambda n, s, f: module_macs(n, 1, f),
        "A map has `side` rows *and* `side` columns.": lambda n, s, f: module_macs(n, 1, f) * s,
        "Twice too many: a multiply-add is a product together with its addition.": lambda n, s, f: (
            2 * module_macs(n, s, f)
        ),
        "You count one addition more for each number "
        "that comes out: the bias. By the convention of "
        "the course biases are not counted.": lambda n, s, f: module_macs(n, s, f) + sum(f) * s**2,
        "You count nine operations per position for the pooling. It compares, and has no "
        "weights: no multiply-add.": lambda n, s, f: module_macs(n, s, f) + 9 * n * s**2,
        "Your 3x3 and 5x5 put out smaller maps. All layers of a module are padded so that the "
        "four branches fit together.": lambda n, s, f: (
            module_macs(n, s, (f[0], f[1], 0, f[3], 0, f[5]))
            + 9 * f[1] * f[2] * (s - 2) ** 2
            + 25 * f[3] * f[4] * (s - 4) ** 2
        ),
    },
)


def inception(x, pooled, w1, r3, w3, p):
    """Run three branches on maps and concatenate them; every layer is followed by a ReLU."""

    def layer(weights, maps):  # a 1x1 convolution: (M, C) and (C, H, W) -> (M, H, W)
        return np.maximum(np.einsum("mc,chw->mhw", weights, maps), 0)

    branches = [layer(w1, x), layer(w3, layer(r3, x)), layer(p, pooled)]
    return np.concatenate(branches, axis=0)  # along channels


def _branches(x, pooled, w1, r3, w3, p, *, inside=0.0, end=0.0):
    """The three before they are concatenated, cut off below at `inside` and `end`: 0 is ReLU."""

    def layer(weights, maps, least):
        return np.maximum(np.einsum("mc,chw->mhw", weights, maps), least)

    return [layer(w1, x, end), layer(w3, layer(r3, x, inside), end), layer(p, pooled, end)]


def _equally_many(*given):
    """As many maps of each branch as the smallest has: else they cannot be added or stacked."""
    branches = _branches(*given)
    return [maps[: min(map(len, branches))] for maps in branches]


def _random_maps(rng):
    channels, rows, columns = rng.randint(2, 4), rng.randint(2, 3), rng.randint(2, 4)

    def array(*shape):
        return np.reshape([rng.randint(-4, 4) / 2 for _ in range(prod(shape))], shape)

    x = array(channels, rows, columns)
    pooled = np.maximum(x, np.roll(x, 1, axis=2)) + 0.5
    reduced = rng.randint(1, channels)
    w1, r3 = array(rng.randint(1, 3), channels), array(reduced, channels)
    return x, pooled, w1, r3, array(rng.randint(1, 3), reduced), array(rng.randint(1, 2), channels)


def _fixed_maps(*weights):
    x = [[[1, -2], [3, 0.5]], [[-1, 2], [0, 1.5]]]
    pooled = [[[3, 3.5], [3, 3]], [[2, 2], [2.5, 2]]]
    return tuple(np.array(values, float) for values in (x, pooled, *weights))


CONCAT = Exercise(
    id="10.concat",
    solution=inception,
    fixed=(  # w1, r3, w3, p; the numbers keep the known mistakes apart
        _fixed_maps(
            [[1, 0], [1, -1]], [[1, 1], [-1, 2]], [[1, -1], [-0.5, 1]], [[1, -2], [0.5, 0.5]]
        ),
        _fixed_maps([[-1, 0.5], [0, -1], [2, 1]], [[-1, 0.5]], [[1.5], [-1]], [[-0.5, 1]]),
    ),
    random_case=_random_maps,
    wrong_ideas={
        "You put the maps below one another. Their height "
        "and width must stay: the first axis of an array "
        "(C, H, W) is the channels.": lambda *given: np.concatenate(_equally_many(*given), axis=1),
        "You put the maps beside one another on one sheet. The first axis of an array "
        "(C, H, W) is the channels.": lambda *given: np.concatenate(_equally_many(*given), axis=2),
        "You add the branches, as ResNet does. "
        "Here every branch keeps its own channels.": lambda *given: sum(_equally_many(*given)),
        "Negative numbers come out of your module. Each of its layers is followed "
        "by a ReLU.": lambda *given: np.concatenate(_branches(*given, inside=-np.inf, end=-np.inf)),
        "There is no ReLU between the reduction and the layer behind it, so that the two are "
        "one linear layer.": lambda *given: np.concatenate(_branches(*given, inside=-np.inf)),
        "The reduction has its ReLU. The layers at the ends of the branches have "
        "one as well.": lambda *given: np.concatenate(_branches(*given, end=-np.inf)),
        "`p` reads the input in your module. "
        "In fig. 2(b), what does the last 1x1 read?": lambda x, pooled, *w: inception(x, x, *w),
        "Your pooling branch passes on all maps, as the naive module does. `p` follows "
        "it.": lambda x, pooled, *w: np.concatenate([*_branches(x, pooled, *w)[:2], pooled]),
        "All maps are there, in the opposite order. The 1x1 branch comes first.": lambda *given: (
            np.concatenate(_branches(*given)[::-1])
        ),
        "All maps are there, in another order: first `w1`, then `w3`, then `p`.": lambda *given: (
            np.concatenate([_branches(*given)[i] for i in (0, 2, 1)])
        ),
        "All your branches read the pooled maps. The pooling is one branch of its own; the "
        "others read `x`.": lambda x, pooled, *weights: inception(pooled, pooled, *weights),
        "The reduced maps come out of your module as well. They are only there for `w3`.": (
            lambda x, pooled, w1, r3, w3, p: inception(x, pooled, np.vstack([w1, r3]), r3, w3, p)
        ),
    },
)
