"""Preference pairs from graded attempts: for each problem some right answers against some wrong ones."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, ClassVar

from o1exp.flow import AtLeast, Expect, Role, Stage, Work
from o1exp.records import Attempt, Pair, Problem, Score, Table


@dataclass(frozen=True, kw_only=True)
class Pairs(Stage[Table[Pair]]):
    """Pair up to `right` right with up to `wrong` wrong attempts of each problem, every one with every other.

    Part 1: 20 samples a question, 5 right x 5 wrong. Of judged attempts those with full credit are the right ones, those with none the
    wrong ones. Cut-off attempts are left out: they end nowhere. Problems with no right or no wrong attempt give no pair and are counted.
    Attempts are drawn by `seed`. Errors: ValueError where no pair is left.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "right and wrong answers to the same problem, paired"

    graded: Stage[Table[Score]]
    problems: Stage[Table[Problem]]
    right: Annotated[int, AtLeast(1)] = 5
    wrong: Annotated[int, AtLeast(1)] = 5
    prompt: str = "{question}"
    seed: Annotated[int, AtLeast(0)] = 0

    @property
    def attempts(self) -> Stage[Any]:
        """What was graded: an input as well, since the texts stand there."""
        return self.graded.inputs["attempts"]

    def _edges(self) -> Iterator[tuple[str, Stage[Any]]]:
        yield from super()._edges()
        yield "attempts", self.attempts

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if "attempts" not in self.graded.inputs:
            yield "graded", f"{self.graded.kind} grades no attempts; connect a benchmark, e.g. ${{draws}}"
        if "{question}" not in self.prompt:
            yield "prompt", f"{self.prompt!r} does not show the problem; write {{question}} where it belongs"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        problems, answer = inputs.get("problems", Expect()), inputs.get("attempts", Expect()).tokens_per_row
        return Expect(rows=problems.rows and problems.rows * self.right * self.wrong, tokens_per_row=answer and 2 * answer)

    def make(self, work: Work) -> None:
        texts = {(row.problem, row.draw): row for row in work.open(self.attempts)}
        by_problem: dict[str, list[Score]] = {}
        for score in work.open(self.graded):
            by_problem.setdefault(score.problem, []).append(score)
        problems = list(work.open(self.problems))
        found = [self._pairs(problem, by_problem.get(problem.id, []), texts) for problem in problems]
        used = sum(bool(pairs) for pairs in found)
        if not used:
            raise ValueError(
                f"none of {len(problems)} problems has both a right and a wrong attempt; draw more samples, or at a higher temperature"
            )
        work.write(Pair, (pair for pairs in found for pair in pairs))
        work.note(problems=used, without_pairs=len(problems) - used)

    def _pairs(self, problem: Problem, scores: list[Score], texts: dict[tuple[str, int], Attempt]) -> list[Pair]:
        whole = [score for score in sorted(scores, key=lambda s: s.draw) if not score.truncated]
        luck = random.Random(f"{self.seed} {problem.id}")
        sides = []
        for credit, most in ((1, self.right), (0, self.wrong)):
            side = list(dict.fromkeys(texts[s.problem, s.draw].text for s in whole if s.credit == credit))
            sides.append(luck.sample(side, min(most, len(side))))
        prompt = self.prompt.replace("{question}", problem.question)
        return [Pair(problem=problem.id, prompt=prompt, chosen=good, rejected=bad) for good, bad in product(*sides)]
