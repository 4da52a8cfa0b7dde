"""Typed settings: coercion to the declared type, ranges, and all mistakes of an object in one error.

A field says its range in its annotation, `lr: Annotated[float, Above(0)]`, or its choices as a `Literal`.
"""

import dataclasses
import math
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from o1exp.secrets import found, masked_config


class SettingsError(ValueError):
    """One or more settings are wrong; `mistakes` holds (field, sentence) pairs, `given` the values by field."""

    def __init__(self, mistakes: list[tuple[str, str]], given: dict[str, Any]) -> None:
        self.mistakes = mistakes
        self.given = given
        super().__init__("\n".join(self.lines("")))

    def lines(self, prefix: str) -> list[str]:
        """One line per mistake, `prefix` before each field: "think.epochs=-1: must be greater than 0"."""
        return [f"{prefix}{field}{self._value(field)}: {what}" if field else what for field, what in self.mistakes]

    def _value(self, field: str) -> str:
        value = self.given.get(field)
        return f"={masked_config(value, field)}" if isinstance(value, bool | int | float | str) else ""


@dataclass(frozen=True)
class AtLeast:
    """The value must be >= `low`."""

    low: float

    def refuse(self, value: float) -> str | None:
        return None if value >= self.low else f"must be at least {self.low:g}"


@dataclass(frozen=True)
class Above:
    """The value must be > `low`."""

    low: float

    def refuse(self, value: float) -> str | None:
        return None if value > self.low else f"must be greater than {self.low:g}"


@dataclass(frozen=True)
class Between:
    """The value must lie in [low, high]."""

    low: float
    high: float

    def refuse(self, value: float) -> str | None:
        return None if self.low <= value <= self.high else f"must lie between {self.low:g} and {self.high:g}"


Constraint = AtLeast | Above | Between


def how(default: Any = dataclasses.MISSING) -> Any:
    """An execution field: it says how to run, not what, and stays out of the key."""
    return dataclasses.field(default=default, metadata={"how": True})


def added(default: Any, first: Any = dataclasses.MISSING) -> Any:
    """A setting that came when artefacts were there: at the default that it came with it stays out of the key, so that they are kept.

    Should the default change later, name the one that it came with: `added(5, first=0)`.
    """
    return dataclasses.field(default=default, metadata={"first": default if first is dataclasses.MISSING else first})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Frozen settings that check themselves. Errors: SettingsError with every mistake at once."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """Former names of settings and what they are called now: who uses an old one is told the new one."""

    def __post_init__(self) -> None:
        mistakes = []
        cls: type = type(self)
        for field, fitted in _fitters(cls):
            value = getattr(self, field.name)
            if value is field.default and value is None:
                continue
            try:
                object.__setattr__(self, field.name, fitted(value))
            except ValueError as wrong:
                mistakes.append((field.name, str(wrong)))
        if not mistakes:
            mistakes = list(self.mistakes())
        mistakes += [(field, why) for field, why in self._secrets() if field not in dict(mistakes)]
        if mistakes:
            raise SettingsError(mistakes, dict(vars(self)))

    def _secrets(self) -> Iterator[tuple[str, str]]:
        """Settings are written to files, so that nothing secret may stand in one."""
        cls: type = type(self)
        for field, _ in _typed_fields(cls):
            value = getattr(self, field.name)
            if isinstance(value, str | dict | list | tuple) and (why := next(filter(None, map(found, texts(value))), None)):
                yield field.name, f"{why}; settings are written to files: put it into an environment variable"

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """Rules over several fields; a subclass yields (field, sentence) for each one broken."""
        yield from ()

    def what(self) -> dict[str, Any]:
        """The settings that belong to the key, as plain JSON values."""
        fields = {f.name: plain(getattr(self, f.name)) for f, hint in typed_fields(type(self)) if in_key(self, f, hint)}
        return {"type": type(self).__name__, **fields}


def in_key(settings: Settings, field: "dataclasses.Field[Any]", hint: Any) -> bool:
    """Does the key hold this setting? Not one that says how to run, nor one as it was before it could be set."""
    return not field.metadata.get("how") and not at_first(settings, field, hint)


def at_first(settings: Settings, field: "dataclasses.Field[Any]", hint: Any) -> bool:
    """Is it a setting that was added later, and still as it was then?"""
    return "first" in field.metadata and getattr(settings, field.name) == fit(hint, field.metadata["first"])


def typed_fields(cls: type) -> list[tuple[dataclasses.Field[Any], Any]]:
    """The dataclass fields of `cls` with their resolved annotations, `Annotated` kept."""
    return list(_typed_fields(cls))


@cache
def _typed_fields(cls: type) -> tuple[tuple[dataclasses.Field[Any], Any], ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple((f, hints[f.name]) for f in dataclasses.fields(cls) if get_origin(hints[f.name]) is not ClassVar)


def settings_of(cls: type[Settings], *parts: Settings) -> dict[str, Any]:
    """The fields of `cls` by name as these objects have them, of which each may have some; where two have one, the later."""
    wanted = {field.name for field, _ in typed_fields(cls)}
    return {field.name: getattr(part, field.name) for part in parts for field, _ in typed_fields(type(part)) if field.name in wanted}


def fit(hint: Any, value: Any) -> Any:
    """`value` as the declared type, or ValueError with what would do. lr=1 becomes 1.0, a list becomes a tuple."""
    return _fitter(hint)(value)


Fitter = Callable[[Any], Any]


@cache
def _fitters(cls: type) -> tuple[tuple["dataclasses.Field[Any]", Fitter], ...]:
    """What fits each field of a class: the hints are taken apart once, and ten thousand cells build their settings by it."""
    return tuple((field, _fitter(hint)) for field, hint in typed_fields(cls))


def _fitter(hint: Any) -> Fitter:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _constrained(_fitter(args[0]), [one for one in args[1:] if isinstance(one, Constraint)])
    if origin in (Union, types.UnionType):
        return partial(_fit_union, type(None) in args, [_fitter(option) for option in args if option is not type(None)])
    if origin is Literal:
        return partial(_fit_literal, args)
    if origin is tuple:
        return partial(_fit_tuple, _fitter(args[0]))
    if origin is dict:
        return partial(_fit_dict, _fitter(args[1]))
    return partial(_fit_scalar, hint)


def _constrained(inner: Fitter, constraints: Sequence[Constraint]) -> Fitter:
    def fitted(value: Any) -> Any:
        found = inner(value)
        for constraint in constraints:
            if found is not None and (why := constraint.refuse(found)):
                raise ValueError(why)
        return found

    return fitted


def _fit_literal(choices: tuple[Any, ...], value: Any) -> Any:
    if value not in choices:
        raise ValueError("is not one of " + ", ".join(map(str, choices)))
    return value


def _fit_tuple(inner: Fitter, value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return tuple(map(inner, value))


def _fit_dict(inner: Fitter, value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("must be a mapping")
    return {name: inner(item) for name, item in value.items()}


def _fit_union(optional: bool, options: Sequence[Fitter], value: Any) -> Any:
    if value is None and optional:
        return None
    problem = ValueError("has the wrong type")
    for option in options:
        try:
            return option(value)
        except ValueError as wrong:
            problem = wrong
    raise problem


def _fit_scalar(hint: Any, value: Any) -> Any:
    if hint is Any or type(value) is hint is not float:
        return value
    if hint in (int, float) and isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, int | float) and not isinstance(value, bool):
        if int(value) != value:
            raise ValueError("must be a whole number")
        return int(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (hint is int and isinstance(value, bool))):
        remedy = "; give true or false" if hint is bool else ""
        raise ValueError(f"must be of type {hint.__name__}, not {type(value).__name__}{remedy}")
    return value


def texts(value: Any) -> Iterator[str]:
    """Every string in plain containers."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from (*texts(name), *texts(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def plain(value: Any) -> Any:
    """A JSON value with ordered containers kept in order."""
    if isinstance(value, Settings):
        return value.what()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    assert value is None or isinstance(value, bool | int | float | str), f"cannot be part of a key: {value!r}"
    return value
