"""Checks of arguments at the doors that students use: one clear sentence, or the value itself."""

import operator
from collections.abc import Iterable
from numbers import Real


def whole(name: str, value: object, least: int = 0, most: int | None = None) -> int:
    """Return an integer of any kind as an int; floats and booleans hide a mistake.

    Raises ValueError for anything else, and outside `least` to `most`.
    """
    allowed = f">= {least}" if most is None else f"from {least} to {most}"
    try:
        number = operator.index(value) if not isinstance(value, bool) else None
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        raise ValueError(f"{name} must be an integer {allowed}, got {value!r}")
    return number


def real(name: str, value: object, least: float, most: float) -> float:
    """Return a real number from `least` to `most`; ValueError for anything else, NaN included."""
    if not isinstance(value, Real) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}, got {value!r}")
    return value


def one_of(name: str, value: object, allowed: Iterable) -> object:
    """Return the value if it is among those allowed; else ValueError lists them."""
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value
