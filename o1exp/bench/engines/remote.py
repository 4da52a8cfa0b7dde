"""Sampling through an OpenAI-compatible endpoint: cached, paced and counted by `chat`, one request for each draw."""

from collections.abc import Callable, Sequence
from typing import Any

from o1exp.bench.engines.count import positions
from o1exp.bench.engines.engine import Endpoint
from o1exp.bench.sample import QUESTION, Sampling
from o1exp.chat.client import Calls, Client
from o1exp.chat.request import Answer, Request
from o1exp.flow import Work
from o1exp.flow.library import transformers
from o1exp.records import Attempt, Problem


def answers(engine: Endpoint, sampling: Sampling, problems: Sequence[Problem], work: Work) -> list[Attempt]:
    """All attempts, problem by problem and draw by draw; what was asked before is read from the request cache.

    Errors: BudgetSpent, StageFailed, Stopped; answers that came are kept in every case.
    """
    prompts = [sampling.prompt.replace(QUESTION, problem.question) for problem in problems]
    requests = [Request.user(prompt, draw) for prompt in prompts for draw in range(sampling.samples)]
    owners = [(problem.id, draw) for problem in problems for draw in range(sampling.samples)]
    tokenizer, calls, attempts = _tokenizer(engine.tokenizer), Calls(), []
    with Client(engine.teacher(sampling), engine.budget, work) as client:
        for (problem, draw), answer in zip(owners, client.ask(requests), strict=True):
            calls.add(answer)
            attempts.append(attempt(problem, draw, answer, tokenizer, sampling.think_end))
    facts = calls.facts()
    work.note(**{name: facts[name] for name in ("requests", "cached", "prompt_tokens", "usd", "refused", "estimated_usage")})
    work.note(counted_by=engine.tokenizer or "the server")
    return attempts


def attempt(problem: str, draw: int, answer: Answer, tokenizer: Any, think_end: str) -> Attempt:
    """The answer as an attempt: the thought that the server gave apart stands before it in think marks.

    Tokens are those of this text, one more for an end by itself, or without a tokenizer the server's; the server's count is of no use for
    marks and thoughts.
    """
    text, finish = answer.thinking, answer.completion.finish_reason
    if tokenizer is None:
        return Attempt(problem=problem, draw=draw, text=text, tokens=answer.completion.usage.completion_tokens, finish_reason=finish)
    prefix, count = counted(tokenizer, text)
    tokens = count + (finish == "stop")
    marks, thinking = positions(prefix, text, tokens, think_end)
    return Attempt(problem=problem, draw=draw, text=text, tokens=tokens, finish_reason=finish, thinking=thinking, marks=marks)


def counted(tokenizer: Any, text: str) -> tuple[Callable[[int], str], int]:
    """The text of the first n tokens as a function of n, and how many there are."""
    ends = [end for _, end in tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]]
    return (lambda n: text[: ends[min(n, len(ends)) - 1]] if n and ends else ""), len(ends)


def _tokenizer(name: str) -> Any:
    """A fast tokenizer, whose tokens know their place in the text; None for "". Errors: ValueError where there is none."""
    if not name:
        return None
    try:
        tokenizer = transformers("AutoTokenizer").from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as wrong:
        reason = str(wrong).strip().splitlines()[0]
        raise ValueError(
            f'engine.tokenizer={name} cannot be loaded ({reason}); give a folder or hub id, or "" for the server\'s count'
        ) from None
    if not tokenizer.is_fast:
        raise ValueError(f"engine.tokenizer={name} is no fast tokenizer, so token budgets cannot be found in its texts; use another one")
    return tokenizer
