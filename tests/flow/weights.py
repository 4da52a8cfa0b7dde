"""Stages with weights, which stay in another store until something computes with them."""

from dataclasses import dataclass
from pathlib import Path

from o1exp.flow import Checkpoint, Stage, Work


@dataclass(frozen=True, kw_only=True)
class Trained(Stage[Checkpoint]):
    def make(self, work: Work) -> None:
        (work.folder / "model").mkdir()
        (work.folder / "model" / "config.json").write_text("{}")
        (work.folder / "model" / "model.safetensors").write_bytes(bytes(range(256)))


@dataclass(frozen=True, kw_only=True)
class Tuned(Stage[Checkpoint]):
    start: Stage[Checkpoint]
    rate: int = 2

    def make(self, work: Work) -> None:
        weights = Path(work.open(self.start).source, "model.safetensors").read_bytes()
        (work.folder / "model").mkdir()
        (work.folder / "model" / "config.json").write_text("{}")
        (work.folder / "model" / "model.safetensors").write_bytes(bytes(self.rate * number % 256 for number in weights))


GOAL = Tuned(start=Trained())
