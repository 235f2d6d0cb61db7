"""What a design of the capstone may be: the budget, the rules with their reasons, the training.

    measure(model, name)     its entry for the board, or `Refused` with why and what to change

The check keeps honest people from mistakes; it is no guard against cheating. A forward pass that
reads the test part itself would not be found.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from traceback import walk_tb
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from course_utils.datasets import digits
from course_utils.exercises.comparing import described
from course_utils.ledger import HOW_TO_OWN, hooks_of, ledger
from course_utils.training import TrainingDiverged, evaluate, fit


class Budget(NamedTuple):
    """What a design may cost, and the recipe by which every design is trained."""

    parameters: int = 25_000  # trainable or not
    macs: int = 1_000_000  # multiply-adds for one image
    input_shape: tuple[int, int, int] = (1, 16, 16)
    classes: int = 10
    epochs: int = 4
    batch_size: int = 64
    steps: int = 88  # 4 epochs of ceil(1,347 / 64)
    lr: float = 3e-3  # of Adam
    seeds: tuple[int, ...] = (0, 1)  # a training for each: order of the scans, dropout

    @property
    def recipe(self) -> str:
        """What scores depend on besides the design: the budget with its training, and torch."""
        return f"{tuple(self)} torch {torch.__version__}"


BUDGET = Budget()
"""A LeNet-5 for 16 x 16 and a ResNet-8 fit. 88 steps are few: a network that learns easily wins."""

HOW_TO_SAVE = {
    "parameters": "Fewer maps; a smaller map before the dense layers, or global average pooling; "
    "two 3×3 convolutions for one 5×5.",
    "macs": "Make the maps smaller earlier (stride, pooling), use fewer maps where they are large, "
    "or a 1×1 convolution before a large kernel.",
}


class Entry(NamedTuple):
    """A trained design."""

    name: str
    parameters: int
    macs: int
    right: int  # of `asked` answers on the test part, over all its trainings
    asked: int
    recipe: str  # how it was trained; only designs with equal recipes can be compared

    @property
    def key(self) -> tuple:
        """What the board is ordered by: more right answers, then fewer MACs, then parameters."""
        return (-self.right / self.asked, self.macs, self.parameters)


class Refused(Exception):
    """A design cannot be ranked: why, what to change, and its counts as far as they are known."""

    def __init__(self, why: str, advice: str, **counts: int) -> None:
        super().__init__(why)
        self.advice, self.counts = advice, counts


@contextmanager
def _refusing(why: str, advice: str) -> Iterator[None]:
    """Turn whatever a design raises into `Refused`; `{error}` in `why` stands for its text."""
    try:
        yield
    except Refused:
        raise
    except (Exception, SystemExit) as error:  # what a design may raise has no end
        raise Refused(why.replace("{error}", described(error)), advice) from error


def _some_of(names: Sequence[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


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


def measure(model: object, name: str) -> Entry:
    """Check a design and train copies of it: the entry for the board, or `Refused`."""
    train, test = digits(BUDGET.input_shape[-1])
    advice = (
        "Begin each __init__ with super().__init__(); give methods of your own names that "
        "nn.Module does not have (train, eval and parameters are taken); return an ordinary "
        "tensor; keep only layers, tensors and numbers in the attributes."
    )
    with one_thread(), _refusing("The check does not get through this network: {error}", advice):
        own = _copied(model)
        _check_forward(own, train[0][:8])
        counts = _count(own)
        try:
            _check_gradient(copy.deepcopy(own), train[0][:64], train[1][:64])
            right = _train(own, train, test)
        except Refused as refused:
            refused.counts = counts
            raise
    asked = len(test[1]) * len(BUDGET.seeds)
    return Entry(name, **counts, right=right, asked=asked, recipe=BUDGET.recipe)


def _copied(model: object) -> nn.Module:
    """A copy on the CPU, in evaluation mode, of a network with weights to train."""
    if not isinstance(model, nn.Module):
        what, advice = type(model).__name__, "Build an nn.Module and hand it over."
        if callable(model):
            kind = "class" if isinstance(model, type) else "function"
            what, advice = f"the {kind} {model.__name__}", f"Call it: {model.__name__}()."
        raise Refused(f"A network is an instance of nn.Module; this is {what}.", advice)
    if hooked := [name or "the network" for name, m in model.named_modules() if hooks_of(m)]:
        why = f"What a forward hook computes cannot be counted, and {_some_of(hooked)} has one."
        advice = "Compute in forward. A hook that only looks comes off by its handle.remove()."
        raise Refused(why, advice)
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    if not any(p.requires_grad for p in model.parameters()):
        found = "has frozen all its parameters" if sizes else "has no parameters"
        advice = f"Give it a layer with weights, and leave requires_grad as it is. {HOW_TO_OWN}"
        raise Refused(f"The network {found}: there is nothing to train.", advice)
    total = sum(sizes.values())
    if total > 20 * BUDGET.parameters:  # too much to copy and run
        raise _over("parameters", total, sizes, parameters=total)
    advice = "Keep no intermediate results (or detach() them) and no open files in its attributes."
    with _refusing("The network cannot be copied ({error}).", advice):
        own = copy.deepcopy(model)
    own.cpu()
    own.eval()
    return own


def _over(what: str, total: int, sizes: dict[str, int], **counts: int) -> Refused:
    most, words = getattr(BUDGET, what), what.replace("macs", "multiply-adds")
    largest = sorted(sizes, key=sizes.get, reverse=True)[:3]
    named = ", ".join(f"{name} {sizes[name]:,}" for name in largest if sizes[name] * 20 >= total)
    why = f"It has {total:,} {words}, {total - most:,} more than the {most:,} allowed."
    return Refused(f"{why} Most of them: {named}." if named else why, HOW_TO_SAVE[what], **counts)


def _check_forward(own: nn.Module, images: Tensor) -> None:
    """Run a few images, together, again, and one by one."""
    given = images.clone()
    scores, again = _scores(own, given), _scores(own, images.clone())
    alone = torch.cat([_scores(own, one.clone()) for one in images.split(1)])
    if not scores.isfinite().all():
        why = "Its scores are not all finite: there is a NaN or an infinity."
        advice = "Look for a logarithm of 0, a division by 0, or start weights that are too large."
    elif not torch.equal(given, images):
        why = "Its forward pass changes the images that it is given."
        advice = "Leave out operations in place on x, as x *= 2 or nn.ReLU(inplace=True) on it."
    elif not torch.equal(scores, again):
        why = "In evaluation mode it gives two different answers to the same images."
        advice = "Draw random numbers in training only, as nn.Dropout does (self.training), and "
        advice += "create all layers in __init__; forward only uses them."
    elif not torch.allclose(alone, scores, rtol=1e-3, atol=1e-3):
        why = "The scores of an image depend on the other images that are shown with it."
        advice = "Work on each image by itself: keep dimension 0, take no mean or norm along it."
    else:
        return
    raise Refused(why, advice)


def _scores(own: nn.Module, images: Tensor, *, grad: bool = False) -> Tensor:
    """Run images `(N, 1, 16, 16)`; return scores `(N, 10)`."""
    shape, wanted = tuple(images.shape), (len(images), BUDGET.classes)
    try:
        with torch.set_grad_enabled(grad):
            scores = own(images)
    except (Exception, SystemExit) as error:
        advice = f"Follow the shapes: images are {shape}, scores {wanted}."
        why = f"The forward pass raises an error in {_place(own, error)}: {described(error)}"
        raise Refused(why, f"{advice} See the ledger of a part of it.") from None
    found = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
    if found == wanted:
        return scores
    advice = f"End with nn.Flatten() and nn.Linear(..., {BUDGET.classes})."
    if isinstance(found, str):
        advice = "Return the scores alone, a tensor."
    elif found[1:2] == wanted[1:]:
        advice = "Average over the positions, nn.AdaptiveAvgPool2d(1), then nn.Flatten()."
    why = f"For images {shape} it returns {found}; it should be {wanted}: a score for each of "
    raise Refused(f"{why}the {BUDGET.classes} digits.", advice)


def _place(own: nn.Module, error: BaseException) -> str:
    """The layer in which an error arose, the innermost that was called, and what it was given."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    call = [f.f_locals for f in frames if f.f_code is nn.Module._call_impl.__code__][-1]
    module, given = call["self"], call["args"]
    path, kind = {m: n for n, m in own.named_modules()}.get(module), type(module).__name__
    where = f"layer {path} ({kind})" if path else f"{kind}.forward"
    shapes = ", ".join(f"{tuple(a.shape)}" for a in given if isinstance(a, Tensor))
    return f"{where}, which was given {shapes or 'no tensor'}"


def _count(own: nn.Module) -> dict[str, int]:
    """Return parameters and multiply-adds, within the budget."""
    advice = "Let the path through the network depend on shapes only, not on the numbers (.item(), "
    advice += "an if on a tensor, NumPy), and use no compiled modules."
    with _refusing("Its multiply-adds cannot be counted: {error}", advice):
        book = ledger(own, BUDGET.input_shape)
    if book.unowned:
        raise Refused(f"The network does not own all its weights: {book.unowned}.", HOW_TO_OWN)
    for row in book.rows:  # weights that are used in products that the ledger does not see
        free = row.macs or row.category in ("normalisation", "activation") or not row.output_shape
        if row.parameters > row.activations and not free:
            why = f"Layer {row.label} ({row.kind}) uses {row.parameters:,} weights for "
            why += f"{row.activations:,} outputs, and the ledger cannot count its multiply-adds: "
            advice = "Use convolutions and dense layers, or torch.matmul."
            raise Refused(f"{why}it could not be compared.", advice, parameters=book.parameters)
    counts = {"parameters": book.parameters, "macs": book.macs}
    for what, total in counts.items():
        if total > getattr(BUDGET, what):
            sizes = {f"layer {row.label} ({row.kind})": getattr(row, what) for row in book.rows}
            raise _over(what, total, sizes, **counts)
    return counts


def _check_gradient(own: nn.Module, images: Tensor, labels: Tensor) -> None:
    """One backward pass: every weight that is to learn must be reached."""
    own.train()
    scores = _scores(own, images.clone(), grad=True)
    if not scores.requires_grad:
        advice = "Leave out detach(), torch.no_grad(), .data and argmax in the forward pass."
        raise Refused("No gradient comes back from its scores.", advice)
    advice = "Look for operations in place (x += ..., inplace=True) on a tensor used twice."
    with _refusing("The backward pass raises an error: {error}", advice):
        cross_entropy(scores, labels).backward()
    if missed := [n for n, p in own.named_parameters() if p.requires_grad and p.grad is None]:
        why = f"No gradient reaches {_some_of(missed)}: they count and would never learn."
        advice = "Use them in forward, remove them, or freeze them: requires_grad_(False)."
        raise Refused(why, advice)


def _train(own: nn.Module, train, test) -> int:
    """Train a copy for each seed; return the right answers of all."""
    right = 0
    recipe = {"epochs": BUDGET.epochs, "lr": BUDGET.lr, "batch_size": BUDGET.batch_size}
    for seed in BUDGET.seeds:
        trained = copy.deepcopy(own)
        try:
            history = fit(trained, train, **recipe, seed=seed, live=False)
        except TrainingDiverged:
            why = f"In training its loss became infinite or no number (lr {BUDGET.lr:g} for all)."
            advice = "Add batch normalisation, use smaller start weights, or avoid logarithms."
            raise Refused(why, advice) from None
        if history.interrupted:
            raise KeyboardInterrupt
        right += round(evaluate(trained, test).accuracy * len(test[1]))
    return right
