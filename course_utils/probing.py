"""Look inside a network: which inputs a unit really depends on.

The theoretical receptive field (course_utils.geometry) says which inputs *can* change a unit. The
effective receptive field measures by how much each of them does, with the gradient.

Source: W. Luo, Y. Li, R. Urtasun and R. Zemel, "Understanding the Effective Receptive Field in
Deep Convolutional Neural Networks", NeurIPS 2016.
"""

from __future__ import annotations

import math
import operator
import time
import weakref
from contextlib import contextmanager
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_utils.modes import modes_kept

_BATCH = 32  # samples per backward pass; bounds the memory, does not change the result


def effective_receptive_field(model, input_shape, *, samples=64, seed=0, images=None, layer=None):
    """How strongly each input pixel moves the centre unit of the last feature map.

    model:       a torch module that takes (N, C, H, W).
    input_shape: (C, H, W) of one input.
    samples:     number of inputs to average over.
    seed:        of the random inputs (standard normal), as in the paper.
    images:      (N, C, H, W); the first `samples` of them are used in place of random inputs.
    layer:       the sub-module whose output is meant; None takes the last output in the forward
                 pass that still is a map, (N, channels, height, width) with more than one unit,
                 so that a global pooling and a linear head are passed over.

    Returns an array (H, W) of float64, largest value 1: the absolute gradient of the centre unit
    (row height // 2, column width // 2, all its channels added up) with respect to the input,
    added over the input channels, averaged over the samples.

    The model is probed in eval mode, and leaves as it came: modes and parameter gradients are
    untouched. Raises ValueError for an argument out of range, a model without a feature map, and
    a gradient that is zero everywhere or not finite.
    """
    inputs = _inputs(model, input_shape, samples, seed, images)
    if layer is not None and all(layer is not module for module in model.modules()):
        raise ValueError(f"layer must be a sub-module of the model, got {layer!r}")
    last_map = {}

    def remember(module, arguments, output):
        if _is_map(output) or (module is layer and torch.is_tensor(output) and output.ndim == 4):
            last_map["output"] = output.clone()  # an in-place ReLU may follow and overwrite it

    watched = list(model.modules()) if layer is None else [layer]
    hooks = [module.register_forward_hook(remember) for module in watched]
    total = 0
    try:
        with modes_kept(model), torch.enable_grad():
            model.eval()
            for batch in inputs.split(_BATCH):
                total = total + _centre_gradient(model, batch, last_map)
    finally:
        for hook in hooks:
            hook.remove()

    field = (total / len(inputs)).cpu().numpy()
    if not np.isfinite(field).all():
        raise ValueError("the gradient of the centre unit must be finite, got inf or nan")
    if field.max() == 0:
        raise ValueError(
            "the gradient of the centre unit must not vanish, got 0 for every input pixel: "
            "the unit is dead for these inputs"
        )
    return field / field.max()


def effective_receptive_field_size(field, *, threshold=0.0455):
    """Size of an effective receptive field in pixels: the square root of its area.

    field: (H, W), as `effective_receptive_field` returns it. A pixel belongs to the field when it
    exceeds `threshold` (between 0 and 1) of the largest value. Luo et al. (2016, section 3) take
    1 - 95.45 % of the centre, where a Gaussian has its largest value; a Gaussian with standard
    deviation sigma then has the size 4.41 * sigma. Compare it with the side of the theoretical
    receptive field. Raises ValueError for another shape, negative values or a bad threshold.
    """
    field = np.asarray(field, dtype=float)
    if field.ndim != 2 or field.size == 0:
        raise ValueError(f"field must have shape (H, W), got {field.shape}")
    if not (np.isfinite(field).all() and field.min() >= 0 and field.max() > 0):
        raise ValueError("field must hold finite values >= 0 and one above 0, got others")
    if not isinstance(threshold, Real) or not 0 <= threshold < 1:
        raise ValueError(f"threshold must be a number from 0 to below 1, got {threshold!r}")
    return math.sqrt(np.count_nonzero(field > threshold * field.max()))


def _is_map(output):
    return torch.is_tensor(output) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1


def _centre_gradient(model, batch, last_map):
    """Sum over the batch (N, C, H, W) of the absolute gradient of the centre unit: (H, W)."""
    batch = batch.clone().requires_grad_()
    last_map.clear()
    model(batch)
    if "output" not in last_map:
        raise ValueError(
            "model must have a feature map: an output (N, channels, height, width) of one of its "
            "layers, got none"
        )
    output = last_map["output"]
    centre = output[:, :, output.shape[2] // 2, output.shape[3] // 2]
    # autograd.grad and not backward(): it leaves no gradient on the parameters.
    (gradient,) = torch.autograd.grad(centre.sum(), batch)
    return gradient.abs().double().sum(dim=(0, 1))


def _inputs(model, input_shape, samples, seed, images):
    shape = tuple(_whole("each side of input_shape", side, 1) for side in input_shape)
    if len(shape) != 3:
        raise ValueError(f"input_shape must be (C, H, W), got {tuple(input_shape)!r}")
    samples = _whole("samples", samples, 1)
    weight = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    if images is None:
        seed = _whole("seed", seed, 0)
        if seed >= 2**63:
            raise ValueError(f"seed must be an integer < 2**63, got {seed}")
        generator = torch.Generator().manual_seed(seed)
        images = torch.randn(samples, *shape, generator=generator)
    elif not torch.is_tensor(images):
        raise ValueError(f"images must be a torch tensor, got {type(images).__name__}")
    elif tuple(images.shape[1:]) != shape or len(images) < samples:
        raise ValueError(
            f"images must have shape (N, {shape[0]}, {shape[1]}, {shape[2]}) with "
            f"N >= samples = {samples}, got {tuple(images.shape)}"
        )
    return images[:samples].detach().to(weight)


def _whole(name, value, minimum):
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {value!r}") from None
    if number < minimum:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {number}")
    return number


ACTIVATIONS = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.ELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Tanh,
    nn.Hardtanh,
    nn.Softplus,
)
"""Modules that act on each number by itself, so that each output has one slope."""

FLAT = 0.01
"""A slope smaller than this in size counts as flat. The sigmoid's is, beyond about 4.6."""


class LayerGradient(NamedTuple):
    """The gradient that arrives at one layer.

    name: of the layer in the model, as in `model.named_modules()`. kind: its class.
    outputs: Euclidean norm of the gradient of the loss with respect to the layer's outputs, over
        the whole batch. weights: the same with respect to its weights, without the bias; NaN if
        they need no gradient. relative: `weights` divided by the norm of the weights themselves.
    """

    name: str
    kind: str
    outputs: float
    weights: float
    relative: float


def gradient_norms(model, inputs, labels, *, loss=cross_entropy):
    """Return a LayerGradient for each convolution and dense layer, in the order of their use.

    inputs: (N, ...) as the model takes them. labels: (N,), handed to `loss(outputs, labels)`; if
    the model returns a tuple, its first item counts.

    The model runs once in the mode it is in (in training mode batch norm uses the batch, and that
    is the gradient that training sees) and leaves as it came: parameter gradients, running
    averages and the random state are untouched. A layer that is used several times has one entry.
    Raises ValueError for arguments that do not fit and for a model without such a layer.
    """
    inputs = _on_device_of(model, inputs)
    names = {module: name for name, module in model.named_modules()}
    kept = {}

    def keep(module, arguments, output):
        if not output.requires_grad:
            output.requires_grad_()
        kept.setdefault(module, []).append(output)
        return output.clone()  # an in-place ReLU may follow: it overwrites the clone

    layers = [m for m in names if isinstance(m, nn.modules.conv._ConvNd | nn.Linear)]
    with _probed(model, [(layer.register_forward_hook, keep) for layer in layers]):
        result = model(inputs)
        value = loss(result[0] if isinstance(result, tuple) else result, labels.to(inputs.device))
        if not kept:
            raise ValueError("model must use a convolution or a dense layer, got none")
        outputs = [output for calls in kept.values() for output in calls]
        weights = [layer.weight for layer in kept if layer.weight.requires_grad]
        found = torch.autograd.grad(value, outputs + weights, allow_unused=True)
    norms = [0.0 if g is None else float(g.double().norm()) for g in found]
    of_weights = dict(zip(map(id, weights), norms[len(outputs) :], strict=True))
    of_outputs = iter(norms)
    entries = []
    for layer, calls in kept.items():
        out = math.hypot(*(next(of_outputs) for _ in calls))
        weight = of_weights.get(id(layer.weight), math.nan)
        size = float(layer.weight.detach().norm())
        relative = weight / size if size else math.nan
        entries.append(LayerGradient(names[layer], type(layer).__name__, out, weight, relative))
    return entries


class LayerActivation(NamedTuple):
    """What one use of an activation gave.

    name: of the module; from its second use on with the number of the use, as in `"relu (2)"`.
    kind: its class. mean, std: of its outputs. flat: share of the slopes below FLAT in size: a
    saturated sigmoid, a ReLU that is off. units: its features or channels. dead: how many of them
    have slope 0 for every input and position, so that no gradient passes.
    """

    name: str
    kind: str
    mean: float
    std: float
    flat: float
    units: int
    dead: int


def activation_statistics(model, inputs, *, kinds=()):
    """Return a LayerActivation for each use of an activation module, in the order of use.

    inputs: (N, ...) as the model takes them. kinds: further classes of modules that act on each
    number by itself, beside ACTIVATIONS. The model runs once in the mode it is in and leaves as it
    came. Activations called as functions (`torch.relu`) are no modules and are not seen.
    Raises ValueError for inputs that are no tensor, and for a model without an activation module.
    """
    inputs = _on_device_of(model, inputs)
    names = {module: name for name, module in model.named_modules()}
    uses, rows = {}, []

    def look(module, arguments):
        # Before the call, because an in-place module overwrites its input; by `forward`, because
        # calling the module would call this hook again.
        x = arguments[0].detach().clone().requires_grad_()
        value = module.forward(x.clone())
        (slope,) = torch.autograd.grad(value.sum(), x)
        uses[module] = uses.get(module, 0) + 1
        name = names[module] + (f" ({uses[module]})" if uses[module] > 1 else "")
        off = (slope == 0).transpose(0, 1).flatten(1) if slope.ndim > 1 else (slope == 0)[:, None]
        value = value.detach().double()
        rows.append(
            LayerActivation(
                name,
                type(module).__name__,
                float(value.mean()),
                float(value.std(correction=0)),
                float((slope.abs() < FLAT).double().mean()),
                len(off),
                int(off.all(dim=1).sum()),
            )
        )

    watched = [module for module in names if isinstance(module, (*ACTIVATIONS, *kinds))]
    with _probed(model, [(module.register_forward_pre_hook, look) for module in watched]):
        model(inputs)
    if not rows:
        raise ValueError("model must use an activation module such as nn.ReLU, got none")
    return rows


def _on_device_of(model, inputs):
    if not torch.is_tensor(inputs) or not inputs.ndim or not len(inputs):
        raise ValueError(f"inputs must be a tensor with at least one item, got {inputs!r:.80}")
    parameter = next(model.parameters(), None)
    return inputs if parameter is None else inputs.to(parameter.device)


@contextmanager
def _probed(model, hooks):
    """Register hooks, as (register, function) pairs, for the time of a probe with gradients.

    Afterwards, also after an error, they come off and buffers such as the running averages of a
    batch norm are what they were, and so is the random state that dropout draws from.
    """
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    places = {p.device for p in model.parameters() if p.device.type == "cuda"}
    handles = []
    with torch.random.fork_rng(list(places)), torch.enable_grad():
        try:
            for register, function in hooks:
                handles.append(register(function))
            yield
        finally:
            for handle in handles:
                handle.remove()
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)


class ForwardPass(NamedTuple):
    """What one forward pass gave and took.

    Attributes:
        output: (N, classes), or whatever the model returns; of a tuple, its first item.
        seconds: wall-clock time of a second pass, when everything is warm.
        weight_bytes: parameters and buffers.
        peak_bytes: the most bytes of tensors between input and output that were alive at the same
            time, the input included. Exact, and the same on every machine: the tensors are
            counted, not the process. What an operation borrows while it works comes on top.
        kept_bytes: the bytes of all these tensors together: what it would take if none were given
            back. Training comes close to that, because the backward pass needs most of them.
    """

    output: Tensor
    seconds: float
    weight_bytes: int
    peak_bytes: int
    kept_bytes: int


def forward_pass(model: nn.Module, images: Tensor) -> ForwardPass:
    """Run a model on images as it is used after training: in eval mode, without gradients.

    Args:
        model: takes `images`. It leaves with the modes it came with; nothing is learnt.
        images: (N, C, H, W), on the model's device.

    Raises:
        ValueError: if `model` is no module or `images` is no tensor. What the model raises for
            images that do not fit is passed on.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got {model!r}")
    if not isinstance(images, Tensor):
        raise ValueError(f"images must be a tensor (N, C, H, W), got {type(images).__name__}")
    own = [*model.parameters(), *model.buffers()]
    with modes_kept(model), torch.no_grad():
        model.eval()
        with _LiveTensors(images, own) as live:
            model(images)
        _finish(images)
        start = time.perf_counter()
        output = model(images)
        _finish(images)
        seconds = time.perf_counter() - start
    weights = {_storage(tensor): tensor.untyped_storage().nbytes() for tensor in own}
    first = output[0] if isinstance(output, tuple) else output
    return ForwardPass(first, seconds, sum(weights.values()), live.peak, live.total)


def _finish(images: Tensor) -> None:
    """Wait for a GPU, which works on after the call has returned."""
    if images.device.type != "cpu":
        torch.accelerator.synchronize()


def _storage(tensor: Tensor) -> int:
    """Return what tells one piece of memory from another; views of a tensor share it."""
    return tensor.untyped_storage()._cdata


class _LiveTensors(TorchDispatchMode):
    """Follow every operation and add up the memory of the tensors that are alive.

    A piece of memory counts from the first tensor that uses it until the last one is gone.
    """

    def __init__(self, images: Tensor, not_counted: list[Tensor]):
        super().__init__()
        self.left_out = {_storage(tensor) for tensor in [*not_counted, images]}
        self.users: dict[int, int] = {}
        # The images alone: they may be a slice of a whole data set.
        self.now = self.peak = self.total = images.numel() * images.element_size()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would import its compiler for that, which takes half a second

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and _storage(tensor) not in self.left_out:
                self._add(tensor)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage, size = _storage(tensor), tensor.untyped_storage().nbytes()
        if storage not in self.users:
            self.users[storage] = 0
            self.now += size
            self.total += size
            self.peak = max(self.peak, self.now)
        self.users[storage] += 1
        weakref.finalize(tensor, self._remove, storage, size)

    def _remove(self, storage: int, size: int) -> None:
        self.users[storage] -= 1
        if not self.users[storage]:
            del self.users[storage]
            self.now -= size
