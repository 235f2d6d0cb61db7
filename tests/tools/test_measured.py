"""The one comparison of measured numbers: within the stored ± they agree, and nothing else does."""

from decimal import Decimal

import pytest

from tools.measured import claims, problem, settled


@pytest.mark.parametrize(
    ("stored", "new", "agrees"),
    [
        ("97.9 ± 1.5 %", "97.9 ± 1.5 %", True),
        ("97.9 ± 1.5 %", "99.4 ± 1.5 %", True),
        ("97.9 ± 1.5 %", "96.4 ± 1.5 %", True),
        ("97.9 ± 1.5 %", "99.5 ± 1.5 %", False),  # outside
        ("97.9 ± 1.5 %", "97.9 ± 2.5 %", False),  # a changed ±
        ("97.9 ± 1.5 %", "97.9 ± 1.50 %", False),
        ("97.9 %", "98.0 %", False),  # no ±: exactly
        ("97.9 % ± 1.5", "98.0 % ± 1.5", False),  # the sign follows the number
        ("99.9 ± 1.5 of 3", "98.9 ± 1.5 of 4", False),
        ("right:   9.8 ± 1.5", "right:  10.2 ± 1.5", True),  # padded alike
        ("10^(-7.1 ± 0.4)", "10^(-7.4 ± 0.4)", True),
        ("10^(−7.1 ± 0.4)", "10^(−7.6 ± 0.4)", False),
        ("0.2 ± 0.4", "-0.1 ± 0.4", True),
        ("2.6e-09 ± 1e-09", "3.5e-09 ± 1e-09", True),
        ("2.6e-09 ± 1e-09", "3.7e-09 ± 1e-09", False),
        ("12,345 ± 100", "12,440 ± 100", True),
        ("1 ± 1, 5 ± 1", "2 ± 1, 7 ± 1", False),  # one of two
        ("1 ± 1, 5 ± 1", "2 ± 1", False),
        ("5 ± 1", "nan ± 1", False),
    ],
)
def test_a_value_within_the_stored_spread_agrees(stored, new, agrees):
    assert (settled(new, stored) == stored) is agrees
    outputs = [[{"text": t}, {"data": {"text/html": f"<b>{t}</b>"}}] for t in (new, stored)]
    assert (settled(*outputs) == outputs[1]) is agrees


def test_outputs_of_another_shape_stay_as_they_are():
    new = [{"text": "1 ± 2"}, {"text": "more"}]
    assert settled(new, [{"text": "2 ± 2"}]) == new
    assert settled({"a": "1 ± 2", "b": 3}, {"a": "2 ± 2"}) == {"a": "2 ± 2", "b": 3}


@pytest.mark.parametrize(
    ("claim", "others", "wrong"),
    [
        ("97.9 ± 1.5", ["97.1", "98.9"], None),
        ("97.9 ± 1.5", ["97.1", "99.5"], "another run gave 99.5"),
        ("97.9 ± 15", ["97.1", "98.9"], "too wide"),  # widened for peace
        ("97.9 ± 0.1", ["97.9", "97.9"], None),  # one unit of the last digit is rounding
        ("97.9 ± 0.2", ["97.9", "97.9"], "too wide"),
    ],
)
def test_a_claim_is_held_from_above_and_from_below(claim, others, wrong):
    ((value, spread, unit),) = claims(claim)
    found = problem(value, spread, unit, [Decimal(other) for other in others])
    assert found is None if wrong is None else wrong in found
