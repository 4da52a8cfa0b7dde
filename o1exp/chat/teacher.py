"""A model that is asked for text: an endpoint, its sampling, and what the plan expects of it. And the budget that limits it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

from o1exp.chat.endpoint import Endpoint
from o1exp.flow import Above, AtLeast, Between, Expect, Settings, Work, added, how
from o1exp.flow.expect import duration

SENT = frozenset(
    "model messages temperature top_p max_tokens max_completion_tokens seed stop stream stream_options n reasoning_effort".split()
)
"""Fields of a request that settings of their own, or the client, decide."""


@dataclass(frozen=True, kw_only=True)
class ChatSampling(Settings):
    """How an answer is drawn."""

    temperature: Annotated[float | None, Between(0, 2)] = 1.0
    """0: the likeliest token each time; null: not sent, for models that refuse it."""
    top_p: Annotated[float | None, Above(0), Between(0, 1)] = 1.0
    """Tokens are drawn from the likeliest ones that together reach this chance; null: not sent."""
    max_tokens: Annotated[int, AtLeast(1)] = 8192
    """The most tokens of one answer; a longer one is cut off."""
    system: str = ""
    """The system message; "" for none."""
    seed: int = 0
    """Every (messages, draw) gets a seed of its own derived from this one."""
    stop: tuple[str, ...] = ()
    """Strings that end an answer; most servers take up to four."""


@dataclass(frozen=True, kw_only=True)
class PlanHints(Settings):
    """What the plan assumes about one request."""

    expected_prompt_tokens: Annotated[int, AtLeast(0)] = how(0)
    """Tokens of a prompt, for the plan; 0: guessed from its text."""
    expected_completion_tokens: Annotated[int, AtLeast(0)] = how(0)
    """Tokens of an answer, for the plan; 0: max_tokens."""
    expected_tokens_per_second: Annotated[float, Above(0)] = how(60.0)
    """Tokens that one answer gains in a second, for the plan."""


@dataclass(frozen=True, kw_only=True)
class Teacher(PlanHints, ChatSampling, Endpoint):
    """A chat model and its sampling.

    Fields that a subclass adds count as part of what is asked, also in the request cache. One that starts a server of its own derives
    from LocalServer too.
    """

    reasoning_effort: str = added("")
    """How much a reasoning model thinks, e.g. low, medium or high; "": not sent."""
    extra: dict[str, Any] = field(default_factory=dict, metadata={"first": {}})
    """Further fields of the request as the server knows them, e.g. {top_k: 20, enable_thinking: true}; they are part of what is asked."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if taken := sorted(SENT & self.extra.keys()):
            yield "extra", f"sets {taken[0]}, which the client sends itself; leave it out there"
        if strange := next((name for name, value in self.extra.items() if not _is_json(value)), ""):
            yield "extra", f"{strange} is no JSON value; give numbers, texts, lists or mappings"

    def unable(self, text: str) -> str:
        """Why this teacher could never answer such a text; "" for one that may try, as every model may."""
        return ""

    def bound(self, work: Work) -> "Teacher":
        """As it is asked by one stage, which knows how the inputs have come out."""
        return self

    @property
    def gpus(self) -> int:
        """GPUs of this machine that the stage which asks has to have for it."""
        return 0

    def own_settings(self) -> dict[str, Any]:
        """What a subclass adds to the question asked, for the request cache: {} for a plain teacher."""
        shared = {f.name for f in fields(Teacher)} | {"type"}
        added = {name: value for name, value in self.what().items() if name not in shared}
        return {"type": type(self).__name__, **added} if added else {}

    @property
    def likely_completion_tokens(self) -> int:
        return self.expected_completion_tokens or self.max_tokens

    def expect(self, requests: float, prompt_tokens: float, most: float | None = None) -> Expect:
        """What so many requests make and cost; `prompt_tokens` of each, where no setting says it.

        The worst case is `most` of them (None: as many) with whole answers of `max_tokens`.
        """
        prompt, completion, most = self.expected_prompt_tokens or prompt_tokens, self.likely_completion_tokens, most or requests
        hours, most_hours = self._hours(requests, prompt, completion), self._hours(most, prompt, self.max_tokens)
        return Expect(
            rows=requests, tokens_per_row=completion, requests=requests, tokens=requests * (prompt + completion),
            usd=self.usd(requests * prompt, requests * completion), hours=hours, most_hours=most_hours,
            most_usd=self.usd(most * prompt, most * self.max_tokens), details=self._lines(requests, completion, hours),
        )  # fmt: skip

    def _hours(self, requests: float, prompt: float, completion: float) -> float:
        """As the slowest of what bounds it allows: limits per minute, or answers that are under way together."""
        seconds = [requests * completion / self.expected_tokens_per_second / self.concurrency]
        seconds += [60 * requests / self.requests_per_minute] if self.requests_per_minute else []
        seconds += [60 * requests * (prompt + completion) / self.tokens_per_minute] if self.tokens_per_minute else []
        return max(seconds) / 3600

    def _lines(self, requests: float, completion: float, hours: float) -> tuple[tuple[str, str], ...]:
        """What the plan says of so many requests."""
        limits = [f"{limit:,.0f} {what} a minute" for limit, what in
                  ((self.requests_per_minute, "requests"), (self.tokens_per_minute, "tokens")) if limit]  # fmt: skip
        each = completion / self.expected_tokens_per_second
        pace = f"{self.concurrency} at a time, {each:,.3g} s each" + (f", {', '.join(limits)}" if limits else "")
        asked = ("asks", f"{self.model}: {requests:,.0f} requests, about {completion:,.0f} tokens an answer, {self.max_tokens:,} at most")
        return asked, ("time", f"{pace}: {duration(hours)}")


@dataclass(frozen=True, kw_only=True)
class Budget(Settings):
    """A hard stop on money: the spend of a study in one outputs folder never passes `usd`."""

    usd: Annotated[float, AtLeast(0)] | None = how(None)
    """US dollars; null: no stop."""
    study: str = how("default")
    """The purse that is counted: all runs of a study share one."""

    def unguarded(self, endpoint: Endpoint) -> str | None:
        """Why this budget cannot be kept with that endpoint, of whatever class, or None: without prices nothing can be counted."""
        if self.usd is None or not endpoint.may_cost:
            return None
        return (
            f"usd={self.usd:g} cannot be kept without prices; set usd_per_million_prompt and usd_per_million_completion of "
            f"{endpoint.model}, or free=true if {endpoint.address} costs nothing, or budget.usd=null"
        )


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(item) for name, item in value.items())
    return all(map(_is_json, value)) if isinstance(value, list | tuple) else value is None or isinstance(value, str | bool | int | float)
