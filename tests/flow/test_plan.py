import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from o1exp.flow import Store, nearest
from o1exp.flow.nearest import why
from o1exp.flow.plan import plan
from tests.flow.stages import Head, Merge, Numbers


def test_a_plan_tells_what_is_there_and_makes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "outputs")
    goal = Head(problems=Numbers())
    assert [step.state for step in plan(store, [goal])] == ["make", "make"]
    assert not (tmp_path / "outputs").exists()
    store.get(goal)
    assert [step.state for step in plan(store, [Head(problems=Numbers(), keep=1)])] == ["reuse", "make"]


def test_a_plan_uses_the_rows_that_were_counted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.get(Numbers(count=7))
    assert plan(store, [Head(problems=Numbers(count=7))])[1].expect.rows == 7


def test_why_names_the_field_that_differs_from_the_nearest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for count in (3, 9):
        store.get(Head(problems=Numbers(count=count), keep=2))
    assert why(store, Numbers(count=9, rate=0.75)) == f"nearest {Numbers(count=9).key[:8]}: rate: 0.5 -> 0.75"
    changed = why(store, Head(problems=Numbers(count=3), keep=5))
    assert changed == f"nearest {Head(problems=Numbers(count=3)).key[:8]}: keep: 2 -> 5"


def test_why_names_a_changed_input_and_a_stage_that_never_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.get(Head(problems=Numbers()))
    other = Numbers(count=4)
    assert f"input problems: Numbers {Numbers().key[:8]} -> Numbers {other.key[:8]}" in why(store, Head(problems=other))
    assert why(store, Merge(parts={})) == "no Merge was ever made here"


def test_why_reads_the_manifests_of_a_kind_once_and_the_newest_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many artefacts there are, and however many stages are asked about."""
    store = Store(tmp_path)
    for count in range(1, 7):
        store.make([Numbers(count=count)])
        os.utime(store.folder(Numbers(count=count)), (count, count))
    monkeypatch.setattr(nearest, "MOST", 3)
    read: list[Path] = []
    every = nearest._stored

    def noted(folders: list[Path]) -> Iterator[nearest.Stored]:
        read.extend(folders)
        return every(folders)

    monkeypatch.setattr(nearest, "_stored", noted)
    asked = [Numbers(count=6, rate=0.75), Numbers(count=1, rate=0.75, flavour="odd")]
    found = nearest.reasons(store, asked)
    assert [folder.name for folder in read] == [Numbers(count=count).key for count in (6, 5, 4)]
    assert found[asked[0].key].text == f"nearest {Numbers(count=6).key[:8]}: rate: 0.5 -> 0.75"
    assert found[asked[1].key].text.startswith(f"nearest {Numbers(count=6).key[:8]} (of the newest 3): count: 6 -> 1; flavour")
