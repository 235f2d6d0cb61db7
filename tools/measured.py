"""Measured numbers in a lesson's outputs: `97.9 ± 1.5 %`.

What a network learnt differs a little from processor to processor and from seed to seed. So a
lesson prints such a number with what it may vary by, and everything that compares outputs, the
notebook tests and the save hook, accepts a new value within the ± of the stored one. A number
without ± is compared exactly, and so is the ± itself: it stands in the cell's source.
`tests/lessons/test_measured.py` holds each ± against other seeds, from above and from below.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

NUMBER = r"\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"
# Spaces before a number belong to it: `{share:5.1f}` writes " 98.2" and "100.0".
MEASURED = re.compile(rf"( *[-−]?{NUMBER}) ± ({NUMBER})")


def _decimal(text: str) -> Decimal:
    return Decimal(text.strip().replace(",", "").replace("−", "-"))


def claims(text: str) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Return (value, ±, unit of the value's last digit) of each measured number in a text."""
    found = []
    for match in MEASURED.finditer(text):
        value = _decimal(match[1])
        found.append((value, _decimal(match[2]), Decimal((0, (1,), value.as_tuple().exponent))))
    return found


def settled(new, stored):
    """Return `new` with each measured number that agrees with the stored one replaced by that.

    Texts, and lists and dictionaries of them (a cell's outputs), part by part; where the two have
    other parts, or a text has another number of measured numbers, `new` comes back as it is.
    """
    if isinstance(new, str) and isinstance(stored, str):
        return _settled_text(new, stored)
    if isinstance(new, dict) and isinstance(stored, dict):
        parts = {key: settled(new[key], stored[key]) for key in new if key in stored}
        return type(new)({**new, **parts})
    if isinstance(new, list) and isinstance(stored, list) and len(new) == len(stored):
        return [settled(*pair) for pair in zip(new, stored, strict=True)]
    return new


def _settled_text(new: str, stored: str) -> str:
    before = list(MEASURED.finditer(stored))
    if len(before) != len(MEASURED.findall(new)):
        return new
    matches = iter(before)

    def settle(match: re.Match) -> str:
        old = next(matches)
        same_claim = match[2] == old[2]
        near = abs(_decimal(match[1]) - _decimal(old[1])) <= _decimal(old[2])
        return old[0] if same_claim and near else match[0]

    return MEASURED.sub(settle, new)


def problem(
    stored: Decimal, spread: Decimal, unit: Decimal, others: Sequence[Decimal]
) -> str | None:
    """Say what is wrong with a claim `stored ± spread`, given the values of other runs.

    A value outside is wrong, and so is a ± more than three times as wide as what was seen (and
    one unit of the last digit): it would hide a change of the experiment.
    """
    farthest = max(abs(value - stored) for value in others)
    if farthest > spread:
        return f"{stored} ± {spread}: another run gave {max(others, key=lambda v: abs(v - stored))}"
    if spread > 3 * farthest + unit:
        return f"{stored} ± {spread} is too wide: all runs lie within {farthest}"
    return None
