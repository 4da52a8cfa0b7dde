"""Which examples are trained on: by length, by how much they look back, balanced over what they are about."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from o1exp.flow import AtLeast, Expect, Role, Stage, Work
from o1exp.records import Example, Problem, Table
from o1exp.records.reflection import reflections

Preference = Literal["random", "reflective", "longest", "shortest"]
Balance = Literal["none", "problem", "source", "subset", "level"]


@dataclass(frozen=True, kw_only=True)
class Select(Stage[Table[Example]]):
    """Keeps examples whose response has the wanted length and as many reflective markers, at most `rows` of them, in their order.

    Which ones, where there are more, `prefer` says (ties by `seed`). `balance` takes them in turn from groups of one problem, set, part of
    a set or level, and without `rows` as many of each group as the smallest has. Part 2, section 4 selects about 5,000 with retrospection;
    how is not published: the markers (o1exp/records/reflection.py) and the least number of them are ours.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "examples selected by length and reflection"

    examples: Stage[Table[Example]]
    problems: Stage[Table[Problem]]
    shortest: Annotated[int, AtLeast(0)] = 0
    """Letters of a response; 0 for no limit."""
    longest: Annotated[int, AtLeast(0)] = 0
    reflective: Annotated[int, AtLeast(0)] = 0
    """The least number of reflective markers in a response."""
    prefer: Preference = "random"
    balance: Balance = "none"
    rows: Annotated[int, AtLeast(1)] | None = None
    seed: Annotated[int, AtLeast(0)] = 0

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        came = inputs.get("examples", Expect())
        rows = came.rows if self.rows is None or came.rows is None else min(self.rows, came.rows)
        return Expect(rows=rows, tokens_per_row=came.tokens_per_row)

    def make(self, work: Work) -> None:
        examples = list(work.open(self.examples))
        reasons = [self._reason(example) for example in examples]
        left = [place for place, why in enumerate(reasons) if not why]
        chosen = self._chosen(examples, left, self._groups(work, examples))
        if not chosen:
            raise ValueError(f"none of {len(examples)} examples is selected ({dict(Counter(filter(None, reasons)))}); ask for less")
        dropped = Counter(filter(None, reasons)) + Counter({"surplus": len(left) - len(chosen)})
        work.write(Example, (examples[place] for place in sorted(chosen)))
        work.note(dropped=dict(dropped), reflections=round(sum(reflections(examples[p].response) for p in chosen) / len(chosen), 2))

    def _reason(self, example: Example) -> str:
        """Why an example is not wanted at all."""
        letters = len(example.response)
        if letters < self.shortest:
            return "short"
        if self.longest and letters > self.longest:
            return "long"
        return "unreflective" if self.reflective and reflections(example.response) < self.reflective else ""

    def _groups(self, work: Work, examples: list[Example]) -> list[str]:
        """The group of each example."""
        if self.balance == "none":
            return [""] * len(examples)
        if self.balance == "problem":
            return [example.problem for example in examples]
        of: Mapping[str, str] = {problem.id: getattr(problem, self.balance) for problem in work.open(self.problems)}
        return [of.get(example.problem, "") for example in examples]

    def _chosen(self, examples: list[Example], left: list[int], groups: list[str]) -> list[int]:
        luck = random.Random(self.seed)
        shuffled = luck.sample(left, len(left))
        ordered = sorted(shuffled, key=lambda place: self._rank(examples[place]))
        turns: Counter[str] = Counter()
        turn: dict[int, int] = {}
        for place in ordered:
            turn[place] = turns[groups[place]] if self.balance != "none" else 0
            turns[groups[place]] += 1
        in_turn = sorted(ordered, key=lambda place: turn[place])
        if self.rows is not None:
            return in_turn[: self.rows]
        smallest = min(turns.values(), default=0)
        return [place for place in in_turn if self.balance == "none" or turn[place] < smallest]

    def _rank(self, example: Example) -> float:
        """Lower comes first."""
        match self.prefer:
            case "reflective":
                return -reflections(example.response)
            case "longest":
                return -len(example.response)
            case "shortest":
                return len(example.response)
        return 0
