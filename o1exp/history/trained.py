"""The training phases that made a model."""

from dataclasses import dataclass
from functools import cached_property

from o1exp.flow.architecture import positions
from o1exp.history.lineage import Artefact, Lineage
from o1exp.train.facts import BASES, PREPARED, START, PreparedFacts, TrainingFacts, training_facts
from o1exp.train.logs import TrainingLogs


@dataclass(frozen=True)
class TrainedPhase:
    """One training of an arm: its place in the chain from 1, and what its data went through, sources first.

    `prepared` holds the token ids it was fed, as far as they are still there.
    """

    number: int
    artefact: Artefact
    data: tuple[Artefact, ...]
    prepared: Artefact | None = None

    @cached_property
    def logs(self) -> TrainingLogs:
        return TrainingLogs(self.artefact.folder)

    @cached_property
    def facts(self) -> TrainingFacts:
        return training_facts(self.artefact.manifest)

    @property
    def encoded(self) -> PreparedFacts | None:
        """How long the documents are, None where their token ids were deleted."""
        return PreparedFacts.of(self.prepared.facts) if self.prepared else None

    @property
    def tables(self) -> list[Artefact]:
        """The tables among the data; the last one was trained on."""
        return [artefact for artefact in self.data if artefact.is_table]

    @property
    def kind(self) -> str:
        """In the field's letters: SFT, DPO."""
        return self.artefact.stage.upper()

    @property
    def label(self) -> str:
        return f"Phase {self.number}: {self.kind}"

    @property
    def cpu_seconds(self) -> float:
        return self.artefact.manifest.cpu_seconds

    @property
    def window(self) -> int | None:
        """Positions of the trained model, None where its config does not say."""
        return positions(self.artefact.model_config.get("max_position_embeddings"))


def lost_phases(lineage: Lineage, model: Artefact) -> list[str]:
    """The paths of models that this one was made from and that are gone; with one, nobody knows what was trained before it."""
    lost = []
    for found in lineage.models(model):
        edges = found.manifest.inputs
        origins = [edges[START]] if START in edges else list(edges.values())
        lost += [path for path in origins if lineage.find(path) is None and path.partition("/")[0] not in BASES]
    return lost


def trained_phases(lineage: Lineage, model: Artefact) -> list[TrainedPhase]:
    """The trainings that made a model, first phase first; none for an untrained one, and where one of them is gone."""
    if lost_phases(lineage, model):
        return []  # which phase is the first one left is not known
    chain = {found.path: found for found in lineage.models(model) if found.is_training}
    return [
        TrainedPhase(number, found, tuple(lineage.data_below(found)), lineage.inputs(found).get(PREPARED))
        for number, found in enumerate(chain.values(), 1)
    ]
