"""Reads what a class of settings declares, by importing it and its source."""

import ast
import dataclasses
import inspect
import types
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from o1exp.config.facts import ANY, REQUIRED, Facts, Setting
from o1exp.config.groups import load
from o1exp.flow.check import Above, AtLeast, Between, Settings, typed_fields
from o1exp.flow.stage import Recipe, Stage, edge_type


def declared(target: str) -> Facts:
    """The facts of the class at a dotted path. Errors: ValueError where it is no class of settings."""
    cls = load(target)
    says = sentences(cls)
    settings = tuple(_setting(field, hint, says.get(field.name, "")) for field, hint in typed_fields(cls))
    generated = (cls.__doc__ or "").startswith(f"{cls.__name__}(")  # by dataclass, where there is no docstring
    words = "" if generated else inspect.cleandoc(cls.__doc__ or "")
    renamed = {old: new for base in reversed(cls.__mro__) for old, new in vars(base).get("renamed", {}).items()}
    return Facts(target, words, settings, renamed, issubclass(cls, Stage | Recipe))


def _setting(field: "dataclasses.Field[Any]", hint: Any, says: str) -> Setting:
    choices = next((tuple(map(str, get_args(part))) for part in _parts(hint) if get_origin(part) is Literal), ())
    return Setting(field.name, kind(hint), _default(field), _limits(hint), says, choices)


def kind(hint: Any) -> str:
    """The type in one word, as `Setting.kind` spells it."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return kind(args[0])
    if edge_type(hint) is not None or (isinstance(hint, type) and issubclass(hint, Settings)):
        return ANY
    if origin is Literal:
        return kind(type(args[0]))
    if origin in (Union, types.UnionType):
        inner = kind(next(arg for arg in args if arg is not type(None)))
        return inner if inner == ANY else f"{inner}?"
    if origin is tuple:
        return f"[{kind(args[0])}]"
    if origin is dict:
        return f"{{{kind(args[1])}}}"
    return hint.__name__ if hint in (str, int, float, bool) else ANY


def _default(field: "dataclasses.Field[Any]") -> Any:
    value = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
    if value is dataclasses.MISSING:
        return REQUIRED
    if isinstance(value, Settings):
        return None
    return list(value) if isinstance(value, tuple) else value


def _parts(hint: Any) -> list[Any]:
    """The annotation and everything inside it."""
    return [hint, *(inner for arg in get_args(hint) for inner in _parts(arg))]


def _limits(hint: Any) -> str:
    """The range in words, e.g. "above 0, 0 to 1"; "" for none."""
    words = []
    for limit in _parts(hint):
        match limit:
            case AtLeast(low):
                words.append(f"at least {low:g}")
            case Above(low):
                words.append(f"above {low:g}")
            case Between(low, high):
                words.append(f"{low:g} to {high:g}")
    return ", ".join(words)


def sentences(cls: type) -> dict[str, str]:
    """The string literal under each field, on one line, of the class and its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        file = inspect.getsourcefile(base) if issubclass(base, Settings) else None
        if file is not None and Path(file).is_file():
            found |= _in_file(file).get(base.__qualname__, {})
    return found


@cache
def _in_file(file: str) -> dict[str, dict[str, str]]:
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {node.name: _in_class(node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _in_class(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split())
    return found
