"""Why a command line or an experiment file does not compose: all mistakes at once, each in one sentence.

The choices are looked up in the folders of options. The rest is composed once, without the settings, and each setting is tried on it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from o1exp.config import catalogue, options, spine
from o1exp.config.error import ConfigError
from o1exp.config.experiment import Experiment, chosen
from o1exp.config.options import Origin
from o1exp.config.sentences import composition, not_yaml, plain, unknown, unknown_option, unknown_setting, unsaid, wrong_type

_PLAIN_CHOICE = re.compile(r"[\w./\-,\[\]\s]*")


@dataclass(frozen=True)
class _Word:
    """One override: `sign` is "", +, ++ or ~."""

    text: str
    sign: str
    key: str
    value: str

    @classmethod
    def of(cls, text: str) -> "_Word":
        bare = text.lstrip("+~")
        key, _, value = bare.partition("=")
        return cls(text, text[: len(text) - len(bare)], key, value)

    @property
    def group(self) -> str:
        return self.key.partition("@")[0]

    def chooses(self, groups: Sequence[str]) -> bool:
        """Does it choose an option (and so decide which settings there are)?"""
        return "/" in self.key or "@" in self.key or self.key in groups or self.key.startswith("hydra")

    def values(self, sweep: bool) -> "list[_Word]":
        """The override once for each value that it sweeps over; itself where it names one, or no sweep was asked for."""
        try:
            override = OverridesParser.create().parse_override(self.text) if sweep else None
        except HydraException:  # said when it is tried
            override = None
        if override is None or not override.is_discrete_sweep():
            return [self]
        return [_Word.of(f"{self.sign}{self.key}={value}") for value in override.sweep_string_iterator()]


def choice_mistakes(words: Sequence[str], origin: Origin) -> list[str]:
    """The choices of a command line that no folder of options has; also of the experiment files that it chooses."""
    places = origin.places
    found = [line for word in _overrides(words) for line in _wrong_choice(word, places)]
    found += [said for file in _chosen_files(words, places) if (said := not_yaml(file))]
    for experiment in _experiments(words, places):
        for key, value, line in experiment.choices:
            found += [f"{line}: {said}" for said in _wrong_choice(_Word.of(f"{key}={value}"), places)]
    return list(dict.fromkeys(found))


def explained(overrides: Sequence[str], origin: Origin, problem: Exception) -> list[str]:
    """Every mistake of these overrides and of the experiment that they choose; `problem` in its own words where none is found."""
    places = origin.places
    found = list(problem.mistakes) if isinstance(problem, ConfigError) else []
    words = _overrides(overrides)
    good = [word for word in words if word.chooses(spine.groups(places)) and not list(_wrong_choice(word, places))]
    experiments = _experiments(overrides, places)
    found += choice_mistakes(overrides, origin)
    own = [word.key for word in good]
    theirs = [_Word.of(f"{key}={value}") for one in experiments for key, value, _ in one.choices if key not in own]
    sweep = bool({"-m", "--multirun"} & set(overrides))
    choices = [word for word in theirs if not list(_wrong_choice(word, places))] + good
    without = [f"{spine.EXPERIMENT}=none" if word.key == spine.EXPERIMENT else word.values(sweep)[0].text for word in choices]
    try:
        config = options.composed(without, origin)
    except ConfigError as wrong:
        return list(dict.fromkeys([*found, *wrong.mistakes]))
    except (HydraException, OmegaConfBaseException) as wrong:
        return list(dict.fromkeys(found)) or [composition(wrong)]
    found += [line for experiment in experiments for line in _wrong_file(experiment, config, places)]
    settings = [word for word in words if word not in good and not word.chooses(spine.groups(places))]
    tried = [one for word in settings for one in word.values(sweep)]
    wrong_words = {word.text: (word.key, line) for word in tried if (line := _wrong_setting(word, config, places))}
    found += [line for _, line in wrong_words.values()]
    wrong_keys = {key for key, _ in wrong_words.values()}
    found += unsaid(_wrong_ranges(config, [word.key for word in words if word.key not in wrong_keys]), found)
    return list(dict.fromkeys(found)) or [composition(problem)]


def additions(config: DictConfig, overrides: Sequence[str]) -> list[str]:
    """The overrides `+key=value` that add what no class and no spine has: Hydra takes them, and nothing would read them."""
    found = []
    for word in _overrides(overrides):
        if not word.sign.startswith("+") or word.chooses(()):
            continue
        parent, _, name = word.key.rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        typed = OmegaConf.get_type(node) if isinstance(node, DictConfig) else dict
        known = list(getattr(typed, "__dataclass_fields__", ()))
        if known and name not in known:
            found.append(unknown_setting(word.key, word.value, known, _renamed(node)))
    return found


def located(lines: Sequence[str], overrides: Sequence[str], origin: Origin) -> list[str]:
    """The same sentences, with file and line before those about a setting that the chosen experiment sets and no override does."""
    given = {word.key for word in _overrides(overrides)}
    experiments = _experiments(overrides, origin.places)
    found = []
    for line in lines:
        key = line.partition("=")[0]
        place = next((one.line(key) for one in experiments if one.sets(key)), "") if key not in given else ""
        found.append(f"{place}: {line}" if place else line)
    return found


def _overrides(words: Sequence[str]) -> list[_Word]:
    return [_Word.of(word) for word in words if not word.startswith("-") and ("=" in word or word.startswith("~"))]


def _chosen_files(words: Sequence[str], places: Sequence[Path]) -> list[Path]:
    known = spine.options(places, spine.EXPERIMENT)
    names = [name for word in _overrides(words) if word.group == spine.EXPERIMENT for name in _names(word.value)]
    return [known[name] for name in names if name in known]


def _experiments(words: Sequence[str], places: Sequence[Path]) -> list[Experiment]:
    known = spine.options(places, spine.EXPERIMENT)
    return [experiment for file in _chosen_files(words, places) if not not_yaml(file) for experiment in chosen(file, known)]


def _names(value: str) -> list[str]:
    """The options in a value: one, a list or those of a sweep."""
    return re.findall(r"[\w./\-]+", value) if _PLAIN_CHOICE.fullmatch(value) else []


def _wrong_choice(word: _Word, places: Sequence[Path]) -> Iterator[str]:
    groups = spine.groups(places)
    if word.sign == "~" or word.key.startswith("hydra") or (word.group not in groups and "@" not in word.key):
        return
    if word.group not in groups:
        yield f"{word.text}: there is no group {word.group}; {unknown(word.group, groups)}"
        return
    choices = [node.choice for node in spine.nodes(places[0]) if node.group == word.group]
    if choices and word.key not in choices:
        yield f"{word.text}: that is no node; choose {' or '.join(f'{choice}={word.value}' for choice in choices)}"
    known = spine.options(places, word.group)
    if not _PLAIN_CHOICE.fullmatch(word.value) and not {"$", "("} & set(word.value):
        yield f"{word.text}: give the name of an option; choose one of {', '.join(known)}"
    for name in _names(word.value):
        if name == "null" and word.group != spine.EXPERIMENT:
            yield f"{word.key}=null: choose an option; o1exp --help lists them"
        elif name not in known and name != "null":
            yield unknown_option(word.key, name, known)


def _wrong_file(experiment: Experiment, config: DictConfig, places: Sequence[Path]) -> Iterator[str]:
    OmegaConf.set_struct(config, None)  # a file may add names to a mapping, e.g. arms; classes and the spine stay closed
    for key, value in experiment.settings(config):
        if said := _tried(config, key, value, places):
            yield f"{experiment.line(key)}: {said}"
    OmegaConf.set_struct(config, True)


def _wrong_setting(word: _Word, config: DictConfig, places: Sequence[Path]) -> str | None:
    """Why the override cannot be laid on the config; None where it now is."""
    try:
        override = OverridesParser.create().parse_override(word.text)
    except HydraException as problem:
        return f"{word.text}: {plain(problem)}"
    if override.is_sweep_override():
        return f"{word.text}: several values are a sweep, which needs -m; one list is {word.key}=[{word.value}]"
    if override.is_delete() or (word.sign and not additions(config, [word.text])):
        return None
    return _tried(config, word.key, override.value(), places)


def _tried(config: DictConfig, key: str, value: Any, places: Sequence[Path]) -> str | None:
    try:
        OmegaConf.update(config, key, value, merge=True)
    except (ConfigKeyError, ConfigAttributeError):
        parent = OmegaConf.select(config, key.rpartition(".")[0]) if "." in key else config
        known = [str(name) for name in parent] if isinstance(parent, DictConfig) else []
        return unknown_setting(key, value, known, _renamed(parent)) + _elsewhere(key, places)
    except OmegaConfBaseException as wrong:
        return wrong_type(key, wrong)
    return None


def _renamed(node: Any) -> dict[str, str]:
    target = node.get("_target_") if isinstance(node, DictConfig) and "_target_" in node else ""
    return dict(catalogue.facts(target).renamed) if "." in str(target) else {}


def _elsewhere(key: str, places: Sequence[Path]) -> str:
    """Other options of the same node that do have the setting, e.g. path of model=pretrained."""
    name, _, setting = key.partition(".")
    node = next((node for node in spine.nodes(places[0]) if node.name == name), None)
    if node is None or not setting or "." in setting:
        return ""
    having = {known.name for known in catalogue.group(node.group) if setting in {own.name for own in known.settings}}
    files = spine.options(places, node.group)
    found = [option for option, file in files.items() if spine.class_of(file).rpartition(".")[2] in having]
    return f"; {setting} belongs to {', '.join(f'{node.choice}={option}' for option in found)}" if found else ""


def _wrong_ranges(config: DictConfig, keys: Sequence[str]) -> list[str]:
    """What the graph would refuse, as far as these keys are named."""
    if not keys:
        return []
    from o1exp.config.graph import Graph  # imports the classes

    graph = Graph(config)
    try:
        graph.stage("result" if config.goal == "report" else str(config.goal))
    except ConfigError as refused:
        return [line for line in refused.mistakes if line.startswith(tuple(keys))]
    except (HydraException, OmegaConfBaseException):
        pass
    return []
