"""The axes of a sweep, from its file and its command line: what each cell sets, and what all of them do."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from omegaconf import DictConfig, OmegaConf

Value = tuple[str, ...]
"""What one value of an axis sets: one override, or several that go together."""


@dataclass(frozen=True)
class Axis:
    """One thing that differs between cells: its values, or the interval that they are drawn from."""

    name: str
    values: tuple[Value, ...] = ()
    interval: Override | None = None

    @property
    def word(self) -> str:
        """The interval as it was written."""
        assert self.interval is not None
        return str(self.interval.input_line)

    @property
    def bounds(self) -> IntervalSweep:
        assert self.interval is not None
        found = self.interval.value()
        assert isinstance(found, IntervalSweep)
        return found


@dataclass(frozen=True)
class Axes:
    """What a sweep was asked for: `fixed` stands in every cell."""

    fixed: tuple[str, ...]
    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, config: DictConfig) -> "Axes":
        """Those of a config composed for a sweep. What the command line says of an axis counts instead of what the file says."""
        words, together = _parameters(config)
        given = {override.get_key_element(): override for override in map(_parse, task_words(config))}
        asked = {key: override for key, override in ((o.get_key_element(), o) for o in map(_parse, words)) if key not in given} | given
        axes = [_axis(key, override) for key, override in asked.items() if override.is_sweep_override()]
        fixed = [str(override.input_line) for override in asked.values() if not override.is_sweep_override()]
        return cls(tuple(fixed), (*axes, *together))

    @cached_property
    def intervals(self) -> list[Axis]:
        """The axes without values of their own."""
        return [axis for axis in self.axes if axis.interval is not None]


def task_words(config: DictConfig) -> list[str]:
    """The overrides as they were given: `${mix}` in one is an edge of the cells."""
    words = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    assert isinstance(words, list)
    return [str(word) for word in words]


def _parameters(config: DictConfig) -> tuple[list[str], list[Axis]]:
    """Axes of a file: those that a command line could say too, and those whose values set several things."""
    params: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    words, together = [], []
    for key, value in (params.get("params") or {}).items():
        if isinstance(value, list) and value and all(isinstance(one, list) for one in value):
            together.append(Axis(str(key), tuple(dict.fromkeys(tuple(map(str, one)) for one in value))))
        else:
            words.append(f"{key}={','.join(map(_written, value)) if isinstance(value, list) else value}")
    return words, together


def _written(value: Any) -> str:
    return {True: "true", False: "false", None: "null"}.get(value, str(value)) if value is None or isinstance(value, bool) else str(value)


def _parse(word: str) -> Override:
    return OverridesParser.create().parse_override(word)


def _axis(key: str, override: Override) -> Axis:
    if override.is_discrete_sweep():
        return Axis(key, tuple((f"{key}={value}",) for value in dict.fromkeys(override.sweep_string_iterator())))
    return Axis(key, interval=override)


def settings_of(overrides: Value) -> Iterator[tuple[str, str]]:
    """Name and value of each override."""
    for word in overrides:
        name, _, value = word.partition("=")
        yield name, value
