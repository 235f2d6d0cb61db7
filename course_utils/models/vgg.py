"""VGG: Simonyan and Zisserman (2014), *Very Deep Convolutional Networks for Large-Scale Image
Recognition*, arXiv 1409.1556. The networks are Section 2 and Table 1, the parameter counts Table 2,
initialisation Section 3.1.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from course_utils.checks import one_of, whole
from course_utils.models.layers import (
    Linear,
    check_fixed_size,
    check_images,
    draw_as_he,
    draw_as_torch,
    layers_to_draw,
)

# Table 1, one network a line: the maps of each convolution, 3 x 3 unless "1x1" stands before them.
# After each convolution comes a ReLU, after each block ("|") a 2 x 2 max-pooling with stride 2.
TABLE_1 = """
A      64     | 128     | 256 256         | 512 512         | 512 512
A-LRN  64 LRN | 128     | 256 256         | 512 512         | 512 512
B      64 64  | 128 128 | 256 256         | 512 512         | 512 512
C      64 64  | 128 128 | 256 256 1x1-256 | 512 512 1x1-512 | 512 512 1x1-512
D      64 64  | 128 128 | 256 256 256     | 512 512 512     | 512 512 512
E      64 64  | 128 128 | 256 256 256 256 | 512 512 512 512 | 512 512 512 512
"""


def read_table(table: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Return for each network its five blocks, as in `("conv3-64", "conv3-64")`."""

    def written_out(item: str) -> str:
        return item.replace("1x1-", "conv1-") if "x" in item or item == "LRN" else f"conv3-{item}"

    rows = (line.split(maxsplit=1) for line in table.strip().splitlines())
    return {
        name: tuple(tuple(map(written_out, block.split())) for block in blocks.split("|"))
        for name, blocks in rows
    }


CONFIGURATIONS = read_table(TABLE_1)
HIDDEN_UNITS = 4096  # fc6 and fc7; fc8 has one unit per class
INITS = ("glorot", "printed", "small", "he", "torch")


def build_block(
    number: int, items: tuple[str, ...], in_channels: int, batch_norm: bool
) -> tuple[nn.Sequential, int]:
    """Build block `number` (1 to 5) from its column in Table 1.

    Returns the block, (N, in_channels, H, W) -> (N, maps, H/2, W/2), and its number of maps.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    maps = in_channels
    for position, item in enumerate(items, start=1):
        name = f"{number}_{position}"
        if item == "LRN":  # constants of AlexNet: k = 2, n = 5, alpha = 1e-4, beta = 0.75
            # PyTorch divides alpha by n, the formula does not: hence 5 * 1e-4.
            layers[f"norm{name}"] = nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)
            continue
        inputs = maps
        kernel, maps = (int(part) for part in item.removeprefix("conv").split("-"))
        layers[f"conv{name}"] = nn.Conv2d(inputs, maps, kernel, padding=kernel // 2)
        if batch_norm:
            layers[f"bn{name}"] = nn.BatchNorm2d(maps)
        layers[f"relu{name}"] = nn.ReLU()
    layers[f"pool{number}"] = nn.MaxPool2d(2, 2)
    return nn.Sequential(layers), maps


class VGG(nn.Module):
    """VGG for one 224 x 224 colour image (Table 1).

    `configuration`: "A", "A-LRN", "B", "C", "D" (VGG-16) or "E" (VGG-19). Parameters, in the order
        A, B, C, D, E: 132,863,336, 133,047,848, 133,638,952, 138,357,544, 143,667,240.
    `input_size`: the side of the images in pixels, at least 32. fc6 is dense, so the network is
        built for one size. 32 pixels leave one value per map.
    `batch_norm`: batch normalisation after every convolution. Not in the paper.
    `init` (biases are 0, except with "torch")
        "glorot": U(-b, b), b^2 = 6 / (fan-in + fan-out). Section 3.1: found after the submission
        to make pre-training unnecessary. The default.
        "printed": N(0, variance 1e-2), so standard deviation 0.1, as Section 3.1 prints it. It was
        used for A and for the layers that the deeper nets did not copy from A. The signal grows
        from layer to layer.
        "small": N(0, 0.01^2), what many people read there. The signal shrinks.
        "he": N(0, 2 / fan-in), of He et al. (2015). The signal keeps its size.
        "torch": U(-1/sqrt(F), 1/sqrt(F)), F = fan-in, PyTorch's default.

    Input (N, in_channels, input_size, input_size), output (N, num_classes) scores.

    *Differences from the paper*
    - dense evaluation (the head as convolutions, on the whole image) is not built in
    - the softmax is in the loss

    *Differences from torchvision*
    - torchvision has A, B, D, E as vgg11, vgg13, vgg16, vgg19 with equal counts, and neither A-LRN
      nor C
    - torchvision pools to 7 x 7 before the head, so that it takes other sizes; here they are errors
    - torchvision starts from He et al. (2015) for convolutions and N(0, 0.01^2) for the head
    """

    def __init__(
        self,
        configuration: str = "D",
        num_classes: int = 1000,
        *,
        in_channels: int = 3,
        input_size: int = 224,
        batch_norm: bool = False,
        init: str = "glorot",
    ) -> None:
        super().__init__()
        one_of("configuration", configuration, CONFIGURATIONS)
        whole("input_size", input_size, 32)
        one_of("init", init, INITS)
        self.configuration = configuration
        self.in_channels = in_channels
        self.input_size = input_size

        blocks = CONFIGURATIONS[configuration]
        self.block1, maps = build_block(1, blocks[0], in_channels, batch_norm)
        self.block2, maps = build_block(2, blocks[1], maps, batch_norm)
        self.block3, maps = build_block(3, blocks[2], maps, batch_norm)
        self.block4, maps = build_block(4, blocks[3], maps, batch_norm)
        self.block5, maps = build_block(5, blocks[4], maps, batch_norm)

        side = input_size // 2**5  # five poolings
        self.pool5_shape = (maps, side, side)
        self.fc6 = Linear(maps * side * side, HIDDEN_UNITS)
        self.relu6 = nn.ReLU()
        self.dropout6 = nn.Dropout(0.5)
        self.fc7 = Linear(HIDDEN_UNITS, HIDDEN_UNITS)
        self.relu7 = nn.ReLU()
        self.dropout7 = nn.Dropout(0.5)
        self.fc8 = Linear(HIDDEN_UNITS, num_classes)
        self._initialise(init)

    def _initialise(self, init: str) -> None:
        if init == "he":
            draw_as_he(self)
        elif init == "torch":
            draw_as_torch(self)
        else:
            for _, layer in layers_to_draw(self):
                if init == "glorot":
                    nn.init.xavier_uniform_(layer.weight)
                else:
                    nn.init.normal_(layer.weight, std=0.1 if init == "printed" else 0.01)
                nn.init.zeros_(layer.bias)

    def features(self, images: Tensor) -> Tensor:
        """Return the activations of pool5, (N, 512, 7, 7) for 224 pixels."""
        x = self.block1(images)  # (N, 64, 112, 112)
        x = self.block2(x)  # (N, 128, 56, 56)
        x = self.block3(x)  # (N, 256, 28, 28)
        x = self.block4(x)  # (N, 512, 14, 14)
        return self.block5(x)  # (N, 512, 7, 7)

    def forward(self, images: Tensor) -> Tensor:
        """(N, in_channels, input_size, input_size) -> (N, num_classes) scores."""
        check_images(images, self.in_channels)
        maps, height, width = self.pool5_shape
        check_fixed_size(
            images,
            self.input_size,
            f"fc6 is dense, it has one weight for each of the {maps} x {height} x {width} values "
            "of pool5; VGG(input_size=...) builds it for another size",
        )
        x = self.features(images).flatten(1)  # (N, 25088)
        x = self.dropout6(self.relu6(self.fc6(x)))  # (N, 4096)
        x = self.dropout7(self.relu7(self.fc7(x)))  # (N, 4096)
        return self.fc8(x)  # (N, 1000)
