"""LeNet-5: LeCun, Bottou, Bengio and Haffner (1998), *Gradient-Based Learning Applied to Document
Recognition*, Proceedings of the IEEE 86(11). The network is Section II-B and Fig. 2, the partial
connections are Table I, the losses are Section II-C, activation and initialisation Appendix A.
"""

from __future__ import annotations

from collections import namedtuple

import torch
from torch import Tensor, nn

from course_utils.checks import one_of
from course_utils.models.layers import check_images, draw_as_torch, layers_to_draw

# Table I: the maps of S2 that each of the 16 maps of C3 looks at. 60 pairs out of 96.
C3_ROWS = (
    "012 123 234 345 045 015 "  # 0 to 5: three neighbours, cyclic
    "0123 1234 2345 0345 0145 0125 "  # 6 to 11: four neighbours, cyclic
    "0134 1245 0235 "  # 12 to 14: two pairs
    "012345"  # 15: all
)
C3_TABLE = tuple(tuple(map(int, maps)) for maps in C3_ROWS.split())
FULL_TABLE = (tuple(range(6)),) * 16

# Section II-B. Each map looks at some maps of the layer below, through the same number of taps.
PLAN = (
    # layer, kind, number of input maps of each map, taps per input map, size of the map
    ("C1", "convolution", (1,) * 6, 5 * 5, 28),
    ("S2", "subsampling", (1,) * 6, 2 * 2, 14),
    ("C3", "convolution", tuple(len(inputs) for inputs in C3_TABLE), 5 * 5, 10),
    ("S4", "subsampling", (1,) * 16, 2 * 2, 5),
    ("C5", "convolution", (16,) * 120, 5 * 5, 1),
    ("F6", "full", (120,) * 84, 1, 1),
    ("OUTPUT", "rbf", (84,) * 10, 1, 1),
)

AMPLITUDE, SLOPE = 1.7159, 2 / 3  # Appendix A: chosen so that f(1) = 1 and f(-1) = -1
# Section II-B: the grey levels that make the mean of the inputs roughly 0, the variance roughly 1.
BACKGROUND, INK = -0.1, 1.175

# The targets of F6: each class drawn on a bitmap 7 wide and 12 high, 84 pixels.
# The idea is the paper's (Fig. 3, digits only); the bitmaps are redrawn, not copied.
DIGIT_BITMAPS = """
..###.. ...#... .#####. ####### ....##. ####### ..####. ####### .#####. .#####.
.#...#. ..##... #.....# .....#. ...#.#. #...... .#..... ......# #.....# #.....#
#.....# .#.#... ......# ....#.. ..#..#. #...... #...... .....#. #.....# #.....#
#.....# ...#... ......# ...#... .#...#. #.####. #...... .....#. #.....# #.....#
#.....# ...#... .....#. ..####. #....#. ##....# #.####. ....#.. .#####. #....##
#.....# ...#... ...##.. ......# #....#. ......# ##....# ....#.. #.....# .####.#
#.....# ...#... ..#.... ......# ####### ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# .....#. ......# #.....# ...#... #.....# ......#
.#...#. ...#... #...... #.....# .....#. #.....# #.....# ..#.... #.....# .....#.
..###.. .#####. ####### .#####. .....#. .#####. .#####. ..#.... .#####. .####..
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
"""

# A layer, its kind, its maps, their size, what is trained, what is connected.
LayerRow = namedtuple("LayerRow", "layer kind maps size parameters connections")


def layer_table() -> list[LayerRow]:
    """Count the trainable parameters and the connections of every layer of `PLAN`.

    A unit has one connection per input tap, and one for its bias. The units of a map share their
    weights; a map of a subsampling layer has two (coefficient and bias). The codes of the output
    are fixed and have no bias. The sums are those of Section II-B: 60,000 trainable parameters and
    340,908 connections.
    """
    rows = []
    for layer, kind, inputs, taps, size in PLAN:
        bias = 0 if kind == "rbf" else 1
        weights = sum(maps * taps + bias for maps in inputs)
        trained = {"subsampling": 2 * len(inputs), "rbf": 0}.get(kind, weights)
        rows.append(LayerRow(layer, kind, len(inputs), size, trained, weights * size**2))
    return rows


def digit_codes() -> Tensor:
    """Return the ten bitmaps as codes, (10, 84): +1 where there is ink, -1 elsewhere."""
    rows = [line.split() for line in DIGIT_BITMAPS.strip().splitlines()]  # 12 rows of 10 digits
    digits = ["".join(digit_rows) for digit_rows in zip(*rows, strict=True)]  # 10 times 84 pixels
    return torch.tensor([[1.0 if pixel == "#" else -1.0 for pixel in digit] for digit in digits])


def to_paper_range(images: Tensor) -> Tensor:
    """Map grey levels from 0 (background) .. 1 (ink) to the paper's -0.1 .. 1.175."""
    return BACKGROUND + (INK - BACKGROUND) * images


class ScaledTanh(nn.Module):
    """The squashing function of Appendix A: f(a) = 1.7159 tanh(2 a / 3)."""

    def forward(self, a: Tensor) -> Tensor:
        """Squash each value; the shape stays."""
        return AMPLITUDE * torch.tanh(SLOPE * a)


class Subsampling(nn.Module):
    """S2 and S4: add the four inputs, multiply by a trained coefficient, add a trained bias.

    Two parameters per map, here plain averaging at first. Section II-B adds the four inputs,
    Section II-A averages them; that is the same function with a coefficient four times as large.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((maps,), 1 / 4))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, x: Tensor) -> Tensor:
        """(N, maps, H, W) -> (N, maps, H/2, W/2)."""
        total = 4 * nn.functional.avg_pool2d(x, 2)
        return total * self.coefficient[:, None, None] + self.bias[:, None, None]


class PartialConv2d(nn.Module):
    """C3: a convolution in which each output map looks at some of the input maps only.

    One small convolution per output map. A connection that is not in the table does not exist: it
    has no weight, no gradient and no cost.
    """

    def __init__(self, table: tuple[tuple[int, ...], ...], kernel: int = 5) -> None:
        super().__init__()
        self.table = table
        self.convolutions = nn.ModuleList(nn.Conv2d(len(maps), 1, kernel) for maps in table)

    def forward(self, x: Tensor) -> Tensor:
        """(N, input maps, H, W) -> (N, len(table), H - kernel + 1, W - kernel + 1)."""
        rows = zip(self.table, self.convolutions, strict=True)
        return torch.cat([convolution(x[:, list(maps)]) for maps, convolution in rows], dim=1)


class RBF(nn.Module):
    """The output of Section II-B: y_i = sum_j (x_j - w_ij)^2, the squared distance to code i.

    The codes are fixed. They are a buffer: saved with the network, and no parameter.
    """

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, features) -> (N, classes), distances >= 0; the smallest is the best match."""
        return (x[:, None, :] - self.codes).square().sum(dim=2)


def mse_loss(distances: Tensor, labels: Tensor) -> Tensor:
    """Eq. 8: the mean distance to the code of the right class.

    `distances` (N, 10) from `LeNet5("paper")`, `labels` (N,) integers. It pulls towards the right
    code and pushes away from none.
    """
    return distances.gather(1, labels[:, None]).mean()


def map_loss(distances: Tensor, labels: Tensor, j: float = 1.0) -> Tensor:
    """Eq. 9: the mean of y_right + log(exp(-j) + sum_i exp(-y_i)).

    The second term pushes the wrong codes away. `j` > 0 is the distance of a "rubbish" class: a
    wrong code much further away than `j` is pushed no more. The paper gives no value for it.
    """
    right = distances.gather(1, labels[:, None]).squeeze(1)
    rubbish = torch.full_like(right, -j)[:, None]
    return (right + torch.cat([rubbish, -distances], dim=1).logsumexp(dim=1)).mean()


class LeNet5(nn.Module):
    """LeNet-5 for one 32 x 32 image of a digit (Section II-B, Fig. 2).

    `variant`
        "paper": 60,000 trainable parameters, 325,680 multiply-adds. The output is a distance per
        class, **small means match**. `scores=True` returns the negative distances instead, so that
        argmax and cross-entropy mean the same as for every other network.
        "full_c3": the same with C3 connected to all maps of S2 (60,900 parameters).
        "modern": what is usually called LeNet-5 today (61,706 parameters): full C3, max-pooling,
        ReLU, a dense layer 84-10. The output is a score per class, large means match.
    `num_classes`: 10 in the paper's variants, since only the ten digits have a code.
    `init`
        "paper": U(-2.4/F, 2.4/F), F = inputs of the unit (Appendix A).
        "torch": U(-1/sqrt(F), 1/sqrt(F)), PyTorch's default. The coefficients of the subsampling
        become 1/4, which is plain averaging.
        None: "paper" for the paper's variants, "torch" for "modern". The paper's bound divides by F
        and not by its root; ReLUs without the paper's second-order training hardly move from there.

    Input (N, in_channels, 32, 32). The paper's grey levels are -0.1 (background) to 1.175 (ink):
    `to_paper_range` makes them from 0 .. 1. Output (N, num_classes).

    *Differences from the paper*
    - the bitmaps of the output codes are redrawn; the paper's cover all printable characters
    - Section II-B says sum, Section II-A says average: the sum is used (see `Subsampling`)
    - "modern" differs in all that is listed above, and in its loss (cross-entropy)

    *Differences from torchvision*
    - torchvision has no LeNet. The usual copies are like "modern", often with sigmoid and average
      pooling, and on 28 x 28 images padded by 2
    """

    def __init__(
        self, variant="paper", num_classes=10, *, in_channels=1, scores=False, init=None
    ) -> None:
        super().__init__()
        one_of("variant", variant, ("paper", "full_c3", "modern"))
        one_of("init", init, ("paper", "torch", None))
        modern = variant == "modern"
        if not modern and num_classes != 10:
            raise ValueError(
                f"num_classes must be 10 for variant {variant!r}, got {num_classes}: its output "
                "has a fixed code for each of the ten digits; variant 'modern' takes any number"
            )
        self.variant = variant
        self.in_channels = in_channels
        self.scores = scores and not modern
        activation = nn.ReLU if modern else ScaledTanh
        squash = nn.Identity if modern else ScaledTanh  # after S2 and S4
        c3_table = C3_TABLE if variant == "paper" else FULL_TABLE

        self.c1 = nn.Conv2d(in_channels, 6, 5)
        self.act1 = activation()
        self.s2 = nn.MaxPool2d(2) if modern else Subsampling(6)
        self.act2 = squash()
        self.c3 = nn.Conv2d(6, 16, 5) if modern else PartialConv2d(c3_table)
        self.act3 = activation()
        self.s4 = nn.MaxPool2d(2) if modern else Subsampling(16)
        self.act4 = squash()
        self.c5 = nn.Conv2d(16, 120, 5)
        self.act5 = activation()
        self.f6 = nn.Linear(120, 84)
        self.act6 = activation()
        self.output = nn.Linear(84, num_classes) if modern else RBF(digit_codes())
        if (init or ("torch" if modern else "paper")) == "torch":
            draw_as_torch(self)
        else:
            self._draw_as_paper()

    def _draw_as_paper(self) -> None:
        for _, layer in layers_to_draw(self):
            bound = 2.4 / layer.weight[0].numel()
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.uniform_(layer.bias, -bound, bound)
        for layer in (self.s2, self.s4):
            for parameter in layer.parameters():  # of a max-pooling: none
                nn.init.uniform_(parameter, -2.4 / 4, 2.4 / 4)

    def features(self, images: Tensor) -> Tensor:
        """Return the activations of C5, (N, 120, 1, 1)."""
        x = self.act1(self.c1(images))  # (N, 6, 28, 28)
        x = self.act2(self.s2(x))  # (N, 6, 14, 14)
        x = self.act3(self.c3(x))  # (N, 16, 10, 10)
        x = self.act4(self.s4(x))  # (N, 16, 5, 5)
        return self.act5(self.c5(x))  # (N, 120, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, in_channels, 32, 32) -> (N, num_classes): distances, or scores (see the class)."""
        why = "F6 is dense, it needs C5 to be 1 x 1, and only 32 x 32 pixels make it so"
        check_images(images, self.in_channels, size=32, why=why)
        x = self.features(images).flatten(1)  # (N, 120)
        x = self.act6(self.f6(x))  # (N, 84)
        x = self.output(x)  # (N, 10)
        return -x if self.scores else x
