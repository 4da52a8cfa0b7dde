"""The plan before a launch: it only reads keys and manifests."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from o1exp.flow.artefacts import Artefacts
from o1exp.flow.expect import Expect
from o1exp.flow.gpus import here, too_few
from o1exp.flow.manifest import Manifest
from o1exp.flow.revision import moving
from o1exp.flow.stage import Stage, walk


@dataclass(frozen=True)
class PlannedStage:
    """One stage of a plan: `state` is "reuse", "make" or "hidden" (missing, but what stands on it is finished).

    `obstacles` keep it from being made; `damage` says what is wrong with the artefact that is there, `stale` why it would not be made as
    it is today.
    """

    stage: Stage[Any]
    state: str
    expect: Expect
    obstacles: tuple[str, ...]
    damage: str = ""
    stale: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The keys of the stages that it stands on."""
        return tuple(inner.key for inner in self.stage.inputs.values())


def plan(
    store: Artefacts, goals: list[Stage[Any]], remake: bool = False, before: Mapping[str, PlannedStage] | None = None
) -> list[PlannedStage]:
    """Every stage below the goals, inputs first, with what making it is expected to cost. Needs no network and makes nothing.

    With `remake`, stale stages are made again. `before` are stages, by key, that were planned in the same store for other goals.
    """
    making = {stage.key for stage in store.missing(goals, remake)}
    steps: dict[str, PlannedStage] = {}
    for stage in walk(goals):
        known = store.manifest(stage)
        state = "make" if stage.key in making else "reuse" if known is not None else "hidden"
        step = before.get(stage.key) if before else None
        steps[stage.key] = step if step and step.state == state else _planned(store, stage, state, steps)
    return list(steps.values())


def _planned(store: Artefacts, stage: Stage[Any], state: str, steps: Mapping[str, PlannedStage]) -> PlannedStage:
    known, expect = store.manifest(stage), stage.expect({edge: steps[inner.key].expect for edge, inner in stage.inputs.items()})
    if known is not None and state != "make":
        expect = _measured(known, expect)
    obstacles = (*stage.preflight(), *_lacking(stage), *expect.obstacles) if state == "make" else ()
    return PlannedStage(stage, state, expect, obstacles, store.damage(stage), store.stale(stage))


def _lacking(stage: Stage[Any]) -> Iterator[str]:
    if stage.gpus and (why := too_few(stage.gpus, here())):
        yield why


def _measured(known: Manifest, expect: Expect) -> Expect:
    """A finished stage costs nothing more, its rows are known, and so is the commit that a moving revision was."""
    rows, facts = known.facts.get("rows", expect.rows), known.facts
    remark = moving(str(known.settings.get("revision", "")), str(facts["commit"])) if "commit" in facts else ""
    return Expect(
        rows=rows, tokens_per_row=expect.tokens_per_row, parameters=expect.parameters, model=expect.model, template=expect.template,
        remark=remark,
    )  # fmt: skip
