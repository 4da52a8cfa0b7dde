"""A walk over a tree of steps, as the draft of a long thought."""

from dataclasses import dataclass
from typing import Literal

Part = Literal["path", "detour", "turn"]
"""A step on the way to the right answer, one off it, or the words with which the walk turns back."""


@dataclass(frozen=True, kw_only=True)
class DraftStep:
    """One visit of a walk: to the step `node` of the tree, with the words that stand in the draft."""

    node: str
    text: str
    part: Part = "path"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The steps of one walk in order. `draw` counts the walks over one problem's tree from 0; `origin` names who wrote the steps."""

    problem: str
    prompt: str
    steps: tuple[DraftStep, ...]
    draw: int = 0
    origin: str = ""

    def text(self, between: str) -> str:
        """All words of the draft, with `between` between two steps."""
        return between.join(step.text for step in self.steps)
