"""From a composed config to a graph of stages: the builder that follows the edges.

An edge is an interpolation of a whole node (`data: ${reformat}`). Each node is built once, whatever the number of edges to it, and
every mistake of the whole config is collected before one error is raised.
"""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_origin

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from o1exp.config import catalogue
from o1exp.config.built import Built, BuiltNode, made
from o1exp.config.error import ConfigError
from o1exp.config.groups import GROUPS, Groups, load
from o1exp.config.schema import SAME
from o1exp.config.sentences import no_value, unknown_setting
from o1exp.flow.check import AtLeast, Settings, SettingsError, fit, typed_fields
from o1exp.flow.stage import Recipe, Stage, edge_type

_NODE = re.compile(r"^\$\{(\.*[\w.]+)\}$")
_SELECT = re.compile(r"^\$\{oc\.select:(\w+)\.(\w+),[^${}]*\}$")


_AS_IT_IS: dict[Any, type] = {int: int, Annotated[int, AtLeast(0)]: int, str: str}
"""Settings whose values need no fitting where they have that type."""


@dataclass(frozen=True)
class _Node:
    """A place in the config: its dotted path and what stands there, interpolations unresolved."""

    path: str
    raw: Any


@dataclass
class _Reached:
    """What building a node has looked at: parts of the config, by name; and the names of stages, by key, that it brought along."""

    parts: set[str] = dataclasses.field(default_factory=set)
    names: dict[str, str] = dataclasses.field(default_factory=dict)

    def add(self, below: "_Reached") -> None:
        self.parts |= below.parts
        self.names |= below.names


class Graph:
    """The nodes of one composed config, built on demand: `graph.node("think")` is a stage or a settings object."""

    def __init__(self, config: DictConfig, raw: dict[str, Any] | None = None, built: Built | None = None, groups: Groups = GROUPS) -> None:
        self._config = config
        self.raw: Any = OmegaConf.to_container(config, resolve=False) if raw is None else raw
        self._known = built
        self._groups = groups
        self._built: dict[str, Any] = {}
        self._open: list[str] = []
        self._found: dict[str, _Reached] = {}
        """What each node that was built has reached."""
        self._under_way: list[_Reached] = [_Reached()]
        self._wrong: set[str] = set()
        self._failures = 0
        """How often a node came out wrong, also one whose mistake was noted before: what stands on it is not built."""
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
        found = self._nodes(_Node("", self.raw))
        return [node.path for node in found if node.raw["_target_"] == SAME or _is_stage(node.raw["_target_"])]

    def node(self, path: str) -> Any:
        """The value at a path: a built object for a node, a plain value else; None after a mistake (kept in `mistakes`)."""
        if path not in self._built and not self._recalled(path):
            if path in self._open:
                self.mistakes.append(f"{path}: the edges run in a circle: {' -> '.join([*self._open, path])}")
                return None
            self._open.append(path)
            self._under_way.append(_Reached())
            before = len(self.mistakes), self._failures
            self._built[path] = self._build(path)
            self._found[path] = found = self._under_way.pop()
            if (len(self.mistakes), self._failures) != before:
                self._wrong.add(path)
            elif self._known:
                self._known.keep(path, self.raw, found.parts, BuiltNode(self._built[path], found.names))
            self._open.pop()
        self._failures += path in self._wrong
        self._under_way[-1].add(self._found[path])
        return self._built[path]

    def _recalled(self, path: str) -> bool:
        """Whether another graph has built the node of the same parts; then it stands here too."""
        found = self._known.node(path, self.raw) if self._known else None
        if found is None:
            return False
        needs, node = found
        self._built[path], self._found[path] = node.value, _Reached(set(needs), node.names)
        self.names |= {key: name for key, name in node.names.items() if key not in self.names}
        return True

    def _build(self, path: str) -> Any:
        raw = self._lookup(path)
        if not isinstance(raw, dict):
            return self._value(_Node(path, raw))
        if "_target_" not in raw:
            self.mistakes.append(f"{path}: no option is chosen here; choose one, e.g. {path}=...")
            return None
        if raw["_target_"] == SAME:
            wanted = [target for setting, target in (raw.get("instead") or {}).items() if raw.get(setting)]
            if not wanted:
                taken = _Node(f"{path}.{raw['takes']}", raw[raw["takes"]])
                return None if self._unchosen(taken) else self._value(taken)
            given = {name: value for name, value in raw.items() if value is not None and name not in ("takes", "instead")}
            raw = given | {"_target_": wanted[0]}
        try:
            cls = load(raw["_target_"])
        except ValueError as wrong:
            self.mistakes.append(f"{path}._target_={wrong}")
            return None
        before = len(self.mistakes), self._failures
        fields = self._fields(path, raw, cls)
        if (len(self.mistakes), self._failures) == before:
            return self._construct(path, cls, fields)
        self.mistakes += _alone(cls, fields).lines(f"{path}.")
        return None

    def _fields(self, path: str, raw: dict[str, Any], cls: type[Settings]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for field, hint in typed_fields(cls):
            given = raw.get(field.name)
            if given is None and isinstance(hint, type) and issubclass(hint, Settings):
                continue
            if issubclass(cls, Stage) and field.name in cls.only_with and not fields.get(cls.only_with[field.name]):
                continue
            if issubclass(cls, Stage) and field.name in cls.of_each and isinstance(given, str):
                fields[field.name] = self._of_each(_Node(f"{path}.{field.name}", given), cls.of_each[field.name])
            elif field.name in raw:
                node = _Node(f"{path}.{field.name}", given)
                plain = self._plain(path, given, _AS_IT_IS[hint]) if type(given) is str and hint in _AS_IT_IS else None
                if plain is not None:
                    fields[field.name] = plain
                elif edge_type(hint) is None or get_origin(hint) is dict or not self._unchosen(node):
                    fields[field.name] = self._value(node)
        known = [field.name for field, _ in typed_fields(cls)]
        for name in raw.keys() - {*known, "_target_"} - self._ignored(raw["_target_"]):
            self.mistakes.append(unknown_setting(f"{path}.{name}", raw[name], known, catalogue.facts(raw["_target_"]).renamed))
        return fields

    def _unchosen(self, node: _Node) -> bool:
        """Whether an edge leads to a node without an option, which is noted; what stands there are edges of nothing."""
        match = _NODE.match(node.raw) if isinstance(node.raw, str) else None
        found = self._lookup(self._absolute(node.path, match[1])) if match else None
        if not isinstance(found, dict) or "_target_" in found:
            return False
        self.mistakes.append(f"{node.path}={node.raw}: no option is chosen there; choose one")
        return True

    def _plain(self, path: str, raw: str, kind: type) -> Any:
        """What `${seed}` stands for, where that is of the setting's own type; None else. OmegaConf would parse the text each time."""
        match = _NODE.match(raw)
        found = self._lookup(self._absolute(f"{path}.", match[1])) if match else None
        return found if type(found) is kind and "${" not in str(found) and found != "???" else None

    def _of_each(self, node: _Node, edge: str) -> dict[str, Any]:
        """What each recipe of a list stands on; the recipes themselves, which may stand on this very node, are not built."""
        match = _NODE.match(node.raw)
        listed = self._absolute(node.path, match[1]) if match else ""
        found = {}
        for name, raw in (self._lookup(listed) or {}).items():
            place = f"{listed}.{name}"
            try:
                cls = load(raw.get("_target_", ""))
            except ValueError as wrong:
                self.mistakes.append(f"{place}._target_={wrong}")
                continue
            assert issubclass(cls, Recipe), f"{place} is no recipe"
            plain = [field.name for field, hint in typed_fields(cls) if field.name in raw and not _stands_for_node(hint)]
            said = raw | {setting: self._value(_Node(f"{place}.{setting}", raw[setting])) for setting in plain}
            field = cls.edge(edge, said)
            found[name] = self._value(_Node(f"{place}.{field}", raw.get(field)))
        return found

    def _ignored(self, target: str) -> set[str]:
        """The slots of the other classes in the class's groups; those of all groups for a class that is in none."""
        own = [group for group, targets in self._groups.items() if target in targets] or list(self._groups)
        return {slot for group in own for known in catalogue.group(group, self._groups) for slot in known.slots}

    def _construct(self, path: str, cls: type[Settings], fields: dict[str, Any]) -> Any:
        try:
            stage = self._known.made(cls, fields) if self._known else made(cls, fields)
        except SettingsError as wrong:
            self.mistakes += wrong.lines(f"{path}.")
            return None
        if isinstance(stage, Stage) and (
            not issubclass(cls, Recipe) or stage.key not in self.names
        ):  # a recipe may hand on one of its inputs
            self._name(path, stage)
        return stage

    def _name(self, path: str, stage: Stage[Any]) -> None:
        """The stage that is the node stands under its path, what it brought along (a recipe's inner stages) under path and edge."""
        self.names[stage.key] = path
        self._name_inner(path, stage)

    def _name_inner(self, path: str, stage: Stage[Any]) -> None:
        reached = self._under_way[-1].names
        reached[stage.key] = path
        for edge, inner in stage.inputs.items():
            if inner.key not in reached:
                self.names.setdefault(inner.key, f"{path}.{edge}")
                self._name_inner(f"{path}.{edge}", inner)

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
        part = self._referred(node.raw)
        if part is None:
            self._under_way[-1].parts.update(self.raw)  # what it refers to, OmegaConf alone knows
            return self._selected(node)
        self._under_way[-1].parts.add(part)
        if self._known is None:
            return self._selected(node)
        return self._known.resolved(node.raw, self.raw[part], lambda: self._selected(node))

    def _referred(self, text: str) -> str | None:
        """The part that decides what `${oc.select:source.provider,""}` is; None where that may be more than one."""
        match = _SELECT.match(text)
        part = self.raw.get(match[1]) if match else None
        return match[1] if match and isinstance(part, dict) and "${" not in str(part.get(match[2])) else None

    def _selected(self, node: _Node) -> Any:
        try:
            return OmegaConf.select(self._config, node.path, throw_on_missing=True)
        except OmegaConfBaseException as wrong:
            self.mistakes.append(f"{node.path}={node.raw}: {no_value(wrong)}")
            return None

    def _absolute(self, path: str, reference: str) -> str:
        dots = len(reference) - len(reference.lstrip("."))
        if not dots:
            return reference
        parent = path.split(".")[:-dots]
        return ".".join([*parent, reference[dots:]])

    def _lookup(self, path: str) -> Any:
        self._under_way[-1].parts.add(path.partition(".")[0])
        found = self.raw
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


def _alone(cls: type[Settings], fields: dict[str, Any]) -> SettingsError:
    """What is wrong with the settings themselves, where an edge beside them came out wrong."""
    wrong = []
    for field, hint in typed_fields(cls):
        if edge_type(hint) is None and isinstance(fields.get(field.name), bool | int | float | str):
            try:
                fit(hint, fields[field.name])
            except ValueError as why:
                wrong.append((field.name, str(why)))
    return SettingsError(wrong, fields)


def _stands_for_node(hint: Any) -> bool:
    return edge_type(hint) is not None or (isinstance(hint, type) and issubclass(hint, Settings))


def _is_stage(target: str) -> bool:
    try:
        return catalogue.facts(target).stage
    except ValueError:  # said where the node is used
        return False
