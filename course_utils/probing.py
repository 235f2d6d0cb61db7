"""Look inside a network: which inputs a unit really depends on.

The theoretical receptive field (course_utils.geometry) says which inputs *can* change a unit. The
effective receptive field measures by how much each of them does, with the gradient.

Source: W. Luo, Y. Li, R. Urtasun and R. Zemel, "Understanding the Effective Receptive Field in
Deep Convolutional Neural Networks", NeurIPS 2016.
"""

import math
import operator
from numbers import Real

import numpy as np
import torch

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
