"""Artefacts of other source than today's: told, or by choice made again."""

import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from o1exp.flow import Checkpoint, Stage, StageFailed, Store, Work, source
from o1exp.flow.nearest import why
from o1exp.flow.plan import plan
from o1exp.flow.process import child_environment
from o1exp.records import Problem
from tests.flow.stages import Head, Merge, Numbers

OTHER = Problem(id="x", question="?", answer="7")
GOAL = Merge(parts={"head": Head(problems=Numbers())})
SOURCES = {"Numbers": "numbers 1", "Head": "head 1", "Merge": "merge 1", "Halting": "halting 1"}


@dataclass(frozen=True, kw_only=True)
class Halting(Stage[Checkpoint]):
    """Writes a chunk each time and is done with the fourth."""

    def make(self, work: Work) -> None:
        with (work.scratch / "chunks").open("a") as out:
            out.write("x")
        if (work.scratch / "chunks").stat().st_size < 4:
            raise ValueError("halted")


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The digest of each stage's source, to be changed."""
    now = dict(SOURCES)
    for module in ("o1exp.flow.artefacts", "o1exp.flow.store"):
        monkeypatch.setattr(f"{module}.source_of", lambda stage: now[stage.kind])
    return now


@pytest.fixture
def store(tmp_path: Path, sources: dict[str, str]) -> Store:
    store = Store(tmp_path)
    store.get(GOAL)
    return store


def made(store: Store) -> list[str]:
    store.make([GOAL])
    return [done.stage.kind for done in store.done if done.made]


def test_the_manifest_knows_source_and_what_it_was_made_from(store: Store) -> None:
    head, numbers = store.manifest(GOAL.parts["head"]), store.manifest(Numbers())
    assert head is not None
    assert numbers is not None
    assert head.source == "head 1"
    assert head.made_from == {"problems": numbers.digest}


def test_a_stale_artefact_is_used_and_told(store: Store, sources: dict[str, str]) -> None:
    sources["Numbers"] = "numbers 2"
    again = Store(store.root)
    assert [(step.stage.kind, step.state, step.stale) for step in plan(again, [GOAL])] == [
        ("Numbers", "reuse", "made by other source"), ("Head", "reuse", ""), ("Merge", "reuse", ""),
    ]  # fmt: skip
    assert made(again) == []


def test_it_is_made_again_by_choice_and_what_stands_on_it_only_if_it_came_out_otherwise(store: Store, sources: dict[str, str]) -> None:
    sources["Numbers"] = "numbers 2"
    again = Store(store.root, remake=True)
    assert [step.state for step in plan(again, [GOAL], remake=True)] == ["make"] * 3
    assert why(again, Numbers()) == "made by other source"
    assert why(again, GOAL) == "an input is made again; if that comes out as it was, this is reused"
    assert made(again) == ["Numbers"]
    assert made(Store(store.root, remake=True)) == []
    known = again.manifest(Numbers())
    assert known is not None
    assert known.source == "numbers 2"


def test_what_came_out_otherwise_goes_on_to_the_goal(store: Store, sources: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    sources["Numbers"] = "numbers 2"
    monkeypatch.setattr(Numbers, "make", lambda self, work: work.write(Problem, [OTHER]))
    assert made(Store(store.root, remake=True)) == ["Numbers", "Head", "Merge"]
    assert [p.answer for p in store.get(GOAL)] == ["7"]


def test_a_kill_between_an_input_and_what_stands_on_it_is_made_good(
    store: Store, sources: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sources["Numbers"] = "numbers 2"
    monkeypatch.setattr(Numbers, "make", lambda self, work: work.write(Problem, [OTHER]))
    Store(store.root, remake=True).make([Numbers()])  # and here it was killed
    head = GOAL.parts["head"]
    assert store.stale(head) == "problems made again since"
    assert made(Store(store.root)) == []
    assert made(Store(store.root, remake=True)) == ["Head", "Merge"]
    assert store.stale(head) == ""


def test_what_other_source_began_goes_on_under_its_name_or_by_choice_not_at_all(tmp_path: Path, sources: dict[str, str]) -> None:
    stage = Halting()
    for _ in range(2):
        with pytest.raises(StageFailed, match="halted"):
            Store(tmp_path).make([stage])
        sources["Halting"] = "halting 2"
    chunks = tmp_path / "scratch" / f"Halting-{stage.key}" / "chunks"
    assert chunks.read_text() == "xx"
    with pytest.raises(StageFailed, match="halted"):
        Store(tmp_path, remake=True).make([stage])
    assert chunks.read_text() == "x"
    sources["Halting"] = "halting 3"
    for _ in range(2):
        with pytest.raises(StageFailed, match="halted"):
            Store(tmp_path).make([stage])
    store = Store(tmp_path)
    store.make([stage])
    assert store.stale(stage) == "made by other source"


def test_an_older_manifest_says_nothing_of_its_source(store: Store, sources: dict[str, str]) -> None:
    path = store.folder(GOAL) / "manifest.json"
    path.write_text(path.read_text().replace('"source": "merge 1"', '"source": ""'))
    sources["Merge"] = "merge 2"
    assert store.stale(GOAL) == ""


RULE = """
from dataclasses import dataclass
from o1exp.flow import Stage, Work
from o1exp.records import Problem, Table
from {package}.rule import answer

@dataclass(frozen=True, kw_only=True)
class Ruled(Stage[Table[Problem]]):
    def make(self, work: Work) -> None:
        work.write(Problem, [Problem(id="1", question="?", answer=answer())])
"""
RUN = """
import sys
from pathlib import Path
from o1exp.flow import Store
from o1exp.flow.plan import plan
from ruled.stage import Ruled
store = Store(Path(sys.argv[1]), remake=sys.argv[2] == "remake")
(step,) = plan(store, [Ruled()], store.remake)
print(step.state, step.stale, [p.answer for p in store.get(Ruled())])
"""


def test_a_changed_rule_in_a_copy_is_told(tmp_path: Path) -> None:
    """The whole way, with real files: a rule that the stage's module imports."""
    package = tmp_path / "ruled"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "stage.py").write_text(textwrap.dedent(RULE.format(package="ruled")))
    env = {**child_environment(1), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    env["PYTHONPATH"] += os.pathsep + str(tmp_path)

    def said(number: int, choice: str) -> str:
        shutil.rmtree(package / "__pycache__", ignore_errors=True)
        (package / "rule.py").write_text(f"def answer():\n    return '{number}'\n")
        command = [sys.executable, "-c", RUN, str(tmp_path / "outputs"), choice]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.splitlines()[-1]

    assert said(1, "warn") == "make  ['1']"
    assert said(2, "warn") == "reuse made by other source ['1']"
    assert said(2, "remake") == "make made by other source ['2']"
    assert said(2, "warn") == "reuse  ['2']"


def test_source_is_read_once_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = source.source_of(Numbers())
    monkeypatch.setattr("o1exp.flow.source._count", lambda module, counted: pytest.fail("read again"))
    assert source.source_of(Numbers(count=9)) == before
