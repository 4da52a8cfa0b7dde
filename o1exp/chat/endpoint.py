"""Where a model is served: its address, its limits, its prices. Whatever asks a model over HTTP is an endpoint and more."""

import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

from o1exp.chat.key import unfit_key
from o1exp.chat.replay import replaying
from o1exp.flow import Above, AtLeast, Between, Settings, Work, how
from o1exp.secrets import hide_variable, is_variable, refusal

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, kw_only=True)
class Endpoint(Settings):
    """A model behind an OpenAI-compatible server. How it is reached and what it costs is no part of a key; its name is."""

    model: str
    """The model's name as the endpoint knows it."""
    base_url: str = how("")
    """The server's address with its version, e.g. http://127.0.0.1:8000/v1. Empty: OpenAI's, or the server that is started for it."""
    api_key_env: str = how("OPENAI_API_KEY")
    """The environment variable that holds the key; the key itself is never stored."""
    others: tuple[str, ...] = how(())
    """Further addresses of the same model, at the same price, that share the requests: URL, key variable and weight (1) of each, e.g.
    "http://10.0.0.2:8000/v1 OTHER_KEY 2"."""
    concurrency: Annotated[int, AtLeast(1)] = how(16)
    """The most requests under way at the same time; fewer after the server said 429, and again more while it answers."""
    first_concurrency: Annotated[int, AtLeast(0)] = how(0)
    """Requests under way at the beginning; 0: `concurrency`."""
    requests_per_minute: Annotated[float, AtLeast(0)] = how(0.0)
    """Requests sent per minute; 0: no limit."""
    tokens_per_minute: Annotated[float, AtLeast(0)] = how(0.0)
    """Prompt plus completion tokens per minute; 0: no limit."""
    usd_per_million_prompt: Annotated[float, AtLeast(0)] = how(0.0)
    """Price of prompt tokens, US dollars per million."""
    usd_per_million_completion: Annotated[float, AtLeast(0)] = how(0.0)
    """Price of completion tokens, US dollars per million."""
    free: bool = how(False)
    """True: the address costs nothing although no prices are set, e.g. a server of your own; a budget needs that word or prices."""
    timeout: Annotated[float, Above(0)] = how(600.0)
    """Seconds that one request may take from its first byte to the last of its answer."""
    stream: bool = how(False)
    """Answers are read piece by piece; a server that does nothing else is read so in any case."""
    idle_timeout: Annotated[float, Above(0)] = how(120.0)
    """Seconds that may pass between two pieces of a streamed answer."""
    batch: bool = how(False)
    """Requests go through the batch API: many in a file, answered within a day, at `batch_price`."""
    batch_size: Annotated[int, AtLeast(1)] = how(1000)
    """The most requests of one batch; so many are under way at the same time at least."""
    batch_price: Annotated[float, Between(0, 1)] = how(0.5)
    """What a request costs in a batch, as a share of its price."""
    batch_poll: Annotated[float, Above(0)] = how(30.0)
    """Seconds between two looks at a batch."""
    n: Annotated[int, AtLeast(1)] = how(1)
    """Draws of one prompt that are asked in one request where they are wanted together; a server that does not know n gets one by one."""
    retries: Annotated[int, AtLeast(0)] = how(6)
    """Further attempts at a request that failed; then it is recorded with its reason and left out."""
    patience: Annotated[float, AtLeast(0)] = how(3600.0)
    """Seconds that a server is waited for which is too busy (429, 503) or away, before the run ends."""
    max_failed: Annotated[float, Between(0, 1)] = how(0.1)
    """The share of requests, from 0 to 1, that may fail for good; a run with more ends."""
    token_limit: Literal["auto", "max_tokens", "max_completion_tokens"] = how("auto")
    """The request field that carries `max_tokens`. auto: OpenAI's newer name for api.openai.com, the older one elsewhere."""
    send_seed: bool = how(True)
    """False for endpoints that refuse a seed."""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if not self.model:
            yield "model", "is empty; name the model as its endpoint knows it, e.g. o1-mini"
        if self.base_url and (why := _unfit(self.base_url)):
            yield "base_url", why
        for other in self.others:
            if why := self._unshared(other):
                yield "others", f"{why}; write URL, and if need be a key variable and a weight, e.g. 'http://10.0.0.2:8000/v1 OTHER_KEY 2'"
        if self.others and self.batch:
            yield "others", "are not used by the batch API, which asks one address; leave them out, or batch=false"
        if not is_variable(self.api_key_env):
            yield "api_key_env", "is no name of an environment variable, of capital letters, digits and _ (give the name, never the key)"
        else:
            hide_variable(self.api_key_env)

    def _unshared(self, other: str) -> str:
        try:
            url, variable, weight = shared(other, self.api_key_env)
        except ValueError as wrong:
            return str(wrong)
        if why := _unfit(url):
            return f"{url} {why}"
        return "" if is_variable(variable) and weight > 0 else "has a key variable or a weight that is none"

    @property
    def address(self) -> str:
        """Where requests go, as far as that is known before the run; "" for a server on this machine that is not started yet."""
        return self.base_url or OPENAI

    @contextmanager
    def serving(self, work: Work) -> Iterator[str]:
        """The endpoint's base_url for as long as this is open. One that starts a server derives from LocalServer."""
        yield self.address

    def obstacles(self) -> Iterator[str]:
        """What would stop this endpoint from answering and can be seen before: a key that is not set, or none that can be sent."""
        if replaying():
            return
        if self.address and (why := unfit_key(self.api_key_env)):
            yield why
        for other in self.others:
            if why := unfit_key(shared(other, self.api_key_env)[1]):
                yield why
        if self.address.startswith(OPENAI) and not os.environ.get(self.api_key_env):
            yield (
                f"the environment variable {self.api_key_env} is not set, {self.model} at {OPENAI} needs a key in it; "
                "to replay stored answers any value will do"
            )

    def usd(self, prompt_tokens: float, completion_tokens: float) -> float:
        """The price of that many tokens in US dollars."""
        whole = (prompt_tokens * self.usd_per_million_prompt + completion_tokens * self.usd_per_million_completion) / 1e6
        return whole * (self.batch_price if self.batch else 1.0)

    @property
    def at_once(self) -> int:
        """The most requests under way."""
        return max(self.concurrency, self.batch_size) if self.batch else self.concurrency

    @property
    def costs(self) -> bool:
        """Is a price configured?"""
        return self.usd_per_million_prompt > 0 or self.usd_per_million_completion > 0

    @property
    def may_cost(self) -> bool:
        """May requests cost money that nobody can count? A server on loopback may pass them on to one that is paid."""
        return bool(self.address) and not self.costs and not self.free


@dataclass(frozen=True, kw_only=True)
class LocalServer(Endpoint):
    """An endpoint that is started on this machine when something has to be sent; with `base_url` set, that server instead."""

    @property
    def address(self) -> str:
        return self.base_url

    @contextmanager
    def serving(self, work: Work) -> Iterator[str]:
        if self.base_url:
            yield self.base_url
            return
        with self.started(work) as base_url:
            yield base_url

    @abstractmethod
    def started(self, work: Work) -> AbstractContextManager[str]:
        """A server on loopback for as long as this is open; gives its base_url."""


def shared(other: str, variable: str) -> tuple[str, str, float]:
    """Address, key variable and weight of a further address. Errors: ValueError where it says anything else."""
    url, *rest = other.split() or [""]
    weight = float(rest.pop()) if rest and rest[-1].replace(".", "", 1).isdigit() else 1.0
    if len(rest) > 1:
        raise ValueError(f"{other!r} says more than an address, a variable and a weight")
    return url, rest[0] if rest else variable, weight


def _unfit(url: str) -> str | None:
    """Why nothing can be sent to this address, or None."""
    if why := refusal(url):
        return f"{why}; put the key into the environment and name the variable in api_key_env"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # brackets that are not closed, or a port that is none
        return "has a wrong host or port; a port is 1 to 65535, e.g. http://127.0.0.1:8000/v1"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "is no http(s) address; write it with its version, e.g. http://127.0.0.1:8000/v1"
    if port == 0:
        return "has port 0; a port is 1 to 65535, e.g. http://127.0.0.1:8000/v1"
    if parts.path.rstrip("/").endswith("/chat/completions"):
        return "ends with /chat/completions, which is added to it; the address ends with its version, e.g. http://127.0.0.1:8000/v1"
    if parts.query or parts.fragment:
        return "has a query, which is not sent; the address ends with its version, e.g. http://127.0.0.1:8000/v1"
    return None


def is_loopback(url: str) -> bool:
    """Does the address stay on this machine?"""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
