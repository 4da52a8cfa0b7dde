"""What the rules of a filter dropped: each alone, and in order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.curate.asked import Part, one_line
from o1exp.curate.rule import Drops, Framed

if TYPE_CHECKING:
    from polars import DataFrame

    from o1exp.curate.words import Places

DROPPED = "dropped.tsv"
EXAMPLES = 3
"""Examples of a rule that the facts keep."""
_TOGETHER = 1 << 16
"""Words of a rule over the whole table that are held at a time."""


@dataclass(frozen=True)
class Step:
    """One rule of the funnel: `alone` it drops so many of all problems, in its turn `dropped` of those that came to it."""

    rule: str
    alone: int
    dropped: int
    left: int
    examples: tuple[dict[str, Any], ...] = ()
    """The first that it dropped in its turn: id, matched words, the question's beginning."""


class Funnel:
    """Collects, rule by rule, what is dropped of a table.

    A byte is held for each problem, and a number for each that a rule over the whole table drops; the rest lies in the files of `parts`.
    """

    def __init__(self, parts: Sequence[Part], rules: Iterable[str]) -> None:
        import numpy as np

        self.alone = {rule: sum(part.alone[rule] for part in parts) for rule in rules}
        self.turns = dict.fromkeys(self.alone, 0)
        self.total = sum(part.height for part in parts)
        self._parts = parts
        self._names = list(self.alone)
        self._by = np.zeros(self.total, np.uint8)
        """One more than the place of the first rule that drops a problem in `_names`; 0 for what is kept."""
        self._later: dict[int, Drops] = {}
        """What rules over the whole table dropped in their turn, by what stands for them in `_by`."""
        self._examples: dict[str, list[dict[str, Any]]] = {}
        for part in parts:
            for place, (rule, _) in part.drops().items():
                self._by[place] = 1 + self._names.index(rule)
                self.turns[rule] += 1

    def take(self, rule: str, alone: int, drops: Drops) -> None:
        """The next rule, one over the whole table; of its `drops` those count that no rule before it had."""
        new = drops.places[self._by[drops.places] == 0]
        self._names.append(rule)
        self._by[new] = len(self._names)
        self._later[len(self._names)] = Drops(new, drops.words)
        self.alone[rule], self.turns[rule] = alone, len(new)

    @property
    def left(self) -> "Places":
        """The places of the problems that no rule dropped yet."""
        import numpy as np

        return np.flatnonzero(self._by == 0)

    @property
    def kept(self) -> int:
        import numpy as np

        return self.total - int(np.count_nonzero(self._by))

    def through(self, table: Framed, folder: Path) -> "Iterator[DataFrame]":
        """The problems that are kept, as they came. On the way the others are listed: row of the source, id, rule, matched words."""
        import numpy as np

        later = {number: _in_turn(drops) for number, drops in self._later.items()}
        with (folder / DROPPED).open("w", encoding="utf-8") as file:
            for part, frame in zip(self._parts, table.frames(), strict=True):
                by = self._by[part.first : part.first + part.height]
                gone, said = np.flatnonzero(by), part.drops()
                cells = frame.select("row", "id", "question")[gone].iter_rows()
                for place, (row, name, question) in zip(gone.tolist(), cells, strict=True):
                    rule = self._names[by[place] - 1]
                    words = one_line(next(later[by[place]])) if by[place] in later else said[part.first + place][1]
                    file.write("\t".join(map(one_line, (str(row), name, rule, words))) + "\n")
                    self._show(rule, name, words, question)
                yield frame[np.flatnonzero(by == 0)]

    def _show(self, rule: str, name: str, words: str, question: str) -> None:
        if len(some := self._examples.setdefault(rule, [])) < EXAMPLES:
            some.append({"id": name, "words": words, "question": one_line(question)})

    def steps(self) -> list[Step]:
        """The funnel; with examples once the problems went through."""
        found: list[Step] = []
        for rule, dropped in self.turns.items():
            left = (found[-1].left if found else self.total) - dropped
            found.append(Step(rule, self.alone[rule], dropped, left, tuple(self._examples.get(rule, ()))))
        return found

    def in_words(self) -> str:
        return ", ".join(f"{rule} {count}" for rule, count in self.turns.items())


def _in_turn(drops: Drops) -> Iterator[str]:
    for first in range(0, len(drops.places), _TOGETHER):
        yield from drops.words(drops.places[first : first + _TOGETHER])


def read_steps(facts: Mapping[str, Any]) -> list[Step]:
    """The funnel that a filter noted in its facts; none for another stage."""
    rows: Iterable[Mapping[str, Any]] = facts.get("funnel", ())
    return [Step(row["rule"], row["alone"], row["dropped"], row["left"], tuple(row["examples"])) for row in rows]
