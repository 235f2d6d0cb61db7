"""AlexNet: Krizhevsky, Sutskever and Hinton (2012), *ImageNet Classification with Deep
Convolutional Neural Networks*, NIPS. The network is Section 3.5 and Fig. 2, normalisation Section
3.3, pooling Section 3.4, dropout Section 4.2, initialisation Section 5.
"""

from __future__ import annotations

from torch import Tensor, nn

from course_utils.checks import one_of, whole
from course_utils.geometry import output_size
from course_utils.models.layers import Linear, check_fixed_size, check_images, layers_to_draw

VARIANTS = ("paper", "single_tower")

# Section 3.5. Two groups: each GPU ("tower") convolves its own half of the maps.
CONVOLUTIONS = {
    #        maps, kernel, stride, padding, groups
    "conv1": (96, 11, 4, 0, 1),
    "conv2": (256, 5, 1, 2, 2),
    "conv3": (384, 3, 1, 1, 1),  # the one convolution where the towers see each other
    "conv4": (384, 3, 1, 1, 2),
    "conv5": (256, 3, 1, 1, 2),
}
HIDDEN_UNITS = 4096  # fc6 and fc7; fc8 has one unit per class
POOL_KERNEL, POOL_STRIDE = 3, 2  # overlapping: the kernel is larger than the stride

# Section 3.3: b = a / (k + alpha * sum of a^2 over n neighbouring maps)^beta
LRN_K, LRN_N, LRN_ALPHA, LRN_BETA = 2.0, 5, 1e-4, 0.75

# Section 5: these biases start at 1, so that their ReLUs start with positive inputs.
BIAS_ONE = ("conv2", "conv4", "conv5", "fc6", "fc7")


class LocalResponseNorm(nn.LocalResponseNorm):
    """Section 3.3: each map is divided by the strength of its neighbours, within its own tower.

    PyTorch divides alpha by n; the printed formula does not, the authors' released code does.
    """

    def __init__(self, towers: int) -> None:
        super().__init__(LRN_N, alpha=LRN_N * LRN_ALPHA, beta=LRN_BETA, k=LRN_K)
        self.towers = towers

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        n, c, h, w = x.shape
        x = x.reshape(n * self.towers, c // self.towers, h, w)  # each tower as an image of its own
        return super().forward(x).reshape(n, c, h, w)


class AlexNet(nn.Module):
    """AlexNet for one 227 x 227 colour image (Section 3.5, Fig. 2).

    `variant`
        "paper": two towers; conv2, conv4 and conv5 have two groups. 60,965,224 parameters,
        724,406,816 multiply-adds.
        "single_tower": all maps see all maps. 62,378,344 parameters, 1,135,256,096 multiply-adds.
    `input_size`, `conv1_padding`: the side of the images in pixels and the zeros around them. fc6
        is dense, so the network is built for one size: 227 without padding, or 224 with 2.
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
        self,
        variant: str = "paper",
        num_classes: int = 1000,
        *,
        in_channels: int = 3,
        input_size: int = 227,
        conv1_padding: int = 0,
    ) -> None:
        super().__init__()
        one_of("variant", variant, VARIANTS)
        whole("input_size", input_size, 67 - 2 * conv1_padding)
        self.variant = variant
        self.in_channels = in_channels
        self.input_size = input_size
        towers = 2 if variant == "paper" else 1

        def convolution(name: str, inputs: int) -> nn.Conv2d:
            maps, kernel, stride, padding, groups = CONVOLUTIONS[name]
            if name == "conv1":
                padding = conv1_padding
            return nn.Conv2d(inputs, maps, kernel, stride, padding, groups=min(groups, towers))

        side = output_size(input_size, 11, 4, conv1_padding)  # conv1; the others keep the size
        for _ in ("pool1", "pool2", "pool5"):
            side = output_size(side, POOL_KERNEL, POOL_STRIDE)
        self.pool5_shape = (256, side, side)

        self.conv1 = convolution("conv1", in_channels)
        self.relu1 = nn.ReLU()
        self.norm1 = LocalResponseNorm(towers)
        self.pool1 = nn.MaxPool2d(POOL_KERNEL, POOL_STRIDE)
        self.conv2 = convolution("conv2", 96)
        self.relu2 = nn.ReLU()
        self.norm2 = LocalResponseNorm(towers)
        self.pool2 = nn.MaxPool2d(POOL_KERNEL, POOL_STRIDE)
        self.conv3 = convolution("conv3", 256)
        self.relu3 = nn.ReLU()
        self.conv4 = convolution("conv4", 384)
        self.relu4 = nn.ReLU()
        self.conv5 = convolution("conv5", 384)
        self.relu5 = nn.ReLU()
        self.pool5 = nn.MaxPool2d(POOL_KERNEL, POOL_STRIDE)
        self.fc6 = Linear(256 * side * side, HIDDEN_UNITS)
        self.relu6 = nn.ReLU()
        self.dropout6 = nn.Dropout(0.5)
        self.fc7 = Linear(HIDDEN_UNITS, HIDDEN_UNITS)
        self.relu7 = nn.ReLU()
        self.dropout7 = nn.Dropout(0.5)
        self.fc8 = Linear(HIDDEN_UNITS, num_classes)
        for name, layer in layers_to_draw(self):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.bias, 1.0 if name in BIAS_ONE else 0.0)

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

    def forward(self, images: Tensor) -> Tensor:
        """(N, in_channels, input_size, input_size) -> (N, num_classes) scores."""
        check_images(images, self.in_channels)
        maps, height, width = self.pool5_shape
        check_fixed_size(
            images,
            self.input_size,
            f"fc6 is dense, it has one weight for each of the {maps} x {height} x {width} values "
            "of pool5; AlexNet(input_size=...) builds it for another size",
        )
        x = self.features(images).flatten(1)  # (N, 9216)
        x = self.dropout6(self.relu6(self.fc6(x)))  # (N, 4096)
        x = self.dropout7(self.relu7(self.fc7(x)))  # (N, 4096)
        return self.fc8(x)  # (N, 1000)
