"""Typed configs for OmegaConf, made from the facts about a class when an option needs one."""

import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf

from o1exp.config import catalogue, spine
from o1exp.config.facts import ANY, Setting

SAME = "same"
"""The `_target_` of an ablated step: it stands for its own input named by `takes`.

`instead` names a class for each setting that needs one: where it is on, the step is that class.
"""
_SCALARS: dict[str, Any] = {ANY: Any, "str": str, "int": int, "float": float, "bool": bool}


def schema(target: str, group: str) -> DictConfig:
    """The fields of the class, edges and nested settings as Any, and the slots that other classes of the group have beside them.

    Errors: ValueError with a sentence where the class cannot be imported or is none of settings.
    """
    return _structured(_of_class(target, group))


def same_schema(group: str) -> DictConfig:
    """The schema of an ablated step: it accepts, and ignores, every setting of the group's options."""
    return _structured(_of_same(group))


def root(conf: Path) -> DictConfig:
    """The top of the composed config: a place for every node of the spine, and what else a command says."""
    return _structured(_of_spine(conf))


def _structured(made: type) -> DictConfig:
    typed: DictConfig = OmegaConf.structured(made)
    return typed


@cache
def _of_class(target: str, group: str) -> type:
    known = catalogue.facts(target)
    siblings = {slot for other in catalogue.group(group) for slot in other.slots} - {setting.name for setting in known.settings}
    fields = [(setting.name, _type(setting.kind), _default(setting)) for setting in known.settings]
    return _made(known.name, [("_target_", str, target), *fields, *((name, Any, None) for name in sorted(siblings))])


@cache
def _of_same(group: str) -> type:
    names = {setting.name for known in catalogue.group(group) for setting in known.settings}
    return _made(
        "Same", [("_target_", str, SAME), ("takes", str, MISSING), ("instead", Any, None), *((name, Any, None) for name in sorted(names))]
    )


@cache
def _of_spine(conf: Path) -> type:
    fields: list[tuple[str, Any, Any]] = [(node.name, Any, MISSING) for node in spine.nodes(conf)]
    fields += [(said.name, said.type, _given(said.default, said.default_factory)) for said in dataclasses.fields(spine.Run)]
    return _made("Root", fields)


def _made(name: str, fields: list[tuple[str, Any, Any]]) -> type:
    """A dataclass without methods: OmegaConf reads its fields and makes no object of it."""
    return dataclasses.make_dataclass(name, fields, init=False, repr=False, eq=False)


def _type(kind: str) -> Any:
    if kind.endswith("?"):
        return _type(kind[:-1]) | None
    if kind.startswith("["):
        return list[_type(kind[1:-1])]  # type: ignore[misc]
    if kind.startswith("{"):
        return dict[str, _type(kind[1:-1])]  # type: ignore[misc]
    return _SCALARS[kind]


def _default(setting: Setting) -> Any:
    value = setting.default
    return _given(dataclasses.MISSING, lambda: value) if isinstance(value, list | dict) else value


def _given(value: Any, factory: Any) -> Any:
    return dataclasses.field(default_factory=factory) if value is dataclasses.MISSING else value
