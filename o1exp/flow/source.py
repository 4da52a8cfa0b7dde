"""A digest of the source behind a stage, so that nobody serves an old artefact from new code by accident.

`o1exp/stages.lock` holds version and digest of every stage. A test compares; `python -m o1exp.config.groups` (make lock) writes it anew,
after one of two decisions: the results change (raise the stage's `version`) or they do not (just write the lock). Each manifest holds the
digest of what made the artefact.
"""

import hashlib
import inspect
import json
from collections.abc import Iterable, Iterator
from functools import cache
from threading import Lock
from typing import Any, get_args

from o1exp.flow.check import Settings, typed_fields
from o1exp.flow.modules import LIBRARY, NOUNS, ModuleFacts, files
from o1exp.flow.stage import Stage, edge_type

LOCK = LIBRARY / "stages.lock"
_ALONE = Lock()
"""Stages are made in threads; files are read, and what was read is kept, by one at a time."""
HANDING_ON = ("o1exp.flow", "o1exp.records")
"""Packages whose names are those of their modules."""
UNCOUNTED = frozenset(
    f"o1exp.{name}"
    for name in (
        "secrets", "bench.engines.estimate", *(f"chat.servers.{name}" for name in ("front", "pool", "replica", "serve")),
        *(f"train.estimate.{name}" for name in ("expected", "job", "work")),
        *(f"flow.{name}" for name in (
            "__main__", "architecture", "artefacts", "check", "command", "disk", "errors", "expect", "forks", "forkserver", "garbage",
            "gpus", "holds", "hub", "lease", "library", "machine", "made_by", "manifest", "modules", "nearest", "places", "plan", "process",
            "progress", "shelf", "source", "stage", "stock", "storage", "store", "uses", "watched", "work",
        )),
    )
)  # fmt: skip
"""They decide when and where a stage is made, never its bytes."""


def digests(classes: Iterable[type[Stage[Any]]], options: Iterable[type[Settings]] = ()) -> dict[str, dict[str, Any]]:
    """Version and source digest by stage name; `options` are the classes that a nested setting may be of."""
    options = tuple(options)
    named = sorted(classes, key=lambda cls: cls.__name__)
    return {cls.__name__: {"version": cls.version, "source": source_digest(frozenset(modules_of(cls, options)))} for cls in named}


def source_of(stage: Stage[Any]) -> str:
    """The digest of the source that makes this stage with these settings."""
    return source_digest(frozenset(_modules_in(stage)))


def modules_of(cls: type[Settings], options: tuple[type[Settings], ...]) -> Iterator[str]:
    """The modules of a class, of what it starts, and of every class that its nested settings may have."""
    yield from _own_modules(cls)
    for _, hint in typed_fields(cls):
        for nested in _settings_in(hint):
            yield from modules_of(nested, options)
            for option in options:
                if issubclass(option, nested) and option is not nested:
                    yield from modules_of(option, options)


def _settings_in(hint: Any) -> Iterator[type[Settings]]:
    if isinstance(hint, type) and issubclass(hint, Settings) and not issubclass(hint, Stage):
        yield hint
    elif edge_type(hint) is None:
        for inner in get_args(hint):
            yield from _settings_in(inner)


def _modules_in(value: Any) -> Iterator[str]:
    """The modules of these settings and of those nested in them, not of the inputs."""
    if isinstance(value, Settings):
        yield from _own_modules(type(value))
        for field, hint in typed_fields(type(value)):
            if edge_type(hint) is None:
                yield from _modules_in(getattr(value, field.name))
    elif isinstance(value, dict):
        yield from (module for inner in value.values() for module in _modules_in(inner))
    elif isinstance(value, tuple):
        yield from (module for inner in value for module in _modules_in(inner))


def _own_modules(cls: type[Settings]) -> Iterator[str]:
    yield cls.__module__
    if issubclass(cls, Stage):
        yield from cls.runs


@cache
def source_digest(modules: frozenset[str]) -> str:
    """sha256 over these modules, all of o1exp that they import, and their templates; without comments, docstrings and layout."""
    counted: dict[str, str] = {}
    with _ALONE:
        for module in sorted(modules):
            _count(module, counted)
        files().save()
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in sorted(counted.items())).encode()).hexdigest()[:16]


def _count(module: str, counted: dict[str, str]) -> None:
    facts = files().facts(module)
    if facts is None or module in counted or module in UNCOUNTED:
        return
    counted[module] = facts.code
    for name, text in files().templates(module).items():
        counted[f"{module} {name}"] = text
    for source, name in facts.imports:
        _count_import(source, name, counted)


def _count_import(source: str, name: str, counted: dict[str, str]) -> None:
    """What `from source import name` brings, or `import source` where the name is empty."""
    if name and files().facts(f"{source}.{name}"):
        _count(f"{source}.{name}", counted)
    elif source in HANDING_ON:
        facts = files().facts(source)
        assert facts is not None
        for inner, handed_on in facts.imports:
            if handed_on == name:
                _count_import(inner, name, counted)
    elif source == NOUNS:
        facts = files().facts(source)
        assert facts is not None
        _count_noun(facts, name, counted)
    else:
        _count(source, counted)


def _count_noun(facts: ModuleFacts, name: str, counted: dict[str, str]) -> None:
    if f"{NOUNS}.{name}" not in counted and name in facts.parts:
        digest, used = facts.parts[name]
        counted[f"{NOUNS}.{name}"] = digest
        for other in used:
            _count_noun(facts, other, counted)


def write_lock(groups: Iterable[Iterable[type[Settings]]]) -> None:
    LOCK.write_text(json.dumps(lock(groups), indent=1) + "\n", encoding="utf-8")


def lock(groups: Iterable[Iterable[type[Settings]]]) -> dict[str, dict[str, Any]]:
    """What the lock should hold for these config groups."""
    groups = list(groups)
    return digests(stage_classes(groups), (cls for classes in groups for cls in classes))


def stage_classes(groups: Iterable[Iterable[type[Settings]]]) -> set[type[Stage[Any]]]:
    """The stages among the classes of all config groups, and those in the modules of these classes and their bases, which make them."""
    bases = {base for classes in groups for cls in classes for base in cls.__mro__ if issubclass(base, Settings)}
    modules = {module for base in bases if (module := inspect.getmodule(base)) and module.__name__ not in UNCOUNTED}
    items = [item for module in modules for item in vars(module).values()]
    return {item for item in items if inspect.isclass(item) and issubclass(item, Stage) and item is not Stage}
