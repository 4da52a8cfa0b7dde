"""A panel: several judges score the same answers, and the majority of them decides."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from o1exp.bench.agreement import agreement
from o1exp.bench.rated import Human
from o1exp.bench.sample import Sample
from o1exp.bench.scorer import Scorer, beside, of_attempt
from o1exp.flow import Role, Stage, Work
from o1exp.records import Attempt, Problem, Score, Table

NO_MAJORITY = "no majority"
"""The label where no verdict has more than half of the votes: it stays unscored."""
Combine = Literal["majority", "mean"]


@dataclass(frozen=True, kw_only=True)
class Panel(Scorer):
    """Several judges; where they name classes the majority decides, where they give numbers their mean does."""

    members: dict[str, Scorer] = field(default_factory=dict)
    """The judges by name, all on one scale."""
    combine: Combine = "majority"
    """majority: a class needs more than half of the members that gave a verdict; mean: of the members' values."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if len(self.members) < 2:
            yield "members", "needs two judges or more, e.g. members: {one: ${safety}, other: ${facts}}"
        if self.combine == "majority" and (people := [name for name, one in self.members.items() if isinstance(one, Human)]):
            yield "combine", f"is majority, and {people[0]} gives numbers of people, which have no classes to count; set combine=mean"

    def stage(self, attempts: Sample, problems: Stage[Table[Problem]]) -> Stage[Table[Score]]:
        scores = {name: member.stage(attempts, problems) for name, member in self.members.items()}
        return Decided(attempts=attempts, problems=problems, scores=scores, combine=self.combine)


@dataclass(frozen=True, kw_only=True)
class Decided(Stage[Table[Score]]):
    """One score for each attempt out of those that several judges gave it.

    A member without a verdict does not vote. Facts: labels, unscored, and how far the members agree.
    Errors: ValueError where the judges' scales differ, or one has not scored an attempt.
    """

    role: ClassVar[Role] = "grading"
    does: ClassVar[str] = "the verdict of a panel of judges"
    judges: ClassVar[str] = "response level: several models read the whole response, and the majority of their verdicts counts"
    version: ClassVar[int] = 4

    attempts: Stage[Table[Attempt]]
    problems: Stage[Table[Problem]]
    scores: dict[str, Stage[Table[Score]]]
    combine: Combine = "majority"

    def make(self, work: Work) -> None:
        problems = {problem.id: problem for problem in work.open(self.problems)}
        members = {name: {(row.problem, row.draw): row for row in work.open(stage)} for name, stage in self.scores.items()}
        rows = []
        for attempt in work.open(self.attempts):
            own = [(name, scored.get((attempt.problem, attempt.draw))) for name, scored in members.items()]
            if absent := next((name for name, row in own if row is None), ""):
                raise ValueError(f"{absent} has not scored attempt {attempt.problem}#{attempt.draw}; let all judges score the same answers")
            given = [row for _, row in own if row is not None]
            rows.append(of_attempt(_combined(given, self.combine), attempt, beside(attempt, problems)))
        work.write(Score, rows)
        ratings = {
            name: {f"{problem}#{draw}": _said(row, self.combine) for (problem, draw), row in scored.items() if row.value is not None}
            for name, scored in members.items()
        }
        work.note(
            labels=dict(sorted(Counter(row.label for row in rows).items())), unscored=sum(row.credit is None for row in rows),
            agreement=agreement(ratings, "nominal" if self.combine == "majority" else "interval").plain(),
        )  # fmt: skip


def _said(row: Score, combine: Combine) -> str | float:
    assert row.value is not None
    return row.label if combine == "majority" else row.value


def _combined(given: Sequence[Score], combine: Combine) -> Score:
    """One score of several on the same scale."""
    scales = {row.scale for row in given}
    if len(scales) > 1:
        raise ValueError(f"the judges' scales differ ({', '.join(sorted(str(scale) for scale in scales))}); a panel needs one")
    voting = [row for row in given if row.value is not None]
    whole = replace(given[0], label="", value=None, method="panel", scorer="panel: " + "; ".join(sorted({row.scorer for row in given})))
    if combine == "mean":
        values = [row.value for row in voting if row.value is not None]
        return replace(whole, value=sum(values) / len(values)) if values else replace(whole, label=NO_MAJORITY)
    counts = Counter(row.label for row in voting)
    if "" in counts:
        raise ValueError(f"{voting[0].scorer} gives numbers and names no class, so that no majority can be counted; set combine=mean")
    label, most = counts.most_common(1)[0] if counts else ("", 0)
    if 2 * most <= len(voting):
        return replace(whole, label=NO_MAJORITY)
    return replace(whole, label=label, value=next(row.value for row in voting if row.label == label))
