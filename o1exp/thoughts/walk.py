"""From a tree to the draft of one long thought: depth first, with detours into wrong steps on the way (Part 1, section 3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from o1exp.flow import AtLeast, Expect, Recipe, Role, Stage, StageFailed, Work
from o1exp.records import Draft, DraftStep, Example, Node, Problem, Table
from o1exp.records.tree import Tree, trees
from o1exp.thoughts.passing import makes

Way = Literal["journey", "shortcut"]


@dataclass(frozen=True, kw_only=True)
class DepthFirst(Recipe):
    """Walks the trees of a search; examples of a way that makes no tree pass as they are. It expands to Walk(trees)."""

    found: Stage[Any]
    """What the way to long thoughts gave: trees, or examples."""
    problems: Stage[Table[Problem]]
    """The problems of the trees."""
    way: Way = "journey"
    """With detours, or the way to the right answer alone (the control on the same trees)."""
    trials: Annotated[int, AtLeast(0)] = 1
    """The most wrong steps that are visited first at each place of the right way."""
    ends: Annotated[int, AtLeast(1)] = 1
    """The most right answers of one tree that are walked to, each in a draft of its own."""
    turn: str = "Wait, that is not right. {reason} Let me go back."
    """What stands where a detour ends: {reason} is what was said of the wrong step."""
    seed: Annotated[int, AtLeast(0)] = 0
    """Which wrong steps are visited, and which way is followed off the right one."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if isinstance(self.found, Stage) and not any(makes(self.found, kind) for kind in (Table[Node], Table[Example])):
            yield "found", f"{self.found.kind} makes neither trees nor examples; connect a way to long thoughts, e.g. ${{thought}}"

    def stage(self) -> Stage[Any]:
        if makes(self.found, Table[Example]):
            return self.found
        return Walk(
            trees=self.found,
            problems=self.problems,
            way=self.way,
            trials=self.trials,
            ends=self.ends,
            turn=self.turn,
            seed=self.seed,
        )


@dataclass(frozen=True, kw_only=True)
class Walk(Stage[Table[Draft]]):
    """Drafts from trees, by programme alone: walking again asks no model.

    On the way to a right answer up to `trials` wrong steps are visited first at each place, drawn by `seed` among those from which no right
    answer was reached and that are wrong or lead to a wrong one; from there one step is followed at random to the end, and the walk turns
    back. Steps that a beam left out while they were right are no detour. The paper is silent on the words of the turn: they are ours.
    Facts: `walked` and `without_end` count trees, `detours`, `steps` and `turns` parts of drafts.
    """

    role: ClassVar[Role] = "selection"
    does: ClassVar[str] = "a depth-first walk over each tree of steps, wrong ones first"

    trees: Stage[Table[Node]]
    """What is walked."""
    problems: Stage[Table[Problem]]
    """The problems of the trees."""
    way: Way = "journey"
    """With detours, or the way to the right answer alone."""
    trials: Annotated[int, AtLeast(0)] = 1
    """The most wrong steps that are visited first at each place."""
    ends: Annotated[int, AtLeast(1)] = 1
    """The most right answers of one tree that are walked to."""
    turn: str = "Wait, that is not right. {reason} Let me go back."
    """What stands where a detour ends."""
    seed: int = 0
    """Decides what is visited."""

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["problems"].rows
        return Expect(rows=None if rows is None else rows * self.ends, remark="at most; trees without a right answer give none")

    def make(self, work: Work) -> None:
        questions = {problem.id: problem.question for problem in work.open(self.problems)}
        walked, without_end = list[Draft](), 0
        for tree in trees(work.open(self.trees)):
            if tree.problem not in questions:
                raise StageFailed(f"the tree of {tree.problem} belongs to no problem of {self.problems.kind} {self.problems.key}")
            drafts = [
                Draft(
                    problem=tree.problem, prompt=questions[tree.problem], steps=tuple(self.walk(tree, end)), draw=draw,
                    origin=end.writer or self.trees.kind,
                )
                for draw, end in enumerate(_ends(tree)[: self.ends])
            ]  # fmt: skip
            walked += drafts
            without_end += not drafts
        if not walked:
            raise StageFailed(f"none of the {without_end} trees has a right answer: there is nothing to walk to; search wider or deeper")
        work.write(Draft, walked)
        parts = [step.part for draft in walked for step in draft.steps]
        work.note(
            walked=len({draft.problem for draft in walked}), without_end=without_end, steps=len(parts) - parts.count("turn"),
            detours=parts.count("detour"), turns=parts.count("turn"),
        )  # fmt: skip

    def walk(self, tree: Tree, end: Node) -> Iterator[DraftStep]:
        """The parts of the draft, from the first step to this end."""
        way = [node for node in tree.path(end) if node.action != "backtrack"]
        for step in way:
            wrong = [node for node in tree.children.get(step.parent, ()) if node.id != step.id and _wrong(tree, node)]
            luck = Random(f"{self.seed} {tree.problem} {step.parent}")
            tried = luck.sample(wrong, min(self.trials, len(wrong))) if self.way == "journey" else []
            for first in sorted(tried, key=wrong.index):
                yield from self._detour(tree, first, luck)
            yield DraftStep(node=step.id, text=step.text)

    def _detour(self, tree: Tree, node: Node, luck: Random) -> Iterator[DraftStep]:
        """From a wrong step at random to where it ends, and the turn."""
        visited = [node]
        while below := [child for child in tree.children.get(visited[-1].id, ()) if child.action != "backtrack" and _wrong(tree, child)]:
            visited.append(luck.choice(below))
        for step in visited:
            yield DraftStep(node=step.id, text=step.text, part="detour")
        given_up = next((child for step in visited[::-1] for child in tree.children.get(step.id, ()) if child.action == "backtrack"), None)
        blamed = next((step for step in visited if step.verdict == "wrong" and step.reason), visited[-1])
        text = given_up.text if given_up else " ".join(self.turn.replace("{reason}", blamed.reason).split())
        yield DraftStep(node=(given_up or blamed).id, text=text, part="turn")


def _ends(tree: Tree) -> Sequence[Node]:
    """The right ends, first the one that the search took, then the shortest way."""
    return sorted(tree.solved, key=lambda node: (not node.chosen, len(tree.path(node))))


def _wrong(tree: Tree, node: Node) -> bool:
    """Is it wrong, or does only wrong come of it?"""
    below = list(_below(tree, node))
    return not any(one.correct for one in below) and any(one.verdict == "wrong" or one.correct is False for one in below)


def _below(tree: Tree, node: Node) -> Iterator[Node]:
    """The step and all that follow from it."""
    ahead = [node]
    while ahead:
        found = ahead.pop()
        yield found
        ahead.extend(tree.children.get(found.id, ()))
