"""Why a command line or an experiment file does not compose: all mistakes at once, each in one sentence.

The choices are looked up in the folders of options. The rest is composed once, without the settings, and each setting is tried on it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from o1exp.config import catalogue, options, spine
from o1exp.config.error import ConfigError
from o1exp.config.experiment import Experiment, chosen
from o1exp.config.groups import GROUPS
from o1exp.config.options import Origin
from o1exp.config.sentences import (
    composition,
    culprit,
    no_node,
    not_yaml,
    unknown,
    unknown_option,
    unknown_setting,
    unsaid,
    value_shown,
    wrong_type,
)
from o1exp.config.spine import place_of
from o1exp.config.words import Word, unreadable
from o1exp.config.words import overrides as read

_PLAIN_CHOICE = re.compile(r"[\w./\-,\[\]\s]*")


def choice_mistakes(words: Sequence[str], origin: Origin) -> list[str]:
    """The choices of a command line that no folder of options has; also of the experiment files that it chooses."""
    places = origin.places
    found = [line for word in read(words) for line in _wrong_choice(word, places)]
    found += [said for file in _chosen_files(words, places) if (said := not_yaml(file))]
    experiments = _experiments(words, places)
    found += [said for experiment in experiments if (said := experiment.unfit())]
    for experiment in [*experiments, *_primary(origin)]:
        for key, value, line in experiment.choices:
            word, groups = Word.of(f"{key}={value}"), spine.groups(places)
            if word.group not in groups and "@" not in key:
                found.append(f"{line}: {key}: there is no group {key}; {unknown(key, groups)}")
            found += [f"{line}: {said}" for said in _wrong_choice(word, places)]
    return list(dict.fromkeys(found))


def explained(overrides: Sequence[str], origin: Origin, problem: Exception) -> list[str]:
    """Every mistake of these overrides and of the experiment that they choose; `problem` in its own words where none is found."""
    places = origin.places
    found = list(problem.mistakes) if isinstance(problem, ConfigError) else []
    odd = unreadable(overrides, places)
    found += unsaid(list(odd.values()), found)
    overrides = [word for word in overrides if word not in odd]
    words = read(overrides)
    good = [word for word in words if word.chooses(spine.groups(places)) and not list(_wrong_choice(word, places))]
    experiments = [*_primary(origin), *(one for one in _experiments(overrides, places) if not one.unfit())]
    found += choice_mistakes(overrides, origin)
    own = [word.key for word in good]
    theirs = [Word.of(f"{key}={value}") for one in experiments for key, value, _ in one.choices if key not in own]
    sweep = bool({"-m", "--multirun"} & set(overrides))
    choices = [word for word in theirs if not list(_wrong_choice(word, places))] + good
    without = [f"{spine.EXPERIMENT}=none" if word.key == spine.EXPERIMENT else word.values(sweep)[0].text for word in choices]
    try:
        config = options.composed(without, Origin(places=places))
    except ConfigError as wrong:
        return list(dict.fromkeys([*found, *wrong.mistakes]))
    except (HydraException, OmegaConfBaseException) as wrong:
        return list(dict.fromkeys(found)) or [composition(wrong, places)]
    found += [line for experiment in experiments for line in _wrong_file(experiment, config, places)]
    settings = [word for word in words if word not in good and not word.chooses(spine.groups(places))]
    tried = [one for word in settings for one in word.values(sweep)]
    wrong_words = {word.text: (word.key, line) for word in tried if (line := _wrong_setting(word, config, places))}
    found += [line for _, line in wrong_words.values()]
    wrong_keys = {key for key, _ in wrong_words.values()}
    found += unsaid(_wrong_ranges(config, [word.key for word in words if word.key not in wrong_keys]), found)
    return list(dict.fromkeys(found)) or [composition(problem, places)]


def additions(config: DictConfig, overrides: Sequence[str]) -> list[str]:
    """The overrides `+key=value` that add what no class and no spine has, and `~key` that take away a setting: nothing would read the
    one, and something the other.
    """
    found = []
    for word in read(overrides):
        if word.sign not in ("+", "++", "~") or word.chooses(()):
            continue
        parent, _, name = word.key.rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        typed = OmegaConf.get_type(node) if isinstance(node, DictConfig) else dict
        known = list(getattr(typed, "__dataclass_fields__", ()))
        if word.sign == "~" and parent and name in known:
            found.append(f"{word.text}: a setting cannot be taken away; give it a value, {word.key}=...")
        if word.sign != "~" and known and name not in known:
            override = word.parsed()
            assert override is not None
            found.append(word.sign + unknown_setting(word.key, override.value(), known, _renamed(node)))
    return found


def unchosen(raw: Mapping[str, Any]) -> list[str]:
    """A sentence for each option of a list, such as a benchmark, that has settings here and is not chosen."""
    found = []
    for name in _several():
        given = raw.get(name) or {}
        known = [option for option, own in given.items() if isinstance(own, dict) and "_target_" in own]
        found += [f"{name}.{option}=...: {_choose(name, option, known)}, or leave its settings out" for option in given.keys() - known]
    return sorted(found)


def _several() -> list[str]:
    """The nodes where a list of options stands, which have the name of their group."""
    return [node.name for node in spine.nodes(spine.conf_dir()) if isinstance(node.option, list)]


def _choose(name: str, option: str, known: Sequence[str]) -> str:
    beside = f" or {name}=[{','.join([*known, option])}]" if known else ""
    return f"{option} is not chosen; choose it, {name}=[{option}]{beside}"


def located(lines: Sequence[str], overrides: Sequence[str], origin: Origin) -> list[str]:
    """The same sentences, with file and line before those about a setting that the chosen experiment sets and no override does."""
    return [f"{place}: {line}" if (place := _set_at(line.partition("=")[0].split("."), overrides, origin)) else line for line in lines]


def arm_place(arm: str, overrides: Sequence[str], origin: Origin) -> str:
    """Where the chosen experiment names an arm: "FILE, line N: "; "" where an override does."""
    place = _set_at(["arms", arm], overrides, origin)
    return f"{place}: " if place else ""


def _set_at(path: Sequence[str], overrides: Sequence[str], origin: Origin) -> str:
    given = {word.key for word in read(overrides) if not word.chooses(spine.groups(origin.places))}
    if any(".".join(path[:count]) in given for count in range(1, len(path) + 1)):
        return ""
    files = [*_experiments(overrides, origin.places), *_primary(origin)]
    return next((one.line(path) for one in files if one.sets(path)), "")


def _chosen_files(words: Sequence[str], places: Sequence[Path]) -> list[Path]:
    known = spine.options(places, spine.EXPERIMENT)
    names = [name for word in read(words) if word.group == spine.EXPERIMENT for name in _names(word.value)]
    return [known[name] for name in names if name in known]


def _experiments(words: Sequence[str], places: Sequence[Path]) -> list[Experiment]:
    known = spine.options(places, spine.EXPERIMENT)
    return [experiment for file in _chosen_files(words, places) if not not_yaml(file) for experiment in chosen(file, known)]


def _primary(origin: Origin) -> list[Experiment]:
    """The primary config where it is not the spine: it sets and chooses as an experiment does."""
    files = [place / f"{origin.name.removesuffix('.yaml')}.yaml" for place in origin.places]
    file = next((file for file in files if file.is_file()), None)
    if file is None or file == origin.places[0] / "config.yaml" or not_yaml(file):
        return []
    return chosen(file, {})


def _names(value: str) -> list[str]:
    """The options in a value: one, a list or those of a sweep."""
    return re.findall(r"[\w./\-]+", value) if _PLAIN_CHOICE.fullmatch(value) else []


def _wrong_choice(word: Word, places: Sequence[Path]) -> Iterator[str]:
    groups = spine.groups(places)
    if word.key in ("hydra/launcher", "hydra/sweeper") and word.value in ("", "null"):
        yield f"{word.text}: choose an option, e.g. {word.key}=basic"
    if word.text == "hydra/sweeper=basic":
        yield f"{word.text}: it checks and plans nothing; choose cells (the default) or optuna"
    if word.sign == "~" or word.key.startswith("hydra") or (word.group not in groups and "@" not in word.key):
        return
    if word.group not in groups:
        yield f"{word.text}: there is no group {word.group}; {unknown(word.group, groups)}"
        return
    choices = [node.choice for node in spine.nodes(places[0]) if node.group == word.group]
    if choices and word.key not in choices:
        yield f"{word.text}: that is no node; choose {' or '.join(f'{choice}={word.value}' for choice in choices)}"
    known = spine.options(places, word.group)
    several = any(isinstance(node.option, list) for node in spine.nodes(places[0]) if node.group == word.group)
    lists = re.findall(r"\[[^\[\]]*\]", word.value)
    if lists and choices and not several:
        yield f"{word.text}: one option stands there, not a list; write {word.key}={(_names(word.value) or ['...'])[0]}"
        return
    for name in {name for one in lists for name in _names(one) if _names(one).count(name) > 1}:
        yield f"{word.text}: {name} stands there twice; name it once"
    if not (word.value and _PLAIN_CHOICE.fullmatch(word.value)) and not {"$", "("} & set(word.value):
        yield f"{word.text}: give the name of an option; choose one of {', '.join(known)}"
    for name in _names(word.value):
        if name == "null" and word.group != spine.EXPERIMENT:
            yield f"{word.key}=null: choose an option; o1exp --help lists them"
        elif name not in known and name != "null":
            yield unknown_option(word.key, name, known)
        elif name in known and (said := _no_class(word.group, known[name])):
            yield f"{word.key}={name}: {said}"


def _no_class(group: str, file: Path) -> str:
    """The sentence for an option that names no class; "" for one that does."""
    if group not in GROUPS or not_yaml(file) or {"_target_", "defaults"} & spine.body(file).keys():
        return ""
    names = [target.rpartition(".")[2] for target in GROUPS[group]]
    of = f", CLASS one of {', '.join(names)}" if len(names) > 1 else ""
    return f"{place_of(file)} names no class; begin it with defaults: [{'CLASS' if of else names[0]}, _self_]{of}"


def _wrong_file(experiment: Experiment, config: DictConfig, places: Sequence[Path]) -> Iterator[str]:
    OmegaConf.set_struct(config, None)  # a file may add names to a mapping, e.g. arms; classes and the spine stay closed
    for key, value in experiment.settings(config):
        if said := _tried(config, key, value, places):
            yield f"{experiment.line(key.split('.'))}: {said}"
    OmegaConf.set_struct(config, True)


def _wrong_setting(word: Word, config: DictConfig, places: Sequence[Path]) -> str | None:
    """Why the override cannot be laid on the config; None where it now is."""
    override = word.parsed()
    assert override is not None
    if override.is_sweep_override():
        return f"{word.text}: several values are a sweep, which needs -m; one list is {word.key}=[{word.value}]"
    if wrong := additions(config, [word.text]):
        return wrong[0]
    if override.is_delete():
        return None
    if word.sign == "+" and OmegaConf.select(config, word.key) is not None:
        return f"{word.text}: it is there already; leave out the plus sign, {word.text[1:]}"
    OmegaConf.set_struct(config, None if word.sign else True)
    return _tried(config, word.key, override.value(), places)


def _tried(config: DictConfig, key: str, value: Any, places: Sequence[Path]) -> str | None:
    node = next((node for node in spine.nodes(places[0]) if node.name == key), None)
    if node is not None and not isinstance(value, dict) and "${" not in str(value):
        return no_node(key, node.choice, value)
    if through := _edge(config, key):
        meant = through[1] + key.removeprefix(through[0])
        remedy = _tried(config, meant, value, places) or f"write {meant}={value_shown(meant, value)}"
        return f"{key}={value_shown(key, value)}: {through[0]} leads to {through[1]}; {remedy}"
    try:
        OmegaConf.update(config, key, value, merge=True)
    except (ConfigKeyError, ConfigAttributeError) as wrong:
        return _unknown(config, *culprit(key, value, wrong), places)
    except OmegaConfBaseException as wrong:
        parent = OmegaConf.select(config, key.rpartition(".")[0]) if "." in key else config
        return wrong_type(key, value, wrong, parent if isinstance(parent, DictConfig) else None)
    return None


def _edge(config: DictConfig, key: str) -> tuple[str, str] | None:
    """The edge that a key leads through and where it ends: thought.teacher and teacher, of thought.teacher.n."""
    node: Any = OmegaConf.to_container(config, resolve=False)
    names = key.split(".")
    for count, name in enumerate(names[:-1], 1):
        node = node.get(name) if isinstance(node, dict) else None
        if isinstance(node, str) and (end := re.fullmatch(r"\$\{([\w.]+)\}", node)):
            return ".".join(names[:count]), end[1]
    return None


def _unknown(config: DictConfig, key: str, value: Any, places: Sequence[Path]) -> str:
    parent = OmegaConf.select(config, key.rpartition(".")[0]) if "." in key else config
    if parent is None:
        return _unknown(config, key.rpartition(".")[0], "...", places)
    if isinstance(parent, DictConfig) and OmegaConf.get_type(parent) is dict and parent._metadata.element_type is not Any:
        return f"{key}={value_shown(key, value)}: there is no such name yet; a plus sign adds it: +{key}=..."
    known = [str(name) for name in parent] if isinstance(parent, DictConfig) else []
    name, _, option = key.partition(".")
    if name in _several() and option in spine.options(places, name):
        return f"{key}={value_shown(key, value)}: {_choose(name, option, known)}"
    return unknown_setting(key, value, known, _renamed(parent)) + _elsewhere(key, places)


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
