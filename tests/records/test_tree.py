"""Trees of steps: what is read back from a table, and what is refused."""

from pathlib import Path

import pytest

from o1exp.records import Node, Table
from o1exp.records.table import write_table
from o1exp.records.tree import trees


def step(path: str, **given: object) -> Node:
    return Node(problem="p", id=path, parent=path.rpartition(".")[0], text=f"step {path}", **given)  # type: ignore[arg-type]


def test_a_table_of_steps_gives_its_trees_back(tmp_path: Path) -> None:
    rows = [step("0", verdict="wrong", value=0.25), step("1"), step("1.0"), step("1.0.0", action="terminate", correct=True)]
    write_table(tmp_path, Node, [*rows, Node(problem="q", id="0", text="other")])
    first, second = trees(Table.read(tmp_path, Node))
    assert list(first.nodes.values()) == rows
    assert [node.id for node in first.children[""]] == ["0", "1"]
    assert [node.id for node in first.path(first.solved[0])] == ["1", "1.0", "1.0.0"]
    assert second.problem == "q"
    assert not second.solved


@pytest.mark.parametrize(("rows", "said"), [
    ([step("0"), step("0")], "twice"),
    ([step("0.1"), step("0")], "parent '0'"),
    ([step("0"), Node(problem="q", id="0", text=""), step("1")], "together"),
])  # fmt: skip
def test_steps_that_are_no_tree_are_refused(rows: list[Node], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list(trees(rows))
