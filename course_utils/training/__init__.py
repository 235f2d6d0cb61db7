"""Train a network and measure it: the plain PyTorch loop of the course.

    history = fit(model, train, test, epochs=8, lr=1e-3)    # train, test: (images, labels)
    evaluate(model, test)                                   # loss and accuracy
    history.test_error                                      # one number per epoch

The loop itself is the body of `fit`. Around it: arguments are checked (`doors`), everything random
comes from `seed`, an interrupt waits until the step under way is complete, a loss that is no number
stops the training with an explanation, and in a notebook a bar and curves follow (`history`).
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_utils.checks import one_of, whole
from course_utils.probing import modes_kept
from course_utils.training import doors
from course_utils.training.doors import scores_of
from course_utils.training.history import History, live_view

__all__ = ["Evaluation", "History", "TrainingDiverged", "evaluate", "fit"]

Data = tuple[Tensor, Tensor]

_AT_ONCE = 256  # examples that `evaluate` measures together: as many as fit into any memory
_READ_EVERY = 16  # steps between two looks at the losses; each look makes a GPU wait


class TrainingDiverged(FloatingPointError):
    """The loss became infinite or NaN. The message names epoch, step, lr, and what to try."""


def fit(
    model: nn.Module,
    train: Data,
    test: Data | None = None,
    *,
    epochs: int,
    lr: float,
    batch_size: int = 64,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    seed: int = 0,
    device: torch.device | str | None = None,
    live: bool | None = None,
    name: str = "",
) -> History:
    """Train a model in place and return what happened, epoch by epoch.

    Args:
        model: takes images `(N, C, H, W)`, or whatever `train` holds, and returns scores
            `(N, classes)`; if it returns a tuple, its first item counts for the accuracy.
        train: `(images, labels)`, tensors with the same first dimension. All of it is put on the
            device; every epoch goes through it in a new random order. Class numbers may be of any
            integer type, or bool.
        test: the same, measured after every epoch, in eval mode and without gradients.
        batch_size: the last batch of an epoch holds what is left; a single example joins the batch
            before it if the model has batch normalisation.
        optimizer: called as `optimizer(parameters, lr=lr)` with the parameters that need a
            gradient; `functools.partial(torch.optim.SGD, momentum=0.9)` is one.
        loss: called as `loss(outputs, labels)`; the mean over the batch.
        seed: of the order of the examples and of dropout. The start weights are the model's own.
        device: where to train, as in `"cuda"`; the model stays there. None: where the model is.
        live: whether to show a bar and curves while training. None: when a notebook is attached.
        name: of the network, to be said with its numbers where a cell trains several.

    Interrupted (the stop button, or Ctrl-C), `fit` completes the step under way and returns the
    history of the complete epochs, with the reason in `interrupted`; the model keeps what it has
    learnt. A second interrupt does not wait for the step.

    The model is trained in train mode and afterwards has the mode it came with, module by module.
    Equal arguments give equal weights on one machine; the global random state is left as it was.

    Raises:
        ValueError: for an argument out of range, data that do not fit the model, or a model that
            uses weights which are not its own. Nothing has been learnt then.
        TrainingDiverged: when the loss is infinite or NaN. Build the model anew after that.
    """
    epochs, batch_size = whole("epochs", epochs, 1), whole("batch_size", batch_size, 1)
    seed, lr = whole("seed", seed, 0, 2**63 - 1), doors.positive("lr", lr)
    one_of("live", live, (True, False, None))
    device = doors.place(model, device)
    train = images, labels = doors.on_device("train", train, device, loss)
    test = None if test is None else doors.on_device("test", test, device, loss)
    optimiser = doors.make_optimiser(optimizer, model, lr)
    sizes = _batch_sizes(len(images), batch_size, model)
    history = History(epochs, len(sizes), name=name)
    generator = torch.Generator().manual_seed(seed)

    with (
        modes_kept(model),
        torch.random.fork_rng([device] if device.type == "cuda" else []),
        _interrupts_held() as check_interrupt,
        live_view(history, live) as follow,
    ):
        torch.manual_seed(seed)  # dropout draws from the global state
        losses = _Losses(1, len(sizes), lr)
        try:
            for epoch in range(1, epochs + 1):
                model.train()
                order = torch.randperm(len(images), generator=generator).to(device)
                losses, scores = _Losses(epoch, len(sizes), lr), []
                for batch in order.split(sizes):
                    check_interrupt()
                    x, y = images[batch], labels[batch]
                    with doors.in_words("train", model, x, y, loss):
                        outputs = model(x)
                        if not history.step_loss and not losses:
                            doors.check_first(outputs, model, optimiser, loss, train, test)
                        value = loss(outputs, y)
                    optimiser.zero_grad()
                    value.backward()
                    optimiser.step()
                    scores.append(scores_of(outputs).detach())
                    losses.append(value.detach())
                    if len(losses) % _READ_EVERY == 0:
                        losses.read()
                    follow(losses)
                measured = None if test is None else evaluate(model, test, loss=loss)
                right = _right(torch.cat(scores), labels[order]) / len(images)
                history.add(losses.read(), sizes, right, measured)
        except KeyboardInterrupt:
            done = f"after {len(losses)} of {len(sizes)} steps"
            history.interrupted = f"in epoch {losses.epoch} of {epochs}, {done}"
    return history


class Evaluation(NamedTuple):
    """Loss and accuracy of a model on some data.

    loss: mean over the examples. accuracy: share of examples whose largest score is that of their
    label, from 0 to 1; NaN where labels are no class numbers.
    """

    loss: float
    accuracy: float

    @property
    def error(self) -> float:
        """Share of wrong answers, `1 - accuracy`."""
        return 1 - self.accuracy

    def __repr__(self) -> str:
        return f"loss {self.loss:.3f}, accuracy {100 * self.accuracy:.1f} %"


def evaluate(
    model: nn.Module, data: Data, *, loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy
) -> Evaluation:
    """Measure a model on `(images, labels)`: in eval mode, without gradients, batch by batch.

    Arguments are as for `fit`. The model stays where it is and does not change.
    """
    images, labels = doors.on_device("data", data, doors.place(model, None), loss)
    total, right = 0.0, 0.0
    with modes_kept(model), torch.no_grad():
        model.eval()
        for x, y in zip(images.split(_AT_ONCE), labels.split(_AT_ONCE), strict=True):
            with doors.in_words("data", model, x, y, loss):
                outputs = model(x)
                doors.check_classes("data", outputs, y, loss)
                total += float(loss(outputs, y)) * len(x)
            right += _right(scores_of(outputs), y)
    return Evaluation(total / len(images), right / len(images))


def _right(scores: Tensor, labels: Tensor) -> float:
    """How many labels have the largest score; NaN where labels are no class numbers."""
    if labels.is_floating_point() or labels.ndim != 1 or scores.ndim != 2:
        return math.nan
    return int((scores.argmax(dim=1) == labels).sum())


class _Losses(list):
    """The losses of the epoch under way, step by step, left on the device."""

    def __init__(self, epoch: int, steps: int, lr: float) -> None:
        super().__init__()
        self.epoch, self.steps, self.lr = epoch, steps, lr

    def read(self) -> list[float]:
        """Return them as numbers; where one is none, the training has diverged."""
        losses = torch.stack(self).tolist()
        bad = [step for step, loss in enumerate(losses, 1) if not math.isfinite(loss)]
        if bad:
            raise TrainingDiverged(
                f"the training loss became {losses[bad[0] - 1]} in epoch {self.epoch}, step "
                f"{bad[0]} of {self.steps}, with lr = {self.lr:g}. As a rule the learning rate is "
                f"too high: build the model anew and try lr = {self.lr / 10:g}. If that does not "
                "help, scale the images to [0, 1] and look for a logarithm of 0 or a division by 0 "
                "in the model or in the loss."
            )
        return losses


def _batch_sizes(examples: int, batch_size: int, model: nn.Module) -> list[int]:
    """How many examples each batch holds. Of a single one there is no spread to normalise by."""
    full, left = divmod(examples, batch_size)
    sizes = [batch_size] * full + [left] * (left > 0)
    norms = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())
    return [*sizes[:-2], batch_size + 1] if norms and full and left == 1 else sizes


@contextmanager
def _interrupts_held() -> Iterator[Callable[[], None]]:
    """Hold an interrupt back until the function given is called; a second comes through at once.

    In the middle of a step some weights are updated and others not. Only the main thread gets
    interrupts; elsewhere there is nothing to hold back.
    """
    held = []
    previous = signal.getsignal(signal.SIGINT)

    def hold(signum, frame):
        if held:
            previous(signum, frame)
        held.append(signum)

    def check() -> None:
        if held:
            raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread() and callable(previous)
    if ours:
        signal.signal(signal.SIGINT, hold)
    try:
        yield check
    finally:
        if ours:
            signal.signal(signal.SIGINT, previous)
