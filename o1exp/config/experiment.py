"""An experiment file taken apart: which options it chooses and which settings it sets, each with its line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from o1exp.config import spine
from o1exp.config.sentences import line_of, not_yaml
from o1exp.config.spine import place_of


@dataclass(frozen=True)
class Experiment:
    """One file of conf/experiment. `choices` are (choice, option, "FILE, line N")."""

    file: Path
    choices: tuple[tuple[str, str, str], ...]

    def settings(self, config: DictConfig) -> Iterator[tuple[str, Any]]:
        """The settings as (key, value), split as far as `config` has a place for each part."""
        body = OmegaConf.to_container(OmegaConf.load(self.file), resolve=False)
        assert isinstance(body, dict)
        yield from _split({str(name): value for name, value in body.items() if name not in ("defaults", "hydra")}, config, "")

    def unfit(self) -> str:
        """The sentence for a file whose settings would stand elsewhere than it says; "" for any other."""
        for line in spine.text(self.file).splitlines():
            if line.split() == ["#", "@package", "_global_"] or line.split() == ["#@package", "_global_"]:
                break
            if line.strip() and not line.replace(" ", "").startswith("#@"):
                return (
                    f"{place_of(self.file)}, line 1: an experiment begins with the line # @package _global_; set it before everything else"
                )
        root = spine.tree(self.file)
        if root is not None and not isinstance(root, yaml.MappingNode):
            return f"{place_of(self.file)}, line {root.start_mark.line + 1}: is no mapping; write NAME: VALUE on each line"
        defaults = _entries(self.file)
        if defaults is not None and not isinstance(defaults, yaml.SequenceNode):
            return (
                f"{place_of(self.file)}, line {defaults.start_mark.line + 1}: defaults is a list; write - override /GROUP: OPTION below it"
            )
        keys = [key for entry in (defaults.value if defaults else []) if isinstance(entry, yaml.MappingNode) for key, _ in entry.value]
        for key in keys:
            choice = key.value.removeprefix("override ").lstrip("/")
            if not key.value.startswith("override /") and choice in {node.choice for node in spine.nodes(spine.conf_dir())}:
                return f"{place_of(self.file)}, line {key.start_mark.line + 1}: {key.value}: write override /{choice}: OPTION"
        return ""

    def sets(self, path: Sequence[str]) -> bool:
        """Does the file set what stands at the path itself?"""
        body = OmegaConf.to_container(OmegaConf.load(self.file), resolve=False)
        for name in path:
            if not isinstance(body, dict) or name not in body:
                return False
            body = body[name]
        return True

    def line(self, path: Sequence[str]) -> str:
        """Where the file sets it."""
        return line_of(self.file, path)


def chosen(file: Path, known: Mapping[str, Path]) -> list[Experiment]:
    """The experiment in the file, after those that its defaults name."""
    found: list[Experiment] = []
    choices = []
    for key, value, line in _defaults(file):
        if not key and value in known and known[value] != file and not not_yaml(known[value]):
            found += chosen(known[value], known)
        elif key and not key.startswith("hydra"):
            choices.append((key, value, f"{place_of(file)}, line {line}"))
    return [*found, Experiment(file, tuple(choices))]


def _defaults(file: Path) -> Iterator[tuple[str, str, int]]:
    """The entries of the defaults list as (choice, option or [options], line); choice is "" for a name alone."""
    defaults = _entries(file)
    for entry in defaults.value if isinstance(defaults, yaml.SequenceNode) else []:
        if not isinstance(entry, yaml.MappingNode):
            yield "", str(entry.value).lstrip("/").removeprefix("experiment/"), entry.start_mark.line + 1
            continue
        for key, value in entry.value:
            yield key.value.removeprefix("override ").lstrip("/"), _option(value), key.start_mark.line + 1


def _entries(file: Path) -> yaml.Node | None:
    root = spine.tree(file)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == "defaults"), None)


def _option(value: yaml.Node) -> str:
    if isinstance(value, yaml.SequenceNode):
        return f"[{','.join(_option(item) for item in value.value)}]"
    return str(value.value) if isinstance(value, yaml.ScalarNode) else "{}"


def _split(body: dict[str, Any], config: DictConfig, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        inner = config._get_node(name) if name in config else None
        typed = isinstance(inner, DictConfig) and OmegaConf.get_type(inner) is not dict
        if isinstance(value, dict) and isinstance(inner, DictConfig) and (typed or value.keys() <= inner.keys()) and value:
            yield from _split(value, inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
