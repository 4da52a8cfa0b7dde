"""Supervised fine-tuning: a starting model and examples become a trained model."""

from dataclasses import dataclass
from typing import Any, ClassVar

from o1exp.flow import Role, Stage
from o1exp.records import Example, Table
from o1exp.train.training import Training


@dataclass(frozen=True, kw_only=True)
class Sft(Training):
    """Fine-tune `start` on `data`, loss on the responses and their end tokens only. Paper: both phases; Part 1: shortcut and journey."""

    role: ClassVar[Role] = "sft"
    does: ClassVar[str] = "supervised fine-tuning"
    objective: ClassVar[str] = "sft"

    data: Stage[Table[Example]]
    """The examples that are learned."""

    @property
    def texts(self) -> Stage[Any]:
        return self.data
