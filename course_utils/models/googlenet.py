"""GoogLeNet: Szegedy et al. (2014), *Going Deeper with Convolutions*, arXiv 1409.4842. The module
is Section 4 and Fig. 2, the network Section 5, Table 1 and Fig. 3.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.checks import one_of, whole
from course_utils.geometry import output_size
from course_utils.models.alexnet import LocalResponseNorm
from course_utils.models.layers import check_images, draw, draw_as_he, draw_as_torch

# Table 1: the number of filters of the six convolutions of each module.
INCEPTION_TABLE = {
    #     1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class ConvReLU(nn.Sequential):
    """A convolution and a ReLU, with batch normalisation in between if asked for."""

    def __init__(
        self, in_channels: int, maps: int, kernel: int, stride: int = 1, *, batch_norm: bool = False
    ) -> None:
        super().__init__()
        bias = not batch_norm  # the normalisation has its own
        self.conv = nn.Conv2d(in_channels, maps, kernel, stride, kernel // 2, bias=bias)
        if batch_norm:
            self.bn = nn.BatchNorm2d(maps)
        self.relu = nn.ReLU()


class NaiveInception(nn.Module):
    """Fig. 2(a): three convolutions and a max-pooling side by side, stacked into one output.

    The pooling passes all its input maps on, so the output always has more maps than the input.
    """

    def __init__(self, in_channels: int, n1x1: int, n3x3: int, n5x5: int) -> None:
        super().__init__()
        self.conv1x1 = ConvReLU(in_channels, n1x1, 1)
        self.conv3x3 = ConvReLU(in_channels, n3x3, 3)
        self.conv5x5 = ConvReLU(in_channels, n5x5, 5)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.out_channels = n1x1 + n3x3 + n5x5 + in_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W)."""
        branches = self.conv1x1(x), self.conv3x3(x), self.conv5x5(x), self.pool(x)
        return torch.cat(branches, dim=1)


class Inception(nn.Module):
    """Fig. 2(b): 1x1 convolutions reduce the maps before the 3x3 and 5x5, and after the pooling.

    `filters`: a row of `INCEPTION_TABLE`, as in `Inception(192, *INCEPTION_TABLE["3a"])`.
    """

    def __init__(self, in_channels: int, *filters: int, batch_norm: bool = False) -> None:
        super().__init__()
        n1x1, n3x3_reduce, n3x3, n5x5_reduce, n5x5, pool_projection = filters
        conv = partial(ConvReLU, batch_norm=batch_norm)
        self.conv1x1 = conv(in_channels, n1x1, 1)
        self.reduce3x3 = conv(in_channels, n3x3_reduce, 1)
        self.conv3x3 = conv(n3x3_reduce, n3x3, 3)
        self.reduce5x5 = conv(in_channels, n5x5_reduce, 1)
        self.conv5x5 = conv(n5x5_reduce, n5x5, 5)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.projection = conv(in_channels, pool_projection, 1)
        self.out_channels = n1x1 + n3x3 + n5x5 + pool_projection

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W)."""
        branches = [
            self.conv1x1(x),  # (N, n1x1, H, W)
            self.conv3x3(self.reduce3x3(x)),  # (N, n3x3, H, W)
            self.conv5x5(self.reduce5x5(x)),  # (N, n5x5, H, W)
            self.projection(self.pool(x)),  # (N, pool_projection, H, W)
        ]
        return torch.cat(branches, dim=1)


class AuxiliaryHead(nn.Module):
    """Section 5: a small classifier on the maps of 4a or 4d, used in training only."""

    def __init__(
        self, in_channels: int, map_size: int, num_classes: int, width: float, batch_norm: bool
    ) -> None:
        super().__init__()
        maps, units = int(width * 128), int(width * 1024)
        self.pool = nn.AvgPool2d(5, stride=3)
        self.conv = ConvReLU(in_channels, maps, 1, batch_norm=batch_norm)
        self.fc1 = nn.Linear(maps * output_size(map_size, 5, 3) ** 2, units)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(units, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, map_size, map_size) -> (N, num_classes) scores."""
        x = self.pool(x)  # (N, 512, 4, 4), from 14 x 14
        x = self.conv(x).flatten(1)  # (N, 2048)
        x = self.dropout(self.relu(self.fc1(x)))  # (N, 1024)
        return self.fc2(x)  # (N, 1000)


class GoogLeNetOutput(NamedTuple):
    """The scores of the three heads in training, each (N, num_classes)."""

    main: Tensor
    auxiliary_4a: Tensor
    auxiliary_4d: Tensor


def training_loss(output: GoogLeNetOutput, labels: Tensor, auxiliary_weight=0.3) -> Tensor:
    """Section 5: the cross-entropy of the main head plus 0.3 times that of each auxiliary head."""
    main, *auxiliary = (nn.functional.cross_entropy(scores, labels) for scores in output)
    return main + auxiliary_weight * sum(auxiliary)


def draw_as_caffe(network: nn.Module) -> None:
    """Draw weights from U(-b, b), b^2 = 3 / fan-in; biases are 0.2, and 0 in the classifiers."""

    def weight(tensor: Tensor) -> None:
        bound = (3 / tensor[0].numel()) ** 0.5
        nn.init.uniform_(tensor, -bound, bound)

    classifiers = ("linear", "auxiliary4a.fc2", "auxiliary4d.fc2")
    draw(network, weight, lambda name: 0.0 if name in classifiers else 0.2)


INITS = {"caffe": draw_as_caffe, "he": draw_as_he, "torch": draw_as_torch}


class GoogLeNet(nn.Module):
    """GoogLeNet for a 224 x 224 colour image (Table 1).

    `auxiliary`: with the two auxiliary heads 13,378,280 parameters, without 6,998,552. In training
        mode the network with heads returns a `GoogLeNetOutput` (see `training_loss`); in evaluation
        mode it skips the heads and returns the main scores only. Without the heads the scores are
        all it ever returns, and 1,582,671,872 multiply-adds all it costs.
    `input_size`: the auxiliary heads are dense, so in training they take one size only (at least 79
        pixels, which leave them 5 x 5 to pool). Everything else takes any image of 32 pixels or
        more: the main head averages each map over all positions.
    `width`: 1, 1/2, 1/4 or 1/8 of the maps, for experiments that must be quick.
    `stem`: "full" has the 7x7 convolution that Table 1 names (9,408 weights, 118 million
        multiply-adds). "separable" has the one that Table 1's numbers fit (2.7K, 34M): each colour
        through 8 filters of its own, then 1x1. The paper does not say so; it is an inference.
    `batch_norm`: batch normalisation after every convolution, in place of LRN. Not in the paper;
        7,005,832 parameters without heads.
    `init`: the paper gives none.
        "caffe": that of BVLC's replication, U(-b, b) with b^2 = 3 / fan-in, biases 0.2, and 0 in
        the classifiers.
        "he": N(0, 2 / fan-in), biases 0, of He et al. (2015). With it small versions learn quickly.
        "torch": U(-1/sqrt(F), 1/sqrt(F)), F = fan-in, PyTorch's default.

    Input (N, in_channels, H, W), output (N, num_classes) scores.

    *Differences from the paper*
    - Table 1 contradicts itself in places: `stem` explains row 1; the printed parameters of 4a to
      5b do not follow from the printed filter numbers. The filter numbers are used
    - the normalisation of Fig. 3 is given without constants; those of AlexNet are used
    - the softmax is in the loss

    *Differences from torchvision*
    - torchvision has 3x3 convolutions where the paper has 5x5, batch normalisation and no LRN
    - torchvision's fourth max-pooling is 2x2, the paper's 3x3; its main dropout is 0.2, not 0.4
    - torchvision's auxiliary heads pool to 4x4 from any size, the paper's are 5x5 with stride 3
    - 6,624,904 parameters without, 13,004,888 with auxiliary heads
    """

    def __init__(
        self,
        auxiliary=True,
        num_classes=1000,
        *,
        in_channels=3,
        input_size=224,
        width=1,
        stem="full",
        batch_norm=False,
        init="caffe",
    ) -> None:
        super().__init__()
        one_of("stem", stem, ("full", "separable"))
        one_of("init", init, INITS)
        self.auxiliary = auxiliary
        self.in_channels = in_channels
        self.input_size = whole("input_size", input_size, 79 if auxiliary else 32)
        conv1, conv2_reduce, conv2 = (int(width * n) for n in (64, 64, 192))  # Table 1
        conv = partial(ConvReLU, batch_norm=batch_norm)
        normalisation = nn.Identity if batch_norm else LocalResponseNorm
        max_pool = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)  # 112 -> 56 -> 28 -> 14 -> 7

        if stem == "full":
            self.conv1 = conv(in_channels, conv1, 7, 2)
        else:
            each = nn.Conv2d(in_channels, 8 * in_channels, 7, 2, 3, groups=in_channels, bias=False)
            self.conv1 = nn.Sequential(OrderedDict(each=each, mix=conv(8 * in_channels, conv1, 1)))
        self.pool1 = max_pool()
        self.norm1 = normalisation()
        self.conv2_reduce = conv(conv1, conv2_reduce, 1)
        self.conv2 = conv(conv2_reduce, conv2, 3)
        self.norm2 = normalisation()
        maps = {}  # name of a module -> maps it puts out
        inputs = conv2
        for name, filters in INCEPTION_TABLE.items():
            if name.endswith("a"):
                self.add_module(f"pool{int(name[0]) - 1}", max_pool())
            filters = [int(width * n) for n in filters]
            module = Inception(inputs, *filters, batch_norm=batch_norm)
            self.add_module(f"inception{name}", module)
            maps[name] = inputs = module.out_channels
        self.pool5 = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.4)
        self.linear = nn.Linear(inputs, num_classes)
        for name in ("4a", "4d") if auxiliary else ():
            side = (input_size + 1) // 2 // 8  # conv1 rounds up, three poolings down: 224 -> 14
            head = AuxiliaryHead(maps[name], side, num_classes, width, batch_norm)
            self.add_module(f"auxiliary{name}", head)
        INITS[init](self)

    def _after_4a_4d_5b(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.conv1(images)  # (N, 64, 112, 112)
        x = self.norm1(self.pool1(x))  # (N, 64, 56, 56)
        x = self.conv2_reduce(x)  # (N, 64, 56, 56)
        x = self.norm2(self.conv2(x))  # (N, 192, 56, 56)
        x = self.inception3a(self.pool2(x))  # (N, 256, 28, 28)
        x = self.inception3b(x)  # (N, 480, 28, 28)
        after_4a = self.inception4a(self.pool3(x))  # (N, 512, 14, 14)
        x = self.inception4b(after_4a)  # (N, 512, 14, 14)
        x = self.inception4c(x)  # (N, 512, 14, 14)
        after_4d = self.inception4d(x)  # (N, 528, 14, 14)
        x = self.inception4e(after_4d)  # (N, 832, 14, 14)
        x = self.inception5a(self.pool4(x))  # (N, 832, 7, 7)
        return after_4a, after_4d, self.inception5b(x)  # the last (N, 1024, 7, 7)

    def features(self, images: Tensor) -> Tensor:
        """Return the activations of 5b, (N, 1024, 7, 7) for 224 pixels."""
        return self._after_4a_4d_5b(images)[2]

    def forward(self, images: Tensor) -> Tensor | GoogLeNetOutput:
        """(N, in_channels, H, W) -> (N, num_classes) scores; with heads, in training, three."""
        heads = self.auxiliary and self.training
        why = (
            "the auxiliary heads are dense and used in training; GoogLeNet(input_size=...) builds "
            "them for another size, auxiliary=False or eval() does without them"
        )
        check_images(images, self.in_channels, 32, size=self.input_size if heads else 0, why=why)
        after_4a, after_4d, x = self._after_4a_4d_5b(images)
        x = self.pool5(x).flatten(1)  # (N, 1024)
        main = self.linear(self.dropout(x))  # (N, 1000)
        if heads:
            return GoogLeNetOutput(main, self.auxiliary4a(after_4a), self.auxiliary4d(after_4d))
        return main
