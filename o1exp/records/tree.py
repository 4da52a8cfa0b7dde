"""One tree for every way of searching for a thought: steps, what was said of them, and by whom (Part 1, section 3)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Action = Literal["continue", "reflect", "backtrack", "terminate"]
"""What a step does: goes on, looks at what was done, gives a path up, or ends with an answer."""
Verdict = Literal["", "right", "neutral", "wrong"]
"""What a judge says of a step: "" where nobody was asked."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One step of a search for a problem's solution. The question itself is no node; its children have `parent` "".

    `id` is the path of the step in its tree, the number of each child on the way from the question: "2.0.1". `text` is the step as
    written by `writer`; `tokens` counts the output tokens that writing and judging it took. `verdict`, `value` (from 0 to 1, None where the
    judge gives none) and `reason` are what `judge` said of it. `correct` is the verdict on the final answer of a step that ends with one,
    None elsewhere. `chosen` marks the step that the search itself went on with, where it took one path only. `shown` says that its writer
    or judge had seen the gold answer.
    """

    problem: str
    id: str
    parent: str = ""
    text: str
    action: Action = "continue"
    verdict: Verdict = ""
    value: float | None = None
    reason: str = ""
    correct: bool | None = None
    chosen: bool = False
    writer: str = ""
    judge: str = ""
    tokens: int = 0
    shown: bool = False


@dataclass(frozen=True)
class Tree:
    """The steps of one problem, by their ids, in the order of the table."""

    problem: str
    nodes: dict[str, Node]
    children: dict[str, tuple[Node, ...]]
    """By the id of the parent; "" for the first steps."""

    def path(self, node: Node) -> tuple[Node, ...]:
        """The steps from the first one to this one."""
        found = [node]
        while found[-1].parent:
            found.append(self.nodes[found[-1].parent])
        return tuple(reversed(found))

    @property
    def solved(self) -> tuple[Node, ...]:
        """The steps that end with a right answer, in the order of the table."""
        return tuple(node for node in self.nodes.values() if node.correct)


def trees(nodes: Iterable[Node]) -> Iterator[Tree]:
    """The trees of a table one after the other; the nodes of a problem stand together, a parent before its children.

    Errors: ValueError for a step without its parent, twice the same step, or a problem whose steps stand apart.
    """
    seen: set[str] = set()
    for problem, group in _together(nodes):
        if problem in seen:
            raise ValueError(f"the steps of problem {problem!r} do not stand together; sort the table by problem")
        seen.add(problem)
        yield _tree(problem, group)


def _together(nodes: Iterable[Node]) -> Iterator[tuple[str, list[Node]]]:
    group: list[Node] = []
    for node in nodes:
        if group and node.problem != group[0].problem:
            yield group[0].problem, group
            group = []
        group.append(node)
    if group:
        yield group[0].problem, group


def _tree(problem: str, group: list[Node]) -> Tree:
    known: dict[str, Node] = {}
    below: dict[str, list[Node]] = defaultdict(list)
    for node in group:
        if node.id in known:
            raise ValueError(f"step {node.id!r} of problem {problem!r} stands there twice; give each step a path of its own")
        if node.parent and node.parent not in known:
            raise ValueError(f"step {node.id!r} of problem {problem!r} comes before its parent {node.parent!r}, or without it")
        known[node.id] = node
        below[node.parent].append(node)
    return Tree(problem, known, {parent: tuple(found) for parent, found in below.items()})
