"""Judging: sampled answers scored by a model that reads them, through the chat client: cached, paced, counted and replayable."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from o1exp.answers.thought import parted
from o1exp.bench.grade import ATTEMPTS
from o1exp.bench.judges import Judge, Judgement
from o1exp.bench.sample import Sample
from o1exp.bench.scorer import Scorer, beside, of_attempt
from o1exp.chat.request import Request, likely_tokens
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Expect, Role, Stage, Work, how
from o1exp.records import Attempt, Problem, Score, Table
from o1exp.records.table import write_table

if TYPE_CHECKING:
    from o1exp.chat.request import Answer

REPLIES = "replies"
"""The table of a stage's folder that keeps what the judge wrote, and how it was read."""
NO_REPLY = "no reply"
"""The label of an attempt whose judge gave no answer: it stays unscored, whatever the protocol says of replies that cannot be read."""
LIKELY_TEXT = 700
"""Tokens of a question with its answer, for the plan."""


@dataclass(frozen=True, kw_only=True)
class JudgeReply:
    """What a judge wrote about one attempt, once for each order of the responses, and the label that was read in it.

    `parsed`: the judge said it; else its protocol decided, or nobody did. `near`: a person should look at it.
    """

    problem: str
    draw: int
    replies: tuple[str, ...]
    label: str
    parsed: bool
    near: bool = False


@dataclass(frozen=True, kw_only=True)
class Protocol(Scorer):
    """A model that is shown a question with the answer to it, a prompt, and a rule for reading its reply.

    Model, sampling, prompt, rule and scale are all part of the key of what is scored.
    """

    pairwise: ClassVar[bool] = False
    """Is each answer judged beside another one, in both orders?"""

    teacher: Teacher
    """Who judges; a temperature of 0 suits it."""
    shows: Literal["answer", "all"] = "answer"
    """What the judge sees of an attempt: the answer behind the thought, or all that was written."""
    budget: Budget = how(Budget())
    """The stop on money."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if why := self.budget.unguarded(self.teacher):
            yield "budget", why

    @property
    @abstractmethod
    def judge(self) -> Judge:
        """Name, scale and labels."""

    @abstractmethod
    def asked(self, problem: Problem, shown: Sequence[str]) -> list[str]:
        """What the judge is asked about the answer shown[0], beside shown[1] where it judges pairs."""

    def read(self, replies: Sequence[str]) -> Judgement:
        """The judgement in the replies to what was asked."""
        return self.judge.read(replies[0])

    def stage(self, attempts: Sample, problems: Stage[Table[Problem]]) -> Stage[Table[Score]]:
        return Judged(attempts=attempts, problems=problems, protocol=self)

    def shown(self, attempt: Attempt) -> str:
        return attempt.text if self.shows == "all" else parted(attempt.text).answer


@dataclass(frozen=True, kw_only=True)
class Judged(Stage[Table[Score]]):
    """Asks a model about each attempt and reads its verdict by the protocol's own rule.

    A reply that cannot be read is counted apart: it has the protocol's default where that names one (method "default"), else no value. A
    request that failed or was refused leaves the attempt unscored. Every reply is kept beside the scores, in the table `replies`.
    Facts: labels, unparsed (by the rule), no_reply, near (replies that a person should look at), and those of all requests.
    Errors: ValueError for an attempt that belongs to no problem, and for pairs whose other answer is missing.
    """

    role: ClassVar[Role] = "grading"
    does: ClassVar[str] = "answers judged by a model"
    judges: ClassVar[str] = "response level: a model reads the whole response and gives one verdict on it"
    version: ClassVar[int] = 4

    attempts: Stage[Table[Attempt]]
    problems: Stage[Table[Problem]]
    against: Stage[Table[Attempt]] | None = None
    """The other answers, where pairs are judged."""
    protocol: Protocol

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.protocol.pairwise and self.against is None:
            yield "against", "is missing: the protocol judges pairs; name what else answers the same problems"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs[ATTEMPTS].rows
        if rows is None:
            return Expect(uncounted=True, remark="a request for each answer")
        example = self.protocol.asked(Problem(id="", question="", answer=""), ("", ""))
        found = self.protocol.teacher.expect(rows * len(example), likely_tokens(example[0]) + LIKELY_TEXT)
        return replace(found, rows=rows, remark="judged in both orders" if len(example) > 1 else "")

    def preflight(self) -> Iterator[str]:
        yield from self.protocol.teacher.obstacles()

    @property
    def gpus(self) -> int:
        return self.protocol.teacher.gpus

    def make(self, work: Work) -> None:
        problems = {problem.id: problem for problem in work.open(self.problems)}
        attempts = list(work.open(self.attempts))
        asked = [(attempt, problems[attempt.problem], texts) for attempt, texts in self._asked(attempts, problems, work)]
        found, calls = verdicts(self.protocol, asked, work)
        work.write(Score, (score for score, _ in found))
        (work.folder / REPLIES).mkdir()
        write_table(work.folder / REPLIES, JudgeReply, (reply for _, reply in found))
        labels, unscored = Counter(score.label for score, _ in found), sum(score.credit is None for score, _ in found)
        work.note(labels=dict(sorted(labels.items())), unscored=unscored, **told(reply for _, reply in found), **calls)

    def _asked(self, attempts: Sequence[Attempt], problems: dict[str, Problem], work: Work) -> Iterator[tuple[Attempt, list[str]]]:
        others = {} if self.against is None else {(row.problem, row.draw): row for row in work.open(self.against)}
        for attempt in attempts:
            problem, shown = beside(attempt, problems), [self.protocol.shown(attempt)]
            if self.protocol.pairwise:
                if (attempt.problem, attempt.draw) not in others:
                    raise ValueError(f"attempt {attempt.problem}#{attempt.draw} has no other answer beside it; sample as many of both")
                shown.append(self.protocol.shown(others[attempt.problem, attempt.draw]))
            yield attempt, self.protocol.asked(problem, shown)


Asked = tuple[Attempt, Problem, list[str]]
"""An attempt at its problem, and what the judge is asked about it."""


def verdicts(protocol: Protocol, asked: Sequence[Asked], work: Work) -> tuple[list[tuple[Score, JudgeReply]], dict[str, Any]]:
    """The judge's verdict on each attempt with its replies, and the facts of all requests."""
    from o1exp.chat.client import Calls, Client

    calls, found = Calls(), list[tuple[Score, JudgeReply]]()
    with Client(protocol.teacher, protocol.budget, work) as client:
        answers = client.ask([Request.user(text) for _, _, texts in asked for text in texts], "verdicts")
        for attempt, problem, texts in asked:
            own = [next(answers) for _ in texts]
            for answer in own:
                calls.add(answer)
            found.append(_judged(protocol, attempt, problem, own))
    return found, calls.facts()


def told(replies: Iterable[JudgeReply]) -> dict[str, int]:
    """How many replies could not be read, were none, or should be looked at."""
    rows = list(replies)
    return {
        "unparsed": sum(not reply.parsed and reply.label != NO_REPLY for reply in rows),
        "no_reply": sum(reply.label == NO_REPLY for reply in rows), "near": sum(reply.near for reply in rows),
    }  # fmt: skip


def _judged(protocol: Protocol, attempt: Attempt, problem: Problem, answers: "Sequence[Answer]") -> tuple[Score, JudgeReply]:
    judge, texts = protocol.judge, tuple(answer.text for answer in answers)
    missing = any(answer.failure or not (answer.whole or answer.cut) for answer in answers)
    judgement = Judgement(NO_REPLY, False) if missing else protocol.read(texts)
    if missing:
        score = Score(problem=problem.id, draw=0, label=NO_REPLY, scale=judge.scale, method="none")
    else:
        score = judge.score(problem.id, judgement)
    signed = replace(score, scorer=f"{judge.name}, {protocol.teacher.model}")
    return of_attempt(signed, attempt, problem), JudgeReply(
        problem=problem.id, draw=attempt.draw, replies=texts, label=judgement.label, parsed=judgement.parsed, near=judgement.near
    )
