"""AlexNet: Krizhevsky, Sutskever and Hinton (2012), *ImageNet Classification with Deep
Convolutional Neural Networks*, NIPS. The network is Section 3.5 and Fig. 2, normalisation Section
3.3, pooling Section 3.4, dropout Section 4.2, initialisation Section 5.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from course_utils.checks import one_of, whole
from course_utils.geometry import output_size
from course_utils.models.layers import Linear, check_images, draw

# Section 3.5. Two groups: each GPU ("tower") convolves its own half of the maps.
CONVOLUTIONS = {
    #        maps, kernel, stride, padding, groups
    "conv1": (96, 11, 4, 0, 1),
    "conv2": (256, 5, 1, 2, 2),
    "conv3": (384, 3, 1, 1, 1),  # the one convolution where the towers see each other
    "conv4": (384, 3, 1, 1, 2),
    "conv5": (256, 3, 1, 1, 2),
}
NORMALISED, POOLED = (1, 2), (1, 2, 5)  # after which convolutions
POOL = (3, 2)  # kernel, stride: they overlap
HIDDEN_UNITS = 4096  # fc6 and fc7; fc8 has one unit per class

# Section 5: these biases start at 1, so that their ReLUs start with positive inputs.
BIAS_ONE = ("conv2", "conv4", "conv5", "fc6", "fc7")


class LocalResponseNorm(nn.LocalResponseNorm):
    """Section 3.3: each map is divided by the strength of its neighbours, within its own tower.

    b = a / (k + alpha * sum of a^2 over n neighbouring maps)^beta; k = 2, n = 5, alpha = 1e-4,
    beta = 0.75. PyTorch divides alpha by n; this formula does not, the authors' released code does.
    """

    def __init__(self, towers: int = 1) -> None:
        super().__init__(5, alpha=5 * 1e-4, beta=0.75, k=2.0)
        self.towers = towers

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        n, c, h, w = x.shape
        x = x.reshape(n * self.towers, c // self.towers, h, w)  # each tower as an image of its own
        return super().forward(x).reshape(n, c, h, w)


class DenseHead(nn.Module):
    """What AlexNet and VGG have after `features`: three dense layers, so one size of images."""

    def add_head(self, maps: int, side: int, num_classes: int) -> None:
        """Add fc6, fc7 and fc8 for maps of pool5 that are side x side."""
        self.pool5_shape = (maps, side, side)
        self.fc6 = Linear(maps * side * side, HIDDEN_UNITS)
        self.relu6 = nn.ReLU()
        self.dropout6 = nn.Dropout(0.5)
        self.fc7 = Linear(HIDDEN_UNITS, HIDDEN_UNITS)
        self.relu7 = nn.ReLU()
        self.dropout7 = nn.Dropout(0.5)
        self.fc8 = Linear(HIDDEN_UNITS, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """(N, in_channels, input_size, input_size) -> (N, num_classes) scores."""
        values = " x ".join(map(str, self.pool5_shape))
        why = (
            f"fc6 is dense, it has one weight for each of the {values} values of pool5; "
            f"{type(self).__name__}(input_size=...) builds it for another size"
        )
        check_images(images, self.in_channels, size=self.input_size, why=why)
        x = self.features(images).flatten(1)  # AlexNet (N, 9216), VGG (N, 25088)
        x = self.dropout6(self.relu6(self.fc6(x)))  # (N, 4096)
        x = self.dropout7(self.relu7(self.fc7(x)))  # (N, 4096)
        return self.fc8(x)  # (N, 1000)


class AlexNet(DenseHead):
    """AlexNet for one 227 x 227 colour image (Section 3.5, Fig. 2).

    `variant`
        "paper": two towers; conv2, conv4 and conv5 have two groups. 60,965,224 parameters,
        724,406,816 multiply-adds.
        "single_tower": all maps see all maps. 62,378,344 parameters, 1,135,256,096 multiply-adds.
    `input_size`, `conv1_padding`: the side of the images in pixels and the zeros around them: 227
        without padding, or 224 with 2.
    Input (N, in_channels, input_size, input_size), output (N, num_classes) scores.

    *Differences from the paper*
    - 227 pixels where the paper prints 224: maps of 55, 27, 13 and 6 a side, and not 54, 26, 12
      and 5. The paper's own code let the last window of conv1 read three pixels past the edge,
      which is 227, or 224 with `conv1_padding=2`; pass 224 to see what goes wrong
    - the normalisation is the printed formula; the released code divides alpha = 1e-4 by n = 5
    - one device: the towers are the groups of a grouped convolution
    - dropout multiplies by 2 in training; the paper multiplies by 0.5 at test time
    - the softmax is in the loss

    *Differences from torchvision*
    - torchvision has the network of Krizhevsky (2014), "One weird trick": 64-192-384-256-256 maps,
      no groups, no normalisation, 224 pixels with padding 2, dropout before the dense layers and
      not after; 61,100,840 parameters
    """

    def __init__(
        self, variant="paper", num_classes=1000, *, in_channels=3, input_size=227, conv1_padding=0
    ) -> None:
        super().__init__()
        one_of("variant", variant, ("paper", "single_tower"))
        self.in_channels = in_channels
        self.input_size = whole("input_size", input_size, 67 - 2 * conv1_padding)
        towers = 2 if variant == "paper" else 1

        side, inputs = input_size, in_channels
        for n, (maps, kernel, stride, padding, groups) in enumerate(CONVOLUTIONS.values(), start=1):
            padding = conv1_padding if n == 1 else padding
            groups = min(groups, towers)
            self.add_module(f"conv{n}", nn.Conv2d(inputs, maps, kernel, stride, padding, 1, groups))
            self.add_module(f"relu{n}", nn.ReLU())
            side, inputs = output_size(side, kernel, stride, padding), maps
            if n in NORMALISED:
                self.add_module(f"norm{n}", LocalResponseNorm(towers))
            if n in POOLED:
                self.add_module(f"pool{n}", nn.MaxPool2d(*POOL))
                side = output_size(side, *POOL)
        self.add_head(maps, side, num_classes)
        draw(self, partial(nn.init.normal_, std=0.01), lambda name: float(name in BIAS_ONE))

    def features(self, images: Tensor) -> Tensor:
        """Return the activations of pool5, (N, 256, 6, 6) for 227 pixels."""
        x = self.relu1(self.conv1(images))  # (N, 96, 55, 55)
        x = self.pool1(self.norm1(x))  # (N, 96, 27, 27)
        x = self.relu2(self.conv2(x))  # (N, 256, 27, 27)
        x = self.pool2(self.norm2(x))  # (N, 256, 13, 13)
        x = self.relu3(self.conv3(x))  # (N, 384, 13, 13)
        x = self.relu4(self.conv4(x))  # (N, 384, 13, 13)
        x = self.relu5(self.conv5(x))  # (N, 256, 13, 13)
        return self.pool5(x)  # (N, 256, 6, 6)
