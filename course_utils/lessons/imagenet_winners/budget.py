"""What a design of the capstone may cost, and what it does cost.

BUDGET               the limits, and the recipe by which every design is trained
Refused              why a design cannot be ranked, and what to change
count(model)         parameters and multiply-adds; Refused where they are too many
check_stored(model)  Refused for too many numbers that are no parameters
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.ledger import HOW_TO_OWN, Ledger, Row, ledger


class Budget(NamedTuple):
    """What a design may cost, and the recipe by which every design is trained.

    parameters: at most so many, trainable or not. macs: at most so many multiply-adds for one
    image. stored: at most so many other numbers (buffers and plain tensors; the running statistics
    of normalisation are free). input_shape: (C, H, W) of one image. classes: scores per image.
    epochs, batch_size, steps: weight updates are `steps`. lr: of Adam. seeds: a training for each,
    which differ in the order of the scans and in dropout.
    """

    parameters: int = 25_000
    macs: int = 1_000_000
    stored: int = 5_000
    input_shape: tuple[int, int, int] = (1, 16, 16)
    classes: int = 10
    epochs: int = 4
    batch_size: int = 64
    steps: int = 88  # 4 epochs of ceil(1,347 / 64)
    lr: float = 3e-3
    seeds: tuple[int, ...] = (0, 1)

    @property
    def sentence(self) -> str:
        """The training and the score, in a sentence."""
        return (
            f"Every design is trained {len(self.seeds)} times for {self.steps} steps of "
            f"{self.batch_size} scans (Adam, lr {self.lr:g}), each time from its own start "
            "weights; the score is the share of right answers on the test part."
        )

    @property
    def recipe(self) -> str:
        """What scores depend on besides the design: the budget with its training, and torch."""
        return f"{tuple(self)} torch {torch.__version__}"


BUDGET = Budget()
"""A LeNet-5 for 16 x 16 and a ResNet-8 fit. 88 steps are few: a network that learns easily wins."""


class Refused(Exception):
    """A design cannot be ranked. The message says why, `advice` what to change.

    counts: its parameters and multiply-adds, as far as they are known.
    """

    def __init__(self, why: str, advice: str, **counts: int) -> None:
        super().__init__(why)
        self.advice, self.counts = advice, counts


@contextmanager
def refusing(why: str, advice: str) -> Iterator[None]:
    """Turn whatever a design raises into `Refused`; `{error}` in `why` stands for its text."""
    try:
        yield
    except Refused:
        raise
    except (Exception, SystemExit) as error:  # what a design may override has no end
        raise Refused(why.replace("{error}", one_line(error)), advice) from error


def one_line(error: BaseException) -> str:
    """Return the class and the text of an error on one line, 220 characters at most."""
    try:
        words = " ".join(str(error).split())
    except (Exception, SystemExit):  # a class of the student's may break while it is written
        words = "(its text cannot be shown)"
    text = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return text if len(text) <= 220 else text[:219] + "…"


def some_of(names: Sequence[str], most: int = 4) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


HOW_TO_SAVE = {
    "parameters": "Fewer maps; a smaller map before the dense layers, or global average pooling; "
    "two 3×3 convolutions for one 5×5.",
    "macs": "Make the maps smaller earlier (stride, pooling), use fewer maps where they are large, "
    "or a 1×1 convolution before a large kernel.",
}


def count(own: nn.Module) -> tuple[dict[str, int], list[str]]:
    """Return parameters and the multiply-adds that are charged, and notes."""
    with refusing(
        "Its multiply-adds cannot be counted: {error}",
        "Let the path through the network depend on shapes only, not on the numbers (.item(), "
        "an if on a tensor, NumPy), and use no compiled modules.",
    ):
        book = ledger(own, BUDGET.input_shape)
    if book.unowned:
        raise Refused(f"The network does not own all its weights: {book.unowned}.", HOW_TO_OWN)
    own_rule = [row for row in book.rows if _has_its_own_rule(row)]
    for row in own_rule:
        if row.parameters > row.activations:
            raise Refused(
                f"Layer {row.label} ({row.kind}) uses {row.parameters:,} weights for "
                f"{row.activations:,} outputs, and the ledger cannot count its multiply-adds: it "
                "could not be compared.",
                "Use convolutions and dense layers, or torch.matmul.",
                parameters=book.parameters,
            )
    charged = sum(row.activations for row in own_rule)
    counts = {"parameters": book.parameters, "macs": book.macs + charged}
    for what, words in (("parameters", "parameters"), ("macs", "multiply-adds")):
        most = getattr(BUDGET, what)
        if counts[what] > most:
            why = f"{over(words, counts[what], most)} {_largest(book, what, counts[what])}"
            raise Refused(why, HOW_TO_SAVE[what], **counts)
    if not charged:
        return counts, []
    names = some_of([row.label for row in own_rule])
    return counts, [
        f"{charged:,} of the multiply-adds are charged for elementwise operations with weights: "
        f"{names}."
    ]


def _has_its_own_rule(row: Row) -> bool:
    """Whether it has weights and no products that the ledger counts, and is no normalisation."""
    used = row.parameters and not row.macs and row.output_shape is not None
    return bool(used) and row.category not in ("normalisation", "activation")


def over(what: str, total: int, most: int) -> str:
    """Return by how much a design is over budget."""
    return f"It has {total:,} {what}, {total - most:,} more than the {most:,} allowed."


def _largest(book: Ledger, what: str, total: int) -> str:
    rows = sorted(book.rows, key=lambda row: -getattr(row, what))[:3]
    parts = [
        f"layer {row.label} ({row.kind}) {getattr(row, what):,}"
        for row in rows
        if getattr(row, what) * 20 >= total
    ]
    return f"Most of them: {', '.join(parts)}." if parts else ""


def check_stored(own: nn.Module) -> None:
    """Numbers that are no parameters: a template for every scan would be a stored answer."""
    sizes: dict[str, int] = {}
    for path, module in own.named_modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            continue
        for key, value in (vars(module) | module._buffers).items():
            if key not in ("_parameters", "_buffers", "_modules") and (size := _numbers(value)):
                sizes[f"{path}.{key}".lstrip(".")] = size
    total = sum(sizes.values())
    if total > BUDGET.stored:
        largest = sorted(sizes, key=lambda key: -sizes[key])
        raise Refused(
            f"It stores {total:,} numbers that are no parameters ({some_of(largest)}); "
            f"{BUDGET.stored:,} are allowed. A design answers from the image and its weights.",
            "Compute them from the image, or make them parameters, which count.",
        )


def _numbers(value: object) -> int:
    """Numbers in the tensors and arrays of a value, in whatever lists and dicts; each once."""
    total, seen, todo = 0, {}, [value]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one  # kept, so that its id is not given away
        if isinstance(one, list | tuple):
            todo += one
        elif isinstance(one, dict):
            todo += one.values()
        elif isinstance(one, Tensor):
            total += one.numel()
        elif not isinstance(one, type):
            interface = getattr(one, "__array_interface__", None)  # NumPy's; PIL follows it too
            total += math.prod(interface["shape"]) if isinstance(interface, dict) else 0
    return total
