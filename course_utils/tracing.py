"""Follow a forward pass without computing it: shapes, multiply-adds and receptive fields.

`trace(model, input_shape)` runs the model's own `forward`, so branches, residual sums, shared
modules and functional calls are met as they happen. The numbers are missing: every parameter,
buffer and activation is a tensor on torch's meta device, which has a shape and no memory. The
usual operations have closed-form rules here, which is much quicker than torch's own meta kernels;
all others run on the meta device under a counter that uses the formulas of
`torch.utils.flop_counter`. The module `ledger` makes tables of what is found here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import zip_longest
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils.fields import Field, Track, Tracks, join, through_layer, through_view


def broadcast(*shapes: Iterable[int]) -> tuple[int, ...] | None:
    """Return the shape that these are broadcast to, or None if they do not fit.

    `torch.broadcast_shapes` would do, and import sympy for it.
    """
    sizes = []
    for column in zip_longest(*(reversed(tuple(shape)) for shape in shapes), fillvalue=1):
        wide = set(column) - {1}
        if len(wide) > 1:
            return None
        sizes.append(wide.pop() if wide else 1)
    return tuple(reversed(sizes))


# --------------------------------------------------------------------------------------------------
# What is known of a tensor, and what is recorded


class Seen(NamedTuple):
    """What the tracer knows of a tensor: `tracks` (None: not computed from the input) and the
    names of the parameters that an expression of parameters alone was computed from."""

    tracks: Tracks | None = None
    origins: frozenset[str] = frozenset()


NOTHING = Seen()


def seen(tensor: Tensor) -> Seen:
    """Return what is known of a tensor."""
    return getattr(tensor, "_seen", NOTHING)


def meta(shape: Iterable[int], like: Tensor) -> Tensor:
    """Return a tensor of this shape that has no memory.

    `torch.empty_like` would do the same and import sympy for it, which takes half a second.
    """
    return torch.empty(tuple(shape), dtype=like.dtype, device="meta")


@dataclass
class Step:
    """One row: a call of a leaf module, or a functional operation outside of leaf modules.

    `name` is the dotted path (of a functional operation: the path of the module whose `forward`
    calls it, and the operation). `macs_of` says which kind of operation has the multiply-adds.
    """

    name: str
    kind: str
    module: str
    leaf: bool
    call: int = 1
    output_shape: tuple[int, ...] | None = None
    activations: int = 0
    tracks: Tracks | None = None
    macs_of: dict[str, int] = field(default_factory=dict)
    categories: list[str] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)

    @property
    def macs(self) -> int:
        """Multiply-adds of this row."""
        return sum(self.macs_of.values())

    @property
    def category(self) -> str:
        """Say what the row is: where its multiply-adds are, else its first operation that counts.

        A bare sum or product says least, so any other operation goes before it.
        """
        if self.macs:
            return max(self.macs_of, key=self.macs_of.__getitem__)
        telling = [category for category in self.categories if category != "other"]
        return telling[0] if telling else "other"


@dataclass
class Trace:
    """What a forward pass did: its steps in order, and what could not be said for certain.

    `unowned`: weights that it met and `model.parameters()` does not have, by id.
    """

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    unowned: dict[int, Tensor] = field(default_factory=dict)

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)


def describe_unowned(weights: Iterable[Tensor]) -> str:
    """Say which weights a forward pass uses that are not the model's own."""
    shapes = ["×".join(map(str, weight.shape)) or "1" for weight in weights]
    number = sum(math.prod(weight.shape) for weight in weights)
    more = ", …" if len(shapes) > 4 else ""
    return (
        f"its forward pass uses {number:,} weights that model.parameters() does not have (of shape "
        f"{', '.join(shapes[:4])}{more}): they are neither counted nor trained"
    )


HOW_TO_OWN = (
    "Keep layers in attributes of the model, nn.Sequential, nn.ModuleList or nn.ModuleDict, and "
    "single weights in nn.Parameter or nn.ParameterList."
)


# --------------------------------------------------------------------------------------------------
# Rules. Each returns (output, tracks, multiply-adds); or None for what it does not know, which then
# runs on the meta device; or REFUSED for what torch will not do, which then raises torch's error.

REFUSED = "refused"
Outcome = tuple[Tensor, Tracks | None, int] | str | None


def _bind(names: str, args: tuple, kwargs: dict, **defaults) -> list:
    """Return the arguments of a call in the order of `names`, with defaults for the others."""
    order = names.split()
    values = defaults | dict(zip(order, args, strict=False)) | kwargs
    return [values.get(name) for name in order]


def _each(value, axes: int) -> tuple[int, ...]:
    """An argument such as stride, once per axis."""
    if isinstance(value, (tuple, list)):
        return tuple(value) * axes if len(value) == 1 else tuple(value)
    return (value,) * axes


def _convolution(x, weight, bias, stride, padding, dilation, groups) -> Outcome:
    axes = weight.dim() - 2
    if x.dim() != axes + 2:
        return None
    if x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        return REFUSED
    if bias is not None and bias.shape != weight.shape[:1]:
        return REFUSED
    stride, dilation = _each(stride, axes), _each(dilation, axes)
    kernel = weight.shape[2:]
    extents = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if padding == "valid":
        padding = 0
    if padding == "same":
        if set(stride) != {1}:
            return REFUSED
        before, total = tuple(extent // 2 for extent in extents), tuple(extents)
    else:
        before = _each(padding, axes)
        total = tuple(2 * p for p in before)
    sizes, windows = [], {}
    for i, n in enumerate(x.shape[2:]):
        if stride[i] < 1 or n + total[i] - extents[i] < 1:
            return REFUSED
        sizes.append((n + total[i] - extents[i] - 1) // stride[i] + 1)
        through = _taps(kernel[i], stride[i], before[i], dilation[i])
        windows[i + 2] = (sizes[-1], through)
    out = meta((x.shape[0], weight.shape[0], *sizes), x)
    macs = x.shape[0] * math.prod(sizes) * weight.numel()
    return out, through_layer(seen(x).tracks, windows, mixed=[1]), macs


def _taps(kernel: int, stride: int, padding: int, dilation: int) -> Callable[[Field], Field | None]:
    """Unit u looks at `kernel` units, `dilation` apart, from u * stride - padding on."""

    def sources(unit: int) -> range:
        first = unit * stride - padding
        return range(first, first + dilation * kernel, dilation)

    return lambda field: field.through(sources, advance=stride)


def _conv(x_args: tuple, kwargs: dict) -> Outcome:
    return _convolution(
        *_bind(
            "input weight bias stride padding dilation groups",
            x_args,
            kwargs,
            stride=1,
            padding=0,
            dilation=1,
            groups=1,
        )
    )


def _conv_transpose(args: tuple, kwargs: dict) -> Outcome:
    x, weight, bias, stride, padding, extra, groups, dilation = _bind(
        "input weight bias stride padding output_padding groups dilation",
        args,
        kwargs,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        dilation=1,
    )
    axes = weight.dim() - 2
    if x.dim() != axes + 2:
        return None
    channels = weight.shape[1] * groups
    if x.shape[1] != weight.shape[0] or x.shape[1] % groups:
        return REFUSED
    if bias is not None and tuple(bias.shape) != (channels,):
        return REFUSED
    stride, padding = _each(stride, axes), _each(padding, axes)
    extra, dilation = _each(extra, axes), _each(dilation, axes)
    sizes, windows = [], {}
    for i, n in enumerate(x.shape[2:]):
        k, s, p, d = weight.shape[i + 2], stride[i], padding[i], dilation[i]
        size = (n - 1) * s - 2 * p + d * (k - 1) + extra[i] + 1
        if size < 1 or extra[i] >= max(s, d):
            return REFUSED
        sizes.append(size)
        windows[i + 2] = (size, functools.partial(_spread, k, s, p, d))
    out = meta((x.shape[0], channels, *sizes), x)
    return out, through_layer(seen(x).tracks, windows, mixed=[1]), x[:, 0].numel() * weight.numel()


def _spread(kernel: int, stride: int, padding: int, dilation: int, below: Field) -> Field | None:
    """Unit u of a transposed convolution gets from input i through tap t: u = i s - p + d t."""

    def sources(unit: int) -> list[int]:
        starts = [unit + padding - dilation * tap for tap in range(kernel)]
        found = [start // stride for start in starts if start % stride == 0]
        # A stride larger than the kernel leaves units that see nothing; they get the nearest one.
        return found or [(unit + padding) // stride]

    return below.through(sources, outputs=stride)


def _linear(args: tuple, kwargs: dict) -> Outcome:
    x, weight, bias = _bind("input weight bias", args, kwargs)
    if weight.dim() != 2 or x.dim() < 2:
        return None
    if x.shape[-1] != weight.shape[1] or (bias is not None and bias.shape != weight.shape[:1]):
        return REFUSED
    out = meta((*x.shape[:-1], weight.shape[0]), x)
    macs = out.numel() * weight.shape[1]
    return out, through_layer(seen(x).tracks, {}, mixed=[x.dim() - 1]), macs


def _matmul(args: tuple, kwargs: dict) -> Outcome:
    a, b = _bind("input other", args, kwargs)
    if a.dim() < 2 or b.dim() < 2:
        return None
    batch = broadcast(a.shape[:-2], b.shape[:-2])
    if batch is None or a.shape[-1] != b.shape[-2]:
        return REFUSED
    out = meta((*batch, a.shape[-2], b.shape[-1]), a)
    mixed_a = through_layer(seen(a).tracks, {}, mixed=[a.dim() - 1])
    mixed_b = through_layer(seen(b).tracks, {}, mixed=[b.dim() - 2])
    tracks = _aligned([(a, mixed_a), (b, mixed_b)], out, keep_last=2)
    return out, tracks, out.numel() * a.shape[-1]


def _pool(axes: int, mean: bool, args: tuple, kwargs: dict) -> Outcome:
    if mean:
        x, kernel, stride, padding, ceil = _bind(
            "input kernel_size stride padding ceil_mode", args, kwargs, padding=0, ceil_mode=False
        )
        dilation = 1
    else:
        x, kernel, stride, padding, dilation, ceil = _bind(
            "input kernel_size stride padding dilation ceil_mode",
            args,
            kwargs,
            padding=0,
            dilation=1,
            ceil_mode=False,
        )
    if x.dim() != axes + 2 or kwargs.get("return_indices"):
        return None
    kernel = _each(kernel, axes)
    stride = kernel if stride is None or stride == [] else _each(stride, axes)
    padding, dilation = _each(padding, axes), _each(dilation, axes)
    sizes, windows = [], {}
    for i, n in enumerate(x.shape[2:]):
        k, s, p, d = kernel[i], stride[i], padding[i], dilation[i]
        room = n + 2 * p - d * (k - 1) - 1
        if s < 1 or p > k // 2 or (room < 0 and not ceil):
            return REFUSED
        size = (room + (s - 1 if ceil else 0)) // s + 1
        if ceil and (size - 1) * s >= n + p:
            size -= 1  # torch: the last window must begin inside the input or its left padding
        if size < 1:
            return REFUSED
        sizes.append(size)
        windows[i + 2] = (size, _taps(k, s, p, d))
    return meta((*x.shape[:2], *sizes), x), through_layer(seen(x).tracks, windows), 0


def _adaptive_pool(axes: int, args: tuple, kwargs: dict) -> Outcome:
    x, sizes = _bind("input output_size", args, kwargs)
    if x.dim() != axes + 2 or kwargs.get("return_indices"):
        return None
    wanted = [n if m is None else m for n, m in zip(x.shape[2:], _each(sizes, axes), strict=True)]
    windows = {
        i + 2: (m, functools.partial(_adapt, n, m))
        for i, (n, m) in enumerate(zip(x.shape[2:], wanted, strict=True))
    }
    return meta((*x.shape[:2], *wanted), x), through_layer(seen(x).tracks, windows), 0


def _adapt(n: int, m: int, below: Field) -> Field | None:
    """Unit u of m looks at units floor(u n / m) to ceil((u + 1) n / m) - 1 of n.

    One unit over everything counts as a kernel of that size with stride 1, like a dense layer.
    """
    common = math.gcd(n, m)
    outputs, advance = m // common, n // common

    def sources(unit: int) -> range:
        return range(unit * n // m, -(-(unit + 1) * n // m))

    return below.through(sources, outputs, advance, jump=below.jump if m == 1 else None)


def _pad(args: tuple, kwargs: dict) -> Outcome:
    x, pads = _bind("input pad", args, kwargs)
    pads = list(pads)
    if len(pads) % 2 or len(pads) > 2 * x.dim():
        return None
    sizes, windows = list(x.shape), {}
    for i, (before, after) in enumerate(zip(pads[::2], pads[1::2], strict=True)):
        axis = x.dim() - 1 - i
        sizes[axis] += before + after
        if sizes[axis] < 1:
            return None
        if before or after:
            windows[axis] = (sizes[axis], _taps(1, 1, before, 1))
    return meta(sizes, x), through_layer(seen(x).tracks, windows), 0


def _interpolate(args: tuple, kwargs: dict) -> Outcome:
    x, size, scale, mode, aligned, _, antialias = _bind(
        "input size scale_factor mode align_corners recompute_scale_factor antialias",
        args,
        kwargs,
        mode="nearest",
    )
    axes = x.dim() - 2
    if axes < 1 or antialias or mode not in ("nearest", "linear", "bilinear", "trilinear"):
        return None
    if size is None and scale is None:
        return None
    if size is None:
        scales = _each(scale, axes)
        if any(s != int(s) for s in scales):
            return None
        size = [n * int(s) for n, s in zip(x.shape[2:], scales, strict=True)]
    size = _each(size, axes)
    smooth = mode != "nearest"
    windows = {
        i + 2: (m, functools.partial(_resample, n, m, smooth, bool(aligned)))
        for i, (n, m) in enumerate(zip(x.shape[2:], size, strict=True))
    }
    return meta((*x.shape[:2], *size), x), through_layer(seen(x).tracks, windows), 0


def _resample(n: int, m: int, smooth: bool, aligned: bool, below: Field) -> Field | None:
    """Unit u of m looks at the nearest of n units, or at the two around its place (`smooth`)."""
    whole_n, whole_m = (n - 1, m - 1) if smooth and aligned and m > 1 else (n, m)
    common = math.gcd(whole_n, whole_m)

    def sources(unit: int) -> range:
        place = Fraction(unit * whole_n, whole_m)
        if not smooth:
            return range(math.floor(place), math.floor(place) + 1)
        if not aligned:
            place += Fraction(n, 2 * m) - Fraction(1, 2)
        return range(math.floor(place), math.ceil(place) + 1)

    return below.through(sources, whole_m // common, whole_n // common)


def _pixel_shuffle(args: tuple, kwargs: dict) -> Outcome:
    x, factor = _bind("input upscale_factor", args, kwargs)
    if x.dim() != 4 or x.shape[1] % factor**2:
        return None
    n, c, h, w = x.shape

    def through(below: Field) -> Field | None:
        return below.through(lambda unit: [unit // factor], outputs=factor)

    windows = {2: (h * factor, through), 3: (w * factor, through)}
    out = meta((n, c // factor**2, h * factor, w * factor), x)
    return out, through_layer(seen(x).tracks, windows, mixed=[1]), 0


def _aligned(operands: list[tuple[Tensor, Tracks | None]], out: Tensor, keep_last: int = 0):
    """Join the tracks of operands that are broadcast to `out` (axes counted from the right).

    The last `keep_last` axes belong to one operand each (a matrix product), so size 1 there is no
    broadcasting.
    """
    joined = None
    for x, tracks in operands:
        if tracks is None:
            continue
        offset = out.dim() - x.dim()
        here = []
        for track in tracks:
            stretched = {
                a
                for a in track.axes
                if a < x.dim() - keep_last and x.shape[a] == 1 != out.shape[a + offset]
            }
            track = track.whole() if stretched else track
            here.append(track.moved(lambda axis, offset=offset: axis + offset))
        joined = tuple(here) if joined is None else join(joined, tuple(here))
    return joined


def _elementwise(args: tuple, kwargs: dict) -> Outcome:
    """One value for each place, from the value at that place: activations, dropout."""
    x = args[0] if args else next(iter(kwargs.values()))
    return meta(x.shape, x), seen(x).tracks, 0


def _dropout(args: tuple, kwargs: dict) -> Outcome:
    """In evaluation mode dropout hands on its input."""
    x, _, training = _bind("input p training", args, kwargs, training=True)
    return (meta(x.shape, x) if training else x), seen(x).tracks, 0


def _arithmetic(args: tuple, kwargs: dict) -> Outcome:
    """Sum, product and the like: the operands are broadcast."""
    operands = [t for t in (*args, *kwargs.values()) if isinstance(t, Tensor)]
    first = operands[0]
    shape = first.shape
    if len(operands) > 1:
        shape = broadcast(*(t.shape for t in operands))
        if shape is None:
            return REFUSED
        if any(t.dtype != first.dtype for t in operands):
            return None
    out = meta(shape, first)
    return out, _aligned([(t, seen(t).tracks) for t in operands], out), 0


def _normalise(args: tuple, kwargs: dict) -> Outcome:
    """Batch, layer, group, instance and local response normalisation: the shape stays."""
    x = args[0] if args else kwargs["input"]
    if x.dim() < 2:
        return None
    for scale in (*args[1:], *kwargs.values()):
        if isinstance(scale, Tensor):
            last = x.shape[x.dim() - scale.dim() :]  # layer normalisation: one per element
            if scale.shape not in (x.shape[1:2], last):
                return REFUSED
    return meta(x.shape, x), seen(x).tracks, 0


def _softmax(args: tuple, kwargs: dict) -> Outcome:
    x, dim = _bind("input dim", args, kwargs)
    if dim is None or not -x.dim() <= dim < x.dim():
        return None
    tracks = seen(x).tracks
    if tracks is not None:
        along = dim % x.dim()
        tracks = tuple(
            t._replace(field=t.field.hull(t.units)) if along in t.axes else t for t in tracks
        )
    return meta(x.shape, x), tracks, 0


def _reduce(args: tuple, kwargs: dict) -> Outcome:
    """Mean, sum or extreme over some axes. A unit sees all along them."""
    x, dim, keepdim = _bind("input dim keepdim", args, kwargs, keepdim=False)
    if dim is None and "axis" in kwargs:
        dim = kwargs["axis"]
    if dim is None:
        gone = set(range(x.dim()))
    elif isinstance(dim, (int, tuple, list)) and all(
        -x.dim() <= d < x.dim() for d in _each(dim, 1)
    ):
        gone = {d % x.dim() for d in _each(dim, 1)}
    else:
        return None
    if keepdim:
        shape = [1 if a in gone else n for a, n in enumerate(x.shape)]
    else:
        shape = [n for a, n in enumerate(x.shape) if a not in gone]
    tracks = through_layer(seen(x).tracks, {}, mixed=gone)
    if tracks is not None and not keepdim:
        tracks = tuple(t.moved(lambda axis: axis - sum(a < axis for a in gone)) for t in tracks)
    return meta(shape, x), tracks, 0


def _concatenate(args: tuple, kwargs: dict) -> Outcome:
    tensors, dim = _bind("tensors dim", args, kwargs, dim=0)
    dim = kwargs.get("axis", dim)
    first = tensors[0]
    if not -first.dim() <= dim < first.dim() or any(t.dim() != first.dim() for t in tensors):
        return None
    dim %= first.dim()
    sizes = list(first.shape)
    sizes[dim] = sum(t.shape[dim] for t in tensors)
    if any(
        t.shape[:dim] + t.shape[dim + 1 :] != (*sizes[:dim], *sizes[dim + 1 :]) for t in tensors
    ):
        return None
    out = meta(sizes, first)
    operands = [(t, through_layer(seen(t).tracks, {}, mixed=[dim])) for t in tensors]
    return out, _aligned(operands, out, keep_last=first.dim()), 0


def _stack(args: tuple, kwargs: dict) -> Outcome:
    tensors, dim = _bind("tensors dim", args, kwargs, dim=0)
    first = tensors[0]
    if any(t.shape != first.shape for t in tensors) or not -first.dim() - 1 <= dim <= first.dim():
        return REFUSED
    dim %= first.dim() + 1
    out = meta((*first.shape[:dim], len(tensors), *first.shape[dim:]), first)
    tracks = _aligned([(t, seen(t).tracks) for t in tensors], first)
    if tracks is not None:
        tracks = tuple(track.moved(lambda axis: axis + (axis >= dim)) for track in tracks)
    return out, tracks, 0


def _words(text: str) -> list[str]:
    """Names in one string, so that the tables below stay readable."""
    return text.split()


_NAMES = {
    "convolution": {f"conv{n}d": _conv for n in (1, 2, 3)}
    | {f"conv_transpose{n}d": _conv_transpose for n in (1, 2, 3)},
    "linear": {"linear": _linear},
    "product of activations": dict.fromkeys(["matmul", "__matmul__", "bmm", "mm"], _matmul),
    "pooling": {f"max_pool{n}d": functools.partial(_pool, n, False) for n in (1, 2, 3)}
    | {f"avg_pool{n}d": functools.partial(_pool, n, True) for n in (1, 2, 3)}
    | {
        f"adaptive_{kind}_pool{n}d": functools.partial(_adaptive_pool, n)
        for kind in ("avg", "max")
        for n in (1, 2, 3)
    }
    | {"mean": _reduce},
    "normalisation": dict.fromkeys(
        _words("batch_norm layer_norm group_norm instance_norm local_response_norm normalize"),
        _normalise,
    ),
    "activation": dict.fromkeys(
        _words(
            "relu relu6 sigmoid tanh gelu silu elu selu celu leaky_relu prelu softplus softsign "
            "mish hardtanh hardswish hardsigmoid logsigmoid"
        ),
        _elementwise,
    )
    | dict.fromkeys(["softmax", "log_softmax"], _softmax),
    "other": dict.fromkeys(
        _words("dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout"),
        _dropout,
    )
    | dict.fromkeys(
        _words("neg abs exp log sqrt rsqrt square"),
        _elementwise,
    )
    | dict.fromkeys(
        _words(
            "add sub mul div true_divide __radd__ __rsub__ __rmul__ __iadd__ __isub__ __imul__ "
            "__add__ __sub__ __mul__ __truediv__ __itruediv__ rsub maximum minimum pow clamp"
        ),
        _arithmetic,
    )
    | dict.fromkeys(["sum", "amax", "amin"], _reduce)
    | {
        "pad": _pad,
        "interpolate": _interpolate,
        "upsample": _interpolate,
        "pixel_shuffle": _pixel_shuffle,
        "cat": _concatenate,
        "concat": _concatenate,
        "stack": _stack,
    },
}
RULES = {
    name: (category, rule) for category, rules in _NAMES.items() for name, rule in rules.items()
}

VIEWS = set(
    _words(
        "view reshape flatten ravel permute transpose swapaxes swapdims movedim moveaxis squeeze "
        "unsqueeze unflatten expand expand_as view_as reshape_as broadcast_to narrow select chunk "
        "split tensor_split unbind __getitem__ t unfold alias"
    )
)
# The same tensor in another type, memory or place: none of these changes what is counted here.
CASTS = set(_words("to float half double bfloat16 cpu cuda type_as contiguous clone detach"))
# Takes the shape of a tensor, never its numbers.
SHAPE_ONLY = set(
    _words(
        "zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones "
        "new_empty new_full new_tensor"
    )
)
IN_PLACE = {"__iadd__", "__isub__", "__imul__", "__itruediv__"}

# Reads facts about a tensor, never its numbers: no row, no note, nothing to follow.
FACTS = set(
    _words(
        "size dim numel nelement ndimension stride storage_offset is_contiguous is_floating_point "
        "is_complex element_size __len__ get_device is_same_size data_ptr untyped_storage __hash__ "
        "__repr__ _set_grad_enabled requires_grad_ has_names __format__"
    )
)

# aten operations outside torch's table of formulas that do no multiply-adds worth a warning.
NO_PRODUCTS = set(
    _words(
        "unsafe_split unsafe_chunk mean sum amax amin max min argmax argmin prod any all cumsum "
        "sort topk _softmax _log_softmax logsumexp var std var_mean cat stack empty empty_like "
        "zeros zeros_like ones ones_like full full_like arange new_zeros new_empty new_ones "
        "new_full scalar_tensor copy_ _to_copy clone fill_ zero_ index index_select gather scatter "
        "scatter_ index_put index_put_ embedding flip roll repeat lift_fresh native_layer_norm "
        "native_batch_norm native_group_norm native_dropout _native_batch_norm_legit "
        "_native_batch_norm_legit_no_training max_pool2d_with_indices max_pool3d_with_indices "
        "avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d "
        "adaptive_max_pool3d reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d "
        "replication_pad2d replication_pad3d constant_pad_nd im2col col2im pixel_shuffle "
        "pixel_unshuffle channel_shuffle tril triu masked_fill masked_fill_ bernoulli_ rand "
        "rand_like randn bernoulli _unsafe_view as_strided norm linalg_vector_norm "
        "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d "
        "upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_nearest_exact2d "
        "_upsample_bilinear2d_aa tril_ triu_ random_ normal_ uniform_ item _local_scalar_dense "
        "_safe_softmax"
    )
)


# --------------------------------------------------------------------------------------------------
# Views: torch computes the shape (in C++, at once); the strides say where each axis went


def _picked(x: Tensor, index) -> tuple[int, int] | None:
    """(axis, number) where one axis is indexed by a list or vector of integers, all else is `:`."""
    index = index if isinstance(index, tuple) else (index,)
    lists = [i for i, part in enumerate(index) if isinstance(part, (list, Tensor))]
    if len(lists) != 1 or any(
        part != slice(None) for i, part in enumerate(index) if i not in lists
    ):
        return None
    picked = index[lists[0]]
    if isinstance(picked, Tensor):
        if picked.dim() != 1 or picked.dtype != torch.int64:
            return None
    elif not all(type(i) is int and -x.shape[lists[0]] <= i < x.shape[lists[0]] for i in picked):
        return None
    return lists[0], len(picked)


# --------------------------------------------------------------------------------------------------
# Everything else runs on the meta device


class _MetaCounter(TorchDispatchMode):
    """Counts multiply-adds of aten operations with torch's own formulas, and what has none.

    `weights`: the tensors that are weights, by their memory; what is made of them alone joins them.
    `products` are multiply-adds of two activations, `macs` all others.
    """

    def __init__(self, weights: dict[int, Tensor]) -> None:
        super().__init__()
        from torch.utils.flop_counter import flop_registry  # costs time, and is seldom needed

        self.formulas, self.weights = flop_registry, weights
        self.macs = self.products = 0
        self.uncounted: list[str] = []
        self.pointwise = True

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        formula = self.formulas.get(func._overloadpacket)
        if formula is None:
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        out = func(*args, **kwargs)
        is_weight = [_memory(t) in self.weights for t in _tensors((args, kwargs))]
        if is_weight and all(is_weight):
            self.weights |= {_memory(t): t for t in _tensors(out)}
        if formula is not None:
            macs = formula(*args, **kwargs, out_val=out) // 2
            added = func._overloadpacket.__name__ in ("addmm", "baddbmm")  # the first is a bias
            if any(is_weight[added : added + 2]):
                self.macs += macs
            else:
                self.products += macs
            self.pointwise = False
        elif torch.Tag.pointwise not in func.tags:
            self.pointwise = False
            name = func._overloadpacket.__name__
            if not func.is_view and name not in NO_PRODUCTS:
                self.uncounted.append(f"aten.{name}")
        return out


def _tensors(value) -> Iterator[Tensor]:
    """All tensors in nested arguments or outputs."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)


def _replaced(value, by: Callable[[Tensor], Tensor]):
    """The same nested arguments with every tensor replaced."""
    if isinstance(value, Tensor):
        return by(value)
    if isinstance(value, (tuple, list)):
        parts = [_replaced(part, by) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {key: _replaced(part, by) for key, part in value.items()}
    return value


def _memory(tensor: Tensor) -> int:
    """What tells one piece of memory from another; views of a tensor share it."""
    return tensor.untyped_storage()._cdata


def _on_meta(value):
    """The same nested arguments with every tensor on the meta device."""
    return _replaced(value, lambda tensor: tensor if tensor.is_meta else meta(tensor.shape, tensor))


def _empty_shell(tensor: Tensor) -> Tensor:
    """A tensor of the same shape with memory for a single number.

    Torch's meta kernels check less than the real ones, and say less; an operation that is known to
    fail is handed to the real kernel, for the error that the model itself would raise.
    """
    return torch.zeros((), dtype=tensor.dtype).expand(tensor.shape)


# --------------------------------------------------------------------------------------------------
# The recorder


class Recorder(TorchFunctionMode):
    """Sees every torch function that a forward pass calls, and answers it without numbers."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.trace = Trace()
        self.stack: list[Step] = []
        self.names = {id(p): name for name, p in model.named_parameters()}
        self.failed_at: str | None = None
        self.written: dict[int, tuple[Tensor, Tensor]] = {}  # real tensors, and what they held

    # -- modules ----------------------------------------------------------------------------------

    def call(self, name: str, module: nn.Module, leaf: bool, forward: Callable, /, *args, **kwargs):
        """Run the forward of one module, as a row if it is a leaf."""
        calls = self.trace.calls
        calls[name] = calls.get(name, 0) + 1
        step = Step(name, type(module).__name__, name, leaf, calls[name])
        self.stack.append(step)
        try:
            out = forward(*args, **kwargs)
        except Exception as error:
            self._explain(error, step, args)
            raise
        finally:
            self.stack.pop()
        if leaf and not any(outer.leaf for outer in self.stack):
            self._close(step, out, (args, kwargs))
            self.trace.steps.append(step)
        return out

    def _explain(self, error: Exception, step: Step, args: tuple) -> None:
        if self.failed_at is not None:  # an inner layer has said it
            return
        self.failed_at = step.name
        shapes = ", ".join(str(tuple(t.shape)) for t in _tensors(args))
        where = f"layer {step.name!r} ({step.kind})" if step.name else step.kind
        error.add_note(f"ledger: raised in {where}, called with a tensor of shape {shapes}")
        if "meta" in str(error):
            error.add_note(
                "ledger: the forward pass runs on shapes alone, so a model that looks at the "
                "numbers of a tensor cannot be followed"
            )

    def _close(self, step: Step, out, inputs) -> None:
        """Note what came out. A view of an input, or the input itself, is nothing new in memory."""
        tensors = list(_tensors(out))
        if not tensors:
            return
        old = {_memory(t) for t in _tensors(inputs)}
        new = [t for t in tensors if _memory(t) not in old]
        step.output_shape = tuple(tensors[0].shape[1:])
        step.activations = sum(t.numel() for t in new)
        step.tracks = seen(tensors[0]).tracks

    # -- functions --------------------------------------------------------------------------------

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", type(func).__name__)
        if name in FACTS:
            return func(*args, **kwargs)
        if name in ("__get__", "__set__"):
            return self._attribute(func, args)
        plain = name[:-1] if name.endswith("_") and not name.endswith("__") else name
        writes = plain != name or name in IN_PLACE or name == "__setitem__"
        operands = list(_tensors((args, kwargs)))
        if any(torch._C._functorch.is_functorch_wrapped_tensor(t) for t in operands):
            raise ValueError(
                "the ledger cannot look into torch.vmap or another transform of torch.func: call "
                "the layers on the whole batch"
            )
        self._find_unowned(operands)
        tracked = any(seen(t).tracks is not None for t in operands)
        origins = self._origins(operands)
        if not (tracked or origins or any(t.is_meta for t in operands)):
            if writes and operands:
                self.written.setdefault(id(operands[0]), (operands[0], operands[0].clone()))
            return func(*args, **kwargs)  # masks, tables: nothing of the input, nothing of a weight
        if name in SHAPE_ONLY:
            return func(*_on_meta(args), **_on_meta(kwargs))
        if name in VIEWS or name in CASTS:
            return self._view(func, name, args, kwargs)
        category, rule = RULES.get(plain, ("other", None))
        outcome = rule(args, kwargs) if rule and kwargs.get("out") is None else None
        if outcome == REFUSED:
            func(*_replaced(args, _empty_shell), **_replaced(kwargs, _empty_shell))
            outcome = None  # torch does it all the same
        if outcome is None:
            out, macs = self._on_meta_device(func, name, args, kwargs, category)
        else:
            out, tracks, number = outcome
            weighted = category == "product of activations" and any(map(self._is_weight, operands))
            macs = {"linear" if weighted else category: number}
            out._seen = Seen(tracks)
        if kwargs.get("inplace") or plain != name or name in IN_PLACE:
            out = self._in_place(operands[0], out)
        result = next(_tensors(out), None)
        if result is not None and not tracked and seen(result).tracks is None:
            result._seen = Seen(None, origins)
        if tracked or any(macs.values()):
            self._record(plain, category, macs, out, operands, origins)
        return out

    def _origins(self, operands: list[Tensor]) -> frozenset[str]:
        found: set[str] = set()
        for tensor in operands:
            found |= seen(tensor).origins
            if id(tensor) in self.names:  # a real parameter that the module kept elsewhere
                found.add(self.names[id(tensor)])
        return frozenset(found)

    def _is_weight(self, tensor: Tensor) -> bool:
        return bool(self._origins([tensor])) or id(tensor) in self.trace.unowned

    def _find_unowned(self, operands: Iterable[Tensor]) -> None:
        for t in operands:
            is_weight = isinstance(t, nn.Parameter) or (t.requires_grad and t.is_leaf)
            if is_weight and id(t) not in self.names:
                self.trace.unowned[id(t)] = t

    def _attribute(self, func, args: tuple):
        out = func(*args)
        if isinstance(out, Tensor) and isinstance(args[0], Tensor):
            self._find_unowned(args[:1])
            base = torch.empty(args[0].shape, device="meta")
            self._follow_view(seen(args[0]), base, out, func(base))
        return out

    def _in_place(self, target: Tensor, out):
        """An operation that writes into `target`: the same tensor, and it sees what `out` sees."""
        if isinstance(out, Tensor) and out is not target:
            target._seen = seen(out)
        return target

    def _view(self, func, name: str, args: tuple, kwargs: dict):
        if args:
            x, args = args[0], args[1:]
        else:
            x = kwargs.pop(next(iter(kwargs)))
        known = seen(x)
        if name in CASTS:
            out = meta(x.shape, x)
            out._seen = known
            return out
        picked = _picked(x, args[0]) if name == "__getitem__" else None
        if picked:
            axis, number = picked
            out = meta((*x.shape[:axis], number, *x.shape[axis + 1 :]), x)
            out._seen = Seen(through_layer(known.tracks, {}, mixed=[axis]), known.origins)
            return out
        args, kwargs = _on_meta(args), _on_meta(kwargs)
        out = func(_on_meta(x), *args, **kwargs)
        contiguous = torch.empty(x.shape, device="meta")
        twin = func(contiguous, *args, **kwargs)
        for result, view in zip(_tensors(out), _tensors(twin), strict=True):
            self._follow_view(known, contiguous, result, view)
        return out

    def _follow_view(self, known: Seen, base: Tensor, out: Tensor, view: Tensor) -> None:
        """`view` is what `out` would be if its tensor were `base`, which is contiguous."""
        tracks = known.tracks
        if tracks is not None:
            if _memory(view) == _memory(base):
                tracks = through_view(
                    tracks, base.shape, view.shape, view.stride(), view.storage_offset()
                )
            else:  # a copy of chosen elements
                tracks = tuple(track.whole() for track in tracks)
        out._seen = Seen(tracks, known.origins)

    def _on_meta_device(self, func, name: str, args: tuple, kwargs: dict, category: str):
        """Let torch find the shape; count what its formulas cover; say what they do not."""
        weights: dict[int, Tensor] = {}

        def stand_in(tensor: Tensor) -> Tensor:
            found = _on_meta(tensor)
            if self._is_weight(tensor):
                weights[_memory(found)] = found
            return found

        counter = _MetaCounter(weights)
        operands = list(_tensors((args, kwargs)))
        known = [seen(t).tracks for t in operands]
        with counter:
            out = func(*_replaced(args, stand_in), **_replaced(kwargs, stand_in))
        if name == "__setitem__":
            out = operands[0]
        tracks = None
        for found in known:
            if found is not None:
                tracks = found if tracks is None else join(tracks, found)
        for result in _tensors(out):
            if tracks is None:
                continue
            same = all(t.shape == result.shape for t, k in zip(operands, known, strict=True) if k)
            if counter.pointwise and same:
                result._seen = Seen(tracks)
            else:
                result._seen = Seen(tuple(track.whole() for track in tracks))
                self.trace.note(
                    f"{name}: how it mixes positions is not known, so its receptive field is "
                    "taken as all that its inputs see (an upper bound)"
                )
        for operation in counter.uncounted:
            self.trace.note(f"{operation} (in {name}): its multiply-adds are not counted")
        kind = "convolution" if category == "convolution" else "linear"
        return out, {kind: counter.macs, "product of activations": counter.products}

    def _record(
        self, name: str, category: str, macs: dict, out, operands: list[Tensor], origins: frozenset
    ) -> None:
        step = next((step for step in self.stack if step.leaf), None)
        if step is None:
            parent = self.stack[-1].name if self.stack else ""
            path = f"{parent}.{name.strip('_')}" if parent else name.strip("_")
            calls = self.trace.calls
            calls[path] = calls.get(path, 0) + 1
            step = Step(path, name.strip("_"), parent, False, calls[path])
            self._close(step, out, operands)
            self.trace.steps.append(step)
        for kind, number in macs.items():
            if number:
                step.macs_of[kind] = step.macs_of.get(kind, 0) + number
        step.categories.append(category)
        step.uses |= origins


# --------------------------------------------------------------------------------------------------
# The model, without its numbers


def is_leaf(module: nn.Module) -> bool:
    """Say whether a module is one row: no children, or none whose forward is called.

    Such are torch's parametrisations, and the projection in its attention.
    """
    inside = {name for name, _ in module.named_children()} - {"parametrizations"}
    return not inside or isinstance(module, nn.MultiheadAttention)


def hooks_of(module: nn.Module) -> list[Callable]:
    """Forward hooks of a module that are not torch's own (as those of weight_norm are)."""
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
    return [hook for hook in hooks if not hook.__module__.startswith("torch.")]


@contextmanager
def without_numbers(model: nn.Module, recorder: Recorder) -> Iterator[None]:
    """Put meta tensors where the model has parameters and buffers, and watch its modules.

    All is put back as it was at the end, whatever happens: attributes, what lists and dictionaries
    among them hold, parameters, buffers. The model's own tensors are not read, written or copied.
    Hooks of others than torch are not run: they would keep tensors without numbers.
    """
    modules = list(model.named_modules())
    held = [
        (store, store.copy())
        for _, module in modules
        for store in vars(module).values()
        if isinstance(store, (dict, list))
    ]
    hooks = 0
    before = [(module, dict(module.__dict__)) for _, module in modules]
    try:
        for path, module in modules:
            leaf = is_leaf(module)
            forward = functools.partial(recorder.call, path, module, leaf, module.forward)
            for name, tensor in module._parameters.items():
                if id(tensor) in recorder.names:
                    stand_in = meta(tensor.shape, tensor)
                    stand_in._seen = Seen(None, frozenset([recorder.names[id(tensor)]]))
                    module._parameters[name] = stand_in
            for name, tensor in module._buffers.items():
                if tensor is not None:
                    module._buffers[name] = meta(tensor.shape, tensor)
            module.__dict__["forward"] = forward
            left_out = {id(hook) for hook in hooks_of(module)}
            for kind in ("_forward_hooks", "_forward_pre_hooks"):
                there = getattr(module, kind)
                kept = {key: hook for key, hook in there.items() if id(hook) not in left_out}
                module.__dict__[kind] = type(there)(kept)
            hooks += len(left_out)
        if hooks:
            recorder.trace.note(
                f"{hooks} forward hook{'s' * (hooks > 1)} of yours did not run: what a hook keeps "
                "stays as it was, and what it computes is not counted"
            )
        yield
    finally:
        for tensor, value in recorder.written.values():
            tensor.copy_(value)
        for store, content in held:
            if isinstance(store, list):
                store[:] = content
            else:
                store.clear()
                store.update(content)
        for module, attributes in before:
            module.__dict__.clear()
            module.__dict__.update(attributes)


def trace(model: nn.Module, input_shape: tuple[int, ...]) -> Trace:
    """Follow one forward pass of `model` on one image of `input_shape` (C, H, W), a batch of 1.

    The model runs in the mode it is in (training or evaluation) and is left as it was. Its own
    errors pass through, with a note that names the layer.
    """
    recorder = Recorder(model)
    dtypes = [p.dtype for p in model.parameters() if p.is_floating_point()]
    image = torch.empty((1, *input_shape), dtype=dtypes[0] if dtypes else None, device="meta")
    image._seen = Seen(
        tuple(
            Track(Field(), frozenset([axis]), n) for axis, n in enumerate(image.shape) if axis >= 2
        )
    )
    random_state = torch.get_rng_state()
    try:
        with torch.no_grad(), without_numbers(model, recorder), recorder:
            model(image)
    finally:
        torch.set_rng_state(random_state)
    return recorder.trace


def largest(tracks: Tracks | None) -> tuple[tuple[int, ...], tuple[Fraction, ...]] | None:
    """Return (receptive field, jump) per spatial axis of the input, or None where there is none."""
    if not tracks:
        return None
    return tuple(t.field.size for t in tracks), tuple(t.field.jump for t in tracks)
