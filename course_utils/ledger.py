"""Where the parameters and the multiply-adds of a network are, layer by layer.

    ledger(model, input_shape)     a row per layer, totals, and the same by block

What is counted (`CONVENTION` stands beside every table):

- MACs: one multiply-add of a convolution or linear weight, as torch's FlopCounterMode counts them
  (its total is twice this). Biases, normalisation, pooling, activations and sums are not counted.
  Products of two activations (attention) are, and a note says so.
- Parameters: every number in an `nn.Parameter`, once, trainable or not; buffers are not.
- Activations: the numbers in a layer's output, for one image; none for a layer that hands on its
  input, reshapes it or writes into it.
- Receptive field: the inputs from the first to the last that a unit sees, borders ignored, so it
  may exceed the image. Where paths meet: from the first to the last that any of them sees. A dense
  layer after a flatten is a kernel over all that it sees. The statistics of normalisation are no
  path. Not given behind what resamples or rearranges maps, and a note says so.
- Stride: how far, in inputs, the fields of neighbouring units lie apart: the product of strides.

The model runs its own forward pass, in the mode it is in, on tensors of torch's meta device, which
have a shape and no memory: branches, shared modules and functional calls are met as they happen.
Usual operations have closed forms here, quicker than torch's meta kernels. Those do the rest, with
the formulas of `torch.utils.flop_counter`. Auxiliary heads count in training mode only.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from operator import index
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

CONVENTION = (
    "MAC = one multiply-add of a convolution or linear weight; biases, normalisation, pooling and "
    "activations are not counted"
)
HOW_TO_OWN = (
    "Keep layers in attributes of the model, nn.Sequential, nn.ModuleList or nn.ModuleDict, and "
    "single weights in nn.Parameter or nn.ParameterList."
)
GROUPS = ("convolution", "linear", "normalisation", "other")  # where parameters and MACs sit
FOLD_ROWS = 48  # a longer table is folded behind the table by block


@dataclass(frozen=True)
class Row:
    """A layer: a call of a module without children, or a function in a module's own forward. Or the
    sum over the `layers` of a block, with the output of the last of them.

    `name`: dotted path; `call`: 2 for the second call of the same module, and so on.
    `kind`: class of the module, or name of the function. `category`: "convolution", "linear",
    "normalisation", "pooling", "activation", "product of activations" or "other".
    `output_shape`: without the batch; None if the layer was not used in this forward pass.
    `receptive_field`, `stride`: in inputs; one number if equal along all axes, else one per axis;
    None where there is no spatial axis or it is not known. `block`: the part of the network.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...] | None = None
    parameters: int = 0
    macs: int = 0
    activations: int = 0
    receptive_field: int | tuple[int, ...] | None = None
    stride: int | tuple[int, ...] | None = None
    block: str = ""
    category: str = "other"
    call: int = 1
    layers: int = 1

    @property
    def label(self) -> str:
        """The name, with the number of the call where it is not the first."""
        return self.name if self.call == 1 else f"{self.name} (call {self.call})"


class Ledger:
    """The table of one network: `rows`, totals, `blocks()`, and `notes` on what to be careful of.

    The last expression of a cell shows it as an HTML table; `print` shows text. `unowned` says
    which weights are used and not the model's own; it becomes a note, too.
    """

    def __init__(self, name: str, input_shape: tuple, rows: Sequence[Row], notes=(), unowned=""):
        self.name, self.input_shape, self.rows = name, input_shape, tuple(rows)
        self.unowned = unowned
        self.notes = (*([f"{unowned}. {HOW_TO_OWN}"] if unowned else []), *notes)
        self.parameters = sum(row.parameters for row in rows)  # each counted once
        self.macs = sum(row.macs for row in rows)  # for one image
        # A layer, its normalisation and its ReLU each count theirs: training keeps them all.
        self.activations = sum(row.activations for row in rows)

    @property
    def units(self) -> int:
        """Outputs of convolution and dense layers only: the neurons that papers count."""
        return sum(r.activations for r in self.rows if r.category in ("convolution", "linear"))

    def blocks(self) -> tuple[Row, ...]:
        """Return the sums by block, in the order of the forward pass."""
        rows: dict[str, list[Row]] = {}
        for row in self.rows:
            rows.setdefault(row.block, []).append(row)
        return tuple(_block(name, part) for name, part in rows.items())

    def groups(self) -> dict[str, dict[str, int]]:
        """Return parameters and macs of each of `GROUPS`; the sums are the totals."""
        sums = {group: {"parameters": 0, "macs": 0} for group in GROUPS}
        for row in self.rows:
            group = sums[row.category if row.category in GROUPS else "other"]
            group["parameters"] += row.parameters
            group["macs"] += row.macs
        return sums

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return _text(self)

    def _repr_html_(self) -> str:
        return _html(self)


def ledger(
    model: nn.Module, input_shape: Sequence[int] = (3, 224, 224), *, name: str | None = None
) -> Ledger:
    """Count a network layer by layer, without computing anything and without copying its weights.

    `model`: any nn.Module whose forward takes one tensor; with weights or on the meta device. It
        runs in the mode it is in and is left as it was: weights, gradients, mode, attributes.
    `input_shape`: (C, H, W) of one image, without the batch; (C, L) or (C, D, H, W) work as well.
    `name`: what the tables call it; the name of its class if it is not given.

    Weights that the forward pass uses and `model.parameters()` does not have (layers in a plain
    list, a closure, a global) are not counted, and hooks of yours are not run: notes say so.

    Raises TypeError if `model` is no nn.Module, and ValueError for a wrong `input_shape`, for lazy
    layers that have no shape yet, and for TorchScript, quantised layers and torch.vmap, which hide
    what they do. An error of the model itself passes through, with a note that names the layer.
    """
    _check_model(model)
    shape = _checked_shape(input_shape)
    try:
        followed = _follow(model, shape)
    except Exception as error:
        inside = None
        with suppress(Exception):  # the first error is the one to show
            inside = _follow(model, shape[1:])
        if inside is None:
            raise
        raise ValueError(
            f"input_shape must be without the batch axis, got {shape}; the model runs on one image "
            f"of {shape[1:]}"
        ) from error
    rows = _rows(model, followed.steps)
    unowned = describe_unowned(followed.unowned.values()) if followed.unowned else ""
    notes = _notes(model, followed, rows)
    return Ledger(name or type(model).__name__, shape, rows, notes, unowned)


def describe_unowned(weights: Iterable[Tensor]) -> str:
    """Say which weights a forward pass uses that are not the model's own."""
    sizes = [tuple(weight.shape) for weight in weights]
    shapes = ["×".join(map(str, size)) or "1" for size in sizes[:4]] + ["…"] * (len(sizes) > 4)
    return (
        f"its forward pass uses {sum(map(prod, sizes)):,} weights that model.parameters() does not "
        f"have (of shape {', '.join(shapes)}): they are neither counted nor trained"
    )


def _check_model(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        hint = "; call the class to make one" if isinstance(model, type) else ""
        raise TypeError(f"model must be an nn.Module, got {model!r}{hint}")
    for path, tensor in (*model.named_parameters(), *model.named_buffers()):
        if isinstance(tensor, UninitializedTensorMixin):
            raise ValueError(
                f"model must have weights of known shape, got a lazy layer: {path} has none before "
                "its first forward pass; run the model once, or give the layer its sizes"
            )
    for path, module in model.named_modules():
        if type(module).__module__.startswith("torch.jit"):
            raise ValueError(
                f"model must be Python code, got a TorchScript module at {path!r}: pass the model "
                "that was compiled"
            )
        if ".quantized." in type(module).__module__:
            raise ValueError(
                f"model must have weights in parameters, got the quantised layer {path!r} "
                f"({type(module).__name__}): pass the model as it was before"
            )


def _checked_shape(input_shape: Sequence[int]) -> tuple[int, ...]:
    with suppress(TypeError):
        shape = tuple(index(size) for size in input_shape)
        if shape and min(shape) > 0:
            return shape
    raise ValueError(
        "input_shape must be sizes of one image without the batch, each an integer >= 1, such as "
        f"(3, 224, 224); got {input_shape!r}"
    )


# --------------------------------------------------------------------------------------------------
# Receptive fields: where in a tensor the axes of the input are, and what its units see of them


class Track(NamedTuple):
    """One spatial axis of the input, as a tensor has it: unit u sees `size` inputs, the first of
    them `start + u * pace`, as if there were no border.

    `axes`: axes of the tensor along which the field moves, over `units` units; none where all units
    see the same. `clean`: False after a reshape that merged or split the axis: what a unit sees is
    known then, its position is not. `stride`: the product of strides, also where nothing moves.
    `_tracks` of a tensor: missing or None if it does not come from the input, () if they are lost.
    Source: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks",
    Distill, 2019.
    """

    axes: frozenset[int]
    units: int
    start: int = 0
    size: int = 1
    pace: int = 1
    stride: int = 1
    clean: bool = True

    def window(self, kernel: int, stride: int, padding: int, dilation: int, units: int) -> Track:
        """The track behind a layer that looks at `kernel` units, `dilation` apart."""
        start, size = padding * self.pace, dilation * (kernel - 1) * self.pace
        start, size = self.start - start, self.size + size
        return self._replace(
            units=units,
            start=start,
            size=size,
            pace=self.pace * stride,
            stride=self.stride * stride,
        )

    def everywhere(self) -> Track:
        """Every unit sees what any of them does."""
        return self._replace(size=self.size + (self.units - 1) * self.pace, pace=0)

    def whole(self) -> Track:
        """One unit sees what any of them does."""
        return self.everywhere()._replace(axes=frozenset(), units=1, clean=True)

    def moved(self, axis_map: Callable[[int], int]) -> Track:
        """The same with its axes renumbered."""
        return self._replace(axes=frozenset(map(axis_map, self.axes)))

    def join(self, other: Track) -> Track:
        """A unit computed from the same unit of two tensors sees all that both see."""
        a, b = self, other
        if (a.axes, a.units, a.pace, a.clean) != (b.axes, b.units, b.pace, b.clean):
            a, b = sorted((a.everywhere(), b.everywhere()), key=lambda track: not track.axes)
            a = a.whole() if b.axes and a.axes != b.axes else a
        start, end = min(a.start, b.start), max(a.start + a.size, b.start + b.size)
        stride = max(a.stride, b.stride) if a.axes == b.axes else a.stride
        return a._replace(start=start, size=end - start, stride=stride)


Tracks = tuple[Track, ...] | None


def _tracks(tensor: Tensor) -> Tracks:
    return getattr(tensor, "_tracks", None)


def _passed(x: Tensor, mixed: Iterable[int] = (), windows: dict | None = None) -> Tracks:
    """Tracks behind a layer that looks at everything along the `mixed` axes, and along others
    through `windows`: {axis: arguments of Track.window, or None for what they do not describe}."""
    tracks, mixed, windows, moved = _tracks(x), {a % x.dim() for a in mixed}, windows or {}, []
    for track in tracks or ():
        along = track.axes & windows.keys()
        if track.axes and track.axes <= mixed:
            track = track.whole()
        elif track.axes & mixed or any(not track.clean or windows[a] is None for a in along):
            return ()
        for axis in along:
            track = track.window(*windows[axis])
        moved.append(track)
    return None if tracks is None else tuple(moved)


def _joined(operands: Iterable[tuple[Tensor, Tracks]], shape: Sequence, own: int = 0) -> Tracks:
    """Tracks of what is computed from tensors broadcast to `shape`, but for its `own` last axes."""
    joined = None
    for x, tracks in operands:
        if tracks is None:
            continue
        shift, here = len(shape) - x.dim(), []
        for t in tracks:
            stretched = any(a < x.dim() - own and x.shape[a] != shape[a + shift] for a in t.axes)
            here.append((t.whole() if stretched else t).moved(lambda a, by=shift: a + by))
        both = zip(joined or here, here, strict=False)  # shorter where one of them is lost
        joined = here if joined is None else joined and [a.join(b) for a, b in both]
    return None if joined is None else tuple(joined)


def _viewed(tracks: Tracks, shape: Sequence[int], view: Tensor) -> Tracks:
    """Tracks of a view of a contiguous tensor of `shape`: the strides of the view say along which
    axes of the tensor each of its own runs."""
    steps, moved = [prod(shape[a + 1 :]) for a in range(len(shape))], []
    axes = list(zip(view.shape, view.stride(), strict=True))
    for track in tracks or ():
        now = frozenset(
            b
            for b, (m, q) in enumerate(axes)
            if any((m - 1) * q >= steps[a] and q % (steps[a] * shape[a]) for a in track.axes)
        )
        if track.axes:
            a, (m, q) = min(track.axes), axes[min(now)] if now else (1, 0)
            first, step = view.storage_offset() // steps[a] % shape[a], q // steps[a]
            if track.clean and len(now) < 2 and not q % steps[a] and (m - 1) * step < shape[a]:
                track = track.window(1, step or 1, -first, 1, m)._replace(axes=now)
            elif prod(axes[b][0] for b in now) >= prod(shape[a] for a in track.axes):
                track = track._replace(axes=now, clean=False)
            else:  # a part of a merged axis
                return ()
        moved.append(track)
    return None if tracks is None else tuple(moved)


# --------------------------------------------------------------------------------------------------
# Closed forms of aten operations: (shape, tracks, MACs) of what the operation takes; None for what
# they do not know, and False for what torch refuses (which is then asked for its own words).

Outcome = tuple[Sequence[int], Tracks, int] | bool | None


def _each(value, axes: int) -> list[int]:
    """An argument such as stride, once per axis."""
    value = list(value) if isinstance(value, (tuple, list)) else [value]
    return value * axes if len(value) == 1 else value


def _convolution(x, w, bias, stride, padding, dilation, transposed, extra, groups) -> Outcome:
    axes, maps = w.dim() - 2, w.shape[1] * groups if transposed else w.shape[0]
    settings = (_each(value, axes) for value in (stride, padding, dilation, extra))
    sizes, windows = [], {}
    for n, k, s, p, d, e in zip(x.shape[2:], w.shape[2:], *settings, strict=True):
        if s < 1 or (transposed and e >= max(s, d)):
            return False
        reach = d * (k - 1)
        size = (n - 1) * s - 2 * p + reach + e if transposed else (n + 2 * p - reach - 1) // s
        windows[len(sizes) + 2] = None if transposed else (k, s, p, d, size + 1)
        sizes.append(size + 1)
    fits = x.shape[1] == (w.shape[0] if transposed else w.shape[1] * groups)
    if not fits or w.shape[0] % groups or min(sizes) < 1:
        return False
    if bias is not None and tuple(bias.shape) != (maps,):
        return False
    macs = x.shape[0] * prod(x.shape[2:] if transposed else sizes) * w.numel()
    return (x.shape[0], maps, *sizes), _passed(x, [1], windows), macs


def _linear(input, weight, bias=None) -> Outcome:
    if weight.dim() != 2 or input.dim() < 2:
        return None
    if input.shape[-1] != weight.shape[1] or (bias is not None and bias.shape != weight.shape[:1]):
        return False
    macs = input.numel() * weight.shape[0]
    return (*input.shape[:-1], weight.shape[0]), _passed(input, [-1]), macs


def _product(a, b) -> Outcome:
    if a.shape[-1] != b.shape[-2] or a.shape[:-2] != b.shape[:-2]:
        return False
    shape = (*a.shape[:-1], b.shape[-1])
    tracks = _joined([(a, _passed(a, [-1])), (b, _passed(b, [-2]))], shape, own=2)
    return shape, tracks, a.numel() * b.shape[-1]


def _max_pool(x, kernel, stride=(), padding=0, dilation=1, ceil=False) -> Outcome:
    settings = [
        _each(value, len(kernel)) for value in (kernel, stride or kernel, padding, dilation)
    ]
    first, sizes, windows = x.dim() - len(kernel), [], {}
    for n, k, s, p, d in zip(x.shape[first:], *settings, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        if s < 1 or p > k // 2 or (room < 0 and not ceil):
            return False
        size = (room + (s - 1 if ceil else 0)) // s + 1
        # torch: the last window must begin inside the input or its left padding
        size -= ceil and (size - 1) * s >= n + p
        windows[first + len(sizes)] = (k, s, p, d, size)
        sizes.append(size)
    return min(sizes) > 0 and ((*x.shape[:first], *sizes), _passed(x, [], windows), 0)


def _avg_pool(x, kernel, stride=(), padding=0, ceil=False, *_, **__) -> Outcome:
    return _max_pool(x, kernel, stride, padding, 1, ceil)


def _adaptive_pool(x, sizes) -> Outcome:
    first, windows = x.dim() - len(sizes), {}
    for axis, m in enumerate(sizes, first):
        n = x.shape[axis]  # one unit over everything is a kernel with stride 1, like a dense layer
        windows[axis] = None if m < 1 or n % m else (n // m, n // m if m > 1 else 1, 0, 1, m)
    return (*x.shape[:first], *sizes), _passed(x, [], windows), 0


def _pad(input, pad, *_, **__) -> Outcome:
    if len(pad) % 2 or len(pad) > 2 * input.dim():
        return None
    sizes, windows = list(input.shape), {}
    for i, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True), 1):
        sizes[-i] += before + after
        if before or after:
            windows[input.dim() - i] = (1, 1, before, 1, sizes[-i])
    return (sizes, _passed(input, [], windows), 0) if min(sizes) > 0 else None


def _normalise(x, *args) -> Outcome:
    if isinstance(args[0], (list, tuple)) and list(x.shape[-len(args[0]) :]) != list(args[0]):
        return False  # layer normalisation
    return x.shape, _tracks(x), 0


def _softmax(x, dim, *_) -> Outcome:
    tracks, dim = _tracks(x), dim % x.dim()
    return x.shape, tracks and tuple(t.everywhere() if dim in t.axes else t for t in tracks), 0


def _reduce(x, dim=None, keepdim=False, **_) -> Outcome:
    """Mean, sum or extreme over some axes. A unit sees all along them."""
    if isinstance(dim, Tensor) or not x.is_floating_point():
        return None
    gone = {d % x.dim() for d in (range(x.dim()) if dim in (None, []) else _each(dim, 1))}
    left, tracks = [a for a in range(x.dim()) if a not in gone], _passed(x, gone)
    if keepdim:
        places = zip(_tracks(x), tracks, strict=False) if tracks else ()
        tracks = tracks and tuple(t._replace(axes=old.axes, clean=old.clean) for old, t in places)
        return [1 if a in gone else n for a, n in enumerate(x.shape)], tracks, 0
    return [x.shape[a] for a in left], tracks and tuple(t.moved(left.index) for t in tracks), 0


def _cat(tensors, dim=0) -> Outcome:
    sizes = list(tensors[0].shape)
    sizes[dim] = sum(t.shape[dim] for t in tensors if t.dim() == len(sizes))
    dim %= len(sizes)
    if any([*t.shape[:dim], sizes[dim], *t.shape[dim + 1 :]] != sizes for t in tensors):
        return False
    return sizes, _joined(((t, _passed(t, [dim])) for t in tensors), sizes, own=len(sizes)), 0


def _stack(tensors, dim=0) -> Outcome:
    shape, dim = list(tensors[0].shape), dim % (tensors[0].dim() + 1)
    if any(list(t.shape) != shape for t in tensors):
        return False
    tracks = _joined(((t, _tracks(t)) for t in tensors), shape)
    tracks = tracks and tuple(t.moved(lambda axis: axis + (axis >= dim)) for t in tracks)
    return [*shape[:dim], len(tensors), *shape[dim:]], tracks, 0


def _index(x, indices) -> Outcome:
    """Maps that are chosen by a list."""
    lists = [(axis, chosen) for axis, chosen in enumerate(indices) if chosen is not None]
    if len(lists) != 1 or lists[0][1].dim() != 1 or lists[0][1].dtype != torch.int64:
        return None
    axis, chosen = lists[0]
    return (*x.shape[:axis], len(chosen), *x.shape[axis + 1 :]), _passed(x, [axis]), 0


def _like(x, *_, dtype=None, **__) -> Outcome:
    return (x.shape, None, 0) if dtype in (None, x.dtype) else None


def _pointwise(*args, **kwargs) -> Outcome:
    operands = list(_tensors((args, kwargs)))
    if any(t.dtype != operands[0].dtype or not t.is_floating_point() for t in operands):
        return None
    try:
        shape = np.broadcast_shapes(*(tuple(t.shape) for t in operands))  # torch's imports sympy
    except ValueError:
        return False
    return shape, _joined(((t, _tracks(t)) for t in operands), shape), 0


RULES = {
    "convolution": _convolution,
    **dict.fromkeys(["mm", "bmm"], _product),
    **dict.fromkeys(["addmm", "baddbmm"], lambda bias, a, b, **_: _product(a, b)),
    **dict.fromkeys(["max_pool2d_with_indices", "max_pool3d_with_indices"], _max_pool),
    **dict.fromkeys(["avg_pool2d", "avg_pool3d"], _avg_pool),
    **dict.fromkeys(["_adaptive_avg_pool2d", "_adaptive_avg_pool3d"], _adaptive_pool),
    **dict.fromkeys(["adaptive_max_pool2d", "adaptive_max_pool3d"], _adaptive_pool),
    **dict.fromkeys([f"native_{kind}_norm" for kind in ("batch", "layer", "group")], _normalise),
    **dict.fromkeys(["_softmax", "_log_softmax", "_safe_softmax"], _softmax),
    **dict.fromkeys(["mean", "sum", "amax", "amin", "max", "min"], _reduce),
    **{f"{kind}_like": _like for kind in ("empty", "zeros", "ones", "full", "rand", "randn")},
    "constant_pad_nd": _pad,
    "cat": _cat,
    "stack": _stack,
    "index": _index,
}
# Of torch functions, because below them a dense layer on maps merges rows and columns for a while,
# and padding with what is there is written as copies.
FUNCTIONS = {"linear": _linear, "pad": _pad}
# One value for each place, and torch does not say so.
POINTWISE = {"_to_copy", "_prelu_kernel", "hardswish", "log_sigmoid_forward", "rrelu_with_noise"}
COMPARISONS = re.compile("(eq|ne|[gl][te]|is.*|logical.*|bitwise.*|signbit)_?")
# Hands on, rearranges or only takes the shape: no row of its own outside of leaf modules.
QUIET = re.compile("_to_copy|clone|index|lift.*|.*_like|new_.*|_unsafe_view")
# Operations without a formula that do no multiply-adds worth a warning.
HARMLESS_TAGS = {torch.Tag.pointwise, torch.Tag.reduction, torch.Tag.nondeterministic_seeded}
HARMLESS = re.compile(
    "_*(adaptive|arange|as_strided|avg_pool|cat|channel_sh|clone|col2im|constant_pad|copy|cum|"
    "embedding$|empty|fill|flip|full|gather|glu|im2col|index|item|lift|local_scalar|log_softmax|"
    "logsumexp|masked_fill|max_pool|native_(batch|layer|group)_norm|native_dropout|new_|norm|ones|"
    "pad|pixel|prelu|rand|reflection|repl|repeat|roll|safe_softmax|scalar_tensor|scatter|select|"
    "softmax|sort|stack|std|to_copy|topk|tri[lu]|uniform|unsafe|upsample|var|weight_norm|zero)"
)
CATEGORIES = {  # of torch functions
    "normalisation": re.compile(r"(batch|layer|group|instance|local_response)_norm|normalize"),
    "pooling": re.compile(r"(adaptive_)?(max|avg)_pool\dd|mean"),
    "activation": re.compile(
        "(relu6?|sigmoid|tanh|[gcs]?elu|silu|leaky_relu|prelu|softplus|softsign|mish|hardtanh|"
        "hardswish|hardsigmoid|logsigmoid|(log_)?softmax)_?"
    ),
}


def _tensors(value) -> Iterator[Tensor]:
    """All tensors in nested arguments or outputs."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors(part)


def _memory(tensor: Tensor) -> int:
    """What tells one piece of memory from another; views of a tensor share it."""
    return tensor.untyped_storage()._cdata


def _meta(shape: Iterable[int], dtype: torch.dtype | None) -> Tensor:
    # torch.empty_like would do the same and import sympy for it, which takes half a second.
    return torch.empty(tuple(shape), dtype=dtype, device="meta")


def _on_meta(tensor: Tensor) -> Tensor:
    if tensor.is_meta:
        return tensor
    twin = _meta(tensor.shape, tensor.dtype)
    twin._tracks = _tracks(tensor)
    return twin


def _shell(tensor: Tensor) -> Tensor:
    """A tensor of this shape with memory for one number: torch's meta kernels check less than the
    real ones, and say less, so what is known to fail is handed to those."""
    return torch.zeros((), dtype=tensor.dtype, device="cpu").expand(tensor.shape)


# --------------------------------------------------------------------------------------------------
# Following a forward pass


@dataclass
class _Step:
    """A row in the making: a call of a leaf module, or a torch function in a forward of others.

    `module`: path of the module. `operations` that count, `macs` by category, `uses`: the names of
    the parameters. `categories` of its functions.
    """

    row: Row
    module: str
    leaf: bool
    operations: int = 0
    macs: dict[str, int] = field(default_factory=dict)
    categories: list[str] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)


class _Functions(TorchFunctionMode):
    """Says which torch function is running: it names the rows outside of leaf modules."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return self.recorder.function(func, args, kwargs or {})


class _Recorder(TorchDispatchMode):
    """Sees every operation of a forward pass, and answers it without numbers."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.steps: list[_Step] = []
        self.modules: list[str] = []  # paths of those that run
        self.open: _Step | None = None  # what operations count for
        self.notes: dict[str, None] = {}
        self.calls: dict[str, int] = {}
        self.unowned: dict[int, Tensor] = {}  # weights met that model.parameters() does not have
        self.names = {id(p): {name} for name, p in model.named_parameters()}
        self.written: dict[int, tuple[Tensor, Tensor]] = {}  # real tensors, and what they held
        self.marked: list[Tensor] = []  # tensors that the input was written into
        self.failed = False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would import its compiler for that, which takes half a second

    def call(self, path: str, module: nn.Module, forward: Callable, /, *args, **kwargs):
        """Run the forward of one module, as a row if it is a leaf."""
        self.calls[path] = call = self.calls.get(path, 0) + 1
        step = _Step(Row(path, type(module).__name__, call=call), path, _is_leaf(module))
        outer = self.open
        self.open = outer or (step if step.leaf else None)
        self.modules.append(path)
        try:
            out = forward(*args, **kwargs)
        except Exception as error:
            self.explain(error, step.row, args)
            raise
        finally:
            self.modules.pop()
            self.open = outer
        if step.leaf and outer is None:
            self.close(step, out, (args, kwargs))
        return out

    def function(self, func: Callable, args: tuple, kwargs: dict):
        """Run one torch function, as a row if it is outside of leaf modules and does something."""
        name, inputs = getattr(func, "__name__", type(func).__name__).strip("_"), (args, kwargs)
        if name in ("get", "set"):  # attributes
            return func(*args)
        if any(map(torch._C._functorch.is_functorch_wrapped_tensor, _tensors(inputs))):
            raise ValueError(
                "the ledger cannot look into torch.vmap or another transform of torch.func: call "
                "the layers on the whole batch"
            )
        module, outer = self.modules[-1] if self.modules else "", self.open
        path = f"{module}.{name}" if module else name
        step = self.open = outer or _Step(Row(path, name), module, False)
        before, rule = step.operations, FUNCTIONS.get(name)
        try:
            out = self.operate(func, name, rule, args, kwargs) if rule else func(*args, **kwargs)
        finally:
            self.open = outer
        if step.operations > before:
            step.categories += (c for c, names in CATEGORIES.items() if names.fullmatch(name))
            if outer is None:
                self.calls[path] = call = self.calls.get(path, 0) + 1
                step.row = replace(step.row, call=call)
                self.close(step, args[0] if name == "setitem" else out, inputs)
        return out

    def close(self, step: _Step, out, inputs) -> None:
        """Note what came out. A view of an input, or the input itself, is nothing new in memory."""
        # Where its multiply-adds are, else its first function that says more than a sum.
        said = [*step.categories, "other"]
        category = max(step.macs, key=step.macs.get) if step.macs else said[0]
        step.row = replace(step.row, category=category, macs=sum(step.macs.values()))
        self.steps.append(step)
        if tensors := list(_tensors(out)):
            old, tracks = {_memory(t) for t in _tensors(inputs)}, _tracks(tensors[0]) or ()
            step.row = replace(
                step.row,
                output_shape=tuple(tensors[0].shape[1:]),
                activations=sum(t.numel() for t in tensors if _memory(t) not in old),
                receptive_field=_one_or_all(tuple(track.size for track in tracks)),
                stride=_one_or_all(tuple(track.stride for track in tracks)),
            )

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._overloadpacket.__name__
        rule = RULES.get(name)
        if rule is None and torch.Tag.pointwise in func.tags and not COMPARISONS.fullmatch(name):
            rule = _pointwise
        return self.operate(func, name, rule, args, kwargs or {})

    def operate(self, func: Callable, name: str, rule: Callable | None, args: tuple, kwargs: dict):
        """Answer an operation: its result without numbers, what it sees, its multiply-adds."""
        given = list(_tensors((args, kwargs)))
        for t in given:
            weight = isinstance(t, nn.Parameter) or (t.requires_grad and t.is_leaf)
            if weight and t._base is None and id(t) not in self.names:
                self.unowned[id(t)], self.names[id(t)] = t, {""}
        origins = [self.origins(t) for t in given]
        uses, before = set().union(*origins), [_tracks(t) for t in given]
        tracked = any(tracks is not None for tracks in before)
        operation = hasattr(func, "_overloadpacket")  # and no torch function
        view = operation and (func.is_view or torch.Tag.inplace_view in func.tags)
        view = view or name == "_unsafe_view"
        writes = name.endswith("_") and not view
        if not (tracked or uses or any(t.is_meta for t in given)):
            if writes:
                self.written.setdefault(id(given[0]), (given[0], given[0].clone()))
            return func(*args, **kwargs)  # masks, tables: nothing of the input, nothing of a weight
        on_meta = args, kwargs
        if not all(t.is_meta for t in given):
            on_meta = tree_map_only(Tensor, _on_meta, on_meta)
        outcome = rule(*on_meta[0], **on_meta[1]) if rule else None
        if outcome is False:
            shells = tree_map_only(Tensor, _shell, on_meta)
            func(*shells[0], **shells[1])  # raises
        macs = 0
        if outcome:
            shape, tracks, macs = outcome
            out, found = _meta(shape, given[0].dtype), [tracks]
            more = len(func._schema.returns) - 1 if operation else 0
            if more:  # indices; or statistics, which nobody looks at
                out = (out, *(_meta(shape, torch.int64) for _ in range(more)))
        elif not operation:
            return func(*args, **kwargs)
        elif writes:
            found = [() if tracked else None]
        elif view:
            out, found = self.view(func, *on_meta)
        else:
            with self:  # in inference mode, an operation may still consist of others
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
            out, found, macs = self.by_torch(func, name, *on_meta, tracked, uses)
        if writes:
            out = given[0]
            if found[0] != before[0]:
                self.mark(out, found[0])
                if out._base is not None:  # a part of it sees something else now
                    self.mark(out._base, ())
                    found = [()]
        else:
            for result, tracks in zip(_tensors(out), found, strict=False):
                result._tracks, result._origins = tracks, set() if tracked else uses
        if () in found and any(before):
            end = f"no receptive field from {self.where} on"
            self.note(f"{end}: what its units see is not followed")
        if macs or (tracked and not view and not QUIET.fullmatch(name)):
            self.open.operations += 1
            self.open.uses |= uses
        if macs:
            kind = "linear" if any(origins[-2:]) else "product of activations"
            kind = "convolution" if name == "convolution" else kind
            self.open.macs[kind] = self.open.macs.get(kind, 0) + macs
        return out

    def origins(self, t: Tensor) -> set[str]:
        """The parameters that a tensor is, is a view of, or was computed from without the input."""
        own = getattr(t, "_origins", None) or self.names.get(id(t))
        return own or self.names.get(id(t._base), set())

    def view(self, func, args: tuple, kwargs: dict) -> tuple:
        """A view, and its tracks: those of the same view of a contiguous tensor."""
        tracks, shape, twin = _tracks(args[0]), args[0].shape, None
        if not args[0].is_contiguous():
            twin = func(_meta(shape, args[0].dtype), *args[1:], **kwargs)
        out = func(*args, **kwargs)
        return out, [_viewed(tracks, shape, t) for t in _tensors(out if twin is None else twin)]

    def by_torch(
        self, func, name: str, args: tuple, kwargs: dict, tracked: bool, uses: set
    ) -> tuple:
        """Let torch's meta kernel and its formula do what has no closed form here."""
        from torch.utils.flop_counter import flop_registry  # costs time, and is seldom needed

        formula, operands = flop_registry.get(func._overloadpacket), list(_tensors((args, kwargs)))
        out = func(*args, **kwargs)
        results = list(_tensors(out))
        if torch.Tag.pointwise in func.tags or name in POINTWISE:
            known = [(t, _tracks(t)) for t in operands]
            return out, [_joined(known, results[0].shape)], 0
        harmless = HARMLESS_TAGS & set(func.tags) or HARMLESS.match(name)
        if formula is None and not harmless and (tracked or uses):
            self.note(f"aten.{name} (in {self.where}): its multiply-adds are not counted")
        lost = tracked and not name.endswith("_like") and not name.startswith("new_")
        macs = formula(*args, **kwargs, out_val=out) // 2 if formula else 0
        return out, [() if lost else None] * len(results), macs

    @property
    def where(self) -> str:
        return self.open.row.name or self.open.row.kind

    def note(self, text: str) -> None:
        self.notes[text] = None  # once

    def mark(self, tensor: Tensor, tracks: Tracks) -> None:
        tensor._tracks = tracks
        self.marked.append(tensor)

    def explain(self, error: Exception, row: Row, args: tuple) -> None:
        if self.failed:  # an inner layer has said it
            return
        self.failed = True
        shapes = ", ".join(str(tuple(t.shape)) for t in _tensors(args))
        where = f"layer {row.name!r} ({row.kind})" if row.name else row.kind
        error.add_note(f"ledger: raised in {where}, called with a tensor of shape {shapes}")
        if "meta" in str(error):
            error.add_note(
                "ledger: the forward pass runs on shapes alone, so a model that looks at the "
                "numbers of a tensor cannot be followed"
            )


def _is_leaf(module: nn.Module) -> bool:
    """Whether a module is one row: no children, or none whose forward is called (torch's
    parametrisations, and the projection in its attention)."""
    inside = {name for name, _ in module.named_children()} - {"parametrizations"}
    return not inside or isinstance(module, nn.MultiheadAttention)


def hooks_of(module: nn.Module) -> list[Callable]:
    """Forward hooks of a module that are not torch's own (as those of weight_norm are)."""
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
    return [hook for hook in hooks if not hook.__module__.startswith("torch.")]


def _follow(model: nn.Module, shape: tuple[int, ...]) -> _Recorder:
    """Run the forward pass on one image without numbers, a batch of 1."""
    recorder = _Recorder(model)
    dtypes = [p.dtype for p in model.parameters() if p.is_floating_point()]
    image = _meta((1, *shape), dtypes[0] if dtypes else None)
    image._tracks = tuple(Track(frozenset([a]), n) for a, n in enumerate(image.shape) if a >= 2)
    random = torch.random.fork_rng(devices=[])
    with random, torch.no_grad(), _watched(model, recorder), _Functions(recorder), recorder:
        model(image)
    return recorder


@contextmanager
def _watched(model: nn.Module, recorder: _Recorder) -> Iterator[None]:
    """Put meta tensors where the model has parameters and buffers, hand the calls of its modules to
    the recorder, and put all back as it was at the end: attributes, and what lists and dictionaries
    among them hold. The model's own tensors are not read, written or copied.

    Hooks of others than torch are not run: they would keep tensors without numbers.
    """
    modules = dict(model.named_modules())
    stores = [vars(module) for module in modules.values()]
    stores += [part for s in stores for part in s.values() if isinstance(part, (dict, list))]
    before = [(store, store.copy()) for store in stores]
    hooks, owned = 0, recorder.names
    try:
        for path, module in modules.items():
            for tensors in (module._parameters, module._buffers):
                for name, tensor in tensors.items():
                    if tensor is not None and (tensors is module._buffers or id(tensor) in owned):
                        tensors[name] = _meta(tensor.shape, tensor.dtype)
                        tensors[name]._origins = owned.get(id(tensor), set())
            yours = hooks_of(module)
            hooks += len(yours)
            for kind in ("_forward_hooks", "_forward_pre_hooks") if yours else ():
                kept = {key: h for key, h in vars(module)[kind].items() if h not in yours}
                vars(module)[kind] = kept
            vars(module)["forward"] = partial(recorder.call, path, module, module.forward)
        if hooks:
            recorder.note(
                f"{hooks} forward hook{'s' * (hooks > 1)} of yours did not run: what a hook keeps "
                "stays as it was, and what it computes is not counted"
            )
        yield
    finally:
        for tensor, value in recorder.written.values():
            tensor.copy_(value)
        for tensor in recorder.marked:
            vars(tensor).pop("_tracks", None)
        for store, content in before:
            store.clear()
            store.extend(content) if isinstance(store, list) else store.update(content)


# --------------------------------------------------------------------------------------------------
# From steps to rows


def _rows(model: nn.Module, steps: list[_Step]) -> list[Row]:
    """One row per step, then one for each leaf module that has parameters and was not used.

    A parameter is counted in the first call of the leaf module that has it; else in the first
    function that used it; else its module is listed as unused.
    """
    owner_of = {step.row.name: step for step in reversed(steps) if step.leaf}
    user_of = {parameter: step for step in reversed(steps) for parameter in step.uses}
    counts, unused = dict.fromkeys(map(id, steps), 0), {}
    for path, parameter in model.named_parameters():
        owner = path.rpartition(".")[0].partition(".parametrizations")[0]
        if step := owner_of.get(owner) or user_of.get(path):
            counts[id(step)] += parameter.numel()
        else:
            unused[owner] = unused.get(owner, 0) + parameter.numel()
    found = [(replace(step.row, parameters=counts[id(step)]), step.module) for step in steps]
    for path, number in unused.items():
        kind = type(model.get_submodule(path)).__name__
        category = "convolution" if "Conv" in kind else "linear" if kind == "Linear" else "other"
        category = "normalisation" if "Norm" in kind else category
        found.append((Row(path, kind, parameters=number, category=category), path))
    rows, nested = [], _nested(model)
    for row, path in found:
        row = replace(row, name=row.name or type(model).__name__)
        rows.append(replace(row, block=_block_of(row, path, nested, rows[-1] if rows else None)))
    return rows


def _one_or_all(values: tuple):
    return (values[0] if len(set(values)) == 1 else values) if values else None


def _nested(model: nn.Module) -> set[str]:
    """Paths of containers that hold nothing but containers."""
    containers = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return {
        path
        for path, module in model.named_modules()
        if isinstance(module, containers)
        and len(module)
        and all(isinstance(child, containers) for child in module.children())
    }


def _block_of(row: Row, path: str, nested: set[str], before: Row | None) -> str:
    """Name the block of a row: a child of the model, or a stage where a child is in `nested`.

    What the model's own forward does (an addition, a ReLU) belongs to the block before it. So does
    a child that is no more than an activation or a normalisation, or hands on what it gets.
    """
    depth, parts = 1, path.split(".")
    while depth < len(parts) and ".".join(parts[:depth]) in nested:
        depth += 1
    if before and row.output_shape and "." not in path:
        same = before.output_shape and prod(row.output_shape) == prod(before.output_shape)
        if row.category in ("activation", "normalisation") or (row.category == "other" and same):
            return before.block
    return ".".join(parts[:depth]) or (before.block if before else row.name)


def _block(name: str, rows: list[Row]) -> Row:
    last = ([row for row in rows if row.output_shape is not None] or rows)[-1]
    costs = {
        cost: sum(getattr(row, cost) for row in rows)
        for cost in ("parameters", "macs", "activations")
    }
    return replace(last, name=name, kind=f"{len(rows)}", call=1, layers=len(rows), **costs)


def _notes(model: nn.Module, followed: _Recorder, rows: list[Row]) -> list[str]:
    """What a reader of the table must know: sharing, what was not used, what is uncertain."""
    notes = []
    if products := sum(step.macs.get("product of activations", 0) for step in followed.steps):
        notes.append(f"{products:,} of the MACs are products of two activations, not of a weight")
    if unused := [row for row in rows if row.output_shape is None]:
        mode = "training" if model.training else "evaluation"
        names = ", ".join(row.name for row in unused[:4])
        names += f" and {len(unused) - 4} more" if len(unused) > 4 else ""
        total = sum(row.parameters for row in unused)
        notes.append(f"not used in this forward pass ({mode} mode): {names}; {total:,} parameters")
    for row in rows:
        times = followed.calls.get(row.name, 0)
        if times > 1 and row.call == 1 and row.parameters:
            notes.append(
                f"{row.name} is called {times} times: its parameters count once, its MACs each time"
            )
    first: dict[int, str] = {}
    for path, parameter in model.named_parameters(remove_duplicate=False):
        if first.setdefault(id(parameter), path) != path:
            notes.append(f"{path} is the same tensor as {first[id(parameter)]}: counted once")
    return [*notes, *followed.notes]


# --------------------------------------------------------------------------------------------------
# Tables. In HTML with headings for screen readers; a bar behind a number is its share.

_HEADS = ["layer", "kind", "output", "parameters", "MACs", "activations", "field", "stride"]
_HTML_HEADS = ["Kind", "Output (C×H×W)", "Parameters", "MACs", "Activations", "Receptive field"]
_CELL = "padding:.15em .6em;white-space:nowrap;text-align:"


def _shape(shape: tuple[int, ...] | None) -> str:
    return "not used" if shape is None else "×".join(map(str, shape)) or "1"


def _extent(value: int | tuple[int, ...] | None) -> str:
    values = value if isinstance(value, tuple) else (value,)
    return "–" if value is None else "×".join(f"{n:,}" for n in values)


def _cells(row: Row) -> list[str]:
    costs = (f"{number:,}" for number in (row.parameters, row.macs, row.activations))
    extents = _extent(row.receptive_field), _extent(row.stride)
    return [row.label, row.kind, _shape(row.output_shape), *costs, *extents]


def _totals(label: str, one: Ledger) -> list[str]:
    return [label, "", "", f"{one.parameters:,}", f"{one.macs:,}", f"{one.activations:,}", "", ""]


def _text(one: Ledger) -> str:
    rows = [_HEADS, *map(_cells, one.rows), _totals("total", one)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = "  ".join(f"{{:{'<' if i < 2 else '>'}{width}}}" for i, width in enumerate(widths))
    heads, *lines = (form.format(*row).rstrip() for row in rows)
    title = f"{one.name} on {_shape(one.input_shape)} ({CONVENTION})"
    rule = "-" * max(map(len, [heads, *lines]))
    return "\n".join([title, heads, rule, *lines, *(f"note: {note}" for note in one.notes)])


def _th(text: str, scope: str, align: str = "left", span: str = "") -> str:
    return f'<th scope="{scope}"{span} style="{_CELL}{align}">{html.escape(text)}</th>'


def _tr(cells: Sequence[str], shares: Sequence[float], kind: str = "left") -> str:
    """A row of a table; `shares` of parameters and MACs from 0 to 1 draw a bar under the number."""
    data = ""
    for i, cell in enumerate(cells[1:]):
        style = f"{_CELL}{'right' if i else kind}"
        if share := dict(enumerate(shares, 2)).get(i, 0):
            width = max(1, round(100 * share))  # in whole percent: equal on every machine
            style += f";background:linear-gradient(to left,#56B4E955 {width}%,transparent {width}%)"
        data += f'<td style="{style}">{html.escape(cell)}</td>'
    return f"<tr>{_th(cells[0], 'row')}{data}</tr>"


def _percent(part: int, total: int) -> str:
    """0 and 100 for nothing and all, never for what is only nearly that."""
    if not part or part == total:
        return "100 %" if part else "0 %"
    percent = 100 * part / total
    return "< 0.1 %" if percent < 0.1 else f"{min(percent, 99.9):.1f} %"


def _html(one: Ledger) -> str:
    caption = f"<b>{html.escape(one.name)}</b> on {_shape(one.input_shape)}. {CONVENTION}."
    foot = _tr(_totals("Total", one), (), "right")

    def tr(row: Row) -> str:
        return _tr(
            _cells(row), (row.parameters / (one.parameters or 1), row.macs / (one.macs or 1))
        )

    def table(heads: list[str], body: str) -> str:
        top = (_th(head, "col", "left" if i < 2 else "right") for i, head in enumerate(heads))
        return (
            '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">'
            f'<caption style="text-align:left">{caption}</caption>'
            f"<thead><tr>{''.join(top)}</tr></thead>{body}<tfoot>{foot}</tfoot></table>"
        )

    body = ""
    for block in one.blocks():
        heading = ""
        if block.layers > 1:
            sums = (
                f"{block.name}: {_percent(block.parameters, one.parameters)} of the parameters, "
                f"{_percent(block.macs, one.macs)} of the MACs"
            )
            cell = _th(sums, "rowgroup", span=' colspan="8"')
            heading = f'<tr style="border-top:1px solid #C9CED6">{cell}</tr>'
        rows = "".join(tr(row) for row in one.rows if row.block == block.name)
        body += f"<tbody>{heading}{rows}</tbody>"
    shown = table(["Layer", *_HTML_HEADS, "Stride"], body)
    if len(one) > FOLD_ROWS:
        blocks = f"<tbody>{''.join(map(tr, one.blocks()))}</tbody>"
        short = table(["Block", "Layers", *_HTML_HEADS[1:], "Stride"], blocks)
        shown = f"{short}<details><summary>All {len(one)} layers</summary>{shown}</details>"
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in one.notes)
    return f"<div>{shown}{f'<ul>{notes}</ul>' if notes else ''}</div>"
