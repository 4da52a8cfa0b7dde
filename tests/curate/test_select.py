"""Which examples are trained on, and within which budget."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from o1exp.config.compose import composed
from o1exp.config.graph import Graph
from o1exp.curate.cap import Cap
from o1exp.curate.select import Select
from o1exp.flow import Stage, StageFailed, Store, Work
from o1exp.flow.check import SettingsError
from o1exp.records import Example, Problem, Table
from o1exp.train.bases.small import Untrained


@dataclass(frozen=True, kw_only=True)
class Thoughts(Stage[Table[Example]]):
    """Example n of problem n % 3 says "wait" n times."""

    count: int = 12

    def make(self, work: Work) -> None:
        work.write(Example, (Example(problem=f"p{n % 3}", prompt="1+1", response="Wait. " * n + "2", draw=n) for n in range(self.count)))


@dataclass(frozen=True, kw_only=True)
class Asked(Stage[Table[Problem]]):
    """p0 and p1 are of one part of their set, p2 of another."""

    def make(self, work: Work) -> None:
        work.write(Problem, (Problem(id=f"p{n}", question="?", answer="2", subset="ab"[n // 2]) for n in range(3)))


SELECT = Select(examples=Thoughts(), problems=Asked())
CAP = Cap(examples=Thoughts(), model=Untrained(), rows=5)


def draws(folder: Path, stage: Select | Cap) -> list[int]:
    return [example.draw for example in Store(folder).get(stage)]


def test_length_and_reflection_decide_and_the_order_stays(tmp_path: Path) -> None:
    assert draws(tmp_path, SELECT.replace(reflective=8)) == [8, 9, 10, 11]
    assert draws(tmp_path, SELECT.replace(reflective=2, longest=25)) == [2, 3, 4]
    assert draws(tmp_path, SELECT.replace(prefer="reflective", rows=3)) == [9, 10, 11]
    assert draws(tmp_path, SELECT.replace(prefer="shortest", rows=3)) == [0, 1, 2]
    store, stage = Store(tmp_path), SELECT.replace(reflective=8, rows=3)
    store.get(stage)
    manifest = store.manifest(stage)
    assert manifest is not None
    assert manifest.facts["dropped"] == {"unreflective": 8, "surplus": 1}
    with pytest.raises(StageFailed, match=r"none of 12 examples is selected.*ask for less"):
        store.get(SELECT.replace(reflective=50))


def test_groups_are_balanced(tmp_path: Path) -> None:
    assert Counter(draw % 3 for draw in draws(tmp_path, SELECT.replace(balance="problem", rows=6))) == {0: 2, 1: 2, 2: 2}
    by_part = Counter("ab"[draw % 3 // 2] for draw in draws(tmp_path, SELECT.replace(balance="subset")))
    assert by_part == {"a": 4, "b": 4}
    best = draws(tmp_path, SELECT.replace(balance="problem", prefer="longest", rows=3))
    assert best == [9, 10, 11]


def test_a_budget_of_rows_or_tokens(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert len(store.get(CAP)) == 5
    by_tokens = CAP.replace(rows=0, tokens=150)
    store.get(by_tokens)
    manifest = store.manifest(by_tokens)
    assert manifest is not None
    assert 100 < manifest.facts["tokens_kept"] <= 150 < manifest.facts["tokens_before"]
    with pytest.raises(StageFailed, match="no example fits into 1 tokens"):
        store.get(CAP.replace(rows=0, tokens=1))
    with pytest.raises(SettingsError, match="says no budget"):
        CAP.replace(rows=0)


def test_an_arm_is_matched_to_another(tmp_path: Path) -> None:
    store = Store(tmp_path)
    like = CAP.replace(rows=0, like=Thoughts(count=4))
    assert len(store.get(like)) == 4
    tokens = like.replace(by="tokens")
    store.get(tokens)
    found, other = store.manifest(tokens), CAP.replace(examples=Thoughts(count=4), rows=0, tokens=10_000)
    store.get(other)
    whole = store.manifest(other)
    assert found is not None
    assert whole is not None
    assert 0 < found.facts["tokens_kept"] <= whole.facts["tokens_before"]
    with pytest.raises(StageFailed, match="like asks for 12 rows, but there are only 4 rows"):
        store.get(CAP.replace(examples=Thoughts(count=4), rows=0, like=Thoughts()))


def test_off_by_default_they_leave_the_keys_behind_as_they_are() -> None:
    plain = Graph(composed([]))
    assert plain.stage("cap").key == plain.stage("select").key == plain.stage("verify").key
    assert plain.stage("think").inputs == replace(plain.stage("think"), data=plain.stage("verify")).inputs  # type: ignore[call-arg]
    chosen = Graph(composed(["select=reflective", "cap=budget", "cap.tokens=1000", "cap.like=${reformat}"])).stage("cap")
    assert [stage.kind for stage in chosen.inputs.values()] == ["Select", "Untrained", "Solutions"]
