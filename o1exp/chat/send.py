"""One request over the wire by the official openai client, and what each kind of failure means for the run."""

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from o1exp.chat.cache import Kept
from o1exp.chat.endpoint import OPENAI, is_loopback
from o1exp.chat.request import Request, likely_prompt_tokens, likely_tokens, messages_sent, seed_sent
from o1exp.chat.teacher import Teacher
from o1exp.flow import StageFailed
from o1exp.records import Completion, Usage
from o1exp.records.finish import is_cut
from o1exp.secrets import MASK, SHORTEST, masked

if TYPE_CHECKING:
    import openai

OUT_OF_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
REFUSED = ("content_filter", "content_policy_violation", "invalid_prompt")


@dataclass(eq=False)
class Again(Exception):
    """The request may be sent once more, after `after` seconds if the server said so.

    `lost`: the server may have worked, and charged, for it. `crowded`: everybody should slow down.
    """

    reason: str
    after: float | None = None
    lost: bool = False
    crowded: bool = False


class Sender:
    """The endpoint of one teacher; use as an async context manager."""

    def __init__(self, teacher: Teacher, base_url: str) -> None:
        import openai

        self._teacher = teacher
        self.base_url = base_url
        self._key = self._find_key()
        # A proxy from the environment must not see what stays on this machine.
        wire = openai.DefaultAsyncHttpxClient(trust_env=False) if is_loopback(base_url) else None
        self._client = openai.AsyncOpenAI(
            api_key=self._key or "none", base_url=base_url, max_retries=0, timeout=teacher.timeout, http_client=wire
        )  # fmt: skip

    async def close(self) -> None:
        await self._client.close()

    async def send(self, request: Request) -> Kept:
        """The answer, priced. Errors: Again; StageFailed where sending anything more is of no use."""
        import openai

        try:
            raw = await self._client.chat.completions.with_raw_response.create(**self._body(request))
            text = self._without_key(raw.text)
        except openai.APITimeoutError:
            raise Again(f"no answer within {self._teacher.timeout:g} s", lost=True) from None
        except openai.APIConnectionError as problem:
            root = _root(problem)
            unsent = type(root).__name__.startswith("Connect")
            raise Again(
                f"no connection ({root or type(root).__name__})" if unsent else f"connection lost ({root})", lost=not unsent
            ) from None
        except openai.APIStatusError as refused:
            return self._refusal(request, refused)
        return self._read(request, text)

    def _body(self, request: Request) -> dict[str, Any]:
        teacher = self._teacher
        limit = teacher.token_limit
        if limit == "auto":
            limit = "max_completion_tokens" if urlsplit(self.base_url).hostname == urlsplit(OPENAI).hostname else "max_tokens"
        seed = {"seed": seed_sent(teacher, request)} if teacher.send_seed else {}
        return {
            "model": teacher.model, "messages": messages_sent(teacher, request), "temperature": teacher.temperature, "top_p": teacher.top_p,
            limit: teacher.max_tokens, **seed, **({"stop": list(teacher.stop)} if teacher.stop else {}),
        }  # fmt: skip

    def _find_key(self) -> str:
        teacher = self._teacher
        if not teacher.base_url and is_loopback(self.base_url):
            return ""  # a server that the teacher started itself asks for none
        key = os.environ.get(teacher.api_key_env, "")
        if not key and urlsplit(self.base_url).hostname == urlsplit(OPENAI).hostname:
            raise StageFailed(
                f"{self._who()} needs a key: set the environment variable {teacher.api_key_env}, or teacher.base_url to another endpoint"
            )
        return key

    def _who(self) -> str:
        return f"{self._teacher.model} at {self.base_url}"

    def _clean(self, text: str) -> str:
        """Some servers repeat the key in their messages."""
        return masked(text.replace(self._key, MASK) if self._key else text)[:500]

    def _without_key(self, text: str) -> str:
        """What a server writes is kept as it is, but not the key, should it repeat that."""
        return text.replace(self._key, MASK) if len(self._key) >= SHORTEST else text

    def _refusal(self, request: Request, refused: "openai.APIStatusError") -> Kept:
        """Errors: Again or StageFailed. A prompt that the provider will not answer is an answer: it must not be asked again."""
        status, code, message = refused.status_code, str(refused.code or ""), self._clean(refused.message)
        if code in OUT_OF_MONEY or status == 402:
            raise self._out_of_money(code or "402")
        if status in (401, 403):
            env = self._teacher.api_key_env
            state = "holds a key that was not accepted" if self._key else "is not set"
            why = "" if status == 401 else f": {message}"
            raise StageFailed(f"{self._who()} refused access ({status}){why}; the environment variable {env} {state}")
        if status == 400 and code in REFUSED:
            usage = Usage(prompt_tokens=0, completion_tokens=0, usd=0.0)
            return Kept(Completion(text="", finish_reason="refused", usage=usage, model=self._teacher.model), "", False)
        if status in (408, 409, 425, 429) or status >= 500:
            crowded = status in (429, 503)
            raise Again(f"{status} {message}", after=_retry_after(refused.response.headers), crowded=crowded)
        raise StageFailed(f"{self._who()} refused the request ({status}): {message}")

    def _out_of_money(self, code: str) -> StageFailed:
        return StageFailed(
            f"{self._who()} says {code}: the account behind the environment variable {self._teacher.api_key_env} has no money left. "
            "What was paid for is kept; top it up and run the same command again"
        )

    def _read(self, request: Request, text: str) -> Kept:
        """The reply's content. Errors: Again for whatever is no completion, although the status was 200."""
        try:
            reply = json.loads(text)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise Again(f"the reply is no JSON object but {self._clean(text)[:80]!r}", lost=True)
        if reply.get("error"):
            error = reply["error"] if isinstance(reply["error"], dict) else {"message": reply["error"]}
            if error.get("code") in OUT_OF_MONEY:
                raise self._out_of_money(error["code"])
            raise Again(f"an error under status 200: {self._clean(str(error.get('message')))}")
        try:
            choice = reply["choices"][0]
            message = choice["message"]
            content, finish = message.get("content") or "", choice.get("finish_reason")
            reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
        except (KeyError, IndexError, TypeError, AttributeError):
            raise Again("the reply has no choices", lost=True) from None
        if not (isinstance(content, str) and isinstance(reasoning, str)):
            raise Again("the reply's content is no text", lost=True)
        usage, estimated = self._usage(request, reply, content + reasoning)
        model = str(reply.get("model") or self._teacher.model)
        cut = not estimated and is_cut(finish, usage.completion_tokens, self._teacher.max_tokens)
        finish = finish or ("length" if cut else "stop")
        return Kept(Completion(text=_valid(content), finish_reason=str(finish), usage=usage, model=model), _valid(reasoning), estimated)

    def _usage(self, request: Request, reply: dict[str, Any], written: str) -> tuple[Usage, bool]:
        """Tokens as the server counted them, else (True) a guess."""
        said = reply.get("usage")
        try:
            prompt, completion, estimated = int(said["prompt_tokens"]), int(said["completion_tokens"]), False  # type: ignore[index]
        except (TypeError, KeyError, ValueError):
            prompt, completion, estimated = likely_prompt_tokens(self._teacher, request), likely_tokens(written), True
        return Usage(prompt_tokens=prompt, completion_tokens=completion, usd=self._teacher.usd(prompt, completion)), estimated


def _retry_after(headers: Any) -> float | None:
    """Seconds that the server asked for; a date instead of seconds is left to the usual backoff."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    return None


def _root(problem: BaseException) -> BaseException:
    """What the HTTP library said, below openai's wrapping."""
    return problem.__cause__ or problem


def _valid(text: str) -> str:
    """Half a surrogate pair cannot be stored as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")
