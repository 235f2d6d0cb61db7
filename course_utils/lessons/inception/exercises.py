"""The exercises of lesson 10: what a module puts out, what it costs, and a module itself.

Source: Szegedy et al. (2014), *Going Deeper with Convolutions*, arXiv 1409.4842: fig. 2, Table 1.
`filters`, or `f`, are the six numbers of a row of Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5,
pool proj.
"""

from course_utils.exercises import Exercise
from course_utils.exercises.networks import NetworkExercise

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


def inception_module(in_maps, filters):
    """Build the module of fig. 2(b); `filters` is a row of Table 1."""
    import torch
    from torch import nn

    n1x1, reduce3x3, n3x3, reduce5x5, n5x5, projection = filters

    def conv(inputs, maps, kernel):  # padded: the maps keep their size
        return nn.Sequential(nn.Conv2d(inputs, maps, kernel, padding=kernel // 2), nn.ReLU())

    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = conv(in_maps, n1x1, 1)
            self.three = nn.Sequential(conv(in_maps, reduce3x3, 1), conv(reduce3x3, n3x3, 3))
            self.five = nn.Sequential(conv(in_maps, reduce5x5, 1), conv(reduce5x5, n5x5, 5))
            self.pool = nn.MaxPool2d(3, stride=1, padding=1)
            self.projection = conv(in_maps, projection, 1)

        def forward(self, x):
            branches = [self.one(x), self.three(x), self.five(x), self.projection(self.pool(x))]
            return torch.cat(branches, dim=1)  # along the channels

    return Module()


def _changed(change):
    """The idea of building the course's own module and then changing it: `change(module)`."""

    def idea(in_maps, filters):
        from course_utils.models.googlenet import Inception

        module = Inception(in_maps, *filters)
        change(module)
        return module

    return idea


def _joined(join):
    """The idea of joining the four outputs by `join(torch, branches, x)`."""

    def change(m):
        import torch

        def forward(x):
            branches = [m.conv1x1(x), m.conv3x3(m.reduce3x3(x)), m.conv5x5(m.reduce5x5(x))]
            return join(torch, [*branches, m.projection(m.pool(x))], x)

        m.forward = forward

    return _changed(change)


def _without_relu(*names):
    def change(m):
        from torch import nn

        for name in names:
            getattr(m, name).relu = nn.Identity()

    return _changed(change)


def _pooled_by(kind, *sizes):
    def change(m):
        from torch import nn

        m.pool = getattr(nn, kind)(*sizes)

    return _changed(change)


def _unpadded(m):
    m.conv3x3.conv.padding = m.conv5x5.conv.padding = (0, 0)


def _projected_first(m):
    m.pool, m.projection = m.projection, m.pool


def _naive(in_maps, filters):
    from course_utils.models.googlenet import NaiveInception

    return NaiveInception(in_maps, *filters[:5:2])


def _random_module(rng):
    return rng.randint(2, 6), tuple(rng.randint(1, 6) for _ in range(6))


_ENDS, _REDUCTIONS = ("conv1x1", "conv3x3", "conv5x5", "projection"), ("reduce3x3", "reduce5x5")

MODULE = NetworkExercise(
    id="10.module",
    solution=inception_module,
    fixed=((6, (3, 2, 3, 2, 3, 3)), (8, (4, 3, 6, 1, 2, 2)), (4, (2, 2, 2, 2, 2, 2))),
    random_case=_random_module,
    random_count=6,
    image=lambda in_maps, filters: (2, in_maps, 7, 9),
    wrong_ideas={
        "`torch.cat` joins along the first axis if you do not say which. That is the images: of "
        "two you make eight. Where are the channels in (N, C, H, W)?": _joined(
            lambda torch, branches, x: torch.cat(branches)
        ),
        "You put the maps below one another. Rows and columns must stay as they are; "
        "which axis are the channels?": _joined(
            lambda torch, branches, x: torch.cat(branches, dim=2)
        ),
        "are; which axis are the channels?": _joined(
            lambda torch, branches, x: torch.cat(branches, dim=3)
        ),
        "You add the branches, as ResNet does. Here each keeps its own channels.": _joined(
            lambda torch, branches, x: sum(branches)
        ),
        "There is no ReLU in your module. Each of its six convolutions has one behind it.": (
            _without_relu(*_ENDS, *_REDUCTIONS)
        ),
        "There is no ReLU between a reduction and the layer behind it, so that the two are one "
        "linear layer.": _without_relu(*_REDUCTIONS),
        "The reductions have their ReLU. The layers at the ends of the branches have one as "
        "well.": _without_relu(*_ENDS),
        "This is the naive module. Where do the three small convolutions of fig. 2(b) stand?": (
            _naive
        ),
        "Your pooling makes the maps smaller: without `stride` it moves by its own size.": (
            _pooled_by("MaxPool2d", 3)
        ),
        "Your pooling has the right stride. Without padding it loses the border, and "
        "its maps no longer fit beside the others.": _pooled_by("MaxPool2d", 3, 1),
        "Your 3x3 and 5x5 are not padded, so their maps no longer fit beside the others.": (
            _changed(_unpadded)
        ),
        "You reduce first and pool then, as before the large filters. In fig. 2(b), which comes "
        "first in the pooling branch?": _changed(_projected_first),
    },
)
