"""Show why stages would be made, and what is used although it is stale."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from rich.console import Console as Terminal
from rich.markup import escape

from o1exp.app.beside import stores
from o1exp.chat.endpoint import Endpoint
from o1exp.config.compose import Study
from o1exp.config.error import ConfigError
from o1exp.flow.nearest import Reason, reasons
from o1exp.flow.plan import PlannedStage, plan
from o1exp.flow.stage import Stage, walk
from o1exp.flow.store import Store

WIDE = 200
"""Columns of a table that goes to a file or a pipe."""


def wide(store: Store) -> Terminal:
    """The terminal, as wide as a table needs where it is a file or a pipe."""
    terminal = store.console.terminal
    if not terminal.is_terminal:
        terminal.width = WIDE
    return terminal


def explain(study: Study) -> None:
    """Print why stages would be made: those that changed with what changed, then what only follows from them."""
    store = readable(study)
    missing = store.missing(study.wanted, store.remake)
    why = reasons(store, missing)
    causes = [stage for stage in missing if not why[stage.key].new and not _follows(stage, why)]
    new = [stage for stage in missing if why[stage.key].new]
    behind = [stage for stage in missing if stage not in causes and stage not in new]
    lines = [f"{_count(len(missing))} would be made" if missing else "nothing would be made: every stage is there"]
    lines += [f"  {named(study, stage)} ({stage.kind} {stage.key[:8]}): {why[stage.key].text}" for stage in causes]
    lines += [f"  never made here: {_listed(study, new)}"] if new else []
    lines += [f"  because of these: {_listed(study, behind)}"] if behind else []
    lines += [f"  {line}" for line in moved(study, store)]
    for line in lines:
        store.console.terminal.print(line, markup=False, highlight=False, soft_wrap=True)
    tell_stale(study, store, plan(store, study.wanted, store.remake))


def moved(study: Study, store: Store) -> Iterator[str]:
    """A sentence for each stage whose answers came from another address than the model of that name is asked at today."""
    for stage in walk(study.wanted):
        known = store.manifest(stage)
        before = [str(address) for address in known.facts.get("addresses", {})] if known is not None else []
        for endpoint in (value for field in fields(stage) if isinstance(value := getattr(stage, field.name), Endpoint)):
            if before and endpoint.address and endpoint.address not in before:
                yield (
                    f"{named(study, stage)} ({stage.kind} {stage.key[:8]}): its answers came from {', '.join(before)}, and "
                    f"{endpoint.model} is asked at {endpoint.address} now; the same name counts as the same model, so they are used"
                )


def _count(stages: int) -> str:
    return f"{stages} {'stage' if stages == 1 else 'stages'}"


def _follows(stage: Stage[object], reasons: dict[str, Reason]) -> bool:
    """Is the stage as it was, and only inputs that are made themselves are others?"""
    found = reasons[stage.key]
    others = [stage.inputs[edge] for edge in found.edges if edge in stage.inputs]
    return not found.own and bool(others) and len(others) == len(found.edges) and any(other.key in reasons for other in others)


def _listed(study: Study, stages: list[Stage[object]]) -> str:
    """Each node once, with the kinds of its stages."""
    kinds: dict[str, list[str]] = {}
    for stage in stages:
        kinds.setdefault(named(study, stage), []).append(stage.kind)
    return ", ".join(f"{name} ({', '.join(of)})" for name, of in kinds.items())


def named(study: Study, stage: Stage[object]) -> str:
    """Where the stage stands in the config, with its arms."""
    return study.names.get(stage.key, stage.kind)


def store_of(study: Study) -> Store:
    return Store(Path(study.config.outputs), remake=study.config.stale == "remake", storage=study.store)


def readable(study: Study) -> Store:
    """The same, to read. Errors: ConfigError where a store beside it cannot be read: what it has would count as not made."""
    store = store_of(study)
    if absent := stores(store):
        raise ConfigError(absent)
    return store


def tell_stale(study: Study, store: Store, steps: list[PlannedStage]) -> None:
    """A line for what is reused although it would come out otherwise today, or might."""
    reasons: dict[str, list[str]] = {}
    for step in steps:
        if step.stale and step.state == "reuse":
            reasons.setdefault(step.stale, []).append(named(study, step.stage))
    for said, names in reasons.items():
        store.console.line(f"[yellow]stale[/]   {escape(', '.join(names))}: {said}; used as it is (stale=remake makes it again)")
