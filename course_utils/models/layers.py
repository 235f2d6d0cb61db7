"""What the five networks share: drawing weights, and saying why an image does not fit.

Nothing that a paper describes is here. Each paper's layers are in that paper's own file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from torch import Tensor, nn


class Linear(nn.Linear):
    """An `nn.Linear` that leaves its weights undrawn until the network draws them.

    The dense heads of AlexNet and VGG hold up to 124 million weights. PyTorch would fill them with
    its own random numbers, and the network would then fill them again as its paper says.
    """

    def reset_parameters(self) -> None:
        """Do nothing: the network that owns this layer fills it."""


def layers_to_draw(network: nn.Module) -> Iterator[tuple[str, nn.Conv2d | nn.Linear]]:
    """Yield the name and the module of every convolution and every dense layer.

    Layers on the meta device have shapes but no numbers: they are left out.
    """
    for name, layer in network.named_modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and not layer.weight.is_meta:
            yield name, layer


def draw(network: nn.Module, weight: Callable, bias: Callable = lambda _: 0.0) -> None:
    """Draw all weights by `weight(tensor)`, and set the biases of each layer to `bias(name)`."""
    for name, layer in layers_to_draw(network):
        weight(layer.weight)
        if layer.bias is not None:
            nn.init.constant_(layer.bias, bias(name))


def draw_as_torch(network: nn.Module) -> None:
    """Draw all weights and biases from U(-1/sqrt(F), 1/sqrt(F)), F = fan-in, PyTorch's default."""
    for _, layer in layers_to_draw(network):
        kind = nn.Linear if isinstance(layer, nn.Linear) else nn.Conv2d
        kind.reset_parameters(layer)


def draw_as_he(network: nn.Module) -> None:
    """Draw all weights from N(0, 2 / fan-in), made for ReLUs, and set all biases to 0.

    He, Zhang, Ren and Sun (2015), *Delving Deep into Rectifiers*.
    """
    draw(network, partial(nn.init.kaiming_normal_, nonlinearity="relu"))


def check_images(
    images: Tensor, in_channels: int, smallest: int = 1, size: int = 0, why: str = ""
) -> None:
    """Raise ValueError unless `images` is (N, in_channels, H, W) with H, W >= smallest.

    `size`: the only H and W that will do, if given; `why` ends the message.
    """
    if images.dim() != 4 or images.shape[1] != in_channels:
        raise ValueError(
            f"images must have shape (N, {in_channels}, height, width), got {tuple(images.shape)}"
        )
    height, width = images.shape[2:]
    got = f"pixels, got {height} x {width}"
    if min(height, width) < smallest:
        raise ValueError(f"images must be at least {smallest} x {smallest} {got}")
    if size and (height, width) != (size, size):
        raise ValueError(f"images must be {size} x {size} {got}: {why}")
