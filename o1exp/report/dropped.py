"""What the rules of the filters dropped on the way to the arms' data, with examples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from o1exp.curate.funnel import Step, read_steps
from o1exp.history.lineage import Artefact


@dataclass(frozen=True)
class Filtered:
    """One filter's funnel; `arms` share it. `rows` came in."""

    arms: tuple[str, ...]
    rows: int
    steps: tuple[Step, ...]

    @property
    def asked(self) -> tuple[Step, ...]:
        """The rules that drop anything, alone or in their turn."""
        return tuple(step for step in self.steps if step.alone or step.dropped)


def filters(making: Mapping[str, Iterable[Artefact]]) -> list[Filtered]:
    """Every filter once among the stages that the models of the arms were made by."""
    owners: dict[str, list[str]] = {}
    found: dict[str, list[Step]] = {}
    for arm, stages in making.items():
        for artefact in stages:
            if steps := read_steps(artefact.facts):
                found[artefact.path] = steps
                owners.setdefault(artefact.path, []).append(arm)
    return [Filtered(tuple(owners[path]), steps[0].left + steps[0].dropped, tuple(steps)) for path, steps in found.items()]
