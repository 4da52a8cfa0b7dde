"""Gold answers by id, as a dictionary would give them."""

from pathlib import Path

from o1exp.records import Problem, Table
from o1exp.records.table import write_table
from o1exp.thoughts.golds import Golds


def test_answers_are_found_by_id_and_the_last_of_one_id_counts(tmp_path: Path) -> None:
    rows = [Problem(id=f"p{n % 70}", question="?", answer=str(n)) for n in range(100)]
    write_table(tmp_path, Problem, rows)
    golds = Golds(Table.read(tmp_path, Problem))
    expected = {row.id: row.answer for row in rows}
    assert len(golds) == len(golds.covered) == 70
    assert {name: golds.answer(golds.find(name)) for name in expected} == expected
    assert len({golds.find(name) for name in expected}) == 70
    assert golds.find("p70") == golds.find("") == -1


def test_no_problems_have_no_answers(tmp_path: Path) -> None:
    write_table(tmp_path, Problem, [])
    golds = Golds(Table.read(tmp_path, Problem))
    assert (len(golds), golds.find("p0")) == (0, -1)
