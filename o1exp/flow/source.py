"""A digest of each stage's source, so that nobody serves an old artefact from new code by accident.

`o1exp/stages.lock` holds version and digest of every stage. A test compares;
`python -m o1exp.config.groups` (make lock) writes it anew, after one of
two decisions: the results change (raise the stage's `version`) or they do not (just write the lock).
"""

import ast
import hashlib
import importlib.util
import inspect
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from o1exp.flow.stage import Stage

LOCK = Path(__file__).resolve().parent.parent / "stages.lock"
_NOT_COUNTED = ("o1exp.flow", "o1exp.records")


def digests(classes: Iterable[type[Stage[Any]]]) -> dict[str, dict[str, Any]]:
    """Version and source digest by stage name."""
    return {cls.__name__: {"version": cls.version, "source": source_digest(cls)} for cls in sorted(classes, key=lambda c: c.__name__)}


def source_digest(cls: type[Stage[Any]]) -> str:
    """sha256 over the code, without comments, docstrings and layout, of the stage's module and all of o1exp that it imports or runs."""
    modules: set[str] = set()
    for start in (cls.__module__, *cls.runs):
        _collect(start, modules)
    return hashlib.sha256("".join(f"{name}\n{_code(name)}\n" for name in sorted(modules)).encode()).hexdigest()[:16]


def _collect(module: str, found: set[str]) -> None:
    if module in found or module.startswith(_NOT_COUNTED):
        return
    found.add(module)
    for name in _imports(module):
        _collect(name, found)


@cache
def _imports(module: str) -> tuple[str, ...]:
    names = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("o1exp"):
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names if _file(f"{node.module}.{alias.name}")}
    return tuple(sorted(names))


@cache
def _file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _tree(module: str) -> ast.Module:
    path = _file(module)
    assert path is not None, f"{module} has no source file"
    return ast.parse(path.read_text())


@cache
def _code(module: str) -> str:
    tree = _tree(module)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            del body[0]  # the docstring
    return ast.dump(tree)


def write_lock(classes: Iterable[type[Stage[Any]]]) -> None:
    LOCK.write_text(json.dumps(digests(classes), indent=1) + "\n")


def stage_classes(groups: Iterable[Iterable[type]]) -> set[type[Stage[Any]]]:
    """The stages among the classes of all config groups, and those in the modules that recipes expand to."""
    found: set[type[Stage[Any]]] = set()
    for cls in (cls for classes in groups for cls in classes):
        module = inspect.getmodule(cls)
        assert module is not None
        found |= {item for item in vars(module).values() if inspect.isclass(item) and issubclass(item, Stage) and item is not Stage}
    return found
