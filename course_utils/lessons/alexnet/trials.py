"""The small networks and data of lesson 08's experiments: what stays equal while one thing changes.

What an experiment changes (a function, a window, dropout) stands in the notebook.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 7  # of the patches that become filters


def four_layers(unit: type[nn.Module] = nn.ReLU, seed: int = 0) -> nn.Sequential:
    """Return two convolutions and two dense layers for (N, 1, 8, 8), after fig. 1 of the paper.

    Weights start as He says for ReLU and as Xavier says for the others, biases at 0.
    """
    torch.manual_seed(seed)
    return started(
        [nn.Conv2d(1, 16, 3, padding=1), unit(), nn.MaxPool2d(2)]
        + [nn.Conv2d(16, 32, 3, padding=1), unit(), nn.MaxPool2d(2), nn.Flatten()]
        + [nn.Linear(128, 256), unit(), nn.Linear(256, 10)]
    )


def three_convolutions(pool: nn.Module, seed: int = 0) -> nn.Sequential:
    """Return a network of 16 maps for (N, 1, 16, 16) with the same pooling twice, 16 to 8 to 4."""
    torch.manual_seed(seed)
    return started(
        [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()]
        + [nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), pool]
        + [nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), pool]
        + [nn.Flatten(), nn.Linear(256, 10)]
    )


def started(layers: list[nn.Module]) -> nn.Sequential:
    """Chain layers and draw their start weights."""
    net = nn.Sequential(*layers)
    he = any(isinstance(layer, nn.ReLU) for layer in net)
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            (nn.init.kaiming_normal_ if he else nn.init.xavier_normal_)(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def placed(scans: tuple[Tensor, Tensor], seed: int) -> tuple[Tensor, Tensor]:
    """Put each scan (N, 1, 8, 8) anywhere on a field of 16 x 16 pixels of noise up to 0.3.

    The mean is 0. Returns (images (N, 1, 16, 16), labels).
    """
    images, labels = scans
    random = torch.Generator().manual_seed(seed)
    fields = 0.3 * torch.rand(len(images), 1, 16, 16, generator=random)
    corners = torch.randint(9, (len(images), 2), generator=random).tolist()
    for field, scan, (row, column) in zip(fields, images, corners, strict=True):
        window = field[:, row : row + 8, column : column + 8]
        window.copy_(torch.maximum(window, scan))
    return fields - fields.mean(), labels


def changed_answers(net: nn.Module, images: Tensor) -> float:
    """Return the share of answers that change when images move by one pixel to the right."""
    with torch.no_grad():
        before, after = (net(x).argmax(1) for x in (images, images.roll(1, dims=3)))
    return (before != after).float().mean().item()


def noisy(labels: Tensor, share: float, seed: int) -> Tensor:
    """Draw a share of the labels anew from the ten digits: one in ten of these is right again."""
    random = torch.Generator().manual_seed(seed)
    chosen = torch.rand(len(labels), generator=random) < share
    return torch.where(chosen, torch.randint(10, labels.shape, generator=random), labels)


def ten_of_each(scans: tuple[Tensor, Tensor], seed: int) -> tuple[Tensor, Tensor]:
    """Return ten scans of each digit, chosen at random."""
    images, labels = scans
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    chosen = torch.cat([order[labels[order] == digit][:10] for digit in range(10)])
    return images[chosen], labels[chosen]


def patches_of(
    photograph: Tensor, count: int = 10_000, seed: int = 0, whiten: bool = True
) -> Tensor:
    """Return patches of a photograph (1, 3, H, W) as rows of length 1, (count, 3 * 7 * 7).

    They are drawn from the half with more contrast, so that few of them are bare wall, and scaled
    to one strength. Whitening gives all directions the same strength, the faint ones less: what
    all pixels of a patch have in common is turned down, and where they differ turned up.
    """
    windows = photograph[0].unfold(1, SIDE, 1).unfold(2, SIDE, 1)  # (3, rows, columns, 7, 7)
    patches = windows.permute(1, 2, 0, 3, 4).flatten(0, 1)  # (N, 3, 7, 7)
    contrast = (patches - patches.mean((2, 3), keepdim=True)).flatten(1).norm(dim=1)
    patches = (patches - patches.mean(0)).flatten(1)[contrast > contrast.median()]
    random = torch.Generator().manual_seed(seed)
    patches = patches[torch.randperm(len(patches), generator=random)[:count]]
    patches = F.normalize(patches, dim=1) * patches.shape[1] ** 0.5  # each value is about 1
    if whiten:
        strength, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
        patches = patches @ directions @ torch.diag((strength + 0.1).rsqrt()) @ directions.T
    return F.normalize(patches, dim=1)
