"""The tables that were trained on, and the benchmarks, as MLflow's datasets: a name that a person reads, and the digest of their files."""

import json
from dataclasses import dataclass
from typing import Any

from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact


@dataclass(frozen=True)
class Used:
    """A table, what it was used for, and what it is called, e.g. "phase 2: answers kept whose result is right"."""

    table: Artefact
    context: str
    name: str

    @property
    def digest(self) -> str:
        return self.table.manifest.digest[:32]


def used(arm: Arm) -> dict[str, Used]:
    """By the table's path, the benchmarks first."""
    found = {problems.path: Used(problems, "evaluation", name) for name, problems in arm.posed.items()}
    for training in arm.trainings:
        for table in training.tables[-1:]:
            found.setdefault(table.path, Used(table, "training", f"phase {training.number}: {table.does}"))
    return found


def inputs(arms: list[Arm]) -> list[Any]:
    """What all arms used, each table once."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    every: dict[str, Used] = {}
    for arm in arms:
        for path, one in used(arm).items():
            every.setdefault(path, one)
    return [
        DatasetInput(
            Dataset(
                name=one.name[:500], digest=one.digest, source_type="local", source=json.dumps({"path": one.table.path}),
                profile=json.dumps({"rows": one.table.facts.get("rows")}),
            ),
            [InputTag("mlflow.data.context", one.context)],
        )
        for one in every.values()
    ]  # fmt: skip
