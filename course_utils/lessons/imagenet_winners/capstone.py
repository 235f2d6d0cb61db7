"""Design a network under a budget: it is checked, trained on digits and ranked on a local board.

    check_design(model, name="Ada")     check, train, rank; returns the report
    board()                             the designs so far, beside networks of the course
    BUDGET                              what a design may cost, and how it is trained

The recipe is the same for all (see `Budget`), so what differs is the architecture and its start
weights. Copies of the model are trained, the model itself is left as it was. On one machine equal
start weights give equal scores; between processors a few answers may differ, so a lesson that
compares its outputs says what is stable and not the score.

The board (`board.py`) survives restarts, and several kernels may share it.

The check keeps honest people from mistakes; it is no guard against cheating. A forward pass that
reads the test part itself would not be found.
"""

from __future__ import annotations

import copy
import html
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parameter import UninitializedTensorMixin

from course_utils.datasets import digits
from course_utils.drawing.style import BAD, FAINT, GOOD, INK, MUTED, tint
from course_utils.ledger import HOW_TO_OWN, Ledger, Row, hooks_of, ledger
from course_utils.lessons.imagenet_winners.board import (
    Board,
    BoardContent,
    BoardFile,
    Entry,
    in_order,
    percent,
)
from course_utils.models import CifarResNet
from course_utils.training import TrainingDiverged, evaluate, fit


class Budget(NamedTuple):
    """What a design may cost, and the recipe by which every design is trained.

    parameters: at most so many, trainable or not. macs: at most so many multiply-adds for one
    image. stored: at most so many other numbers (buffers and plain tensors; the running statistics
    of normalisation are free). input_shape: (C, H, W) of one image. classes: scores per image.
    epochs, batch_size, steps: weight updates are `steps`. lr: of Adam. seeds: a training for each,
    which differ in the order of the scans and in dropout.
    """

    parameters: int
    macs: int
    stored: int
    input_shape: tuple[int, int, int]
    classes: int
    epochs: int
    batch_size: int
    steps: int
    lr: float
    seeds: tuple[int, ...]

    @property
    def recipe(self) -> str:
        """The training and the score, in a sentence."""
        return (
            f"Every design is trained {len(self.seeds)} times for {self.steps} steps of "
            f"{self.batch_size} scans (Adam, lr {self.lr:g}), each time from its own start "
            "weights; the score is the share of right answers on the test part."
        )

    def __repr__(self) -> str:
        size = "×".join(f"{n}" for n in self.input_shape)
        return (
            f"At most {self.parameters:,} parameters and {self.macs:,} multiply-adds for one image "
            f"of {size}, {self.classes} scores out. {self.recipe}"
        )


BUDGET = Budget(
    parameters=25_000,
    macs=1_000_000,
    stored=5_000,
    input_shape=(1, 16, 16),
    classes=10,
    epochs=4,
    batch_size=64,
    steps=88,  # 4 epochs of ceil(1,347 / 64)
    lr=3e-3,
    seeds=(0, 1),
)
"""A LeNet-5 for 16 x 16 and a ResNet-8 fit. 88 steps are few: a network that learns easily wins."""

LONGEST_NAME = 40
"""Characters of a design's name."""

_PROBE = 8  # images on which a design is tried before it is trained


# ---------------------------------------------------------------------------------------------
# Networks of the course, for comparison


def _linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(256, 10))


def _dense() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(256, 90), nn.ReLU(), nn.Linear(90, 10))


def _lenet(activation: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),  # (N, 6, 16, 16)
        activation(),
        nn.MaxPool2d(2),  # (N, 6, 8, 8)
        nn.Conv2d(6, 16, 5),  # (N, 16, 4, 4)
        activation(),
        nn.MaxPool2d(2),  # (N, 16, 2, 2)
        nn.Flatten(),
        nn.Linear(64, 120),
        activation(),
        nn.Linear(120, 84),
        activation(),
        nn.Linear(84, 10),
    )


def _resnet() -> nn.Module:
    return CifarResNet(8, in_channels=1, widths=(8, 16, 32))


REFERENCES: dict[str, Callable[[], nn.Module]] = {
    "one dense layer": _linear,
    "two dense layers": _dense,
    "LeNet-5 for 16×16, tanh": lambda: _lenet(nn.Tanh),
    "LeNet-5 for 16×16, ReLU": lambda: _lenet(nn.ReLU),
    "ResNet-8": _resnet,
}
"""Name -> function that builds it. `board` trains them once, by the same recipe, from seed 0."""


# ---------------------------------------------------------------------------------------------
# The check


class Design:
    """What `check_design` found. As the last expression of a cell it is shown as a card.

    Attributes:
        name: under which it stands on the board.
        state: `"not attempted"`, `"refused"`, `"interrupted"` or `"trained"`.
        message: what happened, in a sentence or two. advice: what to change; empty if nothing.
        parameters, macs: of the design; None where it could not be counted.
        right, asked: answers of all trainings on the test part; None unless trained.
        rank, places: place on the board, from 1, and how many there are; None unless it is there.
        notes: what else to know, one sentence each.
    """

    def __init__(
        self,
        name: str,
        state: str,
        message: str,
        *,
        advice: str = "",
        parameters: int | None = None,
        macs: int | None = None,
        right: int | None = None,
        asked: int | None = None,
        rank: int | None = None,
        places: int | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.name, self.state, self.message, self.advice = name, state, message, advice
        self.parameters, self.macs, self.right, self.asked = parameters, macs, right, asked
        self.rank, self.places, self.notes = rank, places, tuple(notes)

    @property
    def accuracy(self) -> float | None:
        """Share of right answers, from 0 to 1; None unless trained."""
        return None if self.right is None else self.right / self.asked

    def _headline(self) -> tuple[str, str, str]:
        """Symbol, words, colour of the bar."""
        if self.state == "trained":
            place = "" if self.rank is None else f", place {self.rank} of {self.places}"
            return "✓", f"{percent(self.right, self.asked)} right{place}", GOOD
        return {
            "not attempted": ("○", "not attempted yet", MUTED),
            "refused": ("✗", "not accepted", BAD),
            "interrupted": ("○", "interrupted", MUTED),
        }[self.state]

    def _rows(self) -> list[tuple[str, str]]:
        counts = (
            ("Parameters", self.parameters, BUDGET.parameters),
            ("Multiply-adds", self.macs, BUDGET.macs),
        )
        return [
            (what, f"{value:,} of {most:,}") for what, value, most in counts if value is not None
        ]

    def __repr__(self) -> str:
        symbol, words, _ = self._headline()
        lines = [f"{symbol} {self.name}: {words}", self.message]
        lines += [f"  {what}: {value}" for what, value in self._rows()]
        if self.advice:
            lines.append(f"What to change: {self.advice}")
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        symbol, words, colour = self._headline()
        cell = f"padding:.1em .9em .1em 0;text-align:left;color:{INK}"
        rows = "".join(
            f'<tr style="background:none"><th scope="row" style="{cell};font-weight:normal">'
            f'{what}</th><td style="{cell};font-variant-numeric:tabular-nums">{value}</td></tr>'
            for what, value in self._rows()
        )
        table = f'<table style="border-collapse:collapse;font-size:1em">{rows}</table>'
        advice = f"<strong>What to change.</strong> {html.escape(self.advice)}"
        more = [html.escape(note) for note in self.notes]
        tail = "".join(
            f'<p style="margin:.4em 0 0">{line}</p>'
            for line in ([advice] if self.advice else []) + more
        )
        return (
            f'<div class="cnn-design" data-state="{self.state.replace(" ", "-")}" role="status" '
            f'style="{_CARD};border-left-color:{colour};background:{tint(colour, 0.07)}">'
            f'<p style="margin:0"><span aria-hidden="true">{symbol}</span> '
            f"<strong>{html.escape(self.name)}: {words}</strong></p>"
            f'<p style="margin:.3em 0 0">{html.escape(self.message)}</p>'
            f"{table if rows else ''}{tail}</div>"
        )


_CARD = (
    f"max-width:46em;margin:.5em 0;padding:.7em 1em;border:1px solid {FAINT};"
    f"border-left-width:.35em;border-radius:.35em;color:{INK};font-size:1em;line-height:1.45"
)


class _Refused(Exception):
    """A design cannot be ranked. The message says why, `advice` what to change."""

    def __init__(self, why: str, advice: str, **counts: int | None) -> None:
        super().__init__(why)
        self.advice, self.counts = advice, counts


def check_design(model: nn.Module | None, name: str = "my design") -> Design:
    """Check a network, train copies of it by the recipe of `BUDGET`, and rank it on the board.

    Args:
        model: takes images `(N, 1, 16, 16)` float32 in [0, 1], any N, and returns scores
            `(N, 10)`. It is left as it was. None and `...`, the result of an untouched stub, are
            reported as "not attempted yet".
        name: what the board calls it, 1 to 40 characters. A name has one place: when it comes
            again, the better of the two designs stays (ranked as on the board; the older one if
            they are equal). A design of another recipe, or of another version of torch, is not
            compared: the new one replaces it. White space at the ends is dropped.

    Returns:
        The `Design`. Nothing that the model does is raised. Refused are: what is no network, does
        not run or does not put out `(N, 10)` finite scores; what is over budget; scores of an image
        that depend on the other images, on chance or on stored numbers; weights that no gradient
        reaches (they would count and never learn; freeze or remove them); and products with
        weights that the ledger cannot count, such as a dense layer written as `(x * w).sum(1)`. An
        interrupt (the stop button) is reported as well. In both cases the board stays as it was.

    A learned scale or position code is charged with one multiply-add per output of its layer. The
    time is that of the trainings: on one core 1 s for a LeNet-5, about 5 s for 20 layers at the
    limit of the budget.

    Raises:
        ValueError: if `name` is not such a text.
    """
    name = _checked_name(name)
    if model is None or model is Ellipsis or model is NotImplemented:
        message = "Build your network, then run this cell again."
        return Design(name, "not attempted", message)
    try:
        with _one_thread():
            entry, notes = _measure(model, name)
        return _ranked(entry, notes)
    except _Refused as refused:
        return Design(name, "refused", str(refused), advice=refused.advice, **refused.counts)
    except KeyboardInterrupt:
        message = "You stopped the training. The board stays as it was."
        return Design(name, "interrupted", message)


def _checked_name(name: object) -> str:
    allowed = f"a text of 1 to {LONGEST_NAME} printable characters"
    if not isinstance(name, str):
        raise ValueError(f"name must be {allowed}, got {name!r:.60}")
    text = " ".join(name.split())
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise ValueError(f"name must be {allowed}, got {name!r:.60} ({len(text)} characters)")
    return text


@contextmanager
def _one_thread() -> Iterator[None]:
    """Networks as small as these are fastest on one thread, and the same on every machine's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            yield
    finally:
        torch.set_num_threads(threads)


def _measure(model: object, name: str) -> tuple[Entry, list[str]]:
    """Check and train a design. Raises _Refused."""
    train, test = digits(BUDGET.input_shape[-1])
    try:
        return _checked_and_trained(model, name, train, test)
    except _Refused:
        raise
    except (Exception, SystemExit) as error:  # what a design may override has no end
        raise _Refused(
            f"The check does not get through this network: {_one_line(error)}",
            "Give methods of your own names that nn.Module does not have (train, eval and "
            "parameters are taken), return an ordinary tensor, and keep only layers, tensors and "
            "numbers in the attributes.",
        ) from error


def _checked_and_trained(model: object, name: str, train, test) -> tuple[Entry, list[str]]:
    own = _copied(model)
    _check_forward(own, train[0][:_PROBE])
    counted = _count(own)
    macs, notes = _check_ledger(counted)
    _check_stored(own)
    counts = {"parameters": counted.parameters, "macs": macs}
    _check_gradient(own, (train[0][:64], train[1][:64]), counts)
    right, trained = _train(own, train, test, counts)
    notes += _never_moved(own, trained)
    asked = len(test[1]) * len(BUDGET.seeds)
    return Entry(name, counted.parameters, macs, right, asked, _recipe_key()), notes


def _copied(model: object) -> nn.Module:
    """A copy on the CPU, in evaluation mode."""
    if not isinstance(model, nn.Module):
        if isinstance(model, type):
            what, advice = f"the class {model.__name__}", f"Call it: {model.__name__}()."
        elif callable(model):
            called = getattr(model, "__name__", "it")
            what = f"a function, {called}"
            advice = f"Hand over the network that it returns: check_design({called}())."
        else:
            what, advice = f"{type(model).__name__}", "Build an nn.Module and hand it over."
        raise _Refused(f"A network is an instance of nn.Module; this is {what}.", advice)
    _check_modules(model)
    held = [*model.named_parameters(), *model.named_buffers()]
    if lazy := [n for n, value in held if isinstance(value, UninitializedTensorMixin)]:
        raise _Refused(
            f"It has lazy layers, whose weights or statistics have no shape yet: {_some(lazy)}.",
            f"Run it once, model(torch.zeros{(1, *BUDGET.input_shape)}), or give the layers their "
            "sizes.",
        )
    if any(value.is_meta for _, value in held):
        raise _Refused(
            "Its weights are on the meta device and hold no numbers.",
            'Build it without `with torch.device("meta")`.',
        )
    _check_parameters(model)
    own = _copy(model)
    own.cpu()
    own.eval()
    return own


def _copy(module: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(module)
    except (Exception, SystemExit) as error:
        raise _Refused(
            f"The network cannot be copied ({_one_line(error)}).",
            "Keep no intermediate results (or detach() them) and no open files in its attributes.",
        ) from None


def _check_modules(model: nn.Module) -> None:
    """Is it, with all its parts, made of complete modules whose layers can be followed."""
    for path, module in model.named_modules():  # a module comes before its parts are looked up
        kind = type(module).__name__
        what = f"Its part {path} ({kind})" if path else f"The network ({kind})"
        wrapped = "_orig_mod" in vars(module).get("_modules", ())  # by torch.compile
        if wrapped or isinstance(module, torch.jit.ScriptModule):
            raise _Refused(
                f"{what} is compiled: its layers cannot be followed and counted.",
                "Hand over the network as it was before torch.jit.script, torch.jit.trace or "
                "torch.compile.",
            )
        if "_parameters" not in vars(module):
            raise _Refused(
                f"{what} is not set up: its __init__ does not call that of nn.Module.",
                f"Begin the __init__ of the class {kind} with super().__init__().",
            )
        if hooks_of(module):
            raise _Refused(
                f"{what} has forward hooks, and what a hook computes cannot be counted.",
                "Compute in forward. A hook that only looks comes off by its handle.remove().",
            )


def _check_parameters(model: nn.Module) -> None:
    """Before anything is copied or run: is there something to train, and not far too much."""
    parameters = list(model.parameters())
    if not any(p.requires_grad for p in parameters):
        found = "has no parameters" if not parameters else "has frozen all its parameters"
        raise _Refused(
            f"The network {found}: there is nothing to train.",
            f"Give it a layer with weights, and leave requires_grad as it is. {HOW_TO_OWN}",
        )
    total = sum(p.numel() for p in parameters)
    if total > 20 * BUDGET.parameters:
        sizes = sorted(((p.numel(), n) for n, p in model.named_parameters()), reverse=True)[:3]
        largest = ", ".join(f"{name} {size:,}" for size, name in sizes)
        raise _Refused(
            f"{_over('parameters', total, BUDGET.parameters)} The largest: {largest}.",
            _how_to_save("parameters"),
            parameters=total,
        )


def _check_forward(own: nn.Module, images: Tensor) -> None:
    """Run a few images, together and one by one, in both modes."""
    before = {name for name, _ in own.named_parameters()}
    given = images.clone()
    scores = _scores(own, given)
    if made := [name for name, _ in own.named_parameters() if name not in before]:
        raise _Refused(
            f"Its forward pass creates weights: {_some(made)}.",
            "Create all layers in __init__; forward only uses them.",
        )
    if not bool(scores.isfinite().all()):
        raise _Refused(
            "Its scores are not all finite: there is a NaN or an infinity.",
            "Look for a logarithm of 0, a division by 0, or start weights that are too large.",
        )
    if not torch.equal(given, images):
        raise _Refused(
            "Its forward pass changes the images that it is given.",
            "Leave out operations in place on x, such as x *= 2 or nn.ReLU(inplace=True) on it.",
        )
    if not torch.equal(scores, _scores(own, images.clone())):
        raise _Refused(
            "In evaluation mode it gives two different answers to the same images.",
            "Draw random numbers in training only, as nn.Dropout does (self.training).",
        )
    alone = torch.cat([_scores(own, one.clone()) for one in images.split(1)])
    if not torch.allclose(alone, scores, rtol=1e-3, atol=1e-3):
        raise _Refused(
            "The scores of an image depend on the other images that are shown with it.",
            "Work on each image by itself: keep dimension 0, and take no mean or norm along it.",
        )
    own.train()
    _scores(own, images.clone())
    own.eval()


def _scores(own: nn.Module, images: Tensor, *, grad: bool = False) -> Tensor:
    """Run images `(N, 1, 16, 16)`; return scores `(N, 10)`. Raises _Refused."""
    with _located(own) as where, torch.set_grad_enabled(grad):
        try:
            scores = own(images)
        except (Exception, SystemExit) as error:
            raise _Refused(
                f"The forward pass raises an error{where()}: {_one_line(error)}",
                f"Follow the shapes: images are {tuple(images.shape)}, scores "
                f"({len(images)}, {BUDGET.classes}). See the ledger of a part of it.",
            ) from None
    wanted = (len(images), BUDGET.classes)
    if not isinstance(scores, Tensor):
        raise _Refused(
            f"For images {tuple(images.shape)} it returns {type(scores).__name__}, not a tensor.",
            "Return the scores alone.",
        )
    if tuple(scores.shape) != wanted:
        raise _Refused(
            f"For images {tuple(images.shape)} it returns {tuple(scores.shape)}; it should be "
            f"{wanted}: a score for each of the {BUDGET.classes} digits.",
            _advice_on_shape(scores),
        )
    if not scores.is_floating_point():
        raise _Refused(
            f"Its scores are of type {scores.dtype}.", "Return the scores, not the chosen digit."
        )
    return scores


def _advice_on_shape(scores: Tensor) -> str:
    if scores.ndim == 4 and scores.shape[1] == BUDGET.classes:
        return "Average over the positions, nn.AdaptiveAvgPool2d(1), then nn.Flatten()."
    if scores.ndim == 2:
        return f"End with nn.Linear(..., {BUDGET.classes})."
    return f"End with nn.Flatten() and nn.Linear(..., {BUDGET.classes})."


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


def _count(own: nn.Module) -> Ledger:
    try:
        return ledger(own, BUDGET.input_shape)
    except (Exception, SystemExit) as error:
        raise _Refused(
            f"Its multiply-adds cannot be counted: {_one_line(error)}",
            "Let the path through the network depend on shapes only, not on the numbers (.item(), "
            "an if on a tensor, NumPy), and use no compiled modules.",
        ) from None


def _check_ledger(counted: Ledger) -> tuple[int, list[str]]:
    """Return the multiply-adds that are charged, and notes. Raises _Refused."""
    if counted.unowned:
        why = f"The network does not own all its weights: {counted.unowned}."
        raise _Refused(why, HOW_TO_OWN)
    own_rule = [
        row
        for row in counted.rows
        if row.parameters
        and not row.macs
        and row.output_shape is not None
        and row.category not in ("normalisation", "activation")
    ]
    for row in own_rule:
        if row.parameters > row.activations:
            raise _Refused(
                f"Layer {row.label} ({row.kind}) uses {row.parameters:,} weights for "
                f"{row.activations:,} outputs, and the ledger cannot count its multiply-adds: it "
                "could not be compared.",
                "Use convolutions and dense layers, or torch.matmul.",
                parameters=counted.parameters,
            )
    charged = sum(row.activations for row in own_rule)
    macs = counted.macs + charged
    counts = {"parameters": counted.parameters, "macs": macs}
    for what, total, most in (
        ("parameters", counted.parameters, BUDGET.parameters),
        ("macs", macs, BUDGET.macs),
    ):
        if total > most:
            words = "parameters" if what == "parameters" else "multiply-adds"
            raise _Refused(
                f"{_over(words, total, most)} {_largest(counted.rows, what, total)}",
                _how_to_save(what),
                **counts,
            )
    if not charged:
        return macs, []
    names = _some([row.label for row in own_rule])
    return macs, [
        f"{charged:,} of the multiply-adds are charged for elementwise operations with weights: "
        f"{names}."
    ]


def _over(what: str, total: int, most: int) -> str:
    return f"It has {total:,} {what}, {total - most:,} more than the {most:,} allowed."


def _largest(rows: Sequence[Row], what: str, total: int, most: int = 3) -> str:
    ordered = sorted(rows, key=lambda row: -getattr(row, what))[:most]
    parts = [
        f"layer {row.label} ({row.kind}) {getattr(row, what):,}"
        for row in ordered
        if getattr(row, what) * 20 >= total
    ]
    return f"Most of them: {', '.join(parts)}." if parts else ""


def _how_to_save(what: str) -> str:
    if what == "parameters":
        return (
            "Fewer maps; a smaller map before the dense layers, or global average pooling; two "
            "3×3 convolutions for one 5×5."
        )
    return (
        "Make the maps smaller earlier (stride, pooling), use fewer maps where they are large, or "
        "a 1×1 convolution before a large kernel."
    )


def _check_stored(own: nn.Module) -> None:
    """Numbers that are no parameters: a template for every scan would be a stored answer."""
    sizes: dict[str, int] = {}
    for path, module in own.named_modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            continue
        for key, value in (*module._buffers.items(), *vars(module).items()):
            if key in ("_parameters", "_buffers", "_modules"):
                continue
            if size := _numbers(value):
                sizes[f"{path}.{key}".lstrip(".")] = size
    total = sum(sizes.values())
    if total > BUDGET.stored:
        largest = sorted(sizes, key=lambda key: -sizes[key])
        raise _Refused(
            f"It stores {total:,} numbers that are no parameters ({_some(largest)}); "
            f"{BUDGET.stored:,} are allowed. A design answers from the image and its weights.",
            "Compute them from the image, or make them parameters, which count.",
        )


def _numbers(value: object) -> int:
    """Numbers in the tensors and arrays of a value, in whatever lists and dicts; each once."""
    total = 0
    for one in _inside(value):
        if isinstance(one, Tensor):
            total += one.numel()
        elif not isinstance(one, type):
            interface = getattr(one, "__array_interface__", None)  # NumPy's; PIL follows it too
            total += math.prod(interface["shape"]) if isinstance(interface, dict) else 0
    return total


def _inside(value: object) -> Iterator[object]:
    """Yield what lists, tuples and dicts hold, however deep, or the value itself; each once."""
    seen, todo = {}, [value]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one  # kept, so that its id is not given away
        if isinstance(one, list | tuple):
            todo += one
        elif isinstance(one, dict):
            todo += one.values()
        else:
            yield one


def _check_gradient(own: nn.Module, batch: tuple[Tensor, Tensor], counts: dict) -> None:
    """One backward pass: every weight that is to learn must be reached."""
    own.train()
    scores = _scores(own, batch[0].clone(), grad=True)
    if not scores.requires_grad:
        raise _Refused(
            "No gradient comes back from its scores.",
            "Leave out detach(), torch.no_grad(), .data and argmax in the forward pass.",
            **counts,
        )
    try:
        cross_entropy(scores, batch[1]).backward()
    except (Exception, SystemExit) as error:
        raise _Refused(
            f"The backward pass raises an error: {_one_line(error)}",
            "Look for operations in place (x += ..., inplace=True) on a tensor used twice.",
            **counts,
        ) from None
    missed = [n for n, p in own.named_parameters() if p.requires_grad and p.grad is None]
    if missed:
        raise _Refused(
            f"No gradient reaches {_some(missed)}: they count and would never learn.",
            "Use them in forward, remove them, or freeze them: requires_grad_(False).",
            **counts,
        )
    own.zero_grad(set_to_none=True)
    own.eval()


def _train(own: nn.Module, train, test, counts: dict) -> tuple[int, nn.Module]:
    """Train a copy for each seed. Return the right answers of all, and the last copy."""
    right, trained = 0, own
    for seed in BUDGET.seeds:
        trained = _copy(own)
        try:
            history = fit(
                trained,
                train,
                epochs=BUDGET.epochs,
                lr=BUDGET.lr,
                batch_size=BUDGET.batch_size,
                seed=seed,
                live=False,
            )
            if history.interrupted:
                raise KeyboardInterrupt
            right += round(evaluate(trained, test).accuracy * len(test[1]))
        except TrainingDiverged:
            raise _Refused(
                f"In training its loss became infinite or no number (lr {BUDGET.lr:g} for all).",
                "Add batch normalisation, use smaller start weights, or avoid logarithms.",
                **counts,
            ) from None
        except (Exception, SystemExit) as error:
            raise _Refused(
                f"In training it raises an error: {_one_line(error)}",
                "Let forward work for any number of images: batches hold 64, the last one 3.",
                **counts,
            ) from None
    return right, trained


def _never_moved(own: nn.Module, trained: nn.Module) -> list[str]:
    after = dict(trained.named_parameters())
    still = [
        n
        for n, p in own.named_parameters()
        if p.requires_grad and n in after and torch.equal(p, after[n])
    ]
    if not still:
        return []
    return [f"The training did not move {_some(still)}: their gradient was 0 all the time."]


def _one_line(error: BaseException) -> str:
    try:
        words = " ".join(str(error).split())
    except (Exception, SystemExit):  # a class of the student's may break while it is written
        words = "(its text cannot be shown)"
    text = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return text if len(text) <= 220 else text[:219] + "…"


def _some(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


# ---------------------------------------------------------------------------------------------
# The board


def board(*, references: bool = True) -> Board:
    """Return the board: the designs of `check_design`, and networks of the course beside them.

    Args:
        references: whether the networks of `REFERENCES` are shown. They are trained here, once, by
            the recipe of `BUDGET`, which takes some seconds the first time; then they are kept in
            the file of the board.

    Only designs of the present recipe have a place: scores of another `BUDGET`, or of another
    version of torch, cannot be compared with theirs. They stand at the end.

    An interrupt while they are trained gives the board without them, with a notice.
    """
    file = BoardFile()
    content, notice = file.read()
    found: list[Entry] = []
    if references:
        found = content.references
        wanted = {(name, _recipe_key()) for name in REFERENCES}
        if {(one.name, one.recipe) for one in found} != wanted:
            found = []
            try:
                found = [_reference(name, build) for name, build in REFERENCES.items()]
            except KeyboardInterrupt:
                notice = f"{notice} The networks of the course were not trained to the end.".strip()
            else:
                _, problem = file.change(lambda stored: stored._replace(references=found))
                notice = f"{notice} {problem}".strip()
    return Board(content.designs, found, notice, BUDGET.recipe, _recipe_key())


def _reference(name: str, build: Callable[[], nn.Module]) -> Entry:
    with _one_thread():
        return _measure(build(), name)[0]


def _recipe_key() -> str:
    """What scores depend on besides the design: the budget with its recipe, and torch."""
    return f"{tuple(BUDGET)} torch {torch.__version__}"


def _ranked(entry: Entry, notes: list[str]) -> Design:
    """Put an entry on the board; report its place."""
    earlier: list[Entry] = []

    def put(content: BoardContent) -> BoardContent:
        others = [one for one in content.designs if one.name != entry.name]
        earlier.extend(one for one in content.designs if one.name == entry.name)
        rivals = [one for one in earlier if one.recipe == entry.recipe]
        best = min([*rivals, entry], key=lambda one: one.key)  # the first, the older, if equal
        return content._replace(designs=[*others, best])

    content, notice = BoardFile().change(put)
    rank = places = None
    if content is not None:
        order = in_order([one for one in content.designs if one.recipe == entry.recipe])
        rank = 1 + [one.name for one in order].index(entry.name)
        places = len(order)
    scans = entry.asked // len(BUDGET.seeds)
    message = (
        f"{entry.right} of {entry.asked} answers are right: {scans} scans of the test part, "
        f"{len(BUDGET.seeds)} trainings of {BUDGET.steps} steps."
    )
    if earlier and content is not None:
        notes = [*notes, _against(earlier[0], entry)]
    notes = [*notes, "Copies were trained; your network is as it was.", *filter(None, [notice])]
    return Design(
        entry.name,
        "trained",
        message,
        parameters=entry.parameters,
        macs=entry.macs,
        right=entry.right,
        asked=entry.asked,
        rank=rank,
        places=places,
        notes=notes,
    )


def _against(old: Entry, new: Entry) -> str:
    if new.recipe != old.recipe:
        return (
            f"It replaces your earlier {new.name}, which was trained by another recipe and cannot "
            "be compared."
        )
    what = f"{percent(old.right, old.asked)} with {old.macs:,} multiply-adds"
    if new.key == old.key:
        return f"The same result stood on the board under {new.name}: it counts once."
    if new.key < old.key:
        return f"It replaces your earlier {new.name} ({what})."
    return f"Your earlier {new.name} is better ({what}) and keeps the place."
