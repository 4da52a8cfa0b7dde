"""Where a second opinion on the verdicts of rejection sampling disagreed, over all arms, each stage once."""

from dataclasses import dataclass

from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact
from o1exp.thoughts.second import Doubt, read_disagreements

MOST = 20
"""Disagreements of one stage that the page shows."""


@dataclass(frozen=True)
class Doubts:
    """One stage that asked for second opinions; `arms` share it, `shown` are the first disagreements of all `count`."""

    artefact: Artefact
    arms: tuple[str, ...]
    asked: int
    count: int
    dropped: int
    shown: tuple[Doubt, ...]


def doubts(arms: list[Arm]) -> list[Doubts]:
    """Every stage that asked, in the order in which the arms name it."""
    stages = {stage.path: stage for arm in arms for stage in arm.stages if "second_asked" in stage.facts}
    return [
        _of_stage(stage, tuple(arm.name for arm in arms if any(one.path == path for one in arm.stages))) for path, stage in stages.items()
    ]


def _of_stage(stage: Artefact, arms: tuple[str, ...]) -> Doubts:
    found, facts = read_disagreements(stage.folder), stage.facts
    return Doubts(stage, arms, int(facts["second_asked"]), len(found), int(facts.get("second_dropped", 0)), tuple(found[:MOST]))
