"""What Section 4.2 of the paper does to its training images, for the larger experiment."""

import torch
from torch import Tensor, nn


class Crops(nn.Module):
    """In training: pad by 4 pixels, cut each image out anew, mirror half of the colour images.

    Digits are not mirrored. In eval mode the images (N, C, H, W) come out as they are.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W), squares."""
        if not self.training:
            return x
        count, maps, side, _ = x.shape
        padded = nn.functional.pad(x, [4] * 4)
        corners = torch.randint(0, 9, (2, count, 1), device=x.device)
        rows, columns = corners + torch.arange(side, device=x.device)  # (N, side) each
        images = torch.arange(count, device=x.device)[:, None, None]
        x = padded[images, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
        if maps == 1:
            return x
        mirrored = torch.rand(count, 1, 1, 1, device=x.device) < 0.5
        return torch.where(mirrored, x.flip(-1), x)
