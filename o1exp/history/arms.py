"""An arm of a comparison: a Result with everything below it, gathered for tables, figures and MLflow."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from o1exp.bench.outcome import Outcome
from o1exp.history.lineage import Artefact, Lineage, Training, trainings
from o1exp.records import Attempt, Problem, Score

EDGE = "scores."


@dataclass(frozen=True)
class Arm:
    """One named Result. `lineage` knows the outputs folder it lies in."""

    name: str
    lineage: Lineage
    result: Artefact
    outcome: Outcome

    @cached_property
    def grades(self) -> dict[str, Artefact]:
        """The graded attempts by benchmark, as far as they are still there."""
        return {edge.removeprefix(EDGE): found for edge, found in self.lineage.inputs(self.result).items() if edge.startswith(EDGE)}

    @cached_property
    def trainings(self) -> list[Training]:
        """The SFT phases of the model that was sampled, first phase first; none for an untrained or foreign model."""
        for grade in self.grades.values():
            sample = self.lineage.inputs(grade).get("attempts")
            model = self.lineage.inputs(sample).get("model") if sample else None
            if model is not None:
                return trainings(self.lineage, model)
        return []

    @cached_property
    def stages(self) -> list[Artefact]:
        """Everything the result stands on, inputs first, and the result itself."""
        return self.lineage.below(self.result)

    @property
    def training_tokens(self) -> int:
        return sum(training.tokens for training in self.trainings)

    @property
    def training_examples(self) -> int:
        return sum(training.examples for training in self.trainings)

    @property
    def training_cpu_seconds(self) -> float:
        return sum(training.artefact.manifest.cpu_seconds for training in self.trainings)

    def questions(self, benchmark: str) -> dict[str, str]:
        """Problem id -> its identity across arms: id and text, so that equal ids of different problem sets never pair."""
        problems = self.lineage.inputs(self.grades[benchmark]).get("problems")
        if problems is None:
            origin = self.grades[benchmark].manifest.inputs.get("problems", self.grades[benchmark].path)
            return {row.problem: f"{origin} {row.problem}" for row in self.grades[benchmark].rows(Score)}
        return {row.id: f"{row.id} {sha256(row.question.encode()).hexdigest()}" for row in problems.rows(Problem)}

    def problems(self, benchmark: str) -> dict[str, Problem]:
        """The benchmark's problems by the identity that `questions` gives."""
        table = self.lineage.inputs(self.grades[benchmark]).get("problems")
        identity = self.questions(benchmark)
        return {identity[row.id]: row for row in table.rows(Problem)} if table else {}

    def scores(self, benchmark: str) -> dict[str, list[Score]]:
        """The scores of each question, in draw order."""
        identity, found = self.questions(benchmark), dict[str, list[Score]]()
        for row in sorted(self.grades[benchmark].rows(Score), key=lambda row: (row.problem, row.draw)):
            found.setdefault(identity[row.problem], []).append(row)
        return found

    def attempts(self, benchmark: str) -> dict[str, list[Attempt]]:
        """The texts of each question, in draw order; empty where they were deleted."""
        sample = self.lineage.inputs(self.grades[benchmark]).get("attempts")
        identity, found = self.questions(benchmark), dict[str, list[Attempt]]()
        for row in sorted(sample.rows(Attempt), key=lambda row: (row.problem, row.draw)) if sample else ():
            found.setdefault(identity[row.problem], []).append(row)
        return found


def gather(root: Path, results: dict[str, str]) -> list[Arm]:
    """The arms of one outputs folder: name -> "Result/<key>". Errors: ValueError for a result that is not there."""
    lineage = Lineage(root)
    arms = []
    for name, path in results.items():
        result = lineage.get(path)
        arms.append(Arm(name, lineage, result, Outcome.read(result.folder)))
    return arms


def benchmarks(arms: list[Arm]) -> list[str]:
    """Every benchmark of any arm, in the order of first appearance."""
    return list(dict.fromkeys(name for arm in arms for name in arm.outcome.benchmarks))
