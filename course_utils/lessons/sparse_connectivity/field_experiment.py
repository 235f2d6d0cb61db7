"""The networks of lesson 01's last part: what a deep unit sees before and after training."""

import torch
from torch import nn

from course_utils import datasets
from course_utils.probing import effective_receptive_field
from course_utils.training import fit


def plain(depth):
    """3×3 convolutions and ReLUs, with a random start that keeps the size of the signal."""
    layers = []
    for channels in (1, *[16] * (depth - 1)):
        conv = nn.Conv2d(channels, 16, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        layers += [conv, nn.ReLU()]
    return nn.Sequential(*layers)


class Shortcut(nn.Module):
    """A convolution that adds its result to its input, so that eight of them learn easily."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3, padding=1)

    def forward(self, x):  # (N, 16, H, W) -> the same shape
        return x + self.conv(x).relu()


class Centre(nn.Module):
    """The one unit in the middle of each map: (N, C, H, W) -> (N, C)."""

    def forward(self, x):
        return x[:, :, x.shape[2] // 2, x.shape[3] // 2]


def fields_before_and_after(seed):
    """Train eight layers to read a digit from their centre unit; return its two effective fields.

    The digits are real scans of 16×16 pixels.
    """
    torch.manual_seed(seed)
    maps = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), *[Shortcut() for _ in range(7)])
    before = effective_receptive_field(maps, (1, 25, 25), samples=100)
    train, _ = datasets.digits(size=16)
    fit(
        nn.Sequential(maps, Centre(), nn.Linear(16, 10)),
        train,
        epochs=10,
        lr=3e-3,
        batch_size=32,
        seed=seed,
    )
    return before, effective_receptive_field(maps, (1, 25, 25), samples=100)
