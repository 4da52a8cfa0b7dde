"""Who generates: a local engine in a process of its own, or an OpenAI-compatible endpoint."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Above, AtLeast, Settings, SettingsError, how

if TYPE_CHECKING:
    from o1exp.bench.sample import Sampling


@dataclass(frozen=True, kw_only=True)
class Engine(Settings):
    """What takes prompts and gives attempts. Use one of its subclasses."""


@dataclass(frozen=True, kw_only=True)
class Embedded(Engine):
    """transformers with batching and a key-value cache; reads the benchmark's `model`."""


@dataclass(frozen=True, kw_only=True)
class Endpoint(Engine):
    """Any OpenAI-compatible endpoint: vLLM, SGLang, a paid API. It stands for the model: the benchmark's own `model` is not made.

    Name each served model differently: answers are kept under `model`. `tokenizer` (a folder or hub id) counts tokens and makes token
    budgets possible; "" takes the server's count. Addresses, limits and prices are as for a teacher.
    """

    model: str
    tokenizer: str = ""
    base_url: str = how("")
    api_key_env: str = how("OPENAI_API_KEY")
    concurrency: Annotated[int, AtLeast(1)] = how(16)
    requests_per_minute: Annotated[float, AtLeast(0)] = how(0.0)
    tokens_per_minute: Annotated[float, AtLeast(0)] = how(0.0)
    usd_per_million_prompt: Annotated[float, AtLeast(0)] = how(0.0)
    usd_per_million_completion: Annotated[float, AtLeast(0)] = how(0.0)
    timeout: Annotated[float, Above(0)] = how(3600.0)
    """Seconds for one answer; long thoughts take long."""
    retries: Annotated[int, AtLeast(0)] = how(6)
    token_limit: Literal["auto", "max_tokens", "max_completion_tokens"] = how("auto")
    send_seed: bool = how(True)
    expected_completion_tokens: Annotated[int, AtLeast(0)] = how(0)
    """For the plan; 0: max_tokens."""
    budget: Budget = how(Budget())

    def mistakes(self) -> Iterator[tuple[str, str]]:
        try:
            teacher = self._teacher(Teacher(model=self.model or "unnamed"))
        except SettingsError as wrong:
            yield from wrong.mistakes
            return
        if not self.model:
            yield "model", "is empty; name the model as its endpoint knows it, e.g. engine.model=o1-preview"
        if why := self.budget.unguarded(teacher):
            yield "budget", why.replace("teacher.", "engine.")

    def teacher(self, sampling: "Sampling") -> Teacher:
        """The endpoint with this sampling, as `chat` asks it."""
        drawn = Teacher(
            model=self.model, temperature=sampling.temperature, top_p=sampling.top_p, max_tokens=sampling.max_tokens,
            system=sampling.system, seed=sampling.seed, stop=sampling.stop,
        )  # fmt: skip
        return self._teacher(drawn)

    def _teacher(self, drawn: Teacher) -> Teacher:
        names = (
            "base_url", "api_key_env", "concurrency", "requests_per_minute", "tokens_per_minute", "usd_per_million_prompt",
            "usd_per_million_completion", "timeout", "retries", "token_limit", "send_seed", "expected_completion_tokens",
        )  # fmt: skip
        return replace(drawn, **{name: getattr(self, name) for name in names})
