"""The model's own forward pass, followed without numbers: what each layer puts out and costs.

In inference mode torch hands every operation to a TorchDispatchMode as the model wrote it, `linear`
or `add`; what has no closed form is then taken apart into those it consists of.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch._C import DispatchKey, _dispatch_has_kernel_for_dispatch_key
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import flop_registry

from course_utils.ledger.operations import Field, Fields, joined, rule_for, tensors, viewed

FORMULAS = {operation.__name__.strip("_"): flops for operation, flops in flop_registry.items()}
CATEGORIES = {  # by the names of operations
    "normalisation": "norm",
    "pooling": "pool|mean",
    "activation": "relu|elu$|sigmoid|tanh|silu|mish|softplus|softsign|swish|softmax",
}
# Hands on, rearranges or only takes the shape: no row of its own outside of leaf modules.
QUIET = "to_copy|clone|index|lift.*|.*_like|new_.*|unsafe_view"
# Of two tensors, and no products: their numbers are put side by side, written, chosen or scaled.
NO_PRODUCTS = "copy|stack|cat|index|scatter|masked|norm|relu|dropout"
COMPOSITE = DispatchKey.CompositeImplicitAutograd


@dataclass
class Row:
    """A layer: a call of a module without children, or an operation in a module's own forward. Or
    the sum over the `layers` of a block, with the output of the last of them.

    `name`: dotted path; `call`: 2 for the second call of the same module, and so on.
    `kind`: class of the module, or name of the operation. `category`: "convolution", "linear",
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


@dataclass
class Step:
    """A row in the making: a call of the leaf module at `path`, or an operation in the forward of
    the module there. `said`: names of its operations; `weights`: of the parameters they use."""

    row: Row
    path: str
    leaf: bool = False
    counts: bool = False  # whether there was something to count
    said: list[str] = field(default_factory=list)
    macs: Counter[str] = field(default_factory=Counter)  # by category
    weights: set[str] = field(default_factory=set)


def _one_or_all(values: list):
    return (values[0] if len(set(values)) == 1 else tuple(values)) if values else None


class Follower(TorchDispatchMode):
    """Sees every operation of a forward pass, and answers it with tensors of the meta device.

    They have `fields` and `weights`: the names of the parameters they were computed from, without
    the input. Other tensors, such as parameters, have a twin of this kind.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.notes: dict[str, None] = {}
        self.calls: Counter[str] = Counter()
        self.modules = [""]  # paths of those that run
        self.open: Step | None = None  # what operations count for
        self.unowned: dict[int, Tensor] = {}  # weights met that model.parameters() does not have
        self.names = {id(p): name for name, p in model.named_parameters()}
        self.twins: dict[int, tuple[Tensor, Tensor]] = {}
        self.written: dict[int, tuple[Tensor, Tensor]] = {}  # real tensors, and what they held
        self.lost = False  # what units see is not followed any more

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would import its compiler for that, which takes half a second

    def call(self, path: str, module: nn.Module, forward: Callable, /, *args, **kwargs):
        """Run the forward of one module, as a row if it is a leaf."""
        # A leaf has no children, or none whose forward is called (torch's parametrisations, and the
        # projection in its attention).
        inside = {name for name, _ in module.named_children()} - {"parametrizations"}
        leaf = not inside or isinstance(module, nn.MultiheadAttention)
        step = Step(Row(path, type(module).__name__), path, leaf, counts=leaf)
        self.modules.append(path)
        try:
            return self.row(step if leaf else None, forward, args, kwargs)
        except Exception as error:
            _explain(error, step.row, args)
            raise
        finally:
            self.modules.pop()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run one operation, as a row if it is outside of leaf modules and does something."""
        name, module = func._opname.strip("_"), self.modules[-1]
        step = self.open or Step(Row(f"{module}.{name}".lstrip("."), name), module)
        step.said.append(name)
        return self.row(step, lambda *a, **k: self.answer(func, name, a, k), args, kwargs or {})

    def row(self, step: Step | None, function: Callable, args: tuple, kwargs: dict):
        """Run what counts for the open step, or else for this one, which then is a row."""
        outer, self.open = self.open, self.open or step
        try:
            out = function(*args, **kwargs)
        finally:
            self.open = outer
        if step and step.counts and not outer:
            self.close(step, out, (args, kwargs))
        return out

    def close(self, step: Step, out, inputs) -> None:
        """Fill in a row. A view of an input, or the input itself, is nothing new in memory."""
        row, old, results = step.row, {_memory(t) for t in tensors(inputs)}, tensors(out)
        self.calls[row.name] += 1
        row.call, row.macs = self.calls[row.name], step.macs.total()
        row.activations = sum(t.numel() for t in results if _memory(t) not in old)
        if results:
            row.output_shape = tuple(results[0].shape[1:])
            fields = self.twin(results[0]).fields or ()
            row.receptive_field = _one_or_all([field.size for field in fields])
            row.stride = _one_or_all([field.stride for field in fields])
        # Where the multiply-adds are, else what its first operation with a category is; torch has
        # none for local response normalisation.
        said = ["norm"] * ("Norm" in row.kind) + step.said
        found = [what for name in said for what, of in CATEGORIES.items() if re.search(of, name)]
        row.category = max(step.macs, key=step.macs.get, default=[*found, "other"][0])
        self.steps.append(step)

    def answer(self, func, name: str, args: tuple, kwargs: dict):
        """The result of an operation without numbers, with what it sees and its multiply-adds."""
        given = tensors((args, kwargs))
        twins = [self.twin(t) for t in given]
        tracked = any(t.fields is not None or self.lost for t in twins)
        weights = frozenset().union(*(t.weights for t in twins))
        view = func.is_view or torch.Tag.inplace_view in func.tags or name == "unsafe_view"
        writes = func._schema.is_mutable and func._opname.endswith("_") and not view
        if not (tracked or weights or any(t.is_meta for t in given)):
            if writes:
                self.written.setdefault(id(given[0]), (given[0], given[0].clone()))
            return func(*args, **kwargs)  # masks, tables: nothing of the input, nothing of a weight
        args, kwargs = tree_map_only(Tensor, self.twin, (args, kwargs))
        rule = rule_for(func, name) if "out" not in kwargs else None
        if outcome := rule and rule(*args, **kwargs):
            # What else comes out are indices; or statistics, which nobody looks at.
            dtypes = [twins[0].dtype, *[torch.int64] * (len(func._schema.returns) - 1)]
            out, found = tuple(_meta(outcome[0], dtype) for dtype in dtypes), [outcome[1]]
            out = out if len(out) > 1 else out[0]
        elif view:
            x, shape = args[0], args[0].shape
            like = x.fields and name != "as_strided"  # the same view of a contiguous tensor
            plain = tensors(func(_meta(shape, x.dtype), *args[1:], **kwargs)) if like else []
            out, x.shared = func(*args, **kwargs), True
            found = [viewed(x.fields, shape, one) for one in plain] or [x.fields and ()]
        elif _dispatch_has_kernel_for_dispatch_key(func.name(), COMPOSITE):
            with self:
                return func._op_dk(COMPOSITE, *args, **kwargs)
        elif writes:
            found = [() if tracked else None]
        else:
            out, found = func(*args, **kwargs), [_behind(func, name, twins, tracked)]
        if writes:
            out = args[0]
            self.lost |= out.shared and found[0] != out.fields  # views of it see something else now
        for i, result in enumerate(tensors(out)):
            shared = view or (writes and result.shared)
            self.own(result, found[i % len(found)], frozenset() if tracked else weights, shared)
        if (self.lost or () in found) and any(t.fields for t in twins):
            self.note("no receptive field from {} on: what its units see is not followed")
        if name in FORMULAS:
            kind = "linear" if any(t.weights for t in twins[-2:]) else "product of activations"
            kind = name if name == "convolution" else kind
            self.open.macs[kind] += FORMULAS[name](*args, **kwargs, out_val=out) // 2
        elif not (rule or view) and _may_multiply(func, name, given):
            self.note(f"aten.{func._opname} (in {{}}): its multiply-adds are not counted")
        if name in FORMULAS or (tracked and not view and not re.fullmatch(QUIET, name)):
            self.open.counts = True
            self.open.weights |= weights
        return out

    def twin(self, tensor: Tensor) -> Tensor:
        """The tensor itself if this pass made it; else one in its place, without numbers."""
        if hasattr(tensor, "fields"):
            return tensor
        if id(tensor) not in self.twins:
            name = self.names.get(id(tensor), "")
            weight = isinstance(tensor, nn.Parameter) or (tensor.requires_grad and tensor.is_leaf)
            if weight and not name:
                self.unowned[id(tensor)] = tensor
            with torch.inference_mode(False):  # torch wants views of it to be of its own kind
                twin = _meta(tensor.shape, tensor.dtype)
            self.own(twin, None, frozenset([name] if name or weight else []), shared=True)
            self.twins[id(tensor)] = tensor, twin
        return self.twins[id(tensor)][1]

    def own(self, tensor: Tensor, fields: Fields, weights: frozenset[str], shared: bool) -> None:
        tensor.fields, tensor.weights = () if fields and self.lost else fields, weights
        tensor.shared = shared  # its memory, with a view or a tensor that is not ours

    def note(self, text: str) -> None:
        self.notes[text.format(self.open.row.name or self.open.row.kind)] = None  # once


def _memory(tensor: Tensor) -> int:
    """What tells one piece of memory from another; views of a tensor share it."""
    return tensor.untyped_storage()._cdata


def _meta(shape: Iterable[int], dtype: torch.dtype | None) -> Tensor:
    # torch.empty_like would do the same and import sympy for it, which takes half a second.
    return torch.empty(tuple(shape), dtype=dtype, device="meta")


def _behind(func, name: str, operands: list[Tensor], tracked: bool) -> Fields:
    """Fields behind an operation without a closed form."""
    if not tracked or name.endswith("_like") or name.startswith("new_"):
        return None
    if name.endswith(("layer_norm", "group_norm")):
        return operands[0].fields
    if torch.Tag.pointwise not in func.tags and name not in ("to_copy", "prelu_kernel"):
        return ()
    shape = torch.broadcast_shapes(*(t.shape for t in operands))
    return joined(shape, [(t, t.fields) for t in operands])


def _may_multiply(func, name: str, operands: list[Tensor]) -> bool:
    """Whether an operation without a formula might do multiply-adds: it needs two tensors."""
    harmless = torch.Tag.pointwise in func.tags or re.search(NO_PRODUCTS, name)
    return not harmless and sum(t.dim() > 0 and t.is_floating_point() for t in operands) > 1


def _explain(error: Exception, row: Row, args: tuple) -> None:
    if hasattr(error, "__notes__"):  # an inner layer has said it
        return
    shapes = ", ".join(str(tuple(t.shape)) for t in tensors(args))
    where = f"layer {row.name!r} ({row.kind})" if row.name else row.kind
    error.add_note(
        f"ledger: raised in {where}, called with a tensor of shape {shapes}, the first of which is "
        "a batch of one image: input_shape comes without it"
    )
    if "meta" in str(error):
        error.add_note(
            "ledger: the forward pass runs on shapes alone, so a model that looks at the numbers "
            "of a tensor cannot be followed"
        )


def hooks_of(module: nn.Module) -> list[Callable]:
    """Forward hooks of a module that are not torch's own (as those of weight_norm are)."""
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
    return [hook for hook in hooks if not hook.__module__.startswith("torch.")]


def follow(model: nn.Module, shape: tuple[int, ...]) -> Follower:
    """Run the forward pass on one image without numbers, a batch of 1.

    At the end all is put back as it was: attributes, and what lists and dictionaries among them
    hold. Weights are not read or copied. Hooks of others than torch are not run: they would keep
    tensors without numbers.
    """
    follower, modules, hooks = Follower(model), dict(model.named_modules()), 0
    stores = [vars(module) for module in modules.values()]
    stores += [part for s in stores for part in s.values() if isinstance(part, (dict, list))]
    before = [(store, store.copy()) for store in stores]
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        try:
            for path, module in modules.items():
                hooks += len(yours := hooks_of(module))
                for kept in (module._forward_hooks, module._forward_pre_hooks):
                    for key in [key for key, hook in kept.items() if hook in yours]:
                        del kept[key]
                vars(module)["forward"] = partial(follower.call, path, module, module.forward)
            if hooks:
                follower.notes[
                    f"{hooks} forward hook{'s' * (hooks > 1)} of yours did not run: what a hook "
                    "keeps stays as it was, and what it computes is not counted"
                ] = None
            with follower:
                image = _meta((1, *shape), dtype)
                fields = (Field(axis, n) for axis, n in enumerate(image.shape) if axis >= 2)
                follower.own(image, tuple(fields), frozenset(), shared=True)
                model(image)
        finally:
            for tensor, value in follower.written.values():
                tensor.copy_(value)
            for store, content in before:
                store.clear()
                store.extend(content) if isinstance(store, list) else store.update(content)
    return follower
