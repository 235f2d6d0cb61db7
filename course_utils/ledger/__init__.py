"""Where the parameters and the multiply-adds of a network are, layer by layer.

    ledger(model, input_shape)     a row per layer, totals, and the same by block

What is counted (`CONVENTION` stands beside every table):

- MACs: one multiply-add of a convolution or linear weight, as torch's FlopCounterMode counts them
  (its total is twice this). Products of two activations (attention) are counted with a note.
- Parameters: every number in an `nn.Parameter`, once, trainable or not; buffers are not.
- Activations: the numbers in a layer's output, for one image; none for a layer that hands on its
  input, reshapes it or writes into it.
- Receptive field: the inputs from the first to the last that a unit sees on any path, borders
  ignored, so it may exceed the image. A dense layer after a flatten is a kernel over all that it
  sees. The statistics of normalisation are no path. Not given behind what resamples or rearranges
  maps, and a note says so. Stride: the product of strides, the distance of neighbouring fields.

The model runs its own forward pass, in the mode it is in, on tensors of torch's meta device, which
have a shape and no memory (`forward.py`). Usual operations have closed forms (`operations.py`),
torch's meta kernels do the rest; multiply-adds are those of `torch.utils.flop_counter`.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import prod
from operator import index

from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin

from course_utils.drawing.svg import share
from course_utils.ledger.forward import Follower, Row, Step, follow, hooks_of

__all__ = ["CONVENTION", "Ledger", "Row", "describe_unowned", "hooks_of", "ledger"]

CONVENTION = (
    "MAC = one multiply-add of a convolution or linear weight; biases, normalisation, pooling and "
    "activations are not counted"
)
HOW_TO_OWN = (
    "Keep layers in attributes of the model, nn.Sequential, nn.ModuleList or nn.ModuleDict, and "
    "single weights in nn.Parameter or nn.ParameterList."
)
COSTS = ("parameters", "macs", "activations")
FOLD_ROWS = 48  # a longer table is folded behind the table by block
GROUPS = ("convolution", "linear", "normalisation", "other")  # where parameters and MACs sit


class Ledger:
    """The table of one network: `rows`, totals, `blocks()`, and `notes` on what to be careful of,
    such as `unowned`: which weights are used and not the model's own. `print` shows it as text."""

    def __init__(self, name: str, input_shape: tuple, rows: Sequence[Row], notes=(), unowned=""):
        self.name, self.input_shape, self.rows = name, input_shape, tuple(rows)
        self.unowned = unowned
        self.notes = (*([f"{unowned}. {HOW_TO_OWN}"] if unowned else []), *notes)
        # Parameters once, MACs for one image. A layer, its normalisation and its ReLU each count
        # their activations: training keeps them all.
        self.parameters, self.macs, self.activations = _sums(self.rows)

    @property
    def units(self) -> int:
        """Outputs of convolution and dense layers only: the neurons that papers count."""
        return sum(r.activations for r in self.rows if r.category in ("convolution", "linear"))

    def blocks(self) -> tuple[Row, ...]:
        """Return the sums by block, in the order of the forward pass."""
        blocks = []
        for name in dict.fromkeys(row.block for row in self.rows):
            rows = [row for row in self.rows if row.block == name]
            last = ([row for row in rows if row.output_shape is not None] or rows)[-1]
            said = {"name": name, "kind": f"{len(rows)}", "call": 1, "layers": len(rows)}
            blocks.append(replace(last, **said, **dict(zip(COSTS, _sums(rows), strict=True))))
        return tuple(blocks)

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
        heads = ["layer", "kind", "output", "parameters", "MACs", "activations", "field", "stride"]
        rows = [heads, *map(_cells, self.rows), ["total", "", "", *_costs(self), "", ""]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        form = "  ".join(f"{{:{'<>'[i > 1]}{width}}}" for i, width in enumerate(widths))
        heads, *lines = (form.format(*row).rstrip() for row in rows)
        title = f"{self.name} on {_shape(self.input_shape)} ({CONVENTION})"
        rule = "-" * max(map(len, [heads, *lines]))
        return "\n".join([title, heads, rule, *lines, *(f"note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        blocks = self.blocks()
        bodies = [_body(self, [r for r in self.rows if r.block == one.name], one) for one in blocks]
        shown = _table(self, "Layer", "Kind", bodies)
        if len(self) > FOLD_ROWS:
            short = _table(self, "Block", "Layers", [_body(self, blocks)])
            shown = f"{short}<details><summary>All {len(self)} layers</summary>{shown}</details>"
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        return f"<div>{shown}{f'<ul>{notes}</ul>' if notes else ''}</div>"


# Tables, with headings for screen readers; a bar is a number's share.


def _sums(rows: Iterable[Row]) -> list[int]:
    return [sum(getattr(row, cost) for row in rows) for cost in COSTS]


def _costs(one: Row | Ledger) -> list[str]:
    return [f"{getattr(one, cost):,}" for cost in COSTS]


def _shape(shape: tuple[int, ...] | None) -> str:
    return "not used" if shape is None else "×".join(map(str, shape)) or "1"


def _extent(value: int | tuple[int, ...] | None) -> str:
    values = value if isinstance(value, tuple) else (value,)
    return "–" if value is None else "×".join(f"{n:,}" for n in values)


def _cells(row: Row) -> list[str]:
    extents = _extent(row.receptive_field), _extent(row.stride)
    return [row.label, row.kind, _shape(row.output_shape), *_costs(row), *extents]


def _cell(text: str, align: str, scope: str = "", more: str = "", span: str = "") -> str:
    tag, of = ("th", f' scope="{scope}"{span}') if scope else ("td", "")
    style = f"padding:.15em .6em;white-space:nowrap;text-align:{align}{more}"
    return f'<{tag}{of} style="{style}">{html.escape(text)}</{tag}>'


def _tr(cells: Sequence[str], shares: Sequence[float] = (0, 0), kind: str = "left") -> str:
    """A row of a table; `shares` of parameters and MACs from 0 to 1 draw a bar under the number."""
    data = [_cell(cells[0], "left", "row")]
    aligned = [kind] + ["right"] * 6
    for cell, part, align in zip(cells[1:], (0, 0, *shares, 0, 0, 0), aligned, strict=True):
        width = max(1, round(100 * part))  # in whole percent: equal on every machine
        bar = f";background:linear-gradient(to left,#56B4E955 {width}%,transparent {width}%)"
        data.append(_cell(cell, align, more=bar if part else ""))
    return f"<tr>{''.join(data)}</tr>"


def _body(one: Ledger, rows: Sequence[Row], block: Row | None = None) -> str:
    """Rows of a table, with the shares of their block as a heading if it has more than one."""
    heading, parameters, macs = "", one.parameters, one.macs
    if block and block.layers > 1:
        of = f"{share(block.parameters, parameters)} of the parameters"
        sums = f"{block.name}: {of}, {share(block.macs, macs)} of the MACs"
        cell = _cell(sums, "left", "rowgroup", span=' colspan="8"')
        heading = f'<tr style="border-top:1px solid #C9CED6">{cell}</tr>'
    shares = ((row.parameters / (parameters or 1), row.macs / (macs or 1)) for row in rows)
    return f"<tbody>{heading}{''.join(map(_tr, map(_cells, rows), shares))}</tbody>"


def _table(one: Ledger, first: str, second: str, bodies: list[str]) -> str:
    more = ["Output (C×H×W)", "Parameters", "MACs", "Activations", "Receptive field", "Stride"]
    heads = [_cell(head, "left", "col") for head in (first, second)]
    heads += [_cell(head, "right", "col") for head in more]
    foot = _tr(["Total", "", "", *_costs(one), "", ""], kind="right")
    caption = f"<b>{html.escape(one.name)}</b> on {_shape(one.input_shape)}. {CONVENTION}."
    return (
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">'
        f'<caption style="text-align:left">{caption}</caption>'
        f"<thead><tr>{''.join(heads)}</tr></thead>{''.join(bodies)}<tfoot>{foot}</tfoot></table>"
    )


def ledger(
    model: nn.Module, input_shape: Sequence[int] = (3, 224, 224), *, name: str | None = None
) -> Ledger:
    """Count a network layer by layer, without computing anything and without copying its weights.

    `model`: any nn.Module whose forward takes one tensor; with weights or on the meta device. It
        runs in the mode it is in and is left as it was: weights, gradients, mode, attributes.
    `input_shape`: (C, H, W) of one image, without the batch; (C, L) or (C, D, H, W) work as well.
    `name`: what the tables call it; the name of its class if it is not given.

    Weights that the forward pass uses and `model.parameters()` does not have (layers in a plain
    list, a closure, a global) are not counted, and hooks of yours are not run: notes say so. Lazy,
    quantised and TorchScript layers are refused. An error of the model itself passes through, with
    a note that names the layer.
    """
    _check_model(model)
    followed = follow(model, shape := _checked_shape(input_shape))
    rows = _rows(model, followed)
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
    for path, module in model.named_modules():
        kind = type(module)
        if isinstance(module, LazyModuleMixin) and module.has_uninitialized_params():
            wrong, hint = "a lazy layer", "run the model once, or give the layer its sizes"
        elif kind.__module__.startswith("torch.jit"):
            wrong, hint = "a TorchScript module", "pass the model that was compiled"
        elif ".quantized." in kind.__module__:
            wrong, hint = "a quantised layer", "pass the model as it was before"
        else:
            continue
        wanted = "model must be Python code with weights in parameters"
        raise ValueError(f"{wanted}, got {wrong} at {path!r} ({kind.__name__}): {hint}")


def _checked_shape(input_shape: Sequence[int]) -> tuple[int, ...]:
    with suppress(TypeError):
        shape = tuple(index(size) for size in input_shape)
        if shape and min(shape) > 0:
            return shape
    raise ValueError(
        "input_shape must be sizes of one image without the batch, each an integer >= 1, such as "
        f"(3, 224, 224); got {input_shape!r}"
    )


def _rows(model: nn.Module, followed: Follower) -> list[Row]:
    """One row per step, then one for each leaf module that has parameters and was not used.

    A parameter is counted in the first call of the leaf module that has it; else in the first
    operation that used it; else its module is listed as unused.
    """
    owners = {step.path: step for step in reversed(followed.steps) if step.leaf}
    users = {name: step for step in reversed(followed.steps) for name in step.weights}
    unused: dict[str, Step] = {}
    for path, parameter in model.named_parameters():
        owner = path.rpartition(".")[0].partition(".parametrizations")[0]
        if not (step := owners.get(owner) or users.get(path)):
            kind = type(model.get_submodule(owner)).__name__
            named = {"Conv": "convolution", "Norm": "normalisation", "Linear": "linear"}
            category = next((what for part, what in named.items() if part in kind), "other")
            step = unused.setdefault(owner, Step(Row(owner, kind, category=category), owner))
        step.row.parameters += parameter.numel()
    row, rows = None, []
    for step in [*followed.steps, *unused.values()]:
        before, row = row, step.row
        row.name = row.name or type(model).__name__
        row.block = _block_of(row, step.path, model, before) or row.name
        rows.append(row)
    return rows


def _block_of(row: Row, path: str, model: nn.Module, before: Row | None) -> str:
    """Name the block of a row: a child of the model, or a stage in a child that holds nothing but
    containers.

    What the model's own forward does (an addition, a ReLU) belongs to the block before it. So does
    a child that is no more than an activation or a normalisation, or hands on what it gets.
    """
    if before and row.output_shape and "." not in path:
        same = before.output_shape and prod(row.output_shape) == prod(before.output_shape)
        if row.category in ("activation", "normalisation") or (row.category == "other" and same):
            return before.block
    block, _, rest = path.partition(".")
    while rest and _nests(model.get_submodule(block)):
        child, _, rest = rest.partition(".")
        block = f"{block}.{child}"
    return block or (before.block if before else "")


def _nests(module: nn.Module) -> bool:
    containers = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return all(isinstance(part, containers) for part in (module, *module.children()))


def _notes(model: nn.Module, followed: Follower, rows: list[Row]) -> list[str]:
    """What a reader of the table must know: sharing, what was not used, what is uncertain."""
    notes = []
    if products := sum(step.macs["product of activations"] for step in followed.steps):
        notes.append(f"{products:,} of the MACs are products of two activations, not of a weight")
    if unused := [row for row in rows if row.output_shape is None]:
        mode, total = "training" if model.training else "evaluation", _sums(unused)[0]
        names = ", ".join(row.name for row in unused[:4])
        names += f" and {len(unused) - 4} more" if len(unused) > 4 else ""
        notes.append(f"not used in this forward pass ({mode} mode): {names}; {total:,} parameters")
    for row in rows:
        if (times := followed.calls[row.name]) > 1 and row.call == 1 and row.parameters:
            once = "its parameters count once, its MACs each time"
            notes.append(f"{row.name} is called {times} times: {once}")
    for path, parameter in model.named_parameters(remove_duplicate=False):
        if (first := followed.names.setdefault(id(parameter), path)) != path:
            notes.append(f"{path} is the same tensor as {first}: counted once")
    return [*notes, *followed.notes]
