"""Branch out: one Inception module, its six numbers of filters, and a budget to keep.

panel = InceptionExplorer()         # GoogLeNet's 3a: 256 channels for 128 million multiply-adds
panel.move(variant="naive")         # the same filters without reductions: over budget
panel.move(target="half of 3a")     # the same output for half the work
"""

from __future__ import annotations

from typing import NamedTuple

from course_utils.drawing.svg import TIMES
from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.inception.figures import VARIANTS, Module, count_module, module_diagram

LEAST_SHARE = 4
"""Rule of the game: a reduction keeps 1/4 of the filters behind it or more (Table 1 does)."""


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


def view(
    target: str,
    variant: str,
    n1x1: int,
    reduce3x3: int,
    n3x3: int,
    reduce5x5: int,
    n5x5: int,
    projection: int,
) -> View:
    """Draw one state and say what the module costs and whether it meets the target.

    Raises:
        ValueError: where the 3x3 reduction would leave as many maps as come in, or more. (The
            sliders of the other two end below.)
    """
    goal = TARGETS[target]
    if variant == "reduced" and reduce3x3 >= goal.in_maps:
        raise ValueError(
            f"3{TIMES}3 reduce = {reduce3x3} is no reduction: {goal.in_maps} maps come in. The "
            f"work of the naive module would remain, and a 1{TIMES}1 would be added. Choose fewer "
            f"than {goal.in_maps}."
        )
    filters = (n1x1, reduce3x3, n3x3, reduce5x5, n5x5, projection)
    module, naive = (count_module(goal.in_maps, goal.side, filters, v) for v in (variant, "naive"))
    diagram = module_diagram(goal.in_maps, goal.side, filters, variant=variant, budget=goal.budget)
    each, passed = " + ".join(map(str, module.channels)), ""
    twin = f"Naive: {sum(naive.channels):,} channels for {naive.macs:,} MACs, "
    twin += f"{naive.macs / module.macs:.1f} times as many."
    if variant == "naive":
        passed = " (the last are all that came in)"
        twin = "Reductions and projection are not part of it: their sliders do nothing."
    says = (
        f"{each} = {sum(module.channels):,} channels{passed} for {module.macs:,} MACs and "
        f"{module.weights:,} weights. {verdict(module, goal)} {twin}"
    )
    return View(diagram.svg, says, diagram.alt)


def verdict(module: Module, goal: Target) -> str:
    """Say whether the target is met, and if not, what is missing."""
    found = []
    if module.macs > goal.budget:
        found.append(f"{module.macs - goal.budget:,} MACs over budget")
    for have, want, what in (
        (sum(module.channels), goal.channels, "channels"),
        (module.channels[1], goal.n3x3, f"3{TIMES}3 filters"),
        (module.channels[2], goal.n5x5, f"5{TIMES}5 filters"),
    ):
        if have < want:
            found.append(f"{want - have} {what} short of {want:,}")
    for reduction, *large in module.branches[1:3]:  # the naive module has no `large` behind it
        for layer in large:
            if LEAST_SHARE * reduction.maps < layer.maps:
                size = f"{layer.kernel}{TIMES}{layer.kernel}"
                found.append(
                    f"{size} reduce {reduction.maps} is under a quarter of its {size} filters"
                )
    if found:
        return f"Not met: {'; '.join(found)}."
    return f"Target met, with {goal.budget - module.macs:,} of {goal.budget:,} MACs left."


class InceptionExplorer(Explorer):
    """One Inception module under a budget of multiply-adds; every row of Table 1 can be set."""

    controls = (
        Choice("target", "Target", {name: name for name in TARGETS}, start="3a"),
        Choice("variant", "Module", {name: name for name in VARIANTS}, "reduced", buttons=True),
        Slider("n1x1", f"1{TIMES}1", 16, 384, start=64, step=16),
        Slider("reduce3x3", f"3{TIMES}3 reduce", 16, 192, start=96, step=16),
        Slider("n3x3", f"3{TIMES}3", 16, 384, start=128, step=16),
        Slider("reduce5x5", f"5{TIMES}5 reduce", 8, 64, start=16, step=8),
        Slider("n5x5", f"5{TIMES}5", 16, 128, start=32, step=16),
        Slider("projection", "pool proj", 16, 128, start=32, step=16),
    )
    view = staticmethod(view)
