"""What a rule is: over one problem at a time, or over the whole table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from o1exp.curate.criteria import Criteria
from o1exp.flow import Work
from o1exp.records import Problem

if TYPE_CHECKING:
    from polars import DataFrame, Expr

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


WholeRule = Callable[[C, "DataFrame", Work], Mapping[int, str]]
"""A rule over the whole table, such as near-duplicates: it gets the filter with its settings and edges, the problems by columns (all but
the solution), and the work, and gives the words that drop a problem by its place in that frame.

It is asked twice where rules before it dropped something: of all problems, for the funnel, and last of those that are left, which decides.
"""
