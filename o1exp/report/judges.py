"""The judges of a page: how far several of them agree on the arms' answers, and how far each agrees with labels that people gave."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from o1exp.bench.agreement import Estimate
from o1exp.bench.measured import MEASURE, JudgeMeasure
from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact
from o1exp.history.runs import RunRecord

MEASURES = "measures"
"""The edge of a report over its measured judges."""


@dataclass(frozen=True)
class Agreeing:
    """Several raters on one arm's answers of a benchmark: their number, the texts that two or more rated, alpha, and kappa by pair."""

    benchmark: str
    arm: str
    scorer: str
    raters: int
    units: int
    alpha: Estimate
    kappas: Mapping[str, Estimate]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class StepMeasure:
    """A judge of steps against labelled ones; None: there was no such step."""

    steps: int
    wrong: int
    unread: int
    step_f1: float | None
    f1_wrong: float | None
    f1_right: float | None
    first_error_f1: float | None


@dataclass(frozen=True)
class MeasuredJudges:
    """By the names that the report gives them: judges of answers, and judges of steps."""

    answers: Mapping[str, JudgeMeasure]
    steps: Mapping[str, StepMeasure]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: asdict(one) for name, one in self.answers.items()} | {name: asdict(one) for name, one in self.steps.items()}


def agreeing(arms: Sequence[Arm]) -> list[Agreeing]:
    """Of every panel and of every file of people's scores; one rater alone agrees with nobody."""
    return [one for arm in arms for name, grade in arm.grades.items() for one in _agreeing(arm, name, grade)]


def _agreeing(arm: Arm, benchmark: str, grade: Artefact) -> Iterator[Agreeing]:
    noted = grade.facts.get("agreement")
    if isinstance(noted, dict):
        kappas = {str(pair): Estimate(**one) for pair, one in noted["kappas"].items()}
        scorer = arm.outcome.benchmarks[benchmark].scorer
        yield Agreeing(benchmark, arm.name, scorer, noted["raters"], noted["units"], Estimate(**noted["alpha"]), kappas)


def measured_judges(found: Mapping[str, Artefact]) -> MeasuredJudges:
    """What each of these stages measured."""
    answers = {name: JudgeMeasure.read(one.folder) for name, one in found.items() if MEASURE in one.manifest.files}
    steps = {name: _steps(one.facts) for name, one in found.items() if "step_f1" in one.facts}
    return MeasuredJudges(answers, steps)


def of_runs(runs: Sequence[RunRecord]) -> dict[str, Artefact]:
    """The measured judges that the reports of these runs stand on; a run's name stands before one that several runs call so."""
    found: dict[str, Artefact] = {}
    for run in runs:
        for name, one in _of_report(run).items():
            other = found.get(name)
            found[name if other is None or other.path == one.path else f"{run.name}/{name}"] = one
    return found


def _of_report(run: RunRecord) -> dict[str, Artefact]:
    if not run.report or not run.arms:
        return {}
    lineage = run.gathered()[0].lineage
    report = lineage.find(run.report)
    return lineage.over(report, MEASURES) if report else {}


def _steps(facts: Mapping[str, Any]) -> StepMeasure:
    return StepMeasure(
        facts["steps"], facts["wrong_steps"], facts["unread"], facts["step_f1"], facts["f1_wrong"], facts["f1_right"],
        facts["first_error_f1"],
    )  # fmt: skip
