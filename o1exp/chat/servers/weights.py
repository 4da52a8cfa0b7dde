"""A checkpoint of the graph as a chat model: its weights decide the answers, whoever serves them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Annotated, Any

from o1exp.chat.endpoint import LocalServer
from o1exp.chat.replay import replaying
from o1exp.chat.servers.server import Served, Server
from o1exp.chat.teacher import Teacher
from o1exp.flow import Above, AtLeast, Checkpoint, Expect, Machine, SettingsError, Stage, Work, how
from o1exp.flow.check import settings_of
from o1exp.flow.stage import wrong_edges
from o1exp.flow.work import Made

MANY, LONG = 128, 3600.0
"""Requests at a time, of which such servers are fast, and seconds of one: it may wait while its server is started again."""


@dataclass(frozen=True, kw_only=True)
class Bound(LocalServer, Teacher):
    """A checkpoint as it lies there now, behind its server: what a client asks.

    `weights` names it and its content in the request cache: made again with another content, it is asked anew.
    """

    weights: str
    answer_arguments: tuple[str, ...] = ()
    source: str = how()
    revision: str = how()
    server: Server = how()
    machine: Machine = how()

    def own_settings(self) -> dict[str, Any]:
        """The weights, not who serves them."""
        return {"weights": self.weights, **({"arguments": list(self.answer_arguments)} if self.answer_arguments else {})}

    def started(self, work: Work) -> AbstractContextManager[str]:
        return self.server.serve(Served(checkpoint=Checkpoint(self.source, self.revision), name=self.model), self.machine, work)


def bound(fields: dict[str, Any], weights: Made[Checkpoint], work: Work) -> Bound:
    """The chat model with these settings whose weights are an input of the stage."""
    checkpoint, content = work.open(weights), work.manifest(weights).digest
    known = {"weights": f"{weights.kind}/{weights.key} {content}", "source": checkpoint.source, "revision": checkpoint.revision}
    return Bound(**{**fields, **known})


def name_of(weights: Made[Checkpoint]) -> str:
    """What a checkpoint is called by those who ask it: its stage and key."""
    return f"{weights.kind}-{weights.key}"


@dataclass(frozen=True, kw_only=True)
class FromWeights(Server, LocalServer, Teacher):
    """A teacher whose weights are a checkpoint of the graph. A subclass says which program serves them; the key does not."""

    model: str = ""
    """Its name in tables, and at a server given by base_url; "" for the stage and key of its weights."""
    weights: Stage[Checkpoint]
    """The checkpoint: any model of the graph, such as ${model} or ${think}, or one of its own."""
    machine: Machine = how(Machine())
    """Where the server runs."""
    concurrency: Annotated[int, AtLeast(1)] = how(MANY)
    timeout: Annotated[float, Above(0)] = how(LONG)

    def __post_init__(self) -> None:
        if wrong := wrong_edges(self):
            raise SettingsError(wrong, {})
        if not self.model:
            object.__setattr__(self, "model", name_of(self.weights))
        super().__post_init__()

    def what(self) -> dict[str, Any]:
        return {**super().what(), "type": "FromWeights", "weights": self.weights.key}

    def bound(self, work: Work) -> Bound:
        return bound({**settings_of(Bound, self), "server": self}, self.weights, work)

    def started(self, work: Work) -> AbstractContextManager[str]:
        return self.bound(work).started(work)

    def obstacles(self) -> Iterator[str]:
        yield from super().obstacles()
        if not self.base_url and not replaying():
            yield from self.lacking()
            if why := self.too_few(self.machine):
                yield why

    @property
    def gpus(self) -> int:
        return self.devices if self.machine.gpus and not self.base_url and not replaying() else 0

    def expect(self, requests: float, prompt_tokens: float, most: float | None = None) -> Expect:
        found = super().expect(requests, prompt_tokens, most)
        return on_gpus(found, self.gpus, self.machine)


def on_gpus(found: Expect, gpus: int, machine: Machine) -> Expect:
    """The same answers from GPUs of ours, which cost money as long as they compute."""
    usd, most = machine.usd(gpus * found.hours), machine.usd(gpus * found.most_hours)
    return replace(found, gpus=gpus, gpu_usd=usd, most_usd=found.most_usd + most)
