"""Values: are they the same, and how does a report write them?"""

from __future__ import annotations

import math
import numbers
import re
import reprlib
import sys

# Above the rounding of float32, which torch computes in unless told otherwise.
_TOLERANCE = 1e-5
_LONGEST = 160  # characters of a value, an error or a line of code that a report shows
_MOST_ROWS = 20  # of a list of lists


def compare(expected, given) -> str:
    """Return `"same"`, `"different"` or `"wrong type"`.

    int: any integer (NumPy and zero-dimensional tensors too) and a float without a fraction are
    compared exactly; a boolean is the wrong type. float: any real number, within a relative 1e-5
    (of 0: within 1e-5). bool, str, None: the same type, exactly. tuple, list: either, item by item;
    for numbers or rows of numbers, an array or a tensor will do. NumPy array, torch tensor: either,
    of the same shape, within 1e-5 of each value or of the largest one, whichever is more: sums that
    cancel round at their terms' size. NaN equals NaN.
    """
    if is_array(expected):
        return _compare_arrays(expected, given)
    given = plain(given)
    if isinstance(expected, bool | str | None):
        if type(given) is not type(expected):
            return "wrong type"
        return "same" if given == expected else "different"
    if isinstance(expected, tuple | list):
        if is_array(given):
            given = given.tolist()
        if not isinstance(given, tuple | list):
            return "wrong type"
        if len(expected) != len(given):
            return "different"
        verdicts = {*map(compare, expected, given)}
        return next((v for v in ("wrong type", "different") if v in verdicts), "same")
    if isinstance(given, bool) or not isinstance(given, numbers.Real):
        return "wrong type"
    if isinstance(expected, numbers.Integral):
        return "same" if given == expected else "different"
    near = math.isclose(given, expected, rel_tol=_TOLERANCE, abs_tol=0 if expected else _TOLERANCE)
    return "same" if near or (given != given and expected != expected) else "different"


def _compare_arrays(expected, given) -> str:
    import numpy as np

    if not is_array(given):
        return "wrong type"
    expected, given = as_numpy(expected), as_numpy(given)
    if given.dtype.kind not in "biufc":
        return "wrong type"
    if given.shape != expected.shape:
        return "different"
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    atol = _TOLERANCE * (largest or 1)
    near = np.allclose(given, expected, rtol=_TOLERANCE, atol=atol, equal_nan=True)
    return "same" if near else "different"


def unchanged(before, after) -> bool:
    """Whether an argument is still what it was: same types, same lengths, same numbers."""
    if type(before) is not type(after):
        return False
    if is_array(before):
        before, after = as_numpy(before), as_numpy(after)
        return before.shape == after.shape and before.tobytes() == after.tobytes()
    if isinstance(before, tuple | list):
        return len(before) == len(after) and all(map(unchanged, before, after))
    return before == after or (before != before and after != after)  # NaN stays NaN


def is_array(value) -> bool:
    """Whether `value` is a NumPy array or a torch tensor; loads neither library."""
    kinds = ((sys.modules.get("numpy"), "ndarray"), (sys.modules.get("torch"), "Tensor"))
    return any(library and isinstance(value, getattr(library, name)) for library, name in kinds)


def as_numpy(array):
    """A NumPy array or torch tensor as a NumPy array."""
    if not hasattr(array, "detach"):
        return array
    array = array.detach().cpu()
    if str(array.dtype) == "torch.bfloat16":  # NumPy has no such type; float32 holds it exactly
        array = array.float()
    return array.numpy()


def kept(value, depth=4):
    """A result as it is now, whatever becomes of it later: arrays copied, as NumPy's."""
    if is_array(value):
        return as_numpy(value).copy()
    if isinstance(value, tuple | list) and depth:  # one that contains itself has no end
        return [kept(item, depth - 1) for item in value]
    return value


def array_if_numpy(values):
    """A list as a NumPy array of floats; as it is where there is no NumPy."""
    try:
        import numpy as np
    except ImportError:
        return values
    return np.array(values, float)


def as_tensor(value):
    """An array as a torch tensor, floats in torch's default dtype; anything else as it is."""
    if not is_array(value):
        return value
    import torch

    tensor = torch.from_numpy(value.copy())
    return tensor.to(torch.get_default_dtype()) if tensor.is_floating_point() else tensor


def plain(value):
    """A NumPy scalar or a zero-dimensional array or tensor as a plain Python number."""
    numpy = sys.modules.get("numpy")
    scalar = numpy is not None and isinstance(value, numpy.generic)
    return value.item() if scalar or (is_array(value) and value.ndim == 0) else value


class _Reader(reprlib.Repr):
    def repr1(self, x, level):
        return super().repr1(plain(x), level)  # 0.5, not np.float64(0.5)


_reader = _Reader()
_reader.maxlist = _reader.maxtuple = _reader.maxdict = 12
_reader.maxstring = _reader.maxother = _reader.maxlong = _LONGEST


def short(value) -> str:
    """`repr(value)` on one line, without memory addresses, cut to a length that fits a report."""
    value = plain(value)
    try:
        return one_line(repr(as_numpy(value)) if is_array(value) else _reader.repr(value))
    except Exception as error:  # a student's own __repr__, or an integer too long to be written
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def result_text(value) -> str:
    """A result as the report shows it: arrays (with their shape) and lists of lists in rows."""
    if isinstance(value, list) and {*map(type, value)} == {list} and len(value) <= _MOST_ROWS:
        return "[" + ",\n ".join(map(short, value)) + "]"
    if not is_array(value) or not value.ndim:
        return short(value)
    import numpy as np

    rows = np.array2string(as_numpy(value), threshold=200, edgeitems=4, max_line_width=76)
    return f"shape {tuple(value.shape)}\n{rows}"


def one_line(text: str) -> str:
    """Text without line breaks and memory addresses, cut to a length that fits a report."""
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(text.split()))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def described(error: BaseException) -> str:
    """An error on one line, as in `ZeroDivisionError: division by zero`."""
    try:
        text = str(error)
    except Exception:  # an exception class of the student's may break while it is written
        text = "(its text cannot be shown)"
    return one_line(f"{type(error).__name__}: {text}" if text else type(error).__name__)
