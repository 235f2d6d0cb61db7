"""What a design of the capstone may be: the rules with their reasons, and the training.

    measure(model, name)     its entry for the board, or `Refused` with why and what to change

The check keeps honest people from mistakes; it is no guard against cheating. A forward pass that
reads the test part itself would not be found.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parameter import UninitializedTensorMixin

from course_utils.datasets import digits
from course_utils.ledger import HOW_TO_OWN, hooks_of
from course_utils.lessons.imagenet_winners.board import Entry
from course_utils.lessons.imagenet_winners.budget import (
    BUDGET,
    HOW_TO_SAVE,
    Refused,
    check_stored,
    count,
    one_line,
    over,
    refusing,
    some_of,
)
from course_utils.training import TrainingDiverged, evaluate, fit

_PROBE = 8  # images on which a design is tried before it is trained


def measure(model: object, name: str) -> tuple[Entry, list[str]]:
    """Check a design and train copies of it: the entry for the board, and notes.

    Raises:
        Refused: for what does not fit the rules or the budget.
    """
    train, test = digits(BUDGET.input_shape[-1])
    with (
        one_thread(),
        refusing(
            "The check does not get through this network: {error}",
            "Give methods of your own names that nn.Module does not have (train, eval and "
            "parameters are taken), return an ordinary tensor, and keep only layers, tensors and "
            "numbers in the attributes.",
        ),
    ):
        own = _copied(model)
        _check_forward(own, train[0][:_PROBE])
        counts, notes = count(own)
        check_stored(own)
        try:
            _check_gradient(own, train[0][:64], train[1][:64])
            right, trained = _train(own, train, test)
        except Refused as refused:
            refused.counts = counts
            raise
        after = dict(trained.named_parameters())
        still = [
            n
            for n, p in own.named_parameters()
            if p.requires_grad and n in after and torch.equal(p, after[n])
        ]
        if still:
            why = "their gradient was 0 all the time."
            notes.append(f"The training did not move {some_of(still)}: {why}")
    asked = len(test[1]) * len(BUDGET.seeds)
    return Entry(name, **counts, right=right, asked=asked, recipe=BUDGET.recipe), notes


@contextmanager
def one_thread() -> Iterator[None]:
    """Networks as small as these are fastest on one thread, and the same on every machine's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            yield
    finally:
        torch.set_num_threads(threads)


# ---------------------------------------------------------------------------------------------
# Before anything runs


def _copied(model: object) -> nn.Module:
    """A copy on the CPU, in evaluation mode."""
    if not isinstance(model, nn.Module):
        what, advice = type(model).__name__, "Build an nn.Module and hand it over."
        if isinstance(model, type):
            what, advice = f"the class {model.__name__}", f"Call it: {model.__name__}()."
        elif callable(model):
            called = getattr(model, "__name__", "it")
            what = f"a function, {called}"
            advice = f"Hand over the network that it returns: check_design({called}())."
        raise Refused(f"A network is an instance of nn.Module; this is {what}.", advice)
    for path, module in model.named_modules():  # a module comes before its parts are looked up
        _check_module(path, module)
    held = [*model.named_parameters(), *model.named_buffers()]
    if lazy := [n for n, value in held if isinstance(value, UninitializedTensorMixin)]:
        raise Refused(
            f"It has lazy layers, whose weights or statistics have no shape yet: {some_of(lazy)}.",
            f"Run it once, model(torch.zeros{(1, *BUDGET.input_shape)}), or give the layers their "
            "sizes.",
        )
    if any(value.is_meta for _, value in held):
        raise Refused(
            "Its weights are on the meta device and hold no numbers.",
            'Build it without `with torch.device("meta")`.',
        )
    _check_parameters(model)
    own = _copy(model)
    own.cpu()
    own.eval()
    return own


def _copy(module: nn.Module) -> nn.Module:
    with refusing(
        "The network cannot be copied ({error}).",
        "Keep no intermediate results (or detach() them) and no open files in its attributes.",
    ):
        return copy.deepcopy(module)


def _check_module(path: str, module: nn.Module) -> None:
    """Is it complete, and can its layers be followed?"""
    kind = type(module).__name__
    what = f"Its part {path} ({kind})" if path else f"The network ({kind})"
    wrapped = "_orig_mod" in vars(module).get("_modules", ())  # by torch.compile
    if wrapped or isinstance(module, torch.jit.ScriptModule):
        raise Refused(
            f"{what} is compiled: its layers cannot be followed and counted.",
            "Hand over the network as it was before torch.jit.script, torch.jit.trace or "
            "torch.compile.",
        )
    if "_parameters" not in vars(module):
        raise Refused(
            f"{what} is not set up: its __init__ does not call that of nn.Module.",
            f"Begin the __init__ of the class {kind} with super().__init__().",
        )
    if hooks_of(module):
        raise Refused(
            f"{what} has forward hooks, and what a hook computes cannot be counted.",
            "Compute in forward. A hook that only looks comes off by its handle.remove().",
        )


def _check_parameters(model: nn.Module) -> None:
    """Is there something to train, and not far too much to copy and run?"""
    parameters = list(model.parameters())
    if not any(p.requires_grad for p in parameters):
        found = "has no parameters" if not parameters else "has frozen all its parameters"
        raise Refused(
            f"The network {found}: there is nothing to train.",
            f"Give it a layer with weights, and leave requires_grad as it is. {HOW_TO_OWN}",
        )
    total = sum(p.numel() for p in parameters)
    if total > 20 * BUDGET.parameters:
        sizes = sorted(((p.numel(), n) for n, p in model.named_parameters()), reverse=True)[:3]
        largest = ", ".join(f"{name} {size:,}" for size, name in sizes)
        why = f"{over('parameters', total, BUDGET.parameters)} The largest: {largest}."
        raise Refused(why, HOW_TO_SAVE["parameters"], parameters=total)


# ---------------------------------------------------------------------------------------------
# The forward and the backward pass


def _check_forward(own: nn.Module, images: Tensor) -> None:
    """Run a few images, together and one by one, in both modes."""
    before = {name for name, _ in own.named_parameters()}
    given = images.clone()
    scores = _scores(own, given)
    if made := [name for name, _ in own.named_parameters() if name not in before]:
        raise Refused(
            f"Its forward pass creates weights: {some_of(made)}.",
            "Create all layers in __init__; forward only uses them.",
        )
    if not bool(scores.isfinite().all()):
        raise Refused(
            "Its scores are not all finite: there is a NaN or an infinity.",
            "Look for a logarithm of 0, a division by 0, or start weights that are too large.",
        )
    if not torch.equal(given, images):
        raise Refused(
            "Its forward pass changes the images that it is given.",
            "Leave out operations in place on x, such as x *= 2 or nn.ReLU(inplace=True) on it.",
        )
    if not torch.equal(scores, _scores(own, images.clone())):
        raise Refused(
            "In evaluation mode it gives two different answers to the same images.",
            "Draw random numbers in training only, as nn.Dropout does (self.training).",
        )
    alone = torch.cat([_scores(own, one.clone()) for one in images.split(1)])
    if not torch.allclose(alone, scores, rtol=1e-3, atol=1e-3):
        raise Refused(
            "The scores of an image depend on the other images that are shown with it.",
            "Work on each image by itself: keep dimension 0, and take no mean or norm along it.",
        )
    own.train()
    _scores(own, images.clone())
    own.eval()


def _scores(own: nn.Module, images: Tensor, *, grad: bool = False) -> Tensor:
    """Run images `(N, 1, 16, 16)`; return scores `(N, 10)`."""
    given, wanted = tuple(images.shape), (len(images), BUDGET.classes)
    with _located(own) as where, torch.set_grad_enabled(grad):
        try:
            scores = own(images)
        except (Exception, SystemExit) as error:
            raise Refused(
                f"The forward pass raises an error{where()}: {one_line(error)}",
                f"Follow the shapes: images are {given}, scores ({len(images)}, "
                f"{BUDGET.classes}). See the ledger of a part of it.",
            ) from None
    if not isinstance(scores, Tensor):
        raise Refused(
            f"For images {given} it returns {type(scores).__name__}, not a tensor.",
            "Return the scores alone.",
        )
    if tuple(scores.shape) != wanted:
        advice = f"End with nn.Flatten() and nn.Linear(..., {BUDGET.classes})."
        if scores.ndim == 4 and scores.shape[1] == BUDGET.classes:
            advice = "Average over the positions, nn.AdaptiveAvgPool2d(1), then nn.Flatten()."
        elif scores.ndim == 2:
            advice = f"End with nn.Linear(..., {BUDGET.classes})."
        raise Refused(
            f"For images {given} it returns {tuple(scores.shape)}; it should be {wanted}: a score "
            f"for each of the {BUDGET.classes} digits.",
            advice,
        )
    if not scores.is_floating_point():
        raise Refused(
            f"Its scores are of type {scores.dtype}.", "Return the scores, not the chosen digit."
        )
    return scores


@contextmanager
def _located(own: nn.Module) -> Iterator[Callable[[], str]]:
    """Follow which module is at work; the value says where an error arose."""
    stack: list[str] = []
    paths = {module: path for path, module in own.named_modules()}

    def enter(module, arguments):
        shapes = ", ".join(f"{tuple(a.shape)}" for a in arguments if isinstance(a, Tensor))
        kind = type(module).__name__
        path = f"layer {paths[module]} ({kind})" if paths[module] else f"{kind}.forward"
        stack.append(f" in {path}, which was given {shapes or 'no tensor'}")

    def leave(module, arguments, output):
        stack.pop()

    hooks = [module.register_forward_pre_hook(enter) for module in paths]
    hooks += [module.register_forward_hook(leave) for module in paths]
    try:
        yield lambda: stack[-1] if stack else ""
    finally:
        for hook in hooks:
            hook.remove()


def _check_gradient(own: nn.Module, images: Tensor, labels: Tensor) -> None:
    """One backward pass: every weight that is to learn must be reached."""
    own.train()
    scores = _scores(own, images.clone(), grad=True)
    if not scores.requires_grad:
        raise Refused(
            "No gradient comes back from its scores.",
            "Leave out detach(), torch.no_grad(), .data and argmax in the forward pass.",
        )
    with refusing(
        "The backward pass raises an error: {error}",
        "Look for operations in place (x += ..., inplace=True) on a tensor used twice.",
    ):
        cross_entropy(scores, labels).backward()
    missed = [n for n, p in own.named_parameters() if p.requires_grad and p.grad is None]
    if missed:
        raise Refused(
            f"No gradient reaches {some_of(missed)}: they count and would never learn.",
            "Use them in forward, remove them, or freeze them: requires_grad_(False).",
        )
    own.zero_grad(set_to_none=True)
    own.eval()


def _train(own: nn.Module, train, test) -> tuple[int, nn.Module]:
    """Train a copy for each seed. Return the right answers of all, and the last copy."""
    right, trained = 0, own
    recipe = {"epochs": BUDGET.epochs, "lr": BUDGET.lr, "batch_size": BUDGET.batch_size}
    for seed in BUDGET.seeds:
        trained = _copy(own)
        with refusing(
            "In training it raises an error: {error}",
            "Let forward work for any number of images: batches hold 64, the last one 3.",
        ):
            try:
                history = fit(trained, train, **recipe, seed=seed, live=False)
            except TrainingDiverged:
                raise Refused(
                    f"In training its loss became infinite or no number (lr {BUDGET.lr:g} for "
                    "all).",
                    "Add batch normalisation, use smaller start weights, or avoid logarithms.",
                ) from None
            if history.interrupted:
                raise KeyboardInterrupt
            right += round(evaluate(trained, test).accuracy * len(test[1]))
    return right, trained
