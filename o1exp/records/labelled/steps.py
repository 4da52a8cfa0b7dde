"""A problem with labelled steps, as its file says it: nothing here is compared or graded."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from o1exp.records.tree import Action, Verdict

ROOT = -1
"""The parent of a first step."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step; `parent` is the place of the step before it in the list, ROOT for none. The other fields are those of a Node.

    `ends`: the file says that the solution ends here with a right (True) or wrong (False) answer; None where it does not say.
    """

    text: str
    parent: int = ROOT
    action: Action = "continue"
    verdict: Verdict = ""
    value: float | None = None
    reason: str = ""
    chosen: bool = False
    writer: str = ""
    judge: str = ""
    ends: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """One row: a question, its gold answer ("" where the file has none), steps of one or several solutions, a parent before its children.

    `place` is its row or line in the file from 1. `missing` are sentences about what the row lacks. Without steps the row is of no use, and
    `missing` says why.
    """

    place: int
    form: str = ""
    question: str = ""
    answer: str = ""
    solution: str = ""
    steps: tuple[Step, ...] = ()
    missing: tuple[str, ...] = ()

    def path(self, place: int) -> list[int]:
        """The places of the steps from the first one to this one."""
        found = [place]
        while self.steps[found[-1]].parent != ROOT:
            found.append(self.steps[found[-1]].parent)
        return found[::-1]

    @property
    def leaves(self) -> list[int]:
        """The places of steps that nothing follows."""
        parents = {step.parent for step in self.steps}
        return [place for place in range(len(self.steps)) if place not in parents]


@dataclass
class Reading:
    """The steps of a row while it is read, and what it lacks."""

    steps: list[Step] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, step: Step) -> int:
        """The place of the step."""
        self.steps.append(step)
        return len(self.steps) - 1

    def chain(self, steps: Iterable[Step], parent: int = ROOT) -> int:
        """Steps one after the other; the place of the last one."""
        for step in steps:
            parent = self.add(replace(step, parent=parent))
        return parent


def texts(value: object) -> list[str]:
    """The texts of a list, each without spaces round it; [] for anything else."""
    return [str(item).strip() for item in value] if isinstance(value, list) else []
