"""What the tests of the networks share: counting, measuring, and one step of training."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


class Layer(NamedTuple):
    """What one module puts out for one image, and what it costs."""

    shape: list[int]
    params: int
    macs: int


class Count(NamedTuple):
    """The totals of a network, and a `Layer` for every module by its name."""

    params: int
    macs: int
    layers: dict[str, Layer]


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def count_on_meta(build: Callable[[], nn.Module], input_shape: list[int]) -> Count:
    """Build on the meta device, send one image through, and count."""
    with torch.device("meta"):
        model = build()
    assert all(tensor.is_meta for tensor in model.parameters()), "weights were allocated"
    shapes: dict[str, list[int]] = {}

    def remember(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if isinstance(output, Tensor):
                shapes[name] = list(output.shape[1:])

        return hook

    for name, module in model.named_modules():
        module.register_forward_hook(remember(name))
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.empty(1, *input_shape, device="meta"))
    flops = counter.get_flop_counts()
    prefix = type(model).__name__
    layers = {
        name: Layer(
            shapes[name], parameters(module), sum(flops.get(f"{prefix}.{name}", {}).values()) // 2
        )
        for name, module in model.named_modules()
        if name in shapes
    }
    assert counter.get_total_flops() % 2 == 0
    return Count(parameters(model), counter.get_total_flops() // 2, layers)


def replace_max_pools(model: nn.Module) -> None:
    """Put average pools of the same geometry in place, so that every input of a window counts."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                geometry = (child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(module, name, nn.AvgPool2d(*geometry))


def measure_receptive_field(
    build: Callable[[], nn.Module],
    features: Callable[[nn.Module, Tensor], Tensor],
    input_shape: tuple[int, int, int],
) -> int:
    """Return how many columns of the image the centre unit of `features(model, image)` sees.

    The model is built as it is, with positive weights, so that no ReLU and no cancellation hides an
    input. The image may be flat: rows and columns have the same geometry. Double precision, since
    the outermost weights shrink with every layer.
    """
    with torch.device("meta"):
        model = build().double().eval().requires_grad_(False)
    model = model.to_empty(device="cpu")
    replace_max_pools(model)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.fill_(1 / module.weight[0].numel())
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif hasattr(module, "coefficient"):  # the subsampling of LeNet-5
            module.coefficient.fill_(1 / 4)
            module.bias.zero_()
    image = torch.ones(1, *input_shape, dtype=torch.double, requires_grad=True)
    maps = features(model, image)
    maps[0, :, maps.shape[2] // 2, maps.shape[3] // 2].sum().backward()
    (columns,) = image.grad.abs().sum(dim=(0, 1, 2)).nonzero(as_tuple=True)
    first, last = columns[0].item(), columns[-1].item()
    seen, width = last - first + 1, input_shape[2]
    assert seen == width or (first > 0 and last < width - 1), "the image is too narrow"
    return seen


class Digest(NamedTuple):
    """A few numbers that identify an output for a fixed seed, on any processor."""

    mean: float
    std: float
    argmax: int

    def equals(self, stored: tuple[float, float, int]) -> bool:
        """Compare with stored numbers: to one hundredth of the spread of the scores."""
        mean, std, argmax = stored
        close = pytest.approx(std, rel=0.01)
        return (
            self.mean == pytest.approx(mean, abs=0.01 * std)
            and self.std == close
            and (self.argmax == argmax)
        )


def run_both_ways(
    build: Callable[[], nn.Module], input_shape: list[int], training: bool = True
) -> Digest:
    """Build with seed 0, go forward and backward, and digest the scores of an evaluation.

    `training=False` goes backward through the evaluation itself, which saves a pass. It is for
    networks whose modes differ in dropout only.
    """
    torch.manual_seed(0)
    model = build()
    images = torch.rand(1, *input_shape)
    output = model.train(training)(images)
    heads = output if isinstance(output, tuple) else (output,)
    sum(scores.square().mean() for scores in heads).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"{name} has no gradient"
        assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"
    model.zero_grad(set_to_none=True)
    if training:
        with torch.inference_mode():
            output = model.eval()(images)
    scores = output.detach()
    assert scores.isfinite().all()
    return Digest(scores.mean().item(), scores.std().item(), scores.argmax().item())


def loss_before_and_after(
    model: nn.Module, images: Tensor, loss_of: Callable[[nn.Module, Tensor], Tensor], lr: float
) -> tuple[float, float]:
    """Return the loss on one batch, and again after one step of gradient descent on that batch."""
    optimiser = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(2):
        torch.manual_seed(0)  # the same units drop out both times
        loss = loss_of(model, images)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses[0], losses[1]


@pytest.fixture(scope="session")
def count():
    return count_on_meta


@pytest.fixture(scope="session")
def receptive_field():
    return measure_receptive_field


@pytest.fixture(scope="session")
def digest():
    return run_both_ways


@pytest.fixture(scope="session")
def one_step():
    return loss_before_and_after
