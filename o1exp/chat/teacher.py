"""A model that is asked for text: an endpoint, its sampling, and what the plan expects of it. And the budget that limits it."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

from o1exp.chat.endpoint import Endpoint
from o1exp.flow import Above, AtLeast, Between, Expect, Settings, how


@dataclass(frozen=True, kw_only=True)
class ChatSampling(Settings):
    """How an answer is drawn."""

    temperature: Annotated[float, Between(0, 2)] = 1.0
    """0: the likeliest token each time."""
    top_p: Annotated[float, Above(0), Between(0, 1)] = 1.0
    """Tokens are drawn from the likeliest ones that together reach this chance."""
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


@dataclass(frozen=True, kw_only=True)
class Teacher(PlanHints, ChatSampling, Endpoint):
    """A chat model and its sampling.

    Fields that a subclass adds count as part of what is asked, also in the request cache. One that starts a server of its own derives
    from LocalServer too.
    """

    def unable(self, text: str) -> str:
        """Why this teacher could never answer such a text; "" for one that may try, as every model may."""
        return ""

    def own_settings(self) -> dict[str, Any]:
        """What a subclass adds to the question asked, for the request cache: {} for a plain teacher."""
        shared = {f.name for f in fields(Teacher)} | {"type"}
        added = {name: value for name, value in self.what().items() if name not in shared}
        return {"type": type(self).__name__, **added} if added else {}

    @property
    def likely_completion_tokens(self) -> int:
        return self.expected_completion_tokens or self.max_tokens

    def expect(self, requests: float, prompt_tokens: float) -> Expect:
        """What so many requests make and cost; `prompt_tokens` of each, where no setting says it."""
        prompt, completion = self.expected_prompt_tokens or prompt_tokens, self.likely_completion_tokens
        return Expect(
            rows=requests, tokens_per_row=completion, requests=requests, tokens=requests * (prompt + completion),
            usd=self.usd(requests * prompt, requests * completion), hours=requests / (self.requests_per_minute * 60 or float("inf")),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Budget(Settings):
    """A hard stop on money: the spend of a study in one outputs folder never passes `usd`."""

    usd: Annotated[float, AtLeast(0)] | None = how(None)
    """US dollars; null: no stop."""
    study: str = how("default")
    """The purse that is counted: all runs of a study share one."""

    def unguarded(self, endpoint: Endpoint) -> str | None:
        """Why this budget cannot be kept with that endpoint, of whatever class, or None: without prices nothing can be counted."""
        if self.usd is None or endpoint.costs or not endpoint.leaves_machine:
            return None
        return (
            f"usd={self.usd:g} cannot be kept without prices; set usd_per_million_prompt and usd_per_million_completion of "
            f"{endpoint.model}, or budget.usd=null"
        )
