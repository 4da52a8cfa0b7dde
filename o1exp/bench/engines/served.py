"""Sampling from the benchmark's model behind a server that the run starts: what vLLM and SGLang are good at."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from o1exp.bench.engines.engine import SamplingJob
from o1exp.bench.engines.remote import Remote
from o1exp.bench.sampling import Sampling
from o1exp.chat.replay import replaying
from o1exp.chat.servers.server import Server
from o1exp.chat.servers.sglang import Sglang
from o1exp.chat.servers.tokens import tokenizer_of
from o1exp.chat.servers.vllm import Vllm
from o1exp.chat.servers.weights import MANY, Bound, bound, name_of, on_gpus
from o1exp.chat.teacher import Teacher
from o1exp.flow import AtLeast, Expect, Machine, Work, how
from o1exp.flow.check import settings_of

UNNAMED = "checkpoint"


@dataclass(frozen=True, kw_only=True)
class ServedModel(Server, Remote):
    """The benchmark's model behind a server of ours. A subclass says which program serves it; the key does not.

    The server is started only when an answer is missing. A killed run goes on after its last answer.
    """

    needs_model: ClassVar[bool] = True

    model: str = how(UNNAMED)
    """The name under which a server given by base_url knows the model; one of our own is told the stage and key."""
    tokenizer: str = ""
    """A folder or hub id: counts tokens. "" takes the model's own."""
    concurrency: Annotated[int, AtLeast(1)] = how(MANY)

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if self.base_url and self.model == UNNAMED:
            yield "model", f"is what the server at base_url={self.base_url} calls the model; name it"

    @property
    def address(self) -> str:
        return self.base_url

    def what(self) -> dict[str, Any]:
        return {**super().what(), "type": "ServedModel"}

    def obstacles(self) -> Iterator[str]:
        yield from super().obstacles()
        if not self.base_url and not replaying():
            yield from self.lacking()

    def gpus(self, machine: Machine) -> int:
        return self.devices if machine.gpus and not self.base_url and not replaying() else 0

    def expect(self, sampling: Sampling, answers: float | None, model: Expect, machine: Machine) -> Expect:
        found = super().expect(sampling, answers, model, machine)
        why = "" if self.base_url or replaying() else self.too_few(machine)
        return replace(on_gpus(found, self.gpus(machine), machine), obstacles=(why,) if why else ())

    def asked(self, job: SamplingJob, work: Work) -> Teacher:
        weights = work.stage.inputs["model"]
        name = self.model if self.base_url else name_of(weights)
        fields = {**settings_of(Bound, job.sampling, self), "model": name, "server": self, "machine": job.machine}
        return bound(fields, weights, work)

    def counter(self, job: SamplingJob) -> tuple[Any, str]:
        if self.tokenizer:
            return super().counter(job)
        assert job.model is not None, "the stage refuses a served engine without a model"
        return tokenizer_of(job.model), "the model's tokenizer"


@dataclass(frozen=True, kw_only=True)
class VllmEngine(Vllm, ServedModel):
    """vLLM on the benchmark's model."""


@dataclass(frozen=True, kw_only=True)
class SglangEngine(Sglang, ServedModel):
    """SGLang on the benchmark's model."""
