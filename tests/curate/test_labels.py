"""What the rules find, against labels that were given by reading the problems and the ends of their solutions."""

import csv
from pathlib import Path

import pytest

from o1exp.curate.criteria import Criteria
from o1exp.curate.verdicts import ROWS
from tests.curate.sets import problems

LABELS = Path(__file__).parent / "labels.tsv"
"""Set and id; 1: a picture is referred to or needed, a proof is asked for its own sake, no final answer is labelled; 0: not; -: nobody
could say. Those with 1 under held_out were read whole, later, and no rule was changed for them.
"""
PRECISION, RECALL = 0.97, 0.95


def labels(held_out: str = "01") -> list[dict[str, str]]:
    with LABELS.open(newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["held_out"] in held_out]


def compared(shared_data: Path, rule: str, held_out: str) -> list[tuple[bool, bool]]:
    """What the rule says and what the reader said, for each row that has a label."""
    known = [(problems(shared_data)[row["set"]][row["id"]], row[rule] == "1") for row in labels(held_out) if row[rule] != "-"]
    return [(bool(ROWS[rule].ask(problem, Criteria())), wanted) for problem, wanted in known]


@pytest.mark.parametrize("rule", ["image", "proof", "no_answer"])
def test_a_rule_finds_what_a_reader_finds(shared_data: Path, rule: str) -> None:
    found = compared(shared_data, rule, "0")
    assert len(found) >= 300
    both = found.count((True, True))
    assert both / sum(said for said, _ in found) >= PRECISION
    assert both / sum(wanted for _, wanted in found) >= RECALL


@pytest.mark.parametrize(("rule", "rows", "found", "missed"), [("image", 150, 0, 1), ("proof", 150, 13, 0), ("no_answer", 149, 12, 0)])
def test_what_a_rule_finds_among_rows_that_it_was_not_made_with(shared_data: Path, rule: str, rows: int, found: int, missed: int) -> None:
    said = compared(shared_data, rule, "1")
    assert len(said) == rows
    assert (said.count((True, True)), said.count((False, True)), said.count((True, False))) == (found, missed, 0)


def test_labels_hold_ids_alone() -> None:
    rows = labels()
    assert {name for row in rows for name in row} == {"set", "id", "image", "proof", "no_answer", "held_out"}
    assert len({(row["set"], row["id"]) for row in rows}) == len(rows) > 400
