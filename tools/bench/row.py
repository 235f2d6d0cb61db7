"""One measured number of `make bench`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A measured value and its goal.

    Attributes:
        what: the thing measured, as in "slider to picture, p95".
        value: the number, in ``unit``; None when it could not be measured here.
        unit: as in "ms".
        goal: the largest value that is good enough; None if there is no goal.
        note: how it was measured, or why it was not.
    """

    what: str
    value: float | None
    unit: str
    goal: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal or a value."""
        return None if self.goal is None or self.value is None else self.value <= self.goal

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return what the table shows: what, value, goal, whether it is met, note."""
        value = "not run" if self.value is None else f"{self.value:.3g} {self.unit}"
        goal = "" if self.goal is None else f"<= {self.goal:g} {self.unit}"
        return self.what, value, goal, {True: "met", False: "MISSED", None: ""}[self.met], self.note
