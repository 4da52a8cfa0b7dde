"""A stage is a frozen dataclass: its fields are its settings and its input stages, its key is made of both."""

import dataclasses
import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar, get_args, get_origin

from o1exp.flow.check import Settings, SettingsError, at_first, in_key, plain, typed_fields
from o1exp.flow.expect import Expect
from o1exp.flow.work import Work
from o1exp.secrets import masked_config

T = TypeVar("T", covariant=True)

Role = Literal[
    "", "source", "selection", "writing", "copying", "search", "encoding", "base", "sft", "rl", "sampling", "grading", "result",
    "description",
]  # fmt: skip
"""What a stage is in an experiment; "" where nobody has said."""


@dataclass(frozen=True, kw_only=True)
class Stage(Settings, Generic[T]):
    """One step of an experiment that makes a T (a Table, a Checkpoint, ...) in a folder.

    A subclass names its output, `class Distil(Stage[Table[Example]])`, and its inputs by the type they must have,
    `problems: Stage[Table[Problem]]`; a wrong edge is refused at construction. Raise `version` when the same fields give another result.
    """

    version: ClassVar[int] = 1
    volatile: ClassVar[tuple[str, ...]] = ()
    """Files of the artefact that differ from run to run (a page with timings) and stay out of its digest."""
    runs: ClassVar[tuple[str, ...]] = ()
    """Modules that `make` starts in a process of their own; they count as this stage's source."""
    role: ClassVar[Role] = ""
    """What the stage is. Cards and audit read it from the manifest; without it they cannot say that something was not used."""
    does: ClassVar[str] = ""
    """What the stage does, in a few words."""
    long_thoughts: ClassVar[bool] = False
    """Does it bring long thoughts into being?"""
    judges: ClassVar[str] = ""
    """What a grading stage judges: the final answer, each step, the whole response."""
    only_with: ClassVar[Mapping[str, str]] = {}
    """Edges that are inputs only where a setting is on: the edge's field, and that setting's."""
    of_each: ClassVar[Mapping[str, str]] = {}
    """Edges over a list of recipes that stand on what each of them stands on: the edge's field, and the edge of theirs."""

    def __post_init__(self) -> None:
        if wrong := wrong_edges(self):
            raise SettingsError(wrong, {})
        super().__post_init__()

    @abstractmethod
    def make(self, work: Work) -> None:
        """Fill `work.folder`. It is a temporary folder: nothing counts until this returns."""

    def open(self, folder: Path) -> T:
        """Read the finished folder back as the declared output type."""
        kind = output_type(type(self))
        value: T = (get_origin(kind) or kind).read(folder, *get_args(kind))
        return value

    def peek(self, count: int) -> list[Any]:
        """The first rows that `make` would write, where they can be read at once and before it runs; else none."""
        return []

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        """What `make` would produce and cost, before it runs; `inputs` by edge name. The default keeps the first input's rows."""
        first = next(iter(inputs.values()), Expect())
        return Expect(rows=first.rows, tokens_per_row=first.tokens_per_row)

    def preflight(self) -> Iterator[str]:
        """What would stop `make` from working and can be seen before: a missing file, an unset API key. One sentence each."""
        yield from ()

    @property
    def gpus(self) -> int:
        """GPUs of this machine that `make` has for itself: its children see these and no others, and no other stage gets them meanwhile."""
        return 0

    @property
    def preloads(self) -> tuple[str, ...]:
        """Modules that its workers import; a run with several such stages loads them once and forks the workers. Empty: never forked."""
        return ()

    @property
    def kind(self) -> str:
        return type(self).__name__

    @cached_property
    def inputs(self) -> dict[str, "Stage[Any]"]:
        """The input stages by edge name; an edge over several stages gives `edge.name` entries, one of nested settings `field.edge`."""
        return dict(self._edges())

    @cached_property
    def key(self) -> str:
        """24 hex digits of sha256 over name, version, settings and input keys (not over execution fields)."""
        parts = {"stage": self.kind, "version": self.version, "settings": self.what(), "inputs": {n: s.key for n, s in self.inputs.items()}}
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:24]

    def what(self) -> dict[str, Any]:
        settings = [f for f, hint in typed_fields(type(self)) if edge_type(hint) is None and in_key(self, f, hint)]
        return {f.name: plain(getattr(self, f.name)) for f in settings}

    def how(self) -> dict[str, Any]:
        """The execution fields, also those of nested settings, for the manifest."""
        fields: dict[str, Any] = masked_config(collected(self, lambda settings, field, hint: bool(field.metadata.get("how"))))
        return fields

    def added(self) -> dict[str, Any]:
        """The settings that stay out of the key because they are as they were when they were added, also those of nested settings."""
        return collected(self, at_first)

    def replace(self, **fields: Any) -> Self:
        return dataclasses.replace(self, **fields)

    def _edges(self) -> Iterator[tuple[str, "Stage[Any]"]]:
        """A subclass adds inputs that are no field of its own."""
        unused = [name for name, setting in self.only_with.items() if not getattr(self, setting)]
        yield from ((edge, stage) for edge, stage in edges(self) if edge.partition(".")[0] not in unused)


@dataclass(frozen=True, kw_only=True)
class Recipe(Settings):
    """Settings that expand to a small graph of stages, such as a benchmark: problems -> attempts -> scores."""

    @abstractmethod
    def stage(self) -> Stage[Any]:
        """The last stage of the graph."""

    @classmethod
    def edge(cls, name: str, settings: Mapping[str, Any]) -> str:
        """The field that the edge `name` of the graph comes from, with these settings."""
        return name


def collected(settings: Settings, wanted: Callable[[Settings, "dataclasses.Field[Any]", Any], bool]) -> dict[str, Any]:
    """The wanted fields of settings by name; nested settings appear with theirs."""
    found = {}
    for field, hint in typed_fields(type(settings)):
        value = getattr(settings, field.name)
        if wanted(settings, field, hint):
            found[field.name] = plain_how(value)
        elif isinstance(value, Settings) and not isinstance(value, Stage) and (inner := collected(value, wanted)):
            found[field.name] = inner
    return found


def plain_how(value: Any) -> Any:
    if isinstance(value, Settings):
        fields = dataclasses.fields(value)
        return {f.name: plain_how(getattr(value, f.name)) for f in fields}
    return plain(value)


@cache
def edge_type(hint: Any) -> Any | None:
    """The output type that an edge annotation asks for, or None where the annotation is no edge.

    Edges are `Stage[X]`, `Stage[X] | None` and `dict[str, Stage[X]]`.
    """
    if isinstance(hint, type) and issubclass(hint, Stage):
        return output_type(hint)
    if get_origin(hint) is Stage:
        return get_args(hint)[0]
    inner = [found for arg in get_args(hint) if (found := edge_type(arg)) is not None]
    return inner[0] if inner else None


def output_type(cls: type) -> Any:
    """The T of the nearest `Stage[T]` among the bases of `cls`."""
    for base in cls.__mro__:
        for generic in getattr(base, "__orig_bases__", ()):
            if get_origin(generic) is Stage:
                return get_args(generic)[0]
    raise TypeError(f"{cls.__name__} does not say what it makes: derive from Stage[...]")


def edges(settings: Settings) -> Iterator[tuple[str, "Stage[Any]"]]:
    """The stages that these settings stand on, by edge name; those of nested settings, such as a teacher's weights, come last."""
    nested = []
    for field, hint in typed_fields(type(settings)):
        value = getattr(settings, field.name)
        if edge_type(hint) is None:
            nested += [(f"{field.name}.{name}", stage) for name, stage in edges(value)] if isinstance(value, Settings) else []
        elif isinstance(value, dict):
            yield from ((f"{field.name}.{inner}", stage) for inner, stage in value.items())
        elif value is not None:
            yield field.name, value
    yield from nested


def wrong_edges(settings: Settings) -> list[tuple[str, str]]:
    """Each edge of these settings with a stage of another type than it asks for, and what would do."""
    declared = ((field.name, hint) for field, hint in typed_fields(type(settings)) if edge_type(hint) is not None)
    return [(name, why) for name, hint in declared if (why := _wrong_edge(hint, getattr(settings, name)))]


def _wrong_edge(hint: Any, value: Any) -> str | None:
    asked = edge_type(hint)
    stages = list(value.values()) if isinstance(value, dict) else [value]
    for stage in stages:
        if stage is None and type(None) in get_args(hint):
            continue
        if not isinstance(stage, Stage):
            return f"{stage!r} is no stage; connect a step that makes {type_name(asked)}, e.g. ${{source}}"
        if not isinstance(asked, TypeVar) and asked is not Any and (got := output_type(type(stage))) != asked:
            return f"{stage.kind} makes {type_name(got)}; connect a step that makes {type_name(asked)}"
    return None


def type_name(kind: Any) -> str:
    inner = ", ".join(type_name(arg) for arg in get_args(kind))
    outer: str = (get_origin(kind) or kind).__name__
    return outer + (f"[{inner}]" if inner else "")


def foreseen(stage: Stage[Any]) -> Expect:
    """What is expected of a stage, where nothing below it is known yet."""
    return stage.expect({edge: foreseen(inner) for edge, inner in stage.inputs.items()})


def walk(goals: "list[Stage[Any]]") -> "list[Stage[Any]]":
    """Every stage the goals stand on, inputs first, each key once."""
    order: dict[str, Stage[Any]] = {}

    def visit(stage: Stage[Any]) -> None:
        if stage.key not in order:
            for inner in stage.inputs.values():
                visit(inner)
            order[stage.key] = stage

    for goal in goals:
        visit(goal)
    return list(order.values())
