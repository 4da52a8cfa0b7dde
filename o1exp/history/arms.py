"""An arm: a Result with all that it stands on, for cards, audit, report and MLflow."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from o1exp.bench.grade import ATTEMPTS, PROBLEMS
from o1exp.bench.outcome import NAME, Outcome
from o1exp.bench.result import SCORES
from o1exp.history.lineage import Artefact, Lineage
from o1exp.history.trained import TrainedPhase, lost_phases, trained_phases
from o1exp.records import Attempt, Problem, Score

Row = TypeVar("Row", Attempt, Score)


@dataclass(frozen=True)
class Arm:
    """One named Result; `also` are other names of the same one. `lineage` knows the outputs folder it lies in."""

    name: str
    lineage: Lineage
    result: Artefact
    also: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.name, *self.also

    @property
    def identity(self) -> str:
        """The same for arms that are one result, in whichever outputs folders they lie: made alike, and with the same numbers."""
        return f"{self.result.path} {self.result.manifest.digest}"

    @cached_property
    def outcome(self) -> Outcome:
        return Outcome.read(self.result.folder)

    @cached_property
    def numbers(self) -> dict[str, dict[str, Any]]:
        """The numbers of each benchmark as they are stored, whichever they are."""
        found: dict[str, dict[str, Any]] = json.loads((self.result.folder / NAME).read_text(encoding="utf-8"))["benchmarks"]
        return found

    @cached_property
    def grades(self) -> dict[str, Artefact]:
        """The scored attempts by benchmark, as far as they are still there."""
        return self.lineage.over(self.result, SCORES)

    @cached_property
    def sampled(self) -> dict[str, Artefact]:
        """The attempts by benchmark, before they were scored."""
        found = {name: self.lineage.inputs(grade).get(ATTEMPTS) for name, grade in self.grades.items()}
        return {name: sample for name, sample in found.items() if sample is not None}

    @cached_property
    def posed(self) -> dict[str, Artefact]:
        """The problems by benchmark."""
        found = {name: self.lineage.inputs(grade).get(PROBLEMS) for name, grade in self.grades.items()}
        return {name: problems for name, problems in found.items() if problems is not None}

    @cached_property
    def model(self) -> Artefact | None:
        """The model that was sampled; None for one behind an endpoint."""
        inputs = (inner for sample in self.sampled.values() for inner in self.lineage.inputs(sample).values())
        return next((inner for inner in inputs if inner.is_model), None)

    @cached_property
    def making(self) -> list[Artefact]:
        """Every stage that the model stands on, inputs first, and the model itself."""
        return self.lineage.below(self.model) if self.model else []

    @property
    def models(self) -> list[Artefact]:
        """The base model, then what each training made of it."""
        return list({found.path: found for found in self.lineage.models(self.model)}.values()) if self.model else []

    @cached_property
    def trainings(self) -> list[TrainedPhase]:
        """The training phases of the model that was sampled, first phase first; none for an untrained or foreign model, or a `lost` one."""
        return trained_phases(self.lineage, self.model) if self.model else []

    @cached_property
    def lost(self) -> list[str]:
        """The paths of what is gone on the way from the result to the base model: with any, what was trained is not known."""
        if self.model:
            return lost_phases(self.lineage, self.model)
        steps = [list(self.result.manifest.over(SCORES).values())]
        steps += [[grade.manifest.inputs[ATTEMPTS]] for grade in self.grades.values() if ATTEMPTS in grade.manifest.inputs]
        steps += [[path for edge, path in one.manifest.inputs.items() if edge != PROBLEMS] for one in self.sampled.values()]
        return list(dict.fromkeys(path for paths in steps for path in paths if self.lineage.find(path) is None))

    @cached_property
    def gone(self) -> list[str]:
        """The paths of all that the result stands on and that was deleted since, as far as what is left names them."""
        return self.lineage.gone(self.result)

    @cached_property
    def untold(self) -> list[str]:
        """Those of them that the model was made of, or the model itself."""
        return self.lineage.gone(self.model) if self.model else self.lost

    @cached_property
    def stages(self) -> list[Artefact]:
        """Everything the result stands on, inputs first, and the result itself."""
        return self.lineage.below(self.result)

    @property
    def training_tokens(self) -> int | None:
        """Tokens of all phases, repeats included; None where a phase may have been deleted."""
        return None if self.lost else sum(training.facts.tokens for training in self.trainings)

    @property
    def training_examples(self) -> int | None:
        return None if self.lost else sum(training.facts.rows for training in self.trainings)

    @property
    def training_cpu_seconds(self) -> float | None:
        return None if self.lost else sum(training.cpu_seconds for training in self.trainings)

    def questions(self, benchmark: str) -> dict[str, str]:
        """Problem id -> its identity across arms, as results name it: id and text, so that equal ids of other problem sets never pair."""
        if benchmark not in self.posed:
            grade = self.grades[benchmark]
            origin = grade.manifest.inputs.get(PROBLEMS, grade.path)
            return {row.problem: f"{origin} {row.problem}" for row in grade.rows(Score)}
        return {row.id: f"{row.id} {row.digest}" for row in self.posed[benchmark].rows(Problem)}

    def problems(self, benchmark: str) -> dict[str, Problem]:
        """The benchmark's problems by the identity that `questions` gives."""
        identity = self.questions(benchmark)
        return {identity[row.id]: row for row in self.posed[benchmark].rows(Problem)} if benchmark in self.posed else {}

    def scores(self, benchmark: str, wanted: Collection[str] | None = None) -> dict[str, list[Score]]:
        """The scores of each question, or of the `wanted` ones, in draw order."""
        return self._by_question(benchmark, self.grades[benchmark], Score, wanted)

    def attempts(self, benchmark: str, wanted: Collection[str] | None = None) -> dict[str, list[Attempt]]:
        """The texts of each question, or of the `wanted` ones, in draw order; empty where they were deleted.

        Texts of thousands of attempts fill the memory: those that nobody wants are not read into it.
        """
        sample = self.sampled.get(benchmark)
        return self._by_question(benchmark, sample, Attempt, wanted) if sample else {}

    def answered(self, benchmark: str) -> list[str]:
        """The questions whose texts are still there, in order; empty where they were deleted."""
        if benchmark not in self.sampled:
            return []
        identity = self.questions(benchmark)
        frames = self.sampled[benchmark].rows(Attempt).frames(["problem"])
        return sorted({identity[problem] for frame in frames for problem in frame["problem"].unique()})

    def _by_question(self, benchmark: str, artefact: Artefact, record: type[Row], wanted: Collection[str] | None) -> dict[str, list[Row]]:
        identity, found = self.questions(benchmark), dict[str, list[Row]]()
        ids = None if wanted is None else [problem for problem, question in identity.items() if question in wanted]
        rows: Iterable[Row] = artefact.rows(record) if ids is None else artefact.rows_of(record, "problem", ids)
        for row in sorted(rows, key=lambda row: (row.problem, row.draw)):
            found.setdefault(identity[row.problem], []).append(row)
        return found


def gather(root: Path, results: dict[str, str]) -> list[Arm]:
    """The arms of one outputs folder: name -> "Result/<key>". Errors: ValueError for a result that is not there."""
    lineage = Lineage(root)
    return [Arm(name, lineage, lineage.get(path)) for name, path in results.items()]


def subject(arms: list[Arm], baseline: str) -> Arm:
    """The arm that a run is about: the first that is not the baseline."""
    return next((arm for arm in arms if arm.name != baseline), arms[0])


def benchmarks(arms: list[Arm]) -> list[str]:
    """Every benchmark of any arm, in the order of first appearance."""
    return list(dict.fromkeys(name for arm in arms for name in arm.outcome.benchmarks))
