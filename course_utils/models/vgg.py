"""VGG: Simonyan and Zisserman (2014), *Very Deep Convolutional Networks for Large-Scale Image
Recognition*, arXiv 1409.1556. The networks are Section 2 and Table 1, the parameter counts Table 2,
initialisation Section 3.1.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from course_utils.checks import one_of, whole
from course_utils.models.alexnet import DenseHead, LocalResponseNorm
from course_utils.models.layers import draw, draw_as_he, draw_as_torch

# Table 1, one network a line: the maps of each convolution, 3 x 3 unless it says conv1.
# After each convolution comes a ReLU, after each block ("|") a 2 x 2 max-pooling with stride 2.
TABLE_1 = """
A      64     | 128     | 256 256           | 512 512           | 512 512
A-LRN  64 LRN | 128     | 256 256           | 512 512           | 512 512
B      64 64  | 128 128 | 256 256           | 512 512           | 512 512
C      64 64  | 128 128 | 256 256 conv1-256 | 512 512 conv1-512 | 512 512 conv1-512
D      64 64  | 128 128 | 256 256 256       | 512 512 512       | 512 512 512
E      64 64  | 128 128 | 256 256 256 256   | 512 512 512 512   | 512 512 512 512
"""
# For each network its five blocks, as in ("conv3-64", "conv3-64").
CONFIGURATIONS = {
    name: tuple(
        tuple(f"conv3-{item}" if item.isdigit() else item for item in block.split())
        for block in blocks.split("|")
    )
    for name, blocks in (line.split(maxsplit=1) for line in TABLE_1.strip().splitlines())
}
INITS = {
    "glorot": partial(draw, weight=nn.init.xavier_uniform_),
    "printed": partial(draw, weight=partial(nn.init.normal_, std=0.1)),
    "small": partial(draw, weight=partial(nn.init.normal_, std=0.01)),
    "he": draw_as_he,
    "torch": draw_as_torch,
}


class VGG(DenseHead):
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
        configuration="D",
        num_classes=1000,
        *,
        in_channels=3,
        input_size=224,
        batch_norm=False,
        init="glorot",
    ) -> None:
        super().__init__()
        one_of("configuration", configuration, CONFIGURATIONS)
        one_of("init", init, INITS)
        self.in_channels = in_channels
        self.input_size = whole("input_size", input_size, 32)

        maps = in_channels
        for number, items in enumerate(CONFIGURATIONS[configuration], start=1):
            block = nn.Sequential()
            for position, item in enumerate(items, start=1):
                name = f"{number}_{position}"
                if item == "LRN":
                    block.add_module(f"norm{name}", LocalResponseNorm())
                    continue
                inputs, (kernel, maps) = maps, map(int, item.removeprefix("conv").split("-"))
                block.add_module(f"conv{name}", nn.Conv2d(inputs, maps, kernel, 1, kernel // 2))
                if batch_norm:
                    block.add_module(f"bn{name}", nn.BatchNorm2d(maps))
                block.add_module(f"relu{name}", nn.ReLU())
            block.add_module(f"pool{number}", nn.MaxPool2d(2, 2))
            self.add_module(f"block{number}", block)
        self.add_head(maps, input_size // 2**5, num_classes)  # five poolings
        INITS[init](self)

    def features(self, images: Tensor) -> Tensor:
        """Return the activations of pool5, (N, 512, 7, 7) for 224 pixels."""
        x = self.block1(images)  # (N, 64, 112, 112)
        x = self.block2(x)  # (N, 128, 56, 56)
        x = self.block3(x)  # (N, 256, 28, 28)
        x = self.block4(x)  # (N, 512, 14, 14)
        return self.block5(x)  # (N, 512, 7, 7)
