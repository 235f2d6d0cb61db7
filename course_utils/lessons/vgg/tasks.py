"""Two tasks made for one question: when do small filters, stacked, beat one large filter?

Either takes a 7x7 view. In the first the view holds two parts and what counts is how they are
related; in the second it holds one large shape.
"""

import torch
from torch import Tensor

GLYPHS = torch.zeros(4, 3, 3)  # a line across, a line down, both diagonals
GLYPHS[0, 1] = GLYPHS[1, :, 1] = 1
GLYPHS[2], GLYPHS[3] = torch.eye(3), torch.eye(3).flip(1)


def glyph_pairs(n: int, seed: int, noise: float = 0.35) -> tuple[Tensor, Tensor]:
    """Make images (n, 1, 13, 13) of two glyphs side by side, in a 7x7 square anywhere, and noise.

    The labels say whether the two are the same (1) or different (0).
    """
    generator = torch.Generator().manual_seed(seed)
    left = torch.randint(4, (n,), generator=generator)
    same = torch.randint(2, (n,), generator=generator)
    other = (left + 1 + torch.randint(3, (n,), generator=generator)) % 4
    right = torch.where(same == 1, left, other)
    images = noise * torch.randn(n, 1, 13, 13, generator=generator)
    corners = torch.randint(7, (n, 2), generator=generator)
    for image, a, b, (row, column) in zip(images, left, right, corners.tolist(), strict=True):
        image[0, row + 2 : row + 5, column : column + 3] += GLYPHS[a]
        image[0, row + 2 : row + 5, column + 4 : column + 7] += GLYPHS[b]
    return images, same


def noisy_scans(
    digits: tuple[Tensor, Tensor], n: int, seed: int, noise: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Make images (n, 1, 14, 14), each with a scan (8, 8) of `digits` anywhere, and noise."""
    generator = torch.Generator().manual_seed(seed)
    scans, labels = digits
    chosen = torch.randint(len(scans), (n,), generator=generator)
    images = noise * torch.randn(n, 1, 14, 14, generator=generator)
    corners = torch.randint(7, (n, 2), generator=generator)
    for image, scan, (row, column) in zip(images, scans[chosen], corners.tolist(), strict=True):
        image[0, row : row + 8, column : column + 8] += 2 * scan[0] - 0.6
    return images, labels[chosen]
