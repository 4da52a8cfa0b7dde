from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import SettingsError, Stage, StageFailed, Work
from o1exp.records import Draft, Node, Table
from o1exp.records.tree import trees
from o1exp.thoughts.distil import Distil
from o1exp.thoughts.judge import Prompted
from o1exp.thoughts.rewrite import Keeping, Rewriting
from o1exp.thoughts.tree import TreeSearch
from o1exp.thoughts.walk import DepthFirst, Walk
from tests.thoughts.parts import Given, facts, store, teacher

A = teacher("http://127.0.0.1:1/v1")


def node(path: str, text: str = "", **said: Any) -> Node:
    return Node(problem="p0", id=path, parent=path.rpartition(".")[0], text=text or f"t{path}", **said)


TREE = (
    node("0", verdict="wrong", reason="No."), node("1"), node("2", verdict="wrong", reason="Never."), node("3", verdict="right"),
    node("1.0", verdict="right"), node("1.1", verdict="wrong", reason="Off."), node("1.2"),
    node("1.2.0", correct=False), node("1.2.1", correct=False),
    node("1.0.0", correct=True), node("1.0.1", correct=False),
)  # fmt: skip
"""The right way is 1, 1.0, 1.0.0. Step 3 is right and was not followed; 1.2 leads to wrong ends only."""


class Grown(Stage[Table[Node]]):
    """The tree above for each problem of Given."""

    def make(self, work: Work) -> None:
        work.write(Node, TREE)


def drafts(root: Path, **fields: Any) -> list[Draft]:
    return list(store(root).get(Walk(trees=Grown(), problems=Given(count=1), **fields)))


def visits(draft: Draft) -> list[str]:
    return [step.node if step.part != "turn" else f"turn {step.text}" for step in draft.steps]


def test_at_most_k_wrong_steps_are_visited_first_at_each_place_of_the_right_way(tmp_path: Path) -> None:
    for trials in range(4):
        (draft,) = drafts(tmp_path / str(trials), trials=trials)
        detours = [step.node for step in draft.steps if step.part == "detour"]
        first, second, third = ([name for name in detours if name.count(".") == depth] for depth in (0, 1, 2))
        assert len(first) == len(second) == min(trials, 2)
        assert set(first) <= {"0", "2"}
        assert set(second) <= {"1.1", "1.2"}
        assert "1.0.1" in third or not trials
        assert [step.node for step in draft.steps if step.part == "path"] == ["1", "1.0", "1.0.0"]
        assert "3" not in detours, "a right step that the beam left out is no mistake"


def test_off_the_right_way_one_step_is_followed_to_its_end_and_the_walk_turns_back(tmp_path: Path) -> None:
    (draft,) = drafts(tmp_path, trials=2)
    walked = visits(draft)
    turns = [f"turn Wait, that is not right. {reason} Let me go back." for reason in ("No.", "Never.")]
    assert walked[:5] == ["0", turns[0], "2", turns[1], "1"]
    at = walked.index("1.2")
    assert walked[at + 1] in ("1.2.0", "1.2.1")
    assert walked[at + 2] == "turn Wait, that is not right. Let me go back.", "a wrong end that nobody gave a reason for"


def test_the_seed_decides_and_the_same_seed_walks_the_same_way(tmp_path: Path) -> None:
    walks = [visits(drafts(tmp_path / str(seed), seed=seed)[0]) for seed in range(8)]
    assert len(set(map(tuple, walks))) > 2
    again = [visits(drafts(tmp_path / f"again {seed}", seed=seed)[0]) for seed in range(8)]
    assert walks == again


def test_the_shortcut_of_the_same_tree_is_the_right_way_alone(tmp_path: Path) -> None:
    (draft,) = drafts(tmp_path, way="shortcut", trials=3)
    assert visits(draft) == ["1", "1.0", "1.0.0"]
    assert draft.prompt == "What is 0 + 0?"


def test_a_model_that_gave_up_a_step_turns_back_in_its_own_words() -> None:
    rows = (
        node("0", verdict="wrong", reason="It is 6."), node("0.0", "Wait. It is 6. Let me go back.", action="backtrack"),
        node("1"), node("1.0", "All is well.", action="reflect"), node("1.0.0", correct=True, chosen=True),
    )  # fmt: skip
    tree = next(trees(rows))
    walk = Walk(trees=Grown(), problems=Given(count=1))
    assert [(step.node, step.part) for step in walk.walk(tree, tree.nodes["1.0.0"])] == [
        ("0", "detour"), ("0.0", "turn"), ("1", "path"), ("1.0", "path"), ("1.0.0", "path"),
    ]  # fmt: skip


def test_several_right_ends_give_drafts_of_their_own_the_chosen_one_first() -> None:
    from o1exp.thoughts.walk import _ends

    rows = (node("0", correct=True), node("1"), node("1.0", correct=True, chosen=True), node("2", correct=True))
    assert [end.id for end in _ends(next(trees(rows)))] == ["1.0", "0", "2"]


def test_trees_without_a_right_end_are_counted_and_none_at_all_is_said(tmp_path: Path) -> None:
    class Lost(Grown):
        def make(self, work: Work) -> None:
            work.write(Node, [node("0", correct=False)])

    with pytest.raises(StageFailed, match="none of the 1 trees has a right answer"):
        store(tmp_path).get(Walk(trees=Lost(), problems=Given(count=1)))
    here, stage = store(tmp_path / "more"), Walk(trees=Grown(), problems=Given(count=1))
    here.get(stage)
    assert (facts(here, stage)["walked"], facts(here, stage)["without_end"]) == (1, 0)


def test_what_is_no_search_passes_as_if_walk_and_rewrite_were_not_there() -> None:
    distil = Distil(problems=Given(), teacher=A)
    walked = DepthFirst(found=distil, problems=Given()).stage()
    assert walked is distil
    assert Rewriting(drafts=walked, teacher=A).stage() is Keeping(drafts=walked).stage() is distil
    tree = TreeSearch(problems=Given(), teacher=A, judge=Prompted(teacher=A))
    draft = DepthFirst(found=tree, problems=Given(), trials=2).stage()
    assert isinstance(draft, Walk)
    assert draft.trials == 2
    other = DepthFirst(found=tree, problems=Given()).stage()
    assert DepthFirst(found=tree, problems=Given(), trials=2).stage().key == draft.key != other.key
    with pytest.raises(SettingsError, match="makes neither trees nor examples"):
        DepthFirst(found=Given(), problems=Given())
    with pytest.raises(SettingsError, match="makes neither drafts nor examples"):
        Rewriting(drafts=tree, teacher=A)
