"""What the nodes of many graphs became: the cells of a sweep have most of theirs in common."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from o1exp.flow.check import Settings
from o1exp.flow.stage import Recipe


@dataclass(frozen=True)
class BuiltNode:
    """A node without mistakes: the value, and the names by key of the stages that it brought along."""

    value: Any
    names: dict[str, str]


class Built:
    """Nodes by what they were built of. Only so many are kept, for memory.

    Configs laid over one another have the very same objects for what they have in common: a part is known by its id, and kept beside
    what was made of it, or another object could get that id.
    """

    def __init__(self, most: int = 16384) -> None:
        self._most = most
        self._made: dict[tuple[Any, ...], tuple[Any, dict[str, Any]]] = {}
        self._nodes: dict[tuple[Any, ...], tuple[BuiltNode, tuple[Any, ...]]] = {}
        self._needs: dict[str, dict[tuple[str, ...], None]] = {}
        self._resolved: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        self._seen: dict[int, Any] = {}

    def made(self, cls: type[Settings], fields: dict[str, Any]) -> Any:
        """As `made`; equal settings on the very same inputs give the very same object. Errors: SettingsError."""
        identity = (cls, _identity(fields))
        if identity not in self._made:
            self._bound(self._made)
            self._made[identity] = made(cls, fields), fields
        return self._made[identity][0]

    def node(self, path: str, raw: dict[str, Any]) -> tuple[tuple[str, ...], BuiltNode] | None:
        """The node at a path of this config, if one was built of the same parts, and the names of these."""
        for needs in self._needs.get(path, ()):
            if found := self._nodes.get((path, needs, _of(raw, needs))):
                return needs, found[0]
        return None

    def keep(self, path: str, raw: dict[str, Any], needs: Iterable[str], node: BuiltNode) -> None:
        """Remember a node that was built of the parts of this config that it needs."""
        needs = tuple(sorted(needs))
        self._bound(self._nodes)
        self._needs.setdefault(path, {})[needs] = None
        self._nodes[path, needs, _of(raw, needs)] = node, tuple(raw.get(name) for name in needs)

    def resolved(self, text: str, part: dict[str, Any], find: Callable[[], Any]) -> Any:
        """What an interpolation stands for that this part decides; `find` is asked once."""
        if (text, id(part)) not in self._resolved:
            self._bound(self._resolved)
            self._resolved[text, id(part)] = find(), part
        return self._resolved[text, id(part)][0]

    def unseen(self, raw: dict[str, Any]) -> dict[str, Any]:
        """The parts of the config that no config before it had."""
        new = {name: part for name, part in raw.items() if id(part) not in self._seen}
        self._bound(self._seen)
        self._seen |= {id(part): part for part in new.values() if isinstance(part, dict | list)}
        return new

    def _bound(self, kept: dict[Any, Any]) -> None:
        if len(kept) >= self._most:
            kept.clear()


def made(cls: type[Settings], fields: dict[str, Any]) -> Any:
    """The settings, or the stage that a recipe of them expands to. Errors: SettingsError."""
    built = cls(**fields)
    return built.stage() if isinstance(built, Recipe) else built


def _of(raw: dict[str, Any], needs: tuple[str, ...]) -> tuple[Any, ...]:
    parts = (raw.get(name) for name in needs)
    return tuple(id(part) if isinstance(part, dict | list) else (type(part), part) for part in parts)


def _identity(value: Any) -> Any:
    """Equal for equal plain values of equal types, and for the same object."""
    if isinstance(value, Settings):
        return id(value)
    if isinstance(value, dict):
        return tuple((name, _identity(inner)) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return type(value), *map(_identity, value)
    return type(value), value
