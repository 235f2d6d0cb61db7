"""The model's own forward pass, followed without numbers: what each layer puts out and costs.

In inference mode torch hands every operation to a TorchDispatchMode as the model wrote it, `linear`
or `add`; what has no closed form is then taken apart into those it consists of.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch._C import DispatchKey, _dispatch_has_kernel_for_dispatch_key
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import flop_registry

from course_utils.ledger.operations import RULES, Field, Fields, joined, tensors, viewed

FORMULAS = {operation.__name__.strip("_"): flops for operation, flops in flop_registry.items()}
CATEGORIES = {  # by the names of operations
    "normalisation": re.compile(r"(batch|layer|group|instance)_norm"),
    "pooling": re.compile(r"(adaptive_)?(max|avg)_pool\dd|mean"),
    "activation": re.compile(
        "relu6?|sigmoid|tanh|[gcs]?elu|silu|leaky_relu|prelu|softplus|softsign|mish|hardtanh|"
        "hardswish|hardsigmoid|log_sigmoid|(log_)?softmax"
    ),
}
# Hands on, rearranges or only takes the shape: no row of its own outside of leaf modules.
QUIET = re.compile("to_copy|clone|index|lift.*|.*_like|new_.*|unsafe_view")
# Of two tensors, and no products: their numbers are put side by side, written, chosen or scaled.
NO_PRODUCTS = re.compile(".*(copy|stack|cat|index|scatter|masked|norm|prelu|rrelu|dropout).*")
LOST = "no receptive field from {} on: what its units see is not followed"
COMPOSITE = DispatchKey.CompositeImplicitAutograd


@dataclass
class Step:
    """A row in the making: a call of a leaf module, or an operation in the forward of others.

    `module`: path of the module. `said`: names of its operations. `weights`: names of parameters.
    """

    name: str
    kind: str
    module: str
    leaf: bool
    call: int = 1
    said: list[str] = field(default_factory=list)
    counts: bool = False
    macs: Counter[str] = field(default_factory=Counter)  # by category
    weights: set[str] = field(default_factory=set)
    output_shape: tuple[int, ...] | None = None
    activations: int = 0
    fields: Fields = None

    @property
    def category(self) -> str:
        """Where the multiply-adds are, else what its first operation with a category is."""
        if self.macs:
            return max(self.macs, key=self.macs.get)
        if "Norm" in self.kind:  # torch has no operation for local response normalisation
            return "normalisation"
        if not self.said:  # not used
            return {"Conv": "convolution", "Line": "linear"}.get(self.kind[:4], "other")
        said = ((name, what) for name in self.said for what in CATEGORIES)
        return next((what for name, what in said if CATEGORIES[what].fullmatch(name)), "other")


class Follower(TorchDispatchMode):
    """Sees every operation of a forward pass, and answers it with tensors of the meta device.

    They have `fields` and `weights`: the names of the parameters they were computed from, without
    the input. Other tensors, such as parameters, have a twin of this kind.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.modules = [""]  # paths of those that run
        self.open: Step | None = None  # what operations count for
        self.notes: dict[str, None] = {}
        self.calls: Counter[str] = Counter()
        self.unowned: dict[int, Tensor] = {}  # weights met that model.parameters() does not have
        self.names = {id(p): name for name, p in model.named_parameters()}
        self.twins: dict[int, tuple[Tensor, Tensor]] = {}
        self.written: dict[int, tuple[Tensor, Tensor]] = {}  # real tensors, and what they held
        self.memory: dict[int, int] = {}  # of a twin: the memory of the tensor in whose place it is
        self.sharing: dict[int, list[Tensor]] = defaultdict(list)  # by the memory they share

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would import its compiler for that, which takes half a second

    def call(self, path: str, module: nn.Module, forward: Callable, /, *args, **kwargs):
        """Run the forward of one module, as a row if it is a leaf."""
        step = Step(path, type(module).__name__, path, _is_leaf(module))
        outer = self.open
        self.open = outer or (step if step.leaf else None)
        self.modules.append(path)
        try:
            out = forward(*args, **kwargs)
        except Exception as error:
            _explain(error, step, args)
            raise
        finally:
            self.modules.pop()
            self.open = outer
        if step.leaf and not outer:
            self.close(step, out, (args, kwargs))
        return out

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run one operation, as a row if it is outside of leaf modules and does something."""
        name, module, outer = func._opname.strip("_"), self.modules[-1], self.open
        step = self.open = outer or Step(f"{module}.{name}".lstrip("."), name, module, leaf=False)
        step.said.append(name)
        try:
            out = self.answer(func, name, args, kwargs or {})
        finally:
            self.open = outer
        if step.counts and not outer:
            self.close(step, out, (args, kwargs))
        return out

    def close(self, step: Step, out, inputs) -> None:
        """Note what came out. A view of an input, or the input itself, is nothing new in memory."""
        self.calls[step.name] += 1
        step.call = self.calls[step.name]
        self.steps.append(step)
        if results := list(tensors(out)):
            old = {_memory(t) for t in tensors(inputs)}
            step.output_shape = tuple(results[0].shape[1:])
            step.activations = sum(t.numel() for t in results if _memory(t) not in old)
            step.fields = self.twin(results[0]).fields

    def answer(self, func, name: str, args: tuple, kwargs: dict):
        """The result of an operation without numbers, with what it sees and its multiply-adds."""
        given = list(tensors((args, kwargs)))
        twins = [self.twin(t) for t in given]
        tracked = any(t.fields is not None for t in twins)
        weights = frozenset().union(*(t.weights for t in twins))
        view = func.is_view or torch.Tag.inplace_view in func.tags or name == "unsafe_view"
        writes = func._schema.is_mutable and func._opname.endswith("_") and not view
        if not (tracked or weights or any(t.is_meta for t in given)):
            if writes:
                self.written.setdefault(id(given[0]), (given[0], given[0].clone()))
            return func(*args, **kwargs)  # masks, tables: nothing of the input, nothing of a weight
        args, kwargs = tree_map_only(Tensor, self.twin, (args, kwargs))
        rule = RULES.get(name) if "out" not in kwargs else None
        if outcome := rule and rule(*args, **kwargs):
            # What else comes out are indices; or statistics, which nobody looks at.
            dtypes = [twins[0].dtype, *[torch.int64] * (len(func._schema.returns) - 1)]
            out, found = tuple(_meta(outcome[0], dtype) for dtype in dtypes), [outcome[1]]
            out = out if len(out) > 1 else out[0]
        elif view:
            out, found = _view(func, name, args, kwargs)
        elif _dispatch_has_kernel_for_dispatch_key(func.name(), COMPOSITE):
            with self:
                return func._op_dk(COMPOSITE, *args, **kwargs)
        elif writes:
            found = [() if tracked else None]
        else:
            out, found = func(*args, **kwargs), [_behind(func, name, twins, tracked)]
        if writes:
            out = args[0]
            self.overwrite(out, found[0])
        for i, result in enumerate(tensors(out)):
            self.own(result, found[min(i, len(found) - 1)], weights if not tracked else frozenset())
        if () in found and any(t.fields for t in twins):
            self.note(LOST)
        formula = FORMULAS.get(name)
        if macs := formula(*args, **kwargs, out_val=out) // 2 if formula else 0:
            kind = "linear" if any(t.weights for t in twins[-2:]) else "product of activations"
            self.open.macs["convolution" if name == "convolution" else kind] += macs
        elif not (rule or view) and _may_multiply(func, name, given):
            self.note(f"aten.{func._opname} (in {{}}): its multiply-adds are not counted")
        if macs or (tracked and not view and not QUIET.fullmatch(name)):
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
            self.memory[_memory(twin)] = _memory(tensor)
            self.own(twin, None, frozenset([name] if name or weight else []))
            self.twins[id(tensor)] = tensor, twin
        return self.twins[id(tensor)][1]

    def own(self, tensor: Tensor, fields: Fields, weights: frozenset[str]) -> None:
        tensor.fields, tensor.weights = fields, weights
        self.sharing[self.memory.get(_memory(tensor), _memory(tensor))].append(tensor)

    def overwrite(self, tensor: Tensor, fields: Fields) -> None:
        """What shares memory with a tensor that now sees something else is not followed."""
        for other in self.sharing[self.memory.get(_memory(tensor), _memory(tensor))]:
            if tensor.fields != fields and other is not tensor:
                other.fields = ()
                self.note(LOST)

    def note(self, text: str) -> None:
        self.notes[text.format(self.open.name or self.open.kind)] = None  # once


def _memory(tensor: Tensor) -> int:
    """What tells one piece of memory from another; views of a tensor share it."""
    return tensor.untyped_storage()._cdata


def _meta(shape: Iterable[int], dtype: torch.dtype | None) -> Tensor:
    # torch.empty_like would do the same and import sympy for it, which takes half a second.
    return torch.empty(tuple(shape), dtype=dtype, device="meta")


def _view(func, name: str, args: tuple, kwargs: dict) -> tuple:
    """A view, and its fields: those of the same view of a contiguous tensor."""
    x, shape = args[0], args[0].shape
    plain = func(_meta(shape, x.dtype), *args[1:], **kwargs) if x.fields else ()
    out = func(*args, **kwargs)
    if not x.fields or name == "as_strided":
        return out, [x.fields and ()]
    return out, [viewed(x.fields, shape, view) for view in tensors(plain)]


def _behind(func, name: str, operands: list[Tensor], tracked: bool) -> Fields:
    """Fields behind an operation without a closed form."""
    if not tracked or name.endswith("_like") or name.startswith("new_"):
        return None
    if torch.Tag.pointwise not in func.tags and name not in ("to_copy", "prelu_kernel"):
        return ()
    shape = torch.broadcast_shapes(*(t.shape for t in operands))
    return joined(shape, [(t, t.fields) for t in operands])


def _may_multiply(func, name: str, operands: list[Tensor]) -> bool:
    """Whether an operation without a formula might do multiply-adds: it needs two tensors."""
    harmless = torch.Tag.pointwise in func.tags or NO_PRODUCTS.fullmatch(name)
    return not harmless and sum(t.dim() > 0 and t.is_floating_point() for t in operands) > 1


def _is_leaf(module: nn.Module) -> bool:
    """Whether a module is one row: no children, or none whose forward is called (torch's
    parametrisations, and the projection in its attention)."""
    inside = {name for name, _ in module.named_children()} - {"parametrizations"}
    return not inside or isinstance(module, nn.MultiheadAttention)


def _explain(error: Exception, step: Step, args: tuple) -> None:
    if hasattr(error, "__notes__"):  # an inner layer has said it
        return
    shapes = ", ".join(str(tuple(t.shape)) for t in tensors(args))
    where = f"layer {step.name!r} ({step.kind})" if step.name else step.kind
    error.add_note(f"ledger: raised in {where}, called with a tensor of shape {shapes}")
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
    """Run the forward pass on one image without numbers, a batch of 1."""
    follower = Follower(model)
    dtypes = [p.dtype for p in model.parameters() if p.is_floating_point()]
    random = torch.random.fork_rng(devices=[])
    with random, torch.inference_mode(), _watched(model, follower), follower:
        image = _meta((1, *shape), dtypes[0] if dtypes else None)
        fields = (Field(axis, n) for axis, n in enumerate(image.shape) if axis >= 2)
        follower.own(image, tuple(fields), frozenset())
        model(image)
    return follower


@contextmanager
def _watched(model: nn.Module, follower: Follower) -> Iterator[None]:
    """Hand the calls of a model's modules to the follower, and put all back as it was at the end:
    attributes, and what lists and dictionaries among them hold. Weights are not read or copied.

    Hooks of others than torch are not run: they would keep tensors without numbers.
    """
    modules = dict(model.named_modules())
    stores = [vars(module) for module in modules.values()]
    stores += [part for s in stores for part in s.values() if isinstance(part, (dict, list))]
    before, hooks = [(store, store.copy()) for store in stores], 0
    try:
        for path, module in modules.items():
            yours = hooks_of(module)
            hooks += len(yours)
            for kind in ("_forward_hooks", "_forward_pre_hooks") if yours else ():
                kept = {key: h for key, h in vars(module)[kind].items() if h not in yours}
                vars(module)[kind] = kept
            vars(module)["forward"] = partial(follower.call, path, module, module.forward)
        if hooks:
            follower.notes[
                f"{hooks} forward hook{'s' * (hooks > 1)} of yours did not run: what a hook keeps "
                "stays as it was, and what it computes is not counted"
            ] = None
        yield
    finally:
        for tensor, value in follower.written.values():
            tensor.copy_(value)
        for store, content in before:
            store.clear()
            store.extend(content) if isinstance(store, list) else store.update(content)
