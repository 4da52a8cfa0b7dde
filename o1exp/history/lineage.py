"""What an artefact was made of, read from the manifests on disk, whoever wrote them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from o1exp.flow.manifest import Manifest
from o1exp.records import Table

R = TypeVar("R")
TABLE = "rows.parquet"
CURVE = "curve.jsonl"


@dataclass(frozen=True)
class Artefact:
    """A finished artefact: its `path` below artefacts/ ("Stage/key"), its folder and its manifest."""

    path: str
    folder: Path
    manifest: Manifest

    @property
    def stage(self) -> str:
        return self.manifest.stage

    @property
    def role(self) -> str:
        return self.manifest.role

    @property
    def does(self) -> str:
        """What the stage does in a few words, or its bare name."""
        return self.manifest.does or self.stage

    @property
    def facts(self) -> dict[str, Any]:
        return self.manifest.facts

    @property
    def is_table(self) -> bool:
        return TABLE in self.manifest.files

    @property
    def is_training(self) -> bool:
        return CURVE in self.manifest.files

    def rows(self, record: type[R]) -> Table[R]:
        return Table.read(self.folder, record)

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())

    def jsonl(self, name: str) -> list[dict[str, Any]]:
        """The rows of a file; none where the artefact has no such file."""
        if name not in self.manifest.files:
            return []
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines() if line]


class Lineage:
    """The artefacts of one outputs folder by path. An input that was deleted since is left out."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, Artefact | None] = {}

    def find(self, path: str) -> Artefact | None:
        """The finished artefact at "Stage/key", or None."""
        if path not in self._known:
            folder = self.root / "artefacts" / path
            manifest = Manifest.load(folder)
            self._known[path] = None if manifest is None else Artefact(path, folder, manifest)
        return self._known[path]

    def get(self, path: str) -> Artefact:
        found = self.find(path)
        if found is None:
            raise ValueError(f"{path} is not among the artefacts of {self.root}; run its experiment again, or name the folder it lies in")
        return found

    def inputs(self, artefact: Artefact) -> dict[str, Artefact]:
        """The inputs that are still there, by edge."""
        return {edge: found for edge, path in artefact.manifest.inputs.items() if (found := self.find(path)) is not None}

    def below(self, artefact: Artefact) -> list[Artefact]:
        """The artefact and all it stands on, inputs first, each once."""
        order: dict[str, Artefact] = {}
        self._visit(artefact, order)
        return list(order.values())

    def tables_below(self, artefact: Artefact) -> list[Artefact]:
        """The tables that this artefact's rows went through, first source first; models on the way end the walk."""
        order: dict[str, Artefact] = {}
        for inner in self.inputs(artefact).values():
            self._visit_tables(inner, order)
        return list(order.values())

    def _visit(self, artefact: Artefact, order: dict[str, Artefact]) -> None:
        if artefact.path not in order:
            for inner in self.inputs(artefact).values():
                self._visit(inner, order)
            order[artefact.path] = artefact

    def _visit_tables(self, artefact: Artefact, order: dict[str, Artefact]) -> None:
        if artefact.is_table and artefact.path not in order:
            for inner in self.inputs(artefact).values():
                self._visit_tables(inner, order)
            order[artefact.path] = artefact


@dataclass(frozen=True)
class Training:
    """One training phase of an arm: its place in the chain from 1, its data, its cost; `prepared` holds the token ids it was fed."""

    phase: int
    artefact: Artefact
    tables: tuple[Artefact, ...]
    prepared: Artefact | None = None

    @cached_property
    def curve(self) -> list[dict[str, Any]]:
        """Rows {step, tokens, loss, accuracy, lr, grad_norm}."""
        return self.artefact.jsonl(CURVE)

    @cached_property
    def timing(self) -> list[dict[str, Any]]:
        """Rows {step, seconds, cpu_seconds, memory_mb}, seconds from the start of the training."""
        return self.artefact.jsonl("timing.jsonl")

    @cached_property
    def validation(self) -> list[dict[str, Any]]:
        """Rows {step, tokens, loss, accuracy} over held-out problems; step 0 is before training."""
        return self.artefact.jsonl("validation.jsonl")

    @cached_property
    def samples(self) -> list[dict[str, Any]]:
        """Rows {step, tokens, samples}; each sample is {row, text}."""
        return self.artefact.jsonl("samples.jsonl")

    @property
    def of_pairs(self) -> bool:
        """Preference training: a unit of its loss is a pair, and accuracy the share of pairs with a positive margin."""
        return self.artefact.stage == "Dpo"

    @property
    def label(self) -> str:
        return f"Phase {self.phase}: {self.artefact.stage.upper()}"

    @property
    def steps(self) -> int:
        return int(self.artefact.facts.get("steps", len(self.curve)))

    @property
    def examples(self) -> int:
        facts = self.artefact.facts
        return int(facts.get("rows", facts.get("examples", 0)))

    @property
    def tokens(self) -> int:
        return int(self.artefact.facts.get("tokens", self.curve[-1]["tokens"] if self.curve else 0))

    @property
    def window(self) -> int | None:
        """Positions of the trained model, None where its config does not say."""
        name = "model/config.json"
        found = self.artefact.json(name).get("max_position_embeddings") if name in self.artefact.manifest.files else None
        return None if found is None else int(found)


def trainings(lineage: Lineage, model: Artefact) -> list[Training]:
    """The training phases that made a model, first phase first."""
    chain = {found.path: found for found in _models(lineage, model) if found.is_training}
    return [
        Training(phase, found, tuple(lineage.tables_below(found)), lineage.inputs(found).get("prepared"))
        for phase, found in enumerate(chain.values(), 1)
    ]


def _models(lineage: Lineage, model: Artefact) -> Iterator[Artefact]:
    for inner in lineage.inputs(model).values():
        if not inner.is_table:
            yield from _models(lineage, inner)
    yield model
