"""What a rule is: over one problem at a time, or over the whole table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from o1exp.curate.criteria import Criteria
from o1exp.flow import Work
from o1exp.records import Problem

if TYPE_CHECKING:
    from polars import DataFrame, Expr

    from o1exp.curate.words import Places

C = TypeVar("C", contravariant=True)


@dataclass(frozen=True)
class RowRule:
    """A rule over one problem. `ask` says in a few words what drops it, "" keeps it.

    `maybe` finds the problems that are worth asking about, by columns: it may find too many, never too few. Without it all are asked.
    """

    ask: Callable[[Problem, Criteria], str]
    maybe: "Callable[[Criteria], Expr] | None" = None
    reads: tuple[str, ...] = ("question", "answer")
    """The columns that it looks at."""


class Framed(Protocol):
    """Problems by columns, in parts."""

    def frames(self, columns: Sequence[str] = ()) -> "Iterator[DataFrame]": ...


class Problems(Framed, Protocol):
    """The same where some can also be read back, by their places in the table."""

    def at(self, places: "Places", columns: Sequence[str] = ()) -> "DataFrame":
        """In the order of the places."""
        ...


@dataclass(frozen=True)
class Drops:
    """What a rule over the whole table drops: places in the table, ascending, and `words`, which says why for some of them.

    The words are asked for when they are written, some ten thousand at once: of millions they are never held.
    """

    places: "Places"
    words: "Callable[[Places], Sequence[str]]"

    @classmethod
    def of(cls, words: Mapping[int, str]) -> "Drops":
        """Where there are few: the words by place."""
        import numpy as np

        return cls(np.array(sorted(words), np.int64), lambda some: [words[place] for place in some.tolist()])


Among = Callable[["Places"], Drops]
"""What is dropped where only the problems at these places, ascending, were in the table."""
WholeRule = Callable[[C, Problems, Work], Among]
"""A rule over the whole table, such as near-duplicates: it gets the filter with its settings and edges, the problems, and the work. It
looks at them once, and then says what it drops: of all problems, for the funnel, and of those that the rules before it left, which decides.

A table may be larger than the memory: a rule asks for the columns that it needs, holds numbers of each problem and no texts, and reads
back the few that it must see again.
"""
