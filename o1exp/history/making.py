"""An arm of a finished run as the cards see it: the model that was sampled, what made it, how it was scored. Manifests only."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from o1exp.history.lineage import Artefact, Lineage

SCORES = "scores."
MODEL_FILES = ("model/config.json", "pointer.json")


@dataclass(frozen=True)
class Arm:
    """One named Result."""

    name: str
    lineage: Lineage
    result: Artefact

    @cached_property
    def scored(self) -> dict[str, Artefact]:
        """The scoring stage of each benchmark."""
        inputs = self.lineage.inputs(self.result)
        return {edge.removeprefix(SCORES): found for edge, found in inputs.items() if edge.startswith(SCORES)}

    @cached_property
    def sampled(self) -> dict[str, Artefact]:
        """The sampling stage of each benchmark: the one that took a model."""
        found: dict[str, Artefact] = {}
        for name, scores in self.scored.items():
            takers = [a for a in self.lineage.below(scores) if "model" in a.manifest.inputs and a.path not in self._making]
            found |= {name: takers[-1]} if takers else {}
        return found

    @cached_property
    def model(self) -> Artefact | None:
        for scores in self.scored.values():
            for artefact in self.lineage.below(scores)[::-1]:
                if (model := self.lineage.inputs(artefact).get("model")) is not None:
                    return model
        return None

    @cached_property
    def making(self) -> list[Artefact]:
        """Every stage that the model stands on, inputs first, and the model itself."""
        return self.lineage.below(self.model) if self.model else []

    @cached_property
    def _making(self) -> set[str]:
        return {artefact.path for artefact in self.making}

    @property
    def chain(self) -> list[Artefact]:
        """The models of the arm: the base, then each training."""
        return [artefact for artefact in self.making if is_model(artefact)]

    @property
    def trainings(self) -> list[Artefact]:
        """The trainings, first phase first."""
        return [artefact for artefact in self.chain if artefact.role in ("sft", "rl") or artefact.is_training]

    def data(self, training: Artefact) -> list[Artefact]:
        """The data that a training's examples went through, sources first, its encoded form last."""
        order: dict[str, Artefact] = {}
        for inner in self.lineage.inputs(training).values():
            self._visit(inner, order)
        return list(order.values())

    def _visit(self, artefact: Artefact, order: dict[str, Artefact]) -> None:
        if is_model(artefact) or artefact.path in order:
            return
        for inner in self.lineage.inputs(artefact).values():
            self._visit(inner, order)
        order[artefact.path] = artefact


def is_model(artefact: Artefact) -> bool:
    return any(name in artefact.manifest.files for name in MODEL_FILES)


def arms(root: Path, results: dict[str, str]) -> list[Arm]:
    """The arms of one outputs folder: name -> "Result/<key>". Errors: ValueError for a result that is not there."""
    lineage = Lineage(root)
    return [Arm(name, lineage, lineage.get(path)) for name, path in results.items()]


def subject(found: list[Arm], baseline: str) -> Arm:
    """The arm that the run is about: the first that is not the baseline."""
    return next((arm for arm in found if arm.name != baseline), found[0])


def pointer(artefact: Artefact) -> dict[str, Any]:
    """How a card's entry names what it was read from."""
    return {"artefact": artefact.path, "digest": artefact.manifest.digest}
