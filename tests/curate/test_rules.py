import json
from pathlib import Path

import pytest

from o1exp.curate.funnel import DROPPED
from o1exp.curate.rules import Rules
from o1exp.flow import StageFailed, Store
from o1exp.sources.local import Local
from tests.chat.parts import quiet_store

ROWS = [
    ("What is 1+1?", "2", None),
    ("In the figure below, find x.", "3", "image"),
    ("Prove that 2 is even.", "proof", "proof"),
    ("Find x.", "", "no_answer"),
    ("Find f.", "f(x)=x^2", "not_numerical"),
    ("[asy] draw(A--B); [/asy] Find AB.", "5", "image"),
    ("Find the probability.", r"\frac{3}{7}", None),
]
"""Question, answer, and the rule that drops it."""


def _source(tmp_path: Path) -> Local:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"problem": q, "answer": a, "solution": ""} for q, a, _ in ROWS]))
    return Local(path=str(path))


def test_the_paper_filter_keeps_numerical_answers_and_counts_what_it_drops(tmp_path: Path) -> None:
    store, rules = Store(tmp_path), Rules(problems=_source(tmp_path))
    assert [p.question for p in store.get(rules)] == [q for q, _, reason in ROWS if reason is None]
    manifest = store.manifest(rules)
    assert manifest is not None
    assert manifest.facts["dropped"] == {"image": 2, "no_answer": 1, "not_numerical": 1, "proof": 1}


def test_what_is_dropped_is_listed_and_a_rule_that_drops_most_is_warned_of(tmp_path: Path) -> None:
    store, said = quiet_store(tmp_path)
    rules = Rules(problems=_source(tmp_path))
    store.get(rules)
    listed = [line.split("\t") for line in (store.folder(rules) / DROPPED).read_text().splitlines()]
    assert [(row, *rest) for row, _, *rest in listed[:3]] == [
        ("2", "image", "In the figure"), ("3", "proof", "Prove that"), ("4", "no_answer", "(empty)"),
    ]  # fmt: skip
    assert "dropped of 7 problems: image 2, no_answer 1, proof 1, choice 0, not_numerical 1; each is in dropped.tsv" in said.getvalue()
    assert "warning" not in said.getvalue()
    path = tmp_path / "points.json"
    path.write_text(json.dumps([{"problem": "Find x.", "answer": answer} for answer in ("1", "(1, 2)", "y=x")]))
    store.get(Rules(problems=Local(path=str(path))))
    assert (
        "warning the rule not_numerical dropped 67% of the problems; look at dropped.tsv, or set filter.not_numerical=false"
        in said.getvalue()
    )


@pytest.mark.parametrize("rule", ["image", "proof", "no_answer", "choice", "not_numerical"])
def test_each_rule_can_be_switched_off(tmp_path: Path, rule: str) -> None:
    rules = Rules(problems=_source(tmp_path)).replace(**{rule: "keep" if rule == "choice" else False})
    dropped = Store(tmp_path)
    dropped.get(rules)
    manifest = dropped.manifest(rules)
    assert manifest is not None
    assert rule not in manifest.facts["dropped"]


def test_a_filter_that_drops_all_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"problem": "Prove it.", "answer": "proof"}]))
    with pytest.raises(StageFailed, match="dropped all problems"):
        Store(tmp_path).get(Rules(problems=Local(path=str(path))))


def test_real_olympiad_problems(shared_data: Path, tmp_path: Path) -> None:
    store, rules = Store(tmp_path), Rules(problems=Local(path=str(shared_data / "olympiadbench" / "test.jsonl")))
    kept = list(store.get(rules))
    assert 300 < len(kept) < 675
    assert all(problem.answer for problem in kept)
