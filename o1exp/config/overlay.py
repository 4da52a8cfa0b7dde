"""Configs of many cells: composed once for each combination of options, and each node's values laid on a copy of it once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from o1exp.config import spine
from o1exp.config.compose import composed
from o1exp.config.copies import copied, regrouped
from o1exp.config.error import ConfigError
from o1exp.config.options import Origin
from o1exp.config.words import Word

_NAME = re.compile(r"[.\[]")

Values = tuple[str, ...]
"""The overrides of values below one node."""

MOST = 1024
"""Parts with values that are kept, for memory: some 30 kB each."""


@dataclass(frozen=True)
class Part:
    """What stands under one name of a config: its node, and the same as plain values with interpolations."""

    node: Node
    raw: Any


@dataclass
class Chosen:
    """The config of one combination of options, by its parts; `laid` are those with values of cells."""

    config: DictConfig
    parts: dict[str, Part]
    laid: dict[tuple[str, Values], Part | None] = field(default_factory=dict)
    """None where the cell takes the part away."""

    @classmethod
    def of(cls, config: DictConfig) -> "Chosen":
        return cls(config, {str(name): _part(config, str(name)) for name in config})

    def with_values(self, name: str, words: Values, parsed: list[Override]) -> Part | None:
        if (name, words) not in self.laid:
            if len(self.laid) >= MOST:
                self.laid.clear()
            known = self.parts.get(name)
            whole = regrouped(self.config, {**self._nodes(), **({name: copied(known.node)} if known else {})})
            ConfigLoaderImpl._apply_overrides_to_config(parsed, whole)
            self.laid[name, words] = _part(whole, name) if name in whole else None
        return self.laid[name, words]

    def _nodes(self) -> dict[str, Node]:
        return {name: part.node for name, part in self.parts.items()}


@dataclass(frozen=True)
class Laid:
    """A cell's config. `config` holds until the next one is laid, which has nodes in common with it; `raw` are its plain values."""

    config: DictConfig
    raw: dict[str, Any]


class Overlay:
    """Composes as `compose.composed` does, which takes 0.1 s, at a thousandth of that where only values differ."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._groups = spine.groups(origin.places)
        self._chosen: dict[tuple[str, ...], Chosen] = {}
        self._read: dict[str, tuple[Word, bool]] = {}
        self._parsed: dict[str, Override] = {}
        self._told: dict[str, list[str]] = {}

    def composed(self, overrides: Sequence[str]) -> DictConfig:
        """The config for these overrides, by itself. Errors: see `laid`."""
        return copied(self.laid(overrides).config)

    def laid(self, overrides: Sequence[str]) -> Laid:
        """The config for these overrides. Errors: ConfigError; the same mistake of many cells is looked into once."""
        read = [self._word(text) for text in overrides]
        choices = tuple(word.text for word, chooses in read if chooses)
        values: dict[str, list[str]] = {}
        for word in (word for word, chooses in read if not chooses):
            values.setdefault(_NAME.split(word.key)[0], []).append(word.text)
        try:
            if choices not in self._chosen:
                self._chosen[choices] = Chosen.of(composed(choices, self._origin))
            chosen = self._chosen[choices]
            laid = {name: chosen.with_values(name, tuple(words), self._all_parsed(words)) for name, words in values.items()}
        except (ConfigError, HydraException, OmegaConfBaseException, ValueError) as problem:
            raise ConfigError(self._explained(overrides, problem)) from problem
        parts = {name: part for name, part in {**chosen.parts, **laid}.items() if part is not None}
        config = regrouped(chosen.config, {name: part.node for name, part in parts.items()})
        return Laid(config, {name: part.raw for name, part in parts.items()})

    def _word(self, text: str) -> tuple[Word, bool]:
        """The override, and whether it chooses an option."""
        if text not in self._read:
            word = Word.of(text)
            self._read[text] = word, word.chooses(self._groups)
        return self._read[text]

    def _all_parsed(self, words: Sequence[str]) -> list[Override]:
        for word in words:
            if word not in self._parsed:
                self._parsed[word] = OverridesParser.create().parse_override(word)
        return [self._parsed[word] for word in words]

    def _explained(self, overrides: Sequence[str], problem: Exception) -> list[str]:
        known = str(problem)
        if known not in self._told:
            try:
                composed(overrides, self._origin)
            except ConfigError as wrong:
                self._told[known] = wrong.mistakes
            else:
                raise problem
        return self._told[known]


def _part(config: DictConfig, name: str) -> Part:
    node = config._get_node(name)
    assert isinstance(node, Node)
    return Part(node, OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node._value())
