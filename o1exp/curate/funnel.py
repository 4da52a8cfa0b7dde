"""What the rules of a filter dropped: each alone, and in order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polars import DataFrame

DROPPED = "dropped.tsv"
EXAMPLES, _LONGEST = 3, 200
"""Examples of a rule that the facts keep, and letters of what is quoted."""
Drops = Mapping[int, str]
"""The words that drop a problem, by its place in the table."""


@dataclass(frozen=True)
class Step:
    """One rule of the funnel: `alone` it drops so many of all problems, in its turn `dropped` of those that came to it."""

    rule: str
    alone: int
    dropped: int
    left: int
    examples: tuple[dict[str, Any], ...] = ()
    """The first that it dropped in its turn: id, matched words, the question's beginning."""


@dataclass
class Funnel:
    """Collects, rule by rule, what is dropped of `total` problems."""

    total: int
    by: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Place in the table -> the first rule that drops the problem, and the words."""
    alone: dict[str, int] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)

    def take(self, rule: str, alone: int, drops: Drops) -> None:
        """The next rule; of its `drops` those count that no rule before it had."""
        before = len(self.by)
        for place, words in drops.items():
            self.by.setdefault(place, (rule, words))
        self.alone[rule], self.turns[rule] = alone, len(self.by) - before

    @property
    def kept(self) -> int:
        return self.total - len(self.by)

    def steps(self, table: "DataFrame") -> list[Step]:
        """The funnel with examples from the table that it was made of."""
        found: list[Step] = []
        shown = self._shown(table)
        for rule, dropped in self.turns.items():
            left = (found[-1].left if found else self.total) - dropped
            found.append(Step(rule, self.alone[rule], dropped, left, tuple(shown.get(rule, ()))))
        return found

    def _shown(self, table: "DataFrame") -> dict[str, list[dict[str, Any]]]:
        examples: dict[str, list[dict[str, Any]]] = {}
        for place, (rule, words) in sorted(self.by.items()):
            if len(some := examples.setdefault(rule, [])) < EXAMPLES:
                name, question = table["id"][place], table["question"][place]
                some.append({"id": name, "words": one_line(words), "question": one_line(question)})
        return examples

    def write(self, folder: Path, table: "DataFrame") -> None:
        """All that were dropped, a line each: row of the source, id, rule, and the words that were matched."""
        rows, names = table["row"].to_list(), table["id"].to_list()
        cells = ((str(rows[place]), names[place], rule, words) for place, (rule, words) in sorted(self.by.items()))
        lines = ("\t".join(map(one_line, line)) + "\n" for line in cells)
        (folder / DROPPED).write_text("".join(lines), encoding="utf-8")

    def in_words(self) -> str:
        return ", ".join(f"{rule} {count}" for rule, count in self.turns.items())


def one_line(text: str) -> str:
    return " ".join(text[:_LONGEST].split())


def read_steps(facts: Mapping[str, Any]) -> list[Step]:
    """The funnel that a filter noted in its facts; none for another stage."""
    rows: Iterable[Mapping[str, Any]] = facts.get("funnel", ())
    return [Step(row["rule"], row["alone"], row["dropped"], row["left"], tuple(row["examples"])) for row in rows]
