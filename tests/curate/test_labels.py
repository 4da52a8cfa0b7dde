"""What the rules find, against labels that were given by reading the problems and the ends of their solutions."""

import csv
from pathlib import Path

import pytest

from o1exp.curate.criteria import Criteria
from o1exp.curate.verdicts import ROWS
from tests.curate.sets import problems

LABELS = Path(__file__).parent / "labels.tsv"
"""Set and id; 1: a picture is referred to, a proof is asked for its own sake, no final answer is labelled; 0: not; -: nobody could say."""
PRECISION, RECALL = 0.97, 0.95


def labels() -> list[dict[str, str]]:
    with LABELS.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize("rule", ["image", "proof", "no_answer"])
def test_a_rule_finds_what_a_reader_finds(shared_data: Path, rule: str) -> None:
    known = [(problems(shared_data)[row["set"]][row["id"]], row[rule] == "1") for row in labels() if row[rule] != "-"]
    assert len(known) >= 300
    found = [(bool(ROWS[rule].ask(problem, Criteria())), wanted) for problem, wanted in known]
    both = found.count((True, True))
    assert both / sum(said for said, _ in found) >= PRECISION
    assert both / sum(wanted for _, wanted in found) >= RECALL


def test_labels_hold_ids_alone() -> None:
    rows = labels()
    assert {name for row in rows for name in row} == {"set", "id", "image", "proof", "no_answer"}
    assert len({(row["set"], row["id"]) for row in rows}) == len(rows) > 400
