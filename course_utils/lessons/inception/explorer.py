"""Branch out: one Inception module, its six numbers of filters, and a budget to keep.

panel = InceptionExplorer()         # GoogLeNet's 3a: 256 channels for 128 million multiply-adds
panel.variant.value = "naive"       # the same filters without reductions: over budget
panel.target.value = "half of 3a"   # the same output for half the work
"""

from __future__ import annotations

from typing import NamedTuple

from course_utils.drawing.svg import TIMES
from course_utils.lessons.inception.figures import Module, count_module, module_diagram
from course_utils.old_explorer import Explorer, View, choice, slider

FILTERS_3A = (64, 96, 128, 16, 32, 32)
"""Row 3a of Table 1: what the panel begins with."""

LEAST_SHARE = 4
"""Rule of the game: a reduction keeps 1/4 of the filters behind it or more (Table 1 does)."""

RANGES = {  # name of the control: label, smallest, largest, step
    "n1x1": (f"1{TIMES}1", 16, 384, 16),
    "reduce3x3": (f"3{TIMES}3 reduce", 16, 192, 16),
    "n3x3": (f"3{TIMES}3", 16, 384, 16),
    "reduce5x5": (f"5{TIMES}5 reduce", 8, 64, 8),
    "n5x5": (f"5{TIMES}5", 16, 128, 16),
    "projection": ("pool proj", 16, 128, 16),
}
"""The six sliders: label, smallest, largest, step. Every row of Table 1 lies on this grid."""


class Target(NamedTuple):
    """What a module must deliver, and for how many multiply-adds.

    in_maps, side: its input. channels: to put out at least, of which `n3x3` by the 3x3 branch and
    `n5x5` by the 5x5 branch. budget: multiply-adds at most.
    """

    in_maps: int
    side: int
    channels: int
    n3x3: int
    n5x5: int
    budget: int


TARGETS = {
    "3a": Target(192, 28, 256, 128, 32, 129_000_000),
    "half of 3a": Target(192, 28, 256, 128, 32, 64_500_000),
    "4e": Target(528, 14, 832, 320, 128, 170_000_000),
    "5b, a quarter off": Target(832, 7, 1024, 384, 128, 53_000_000),
}
"""Name -> Target. GoogLeNet's own filters meet "3a" and "4e" closely; two ask for less work."""


class InceptionExplorer(Explorer):
    """Explorer of one Inception module under a budget of multiply-adds.

    Args (each the first value of a control):
        target: a key of `TARGETS`. variant: "reduced" or "naive".
        filters: the six numbers in the order of Table 1; each on the grid of `RANGES`.

    Raises:
        ValueError: for a first value outside its range.
    """

    def __init__(
        self,
        target: str = "3a",
        variant: str = "reduced",
        filters: tuple[int, int, int, int, int, int] = FILTERS_3A,
    ) -> None:
        if len(filters) != len(RANGES):
            raise ValueError(f"filters must hold {len(RANGES)} numbers, got {list(filters)}")
        controls = {
            "target": choice("Target", target, list(TARGETS)),
            "variant": choice("Module", variant, ["naive", "reduced"], buttons=True),
        }
        for (name, (label, low, high, step)), value in zip(RANGES.items(), filters, strict=True):
            control = slider(label, value, low, high)
            if value % step:
                raise ValueError(f"{label} must be a multiple of {step}, got {value!r}")
            control.step = step
            controls[name] = control
        super().__init__(view, controls)


def view(target: str, variant: str, **filters: int) -> View:
    """Draw one state and say what the module costs and whether it meets the target.

    Args:
        target: a key of `TARGETS`. variant: "naive" or "reduced". filters: the names of `RANGES`.

    Raises:
        ValueError: where a reduction would leave as many maps as come in, or more.
    """
    goal, counts = TARGETS[target], tuple(filters[name] for name in RANGES)
    for name in ("reduce3x3", "reduce5x5", "projection"):
        if variant == "reduced" and filters[name] >= goal.in_maps:
            raise ValueError(
                f"{RANGES[name][0]} = {filters[name]} is no reduction: {goal.in_maps} maps come "
                f"in. The work of the naive module would remain, and a 1{TIMES}1 would be added. "
                f"Choose fewer than {goal.in_maps}."
            )
    module = count_module(goal.in_maps, goal.side, counts, variant)
    diagram = module_diagram(goal.in_maps, goal.side, counts, variant=variant, budget=goal.budget)
    says = f"{output(module)} {verdict(module, goal, filters)} {twin(module, goal, counts)}"
    return View(diagram.svg, says, diagram.alt)


def output(module: Module) -> str:
    """Say how many channels come out and what they cost."""
    each = " + ".join(f"{branch.channels}" for branch in module.branches)
    passed = " (the last are all that came in)" if module.variant == "naive" else ""
    return (
        f"{each} = {module.out_maps:,} channels{passed} for {module.macs:,} MACs and "
        f"{module.weights:,} weights."
    )


def shortfalls(module: Module, goal: Target, filters: dict[str, int]) -> list[str]:
    """List in words what keeps a module from its target; nothing if it is met."""
    found = []
    if module.macs > goal.budget:
        found.append(f"{module.macs - goal.budget:,} MACs over budget")
    for have, want, what in (
        (module.out_maps, goal.channels, "channels"),
        (filters["n3x3"], goal.n3x3, f"3{TIMES}3 filters"),
        (filters["n5x5"], goal.n5x5, f"5{TIMES}5 filters"),
    ):
        if have < want:
            found.append(f"{want - have} {what} short of {want:,}")
    if module.variant == "reduced":
        for size in ("3x3", "5x5"):
            least = -(-filters[f"n{size}"] // LEAST_SHARE)
            have = filters[f"reduce{size}"]
            if have < least:
                label = size.replace("x", TIMES)
                found.append(f"{label} reduce {have} is under a quarter of its {label} filters")
    return found


def verdict(module: Module, goal: Target, filters: dict[str, int]) -> str:
    """Say whether the target is met, and if not, what is missing."""
    found = shortfalls(module, goal, filters)
    if found:
        return f"Not met: {'; '.join(found)}."
    left = goal.budget - module.macs
    return f"Target met, with {left:,} of {goal.budget:,} MACs left."


def twin(module: Module, goal: Target, counts: tuple[int, ...]) -> str:
    """Compare with the other variant of the same filters."""
    if module.variant == "naive":
        return "Reductions and projection are not part of it: their sliders do nothing."
    naive = count_module(goal.in_maps, goal.side, counts, "naive")
    return (
        f"Naive: {naive.out_maps:,} channels for {naive.macs:,} MACs, "
        f"{naive.macs / module.macs:.1f} times as many."
    )
