"""The networks of the table of facts, and torch's own count of what they hold and cost."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from course_utils.models import VGG, AlexNet, CifarResNet, GoogLeNet, LeNet5, ResNet

FACTS = json.loads((Path(__file__).parent / "facts_table.json").read_text())
ROWS = FACTS["variants"]["rows"]
FIELDS = FACTS["receptive_fields"]["rows"]

# Row of the facts: the class and its arguments.
NETWORKS = {
    "lenet5_paper_1998": (LeNet5, {}),
    "lenet5_full_C3_rbf": (LeNet5, {"variant": "full_c3"}),
    "lenet5_modern_softmax": (LeNet5, {"variant": "modern"}),
    "alexnet_2012_grouped_227": (AlexNet, {}),
    "alexnet_2012_grouped_224pad2": (AlexNet, {"input_size": 224, "conv1_padding": 2}),
    "alexnet_single_tower_227": (AlexNet, {"variant": "single_tower"}),
    "googlenet_paper_noaux": (GoogLeNet, {"auxiliary": False}),
    "googlenet_paper_with_aux": (GoogLeNet, {}),
    "googlenet_paper_noaux_sepstem": (GoogLeNet, {"auxiliary": False, "stem": "separable"}),
    "googlenet_BN_5x5_noaux": (GoogLeNet, {"auxiliary": False, "batch_norm": True}),
}
for name in ("A", "A-LRN", "B", "C", "D", "E"):
    NETWORKS[f"vgg_{name}"] = (VGG, {"configuration": name})
for name in "ABDE":
    NETWORKS[f"vgg_{name}_bn"] = (VGG, {"configuration": name, "batch_norm": True})
for depth in (18, 34):
    NETWORKS[f"plain{depth}"] = (ResNet, {"depth": depth, "residual": False})
for depth in (18, 34, 50, 101, 152):
    for option in "ABC":
        row = f"resnet{depth}_{option}" + ("_v1" if depth >= 50 else "")
        NETWORKS[row] = (ResNet, {"depth": depth, "shortcut": option})
    if depth >= 50:
        NETWORKS[f"resnet{depth}_B_v1.5"] = (ResNet, {"depth": depth, "version": "v1.5"})
for depth in (20, 32, 44, 56, 110, 1202):
    for option in "AB":
        options = {"depth": depth, "shortcut": option}
        NETWORKS[f"cifar_resnet{depth}_{option}"] = (CifarResNet, options)


def build(row: str) -> nn.Module:
    network, options = NETWORKS[row]
    return network(**options)


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """Build with shapes and without numbers, which costs no time."""
    with torch.device("meta"):
        model = build()
    assert all(tensor.is_meta for tensor in model.parameters()), "weights were allocated"
    return model


class Layer(NamedTuple):
    """What one module puts out for one image, and what it costs."""

    shape: list[int]
    params: int
    macs: int


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def count(model: nn.Module, input_shape: list[int]) -> dict[str, Layer]:
    """Send one image through a model on the meta device; "" is the model itself."""
    shapes: dict[str, list[int]] = {}
    for name, module in model.named_modules():

        def remember(module, inputs, output, name=name):
            shapes[name] = list(output.shape[1:]) if isinstance(output, Tensor) else []

        module.register_forward_hook(remember)
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.empty(1, *input_shape, device="meta"))
    flops, top = counter.get_flop_counts(), type(model).__name__
    layers = {}
    for name, module in model.named_modules():
        if name in shapes:
            here = sum(flops.get(f"{top}.{name}".rstrip("."), {}).values())
            assert here % 2 == 0
            layers[name] = Layer(shapes[name], parameters(module), here // 2)
    return layers


def field_of(
    model: nn.Module, features: Callable[[nn.Module, Tensor], Tensor], input_shape: list[int]
) -> int:
    """Return how many columns of the image the centre unit of `features(model, image)` sees.

    The model, on the meta device, gets positive weights, and average pools in place of its max
    pools, so that no ReLU and no cancellation hides an input. The image may be flat: rows and
    columns have the same geometry. Double precision, since the outermost weights shrink with every
    layer.
    """
    model = model.double().eval().requires_grad_(False).to_empty(device="cpu")
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                geometry = (child.kernel_size, child.stride, child.padding, child.ceil_mode)
                setattr(module, name, nn.AvgPool2d(*geometry))
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d):
            module.weight.fill_(1 / module.weight[0].numel())
        elif hasattr(module, "coefficient"):  # the subsampling of LeNet-5
            module.coefficient.fill_(1 / 4)
        if getattr(module, "bias", None) is not None:
            module.bias.zero_()
    image = torch.ones(1, *input_shape, dtype=torch.double, requires_grad=True)
    maps = features(model, image)
    maps[0, :, maps.shape[2] // 2, maps.shape[3] // 2].sum().backward()
    (columns,) = image.grad.abs().sum(dim=(0, 1, 2)).nonzero(as_tuple=True)
    first, last = columns[0].item(), columns[-1].item()
    seen, width = last - first + 1, input_shape[2]
    assert seen == width or (first > 0 and last < width - 1), "the image is too narrow"
    return seen
