"""From command-line overrides to stages: composition, all mistakes at once, and the arms of a study."""

import dataclasses
import difflib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from o1exp.config.graph import ConfigError, Graph, register, unknown_setting
from o1exp.config.groups import GROUPS
from o1exp.flow.stage import Stage
from o1exp.report.page import Report
from o1exp.tti.stage import Audit

MAIN_ARM = "run"
_WRONG_TYPE = re.compile(
    r"Value '(?P<value>[^']*)'.*?(?:could not be converted to|is not a valid) (?P<type>\w+).*?full_key: (?P<key>\S*)", re.DOTALL
)
_TYPES = {"float": "give a number, e.g. 0.001", "integer": "give a whole number, e.g. 3", "bool": "give true or false"}


@dataclass
class Root:
    """The top of the composed config: one slot for each node, and what to do with the graph."""

    source: Any = MISSING
    filter: Any = MISSING
    teacher: Any = MISSING
    writer: Any = MISSING
    reformat: Any = MISSING
    thought: Any = MISSING
    verify: Any = MISSING
    model: Any = MISSING
    mix: Any = MISSING
    imitate: Any = MISSING
    think: Any = MISSING
    draws: Any = MISSING
    pairs: Any = MISSING
    preference: Any = MISSING
    engine: Any = MISSING
    bench: Any = MISSING
    result: Any = MISSING
    data_card: Any = MISSING
    model_card: Any = MISSING
    audit: Any = MISSING
    report: Any = MISSING
    machine: Any = MISSING
    budget: Any = MISSING
    track: Any = MISSING
    data: str = ""
    arms: dict[str, list[str]] = field(default_factory=dict)
    baseline: str = ""
    study: str = MISSING
    seed: int = 0
    goal: str = "report"
    action: str = "run"
    outputs: str = "outputs"


def conf_dir() -> Path:
    """The checkout's conf/ where there is one, else the one that the wheel carries."""
    package = Path(__file__).resolve().parents[1]
    beside = package.parent / "conf"
    return beside if (beside / "config.yaml").exists() else package / "conf"


def register_all() -> None:
    """Make the schemas of all options and of the root known to Hydra."""
    ConfigStore.instance().store(name="Root", node=Root)
    register(GROUPS)


@dataclass(frozen=True)
class Study:
    """What a command asks for: the goal of each arm (the first is the run itself), the page over them, and their names."""

    config: DictConfig
    overrides: tuple[str, ...]
    goals: dict[str, Stage[Any]]
    report: Stage[Any] | None
    names: dict[str, str]
    """Config path by stage key, the arm's name before it where there are several."""
    machine: Any
    track: Any

    @property
    def baseline(self) -> str:
        """The arm that the others are compared with; "" for none."""
        return str(self.config.baseline) if self.config.baseline in self.goals else ""

    @property
    def wanted(self) -> list[Stage[Any]]:
        return [self.report] if self.report else list(self.goals.values())


def composed(overrides: Sequence[str], name: str = "config") -> DictConfig:
    """The config `name` for these overrides. Errors: ConfigError with one line per wrong override."""
    check_choices(overrides)
    try:
        return _compose(overrides, name)
    except (HydraException, OmegaConfBaseException) as problem:
        raise ConfigError(_all_mistakes(list(overrides), problem)) from problem


def check_choices(overrides: Sequence[str]) -> None:
    """Errors: ConfigError where a group's option is null, which Hydra answers with a traceback."""
    given = [override.partition("=") for override in overrides if not override.startswith("hydra.")]  # a setting, which may be null
    empty = [key for key, _, value in given if value == "null" and _is_choice(key)]
    if empty:
        raise ConfigError([f"{key}=null: choose an option; o1exp --help lists them" for key in empty])


def _compose(overrides: Sequence[str], name: str = "config") -> DictConfig:
    if GlobalHydra.instance().is_initialized():
        return compose(name, overrides=list(overrides))
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return compose(name, overrides=list(overrides))


def study_of(config: DictConfig, overrides: Sequence[str], name: str = "config", single: bool = False) -> Study:
    """The graphs of a composed config `name`: one for each arm, or the run alone if `single` (a cell of a sweep).

    Errors: ConfigError with every mistake of every arm.
    """
    arms = {name: [str(o) for o in own] for name, own in config.arms.items()} or {MAIN_ARM: []}
    if single or "arms={}" in overrides:  # OmegaConf would merge the empty arms with those of the experiment
        arms = {MAIN_ARM: []}
    goal, mistakes = str(config.goal), []
    target = "result" if goal == "report" else goal
    goals: dict[str, Stage[Any]] = {}
    named: dict[str, dict[str, str]] = {}
    main: Graph | None = None
    for arm, own in arms.items():
        try:
            graph = Graph(composed([*_without(overrides, own), *own], name) if own else config, GROUPS)
            goals[arm] = graph.stage(target)
            main = main or graph
            for key, path in graph.names.items():
                named.setdefault(key, {})[arm] = path
        except ConfigError as wrong:
            mistakes += [line for line in wrong.mistakes if line not in mistakes]
    mistakes += _root_mistakes(config, arms)
    if mistakes or main is None:
        raise ConfigError(mistakes)
    command = shlex.join(["o1exp", *overrides])
    page = _page(main, goals, config, command) if goal == "report" else None
    names = {key: _label(by_arm, len(arms)) for key, by_arm in named.items()}
    if page is not None:
        names |= _page_names(page)
    return Study(config, tuple(overrides), goals, page, names, main.node("machine"), main.node("track"))


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


def _root_mistakes(config: DictConfig, arms: dict[str, list[str]]) -> list[str]:
    found = []
    if config.action not in ("run", "plan", "why", "verify"):
        found.append(f"action={config.action}: choose run, plan, why or verify")
    if config.baseline and config.baseline not in arms and len(arms) > 1:
        found.append(f"baseline={config.baseline}: is no arm; choose one of {', '.join(arms)}")
    return found


def _without(overrides: Sequence[str], own: Sequence[str]) -> list[str]:
    """The run's overrides without those that the arm sets anew."""
    keys = {o.split("=", 1)[0] for o in own}
    return [o for o in overrides if o.split("=", 1)[0] not in keys]


def _all_mistakes(overrides: list[str], first: Exception) -> list[str]:
    """Try every override on its own, so that one error shows all of them."""
    places = [o for o in overrides if o.startswith("hydra.searchpath")]
    choices = [o for o in overrides if _is_choice(o.split("=", 1)[0])]
    found: list[str] = []
    wrong: list[str] = []
    for override in overrides:
        others = [choice for choice in choices if choice != override]
        for alone in ([*others, override], [*places, override]):
            try:
                _compose(alone)
                break
            except (HydraException, OmegaConfBaseException) as problem:
                sentence = _sentence(override, problem)
        else:
            found.append(sentence)
            wrong.append(override)
    found += _range_mistakes([o for o in overrides if o not in wrong])
    return list(dict.fromkeys(found)) or [_plain(first)]


def _is_choice(key: str) -> bool:
    """Does the key choose an option (and so decide which settings there are)?"""
    return "/" in key or "@" in key or key in GROUPS or key.startswith(("experiment", "hydra"))


def _range_mistakes(overrides: list[str]) -> list[str]:
    """What the graph would refuse among overrides that compose, as far as their own keys are named."""
    try:
        study_of(_compose(overrides), overrides, single=True)
    except ConfigError as refused:
        keys = tuple(o.split("=", 1)[0] for o in overrides)
        return [line for line in refused.mistakes if line.startswith(keys)]
    except (HydraException, OmegaConfBaseException):
        pass
    return []


def _sentence(override: str, problem: Exception) -> str:
    key, _, value = override.partition("=")
    cause: BaseException | None = problem
    while cause is not None and not isinstance(cause, OmegaConfBaseException):
        cause = cause.__cause__
    if isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return unknown_setting(key.lstrip("+"), _shown(value), _siblings(key.lstrip("+"))) + _elsewhere(key.lstrip("+"))
    if cause is not None and (wrong := _WRONG_TYPE.search(str(cause))):
        inside = wrong["key"] if wrong["key"] and key.lstrip("+") not in (wrong["key"], wrong["key"].split(".")[-1]) else ""
        kind = wrong["type"].lower()
        what = f"{inside or key}={_shown(wrong['value'])}: must be of type {kind}; {_TYPES.get(kind, 'see o1exp --cfg job')}"
        return f"{override}: {what}" if inside and inside != key else what
    if options := re.search(r"Available options in '([^']+)':\s*(.*)", str(problem), re.DOTALL):
        listed = options[2].split("Config search path")[0].splitlines()
        known = [line.strip() for line in listed if line.strip()[:1].islower()]
        near = [f"did you mean {name}? " for name in difflib.get_close_matches(value, known, n=1)]
        return f"{key}={_shown(value)}: there is no such option; {''.join(near)}choose one of {', '.join(known)}"
    return f"{override}: {_plain(problem)}" if override not in _plain(problem) else _plain(problem)


def _siblings(key: str) -> list[str]:
    try:
        parent = OmegaConf.select(_compose([]), key.rpartition(".")[0]) if "." in key else _compose([])
    except (HydraException, OmegaConfBaseException):
        parent = None
    return [str(name) for name in parent if name not in ("_target_", "hydra")] if isinstance(parent, DictConfig) else []


def _elsewhere(key: str) -> str:
    """Other options of the same node that do have the setting, e.g. path of model=pretrained."""
    node, _, name = key.partition(".")
    group = {"imitate": "sft", "think": "sft", "writer": "teacher"}.get(node, node)
    having = {cls.__name__ for cls in GROUPS.get(group, ()) if name in {f.name for f in dataclasses.fields(cls)}}
    options = [path.stem for path in sorted((conf_dir() / group).glob("*.yaml")) if OmegaConf.load(path).defaults[0] in having]
    return f"; {name} belongs to {', '.join(f'{node}={option}' for option in options)}" if options and "." not in name else ""


def _shown(value: str) -> str:
    return "..." if value.strip("'\"").startswith("sk-") else value


def _plain(problem: BaseException) -> str:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return "; ".join(lines[:4])
