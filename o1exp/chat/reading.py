"""From the reply of a server to the answer that is kept: text, thought, ending, tokens and price."""

from typing import Any

from o1exp.chat.cache import Kept
from o1exp.chat.failure import Again
from o1exp.chat.pieces import first
from o1exp.chat.refused import blocked, filtered
from o1exp.chat.reply import Said, mended, reason, said
from o1exp.chat.request import Came, Request, likely_prompt_tokens, likely_tokens
from o1exp.chat.teacher import Teacher
from o1exp.chat.usage import counted
from o1exp.records import Completion, Usage
from o1exp.records.finish import ending, is_cut

REFUSED = "refused"


def kept_of(teacher: Teacher, request: Request, reply: dict[str, Any], address: str) -> Kept:
    """The answer in a chat.completion, priced. Errors: Again for whatever is none, although the status was 200."""
    choice = _choice(reply)
    if choice is None:
        if not (words := blocked(reply)):
            raise Again("the reply has no choices", lost=True)
        return refused(teacher, words, address)
    try:
        found = said(choice.get("message") or ({} if reason(choice) else None))
    except ValueError as wrong:
        raise Again(str(wrong), lost=True) from None
    (text, broken), (thought, more) = mended(found.text), mended(found.thought)
    usage, estimated = _usage(teacher, request, reply.get("usage"), text + thought)
    finish, words = _finish(found, choice, None if estimated else usage.completion_tokens, teacher.max_tokens)
    done = Completion(text=text, finish_reason=mended(finish)[0], usage=usage, model=mended(str(reply.get("model") or teacher.model))[0])
    return Kept(done, thought, estimated, Came(address, found.field, mended(words)[0], broken + more))


def refused(teacher: Teacher, words: str, address: str) -> Kept:
    """What is kept of a prompt that the provider will not answer: an answer, for it must not be asked again."""
    usage = Usage(prompt_tokens=0, completion_tokens=0, usd=0.0)
    done = Completion(text="", finish_reason=REFUSED, usage=usage, model=teacher.model)
    return Kept(done, "", False, Came(address, refusal=mended(words)[0]))


def _choice(reply: dict[str, Any]) -> dict[str, Any] | None:
    choice = first(reply.get("choices"))
    if choice is None:
        return None
    if isinstance(choice.get("error"), dict):  # a provider behind a router that broke off
        raise Again(f"an error within the answer: {mended(str(choice['error'].get('message')))[0]}", lost=True)
    return choice


def _finish(found: Said, choice: dict[str, Any], tokens: int | None, limit: int) -> tuple[str, str]:
    """Why the answer ended, and the words of a refusal.

    One that names no reason was cut off if its tokens reach the limit, and is whole if they do not; where nobody counted them, nobody
    knows.
    """
    finish = reason(choice)
    if found.refusal:
        return REFUSED, found.refusal
    if ending(finish) == "refused":
        return finish, filtered(choice)
    if not finish and tokens is not None:
        return "length" if is_cut(None, tokens, limit) else "stop", ""
    return finish, ""


def _usage(teacher: Teacher, request: Request, said: Any, written: str) -> tuple[Usage, bool]:
    """Tokens as the server counted them; a guess (True) where it did not, or none for a text that is there."""
    prompt, completion = counted(said)
    estimated = not isinstance(said, dict) or (bool(written) and not completion)
    if estimated:
        prompt, completion = prompt or likely_prompt_tokens(teacher, request), completion or likely_tokens(written)
    return Usage(prompt_tokens=prompt, completion_tokens=completion, usd=teacher.usd(prompt, completion)), estimated
