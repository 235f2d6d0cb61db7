"""What an operation puts out, and what its units see: closed forms of the usual operations.

Torch's meta kernels give shapes too, but load sympy for it, which takes half a second. They do what
has no closed form here, and refuse what does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves


class Field(NamedTuple):
    """What the units of a tensor see along one spatial axis of the input, as if it had no border.

    Unit u sees `size` inputs, the first of them `start + u * pace`. At index i of `axis` is unit
    `i // step % units`; `step` is over 1 where axes were merged. No `axis`: all see the same.
    `stride`: the product of strides, also where nothing moves.
    Source: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks",
    Distill, 2019.
    """

    axis: int | None
    units: int
    step: int = 1
    start: int = 0
    size: int = 1
    pace: int = 1
    stride: int = 1

    def window(self, kernel: int, stride: int, padding: int, dilation: int, units: int) -> Field:
        """The field behind a layer that looks at `kernel` units, `dilation` apart."""
        start = self.start - padding * self.pace
        size = self.size + dilation * (kernel - 1) * self.pace
        return Field(self.axis, units, 1, start, size, self.pace * stride, self.stride * stride)

    def everywhere(self) -> Field:
        """Every unit sees what any of them does."""
        return self._replace(size=self.size + (self.units - 1) * self.pace, pace=0)

    def on(self, axis: int | None) -> Field:
        """The same on another axis; on none: what any unit sees, all do."""
        if axis is None:
            return self.everywhere()._replace(axis=None, units=1, step=1)
        return self if self.axis is None else self._replace(axis=axis)

    def join(self, other: Field) -> Field:
        """A unit computed from the same unit of two tensors sees all that both see."""
        a, b = self, other
        if (a.axis, a.units, a.step, a.pace) != (b.axis, b.units, b.step, b.pace):
            a, b = sorted((a.everywhere(), b.everywhere()), key=lambda field: field.axis is None)
        start, end = min(a.start, b.start), max(a.start + a.size, b.start + b.size)
        stride = max(a.stride, b.stride) if a.axis == b.axis else a.stride
        return a._replace(start=start, size=end - start, stride=stride)


# One for each spatial axis of the input. None: not computed from the input. (): not known.
Fields = tuple[Field, ...] | None
# Closed forms: shape and fields of what comes out, or None where there is none, or it does not fit.
Outcome = tuple[Sequence[int], Fields] | None


def tensors(value) -> list[Tensor]:
    """All tensors in nested arguments or outputs."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


def _known(fields: Fields, seen: Iterable[Field | None]) -> Fields:
    """What is seen instead of these fields; () if one of them is None."""
    return fields and (() if None in (seen := tuple(seen)) else seen)


def through(x: Tensor, mixed: Iterable[int] = (), windows: dict | None = None) -> Fields:
    """Fields behind a layer that looks at everything along `mixed` axes and along others through
    `windows`: {axis: arguments of Field.window, or None for what they do not describe}."""
    mixed = {axis % x.dim() for axis in mixed}

    def behind(field: Field) -> Field | None:
        if field.axis in mixed or field.axis not in (windows or {}):
            return field.on(None) if field.axis in mixed else field
        whole = (field.step, field.units) == (1, x.shape[field.axis])
        return field.window(*windows[field.axis]) if whole and windows[field.axis] else None

    return _known(x.fields, map(behind, x.fields or ()))


def joined(shape: Sequence[int], operands: Iterable[tuple[Tensor, Fields]], own: int = 0) -> Fields:
    """Fields of what is computed from tensors broadcast to `shape`, but for its `own` last axes."""
    parts = []
    for x, fields in operands:
        by = len(shape) - x.dim()
        stretched = {a for a in range(x.dim() - own) if x.shape[a] != shape[a + by]}
        if fields is not None:
            seen = (field.on(None) if field.axis in stretched else field for field in fields)
            parts.append([field.on((field.axis or 0) + by) for field in seen])
    known = zip(*parts, strict=False)  # nothing where the fields of one are lost
    return tuple(reduce(Field.join, fields) for fields in known) if parts else None


def viewed(fields: Fields, shape: Sequence[int], view: Tensor) -> Fields:
    """Fields of a view of a contiguous tensor of `shape`, from the strides of the view in it."""

    def behind(field: Field) -> Field | None:
        if field.axis is None:
            return field
        period = prod(shape[field.axis + 1 :]) * field.step  # numbers in memory to the next unit
        first, within = divmod(view.storage_offset(), period)
        first, along = first % field.units, []
        for axis, (n, step) in enumerate(zip(view.shape, view.stride(), strict=True)):
            if step % (period * field.units) and (n - 1) * step >= period:
                along.append((axis, n, step))
            elif step % (period * field.units):
                within += (n - 1) * step
        axis, n, step = along[0] if along else (None, 1, period)
        if len(along) > 1 or within >= min(step, period):
            return None  # cut into several axes, or across units
        if not step % period and first + (n - 1) * (step // period) < field.units:
            return field._replace(axis=axis).window(1, step // period, -first, 1, n)
        merged = not first and not period % step and n * step >= period * field.units
        return field._replace(axis=axis, step=period // step) if merged else None

    return _known(fields, map(behind, fields))


def _windows(x: Tensor, kernel, stride, padding, dilation, mixed=(), ceil=False) -> Outcome:
    """A window over the last axes; the shape is that without a change in the number of maps."""
    first, windows, sizes = x.dim() - len(kernel), {}, list(x.shape)
    settings = (v * len(kernel) if len(v) == 1 else v for v in (stride, padding, dilation))
    for axis, (k, s, p, d) in enumerate(zip(kernel, *settings, strict=True), first):
        room = x.shape[axis] + 2 * p - d * (k - 1) - 1
        if s < 1 or room < 0 and not ceil:
            return None
        sizes[axis] = (room + (s - 1 if ceil else 0)) // s + 1
        # torch: the last window must begin inside the input or its left padding
        sizes[axis] -= ceil and (sizes[axis] - 1) * s >= x.shape[axis] + p
        windows[axis] = (k, s, p, d, sizes[axis])
    return (sizes, through(x, mixed, windows)) if min(sizes) > 0 else None


def _convolution(x, w, bias, stride, padding, dilation, transposed, extra, groups, *_) -> Outcome:
    maps = w.shape[1] * groups if transposed else w.shape[0]
    fits = x.shape[1] == (w.shape[0] if transposed else w.shape[1] * groups)
    if not fits or w.shape[0] % groups or (bias is not None and bias.shape != (maps,)):
        # Meta kernels accept some of this. Torch's own words, from tensors of one number in memory:
        shells = (t if t is None else torch.zeros(()).expand(t.shape) for t in (x, w, bias))
        torch.convolution(*shells, stride, padding, dilation, transposed, extra, groups)
    found = None if transposed else _windows(x, w.shape[2:], stride, padding, dilation, [1])
    return found and ((x.shape[0], maps, *found[0][2:]), found[1])


def _product(a, b) -> Outcome:
    shape = (*a.shape[:-1], b.shape[-1])
    if a.shape[-1] != b.shape[-2] or a.shape[:-2] != b.shape[:-2]:
        return None
    return shape, joined(shape, [(a, through(a, [-1])), (b, through(b, [-2]))], own=2)


def _max_pool(x, kernel, stride=(), padding=(0,), dilation=(1,), ceil=False) -> Outcome:
    fits = all(p <= k // 2 for k, p in zip(kernel, [*padding] * len(kernel), strict=False))
    return _windows(x, kernel, stride or kernel, padding, dilation, ceil=ceil) if fits else None


def _avg_pool(x, kernel, stride=(), padding=(0,), ceil=False, *_, **__) -> Outcome:
    return _max_pool(x, kernel, stride, padding, ceil=ceil)


def _adaptive_pool(x, sizes) -> Outcome:
    first, windows = x.dim() - len(sizes), {}
    for axis, m in enumerate(sizes, first):
        n = x.shape[axis]  # one unit over everything is a kernel with stride 1, like a dense layer
        windows[axis] = None if m < 1 or n % m else (n // m, n // m if m > 1 else 1, 0, 1, m)
    return (*x.shape[:first], *sizes), through(x, [], windows)


def _pad(x, pad, *_, **__) -> Outcome:
    sizes, windows = list(x.shape), {}
    for axis, before, after in zip(range(x.dim())[::-1], pad[::2], pad[1::2], strict=False):
        sizes[axis] += before + after
        if before or after:
            windows[axis] = (1, 1, before, 1, sizes[axis])
    return (sizes, through(x, [], windows)) if min(sizes) > 0 else None


def _batch_norm(x, *args, **_) -> Outcome:
    return (x.shape, x.fields) if {t.numel() for t in tensors(args)} <= {x.shape[1]} else None


def _softmax(x, dim, *_) -> Outcome:
    fields = (f.everywhere() if f.axis == dim % x.dim() else f for f in x.fields or ())
    return x.shape, _known(x.fields, fields)


def _reduce(x, dim=None, keepdim=False, **_) -> Outcome:
    """Mean, sum or extreme over some axes. A unit sees all along them."""
    if not x.is_floating_point():
        return None
    gone = {d % x.dim() for d in dim or range(x.dim())}
    sizes, fields = [1 if axis in gone else n for axis, n in enumerate(x.shape)], through(x, gone)
    left = range(x.dim()) if keepdim else [axis for axis in range(x.dim()) if axis not in gone]
    moved = (f if f.axis is None else f.on(left.index(f.axis)) for f in fields or ())
    return [sizes[axis] for axis in left], _known(fields, moved)


def _cat(parts, dim=0) -> Outcome:
    sizes, dim = list(parts[0].shape), dim % parts[0].dim()
    sizes[dim] = sum(t.shape[dim] for t in parts if t.dim() == len(sizes))
    if any([*t.shape[:dim], sizes[dim], *t.shape[dim + 1 :]] != sizes for t in parts):
        return None
    fields = ((t, through(t, [], {dim: None})) for t in parts)
    return sizes, joined(sizes, fields, own=len(sizes))


def _index(x, indices) -> Outcome:
    """Maps that are chosen by a list."""
    (axis, chosen), *more = ((a, t) for a, t in enumerate(indices) if t is not None)
    if more or chosen.dim() != 1 or chosen.dtype != torch.int64:
        return None
    return (*x.shape[:axis], len(chosen), *x.shape[axis + 1 :]), through(x, [], {axis: None})


def _elementwise(*args, **kwargs) -> Outcome:
    """One value for each place, of the same type."""
    operands = tensors((args, kwargs))
    if len({t.dtype for t in operands}) > 1 or not operands[0].is_floating_point():
        return None
    try:
        shape = np.broadcast_shapes(*(tuple(t.shape) for t in operands))  # torch's imports sympy
    except ValueError:
        return None
    return shape, joined(shape, ((t, t.fields) for t in operands))


# By the name of the aten operation, without underscores at its ends.
RULES = {
    "convolution": _convolution,
    **dict.fromkeys(["mm", "bmm"], _product),
    **dict.fromkeys(["addmm", "baddbmm"], lambda bias, a, b, **_: _product(a, b)),
    **{f"max_pool{n}d{more}": _max_pool for n in (1, 2, 3) for more in ("", "_with_indices")},
    **dict.fromkeys(["avg_pool1d", "avg_pool2d", "avg_pool3d"], _avg_pool),
    **{f"adaptive_{kind}_pool{n}d": _adaptive_pool for n in (2, 3) for kind in ("avg", "max")},
    **dict.fromkeys(["batch_norm", "instance_norm"], _batch_norm),
    **dict.fromkeys(["softmax", "log_softmax", "safe_softmax"], _softmax),
    **dict.fromkeys(["mean", "sum", "amax", "amin"], _reduce),
    **dict.fromkeys(["pad", "constant_pad_nd"], _pad),
    **dict.fromkeys(["clone", "hardswish"], _elementwise),  # torch does not call them so
    "cat": _cat,
    "index": _index,
    "dropout": lambda x, p, train: (x.shape, x.fields) if train else None,
}
COMPARISONS = "eq|ne|[gl][te]|is.*|logical.*|bitwise.*|signbit"  # put out no numbers


def rule_for(func, name: str) -> Callable[..., Outcome] | None:
    """The closed form of an aten operation."""
    pointwise = torch.Tag.pointwise in func.tags and not re.fullmatch(COMPARISONS, name)
    return RULES.get(name, _elementwise if pointwise else None)
