"""Were the arms made alike? On another kind of processor, or with other versions, equal keys give other bytes."""

from o1exp.history.arms import Arm

RULE = "On another processor or with other versions sums round otherwise: compare the effect, not its last digits."
CALLED = {"processor": "the processor", "gpu": "the GPU"}
MOST_NAMES = 3
"""Arms that a sentence names."""


def unlike(arms: list[Arm]) -> list[str]:
    """A sentence for each thing in which the trainings and samplings of some arms differ from those of others; none for what is unknown."""
    facts: dict[str, dict[str, list[str]]] = {}
    for arm in arms:
        for name, values in _made_by(arm).items():
            if name != "commit":  # it moves with every change of the code; what a change means, `version` and the lock say
                facts.setdefault(name, {}).setdefault(" and ".join(sorted(values)), []).append(arm.name)
    return [_sentence(name, found) for name, found in facts.items() if len(found) > 1]


def _made_by(arm: Arm) -> dict[str, set[str]]:
    """What made the arm's trainings and attempts: processor and versions by name."""
    found: dict[str, set[str]] = {}
    for artefact in [*(training.artefact for training in arm.trainings), *arm.sampled.values()]:
        for name, value in artefact.manifest.made_by.items():
            found.setdefault(name, set()).add(value)
    return found


def _sentence(name: str, found: dict[str, list[str]]) -> str:
    said = "; ".join(f"{value} for {_named(arms)}" for value, arms in found.items())
    return f"The arms were not made alike: {CALLED.get(name, name)} was {said}."


def _named(arms: list[str]) -> str:
    return ", ".join(arms) if len(arms) <= MOST_NAMES else f"{', '.join(arms[: MOST_NAMES - 1])} and {len(arms) - MOST_NAMES + 1} more"
