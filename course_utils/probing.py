"""Look inside a network without changing it: receptive fields, gradients, activations, memory.

Source of effective receptive fields: W. Luo, Y. Li, R. Urtasun and R. Zemel, "Understanding the
Effective Receptive Field in Deep Convolutional Neural Networks", NeurIPS 2016.
"""

from __future__ import annotations

import math
import time
import weakref
from collections import Counter
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
    """Record what modules of these kinds put out, or are given: a list of (module, tensor).

    Afterwards, also after an error, the model is as it came: hooks, modes, the running averages of
    a batch norm, and the random state that dropout draws from.
    """
    calls, hook = [], "register_forward_pre_hook" if inputs else "register_forward_hook"

    def record(module, arguments, output=None):
        tensor = arguments[0] if inputs else output
        if torch.is_tensor(tensor):
            calls.append((module, tensor))
            return tensor.clone()  # an in-place ReLU may follow: it overwrites the clone

    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    gpus = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with modes_kept(model), torch.random.fork_rng(list(gpus)), torch.enable_grad():
        handles = [getattr(m, hook)(record) for m in model.modules() if isinstance(m, kinds)]
        try:
            yield calls
        finally:
            for handle in handles:
                handle.remove()
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)


def effective_receptive_field(model, input_shape, *, samples=64, seed=0) -> np.ndarray:
    """How strongly each input pixel moves the centre unit of the last feature map.

    model takes (N, C, H, W), input_shape is (C, H, W). `samples` random inputs (standard normal, as
    in the paper, drawn from `seed`) are averaged over. The model is probed in eval mode.

    Returns an array (H, W) of float64, largest value 1: the absolute gradient of the centre unit
    (row height // 2, column width // 2, all its channels added up) with respect to the input,
    added over the input channels. The last feature map is the last output that is (N, channels,
    height, width) with more than one unit: a global pooling and a linear head are passed over.
    """
    weight = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    generator, total = torch.Generator().manual_seed(seed), 0
    images = torch.randn(samples, *input_shape, generator=generator).to(weight)
    for batch in images.split(32):  # bounds the memory, does not change the result
        with _recorded(model, nn.Module) as calls:
            model.eval()
            model(batch.requires_grad_())
            maps = [out for _, out in calls if out.ndim == 4 and out.shape[2] * out.shape[3] > 1]
            if not maps:
                wanted = "an output (N, channels, height, width) of one of its layers"
                raise ValueError(f"model must have a feature map: {wanted}, got none")
            height, width = maps[-1].shape[2:]
            centre = maps[-1][:, :, height // 2, width // 2].sum()
            (gradient,) = torch.autograd.grad(centre, batch)  # none is left on the parameters
        total = total + gradient.abs().double().sum(dim=(0, 1))
    field = (total / samples).cpu().numpy()
    if not 0 < (most := field.max()) < math.inf:
        raise ValueError(
            "the gradient of the centre unit must be finite and not 0 for every input pixel, "
            f"got {most:g} at most: 0 is a unit that is dead for these inputs"
        )
    return field / most


def effective_receptive_field_size(field: np.ndarray) -> float:
    """Size of an effective receptive field (H, W) in pixels: the square root of its area.

    A pixel belongs to it when it exceeds 0.0455 of the largest value: Luo et al. (2016, section 3)
    take 1 - 95.45 % of the centre. Of a Gaussian it is 4.41 times its standard deviation.
    """
    return math.sqrt(np.count_nonzero(field > 0.0455 * field.max()))


class LayerGradient(NamedTuple):
    """The gradient that arrives at one layer, `name` in `model.named_modules()`.

    outputs: Euclidean norm of the gradient of the loss with respect to the layer's outputs, over
        the whole batch. weights: the same for its weights, without the bias; NaN if they need none.
    """

    name: str
    outputs: float
    weights: float


def gradient_norms(model: nn.Module, inputs: Tensor, labels: Tensor) -> list[LayerGradient]:
    """Return a LayerGradient for each convolution and dense layer, in the order of their use.

    inputs: (N, ...) as the model takes them. labels: (N,), class numbers for the cross-entropy; if
    the model returns a tuple, its first item counts. A layer used several times has one entry.

    The model runs once in the mode it is in (in training mode batch norm uses the batch, and that
    is the gradient that training sees) and leaves as it came, parameter gradients included.
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
    weighed, put_out = dict(zip(weights, norms[len(calls) :], strict=True)), {}
    for (layer, _), norm in zip(calls, norms, strict=False):
        put_out[layer] = math.hypot(put_out.get(layer, 0), norm)
    names = {module: name for name, module in model.named_modules()}
    return [LayerGradient(names[m], n, weighed.get(m, math.nan)) for m, n in put_out.items()]


# Modules that act on each number by itself, so that each output has one slope.
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh)
FLAT = 0.01  # a slope smaller than this in size counts as flat: the sigmoid's beyond about 4.6


class LayerActivation(NamedTuple):
    """What one use of an activation gave.

    name: of the module; from its second use on with the number of the use, as in `"relu (2)"`.
    flat: share of its slopes below FLAT in size: a saturated sigmoid, a ReLU that is off.
    units: its features or channels. dead: those with slope 0 for every input and position.
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
    names, uses, rows = {module: name for name, module in model.named_modules()}, Counter(), []
    with _recorded(model, ACTIVATIONS, inputs=True) as calls:
        model(_placed(model, inputs))
        for module, given in calls:
            x = given.detach().requires_grad_()
            # The slope at each number; an activation in place overwrites the clone.
            (slope,) = torch.autograd.grad(module.forward(x.clone()).sum(), x)
            uses[module] += 1
            name = names[module] + (f" ({uses[module]})" if uses[module] > 1 else "")
            flat = float((slope.abs() < FLAT).double().mean())
            off = (slope == 0).transpose(0, 1).flatten(1).all(dim=1)  # one for each unit
            rows.append(LayerActivation(name, flat, len(off), int(off.sum())))
    if not rows:
        raise ValueError("model must use an activation module such as nn.ReLU, got none")
    return rows


def _placed(model: nn.Module, inputs: Tensor) -> Tensor:
    """A copy on the model's device."""
    return inputs.detach().clone().to(next(model.parameters(), inputs).device)


class ForwardPass(NamedTuple):
    """What one forward pass gave and took.

    output: (N, classes), or whatever the model returns; of a tuple, its first item.
    seconds: wall-clock time of a second pass, when everything is warm.
    weight_bytes: parameters and buffers.
    peak_bytes: the most bytes of tensors from the input to the output alive at the same time. The
        tensors are counted, not the process: the same on every machine. What an operation borrows
        while it works comes on top.
    kept_bytes: of all these tensors together, as if none were given back. Training comes close to
        that, because the backward pass needs most of them.
    """

    output: Tensor
    seconds: float
    weight_bytes: int
    peak_bytes: int
    kept_bytes: int


def forward_pass(model: nn.Module, images: Tensor) -> ForwardPass:
    """Run a model on images (N, C, H, W), on its device, in eval mode and without gradients."""
    # A GPU works on after the call has returned.
    finish = torch.accelerator.synchronize if images.device.type != "cpu" else lambda: None
    own = {tensor.untyped_storage() for tensor in (*model.parameters(), *model.buffers())}
    with modes_kept(model), torch.no_grad():
        model.eval()
        with _LiveTensors(images, own) as live:
            model(images)
        finish()
        start = time.perf_counter()
        output = model(images)
        finish()
        seconds = time.perf_counter() - start
    weights = sum(storage.nbytes() for storage in own)
    first = output[0] if isinstance(output, tuple) else output
    return ForwardPass(first, seconds, weights, live.peak, live.total)


class _LiveTensors(TorchDispatchMode):
    """Adds up the memory of the tensors that are alive. Views share a storage: it counts once."""

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
        for storage in (t.untyped_storage() for t in tree_leaves(result) if isinstance(t, Tensor)):
            if storage not in self.met:
                self.met.add(storage)
                self.total += storage.nbytes()
                self._change(storage.nbytes())
                weakref.finalize(storage, self._change, -storage.nbytes())
        return result

    def _change(self, size: int) -> None:
        self.now += size
        self.peak = max(self.peak, self.now)
