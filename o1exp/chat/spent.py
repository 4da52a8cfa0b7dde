"""What the answers about each problem cost, kept beside the table of a stage that asks: arms are matched by it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.flow import Stage
from o1exp.records.table import Table, write_table

if TYPE_CHECKING:
    from o1exp.chat.client import Calls

FOLDER = "spent"
"""The part of the artefact with the costs."""


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What all answers about one problem cost when they were bought; tokens are those of prompts and answers."""

    problem: str
    requests: int
    tokens: int
    usd: float


class Spends:
    """Marks a stage that asks models and writes what each problem cost."""

    @property
    def asks(self) -> bool:
        """Does it, with these settings?"""
        return True


def asking(stage: Stage[Any]) -> Iterator[Stage[Any]]:
    """The stages from this one down that ask models about its rows, the first to ask first; each once."""
    seen: set[str] = set()

    def visit(one: Stage[Any]) -> Iterator[Stage[Any]]:
        if one.key not in seen:
            seen.add(one.key)
            for below in one.inputs.values():
                yield from visit(below)
            if isinstance(one, Spends) and one.asks:
                yield one

    return visit(stage)


def total(calls: "Iterable[Calls]") -> "Calls":
    """Counts over all of them."""
    from o1exp.chat.client import Calls

    return sum(calls, Calls())


def write(folder: Path, calls: "Mapping[str, Calls]") -> None:
    """By problem, in this order."""
    rows = (
        Spent(problem=name, requests=one.requests, tokens=one.prompt_tokens + one.completion_tokens, usd=round(one.usd, 9))
        for name, one in calls.items()
    )
    (folder / FOLDER).mkdir(exist_ok=True)
    write_table(folder / FOLDER, Spent, rows)


def read(stage: Stage[Any], folder: Path) -> list[Spent]:
    """Errors: ValueError for an artefact that was made before costs were kept."""
    if not (folder / FOLDER).is_dir():
        raise ValueError(
            f"{stage.kind} {stage.key} was made before the cost of each problem was kept; make it again with stale=remake "
            "(its answers come from the request cache, nothing is paid)"
        )
    return list(Table.read(folder / FOLDER, Spent))
