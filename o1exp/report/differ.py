"""What differs between the arms: the settings of the stages that they stand on."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact
from o1exp.media.text import clipped, one_line

LONGEST = 160
"""Characters of a value that are shown."""
PRESENT, ABSENT = "there", "left out"
"""Of a stage that some arms stand on and others do not."""
Values = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Difference:
    """A setting and each of its `values` with the arms that have it; `stages` agree on both. The setting "" is the stage itself."""

    setting: str
    stages: tuple[str, ...]
    values: Values

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"setting": self.setting, "stages": list(self.stages), "values": {value: list(arms) for value, arms in self.values}}


def differences(arms: list[Arm]) -> list[Difference]:
    """Settings in which some arms differ, each once for all stages that have the same one; none for a single arm."""
    known = {arm.name: dict(_stages(arm)) for arm in arms}
    found: dict[tuple[str, Values], list[str]] = {}
    for stage in dict.fromkeys(label for stages in known.values() for label in stages):
        having = {arm: dict(_flat(stages[stage].manifest.settings)) for arm, stages in known.items() if stage in stages}
        there = {arm: PRESENT if arm in having else ABSENT for arm in known}
        names = list(dict.fromkeys(name for settings in having.values() for name in settings))
        own = {name: {arm: settings.get(name, "not set") for arm, settings in having.items()} for name in names}
        for name, values in {"": there, **own}.items():
            if len(set(values.values())) > 1:
                found.setdefault((name, _by_value(values)), []).append(stage)
    return [Difference(name, tuple(stages), values) for (name, values), stages in found.items()]


def _by_value(values: dict[str, str]) -> Values:
    return tuple((value, tuple(arm for arm, own in values.items() if own == value)) for value in dict.fromkeys(values.values()))


def _stages(arm: Arm) -> Iterator[tuple[str, Artefact]]:
    """Each stage by a label that means the same in other arms: its name counted from the last, of an evaluation with its benchmark."""
    made: Counter[str] = Counter()
    for artefact in reversed(arm.making):
        before = made[artefact.stage]
        made[artefact.stage] += 1
        yield artefact.stage if not before else f"{artefact.stage}, {before} before the last", artefact
    for part in (arm.posed, arm.sampled, arm.grades):
        for benchmark, artefact in part.items():
            yield f"{artefact.stage} on {benchmark}", artefact


def _flat(settings: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Every setting by its full name, as text."""
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield before + name, clipped(one_line(text), LONGEST) or '""'
