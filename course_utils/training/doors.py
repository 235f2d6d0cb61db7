"""The doors of `fit` and `evaluate`: what does not fit is said in words before it trains."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils._pytree import tree_leaves

from course_utils.ledger import HOW_TO_OWN, describe_unowned


def positive(name, value) -> float:
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a number > 0, got {value!r}")
    return float(value)


def place(model, device) -> torch.device:
    """Put the model on the device; without one, find where it is."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    if device is None:
        return next((p.device for p in model.parameters()), torch.device("cpu"))
    try:
        device = torch.device(device)
        model.to(device)
    except (RuntimeError, TypeError, AssertionError) as problem:
        why = str(problem).partition("\n")[0]
        raise ValueError(f"device must be here, as 'cpu' is, got {device!r}: {why}") from None
    return device


def on_device(name, data, device, loss) -> tuple[Tensor, Tensor]:
    """Return `(images, labels)` on the device, class numbers as cross-entropy wants them."""
    parts = data if isinstance(data, tuple | list) else [data]
    if len(parts) != 2 or not all(torch.is_tensor(part) and part.ndim for part in parts):
        kinds = ", ".join(type(part).__name__ for part in parts)
        raise ValueError(f"{name} must be a pair (images, labels) of tensors, got ({kinds})")
    images, labels = parts
    if len(images) != len(labels) or not len(images):
        raise ValueError(
            f"{name} must hold as many labels as images and at least one, got {len(images)} images "
            f"and {len(labels)} labels"
        )
    if images.is_floating_point() and not images.isfinite().all():
        raise ValueError(f"the images of {name} must be finite, got at least one NaN or infinity")
    if _left_out(loss) is not None and not labels.is_floating_point():
        labels = labels.long()
    elif _left_out(loss) is not None and labels.ndim == 1:
        raise ValueError(
            f"the labels of {name} must be class numbers for the loss cross_entropy, got "
            f"{labels.dtype}; labels.long() makes whole numbers of them"
        )
    return images.to(device), labels.to(device)


def make_optimiser(optimizer, model, lr) -> torch.optim.Optimizer:
    if not callable(optimizer):
        how = "called as optimizer(parameters, lr=lr), as torch.optim.Adam is"
        raise ValueError(f"optimizer must be {how}, got {optimizer!r}")
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise ValueError(f"model must have weights that need a gradient, got none. {HOW_TO_OWN}")
    return optimizer(trainable, lr=lr)


# ---------------------------------------------------------------------------------------------
# Whether data, model and loss fit, as the first batch shows it


def scores_of(outputs) -> Tensor:
    """The scores (N, classes) among what a model returns."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def check_first(outputs, model, optimiser, loss, train, test) -> None:
    """After the first forward pass and before the first step: will all of it train?"""
    check_classes("train", outputs, train[1], loss)
    if test is not None:
        check_classes("test", outputs, test[1], loss)
        this, that = (f"{images.dtype} {tuple(images.shape)}" for images, _ in (train, test))
        if (test[0].dtype, test[0].ndim) != (train[0].dtype, train[0].ndim):
            raise ValueError(f"the images of test must be as those of train, {this}; got {that}")
    tensors = [tensor for tensor in tree_leaves(outputs) if isinstance(tensor, Tensor)]
    if not any(tensor.requires_grad for tensor in tensors):
        raise ValueError(
            "model must put out scores from which a gradient comes back to its weights; leave out "
            "detach(), torch.no_grad() and argmax in its forward pass"
        )
    own = [p for group in optimiser.param_groups for p in group["params"]]
    own += [*model.parameters(), *model.buffers(), *train]
    if unowned := _weights_behind(tensors, {id(tensor) for tensor in own}):
        wrong = describe_unowned(unowned)
        raise ValueError(f"model must own the weights it uses, but {wrong}. {HOW_TO_OWN}")


def _weights_behind(outputs: list[Tensor], known: set[int]) -> list[Tensor]:
    """All tensors to which a gradient flows from the outputs, but for the known ones."""
    todo, met, found = [tensor.grad_fn for tensor in outputs], {None}, []
    while todo:
        if (node := todo.pop()) in met:
            continue
        met.add(node)
        todo += [before for before, _ in node.next_functions]
        weight = getattr(node, "variable", None)
        if weight is not None and id(weight) not in known:
            found.append(weight)
    return found


def _left_out(loss) -> int | None:
    """The label that a cross-entropy leaves out; None for another loss."""
    if isinstance(loss, nn.CrossEntropyLoss):
        return loss.ignore_index
    return -100 if loss is cross_entropy else None


def check_classes(name, outputs, labels, loss) -> None:
    scores, left_out = scores_of(outputs), _left_out(loss)
    if left_out is None or labels.is_floating_point() or scores.ndim < 2:
        return
    classes, counted = scores.shape[1], labels[labels != left_out]
    if counted.numel() and not 0 <= int(counted.min()) <= int(counted.max()) < classes:
        raise ValueError(
            f"the labels of {name} must be class numbers from 0 to {classes - 1}, since the model "
            f"puts out {classes} scores; got {int(counted.min())} to {int(counted.max())}"
        )


@contextmanager
def in_words(name, model, images, labels, loss) -> Iterator[None]:
    """Where model or loss raise an error and the data are the reason, say so."""
    try:
        yield
    except (RuntimeError, TypeError, IndexError, ValueError) as problem:
        if reason := _reason(name, model, images, labels, loss, str(problem)):
            raise ValueError(reason) from problem
        raise


def _reason(name, model, images, labels, loss, problem) -> str:
    wanted = next((p.dtype for p in model.parameters() if p.is_floating_point()), images.dtype)
    if "more than 1 value per channel" in problem:
        return (
            "batch_size must be at least 2, and so must the number of images, for a model with "
            f"batch normalisation, which compares images; got a batch of {len(images)}"
        )
    if images.dtype != wanted and ("type" in problem or "not implemented" in problem):
        how = "images / 255" if images.dtype == torch.uint8 else f"images.to({wanted})"
        return (
            f"the images of {name} must be {wanted} as the weights of the model are, got "
            f"{images.dtype}; {how} makes them so"
        )
    if images.ndim == 3 and "channels" in problem:
        return (
            f"the images of {name} must be (N, C, H, W), got {tuple(images.shape)} for a batch; "
            "images[:, None] adds the axis of the channel"
        )
    if _left_out(loss) is not None and labels.ndim > 1 and "target" in problem:
        return (
            f"the labels of {name} must be one class number for each image, got "
            f"{tuple(labels.shape)} for a batch; labels.flatten() leaves one axis"
        )
    return ""
