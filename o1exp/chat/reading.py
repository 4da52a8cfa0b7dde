"""From the reply of a server to the answer that is kept: text, thought, ending, tokens and price."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from o1exp.chat.cache import Kept
from o1exp.chat.failure import Again
from o1exp.chat.pieces import numbered
from o1exp.chat.refused import blocked, filtered
from o1exp.chat.reply import Said, mended, reason, said
from o1exp.chat.request import Came, Request, likely_prompt_tokens, likely_tokens
from o1exp.chat.teacher import Teacher
from o1exp.chat.usage import counted
from o1exp.records import Completion, Usage
from o1exp.records.finish import AT_LIMIT, ending, is_cut

REFUSED = "refused"


def kept_of(teacher: Teacher, requests: Sequence[Request], reply: dict[str, Any], address: str) -> list[Kept]:
    """The answers in a chat.completion, priced: one for each request, or for the first ones where it has fewer choices.

    Errors: Again for whatever is none, although the status was 200.
    """
    choices = _choices(reply, len(requests))
    if not choices:
        if not (words := blocked(reply)):
            raise Again("the reply has no choices", lost=True)
        return [refused(teacher, words, address) for _ in requests]
    try:
        found = [said(choice.get("message") or ({} if reason(choice) else None)) for choice in choices]
    except ValueError as wrong:
        raise Again(str(wrong), lost=True) from None
    written = [mended(one.text)[0] + mended(one.thought)[0] for one in found]
    usages, estimated = _usages(teacher, requests[0], reply.get("usage"), written)
    model = mended(str(reply.get("model") or teacher.model))[0]
    kept = []
    for one, choice, usage in zip(found, choices, usages, strict=True):
        (text, broken), (thought, more) = mended(one.text), mended(one.thought)
        finish, words = _finish(one, choice, None if estimated else usage.completion_tokens, teacher.max_tokens)
        done = Completion(text=text, finish_reason=mended(finish)[0], usage=usage, model=model)
        kept.append(Kept(done, thought, estimated, Came(address, one.field, mended(words)[0], broken + more)))
    return kept


def refused(teacher: Teacher, words: str, address: str) -> Kept:
    """What is kept of a prompt that the provider will not answer: an answer, for it must not be asked again."""
    usage = Usage(prompt_tokens=0, completion_tokens=0, usd=0.0)
    done = Completion(text="", finish_reason=REFUSED, usage=usage, model=teacher.model)
    return Kept(done, "", False, Came(address, refusal=mended(words)[0]))


def _choices(reply: dict[str, Any], most: int) -> list[dict[str, Any]]:
    """The first choices by their numbers, without those in which an error stands; others stand beside them, in any order."""
    found = dict[int, dict[str, Any]]()
    for number, choice in numbered(reply.get("choices")):
        found.setdefault(number, choice)
    choices = [found[number] for number in sorted(found) if number < most]
    whole = [choice for choice in choices if not isinstance(choice.get("error"), dict)]
    if choices and not whole:  # a provider behind a router that broke off
        raise Again(f"an error within the answer: {mended(str(choices[0]['error'].get('message')))[0]}", lost=True)
    return whole


def _finish(found: Said, choice: dict[str, Any], tokens: int | None, limit: int) -> tuple[str, str]:
    """Why the answer ended, and the words of a refusal.

    One that names no reason was cut off if its tokens reach the limit, and is whole if they do not; where nobody counted them, nobody
    knows. Some servers say "stop" of all: one with exactly as many tokens as it might have is taken for cut off.
    """
    finish = reason(choice)
    if found.refusal:
        return REFUSED, found.refusal
    if ending(finish) == "refused":
        return finish, filtered(choice)
    if not finish and tokens is not None:
        return "length" if is_cut(None, tokens, limit) else "stop", ""
    return (AT_LIMIT if finish == "stop" and tokens == limit else finish), ""


def _usages(teacher: Teacher, request: Request, said: Any, written: Sequence[str]) -> tuple[list[Usage], bool]:
    """Tokens of each choice as the server counted them; a guess (True) where it did not, or none for a prompt or text that is there.

    Of several choices a server tells the sum alone: their shares by length are a guess too, and add up to what it told.
    """
    prompt, completion = counted(said)
    if not isinstance(said, dict) or not prompt or (any(written) and not completion):
        prompt, completion = prompt or likely_prompt_tokens(teacher, request), completion or sum(map(likely_tokens, written))
    elif len(written) == 1:
        return [Usage(prompt_tokens=prompt, completion_tokens=completion, usd=teacher.usd(prompt, completion))], False
    prompts = shares(prompt, [1] * len(written))
    completions = shares(completion, [likely_tokens(text) + 1 for text in written])
    return [Usage(prompt_tokens=p, completion_tokens=c, usd=teacher.usd(p, c)) for p, c in zip(prompts, completions, strict=True)], True


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """A number in whole parts by their weights; the parts add up to it."""
    upto = [total * sum(weights[: place + 1]) // sum(weights) for place in range(len(weights))]
    return [after - before for before, after in pairwise([0, *upto])]
