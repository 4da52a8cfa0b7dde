"""Why a stage is made: what differs from the nearest stored one of its kind.

Manifests of a kind are read once for all stages that are asked about, the newest first and no more than MOST of them: a store of a million
artefacts answers as one of ten thousand does.
"""

import heapq
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o1exp.flow.artefacts import Artefacts
from o1exp.flow.manifest import ARTEFACTS, NAME
from o1exp.flow.stage import Stage

MOST = 20_000
"""Manifests of a kind that are looked at."""


@dataclass(frozen=True)
class Reason:
    """Why a stage is made: what differs from the nearest stored one of its kind.

    `own` are sentences about the stage itself, `edges` the names of the inputs that are others; `new` says that there is none of its kind.
    """

    text: str
    own: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()
    new: bool = False


@dataclass(frozen=True)
class Stored:
    """What a manifest says of why its key is what it is."""

    key: str
    version: int
    settings: dict[str, Any]
    added: dict[str, Any]
    inputs: dict[str, str]


class Seeking:
    """The nearest one to a stage among those that were shown until now."""

    def __init__(self, stage: Stage[Any]) -> None:
        self._version, self._settings, self._added = stage.version, stage.what(), stage.added()
        self._whole = _merged(self._added, self._settings)
        self._inputs = {name: f"{inner.kind}/{inner.key}" for name, inner in stage.inputs.items()}
        self.known: Stored | None = None
        self._least = 0

    def show(self, known: Stored) -> None:
        if self.known is None or self._at_least(known) < self._least:
            differences = len(self.own(known)) + len(self.others(known))
            if self.known is None or differences < self._least:
                self.known, self._least = known, differences

    @property
    def over(self) -> bool:
        """Is none nearer than the one that was found? A stage with the same settings and inputs would be there."""
        return self.known is not None and self._least <= 1

    def _at_least(self, known: Stored) -> int:
        """No more than what differs, and told quickly: of settings that are no mappings, whose parts an older one may lack."""
        plain = ((name, value) for name, value in self._whole.items() if name in known.settings and not isinstance(value, dict))
        own: int = sum(known.settings[name] != value for name, value in plain)
        return int(known.version != self._version) + own + _unequal(known.inputs, self._inputs)

    def own(self, known: Stored) -> list[str]:
        """A sentence for each difference of the stage itself."""
        version = [f"version {known.version} -> {self._version}"] if known.version != self._version else []
        before = _merged(_merged(self._added, known.added), known.settings)  # an older one lacks what was added since
        return [*version, *_changed("", before, self._whole)]

    def others(self, known: Stored) -> dict[str, str]:
        """A sentence by edge for each input that is another one."""
        edges = sorted(known.inputs.keys() | self._inputs.keys())
        pairs = {edge: (known.inputs.get(edge, "nothing"), self._inputs.get(edge, "nothing")) for edge in edges}
        return {edge: f"input {edge}: {_short(before)} -> {_short(now)}" for edge, (before, now) in pairs.items() if before != now}

    def reason(self, kind: str, limited: bool) -> Reason:
        if self.known is None:
            return Reason(f"no {kind} was ever made here", new=True)
        own, inputs = self.own(self.known), self.others(self.known)
        gone = "" if own or inputs else "same settings and inputs, but its files are gone"
        among = f" (of the newest {MOST:,})" if limited and not self.over else ""
        text = f"nearest {self.known.key[:8]}{among}: " + (gone or "; ".join([*own, *inputs.values()]))
        return Reason(text, (gone,) if gone else tuple(own), tuple(inputs))


def reasons(store: Artefacts, stages: Sequence[Stage[Any]]) -> dict[str, Reason]:
    """By key, what makes each stage's key differ from the nearest stored one of its kind, or what is wrong with its own."""
    found: dict[str, Reason] = {}
    sought: dict[str, list[Stage[Any]]] = {}
    for stage in stages:
        if wrong := store.damage(stage) or store.stale(stage):
            found[stage.key] = Reason(wrong, (wrong,))
        elif store.has(stage):
            again = "an input is made again; if that comes out as it was, this is reused"
            found[stage.key] = Reason(again, edges=tuple(stage.inputs))
        else:
            sought.setdefault(stage.kind, []).append(stage)
    for kind, lost in sought.items():
        seeking = {stage.key: Seeking(stage) for stage in lost}
        folders, limited = _newest(store.root / ARTEFACTS / kind)
        for known in _stored(folders):
            open_ = [one for one in seeking.values() if not one.over]
            for one in open_:
                one.show(known)
            if not open_:
                break
        found |= {key: one.reason(kind, limited) for key, one in seeking.items()}
    return {stage.key: found[stage.key] for stage in stages}


def why(store: Artefacts, stage: Stage[Any]) -> str:
    """The reason of one stage in a sentence."""
    return reasons(store, [stage])[stage.key].text


def _newest(place: Path) -> tuple[list[Path], bool]:
    """The folders of a kind, the newest first, and whether there are more."""
    found = []
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(place) as inside:
        for one in inside:
            with suppress(FileNotFoundError):  # it is removed just now
                if not one.name.startswith("."):
                    found.append((-one.stat().st_mtime_ns, one.name))
    return [place / name for _, name in heapq.nsmallest(MOST, found)], len(found) > MOST


def _stored(folders: list[Path]) -> Iterator[Stored]:
    """What can be read of them."""
    for folder in folders:
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            read = json.loads((folder / NAME).read_bytes())
            yield Stored(str(read["key"]), int(read["version"]), dict(read["settings"]), dict(read.get("added", {})), dict(read["inputs"]))


def _unequal(one: dict[str, Any], other: dict[str, Any]) -> int:
    return sum(one.get(name) != other.get(name) for name in one.keys() | other.keys())


def _merged(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return {name: _merged(under.get(name), over[name]) if name in over else under[name] for name in under.keys() | over.keys()}


def _changed(path: str, before: Any, now: Any) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted(before.keys() | now.keys())
        inner = [_changed(f"{path}.{name}" if path else name, before.get(name), now.get(name)) for name in names]
        return [line for lines in inner for line in lines]
    return [] if before == now else [f"{path}: {json.dumps(before, ensure_ascii=False)} -> {json.dumps(now, ensure_ascii=False)}"]


def _short(path: str) -> str:
    name, _, key = path.partition("/")
    return f"{name} {key[:8]}".strip()
