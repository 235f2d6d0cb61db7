"""Look inside a network without changing it: receptive fields, gradients, activations, memory.

The theoretical receptive field (course_utils.geometry) says which inputs *can* change a unit. The
effective receptive field measures by how much each of them does, with the gradient.

Source: W. Luo, Y. Li, R. Urtasun and R. Zemel, "Understanding the Effective Receptive Field in
Deep Convolutional Neural Networks", NeurIPS 2016.
"""

from __future__ import annotations

import math
import time
import weakref
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Give every module back the mode, train or eval, that it came with, also after an error."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _recorded(model: nn.Module, kinds, *, inputs: bool = False) -> Iterator[list]:
    """Record what modules of these kinds put out, or are given.

    Gives the list of (module, tensor), one for each call. Afterwards, also after an error, the
    model is as it came: hooks, modes, the running averages of a batch norm, and the random state
    that dropout draws from.
    """
    calls = []

    def record(module, arguments, output=None):
        tensor = arguments[0] if inputs else output
        if torch.is_tensor(tensor):
            calls.append((module, tensor))
            return tensor.clone()  # an in-place ReLU may follow: it overwrites the clone

    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    gpus = {p.device for p in model.parameters() if p.device.type == "cuda"}
    watched = [module for module in model.modules() if isinstance(module, kinds)]
    with modes_kept(model), torch.random.fork_rng(list(gpus)), torch.enable_grad():
        handles = [
            (m.register_forward_pre_hook if inputs else m.register_forward_hook)(record)
            for m in watched
        ]
        try:
            yield calls
        finally:
            for handle in handles:
                handle.remove()
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)


# ---------------------------------------------------------------------------------------------
# Effective receptive fields

_BATCH = 32  # samples per backward pass; bounds the memory, does not change the result


def effective_receptive_field(model, input_shape, *, samples=64, seed=0) -> np.ndarray:
    """How strongly each input pixel moves the centre unit of the last feature map.

    model takes (N, C, H, W), input_shape is (C, H, W). `samples` random inputs (standard normal, as
    in the paper, drawn from `seed`) are averaged over.

    Returns an array (H, W) of float64, largest value 1: the absolute gradient of the centre unit
    (row height // 2, column width // 2, all its channels added up) with respect to the input,
    added over the input channels. The last feature map is the last output in the forward pass that
    still is a map, (N, channels, height, width) with more than one unit, so that a global pooling
    and a linear head are passed over. The model is probed in eval mode, and leaves as it came.
    """
    weight = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(samples, *input_shape, generator=generator).to(weight)
    total = 0
    for batch in images.split(_BATCH):
        with _recorded(model, nn.Module) as calls:
            model.eval()
            model(batch.requires_grad_())
            maps = [out for _, out in calls if out.ndim == 4 and out.shape[2] * out.shape[3] > 1]
            if not maps:
                raise ValueError(
                    "model must have a feature map: an output (N, channels, height, width) of one "
                    "of its layers, got none"
                )
            height, width = maps[-1].shape[2:]
            centre = maps[-1][:, :, height // 2, width // 2]
            # autograd.grad and not backward(): it leaves no gradient on the parameters.
            (gradient,) = torch.autograd.grad(centre.sum(), batch)
        total = total + gradient.abs().double().sum(dim=(0, 1))

    field = (total / samples).cpu().numpy()
    if not 0 < field.max() < math.inf:
        raise ValueError(
            "the gradient of the centre unit must be finite and not 0 for every input pixel, "
            f"got {field.max():g} at most: 0 is a unit that is dead for these inputs"
        )
    return field / field.max()


def effective_receptive_field_size(field: np.ndarray) -> float:
    """Size of an effective receptive field (H, W) in pixels: the square root of its area.

    A pixel belongs to the field when it exceeds 0.0455 of the largest value: Luo et al. (2016,
    section 3) take 1 - 95.45 % of the centre, where a Gaussian has its largest value; a Gaussian
    with standard deviation sigma then has the size 4.41 * sigma. Compare it with the side of the
    theoretical receptive field.
    """
    return math.sqrt(np.count_nonzero(field > 0.0455 * field.max()))


# ---------------------------------------------------------------------------------------------
# Gradients and activations, layer by layer


class LayerGradient(NamedTuple):
    """The gradient that arrives at one layer.

    name: of the layer in the model, as in `model.named_modules()`.
    outputs: Euclidean norm of the gradient of the loss with respect to the layer's outputs, over
        the whole batch. weights: the same with respect to its weights, without the bias; NaN if
        they need no gradient.
    """

    name: str
    outputs: float
    weights: float


def gradient_norms(model: nn.Module, inputs: Tensor, labels: Tensor) -> list[LayerGradient]:
    """Return a LayerGradient for each convolution and dense layer, in the order of their use.

    inputs: (N, ...) as the model takes them. labels: (N,), class numbers for the cross-entropy; if
    the model returns a tuple, its first item counts.

    The model runs once in the mode it is in (in training mode batch norm uses the batch, and that
    is the gradient that training sees) and leaves as it came: parameter gradients, running
    averages and the random state are untouched. A layer that is used several times has one entry.
    """
    inputs = _placed(model, inputs)
    with _recorded(model, (nn.modules.conv._ConvNd, nn.Linear)) as calls:
        result = model(inputs.requires_grad_(inputs.is_floating_point()).clone())
        scores = result[0] if isinstance(result, tuple) else result
        loss = cross_entropy(scores, labels.to(inputs.device))
        if not calls:
            raise ValueError("model must use a convolution or a dense layer, got none")
        outputs = [output for _, output in calls]
        weights = {layer: layer.weight for layer, _ in calls if layer.weight.requires_grad}
        found = torch.autograd.grad(loss, [*outputs, *weights.values()], allow_unused=True)
    norms = [0.0 if g is None else float(g.double().norm()) for g in found]
    of_weights = dict(zip(weights, norms[len(calls) :], strict=True))
    of_outputs = defaultdict(list)
    for (layer, _), norm in zip(calls, norms, strict=False):
        of_outputs[layer].append(norm)
    names = {module: name for name, module in model.named_modules()}
    return [
        LayerGradient(names[layer], math.hypot(*uses), of_weights.get(layer, math.nan))
        for layer, uses in of_outputs.items()
    ]


# Modules that act on each number by itself, so that each output has one slope.
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh)
FLAT = 0.01  # a slope smaller than this in size counts as flat: the sigmoid's beyond about 4.6


class LayerActivation(NamedTuple):
    """What one use of an activation gave.

    name: of the module; from its second use on with the number of the use, as in `"relu (2)"`.
    flat: share of its slopes below FLAT in size: a saturated sigmoid, a ReLU that is off.
    units: its features or channels. dead: how many of them have slope 0 for every input and
    position, so that no gradient passes.
    """

    name: str
    flat: float
    units: int
    dead: int


def activation_statistics(model: nn.Module, inputs: Tensor) -> list[LayerActivation]:
    """Return a LayerActivation for each use of an activation module, in the order of use.

    inputs: (N, ...) as the model takes them. The model runs once in the mode it is in and leaves
    as it came. Activations called as functions (`torch.relu`) are no modules and are not seen.
    """
    with _recorded(model, ACTIVATIONS, inputs=True) as calls:
        model(_placed(model, inputs))
        slopes = [(module, _slopes(module, x)) for module, x in calls]
    if not calls:
        raise ValueError("model must use an activation module such as nn.ReLU, got none")
    names = {module: name for name, module in model.named_modules()}
    uses, rows = Counter(), []
    for module, slope in slopes:
        uses[module] += 1
        name = names[module] + (f" ({uses[module]})" if uses[module] > 1 else "")
        flat = float((slope.abs() < FLAT).double().mean())
        off = (slope == 0).transpose(0, 1).flatten(1).all(dim=1)  # one for each unit
        rows.append(LayerActivation(name, flat, len(off), int(off.sum())))
    return rows


def _slopes(module: nn.Module, x: Tensor) -> Tensor:
    """The slope of an activation at each of the numbers that it was given."""
    x = x.detach().requires_grad_()
    outputs = module.forward(x.clone())  # in place it overwrites the clone
    return torch.autograd.grad(outputs.sum(), x)[0]


def _placed(model: nn.Module, inputs: Tensor) -> Tensor:
    """A copy on the model's device."""
    parameter = next(model.parameters(), inputs)
    return inputs.detach().clone().to(parameter.device)


# ---------------------------------------------------------------------------------------------
# One forward pass, its time and its memory
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
    """
    own = {tensor.untyped_storage() for tensor in (*model.parameters(), *model.buffers())}
    with modes_kept(model), torch.no_grad():
        model.eval()
        with _LiveTensors(images, own) as live:
            model(images)
        _finish(images)
        start = time.perf_counter()
        output = model(images)
        _finish(images)
        seconds = time.perf_counter() - start
    weights = sum(storage.nbytes() for storage in own)
    first = output[0] if isinstance(output, tuple) else output
    return ForwardPass(first, seconds, weights, live.peak, live.total)


def _finish(images: Tensor) -> None:
    """Wait for a GPU, which works on after the call has returned."""
    if images.device.type != "cpu":
        torch.accelerator.synchronize()


class _LiveTensors(TorchDispatchMode):
    """Follow every operation and add up the memory of the tensors that are alive.

    The views of a tensor share its storage, which lives until the last of them is gone.
    """

    def __init__(self, images: Tensor, own: set[torch.UntypedStorage]) -> None:
        super().__init__()
        self.met = weakref.WeakSet([*own, images.untyped_storage()])
        # The images alone: they may be a slice of a whole data set.
        self.now = self.peak = self.total = images.numel() * images.element_size()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would import its compiler for that, which takes half a second

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage() not in self.met:
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        self.met.add(storage)
        self.total += storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._remove, storage.nbytes())

    def _remove(self, size: int) -> None:
        self.now -= size
