"""The tree of one problem while it grows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from o1exp.chat.request import Answer
from o1exp.records import Node, Problem


class Growing:
    """Adds steps below others and says what is known of them; the rows of the table in the end, each parent before its children."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._nodes: dict[str, Node] = {}
        self._children: dict[str, int] = {}

    def add(self, parent: str, answer: Answer, text: str, **said: Any) -> Node:
        """A step below `parent` ("" for a first one), under the next number there."""
        number = self._children.get(parent, 0)
        return self.put(parent, number, text, tokens=answer.completion.usage.completion_tokens, writer=answer.completion.model, **said)

    def put(self, parent: str, number: int, text: str, **said: Any) -> Node:
        """The same under a number of its own."""
        self._children[parent] = max(self._children.get(parent, 0), number + 1)
        node = Node(problem=self.problem.id, id=f"{parent}.{number}".lstrip("."), parent=parent, text=text, **said)
        assert node.id not in self._nodes, node.id
        self._nodes[node.id] = node
        return node

    def say(self, node: str, **said: Any) -> Node:
        """What has become known of a step. `tokens` are added to those that it took."""
        known = self._nodes[node]
        tokens = known.tokens + said.pop("tokens", 0)
        self._nodes[node] = replace(known, tokens=tokens, **said)
        return self._nodes[node]

    def __getitem__(self, node: str) -> Node:
        return self._nodes[node]

    def path(self, node: str) -> list[Node]:
        """The steps from the first to this one; [] for ""."""
        found = list[Node]()
        while node:
            found.append(self._nodes[node])
            node = found[-1].parent
        return found[::-1]

    def texts(self, node: str) -> list[str]:
        return [step.text for step in self.path(node)]

    def choose(self, node: str) -> None:
        """The search took this way in the end."""
        for step in self.path(node):
            self.say(step.id, chosen=True)

    def rows(self) -> Sequence[Node]:
        return list(self._nodes.values())
