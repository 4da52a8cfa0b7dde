"""An experiment file taken apart: which options it chooses and which settings it sets, each with its line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from o1exp.config import spine
from o1exp.config.sentences import line_of, place_of


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

    def sets(self, key: str) -> bool:
        """Does the file set the key itself?"""
        body = OmegaConf.to_container(OmegaConf.load(self.file), resolve=False)
        for name in key.split("."):
            if not isinstance(body, dict) or name not in body:
                return False
            body = body[name]
        return True

    def line(self, key: str) -> str:
        """Where the file sets the key."""
        return line_of(self.file, key.split("."))


def chosen(file: Path, known: Mapping[str, Path]) -> list[Experiment]:
    """The experiment in the file, after those that its defaults name."""
    found: list[Experiment] = []
    choices = []
    for key, value, line in _defaults(file):
        if not key and value in known and known[value] != file:
            found += chosen(known[value], known)
        elif key and not key.startswith("hydra"):
            choices.append((key, value, f"{place_of(file)}, line {line}"))
    return [*found, Experiment(file, tuple(choices))]


def _defaults(file: Path) -> Iterator[tuple[str, str, int]]:
    """The entries of the defaults list as (choice, option or [options], line); choice is "" for a name alone."""
    root = spine.tree(file)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    entries: list[yaml.Node] = next((value.value for key, value in pairs if key.value == "defaults"), [])
    for entry in entries:
        if not isinstance(entry, yaml.MappingNode):
            yield "", str(entry.value).lstrip("/").removeprefix("experiment/"), entry.start_mark.line + 1
            continue
        for key, value in entry.value:
            yield key.value.removeprefix("override ").lstrip("/"), _option(value), key.start_mark.line + 1


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
