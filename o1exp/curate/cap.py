"""A budget for training data: so many rows or tokens, as many as another arm has, or what the teachers may have cost."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from o1exp.chat import spent
from o1exp.chat.servers.tokens import tokenizer_of
from o1exp.flow import AtLeast, Expect, Role, Stage, Work, added
from o1exp.flow.checkpoint import Checkpoint
from o1exp.records import Example, Table

_CHUNK = 256


@dataclass(frozen=True, kw_only=True)
class Cap(Stage[Table[Example]]):
    """A random part of the examples, in their order, within a budget of `rows` or `tokens`; 0 is no limit.

    With `like` the budget is what that table has, its rows or tokens as `by` says: two arms are then matched. Tokens are those of prompt
    and response in the tokenizer of `model`, without the marks of a chat template. Examples are drawn by `seed` until the next would exceed
    the budget.

    With `teacher_tokens` or `usd` problems are drawn first, in an order that `seed` and their ids alone decide, until what models were
    asked about the next one would exceed the budget; prompts count, and so do problems from which no example came. Rows and tokens are
    then those of the problems that are left. Errors: ValueError where nothing fits, or where a matched budget is larger than all there is.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "a budget of rows or tokens"

    examples: Stage[Table[Example]]
    model: Stage[Checkpoint]
    like: Stage[Table[Example]] | None = None
    by: Literal["rows", "tokens"] = "rows"
    rows: Annotated[int, AtLeast(0)] = 0
    tokens: Annotated[int, AtLeast(0)] = 0
    teacher_tokens: Annotated[int, AtLeast(0)] = added(0)
    """What all models that wrote, judged or rewrote may have read and written for the examples."""
    usd: Annotated[float, AtLeast(0)] = added(0.0)
    """The same in dollars, at what the answers cost when they were bought."""
    seed: Annotated[int, AtLeast(0)] = 0

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not (self.rows or self.tokens or self.like or self._by_cost):
            yield "rows", "says no budget: give rows, tokens, teacher_tokens, usd, or like, a table to be matched"
        if self.teacher_tokens and self.usd:
            yield "usd", "and teacher_tokens are two budgets for the same problems; give one of them"
        if self._by_cost and isinstance(self.examples, Stage) and not self._asking():
            yield "teacher_tokens" if self.teacher_tokens else "usd", "limits nothing: no model was asked for these examples; give rows"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        came, other = inputs.get("examples", Expect()), inputs.get("like", Expect())
        wanted = [rows for rows in (came.rows, self.rows or None, other.rows if self.by == "rows" else None) if rows is not None]
        each, tokens = came.tokens_per_row, other.tokens if self.by == "tokens" and other.tokens else self.tokens
        by_tokens = [tokens / each] if tokens and each else []
        return Expect(rows=min([*wanted, *by_tokens], default=None), tokens_per_row=each)

    def make(self, work: Work) -> None:
        examples = before = list(work.open(self.examples))
        if self._by_cost:
            within = self._within(work)
            examples = [example for example in before if example.problem in within]
            if not examples:
                raise ValueError(f"no example is of the {len(within)} problems within the budget; raise it")
        lengths = self._lengths(work, examples) if self._counts_tokens else [0] * len(examples)
        rows, tokens = self._budget(work)
        if self.like is not None and (rows > len(examples) or tokens > sum(lengths)):
            there = f"{len(examples)} rows" if rows else f"{sum(lengths)} tokens"
            raise ValueError(f"like asks for {rows or tokens} {self.by}, but there are only {there}; match the other arm to this one")
        chosen = self._drawn(lengths, rows or len(examples), tokens)
        if not chosen:
            raise ValueError(f"no example fits into {tokens} tokens (the shortest has {min(lengths, default=0)}); raise tokens")
        work.write(Example, (examples[place] for place in sorted(chosen)))
        used = {"tokens_kept": sum(lengths[place] for place in chosen), "tokens_before": sum(lengths)} if self._counts_tokens else {}
        work.note(dropped={"surplus": len(before) - len(chosen)}, **used)

    def _edges(self) -> Iterator[tuple[str, Stage[Any]]]:
        yield from super()._edges()
        if self._by_cost:
            yield from ((f"asking.{place}", stage) for place, stage in enumerate(self._asking()))

    @property
    def _by_cost(self) -> bool:
        return bool(self.teacher_tokens or self.usd)

    def _asking(self) -> list[Stage[Any]]:
        return list(spent.asking(self.examples))

    def _within(self, work: Work) -> set[str]:
        """The problems within the budget of teacher tokens or dollars."""
        costs: dict[str, float] = {}
        for stage in self._asking():
            for one in spent.read(stage, work.open(stage).path.parent):
                costs[one.problem] = costs.get(one.problem, 0) + (one.tokens if self.teacher_tokens else one.usd)
        if not any(costs.values()):
            raise ValueError("no answer has a price: set the prices of the teachers, or use teacher_tokens instead of usd")
        left, found = float(self.teacher_tokens or self.usd), set[str]()
        order = sorted(costs)
        for name in random.Random(self.seed).sample(order, len(order)):
            if costs[name] > left:
                break
            found.add(name)
            left -= costs[name]
        if not found:
            raise ValueError(f"not one problem fits into the budget; the cheapest cost {min(costs.values()):g}")
        kept, whole = (sum(costs[name] for name in names) for names in (found, costs))
        if len(found) == len(costs):
            work.console.line(
                f"[yellow]warning[/] all problems together cost {whole:,.6g}, less than the budget: this arm is smaller than it"
            )
        work.note(problems_kept=len(found), problems_before=len(costs), spent_kept=round(kept, 6), spent_before=round(whole, 6))
        return found

    @property
    def _counts_tokens(self) -> bool:
        return bool(self.tokens) or (self.like is not None and self.by == "tokens")

    def _budget(self, work: Work) -> tuple[int, int]:
        """Rows and tokens; 0 for no limit."""
        if self.like is None:
            return self.rows, self.tokens
        other = work.open(self.like)
        return (len(other), self.tokens) if self.by == "rows" else (self.rows, sum(self._lengths(work, other)))

    def _lengths(self, work: Work, examples: Iterable[Example]) -> list[int]:
        tokenizer = tokenizer_of(work.open(self.model))
        texts = [text for example in examples for text in (example.prompt, example.response)]
        found: list[int] = []
        for first in range(0, len(texts), _CHUNK):
            found += map(len, tokenizer(texts[first : first + _CHUNK], add_special_tokens=False)["input_ids"])
        return [prompt + response for prompt, response in zip(found[::2], found[1::2], strict=True)]

    def _drawn(self, lengths: list[int], rows: int, tokens: int) -> list[int]:
        chosen: list[int] = []
        left = tokens
        for place in random.Random(self.seed).sample(range(len(lengths)), len(lengths)):
            if len(chosen) == rows or (tokens and lengths[place] > left):
                break
            chosen.append(place)
            left -= lengths[place]
        return chosen
