"""Where the parameters and the multiply-adds of a network are, layer by layer.

    ledger(model, input_shape)     a row per layer, totals, and the same by block
    compare([ledger, ledger])      several networks side by side

What is counted (`CONVENTION` stands beside every table):

- MACs: one multiply-add of a convolution or linear weight, as torch's FlopCounterMode counts them
  (its total is twice this). Biases, normalisation, pooling, activations and sums are not counted.
  Products of two activations (attention) are, and a note says so.
- Parameters: every number in an `nn.Parameter`, once, trainable or not; buffers are not.
- Activations: the numbers in a layer's output, for one image; none for a layer that hands on its
  input, reshapes it or writes into it.
- Receptive field: the inputs from the first to the last that a unit sees, borders ignored, so it
  may exceed the image. Where paths meet it is the largest of them; for windows that are not
  centred alike, from the first to the last input that any of them sees. A dense layer after a
  flatten counts as a kernel over all that it sees. The statistics of normalisation are no path.
- Stride: how far, in inputs, the fields of neighbouring units lie apart: the product of strides.

The model runs its own forward pass in the mode it is in, on shapes alone: see
`course_utils.tracing`. Networks with auxiliary heads count them in training mode only.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from math import prod
from operator import index

from torch import nn
from torch.nn.parameter import UninitializedTensorMixin

from course_utils.tracing import HOW_TO_OWN, Step, Trace, describe_unowned, largest, trace

CONVENTION = (
    "MAC = one multiply-add of a convolution or linear weight; biases, normalisation, pooling and "
    "activations are not counted"
)
GROUPS = ("convolution", "linear", "normalisation", "other")
"""Where parameters and multiply-adds sit, in the comparison of networks."""

FOLD_ROWS = 48  # a longer table is folded behind the table by block


@dataclass(frozen=True)
class Row:
    """One layer: a call of a module without children, or an operation in a module's own forward.

    `name`: dotted path; `call`: 2 for the second call of the same module, and so on.
    `kind`: class of the module, or name of the operation. `category`: "convolution", "linear",
    "normalisation", "pooling", "activation", "product of activations" or "other".
    `output_shape`: without the batch; None if the layer was not used in this forward pass.
    `receptive_field`, `stride`: in inputs; one number if equal along all axes, else one per axis;
    None where there is no spatial axis. A stride below 1 (after upsampling) is a float.
    `block`: the part of the network it belongs to.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...] | None
    parameters: int
    macs: int
    activations: int
    receptive_field: int | tuple[int, ...] | None
    stride: int | float | tuple[int | float, ...] | None
    block: str
    category: str
    call: int = 1

    @property
    def label(self) -> str:
        """The name, with the number of the call where it is not the first."""
        return self.name if self.call == 1 else f"{self.name} (call {self.call})"


@dataclass(frozen=True)
class Block:
    """The sum over the rows of a part of the network. The output is that of its last row."""

    name: str
    output_shape: tuple[int, ...] | None
    parameters: int
    macs: int
    activations: int
    receptive_field: int | tuple[int, ...] | None
    stride: int | float | tuple[int | float, ...] | None
    layers: int


class Ledger:
    """The table of one network: `rows`, totals, `blocks()`, and `notes` on what to be careful of.

    The last expression of a cell shows it as an HTML table; `print` shows text.
    """

    def __init__(
        self,
        name: str,
        input_shape: tuple[int, ...],
        rows: Sequence[Row],
        notes: Sequence[str] = (),
        unowned: str = "",
    ) -> None:
        """`unowned`: which weights are used and not the model's own; it becomes a note, too."""
        self.name = name
        self.input_shape = input_shape
        self.rows = tuple(rows)
        self.unowned = unowned
        self.notes = (*([f"{unowned}. {HOW_TO_OWN}"] if unowned else []), *notes)

    @property
    def parameters(self) -> int:
        """All parameters, each counted once."""
        return sum(row.parameters for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-adds for one image (see `CONVENTION`)."""
        return sum(row.macs for row in self.rows)

    @property
    def activations(self) -> int:
        """Numbers put out by all rows for one image.

        A layer, its normalisation and its ReLU each count theirs: training keeps them all.
        """
        return sum(row.activations for row in self.rows)

    @property
    def units(self) -> int:
        """Outputs of convolution and dense layers only: the neurons that papers count."""
        return sum(
            row.activations for row in self.rows if row.category in ("convolution", "linear")
        )

    def blocks(self) -> tuple[Block, ...]:
        """Return the sums by block, in the order of the forward pass."""
        names = dict.fromkeys(row.block for row in self.rows)
        return tuple(_block(name, [r for r in self.rows if r.block == name]) for name in names)

    def groups(self) -> dict[str, dict[str, int]]:
        """Return parameters and macs of each of `GROUPS`; the sums are the totals."""
        sums = {group: {"parameters": 0, "macs": 0} for group in GROUPS}
        for row in self.rows:
            group = row.category if row.category in GROUPS else "other"
            sums[group]["parameters"] += row.parameters
            sums[group]["macs"] += row.macs
        return sums

    def to_dicts(self) -> list[dict]:
        """Return the rows as dictionaries, for instance for a data frame."""
        return [asdict(row) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        cells = [_cells(row.label, row.kind, row) for row in self.rows]
        cells.append(_totals("total", self))
        return "\n".join([_title(self), _text_table(_HEADS, cells, left=2), *_footer(self.notes)])

    def _repr_html_(self) -> str:
        return _ledger_html(self)


def ledger(
    model: nn.Module, input_shape: Sequence[int] = (3, 224, 224), *, name: str | None = None
) -> Ledger:
    """Count a network layer by layer, without computing anything and without copying its weights.

    `model`: any nn.Module whose forward takes one tensor; with weights or on the meta device. It
        runs in the mode it is in and is left as it was: weights, gradients, mode, attributes.
    `input_shape`: (C, H, W) of one image, without the batch; (C, L) or (C, D, H, W) work as well.
    `name`: what the tables call it; the name of its class if it is not given.

    Weights that the forward pass uses and `model.parameters()` does not have (layers in a plain
    list, a closure, a global) are not counted, and a note says so.

    Hooks of yours are not run, and a note says so.

    Raises TypeError if `model` is no nn.Module, and ValueError for a wrong `input_shape`, for lazy
    layers that have no shape yet, and for TorchScript, quantised layers and torch.vmap, which hide
    what they do. An error of the model itself passes through, with a note that names the layer.
    """
    _check_model(model)
    shape = _checked_shape(input_shape)
    followed = _followed(model, shape)
    rows = _rows(model, followed)
    notes = _notes(model, followed, rows)
    weights = followed.unowned.values()
    unowned = describe_unowned(weights) if weights else ""
    return Ledger(name or type(model).__name__, shape, rows, notes, unowned)


def _followed(model: nn.Module, shape: tuple[int, ...]) -> Trace:
    try:
        return trace(model, shape)
    except Exception as error:
        inside = None
        with suppress(Exception):  # the first error is the one to show
            inside = trace(model, shape[1:])
        if inside is None:
            raise
        raise ValueError(
            f"input_shape must be without the batch axis, got {shape}; the model runs on one image "
            f"of {shape[1:]}"
        ) from error


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
    allowed = "sizes of one image without the batch, each an integer >= 1, such as (3, 224, 224)"
    try:
        shape = tuple(index(size) for size in input_shape)
    except TypeError:
        shape = ()
    if not shape or min(shape) < 1 or isinstance(input_shape, (str, bytes)):
        raise ValueError(f"input_shape must be {allowed}; got {input_shape!r}")
    return shape


# --------------------------------------------------------------------------------------------------
# From steps to rows


def _rows(model: nn.Module, followed: Trace) -> list[Row]:
    """One row per step, then one for each leaf module that has parameters and was not used."""
    counts, unused = _share_out(model, followed.steps)
    rows = [_row(model, step, counts[id(step)]) for step in followed.steps]
    rows += [_unused_row(model, path, count) for path, count in unused.items()]
    return _with_blocks(model, rows, [*(step.module for step in followed.steps), *unused])


def _share_out(model: nn.Module, steps: list[Step]) -> tuple[dict[int, int], dict[str, int]]:
    """Give every parameter to one row: ({id of step: numbers}, {unused module: numbers}).

    It belongs to the first call of the leaf module that has it; else to the first operation that
    used it; else its module is listed as unused.
    """
    first_call, first_use = {}, {}
    for step in steps:
        if step.leaf:
            first_call.setdefault(step.name, step)
        for parameter in step.uses:
            first_use.setdefault(parameter, step)
    counts = {id(step): 0 for step in steps}
    unused: dict[str, int] = {}
    for path, parameter in model.named_parameters():
        owner = path.rpartition(".")[0].partition(".parametrizations")[0]
        step = first_call.get(owner) or first_use.get(path)
        if step is None:
            unused[owner] = unused.get(owner, 0) + parameter.numel()
        else:
            counts[id(step)] += parameter.numel()
    return counts, unused


def _row(model: nn.Module, step: Step, parameters: int) -> Row:
    field, stride = _extent(step)
    return Row(
        name=step.name or type(model).__name__,
        kind=step.kind,
        output_shape=step.output_shape,
        parameters=parameters,
        macs=step.macs,
        activations=step.activations,
        receptive_field=field,
        stride=stride,
        block="",
        category=step.category,
        call=step.call,
    )


_CATEGORIES = (
    (nn.modules.conv._ConvNd, "convolution"),
    (nn.Linear, "linear"),
    (nn.modules.batchnorm._NormBase, "normalisation"),
    ((nn.LayerNorm, nn.GroupNorm), "normalisation"),
)


def _unused_row(model: nn.Module, path: str, parameters: int) -> Row:
    module = model.get_submodule(path)
    category = next((name for kind, name in _CATEGORIES if isinstance(module, kind)), "other")
    name = path or type(model).__name__
    return Row(name, type(module).__name__, None, parameters, 0, 0, None, None, "", category)


def _extent(step: Step) -> tuple:
    found = largest(step.tracks)
    if found is None:
        return None, None
    sizes, jumps = found
    return _one_or_all(sizes), _one_or_all(tuple(_number(jump) for jump in jumps))


def _number(jump: Fraction) -> int | float:
    return jump.numerator if jump.denominator == 1 else float(jump)


def _one_or_all(values: tuple):
    return values[0] if len(set(values)) == 1 else values


def _with_blocks(model: nn.Module, rows: list[Row], paths: list[str]) -> list[Row]:
    """Name the block of each row; `paths` are those of the modules that the rows belong to.

    A block is a child of the model, or a stage where a child is a container of containers. What the
    model's own forward does (an addition, a ReLU) belongs to the block before it. So does a child
    that is no more than an activation or a normalisation, or hands on what it gets.
    """
    nested = _nested(model)
    named: list[Row] = []
    for row, path in zip(rows, paths, strict=True):
        before = named[-1] if named else None
        block = _block_name(nested, path) or (before.block if before else row.name)
        if before and row.output_shape and "." not in path and _follows(row, before):
            block = before.block
        named.append(replace(row, block=block))
    return named


def _follows(row: Row, before: Row) -> bool:
    if row.category in ("activation", "normalisation"):
        return True
    same_size = before.output_shape and prod(row.output_shape) == prod(before.output_shape)
    return row.category == "other" and bool(same_size)


_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def _nested(model: nn.Module) -> set[str]:
    """Return the paths of containers that hold nothing but containers."""
    return {
        path
        for path, module in model.named_modules()
        if isinstance(module, _CONTAINERS)
        and len(module)
        and all(isinstance(child, _CONTAINERS) for child in module.children())
    }


def _block_name(nested: set[str], path: str) -> str:
    """Return the first component of a path; more of them below a nested container."""
    parts = path.split(".")
    depth = 1
    while depth < len(parts) and ".".join(parts[:depth]) in nested:
        depth += 1
    return ".".join(parts[:depth])


def _block(name: str, rows: list[Row]) -> Block:
    used = [row for row in rows if row.output_shape is not None] or rows
    return Block(
        name=name,
        output_shape=used[-1].output_shape,
        parameters=sum(row.parameters for row in rows),
        macs=sum(row.macs for row in rows),
        activations=sum(row.activations for row in rows),
        receptive_field=used[-1].receptive_field,
        stride=used[-1].stride,
        layers=len(rows),
    )


def _notes(model: nn.Module, followed: Trace, rows: list[Row]) -> list[str]:
    """What a reader of the table must know: sharing, what was not used, what is uncertain."""
    notes = []
    products = sum(step.macs_of.get("product of activations", 0) for step in followed.steps)
    if products:
        notes.append(f"{products:,} of the MACs are products of two activations, not of a weight")
    unused = [row for row in rows if row.output_shape is None]
    if unused:
        mode = "training" if model.training else "evaluation"
        names = _some([row.name for row in unused])
        total = sum(row.parameters for row in unused)
        notes.append(f"not used in this forward pass ({mode} mode): {names}; {total:,} parameters")
    for row in rows:
        times = followed.calls.get(row.name, 0)
        if times > 1 and row.call == 1 and row.parameters:
            notes.append(
                f"{row.name} is called {times} times: its parameters count once, its MACs each time"
            )
    notes += _tied(model)
    return notes + followed.notes


def _tied(model: nn.Module) -> list[str]:
    first: dict[int, str] = {}
    notes = []
    for path, parameter in model.named_parameters(remove_duplicate=False):
        if id(parameter) in first:
            notes.append(f"{path} is the same tensor as {first[id(parameter)]}: counted once")
        first.setdefault(id(parameter), path)
    return notes


def _some(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


# --------------------------------------------------------------------------------------------------
# Several networks side by side


class Comparison:
    """Several ledgers side by side: totals, and where parameters and multiply-adds are."""

    def __init__(self, ledgers: Sequence[Ledger]) -> None:
        self.ledgers = tuple(ledgers)

    def to_dicts(self) -> list[dict]:
        """Return one dictionary per network: totals, the sums by group and by block."""
        return [
            {
                "name": one.name,
                "input_shape": one.input_shape,
                "layers": len(one),
                "parameters": one.parameters,
                "macs": one.macs,
                "activations": one.activations,
                "groups": one.groups(),
                "blocks": [asdict(block) for block in one.blocks()],
            }
            for one in self.ledgers
        ]

    def _cells(self) -> list[list[str]]:
        """Name, input and totals of each network; then the share of each group in both totals."""
        return [
            [
                one.name,
                _shape(one.input_shape),
                *(f"{total:,}" for total in (one.parameters, one.macs, one.activations)),
                *(
                    _share(sums[what], total)
                    for what, total in (("parameters", one.parameters), ("macs", one.macs))
                    for sums in one.groups().values()
                ),
            ]
            for one in self.ledgers
        ]

    def __repr__(self) -> str:
        heads = ["network", "input", "parameters", "MACs", "activations"]
        heads += [f"{what}: {group}" for what in ("params", "MACs") for group in GROUPS]
        # On paper the table would be too wide: a network per column.
        columns = [heads, *self._cells()]
        rows = [list(row) for row in zip(*columns, strict=True)]
        return "\n".join([_text_table(rows[0], rows[1:], left=1), f"({CONVENTION})"])

    def _repr_html_(self) -> str:
        return _comparison_html(self)


def compare(ledgers: Iterable[Ledger]) -> Comparison:
    """Put several networks side by side.

    `ledgers`: what `ledger(...)` returned; `ledger(..., name="VGG-16")` names them. Raises
    ValueError if there is none, and TypeError for anything that is not a ledger.
    """
    found = [ledgers] if isinstance(ledgers, Ledger) else list(ledgers)
    if not found:
        raise ValueError("ledgers must hold at least one ledger, got none")
    for one in found:
        if not isinstance(one, Ledger):
            raise TypeError(f"ledgers must hold what ledger(...) returns, got {one!r:.80}")
    return Comparison(found)


# --------------------------------------------------------------------------------------------------
# Text


_HEADS = ["layer", "kind", "output", "parameters", "MACs", "activations", "field", "stride"]


def _shape(shape: tuple[int, ...] | None) -> str:
    return "not used" if shape is None else "×".join(f"{n}" for n in shape) or "1"


def _extent_text(value) -> str:
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return "×".join(_extent_text(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _share(part: int, total: int) -> str:
    """A share in percent; 0 and 100 for nothing and all, never for what is only nearly that."""
    if not part or part == total:
        return "100 %" if part else "0 %"
    percent = 100 * part / total
    return "< 0.1 %" if percent < 0.1 else f"{min(percent, 99.9):.1f} %"


def _cells(label: str, kind: str, row: Row | Block) -> list[str]:
    return [
        label,
        kind,
        _shape(row.output_shape),
        f"{row.parameters:,}",
        f"{row.macs:,}",
        f"{row.activations:,}",
        _extent_text(row.receptive_field),
        _extent_text(row.stride),
    ]


def _totals(label: str, one: Ledger) -> list[str]:
    return [label, "", "", f"{one.parameters:,}", f"{one.macs:,}", f"{one.activations:,}", "", ""]


def _title(one: Ledger) -> str:
    return f"{one.name} on {_shape(one.input_shape)} ({CONVENTION})"


def _text_table(heads: list[str], rows: list[list[str]], left: int) -> str:
    """Lay out cells in columns: the first `left` of them flush left, the others flush right."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    lines = [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (heads, *rows)
    ]
    lines.insert(1, "-" * max(len(line) for line in lines))
    return "\n".join(lines)


def _footer(notes: Sequence[str]) -> list[str]:
    return [f"note: {note}" for note in notes]


# --------------------------------------------------------------------------------------------------
# HTML. Plain tables with headings for screen readers; a bar behind a number is its share.

_CELL = "padding:.15em .6em;white-space:nowrap;text-align:"
_HTML_HEADS = (
    "Layer",
    "Kind",
    "Output (C×H×W)",
    "Parameters",
    "MACs",
    "Activations",
    "Receptive field",
    "Stride",
)


def _td(text: str, share: float = 0, align: str = "right") -> str:
    """A cell; `share` from 0 to 1 draws a bar under the number, as a second way to read it."""
    bar = ""
    if share > 0:
        # A width in whole percent: equal on every machine, and small.
        width = max(1, round(100 * share))
        bar = f";background:linear-gradient(to left,#56B4E955 {width}%,transparent {width}%)"
    return f'<td style="{_CELL}{align}{bar}">{html.escape(text)}</td>'


def _th(text: str, scope: str, align: str = "left", span: int = 1) -> str:
    columns = f' colspan="{span}"' if span > 1 else ""
    return f'<th scope="{scope}"{columns} style="{_CELL}{align}">{html.escape(text)}</th>'


def _table(caption: str, heads: str, bodies: list[str], foot: str = "") -> str:
    foot = f"<tfoot>{foot}</tfoot>" if foot else ""
    return (
        '<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">'
        f'<caption style="text-align:left">{caption}</caption>'
        f"<thead>{heads}</thead>{''.join(bodies)}{foot}</table>"
    )


def _html_row(label: str, kind: str, row: Row | Block, one: Ledger) -> str:
    cells = _cells(label, kind, row)
    shares = {3: _part(row.parameters, one.parameters), 4: _part(row.macs, one.macs)}
    data = "".join(
        _td(cell, shares.get(i, 0), "left" if i == 1 else "right")
        for i, cell in enumerate(cells)
        if i
    )
    return f"<tr>{_th(label, 'row')}{data}</tr>"


def _part(part: int, total: int) -> float:
    return part / total if total else 0.0


def _heads(names: Sequence[str]) -> str:
    cells = (_th(name, "col", "left" if i < 2 else "right") for i, name in enumerate(names))
    return f"<tr>{''.join(cells)}</tr>"


def _ledger_html(one: Ledger) -> str:
    caption = f"<b>{html.escape(one.name)}</b> on {_shape(one.input_shape)}. {CONVENTION}."
    total = _totals("Total", one)
    foot = f"<tr>{_th(total[0], 'row')}{''.join(_td(cell) for cell in total[1:])}</tr>"
    rows = _layers_table(one, caption, foot)
    if len(one) > FOLD_ROWS:
        blocks = "".join(
            _html_row(block.name, f"{block.layers}", block, one) for block in one.blocks()
        )
        heads = _heads(("Block", "Layers", *_HTML_HEADS[2:]))
        short = _table(caption, heads, [f"<tbody>{blocks}</tbody>"], foot)
        rows = f"{short}<details><summary>All {len(one)} layers</summary>{rows}</details>"
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in one.notes)
    return f"<div>{rows}{f'<ul>{notes}</ul>' if notes else ''}</div>"


def _layers_table(one: Ledger, caption: str, foot: str) -> str:
    """All rows; a block of several layers has a heading with its sums."""
    bodies = []
    for block in one.blocks():
        rows = [row for row in one.rows if row.block == block.name]
        heading = ""
        if len(rows) > 1:
            sums = (
                f"{block.name}: {_share(block.parameters, one.parameters)} of the parameters, "
                f"{_share(block.macs, one.macs)} of the MACs"
            )
            cell = _th(sums, "rowgroup", span=len(_HTML_HEADS))
            heading = f'<tr style="border-top:1px solid #C9CED6">{cell}</tr>'
        body = "".join(_html_row(row.label, row.kind, row, one) for row in rows)
        bodies.append(f"<tbody>{heading}{body}</tbody>")
    return _table(caption, _heads(_HTML_HEADS), bodies, foot)


def _comparison_html(comparison: Comparison) -> str:
    top = "".join(
        [
            _th("Network", "col"),
            _th("Input", "col", "right"),
            *(_th(name, "col", "right") for name in ("Parameters", "MACs", "Activations")),
            _th("Where the parameters are", "colgroup", "center", len(GROUPS)),
            _th("Where the MACs are", "colgroup", "center", len(GROUPS)),
        ]
    )
    below = "".join(
        ["<td></td>" * 5, *(_th(group, "col", "right") for _ in range(2) for group in GROUPS)]
    )
    body = "".join(
        _comparison_row(one, cells)
        for one, cells in zip(comparison.ledgers, comparison._cells(), strict=True)
    )
    heads = f"<tr>{top}</tr><tr>{below}</tr>"
    main = _table(f"{CONVENTION}.", heads, [f"<tbody>{body}</tbody>"])
    blocks = "".join(_blocks_html(one) for one in comparison.ledgers)
    return f"<div>{main}<details><summary>By block</summary>{blocks}</details></div>"


def _comparison_row(one: Ledger, cells: list[str]) -> str:
    groups = one.groups().values()
    shares = [_part(sums["parameters"], one.parameters) for sums in groups]
    shares += [_part(sums["macs"], one.macs) for sums in groups]
    data = [_td(cell) for cell in cells[1:5]]
    data += [_td(cell, share) for cell, share in zip(cells[5:], shares, strict=True)]
    return f"<tr>{_th(cells[0], 'row')}{''.join(data)}</tr>"


def _blocks_html(one: Ledger) -> str:
    rows = "".join(
        f"<tr>{_th(block.name, 'row')}{_td(_shape(block.output_shape))}"
        + _td(f"{block.parameters:,}", _part(block.parameters, one.parameters))
        + _td(_share(block.parameters, one.parameters))
        + _td(f"{block.macs:,}", _part(block.macs, one.macs))
        + f"{_td(_share(block.macs, one.macs))}</tr>"
        for block in one.blocks()
    )
    heads = _heads(("Block", "Output", "Parameters", "Share", "MACs", "Share"))
    return _table(f"<b>{html.escape(one.name)}</b>", heads, [f"<tbody>{rows}</tbody>"])
