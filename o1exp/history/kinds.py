"""What each kind of stage is in the terms of the index, by the stage's name in its manifest.

Names, not classes: an audit reads what was made, also by rooms beside this one. A stage that writes data or trains and does not stand
here is reported as unknown, and nothing is then said to be "not used".
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["source", "selection", "writing", "copying", "search", "encoding", "base", "sft", "rl"]


@dataclass(frozen=True)
class Kind:
    """A stage's role, and what it does in a few words; `thought` if it brings long thoughts into being."""

    role: Role
    words: str
    thought: bool = False


KINDS = {
    "Arithmetic": Kind("source", "generated sums"),
    "Local": Kind("source", "problems of a file"),
    "Hub": Kind("source", "problems of a data set on the hub"),
    "Rules": Kind("selection", "rule filter on problems"),
    "Dedup": Kind("selection", "near duplicates dropped"),
    "Decontaminate": Kind("selection", "problems that leak from a benchmark dropped"),
    "Select": Kind("selection", "a chosen part of the examples"),
    "Mix": Kind("selection", "a mixture of several sets"),
    "Rejection": Kind("selection", "rejection sampling: only thoughts whose final answer agrees with the gold answer"),
    "Solutions": Kind("copying", "the source's own solutions as they are"),
    "Reformat": Kind("writing", "a model rewrites the solutions step by step"),
    "Distil": Kind("writing", "distillation: a teacher solves the problems, thinking aloud", thought=True),
    "Translate": Kind("writing", "a model translates the examples"),
    "Debate": Kind("writing", "multi-agent debate: one agent reasons, another criticises", thought=True),
    "Human": Kind("copying", "thoughts written down by people", thought=True),
    "Propose": Kind("search", "propose-critique loop: a model continues, goes back, reflects or ends", thought=True),
    "ProposeCritique": Kind("search", "propose-critique loop: a model continues, goes back, reflects or ends", thought=True),
    "TreeSearch": Kind("search", "tree search with a step-level reward model", thought=True),
    "Tree": Kind("search", "tree search with a step-level reward model", thought=True),
    "Search": Kind("search", "tree search with a step-level reward model", thought=True),
    "Journey": Kind("search", "a search tree read out as one long thought", thought=True),
    "Sample": Kind("copying", "the model's own answers, sampled"),
    "Grade": Kind("selection", "the model's own answers, graded against the gold answer"),
    "Pairs": Kind("selection", "right and wrong answers to the same problem, paired"),
    "Prepare": Kind("encoding", "examples as token ids"),
    "Untrained": Kind("base", "a model from scratch, random weights"),
    "Pretrained": Kind("base", "a pretrained model"),
    "Gguf": Kind("base", "a pretrained model, unpacked from GGUF"),
    "Sft": Kind("sft", "supervised fine-tuning"),
    "Dpo": Kind("rl", "direct preference optimisation"),
}

LEVELS = {
    "Grade": "answer level: the final answer is compared with the gold answer; the steps before it are not judged",
    "Judge": "response level: a judge model rates the whole response",
    "Judged": "response level: a judge model rates the whole response",
}
"""What the scoring stages judge."""


def words(stage: str) -> str:
    """What a stage does, or its bare name."""
    return KINDS[stage].words if stage in KINDS else stage


def role(stage: str) -> str:
    return KINDS[stage].role if stage in KINDS else ""
