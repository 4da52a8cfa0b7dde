from pathlib import Path

import pytest

from o1exp.flow import StageFailed
from o1exp.thoughts.solutions import Solutions
from tests.thoughts.parts import Given, facts, store


def test_solutions_become_examples_and_missing_ones_are_counted(tmp_path: Path) -> None:
    here = store(tmp_path)
    stage = Solutions(problems=Given(count=4, solved=3))
    table = list(here.get(stage))
    assert [(row.id, row.prompt, row.response) for row in table][2] == ("p2#0", "What is 2 + 2?", "Twice 2 is 4.")
    assert {row.origin for row in table} == {"sums"}
    assert (facts(here, stage)["rows"], facts(here, stage)["without_solution"]) == (3, 1)


def test_no_solution_anywhere_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match=r"none of the 4 problems has a solution.*thought=distil"):
        store(tmp_path).get(Solutions(problems=Given(solved=0)))
