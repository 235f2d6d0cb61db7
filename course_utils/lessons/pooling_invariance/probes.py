"""What can be read from a trained network of lesson 04: probes, and its verdict on other scenes.

The networks here are `nn.Sequential(maps, head)`: maps (N, 3, 32, 32) -> (N, 32, 8, 8), head ->
(N, 2), scores for no gull and for a gull. A probe is a linear classifier on their features.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.datasets import scenes
from course_utils.lessons.pooling_invariance.figures import Look

THIRDS = torch.tensor([12.3, 18.7])  # pixels; a gull's centre is as often in each third


def probe(x: Tensor, y: Tensor, new_x: Tensor, new_y: Tensor) -> float:
    """Fit a linear classifier (ridge regression) to features x (N, D) and classes y (N,).

    Returns its accuracy on new_x, new_y.
    """
    mean, spread, ridge = x.mean(0), x.std(0) + 1e-4, 2 * x.shape[1] * torch.eye(x.shape[1])
    x, new_x = (x - mean) / spread, (new_x - mean) / spread
    weights = torch.linalg.solve(x.T @ x + ridge, x.T @ (F.one_hot(y).float() - 1 / (y.max() + 1)))
    return float(((new_x @ weights).argmax(1) == new_y).float().mean())


def colour_counts(images: Tensor) -> Tensor:
    """Count the pixels of each of 64 colours, (N, 3, 32, 32) -> (N, 64); roots of the counts."""
    red, green, blue = (images * 4).long().clamp(max=3).unbind(dim=1)  # 4 shades of each
    codes = (16 * red + 4 * green + blue).flatten(1)  # (N, 1024), 0 to 63
    return torch.stack([code.bincount(minlength=64) for code in codes]).float().sqrt()


def third(pixels: Tensor) -> Tensor:
    """Say in which third of its range a coordinate of a gull lies: 0, 1 or 2."""
    return torch.bucketize(pixels, THIRDS)


@torch.no_grad()
def last_maps(net: nn.Sequential, data: Iterable) -> list[Tensor]:
    """Return the last maps of the scenes with a gull, (n, 32, 8, 8) for each `Seagulls`."""
    return [net[0](part.images[part.presence == 1]) for part in data]


def place(features: Iterable[Tensor], data: Iterable, axis: int) -> float:
    """Train a probe on features of the first, ask it for the thirds of the second `Seagulls`.

    axis 0: left, middle or right; 1: upper, middle or lower. Returns the share of right answers.
    """
    wanted = [third(part.position[part.presence == 1, axis]) for part in data]
    x, new_x = (values.flatten(1) for values in features)
    return probe(x, wanted[0], new_x, wanted[1])


def drawn(beach: scenes.Beach) -> Tensor:
    """Draw scenes for a network, (N, 3, 32, 32)."""
    return torch.from_numpy(scenes.draw(beach, 32))


@torch.no_grad()
def scores(net: nn.Sequential, images: Tensor) -> Tensor:
    """How much speaks for a gull in each scene, (N,): its score less that of no gull."""
    against, gull = net(images).T
    return gull - against


def found(net: nn.Sequential, images: Tensor) -> float:
    """The share of the scenes in which the network says that there is a gull."""
    return float((scores(net, images) > 0).float().mean())


def looker(net: nn.Sequential, weights: Tensor) -> Callable[[np.ndarray], Look]:
    """Return what `MoveTheGull` asks for one scene; weights (32,): of the last maps, for a gull."""

    @torch.no_grad()
    def look(image):
        x = torch.from_numpy(image)[None]
        feature = net[0][:3](x)  # (1, 12, 32, 32), then (1, 12, 16, 16) after local pooling
        chosen = feature.flatten(2).std(2).argmax()  # the map with the most contrast
        evidence = torch.einsum("c,nchw->nhw", weights, net[0](x))[0]  # (8, 8), at every place
        against, gull = net(x)[0]
        maps = feature[0, chosen], net[0][3](feature)[0, chosen], evidence
        score = gull - against
        return Look(*(values.numpy() for values in maps), float(score), float(score.sigmoid()))

    return look
