"""From command-line overrides to the stages of a study: one graph for each arm, and the page over all of them."""

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any

from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from o1exp.config import options
from o1exp.config.agree import disagreements
from o1exp.config.built import Built
from o1exp.config.error import ConfigError
from o1exp.config.graph import Graph
from o1exp.config.guard import arm_mistakes, config_mistakes
from o1exp.config.mistakes import additions, arm_place, choice_mistakes, explained, located, unchosen
from o1exp.config.options import Origin
from o1exp.config.reach import of_arms
from o1exp.config.sentences import no_node, no_value, unsaid
from o1exp.config.spine import CHOICES, Run, conf_dir, nodes
from o1exp.flow.stage import Stage
from o1exp.report.page import Report
from o1exp.secrets import masked_override
from o1exp.tti.stage import Audit

MAIN_ARM = "run"
CONF = Origin()


@dataclass(frozen=True)
class Study:
    """What a command asks for: the goal of each arm (the first is the run itself), the page over them, and their names."""

    config: DictConfig
    overrides: tuple[str, ...]
    """Those of the command line, as they may be shown."""
    goals: dict[str, Stage[Any]]
    report: Stage[Any] | None
    names: dict[str, str]
    """Config path by stage key, the arm's name before it where there are several."""
    machine: Any
    track: Any
    store: Any
    ledger: Any
    command: str = ""
    """What makes it again."""

    @property
    def baseline(self) -> str:
        """The arm that the others are compared with; "" for none."""
        return str(self.config.baseline) if self.config.baseline in self.goals else ""

    @property
    def wanted(self) -> list[Stage[Any]]:
        return [self.report] if self.report else list(self.goals.values())


def composed(overrides: Sequence[str], origin: Origin = CONF) -> DictConfig:
    """The config for these overrides. Errors: ConfigError with one line per mistake."""
    try:
        if wrong := choice_mistakes(overrides, origin):
            raise ConfigError(wrong)
        return options.composed(overrides, origin)
    except (HydraException, OmegaConfBaseException, ValueError) as problem:
        raise ConfigError(explained(overrides, origin, problem)) from problem


def study_of(
    config: DictConfig, overrides: Sequence[str], origin: Origin = CONF, single: bool = False, built: Built | None = None,
    raw: dict[str, Any] | None = None,
) -> Study:  # fmt: skip
    """The graphs of a composed config: one for each arm, or the run alone if `single` (a cell of a sweep).

    `built` keeps what cells have in common, `raw` is the config with its interpolations.
    Errors: ConfigError with every mistake of every arm.
    """
    raw = raw if raw is not None else plain_values(config)
    if unfit := unresolved(config, raw):
        raise ConfigError(located(unfit, overrides, origin))
    arms = {MAIN_ARM: []} if single or "arms={}" in overrides else arms_of(config)  # merging {} would keep the experiment's arms
    goal, mistakes = str(config.goal), additions(config, overrides)
    mistakes += unsaid(config_mistakes(config, built.unseen(raw) if built else raw), mistakes)
    target = "result" if goal == "report" else goal
    refused = [re.sub(r"^arms\..*?\[\d+\]=", "", line) for line in mistakes]  # secrets among the overrides of an arm
    goals: dict[str, Stage[Any]] = {}
    named: dict[str, dict[str, str]] = {}
    main: Graph | None = None
    reached = of_arms(overrides, arms, origin.places)
    for arm, own in arms.items():
        try:
            graph = Graph(composed([*reached[arm], *own], origin)) if own else Graph(config, raw, built)
            if without := unchosen(graph.raw):
                raise ConfigError(without)
            for settings in ("machine", "track", "store", "ledger"):  # they stand on no edge, and are wrong whatever the goal is
                graph.node(settings)
            goals[arm] = graph.stage(target)
            mistakes += [line for line in disagreements(goals[arm], graph.names) if line not in mistakes]
            main = main or graph
            for key, path in graph.names.items():
                named.setdefault(key, {})[arm] = path
        except ConfigError as wrong:
            place = arm_place(arm, overrides, origin)
            mistakes += [_of_arm(line, f"{place}arm {arm}: ", own) for line in unsaid(wrong.mistakes, [*mistakes, *refused])]
    mistakes += _root_mistakes(config, arms)
    if mistakes or main is None:
        raise ConfigError(located(mistakes, overrides, origin))
    shown = tuple(masked_override(override) for override in overrides)
    command = shlex.join(["o1exp", *_flags(origin), *shown, *(_alone(config, shown, origin) if single else [])])
    page = _page(main, goals, config, command) if goal == "report" else None
    names = {key: _label(by_arm, len(arms)) for key, by_arm in named.items()}
    if page is not None:
        names |= _page_names(page)
    return Study(
        config, shown, goals, page, names, main.node("machine"), main.node("track"), main.node("store"), main.node("ledger"), command
    )


def plain_values(config: DictConfig) -> dict[str, Any]:
    """The config as plain values, interpolations as they are written."""
    raw: Any = OmegaConf.to_container(config, resolve=False)
    found: dict[str, Any] = raw
    return found


def arms_of(config: DictConfig) -> dict[str, list[str]]:
    """The overrides of each arm as they are written: `${mix}` in one is an edge of the arm, not of the list that it stands in."""
    arms: Any = OmegaConf.to_container(config._get_node("arms"), resolve=False)  # of the whole config it would take longer than a cell
    return {str(name): [str(o).replace(r"\${", "${") for o in own] for name, own in arms.items()} or {MAIN_ARM: []}


def _flags(origin: Origin) -> list[str]:
    """What chooses the primary config and a folder of options beside ours."""
    folders = [place for place in origin.places if place != conf_dir()]
    return [*(f"--config-dir={place}" for place in folders[:1]), *([f"--config-name={origin.name}"] if origin.name != CONF.name else [])]


def _alone(config: DictConfig, overrides: Sequence[str], origin: Origin) -> list[str]:
    """What makes one run of a cell's command: its file may name a sweep, and its experiment arms that a cell does not have."""
    mode = ["hydra.mode=RUN"] if origin.name != CONF.name else []
    return [*mode, *(["arms={}"] if list(arms_of(config)) != [MAIN_ARM] and "arms={}" not in overrides else [])]


def _of_arm(line: str, arm: str, own: Sequence[str]) -> str:
    """The sentence, with the arm's name and place where it is about what the arm alone overrides."""
    return f"{arm}{line}" if line.lstrip("+~").startswith(tuple(word.lstrip("+~").split("=", 1)[0] for word in own)) else line


def _label(by_arm: dict[str, str], arms: int) -> str:
    """A stage's config path, with the arms that have it unless all do."""
    path = next(iter(by_arm.values()))
    return path if len(by_arm) == arms else f"{path} ({', '.join(by_arm)})"


def _page(graph: Graph, results: dict[str, Stage[Any]], config: DictConfig, command: str) -> Report:
    """The report over all arms, with the audit of all arms if one is asked for."""
    page = graph.stage("report")
    assert isinstance(page, Report)
    baseline = config.baseline if config.baseline in results else ""
    page = page.replace(arms=results, baseline=baseline, command=command)
    if not isinstance(page.audit, Audit):
        return page
    why = {str(name): str(bench["why"] or "") for name, bench in config.bench.items() if "why" in bench}
    audit = page.audit.of(results, baseline, why)
    page = page.replace(audit=audit)
    return page.replace(audit=audit.at(run_name(config.study, page), command))


def run_name(study: str, page: Stage[Any]) -> str:
    """The name of a run's folder below runs/."""
    return f"{study}-{page.key[:8]}"


def _page_names(page: Report) -> dict[str, str]:
    names = {page.key: "report"}
    if isinstance(page.audit, Audit):
        names |= {page.audit.key: "audit", page.audit.data.key: "data_card", page.audit.model.key: "model_card"}
    return names


def unresolved(config: DictConfig, raw: dict[str, Any]) -> list[str]:
    """What a command says that is no value, and what stands where a node should be; `raw` is the config with its interpolations."""
    found = []
    for said in fields(Run):
        if said.name not in raw:
            found.append(f"~{said.name}: a setting cannot be taken away; give it a value, {said.name}=...")
            continue
        if not isinstance(raw[said.name], str) or not ("${" in raw[said.name] or raw[said.name] == MISSING):
            continue  # a value as it stands there
        try:
            config[said.name]
        except (OmegaConfBaseException, RecursionError) as wrong:
            found.append(f"{said.name}={raw[said.name]}: {no_value(wrong)}")
    for node in nodes(conf_dir()):
        if not isinstance(raw.get(node.name), dict | NoneType) and raw[node.name] != MISSING and "${" not in str(raw[node.name]):
            found.append(no_node(node.name, node.choice, raw[node.name]))
    return found


def _root_mistakes(config: DictConfig, arms: dict[str, list[str]]) -> list[str]:
    found = [*arm_mistakes(list(arms)), *(f"outputs={config.outputs}: {why}" for why in _no_folder(str(config.outputs)))]
    for name, choices in CHOICES.items():
        if config[name] not in choices:
            found.append(f"{name}={config[name]}: choose {', '.join(choices[:-1])} or {choices[-1]}")
    of_cells = "=" in config.baseline  # a setting, by which a sweep finds the cells to compare with
    if config.baseline and config.baseline not in arms and len(arms) > 1 and not of_cells:
        found.append(f"baseline={config.baseline}: is no arm; choose one of {', '.join(arms)}")
    return found


def _no_folder(outputs: str) -> Iterator[str]:
    if not outputs.strip():
        yield "name a folder, e.g. outputs=outputs"
    elif file := next(
        (place for place in (Path(outputs), *Path(outputs).parents) if os.path.exists(place) and not os.path.isdir(place)), None
    ):
        yield f"{file} is no folder; name one, or one that can be made"
