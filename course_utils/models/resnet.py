"""ResNet: He, Zhang, Ren and Sun (2015), *Deep Residual Learning for Image Recognition*, arXiv
1512.03385. The block is Section 3.2 and Fig. 2, the bottleneck Fig. 5, the ImageNet networks Table
1, the shortcuts Section 4.1, the CIFAR-10 networks Section 4.2.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from course_utils.checks import one_of, whole
from course_utils.models.layers import check_images, draw_as_he

# Table 1: the kind of block, and how many of them in conv2_x, conv3_x, conv4_x and conv5_x.
TABLE_1 = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}
# Maps of the 3x3 convolutions in the four stages; a bottleneck puts out four times as many.
STAGE_MAPS = {"conv2_x": 64, "conv3_x": 128, "conv4_x": 256, "conv5_x": 512}

# Section 4.1: what a shortcut does where the number of maps grows ("dotted" in Fig. 3).
SHORTCUTS = {
    "A": "the input, and zeros for the new maps: no parameters",
    "B": "a 1x1 convolution (projection) where the number of maps grows, the input elsewhere",
    "C": "a projection in every block",
}
# Where a bottleneck that halves the maps has its stride: the paper's code, and torchvision.
VERSIONS = {"v1": "on the first 1x1 convolution", "v1.5": "on the 3x3 convolution"}


class ZeroPadShortcut(nn.Module):
    """Option A: keep every `stride`-th position, and append maps of zeros."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.new_maps = whole("out_channels", out_channels, in_channels) - in_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H/stride, W/stride), H and W rounded up."""
        x = x[:, :, :: self.stride, :: self.stride]
        return nn.functional.pad(x, (0, 0, 0, 0, 0, self.new_maps))


def make_shortcut(option: str, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Return the shortcut of one block, by option A, B or C (Section 4.1)."""
    one_of("shortcut", option, SHORTCUTS)
    same = in_channels == out_channels and stride == 1
    if option == "C" or (option == "B" and not same):
        convolution = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        return nn.Sequential(OrderedDict(conv=convolution, bn=nn.BatchNorm2d(out_channels)))
    if same:
        return nn.Identity()
    return ZeroPadShortcut(in_channels, out_channels, stride)


class Block(nn.Module):
    """Convolutions with batch normalisation and ReLU; before the last ReLU comes the addition.

    Each convolution puts out `maps`, the last one `expansion` times as many.
    `shortcut`: "A", "B" or "C" (see `SHORTCUTS`). `residual=False`: no shortcut and no addition.
    `version`: where a bottleneck has its stride (see `VERSIONS`).
    Setting the attribute `shortcut` of a built block to None cuts its shortcut.
    """

    kernels: tuple[int, ...]
    expansion = 1

    def __init__(
        self, in_channels, maps, stride=1, *, shortcut="B", residual=True, version="v1"
    ) -> None:
        super().__init__()
        one_of("version", version, VERSIONS)
        self.last = len(self.kernels)
        strided = 2 if version == "v1.5" and self.last == 3 else 1
        inputs = in_channels
        for n, kernel in enumerate(self.kernels, start=1):
            outputs = maps * self.expansion if n == self.last else maps
            step = stride if n == strided else 1
            conv = nn.Conv2d(inputs, outputs, kernel, step, kernel // 2, bias=False)
            self.add_module(f"conv{n}", conv)
            self.add_module(f"bn{n}", nn.BatchNorm2d(outputs))
            if n < self.last:
                self.add_module(f"relu{n}", nn.ReLU())
            inputs = outputs
        self.shortcut = make_shortcut(shortcut, in_channels, inputs, stride) if residual else None
        self.add_module(f"relu{self.last}", nn.ReLU())

    @property
    def last_bn(self) -> nn.BatchNorm2d:
        """The normalisation just before the addition."""
        return getattr(self, f"bn{self.last}")

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, expansion * maps, H/stride, W/stride)."""
        out = x
        for n in range(1, self.last + 1):
            conv, bn, relu = (getattr(self, f"{kind}{n}") for kind in ("conv", "bn", "relu"))
            out = bn(conv(out))  # (N, maps, H/stride, W/stride), the last with `expansion`
            if n == self.last and self.shortcut is not None:
                out = out + self.shortcut(x)
            out = relu(out)
        return out


class BasicBlock(Block):
    """Fig. 2 and Fig. 5 (left): two 3x3 convolutions, then the addition, then the ReLU."""

    kernels = (3, 3)


class BottleneckBlock(Block):
    """Fig. 5 (right): 1x1 to fewer maps, 3x3, 1x1 to four times as many, addition, ReLU."""

    kernels, expansion = (1, 3, 1), 4


class ResidualNetwork(nn.Module):
    """What both kinds share: conv1, stages of blocks, the average over all positions, fc.

    `stem`: maps, kernel and stride of conv1. `stages`: (name, maps, number of blocks); each stage
    but the first begins by halving the sides of its maps. `smallest`: rows and columns of an image.
    """

    smallest: int

    def __init__(
        self, in_channels: int, stem: tuple, block: type[Block], stages, num_classes: int, **options
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        inputs, kernel, stride = stem
        self.conv1 = nn.Conv2d(in_channels, inputs, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU()
        if stride == 2:
            self.pool1 = nn.MaxPool2d(3, 2, 1)
        for number, (name, maps, blocks) in enumerate(stages):
            stage = nn.Sequential()
            for place in range(blocks):
                stride = 2 if number > 0 and place == 0 else 1
                stage.append(block(inputs, maps, stride, **options))
                inputs = maps * block.expansion
            self.add_module(name, stage)
        self.average_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, num_classes)
        draw_as_he(self)

    def forward(self, images: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, num_classes) scores."""
        check_images(images, self.in_channels, self.smallest)
        x = self.features(images)  # (N, maps, H/32, W/32), in a CifarResNet (N, maps, H/4, W/4)
        x = self.average_pool(x).flatten(1)  # (N, maps)
        return self.fc(x)


class ResNet(ResidualNetwork):
    """ResNet for a 224 x 224 colour image (Table 1), and the plain networks of the same shape.

    `depth`: 18, 34, 50, 101 or 152, counted as in the paper: convolutions and the dense layer on
        the main path, without projections.
    `shortcut`: "A", "B" or "C" (see `SHORTCUTS`). The paper's 50, 101 and 152 have "B"; its Table 2
        compares plain networks with "A".
    `residual=False`: the plain network, no shortcuts and no additions; `shortcut` has no effect.
    `version`: "v1" or "v1.5", where the bottlenecks have their stride (see `VERSIONS`). Depths 18
        and 34 have no bottlenecks and are the same in both.
    Weights start as in He et al. (2015): N(0, 2 / fan-in), biases 0.

    Parameters with "B": 11,689,512 (18), 21,797,672 (34), 25,557,032 (50), 44,549,160 (101),
    60,192,808 (152). What the paper calls FLOPs are multiply-adds.

    Input (N, in_channels, H, W) with H, W >= 32, output (N, num_classes) scores. The head averages
    over all positions, so any such size will do.

    *Differences from the paper*
    - none in the layers. The released ResNet-50 has a bias in conv1 that the normalisation cancels;
      it is left out, as in the released 101 and 152

    *Differences from torchvision*
    - torchvision has option B only, and no plain networks
    - torchvision's bottlenecks are "v1.5"; the same parameters, 4,089,184,256 instead of
      3,857,973,248 multiply-adds for depth 50
    - torchvision draws from N(0, 2 / fan-out), and its dense layer by PyTorch's default
    """

    smallest = 32

    def __init__(
        self,
        depth=50,
        shortcut="B",
        residual=True,
        num_classes=1000,
        *,
        in_channels=3,
        version="v1",
    ) -> None:
        kind, blocks = TABLE_1[one_of("depth", depth, TABLE_1)]
        block = BottleneckBlock if kind == "bottleneck" else BasicBlock
        stages = zip(STAGE_MAPS, STAGE_MAPS.values(), blocks, strict=True)
        options = {"shortcut": shortcut, "residual": residual, "version": version}
        super().__init__(in_channels, (64, 7, 2), block, stages, num_classes, **options)

    def features(self, images: Tensor) -> Tensor:
        """Return the activations of conv5_x, (N, 512 or 2048, 7, 7) for 224 pixels."""
        x = self.relu1(self.bn1(self.conv1(images)))  # (N, 64, 112, 112)
        x = self.pool1(x)  # (N, 64, 56, 56)
        x = self.conv2_x(x)  # (N, 64, 56, 56), with bottlenecks (N, 256, 56, 56)
        x = self.conv3_x(x)  # (N, 128, 28, 28), with bottlenecks (N, 512, 28, 28)
        x = self.conv4_x(x)  # (N, 256, 14, 14), with bottlenecks (N, 1024, 14, 14)
        return self.conv5_x(x)  # (N, 512, 7, 7), with bottlenecks (N, 2048, 7, 7)


class CifarResNet(ResidualNetwork):
    """The networks of Section 4.2 for small images (32 x 32 in the paper), residual or plain.

    `depth`: 6n + 2, so 8, 14, 20, 26, ...: a 3x3 convolution, three stages of n blocks of two 3x3
        convolutions, a dense layer. The paper has 20, 32, 44, 56, 110 and 1202.
    `shortcut`: "A" (the paper's only one here), "B" or "C" (see `SHORTCUTS`).
    `residual=False`: the plain network, no shortcuts and no additions; `shortcut` has no effect.
    `widths`: the maps of the three stages; with shortcut "A" none fewer than the one before.
    `zero_last_gamma`: start the last normalisation of each block at 0, so that each block starts as
        its shortcut. Not in the paper (Goyal et al., 2017).

    Weights start as in `ResNet`.

    Parameters with "A": 269,722 (20), 464,154 (32), 658,586 (44), 853,018 (56), 1,727,962 (110),
    19,421,274 (1202). The plain networks have as many.

    Input (N, in_channels, H, W) with H, W >= 4, output (N, num_classes) scores. The head averages
    over all positions, so any such size will do.

    *Differences from the paper*
    - none in the layers

    *Differences from torchvision*
    - torchvision has no such networks
    """

    smallest = 4

    def __init__(
        self,
        depth=20,
        shortcut="A",
        residual=True,
        num_classes=10,
        *,
        in_channels=3,
        widths=(16, 32, 64),
        zero_last_gamma=False,
    ) -> None:
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth must be 6n + 2 (8, 14, 20, 26, ...), got {depth}")
        stages = [(f"stage{i}", maps, (depth - 2) // 6) for i, maps in enumerate(widths, start=1)]
        options = {"shortcut": shortcut, "residual": residual}
        super().__init__(in_channels, (widths[0], 3, 1), BasicBlock, stages, num_classes, **options)
        if zero_last_gamma:
            for block in (*self.stage1, *self.stage2, *self.stage3):
                nn.init.zeros_(block.last_bn.weight)

    def features(self, images: Tensor) -> Tensor:
        """Return the activations of the third stage, (N, 64, 8, 8) for 32 pixels."""
        x = self.relu1(self.bn1(self.conv1(images)))  # (N, 16, 32, 32)
        x = self.stage1(x)  # (N, 16, 32, 32)
        x = self.stage2(x)  # (N, 32, 16, 16)
        return self.stage3(x)  # (N, 64, 8, 8)
