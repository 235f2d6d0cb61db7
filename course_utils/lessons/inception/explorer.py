"""Branch out: one Inception module, its six numbers of filters, and a budget to keep."""

from collections import namedtuple

from course_utils.explorer import Choice, Explorer, Slider, View
from course_utils.lessons.inception.figures import VARIANTS, Module, module_diagram

LEAST_SHARE = 4
"""Rule of the game: a reduction keeps 1/4 of the filters behind it or more (Table 1 does)."""

Target = namedtuple("Target", "in_maps side channels n3x3 n5x5 budget")
"""What a module must deliver from its input: numbers at least, and multiply-adds at most."""

TARGETS = {
    "3a": Target(192, 28, 256, 128, 32, 129_000_000),
    "half of 3a": Target(192, 28, 256, 128, 32, 64_500_000),
    "4e": Target(528, 14, 832, 320, 128, 170_000_000),
    "5b, a quarter off": Target(832, 7, 1024, 384, 128, 53_000_000),
}
"""GoogLeNet's own filters meet "3a" and "4e" closely; two ask for less work."""


class InceptionExplorer(Explorer):
    """One Inception module under a budget of multiply-adds; every row of Table 1 can be set."""

    controls = (
        Choice("target", "Target", {name: name for name in TARGETS}, start="3a"),
        Choice("variant", "Module", {name: name for name in VARIANTS}, "reduced", buttons=True),
        Slider("n1x1", "1×1", 16, 384, start=64, step=16),
        Slider("reduce3x3", "3×3 reduce", 16, 192, start=96, step=16),
        Slider("n3x3", "3×3", 16, 384, start=128, step=16),
        Slider("reduce5x5", "5×5 reduce", 8, 64, start=16, step=8),
        Slider("n5x5", "5×5", 16, 128, start=32, step=16),
        Slider("projection", "pool proj", 16, 128, start=32, step=16),
    )

    @staticmethod
    def view(target: str, variant: str, **filters: int) -> View:
        goal, reduced = TARGETS[target], variant == "reduced"
        if reduced and filters["reduce3x3"] >= goal.in_maps:  # the other reductions end below
            raise ValueError(
                f"3×3 reduce = {filters['reduce3x3']} is no reduction: {goal.in_maps} maps come "
                "in. The work of the naive module would remain, and a 1×1 would be added. "
                f"Choose fewer than {goal.in_maps}."
            )
        given = goal.in_maps, goal.side, tuple(filters.values())
        module, naive = (Module(*given, kind) for kind in (variant, "naive"))
        passed = " (the last are all that came in)"
        twin = "Reductions and projection are not part of it: their sliders do nothing."
        if reduced:
            passed, twin = "", f"Naive: {sum(naive.channels):,} channels for {naive.macs:,} MACs, "
            twin += f"{naive.macs / module.macs:.1f} times as many."
        says = (
            f"{' + '.join(map(str, module.channels))} = {sum(module.channels):,} channels{passed} "
            f"for {module.macs:,} MACs and {module.weights:,} weights. {verdict(module, goal)} "
        )
        diagram = module_diagram(*given, variant=variant, budget=goal.budget)
        return View(diagram.svg, says + twin, diagram.alt)


def verdict(module: Module, goal: Target) -> str:
    """Say whether the target is met, and if not, what is missing."""
    left, kinds = goal.budget - module.macs, ("3×3", "5×5")
    missing = [f"{-left:,} MACs over budget"] * (left < 0)
    names = ("channels", *(f"{kind} filters" for kind in kinds))
    counts = (sum(module.channels), *module.channels[1:3])
    for have, want, what in zip(counts, goal[2:5], names, strict=True):
        missing += [f"{want - have} {what} short of {want:,}"] * (have < want)
    for kind, branch in zip(kinds, module.branches[1:3], strict=True):
        first, last = branch[0].maps, branch[-1].maps  # one layer, where the module is naive
        rule = f"{kind} reduce {first} is under a quarter of its {kind} filters"
        missing += [rule] * (LEAST_SHARE * first < last)
    if missing:
        return f"Not met: {'; '.join(missing)}."
    return f"Target met, with {left:,} of {goal.budget:,} MACs left."
