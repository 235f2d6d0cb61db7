"""The experiment of lesson 02: digits at places of a canvas, and who reads them where."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.lessons.parameter_sharing.figures import WHERE
from course_utils.training import evaluate


def lay(digits: Tensor, row: int, column: int) -> Tensor:
    """Lay digits (N, 1, 8, 8) on empty canvases (N, 1, 16, 16), their corner at row and column."""
    return F.pad(digits, (column, 8 - column, row, 8 - row))


def lay_at_random(digits: Tensor, places, seed: int) -> Tensor:
    """Lay each digit at one of the places (row, column): (N, 1, 16, 16)."""
    which = torch.randint(
        len(places), (len(digits),), generator=torch.Generator().manual_seed(seed)
    )
    return torch.stack([lay(d, *places[k]) for d, k in zip(digits, which, strict=True)])


def by_place(net: nn.Module, digits: Tensor, labels: Tensor, arrange=lambda canvases: canvases):
    """Return the accuracy (9, 9) on these digits laid at each of the 81 places.

    arrange: what is done to the canvases before the network sees them.
    """
    table = np.zeros((9, 9))
    for place in np.ndindex(9, 9):
        table[place] = evaluate(net, (arrange(lay(digits, *place)), labels)).accuracy
    return table


def percent(accuracy: np.ndarray, places) -> tuple[float, float, float]:
    """Average an accuracy by place in percent: at these places, one step away, farther away."""
    rows, columns = np.indices(accuracy.shape)
    steps = np.min([np.maximum(abs(rows - r), abs(columns - c)) for r, c in places], axis=0)
    return tuple(100 * accuracy[steps.clip(0, 2) == far].mean() for far in range(3))


def in_words(results, spreads) -> str:
    """Write three accuracies in percent for each network, each with what it may vary by."""
    parts = {
        name: ", ".join(
            f"{where} {value:.0f} ± {spread} %"
            for where, value, spread in zip(WHERE, values, spreads[name], strict=True)
        )
        for name, values in results.items()
    }
    return "\n".join(f"{name + ':':18} {part}" for name, part in parts.items())
