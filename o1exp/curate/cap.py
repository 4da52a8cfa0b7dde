"""A budget for training data: so many rows or tokens, or as many as another arm has."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from o1exp.chat.servers.tokens import tokenizer_of
from o1exp.flow import AtLeast, Expect, Role, Stage, Work
from o1exp.flow.checkpoint import Checkpoint
from o1exp.records import Example, Table

_CHUNK = 256


@dataclass(frozen=True, kw_only=True)
class Cap(Stage[Table[Example]]):
    """A random part of the examples, in their order, within a budget of `rows` or `tokens`; 0 is no limit.

    With `like` the budget is what that table has, its rows or tokens as `by` says: two arms are then matched. Tokens are those of prompt
    and response in the tokenizer of `model`, without the marks of a chat template. Examples are drawn by `seed` until the next would exceed
    the budget. Errors: ValueError where nothing fits, or where a matched budget is larger than all there is.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "a budget of rows or tokens"

    examples: Stage[Table[Example]]
    model: Stage[Checkpoint]
    like: Stage[Table[Example]] | None = None
    by: Literal["rows", "tokens"] = "rows"
    rows: Annotated[int, AtLeast(0)] = 0
    tokens: Annotated[int, AtLeast(0)] = 0
    seed: Annotated[int, AtLeast(0)] = 0

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not (self.rows or self.tokens or self.like):
            yield "rows", "says no budget: give rows, tokens, or like, a table to be matched"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        came, other = inputs.get("examples", Expect()), inputs.get("like", Expect())
        wanted = [rows for rows in (came.rows, self.rows or None, other.rows if self.by == "rows" else None) if rows is not None]
        each, tokens = came.tokens_per_row, other.tokens if self.by == "tokens" and other.tokens else self.tokens
        by_tokens = [tokens / each] if tokens and each else []
        return Expect(rows=min([*wanted, *by_tokens], default=None), tokens_per_row=each)

    def make(self, work: Work) -> None:
        examples = list(work.open(self.examples))
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
        work.note(dropped={"surplus": len(examples) - len(chosen)}, **used)

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
