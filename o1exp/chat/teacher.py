"""A model behind an OpenAI-compatible endpoint: what is asked of it, how it is reached, what it costs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from o1exp.flow import Above, AtLeast, Between, Settings, Work, how

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, kw_only=True)
class Teacher(Settings):
    """A chat model and its sampling.

    A subclass may start a server of its own in `serving`; fields that it adds count as part of what is asked, also in the request cache.
    """

    model: str
    temperature: Annotated[float, Between(0, 2)] = 1.0
    top_p: Annotated[float, Above(0), Between(0, 1)] = 1.0
    max_tokens: Annotated[int, AtLeast(1)] = 8192
    system: str = ""
    seed: int = 0
    """Every (messages, draw) gets a seed of its own derived from this one."""
    stop: tuple[str, ...] = ()
    """Strings that end an answer; most servers take up to four."""

    base_url: str = how("")
    """Empty: the server that the teacher starts itself, or OpenAI's."""
    api_key_env: str = how("OPENAI_API_KEY")
    """The environment variable that holds the key; the key itself is never stored."""
    concurrency: Annotated[int, AtLeast(1)] = how(16)
    requests_per_minute: Annotated[float, AtLeast(0)] = how(0.0)
    """0: no limit."""
    tokens_per_minute: Annotated[float, AtLeast(0)] = how(0.0)
    """Prompt plus completion; 0: no limit."""
    usd_per_million_prompt: Annotated[float, AtLeast(0)] = how(0.0)
    usd_per_million_completion: Annotated[float, AtLeast(0)] = how(0.0)
    timeout: Annotated[float, Above(0)] = how(600.0)
    """Seconds for one request."""
    retries: Annotated[int, AtLeast(0)] = how(6)
    token_limit: Literal["auto", "max_tokens", "max_completion_tokens"] = how("auto")
    """The request field that carries `max_tokens`. auto: OpenAI's newer name for api.openai.com, the older one elsewhere."""
    send_seed: bool = how(True)
    """False for endpoints that refuse a seed."""
    expected_prompt_tokens: Annotated[int, AtLeast(0)] = how(0)
    """For the plan; 0: guessed from the prompt."""
    expected_completion_tokens: Annotated[int, AtLeast(0)] = how(0)
    """For the plan; 0: max_tokens."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not self.model:
            yield "model", "is empty; name the model as its endpoint knows it, e.g. teacher.model=o1-mini"
        if self.base_url and urlsplit(self.base_url).scheme not in ("http", "https"):
            yield "base_url", f"{self.base_url!r} is no http(s) address; write it with its version, e.g. http://127.0.0.1:8000/v1"
        if urlsplit(self.base_url).username or urlsplit(self.base_url).password:
            yield "base_url", "contains a user name or password; put the key into the environment and name the variable in api_key_env"
        if not self.api_key_env.replace("_", "a").isalnum() or self.api_key_env.startswith("sk-"):
            yield "api_key_env", "is not the name of an environment variable (give the name, never the key itself)"

    @contextmanager
    def serving(self, work: Work) -> Iterator[str]:
        """The endpoint's base_url for as long as this is open."""
        yield self.base_url or OPENAI

    def obstacles(self) -> Iterator[str]:
        """What would stop this teacher from answering and can be seen before: an unset key."""
        if (self.base_url or OPENAI).startswith(OPENAI) and type(self) is Teacher and not os.environ.get(self.api_key_env):
            yield (
                f"the environment variable {self.api_key_env} is not set, {self.model} at {OPENAI} needs a key in it; "
                "to replay stored answers any value will do"
            )

    def own_settings(self) -> dict[str, Any]:
        """What a subclass adds to the question asked, for the request cache: {} for a plain teacher."""
        shared = {f.name for f in fields(Teacher)} | {"type"}
        added = {name: value for name, value in self.what().items() if name not in shared}
        return {"type": type(self).__name__, **added} if added else {}

    def usd(self, prompt_tokens: float, completion_tokens: float) -> float:
        """The price of that many tokens."""
        return (prompt_tokens * self.usd_per_million_prompt + completion_tokens * self.usd_per_million_completion) / 1e6

    @property
    def costs(self) -> bool:
        """Is a price configured?"""
        return self.usd_per_million_prompt > 0 or self.usd_per_million_completion > 0

    @property
    def likely_completion_tokens(self) -> int:
        return self.expected_completion_tokens or self.max_tokens


@dataclass(frozen=True, kw_only=True)
class Budget(Settings):
    """A hard stop on money: the spend of a study in one outputs folder never passes `usd` (None: no stop)."""

    usd: Annotated[float, AtLeast(0)] | None = how(None)
    study: str = how("default")

    def unguarded(self, teacher: Teacher) -> str | None:
        """Why this budget cannot be kept with that teacher, or None: a paid endpoint without prices cannot be counted."""
        remote = type(teacher) is Teacher and not is_loopback(teacher.base_url or OPENAI)
        if self.usd is None or teacher.costs or not remote:
            return None
        return (
            f"usd={self.usd:g} cannot be kept without prices; set teacher.usd_per_million_prompt and "
            f"teacher.usd_per_million_completion of {teacher.model}, or budget.usd=null"
        )


def is_loopback(url: str) -> bool:
    """Does the address stay on this machine?"""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
