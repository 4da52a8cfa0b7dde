"""Preference pairs from graded attempts, and mixed data."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from o1exp.curate.pairs import Pairs
from o1exp.flow import SettingsError, Stage, StageFailed, Store, Work
from o1exp.records import Attempt, Pair, Problem, Score, Table


@dataclass(frozen=True, kw_only=True)
class Problems(Stage[Table[Problem]]):
    """Three problems."""

    def make(self, work: Work) -> None:
        work.write(Problem, (Problem(id=name, question=f"{name}?", answer="1") for name in "abc"))


@dataclass(frozen=True, kw_only=True)
class Attempts(Stage[Table[Attempt]]):
    """Attempts by verdict, one letter each: r(ight), w(rong), u(nscored), t(runcated and wrong), s(ame text as the first), by problem."""

    verdicts: dict[str, str]

    def rows(self) -> Iterator[tuple[str, int, str]]:
        return ((problem, draw, verdict) for problem, verdicts in self.verdicts.items() for draw, verdict in enumerate(verdicts))

    def make(self, work: Work) -> None:
        work.write(Attempt, (self._attempt(*row) for row in self.rows()))

    def _attempt(self, problem: str, draw: int, verdict: str) -> Attempt:
        text = f"{problem} {0 if verdict == 's' else draw}"
        return Attempt(problem=problem, draw=draw, text=text, tokens=3, finish_reason="length" if verdict == "t" else "stop")


@dataclass(frozen=True, kw_only=True)
class Graded(Stage[Table[Score]]):
    """Their scores."""

    attempts: Stage[Table[Attempt]]

    def make(self, work: Work) -> None:
        assert isinstance(self.attempts, Attempts)
        work.write(Score, (self._score(*row) for row in self.attempts.rows()))

    def _score(self, problem: str, draw: int, verdict: str) -> Score:
        correct = {"r": True, "s": True, "u": None}.get(verdict, False)
        return Score(problem=problem, draw=draw, correct=correct, extracted="", method="", tokens=3, truncated=verdict == "t")


def pairs_of(**verdicts: str) -> Pairs:
    return Pairs(graded=Graded(attempts=Attempts(verdicts=verdicts)), problems=Problems())


def made(root: Path, stage: Pairs) -> tuple[list[Pair], dict[str, Any]]:
    store = Store(root)
    rows = list(store.get(stage))
    manifest = store.manifest(stage)
    assert manifest is not None
    return rows, manifest.facts


def test_every_right_one_with_every_wrong_one(tmp_path: Path) -> None:
    rows, facts = made(tmp_path, pairs_of(a="rrwww", b="rr", c="uwrt").replace(prompt="Solve: {question}"))
    assert [(row.problem, row.prompt) for row in rows] == [("a", "Solve: a?")] * 6 + [("c", "Solve: c?")]
    assert {(row.chosen, row.rejected) for row in rows} == {(f"a {r}", f"a {w}") for r in (0, 1) for w in (2, 3, 4)} | {("c 2", "c 1")}
    assert (facts["rows"], facts["problems"], facts["without_pairs"]) == (7, 2, 1)


def test_cut_off_and_repeated_attempts_are_left_out(tmp_path: Path) -> None:
    rows, facts = made(tmp_path, pairs_of(a="rsstw", b="rt"))
    assert [(row.chosen, row.rejected) for row in rows] == [("a 0", "a 4")]
    assert facts["without_pairs"] == 2


def test_five_by_five_at_most_and_the_seed_draws(tmp_path: Path) -> None:
    stage = pairs_of(a="r" * 10 + "w" * 10)
    rows, _ = made(tmp_path, stage)
    assert len(rows) == len({(row.chosen, row.rejected) for row in rows}) == 25
    assert len({row.chosen for row in rows}) == len({row.rejected for row in rows}) == 5
    again, _ = made(tmp_path / "again", stage)
    other, _ = made(tmp_path, stage.replace(seed=1))
    assert rows == again != other
    few, _ = made(tmp_path, stage.replace(right=1, wrong=3))
    assert (len({row.chosen for row in few}), len({row.rejected for row in few})) == (1, 3)


def test_no_pair_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="none of 3 problems has both a right and a wrong attempt; draw more samples"):
        made(tmp_path, pairs_of(a="rrr", b="www", c="rt"))


def test_deleted_attempts_are_made_again_where_their_scores_stand(tmp_path: Path) -> None:
    stage, store = pairs_of(a="rw"), Store(tmp_path)
    assert set(stage.inputs) == {"graded", "problems", "attempts"}
    store.make([stage.graded])
    shutil.rmtree(store.folder(stage.attempts))
    assert [missing.kind for missing in store.missing([stage])] == ["Problems", "Attempts", "Pairs"]
    assert len(store.get(stage)) == 1


def test_settings() -> None:
    with pytest.raises(SettingsError, match="does not show the problem"):
        pairs_of(a="rw").replace(prompt="Solve it.")
    with pytest.raises(SettingsError, match="grades no attempts"):
        Pairs(graded=Ungraded(), problems=Problems())


@dataclass(frozen=True, kw_only=True)
class Ungraded(Stage[Table[Score]]):
    """Scores of nothing."""

    def make(self, work: Work) -> None:
        work.write(Score, [])
