"""Checklists side by side: points by dimension, and what is missing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from o1exp.tti.checklist import NO, NOT_USED, Checklist
from o1exp.tti.index import DIMENSIONS, ITEMS, SUMS, TOTAL

if TYPE_CHECKING:
    from rich.console import Group

MARKS = {"yes": "yes", NO: "-", NOT_USED: "not used"}


def summary(checklists: Sequence[Checklist]) -> "Group":
    """The table for the terminal: sums by dimension, every item, then what each checklist lacks."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("item", no_wrap=True)
    table.add_column("points", justify="right")
    for checklist in checklists:
        table.add_column(checklist.name, justify="right")
    for dimension, title in DIMENSIONS.items():
        sums = [str(checklist.standing.points[dimension]) for checklist in checklists]
        table.add_row(title, str(SUMS[dimension]), *sums, style="bold")
        for item in ITEMS:
            if item.dimension == dimension:
                table.add_row("  " + item.short, str(item.points), *(_cell(c, item.id) for c in checklists))
    table.add_section()
    table.add_row("Total", str(TOTAL), *(str(c.standing.total) for c in checklists), style="bold")
    return Group(table, *(Text(line) for checklist in checklists for line in missing(checklist)))


def values(checklist: Checklist) -> dict[str, Any]:
    """The same as JSON values: sums by dimension, and every item with its answer."""
    points = checklist.standing.points
    items = [
        {
            "item": a.item.id, "dimension": a.item.dimension, "question": a.item.question, "of": a.item.points, "points": a.points,
            "answer": a.answer, "evidence": list(a.evidence), "note": a.note,
        }
        for a in checklist.answers.values()
    ]  # fmt: skip
    return {"name": checklist.name, "points": {**points, "total": checklist.standing.total}, "items": items}


def missing(checklist: Checklist) -> list[str]:
    """What would bring the rest of the points, the most points first."""
    lacking = [answer for answer in checklist.answers.values() if answer.answer == NO]
    head = f"\n{checklist.name}: {checklist.standing.total} of {TOTAL} points" + ("; missing:" if lacking else ", nothing is missing")
    order = sorted(lacking, key=lambda answer: -answer.item.points)
    return [head, *(f"  {a.item.points} {a.item.id}: {a.item.question}" + (f" ({a.note})" if a.note else "") for a in order)]


def _cell(checklist: Checklist, item: str) -> str:
    answer = checklist.answers[item]
    return f"{MARKS[answer.answer]} {answer.points}" if answer.points else MARKS[NO]
