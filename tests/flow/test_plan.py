from pathlib import Path

from o1exp.flow import Store
from o1exp.flow.plan import plan, why
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
