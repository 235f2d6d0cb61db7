"""One forward pass of a network on a real image: what comes out, how long, and how much memory.

The ledger counts a network without running it. This runs it, weights, numbers and all:

    run = forward_pass(VGG("D"), photograph(224))
    run.output.shape, run.seconds, run.weight_bytes, run.peak_bytes
"""

from __future__ import annotations

import time
import weakref
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_utils.modes import modes_kept


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
