"""Long thoughts by a model that looks after itself: it goes on, goes back, reflects, or ends (Part 1, section 3)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from o1exp.chat.headings import ACTIONS, PROBLEM, STEPS, TRACE
from o1exp.chat.request import Answer
from o1exp.flow import AtLeast
from o1exp.records import Node, Problem
from o1exp.records.tree import Action
from o1exp.thoughts.asking import Ask, Exploring
from o1exp.thoughts.growing import Growing
from o1exp.thoughts.prompts import filled, listed, shown, without
from o1exp.thoughts.search import Search
from o1exp.thoughts.steps import ends, verdict

PROMPT = rf"""You are solving a problem, thinking aloud, and look after your own work.

{PROBLEM}
{{question}}

{STEPS}
{{steps}}

{TRACE}
{{trace}}

{ACTIONS}
Write `Action: NAME` on the first line and its text on the lines below:
continue: write the next step
reflect: check what stands there so far, without a new step
backtrack: give up the last step and say why; you then stand before it
terminate: write the last step, with the final answer in \boxed{{}}"""
WRONG = "[result] That answer is wrong."
_ACTION = re.compile(r"^\W*action\W*?(continue|reflect|backtrack|terminate)\b[^\n\w]*", re.IGNORECASE | re.MULTILINE)
_NAMES: dict[str, Action] = {"continue": "continue", "reflect": "reflect", "backtrack": "backtrack", "terminate": "terminate"}


@dataclass(frozen=True, kw_only=True)
class ProposeCritique(Search):
    """The model sees the problem, the steps it stands behind, and all that happened so far, and chooses what to do next.

    An answer that does not agree with the gold answer is reported back as wrong, and nothing more of it; each such report is noted in the
    trace. A step that is given up counts as wrong, for the reason that the model gives. A reply that names no action is a step.
    """

    does: ClassVar[str] = "a propose-critique loop: the model itself continues, backtracks, reflects or ends"
    version: ClassVar[int] = 2

    prompt: str = PROMPT
    """What the model is told: {question}, {steps} (those it stands behind) and {trace} (all that happened) are filled in."""
    turns: Annotated[int, AtLeast(1)] = 30
    """The most actions for one problem."""
    report_wrong: bool = True
    """Tell the model that an end was wrong, and let it go on; false: the first end is the last."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        yield from without(self.prompt, "prompt", ("question", "steps", "trace"))

    def likely_requests(self) -> float:
        return self.turns / 3

    def explore(self, problem: Problem) -> Exploring[Sequence[Node]]:
        tree, trace, at = Growing(problem), list[str](), ""
        for draw in range(self.turns):
            known = {"question": problem.question, "steps": listed(tree.texts(at)), "trace": "\n".join(trace) or "(nothing)"}
            text = filled(self.prompt, known) + shown(problem, self.show)
            answer = (yield [Ask(self.teacher, text, draw, self.show != "nothing")])[0]
            action, said = read(answer)
            if not said:
                continue  # the next draw of the same question
            trace.append(f"[{action}] {said}")
            node = tree.add(at, answer, said, action=action, judge=answer.completion.model, shown=self.show != "nothing")
            if action == "backtrack":
                at = self._given_up(tree, at, node, said)
            elif action != "terminate":
                at = node.id
            else:
                correct = verdict(problem, said)
                tree.say(node.id, correct=correct, verdict="" if correct is None else "right" if correct else "wrong")
                if correct is not False or not self.report_wrong:
                    tree.choose(node.id)
                    break
                trace.append(WRONG)
        return tree.rows()

    def _given_up(self, tree: Growing, at: str, node: Node, why: str) -> str:
        """Where the model stands behind a step back; it cannot go before the problem."""
        if not at:
            return at
        tree.say(at, verdict="wrong", reason=why, judge=node.judge)
        return tree[at].parent


def read(answer: Answer) -> tuple[Action, str]:
    """The first action of a reply and the text below it; a step with a final answer ends the solution, whatever it is called."""
    text = answer.text.strip() if answer.usable else ""
    found = _ACTION.search(text)
    action, said = (_NAMES[found[1].lower()], text[found.end() :].strip()) if found else ("continue", text)
    return ("terminate" if action == "continue" and ends(said) else action), said
