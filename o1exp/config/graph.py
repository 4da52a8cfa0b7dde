"""From a composed config to a graph: a structured schema for every option, and the builder that follows the edges.

An edge is an interpolation of a whole node (`data: ${reformat}`). Each node is built once, whatever the number of edges to it, and
every mistake of the whole config is collected before one error is raised.
"""

import dataclasses
import difflib
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from o1exp.flow.check import Settings, SettingsError, typed_fields
from o1exp.flow.stage import Recipe, Stage, edge_type, walk

_NODE = re.compile(r"^\$\{(\.*[\w.]+)\}$")
SAME = "same"
"""The `_target_` of an ablated step: it stands for its own input named by `takes`."""

Groups = Mapping[str, tuple[type[Settings], ...]]


class ConfigError(ValueError):
    """The configuration is wrong; one line per mistake, each naming key, value and remedy."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


def register(groups: Groups) -> None:
    """Put a schema behind every option: `defaults: [Distil, _self_]` in a YAML of the group names its class."""
    store = ConfigStore.instance()
    for group, classes in groups.items():
        for cls in classes:
            store.store(group=group, name=cls.__name__, node=schema(cls, slots(classes)))
        store.store(group=group, name="Same", node=same_schema(classes))


def slots(classes: tuple[type[Settings], ...]) -> set[str]:
    """The edges and nested settings of a group: the spine fills them for every option, and an option ignores those it has no use for."""
    return {f.name for cls in classes for f, hint in typed_fields(cls) if _loose(hint) is Any}


def schema(cls: type[Settings], ignored: set[str]) -> type:
    """A dataclass that OmegaConf can check: the fields of `cls`, edges and nested settings as Any, and the `ignored` slots."""
    fields: list[tuple[str, Any, Any]] = [("_target_", str, f"{cls.__module__}.{cls.__qualname__}")]
    fields += [(f.name, _loose(hint), _default(f, hint)) for f, hint in typed_fields(cls)]
    own = {f.name for f, _ in typed_fields(cls)}
    return dataclasses.make_dataclass(cls.__name__, fields + [(name, Any, None) for name in sorted(ignored - own)])


def same_schema(classes: tuple[type[Settings], ...]) -> type:
    """The schema of an ablated step: it accepts, and ignores, every setting of the group's other options."""
    names = {f.name for cls in classes for f, _ in typed_fields(cls)}
    fields: list[tuple[str, Any, Any]] = [("_target_", str, SAME), ("takes", str, MISSING)]
    return dataclasses.make_dataclass("Same", fields + [(name, Any, None) for name in sorted(names)])


def _loose(hint: Any) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _loose(args[0])
    if edge_type(hint) is not None or (isinstance(hint, type) and issubclass(hint, Settings)):
        return Any
    if origin is Literal:
        return type(args[0])
    if origin in (Union, types.UnionType):
        return _loose(next(arg for arg in args if arg is not type(None))) | None
    if origin is tuple:
        return list[_loose(args[0])]  # type: ignore[misc]
    if origin is dict:
        return dict[str, _loose(args[1])]  # type: ignore[misc]
    return hint


def _default(field: "dataclasses.Field[Any]", hint: Any) -> Any:
    value = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
    if value is dataclasses.MISSING:
        return MISSING
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, Settings):
        return None
    return dataclasses.field(default_factory=lambda: value) if isinstance(value, list | dict) else value


@dataclass(frozen=True)
class _Node:
    """A place in the config: its dotted path and what stands there, interpolations unresolved."""

    path: str
    raw: Any


class Graph:
    """The nodes of one composed config, built on demand: `graph.node("think")` is a stage or a settings object."""

    def __init__(self, config: DictConfig, groups: Groups) -> None:
        self._config = config
        self._raw = OmegaConf.to_container(config, resolve=False)
        self._classes = {f"{c.__module__}.{c.__qualname__}": c for classes in groups.values() for c in classes}
        self._ignored: dict[type, set[str]] = {}
        for classes in groups.values():
            for cls in classes:
                self._ignored.setdefault(cls, set()).update(slots(classes))
        self._built: dict[str, Any] = {}
        self._open: list[str] = []
        self.mistakes: list[str] = []
        self.names: dict[str, str] = {}
        """Config path of each stage, by key."""

    def stage(self, path: str) -> Stage[Any]:
        """The stage at a dotted path. Errors: ConfigError with all mistakes below it."""
        built = self.node(path)
        if self.mistakes:
            raise ConfigError(list(dict.fromkeys(self.mistakes)))
        if not isinstance(built, Stage):
            known = ", ".join(self.stages())
            raise ConfigError([f"goal={path}: that is no stage; choose one of {known}"])
        return built

    def stages(self) -> list[str]:
        """The dotted paths of all nodes that could be a goal."""
        return [node.path for node in self._nodes(_Node("", self._raw)) if not node.path.startswith("hydra")]

    def node(self, path: str) -> Any:
        """The value at a path: a built object for a node, a plain value else; None after a mistake (kept in `mistakes`)."""
        if path not in self._built:
            if path in self._open:
                self.mistakes.append(f"{path}: the edges run in a circle: {' -> '.join([*self._open, path])}")
                return None
            self._open.append(path)
            self._built[path] = self._build(path)
            self._open.pop()
        return self._built[path]

    def _build(self, path: str) -> Any:
        raw = self._lookup(path)
        if not isinstance(raw, dict):
            return self._value(_Node(path, raw))
        if "_target_" not in raw:
            self.mistakes.append(f"{path}: no option is chosen here; choose one, e.g. {path}=...")
            return None
        if raw["_target_"] == SAME:
            return self._value(_Node(f"{path}.{raw['takes']}", raw[raw["takes"]]))
        cls = self._classes.get(raw["_target_"])
        if cls is None:
            self.mistakes.append(f"{path}._target_={raw['_target_']}: not a class of any config group")
            return None
        before = len(self.mistakes)
        fields = self._fields(path, raw, cls)
        return self._construct(path, cls, fields) if len(self.mistakes) == before else None

    def _fields(self, path: str, raw: dict[str, Any], cls: type[Settings]) -> dict[str, Any]:
        fields = {}
        for field, hint in typed_fields(cls):
            given = raw.get(field.name)
            if given is None and isinstance(hint, type) and issubclass(hint, Settings):
                continue
            if field.name in raw:
                fields[field.name] = value = self._value(_Node(f"{path}.{field.name}", given))
                if isinstance(value, dict) and edge_type(hint) is not None and get_origin(hint) is not dict:
                    self.mistakes.append(f"{path}.{field.name}={given}: no option is chosen there; choose one")
        for name in raw.keys() - {f.name for f, _ in typed_fields(cls)} - {"_target_"} - self._ignored[cls]:
            self.mistakes.append(unknown_setting(f"{path}.{name}", raw[name], [f.name for f, _ in typed_fields(cls)]))
        return fields

    def _construct(self, path: str, cls: type[Settings], fields: dict[str, Any]) -> Any:
        try:
            built = cls(**fields)
            stage = built.stage() if isinstance(built, Recipe) else built
        except SettingsError as wrong:
            self.mistakes += wrong.lines(f"{path}.")
            return None
        if isinstance(stage, Stage):
            self.names[stage.key] = path
            for inner in walk([stage]):  # a recipe's inner stages go by its name
                self.names.setdefault(inner.key, path)
        return stage

    def _value(self, node: _Node) -> Any:
        raw = node.raw
        if isinstance(raw, str) and raw == "???":
            self.mistakes.append(f"{node.path} is required: set it, e.g. {node.path}=...")
            return None
        if isinstance(raw, str) and (match := _NODE.match(raw)):
            target = self._absolute(node.path, match[1])
            found = self._lookup(target)
            if found == "???":
                self.mistakes.append(f"{node.path}={raw}: nothing is chosen for {target}; choose an option, {target}=...")
                return None
            if isinstance(found, dict) and "_target_" in found:
                return self.node(target)
            if isinstance(found, dict | list) or (isinstance(found, str) and _NODE.match(found)):
                return self._value(_Node(target, found))
        if isinstance(raw, dict):
            if "_target_" in raw:
                return self.node(node.path)
            return {name: self._value(_Node(f"{node.path}.{name}", inner)) for name, inner in raw.items()}
        if isinstance(raw, list):
            return [self._value(_Node(f"{node.path}[{place}]", inner)) for place, inner in enumerate(raw)]
        return self._resolved(node) if isinstance(raw, str) and "${" in raw else raw

    def _resolved(self, node: _Node) -> Any:
        try:
            return OmegaConf.select(self._config, node.path, throw_on_missing=True)
        except OmegaConfBaseException as wrong:
            self.mistakes.append(f"{node.path}={node.raw}: {str(wrong).splitlines()[0]}")
            return None

    def _absolute(self, path: str, reference: str) -> str:
        dots = len(reference) - len(reference.lstrip("."))
        if not dots:
            return reference
        parent = path.split(".")[:-dots]
        return ".".join([*parent, reference[dots:]])

    def _lookup(self, path: str) -> Any:
        found = self._raw
        for part in path.split("."):
            if isinstance(found, str) and (match := _NODE.match(found)):
                found = self._lookup(match[1])
            if not isinstance(found, dict) or part not in found:
                return None
            found = found[part]
        return found

    def _nodes(self, node: _Node) -> Iterator[_Node]:
        if isinstance(node.raw, dict):
            if "_target_" in node.raw:
                yield node
            for name, inner in node.raw.items():
                yield from self._nodes(_Node(f"{node.path}.{name}" if node.path else str(name), inner))


def unknown_setting(key: str, value: Any, known: list[str]) -> str:
    """The sentence for a key that does not exist, with the nearest one that does."""
    parent, _, name = key.rpartition(".")
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {parent + '.' if parent else ''}{near[0]}? " if near else ""
    return f"{key}={value}: there is no such setting; {hint}known here: {', '.join(sorted(known))}"
