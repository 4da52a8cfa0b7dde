"""What an artefact was made of, read from the manifests on disk, whoever wrote them."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from o1exp.flow.checkpoint import CONFIG, POINTER, Checkpoint
from o1exp.flow.manifest import ARTEFACTS, Manifest
from o1exp.records import Table
from o1exp.records.table import ROWS
from o1exp.train.facts import TOKENIZER
from o1exp.train.logs import CURVE

R = TypeVar("R")


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
        return ROWS in self.manifest.files

    @property
    def is_model(self) -> bool:
        return Checkpoint.is_among(self.manifest.files)

    @property
    def is_training(self) -> bool:
        return self.role in ("sft", "rl") or CURVE.name in self.manifest.files

    @property
    def model_config(self) -> dict[str, Any]:
        """The model's config.json where it lies here; {} for a model kept elsewhere."""
        path = self.folder / CONFIG
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found

    @property
    def points_to(self) -> Checkpoint | None:
        """The model kept elsewhere that this artefact stands for."""
        return Checkpoint.read(self.folder) if POINTER in self.manifest.files else None

    def rows(self, record: type[R]) -> Table[R]:
        return Table.read(self.folder, record)

    def rows_of(self, record: type[R], column: str, wanted: Collection[str]) -> Iterator[R]:
        """The rows whose column has one of these values, in order; the others never come into the memory as records."""
        import polars
        from pydantic import TypeAdapter

        typed: TypeAdapter[list[R]] = TypeAdapter(list[record])  # type: ignore[valid-type]
        for frame in self.rows(record).frames():
            yield from typed.validate_python(frame.filter(polars.col(column).is_in(list(wanted))).to_dicts())

    @property
    def columns(self) -> set[str]:
        """The names of its table's columns."""
        import pyarrow.parquet

        return set(pyarrow.parquet.read_schema(self.folder / ROWS).names)

    def column(self, name: str) -> list[str]:
        """The distinct values of a column of texts, in order."""
        import polars

        return list(polars.read_parquet(self.folder / ROWS, columns=[name])[name].unique(maintain_order=True))


class Lineage:
    """The artefacts of one outputs folder by path. An input that was deleted since is left out."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, Artefact | None] = {}

    def find(self, path: str) -> Artefact | None:
        """The finished artefact at "Stage/key", or None. Errors: Damaged (a ValueError) where its manifest cannot be read."""
        if path not in self._known:
            folder = self.root / ARTEFACTS / path
            manifest = Manifest.load(folder)
            self._known[path] = None if manifest is None else Artefact(path, folder, manifest)
        return self._known[path]

    def has(self, path: str) -> bool:
        """Is it there, and can be read?"""
        try:
            return self.find(path) is not None
        except ValueError:
            return False

    def get(self, path: str) -> Artefact:
        found = self.find(path)
        if found is None:
            raise ValueError(f"{path} is not among the artefacts of {self.root}; run its experiment again, or name the folder it lies in")
        return found

    def inputs(self, artefact: Artefact) -> dict[str, Artefact]:
        """The inputs that are still there, by edge."""
        return self._still_there(artefact.manifest.inputs)

    def over(self, artefact: Artefact, edge: str) -> dict[str, Artefact]:
        """Those of an edge over several stages, by their names."""
        return self._still_there(artefact.manifest.over(edge))

    def below(self, artefact: Artefact) -> list[Artefact]:
        """The artefact and all it stands on, inputs first, each once."""
        order: dict[str, Artefact] = {}
        self._visit(artefact, order, through_models=True)
        return list(order.values())

    def gone(self, artefact: Artefact) -> list[str]:
        """The paths of what it stands on, directly or not, and was deleted since; what only those stood on is not known any more."""
        found = (path for inner in self.below(artefact) for path in inner.manifest.inputs.values() if self.find(path) is None)
        return list(dict.fromkeys(found))

    def data_below(self, artefact: Artefact) -> list[Artefact]:
        """What an artefact's data went through, sources first; models on the way end the walk."""
        order: dict[str, Artefact] = {}
        for inner in self.inputs(artefact).values():
            self._visit(inner, order, through_models=False)
        return list(order.values())

    def models(self, model: Artefact) -> Iterator[Artefact]:
        """The models that were trained one from the other, the base first, `model` last."""
        for edge, inner in self.inputs(model).items():
            if inner.is_model and edge != TOKENIZER:
                yield from self.models(inner)
        yield model

    def _visit(self, artefact: Artefact, order: dict[str, Artefact], through_models: bool) -> None:
        if artefact.path in order or (artefact.is_model and not through_models):
            return
        for inner in self.inputs(artefact).values():
            self._visit(inner, order, through_models)
        order[artefact.path] = artefact

    def _still_there(self, paths: dict[str, str]) -> dict[str, Artefact]:
        return {name: found for name, path in paths.items() if (found := self.find(path)) is not None}
