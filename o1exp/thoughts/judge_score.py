"""The judge is measured first: its verdicts on steps that people have labelled, and how far the two agree (Part 1, section 3.2)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Self

from o1exp.answers.grade import grade
from o1exp.chat.teacher import Budget
from o1exp.flow import AtLeast, Checkpoint, Expect, Role, Stage, StageFailed, Work, how
from o1exp.flow.checkpoint import POINTER
from o1exp.flow.content import differs, pinned, sha256_of, together
from o1exp.records import Problem, Table
from o1exp.records.labelled import Labelled, labelled
from o1exp.records.labelled.prm800k import LABELLER
from o1exp.records.tree import Verdict
from o1exp.thoughts.asking import Asking, Exploring
from o1exp.thoughts.judge import Judge, Judged

PUBLISHED: Mapping[str, Mapping[str, float]] = {
    "mr_gsm8k": {"o1-mini": 0.855, "GPT-4o-mini": 0.722, "Math-Shepherd": 0.734, "ReasonEval-7B": 0.728, "ReasonEval-34B": 0.735},
    "prm800k": {"GPT-4o-mini": 0.756, "o1-mini": 0.880, "o1-preview": 0.867},
}
"""Step-level F1 on Part 1's own subsets of these sets, which it did not publish."""
NEEDS = "this judge compares answers with it; give a file with answers, or another judge"


@dataclass(frozen=True, kw_only=True)
class JudgedStep:
    """One labelled step with the judge's verdict. `row` is its row or line in the file, `parent` the place of the step before it there."""

    row: int
    step: int
    parent: int
    form: str
    text: str
    label: Verdict
    verdict: Verdict = ""
    value: float | None = None
    reason: str = ""
    judged: bool = True
    ends: bool = False


@dataclass(frozen=True, kw_only=True)
class JudgedSteps(Stage[Table[JudgedStep]]):
    """Asks a judge about every labelled step of a file, each behind the steps that led to it.

    Steps that nobody labelled, and those that a labeller wrote, are not asked about. Facts: those of `score`, and what was asked.
    Errors: StageFailed if the file labels no step.
    """

    role: ClassVar[Role] = "grading"
    does: ClassVar[str] = "a judge's verdicts on steps that people labelled"
    judges: ClassVar[str] = "each step"
    version: ClassVar[int] = 2

    judge: Judge
    """Who is measured."""
    path: str = how("")
    """PRM800K, MR-GSM8K, ProcessBench, Math-Shepherd or MATH-APS rows."""
    sha256: str = ""
    """Of the file's content; "": that of `path`."""
    limit: Annotated[int, AtLeast(1)] | None = None
    """The most rows that are judged."""
    budget: Budget = how(Budget())
    """The stop on money."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sha256", pinned(self.path, self.sha256))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not Path(self.path).is_file():
            yield "path", f"{self.path or '(empty)'} is no file (looked from {Path.cwd()}); give a file with labelled steps"
        if why := next(filter(None, map(self.budget.unguarded, self.judge.teachers)), None):
            yield "budget", why

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        asks = bool(self.judge.teachers)
        return Expect(uncounted=asks, remark="a request for each labelled step, or several" if asks else "")

    def preflight(self) -> Iterator[str]:
        yield from differs(self.path, self.sha256)
        yield from dict.fromkeys(why for teacher in self.judge.teachers for why in teacher.obstacles())

    @property
    def gpus(self) -> int:
        return max([self.judge.devices, *(teacher.gpus for teacher in self.judge.teachers)])

    def make(self, work: Work) -> None:
        rows = [row for row in labelled(Path(self.path)) if row.steps]
        if self.judge.needs_answer:
            whole, rows = rows, [row for row in rows if grade(row.answer, f"\\boxed{{{row.answer}}}").correct]
            work.note(without_answer=len(whole) - len(rows))
            if not rows:
                raise StageFailed(f"{self.path} has no gold answer that can be read, and {NEEDS}")
            if len(rows) < len(whole):
                work.console.line(f"{len(whole) - len(rows)} rows have no gold answer that can be read: they are left out")
        rows = rows[: self.limit]
        steps = [steps_of(row) for row in rows]
        if not any(step.judged for found in steps for step in found):
            raise StageFailed(f"{self.path} labels no step; give rows of PRM800K, MR-GSM8K or ProcessBench")
        with self.judge.ready(work) as judge, Asking[list[Judged]](judge.teachers, self.budget, work, "verdicts") as asking:
            said = asking.run([_judging(judge, row, found) for row, found in zip(rows, steps, strict=True)])
            called = asking.facts()
        judged = [step for found, own in zip(steps, said, strict=True) for step in _with(found, own)]
        work.write(JudgedStep, judged)
        work.note(**score(judged).plain(), **called)


@dataclass(frozen=True, kw_only=True)
class Weights(Stage[Checkpoint]):
    """A reward model that lies in a folder, known by its content, or on the hub, known by its revision."""

    role: ClassVar[Role] = "base"
    does: ClassVar[str] = "a reward model as it is"

    source: str = how("")
    """The folder, or the hub's name."""
    name: str = ""
    """The hub's name; "" for a folder."""
    revision: str = ""
    """The hub's commit."""
    sha256: str = ""
    """Of a folder's files."""

    @classmethod
    def of(cls, source: str, revision: str = "") -> Self:
        """Errors: ValueError for what is neither a folder with a config nor a hub's name with a revision."""
        folder = Path(source)
        if (folder / "config.json").is_file():
            files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
            return cls(source=str(folder.resolve()), sha256=together(sha256_of(files)))
        if folder.exists() or not revision:
            raise ValueError(f"{source} is no folder with a config.json; give one, or a model's name on the hub with its revision")
        return cls(source=source, name=source, revision=revision)

    def make(self, work: Work) -> None:
        (work.folder / POINTER).write_text(json.dumps({"source": self.source, "revision": self.revision}), encoding="utf-8")


def steps_of(row: Labelled) -> list[JudgedStep]:
    """All steps of a row; `judged` where the judge is asked: with a label that its reader, not its writer, gave."""
    leaves = set(row.leaves)
    return [
        JudgedStep(
            row=row.place, step=place, parent=step.parent, form=row.form, text=step.text, label=step.verdict,
            judged=bool(step.verdict) and step.writer != LABELLER, ends=place in leaves,
        )
        for place, step in enumerate(row.steps)
    ]  # fmt: skip


def _judging(judge: Judge, row: Labelled, steps: Sequence[JudgedStep]) -> Exploring[list[Judged]]:
    problem = Problem(id=str(row.place), question=row.question, answer=row.answer, solution=row.solution)
    paths = [[row.steps[at].text for at in row.path(step.step)] for step in steps if step.judged]
    return (yield from judge.judge(problem, paths))


def _with(steps: Sequence[JudgedStep], said: Sequence[Judged]) -> Iterator[JudgedStep]:
    """The steps with the verdicts on those that were asked about."""
    verdicts = iter(said)
    for step in steps:
        own = next(verdicts) if step.judged else None
        if own is not None:
            yield JudgedStep(**{**vars(step), "verdict": own.verdict, "value": own.value, "reason": own.reason})
        else:
            yield step


@dataclass(frozen=True)
class JudgeScore:
    """How far a judge agrees with labels; neutral counts as right on both sides, and a step without a readable verdict as missed.

    `f1_wrong` and `f1_right` are the F1 of finding the wrong and the right steps, `step_f1` their mean (as in ReasonEval's evaluation; Part
    1 does not say which it took). `error_accuracy` and `correct_accuracy` are ProcessBench's: the share of solutions with an error whose
    first one is found exactly, and of those without one where none is found; `first_error_f1` is their harmonic mean. None: no such sample.
    """

    steps: int
    wrong_steps: int
    unread: int
    step_accuracy: float
    f1_wrong: float | None
    f1_right: float | None
    step_f1: float | None
    erroneous: int
    correct: int
    error_accuracy: float | None
    correct_accuracy: float | None
    first_error_f1: float | None

    def plain(self) -> dict[str, float | None]:
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in vars(self).items()}


def score(steps: Sequence[JudgedStep]) -> JudgeScore:
    """The score of the verdicts on these steps, whole rows each."""
    asked = [step for step in steps if step.judged]
    pairs = [(_is_wrong(step.label), _is_wrong(step.verdict)) for step in asked]
    f1_wrong, f1_right = _f1(pairs, True), _f1(pairs, False)
    step_f1 = None if f1_wrong is None or f1_right is None else (f1_wrong + f1_right) / 2
    found = list(_solutions(steps))
    error = [hit for wrong, hit in found if wrong]
    correct = [hit for wrong, hit in found if not wrong]
    error_share, correct_share = (sum(hits) / len(hits) if hits else None for hits in (error, correct))
    return JudgeScore(
        len(asked), sum(wrong is True for wrong, _ in pairs), sum(not step.verdict for step in asked),
        sum(label == verdict for label, verdict in pairs) / max(len(asked), 1), f1_wrong, f1_right, step_f1,
        len(error), len(correct), error_share, correct_share, _harmonic(error_share, correct_share),
    )  # fmt: skip


def _is_wrong(verdict: Verdict) -> bool | None:
    return None if not verdict else verdict == "wrong"


def _f1(pairs: Sequence[tuple[bool | None, bool | None]], wanted: bool) -> float | None:
    """None where no step has this label."""
    labelled_so, said_so = sum(label is wanted for label, _ in pairs), sum(verdict is wanted for _, verdict in pairs)
    both = sum(label is wanted and verdict is wanted for label, verdict in pairs)
    return 2 * both / (labelled_so + said_so) if labelled_so else None


def _harmonic(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return None
    return 2 * one * other / (one + other) if one + other else 0.0


def _solutions(steps: Sequence[JudgedStep]) -> Iterator[tuple[bool, bool]]:
    """Every way to a first wrong step, and every whole way without one: has it an error, and did the judge place it rightly?"""
    by_place = {(step.row, step.step): step for step in steps}
    for last in steps:
        if not last.judged or not (last.label == "wrong" or last.ends):
            continue
        path = [last]
        while path[-1].parent >= 0:
            path.append(by_place[path[-1].row, path[-1].parent])
        before = [step for step in path[1:] if step.judged]
        if any(not step.label or step.label == "wrong" for step in path[1:]):
            continue
        flagged = any(step.verdict in ("wrong", "") for step in before)
        wrong = last.label == "wrong"
        yield wrong, not flagged and (last.verdict == "wrong" if wrong else last.verdict in ("right", "neutral"))
