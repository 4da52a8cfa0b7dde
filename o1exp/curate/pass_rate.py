"""Difficulty by pass rate: problems that a model solves sometimes are kept, those that it always or never solves teach little."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from o1exp.flow import Between, Expect, Role, Stage, Work, how
from o1exp.records import Problem, Score, Table


@dataclass(frozen=True, kw_only=True)
class PassRate(Stage[Table[Problem]]):
    """Keeps the problems whose share of right answers among graded draws lies within a band, its ends included.

    The draws are a stage of their own, so that another band asks no model again. Facts: `too_hard`, `too_easy` and `unscored` problems (no
    draw could be graded), which are dropped, and `rates`, how many problems have each pass rate. Errors: ValueError where none is left.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "problems of middling difficulty, by the share of a model's draws that are right"

    problems: Stage[Table[Problem]]
    """What is selected from."""
    graded: Stage[Table[Score]]
    """Graded draws for these problems, by whichever model."""
    lowest: Annotated[float, Between(0, 1)] = 0.1
    """The least share of right draws that is kept; 0 keeps problems that were never solved."""
    highest: Annotated[float, Between(0, 1)] = 0.9
    """The greatest that is kept; 1 keeps problems that were always solved."""
    expected_kept: Annotated[float, Between(0, 1)] = how(0.5)
    """The share of problems that the plan assumes to be kept."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.lowest > self.highest:
            yield "lowest", f"is above highest={self.highest:g}; no problem could be kept"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["problems"].rows
        return Expect(rows=rows and rows * self.expected_kept, remark=f"keeps {self.expected_kept:.0%} if the band is as assumed")

    def make(self, work: Work) -> None:
        draws: dict[str, list[float]] = {}
        for score in work.open(self.graded):
            if score.credit is not None:
                draws.setdefault(score.question, []).append(score.credit)
        rates = {question: sum(credits) / len(credits) for question, credits in draws.items()}
        counts: Counter[str] = Counter(too_hard=0, too_easy=0, unscored=0)
        seen: Counter[float] = Counter()
        kept = work.write(Problem, self._kept(work.open(self.problems), rates, counts, seen))
        work.note(**counts, rates={f"{rate:.2f}": count for rate, count in sorted(seen.items())})
        if not kept:
            band = f"between {self.lowest:g} and {self.highest:g}"
            raise ValueError(f"no problem has a pass rate {band} ({dict(counts)}); widen the band, or draw with another model")

    def _kept(self, problems: Table[Problem], rates: dict[str, float], counts: Counter[str], seen: Counter[float]) -> Iterator[Problem]:
        for problem in problems:
            rate = rates.get(f"{problem.id} {problem.digest}")
            if rate is None:
                counts["unscored"] += 1
                continue
            seen[round(rate, 2)] += 1
            if self.lowest <= rate <= self.highest:
                yield problem
            else:
                counts["too_hard" if rate < self.lowest else "too_easy"] += 1
