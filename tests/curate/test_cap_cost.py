"""Arms are matched by what their teachers read and wrote, problem by problem."""

from pathlib import Path

import pytest

from o1exp.chat import spent
from o1exp.chat.servers.loopback import Loopback
from o1exp.config.compose import composed
from o1exp.config.graph import Graph
from o1exp.curate.cap import Cap
from o1exp.flow import SettingsError, StageFailed
from o1exp.thoughts.distil import Distil
from o1exp.thoughts.solutions import Solutions
from o1exp.thoughts.verify import Rejection
from o1exp.train.bases.small import Untrained
from tests.thoughts.parts import Given, Sums, boxed, facts, store, teacher

PROBLEMS = Given(count=9)
EACH = 5 + 7
"""Tokens of one try."""


def tries(n: int) -> int:
    """So many tries problem n takes; the third of each three is never solved."""
    return (1, 2, 4)[n % 3]


def server() -> Sums:
    return Sums(lambda n, times: boxed(2 * n if times + 1 >= tries(n) and n % 3 < 2 else -1))


def test_problems_are_taken_until_their_tries_have_cost_the_budget(tmp_path: Path) -> None:
    with Loopback(server()) as at:
        priced = teacher(at.base_url, usd_per_million_prompt=1e5, usd_per_million_completion=1e5)
        found = Distil(problems=PROBLEMS, teacher=priced)
        kept = Rejection(thoughts=found, problems=PROBLEMS)
        cap = Cap(examples=kept, model=Untrained(), teacher_tokens=11 * EACH)
        here = store(tmp_path)
        chosen = {example.problem for example in here.get(cap)}
        costs = {one.problem: one for one in spent.read(found, here.folder(found))}
        told = facts(here, cap)
        dollars = cap.replace(teacher_tokens=0, usd=11 * EACH / 10)
        assert {example.problem for example in here.get(dollars)} == chosen
        larger = cap.replace(teacher_tokens=15 * EACH)
        assert {example.problem for example in here.get(larger)} > chosen
        rows = cap.replace(rows=1)
        assert len(here.get(rows)) == 1
        with pytest.raises(StageFailed, match="not one problem fits into the budget; the cheapest cost 12"):
            here.get(cap.replace(teacher_tokens=1))
    assert {name: one.requests for name, one in costs.items()} == {f"p{n}": tries(n) for n in range(9)}
    assert all((one.tokens, one.usd) == (one.requests * EACH, one.requests * EACH / 10) for one in costs.values())
    assert told["spent_before"] == 21 * EACH
    assert 7 * EACH < told["spent_kept"] <= 11 * EACH
    assert told["problems_kept"] > len(chosen), "what was spent in vain counts too"


def test_two_ways_take_the_same_problems_as_far_as_they_come(tmp_path: Path) -> None:
    """The dearer way is left with fewer: the order of the problems is the same."""
    taken = []
    here = store(tmp_path)
    with Loopback(Sums(lambda n, times: boxed(2 * n))) as at:
        for draws in (1, 3):
            way = Distil(problems=PROBLEMS, teacher=teacher(at.base_url), draws=draws, until_right=False)
            cap = Cap(examples=Rejection(thoughts=way, problems=PROBLEMS), model=Untrained(), teacher_tokens=8 * EACH)
            taken.append({example.problem for example in here.get(cap)})
    assert [len(names) for names in taken] == [8, 2]
    assert taken[1] < taken[0]


def test_a_budget_that_limits_nothing_is_refused_or_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no model was asked for these examples"):
        Cap(examples=Solutions(problems=PROBLEMS), model=Untrained(), teacher_tokens=5)
    with pytest.raises(SettingsError, match="two budgets for the same problems"):
        Cap(examples=Distil(problems=PROBLEMS, teacher=teacher("")), model=Untrained(), teacher_tokens=5, usd=1.0)
    with Loopback(server()) as at:
        free = Distil(problems=PROBLEMS, teacher=teacher(at.base_url))
        with pytest.raises(StageFailed, match="no answer has a price"):
            store(tmp_path).get(Cap(examples=free, model=Untrained(), usd=1.0))
        old = store(tmp_path).folder(free) / spent.FOLDER
        (old / "rows.parquet").unlink()
        old.rmdir()
        with pytest.raises(ValueError, match=r"made before the cost of each problem was kept; make it again with stale=remake"):
            spent.read(free, old.parent)


def test_every_model_that_was_asked_counts() -> None:
    capped = Graph(composed(["thought=tree", "cap=budget", "cap.teacher_tokens=1000"])).stage("cap")
    assert {edge: stage.kind for edge, stage in capped.inputs.items() if edge.startswith("asking")} == {
        "asking.0": "TreeSearch", "asking.1": "Rewrite",
    }  # fmt: skip
    plain = Graph(composed(["thought=tree", "cap=budget", "cap.rows=10"])).stage("cap")
    assert set(plain.inputs) == {"examples", "model"}
