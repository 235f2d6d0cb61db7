"""What signal reaches each layer of a network: gradients going down, activations going up.

    gradient_norms          how much gradient arrives at every convolution and dense layer
    activation_statistics   mean, spread, flat slopes and dead units of every activation

For any model, through hooks, which come off again whatever happens; the model leaves as it came.
The same measurement by hand, for one kind of stack and quick enough for a slider, is
`course_utils.backprop`.
"""

import math
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import cross_entropy

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
