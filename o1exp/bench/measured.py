"""A judge is itself measured: what it says of answers that people have checked, and how far both agree."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

from o1exp.bench.agreement import Estimate, agreement
from o1exp.bench.judge import NO_REPLY, JudgeReply, Protocol, told, verdicts
from o1exp.bench.judges import Judge, as_rating
from o1exp.chat.request import likely_tokens
from o1exp.flow import Expect, Role, Stage, Work
from o1exp.records import Attempt, Problem, Table
from o1exp.records.checked import CheckedAnswer
from o1exp.records.table import write_table

MEASURE, VERDICTS = "measure.json", "verdicts"
LIKELY_TEXT = 700
"""Tokens of a question with its answer, for the plan."""


@dataclass(frozen=True, kw_only=True)
class MeasuredVerdict:
    """One checked answer: the label people gave it and the judge's, as its protocol reads the reply; `parsed` False where it decided."""

    problem: str
    question: str
    response: str
    label: str
    verdict: str
    parsed: bool
    reply: str


@dataclass(frozen=True, kw_only=True)
class JudgeMeasure:
    """How far a judge agrees with people on `answers` checked ones; `agreeing` of them have the same label.

    `kappa` is Cohen's with its interval from drawing the answers again, `table` people's label -> judge's label -> how many. `no_reply`
    answers got no verdict and are in no number; `unparsed` got the default of the protocol.
    """

    judge: str
    answers: int
    agreeing: int
    low: float
    high: float
    kappa: Estimate
    table: dict[str, dict[str, int]]
    unparsed: int = 0
    no_reply: int = 0

    @classmethod
    def read(cls, folder: Path) -> "JudgeMeasure":
        stored = json.loads((folder / MEASURE).read_text(encoding="utf-8"))
        return cls(**{**stored, "kappa": Estimate(**stored["kappa"])})

    @property
    def share(self) -> float:
        return self.agreeing / self.answers if self.answers else 0.0

    @property
    def verdicts(self) -> tuple[str, ...]:
        """All labels the judge gave, in the order of people's first."""
        given = dict.fromkeys(name for row in self.table.values() for name in row)
        return tuple(dict.fromkeys([*(name for name in self.table if name in given), *given]))


@dataclass(frozen=True, kw_only=True)
class Measured(Stage[JudgeMeasure]):
    """Asks a judge about answers that people have checked, and holds its verdicts against theirs.

    Facts: those of the measure, and of all requests. Every verdict lies beside it, in the table `verdicts`.
    Errors: SettingsError for a protocol that judges pairs; ValueError, before anything is asked, for a label that the judge has not.
    """

    role: ClassVar[Role] = "grading"
    does: ClassVar[str] = "a judge measured on answers that people have checked"
    judges: ClassVar[str] = "response level: the judge's verdict on a whole response beside that of people"
    version: ClassVar[int] = 2

    answers: Stage[Table[CheckedAnswer]]
    protocol: Protocol

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.protocol.pairwise:
            yield "protocol", "judges pairs; people's labels are of single answers: take a protocol that judges one"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = inputs["answers"].rows
        if rows is None:
            return Expect(uncounted=True, remark="a request for each checked answer")
        asked = self.protocol.asked(Problem(id="", question="", answer=""), ("", ""))
        return replace(self.protocol.teacher.expect(rows, likely_tokens(asked[0]) + LIKELY_TEXT), rows=rows)

    def preflight(self) -> Iterator[str]:
        yield from self.protocol.teacher.obstacles()

    @property
    def gpus(self) -> int:
        return self.protocol.teacher.gpus

    def make(self, work: Work) -> None:
        checked = in_words_of(self.protocol.judge, list(work.open(self.answers)))
        pairs = map(_pair, enumerate(checked))
        asked = [(attempt, problem, self.protocol.asked(problem, [self.protocol.shown(attempt)])) for attempt, problem in pairs]
        found, calls = verdicts(self.protocol, asked, work)
        replies = [reply for _, reply in found]
        (work.folder / VERDICTS).mkdir()
        write_table(work.folder / VERDICTS, MeasuredVerdict, map(_verdict, checked, replies))
        measure = measured(f"{self.protocol.judge.name}, {self.protocol.teacher.model}", checked, replies)
        (work.folder / MEASURE).write_text(json.dumps(asdict(measure), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        work.note(answers=measure.answers, agreeing=measure.agreeing, kappa=measure.kappa.value, **told(replies), **calls)


def in_words_of(judge: Judge, checked: Sequence[CheckedAnswer]) -> list[CheckedAnswer]:
    """The answers, with people's labels spelled as the judge spells its own, numbers too.

    Errors: ValueError for a label that the judge never gives, and that therefore would always count as a disagreement.
    """
    if not judge.labels:
        return [replace(one, label=as_rating(one.label)) for one in checked]
    known = {name.casefold(): name for name in judge.labels}
    if strange := next((one.label for one in checked if one.label.casefold() not in known), ""):
        raise ValueError(
            f"people's label {strange!r} is none that {judge.name} gives ({', '.join(judge.labels)}); say which it is in the answers' "
            f'labels, e.g. labels: {{{strange}: {judge.labels[0]}}}, or "" to leave such answers out'
        )
    return [replace(one, label=known[one.label.casefold()]) for one in checked]


def measured(judge: str, checked: Sequence[CheckedAnswer], replies: Sequence[JudgeReply]) -> JudgeMeasure:
    """The measure of the verdicts on these answers, in their order."""
    from o1exp.bench.statistics import wilson

    noted = told(replies)
    pairs = [(one.label, reply.label) for one, reply in zip(checked, replies, strict=True) if reply.label != NO_REPLY]
    agreeing = sum(one == other for one, other in pairs)
    share = wilson(agreeing, len(pairs)) if pairs else None
    both = {"people": {str(n): one for n, (one, _) in enumerate(pairs)}, "judge": {str(n): other for n, (_, other) in enumerate(pairs)}}
    kappa = agreement(both, "nominal").kappas["people / judge"] if pairs else Estimate(value=None)
    table = {label: dict(Counter(other for one, other in pairs if one == label)) for label in dict.fromkeys(one for one, _ in pairs)}
    return JudgeMeasure(
        judge=judge, answers=len(pairs), agreeing=agreeing, low=share.low if share else 0.0, high=share.high if share else 1.0, kappa=kappa,
        table=table, unparsed=noted["unparsed"], no_reply=noted["no_reply"],
    )  # fmt: skip


def _pair(numbered: tuple[int, CheckedAnswer]) -> tuple[Attempt, Problem]:
    place, one = numbered
    problem = Problem(id=one.problem, question=one.question, answer=one.gold)
    return Attempt(problem=one.problem, draw=place, text=one.response, tokens=0, finish_reason="stop"), problem


def _verdict(one: CheckedAnswer, reply: JudgeReply) -> MeasuredVerdict:
    return MeasuredVerdict(
        problem=one.problem, question=one.question, response=one.response, label=one.label, verdict=reply.label, parsed=reply.parsed,
        reply="\n".join(reply.replies),
    )  # fmt: skip
