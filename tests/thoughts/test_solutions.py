import json
from pathlib import Path

import pytest

from o1exp.flow import StageFailed, Store
from o1exp.thoughts.labelled import RightSolutions
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


def test_right_solutions_out_of_labelled_steps(tmp_path: Path) -> None:
    """A way with a wrong step is none, and of two rows of one question the first counts."""

    def row(question: str, *steps: tuple[str, int]) -> dict[str, object]:
        label = [{"completions": [{"text": text, "rating": rating}], "chosen_completion": 0} for text, rating in steps]
        return {"question": {"problem": question, "ground_truth_answer": "4"}, "label": {"steps": label}}

    rows = [
        row("2+2?", ("Two and two.", 1), ("The answer is 4.", 1)), row("2+2?", ("The answer is 4.", 1)),
        row("1+3?", ("One and two.", -1), ("The answer is 4.", 1)), row("3+1?", ("So 5.", 1)), row("0+4?", ("\\boxed{4}", 0)),
    ]  # fmt: skip
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    store = Store(tmp_path / "o")
    stage = RightSolutions(path=str(tmp_path / "x.jsonl"))
    found = list(store.get(stage))
    assert [(one.prompt, one.response) for one in found] == [("2+2?", "Two and two.\nThe answer is 4."), ("0+4?", "\\boxed{4}")]
    manifest = store.manifest(stage)
    assert manifest is not None
    assert (manifest.facts["rows_read"], manifest.facts["without_way"], manifest.facts["again"]) == (5, 2, 1)
    assert len(list(store.get(stage.replace(limit=1)))) == 1


def test_prm800k_s_own_rows_have_right_solutions(shared_data: Path, tmp_path: Path) -> None:
    found = list(Store(tmp_path).get(RightSolutions(path=str(shared_data / "steps" / "prm800k_phase1_train.json"))))
    assert found
    assert {one.origin for one in found} == {"prm800k"}
