"""What a class of settings declares, as plain values: names, types, defaults, limits and the sentence under each field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REQUIRED = "???"
ANY = "any"
"""The kind of an edge or of nested settings: a node of the graph stands there."""


@dataclass(frozen=True)
class Setting:
    """One field. `kind` is any, str, int, float or bool; `kind?` may be null, `[kind]` is a list, `{kind}` a mapping from names."""

    name: str
    kind: str
    default: Any
    limits: str
    says: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """One class: its dotted path, its docstring, its fields, old names of fields with the new ones, and whether it stands for a stage."""

    target: str
    says: str
    settings: tuple[Setting, ...]
    renamed: Mapping[str, str]
    stage: bool

    @property
    def name(self) -> str:
        return self.target.rpartition(".")[2]

    @property
    def slots(self) -> set[str]:
        """The edges and nested settings: the spine fills them for every option, and an option ignores those it has no use for."""
        return {setting.name for setting in self.settings if setting.kind == ANY}
