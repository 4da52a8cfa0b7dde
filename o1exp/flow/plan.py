"""The plan before a launch and the reason why a stage is made: both only read keys and manifests."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from o1exp.flow.artefacts import Artefacts, finished
from o1exp.flow.errors import Damaged
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


@dataclass(frozen=True)
class Reason:
    """Why a stage is made: what differs from the nearest stored one of its kind.

    `own` are sentences about the stage itself, `edges` the names of the inputs that are others; `new` says that there is none of its kind.
    """

    text: str
    own: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()
    new: bool = False


def reason(store: Artefacts, stage: Stage[Any]) -> Reason:
    """What makes this stage's key differ from the nearest stored one of its kind, or what is wrong with its own."""
    if wrong := store.damage(stage) or store.stale(stage):
        return Reason(wrong, (wrong,))
    if store.has(stage):
        return Reason("an input is made again; if that comes out as it was, this is reused", edges=tuple(stage.inputs))
    found = [(known, _own_differences(known, stage), _other_inputs(known, stage)) for known in _made(store, stage.kind)]
    if not found:
        return Reason(f"no {stage.kind} was ever made here", new=True)
    known, own, inputs = min(found, key=lambda one: len(one[1]) + len(one[2]))
    gone = "" if own or inputs else "same settings and inputs, but its files are gone"
    text = f"nearest {known.key[:8]}: " + (gone or "; ".join([*own, *inputs.values()]))
    return Reason(text, (gone,) if gone else tuple(own), tuple(inputs))


def why(store: Artefacts, stage: Stage[Any]) -> str:
    """The reason in a sentence."""
    return reason(store, stage).text


def _made(store: Artefacts, kind: str) -> Iterator[Manifest]:
    """The manifests of all artefacts of a kind that can be read."""
    for folder in finished(store.root, kind):
        with suppress(Damaged):
            if known := Manifest.load(folder):
                yield known


def _own_differences(known: Manifest, stage: Stage[Any]) -> list[str]:
    version = [f"version {known.version} -> {stage.version}"] if known.version != stage.version else []
    before = _merged(_merged(stage.added(), known.added), known.settings)  # an older one lacks what was added since
    return [*version, *_changed("", before, _merged(stage.added(), stage.what()))]


def _other_inputs(known: Manifest, stage: Stage[Any]) -> dict[str, str]:
    """A sentence by edge for each input that is another one."""
    inputs = {name: f"{inner.kind}/{inner.key}" for name, inner in stage.inputs.items()}
    edges = sorted(known.inputs.keys() | inputs.keys())
    pairs = {edge: (known.inputs.get(edge, "nothing"), inputs.get(edge, "nothing")) for edge in edges}
    return {edge: f"input {edge}: {_short(before)} -> {_short(now)}" for edge, (before, now) in pairs.items() if before != now}


def _merged(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return {name: _merged(under.get(name), over[name]) if name in over else under[name] for name in under.keys() | over.keys()}


def _changed(path: str, before: Any, now: Any) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted(before.keys() | now.keys())
        inner = [_changed(f"{path}.{name}" if path else name, before.get(name), now.get(name)) for name in names]
        return [line for lines in inner for line in lines]
    return [] if before == now else [f"{path}: {json.dumps(before, ensure_ascii=False)} -> {json.dumps(now, ensure_ascii=False)}"]


def _short(path: str) -> str:
    name, _, key = path.partition("/")
    return f"{name} {key[:8]}".strip()
