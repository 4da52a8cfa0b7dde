"""From a draft to training text: a model makes it read well and keeps every step, or it stays as it is (Part 1, section 3)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from o1exp.answers.extract import last_box
from o1exp.answers.grade import grade_answer
from o1exp.chat.headings import DRAFT, LOST, PROBLEM, REWRITE
from o1exp.chat.request import likely_tokens
from o1exp.chat.spent import Spends
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Above, Between, Expect, Recipe, Role, Stage, Work, how
from o1exp.records import Draft, Example, Table
from o1exp.thoughts.asking import Ask, Asking, Exploring
from o1exp.thoughts.found import lost
from o1exp.thoughts.passing import makes
from o1exp.thoughts.prompts import filled, listed, without

PROMPT = rf"""Below is the draft of a solution, with everything that was tried on the way.

{PROBLEM}
{{question}}

{DRAFT}
{{draft}}

{REWRITE}
Make it one text that reads as a person thinking aloud, in the first person. Keep every step in its order with all its calculations,
the wrong ones too: they are noticed and mended where the draft does so. Add nothing new and leave nothing out. End with the final
answer in \boxed{{}}."""
AGAIN = f"""

{LOST}
{{lost}}

Write the whole text again with these steps in their places."""
LIKELY_DRAFT = 800
"""Tokens of a problem with its draft that nobody has counted."""


@dataclass(frozen=True, kw_only=True)
class Rewriting(Recipe):
    """Has the drafts of a walk rewritten; examples of a way without trees pass as they are. It expands to Rewrite(drafts)."""

    drafts: Stage[Any]
    """What the walk gave: drafts, or examples."""
    teacher: Teacher
    """Who rewrites."""
    prompt: str = PROMPT
    """What it is told: {question} and {draft} are filled in."""
    keep: Annotated[float, Above(0), Between(0, 1)] = 0.8
    """The share of a step's numbers (or words, where it has none) that has to be found again in order."""
    between: str = "\n\n"
    """What stands between two steps of a draft that stays as it is."""
    budget: Budget = how(Budget())
    """The stop on money."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from _no_drafts(self.drafts)
        yield from without(self.prompt, "prompt", ("question", "draft"))
        if why := self.budget.unguarded(self.teacher):
            yield "budget", why

    def stage(self) -> Stage[Any]:
        if makes(self.drafts, Table[Example]):
            return self.drafts
        return Rewrite(
            drafts=self.drafts, teacher=self.teacher, prompt=self.prompt, keep=self.keep, between=self.between, budget=self.budget
        )


@dataclass(frozen=True, kw_only=True)
class Keeping(Recipe):
    """The drafts of a walk as they are; examples of a way without trees too. It expands to Drafted(drafts)."""

    drafts: Stage[Any]
    """What the walk gave: drafts, or examples."""
    between: str = "\n\n"
    """What stands between two steps."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from _no_drafts(self.drafts)

    def stage(self) -> Stage[Any]:
        return self.drafts if makes(self.drafts, Table[Example]) else Drafted(drafts=self.drafts, between=self.between)


def _no_drafts(drafts: Stage[Any]) -> Iterator[tuple[str, str]]:
    if isinstance(drafts, Stage) and not any(makes(drafts, kind) for kind in (Table[Draft], Table[Example])):
        yield "drafts", f"{drafts.kind} makes neither drafts nor examples; connect a walk, e.g. ${{walk}}"


@dataclass(frozen=True, kw_only=True)
class Drafted(Stage[Table[Example]]):
    """Each draft as an Example, its steps one after the other."""

    role: ClassVar[Role] = "copying"
    does: ClassVar[str] = "the drafts of the walk as they are"

    drafts: Stage[Table[Draft]]
    """What is taken."""
    between: str = "\n\n"
    """What stands between two steps."""

    def make(self, work: Work) -> None:
        work.write(Example, (_example(draft, draft.text(self.between)) for draft in work.open(self.drafts)))


@dataclass(frozen=True)
class Rewritten:
    """What became of one draft."""

    text: str
    how: str
    lost: int = 0
    longer: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Rewrite(Spends, Stage[Table[Example]]):
    """A model rewrites each draft and keeps every step, the wrong ones too.

    Each step's content has to be found again in the order of the draft, and the final answer has to be the draft's. Where steps are
    lost, they are named and the text is asked for once more; where that is no better the draft is kept. Facts: `rewritten` at once,
    `asked_again`, `mended` by that, `kept_draft`, of these `answer_changed`; `lost_steps` of all first tries.
    """

    role: ClassVar[Role] = "writing"
    does: ClassVar[str] = "a model makes the drafts read well and keeps every step"

    drafts: Stage[Table[Draft]]
    """What is rewritten."""
    teacher: Teacher
    """Who rewrites."""
    prompt: str = PROMPT
    """What it is told."""
    keep: Annotated[float, Above(0), Between(0, 1)] = 0.8
    """The share of a step that has to be found again."""
    between: str = "\n\n"
    """What stands between two steps of a draft that is kept."""
    budget: Budget = how(Budget())
    """The stop on money."""

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["drafts"].rows
        if rows is None:
            return Expect(uncounted=True, remark="one request for each draft, or two")
        return self.teacher.expect(rows, likely_tokens(self.prompt) + LIKELY_DRAFT, 2 * rows)

    def preflight(self) -> Iterator[str]:
        yield from self.teacher.obstacles()

    @property
    def gpus(self) -> int:
        return self.teacher.gpus

    def make(self, work: Work) -> None:
        drafts = list(work.open(self.drafts))
        with Asking[Rewritten]((self.teacher,), self.budget, work, "rewrites") as asking:
            found = asking.run([self.rewrite(draft) for draft in drafts])
            called = asking.facts([draft.problem for draft in drafts])
        work.write(Example, (_example(draft, one.text) for draft, one in zip(drafts, found, strict=True)))
        ways = Counter(one.how for one in found)
        written = [one for one in found if one.how in ("rewritten", "mended")]
        work.note(
            drafts=len(drafts), rewritten=ways["rewritten"], mended=ways["mended"], kept_draft=ways["lost"] + ways["answer"],
            answer_changed=ways["answer"], asked_again=len(drafts) - ways["rewritten"], lost_steps=sum(one.lost for one in found),
            longer=round(sum(one.longer for one in written) / len(written), 2) if written else 1.0, **called,
        )  # fmt: skip

    def rewrite(self, draft: Draft) -> Exploring[Rewritten]:
        """The text of one draft, checked; asked for once more where it lost steps or its answer."""
        steps, plain = [step.text for step in draft.steps], draft.text(self.between)
        question = filled(self.prompt, {"question": draft.prompt, "draft": listed(steps)})
        first = (yield [Ask(self.teacher, question)])[0]
        text = first.text.strip() if first.usable else ""
        missing = lost(steps, text, self.keep)
        if not missing and _same_answer(plain, text):
            return Rewritten(text, "rewritten", 0, len(text) / max(len(plain), 1))
        named = [steps[place] for place in missing] or steps[-1:]
        again = (yield [Ask(self.teacher, question + filled(AGAIN, {"lost": listed(named)}))])[0]
        text = again.text.strip() if again.usable else ""
        if lost(steps, text, self.keep):
            return Rewritten(plain, "lost", len(missing))
        if not _same_answer(plain, text):
            return Rewritten(plain, "answer", len(missing))
        return Rewritten(text, "mended", len(missing), len(text) / max(len(plain), 1))


def _same_answer(draft: str, text: str) -> bool:
    answer = last_box(draft)
    return not answer or bool(grade_answer(answer, last_box(text)).correct)


def _example(draft: Draft, text: str) -> Example:
    return Example(problem=draft.problem, prompt=draft.prompt, response=text, draw=draft.draw, origin=draft.origin)
