"""Direct preference optimization: from pairs of a right and a wrong answer (Part 1, after journey learning)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from o1exp.flow import Above, Role, Stage
from o1exp.records import Pair, Table
from o1exp.train.training import Training


@dataclass(frozen=True, kw_only=True)
class Dpo(Training):
    """Make `start` prefer the chosen answer of each pair: -log sigmoid(beta x margin), mean over the pairs of a step.

    The reference is `start` itself. An answer may have half of `max_length`, since both of a pair are computed together. Validation loss
    and accuracy are over held-out pairs (accuracy: the share with a positive margin).
    """

    role: ClassVar[Role] = "rl"
    does: ClassVar[str] = "direct preference optimisation"
    objective: ClassVar[str] = "dpo"
    references: ClassVar[int] = 1

    pairs: Stage[Table[Pair]]
    """A right and a wrong answer to each problem."""
    beta: Annotated[float, Above(0)] = 0.1
    """How strongly the model is held to its start: the margin of log-likelihoods is multiplied by it."""

    @property
    def texts(self) -> Stage[Any]:
        return self.pairs

    @property
    def longest(self) -> int:
        return self.max_length // 2

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if self.overlong == "cut":
            yield "overlong", "cut would compare answers without their ends; set overlong=drop"
