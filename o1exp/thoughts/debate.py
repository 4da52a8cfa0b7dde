"""Long thoughts by debate: a policy goes on, a critic says whether it may, until the answer verifies (Part 1, section 3)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from o1exp.chat.headings import CRITIC, CRITICISM, NEXT, PROBLEM, STEPS
from o1exp.chat.teacher import Teacher
from o1exp.flow import AtLeast
from o1exp.records import Node, Problem
from o1exp.records.tree import Verdict
from o1exp.thoughts.asking import Ask, Exploring
from o1exp.thoughts.growing import Growing
from o1exp.thoughts.prompts import Show, filled, listed, shown, without
from o1exp.thoughts.search import Search
from o1exp.thoughts.steps import MARK, cut, ends, verdict

POLICY = rf"""Two of you solve a problem. You write the steps, thinking aloud, and another one criticises them.

{PROBLEM}
{{question}}

{STEPS}
{{steps}}

{CRITICISM}
{{criticism}}

{NEXT}
Write that one step only and stop. Heed the criticism: do not try again what was refused. The step that ends the solution gives the final
answer in \boxed{{}}."""
CRITIQUE = f"""Two of you solve a problem. Another one writes the steps, and you criticise them.

{PROBLEM}
{{question}}

{STEPS}
{{steps}}

{CRITIC}
Look at the last step: is it right, and does it lead on? Write `Action: continue` or `Action: backtrack` on the first line, and below it
one sentence that says why."""
WRONG = "This answer is wrong."
NOTHING_HOLDS = "Nothing that was tried from here holds."
_ACTION = re.compile(r"\W*(?:action\W*?)?(continue|backtrack)\b[^\n\w]*", re.IGNORECASE)
_NAMED = re.compile(r"^\W*action\W*?(continue|backtrack)\b[^\n\w]*", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Debate(Search):
    """A policy agent writes step after step; a critic says of each one whether to continue or to backtrack, until the answer is right.

    What was refused at a place, and why, is told to the policy there. An answer that does not agree with the gold answer is refused as
    wrong, and nothing more is said of it. Where `patience` tries were refused at one place, the step before it is given up too (this is
    ours). A reply of the critic that cannot be read lets the step stand.
    """

    does: ClassVar[str] = "a debate: a policy agent writes steps, a critic says continue or backtrack"
    version: ClassVar[int] = 2

    critic: Teacher
    """Who criticises."""
    prompt: str = POLICY
    """What the policy is told: {question}, {steps} and {criticism} are filled in."""
    critique: str = CRITIQUE
    """What the critic is told: {question} and {steps} (the last one is looked at) are filled in."""
    critic_show: Show = "nothing"
    """What the critic sees of the gold: nothing, the answer, or the source's solution; each such request is counted."""
    turns: Annotated[int, AtLeast(1)] = 30
    """The most steps of the policy for one problem."""
    patience: Annotated[int, AtLeast(1)] = 2
    """So many refused tries at one place send the debate a step further back."""
    mark: str = MARK
    """What ends a step; what the policy writes behind it is not taken."""
    stop: bool = True
    """Send the mark as a stop string; false for models that think first."""

    @property
    def teachers(self) -> Sequence[Teacher]:
        return (self._policy, self.critic)

    @property
    def _policy(self) -> Teacher:
        whole = not self.stop or self.mark in self.teacher.stop
        return self.teacher if whole else replace(self.teacher, stop=(*self.teacher.stop, self.mark))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        yield from without(self.prompt, "prompt", ("question", "steps", "criticism"))
        yield from without(self.critique, "critique", ("question", "steps"))
        if not self.mark:
            yield "mark", "is empty; name what ends a step, e.g. a blank line"

    def likely_requests(self) -> float:
        return 2 * self.turns / 3

    def explore(self, problem: Problem) -> Exploring[Sequence[Node]]:
        tree, at = Growing(problem), ""
        refused: dict[str, list[Node]] = {}
        for draw in range(self.turns):
            answer = (yield [self._step(tree, at, refused.get(at, []), draw)])[0]
            text = next(iter(cut(answer, self.mark, True)), "")
            if not text:
                continue
            over = ends(text)
            node = tree.add(at, answer, text, action="terminate" if over else "continue", shown=self.show != "nothing")
            if over:
                node = tree.say(node.id, correct=verdict(problem, text))
                if node.correct is not False:
                    tree.choose(node.id)
                    break
                node = tree.say(node.id, verdict="wrong", reason=WRONG)
            else:
                node = yield from self._criticised(tree, node, draw)
            at = node.id if node.verdict != "wrong" else self._back(tree, node, refused)
        return tree.rows()

    def _step(self, tree: Growing, at: str, refused: Sequence[Node], draw: int) -> Ask:
        said = listed([f"{node.text}\nRefused: {node.reason}" for node in refused])
        known = {"question": tree.problem.question, "steps": listed(tree.texts(at)), "criticism": said}
        return Ask(self._policy, filled(self.prompt, known) + shown(tree.problem, self.show), draw, self.show != "nothing")

    def _criticised(self, tree: Growing, node: Node, draw: int) -> Exploring[Node]:
        known = {"question": tree.problem.question, "steps": listed(tree.texts(node.id))}
        asked = filled(self.critique, known) + shown(tree.problem, self.critic_show)
        answer = (yield [Ask(self.critic, asked, draw, shown=self.critic_show != "nothing")])[0]
        said, why = read(answer.text.strip() if answer.usable else "")
        return tree.say(
            node.id, verdict=said, reason=why, judge=self.critic.model,
            tokens=answer.completion.usage.completion_tokens, shown=node.shown or self.critic_show != "nothing",
        )  # fmt: skip

    def _back(self, tree: Growing, node: Node, refused: dict[str, list[Node]]) -> str:
        """Where the debate goes on when a step was refused."""
        place = node.parent
        refused.setdefault(place, []).append(node)
        while place and len(refused[place]) >= self.patience:
            given_up = tree.say(place, verdict="wrong", reason=NOTHING_HOLDS, judge=self.critic.model)
            place = given_up.parent
            refused.setdefault(place, []).append(given_up)
        return place


def read(reply: str) -> tuple[Verdict, str]:
    """What a critic says of the step, and why; ("", "") for a reply without an action. The last one counts: a critic may think first."""
    named = list(_NAMED.finditer(reply))
    found = named[-1] if named else _ACTION.match(reply)
    if found is None:
        return "", ""
    why = reply[found.end() :].strip() or reply[: found.start()]
    return "wrong" if found[1].lower() == "backtrack" else "right", " ".join(why.split())
