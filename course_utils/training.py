"""Train a network and measure it: the plain PyTorch loop of the course.

    history = fit(model, train, test, epochs=8, lr=1e-3)    # train, test: (images, labels)
    evaluate(model, test)                                   # loss and accuracy
    history.test_error                                      # one number per epoch

The loop itself is the body of `fit` and fits on one screen. What stands around it: arguments are
checked, everything random comes from `seed`, an interrupt waits until the step under way is
complete, a loss that is no number stops the training with an explanation, and where a notebook is
attached, a bar and curves follow the training.
"""

from __future__ import annotations

import math
import numbers
import operator
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils._pytree import tree_leaves

from course_utils.drawing.style import FAINT, HIGHLIGHT, INK, INPUT, MUTED, PAPER, SVG_FONT
from course_utils.ledger import HOW_TO_OWN, describe_unowned
from course_utils.modes import modes_kept

Data = tuple[Tensor, Tensor]

_CHECK_EVERY = 16  # steps between two looks at the losses; each look makes a GPU wait


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
        epochs, batch_size: integers >= 1. The last batch of an epoch holds what is left; a single
            example joins the batch before it if the model has batch normalisation.
        lr: learning rate, a number > 0.
        optimizer: called as `optimizer(parameters, lr=lr)` with the parameters that need a
            gradient; `functools.partial(torch.optim.SGD, momentum=0.9)` is one.
        loss: called as `loss(outputs, labels)`; the mean over the batch.
        seed: of the order of the examples and of dropout, an integer from 0 to 2**63 - 1. The
            start weights are the model's own.
        device: where to train, as in `"cuda"`; the model stays there. None: where the model is.
        live: whether to show a bar and curves while training. None: when a notebook is attached.
        name: of the network, to be said with its numbers where a cell trains several.

    Returns:
        The `History`. Interrupted (the stop button, or Ctrl-C), `fit` completes the step under way
        and returns the history of the complete epochs, with the reason in `interrupted`; the model
        keeps what it has learnt. A second interrupt does not wait for the step.

    The model is trained in train mode and afterwards has the mode it came with, module by module.
    Equal arguments give equal weights on one machine; the global random state is left as it was.

    Raises:
        ValueError: for an argument out of range, data that do not fit the model, or a model that
            uses weights which are not its own. Nothing has been learnt then.
        TrainingDiverged: when the loss is infinite or NaN. Build the model anew after that.
    """
    epochs, batch_size, seed, lr = _checked(epochs, batch_size, seed, lr)
    device = _place(model, device)
    train = images, labels = _on_device("train", train, device, loss)
    test = None if test is None else _on_device("test", test, device, loss)
    optimiser = _optimiser(model, optimizer, lr)
    sizes = _batch_sizes(len(images), batch_size, model)
    steps = len(sizes)
    history = History(epochs, steps, test is not None, name=name)
    generator = torch.Generator().manual_seed(seed)

    with modes_kept(model), _random_state(seed, device), _Interrupts() as interrupts:
        view, seen = _view(history, live), _Seen(1, lr, steps)
        try:
            for epoch in range(1, epochs + 1):
                model.train()
                order = torch.randperm(len(images), generator=generator).to(device)
                seen = _Seen(epoch, lr, steps)
                for batch in order.split(sizes):
                    interrupts.check()
                    x, y = images[batch], labels[batch]
                    with _in_words("train", model, x, y, loss):
                        outputs = model(x)
                        if not history.step_loss and not seen.losses:
                            _check_first(outputs, model, optimiser, loss, train, test)
                        value = loss(outputs, y)
                    optimiser.zero_grad()
                    value.backward()
                    optimiser.step()
                    seen.add(outputs, value)
                    view.follow(seen)
                measured = None if test is None else evaluate(model, test, loss=loss)
                history._add(seen.values(), seen.accuracy(labels[order]), measured)
        except KeyboardInterrupt:
            done = f"in epoch {seen.epoch} of {epochs}, after {len(seen.losses)} of {steps} steps"
            history.interrupted = done
        finally:
            view.end()
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
    model: nn.Module,
    data: Data,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    batch_size: int = 256,
    device: torch.device | str | None = None,
) -> Evaluation:
    """Measure a model on `(images, labels)`: in eval mode, without gradients, batch by batch.

    Args:
        model, data, loss, device: as for `fit`. Neither weights nor modes change.
        batch_size: an integer >= 1; bounds the memory, does not change the result.

    Raises:
        ValueError: for an argument out of range.
    """
    batch_size = _whole("batch_size", batch_size, 1)
    device = _place(model, device)
    images, labels = _on_device("data", data, device, loss)
    total, right = 0.0, 0.0
    with modes_kept(model), torch.no_grad():
        model.eval()
        for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            with _in_words("data", model, x, y, loss):
                outputs = model(x)
                _check_classes("data", outputs, y, loss)
                total += float(loss(outputs, y)) * len(x)
            right += _right(_scores(outputs), y)
    return Evaluation(total / len(images), right / len(images))


# ---------------------------------------------------------------------------------------------
# What is kept of a training


@dataclass(repr=False)
class History:
    """What happened in a training. Lists hold one number per complete epoch.

    Attributes:
        epochs: how many were asked for; `len(history)` is how many were completed.
        steps: weight updates in an epoch.
        tested: whether there was a test set; the lists of the test are empty without one.
        step_loss: the loss of every step of the complete epochs, before that step's update.
        train_loss: mean of these over the examples of an epoch.
        train_accuracy: share of right answers, counted as the batches went by: with the weights of
            that moment and with dropout at work, so it may lie below the test's. NaN where labels
            are no class numbers.
        test_loss, test_accuracy: measured after the epoch, see `evaluate`.
        interrupted: where the training was stopped; empty if it was not. name: see `fit`.

    Displayed in a notebook it draws its curves. The digits of a training can differ between
    processors: a lesson prints what is stable, not the history itself.
    """

    epochs: int
    steps: int
    tested: bool = False
    step_loss: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    interrupted: str = ""
    name: str = ""

    @property
    def train_error(self) -> list[float]:
        """Share of wrong answers in training, per epoch."""
        return [1 - accuracy for accuracy in self.train_accuracy]

    @property
    def test_error(self) -> list[float]:
        """Share of wrong answers in the test, per epoch."""
        return [1 - accuracy for accuracy in self.test_accuracy]

    def __len__(self) -> int:
        return len(self.train_loss)

    def _add(self, losses: list[tuple[float, int]], accuracy: float, test: Evaluation | None):
        examples = sum(count for _, count in losses)
        self.step_loss += [loss for loss, _ in losses]
        self.train_loss.append(sum(loss * count for loss, count in losses) / examples)
        self.train_accuracy.append(accuracy)
        if test is not None:
            self.test_loss.append(test.loss)
            self.test_accuracy.append(test.accuracy)

    def __repr__(self) -> str:
        stopped = f"Interrupted {self.interrupted}. " if self.interrupted else ""
        if self.name:
            stopped = f"{self.name}. {stopped}"
        if not len(self):
            return f"{stopped}No epoch was completed."
        parts = [f"training loss {self.train_loss[-1]:.3f}"]
        if not math.isnan(self.train_accuracy[-1]):
            parts.append(f"training error {_percent(self.train_error[-1])}")
        if self.tested and math.isnan(self.test_accuracy[-1]):
            parts.append(f"test loss {self.test_loss[-1]:.3f}")
        elif self.tested:
            parts.append(f"test error {_percent(self.test_error[-1])}")
        plural = "epoch" if len(self) == 1 else "epochs"
        return f"{stopped}After {len(self)} {plural} of {self.steps} steps: {', '.join(parts)}."

    def _repr_html_(self) -> str:
        return f'{_curves(self, self.step_loss)}<div style="{_SAYS}">{escape(repr(self))}</div>'


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


class _Seen:
    """The losses and the scores of the epoch under way, left on the device."""

    def __init__(self, epoch: int, lr: float, steps: int) -> None:
        self.epoch, self.lr, self.steps = epoch, lr, steps
        self.losses: list[Tensor] = []
        self.scores: list[Tensor] = []
        self.read: list[float] = []

    def add(self, outputs, loss: Tensor) -> None:
        self.scores.append(_scores(outputs).detach())
        self.losses.append(loss.detach())
        if len(self.losses) % _CHECK_EVERY == 0:
            self.numbers()

    def numbers(self) -> list[float]:
        """The losses so far; raises TrainingDiverged when one of them is no number."""
        if unread := self.losses[len(self.read) :]:
            self.read += torch.stack(unread).tolist()
        for step, number in enumerate(self.read, 1):
            if not math.isfinite(number):
                raise TrainingDiverged(
                    f"the training loss became {number} in epoch {self.epoch}, step {step} of "
                    f"{self.steps}, with lr = {self.lr:g}. As a rule the learning rate is too "
                    f"high: build the model anew and try lr = {self.lr / 10:g}. If that does not "
                    "help, scale the images to [0, 1] and look for a logarithm of 0 or a division "
                    "by 0 in the model or in the loss."
                )
        return self.read

    def values(self) -> list[tuple[float, int]]:
        """(loss, number of examples) of each step."""
        return [(n, len(s)) for n, s in zip(self.numbers(), self.scores, strict=True)]

    def accuracy(self, labels: Tensor) -> float:
        """Share of right answers; labels in the order in which the batches went by."""
        return _right(torch.cat(self.scores), labels) / len(labels)


def _scores(outputs) -> Tensor:
    return outputs[0] if isinstance(outputs, tuple) else outputs


def _right(scores: Tensor, labels: Tensor) -> float:
    """How many labels have the largest score; NaN where labels are no class numbers."""
    if labels.is_floating_point() or labels.ndim != 1 or scores.ndim != 2:
        return math.nan
    return int((scores.argmax(dim=1) == labels).sum())


# ---------------------------------------------------------------------------------------------
# Arguments


def _checked(epochs, batch_size, seed, lr):
    is_number = isinstance(lr, numbers.Real) and not isinstance(lr, bool)  # NumPy's are, too
    if not is_number or not 0 < lr < math.inf:
        raise ValueError(f"lr must be a number > 0, got {lr!r}")
    whole = _whole("epochs", epochs, 1), _whole("batch_size", batch_size, 1)
    seed = _whole("seed", seed, 0)
    if seed >= 2**63:
        raise ValueError(f"seed must be an integer < 2**63, got {seed}")
    return *whole, seed, float(lr)


def _whole(name, value, minimum):
    problem = f"{name} must be an integer >= {minimum}, got {value!r}"
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(problem) from None
    if isinstance(value, bool) or number < minimum:
        raise ValueError(problem)
    return number


def _place(model, device) -> torch.device:
    """Put the model on the device; without one, find where it is."""
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    if device is None:
        return next((p.device for p in model.parameters()), torch.device("cpu"))
    try:
        device = torch.device(device)
        model.to(device)
    except (RuntimeError, TypeError, AssertionError) as problem:
        first_line = str(problem).splitlines()[0]
        raise ValueError(
            f"device must be one that is here, as 'cpu', got {device!r}: {first_line}"
        ) from None
    return device


def _on_device(name, data, device, loss) -> Data:
    is_pair = isinstance(data, tuple | list) and len(data) == 2
    if not is_pair or not all(torch.is_tensor(part) and part.ndim for part in data):
        raise ValueError(f"{name} must be a pair (images, labels) of tensors, got {_kind(data)}")
    images, labels = data
    if len(images) != len(labels) or not len(images):
        raise ValueError(
            f"{name} must hold as many labels as images and at least one, got {len(images)} images "
            f"and {len(labels)} labels"
        )
    if images.is_floating_point() and not bool(images.isfinite().all()):
        raise ValueError(f"the images of {name} must be finite, got at least one NaN or infinity")
    if _left_out(loss) is not None:
        if labels.is_floating_point() and labels.ndim == 1:
            raise ValueError(
                f"the labels of {name} must be class numbers for the loss cross_entropy, got "
                f"{labels.dtype}; labels.long() makes whole numbers of them"
            )
        labels = labels if labels.is_floating_point() else labels.long()
    return images.to(device), labels.to(device)


def _kind(data):
    if isinstance(data, tuple | list):
        return f"{type(data).__name__} of {', '.join(type(part).__name__ for part in data)}"
    return type(data).__name__


def _optimiser(model, optimizer, lr):
    if not callable(optimizer):
        raise ValueError(
            "optimizer must be called as optimizer(parameters, lr=lr), as torch.optim.Adam is, "
            f"got {optimizer!r}"
        )
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise ValueError(
            f"model must have a parameter that needs a gradient, got none. {HOW_TO_OWN}"
        )
    return optimizer(trainable, lr=lr)


def _batch_sizes(examples, batch_size, model) -> list[int]:
    """How many examples each batch holds. Of a single one there is no spread to normalise by."""
    whole, left = divmod(examples, batch_size)
    sizes = [batch_size] * whole + [left] * (left > 0)
    norms = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())
    return [*sizes[:-2], batch_size + 1] if norms and whole and left == 1 else sizes


# ---------------------------------------------------------------------------------------------
# Whether data, model and loss fit, as the first batch shows it


def _check_first(outputs, model, optimiser, loss, train, test) -> None:
    """After the first forward pass and before the first step: will all of it train?"""
    _check_classes("train", outputs, train[1], loss)
    if test is not None:
        _check_classes("test", outputs, test[1], loss)
        if (test[0].dtype, test[0].ndim) != (train[0].dtype, train[0].ndim):
            kinds = [f"{images.dtype} {tuple(images.shape)}" for images, _ in (train, test)]
            raise ValueError(
                f"the images of test must be as those of train, {kinds[0]}; got {kinds[1]}"
            )
    tensors = [tensor for tensor in tree_leaves(outputs) if isinstance(tensor, Tensor)]
    if not any(tensor.requires_grad for tensor in tensors):
        raise ValueError(
            "model must put out scores from which a gradient comes back to its weights; leave out "
            "detach(), torch.no_grad() and argmax in its forward pass"
        )
    own = [p for group in optimiser.param_groups for p in group["params"]]
    own += [*model.parameters(), *model.buffers(), *train]
    if unowned := _weights_behind(tensors, {id(tensor) for tensor in own}):
        raise ValueError(
            f"model must own the weights it uses, but {describe_unowned(unowned)}. {HOW_TO_OWN}"
        )


def _weights_behind(outputs: list[Tensor], known: set[int]) -> list[Tensor]:
    """All tensors to which a gradient flows from the outputs, but for the known ones."""
    todo, met, found = [tensor.grad_fn for tensor in outputs], set(), []
    while todo:
        node = todo.pop()
        if node is None or node in met:
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


def _check_classes(name, outputs, labels, loss) -> None:
    scores, left_out = _scores(outputs), _left_out(loss)
    if left_out is None or labels.is_floating_point() or scores.ndim < 2:
        return
    counted = labels[labels != left_out]
    if counted.numel() and not 0 <= int(counted.min()) <= int(counted.max()) < scores.shape[1]:
        raise ValueError(
            f"the labels of {name} must be class numbers from 0 to {scores.shape[1] - 1}, since "
            f"the model puts out {scores.shape[1]} scores; got {int(counted.min())} to "
            f"{int(counted.max())}"
        )


@contextmanager
def _in_words(name, model, images, labels, loss) -> Iterator[None]:
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


# ---------------------------------------------------------------------------------------------
# What stands around the loop


@contextmanager
def _random_state(seed, device) -> Iterator[None]:
    """Seed what dropout draws from, and put the global state back afterwards."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


class _Interrupts:
    """Holds an interrupt back until `check` is called; a second one comes through at once.

    Between two steps weights and optimiser agree. In the middle of one, some weights are updated
    and others not. Only the main thread gets interrupts; elsewhere there is nothing to hold back.
    """

    def __enter__(self):
        self.waiting, self.previous = False, None
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self.previous = handler
                signal.signal(signal.SIGINT, self._hold)
        return self

    def _hold(self, signum, frame):
        if self.waiting:
            self.previous(signum, frame)
        self.waiting = True

    def check(self) -> None:
        if self.waiting:
            raise KeyboardInterrupt

    def __exit__(self, *problem):
        if self.previous is not None:
            signal.signal(signal.SIGINT, self.previous)


# ---------------------------------------------------------------------------------------------
# The live view

_PERIOD = 0.3  # seconds between two pictures


def _view(history, live) -> _NoView | _LiveView:
    if live not in (None, True, False):
        raise ValueError(f"live must be True, False or None, got {live!r}")
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    attached = hasattr(shell, "kernel")  # a notebook, not IPython in a terminal
    return _LiveView(history, attached) if (attached if live is None else live) else _NoView()


class _NoView:
    def follow(self, seen) -> None:
        pass

    def end(self) -> None:
        pass


class _LiveView:
    """A bar, a line of numbers and the curves; what is left at the end is the line.

    Only widgets change, so a stored notebook holds the text of the beginning and nothing stale.
    """

    def __init__(self, history: History, attached: bool) -> None:
        import ipywidgets

        self.history = history
        self.line = ipywidgets.HTML()
        self.bar = ipywidgets.IntProgress(
            max=history.epochs * history.steps, layout=ipywidgets.Layout(width="640px")
        )
        self.picture = ipywidgets.HTML()
        self.box = ipywidgets.VBox([self.line, self.bar, self.picture])
        self.next = time.monotonic() + _PERIOD
        if attached:
            from IPython.display import display

            plural = "epoch" if history.epochs == 1 else "epochs"
            which = f"Training of {history.name}" if history.name else "Training"
            text = f"{which}: {history.epochs} {plural} of {history.steps} steps."
            view = self.box._repr_mimebundle_()
            html = f'<div style="{_SAYS}">{escape(text)}</div>'
            display({**view, "text/plain": text, "text/html": html}, raw=True)

    def follow(self, seen: _Seen) -> None:
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + _PERIOD
        losses = seen.numbers()
        self.bar.value = len(self.history) * self.history.steps + len(losses)
        which = f"{self.history.name}. " if self.history.name else ""
        self._say(f"{which}Epoch {seen.epoch} of {self.history.epochs}, loss {losses[-1]:.3f}")
        self.picture.value = _curves(self.history, self.history.step_loss + losses)

    def _say(self, words: str) -> None:
        self.line.value = f'<div role="status" style="{_SAYS}">{escape(words)}</div>'

    def end(self) -> None:
        self._say(repr(self.history))
        self.bar.close()
        self.picture.close()
        self.box.children = (self.line,)


# ---------------------------------------------------------------------------------------------
# The curves

_SAYS = "font-size:var(--cnn-says-size,15px);line-height:1.5;margin:2px"
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 300, 150, 52, 28, 28  # of one curve's frame, in pixels
_POINTS = 120


def _curves(history: History, step_loss: list[float]) -> str:
    """The loss against the steps, and the errors against the epochs, as one inline SVG."""
    per_point = max(1, math.ceil(len(step_loss) / _POINTS))
    groups = [step_loss[i : i + per_point] for i in range(0, len(step_loss), per_point)]
    first = (per_point - 1) / 2 + 1  # the middle step of the first point
    loss = [(first + i * per_point, sum(g) / len(g)) for i, g in enumerate(groups)]
    steps = history.epochs * history.steps
    body = _frame(0, "training loss", "step", steps, {"training": loss}, "")
    errors = {
        "training": list(enumerate((100 * e for e in history.train_error), 1)),
        "test": list(enumerate((100 * e for e in history.test_error), 1)),
    }
    errors = {name: line for name, line in errors.items() if line and not math.isnan(line[0][1])}
    if errors:
        body += _frame(370, "error", "epoch", history.epochs, errors, " %")
    width, height = 740, _TOP + _HEIGHT + _BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="Curves. {escape(repr(history))}" '
        f'viewBox="0 0 {width} {height}" width="{width}" style="max-width:100%;display:block" '
        f'font-family="{SVG_FONT}" font-size="13" fill="{INK}">'
        f'<rect width="{width}" height="{height}" rx="4" fill="{PAPER}"/>{body}</svg>'
    )


def _frame(left, title, unit, last, lines, sign) -> str:
    """One pair of axes, both from zero, and its lines {name: [(x, y), ...]}."""
    x0, y0 = left + _LEFT, _TOP + _HEIGHT
    top = max((y for line in lines.values() for _, y in line), default=0) or 1
    parts = [
        f'<text x="{x0}" y="18" font-weight="700">{title}</text>',
        f'<path d="M{x0} {_TOP}V{y0}H{x0 + _WIDTH}" fill="none" stroke="{MUTED}"/>',
        f'<path d="M{x0} {_TOP}H{x0 + _WIDTH}" stroke="{FAINT}"/>',
        f'<text x="{x0 - 6}" y="{_TOP + 5}" text-anchor="end">{top:.3g}{sign}</text>',
        f'<text x="{x0 - 6}" y="{y0}" text-anchor="end">0</text>',
        f'<text x="{x0 + _WIDTH}" y="{y0 + 18}" text-anchor="end">{unit} {last}</text>',
    ]
    for number, (name, line) in enumerate(lines.items()):
        colour, dash = ((INPUT, ""), (HIGHLIGHT, ' stroke-dasharray="6 4"'))[name == "test"]
        points = [
            f"{x0 + x / last * _WIDTH:.1f} {y0 - max(y, 0) / top * _HEIGHT:.1f}" for x, y in line
        ]
        if len(lines) > 1:
            x, y = x0 + _WIDTH - 90, _TOP + 16 + 18 * number
            parts.append(f'<path d="M{x} {y - 4}h24" stroke="{colour}" stroke-width="2.5"{dash}/>')
            parts.append(f'<text x="{x + 30}" y="{y}">{name}</text>')
        if points:
            parts.append(
                f'<path d="M{"L".join(points)}" fill="none" stroke="{colour}" stroke-width="2.5" '
                f'stroke-linejoin="round" stroke-linecap="round"{dash}/>'
            )
    return "".join(parts)
